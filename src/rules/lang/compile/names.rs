//! What names stand for: variables of macros, parameters, and named expressions where they are used.

use std::rc::Rc;

use super::{Compiler, Typed};
use crate::rules::lang::named_expressions::{NamedExpression, NamedExpressions, suggest_name};
use crate::rules::lang::node::{PathRoot, PathStart, ValueNode};
use crate::rules::lang::parser::{Expr, SyntaxError};
use crate::rules::lang::types::Type;

/// What names stand for within an expression, those of the language and named expressions aside.
#[derive(Clone, Default)]
pub(super) struct NameScope<'e>(Option<Rc<NameBinding<'e>>>);

pub(super) struct NameBinding<'e> {
    name: &'e str,
    bound: BoundName<'e>,
    outer: NameScope<'e>,
}

#[derive(Clone)]
pub(super) enum BoundName<'e> {
    /// A variable of a macro, with so many others around it, and what it stands for.
    Variable(usize, Type),
    /// A parameter of a named expression: what is given for it.
    Argument(BoundArgument<'e>),
    /// A parameter for which nothing is given yet.
    Anything,
}

/// What is given for a parameter, with what names stand for where it is given.
#[derive(Clone)]
pub(super) struct BoundArgument<'e> {
    expr: &'e Expr<'e>,
    names: &'e NamedExpressions<'e>,
    scope: NameScope<'e>,
    /// How many named expressions were being compiled there.
    open: usize,
}

impl<'e> NameScope<'e> {
    pub(super) fn with(self, bound: impl Iterator<Item = (&'e str, BoundName<'e>)>) -> Self {
        bound.fold(self, |outer, (name, bound)| Self(Some(Rc::new(NameBinding { name, bound, outer }))))
    }

    pub(super) fn bindings(&self) -> impl Iterator<Item = &NameBinding<'e>> {
        std::iter::successors(self.0.as_deref(), |binding| binding.outer.0.as_deref())
    }

    pub(super) fn find(&self, name: &str) -> Option<&BoundName<'e>> {
        self.bindings().find(|binding| binding.name == name).map(|binding| &binding.bound)
    }
}

impl<'e> Compiler<'_, 'e> {
    pub(super) fn name(&mut self, name: &str, at: usize, scope: &NameScope<'e>) -> Result<Typed, SyntaxError> {
        match scope.find(name) {
            Some(BoundName::Variable(around, gives)) => {
                let steps = u32::try_from(self.variables - around - 1).unwrap_or(u32::MAX);
                Ok(match gives {
                    Type::Node => {
                        let path = self.program.push_start(PathStart::Local(steps));
                        Typed::path(path)
                    }
                    gives => self.typed(ValueNode::Local(steps), *gives),
                })
            }
            Some(BoundName::Argument(argument)) => self.argument(argument),
            Some(BoundName::Anything) => Ok(self.typed(ValueNode::Null, Type::Any)),
            None if name == "strict" => Ok(self.typed(ValueNode::Strict, Type::Any)),
            None => match (PathRoot::from_name(name), self.names.find(name)) {
                (Some(PathRoot::Item), _) => {
                    let path = self.program.push_start(PathStart::Item);
                    Ok(Typed::path(path))
                }
                (Some(root), _) => Ok(self.typed(ValueNode::Root(root), root.gives())),
                (None, Some(found)) => self.use_named(found, &[], at, scope),
                (None, None) => {
                    let near = suggest_name(name, self.names, scope.bindings().map(|binding| binding.name));
                    Err(SyntaxError::new(at, format!("unknown name {name:?}{near}")))
                }
            },
        }
    }

    fn argument(&mut self, argument: &BoundArgument<'e>) -> Result<Typed, SyntaxError> {
        let names = std::mem::replace(&mut self.names, argument.names);
        let open = self.open.split_off(argument.open);
        let node = self.node(argument.expr, &argument.scope);
        self.open.extend(open);
        self.names = names;
        node
    }

    /// A named expression where it is used, with its arguments.
    pub(super) fn use_named(
        &mut self,
        (name, named, names): (&'e str, &'e NamedExpression<'e>, &'e NamedExpressions<'e>),
        arguments: &'e [Expr<'e>],
        at: usize,
        scope: &NameScope<'e>,
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
            .map(|expr| BoundName::Argument(BoundArgument { expr, names: names_here, scope: scope.clone(), open }));
        let scope = NameScope::default().with(named.parameters.iter().copied().zip(bound));
        let is_of_book = !std::ptr::eq(self.names, names);
        // What is wrong in another file is told where the name is used.
        self.named(name, named, names, scope, at)
            .map_err(|error| if is_of_book { SyntaxError { at, ..error.within(name) } } else { error })
    }

    /// What a named expression is, with what its parameters are bound to.
    pub(super) fn named(
        &mut self,
        name: &'e str,
        named: &'e NamedExpression<'e>,
        names: &'e NamedExpressions<'e>,
        scope: NameScope<'e>,
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
}
