//! One entry of a HAR file read into an exchange.
//!
//! ```text
//! text ─► Entry ─► Exchange, and notes on what is odd
//!   └─ no JSON, or JSON that no Entry can be read from ─► mended ─► Entry
//! ```
//!
//! What an exchange can't do without (a method, an address) must be there, else the entry is left out; everything else may be
//! of any type, or missing.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use super::address::{self, Address};
use super::body::{EntryBody, WithoutText, content, restore_foreign, restore_own};
use super::fields::{LenientFields, MessageParts, headers_of};
use super::lenient_value::LenientValue;
use super::mend::mend;
use super::part::{BodyText, EMPTY, ObjectMember};
use super::text::{ContentText, written};
use super::time::{self, Timings, instant};
use super::{BodyExtra, EntryExtra, omitted_from_name, text_to_value, url};
use crate::capture::odd::EntryOddity;
use crate::exchange::{
    Body, Exchange, Failure, FailureKind, Headers, OmittedFields, Request, Response, Simulated, Version,
};

/// An entry as it stands in the file. Members that don't matter are passed over.
#[derive(Deserialize)]
pub(super) struct Entry {
    #[serde(default, rename = "startedDateTime")]
    started: LenientValue,
    #[serde(default)]
    time: LenientValue,
    #[serde(default)]
    request: ObjectMember<RequestPart>,
    #[serde(default)]
    response: ObjectMember<ResponsePart>,
    #[serde(default)]
    timings: ObjectMember<Timings>,
    #[serde(default)]
    connection: LenientValue,
    #[serde(default, rename = "_umpire")]
    extra: ObjectMember<EntryExtra>,
}

/// What an entry turned out to be.
pub(super) enum ParsedEntry {
    /// An exchange.
    Exchange(Box<Exchange>),
    /// Something that a browser lists and that never was on the wire (`data:`, `blob:`, …).
    NotHttp,
}

/// What is known of the file that an entry stands in.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct FileFacts {
    /// A browser wrote it.
    pub(super) of_browser: bool,
    /// A browser wrote it, and left out all credentials and cookies.
    pub(super) sanitised: bool,
}

#[derive(Deserialize)]
struct RequestPart {
    #[serde(default)]
    method: LenientValue,
    #[serde(default)]
    url: LenientValue,
    #[serde(default, rename = "httpVersion")]
    version: LenientValue,
    #[serde(default)]
    headers: LenientFields,
    #[serde(default, rename = "postData")]
    post_data: ObjectMember<PostData>,
    #[serde(default, rename = "bodySize")]
    body_size: LenientValue,
}

#[derive(Deserialize, Default)]
struct PostData {
    #[serde(default, rename = "mimeType")]
    mime_type: LenientValue,
    #[serde(default)]
    text: BodyText,
    #[serde(default, alias = "_encoding")]
    encoding: LenientValue,
    #[serde(default)]
    params: LenientFields,
}

#[derive(Deserialize)]
struct ResponsePart {
    #[serde(default)]
    status: LenientValue,
    #[serde(default, rename = "statusText")]
    reason: LenientValue,
    #[serde(default, rename = "httpVersion")]
    version: LenientValue,
    #[serde(default)]
    headers: LenientFields,
    #[serde(default)]
    content: ObjectMember<Content>,
    #[serde(default, rename = "bodySize")]
    body_size: LenientValue,
    /// What Chromium and mitmproxy say went wrong.
    #[serde(default, rename = "_error")]
    error: LenientValue,
    /// What Playwright says went wrong.
    #[serde(default, rename = "_failureText")]
    failure_text: LenientValue,
}

#[derive(Deserialize, Default)]
struct Content {
    #[serde(default)]
    size: LenientValue,
    #[serde(default, rename = "mimeType")]
    mime_type: LenientValue,
    #[serde(default)]
    text: BodyText,
    #[serde(default)]
    encoding: LenientValue,
}

impl Entry {
    /// Reads the text of an entry. The error says why it is left out.
    pub(super) fn parse(text: &[u8], notes: &mut Vec<EntryOddity>) -> Result<Self, EntryOddity> {
        match serde_json::from_slice::<ObjectMember<Self>>(text) {
            Ok(entry) => entry.or_left_out(),
            Err(_) => Self::parse_odd(text, notes),
        }
    }

