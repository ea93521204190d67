//! The vocabulary of the wire: one request and its response, or the failure to get one.
//!
//! `request head → request body … → response head → response body … → Exchange`
//!
//! An [`Exchange`] is an owned value that the proxy (or a reader of recordings) makes once, when both
//! bodies have ended, and that nobody changes afterwards.

mod coding;
mod content;
pub mod secrets;

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
pub use coding::{DecodeError, MAX_DECODED, codings, decode, encode};
pub(crate) use coding::{decode_one, encode_one, salvage, salvage_one};
pub use content::DecodedCopy;
use jiff::Timestamp;

/// One request and its response, or the failure to get one.
#[derive(Debug, Clone, PartialEq)]
pub struct Exchange {
    /// Number given by the proxy when the request's head arrived; unique within one run. In spans and logs.
    pub id: u64,
    /// Number of the downstream connection, unique within one run; 0 where it isn't known.
    pub connection: u64,
    /// When the request's head had arrived, in UTC.
    pub started: Timestamp,
    /// Scheme and authority of the booking system that the request was meant for, such as
    /// `https://booking.example.com` or `http://localhost:5001`; no path, no trailing slash.
    pub origin: String,
    /// What the broker sent.
    pub request: Request,
    /// What the booking system answered, as far as it came. `None`: no head of an answer ever arrived.
    pub response: Option<Response>,
    /// What went wrong on the way, if anything did. With a `response` present: the answer began and broke off.
    pub failure: Option<Failure>,
    /// Links of the response that the broker was given in another form than the booking system sent them, which is the
    /// one that `response` has. Empty unless the proxy was told to rewrite links.
    pub rewritten: Vec<RewrittenLink>,
    /// Who made the answer in the booking system's place; `None` for traffic of a booking system.
    pub simulated: Option<Simulated>,
    /// How long it took.
    pub timing: Timing,
}

/// A request as it was on the wire.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// Method, such as `PUT`.
    pub method: String,
    /// Request target in origin form: path and query, such as `/api/openbooking/orders/…?x=1`.
    pub target: String,
    /// HTTP version.
    pub version: Version,
    /// Header fields in order.
    pub headers: Headers,
    /// Content.
    pub body: Body,
}

/// A response as it was on the wire.
#[derive(Debug, Clone, PartialEq)]
pub struct Response {
    /// Status code, 100 to 999.
    pub status: u16,
    /// Reason phrase, where one was sent that differs from nothing.
    pub reason: String,
    /// HTTP version.
    pub version: Version,
    /// Header fields in order.
    pub headers: Headers,
    /// Content.
    pub body: Body,
}

/// HTTP version of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// HTTP/1.0
    Http10,
    /// HTTP/1.1
    Http11,
    /// HTTP/2
    Http2,
    /// HTTP/3 (seen in foreign recordings only)
    Http3,
}

impl Version {
    /// The version's name as in a status line, `HTTP/1.1`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http10 => "HTTP/1.0",
            Self::Http11 => "HTTP/1.1",
            Self::Http2 => "HTTP/2",
            Self::Http3 => "HTTP/3",
        }
    }

    /// Reads the names that HAR files use (`HTTP/1.1`, `http/2.0`, `h2`, ...); what is unknown counts as HTTP/1.1.
    pub fn from_name(name: &str) -> Self {
        match name.to_ascii_lowercase().as_str() {
            "http/1.0" => Self::Http10,
            "http/2" | "http/2.0" | "h2" => Self::Http2,
            "http/3" | "http/3.0" | "h3" => Self::Http3,
            _ => Self::Http11,
        }
    }
}

/// Header fields in the order of the wire, and which ones the recording leaves out. Names keep their case where the wire gave
/// it; look-ups ignore case.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Headers(pub Vec<Header>, pub OmittedFields);

/// Header fields that a foreign recording leaves out, so that nobody knows whether they were sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OmittedFields {
    /// None: the fields that are there are all that were sent.
    #[default]
    Nothing,
    /// Those that hold credentials or cookies, as in the "sanitised" exports of browsers.
    Credentials,
    /// Any field that isn't there.
    Unlisted,
}

