//! How many of the kept exchanges a filter would list, counted a little at a time while it is being typed.
//!
//! `filter, ExchangeList → slices → count`

use std::time::{Duration, Instant};

use super::exchange_list::ExchangeList;
use crate::filter::Filter;

/// A count under way.
#[derive(Debug)]
pub(super) struct MatchCounter {
    filter: Filter,
    /// How many exchanges were looked at, and how many of them match.
    looked_at: usize,
    found: usize,
}

impl MatchCounter {
    pub(super) fn new(filter: Filter) -> Self {
        Self { filter, looked_at: 0, found: 0 }
    }

    /// True if all that are kept were looked at.
    pub(super) fn is_done(&self, list: &ExchangeList) -> bool {
        self.looked_at >= list.len()
    }

    /// Looks at further exchanges, for so long at most.
    pub(super) fn go_on(&mut self, list: &ExchangeList, most: Duration) {
        let begun = Instant::now();
        for judged in list.kept().skip(self.looked_at) {
            self.looked_at += 1;
            self.found += usize::from(self.filter.matches(judged, list.is_marked(judged.index)));
            if begun.elapsed() > most {
                return;
            }
        }
    }

    /// `12 match`, with how far counting has come if it goes on.
    pub(super) fn words(&self, list: &ExchangeList) -> String {
        let found = self.found;
        if self.is_done(list) {
            format!("{found} match")
        } else {
            format!("{found} of {} so far match", self.looked_at)
        }
    }
}
