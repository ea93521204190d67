//! `umpire capture export | convert | merge | prune`: recordings into another one.
//!
//! `recording(s) → merge, select → TargetWriter (redacted) → renamed when whole`

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, bail};
use clap::Args;

use super::select::{Filtered, Selection};
use super::target::{OutputTarget, TargetWriter};
use crate::capture::{self, CaptureError, Meta};
use crate::cli::Exit;
use crate::exchange::Exchange;
use crate::filter::Filter;
use crate::text::{self, SafeText, safe_format};

/// `umpire capture export …`, `umpire capture convert …`
#[derive(Debug, Args)]
pub(crate) struct Convert {
    /// Capture, HAR or NDJSON file
    file: PathBuf,
    /// Only exchanges that match, such as 'order:9f84' or 'sev:failure side:system' (docs/filter.md)
    #[arg(long, value_name = "FILTER")]
    filter: Option<Filter>,
    #[command(flatten)]
    target: OutputTarget,
}

/// `umpire capture merge …`
#[derive(Debug, Args)]
pub(crate) struct Merge {
    /// Captures, HAR or NDJSON files
    #[arg(required = true, num_args = 2.., value_name = "FILE")]
    files: Vec<PathBuf>,
    #[command(flatten)]
    target: OutputTarget,
}

/// `umpire capture prune …`
#[derive(Debug, Args)]
pub(crate) struct Prune {
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
    target: OutputTarget,
}

/// Runs `umpire capture export …`: a recording that is to be given away.
pub(super) fn export(export: &Convert) -> anyhow::Result<Exit> {
    write(export, true)
}

/// Runs `umpire capture convert …`.
pub(super) fn convert(convert: &Convert) -> anyhow::Result<Exit> {
    write(convert, false)
}

fn write(convert: &Convert, always_redacted: bool) -> anyhow::Result<Exit> {
    let target_writer = convert.target.writer(always_redacted)?;
    let recording = target_writer.open(&convert.file)?;
    let mut chosen = Filtered::new(convert.filter.as_ref(), &convert.file, &recording.meta, convert.target.rules())?;
    let exchanges = recording.exchanges.filter_map(|exchange| match exchange {
        Ok(exchange) => {
            let exchange = Arc::new(exchange);
            chosen.matches(&exchange).then(|| Ok(Arc::unwrap_or_clone(exchange)))
        }
        Err(error) => Some(Err(error)),
    });
    target_writer.end(written(&target_writer, &recording.meta, exchanges))
}

/// Runs `umpire capture merge …`.
pub(super) fn merge(merge: &Merge) -> anyhow::Result<Exit> {
    let target_writer = merge.target.writer(false)?;
    let recordings = merge.files.iter().map(|file| target_writer.open(file)).collect::<Result<Vec<_>, _>>()?;
    let meta = merged(&merge.files, recordings.iter().map(|recording| &recording.meta))?;
    let exchanges = capture::merge(recordings.into_iter().map(|recording| recording.exchanges).collect());
    target_writer.end(written(&target_writer, &meta, exchanges))
}

/// Writes a recording; what there is to say of it.
fn written(
    target_writer: &TargetWriter,
    meta: &Meta,
    exchanges: impl Iterator<Item = Result<Exchange, CaptureError>>,
) -> anyhow::Result<SafeText> {
    let mut writer = target_writer.create(meta)?;
    for exchange in exchanges {
        writer.append(exchange?)?;
    }
    let count = text::count(writer.finish()?, "exchange");
    Ok(safe_format!("{count} in {}, {}", target_writer.name(), target_writer.said()))
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
pub(super) fn prune(prune: &Prune) -> anyhow::Result<Exit> {
    if prune.selection.is_everything() {
        bail!("say which exchanges: with --filter, --since, --until, --path, --booking or --stage");
    }
    let target_writer = prune.target.writer(false)?;
    target_writer.end(pruned(prune, &target_writer))
}

fn pruned(prune: &Prune, target_writer: &TargetWriter) -> anyhow::Result<SafeText> {
    let recording = target_writer.open(&prune.file)?;
    let mut filtered = Filtered::new(prune.selection.filter(), &prune.file, &recording.meta, prune.target.rules())?;
    let mut before = 0_u64;
    let mut writer = None;
    for exchange in recording.exchanges {
        let exchange = Arc::new(exchange?);
        before += 1;
        let selected = filtered.matches(&exchange) && prune.selection.holds(&exchange);
        if selected != prune.drop {
            // Begun with the first exchange, so that a stream of none is none.
            let writer = match &mut writer {
                Some(writer) => writer,
                None => writer.insert(target_writer.create(&recording.meta)?),
            };
            writer.append(Arc::unwrap_or_clone(exchange))?;
        }
    }
    let before = text::count(before, "exchange");
    let Some(writer) = writer else {
        bail!("{}: nothing would be left of its {before}; nothing was written", prune.file.display());
    };
    let count = writer.finish()?;
    Ok(safe_format!("{count} of {before} in {}, {}", target_writer.name(), target_writer.said()))
}
