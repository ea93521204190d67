//! Lets a body pass and keeps a copy of its beginning.
//!
//! ```text
//! frames ─► length += n, kept += what fits, trailers ─► frames
//!    ├─ end ──────────────────► Complete, or Truncated if not all was kept
//!    ├─ error ────────────────► Cancelled
//!    └─ dropped before an end ► Cancelled          each exactly once
//! ```

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Body as HttpBody, Frame, SizeHint};

use crate::exchange::{Body, BodyEnd, FailureKind, Headers};
use crate::proxy::message::fields::{RawTrailers, from_map};
use crate::proxy::record::exchange_builder::{ExchangeBuilder, MessagePart};
use crate::proxy::record::sink::MemoryShare;
use crate::proxy::upstream::{BodyError, WireBody, failure_kind_of_request};

/// Most bytes that are set aside for a body before any of it has come.
const RESERVE: u64 = 64 * 1024;

/// Passes a body on, and keeps a copy of its beginning. Keeps at most `cap` bytes, and no more than there is memory for; what comes past it passes and is counted.
struct Tee {
    inner: WireBody,
    part: MessagePart,
    /// Where the trailers will be as they were received, if `inner` comes from a wire that keeps their form.
    wire: RawTrailers,
    trailers: Headers,
    /// Taken when the end is reported.
    exchange_builder: Option<Arc<ExchangeBuilder>>,
    kept: Vec<u8>,
    memory: Option<Arc<MemoryShare>>,
    length: u64,
    cap: usize,
}

/// A body that reports to the record how it ended and what it was. `wire` is where its trailers will be as they were
/// received; where they don't come, those of the frame are taken.
pub(crate) fn tee(
    inner: WireBody,
    wire: RawTrailers,
    part: MessagePart,
    exchange_builder: Arc<ExchangeBuilder>,
    cap: usize,
) -> WireBody {
    if inner.is_end_stream() {
        exchange_builder.body_ended(part, Body::empty());
        return inner;
    }
    let expected = inner.size_hint().exact().unwrap_or(0).min(RESERVE).min(cap as u64);
    let (kept, memory) = (Vec::with_capacity(expected as usize), exchange_builder.memory());
    Tee {
        inner,
        part,
        wire,
        trailers: Headers::default(),
        exchange_builder: Some(exchange_builder),
        kept,
        memory,
        length: 0,
        cap,
    }
    .boxed()
}

impl Tee {
    fn keep(&mut self, data: &Bytes) {
        self.length += data.len() as u64;
        let wanted = data.len().min(self.cap - self.kept.len());
        let granted = self.memory.as_ref().map_or(wanted, |memory| memory.take(wanted));
        self.kept.extend_from_slice(&data[..granted]);
        if granted < wanted {
            // What is kept is a prefix, whatever comes free later.
            self.cap = self.kept.len();
        }
    }

    fn ended(&mut self, whole: bool, error: Option<&BodyError>) {
        let Some(exchange_builder) = self.exchange_builder.take() else { return };
        let mut kept = std::mem::take(&mut self.kept);
        let end = match whole {
            false => BodyEnd::Cancelled,
            true if (kept.len() as u64) < self.length => BodyEnd::Truncated,
            true => BodyEnd::Complete,
        };
        if let Some(error) = error {
            match self.part {
                MessagePart::Request => {
                    let detail = format!("the request could not be read to its end: {error}");
                    exchange_builder.failed(failure_kind_of_request(error), detail, None);
                }
                MessagePart::Response => {
                    exchange_builder.failed(FailureKind::BrokenOff, format!("the answer broke off: {error}"), None);
                }
            }
        }
        kept.shrink_to_fit();
        let trailers = std::mem::take(&mut self.trailers);
        exchange_builder.body_ended(self.part, Body { length: self.length, trailers, ..Body::ended(kept, end) });
    }
}

