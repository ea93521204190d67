//! The bounded queue that hands exchanges to the recorder.
//!
//! ```text
//! ExchangeSender::reserve ─► SendPermit ── the exchange has ended ──► send ─► ExchangeReceiver::next ─► released: room again
//!       └─ no room in time, or nobody takes any more ─► missed + 1, traffic goes on
//!
//! slots, in the order in which last writes began:   filled · open · filled · gone · open
//!                                                   └ taken  └ waited for: a write that doesn't wait is under way
//! ```
//!
//! Room is reserved before a request is forwarded, so an exchange whose request went out is never lost for want of
//! room. An exchange that lasts long (a streaming response) holds its room for as long; when such exchanges hold all
//! of it, later exchanges are missed and counted, not held up.
//!
//! Exchanges come out in the order in which the last writes of their answers began: each write begins with a slot
//! ([`Ticket`]), which is filled when the write has succeeded. To begin a write wakes nobody, so that the answer never waits
//! for the recorder's thread.

use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, TryAcquireError, mpsc};

use super::exchange_builder::RequestMeta;
use crate::exchange::Exchange;

/// Longest time that a request waits for a place. A disk that is merely busy (a checkpoint, other programs) answers well
/// within it; one that hangs delays the requests under way once, and later ones not at all.
pub const PATIENCE: Duration = Duration::from_secs(2);

/// Bytes of bodies that are kept at once, of exchanges on the wire and of those that wait for the recorder; 256 MiB. Past them
/// bodies pass whole and are recorded as a prefix, marked truncated, and counted ([`BodyMemory::cut`]).
pub(crate) const BODY_MEMORY: u64 = 256 << 20;

/// A queue of at most `capacity` exchanges, those still on the wire and those being worked on included.
///
/// Memory for their bodies is bounded by `BODY_MEMORY`. When no place becomes free within [`PATIENCE`], the exchange is not recorded: it is counted in
/// [`ExchangeSender::missed`]; those after it don't wait until there is room again.
///
/// # Panics
/// If `capacity` is 0.
pub fn channel(capacity: usize) -> (ExchangeSender, ExchangeReceiver) {
    channel_with(capacity, BODY_MEMORY)
}

/// As [`channel`], with other room for bodies, in bytes.
pub(super) fn channel_with(capacity: usize, body_memory: u64) -> (ExchangeSender, ExchangeReceiver) {
    // One ring is enough: whoever hears it takes all that is there.
    let (bell, rung) = mpsc::channel(1);
    let queue = Arc::new(Queue {
        slots: Arc::default(),
        bell,
        capacity,
        places: Arc::new(Semaphore::new(capacity)),
        stuck: AtomicBool::new(false),
        missed: Arc::default(),
        crowded: Arc::default(),
        memory: Arc::new(BodyMemory { free: AtomicU64::new(body_memory), cut: AtomicU64::new(0) }),
    });
    let receiver = ExchangeReceiver {
        slots: Arc::clone(&queue.slots),
        rung,
        capacity,
        places: Arc::clone(&queue.places),
        missed: Arc::clone(&queue.missed),
        crowded: Arc::clone(&queue.crowded),
        memory: Arc::clone(&queue.memory),
    };
    (ExchangeSender { queue, announcer: None }, receiver)
}

/// Memory for the bodies of all exchanges.
#[derive(Debug)]
pub(crate) struct BodyMemory {
    free: AtomicU64,
    cut: AtomicU64,
}

impl BodyMemory {
    /// Bodies that were cut because there was no room for the rest.
    pub(crate) fn cut(&self) -> u64 {
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

/// Exchanges in the order in which their last writes began.
#[derive(Debug, Default)]
struct WriteOrder {
    queue: VecDeque<WriteSlot>,
    /// The number of the first of them.
    first: u64,
}

#[derive(Debug)]
enum WriteSlot {
    /// A last write is under way. It doesn't wait for anything, so it is over in a moment.
    Open,
    /// It has succeeded. Boxed, so that slots move cheaply.
    Filled(Box<QueuedExchange>),
    /// It has failed, or not all was written. Kept only while there are slots behind it.
    Gone,
}

impl WriteOrder {
    fn push(&mut self, slot: WriteSlot) -> u64 {
        self.queue.push_back(slot);
        self.first + self.queue.len() as u64 - 1
    }

    /// What becomes of an open slot.
    fn settle(&mut self, number: u64, slot: WriteSlot) {
        if let Some(place) = number.checked_sub(self.first).and_then(|place| self.queue.get_mut(place as usize)) {
            *place = slot;
        }
        while let Some(WriteSlot::Gone) = self.queue.back() {
            self.queue.pop_back();
        }
    }

    /// The first exchange; `None` if there is none, or a write that began before its own is still under way.
    fn take(&mut self) -> Option<QueuedExchange> {
        loop {
            if let WriteSlot::Open = self.queue.front()? {
                return None;
            }
            self.first += 1;
            if let Some(WriteSlot::Filled(queued)) = self.queue.pop_front() {
                return Some(*queued);
            }
        }
    }
}

fn locked(slots: &Mutex<WriteOrder>) -> MutexGuard<'_, WriteOrder> {
    slots.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What senders and permits share.
#[derive(Debug)]
struct Queue {
    slots: Arc<Mutex<WriteOrder>>,
    /// Rung when there may be something to take.
    bell: mpsc::Sender<()>,
    capacity: usize,
    places: Arc<Semaphore>,
    /// The last request for room was in vain.
    stuck: AtomicBool,
    missed: Arc<AtomicU64>,
    /// The last exchange was missed because of exchanges that are still under way, and not of the recorder.
    crowded: Arc<AtomicBool>,
    memory: Arc<BodyMemory>,
}

impl Queue {
    fn ring(&self) {
        // It has been rung already, or nobody listens any more.
        let _heard = self.bell.try_send(());
    }
}

/// The place in the order of a last write that is under way. Take it, write, hand the exchange over, drop it: nothing
/// in between may wait.
#[derive(Debug)]
pub struct Ticket {
    queue: Arc<Queue>,
    number: u64,
    /// Its slot is filled.
    settled: bool,
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if !self.settled {
            locked(&self.queue.slots).settle(self.number, WriteSlot::Gone);
            // Those behind it may have waited for it.
            self.queue.ring();
        }
    }
}

/// Is told of each request whose head is complete and that will be recorded. Called from the tasks of connections: must not
/// wait.
#[derive(Clone)]
pub(crate) struct Announcer(pub Arc<dyn Fn(&RequestMeta) + Send + Sync>);

impl fmt::Debug for Announcer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Announcer")
    }
}

