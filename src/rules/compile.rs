//! CEL text → a tree that is quick to evaluate.
//!
//! `text → cel's parser → its AST → Node (names resolved, patterns compiled)`

use cel::common::ast::{
    CallExpr, ComprehensionExpr, EntryExpr, Expr, IdedExpr, ListExpr, LiteralValue, SelectExpr, operators,
};
use regex::Regex;
use rust_decimal::Decimal;
use rust_decimal::prelude::FromPrimitive;

use super::functions::Function;
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

/// A compiled expression.
#[derive(Debug, Clone)]
pub enum Node {
    Constant(Constant),
    Root(Root),
    /// A variable of a macro, by its place on the stack counted from the bottom.
    Local(usize),
    Member(Box<Node>, Box<str>),
    Has(Box<Node>, Box<str>),
    Index(Box<Node>, Box<Node>),
    And(Box<Node>, Box<Node>),
    Or(Box<Node>, Box<Node>),
    Not(Box<Node>),
    Conditional(Box<[Node; 3]>),
    Equal(Box<Node>, Box<Node>, bool),
    Compare(Comparison, Box<Node>, Box<Node>),
    Arithmetic(Arithmetic, Box<Node>, Box<Node>),
    Negate(Box<Node>),
    In(Box<Node>, Box<Node>),
    List(Vec<Node>),
    Macro(Box<Macro>),
    Matches(Box<Node>, Regex),
    Call(Function, Vec<Node>),
    /// A part that stands in several rules, and its slot in the memo of what it depends on.
    Shared(Keeper, usize, Box<Node>),
}

impl Node {
    /// The node itself, or what stands in its slot.
    pub fn shared_part(&self) -> &Self {
        match self {
            Self::Shared(_, _, part) => part,
            other => other,
        }
    }

    /// Visits the nodes right below this one.
    pub fn for_each_child(&mut self, visit: &mut impl FnMut(&mut Node)) {
        match self {
            Self::Constant(_) | Self::Root(_) | Self::Local(_) => {}
            Self::Member(operand, _)
            | Self::Has(operand, _)
            | Self::Not(operand)
            | Self::Negate(operand)
            | Self::Matches(operand, _)
            | Self::Shared(_, _, operand) => visit(operand),
            Self::Index(left, right)
            | Self::And(left, right)
            | Self::Or(left, right)
            | Self::Equal(left, right, _)
            | Self::Compare(_, left, right)
            | Self::Arithmetic(_, left, right)
            | Self::In(left, right) => {
                visit(left);
                visit(right);
            }
            Self::Conditional(parts) => parts.iter_mut().for_each(visit),
            Self::List(elements) | Self::Call(_, elements) => elements.iter_mut().for_each(visit),
            Self::Macro(fold) => {
                visit(&mut fold.range);
                fold.filter.iter_mut().for_each(&mut *visit);
                visit(&mut fold.body);
            }
        }
    }
}

/// What a shared part depends on, and keeps its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keeper {
    Exchange,
    /// The item of an `each`.
    Item,
}

/// Literals.
#[derive(Debug, Clone)]
pub enum Constant {
    Null,
    Bool(bool),
    Int(i64),
    Decimal(Decimal),
    Str(Box<str>),
    Strict,
}

/// The names an expression starts from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Root {
    Request,
    Response,
    Call,
    Stage,
    Item,
    Flow,
    Feed,
    Recording,
    Seen,
    Expected,
}

/// `<`, `<=`, `>`, `>=`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// A macro over the elements of a list.
#[derive(Debug, Clone)]
pub struct Macro {
    pub kind: MacroKind,
    pub range: Node,
    pub filter: Option<Node>,
    pub body: Node,
}

/// The macros of CEL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MacroKind {
    All,
    Exists,
    ExistsOne,
    Filter,
    Map,
}

/// Compiles an expression. The error says what is wrong and, where known, at which line and column of it.
pub fn compile(text: &str) -> Result<Node, String> {
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
    Compiler { locals: Vec::new(), level: 0 }.node(&parsed)
}

struct Compiler {
    locals: Vec<String>,
    level: usize,
}

impl Compiler {
    fn boxed(&mut self, expression: &IdedExpr) -> Result<Box<Node>, String> {
        self.node(expression).map(Box::new)
    }

    fn node(&mut self, expression: &IdedExpr) -> Result<Node, String> {
        if self.level == MAX_LEVELS {
            return Err(format!("the expression goes more than {MAX_LEVELS} levels deep: make its chains shorter"));
        }
        self.level += 1;
        let node = self.node_of(expression);
        self.level -= 1;
        node
    }

