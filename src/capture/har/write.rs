//! Writing a HAR file, one entry at a time, one entry per line.
//!
//! `Meta + Exchange* → {"log": {…, "entries": [ …, … ]}}`

use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::time::Duration;

use serde::{Serialize, Serializer};

use super::body::describe;
use super::{BodyExtra, EntryExtra, FailureExtra, LogExtra, url, value_to_text};
use crate::capture::{CaptureError, Meta, create_private};
use crate::exchange::{Body, Exchange, Headers, Request, Response, Timing};

/// Writes a new HAR file, readable by its owner only, and returns the number of exchanges. A file that exists is never
/// touched. What could not be finished is removed.
pub fn export<I>(path: &Path, meta: &Meta, exchanges: I) -> Result<u64, CaptureError>
where
    I: IntoIterator<Item = Result<Exchange, CaptureError>>,
{
    let mut out = BufWriter::with_capacity(1 << 16, create_private(path)?);
    write(path, meta, exchanges, &mut out).inspect_err(|_| {
        if let Err(error) = std::fs::remove_file(path) {
            tracing::warn!(file = %path.display(), %error, "a half-written file can't be removed");
        }
    })
}

/// Writes a recording as HAR 1.2 and returns the number of exchanges; only one of them is in memory at a time. `file`
/// is the name of `out` in errors; errors of `exchanges` are passed on.
pub fn write<I>(file: &Path, meta: &Meta, exchanges: I, out: &mut impl Write) -> Result<u64, CaptureError>
where
    I: IntoIterator<Item = Result<Exchange, CaptureError>>,
{
    let failed = |error: io::Error| CaptureError::Write { file: file.to_owned(), cause: error.to_string(), lost: 0 };
    let (name, version) = meta.creator.rsplit_once(' ').unwrap_or((&meta.creator, ""));
    let extra = LogExtra { base_uri: meta.base_uri.clone(), created: meta.created.to_string() };
    let mut head = || -> io::Result<()> {
        out.write_all(b"{\"log\":{\"version\":\"1.2\",\"creator\":")?;
        serde_json::to_writer(&mut *out, &Creator { name, version })?;
        out.write_all(b",\"_umpire\":")?;
        serde_json::to_writer(&mut *out, &extra)?;
        out.write_all(b",\"entries\":[")
    };
    head().map_err(failed)?;
    let mut count = 0;
    for exchange in exchanges {
        let exchange = exchange?;
        out.write_all(if count == 0 { b"\n" } else { b",\n" }).map_err(failed)?;
        serde_json::to_writer(&mut *out, &Entry::new(&exchange)).map_err(|error| failed(error.into()))?;
        count += 1;
    }
    out.write_all(b"\n]}}\n").and_then(|()| out.flush()).map_err(failed)?;
    Ok(count)
}

#[derive(Serialize)]
struct Creator<'e> {
    name: &'e str,
    version: &'e str,
}

/// An entry, members in the order of the HAR specification.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Entry<'e> {
    started_date_time: String,
    time: f64,
    request: RequestPart<'e>,
    response: ResponsePart<'e>,
    cache: Cache,
    timings: Timings,
    #[serde(skip_serializing_if = "Option::is_none")]
    connection: Option<String>,
    #[serde(rename = "_umpire")]
    extra: EntryExtra,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RequestPart<'e> {
    method: &'e str,
    url: String,
    http_version: &'static str,
    cookies: [Pair; 0],
    headers: Fields<'e>,
    query_string: Vec<Pair>,
    #[serde(skip_serializing_if = "Option::is_none")]
    post_data: Option<PostData>,
    headers_size: i8,
    body_size: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PostData {
    mime_type: String,
    text: String,
    /// HAR knows no encoding here, so the member bears the mark of an extension.
    #[serde(rename = "_encoding", skip_serializing_if = "Option::is_none")]
    encoding: Option<&'static str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ResponsePart<'e> {
    status: u16,
    status_text: &'e str,
    http_version: &'static str,
    cookies: [Pair; 0],
    headers: Fields<'e>,
    content: Content,
    #[serde(rename = "redirectURL")]
    redirect_url: String,
    headers_size: i8,
    body_size: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Content {
    size: u64,
    mime_type: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    encoding: Option<&'static str>,
}

#[derive(Serialize)]
struct Cache {}

#[derive(Serialize)]
struct Timings {
    send: f64,
    wait: f64,
    receive: f64,
}

#[derive(Serialize)]
struct Pair {
    name: String,
    value: String,
}

/// Header fields as an array of names and values.
struct Fields<'e>(&'e Headers);

impl Serialize for Fields<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let pair =
            |field: &crate::exchange::Header| Pair { name: field.name.clone(), value: value_to_text(&field.value) };
        serializer.collect_seq(self.0.0.iter().map(pair))
    }
}

