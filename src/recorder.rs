//! One owner for everything that happens to an exchange after it has ended.
//!
//! ```text
//! Intake ─► redact ─► capture (append, commit) ─► judge ─► Event ─► front end
//!                        └─ fails: "not recording", counted, judged and shown all the same
//! ```
//!
//! Redaction comes first, so that no secret reaches the disk, a rule's words or the screen, and so that the judge sees
//! live exactly what it would see in the recording. The recorder has a thread of its own: neither the disk nor the
//! judge ever holds up the wire.

mod links;

use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::time::{Duration, Instant};

use crate::capture::{CaptureError, Redactor, Writer};
use crate::event::{COVERAGE_EVERY, Event, Outlet, Pace, Recording};
use crate::exchange::Exchange;
use crate::finding::Tally;
use crate::proxy::sink::Intake;
use crate::rules::{Judge, RuleBook};
pub use links::LinkWatch;

/// Longest time that an exchange waits for its commit while traffic never pauses. When the queue runs empty, all is
/// committed at once.
const COMMIT_EVERY: Duration = Duration::from_millis(200);

/// How often a capture that failed is tried again.
const RETRY_EVERY: Duration = Duration::from_secs(1);

/// What there is to say when a recorder has ended.
#[derive(Debug, Clone)]
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

/// Takes exchanges from the proxy, records and judges them.
pub struct Recorder {
    intake: Intake,
    redactor: Redactor,
    writer: Option<Writer>,
    judge: Judge,
    new_rules: NewRules,
    events: Outlet,
    links: Option<LinkWatch>,
    /// Exchanges that could not be written, those that the proxy could not hand over aside.
    lost: u64,
    trouble: Option<String>,
    failed_at: Option<Instant>,
    reported_missed: u64,
    findings: Tally,
    coverage: Pace,
}

impl Recorder {
    /// A recorder at the start of a recording. Without a `writer`, exchanges are judged and shown only. The rules may
    /// be replaced on the way, through `new_rules`.
    pub fn new(
        intake: Intake,
        redactor: Redactor,
        writer: Option<Writer>,
        judge: Judge,
        events: Outlet,
        new_rules: NewRules,
    ) -> Self {
        Self {
            intake,
            redactor,
            writer,
            judge,
            new_rules,
            events,
            links: None,
            lost: 0,
            trouble: None,
            failed_at: None,
            reported_missed: 0,
            findings: Tally::default(),
            coverage: Pace::new(COVERAGE_EVERY),
        }
    }

    /// Links that lead past the proxy are said, once each.
    pub fn watching_links(self, links: Option<LinkWatch>) -> Self {
        Self { links, ..self }
    }

    /// Runs until the proxy is gone and everything it handed over is recorded and judged. Blocks: call it on a thread.
    pub fn run(mut self) -> Closing {
        let mut committed = Instant::now();
        loop {
            let next = match self.intake.try_next() {
                Some(exchange) => Some(exchange),
                None => {
                    self.commit();
                    committed = Instant::now();
                    self.wait()
                }
            };
            let Some(exchange) = next else { break };
            self.take(exchange);
            if committed.elapsed() >= COMMIT_EVERY {
                self.commit();
                committed = Instant::now();
            }
            self.report_missed();
            self.tell_coverage();
        }
        self.close()
    }

    /// The next exchange, and, while there is none, what is to be told in time.
    fn wait(&mut self) -> Option<Exchange> {
        if let Some(left) = self.coverage.left() {
            if let Poll::Ready(next) = self.intake.blocking_next_within(left) {
                return next;
            }
            self.tell_coverage();
        }
        self.intake.blocking_next()
    }

    fn tell_coverage(&mut self) {
        if self.coverage.is_due() {
            self.events.send(Event::Coverage(Arc::new(self.judge.coverage())));
        }
    }

    fn take(&mut self, exchange: Exchange) {
        let exchange = Arc::new(self.redactor.redact(exchange));
        self.record(&exchange);
        if let Some(book) = self.new_rules.take() {
            self.judge.adopt(book);
        }
        let judged = self.judge.judge(exchange);
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

    fn record(&mut self, exchange: &Exchange) {
        let Some(writer) = &mut self.writer else { return };
        if self.failed_at.is_some_and(|at| at.elapsed() < RETRY_EVERY) {
            self.lost += 1;
            return;
        }
        match writer.append(exchange) {
            Ok(_) => {}
            Err(error) => self.failed(&error),
        }
    }

    fn commit(&mut self) {
        let Some(writer) = &mut self.writer else { return };
        match writer.commit() {
            Ok(()) if self.failed_at.is_some_and(|at| at.elapsed() >= RETRY_EVERY) => self.recovered(),
            Ok(()) => {}
            Err(error) => self.failed(&error),
        }
    }

    fn failed(&mut self, error: &CaptureError) {
        self.lost += error.lost();
        self.failed_at = Some(Instant::now());
        let reason = error.to_string();
        tracing::error!(missed = self.missed(), "not recording: {reason}");
        self.trouble = Some(reason);
        self.reported_missed = 0;
        self.report_missed();
    }

    fn recovered(&mut self) {
        self.failed_at = None;
        if let Some(writer) = &self.writer {
            self.events.send(Event::Recording(Recording::On { file: writer.file().display().to_string() }));
        }
    }

    fn missed(&self) -> u64 {
        self.lost + self.intake.missed()
    }

    /// Says how much is missing whenever that has grown.
    fn report_missed(&mut self) {
        let missed = self.missed();
        if missed > self.reported_missed && self.writer.is_some() {
            self.reported_missed = missed;
            let reason = self.trouble.clone().unwrap_or_else(|| "the recorder could not keep up".to_owned());
            self.events.send(Event::Recording(Recording::Off { reason, missed }));
        }
    }

    fn close(mut self) -> Closing {
        let missed = self.missed();
        if self.coverage.left().is_some() {
            self.events.send(Event::Coverage(Arc::new(self.judge.coverage())));
        }
        if let Some(writer) = self.writer.take()
            && let Err(error) = writer.finish()
        {
            tracing::error!("the capture could not be closed: {error}");
            self.trouble = Some(error.to_string());
        }
        Closing {
            exchanges: self.judge.exchanges(),
            bookings: self.judge.bookings(),
            findings: self.findings,
            missed,
            trouble: self.trouble,
        }
    }
}
