//! Which value of the second recording stands for which one of the first.
//!
//! ```text
//! requests of a pair ─► what the senders chose (UUIDs, customers, …) ─┐
//! answers of a pair ──► what the booking systems issued (ids) ────────┴─► Counterparts ─► do these two texts say the same?
//! ```
//!
//! A counterpart is learnt once: a value that stands for two others is a difference. What a request or the open data named
//! before is catalogue, and stands for nothing but itself.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use crate::json::{JsonKind, Value};
use crate::shape::{Bindings, bindings, find_uuids, parse_uuid, replace_uuids};

/// The identifiers of one recording, by those of the other.
type IdentifierMap = HashMap<Box<str>, Box<str>>;

/// What is known of the values of two recordings so far.
pub(super) struct Counterparts {
    origin_a: Option<String>,
    origin_b: Option<String>,
    orders: (HashSet<u128>, HashSet<u128>),
    uuids: (HashMap<u128, u128>, HashMap<u128, u128>),
    identifiers: (IdentifierMap, IdentifierMap),
    catalogue: HashSet<u128>,
    catalogue_identifiers: HashSet<Box<str>>,
    chosen: HashMap<Option<usize>, Bindings>,
}

impl Counterparts {
    /// Nothing but the two origins is known.
    pub(super) fn new(origin_a: Option<&str>, origin_b: Option<&str>) -> Self {
        Self {
            origin_a: origin_a.map(str::to_owned),
            origin_b: origin_b.map(str::to_owned),
            orders: (HashSet::new(), HashSet::new()),
            uuids: (HashMap::new(), HashMap::new()),
            identifiers: (HashMap::new(), HashMap::new()),
            catalogue: HashSet::new(),
            catalogue_identifiers: HashSet::new(),
            chosen: HashMap::new(),
        }
    }

    /// The origin of the second recording, and the one of the first that it stands for.
    pub(super) fn origins(&self) -> Option<(&str, &str)> {
        self.origin_b.as_deref().zip(self.origin_a.as_deref())
    }

    /// True for an Order UUID of the first recording.
    pub(super) fn is_order_of_a(&self, uuid: u128) -> bool {
        self.orders.0.contains(&uuid)
    }

    /// True for an Order UUID of the second recording.
    pub(super) fn is_order_of_b(&self, uuid: u128) -> bool {
        self.orders.1.contains(&uuid)
    }

    /// Learns that two Order UUIDs stand for each other.
    pub(super) fn learn_orders(&mut self, a: Option<&str>, b: Option<&str>) {
        if let (Some(a), Some(b)) = (a.and_then(parse_uuid), b.and_then(parse_uuid)) {
            self.orders.0.insert(a);
            self.orders.1.insert(b);
            self.uuids.0.entry(a).or_insert(b);
            self.uuids.1.entry(b).or_insert(a);
        }
    }

    /// Learns what the senders of two requests chose, and what they took from the catalogue.
    pub(super) fn learn_request(&mut self, booking: Option<usize>, a: Value<'_>, b: Value<'_>) {
        let found = bindings(a, b);
        self.chosen.entry(booking).or_default().learn(found, |_| true);
        self.learn_catalogue(a);
    }

    /// Learns that what a message names is catalogue, unless it is known to have a counterpart.
    pub(super) fn learn_catalogue(&mut self, message: Value<'_>) {
        for value in message.descend().filter(|value| value.kind() == JsonKind::String) {
            let text = value.as_str().unwrap_or_default();
            let known = &self.uuids.0;
            self.catalogue.extend(find_uuids(text).map(|found| found.uuid).filter(|uuid| !known.contains_key(uuid)));
            if text.contains("://") && !self.identifiers.0.contains_key(text) {
                self.catalogue_identifiers.insert(text.into());
            }
        }
    }

