//! The verdicts that changed between two recordings.
//!
//! `findings of a pair, of the rest of its booking ─► the same on both sides? ─► new | gone`, and rules that can judge now, or no longer

use std::collections::BTreeMap;
use std::collections::HashSet;

use serde::Serialize;

use super::{JudgedRecording, Pairing};
use crate::event::Judged;
use crate::finding::{Finding, Severity, Side, shape};

/// How a verdict changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum VerdictChangeKind {
    /// Only the second recording has the finding.
    New,
    /// Only the first recording has the finding.
    Gone,
    /// The rule could not judge in the first recording, and can in the second, or has nothing to judge there.
    Judged,
    /// The rule can't judge in the second recording, which was otherwise in the first.
    NotJudged,
}

impl VerdictChangeKind {
    /// The change in words.
    pub fn in_words(self) -> &'static str {
        match self {
            Self::New => "new finding",
            Self::Gone => "gone finding",
            Self::Judged => "judged now",
            Self::NotJudged => "no longer judged",
        }
    }
}

/// A verdict that changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct VerdictChange {
    /// How it changed.
    pub change: VerdictChangeKind,
    /// Id of the rule.
    pub rule: String,
    /// Severity of the finding, where there is one.
    pub severity: Option<Severity>,
    /// The side at fault, where there is a finding.
    pub side: Option<Side>,
    /// Stage.
    pub stage: &'static str,
    /// Number of the exchange in the first recording, from 1.
    pub a: Option<u64>,
    /// Number of the exchange in the second recording, from 1.
    pub b: Option<u64>,
    /// The place that the finding points to.
    pub pointer: Option<String>,
    /// The words of the finding, or why the rule can't judge.
    pub message: String,
}

/// What findings must have in common to be the same verdict: rule, severity, shape of the pointer.
type Key<'j> = (&'j str, Severity, String);

/// A finding, and the numbers of the exchange that it is on and of its counterpart.
type Placed<'j> = (&'j Finding, Option<u64>, Option<u64>);

/// The verdicts that changed, in recorded order; of one exchange, the weightiest first.
pub(super) fn changes(a: &JudgedRecording, b: &JudgedRecording, pairing: &Pairing) -> Vec<VerdictChange> {
    let (mut gone, mut new): (BTreeMap<_, Vec<Placed<'_>>>, BTreeMap<_, Vec<Placed<'_>>>) = Default::default();
    let mut changes = Vec::new();
    for pair in &pairing.pairs {
        let (one, other) = (&*a.exchanges[pair.a], &*b.exchanges[pair.b]);
        let numbers = (Some(one.number()), Some(other.number()));
        let (only_one, only_other) = unmatched(&one.findings, &other.findings);
        let place = |finding| (finding, numbers.0, numbers.1);
        gone.entry(pair.booking).or_default().extend(only_one.into_iter().map(place));
        new.entry(pair.booking).or_default().extend(only_other.into_iter().map(place));
        changes.extend(judged_otherwise(one, other));
    }
    let findings =
        |recording: &'_ JudgedRecording, places: &[usize], is_a: bool| -> Vec<(usize, Option<u64>, Option<u64>)> {
            let number = |place: usize| Some(recording.exchanges[place].number());
            places
                .iter()
                .map(|&place| if is_a { (place, number(place), None) } else { (place, None, number(place)) })
                .collect()
        };
    for (place, one, other) in findings(a, &pairing.only_a, true) {
        gone.entry(None).or_default().extend(a.exchanges[place].findings.iter().map(|finding| (finding, one, other)));
    }
    for (place, one, other) in findings(b, &pairing.only_b, false) {
        new.entry(None).or_default().extend(b.exchanges[place].findings.iter().map(|finding| (finding, one, other)));
    }
    // A finding that only moved to another exchange of the same booking has not changed.
    for (booking, gone) in &mut gone {
        if let Some(new) = new.get_mut(booking) {
            gone.retain(|(finding, ..)| {
                let moved = new.iter().position(|(other, ..)| key(finding) == key(other));
                moved.map(|at| new.remove(at)).is_none()
            });
        }
    }
    let of_kind = |change, placed: Vec<Placed<'_>>| {
        placed.into_iter().map(move |placed| finding_change(change, placed)).collect::<Vec<_>>()
    };
    changes.extend(gone.into_values().flat_map(|placed| of_kind(VerdictChangeKind::Gone, placed)));
    changes.extend(new.into_values().flat_map(|placed| of_kind(VerdictChangeKind::New, placed)));
    // Findings first. What only B has comes behind what A has, too.
    changes.sort_by_key(|change| {
        (
            change.severity.is_none(),
            change.a.is_none(),
            change.a,
            change.b,
            change.change,
            std::cmp::Reverse(change.severity),
        )
    });
    changes
}

fn key(finding: &Finding) -> Key<'_> {
    (&finding.rule.id, finding.severity, shape(&finding.pointer))
}

/// The findings that only one of two exchanges has.
fn unmatched<'j>(a: &'j [Finding], b: &'j [Finding]) -> (Vec<&'j Finding>, Vec<&'j Finding>) {
    let mut only_b: Vec<&Finding> = b.iter().collect();
    let mut only_a = Vec::new();
    for finding in a {
        match only_b.iter().position(|other| key(finding) == key(other)) {
            Some(at) => drop(only_b.remove(at)),
            None => only_a.push(finding),
        }
    }
    (only_a, only_b)
}

fn finding_change(change: VerdictChangeKind, (finding, a, b): Placed<'_>) -> VerdictChange {
    VerdictChange {
        change,
        rule: finding.rule.id.clone(),
        severity: Some(finding.severity),
        side: Some(finding.rule.side),
        stage: finding.stage.as_str(),
        a,
        b,
        pointer: Some(finding.pointer.clone()),
        message: finding.message.clone(),
    }
}

/// Rules that can judge one of two exchanges and not the other, those with a finding aside.
fn judged_otherwise(one: &Judged, other: &Judged) -> Vec<VerdictChange> {
    let of_kind = |change, unjudged: &Judged, judged: &Judged| {
        let neither: HashSet<&str> = judged
            .not_judged
            .iter()
            .map(|not| &*not.rule)
            .chain(judged.findings.iter().map(|finding| finding.rule.id.as_str()))
            .collect();
        let changed = unjudged.not_judged.iter().filter(|not| !neither.contains(&*not.rule));
        let of = |not: &crate::event::NotJudged| VerdictChange {
            change,
            rule: not.rule.to_string(),
            severity: None,
            side: None,
            stage: one.stage.as_str(),
            a: Some(one.number()),
            b: Some(other.number()),
            pointer: None,
            message: not.because.to_string(),
        };
        changed.map(of).collect::<Vec<_>>()
    };
    let mut changes = of_kind(VerdictChangeKind::Judged, one, other);
    changes.extend(of_kind(VerdictChangeKind::NotJudged, other, one));
    changes
}
