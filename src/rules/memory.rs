//! What is remembered of a recording while it is judged: booking flows, and the little that rules ask across flows.
//!
//! Everything is bounded; what is forgotten is counted, and rules that would need it are "not judged".

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::Arc;

use jiff::Timestamp;

use super::answers::{is_order_shaped, is_success};
use super::bases::Bases;
use super::callers::Access;
use super::exchange_ref::{ExchangeRef, Names};
use super::feeds::{OpenData, Pages, order_items};
use super::history::History;
use super::numbering::Numbering;
use super::observed_facts::ObservedFacts;
use super::pending_updates::PendingFeedUpdates;
use super::places::Places;
use super::retries::Retries;
use crate::exchange::Exchange;
use crate::json::{Document, Value};
use crate::openbooking::{Bookings, Content, Reading, Stage};

/// Most bytes kept for all booking flows together. Past it the flows that were quiet longest are forgotten, and of the last
/// one its oldest exchanges: later exchanges are judged without them.
pub const MAX_FLOW_BYTES: usize = 32 * 1024 * 1024;

/// Most exchanges kept of one booking flow. Past it the oldest are forgotten, and the flow counts as one of the forgotten.
pub const MAX_FLOW_EXCHANGES: usize = 200;

/// Most actions of the test suite's interface kept of one booking flow. Past it no new ones are taken up.
const MAX_ACTIONS: usize = 50;

/// Most findings of one exchange whose places are remembered.
const MAX_REPORTED: usize = 20;

/// Longest name, identifier or e-mail address that is remembered, in bytes. Longer ones are left alone.
pub(super) const MAX_TEXT: usize = 1_024;

/// Most e-mail addresses remembered, and most error names. Past it no new ones are taken up. Of wrong refusals the oldest is
/// forgotten.
const MAX_NAMES: usize = 10_000;

/// Most calls kept for a look across Order UUIDs, and most bytes of them. Past either the oldest are forgotten.
const MAX_RECENT: usize = 200;
const MAX_RECENT_BYTES: usize = 16 * 1024 * 1024;

/// Most bytes of an exchange that is kept apart from its flow. A larger one is judged by itself and with its flow only.
pub(super) const MAX_KEPT_BYTES: usize = 256 * 1024;

/// The exchanges of one Order UUID that came before, oldest first.
#[derive(Debug, Default)]
pub struct Flow {
    earlier: Vec<Arc<Reading>>,
    actions: Vec<Arc<Reading>>,
    feed: FeedItems,
    proposals_feed: FeedItems,
    bytes: usize,
    touched: u64,
    forgotten: bool,
    /// By index of the exchange, where findings of warning or more were: see [`Flow::was_reported`].
    reported: HashMap<u64, Box<[Box<str>]>>,
}

/// The newest item of an Order in a feed, and the one before it.
#[derive(Debug, Default)]
struct FeedItems {
    newest: Option<FeedItem>,
    before: Option<FeedItem>,
}

/// An item of a feed, and the page that it was read from.
#[derive(Debug)]
struct FeedItem {
    item: Document,
    seen_in: ExchangeRef,
}

/// Which item of an Order in a feed: the newest, or the one before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FeedItemKind {
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
    fn push(&mut self, item: FeedItem) -> usize {
        let gone = self.before.take().map_or(0, |before| before.item.memory());
        self.before = self.newest.replace(item);
        gone
    }
}

impl Flow {
    /// Lets go of the oldest exchange; its bytes. A flow is counted as forgotten once.
    fn forget_oldest(&mut self, forgotten_flows: &mut u64) -> usize {
        let oldest = self.earlier.remove(0);
        let bytes = oldest.memory();
        self.reported.remove(&oldest.index);
        self.bytes -= bytes;
        *forgotten_flows += u64::from(!std::mem::replace(&mut self.forgotten, true));
        bytes
    }

    /// The last exchange at one of the stages that was answered 2xx.
    pub fn last_success(&self, stages: &[Stage]) -> Option<&Reading> {
        self.earlier
            .iter()
            .rev()
            .find(|reading| {
                stages.contains(&reading.stage) && reading.status().is_some_and(|s| (200..300).contains(&s))
            })
            .map(Arc::as_ref)
    }

