//! The queue between recorder and judge: exchanges in memory, the rest as row ranges of the capture.
//!
//! ```text
//! recorder ─► queue, in memory ─────────────────────────────► judge
//!     └─ full ─► appended rows ─► committed ─► stretches ─► read back from the capture ─┘
//! ```
//!
//! While the recorder lags behind the traffic, the judge takes one exchange every [`PACE`]: traffic and recording go first.
//! So recording never waits for the judge, and what waits takes no memory. What can't be read back, because nothing is
//! recorded, waits in memory, and then the recorder waits for room.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::arrivals::Arrivals;
use crate::exchange::Exchange;

/// Most exchanges that wait in memory.
const QUEUED: usize = 256;

/// Bytes of their bodies from which on no more wait in memory that can be read back: 64 MiB.
const QUEUED_BYTES: usize = 64 << 20;

/// Most exchanges of a stretch that are taken at once: a few milliseconds' work, so that the judge soon gives way.
const BATCH: u64 = 16;

/// How long the judge waits for each exchange while the recorder lags: a percent or two of a processor, so that it is never silent.
const PACE: Duration = Duration::from_millis(20);

/// An exchange, and its index in the recording if there is one.
pub(super) type ToJudge = (Arc<Exchange>, Option<u64>);

/// A range of rows of one capture file, all of them on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RowRange {
    pub file: Arc<Path>,
    /// Index of the first one in its file.
    pub row: u64,
    /// Index of the first one in the recording.
    pub index: u64,
    /// How many there are.
    pub count: u64,
}

/// What is to be judged next.
#[derive(Debug)]
pub(super) enum NextToJudge {
    Exchange(ToJudge),
    RowRange(RowRange),
    /// Nothing came in the time that was given.
    Nothing,
}

impl NextToJudge {
    /// Exchanges in it.
    pub(super) fn count(&self) -> u64 {
        match self {
            Self::Exchange(_) => 1,
            Self::RowRange(stretch) => stretch.count,
            Self::Nothing => 0,
        }
    }
}

#[derive(Debug, Default)]
struct QueueState {
    queue: VecDeque<ToJudge>,
    /// Bytes of the bodies in it.
    bytes: usize,
    stretches: VecDeque<RowRange>,
    /// The recorder has ended: nothing more will come.
    ended: bool,
    /// The judge has ended: nothing more will be taken.
    gone: bool,
    /// Exchanges that came when the judge had ended.
    not_taken: u64,
    arrivals: Arrivals,
    /// What the judge has taken last, and may be at work on.
    at_hand: u64,
    /// Exchanges of the recording, as far as it is known.
    recorded: u64,
    /// The recorder lags behind the traffic.
    recorder_lags: bool,
}

impl QueueState {
    /// The judge has finished what it had taken.
    fn finish_at_hand(&mut self) {
        let at_hand = std::mem::take(&mut self.at_hand);
        self.arrivals.finish(at_hand);
    }

    /// Another one waits. `index`: where it was appended to the recording, if it was.
    fn arrive(&mut self, index: Option<u64>) {
        self.arrivals.arrive(Instant::now());
        self.recorded = index.map_or(self.recorded, |index| index + 1);
    }
}

#[derive(Debug, Default)]
struct QueueShared {
    state: Mutex<QueueState>,
    changed: Condvar,
}

impl QueueShared {
    fn state(&self) -> MutexGuard<'_, QueueState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Queue of recorded exchanges that wait to be judged.
#[derive(Debug)]
pub(super) struct JudgeQueue {
    shared: Arc<QueueShared>,
    /// What waits and was appended, but not committed yet.
    appended: Vec<RowRange>,
    /// What the judge knows of it.
    recorder_lags: bool,
}

/// The judge's end.
#[derive(Debug)]
pub(super) struct JudgeQueueReceiver(Arc<QueueShared>);

/// How much the judge has before it, for those who wait for it.
#[derive(Debug, Clone)]
pub(crate) struct JudgeBacklog(Arc<QueueShared>);

impl JudgeBacklog {
    /// Number of exchanges that are recorded and not judged yet.
    pub(crate) fn waiting(&self) -> u64 {
        self.0.state().arrivals.waiting()
    }
}

/// Nobody judges any more.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct JudgeIsGone;

/// What an exchange takes up in memory, its bodies.
fn bytes((exchange, _): &ToJudge) -> usize {
    exchange.request.body.held() + exchange.response.as_ref().map_or(0, |response| response.body.held())
}

/// Both ends, with nothing between them.
pub(super) fn judge_queue() -> (JudgeQueue, JudgeQueueReceiver) {
    let shared = Arc::<QueueShared>::default();
    let queue = JudgeQueue { shared: Arc::clone(&shared), appended: Vec::new(), recorder_lags: false };
    (queue, JudgeQueueReceiver(shared))
}

impl JudgeQueue {
    /// How much waits in it, for as long as somebody asks.
    pub(super) fn backlog(&self) -> JudgeBacklog {
        JudgeBacklog(Arc::clone(&self.shared))
    }

