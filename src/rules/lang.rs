//! The language of rules: from the text of an expression to its value.
//!
//! `text ─► parser ─► compile (names resolved) ─► program, equal parts once ─► eval, with a memo for what is asked again`

pub mod arena;
pub mod common_subexpressions;
pub mod compile;
pub mod context;
pub mod eval;
pub mod function;
pub mod items;
pub mod members;
pub mod memo;
pub mod messages;
pub mod named_expressions;
pub mod node;
pub mod parser;
pub mod path;
pub mod pool;
pub mod program;
pub mod refusals;
pub mod signature;
pub mod suggest;
pub mod template;
pub mod types;
pub mod value;
