//! Syntax tree of an expression → nodes of the program, with names resolved and patterns compiled.

use regex::Regex;

use super::code::{Code, Node, NodeId, Number, Root, Span};
use super::functions::Function;
use super::parser::{Expr, Kind, Macro, Operator, SyntaxError, parse};
use super::path::Message;
use super::suggest::nearest;

/// Most nodes of one expression.
const MAX_NODES: usize = 2_000;

/// Compiles an expression. `origin` is the byte of the file at which its text begins; errors name their place in the file.
pub fn compile(text: &str, origin: usize, code: &mut Code) -> Result<NodeId, SyntaxError> {
    let in_file = |error: SyntaxError| SyntaxError { at: origin + error.at, ..error };
    let expr = parse(text).map_err(in_file)?;
    Compiler { code, variables: Vec::new(), nodes: 0 }.node(&expr).map_err(in_file)
}

struct Compiler<'c, 't> {
    code: &'c mut Code,
    /// Of the macros around, the innermost one last.
    variables: Vec<&'t str>,
    nodes: usize,
}

impl<'t> Compiler<'_, 't> {
    fn node(&mut self, expr: &Expr<'t>) -> Result<NodeId, SyntaxError> {
        self.nodes += 1;
        if self.nodes > MAX_NODES {
            let what = format!("the expression has more than {MAX_NODES} parts: split the rule");
            return Err(SyntaxError::new(expr.at, what));
        }
        let node = match &expr.kind {
            Kind::Null => Node::Null,
            Kind::Bool(value) => Node::Bool(*value),
            Kind::Number(literal) => Node::Number(self.code.push_number(number(literal, expr.at)?)),
            Kind::Text(text) => Node::Text(self.code.push_text(text)),
            Kind::Name(name) => self.name(name, expr.at)?,
            Kind::Member(operand, name) => {
                let operand = self.node(operand)?;
                self.member(operand, name)
            }
            Kind::Has(operand, name) => Node::Has(self.node(operand)?, self.code.push_text(name)),
            Kind::Index(operand, index) => {
                let operand = self.node(operand)?;
                match &index.kind {
                    // `x["@type"]` is the common way to a key that is no identifier.
                    Kind::Text(key) => self.member(operand, key),
                    _ => Node::Index(operand, self.node(index)?),
                }
            }
            Kind::Call(name, arguments) => self.call(name, arguments, expr.at)?,
            Kind::Macro(folded) => return self.folded(folded),
            Kind::Not(operand) => Node::Not(self.node(operand)?),
            Kind::Negate(operand) => Node::Negate(self.node(operand)?),
            Kind::All(parts) => self.chain(parts, Node::All)?,
            Kind::Any(parts) => self.chain(parts, Node::Any)?,
            Kind::Conditional(parts) => Node::Conditional(self.list(&parts[..])?),
            Kind::Binary(operator, sides) => {
                let [left, right] = &**sides;
                let (left, right) = (self.node(left)?, self.node(right)?);
                match operator {
                    Operator::Equal => Node::Equal(left, right),
                    Operator::Unequal => Node::Unequal(left, right),
                    Operator::Compare(comparison) => Node::Compare(*comparison, left, right),
                    Operator::Arithmetic(operator) => Node::Arithmetic(*operator, left, right),
                    Operator::In => Node::In(left, right),
                }
            }
            Kind::List(elements) => Node::List(self.list(elements)?),
        };
        Ok(self.code.push(node))
    }

    fn list(&mut self, parts: &[Expr<'t>]) -> Result<Span, SyntaxError> {
        let nodes = parts.iter().map(|part| self.node(part)).collect::<Result<Vec<_>, _>>()?;
        Ok(self.code.push_list(&nodes))
    }

    fn name(&mut self, name: &str, at: usize) -> Result<Node, SyntaxError> {
        if let Some(steps) = self.variables.iter().rev().position(|variable| *variable == name) {
            return Ok(Node::Local(u32::try_from(steps).unwrap_or(u32::MAX)));
        }
        if name == "strict" {
            return Ok(Node::Strict);
        }
        match Root::from_name(name) {
            Some(root) => Ok(Node::Root(root)),
            None => {
                let known = Root::NAMES.into_iter().chain(["strict"]).chain(self.variables.iter().copied());
                Err(SyntaxError::new(at, format!("unknown name {name:?}{}", nearest(name, known))))
            }
        }
    }

    fn member(&mut self, operand: NodeId, name: &str) -> Node {
        match (self.code.node(operand), name) {
            (Node::Root(Root::Request), "body") => Node::Body(Message::Request),
            (Node::Root(Root::Response), "body") => Node::Body(Message::Response),
            _ => Node::Member(operand, self.code.push_text(name)),
        }
    }

    fn call(&mut self, name: &str, arguments: &[Expr<'t>], at: usize) -> Result<Node, SyntaxError> {
        if name == "matches" {
            return self.matches(arguments, at);
        }
        let function = Function::from_name(name).ok_or_else(|| {
            SyntaxError::new(at, format!("unknown function {name:?}{}", nearest(name, Function::NAMES.iter().copied())))
        })?;
        let (least, most) = function.arguments();
        if !(least..=most).contains(&arguments.len()) {
            let wanted = if least == most { least.to_string() } else { format!("{least} to {most}") };
            return Err(SyntaxError::new(at, format!("{name} takes {wanted} arguments, not {}", arguments.len())));
        }
        Ok(Node::Call(function, self.list(arguments)?))
    }

    fn matches(&mut self, arguments: &[Expr<'t>], at: usize) -> Result<Node, SyntaxError> {
        let [text, pattern] = arguments else {
            return Err(SyntaxError::new(at, "matches takes a string and a pattern"));
        };
        let Kind::Text(literal) = &pattern.kind else {
            return Err(SyntaxError::new(pattern.at, "the pattern of matches must be a literal string"));
        };
        let compiled = Regex::new(literal)
            .map_err(|error| SyntaxError::new(pattern.at, format!("pattern of matches: {error}")))?;
        Ok(Node::Matches(self.node(text)?, self.code.push_pattern(compiled)))
    }

    /// `a && b && c` as one list, however it is put in parentheses; the same for `||`.
    fn chain(&mut self, parts: &[Expr<'t>], make: fn(Span) -> Node) -> Result<Node, SyntaxError> {
        let mut flat = Vec::new();
        for part in parts {
            let part = self.node(part)?;
            match *self.code.node(part) {
                node @ (Node::All(inner) | Node::Any(inner)) if make(inner) == node => {
                    flat.extend(self.code.list(inner));
                }
                _ => flat.push(part),
            }
        }
        Ok(make(self.code.push_list(&flat)))
    }

    fn folded(&mut self, folded: &Macro<'t>) -> Result<NodeId, SyntaxError> {
        let range = self.node(&folded.range)?;
        self.variables.push(folded.variable);
        let body = self.body(folded);
        self.variables.pop();
        Ok(self.code.push(Node::Macro(folded.kind, range, body?)))
    }

    fn body(&mut self, folded: &Macro<'t>) -> Result<NodeId, SyntaxError> {
        let filter = folded.filter.as_ref().map(|filter| self.node(filter)).transpose()?;
        let body = self.node(&folded.body)?;
        Ok(filter.map_or(body, |filter| self.code.push(Node::Filtered(filter, body))))
    }
}

fn number(literal: &str, at: usize) -> Result<Number, SyntaxError> {
    if let Ok(int) = literal.parse() {
        return Ok(Number::Int(int));
    }
    literal.parse().map(Number::Decimal).map_err(|_| SyntaxError::new(at, "a number beyond the range of decimals"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> (usize, String) {
        let error = compile(text, 100, &mut Code::default()).expect_err(text);
        (error.at - 100, error.what)
    }

    #[test]
    fn errors_name_their_place_and_what_is_near() {
        for (text, at, what) in [
            ("request.method == reqest.method", 18, "unknown name \"reqest\"; did you mean request?"),
            ("!blnk(request.method)", 1, "unknown function \"blnk\"; did you mean blank?"),
            ("is(request.method)", 0, "is takes 2 arguments, not 1"),
            ("request.method.matches('[')", 23, "pattern of matches: "),
            ("[1].all(x, x == 1) && x", 22, "unknown name \"x\""),
        ] {
            let found = error(text);
            assert!(found.0 == at && found.1.starts_with(what), "{text}: {found:?}");
        }
    }

    #[test]
    fn what_is_written_twice_is_one_node_at_any_depth() {
        let mut code = Code::default();
        let [outside, inside] = ["[1].exists(a, a == 1)", "[2].exists(b, [1].exists(a, a == 1))"]
            .map(|text| compile(text, 0, &mut code).expect("an expression"));
        assert!(matches!(*code.node(inside), Node::Macro(_, _, body) if body == outside));
    }

    #[test]
    fn numbers_are_exact() {
        assert_eq!(number("0.10", 0), Ok(Number::Decimal(rust_decimal::Decimal::new(10, 2))));
        assert!(number("99999999999999999999999999999999", 0).is_err());
    }
}
