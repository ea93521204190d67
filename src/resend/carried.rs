//! Values that answers issue, carried on into the requests that follow.
//!
//! ```text
//! recorded answer + present answer ─► which present value stands for which recorded one ─┐
//! recorded request ──────────────────────────────────────────────────────────────────────┴─► the request to be sent
//! ```

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use crate::json::{JsonKind, Value, escape, write_escaped};
use crate::shape::{find_uuids, replace_uuids};

/// The order that a value belongs to, if it belongs to one.
pub(super) type RecordedOrder = Option<u128>;

/// Vocabularies: their terms are never issued.
const VOCABULARIES: [&str; 4] =
    ["https://openactive.io/", "http://openactive.io/", "https://schema.org/", "http://schema.org/"];

/// Names of members whose values the booking system issues, whatever they look like.
const ISSUED: [&str; 6] = ["@id", "id", "identifier", "orderProposalVersion", "orderNumber", "confirmationNumber"];

/// What is known of the values of the recording and of the present run.
pub(super) struct CarriedValues {
    /// The recorded origin, and the one that stands for it.
    origin: Option<(String, String)>,
    /// The recorded path of the Base URI, and the present one.
    base_path: (String, String),
    uuids: HashMap<u128, u128>,
    /// Path and query of links to pages of feeds.
    links: HashMap<String, String>,
    texts: HashMap<(RecordedOrder, String), String>,
    /// By pointer: the recorded number of the last answer, and the present one.
    numbers: HashMap<(RecordedOrder, String), (String, String)>,
    catalogue: HashSet<u128>,
}

impl CarriedValues {
    pub(super) fn new(origin: Option<(String, String)>, base_path: (String, String)) -> Self {
        Self {
            origin,
            base_path,
            uuids: HashMap::new(),
            links: HashMap::new(),
            texts: HashMap::new(),
            numbers: HashMap::new(),
            catalogue: HashSet::new(),
        }
    }

    /// A fresh UUID stands for a recorded Order UUID.
    pub(super) fn add_order(&mut self, recorded: u128, fresh: u128) {
        self.uuids.insert(recorded, fresh);
    }

    /// The present UUID of a recorded order.
    pub(super) fn present_order(&self, recorded: u128) -> Option<u128> {
        self.uuids.get(&recorded).copied()
    }

