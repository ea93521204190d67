//! What `umpire check` has to say of its files, before it is put into a format.
//!
//! `files → judge → CheckReport → text | JSON`, and `worst → exit status`

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use jiff::civil::Date;

use super::recognized::{Recognized, unjudged};
use crate::baseline::{AppliedBaseline, Baseline};
use crate::coverage::Coverage;
use crate::exchange::{Exchange, FailureKind, Simulator};
use crate::finding::{Finding, FindingTally, Severity, VerdictCounts, causes};

/// The verdict on one or more recordings.
#[derive(Debug, Clone, Default)]
pub struct CheckReport {
    /// The files in the order of the command line, each name once.
    pub files: Vec<FileReport>,
    /// Findings with the name of their file (as in `files`), in any order: the formats put them in order.
    pub findings: Vec<(Arc<str>, Finding)>,
    /// The rules that were asked, in any order.
    pub rules: Vec<RuleSummary>,
    /// How many verdicts were given by these rules, and why others could not be.
    pub verdicts: VerdictCounts,
    /// Findings on the broker that are not among `findings`, since their requests were refused as they should be.
    pub muted: u64,
    /// The filter that chose the findings, if there was one.
    pub filter: Option<FilterReport>,
    /// What there was no room for.
    pub left_out: OmittedCounts,
    /// Findings that are not among `findings` for lack of room. They are a part of [`OmittedCounts::findings`].
    pub untold: FindingTally,
    /// What became of the baseline, where there is one. What it set aside is not among the findings.
    pub baseline: Option<BaselineReport>,
    /// How far every rule has come, where that was asked for.
    pub coverage: Option<Coverage>,
}

/// What a filter chose.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct FilterReport {
    /// The filter, as it was written.
    pub filter: String,
    /// Exchanges that matched.
    pub exchanges: u64,
    /// Findings that did not match, and are not listed.
    pub hidden: u64,
}

impl FilterReport {
    /// Nothing chosen yet.
    pub fn new(filter: String) -> Self {
        Self { filter, exchanges: 0, hidden: 0 }
    }
}

/// What was left out for lack of room: each list that a recording can make long has a bound.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct OmittedCounts {
    /// Booking flows of which exchanges were forgotten: later ones were judged without them.
    pub flows: u64,
    /// Opportunities of open data that were forgotten.
    pub open_data: u64,
    /// Findings that were counted and not told, because one exchange, or all files, have too many of one rule.
    pub findings: u64,
}

impl OmittedCounts {
    /// True if there was room for everything.
    pub(crate) fn is_nothing(self) -> bool {
        self == Self::default()
    }
}

impl std::ops::AddAssign for OmittedCounts {
    fn add_assign(&mut self, other: Self) {
        self.flows += other.flows;
        self.open_data += other.open_data;
        self.findings += other.findings;
    }
}

/// What became of a baseline.
#[derive(Debug, Clone)]
pub struct BaselineReport {
    /// Its name as given on the command line.
    pub file: String,
    /// What it set aside, and what became of its entries.
    pub applied: AppliedBaseline,
}

/// One file that was judged.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct FileReport {
    /// Its name as given on the command line.
    pub file: Arc<str>,
    /// Exchanges in it.
    pub exchanges: u64,
    /// Distinct Order UUIDs in it.
    pub bookings: u64,
    /// What is odd about its entries or lines, and what was made of it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub odd: Vec<OddReport>,
    /// Who made answers of it in the booking system's place.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub simulated: Vec<SimulatedReport>,
    /// Why it could not be read to its end, if that is so: what stands before was judged.
    #[serde(rename = "fault", skip_serializing_if = "Option::is_none")]
    pub unread: Option<String>,
    /// How many verdicts were given on it, and why others could not be.
    #[serde(skip)]
    pub verdicts: VerdictCounts,
    /// What its exchanges were taken for.
    #[serde(skip)]
    pub recognized: Recognized,
}

impl FileReport {
    /// Says that most of it could not be judged, why, and what to do about it; `None` where it could.
    pub fn unjudged(&self) -> Option<String> {
        unjudged(&self.recognized, &self.verdicts, true)
    }
}

/// Answers of a file that are none of a booking system.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct SimulatedReport {
    /// Who made them: `replay` or `fault`.
    pub by: &'static str,
    /// How many there are.
    pub exchanges: u64,
    /// What they were made of, the first ten of it: of a replay the recordings, of faults the faults.
    pub of: Vec<String>,
}

/// Most recordings, or faults, that are named of which answers were made.
const MOST_NAMED: usize = 10;

impl SimulatedReport {
    /// Counts an exchange, if somebody made its answer in the booking system's place.
    pub fn count(all: &mut Vec<Self>, exchange: &Exchange) {
        let missed = exchange.failure.as_ref().is_some_and(|failure| failure.kind == FailureKind::NoReplay);
        let (by, of) = match &exchange.simulated {
            Some(simulated) => (simulated.by.as_str(), Some(simulated.source()).filter(|of| !of.is_empty())),
            None if missed => (Simulator::Replay.as_str(), None),
            None => return,
        };
        let at = all.iter().position(|report| report.by == by).unwrap_or_else(|| {
            all.push(Self { by, exchanges: 0, of: Vec::new() });
            all.len() - 1
        });
        let report = &mut all[at];
        report.exchanges += 1;
        if let Some(of) = of.filter(|of| report.of.len() < MOST_NAMED && !report.of.iter().any(|other| other == of)) {
            report.of.push(of.to_owned());
        }
    }

