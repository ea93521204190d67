//! Paths with wildcards for `each`: `/request/body/orderedItem/*`, `/response/body/**/image`.

use crate::json::{Value, unescape};
use crate::openbooking::ParsedExchange;

use crate::rules::lang::messages::body_of;
use crate::rules::lang::node::MessageSide;
use crate::rules::lang::value::EvalError;

/// A compiled path.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Path {
    message: MessageSide,
    steps: Vec<PathStep>,
}

#[derive(Debug, Clone, PartialEq)]
enum PathStep {
    Member(String),
    Any,
    Deep,
}

impl Path {
    /// Reads `/request/body/…` or `/response/body/…`.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let (message, rest) = if let Some(rest) = text.strip_prefix("/request/body") {
            (MessageSide::Request, rest)
        } else if let Some(rest) = text.strip_prefix("/response/body") {
            (MessageSide::Response, rest)
        } else {
            return Err(format!("{text:?} must start with /request/body or /response/body"));
        };
        if !rest.is_empty() && !rest.starts_with('/') {
            return Err(format!("{text:?} must go on with a slash behind body"));
        }
        let steps = rest
            .split('/')
            .skip(1)
            .map(|step| match step {
                "*" => PathStep::Any,
                "**" => PathStep::Deep,
                member => PathStep::Member(unescape(member).into_owned()),
            })
            .collect();
        Ok(Self { message, steps })
    }

    /// Visits every node that matches, in document order.
    pub(crate) fn matches<'a>(
        &self,
        parsed: &'a ParsedExchange,
        visit: &mut impl FnMut(Value<'a>),
    ) -> Result<(), EvalError> {
        if let Some(root) = body_of(parsed, self.message)? {
            collect(root, &self.steps, visit);
        }
        Ok(())
    }
}

fn collect<'a>(value: Value<'a>, steps: &[PathStep], visit: &mut impl FnMut(Value<'a>)) {
    match steps.split_first() {
        None => visit(value),
        Some((PathStep::Member(name), rest)) => {
            let child =
                if value.is_array() { name.parse().ok().and_then(|index| value.at(index)) } else { value.get(name) };
            if let Some(child) = child {
                collect(child, rest, visit);
            }
        }
        // One object in place of a list is a list of one, as in JSON-LD.
        Some((PathStep::Any, rest)) if value.is_object() => collect(value, rest, visit),
        Some((PathStep::Any, rest)) => children(value, |child| collect(child, rest, visit)),
        // `**/name`, the common use: the document knows where its names stand.
        Some((PathStep::Deep, [PathStep::Member(name), rest @ ..])) => {
            for child in value.named_below(name) {
                collect(child, rest, visit);
            }
        }
        Some((PathStep::Deep, rest)) => {
            collect(value, rest, visit);
            children(value, |child| collect(child, steps, visit));
        }
    }
}

/// The elements of an array, or the values of an object's members.
fn children<'a>(value: Value<'a>, visit: impl FnMut(Value<'a>)) {
    if value.is_array() {
        value.items().for_each(visit);
    } else {
        value.entries().map(|(_, child)| child).for_each(visit);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::Document;

    fn found(path: &str, text: &str) -> Vec<String> {
        let document = Document::parse_str(text).unwrap();
        let mut nodes = Vec::new();
        collect(document.root(), &Path::parse(path).unwrap().steps, &mut |node| nodes.push(node.pointer()));
        nodes
    }

    #[test]
    fn wildcards() {
        let text = r#"{"items":[{"x":1,"sub":{"x":2}},{"y":3}]}"#;
        assert_eq!(found("/request/body/items/*", text), ["/items/0", "/items/1"]);
        assert_eq!(found("/request/body/items/*/x", text), ["/items/0/x"]);
        assert_eq!(found("/request/body/**/x", text), ["/items/0/x", "/items/0/sub/x"]);
        assert_eq!(found("/response/body", text), [""]);
        assert_eq!(found("/response/body/items/*", r#"{"items":{"x":1,"y":2}}"#), ["/items"]);
        assert_eq!(found("/request/body/items/1/y", text), ["/items/1/y"]);
        assert!(Path::parse("/body/x").is_err());
    }
}
