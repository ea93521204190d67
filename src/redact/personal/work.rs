//! One exchange rewritten: target, header fields, bodies.
//!
//! `ReadBody + what was noted → the same bytes with pseudonyms in their places`

use bytes::Bytes;

use super::super::{give_up, put_back};
use super::again::{decoded, emails, encoded};
use super::edits::{PersonalEdit, apply, merged};
use super::names::{is_personal_field, is_personal_parameter};
use super::places::{is_text, normal};
use super::read::{BodyContent, FoundValue, ReadBody, literals};
use super::{KnownPersonalData, Personal};
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

/// Replaces the personal data of one exchange.
pub(super) struct ExchangeRedactor<'w> {
    pub(super) personal: &'w Personal,
    pub(super) memory: &'w mut KnownPersonalData,
    /// Words of this exchange that are looked for in its texts.
    pub(super) words: &'w [&'w str],
    /// The booking system's host.
    pub(super) host: &'w str,
    /// Bytes that may still be decoded to be looked into.
    pub(super) budget: usize,
}

/// How much is looked for in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SearchScope {
    /// E-mail addresses and what the text itself names, and nothing else: what rules compare stays comparable with what was
    /// recorded before a value was known.
    Addresses,
    /// The values of people, too.
    Values,
    /// And words of this exchange's people.
    Words,
}

/// Decoded bytes that an exchange may take, as a multiple of its bodies.
const MOST_DECODED: usize = 8;

/// The same for short bodies.
const LEAST_DECODED: usize = 1 << 20;

