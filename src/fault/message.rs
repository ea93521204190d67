//! Messages in passing: bodies gathered and put back, fields and bodies of answers replaced.
//!
//! ```text
//! body ─┬─ whole, within the limit ─► GatheredBody::Whole(bytes, trailers) ─► put_back
//!       └─ longer, or broken off ───► GatheredBody::Longer(body): what came of it, and the rest as it comes
//! ```

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt as _, StreamBody};
use hyper::HeaderMap;
use hyper::body::{Body, Frame};
use hyper::header::HeaderValue;

use crate::exchange::decode;
use crate::proxy::upstream::{BodyError, UpstreamResponse, WireBody, full_body};

/// Longest body that is gathered, in bytes. A longer one passes as it is.
pub(super) const MOST: usize = 16 << 20;

/// Fields that would no longer be true of a body that was changed.
const UNTRUE: [&str; 8] = [
    "content-length",
    "content-encoding",
    "transfer-encoding",
    "etag",
    "content-md5",
    "digest",
    "content-digest",
    "repr-digest",
];

/// What gathering a body came to.
pub(crate) enum GatheredBody {
    /// All of it, and its trailers.
    Whole(Bytes, Option<HeaderMap>),
    /// It is longer than [`MOST`], or broke off: the body as it came.
    Longer(WireBody),
}

/// Gathers a body up to [`MOST`] bytes.
pub(super) async fn gather(mut body: WireBody) -> GatheredBody {
    let (mut content, mut trailers) = (BytesMut::new(), None);
    while let Some(frame) = body.frame().await {
        let frame = match frame {
            Ok(frame) => frame,
            Err(error) => {
                let rest: WireBody = StreamBody::new(futures_util::stream::iter([Err(error)])).boxed();
                return GatheredBody::Longer(PrefixedBody { first: Some(content.freeze()), rest }.boxed());
            }
        };
        match frame.into_data() {
            Ok(data) => content.extend_from_slice(&data),
            Err(frame) => trailers = frame.into_trailers().ok(),
        }
        if content.len() > MOST {
            return GatheredBody::Longer(PrefixedBody { first: Some(content.freeze()), rest: body }.boxed());
        }
    }
    GatheredBody::Whole(content.freeze(), trailers)
}

/// A body that was gathered, as one.
pub(crate) fn put_back(content: Bytes, trailers: Option<HeaderMap>) -> WireBody {
    match trailers {
        None => full_body(content),
        Some(trailers) => {
            let frames = [Ok(Frame::data(content)), Ok(Frame::trailers(trailers))];
            StreamBody::new(futures_util::stream::iter(frames)).boxed()
        }
    }
}

/// The content of a body without its content coding; `None` if it can't be read.
pub(super) fn decoded(content: &Bytes, response: &UpstreamResponse) -> Option<Bytes> {
    decode(content, &response.headers).ok().map(|content| Bytes::copy_from_slice(&content))
}

/// Adds a field to a response. A value that HTTP does not allow is left out.
pub(crate) fn add_field(response: &mut UpstreamResponse, name: &'static str, value: &str) {
    if HeaderValue::from_str(value).is_ok() {
        Arc::make_mut(&mut response.headers).push(name, value.to_owned());
    }
}

/// The response with another body, and with its length.
pub(super) fn with_body(mut response: UpstreamResponse, content: String) -> UpstreamResponse {
    let is_untrue = |name: &str| UNTRUE.iter().any(|untrue| untrue.eq_ignore_ascii_case(name));
    let headers = Arc::make_mut(&mut response.headers);
    headers.0.retain(|field| !is_untrue(&field.name));
    headers.push("Content-Length", content.len().to_string());
    response.map_body(|_| full_body(content))
}

/// What came of a body, and the rest of it.
struct PrefixedBody {
    first: Option<Bytes>,
    rest: WireBody,
}

impl Body for PrefixedBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = self.get_mut();
        match this.first.take() {
            Some(first) => Poll::Ready(Some(Ok(Frame::data(first)))),
            None => Pin::new(&mut this.rest).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.first.is_none() && self.rest.is_end_stream()
    }
}
