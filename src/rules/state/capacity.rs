//! How many places of an opportunity were booked since open data was last read of it.
//!
//! `item of open data → 0` · `B: +1 for each item` · `cancellation: -1 for each item` · `anything else that holds places → doubtful`

use super::maps::HashMap;
use crate::json::{Document, Value};
use crate::openbooking::{ParsedExchange, Stage};
use crate::rules::state::flow::Flow;
use crate::rules::state::limits::MAX_TEXT;

/// Most opportunities that are counted. Past it no new ones are taken up.
const MAX_COUNTED: usize = 100_000;

/// The places booked since open data was read.
#[derive(Debug, Default)]
pub(crate) struct CapacityTracker(HashMap<Box<str>, BookedCount>);

#[derive(Debug, Default)]
struct BookedCount {
    booked: i64,
    doubtful: bool,
}

impl CapacityTracker {
    /// Items booked less items cancelled; `None` if the opportunity isn't counted, or if leases, proposals, deletions
    /// or the test suite's simulations make the number doubtful.
    pub(crate) fn booked_since_read(&self, opportunity: &str) -> Option<i64> {
        self.0.get(opportunity).filter(|count| !count.doubtful).map(|count| count.booked)
    }

    /// Takes an exchange up. `flow` is the flow of its Order UUID as it was before.
    pub(crate) fn remember(&mut self, parsed: &ParsedExchange, flow: Option<&Flow>) {
        // Of a call whose answer Umpire made or kept back nobody knows what the booking system did about it.
        let is_unknown = parsed.answer_is_unknown() || parsed.exchange.is_faulted();
        if is_unknown && parsed.order_uuid.is_some() {
            match parsed.request.json().map(Document::root) {
                Some(order) if items(order).find_map(opportunity).is_some() => self.doubt(order),
                _ => self.doubt_all(),
            }
            return;
        }
        if is_unknown || !parsed.status().is_some_and(|status| (200..300).contains(&status)) {
            return;
        }
        let answer = parsed.response.json().map(Document::root);
        let booked_before = flow.and_then(|flow| flow.last_success(&[Stage::B, Stage::BAfterP]));
        let order_before = booked_before.and_then(|booking| booking.response.json()).map(Document::root);
        match (parsed.stage, answer) {
            (Stage::OpportunityFeed, Some(page)) => {
                let ids = page
                    .get("items")
                    .into_iter()
                    .flat_map(Value::items)
                    .filter_map(|item| item.find("/data/@id")?.as_str());
                for id in ids {
                    if id.len() <= MAX_TEXT && (self.0.len() < MAX_COUNTED || self.0.contains_key(id)) {
                        self.0.insert(id.into(), BookedCount::default());
                    }
                }
            }
            (Stage::B, Some(order)) if booked_before.is_none() => {
                for id in items(order).filter_map(opportunity) {
                    self.add(id, 1);
                }
            }
            (Stage::C1 | Stage::C2, Some(quote)) if quote.get("lease").is_some_and(|lease| !lease.is_null()) => {
                self.doubt(quote);
            }
            (Stage::P | Stage::BAfterP, Some(order)) if booked_before.is_none() => self.doubt(order),
            (Stage::OrderCancel, _) => {
                let Some(order) = order_before else { return };
                let again = flow.is_some_and(|flow| flow.last_success(&[Stage::OrderCancel]).is_some());
                if again {
                    return self.doubt(order);
                }
                let Some(request) = parsed.request.json() else { return self.doubt(order) };
                for cancelled in items(request.root()).filter_map(|item| item.get("@id")) {
                    let item = items(order).find(|item| item.get("@id").is_some_and(|id| id.same(cancelled)));
                    if let Some(id) = item.and_then(opportunity) {
                        self.add(id, -1);
                    }
                }
            }
            (Stage::OrderDelete | Stage::ProposalUpdate, _) => {
                if let Some(order) = order_before {
                    self.doubt(order);
                }
            }
            (Stage::Other, _) if parsed.exchange.path().contains("/test-interface/") => {
                self.doubt_all();
            }
            _ => {}
        }
    }

    fn add(&mut self, opportunity: &str, places: i64) {
        if let Some(count) = self.0.get_mut(opportunity) {
            count.booked += places;
        }
    }

    fn doubt_all(&mut self) {
        for count in self.0.values_mut() {
            count.doubtful = true;
        }
    }

    fn doubt(&mut self, order: Value<'_>) {
        for id in items(order).filter_map(opportunity) {
            if let Some(count) = self.0.get_mut(id) {
                count.doubtful = true;
            }
        }
    }
}

fn items(order: Value<'_>) -> impl Iterator<Item = Value<'_>> {
    order.get("orderedItem").into_iter().flat_map(Value::items)
}

/// `@id` of the opportunity of an `OrderItem`.
fn opportunity(item: Value<'_>) -> Option<&str> {
    let opportunity = item.get("orderedItem")?;
    opportunity.as_str().or_else(|| opportunity.get("@id")?.as_str())
}
