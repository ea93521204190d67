//! `umpire diff A B`: compares two recordings.
//!
//! `A, B ─► judged ─► paired ─► RecordingDiff ─► text | JSON | Markdown`

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, ValueEnum};

use super::Exit;
use super::judging::{JudgingArgs, JudgingSetup};
use super::stdio::{note, print};
use crate::capture::{Meta, Recording};
use crate::coverage::Coverage;
use crate::diff::{JudgedRecording, compare, pair};
use crate::report::{Paint, diff_markdown, diff_text};
use crate::text::safe_format;

/// `umpire diff …`
#[derive(Debug, Args)]
pub(crate) struct Diff {
    /// The first recording: a capture, a HAR or an NDJSON file
    #[arg(value_name = "A")]
    a: PathBuf,
    /// The second recording
    #[arg(value_name = "B")]
    b: PathBuf,
    /// Text for people, JSON for programs, Markdown for issues
    #[arg(long, value_enum, default_value_t = DiffFormat::Text)]
    format: DiffFormat,
    /// List also what differs in any two runs: UUIDs, dates, leases, places left, order numbers, positions in feeds
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    judging: JudgingArgs,
}

/// The formats of a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum DiffFormat {
    /// For people
    Text,
    /// For programs
    Json,
    /// For issues and merge requests
    Markdown,
}

/// Runs `umpire diff …`.
pub(super) fn run(diff: Diff) -> anyhow::Result<Exit> {
    let judging = diff.judging.load()?;
    if let Some(settings) = judging.settings().filter(|_| judging.found_settings()) {
        note(safe_format!("settings of {settings}"));
    }
    let (a, b) = (judged(&diff.a, &judging)?.0, judged(&diff.b, &judging)?.0);
    let pairing = pair(&a, &b);
    let compared = compare(&a, &b, &pairing);
    print(|out| match diff.format {
        DiffFormat::Text => diff_text(out, &compared, diff.all, Paint::for_stdout()),
        DiffFormat::Json => out.json(&compared).and_then(|()| out.flush()),
        DiffFormat::Markdown => diff_markdown(out, &compared, diff.all),
    })?;
    Ok(if compared.is_same() { Exit::Clean } else { Exit::Findings })
}

/// A recording with the verdicts on it, what is known of it as a whole, and how far every rule has come. All of it is in memory. One that can't be read to
/// its end is an error: what is missing would count as different.
pub(super) fn judged(file: &Path, judging: &JudgingSetup) -> anyhow::Result<(JudgedRecording, Meta, Coverage)> {
    let recording = super::recording::open(file)?;
    let (base_uris, foreign) = (recording.meta.base_uris(), recording.meta.is_foreign());
    let meta = recording.meta.clone();
    let (judged, coverage) = judge_all(file, recording, judging, base_uris, foreign)?;
    Ok((judged, meta, coverage))
}

/// The same of a recording of which the Base URIs are known, and whether it counts as made by another program.
pub(crate) fn judged_as(
    file: &Path,
    judging: &JudgingSetup,
    base_uris: Vec<String>,
    foreign: bool,
) -> anyhow::Result<JudgedRecording> {
    Ok(judge_all(file, super::recording::open(file)?, judging, base_uris, foreign)?.0)
}

fn judge_all(
    file: &Path,
    recording: Recording,
    judging: &JudgingSetup,
    base_uris: Vec<String>,
    foreign: bool,
) -> anyhow::Result<(JudgedRecording, Coverage)> {
    let mut judge = judging.judge(base_uris.clone(), foreign);
    let mut exchanges = Vec::new();
    for exchange in recording.exchanges {
        exchanges.push(Arc::new(judge.judge(Arc::new(exchange?))));
    }
    Ok((JudgedRecording { name: file.display().to_string(), base_uris, exchanges }, judge.coverage()))
}
