//! Bodies in HAR: text (decoded, if there is a content coding) or base64.
//!
//! ```text
//! Body ─► describe ─► text, encoding, size + BodyExtra ─► restore ─► Body
//! foreign text ─► restore ─► Body in the coding that its header names, so that it is decoded once, like any other
//! ```

use base64::Engine;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use base64::{alphabet, engine::DecodePaddingMode};
use bytes::Bytes;

use super::{BodyExtra, from_fields, to_fields};
use crate::capture::coding::{codings, encode};
use crate::capture::{end_from_name, end_name};
use crate::exchange::{Body, BodyEnd, Headers, decode};
use crate::json::Document;

/// A body as HAR says it.
pub(in crate::capture) struct Described {
    /// The text; empty if nothing was kept.
    pub(in crate::capture) text: String,
    /// The text is base64.
    pub(in crate::capture) base64: bool,
    /// Bytes of the decoded content, as far as known.
    pub(in crate::capture) size: u64,
    /// What the text does not say.
    pub(in crate::capture) extra: BodyExtra,
}

pub(in crate::capture) fn describe(body: &Body, headers: &Headers) -> Described {
    let mut extra = BodyExtra {
        length: (body.length != body.bytes.len() as u64).then_some(body.length),
        end: (body.end != BodyEnd::Complete).then(|| end_name(body.end).to_owned()),
        trailers: to_fields(&body.trailers),
        ..BodyExtra::default()
    };
    let whole_size = body.length;
    if body.bytes.is_empty() || codings(headers).is_empty() {
        let (text, base64) = to_text(&body.bytes);
        return Described { text, base64, size: whole_size, extra };
    }
    if let Ok(content) = decode(&body.bytes, headers) {
        extra.wire = Some(STANDARD.encode(&body.bytes));
        let (text, base64) = to_text(&content);
        return Described { text, base64, size: content.len() as u64, extra };
    }
    extra.coded = true;
    Described { text: STANDARD.encode(&body.bytes), base64: true, size: whole_size, extra }
}

fn to_text(bytes: &[u8]) -> (String, bool) {
    std::str::from_utf8(bytes).map_or_else(|_| (STANDARD.encode(bytes), true), |text| (text.to_owned(), false))
}

/// What an entry says of a body.
pub(in crate::capture) struct Found<'e> {
    /// The text, if there is one.
    pub(in crate::capture) text: Option<String>,
    /// The text is base64.
    pub(in crate::capture) base64: bool,
    /// Bytes of the decoded content, where the entry says.
    pub(in crate::capture) size: Option<u64>,
    /// Bytes on the wire, where the entry says.
    pub(in crate::capture) wire_size: Option<u64>,
    /// The message has no body by definition, whatever sizes are given (answers to HEAD, 204, 304).
    pub(in crate::capture) bodyless: bool,
    /// Header fields of the message.
    pub(in crate::capture) headers: &'e Headers,
}

/// The body of an entry that this program wrote.
pub(in crate::capture) fn restore_own(found: Found<'_>, extra: BodyExtra) -> Result<Body, String> {
    let bytes = match &extra.wire {
        Some(wire) => Bytes::from(from_base64(wire)?),
        None if extra.coded => content(found.text, found.base64)?,
        None => coded(content(found.text, found.base64)?, false, found.headers),
    };
    let end = match &extra.end {
        None => BodyEnd::Complete,
        Some(name) => end_from_name(name).ok_or_else(|| format!("the end of a body is unknown: {name:?}"))?,
    };
    let length = extra.length.unwrap_or(bytes.len() as u64);
    Ok(Body { bytes, length, end, trailers: from_fields(extra.trailers) })
}

