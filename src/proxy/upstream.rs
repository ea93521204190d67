//! The one abstraction of the wire: whoever answers in the booking system's place.
//!
//! The live client, the embedded booking system, the replay and what makes faults of any of them implement [`Upstream`], so that
//! a faked run goes through the same listener, tee, recorder and rules as a live one.

pub mod live;

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::{Bytes, BytesMut};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt as _, Empty, Full};
use hyper::{Method, StatusCode};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::exchange::{FailureKind, Headers, Simulated, Version};
use crate::proxy::message::fields::{RawTrailers, end_to_end};
use crate::proxy::message::head::HeadError;
use crate::proxy::wire_fault::WireFault;

/// An error of a body in transit, described for people.
pub type BodyError = Box<dyn std::error::Error + Send + Sync>;

/// A body in transit, either way.
pub(crate) type WireBody = BoxBody<Bytes, BodyError>;

/// Answers requests in the booking system's place.
pub trait Upstream: Send + Sync + 'static {
    /// Scheme and authority that requests go to, as recorded in [`crate::exchange::Exchange::origin`].
    fn origin(&self) -> &str;

    /// Sends one request and returns as soon as the response's head is there; the body streams.
    fn send(&self, request: OutboundRequest) -> ResponseFuture<'_>;
}

/// What [`Upstream::send`] returns.
pub type ResponseFuture<'a> = Pin<Box<dyn Future<Output = Result<UpstreamResponse, UpstreamError>> + Send + 'a>>;

/// A request as the client sent it, on its way to an upstream.
pub struct OutboundRequest {
    /// Method.
    pub method: Method,
    /// Request target in origin form (path and query), byte for byte.
    pub target: String,
    /// HTTP version that the client speaks.
    pub version: Version,
    /// All header fields that the client sent, hop-by-hop fields and Host included; see [`Self::end_to_end_headers`].
    pub headers: Arc<Headers>,
    /// Content.
    pub body: WireBody,
    /// The body comes without waiting to be asked for, whatever the fields say of that (`Expect: 100-continue`).
    pub body_unasked: bool,
    /// Trailer fields, once the body has ended.
    pub trailers: RawTrailers,
    /// Takes 1xx responses; `None` where the client can't be sent any.
    pub informational: Option<Informational>,
}

impl OutboundRequest {
    /// A request over HTTP/1.1, without trailer fields.
    pub fn new(method: Method, target: impl Into<String>, headers: Headers, body: WireBody) -> Self {
        Self {
            method,
            target: target.into(),
            version: Version::Http11,
            headers: Arc::new(headers),
            body,
            body_unasked: false,
            trailers: RawTrailers::default(),
            informational: None,
        }
    }

    /// Path without the query.
    pub fn path(&self) -> &str {
        self.target.split_once('?').map_or(self.target.as_str(), |(path, _)| path)
    }

    /// The fields that go to whoever answers: without hop-by-hop fields, and with the host of `origin` as Host.
    pub fn end_to_end_headers(&self, origin: &str) -> Headers {
        let mut headers = end_to_end(&self.headers);
        headers.0.retain(|field| !field.name.eq_ignore_ascii_case("host"));
        headers.push("host", authority_of(origin).to_owned());
        headers
    }

    /// Takes the body out, and leaves an empty one.
    pub(crate) fn take_body(&mut self) -> WireBody {
        std::mem::replace(&mut self.body, empty_body())
    }
}

/// A response on its way to the client.
pub struct UpstreamResponse {
    /// Status code.
    pub status: StatusCode,
    /// Reason phrase; `None` for the usual one of the status.
    pub reason: Option<Bytes>,
    /// HTTP version that the upstream speaks.
    pub version: Version,
    /// Header fields.
    pub headers: Arc<Headers>,
    /// True if the fields were read from a wire. Then they say themselves how long the body is; otherwise whoever writes
    /// them adds that.
    pub is_from_wire: bool,
    /// Content.
    pub body: WireBody,
    /// Trailer fields, once the body has ended. Empty for ones that come as a frame of the body alone.
    pub trailers: RawTrailers,
    /// The connection after a 101 response.
    pub upgrade: Option<UpgradedIo>,
    /// What is to happen to the response on the wire.
    pub fault: WireFault,
    /// Who made the response in the booking system's place.
    pub simulated: Option<Simulated>,
}

impl UpstreamResponse {
    /// A response over HTTP/1.1 that came over no wire.
    pub fn new(status: StatusCode, headers: Headers, body: WireBody) -> Self {
        Self {
            status,
            reason: None,
            version: Version::Http11,
            headers: Arc::new(headers),
            is_from_wire: false,
            body,
            trailers: RawTrailers::default(),
            upgrade: None,
            fault: WireFault::default(),
            simulated: None,
        }
    }

