//! Faults on the wire: what the proxy does to an answer on its way to the broker, where the answer asks for it.
//!
//! ```text
//! Upstream ─► Response + WireFault ─► relay ─┬─ delay, slow body ───────► Tee ─► client
//!                                            ├─ cut, wrong length ──────► Tee ─► client, where the connection ends
//!                                            └─ reset ──────────────────► nothing is written, the connection is reset
//! ```
//!
//! Which answers have a fault is for the upstream to say, which may know stages and bookings. The proxy knows neither.

use std::future::Future as _;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::body::{Body, Frame, SizeHint};
use tokio::time::Sleep;

use crate::exchange::{Header, Headers};
use crate::proxy::upstream::{BodyError, WireBody};

/// How often a slow body goes on.
const TICK: Duration = Duration::from_millis(100);

/// Bytes after which a body of unknown length is cut, unless it is said after how many.
const CUT_AFTER: u64 = 64;

/// Why a handshake ended, for the record.
pub(crate) const HANDSHAKE_BROKEN_OFF: &str =
    "Umpire broke the handshake off itself, as it was told to (--fault tls-failure)";

/// Asked for each connection over TLS: true breaks its handshake off.
pub(crate) type TlsFault = Arc<dyn Fn() -> bool + Send + Sync>;

/// What the proxy does to a response on its way to the client.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct WireFault {
    /// How long the answer is held back.
    pub delay: Duration,
    /// Bytes of the body that pass in a second; 0 for as many as there are.
    pub bytes_per_second: u64,
    /// What keeps the answer from arriving whole.
    pub damage: Option<WireDamage>,
}

/// What keeps an answer from arriving whole. The connection ends with it; over HTTP/2 the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WireDamage {
    /// Nothing of it is written.
    Reset,
    /// The body ends after so many bytes; after half of them, if none are given.
    Cut {
        /// Bytes that are sent.
        after: Option<u64>,
    },
    /// Content-Length names so many bytes more than the body has.
    TooShort {
        /// Bytes that are missing.
        by: u64,
    },
}

impl WireDamage {
    /// What happened, for the record.
    pub(crate) fn describe(self) -> &'static str {
        match self {
            Self::Reset => "nothing of the answer was sent, and the connection was reset",
            Self::Cut { .. } => "the answer's body was cut off",
            Self::TooShort { .. } => "the answer's body was shorter than announced",
        }
    }

    /// The fields that announce the body.
    pub fn fields(self, fields: Arc<Headers>, body: &WireBody) -> Arc<Headers> {
        let (Self::TooShort { by }, Some(length)) = (self, body.size_hint().exact()) else { return fields };
        let kept = fields.0.iter().filter(|field| {
            !["content-length", "transfer-encoding"].iter().any(|name| field.name.eq_ignore_ascii_case(name))
        });
        let mut changed: Vec<Header> = kept.cloned().collect();
        let announced = length.saturating_add(by).to_string();
        changed.push(Header { name: "Content-Length".to_owned(), value: announced.into() });
        Arc::new(Headers(changed, fields.1))
    }

    /// The body that is sent.
    pub fn body(self, body: WireBody) -> WireBody {
        let Self::Cut { after } = self else { return body };
        let length = body.size_hint().exact();
        let after = after.unwrap_or_else(|| length.map_or(CUT_AFTER, |length| length / 2));
        // Where all of it was sent, nobody would miss anything.
        let left = length.map_or(after, |length| after.min(length.saturating_sub(1)));
        CutBody { inner: body, left, length }.boxed()
    }
}

/// A body at so many bytes a second.
pub(crate) fn slow(body: WireBody, bytes_per_second: u64) -> WireBody {
    if bytes_per_second == 0 {
        return body;
    }
    let portion = usize::try_from((bytes_per_second / 10).max(1)).unwrap_or(usize::MAX);
    // Below ten bytes a second it is the wait that grows.
    let wait = if bytes_per_second < 10 { Duration::from_secs(1) / bytes_per_second as u32 } else { TICK };
    SlowBody { inner: body, portion, wait, held: Bytes::new(), sleep: None }.boxed()
}

/// A body that fails after so many bytes.
struct CutBody {
    inner: WireBody,
    left: u64,
    length: Option<u64>,
}

