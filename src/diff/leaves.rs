//! The values of two answers that differ, by pointer, in classes.
//!
//! `answer, answer ─► status, media type, JSON member by member ─► ValueDifference { pointer, class }`

use std::collections::HashMap;

use serde::Serialize;

use super::counterparts::Counterparts;
use super::document;
use crate::exchange::{Exchange, Response};
use crate::json::{JsonKind, Value, decimal, escape};
use crate::judged::Judged;
use crate::shape::{LeafDifference, RequestZone, is_date_time};

/// Longest value that a difference shows, in bytes.
const SHOWN: usize = 120;

/// Most differences of one pair of exchanges that are listed, of each class but [`DifferenceClass::Other`].
const MOST_EXPECTED: usize = 1_000;

/// Why a value differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum DifferenceClass {
    /// None of the others: two runs of the same bookings need not differ in it.
    Other,
    /// The two values stand for each other throughout: Order UUIDs, customers, identifiers that were issued, the origin.
    Bound,
    /// A date, or a date and time.
    Time,
    /// What is said of a lease.
    Lease,
    /// Places or uses that are left.
    Capacity,
    /// A number or code that is given to each order.
    OrderNumber,
    /// Cursors, modification numbers, and items that are on the page of one feed alone.
    FeedPosition,
}

impl DifferenceClass {
    /// Every class, the one that matters first.
    pub const ALL: [Self; 7] =
        [Self::Other, Self::Bound, Self::Time, Self::Lease, Self::Capacity, Self::OrderNumber, Self::FeedPosition];

    /// The class in words.
    pub(crate) fn in_words(self) -> &'static str {
        match self {
            Self::Other => "other",
            Self::Bound => "bound",
            Self::Time => "time",
            Self::Lease => "lease",
            Self::Capacity => "capacity",
            Self::OrderNumber => "order number",
            Self::FeedPosition => "feed position",
        }
    }
}

/// A value that differs between two exchanges.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ValueDifference {
    /// JSON pointer of it, such as `/response/body/totalPaymentDue/price`.
    pub pointer: String,
    /// Why it differs.
    pub class: DifferenceClass,
    /// The value of the first recording as JSON; `None` where there is none, or where it may be personal.
    pub a: Option<String>,
    /// The value of the second recording, likewise.
    pub b: Option<String>,
}

impl ValueDifference {
    /// A difference between two requests.
    pub(super) fn of_request(difference: LeafDifference) -> Self {
        let LeafDifference { pointer, recorded, present, .. } = difference;
        Self { pointer: format!("/request/body{pointer}"), class: DifferenceClass::Other, a: recorded, b: present }
    }
}

/// Names of members that a booking system fills for each order anew.
const OF_ORDER: [&str; 6] =
    ["orderNumber", "identifier", "confirmationNumber", "accessCode", "accessPass", "accessChannel"];

/// Names of members that say how many are left.
const CAPACITY: [&str; 4] = ["remainingAttendeeCapacity", "remainingUses", "remainingCapacity", "maximumUses"];

/// Adds what differs between the answers of two exchanges.
pub(super) fn answer_differences(
    one: &Judged,
    other: &Judged,
    booking: Option<usize>,
    counterparts: &mut Counterparts,
    found: &mut Vec<ValueDifference>,
) {
    let (one, other) = (&one.exchange, &other.exchange);
    let mut add = |pointer: &str, a: Option<String>, b: Option<String>| {
        if a != b {
            found.push(ValueDifference { pointer: pointer.to_owned(), class: DifferenceClass::Other, a, b });
        }
    };
    add("/response/status", status(one), status(other));
    let (Some(a), Some(b)) = (&one.response, &other.response) else { return };
    add("/response/headers/content-type", media_type(a), media_type(b));
    let read = |response: &Response| document(&response.body.bytes, response.body.end, &response.headers);
    match (read(a), read(b)) {
        (Some(a), Some(b)) => {
            let kinds = (kind(a.root()), kind(b.root()));
            if kinds.0 != kinds.1 {
                // Another kind of answer: all of it differs.
                return add("/response/body/@type", kinds.0, kinds.1);
            }
            let is_page = is_feed_page(a.root()) && is_feed_page(b.root());
            let mut comparison = LeafComparison {
                counterparts,
                booking,
                pointer: "/response/body".to_owned(),
                start: 14,
                party: "",
                is_page,
                found,
            };
            comparison.values(RequestZone::of_root(a.root()), "", a.root(), b.root());
            if is_page && booking.is_none() {
                counterparts.learn_catalogue(a.root());
            }
        }
        (None, None) => {
            let text = |response: &Response| Some(format!("{} bytes", response.body.bytes.len()));
            if a.body.bytes != b.body.bytes {
                let same = match (std::str::from_utf8(&a.body.bytes), std::str::from_utf8(&b.body.bytes)) {
                    (Ok(a), Ok(b)) => counterparts.stand_for(booking, ("", ""), (a, b), false),
                    _ => false,
                };
                if !same {
                    add("/response/body", text(a), text(b));
                }
            }
        }
        (one, other) => {
            let kind = |document: Option<crate::json::Document>| {
                Some(if document.is_some() { "JSON" } else { "no JSON" }.to_owned())
            };
            add("/response/body", kind(one), kind(other));
        }
    }
}

