//! What was seen of each feed over time: the addresses that the broker may know, and the newest version of each item.
//!
//! `page → its address and its next · each item → modified and a digest of its content`

use super::maps::{HashMap, HashSet, digest as hash};
use crate::json::{JsonKind, Value, decimal};
use crate::openbooking::{ParsedExchange, Stage};
use crate::rules::models::urls::page;
use crate::rules::state::credentials::credential;
use crate::rules::state::exchange_ref::ExchangeRef;

/// Most addresses of pages kept. Past it no new ones are taken up, and no address counts as unknown any more.
const MAX_ADDRESSES: usize = 200_000;

/// Most versions of feed items kept. Past it no new items are taken up: their changes are not judged.
const MAX_VERSIONS: usize = 400_000;

/// Longest `modified` that is remembered, in bytes. Changes of an item with a longer one are not judged.
const MAX_MODIFIED: usize = 64;

/// The feeds so far. About 20 bytes for an address and 80 for an item.
#[derive(Debug, Default)]
pub(crate) struct History {
    addresses: HashSet<u64>,
    versions: HashMap<u64, ItemVersion>,
}

#[derive(Debug)]
struct ItemVersion {
    modified: ModifiedValue,
    content: u64,
    seen_in: ExchangeRef,
}

/// `modified` of an item: a number as it is written, or a text.
#[derive(Debug)]
pub(crate) enum ModifiedValue {
    Number(Box<str>),
    Text(Box<str>),
}

impl History {
    /// True unless the address of a page is none that this reader of the feed was given or asked for before. Where the
    /// recording doesn't hold a page of the feed, that page may have given it.
    pub(crate) fn knows(&self, parsed: &ParsedExchange) -> bool {
        self.addresses.len() >= MAX_ADDRESSES
            || self.addresses.contains(&hash(&(reader(parsed), page(&parsed.exchange.request.target))))
            || self.addresses.contains(&gap(parsed))
    }

    /// The `modified` that an item of a page had when it was last seen in this feed; `None` if it wasn't.
    pub(crate) fn earlier_modified(&self, parsed: &ParsedExchange, item: Value<'_>) -> Option<&ModifiedValue> {
        key(parsed, item).and_then(|key| self.versions.get(&key)).map(|version| &version.modified)
    }

    /// The page on which an item of a page was last seen in this feed; `None` if it wasn't.
    pub(crate) fn seen_in(&self, parsed: &ParsedExchange, item: Value<'_>) -> Option<ExchangeRef> {
        key(parsed, item).and_then(|key| self.versions.get(&key)).map(|version| version.seen_in)
    }

    /// True if state and data of an item are what they were when it was last seen in this feed.
    pub(crate) fn unchanged(&self, parsed: &ParsedExchange, item: Value<'_>) -> bool {
        key(parsed, item)
            .and_then(|key| self.versions.get(&key))
            .is_some_and(|version| version.content == content(item))
    }

    /// Takes a page up.
    pub(crate) fn remember(&mut self, parsed: &ParsedExchange) {
        if parsed.exchange.request.method == "GET" && parsed.answer_is_unknown() {
            if self.addresses.len() < MAX_ADDRESSES {
                self.addresses.insert(gap(parsed));
            }
            return;
        }
        if !matches!(parsed.stage, Stage::OrdersFeed | Stage::OrderProposalsFeed | Stage::OpportunityFeed) {
            return;
        }
        let reader = reader(parsed);
        if self.addresses.len() < MAX_ADDRESSES {
            self.addresses.insert(hash(&(&reader, page(&parsed.exchange.request.target))));
        }
        let Some(root) = parsed.response.json().map(|document| document.root()) else { return };
        if let Some(next) = root.get("next").and_then(Value::as_str)
            && self.addresses.len() < MAX_ADDRESSES
        {
            self.addresses.insert(hash(&(&reader, page(next))));
        }
        if parsed.exchange.is_faulted() {
            // The address leads on; the items may be none of the booking system.
            return;
        }
        for item in root.get("items").into_iter().flat_map(Value::items) {
            let Some(key) = key(parsed, item) else { continue };
            let Some(modified) = item.get("modified").and_then(modified) else { continue };
            if self.versions.len() < MAX_VERSIONS || self.versions.contains_key(&key) {
                let version = ItemVersion { modified, content: content(item), seen_in: parsed.into() };
                self.versions.insert(key, version);
            }
        }
    }
}

fn modified(value: Value<'_>) -> Option<ModifiedValue> {
    let short = |text: &&str| text.len() <= MAX_MODIFIED;
    let number = value.as_number().filter(short).map(|literal| ModifiedValue::Number(literal.into()));
    number.or_else(|| value.as_str().filter(short).map(|text| ModifiedValue::Text(text.into())))
}

/// Who reads: what a caller is given depends on the credentials, and open data is read by several programs at once.
fn reader(parsed: &ParsedExchange) -> (Option<String>, Option<String>) {
    let agent = parsed.exchange.request.headers.get("user-agent").map(str::to_owned);
    (credential(parsed).map(std::borrow::Cow::into_owned), agent)
}

/// Stands for a page that the recording doesn't hold, of a feed and its reader.
fn gap(parsed: &ParsedExchange) -> u64 {
    hash(&(reader(parsed), "gap", parsed.exchange.path()))
}

fn key(parsed: &ParsedExchange, item: Value<'_>) -> Option<u64> {
    let id = item.get("id").filter(|id| matches!(id.kind(), JsonKind::String | JsonKind::Number))?;
    let kind = item.get("kind").and_then(Value::as_str);
    Some(hash(&(parsed.exchange.path(), credential(parsed), kind, id.to_json())))
}

fn content(item: Value<'_>) -> u64 {
    hash(&(item.get("state").map(digest), item.get("data").map(digest)))
}

/// Equal for values that are equal as JSON: the order of keys and the spelling of a number make no difference.
fn digest(value: Value<'_>) -> u64 {
    match value.kind() {
        JsonKind::Object => {
            let members = value.entries().map(|(key, member)| hash(&(key, digest(member))));
            hash(&(1_u8, members.fold(0_u64, u64::wrapping_add)))
        }
        JsonKind::Array => hash(&(2_u8, value.items().map(digest).collect::<Vec<_>>())),
        JsonKind::Number => {
            let literal = value.as_number().unwrap_or_default();
            hash(&(3_u8, decimal(literal).map_or_else(|| literal.to_owned(), |number| number.normalize().to_string())))
        }
        JsonKind::String => hash(&(4_u8, value.as_str())),
        JsonKind::Bool | JsonKind::Null => hash(&(5_u8, value.as_bool())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::Document;

    #[test]
    fn a_digest_knows_content_from_spelling() {
        let of = |text: &str| digest(Document::parse_str(text).unwrap().root());
        assert_eq!(of(r#"{"a":1.50,"b":[true]}"#), of(r#"{"b":[true],"a":1.5}"#));
        assert_ne!(of(r#"{"a":1,"b":2}"#), of(r#"{"a":2,"b":1}"#));
        assert_ne!(of("[1,2]"), of("[2,1]"));
        assert_ne!(of("null"), of("false"));
        assert_ne!(of("\"1\""), of("1"));
    }
}
