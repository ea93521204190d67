//! What is remembered of feeds: the page before, the newest item of each Order, what open data says of opportunities.
//!
//! `page → previous page of the same feed` · `Orders feed item → its booking flow` · `open data item → by its @id`

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use super::{callers, urls};
use crate::json::{Document, Value};
use crate::openbooking::Reading;

/// Most bytes of open data kept. Past it the items that came first are forgotten: what needs them is "not judged".
pub const MAX_OPEN_DATA_BYTES: usize = 32 * 1024 * 1024;

/// Most feeds (by path and credentials) of which the last page is kept. Past it further feeds are judged page by page only.
pub const MAX_FEEDS: usize = 64;

/// Bytes of a page that is kept for comparison with the next one. A larger page is judged by itself only.
const MAX_PAGE_BYTES: usize = 2 * 1024 * 1024;

/// The last page of each feed, apart for each set of credentials: what an Orders feed holds depends on them.
#[derive(Debug, Default)]
pub struct Pages(HashMap<Box<str>, Arc<Reading>>);

impl Pages {
    /// The last page seen of the feed that a request asks for.
    pub fn last(&self, reading: &Reading) -> Option<&Reading> {
        self.0.get(feed_of(reading).as_str()).map(Arc::as_ref)
    }

    /// The page whose `next` led to this request, if it was the last one seen of this feed.
    pub fn previous(&self, reading: &Reading) -> Option<&Reading> {
        self.last(reading)
            .filter(|page| next_of(page).is_some_and(|next| urls::page(next) == urls::page(&reading.exchange.request.target)))
    }

    /// Takes a page up.
    pub fn remember(&mut self, reading: &Arc<Reading>) {
        let Some(page) = reading.response.json() else { return };
        let feed = feed_of(reading);
        if !page.root().get("items").is_some_and(Value::is_array) {
            return;
        }
        if page.text().len() > MAX_PAGE_BYTES {
            self.0.remove(feed.as_str());
        } else if self.0.len() < MAX_FEEDS || self.0.contains_key(feed.as_str()) {
            self.0.insert(feed.into(), Arc::clone(reading));
        }
    }
}

fn next_of(page: &Reading) -> Option<&str> {
    page.response.json()?.root().get("next")?.as_str()
}

fn feed_of(reading: &Reading) -> String {
    format!("{}\n{}", reading.exchange.path(), callers::credential(reading).unwrap_or_default())
}

/// What open data says of opportunities and their offers, by `@id`.
#[derive(Debug, Default)]
pub struct OpenData {
    items: HashMap<Box<str>, (u64, Document)>,
    /// Every version taken up, oldest first: `@id`, number of the version, bytes.
    order: VecDeque<(Box<str>, u64, usize)>,
    versions: u64,
    bytes: usize,
    /// Items that were forgotten for lack of room.
    pub forgotten: u64,
}

impl OpenData {
    /// The data of the item with an `@id`.
    pub fn item(&self, id: &str) -> Option<Value<'_>> {
        self.items.get(id).map(|(_, document)| document.root())
    }

    /// The offer with an `@id`, as it applies to an opportunity: its own, or that of the series, facility or event above it.
    pub fn offer(&self, opportunity: &str, offer: &str) -> Option<Value<'_>> {
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

    /// What an opportunity belongs to: embedded, or an item of its own.
    pub fn above<'a>(&'a self, opportunity: Value<'a>) -> Option<Value<'a>> {
        let parent =
            ["superEvent", "facilityUse", "aggregateFacilityUse"].into_iter().find_map(|key| opportunity.get(key))?;
        match parent.as_str() {
            Some(id) => self.item(id),
            None => Some(parent),
        }
    }

    /// Takes up the items of a page.
    pub fn remember(&mut self, reading: &Reading) {
        let Some(page) = reading.response.json() else { return };
        let Some(items) = page.root().get("items") else { return };
        for item in items.items() {
            let Some(data) = item.get("data").filter(|data| data.is_object()) else { continue };
            let Some(id) = data.get("@id").and_then(Value::as_str) else { continue };
            let text = data.to_json();
            let size = 4 * text.len();
            let Ok(document) = Document::parse_str(&text) else { continue };
            self.bytes += size;
            self.versions += 1;
            self.items.insert(id.into(), (self.versions, document));
            self.order.push_back((id.into(), self.versions, size));
        }
        while self.bytes > MAX_OPEN_DATA_BYTES {
            let Some((id, version, size)) = self.order.pop_front() else { break };
            self.bytes -= size;
            if self.items.get(&id).is_some_and(|(newest, _)| *newest == version) {
                self.items.remove(&id);
                self.forgotten += 1;
            }
        }
    }
}

/// The Order UUID that a feed item of Orders or OrderProposals is about, and the item. Ids are the bare UUID in practice,
/// and the Order's `@id` elsewhere.
pub fn order_items(page: &Document) -> impl Iterator<Item = (Arc<str>, Value<'_>)> {
    page.root().get("items").into_iter().flat_map(Value::items).filter_map(|item| {
        let id = item.get("id").and_then(Value::as_str)?;
        let last = id.rsplit('/').next()?;
        crate::openbooking::is_uuid(last).then(|| (Arc::from(last.to_ascii_lowercase()), item))
    })
}
