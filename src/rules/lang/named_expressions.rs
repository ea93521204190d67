//! Named expressions: `[let]` of a rule file, and those of the book in `expressions.toml`.
//!
//! ```text
//! name, name(parameter, …) = expression ─► NamedExpressions of a file ─► looked up where an expression is compiled
//!                                              └─ then in those of the book
//! ```
//!
//! A name stands for its expression and nothing more: where it is used its nodes are those of the expression, so that the memo
//! evaluates it once, and only if somebody asks. One with parameters is compiled anew for its arguments.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use crate::rules::lang::compile::Typed;
use crate::rules::lang::node::PathRoot;
use crate::rules::lang::parser::{Expr, SyntaxError, parse};
use crate::rules::lang::suggest::nearest;

/// The names that an expression may use.
#[derive(Debug, Default)]
pub(crate) struct NamedExpressions<'n> {
    own: BTreeMap<&'n str, NamedExpression<'n>>,
    outer: Option<&'n NamedExpressions<'n>>,
}

/// A named expression.
#[derive(Debug)]
pub(crate) struct NamedExpression<'n> {
    pub parameters: Vec<&'n str>,
    pub expr: Expr<'n>,
    /// Its node, where it has no parameters and was compiled before.
    pub node: Cell<Option<Typed>>,
    is_used: Cell<bool>,
    /// Byte of the file at which its name stands.
    pub at: usize,
}

/// Words of the language that are no names.
const WORDS: [&str; 5] = ["true", "false", "null", "in", "strict"];

/// Functions and macros that have a syntax of their own.
const FORMS: [&str; 7] = ["has", "matches", "all", "exists", "exists_one", "filter", "map"];

impl<'n> NamedExpressions<'n> {
    /// No names of its own, but those of `outer`.
    pub(crate) fn below(outer: &'n NamedExpressions<'n>) -> Self {
        Self { own: BTreeMap::new(), outer: Some(outer) }
    }

    /// Adds a named expression. `signature` is `name` or `name(parameter, …)` and stands at byte `at` of the file, `text` at
    /// `origin`.
    pub(crate) fn add(
        &mut self,
        signature: &'n str,
        at: usize,
        text: &'n str,
        origin: usize,
    ) -> Result<(), SyntaxError> {
        let (name, parameters) = read_signature(signature).map_err(|what| SyntaxError::new(at, what))?;
        let named = NamedExpression {
            parameters,
            expr: parse(text, origin)?,
            node: Cell::default(),
            is_used: Cell::default(),
            at,
        };
        match self.own.entry(name) {
            Entry::Occupied(_) => Err(SyntaxError::new(at, format!("{name} is there twice"))),
            Entry::Vacant(entry) => {
                entry.insert(named);
                Ok(())
            }
        }
    }

    /// The names of this file, and what each stands for.
    pub(crate) fn own(&self) -> impl Iterator<Item = (&'n str, &NamedExpression<'n>)> {
        self.own.iter().map(|(name, named)| (*name, named))
    }

    /// A named expression, and the names that it may use in turn.
    pub(crate) fn find(&self, name: &str) -> Option<(&'n str, &NamedExpression<'n>, &NamedExpressions<'n>)> {
        match self.own.get_key_value(name) {
            Some((name, named)) => {
                named.is_used.set(true);
                Some((name, named, self))
            }
            None => self.outer?.find(name),
        }
    }

    /// All names that can be used here.
    pub(crate) fn all(&self) -> Vec<&'n str> {
        let outer = self.outer.map(NamedExpressions::all).unwrap_or_default();
        self.own.keys().copied().chain(outer).collect()
    }

    /// Fails for a name of this file that nothing uses.
    pub(crate) fn check_used(&self) -> Result<(), SyntaxError> {
        match self.own.iter().find(|(_, named)| !named.is_used.get()) {
            Some((name, named)) => Err(SyntaxError::new(named.at, format!("{name} is not used"))),
            None => Ok(()),
        }
    }
}

