//! What is missing of a capture as a whole: the end of its file, or the log that belongs to it.
//!
//! ```text
//! first page ─► more pages than the file has ─────────────────► cut off
//!          └──► has a log, and none is beside it ─► meta `log` ─► continues: copied without it
//!                                                             ├► finished: whole
//!                                                             └► else: perhaps the last exchanges are missing
//! ```

use std::fmt;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

/// Length of the header of a SQLite file.
const HEADER: usize = 100;

/// The key in `meta` under which a recording says what its log holds.
pub(super) const LOG_KEY: &str = "log";

/// What the file of a recording says of its log. Files that were written as a whole say nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LogState {
    /// More of the recording follows in the log. Each checkpoint leaves this in the file.
    Continues,
    /// All that was committed is here, log included. A writer that is killed leaves this.
    Current,
    /// The recording has ended, and nothing of it is left in the log.
    Finished,
}

impl LogState {
    /// Stable name, as in `meta`.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Continues => "continues",
            Self::Current => "current",
            Self::Finished => "finished",
        }
    }

    pub(super) fn from_name(name: &str) -> Option<Self> {
        [Self::Continues, Self::Current, Self::Finished].into_iter().find(|state| state.as_str() == name)
    }
}

/// What is missing of a capture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum CaptureDamage {
    /// The file is shorter than it says.
    CutOff {
        /// Bytes that are there.
        length: u64,
        /// Bytes that there should be, if that is known.
        expected: Option<u64>,
    },
    /// It was copied while it was recorded, without its log.
    LogMissing {
        /// The log.
        log: PathBuf,
    },
}

impl fmt::Display for CaptureDamage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CutOff { length, expected: Some(expected) } => {
                write!(f, "is cut off: {length} of {expected} bytes are there; copy the file again")
            }
            Self::CutOff { length, expected: None } => {
                write!(f, "is cut off: only {length} bytes are there; copy the file again")
            }
            Self::LogMissing { log } => write!(
                f,
                "was copied while it was being recorded, without {}, which holds its last exchanges; copy that file, too, or \
                 make the copy with umpire capture convert",
                log.display()
            ),
        }
    }
}

/// What the first bytes of a capture say, and what stands beside it.
#[derive(Debug)]
pub(super) struct FileHead {
    length: u64,
    /// Bytes of all pages, if the header says so.
    expected: Option<u64>,
    /// The file is one with a write-ahead log.
    has_log: bool,
    log: PathBuf,
    /// There is something in the log, or in a rollback journal.
    has_more_beside: bool,
}

impl FileHead {
    /// Looks at a file.
    pub(super) fn read(path: &Path) -> io::Result<Self> {
        let log = with_suffix(path, "-wal");
        // Before the file: pages move from the log into it, and never the other way.
        let has_more_beside = !is_empty(&log) || !is_empty(&with_suffix(path, "-journal"));
        let file = File::open(path)?;
        let mut header = Vec::with_capacity(HEADER);
        (&file).take(HEADER as u64).read_to_end(&mut header)?;
        let number = |at: usize| header.get(at..at + 4)?.try_into().ok().map(u32::from_be_bytes);
        let page = match header.get(16..18) {
            Some(&[0, 1]) => Some(1 << 16),
            Some(&[high, low]) => Some(u64::from(u16::from_be_bytes([high, low]))),
            _ => None,
        };
        // The number of pages holds if the header was last written by who knows of it.
        let pages = number(28).filter(|_| number(24) == number(92)).map(u64::from);
        let has_log = header.get(18..20) == Some(&[2, 2]);
        let expected = page.zip(pages).map(|(page, pages)| page * pages);
        Ok(Self { length: file.metadata()?.len(), expected, has_log, log, has_more_beside })
    }

    /// True if there is a log, and something in it.
    pub(super) fn is_recording(&self) -> bool {
        self.has_log && self.has_more_beside
    }

    /// What is missing at its end, if the file alone tells.
    pub(super) fn cut_off(&self) -> Option<CaptureDamage> {
        let Self { length, expected, .. } = *self;
        let is_cut = length < HEADER as u64 || expected.is_some_and(|expected| length < expected);
        (is_cut && !self.has_more_beside).then_some(CaptureDamage::CutOff { length, expected })
    }

    /// What is missing by what the file says of its log, which is read after this. [`Ok`] has a warning, if it may be that
    /// something is missing.
    pub(super) fn log_missing(&self, state: Option<LogState>) -> Result<Option<String>, CaptureDamage> {
        if !self.has_log || self.has_more_beside || !is_empty(&self.log) {
            return Ok(None);
        }
        let log = self.log.clone();
        match state {
            Some(LogState::Continues) => Err(CaptureDamage::LogMissing { log }),
            Some(LogState::Finished) => Ok(None),
            Some(LogState::Current) | None => Ok(Some(format!(
                "its last exchanges may be missing: its recording was not finished, and {} is not beside it",
                log.display()
            ))),
        }
    }
}

/// True if there is no such file, or nothing in it.
fn is_empty(path: &Path) -> bool {
    std::fs::metadata(path).map_or(true, |found| found.len() == 0)
}

/// `monday.db` and `-wal` give `monday.db-wal`.
fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn states_read_back() {
        for state in [LogState::Continues, LogState::Current, LogState::Finished] {
            assert_eq!(LogState::from_name(state.as_str()), Some(state));
        }
    }

    #[test]
    fn the_length_is_held_against_the_header() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        let mut file = b"SQLite format 3\0\x20\x00\x01\x01".to_vec();
        file.resize(3 * 8192, 0);
        file[31] = 3;
        let cut_off = |bytes: &[u8]| {
            fs::write(&path, bytes).unwrap();
            FileHead::read(&path).unwrap().cut_off().map(|damage| damage.to_string())
        };
        assert_eq!(cut_off(&file), None);
        let cut = cut_off(&file[..3 * 8192 - 1]).unwrap();
        assert!(cut.contains("24575 of 24576 bytes"), "{cut}");
        for length in [0, 16, 99] {
            let cut = cut_off(&file[..length]).unwrap();
            assert!(cut.contains(&format!("{length} ")), "{cut}");
        }
        // What is in a log belongs to the file.
        fs::write(folder.path().join("a.db-wal"), "x").unwrap();
        assert_eq!(cut_off(&file[..8192]), None);
    }
}
