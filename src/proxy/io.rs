//! What a broker's connection runs over: TCP, TLS, or TLS within a tunnel. The code above it is the same.
//!
//! `Transport ─► into_halves ─► ReadSide (read ahead, lent to bodies) and WriteSide (written, ended, or reset)`

mod both_ways;

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf, ReadHalf, WriteHalf};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio_rustls::server::TlsStream;

pub(crate) use self::both_ways::{PassedBytes, TunnelError, pass_both_ways};
use crate::proxy::logged::LoggedError;
use crate::proxy::server::tls::in_plain_words;

/// The reading side.
pub trait ReadSide: AsyncRead + Unpin + Send + Sync + 'static {}

impl<R: AsyncRead + Unpin + Send + Sync + 'static> ReadSide for R {}

/// The writing side.
pub trait WriteSide: AsyncWrite + Unpin + Send + Sync + 'static {
    /// Ends the connection in a way that nobody takes for an orderly end. Needed where a body goes on until the
    /// connection is closed: closing it in order would say that the body is whole.
    fn reset(self);
}

/// A write side that is reset where it is dropped while its condition holds, and ends in order otherwise.
pub(crate) struct ResetOnDrop<O: WriteSide, C: ResetCondition> {
    /// Always there, but in [`Drop`] and behind [`Self::keep`].
    output: Option<O>,
    condition: C,
}

/// Whether a write side is to be reset: a `bool` that is known beforehand, or a [`ResetFlag`] that may still be set.
pub(crate) trait ResetCondition: Unpin + Send + Sync + 'static {
    /// True if it is to be reset now.
    fn holds(&self) -> bool;
}

impl ResetCondition for bool {
    fn holds(&self) -> bool {
        *self
    }
}

impl ResetCondition for ResetFlag {
    fn holds(&self) -> bool {
        self.is_set()
    }
}

impl<O: WriteSide, C: ResetCondition> ResetOnDrop<O, C> {
    pub(super) fn new(output: O, condition: C) -> Self {
        Self { output: Some(output), condition }
    }

    /// The condition, which may be changed where it is a flag.
    pub(super) fn condition(&self) -> &C {
        &self.condition
    }

    /// The write side itself, which is not reset any more.
    pub(super) fn keep(mut self) -> Option<O> {
        self.output.take()
    }

    fn io(&mut self) -> io::Result<Pin<&mut O>> {
        self.output.as_mut().map(Pin::new).ok_or_else(|| io::ErrorKind::NotConnected.into())
    }
}

impl<O: WriteSide, C: ResetCondition> Drop for ResetOnDrop<O, C> {
    fn drop(&mut self) {
        if self.condition.holds()
            && let Some(output) = self.output.take()
        {
            output.reset();
        }
    }
}

impl<O: WriteSide> WriteSide for ResetOnDrop<O, ResetFlag> {
    fn reset(self) {
        self.condition.set();
    }
}

impl<O: WriteSide, C: ResetCondition> AsyncWrite for ResetOnDrop<O, C> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.io()?.poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.io()?.poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.output.as_ref().is_some_and(AsyncWrite::is_write_vectored)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.io()?.poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.io()?.poll_shutdown(cx)
    }
}

/// A byte stream with a broker at its other end.
pub(crate) trait Transport: AsyncRead + AsyncWrite + Unpin + Send + 'static {
    /// Its reading side.
    type ReadSide: ReadSide;
    /// Its writing side.
    type WriteSide: WriteSide;

    /// Both sides, to be used at the same time.
    fn into_halves(self) -> (Self::ReadSide, Self::WriteSide);
}

impl Transport for TcpStream {
    type ReadSide = OwnedReadHalf;
    type WriteSide = OwnedWriteHalf;

    fn into_halves(self) -> (Self::ReadSide, Self::WriteSide) {
        self.into_split()
    }
}

