//! The booking flow of one Order UUID: its exchanges, and its items in feeds.

use std::sync::Arc;

use super::maps::HashMap;
use crate::json::{Document, Value};
use crate::openbooking::{ParsedBody, ParsedExchange, Stage};
use crate::rules::state::answers::{is_order_shaped, is_success};
use crate::rules::state::exchange_ref::ExchangeRef;

/// The exchanges of one Order UUID that came before, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Flow {
    pub(super) earlier: Vec<Arc<ParsedExchange>>,
    pub(super) actions: Vec<Arc<ParsedExchange>>,
    pub(super) feed: FeedItems,
    pub(super) proposals_feed: FeedItems,
    pub(super) bytes: usize,
    pub(super) touched: u64,
    pub(super) forgotten: bool,
    /// By index of the exchange, where findings of warning or more were: see [`Flow::was_reported`].
    pub(super) reported: HashMap<u64, Box<[Box<str>]>>,
}

/// The newest item of an Order in a feed, and the one before it.
#[derive(Debug, Default)]
pub(super) struct FeedItems {
    pub(super) newest: Option<FeedItem>,
    before: Option<FeedItem>,
}

/// An item of a feed, and the page that it was read from.
#[derive(Debug)]
pub(super) struct FeedItem {
    pub(super) item: Document,
    pub(super) seen_in: ExchangeRef,
}

/// Which item of an Order in a feed: the newest, or the one before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FeedItemKind {
    Order,
    OrderBefore,
    Proposal,
    ProposalBefore,
}

impl FeedItems {
    fn is_listed(&self) -> bool {
        self.newest
            .as_ref()
            .is_some_and(|newest| newest.item.root().get("state").and_then(Value::as_str) != Some("deleted"))
    }

    /// The index of the page that showed the Order last, as one that exists.
    fn listed_at(&self) -> Option<u64> {
        self.newest.as_ref().filter(|_| self.is_listed()).map(|newest| newest.seen_in.index)
    }

    /// A member of the data that was shown last.
    fn data(&self, name: &str) -> Option<Value<'_>> {
        self.newest.as_ref()?.item.root().get("data")?.get(name)
    }

    /// Takes up an item; bytes of the one that is let go of.
    pub(super) fn push(&mut self, item: FeedItem) -> usize {
        let gone = self.before.take().map_or(0, |before| before.item.memory());
        self.before = self.newest.replace(item);
        gone
    }
}

impl Flow {
    /// Lets go of the oldest exchange; its bytes. A flow is counted as forgotten once.
    pub(super) fn forget_oldest(&mut self, forgotten_flows: &mut u64) -> usize {
        let oldest = self.earlier.remove(0);
        let bytes = oldest.memory();
        self.reported.remove(&oldest.index);
        self.bytes -= bytes;
        *forgotten_flows += u64::from(!std::mem::replace(&mut self.forgotten, true));
        bytes
    }

    /// The last exchange at one of the stages that was answered 2xx.
    pub(crate) fn last_success(&self, stages: &[Stage]) -> Option<&ParsedExchange> {
        self.earlier
            .iter()
            .rev()
            .find(|parsed| stages.contains(&parsed.stage) && parsed.status().is_some_and(|s| (200..300).contains(&s)))
            .map(Arc::as_ref)
    }

    /// The last call of C1 or C2, however it was answered.
    pub(crate) fn last_quote_call(&self) -> Option<&ParsedExchange> {
        let quotes = self.earlier.iter().rev().map(Arc::as_ref);
        quotes.into_iter().find(|parsed| matches!(parsed.stage, Stage::C1 | Stage::C2))
    }

    /// The last quote, with errors on its items or without.
    pub(crate) fn last_quote(&self) -> Option<&ParsedExchange> {
        let answered = |parsed: &ParsedExchange| is_success(parsed) || is_order_shaped(parsed);
        let quote = |parsed: &&Arc<ParsedExchange>| matches!(parsed.stage, Stage::C1 | Stage::C2) && answered(parsed);
        self.earlier.iter().rev().find(quote).map(Arc::as_ref)
    }

