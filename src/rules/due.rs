//! Calls that succeeded and whose effect a feed has yet to show.
//!
//! `call of a flow → Due → page that shows it: done` · `end of the feed, and still due → a rule says so`

use std::collections::VecDeque;
use std::sync::Arc;

use super::feeds::order_items;
use super::memory::Flow;
use super::value::Val;
use crate::json::{Document, Value};
use crate::openbooking::{Reading, Stage};

/// Most calls that are waited for at the same time. Past it the oldest is no longer waited for.
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
    pub fn of(&self, feed: Stage) -> Val<'_> {
        let calls = self.calls.iter().filter(|(stage, _)| *stage == feed);
        Val::list(calls.map(|(_, call)| Val::Exchange(call)).collect())
    }

    /// Takes up a call, if its effect must show in a feed that was followed before it. `flow` is as it was before the call.
    pub fn expect(&mut self, call: &Arc<Reading>, flow: &Flow) {
        let Some(status) = call.status() else { return };
        let accepted = (200..300).contains(&status);
        let feed = match call.stage {
            // The repetition of a cancellation changes nothing, so that the feed need not show it.
            Stage::OrderCancel if accepted && flow.last_success(&[Stage::OrderCancel]).is_none() => {
                self.orders_followed.then_some(Stage::OrdersFeed)
            }
            Stage::OrderDelete if accepted && flow.order_is_listed() => Some(Stage::OrdersFeed),
            Stage::ProposalUpdate if accepted && rejects(call) && flow.proposal_is_listed() => self.proposals_come_in,
            Stage::BAfterP if (accepted || lacks_places(call)) && flow.proposal_is_listed() => self.proposals_come_in,
            _ => None,
        };
        let Some(feed) = feed else { return };
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
                    item.get("@id").is_some_and(|other| other.same(id)) && text(item, "orderItemStatus").ends_with("Cancelled")
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
