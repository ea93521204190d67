//! Recordings on disk: what was on the wire, nothing else.
//!
//! ```text
//! Exchange → Redactor → CaptureWriter ─► capture (SQLite) ─► open (CaptureReader) ─► Exchange
//!                                       └─► Output ─► HAR 1.2, NDJSON ─► open ─► Exchange
//! ```
//!
//! A capture knows no findings: they are worked out again from what it holds. What the files look like is written
//! down in `captures/README.md`.

pub mod beside;
pub mod har;
pub mod index;
mod merge;
pub mod ndjson;
mod odd;
mod output;
mod recording;
mod rotation;
mod source;
mod store;
mod verify;

use std::path::{Path, PathBuf};

use jiff::Timestamp;

use crate::exchange::BodyEnd;
use crate::new_file::{NewFile, NewFileError};
use crate::redact::{RedactError, RedactionLevel};
pub use merge::merge;
pub use odd::{Oddities, Oddity, OddityOutcome};
pub(crate) use output::ensure_not_in_use;
pub use output::{RecordingFormat, RecordingWriter};
pub use recording::{Exchanges, Recording, open};
pub(crate) use recording::{is_capture, open_without_secrets};
pub(crate) use rotation::next_part;
pub use rotation::{RotatingWriter, Rotation};
pub(crate) use store::is_being_recorded;
pub use store::{CaptureReader, CaptureWriter, StoredCall};
pub(crate) use verify::examine;

/// Folder of captures that were given no name of their own.
pub(crate) const DEFAULT_FOLDER: &str = "captures";

/// What is known of a recording as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Meta {
    /// Base URI of the booking system, without user-info; `None` where it isn't known (foreign recordings).
    pub base_uri: Option<String>,
    /// Those of further booking systems in the same recording.
    pub also_base_uris: Vec<String>,
    /// When the recording began, in UTC; for foreign recordings the start of their first exchange.
    pub created: Timestamp,
    /// Name and version of the program that recorded, such as `umpire 0.1.0`.
    pub creator: String,
    /// What was replaced in all of its exchanges.
    pub redaction: RedactionLevel,
    /// Which part of a recording in several files it is; `None` for one that stands alone, and in HAR and NDJSON.
    pub part: Option<PartNumber>,
}

/// A file's place in a recording of several files.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PartNumber {
    /// What all parts of the recording have in common, and no other recording has.
    pub of: String,
    /// 1-based number of the part.
    pub number: u32,
}

impl Meta {
    /// The same of a recording out of which that was taken, whatever had been before.
    pub fn redacted(self, redaction: RedactionLevel) -> Self {
        Self { redaction: self.redaction.max(redaction), ..self }
    }

    /// The meta data of a recording that this program makes now, of exchanges in which nothing was replaced yet. User-info
    /// in the Base URI is dropped: it is a secret.
    pub fn new(base_uri: Option<&str>, created: Timestamp) -> Self {
        Self {
            base_uri: base_uri.map(crate::redact::without_user_info),
            also_base_uris: Vec::new(),
            created,
            creator: concat!("umpire ", env!("CARGO_PKG_VERSION")).to_owned(),
            redaction: RedactionLevel::Nothing,
            part: None,
        }
    }

    /// With further booking systems.
    pub(crate) fn and_also<'u>(self, base_uris: impl Iterator<Item = &'u str>) -> Self {
        Self { also_base_uris: base_uris.map(crate::redact::without_user_info).collect(), ..self }
    }

    /// True if another program recorded: its exchanges were numbered when they were read, not when they passed.
    pub(crate) fn is_foreign(&self) -> bool {
        !self.creator.starts_with("umpire ")
    }

    /// The Base URIs of all booking systems in the recording that are known.
    pub fn base_uris(&self) -> Vec<String> {
        self.base_uri.iter().chain(&self.also_base_uris).cloned().collect()
    }
}

