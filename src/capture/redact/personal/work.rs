//! One exchange rewritten: target, header fields, bodies.
//!
//! `Content + what was noted → the same bytes with pseudonyms in their places`

use bytes::Bytes;

use super::super::{give_up, put_back};
use super::again::{decoded, emails, encoded};
use super::places::{is_personal_name, is_text, normal};
use super::read::{Content, Found, literals};
use super::{Memory, Personal};
use crate::exchange::secrets::is_secret_field;
use crate::exchange::{Body, Headers};
use crate::json::{Document, Value};

/// Header fields that hold the network address of somebody.
const ADDRESSES: [&str; 6] = ["xforwardedfor", "forwarded", "xrealip", "trueclientip", "cfconnectingip", "xclientip"];

/// Header fields that hold nobody's words, by their normal names.
const PROTOCOL: [&str; 10] = [
    "host",
    "accept",
    "acceptencoding",
    "contenttype",
    "contentencoding",
    "contentlength",
    "transferencoding",
    "connection",
    "date",
    "etag",
];

/// How often a pseudonym is made anew that happens to be one of a form's options.
const MOST_STEPS: usize = 1_000;

/// The work on one exchange.
pub(super) struct Work<'w> {
    pub(super) personal: &'w Personal,
    pub(super) memory: &'w mut Memory,
    /// Words of this exchange that are looked for in its texts.
    pub(super) words: &'w [&'w str],
    /// The booking system's host.
    pub(super) host: &'w str,
}