/// `name` or `name(parameter, …)`
fn read_signature(signature: &str) -> Result<(&str, Vec<&str>), String> {
    let (name, parameters) = match signature.split_once('(') {
        Some((name, rest)) => {
            let list = rest.strip_suffix(')').ok_or_else(|| format!("{signature:?}: the parenthesis is not closed"))?;
            (name, list.split(',').map(str::trim).collect())
        }
        None => (signature, Vec::new()),
    };
    for (place, one) in std::iter::once(&name).chain(&parameters).enumerate() {
        let is_name = one.starts_with(|first: char| first.is_ascii_lowercase())
            && one.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
        if !is_name {
            return Err(format!("{one:?} is no name: small letters, digits and underscores, a letter first"));
        }
        let is_form = || FORMS.contains(one);
        if let Some(hidden) = word_of_the_language(one).or_else(|| (place == 0 && is_form()).then_some("a function")) {
            return Err(format!("{one} hides {hidden} of the language: take another name"));
        }
        if place > 0 && parameters[..place - 1].contains(one) {
            return Err(format!("two parameters are called {one}"));
        }
    }
    Ok((name, parameters))
}

fn word_of_the_language(name: &str) -> Option<&'static str> {
    match PathRoot::from_name(name) {
        Some(_) => Some("a variable"),
        None => WORDS.contains(&name).then_some("a word"),
    }
}

/// What the variable of a macro would hide; `is_bound` says that another one around it has its name.
pub(crate) fn hidden_by(variable: &str, names: &NamedExpressions<'_>, is_bound: bool) -> Option<String> {
    if let Some(hidden) = word_of_the_language(variable) {
        return Some(format!("{hidden} of the language"));
    }
    if is_bound {
        return Some(format!("another {variable}"));
    }
    names.own.contains_key(variable).then(|| format!("the named expression {variable}"))
}

