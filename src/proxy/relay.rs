//! Forwards one request to its upstream, passes the response back, and tees both for the record.
//!
//! ```text
//! RequestHead, body ─► reserve a place ─► Draft ─► Tee ─► Upstream::send ─┬─ Ok ──► Tee ─► Answer
//!                                                                         └─ Err ─► problem details
//! ```
//!
//! Knows no connection: what reads and writes HTTP/1 (or, later, HTTP/2) calls it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use http_body_util::{BodyExt, Empty};
use hyper::ext::ReasonPhrase;
use hyper::header::{HOST, HeaderValue};
use hyper::http::Extensions;
use hyper::{Request, Response, Uri};
use jiff::Timestamp;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use super::event::{ProxyEvent, Tell};
use super::exchange_builder::{AnswerHead, ExchangeBuilder, Opening, Part};
use super::fields::{RawHeaders, RawTrailers, from_map, to_map};
use super::head::{RequestHead, bodiless};
use super::limits::Limits;
use super::problem;
use super::rewrite::Rewriter;
use super::sink::Sink;
use super::tee::tee;
use super::upstream::{UpgradedIo, Upstream, UpstreamError, WireBody};
use super::wire_fault::{self, WireDamage, WireFault};
use crate::exchange::{FailureKind, Headers, Simulated, Simulator, Version};

/// What all connections of a proxy share.
pub struct ProxyShared {
    sink: Sink,
    /// Bounds.
    pub limits: Limits,
    exchanges: AtomicU64,
    /// Tells the connection that has waited longest for a request to make room for another.
    pub crowded: Notify,
    cut: CancellationToken,
}

impl ProxyShared {
    /// `cut` tells why exchanges are dropped: it is cancelled before they are cut off at shutdown.
    pub fn new(sink: Sink, limits: Limits, cut: CancellationToken) -> Self {
        Self { sink, limits, exchanges: AtomicU64::new(1), crowded: Notify::new(), cut }
    }
}

/// The way to one upstream.
pub struct Relay {
    upstream: Arc<dyn Upstream>,
    host: Option<HeaderValue>,
    recorded: bool,
    /// Told why the upstream can't be reached, in place of the broker.
    reasons: Option<Tell>,
    links: Option<Rewriter>,
    /// Of the whole proxy.
    pub common: Arc<ProxyShared>,
}

/// An answer on its way to the broker.
pub struct Answer {
    /// Head and body.
    pub response: Response<WireBody>,
    /// The fields to write.
    pub fields: Arc<Headers>,
    /// The reason phrase to write.
    pub reason: Vec<u8>,
    /// True if the fields are those of a wire, which say themselves how long the body is.
    pub from_wire: bool,
    /// The trailer fields to write, once they have come.
    pub trailers: RawTrailers,
    /// The connection, if the protocol was switched (101).
    pub switched: Option<UpgradedIo>,
    /// The exchange, where it is recorded. To be told when the answer is delivered.
    pub draft: Option<Arc<ExchangeBuilder>>,
    /// Nothing is written, and the connection is reset (over HTTP/2 the stream).
    pub reset: bool,
}

impl Relay {
    /// Nothing is asked of the upstream yet.
    pub fn new(upstream: Arc<dyn Upstream>, common: Arc<ProxyShared>) -> Self {
        let host = HeaderValue::from_str(authority_of(upstream.origin())).ok();
        Self { upstream, host, recorded: true, reasons: None, links: None, common }
    }

    /// The same, but nothing of it is recorded.
    pub fn unrecorded(self) -> Self {
        Self { recorded: false, ..self }
    }

    /// The same, but the broker is not told why the upstream can't be reached: the recording says it, else `tell` is told.
    pub fn keeping_reasons(self, tell: Tell) -> Self {
        Self { reasons: Some(tell), ..self }
    }

    /// Records that no request ever came, because broker and Umpire found no common TLS in a tunnel to this host.
    pub async fn no_handshake(&self, connection: u64, detail: String) {
        self.without_request(connection, FailureKind::NoHandshake, detail, None).await;
    }

    /// Records that no request ever came, because Umpire broke the handshake off itself.
    pub async fn broken_handshake(&self, connection: u64) {
        let simulated = Simulated { by: Simulator::Fault, detail: "tls-failure".to_owned() };
        let detail = "the TLS handshake was broken off".to_owned();
        self.without_request(connection, FailureKind::Fault, detail, Some(simulated)).await;
    }

