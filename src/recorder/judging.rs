//! The judge's thread: what is recorded is judged in its order, and told.
//!
//! `backlog → judge → Event::Exchange, Event::Coverage, Event::Progress, Event::Notice` · the end of the backlog: `RunSummary`

use std::mem::take;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use super::judge_queue::{JudgeQueueReceiver, NextToJudge, RowRange};
use super::{BypassLinkDetector, RuleBookSlot, RunSummary};
use crate::capture::{CaptureError, CaptureReader};
use crate::event::{COVERAGE_EVERY, Event, EventSender, PROGRESS_EVERY, Progress, Throttle};
use crate::exchange::Exchange;
use crate::finding::{FindingTally, number};
use crate::judged::Judged;
use crate::openbooking::Stage;
use crate::panics::{self, Panicked};
use crate::rules::Judge;
use crate::text;
use crate::verdicts::{CaptureId, VerdictTotals, VerdictWriter, VerdictsKey};

/// How long judging may be behind before it is told.
const TELL_AFTER: Duration = Duration::from_secs(1);

/// How often judging may fail before it is given up. A failure costs one exchange its verdicts.
const MOST_FAILURES: u64 = 20;

/// Judging does not keep up with the recording.
struct Lag {
    since: Instant,
    told: bool,
}

/// Judges exchanges as they come and tells of them.
pub(super) struct LiveJudge {
    judge: Judge,
    events: EventSender,
    new_rules: RuleBookSlot,
    /// Cancelled when there is no more time.
    deadline: CancellationToken,
    /// What was left out when there was no more time.
    unjudged: u64,
    /// What was judged.
    judged: u64,
    /// Exchanges that were not judged because judging failed, how often it did, and why at first.
    failed: u64,
    failures: u64,
    failure: Option<String>,
    /// Exchanges of what is being looked at that are neither judged nor counted otherwise yet.
    at_hand: u64,
    findings: FindingTally,
    coverage: Throttle,
    progress: Throttle,
    links: Option<BypassLinkDetector>,
    /// Of the file that was read back last.
    reader: Option<CaptureReader>,
    behind: Option<Lag>,
    /// What is kept of the verdicts. `None` once not all of the capture can be judged in the same way.
    kept: Option<VerdictWriter>,
}

/// The verdicts on a whole capture, but for its end: it is still being written.
pub(super) struct KeptVerdicts {
    writer: VerdictWriter,
    totals: VerdictTotals,
}

impl KeptVerdicts {
    /// Has them used from now on, if they are on all that is in the capture.
    pub(super) fn seal(self, capture: &Path) {
        let Self { writer, totals } = self;
        let is_all = CaptureReader::open(capture).and_then(|reader| reader.len()).is_ok_and(|len| len == writer.len());
        match CaptureId::of(capture, CaptureId::default()) {
            Ok(id) if is_all => writer.seal(id, &totals),
            _ => drop(writer),
        }
    }
}

impl LiveJudge {
    pub(super) fn new(judge: Judge, events: EventSender, new_rules: RuleBookSlot) -> Self {
        let (findings, coverage) = (FindingTally::default(), Throttle::new(COVERAGE_EVERY));
        let deadline = CancellationToken::new();
        Self {
            judge,
            events,
            new_rules,
            deadline,
            unjudged: 0,
            judged: 0,
            failed: 0,
            failures: 0,
            failure: None,
            at_hand: 0,
            findings,
            coverage,
            progress: Throttle::new(PROGRESS_EVERY),
            links: None,
            reader: None,
            behind: None,
            kept: None,
        }
    }

    /// Keeps the verdicts beside this capture.
    pub(super) fn keeping_verdicts(self, capture: Option<&Path>) -> Self {
        let kept = capture.map(|capture| VerdictWriter::new(capture, VerdictsKey::of(&self.judge)));
        Self { kept, ..self }
    }

    pub(super) fn deadline(&self) -> CancellationToken {
        self.deadline.clone()
    }

