//! One line of NDJSON: the members of `docs/exchange.md`, in this order, each always there (null where nothing is known).
//!
//! `Exchange → NdjsonLine → JSON → NdjsonLine → Exchange`

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::capture::Meta;
use crate::capture::har::body::{EntryBody, WithoutText, content, describe, restore_foreign, restore_own};
use crate::capture::har::{
    BodyExtra, HarField, RewrittenExtra, SimulatedExtra, from_fields, omitted_from_name, omitted_name, to_fields,
};
use crate::exchange::{
    Body, Exchange, Failure, FailureKind, Headers, OmittedFields, Request, Response, Timing, Version,
};
use crate::redact::RedactionLevel;

/// A line.
#[derive(Serialize, Deserialize)]
pub(super) struct NdjsonLine {
    #[serde(default)]
    n: u64,
    /// `n` as people count, from 1. Not read.
    #[serde(default, skip_deserializing)]
    number: u64,
    #[serde(default)]
    id: u64,
    #[serde(default)]
    connection: u64,
    started: String,
    #[serde(default)]
    sent_ms: Option<f64>,
    #[serde(default)]
    first_byte_ms: Option<f64>,
    #[serde(default)]
    total_ms: f64,
    origin: String,
    request: RequestPart,
    #[serde(default)]
    response: Option<ResponsePart>,
    #[serde(default)]
    failure: Option<FailurePart>,
    #[serde(default)]
    rewritten: Vec<RewrittenExtra>,
    /// Who made the answer in the booking system's place; null for a booking system's own.
    #[serde(default)]
    simulated: Option<SimulatedExtra>,
    #[serde(default)]
    recording: RecordingPart,
}

#[derive(Serialize, Deserialize)]
struct RequestPart {
    method: String,
    target: String,
    /// `target` without the query, for those who group by it. Not read.
    #[serde(default, skip_deserializing)]
    path: String,
    #[serde(default)]
    version: Option<String>,
    #[serde(default)]
    headers: Vec<HarField>,
    /// Which header fields the recording leaves out; null for none.
    #[serde(default)]
    headers_omitted: Option<String>,
    #[serde(flatten)]
    body: BodyPart,
}

#[derive(Serialize, Deserialize)]
struct ResponsePart {
    status: u16,
    #[serde(default)]
    reason: String,
    #[serde(default)]
    version: Option<String>,
    #[serde(default)]
    headers: Vec<HarField>,
    /// Which header fields the recording leaves out; null for none.
    #[serde(default)]
    headers_omitted: Option<String>,
    #[serde(flatten)]
    body: BodyPart,
}

/// The content of a message.
#[derive(Serialize, Deserialize)]
struct BodyPart {
    /// Decoded where there is a content coding; in base64 where it is no UTF-8; null where nothing was kept.
    #[serde(default)]
    body: Option<String>,
    /// `text` or `base64`.
    #[serde(default)]
    encoding: Option<String>,
    /// Bytes on the wire.
    #[serde(default)]
    size: Option<u64>,
    #[serde(default)]
    end: Option<String>,
    /// The coded bytes in base64, where `body` is the decoded form.
    #[serde(default)]
    wire: Option<String>,
    /// `body` holds the coded bytes themselves.
    #[serde(default)]
    coded: bool,
    /// Trailer fields that came behind it.
    #[serde(default)]
    trailers: Vec<HarField>,
}

#[derive(Serialize, Deserialize)]
struct FailurePart {
    kind: String,
    #[serde(default)]
    detail: String,
    #[serde(default)]
    answered: Option<u16>,
}

/// What is known of the recording as a whole, the same in every line, so that lines can be taken apart and mixed.
#[derive(Clone, Default, Serialize, Deserialize)]
pub(super) struct RecordingPart {
    #[serde(default)]
    pub(super) base_uri: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) also_base_uris: Vec<String>,
    #[serde(default)]
    pub(super) created: Option<String>,
    #[serde(default)]
    pub(super) creator: Option<String>,
    /// What was replaced in all of it.
    #[serde(default)]
    redaction: Option<String>,
}

