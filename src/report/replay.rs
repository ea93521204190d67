//! What a replay amounts to, in words and as JSON.
//!
//! `ReplayReport → served, nearest, misses; each miss; what was never asked for`

use std::io;

use serde::Serialize;

use super::finding_text::labelled;
use super::paint::Paint;
use crate::replay::ReplayReport;
use crate::text::{self, Printer, safe};

/// Most misses, and most exchanges that were never asked for, that are named in words.
const MOST: usize = 20;

/// Writes the report in words.
pub(crate) fn replay_text(out: &mut Printer<'_>, report: &ReplayReport) -> io::Result<()> {
    let paint = Paint::for_stdout();
    let mut line = safe!["\nreplay: ", text::count(report.served, "answer"), " served"];
    if report.nearest > 0 {
        line.push(safe![", ", report.nearest, " nearest taken"]);
    }
    let misses = if report.misses == 1 { " miss" } else { " misses" };
    line.push(safe![", ", report.misses, misses, "; ", report.never_asked, " of "]);
    line.push(safe![text::count(report.exchanges, "recorded exchange"), " never asked for"]);
    out.line(line)?;
    for miss in report.missed.iter().take(MOST) {
        labelled(out, paint, 2, "miss", &format!("{} {}: {}", miss.method, miss.target, miss.detail))?;
    }
    if report.misses > MOST as u64 {
        labelled(out, paint, 2, "", &format!("and {} more", report.misses - MOST as u64))?;
    }
    let several = report.recordings.len() > 1;
    for recorded in report.never_asked_for.iter().take(MOST) {
        let of = if several { format!(" of {}", recorded.recording) } else { String::new() };
        labelled(out, paint, 2, "unasked", &format!("exchange {}{of}: {}", recorded.exchange, recorded.operation))?;
    }
    if report.never_asked > MOST as u64 {
        labelled(out, paint, 2, "", &format!("and {} more", report.never_asked - MOST as u64))?;
    }
    if report.forgotten > 0 {
        let forgotten = text::count(report.forgotten, "booking");
        labelled(out, paint, 2, "forgotten", &format!("{forgotten} of the client, for lack of room"))?;
    }
    out.flush()
}

#[derive(Serialize)]
struct ReplayLine<'r> {
    event: &'static str,
    #[serde(flatten)]
    report: &'r ReplayReport,
}

/// Writes the report as one line of JSON (docs/events.md).
pub(crate) fn replay_json(out: &mut Printer<'_>, report: &ReplayReport) -> io::Result<()> {
    out.json_line(&ReplayLine { event: "replay", report })?;
    out.flush()
}
