//! What has changed between two judgements: of another rule set, or of another recording.
//!
//! ```text
//! OTHER.json ──► EarlierReport ─┐
//!                               ├─► ReportComparison: new findings, gone findings, rules that say otherwise ──► text | JSON
//! CheckReport ──────────────────┘
//! ```
//!
//! Two findings are the same verdict if file, rule, severity, side and stage are the same and they point to the same
//! place. Where several are alike, those of the same exchange belong together, then those with the same pointer, then
//! those whose pointers differ in array indexes only: exchanges of another recording have other numbers.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use serde::Deserialize;

use super::check_json::FORMAT_VERSION;
use super::finding_json::BecauseOf;
use super::{CheckReport, RuleSummary};
use crate::finding::{Finding, Severity, Side, number, shape};

/// Why a report can't be compared with.
#[derive(Debug, thiserror::Error)]
pub enum EarlierError {
    /// It is no report.
    #[error("not a report of `umpire check --format json`: {0}")]
    NoReport(#[from] serde_json::Error),
    /// It is a report of another version.
    #[error("format_version {0} of the report is not known, only {FORMAT_VERSION}")]
    Version(u32),
}

/// What is read of an earlier report; members beyond it don't matter.
#[derive(Debug, Clone, Deserialize)]
pub struct EarlierReport {
    files: Vec<EarlierFile>,
    findings: Vec<EarlierFinding>,
    rules: Vec<EarlierTally>,
}

#[derive(Deserialize)]
struct ReportVersion {
    format_version: u32,
}

#[derive(Debug, Clone, Deserialize)]
struct EarlierFile {
    file: Arc<str>,
}

#[derive(Debug, Clone, Deserialize)]
struct EarlierTally {
    rule: Arc<str>,
    #[serde(flatten)]
    verdicts: RuleVerdictCounts,
}

/// A finding of an earlier report.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, serde::Serialize)]
#[allow(missing_docs, reason = "the fields of the report's contract")]
pub struct EarlierFinding {
    pub rule: String,
    pub severity: Severity,
    pub side: Side,
    pub stage: String,
    pub file: Arc<str>,
    pub exchange: Option<u64>,
    #[serde(default)]
    pub number: Option<u64>,
    pub order_uuid: Option<String>,
    pub pointer: String,
    pub message: String,
    pub seen: String,
    pub expected: String,
    pub spec: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub because_of: Option<BecauseOf>,
}

/// How often a rule said what.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, serde::Serialize)]
#[allow(missing_docs, reason = "the fields of the report's contract")]
pub struct RuleVerdictCounts {
    pub passed: u64,
    pub failed: u64,
    pub not_judged: u64,
}

/// A rule that says otherwise than before.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct RuleChange {
    /// Its id.
    pub rule: Arc<str>,
    /// What it said before; `None` if it was not asked.
    pub before: Option<RuleVerdictCounts>,
    /// What it says now; `None` if it is not asked any more.
    pub after: Option<RuleVerdictCounts>,
}

/// What has changed.
#[derive(Debug, Clone, Default)]
pub struct ReportComparison {
    /// Findings that were not there, with their file, in the order of every output.
    pub new: Vec<(Arc<str>, Finding)>,
    /// Findings that are no longer there, as they were reported.
    pub gone: Vec<EarlierFinding>,
    /// Rules whose counts differ, by id.
    pub rules: Vec<RuleChange>,
    /// Files of the earlier report that were not judged now: nothing is said of them.
    pub not_judged: Vec<Arc<str>>,
}

impl EarlierReport {
    /// Reads a report.
    pub fn parse(text: &[u8]) -> Result<Self, EarlierError> {
        let ReportVersion { format_version } = serde_json::from_slice(text)?;
        if format_version != FORMAT_VERSION {
            return Err(EarlierError::Version(format_version));
        }
        let mut earlier: Self = serde_json::from_slice(text)?;
        for finding in &mut earlier.findings {
            // Reports of older versions have the index alone.
            finding.number = finding.exchange.map(number);
        }
        Ok(earlier)
    }

    /// Gives findings and counts of rules that were renamed their new ids, which `current` knows; every former id and its new
    /// one, once. Counts of rules that have become one add up.
    pub fn follow_renames<'n>(&mut self, current: impl Fn(&str) -> Option<&'n str>) -> BTreeMap<String, String> {
        let mut renamed = BTreeMap::new();
        for finding in &mut self.findings {
            if let Some(new) = current(&finding.rule) {
                let old = std::mem::replace(&mut finding.rule, new.to_owned());
                renamed.insert(old, new.to_owned());
            }
        }
        let mut tallies: BTreeMap<Arc<str>, RuleVerdictCounts> = BTreeMap::new();
        for EarlierTally { rule, verdicts } in std::mem::take(&mut self.rules) {
            let id = match current(&rule) {
                Some(new) => {
                    renamed.insert(rule.as_ref().to_owned(), new.to_owned());
                    new.into()
                }
                None => rule,
            };
            let sum = tallies.entry(id).or_default();
            sum.passed += verdicts.passed;
            sum.failed += verdicts.failed;
            sum.not_judged += verdicts.not_judged;
        }
        self.rules = tallies.into_iter().map(|(rule, verdicts)| EarlierTally { rule, verdicts }).collect();
        renamed
    }

    /// Leaves out what is on the other side, and rules that `is_asked` says no to.
    pub fn only(&mut self, side: Side, is_asked: impl Fn(&str) -> bool) {
        self.findings.retain(|finding| finding.side == side);
        self.rules.retain(|tally| is_asked(&tally.rule));
    }
}

