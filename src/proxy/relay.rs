//! Forwards one request to its upstream, passes the response back, and tees both for the record.
//!
//! ```text
//! RequestHead, body ─► ExchangeBuilder ─► Tee ─► Upstream::send ─┬─ Ok ──► Tee ─► ProxiedResponse
//!                                                                └─ Err ─► problem details
//! ```
//!
//! Knows no connection: what reads and writes HTTP/1 and HTTP/2 calls it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use bytes::Bytes;
use hyper::{Response, StatusCode};
use jiff::Timestamp;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use crate::exchange::{FailureKind, Headers, Simulated, Simulator, Version};
use crate::proxy::event::{EventHandler, ProxyEvent};
use crate::proxy::message::fields::{RawTrailers, from_map};
use crate::proxy::message::head::{RequestHead, bodiless};
use crate::proxy::message::problem;
use crate::proxy::record::exchange_builder::{ExchangeBuilder, MessagePart, RequestMeta, ResponseMeta};
use crate::proxy::record::sink::ExchangeSender;
use crate::proxy::record::tee::tee;
use crate::proxy::rewrite::Rewriter;
use crate::proxy::server::limits::Limits;
use crate::proxy::upstream::{
    Informational, OutboundRequest, UpgradedIo, Upstream, UpstreamError, UpstreamResponse, WireBody, authority_of,
    empty_body,
};
use crate::proxy::wire_fault::{self, WireDamage};

/// What all connections of a proxy share.
pub(crate) struct ProxyShared {
    sink: ExchangeSender,
    /// Bounds.
    pub limits: Limits,
    exchanges: AtomicU64,
    /// Tells the connection that has waited longest for a request to make room for another.
    pub evict_idle: Notify,
    cut: CancellationToken,
}

impl ProxyShared {
    /// `cut` tells why exchanges are dropped: it is cancelled before they are cut off at shutdown.
    pub(crate) fn new(sink: ExchangeSender, limits: Limits, cut: CancellationToken) -> Self {
        Self { sink, limits, exchanges: AtomicU64::new(1), evict_idle: Notify::new(), cut }
    }
}

/// Forwards requests to one upstream.
pub(crate) struct Relay {
    upstream: Arc<dyn Upstream>,
    recorded: bool,
    /// Told why the upstream can't be reached, in place of the broker.
    hide_reasons: Option<EventHandler>,
    links: Option<Rewriter>,
    /// Of the whole proxy.
    pub common: Arc<ProxyShared>,
}

/// A response on its way to the client.
pub(crate) struct ProxiedResponse {
    /// Status code.
    pub status: StatusCode,
    /// Reason phrase.
    pub reason: Bytes,
    /// Header fields.
    pub headers: Arc<Headers>,
    /// True if the fields are those of a wire, which say themselves how long the body is.
    pub is_from_wire: bool,
    /// Content.
    pub body: WireBody,
    /// Trailer fields, once they have come.
    pub trailers: RawTrailers,
    /// The connection, if the protocol was switched (101).
    pub upgrade: Option<UpgradedIo>,
    /// The exchange, where it is recorded. To be told when the answer is delivered.
    pub exchange_builder: Option<Arc<ExchangeBuilder>>,
    /// Nothing is written, and the connection is reset (over HTTP/2 the stream).
    pub reset: bool,
}

impl Relay {
    /// Nothing is asked of the upstream yet.
    pub(crate) fn new(upstream: Arc<dyn Upstream>, common: Arc<ProxyShared>) -> Self {
        Self { upstream, recorded: true, hide_reasons: None, links: None, common }
    }

    /// The same, but nothing of it is recorded.
    pub(crate) fn unrecorded(self) -> Self {
        Self { recorded: false, ..self }
    }

    /// The same, but the broker is not told why the upstream can't be reached; if the exchange is not recorded, `on_event` is.
    pub(crate) fn hiding_reasons(self, on_event: EventHandler) -> Self {
        Self { hide_reasons: Some(on_event), ..self }
    }

    /// Records that no request ever came, because broker and Umpire found no common TLS in a tunnel to this host.
    pub(crate) async fn no_handshake(&self, connection: u64, detail: String) {
        self.without_request(connection, FailureKind::NoHandshake, detail, None).await;
    }

