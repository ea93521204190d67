//! New connections to the booking system.
//!
//! `host:port ─► TCP, no delay ─► TLS if https, with ALPN ─► Link, or a stream for HTTP/2`, all within the connect timeout

use std::io;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use rustls_pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf, ReadHalf, WriteHalf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::{LiveError, tls};
use crate::exchange::FailureKind;
use crate::proxy::base_uri::BaseUri;
use crate::proxy::h1::Reader;
use crate::proxy::h2;
use crate::proxy::upstream::UpstreamError;

/// Name of HTTP/1.1 in ALPN.
const HTTP1: &[u8] = b"http/1.1";

/// Makes connections.
pub struct Connector {
    host: String,
    port: u16,
    name: String,
    timeout: Duration,
    tls: Option<Tls>,
}

/// How to talk TLS.
struct Tls {
    name: ServerName<'static>,
    http1: TlsConnector,
    http2: TlsConnector,
    either: TlsConnector,
}

/// Which protocols are offered on a new connection. Without TLS nothing can be offered, and the first one is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Alpn {
    /// HTTP/1.1.
    Http1,
    /// HTTP/2.
    Http2,
    /// HTTP/2, or else HTTP/1.1.
    Either,
}

/// A new connection, by the protocol that is spoken on it.
pub enum Dialled {
    /// HTTP/1.1.
    Http1(Link),
    /// HTTP/2.
    Http2(Stream),
}

/// A connection to the booking system.
pub struct Link {
    /// Reading side.
    pub reader: Reader<ReadHalf<Stream>>,
    /// Writing side.
    pub writer: WriteHalf<Stream>,
}

impl Connector {
    /// Reads the certificates; connects to nobody yet.
    pub fn new<P: AsRef<Path>>(base: &BaseUri, ca_files: &[P], timeout: Duration) -> Result<Self, LiveError> {
        let store = tls::certificates(ca_files)?;
        let tls = if base.is_tls() {
            let name = ServerName::try_from(base.host().to_owned())
                .map_err(|_| LiveError::ServerName(base.host().to_owned()))?;
            let config = tls::config(store)?;
            let offering = |protocols: &[&[u8]]| {
                let mut config = config.clone();
                config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
                TlsConnector::from(Arc::new(config))
            };
            Some(Tls {
                name,
                http1: offering(&[HTTP1]),
                http2: offering(&[h2::ALPN]),
                either: offering(&[h2::ALPN, HTTP1]),
            })
        } else {
            None
        };
        let (host, port) = (base.host().to_owned(), base.port());
        let name = if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
        Ok(Self { host, port, name, timeout, tls })
    }

    /// True if the booking system is spoken to over TLS.
    pub fn is_tls(&self) -> bool {
        self.tls.is_some()
    }

    /// Host and port, for messages.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A new connection for HTTP/1.1.
    pub async fn connect(&self) -> Result<Link, UpstreamError> {
        self.stream(Alpn::Http1).await.map(Link::new)
    }

    /// A new connection for what of `alpn` the booking system chooses.
    pub async fn dial(&self, alpn: Alpn) -> Result<Dialled, UpstreamError> {
        let stream = self.stream(alpn).await?;
        let http2 = match &stream {
            Stream::Plain(_) => alpn != Alpn::Http1,
            Stream::Tls(stream) => stream.get_ref().1.alpn_protocol() == Some(h2::ALPN),
        };
        match (http2, alpn) {
            (true, _) => Ok(Dialled::Http2(stream)),
            (false, Alpn::Http2) => Err(UpstreamError {
                kind: FailureKind::Unreachable,
                detail: format!("{} does not speak HTTP/2, and nothing else was allowed", self.name),
            }),
            (false, _) => Ok(Dialled::Http1(Link::new(stream))),
        }
    }

    async fn stream(&self, alpn: Alpn) -> Result<Stream, UpstreamError> {
        let failed = |what: &str, error: &io::Error| UpstreamError {
            kind: FailureKind::Unreachable,
            detail: format!("{what} {}: {error}", self.name),
        };
        let connecting = async {
            let stream = TcpStream::connect((self.host.as_str(), self.port))
                .await
                .map_err(|error| failed("cannot connect to", &error))?;
            stream.set_nodelay(true).map_err(|error| failed("cannot set up the connection to", &error))?;
            match &self.tls {
                None => Ok(Stream::Plain(stream)),
                Some(tls) => tls
                    .connector(alpn)
                    .connect(tls.name.clone(), stream)
                    .await
                    .map(|stream| Stream::Tls(Box::new(stream)))
                    .map_err(|error| failed("no TLS connection with", &error)),
            }
        };
        let stream = tokio::time::timeout(self.timeout, connecting).await.unwrap_or_else(|_| {
            let detail = format!("{} did not accept a connection within {:?}", self.name, self.timeout);
            Err(UpstreamError { kind: FailureKind::Unreachable, detail })
        })?;
        tracing::debug!(to = %self.name, "connected");
        Ok(stream)
    }
}

impl Tls {
    fn connector(&self, alpn: Alpn) -> &TlsConnector {
        match alpn {
            Alpn::Http1 => &self.http1,
            Alpn::Http2 => &self.http2,
            Alpn::Either => &self.either,
        }
    }
}

impl Link {
    fn new(stream: Stream) -> Self {
        let (reader, writer) = tokio::io::split(stream);
        Self { reader: Reader::new(reader), writer }
    }
}

/// A byte stream with or without TLS.
pub enum Stream {
    /// http
    Plain(TcpStream),
    /// https
    Tls(Box<TlsStream<TcpStream>>),
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, buf),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, buf),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
            Self::Tls(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