    /// The same of one that is no JSON, that has a member twice, or whose notes of this program are none.
    fn parse_odd(text: &[u8], notes: &mut Vec<EntryOddity>) -> Result<Self, EntryOddity> {
        let (mended, legal) = mend(text);
        let mut value: Value = serde_json::from_slice(&mended)
            .map_err(|_| EntryOddity::left_out("it is not JSON, or nested deeper than 128 levels"))?;
        if !legal {
            notes.push(EntryOddity::mended("it is not quite JSON; mended"));
        }
        if let Ok(entry) = ObjectMember::<Self>::deserialize(&value) {
            return entry.or_left_out();
        }
        let extra = value.as_object_mut().and_then(|members| members.remove("_umpire"));
        if extra.is_some() {
            notes.push(EntryOddity::not_recorded("what Umpire noted in its _umpire can't be read"));
        }
        ObjectMember::<Self>::deserialize(&value).map_err(|_| EntryOddity::left_out("it can't be read"))?.or_left_out()
    }

    /// The exchange. `index` serves as its number, and `before` (the start of the one before it) as its start, where
    /// the entry gives none. The error says why it is left out.
    pub(super) fn into_exchange(
        self,
        index: u64,
        before: Option<Timestamp>,
        facts: FileFacts,
        notes: &mut Vec<EntryOddity>,
    ) -> Result<ParsedEntry, EntryOddity> {
        let Self { started, time, request, response, timings, connection, extra } = self;
        let mut extra = extra.object();
        let part = match request {
            ObjectMember::There(part) => part,
            ObjectMember::Absent => return Err(EntryOddity::left_out("it has no request")),
            ObjectMember::Odd(what) => {
                return Err(EntryOddity::left_out(format!("its request is {what} and no object")));
            }
        };
        let url = part.url.clone().text().unwrap_or_default();
        if extra.is_none() && url::outside_http(&url).is_some() {
            return Ok(ParsedEntry::NotHttp);
        }
        let started = if started.is_nothing() { None } else { Some(instant(&started)) };
        if started == Some(None) {
            notes.push(EntryOddity::not_recorded("its startedDateTime is no time"));
        }
        let (origin, request) = request_of(part, &url, extra.as_mut(), facts, notes)?;
        let answer = response_of(response, &request.method, extra.as_mut(), facts, notes);
        let (response, failure) = match (&extra, answer) {
            (_, EntryResponse::Given(response)) => (Some(response), None),
            (None, EntryResponse::Failed(detail)) => (None, Some(foreign_failure(detail))),
            (_, EntryResponse::Failed(_) | EntryResponse::Unknown) => (None, None),
        };
        let own_failure = extra.as_ref().and_then(|extra| extra.failure.as_ref());
        let simulated = extra.as_ref().and_then(|extra| simulated_of(extra.simulated.as_ref()?, notes));
        let exchange = Exchange {
            id: extra.as_ref().map_or(index, |extra| extra.id),
            connection: connection.text().and_then(|number| number.parse().ok()).unwrap_or_default(),
            started: started.flatten().or(before).unwrap_or(Timestamp::UNIX_EPOCH),
            origin,
            request,
            response,
            failure: own_failure.and_then(|failure| failure_of(failure, notes)).or(failure),
            rewritten: extra.as_ref().map_or_else(Vec::new, |extra| extra.rewritten.iter().map(Into::into).collect()),
            simulated,
            timing: extra.as_ref().map_or_else(|| time::timing(&time, timings.object().as_ref()), time::exact),
        };
        Ok(ParsedEntry::Exchange(Box::new(exchange)))
    }
}

impl<T> ObjectMember<T> {
    fn or_left_out(self) -> Result<T, EntryOddity> {
        match self {
            Self::There(entry) => Ok(entry),
            Self::Absent => Err(EntryOddity::left_out("it is null")),
            Self::Odd(what) => Err(EntryOddity::left_out(format!("it is {what} and no object"))),
        }
    }
}

