//! One owner for everything that happens to an exchange after it has ended.
//!
//! ```text
//! ExchangeReceiver ─► redact ─► capture (append, commit, next file) ─► backlog ─► judge ─► Event ─► front end
//!                       │          └─ fails: "not recording", counted, judged and shown all the same
//!                       └─ thread "recorder"                              └─ thread "judge": may fall behind
//! ```
//!
//! Redaction comes first, so that no secret reaches the disk, a rule's words or the screen, and so that the judge sees
//! live exactly what it would see in the recording. An exchange is on disk within `COMMIT_EVERY` of its end, whatever
//! waits to be judged: what the judge has not come to yet is read back from the capture. Without a capture the recorder waits for
//! the judge once `judge_queue` is full; what that means for traffic, `proxy::record::sink` says.
//!
//! A panic costs the exchange at hand: it is reported and counted, and recording goes on (`RecordLoop::start_again`).

mod arrivals;
mod judge_queue;
mod judging;
mod capture_guard;
mod links;
mod watchdog;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use crate::capture::RotatingWriter;
use crate::event::EventSender;
use crate::finding::FindingTally;
use crate::panics::{self, Panicked};
use crate::proxy::record::sink::{ExchangeReceiver, QueuedExchange};
use crate::redact::Redactor;
use crate::rules::{Judge, RuleBook};
use capture_guard::CaptureGuard;
pub(crate) use judge_queue::JudgeBacklog;
use judge_queue::{JudgeIsGone, JudgeQueue, JudgeQueueReceiver, judge_queue};
use judging::LiveJudge;
pub(crate) use judging::{failed_in_words, unjudged_in_words};
pub(crate) use links::BypassLinkDetector;

/// Longest time that an exchange waits for its commit while traffic never pauses. When the queue runs empty, all is
/// committed at once.
pub(crate) const COMMIT_EVERY: Duration = Duration::from_millis(200);

/// So many exchanges wait when the recorder lags behind the traffic: bodies are compressed in less time then, and the judge gives
/// way.
const LAG: usize = 128;

/// What was recorded and judged in a run, and what was not.
#[derive(Debug, Clone, Default)]
pub struct RunSummary {
    /// Exchanges that were judged.
    pub exchanges: u64,
    /// Exchanges that still waited to be judged when there was no more time for it.
    pub unjudged: u64,
    /// Distinct Order UUIDs.
    pub bookings: u64,
    /// Findings by side and severity.
    pub findings: FindingTally,
    /// Exchanges that were not judged because judging failed.
    pub failed: u64,
    /// Why judging failed, if it did.
    pub failure: Option<String>,
    /// Exchanges that are missing from the recording.
    pub missed: u64,
    /// What went wrong with the recording, if anything did.
    pub trouble: Option<String>,
    /// No exchange came, and the capture that was made for them was removed.
    pub removed: bool,
}

/// A set of rules on its way to a recorder; the latest counts.
#[derive(Debug, Clone, Default)]
pub struct RuleBookSlot(Arc<Mutex<Option<Arc<RuleBook>>>>);

impl RuleBookSlot {
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
    intake: ExchangeReceiver,
    redactor: Redactor,
    capture_guard: CaptureGuard,
    /// The capture, if it is one file.
    capture: Option<PathBuf>,
    judging: LiveJudge,
    to_judge: (JudgeQueue, JudgeQueueReceiver),
}

impl Recorder {
    /// A recorder at the start of a recording. Without a `series`, exchanges are judged and shown only. The rules may be
    /// replaced on the way, through `new_rules`.
    pub fn new(
        intake: ExchangeReceiver,
        redactor: Redactor,
        series: Option<RotatingWriter>,
        judge: Judge,
        events: EventSender,
        new_rules: RuleBookSlot,
    ) -> Self {
        let capture_guard = CaptureGuard::new(series, events.clone(), &intake);
        // The verdicts on a part rest on the parts before it: those of a rotated recording are kept when it is looked at.
        let capture = capture_guard.file().filter(|_| !capture_guard.is_rotated()).map(Path::to_owned);
        let judging = LiveJudge::new(judge, events, new_rules).keeping_verdicts(capture.as_deref());
        Self { intake, redactor, capture_guard, capture, judging, to_judge: judge_queue() }
    }

