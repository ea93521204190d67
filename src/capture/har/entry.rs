//! One entry of a HAR file read into an exchange.
//!
//! `{"startedDateTime", "request", "response", "timings", …} → Entry → Exchange`
//!
//! Strict about what an exchange can't do without (a request with method and URL), lenient about everything else.

use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde::Deserialize;

use super::body::{Found, restore_foreign, restore_own};
use super::loose::{Fields, Loose};
use super::{BodyExtra, EntryExtra, text_to_value, url};
use crate::exchange::{Body, Exchange, Failure, FailureKind, Headers, Request, Response, Timing, Version};

/// An entry as it stands in the file. Members that don't matter are passed over.
#[derive(Deserialize)]
pub(super) struct Entry {
    #[serde(default, rename = "startedDateTime")]
    started: Loose,
    #[serde(default)]
    time: Loose,
    request: Option<RequestPart>,
    response: Option<ResponsePart>,
    timings: Option<Timings>,
    #[serde(default)]
    connection: Loose,
    #[serde(rename = "_umpire")]
    extra: Option<EntryExtra>,
}

/// What an entry turned out to be.
pub(super) enum Read {
    /// An exchange.
    Exchange(Box<Exchange>),
    /// Something that a browser lists and that never was on the wire: the beginning of its URL (`data:`, `blob:`, …).
    NotHttp(String),
}

#[derive(Deserialize)]
struct RequestPart {
    method: Option<String>,
    url: Option<String>,
    #[serde(default, rename = "httpVersion")]
    version: Loose,
    #[serde(default)]
    headers: Fields,
    #[serde(rename = "postData")]
    post_data: Option<PostData>,
    #[serde(default, rename = "bodySize")]
    body_size: Loose,
}

#[derive(Deserialize)]
struct PostData {
    #[serde(default, rename = "mimeType")]
    mime_type: Loose,
    text: Option<String>,
    #[serde(default, alias = "_encoding")]
    encoding: Loose,
    params: Option<Vec<Param>>,
}

#[derive(Deserialize)]
struct Param {
    #[serde(default)]
    name: Loose,
    #[serde(default)]
    value: Loose,
}

#[derive(Deserialize)]
struct ResponsePart {
    #[serde(default)]
    status: Loose,
    #[serde(default, rename = "statusText")]
    reason: Loose,
    #[serde(default, rename = "httpVersion")]
    version: Loose,
    #[serde(default)]
    headers: Fields,
    content: Option<Content>,
    #[serde(default, rename = "bodySize")]
    body_size: Loose,
    /// What Chromium and mitmproxy say went wrong.
    #[serde(default, rename = "_error")]
    error: Loose,
    /// What Playwright says went wrong.
    #[serde(default, rename = "_failureText")]
    failure_text: Loose,
}

#[derive(Deserialize, Default)]
struct Content {
    #[serde(default)]
    size: Loose,
    text: Option<String>,
    #[serde(default)]
    encoding: Loose,
}

#[derive(Deserialize)]
struct Timings {
    #[serde(default)]
    blocked: Loose,
    #[serde(default)]
    dns: Loose,
    #[serde(default)]
    connect: Loose,
    #[serde(default)]
    send: Loose,
    #[serde(default)]
    wait: Loose,
}

impl Entry {
    /// The exchange. `index` serves as its number, and `before` (the start of the one before it) as its start, where
    /// the entry gives none. Errors say what is wrong with the entry, in words.
    pub(super) fn into_exchange(self, index: u64, before: Option<Timestamp>) -> Result<Read, String> {
        let Self { started, time, request, response, timings, connection, extra } = self;
        let part = request.ok_or("it has no request")?;
        if let Some(scheme) = part.url.as_deref().and_then(url::outside_http)
            && extra.is_none()
        {
            return Ok(Read::NotHttp(scheme.to_owned()));
        }
        let started = match started.text() {
            Some(text) => instant(&text)?,
            None => before.unwrap_or(Timestamp::UNIX_EPOCH),
        };
        let mut extra = extra;
        let (origin, request) = request_of(part, extra.as_mut())?;
        let (response, unanswered) = match response {
            Some(part) => response_of(part, &request.method, extra.as_mut())?,
            None => (None, "the recording holds no answer".to_owned()),
        };
        let failure = match &extra {
            Some(extra) => extra.failure.as_ref().map(failure_of).transpose()?,
            None if response.is_none() => Some(foreign_failure(unanswered)),
            None => None,
        };
        let exchange = Exchange {
            id: extra.as_ref().map_or(index, |extra| extra.id),
            connection: connection.text().and_then(|number| number.parse().ok()).unwrap_or_default(),
            started,
            origin,
            request,
            response,
            failure,
            rewritten: extra.as_ref().map_or_else(Vec::new, |extra| extra.rewritten.iter().map(Into::into).collect()),
            timing: extra.as_ref().map_or_else(|| timing_of(&time, timings.as_ref()), exact_timing),
        };
        Ok(Read::Exchange(Box::new(exchange)))
    }
}

/// RFC 3339, the same without an offset, which is taken for UTC, or milliseconds since 1970.
pub(super) fn instant(text: &str) -> Result<Timestamp, String> {
    text.parse::<Timestamp>()
        .or_else(|_| text.parse::<DateTime>().and_then(|time| TimeZone::UTC.to_timestamp(time)))
        .or_else(|error| text.parse::<i64>().map_err(|_| error).and_then(Timestamp::from_millisecond))
        .map_err(|_| format!("its startedDateTime is no time: {text:?}"))
}

