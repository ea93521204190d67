//! The language of rules: from the text of an expression to its value.
//!
//! `text ─► parser ─► compile (names resolved) ─► program, equal parts once ─► eval, with a memo for what is asked again`

pub(crate) mod arena;
pub(crate) mod common_subexpressions;
pub(super) mod compile;
pub(super) mod context;
pub(crate) mod eval;
pub(super) mod function;
pub(super) mod items;
pub(super) mod members;
pub(crate) mod memo;
pub(super) mod messages;
pub(crate) mod named_expressions;
pub(super) mod node;
pub(super) mod parser;
pub(super) mod path;
pub(crate) mod pool;
pub(super) mod program;
pub(super) mod refusals;
pub(super) mod signature;
pub(crate) mod suggest;
pub(crate) mod template;
pub(super) mod types;
pub(super) mod value;
