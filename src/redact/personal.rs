//! Personal data replaced by pseudonyms of the same form.
//!
//! ```text
//! Exchange (without secrets) ─► both bodies read ─► personal values noted (places) ─┬─► replaced where they stand (form)
//!                                                                                  └─► and wherever they turn up again
//! body that is no JSON or form ─► every letter and digit replaced      body that can't be read ─► dropped, marked as cut
//! ```
//!
//! Equal values have equal pseudonyms within a recording, and the form stays: a redacted recording is judged like the
//! original. Values are found again from the exchange on in which they first stood as what they are, or throughout where
//! the recording was learnt before.

mod again;
mod edits;
mod form;
mod named;
mod names;
mod places;
mod read;
mod shuffle;
mod tally;
mod within;
mod work;

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, PoisonError};

use ring::hmac;

use crate::exchange::{Body, Exchange, Headers};
use crate::json::Document;
use again::{KnownPersonalValues, decoded};
use form::Pseudonyms;
use read::{BodyContent, FoundValue, ReadBody};
pub use tally::FieldCount;
use tally::FieldTally;
use work::ExchangeRedactor;

/// Most fields of intake forms whose options are remembered; past it no new ones are, and answers to those are replaced
/// like any text.
const MOST_FORMS: usize = 10_000;

/// What is personal beyond what the models say, and what is not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PersonalFields {
    names: HashSet<String>,
    pointers: Vec<Vec<String>>,
    kept: HashSet<String>,
}

impl PersonalFields {
    /// Adds a field whose text is personal: a JSON pointer into bodies (`/orderedItem/*/acme:note`, `*` for any member
    /// or element), or the name of a member, parameter or header field wherever it stands. Everything below it counts.
    pub fn add(&mut self, field: &str) {
        match field.strip_prefix('/') {
            Some(pointer) => self.pointers.push(pointer.split('/').map(str::to_owned).collect()),
            None => drop(self.names.insert(places::normal(field))),
        }
    }

    /// Leaves a value as it is wherever it is the whole of a field: one that organisations agreed on.
    pub fn keep(&mut self, value: &str) {
        self.kept.insert(value.to_owned());
    }

    /// True for a field that was added. `name` is normal; `path` leads to it.
    fn says(&self, name: &str, path: &[Cow<'_, str>]) -> bool {
        let fits = |pointer: &Vec<String>| {
            pointer.len() == path.len() && pointer.iter().zip(path).all(|(step, here)| step == "*" || step == here)
        };
        self.names.contains(name) || self.pointers.iter().any(fits)
    }
}

/// Replaces the personal data of a recording, one exchange after the other.
pub(super) struct Personal {
    fields: PersonalFields,
    pseudonyms: Pseudonyms,
    memory: Mutex<KnownPersonalData>,
}

/// What is remembered of a recording.
#[derive(Default)]
struct KnownPersonalData {
    again: KnownPersonalValues,
    /// The options of each field of a form, by its `@id`.
    options: HashMap<String, HashSet<String>>,
    tally: FieldTally,
}

impl KnownPersonalData {
    /// Takes up a value of a person.
    fn note(&mut self, text: &str, words: &mut Vec<Box<str>>) {
        if let Some(word) = self.again.remember(text)
            && !words.iter().any(|known| **known == *word)
        {
            words.push(word.into());
        }
    }
}

impl Personal {
    pub(super) fn new(key: hmac::Key, fields: PersonalFields) -> Self {
        Self { fields, pseudonyms: Pseudonyms::new(key), memory: Mutex::default() }
    }

