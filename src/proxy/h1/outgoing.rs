//! A message on its way out: its head and, as it comes, its body.
//!
//! ```text
//! start(bytes) ─► poll_send: body frame ─► out (small) or large ─► write … ─► flush ─► done ─► into_io
//!                     └─ body failed: what came before it is sent, then Err(Body)
//! ```
//!
//! A write is not the end: TLS takes bytes that the socket below it has no room for. Only what was flushed is sent.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes, BytesMut};
use hyper::body::Body as _;
use tokio::io::AsyncWrite;

use crate::proxy::h1::BodyEncoding;
use crate::proxy::message::fields::RawTrailers;
use crate::proxy::upstream::{BodyError, WireBody};

/// Frames are gathered up to so many bytes before they are written; no more than this and one frame is held.
const GATHER: usize = 32 * 1024;

/// Data from this size on is written from where it is instead of being copied.
const LARGE: usize = 8 * 1024;

/// Why a message could not be sent.
#[derive(Debug)]
pub(crate) enum H1SendError {
    /// Its body failed at the source.
    Body(BodyError),
    /// The socket failed.
    Write(io::Error),
}

/// Is told of the write and flush that send the last bytes of a message.
pub(crate) trait FinalWriteObserver: Send + Sync {
    /// It is about to be tried.
    fn begins(&self);
    /// It was tried. If not all of it was written and flushed, it will be tried again.
    fn ended(&self, all: bool);
}

/// Sends one message.
pub(crate) struct MessageWriter<W> {
    io: W,
    out: BytesMut,
    large: Bytes,
    after_large: &'static [u8],
    body: Option<WireBody>,
    coding: BodyEncoding,
    trailers: RawTrailers,
    failed: Option<BodyError>,
    held: bool,
    written: u64,
    /// Something was written and not flushed since.
    unflushed: bool,
    waits_for_body: bool,
    last: Option<Arc<dyn FinalWriteObserver>>,
}

impl<W: AsyncWrite + Unpin> MessageWriter<W> {
    /// Sends `start`, usually a head, then `body`; what of the body is ready goes out with the head in one write.
    pub(crate) fn new(io: W, start: BytesMut, body: Option<WireBody>, coding: BodyEncoding) -> Self {
        Self {
            io,
            out: start,
            large: Bytes::new(),
            after_large: b"",
            body,
            coding,
            trailers: RawTrailers::default(),
            failed: None,
            held: false,
            written: 0,
            unflushed: false,
            waits_for_body: false,
            last: None,
        }
    }

    /// As [`Self::new`], for a start that may have to be sent again and is therefore not copied.
    pub(crate) fn shared(io: W, start: Bytes, body: Option<WireBody>, coding: BodyEncoding) -> Self {
        Self { large: start, ..Self::new(io, BytesMut::new(), body, coding) }
    }

    /// Writes these trailers, once they have come, as they are and not as the frame has them.
    pub(crate) fn with_trailers(self, trailers: RawTrailers) -> Self {
        Self { trailers, ..self }
    }

    /// Tells `last` of the last write: of a body that has ended well.
    pub(crate) fn telling(self, last: Arc<dyn FinalWriteObserver>) -> Self {
        Self { last: Some(last), ..self }
    }

    /// While held, the body is not asked for anything: only the start is sent.
    pub(crate) fn hold(&mut self, held: bool) {
        self.held = held;
    }

    /// True once everything has been written and flushed.
    pub(crate) fn is_done(&self) -> bool {
        let written = self.out.is_empty() && self.large.is_empty();
        self.body.is_none() && self.failed.is_none() && written && !self.unflushed
    }

    /// Bytes that the stream below took so far; they need not have been flushed.
    pub(crate) fn written(&self) -> u64 {
        self.written
    }

    /// True if it was the body that kept the last [`Self::poll_send`] from going on, not the socket.
    pub(crate) fn waits_for_body(&self) -> bool {
        self.waits_for_body
    }

    /// The stream below; whatever was not written is lost.
    pub(crate) fn into_io(self) -> W {
        self.io
    }

    /// The stream below and the buffer that was written from, emptied.
    pub(crate) fn into_parts(mut self) -> (W, BytesMut) {
        self.out.clear();
        (self.io, self.out)
    }

