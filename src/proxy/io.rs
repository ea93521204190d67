//! What a broker's connection runs over: TCP, TLS, or TLS within a tunnel. The code above it is the same.
//!
//! `Wire ─► halves ─► Input (read ahead, lent to bodies) and Output (written, ended, or reset)`

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf, ReadHalf, WriteHalf};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio_rustls::server::TlsStream;

use crate::proxy::logged::Kind;
use crate::proxy::server::tls::in_plain_words;

/// The reading side.
pub trait Input: AsyncRead + Unpin + Send + Sync + 'static {}

impl<R: AsyncRead + Unpin + Send + Sync + 'static> Input for R {}

/// The writing side.
pub trait Output: AsyncWrite + Unpin + Send + Sync + 'static {
    /// Ends the connection in a way that nobody takes for an orderly end. Needed where a body goes on until the
    /// connection is closed: closing it in order would say that the body is whole.
    fn reset(self);
}

/// A byte stream with a broker at its other end.
pub trait Wire: AsyncRead + AsyncWrite + Unpin + Send + 'static {
    /// Its reading side.
    type Input: Input;
    /// Its writing side.
    type Output: Output;

    /// Both sides, to be used at the same time.
    fn halves(self) -> (Self::Input, Self::Output);
}

impl Wire for TcpStream {
    type Input = OwnedReadHalf;
    type Output = OwnedWriteHalf;

    fn halves(self) -> (Self::Input, Self::Output) {
        self.into_split()
    }
}

impl Output for OwnedWriteHalf {
    fn reset(self) {
        if let Err(error) = self.as_ref().set_zero_linger() {
            tracing::debug!(error = %Kind(&error), "no reset");
        }
        self.forget();
    }
}

/// A TCP connection below TLS, which can be told to end with a reset when it is dropped.
#[derive(Debug)]
pub struct Socket {
    stream: TcpStream,
    doomed: ResetFlag,
}

/// Flag shared with a [`Socket`]: once set, the socket is closed with a TCP reset.
#[derive(Debug, Clone, Default)]
pub struct ResetFlag(Arc<AtomicBool>);

impl Socket {
    /// Ends in order, unless its doom is sealed.
    pub fn new(stream: TcpStream) -> Self {
        Self { stream, doomed: ResetFlag::default() }
    }

    /// What seals its doom.
    pub fn doom(&self) -> ResetFlag {
        self.doomed.clone()
    }
}

impl ResetFlag {
    /// From now on the socket ends with a reset.
    pub fn seal(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// True once that was said.
    pub fn is_sealed(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        if self.doomed.is_sealed()
            && let Err(error) = self.stream.set_zero_linger()
        {
            tracing::debug!(error = %Kind(&error), "no reset");
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

/// TLS over a socket, or over whatever a tunnel is made of.
pub struct Secured<S> {
    /// TLS itself; the handshake is done.
    pub stream: TlsStream<S>,
    /// Of the socket at the bottom.
    pub doom: ResetFlag,
}

/// The reading side of [`Secured`].
pub struct SecuredInput<S>(ReadHalf<TlsStream<S>>);

/// The writing side of [`Secured`].
pub struct SecuredOutput<S> {
    half: WriteHalf<TlsStream<S>>,
    doom: ResetFlag,
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + Sync + 'static> Wire for Secured<S> {
    type Input = SecuredInput<S>;
    type Output = SecuredOutput<S>;

    fn halves(self) -> (Self::Input, Self::Output) {
        let (input, half) = tokio::io::split(self.stream);
        (SecuredInput(input), SecuredOutput { half, doom: self.doom })
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + Sync + 'static> Output for SecuredOutput<S> {
    /// Dropped without TLS's own farewell, and with a reset below it for those that don't look for one.
    fn reset(self) {
        self.doom.seal();
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Secured<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf).map_err(in_plain_words)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for SecuredInput<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf).map_err(in_plain_words)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Secured<S> {
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

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for SecuredOutput<S> {
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
