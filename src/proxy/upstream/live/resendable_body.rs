//! A short body that may have to be sent twice.
//!
//! ```text
//! body ─► kept frames ◄── reader (first attempt)
//!                     ◄── reader (second attempt): what is kept, then the rest
//! ```

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::HeaderMap;
use hyper::body::{Body, Frame, SizeHint};

use crate::proxy::upstream::{BodyError, WireBody};

/// Keeps all of a body, trailers included: for bodies only whose length is known and small.
#[derive(Clone)]
pub(crate) struct ResendableBody(Arc<Mutex<ReplayBodyState>>);

struct ReplayBodyState {
    body: WireBody,
    kept: Vec<ReplayPart>,
}

/// A frame that can be sent more than once.
#[derive(Clone)]
enum ReplayPart {
    Data(Bytes),
    Trailers(HeaderMap),
}

impl ReplayPart {
    fn of(frame: &Frame<Bytes>) -> Option<Self> {
        let trailers = || frame.trailers_ref().cloned().map(Self::Trailers);
        frame.data_ref().cloned().map(Self::Data).or_else(trailers)
    }

    fn length(&self) -> u64 {
        match self {
            Self::Data(data) => data.len() as u64,
            Self::Trailers(_) => 0,
        }
    }

    fn frame(self) -> Frame<Bytes> {
        match self {
            Self::Data(data) => Frame::data(data),
            Self::Trailers(fields) => Frame::trailers(fields),
        }
    }
}

impl ResendableBody {
    /// Nothing taken yet.
    pub(super) fn new(body: WireBody) -> Self {
        Self(Arc::new(Mutex::new(ReplayBodyState { body, kept: Vec::new() })))
    }

    /// The body from its beginning. Readers are for use one after the other.
    pub(super) fn reader(&self) -> WireBody {
        ReplayReader { shared: self.clone(), next: 0 }.boxed()
    }
}

struct ReplayReader {
    shared: ResendableBody,
    next: usize,
}

impl Body for ReplayReader {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = self.get_mut();
        let mut state = this.shared.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(part) = state.kept.get(this.next) {
            this.next += 1;
            return Poll::Ready(Some(Ok(part.clone().frame())));
        }
        let frame = ready!(Pin::new(&mut state.body).poll_frame(cx));
        if let Some(part) = frame.as_ref().and_then(|frame| frame.as_ref().ok()).and_then(ReplayPart::of) {
            state.kept.push(part);
            this.next += 1;
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        let state = self.shared.0.lock().unwrap_or_else(PoisonError::into_inner);
        self.next >= state.kept.len() && state.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let state = self.shared.0.lock().unwrap_or_else(PoisonError::into_inner);
        let kept: u64 = state.kept[self.next..].iter().map(ReplayPart::length).sum();
        state.body.size_hint().exact().map_or_else(SizeHint::default, |rest| SizeHint::with_exact(kept + rest))
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::{Full, StreamBody};

    use super::*;

    #[tokio::test]
    async fn a_second_reader_gets_what_the_first_took_and_the_rest() {
        let frames = ["a", "b", "c"].map(|text| Ok(Frame::data(Bytes::from(text))));
        let replay = ResendableBody::new(StreamBody::new(futures_util::stream::iter(frames)).boxed());
        let mut first = replay.reader();
        assert_eq!(first.frame().await.unwrap().unwrap().into_data().unwrap(), "a");
        assert_eq!(first.frame().await.unwrap().unwrap().into_data().unwrap(), "b");
        drop(first);
        for _ in 0..2 {
            assert_eq!(replay.reader().collect().await.unwrap().to_bytes(), "abc");
        }
    }

    #[tokio::test]
    async fn every_reader_knows_how_much_it_has_left() {
        let body = |text: &'static str| Full::new(Bytes::from(text)).map_err(|never| match never {}).boxed();
        assert_eq!(ResendableBody::new(body("")).reader().size_hint().exact(), Some(0));
        let replay = ResendableBody::new(body("abc"));
        let mut first = replay.reader();
        assert_eq!(first.size_hint().exact(), Some(3));
        first.frame().await.unwrap().unwrap();
        assert_eq!((first.size_hint().exact(), replay.reader().size_hint().exact()), (Some(0), Some(3)));
        let unknown = StreamBody::new(futures_util::stream::iter([Ok(Frame::data(Bytes::from("a")))])).boxed();
        assert_eq!(ResendableBody::new(unknown).reader().size_hint().exact(), None);
    }
}
