//! Bodies in HAR: text (decoded, if there is a content coding) or base64.
//!
//! ```text
//! Body ─► describe ─► text, encoding, size + BodyExtra ─► restore ─► Body
//! foreign text ─► restore ─► Body in the coding that its header names, so that it is decoded once, like any other
//! ```

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;

use super::text::{from_base64, is_cut_off};

use super::{BodyExtra, from_fields, to_fields};
use crate::capture::{end_from_name, end_name};
use crate::exchange::{Body, BodyEnd, Headers, codings, decode, encode};

/// A body as HAR says it.
pub(in crate::capture) struct BodyDescription {
    /// The text; empty if nothing was kept.
    pub(in crate::capture) text: String,
    /// The text is base64.
    pub(in crate::capture) base64: bool,
    /// Bytes of the decoded content; `None` where not known.
    pub(in crate::capture) size: Option<u64>,
    /// What the text does not say.
    pub(in crate::capture) extra: BodyExtra,
}

pub(in crate::capture) fn describe(body: &Body, headers: &Headers) -> BodyDescription {
    let mut extra = BodyExtra {
        length: (body.length != body.bytes.len() as u64).then_some(body.length),
        end: (body.end != BodyEnd::Complete).then(|| end_name(body.end).to_owned()),
        trailers: to_fields(&body.trailers),
        ..BodyExtra::default()
    };
    let whole_size = body.known_length();
    if body.bytes.is_empty() || codings(headers).is_empty() {
        let (text, base64) = to_text(&body.bytes);
        return BodyDescription { text, base64, size: whole_size, extra };
    }
    if let Ok(content) = decode(&body.bytes, headers) {
        extra.wire = Some(STANDARD.encode(&body.bytes));
        let (text, base64) = to_text(&content);
        return BodyDescription { text, base64, size: Some(content.len() as u64), extra };
    }
    extra.coded = true;
    BodyDescription { text: STANDARD.encode(&body.bytes), base64: true, size: whole_size, extra }
}

fn to_text(bytes: &[u8]) -> (String, bool) {
    std::str::from_utf8(bytes).map_or_else(|_| (STANDARD.encode(bytes), true), |text| (text.to_owned(), false))
}

/// What an entry says of a body.
pub(in crate::capture) struct EntryBody<'e> {
    /// What its text stands for, if there is one.
    pub(in crate::capture) content: Option<Bytes>,
    /// The text was in an encoding of bytes, such as base64.
    pub(in crate::capture) binary: bool,
    /// Bytes of the decoded content, where the entry says.
    pub(in crate::capture) size: Option<u64>,
    /// Bytes on the wire, where the entry says.
    pub(in crate::capture) wire_size: Option<u64>,
    /// What the absence of a text means.
    pub(in crate::capture) without_text: WithoutText,
    /// Header fields of the message.
    pub(in crate::capture) headers: &'e Headers,
}

/// What it means that there is no text of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::capture) enum WithoutText {
    /// The message has no body by definition, whatever sizes are given (answers to HEAD, 204, 304).
    Bodyless,
    /// It has no body unless something says otherwise (GET, DELETE).
    Unusual,
    /// It may have one that isn't in the file.
    Unknown,
}

impl WithoutText {
    /// Of a request (RFC 9110 section 9.3).
    pub(in crate::capture) fn of_request(method: &str) -> Self {
        match method.to_ascii_uppercase().as_str() {
            "GET" | "HEAD" | "DELETE" | "OPTIONS" | "TRACE" | "CONNECT" => Self::Unusual,
            _ => Self::Unknown,
        }
    }

    /// Of the answer to a request (RFC 9112 section 6.3).
    pub(in crate::capture) fn of_response(method: &str, status: u16) -> Self {
        match status {
            100..=199 | 204 | 304 => Self::Bodyless,
            _ if method.eq_ignore_ascii_case("HEAD") => Self::Bodyless,
            _ => Self::Unknown,
        }
    }
}

/// The content that a text of this program's own stands for.
pub(in crate::capture) fn content(text: Option<String>, base64: bool) -> Result<Option<Bytes>, String> {
    text.map(|text| if base64 { bytes_of(&text) } else { Ok(Bytes::from(text)) }).transpose()
}

fn bytes_of(text: &str) -> Result<Bytes, String> {
    from_base64(text).map(Bytes::from).ok_or_else(|| "a body that should be base64 is none".to_owned())
}