    async fn without_request(&self, connection: u64, kind: FailureKind, detail: String, simulated: Option<Simulated>) {
        tracing::info!("no TLS handshake");
        let Some(place) = self.common.sink.reserve().await else { return };
        let opening = Opening {
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
        let draft = ExchangeBuilder::new(opening, place, self.common.cut.clone());
        if let Some(by) = simulated {
            draft.simulated(by);
        }
        draft.failed(kind, detail, None);
    }

    /// Links that lead past the proxy are rewritten on their way to the broker.
    pub fn rewriting(self, links: Option<Rewriter>) -> Self {
        Self { links, ..self }
    }

    /// Sends a request on and returns the answer, Umpire's own if there is no other. `beside` goes along as extensions
    /// of the request: [`RawTrailers`], [`Informational`](super::upstream::Interim).
    pub async fn answer(&self, connection: u64, head: RequestHead, body: WireBody, beside: Extensions) -> Answer {
        let id = self.common.exchanges.fetch_add(1, Ordering::Relaxed);
        let span = tracing::debug_span!("exchange", id);
        self.carry(id, connection, head, body, beside).instrument(span).await
    }

    async fn carry(&self, id: u64, connection: u64, head: RequestHead, body: WireBody, beside: Extensions) -> Answer {
        let (started, clock) = (Timestamp::now(), Instant::now());
        let place = if self.recorded { self.common.sink.reserve().await } else { None };
        let fields = Arc::new(head.fields);
        let draft = place.map(|place| {
            let opening = Opening {
                id,
                connection,
                started,
                clock,
                origin: self.upstream.origin().to_owned(),
                method: head.method.as_str().to_owned(),
                target: head.target.clone(),
                version: head.version,
                headers: Arc::clone(&fields),
            };
            ExchangeBuilder::new(opening, place, self.common.cut.clone())
        });
        let cap = self.common.limits.kept_body;
        let body = match &draft {
            Some(draft) => {
                let trailers = beside.get::<RawTrailers>().cloned().unwrap_or_default();
                tee(body, trailers, Part::Request, Arc::clone(draft), cap)
            }
            None => body,
        };
        let mut request = Request::new(body);
        *request.method_mut() = head.method;
        *request.version_mut() = wire_version(head.version);
        *request.uri_mut() = uri(&head.target);
        *request.headers_mut() = to_map(&fields);
        if let Some(host) = &self.host {
            request.headers_mut().insert(HOST, host.clone());
        }
        request.extensions_mut().extend(beside);
        request.extensions_mut().insert(RawHeaders(Arc::clone(&fields)));
        request.extensions_mut().insert(RawTarget(head.target));
        let method = request.method().clone();
        match self.upstream.send(request).await {
            Ok(mut response) => {
                let fault: WireFault = response.extensions_mut().remove().unwrap_or_default();
                let simulated: Option<Arc<Simulated>> = response.extensions_mut().remove();
                if let (Some(draft), Some(by)) = (&draft, simulated) {
                    draft.simulated(Arc::unwrap_or_clone(by));
                }
                // Whoever goes away meanwhile was not kept waiting by the upstream: that is recorded by now.
                if !fault.delay.is_zero() {
                    tokio::time::sleep(fault.delay).await;
                }
                let bodiless = bodiless(response.status().as_u16(), &method);
                let response = if bodiless {
                    response.map(|_| Empty::new().map_err(|never| match never {}).boxed())
                } else {
                    response
                };
                if let (Some(draft), Some(damage)) = (&draft, fault.damage) {
                    draft.failed(FailureKind::Fault, damage.describe(), None);
                }
                if fault.damage == Some(WireDamage::Reset) {
                    return Answer { reset: true, draft, ..Answer::own(Response::default()) };
                }
                let answer = Self::answered(response, fault.damage, draft, cap);
                // Links of an answer that doesn't arrive lead nowhere.
                let mut answer = match &self.links {
                    Some(rewriter) if fault.damage.is_none() => answer.rewritten(rewriter, &fields, bodiless).await,
                    _ => answer,
                };
                answer.response = answer.response.map(|body| wire_fault::slow(body, fault.bytes_per_second));
                answer
            }
            Err(error) => {
                tracing::debug!(kind = error.kind.as_str(), "no answer");
                let response = match &self.reasons {
                    Some(tell) if error.kind == FailureKind::Unreachable => self.not_reached(tell, &error),
                    _ => problem::no_answer(&error),
                };
                if let Some(draft) = draft {
                    draft.failed(error.kind, error.detail, Some(response.status().as_u16()));
                }
                Answer::own(response)
            }
        }
    }

    fn not_reached(&self, tell: &Tell, error: &UpstreamError) -> Response<WireBody> {
        let authority = authority_of(self.upstream.origin());
        if !self.recorded {
            tell(ProxyEvent::NotReached { authority: authority.to_owned(), why: error.detail.clone() });
        }
        problem::not_reached(authority)
    }

    fn answered(
        mut response: Response<WireBody>,
        damage: Option<WireDamage>,
        draft: Option<Arc<ExchangeBuilder>>,
        cap: usize,
    ) -> Answer {
        let wire = response.extensions_mut().remove::<RawHeaders>();
        // Over HTTP/2 it is the frames that say where a body ends.
        let from_wire = wire.is_some() && response.version() != hyper::Version::HTTP_2;
        let mut fields = wire.map_or_else(|| Arc::new(from_map(response.headers())), |RawHeaders(fields)| fields);
        if let Some(damage) = damage {
            fields = damage.fields(fields, response.body());
            response = response.map(|body| damage.body(body));
        }
        let reason = reason_of(&response);
        let trailers: RawTrailers = response.extensions_mut().remove().unwrap_or_default();
        let switched = response.extensions_mut().remove();
        tracing::debug!(status = response.status().as_u16(), "answered");
        if let Some(draft) = &draft {
            draft.answered(AnswerHead {
                status: response.status().as_u16(),
                // HTTP/2 has none; a broker that speaks HTTP/1 gets the usual one all the same.
                reason: match response.version() {
                    hyper::Version::HTTP_2 => String::new(),
                    _ => String::from_utf8_lossy(&reason).into_owned(),
                },
                version: version_of(response.version()),
                headers: Arc::clone(&fields),
            });
            let (keeper, behind) = (Arc::clone(draft), trailers.clone());
            response = response.map(|body| tee(body, behind, Part::Response, keeper, cap));
        }
        Answer { response, fields, reason, from_wire, trailers, switched, draft, reset: false }
    }
}

impl Answer {
    /// With links that lead through the proxy. What the booking system sent is recorded already.
    async fn rewritten(self, rewriter: &Rewriter, request: &Headers, bodiless: bool) -> Self {
        let (parts, body) = self.response.into_parts();
        let passed = rewriter.pass(request, parts.status.as_u16(), self.fields, body, bodiless).await;
        if let Some(draft) = &self.draft
            && !passed.rewritten.is_empty()
        {
            draft.rewritten(passed.rewritten);
        }
        Self { response: Response::from_parts(parts, passed.body), fields: passed.fields, ..self }
    }

