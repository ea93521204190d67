//! Calls that succeeded and whose effect a feed has yet to show.
//!
//! `call of a flow → Due → page that shows it: done` · `end of the feed, and still due → a rule says so`

use std::collections::VecDeque;
use std::sync::Arc;

use super::arena::Arena;
use super::feeds::order_items;
use super::memory::{Flow, MAX_KEPT_BYTES};
use super::value::Val;
use crate::json::{Document, Value};
use crate::openbooking::{Reading, Stage};

/// Most calls that are waited for at the same time. Past it the oldest is no longer waited for. Calls of more than 256 KiB
/// are not waited for.
const MAX_DUE: usize = 500;

/// The calls, oldest first, each with the feed that must show it. Bounded to 500.
#[derive(Debug, Default)]
pub struct Due {
    calls: VecDeque<(Stage, Arc<Reading>)>,
    /// A page of the Orders feed was seen, so that it is followed.
    orders_followed: bool,
    /// The feed that proposals came in: one of its own, or the Orders feed.
    proposals_come_in: Option<Stage>,
}

impl Due {
    /// The calls that a feed has yet to show.
    pub fn of<'a>(&'a self, feed: Stage, arena: &'a Arena) -> Val<'a> {
        let calls = self.calls.iter().filter(|(stage, _)| *stage == feed);
        arena.list(calls.map(|(_, call)| Val::Exchange(call)))
    }

    /// Takes up a call, if its effect must show in a feed that was followed before it. `flow` is as it was before the call.
    pub fn expect(&mut self, call: &Arc<Reading>, flow: &Flow) {
        let Some(status) = call.status() else { return };
        let accepted = (200..300).contains(&status);
        let feed = match call.stage {
            // The repetition of a cancellation changes nothing, so that the feed need not show it.
            // Nobody knows what the feed has to show.
            Stage::OrderCancel | Stage::BAfterP if call.request.json().is_none() => None,
            Stage::OrderCancel if accepted && flow.cancels_anew(call) => {
                self.orders_followed.then_some(Stage::OrdersFeed)
            }
            Stage::OrderDelete if accepted && flow.order_is_listed() => Some(Stage::OrdersFeed),
            // A rejection is an update, so that the proposal shows up also if it was not listed before.
            Stage::ProposalUpdate if accepted && rejects(call) && flow.is_first_rejection() => self.proposals_come_in,
            Stage::BAfterP if (accepted || lacks_places(call)) && flow.proposal_is_listed() => self.proposals_come_in,
            _ => None,
        };
        let Some(feed) = feed.filter(|_| call.memory() <= MAX_KEPT_BYTES) else { return };
        if self.calls.len() == MAX_DUE {
            self.calls.pop_front();
        }
        self.calls.push_back((feed, Arc::clone(call)));
    }

    /// Reads a page: what it shows is no longer due.
    pub fn read(&mut self, page: &Reading) {
        if !matches!(page.stage, Stage::OrdersFeed | Stage::OrderProposalsFeed) {
            return;
        }
        self.orders_followed |= page.stage == Stage::OrdersFeed;
        if page.answer_is_unknown() {
            // It may have shown any of them.
            self.calls.retain(|(feed, _)| *feed != page.stage);
        }
        let Some(document) = page.response.json() else { return };
        for (uuid, item) in order_items(document) {
            let of_proposal = type_of(item) == Some("OrderProposal");
            if of_proposal || page.stage == Stage::OrderProposalsFeed {
                self.proposals_come_in = Some(page.stage);
            }
            self.calls.retain(|(feed, call)| {
                *feed != page.stage || call.order_uuid.as_ref() != Some(&uuid) || !shows(item, call)
            });
        }
    }
}

/// True if an item of the feed shows what the call led to.
fn shows(item: Value<'_>, call: &Reading) -> bool {
    if item.get("state").and_then(Value::as_str) == Some("deleted") {
        return true;
    }
    let Some(data) = item.get("data") else { return false };
    let Some(request) = call.request.json().map(Document::root) else { return false };
    match call.stage {
        Stage::OrderCancel => {
            let cancelled = |id: Value<'_>| {
                elements(data).any(|item| {
                    item.get("@id").is_some_and(|other| other.same(id))
                        && text(item, "orderItemStatus").ends_with("Cancelled")
                })
            };
            elements(request).filter_map(|item| item.get("@id")).all(cancelled)
        }
        Stage::ProposalUpdate => text(data, "orderProposalStatus").ends_with("CustomerRejected"),
        // A proposal that could not be completed for lack of places is rejected or amended.
        Stage::BAfterP if call.status().is_some_and(|status| status >= 400) => {
            text(data, "orderProposalStatus").ends_with("SellerRejected")
                || text(data, "orderProposalVersion") != text(request, "orderProposalVersion")
        }
        _ => false,
    }
}