    /// Goes on sending; ready once everything has been written and flushed.
    pub(crate) fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), H1SendError>> {
        loop {
            self.waits_for_body = false;
            self.gather(cx);
            let last = if self.is_at_last() { self.last.take() } else { None };
            if let Some(last) = &last {
                last.begins();
            }
            let drained = self.poll_drain(cx);
            self.waits_for_body &= drained.is_ready();
            if let Some(last) = last {
                let all = matches!(drained, Poll::Ready(Ok(())));
                last.ended(all);
                self.last = (!all).then_some(last);
            }
            ready!(drained).map_err(H1SendError::Write)?;
            if let Some(error) = self.failed.take() {
                return Poll::Ready(Err(H1SendError::Body(error)));
            }
            if self.body.is_none() {
                return Poll::Ready(Ok(()));
            }
            if self.held || self.waits_for_body {
                return Poll::Pending;
            }
        }
    }

    /// Writes what is held, and flushes.
    fn poll_drain(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !(self.out.is_empty() && self.large.is_empty()) {
            ready!(self.poll_write(cx))?;
        }
        if self.unflushed {
            ready!(Pin::new(&mut self.io).poll_flush(cx))?;
            self.unflushed = false;
        }
        Poll::Ready(Ok(()))
    }

    /// True if nothing will follow what is held.
    fn is_at_last(&self) -> bool {
        let ends_by_itself = matches!(self.coding, BodyEncoding::Known(0) | BodyEncoding::UntilClose);
        self.failed.is_none() && self.body.as_ref().is_none_or(|body| ends_by_itself && body.is_end_stream())
    }

    /// Takes frames that are ready, as many as may be held.
    fn gather(&mut self, cx: &mut Context<'_>) {
        while !self.held && self.large.is_empty() && self.out.len() < GATHER {
            let Some(body) = self.body.as_mut() else { return };
            let result = match Pin::new(&mut *body).poll_frame(cx) {
                Poll::Pending => {
                    self.waits_for_body = true;
                    return;
                }
                Poll::Ready(None) => self.coding.end(None, &mut self.out).map(|()| true),
                Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                    Ok(data) if data.len() >= LARGE => self.coding.before_data(&data, &mut self.out).map(|()| {
                        self.large = data;
                        self.after_large = self.coding.after_data();
                        false
                    }),
                    Ok(data) => self.coding.frame(hyper::body::Frame::data(data), &self.trailers, &mut self.out),
                    Err(frame) => self.coding.frame(frame, &self.trailers, &mut self.out),
                },
                Poll::Ready(Some(Err(error))) => return self.fail(error),
            };
            match result {
                Ok(true) => self.body = None,
                // A body that says that it has ended is not asked again; chunks still need their end.
                Ok(false) if self.large.is_empty() && body.is_end_stream() => {
                    self.body = None;
                    if let Err(error) = self.coding.end(None, &mut self.out) {
                        self.fail(error.into());
                    }
                }
                Ok(false) => {}
                Err(error) => self.fail(error.into()),
            }
        }
    }

    fn fail(&mut self, error: BodyError) {
        self.body = None;
        self.failed = Some(error);
    }

    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let io = Pin::new(&mut self.io);
        let written = if self.out.is_empty() {
            ready!(io.poll_write(cx, &self.large))?
        } else if self.large.is_empty() {
            ready!(io.poll_write(cx, &self.out))?
        } else {
            ready!(io.poll_write_vectored(cx, &[IoSlice::new(&self.out), IoSlice::new(&self.large)]))?
        };
        if written == 0 {
            return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
        }
        self.written += written as u64;
        self.unflushed = true;
        let small = written.min(self.out.len());
        self.out.advance(small);
        self.large.advance(written - small);
        if self.large.is_empty() && !self.after_large.is_empty() && self.out.is_empty() {
            self.out.extend_from_slice(std::mem::take(&mut self.after_large));
        }
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::task::Waker;

    use http_body_util::{BodyExt, Full};

    use super::*;

    /// Takes so many bytes, then none, then fails; flushes when it is let.
    struct Grudging {
        room: usize,
        refuses: bool,
        flushes: bool,
    }

    impl AsyncWrite for Grudging {
        fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
            if self.room == 0 {
                return if self.refuses {
                    Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()))
                } else {
                    Poll::Pending
                };
            }
            let taken = buf.len().min(self.room);
            self.room -= taken;
            Poll::Ready(Ok(taken))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            match (self.flushes, self.refuses) {
                (true, _) => Poll::Ready(Ok(())),
                (false, true) => Poll::Ready(Err(io::ErrorKind::ConnectionReset.into())),
                (false, false) => Poll::Pending,
            }
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    #[derive(Default)]
    struct Told(Mutex<Vec<&'static str>>);

    impl FinalWriteObserver for Told {
        fn begins(&self) {
            self.0.lock().unwrap().push("begins");
        }

        fn ended(&self, all: bool) {
            self.0.lock().unwrap().push(if all { "all" } else { "not all" });
        }
    }

    fn outgoing(room: usize, told: &Arc<Told>) -> MessageWriter<Grudging> {
        let body = Full::new(Bytes::from_static(b"content")).map_err(|never| match never {}).boxed();
        let io = Grudging { room, refuses: false, flushes: true };
        let told: Arc<dyn FinalWriteObserver> = Arc::<Told>::clone(told);
        MessageWriter::new(io, BytesMut::from("head "), Some(body), BodyEncoding::Known(7)).telling(told)
    }

    #[test]
    fn what_the_socket_took_is_out() {
        let told = Arc::<Told>::default();
        let mut context = Context::from_waker(Waker::noop());
        assert!(matches!(outgoing(100, &told).poll_send(&mut context), Poll::Ready(Ok(()))));
        assert_eq!(*told.0.lock().unwrap(), ["begins", "all"]);
    }

    #[test]
    fn what_the_socket_never_took_is_not() {
        let told = Arc::<Told>::default();
        let mut context = Context::from_waker(Waker::noop());
        let mut outgoing = outgoing(11, &told);
        assert!(outgoing.poll_send(&mut context).is_pending());
        outgoing.io.refuses = true;
        assert!(matches!(outgoing.poll_send(&mut context), Poll::Ready(Err(H1SendError::Write(_)))));
        let told = told.0.lock().unwrap();
        assert!(!told.is_empty() && !told.contains(&"all"), "{told:?}");
        assert_eq!(told.iter().filter(|told| **told == "begins").count() * 2, told.len(), "each that begins ends");
    }

    #[test]
    fn what_was_written_and_not_flushed_is_not_sent() {
        let mut context = Context::from_waker(Waker::noop());
        for fails in [false, true] {
            let told = Arc::<Told>::default();
            let mut outgoing = outgoing(100, &told);
            outgoing.io.flushes = false;
            for _ in 0..2 {
                assert!(outgoing.poll_send(&mut context).is_pending());
                assert_eq!((outgoing.written(), outgoing.is_done()), (12, false));
            }
            outgoing.io.refuses = fails;
            outgoing.io.flushes = !fails;
            let sent = outgoing.poll_send(&mut context);
            assert_eq!(matches!(sent, Poll::Ready(Ok(()))), !fails, "{sent:?}");
            assert_eq!(outgoing.is_done(), !fails);
            let last = if fails { "not all" } else { "all" };
            assert_eq!(*told.0.lock().unwrap(), ["begins", "not all", "begins", "not all", "begins", last]);
        }
    }

    #[test]
    fn a_socket_without_room_is_waited_for_and_not_the_body() {
        let mut context = Context::from_waker(Waker::noop());
        let body = http_body_util::StreamBody::new(futures_util::stream::pending()).boxed();
        let io = Grudging { room: 100, refuses: false, flushes: false };
        let mut outgoing = MessageWriter::new(io, BytesMut::from("head"), Some(body), BodyEncoding::Chunked);
        assert!(outgoing.poll_send(&mut context).is_pending() && !outgoing.waits_for_body());
        outgoing.io.flushes = true;
        assert!(outgoing.poll_send(&mut context).is_pending() && outgoing.waits_for_body());
    }

    #[test]
    fn while_it_is_held_the_start_is_flushed() {
        let mut context = Context::from_waker(Waker::noop());
        let mut outgoing = outgoing(100, &Arc::default());
        outgoing.io.flushes = false;
        outgoing.hold(true);
        assert!(outgoing.poll_send(&mut context).is_pending() && outgoing.unflushed);
        outgoing.io.flushes = true;
        assert!(outgoing.poll_send(&mut context).is_pending() && !outgoing.unflushed);
        assert_eq!((outgoing.written(), outgoing.is_done()), (5, false));
        outgoing.hold(false);
        assert!(outgoing.poll_send(&mut context).is_ready() && outgoing.is_done());
    }
}
