//! Watchdog: reports when a write to disk blocks.
//!
//! ```text
//! CaptureGuard: begins ─► append, commit, … ─► ends
//!            └─ a second later, looked at from a thread of its own ─► said; and as long as it lasts, what is missed by it
//! ```
//!
//! Should that thread panic, it reports that and starts over, a few times.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::event::{Event, EventSender, RecordingStatus};
use crate::panics;

/// How long writing may take before it is said.
const PATIENCE: Duration = Duration::from_secs(1);

/// How often it is looked.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// How often the watch starts over after a panic.
const STARTS: u32 = 3;

/// Watches the writes of the recorder from another thread.
#[derive(Debug)]
pub(super) struct WriteWatchdog {
    shared: Arc<WatchShared>,
    /// There until it is joined; `None` where it could not be started: then only what was missed is said, afterwards.
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct WatchShared {
    state: Mutex<WatchState>,
    ended: Condvar,
    /// Exchanges that the proxy could not hand over.
    not_handed_over: Arc<AtomicU64>,
    events: EventSender,
}

#[derive(Debug, Default)]
struct WatchState {
    /// What is being written was begun then.
    since: Option<Instant>,
    /// Exchanges that could not be written before, and all that were missing before.
    lost: u64,
    missing: u64,
    /// It was said that the disk hangs.
    said: bool,
    /// As many were said to be missing, and when.
    said_missing: u64,
    said_at: Option<Instant>,
    ended: bool,
}

impl WatchShared {
    fn state(&self) -> MutexGuard<'_, WatchState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What was said while the disk hung.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct HungWrite {
    /// How long it did.
    pub lasted: Duration,
    /// It was said that nothing is recorded.
    pub off: bool,
}

impl WriteWatchdog {
    pub(super) fn new(events: EventSender, not_handed_over: Arc<AtomicU64>) -> Self {
        Self::looked_at_by(look, events, not_handed_over)
    }

    fn looked_at_by<L>(mut look: L, events: EventSender, not_handed_over: Arc<AtomicU64>) -> Self
    where
        L: FnMut(&mut WatchState, &WatchShared) + Send + 'static,
    {
        let shared = Arc::new(WatchShared { state: Mutex::default(), ended: Condvar::new(), not_handed_over, events });
        let watched = Arc::clone(&shared);
        let watch = move || {
            for start in 1..=STARTS {
                let Err(panicked) = panics::catch(|| watch(&watched, &mut look)) else { return };
                let then =
                    if start < STARTS { "was started again" } else { "has ended: a disk that hangs is not reported" };
                let words = format!("The watch over the disk {panicked}, and {then}. Recording goes on.");
                tracing::error!("{words}");
                watched.events.send(Event::Notice(words));
            }
        };
        let thread = std::thread::Builder::new().name("stall".to_owned()).spawn(watch);
        let thread = thread.inspect_err(|error| tracing::warn!(%error, "nobody looks after a disk that hangs")).ok();
        Self { shared, thread }
    }

    /// Something is about to be written; so many exchanges could not be written so far.
    pub(super) fn begins(&self, lost: u64) {
        let mut state = self.shared.state();
        state.since = Some(Instant::now());
        (state.lost, state.missing) = (lost, lost + self.shared.not_handed_over.load(Ordering::Relaxed));
    }

    /// It was written, or can't be. What was said of it, if it took so long that something was.
    pub(super) fn ends(&self) -> Option<HungWrite> {
        let mut state = self.shared.state();
        let since = state.since.take()?;
        let off = std::mem::take(&mut state.said_missing) > 0;
        std::mem::take(&mut state.said).then(|| HungWrite { lasted: since.elapsed(), off })
    }
}

impl Drop for WriteWatchdog {
    fn drop(&mut self) {
        self.shared.state().ended = true;
        self.shared.ended.notify_all();
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the watch over the disk has ended badly");
        }
    }
}