/// Status of the answer, or why there is none.
fn status(exchange: &Exchange) -> Option<String> {
    match (&exchange.response, &exchange.failure) {
        (Some(response), _) => Some(response.status.to_string()),
        (None, Some(failure)) => Some(failure.kind.as_str().to_owned()),
        (None, None) => None,
    }
}

fn media_type(response: &Response) -> Option<String> {
    let value = response.headers.get("content-type")?;
    Some(value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase())
}

/// The type of an answer as JSON.
fn kind(root: Value<'_>) -> Option<String> {
    root.get("@type").map(Value::to_json)
}

/// True for a page of an RPDE feed.
fn is_feed_page(root: Value<'_>) -> bool {
    root.get("next").is_some() && root.get("items").is_some_and(Value::is_array)
}

struct LeafComparison<'c> {
    counterparts: &'c mut Counterparts,
    booking: Option<usize>,
    pointer: String,
    /// Where the pointer within the body starts.
    start: usize,
    party: &'static str,
    is_page: bool,
    found: &'c mut Vec<ValueDifference>,
}

impl LeafComparison<'_> {
    fn values(&mut self, zone: RequestZone, name: &str, a: Value<'_>, b: Value<'_>) {
        match (a.kind(), b.kind()) {
            (JsonKind::Object, JsonKind::Object) => self.members(zone, a, b),
            (JsonKind::Array, JsonKind::Array) if self.is_page && self.pointer.len() == self.start + "/items".len() => {
                self.items(zone, a, b);
            }
            (JsonKind::Array, JsonKind::Array) => {
                let (mut ours, mut theirs) = (a.items(), b.items());
                for index in 0..a.len().max(b.len()) {
                    self.within(&index.to_string(), |comparison| match (ours.next(), theirs.next()) {
                        (Some(a), Some(b)) => comparison.values(zone, name, a, b),
                        (a, b) => comparison.add(zone, name, a, b),
                    });
                }
            }
            (JsonKind::String, JsonKind::String) => {
                let (ours, theirs) = (a.as_str().unwrap_or_default(), b.as_str().unwrap_or_default());
                if ours == theirs {
                    return;
                }
                let issues = matches!(name, "@id" | "id") && zone == RequestZone::Order;
                let place = (self.party, &self.pointer[self.start..]);
                if self.counterparts.stand_for(self.booking, place, (ours, theirs), issues) {
                    self.push(zone, DifferenceClass::Bound, Some(a), Some(b));
                } else {
                    self.add(zone, name, Some(a), Some(b));
                }
            }
            (JsonKind::Number, JsonKind::Number) if same_number(a, b) => {}
            (one, other) if one == other && one != JsonKind::Number && a.same(b) => {}
            _ => self.add(zone, name, Some(a), Some(b)),
        }
    }

    fn members(&mut self, zone: RequestZone, a: Value<'_>, b: Value<'_>) {
        for (name, member) in a.entries() {
            let zone = zone.of_member(name, member);
            self.within(name, |comparison| match b.get(name) {
                Some(twin) => comparison.values(zone, name, member, twin),
                None => comparison.add(zone, name, Some(member), None),
            });
        }
        for (name, member) in b.entries().filter(|(name, _)| a.get(name).is_none()) {
            let zone = zone.of_member(name, member);
            self.within(name, |comparison| comparison.add(zone, name, None, Some(member)));
        }
    }

    /// Compares the items of two pages, by their ids.
    fn items(&mut self, zone: RequestZone, a: Value<'_>, b: Value<'_>) {
        let id = |item: Value<'_>| item.get("id").map(Value::to_json);
        let mut of_b: HashMap<String, Value<'_>> = HashMap::new();
        for item in b.items() {
            of_b.insert(id(item).unwrap_or_default(), item);
        }
        for (index, item) in a.items().enumerate() {
            let own = id(item).unwrap_or_default();
            let twin =
                of_b.keys().find(|theirs| **theirs == own || self.counterparts.knows(self.booking, &own, theirs));
            let twin = twin.cloned().and_then(|key| of_b.remove(&key));
            self.within(&index.to_string(), |comparison| match twin {
                Some(twin) => comparison.values(zone, "", item, twin),
                None => comparison.push(zone, DifferenceClass::FeedPosition, Some(item), None),
            });
        }
        for item in b.items().filter(|item| of_b.contains_key(&id(*item).unwrap_or_default())) {
            self.within("-", |comparison| comparison.push(zone, DifferenceClass::FeedPosition, None, Some(item)));
        }
    }

    /// Compares below a member or an index.
    fn within(&mut self, step: &str, compare: impl FnOnce(&mut Self)) {
        let (length, party) = (self.pointer.len(), self.party);
        self.pointer.push('/');
        self.pointer.push_str(&escape(step));
        if party.is_empty() {
            let of = |name: &&str| *name == step;
            self.party = ["customer", "attendee", "broker", "payment"].into_iter().find(of).unwrap_or_default();
        }
        compare(self);
        self.pointer.truncate(length);
        self.party = party;
    }

    /// Adds a difference of values that don't stand for each other.
    fn add(&mut self, zone: RequestZone, name: &str, a: Option<Value<'_>>, b: Option<Value<'_>>) {
        let class = self.class(name, a, b);
        self.push(zone, class, a, b);
    }

    fn class(&self, name: &str, a: Option<Value<'_>>, b: Option<Value<'_>>) -> DifferenceClass {
        let below = |names: &[&str]| {
            let steps = || self.pointer[self.start..].split('/');
            names.iter().any(|name| steps().any(|step| step == *name))
        };
        let place = &self.pointer[self.start..];
        let is_of_page = self.is_page && (place == "/next" || place.ends_with("/modified"));
        let both = |is: fn(&str) -> bool| {
            let is = |value: Option<Value<'_>>| value.and_then(Value::as_str).is_some_and(is);
            is(a) && is(b)
        };
        if is_of_page && a.is_some() && b.is_some() {
            DifferenceClass::FeedPosition
        } else if name == "leaseExpires" || below(&["lease"]) && both(is_date_time) {
            DifferenceClass::Lease
        } else if CAPACITY.contains(&name) {
            DifferenceClass::Capacity
        } else if both(is_date_time) || both(is_date) {
            DifferenceClass::Time
        } else if a.is_some() && b.is_some() && below(&OF_ORDER) {
            DifferenceClass::OrderNumber
        } else {
            DifferenceClass::Other
        }
    }

    fn push(&mut self, zone: RequestZone, class: DifferenceClass, a: Option<Value<'_>>, b: Option<Value<'_>>) {
        if class != DifferenceClass::Other && self.found.len() >= MOST_EXPECTED {
            return;
        }
        // What is said of persons is nobody's business.
        let is_shown = self.party.is_empty() && !matches!(zone, RequestZone::Party | RequestZone::Form);
        let shown = |value: Option<Value<'_>>| value.filter(|_| is_shown).map(|value| value.to_json_up_to(SHOWN));
        let (a, b) = (shown(a), shown(b));
        self.found.push(ValueDifference { pointer: self.pointer.clone(), class, a, b });
    }
}

fn same_number(a: Value<'_>, b: Value<'_>) -> bool {
    let (a, b) = (a.as_number().unwrap_or_default(), b.as_number().unwrap_or_default());
    a == b || decimal(a).is_some_and(|number| Some(number) == decimal(b))
}

/// True for a date without a time, `2026-11-30`.
fn is_date(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() == 10
        && bytes
            .iter()
            .enumerate()
            .all(|(at, byte)| if matches!(at, 4 | 7) { *byte == b'-' } else { byte.is_ascii_digit() })
}
