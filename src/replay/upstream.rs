//! A replay on the wire: an `Upstream` like the live client, so that listener, recorder, rules and screen are the live ones.
//!
//! `request, its body collected ─► Player ─► answer, at once or when the recorded one came ─► Response`

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt, StreamBody};
use hyper::StatusCode;
use hyper::body::Frame;
use hyper::ext::ReasonPhrase;
use hyper::header::{HeaderName, HeaderValue};
use jiff::Timestamp;

use super::player::{ReplayOutcome, ServedAnswer};
use super::{Replay, Speed};
use crate::exchange::{Body, FailureKind, Header, Request, Simulated, Simulator, Version};
use crate::proxy::upstream::{
    OutboundRequest, ResponseFuture, Upstream, UpstreamError, UpstreamResponse, WireBody, failure_kind_of_request,
    full_body,
};

/// Longest request body, in bytes. A longer one is a miss.
pub const MAX_REQUEST: usize = 64 << 20;

/// How long a request waits at a time for more of the recordings to be read.
const PATIENCE: Duration = Duration::from_millis(50);

/// Says which exchange an answer was made of: `exchange=12; bound`.
pub(crate) const FIELD: &str = "Umpire-Replay";

impl Upstream for Replay {
    fn origin(&self) -> &str {
        &self.origin
    }

    fn send(&self, request: OutboundRequest) -> ResponseFuture<'_> {
        Box::pin(async move {
            // The origin by which the client knows this machine.
            let own = request.headers.get("host").map(|host| format!("{}://{host}", self.options.scheme));
            let request = gather(request, &self.origin).await?;
            self.reply(&request, own.as_deref()).await
        })
    }
}

/// The request with its body.
async fn gather(request: OutboundRequest, origin: &str) -> Result<Request, UpstreamError> {
    let headers = request.end_to_end_headers(origin);
    Ok(Request {
        method: request.method.as_str().to_owned(),
        target: request.target,
        version: Version::Http11,
        headers,
        body: Body::complete(collect(request.body).await?),
    })
}

/// All of a body, up to [`MAX_REQUEST`].
async fn collect(mut body: WireBody) -> Result<Bytes, UpstreamError> {
    let mut content = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| {
            let kind = failure_kind_of_request(&error);
            UpstreamError { kind, detail: format!("the request did not come to its end: {error}") }
        })?;
        let Ok(data) = frame.into_data() else { continue };
        if content.len() + data.len() > MAX_REQUEST {
            let detail = format!("a request of more than {MAX_REQUEST} bytes is not looked up");
            return Err(UpstreamError { kind: FailureKind::NoReplay, detail });
        }
        content.extend_from_slice(&data);
    }
    Ok(content.freeze())
}

impl Replay {
    async fn reply(&self, request: &Request, own: Option<&str>) -> Result<UpstreamResponse, UpstreamError> {
        loop {
            let more = self.progress.notified();
            let outcome = self.player().answer(request, own, Timestamp::now());
            match outcome {
                Ok(ReplayOutcome::Served(served)) => return Ok(self.deliver(*served).await),
                Ok(ReplayOutcome::Miss(miss)) => {
                    let detail = format!("{} {}: {}", miss.method, miss.target, miss.detail);
                    return Err(UpstreamError { kind: FailureKind::NoReplay, detail });
                }
                Ok(ReplayOutcome::NotYet) => {
                    tokio::select! {
                        () = more => {}
                        () = tokio::time::sleep(PATIENCE) => {}
                    }
                }
                Err(error) => {
                    let detail = format!("the recording can't be read: {error}");
                    return Err(UpstreamError { kind: FailureKind::NoReplay, detail });
                }
            }
        }
    }

    async fn deliver(&self, served: ServedAnswer) -> UpstreamResponse {
        if self.options.speed == Speed::Recorded {
            tokio::time::sleep(served.took.1).await;
        }
        let has_length = served.headers.get("content-length").is_some();
        let length = served.body.len();
        let trailers: hyper::HeaderMap = served
            .trailers
            .0
            .iter()
            .filter_map(|field| {
                let name = HeaderName::from_bytes(field.name.as_bytes()).ok()?;
                Some((name, HeaderValue::from_maybe_shared(field.value.clone()).ok()?))
            })
            .collect();
        let body = if trailers.is_empty() && (has_length || length == 0) {
            full_body(served.body)
        } else {
            // Without a length, as it was recorded: in chunks over HTTP/1.1.
            let mut frames = vec![Ok(Frame::data(served.body))];
            if !trailers.is_empty() {
                frames.push(Ok(Frame::trailers(trailers)));
            }
            BodyExt::boxed(StreamBody::new(futures_util::stream::iter(frames)))
        };
        let mut headers = served.headers;
        let how = match (served.is_nearest, served.is_bound) {
            (true, _) => "; nearest",
            (false, true) => "; bound",
            (false, false) => "",
        };
        if self.options.field {
            let file =
                if self.recordings.len() > 1 { format!("; recording={}", served.recording) } else { String::new() };
            headers.push(FIELD, format!("exchange={}{file}{how}", served.exchange));
        }
        headers.0.retain(can_be_sent);
        let reason =
            ReasonPhrase::try_from(served.reason.into_bytes()).ok().filter(|phrase| !phrase.as_bytes().is_empty());
        let detail = format!("{}, exchange {}", served.recording, served.exchange);
        let status = StatusCode::from_u16(served.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        UpstreamResponse {
            reason: reason.map(|phrase| Bytes::copy_from_slice(phrase.as_bytes())),
            simulated: Some(Simulated { by: Simulator::Replay, detail }),
            ..UpstreamResponse::new(status, headers, body)
        }
    }
}

/// False for a recorded field that HTTP does not allow.
fn can_be_sent(field: &Header) -> bool {
    let is_valid =
        HeaderName::from_bytes(field.name.as_bytes()).is_ok() && HeaderValue::from_bytes(&field.value).is_ok();
    if !is_valid {
        tracing::warn!(name = field.name, "a recorded header field can't be sent");
    }
    is_valid
}
