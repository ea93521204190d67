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
use tokio_util::sync::CancellationToken;

use crate::proxy::h2::head;
use crate::proxy::upstream::{BodyError, RequestBodyError};

type ResetFuture = Pin<Box<dyn Future<Output = BodyError> + Send + Sync>>;

/// The body of a message that comes over HTTP/2. At most [`crate::proxy::h2::WINDOW`] bytes wait in it.
pub(crate) struct IncomingBody {
    stream: RecvStream,
    /// How long the sender may keep silent where it is waited for, and what is cancelled when its connection has no more.
    given_up: Option<(Duration, CancellationToken)>,
    /// While the sender is waited for: why it is waited for no longer.
    waiting: Option<ResetFuture>,
    /// Content-Length, less what has come.
    left: Option<u64>,
    data_done: bool,
    done: bool,
}

impl IncomingBody {
    /// The body on a stream; `length` as its head says.
    pub(crate) fn new(stream: RecvStream, length: Option<u64>) -> Self {
        let done = stream.is_end_stream();
        let left = if done { Some(0) } else { length };
        Self { stream, given_up: None, waiting: None, left, data_done: false, done }
    }

    /// The same, given up as [`RequestBodyError::Stalled`] when its sender keeps silent for that long, and at once when `ended`
    /// is cancelled: its connection has no more to read.
    pub(crate) fn within(self, patience: Duration, ended: CancellationToken) -> Self {
        Self { given_up: Some((patience, ended)), ..self }
    }

    /// Ready if the sender is waited for no longer.
    fn poll_given_up(&mut self, cx: &mut Context<'_>) -> Poll<BodyError> {
        let Some((patience, ended)) = &self.given_up else { return Poll::Pending };
        let waiting = self.waiting.get_or_insert_with(|| Box::pin(waiting(*patience, ended.clone())));
        let error = ready!(waiting.as_mut().poll(cx));
        self.done = true;
        Poll::Ready(error)
    }
}

async fn waiting(patience: Duration, ended: CancellationToken) -> BodyError {
    tokio::select! {
        biased;
        () = ended.cancelled() => "the connection was closed within the body".into(),
        () = tokio::time::sleep(patience) => RequestBodyError::Stalled(patience).into(),
    }
}

impl Body for IncomingBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = self.get_mut();
        if this.done {
            return Poll::Ready(None);
        }
        while !this.data_done {
            let Poll::Ready(data) = this.stream.poll_data(cx) else {
                return this.poll_given_up(cx).map(|error| Some(Err(error)));
            };
            this.waiting = None;
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
            return this.poll_given_up(cx).map(|error| Some(Err(error)));
        };
        this.done = true;
        Poll::Ready(match trailers {
            Ok(Some(packed)) => Some(head::trailers(&packed).map(Frame::trailers).map_err(Into::into)),
            Ok(None) => None,
            Err(error) => Some(Err(error.into())),
        })
    }

    fn is_end_stream(&self) -> bool {
        self.done
    }

    fn size_hint(&self) -> SizeHint {
        let left = if self.done { Some(0) } else { self.left };
        left.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}
