//! Text with expressions in braces: `brokerRole is {request.body.brokerRole}`.

use crate::rules::lang::compile::compile;
use crate::rules::lang::context::RuleContext;
use crate::rules::lang::eval::evaluate;
use crate::rules::lang::named_expressions::NamedExpressions;
use crate::rules::lang::node::ValueId;
use crate::rules::lang::parser::SyntaxError;
use crate::rules::lang::program::Program;

/// A compiled template.
#[derive(Debug, Clone, Default)]
pub(crate) struct Template(Vec<TemplatePart>);

#[derive(Debug, Clone)]
enum TemplatePart {
    Text(String),
    Value(ValueId),
}

impl Template {
    /// True if it gives no text at all.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.iter().all(|part| matches!(part, TemplatePart::Text(text) if text.is_empty()))
    }

    /// Compiles a template. `{{` and `}}` stand for single braces. `origin` is the byte of the file at which it begins.
    pub(crate) fn parse(
        text: &str,
        origin: usize,
        names: &NamedExpressions<'_>,
        program: &mut Program,
    ) -> Result<Self, SyntaxError> {
        let mut parts = Vec::new();
        let mut plain = String::new();
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            plain.push_str(&rest[..at]);
            let (brace, place) = (&rest[at..=at], origin + text.len() - rest.len() + at);
            rest = &rest[at + 1..];
            if let Some(behind) = rest.strip_prefix(brace) {
                plain.push_str(brace);
                rest = behind;
            } else if brace == "{" {
                let end = rest.find('}').ok_or_else(|| SyntaxError::new(place, "the brace is not closed"))?;
                parts.push(TemplatePart::Text(std::mem::take(&mut plain)));
                parts.push(TemplatePart::Value(compile(&rest[..end], place + 1, names, program)?));
                rest = &rest[end + 1..];
            } else {
                let what = "a closing brace without an opening one; write }} for the brace itself";
                return Err(SyntaxError::new(place, what));
            }
        }
        plain.push_str(rest);
        parts.push(TemplatePart::Text(plain));
        Ok(Self(parts))
    }

    /// The text for one exchange. An expression that has no value is shown as `?`.
    pub(crate) fn fill(&self, context: &RuleContext<'_>) -> String {
        let mut text = String::new();
        for part in &self.0 {
            match part {
                TemplatePart::Text(plain) => text.push_str(plain),
                TemplatePart::Value(node) => match evaluate(*node, context) {
                    Ok(value) => text.push_str(&value.show()),
                    Err(_) => text.push('?'),
                },
            }
        }
        text
    }
}
