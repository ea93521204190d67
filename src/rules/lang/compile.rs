//! Syntax tree of an expression → nodes of the program, with names resolved and patterns compiled.

use std::rc::Rc;

use regex::Regex;

use crate::rules::lang::named_expressions::{Named, Names, hidden_by, suggest_name};
use crate::rules::lang::parser::{Expr, Kind, Macro, Operator, SyntaxError, parse};
use crate::rules::lang::path::Message;
use crate::rules::lang::program::{MacroKind, Node, NodeId, Number, Program, Root, Span};
use crate::rules::lang::suggest::nearest;
use crate::rules::lang::types::Type;
use crate::rules::lang::value::Arithmetic;
use crate::rules::lang::vocabulary::{Function, Member, present_name};

/// Most nodes of one expression, those of the named ones in it included.
const MAX_NODES: usize = 10_000;

/// Highest tree of an expression, with those of the named ones in it.
const MAX_HEIGHT: usize = 200;

/// Compiles an expression. `origin` is the byte of the file at which its text begins; errors name their place in the file.
pub fn compile(text: &str, origin: usize, names: &Names<'_>, program: &mut Program) -> Result<NodeId, SyntaxError> {
    Compiler::new(program, names).node(&parse(text, origin)?, &Scope::default()).map(|part| part.node)
}

/// Compiles the named expressions of a file, so that what is wrong with one is told at its own place.
pub fn check_names(names: &Names<'_>, program: &mut Program) -> Result<(), SyntaxError> {
    for (name, named) in names.own() {
        let anything = named.parameters.iter().map(|parameter| (*parameter, Bound::Anything));
        Compiler::new(program, names).named(name, named, names, Scope::default().with(anything), named.at)?;
    }
    Ok(())
}

/// A compiled part of an expression, and what it gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Typed {
    pub node: NodeId,
    pub gives: Type,
}

/// What names stand for within an expression, those of the language and named expressions aside.
#[derive(Clone, Default)]
struct Scope<'e>(Option<Rc<Binding<'e>>>);

struct Binding<'e> {
    name: &'e str,
    bound: Bound<'e>,
    outer: Scope<'e>,
}

#[derive(Clone)]
enum Bound<'e> {
    /// A variable of a macro, with so many others around it, and what it stands for.
    Variable(usize, Type),
    /// A parameter of a named expression: what is given for it.
    Argument(Argument<'e>),
    /// A parameter for which nothing is given yet.
    Anything,
}

/// What is given for a parameter, with what names stand for where it is given.
#[derive(Clone)]
struct Argument<'e> {
    expr: &'e Expr<'e>,
    names: &'e Names<'e>,
    scope: Scope<'e>,
    /// How many named expressions were being compiled there.
    open: usize,
}

impl<'e> Scope<'e> {
    fn with(self, bound: impl Iterator<Item = (&'e str, Bound<'e>)>) -> Self {
        bound.fold(self, |outer, (name, bound)| Self(Some(Rc::new(Binding { name, bound, outer }))))
    }

    fn bindings(&self) -> impl Iterator<Item = &Binding<'e>> {
        std::iter::successors(self.0.as_deref(), |binding| binding.outer.0.as_deref())
    }

    fn find(&self, name: &str) -> Option<&Bound<'e>> {
        self.bindings().find(|binding| binding.name == name).map(|binding| &binding.bound)
    }
}

struct Compiler<'c, 'e> {
    program: &'c mut Program,
    /// The named expressions that can be used here.
    names: &'e Names<'e>,
    /// Variables of macros around.
    variables: usize,
    /// Named expressions that are being compiled, the outermost one first.
    open: Vec<(&'e str, &'e Named<'e>)>,
    nodes: usize,
    height: usize,
}

impl<'c, 'e> Compiler<'c, 'e> {
    fn new(program: &'c mut Program, names: &'e Names<'e>) -> Self {
        Self { program, names, variables: 0, open: Vec::new(), nodes: 0, height: 0 }
    }