/// The proxy's end.
#[derive(Debug, Clone)]
pub struct ExchangeSender {
    queue: Arc<Queue>,
    announcer: Option<Announcer>,
}

/// Receives exchanges in the order in which the last writes of their answers began.
#[derive(Debug)]
pub struct ExchangeReceiver {
    slots: Arc<Mutex<WriteOrder>>,
    /// Ends with the last sender.
    rung: mpsc::Receiver<()>,
    capacity: usize,
    places: Arc<Semaphore>,
    missed: Arc<AtomicU64>,
    crowded: Arc<AtomicBool>,
    memory: Arc<BodyMemory>,
}

/// Whoever waits for a place learns at once that there will be none.
impl Drop for ExchangeReceiver {
    fn drop(&mut self) {
        self.places.close();
        self.rung.close();
        locked(&self.slots).queue.clear();
    }
}

/// An exchange that was handed over, with the place that it takes up until it is dropped or [`released`](Self::release).
#[derive(Debug)]
pub struct QueuedExchange {
    exchange: Exchange,
    _place: OwnedSemaphorePermit,
    _memory: Arc<MemoryShare>,
}

impl QueuedExchange {
    /// The exchange; its place is free again.
    pub fn release(self) -> Exchange {
        self.exchange
    }
}

/// Room for one exchange. Dropped unused, it frees the room.
#[derive(Debug)]
pub struct SendPermit {
    queue: Arc<Queue>,
    permit: OwnedSemaphorePermit,
    memory: Arc<MemoryShare>,
}

impl ExchangeSender {
    /// Tells of requests under way.
    pub(crate) fn announcing(self, announcer: Announcer) -> Self {
        Self { announcer: Some(announcer), ..self }
    }

    /// A request's head is complete.
    pub(crate) fn announce(&self, opening: &RequestMeta) {
        if let Some(Announcer(announce)) = &self.announcer {
            announce(opening);
        }
    }

    /// Room for one exchange, or `None` (counted as missed) if there is none within [`PATIENCE`].
    pub async fn reserve(&self) -> Option<SendPermit> {
        let queue = &self.queue;
        let places = || Arc::clone(&queue.places);
        let permit = match places().try_acquire_owned() {
            Ok(permit) => Some(permit),
            Err(TryAcquireError::Closed) => None,
            Err(_) if queue.stuck.load(Ordering::Relaxed) => None,
            Err(_) => tokio::time::timeout(PATIENCE, places().acquire_owned()).await.ok().and_then(Result::ok),
        };
        queue.stuck.store(permit.is_none(), Ordering::Relaxed);
        let Some(permit) = permit else {
            queue.crowded.store(locked(&queue.slots).queue.len() < queue.capacity / 2, Ordering::Relaxed);
            queue.missed.fetch_add(1, Ordering::Relaxed);
            // Nothing may end for long: whoever keeps count is to hear of it now.
            queue.ring();
            return None;
        };
        let memory = Arc::new(MemoryShare { memory: Arc::clone(&queue.memory), taken: AtomicU64::new(0) });
        Some(SendPermit { queue: Arc::clone(queue), permit, memory })
    }

    /// Exchanges that passed without being handed over.
    pub fn missed(&self) -> u64 {
        self.queue.missed.load(Ordering::Relaxed)
    }
}

impl SendPermit {
    /// For the bodies of the exchange.
    pub fn memory(&self) -> Arc<MemoryShare> {
        Arc::clone(&self.memory)
    }

