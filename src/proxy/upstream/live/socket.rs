//! A connection to a host, with or without TLS: what HTTP is spoken over.
//!
//! `TCP ─► TLS to a proxy on the way, if it wants that ─► TLS to the booking system, if it is https`

use std::io::{self, Read};
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::FutureExt as _;
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use crate::proxy::logged::LoggedError;
use crate::proxy::server::tls::in_plain_words;
use crate::proxy::upstream::Duplex;

/// A byte stream, with TLS around it or not, once or twice.
pub(crate) enum UpstreamStream {
    /// TCP itself.
    Tcp(TcpStream),
    /// TLS over another line.
    Tls(Box<TlsStream<UpstreamStream>>),
}

impl UpstreamStream {
    /// What ALPN settled on in the outermost TLS.
    pub(crate) fn protocol(&self) -> Option<&[u8]> {
        match self {
            Self::Tcp(_) => None,
            Self::Tls(stream) => stream.get_ref().1.alpn_protocol(),
        }
    }

    /// True if the peer has closed its sending side, as far as the runtime has heard. Reads nothing.
    pub(crate) fn is_closed_by_peer(&self) -> bool {
        let ready = self.socket().ready(Interest::READABLE).now_or_never();
        ready.is_some_and(|ready| ready.is_ok_and(tokio::io::Ready::is_read_closed))
    }

    fn socket(&self) -> &TcpStream {
        match self {
            Self::Tcp(stream) => stream,
            Self::Tls(stream) => stream.get_ref().0.socket(),
        }
    }

    /// What the peer has done since the last read. Reads from the kernel without asking the runtime first. TLS messages that
    /// carry no data, such as session tickets, are processed and don't count.
    pub(crate) fn idle_state(&mut self) -> IdleState {
        let mut seen = 0;
        let mut bytes = [0; 1024];
        loop {
            match NonblockingRead(self).read(&mut bytes) {
                Ok(0) => return IdleState::Closed,
                Ok(count) if seen < MAX_LAST_BYTES => seen += count,
                Ok(_) => return IdleState::Surplus,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock && seen == 0 => return IdleState::Quiet,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return IdleState::Surplus,
                Err(_) => return IdleState::Closed,
            }
        }
    }
}

impl Duplex for UpstreamStream {
    fn reset_on_drop(&mut self) {
        if let Err(error) = self.socket().set_zero_linger() {
            tracing::debug!(error = %LoggedError(&error), "no reset");
        }
    }
}

/// Most bytes that may precede the end of an idle connection, such as an unasked-for 408 (Request Timeout).
const MAX_LAST_BYTES: usize = 16 * 1024;

/// What has happened to an idle connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum IdleState {
    /// Nothing.
    Quiet,
    /// The peer has closed it, perhaps after a last response.
    Closed,
    /// The peer has sent bytes without being asked, and has not closed it.
    Surplus,
}

/// Reads what the kernel has, or fails with [`io::ErrorKind::WouldBlock`], whatever the runtime believes.
struct NonblockingRead<'l>(&'l mut UpstreamStream);

impl Read for NonblockingRead<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        match self.0 {
            // The runtime's sockets never block.
            UpstreamStream::Tcp(stream) => (&*SockRef::from(&*stream)).read(buf),
            UpstreamStream::Tls(stream) => {
                let (below, session) = stream.get_mut();
                loop {
                    match session.reader().read(buf) {
                        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                        read => return read,
                    }
                    // At the end of the stream below, the next turn says so.
                    session.read_tls(&mut NonblockingRead(below))?;
                    session.process_new_packets().map_err(io::Error::other)?;
                }
            }
        }
    }
}

impl AsyncRead for UpstreamStream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, buf).map_err(in_plain_words),
        }
    }
}

impl AsyncWrite for UpstreamStream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_write(cx, buf),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, buf),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
            Self::Tls(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Tcp(stream) => stream.is_write_vectored(),
            Self::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