    fn node_of(&mut self, expression: &IdedExpr) -> Result<Node, String> {
        match &expression.expr {
            Expr::Literal(literal) => literal_node(literal),
            Expr::Ident(name) => self.name(name),
            Expr::Select(SelectExpr { operand, field, test }) => {
                let operand = self.boxed(operand)?;
                let field = field.as_str().into();
                Ok(if *test { Node::Has(operand, field) } else { Node::Member(operand, field) })
            }
            Expr::List(ListExpr { elements, .. }) => {
                Ok(Node::List(elements.iter().map(|element| self.node(element)).collect::<Result<_, _>>()?))
            }
            Expr::Call(call) => self.call(call),
            Expr::Comprehension(comprehension) => self.comprehension(comprehension),
            Expr::Map(map) => match map.entries.first().map(|entry| &entry.expr) {
                Some(EntryExpr::MapEntry(_)) | None => Err("maps are not used in rules".to_owned()),
                Some(EntryExpr::StructField(_)) => Err("structs are not used in rules".to_owned()),
            },
            Expr::Struct(_) => Err("structs are not used in rules".to_owned()),
            Expr::Unspecified => Err("an expression is missing".to_owned()),
        }
    }

    fn name(&mut self, name: &str) -> Result<Node, String> {
        if let Some(place) = self.locals.iter().rposition(|local| local == name) {
            return Ok(Node::Local(place));
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
            "strict" => return Ok(Node::Constant(Constant::Strict)),
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
        if name == "matches" {
            return self.matches(&arguments);
        }
        if let [only] = arguments[..] {
            match name {
                operators::LOGICAL_NOT => return Ok(Node::Not(self.boxed(only)?)),
                operators::NEGATE => return Ok(Node::Negate(self.boxed(only)?)),
                _ => {}
            }
        }
        if let ([first, second, third], operators::CONDITIONAL) = (&arguments[..], name) {
            return Ok(Node::Conditional(Box::new([self.node(first)?, self.node(second)?, self.node(third)?])));
        }
        if let [left, right] = arguments[..]
            && let Some(node) = self.binary(name, left, right)?
        {
            return Ok(node);
        }
        let function = Function::from_name(name).ok_or_else(|| format!("unknown function {name:?}"))?;
        let (least, most) = function.arguments();
        if !(least..=most).contains(&arguments.len()) {
            return Err(format!("{name} takes {least} to {most} arguments, not {}", arguments.len()));
        }
        let arguments = arguments.into_iter().map(|argument| self.node(argument)).collect::<Result<_, _>>()?;
        Ok(Node::Call(function, arguments))
    }

    fn binary(&mut self, name: &str, left: &IdedExpr, right: &IdedExpr) -> Result<Option<Node>, String> {
        let (left, right) = match name {
            operators::LOGICAL_AND
            | operators::LOGICAL_OR
            | operators::EQUALS
            | operators::NOT_EQUALS
            | operators::LESS
            | operators::LESS_EQUALS
            | operators::GREATER
            | operators::GREATER_EQUALS
            | operators::ADD
            | operators::SUBSTRACT
            | operators::MULTIPLY
            | operators::DIVIDE
            | operators::MODULO
            | operators::INDEX
            | operators::IN => (self.boxed(left)?, self.boxed(right)?),
            _ => return Ok(None),
        };
        Ok(Some(match name {
            operators::LOGICAL_AND => Node::And(left, right),
            operators::LOGICAL_OR => Node::Or(left, right),
            operators::EQUALS => Node::Equal(left, right, true),
            operators::NOT_EQUALS => Node::Equal(left, right, false),
            operators::LESS => Node::Compare(Comparison::Less, left, right),
            operators::LESS_EQUALS => Node::Compare(Comparison::LessOrEqual, left, right),
            operators::GREATER => Node::Compare(Comparison::Greater, left, right),
            operators::GREATER_EQUALS => Node::Compare(Comparison::GreaterOrEqual, left, right),
            operators::ADD => Node::Arithmetic(Arithmetic::Add, left, right),
            operators::SUBSTRACT => Node::Arithmetic(Arithmetic::Subtract, left, right),
            operators::MULTIPLY => Node::Arithmetic(Arithmetic::Multiply, left, right),
            operators::DIVIDE => Node::Arithmetic(Arithmetic::Divide, left, right),
            operators::MODULO => Node::Arithmetic(Arithmetic::Modulo, left, right),
            operators::INDEX => match *right {
                // `x["@type"]` is the common way to a key that is no identifier.
                Node::Constant(Constant::Str(key)) => Node::Member(left, key),
                index => Node::Index(left, Box::new(index)),
            },
            _ => Node::In(left, right),
        }))
    }

    fn matches(&mut self, arguments: &[&IdedExpr]) -> Result<Node, String> {
        let [text, pattern] = arguments else { return Err("matches takes a string and a pattern".to_owned()) };
        let Expr::Literal(LiteralValue::String(pattern)) = &pattern.expr else {
            return Err("the pattern of matches must be a literal string".to_owned());
        };
        let pattern = Regex::new(pattern.inner()).map_err(|error| format!("pattern of matches: {error}"))?;
        Ok(Node::Matches(self.boxed(text)?, pattern))
    }

    /// cel's parser has already turned `list.all(x, …)` into a fold; its shape tells which macro it was.
    fn comprehension(&mut self, fold: &ComprehensionExpr) -> Result<Node, String> {
        let range = self.node(&fold.iter_range)?;
        self.locals.push(fold.iter_var.clone());
        let parts = self.macro_parts(fold);
        self.locals.pop();
        let (kind, filter, body) = parts?;
        Ok(Node::Macro(Box::new(Macro { kind, range, filter, body })))
    }

    fn macro_parts(&mut self, fold: &ComprehensionExpr) -> Result<(MacroKind, Option<Node>, Node), String> {
        let unknown = || "this macro is not used in rules".to_owned();
        let Expr::Call(step) = &fold.loop_step.expr else { return Err(unknown()) };
        match (&fold.accu_init.expr, step.func_name.as_str(), &step.args[..]) {
            (Expr::Literal(LiteralValue::Boolean(_)), operators::LOGICAL_AND, [_, body]) => {
                Ok((MacroKind::All, None, self.node(body)?))
            }
            (Expr::Literal(LiteralValue::Boolean(_)), operators::LOGICAL_OR, [_, body]) => {
                Ok((MacroKind::Exists, None, self.node(body)?))
            }
            (Expr::Literal(LiteralValue::Int(_)), operators::CONDITIONAL, [body, _, _]) => {
                Ok((MacroKind::ExistsOne, None, self.node(body)?))
            }
            (Expr::List(_), operators::ADD, [_, added]) => Ok((MacroKind::Map, None, self.added(added)?)),
            (Expr::List(_), operators::CONDITIONAL, [filter, step, _]) => {
                let Expr::Call(CallExpr { args, .. }) = &step.expr else { return Err(unknown()) };
                let [_, added] = &args[..] else { return Err(unknown()) };
                let is_variable = matches!(&added.expr, Expr::List(list)
                    if matches!(&list.elements[..], [IdedExpr { expr: Expr::Ident(name), .. }] if *name == fold.iter_var));
                let filter = self.node(filter)?;
                if is_variable {
                    Ok((MacroKind::Filter, None, filter))
                } else {
                    Ok((MacroKind::Map, Some(filter), self.added(added)?))
                }
            }
            _ => Err(unknown()),
        }
    }

    fn added(&mut self, list: &IdedExpr) -> Result<Node, String> {
        match &list.expr {
            Expr::List(ListExpr { elements, .. }) if elements.len() == 1 => self.node(&elements[0]),
            _ => Err("this macro is not used in rules".to_owned()),
        }
    }
}

fn literal_node(literal: &LiteralValue) -> Result<Node, String> {
    Ok(Node::Constant(match literal {
        LiteralValue::Null => Constant::Null,
        LiteralValue::Boolean(value) => Constant::Bool(*value.inner()),
        LiteralValue::Int(value) => Constant::Int(*value.inner()),
        LiteralValue::UInt(value) => Constant::Decimal(Decimal::from(*value.inner())),
        LiteralValue::Double(value) => {
            Constant::Decimal(Decimal::from_f64(*value.inner()).ok_or("a number beyond the range of decimals")?)
        }
        LiteralValue::String(value) => Constant::Str(value.inner().into()),
        LiteralValue::Bytes(_) => return Err("bytes are not used in rules".to_owned()),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

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
                if let Ok(node) = compile(&of(times)) {
                    drop(node.clone());
                }
            }
        }
        assert!(compile(&shapes[2].1(20_000)).is_err_and(|error| error.contains("bytes")));
        assert!(compile(&shapes[0].1(MAX_LEVELS + 10)).is_err_and(|error| error.contains("levels deep")));
    }
}
