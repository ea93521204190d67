//! A body that goes out over HTTP/2.
//!
//! ```text
//! body ─► frame ─► as much as the receiver has room for ─► DATA … ─► trailers or END_STREAM ─► done
//!    └─ fails ─► Err(Body) ─► LateReset     └─ the receiver resets ─► Err(Reset)
//! ```
//!
//! A reset drops what waits to be written of its stream. Whoever has the connection sends it when that has been flushed.

use std::task::{Context, Poll, ready};

use bytes::Bytes;
use h2::{Reason, SendStream};
use hyper::HeaderMap;
use hyper::body::Body as _;

use crate::proxy::message::fields::may_trail;
use crate::proxy::upstream::{BodyError, WireBody};

/// Why a body was not sent to its end.
#[derive(Debug)]
pub(crate) enum H2SendError {
    /// It failed at the source; the stream is still to be reset, see [`OutgoingBody::into_reset`].
    Body(BodyError),
    /// The receiver wants no more of it, or is gone.
    Stream(h2::Error),
}

/// Sends one body. Holds one frame of it, and never asks for the next one before that has gone.
pub(crate) struct OutgoingBody {
    stream: SendStream<Bytes>,
    body: Option<WireBody>,
    data: Bytes,
    held: bool,
    sent: u64,
    waits_for_body: bool,
}

impl OutgoingBody {
    /// Sends `body` on a stream whose head has gone out; `None` if that was the end of it.
    pub(crate) fn new(stream: SendStream<Bytes>, body: Option<WireBody>) -> Self {
        Self { stream, body, data: Bytes::new(), held: false, sent: 0, waits_for_body: false }
    }

    /// Resets the stream because the body failed; what of it waits to be written is lost.
    pub(crate) fn reset(&mut self, error: &BodyError) {
        self.stream.send_reset(reason_of(error));
    }

    /// The reset that says that the body failed.
    pub(crate) fn into_reset(self, error: &BodyError) -> LateReset {
        LateReset { stream: self.stream, reason: reason_of(error) }
    }

    /// While held, the body is not asked for anything.
    pub(crate) fn hold(&mut self, held: bool) {
        self.held = held;
    }

    /// True once everything has been given to the connection, which flushes it by itself.
    pub(crate) fn is_done(&self) -> bool {
        self.body.is_none()
    }

    /// Bytes that the connection took so far.
    pub(crate) fn sent(&self) -> u64 {
        self.sent
    }

    /// True if it was the body that kept the last [`Self::poll_send`] from going on, not the receiver.
    pub(crate) fn waits_for_body(&self) -> bool {
        self.waits_for_body
    }

    /// Goes on sending; ready once everything has been given to the connection.
    pub(crate) fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), H2SendError>> {
        self.waits_for_body = false;
        loop {
            let Some(body) = self.body.as_mut() else { return Poll::Ready(Ok(())) };
            if let Poll::Ready(reset) = self.stream.poll_reset(cx) {
                let error = reset.map_or_else(|error| error, h2::Error::from);
                return Poll::Ready(Err(self.give_up(error)));
            }
            if !self.data.is_empty() {
                ready!(self.poll_data(cx))?;
                continue;
            }
            if self.held {
                return Poll::Pending;
            }
            let frame = match std::pin::Pin::new(body).poll_frame(cx) {
                Poll::Pending => {
                    self.waits_for_body = true;
                    return Poll::Pending;
                }
                Poll::Ready(frame) => frame,
            };
            match frame {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) if data.is_empty() && self.body_has_ended() => self.end(None)?,
                    Ok(data) => self.data = data,
                    Err(frame) => {
                        if let Ok(trailers) = frame.into_trailers() {
                            self.end(Some(trailers))?;
                        }
                    }
                },
                Some(Err(error)) => {
                    self.body = None;
                    return Poll::Ready(Err(H2SendError::Body(error)));
                }
                None => self.end(None)?,
            }
        }
    }

    fn body_has_ended(&self) -> bool {
        self.body.as_ref().is_none_or(hyper::body::Body::is_end_stream)
    }

    /// Sends as much as there is room for.
    fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), H2SendError>> {
        self.stream.reserve_capacity(self.data.len());
        while self.stream.capacity() == 0 {
            match ready!(self.stream.poll_capacity(cx)) {
                Some(Ok(_)) => {}
                Some(Err(error)) => return Poll::Ready(Err(self.give_up(error))),
                None => return Poll::Ready(Err(self.give_up(Reason::STREAM_CLOSED.into()))),
            }
        }
        let part = self.data.split_to(self.stream.capacity().min(self.data.len()));
        self.sent += part.len() as u64;
        let last = self.data.is_empty() && self.body_has_ended();
        let sent = if last {
            self.body = None;
            self.stream.send_data(part, true)
        } else {
            self.stream.send_data(part, false)
        };
        Poll::Ready(sent.map_err(|error| self.give_up(error)))
    }

    fn end(&mut self, trailers: Option<HeaderMap>) -> Result<(), H2SendError> {
        self.body = None;
        let trailers = trailers.map(that_may_trail).filter(|fields| !fields.is_empty());
        let ended = match trailers {
            Some(fields) => self.stream.send_trailers(fields),
            None => self.stream.send_data(Bytes::new(), true),
        };
        ended.map_err(|error| self.give_up(error))
    }

    fn give_up(&mut self, error: h2::Error) -> H2SendError {
        self.body = None;
        self.data = Bytes::new();
        H2SendError::Stream(error)
    }
}

/// A stream that is to be reset when what was given to it has been flushed. Dropped, it is reset at once, as cancelled.
pub(crate) struct LateReset {
    stream: SendStream<Bytes>,
    reason: Reason,
}

impl LateReset {
    /// Resets the stream; what of it waits to be written is lost.
    pub(crate) fn send(mut self) {
        self.stream.send_reset(self.reason);
    }
}

/// What to say to the receiver of a body that failed: what its sender said, if it spoke HTTP/2 too.
fn reason_of(error: &BodyError) -> Reason {
    let said = error.downcast_ref::<h2::Error>().filter(|error| error.is_reset()).and_then(h2::Error::reason);
    said.filter(|&reason| reason != Reason::NO_ERROR).unwrap_or(Reason::INTERNAL_ERROR)
}

/// The trailer fields that go on, as over HTTP/1.
fn that_may_trail(fields: HeaderMap) -> HeaderMap {
    if fields.keys().all(|name| may_trail(name.as_str())) {
        return fields;
    }
    let going_on = fields.iter().filter(|(name, _)| may_trail(name.as_str()));
    going_on.map(|(name, value)| (name.clone(), value.clone())).collect()
}
