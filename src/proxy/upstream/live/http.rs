//! Which version of HTTP a request goes out with, and the way over HTTP/2.
//!
//! ```text
//! over_http2 ─► find a connection ─► open a stream ─► send_and_await_head ─┬─► answer
//!      ▲                  └─ speaks HTTP/1.1 only ─► over_http1
//!      └───── refused, or lost and no harm in sending again ─┘
//! ```

use std::str::FromStr;

use hyper::body::Body as _;
use hyper::http::uri::{Authority, PathAndQuery, Scheme};
use hyper::{Request, Uri, Version};

use crate::exchange::{self, FailureKind};
use crate::proxy::h2::fields::outgoing_request;
use crate::proxy::h2::pack_target;
use crate::proxy::message::fields::has_token;
use crate::proxy::upstream::live::connect::Alpn;
use crate::proxy::upstream::live::resendable_body::ResendableBody;
use crate::proxy::upstream::live::shared::PooledConnection;
use crate::proxy::upstream::live::stream::{H2CallError, open, send_and_await_head};
use crate::proxy::upstream::live::{GATHER, UpstreamClient};
use crate::proxy::upstream::{OutboundRequest, UpstreamError, UpstreamResponse, WireBody};

/// How often a request is sent at most, the booking system having refused it or closed the connection under it.
const ATTEMPTS: usize = 4;

/// Which version of HTTP the booking system is spoken to with.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum UpstreamHttp {
    /// What the broker speaks: a request that came over HTTP/1 goes out over HTTP/1.1, one that came over HTTP/2 goes
    /// out over HTTP/2 where the booking system offers it (ALPN; without TLS nothing can be offered).
    #[default]
    Auto,
    /// HTTP/1.1.
    Http1,
    /// HTTP/2; without TLS with prior knowledge. No other version will do.
    Http2,
}

/// A version that can't be chosen.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no version of HTTP to speak to a booking system; write auto, 1.1 or 2")]
pub struct UpstreamHttpError(String);

impl FromStr for UpstreamHttp {
    type Err = UpstreamHttpError;

    fn from_str(name: &str) -> Result<Self, UpstreamHttpError> {
        match name {
            "auto" => Ok(Self::Auto),
            "1.1" | "1" => Ok(Self::Http1),
            "2" | "2.0" => Ok(Self::Http2),
            _ => Err(UpstreamHttpError(name.to_owned())),
        }
    }
}

impl UpstreamClient {
    /// True if HTTP/2 is to be tried.
    pub(super) fn goes_over_http2(&self, request: &OutboundRequest) -> bool {
        match self.http {
            // Another proxy on the way gets whole requests, over HTTP/1.
            _ if self.connector.forwarder().is_some() => false,
            UpstreamHttp::Auto => request.version == exchange::Version::Http2 && self.connector.is_tls(),
            UpstreamHttp::Http1 => false,
            UpstreamHttp::Http2 => true,
        }
    }

