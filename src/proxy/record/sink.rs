//! The bounded channel that hands exchanges to the recorder.
//!
//! ```text
//! Sink::reserve ─► Place ── the exchange has ended ──► Place::send ─► Intake::next ─► Handed ─► dropped: room again
//!       └─ no place in time, or nobody takes any more ─► missed + 1, traffic goes on
//! ```
//!
//! A place is reserved before a request is forwarded, so an exchange whose request went out is never lost for want of
//! room. An exchange that lasts long (a streaming response) holds its place for as long; when such exchanges hold all
//! places, later exchanges are missed and counted, not held up.
//!
//! Exchanges come out in the order in which the last writes of their answers began ([`Ticket`]), though an exchange is handed
//! over only when that write has succeeded.

use std::collections::{BTreeSet, BinaryHeap};
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use super::exchange_builder::RequestMeta;
use crate::exchange::Exchange;

/// Longest time that a request waits for a place. A disk that is merely busy (a checkpoint, other programs) answers well
/// within it; one that hangs delays the requests under way once, and later ones not at all.
pub const PATIENCE: Duration = Duration::from_secs(2);

/// Bytes of bodies that are kept at once, of exchanges on the wire and of those that wait for the recorder; 256 MiB. Past them
/// bodies pass whole and are recorded as a prefix, marked truncated, and counted ([`BodyMemory::cut`]).
pub const BODY_MEMORY: u64 = 256 << 20;

/// A queue of at most `capacity` exchanges, those still on the wire and those being worked on included.
///
/// Memory for their bodies is bounded by [`BODY_MEMORY`]. When no place becomes free within [`PATIENCE`], the exchange is not recorded: it is counted in
/// [`ExchangeSender::missed`]; those after it don't wait until there is room again.
///
/// # Panics
/// If `capacity` is 0.
pub fn channel(capacity: usize) -> (ExchangeSender, ExchangeReceiver) {
    channel_with(capacity, BODY_MEMORY)
}

/// As [`channel`], with other room for bodies, in bytes.
pub(super) fn channel_with(capacity: usize, body_memory: u64) -> (ExchangeSender, ExchangeReceiver) {
    let memory = Arc::new(BodyMemory { free: AtomicU64::new(body_memory), cut: AtomicU64::new(0) });
    let (sender, receiver) = mpsc::channel(capacity);
    let missed = Arc::new(AtomicU64::new(0));
    let places = Arc::new(Semaphore::new(capacity));
    let (stuck, turns) = (Arc::new(AtomicBool::new(false)), Arc::<Turns>::default());
    let sink = ExchangeSender {
        sender,
        places: Arc::clone(&places),
        missed: Arc::clone(&missed),
        stuck,
        turns: Arc::clone(&turns),
        memory: Arc::clone(&memory),
        announcer: None,
    };
    (sink, ExchangeReceiver { receiver, places, missed, turns, memory, early: BinaryHeap::new() })
}

/// Memory for the bodies of all exchanges.
#[derive(Debug)]
pub struct BodyMemory {
    free: AtomicU64,
    cut: AtomicU64,
}

impl BodyMemory {
    /// Bodies that were cut because there was no room for the rest.
    pub fn cut(&self) -> u64 {
        self.cut.load(Ordering::Relaxed)
    }
}

/// What the bodies of one exchange take up of the memory for all, until this is dropped.
#[derive(Debug)]
pub struct MemoryShare {
    memory: Arc<BodyMemory>,
    taken: AtomicU64,
}

impl MemoryShare {
    /// Takes up to so many bytes more. Where there is less room, the body is cut there: ask no more for it.
    pub fn take(&self, wanted: usize) -> usize {
        let mut granted = 0;
        let taken = self.memory.free.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |free| {
            granted = free.min(wanted as u64);
            Some(free - granted)
        });
        debug_assert!(taken.is_ok());
        self.taken.fetch_add(granted, Ordering::Relaxed);
        if granted < wanted as u64 {
            self.memory.cut.fetch_add(1, Ordering::Relaxed);
        }
        granted as usize
    }
}

