//! Tells a body of unknown length from none at all.
//!
//! ```text
//! body ─► first frame, if it comes soon ─┬─ the end ─► no body
//!                                        └─ else ────► Peeked: that frame, then the rest
//! ```

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::body::{Body, Frame, SizeHint};

use crate::proxy::upstream::{BodyError, WireBody};

/// The same body, or one that is known to be empty if its end comes within `wait` and nothing before it. Over HTTP/2 the
/// end may come in a frame of its own behind the head (RFC 9113 section 8.1).
pub(crate) async fn known_if_empty(mut body: WireBody, wait: Duration) -> Result<WireBody, BodyError> {
    let Ok(first) = tokio::time::timeout(wait, body.frame()).await else { return Ok(body) };
    let nothing = |frame: &Frame<Bytes>| frame.data_ref().is_some_and(Bytes::is_empty);
    match first.transpose()? {
        None => Ok(empty()),
        Some(frame) if nothing(&frame) && body.is_end_stream() => Ok(empty()),
        Some(frame) => Ok(Peeked { first: Some(frame), rest: body }.boxed()),
    }
}

fn empty() -> WireBody {
    Empty::new().map_err(|never| match never {}).boxed()
}

struct Peeked {
    first: Option<Frame<Bytes>>,
    rest: WireBody,
}

impl Body for Peeked {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = self.get_mut();
        match this.first.take() {
            Some(frame) => Poll::Ready(Some(Ok(frame))),
            None => Pin::new(&mut this.rest).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.first.is_none() && self.rest.is_end_stream()
    }

    /// Unknown, as it was: how much of it has come by now is chance.
    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::{Full, StreamBody};

    use super::*;

    const WAIT: Duration = Duration::from_millis(20);

    fn frames(parts: &[&'static str]) -> WireBody {
        let parts: Vec<_> = parts.iter().map(|text| Ok(Frame::data(Bytes::from(*text)))).collect();
        StreamBody::new(futures_util::stream::iter(parts)).boxed()
    }

    #[tokio::test]
    async fn an_end_that_comes_at_once_is_no_body() {
        for body in [frames(&[]), Full::new(Bytes::new()).map_err(|never| match never {}).boxed()] {
            let body = known_if_empty(body, WAIT).await.unwrap();
            assert_eq!((body.size_hint().exact(), body.is_end_stream()), (Some(0), true));
        }
    }

    #[tokio::test]
    async fn nothing_of_a_body_is_lost() {
        for parts in [&["a"][..], &["a", "b", "c"], &["", "a"]] {
            let body = known_if_empty(frames(parts), WAIT).await.unwrap();
            assert!(!body.is_end_stream() && body.size_hint().exact().is_none());
            assert_eq!(body.collect().await.unwrap().to_bytes(), parts.concat());
        }
        let trailers =
            StreamBody::new(futures_util::stream::iter([Ok(Frame::trailers(hyper::HeaderMap::new()))])).boxed();
        let body = known_if_empty(trailers, WAIT).await.unwrap();
        assert!(body.collect().await.unwrap().trailers().is_some());
        let late = futures_util::stream::once(async {
            tokio::time::sleep(WAIT * 3).await;
            Ok(Frame::data(Bytes::from("late")))
        });
        let body = known_if_empty(StreamBody::new(late).boxed(), WAIT).await.unwrap();
        assert_eq!(body.collect().await.unwrap().to_bytes(), "late");
        let failing = StreamBody::new(futures_util::stream::iter([Err("broken".into())])).boxed();
        assert!(known_if_empty(failing, WAIT).await.is_err());
    }
}