/// Why a recording could not be made or read. Each message names the file; how many exchanges a failure lost is for
/// whoever counts them all ([`CaptureError::lost`]).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CaptureError {
    /// There is a file of that name already; what is being recorded is never written over one.
    #[error("{}: exists already; choose another name or move it away", file.display())]
    Exists {
        /// The file.
        file: PathBuf,
    },
    /// The file of an output could not be made.
    #[error(transparent)]
    Output(#[from] NewFileError),
    /// A capture that is being recorded is to be replaced.
    #[error(
        "{}: is in use: an Umpire records in it, or shows it though its recording was never finished; end that first, or choose \
         another name",
        file.display()
    )]
    InUse {
        /// The file.
        file: PathBuf,
    },
    /// The file could not be made.
    #[error("{}: can't be created: {cause}", file.display())]
    Create {
        /// The file.
        file: PathBuf,
        /// The cause in words.
        cause: String,
    },
    /// The file could not be opened.
    #[error("{}: can't be opened: {cause}", file.display())]
    Open {
        /// The file.
        file: PathBuf,
        /// The cause in words.
        cause: String,
    },
    /// Something could not be written. The writer can be used on: it tries again with the next exchange.
    #[error("{}: can't be written: {cause}", file.display())]
    Write {
        /// The file.
        file: PathBuf,
        /// The cause in words.
        cause: String,
        /// Exchanges that this failure lost: the one at hand, and those since the last commit if it undid them.
        lost: u64,
    },
    /// Something could not be read.
    #[error("{}: can't be read: {cause}", file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// The cause in words.
        cause: String,
    },
    /// An exchange of a capture is damaged or not there.
    #[error("{}: exchange {} can't be read: {what}", file.display(), index + 1)]
    Exchange {
        /// The file.
        file: PathBuf,
        /// 0-based index of the exchange.
        index: u64,
        /// What is wrong with it.
        what: String,
    },
    /// A part of a capture is missing; what is there can be read.
    #[error("{}: {what}", file.display())]
    Damaged {
        /// The file.
        file: PathBuf,
        /// What is missing, and what to do.
        what: String,
    },
    /// A SQLite file, but not one of Umpire's.
    #[error("{}: is a SQLite database, but no capture of Umpire's", file.display())]
    NotACapture {
        /// The file.
        file: PathBuf,
    },
    /// A capture in a format that this version doesn't know.
    #[error("{}: has capture format {found}, and this Umpire knows up to {known}; use a newer one", file.display())]
    Format {
        /// The file.
        file: PathBuf,
        /// Format version of the file.
        found: i64,
        /// Newest format version that is known.
        known: i64,
    },
    /// Neither a capture nor a HAR file that can be used.
    #[error("{}: {what}", file.display())]
    Har {
        /// The file.
        file: PathBuf,
        /// What is wrong, where, and what to do.
        what: String,
    },
    /// A line of an NDJSON file can't be used.
    #[error("{}: line {line}: {what}", file.display())]
    Line {
        /// The file.
        file: PathBuf,
        /// 1-based number of the line.
        line: u64,
        /// What is wrong with it.
        what: String,
    },
    /// The name of a file to be written doesn't say its format.
    #[error("{}: write to a file that ends in {}", file.display(), RecordingFormat::ENDINGS)]
    Ending {
        /// The file.
        file: PathBuf,
    },
    /// A recording without a single exchange.
    #[error("{}: holds no exchanges; record some traffic, or check that this is the right file", file.display())]
    Empty {
        /// The file.
        file: PathBuf,
    },
    /// Secrets can't be taken out.
    #[error(transparent)]
    Redact(#[from] RedactError),
}

impl CaptureError {
    /// A recording of which nothing can be given out: because there is nothing, or because of what is odd about it.
    fn without_exchanges(file: &Path, oddities: &Oddities) -> Self {
        let file = file.to_owned();
        match oddities.list().first().filter(|first| first.outcome == OddityOutcome::LeftOut) {
            None => Self::Empty { file },
            Some(first) => Self::Har { file, what: format!("holds no exchange that can be read: {first}") },
        }
    }