    /// A turn: exchanges that are handed over in their turns come out in the order of the turns.
    pub fn turn(&self) -> Ticket {
        let number = locked(&self.queue.slots).push(WriteSlot::Open);
        Ticket { queue: Arc::clone(&self.queue), number, settled: false }
    }

    /// Hands an exchange over, in its turn if it has one; never waits. If nobody takes any more, it is counted as missed.
    pub fn send(self, exchange: Exchange, turn: Option<&mut Ticket>) {
        let Self { queue, permit, memory } = self;
        if queue.bell.is_closed() {
            queue.missed.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let filled = WriteSlot::Filled(Box::new(QueuedExchange { exchange, _place: permit, _memory: memory }));
        let mut slots = locked(&queue.slots);
        match turn {
            Some(turn) => {
                turn.settled = true;
                slots.settle(turn.number, filled);
            }
            None => drop(slots.push(filled)),
        }
        drop(slots);
        queue.ring();
    }
}

impl ExchangeReceiver {
    /// Most exchanges that can be handed over and not be released yet.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// The next exchange that ended; `None` once the proxy is gone and all were taken.
    pub async fn next(&mut self) -> Option<Exchange> {
        loop {
            if let Some(queued) = self.try_next() {
                return Some(queued.release());
            }
            if self.rung.recv().await.is_none() {
                return self.try_next().map(QueuedExchange::release);
            }
        }
    }

    /// The next exchange that ended, if one is waiting.
    pub fn try_next(&mut self) -> Option<QueuedExchange> {
        locked(&self.slots).take()
    }

    /// How many exchanges wait to be taken, those whose last write is under way included.
    pub(crate) fn waiting(&self) -> usize {
        locked(&self.slots).queue.len()
    }

    /// Waits on a thread outside the runtime until there may be something to take, or an exchange was missed. False once the
    /// proxy is gone: what can be taken then is the last.
    ///
    /// # Panics
    /// If called within an asynchronous task.
    pub(crate) fn blocking_wait(&mut self) -> bool {
        self.rung.blocking_recv().is_some()
    }

    /// The next exchange that ended, for a thread outside the runtime.
    #[cfg(test)]
    pub(crate) fn blocking_next(&mut self) -> Option<QueuedExchange> {
        loop {
            if let Some(queued) = self.try_next() {
                return Some(queued);
            }
            if !self.blocking_wait() {
                return self.try_next();
            }
        }
    }

    /// Exchanges that passed without being handed over.
    pub fn missed(&self) -> u64 {
        self.missed.load(Ordering::Relaxed)
    }

    /// The memory for bodies, which knows how many had to be cut.
    pub(crate) fn body_memory(&self) -> Arc<BodyMemory> {
        Arc::clone(&self.memory)
    }

    /// True if the last exchange was missed because of exchanges that are still under way, to be read elsewhere.
    pub(crate) fn crowded_flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.crowded)
    }

    /// The counter behind [`Self::missed`], to be read elsewhere.
    pub(crate) fn missed_counter(&self) -> Arc<AtomicU64> {
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
        let [first, mut second, mut third] = places.each_ref().map(SendPermit::turn);
        let [one, two, three] = places;
        three.send(exchange(3), Some(&mut third));
        drop(third);
        two.send(exchange(2), Some(&mut second));
        assert!(exchange_receiver.try_next().is_none(), "the first write is under way");
        // It failed: what comes of it is behind what was handed over meanwhile.
        drop((first, second));
        one.send(exchange(1), None);
        for id in [2, 3, 1] {
            assert_eq!(exchange_receiver.next().await.unwrap().id, id);
        }
        assert!(exchange_receiver.try_next().is_none());
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_turn_that_is_not_over_is_waited_for() {
        let (sink, mut exchange_receiver) = channel(2);
        let (slow, fast) = (sink.reserve().await.unwrap(), sink.reserve().await.unwrap());
        let (mut first, mut second) = (slow.turn(), fast.turn());
        fast.send(exchange(2), Some(&mut second));
        drop(second);
        let late = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(50));
            slow.send(exchange(1), Some(&mut first));
        });
        assert_eq!([exchange_receiver.next().await.unwrap().id, exchange_receiver.next().await.unwrap().id], [1, 2]);
        late.join().unwrap();
    }

    #[tokio::test]
    async fn writes_that_are_tried_again_and_again_take_no_room() {
        let (sink, mut exchange_receiver) = channel(2);
        let (slow, other) = (sink.reserve().await.unwrap(), sink.reserve().await.unwrap());
        for _ in 0..1_000 {
            drop(slow.turn());
        }
        let under_way = other.turn();
        drop((slow.turn(), slow.turn()));
        assert_eq!(locked(&exchange_receiver.slots).queue.len(), 1);
        slow.send(exchange(1), None);
        drop(under_way);
        drop((sink, other));
        assert_eq!(exchange_receiver.next().await.unwrap().id, 1);
        assert!(exchange_receiver.next().await.is_none());
        assert_eq!(locked(&exchange_receiver.slots).queue.len(), 0);
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
