//! A line that is odd: of another program, or one whose values are of other types than they should be.
//!
//! `text ─► mended ─► members of whatever type ─► Exchange, and notes on what is odd`

use std::time::Duration;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use super::line::{RecordingPart, version};
use crate::capture::har::body::{EntryBody, WithoutText, restore_foreign};
use crate::capture::har::lenient::{
    Address, BodyText, ContentText, LenientFields, LenientValue, MessageParts, ObjectMember, headers_of, instant, mend,
    method, written,
};
use crate::capture::odd::EntryOddity;
use crate::exchange::{Body, Exchange, Failure, FailureKind, Headers, Request, Response, Timing};

/// A line as it may stand there.
#[derive(Deserialize)]
struct LooseLine {
    #[serde(default)]
    id: LenientValue,
    #[serde(default)]
    connection: LenientValue,
    #[serde(default)]
    started: LenientValue,
    #[serde(default)]
    sent_ms: LenientValue,
    #[serde(default)]
    first_byte_ms: LenientValue,
    #[serde(default)]
    total_ms: LenientValue,
    #[serde(default)]
    origin: LenientValue,
    #[serde(default)]
    request: ObjectMember<LooseRequest>,
    #[serde(default)]
    response: ObjectMember<LooseResponse>,
    #[serde(default)]
    failure: ObjectMember<LooseFailure>,
    #[serde(default)]
    recording: Value,
}

#[derive(Deserialize)]
struct LooseRequest {
    #[serde(default)]
    method: LenientValue,
    #[serde(default)]
    target: LenientValue,
    #[serde(default)]
    version: LenientValue,
    #[serde(default)]
    headers: LenientFields,
    #[serde(flatten)]
    body: LooseBody,
}

#[derive(Deserialize)]
struct LooseResponse {
    #[serde(default)]
    status: LenientValue,
    #[serde(default)]
    reason: LenientValue,
    #[serde(default)]
    version: LenientValue,
    #[serde(default)]
    headers: LenientFields,
    #[serde(flatten)]
    body: LooseBody,
}

#[derive(Deserialize)]
struct LooseBody {
    #[serde(default)]
    body: BodyText,
    #[serde(default)]
    encoding: LenientValue,
    #[serde(default)]
    size: LenientValue,
    #[serde(default)]
    end: LenientValue,
}

#[derive(Deserialize)]
struct LooseFailure {
    #[serde(default)]
    kind: LenientValue,
    #[serde(default)]
    detail: LenientValue,
    #[serde(default)]
    answered: LenientValue,
}

/// The exchange of a line, and what the line says of its recording. `before` is the start of the one before it, which serves
/// where it gives none. The error says why it is left out.
pub(super) fn read(
    text: &[u8],
    before: Option<Timestamp>,
    notes: &mut Vec<EntryOddity>,
) -> Result<(RecordingPart, Exchange), EntryOddity> {
    let (mended, legal) = mend(text);
    let value: Value = serde_json::from_slice(&mended)
        .map_err(|_| EntryOddity::left_out("it is not JSON, or nested deeper than 128 levels"))?;
    if !legal {
        notes.push(EntryOddity::mended("it is not quite JSON; mended"));
    }
    let line = match ObjectMember::<LooseLine>::deserialize(value) {
        Ok(ObjectMember::There(line)) => line,
        Ok(ObjectMember::Absent) => return Err(EntryOddity::left_out("it is null")),
        Ok(ObjectMember::Odd(what)) => return Err(EntryOddity::left_out(format!("it is {what} and no object"))),
        Err(_) => return Err(EntryOddity::left_out("it can't be read")),
    };
    let started = if line.started.is_nothing() { None } else { instant(&line.started) };
    if started.is_none() {
        notes.push(EntryOddity::not_recorded("its started is no time"));
    }
    let (origin, request) = request_of(line.request, line.origin, notes)?;
    let response = response_of(line.response, &request.method, notes);
    let failure = line.failure.object().and_then(|failure| {
        let kind = FailureKind::from_name(&failure.kind.text().unwrap_or_default());
        if kind.is_none() {
            notes.push(EntryOddity::not_recorded("its kind of failure is unknown"));
        }
        let answered = failure.answered.number().map(|status| status as u16);
        kind.map(|kind| Failure { kind, detail: failure.detail.text().unwrap_or_default(), answered })
    });
    let duration = |time: &LenientValue| {
        let seconds = time.number().filter(|&time| time >= 0.0).map(|milliseconds| milliseconds / 1e3);
        seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
    };
    let number = |loose: LenientValue| loose.text().and_then(|number| number.parse().ok()).unwrap_or_default();
    let exchange = Exchange {
        id: number(line.id),
        connection: number(line.connection),
        started: started.or(before).unwrap_or(Timestamp::UNIX_EPOCH),
        origin,
        request,
        response,
        failure,
        rewritten: Vec::new(),
        simulated: None,
        timing: Timing {
            sent: duration(&line.sent_ms),
            first_byte: duration(&line.first_byte_ms),
            total: duration(&line.total_ms).unwrap_or_default(),
        },
    };
    Ok((serde_json::from_value(line.recording).unwrap_or_default(), exchange))
}

