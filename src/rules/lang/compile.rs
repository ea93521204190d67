//! Syntax tree of an expression → nodes of the program, with names resolved and patterns compiled.

mod names;

use regex::Regex;

use names::{BoundName, NameScope};

use crate::rules::lang::members::{Member, present_name};
use crate::rules::lang::named_expressions::{NamedExpression, NamedExpressions, hidden_by};
use crate::rules::lang::node::{
    Arithmetic, BoolId, BoolNode, MessageSide, NodeId, NumberLiteral, PathId, PathRoot, PathStart, Quantifier, Span,
    TextId, ValueId, ValueNode,
};
use crate::rules::lang::parser::{Expr, ExprKind, Macro, MacroKind, Operator, SyntaxError, parse};
use crate::rules::lang::program::Program;
use crate::rules::lang::suggest::nearest;
use crate::rules::lang::types::Type;

/// Most nodes of one expression, those of the named ones in it included.
const MAX_NODES: usize = 10_000;

/// Highest tree of an expression, with those of the named ones in it.
const MAX_HEIGHT: usize = 200;

/// Compiles an expression with a value. `origin` is the byte of the file at which its text begins; errors name their place
/// in the file.
pub(crate) fn compile(
    text: &str,
    origin: usize,
    names: &NamedExpressions<'_>,
    program: &mut Program,
) -> Result<ValueId, SyntaxError> {
    compile_part(text, origin, names, program).map(|part| value_of(part, program))
}

/// Compiles an expression that is true or false.
pub(crate) fn compile_condition(
    text: &str,
    origin: usize,
    names: &NamedExpressions<'_>,
    program: &mut Program,
) -> Result<BoolId, SyntaxError> {
    compile_part(text, origin, names, program).map(|part| bool_of(part, program))
}

fn compile_part(
    text: &str,
    origin: usize,
    names: &NamedExpressions<'_>,
    program: &mut Program,
) -> Result<NodeId, SyntaxError> {
    Compiler::new(program, names).node(&parse(text, origin)?, &NameScope::default()).map(|part| part.node)
}

/// A part as a value.
fn value_of(part: NodeId, program: &mut Program) -> ValueId {
    match part {
        NodeId::Value(value) => value,
        NodeId::Bool(part) => program.push_value(ValueNode::Bool(part)),
        NodeId::Path(path) => program.push_value(ValueNode::Path(path)),
    }
}

/// A part as one that is true or false, which a value may turn out not to be.
fn bool_of(part: NodeId, program: &mut Program) -> BoolId {
    match part {
        NodeId::Bool(part) => part,
        other => {
            let value = value_of(other, program);
            program.push_bool(BoolNode::Value(value))
        }
    }
}

/// Compiles the named expressions of a file, so that what is wrong with one is told at its own place.
pub(crate) fn check_names(names: &NamedExpressions<'_>, program: &mut Program) -> Result<(), SyntaxError> {
    for (name, named) in names.own() {
        if program.find_function(name).is_some() {
            return Err(SyntaxError::new(
                named.at,
                format!("{name} hides a function of the language: take another name"),
            ));
        }
        let anything = named.parameters.iter().map(|parameter| (*parameter, BoundName::Anything));
        Compiler::new(program, names).named(name, named, names, NameScope::default().with(anything), named.at)?;
    }
    Ok(())
}

/// A compiled part of an expression, and what it gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Typed {
    pub node: NodeId,
    pub gives: Type,
}

impl Typed {
    fn path(path: PathId) -> Self {
        Self { node: NodeId::Path(path), gives: Type::Node }
    }
}

struct Compiler<'c, 'e> {
    program: &'c mut Program,
    /// The named expressions that can be used here.
    names: &'e NamedExpressions<'e>,
    /// Variables of macros around.
    variables: usize,
    /// Named expressions that are being compiled, the outermost one first.
    open: Vec<(&'e str, &'e NamedExpression<'e>)>,
    nodes: usize,
    height: usize,
}

impl<'c, 'e> Compiler<'c, 'e> {
    fn new(program: &'c mut Program, names: &'e NamedExpressions<'e>) -> Self {
        Self { program, names, variables: 0, open: Vec::new(), nodes: 0, height: 0 }
    }

    fn node(&mut self, expr: &'e Expr<'e>, scope: &NameScope<'e>) -> Result<Typed, SyntaxError> {
        self.nodes += 1;
        if self.nodes > MAX_NODES || self.height > MAX_HEIGHT {
            let what = format!(
                "the expression has more than {MAX_NODES} parts or {MAX_HEIGHT} levels, those of the named ones in it included"
            );
            return Err(SyntaxError::new(expr.at, what));
        }
        self.height += 1;
        let node = self.node_of(expr, scope);
        self.height -= 1;
        node
    }

