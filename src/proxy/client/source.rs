//! The reading side of a broker's connection, which a request's body borrows.
//!
//! ```text
//! lend ─┬─ all of the body was read already ─► a body of bytes; the reader stays here
//!       └─ else ─► RequestBody takes the reader ─► frames … ─► its end or drop ─► home ─► here
//! ```

use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Frame, SizeHint};
use tokio::sync::oneshot;
use tokio::time::{Sleep, sleep};

use crate::proxy::h1::{BodyDecoder, ChunkError, MessageReader};
use crate::proxy::io::ReadSide;
use crate::proxy::message::fields::RawTrailers;
use crate::proxy::message::head::BodyLength;
use crate::proxy::upstream::{BodyError, RequestBodyError, WireBody};

/// Bytes of further requests that are read while an answer is on its way; more stay with the broker.
const READ_AHEAD: usize = 64 * 1024;

/// Where a body leaves the reader when it has ended, and what is still to come of it.
type ReaderSlot<I> = Arc<Mutex<Option<(MessageReader<I>, BodyDecoder)>>>;

/// Reads requests from a broker's connection; a request's body borrows its reader.
pub(crate) struct ClientReader<I> {
    reader: Option<MessageReader<I>>,
    /// What is still to come of the last body.
    rest: BodyDecoder,
    /// The broker waits to be told before it sends the body, and may never do so.
    announced: bool,
    home: ReaderSlot<I>,
    /// Fires when the body is first asked for and the broker waits to be told to go on.
    wanted: Option<oneshot::Receiver<()>>,
}

/// What may happen while an answer is on its way.
#[derive(Debug)]
pub(crate) enum ClientEvent {
    /// The broker is to be told to send its body.
    Continue,
    /// Reading failed: the connection was reset.
    Failed(io::Error),
}

impl<I: ReadSide> ClientReader<I> {
    /// Nothing read yet.
    pub(super) fn new(reader: MessageReader<I>) -> Self {
        Self {
            reader: Some(reader),
            rest: BodyDecoder::Done,
            announced: false,
            home: ReaderSlot::default(),
            wanted: None,
        }
    }

    /// The reader, if no body has it.
    pub(super) fn reader(&mut self) -> Option<&mut MessageReader<I>> {
        if self.reader.is_none()
            && let Some((reader, rest)) = lock(&self.home).take()
        {
            self.reader = Some(reader);
            self.rest = rest;
        }
        self.reader.as_mut()
    }

    /// The reader itself, if no body has it.
    pub(super) fn take(&mut self) -> Option<MessageReader<I>> {
        self.reader();
        self.reader.take()
    }

    /// True if the reader is here and stands behind the end of the last body.
    pub(crate) fn is_at_end(&mut self) -> bool {
        self.reader().is_some() && self.rest.is_done()
    }

    /// What comes next can't be told apart: it is not read as a request.
    pub(super) fn refused(&mut self) {
        self.rest = BodyDecoder::UntilClose;
    }

    /// True if the last body was not read to its end, so that nothing else can be read here.
    pub(crate) fn has_unread_body(&mut self) -> bool {
        self.reader().is_some() && !self.rest.is_done()
    }

    /// Reads the rest of a body whose answer came before its end, so that the connection can go on; nothing of it is kept.
    /// False if nothing came for as long as `silence`, or if nobody knows whether the broker will send it. Can be dropped.
    pub(crate) async fn drain_body(&mut self, silence: Duration) -> bool {
        if self.announced || self.reader().is_none() {
            return false;
        }
        let (rest, trailers) = (&mut self.rest, RawTrailers::default());
        let Some(reader) = self.reader.as_mut() else { return false };
        while !rest.is_done() {
            match tokio::time::timeout(silence, poll_fn(|cx| reader.poll_body(rest, &trailers, cx))).await {
                Ok(Some(Ok(_))) => {}
                // What can't be read, or has ended with the connection; or nothing came.
                Ok(Some(Err(_)) | None) | Err(_) => break,
            }
        }
        rest.is_done()
    }

    /// True if the broker waits to be told to send the body, and was not told.
    pub(super) fn awaits_continue(&self) -> bool {
        self.announced
    }

    /// True if something of a body is here, or comes within `wait`: its broker does not wait to be told to send it.
    pub(super) async fn has_begun_body(&mut self, wait: Duration) -> bool {
        let Some(reader) = self.reader() else { return false };
        if reader.buf.is_empty() {
            // What is wrong with the connection is for the body to say; when the time is over, nothing has come.
            let _filled = tokio::time::timeout(wait, poll_fn(|cx| reader.poll_fill(cx))).await;
        }
        !reader.buf.is_empty()
    }

    /// Nothing is to be told any more about going on: it was told.
    pub(crate) fn continue_sent(&mut self) {
        self.wanted = None;
        self.announced = false;
    }

