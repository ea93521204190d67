//! Which exchanges are missing, by the numbers that Umpire gave them.
//!
//! `1 2 4 │ 3 is missing` → `1 2 4 3 │ nothing is`: exchanges are recorded when they end, so a number may come late.

use std::collections::BTreeSet;

/// Most missing numbers that are kept. Past it the recording counts as one with gaps until its end.
const MAX_MISSING: u64 = 10_000;

/// Exchanges that are missing between the first and the newest of a recording.
#[derive(Debug, Default)]
pub(crate) struct Numbering {
    highest: Option<u64>,
    missing: BTreeSet<u64>,
    overflowed: bool,
}

impl Numbering {
    /// Takes up the number of the next exchange.
    pub(crate) fn add(&mut self, id: u64) {
        let Some(highest) = self.highest else {
            self.highest = Some(id);
            return;
        };
        if id <= highest {
            self.missing.remove(&id);
            return;
        }
        self.highest = Some(id);
        let more = id - highest - 1;
        if self.missing.len() as u64 + more > MAX_MISSING {
            self.overflowed = true;
        } else {
            self.missing.extend(highest + 1..id);
        }
    }

    /// True if a number between the first and the newest has not come. It may belong to an exchange that is not over.
    pub(crate) fn has_gaps(&self) -> bool {
        self.overflowed || !self.missing.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gaps(ids: &[u64]) -> bool {
        let mut numbering = Numbering::default();
        for id in ids {
            numbering.add(*id);
        }
        numbering.has_gaps()
    }

    #[test]
    fn a_missing_number_is_a_gap_until_it_comes() {
        assert!(!gaps(&[]));
        assert!(!gaps(&[7, 8, 9]), "a recording may begin anywhere");
        assert!(gaps(&[1, 2, 4]));
        assert!(!gaps(&[1, 2, 4, 3]));
        assert!(gaps(&[1, 5, 3, 4]));
        assert!(!gaps(&[1, 1, 1]), "numbers that are given twice leave none out");
        assert!(!gaps(&[5, 1, 2]), "nor do those of a second run");
        assert!(gaps(&[1, u64::MAX, 2]));
    }
}