/// True if another program's line says where its request went, and by which method, as it goes over the wire.
pub(super) fn is_plain(exchange: &Exchange) -> bool {
    let Exchange { origin, request, .. } = exchange;
    let address = Address::of(&exchange.url(), &Headers::default(), false, &mut Vec::new());
    let same = |address: &Address| address.origin == *origin && address.target == request.target;
    request.method == method(&request.method) && address.is_ok_and(|address| same(&address))
}

fn request_of(
    part: ObjectMember<LooseRequest>,
    origin: LenientValue,
    notes: &mut Vec<EntryOddity>,
) -> Result<(String, Request), EntryOddity> {
    let part = match part {
        ObjectMember::There(part) => part,
        ObjectMember::Absent => return Err(EntryOddity::left_out("it has no request")),
        ObjectMember::Odd(what) => return Err(EntryOddity::left_out(format!("its request is {what} and no object"))),
    };
    let method = method(&part.method.text().unwrap_or_default());
    if method.is_empty() {
        return Err(EntryOddity::left_out("its request has no method"));
    }
    let headers = headers_of(part.headers, message("request"), notes);
    let (origin, target) = (origin.text().unwrap_or_default(), part.target.text().unwrap_or_default());
    let url = if target.starts_with('/') { format!("{origin}{target}") } else { target };
    let Address { origin, target } = Address::of(&url, &headers, false, notes)?;
    let body = part.body.restore(&headers, WithoutText::of_request(&method), "request", notes);
    Ok((origin, Request { method, target, version: version(part.version.text()), headers, body }))
}

fn response_of(part: ObjectMember<LooseResponse>, method: &str, notes: &mut Vec<EntryOddity>) -> Option<Response> {
    if let Some(what) = part.odd() {
        notes.push(EntryOddity::not_recorded(format!("its response is {what} and no object")));
    }
    let part = part.object()?;
    let Some(status) = part.status.number().filter(|status| (100.0..=999.0).contains(status)) else {
        notes.push(EntryOddity::not_recorded("its response has no possible status"));
        return None;
    };
    let status = status as u16;
    let headers = headers_of(part.headers, message("response"), notes);
    let body = part.body.restore(&headers, WithoutText::of_response(method, status), "response", notes);
    let reason = part.reason.text().unwrap_or_default();
    Some(Response { status, reason, version: version(part.version.text()), headers, body })
}

fn message(whose: &'static str) -> MessageParts<'static> {
    MessageParts { whose, ..MessageParts::default() }
}

impl LooseBody {
    fn restore(self, headers: &Headers, without_text: WithoutText, whose: &str, notes: &mut Vec<EntryOddity>) -> Body {
        let encoding = self.encoding.text().unwrap_or_default();
        let ContentText { bytes: content, binary, unreadable } = written(self.body, &encoding, whose, notes);
        let wire_size = self.size.size();
        if unreadable {
            return Body::not_recorded(wire_size.unwrap_or_default());
        }
        let body = restore_foreign(EntryBody { content, binary, size: None, wire_size, without_text, headers });
        match crate::capture::end_from_name(&self.end.text().unwrap_or_default()) {
            Some(end) if !body.bytes.is_empty() => Body { end, ..body },
            _ => body,
        }
    }
}