    /// Links that lead past the proxy are said too.
    pub(super) fn watching_links(self, links: Option<BypassLinkDetector>) -> Self {
        Self { links, ..self }
    }

    /// Runs until nothing more can come. What is kept of the verdicts is to be sealed when the capture is closed.
    pub(super) fn run(mut self, waiting: &JudgeQueueReceiver) -> (RunSummary, Option<KeptVerdicts>) {
        yield_to_the_proxy();
        while let Some(next) = waiting.next(self.next_report()) {
            self.at_hand = next.count();
            if let Err(panicked) = panics::catch(|| self.take(next, waiting)) {
                self.failed(&panicked, "Judging");
            }
        }
        if self.coverage.left().is_some()
            && let Ok(coverage) = panics::catch(|| self.judge.coverage())
        {
            self.events.send(Event::Coverage(Arc::new(coverage)));
        }
        if self.progress.left().is_some() {
            self.send_progress(waiting);
        }
        if self.unjudged > 0 {
            self.events.send(Event::Notice(unjudged_in_words(self.unjudged)));
        }
        let is_whole = self.unjudged == 0 && self.failed == 0;
        let kept = self.kept.filter(|_| is_whole);
        let kept = kept.map(|writer| KeptVerdicts { writer, totals: VerdictTotals::of(&self.judge) });
        let summary = RunSummary {
            exchanges: self.judged,
            unjudged: self.unjudged,
            bookings: self.judge.bookings(),
            findings: self.findings,
            failed: self.failed,
            failure: self.failure,
            ..RunSummary::default()
        };
        (summary, kept)
    }

    fn take(&mut self, next: NextToJudge, waiting: &JudgeQueueReceiver) {
        if next.count() > 0 {
            self.progress.changed();
        }
        match next {
            NextToJudge::Exchange(_) | NextToJudge::RowRange(_) if self.deadline.is_cancelled() => {
                self.unjudged += take(&mut self.at_hand);
            }
            NextToJudge::Exchange(_) | NextToJudge::RowRange(_) if self.is_given_up() => {
                self.failed += take(&mut self.at_hand);
            }
            NextToJudge::Exchange((exchange, index)) => {
                self.judge(exchange, index);
                self.keeps_up();
            }
            NextToJudge::RowRange(stretch) => {
                self.falls_behind();
                self.read_back(stretch);
            }
            // Nothing waits any more.
            NextToJudge::Nothing => self.keeps_up(),
        }
        self.tell_coverage();
        if self.progress.is_due() {
            self.send_progress(waiting);
        }
    }

    /// When coverage or progress is to be told next, if either is.
    fn next_report(&self) -> Option<Duration> {
        [self.coverage.left(), self.progress.left()].into_iter().flatten().min()
    }

    fn send_progress(&self, waiting: &JudgeQueueReceiver) {
        let (recorded, lag) = waiting.progress();
        self.events.send(Event::Progress(Progress { recorded, judged: self.judged, lag }));
    }

    /// Judges what is on disk.
    fn read_back(&mut self, stretch: RowRange) {
        let RowRange { file, row, index, count } = stretch;
        let mut read = || -> Result<(), CaptureError> {
            if self.reader.as_ref().is_none_or(|reader| reader.file() != &*file) {
                self.reader = Some(CaptureReader::open(&file)?);
            }
            for place in 0..count {
                if self.deadline.is_cancelled() {
                    self.unjudged += take(&mut self.at_hand);
                    break;
                }
                if self.is_given_up() {
                    self.failed += take(&mut self.at_hand);
                    break;
                }
                let Some(reader) = &self.reader else { break };
                let exchange = reader.exchange(row + place)?;
                self.judge(Arc::new(exchange), Some(index + place));
            }
            Ok(())
        };
        if let Err(error) = read() {
            let left = take(&mut self.at_hand);
            self.failed += left;
            tracing::error!("exchanges that wait to be judged can't be read back: {error}");
            let reason = format!("{} could not be read back: {error}", text::count(left, "exchange"));
            self.events.send(Event::Notice(format!(
                "{reason}. Recorded and not judged; judge the recording with: umpire check {}",
                file.display()
            )));
            self.failure.get_or_insert(reason);
        }
    }