/// What findings must have in common to be the same verdict: file, rule, severity, side, stage, shape of the pointer.
type FindingKey = (Arc<str>, String, Severity, Side, String, String);

/// What more they have in common: their pointer, and their exchange.
type MatchDetails<'f> = (Option<&'f str>, Option<u64>);

impl ReportComparison {
    /// Compares a report with an earlier one. Files are matched by name, or, where both have one, with each other.
    pub fn new(report: &CheckReport, earlier: &EarlierReport) -> Self {
        let name = |file: &Arc<str>| match (&report.files[..], &earlier.files[..]) {
            ([now], [_]) => Arc::clone(&now.file),
            _ => Arc::clone(file),
        };
        let is_judged = |file: &Arc<str>| report.files.iter().any(|now| now.file == name(file));
        let sorted = report.sorted();
        let now: Vec<(FindingKey, MatchDetails<'_>)> = sorted
            .iter()
            .map(|&(file, finding)| {
                let Finding { rule, severity, stage, pointer, exchange, .. } = finding;
                let stage = stage.as_str().to_owned();
                let key = (Arc::from(file), rule.id.clone(), *severity, rule.side, stage, shape(pointer));
                (key, (Some(pointer.as_str()), *exchange))
            })
            .collect();
        let then: Vec<&EarlierFinding> = earlier.findings.iter().filter(|then| is_judged(&then.file)).collect();
        let keyed: Vec<(FindingKey, MatchDetails<'_>)> = then
            .iter()
            .map(|finding| {
                let EarlierFinding { rule, severity, side, stage, file, pointer, exchange, .. } = finding;
                let key = (name(file), rule.clone(), *severity, *side, stage.clone(), shape(pointer));
                (key, (Some(pointer.as_str()), *exchange))
            })
            .collect();
        let (mut is_new, mut is_gone) = (vec![true; now.len()], vec![true; then.len()]);
        pair(&now, &keyed, &mut is_new, &mut is_gone);
        let new = sorted.iter().zip(&is_new).filter(|(_, new)| **new);
        let gone = then.iter().zip(&is_gone).filter(|(_, gone)| **gone);
        Self {
            new: new.map(|(&(file, finding), _)| (Arc::from(file), finding.clone())).collect(),
            gone: gone.map(|(&finding, _)| finding.clone()).collect(),
            rules: rule_changes(&report.rules, &earlier.rules),
            not_judged: earlier.files.iter().map(|file| &file.file).filter(|file| !is_judged(file)).cloned().collect(),
        }
    }

    /// Severity of the weightiest new finding.
    pub fn worst(&self) -> Option<Severity> {
        self.new.iter().map(|(_, finding)| finding.severity).max()
    }
}

/// Pairs what is the same verdict, the likest first; what is left keeps its flag.
fn pair(
    now: &[(FindingKey, MatchDetails<'_>)],
    then: &[(FindingKey, MatchDetails<'_>)],
    is_new: &mut [bool],
    is_gone: &mut [bool],
) {
    let likeness: [fn(MatchDetails<'_>) -> MatchDetails<'_>; 3] =
        [|more| more, |(pointer, _)| (pointer, None), |_| (None, None)];
    for like in likeness {
        let mut waiting: HashMap<(&FindingKey, MatchDetails<'_>), VecDeque<usize>> = HashMap::new();
        for (place, (key, more)) in then.iter().enumerate().filter(|&(place, _)| is_gone[place]) {
            waiting.entry((key, like(*more))).or_default().push_back(place);
        }
        for ((key, more), new) in now.iter().zip(&mut *is_new).filter(|(_, new)| **new) {
            let partner = waiting.get_mut(&(key, like(*more))).and_then(VecDeque::pop_front);
            if let Some(partner) = partner {
                (*new, is_gone[partner]) = (false, false);
            }
        }
    }
}

fn rule_changes(now: &[RuleSummary], then: &[EarlierTally]) -> Vec<RuleChange> {
    let mut changes: BTreeMap<&Arc<str>, (Option<RuleVerdictCounts>, Option<RuleVerdictCounts>)> = BTreeMap::new();
    for tally in then {
        changes.entry(&tally.rule).or_default().0 = Some(tally.verdicts);
    }
    for RuleSummary { rule, passed, failed, not_judged } in now {
        let verdicts = RuleVerdictCounts { passed: *passed, failed: *failed, not_judged: *not_judged };
        changes.entry(rule).or_default().1 = Some(verdicts);
    }
    changes
        .into_iter()
        // A rule that is new, or gone, but never said anything, changes no verdict.
        .filter(|(_, (before, after))| before.unwrap_or_default() != after.unwrap_or_default())
        .map(|(rule, (before, after))| RuleChange { rule: Arc::clone(rule), before, after })
        .collect()
}