/// The body of an entry that another program wrote. One that passed but was not kept, or not whole, counts as
/// truncated, so that nobody judges it.
pub(in crate::capture) fn restore_foreign(found: Found<'_>) -> Result<Body, String> {
    let Found { text, base64, size, wire_size, bodyless, headers } = found;
    let text = text.filter(|text| !text.is_empty());
    let declared = size.unwrap_or_default().max(wire_size.unwrap_or_default());
    if text.is_none() {
        let missing = declared > 0 && !bodyless;
        let end = if missing { BodyEnd::Truncated } else { BodyEnd::Complete };
        return Ok(Body { length: if missing { declared } else { 0 }, ..Body::ended("", end) });
    }
    let content = content(text, base64)?;
    // Sizes are often counted otherwise (characters, another charset): only a text that is no JSON either is cut off.
    if size.is_some_and(|size| size > content.len() as u64) && looks_cut_off(&content) {
        return Ok(Body { length: declared, ..Body::ended(content, BodyEnd::Truncated) });
    }
    Ok(Body::complete(coded(content, base64, headers)))
}

fn looks_cut_off(content: &[u8]) -> bool {
    let json = matches!(content.trim_ascii_start().first(), Some(b'{' | b'['));
    json && Document::parse(content).is_err()
}

/// HAR's text is the decoded content. Some programs put the coded bytes there: they can be told by not being text.
fn coded(content: Bytes, base64: bool, headers: &Headers) -> Bytes {
    if content.is_empty() || codings(headers).is_empty() {
        return content;
    }
    if base64 && std::str::from_utf8(&content).is_err() && decode(&content, headers).is_ok() {
        return content;
    }
    encode(&content, headers).map_or(content, Bytes::from)
}

fn content(text: Option<String>, base64: bool) -> Result<Bytes, String> {
    let text = text.unwrap_or_default();
    if base64 { from_base64(&text).map(Bytes::from) } else { Ok(Bytes::from(text)) }
}

fn from_base64(text: &str) -> Result<Vec<u8>, String> {
    /// Padding is left out by some programs.
    const LENIENT: GeneralPurpose = GeneralPurpose::new(
        &alphabet::STANDARD,
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
    );
    let broken = text.bytes().any(|byte| byte.is_ascii_whitespace());
    let decoded =
        if broken { LENIENT.decode(text.split_ascii_whitespace().collect::<String>()) } else { LENIENT.decode(text) };
    decoded.map_err(|error| format!("a body that should be base64 is not: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found<'e>(text: &str, headers: &'e Headers) -> Found<'e> {
        let text = Some(text.to_owned());
        Found { text, base64: false, size: None, wire_size: None, bodyless: false, headers }
    }

    #[test]
    fn a_decoded_text_is_put_back_into_its_coding() {
        let headers: Headers = [("Content-Encoding", "br")].into_iter().collect();
        let body = restore_foreign(found("{\"a\": 1}", &headers)).unwrap();
        assert_eq!(decode(&body.bytes, &headers).unwrap(), &b"{\"a\": 1}"[..]);
    }

    #[test]
    fn coded_bytes_are_told_from_decoded_ones() {
        let headers: Headers = [("Content-Encoding", "gzip")].into_iter().collect();
        let wire = encode(b"{\"a\": 1}", &headers).unwrap();
        let body = restore_foreign(Found { base64: true, ..found(&STANDARD.encode(&wire), &headers) }).unwrap();
        assert_eq!(body, Body::complete(wire));
    }

    #[test]
    fn what_was_not_kept_is_truncated() {
        let headers = Headers::default();
        let none = || Found { text: None, size: Some(120), ..found("", &headers) };
        let body = restore_foreign(none()).unwrap();
        assert_eq!((body.end, body.length), (BodyEnd::Truncated, 120));
        assert_eq!(restore_foreign(Found { bodyless: true, ..none() }).unwrap(), Body::empty());
        let cut = restore_foreign(Found { size: Some(50), ..found("{\"a\": [1, ", &headers) }).unwrap();
        assert_eq!((cut.end, cut.length), (BodyEnd::Truncated, 50));
        let whole = restore_foreign(Found { size: Some(50), ..found("{\"a\": [1]}", &headers) }).unwrap();
        assert_eq!(whole.end, BodyEnd::Complete);
    }

    #[test]
    fn base64_in_lines_and_without_padding() {
        assert_eq!(from_base64("AAEC\n Aw").unwrap(), [0, 1, 2, 3]);
        assert!(from_base64("{}").is_err());
    }
}
