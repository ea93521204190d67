//! The verdicts that changed between two recordings.
//!
//! `findings of a pair, of the rest of its booking ─► the same on both sides? ─► new | gone`, and rules that can judge now, or no longer

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashSet};

use serde::Serialize;

use super::{JudgedRecording, Pairing};
use crate::finding::{Finding, Scope, Severity, Side, shape};
use crate::judged::Judged;

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
    pub(crate) fn in_words(self) -> &'static str {
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
type VerdictKey<'j> = (&'j str, Severity, String);

/// A finding, and the numbers of the exchange that it is on and of its counterpart.
type PlacedFinding<'j> = (&'j Finding, Option<u64>, Option<u64>);

/// Findings by the pair of bookings that they belong to.
type PlacedByBooking<'j> = BTreeMap<Option<usize>, Vec<PlacedFinding<'j>>>;

/// Findings that only one of the two has, in recorded order, and rules that could judge in one of the two only.
pub(super) fn changes(
    a: &JudgedRecording,
    b: &JudgedRecording,
    pairing: &Pairing,
) -> (Vec<VerdictChange>, Vec<VerdictChange>) {
    let (mut gone, mut new) = (PlacedByBooking::new(), PlacedByBooking::new());
    let mut judged_otherwise = Vec::new();
    // Whether there is TLS is said of the address, which the user chose.
    let scheme = |recording: &'_ JudgedRecording| recording.origin().is_some_and(|origin| origin.starts_with("https:"));
    let same_scheme = scheme(a) == scheme(b);
    let is_of_address = |finding: &Finding| finding.rule.scope == Scope::Request && finding.pointer == "/request/url";
    let is_compared = |finding: &&Finding| same_scheme || !is_of_address(finding);
    for pair in &pairing.pairs {
        let (one, other) = (&*a.exchanges[pair.a], &*b.exchanges[pair.b]);
        let numbers = (Some(one.number()), Some(other.number()));
        let (only_one, only_other) = unmatched(&one.findings, &other.findings);
        let place = |finding| (finding, numbers.0, numbers.1);
        gone.entry(pair.booking).or_default().extend(only_one.into_iter().filter(is_compared).map(place));
        new.entry(pair.booking).or_default().extend(only_other.into_iter().filter(is_compared).map(place));
        judged_otherwise.extend(compare_unjudged(one, other));
    }
    for &place in &pairing.only_a {
        let judged = &a.exchanges[place];
        let findings = judged.findings.iter().filter(is_compared).map(|finding| (finding, Some(judged.number()), None));
        gone.entry(None).or_default().extend(findings);
    }
    for &place in &pairing.only_b {
        let judged = &b.exchanges[place];
        let findings = judged.findings.iter().filter(is_compared).map(|finding| (finding, None, Some(judged.number())));
        new.entry(None).or_default().extend(findings);
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
    let gone = gone.into_values().flatten().map(|placed| finding_change(VerdictChangeKind::Gone, placed));
    let new = new.into_values().flatten().map(|placed| finding_change(VerdictChangeKind::New, placed));
    let mut verdicts: Vec<VerdictChange> = gone.chain(new).collect();
    // What only B has comes behind what A has, too.
    verdicts.sort_by_key(|change| (change.a.is_none(), change.a, change.b, change.change, Reverse(change.severity)));
    (verdicts, judged_otherwise)
}

fn key(finding: &Finding) -> VerdictKey<'_> {
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

fn finding_change(change: VerdictChangeKind, (finding, a, b): PlacedFinding<'_>) -> VerdictChange {
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
fn compare_unjudged(one: &Judged, other: &Judged) -> Vec<VerdictChange> {
    let of_kind = |change, unjudged: &Judged, judged: &Judged| {
        let neither: HashSet<&str> = judged
            .not_judged
            .iter()
            .map(|not| &*not.rule)
            .chain(judged.findings.iter().map(|finding| finding.rule.id.as_str()))
            .collect();
        let changed = unjudged.not_judged.iter().filter(|not| !neither.contains(&*not.rule));
        let of = |not: &crate::judged::NotJudged| VerdictChange {
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
