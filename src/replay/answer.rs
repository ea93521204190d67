//! A recorded answer as the present client gets it: its own values in place of the recorded ones, at another time.
//!
//! ```text
//! recorded answer ─► decoded ─► strings edited where they stand ─► coded as it was ─► fields that are true of it
//! ```

use std::ops::Range;

use bytes::Bytes;
use jiff::Timestamp;

use super::time::{self, later};
use crate::exchange::{Headers, OmittedFields, encode};
use crate::json::{Document, Value, escape};
use crate::shape::{Bindings, replace_uuids};

/// How much later everything is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shift {
    /// Seconds between the recording and the replay.
    pub seconds: i64,
    /// When the recorded answer was given.
    pub recorded: Timestamp,
    /// Now.
    pub now: Timestamp,
}

impl Shift {
    /// A date that counts from now on: as long after now as it was after the recorded answer.
    fn seconds_since_recorded(&self) -> i64 {
        time::seconds_between(self.recorded, self.now)
    }
}

/// What replaces what in an answer.
#[derive(Clone, Copy)]
pub(crate) struct AnswerChanges<'c> {
    /// What the client chose.
    pub bindings: Option<&'c Bindings>,
    /// The present Order UUID for a recorded one.
    pub order: &'c dyn Fn(u128) -> Option<String>,
    /// Another time, if it is to be.
    pub shift: Option<Shift>,
}

/// A stretch of a text, and what comes in its place.
pub(crate) type TextEdit = (Range<usize>, String);

impl AnswerChanges<'_> {
    /// The edits of a JSON document below a value, whose pointer is given. `keeps_time` are pointers of parts whose times stay.
    pub(crate) fn edits(&self, value: Value<'_>, pointer: &str, edits: &mut Vec<TextEdit>) {
        self.walk(value, &mut pointer.to_owned(), "", "", edits);
    }

    fn walk(&self, value: Value<'_>, pointer: &mut String, party: &str, name: &str, edits: &mut Vec<TextEdit>) {
        let length = pointer.len();
        if let Some(text) = value.as_str() {
            if let Some(place) = value.literal_place()
                && let Some(changed) = self.string(party, pointer, name, text)
            {
                let written = crate::json::write_escaped(&changed);
                edits.push((place, written));
            }
            return;
        }
        for (index, item) in value.items().enumerate() {
            pointer.push('/');
            pointer.push_str(&index.to_string());
            self.walk(item, pointer, party, name, edits);
            pointer.truncate(length);
        }
        for (name, member) in value.entries() {
            let party = match name {
                "customer" | "attendee" | "broker" | "payment" if party.is_empty() => name,
                _ => party,
            };
            pointer.push('/');
            pointer.push_str(&escape(name));
            self.walk(member, pointer, party, name, edits);
            pointer.truncate(length);
        }
    }

    /// What a string becomes; `None` if it stays.
    fn string(&self, party: &str, pointer: &str, name: &str, text: &str) -> Option<String> {
        if let Some(present) = self.bindings.and_then(|bindings| bindings.leaf(party, pointer, text)) {
            return (present != text).then(|| present.to_owned());
        }
        if let Some(shift) = &self.shift
            && !matches!(name, "@id" | "id")
        {
            let seconds = if name == "leaseExpires" { shift.seconds_since_recorded() } else { shift.seconds };
            if let Some(shifted) = later(text, seconds) {
                return Some(shifted);
            }
        }
        self.text(text)
    }

    /// What a text becomes in which identifiers may stand.
    fn text(&self, text: &str) -> Option<String> {
        let words = self.bindings.filter(|bindings| !bindings.changes_no_words()).and_then(|all| all.within(text));
        replace_uuids(words.as_deref().unwrap_or(text), self.order).or(words)
    }

    /// The header fields, for content that was changed or not.
    pub(super) fn fields(&self, recorded: &Headers, length: Option<usize>, is_changed: bool) -> Headers {
        let mut fields = Headers(Vec::with_capacity(recorded.0.len()), OmittedFields::Nothing);
        for field in &recorded.0 {
            let name = field.name.to_ascii_lowercase();
            if HOP_BY_HOP.contains(&name.as_str()) || is_changed && DIGESTS.contains(&name.as_str()) {
                continue;
            }
            let text = std::str::from_utf8(&field.value).ok();
            let changed = match (name.as_str(), text, &self.shift) {
                ("content-length", _, _) => length.map(|length| length.to_string()),
                ("date", Some(_), Some(shift)) => Some(time::http_date(shift.now)),
                ("expires" | "retry-after", Some(text), Some(shift)) => shifted(text, shift.seconds_since_recorded()),
                ("last-modified", Some(text), Some(shift)) => shifted(text, shift.seconds),
                ("location" | "content-location" | "link", Some(text), _) => self.text(text),
                _ => None,
            };
            fields.push(field.name.clone(), changed.map_or_else(|| field.value.clone(), Bytes::from));
        }
        fields
    }
}

/// Fields of the recorded connection, not of the answer (RFC 9110 section 7.6.1).
const HOP_BY_HOP: [&str; 6] =
    ["connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade", "proxy-authenticate"];

/// Fields that are no longer true of changed content.
const DIGESTS: [&str; 4] = ["content-md5", "digest", "content-digest", "repr-digest"];

fn shifted(text: &str, seconds: i64) -> Option<String> {
    let at = time::from_http_date(text)?;
    at.checked_add(jiff::SignedDuration::from_secs(seconds)).ok().map(time::http_date)
}

/// The text of a document with edits in it, which are in the order of the text.
pub(crate) fn edited(document: &Document, edits: &[TextEdit]) -> Vec<u8> {
    let text = document.text();
    let mut out = Vec::with_capacity(text.len() + 256);
    let mut done = 0;
    for (place, by) in edits {
        out.extend_from_slice(&text.as_bytes()[done..place.start]);
        out.extend_from_slice(by.as_bytes());
        done = place.end;
    }
    out.extend_from_slice(&text.as_bytes()[done..]);
    out
}

/// Content in the codings that the recorded answer had; `None` where they can't be made.
pub(super) fn coded(content: Vec<u8>, recorded: &Headers) -> Option<Bytes> {
    encode(&content, recorded).map(Bytes::from)
}
