//! What is remembered of feeds: the page before, the newest item of each Order, what open data says of opportunities.
//!
//! `page → previous page of the same feed` · `Orders feed item → its booking flow` · `open data item → by its @id`

use std::collections::VecDeque;
use std::sync::Arc;

use jiff::Timestamp;

use super::maps::HashMap;
use crate::json::{Document, Value};
use crate::openbooking::ParsedExchange;
use crate::rules::models::urls;
use crate::rules::state::credentials as callers;
use crate::rules::state::exchange_ref::ExchangeRef;
use crate::rules::state::limits::MAX_TEXT;

/// Most bytes of open data kept. Past it the items that came first are forgotten: what needs them is "not judged".
pub const MAX_OPEN_DATA_BYTES: usize = 32 * 1024 * 1024;

/// Most feeds (by path and credentials) of which the last page is kept. Past it further feeds are judged page by page only.
pub const MAX_FEEDS: usize = 64;

/// Bytes of a page that is kept for comparison with the next one, and of all pages kept. A larger page, and one for which
/// there is no room, is judged by itself only.
const MAX_PAGE_BYTES: usize = 16 * 1024 * 1024;
const MAX_PAGES_BYTES: usize = 64 * 1024 * 1024;

/// The last page of each feed, apart for each set of credentials: what an Orders feed holds depends on them.
#[derive(Debug, Default)]
pub(crate) struct Pages {
    pages: HashMap<Box<str>, (Arc<ParsedExchange>, usize)>,
    bytes: usize,
}

impl Pages {
    /// The last page seen of the feed that a request asks for.
    pub(crate) fn last(&self, parsed: &ParsedExchange) -> Option<&ParsedExchange> {
        self.pages.get(feed_of(parsed).as_str()).map(|(page, _)| page.as_ref())
    }

    /// The page whose `next` led to this request, if it was the last one seen of this feed.
    pub(crate) fn previous(&self, parsed: &ParsedExchange) -> Option<&ParsedExchange> {
        self.last(parsed).filter(|page| {
            next_of(page).is_some_and(|next| urls::page(next) == urls::page(&parsed.exchange.request.target))
        })
    }

    /// Takes a page up.
    pub(crate) fn remember(&mut self, parsed: &Arc<ParsedExchange>) {
        let feed = feed_of(parsed);
        if parsed.answer_is_unknown() {
            // Whatever comes next may follow on this page, which nobody knows.
            self.bytes -= self.pages.remove(feed.as_str()).map_or(0, |(_, bytes)| bytes);
        }
        let Some(page) = parsed.response.json() else { return };
        if !page.root().get("items").is_some_and(Value::is_array) {
            return;
        }
        self.bytes -= self.pages.remove(feed.as_str()).map_or(0, |(_, bytes)| bytes);
        let bytes = parsed.memory();
        if bytes <= MAX_PAGE_BYTES && self.bytes + bytes <= MAX_PAGES_BYTES && self.pages.len() < MAX_FEEDS {
            self.bytes += bytes;
            self.pages.insert(feed.into(), (Arc::clone(parsed), bytes));
        }
    }
}

fn next_of(page: &ParsedExchange) -> Option<&str> {
    page.response.json()?.root().get("next")?.as_str()
}

fn feed_of(parsed: &ParsedExchange) -> String {
    format!("{}\n{}", parsed.exchange.path(), callers::credential(parsed).unwrap_or_default())
}

/// Properties that lead from an opportunity to what it belongs to.
const ABOVE: [&str; 3] = ["superEvent", "facilityUse", "aggregateFacilityUse"];

/// An item of open data, in its newest version.
#[derive(Debug)]
struct OpenDataItem {
    version: u64,
    read: Timestamp,
    seen_in: ExchangeRef,
    data: Document,
}

/// What open data says of opportunities and their offers, by `@id`.
#[derive(Debug, Default)]
pub(crate) struct OpenData {
    items: HashMap<Box<str>, OpenDataItem>,
    /// Every version taken up, oldest first: `@id`, number of the version, bytes.
    order: VecDeque<(Box<str>, u64, usize)>,
    versions: u64,
    bytes: usize,
    /// Items that were forgotten for lack of room.
    pub forgotten: u64,
}

