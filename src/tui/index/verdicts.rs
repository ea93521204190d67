//! What the rules said of every exchange, in a byte each.
//!
//! `Judged → the weightiest finding on each side, or whether it was judged at all` · for exchanges that are not kept any more

use crate::event::Judged;
use crate::finding::{Severity, Side};

/// Most exchanges that are remembered, a byte each. What comes behind them is not.
const MOST: usize = 8_000_000;

/// Enough was judged to call what has no findings good.
const JUDGED: u8 = 1 << 6;

/// This byte was written.
const KNOWN: u8 = 1 << 7;

/// What is remembered of one exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::tui) struct Remembered(u8);

impl Remembered {
    fn of(judged: &Judged) -> Self {
        let worst = |side: Side| {
            let of_side = judged.findings.iter().filter(|finding| finding.rule.side == side);
            of_side.map(|finding| finding.severity as u8 + 1).max().unwrap_or(0)
        };
        let is_judged = judged.passed > 0 && !judged.is_mostly_unjudged();
        Self(KNOWN | if is_judged { JUDGED } else { 0 } | worst(Side::Broker) | worst(Side::BookingSystem) << 3)
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
        self.0 & JUDGED != 0
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
        self.0[at] = Remembered::of(judged).0;
    }

    /// What the rules said of an exchange; `None` if that is not known.
    pub(in crate::tui) fn get(&self, index: u64) -> Option<Remembered> {
        let byte = self.0.get(usize::try_from(index).ok()?).copied()?;
        (byte & KNOWN != 0).then_some(Remembered(byte))
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
        assert_eq!(index.get(3).map(Remembered::is_judged), Some(true));
        assert_eq!((index.get(2), index.get(4)), (None, None));
        for broker in 0..=4 {
            for system in 0..=4 {
                let one = Remembered(KNOWN | broker | system << 3);
                let expected = |bits: u8| bits.checked_sub(1).map(|at| Severity::ALL[3 - usize::from(at)]);
                assert_eq!(
                    (one.worst(Side::Broker), one.worst(Side::BookingSystem)),
                    (expected(broker), expected(system))
                );
            }
        }
    }
}
