//! What probes came to: a table of what was asked, expected and answered, and what the rules say.
//!
//! `ProbeReport → text | JSON | Markdown`

use std::collections::BTreeMap;
use std::io;

use serde::Serialize;

use super::coverage_json::CoverageJson;
use super::diff_markdown::{cell, table};
use super::finding_text::labelled;
use super::paint::{Paint, ReportStyle};
use super::resend::{LeftBookedReport, LeftOutReport};
use crate::coverage::{Coverage, CoverageState};
use crate::probe::{ProbeRow, ProbeVerdict};
use crate::text::{self, Printer, SafeText, clip, safe, visible};

/// Columns of the table.
const COLUMNS: [usize; 4] = [64, 48, 48, 10];

/// What probes came to.
#[derive(Debug)]
pub(crate) struct ProbeReport {
    /// Probes that were to be made.
    pub planned: u64,
    /// It was stopped before the end.
    pub stopped: bool,
    /// The capture that holds what was sent and answered.
    pub capture: Option<String>,
    /// The probes.
    pub rows: Vec<ProbeRow>,
    /// What was not probed, and why.
    pub left_out: Vec<LeftOutReport>,
    /// What could not be taken back.
    pub left_booked: Vec<LeftBookedReport>,
    /// What the recording had tried.
    pub before: Coverage,
    /// What the recording and the probes have tried together.
    pub after: Coverage,
}

#[derive(Serialize)]
struct ReportJson<'r> {
    format_version: u32,
    planned: u64,
    stopped: bool,
    capture: Option<&'r str>,
    probes: &'r [ProbeRow],
    verdicts: BTreeMap<ProbeVerdict, u64>,
    left_out: &'r [LeftOutReport],
    left_booked: &'r [LeftBookedReport],
    coverage: CoverageChange<'r>,
}

#[derive(Serialize)]
struct CoverageChange<'r> {
    before: CoverageJson<'r>,
    after: CoverageJson<'r>,
}

impl ProbeReport {
    /// How many probes came to which verdict.
    pub(crate) fn verdicts(&self) -> BTreeMap<ProbeVerdict, u64> {
        let mut counts = BTreeMap::new();
        for row in &self.rows {
            *counts.entry(row.verdict).or_default() += 1;
        }
        counts
    }

    /// True if no answer broke a rule.
    pub(crate) fn is_clean(&self) -> bool {
        !self.rows.iter().any(|row| matches!(row.verdict, ProbeVerdict::Finding | ProbeVerdict::NoAnswer))
    }

    /// Features of the test suite that only the probes have tried.
    fn new_features(&self) -> Vec<&str> {
        let before = self.before.groups();
        let seen = |name: &str| before.iter().any(|group| group.name == name && group.reach().is_exercised());
        let after = self.after.groups();
        let new = after
            .iter()
            .filter(|group| group.is_feature && group.reach() >= CoverageState::Passed && !seen(group.name));
        new.map(|group| group.name).collect()
    }

    fn last_line(&self) -> SafeText {
        let counts = self.verdicts();
        let counted = counts.iter().map(|(verdict, count)| safe![*count, " ", verdict.in_words()]);
        safe![text::count(self.rows.len() as u64, "probe"), ": ", SafeText::join(counted, ", ")]
    }
}

/// Writes the report in words.
pub(crate) fn probe_text(out: &mut Printer<'_>, report: &ProbeReport, paint: Paint) -> io::Result<()> {
    let line = |cells: [&str; 4], ink: ReportStyle| {
        let [asked, expected, answered, verdict] = cells;
        let [a, b, c, d] = COLUMNS;
        let columns = safe![clip(asked, a).pad(a + 2), clip(expected, b).pad(b + 2), clip(answered, c).pad(c + 2)];
        safe![columns, paint.ink(ink, clip(verdict, d))]
    };
    out.line(line(["asked", "expected", "answered", "verdict"], ReportStyle::Bold))?;
    for row in &report.rows {
        let asked = format!("{} {}: {}", row.stage, row.rule, row.asked);
        let ink = match row.verdict {
            ProbeVerdict::Finding | ProbeVerdict::NoAnswer => ReportStyle::Of(crate::finding::Severity::Failure),
            ProbeVerdict::Conforming => ReportStyle::Good,
            _ => ReportStyle::Dim,
        };
        out.line(line([&asked, &row.expected, &row.answered, row.verdict.in_words()], ink))?;
        for found in &row.findings {
            let number = row.exchange.map(|number| format!("exchange {number}: ")).unwrap_or_default();
            labelled(out, paint, 2, found.severity.as_str(), &format!("{number}{}: {}", found.rule, found.message))?;
        }
    }
    let stopped = if report.stopped { ", then stopped" } else { "" };
    out.line(paint.ink(ReportStyle::Bold, safe![report.last_line(), stopped]))?;
    if !report.left_out.is_empty() {
        let why = "; --list says which, and why";
        out.line(safe![text::count(report.left_out.len() as u64, "wrong request"), " could not be made", why])?;
    }
    for left in &report.left_booked {
        labelled(out, paint, 0, "left", &format!("{} {}", left.kind, left.uuid))?;
    }
    labelled(out, paint, 0, "before", &report.before.headline())?;
    labelled(out, paint, 0, "after", &report.after.headline())?;
    let new = report.new_features();
    if !new.is_empty() {
        labelled(out, paint, 0, "new", &new.join(", "))?;
    }
    if let Some(capture) = &report.capture {
        labelled(out, paint, 0, "capture", capture)?;
    }
    out.flush()
}

/// Writes the report as JSON.
pub(crate) fn probe_json(out: &mut Printer<'_>, report: &ProbeReport) -> io::Result<()> {
    out.json(&ReportJson {
        format_version: 1,
        planned: report.planned,
        stopped: report.stopped,
        capture: report.capture.as_deref(),
        probes: &report.rows,
        verdicts: report.verdicts(),
        left_out: &report.left_out,
        left_booked: &report.left_booked,
        coverage: CoverageChange { before: CoverageJson::new(&report.before), after: CoverageJson::new(&report.after) },
    })?;
    out.flush()
}

/// Writes the report as Markdown.
pub(crate) fn probe_markdown(out: &mut Printer<'_>, report: &ProbeReport) -> io::Result<()> {
    out.line(safe!["# Wrong requests and their answers\n\n", report.last_line(), "."])?;
    let rows = report.rows.iter().map(|row| {
        let findings: Vec<String> =
            row.findings.iter().map(|found| format!("{} {}: {}", found.severity, found.rule, found.message)).collect();
        vec![
            cell(&format!("{} {}: {}", row.stage, row.rule, row.asked)),
            cell(&row.expected),
            cell(&row.answered),
            cell(row.verdict.in_words()),
            cell(&findings.join("; ")),
        ]
    });
    table(out, "Probes", &["asked", "expected", "answered", "verdict", "findings"], rows.collect())?;
    let (before, after) = (report.before.headline(), report.after.headline());
    out.line(safe!["\n## Coverage\n\n- before: ", visible(&before), "\n- after: ", visible(&after)])?;
    out.flush()
}