impl WriteSide for OwnedWriteHalf {
    fn reset(self) {
        if let Err(error) = self.as_ref().set_zero_linger() {
            tracing::debug!(error = %LoggedError(&error), "no reset");
        }
        self.forget();
    }
}

/// A TCP connection below TLS, which can be told to end with a reset when it is dropped.
#[derive(Debug)]
pub(crate) struct Socket {
    stream: TcpStream,
    doomed: ResetFlag,
}

/// Flag shared with a [`Socket`]: once set, the socket is closed with a TCP reset.
#[derive(Debug, Clone, Default)]
pub(crate) struct ResetFlag(Arc<AtomicBool>);

impl Socket {
    /// Ends in order, unless its flag is set.
    pub(crate) fn new(stream: TcpStream) -> Self {
        Self { stream, doomed: ResetFlag::default() }
    }

    /// The flag that makes it end with a reset.
    pub(crate) fn reset_flag(&self) -> ResetFlag {
        self.doomed.clone()
    }
}

impl ResetFlag {
    /// From now on the socket ends with a reset.
    pub(crate) fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// True once it was set.
    pub(crate) fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        if self.doomed.is_set()
            && let Err(error) = self.stream.set_zero_linger()
        {
            tracing::debug!(error = %LoggedError(&error), "no reset");
        }
    }
}

impl AsyncRead for Socket {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Socket {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// A stream of which some was read ahead: that comes first, then the rest.
#[derive(Debug)]
pub(crate) struct PrefixedIo<S> {
    /// What was read ahead.
    pub prefix: BytesMut,
    /// The stream behind it.
    pub io: S,
}

impl<S: AsyncRead + Unpin> AsyncRead for PrefixedIo<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.prefix.is_empty() {
            return Pin::new(&mut self.io).poll_read(cx, buf);
        }
        let taken = self.prefix.len().min(buf.remaining());
        buf.put_slice(&self.prefix[..taken]);
        self.prefix.advance(taken);
        if self.prefix.is_empty() {
            self.prefix = BytesMut::new();
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for PrefixedIo<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

/// TLS over a socket, or over whatever a tunnel is made of.
pub(crate) struct TlsConnection<S> {
    /// TLS itself; the handshake is done.
    pub stream: TlsStream<S>,
    /// Of the socket at the bottom.
    pub reset_flag: ResetFlag,
}

/// The reading side of [`TlsConnection`].
pub(crate) struct TlsReadSide<S>(ReadHalf<TlsStream<S>>);

/// The writing side of [`TlsConnection`].
pub(crate) struct TlsWriteSide<S> {
    half: WriteHalf<TlsStream<S>>,
    reset_flag: ResetFlag,
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + Sync + 'static> Transport for TlsConnection<S> {
    type ReadSide = TlsReadSide<S>;
    type WriteSide = TlsWriteSide<S>;

    fn into_halves(self) -> (Self::ReadSide, Self::WriteSide) {
        let (input, half) = tokio::io::split(self.stream);
        (TlsReadSide(input), TlsWriteSide { half, reset_flag: self.reset_flag })
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + Sync + 'static> WriteSide for TlsWriteSide<S> {
    /// Dropped without TLS's own farewell, and with a reset below it for those that don't look for one.
    fn reset(self) {
        self.reset_flag.set();
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for TlsConnection<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf).map_err(in_plain_words)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for TlsReadSide<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf).map_err(in_plain_words)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for TlsConnection<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for TlsWriteSide<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.half).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.half).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.half.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.half).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.half).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[tokio::test]
    async fn what_was_read_ahead_comes_first() {
        let (near, mut far) = tokio::io::duplex(64);
        far.write_all(b"the rest").await.unwrap();
        let mut stream = PrefixedIo { prefix: BytesMut::from(&b"ahead of "[..]), io: near };
        let mut read = [0; 17];
        stream.read_exact(&mut read).await.unwrap();
        assert_eq!(&read, b"ahead of the rest");
        stream.write_all(b"answer").await.unwrap();
        let mut answer = [0; 6];
        far.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"answer");
    }
}