    /// The last call of C1 or C2, however it was answered.
    pub fn last_quote_call(&self) -> Option<&Reading> {
        let quotes = self.earlier.iter().rev().map(Arc::as_ref);
        quotes.into_iter().find(|reading| matches!(reading.stage, Stage::C1 | Stage::C2))
    }

    /// The last quote, with errors on its items or without.
    pub fn last_quote(&self) -> Option<&Reading> {
        let answered = |reading: &Reading| is_success(reading) || is_order_shaped(reading);
        let quote = |reading: &&Arc<Reading>| matches!(reading.stage, Stage::C1 | Stage::C2) && answered(reading);
        self.earlier.iter().rev().find(quote).map(Arc::as_ref)
    }

    /// True if a cancellation names an item that no earlier one that succeeded has named, and that the feed has not shown as
    /// cancelled. The repetition of a cancellation changes nothing.
    pub fn cancels_anew(&self, call: &Reading) -> bool {
        let mut items = cancelled_items(call).peekable();
        match items.peek() {
            Some(_) => items.any(|id| self.is_new_cancellation(id)),
            None => self.cancellations().next().is_none(),
        }
    }

    /// The index of the exchange that shows the items which a cancellation names anew as booked; of several the first.
    /// `None` if the recording doesn't say of one of them.
    pub fn items_stand_at(&self, call: &Reading) -> Option<u64> {
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

    fn cancellations(&self) -> impl Iterator<Item = &Reading> {
        let done = |earlier: &&Reading| earlier.stage == Stage::OrderCancel && is_success(earlier);
        self.earlier.iter().map(Arc::as_ref).filter(done)
    }

    /// True if a proposal was made in this flow and nobody has rejected it before.
    pub fn is_first_rejection(&self) -> bool {
        self.proposal_stands_at().is_some() && self.last_success(&[Stage::ProposalUpdate]).is_none()
    }

    /// The index of the exchange that shows the proposal last, as one that exists and is not rejected.
    pub fn proposal_stands_at(&self) -> Option<u64> {
        let status = self.proposals_feed.data("orderProposalStatus").and_then(Value::as_str).unwrap_or_default();
        if status.ends_with("Rejected") {
            return None;
        }
        let made = || self.last_success(&[Stage::P]).filter(|_| self.proposals_feed.newest.is_none());
        self.proposals_feed.listed_at().or_else(|| made().map(|proposal| proposal.index))
    }

    /// True if an earlier exchange of the flow had a finding on a value of one of its messages, or on what is in it.
    pub fn was_reported(&self, value: Value<'_>) -> bool {
        let of = |content: &Content| content.json().is_some_and(|document| value.is_of(document));
        let message = self.earlier.iter().find_map(|reading| {
            let message = if of(&reading.request) {
                "/request/body"
            } else if of(&reading.response) {
                "/response/body"
            } else {
                return None;
            };
            Some((self.reported.get(&reading.index)?, message))
        });
        let Some((pointers, message)) = message else { return false };
        let place = format!("{message}{}", value.pointer());
        let is_within = |pointer: &str| {
            pointer.strip_prefix(&place).is_some_and(|below| below.is_empty() || below.starts_with('/'))
        };
        pointers.iter().any(|pointer| is_within(pointer))
    }

    /// True if a proposal was asked for.
    pub fn has_proposal(&self) -> bool {
        self.earlier.iter().any(|reading| reading.stage == Stage::P)
    }

    /// True if a feed showed the Order last as one that exists.
    pub fn order_is_listed(&self) -> bool {
        self.feed.is_listed()
    }

    /// The index of the page that showed the Order last, as one that exists.
    pub fn order_listed_at(&self) -> Option<u64> {
        self.feed.listed_at()
    }

    /// Takes up an exchange, or the item of a page, as the memory does.
    #[cfg(test)]
    pub(super) fn push_for_test(&mut self, reading: Arc<Reading>) {
        let items = reading.response.json().map(order_items).into_iter().flatten();
        let item = items.filter(|_| reading.stage == Stage::OrdersFeed).map(|(_, item)| item.to_json()).next();
        if let Some(item) = item.and_then(|item| Document::parse_str(&item).ok()) {
            self.feed.push(FeedItem { item, seen_in: ExchangeRef::from(&*reading) });
        }
        self.earlier.push(reading);
    }

    /// True if a feed showed the proposal last as one that exists.
    pub fn proposal_is_listed(&self) -> bool {
        self.proposals_feed.is_listed()
    }

    /// All earlier exchanges, oldest first.
    pub fn earlier(&self) -> impl Iterator<Item = &Reading> {
        self.earlier.iter().map(Arc::as_ref)
    }

    /// Calls of the test suite's interface about this Order.
    pub fn actions(&self) -> impl Iterator<Item = &Reading> {
        self.actions.iter().map(Arc::as_ref)
    }

    /// The last call of C1 or C2, if it was answered 2xx.
    pub fn standing_quote(&self) -> Option<&Reading> {
        self.last_quote_call().filter(|quote| is_success(quote))
    }

    /// True if the recording saw the flow from its first call, a C1.
    pub fn is_complete(&self) -> bool {
        self.earlier.first().is_some_and(|first| first.stage == Stage::C1) && !self.forgotten
    }

    /// An item of a feed.
    pub fn feed_item(&self, kind: FeedItemKind) -> Option<Value<'_>> {
        self.item(kind).map(|item| item.item.root())
    }