    /// How much the judge has before it.
    pub(crate) fn backlog(&self) -> JudgeBacklog {
        self.to_judge.0.backlog()
    }

    /// To be cancelled when the end can't wait for the judge any longer: what still waits is recorded, and not judged.
    pub(crate) fn judging_deadline(&self) -> CancellationToken {
        self.judging.deadline()
    }

    /// Links that lead past the proxy are said, once each.
    pub(crate) fn watching_links(self, links: Option<BypassLinkDetector>) -> Self {
        Self { judging: self.judging.watching_links(links), ..self }
    }

    /// Runs until the proxy is gone and everything it handed over is recorded and judged. Blocks: call it on a thread. The
    /// judge has a thread of its own, which has ended when this returns.
    pub fn run(self) -> RunSummary {
        let Self { intake, redactor, capture_guard, capture, judging, to_judge: (backlog, waiting) } = self;
        let judge = std::thread::Builder::new().name("judge".to_owned());
        let judging = judge.spawn(move || panics::catch(|| judging.run(&waiting)));
        let mut recording = RecordLoop::new(intake, redactor, capture_guard, backlog);
        while let Err(panicked) = panics::catch(|| recording.until_the_end()) {
            if !recording.start_again(&panicked) {
                break;
            }
        }
        let RecordLoop { mut capture_guard, backlog, .. } = recording;
        let not_taken = backlog.not_taken();
        drop(backlog);
        let (judged, kept) =
            match judging.map(|judging| judging.join().unwrap_or_else(|payload| Err(Panicked::new(&*payload)))) {
                Ok(Ok(judged)) => judged,
                Ok(Err(panicked)) => (RunSummary::without_judge(format!("the judge {panicked}"), not_taken), None),
                Err(error) => {
                    (RunSummary::without_judge(format!("the judge could not be started: {error}"), not_taken), None)
                }
            };
        capture_guard.report_missed();
        let closed = capture_guard.close();
        if let (Some(kept), Some(capture)) = (kept, &capture) {
            kept.seal(capture);
        }
        RunSummary { missed: closed.missed, trouble: closed.trouble, removed: closed.removed, ..judged }
    }
}

/// Panics without an exchange in between past which the capture is given up.
const GIVE_UP_CAPTURE: u32 = 3;

/// As many, past which nothing is tried any more.
const GIVE_UP: u32 = 6;

/// What the recorder's thread does, and what it needs for that.
struct RecordLoop {
    intake: ExchangeReceiver,
    redactor: Redactor,
    capture_guard: CaptureGuard,
    backlog: JudgeQueue,
    /// The last commit.
    committed: Instant,
    /// An exchange was taken, and is neither recorded nor counted as missing yet.
    at_hand: bool,
    /// Panics since the last exchange was taken.
    panics: u32,
}

impl RecordLoop {
    fn new(intake: ExchangeReceiver, redactor: Redactor, capture_guard: CaptureGuard, backlog: JudgeQueue) -> Self {
        Self { intake, redactor, capture_guard, backlog, committed: Instant::now(), at_hand: false, panics: 0 }
    }

    /// Records whatever comes.
    fn until_the_end(&mut self) {
        loop {
            let Some(exchange) = self.next().map(QueuedExchange::release) else { break };
            (self.at_hand, self.panics) = (true, 0);
            #[cfg(test)]
            panics::inject("recorder", &exchange.request.target);
            let exchange = Arc::new(self.redactor.redact(exchange));
            let lags = self.intake.waiting() >= LAG;
            self.capture_guard.lags(lags);
            let recorded = self.capture_guard.record(&exchange);
            self.at_hand = false;
            let appended = recorded.filter(|recorded| recorded.appended).and_then(|_| self.capture_guard.last());
            let index = recorded.map(|recorded| recorded.index);
            self.backlog.recorder_lags(lags && appended.is_some());
            if self.backlog.put((exchange, index), appended) == Err(JudgeIsGone) {
                self.capture_guard.judge_is_gone();
            }
            if self.committed.elapsed() >= COMMIT_EVERY {
                commit(&mut self.capture_guard, &mut self.backlog);
                self.committed = Instant::now();
            }
            self.capture_guard.report_missed();
        }
        commit(&mut self.capture_guard, &mut self.backlog);
    }