impl<'w> ExchangeRedactor<'w> {
    /// The work on an exchange whose bodies have so many bytes.
    pub(super) fn new(
        personal: &'w Personal,
        memory: &'w mut KnownPersonalData,
        words: &'w [&'w str],
        host: &'w str,
        length: usize,
    ) -> Self {
        let budget = length.saturating_mul(MOST_DECODED).max(LEAST_DECODED);
        Self { personal, memory, words, host, budget }
    }

    /// The pseudonym of a whole value, counted under a label.
    fn pseudonym(&mut self, value: &str, label: &str) -> String {
        let clean = self.personal.pseudonyms.of(value, self.host);
        self.memory.tally.add(label, &clean);
        clean
    }

    /// The text with what turned up again replaced; `None` if there is nothing of it.
    fn searched(&mut self, text: &str, known: SearchScope, label: &str) -> Option<String> {
        let edits = self.edits(text, known, 0);
        let clean = apply(text, &edits)?;
        self.memory.tally.add(label, &clean);
        Some(clean)
    }

    /// A text that is no part of a body.
    pub(super) fn text(&mut self, text: &mut String, label: &str) {
        if let Some(clean) = self.searched(text, SearchScope::Words, &format!("(again) {label}")) {
            *text = clean;
        }
    }

    /// Path and query.
    pub(super) fn target(&mut self, target: &mut String) {
        let (path, query) = match target.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (target.as_str(), None),
        };
        let mut clean = self.searched(path, SearchScope::Values, "(again) URL").unwrap_or_else(|| path.to_owned());
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
                Some((name, value)) => {
                    let value = self.parameter(name, value, label);
                    // A name may hold an address, too.
                    let clean = self.searched(name, SearchScope::Addresses, &format!("(again) {label}"));
                    format!("{}={value}", clean.as_deref().unwrap_or(name))
                }
                None => self
                    .searched(pair, SearchScope::Values, &format!("(again) {label}"))
                    .unwrap_or_else(|| pair.to_owned()),
            })
            .collect();
        pairs.join("&")
    }

    fn parameter(&mut self, name: &str, value: &str, label: &str) -> String {
        let plain_name = decoded(name, true);
        let told = self.personal.fields.names.contains(&normal(&plain_name));
        let plain = decoded(value, true);
        if !(told || is_personal_parameter(&plain_name)) || super::super::is_mask(value.as_bytes()) {
            let again = format!("(again) {label}");
            let blank = if value.contains("%20") { "%20" } else { "+" };
            // JSON, of which a plus is a blank.
            if let Some(clean) = whole(&plain).and_then(|document| self.document(&document, 1)) {
                self.memory.tally.add(&again, &clean);
                return encoded(&clean, blank);
            }
            return self.searched(value, SearchScope::Values, &again).unwrap_or_else(|| value.to_owned());
        }
        let clean = self.pseudonym(&plain, &format!("{label} {name}"));
        encoded(&clean, if value.contains("%20") { "%20" } else { "+" })
    }

    /// The value of a header field that is personal: JSON, or a text of which everything is replaced, addresses as elsewhere.
    fn field(&mut self, value: &str, label: &str) -> String {
        if whole(value).is_some() {
            return self.searched(value, SearchScope::Values, label).unwrap_or_else(|| value.to_owned());
        }
        let mut clean = String::with_capacity(value.len());
        let mut copied = 0;
        for PersonalEdit { range, with } in merged(emails(value, &self.personal.pseudonyms)) {
            clean += &self.personal.pseudonyms.of(&value[copied..range.start], self.host);
            clean += &with;
            copied = range.end;
        }
        clean += &self.personal.pseudonyms.of(&value[copied..], self.host);
        self.memory.tally.add(label, &clean);
        clean
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
            let told = self.personal.fields.names.contains(&normal) || is_personal_field(&field.name);
            let label = format!("header {}", field.name.to_ascii_lowercase());
            let clean = if ADDRESSES.contains(&normal.as_str()) {
                let clean = self.personal.pseudonyms.addresses(value);
                self.memory.tally.add(&label, &clean);
                Some(clean)
            } else if told && !super::super::is_mask(value.as_bytes()) {
                Some(self.field(value, &label))
            } else if is_secret_field(&field.name) || PROTOCOL.contains(&normal.as_str()) {
                None
            } else {
                self.searched(value, SearchScope::Values, &format!("(again) {label}"))
            };
            if let Some(clean) = clean {
                field.value = Bytes::from(clean);
            }
        }
    }

    /// A body, from what was read of it.
    pub(super) fn body(&mut self, body: &mut Body, headers: &Headers, read: &ReadBody) {
        let clean = match &read.content {
            BodyContent::Nothing | BodyContent::Page => return,
            BodyContent::Json(document, found) => self.json(document, found, 0).map(String::into_bytes),
            BodyContent::Form(text) => {
                Some(self.pairs(text, "form")).filter(|clean| clean != text).map(String::into_bytes)
            }
            BodyContent::Unread(text) => {
                self.memory.tally.add("(body that is no JSON, as a whole)", "");
                Some(self.personal.pseudonyms.unread(text))
            }
            BodyContent::Undecoded(text) => {
                self.memory.tally.add("(body that can't be decoded, as a whole)", "");
                body.bytes = Bytes::from(self.personal.pseudonyms.unread(text));
                return;
            }
            BodyContent::Unreadable => {
                self.memory.tally.add("(body that can't be read, dropped)", "");
                return give_up(body);
            }
        };
        match clean.map(|clean| read.pack(clean)) {
            Some(Some(packed)) => put_back(body, packed, headers),
            Some(None) => give_up(body),
            None => {}
        }
    }

    /// A document that stands in a text, with its personal values replaced; `None` if there are none.
    pub(super) fn document(&mut self, document: &Document, level: u8) -> Option<String> {
        let found = super::read::find(document, &self.personal.fields);
        self.personal.note_document(document, &found, self.memory, &mut Vec::new());
        self.json(document, &found, level)
    }

    /// The text of a document with its personal values replaced; `None` if there are none.
    fn json(&mut self, document: &Document, found: &[FoundValue], level: u8) -> Option<String> {
        let text = document.text();
        let mut places = None;
        let mut clean = String::new();
        let mut copied = 0;
        for found in found {
            let Some(value) = document.value_at(found.place) else { continue };
            let Some(new) = self.value(value, found, level) else { continue };
            let places = places.get_or_insert_with(|| literals(text));
            let (start, end) = *places.get(found.place as usize)?;
            clean.push_str(text.get(copied..start as usize)?);
            clean.push_str(&new);
            copied = end as usize;
        }
        (copied > 0).then(|| clean + &text[copied..])
    }

    /// The literal that takes the place of a value; `None` if it stays.
    fn value(&mut self, value: Value<'_>, found: &FoundValue, level: u8) -> Option<String> {
        if let Some(number) = value.as_number() {
            if self.personal.stays(found, number, self.memory) {
                return None;
            }
            let clean = self.personal.pseudonyms.number(number);
            self.memory.tally.add(&found.label, &clean);
            return Some(clean).filter(|clean| clean != number);
        }
        let text = value.as_str()?;
        let clean = if found.is_name {
            self.member_name(text, level)?
        } else if !found.is_personal() {
            let known = if is_text(&found.name) { SearchScope::Words } else { SearchScope::Addresses };
            let edits = self.edits(text, known, level);
            let clean = apply(text, &edits)?;
            self.memory.tally.add(&format!("(again) {}", found.name), &clean);
            clean
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

    /// The name of a member that holds an e-mail address, or is the name of somebody of this exchange.
    fn member_name(&mut self, name: &str, level: u8) -> Option<String> {
        let is_word = self.words.iter().any(|word| **word == *name) && name.starts_with(char::is_uppercase);
        let clean = if is_word {
            self.personal.pseudonyms.of(name, self.host)
        } else {
            let edits = self.edits(name, SearchScope::Values, level);
            apply(name, &edits)?
        };
        self.memory.tally.add("(again) names of members", &clean);
        Some(clean)
    }
}

/// A text that is JSON as a whole, an object or a list.
pub(super) fn whole(text: &str) -> Option<Document> {
    let text = text.trim_start();
    if !text.starts_with(['{', '[']) {
        return None;
    }
    Document::parse_str(text).ok()
}