    /// Judging has panicked: what was at hand is not judged. It goes on, but not for ever.
    fn failed(&mut self, panicked: &Panicked, what: &str) {
        let left = take(&mut self.at_hand);
        self.kept = None;
        self.failures += 1;
        self.failed += left;
        self.reader = None;
        self.judge.recover();
        let then = if self.is_given_up() {
            "Nothing more is judged; traffic is recorded all the same"
        } else {
            "Judging goes on with the next exchange"
        };
        let words =
            format!("{what} failed: it {panicked}. Recorded and not judged: {}.", text::count(left, "exchange"));
        tracing::error!("{words} {then}.");
        self.events.send(Event::Notice(format!("{words} {then}. `umpire check` judges the recording.")));
        self.failure.get_or_insert_with(|| format!("judging {panicked}"));
    }

    /// True once judging has failed so often that it makes no sense any more.
    fn is_given_up(&self) -> bool {
        self.failures >= MOST_FAILURES
    }

    fn falls_behind(&mut self) {
        let behind = self.behind.get_or_insert_with(|| Lag { since: Instant::now(), told: false });
        if !behind.told && behind.since.elapsed() >= TELL_AFTER {
            behind.told = true;
            // How far is told by `Event::Progress`, again and again.
            let words = "Judging is behind. What waits is recorded, and is judged as soon as there is time.";
            self.events.send(Event::Notice(words.to_owned()));
        }
    }

    fn keeps_up(&mut self) {
        if let Some(behind) = self.behind.take().filter(|behind| behind.told) {
            let seconds = text::count(behind.since.elapsed().as_secs(), "second");
            self.events.send(Event::Notice(format!("Judging has caught up, after {seconds}.")));
        }
    }

    fn judge(&mut self, exchange: Arc<Exchange>, index: Option<u64>) {
        // Before it is judged: the judge is the last to read the content of its bodies.
        let notices = self.bypass_links(&exchange);
        match panics::catch(|| self.verdicts(Arc::clone(&exchange), index)) {
            Ok(()) => {}
            Err(panicked) => {
                let rest = self.at_hand.saturating_sub(1);
                self.at_hand = 1;
                let number = number(index.unwrap_or_default());
                let what = format!("Judging exchange {number} ({})", exchange.request.method);
                self.failed(&panicked, &what);
                self.at_hand = rest;
                // It has passed, and is shown, without verdicts.
                let unjudged = Judged::without_verdicts(index.unwrap_or_default(), exchange, Stage::Other, None);
                self.events.send(Event::Exchange(Arc::new(unjudged)));
            }
        }
        for notice in notices {
            self.events.send(Event::Notice(notice));
        }
    }

    fn verdicts(&mut self, exchange: Arc<Exchange>, index: Option<u64>) {
        #[cfg(test)]
        panics::inject("judge", &exchange.request.target);
        if let Some(book) = self.new_rules.take() {
            self.judge.adopt(book);
            self.kept = None;
        }
        let judged = match index {
            Some(index) => self.judge.judge_at(exchange, index),
            None => self.judge.judge(exchange),
        };
        tracing::debug!(
            exchange = judged.exchange.id,
            index = judged.index,
            stage = %judged.stage,
            findings = judged.findings.len(),
            "judged"
        );
        judged.findings.iter().for_each(|finding| self.findings.add(finding));
        match &mut self.kept {
            Some(kept) if index == Some(kept.len()) => kept.add(&judged),
            // It is not in the capture, or one before it isn't.
            kept => *kept = None,
        }
        self.coverage.changed();
        self.judged += 1;
        self.at_hand = self.at_hand.saturating_sub(1);
        self.events.send(Event::Exchange(Arc::new(judged)));
        if let Some(slow) = self.judge.slow_rule() {
            tracing::warn!("{slow}");
            self.events.send(Event::Notice(slow.to_string()));
        }
    }

