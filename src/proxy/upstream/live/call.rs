//! One request on one connection.
//!
//! ```text
//! H1Connection, H1Request ─► send ┐ at the same time
//!                            read ┘─► head ─► Response with H1ResponseBody: goes on sending and reading ─► the connection
//!                                                                                          back to the pool
//! ```
//!
//! No task is spawned: whoever waits for the head, and then whoever reads the body, drives both directions.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, SizeHint};
use hyper::ext::ReasonPhrase;
use hyper::{Method, StatusCode};
use tokio::io::{ReadHalf, WriteHalf};

use crate::exchange::FailureKind;
use crate::proxy::h1::{
    BodyDecoder, BodyEncoding, H1SendError, HeadWatch, MessageReader, MessageWriter, parse_response,
};
use crate::proxy::message::fields::RawTrailers;
use crate::proxy::message::head::{HeadLimits, ResponseHead};
use crate::proxy::upstream::live::connect::H1Connection;
use crate::proxy::upstream::live::driver::{CONTINUE, HttpCall, ReceivedHead, await_head};
use crate::proxy::upstream::live::pool::Pool;
use crate::proxy::upstream::live::socket::UpstreamStream;
use crate::proxy::upstream::{
    BodyError, Informational, InformationalResponse, UpgradedIo, UpstreamError, UpstreamResponse, WireBody, empty_body,
    failure_kind_of_request,
};

/// A request on its way.
pub(crate) struct H1Request {
    /// Method.
    pub method: Method,
    /// Head, and what of the body is there already.
    pub start: Bytes,
    /// The rest of the body.
    pub body: Option<WireBody>,
    /// How the rest is written.
    pub coding: BodyEncoding,
    /// The body is only sent when it is asked for.
    pub expects: bool,
    /// It offers to switch to another protocol.
    pub offers: bool,
    /// The body's trailer fields, once they have come.
    pub trailers: RawTrailers,
    /// Takes interim answers.
    pub interim: Option<Informational>,
    /// To whom, for messages.
    pub host: String,
    /// How large the head of the answer may be.
    pub answer_head: HeadLimits,
}

impl H1Request {
    /// The same once more, with its own reader of the rest of the body.
    pub(super) fn try_clone(&self, body: Option<WireBody>) -> Self {
        Self {
            method: self.method.clone(),
            start: self.start.clone(),
            body,
            coding: self.coding,
            expects: self.expects,
            offers: self.offers,
            trailers: self.trailers.clone(),
            interim: self.interim.clone(),
            host: self.host.clone(),
            answer_head: self.answer_head,
        }
    }

    fn error(&self, kind: FailureKind, what: &str) -> UpstreamError {
        UpstreamError { kind, detail: format!("{} {what}", self.host) }
    }
}

/// Why a call failed.
#[derive(Debug)]
pub(crate) enum H1CallError {
    /// The connection was closed before anything of an answer had come.
    Closed(UpstreamError),
    /// Anything else.
    Failed(UpstreamError),
}

impl H1CallError {
    /// The error itself.
    pub(super) fn into_inner(self) -> UpstreamError {
        match self {
            Self::Closed(error) | Self::Failed(error) => error,
        }
    }
}

type H1Sender = MessageWriter<WriteHalf<UpstreamStream>>;
type H1Reader = MessageReader<ReadHalf<UpstreamStream>>;

/// A request and the connection that it is on.
struct H1Call {
    message: H1Request,
    reading: H1Reader,
    sending: H1Sender,
    watch: HeadWatch,
    /// Why nothing more can be sent.
    unwritten: Option<io::Error>,
}

/// Sends a message and returns when the head of the answer is there; see [`await_head`].
pub(super) async fn call(
    link: H1Connection,
    mut message: H1Request,
    patience: Duration,
    pool: &Arc<Pool>,
) -> Result<UpstreamResponse, H1CallError> {
    let sending = MessageWriter::shared(link.writer, message.start.clone(), message.body.take(), message.coding)
        .with_trailers(message.trailers.clone());
    let (unasked, informational) = (message.expects.then_some(CONTINUE), message.interim.take());
    let mut call = H1Call { message, reading: link.reader, sending, watch: HeadWatch::default(), unwritten: None };
    let head = await_head(&mut call, unasked, patience, informational.as_ref()).await?;
    let H1Call { message, reading, sending, unwritten, .. } = call;
    answer(head, &message, reading, sending, unwritten.is_none(), pool)
}