    /// A part as a value.
    fn value(&mut self, expr: &'e Expr<'e>, scope: &NameScope<'e>) -> Result<(ValueId, Type), SyntaxError> {
        let part = self.node(expr, scope)?;
        Ok((value_of(part.node, self.program), part.gives))
    }

    /// A part as one that is true or false.
    fn condition(&mut self, expr: &'e Expr<'e>, scope: &NameScope<'e>) -> Result<BoolId, SyntaxError> {
        let part = self.node(expr, scope)?;
        Ok(bool_of(part.node, self.program))
    }

    fn node_of(&mut self, expr: &'e Expr<'e>, scope: &NameScope<'e>) -> Result<Typed, SyntaxError> {
        match &expr.kind {
            ExprKind::Null => Ok(self.typed(ValueNode::Null, Type::Nothing)),
            ExprKind::Bool(value) => Ok(self.typed_bool(BoolNode::Constant(*value))),
            ExprKind::Number(literal) => {
                let number = self.program.push_number(number(literal, expr.at)?);
                Ok(self.typed(ValueNode::Number(number), Type::Plain))
            }
            ExprKind::Text(text) => {
                let text = self.program.push_text(text);
                Ok(self.typed(ValueNode::Text(text), Type::Plain))
            }
            ExprKind::Name(name) => self.name(name, expr.at, scope),
            ExprKind::Member(operand, name) => {
                let operand = self.node(operand, scope)?;
                self.member(operand, name, expr.at)
            }
            ExprKind::Has(operand, name) => {
                let operand = self.node(operand, scope)?;
                let member = self.member(operand, name, expr.at)?;
                Ok(self.has(operand, name, member))
            }
            ExprKind::Index(operand, index) => {
                let operand = self.node(operand, scope)?;
                match &index.kind {
                    // `x["@type"]` is the common way to a key that is no identifier.
                    ExprKind::Text(key) => self.member(operand, key, index.at),
                    _ => {
                        let of = value_of(operand.node, self.program);
                        let (index, _) = self.value(index, scope)?;
                        Ok(self.typed(ValueNode::Index(of, index), operand.gives.element()))
                    }
                }
            }
            ExprKind::Call(name, arguments) => self.call(name, arguments, expr.at, scope),
            ExprKind::Macro(folded) => self.folded(folded, expr.at, scope),
            ExprKind::Not(operand) => {
                let operand = self.condition(operand, scope)?;
                Ok(self.typed_bool(BoolNode::Not(operand)))
            }
            ExprKind::Negate(operand) => {
                let (operand, _) = self.value(operand, scope)?;
                Ok(self.typed(ValueNode::Negate(operand), Type::Plain))
            }
            ExprKind::All(parts) => self.chain(parts, scope, BoolNode::All),
            ExprKind::Any(parts) => self.chain(parts, scope, BoolNode::Any),
            ExprKind::Conditional(parts) => self.conditional(parts, scope),
            ExprKind::Binary(operator, sides) => self.binary(*operator, sides, scope),
            ExprKind::List(elements) => {
                let (elements, types) = self.list(elements, scope)?;
                let gives = types.into_iter().reduce(Type::or).unwrap_or(Type::Any).list();
                Ok(self.typed(ValueNode::List(elements), gives))
            }
        }
    }

    fn typed(&mut self, node: ValueNode, gives: Type) -> Typed {
        Typed { node: NodeId::Value(self.program.push_value(node)), gives }
    }

    fn typed_bool(&mut self, node: BoolNode) -> Typed {
        Typed { node: NodeId::Bool(self.program.push_bool(node)), gives: Type::Bool }
    }

    fn list(&mut self, parts: &'e [Expr<'e>], scope: &NameScope<'e>) -> Result<(Span, Vec<Type>), SyntaxError> {
        let parts = parts.iter().map(|part| self.value(part, scope)).collect::<Result<Vec<_>, _>>()?;
        let (values, types): (Vec<ValueId>, Vec<Type>) = parts.into_iter().unzip();
        Ok((self.program.push_values(&values), types))
    }

