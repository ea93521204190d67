//! The rule book and the engine that applies it. Rules know no I/O (loading a folder aside).
//!
//! `TOML → RuleDefinition → Rule (CEL compiled once)`, then per exchange `Exchange → ParsedExchange → Judged`
//!
//! `rules/GUIDE.md` says how a rule is written.

mod book;
mod builtins;
mod judging;
mod lang;
mod models;
mod state;

pub use book::aliases::{Aliases, renamed};
pub use book::error::{FilePlace, LoadError};
pub(crate) use book::features::PACKAGE;
pub use book::features::{Feature, Features};
pub(crate) use book::files::built_in_bases;
pub use book::files::guide;
pub use book::reference::reference;
pub use book::rule::Rule;
pub use book::rule_book::RuleBook;
pub use book::settings::{RuleSetting, RuleSources, area};
pub(crate) use book::tables::specified_errors;
pub use book::tables::{NotJudgedHere, features, not_judged_here};
pub use judging::example::{ExampleFailure, ExampleReport, test_examples};
pub use judging::judge::{Judge, RuleTally};
pub use judging::outcome::MAX_FINDINGS;
pub use judging::profile::{Profile, RuleCost};
pub(crate) use judging::profile::{SLOW_RULE, SlowRule};
pub(crate) use judging::request_changes::{RequestChange, request_changes};
pub(crate) use models::errors::SpecifiedError;
pub use state::booking_system::{BookingSystemInfo, PaymentDetails};
pub use state::feeds::{MAX_FEEDS, MAX_OPEN_DATA_BYTES};
pub use state::recording::{MAX_FLOW_BYTES, MAX_FLOW_EXCHANGES};
