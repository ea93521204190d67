//! `umpire capture verify FILE…`: is it whole, and what can be saved if it isn't?
//!
//! `file → examine → errors, exchanges that can and that can't be read → said; saved with --save`

use std::io;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Value, json};

use super::target::TargetWriter;
use crate::capture::{self, CaptureError, Oddity, OddityOutcome, RecordingFormat};
use crate::cli::redaction::SharedArgs;
use crate::cli::stdio::{note, print};
use crate::cli::{Exit, TextOrJson};
use crate::redact::Redactor;
use crate::text::{self, Printer, safe_format};

/// Most damaged exchanges that are told one by one.
const MOST: usize = 20;

/// `umpire capture verify …`
#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// Captures, HAR or NDJSON files
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Write the exchanges that can be read to FILE, in the format that its name asks for
    #[arg(long, value_name = "FILE")]
    save: Option<PathBuf>,
    /// Replace the file of --save if it exists
    #[arg(long, requires = "save")]
    force: bool,
    #[command(flatten)]
    redaction: SharedArgs,
    /// Settings (docs/configuration.md) [default: the nearest umpire.toml, here or in a folder above]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Text for people, or a JSON array with an object per file
    #[arg(long, value_enum, default_value_t = TextOrJson::Text)]
    format: TextOrJson,
}

/// Runs `umpire capture verify …`. Status 1 if one of the files is not whole.
pub(super) fn run(verify: &Verify) -> anyhow::Result<Exit> {
    if verify.save.is_some() && verify.files.len() > 1 {
        anyhow::bail!("--save takes one FILE at a time");
    }
    let save = verify.save.as_deref();
    let save = save.map(|file| TargetWriter::new(file, verify.force, &verify.redaction, verify.config.as_ref(), false));
    let save = save.transpose()?;
    if save.as_ref().is_some_and(TargetWriter::is_stdout) {
        anyhow::bail!("--save names a file: what was found goes to standard output");
    }
    let verified =
        verify.files.iter().map(|file| VerifiedRecording::of(file, save.as_ref())).collect::<Result<Vec<_>, _>>()?;
    if let Some(save) = &save {
        let saved = text::count(verified.iter().map(|file| file.readable).sum(), "exchange");
        note(safe_format!("saved {saved} in {}, {}", save.name(), save.said()));
    }
    print(|out| match verify.format {
        TextOrJson::Text => verified.iter().try_for_each(|verified| verified.print(out)),
        TextOrJson::Json => out.json(&verified.iter().map(VerifiedRecording::json).collect::<Value>()),
    })?;
    Ok(if verified.iter().all(VerifiedRecording::is_whole) { Exit::Clean } else { Exit::Findings })
}

/// What was found in one recording.
struct VerifiedRecording {
    file: String,
    /// What is wrong with the file as a whole.
    errors: Vec<String>,
    readable: u64,
    /// What is wrong with exchanges, at most [`MOST`].
    damaged: Vec<String>,
    unreadable: u64,
    /// What is odd about entries or lines.
    odd: Vec<Oddity>,
}

impl VerifiedRecording {
    fn of(path: &Path, save: Option<&TargetWriter>) -> Result<Self, CaptureError> {
        let file = path.display().to_string();
        let examination = match capture::examine(path) {
            Ok(examination) => examination,
            // It is there, and nothing can be read of it: that is what was asked.
            Err(
                error @ (CaptureError::Har { .. }
                | CaptureError::Line { .. }
                | CaptureError::Read { .. }
                | CaptureError::Damaged { .. }),
            ) if save.is_none() => {
                let errors = vec![error.to_string()];
                return Ok(Self { file, errors, readable: 0, damaged: Vec::new(), unreadable: 0, odd: Vec::new() });
            }
            Err(error) => return Err(error),
        };
        if let Some(warning) = &examination.warning {
            note(safe_format!("{warning}"));
        }
        let mut verified =
            Self { file, errors: examination.errors, readable: 0, damaged: Vec::new(), unreadable: 0, odd: Vec::new() };
        // Personal data and with them secrets go as it is written; where personal data stay, secrets of other programs'
        // recordings go here.
        let persons = save.and_then(TargetWriter::redactor);
        if let Some(persons) = persons {
            capture::examine(path)?.exchanges.flatten().for_each(|exchange| persons.learn(exchange));
        }
        let is_own = examination.format == RecordingFormat::Capture;
        let secrets = if is_own || persons.is_some() { None } else { Some(Redactor::new()?) };
        let meta = match &secrets {
            Some(redactor) => examination.meta.redacted(redactor.level()),
            None => examination.meta,
        };
        let mut writer = save.map(|save| save.create(&meta)).transpose()?;
        for exchange in examination.exchanges {
            match exchange {
                Ok(exchange) => {
                    verified.readable += 1;
                    if let Some(writer) = &mut writer {
                        writer.append(match &secrets {
                            Some(redactor) => redactor.redact(exchange),
                            None => exchange,
                        })?;
                    }
                }
                Err(error) => {
                    verified.unreadable += 1;
                    if verified.damaged.len() < MOST {
                        verified.damaged.push(error.to_string());
                    }
                }
            }
        }
        if let Some(writer) = writer {
            writer.finish()?;
        }
        verified.unreadable += examination.oddities.left_out();
        verified.odd = examination.oddities.list();
        Ok(verified)
    }

    /// Nothing is missing: what could be read all the same is no damage.
    fn is_whole(&self) -> bool {
        let lost = self.odd.iter().any(|oddity| oddity.outcome != OddityOutcome::Mended);
        self.errors.is_empty() && self.unreadable == 0 && !lost
    }

    fn print(&self, out: &mut Printer<'_>) -> io::Result<()> {
        let Self { file, errors, readable, damaged, unreadable, odd } = self;
        let exchanges = text::count(*readable, "exchange");
        if self.is_whole() {
            out.line(safe_format!("{file}: whole, {exchanges}"))?;
            return odd.iter().try_for_each(|oddity| out.line(safe_format!("  {oddity}")));
        }
        out.line(safe_format!("{file}: damaged"))?;
        errors.iter().chain(damaged).try_for_each(|error| out.line(safe_format!("  {error}")))?;
        odd.iter().try_for_each(|oddity| out.line(safe_format!("  {oddity}")))?;
        let left_out: u64 =
            odd.iter().filter(|oddity| oddity.outcome == OddityOutcome::LeftOut).map(|oddity| oddity.count).sum();
        let untold = unreadable - left_out - damaged.len() as u64;
        if untold > 0 {
            out.line(safe_format!("  and {} that can't be read", text::count(untold, "more exchange")))?;
        }
        match readable {
            0 => out.line("  nothing can be saved"),
            _ => out.line(safe_format!(
                "  {exchanges} can be read; --save FILE writes what can be read to a new recording"
            )),
        }
    }

    fn json(&self) -> Value {
        json!({
            "file": self.file,
            "whole": self.is_whole(),
            "faults": self.errors,
            "readable": self.readable,
            "unreadable": self.unreadable,
            "damaged": self.damaged,
            "odd": self.odd.iter().map(odd_json).collect::<Vec<_>>(),
        })
    }
}

/// Something odd as JSON, as in the report of `check`.
pub(super) fn odd_json(oddity: &Oddity) -> Value {
    let Oddity { what, outcome, count, first, .. } = oddity;
    json!({ "what": what, "outcome": outcome.as_str(), "count": count, "first": first })
}