    fn conditional(&mut self, parts: &'e [Expr<'e>; 3], scope: &NameScope<'e>) -> Result<Typed, SyntaxError> {
        let [condition, yes, no] = parts;
        let condition = self.condition(condition, scope)?;
        let (yes, no) = (self.node(yes, scope)?, self.node(no, scope)?);
        if let (NodeId::Bool(yes), NodeId::Bool(no)) = (yes.node, no.node) {
            let branches = self.program.push_bools(&[yes, no]);
            return Ok(self.typed_bool(BoolNode::Conditional(condition, branches)));
        }
        let branches = [yes, no].map(|branch| value_of(branch.node, self.program));
        let branches = self.program.push_values(&branches);
        Ok(self.typed(ValueNode::Conditional(condition, branches), yes.gives.or(no.gives)))
    }

    fn binary(
        &mut self,
        operator: Operator,
        sides: &'e [Expr<'e>; 2],
        scope: &NameScope<'e>,
    ) -> Result<Typed, SyntaxError> {
        let (left, right) = (self.node(&sides[0], scope)?, self.node(&sides[1], scope)?);
        let mut values = || [left, right].map(|side| value_of(side.node, self.program));
        Ok(match operator {
            Operator::Equal => {
                let equal = self.equal(left.node, right.node);
                self.typed_bool(equal)
            }
            Operator::Unequal => {
                let equal = self.equal(left.node, right.node);
                let equal = self.program.push_bool(equal);
                self.typed_bool(BoolNode::Not(equal))
            }
            Operator::Compare(comparison) => {
                let [left, right] = values();
                self.typed_bool(BoolNode::Compare(comparison, left, right))
            }
            Operator::In => {
                let [element, list] = values();
                self.typed_bool(match *self.program.value(list) {
                    ValueNode::List(others) => BoolNode::OneOf(element, others),
                    _ => BoolNode::In(element, list),
                })
            }
            Operator::Arithmetic(operator) => {
                let gives = match (operator, left.gives.or(right.gives)) {
                    // Of two lists a sum is a list, and no node of a message any more.
                    (Arithmetic::Add, Type::Node) => Type::Any,
                    (Arithmetic::Add, both) => both,
                    _ => Type::Plain,
                };
                let [left, right] = values();
                self.typed(ValueNode::Arithmetic(operator, left, right), gives)
            }
        })
    }

    /// Most comparisons are with a text or with nothing, and of a path.
    fn equal(&mut self, left: NodeId, right: NodeId) -> BoolNode {
        let literal = |part: NodeId| match part {
            NodeId::Value(value) => Literal::of(*self.program.value(value)),
            NodeId::Bool(_) | NodeId::Path(_) => None,
        };
        let (other, literal) = match (literal(left), literal(right)) {
            (_, Some(literal)) => (left, Some(literal)),
            (Some(literal), None) => (right, Some(literal)),
            (None, None) => (left, None),
        };
        match (other, literal) {
            (NodeId::Path(path), Some(Literal::Text(text))) => BoolNode::PathIsText(path, text),
            (NodeId::Path(path), Some(Literal::Nothing)) => BoolNode::PathIsNothing(path),
            (other, Some(Literal::Text(text))) => BoolNode::IsText(value_of(other, self.program), text),
            (other, Some(Literal::Nothing)) => BoolNode::IsNothing(value_of(other, self.program)),
            (_, None) => BoolNode::Equal(value_of(left, self.program), value_of(right, self.program)),
        }
    }

    /// Whether a member is there.
    fn has(&mut self, operand: Typed, name: &str, member: Typed) -> Typed {
        if let NodeId::Path(path) = member.node {
            return self.typed_bool(BoolNode::Exists(path));
        }
        let (operand, name) = (value_of(operand.node, self.program), self.program.push_text(name));
        self.typed_bool(BoolNode::Has(operand, name))
    }

    /// A member: any of a node of a message, one of its own of an exchange and the like.
    fn member(&mut self, operand: Typed, name: &str, at: usize) -> Result<Typed, SyntaxError> {
        if let NodeId::Path(path) = operand.node {
            let path = self.program.push_step(path, name);
            return Ok(Typed::path(path));
        }
        let of = value_of(operand.node, self.program);
        let mut any = |gives: Type| {
            let name = self.program.push_text(name);
            Ok(self.typed(ValueNode::Member(of, name), gives))
        };
        match operand.gives {
            Type::Any | Type::Nothing => any(Type::Any),
            Type::Node => any(Type::Node),
            Type::Headers | Type::Names => any(Type::Plain),
            Type::Plain | Type::Bool => {
                Err(SyntaxError::new(at, format!("{name:?} is asked of a plain value, which has no members")))
            }
            Type::List(_) => {
                let what = format!("{name:?} is asked of a list: take an element of it, or a macro");
                Err(SyntaxError::new(at, what))
            }
            kind => match Member::find(kind, name) {
                Some(member) => Ok(self.known_member(of, member)),
                None if present_name(name).is_some_and(|present| Member::find(kind, present).is_some()) => {
                    let what = format!("the member {name} is now {}", present_name(name).unwrap_or_default());
                    Err(SyntaxError::new(at, what))
                }
                None => {
                    let known = Member::ALL.iter().filter(|member| member.of() == kind).map(|member| member.name());
                    let what = format!("{} has no member {name:?}{}", kind.describe(), nearest(name, known));
                    Err(SyntaxError::new(at, what))
                }
            },
        }
    }

    fn known_member(&mut self, of: ValueId, member: Member) -> Typed {
        let message = match (member, *self.program.value(of)) {
            (Member::RequestBody, ValueNode::Root(PathRoot::Request)) => MessageSide::Request,
            (Member::ResponseBody, ValueNode::Root(PathRoot::Response)) => MessageSide::Response,
            _ => return self.typed(ValueNode::Select(of, member), member.gives()),
        };
        let path = self.program.push_start(PathStart::Body(message));
        Typed::path(path)
    }

    fn call(
        &mut self,
        name: &str,
        arguments: &'e [Expr<'e>],
        at: usize,
        scope: &NameScope<'e>,
    ) -> Result<Typed, SyntaxError> {
        if name == "matches" {
            return self.matches(arguments, at, scope);
        }
        let Some((function, signature)) = self.program.find_function(name) else {
            if let Some(found) = self.names.find(name) {
                return self.use_named(found, arguments, at, scope);
            }
            return Err(SyntaxError::new(at, self.unknown_function(name)));
        };
        let [least, most] = signature.arguments;
        if !(least..=most).contains(&arguments.len()) {
            let wanted = if least == most { least.to_string() } else { format!("{least} to {most}") };
            return Err(SyntaxError::new(at, format!("{name} takes {wanted} arguments, not {}", arguments.len())));
        }
        let (arguments, types) = self.list(arguments, scope)?;
        Ok(match (signature.gives, types.first()) {
            (Type::Bool, _) => self.typed_bool(BoolNode::Call(function, arguments)),
            (_, Some(list)) if signature.gives_element => {
                self.typed(ValueNode::Call(function, arguments), list.element())
            }
            (gives, _) => self.typed(ValueNode::Call(function, arguments), gives),
        })
    }

    fn unknown_function(&self, name: &str) -> String {
        match present_name(name) {
            Some(present) => format!("the function {name} is now {present}"),
            None => {
                let named: Vec<&str> = self.names.all();
                let near = nearest(name, self.program.function_names().chain(named));
                format!("unknown function {name:?}{near}")
            }
        }
    }

    fn matches(&mut self, arguments: &'e [Expr<'e>], at: usize, scope: &NameScope<'e>) -> Result<Typed, SyntaxError> {
        let [text, pattern] = arguments else {
            return Err(SyntaxError::new(at, "matches takes a string and a pattern"));
        };
        let ExprKind::Text(literal) = &pattern.kind else {
            return Err(SyntaxError::new(pattern.at, "the pattern of matches must be a literal string"));
        };
        let compiled = Regex::new(literal)
            .map_err(|error| SyntaxError::new(pattern.at, format!("pattern of matches: {error}")))?;
        let (text, _) = self.value(text, scope)?;
        let pattern = self.program.push_pattern(compiled);
        Ok(self.typed_bool(BoolNode::Matches(text, pattern)))
    }

    /// `a && b && c` as one list, however it is put in parentheses; the same for `||`.
    fn chain(
        &mut self,
        parts: &'e [Expr<'e>],
        scope: &NameScope<'e>,
        make: fn(Span) -> BoolNode,
    ) -> Result<Typed, SyntaxError> {
        let mut flat = Vec::new();
        for part in parts {
            let part = self.condition(part, scope)?;
            match *self.program.bool(part) {
                node @ (BoolNode::All(inner) | BoolNode::Any(inner)) if make(inner) == node => {
                    flat.extend(self.program.bools_of(inner));
                }
                _ => flat.push(part),
            }
        }
        let parts = self.program.push_bools(&flat);
        Ok(self.typed_bool(make(parts)))
    }

    fn folded(&mut self, folded: &'e Macro<'e>, at: usize, scope: &NameScope<'e>) -> Result<Typed, SyntaxError> {
        let variable = folded.variable;
        if let Some(hidden) = hidden_by(variable, self.names, scope.find(variable).is_some()) {
            return Err(SyntaxError::new(at, format!("the variable {variable} hides {hidden}: take another name")));
        }
        let (range, of_range) = self.value(&folded.range, scope)?;
        let bound = BoundName::Variable(self.variables, of_range.element());
        let inner = scope.clone().with(std::iter::once((variable, bound)));
        self.variables += 1;
        let folded = self.folded_over(folded, range, of_range, &inner);
        self.variables -= 1;
        folded
    }

    fn folded_over(
        &mut self,
        folded: &'e Macro<'e>,
        range: ValueId,
        of_range: Type,
        scope: &NameScope<'e>,
    ) -> Result<Typed, SyntaxError> {
        let quantifier = match folded.kind {
            MacroKind::All => Quantifier::All,
            MacroKind::Exists => Quantifier::Exists,
            MacroKind::ExistsOne => Quantifier::ExistsOne,
            MacroKind::Filter => {
                let body = self.condition(&folded.body, scope)?;
                return Ok(self.typed(ValueNode::Filter(range, body), of_range.element().list()));
            }
            MacroKind::Map => {
                let filter = folded.filter.as_ref().map(|filter| self.condition(filter, scope)).transpose()?;
                let (body, gives) = self.value(&folded.body, scope)?;
                let node = match filter {
                    Some(filter) => ValueNode::MapWhere(self.program.push_values(&[range, body]), filter),
                    None => ValueNode::Map(range, body),
                };
                return Ok(self.typed(node, gives.list()));
            }
        };
        let body = self.condition(&folded.body, scope)?;
        Ok(self.typed_bool(BoolNode::Macro(quantifier, range, body)))
    }
}

