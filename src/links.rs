//! Links that lead past the proxy: addresses in an answer that a client follows, and that name the booking system itself.
//!
//! ```text
//! JSON, or the JSON-LD of an HTML page ─► find ───────────┐
//! header fields ────────────────────────► find_in_fields ─┴► Link { where, address, bytes of its origin } ─► rewrite
//! ```
//!
//! What counts as a link is what clients of the Open Booking API follow: `next` of a feed's page (RPDE), `endpointUrl` of
//! a Dataset's `accessService`, and `contentUrl`, `accessURL` and `downloadURL` of a distribution (OpenActive's Dataset
//! model, DCAT); and what any client of HTTP may follow: `Location`, `Content-Location` and `Link`. Never `@id` or `id`:
//! those are names, and a name that changes on the way is another one.

use std::ops::Range;

use crate::exchange::Headers;
use crate::json::{Document, Value};

mod fields;
mod html;

pub(crate) use fields::elsewhere;
pub(crate) use fields::{FieldLinks, find_in_fields};

/// Most links of one message that are found; further ones are left as they are.
pub(crate) const MOST: usize = 1_000;

/// What a member is called that holds a link wherever it stands.
const ANYWHERE: [&str; 1] = ["endpointurl"];

/// What it is called within a distribution.
const IN_DISTRIBUTION: [&str; 3] = ["contenturl", "accessurl", "downloadurl"];

/// Scheme, host and port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Origin {
    scheme: String,
    host: String,
    port: Option<u16>,
}

impl Origin {
    /// The origin of an absolute http or https URL, and how many bytes of the URL it takes; `None` for anything else, and
    /// where a user name stands before the host.
    pub(crate) fn of(url: &str) -> Option<(Self, usize)> {
        let (scheme, rest) = url.split_once("://")?;
        let scheme = scheme.to_ascii_lowercase();
        let usual = match scheme.as_str() {
            "http" => 80,
            "https" => 443,
            _ => return None,
        };
        let authority = &rest[..rest.find(['/', '?', '#']).unwrap_or(rest.len())];
        let host_end = if authority.starts_with('[') { authority.find(']')? + 1 } else { 0 };
        let (host, port) = match authority[host_end..].find(':') {
            Some(colon) => (&authority[..host_end + colon], Some(&authority[host_end + colon + 1..])),
            None => (authority, None),
        };
        if host.is_empty() || authority.contains('@') {
            return None;
        }
        let port = match port {
            None | Some("") => usual,
            Some(port) => port.parse().ok()?,
        };
        let port = (port != usual).then_some(port);
        Some((Self { host: host.to_ascii_lowercase(), port, scheme }, url.len() - rest.len() + authority.len()))
    }
}

/// What a message is made of, where links can be found in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LinkMedia {
    /// JSON.
    Json,
    /// A page of HTML, with JSON-LD in it.
    Html,
}

impl LinkMedia {
    /// By Content-Type; `None` for anything else.
    pub(crate) fn of(headers: &Headers) -> Option<Self> {
        let value = headers.get("content-type")?;
        let name = value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        if name == "application/json" || name == "text/json" || name.ends_with("+json") {
            Some(Self::Json)
        } else {
            (name == "text/html" || name == "application/xhtml+xml").then_some(Self::Html)
        }
    }
}

/// A link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FoundLink {
    /// JSON pointer of it; within a page of HTML that of its JSON-LD, whose number is told before it; of a header field
    /// its name (`field Location`), with the number of the link where there may be several (`field Link 2`).
    pub at: String,
    /// The address.
    pub url: String,
    /// Where in the message its origin is written.
    pub origin: Range<usize>,
}

/// The links of a message that go to `origin`. What can't be read has none.
pub(crate) fn find(content: &[u8], media: LinkMedia, origin: &Origin) -> Vec<FoundLink> {
    let mut links = Vec::new();
    match media {
        LinkMedia::Json => find_in_json(content, 0, "", origin, &mut links),
        LinkMedia::Html => {
            for (number, block) in html::json_ld(content).enumerate() {
                find_in_json(
                    &content[block.clone()],
                    block.start,
                    &format!("script {}: ", number + 1),
                    origin,
                    &mut links,
                );
            }
        }
    }
    links
}

