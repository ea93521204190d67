//! What has changed between two judgements, as JSON (docs/check-report.md and its schema).
//!
//! `ReportComparison → one object`

use std::io;
use std::sync::Arc;

use serde::Serialize;

use super::check_json::FORMAT_VERSION;
use super::compare::{EarlierFinding, ReportComparison, RuleChange};
use super::finding_json::FindingJson;
use crate::text::Printer;

#[derive(Serialize)]
struct Changes<'c> {
    format_version: u32,
    compared_with: &'c str,
    new: Vec<FindingJson<'c>>,
    gone: &'c [EarlierFinding],
    rules: &'c [RuleChange],
    not_judged: &'c [Arc<str>],
}

/// Writes what has changed since the report of the name given, as one JSON object and a line feed.
pub fn compare_json(out: &mut Printer<'_>, comparison: &ReportComparison, compared_with: &str) -> io::Result<()> {
    let changes = Changes {
        format_version: FORMAT_VERSION,
        compared_with,
        new: comparison.new.iter().map(|(file, finding)| FindingJson::new(finding, Some(file), None)).collect(),
        gone: &comparison.gone,
        rules: &comparison.rules,
        not_judged: &comparison.not_judged,
    };
    out.json(&changes)?;
    out.flush()
}