impl OmittedFields {
    /// Every kind, for tables and tests.
    pub const ALL: [Self; 3] = [Self::Nothing, Self::Credentials, Self::Unlisted];

    /// Stable name, as stored in captures, HAR and NDJSON files.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Credentials => "credentials",
            Self::Unlisted => "unlisted",
        }
    }

    /// Reads the stable name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|omitted| omitted.as_str() == name)
    }
}

/// One header field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// Field name.
    pub name: String,
    /// Field value: bytes, mostly ASCII.
    pub value: Bytes,
}

impl Headers {
    /// These fields and no others.
    pub fn of(fields: Vec<Header>) -> Self {
        Self(fields, OmittedFields::Nothing)
    }

    /// True if a field is there, or is known not to have been sent; false if the recording may have left it out. Name in any
    /// case.
    pub fn is_recorded(&self, name: &str) -> bool {
        let left_out = match self.1 {
            OmittedFields::Nothing => false,
            OmittedFields::Credentials => secrets::is_secret_field(name) || secrets::is_cookie_field(name),
            OmittedFields::Unlisted => true,
        };
        !left_out || self.0.iter().any(|field| field.name.eq_ignore_ascii_case(name))
    }

    /// True unless the recording may have left out the field in which credentials are sent.
    pub(crate) fn tells_credentials(&self) -> bool {
        self.1 == OmittedFields::Nothing
    }

    /// The first value of a field, if it is UTF-8. Name in any case.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    /// All UTF-8 values of a field in order. Name in any case.
    pub fn all<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> {
        self.0
            .iter()
            .filter(move |field| field.name.eq_ignore_ascii_case(name))
            .filter_map(|field| std::str::from_utf8(&field.value).ok())
    }

    /// Appends a field.
    pub fn push(&mut self, name: impl Into<String>, value: impl Into<Bytes>) {
        self.0.push(Header { name: name.into(), value: value.into() });
    }
}

impl<N: Into<String>, V: Into<Bytes>> FromIterator<(N, V)> for Headers {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(fields: I) -> Self {
        let fields = fields.into_iter();
        let mut headers = Self::of(Vec::with_capacity(fields.size_hint().0));
        for (name, value) in fields {
            headers.push(name, value);
        }
        headers
    }
}

/// How the content of a message ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyEnd {
    /// All of it passed and all of it was kept.
    Complete,
    /// All of it passed, but only a prefix was kept: it was longer than the cap on kept bytes.
    Truncated,
    /// It stopped before its end: the sender broke off or the receiver went away.
    Cancelled,
    /// The recording doesn't hold it, and may not even say whether there was one. Of foreign recordings only.
    NotRecorded,
}

/// Content of a message, in the content coding of the wire (a compressed body is kept compressed).
#[derive(Clone, PartialEq, Eq)]
pub struct Body {
    /// The bytes that were kept.
    pub bytes: Bytes,
    /// Bytes that passed on the wire (transfer coding removed); more than `bytes.len()` where truncated. Of a complete
    /// body whose secrets were replaced, `bytes` may be shorter or longer; this stays what it was. Of one that was not
    /// recorded 0 means that its length isn't known.
    pub length: u64,
    /// How it ended.
    pub end: BodyEnd,
    /// Trailer fields (RFC 9110 section 6.5) that came behind it, as they came, those that go no further included.
    /// Names are in lower case where the version of HTTP or whoever answered had no other form.
    pub trailers: Headers,
    /// Its content without codings, for as long as the exchange is being recorded and judged.
    pub decoded: DecodedCopy,
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Body({} bytes, {:?}: {:?}", self.length, self.end, String::from_utf8_lossy(&self.bytes))?;
        if !self.trailers.0.is_empty() {
            write!(f, ", {:?}", self.trailers)?;
        }
        f.write_str(")")
    }
}

