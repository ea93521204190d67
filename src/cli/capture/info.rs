//! `umpire capture info FILE…`: what a recording holds.
//!
//! `file → Info → text | JSON`

use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{fs, io};

use clap::Args;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::select::booking_of;
use crate::capture::{self, CaptureReader, Meta, Oddity, RecordingFormat, is_capture};
use crate::cli::stdio::{note, print};
use crate::cli::{Exit, TextOrJson};
use crate::openbooking::Bookings;
use crate::text::{self, Printer, safe_format, visible};

/// `umpire capture info …`
#[derive(Debug, Args)]
pub(super) struct Info {
    /// Captures, HAR or NDJSON files
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Text for people, or a JSON array with an object per file
    #[arg(long, value_enum, default_value_t = TextOrJson::Text)]
    format: TextOrJson,
}

/// Runs `umpire capture info …`. Status 2 if a part of one of them is missing.
pub(super) fn run(info: &Info) -> anyhow::Result<Exit> {
    let known = info.files.iter().map(|file| RecordingInfo::of(file)).collect::<anyhow::Result<Vec<_>>>()?;
    print(|out| match info.format {
        TextOrJson::Text => known.iter().try_for_each(|known| known.print(out)),
        TextOrJson::Json => out.json(&known.iter().map(RecordingInfo::json).collect::<Value>()),
    })?;
    let damaged: Vec<&String> = known.iter().filter_map(|known| known.damage.as_ref()).collect();
    for damage in &damaged {
        note(safe_format!("{damage}"));
    }
    Ok(if damaged.is_empty() { Exit::Clean } else { Exit::Unread })
}

/// What is known of one recording.
struct RecordingInfo {
    file: String,
    format: RecordingFormat,
    /// Version of the schema, of a capture.
    version: Option<i64>,
    size: u64,
    meta: Meta,
    exchanges: u64,
    bookings: Bookings,
    /// When the first exchange began.
    first: Option<Timestamp>,
    /// When the last one had ended.
    last: Option<Timestamp>,
    /// What is odd about its entries or lines.
    odd: Vec<Oddity>,
    /// What is missing of a capture.
    damage: Option<String>,
}

impl RecordingInfo {
    fn of(file: &Path) -> anyhow::Result<Self> {
        let mut known = Self {
            file: file.display().to_string(),
            format: RecordingFormat::Capture,
            version: None,
            size: 0,
            meta: Meta::new(None, Timestamp::UNIX_EPOCH),
            exchanges: 0,
            bookings: Bookings::default(),
            first: None,
            last: None,
            odd: Vec::new(),
            damage: None,
        };
        if is_capture(file)? {
            let reader = CaptureReader::open(file)?;
            known.version = Some(reader.format());
            known.meta = reader.meta().clone();
            known.damage = reader.damage().map(|damage| damage.to_string());
            if let Some(warning) = reader.warning() {
                note(safe_format!("{warning}"));
            }
            let mut left = if known.damage.is_some() { reader.len()? } else { u64::MAX };
            let read = reader.calls(|call| {
                if left > 0 {
                    known.add(call.started, call.total, &call.method, &call.target);
                    left -= 1;
                }
                left > 0
            });
            if known.damage.is_none() {
                read?;
            }
        } else {
            // As it is, since nothing of it is shown but counts and times.
            let recording = capture::open(file)?;
            (known.meta, known.format) = (recording.meta, recording.format);
            for exchange in recording.exchanges {
                let exchange = exchange?;
                known.add(exchange.started, exchange.timing.total, &exchange.request.method, &exchange.request.target);
            }
            known.odd = recording.oddities.list();
        }
        known.size = size(file)?;
        Ok(known)
    }

    fn add(&mut self, started: Timestamp, total: Duration, method: &str, target: &str) {
        self.exchanges += 1;
        let ended = started.saturating_add(total).unwrap_or(Timestamp::MAX);
        self.first = Some(self.first.map_or(started, |first| first.min(started)));
        self.last = Some(self.last.map_or(ended, |last| last.max(ended)));
        if let Some(booking) = booking_of(method, target.split('?').next().unwrap_or_default()) {
            self.bookings.add(&booking);
        }
    }

    fn print(&self, out: &mut Printer<'_>) -> io::Result<()> {
        let version = self.version.map_or_else(String::new, |version| format!(", version {version}"));
        let (format, creator) = (self.format.as_str(), or_dash(&self.meta.creator));
        out.line(visible(&self.file))?;
        out.line(safe_format!("  format      {format}{version}, made by {creator}"))?;
        out.line(safe_format!("  size        {}", text::count(self.size, "byte")))?;
        out.line(safe_format!("  exchanges   {}", self.exchanges))?;
        out.line(safe_format!("  bookings    {}", self.bookings.count()))?;
        let time = |time: Option<Timestamp>| time.map_or_else(|| "-".to_owned(), |time| format!("{time:.3}"));
        out.line(safe_format!("  first, last {}  {}", time(self.first), time(self.last)))?;
        out.line(safe_format!("  Base URI    {}", or_dash(self.meta.base_uris().join("  ").as_str())))?;
        out.line(safe_format!("  redaction   {}", self.meta.redaction.in_words()))?;
        self.odd.iter().try_for_each(|oddity| out.line(safe_format!("  odd         {oddity}")))
    }

    fn json(&self) -> Value {
        json!({
            "file": self.file,
            "format": self.format.as_str().to_ascii_lowercase(),
            "version": self.version,
            "creator": self.meta.creator,
            "created": self.meta.created.to_string(),
            "base_uri": self.meta.base_uri,
            "also_base_uris": self.meta.also_base_uris,
            "size": self.size,
            "exchanges": self.exchanges,
            "bookings": self.bookings.count(),
            "first": self.first.map(|time| time.to_string()),
            "last": self.last.map(|time| time.to_string()),
            "redaction": self.meta.redaction.as_str(),
            "odd": self.odd.iter().map(super::verify::odd_json).collect::<Vec<_>>(),
        })
    }
}

fn or_dash(text: &str) -> &str {
    if text.is_empty() { "-" } else { text }
}

/// The size of a file in bytes, with the log beside it that belongs to a capture being written.
fn size(file: &Path) -> anyhow::Result<u64> {
    let mut log = file.as_os_str().to_owned();
    log.push("-wal");
    let log = fs::metadata(log).map_or(0, |log| log.len());
    Ok(fs::metadata(file)?.len() + log)
}
