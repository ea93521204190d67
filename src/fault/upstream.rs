//! The upstream that makes faults: it wraps another one.
//!
//! ```text
//! request ─► stage by method and path ─┬─ no fault meets it ─► upstream
//!                                      ├─ known ─► pick ─► made in its place, or upstream and spoilt
//!                                      └─ a GET elsewhere: only the answer tells a feed from a page ─► upstream ─► pick ─► spoilt
//! ```

use std::sync::Arc;

use bytes::Bytes;
use hyper::{Method, StatusCode};

use super::kind::{FaultKind, FaultPoint};
use super::message::{GatheredBody, add_field, decoded, gather, put_back, with_body};
use super::selection::{FaultCall, Faults, PickedFault};
use super::{content, made};
use crate::exchange::{self, Body, Exchange, Headers, OF_REPLAY, Simulated, Simulator, Version};
use crate::json::Document;
use crate::openbooking::media_type::{BOOKING_V1, is_booking};
use crate::openbooking::{ParsedExchange, Stage, classify, is_uuid};
use crate::proxy::upstream::{
    OutboundRequest, ResponseFuture, Upstream, UpstreamError, UpstreamResponse, WireBody, empty_body, full_body,
};
use crate::proxy::wire_fault::{WireDamage, WireFault};

/// Names the faults that an answer was made of.
pub(crate) const FIELD: &str = "Umpire-Fault";

/// An upstream whose answers have the faults that were asked for.
pub struct FaultyUpstream {
    inner: Arc<dyn Upstream>,
    faults: Faults,
}

/// A request, as far as faults need it.
struct FaultyRequest {
    stage: Stage,
    target: String,
    body: Bytes,
}

/// The stages that only the answer to a GET tells apart.
const BY_ANSWER: [Stage; 3] = [Stage::OpportunityFeed, Stage::DatasetSite, Stage::Other];

impl FaultyUpstream {
    /// Wraps an upstream.
    pub fn new(inner: Arc<dyn Upstream>, faults: Faults) -> Self {
        Self { inner, faults }
    }

    /// Wraps an upstream, if there are any faults.
    pub fn wrap(inner: Arc<dyn Upstream>, faults: &Faults) -> Arc<dyn Upstream> {
        if faults.is_empty() { inner } else { Arc::new(Self::new(inner, faults.clone())) }
    }
}

impl Upstream for FaultyUpstream {
    fn origin(&self) -> &str {
        self.inner.origin()
    }

    fn send(&self, mut request: OutboundRequest) -> ResponseFuture<'_> {
        Box::pin(async move {
            let speaks_booking = request.headers.get("content-type").is_some_and(is_booking);
            let call = classify(request.method.as_str(), request.path(), None, speaks_booking);
            let uuid = call.uuid_segment.filter(|segment| is_uuid(segment)).map(str::to_ascii_lowercase);
            let stage = call.stage;
            let is_by_answer = stage == Stage::Other && request.method == Method::GET;
            let target = request.target.clone();
            if is_by_answer {
                return self.send_and_look(request, target).await;
            }
            // Only its body tells B from the completion of a proposal.
            let stages = if stage == Stage::B { &[Stage::B, Stage::BAfterP][..] } else { &[stage] };
            if !stages.iter().any(|stage| self.faults.may_meet(*stage)) {
                return self.inner.send(request).await;
            }
            let (body, trailers) = match gather(request.take_body()).await {
                GatheredBody::Whole(body, trailers) => (body, trailers),
                GatheredBody::Longer(body) => return self.inner.send(OutboundRequest { body, ..request }).await,
            };
            let stage = if stage == Stage::B && completes_proposal(&body) { Stage::BAfterP } else { stage };
            let picks = self.faults.pick(FaultCall { stage, uuid: uuid.as_deref() });
            let asked = FaultyRequest { stage, target, body: body.clone() };
            if let Some(response) = in_its_place(&picks, &asked) {
                return Ok(response);
            }
            let response = self.inner.send(OutboundRequest { body: put_back(body, trailers), ..request }).await;
            self.spoil(response, picks, &asked).await
        })
    }
}