    /// True if two texts say the same, by what is known already.
    pub(super) fn knows(&self, booking: Option<usize>, a: &str, b: &str) -> bool {
        let b = self.moved(b);
        let translated = replace_uuids(a, |uuid| self.uuids.0.get(&uuid).map(|uuid| hyphenated(*uuid)));
        let translated = translated.as_deref().unwrap_or(a);
        if *translated == *b || self.identifiers.0.get(a).is_some_and(|known| **known == *b) {
            return true;
        }
        let within = self.chosen.get(&booking).and_then(|chosen| chosen.within(translated));
        within.is_some_and(|text| text == *b)
    }

    /// True if two texts of answers say the same. Learns from it what stands for what. `issues`: it is the place of an
    /// identifier that the booking system may have issued.
    pub(super) fn stand_for(
        &mut self,
        booking: Option<usize>,
        (party, pointer): (&str, &str),
        (a, b): (&str, &str),
        issues: bool,
    ) -> bool {
        let chosen = self.chosen.get(&booking).and_then(|chosen| chosen.leaf(party, pointer, a));
        if chosen == Some(b) || self.knows(booking, a, b) {
            return true;
        }
        let b = self.moved(b).into_owned();
        self.learn_uuids(a, &b) || issues && self.learn_identifiers(a, &b)
    }

    /// Learns UUIDs that stand at the same places of texts that are alike otherwise.
    fn learn_uuids(&mut self, a: &str, b: &str) -> bool {
        let blank = |text: &str| replace_uuids(text, |_| Some("*".to_owned()));
        if blank(a).is_none() || blank(a) != blank(b) {
            return false;
        }
        let pairs: Vec<_> = find_uuids(a).zip(find_uuids(b)).map(|(a, b)| (a.uuid, b.uuid)).collect();
        let fits = |&(a, b): &(u128, u128)| match (self.uuids.0.get(&a), self.uuids.1.get(&b)) {
            (None, None) => a == b || !self.catalogue.contains(&a),
            (known_b, known_a) => known_b == Some(&b) && known_a == Some(&a),
        };
        if !pairs.iter().all(fits) {
            return false;
        }
        for (a, b) in pairs.into_iter().filter(|(a, b)| a != b) {
            self.uuids.0.insert(a, b);
            self.uuids.1.insert(b, a);
        }
        true
    }

    /// Learns identifiers that differ in their numbers alone.
    fn learn_identifiers(&mut self, a: &str, b: &str) -> bool {
        let known = (self.identifiers.0.get(a), self.identifiers.1.get(b));
        if known != (None, None) || self.catalogue_identifiers.contains(a) || without_numbers(a) != without_numbers(b) {
            return false;
        }
        self.identifiers.0.insert(a.into(), b.into());
        self.identifiers.1.insert(b.into(), a.into());
        true
    }

    /// A text of the second recording with the origin of the first.
    pub(super) fn moved<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let Some((from, to)) = self.origins().filter(|(from, to)| from != to) else { return Cow::Borrowed(text) };
        let goes_on = |rest: &str| rest.starts_with(|c: char| c.is_alphanumeric() || matches!(c, '.' | ':' | '-'));
        let mut moved: Option<String> = None;
        let mut done = 0;
        for (at, _) in text.match_indices(from).filter(|(at, _)| !goes_on(&text[at + from.len()..])) {
            let out = moved.get_or_insert_with(String::new);
            out.push_str(&text[done..at]);
            out.push_str(to);
            done = at + from.len();
        }
        match moved {
            Some(moved) => Cow::Owned(moved + &text[done..]),
            None => Cow::Borrowed(text),
        }
    }
}

fn without_numbers(text: &str) -> String {
    let mut blank = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '0'..='9' if blank.ends_with('0') => {}
            '0'..='9' => blank.push('0'),
            c => blank.push(c),
        }
    }
    blank
}

/// The text form of a UUID.
fn hyphenated(uuid: u128) -> String {
    let digits = format!("{uuid:032x}");
    let parts = [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]];
    parts.join("-")
}
