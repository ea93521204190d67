//! The live client: the booking system itself, over http or https.
//!
//! ```text
//! send ─► head, and what of the body is there ─┬─ could be sent again ─► pooled connection ─┬─► answer
//!                                              │                 closed under it ─┐         │
//!                                              └─ else ──────────────────────────►└► new connection
//! ```
//!
//! Over HTTP/1.1 a pooled connection may be closed by the server at the very moment when a request goes out. Such a request is sent
//! once more on a new connection if that does no harm: its method is idempotent and its body is short enough to be kept
//! (64 KiB). Any other request never goes out on a pooled connection, so no request is ever sent twice that must not
//! be, and a stale connection is never an error.
//!
//! Over HTTP/2 the exchanges share a connection. A request is sent again where the booking system says that it did
//! nothing about it (REFUSED_STREAM, or GOAWAY with an earlier stream), whatever its method (RFC 9113 section 8.7), and
//! once more if its method is idempotent and the connection was lost; its body must be short enough to be kept.

mod addresses;
mod call;
mod connect;
mod dial;
mod driver;
mod happy_eyeballs;
mod http;
mod peeked;
mod pool;
mod resendable_body;
mod shared;
mod socket;
mod stream;
mod tls;
mod trouble;
mod verify;

use std::future::poll_fn;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::BytesMut;
use hyper::body::Body as _;

pub use self::addresses::{OwnListenAddrs, Resolve, ResolveError};
use self::call::{H1CallError, H1Request, call};
use self::connect::Connector;
pub use self::dial::Dialer;
pub use self::http::UpstreamHttp;
use self::peeked::known_if_empty;
use self::pool::Pool;
use self::resendable_body::ResendableBody;
use self::shared::H2Pool;
pub(crate) use self::socket::UpstreamStream;
pub use self::trouble::{Peer, Trouble};
pub(crate) use self::trouble::{no_connection, no_tls};
use crate::exchange::{Headers, Version};
use crate::proxy::base_uri::BaseUri;
use crate::proxy::h1::{BodyEncoding, RequestShape, request_head};
use crate::proxy::h2::fields::with_one_cookie;
use crate::proxy::message::fields::{RawTrailers, has_token, upgrade};
use crate::proxy::message::head::HeadLimits;
use crate::proxy::upstream::{
    BodyError, OutboundRequest, ResponseFuture, Upstream, UpstreamError, UpstreamResponse, WireBody,
    failure_kind_of_request,
};

/// Most bytes of a message that are gathered before it goes out, and so kept for sending it again.
const GATHER: usize = 64 * 1024;

/// How long the rest of a short body is waited for, so that it goes out with its head: most clients send the two one right
/// behind the other. Past it the head goes out alone, and the body follows as it comes.
pub(crate) const BODY_COALESCE_WAIT: Duration = Duration::from_millis(5);

/// How long the booking system may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// To be connected to, name look-up and TLS included; 10 s.
    pub connect: Duration,
    /// To send the head of its answer, once it has taken the request; 60 s.
    pub head: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self { connect: Duration::from_secs(10), head: Duration::from_mins(1) }
    }
}

/// How booking systems are reached.
#[derive(Debug, Clone, Default)]
pub struct UpstreamConfig {
    /// PEM files of certificates that are trusted besides the platform's.
    pub ca_files: Vec<PathBuf>,
    /// PEM files of a chain of certificates and its key, for booking systems that ask who Umpire is (mutual TLS).
    pub identity: Option<(PathBuf, PathBuf)>,
    /// Any certificate is taken.
    pub insecure: bool,
    /// URL of a proxy on the way to all hosts, http or https (it is spoken to over TLS then).
    pub proxy: Option<String>,
    /// Without [`Self::proxy`], those of the environment (`HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY`, `NO_PROXY`) are
    /// used, but never for loopback addresses.
    pub environment: bool,
    /// Where hosts are, in place of looking up their names.
    pub resolve: Vec<Resolve>,
    /// Which version of HTTP they are spoken to with.
    pub http: UpstreamHttp,
    /// How large the head of an answer may be; 64 KiB and 128 fields. A larger one is given up, and the broker gets 502.
    pub answer_head: HeadLimits,
    /// This machine's loopback and link-local addresses are not connected to: for clients of other machines, who may go
    /// through the proxy but not to what the machine keeps for itself.
    pub deny_local_targets: bool,
    /// Where Umpire listens: connections to itself are given up.
    pub own: OwnListenAddrs,
}

