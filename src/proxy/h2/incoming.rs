//! A body that comes over HTTP/2.
//!
//! `DATA … ─► frames (room is given back as each is taken) ─► trailers ─► end, or a reset`

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use h2::RecvStream;
use hyper::body::{Body, Frame, SizeHint};
use tokio::time::Sleep;

use crate::proxy::upstream::{BodyError, RequestFault};

/// See the module. At most [`super::WINDOW`] bytes wait in it.
pub struct Incoming {
    stream: RecvStream,
    /// How long the sender may keep silent where it is waited for, and the time at which it has for so long.
    patience: Option<Duration>,
    stalled: Option<Pin<Box<Sleep>>>,
    /// Content-Length, less what has come.
    left: Option<u64>,
    data_done: bool,
    done: bool,
}

impl Incoming {
    /// The body on a stream; `length` as its head says.
    pub fn new(stream: RecvStream, length: Option<u64>) -> Self {
        let done = stream.is_end_stream();
        let left = if done { Some(0) } else { length };
        Self { stream, patience: None, stalled: None, left, data_done: false, done }
    }

    /// The same, given up as [`RequestFault::Stalled`] when its sender keeps silent for that long.
    pub fn within(self, patience: Duration) -> Self {
        Self { patience: Some(patience), ..self }
    }

    /// Ready if the sender has kept silent for too long.
    fn poll_stalled(&mut self, cx: &mut Context<'_>) -> Poll<BodyError> {
        let Some(patience) = self.patience else { return Poll::Pending };
        ready!(self.stalled.get_or_insert_with(|| Box::pin(tokio::time::sleep(patience))).as_mut().poll(cx));
        self.done = true;
        Poll::Ready(RequestFault::Stalled(patience).into())
    }
}

impl Body for Incoming {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = self.get_mut();
        if this.done {
            return Poll::Ready(None);
        }
        while !this.data_done {
            let Poll::Ready(data) = this.stream.poll_data(cx) else {
                return this.poll_stalled(cx).map(|error| Some(Err(error)));
            };
            this.stalled = None;
            match data {
                Some(Ok(data)) => {
                    // Fails only where the stream is gone; then reading says so next.
                    let _given_back = this.stream.flow_control().release_capacity(data.len());
                    this.left = this.left.map(|left| left.saturating_sub(data.len() as u64));
                    this.done = this.stream.is_end_stream();
                    if !data.is_empty() || this.done {
                        return Poll::Ready(Some(Ok(Frame::data(data))));
                    }
                }
                Some(Err(error)) => {
                    this.done = true;
                    return Poll::Ready(Some(Err(error.into())));
                }
                None => this.data_done = true,
            }
        }
        let Poll::Ready(trailers) = this.stream.poll_trailers(cx) else {
            return this.poll_stalled(cx).map(|error| Some(Err(error)));
        };
        this.done = true;
        Poll::Ready(match trailers {
            Ok(Some(fields)) => Some(Ok(Frame::trailers(fields))),
            Ok(None) => None,
            Err(error) => Some(Err(error.into())),
        })
    }

    fn is_end_stream(&self) -> bool {
        self.done
    }

    fn size_hint(&self) -> SizeHint {
        self.left.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}
