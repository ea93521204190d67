//! What a request asks for, apart from what its sender was free to choose.
//!
//! ```text
//! body ─► leaves, each in a zone ─► fixed (items, offers, seller, types, numbers)  ─┐
//!                                ├► free (customer, attendee, broker, payment, …)  ─┼─► Shape: equal for requests that ask the same
//!                                └► time (any date and time)                       ─┘
//! recorded + present, of one shape ─► bindings: which recorded value stands for which present one
//! recorded + present, of two shapes ─► differences: each pointer at which they ask for something else
//! ```
//!
//! Pure, and without any state: what plays a recording again, on either side, and what compares two of them build on it.

mod bind;
mod compare;
mod operation;
mod request;
mod uuids;

use std::borrow::Cow;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

pub(crate) use bind::Bindings;
pub(crate) use compare::differences;
pub(crate) use compare::{Binding, DifferenceKind, LeafDifference, bindings};
pub(crate) use operation::Operation;
pub(crate) use operation::operation;
pub(crate) use request::{RequestOutline, is_safe, looks_like_json};
pub(crate) use uuids::{find_uuids, parse_uuid, replace_uuids};

use crate::json::{JsonKind, Value, decimal};

/// Hash of what a request asks for. Requests of one operation and one shape are the same request from different senders.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Shape(u64);

/// What a leaf of a request is to whoever plays it again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LeafClass {
    /// Must be equal: another value asks for something else.
    Fixed,
    /// The sender's own choice. What it chose comes back in answers.
    Free,
    /// A date and time. It depends on the day on which the request is made.
    Time,
}

/// The part of a request in which a leaf stands. It decides on the leaf's class.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RequestZone {
    /// The order itself and its OrderItems.
    Order,
    /// What the broker says of a person or organisation, or of its payment.
    Party,
    /// Answers to a form.
    Form,
    /// What the booking system offers, and everything that is no order.
    Catalogue,
}

/// The members whose values the broker chooses.
const PARTIES: [&str; 4] = ["customer", "attendee", "broker", "payment"];

/// Parts of names of members of an order that the broker may not choose the value of, in lower case.
const FIXED_NAMES: [&str; 7] = ["price", "currency", "status", "version", "role", "proposal", "mode"];

/// Vocabularies: their terms are never the sender's own.
const VOCABULARIES: [&str; 4] =
    ["https://openactive.io/", "http://openactive.io/", "https://schema.org/", "http://schema.org/"];

impl RequestZone {
    /// The zone of a message as a whole.
    pub(crate) fn of_root(root: Value<'_>) -> Self {
        let is_order = |name: Value<'_>| matches!(name.as_str(), Some("OrderQuote" | "Order" | "OrderProposal"));
        let types = root.get("@type").or_else(|| root.get("type"));
        let known = types.is_some_and(|types| is_order(types) || types.items().any(is_order));
        if known || root.get("orderedItem").is_some() { Self::Order } else { Self::Catalogue }
    }

    /// The zone of a member.
    #[must_use]
    pub(crate) fn of_member(self, name: &str, value: Value<'_>) -> Self {
        match self {
            Self::Party | Self::Catalogue => self,
            Self::Order | Self::Form => match name {
                _ if PARTIES.contains(&name) => Self::Party,
                "orderItemIntakeFormResponse" => Self::Form,
                "seller"
                | "acceptedOffer"
                | "totalPaymentDue"
                | "totalPaymentTax"
                | "unitTaxSpecification"
                | "@context" => Self::Catalogue,
                "orderedItem" if !holds_order_items(value) => Self::Catalogue,
                _ => self,
            },
        }
    }

    /// The class of a string.
    pub(crate) fn class(self, name: &str, text: &str) -> LeafClass {
        let or_time = |other| if is_date_time(text) { LeafClass::Time } else { other };
        match (self, name) {
            (_, "@type" | "type" | "@context") | (Self::Order, "@id" | "id") => LeafClass::Fixed,
            (Self::Party, _) if VOCABULARIES.iter().any(|start| text.starts_with(start)) => LeafClass::Fixed,
            (Self::Party, _) | (Self::Form, "value") => LeafClass::Free,
            (Self::Order, _) if !text.contains("://") && !names_fixed(name) => or_time(LeafClass::Free),
            _ => or_time(LeafClass::Fixed),
        }
    }
}

fn names_fixed(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    FIXED_NAMES.iter().any(|part| name.contains(part))
}

