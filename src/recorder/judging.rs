//! The judge's thread: what is recorded is judged in its order, and told.
//!
//! `queue → judge → Event::Exchange, Event::Coverage, Event::Notice` · the end of the queue: `Closing`

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};

use super::{Closing, LinkWatch, NewRules, ToJudge};
use crate::event::{COVERAGE_EVERY, Event, Outlet, Pace};
use crate::exchange::Exchange;
use crate::finding::Tally;
use crate::rules::Judge;

/// Judges exchanges as they come and tells of them.
pub(super) struct Judging {
    judge: Judge,
    events: Outlet,
    new_rules: NewRules,
    findings: Tally,
    coverage: Pace,
    links: Option<LinkWatch>,
}

impl Judging {
    pub(super) fn new(judge: Judge, events: Outlet, new_rules: NewRules) -> Self {
        let (findings, coverage) = (Tally::default(), Pace::new(COVERAGE_EVERY));
        Self { judge, events, new_rules, findings, coverage, links: None }
    }

    /// Links that lead past the proxy are said too.
    pub(super) fn watching_links(self, links: Option<LinkWatch>) -> Self {
        Self { links, ..self }
    }

    /// Runs until nothing more can come. Each exchange's place is free again once it is judged.
    pub(super) fn run(mut self, queue: &Receiver<ToJudge>) -> Closing {
        while let Some((exchange, index, held)) = self.wait(queue) {
            self.judge(exchange, index);
            drop(held);
            self.tell_coverage();
        }
        if self.coverage.left().is_some() {
            self.events.send(Event::Coverage(Arc::new(self.judge.coverage())));
        }
        Closing {
            exchanges: self.judge.exchanges(),
            bookings: self.judge.bookings(),
            findings: self.findings,
            ..Closing::default()
        }
    }

    /// The next exchange, and, while there is none, what is to be told in time.
    fn wait(&mut self, queue: &Receiver<ToJudge>) -> Option<ToJudge> {
        if let Some(left) = self.coverage.left() {
            match queue.recv_timeout(left) {
                Ok(next) => return Some(next),
                Err(RecvTimeoutError::Disconnected) => return None,
                Err(RecvTimeoutError::Timeout) => self.tell_coverage(),
            }
        }
        queue.recv().ok()
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