impl Body {
    /// A body that passed and was kept whole.
    pub fn complete(bytes: impl Into<Bytes>) -> Self {
        Self::ended(bytes, BodyEnd::Complete)
    }

    /// A body of which everything that passed was kept, however it ended; without trailers.
    pub fn ended(bytes: impl Into<Bytes>, end: BodyEnd) -> Self {
        let bytes = bytes.into();
        Self { length: bytes.len() as u64, bytes, end, trailers: Headers::default(), decoded: DecodedCopy::default() }
    }

    /// No content.
    pub fn empty() -> Self {
        Self::complete(Bytes::new())
    }

    /// A body that the recording doesn't hold, of so many bytes as far as it says; 0 where it doesn't.
    pub fn not_recorded(length: u64) -> Self {
        Self { length, ..Self::ended(Bytes::new(), BodyEnd::NotRecorded) }
    }

    /// True if nothing passed.
    pub fn is_empty(&self) -> bool {
        self.length == 0 && self.end != BodyEnd::NotRecorded
    }

    /// Bytes that passed on the wire; `None` where the recording doesn't say.
    pub fn known_length(&self) -> Option<u64> {
        (self.length > 0 || self.end != BodyEnd::NotRecorded).then_some(self.length)
    }
}

/// What kept an exchange from being whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// What went wrong.
    pub kind: FailureKind,
    /// The cause in words, naming the host or file that it is about.
    pub detail: String,
    /// Status that Umpire itself answered in the booking system's place (502, 504; 400 or 408 where the request failed), if it did.
    pub answered: Option<u16>,
}

/// The kinds of [`Failure`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FailureKind {
    /// The booking system could not be reached (name, connection, TLS).
    Unreachable,
    /// The booking system did not answer in time.
    TimedOut,
    /// The booking system broke off before or within its answer, or sent something that is not HTTP.
    BrokenOff,
    /// The broker went away before the answer had ended.
    ClientGone,
    /// The broker's request could not be read to its end: it breaks the rules of HTTP.
    BadRequest,
    /// Umpire was stopped in mid-exchange.
    Stopped,
    /// The broker opened a tunnel to be intercepted, but it and Umpire found no common TLS: it sent no request.
    NoHandshake,
    /// A recording stood in for the booking system, and has no answer to this request. No rule judges such an exchange.
    NoReplay,
    /// Umpire broke the exchange off itself, because a fault was asked for (`--fault`).
    Fault,
}

impl FailureKind {
    /// Every kind, for tables and tests.
    pub const ALL: [Self; 9] = [
        Self::Unreachable,
        Self::TimedOut,
        Self::BrokenOff,
        Self::ClientGone,
        Self::BadRequest,
        Self::Stopped,
        Self::NoHandshake,
        Self::NoReplay,
        Self::Fault,
    ];

    /// Stable name, as stored in captures and HAR files.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::TimedOut => "timed-out",
            Self::BrokenOff => "broken-off",
            Self::ClientGone => "client-gone",
            Self::BadRequest => "bad-request",
            Self::Stopped => "stopped",
            Self::NoHandshake => "no-handshake",
            Self::NoReplay => "no-replay",
            Self::Fault => "fault",
        }
    }

    /// Reads the stable name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }

    /// What happened, in words for people.
    pub(crate) fn describe(self) -> &'static str {
        match self {
            Self::Unreachable => "the booking system could not be reached",
            Self::TimedOut => "the booking system did not answer in time",
            Self::BrokenOff => "the booking system broke off",
            Self::ClientGone => "the broker went away before the answer had ended",
            Self::BadRequest => "the broker's request could not be read",
            Self::Stopped => "Umpire was stopped in mid-exchange",
            Self::NoHandshake => "no TLS connection between the broker and Umpire",
            Self::NoReplay => "the recording that stands in for the booking system has no answer to this request",
            Self::Fault => "Umpire broke the exchange off itself, as it was told to (--fault)",
        }
    }
}

