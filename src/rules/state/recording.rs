//! What is remembered of a recording while it is judged: booking flows, and the little that rules ask across flows.
//!
//! Everything is bounded; what is forgotten is counted, and rules that would need it are "not judged".

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use jiff::Timestamp;

use super::maps::{HashMap, HashSet};
use crate::exchange::Exchange;
use crate::json::{Document, Value};
use crate::openbooking::{BasePath, Bookings, ParsedExchange, Stage};
use crate::rules::state::base_uris::BaseUriResolver;
use crate::rules::state::booking_system::BookingSystemInfo;
use crate::rules::state::capacity::CapacityTracker;
use crate::rules::state::credentials::AccessFacts;
use crate::rules::state::exchange_ref::{ExchangeRef, FirstSeenNames};
use crate::rules::state::feeds::{OpenData, Pages, order_items};
use crate::rules::state::flow::{FeedItem, FeedItems, Flow};
use crate::rules::state::history::History;
use crate::rules::state::limits::MAX_TEXT;
use crate::rules::state::numbering::Numbering;
use crate::rules::state::observed_facts::ObservedFacts;
use crate::rules::state::pending_updates::PendingFeedUpdates;
use crate::rules::state::retries::Retries;

/// Most bytes kept for all booking flows together. Past it the flows that were quiet longest are forgotten, and of the last
/// one its oldest exchanges: later exchanges are judged without them.
pub const MAX_FLOW_BYTES: usize = 32 * 1024 * 1024;

/// Most exchanges kept of one booking flow. Past it the oldest are forgotten, and the flow counts as one of the forgotten.
pub const MAX_FLOW_EXCHANGES: usize = 200;

/// Most actions of the test suite's interface kept of one booking flow. Past it no new ones are taken up.
const MAX_ACTIONS: usize = 50;

/// Most findings of one exchange whose places are remembered.
const MAX_REPORTED: usize = 20;

/// Most e-mail addresses remembered, and most error names. Past it no new ones are taken up. Of wrong refusals the oldest is
/// forgotten.
const MAX_NAMES: usize = 10_000;

/// Most calls kept for a look across Order UUIDs, and most bytes of them. Past either the oldest are forgotten.
const MAX_RECENT: usize = 200;
const MAX_RECENT_BYTES: usize = 16 * 1024 * 1024;

/// What is remembered of a recording.
#[derive(Debug, Default)]
pub(crate) struct RecordingState {
    known: BookingSystemInfo,
    bases: BaseUriResolver,
    flows: HashMap<Arc<str>, Flow>,
    by_age: BTreeMap<u64, Arc<str>>,
    bytes: usize,
    clock: u64,
    /// Flows of which exchanges had to be forgotten.
    pub forgotten_flows: u64,
    bookings: Bookings,
    emails: BTreeMap<Box<str>, ExchangeRef>,
    error_names: FirstSeenNames,
    once: HashMap<Box<str>, HashSet<String>>,
    onces: usize,
    /// When the first exchange began.
    started: Option<Timestamp>,
    numbering: Numbering,
    recent: VecDeque<(Arc<ParsedExchange>, usize)>,
    recent_bytes: usize,
    /// Umpire made an answer of this recording: see [`Exchange::is_faulted`].
    pub has_faults: bool,
    /// Calls that a feed has yet to show.
    pub due: PendingFeedUpdates,
    /// Addresses of pages and versions of items, of every feed.
    pub history: History,
    access: AccessFacts,
    /// Calls that came to nothing.
    pub retries: Retries,
    /// Places booked since open data was read.
    pub capacity: CapacityTracker,
    wrongly_refused: BTreeSet<u64>,
    first_booking: Option<Arc<ParsedExchange>>,
    last_harvest: Option<Arc<ParsedExchange>>,
    /// The last page of each feed.
    pub pages: Pages,
    /// What open data says of opportunities.
    pub open_data: OpenData,
    /// What answers have shown of the booking system.
    pub observed: ObservedFacts,
}

impl RecordingState {
    /// The memory at the start of a recording.
    pub(crate) fn new(known: BookingSystemInfo) -> Self {
        let bases = BaseUriResolver::new(known.base_uri.iter().chain(&known.also_base_uris).map(String::as_str));
        Self { known, bases, ..Self::default() }
    }

    /// Forgets everything but what the operator said, which bookings there were, and what was reported already.
    pub(crate) fn forget(&mut self) {
        let Self { known, bookings, once, onces, .. } = std::mem::take(self);
        *self = Self { bookings, once, onces, ..Self::new(known) };
    }