    /// The page that an item of a feed was read from.
    pub fn feed_item_seen_in(&self, kind: FeedItemKind) -> Option<ExchangeRef> {
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
    pub fn is_unknown(&self, stages: &[Stage]) -> bool {
        let of_stages = self.earlier.iter().rev().filter(|reading| stages.contains(&reading.stage));
        let mut since = of_stages.take_while(|reading| !is_success(reading));
        since.any(|reading| reading.exchange.response.is_none() && reading.exchange.failure.is_none())
    }

    /// True if Umpire made the answer to a call at one of the stages that may be the last success there, or hid what the
    /// booking system made of it.
    pub fn is_faulted(&self, stages: &[Stage]) -> bool {
        let of_stages = self.earlier.iter().rev().filter(|reading| stages.contains(&reading.stage));
        let mut since = of_stages.take_while(|reading| reading.exchange.is_faulted() || !is_success(reading));
        since.any(|reading| reading.exchange.is_faulted())
    }
}

/// True for an item of an Order that was cancelled, by whomever.
fn is_cancelled(item: Value<'_>) -> bool {
    item.get("orderItemStatus").and_then(Value::as_str).is_some_and(|status| status.ends_with("Cancelled"))
}

/// The `@id`s of the items that a cancellation names.
fn cancelled_items(call: &Reading) -> impl Iterator<Item = Value<'_>> {
    let items = call.request.json().and_then(|document| document.root().get("orderedItem"));
    items.into_iter().flat_map(Value::items).filter_map(|item| item.get("@id"))
}

/// What the operator knows of the booking system before the first exchange.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Known {
    /// Base URI of the booking system, such as `https://booking.example.com/api/openbooking`.
    pub base_uri: Option<String>,
    /// Those of further booking systems in the same recording. Each exchange goes by the one that it came through.
    pub also_base_uris: Vec<String>,
    /// Another program recorded: exchanges that it left out can't be told from those that never were.
    pub foreign: bool,
    /// Paths (prefixes) of the booking system's extension endpoints.
    pub extensions: Vec<String>,
    /// Absolute URL of the Orders feed, where it is advertised apart from the Base URI.
    pub orders_feed: Option<String>,
    /// Nobody else books while the recording is made, so that capacity can be reckoned.
    pub isolated: bool,
    /// Prefixes of extension properties that the booking system supports, such as `acme`; `None` if nobody said.
    pub prefixes: Option<Vec<String>>,
    /// Payment details that were agreed for reconciliation; `None` if none were.
    pub payment: Option<PaymentDetails>,
    /// `@id`s of all Sellers of the booking system; empty if they aren't known.
    pub sellers: Vec<String>,
    /// `@id`s of the Sellers that the broker's credentials are good for; empty if they aren't known.
    pub token_sellers: Vec<String>,
}

/// Payment details for reconciliation, as agreed between broker and booking system. What is `None` was not agreed.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct PaymentDetails {
    /// `name` of the payment.
    pub name: Option<String>,
    /// `accountId` of the payment.
    pub account_id: Option<String>,
    /// `paymentProviderId` of the payment.
    pub payment_provider_id: Option<String>,
}

