//! The bounded hand-over of exchanges to the recorder.
//!
//! ```text
//! Sink::reserve ─► Place ── the exchange has ended ──► Place::send ─► Intake::next
//!       └─ no place in time, or nobody takes any more ─► missed + 1, traffic goes on
//! ```
//!
//! A place is reserved before a request is forwarded, so an exchange whose request went out is never lost for want of
//! room. An exchange that lasts long (a streaming response) holds its place for as long; when such exchanges hold all
//! places, later exchanges are missed and counted, not held up.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use crate::exchange::Exchange;

/// Longest time that a request waits for a place. A disk that is merely busy (a checkpoint, other programs) answers well
/// within it; one that hangs delays the requests under way once, and later ones not at all.
pub const PATIENCE: Duration = Duration::from_secs(2);

/// A queue of at most `capacity` exchanges, those still on the wire included.
///
/// Memory is bounded by `capacity × 2 ×` [`kept_body`](super::Limits::kept_body), and in practice by the bodies that
/// are there. When no place becomes free within [`PATIENCE`], the exchange is not recorded: it is counted in
/// [`Sink::missed`]; those after it don't wait until there is room again.
///
/// # Panics
/// If `capacity` is 0.
pub fn channel(capacity: usize) -> (Sink, Intake) {
    let (sender, receiver) = mpsc::channel(capacity);
    let missed = Arc::new(AtomicU64::new(0));
    let sink = Sink { sender, missed: Arc::clone(&missed), stuck: Arc::new(AtomicBool::new(false)) };
    (sink, Intake { receiver, missed })
}

/// The proxy's end.
#[derive(Debug, Clone)]
pub struct Sink {
    sender: mpsc::Sender<Exchange>,
    missed: Arc<AtomicU64>,
    stuck: Arc<AtomicBool>,
}

/// The recorder's end.
#[derive(Debug)]
pub struct Intake {
    receiver: mpsc::Receiver<Exchange>,
    missed: Arc<AtomicU64>,
}

/// Wakes a thread that waits for an exchange.
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Room for one exchange. Dropped unused, it frees the room.
#[derive(Debug)]
pub struct Place {
    permit: mpsc::OwnedPermit<Exchange>,
    missed: Arc<AtomicU64>,
}

impl Sink {
    /// Room for one exchange, or `None` (counted as missed) if there is none within [`PATIENCE`].
    pub async fn reserve(&self) -> Option<Place> {
        let permit = match self.sender.clone().try_reserve_owned() {
            Ok(permit) => Some(permit),
            Err(mpsc::error::TrySendError::Closed(_)) => None,
            Err(mpsc::error::TrySendError::Full(_)) if self.stuck.load(Ordering::Relaxed) => None,
            Err(mpsc::error::TrySendError::Full(sender)) => {
                tokio::time::timeout(PATIENCE, sender.reserve_owned()).await.ok().and_then(Result::ok)
            }
        };
        self.stuck.store(permit.is_none(), Ordering::Relaxed);
        match permit {
            Some(permit) => Some(Place { permit, missed: Arc::clone(&self.missed) }),
            None => {
                self.missed.fetch_add(1, Ordering::Relaxed);
                None
            }
        }
    }

    /// Exchanges that passed without being handed over.
    pub fn missed(&self) -> u64 {
        self.missed.load(Ordering::Relaxed)
    }
}

