//! One owner for everything that happens to an exchange after it has ended.
//!
//! ```text
//! Intake ─► redact ─► capture (append, commit, next file) ─► backlog ─► judge ─► Event ─► front end
//!             │          └─ fails: "not recording", counted, judged and shown all the same
//!             └─ thread "recorder": never waits for the judge    └─ thread "judge": may fall behind
//! ```
//!
//! Redaction comes first, so that no secret reaches the disk, a rule's words or the screen, and so that the judge sees
//! live exactly what it would see in the recording. An exchange is on disk within [`COMMIT_EVERY`] of its end, whatever
//! waits to be judged: traffic never waits for rules, and what they have not come to yet is read back from the capture.

mod backlog;
mod judging;
mod keeper;
mod links;
mod stall;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::capture::{Redactor, Series};
use crate::event::Outlet;
use crate::finding::Tally;
use crate::proxy::sink::{Handed, Intake};
use crate::rules::{Judge, RuleBook};
use backlog::{Backlog, JudgeIsGone, backlog};
use judging::Judging;
pub use judging::unjudged_in_words;
use keeper::Keeper;
pub use links::LinkWatch;

/// Longest time that an exchange waits for its commit while traffic never pauses. When the queue runs empty, all is
/// committed at once.
pub const COMMIT_EVERY: Duration = Duration::from_millis(200);

/// What there is to say when a recorder has ended.
#[derive(Debug, Clone, Default)]
pub struct Closing {
    /// Exchanges that were judged.
    pub exchanges: u64,
    /// Exchanges that still waited to be judged when there was no more time for it.
    pub unjudged: u64,
    /// Distinct Order UUIDs.
    pub bookings: u64,
    /// Findings by side and severity.
    pub findings: Tally,
    /// Exchanges that are missing from the capture.
    pub missed: u64,
    /// What went wrong with the capture, if anything did.
    pub trouble: Option<String>,
}

/// Tells the judge that there is no more time: what still waits is recorded, and not judged.
#[derive(Debug, Clone, Default)]
pub struct Hurry(Arc<AtomicBool>);

impl Hurry {
    /// From here on nothing is judged.
    pub fn up(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    fn is_up(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
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

    /// For the moment when the end can't wait for the judge any longer.
    pub fn hurry(&self) -> Hurry {
        self.judging.hurry()
    }

    /// Links that lead past the proxy are said, once each.
    pub fn watching_links(self, links: Option<LinkWatch>) -> Self {
        Self { judging: self.judging.watching_links(links), ..self }
    }

    /// Runs until the proxy is gone and everything it handed over is recorded and judged. Blocks: call it on a thread. The
    /// judge has a thread of its own, which has ended when this returns.
    pub fn run(self) -> Closing {
        let Self { mut intake, redactor, mut keeper, judging } = self;
        let (mut backlog, waiting) = backlog();
        let judging = std::thread::Builder::new().name("judge".to_owned()).spawn(move || judging.run(&waiting));
        let mut committed = Instant::now();
        loop {
            let next = intake.try_next().or_else(|| {
                commit(&mut keeper, &mut backlog);
                committed = Instant::now();
                intake.blocking_next()
            });
            let Some(exchange) = next.map(Handed::release) else { break };
            let exchange = Arc::new(redactor.redact(exchange));
            let recorded = keeper.record(&exchange);
            let appended = recorded.filter(|recorded| recorded.appended).and_then(|_| keeper.last());
            if backlog.put((exchange, recorded.map(|recorded| recorded.index)), appended) == Err(JudgeIsGone) {
                keeper.judge_is_gone();
            }
            if committed.elapsed() >= COMMIT_EVERY {
                commit(&mut keeper, &mut backlog);
                committed = Instant::now();
            }
            keeper.report_missed();
        }
        commit(&mut keeper, &mut backlog);
        drop(backlog);
        let judged = match judging.map(std::thread::JoinHandle::join) {
            Ok(Ok(judged)) => judged,
            Ok(Err(_)) => Closing::without_judge("the judge ended badly; the capture is whole".to_owned()),
            Err(error) => Closing::without_judge(format!("the judge could not be started: {error}")),
        };
        let (missed, trouble) = keeper.close();
        Closing { missed, trouble: trouble.or(judged.trouble), ..judged }
    }
}

fn commit(keeper: &mut Keeper, backlog: &mut Backlog) {
    if keeper.commit() {
        backlog.committed();
    } else {
        backlog.lost();
    }
}

impl Closing {
    fn without_judge(trouble: String) -> Self {
        Self { trouble: Some(trouble), ..Self::default() }
    }
}
