//! Changes of answers: prices, leases, places, and the order of feeds.
//!
//! `JSON of an answer, fault ─► the same JSON with the change, or nothing to change`

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};
use rust_decimal::Decimal;

use super::kind::FaultKind;
use crate::json::{Document, JsonKind, Value, decimal, write_escaped};

/// Members that say how many places are left.
const PLACES: [&str; 2] = ["remainingAttendeeCapacity", "remainingUses"];

/// How long ago a lease has expired.
const EXPIRED: SignedDuration = SignedDuration::from_mins(1);

/// New texts of nodes, by their place in the document.
type Edits = HashMap<u32, String>;

/// The JSON of an answer with the change that a fault makes; `None` if there is nothing in it to change. `target` is the path
/// and query that were asked for, at `origin`.
pub(super) fn changed(kind: &FaultKind, text: &[u8], origin: &str, target: &str) -> Option<String> {
    let document = Document::parse(text).ok()?;
    let root = document.root();
    let mut edits = Edits::new();
    match kind {
        FaultKind::PriceChanged(by) => raise_prices(root, *by, &mut edits),
        FaultKind::LeaseExpired => expire_lease(root, Timestamp::now(), &mut edits),
        FaultKind::NoCapacity => {
            let places = PLACES.iter().flat_map(|name| root.named_below(name));
            let taken = places.filter(|places| places.kind() == JsonKind::Number && places.as_number() != Some("0"));
            edits.extend(taken.map(|places| (places.place(), "0".to_owned())));
        }
        FaultKind::FeedStalled | FaultKind::FeedDuplicated | FaultKind::FeedOutOfOrder => {
            let items = root.get("items").filter(|items| items.is_array())?;
            let next = root.get("next")?;
            let texts: Vec<String> = items.items().map(Value::to_json).collect();
            let new = match kind {
                FaultKind::FeedStalled => {
                    let own = format!("{}{target}", origin_of(next.as_str().unwrap_or_default()).unwrap_or(origin));
                    edits.insert(next.place(), quoted(&own));
                    Vec::new()
                }
                _ if texts.is_empty() => return None,
                FaultKind::FeedDuplicated => texts.iter().flat_map(|item| [item.clone(), item.clone()]).collect(),
                _ if texts.len() < 2 => return None,
                _ => texts.into_iter().rev().collect(),
            };
            edits.insert(items.place(), format!("[{}]", new.join(",")));
        }
        _ => return None,
    }
    if edits.is_empty() {
        return None;
    }
    let mut out = String::with_capacity(text.len() + 256);
    write(root, &edits, &mut out);
    Some(out)
}

fn raise_prices(root: Value<'_>, by: Decimal, edits: &mut Edits) {
    let first = root.get("orderedItem").and_then(|items| items.at(0));
    let of_first = first.and_then(|item| item.find("/acceptedOffer/price"));
    for price in [root.find("/totalPaymentDue/price"), of_first].into_iter().flatten() {
        let text = price.as_number().or_else(|| price.as_str());
        let raised =
            text.and_then(decimal).and_then(|price| price.checked_add(by)).filter(|price| !price.is_sign_negative());
        let Some(raised) = raised else { continue };
        let raised = raised.to_string();
        edits.insert(price.place(), if price.as_str().is_some() { quoted(&raised) } else { raised });
    }
}

