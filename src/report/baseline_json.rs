//! What became of a baseline, as JSON.
//!
//! `AppliedBaseline → {"file", "set_aside", "entries": [...]}`

use serde::Serialize;

use super::check::BaselineReport;
use crate::baseline::EntryState;

/// What was set aside, and what became of each entry.
#[derive(Serialize)]
pub(super) struct BaselineJson<'b> {
    file: &'b str,
    set_aside: u64,
    entries: Vec<EntryJson<'b>>,
}

#[derive(Serialize)]
struct EntryJson<'b> {
    rule: &'b str,
    stage: &'static str,
    pointer: &'b str,
    count: u64,
    found: u64,
    state: EntryState,
    reason: &'b str,
    expires: Option<String>,
}

impl<'b> BaselineJson<'b> {
    pub(super) fn new(baseline: &'b BaselineReport) -> Self {
        let entries = baseline.applied.entries.iter().map(|(entry, outcome)| EntryJson {
            rule: &entry.rule,
            stage: entry.stage.as_str(),
            pointer: &entry.pointer,
            count: entry.count,
            found: outcome.found,
            state: outcome.state,
            reason: &entry.reason,
            expires: entry.expires.map(|expires| expires.to_string()),
        });
        Self { file: &baseline.file, set_aside: baseline.applied.set_aside(), entries: entries.collect() }
    }
}
