//! An exchange with its findings: what judging makes, and every front end, filter and comparison reads.
//!
//! `Exchange, Finding*, NotJudged*, how much passed → Judged` · `display`: the texts that every front end uses for it

mod display;

use std::sync::Arc;

use crate::exchange::Exchange;
use crate::finding::{Finding, Side, number};
use crate::openbooking::{BookingFacts, Stage};

/// An exchange and what the rules say of it.
#[derive(Debug, Clone)]
pub struct Judged {
    /// 0-based index within the recording; people are told [`Judged::number`].
    pub index: u64,
    /// What was on the wire.
    pub exchange: Arc<Exchange>,
    /// Stage.
    pub stage: Stage,
    /// Order UUID in lower case.
    pub order_uuid: Option<Arc<str>>,
    /// What the answer says of its booking, or of those on its page of a feed.
    pub booking_facts: Vec<BookingFacts>,
    /// Failed verdicts, the weightiest first.
    pub findings: Vec<Finding>,
    /// What could not be judged.
    pub not_judged: Vec<NotJudged>,
    /// Number of verdicts that passed.
    pub passed: u32,
    /// Findings that are not told, as was asked for: see `Judged::mute_refused`.
    pub muted: u32,
}

impl Judged {
    /// Its number as people count, from 1.
    pub fn number(&self) -> u64 {
        number(self.index)
    }

    /// True if more verdicts could not be given than were.
    pub(crate) fn is_mostly_unjudged(&self) -> bool {
        self.not_judged.len() > self.passed as usize + self.findings.len() + self.muted as usize
    }

    /// An exchange that could not be judged.
    pub fn without_verdicts(index: u64, exchange: Arc<Exchange>, stage: Stage, order_uuid: Option<Arc<str>>) -> Self {
        Self {
            index,
            exchange,
            stage,
            order_uuid,
            booking_facts: Vec::new(),
            findings: Vec::new(),
            not_judged: Vec::new(),
            passed: 0,
            muted: 0,
        }
    }

    /// Takes the broker's findings away, and counts them. For requests that were wrong on purpose (negative tests) and
    /// refused as they should be: nobody is to act on them.
    pub(crate) fn mute_refused(&mut self) {
        let before = self.findings.len();
        self.findings.retain(|finding| finding.rule.side != Side::Broker);
        self.muted += (before - self.findings.len()) as u32;
    }
}

/// A verdict that could not be given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotJudged {
    /// The rule's id.
    pub rule: Arc<str>,
    /// Because of what.
    pub because: Arc<str>,
}
