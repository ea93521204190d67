//! Findings counted by side and severity.
//!
//! `Finding, Finding, ... → FindingTally → totals, the weightiest`

use super::{Finding, Severity, Side};

/// How many findings there are of each side and severity.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FindingTally([[u64; 4]; 2]);

impl FindingTally {
    /// Counts one finding.
    pub fn add(&mut self, finding: &Finding) {
        self.0[finding.rule.side as usize][finding.severity as usize] += 1;
    }

    /// Counts what another tally has counted.
    pub(crate) fn add_all(&mut self, other: &Self) {
        for (own, more) in self.0.iter_mut().flatten().zip(other.0.iter().flatten()) {
            *own += more;
        }
    }

    /// Findings of a side and severity.
    pub fn get(&self, side: Side, severity: Severity) -> u64 {
        self.0[side as usize][severity as usize]
    }

    /// Findings of a severity, both sides together.
    pub(crate) fn of_severity(&self, severity: Severity) -> u64 {
        Side::ALL.into_iter().map(|side| self.get(side, severity)).sum()
    }

    /// Findings of a side, all severities together.
    pub(crate) fn of_side(&self, side: Side) -> u64 {
        self.0[side as usize].iter().sum()
    }

    /// All findings.
    pub fn total(&self) -> u64 {
        self.0.iter().flatten().sum()
    }

    /// Severity of the weightiest finding.
    pub fn worst(&self) -> Option<Severity> {
        Severity::ALL.into_iter().find(|&severity| self.of_severity(severity) > 0)
    }
}

impl<'f> FromIterator<&'f Finding> for FindingTally {
    fn from_iter<I: IntoIterator<Item = &'f Finding>>(findings: I) -> Self {
        let mut tally = Self::default();
        for finding in findings {
            tally.add(finding);
        }
        tally
    }
}
