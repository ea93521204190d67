//! One owner for everything that happens to an exchange after it has ended.
//!
//! ```text
//! Intake ─► redact ─► capture (append, commit, next file) ─► queue ─► judge ─► Event ─► front end
//!             │          └─ fails: "not recording", counted, judged and shown all the same
//!             └─ thread "recorder": never waits for the judge    └─ thread "judge": may fall behind
//! ```
//!
//! Redaction comes first, so that no secret reaches the disk, a rule's words or the screen, and so that the judge sees
//! live exactly what it would see in the recording. An exchange is on disk within [`COMMIT_EVERY`] of its end, whatever
//! waits to be judged. It keeps its place in the proxy's queue until it was judged, so what waits is bounded there.

mod judging;
mod keeper;

use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::capture::{Redactor, Series};
use crate::event::Outlet;
use crate::exchange::Exchange;
use crate::finding::Tally;
use crate::proxy::sink::{Handed, Held, Intake};
use crate::rules::{Judge, RuleBook};
use judging::Judging;
use keeper::Keeper;

/// Longest time that an exchange waits for its commit while traffic never pauses. When the queue runs empty, all is
/// committed at once.
pub const COMMIT_EVERY: Duration = Duration::from_millis(200);

/// What there is to say when a recorder has ended.
#[derive(Debug, Clone, Default)]
pub struct Closing {
    /// Exchanges that were judged.
    pub exchanges: u64,
    /// Distinct Order UUIDs.
    pub bookings: u64,
    /// Findings by side and severity.
    pub findings: Tally,
    /// Exchanges that are missing from the capture.
    pub missed: u64,
    /// What went wrong with the capture, if anything did.
    pub trouble: Option<String>,
}

/// A set of rules on its way to a recorder; the latest counts.
#[derive(Debug, Clone, Default)]
pub struct NewRules(Arc<Mutex<Option<Arc<RuleBook>>>>);

impl NewRules {
    /// From the next exchange on these rules are in force.
    pub fn put(&self, book: Arc<RuleBook>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(book);
    }

    fn take(&self) -> Option<Arc<RuleBook>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// A recorded exchange on its way to the judge, with its index in the recording and its place in the proxy's queue.
type ToJudge = (Arc<Exchange>, Option<u64>, Held);

/// Takes exchanges from the proxy, records them, and has them judged.
pub struct Recorder {
    intake: Intake,
    redactor: Redactor,
    keeper: Keeper,
    judging: Judging,
}

impl Recorder {
    /// A recorder at the start of a recording. Without a `series`, exchanges are judged and shown only. The rules may be
    /// replaced on the way, through `new_rules`.
    pub fn new(
        intake: Intake,
        redactor: Redactor,
        series: Option<Series>,
        judge: Judge,
        events: Outlet,
        new_rules: NewRules,
    ) -> Self {
        let keeper = Keeper::new(series, events.clone(), intake.missed_counter());
        Self { intake, redactor, keeper, judging: Judging::new(judge, events, new_rules) }
    }

    /// Runs until the proxy is gone and everything it handed over is recorded and judged. Blocks: call it on a thread. The
    /// judge has a thread of its own, which has ended when this returns.
    pub fn run(self) -> Closing {
        let Self { mut intake, redactor, mut keeper, judging } = self;
        // Room for everything that can be handed over: sending never waits.
        let (queue, waiting) = sync_channel::<ToJudge>(intake.capacity());
        let judging = std::thread::Builder::new().name("judge".to_owned()).spawn(move || judging.run(&waiting));
        let mut committed = Instant::now();
        loop {
            let next = intake.try_next().or_else(|| {
                keeper.commit();
                committed = Instant::now();
                intake.blocking_next()
            });
            let Some((exchange, held)) = next.map(Handed::hold) else { break };
            let exchange = Arc::new(redactor.redact(exchange));
            let index = keeper.record(&exchange);
            if committed.elapsed() >= COMMIT_EVERY {
                keeper.commit();
                committed = Instant::now();
            }
            keeper.report_missed();
            if queue.send((exchange, index, held)).is_err() {
                keeper.judge_is_gone();
            }
        }
        drop(queue);
        let judged = match judging.map(std::thread::JoinHandle::join) {
            Ok(Ok(judged)) => judged,
            Ok(Err(_)) => Closing::without_judge("the judge ended badly; the capture is whole".to_owned()),
            Err(error) => Closing::without_judge(format!("the judge could not be started: {error}")),
        };
        let (missed, trouble) = keeper.close();
        Closing { missed, trouble: trouble.or(judged.trouble), ..judged }
    }
}

impl Closing {
    fn without_judge(trouble: String) -> Self {
        Self { trouble: Some(trouble), ..Self::default() }
    }
}
