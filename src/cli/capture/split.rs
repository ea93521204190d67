//! `umpire capture split FILE`: one recording into several, by booking, time or size.
//!
//! ```text
//! by time, size: exchanges in order ─► monday.0001.har, monday.0002.har, …
//! by booking:    first pass: which? ─► further passes, some bookings each ─► monday.<Order UUID>.har, monday.other.har
//! ```

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::Args;

use super::select::booking;
use super::target::{OutputTarget, TargetRecording, TargetWriter};
use crate::capture::{CaptureError, Meta, numbered};
use crate::cli::Exit;
use crate::text::{self, SafeText, safe_format};
use crate::units;

/// Files that are written at the same time; more bookings take further passes over the recording.
const AT_ONCE: usize = 100;

/// `umpire capture split …`
#[derive(Debug, Args)]
pub(crate) struct Split {
    /// Capture, HAR or NDJSON file
    file: PathBuf,
    #[command(flatten)]
    by: SplitBy,
    #[command(flatten)]
    target: OutputTarget,
}

/// What it is split by.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct SplitBy {
    /// A file per booking, and one for all that belongs to none: -o x.har makes x.<Order UUID>.har and x.other.har
    #[arg(long = "by-booking")]
    booking: bool,
    /// A file per span of time, such as 15m or 1h: -o x.har makes x.0001.har, x.0002.har, …
    #[arg(long, value_name = "TIME", value_parser = units::duration)]
    every: Option<Duration>,
    /// Files of about this size, such as 10MB
    #[arg(long, value_name = "SIZE", value_parser = units::size)]
    size: Option<u64>,
}

/// Runs `umpire capture split …`.
pub(super) fn run(split: &Split) -> anyhow::Result<Exit> {
    let target_writer = split.target.writer(false)?;
    if target_writer.is_stdout() {
        anyhow::bail!("several files are written, so standard output can't be one of them: give a name to -o");
    }
    let written = if split.by.booking { by_booking(split, &target_writer)? } else { in_order(split, &target_writer)? };
    let line =
        |(file, count): &(PathBuf, u64)| safe_format!("{} in {}", text::count(*count, "exchange"), file.display());
    let in_all = safe_format!("{}, {}", text::count(written.len() as u64, "file"), target_writer.said());
    target_writer.end(Ok(SafeText::join(written.iter().map(line).chain([in_all]), "\n")))
}

type WrittenFiles = Vec<(PathBuf, u64)>;

fn in_order(split: &Split, target_writer: &TargetWriter) -> anyhow::Result<WrittenFiles> {
    let recording = target_writer.open(&split.file)?;
    let mut written = WrittenFiles::new();
    let mut current: Option<(TargetRecording, jiff::Timestamp)> = None;
    for exchange in recording.exchanges {
        let exchange = exchange?;
        let full = current.as_ref().is_some_and(|(output, since)| {
            let late =
                split.by.every.is_some_and(|every| exchange.started.duration_since(*since).unsigned_abs() >= every);
            late || split.by.size.is_some_and(|size| output.output().size() >= size)
        });
        if full && let Some((output, _)) = current.take() {
            finish(output, &mut written)?;
        }
        let (output, _) = match &mut current {
            Some(current) => current,
            None => {
                let file = numbered(&split.target.output, written.len() as u32 + 1);
                let output = target_writer.create_part(&file, &recording.meta)?;
                current.insert((output, exchange.started))
            }
        };
        output.append(exchange)?;
    }
    if let Some((output, _)) = current {
        finish(output, &mut written)?;
    }
    Ok(written)
}

fn by_booking(split: &Split, target_writer: &TargetWriter) -> anyhow::Result<WrittenFiles> {
    let mut names = BTreeSet::new();
    for exchange in target_writer.open(&split.file)?.exchanges {
        names.insert(booking(&exchange?));
    }
    let names: Vec<Option<Arc<str>>> = names.into_iter().collect();
    let mut written = WrittenFiles::new();
    for names in names.chunks(AT_ONCE) {
        let recording = target_writer.open_again(&split.file)?;
        let mut outputs = HashMap::new();
        for name in names {
            outputs.insert(name.clone(), create(split, target_writer, name.as_deref(), &recording.meta)?);
        }
        for exchange in recording.exchanges {
            let exchange = exchange?;
            if let Some(output) = outputs.get_mut(&booking(&exchange)) {
                output.append(exchange)?;
            }
        }
        for name in names {
            if let Some(output) = outputs.remove(name) {
                finish(output, &mut written)?;
            }
        }
    }
    Ok(written)
}

fn create(
    split: &Split,
    target_writer: &TargetWriter,
    name: Option<&str>,
    meta: &Meta,
) -> Result<TargetRecording, CaptureError> {
    let file = crate::capture::named(&split.target.output, name.unwrap_or("other"));
    target_writer.create_part(&file, meta)
}

fn finish(writer: TargetRecording, written: &mut WrittenFiles) -> Result<(), CaptureError> {
    let file: PathBuf = Path::to_owned(writer.output().file());
    let count = writer.finish()?;
    written.push((file, count));
    Ok(())
}