    fn node(&mut self, expr: &'e Expr<'e>, scope: &Scope<'e>) -> Result<Typed, SyntaxError> {
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

    fn node_of(&mut self, expr: &'e Expr<'e>, scope: &Scope<'e>) -> Result<Typed, SyntaxError> {
        let (node, gives) = match &expr.kind {
            Kind::Null => (Node::Null, Type::Nothing),
            Kind::Bool(value) => (Node::Bool(*value), Type::Plain),
            Kind::Number(literal) => (Node::Number(self.program.push_number(number(literal, expr.at)?)), Type::Plain),
            Kind::Text(text) => (Node::Text(self.program.push_text(text)), Type::Plain),
            Kind::Name(name) => return self.name(name, expr.at, scope),
            Kind::Member(operand, name) => {
                let operand = self.node(operand, scope)?;
                self.member(operand, name, expr.at)?
            }
            Kind::Has(operand, name) => {
                let operand = self.node(operand, scope)?;
                self.member(operand, name, expr.at)?;
                (Node::Has(operand.node, self.program.push_text(name)), Type::Plain)
            }
            Kind::Index(operand, index) => {
                let operand = self.node(operand, scope)?;
                match &index.kind {
                    // `x["@type"]` is the common way to a key that is no identifier.
                    Kind::Text(key) => self.member(operand, key, index.at)?,
                    _ => (Node::Index(operand.node, self.node(index, scope)?.node), operand.gives.element()),
                }
            }
            Kind::Call(name, arguments) => return self.call(name, arguments, expr.at, scope),
            Kind::Macro(folded) => self.folded(folded, expr.at, scope)?,
            Kind::Not(operand) => (Node::Not(self.node(operand, scope)?.node), Type::Plain),
            Kind::Negate(operand) => (Node::Negate(self.node(operand, scope)?.node), Type::Plain),
            Kind::All(parts) => (self.chain(parts, scope, Node::All)?, Type::Plain),
            Kind::Any(parts) => (self.chain(parts, scope, Node::Any)?, Type::Plain),
            Kind::Conditional(parts) => {
                let (parts, types) = self.list(&parts[..], scope)?;
                (Node::Conditional(parts), types.into_iter().skip(1).reduce(Type::or).unwrap_or(Type::Any))
            }
            Kind::Binary(operator, sides) => {
                let [left, right] = &**sides;
                let (left, right) = (self.node(left, scope)?, self.node(right, scope)?);
                let gives = match operator {
                    // Of two lists it is a list.
                    Operator::Arithmetic(Arithmetic::Add) => left.gives.or(right.gives),
                    _ => Type::Plain,
                };
                (binary(*operator, left.node, right.node), gives)
            }
            Kind::List(elements) => {
                let (elements, types) = self.list(elements, scope)?;
                (Node::List(elements), types.into_iter().reduce(Type::or).unwrap_or(Type::Any).list())
            }
        };
        Ok(Typed { node: self.program.push(node), gives })
    }

    fn list(&mut self, parts: &'e [Expr<'e>], scope: &Scope<'e>) -> Result<(Span, Vec<Type>), SyntaxError> {
        let parts = parts.iter().map(|part| self.node(part, scope)).collect::<Result<Vec<_>, _>>()?;
        let nodes: Vec<NodeId> = parts.iter().map(|part| part.node).collect();
        Ok((self.program.push_list(&nodes), parts.into_iter().map(|part| part.gives).collect()))
    }

    fn name(&mut self, name: &str, at: usize, scope: &Scope<'e>) -> Result<Typed, SyntaxError> {
        let (node, gives) = match scope.find(name) {
            Some(Bound::Variable(around, gives)) => {
                (Node::Local(u32::try_from(self.variables - around - 1).unwrap_or(u32::MAX)), *gives)
            }
            Some(Bound::Argument(argument)) => return self.argument(argument),
            Some(Bound::Anything) => (Node::Null, Type::Any),
            None if name == "strict" => (Node::Strict, Type::Any),
            None => match (Root::from_name(name), self.names.find(name)) {
                (Some(root), _) => (Node::Root(root), root.gives()),
                (None, Some(found)) => return self.use_named(found, &[], at, scope),
                (None, None) => {
                    let near = suggest_name(name, self.names, scope.bindings().map(|binding| binding.name));
                    return Err(SyntaxError::new(at, format!("unknown name {name:?}{near}")));
                }
            },
        };
        Ok(Typed { node: self.program.push(node), gives })
    }

    fn argument(&mut self, argument: &Argument<'e>) -> Result<Typed, SyntaxError> {
        let names = std::mem::replace(&mut self.names, argument.names);
        let open = self.open.split_off(argument.open);
        let node = self.node(argument.expr, &argument.scope);
        self.open.extend(open);
        self.names = names;
        node
    }