    pub(super) async fn over_http2(&self, mut request: OutboundRequest) -> Result<UpstreamResponse, UpstreamError> {
        let alpn = if self.http == UpstreamHttp::Http2 { Alpn::Http2 } else { Alpn::Either };
        let body = request.take_body();
        let bodiless = body.is_end_stream();
        let (head, expects) = self.head(&request)?;
        let short = body.size_hint().exact().is_some_and(|size| size <= GATHER as u64);
        let mut body = OutboundBody::new(body, short);
        let mut lost = false;
        let mut attempt = 1;
        loop {
            let shared = match self.multiplexed.find(alpn).await? {
                PooledConnection::Http2(shared) => shared,
                PooledConnection::Http1 => return self.instead_over_http1(request, body).await,
            };
            let error = match open(shared, head.clone(), bodiless, &self.connector).await {
                Err(error) => error,
                Ok(opened) => {
                    let sent = if bodiless { None } else { body.take() };
                    let interim = request.informational.as_ref();
                    match send_and_await_head(opened, &request.method, sent, expects, self.timeouts.head, interim).await
                    {
                        Ok(response) => return Ok(response),
                        Err(error) => error,
                    }
                }
            };
            let try_clone = body.is_there() && attempt < ATTEMPTS;
            match error {
                H2CallError::Refused(error) if try_clone => {
                    tracing::debug!(kind = error.kind.as_str(), "refused; sending again");
                }
                H2CallError::Closed(error) if try_clone && !lost && request.method.is_idempotent() => {
                    tracing::debug!(
                        kind = error.kind.as_str(),
                        "a connection was closed; sending again on another one"
                    );
                    lost = true;
                }
                H2CallError::WantsHttp1(_) if try_clone && alpn == Alpn::Either => {
                    return self.instead_over_http1(request, body).await;
                }
                H2CallError::Closed(mut error) if alpn == Alpn::Http2 && !self.connector.is_tls() => {
                    error
                        .detail
                        .push_str(" (it was spoken to over HTTP/2, as --upstream-http says: does it speak that?)");
                    return Err(error);
                }
                error => return Err(error.into_inner()),
            }
            attempt += 1;
        }
    }

    async fn instead_over_http1(
        &self,
        request: OutboundRequest,
        mut body: OutboundBody,
    ) -> Result<UpstreamResponse, UpstreamError> {
        let body = body.take().ok_or_else(|| UpstreamError {
            kind: FailureKind::BrokenOff,
            detail: format!("{} wants HTTP/1.1, and the request was sent already", self.connector.name()),
        })?;
        self.over_http1(OutboundRequest { body, ..request }).await
    }

    /// The head of a request, and whether its body waits to be asked for.
    fn head(&self, request: &OutboundRequest) -> Result<(Request<()>, bool), UpstreamError> {
        let impossible = |error: &dyn std::fmt::Display| UpstreamError {
            kind: FailureKind::BrokenOff,
            detail: format!("the request can't be sent to {} over HTTP/2: {error}", self.connector.name()),
        };
        let path = PathAndQuery::from_maybe_shared(pack_target(&request.target)).map_err(|error| impossible(&error))?;
        let mut target = hyper::http::uri::Parts::default();
        target.scheme = Some(if self.connector.is_tls() { Scheme::HTTPS } else { Scheme::HTTP });
        target.authority = Some(Authority::try_from(self.authority.as_str()).map_err(|error| impossible(&error))?);
        target.path_and_query = Some(path);
        let mut head = Request::new(());
        *head.method_mut() = request.method.clone();
        *head.uri_mut() = Uri::from_parts(target).map_err(|error| impossible(&error))?;
        *head.version_mut() = Version::HTTP_2;
        *head.headers_mut() = outgoing_request(&request.method, &request.headers);
        Ok((head, !request.body_unasked && has_token(&request.headers, "expect", "100-continue")))
    }
}

/// A body that can be taken once, or, if it is short, as often as need be.
enum OutboundBody {
    Short(ResendableBody),
    Long(Option<WireBody>),
}

impl OutboundBody {
    fn new(body: WireBody, short: bool) -> Self {
        if short { Self::Short(ResendableBody::new(body)) } else { Self::Long(Some(body)) }
    }

    fn is_there(&self) -> bool {
        !matches!(self, Self::Long(None))
    }

    fn take(&mut self) -> Option<WireBody> {
        match self {
            Self::Short(replay) => Some(replay.reader()),
            Self::Long(body) => body.take(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_named_as_people_name_them() {
        assert_eq!("auto".parse(), Ok(UpstreamHttp::Auto));
        assert_eq!("1.1".parse(), Ok(UpstreamHttp::Http1));
        assert_eq!("2".parse(), Ok(UpstreamHttp::Http2));
        let error = "3".parse::<UpstreamHttp>().unwrap_err().to_string();
        assert!(error.contains("\"3\"") && error.contains("auto, 1.1 or 2"), "{error}");
    }
}
