//! A stream of HTTP/2 as a stream of bytes: what it becomes when CONNECT was answered with 200 (RFC 9113 section 8.5).
//!
//! ```text
//! DATA … END_STREAM ─► DuplexReadHalf ─► bytes, end         bytes ─► DuplexWriteHalf ─► DATA, as there is room … END_STREAM
//! ```

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use h2::{Reason, RecvStream, SendStream};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use crate::proxy::io::WriteSide;

/// What comes. At most [`crate::proxy::h2::WINDOW`] bytes wait in it.
pub(crate) struct DuplexReadHalf {
    stream: RecvStream,
    data: Bytes,
    /// Ends when the stream's connection has no more to read.
    ended: Pin<Box<WaitForCancellationFutureOwned>>,
}

/// What goes. A writer waits where the receiver has no room.
pub(crate) struct DuplexWriteHalf {
    stream: SendStream<Bytes>,
    ended: bool,
}

impl DuplexReadHalf {
    /// The receiving side of a stream. `ended` is cancelled when its connection has no more to read: that is an end, but no
    /// orderly one ([`io::ErrorKind::UnexpectedEof`]).
    pub(crate) fn new(stream: RecvStream, ended: CancellationToken) -> Self {
        Self { stream, data: Bytes::new(), ended: Box::pin(ended.cancelled_owned()) }
    }
}

impl DuplexWriteHalf {
    /// The sending side of a stream.
    pub(crate) fn new(stream: SendStream<Bytes>) -> Self {
        Self { stream, ended: false }
    }
}

fn broken(error: h2::Error) -> io::Error {
    if error.is_io() {
        error.into_io().unwrap_or_else(|| io::ErrorKind::BrokenPipe.into())
    } else {
        io::Error::other(error)
    }
}

impl AsyncRead for DuplexReadHalf {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        while this.data.is_empty() {
            match this.stream.poll_data(cx) {
                Poll::Ready(Some(Ok(data))) => this.data = data,
                Poll::Ready(Some(Err(error))) => return Poll::Ready(Err(broken(error))),
                Poll::Ready(None) => return Poll::Ready(Ok(())),
                Poll::Pending => {
                    ready!(this.ended.as_mut().poll(cx));
                    return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
                }
            }
        }
        let taken = this.data.len().min(buf.remaining());
        buf.put_slice(&this.data[..taken]);
        this.data.advance(taken);
        // Fails only where the stream is gone; then reading says so next.
        let _given_back = this.stream.flow_control().release_capacity(taken);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for DuplexWriteHalf {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if buf.is_empty() {
            return Poll::Ready(Ok(0));
        }
        if let Poll::Ready(reset) = this.stream.poll_reset(cx) {
            let error = reset.map_or_else(|error| error, h2::Error::from);
            return Poll::Ready(Err(broken(error)));
        }
        this.stream.reserve_capacity(buf.len());
        while this.stream.capacity() == 0 {
            match ready!(this.stream.poll_capacity(cx)) {
                Some(Ok(_)) => {}
                Some(Err(error)) => return Poll::Ready(Err(broken(error))),
                None => return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
            }
        }
        let taken = this.stream.capacity().min(buf.len());
        this.stream.send_data(Bytes::copy_from_slice(&buf[..taken]), false).map_err(broken)?;
        Poll::Ready(Ok(taken))
    }

    /// The connection writes by itself.
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if !std::mem::replace(&mut this.ended, true) {
            this.stream.send_data(Bytes::new(), true).map_err(broken)?;
        }
        Poll::Ready(Ok(()))
    }
}

impl WriteSide for DuplexWriteHalf {
    fn reset(mut self) {
        self.stream.send_reset(Reason::CONNECT_ERROR);
    }
}
