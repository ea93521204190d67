//! A recorded request beside a present one: what stands for what, and where they ask for something else.

use super::{LeafClass, Normalizer, RequestZone, number};
use crate::json::{JsonKind, Value, escape};

/// A recorded value of the sender's own, and the present one in its place. They may be equal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Binding {
    /// JSON pointer of it in the request.
    pub pointer: String,
    /// The member of the order in which it stands, such as `customer`; empty outside of these.
    pub party: &'static str,
    /// The recorded value.
    pub recorded: String,
    /// The present value.
    pub present: String,
}

/// Where two requests differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LeafDifference {
    /// JSON pointer of it in the request.
    pub pointer: String,
    /// The recorded value as JSON; `None` where there is none, or where it may be personal.
    pub recorded: Option<String>,
    /// The present value as JSON, likewise.
    pub present: Option<String>,
    /// What kind of difference it is.
    pub kind: DifferenceKind,
}

/// How two requests differ at a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DifferenceKind {
    /// Other values.
    Other,
    /// Only the recorded request has it.
    Missing,
    /// Only the present request has it.
    Added,
}

/// The values that the sender of `recorded` chose, beside those of `present`, which has the same shape.
pub(crate) fn bindings(recorded: Value<'_>, present: Value<'_>) -> Vec<Binding> {
    let mut found = Vec::new();
    let mut each = |pointer: &str, party, zone: RequestZone, name: &str, recorded: Value<'_>, present: Value<'_>| {
        if let (Some(recorded), Some(present)) = (recorded.as_str(), present.as_str())
            && zone.class(name, recorded) != LeafClass::Fixed
            && !recorded.trim().is_empty()
        {
            let (recorded, present) = (recorded.to_owned(), present.to_owned());
            found.push(Binding { pointer: pointer.to_owned(), party, recorded, present });
        }
    };
    pair(&mut String::new(), "", RequestZone::of_root(recorded), "", recorded, present, &mut each);
    found
}

fn party(within: &'static str, name: &str) -> &'static str {
    if within.is_empty() { super::PARTIES.into_iter().find(|party| *party == name).unwrap_or_default() } else { within }
}

/// Calls `each` for the leaves that both have, in the order of the recorded request.
fn pair<'v>(
    pointer: &mut String,
    within: &'static str,
    zone: RequestZone,
    name: &str,
    recorded: Value<'v>,
    present: Value<'v>,
    each: &mut impl FnMut(&str, &'static str, RequestZone, &str, Value<'v>, Value<'v>),
) {
    let length = pointer.len();
    match (recorded.kind(), present.kind()) {
        (JsonKind::Object, JsonKind::Object) => {
            for (name, member) in recorded.entries() {
                let Some(twin) = present.get(name) else { continue };
                pointer.push('/');
                pointer.push_str(&escape(name));
                pair(pointer, party(within, name), zone.of_member(name, member), name, member, twin, each);
                pointer.truncate(length);
            }
        }
        (JsonKind::Array, JsonKind::Array) => {
            for (index, (item, twin)) in recorded.items().zip(present.items()).enumerate() {
                pointer.push('/');
                pointer.push_str(&index.to_string());
                pair(pointer, within, zone, name, item, twin, each);
                pointer.truncate(length);
            }
        }
        _ => each(pointer, within, zone, name, recorded, present),
    }
}

/// Where two requests ask for something else, `most` places at most. `of_recorded` and `of_present` make their texts comparable.
pub(crate) fn differences(
    recorded: Value<'_>,
    present: Value<'_>,
    (of_recorded, of_present): (Normalizer<'_>, Normalizer<'_>),
    most: usize,
) -> Vec<LeafDifference> {
    let mut comparison = ShapeComparison { of_recorded, of_present, most, pointer: String::new(), found: Vec::new() };
    comparison.values(RequestZone::of_root(recorded), "", recorded, present);
    comparison.found
}

struct ShapeComparison<'n> {
    of_recorded: Normalizer<'n>,
    of_present: Normalizer<'n>,
    most: usize,
    pointer: String,
    found: Vec<LeafDifference>,
}

/// Longest value that a difference shows, in bytes.
const SHOWN: usize = 120;

impl ShapeComparison<'_> {
    fn add(
        &mut self,
        kind: DifferenceKind,
        zone: RequestZone,
        recorded: Option<Value<'_>>,
        present: Option<Value<'_>>,
    ) {
        if self.found.len() < self.most {
            // What is said of persons is nobody's business.
            let shown = |value: Option<Value<'_>>| match zone {
                RequestZone::Party | RequestZone::Form => None,
                RequestZone::Order | RequestZone::Catalogue => value.map(|value| value.to_json_up_to(SHOWN)),
            };
            let (recorded, present) = (shown(recorded), shown(present));
            self.found.push(LeafDifference { pointer: self.pointer.clone(), recorded, present, kind });
        }
    }

    fn values(&mut self, zone: RequestZone, name: &str, recorded: Value<'_>, present: Value<'_>) {
        if self.found.len() >= self.most {
            return;
        }
        let length = self.pointer.len();
        match (recorded.kind(), present.kind()) {
            (JsonKind::Object, JsonKind::Object) => {
                for (name, member) in recorded.entries() {
                    self.step(name);
                    match present.get(name) {
                        Some(twin) => self.values(zone.of_member(name, member), name, member, twin),
                        None => self.add(DifferenceKind::Missing, zone.of_member(name, member), Some(member), None),
                    }
                    self.pointer.truncate(length);
                }
                for (name, member) in present.entries().filter(|(name, _)| recorded.get(name).is_none()) {
                    self.step(name);
                    self.add(DifferenceKind::Added, zone.of_member(name, member), None, Some(member));
                    self.pointer.truncate(length);
                }
            }
            (JsonKind::Array, JsonKind::Array) => {
                let (mut ours, mut theirs) = (recorded.items(), present.items());
                for index in 0..recorded.len().max(present.len()) {
                    self.step(&index.to_string());
                    match (ours.next(), theirs.next()) {
                        (Some(item), Some(twin)) => self.values(zone, name, item, twin),
                        (Some(item), None) => self.add(DifferenceKind::Missing, zone, Some(item), None),
                        (None, twin) => self.add(DifferenceKind::Added, zone, None, twin),
                    }
                    self.pointer.truncate(length);
                }
            }
            (JsonKind::String, JsonKind::String) => {
                let (ours, theirs) = (recorded.as_str().unwrap_or_default(), present.as_str().unwrap_or_default());
                let class = zone.class(name, ours);
                let same = class == zone.class(name, theirs)
                    && match class {
                        LeafClass::Fixed => self.of_recorded.apply(ours) == self.of_present.apply(theirs),
                        LeafClass::Free => super::kind_of_free(name, ours) == super::kind_of_free(name, theirs),
                        LeafClass::Time => true,
                    };
                if !same {
                    self.add(DifferenceKind::Other, zone, Some(recorded), Some(present));
                }
            }
            (JsonKind::Number, JsonKind::Number) if number(recorded) == number(present) => {}
            (a, b) if a == b && a != JsonKind::Number && recorded.same(present) => {}
            _ => self.add(DifferenceKind::Other, zone, Some(recorded), Some(present)),
        }
    }

    fn step(&mut self, name: &str) {
        self.pointer.push('/');
        self.pointer.push_str(&escape(name));
    }
}