    /// A text of a request with present values in it.
    pub(super) fn text<'t>(&self, order: RecordedOrder, text: &'t str) -> Cow<'t, str> {
        if let Some(issued) = self.texts.get(&(order, text.to_owned())) {
            return Cow::Owned(issued.clone());
        }
        let replaced = replace_uuids(text, |uuid| self.uuids.get(&uuid).map(|uuid| hyphenated(*uuid)));
        let replaced = replaced.map_or(Cow::Borrowed(text), Cow::Owned);
        let moved = self.origin.as_ref().and_then(|(from, to)| {
            let rest = replaced.strip_prefix(from.as_str())?;
            let whole = rest.is_empty() || rest.starts_with(['/', '?', '#']);
            whole.then(|| format!("{to}{}", self.under_base(rest)))
        });
        moved.map_or(replaced, Cow::Owned)
    }

    /// A text with the present path of the Base URI, if it begins with the recorded one.
    fn under_base<'t>(&self, path: &'t str) -> Cow<'t, str> {
        let (from, to) = &self.base_path;
        match path.strip_prefix(from.as_str()) {
            Some(rest) if from != to && (rest.is_empty() || rest.starts_with(['/', '?', '#'])) => {
                Cow::Owned(format!("{to}{rest}"))
            }
            _ => Cow::Borrowed(path),
        }
    }

    /// The present path and query for a recorded one. A cursor that no present page has led to is left out, so that the feed
    /// starts anew.
    pub(super) fn target(&self, target: &str) -> String {
        if let Some(link) = self.links.get(target) {
            return link.clone();
        }
        let replaced = replace_uuids(target, |uuid| self.uuids.get(&uuid).map(|uuid| hyphenated(*uuid)));
        let target = replaced.as_deref().unwrap_or(target);
        let is_cursor = |query: &str| query.contains("afterChangeNumber=") || query.contains("afterTimestamp=");
        let target = match target.split_once('?') {
            Some((path, query)) if is_cursor(query) => path,
            _ => target,
        };
        self.under_base(target).into_owned()
    }

    /// A JSON body with present values in it. `given` says what the user gives for a pointer.
    pub(super) fn body<'g>(
        &self,
        order: RecordedOrder,
        root: Value<'_>,
        given: impl Fn(&str) -> Option<&'g str>,
    ) -> String {
        let text = root.document().text();
        let mut edits = Vec::new();
        each_leaf(&mut String::new(), root, &mut |pointer, value| match value.kind() {
            JsonKind::String => {
                let (Some(recorded), Some(place)) = (value.as_str(), value.literal_place()) else { return };
                let present = match given(pointer) {
                    Some(given) => Cow::Borrowed(given),
                    None => self.text(order, recorded),
                };
                if present != recorded {
                    edits.push((place, write_escaped(&present)));
                }
            }
            JsonKind::Number => {
                let (Some(recorded), Some(place)) = (value.as_number(), value.number_place()) else { return };
                let known = self.numbers.get(&(order, pointer.to_owned()));
                if let Some((_, present)) = known.filter(|(then, now)| then == recorded && now != recorded) {
                    edits.push((place, present.clone()));
                }
            }
            _ => {}
        });
        edits.sort_by_key(|(place, _)| place.start);
        let (mut out, mut done) = (String::with_capacity(text.len()), 0);
        for (place, by) in edits {
            out.push_str(&text[done..place.start]);
            out.push_str(&by);
            done = place.end;
        }
        out.push_str(&text[done..]);
        out
    }

    /// Learns which UUIDs a recorded request named that no answer had issued before: they are catalogue.
    pub(super) fn learn_request(&mut self, recorded: Value<'_>) {
        let texts = recorded.descend().filter_map(Value::as_str);
        let uuids = texts.flat_map(find_uuids).map(|found| found.uuid);
        let known = &self.uuids;
        self.catalogue.extend(uuids.filter(|uuid| !known.contains_key(uuid)));
    }

    /// Learns from a recorded answer and the present one.
    pub(super) fn learn_answer(&mut self, order: RecordedOrder, recorded: Value<'_>, present: Value<'_>) {
        let mut pairs = Vec::new();
        each_leaf(&mut String::new(), recorded, &mut |pointer, value| {
            if let Some(twin) = present.find(pointer) {
                pairs.push((pointer.to_owned(), value, twin));
            }
        });
        for (pointer, recorded, present) in pairs {
            match (recorded.as_str(), present.as_str()) {
                (Some(recorded), Some(present)) => self.learn_text(order, &pointer, recorded, present),
                _ => {
                    if let (Some(then), Some(now)) = (recorded.as_number(), present.as_number()) {
                        self.numbers.insert((order, pointer), (then.to_owned(), now.to_owned()));
                    }
                }
            }
        }
    }

    fn learn_text(&mut self, order: RecordedOrder, pointer: &str, recorded: &str, present: &str) {
        if recorded == present || VOCABULARIES.iter().any(|start| recorded.starts_with(start)) {
            return;
        }
        let name = pointer.rsplit('/').next().unwrap_or_default();
        let blank = |text: &str| replace_uuids(text, |_| Some("*".to_owned()));
        let uuids: Vec<_> = find_uuids(recorded).zip(find_uuids(present)).map(|(a, b)| (a.uuid, b.uuid)).collect();
        if uuids.iter().any(|(recorded, _)| self.catalogue.contains(recorded)) {
            return;
        }
        let moved = self.text(order, recorded);
        if *moved == *present {
            return;
        }
        if blank(&moved).is_some() && blank(&moved) == blank(present) {
            for (recorded, present) in uuids {
                self.uuids.entry(recorded).or_insert(present);
            }
        } else if ISSUED.contains(&name) {
            self.texts.insert((order, recorded.to_owned()), present.to_owned());
        }
    }

    /// Learns that a present link stands for a recorded one. Both may be absolute.
    pub(super) fn learn_link(&mut self, recorded: &str, present: &str) {
        self.links.insert(path_of(recorded).to_owned(), path_of(present).to_owned());
    }
}