/// Why there can be no live client.
#[derive(Debug, thiserror::Error)]
pub enum UpstreamClientError {
    /// A file of certificates can't be read.
    #[error("cannot read certificates from {}: {cause}; --upstream-ca needs a PEM file", path.display())]
    CaFile {
        /// The file.
        path: PathBuf,
        /// Why.
        cause: String,
    },
    /// A file without a certificate.
    #[error("{} holds no certificate; --upstream-ca needs a PEM file with at least one", path.display())]
    NoCertificate {
        /// The file.
        path: PathBuf,
    },
    /// Nothing to trust.
    #[error("no trusted certificate authority was found on this computer ({cause}); name one with --upstream-ca FILE")]
    NoRoots {
        /// Why.
        cause: String,
    },
    /// Umpire's own certificate for booking systems that ask for one.
    #[error("cannot use {}: {cause}; --upstream-cert and --upstream-key need PEM files", path.display())]
    Identity {
        /// The file.
        path: PathBuf,
        /// Why.
        cause: String,
    },
    /// A proxy on the way that can't be used.
    #[error(
        "cannot use {0:?} as the proxy on the way to the booking system: it must be http://HOST:PORT or https://HOST:PORT"
    )]
    Proxy(String),
    /// TLS could not be set up.
    #[error("TLS could not be set up: {0}")]
    Tls(#[from] rustls::Error),
    /// A host that can't be in a certificate.
    #[error("{0:?} can't be used with https: it is neither a name nor an address")]
    ServerName(String),
}

/// The upstream that is Umpire's own HTTP client: it sends requests to a booking system over the network.
pub struct UpstreamClient {
    origin: String,
    authority: String,
    connector: Arc<Connector>,
    pool: Arc<Pool>,
    multiplexed: H2Pool,
    http: UpstreamHttp,
    timeouts: Timeouts,
}

impl UpstreamClient {
    /// A client of the booking system at `base`. The certificates in `ca_files` (PEM) are trusted besides the
    /// platform's. Connects only when there is a request.
    pub fn new<P: AsRef<Path>>(
        base: &BaseUri,
        ca_files: &[P],
        timeouts: Timeouts,
    ) -> Result<Self, UpstreamClientError> {
        let ca_files = ca_files.iter().map(|file| file.as_ref().to_owned()).collect();
        let dialer = Dialer::new(&UpstreamConfig { ca_files, ..UpstreamConfig::default() }, timeouts.connect)?;
        Self::dialing(base, Arc::new(dialer), timeouts)
    }

    /// As [`Self::new`], with a way to hosts that clients share.
    pub fn dialing(base: &BaseUri, dialer: Arc<Dialer>, timeouts: Timeouts) -> Result<Self, UpstreamClientError> {
        Self::reaching(Peer::BookingSystem, base, dialer, timeouts)
    }

    /// As [`Self::dialing`], to a host that a client of the forward proxy named: what fails is for it to mend.
    pub(crate) fn for_client(
        base: &BaseUri,
        dialer: Arc<Dialer>,
        timeouts: Timeouts,
    ) -> Result<Self, UpstreamClientError> {
        Self::reaching(Peer::HostOfClient, base, dialer, timeouts)
    }

    fn reaching(
        peer: Peer,
        base: &BaseUri,
        dialer: Arc<Dialer>,
        timeouts: Timeouts,
    ) -> Result<Self, UpstreamClientError> {
        let http = dialer.http();
        let connector = Arc::new(Connector::new(base, dialer, peer)?);
        let pool = Arc::<Pool>::default();
        Ok(Self {
            origin: base.origin().to_owned(),
            authority: base.authority().to_owned(),
            multiplexed: H2Pool::new(Arc::clone(&connector), Arc::clone(&pool)),
            connector,
            pool,
            http,
            timeouts,
        })
    }

    /// The same, with another choice of HTTP's version.
    pub fn speaking(self, http: UpstreamHttp) -> Self {
        Self { http, ..self }
    }

    async fn over_http1(&self, request: OutboundRequest) -> Result<UpstreamResponse, UpstreamError> {
        let (message, try_clone) = self.message(request).await?;
        if try_clone.is_none() {
            // A booking system that serves one connection after the other takes no new one while it keeps an idle one.
            self.pool.close_longest_idle();
        }
        if let Some(try_clone) = try_clone
            && let Some(link) = self.pool.take()
        {
            match call(link, try_clone, self.timeouts.head, &self.pool).await {
                Ok(response) => return Ok(response),
                Err(H1CallError::Closed(error)) => {
                    tracing::debug!(
                        kind = error.kind.as_str(),
                        "a pooled connection was closed; sending again on a new one"
                    );
                }
                Err(H1CallError::Failed(error)) => return Err(error),
            }
        }
        let link = self.connector.connect().await?;
        call(link, message, self.timeouts.head, &self.pool).await.map_err(H1CallError::into_inner)
    }