impl HttpCall for H1Call {
    type Head = ResponseHead;
    type Error = H1CallError;

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<ReceivedHead<ResponseHead>, H1CallError>> {
        let Self { message, reading, sending, watch, unwritten } = self;
        // What can be read before the rest of the request goes out was not sent in answer to all of it.
        let mut read = Poll::Pending;
        if sending.written() > 0 && !sending.is_done() {
            read = poll_head(reading, watch, message, cx);
        }
        if read.is_pending() && unwritten.is_none() && !sending.is_done() {
            match sending.poll_send(cx) {
                Poll::Ready(Err(H1SendError::Body(error))) => {
                    let what = format!("did not get all of the request: {error}");
                    return Poll::Ready(Err(H1CallError::Failed(
                        message.error(failure_kind_of_request(&error), &what),
                    )));
                }
                // It may have answered before it closed: reading tells.
                Poll::Ready(Err(H1SendError::Write(error))) => *unwritten = Some(error),
                Poll::Ready(Ok(())) | Poll::Pending => {}
            }
        }
        if read.is_pending() {
            read = poll_head(reading, watch, message, cx);
        }
        match ready!(read) {
            Ok(head) if head.status == 101 && !message.offers => {
                let error = message.error(FailureKind::BrokenOff, "switched protocols without being asked to");
                Poll::Ready(Err(H1CallError::Failed(error)))
            }
            Ok(head) if head.status < 200 && head.status != 101 => {
                *watch = HeadWatch::default();
                let ResponseHead { status, reason, fields, .. } = head;
                Poll::Ready(Ok(ReceivedHead::Interim(InformationalResponse { status, reason, fields })))
            }
            Ok(head) => Poll::Ready(Ok(ReceivedHead::Head(head))),
            Err(H1CallError::Closed(error)) => {
                let error = match unwritten {
                    Some(cause) => message.error(FailureKind::BrokenOff, &format!("closed the connection: {cause}")),
                    None => error,
                };
                Poll::Ready(Err(H1CallError::Closed(error)))
            }
            Err(error) => Poll::Ready(Err(error)),
        }
    }

    fn sent(&self) -> (u64, bool) {
        (self.sending.written(), !self.sending.is_done() && self.sending.waits_for_body())
    }

    fn hold(&mut self, held: bool) {
        self.sending.hold(held);
    }

    fn error(&self, kind: FailureKind, what: &str) -> H1CallError {
        H1CallError::Failed(self.message.error(kind, what))
    }
}

fn poll_head(
    reading: &mut H1Reader,
    watch: &mut HeadWatch,
    message: &H1Request,
    cx: &mut Context<'_>,
) -> Poll<Result<ResponseHead, H1CallError>> {
    let limits = message.answer_head;
    loop {
        let due = watch.is_due(&reading.buf, limits);
        match if due { parse_response(&mut reading.buf, limits) } else { Ok(None) } {
            Ok(Some(head)) => return Poll::Ready(Ok(head)),
            Ok(None) => {}
            Err(error) => {
                let what = format!("sent an answer that can't be read: {error}");
                return Poll::Ready(Err(H1CallError::Failed(message.error(FailureKind::BrokenOff, &what))));
            }
        }
        let what = match ready!(reading.poll_fill(cx)) {
            Ok(0) => "closed the connection before its answer".to_owned(),
            Ok(_) => continue,
            Err(error) => format!("broke the connection off before its answer: {error}"),
        };
        let error = message.error(FailureKind::BrokenOff, &what);
        return Poll::Ready(Err(if reading.buf.is_empty() {
            H1CallError::Closed(error)
        } else {
            H1CallError::Failed(error)
        }));
    }
}