/// Who made an answer in the booking system's place, so that nobody takes it for traffic of a booking system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Simulated {
    /// Who.
    pub by: Simulator,
    /// What it was made of: for a replay the recording and the number of the exchange, `golden.har, exchange 12`; for a
    /// fault the fault as it was written, `B error=OpportunityIsFullError`.
    pub detail: String,
}

/// Stands between a fault and the recorded exchange that it spoilt, where a recording was played again.
pub(crate) const OF_REPLAY: &str = "; of a replay of ";

impl Simulated {
    /// The recording that was played again, or the fault.
    pub fn source(&self) -> &str {
        match self.by {
            Simulator::Replay => self.detail.rsplit_once(", exchange ").map_or("", |(recording, _)| recording),
            Simulator::Fault => self.detail.split(OF_REPLAY).next().unwrap_or_default(),
        }
    }

    /// Who made the answer and of what, in words.
    pub(crate) fn describe(&self) -> String {
        match self.by {
            Simulator::Replay => format!("answered by a replay, not by a booking system: {}", self.detail),
            Simulator::Fault => format!("a fault that Umpire made on purpose: {}", self.detail),
        }
    }
}

/// Who can make an answer in the booking system's place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Simulator {
    /// `umpire replay`: a recording was played again.
    Replay,
    /// `--fault`: Umpire made the answer, changed it, delayed it or kept it back.
    Fault,
}

impl Simulator {
    /// Every one, for tables and tests.
    pub const ALL: [Self; 2] = [Self::Replay, Self::Fault];

    /// Stable name, as stored in captures, HAR and NDJSON files.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Replay => "replay",
            Self::Fault => "fault",
        }
    }

    /// Reads the stable name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|simulator| simulator.as_str() == name)
    }
}

/// A link that was rewritten on its way to the broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RewrittenLink {
    /// JSON pointer of it in the response's body; within a page of HTML that of its JSON-LD, such as
    /// `script 1: /accessService/endpointUrl`; of a header field its name, such as `field Location` or `field Link 2`.
    pub at: String,
    /// As the booking system sent it.
    pub sent: String,
    /// As the broker was given it.
    pub given: String,
}

/// Durations since [`Exchange::started`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Timing {
    /// Until the request's last byte had passed.
    pub sent: Option<Duration>,
    /// Until the response's head had arrived.
    pub first_byte: Option<Duration>,
    /// Until everything had ended.
    pub total: Duration,
}

impl Exchange {
    /// A GET without header fields that nobody has answered, begun at the Unix epoch: what exchanges can be made from
    /// whose other parts are known.
    pub fn get(origin: impl Into<String>, target: impl Into<String>) -> Self {
        let request = Request {
            method: "GET".to_owned(),
            target: target.into(),
            version: Version::Http11,
            headers: Headers::default(),
            body: Body::empty(),
        };
        Self {
            id: 0,
            connection: 0,
            started: Timestamp::UNIX_EPOCH,
            origin: origin.into(),
            request,
            response: None,
            failure: None,
            rewritten: Vec::new(),
            simulated: None,
            timing: Timing::default(),
        }
    }

    /// True if the broker met a fault that Umpire made: the answer says nothing of the booking system.
    pub fn is_faulted(&self) -> bool {
        self.simulated.as_ref().is_some_and(|simulated| simulated.by == Simulator::Fault)
    }

    /// Path without the query.
    pub fn path(&self) -> &str {
        self.request.target.split_once('?').map_or(self.request.target.as_str(), |(path, _)| path)
    }

    /// Query without the question mark; `None` if there is none.
    pub(crate) fn query(&self) -> Option<&str> {
        self.request.target.split_once('?').map(|(_, query)| query)
    }

    /// When everything had ended. Past the end of time it is the end of time.
    pub fn ended(&self) -> Timestamp {
        self.started.saturating_add(self.timing.total).unwrap_or(Timestamp::MAX)
    }

    /// Absolute URL at the booking system: origin and target.
    pub fn url(&self) -> String {
        format!("{}{}", self.origin, self.request.target)
    }
}