fn request_of(
    part: RequestPart,
    url: &str,
    mut extra: Option<&mut EntryExtra>,
    facts: FileFacts,
    notes: &mut Vec<EntryOddity>,
) -> Result<(String, Request), EntryOddity> {
    let method = part.method.text().unwrap_or_default();
    let noted = extra.as_ref().and_then(|extra| extra.origin.clone().zip(extra.target.clone()));
    let own = extra.is_some();
    let method = if own { method } else { address::method(&method) };
    if method.is_empty() {
        return Err(EntryOddity::left_out("its request has no method"));
    }
    if method == "CONNECT" && !own {
        return Err(EntryOddity::left_out("CONNECT opens a tunnel and is no exchange of its own"));
    }
    // An empty text is a way to write that there is none.
    if part.post_data.odd() != Some(EMPTY) {
        odd_part(&part.post_data, "the postData of its request", notes);
    }
    let PostData { mime_type, text, encoding, params } = part.post_data.object().unwrap_or_default();
    let mime_type = mime_type.text().unwrap_or_default();
    let version = Version::from_name(&part.version.text().unwrap_or_default());
    let headers = if let Some(extra) = &extra {
        own_headers(part.headers, extra.request_headers_omitted.as_deref(), notes)
    } else {
        let message = MessageParts {
            whose: "request",
            mime_type: &mime_type,
            omitted: facts.omitted(),
            lists_host: facts.of_browser,
            needs_host: version == Version::Http11,
        };
        headers_of(part.headers, message, notes)
    };
    let Address { origin, target } = match noted {
        Some((origin, target)) => Address { origin, target },
        None => Address::of(url, &headers, own, notes)?,
    };
    let form = mime_type.starts_with("application/x-www-form-urlencoded");
    let text = match text {
        BodyText::Nothing if form && !params.0.is_empty() => BodyText::Text(form_text(&params)),
        text => text,
    };
    let body = StatedBody {
        text,
        encoding: encoding.text().unwrap_or_default(),
        size: None,
        wire_size: part.body_size.size(),
        without_text: WithoutText::of_request(&method),
        extra: extra.as_mut().map(|extra| std::mem::take(&mut extra.request_body)),
        whose: "request",
    };
    let body = body.restore(&headers, notes);
    Ok((origin, Request { method, target, version, headers, body }))
}

fn form_text(params: &LenientFields) -> String {
    let pairs = params.0.iter().map(|field| (field.name.as_str(), field.values.first().map_or("", String::as_str)));
    url::form(pairs)
}

/// What an entry says of the answer.
enum EntryResponse {
    Given(Response),
    /// None came; the cause in words.
    Failed(String),
    /// Whether there was one, and what it was, isn't in the file.
    Unknown,
}

fn response_of(
    part: ObjectMember<ResponsePart>,
    method: &str,
    mut extra: Option<&mut EntryExtra>,
    facts: FileFacts,
    notes: &mut Vec<EntryOddity>,
) -> EntryResponse {
    odd_part(&part, "its response", notes);
    let Some(part) = part.object() else { return EntryResponse::Unknown };
    let error = part.error.text().or_else(|| part.failure_text.text()).filter(|error| !error.is_empty());
    let status = match (part.status.number(), error) {
        (Some(status), _) if (100.0..=999.0).contains(&status) => status as u16,
        // Browsers write 0 where there was no answer, or none that they show; -1 and nothing mean the same.
        (_, Some(error)) => return EntryResponse::Failed(error),
        (Some(status), None) if status <= 0.0 => return EntryResponse::Unknown,
        (None, None) if part.status.is_nothing() => return EntryResponse::Unknown,
        _ => {
            notes.push(EntryOddity::not_recorded("its response has no possible status"));
            return EntryResponse::Unknown;
        }
    };
    odd_part(&part.content, "the content of its response", notes);
    let Content { size, mime_type, text, encoding } = part.content.object().unwrap_or_default();
    let mime_type = mime_type.text().unwrap_or_default();
    let headers = if let Some(extra) = &extra {
        own_headers(part.headers, extra.response_headers_omitted.as_deref(), notes)
    } else {
        let whose = "response";
        let message =
            MessageParts { whose, mime_type: &mime_type, omitted: facts.omitted(), ..MessageParts::default() };
        headers_of(part.headers, message, notes)
    };
    let body = StatedBody {
        text,
        encoding: encoding.text().unwrap_or_default(),
        size: size.size(),
        wire_size: part.body_size.size(),
        without_text: WithoutText::of_response(method, status),
        extra: extra.as_mut().map(|extra| std::mem::take(&mut extra.response_body)),
        whose: "response",
    };
    let body = body.restore(&headers, notes);
    let version = Version::from_name(&part.version.text().unwrap_or_default());
    let reason = part.reason.text().unwrap_or_default();
    EntryResponse::Given(Response { status, reason, version, headers, body })
}

