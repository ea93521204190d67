//! Findings by cause: one group for each rule, side, stage-independent place and severity, with what follows from it.
//!
//! `Judged → its findings, folded → groups (rule, place) with counts, the first and the newest`

use std::collections::HashMap;
use std::sync::Arc;

use jiff::Timestamp;

use crate::finding::{Finding, RuleInfo, Severity, Side, folded, shape};
use crate::judged::Judged;
use crate::openbooking::Stage;

/// Most groups that are kept. Past it further ones are counted only.
const MAX_GROUPS: usize = 5_000;

/// An exchange with a finding of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::tui) struct Occurrence {
    /// 0-based index of the exchange.
    pub(in crate::tui) exchange: u64,
    /// Place of the finding among those of the exchange.
    pub(in crate::tui) finding: usize,
    pub(in crate::tui) started: Timestamp,
}

/// Findings of one rule at one place.
#[derive(Debug, Clone)]
pub(in crate::tui) struct CauseGroup {
    pub(in crate::tui) rule: Arc<RuleInfo>,
    pub(in crate::tui) severity: Severity,
    /// The pointer with `*` for array indexes.
    pub(in crate::tui) place: String,
    pub(in crate::tui) count: u64,
    /// Findings that follow from these.
    pub(in crate::tui) follow: u64,
    pub(in crate::tui) first: Occurrence,
    pub(in crate::tui) newest: Occurrence,
    /// The stages of their exchanges, in the order in which they were first seen.
    pub(in crate::tui) stages: Vec<Stage>,
    /// The first finding: its words outlive the exchange in the list.
    example: Finding,
}

impl CauseGroup {
    /// Who is at fault.
    pub(in crate::tui) fn side(&self) -> Side {
        self.rule.side
    }
}

/// All groups.
#[derive(Debug, Default)]
pub(in crate::tui) struct CauseIndex {
    groups: Vec<CauseGroup>,
    places: HashMap<(Arc<str>, String, Severity), usize>,
    /// Places of the groups, the weightiest first.
    order: Vec<usize>,
    more: u64,
    /// Why rules could not be judged, as last told.
    unjudged: HashMap<Arc<str>, Arc<str>>,
}

impl CauseIndex {
    pub(super) fn add(&mut self, judged: &Judged) {
        for missing in &judged.not_judged {
            self.unjudged.insert(Arc::clone(&missing.rule), Arc::clone(&missing.because));
        }
        if judged.findings.is_empty() {
            return;
        }
        let findings: Vec<&Finding> = judged.findings.iter().collect();
        for (cause, follow) in folded(&findings) {
            let finding = findings[cause];
            let occurrence = Occurrence { exchange: judged.index, finding: cause, started: judged.exchange.started };
            self.count(finding, occurrence, follow.len() as u64);
        }
    }

    fn count(&mut self, finding: &Finding, newest: Occurrence, follow: u64) {
        let key = (Arc::from(finding.rule.id.as_str()), shape(&finding.pointer), finding.severity);
        if let Some(&place) = self.places.get(&key) {
            let group = &mut self.groups[place];
            (group.count, group.follow, group.newest) = (group.count + 1, group.follow + follow, newest);
            if !group.stages.contains(&finding.stage) {
                group.stages.push(finding.stage);
            }
            return;
        }
        if self.groups.len() >= MAX_GROUPS {
            self.more += 1;
            return;
        }
        let place = self.groups.len();
        self.groups.push(CauseGroup {
            rule: Arc::clone(&finding.rule),
            severity: finding.severity,
            place: key.1.clone(),
            count: 1,
            follow,
            first: newest,
            newest,
            stages: vec![finding.stage],
            example: finding.clone(),
        });
        self.places.insert(key, place);
        // The weightiest first; of the same weight the one that was seen first. So rows above stay where they are.
        let before = self.order.partition_point(|&other| self.groups[other].severity >= finding.severity);
        self.order.insert(before, place);
    }

    /// The findings of an exchange that are kept because each was the first of its group, the weightiest first.
    pub(in crate::tui) fn examples(&self, exchange: u64) -> impl Iterator<Item = &Finding> {
        self.groups().filter(move |group| group.first.exchange == exchange).map(|group| &group.example)
    }

    /// Place of a group's first finding among [`Self::examples`] of its exchange.
    pub(in crate::tui) fn place_of_example(&self, group: &CauseGroup) -> Option<usize> {
        self.groups()
            .filter(|other| other.first.exchange == group.first.exchange)
            .position(|other| std::ptr::eq(other, group))
    }

    /// The groups, the weightiest first.
    pub(in crate::tui) fn groups(&self) -> impl Iterator<Item = &CauseGroup> {
        self.order.iter().map(|&place| &self.groups[place])
    }

    /// The ids of the rules, each once, in order.
    pub(in crate::tui) fn rules(&self) -> Vec<String> {
        let mut rules: Vec<String> = self.groups.iter().map(|group| group.rule.id.clone()).collect();
        rules.sort_unstable();
        rules.dedup();
        rules
    }

    /// Why a rule could not be judged, as last told.
    pub(in crate::tui) fn why_not_judged(&self, rule: &str) -> Option<&str> {
        self.unjudged.get(rule).map(|because| &**because)
    }

    /// Findings of groups past the most that are kept.
    pub(in crate::tui) fn more(&self) -> u64 {
        self.more
    }

    pub(in crate::tui) fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }
}
