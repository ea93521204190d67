//! What became of a baseline, in words.
//!
//! `Applied → how many were set aside → the entries that somebody should look at`

use std::io;

use super::check::BaselineReport;
use super::finding_text::labelled;
use super::paint::{Ink, Paint};
use crate::baseline::{Entry, Outcome, State};
use crate::text::{self, Printer, safe, visible};

/// Writes what was set aside, and every entry that is not as it was.
pub(super) fn baseline_text(out: &mut Printer<'_>, baseline: &BaselineReport, paint: Paint) -> io::Result<()> {
    let aside = text::count(baseline.applied.set_aside(), "known finding");
    out.line(safe![paint.ink(Ink::Bold, visible(&baseline.file)), ": ", aside, " set aside"])?;
    for state in [State::Beyond, State::Expired, State::Stale, State::Fewer] {
        for (entry, outcome) in baseline.applied.entries.iter().filter(|(_, outcome)| outcome.state == state) {
            labelled(out, paint, 2, label(state), &words(entry, *outcome))?;
        }
    }
    out.line("")
}

fn label(state: State) -> &'static str {
    match state {
        State::Beyond => "beyond",
        State::Expired => "expired",
        State::Stale => "stale",
        State::Fewer => "fewer",
        State::Within => "within",
    }
}

fn words(entry: &Entry, outcome: Outcome) -> String {
    let Entry { rule, stage, pointer, count, reason, expires } = entry;
    let found = outcome.found;
    let what = match outcome.state {
        State::Beyond => format!("{found} found, {count} known: the rest is counted"),
        State::Expired => {
            let last = expires.map(|last| format!(" after {last}")).unwrap_or_default();
            format!("{found} found, no longer put up with{last}: counted")
        }
        State::Stale => "none found any more: take the entry out".to_owned(),
        State::Fewer => format!("{found} found, {count} known: the count can go down"),
        State::Within => format!("{found} found"),
    };
    let reason = if reason.trim().is_empty() { String::new() } else { format!(" ({reason})") };
    let place = if pointer.is_empty() { String::new() } else { format!(" · {pointer}") };
    format!("{rule} · {stage}{place}: {what}{reason}")
}