fn watch(shared: &WatchShared, look: &mut impl FnMut(&mut WatchState, &WatchShared)) {
    let mut state = shared.state();
    while !state.ended {
        if state.since.is_some_and(|since| since.elapsed() >= PATIENCE) {
            look(&mut state, shared);
        }
        let waited = shared.ended.wait_timeout(state, LOOK_EVERY);
        state = waited.unwrap_or_else(PoisonError::into_inner).0;
    }
}

fn look(state: &mut WatchState, shared: &WatchShared) {
    if !state.said {
        state.said = true;
        tracing::warn!("the disk hangs");
        let words = "The disk does not answer: what passes waits in memory until it does. Traffic goes on.";
        shared.events.send(Event::Notice(words.to_owned()));
    }
    let missed = state.lost + shared.not_handed_over.load(Ordering::Relaxed);
    let said_just_now = state.said_at.is_some_and(|at| at.elapsed() < PATIENCE);
    if missed > state.said_missing.max(state.missing) && !said_just_now {
        (state.said_missing, state.said_at) = (missed, Some(Instant::now()));
        let reason = "the disk does not answer, and no more can wait for it".to_owned();
        shared.events.send(Event::Recording(RecordingStatus::Off { reason, missed }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::channel;

    #[test]
    fn a_disk_that_hangs_is_said_while_it_does() {
        let (event_sender, mut receiver) = channel(16);
        let not_handed_over = Arc::new(AtomicU64::new(1));
        let stall = WriteWatchdog::new(event_sender, Arc::clone(&not_handed_over));
        // Quick ones are nobody's business.
        for _ in 0..3 {
            stall.begins(0);
            assert_eq!(stall.ends(), None);
        }
        stall.begins(7);
        let said = receiver.events.blocking_recv().expect("something is said");
        assert!(matches!(&said, Event::Notice(words) if words.contains("does not answer")), "{said:?}");
        not_handed_over.store(3, Ordering::Relaxed);
        let said = receiver.events.blocking_recv().expect("something is said");
        assert!(matches!(&said, Event::Recording(RecordingStatus::Off { missed: 10, .. })), "{said:?}");
        let hung = stall.ends().expect("it was said");
        assert!(hung.off && hung.lasted >= PATIENCE, "{hung:?}");
        assert_eq!(stall.ends(), None, "once");
        drop(stall);
        assert!(receiver.events.blocking_recv().is_none(), "nothing else was said");
    }
    #[test]
    fn a_watch_that_panics_is_reported_and_starts_over() {
        let (event_sender, mut receiver) = channel(16);
        let mut looks = 0;
        let failing = move |state: &mut WatchState, shared: &WatchShared| {
            looks += 1;
            assert!(looks > 1, "on purpose");
            look(state, shared);
        };
        let stall = WriteWatchdog::looked_at_by(failing, event_sender, Arc::default());
        stall.begins(0);
        let said = receiver.events.blocking_recv().expect("something is said");
        assert!(matches!(&said, Event::Notice(words) if words.contains("was started again")), "{said:?}");
        let said = receiver.events.blocking_recv().expect("something is said");
        assert!(matches!(&said, Event::Notice(words) if words.contains("does not answer")), "{said:?}");
        assert!(stall.ends().is_some());
    }

    #[test]
    fn a_watch_that_always_panics_gives_up_and_says_so() {
        let (event_sender, mut receiver) = channel(16);
        let stall = WriteWatchdog::looked_at_by(|_, _| panic!("on purpose"), event_sender, Arc::default());
        stall.begins(0);
        for _ in 1..STARTS {
            receiver.events.blocking_recv().expect("something is said");
        }
        let said = receiver.events.blocking_recv().expect("something is said");
        assert!(matches!(&said, Event::Notice(words) if words.contains("has ended")), "{said:?}");
        drop(stall);
        assert!(receiver.events.blocking_recv().is_none());
    }
}