impl HttpBody for Tee {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = self.get_mut();
        let frame = ready!(Pin::new(&mut this.inner).poll_frame(cx));
        match &frame {
            Some(Ok(frame)) => {
                if let Some(data) = frame.data_ref() {
                    this.keep(data);
                }
                if let Some(fields) = frame.trailers_ref() {
                    this.trailers = this.wire.get().cloned().unwrap_or_else(|| from_map(fields));
                }
                // Who asks `is_end_stream` need not poll again: the end is reported as soon as it is known.
                if frame.is_trailers() || this.inner.is_end_stream() {
                    this.ended(true, None);
                }
            }
            Some(Err(error)) => this.ended(false, Some(error)),
            None => this.ended(true, None),
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

impl Drop for Tee {
    fn drop(&mut self) {
        self.ended(self.inner.is_end_stream(), None);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use http_body_util::{Full, StreamBody};
    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::exchange::{Exchange, Headers, Version};
    use crate::proxy::record::exchange_builder::{RequestMeta, ResponseMeta};
    use crate::proxy::record::sink::{self, ExchangeReceiver};

    async fn exchange_builder() -> (Arc<ExchangeBuilder>, ExchangeReceiver) {
        builder_with(sink::BODY_MEMORY).await
    }

    async fn builder_with(memory: u64) -> (Arc<ExchangeBuilder>, ExchangeReceiver) {
        let (sink, exchange_receiver) = sink::channel_with(1, memory);
        let opening = RequestMeta {
            id: 7,
            connection: 3,
            started: jiff::Timestamp::now(),
            clock: Instant::now(),
            origin: "http://up".into(),
            method: "PUT".into(),
            target: "/x".into(),
            version: Version::Http11,
            headers: Arc::new(Headers::default()),
        };
        (ExchangeBuilder::new(opening, sink.reserve().await.unwrap(), CancellationToken::new()), exchange_receiver)
    }

    fn frames(parts: Vec<Result<&'static str, &'static str>>) -> WireBody {
        let parts = parts.into_iter().map(|part| match part {
            Ok(text) => Ok(Frame::data(Bytes::from(text))),
            Err(text) => Err(BodyError::from(text)),
        });
        StreamBody::new(futures_util::stream::iter(parts)).boxed()
    }

    fn full(text: &'static str) -> WireBody {
        Full::new(Bytes::from(text)).map_err(|never| match never {}).boxed()
    }

    fn answer(exchange_builder: &ExchangeBuilder) {
        let headers = Arc::new(Headers::default());
        exchange_builder.answered(ResponseMeta { status: 200, reason: "OK".into(), version: Version::Http11, headers });
    }

    /// Lets a response body pass as `pass` does, and returns what was recorded.
    async fn record<F: AsyncFnOnce(WireBody)>(inner: WireBody, cap: usize, pass: F) -> Exchange {
        let (exchange_builder, mut exchange_receiver) = exchange_builder().await;
        answer(&exchange_builder);
        exchange_builder.delivered();
        pass(tee(inner, RawTrailers::default(), MessagePart::Response, exchange_builder, cap)).await;
        let exchange = exchange_receiver.next().await.expect("handed over");
        assert!(exchange_receiver.next().await.is_none(), "exactly once");
        exchange
    }

    fn body(exchange: &Exchange) -> (&[u8], u64, BodyEnd) {
        let body = &exchange.response.as_ref().unwrap().body;
        (&body.bytes, body.length, body.end)
    }

    async fn all(body: WireBody) {
        let _either = body.collect().await;
    }

    #[tokio::test]
    async fn an_end_is_complete() {
        let exchange = record(frames(vec![Ok("hello "), Ok("world")]), 100, all).await;
        assert_eq!(body(&exchange), (&b"hello world"[..], 11, BodyEnd::Complete));
        assert_eq!((exchange.failure, exchange.id, exchange.connection), (None, 7, 3));
    }

    #[tokio::test]
    async fn an_end_that_is_only_asked_for_is_complete() {
        let exchange = record(full("hello"), 100, async |mut body| {
            assert_eq!(body.size_hint().exact(), Some(5));
            body.frame().await.unwrap().unwrap();
            assert!(body.is_end_stream());
        })
        .await;
        assert_eq!(body(&exchange), (&b"hello"[..], 5, BodyEnd::Complete));
    }

    #[tokio::test]
    async fn past_the_cap_it_is_truncated_and_all_of_it_passes() {
        let exchange = record(frames(vec![Ok("hello "), Ok("world")]), 8, async |body| {
            assert_eq!(body.collect().await.unwrap().to_bytes(), "hello world");
        })
        .await;
        assert_eq!(body(&exchange), (&b"hello wo"[..], 11, BodyEnd::Truncated));
        let exchange = record(full("12345678"), 8, all).await;
        assert_eq!(body(&exchange).2, BodyEnd::Complete, "the cap itself fits");
    }

    #[tokio::test]
    async fn past_the_memory_for_all_it_is_truncated_and_all_of_it_passes() {
        let (exchange_builder, mut exchange_receiver) = builder_with(8).await;
        answer(&exchange_builder);
        exchange_builder.delivered();
        let memory = exchange_builder.memory().unwrap();
        let mut body = tee(
            frames(vec![Ok("hello "), Ok("world"), Ok("!")]),
            RawTrailers::default(),
            MessagePart::Response,
            exchange_builder,
            100,
        );
        body.frame().await.unwrap().unwrap();
        body.frame().await.unwrap().unwrap();
        // Room that comes free later makes no hole.
        drop(memory);
        assert_eq!(body.collect().await.unwrap().to_bytes(), "!");
        let exchange = exchange_receiver.next().await.unwrap();
        assert_eq!(self::body(&exchange), (&b"hello wo"[..], 12, BodyEnd::Truncated));
        assert_eq!(exchange_receiver.body_memory().cut(), 1);
    }

    #[tokio::test]
    async fn an_error_is_cancelled_and_broken_off() {
        let exchange = record(frames(vec![Ok("hello"), Err("reset")]), 100, all).await;
        assert_eq!(body(&exchange), (&b"hello"[..], 5, BodyEnd::Cancelled));
        let failure = exchange.failure.unwrap();
        assert_eq!(failure.kind, FailureKind::BrokenOff);
        assert!(failure.detail.contains("reset"));
    }

    #[tokio::test]
    async fn a_drop_is_cancelled_and_the_client_gone() {
        let exchange = record(frames(vec![Ok("hello"), Ok("world")]), 100, async |mut body| {
            body.frame().await.unwrap().unwrap();
        })
        .await;
        assert_eq!(body(&exchange), (&b"hello"[..], 5, BodyEnd::Cancelled));
        assert_eq!(exchange.failure.unwrap().kind, FailureKind::ClientGone);
    }

    #[tokio::test]
    async fn no_content_is_complete_at_once() {
        let exchange = record(full(""), 100, async |body| drop(body)).await;
        assert_eq!(body(&exchange), (&b""[..], 0, BodyEnd::Complete));
        assert_eq!(exchange.failure, None);
    }

    #[tokio::test]
    async fn an_exchange_without_an_answer_is_recorded_too() {
        let (exchange_builder, mut exchange_receiver) = exchange_builder().await;
        let body = tee(full("ask"), RawTrailers::default(), MessagePart::Request, Arc::clone(&exchange_builder), 100);
        drop(exchange_builder);
        drop(body);
        let exchange = exchange_receiver.next().await.unwrap();
        assert_eq!(exchange.request.body.end, BodyEnd::Cancelled);
        assert!(exchange.response.is_none() && exchange.timing.sent.is_none());
        assert_eq!(exchange.failure.unwrap().kind, FailureKind::ClientGone);
    }

    #[tokio::test]
    async fn a_panic_is_not_blamed_on_the_broker() {
        let (exchange_builder, mut exchange_receiver) = exchange_builder().await;
        let task = tokio::spawn(async move {
            let _held = exchange_builder;
            panic!("on purpose");
        });
        assert!(task.await.unwrap_err().is_panic());
        assert_eq!(exchange_receiver.next().await.unwrap().failure.unwrap().kind, FailureKind::Stopped);
    }
}