impl RecordingPart {
    pub(super) fn of(meta: &Meta) -> Self {
        let Meta { base_uri, also_base_uris, created, creator, redaction, .. } = meta.clone();
        Self {
            base_uri,
            also_base_uris,
            created: Some(created.to_string()),
            creator: Some(creator),
            redaction: Some(redaction.as_str().to_owned()),
        }
    }

    /// True if Umpire wrote the line.
    pub(super) fn is_own(&self) -> bool {
        self.creator.as_deref().is_some_and(|creator| creator.starts_with("umpire "))
    }

    /// What was replaced: lines that Umpire wrote before it said so don't tell, those of other programs were never redacted.
    pub(super) fn redaction(&self) -> RedactionLevel {
        match &self.redaction {
            Some(name) => RedactionLevel::from_name(name),
            None if self.is_own() => RedactionLevel::Unknown,
            None => RedactionLevel::Nothing,
        }
    }
}

impl NdjsonLine {
    /// The names of its members.
    pub(super) const MEMBERS: [&'static str; 15] = [
        "n",
        "number",
        "id",
        "connection",
        "started",
        "sent_ms",
        "first_byte_ms",
        "total_ms",
        "origin",
        "request",
        "response",
        "failure",
        "rewritten",
        "simulated",
        "recording",
    ];

    pub(super) fn new(n: u64, exchange: &Exchange, recording: &RecordingPart) -> Self {
        let Exchange { id, connection, started, origin, request, response, failure, rewritten, simulated, timing } =
            exchange;
        Self {
            n,
            number: n.saturating_add(1),
            id: *id,
            connection: *connection,
            started: started.to_string(),
            sent_ms: timing.sent.map(milliseconds),
            first_byte_ms: timing.first_byte.map(milliseconds),
            total_ms: milliseconds(timing.total),
            origin: origin.clone(),
            request: RequestPart {
                method: request.method.clone(),
                target: request.target.clone(),
                path: exchange.path().to_owned(),
                version: Some(request.version.as_str().to_owned()),
                headers: to_fields(&request.headers),
                headers_omitted: omitted_name(&request.headers),
                body: BodyPart::of(&request.body, &request.headers),
            },
            response: response.as_ref().map(|response| ResponsePart {
                status: response.status,
                reason: response.reason.clone(),
                version: Some(response.version.as_str().to_owned()),
                headers: to_fields(&response.headers),
                headers_omitted: omitted_name(&response.headers),
                body: BodyPart::of(&response.body, &response.headers),
            }),
            failure: failure.as_ref().map(|failure| FailurePart {
                kind: failure.kind.as_str().to_owned(),
                detail: failure.detail.clone(),
                answered: failure.answered,
            }),
            rewritten: rewritten.iter().map(Into::into).collect(),
            simulated: simulated.as_ref().map(Into::into),
            recording: recording.clone(),
        }
    }

