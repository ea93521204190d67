//! What became of a baseline, in words.
//!
//! `AppliedBaseline → how many were set aside → the entries that somebody should look at`

use std::io;

use super::check::BaselineReport;
use super::finding_text::labelled;
use super::paint::{Paint, ReportStyle};
use crate::baseline::{BaselineEntry, EntryOutcome, EntryState};
use crate::text::{self, Printer, safe, visible};

/// Writes what was set aside, and every entry that is not as it was.
pub(super) fn baseline_text(out: &mut Printer<'_>, baseline: &BaselineReport, paint: Paint) -> io::Result<()> {
    let aside = text::count(baseline.applied.set_aside(), "known finding");
    out.line(safe![paint.ink(ReportStyle::Bold, visible(&baseline.file)), ": ", aside, " set aside"])?;
    for state in [EntryState::Beyond, EntryState::Expired, EntryState::Stale, EntryState::Fewer] {
        for (entry, outcome) in baseline.applied.entries.iter().filter(|(_, outcome)| outcome.state == state) {
            labelled(out, paint, 2, label(state), &words(entry, *outcome))?;
        }
    }
    out.line("")
}

fn label(state: EntryState) -> &'static str {
    match state {
        EntryState::Beyond => "beyond",
        EntryState::Expired => "expired",
        EntryState::Stale => "stale",
        EntryState::Fewer => "fewer",
        EntryState::Within => "within",
    }
}

fn words(entry: &BaselineEntry, outcome: EntryOutcome) -> String {
    let BaselineEntry { rule, stage, pointer, count, reason, expires } = entry;
    let found = outcome.found;
    let what = match outcome.state {
        EntryState::Beyond => format!("{found} found, {count} known: the rest is counted"),
        EntryState::Expired => {
            let last = expires.map(|last| format!(" after {last}")).unwrap_or_default();
            format!("{found} found, no longer put up with{last}: counted")
        }
        EntryState::Stale => "none found any more: take the entry out".to_owned(),
        EntryState::Fewer => format!("{found} found, {count} known: the count can go down"),
        EntryState::Within => format!("{found} found"),
    };
    let reason = if reason.trim().is_empty() { String::new() } else { format!(" ({reason})") };
    let place = if pointer.is_empty() { String::new() } else { format!(" · {pointer}") };
    format!("{rule} · {stage}{place}: {what}{reason}")
}
