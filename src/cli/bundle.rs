//! `umpire capture bundle FILE --booking UUID -o OUT.zip`: one booking for the other side's developers.
//!
//! `arguments ─► bundle::make ─► OUT.zip, and a line about it`

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;

use super::Exit;
use super::judging::JudgingArgs;
use super::redaction::{self, SharedArgs};
use super::stdio::print;
use crate::bundle::{BundleOptions, make};
use crate::new_file::{self, Existing, Readers, ensure_free};
use crate::text::{self, safe_format};

/// `umpire capture bundle …`
#[derive(Debug, Args)]
pub(crate) struct BundleArgs {
    /// Capture or HAR file
    file: PathBuf,
    /// Order UUID of the booking
    #[arg(long, value_name = "UUID")]
    booking: String,
    /// ZIP file to write
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// Replace the file if it exists
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    redaction: SharedArgs,
    #[command(flatten)]
    judging: JudgingArgs,
}

/// Runs `umpire capture bundle …`.
pub(super) fn run(bundle: BundleArgs) -> anyhow::Result<Exit> {
    let existing = Existing::with_force(bundle.force);
    // Before the work and not behind it.
    ensure_free(&bundle.output, existing)?;
    let judging = bundle.judging.load()?;
    let redactor = Arc::new(bundle.redaction.redactor(&judging.config)?);
    let recording = redaction::open(&bundle.file, Arc::clone(&redactor))?;
    let options = BundleOptions {
        booking: &bundle.booking,
        redactor: &redactor,
        describe_redaction: &|left_out| bundle.redaction.said(left_out),
        new_judge: &|meta| judging.judge(meta.base_uris(), meta.is_foreign()),
    };
    let made = make(&bundle.file, recording, &options)?;
    new_file::write(&bundle.output, &made.zip, existing, Readers::Owner)?;
    let exchanges = text::count(made.exchanges as u64, "exchange");
    let findings = text::count(made.findings as u64, "finding");
    let (file, redaction) = (bundle.output.display(), made.redaction);
    print(|out| out.line(safe_format!("{exchanges}, {findings} in {file}, {redaction}")))?;
    Ok(Exit::Clean)
}