/// True for OrderItems, false for what an OrderItem orders.
fn holds_order_items(value: Value<'_>) -> bool {
    let is_one = |value: Value<'_>| {
        let types = value.get("@type").or_else(|| value.get("type"));
        types.is_some_and(|types| types.as_str() == Some("OrderItem"))
            || value.get("orderedItem").is_some()
            || value.get("acceptedOffer").is_some()
    };
    is_one(value) || value.is_array() && value.items().all(Value::is_object)
}

/// True for a date with a time, as in `2026-11-29T22:00:00Z`.
pub(crate) fn is_date_time(text: &str) -> bool {
    let bytes = text.as_bytes();
    let digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
    (16..=40).contains(&bytes.len())
        && [0, 1, 2, 3, 5, 6, 8, 9, 11, 12, 14, 15].into_iter().all(digit)
        && (bytes[4], bytes[7], bytes[13]) == (b'-', b'-', b':')
        && matches!(bytes[10], b'T' | b't' | b' ')
        && bytes[16..].iter().all(|byte| byte.is_ascii_digit() || b":.Zz+-".contains(byte))
}

/// Makes texts of two recordings, or of a recording and of traffic, comparable: Order UUIDs count as one and the same, and what
/// leads to this machine counts as leading to the recorded booking system.
#[derive(Clone, Copy)]
pub(crate) struct Normalizer<'n> {
    /// True for the UUID of an order, which the sender chose.
    pub is_order: &'n dyn Fn(u128) -> bool,
    /// An origin, and the one that it stands for.
    pub origin: Option<(&'n str, &'n str)>,
}

impl Normalizer<'_> {
    /// The text with `*` for each Order UUID.
    pub(crate) fn apply<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let moved = self.origin.and_then(|(from, to)| {
            let rest = text.strip_prefix(from)?;
            (rest.is_empty() || rest.starts_with(['/', '?', '#'])).then(|| format!("{to}{rest}"))
        });
        let text = moved.map_or(Cow::Borrowed(text), Cow::Owned);
        match replace_uuids(&text, |uuid| (self.is_order)(uuid).then(|| "*".into())) {
            Some(replaced) => Cow::Owned(replaced),
            None => text,
        }
    }
}

/// The shape of a JSON body.
pub(crate) fn shape_of(root: Value<'_>, normalizer: Normalizer<'_>) -> Shape {
    let mut hasher = DefaultHasher::new();
    hash(root, RequestZone::of_root(root), "", normalizer, &mut hasher);
    Shape(hasher.finish())
}

/// The shape of a body that is no JSON: its text.
pub(crate) fn shape_of_text(text: &[u8], normalizer: Normalizer<'_>) -> Shape {
    let mut hasher = DefaultHasher::new();
    match std::str::from_utf8(text) {
        Ok(text) => normalizer.apply(text).hash(&mut hasher),
        Err(_) => text.hash(&mut hasher),
    }
    Shape(hasher.finish())
}

/// Depth is bounded by [`crate::json::MAX_DEPTH`].
fn hash(value: Value<'_>, zone: RequestZone, name: &str, normalizer: Normalizer<'_>, hasher: &mut DefaultHasher) {
    match value.kind() {
        JsonKind::Null => hasher.write_u8(0),
        JsonKind::Bool => value.as_bool().hash(hasher),
        JsonKind::Number => number(value).hash(hasher),
        JsonKind::String => {
            let text = value.as_str().unwrap_or_default();
            match zone.class(name, text) {
                LeafClass::Fixed => normalizer.apply(text).hash(hasher),
                LeafClass::Free => hasher.write_u8(kind_of_free(name, text)),
                LeafClass::Time => hasher.write_u8(4),
            }
        }
        JsonKind::Array => {
            (b'[', value.len()).hash(hasher);
            value.items().for_each(|item| hash(item, zone, name, normalizer, hasher));
        }
        JsonKind::Object => {
            (b'{', value.len()).hash(hasher);
            let mut members: Vec<_> = value.entries().collect();
            members.sort_by_key(|(name, _)| *name);
            for (name, member) in members {
                name.hash(hasher);
                hash(member, zone.of_member(name, member), name, normalizer, hasher);
            }
        }
    }
}

/// What is refused for what it is, whatever it says: nothing at all, and an e-mail address that is none.
fn kind_of_free(name: &str, text: &str) -> u8 {
    match text.trim() {
        "" => 1,
        text if name == "email" && !text.contains('@') => 2,
        _ => 3,
    }
}

/// A number by its value: `14.990` and `14.99` are one.
fn number(value: Value<'_>) -> Cow<'_, str> {
    let literal = value.as_number().unwrap_or_default();
    decimal(literal).map_or(Cow::Borrowed(literal), |number| Cow::Owned(number.to_string()))
}

#[cfg(test)]
mod tests;