fn request_of(part: RequestPart, extra: Option<&mut EntryExtra>) -> Result<(String, Request), String> {
    let method = part.method.filter(|method| !method.is_empty()).ok_or("its request has no method")?;
    let url = part.url.ok_or("its request has no url")?;
    let noted = extra.as_ref().and_then(|extra| extra.origin.clone().zip(extra.target.clone()));
    let (origin, target) = noted
        .or_else(|| url::split(&url))
        .ok_or_else(|| format!("the url of its request is not an absolute one: {url:?}"))?;
    let headers = headers_of(part.headers, extra.is_some());
    let mut found = Found {
        text: None,
        base64: false,
        size: None,
        wire_size: part.body_size.size(),
        bodyless: false,
        headers: &headers,
    };
    if let Some(PostData { mime_type, text, encoding, params }) = part.post_data {
        let params = params.unwrap_or_default();
        let form = mime_type.text().is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded"));
        found.base64 = is_base64(encoding);
        found.text = text.filter(|text| !text.is_empty()).or_else(|| form.then(|| form_text(params)));
    }
    let body = match extra {
        Some(extra) => restore_own(found, std::mem::take(&mut extra.request_body)),
        None => restore_foreign(found),
    };
    let body = body.map_err(|what| format!("its request: {what}"))?;
    let version = Version::from_name(&part.version.text().unwrap_or_default());
    Ok((origin, Request { method, target, version, headers, body }))
}

fn form_text(params: Vec<Param>) -> String {
    let pairs: Vec<_> = params
        .into_iter()
        .map(|Param { name, value }| (name.text().unwrap_or_default(), value.text().unwrap_or_default()))
        .collect();
    url::form(pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())))
}

/// The response, or `None` and what is known of the reason.
fn response_of(
    part: ResponsePart,
    method: &str,
    extra: Option<&mut EntryExtra>,
) -> Result<(Option<Response>, String), String> {
    let error = part.error.text().or_else(|| part.failure_text.text()).unwrap_or_default();
    let status = match part.status.number() {
        // Browsers write 0 for a request that was never answered; -1 and nothing mean the same.
        None => 0,
        Some(status) if status <= 0.0 => 0,
        Some(status) if (100.0..=999.0).contains(&status) => status as u16,
        Some(status) => return Err(format!("its response has no possible status: {status}")),
    };
    if status == 0 {
        let reason = if error.is_empty() { "the recording holds no answer".to_owned() } else { error };
        return Ok((None, reason));
    }
    let headers = headers_of(part.headers, extra.is_some());
    let content = part.content.unwrap_or_default();
    let found = Found {
        text: content.text,
        base64: is_base64(content.encoding),
        size: content.size.size(),
        wire_size: part.body_size.size(),
        bodyless: method.eq_ignore_ascii_case("HEAD") || matches!(status, 204 | 304),
        headers: &headers,
    };
    let body: Result<Body, String> = match extra {
        Some(EntryExtra { response_body, .. }) => restore_own(found, std::mem::take(response_body)),
        None => restore_foreign(found),
    };
    let body = body.map_err(|what| format!("its response: {what}"))?;
    let version = Version::from_name(&part.version.text().unwrap_or_default());
    let reason = part.reason.text().unwrap_or_default();
    Ok((Some(Response { status, reason, version, headers, body }), String::new()))
}

fn is_base64(encoding: Loose) -> bool {
    encoding.text().is_some_and(|encoding| encoding.eq_ignore_ascii_case("base64"))
}

/// Pseudo header fields of HTTP/2 are no header fields. Chromium joins fields that must not be joined by line feeds.
fn headers_of(fields: Fields, own: bool) -> Headers {
    let mut headers = Headers::default();
    for (name, value) in fields.0 {
        let (name, value) = (name.text().unwrap_or_default(), value.text().unwrap_or_default());
        if own {
            headers.push(name, text_to_value(value));
        } else if !name.starts_with(':') && !name.is_empty() {
            for line in value.split(['\r', '\n']).enumerate().filter(|(at, line)| *at == 0 || !line.is_empty()) {
                headers.push(name.clone(), text_to_value(line.1.to_owned()));
            }
        }
    }
    headers
}

fn failure_of(extra: &super::FailureExtra) -> Result<Failure, String> {
    let kind = FailureKind::from_name(&extra.kind);
    let kind = kind.ok_or_else(|| format!("its kind of failure is unknown: {:?}", extra.kind))?;
    Ok(Failure { kind, detail: extra.detail.clone(), answered: extra.answered })
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

fn exact_timing(extra: &EntryExtra) -> Timing {
    Timing {
        sent: extra.sent_ns.map(Duration::from_nanos),
        first_byte: extra.first_byte_ns.map(Duration::from_nanos),
        total: Duration::from_nanos(extra.total_ns),
    }
}

/// HAR counts in milliseconds, each phase for itself; -1 means that a phase does not apply.
fn timing_of(time: &Loose, timings: Option<&Timings>) -> Timing {
    let duration = |milliseconds: f64| Duration::try_from_secs_f64(milliseconds.max(0.0) / 1000.0).unwrap_or_default();
    let phase = |loose: &Loose| loose.number().filter(|&time| time >= 0.0);
    let sent = timings.and_then(|timings| {
        let before = [&timings.blocked, &timings.dns, &timings.connect].into_iter().filter_map(phase).sum::<f64>();
        phase(&timings.send).map(|send| before + send)
    });
    let first_byte = sent.zip(timings.and_then(|timings| phase(&timings.wait))).map(|(sent, wait)| sent + wait);
    Timing {
        sent: sent.map(duration),
        first_byte: first_byte.map(duration),
        total: duration(time.number().unwrap_or_default()),
    }
}

impl EntryExtra {
    /// Notes on the two bodies.
    pub(super) fn with_bodies(mut self, request: BodyExtra, response: BodyExtra) -> Self {
        self.request_body = request;
        self.response_body = response;
        self
    }
}