    /// The same of the file that a temporary one stands for.
    fn of(mut self, new: &NewFile) -> Self {
        if let Self::Create { file, cause } | Self::Open { file, cause } | Self::Write { file, cause, .. } = &mut self {
            new.name().clone_into(file);
            *cause = new.renamed_in(cause);
        }
        self
    }

    /// Exchanges that this failure lost.
    pub fn lost(&self) -> u64 {
        match self {
            Self::Write { lost, .. } => *lost,
            _ => 0,
        }
    }
}

/// A name for a new capture, `captures/2026-11-24T070000Z.db`, made unique with `-2`, `-3`, … where that exists.
pub(crate) fn default_path(now: Timestamp) -> PathBuf {
    unused_path(Path::new(DEFAULT_FOLDER), now)
}

/// The name of a part of a recording: `monday.har` and 2 give `monday.0002.har`, so that names sort in order.
pub fn numbered(path: &Path, number: u32) -> PathBuf {
    named(path, &format!("{number:04}"))
}

/// `monday.har.gz` and `x` give `monday.x.har.gz`: the name of a part, with the ending that tells its format.
pub fn named(path: &Path, part: &str) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let packed = name.strip_suffix(".gz");
    let (stem, ending) = packed.unwrap_or(&name).rsplit_once('.').unwrap_or((packed.unwrap_or(&name), ""));
    let dot = if ending.is_empty() { "" } else { "." };
    let packed = if packed.is_some() { ".gz" } else { "" };
    path.with_file_name(format!("{stem}.{part}{dot}{ending}{packed}"))
}

fn unused_path(folder: &Path, now: Timestamp) -> PathBuf {
    let name = now.strftime("%Y-%m-%dT%H%M%SZ").to_string();
    let first = folder.join(format!("{name}.db"));
    // Whoever takes the name in between is caught by `CaptureWriter::create`, which never writes over a file.
    std::iter::once(first.clone())
        .chain((2..10_000).map(|number| folder.join(format!("{name}-{number}.db"))))
        .find(|path| !path.exists())
        .unwrap_or(first)
}

fn create_failed(path: &Path, error: &dyn std::fmt::Display) -> CaptureError {
    CaptureError::Create { file: path.to_owned(), cause: error.to_string() }
}

/// Stable names of the ends of a body, as stored in captures and HAR files.
fn end_name(end: BodyEnd) -> &'static str {
    match end {
        BodyEnd::Complete => "complete",
        BodyEnd::Truncated => "truncated",
        BodyEnd::Cancelled => "cancelled",
        BodyEnd::NotRecorded => "not-recorded",
    }
}

fn end_from_name(name: &str) -> Option<BodyEnd> {
    [BodyEnd::Complete, BodyEnd::Truncated, BodyEnd::Cancelled, BodyEnd::NotRecorded]
        .into_iter()
        .find(|&end| end_name(end) == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn default_names_tell_the_time_and_are_unique() {
        let folder = tempfile::tempdir().unwrap();
        let now: Timestamp = "2026-11-24T07:00:00.5Z".parse().unwrap();
        for name in ["2026-11-24T070000Z.db", "2026-11-24T070000Z-2.db", "2026-11-24T070000Z-3.db"] {
            let path = unused_path(folder.path(), now);
            assert_eq!(path, folder.path().join(name));
            std::fs::write(path, "").unwrap();
        }
    }

    #[test]
    fn parts_have_names_in_order() {
        for (path, expected) in [
            ("a/monday.har", "a/monday.0002.har"),
            ("monday.x.har.gz", "monday.x.0002.har.gz"),
            ("monday", "monday.0002"),
        ] {
            assert_eq!(numbered(Path::new(path), 2), Path::new(expected));
        }
    }

    #[test]
    fn ends_read_back() {
        for end in [BodyEnd::Complete, BodyEnd::Truncated, BodyEnd::Cancelled, BodyEnd::NotRecorded] {
            assert_eq!(end_from_name(end_name(end)), Some(end));
        }
    }
}