/// What a value is compared with, mostly.
enum Literal {
    Text(TextId),
    Nothing,
}

impl Literal {
    fn of(node: ValueNode) -> Option<Self> {
        match node {
            ValueNode::Text(text) => Some(Self::Text(text)),
            ValueNode::Null => Some(Self::Nothing),
            _ => None,
        }
    }
}

fn number(literal: &str, at: usize) -> Result<NumberLiteral, SyntaxError> {
    if let Ok(int) = literal.parse() {
        return Ok(NumberLiteral::Int(int));
    }
    literal
        .parse()
        .map(NumberLiteral::Decimal)
        .map_err(|_| SyntaxError::new(at, "a number beyond the range of decimals"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::builtins::builtins;

    fn error(text: &str) -> (usize, String) {
        let error = compile(text, 100, &NamedExpressions::default(), &mut builtins().program()).expect_err(text);
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
            ("request.methd == 'GET'", 8, "a request has no member \"methd\"; did you mean method?"),
            ("has(flow.c3)", 9, "a flow has no member \"c3\"; did you mean c1?"),
            ("flow.earlier.exists(e, e.respnse.status == 200)", 25, "an exchange has no member \"respnse\""),
            ("last(flow_of('x').earlier).sage", 27, "an exchange has no member \"sage\"; did you mean stage?"),
            ("(flow.c1 != null ? flow.c1 : flow.c2).request.bdy", 46, "a request has no member \"bdy\""),
            ("[flow.c1, flow.c2].map(e, e.call)[0].stag", 37, "a call has no member"),
            ("near(1, 1, 0)", 0, "the function near is now approx_equal"),
            ("recording.failed_alike", 10, "the member failed_alike is now failed_same_opportunity"),
            ("recording.recent.stage", 17, "\"stage\" is asked of a list"),
            ("call.host.name", 10, "\"name\" is asked of a plain value"),
        ] {
            let found = error(text);
            assert!(found.0 == at && found.1.starts_with(what), "{text}: {found:?}");
        }
    }

    #[test]
    fn what_is_written_twice_is_one_node_at_any_depth() {
        let mut program = builtins().program();
        let [outside, inside] = ["[1].exists(a, a == 1)", "[2].exists(b, [1].exists(a, a == 1))"]
            .map(|text| compile(text, 0, &NamedExpressions::default(), &mut program).expect("an expression"));
        let condition = |value| match *program.value(value) {
            ValueNode::Bool(part) => part,
            other => panic!("{other:?}"),
        };
        let (inside, outside) = (condition(inside), condition(outside));
        assert!(matches!(*program.bool(inside), BoolNode::Macro(_, _, body) if body == outside));
    }

    #[test]
    fn numbers_are_exact() {
        assert_eq!(number("0.10", 0), Ok(NumberLiteral::Decimal(rust_decimal::Decimal::new(10, 2))));
        assert!(number("99999999999999999999999999999999", 0).is_err());
    }
}