    /// The exchange, and what the line says of its recording. Errors say what is wrong, in words.
    pub(super) fn into_exchange(self) -> Result<(RecordingPart, Exchange), String> {
        let started: Timestamp = self.started.parse().map_err(|_| format!("started is no time: {:?}", self.started))?;
        let own = self.recording.is_own();
        let RequestPart { method, target, headers, headers_omitted, body, .. } = self.request;
        let headers = header_fields(headers, headers_omitted.as_deref(), own)?;
        let body = body.restore(&headers, WithoutText::of_request(&method));
        let request = Request {
            method,
            target,
            version: version(self.request.version),
            headers,
            body: body.map_err(|what| format!("its request: {what}"))?,
        };
        let response = self.response.map(|part| response(part, &request.method, own)).transpose()?;
        let failure = self.failure.map(|FailurePart { kind, detail, answered }| {
            let kind = FailureKind::from_name(&kind).ok_or_else(|| format!("its kind of failure is unknown: {kind:?}"));
            kind.map(|kind| Failure { kind, detail, answered })
        });
        let timing = Timing {
            sent: self.sent_ms.map(|time| duration("sent_ms", time)).transpose()?,
            first_byte: self.first_byte_ms.map(|time| duration("first_byte_ms", time)).transpose()?,
            total: duration("total_ms", self.total_ms)?,
        };
        let simulated = self.simulated.as_ref().map(SimulatedExtra::read).transpose();
        let simulated = simulated.map_err(|name| format!("who made its answer is unknown: {name:?}"))?;
        let exchange = Exchange {
            id: self.id,
            connection: self.connection,
            started,
            origin: self.origin,
            request,
            response,
            failure: failure.transpose()?,
            rewritten: self.rewritten.iter().map(Into::into).collect(),
            simulated,
            timing,
        };
        Ok((self.recording, exchange))
    }
}

/// The header fields. A line that another program wrote and that has none doesn't hold them: without any there is no HTTP/1.1.
fn header_fields(fields: Vec<HarField>, omitted: Option<&str>, own: bool) -> Result<Headers, String> {
    let mut headers = from_fields(fields);
    headers.1 = omitted_from_name(omitted)?;
    if !own && omitted.is_none() && headers.0.is_empty() {
        headers.1 = OmittedFields::Unlisted;
    }
    Ok(headers)
}

fn response(part: ResponsePart, method: &str, own: bool) -> Result<Response, String> {
    let headers = header_fields(part.headers, part.headers_omitted.as_deref(), own)?;
    let without_text = WithoutText::of_response(method, part.status);
    if !(100..=999).contains(&part.status) {
        return Err(format!("its response has no possible status: {}", part.status));
    }
    Ok(Response {
        status: part.status,
        reason: part.reason,
        version: version(part.version),
        body: part.body.restore(&headers, without_text).map_err(|what| format!("its response: {what}"))?,
        headers,
    })
}

pub(super) fn version(name: Option<String>) -> Version {
    Version::from_name(&name.unwrap_or_default())
}

/// Exact to the nanosecond up to a month.
fn milliseconds(duration: Duration) -> f64 {
    duration.as_nanos() as f64 / 1e6
}

fn duration(name: &str, milliseconds: f64) -> Result<Duration, String> {
    let nanoseconds = (milliseconds * 1e6).round();
    if !(0.0..1e19).contains(&nanoseconds) {
        return Err(format!("{name} is no duration: {milliseconds}"));
    }
    Ok(Duration::from_nanos(nanoseconds as u64))
}

impl BodyPart {
    fn of(body: &Body, headers: &Headers) -> Self {
        let described = describe(body, headers);
        Self {
            encoding: (!body.bytes.is_empty()).then(|| if described.base64 { "base64" } else { "text" }.to_owned()),
            body: (!body.bytes.is_empty()).then_some(described.text),
            size: body.known_length(),
            end: Some(crate::capture::end_name(body.end).to_owned()),
            wire: described.extra.wire,
            coded: described.extra.coded,
            trailers: described.extra.trailers,
        }
    }

    fn restore(self, headers: &Headers, without_text: WithoutText) -> Result<Body, String> {
        let base64 = match self.encoding.as_deref() {
            None | Some("text") => false,
            Some("base64") => true,
            Some(other) => return Err(format!("the encoding of its body is neither text nor base64: {other:?}")),
        };
        let Self { size: length, end, wire, coded, trailers, .. } = self;
        let content = content(self.body, base64)?;
        let found = EntryBody { content, binary: base64, size: None, wire_size: length, without_text, headers };
        // Umpire's own lines always say how a body ended.
        if end.is_none() && wire.is_none() && !coded {
            return Ok(Body { trailers: from_fields(trailers), ..restore_foreign(found) });
        }
        restore_own(found, BodyExtra { length, end, wire, coded, trailers })
    }
}
