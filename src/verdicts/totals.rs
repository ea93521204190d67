//! What a judge has counted when a capture ends.
//!
//! `Judge → VerdictTotals → bytes → VerdictTotals`

use std::collections::BTreeMap;
use std::sync::Arc;

use super::bytes::{Bytes, put_number, put_text};
use crate::coverage::{Coverage, RuleCoverage};
use crate::rules::{Judge, RuleBook, RuleTally};

/// What a judge has counted so far, in all files of the recording.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct VerdictTotals {
    /// Exchanges judged.
    pub exchanges: u64,
    /// Distinct Order UUIDs.
    pub bookings: u64,
    /// See [`Judge::forgotten_flows`].
    pub forgotten_flows: u64,
    /// See [`Judge::forgotten_open_data`].
    pub forgotten_open_data: u64,
    /// See [`Judge::untold_findings`].
    pub untold_findings: u64,
    /// Every rule's id and tally, in the order of the book.
    pub tallies: Vec<(Arc<str>, RuleTally)>,
}

impl VerdictTotals {
    /// What a judge has counted.
    pub(crate) fn of(judge: &Judge) -> Self {
        Self {
            exchanges: judge.exchanges(),
            bookings: judge.bookings(),
            forgotten_flows: judge.forgotten_flows(),
            forgotten_open_data: judge.forgotten_open_data(),
            untold_findings: judge.untold_findings(),
            tallies: judge.tallies().map(|(rule, tally)| (Arc::from(rule), tally.clone())).collect(),
        }
    }

    /// How far every rule of the book has come.
    pub(crate) fn coverage(&self, book: &RuleBook) -> Coverage {
        let of = |(rule, tally): &(Arc<str>, RuleTally)| {
            let rule = Arc::clone(&book.rule(rule)?.info);
            Some(RuleCoverage { rule, passed: tally.passed, failed: tally.failed, not_judged: tally.not_judged })
        };
        Coverage { rules: self.tallies.iter().filter_map(of).collect() }
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) {
        let Self { exchanges, bookings, forgotten_flows, forgotten_open_data, untold_findings, tallies } = self;
        for number in [exchanges, bookings, forgotten_flows, forgotten_open_data, untold_findings] {
            put_number(out, *number);
        }
        put_number(out, tallies.len() as u64);
        for (rule, tally) in tallies {
            put_text(out, rule);
            for number in [tally.passed, tally.failed, tally.not_judged, tally.reasons.len() as u64] {
                put_number(out, number);
            }
            for (reason, count) in &tally.reasons {
                put_text(out, reason);
                put_number(out, *count);
            }
        }
    }

    pub(super) fn read(bytes: &mut Bytes<'_>) -> Option<Self> {
        let mut number = || bytes.number();
        let (exchanges, bookings, forgotten_flows) = (number()?, number()?, number()?);
        let (forgotten_open_data, untold_findings) = (number()?, number()?);
        let tallies = bytes.list(|bytes| {
            let rule = Arc::from(bytes.text()?);
            let (passed, failed, not_judged) = (bytes.number()?, bytes.number()?, bytes.number()?);
            let reasons: Vec<(Arc<str>, u64)> =
                bytes.list(|bytes| Some((Arc::from(bytes.text()?), bytes.number()?)))?;
            let reasons: BTreeMap<_, _> = reasons.into_iter().collect();
            Some((rule, RuleTally { passed, failed, not_judged, reasons }))
        })?;
        Some(Self { exchanges, bookings, forgotten_flows, forgotten_open_data, untold_findings, tallies })
    }
}