    /// The next exchange; `None` at the end. What was appended is committed before it is waited for.
    fn next(&mut self) -> Option<QueuedExchange> {
        loop {
            let next = self.intake.try_next();
            if next.is_some() {
                return next;
            }
            commit(&mut self.capture_guard, &mut self.backlog);
            self.committed = Instant::now();
            self.backlog.recorder_lags(false);
            // Exchanges may be missed while none ends.
            self.capture_guard.report_missed();
            if !self.intake.blocking_wait() {
                return self.intake.try_next();
            }
        }
    }

    /// Gets ready to go on after a panic. False if that makes no sense any more.
    fn start_again(&mut self, panicked: &Panicked) -> bool {
        self.panics += 1;
        let at_hand = std::mem::take(&mut self.at_hand);
        if self.panics >= GIVE_UP_CAPTURE {
            self.capture_guard.give_up(&format!("the recorder {panicked}"), at_hand);
            self.backlog.lost();
        } else if self.capture_guard.recover(panicked, at_hand) {
            self.backlog.committed();
        } else {
            self.backlog.lost();
        }
        self.panics < GIVE_UP
    }
}

fn commit(capture_guard: &mut CaptureGuard, backlog: &mut JudgeQueue) {
    if capture_guard.commit() {
        backlog.committed();
    } else {
        backlog.lost();
    }
}

impl RunSummary {
    fn without_judge(failure: String, failed: u64) -> Self {
        Self { failure: Some(failure), failed, ..Self::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::{self, Meta, Rotation};
    use crate::event::{Event, RecordingStatus, channel};
    use crate::exchange::Exchange;
    use crate::proxy::record::sink;
    use crate::rules::BookingSystemInfo;

    /// What came of a run over exchanges with these paths: events but for coverage and progress, and the closing.
    fn record(file: Option<&Path>, paths: &[&str]) -> (Vec<Event>, RunSummary) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let (sink, intake) = sink::channel(64);
        let (events, mut receiver) = channel(1_000);
        let series = file.map(|file| {
            RotatingWriter::create(file, Meta::new(None, jiff::Timestamp::UNIX_EPOCH), Rotation::default()).unwrap()
        });
        let judge = Judge::new(Arc::new(RuleBook::built_in().unwrap()), BookingSystemInfo::default());
        let recorder = Recorder::new(intake, Redactor::new().unwrap(), series, judge, events, RuleBookSlot::default());
        let recorder = std::thread::spawn(move || recorder.run());
        for path in paths {
            let place = runtime.block_on(sink.reserve()).unwrap();
            let mut turn = place.turn();
            place.send(Exchange::get("http://x", *path), Some(&mut turn));
        }
        drop(sink);
        let closing = recorder.join().unwrap();
        let mut all = Vec::new();
        while let Some(event) = receiver.events.blocking_recv() {
            if !matches!(event, Event::Coverage(_) | Event::Progress(_)) {
                all.push(event);
            }
        }
        (all, closing)
    }

    fn recorded(file: &Path) -> Vec<String> {
        capture::open(file).unwrap().exchanges.map(|exchange| exchange.unwrap().request.target).collect()
    }

    fn notices(events: &[Event]) -> Vec<&str> {
        events
            .iter()
            .filter_map(|event| if let Event::Notice(words) = event { Some(words.as_str()) } else { None })
            .collect()
    }

    #[test]
    fn a_recorder_that_panics_says_so_counts_and_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        for part in ["recorder", "writer"] {
            let file = folder.path().join(format!("{part}.db"));
            let fault = format!("/panic-in-{part}");
            let (events, closing) = record(Some(&file), &["/1", &fault, "/2", "/3"]);
            let kept = recorded(&file);
            assert!(kept.ends_with(&["/2".to_owned(), "/3".to_owned()]), "{part}: {kept:?}");
            assert_eq!(closing.missed + kept.len() as u64, 4, "{part}: what is missing is what is missing");
            assert!(closing.trouble.is_some_and(|trouble| trouble.contains("the recorder panicked")), "{part}");
            let said = notices(&events);
            assert!(said.len() == 1 && said[0].contains("was started again"), "{part}: {said:?}");
            let states: Vec<_> = events
                .iter()
                .filter_map(|event| match event {
                    Event::Recording(state) => Some(state.clone()),
                    _ => None,
                })
                .collect();
            let on = RecordingStatus::On { file: file.display().to_string(), missed: closing.missed };
            assert!(
                matches!(&states[..], [RecordingStatus::Off { missed, reason }, last]
                    if *missed == closing.missed && reason.contains("panicked") && *last == on),
                "{part}: {states:?}"
            );
        }
    }