impl Drop for MemoryShare {
    fn drop(&mut self) {
        self.memory.free.fetch_add(*self.taken.get_mut(), Ordering::Relaxed);
    }
}

/// Which last writes are under way. They don't wait for anything, so a turn is over in a moment.
#[derive(Debug, Default)]
struct Turns {
    /// The number that was given last, and those that are not over.
    state: Mutex<(u64, BTreeSet<u64>)>,
}

impl Turns {
    fn state(&self) -> MutexGuard<'_, (u64, BTreeSet<u64>)> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// True if no turn before this one is under way.
    fn are_over_before(&self, number: u64) -> bool {
        self.state().1.first().is_none_or(|first| *first >= number)
    }
}

/// The place in the order of a last write that is under way. Take it, write, hand the exchange over, drop it: nothing
/// in between may wait.
#[derive(Debug)]
pub struct Ticket {
    turns: Arc<Turns>,
    number: u64,
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.turns.state().1.remove(&self.number);
    }
}

/// Is told of each request whose head is complete and that will be recorded. Called from the tasks of connections: must not
/// wait.
#[derive(Clone)]
pub struct Announcer(pub Arc<dyn Fn(&RequestMeta) + Send + Sync>);

impl fmt::Debug for Announcer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Announcer")
    }
}

/// The proxy's end.
#[derive(Debug, Clone)]
pub struct ExchangeSender {
    sender: mpsc::Sender<QueuedExchange>,
    places: Arc<Semaphore>,
    missed: Arc<AtomicU64>,
    stuck: Arc<AtomicBool>,
    turns: Arc<Turns>,
    memory: Arc<BodyMemory>,
    announcer: Option<Announcer>,
}

/// Receives exchanges in the order in which they ended.
#[derive(Debug)]
pub struct ExchangeReceiver {
    receiver: mpsc::Receiver<QueuedExchange>,
    places: Arc<Semaphore>,
    missed: Arc<AtomicU64>,
    turns: Arc<Turns>,
    memory: Arc<BodyMemory>,
    /// What was taken from the receiver and waits for its turn; no more than there are places.
    early: BinaryHeap<QueuedExchange>,
}

/// Whoever waits for a place learns at once that there will be none.
impl Drop for ExchangeReceiver {
    fn drop(&mut self) {
        self.places.close();
    }
}

/// An exchange that was handed over, with the place that it takes up until it is dropped or [`released`](Self::release).
#[derive(Debug)]
pub struct QueuedExchange {
    exchange: Exchange,
    _place: OwnedSemaphorePermit,
    _memory: Arc<MemoryShare>,
    /// Of its turn; 0 if it had none.
    number: u64,
}

/// The greatest is whose turn came first.
impl Ord for QueuedExchange {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        other.number.cmp(&self.number)
    }
}

impl PartialOrd for QueuedExchange {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for QueuedExchange {
    fn eq(&self, other: &Self) -> bool {
        self.number == other.number
    }
}

impl Eq for QueuedExchange {}

impl QueuedExchange {
    /// The exchange; its place is free again.
    pub fn release(self) -> Exchange {
        self.exchange
    }
}

/// Room for one exchange. Dropped unused, it frees the room.
#[derive(Debug)]
pub struct SendPermit {
    sender: mpsc::Sender<QueuedExchange>,
    permit: OwnedSemaphorePermit,
    missed: Arc<AtomicU64>,
    turns: Arc<Turns>,
    memory: Arc<MemoryShare>,
}

impl ExchangeSender {
    /// Tells of requests under way.
    pub fn announcing(self, announcer: Announcer) -> Self {
        Self { announcer: Some(announcer), ..self }
    }

    /// A request's head is complete.
    pub fn announce(&self, opening: &RequestMeta) {
        if let Some(Announcer(announce)) = &self.announcer {
            announce(opening);
        }
    }