/// Sets the end of the lease, and gives one to a quote that has none.
fn expire_lease(root: Value<'_>, now: Timestamp, edits: &mut Edits) {
    if !root.is_object() || root.get("orderedItem").is_none() {
        return;
    }
    let past = quoted(&(now - EXPIRED).strftime("%Y-%m-%dT%H:%M:%SZ").to_string());
    match root.find("/lease/leaseExpires") {
        Some(expires) => {
            edits.insert(expires.place(), past);
        }
        None => {
            let mut members: Vec<String> = root
                .entries()
                .filter(|(name, _)| *name != "lease")
                .map(|(name, value)| format!("{}:{}", quoted(name), value.to_json()))
                .collect();
            members.push(format!(r#""lease":{{"@type":"Lease","leaseExpires":{past}}}"#));
            edits.insert(root.place(), format!("{{{}}}", members.join(",")));
        }
    }
}

/// Writes a value, with the texts of nodes that were edited. As deep as what was parsed, which is bounded.
fn write(value: Value<'_>, edits: &Edits, out: &mut String) {
    if let Some(text) = edits.get(&value.place()) {
        out.push_str(text);
    } else if value.is_object() {
        out.push('{');
        for (index, (name, member)) in value.entries().enumerate() {
            out.push_str(if index > 0 { "," } else { "" });
            out.push_str(&quoted(name));
            out.push(':');
            write(member, edits, out);
        }
        out.push('}');
    } else if value.is_array() {
        out.push('[');
        for (index, item) in value.items().enumerate() {
            out.push_str(if index > 0 { "," } else { "" });
            write(item, edits, out);
        }
        out.push(']');
    } else {
        out.push_str(&value.to_json());
    }
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", write_escaped(text))
}

/// Scheme and authority of an absolute URL.
fn origin_of(url: &str) -> Option<&str> {
    let authority = url.find("://")? + 3;
    Some(url[authority..].find('/').map_or(url, |path| &url[..authority + path]))
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUOTE: &str = r#"{"@type":"OrderQuote","totalPaymentDue":{"price":7.50,"priceCurrency":"GBP"},
        "orderedItem":[{"acceptedOffer":{"price":"7.50"},"orderedItem":{"remainingAttendeeCapacity":3,"name":"a \"b\""}}]}"#;
    const PAGE: &str = r#"{"next":"https://b.example/feed?after=2","items":[{"id":1,"data":{"n":1.10}},{"id":2}]}"#;

    fn apply(kind: &FaultKind, text: &str) -> Option<String> {
        changed(kind, text.as_bytes(), "http://origin.example", "/feed?after=1")
    }

    #[test]
    fn prices_go_up_as_they_are_written() {
        let raised = apply(&FaultKind::PriceChanged(Decimal::new(125, 2)), QUOTE).unwrap();
        assert!(raised.contains(r#""price":8.75,"#) && raised.contains(r#""price":"8.75""#), "{raised}");
        assert!(raised.contains(r#""name":"a \"b\"""#), "{raised}");
        assert_eq!(apply(&FaultKind::PriceChanged(Decimal::ONE), r#"{"@type":"NotFoundError"}"#), None);
        assert_eq!(apply(&FaultKind::PriceChanged(Decimal::ONE), "no JSON"), None);
    }

    #[test]
    fn places_are_gone_and_leases_over() {
        let none = apply(&FaultKind::NoCapacity, QUOTE).unwrap();
        assert!(none.contains(r#""remainingAttendeeCapacity":0"#), "{none}");
        assert_eq!(apply(&FaultKind::NoCapacity, &none), None, "there were none");
        for quote in [QUOTE.to_owned(), QUOTE.replacen('{', r#"{"lease":{"leaseExpires":"2099-01-01T00:00:00Z"},"#, 1)]
        {
            let expired = apply(&FaultKind::LeaseExpired, &quote).unwrap();
            let document = Document::parse_str(&expired).unwrap();
            let expires = document.root().find("/lease/leaseExpires").and_then(Value::as_str).unwrap();
            assert!(expires.parse::<Timestamp>().unwrap() < Timestamp::now(), "{expired}");
        }
        assert_eq!(apply(&FaultKind::LeaseExpired, r#"{"@type":"OpenBookingError"}"#), None);
    }

    #[test]
    fn feeds_stall_repeat_themselves_and_come_backwards() {
        let stalled = apply(&FaultKind::FeedStalled, PAGE).unwrap();
        assert_eq!(stalled, r#"{"next":"https://b.example/feed?after=1","items":[]}"#);
        let twice = apply(&FaultKind::FeedDuplicated, PAGE).unwrap();
        assert_eq!(twice.matches(r#"{"n":1.10}"#).count(), 2, "{twice}");
        let backwards = apply(&FaultKind::FeedOutOfOrder, PAGE).unwrap();
        assert!(backwards.find(r#""id":2"#) < backwards.find(r#""id":1"#), "{backwards}");
        let last = r#"{"next":"https://b.example/feed?after=2","items":[]}"#;
        assert_eq!((apply(&FaultKind::FeedDuplicated, last), apply(&FaultKind::FeedOutOfOrder, last)), (None, None));
    }
}
