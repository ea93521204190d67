//! Calls that succeeded and whose effect a feed has yet to show.
//!
//! `call of a flow → PendingFeedUpdates → page that shows it: done` · `end of the feed, and still due → a rule says so`

use std::collections::VecDeque;
use std::sync::Arc;

use super::maps::{HashMap, HashSet};
use crate::json::{Document, Value};
use crate::openbooking::{ParsedExchange, Stage};
use crate::rules::state::answers::{item_errors, root_type};
use crate::rules::state::feeds::order_items;
use crate::rules::state::flow::Flow;
use crate::rules::state::limits::MAX_KEPT_BYTES;

/// Most calls that are waited for at the same time. Past it the oldest is no longer waited for. Calls of more than 256 KiB
/// are not waited for.
const MAX_DUE: usize = 500;

/// A call, and the feed that must show its effect.
#[derive(Debug)]
struct PendingUpdate {
    feed: Stage,
    call: Arc<ParsedExchange>,
    /// False if the recording may lack an earlier call with the same effect, or the page that showed it: then the feed may
    /// have nothing to show.
    is_certain: bool,
}

/// Calls whose effect a feed has yet to show, oldest first. At most 500.
#[derive(Debug, Default)]
pub(crate) struct PendingFeedUpdates {
    calls: VecDeque<PendingUpdate>,
    /// Index of the last page of each feed that does not follow on the pages before it, so that one may be missing.
    gaps: HashMap<Stage, u64>,
    /// Feeds of which a page was seen, so that they are followed.
    followed: HashSet<Stage>,
    /// The feed that proposals came in: one of its own, or the Orders feed.
    proposals_come_in: Option<Stage>,
}

impl PendingFeedUpdates {
    /// The calls that a page of a feed, or one behind it, has yet to show: those that must be shown, or those that may have
    /// been shown before. `follows` as for [`PendingFeedUpdates::read`].
    pub(crate) fn of(&self, feed: Stage, is_certain: bool, follows: bool) -> impl Iterator<Item = &ParsedExchange> {
        let is_wanted =
            move |update: &&PendingUpdate| update.feed == feed && (update.is_certain && follows) == is_certain;
        self.calls.iter().filter(is_wanted).map(|update| &*update.call)
    }

    /// Takes up a call, if its effect must show in a feed that was followed before it. `flow` is as it was before the call.
    pub(crate) fn expect(&mut self, call: &Arc<ParsedExchange>, flow: &Flow) {
        let Some(status) = call.status() else { return };
        let accepted = (200..300).contains(&status);
        // What is known of the Order or the proposal before the call: the index of the exchange that says so.
        let (feed, known_at) = match call.stage {
            // Nobody knows what the feed has to show.
            Stage::OrderCancel | Stage::BAfterP if call.request.json().is_none() => return,
            // The repetition of a cancellation changes nothing, so that the feed need not show it.
            Stage::OrderCancel if accepted && flow.cancels_anew(call) => {
                (Some(Stage::OrdersFeed).filter(|feed| self.followed.contains(feed)), flow.items_stand_at(call))
            }
            Stage::OrderDelete if accepted && flow.order_is_listed() => {
                (Some(Stage::OrdersFeed), flow.order_listed_at())
            }
            // A rejection is an update, so that the proposal shows up also if it was not listed before.
            Stage::ProposalUpdate if accepted && rejects(call) && flow.is_first_rejection() => {
                (self.proposals_come_in, flow.proposal_stands_at())
            }
            Stage::BAfterP if (accepted || lacks_places(call)) && flow.proposal_is_listed() => {
                (self.proposals_come_in, flow.proposal_stands_at())
            }
            _ => return,
        };
        let Some(feed) = feed.filter(|_| call.memory() <= MAX_KEPT_BYTES) else { return };
        if self.calls.len() == MAX_DUE {
            self.calls.pop_front();
        }
        let is_certain = known_at.is_some_and(|known_at| self.gaps.get(&feed).is_none_or(|gap| *gap <= known_at));
        self.calls.push_back(PendingUpdate { feed, call: Arc::clone(call), is_certain });
    }

    /// Reads a page: what it shows is no longer due. `follows` is false if no page of the recording led to it, although there
    /// were some: one that is missing may have shown any of the calls.
    pub(crate) fn read(&mut self, page: &ParsedExchange, follows: bool) {
        if !matches!(page.stage, Stage::OrdersFeed | Stage::OrderProposalsFeed) {
            return;
        }
        let is_first = self.followed.insert(page.stage);
        if page.answer_is_unknown() {
            // It may have shown any of them.
            self.calls.retain(|update| update.feed != page.stage);
        }
        if page.answer_is_unknown() || !follows && !is_first {
            self.gaps.insert(page.stage, page.index);
            let of_feed = self.calls.iter_mut().filter(|update| update.feed == page.stage);
            of_feed.for_each(|update| update.is_certain = false);
        }
        let Some(document) = page.response.json() else { return };
        for (uuid, item) in order_items(document) {
            let of_proposal = type_of(item) == Some("OrderProposal");
            if of_proposal || page.stage == Stage::OrderProposalsFeed {
                self.proposals_come_in = Some(page.stage);
            }
            self.calls.retain(|PendingUpdate { feed, call, .. }| {
                *feed != page.stage || call.order_uuid.as_ref() != Some(&uuid) || !shows(item, call)
            });
        }
    }
}