impl FaultyUpstream {
    /// Sends a request of which only the answer tells whether it asks for a feed.
    async fn send_and_look(&self, request: OutboundRequest, target: String) -> Result<UpstreamResponse, UpstreamError> {
        let response = self.inner.send(request).await?;
        if !BY_ANSWER.iter().any(|stage| self.faults.may_meet(*stage)) {
            return Ok(response);
        }
        let (response, body) = without_body(response);
        let (content, trailers) = match gather(body).await {
            GatheredBody::Whole(content, trailers) => (content, trailers),
            GatheredBody::Longer(body) => return Ok(UpstreamResponse { body, ..response }),
        };
        let response = UpstreamResponse { body: put_back(content.clone(), trailers), ..response };
        let stage = stage_of_answer(self.origin(), &target, &response, content);
        let picks = self.faults.pick(FaultCall { stage, uuid: None });
        let asked = FaultyRequest { stage, target, body: Bytes::new() };
        match in_its_place(&picks, &asked) {
            Some(response) => Ok(response),
            None => self.spoil(Ok(response), picks, &asked).await,
        }
    }

    /// Makes the faults of an answer. Those that find nothing to spoil are taken back.
    async fn spoil(
        &self,
        response: Result<UpstreamResponse, UpstreamError>,
        picks: Vec<PickedFault>,
        asked: &FaultyRequest,
    ) -> Result<UpstreamResponse, UpstreamError> {
        let mut response = match response {
            Ok(response) if !picks.is_empty() => response,
            response => {
                for pick in &picks {
                    self.faults.take_back(pick);
                }
                return response;
            }
        };
        let mut made = Vec::new();
        for pick in picks {
            let spoilt;
            (response, spoilt) = self.spoil_by(response, &pick.fault.kind, asked).await;
            if spoilt {
                made.push(pick);
            } else {
                tracing::debug!(stage = %asked.stage, "nothing to spoil in this answer");
                self.faults.take_back(&pick);
            }
        }
        Ok(marked(response, &made))
    }

    /// Makes one fault; true if there was something to spoil.
    async fn spoil_by(
        &self,
        response: UpstreamResponse,
        kind: &FaultKind,
        asked: &FaultyRequest,
    ) -> (UpstreamResponse, bool) {
        if kind.point() == FaultPoint::OnWire {
            return spoil_on_wire(response, kind).await;
        }
        let (response, body) = without_body(response);
        let (bytes, trailers) = match gather(body).await {
            GatheredBody::Whole(bytes, trailers) => (bytes, trailers),
            GatheredBody::Longer(body) => return (UpstreamResponse { body, ..response }, false),
        };
        let response = UpstreamResponse { body: put_back(bytes.clone(), trailers), ..response };
        if !response.status.is_success() {
            return (response, false);
        }
        let text = decoded(&bytes, &response);
        match text.and_then(|text| content::changed(kind, &text, self.origin(), &asked.target)) {
            Some(text) => (with_body(response, text), true),
            None => (response, false),
        }
    }
}

/// Notes on an answer what the proxy is to do to it; true if there is something to do it to.
async fn spoil_on_wire(mut response: UpstreamResponse, kind: &FaultKind) -> (UpstreamResponse, bool) {
    let mut fault = response.fault;
    match kind {
        FaultKind::Delay(delay) => fault.delay += *delay,
        FaultKind::AnswerLost => fault.damage = Some(WireDamage::Reset),
        FaultKind::Slow(bytes_per_second) => fault.bytes_per_second = *bytes_per_second,
        FaultKind::Cut(_) | FaultKind::WrongLength(_) => {
            let (head, body) = without_body(response);
            let (body, has_content) = match gather(body).await {
                GatheredBody::Whole(bytes, trailers) => {
                    let has_content = !bytes.is_empty();
                    (put_back(bytes, trailers), has_content)
                }
                GatheredBody::Longer(body) => (body, true),
            };
            response = UpstreamResponse { body, ..head };
            if !has_content {
                return (response, false);
            }
            fault.damage = Some(match kind {
                FaultKind::Cut(after) => WireDamage::Cut { after: *after },
                FaultKind::WrongLength(by) => WireDamage::TooShort { by: *by },
                _ => return (response, false),
            });
        }
        _ => return (response, false),
    }
    (UpstreamResponse { fault, ..response }, true)
}

