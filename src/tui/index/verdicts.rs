//! What the rules said of every exchange, in a byte each.
//!
//! `Judged → the weightiest finding on each side, or whether it was judged at all` · for exchanges that are not kept any more

use crate::finding::{Severity, Side};
use crate::judged::Judged;
use crate::tui::list_filter::QuickFilter;

/// Most exchanges that are remembered, a byte each. What comes behind them is not.
const MOST: usize = 8_000_000;

/// Bits 6 and 7: nothing is known; less was judged than not; some of it was not judged; all was judged.
const UNJUDGED: u8 = 1 << 6;
const IN_PART: u8 = 2 << 6;
const WHOLLY: u8 = 3 << 6;

/// What is remembered of one exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::tui) struct VerdictSummary(u8);

impl VerdictSummary {
    fn of(judged: &Judged) -> Self {
        let worst = |side: Side| {
            let of_side = judged.findings.iter().filter(|finding| finding.rule.side == side);
            of_side.map(|finding| finding.severity as u8 + 1).max().unwrap_or(0)
        };
        let judged = match judged {
            judged if judged.passed == 0 || judged.is_mostly_unjudged() => UNJUDGED,
            judged if judged.not_judged.is_empty() => WHOLLY,
            _ => IN_PART,
        };
        Self(judged | worst(Side::Broker) | worst(Side::BookingSystem) << 3)
    }

    /// Severity of the weightiest finding on a side.
    pub(in crate::tui) fn worst(self, side: Side) -> Option<Severity> {
        let bits = match side {
            Side::Broker => self.0 & 7,
            Side::BookingSystem => self.0 >> 3 & 7,
        };
        Severity::ALL.into_iter().find(|&severity| severity as u8 + 1 == bits)
    }

    /// True if enough was judged to call it good where it has no findings.
    pub(in crate::tui) fn is_judged(self) -> bool {
        self.0 >= IN_PART
    }

    /// True if no rule was left without a verdict.
    pub(in crate::tui) fn is_wholly_judged(self) -> bool {
        self.0 >= WHOLLY
    }

    /// True if there is a finding that a choice admits.
    pub(in crate::tui) fn has(self, narrow: QuickFilter) -> bool {
        let of_side = |side| self.worst(side).is_some_and(|worst| narrow.admits(side, worst));
        Side::ALL.into_iter().any(of_side)
    }
}

/// What is remembered, by 0-based index of the exchange.
#[derive(Debug, Default)]
pub(in crate::tui) struct VerdictIndex(Vec<u8>);

impl VerdictIndex {
    pub(super) fn add(&mut self, judged: &Judged) {
        let Some(at) = usize::try_from(judged.index).ok().filter(|&at| at < MOST) else { return };
        if at >= self.0.len() {
            self.0.resize(at + 1, 0);
        }
        self.0[at] = VerdictSummary::of(judged).0;
    }

    /// What the rules said of an exchange; `None` if that is not known.
    pub(in crate::tui) fn get(&self, index: u64) -> Option<VerdictSummary> {
        let byte = self.0.get(usize::try_from(index).ok()?).copied()?;
        (byte != 0).then_some(VerdictSummary(byte))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::exchange::Exchange;
    use crate::openbooking::Stage;

    #[test]
    fn a_byte_tells_what_was_said() {
        let mut index = VerdictIndex::default();
        let exchange = Arc::new(Exchange::get("https://a.example", "/"));
        let mut judged = Judged::without_verdicts(3, exchange, Stage::C1, None);
        index.add(&judged);
        assert_eq!(index.get(3).map(|one| (one.is_judged(), one.worst(Side::Broker))), Some((false, None)));
        judged.passed = 1;
        index.add(&judged);
        assert_eq!(index.get(3).map(|one| (one.is_judged(), one.is_wholly_judged())), Some((true, true)));
        assert_eq!((index.get(2), index.get(4)), (None, None));
        for broker in 0..=4 {
            for system in 0..=4 {
                let one = VerdictSummary(WHOLLY | broker | system << 3);
                let expected = |bits: u8| bits.checked_sub(1).map(|at| Severity::ALL[3 - usize::from(at)]);
                assert_eq!(
                    (one.worst(Side::Broker), one.worst(Side::BookingSystem)),
                    (expected(broker), expected(system))
                );
            }
        }
    }
}