/// The body of an entry that this program wrote.
pub(in crate::capture) fn restore_own(found: EntryBody<'_>, extra: BodyExtra) -> Result<Body, String> {
    let content = found.content.unwrap_or_default();
    let bytes = match &extra.wire {
        Some(wire) => bytes_of(wire)?,
        None if extra.coded => content,
        None => coded(content, false, found.headers),
    };
    let end = match &extra.end {
        None => BodyEnd::Complete,
        Some(name) => end_from_name(name).ok_or("the end of a body is unknown")?,
    };
    let length = extra.length.unwrap_or(bytes.len() as u64);
    Ok(Body { length, trailers: from_fields(extra.trailers), ..Body::ended(bytes, end) })
}

/// The body of an entry that another program wrote. One that isn't in the file, or not whole, is marked as such, so that
/// nobody judges it.
pub(in crate::capture) fn restore_foreign(found: EntryBody<'_>) -> Body {
    let EntryBody { content, binary, headers, .. } = &found;
    let Some(content) = content.clone().filter(|content| !content.is_empty()) else { return without_text(&found) };
    match longer(&found, &content) {
        // Sizes are often counted otherwise (characters, another charset): only a text that is no JSON either is cut off.
        Some(length) if is_cut_off(&content, headers) => Body { length, ..Body::ended(content, BodyEnd::Truncated) },
        _ => Body::complete(coded(content, *binary, headers)),
    }
}

/// The length of a body, where something says that it is longer than its text.
fn longer(found: &EntryBody<'_>, content: &Bytes) -> Option<u64> {
    let EntryBody { size, wire_size, headers, .. } = found;
    let (kept, said) = (content.len() as u64, content_length(headers));
    let is_coded = !codings(headers).is_empty();
    if said == Some(kept) && !is_coded {
        return None;
    }
    // Coded, a short text takes somewhat more room than plain.
    let most_coded = if is_coded { kept + kept / 1000 + 64 } else { kept };
    let on_wire = [*wire_size, said].into_iter().flatten().max().filter(|&length| length > most_coded);
    (*size).filter(|&size| size > kept).max(on_wire)
}

fn content_length(headers: &Headers) -> Option<u64> {
    headers.get("content-length").and_then(|length| length.trim().parse().ok())
}

/// The body of a message of which there is no text: there was none, or it isn't in the file. Sizes of -1 mean unknown, and so
/// does 0 with many programs: what the message says of its own length counts more.
fn without_text(found: &EntryBody<'_>) -> Body {
    let EntryBody { size, wire_size, without_text, headers, .. } = found;
    if *without_text == WithoutText::Bodyless {
        return Body::empty();
    }
    let said = content_length(headers);
    let length = [*size, *wire_size, said].into_iter().flatten().max();
    let is_empty = match length {
        Some(1..) => false,
        _ if headers.get("transfer-encoding").is_some() => false,
        _ => said == Some(0) || size.or(*wire_size) == Some(0) || *without_text == WithoutText::Unusual,
    };
    if is_empty { Body::empty() } else { Body::not_recorded(length.unwrap_or_default()) }
}

