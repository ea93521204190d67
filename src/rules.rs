//! The rule book and the engine that applies it. Pure functions: rules know no I/O (loading a folder aside).
//!
//! `TOML → Definition → Rule (CEL compiled once)`, then per exchange `Exchange → Reading → Verdicts → Judged`
//!
//! `rules/GUIDE.md` says how a rule is written.

mod aliases;
mod answers;
mod arena;
mod rule_runner;
mod bases;
mod builtins;
mod book;
mod callers;
mod checks;
mod code;
mod compile;
mod context;
mod definition;
mod pending_updates;
mod eval;
mod evidence;
mod example;
mod exchange_ref;
mod expression_file;
mod facts;
mod features;
mod feeds;
mod found;
mod functions;
mod history;
mod json_ld;
mod items;
mod judge;
mod observed_facts;
mod memory;
mod messages;
mod models;
mod money;
mod named_expressions;
mod nodes;
mod numbering;
mod outcome;
mod parser;
mod path;
mod profile;
mod places;
mod plan;
mod reference;
mod refusal;
mod refusals;
mod request_changes;
mod retries;
mod rule;
mod rule_compiler;
mod settings;
mod shown;
mod share;
mod sharing;
mod suggest;
mod template;
mod types;
mod urls;
mod value;
mod vocabulary;

pub use aliases::{Aliases, renamed};
pub use book::{
    LoadError, NotJudgedHere, Place, RuleBook, built_in_bases, features, guide, not_judged_here, specified_errors,
};
pub use example::{ExampleFailure, ExampleReport, test_examples};
pub use facts::SpecifiedError;
pub use features::{Feature, Features, PACKAGE};
pub use feeds::{MAX_FEEDS, MAX_OPEN_DATA_BYTES};
pub use judge::{Judge, RuleTally};
pub use memory::{Known, MAX_FLOW_BYTES, MAX_FLOW_EXCHANGES, PaymentDetails};
pub use outcome::MAX_FINDINGS;
pub use profile::{Profile, RuleCost, SLOW_EXCHANGE, SLOW_RULE, Slow};
pub use reference::reference;
pub use request_changes::{RequestChange, request_changes};
pub use rule::Rule;
pub use settings::{RuleSources, Setting, area};