impl<'e> Entry<'e> {
    fn new(exchange: &'e Exchange) -> Self {
        let Exchange { id, connection, started, request, response, failure, rewritten, timing, .. } = exchange;
        let (request, request_body) = request_part(exchange, request);
        let (response, response_body) = response_part(response.as_ref());
        let unsplit = url::split(&request.url)
            .is_none_or(|(origin, target)| origin != exchange.origin || target != exchange.request.target);
        let extra = EntryExtra {
            id: *id,
            origin: unsplit.then(|| exchange.origin.clone()),
            target: unsplit.then(|| exchange.request.target.clone()),
            sent_ns: timing.sent.map(nanoseconds),
            first_byte_ns: timing.first_byte.map(nanoseconds),
            total_ns: nanoseconds(timing.total),
            failure: failure.as_ref().map(|failure| FailureExtra {
                kind: failure.kind.as_str().to_owned(),
                detail: failure.detail.clone(),
                answered: failure.answered,
            }),
            rewritten: rewritten.iter().map(Into::into).collect(),
            ..EntryExtra::default()
        };
        Self {
            started_date_time: started.to_string(),
            time: milliseconds(timing.total),
            request,
            response,
            cache: Cache {},
            timings: timings(timing),
            connection: (*connection != 0).then(|| connection.to_string()),
            extra: extra.with_bodies(request_body, response_body),
        }
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

/// HAR wants each phase by itself, and no unknown one among these three.
fn timings(timing: &Timing) -> Timings {
    let sent = timing.sent.unwrap_or_default();
    let first_byte = timing.first_byte.unwrap_or(sent);
    Timings {
        send: milliseconds(sent),
        wait: milliseconds(first_byte.saturating_sub(sent)),
        receive: milliseconds(timing.total.saturating_sub(first_byte)),
    }
}

fn media_type(headers: &Headers) -> String {
    headers.get("content-type").unwrap_or_default().to_owned()
}

fn request_part<'e>(exchange: &Exchange, request: &'e Request) -> (RequestPart<'e>, BodyExtra) {
    let body = describe(&request.body, &request.headers);
    let post_data = (!request.body.bytes.is_empty()).then(|| PostData {
        mime_type: media_type(&request.headers),
        text: body.text,
        encoding: body.base64.then_some("base64"),
    });
    let part = RequestPart {
        method: &request.method,
        url: exchange.url(),
        http_version: request.version.as_str(),
        cookies: [],
        headers: Fields(&request.headers),
        query_string: url::query_pairs(&request.target).map(|(name, value)| Pair { name, value }).collect(),
        post_data,
        headers_size: -1,
        body_size: request.body.length,
    };
    (part, body.extra)
}

/// Where there was no answer, the entry has the response that browsers write then: status 0.
fn response_part(response: Option<&Response>) -> (ResponsePart<'_>, BodyExtra) {
    static NO_HEADERS: Headers = Headers(Vec::new());
    let headers = response.map_or(&NO_HEADERS, |response| &response.headers);
    let nothing = Body::empty();
    let body = describe(response.map_or(&nothing, |response| &response.body), headers);
    let part = ResponsePart {
        status: response.map_or(0, |response| response.status),
        status_text: response.map_or("", |response| &response.reason),
        http_version: response.map_or("", |response| response.version.as_str()),
        cookies: [],
        headers: Fields(headers),
        content: Content {
            size: body.size,
            mime_type: media_type(headers),
            text: body.text,
            encoding: body.base64.then_some("base64"),
        },
        redirect_url: headers.get("location").unwrap_or_default().to_owned(),
        headers_size: -1,
        body_size: response.map_or(0, |response| response.body.length),
    };
    (part, body.extra)
}