impl Place {
    /// Hands an exchange over; never waits. If nobody takes any more, it is counted as missed.
    pub fn send(self, exchange: Exchange) {
        let sender = self.permit.send(exchange);
        if sender.is_closed() {
            self.missed.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Intake {
    /// The next exchange that ended; `None` once the proxy is gone and all were taken.
    pub async fn next(&mut self) -> Option<Exchange> {
        self.receiver.recv().await
    }

    /// The next exchange that ended, if one is waiting.
    pub fn try_next(&mut self) -> Option<Exchange> {
        self.receiver.try_recv().ok()
    }

    /// As [`Self::next`], from a thread outside the runtime.
    ///
    /// # Panics
    /// If called within an asynchronous task.
    pub fn blocking_next(&mut self) -> Option<Exchange> {
        self.receiver.blocking_recv()
    }

    /// As [`Self::blocking_next`], but `Pending` if none ends within a time.
    pub fn blocking_next_within(&mut self, patience: Duration) -> Poll<Option<Exchange>> {
        let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
        let mut context = Context::from_waker(&waker);
        let deadline = Instant::now() + patience;
        loop {
            let next = self.receiver.poll_recv(&mut context);
            let left = deadline.saturating_duration_since(Instant::now());
            if next.is_ready() || left.is_zero() {
                return next;
            }
            std::thread::park_timeout(left);
        }
    }

    /// Exchanges that passed without being handed over.
    pub fn missed(&self) -> u64 {
        self.missed.load(Ordering::Relaxed)
    }

    /// The counter behind [`Self::missed`], to be read elsewhere.
    pub fn missed_counter(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.missed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exchange::{Body, Headers, Request, Timing, Version};

    fn exchange(id: u64) -> Exchange {
        Exchange {
            id,
            connection: 1,
            started: jiff::Timestamp::UNIX_EPOCH,
            origin: "http://x".into(),
            request: Request {
                method: "GET".into(),
                target: "/".into(),
                version: Version::Http11,
                headers: Headers::default(),
                body: Body::empty(),
            },
            response: None,
            failure: None,
            rewritten: Vec::new(),
            timing: Timing::default(),
        }
    }

    #[tokio::test]
    async fn what_was_promised_a_place_arrives() {
        let (sink, mut intake) = channel(2);
        let (first, second) = (sink.reserve().await.unwrap(), sink.reserve().await.unwrap());
        second.send(exchange(2));
        first.send(exchange(1));
        drop(sink);
        assert_eq!(intake.next().await.unwrap().id, 2);
        assert_eq!(intake.next().await.unwrap().id, 1);
        assert!(intake.next().await.is_none());
        assert_eq!(intake.missed(), 0);
    }

    #[tokio::test]
    async fn a_full_queue_is_waited_for_once_and_then_counted() {
        let (sink, mut intake) = channel(1);
        sink.reserve().await.unwrap().send(exchange(1));
        let start = Instant::now();
        assert!(sink.reserve().await.is_none());
        assert!(start.elapsed() >= PATIENCE);
        let start = Instant::now();
        for _ in 0..50 {
            assert!(sink.reserve().await.is_none());
        }
        assert!(start.elapsed() < PATIENCE, "only the first waits");
        assert_eq!((sink.missed(), intake.missed()), (51, 51));
        assert_eq!(intake.next().await.unwrap().id, 1);
        assert!(sink.reserve().await.is_some(), "room again");
        assert_eq!(sink.missed(), 51);
    }

    #[tokio::test]
    async fn a_wait_ends_with_an_exchange_the_time_or_the_proxy() {
        let (sink, mut intake) = channel(2);
        assert!(intake.blocking_next_within(Duration::from_millis(1)).is_pending());
        let place = sink.reserve().await.unwrap();
        let waiting = std::thread::spawn(move || {
            let long = Duration::from_mins(1);
            let first = intake.blocking_next_within(long).map(|exchange| exchange.map(|exchange| exchange.id));
            (first, intake.blocking_next_within(long).map(|exchange| exchange.is_none()))
        });
        place.send(exchange(7));
        drop(sink);
        assert_eq!(waiting.join().unwrap(), (Poll::Ready(Some(7)), Poll::Ready(true)));
    }

    #[tokio::test]
    async fn a_place_that_becomes_free_is_taken() {
        let (sink, mut intake) = channel(1);
        sink.reserve().await.unwrap().send(exchange(1));
        let (place, _) = tokio::join!(sink.reserve(), intake.next());
        assert!(place.is_some());
        assert_eq!(sink.missed(), 0);
    }

    #[tokio::test]
    async fn a_receiver_that_went_away_holds_nobody_up() {
        let (sink, intake) = channel(1);
        let place = sink.reserve().await.unwrap();
        drop(intake);
        place.send(exchange(1));
        let start = Instant::now();
        assert!(sink.reserve().await.is_none());
        assert!(start.elapsed() < PATIENCE);
        assert_eq!(sink.missed(), 2);
    }
}