    /// The body of that length that comes next, and where its trailers will be. `expects`: the broker waits for "100
    /// Continue". It fails with [`RequestBodyError`] if its chunks can't be read, or nothing comes for as long as `patience`.
    pub(crate) fn take_body(
        &mut self,
        length: BodyLength,
        expects: bool,
        patience: Duration,
    ) -> (WireBody, RawTrailers) {
        self.wanted = None;
        self.rest = BodyDecoder::Done;
        self.announced = expects;
        let trailers = RawTrailers::of_body(length);
        let Some(mut reader) = self.reader.take() else {
            // Not reached: a head was just read. An error is truer than an empty body.
            return (failed("the connection's reading side is in use"), trailers);
        };
        if let BodyLength::Known(length) = length
            && length <= reader.buf.len() as u64
        {
            let data = reader.buf.split_to(length as usize).freeze();
            self.reader = Some(reader);
            return (Full::new(data).map_err(|never| match never {}).boxed(), trailers);
        }
        let ask = if expects {
            let (sender, receiver) = oneshot::channel();
            self.wanted = Some(receiver);
            Some(sender)
        } else {
            None
        };
        let home = Arc::clone(&self.home);
        let body = RequestBody {
            reader: Some(reader),
            decoder: BodyDecoder::new(length),
            trailers: trailers.clone(),
            home,
            ask,
            patience,
            timer: None,
        };
        (body.boxed(), trailers)
    }

    /// What happens next. Requests that the broker sends meanwhile are read ahead up to [`READ_AHEAD`] bytes; with more
    /// than that unread it is not watched. While a body has the reader, it is the body that sees the broker go.
    ///
    /// A broker that closes its sending side behind a whole request has not gone: it may wait for the answer (RFC 9112
    /// section 9.6). That holds for TLS without `close_notify` too, because the request is known to be whole.
    pub(crate) fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<ClientEvent> {
        if let Some(wanted) = self.wanted.as_mut()
            && let Poll::Ready(asked) = Pin::new(wanted).poll(cx)
        {
            self.wanted = None;
            if asked.is_ok() {
                self.announced = false;
                return Poll::Ready(ClientEvent::Continue);
            }
        }
        let whole = self.is_at_end();
        let Some(reader) = self.reader.as_mut().filter(|_| whole) else { return Poll::Pending };
        while reader.buf.len() < READ_AHEAD && !reader.has_ended() {
            match ready!(reader.poll_fill(cx)) {
                Ok(_) => {}
                Err(error) if is_end(&error) => {}
                Err(error) => return Poll::Ready(ClientEvent::Failed(error)),
            }
        }
        Poll::Pending
    }
}

/// True if all that is wrong is that TLS was closed without `close_notify`, or a tunnel's connection without an end of the
/// tunnel. Where a request ends its head and its framing tell, so nothing can be cut off unseen.
pub(crate) fn is_end(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::UnexpectedEof
}

fn lock<I>(home: &ReaderSlot<I>) -> std::sync::MutexGuard<'_, Option<(MessageReader<I>, BodyDecoder)>> {
    home.lock().unwrap_or_else(PoisonError::into_inner)
}

fn failed(why: &'static str) -> WireBody {
    let frames = futures_util::stream::iter([Err(BodyError::from(why))]);
    http_body_util::StreamBody::new(frames).boxed()
}

struct RequestBody<I> {
    /// Given back at the end.
    reader: Option<MessageReader<I>>,
    decoder: BodyDecoder,
    trailers: RawTrailers,
    home: ReaderSlot<I>,
    ask: Option<oneshot::Sender<()>>,
    patience: Duration,
    /// Runs while the broker is waited for.
    timer: Option<Pin<Box<Sleep>>>,
}

impl<I> RequestBody<I> {
    fn give_back(&mut self) {
        if let Some(reader) = self.reader.take() {
            *lock(&self.home) = Some((reader, self.decoder));
        }
    }
}

impl<I: ReadSide> Body for RequestBody<I> {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = self.get_mut();
        if let Some(ask) = this.ask.take() {
            // Nobody listens if the connection is about to end; then reading fails by itself.
            let _listened = ask.send(());
        }
        let Some(reader) = this.reader.as_mut() else { return Poll::Ready(None) };
        let frame = match reader.poll_body(&mut this.decoder, &this.trailers, cx) {
            Poll::Ready(frame) => {
                this.timer = None;
                frame.map(|frame| {
                    frame.map_err(|error| match error.downcast::<ChunkError>() {
                        Ok(error) => RequestBodyError::Malformed(*error).into(),
                        Err(error) => error,
                    })
                })
            }
            Poll::Pending => {
                let patience = this.patience;
                let timer = this.timer.get_or_insert_with(|| Box::pin(sleep(patience)));
                ready!(timer.as_mut().poll(cx));
                Some(Err(RequestBodyError::Stalled(patience).into()))
            }
        };
        if this.decoder.is_done() || !matches!(frame, Some(Ok(_))) {
            this.give_back();
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

impl<I> Drop for RequestBody<I> {
    fn drop(&mut self) {
        self.give_back();
    }
}
