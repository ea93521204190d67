//! A replay on the wire: an `Upstream` like the live client, so that listener, recorder, rules and screen are the live ones.
//!
//! `request, its body collected ─► Player ─► answer, at once or when the recorded one came ─► Response`

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Frame;
use hyper::ext::ReasonPhrase;
use hyper::header::{HeaderName, HeaderValue};
use hyper::{Response, StatusCode};
use jiff::Timestamp;

use super::player::{Outcome, Served};
use super::{Replay, Speed};
use crate::exchange::{Body, FailureKind, Headers, Request, Simulated, Simulator, Version};
use crate::proxy::upstream::{Answer, Upstream, UpstreamError, WireBody, fault_of_request};

/// Longest request body, in bytes. A longer one is a miss.
pub const MAX_REQUEST: usize = 64 << 20;

/// How long a request waits at a time for more of the recordings to be read.
const PATIENCE: Duration = Duration::from_millis(50);

/// Says which exchange an answer was made of: `exchange=12; bound`.
pub const FIELD: &str = "Umpire-Replay";

impl Upstream for Replay {
    fn origin(&self) -> &str {
        &self.origin
    }

    fn send(&self, request: hyper::Request<WireBody>) -> Answer<'_> {
        Box::pin(async move {
            let (request, own) = gather(request, self.options.scheme).await?;
            self.reply(&request, own.as_deref()).await
        })
    }
}

/// The request with its body, and the origin by which the client knows this machine.
async fn gather(
    request: hyper::Request<WireBody>,
    scheme: &'static str,
) -> Result<(Request, Option<String>), UpstreamError> {
    let (head, body) = request.into_parts();
    let own = head.headers.get("host").and_then(|host| host.to_str().ok()).map(|host| format!("{scheme}://{host}"));
    let body = collect(body).await?;
    let mut headers = Headers::default();
    for (name, value) in &head.headers {
        headers.push(name.as_str(), Bytes::copy_from_slice(value.as_bytes()));
    }
    let request = Request {
        method: head.method.as_str().to_owned(),
        target: head.uri.path_and_query().map_or_else(|| head.uri.path().to_owned(), ToString::to_string),
        version: Version::Http11,
        headers,
        body: Body::complete(body),
    };
    Ok((request, own))
}

/// All of a body, up to [`MAX_REQUEST`].
async fn collect(mut body: WireBody) -> Result<Bytes, UpstreamError> {
    let mut content = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| {
            let kind = fault_of_request(&error);
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
    async fn reply(&self, request: &Request, own: Option<&str>) -> Result<Response<WireBody>, UpstreamError> {
        loop {
            let more = self.progress.notified();
            let outcome = self.player().answer(request, own, Timestamp::now());
            match outcome {
                Ok(Outcome::Served(served)) => return Ok(self.deliver(*served).await),
                Ok(Outcome::Miss(miss)) => {
                    let detail = format!("{} {}: {}", miss.method, miss.target, miss.detail);
                    return Err(UpstreamError { kind: FailureKind::NoReplay, detail });
                }
                Ok(Outcome::NotYet) => {
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

    async fn deliver(&self, served: Served) -> Response<WireBody> {
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
        let body: WireBody = if trailers.is_empty() && (has_length || length == 0) {
            Full::new(served.body).map_err(|never| match never {}).boxed()
        } else {
            // Without a length, as it was recorded: in chunks over HTTP/1.1.
            let mut frames = vec![Ok(Frame::data(served.body))];
            if !trailers.is_empty() {
                frames.push(Ok(Frame::trailers(trailers)));
            }
            BodyExt::boxed(StreamBody::new(futures_util::stream::iter(frames)))
        };
        let mut response = Response::new(body);
        *response.status_mut() = StatusCode::from_u16(served.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        for field in served.headers.0 {
            match (HeaderName::from_bytes(field.name.as_bytes()), HeaderValue::from_maybe_shared(field.value)) {
                (Ok(name), Ok(value)) => {
                    response.headers_mut().append(name, value);
                }
                _ => tracing::warn!(name = field.name, "a recorded header field can't be sent"),
            }
        }
        if let Ok(reason) = ReasonPhrase::try_from(served.reason.into_bytes())
            && !reason.as_bytes().is_empty()
        {
            response.extensions_mut().insert(reason);
        }
        let how = match (served.is_nearest, served.is_bound) {
            (true, _) => "; nearest",
            (false, true) => "; bound",
            (false, false) => "",
        };
        if self.options.field {
            let file =
                if self.recordings.len() > 1 { format!("; recording={}", served.recording) } else { String::new() };
            if let Ok(value) = HeaderValue::from_str(&format!("exchange={}{file}{how}", served.exchange)) {
                response.headers_mut().insert(HeaderName::from_static("umpire-replay"), value);
            }
        }
        let detail = format!("{}, exchange {}", served.recording, served.exchange);
        response.extensions_mut().insert(Arc::new(Simulated { by: Simulator::Replay, detail }));
        response
    }
}