impl OpenData {
    /// The data of the item with an `@id`.
    pub(crate) fn item(&self, id: &str) -> Option<Value<'_>> {
        self.items.get(id).map(|item| item.data.root())
    }

    /// The offer with an `@id`, as it applies to an opportunity: its own, or that of the series, facility or event above it.
    pub(crate) fn offer(&self, opportunity: &str, offer: &str) -> Option<Value<'_>> {
        let mut here = self.item(opportunity)?;
        // An opportunity has at most a few levels above it.
        for _ in 0..4 {
            let own = here.get("offers").and_then(|offers| {
                offers.items().find(|candidate| candidate.get("@id").and_then(Value::as_str) == Some(offer))
            });
            if own.is_some() {
                return own;
            }
            here = self.above(here)?;
        }
        None
    }

    /// A member of an opportunity or of what is above it. `node` is what a message itself says of the opportunity; it
    /// goes before open data.
    pub(crate) fn inherited<'a>(&'a self, id: Option<&str>, node: Option<Value<'a>>, key: &str) -> Option<Value<'a>> {
        let mut level: Vec<Value<'a>> = node.into_iter().chain(id.and_then(|id| self.item(id))).collect();
        for _ in 0..4 {
            if let Some(found) = level.iter().find_map(|node| node.get(key)) {
                return Some(found);
            }
            let above = level.iter().filter_map(|node| ABOVE.iter().find_map(|key| node.get(key)));
            level = above
                .flat_map(|node| {
                    let id = node.as_str().or_else(|| node.get("@id").and_then(Value::as_str));
                    [node.is_object().then_some(node), id.and_then(|id| self.item(id))]
                })
                .flatten()
                .collect();
        }
        None
    }

    /// When the data of the item was read.
    pub(crate) fn read(&self, id: &str) -> Option<Timestamp> {
        self.items.get(id).map(|item| item.read)
    }

    /// The page that the data of the item was read from.
    pub(crate) fn seen_in(&self, id: &str) -> Option<ExchangeRef> {
        self.items.get(id).map(|item| item.seen_in)
    }

    /// What an opportunity belongs to: embedded, or an item of its own.
    pub(crate) fn above<'a>(&'a self, opportunity: Value<'a>) -> Option<Value<'a>> {
        let parent = ABOVE.iter().find_map(|key| opportunity.get(key))?;
        match parent.as_str() {
            Some(id) => self.item(id),
            None => Some(parent),
        }
    }

    /// Takes up the items of a page.
    pub(crate) fn remember(&mut self, parsed: &ParsedExchange) {
        let Some(page) = parsed.response.json() else { return };
        let Some(items) = page.root().get("items") else { return };
        for item in items.items() {
            let Some(data) = item.get("data").filter(|data| data.is_object()) else { continue };
            let Some(id) = data.get("@id").and_then(Value::as_str) else { continue };
            self.add(id, data, parsed.exchange.started, parsed.into());
        }
    }

    fn add(&mut self, id: &str, data: Value<'_>, read: Timestamp, seen_in: ExchangeRef) {
        if id.len() > MAX_TEXT {
            return;
        }
        // Text that was just parsed parses again.
        let Ok(data) = Document::parse_str(&data.to_json()) else { return };
        // The item is known by its id in two places.
        let size = 256 + 2 * id.len() + data.memory();
        self.bytes += size;
        self.versions += 1;
        self.items.insert(id.into(), OpenDataItem { version: self.versions, read, seen_in, data });
        self.order.push_back((id.into(), self.versions, size));
        while self.bytes > MAX_OPEN_DATA_BYTES {
            let Some((id, version, size)) = self.order.pop_front() else { break };
            self.bytes -= size;
            if self.items.get(&id).is_some_and(|item| item.version == version) {
                self.items.remove(&id);
                self.forgotten += 1;
            }
        }
    }
}

/// The Order UUID that a feed item of Orders or OrderProposals is about, and the item. Ids are the bare UUID in practice,
/// and the Order's `@id` elsewhere.
pub(crate) fn order_items(page: &Document) -> impl Iterator<Item = (Arc<str>, Value<'_>)> {
    page.root().get("items").into_iter().flat_map(Value::items).filter_map(|item| {
        let id = item.get("id").and_then(Value::as_str)?;
        let last = id.rsplit('/').next()?;
        crate::openbooking::is_uuid(last).then(|| (Arc::from(last.to_ascii_lowercase()), item))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::openbooking::Stage;

    fn with(items: &[&str]) -> OpenData {
        let mut data = OpenData::default();
        for text in items {
            let document = Document::parse_str(text).unwrap();
            let id = document.root().get("@id").and_then(Value::as_str).unwrap().to_owned();
            let page = ExchangeRef { index: 0, stage: Stage::OpportunityFeed };
            data.add(&id, document.root(), Timestamp::UNIX_EPOCH, page);
        }
        data
    }

    #[test]
    fn a_session_inherits_from_its_series() {
        let data = with(&[
            r#"{"@id": "s/1", "superEvent": "series/1", "name": "own"}"#,
            r#"{"@id": "series/1", "name": "of the series", "organizer": {"@id": "o/1"}}"#,
        ]);
        let name = |key| data.inherited(Some("s/1"), None, key).map(Value::to_json);
        assert_eq!(name("name").as_deref(), Some("\"own\""));
        assert_eq!(name("organizer").as_deref(), Some(r#"{"@id":"o/1"}"#));
        assert_eq!(name("location"), None);
    }

    #[test]
    fn what_the_message_says_goes_before_open_data_and_open_data_fills_the_gaps() {
        let data = with(&[r#"{"@id": "s/1", "superEvent": {"@id": "series/1", "organizer": "o/1", "name": "feed"}}"#]);
        let message =
            Document::parse_str(r#"{"@id": "s/1", "superEvent": {"@id": "series/1", "name": "message"}}"#).unwrap();
        let found = |key| data.inherited(Some("s/1"), Some(message.root()), key).and_then(Value::as_str);
        assert_eq!(found("name"), Some("message"));
        assert_eq!(found("organizer"), Some("o/1"));
    }

    #[test]
    fn a_loop_of_parents_ends() {
        let data = with(&[r#"{"@id": "f", "facilityUse": "f"}"#]);
        assert!(data.inherited(Some("f"), None, "name").is_none());
    }

    #[test]
    fn the_later_version_counts() {
        let data = with(&[r#"{"@id": "s", "n": 1}"#, r#"{"@id": "s", "n": 2}"#]);
        assert_eq!(data.item("s").and_then(|item| item.get("n")).and_then(Value::as_number), Some("2"));
    }
}
