//! `umpire capture redact IN -o OUT`: personal data taken out of a recording later.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;

use super::redaction::PersonalArgs;
use super::stdio::print;
use super::{Exit, redaction};
use crate::capture::{self, Recording, RecordingWriter};
use crate::redact::{FieldCount, Redactor};
use crate::text::{self, Printer, SafeText, safe, safe_format, visible};

/// `umpire capture redact …`
#[derive(Debug, Args)]
pub(crate) struct Redact {
    /// Capture or HAR file
    file: PathBuf,
    /// File to write: *.db or *.umpire (capture), *.har (HAR 1.2), *.ndjson; the last two also with .gz
    #[arg(short, long, value_name = "FILE", required_unless_present = "dry_run")]
    output: Option<PathBuf>,
    /// Replace the file if it exists
    #[arg(long)]
    force: bool,
    /// Write nothing: say what would be replaced, by field
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    personal: PersonalArgs,
    /// Settings (docs/configuration.md) [default: the nearest umpire.toml, here or in a folder above]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// Runs `umpire capture redact …`.
pub(super) fn run(redact: Redact) -> anyhow::Result<Exit> {
    let config = redaction::config(redact.config.as_ref())?;
    let redactor = Arc::new(redact.personal.redactor(true, &config)?);
    if let Some(output) = redact.output.filter(|_| !redact.dry_run) {
        if redact.force {
            capture::ensure_not_in_use(&output)?;
        }
        let recording = redaction::open(&redact.file, Arc::clone(&redactor))?;
        let count = write(&output, redact.force, recording)?;
        print(|out| {
            said(out, &redactor.counts())?;
            out.line(safe_format!("{} in {}", text::count(count, "exchange"), output.display()))
        })?;
    } else {
        let (exchanges, with_secrets) = count(&redact.file, &redactor)?;
        print(|out| {
            said(out, &redactor.counts())?;
            if with_secrets > 0 {
                out.line(safe!["secrets in ", text::count(with_secrets, "exchange")])?;
            }
            out.line(safe![text::count(exchanges, "exchange"), " looked at, nothing written"])
        })?;
    }
    Ok(Exit::Clean)
}

/// Reads a recording through the redactor; the number of exchanges, and of those among them that hold secrets.
fn count(file: &Path, redactor: &Redactor) -> anyhow::Result<(u64, u64)> {
    redaction::learn(file, redactor)?;
    let secrets = Redactor::new()?;
    let (mut exchanges, mut with_secrets) = (0, 0);
    for exchange in capture::open(file)?.exchanges {
        let exchange = exchange?;
        exchanges += 1;
        let clean = secrets.redact(exchange.clone());
        with_secrets += u64::from(clean != exchange);
        redactor.redact(clean);
    }
    Ok((exchanges, with_secrets))
}

/// Writes a recording in the format that the name of the file asks for.
fn write(output: &Path, force: bool, recording: Recording) -> anyhow::Result<u64> {
    let mut output = RecordingWriter::create(output, &recording.meta, force)?;
    for exchange in recording.exchanges {
        output.append(&exchange?)?;
    }
    Ok(output.finish()?)
}

/// A line for each field: how much of it was replaced, and by what. No value is shown, only what became of one.
fn said(out: &mut Printer<'_>, counts: &[FieldCount]) -> io::Result<()> {
    let names: Vec<SafeText> = counts.iter().map(|count| visible(&count.field)).collect();
    let width = names.iter().map(SafeText::width).max().unwrap_or_default();
    for (name, count) in names.into_iter().zip(counts) {
        let values = text::count(count.values, "value").pad_start(10);
        let mut line = safe![name.pad(width), "  ", values, " in ", text::count(count.exchanges, "exchange")];
        if !count.sample.is_empty() {
            line.push(safe![", one becomes ", visible(&count.sample)]);
        }
        out.line(line)?;
    }
    if counts.is_empty() {
        out.line("no personal data found")?;
    }
    Ok(())
}
