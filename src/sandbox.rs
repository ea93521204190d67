//! A small booking system in memory: it conforms to the Open Booking API, or misbehaves in ways one can name.
//!
//! `request → endpoint → caller → Order UUID → operation on the book → reply → (misbehaviours) → answer`
//!
//! It has ten weekly sessions of two sellers, free and paid, some of them full or nearly so, always ahead of the
//! clock. Any bearer token is a booking partner of its own. There are no OrderProposals. The core does no I/O and
//! reads no clock: [`Sandbox::answer`] is a function of the state, the request and the time it is told.

mod answer;
mod api;
mod book;
mod catalogue;
mod dataset;
mod feed;
mod finish;
mod misbehaviour;
mod money;
mod problem;
mod request;
mod service;

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use jiff::Timestamp;

pub use misbehaviour::{Misbehaviour, Misbehaviours, UnknownMisbehaviour};
pub use service::{MAX_REQUEST, serve};

use crate::exchange::Headers;
use crate::openbooking::{ApiPath, Endpoint, Stage, classify, is_uuid};
use api::{ApiCall, ApiReply};
use book::Book;
use catalogue::Uris;
use problem::Problem;

/// The context of every message.
const CONTEXT: &str = "https://openactive.io/";

/// Base URI of a sandbox that has no listener of its own, so that identifiers are the same in every run.
pub const IN_PROCESS_BASE_URI: &str = "https://sandbox.example/api/openbooking";

/// Path of the Base URI of a sandbox behind a listener: `http://ADDR/api/openbooking`.
pub(crate) const BASE_PATH: &str = "/api/openbooking";

/// The booking system.
pub struct Sandbox {
    uris: Uris,
    state: Mutex<SandboxState>,
}

struct SandboxState {
    /// Opened at the first request: sessions lie ahead of that time.
    book: Option<Book>,
    misbehaviours: Misbehaviours,
}

/// What the booking system answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SandboxAnswer {
    /// Status code.
    pub status: u16,
    /// Header fields; Date is left to the server.
    pub headers: Headers,
    /// Content.
    pub body: Bytes,
}

/// A Base URI that can't be one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{base_uri:?} is no Base URI of a booking system; give one like http://127.0.0.1:8081/api/openbooking")]
pub struct BadBaseUri {
    /// What was given.
    pub base_uri: String,
}

