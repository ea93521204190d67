//! The verdict on recordings as JSON: a contract (docs/check-report.md and its schema).
//!
//! `CheckReport → one object`

use std::collections::BTreeMap;
use std::io;

use serde::Serialize;

use super::baseline_json::BaselineJson;
use super::coverage_json::CoverageJson;
use super::finding_json::FindingJson;
use super::{CheckReport, FileReport, FilterReport, OmittedCounts, RuleSummary};
use crate::finding::{Gap, Severity, VerdictCounts};
use crate::text::Printer;

/// Version of the contract; it grows when a field changes its meaning or goes.
pub(crate) const FORMAT_VERSION: u32 = 1;

#[derive(Serialize)]
struct Report<'r> {
    format_version: u32,
    files: &'r [FileReport],
    findings: Vec<FindingJson<'r>>,
    rules: Vec<&'r RuleSummary>,
    summary: Summary<'r>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    reasons: Vec<ReasonJson<'r>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    baseline: Option<BaselineJson<'r>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    coverage: Option<CoverageJson<'r>>,
}

#[derive(Serialize)]
struct Summary<'r> {
    exchanges: u64,
    bookings: u64,
    failure: u64,
    warning: u64,
    notice: u64,
    suggestion: u64,
    passed: u64,
    not_judged: u64,
    /// There only where something was muted.
    #[serde(skip_serializing_if = "Option::is_none")]
    muted: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    filter: Option<&'r FilterReport>,
    /// There only where something was left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    left_out: Option<OmittedCounts>,
    /// There only where something is odd about entries or lines: how many, by what was made of them.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    odd: BTreeMap<&'static str, u64>,
}

/// Why verdicts could not be given, and how many.
#[derive(Serialize)]
pub(super) struct ReasonJson<'r> {
    because: &'r str,
    count: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    remedy: Option<&'static str>,
}

impl<'r> ReasonJson<'r> {
    /// All reasons, the most frequent first.
    pub(super) fn all(verdicts: &'r VerdictCounts) -> Vec<Self> {
        let reason = |(because, count)| Self { because, count, remedy: Gap::of(because).map(Gap::remedy) };
        verdicts.reasons().into_iter().map(reason).collect()
    }
}

/// Writes the report as one JSON object and a line feed. The same report gives the same bytes.
pub fn check_json(out: &mut Printer<'_>, report: &CheckReport) -> io::Result<()> {
    let tally = report.tally();
    let sorted = report.sorted();
    let causes = CheckReport::causes(&sorted);
    let json = Report {
        format_version: FORMAT_VERSION,
        files: &report.files,
        findings: sorted
            .into_iter()
            .zip(causes)
            .map(|((file, finding), caused_by)| FindingJson::new(finding, Some(file), caused_by))
            .collect(),
        rules: report.sorted_rules(),
        summary: Summary {
            exchanges: report.exchanges(),
            bookings: report.bookings(),
            failure: tally.of_severity(Severity::Failure),
            warning: tally.of_severity(Severity::Warning),
            notice: tally.of_severity(Severity::Notice),
            suggestion: tally.of_severity(Severity::Suggestion),
            passed: report.verdicts.passed,
            not_judged: report.verdicts.not_judged,
            muted: (report.muted > 0).then_some(report.muted),
            filter: report.filter.as_ref(),
            left_out: (!report.left_out.is_nothing()).then_some(report.left_out),
            odd: report.odd(),
        },
        reasons: ReasonJson::all(&report.verdicts),
        baseline: report.baseline.as_ref().map(BaselineJson::new),
        coverage: report.coverage.as_ref().map(CoverageJson::new),
    };
    out.json(&json)?;
    out.flush()
}
