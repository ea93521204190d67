//! Builds an exchange while its request and response stream.
//!
//! ```text
//! new ─┬─ held by the request's Tee ────┐
//!      ├─ held by the response's Tee ───┼─ the last one lets go ─► Exchange ─► SendPermit
//!      └─ held by the connection ───────┘      (or the answer's last bytes are out: at once)
//! ```
//!
//! However an exchange ends (completed, failed, its task dropped or panicking), the builder is dropped exactly once, and
//! that is when the exchange is handed over.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use crate::exchange::{
    Body, BodyEnd, Exchange, Failure, FailureKind, Headers, Request, Response, RewrittenLink, Simulated, Timing,
    Version,
};
use crate::proxy::h1::FinalWriteObserver;
use crate::proxy::record::sink::{MemoryShare, SendPermit, Ticket};

/// What is known when the request's head has arrived.
#[derive(Debug)]
pub(crate) struct RequestMeta {
    /// Number of the exchange.
    pub id: u64,
    /// Number of the connection.
    pub connection: u64,
    /// When the head had arrived.
    pub started: Timestamp,
    /// The same, for durations.
    pub clock: Instant,
    /// Where the request is meant to go.
    pub origin: String,
    /// Method.
    pub method: String,
    /// Target.
    pub target: String,
    /// Version.
    pub version: Version,
    /// Fields.
    pub headers: Arc<Headers>,
}

/// Head of an answer.
#[derive(Debug)]
pub(crate) struct ResponseMeta {
    /// Status code.
    pub status: u16,
    /// Reason phrase.
    pub reason: String,
    /// Version.
    pub version: Version,
    /// Fields.
    pub headers: Arc<Headers>,
}

/// Which body of an exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MessagePart {
    /// The request's.
    Request,
    /// The response's.
    Response,
}

/// Collects the parts of one exchange. It is sent to the recorder once, when both bodies have ended.
#[derive(Debug)]
pub(crate) struct ExchangeBuilder {
    clock: Instant,
    /// Cancelled when exchanges in flight are cut off because Umpire stops.
    cut: CancellationToken,
    state: Mutex<BuilderState>,
}

#[derive(Debug, Default)]
struct BuilderState {
    /// Gone once the exchange was handed over.
    opening: Option<(RequestMeta, SendPermit)>,
    request_body: Option<Body>,
    sent: Option<Duration>,
    answer: Option<(ResponseMeta, Duration)>,
    answer_body: Option<Body>,
    failure: Option<Failure>,
    rewritten: Vec<RewrittenLink>,
    simulated: Option<Simulated>,
    delivered: bool,
    /// While the last write of the answer is under way.
    turn: Option<Ticket>,
}

/// An answer whose last bytes the broker's socket never took was abandoned.
///
/// If both bodies have ended, the exchange is handed over as soon as they are with the socket, in the order in which
/// such writes began: what a broker does next it does because of these bytes, so the exchanges of one broker reach the
/// recorder in the order in which it made them.
impl FinalWriteObserver for ExchangeBuilder {
    fn begins(&self) {
        let mut state = self.state();
        state.turn = state.opening.as_ref().map(|(_, place)| place.turn());
    }

    fn ended(&self, all: bool) {
        let mut state = self.state();
        let mut turn = state.turn.take();
        state.delivered |= all;
        if all && state.request_body.is_some() && state.answer_body.is_some() {
            let ended = std::mem::take(&mut *state);
            drop(state);
            self.hand_over(ended, turn.as_mut());
        }
    }
}

impl ExchangeBuilder {
    /// Begins an exchange that has a place in the queue.
    pub(crate) fn new(opening: RequestMeta, place: SendPermit, cut: CancellationToken) -> Arc<Self> {
        let clock = opening.clock;
        let state = BuilderState { opening: Some((opening, place)), ..BuilderState::default() };
        Arc::new(Self { clock, cut, state: Mutex::new(state) })
    }

    /// The memory for its bodies; `None` once the exchange was handed over.
    pub(crate) fn memory(&self) -> Option<Arc<MemoryShare>> {
        self.state().opening.as_ref().map(|(_, place)| place.memory())
    }

    /// The answer's head has arrived.
    pub(crate) fn answered(&self, head: ResponseMeta) {
        self.state().answer = Some((head, self.clock.elapsed()));
    }

    /// A body has ended. Each part reports once.
    pub(crate) fn body_ended(&self, part: MessagePart, body: Body) {
        let mut state = self.state();
        match part {
            MessagePart::Request => {
                state.sent = (body.end != BodyEnd::Cancelled).then(|| self.clock.elapsed());
                state.request_body = Some(body);
            }
            MessagePart::Response => state.answer_body = Some(body),
        }
    }

    /// Something went wrong. What went wrong first is the cause; what follows from it is not kept.
    pub(crate) fn failed(&self, kind: FailureKind, detail: impl Into<String>, answered: Option<u16>) {
        let mut state = self.state();
        let failure = state.failure.get_or_insert_with(|| Failure { kind, detail: detail.into(), answered: None });
        failure.answered = failure.answered.or(answered);
    }

