//! New connections to the booking system.
//!
//! `host:port ─► Dialer ─► TLS if https, with ALPN ─► H1Connection, or a stream for HTTP/2`, all within the connect timeout

use std::io;
use std::sync::Arc;

use bytes::BytesMut;
use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use tokio::io::{ReadHalf, WriteHalf};
use tokio::time::Instant;
use tokio_rustls::TlsConnector;

use crate::exchange::FailureKind;
use crate::proxy::base_uri::BaseUri;
use crate::proxy::h1::{self, MessageReader};
use crate::proxy::h2;
use crate::proxy::message::head::HeadLimits;
use crate::proxy::upstream::UpstreamError;
use crate::proxy::upstream::live::UpstreamClientError;
use crate::proxy::upstream::live::dial::{Dialer, UpstreamProxy};
use crate::proxy::upstream::live::socket::UpstreamStream;
use crate::proxy::upstream::live::trouble::{Peer, no_connection, no_tls};

/// Makes connections.
pub(crate) struct Connector {
    host: String,
    port: u16,
    name: String,
    dialer: Arc<Dialer>,
    via: Option<UpstreamProxy>,
    tls: Option<Tls>,
    peer: Peer,
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
pub(crate) enum Alpn {
    /// HTTP/1.1.
    Http1,
    /// HTTP/2.
    Http2,
    /// HTTP/2, or else HTTP/1.1.
    Either,
}

/// A new connection, by the protocol that is spoken on it.
pub(crate) enum NegotiatedConnection {
    /// HTTP/1.1.
    Http1(H1Connection),
    /// HTTP/2.
    Http2(UpstreamStream),
}

/// A connection to the booking system.
pub(crate) struct H1Connection {
    /// Reading side.
    pub reader: MessageReader<ReadHalf<UpstreamStream>>,
    /// Writing side.
    pub writer: WriteHalf<UpstreamStream>,
}

impl Connector {
    /// Connects to nobody yet. `peer`: who named the base URI.
    pub(super) fn new(base: &BaseUri, dialer: Arc<Dialer>, peer: Peer) -> Result<Self, UpstreamClientError> {
        let tls = if base.is_tls() {
            let name = ServerName::try_from(base.host().to_owned())
                .map_err(|_| UpstreamClientError::ServerName(base.host().to_owned()))?;
            let config = dialer.tls()?;
            let offering = |protocols: &[&[u8]]| {
                let mut config = ClientConfig::clone(&config);
                config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
                TlsConnector::from(Arc::new(config))
            };
            Some(Tls {
                name,
                http1: offering(&[h1::ALPN]),
                http2: offering(&[h2::ALPN]),
                either: offering(&[h2::ALPN, h1::ALPN]),
            })
        } else {
            None
        };
        let (host, port) = (base.host().to_owned(), base.port());
        let name = if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
        let via = dialer.via(if base.is_tls() { "https" } else { "http" }, &host, port)?;
        Ok(Self { host, port, name, dialer, via, tls, peer })
    }

    /// The proxy that requests are sent to in place of the booking system, with whole URLs: the one on the way to an
    /// http upstream. (To an https upstream it makes a tunnel.)
    pub(crate) fn forwarder(&self) -> Option<&UpstreamProxy> {
        self.via.as_ref().filter(|_| self.tls.is_none())
    }

    /// True if the booking system is spoken to over TLS.
    pub(crate) fn is_tls(&self) -> bool {
        self.tls.is_some()
    }

    /// How large the head of an answer may be.
    pub(super) fn answer_head(&self) -> HeadLimits {
        self.dialer.answer_head()
    }

    /// Host and port, for messages.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// A new connection for HTTP/1.1.
    pub(super) async fn connect(&self) -> Result<H1Connection, UpstreamError> {
        self.line(Alpn::Http1).await.map(H1Connection::new)
    }

    /// A new connection for what of `alpn` the booking system chooses.
    pub(crate) async fn dial(&self, alpn: Alpn) -> Result<NegotiatedConnection, UpstreamError> {
        let stream = self.line(alpn).await?;
        let http2 = match self.tls {
            None => alpn != Alpn::Http1,
            Some(_) => stream.protocol() == Some(h2::ALPN),
        };
        match (http2, alpn) {
            (true, _) => Ok(NegotiatedConnection::Http2(stream)),
            (false, Alpn::Http2) => Err(UpstreamError {
                kind: FailureKind::Unreachable,
                detail: format!("{} does not speak HTTP/2, and nothing else was allowed", self.name),
            }),
            (false, _) => Ok(NegotiatedConnection::Http1(H1Connection::new(stream))),
        }
    }

    async fn line(&self, alpn: Alpn) -> Result<UpstreamStream, UpstreamError> {
        let unreachable = |detail: String| UpstreamError { kind: FailureKind::Unreachable, detail };
        let patience = self.dialer.timeout();
        let deadline = Instant::now() + patience;
        let connecting = async {
            let dialing = self.dialer.dial(&self.host, self.port, self.via.as_ref(), self.tls.is_some(), deadline);
            let stream = dialing.await.map_err(|error| {
                let trouble = no_connection(&error, self.peer);
                unreachable(format!("cannot connect to {}: {trouble}", self.name))
            })?;
            match &self.tls {
                None => Ok(stream),
                Some(tls) => tls
                    .connector(alpn)
                    .connect(tls.name.clone(), stream)
                    .await
                    .map(|stream| UpstreamStream::Tls(Box::new(stream)))
                    .map_err(|error| {
                        let trouble = no_tls(&error, self.peer);
                        unreachable(format!("no TLS connection with {}: {trouble}", self.name))
                    }),
            }
        };
        let stream = tokio::time::timeout_at(deadline, connecting).await.unwrap_or_else(|_| {
            let why =
                io::Error::new(io::ErrorKind::TimedOut, format!("it did not accept a connection within {patience:?}"));
            Err(unreachable(format!("cannot connect to {}: {}", self.name, no_connection(&why, self.peer))))
        })?;
        tracing::debug!("connected");
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

impl H1Connection {
    /// Both sides of a connection of which nothing is read yet.
    pub(super) fn new(stream: UpstreamStream) -> Self {
        Self::reading_into(stream, BytesMut::new())
    }

    /// The same, with an empty buffer of which the reader can use the room.
    pub(super) fn reading_into(stream: UpstreamStream, buffer: BytesMut) -> Self {
        let (reader, writer) = tokio::io::split(stream);
        Self { reader: MessageReader::having_read(reader, buffer), writer }
    }
}
