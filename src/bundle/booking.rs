//! The exchanges and findings of one booking, gathered while the recording is judged.
//!
//! `Judged* ─► of this booking? ─► exchanges, findings, the ids that it mentions, other bookings shortly before`

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use crate::exchange::{Body, Exchange, Headers, decode};
use crate::finding::Finding;
use crate::json::{Document, Value};
use crate::judged::Judged;

/// Most exchanges of a booking that go into a bundle; of one with more the first so many do, and the page says so.
const MOST_EXCHANGES: usize = 1_000;

/// Exchanges of other bookings that may come before one of this booking to be looked at.
const NEAR: usize = 100;

/// What is gathered of one booking.
#[derive(Default)]
pub(super) struct BookingContents {
    pub(super) exchanges: Vec<Arc<Judged>>,
    pub(super) findings: Vec<Finding>,
    /// Identifiers of what was ordered, as JSON strings.
    pub(super) ids: BTreeSet<String>,
    /// Exchanges past the first [`MOST_EXCHANGES`].
    pub(super) left_out: usize,
    /// Exchanges of other bookings shortly before, with their Order UUIDs.
    pub(super) near: BTreeMap<u64, Arc<str>>,
    recent: VecDeque<(u64, Arc<str>)>,
    /// All bookings, in the order in which they were first seen, and how often.
    pub(super) bookings: BTreeMap<Arc<str>, u64>,
}

impl BookingContents {
    /// Takes up the next exchange of the recording. `uuid`: the booking that is gathered, in lower case.
    pub(super) fn take(&mut self, judged: Judged, uuid: &str) {
        if let Some(order) = &judged.order_uuid {
            *self.bookings.entry(Arc::clone(order)).or_default() += 1;
        }
        let is_own = judged.order_uuid.as_deref() == Some(uuid);
        let is_of = |finding: &&Finding| match &finding.order_uuid {
            Some(order) => **order == *uuid,
            None => is_own || is_about_item(finding, &judged.exchange, uuid),
        };
        self.findings.extend(judged.findings.iter().filter(is_of).cloned());
        if !is_own {
            if let Some(order) = &judged.order_uuid {
                if self.recent.len() == NEAR {
                    self.recent.pop_front();
                }
                self.recent.push_back((judged.index, Arc::clone(order)));
            }
            return;
        }
        self.near.extend(self.recent.drain(..));
        if self.exchanges.len() >= MOST_EXCHANGES {
            self.left_out += 1;
            return;
        }
        let response = judged.exchange.response.as_ref();
        let request = &judged.exchange.request;
        let bodies =
            [Some((&request.body, &request.headers)), response.map(|response| (&response.body, &response.headers))];
        for document in bodies.into_iter().flatten().filter_map(|(body, headers)| document(body, headers)) {
            for ordered in document.root().named_below("orderedItem").chain(document.root().named_below("superEvent")) {
                self.ids.extend(id(ordered).map(|id| format!("\"{id}\"")));
            }
            let parents = ["facilityUse", "aggregateFacilityUse"].into_iter();
            let parents = parents.flat_map(|name| document.root().named_below(name).collect::<Vec<_>>());
            self.ids.extend(parents.filter_map(id).map(|id| format!("\"{id}\"")));
        }
        self.exchanges.push(Arc::new(judged));
    }

    /// Exchanges that findings name, by their indices.
    pub(super) fn rests_on(&self) -> impl Iterator<Item = u64> {
        self.findings.iter().filter_map(|finding| finding.because_of.as_ref()).map(|earlier| earlier.exchange)
    }
}

/// The identifier of a thing that is given as an object or by reference.
fn id(thing: Value<'_>) -> Option<&str> {
    thing.as_str().or_else(|| thing.get("@id").and_then(Value::as_str)).filter(|id| !id.contains(['"', '\\']))
}

/// True for a finding on the item of a feed that is about the booking.
fn is_about_item(finding: &Finding, exchange: &Exchange, uuid: &str) -> bool {
    let index = finding.pointer.strip_prefix("/response/body/items/").and_then(|rest| rest.split('/').next());
    let Some(index) = index.and_then(|index| index.parse().ok()) else { return false };
    let Some(response) = &exchange.response else { return false };
    let Some(document) = document(&response.body, &response.headers) else { return false };
    let item = document.root().get("items").and_then(|items| items.at(index));
    let ids = [item.and_then(|item| item.get("id")), item.and_then(|item| item.find("/data/@id"))];
    ids.into_iter().flatten().filter_map(Value::as_str).any(|id| id.to_ascii_lowercase().contains(uuid))
}

fn document(body: &Body, headers: &Headers) -> Option<Document> {
    decode(&body.bytes, headers).ok().and_then(|content| Document::parse(&content).ok())
}