    /// The protocol was switched, and what followed has ended after so many bytes each way, none of which were kept.
    pub(crate) fn switched(&self, up: u64, down: u64, orderly: bool) {
        let body = |length| {
            let end = match (orderly, length) {
                (false, _) => BodyEnd::Cancelled,
                (true, 0) => BodyEnd::Complete,
                (true, _) => BodyEnd::Truncated,
            };
            Body { length, ..Body::ended("", end) }
        };
        let mut state = self.state();
        (state.request_body, state.answer_body) = (Some(body(up)), Some(body(down)));
        state.delivered = true;
    }

    /// The broker is given these links instead of those that the answer has.
    pub(crate) fn rewritten(&self, links: Vec<RewrittenLink>) {
        self.state().rewritten = links;
    }

    /// The answer is none of a booking system.
    pub(crate) fn simulated(&self, by: Simulated) {
        self.state().simulated = Some(by);
    }

    /// The answer is with the broker's socket.
    #[cfg(test)]
    pub(crate) fn delivered(&self) {
        self.begins();
        self.ended(true);
    }

    fn state(&self) -> MutexGuard<'_, BuilderState> {
        // Nothing can panic while the lock is held; if it did, the state would still be whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Why an exchange was let go that had not ended.
    fn abandoned(&self, version: Version) -> Failure {
        let (kind, detail) = if std::thread::panicking() {
            (FailureKind::Stopped, "Umpire itself failed within this exchange; its log says more")
        } else if self.cut.is_cancelled() {
            (FailureKind::Stopped, "Umpire was stopped before the exchange had ended")
        } else {
            let how = match version {
                Version::Http2 => "the broker took the request back before the answer had ended",
                _ => "the connection with the broker was lost before the answer had ended",
            };
            (FailureKind::ClientGone, how)
        };
        Failure { kind, detail: detail.into(), answered: None }
    }
}

impl Drop for ExchangeBuilder {
    fn drop(&mut self) {
        let state = std::mem::take(&mut *self.state());
        // Behind the exchanges whose last writes began before: the broker may have made this one because of them.
        let mut turn = state.opening.as_ref().map(|(_, place)| place.turn());
        self.hand_over(state, turn.as_mut());
    }
}

impl ExchangeBuilder {
    /// Makes the exchange and sends it; does nothing if that was done before.
    fn hand_over(&self, state: BuilderState, turn: Option<&mut Ticket>) {
        let Some((opening, place)) = state.opening else { return };
        let cancelled = || Body::ended("", BodyEnd::Cancelled);
        let first_byte = state.answer.as_ref().map(|(_, after)| *after);
        let response = state.answer.map(|(head, _)| Response {
            status: head.status,
            reason: head.reason,
            version: head.version,
            headers: Arc::unwrap_or_clone(head.headers),
            body: state.answer_body.unwrap_or_else(cancelled),
        });
        let ended =
            state.delivered && response.as_ref().is_some_and(|response| response.body.end != BodyEnd::Cancelled);
        let failure = state.failure.or_else(|| (!ended).then(|| self.abandoned(opening.version)));
        let exchange = Exchange {
            id: opening.id,
            connection: opening.connection,
            started: opening.started,
            origin: opening.origin,
            request: Request {
                method: opening.method,
                target: opening.target,
                version: opening.version,
                headers: Arc::unwrap_or_clone(opening.headers),
                body: state.request_body.unwrap_or_else(cancelled),
            },
            response,
            failure,
            rewritten: state.rewritten,
            simulated: state.simulated,
            timing: Timing { sent: state.sent, first_byte, total: self.clock.elapsed() },
        };
        tracing::debug!(
            exchange = exchange.id,
            status = exchange.response.as_ref().map(|response| response.status),
            failure = exchange.failure.as_ref().map(|failure| failure.kind.as_str()),
            "exchange ended"
        );
        place.send(exchange, turn);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proxy::record::sink;

    fn opening(id: u64) -> RequestMeta {
        RequestMeta {
            id,
            connection: 1,
            started: Timestamp::now(),
            clock: Instant::now(),
            origin: "http://up".into(),
            method: "PUT".into(),
            target: "/x".into(),
            version: Version::Http11,
            headers: Arc::default(),
        }
    }

    #[tokio::test]
    async fn an_exchange_that_is_given_up_comes_behind_one_whose_answer_is_being_written() {
        let (sink, mut exchange_receiver) = sink::channel(2);
        let mut builders = Vec::new();
        for id in [1, 2] {
            let place = sink.reserve().await.unwrap();
            builders.push(ExchangeBuilder::new(opening(id), place, CancellationToken::new()));
        }
        let (given_up, written) = (builders.pop(), builders.pop().unwrap());
        written.answered(ResponseMeta {
            status: 200,
            reason: String::new(),
            version: Version::Http11,
            headers: Arc::default(),
        });
        for part in [MessagePart::Request, MessagePart::Response] {
            written.body_ended(part, Body::empty());
        }
        written.begins();
        // The broker has the answer, and has made the next call because of it.
        drop(given_up);
        let order = std::thread::spawn(move || {
            [exchange_receiver.blocking_next(), exchange_receiver.blocking_next()]
                .map(|handed| handed.map(|handed| handed.release().id))
        });
        written.ended(true);
        assert_eq!(order.join().unwrap(), [Some(1), Some(2)]);
    }
}