fn answer(
    head: ResponseHead,
    message: &H1Request,
    reading: H1Reader,
    sending: H1Sender,
    sound: bool,
    pool: &Arc<Pool>,
) -> Result<UpstreamResponse, H1CallError> {
    let unreadable = |cause: String| {
        let what = format!("sent an answer that can't be read: {cause}");
        H1CallError::Failed(message.error(FailureKind::BrokenOff, &what))
    };
    if head.status == 101 && !sending.is_done() {
        return Err(unreadable("it switched protocols before it had the whole request".to_owned()));
    }
    let length = head.length(&message.method).map_err(|error| unreadable(error.to_string()))?;
    let decoder = BodyDecoder::new(length);
    // Who answered before it had the request may take the rest of it for another request.
    let keep = sound && sending.is_done() && head.keeps_alive() && decoder != BodyDecoder::UntilClose;
    // A refusal that ends the connection says that nobody reads on (RFC 9112 section 9.3).
    let sends = sound && (head.status < 400 || head.keeps_alive());
    let status = StatusCode::from_u16(head.status).map_err(|error| unreadable(error.to_string()))?;
    let trailers = RawTrailers::of_body(length);
    let mut upgrade = None;
    let body = if head.status == 101 {
        let (input, read_ahead) = reading.into_parts();
        upgrade = Some(UpgradedIo { read_ahead, stream: Box::new(input.unsplit(sending.into_io())) });
        empty_body()
    } else {
        let (wires, trailers) = (Some((reading, sending)), trailers.clone());
        let mut body = H1ResponseBody { wires, decoder, trailers, sends, keep, pool: Arc::clone(pool) };
        if decoder.is_done() {
            body.finish();
            empty_body()
        } else {
            body.boxed()
        }
    };
    let is_usual = status.canonical_reason().unwrap_or_default().as_bytes() == &head.reason[..];
    // Bytes that no reason phrase may have are not passed on.
    let is_valid = !is_usual && ReasonPhrase::try_from(&head.reason[..]).is_ok();
    Ok(UpstreamResponse {
        reason: is_valid.then_some(head.reason),
        version: head.version,
        is_from_wire: true,
        trailers,
        upgrade,
        ..UpstreamResponse::new(status, head.fields, body)
    })
}

/// The rest of an exchange: what is still to be sent, and the answer's body.
struct H1ResponseBody {
    /// Taken when it has ended.
    wires: Option<(H1Reader, H1Sender)>,
    decoder: BodyDecoder,
    trailers: RawTrailers,
    /// The rest of the request is still sent.
    sends: bool,
    /// The connection can be used again.
    keep: bool,
    pool: Arc<Pool>,
}

impl H1ResponseBody {
    /// The answer is at its end: the connection goes back to the pool, or is closed if it can't be used again. A
    /// request that wasn't wholly sent by then is given up.
    fn finish(&mut self) {
        if let Some((reader, sending)) = self.wires.take()
            && self.keep
        {
            self.pool.put(H1Connection { reader, writer: sending.into_io() });
        }
    }
}

impl Body for H1ResponseBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = self.get_mut();
        let Some((reading, sending)) = this.wires.as_mut() else { return Poll::Ready(None) };
        if !sending.is_done() && this.sends {
            match sending.poll_send(cx) {
                Poll::Ready(Err(H1SendError::Body(error))) => {
                    this.wires = None;
                    return Poll::Ready(Some(Err(error)));
                }
                // It takes no more of the request; its answer may still come.
                Poll::Ready(Err(H1SendError::Write(_))) => this.sends = false,
                Poll::Ready(Ok(())) | Poll::Pending => {}
            }
        }
        let frame = ready!(reading.poll_body(&mut this.decoder, &this.trailers, cx));
        match &frame {
            Some(Ok(_)) if !this.decoder.is_done() => {}
            Some(Err(_)) => this.wires = None,
            _ => this.finish(),
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.decoder.is_done()
    }

    fn size_hint(&self) -> SizeHint {
        self.decoder.remaining().map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}