/// The answer that a fault gives in the booking system's place, if one does.
fn in_its_place(picks: &[PickedFault], asked: &FaultyRequest) -> Option<UpstreamResponse> {
    let fault = &picks.iter().find(|pick| pick.fault.kind.point() == FaultPoint::BeforeUpstream)?.fault;
    let mut wire = WireFault::default();
    for pick in picks {
        match &pick.fault.kind {
            FaultKind::Delay(delay) => wire.delay += *delay,
            FaultKind::Slow(bytes_per_second) => wire.bytes_per_second = *bytes_per_second,
            _ => {}
        }
    }
    let mut response = match made::answer(&fault.kind, asked.stage, &asked.body, &fault.text) {
        Some(made) => {
            let status = StatusCode::from_u16(made.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            let mut response = UpstreamResponse::new(status, Headers::default(), full_body(made.body));
            add_field(&mut response, "content-type", BOOKING_V1);
            if let Some(seconds) = made.retry_after {
                add_field(&mut response, "retry-after", &seconds.to_string());
            }
            response
        }
        None => {
            wire.damage = Some(WireDamage::Reset);
            UpstreamResponse::new(StatusCode::OK, Headers::default(), empty_body())
        }
    };
    response.fault = wire;
    Some(marked(response, picks))
}

/// The answer with the mark that Umpire had a hand in it.
fn marked(mut response: UpstreamResponse, made: &[PickedFault]) -> UpstreamResponse {
    if made.is_empty() {
        return response;
    }
    let mut detail = made.iter().map(|pick| pick.fault.text.as_str()).collect::<Vec<_>>().join("; ");
    add_field(&mut response, FIELD, &detail);
    if let Some(replayed) = &response.simulated {
        detail = format!("{detail}{OF_REPLAY}{}", replayed.detail);
    }
    UpstreamResponse { simulated: Some(Simulated { by: Simulator::Fault, detail }), ..response }
}

/// A response and its body.
fn without_body(mut response: UpstreamResponse) -> (UpstreamResponse, WireBody) {
    let body = std::mem::replace(&mut response.body, empty_body());
    (response, body)
}

fn completes_proposal(body: &[u8]) -> bool {
    Document::parse(body).is_ok_and(|order| order.root().get("orderProposalVersion").is_some())
}

/// The stage of a GET that is no call of the booking API, as its answer shows it.
fn stage_of_answer(origin: &str, target: &str, response: &UpstreamResponse, content: Bytes) -> Stage {
    let mut exchange = Exchange::get(origin, target);
    exchange.response = Some(exchange::Response {
        status: response.status.as_u16(),
        reason: String::new(),
        version: Version::Http11,
        headers: Headers::clone(&response.headers),
        body: Body::complete(content),
    });
    ParsedExchange::new(0, Arc::new(exchange), None).stage
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;

    use super::*;
    use crate::exchange::encode;

    /// Answers every request with these fields and this body, as a live client does, and counts them.
    struct Fixed {
        fields: Headers,
        body: Bytes,
        asked: std::sync::atomic::AtomicU32,
    }

    impl Fixed {
        fn new(fields: Headers, body: impl Into<Bytes>) -> Arc<Self> {
            Arc::new(Self { fields, body: body.into(), asked: std::sync::atomic::AtomicU32::new(0) })
        }

        fn asked(&self) -> u32 {
            self.asked.load(std::sync::atomic::Ordering::Relaxed)
        }
    }

    impl Upstream for Fixed {
        fn origin(&self) -> &'static str {
            "https://booking.example"
        }

        fn send(&self, request: OutboundRequest) -> ResponseFuture<'_> {
            Box::pin(async move {
                let sent = request.body.collect().await;
                assert!(sent.is_ok(), "the request comes whole");
                self.asked.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                let response = UpstreamResponse::new(StatusCode::OK, self.fields.clone(), full_body(self.body.clone()));
                Ok(UpstreamResponse { is_from_wire: true, ..response })
            })
        }
    }

    const UUID: &str = "0d5a8a5c-4b2e-4d27-9a55-1f2f3a9b7c01";

    fn put(resource: &str, body: impl Into<Bytes>) -> OutboundRequest {
        OutboundRequest::new(Method::PUT, format!("/api/{resource}/{UUID}"), Headers::default(), full_body(body))
    }

    async fn send(inner: &Arc<Fixed>, faults: &str, request: OutboundRequest) -> (Headers, Bytes, WireFault) {
        let inner: Arc<dyn Upstream> = Arc::<Fixed>::clone(inner);
        let faulty = FaultyUpstream::new(inner, Faults::new([faults.parse().unwrap()]));
        let response = faulty.send(request).await.unwrap();
        let (fields, wire) = (Headers::clone(&response.headers), response.fault);
        (fields, response.body.collect().await.unwrap().to_bytes(), wire)
    }

    #[tokio::test]
    async fn a_coded_answer_is_changed_and_loses_what_would_be_untrue() {
        let quote = br#"{"@type":"OrderQuote","totalPaymentDue":{"price":7.50}}"#;
        let gzip: Headers = [("content-encoding", "gzip")].into_iter().collect();
        let coded = Bytes::from(encode(quote, &gzip).unwrap());
        let length = coded.len().to_string();
        let mut fields: Headers =
            [("Content-Encoding", "gzip"), ("ETag", "\"1\""), ("X-Own", "1")].into_iter().collect();
        fields.push("content-length", length);
        let inner = Fixed::new(fields, coded.clone());
        let (fields, body, _) = send(&inner, "C2 price-changed=0.50", put("order-quotes", "{}")).await;
        assert_eq!(&body[..], br#"{"@type":"OrderQuote","totalPaymentDue":{"price":8.00}}"#);
        let names: Vec<&str> = fields.0.iter().map(|field| field.name.as_str()).collect();
        assert_eq!(names, ["X-Own", "Content-Length", FIELD]);
        assert_eq!(fields.get("content-length"), Some("55"));
        let (fields, body, _) = send(&inner, "C1 price-changed", put("order-quotes", "{}")).await;
        assert_eq!((body, fields.get("etag")), (coded, Some("\"1\"")), "another stage");
    }

    #[tokio::test]
    async fn completing_a_proposal_is_a_stage_of_its_own() {
        let inner = Fixed::new(Headers::default(), "{}");
        let completing = r#"{"orderProposalVersion":"v/1"}"#;
        for (faults, body, asked) in [
            ("B reset", completing, 1),
            ("B reset", "{}", 1),
            ("B-after-P reset", completing, 1),
            ("B-after-P reset", "{}", 2),
        ] {
            let (_, _, wire) = send(&inner, faults, put("orders", body)).await;
            let is_reset = wire.damage == Some(WireDamage::Reset);
            assert_eq!(
                (inner.asked(), is_reset),
                (asked, faults.starts_with("B ") != (body == completing)),
                "{faults} {body}"
            );
        }
    }

    #[tokio::test]
    async fn what_is_too_long_to_be_gathered_passes() {
        let inner = Fixed::new(Headers::default(), "{}");
        let long = vec![b' '; super::super::message::MOST + 1];
        let (_, _, wire) = send(&inner, "B reset", put("orders", long)).await;
        assert_eq!((inner.asked(), wire), (1, WireFault::default()));
        let inner = Fixed::new(Headers::default(), vec![b' '; super::super::message::MOST + 1]);
        let (fields, body, _) = send(&inner, "C2 price-changed", put("order-quotes", "{}")).await;
        assert_eq!((body.len(), fields.get(FIELD)), (super::super::message::MOST + 1, None));
    }
}
