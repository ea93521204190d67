//! A body that comes over HTTP/2.
//!
//! `DATA … ─► frames (room is given back as each is taken) ─► trailers ─► end, or a reset`

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use h2::RecvStream;
use hyper::body::{Body, Frame, SizeHint};

use crate::proxy::upstream::BodyError;

/// See the module. At most [`super::WINDOW`] bytes wait in it.
pub struct Incoming {
    stream: RecvStream,
    /// Content-Length, less what has come.
    left: Option<u64>,
    data_done: bool,
    done: bool,
}

impl Incoming {
    /// The body on a stream; `length` as its head says.
    pub fn new(stream: RecvStream, length: Option<u64>) -> Self {
        let done = stream.is_end_stream();
        Self { stream, left: if done { Some(0) } else { length }, data_done: false, done }
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
            match ready!(this.stream.poll_data(cx)) {
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
        let trailers = ready!(this.stream.poll_trailers(cx));
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
