//! Delays the end of an HTTP/2 client's input until the exchanges on its connection have ended.
//!
//! ```text
//! client closes its sending side ─► ended: incomplete requests fail
//!                                └► h2 reads Pending … exchanges ended, responses flushed ─► release ─► h2 reads EOF
//! ```
//!
//! The `h2` library fails all streams of a connection when it reads EOF. But a client may close its sending side and still
//! wait for responses: RFC 9112 section 9.6 says so of HTTP/1.1, and TCP and TLS 1.3 allow it for any protocol.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_util::sync::CancellationToken;

/// A connection whose EOF is delayed.
pub(crate) struct DelayedEof<W> {
    io: W,
    state: Arc<EofState>,
}

/// What is known of the two directions of a [`DelayedEof`].
#[derive(Default)]
pub(crate) struct EofState {
    ended: CancellationToken,
    released: AtomicBool,
    /// A write was tried and no flush has completed since.
    unflushed: AtomicBool,
    flushes: AtomicU64,
    written: AtomicU64,
}

impl EofState {
    /// Cancelled when the client has closed its sending side.
    pub(super) fn ended(&self) -> &CancellationToken {
        &self.ended
    }

    /// True if everything that the connection tried to write is flushed. What was given to it since it was last polled it
    /// has not tried yet.
    pub(crate) fn is_flushed(&self) -> bool {
        !self.unflushed.load(Ordering::Relaxed)
    }

    /// Something was given to the connection that it has not tried to write yet.
    pub(super) fn will_write(&self) {
        self.unflushed.store(true, Ordering::Relaxed);
    }

    /// How many flushes have completed.
    pub(crate) fn flushes(&self) -> u64 {
        self.flushes.load(Ordering::Relaxed)
    }

    /// How many bytes were written.
    pub(super) fn written(&self) -> u64 {
        self.written.load(Ordering::Relaxed)
    }

    fn wrote(&self, count: usize) -> Poll<io::Result<usize>> {
        self.written.fetch_add(count as u64, Ordering::Relaxed);
        Poll::Ready(Ok(count))
    }

    /// Lets EOF be read. False if it was released before.
    pub(super) fn release(&self) -> bool {
        !self.released.swap(true, Ordering::Relaxed)
    }
}

impl<W> DelayedEof<W> {
    /// Delays the EOF of `io`.
    pub(super) fn new(io: W) -> (Self, Arc<EofState>) {
        let state = Arc::<EofState>::default();
        (Self { io, state: Arc::clone(&state) }, state)
    }
}

impl<W: AsyncRead + Unpin> AsyncRead for DelayedEof<W> {
    /// Pending at EOF until it is released. Releasing wakes nobody: the caller polls again.
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if !this.state.ended.is_cancelled() {
            let before = buf.filled().len();
            match ready!(Pin::new(&mut this.io).poll_read(cx, buf)) {
                Ok(()) if buf.filled().len() == before => {}
                // TLS that was closed without `close_notify`: frames tell which requests are whole.
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {}
                read => return Poll::Ready(read),
            }
            this.state.ended.cancel();
        }
        if this.state.released.load(Ordering::Relaxed) { Poll::Ready(Ok(())) } else { Poll::Pending }
    }
}

impl<W: AsyncWrite + Unpin> AsyncWrite for DelayedEof<W> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.state.unflushed.store(true, Ordering::Relaxed);
        let count = ready!(Pin::new(&mut self.io).poll_write(cx, buf))?;
        self.state.wrote(count)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.state.unflushed.store(true, Ordering::Relaxed);
        let count = ready!(Pin::new(&mut self.io).poll_write_vectored(cx, bufs))?;
        self.state.wrote(count)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.io).poll_flush(cx))?;
        self.state.unflushed.store(false, Ordering::Relaxed);
        self.state.flushes.fetch_add(1, Ordering::Relaxed);
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
