//! Search in a capture through an index beside it, made when it is first asked for and continued when the capture has grown.
//!
//! ```text
//! capture ─► 64 exchanges at a time ─► their words, each once ─► FTS5 (monday.db.index)
//! words ─► index: which blocks can hold them? ─► these exchanges are read ─► Hit (where, with what stands around it)
//! ```
//!
//! The index only narrows down: what is found is read in the exchanges themselves, so a stale or missing index costs time,
//! never a hit. It holds words of bodies: it is as private as the capture, and can be deleted at any time.

mod build;

use std::path::{Path, PathBuf};

pub(in crate::capture) use build::remove_of;
pub(crate) use build::{CaptureIndex, IndexProgress};

use crate::exchange::Exchange;
use crate::search::SearchPart;

/// Exchanges per row of the index. More make it smaller, and each candidate costlier to look through.
const BLOCK: u64 = 64;

/// Where the index of a capture is: `monday.db.index`.
pub(crate) fn path_of(capture: &Path) -> PathBuf {
    let mut name = capture.as_os_str().to_owned();
    name.push(".index");
    name.into()
}

/// An exchange that was found.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Hit {
    /// 0-based index in the recording.
    pub index: u64,
    /// The exchange.
    pub exchange: Exchange,
    /// Where the first of the texts was found.
    pub place: SearchPart,
    /// What stands around it, on one line.
    pub around: String,
}
