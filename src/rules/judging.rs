//! The rules applied to a recording.
//!
//! `Exchange ─► Judge ─► RuleRunner: guards, skip conditions, checks ─► RuleOutcome ─► findings`

pub(crate) mod evidence;
pub(super) mod example;
pub(crate) mod finding_builder;
pub(super) mod judge;
pub(super) mod outcome;
pub(super) mod profile;
pub(crate) mod request_changes;
pub(crate) mod rule_runner;