impl Sandbox {
    /// A booking system that lives at `base_uri`: scheme, authority and a path, such as [`IN_PROCESS_BASE_URI`].
    ///
    /// Fails if the URI has no scheme of the web, no authority, no path, or a query.
    pub fn new(base_uri: &str, misbehaviours: Misbehaviours) -> Result<Self, BadBaseUri> {
        let refuse = || BadBaseUri { base_uri: base_uri.to_owned() };
        let trimmed = base_uri.trim_end_matches('/');
        let (scheme, rest) = trimmed.split_once("://").ok_or_else(refuse)?;
        let (authority, path) = rest.split_once('/').ok_or_else(refuse)?;
        let plain =
            |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic() && !b"?#<>\"".contains(&b));
        if !matches!(scheme, "http" | "https") || !plain(authority) || !plain(path) {
            return Err(refuse());
        }
        let uris = Uris { origin: format!("{scheme}://{authority}"), base_path: format!("/{path}") };
        Ok(Self { uris, state: Mutex::new(SandboxState { book: None, misbehaviours }) })
    }

    /// Scheme and authority of the Base URI.
    pub fn origin(&self) -> &str {
        &self.uris.origin
    }

    /// The Base URI, without a trailing slash.
    pub fn base_uri(&self) -> String {
        self.uris.base()
    }

    /// Address of the dataset site.
    pub(crate) fn dataset_site(&self) -> String {
        format!("{}{}", self.uris.origin, dataset::PATH)
    }

    /// How it misbehaves now.
    pub fn misbehaviours(&self) -> Misbehaviours {
        self.state().misbehaviours
    }

    /// Changes how it misbehaves, from the next request on. What is booked stays booked.
    pub fn set_misbehaviours(&self, misbehaviours: Misbehaviours) {
        self.state().misbehaviours = misbehaviours;
    }

    /// Answers one request. `target` is path and query; `now` must not run backwards by much between calls.
    pub fn answer(&self, method: &str, target: &str, headers: &Headers, body: &[u8], now: Timestamp) -> SandboxAnswer {
        let mut state = self.state();
        let misbehaviours = state.misbehaviours;
        let book = state.book.get_or_insert_with(|| Book::open(now));
        book.advance(now);
        let (path, query) = target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)));
        let call = classify(method, path, Some(&self.uris.base_path), false);
        if matches!(path, dataset::PATH | feed::SESSIONS_PATH) && !matches!(method, "GET" | "HEAD") {
            return self.wrong_method(path, "GET, HEAD", misbehaviours);
        }
        let known = match call.endpoint {
            Endpoint::Known(known) | Endpoint::WrongVerb(known) if call.base_path == self.uris.base_path => known,
            _ => return self.finish(self.outside(path, query, book, misbehaviours), Stage::Other, misbehaviours),
        };
        if matches!(known, ApiPath::OrderProposals | ApiPath::OrderProposalsFeed) {
            return self.finish(unknown_endpoint(path, misbehaviours), Stage::Other, misbehaviours);
        }
        if call.endpoint == Endpoint::WrongVerb(known) {
            return self.wrong_method(path, &known.verbs().join(", "), misbehaviours);
        }
        let caller = match caller(headers) {
            Ok(caller) => caller.to_owned(),
            Err(problem) => {
                let mut answer = self.finish(Err(problem), call.stage, misbehaviours);
                answer.headers.push("WWW-Authenticate", "Bearer");
                return answer;
            }
        };
        if call.stage == Stage::OrdersFeed {
            let page = feed::after(query)
                .map(|after| ApiReply::OrdersPage(feed::orders(book, &self.uris, &caller, misbehaviours, after)));
            return self.finish(page, call.stage, misbehaviours);
        }
        let Some(uuid) = call.uuid_segment.filter(|segment| is_uuid(segment)) else {
            return self.finish(unknown_endpoint(path, Misbehaviours::NONE), call.stage, misbehaviours);
        };
        let operation = ApiCall {
            stage: call.stage,
            key: (caller, uuid.to_ascii_lowercase()),
            body,
            now,
            uris: &self.uris,
            misbehaviours,
        };
        let reply = operation.run(book);
        self.finish(reply, call.stage, misbehaviours)
    }

    /// Open data, and paths that nothing answers at.
    fn outside(
        &self,
        path: &str,
        query: Option<&str>,
        book: &Book,
        misbehaviours: Misbehaviours,
    ) -> Result<ApiReply, Problem> {
        match path {
            dataset::PATH => Ok(ApiReply::Html(dataset::page(&self.uris, misbehaviours))),
            feed::SESSIONS_PATH => {
                feed::after(query).map(|after| ApiReply::OpenPage(feed::sessions(book, &self.uris, after)))
            }
            _ => unknown_endpoint(path, misbehaviours),
        }
    }

    fn wrong_method(&self, path: &str, allowed: &str, misbehaviours: Misbehaviours) -> SandboxAnswer {
        let problem = Problem::new(&problem::WRONG_METHOD, format!("{path} takes {allowed}"));
        let mut answer = self.finish(Err(problem), Stage::Other, misbehaviours);
        answer.headers.push("Allow", allowed.to_owned());
        answer
    }

    /// The answer to a request whose body is longer than [`MAX_REQUEST`].
    fn refuse_length(&self) -> SandboxAnswer {
        let problem = Problem::new(&problem::TOO_LARGE, format!("the body is longer than {MAX_REQUEST} bytes"));
        self.finish(Err(problem), Stage::Other, self.misbehaviours())
    }

    fn finish(&self, reply: Result<ApiReply, Problem>, stage: Stage, misbehaviours: Misbehaviours) -> SandboxAnswer {
        finish::finish(reply, stage, &self.uris, misbehaviours)
    }

    fn state(&self) -> MutexGuard<'_, SandboxState> {
        // The book is changed in one go after all checks, so what a panic elsewhere left behind is whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Sandbox {
    /// Without the book: its keys are credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sandbox").field("base_uri", &self.uris.base()).finish_non_exhaustive()
    }
}

/// Who calls: the value of Authorization, which must be a bearer token.
fn caller(headers: &Headers) -> Result<&str, Problem> {
    let Some(authorization) = headers.get("authorization") else {
        return Err(Problem::new(&problem::UNAUTHENTICATED, "send Authorization: Bearer and any token"));
    };
    match authorization.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") && !token.trim().is_empty() => Ok(token.trim()),
        _ => Err(Problem::new(&problem::INVALID_AUTHORIZATION, "Authorization must be Bearer and a token")),
    }
}

fn unknown_endpoint(path: &str, misbehaviours: Misbehaviours) -> Result<ApiReply, Problem> {
    if misbehaviours.has(Misbehaviour::AcceptsUnknownPath) {
        return Ok(ApiReply::NoContent);
    }
    Err(Problem::new(&problem::UNKNOWN_ENDPOINT, format!("nothing answers at {path}")))
}
