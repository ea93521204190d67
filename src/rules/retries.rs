//! Calls that came to nothing, to be held against what the broker does next.
//!
//! `429 or 503 → pushed back, until the same call comes again` · `attempt to book that failed → until it succeeds or is given up`

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use super::callers::credential;
use super::memory::MAX_KEPT_BYTES;
use crate::openbooking::{Reading, Stage};

/// Most calls (by verb, path and credentials) that are known as pushed back. Past it no new ones are taken up.
/// Nor are those of more than 256 KiB.
const MAX_PUSHED_BACK: usize = 1_000;

/// Most failed attempts to book that are kept. Past it the oldest is forgotten: what follows on it is not judged.
/// Calls of more than 256 KiB are not kept.
const MAX_FAILED: usize = 200;

/// The calls so far that came to nothing.
#[derive(Debug, Default)]
pub struct Retries {
    pushed_back: HashMap<String, Arc<Reading>>,
    failed: VecDeque<Arc<Reading>>,
}

impl Retries {
    /// The last call with the verb, path and credentials of this one, if its answer was 429 or 503 and had come
    /// before this one was made.
    pub fn pushed_back(&self, reading: &Reading) -> Option<&Reading> {
        let earlier = self.pushed_back.get(&key(reading))?;
        (earlier.exchange.ended() <= reading.exchange.started).then_some(earlier)
    }

    /// The last call of each attempt to book that failed and was not taken further, oldest first.
    pub fn failed(&self) -> impl Iterator<Item = &Reading> {
        self.failed.iter().map(Arc::as_ref)
    }

    /// Takes a call up.
    pub fn remember(&mut self, reading: &Arc<Reading>) {
        let key = key(reading);
        match reading.status() {
            Some(429 | 503) => {
                let room = self.pushed_back.len() < MAX_PUSHED_BACK || self.pushed_back.contains_key(&key);
                if room && reading.memory() <= MAX_KEPT_BYTES {
                    self.pushed_back.insert(key, Arc::clone(reading));
                }
            }
            _ => {
                self.pushed_back.remove(&key);
            }
        }
        let Some(uuid) = &reading.order_uuid else { return };
        let answered = reading.status().is_some();
        if answered && reading.stage != Stage::OrderStatus {
            self.failed.retain(|earlier| earlier.order_uuid.as_ref() != Some(uuid));
        }
        let books = matches!(reading.stage, Stage::C1 | Stage::C2 | Stage::P | Stage::B | Stage::BAfterP);
        let small = reading.memory() <= MAX_KEPT_BYTES;
        if books && small && reading.status().is_some_and(|status| status >= 400) {
            if self.failed.len() == MAX_FAILED {
                self.failed.pop_front();
            }
            self.failed.push_back(Arc::clone(reading));
        }
    }
}

fn key(reading: &Reading) -> String {
    let credential = credential(reading).unwrap_or_default();
    format!("{} {}\n{credential}", reading.exchange.request.method, reading.exchange.path())
}