/// The end of an error message about an unknown name: the nearest of those that can be used.
pub(crate) fn suggest_name<'k>(
    name: &str,
    names: &'k NamedExpressions<'_>,
    variables: impl Iterator<Item = &'k str>,
) -> String {
    nearest(name, PathRoot::NAMES.into_iter().chain(["strict"]).chain(variables).chain(names.all()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::builtins::builtins;
    use crate::rules::lang::compile::{check_names, compile};
    use crate::rules::lang::node::{BoolNode, ValueId, ValueNode};
    use crate::rules::lang::program::Program;

    /// What an expression is, with these names; or what is wrong, and at which byte of the file.
    fn compiled(lets: &[(&str, &str)], text: &str) -> Result<(Program, ValueId), SyntaxError> {
        let (mut program, mut names) = (builtins().program(), NamedExpressions::default());
        for (place, (signature, text)) in lets.iter().enumerate() {
            names.add(signature, 100 * place, text, 100 * place + 50)?;
        }
        check_names(&names, &mut program)?;
        let node = compile(text, 1_000, &names, &mut program)?;
        names.check_used().map(|()| (program, node))
    }

    #[track_caller]
    fn assert_same(lets: &[(&str, &str)], text: &str, written_out: &str) {
        let (mut program, node) = compiled(lets, text).unwrap();
        assert_eq!(compile(written_out, 0, &NamedExpressions::default(), &mut program).unwrap(), node, "{text}");
    }

    #[test]
    fn a_name_is_its_expression() {
        assert_same(&[("order", "request.body")], "order.customer.email", "request.body.customer.email");
        assert_same(&[("a", "b && true"), ("b", "stage == 'B'")], "a && b", "stage == 'B' && true && stage == 'B'");
        let some = [("some", "item.list.exists(x, x == 1)")];
        assert_same(&some, "[1, 2].all(x, some)", "[1, 2].all(y, item.list.exists(z, z == 1))");
    }

    #[test]
    fn parameters_stand_for_what_is_given_whatever_it_is_called_there() {
        let is_one = [("is_in(x, list)", "list.exists(y, y == x)")];
        assert_same(&is_one, "is_in(1, [1])", "[1].exists(y, y == 1)");
        // The argument's `y` is the caller's.
        assert_same(&is_one, "[3].all(y, is_in(y, [y]))", "[3].all(a, [a].exists(b, b == a))");
        let twice = [("double(x)", "x + x"), ("four(x)", "double(double(x))")];
        assert_same(&twice, "four(2)", "(2 + 2) + (2 + 2)");
        assert_same(&twice, "2.four()", "four(2)".replace("four(2)", "(2 + 2) + (2 + 2)").as_str());
    }

    #[test]
    fn what_is_wrong_is_said_with_its_place() {
        for (lets, text, at, what) in [
            (&[("a", "1"), ("b", "2")][..], "a", 100, "b is not used"),
            (&[("a", "1 +")], "a", 53, "expected a value"),
            (&[("a", "b"), ("b", "c + a"), ("c", "1")], "a", 154, "a stands for itself, by way of b"),
            (&[("a(x)", "a(x)")], "a(1)", 50, "a stands for itself"),
            (&[("a", "reqest.body")], "a", 50, "unknown name \"reqest\"; did you mean request?"),
            (&[("customer", "1")], "custmer", 1_000, "unknown name \"custmer\"; did you mean customer?"),
            (&[("request", "1")], "1", 0, "request hides a variable"),
            (&[("size", "1")], "size", 0, "size hides a function"),
            (&[("a(item)", "1")], "a(1)", 0, "item hides a variable"),
            (&[("a(x, x)", "1")], "a(1, 1)", 0, "two parameters are called x"),
            (&[("A", "1")], "1", 0, "\"A\" is no name"),
            (&[("a(x)", "x")], "a", 1_000, "a takes 1 argument"),
            (&[("a", "1")], "a(1)", 1_000, "a takes no arguments"),
            (&[("a(x)", "x.methd == reqest")], "a(request)", 61, "unknown name \"reqest\""),
            (&[("a", "[1]")], "a.all(a, a == 1)", 1_002, "the variable a hides the named expression a"),
            (&[], "[1].all(item, item == 1)", 1_004, "the variable item hides a variable of the language"),
            (&[], "[1].all(x, [2].all(x, x == 1))", 1_015, "the variable x hides another x"),
        ] {
            let error = compiled(lets, text).map(drop).expect_err(text);
            assert!(error.at == at && error.what.starts_with(what), "{lets:?} {text}: {error:?}");
        }
    }

    #[test]
    fn names_of_the_book_are_found_behind_those_of_the_file() {
        let (mut program, mut book) = (builtins().program(), NamedExpressions::default());
        book.add("paid", 0, "request.body.payment", 0).unwrap();
        book.add("is_paid", 0, "paid != null", 0).unwrap();
        let mut file = NamedExpressions::below(&book);
        file.add("paid", 0, "true", 0).unwrap();
        let node = compile("is_paid && paid", 0, &file, &mut program).unwrap();
        let written_out =
            compile("request.body.payment != null && true", 0, &NamedExpressions::default(), &mut program).unwrap();
        assert_eq!(node, written_out, "the book's own names mean what they mean in the book");
        let ValueNode::Bool(node) = *program.value(node) else { panic!("no condition") };
        assert!(matches!(program.bool(node), BoolNode::All(_)));
    }

    #[test]
    fn names_of_names_do_not_grow_without_end() {
        let signatures: Vec<String> = (0..40).map(|place| format!("n{place}(x)")).collect();
        let texts: Vec<String> = (0..40).map(|place| format!("n{0}(x) + n{0}(x)", place + 1)).collect();
        let mut names = NamedExpressions::default();
        for (signature, text) in signatures.iter().zip(&texts) {
            names.add(signature, 0, text, 0).unwrap();
        }
        names.add("n40(x)", 0, "x", 0).unwrap();
        assert!(
            compile("n0(1)", 0, &names, &mut builtins().program()).is_err_and(|error| error.what.contains("parts"))
        );
    }
}
