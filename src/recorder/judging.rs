//! The judge's thread: what is recorded is judged in its order, and told.
//!
//! `backlog → judge → Event::Exchange, Event::Coverage, Event::Notice` · the end of the backlog: `Closing`

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::backlog::{Next, Stretch, Waiting};
use super::{Closing, Hurry, LinkWatch, NewRules};
use crate::capture::{CaptureError, Reader};
use crate::event::{COVERAGE_EVERY, Event, Outlet, Pace};
use crate::exchange::Exchange;
use crate::finding::Tally;
use crate::rules::Judge;

/// How long judging may be behind before it is told.
const TELL_AFTER: Duration = Duration::from_secs(1);

/// Judging does not keep up with the recording.
struct Behind {
    since: Instant,
    told: bool,
}

/// Judges exchanges as they come and tells of them.
pub(super) struct Judging {
    judge: Judge,
    events: Outlet,
    new_rules: NewRules,
    hurry: Hurry,
    /// What was left out when there was no more time.
    unjudged: u64,
    findings: Tally,
    coverage: Pace,
    links: Option<LinkWatch>,
    /// Of the file that was read back last.
    reader: Option<Reader>,
    behind: Option<Behind>,
}

impl Judging {
    pub(super) fn new(judge: Judge, events: Outlet, new_rules: NewRules) -> Self {
        let (findings, coverage) = (Tally::default(), Pace::new(COVERAGE_EVERY));
        let hurry = Hurry::default();
        Self {
            judge,
            events,
            new_rules,
            hurry,
            unjudged: 0,
            findings,
            coverage,
            links: None,
            reader: None,
            behind: None,
        }
    }

    pub(super) fn hurry(&self) -> Hurry {
        self.hurry.clone()
    }

    /// Links that lead past the proxy are said too.
    pub(super) fn watching_links(self, links: Option<LinkWatch>) -> Self {
        Self { links, ..self }
    }

    /// Runs until nothing more can come.
    pub(super) fn run(mut self, waiting: &Waiting) -> Closing {
        yield_to_the_proxy();
        while let Some(next) = waiting.next(self.coverage.left()) {
            match next {
                Next::Exchange(_) if self.hurry.is_up() => self.unjudged += 1,
                Next::Stretch(stretch) if self.hurry.is_up() => self.unjudged += stretch.count,
                Next::Exchange((exchange, index)) => {
                    self.judge(exchange, index);
                    self.keeps_up();
                }
                Next::Stretch(stretch) => {
                    self.falls_behind(waiting.on_disk() + stretch.count);
                    self.read_back(stretch);
                }
                Next::Nothing => {}
            }
            self.tell_coverage();
        }
        if self.coverage.left().is_some() {
            self.events.send(Event::Coverage(Arc::new(self.judge.coverage())));
        }
        if self.unjudged > 0 {
            self.events.send(Event::Notice(unjudged_in_words(self.unjudged)));
        }
        Closing {
            exchanges: self.judge.exchanges(),
            unjudged: self.unjudged,
            bookings: self.judge.bookings(),
            findings: self.findings,
            ..Closing::default()
        }
    }

    /// Judges what is on disk.
    fn read_back(&mut self, stretch: Stretch) {
        let Stretch { file, row, index, count } = stretch;
        let mut read = || -> Result<(), CaptureError> {
            if self.reader.as_ref().is_none_or(|reader| reader.file() != &*file) {
                self.reader = Some(Reader::open(&file)?);
            }
            for place in 0..count {
                if self.hurry.is_up() {
                    self.unjudged += count - place;
                    break;
                }
                let Some(reader) = &self.reader else { break };
                let exchange = reader.exchange(row + place)?;
                self.judge(Arc::new(exchange), Some(index + place));
            }
            Ok(())
        };
        if let Err(error) = read() {
            tracing::error!("exchanges that wait to be judged can't be read back: {error}");
            self.events.send(Event::Notice(format!(
                "Some exchanges were recorded and not judged: {error}. Judge them with: umpire check {}",
                file.display()
            )));
        }
    }

    fn falls_behind(&mut self, waiting: u64) {
        let behind = self.behind.get_or_insert_with(|| Behind { since: Instant::now(), told: false });
        if !behind.told && behind.since.elapsed() >= TELL_AFTER {
            behind.told = true;
            self.events.send(Event::Notice(format!(
                "Judging is behind by {waiting} exchanges. They are recorded, and are judged as soon as there is time."
            )));
        }
    }

    fn keeps_up(&mut self) {
        if let Some(behind) = self.behind.take().filter(|behind| behind.told) {
            let seconds = behind.since.elapsed().as_secs();
            self.events.send(Event::Notice(format!("Judging has caught up, after {seconds} seconds.")));
        }
    }

    fn judge(&mut self, exchange: Arc<Exchange>, index: Option<u64>) {
        if let Some(book) = self.new_rules.take() {
            self.judge.adopt(book);
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
        self.coverage.changed();
        let exchange = Arc::clone(&judged.exchange);
        self.events.send(Event::Exchange(Arc::new(judged)));
        for notice in self.links.as_mut().map_or_else(Vec::new, |links| links.look_at(&exchange)) {
            self.events.send(Event::Notice(notice));
        }
        if let Some(slow) = self.judge.slow_rule() {
            tracing::warn!("{slow}");
            self.events.send(Event::Notice(slow.to_string()));
        }
    }

    fn tell_coverage(&mut self) {
        if self.coverage.is_due() {
            self.events.send(Event::Coverage(Arc::new(self.judge.coverage())));
        }
    }
}

/// What is said of exchanges that there was no more time to judge.
pub fn unjudged_in_words(unjudged: u64) -> String {
    format!(
        "The end came before {unjudged} more exchanges were judged. Of a recording `umpire check` judges all of them."
    )
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
    use super::super::backlog::backlog;
    use super::*;
    use crate::event::feed;
    use crate::rules::{Known, RuleBook};

    #[tokio::test]
    async fn when_there_is_no_more_time_it_says_how_many_were_not_judged() {
        let (events, mut feed) = feed(64);
        let judge = Judge::new(Arc::new(RuleBook::built_in().unwrap()), Known::default());
        let judging = Judging::new(judge, events, NewRules::default());
        let (mut backlog, waiting) = backlog();
        let file = std::path::Path::new("run.db");
        for index in 0..400 {
            let exchange = Arc::new(Exchange::get("http://x", "/"));
            backlog.put((exchange, Some(index)), Some((file, index))).unwrap();
        }
        backlog.committed();
        drop(backlog);
        judging.hurry().up();
        let closing = judging.run(&waiting);
        assert_eq!((closing.exchanges, closing.unjudged), (0, 400));
        let Some(Event::Notice(notice)) = feed.events.recv().await else { panic!("a notice") };
        assert!(notice.contains("400 more exchanges"), "{notice}");
    }
}