impl Body for CutBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = self.get_mut();
        if this.left == 0 {
            return Poll::Ready(Some(Err(WireDamage::Cut { after: None }.describe().into())));
        }
        match ready!(Pin::new(&mut this.inner).poll_frame(cx)) {
            Some(Ok(frame)) => match frame.into_data() {
                Ok(mut data) => {
                    data.truncate(usize::try_from(this.left).unwrap_or(usize::MAX));
                    this.left -= data.len() as u64;
                    Poll::Ready(Some(Ok(Frame::data(data))))
                }
                // It was shorter than where it was to be cut.
                Err(_) => Poll::Ready(Some(Err(WireDamage::Cut { after: None }.describe().into()))),
            },
            None => Poll::Ready(Some(Err(WireDamage::Cut { after: None }.describe().into()))),
            failed => Poll::Ready(failed),
        }
    }

    /// What was announced stays.
    fn size_hint(&self) -> SizeHint {
        self.length.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

/// A body that passes a portion at a time.
struct SlowBody {
    inner: WireBody,
    portion: usize,
    wait: Duration,
    held: Bytes,
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Body for SlowBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = self.get_mut();
        if let Some(sleep) = &mut this.sleep {
            ready!(sleep.as_mut().poll(cx));
            this.sleep = None;
        }
        if this.held.is_empty() {
            match ready!(Pin::new(&mut this.inner).poll_frame(cx)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => this.held = data,
                    Err(frame) => return Poll::Ready(Some(Ok(frame))),
                },
                ended => return Poll::Ready(ended),
            }
        }
        this.sleep = Some(Box::pin(tokio::time::sleep(this.wait)));
        let portion = this.held.split_to(this.portion.min(this.held.len()));
        Poll::Ready(Some(Ok(Frame::data(portion))))
    }

    fn is_end_stream(&self) -> bool {
        self.held.is_empty() && self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let (inner, held) = (self.inner.size_hint(), self.held.len() as u64);
        let mut hint = SizeHint::default();
        hint.set_lower(inner.lower().saturating_add(held));
        if let Some(upper) = inner.upper() {
            hint.set_upper(upper.saturating_add(held));
        }
        hint
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::Full;

    use super::*;

    fn body(text: &'static str) -> WireBody {
        Full::new(Bytes::from(text)).map_err(|never| match never {}).boxed()
    }

    /// The bytes that came, and whether the end did.
    async fn read(mut body: WireBody) -> (Vec<u8>, bool) {
        let mut bytes = Vec::new();
        while let Some(frame) = body.frame().await {
            match frame {
                Ok(frame) => bytes.extend_from_slice(frame.data_ref().map_or(&[][..], AsRef::as_ref)),
                Err(_) => return (bytes, false),
            }
        }
        (bytes, true)
    }

    #[tokio::test]
    async fn a_cut_body_is_never_whole() {
        for (after, sent) in [(None, "hello"), (Some(3), "hel"), (Some(0), ""), (Some(100), "hellowor!")] {
            let cut = WireDamage::Cut { after }.body(body("hellowor!?"));
            assert_eq!(cut.size_hint().exact(), Some(10), "what was announced stays");
            assert_eq!(read(cut).await, (sent.as_bytes().to_vec(), false), "{after:?}");
        }
        let streamed: WireBody = http_body_util::StreamBody::new(futures_util::stream::iter([Ok(Frame::data(
            Bytes::from_static(b"short"),
        ))]))
        .boxed();
        assert_eq!(read(WireDamage::Cut { after: None }.body(streamed)).await, (b"short".to_vec(), false));
    }

    #[tokio::test]
    async fn a_length_that_is_wrong_stands_in_place_of_the_right_one() {
        let fields: Headers = [("content-length", "10"), ("Date", "now")].into_iter().collect();
        let changed = WireDamage::TooShort { by: 7 }.fields(Arc::new(fields), &body("hellowor!?"));
        let all: Vec<_> = changed.0.iter().map(|field| (field.name.as_str(), &*field.value)).collect();
        assert_eq!(all, [("Date", &b"now"[..]), ("Content-Length", b"17")]);
    }

    #[tokio::test]
    async fn a_slow_body_takes_its_time_and_is_whole() {
        let start = tokio::time::Instant::now();
        let slowed = slow(body("twelve bytes"), 40);
        assert_eq!(slowed.size_hint().exact(), Some(12));
        assert_eq!(read(slowed).await, (b"twelve bytes".to_vec(), true));
        assert!(start.elapsed() >= Duration::from_millis(200), "{:?}", start.elapsed());
        let start = tokio::time::Instant::now();
        assert_eq!(read(slow(body("ab"), 1)).await, (b"ab".to_vec(), true));
        assert!(start.elapsed() >= Duration::from_secs(1), "{:?}", start.elapsed());
    }
}