    #[test]
    fn that_nothing_more_can_be_recorded_is_said_while_no_exchange_ends() {
        let folder = tempfile::tempdir().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        let (sink, intake) = sink::channel(2);
        let (events, mut receiver) = channel(1_000);
        let file = folder.path().join("crowded.db");
        let meta = Meta::new(None, jiff::Timestamp::UNIX_EPOCH);
        let series = RotatingWriter::create(&file, meta, Rotation::default()).unwrap();
        let judge = Judge::new(Arc::new(RuleBook::built_in().unwrap()), BookingSystemInfo::default());
        let recorder =
            Recorder::new(intake, Redactor::new().unwrap(), Some(series), judge, events, RuleBookSlot::default());
        let recorder = std::thread::spawn(move || recorder.run());
        let mut next = || loop {
            let event = receiver.events.blocking_recv().unwrap();
            if matches!(event, Event::Notice(_) | Event::Recording(_)) {
                return event;
            }
        };
        // Two event streams whose clients have left.
        let streams = [runtime.block_on(sink.reserve()).unwrap(), runtime.block_on(sink.reserve()).unwrap()];
        assert!(runtime.block_on(sink.reserve()).is_none());
        assert!(matches!(next(), Event::Notice(words) if words.contains("2 exchanges are under way")));
        assert!(matches!(next(), Event::Recording(RecordingStatus::Off { reason, missed: 1 })
                if reason.contains("2 exchanges are under way") && !reason.contains("keep up")));
        for place in streams {
            place.send(Exchange::get("http://x", "/events"), None);
        }
        assert!(matches!(next(), Event::Recording(RecordingStatus::On { missed: 1, .. })), "there is room again");
        drop(sink);
        let closing = recorder.join().unwrap();
        assert_eq!(closing.missed, 1);
        assert!(closing.trouble.is_some_and(|trouble| trouble.contains("under way")));
    }

    #[test]
    fn judging_that_panics_costs_one_exchange_its_verdicts() {
        let folder = tempfile::tempdir().unwrap();
        for part in ["judge", "memory"] {
            let file = folder.path().join(format!("{part}.db"));
            let fault = format!("/panic-in-{part}");
            let (events, closing) = record(Some(&file), &["/1", &fault, "/2", "/3"]);
            assert_eq!(recorded(&file).len(), 4, "{part}: all is recorded");
            assert_eq!((closing.exchanges, closing.failed, closing.missed), (3, 1, 0), "{part}");
            assert!(closing.failure.is_some_and(|why| why.contains("panicked")), "{part}");
            let said = notices(&events);
            assert!(said.len() == 1 && said[0].contains("not judged: 1 exchange."), "{part}: {said:?}");
            let shown = events.iter().filter(|event| matches!(event, Event::Exchange(_))).count();
            assert_eq!(shown, 4, "{part}: it passed, and is shown");
        }
    }

    #[test]
    fn judging_that_always_panics_is_given_up_and_counted() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.db");
        let (events, closing) = record(Some(&file), &["/panic-in-judge"; 40]);
        assert_eq!(recorded(&file).len(), 40);
        assert_eq!((closing.exchanges, closing.failed, closing.trouble), (0, 40, None));
        assert!(notices(&events).iter().any(|said| said.contains("Nothing more is judged")), "{events:?}");
    }

    #[test]
    fn without_a_capture_a_panic_is_reported_too() {
        let (events, closing) = record(None, &["/1", "/panic-in-recorder", "/2"]);
        assert_eq!(closing.exchanges, 2);
        assert!(notices(&events)[0].contains("was started again"), "{events:?}");
    }

    #[test]
    fn a_capture_without_exchanges_is_removed_and_that_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.db");
        let (events, closing) = record(Some(&file), &[]);
        assert!(closing.removed && std::fs::read_dir(folder.path()).unwrap().count() == 0);
        assert!(matches!(&events[..], [Event::Recording(RecordingStatus::Removed { .. })]), "{events:?}");
        let (_, closing) = record(Some(&file), &["/1"]);
        assert!(!closing.removed && recorded(&file) == ["/1"]);
    }
}
