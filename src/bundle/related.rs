//! What rules may have looked at beside the booking: open data, pages of feeds, other bookings.
//!
//! ```text
//! recording, read again ─► pages with its ids, what findings rest on ────────────────────────┬─► the exchanges of a bundle
//!                      └─► other bookings shortly before, while more findings can be repeated ┘
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use memchr::memmem;

use super::booking::BookingContents;
use crate::capture::{CaptureError, Exchanges};
use crate::exchange::{Exchange, Response, decode};
use crate::finding::Finding;
use crate::judged::Judged;
use crate::rules::Judge;

/// Most pages of feeds that go with it.
const MOST_PAGES: usize = 20;

/// Largest body of such a page, in bytes.
const LARGEST_PAGE: u64 = 2 << 20;

/// Most other bookings that go with it.
const MOST_NEIGHBOURS: usize = 3;

/// All exchanges of a bundle, by their indices in the recording.
pub(super) type ChosenExchanges = BTreeMap<u64, Arc<Exchange>>;

/// What else rules may have looked at.
#[derive(Default)]
pub(super) struct RelatedExchanges {
    /// The dataset site, open data of what was ordered, the booking in the Orders feed.
    pages: ChosenExchanges,
    /// Other bookings shortly before.
    neighbours: BTreeMap<Arc<str>, ChosenExchanges>,
}

impl RelatedExchanges {
    /// Finds them in the exchanges of the whole recording.
    pub(super) fn read(exchanges: Exchanges, gathered: &BookingContents, uuid: &str) -> Result<Self, CaptureError> {
        let mut related = Self::default();
        let rests_on: BTreeSet<u64> = gathered.rests_on().collect();
        let wanted: Vec<memmem::Finder<'_>> =
            gathered.ids.iter().map(|id| memmem::Finder::new(id.as_bytes())).collect();
        for (index, exchange) in exchanges.enumerate() {
            let (index, exchange) = (index as u64, exchange?);
            if let Some(order) = gathered.near.get(&index) {
                related.neighbours.entry(Arc::clone(order)).or_default().insert(index, Arc::new(exchange));
            } else if rests_on.contains(&index)
                || related.pages.len() < MOST_PAGES && is_wanted(&exchange, &wanted, uuid)
            {
                related.pages.insert(index, Arc::new(exchange));
            }
        }
        Ok(related)
    }

    /// The booking, its pages, and as many neighbours as let more of its findings be repeated; and how many findings are
    /// not repeated all the same, which `beyond` counts.
    pub(super) fn chosen(
        self,
        booking: &[Arc<Judged>],
        beyond: impl Fn(&ChosenExchanges) -> usize,
    ) -> (ChosenExchanges, usize) {
        let own = booking.iter().map(|judged| (judged.index, Arc::clone(&judged.exchange)));
        let mut chosen: ChosenExchanges = self.pages.into_iter().chain(own).collect();
        let mut missing = beyond(&chosen);
        let mut neighbours: Vec<ChosenExchanges> = self.neighbours.into_values().collect();
        // The nearest first.
        neighbours.sort_by_key(|flow| std::cmp::Reverse(flow.keys().next_back().copied()));
        let mut taken = 0;
        for flow in neighbours {
            if missing == 0 || taken == MOST_NEIGHBOURS {
                break;
            }
            let with: ChosenExchanges = chosen.clone().into_iter().chain(flow).collect();
            let left = beyond(&with);
            if left < missing {
                (chosen, missing) = (with, left);
                taken += 1;
            }
        }
        (chosen, missing)
    }
}

fn is_wanted(exchange: &Exchange, ids: &[memmem::Finder<'_>], uuid: &str) -> bool {
    let small = |response: &&Response| response.body.length <= LARGEST_PAGE;
    let Some(response) = exchange.response.as_ref().filter(small) else { return false };
    let Ok(content) = decode(&response.body.bytes, &response.headers) else { return false };
    let holds = |text: &str| memmem::find(&content, text.as_bytes()).is_some();
    let is_page = || {
        holds("\"items\"")
            && (ids.iter().any(|id| id.find(&content).is_some()) || {
                let small = content.to_ascii_lowercase();
                memmem::find(&small, uuid.as_bytes()).is_some()
            })
    };
    exchange.request.method == "GET" && (is_page() || (holds("\"Dataset\"") && holds("distribution")))
}

/// How many of the findings are not said of the chosen exchanges alone.
pub(super) fn beyond(mut judge: Judge, chosen: &ChosenExchanges, findings: &[Finding]) -> usize {
    let again: Vec<(u64, Finding)> = chosen
        .iter()
        .flat_map(|(&index, exchange)| {
            judge.judge(Arc::clone(exchange)).findings.into_iter().map(move |finding| (index, finding))
        })
        .collect();
    let is_repeated = |finding: &&Finding| {
        again.iter().any(|(index, other)| {
            Some(*index) == finding.exchange && other.rule.id == finding.rule.id && other.pointer == finding.pointer
        })
    };
    findings.len() - findings.iter().filter(is_repeated).count()
}