    /// Puts an exchange behind the others. `appended` says in which file of the recording it was appended, and at which
    /// index there; one that was not waits for room. Should there be such a one while others wait on disk, it is left out:
    /// it is missing from the recording, and counted there.
    pub(super) fn put(&mut self, next: ToJudge, appended: Option<(&Path, u64)>) -> Result<(), JudgeIsGone> {
        let mut state = self.shared.state();
        if state.gone {
            state.not_taken += 1;
            return Err(JudgeIsGone);
        }
        let others_on_disk = !self.appended.is_empty() || !state.stretches.is_empty();
        let room = state.queue.len() < QUEUED && state.bytes < QUEUED_BYTES;
        if !others_on_disk && (room || appended.is_none()) {
            while state.queue.len() >= QUEUED && !state.gone {
                state = self.shared.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
            if state.gone {
                state.not_taken += 1;
                return Err(JudgeIsGone);
            }
            state.bytes += bytes(&next);
            state.arrive(next.1.filter(|_| appended.is_some()));
            state.queue.push_back(next);
            self.shared.changed.notify_all();
            return Ok(());
        }
        if appended.is_some() && next.1.is_some() {
            state.arrive(next.1);
        }
        drop(state);
        if let (Some((file, row)), Some(index)) = (appended, next.1) {
            match self.appended.last_mut() {
                Some(last) if *last.file == *file && last.row + last.count == row => last.count += 1,
                _ => self.appended.push(RowRange { file: Arc::from(file), row, index, count: 1 }),
            }
        }
        Ok(())
    }

    /// The recorder lags behind the traffic, or no longer does. Not to be said where nothing is appended: the recorder would wait
    /// for a judge that waits for it.
    pub(super) fn recorder_lags(&mut self, lags: bool) {
        if self.recorder_lags != lags {
            self.recorder_lags = lags;
            self.shared.state().recorder_lags = lags;
            self.shared.changed.notify_all();
        }
    }

    /// What was appended is on disk.
    pub(super) fn committed(&mut self) {
        if !self.appended.is_empty() {
            self.shared.state().stretches.extend(self.appended.drain(..));
            self.shared.changed.notify_all();
        }
    }

    /// Exchanges that nobody judges, because the judge has ended; 0 while it has not.
    pub(crate) fn not_taken(&self) -> u64 {
        let state = self.shared.state();
        let on_disk = state.stretches.iter().chain(&self.appended).map(|stretch| stretch.count).sum::<u64>();
        if state.gone { state.not_taken + state.queue.len() as u64 + on_disk } else { 0 }
    }

    /// What was appended since the last commit is lost.
    pub(super) fn lost(&mut self) {
        let lost = self.appended.drain(..).map(|stretch| stretch.count).sum();
        if lost > 0 {
            let mut state = self.shared.state();
            state.arrivals.lose(lost);
            state.recorded = state.recorded.saturating_sub(lost);
        }
    }
}

impl Drop for JudgeQueue {
    fn drop(&mut self) {
        self.shared.state().ended = true;
        self.shared.changed.notify_all();
    }
}

impl JudgeQueueReceiver {
    /// What is to be judged next; waits for it, no longer than `patience` if that is given. `None`: that was all.
    pub(super) fn next(&self, patience: Option<Duration>) -> Option<NextToJudge> {
        let mut state = self.0.state();
        state.finish_at_hand();
        let gives_way = |state: &mut QueueState| state.recorder_lags && !state.ended;
        if gives_way(&mut state) {
            let waited = self.0.changed.wait_timeout_while(state, PACE, gives_way);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        loop {
            if let Some(next) = state.queue.pop_front() {
                state.bytes = state.bytes.saturating_sub(bytes(&next));
                state.at_hand = 1;
                self.0.changed.notify_all();
                return Some(NextToJudge::Exchange(next));
            }
            let lags = gives_way(&mut state);
            if let Some(first) = state.stretches.front_mut() {
                let mut taken = first.clone();
                let most = if lags { 1 } else { BATCH };
                if first.count > most {
                    taken.count = most;
                    first.row += most;
                    first.index += most;
                    first.count -= most;
                } else {
                    state.stretches.pop_front();
                }
                state.at_hand = taken.count;
                return Some(NextToJudge::RowRange(taken));
            }
            if state.ended {
                return None;
            }
            state = match patience {
                None => self.0.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(patience) => {
                    let (state, timeout) =
                        self.0.changed.wait_timeout(state, patience).unwrap_or_else(PoisonError::into_inner);
                    if timeout.timed_out() && state.queue.is_empty() && state.stretches.is_empty() && !state.ended {
                        return Some(NextToJudge::Nothing);
                    }
                    state
                }
            };
        }
    }

    /// How many exchanges are recorded, and how long the oldest that is not judged has waited. The judge has finished what it
    /// had taken.
    pub(super) fn progress(&self) -> (u64, Duration) {
        let mut state = self.0.state();
        state.finish_at_hand();
        (state.recorded, state.arrivals.lag(Instant::now()))
    }

    /// How many exchanges wait on disk.
    #[cfg(test)]
    fn on_disk(&self) -> u64 {
        self.0.state().stretches.iter().map(|stretch| stretch.count).sum()
    }
}

impl Drop for JudgeQueueReceiver {
    fn drop(&mut self) {
        self.0.state().gone = true;
        self.0.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exchange(id: u64) -> ToJudge {
        let exchange = Exchange { id, ..Exchange::get("http://x", "/") };
        (Arc::new(exchange), Some(id))
    }

    /// Indexes in the order in which they come out, until there is nothing for a moment.
    fn indexes(waiting: &JudgeQueueReceiver) -> Vec<u64> {
        let mut indexes = Vec::new();
        loop {
            match waiting.next(Some(Duration::from_millis(1))) {
                Some(NextToJudge::Exchange((_, index))) => indexes.extend(index),
                Some(NextToJudge::RowRange(stretch)) => indexes.extend(stretch.index..stretch.index + stretch.count),
                Some(NextToJudge::Nothing) | None => return indexes,
            }
        }
    }

    #[test]
    fn order_is_kept_through_memory_and_disk() {
        let (mut backlog, waiting) = judge_queue();
        let files = [Path::new("run.0001.db"), Path::new("run.0002.db")];
        let many = 3 * QUEUED as u64;
        for index in 0..many {
            let (file, row) = if index < 500 { (files[0], index) } else { (files[1], index - 500) };
            assert_eq!(backlog.put(exchange(index), Some((file, row))), Ok(()));
        }
        assert_eq!(waiting.on_disk(), 0, "what is not committed can't be read back");
        let left = backlog.backlog();
        assert_eq!(left.waiting(), many);
        assert_eq!(indexes(&waiting), (0..QUEUED as u64).collect::<Vec<_>>());
        backlog.committed();
        assert_eq!(waiting.on_disk(), many - QUEUED as u64);
        assert_eq!(backlog.put(exchange(many), Some((files[1], many - 500))), Ok(()));
        backlog.committed();
        assert_eq!(indexes(&waiting), (QUEUED as u64..=many).collect::<Vec<_>>());
        assert_eq!(backlog.put(exchange(many + 1), Some((files[1], many - 499))), Ok(()));
        assert_eq!(indexes(&waiting), [many + 1], "in memory again");
        drop(backlog);
        assert!(waiting.next(None).is_none());
        assert_eq!(left.waiting(), 0);
    }

    #[test]
    fn large_ones_wait_on_disk_where_they_can() {
        let (mut backlog, waiting) = judge_queue();
        let large = |index| {
            let mut exchange = Exchange::get("http://x", "/");
            exchange.request.body = crate::exchange::Body::complete(vec![0; QUEUED_BYTES / 4]);
            (Arc::new(exchange), Some(index))
        };
        for index in 0..8 {
            assert_eq!(backlog.put(large(index), Some((Path::new("run.db"), index))), Ok(()));
        }
        backlog.committed();
        assert_eq!(waiting.on_disk(), 4);
        assert_eq!(indexes(&waiting), (0..8).collect::<Vec<_>>());
        assert_eq!(backlog.put(large(8), Some((Path::new("run.db"), 8))), Ok(()));
        assert_eq!((waiting.on_disk(), indexes(&waiting)), (0, vec![8]), "there is room again");
    }

    #[test]
    fn what_was_lost_does_not_come_out() {
        let (mut backlog, waiting) = judge_queue();
        let file = Path::new("run.db");
        for index in 0..QUEUED as u64 + 10 {
            assert_eq!(backlog.put(exchange(index), Some((file, index))), Ok(()));
        }
        backlog.lost();
        backlog.committed();
        assert_eq!(waiting.progress().0, QUEUED as u64);
        assert!(waiting.progress().1 > Duration::ZERO, "the others still wait");
        assert_eq!(indexes(&waiting).len(), QUEUED);
        assert_eq!(waiting.progress(), (QUEUED as u64, Duration::ZERO));
    }

    #[test]
    fn while_the_recorder_lags_the_judge_takes_one_at_a_time_and_waits_for_each() {
        let (mut backlog, waiting) = judge_queue();
        for index in 0..2 * QUEUED as u64 {
            assert_eq!(backlog.put(exchange(index), Some((Path::new("run.db"), index))), Ok(()));
        }
        backlog.committed();
        // The largest number of them that come together.
        let take = |mut left: u64| {
            let mut most = 0;
            while left > 0 {
                let count = waiting.next(None).unwrap().count();
                (most, left) = (most.max(count), left - count);
            }
            most
        };
        let rest = QUEUED as u64 - 3;
        for (of, together) in [("memory", 1), ("disk", BATCH)] {
            backlog.recorder_lags(true);
            let begun = Instant::now();
            assert_eq!(take(3), 1, "{of}");
            assert!(begun.elapsed() >= 3 * PACE, "{of}: {:?}", begun.elapsed());
            backlog.recorder_lags(false);
            assert_eq!(take(rest), together, "{of}");
        }
        // At the end nobody waits for it any more.
        assert_eq!(backlog.put(exchange(999), Some((Path::new("run.db"), 999))), Ok(()));
        backlog.recorder_lags(true);
        drop(backlog);
        assert!(matches!(waiting.next(None), Some(NextToJudge::Exchange(_))) && waiting.next(None).is_none());
    }

    #[test]
    fn what_is_not_recorded_waits_for_room() {
        let (mut backlog, waiting) = judge_queue();
        for id in 0..QUEUED as u64 {
            assert_eq!(backlog.put((exchange(id).0, None), None), Ok(()));
        }
        let recorder = std::thread::spawn(move || backlog.put((exchange(QUEUED as u64).0, None), None));
        std::thread::sleep(Duration::from_millis(20));
        assert!(!recorder.is_finished());
        assert!(matches!(waiting.next(None), Some(NextToJudge::Exchange(_))));
        assert_eq!(recorder.join().unwrap(), Ok(()));
    }

    #[test]
    fn a_judge_that_is_gone_holds_nobody_up() {
        let (mut backlog, waiting) = judge_queue();
        drop(waiting);
        assert_eq!(backlog.put(exchange(0), None), Err(JudgeIsGone));
        assert_eq!(backlog.not_taken(), 1);
    }

    #[test]
    fn what_a_judge_that_is_gone_has_left_is_counted() {
        let (mut backlog, waiting) = judge_queue();
        let file = Path::new("run.db");
        for index in 0..QUEUED as u64 + 10 {
            assert_eq!(backlog.put(exchange(index), Some((file, index))), Ok(()));
        }
        assert_eq!(backlog.not_taken(), 0);
        drop(waiting);
        assert_eq!(backlog.put(exchange(0), None), Err(JudgeIsGone));
        assert_eq!(backlog.not_taken(), QUEUED as u64 + 11);
    }
}