    /// A named expression where it is used, with its arguments.
    fn use_named(
        &mut self,
        (name, named, names): (&'e str, &'e Named<'e>, &'e Names<'e>),
        arguments: &'e [Expr<'e>],
        at: usize,
        scope: &Scope<'e>,
    ) -> Result<Typed, SyntaxError> {
        let wanted = named.parameters.len();
        if arguments.len() != wanted {
            let wanted = match wanted {
                0 => "no arguments".to_owned(),
                1 => "1 argument".to_owned(),
                more => format!("{more} arguments"),
            };
            return Err(SyntaxError::new(at, format!("{name} takes {wanted}, not {}", arguments.len())));
        }
        let (names_here, open) = (self.names, self.open.len());
        let bound = arguments
            .iter()
            .map(|expr| Bound::Argument(Argument { expr, names: names_here, scope: scope.clone(), open }));
        let scope = Scope::default().with(named.parameters.iter().copied().zip(bound));
        let is_of_book = !std::ptr::eq(self.names, names);
        // What is wrong in another file is told where the name is used.
        self.named(name, named, names, scope, at)
            .map_err(|error| if is_of_book { SyntaxError { at, ..error.within(name) } } else { error })
    }

    /// What a named expression is, with what its parameters are bound to.
    fn named(
        &mut self,
        name: &'e str,
        named: &'e Named<'e>,
        names: &'e Names<'e>,
        scope: Scope<'e>,
        at: usize,
    ) -> Result<Typed, SyntaxError> {
        if let Some(known) = named.node.get() {
            return Ok(known);
        }
        if let Some(place) = self.open.iter().position(|(_, open)| std::ptr::eq(*open, named)) {
            let others: Vec<&str> = self.open[place + 1..].iter().map(|(name, _)| *name).collect();
            let way = if others.is_empty() { String::new() } else { format!(", by way of {}", others.join(" and ")) };
            return Err(SyntaxError::new(at, format!("{name} stands for itself{way}")));
        }
        self.open.push((name, named));
        let here = std::mem::replace(&mut self.names, names);
        let node = self.node(&named.expr, &scope);
        self.names = here;
        self.open.pop();
        if named.parameters.is_empty() {
            named.node.set(node.as_ref().ok().copied());
        }
        node
    }

    /// A member: any of a node of a message, one of its own of an exchange and the like.
    fn member(&mut self, operand: Typed, name: &str, at: usize) -> Result<(Node, Type), SyntaxError> {
        let Typed { node: operand, gives } = operand;
        match gives {
            Type::Any | Type::Nothing | Type::Node => {
                let gives = if gives == Type::Node { Type::Node } else { Type::Any };
                Ok((Node::Member(operand, self.program.push_text(name)), gives))
            }
            Type::Headers | Type::Names => Ok((Node::Member(operand, self.program.push_text(name)), Type::Plain)),
            Type::Plain => {
                Err(SyntaxError::new(at, format!("{name:?} is asked of a plain value, which has no members")))
            }
            Type::List(_) => {
                let what = format!("{name:?} is asked of a list: take an element of it, or a macro");
                Err(SyntaxError::new(at, what))
            }
            of => match Member::find(of, name) {
                Some(Member::RequestBody) if *self.program.node(operand) == Node::Root(Root::Request) => {
                    Ok((Node::Body(Message::Request), Type::Node))
                }
                Some(Member::ResponseBody) if *self.program.node(operand) == Node::Root(Root::Response) => {
                    Ok((Node::Body(Message::Response), Type::Node))
                }
                Some(member) => Ok((Node::Select(operand, member), member.gives())),
                None if present_name(name).is_some_and(|present| Member::find(of, present).is_some()) => {
                    let what = format!("the member {name} is now {}", present_name(name).unwrap_or_default());
                    Err(SyntaxError::new(at, what))
                }
                None => {
                    let known = Member::ALL.iter().filter(|member| member.of() == of).map(|member| member.name());
                    let what = format!("{} has no member {name:?}{}", of.describe(), nearest(name, known));
                    Err(SyntaxError::new(at, what))
                }
            },
        }
    }

    fn call(
        &mut self,
        name: &str,
        arguments: &'e [Expr<'e>],
        at: usize,
        scope: &Scope<'e>,
    ) -> Result<Typed, SyntaxError> {
        if name == "matches" {
            return self.matches(arguments, at, scope);
        }
        let Some(function) = Function::from_name(name) else {
            if let Some(found) = self.names.find(name) {
                return self.use_named(found, arguments, at, scope);
            }
            return Err(SyntaxError::new(at, self.unknown_function(name)));
        };
        let (least, most) = function.arguments();
        if !(least..=most).contains(&arguments.len()) {
            let wanted = if least == most { least.to_string() } else { format!("{least} to {most}") };
            return Err(SyntaxError::new(at, format!("{name} takes {wanted} arguments, not {}", arguments.len())));
        }
        let (arguments, types) = self.list(arguments, scope)?;
        let gives = match (function, types.first()) {
            (Function::Last, Some(list)) => list.element(),
            _ => function.gives(),
        };
        Ok(Typed { node: self.program.push(Node::Call(function, arguments)), gives })
    }

