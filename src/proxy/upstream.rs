//! The one abstraction of the wire: whoever answers in the booking system's place.
//!
//! The live client, the embedded booking system, the replay and what makes faults of any of them implement [`Upstream`], so that
//! a faked run goes through the same listener, tee, recorder and rules as a live one.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::{Bytes, BytesMut};
use http_body_util::combinators::BoxBody;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc;

use super::head::HeadError;
use crate::exchange::{FailureKind, Headers};

/// An error of a body in transit, described for people.
pub type BodyError = Box<dyn std::error::Error + Send + Sync>;

/// A body in transit, either way.
pub type WireBody = BoxBody<Bytes, BodyError>;

/// Answers requests in the booking system's place.
pub trait Upstream: Send + Sync + 'static {
    /// Scheme and authority that requests go to, as recorded in [`crate::exchange::Exchange::origin`].
    fn origin(&self) -> &str;

    /// Sends one request and returns as soon as the response's head is there; the body streams.
    ///
    /// The request's URI is in origin form (path and query); hop-by-hop fields and Host have been dealt with.
    fn send(&self, request: hyper::Request<WireBody>) -> Answer<'_>;
}

/// What [`Upstream::send`] returns.
pub type Answer<'a> = Pin<Box<dyn Future<Output = Result<hyper::Response<WireBody>, UpstreamError>> + Send + 'a>>;

/// Why no answer came.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{detail}")]
pub struct UpstreamError {
    /// What kind of failure: [`FailureKind::Unreachable`], [`FailureKind::TimedOut`] or [`FailureKind::BrokenOff`]; or
    /// [`FailureKind::BadRequest`] or [`FailureKind::ClientGone`] where it was the request that failed.
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

/// Channel for 1xx responses, passed along with a request as an extension.
#[derive(Debug, Clone)]
pub struct Informational(mpsc::Sender<InformationalResponse>);

impl Informational {
    /// A way and its end.
    pub fn channel() -> (Self, mpsc::Receiver<InformationalResponse>) {
        let (sender, receiver) = mpsc::channel(INTERIM);
        (Self(sender), receiver)
    }

    /// Passes one on.
    pub fn send(&self, head: InformationalResponse) {
        let status = head.status;
        if self.0.try_send(head).is_err() {
            tracing::debug!(status, "an interim answer was dropped: the broker takes none, or takes them too slowly");
        }
    }
}

/// A stream of bytes both ways.
pub trait Duplex: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Duplex for S {}

/// What was read ahead of a stream, and the stream.
pub type Raw = (BytesMut, Box<dyn Duplex>);

/// The raw connection after a 101 response, passed along with it as an extension. It no longer speaks HTTP.
#[derive(Clone)]
pub struct UpgradedIo(Arc<Mutex<Option<Raw>>>);

impl UpgradedIo {
    /// `ahead`: what has been read of it behind the head.
    pub fn new(ahead: BytesMut, stream: impl Duplex + 'static) -> Self {
        Self(Arc::new(Mutex::new(Some((ahead, Box::new(stream))))))
    }

    /// What was read ahead, and the stream; once.
    pub fn take(&self) -> Option<Raw> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// Why the body of a request failed at its source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RequestFault {
    /// It breaks the rules of its transfer coding.
    #[error("{0}")]
    Malformed(#[from] crate::proxy::h1::ChunkError),
    /// Nothing more came.
    #[error("the broker sent nothing more of it for {} s", .0.as_secs())]
    Stalled(std::time::Duration),
}

/// What kind of failure it is that a request's body failed that way.
pub fn fault_of_request(error: &BodyError) -> FailureKind {
    match error.downcast_ref() {
        Some(RequestFault::Malformed(_)) => FailureKind::BadRequest,
        // Of trailers.
        _ if error.is::<HeadError>() => FailureKind::BadRequest,
        _ => FailureKind::ClientGone,
    }
}