    /// Path of the Base URI that an exchange goes by, without a trailing slash, if it is known.
    pub(crate) fn base_path(&self, exchange: &Exchange) -> Option<BasePath<'_>> {
        self.bases.path(exchange)
    }

    /// The Base URI that a dataset site of its booking system advertised.
    pub(crate) fn advertised(&self, exchange: &Exchange) -> Option<&str> {
        self.bases.advertised(exchange)
    }

    /// The earlier exchanges of an Order UUID.
    pub(crate) fn flow(&self, order_uuid: Option<&str>) -> Option<&Flow> {
        self.flows.get(order_uuid?)
    }

    /// Number of distinct Order UUIDs seen.
    pub(crate) fn bookings(&self) -> u64 {
        self.bookings.count()
    }

    /// True the first time that `value` is said for a rule, and of values for which there is no more room every time.
    pub(crate) fn first_time(&mut self, rule: &str, value: String) -> bool {
        if self.was_reported(rule, &value) {
            return false;
        }
        if self.onces < MAX_NAMES {
            self.onces += 1;
            self.once.entry(rule.into()).or_default().insert(value);
        }
        true
    }

    /// True if `value` was said for a rule before.
    pub(crate) fn was_reported(&self, rule: &str, value: &str) -> bool {
        self.once.get(rule).is_some_and(|said| said.contains(value))
    }

    /// Notes that a rule found the refusal of an exchange, by its index, to contradict the request.
    pub(crate) fn note_wrong_refusal(&mut self, index: u64) {
        self.wrongly_refused.insert(index);
        if self.wrongly_refused.len() > MAX_NAMES {
            self.wrongly_refused.pop_first();
        }
    }

    /// True if a rule found that an exchange was refused although its request was in order.
    pub(crate) fn was_wrongly_refused(&self, parsed: &ParsedExchange) -> bool {
        self.wrongly_refused.contains(&parsed.index)
    }

    /// What the operator said of the booking system.
    pub(crate) fn known(&self) -> &BookingSystemInfo {
        &self.known
    }

    /// E-mail addresses that the broker sent.
    pub(crate) fn sent_emails(&self) -> impl Iterator<Item = &str> {
        self.emails.keys().map(AsRef::as_ref)
    }

    /// True if some of the exchanges that Umpire numbered are missing.
    pub(crate) fn has_gaps(&self) -> bool {
        self.numbering.has_gaps()
    }

    /// When the first exchange began.
    pub(crate) fn started(&self) -> Option<&Timestamp> {
        self.started.as_ref()
    }

    /// The last calls of whatever Order UUID, oldest first.
    pub(crate) fn recent(&self) -> impl Iterator<Item = &ParsedExchange> {
        self.recent.iter().map(|(call, _)| &**call)
    }

    /// The first `name` seen of each error type.
    pub(crate) fn error_names(&self) -> &FirstSeenNames {
        &self.error_names
    }

    /// What answers have shown of the booking system.
    pub(crate) fn observed(&self) -> &ObservedFacts {
        &self.observed
    }

    /// What was seen of the access to the booking system.
    pub(crate) fn access(&self) -> &AccessFacts {
        &self.access
    }

    /// The first P or B that succeeded.
    pub(crate) fn first_booking(&self) -> Option<&ParsedExchange> {
        self.first_booking.as_deref()
    }

    /// The last page of open data.
    pub(crate) fn last_harvest(&self) -> Option<&ParsedExchange> {
        self.last_harvest.as_deref()
    }

    /// The call in which an e-mail address was first sent.
    pub(crate) fn sent_in(&self, email: &str) -> Option<ExchangeRef> {
        self.emails.get(email).copied()
    }

    /// `@id` of the Seller of an opportunity, as open data says it, or the call by which the test suite had it made.
    pub(crate) fn seller_of(&self, opportunity: &str) -> Option<&str> {
        let said =
            ["organizer", "provider"].iter().find_map(|key| self.open_data.inherited(Some(opportunity), None, key));
        let id = said.and_then(|seller| seller.as_str().or_else(|| seller.get("@id")?.as_str()));
        id.or_else(|| self.observed.made_for(opportunity))
    }

    /// The flows of other Order UUIDs in which this opportunity was asked for, oldest first.
    pub(crate) fn other_flows(&self, opportunity: &str, own: Option<&str>) -> Vec<&Flow> {
        let uuids = self.observed.asked_for(opportunity).iter();
        uuids.filter(|uuid| Some(uuid.as_ref()) != own).filter_map(|uuid| self.flows.get(uuid)).collect()
    }

    /// Takes up the number of the exchange that is judged next.
    pub(crate) fn number(&mut self, id: u64) {
        self.numbering.add(id);
    }

    /// Takes up an exchange after it was judged, with the pointers of its findings.
    pub(crate) fn remember(&mut self, parsed: Arc<ParsedExchange>, reported: Vec<String>) {
        if parsed.stage == Stage::DatasetSite
            && let Some(uri) = advertised_base_uri(&parsed)
        {
            self.bases.learn(&parsed.exchange, &uri);
        }
        self.started.get_or_insert(parsed.exchange.started);
        self.has_faults |= parsed.exchange.is_faulted();
        self.pages.remember(&parsed);
        self.access.remember(&parsed);
        let is_feed_of_orders = matches!(parsed.stage, Stage::OrdersFeed | Stage::OrderProposalsFeed);
        let follows = is_feed_of_orders && self.history.knows(&parsed);
        self.history.remember(&parsed);
        self.capacity.remember(&parsed, self.flows.get(parsed.order_uuid.as_deref().unwrap_or_default()));
        self.remember_action(&parsed);
        self.observed.remember(&parsed);
        if parsed.stage == Stage::OpportunityFeed {
            if !parsed.exchange.is_faulted() {
                self.open_data.remember(&parsed);
            }
            self.last_harvest = Some(Arc::clone(&parsed));
        }
        if !parsed.is_booking_call() {
            return;
        }
        self.remember_names(&parsed);
        self.remember_order_items(&parsed);
        self.due.read(&parsed, follows);
        self.retries.remember(&parsed);
        let books = matches!(parsed.stage, Stage::P | Stage::B | Stage::BAfterP);
        if books && self.first_booking.is_none() && parsed.status().is_some_and(|status| status < 300) {
            self.first_booking = Some(Arc::clone(&parsed));
        }
        let Some(uuid) = parsed.order_uuid.clone() else { return };
        let size = parsed.memory();
        self.recent_bytes += size;
        self.recent.push_back((Arc::clone(&parsed), size));
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
        self.due.expect(&parsed, flow);
        if !reported.is_empty() {
            let short = reported.into_iter().filter(|pointer| pointer.len() <= MAX_TEXT).take(MAX_REPORTED);
            flow.reported.insert(parsed.index, short.map(String::into_boxed_str).collect());
        }
        flow.earlier.push(parsed);
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
    fn remember_action(&mut self, parsed: &Arc<ParsedExchange>) {
        let is_action = parsed.stage == Stage::Other && parsed.exchange.path().ends_with("/test-interface/actions");
        if !is_action || parsed.status().is_none_or(|status| status >= 300) {
            return;
        }
        let Some(action) = parsed.request.json() else { return };
        let Some(order) = action.root().find("/object/@id").and_then(Value::as_str) else { return };
        let uuid = order.rsplit('/').next().unwrap_or_default().to_ascii_lowercase();
        if let Some(flow) = self.flows.get_mut(uuid.as_str()).filter(|flow| flow.actions.len() < MAX_ACTIONS) {
            let size = parsed.memory();
            flow.actions.push(Arc::clone(parsed));
            flow.bytes += size;
            self.bytes += size;
        }
    }

    /// Joins the items of an Orders feed to the flows that were seen; items of other Orders are left alone.
    fn remember_order_items(&mut self, parsed: &ParsedExchange) {
        let is_proposals = match parsed.stage {
            Stage::OrdersFeed => false,
            Stage::OrderProposalsFeed => true,
            _ => return,
        };
        let Some(page) = parsed.response.json() else { return };
        for (uuid, item) in order_items(page) {
            let Some(flow) = self.flows.get_mut(&uuid) else { continue };
            // Text that was just parsed parses again.
            let Ok(document) = Document::parse_str(&item.to_json()) else { continue };
            let of_proposal =
                item.get("data").and_then(|data| data.get("@type")).and_then(Value::as_str) == Some("OrderProposal");
            let size = document.memory();
            let is_known = |feed: &FeedItems| feed.newest.as_ref().is_some_and(|newest| newest.item.root().same(item));
            let feed = if is_proposals || of_proposal { &mut flow.proposals_feed } else { &mut flow.feed };
            if parsed.exchange.is_faulted() && is_known(feed) {
                // A repetition that Umpire made.
                continue;
            }
            let gone = feed.push(FeedItem { item: document, seen_in: parsed.into() });
            flow.bytes = flow.bytes + size - gone;
            self.bytes = self.bytes + size - gone;
        }
    }

    fn remember_names(&mut self, parsed: &ParsedExchange) {
        if let Some(request) = parsed.request.json() {
            let email = request.root().find("/customer/email").and_then(Value::as_str);
            if let Some(email) = email
                && self.emails.len() < MAX_NAMES
                && email.len() <= MAX_TEXT
                && !self.emails.contains_key(email)
            {
                self.emails.insert(email.into(), parsed.into());
            }
        }
        if let Some(response) = parsed.response.json().filter(|_| !parsed.exchange.is_faulted()) {
            let root = response.root();
            if let (Some(error_type), Some(name)) =
                (root.get("@type").and_then(Value::as_str), root.get("name").and_then(Value::as_str))
                && error_type.ends_with("Error")
                && self.error_names.len() < MAX_NAMES
                && error_type.len().max(name.len()) <= MAX_TEXT
            {
                self.error_names.entry(error_type.into()).or_insert_with(|| (name.into(), parsed.into()));
            }
        }
    }
}

/// `accessService.endpointUrl` of the Dataset.
fn advertised_base_uri(parsed: &ParsedExchange) -> Option<String> {
    let endpoint = parsed.response.json()?.root().find("/accessService/endpointUrl")?.as_str()?;
    Some(endpoint.trim_end_matches('/').to_owned())
}
