//! The file of a baseline: TOML that people read, and add reasons and expiry dates to.
//!
//! `text → BaselineDefinition (checked, with lines) → Baseline → text`

use std::fs;
use std::path::{Path, PathBuf};

use jiff::civil::Date;
use serde::Deserialize;
use toml::Spanned;
use toml::value::Datetime;

use super::{Baseline, BaselineEntry};
use crate::new_file::{self, Existing, NewFileError, Readers};
use crate::openbooking::Stage;

/// Version of the format.
const FORMAT_VERSION: u32 = 1;

/// What stands above the entries.
const HEAD: &str = "\
# Known findings: `umpire check --baseline FILE` sets them aside. An entry speaks of one rule, stage and place (* is any
# index) and counts how many such findings are known; those beyond are reported. Say why in `reason`; with a line such
# as `expires = 2026-12-31` they are put up with until the end of that day (UTC).
";

/// Why a baseline can't be used. Names the file, and the line where that is known.
#[derive(Debug, thiserror::Error)]
pub enum BaselineError {
    /// It can't be read.
    #[error("{path}: {cause}; write one with --write-baseline")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        cause: std::io::Error,
    },
    /// It is no baseline.
    #[error("{path}:{line}: {what}")]
    Wrong {
        /// The file.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
        /// What is wrong.
        what: String,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BaselineDefinition {
    format_version: Spanned<u32>,
    #[serde(default)]
    known: Vec<KnownDefinition>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KnownDefinition {
    rule: Spanned<String>,
    stage: Spanned<String>,
    pointer: String,
    count: u64,
    #[serde(default)]
    reason: String,
    expires: Option<Spanned<Datetime>>,
}

/// What is wrong, and at which byte.
type EntryError = (String, usize);

impl Baseline {
    /// Reads a baseline.
    pub fn read(path: &Path) -> Result<Self, BaselineError> {
        let text =
            fs::read_to_string(path).map_err(|cause| BaselineError::Unreadable { path: path.to_owned(), cause })?;
        Self::parse(&text).map_err(|(what, at)| {
            let line = 1 + text.bytes().take(at).filter(|&byte| byte == b'\n').count();
            BaselineError::Wrong { path: path.to_owned(), line, what }
        })
    }

    /// Writes the baseline to a file.
    pub fn write(&self, path: &Path, existing: Existing) -> Result<(), NewFileError> {
        new_file::write(path, self.to_toml().as_bytes(), existing, Readers::All)
    }

    pub(super) fn parse(text: &str) -> Result<Self, EntryError> {
        let definition: BaselineDefinition = toml::from_str(text)
            .map_err(|error| (error.message().to_owned(), error.span().map_or(0, |span| span.start)))?;
        let version = definition.format_version;
        if *version.get_ref() != FORMAT_VERSION {
            let what = format!("format_version {} is not known, only {FORMAT_VERSION}", version.get_ref());
            return Err((what, version.span().start));
        }
        let mut entries = Vec::new();
        for known in definition.known {
            let at = known.rule.span().start;
            let entry = entry(known)?;
            if entries.iter().any(|other: &BaselineEntry| other.key() == entry.key()) {
                return Err((format!("{} at {} is listed twice; add the counts up", entry.rule, entry.pointer), at));
            }
            entries.push(entry);
        }
        entries.sort_by(|a, b| a.key().cmp(&b.key()));
        Ok(Self { entries })
    }

    /// The baseline as a file.
    pub(super) fn to_toml(&self) -> String {
        let mut text = format!("{HEAD}\nformat_version = {FORMAT_VERSION}\n");
        let quoted = |text: &str| toml::Value::from(text).to_string();
        for entry in &self.entries {
            let lines = [
                "\n[[known]]".to_owned(),
                format!("rule = {}", quoted(&entry.rule)),
                format!("stage = {}", quoted(entry.stage.as_str())),
                format!("pointer = {}", quoted(&entry.pointer)),
                format!("count = {}", entry.count),
                format!("reason = {}", quoted(&entry.reason)),
            ];
            text.push_str(&lines.join("\n"));
            text.push('\n');
            text.extend(entry.expires.map(|expires| format!("expires = {expires}\n")));
        }
        text
    }
}

fn entry(known: KnownDefinition) -> Result<BaselineEntry, EntryError> {
    let (at, stage) = (known.stage.span().start, known.stage.into_inner());
    let stage = Stage::from_name(&stage).ok_or_else(|| (format!("there is no stage {stage:?}"), at))?;
    let expires = known.expires.map(|expires| {
        let at = expires.span().start;
        date(expires.get_ref())
            .ok_or_else(|| (format!("expires is a day such as 2026-12-31, not {}", expires.get_ref()), at))
    });
    Ok(BaselineEntry {
        rule: known.rule.into_inner(),
        stage,
        pointer: known.pointer,
        count: known.count,
        reason: known.reason,
        expires: expires.transpose()?,
    })
}

/// A day without a time.
fn date(datetime: &Datetime) -> Option<Date> {
    let Datetime { date: Some(date), time: None, offset: None } = datetime else { return None };
    Date::new(i16::try_from(date.year).ok()?, i8::try_from(date.month).ok()?, i8::try_from(date.day).ok()?).ok()
}