/// Path and query of a URL.
pub(super) fn path_of(url: &str) -> &str {
    match url.split_once("://") {
        Some((_, rest)) => rest.find('/').map_or("/", |slash| &rest[slash..]),
        None => url,
    }
}

/// Calls `each` for every value that is neither an object nor a list, with its pointer.
pub(super) fn each_leaf<'v>(pointer: &mut String, value: Value<'v>, each: &mut impl FnMut(&str, Value<'v>)) {
    let length = pointer.len();
    match value.kind() {
        JsonKind::Object => {
            for (name, member) in value.entries() {
                pointer.push('/');
                pointer.push_str(&escape(name));
                each_leaf(pointer, member, each);
                pointer.truncate(length);
            }
        }
        JsonKind::Array => {
            for (index, item) in value.items().enumerate() {
                pointer.push('/');
                pointer.push_str(&index.to_string());
                each_leaf(pointer, item, each);
                pointer.truncate(length);
            }
        }
        _ => each(pointer, value),
    }
}

/// The text form of a UUID.
pub(super) fn hyphenated(uuid: u128) -> String {
    uuid::Uuid::from_u128(uuid).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::Document;

    const A: &str = "14a19ffd-7278-4296-9c71-96669e5c5b00";
    const B: &str = "24a19ffd-7278-4296-9c71-96669e5c5b00";

    fn carried() -> CarriedValues {
        let origin = ("https://old.example".to_owned(), "http://127.0.0.1:1".to_owned());
        CarriedValues::new(Some(origin), ("/api".to_owned(), "/booking".to_owned()))
    }

    fn document(text: &str) -> Document {
        Document::parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn origins_orders_and_base_paths_are_the_present_ones() {
        let mut carried = carried();
        let (a, b) = (find_uuids(A).next().unwrap().uuid, find_uuids(B).next().unwrap().uuid);
        carried.add_order(a, b);
        assert_eq!(carried.target(&format!("/api/orders/{A}?x=1")), format!("/booking/orders/{B}?x=1"));
        assert_eq!(carried.target("/apiary/feed"), "/apiary/feed");
        let text = format!("https://old.example/api/orders/{A}#/1");
        assert_eq!(carried.text(None, &text), format!("http://127.0.0.1:1/booking/orders/{B}#/1"));
        assert_eq!(carried.text(None, "https://old.example.org/api"), "https://old.example.org/api");
    }

    #[test]
    fn what_an_answer_issues_is_carried_on() {
        let mut carried = carried();
        let recorded =
            r#"{"orderedItem":[{"@id":"https://old.example/items/7"}],"totalPaymentDue":{"price":11.70,"n":"x"}}"#;
        let present =
            r#"{"totalPaymentDue":{"price":12.5,"n":"y"},"orderedItem":[{"@id":"http://127.0.0.1:1/items/9"}]}"#;
        carried.learn_answer(Some(1), document(recorded).root(), document(present).root());
        let request = document(
            r#"{"a":"https://old.example/items/7", "totalPaymentDue":{"price": 11.70},"other":11.70,"b":"caf\u00e9 \"x\""}"#,
        );
        let given = |pointer: &str| (pointer == "/b").then_some("new \"y\"");
        assert_eq!(
            carried.body(Some(1), request.root(), given),
            r#"{"a":"http://127.0.0.1:1/items/9", "totalPaymentDue":{"price": 12.5},"other":11.70,"b":"new \"y\""}"#
        );
        // Nothing of it is another order's.
        assert!(carried.body(Some(2), request.root(), |_| None).contains("items/7"));
    }

    #[test]
    fn pages_are_asked_for_by_present_cursors_or_from_the_start() {
        let mut carried = carried();
        carried
            .learn_link("https://old.example/feed?afterChangeNumber=4", "http://127.0.0.1:1/feed?afterChangeNumber=9");
        assert_eq!(carried.target("/feed?afterChangeNumber=4"), "/feed?afterChangeNumber=9");
        assert_eq!(carried.target("/feed?afterChangeNumber=5"), "/feed");
    }
}