/// What is remembered of a recording.
#[derive(Debug, Default)]
pub struct Memory {
    known: Known,
    bases: Bases,
    flows: HashMap<Arc<str>, Flow>,
    by_age: BTreeMap<u64, Arc<str>>,
    bytes: usize,
    clock: u64,
    /// Flows of which exchanges had to be forgotten.
    pub forgotten_flows: u64,
    bookings: Bookings,
    emails: BTreeMap<Box<str>, ExchangeRef>,
    error_names: Names,
    once: HashMap<Box<str>, HashSet<String>>,
    onces: usize,
    /// When the first exchange began.
    started: Option<Timestamp>,
    numbering: Numbering,
    recent: VecDeque<(Arc<Reading>, usize)>,
    recent_bytes: usize,
    /// Umpire made an answer of this recording: see [`Exchange::is_faulted`].
    pub has_faults: bool,
    /// Calls that a feed has yet to show.
    pub due: PendingFeedUpdates,
    /// Addresses of pages and versions of items, of every feed.
    pub history: History,
    access: Access,
    /// Calls that came to nothing.
    pub retries: Retries,
    /// Places booked since open data was read.
    pub places: Places,
    wrongly_refused: BTreeSet<u64>,
    first_booking: Option<Arc<Reading>>,
    last_harvest: Option<Arc<Reading>>,
    /// The last page of each feed.
    pub pages: Pages,
    /// What open data says of opportunities.
    pub open_data: OpenData,
    /// What answers have shown of the booking system.
    pub learnt: ObservedFacts,
}

impl Memory {
    /// The memory at the start of a recording.
    pub fn new(known: Known) -> Self {
        let bases = Bases::new(known.base_uri.iter().chain(&known.also_base_uris).map(String::as_str));
        Self { known, bases, ..Self::default() }
    }

    /// Forgets everything but what the operator said, which bookings there were, and what was reported already.
    pub fn forget(&mut self) {
        let Self { known, bookings, once, onces, .. } = std::mem::take(self);
        *self = Self { bookings, once, onces, ..Self::new(known) };
    }

    /// Path of the Base URI that an exchange goes by, without a trailing slash, if it is known.
    pub fn base_path(&self, exchange: &Exchange) -> Option<&str> {
        self.bases.path(exchange)
    }

    /// The Base URI that a dataset site of its booking system advertised.
    pub fn advertised(&self, exchange: &Exchange) -> Option<&str> {
        self.bases.advertised(exchange)
    }

    /// The earlier exchanges of an Order UUID.
    pub fn flow(&self, order_uuid: Option<&str>) -> Option<&Flow> {
        self.flows.get(order_uuid?)
    }

    /// Number of distinct Order UUIDs seen.
    pub fn bookings(&self) -> u64 {
        self.bookings.count()
    }

    /// True the first time that `value` is said for a rule, and of values for which there is no more room every time.
    pub fn first_time(&mut self, rule: &str, value: String) -> bool {
        if self.said(rule, &value) {
            return false;
        }
        if self.onces < MAX_NAMES {
            self.onces += 1;
            self.once.entry(rule.into()).or_default().insert(value);
        }
        true
    }

    /// True if `value` was said for a rule before.
    pub fn said(&self, rule: &str, value: &str) -> bool {
        self.once.get(rule).is_some_and(|said| said.contains(value))
    }

    /// Notes that a rule found the refusal of an exchange, by its index, to contradict the request.
    pub fn note_wrong_refusal(&mut self, index: u64) {
        self.wrongly_refused.insert(index);
        if self.wrongly_refused.len() > MAX_NAMES {
            self.wrongly_refused.pop_first();
        }
    }

    /// True if a rule found that an exchange was refused although its request was in order.
    pub fn was_wrongly_refused(&self, reading: &Reading) -> bool {
        self.wrongly_refused.contains(&reading.index)
    }

    /// What the operator said of the booking system.
    pub fn known(&self) -> &Known {
        &self.known
    }

    /// E-mail addresses that the broker sent.
    pub fn sent_emails(&self) -> impl Iterator<Item = &str> {
        self.emails.keys().map(AsRef::as_ref)
    }

    /// True if some of the exchanges that Umpire numbered are missing.
    pub fn has_gaps(&self) -> bool {
        self.numbering.has_gaps()
    }

    /// When the first exchange began.
    pub fn started(&self) -> Option<&Timestamp> {
        self.started.as_ref()
    }

    /// The last calls of whatever Order UUID, oldest first.
    pub fn recent(&self) -> impl Iterator<Item = &Reading> {
        self.recent.iter().map(|(call, _)| &**call)
    }