    /// Records that no request ever came, because Umpire broke the handshake off itself.
    pub(crate) async fn broken_handshake(&self, connection: u64) {
        let simulated = Simulated { by: Simulator::Fault, detail: "tls-failure".to_owned() };
        let detail = "the TLS handshake was broken off".to_owned();
        self.without_request(connection, FailureKind::Fault, detail, Some(simulated)).await;
    }

    async fn without_request(&self, connection: u64, kind: FailureKind, detail: String, simulated: Option<Simulated>) {
        tracing::info!("no TLS handshake");
        let Some(place) = self.common.sink.reserve().await else { return };
        let opening = RequestMeta {
            id: self.common.exchanges.fetch_add(1, Ordering::Relaxed),
            connection,
            started: Timestamp::now(),
            clock: Instant::now(),
            origin: self.upstream.origin().to_owned(),
            method: "CONNECT".to_owned(),
            target: "/".to_owned(),
            version: Version::Http11,
            headers: Arc::default(),
        };
        let exchange_builder = ExchangeBuilder::new(opening, place, self.common.cut.clone());
        if let Some(by) = simulated {
            exchange_builder.simulated(by);
        }
        exchange_builder.failed(kind, detail, None);
    }

    /// Links that lead past the proxy are rewritten on their way to the broker.
    pub(crate) fn rewriting(self, links: Option<Rewriter>) -> Self {
        Self { links, ..self }
    }

    /// Forwards a request and returns the response; Umpire's own if there is no other. `trailers` are those of the body,
    /// once they have come.
    pub(crate) async fn forward(
        &self,
        connection: u64,
        head: RequestHead,
        (body, trailers): (WireBody, RawTrailers),
        informational: Option<Informational>,
    ) -> ProxiedResponse {
        let id = self.common.exchanges.fetch_add(1, Ordering::Relaxed);
        let span = tracing::debug_span!("exchange", id);
        let RequestHead { method, target, version, fields, body_unasked, .. } = head;
        let headers = Arc::new(fields);
        let request = OutboundRequest { method, target, version, headers, body, body_unasked, trailers, informational };
        self.forward_as(id, connection, request).instrument(span).await
    }

    async fn forward_as(&self, id: u64, connection: u64, mut request: OutboundRequest) -> ProxiedResponse {
        let exchange_builder = if self.recorded { self.record(id, connection, &request).await } else { None };
        let cap = self.common.limits.kept_body;
        if let Some(exchange_builder) = &exchange_builder {
            let body = request.take_body();
            request.body = tee(body, request.trailers.clone(), MessagePart::Request, Arc::clone(exchange_builder), cap);
        }
        let (method, headers) = (request.method.clone(), Arc::clone(&request.headers));
        match self.upstream.send(request).await {
            Ok(mut response) => {
                if let (Some(exchange_builder), Some(by)) = (&exchange_builder, response.simulated.take()) {
                    exchange_builder.simulated(by);
                }
                let fault = response.fault;
                // Whoever goes away meanwhile was not kept waiting by the upstream: that is recorded by now.
                if !fault.delay.is_zero() {
                    tokio::time::sleep(fault.delay).await;
                }
                let bodiless = bodiless(response.status.as_u16(), &method);
                if bodiless {
                    response.body = empty_body();
                }
                if let (Some(exchange_builder), Some(damage)) = (&exchange_builder, fault.damage) {
                    exchange_builder.failed(FailureKind::Fault, damage.describe(), None);
                }
                if fault.damage == Some(WireDamage::Reset) {
                    return ProxiedResponse {
                        reset: true,
                        exchange_builder,
                        ..ProxiedResponse::own(Response::new(empty_body()))
                    };
                }
                let proxied = ProxiedResponse::of(response, exchange_builder, cap);
                // Links of an answer that doesn't arrive lead nowhere.
                let mut proxied = match &self.links {
                    Some(rewriter) if fault.damage.is_none() => proxied.rewritten(rewriter, &headers, bodiless).await,
                    _ => proxied,
                };
                proxied.body = wire_fault::slow(proxied.body, fault.bytes_per_second);
                proxied
            }
            Err(error) => {
                tracing::debug!(kind = error.kind.as_str(), "no answer");
                let response = match &self.hide_reasons {
                    Some(on_event) if error.kind == FailureKind::Unreachable => {
                        self.unreachable_without_reason(on_event, &error)
                    }
                    _ => problem::no_answer(&error),
                };
                if let Some(exchange_builder) = exchange_builder {
                    exchange_builder.failed(error.kind, error.detail, Some(response.status().as_u16()));
                }
                ProxiedResponse::own(response)
            }
        }
    }