    /// What there is to say of links past the proxy. A panic here costs no verdicts.
    fn bypass_links(&mut self, exchange: &Exchange) -> Vec<String> {
        match panics::catch(|| self.links.as_mut().map_or_else(Vec::new, |links| links.look_at(exchange))) {
            Ok(notices) => notices,
            Err(panicked) => {
                tracing::error!("the search for links that lead past the proxy {panicked}; it is given up");
                self.links = None;
                vec![format!(
                    "The search for links that lead past the proxy {panicked}. Such links are not reported any more."
                )]
            }
        }
    }

    fn tell_coverage(&mut self) {
        if self.coverage.is_due() {
            self.events.send(Event::Coverage(Arc::new(self.judge.coverage())));
        }
    }
}

/// What is said of exchanges that there was no more time to judge.
pub(crate) fn unjudged_in_words(unjudged: u64) -> String {
    let were = if unjudged == 1 { "was" } else { "were" };
    let exchanges = text::count(unjudged, "more exchange");
    format!("The end came before {exchanges} {were} judged. Of a recording `umpire check` judges all of them.")
}

/// What is said of exchanges that were not judged because judging failed.
pub(crate) fn failed_in_words(failed: u64, why: &str) -> String {
    let exchanges = text::count(failed, "exchange");
    format!("{exchanges} recorded and not judged, because {why}. `umpire check` judges the recording.")
}

/// Where the processor is short, traffic goes first: this thread takes what is left.
#[cfg(target_os = "linux")]
fn yield_to_the_proxy() {
    const NICE: i32 = 10;
    // On Linux the priority is that of the thread alone.
    if let Err(error) = rustix::process::setpriority_process(Some(rustix::thread::gettid()), NICE) {
        tracing::debug!(%error, "the judge has the priority of the proxy");
    }
}

#[cfg(not(target_os = "linux"))]
fn yield_to_the_proxy() {}

#[cfg(test)]
mod tests {
    use super::super::judge_queue::judge_queue;
    use super::*;
    use crate::event::channel;
    use crate::rules::{BookingSystemInfo, RuleBook};

    #[test]
    fn that_judging_has_caught_up_is_told_when_nothing_waits_any_more() {
        let (events, mut receiver) = channel(64);
        let judge = Judge::new(Arc::new(RuleBook::built_in().unwrap()), BookingSystemInfo::default());
        let mut judging = LiveJudge::new(judge, events, RuleBookSlot::default());
        let (_backlog, waiting) = judge_queue();
        judging.behind = Some(Lag { since: Instant::now(), told: true });
        judging.take(NextToJudge::Nothing, &waiting);
        let told = receiver.events.try_recv();
        assert!(matches!(&told, Ok(Event::Notice(words)) if words.contains("caught up")), "{told:?}");
    }

    #[tokio::test]
    async fn when_there_is_no_more_time_it_says_how_many_were_not_judged() {
        let (events, mut receiver) = channel(64);
        let judge = Judge::new(Arc::new(RuleBook::built_in().unwrap()), BookingSystemInfo::default());
        let judging = LiveJudge::new(judge, events, RuleBookSlot::default());
        let (mut backlog, waiting) = judge_queue();
        let file = std::path::Path::new("run.db");
        for index in 0..400 {
            let exchange = Arc::new(Exchange::get("http://x", "/"));
            backlog.put((exchange, Some(index)), Some((file, index))).unwrap();
        }
        backlog.committed();
        drop(backlog);
        judging.deadline().cancel();
        let (closing, kept) = judging.run(&waiting);
        assert!(kept.is_none());
        assert_eq!((closing.exchanges, closing.unjudged), (0, 400));
        let (mut notices, mut progress) = (Vec::new(), Progress::default());
        while let Some(event) = receiver.events.recv().await {
            match event {
                Event::Notice(notice) => notices.push(notice),
                Event::Progress(told) => progress = told,
                other => panic!("{other:?}"),
            }
        }
        assert!(notices.len() == 1 && notices[0].contains("400 more exchanges"), "{notices:?}");
        assert_eq!((progress.recorded, progress.judged), (400, 0));
    }
}