    /// The first `name` seen of each error type.
    pub fn error_names(&self) -> &Names {
        &self.error_names
    }

    /// What answers have shown of the booking system.
    pub fn observed(&self) -> &ObservedFacts {
        &self.learnt
    }

    /// What was seen of the access to the booking system.
    pub fn access(&self) -> &Access {
        &self.access
    }

    /// The first P or B that succeeded.
    pub fn first_booking(&self) -> Option<&Reading> {
        self.first_booking.as_deref()
    }

    /// The last page of open data.
    pub fn last_harvest(&self) -> Option<&Reading> {
        self.last_harvest.as_deref()
    }

    /// The call in which an e-mail address was first sent.
    pub fn sent_in(&self, email: &str) -> Option<ExchangeRef> {
        self.emails.get(email).copied()
    }

    /// `@id` of the Seller of an opportunity, as open data says it, or the call by which the test suite had it made.
    pub fn seller_of(&self, opportunity: &str) -> Option<&str> {
        let said =
            ["organizer", "provider"].iter().find_map(|key| self.open_data.inherited(Some(opportunity), None, key));
        let id = said.and_then(|seller| seller.as_str().or_else(|| seller.get("@id")?.as_str()));
        id.or_else(|| self.learnt.made_for(opportunity))
    }

    /// The flows of other Order UUIDs in which this opportunity was asked for, oldest first.
    pub fn other_flows(&self, opportunity: &str, own: Option<&str>) -> Vec<&Flow> {
        let uuids = self.learnt.asked_for(opportunity).iter();
        uuids.filter(|uuid| Some(uuid.as_ref()) != own).filter_map(|uuid| self.flows.get(uuid)).collect()
    }

    /// Takes up the number of the exchange that is judged next.
    pub fn number(&mut self, id: u64) {
        self.numbering.add(id);
    }

    /// Takes up an exchange after it was judged, with the pointers of its findings.
    pub fn remember(&mut self, reading: Arc<Reading>, reported: Vec<String>) {
        if reading.stage == Stage::DatasetSite
            && let Some(uri) = advertised_base_uri(&reading)
        {
            self.bases.learn(&reading.exchange, &uri);
        }
        self.started.get_or_insert(reading.exchange.started);
        self.has_faults |= reading.exchange.is_faulted();
        self.pages.remember(&reading);
        self.access.remember(&reading);
        let is_feed_of_orders = matches!(reading.stage, Stage::OrdersFeed | Stage::OrderProposalsFeed);
        let follows = is_feed_of_orders && self.history.knows(&reading);
        self.history.remember(&reading);
        self.places.remember(&reading, self.flows.get(reading.order_uuid.as_deref().unwrap_or_default()));
        self.remember_action(&reading);
        self.learnt.remember(&reading);
        if reading.stage == Stage::OpportunityFeed {
            if !reading.exchange.is_faulted() {
                self.open_data.remember(&reading);
            }
            self.last_harvest = Some(Arc::clone(&reading));
        }
        if !reading.is_booking_call() {
            return;
        }
        self.remember_names(&reading);
        self.remember_order_items(&reading);
        self.due.read(&reading, follows);
        self.retries.remember(&reading);
        let books = matches!(reading.stage, Stage::P | Stage::B | Stage::BAfterP);
        if books && self.first_booking.is_none() && reading.status().is_some_and(|status| status < 300) {
            self.first_booking = Some(Arc::clone(&reading));
        }
        let Some(uuid) = reading.order_uuid.clone() else { return };
        let size = reading.memory();
        self.recent_bytes += size;
        self.recent.push_back((Arc::clone(&reading), size));
        while self.recent.len() > MAX_RECENT || self.recent_bytes > MAX_RECENT_BYTES {
            let Some((_, size)) = self.recent.pop_front() else { break };
            self.recent_bytes -= size;
        }
        self.bookings.add(&uuid);
        self.clock += 1;
        let flow = self.flows.entry(uuid.clone()).or_default();
        self.by_age.remove(&flow.touched);
        flow.touched = self.clock;
        self.by_age.insert(self.clock, uuid);
        self.due.expect(&reading, flow);
        if !reported.is_empty() {
            let short = reported.into_iter().filter(|pointer| pointer.len() <= MAX_TEXT).take(MAX_REPORTED);
            flow.reported.insert(reading.index, short.map(String::into_boxed_str).collect());
        }
        flow.earlier.push(reading);
        flow.bytes += size;
        self.bytes += size;
        if flow.earlier.len() > MAX_FLOW_EXCHANGES {
            self.bytes -= flow.forget_oldest(&mut self.forgotten_flows);
        }
        while self.bytes > MAX_FLOW_BYTES && self.flows.len() > 1 {
            let Some((_, uuid)) = self.by_age.pop_first() else { break };
            if let Some(flow) = self.flows.remove(&uuid) {
                self.bytes -= flow.bytes;
                self.forgotten_flows += u64::from(!flow.forgotten);
            }
        }
        let last = self.by_age.last_key_value().and_then(|(_, uuid)| self.flows.get_mut(uuid));
        if let Some(flow) = last {
            while self.bytes > MAX_FLOW_BYTES && !flow.earlier.is_empty() {
                self.bytes -= flow.forget_oldest(&mut self.forgotten_flows);
            }
        }
    }