    /// The reason phrase to write.
    pub(crate) fn reason_phrase(&self) -> Bytes {
        let usual = self.status.canonical_reason().unwrap_or_default();
        self.reason.clone().unwrap_or_else(|| Bytes::from_static(usual.as_bytes()))
    }

    /// The same response with another body.
    pub(crate) fn map_body(self, body: impl FnOnce(WireBody) -> WireBody) -> Self {
        Self { body: body(self.body), ..self }
    }
}

/// A body without content.
pub(crate) fn empty_body() -> WireBody {
    Empty::new().map_err(|never| match never {}).boxed()
}

/// A body with this content.
pub fn full_body(content: impl Into<Bytes>) -> WireBody {
    Full::new(content.into()).map_err(|never| match never {}).boxed()
}

/// Host and perhaps port of an origin.
pub(crate) fn authority_of(origin: &str) -> &str {
    origin.split_once("://").map_or(origin, |(_, authority)| authority)
}

/// Why no answer came.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{detail}")]
pub struct UpstreamError {
    /// What kind of failure: [`FailureKind::Unreachable`], [`FailureKind::TimedOut`] or [`FailureKind::BrokenOff`];
    /// [`FailureKind::BadRequest`] or [`FailureKind::ClientGone`] where it was the request that failed; of a replay
    /// [`FailureKind::NoReplay`].
    pub kind: FailureKind,
    /// The cause in words, naming the host.
    pub detail: String,
}

/// Interim answers that may wait for a slow broker; what comes on top of them is dropped, as it means little.
const INTERIM: usize = 16;

/// An informational response: status 100 to 199, except 101.
#[derive(Debug, Clone)]
pub struct InformationalResponse {
    /// Status code.
    pub status: u16,
    /// Reason phrase.
    pub reason: Bytes,
    /// Fields.
    pub fields: Headers,
}

/// Channel for 1xx responses, passed along with a request. Hardly any request has one, so it takes no room until one comes.
#[derive(Debug, Clone)]
pub struct Informational(Arc<Mutex<InformationalQueue>>);

/// The other end of [`Informational`].
#[derive(Debug)]
pub struct InformationalReceiver(Arc<Mutex<InformationalQueue>>);

#[derive(Debug, Default)]
struct InformationalQueue {
    /// No more than [`INTERIM`].
    waiting: VecDeque<InformationalResponse>,
    /// Of the task that waits for one.
    waker: Option<Waker>,
}

impl Informational {
    /// Both ends.
    pub fn channel() -> (Self, InformationalReceiver) {
        let interims = Arc::<Mutex<InformationalQueue>>::default();
        (Self(Arc::clone(&interims)), InformationalReceiver(interims))
    }

    /// Passes one on.
    pub fn send(&self, head: InformationalResponse) {
        let mut interims = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if interims.waiting.len() >= INTERIM {
            tracing::debug!(status = head.status, "an interim answer was dropped: the broker takes them too slowly");
            return;
        }
        interims.waiting.push_back(head);
        let waker = interims.waker.take();
        drop(interims);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl InformationalReceiver {
    /// The next one, if it has come.
    pub fn try_recv(&mut self) -> Option<InformationalResponse> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).waiting.pop_front()
    }

    /// The next one. Of a request whose answer has come there is none any more, and this stays pending.
    pub(crate) fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<InformationalResponse> {
        let mut interims = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(head) = interims.waiting.pop_front() {
            return Poll::Ready(head);
        }
        if !interims.waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
            interims.waker = Some(cx.waker().clone());
        }
        Poll::Pending
    }
}

/// A stream of bytes both ways.
pub trait Duplex: AsyncRead + AsyncWrite + Unpin + Send {
    /// From now on it ends with a reset when it is dropped, and not in order.
    fn reset_on_drop(&mut self);
}

/// The raw connection after a 101 response. It no longer speaks HTTP.
pub struct UpgradedIo {
    /// What has been read of it behind the head.
    pub read_ahead: BytesMut,
    /// The rest of it.
    pub stream: Box<dyn Duplex>,
}

/// Why the body of a request failed at its source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RequestBodyError {
    /// It breaks the rules of its transfer coding.
    #[error("{0}")]
    Malformed(#[from] crate::proxy::h1::ChunkError),
    /// Nothing more came.
    #[error("the broker sent nothing more of it for {} s", .0.as_secs())]
    Stalled(std::time::Duration),
}

/// What kind of failure it is that a request's body failed that way.
pub(crate) fn failure_kind_of_request(error: &BodyError) -> FailureKind {
    match error.downcast_ref() {
        Some(RequestBodyError::Malformed(_)) => FailureKind::BadRequest,
        // Of trailers.
        _ if error.is::<HeadError>() => FailureKind::BadRequest,
        _ => FailureKind::ClientGone,
    }
}