impl Work<'_> {
    /// The pseudonym of a whole value, counted under a label.
    fn pseudonym(&mut self, value: &str, label: &str) -> String {
        let clean = self.personal.pseudonyms.of(value, self.host);
        self.memory.tally.add(label, &clean);
        clean
    }

    /// The text with what turned up again replaced.
    fn searched(&mut self, text: &str, words: bool, label: &str) -> Option<String> {
        let words = if words { self.words } else { &[] };
        let clean = self.memory.again.replace(text, words, self.host, &self.personal.pseudonyms)?;
        self.memory.tally.add(label, &clean);
        Some(clean)
    }

    /// The text with e-mail addresses replaced, and nothing else: what rules compare stays comparable with what was
    /// recorded before a value was known.
    fn addresses(&mut self, text: &str, label: &str) -> Option<String> {
        let clean = emails(text, &self.personal.pseudonyms)?;
        self.memory.tally.add(label, &clean);
        Some(clean)
    }

    /// A text that is no part of a body.
    pub(super) fn text(&mut self, text: &mut String, label: &str) {
        if let Some(clean) = self.searched(text, true, &format!("(again) {label}")) {
            *text = clean;
        }
    }

    /// Path and query.
    pub(super) fn target(&mut self, target: &mut String) {
        let (path, query) = match target.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (target.as_str(), None),
        };
        let mut clean = self.searched(path, false, "(again) URL").unwrap_or_else(|| path.to_owned());
        if let Some(query) = query {
            clean.push('?');
            clean += &self.pairs(query, "URL");
        }
        *target = clean;
    }

    /// Names and values as in queries and forms.
    fn pairs(&mut self, text: &str, label: &str) -> String {
        let pairs: Vec<String> = text
            .split('&')
            .map(|pair| match pair.split_once('=') {
                Some((name, value)) => format!("{name}={}", self.parameter(name, value, label)),
                None => self.searched(pair, false, &format!("(again) {label}")).unwrap_or_else(|| pair.to_owned()),
            })
            .collect();
        pairs.join("&")
    }

    fn parameter(&mut self, name: &str, value: &str, label: &str) -> String {
        let normal = normal(&decoded(name, true));
        let told = self.personal.fields.names.contains(&normal);
        if !(told || is_personal_name(&normal)) || super::super::is_mask(value.as_bytes()) {
            let again = format!("(again) {label}");
            return self.searched(value, false, &again).unwrap_or_else(|| value.to_owned());
        }
        let plain = decoded(value, true);
        let clean = self.pseudonym(&plain, &format!("{label} {name}"));
        encoded(&clean, if value.contains("%20") { "%20" } else { "+" })
    }

    /// Values of header fields.
    pub(super) fn headers(&mut self, headers: &mut Headers) {
        for field in &mut headers.0 {
            let normal = normal(&field.name);
            let Ok(value) = std::str::from_utf8(&field.value) else {
                // Nobody's text but for its letters, and those might be a name's.
                field.value = Bytes::from(self.personal.pseudonyms.unread(&field.value));
                continue;
            };
            let told = self.personal.fields.names.contains(&normal) || normal == "from" || is_personal_name(&normal);
            let label = format!("header {}", field.name.to_ascii_lowercase());
            let clean = if ADDRESSES.contains(&normal.as_str()) {
                let clean = self.personal.pseudonyms.addresses(value);
                self.memory.tally.add(&label, &clean);
                Some(clean)
            } else if told && !super::super::is_mask(value.as_bytes()) {
                self.searched(value, false, &label).or_else(|| Some(self.pseudonym(value, &label)))
            } else if is_secret_field(&field.name) || PROTOCOL.contains(&normal.as_str()) {
                None
            } else {
                self.searched(value, false, &format!("(again) {label}"))
            };
            if let Some(clean) = clean {
                field.value = Bytes::from(clean);
            }
        }
    }

    /// A body, from what was read of it.
    pub(super) fn body(&mut self, body: &mut Body, headers: &Headers, content: &Content) {
        let clean = match content {
            Content::Nothing | Content::Page => return,
            Content::Json(document, found) => self.json(document, found).map(String::into_bytes),
            Content::Form(text) => Some(self.pairs(text, "form")).filter(|clean| clean != text).map(String::into_bytes),
            Content::Unread(text) => {
                self.memory.tally.add("(body that is no JSON, as a whole)", "");
                Some(self.personal.pseudonyms.unread(text))
            }
            Content::Undecoded(text) => {
                self.memory.tally.add("(body that can't be decoded, as a whole)", "");
                body.bytes = Bytes::from(self.personal.pseudonyms.unread(text));
                return;
            }
            Content::Unreadable => {
                self.memory.tally.add("(body that can't be read, dropped)", "");
                return give_up(body);
            }
        };
        if let Some(clean) = clean {
            put_back(body, &clean, headers);
        }
    }

    /// The text of a document with its personal values replaced; `None` if there are none.
    fn json(&mut self, document: &Document, found: &[Found]) -> Option<String> {
        let text = document.text();
        let mut places = None;
        let mut clean = String::new();
        let mut copied = 0;
        for found in found {
            let Some(value) = document.value_at(found.place) else { continue };
            let Some(new) = self.value(value, found) else { continue };
            let places = places.get_or_insert_with(|| literals(text));
            let (start, end) = *places.get(found.place as usize)?;
            clean.push_str(text.get(copied..start as usize)?);
            clean.push_str(&new);
            copied = end as usize;
        }
        (copied > 0).then(|| clean + &text[copied..])
    }

    /// The literal that takes the place of a value; `None` if it stays.
    fn value(&mut self, value: Value<'_>, found: &Found) -> Option<String> {
        if let Some(number) = value.as_number() {
            if self.personal.stays(found, number, self.memory) {
                return None;
            }
            let clean = self.personal.pseudonyms.number(number);
            self.memory.tally.add(&found.label, &clean);
            return Some(clean).filter(|clean| clean != number);
        }
        let text = value.as_str()?;
        let clean = if !found.is_personal() {
            let label = format!("(again) {}", found.name);
            if is_text(&found.name) { self.searched(text, true, &label)? } else { self.addresses(text, &label)? }
        } else if self.personal.stays(found, text, self.memory) || text.trim().is_empty() {
            return None;
        } else {
            let mut clean = self.personal.pseudonyms.of(text, self.host);
            // What is none of the options does not become one.
            for _ in 0..MOST_STEPS {
                if clean == text || !self.personal.stays(found, &clean, self.memory) {
                    break;
                }
                clean = self.personal.pseudonyms.of(&clean, self.host);
            }
            self.memory.tally.add(&found.label, &clean);
            clean
        };
        // A string in quotes always serialises; were it not to, nothing of it would be written.
        let quoted = serde_json::to_string(&clean).unwrap_or_default();
        (clean != text).then(|| quoted.get(1..quoted.len().saturating_sub(1)).unwrap_or_default().to_owned())
    }
}
