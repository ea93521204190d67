//! Syntax tree of an expression → nodes of the program, with names resolved and patterns compiled.

use std::rc::Rc;

use regex::Regex;

use super::code::{Code, Node, NodeId, Number, Root, Span};
use super::functions::Function;
use super::named_expressions::{Named, Names, hidden_by, suggest_name};
use super::parser::{Expr, Kind, Macro, Operator, SyntaxError, parse};
use super::path::Message;
use super::suggest::nearest;

/// Most nodes of one expression, those of the named ones in it included.
const MAX_NODES: usize = 10_000;

/// Highest tree of an expression, with those of the named ones in it.
const MAX_HEIGHT: usize = 200;

/// Compiles an expression. `origin` is the byte of the file at which its text begins; errors name their place in the file.
pub fn compile(text: &str, origin: usize, names: &Names<'_>, code: &mut Code) -> Result<NodeId, SyntaxError> {
    Compiler::new(code, names).node(&parse(text, origin)?, &Scope::default())
}

/// Compiles the named expressions of a file, so that what is wrong with one is told at its own place.
pub fn check_names(names: &Names<'_>, code: &mut Code) -> Result<(), SyntaxError> {
    for (name, named) in names.own() {
        let anything = named.parameters.iter().map(|parameter| (*parameter, Bound::Anything));
        Compiler::new(code, names).named(name, named, names, Scope::default().with(anything), named.at)?;
    }
    Ok(())
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
    /// A variable of a macro, with so many others around it.
    Variable(usize),
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
    code: &'c mut Code,
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
    fn new(code: &'c mut Code, names: &'e Names<'e>) -> Self {
        Self { code, names, variables: 0, open: Vec::new(), nodes: 0, height: 0 }
    }

    fn node(&mut self, expr: &'e Expr<'e>, scope: &Scope<'e>) -> Result<NodeId, SyntaxError> {
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

    fn node_of(&mut self, expr: &'e Expr<'e>, scope: &Scope<'e>) -> Result<NodeId, SyntaxError> {
        let node = match &expr.kind {
            Kind::Null => Node::Null,
            Kind::Bool(value) => Node::Bool(*value),
            Kind::Number(literal) => Node::Number(self.code.push_number(number(literal, expr.at)?)),
            Kind::Text(text) => Node::Text(self.code.push_text(text)),
            Kind::Name(name) => return self.name(name, expr.at, scope),
            Kind::Member(operand, name) => {
                let operand = self.node(operand, scope)?;
                self.member(operand, name)
            }
            Kind::Has(operand, name) => Node::Has(self.node(operand, scope)?, self.code.push_text(name)),
            Kind::Index(operand, index) => {
                let operand = self.node(operand, scope)?;
                match &index.kind {
                    // `x["@type"]` is the common way to a key that is no identifier.
                    Kind::Text(key) => self.member(operand, key),
                    _ => Node::Index(operand, self.node(index, scope)?),
                }
            }
            Kind::Call(name, arguments) => return self.call(name, arguments, expr.at, scope),
            Kind::Macro(folded) => self.folded(folded, expr.at, scope)?,
            Kind::Not(operand) => Node::Not(self.node(operand, scope)?),
            Kind::Negate(operand) => Node::Negate(self.node(operand, scope)?),
            Kind::All(parts) => self.chain(parts, scope, Node::All)?,
            Kind::Any(parts) => self.chain(parts, scope, Node::Any)?,
            Kind::Conditional(parts) => Node::Conditional(self.list(&parts[..], scope)?),
            Kind::Binary(operator, sides) => {
                let [left, right] = &**sides;
                let (left, right) = (self.node(left, scope)?, self.node(right, scope)?);
                match operator {
                    Operator::Equal => Node::Equal(left, right),
                    Operator::Unequal => Node::Unequal(left, right),
                    Operator::Compare(comparison) => Node::Compare(*comparison, left, right),
                    Operator::Arithmetic(operator) => Node::Arithmetic(*operator, left, right),
                    Operator::In => Node::In(left, right),
                }
            }
            Kind::List(elements) => Node::List(self.list(elements, scope)?),
        };
        Ok(self.code.push(node))
    }

    fn list(&mut self, parts: &'e [Expr<'e>], scope: &Scope<'e>) -> Result<Span, SyntaxError> {
        let nodes = parts.iter().map(|part| self.node(part, scope)).collect::<Result<Vec<_>, _>>()?;
        Ok(self.code.push_list(&nodes))
    }

    fn name(&mut self, name: &str, at: usize, scope: &Scope<'e>) -> Result<NodeId, SyntaxError> {
        let node = match scope.find(name) {
            Some(Bound::Variable(around)) => {
                Node::Local(u32::try_from(self.variables - around - 1).unwrap_or(u32::MAX))
            }
            Some(Bound::Argument(argument)) => return self.argument(argument),
            Some(Bound::Anything) => Node::Null,
            None if name == "strict" => Node::Strict,
            None => match (Root::from_name(name), self.names.find(name)) {
                (Some(root), _) => Node::Root(root),
                (None, Some(found)) => return self.use_named(found, &[], at, scope),
                (None, None) => {
                    let near = suggest_name(name, self.names, scope.bindings().map(|binding| binding.name));
                    return Err(SyntaxError::new(at, format!("unknown name {name:?}{near}")));
                }
            },
        };
        Ok(self.code.push(node))
    }

    fn argument(&mut self, argument: &Argument<'e>) -> Result<NodeId, SyntaxError> {
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
    ) -> Result<NodeId, SyntaxError> {
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
    ) -> Result<NodeId, SyntaxError> {
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

    fn member(&mut self, operand: NodeId, name: &str) -> Node {
        match (self.code.node(operand), name) {
            (Node::Root(Root::Request), "body") => Node::Body(Message::Request),
            (Node::Root(Root::Response), "body") => Node::Body(Message::Response),
            _ => Node::Member(operand, self.code.push_text(name)),
        }
    }

    fn call(
        &mut self,
        name: &str,
        arguments: &'e [Expr<'e>],
        at: usize,
        scope: &Scope<'e>,
    ) -> Result<NodeId, SyntaxError> {
        if name == "matches" {
            return self.matches(arguments, at, scope);
        }
        let Some(function) = Function::from_name(name) else {
            if let Some(found) = self.names.find(name) {
                return self.use_named(found, arguments, at, scope);
            }
            let near = nearest(name, Function::NAMES.iter().copied().chain(self.names.all()));
            return Err(SyntaxError::new(at, format!("unknown function {name:?}{near}")));
        };
        let (least, most) = function.arguments();
        if !(least..=most).contains(&arguments.len()) {
            let wanted = if least == most { least.to_string() } else { format!("{least} to {most}") };
            return Err(SyntaxError::new(at, format!("{name} takes {wanted} arguments, not {}", arguments.len())));
        }
        let arguments = self.list(arguments, scope)?;
        Ok(self.code.push(Node::Call(function, arguments)))
    }

    fn matches(&mut self, arguments: &'e [Expr<'e>], at: usize, scope: &Scope<'e>) -> Result<NodeId, SyntaxError> {
        let [text, pattern] = arguments else {
            return Err(SyntaxError::new(at, "matches takes a string and a pattern"));
        };
        let Kind::Text(literal) = &pattern.kind else {
            return Err(SyntaxError::new(pattern.at, "the pattern of matches must be a literal string"));
        };
        let compiled = Regex::new(literal)
            .map_err(|error| SyntaxError::new(pattern.at, format!("pattern of matches: {error}")))?;
        let (text, pattern) = (self.node(text, scope)?, self.code.push_pattern(compiled));
        Ok(self.code.push(Node::Matches(text, pattern)))
    }

    /// `a && b && c` as one list, however it is put in parentheses; the same for `||`.
    fn chain(&mut self, parts: &'e [Expr<'e>], scope: &Scope<'e>, make: fn(Span) -> Node) -> Result<Node, SyntaxError> {
        let mut flat = Vec::new();
        for part in parts {
            let part = self.node(part, scope)?;
            match *self.code.node(part) {
                node @ (Node::All(inner) | Node::Any(inner)) if make(inner) == node => {
                    flat.extend(self.code.list(inner));
                }
                _ => flat.push(part),
            }
        }
        Ok(make(self.code.push_list(&flat)))
    }

    fn folded(&mut self, folded: &'e Macro<'e>, at: usize, scope: &Scope<'e>) -> Result<Node, SyntaxError> {
        let variable = folded.variable;
        if let Some(hidden) = hidden_by(variable, self.names, scope.find(variable).is_some()) {
            return Err(SyntaxError::new(at, format!("the variable {variable} hides {hidden}: take another name")));
        }
        let range = self.node(&folded.range, scope)?;
        let inner = scope.clone().with(std::iter::once((variable, Bound::Variable(self.variables))));
        self.variables += 1;
        let body = self.body(folded, &inner);
        self.variables -= 1;
        Ok(Node::Macro(folded.kind, range, body?))
    }

    fn body(&mut self, folded: &'e Macro<'e>, scope: &Scope<'e>) -> Result<NodeId, SyntaxError> {
        let filter = folded.filter.as_ref().map(|filter| self.node(filter, scope)).transpose()?;
        let body = self.node(&folded.body, scope)?;
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
        let error = compile(text, 100, &Names::default(), &mut Code::default()).expect_err(text);
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
            .map(|text| compile(text, 0, &Names::default(), &mut code).expect("an expression"));
        assert!(matches!(*code.node(inside), Node::Macro(_, _, body) if body == outside));
    }

    #[test]
    fn numbers_are_exact() {
        assert_eq!(number("0.10", 0), Ok(Number::Decimal(rust_decimal::Decimal::new(10, 2))));
        assert!(number("99999999999999999999999999999999", 0).is_err());
    }
}
