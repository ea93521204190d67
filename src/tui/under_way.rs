//! Requests that have no answer yet.
//!
//! `Event::Request → waiting, with a running clock → the exchange of the same id`

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::event::RequestUnderWay;
use crate::text;

/// Most requests that are kept. Past it the oldest are forgotten.
const MOST: usize = 1_000;

/// Most of them that have a row.
const MOST_ROWS: usize = 4;

/// A request that is answered within so many milliseconds has no row.
const SHORT: i64 = 300;

/// The requests by id.
#[derive(Debug, Default)]
pub(super) struct UnderWay(BTreeMap<u64, RequestUnderWay>);

impl UnderWay {
    pub(super) fn begin(&mut self, request: RequestUnderWay) {
        self.0.insert(request.id, request);
        if self.0.len() > MOST {
            self.0.pop_first();
        }
    }

    pub(super) fn end(&mut self, id: u64) {
        self.0.remove(&id);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Those that have waited for a moment, the oldest first.
    pub(super) fn waiting(&self, now: Timestamp) -> Vec<&RequestUnderWay> {
        let waited = |request: &&RequestUnderWay| millis(request, now) >= SHORT;
        self.0.values().filter(waited).take(MOST_ROWS).collect()
    }
}

impl UnderWay {
    /// How many have waited for a moment, and how long the first of them, in words; `None` if none has.
    pub(super) fn in_words(&self, now: Timestamp) -> Option<String> {
        let mut waiting = self.0.values().filter(|request| millis(request, now) >= SHORT);
        let first = waiting.next()?;
        let count = 1 + waiting.count() as u64;
        let wait = if count == 1 { "waits" } else { "wait" };
        Some(format!("{} {wait} for an answer, {}", text::count(count, "request"), clock(first, now)))
    }
}

/// How long a request has waited: `3.2 s`.
pub(super) fn clock(request: &RequestUnderWay, now: Timestamp) -> String {
    format!("{:.1} s", millis(request, now) as f64 / 1_000.0)
}

fn millis(request: &RequestUnderWay, now: Timestamp) -> i64 {
    now.as_millisecond() - request.started.as_millisecond()
}
