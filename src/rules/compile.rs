//! CEL text → code that is quick to evaluate.
//!
//! `text → cel's parser → its AST → Code (names resolved, patterns compiled)`

use cel::common::ast::{
    CallExpr, ComprehensionExpr, EntryExpr, Expr, IdedExpr, ListExpr, LiteralValue, SelectExpr, operators,
};
use regex::Regex;
use rust_decimal::Decimal;
use rust_decimal::prelude::FromPrimitive;

use super::code::{Code, Comparison, MacroKind, Node, NodeId, Number, Root, Span};
use super::functions::Function;
use super::path::Message;
use super::value::Arithmetic;

/// Deepest nesting of an expression, as cel's parser counts it.
const MAX_DEPTH: u16 = 64;

/// Most nodes of one expression.
const MAX_NODES: usize = 2_000;

/// Longest text of an expression, in bytes: the parser's tree of a longer one might be too deep to be thrown away.
const MAX_TEXT: usize = 6_000;

/// Deepest tree that is compiled. Long chains of one operator (`a || b || …`) are deep trees to the parser, not to the reader:
/// `[a, b, …].exists(x, x)` and `in` say the same flatly.
const MAX_LEVELS: usize = 100;

/// Compiles an expression. The error says what is wrong and, where known, at which line and column of it.
pub fn compile(text: &str, code: &mut Code) -> Result<NodeId, String> {
    if text.len() > MAX_TEXT {
        return Err(format!("the expression has more than {MAX_TEXT} bytes: split the rule"));
    }
    let parsed = cel::parser::PrattParser::new()
        .max_recursion_depth(MAX_DEPTH)
        .max_expression_node_count(MAX_NODES)
        .parse(text)
        .map_err(|errors| {
            errors.errors.first().map_or_else(
                || "not a CEL expression".to_owned(),
                |error| format!("{} (column {} of line {} of the expression)", error.msg, error.pos.1, error.pos.0),
            )
        })?;
    Compiler { code, locals: Vec::new(), level: 0 }.node(&parsed)
}

struct Compiler<'c> {
    code: &'c mut Code,
    locals: Vec<String>,
    level: usize,
}