/// Notes that something stands in the place of an object.
fn odd_part<T>(part: &ObjectMember<T>, whose: &str, notes: &mut Vec<EntryOddity>) {
    if let Some(what) = part.odd() {
        notes.push(EntryOddity::not_recorded(format!("{whose} is {what} and no object")));
    }
}

/// What an entry states of a body.
struct StatedBody {
    text: BodyText,
    encoding: String,
    size: Option<u64>,
    wire_size: Option<u64>,
    without_text: WithoutText,
    /// Of an entry of this program's own.
    extra: Option<BodyExtra>,
    whose: &'static str,
}

impl StatedBody {
    fn restore(self, headers: &Headers, notes: &mut Vec<EntryOddity>) -> Body {
        let Self { text, encoding, size, wire_size, without_text, extra, whose } = self;
        let found = |content, binary| EntryBody { content, binary, size, wire_size, without_text, headers };
        if let (Some(extra), BodyText::Nothing | BodyText::Text(_)) = (extra, &text) {
            let text = if let BodyText::Text(text) = text { Some(text) } else { None };
            let content = content(text, encoding.eq_ignore_ascii_case("base64"));
            return content.and_then(|content| restore_own(found(content, false), extra)).unwrap_or_else(|what| {
                notes.push(EntryOddity::not_recorded(format!("its {whose}: {what}")));
                Body::not_recorded(0)
            });
        }
        let ContentText { bytes, binary, unreadable } = written(text, &encoding, whose, notes);
        if unreadable {
            return Body::not_recorded(size.or(wire_size).unwrap_or_default());
        }
        restore_foreign(found(bytes, binary))
    }
}

/// The header fields of an entry that this program wrote.
fn own_headers(fields: LenientFields, omitted: Option<&str>, notes: &mut Vec<EntryOddity>) -> Headers {
    let mut headers = Headers::default();
    for field in fields.0 {
        for value in field.values {
            headers.push(field.name.clone(), text_to_value(value));
        }
    }
    headers.1 = omitted_from_name(omitted).unwrap_or_else(|what| {
        notes.push(EntryOddity::not_recorded(what));
        OmittedFields::Unlisted
    });
    headers
}

impl FileFacts {
    fn omitted(self) -> OmittedFields {
        if self.sanitised { OmittedFields::Credentials } else { OmittedFields::Nothing }
    }
}

/// The failure that this program noted; `None` for one of an unknown kind.
fn failure_of(extra: &super::FailureExtra, notes: &mut Vec<EntryOddity>) -> Option<Failure> {
    let kind = FailureKind::from_name(&extra.kind);
    if kind.is_none() {
        notes.push(EntryOddity::not_recorded("its kind of failure is unknown"));
    }
    kind.map(|kind| Failure { kind, detail: extra.detail.clone(), answered: extra.answered })
}

fn simulated_of(extra: &super::SimulatedExtra, notes: &mut Vec<EntryOddity>) -> Option<Simulated> {
    let read = extra.read();
    if read.is_err() {
        notes.push(EntryOddity::not_recorded("who made its answer in the booking system's place is unknown"));
    }
    read.ok()
}

/// The kind is read from Chromium's names of network errors, such as `net::ERR_CONNECTION_REFUSED`.
fn foreign_failure(detail: String) -> Failure {
    let says = |words: &[&str]| words.iter().any(|word| detail.contains(word));
    let kind = if says(&["TIMED_OUT"]) {
        FailureKind::TimedOut
    } else if says(&["ABORTED", "BLOCKED"]) {
        FailureKind::ClientGone
    } else if says(&["REFUSED", "UNREACHABLE", "NAME_NOT_RESOLVED", "DISCONNECTED", "_CERT_", "_SSL_"]) {
        FailureKind::Unreachable
    } else {
        FailureKind::BrokenOff
    };
    Failure { kind, detail, answered: None }
}

impl EntryExtra {
    /// Notes on the two bodies.
    pub(super) fn with_bodies(mut self, request: BodyExtra, response: BodyExtra) -> Self {
        self.request_body = request;
        self.response_body = response;
        self
    }
}