    fn unknown_function(&self, name: &str) -> String {
        match present_name(name) {
            Some(present) => format!("the function {name} is now {present}"),
            None => {
                let near = nearest(name, Function::NAMES.iter().copied().chain(self.names.all()));
                format!("unknown function {name:?}{near}")
            }
        }
    }

    fn matches(&mut self, arguments: &'e [Expr<'e>], at: usize, scope: &Scope<'e>) -> Result<Typed, SyntaxError> {
        let [text, pattern] = arguments else {
            return Err(SyntaxError::new(at, "matches takes a string and a pattern"));
        };
        let Kind::Text(literal) = &pattern.kind else {
            return Err(SyntaxError::new(pattern.at, "the pattern of matches must be a literal string"));
        };
        let compiled = Regex::new(literal)
            .map_err(|error| SyntaxError::new(pattern.at, format!("pattern of matches: {error}")))?;
        let (text, pattern) = (self.node(text, scope)?.node, self.program.push_pattern(compiled));
        Ok(Typed { node: self.program.push(Node::Matches(text, pattern)), gives: Type::Plain })
    }

    /// `a && b && c` as one list, however it is put in parentheses; the same for `||`.
    fn chain(&mut self, parts: &'e [Expr<'e>], scope: &Scope<'e>, make: fn(Span) -> Node) -> Result<Node, SyntaxError> {
        let mut flat = Vec::new();
        for part in parts {
            let part = self.node(part, scope)?.node;
            match *self.program.node(part) {
                node @ (Node::All(inner) | Node::Any(inner)) if make(inner) == node => {
                    flat.extend(self.program.list(inner));
                }
                _ => flat.push(part),
            }
        }
        Ok(make(self.program.push_list(&flat)))
    }

    fn folded(&mut self, folded: &'e Macro<'e>, at: usize, scope: &Scope<'e>) -> Result<(Node, Type), SyntaxError> {
        let variable = folded.variable;
        if let Some(hidden) = hidden_by(variable, self.names, scope.find(variable).is_some()) {
            return Err(SyntaxError::new(at, format!("the variable {variable} hides {hidden}: take another name")));
        }
        let range = self.node(&folded.range, scope)?;
        let bound = Bound::Variable(self.variables, range.gives.element());
        let inner = scope.clone().with(std::iter::once((variable, bound)));
        self.variables += 1;
        let body = self.body(folded, &inner);
        self.variables -= 1;
        let body = body?;
        let gives = match folded.kind {
            MacroKind::Filter => range.gives,
            MacroKind::Map => body.gives.list(),
            MacroKind::All | MacroKind::Exists | MacroKind::ExistsOne => Type::Plain,
        };
        Ok((Node::Macro(folded.kind, range.node, body.node), gives))
    }

    fn body(&mut self, folded: &'e Macro<'e>, scope: &Scope<'e>) -> Result<Typed, SyntaxError> {
        let filter = folded.filter.as_ref().map(|filter| self.node(filter, scope)).transpose()?;
        let body = self.node(&folded.body, scope)?;
        let filtered = |filter: Typed| self.program.push(Node::Filtered(filter.node, body.node));
        Ok(Typed { node: filter.map_or(body.node, filtered), ..body })
    }
}

fn binary(operator: Operator, left: NodeId, right: NodeId) -> Node {
    match operator {
        Operator::Equal => Node::Equal(left, right),
        Operator::Unequal => Node::Unequal(left, right),
        Operator::Compare(comparison) => Node::Compare(comparison, left, right),
        Operator::Arithmetic(operator) => Node::Arithmetic(operator, left, right),
        Operator::In => Node::In(left, right),
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
        let error = compile(text, 100, &Names::default(), &mut Program::default()).expect_err(text);
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
        let mut program = Program::default();
        let [outside, inside] = ["[1].exists(a, a == 1)", "[2].exists(b, [1].exists(a, a == 1))"]
            .map(|text| compile(text, 0, &Names::default(), &mut program).expect("an expression"));
        assert!(matches!(*program.node(inside), Node::Macro(_, _, body) if body == outside));
    }

    #[test]
    fn numbers_are_exact() {
        assert_eq!(number("0.10", 0), Ok(Number::Decimal(rust_decimal::Decimal::new(10, 2))));
        assert!(number("99999999999999999999999999999999", 0).is_err());
    }
}
