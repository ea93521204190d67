//! The rule book: rule files, read and compiled.
//!
//! `TOML ─► definition ─► rule_compiler ─► Rule ─► RuleBook, with a plan for each kind of exchange`

pub(super) mod aliases;
pub(super) mod definition;
pub(super) mod error;
pub(crate) mod expression_file;
pub(super) mod features;
pub(super) mod files;
pub(crate) mod plan;
pub(super) mod reference;
pub(super) mod rule;
pub(crate) mod rule_book;
pub(crate) mod rule_compiler;
pub(super) mod settings;
pub(super) mod tables;