    /// Room for one exchange, or `None` (counted as missed) if there is none within [`PATIENCE`].
    pub async fn reserve(&self) -> Option<SendPermit> {
        let places = || Arc::clone(&self.places);
        let permit = if self.sender.is_closed() {
            None
        } else {
            match places().try_acquire_owned() {
                Ok(permit) => Some(permit),
                Err(_) if self.stuck.load(Ordering::Relaxed) => None,
                Err(_) => tokio::time::timeout(PATIENCE, places().acquire_owned()).await.ok().and_then(Result::ok),
            }
        };
        self.stuck.store(permit.is_none(), Ordering::Relaxed);
        match permit {
            Some(permit) => Some(SendPermit {
                sender: self.sender.clone(),
                permit,
                missed: Arc::clone(&self.missed),
                turns: Arc::clone(&self.turns),
                memory: Arc::new(MemoryShare { memory: Arc::clone(&self.memory), taken: AtomicU64::new(0) }),
            }),
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

impl SendPermit {
    /// For the bodies of the exchange.
    pub fn memory(&self) -> Arc<MemoryShare> {
        Arc::clone(&self.memory)
    }

    /// A turn: exchanges that are handed over in their turns come out in the order of the turns.
    pub fn turn(&self) -> Ticket {
        let mut state = self.turns.state();
        state.0 += 1;
        let number = state.0;
        state.1.insert(number);
        Ticket { turns: Arc::clone(&self.turns), number }
    }

    /// Hands an exchange over, in its turn if it has one; never waits. If nobody takes any more, it is counted as missed.
    pub fn send(self, exchange: Exchange, turn: Option<&Ticket>) {
        let number = turn.map_or(0, |turn| turn.number);
        // The queue has room for as many as there are places.
        let handed = QueuedExchange { exchange, _place: self.permit, _memory: self.memory, number };
        if self.sender.try_send(handed).is_err() {
            self.missed.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl ExchangeReceiver {
    /// Most exchanges that can be handed over and not be released yet.
    pub fn capacity(&self) -> usize {
        self.receiver.max_capacity()
    }

    /// The next exchange that ended; `None` once the proxy is gone and all were taken.
    pub async fn next(&mut self) -> Option<Exchange> {
        if self.early.is_empty() {
            let handed = self.receiver.recv().await?;
            self.early.push(handed);
        }
        self.in_turn().map(QueuedExchange::release)
    }

    /// The next exchange that ended, if one is waiting.
    pub fn try_next(&mut self) -> Option<QueuedExchange> {
        self.in_turn()
    }

    /// As [`Self::next`], from a thread outside the runtime, and with its place.
    ///
    /// # Panics
    /// If called within an asynchronous task.
    pub fn blocking_next(&mut self) -> Option<QueuedExchange> {
        if self.early.is_empty() {
            let handed = self.receiver.blocking_recv()?;
            self.early.push(handed);
        }
        self.in_turn()
    }

    /// Whose turn it is of those that were handed over.
    fn in_turn(&mut self) -> Option<QueuedExchange> {
        loop {
            self.take_all();
            let first = self.early.peek()?.number;
            if self.turns.are_over_before(first) {
                // Whoever's turn is over has handed over by now.
                self.take_all();
                return self.early.pop();
            }
            // A write that doesn't wait is under way in another thread.
            std::thread::yield_now();
        }
    }

    fn take_all(&mut self) {
        while let Ok(handed) = self.receiver.try_recv() {
            self.early.push(handed);
        }
    }

    /// Exchanges that passed without being handed over.
    pub fn missed(&self) -> u64 {
        self.missed.load(Ordering::Relaxed)
    }

    /// The memory for bodies, which knows how many had to be cut.
    pub fn body_memory(&self) -> Arc<BodyMemory> {
        Arc::clone(&self.memory)
    }

    /// The counter behind [`Self::missed`], to be read elsewhere.
    pub fn missed_counter(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.missed)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    fn exchange(id: u64) -> Exchange {
        Exchange { id, ..Exchange::get("http://x", "/") }
    }

    #[tokio::test]
    async fn what_was_promised_a_place_arrives() {
        let (sink, mut exchange_receiver) = channel(2);
        let (first, second) = (sink.reserve().await.unwrap(), sink.reserve().await.unwrap());
        second.send(exchange(2), None);
        first.send(exchange(1), None);
        drop(sink);
        assert_eq!(exchange_receiver.next().await.unwrap().id, 2);
        assert_eq!(exchange_receiver.next().await.unwrap().id, 1);
        assert!(exchange_receiver.next().await.is_none());
        assert_eq!(exchange_receiver.missed(), 0);
    }

    #[tokio::test]
    async fn memory_for_bodies_is_given_back_when_the_exchange_is_released() {
        let (sink, mut exchange_receiver) = channel_with(4, 100);
        let memory = exchange_receiver.body_memory();
        let (first, second) = (sink.reserve().await.unwrap(), sink.reserve().await.unwrap());
        assert_eq!((first.memory().take(70), second.memory().take(70), second.memory().take(1)), (70, 30, 0));
        assert_eq!(memory.cut(), 2);
        drop(second);
        let third = sink.reserve().await.unwrap();
        assert_eq!(third.memory().take(30), 30);
        first.send(exchange(1), None);
        assert_eq!(third.memory().take(1), 0, "it waits");
        assert_eq!(exchange_receiver.next().await.unwrap().id, 1);
        assert_eq!(third.memory().take(70), 70);
        assert_eq!(memory.cut(), 3);
    }

    #[tokio::test]
    async fn a_full_queue_is_waited_for_once_and_then_counted() {
        let (sink, mut exchange_receiver) = channel(1);
        sink.reserve().await.unwrap().send(exchange(1), None);
        let start = Instant::now();
        assert!(sink.reserve().await.is_none());
        assert!(start.elapsed() >= PATIENCE);
        let start = Instant::now();
        for _ in 0..50 {
            assert!(sink.reserve().await.is_none());
        }
        assert!(start.elapsed() < PATIENCE, "only the first waits");
        assert_eq!((sink.missed(), exchange_receiver.missed()), (51, 51));
        assert_eq!(exchange_receiver.next().await.unwrap().id, 1);
        assert!(sink.reserve().await.is_some(), "room again");
        assert_eq!(sink.missed(), 51);
    }

    #[tokio::test]
    async fn a_place_that_becomes_free_is_taken() {
        let (sink, mut exchange_receiver) = channel(1);
        sink.reserve().await.unwrap().send(exchange(1), None);
        let (place, _) = tokio::join!(sink.reserve(), exchange_receiver.next());
        assert!(place.is_some());
        assert_eq!(sink.missed(), 0);
    }

    #[tokio::test]
    async fn exchanges_come_out_in_their_turns() {
        let (sink, mut exchange_receiver) = channel(4);
        let places = [sink.reserve().await, sink.reserve().await, sink.reserve().await].map(Option::unwrap);
        let [first, second, third] = places.each_ref().map(SendPermit::turn);
        let [one, two, three] = places;
        three.send(exchange(3), Some(&third));
        drop(third);
        two.send(exchange(2), Some(&second));
        // The first write failed: what comes of it has no turn.
        drop((first, second));
        assert_eq!(exchange_receiver.next().await.unwrap().id, 2);
        one.send(exchange(1), None);
        assert_eq!(exchange_receiver.next().await.unwrap().id, 1);
        assert_eq!(exchange_receiver.next().await.unwrap().id, 3);
        assert!(exchange_receiver.try_next().is_none());
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_turn_that_is_not_over_is_waited_for() {
        let (sink, mut exchange_receiver) = channel(2);
        let (slow, fast) = (sink.reserve().await.unwrap(), sink.reserve().await.unwrap());
        let (first, second) = (slow.turn(), fast.turn());
        fast.send(exchange(2), Some(&second));
        drop(second);
        let late = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(50));
            slow.send(exchange(1), Some(&first));
        });
        assert_eq!([exchange_receiver.next().await.unwrap().id, exchange_receiver.next().await.unwrap().id], [1, 2]);
        late.join().unwrap();
    }

    #[tokio::test]
    async fn a_receiver_that_went_away_holds_nobody_up() {
        let (sink, exchange_receiver) = channel(1);
        let place = sink.reserve().await.unwrap();
        drop(exchange_receiver);
        place.send(exchange(1), None);
        let start = Instant::now();
        assert!(sink.reserve().await.is_none());
        assert!(start.elapsed() < PATIENCE);
        assert_eq!(sink.missed(), 2);
    }
}