    /// The request as bytes, and the same once more if it may be sent twice.
    async fn message(&self, request: OutboundRequest) -> Result<(H1Request, Option<H1Request>), UpstreamError> {
        let OutboundRequest { method, target, version, headers, mut body, body_unasked, trailers, informational } =
            request;
        let made: Headers;
        let mut fields = if version == Version::Http2 {
            made = with_one_cookie(&headers);
            &made
        } else {
            &*headers
        };
        let (whole, extended);
        let mut target = target.as_str();
        if let Some(via) = self.connector.forwarder() {
            whole = format!("{}{target}", self.origin);
            target = &whole;
            if let Some(authorization) = &via.authorization {
                extended = with_authorization(fields, authorization);
                fields = &extended;
            }
        }
        let unknown = version == Version::Http2 && body.size_hint().exact().is_none();
        let expects = !body_unasked && has_token(fields, "expect", "100-continue");
        // HTTP/1.1 has to say in the head that there is a body; HTTP/2 may leave that open.
        if unknown && !expects {
            body = known_if_empty(body, BODY_COALESCE_WAIT).await.map_err(|error| self.unsent(&error))?;
        }
        let shape = RequestShape {
            method: method.as_str(),
            target,
            host: &self.authority,
            size: body.size_hint().exact(),
            upgrade: upgrade(version, fields).map(|offer| &offer[..]),
        };
        let mut start = BytesMut::with_capacity(4096);
        let mut coding = request_head(&mut start, fields, &shape);
        let offers = shape.upgrade.is_some();
        // Asking for the body makes the broker send it: that is for the booking system to allow.
        let mut all = false;
        if !expects {
            let mut gathering =
                |wait, cx: &mut Context<'_>| gather(&mut body, &mut coding, &trailers, &mut start, wait, cx);
            let gathered = match poll_fn(|cx| gathering(false, cx)).await {
                Ok(false) if shape.size.is_some_and(|size| size <= GATHER as u64) => {
                    tokio::time::timeout(BODY_COALESCE_WAIT, poll_fn(|cx| gathering(true, cx)))
                        .await
                        .unwrap_or(Ok(false))
                }
                gathered => gathered,
            };
            all = gathered.map_err(|error| self.unsent(&error))?;
        }
        let try_clone = method.is_idempotent();
        let (body, twice) = match coding {
            _ if all => (None, try_clone.then_some(None)),
            BodyEncoding::Known(left) if try_clone && !expects && left <= GATHER as u64 => {
                let replay = ResendableBody::new(body);
                (Some(replay.reader()), Some(Some(replay.reader())))
            }
            _ => (Some(body), None),
        };
        let message = H1Request {
            method,
            start: start.freeze(),
            body,
            coding,
            expects,
            offers,
            trailers,
            interim: informational,
            host: self.connector.name().to_owned(),
            answer_head: self.connector.answer_head(),
        };
        let try_clone = twice.map(|body| message.try_clone(body));
        Ok((message, try_clone))
    }

    fn unsent(&self, error: &BodyError) -> UpstreamError {
        UpstreamError {
            kind: failure_kind_of_request(error),
            detail: format!("nothing of the request was sent on to {}: {error}", self.connector.name()),
        }
    }
}

/// For a proxy on the way; what the broker may have sent for another one is left out.
fn with_authorization(fields: &Headers, value: &str) -> Headers {
    let other = |name: &str| !name.eq_ignore_ascii_case("proxy-authorization");
    let mut extended = Headers::of(fields.0.iter().filter(|field| other(&field.name)).cloned().collect());
    extended.push("Proxy-Authorization", value.to_owned());
    extended
}

/// Takes what of the body is ready, or, to `wait`, all of it as far as there is room; true if that was all of it.
fn gather(
    body: &mut WireBody,
    coding: &mut BodyEncoding,
    trailers: &RawTrailers,
    start: &mut BytesMut,
    wait: bool,
    cx: &mut Context<'_>,
) -> Poll<Result<bool, BodyError>> {
    loop {
        if body.is_end_stream() {
            return Poll::Ready(coding.end(None, start).map(|()| true).map_err(Into::into));
        }
        if start.len() >= GATHER {
            return Poll::Ready(Ok(false));
        }
        match Pin::new(&mut *body).poll_frame(cx) {
            Poll::Pending if wait => return Poll::Pending,
            Poll::Pending => return Poll::Ready(Ok(false)),
            Poll::Ready(None) => return Poll::Ready(coding.end(None, start).map(|()| true).map_err(Into::into)),
            Poll::Ready(Some(Ok(frame))) => {
                if coding.frame(frame, trailers, start)? {
                    return Poll::Ready(Ok(true));
                }
            }
            Poll::Ready(Some(Err(error))) => return Poll::Ready(Err(error)),
        }
    }
}

impl Upstream for UpstreamClient {
    fn origin(&self) -> &str {
        &self.origin
    }

    fn send(&self, request: OutboundRequest) -> ResponseFuture<'_> {
        if self.goes_over_http2(&request) {
            Box::pin(self.over_http2(request))
        } else {
            Box::pin(self.over_http1(request))
        }
    }
}
