//! `umpire capture export | import | merge | prune`: recordings into another one.
//!
//! `recording(s) → redact (foreign ones) → merge, select → Output → renamed when whole`

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, bail};
use clap::Args;

use super::Target;
use super::select::Selection;
use crate::capture::{self, CaptureError, Meta, Output};
use crate::cli::redaction::{self, SharedArgs};
use crate::cli::stdio::print;
use crate::cli::{Exit, recording};
use crate::exchange::Exchange;
use crate::text::{self, safe_format};

/// `umpire capture export …`
#[derive(Debug, Args)]
pub struct Export {
    #[command(flatten)]
    convert: Convert,
    #[command(flatten)]
    redaction: SharedArgs,
    /// Settings (docs/configuration.md) [default: the nearest umpire.toml, here or in a folder above]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// `umpire capture import …`
#[derive(Debug, Args)]
pub struct Convert {
    /// Capture, HAR or NDJSON file
    file: PathBuf,
    #[command(flatten)]
    target: Target,
}

/// `umpire capture merge …`
#[derive(Debug, Args)]
pub struct Merge {
    /// Captures, HAR or NDJSON files
    #[arg(required = true, num_args = 2.., value_name = "FILE")]
    files: Vec<PathBuf>,
    #[command(flatten)]
    target: Target,
}

/// `umpire capture prune …`
#[derive(Debug, Args)]
pub struct Prune {
    /// Capture, HAR or NDJSON file
    file: PathBuf,
    /// Keep what is selected
    #[arg(long, required_unless_present = "drop", conflicts_with = "drop")]
    keep: bool,
    /// Drop what is selected, keep the rest
    #[arg(long)]
    drop: bool,
    #[command(flatten)]
    selection: Selection,
    #[command(flatten)]
    target: Target,
}

/// Runs `umpire capture export …`.
pub fn export(export: &Export) -> anyhow::Result<Exit> {
    let redactor = Arc::new(export.redaction.redactor(&redaction::config(export.config.as_ref())?)?);
    let recording = redaction::open(&export.convert.file, Arc::clone(&redactor))?;
    let note = || format!(", {}", export.redaction.said(&redactor));
    write(&export.convert.target, &recording.meta, recording.exchanges, note)
}

/// Runs `umpire capture import …`.
pub fn convert(convert: &Convert) -> anyhow::Result<Exit> {
    let recording = recording::open(&convert.file)?;
    write(&convert.target, &recording.meta, recording.exchanges, String::new)
}

/// Runs `umpire capture merge …`.
pub fn merge(merge: &Merge) -> anyhow::Result<Exit> {
    let recordings = merge.files.iter().map(|file| recording::open(file)).collect::<Result<Vec<_>, _>>()?;
    let meta = merged(&merge.files, recordings.iter().map(|recording| &recording.meta))?;
    let exchanges = capture::merge(recordings.into_iter().map(|recording| recording.exchanges).collect());
    write(&merge.target, &meta, exchanges, String::new)
}

/// What is known of all recordings together. Two that went to different booking systems can't be one.
fn merged<'m>(files: &[PathBuf], metas: impl Iterator<Item = &'m Meta>) -> anyhow::Result<Meta> {
    let mut whole: Option<Meta> = None;
    let mut named: Option<&Path> = None;
    for (meta, file) in metas.zip(files) {
        let whole = whole.get_or_insert_with(|| Meta { base_uri: None, part: None, ..meta.clone() });
        for also in &meta.also_base_uris {
            if !whole.also_base_uris.contains(also) {
                whole.also_base_uris.push(also.clone());
            }
        }
        whole.created = whole.created.min(meta.created);
        whole.redaction = whole.redaction.min(meta.redaction);
        match (&whole.base_uri, &meta.base_uri) {
            (Some(one), Some(other)) if one != other => bail!(
                "{} was recorded at {one} and {} at {other}: recordings of different booking systems can't be judged as one",
                named.unwrap_or(file).display(),
                file.display()
            ),
            (None, Some(_)) => {
                whole.base_uri.clone_from(&meta.base_uri);
                named = Some(file);
            }
            _ => {}
        }
    }
    whole.context("no files")
}

/// Runs `umpire capture prune …`.
pub fn prune(prune: &Prune) -> anyhow::Result<Exit> {
    if prune.selection.is_everything() {
        bail!("say which exchanges: with --since, --until, --path, --booking or --stage");
    }
    let recording = recording::open(&prune.file)?;
    let (meta, mut before) = (recording.meta, 0_u64);
    let kept = recording.exchanges.filter_map(|exchange| match exchange {
        Ok(exchange) => {
            before += 1;
            let exchange = Arc::new(exchange);
            (prune.selection.holds(&exchange) != prune.drop).then_some(Ok(exchange))
        }
        Err(error) => Some(Err(error)),
    });
    let mut output = Output::create(&prune.target.output, &meta, prune.target.force)?;
    for exchange in kept {
        output.append(&*exchange?)?;
    }
    if output.is_empty() {
        let before = text::count(before, "exchange");
        bail!("{}: nothing would be left of its {before}; nothing was written", prune.file.display());
    }
    let count = output.finish()?;
    let (before, file) = (text::count(before, "exchange"), prune.target.output.display());
    print(|out| out.line(safe_format!("{count} of {before} in {file}")))?;
    Ok(Exit::Clean)
}

fn write(
    target: &Target,
    meta: &Meta,
    exchanges: impl Iterator<Item = Result<Exchange, CaptureError>>,
    note: impl FnOnce() -> String,
) -> anyhow::Result<Exit> {
    let mut output = Output::create(&target.output, meta, target.force)?;
    for exchange in exchanges {
        output.append(&exchange?)?;
    }
    let count = output.finish()?;
    let (exchanges, file) = (text::count(count, "exchange"), target.output.display());
    let note = note();
    print(|out| out.line(safe_format!("{exchanges} in {file}{note}")))?;
    Ok(Exit::Clean)
}