/// True if an item of the feed shows what the call led to.
fn shows(item: Value<'_>, call: &ParsedExchange) -> bool {
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

fn rejects(call: &ParsedExchange) -> bool {
    call.request.json().is_some_and(|update| text(update.root(), "orderProposalStatus").ends_with("CustomerRejected"))
}

fn lacks_places(call: &ParsedExchange) -> bool {
    const ERROR: &str = "OpportunityHasInsufficientCapacityError";
    root_type(call) == Some(ERROR) || item_errors(call).into_iter().any(|error| text(error, "@type") == ERROR)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::exchange::{Body, Exchange, Headers, Request, Response, Timing, Version};

    const UUID: &str = "5b0b7f3e-6d1c-4f0a-9c52-7e1a4d90b6c3";

    fn parsed(method: &str, target: &str, request: &str, status: u16, response: &str) -> Arc<ParsedExchange> {
        let headers: Headers =
            [("content-type".to_owned(), Bytes::from_static(b"application/json"))].into_iter().collect();
        Arc::new(ParsedExchange::new(
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
                simulated: None,
                timing: Timing::default(),
            }),
            None,
        ))
    }

    fn cancellation(status: u16) -> Arc<ParsedExchange> {
        let request = r#"{"orderedItem": [{"@id": "i/1"}, {"@id": "i/2"}]}"#;
        parsed("PATCH", &format!("/api/orders/{UUID}"), request, status, "")
    }

    fn page(statuses: [&str; 2]) -> Arc<ParsedExchange> {
        let [first, second] = statuses;
        let items = format!(
            r#"{{"next": "/n", "items": [{{"id": "{UUID}", "state": "updated", "data": {{"@type": "Order", "orderedItem": [
                {{"@id": "i/1", "orderItemStatus": "{first}"}}, {{"@id": "i/2", "orderItemStatus": "{second}"}}]}}}}]}}"#
        );
        parsed("GET", "/api/orders-rpde", "", 200, &items)
    }

    fn booking() -> Arc<ParsedExchange> {
        let items = [1, 2].map(|item| {
            format!(r#"{{"@id": "i/{item}", "orderItemStatus": "https://openactive.io/OrderItemConfirmed"}}"#)
        });
        let order = format!(r#"{{"@type": "Order", "orderedItem": [{}]}}"#, items.join(","));
        parsed("PUT", &format!("/api/orders/{UUID}"), "{}", 201, &order)
    }

    /// How many cancellations the Orders feed must show, and how many it may have to, after these exchanges.
    fn waiting(exchanges: &[(Arc<ParsedExchange>, bool)]) -> (usize, usize) {
        let (mut due, mut flow) = (PendingFeedUpdates::default(), Flow::default());
        for (index, (parsed, follows)) in exchanges.iter().enumerate() {
            let mut numbered = ParsedExchange::new(index as u64, Arc::clone(&parsed.exchange), None);
            numbered.stage = parsed.stage;
            let parsed = Arc::new(numbered);
            due.read(&parsed, *follows);
            due.expect(&parsed, &flow);
            flow.push_for_test(parsed);
        }
        let of = |is_certain| due.of(Stage::OrdersFeed, is_certain, true).count();
        (of(true), of(false))
    }

    #[test]
    fn a_cancellation_is_due_until_the_feed_shows_all_of_it() {
        let confirmed = || (page(["OrderItemConfirmed", "OrderItemConfirmed"]), true);
        let in_part = || (page(["CustomerCancelled", "OrderItemConfirmed"]), true);
        let whole = || (page(["CustomerCancelled", "CustomerCancelled"]), true);
        let (booking, cancelled) = (|| (booking(), true), || (cancellation(204), true));
        assert_eq!(waiting(&[booking(), cancelled()]), (0, 0), "nobody follows the feed");
        assert_eq!(waiting(&[booking(), confirmed(), (cancellation(400), true)]), (0, 0), "it was refused");
        assert_eq!(waiting(&[booking(), confirmed(), cancelled()]), (1, 0));
        assert_eq!(waiting(&[booking(), confirmed(), cancelled(), in_part()]), (1, 0));
        assert_eq!(waiting(&[booking(), confirmed(), cancelled(), whole()]), (0, 0));
        assert_eq!(waiting(&[booking(), confirmed(), cancelled(), whole(), cancelled()]), (0, 0), "again");
    }

    #[test]
    fn what_may_have_been_cancelled_before_is_not_certain_to_be_shown() {
        let empty = || (parsed("GET", "/api/orders-rpde", "", 200, r#"{"next": "/n", "items": []}"#), true);
        let astray = || (parsed("GET", "/api/orders-rpde", "", 200, r#"{"next": "/m", "items": []}"#), false);
        let whole = || (page(["CustomerCancelled", "CustomerCancelled"]), true);
        let (booking, cancelled) = (|| (booking(), true), || (cancellation(204), true));
        assert_eq!(waiting(&[empty(), cancelled()]), (0, 1), "the recording doesn't hold the booking");
        assert_eq!(waiting(&[empty(), booking(), whole(), cancelled()]), (0, 0), "the feed has shown it");
        assert_eq!(waiting(&[booking(), empty(), astray(), cancelled()]), (0, 1), "a page is missing");
        assert_eq!(waiting(&[empty(), astray(), booking(), cancelled()]), (1, 0), "it was missing before");
        assert_eq!(waiting(&[booking(), empty(), cancelled(), astray()]), (0, 1), "it may have shown it");
    }

    #[test]
    fn the_oldest_goes_when_too_many_are_due() {
        let mut due = PendingFeedUpdates::default();
        due.read(&page(["", ""]), true);
        for _ in 0..=MAX_DUE {
            due.expect(&cancellation(204), &Flow::default());
        }
        assert_eq!(due.of(Stage::OrdersFeed, false, true).count(), MAX_DUE);
    }
}
