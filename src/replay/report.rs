//! What a replay amounts to: what was served, what was missed, what was recorded and never asked for.

use serde::Serialize;

use super::index::EntryNumber;
use super::miss::Miss;

/// Most misses that are kept one by one; further ones are counted.
const MOST_MISSES: usize = 1_000;

/// Counts while a replay runs.
#[derive(Debug, Default)]
pub(super) struct Counts {
    /// Answers that were served because they fit.
    pub served: u64,
    /// Answers that were served because nothing was nearer.
    pub nearest: u64,
    /// Requests that were not answered.
    pub misses: u64,
    /// The first of them.
    pub missed: Vec<Miss>,
    asked: Vec<u64>,
}

impl Counts {
    /// Counts an exchange that was served.
    pub(crate) fn has_served(&mut self, number: EntryNumber, nearest: bool) {
        if nearest {
            self.nearest += 1;
        } else {
            self.served += 1;
        }
        let (word, bit) = (number as usize / 64, number % 64);
        if self.asked.len() <= word {
            self.asked.resize(word + 1, 0);
        }
        self.asked[word] |= 1 << bit;
    }

    /// Counts a request that was not answered.
    pub(crate) fn has_missed(&mut self, miss: Miss) {
        self.misses += 1;
        if self.missed.len() < MOST_MISSES {
            self.missed.push(miss);
        }
    }

    /// True if an exchange was served at least once.
    pub(crate) fn was_asked(&self, number: EntryNumber) -> bool {
        let (word, bit) = (number as usize / 64, number % 64);
        self.asked.get(word).is_some_and(|asked| asked & 1 << bit != 0)
    }
}

/// What a replay amounts to, for text and JSON.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ReplayReport {
    /// Version of the JSON: 1.
    pub format_version: u32,
    /// The recordings.
    pub recordings: Vec<String>,
    /// Exchanges in them.
    pub exchanges: u64,
    /// Answers that were served because they fit.
    pub served: u64,
    /// Answers that were served although they don't (`--lenient`).
    pub nearest: u64,
    /// Requests that were not answered.
    pub misses: u64,
    /// The first thousand of them.
    pub missed: Vec<MissReport>,
    /// Exchanges that were recorded and never asked for.
    pub never_asked: u64,
    /// The first thousand of them.
    pub never_asked_for: Vec<RecordedReport>,
    /// Bookings of the client that were forgotten for lack of room.
    pub forgotten: u64,
}

/// A request that was not answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MissReport {
    /// Method.
    pub method: String,
    /// Path and query.
    pub target: String,
    /// Why, in words.
    pub detail: String,
    /// The nearest exchange, if there is one.
    pub nearest: Option<RecordedReport>,
}

/// An exchange of a recording.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RecordedReport {
    /// Its recording.
    pub recording: String,
    /// Its number there, from 1 on.
    pub exchange: u64,
    /// Method, path with `*` for the Order UUID, query.
    pub operation: String,
}
