//! What `umpire check` has to say of its files, before it is put into a format.
//!
//! `files → judge → CheckReport → text | JSON`, and `worst → exit status`

use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::Arc;

use crate::finding::{Finding, Severity, Tally};

/// The verdict on one or more recordings.
#[derive(Debug, Clone, Default)]
pub struct CheckReport {
    /// The files in the order of the command line, each name once.
    pub files: Vec<FileReport>,
    /// Findings with the name of their file (as in `files`), in any order: the formats put them in order.
    pub findings: Vec<(Arc<str>, Finding)>,
    /// The rules that were asked, in any order.
    pub rules: Vec<RuleTally>,
    /// Why verdicts could not be given, and how many.
    pub not_judged: Vec<(Arc<str>, u64)>,
    /// Findings on the broker that are not among `findings`, since their requests were refused as they should be.
    pub muted: u64,
}

/// One file that was judged.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct FileReport {
    /// Its name as given on the command line.
    pub file: Arc<str>,
    /// Exchanges in it.
    pub exchanges: u64,
    /// Distinct Order UUIDs in it.
    pub bookings: u64,
}

/// How often a rule was asked, and what it said.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct RuleTally {
    /// The rule's id.
    pub rule: Arc<str>,
    /// Verdicts that passed.
    pub passed: u64,
    /// Verdicts that failed.
    pub failed: u64,
    /// Verdicts that could not be given.
    pub not_judged: u64,
}

impl CheckReport {
    /// Severity of the weightiest finding; `None` if there is no finding.
    pub fn worst(&self) -> Option<Severity> {
        self.findings.iter().map(|(_, finding)| finding.severity).max()
    }

    /// Findings by side and severity.
    pub fn tally(&self) -> Tally {
        self.findings.iter().map(|(_, finding)| finding).collect()
    }

    /// Exchanges in all files.
    pub fn exchanges(&self) -> u64 {
        self.files.iter().map(|file| file.exchanges).sum()
    }

    /// Bookings in all files.
    pub fn bookings(&self) -> u64 {
        self.files.iter().map(|file| file.bookings).sum()
    }

    /// The findings in the order of every output: file, exchange (those of no single exchange last), the weightiest
    /// first, side, rule, pointer, message.
    pub(super) fn sorted(&self) -> Vec<(&str, &Finding)> {
        let place: HashMap<&str, usize> =
            self.files.iter().enumerate().rev().map(|(index, report)| (&*report.file, index)).collect();
        let mut findings: Vec<(&str, &Finding)> =
            self.findings.iter().map(|(file, finding)| (&**file, finding)).collect();
        findings.sort_by_cached_key(|&(file, finding)| {
            (
                place.get(file).copied().unwrap_or(usize::MAX),
                finding.exchange.unwrap_or(u64::MAX),
                Reverse(finding.severity),
                finding.rule.side,
                finding.rule.id.clone(),
                natural(&finding.pointer),
                (finding.message.clone(), finding.seen.clone()),
            )
        });
        findings
    }

    /// The rules by id.
    pub(super) fn sorted_rules(&self) -> Vec<&RuleTally> {
        let mut rules: Vec<&RuleTally> = self.rules.iter().collect();
        rules.sort_by(|a, b| a.rule.cmp(&b.rule));
        rules
    }
}

/// A pointer as it sorts: array indices by their number.
fn natural(pointer: &str) -> Vec<(u64, &str)> {
    pointer.split('/').map(|step| (step.parse().unwrap_or(u64::MAX), step)).collect()
}
