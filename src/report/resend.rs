//! What a resend came to: what was left out, what is left booked, and how it differs from the recording.
//!
//! `ResendReport → text | JSON | Markdown`

use std::io;

use serde::Serialize;

use super::diff_markdown::diff_markdown;
use super::diff_text::diff_text;
use super::finding_text::labelled;
use super::paint::Paint;
use crate::diff::RecordingDiff;
use crate::resend::{BookedKind, LeftBooking, Omission, ResendOutcome, ResendPlan};
use crate::text::{self, Printer, SafeText, safe, visible};

/// Most notes, and most things left out, that are listed in words.
const MOST: usize = 50;

/// What a resend came to.
#[derive(Debug, Serialize)]
pub(crate) struct ResendReport {
    /// Version of the JSON form.
    pub format_version: u32,
    /// Requests that were to be sent.
    pub planned: u64,
    /// Requests that were sent.
    pub sent: u64,
    /// It was stopped before the end.
    pub stopped: bool,
    /// The capture that holds what was sent and answered.
    pub capture: Option<String>,
    /// What was not sent, and why.
    pub left_out: Vec<LeftOutReport>,
    /// What is left booked.
    pub left_booked: Vec<LeftBookedReport>,
    /// What the user should know.
    pub notes: Vec<String>,
    /// How it differs from the recording.
    pub diff: Option<RecordingDiff>,
}

/// Something that was not sent.
#[derive(Debug, Serialize)]
pub(crate) struct LeftOutReport {
    /// A booking or an exchange.
    pub what: String,
    /// Why.
    pub why: String,
}

/// A booking that is left at the booking system.
#[derive(Debug, Serialize)]
pub(crate) struct LeftBookedReport {
    /// Its Order UUID.
    pub uuid: String,
    /// `order`, `proposal` or `quote`.
    pub kind: &'static str,
}

impl ResendReport {
    /// The report on a run.
    pub(crate) fn new(
        plan: &ResendPlan,
        outcome: &ResendOutcome,
        left: &[LeftBooking],
        capture: Option<String>,
    ) -> Self {
        let left_out = |left: &Omission| LeftOutReport { what: left.what.clone(), why: left.why.clone() };
        let booked = left.iter().filter(|left| left.kind != BookedKind::Quote);
        Self {
            format_version: 1,
            planned: plan.steps.len() as u64,
            sent: outcome.sent.len() as u64,
            stopped: outcome.stopped,
            capture,
            left_out: plan.left_out.iter().map(left_out).collect(),
            left_booked: booked
                .map(|left| LeftBookedReport { uuid: left.uuid.clone(), kind: left.kind.in_words() })
                .collect(),
            notes: outcome.notes.clone(),
            diff: None,
        }
    }
}

/// Writes the report in words.
pub(crate) fn resend_text(out: &mut Printer<'_>, report: &ResendReport, all: bool, paint: Paint) -> io::Result<()> {
    if let Some(diff) = &report.diff {
        diff_text(out, diff, all, paint)?;
    }
    let stopped = if report.stopped { ", then stopped" } else { "" };
    out.line(safe!["sent ", report.sent, " of ", text::count(report.planned, "request"), stopped])?;
    listed(out, paint, "left out", report.left_out.iter().map(|left| format!("{}: {}", left.what, left.why)))?;
    listed(out, paint, "note", report.notes.iter().cloned())?;
    listed(out, paint, "left", report.left_booked.iter().map(|left| format!("{} {}", left.kind, left.uuid)))?;
    if let Some(capture) = &report.capture {
        labelled(out, paint, 0, "capture", capture)?;
    }
    out.flush()
}

fn listed(
    out: &mut Printer<'_>,
    paint: Paint,
    label: &'static str,
    lines: impl ExactSizeIterator<Item = String>,
) -> io::Result<()> {
    let more = lines.len().saturating_sub(MOST);
    for line in lines.take(MOST) {
        labelled(out, paint, 0, label, &line)?;
    }
    if more == 0 { Ok(()) } else { labelled(out, paint, 0, "", &format!("and {more} more")) }
}

/// Writes the report as Markdown.
pub(crate) fn resend_markdown(out: &mut Printer<'_>, report: &ResendReport, all: bool) -> io::Result<()> {
    if let Some(diff) = &report.diff {
        diff_markdown(out, diff, all)?;
    }
    let stopped = if report.stopped { ", then stopped" } else { "" };
    out.line(safe!["\nSent ", report.sent, " of ", text::count(report.planned, "request"), stopped, "."])?;
    let section = |out: &mut Printer<'_>, title: &'static str, lines: Vec<SafeText>| {
        if lines.is_empty() {
            return Ok(());
        }
        out.line(safe!["\n## ", title, "\n"])?;
        lines.into_iter().try_for_each(|line| out.line(safe!["- ", line]))
    };
    let left_out = report.left_out.iter().map(|left| visible(&format!("{}: {}", left.what, left.why)));
    section(out, "Left out", left_out.collect())?;
    section(out, "Notes", report.notes.iter().map(|note| visible(note)).collect())?;
    let left = report.left_booked.iter().map(|left| visible(&format!("{} {}", left.kind, left.uuid)));
    section(out, "Left booked", left.collect())?;
    out.flush()
}