    /// The same in a sentence, of a file with so many exchanges.
    pub(crate) fn in_words(&self, exchanges: u64) -> String {
        let Self { by, exchanges: count, of } = self;
        if *by == Simulator::Fault.as_str() {
            return format!(
                "{count} of {exchanges} exchanges have a fault that Umpire made on purpose, and say nothing of the booking \
                 system: {}",
                of.join(", ")
            );
        }
        let of = if of.is_empty() { String::new() } else { format!(" of {}", of.join(", ")) };
        format!("{count} of {exchanges} exchanges were answered by a {by}{of}, not by a booking system")
    }
}

/// Something odd about entries or lines of a file.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct OddReport {
    /// What is odd, in words.
    pub what: String,
    /// What was made of it: `left-out`, `not-recorded` or `mended`.
    pub outcome: &'static str,
    /// Of how many entries or lines it is true.
    pub count: u64,
    /// 1-based number of the first of them.
    pub first: u64,
    /// All of that in a sentence.
    #[serde(skip)]
    pub words: String,
}

/// How often a rule was asked, and what it said.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct RuleSummary {
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
        self.tally().worst()
    }

    /// Findings by side and severity.
    pub fn tally(&self) -> FindingTally {
        let mut tally = self.untold;
        self.findings.iter().for_each(|(_, finding)| tally.add(finding));
        tally
    }

    /// Says that most could not be judged, of all files or of one of them, why, and what to do about it. Whoever reads only one
    /// line of a report has to read this one. `None` where all files could be judged.
    pub(crate) fn headline(&self) -> Option<String> {
        if self.exchanges() == 0 {
            return None;
        }
        if let Some(whole) = unjudged(&self.recognized(), &self.verdicts, true) {
            return Some(whole);
        }
        let mut files = self.files.iter().filter_map(|file| Some((file, file.unjudged()?)));
        let (first, words) = files.next()?;
        let more = match files.count() {
            0 => String::new(),
            more => format!(" (and {more} more files like that)"),
        };
        Some(format!("{}: {words}{more}", first.file))
    }

    /// What the exchanges of all files were taken for.
    pub fn recognized(&self) -> Recognized {
        let mut all = Recognized::default();
        self.files.iter().for_each(|file| all.merge(&file.recognized));
        all
    }

    /// Exchanges in all files.
    pub fn exchanges(&self) -> u64 {
        self.files.iter().map(|file| file.exchanges).sum()
    }

    /// Bookings in all files.
    pub fn bookings(&self) -> u64 {
        self.files.iter().map(|file| file.bookings).sum()
    }

    /// How much is odd about entries and lines of all files, by what was made of it.
    pub(super) fn odd(&self) -> BTreeMap<&'static str, u64> {
        let mut counts = BTreeMap::new();
        for odd in self.files.iter().flat_map(|file| &file.odd) {
            *counts.entry(odd.outcome).or_default() += odd.count;
        }
        counts
    }

    /// A baseline of all findings.
    pub fn baseline(&self) -> Baseline {
        Baseline::of(self.findings.iter().map(|(_, finding)| finding))
    }

    /// Takes the findings out that a baseline knows of. Its file is named as given. `today` decides what has expired.
    pub fn set_aside(&mut self, baseline: &Baseline, file: &str, today: Date, is_asked: impl Fn(&str) -> bool) {
        let sorted = self.sorted();
        let findings: Vec<&Finding> = sorted.iter().map(|&(_, finding)| finding).collect();
        let applied = baseline.apply(&findings, today, is_asked);
        let counted = sorted.iter().zip(&applied.aside).filter(|(_, aside)| !**aside);
        self.findings = counted.map(|(&(file, finding), _)| (Arc::from(file), finding.clone())).collect();
        self.baseline = Some(BaselineReport { file: file.to_owned(), applied });
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

    /// For each of the [`Self::sorted`] findings the index of the one that it follows from.
    pub(super) fn causes(sorted: &[(&str, &Finding)]) -> Vec<Option<usize>> {
        let mut all = Vec::with_capacity(sorted.len());
        for of_file in sorted.chunk_by(|a, b| a.0 == b.0) {
            let start = all.len();
            let findings: Vec<&Finding> = of_file.iter().map(|&(_, finding)| finding).collect();
            all.extend(causes(&findings).into_iter().map(|cause| cause.map(|cause| start + cause)));
        }
        all
    }

    /// The rules by id.
    pub(super) fn sorted_rules(&self) -> Vec<&RuleSummary> {
        let mut rules: Vec<&RuleSummary> = self.rules.iter().collect();
        rules.sort_by(|a, b| a.rule.cmp(&b.rule));
        rules
    }
}

/// A pointer as it sorts: array indices by their number.
fn natural(pointer: &str) -> Vec<(u64, &str)> {
    pointer.split('/').map(|step| (step.parse().unwrap_or(u64::MAX), step)).collect()
}