/// HAR's text is the decoded content. Some programs put the coded bytes there: they can be told by not being text.
fn coded(content: Bytes, binary: bool, headers: &Headers) -> Bytes {
    if content.is_empty() || codings(headers).is_empty() {
        return content;
    }
    if binary && std::str::from_utf8(&content).is_err() && decode(&content, headers).is_ok() {
        return content;
    }
    encode(&content, headers).map_or(content, Bytes::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(content: impl Into<Bytes>, headers: &Headers) -> EntryBody<'_> {
        let content = Some(content.into());
        EntryBody { content, binary: false, size: None, wire_size: None, without_text: WithoutText::Unknown, headers }
    }

    #[test]
    fn a_decoded_text_is_put_back_into_its_coding() {
        let headers: Headers = [("Content-Encoding", "br")].into_iter().collect();
        let body = restore_foreign(found("{\"a\": 1}", &headers));
        assert_eq!(decode(&body.bytes, &headers).unwrap(), &b"{\"a\": 1}"[..]);
    }

    #[test]
    fn coded_bytes_are_told_from_decoded_ones() {
        let headers: Headers = [("Content-Encoding", "gzip")].into_iter().collect();
        let wire = encode(b"{\"a\": 1}", &headers).unwrap();
        let body = restore_foreign(EntryBody { binary: true, ..found(wire.clone(), &headers) });
        assert_eq!(body, Body::complete(wire));
    }

    #[test]
    fn what_is_not_in_the_file_is_not_recorded_and_what_is_cut_is_truncated() {
        let headers = Headers::default();
        let cut = restore_foreign(EntryBody { size: Some(50), ..found("{\"a\": [1, ", &headers) });
        assert_eq!((cut.end, cut.length), (BodyEnd::Truncated, 50));
        let whole = restore_foreign(EntryBody { size: Some(50), ..found("{\"a\": [1]}", &headers) });
        assert_eq!(whole.end, BodyEnd::Complete);
    }

    #[test]
    fn a_text_is_cut_off_where_anything_says_that_the_body_is_longer() {
        const CUT: &str = "{\"a\": [1, ";
        const GZIP: (&str, &str) = ("Content-Encoding", "gzip");
        const FORM: (&str, &str) = ("Content-Type", "application/x-www-form-urlencoded");
        // Size of the content, size on the wire, Content-Length, another field, the text, the length if it was cut off.
        for (size, wire_size, said, field, text, expected) in [
            (None, None, None, None, CUT, None),
            (None, Some(50), None, None, CUT, Some(50)),
            (None, None, Some("50"), None, CUT, Some(50)),
            (Some(10), None, Some("50"), None, CUT, Some(50)),
            (Some(0), Some(0), Some("50"), None, CUT, Some(50)),
            (Some(10), Some(10), Some("10"), None, CUT, None),
            (None, None, Some("many"), None, CUT, None),
            // The message itself says how long it is: what a program counts beside that, such as header fields, is something else.
            (None, Some(300), Some("10"), None, CUT, None),
            // Coded bytes are others than those of the text.
            (None, None, Some("40"), Some(GZIP), CUT, None),
            (None, None, Some("400"), Some(GZIP), CUT, Some(400)),
            (Some(50), None, Some("40"), Some(GZIP), CUT, Some(50)),
            (Some(10), Some(40), Some("10"), Some(GZIP), CUT, None),
            // What parses whole is whole.
            (Some(50), Some(50), Some("50"), None, "{\"a\": [1]}", None),
            // What stands in the place of a body.
            (None, None, Some("974"), None, "REDACTED", Some(974)),
            (Some(974), None, None, None, "<omitted>", Some(974)),
            (Some(974), None, None, None, "\"REDACTED\"", Some(974)),
            (Some(974), None, None, None, "null", Some(974)),
            // What is no JSON, however long it is.
            (Some(974), None, None, None, "<!DOCTYPE html><html>", None),
            (Some(974), None, None, None, " <HTML lang=en>", None),
            (None, None, Some("974"), Some(FORM), "client_id=REDACTED", None),
        ] {
            let headers: Headers = said.map(|said| ("Content-Length", said)).into_iter().chain(field).collect();
            let body = restore_foreign(EntryBody { size, wire_size, ..found(text, &headers) });
            let cut = (body.end == BodyEnd::Truncated).then_some(body.length);
            assert_eq!(cut, expected, "{size:?} {wire_size:?} {said:?} {field:?} {text}");
        }
    }

    #[test]
    fn no_text_is_no_body_only_where_something_says_so() {
        use WithoutText::{Bodyless, Unknown, Unusual};
        let empty = Body::empty;
        let gap = Body::not_recorded;
        // Size of the content, size on the wire, a header field, what the absence of a text means, what becomes of it.
        for (size, wire_size, field, without_text, expected) in [
            (None, None, None, Unknown, gap(0)),
            (None, None, None, Unusual, empty()),
            (None, None, None, Bodyless, empty()),
            (Some(120), None, None, Unknown, gap(120)),
            (Some(120), None, None, Unusual, gap(120)),
            (Some(120), None, None, Bodyless, empty()),
            (Some(0), None, None, Unknown, empty()),
            (None, Some(0), None, Unknown, empty()),
            (Some(0), Some(80), None, Unknown, gap(80)),
            (None, None, Some(("Content-Length", "5874")), Unknown, gap(5874)),
            (Some(0), Some(0), Some(("content-length", " 5874")), Unknown, gap(5874)),
            (None, None, Some(("Content-Length", "9")), Unusual, gap(9)),
            (None, None, Some(("Content-Length", "9")), Bodyless, empty()),
            (None, None, Some(("Content-Length", "0")), Unknown, empty()),
            (None, None, Some(("Content-Length", "many")), Unknown, gap(0)),
            (Some(0), None, Some(("Transfer-Encoding", "chunked")), Unknown, gap(0)),
        ] {
            let headers: Headers = field.into_iter().collect();
            let found = EntryBody { content: None, size, wire_size, without_text, ..found("", &headers) };
            let case = format!("{size:?} {wire_size:?} {field:?} {without_text:?}");
            assert_eq!(restore_foreign(found), expected, "{case}");
        }
    }
}
