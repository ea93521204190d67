//! What the language knows of a function: its name and arguments, what it gives, and its documentation.

use crate::rules::lang::types::Type;

/// A function as the compiler and the reference know it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Signature {
    pub name: &'static str,
    /// Fewest and most arguments. The object of a method call is the first.
    pub arguments: [usize; 2],
    pub gives: Type,
    /// It gives an element of its first argument, whatever `gives` says.
    pub gives_element: bool,
    /// How it is called, for the reference.
    pub usage: &'static str,
    /// What it means, for the reference.
    pub meaning: &'static str,
    /// It costs no more than looking up what it gave before.
    pub is_cheap: bool,
    /// Its value may come from an earlier exchange, whatever its arguments are.
    pub looks_at_earlier: bool,
}
