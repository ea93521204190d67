//! One request on a stream of a shared HTTP/2 connection.
//!
//! ```text
//! open ─► OpenStream ─► send_and_await_head: send the body ┐ at the same time ─► Response with H2ResponseBody, which goes on with both
//!   │                                        read the head  ┘
//!   └─ Err: nothing was sent      └─ H2CallError says whether it may be sent again
//! ```
//!
//! As over HTTP/1, no task is spawned: whoever waits for the head, and then whoever reads the body, drives both.

use std::future::Future as _;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use h2::client::{ResponseFuture, SendRequest};
use h2::{Reason, RecvStream, SendStream};
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, SizeHint};
use hyper::{Method, Request, Response};

use crate::exchange::{FailureKind, Version};
use crate::proxy::h2::head::response as read_answer;
use crate::proxy::h2::{H2SendError, IncomingBody, OutgoingBody};
use crate::proxy::message::head::{BodyLength, HeadError, HeadLimits, ResponseHead};
use crate::proxy::upstream::live::connect::Connector;
use crate::proxy::upstream::live::driver::{CONTINUE, HttpCall, ReceivedHead, await_head};
use crate::proxy::upstream::live::shared::{H2Connection, H2StreamPermit};
use crate::proxy::upstream::{
    BodyError, Informational, InformationalResponse, UpstreamError, UpstreamResponse, WireBody, failure_kind_of_request,
};

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum H2CallError {
    /// The booking system says that it did nothing about the request, or nothing of it was sent (RFC 9113 section 8.7).
    Refused(UpstreamError),
    /// It wants to be asked over HTTP/1.1, and did nothing about the request.
    WantsHttp1(UpstreamError),
    /// The connection ended before anything of an answer had come.
    Closed(UpstreamError),
    /// Anything else.
    Failed(UpstreamError),
}

impl H2CallError {
    /// The error itself.
    pub(super) fn into_inner(self) -> UpstreamError {
        match self {
            Self::Refused(error) | Self::WantsHttp1(error) | Self::Closed(error) | Self::Failed(error) => error,
        }
    }
}

/// A stream whose head has been sent.
pub(crate) struct OpenStream {
    lease: H2StreamPermit,
    response: ResponseFuture,
    sending: SendStream<Bytes>,
    host: String,
    answer_head: HeadLimits,
}

/// Opens a stream and sends the head of a request. `bodiless`: that is all of it.
pub(super) async fn open(
    shared: Arc<H2Connection>,
    head: Request<()>,
    bodiless: bool,
    connector: &Connector,
) -> Result<OpenStream, H2CallError> {
    let host = connector.name();
    let (lease, sender) = shared.lease();
    let unsent = |error: &h2::Error, lease: &H2StreamPermit| {
        lease.retire();
        H2CallError::Refused(broken(host, &format!("takes no request on this connection: {error}")))
    };
    let mut sender: SendRequest<Bytes> = match sender.ready().await {
        Ok(sender) => sender,
        Err(error) => return Err(unsent(&error, &lease)),
    };
    match sender.send_request(head, bodiless) {
        Ok((response, sending)) => {
            let answer_head = connector.answer_head();
            Ok(OpenStream { lease, response, sending, host: host.to_owned(), answer_head })
        }
        Err(error) => Err(unsent(&error, &lease)),
    }
}

/// A request and the stream that it is on.
struct H2Call {
    lease: H2StreamPermit,
    response: ResponseFuture,
    sending: OutgoingBody,
    host: String,
    answer_head: HeadLimits,
}

impl HttpCall for H2Call {
    type Head = Response<RecvStream>;
    type Error = H2CallError;

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<ReceivedHead<Self::Head>, H2CallError>> {
        if !self.sending.is_done() {
            match self.sending.poll_send(cx) {
                Poll::Ready(Err(H2SendError::Body(error))) => {
                    self.sending.reset(&error);
                    let what = format!("did not get all of the request: {error}");
                    return Poll::Ready(Err(self.error(failure_kind_of_request(&error), &what)));
                }
                // It may have answered all the same: the response tells.
                Poll::Ready(Err(H2SendError::Stream(_)) | Ok(())) | Poll::Pending => {}
            }
        }
        if let Poll::Ready(Some(Ok(head))) = self.response.poll_informational(cx) {
            let interim = read_answer(head.headers(), self.answer_head).map_err(|error| unreadable(&self.host, &error));
            return Poll::Ready(interim.map(|ResponseHead { status, fields, .. }| {
                ReceivedHead::Interim(InformationalResponse { status, reason: reason(head.status()), fields })
            }));
        }
        let answer = ready!(Pin::new(&mut self.response).poll(cx));
        Poll::Ready(answer.map(ReceivedHead::Head).map_err(|error| failed(&self.host, &error, &self.lease)))
    }

