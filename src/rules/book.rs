//! The rule book: rule files, read and compiled.
//!
//! `TOML ─► definition ─► rule_compiler ─► Rule ─► RuleBook, with a plan for each kind of exchange`

pub mod aliases;
pub mod definition;
pub mod error;
pub mod expression_file;
pub mod features;
pub mod files;
pub mod plan;
pub mod reference;
pub mod rule;
pub mod rule_book;
pub mod rule_compiler;
pub mod settings;
pub mod tables;