    /// An answer of Umpire's own, which is no part of the recording.
    pub fn own(response: Response<WireBody>) -> Self {
        let (fields, reason) = (Arc::new(from_map(response.headers())), reason_of(&response));
        let trailers = RawTrailers::default();
        Self { response, fields, reason, from_wire: false, trailers, switched: None, draft: None, reset: false }
    }
}

/// The request target byte for byte, an extension of `hyper::Request`: `Uri` refuses some of what HTTP allows.
#[derive(Debug, Clone)]
pub struct RawTarget(pub String);

fn reason_of(response: &Response<WireBody>) -> Vec<u8> {
    match response.extensions().get::<ReasonPhrase>() {
        Some(reason) => reason.as_bytes().to_vec(),
        None => response.status().canonical_reason().unwrap_or_default().as_bytes().to_vec(),
    }
}

fn wire_version(version: Version) -> hyper::Version {
    match version {
        Version::Http10 => hyper::Version::HTTP_10,
        Version::Http11 => hyper::Version::HTTP_11,
        Version::Http2 => hyper::Version::HTTP_2,
        Version::Http3 => hyper::Version::HTTP_3,
    }
}

fn version_of(version: hyper::Version) -> Version {
    match version {
        hyper::Version::HTTP_09 | hyper::Version::HTTP_10 => Version::Http10,
        hyper::Version::HTTP_2 => Version::Http2,
        hyper::Version::HTTP_3 => Version::Http3,
        _ => Version::Http11,
    }
}

/// Host and perhaps port of an origin.
fn authority_of(origin: &str) -> &str {
    origin.split_once("://").map_or(origin, |(_, authority)| authority)
}

/// The target as a `Uri`, what that can't hold percent-encoded.
fn uri(target: &str) -> Uri {
    let hex = |digit: u8| char::from(b"0123456789ABCDEF"[usize::from(digit)]);
    target.parse().unwrap_or_else(|_| {
        let mut encoded = String::with_capacity(target.len() + 16);
        for byte in target.bytes() {
            if byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@/?%".contains(&byte) {
                encoded.push(char::from(byte));
            } else {
                encoded.extend(['%', hex(byte >> 4), hex(byte & 15)]);
            }
        }
        encoded.parse().unwrap_or_default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_target_has_a_uri() {
        for (target, path) in [("/a?b=c", "/a?b=c"), ("*", "*"), ("/a b", "/a%20b"), ("/<x>\u{e9}", "/%3Cx%3E%C3%A9")] {
            let uri = uri(target);
            assert_eq!(uri.path_and_query().unwrap().as_str(), path, "{target}");
        }
    }
}