    fn sent(&self) -> (u64, bool) {
        (self.sending.sent(), !self.sending.is_done() && self.sending.waits_for_body())
    }

    fn hold(&mut self, held: bool) {
        self.sending.hold(held);
    }

    fn error(&self, kind: FailureKind, what: &str) -> H2CallError {
        H2CallError::Failed(UpstreamError { kind, detail: format!("{} {what}", self.host) })
    }

    /// Whether the connection is still alive nobody knows: others are not to wait for it.
    fn timed_out(&mut self) {
        self.lease.retire();
    }
}

/// Sends the body and returns when the head of the answer is there; see [`await_head`].
pub(crate) async fn send_and_await_head(
    opened: OpenStream,
    method: &Method,
    body: Option<WireBody>,
    expects: bool,
    patience: Duration,
    interim: Option<&Informational>,
) -> Result<UpstreamResponse, H2CallError> {
    let OpenStream { lease, response, sending, host, answer_head } = opened;
    let mut call = H2Call { lease, response, sending: OutgoingBody::new(sending, body), host, answer_head };
    let answer = await_head(&mut call, expects.then_some(CONTINUE), patience, interim).await?;
    let H2Call { lease, sending, host, answer_head, .. } = call;
    let (parts, stream) = answer.into_parts();
    let head = read_answer(&parts.headers, answer_head).map_err(|error| unreadable(&host, &error))?;
    let length = match head.length(method).map_err(|error| unreadable(&host, &error))? {
        BodyLength::Known(length) => Some(length),
        BodyLength::Chunked | BodyLength::UntilClose => None,
    };
    if stream.is_end_stream() && length.is_some_and(|length| length > 0) {
        return Err(H2CallError::Failed(broken(&host, "announced a body in its answer, and sent none")));
    }
    let body = H2ResponseBody { incoming: IncomingBody::new(stream, length), sending, _lease: lease }.boxed();
    let response = UpstreamResponse::new(parts.status, head.fields, body);
    Ok(UpstreamResponse { version: Version::Http2, is_from_wire: true, ..response })
}

fn unreadable(host: &str, error: &HeadError) -> H2CallError {
    H2CallError::Failed(broken(host, &format!("sent an answer that can't be read: {error}")))
}

/// The rest of an exchange: what is still to be sent, and the answer's body. Dropped early, it resets the stream.
struct H2ResponseBody {
    incoming: IncomingBody,
    sending: OutgoingBody,
    _lease: H2StreamPermit,
}

impl Body for H2ResponseBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = self.get_mut();
        if !this.sending.is_done()
            && let Poll::Ready(Err(H2SendError::Body(error))) = this.sending.poll_send(cx)
        {
            this.sending.reset(&error);
            return Poll::Ready(Some(Err(error)));
        }
        Pin::new(&mut this.incoming).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}

/// Which error it is, and what becomes of the connection.
fn failed(host: &str, error: &h2::Error, lease: &H2StreamPermit) -> H2CallError {
    let what = format!("broke the stream off before its answer: {error}");
    let cause = broken(host, &what);
    match error.reason() {
        Some(Reason::REFUSED_STREAM) if error.is_reset() && error.is_remote() => H2CallError::Refused(cause),
        Some(Reason::HTTP_1_1_REQUIRED) if error.is_remote() => {
            lease.retire();
            H2CallError::WantsHttp1(cause)
        }
        // The library tells it only to streams beyond the last one that was taken.
        _ if error.is_go_away() && error.is_remote() => {
            lease.retire();
            H2CallError::Refused(cause)
        }
        _ if error.is_reset() => H2CallError::Failed(cause),
        _ => {
            lease.retire();
            H2CallError::Closed(cause)
        }
    }
}

/// What an interim answer is called over HTTP/1, where HTTP/2 has no words for it.
fn reason(status: hyper::StatusCode) -> Bytes {
    Bytes::from_static(status.canonical_reason().unwrap_or_default().as_bytes())
}

fn broken(host: &str, what: &str) -> UpstreamError {
    UpstreamError { kind: FailureKind::BrokenOff, detail: format!("{host} {what}") }
}