    /// Joins an action of the test suite's interface to the flow of the Order that it is about.
    fn remember_action(&mut self, reading: &Arc<Reading>) {
        let is_action = reading.stage == Stage::Other && reading.exchange.path().ends_with("/test-interface/actions");
        if !is_action || reading.status().is_none_or(|status| status >= 300) {
            return;
        }
        let Some(action) = reading.request.json() else { return };
        let Some(order) = action.root().find("/object/@id").and_then(Value::as_str) else { return };
        let uuid = order.rsplit('/').next().unwrap_or_default().to_ascii_lowercase();
        if let Some(flow) = self.flows.get_mut(uuid.as_str()).filter(|flow| flow.actions.len() < MAX_ACTIONS) {
            let size = reading.memory();
            flow.actions.push(Arc::clone(reading));
            flow.bytes += size;
            self.bytes += size;
        }
    }

    /// Joins the items of an Orders feed to the flows that were seen; items of other Orders are left alone.
    fn remember_order_items(&mut self, reading: &Reading) {
        let is_proposals = match reading.stage {
            Stage::OrdersFeed => false,
            Stage::OrderProposalsFeed => true,
            _ => return,
        };
        let Some(page) = reading.response.json() else { return };
        for (uuid, item) in order_items(page) {
            let Some(flow) = self.flows.get_mut(&uuid) else { continue };
            // Text that was just parsed parses again.
            let Ok(document) = Document::parse_str(&item.to_json()) else { continue };
            let of_proposal =
                item.get("data").and_then(|data| data.get("@type")).and_then(Value::as_str) == Some("OrderProposal");
            let size = document.memory();
            let is_known = |feed: &FeedItems| feed.newest.as_ref().is_some_and(|newest| newest.item.root().same(item));
            let feed = if is_proposals || of_proposal { &mut flow.proposals_feed } else { &mut flow.feed };
            if reading.exchange.is_faulted() && is_known(feed) {
                // A repetition that Umpire made.
                continue;
            }
            let gone = feed.push(FeedItem { item: document, seen_in: reading.into() });
            flow.bytes = flow.bytes + size - gone;
            self.bytes = self.bytes + size - gone;
        }
    }

    fn remember_names(&mut self, reading: &Reading) {
        if let Some(request) = reading.request.json() {
            let email = request.root().find("/customer/email").and_then(Value::as_str);
            if let Some(email) = email
                && self.emails.len() < MAX_NAMES
                && email.len() <= MAX_TEXT
                && !self.emails.contains_key(email)
            {
                self.emails.insert(email.into(), reading.into());
            }
        }
        if let Some(response) = reading.response.json().filter(|_| !reading.exchange.is_faulted()) {
            let root = response.root();
            if let (Some(error_type), Some(name)) =
                (root.get("@type").and_then(Value::as_str), root.get("name").and_then(Value::as_str))
                && error_type.ends_with("Error")
                && self.error_names.len() < MAX_NAMES
                && error_type.len().max(name.len()) <= MAX_TEXT
            {
                self.error_names.entry(error_type.into()).or_insert_with(|| (name.into(), reading.into()));
            }
        }
    }
}

/// `accessService.endpointUrl` of the Dataset.
fn advertised_base_uri(reading: &Reading) -> Option<String> {
    let endpoint = reading.response.json()?.root().find("/accessService/endpointUrl")?.as_str()?;
    Some(endpoint.trim_end_matches('/').to_owned())
}
