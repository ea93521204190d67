//! HAR 1.2, in and out: recordings that browsers and other proxies read and make.
//!
//! ```text
//! Exchange ─► write ─► {"log": {"entries": [ … ]}} ─► read ─► Exchange
//! ```
//!
//! What HAR has no place for (how a body ended, failures, nanoseconds, the Base URI) stands in `_umpire` members, which
//! other programs ignore, so that a round trip through HAR loses nothing. `captures/README.md` lists the mapping.

mod address;
pub(super) mod body;
mod cookies;
mod entry;
mod fields;
mod lenient_value;
mod mend;
mod part;
mod read;
mod json_scanner;
mod survey;
mod text;
mod time;
mod url;
mod write;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::exchange::{Header, Headers, OmittedFields, RewrittenLink, Simulated, Simulator};
/// What reads members of whatever type, for other formats.
pub(super) mod lenient {
    pub(in crate::capture) use super::address::{Address, method};
    pub(in crate::capture) use super::fields::{LenientFields, MessageParts, headers_of};
    pub(in crate::capture) use super::lenient_value::LenientValue;
    pub(in crate::capture) use super::mend::mend;
    pub(in crate::capture) use super::part::{BodyText, ObjectMember};
    pub(in crate::capture) use super::text::{ContentText, written};
    pub(in crate::capture) use super::time::instant;
}
pub(super) use read::open;
pub use read::read;
pub(crate) use write::HarWriter;
pub use write::write;

/// `_umpire` of the log.
#[derive(Debug, Default, Serialize, Deserialize)]
struct LogExtra {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    base_uri: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    also_base_uris: Vec<String>,
    created: String,
    /// Name of what was replaced in all entries.
    #[serde(default)]
    redaction: String,
}

/// `_umpire` of an entry.
#[derive(Debug, Default, Serialize, Deserialize)]
struct EntryExtra {
    id: u64,
    /// Present only if the URL of the request does not split into them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    origin: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    target: Option<String>,
    /// Nanoseconds since the start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sent_ns: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    first_byte_ns: Option<u64>,
    total_ns: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    failure: Option<FailureExtra>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    rewritten: Vec<RewrittenExtra>,
    /// Who made the answer in the booking system's place, where somebody did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    simulated: Option<SimulatedExtra>,
    /// Which header fields the recording leaves out, where it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    request_headers_omitted: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    response_headers_omitted: Option<String>,
    #[serde(default, skip_serializing_if = "BodyExtra::is_plain")]
    request_body: BodyExtra,
    #[serde(default, skip_serializing_if = "BodyExtra::is_plain")]
    response_body: BodyExtra,
}

/// A failure, with the stable name of its kind.
#[derive(Debug, Default, Serialize, Deserialize)]
struct FailureExtra {
    kind: String,
    detail: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    answered: Option<u16>,
}

/// Who made an answer in the booking system's place, by stable name.
#[derive(Debug, Default, Clone, Serialize, Deserialize)]
pub(super) struct SimulatedExtra {
    by: String,
    #[serde(default)]
    detail: String,
}

impl From<&Simulated> for SimulatedExtra {
    fn from(simulated: &Simulated) -> Self {
        Self { by: simulated.by.as_str().to_owned(), detail: simulated.detail.clone() }
    }
}

impl SimulatedExtra {
    /// The error is the name that is unknown.
    pub(super) fn read(&self) -> Result<Simulated, String> {
        let by = Simulator::from_name(&self.by).ok_or_else(|| self.by.clone())?;
        Ok(Simulated { by, detail: self.detail.clone() })
    }
}

/// A link that was rewritten on its way to the broker.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct RewrittenExtra {
    at: String,
    sent: String,
    given: String,
}

impl From<&RewrittenLink> for RewrittenExtra {
    fn from(link: &RewrittenLink) -> Self {
        Self { at: link.at.clone(), sent: link.sent.clone(), given: link.given.clone() }
    }
}

impl From<&RewrittenExtra> for RewrittenLink {
    fn from(link: &RewrittenExtra) -> Self {
        Self { at: link.at.clone(), sent: link.sent.clone(), given: link.given.clone() }
    }
}

/// What a body's text does not say. Nothing, for a complete one without content coding.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct BodyExtra {
    /// Bytes on the wire, where other than the bytes kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) length: Option<u64>,
    /// How it ended, where not complete.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) end: Option<String>,
    /// The coded bytes in base64, where the text is the decoded form.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) wire: Option<String>,
    /// The text holds the coded bytes themselves, because they can't be decoded.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) coded: bool,
    /// Trailer fields that came behind it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) trailers: Vec<HarField>,
}

/// A header or trailer field.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct HarField {
    pub(super) name: String,
    pub(super) value: String,
}

/// The fields as they stand in JSON.
pub(super) fn to_fields(headers: &Headers) -> Vec<HarField> {
    let field = |Header { name, value }: &Header| HarField { name: name.clone(), value: value_to_text(value) };
    headers.0.iter().map(field).collect()
}

/// The way back.
pub(super) fn from_fields(fields: Vec<HarField>) -> Headers {
    fields.into_iter().map(|HarField { name, value }| (name, text_to_value(value))).collect()
}

/// The name of what is left out; `None` for nothing.
pub(super) fn omitted_name(headers: &Headers) -> Option<String> {
    (headers.1 != OmittedFields::Nothing).then(|| headers.1.as_str().to_owned())
}

/// The way back.
pub(super) fn omitted_from_name(name: Option<&str>) -> Result<OmittedFields, String> {
    name.map_or(Ok(OmittedFields::Nothing), |name| {
        OmittedFields::from_name(name).ok_or_else(|| format!("what its header fields leave out is unknown: {name:?}"))
    })
}

impl BodyExtra {
    fn is_plain(&self) -> bool {
        *self == Self::default()
    }
}

/// A header value in JSON: each byte a character of the same number, as HTTP's old ISO 8859-1.
pub(super) fn value_to_text(value: &[u8]) -> String {
    match std::str::from_utf8(value) {
        Ok(text) if text.is_ascii() => text.to_owned(),
        _ => value.iter().map(|&byte| char::from(byte)).collect(),
    }
}

/// The way back. Text that goes beyond ISO 8859-1 was decoded by the program that recorded it: UTF-8.
pub(super) fn text_to_value(text: String) -> Bytes {
    if text.is_ascii() {
        return Bytes::from(text);
    }
    let narrow: Option<Vec<u8>> = text.chars().map(|character| u8::try_from(character).ok()).collect();
    narrow.map_or_else(|| Bytes::from(text), Bytes::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_bytes_of_a_header_read_back() {
        let all: Vec<u8> = (0..=255).collect();
        for value in [&all[..], b"plain", "caf\u{e9}".as_bytes(), b"\xff"] {
            assert_eq!(text_to_value(value_to_text(value)), value);
        }
        assert_eq!(text_to_value("\u{4e2d}".to_owned()), "\u{4e2d}".as_bytes());
    }
}