impl Compiler<'_> {
    fn node(&mut self, expression: &IdedExpr) -> Result<NodeId, String> {
        if self.level == MAX_LEVELS {
            return Err(format!("the expression goes more than {MAX_LEVELS} levels deep: make its chains shorter"));
        }
        self.level += 1;
        let node = self.node_of(expression);
        self.level -= 1;
        node
    }

    fn nodes<'e>(&mut self, expressions: impl IntoIterator<Item = &'e IdedExpr>) -> Result<Span, String> {
        let nodes = expressions.into_iter().map(|one| self.node(one)).collect::<Result<Vec<_>, _>>()?;
        Ok(self.code.push_list(&nodes))
    }

    fn node_of(&mut self, expression: &IdedExpr) -> Result<NodeId, String> {
        let node = match &expression.expr {
            Expr::Literal(literal) => self.literal(literal)?,
            Expr::Ident(name) => self.name(name)?,
            Expr::Select(SelectExpr { operand, field, test }) => {
                let operand = self.node(operand)?;
                if *test { Node::Has(operand, self.code.push_text(field)) } else { self.member(operand, field) }
            }
            Expr::List(ListExpr { elements, .. }) => Node::List(self.nodes(elements)?),
            Expr::Call(call) => self.call(call)?,
            Expr::Comprehension(comprehension) => return self.comprehension(comprehension),
            Expr::Map(map) => match map.entries.first().map(|entry| &entry.expr) {
                Some(EntryExpr::MapEntry(_)) | None => return Err("maps are not used in rules".to_owned()),
                Some(EntryExpr::StructField(_)) => return Err("structs are not used in rules".to_owned()),
            },
            Expr::Struct(_) => return Err("structs are not used in rules".to_owned()),
            Expr::Unspecified => return Err("an expression is missing".to_owned()),
        };
        Ok(self.code.push(node))
    }

    fn literal(&mut self, literal: &LiteralValue) -> Result<Node, String> {
        let number = match literal {
            LiteralValue::Null => return Ok(Node::Null),
            LiteralValue::Boolean(value) => return Ok(Node::Bool(*value.inner())),
            LiteralValue::String(value) => return Ok(Node::Text(self.code.push_text(value.inner()))),
            LiteralValue::Bytes(_) => return Err("byte strings are not used in rules".to_owned()),
            LiteralValue::Int(value) => Number::Int(*value.inner()),
            LiteralValue::UInt(value) => Number::Decimal(Decimal::from(*value.inner())),
            LiteralValue::Double(value) => {
                Number::Decimal(Decimal::from_f64(*value.inner()).ok_or("a number beyond the range of decimals")?)
            }
        };
        Ok(Node::Number(self.code.push_number(number)))
    }

    fn name(&mut self, name: &str) -> Result<Node, String> {
        if let Some(place) = self.locals.iter().rposition(|local| local == name) {
            return Ok(Node::Local(u32::try_from(place).unwrap_or(u32::MAX)));
        }
        let root = match name {
            "request" => Root::Request,
            "response" => Root::Response,
            "call" => Root::Call,
            "stage" => Root::Stage,
            "item" => Root::Item,
            "flow" => Root::Flow,
            "feed" => Root::Feed,
            "recording" => Root::Recording,
            "seen" => Root::Seen,
            "expected" => Root::Expected,
            "strict" => return Ok(Node::Strict),
            _ => {
                return Err(format!(
                    "unknown name {name:?}: known are request, response, call, stage, item, flow, feed, recording"
                ));
            }
        };
        Ok(Node::Root(root))
    }

    fn call(&mut self, call: &CallExpr) -> Result<Node, String> {
        let arguments: Vec<&IdedExpr> = call.target.as_deref().into_iter().chain(&call.args).collect();
        let name = call.func_name.as_str();
        match (name, &arguments[..]) {
            ("matches", _) => return self.matches(&arguments),
            (operators::LOGICAL_NOT, [only]) => return Ok(Node::Not(self.node(only)?)),
            (operators::NEGATE, [only]) => return Ok(Node::Negate(self.node(only)?)),
            (operators::CONDITIONAL, [_, _, _]) => return Ok(Node::Conditional(self.nodes(arguments)?)),
            (_, [left, right]) => {
                if let Some(node) = self.binary(name, left, right)? {
                    return Ok(node);
                }
            }
            _ => {}
        }
        let function = Function::from_name(name).ok_or_else(|| format!("unknown function {name:?}"))?;
        let (least, most) = function.arguments();
        if !(least..=most).contains(&arguments.len()) {
            return Err(format!("{name} takes {least} to {most} arguments, not {}", arguments.len()));
        }
        Ok(Node::Call(function, self.nodes(arguments)?))
    }

    fn binary(&mut self, name: &str, left: &IdedExpr, right: &IdedExpr) -> Result<Option<Node>, String> {
        let make: fn(NodeId, NodeId) -> Node = match name {
            operators::LOGICAL_AND => return self.chain(left, right, Node::All).map(Some),
            operators::LOGICAL_OR => return self.chain(left, right, Node::Any).map(Some),
            operators::EQUALS => Node::Equal,
            operators::NOT_EQUALS => Node::Unequal,
            operators::LESS => |left, right| Node::Compare(Comparison::Less, left, right),
            operators::LESS_EQUALS => |left, right| Node::Compare(Comparison::LessOrEqual, left, right),
            operators::GREATER => |left, right| Node::Compare(Comparison::Greater, left, right),
            operators::GREATER_EQUALS => |left, right| Node::Compare(Comparison::GreaterOrEqual, left, right),
            operators::ADD => |left, right| Node::Arithmetic(Arithmetic::Add, left, right),
            operators::SUBSTRACT => |left, right| Node::Arithmetic(Arithmetic::Subtract, left, right),
            operators::MULTIPLY => |left, right| Node::Arithmetic(Arithmetic::Multiply, left, right),
            operators::DIVIDE => |left, right| Node::Arithmetic(Arithmetic::Divide, left, right),
            operators::MODULO => |left, right| Node::Arithmetic(Arithmetic::Modulo, left, right),
            operators::INDEX => Node::Index,
            operators::IN => Node::In,
            _ => return Ok(None),
        };
        let operand = self.node(left)?;
        match (name, &right.expr) {
            // `x["@type"]` is the common way to a key that is no identifier.
            (operators::INDEX, Expr::Literal(LiteralValue::String(key))) => Ok(Some(self.member(operand, key.inner()))),
            _ => Ok(Some(make(operand, self.node(right)?))),
        }
    }

    fn member(&mut self, operand: NodeId, name: &str) -> Node {
        match (self.code.node(operand), name) {
            (Node::Root(Root::Request), "body") => Node::Body(Message::Request),
            (Node::Root(Root::Response), "body") => Node::Body(Message::Response),
            _ => Node::Member(operand, self.code.push_text(name)),
        }
    }

    /// `a && b && c` as one list, however the parser nests it; the same for `||`.
    fn chain(&mut self, left: &IdedExpr, right: &IdedExpr, make: fn(Span) -> Node) -> Result<Node, String> {
        let mut parts = Vec::new();
        for side in [left, right] {
            let side = self.node(side)?;
            match *self.code.node(side) {
                node @ (Node::All(inner) | Node::Any(inner)) if make(inner) == node => {
                    parts.extend(self.code.list(inner));
                }
                _ => parts.push(side),
            }
        }
        Ok(make(self.code.push_list(&parts)))
    }

    fn matches(&mut self, arguments: &[&IdedExpr]) -> Result<Node, String> {
        let [text, pattern] = arguments else { return Err("matches takes a string and a pattern".to_owned()) };
        let Expr::Literal(LiteralValue::String(pattern)) = &pattern.expr else {
            return Err("the pattern of matches must be a literal string".to_owned());
        };
        let pattern = Regex::new(pattern.inner()).map_err(|error| format!("pattern of matches: {error}"))?;
        Ok(Node::Matches(self.node(text)?, self.code.push_pattern(pattern)))
    }

    /// cel's parser has already turned `list.all(x, …)` into a fold; its shape tells which macro it was.
    fn comprehension(&mut self, fold: &ComprehensionExpr) -> Result<NodeId, String> {
        let range = self.node(&fold.iter_range)?;
        let variable = self.locals.len();
        self.locals.push(fold.iter_var.clone());
        let parts = self.macro_parts(fold);
        self.locals.pop();
        let (kind, body) = parts?;
        Ok(self.code.push_macro(kind, range, body, variable))
    }

    fn macro_parts(&mut self, fold: &ComprehensionExpr) -> Result<(MacroKind, NodeId), String> {
        let unknown = || "this macro is not used in rules".to_owned();
        let Expr::Call(step) = &fold.loop_step.expr else { return Err(unknown()) };
        match (&fold.accu_init.expr, step.func_name.as_str(), &step.args[..]) {
            (Expr::Literal(LiteralValue::Boolean(_)), operators::LOGICAL_AND, [_, body]) => {
                Ok((MacroKind::All, self.node(body)?))
            }
            (Expr::Literal(LiteralValue::Boolean(_)), operators::LOGICAL_OR, [_, body]) => {
                Ok((MacroKind::Exists, self.node(body)?))
            }
            (Expr::Literal(LiteralValue::Int(_)), operators::CONDITIONAL, [body, _, _]) => {
                Ok((MacroKind::ExistsOne, self.node(body)?))
            }
            (Expr::List(_), operators::ADD, [_, added]) => Ok((MacroKind::Map, self.added(added)?)),
            (Expr::List(_), operators::CONDITIONAL, [filter, step, _]) => {
                let Expr::Call(CallExpr { args, .. }) = &step.expr else { return Err(unknown()) };
                let [_, added] = &args[..] else { return Err(unknown()) };
                let is_variable = matches!(&added.expr, Expr::List(list)
                    if matches!(&list.elements[..], [IdedExpr { expr: Expr::Ident(name), .. }] if *name == fold.iter_var));
                let filter = self.node(filter)?;
                if is_variable {
                    return Ok((MacroKind::Filter, filter));
                }
                let filtered = Node::Filtered(filter, self.added(added)?);
                Ok((MacroKind::Map, self.code.push(filtered)))
            }
            _ => Err(unknown()),
        }
    }

    fn added(&mut self, list: &IdedExpr) -> Result<NodeId, String> {
        match &list.expr {
            Expr::List(ListExpr { elements, .. }) if elements.len() == 1 => self.node(&elements[0]),
            _ => Err("this macro is not used in rules".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compile(text: &str) -> Result<NodeId, String> {
        super::compile(text, &mut Code::default())
    }

    #[test]
    fn deep_expressions_are_refused_before_they_fill_the_stack() {
        let nested = |open: &str, inner: &str, close: &str, times| open.repeat(times) + inner + &close.repeat(times);
        let shapes: [(&str, &dyn Fn(usize) -> String); 9] = [
            ("sum", &|n| vec!["1"; n].join(" + ")),
            ("or", &|n| vec!["request.body.x == null"; n].join(" || ")),
            ("members", &|n| format!("request{}", ".a".repeat(n))),
            ("indexes", &|n| format!("request{}", "[0]".repeat(n))),
            ("not", &|n| "!".repeat(n) + "true"),
            ("parentheses", &|n| nested("(", "1", ")", n)),
            ("lists", &|n| nested("[", "1", "]", n)),
            ("conditions", &|n| nested("true ? 1 : ", "2", "", n)),
            ("macros", &|n| nested("[1].all(x, ", "true", ")", n)),
        ];
        for (shape, of) in shapes {
            assert!(compile(&of(8)).is_ok(), "{shape}");
            for times in [20, 40, 60, 80, 150, 300, 600, 1_000, 1_900, 2_900, 5_900, 20_000] {
                // Fine or refused, but not the end of the program.
                let _either = compile(&of(times));
            }
        }
        assert!(compile(&shapes[2].1(20_000)).is_err_and(|error| error.contains("bytes")));
        assert!(compile(&shapes[0].1(MAX_LEVELS + 10)).is_err_and(|error| error.contains("levels deep")));
    }
}
