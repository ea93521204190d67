//! Writing a HAR file, one entry at a time, one entry per line.
//!
//! `Meta + Exchange* → {"log": {…, "entries": [ …, … ]}}`

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Serialize, Serializer};

use super::body::describe;
use super::cookies::{self, Cookie};
use super::{BodyExtra, EntryExtra, FailureExtra, LogExtra, omitted_name, url, value_to_text};
use crate::capture::{CaptureError, Meta};
use crate::exchange::{Body, Exchange, Headers, OmittedFields, Request, Response, Timing};
use crate::text::to_json;

/// Writes a HAR 1.2 file, one exchange at a time.
pub(crate) struct HarWriter<W> {
    /// Name of `out` in errors.
    file: PathBuf,
    out: W,
    count: u64,
}

impl<W: Write> HarWriter<W> {
    /// Writes the beginning to `out`, which should be buffered; `file` is its name in errors.
    pub(crate) fn new(file: &Path, meta: &Meta, mut out: W) -> Result<Self, CaptureError> {
        let (name, version) = meta.creator.rsplit_once(' ').unwrap_or((&meta.creator, ""));
        let extra = LogExtra {
            base_uri: meta.base_uri.clone(),
            also_base_uris: meta.also_base_uris.clone(),
            created: meta.created.to_string(),
            redaction: meta.redaction.as_str().to_owned(),
        };
        let mut head = || -> io::Result<()> {
            out.write_all(b"{\"log\":{\"version\":\"1.2\",\"creator\":")?;
            to_json(&mut out, &Creator { name, version })?;
            out.write_all(b",\"_umpire\":")?;
            to_json(&mut out, &extra)?;
            out.write_all(b",\"pages\":[],\"entries\":[")
        };
        head().map_err(|error| failed(file, &error))?;
        Ok(Self { file: file.to_owned(), out, count: 0 })
    }

    /// Writes an exchange.
    pub(crate) fn append(&mut self, exchange: &Exchange) -> Result<(), CaptureError> {
        let between: &[u8] = if self.count == 0 { b"\n" } else { b",\n" };
        let written = self.out.write_all(between).and_then(|()| to_json(&mut self.out, &Entry::new(exchange)));
        written.map_err(|error| failed(&self.file, &error))?;
        self.count += 1;
        Ok(())
    }

    /// Writes the end, and gives back what was written to. A file without it is no HAR file.
    pub(crate) fn finish(mut self) -> Result<W, CaptureError> {
        let written = self.out.write_all(b"\n]}}\n").and_then(|()| self.out.flush());
        written.map_err(|error| failed(&self.file, &error))?;
        Ok(self.out)
    }
}

fn failed(file: &Path, error: &io::Error) -> CaptureError {
    CaptureError::Write { file: file.to_owned(), cause: error.to_string(), lost: 0 }
}

/// Writes a recording as HAR 1.2 and returns the number of exchanges; only one of them is in memory at a time. `file`
/// is the name of `out` in errors; errors of `exchanges` are passed on.
pub fn write<I>(file: &Path, meta: &Meta, exchanges: I, out: &mut impl Write) -> Result<u64, CaptureError>
where
    I: IntoIterator<Item = Result<Exchange, CaptureError>>,
{
    let mut writer = HarWriter::new(file, meta, out)?;
    for exchange in exchanges {
        writer.append(&exchange?)?;
    }
    let count = writer.count;
    writer.finish()?;
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
    cookies: Vec<Pair>,
    headers: Fields<'e>,
    query_string: Vec<Pair>,
    #[serde(skip_serializing_if = "Option::is_none")]
    post_data: Option<PostData>,
    headers_size: i8,
    body_size: i64,
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
    cookies: Vec<Cookie>,
    headers: Fields<'e>,
    content: Content,
    #[serde(rename = "redirectURL")]
    redirect_url: String,
    headers_size: i8,
    body_size: i64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Content {
    size: i64,
    mime_type: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    encoding: Option<&'static str>,
}

#[derive(Serialize)]
struct Cache {}

/// Phases in milliseconds. Those before a request is sent belong to the connection, which is not the exchange's own: -1.
#[derive(Serialize)]
struct Timings {
    blocked: i8,
    dns: i8,
    connect: i8,
    ssl: i8,
    send: f64,
    wait: f64,
    receive: f64,
}

/// A name and its value.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Pair {
    pub(super) name: String,
    pub(super) value: String,
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
        let Exchange { id, connection, started, request, response, failure, rewritten, simulated, timing, .. } =
            exchange;
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
            simulated: simulated.as_ref().map(Into::into),
            request_headers_omitted: omitted_name(&exchange.request.headers),
            response_headers_omitted: exchange.response.as_ref().and_then(|response| omitted_name(&response.headers)),
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
        blocked: -1,
        dns: -1,
        connect: -1,
        ssl: -1,
        send: milliseconds(sent),
        wait: milliseconds(first_byte.saturating_sub(sent)),
        receive: milliseconds(timing.total.saturating_sub(first_byte)),
    }
}

/// HAR's sizes: -1 where they aren't known.
fn size(length: Option<u64>) -> i64 {
    length.map_or(-1, |length| i64::try_from(length).unwrap_or(i64::MAX))
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
        cookies: cookies::sent(&request.headers),
        headers: Fields(&request.headers),
        query_string: url::query_pairs(&request.target).map(|(name, value)| Pair { name, value }).collect(),
        post_data,
        headers_size: -1,
        body_size: size(request.body.known_length()),
    };
    (part, body.extra)
}

/// Where there was no answer, the entry has the response that browsers write then: status 0.
fn response_part(response: Option<&Response>) -> (ResponsePart<'_>, BodyExtra) {
    static NO_HEADERS: Headers = Headers(Vec::new(), OmittedFields::Nothing);
    let headers = response.map_or(&NO_HEADERS, |response| &response.headers);
    let nothing = Body::empty();
    let body = describe(response.map_or(&nothing, |response| &response.body), headers);
    let part = ResponsePart {
        status: response.map_or(0, |response| response.status),
        status_text: response.map_or("", |response| &response.reason),
        http_version: response.map_or("", |response| response.version.as_str()),
        cookies: cookies::set(headers),
        headers: Fields(headers),
        content: Content {
            size: size(body.size),
            mime_type: media_type(headers),
            text: body.text,
            encoding: body.base64.then_some("base64"),
        },
        redirect_url: headers.get("location").unwrap_or_default().to_owned(),
        headers_size: -1,
        body_size: response.map_or(0, |response| size(response.body.known_length())),
    };
    (part, body.extra)
}