    /// True if a cancellation names an item that no earlier one that succeeded has named, and that the feed has not shown as
    /// cancelled. The repetition of a cancellation changes nothing.
    pub(crate) fn cancels_anew(&self, call: &ParsedExchange) -> bool {
        let mut items = cancelled_items(call).peekable();
        match items.peek() {
            Some(_) => items.any(|id| self.is_new_cancellation(id)),
            None => self.cancellations().next().is_none(),
        }
    }

    /// The index of the exchange that shows the items which a cancellation names anew as booked; of several the first.
    /// `None` if the recording doesn't say of one of them.
    pub(crate) fn items_stand_at(&self, call: &ParsedExchange) -> Option<u64> {
        let booking = self.last_success(&[Stage::B, Stage::BAfterP]);
        let booked = booking.and_then(|booking| booking.response.json()?.root().get("orderedItem"));
        let has = |items: Option<Value<'_>>, id: Value<'_>| {
            items
                .into_iter()
                .flat_map(Value::items)
                .any(|item| item.get("@id").is_some_and(|other| other.same(id)) && !is_cancelled(item))
        };
        let stands_at = |id: Value<'_>| {
            let page = self.feed.newest.as_ref().map(|newest| newest.seen_in.index);
            let in_feed = page.filter(|_| has(self.feed.data("orderedItem"), id));
            in_feed.or_else(|| booking.filter(|_| has(booked, id)).map(|booking| booking.index))
        };
        let mut first = booking.map(|booking| booking.index);
        for id in cancelled_items(call).filter(|id| self.is_new_cancellation(*id)) {
            let here = stands_at(id)?;
            first = Some(first.map_or(here, |first| first.min(here)));
        }
        first
    }

    fn is_new_cancellation(&self, id: Value<'_>) -> bool {
        let is_named = self.cancellations().any(|earlier| cancelled_items(earlier).any(|known| known.same(id)));
        let in_feed = self.feed.data("orderedItem").into_iter().flat_map(Value::items);
        let is_shown = || {
            in_feed.filter(|item| is_cancelled(*item)).any(|item| item.get("@id").is_some_and(|other| other.same(id)))
        };
        !is_named && !is_shown()
    }

    fn cancellations(&self) -> impl Iterator<Item = &ParsedExchange> {
        let done = |earlier: &&ParsedExchange| earlier.stage == Stage::OrderCancel && is_success(earlier);
        self.earlier.iter().map(Arc::as_ref).filter(done)
    }

    /// True if a proposal was made in this flow and nobody has rejected it before.
    pub(crate) fn is_first_rejection(&self) -> bool {
        self.proposal_stands_at().is_some() && self.last_success(&[Stage::ProposalUpdate]).is_none()
    }

    /// The index of the exchange that shows the proposal last, as one that exists and is not rejected.
    pub(crate) fn proposal_stands_at(&self) -> Option<u64> {
        let status = self.proposals_feed.data("orderProposalStatus").and_then(Value::as_str).unwrap_or_default();
        if status.ends_with("Rejected") {
            return None;
        }
        let made = || self.last_success(&[Stage::P]).filter(|_| self.proposals_feed.newest.is_none());
        self.proposals_feed.listed_at().or_else(|| made().map(|proposal| proposal.index))
    }

    /// True if an earlier exchange of the flow had a finding on a value of one of its messages, or on what is in it.
    pub(crate) fn was_reported(&self, value: Value<'_>) -> bool {
        let of = |content: &ParsedBody| content.json().is_some_and(|document| value.is_of(document));
        let message = self.earlier.iter().find_map(|parsed| {
            let message = if of(&parsed.request) {
                "/request/body"
            } else if of(&parsed.response) {
                "/response/body"
            } else {
                return None;
            };
            Some((self.reported.get(&parsed.index)?, message))
        });
        let Some((pointers, message)) = message else { return false };
        let place = format!("{message}{}", value.pointer());
        let is_within = |pointer: &str| {
            pointer.strip_prefix(&place).is_some_and(|below| below.is_empty() || below.starts_with('/'))
        };
        pointers.iter().any(|pointer| is_within(pointer))
    }

    /// True if a proposal was asked for.
    pub(crate) fn has_proposal(&self) -> bool {
        self.earlier.iter().any(|parsed| parsed.stage == Stage::P)
    }

    /// True if a feed showed the Order last as one that exists.
    pub(crate) fn order_is_listed(&self) -> bool {
        self.feed.is_listed()
    }

    /// The index of the page that showed the Order last, as one that exists.
    pub(crate) fn order_listed_at(&self) -> Option<u64> {
        self.feed.listed_at()
    }

    /// Takes up an exchange, or the item of a page, as the memory does.
    #[cfg(test)]
    pub(in crate::rules) fn push_for_test(&mut self, parsed: Arc<ParsedExchange>) {
        use crate::rules::state::feeds::order_items;

        let items = parsed.response.json().map(order_items).into_iter().flatten();
        let item = items.filter(|_| parsed.stage == Stage::OrdersFeed).map(|(_, item)| item.to_json()).next();
        if let Some(item) = item.and_then(|item| Document::parse_str(&item).ok()) {
            self.feed.push(FeedItem { item, seen_in: ExchangeRef::from(&*parsed) });
        }
        self.earlier.push(parsed);
    }

    /// True if a feed showed the proposal last as one that exists.
    pub(crate) fn proposal_is_listed(&self) -> bool {
        self.proposals_feed.is_listed()
    }

    /// All earlier exchanges, oldest first.
    pub(crate) fn earlier(&self) -> impl Iterator<Item = &ParsedExchange> {
        self.earlier.iter().map(Arc::as_ref)
    }

    /// Calls of the test suite's interface about this Order.
    pub(crate) fn actions(&self) -> impl Iterator<Item = &ParsedExchange> {
        self.actions.iter().map(Arc::as_ref)
    }

    /// The last call of C1 or C2, if it was answered 2xx.
    pub(crate) fn standing_quote(&self) -> Option<&ParsedExchange> {
        self.last_quote_call().filter(|quote| is_success(quote))
    }

    /// True if the recording saw the flow from its first call, a C1.
    pub(crate) fn is_complete(&self) -> bool {
        self.earlier.first().is_some_and(|first| first.stage == Stage::C1) && !self.forgotten
    }

    /// An item of a feed.
    pub(crate) fn feed_item(&self, kind: FeedItemKind) -> Option<Value<'_>> {
        self.item(kind).map(|item| item.item.root())
    }

    /// The page that an item of a feed was read from.
    pub(crate) fn feed_item_seen_in(&self, kind: FeedItemKind) -> Option<ExchangeRef> {
        self.item(kind).map(|item| item.seen_in)
    }

    fn item(&self, kind: FeedItemKind) -> Option<&FeedItem> {
        match kind {
            FeedItemKind::Order => self.feed.newest.as_ref(),
            FeedItemKind::OrderBefore => self.feed.before.as_ref(),
            FeedItemKind::Proposal => self.proposals_feed.newest.as_ref(),
            FeedItemKind::ProposalBefore => self.proposals_feed.before.as_ref(),
        }
    }

    /// True if the recording doesn't hold the answer to a call at one of the stages that may be the last success there.
    pub(crate) fn is_unknown(&self, stages: &[Stage]) -> bool {
        let of_stages = self.earlier.iter().rev().filter(|parsed| stages.contains(&parsed.stage));
        let mut since = of_stages.take_while(|parsed| !is_success(parsed));
        since.any(|parsed| parsed.exchange.response.is_none() && parsed.exchange.failure.is_none())
    }

    /// True if Umpire made the answer to a call at one of the stages that may be the last success there, or hid what the
    /// booking system made of it.
    pub(crate) fn is_faulted(&self, stages: &[Stage]) -> bool {
        let of_stages = self.earlier.iter().rev().filter(|parsed| stages.contains(&parsed.stage));
        let mut since = of_stages.take_while(|parsed| parsed.exchange.is_faulted() || !is_success(parsed));
        since.any(|parsed| parsed.exchange.is_faulted())
    }
}

/// True for an item of an Order that was cancelled, by whomever.
fn is_cancelled(item: Value<'_>) -> bool {
    item.get("orderItemStatus").and_then(Value::as_str).is_some_and(|status| status.ends_with("Cancelled"))
}

/// The `@id`s of the items that a cancellation names.
fn cancelled_items(call: &ParsedExchange) -> impl Iterator<Item = Value<'_>> {
    let items = call.request.json().and_then(|document| document.root().get("orderedItem"));
    items.into_iter().flat_map(Value::items).filter_map(|item| item.get("@id"))
}