    /// Begins the record of an exchange; `None` if nothing is recorded any more.
    async fn record(&self, id: u64, connection: u64, request: &OutboundRequest) -> Option<Arc<ExchangeBuilder>> {
        let (started, clock) = (Timestamp::now(), Instant::now());
        let place = self.common.sink.reserve().await?;
        let opening = RequestMeta {
            id,
            connection,
            started,
            clock,
            origin: self.upstream.origin().to_owned(),
            method: request.method.as_str().to_owned(),
            target: request.target.clone(),
            version: request.version,
            headers: Arc::clone(&request.headers),
        };
        self.common.sink.announce(&opening);
        Some(ExchangeBuilder::new(opening, place, self.common.cut.clone()))
    }

    fn unreachable_without_reason(&self, on_event: &EventHandler, error: &UpstreamError) -> Response<WireBody> {
        let authority = authority_of(self.upstream.origin());
        if !self.recorded {
            on_event(ProxyEvent::NotReached { authority: authority.to_owned(), why: error.detail.clone() });
        }
        problem::unreachable_without_reason(authority)
    }
}

impl ProxiedResponse {
    /// A response of an upstream, which is recorded from here on.
    fn of(response: UpstreamResponse, exchange_builder: Option<Arc<ExchangeBuilder>>, cap: usize) -> Self {
        let reason = response.reason_phrase();
        let UpstreamResponse { status, version, mut headers, mut body, trailers, upgrade, fault, .. } = response;
        if let Some(damage) = fault.damage {
            headers = damage.fields(headers, &body);
            body = damage.body(body);
        }
        // Over HTTP/2 it is the frames that say where a body ends.
        let is_from_wire = response.is_from_wire && version != Version::Http2;
        tracing::debug!(status = status.as_u16(), "answered");
        if let Some(exchange_builder) = &exchange_builder {
            exchange_builder.answered(ResponseMeta {
                status: status.as_u16(),
                // HTTP/2 has none; a broker that speaks HTTP/1 gets the usual one all the same.
                reason: match version {
                    Version::Http2 => String::new(),
                    _ => String::from_utf8_lossy(&reason).into_owned(),
                },
                version,
                headers: Arc::clone(&headers),
            });
            body = tee(body, trailers.clone(), MessagePart::Response, Arc::clone(exchange_builder), cap);
        }
        Self { status, reason, headers, is_from_wire, body, trailers, upgrade, exchange_builder, reset: false }
    }

    /// With links that lead through the proxy. What the booking system sent is recorded already.
    async fn rewritten(self, rewriter: &Rewriter, request: &Headers, bodiless: bool) -> Self {
        let passed = rewriter.pass(request, self.status.as_u16(), self.headers, self.body, bodiless).await;
        if let Some(exchange_builder) = &self.exchange_builder
            && !passed.rewritten.is_empty()
        {
            exchange_builder.rewritten(passed.rewritten);
        }
        Self { headers: passed.fields, body: passed.body, ..self }
    }

    /// A response of Umpire's own, which is no part of the recording.
    pub(crate) fn own(response: Response<WireBody>) -> Self {
        let (parts, body) = response.into_parts();
        Self {
            status: parts.status,
            reason: Bytes::from_static(parts.status.canonical_reason().unwrap_or_default().as_bytes()),
            headers: Arc::new(from_map(&parts.headers)),
            is_from_wire: false,
            body,
            trailers: RawTrailers::default(),
            upgrade: None,
            exchange_builder: None,
            reset: false,
        }
    }
}
