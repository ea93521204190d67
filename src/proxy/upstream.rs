//! The one abstraction of the wire: whoever answers in the booking system's place.
//!
//! The live client, the embedded booking system and (later) replay and fault injection implement [`Upstream`], so that
//! a faked run goes through the same listener, tee, recorder and rules as a live one.

use std::future::Future;
use std::pin::Pin;

use bytes::Bytes;
use http_body_util::combinators::BoxBody;

use crate::exchange::FailureKind;

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
    /// What kind of failure: [`FailureKind::Unreachable`], [`FailureKind::TimedOut`] or [`FailureKind::BrokenOff`].
    pub kind: FailureKind,
    /// The cause in words, naming the host.
    pub detail: String,
}
