//! New connections to the booking system.
//!
//! `host:port ─► TCP, no delay ─► TLS if https ─► Link`, all within the connect timeout

use std::io;
use std::path::Path;
use std::pin::Pin;
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
use crate::proxy::upstream::UpstreamError;

/// Makes connections.
pub struct Connector {
    host: String,
    port: u16,
    name: String,
    timeout: Duration,
    tls: Option<(TlsConnector, ServerName<'static>)>,
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
            Some((TlsConnector::from(tls::config(store)?), name))
        } else {
            None
        };
        let (host, port) = (base.host().to_owned(), base.port());
        let name = if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
        Ok(Self { host, port, name, timeout, tls })
    }

    /// Host and port, for messages.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A new connection.
    pub async fn connect(&self) -> Result<Link, UpstreamError> {
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
                Some((connector, name)) => connector
                    .connect(name.clone(), stream)
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
        let (reader, writer) = tokio::io::split(stream);
        Ok(Link { reader: Reader::new(reader), writer })
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