/// The message, or the value of a field, with these links going to `origin` (such as `http://127.0.0.1:8080`) instead; nothing else changes.
pub(crate) fn rewrite(content: &[u8], links: &[FoundLink], origin: &str) -> Vec<u8> {
    let mut rewritten = Vec::with_capacity(content.len() + links.len() * origin.len());
    let mut done = 0;
    for FoundLink { origin: place, .. } in links {
        let written = &content[place.clone()];
        rewritten.extend_from_slice(&content[done..place.start]);
        // Who escapes slashes gets them escaped.
        if written.windows(2).any(|pair| pair == b"\\/") {
            rewritten.extend_from_slice(origin.replace('/', "\\/").as_bytes());
        } else {
            rewritten.extend_from_slice(origin.as_bytes());
        }
        done = place.end;
    }
    rewritten.extend_from_slice(&content[done..]);
    rewritten
}

/// False if there can be no link in a message, so that reading it would be a waste.
pub(crate) fn may_have_any(content: &[u8]) -> bool {
    // What all names have in common, whatever their first letter and the case of their last ones.
    [&b"next"[..], b"ndpoint", b"ontent", b"ccess", b"ownload"]
        .iter()
        .any(|name| memchr::memmem::find(content, name).is_some())
}

fn find_in_json(content: &[u8], offset: usize, before: &str, origin: &Origin, links: &mut Vec<FoundLink>) {
    if !may_have_any(content) {
        return;
    }
    let Ok(document) = Document::parse(content) else { return };
    // A byte order mark is no part of the document.
    let offset = offset + content.len() - document.text().len();
    let mut search = LinkSearch { document: &document, offset, before, origin, links };
    let root = document.root();
    if let Some(next) = root.get("next").filter(|_| root.get("items").is_some()) {
        search.check(next);
    }
    search.walk(root, false);
    links.sort_by_key(|link| link.origin.start);
}

struct LinkSearch<'s> {
    document: &'s Document,
    offset: usize,
    before: &'s str,
    origin: &'s Origin,
    links: &'s mut Vec<FoundLink>,
}

impl LinkSearch<'_> {
    /// Depth is bounded by [`crate::json::MAX_DEPTH`].
    fn walk(&mut self, value: Value<'_>, in_distribution: bool) {
        for item in value.items() {
            self.walk(item, in_distribution);
        }
        let in_distribution = in_distribution || is_distribution(value);
        for (key, member) in value.entries() {
            let name = local(key);
            if ANYWHERE.contains(&&*name) || (in_distribution && IN_DISTRIBUTION.contains(&&*name)) {
                self.check(member);
                member.items().for_each(|item| self.check(item));
            } else if member.is_object() || member.is_array() {
                self.walk(member, in_distribution || name == "distribution");
            }
        }
    }

    fn check(&mut self, value: Value<'_>) {
        let (Some(url), Some(literal)) = (value.as_str(), value.literal_place()) else { return };
        let Some((origin, length)) = Origin::of(url) else { return };
        if origin != *self.origin || self.links.len() >= MOST {
            return;
        }
        let written = &self.document.text().as_bytes()[literal.clone()];
        let Some(written) = written_length(written, length) else { return };
        let start = self.offset + literal.start;
        let at = format!("{}{}", self.before, value.pointer());
        self.links.push(FoundLink { at, url: url.to_owned(), origin: start..start + written });
    }
}

/// True for what says itself that it is a distribution.
fn is_distribution(value: Value<'_>) -> bool {
    let names =
        |value: Value<'_>| value.as_str().is_some_and(|name| matches!(&*local(name), "datadownload" | "distribution"));
    let types = value.get("@type").or_else(|| value.get("type"));
    types.is_some_and(|types| names(types) || types.items().any(names))
}

/// A name without what stands before its last colon, slash or number sign, in lower case.
fn local(name: &str) -> String {
    name.rsplit([':', '/', '#']).next().unwrap_or_default().to_ascii_lowercase()
}

/// How many bytes of a JSON string's literal its first `length` characters take, all ASCII; `None` where they are
/// written in a way that nobody writes.
fn written_length(literal: &[u8], length: usize) -> Option<usize> {
    let mut at = 0;
    for _ in 0..length {
        at += match literal.get(at..)? {
            [b'\\', b'u', ..] => 6,
            [b'\\', ..] => 2,
            [byte, ..] if byte.is_ascii() => 1,
            _ => return None,
        };
    }
    (at <= literal.len()).then_some(at)
}

#[cfg(test)]
mod tests;