fn elements(order: Value<'_>) -> impl Iterator<Item = Value<'_>> {
    order.get("orderedItem").into_iter().flat_map(Value::items)
}

fn text<'d>(node: Value<'d>, key: &str) -> &'d str {
    node.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn type_of(item: Value<'_>) -> Option<&str> {
    item.get("data")?.get("@type")?.as_str()
}

fn rejects(call: &Reading) -> bool {
    call.request.json().is_some_and(|update| text(update.root(), "orderProposalStatus").ends_with("CustomerRejected"))
}

fn lacks_places(call: &Reading) -> bool {
    const ERROR: &str = "OpportunityHasInsufficientCapacityError";
    super::refusal::root_type(call) == Some(ERROR)
        || super::refusal::item_errors(call).into_iter().any(|error| text(error, "@type") == ERROR)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::exchange::{Body, Exchange, Headers, Request, Response, Timing, Version};

    const UUID: &str = "5b0b7f3e-6d1c-4f0a-9c52-7e1a4d90b6c3";

    fn reading(method: &str, target: &str, request: &str, status: u16, response: &str) -> Arc<Reading> {
        let headers: Headers =
            [("content-type".to_owned(), Bytes::from_static(b"application/json"))].into_iter().collect();
        Arc::new(Reading::new(
            0,
            Arc::new(Exchange {
                id: 0,
                connection: 0,
                started: jiff::Timestamp::UNIX_EPOCH,
                origin: "https://booking.example.com".to_owned(),
                request: Request {
                    method: method.to_owned(),
                    target: target.to_owned(),
                    version: Version::Http11,
                    headers: headers.clone(),
                    body: Body::complete(request.to_owned()),
                },
                response: Some(Response {
                    status,
                    reason: String::new(),
                    version: Version::Http11,
                    headers,
                    body: Body::complete(response.to_owned()),
                }),
                failure: None,
                rewritten: Vec::new(),
                timing: Timing::default(),
            }),
            None,
        ))
    }

    fn cancellation(status: u16) -> Arc<Reading> {
        let request = r#"{"orderedItem": [{"@id": "i/1"}, {"@id": "i/2"}]}"#;
        reading("PATCH", &format!("/api/orders/{UUID}"), request, status, "")
    }

    fn page(statuses: [&str; 2]) -> Arc<Reading> {
        let [first, second] = statuses;
        let items = format!(
            r#"{{"next": "/n", "items": [{{"id": "{UUID}", "state": "updated", "data": {{"@type": "Order", "orderedItem": [
                {{"@id": "i/1", "orderItemStatus": "{first}"}}, {{"@id": "i/2", "orderItemStatus": "{second}"}}]}}}}]}}"#
        );
        reading("GET", "/api/orders-rpde", "", 200, &items)
    }

    fn waiting(due: &Due) -> usize {
        due.of(Stage::OrdersFeed, &Arena::default()).len() as usize
    }

    #[test]
    fn a_cancellation_is_due_until_the_feed_shows_all_of_it() {
        let mut due = Due::default();
        due.expect(&cancellation(204), &Flow::default());
        assert_eq!(waiting(&due), 0, "nobody follows the feed");
        due.read(&page(["OrderItemConfirmed", "OrderItemConfirmed"]));
        due.expect(&cancellation(400), &Flow::default());
        assert_eq!(waiting(&due), 0, "it was refused");
        due.expect(&cancellation(204), &Flow::default());
        due.read(&page(["CustomerCancelled", "OrderItemConfirmed"]));
        assert_eq!(waiting(&due), 1);
        due.read(&page(["CustomerCancelled", "CustomerCancelled"]));
        assert_eq!(waiting(&due), 0);
    }

    #[test]
    fn the_oldest_goes_when_too_many_are_due() {
        let mut due = Due::default();
        due.read(&page(["", ""]));
        for _ in 0..=MAX_DUE {
            due.expect(&cancellation(204), &Flow::default());
        }
        assert_eq!(waiting(&due), MAX_DUE);
    }
}
