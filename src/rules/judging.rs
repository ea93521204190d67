//! The rules applied to a recording.
//!
//! `Exchange ─► Judge ─► RuleRunner: guards, skip conditions, checks ─► Outcome ─► findings`

pub mod evidence;
pub mod example;
pub mod finding_builder;
pub mod judge;
pub mod outcome;
pub mod profile;
pub mod request_changes;
pub mod rule_runner;