    /// What has been replaced so far, by field.
    pub(super) fn counts(&self) -> Vec<FieldCount> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner).tally.counts()
    }

    /// Takes up what an exchange says of people and of forms, so that it counts for exchanges before it too.
    pub(super) fn learn(&self, exchange: &Exchange) {
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        for read in self.bodies(exchange) {
            self.note(&read.content, &mut memory, &mut Vec::new());
        }
    }

    /// Both bodies, read.
    fn bodies(&self, exchange: &Exchange) -> [ReadBody; 2] {
        let request = ReadBody::of(&exchange.request.body, &exchange.request.headers, false, &self.fields);
        let from_get = exchange.request.method == "GET";
        let (none, no_fields) = (Body::empty(), Headers::default());
        let response = exchange.response.as_ref();
        let (body, headers) = response.map_or((&none, &no_fields), |response| (&response.body, &response.headers));
        [request, ReadBody::of(body, headers, from_get, &self.fields)]
    }

    /// The exchange without personal data.
    pub(super) fn redact(&self, exchange: &mut Exchange) {
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        memory.tally.next_exchange();
        let host = exchange.origin.split_once("://").map_or("", |(_, authority)| host(authority)).to_owned();
        let [request, response] = self.bodies(exchange);
        let mut words = Vec::new();
        for read in [&request, &response] {
            self.note(&read.content, &mut memory, &mut words);
        }
        let words: Vec<&str> = words.iter().map(AsRef::as_ref).collect();
        let length = exchange.request.body.bytes.len() + exchange.response.as_ref().map_or(0, |it| it.body.bytes.len());
        let mut work = ExchangeRedactor::new(self, &mut memory, &words, &host, length);
        work.target(&mut exchange.request.target);
        work.headers(&mut exchange.request.headers);
        work.headers(&mut exchange.request.body.trailers);
        work.body(&mut exchange.request.body, &exchange.request.headers, &request);
        if let Some(sent) = &mut exchange.response {
            work.text(&mut sent.reason, "reason phrase");
            work.headers(&mut sent.headers);
            work.headers(&mut sent.body.trailers);
            work.body(&mut sent.body, &sent.headers, &response);
        }
        for link in &mut exchange.rewritten {
            for text in [&mut link.at, &mut link.sent, &mut link.given] {
                work.text(text, "rewritten link");
            }
        }
        if let Some(failure) = &mut exchange.failure {
            work.text(&mut failure.detail, "failure");
        }
    }

    /// Takes up the values of a body, to be found again, and the options of the forms in it.
    fn note(&self, content: &BodyContent, memory: &mut KnownPersonalData, words: &mut Vec<Box<str>>) {
        match content {
            BodyContent::Json(document, found) => self.note_document(document, found, memory, words),
            BodyContent::Form(text) => {
                let pairs = text.split('&').filter_map(|pair| pair.split_once('='));
                for (_, value) in pairs.filter(|(name, _)| names::is_personal_parameter(&decoded(name, true))) {
                    memory.note(&decoded(value, true), words);
                }
            }
            _ => {}
        }
    }

    /// Takes up the values of a JSON document, and the options of the forms in it.
    fn note_document(
        &self,
        document: &Document,
        found: &[FoundValue],
        memory: &mut KnownPersonalData,
        words: &mut Vec<Box<str>>,
    ) {
        for form in document.root().named_below("orderItemIntakeForm") {
            for field in form.items() {
                let Some(id) = field.get("@id").and_then(crate::json::Value::as_str) else { continue };
                if memory.options.len() >= MOST_FORMS && !memory.options.contains_key(id) {
                    continue;
                }
                let options = field.get("valueOption").into_iter().flat_map(crate::json::Value::items);
                let options = options.filter_map(crate::json::Value::as_str).map(str::to_owned);
                memory.options.entry(id.to_owned()).or_default().extend(options);
            }
        }
        for personal in found.iter().filter(|found| found.is_personal()) {
            let Some(value) = document.value_at(personal.place) else { continue };
            let Some(text) = value.as_str().or_else(|| value.as_number()) else { continue };
            if !self.stays(personal, text, memory) {
                memory.note(text, words);
            }
        }
        // JSON in a string of JSON.
        for text in found.iter().filter(|found| !found.is_personal() && !found.is_name) {
            let text = document.value_at(text.place).and_then(crate::json::Value::as_str);
            if let Some(inner) = text.and_then(work::whole) {
                self.note_document(&inner, &read::find(&inner, &self.fields), memory, words);
            }
        }
        for person in found.iter().filter_map(|found| found.person.and_then(|place| document.value_at(place))) {
            let name = |name: &str| person.get(name).and_then(crate::json::Value::as_str).map(str::trim);
            if let (Some(given), Some(family)) = (name("givenName"), name("familyName")) {
                memory.again.remember_pair(given, family);
            }
        }
    }

    /// True for a value that is personal by its place and stays all the same: a choice among options, a term, what stands
    /// in place of a secret, what organisations agreed on.
    fn stays(&self, found: &read::FoundValue, text: &str, memory: &KnownPersonalData) -> bool {
        let is_option = || {
            let options = found.answers.as_deref().and_then(|field| memory.options.get(field));
            options.is_some_and(|options| options.contains(text))
        };
        places::is_term(&found.name, text)
            || self.fields.kept.contains(text)
            || super::is_mask(text.as_bytes())
            || is_option()
    }
}

/// True for a UUID in its usual form.
pub(super) fn is_uuid(text: &[u8]) -> bool {
    std::str::from_utf8(text).is_ok_and(form::is_uuid)
}

/// The host of an authority, without user-info and port.
fn host(authority: &str) -> &str {
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    match host.rfind(':') {
        Some(colon) if host[colon + 1..].bytes().all(|byte| byte.is_ascii_digit()) => &host[..colon],
        _ => host,
    }
}
