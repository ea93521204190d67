//! How many verdicts were given and how many were not, why, and what to do about it.
//!
//! ```text
//! verdicts ─► VerdictCounts ─► "400 passed, 5,655 not judged: bodies are missing; save the HAR with content"
//! ```
//!
//! A recording of which little could be judged must not look like one without faults.

use std::collections::BTreeMap;
use std::sync::Arc;

/// Most reasons that are told apart. Verdicts with further ones count as [`OTHER_REASONS`].
const MOST_REASONS: usize = 1_000;

/// Stands for the reasons for which there was no more room.
pub(crate) const OTHER_REASONS: &str = "other reasons";

/// What a recording lacks, so that verdicts could not be given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Gap {
    /// It does not hold bodies.
    Bodies,
    /// It holds the beginning of bodies.
    Rests,
    /// It does not hold header fields.
    Headers,
    /// It does not hold credentials.
    Credentials,
    /// It does not hold answers.
    Answers,
}

/// The reasons that speak of a gap, as the rules give them.
const REASONS: [(&str, Gap); 14] = [
    ("the request body was not recorded", Gap::Bodies),
    ("the response body was not recorded", Gap::Bodies),
    ("the request body was recorded only in part", Gap::Rests),
    ("the response body was recorded only in part", Gap::Rests),
    ("the header fields of the request were not recorded", Gap::Headers),
    ("the header fields of the response were not recorded", Gap::Headers),
    ("the request body can't be read, as its content coding was not recorded", Gap::Headers),
    ("the response body can't be read, as its content coding was not recorded", Gap::Headers),
    ("the credentials of the request were not recorded", Gap::Credentials),
    ("the credentials of the response were not recorded", Gap::Credentials),
    ("the credentials were taken out of the recording", Gap::Credentials),
    ("there is no answer: no answer was recorded", Gap::Answers),
    ("the answer to an earlier call was not recorded", Gap::Answers),
    ("the answer to an earlier call of this booking was not recorded", Gap::Answers),
];

impl Gap {
    /// The gap that a reason speaks of; `None` if the recording lacks nothing.
    pub fn of(reason: &str) -> Option<Self> {
        REASONS.iter().find(|(known, _)| *known == reason).map(|(_, gap)| *gap)
    }

    /// What is missing, in words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Bodies => "bodies are missing",
            Self::Rests => "bodies were recorded only in part",
            Self::Headers => "header fields are missing",
            Self::Credentials => "credentials are missing",
            Self::Answers => "answers are missing",
        }
    }

    /// What to do about it.
    pub fn remedy(self) -> &'static str {
        match self {
            Self::Bodies => "save the HAR with content",
            Self::Rests => "record more of each body (kept-body-bytes in umpire.toml)",
            Self::Headers => "export the recording with headers",
            Self::Credentials => "export the recording with credentials (Umpire makes fingerprints of them)",
            Self::Answers => "save the recording when the answers have come",
        }
    }
}

/// How many verdicts passed, failed and could not be given, and why not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct VerdictCounts {
    /// Verdicts that passed.
    pub passed: u64,
    /// Findings.
    pub failed: u64,
    /// Verdicts that could not be given.
    pub not_judged: u64,
    reasons: BTreeMap<Arc<str>, u64>,
}

impl VerdictCounts {
    /// Counts verdicts that could not be given for one reason.
    pub fn add_not_judged(&mut self, reason: &Arc<str>, count: u64) {
        self.not_judged += count;
        if let Some(known) = self.reasons.get_mut(reason) {
            *known += count;
        } else if self.reasons.len() < MOST_REASONS {
            self.reasons.insert(Arc::clone(reason), count);
        } else {
            *self.reasons.entry(Arc::from(OTHER_REASONS)).or_default() += count;
        }
    }

    /// Counts what another one has counted.
    pub fn add(&mut self, other: &Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        other.reasons.iter().for_each(|(reason, count)| self.add_not_judged(reason, *count));
    }

    /// What was counted since an earlier count of the same.
    pub fn since(&self, earlier: &Self) -> Self {
        let mut counts = Self {
            passed: self.passed.saturating_sub(earlier.passed),
            failed: self.failed.saturating_sub(earlier.failed),
            ..Self::default()
        };
        for (reason, count) in &self.reasons {
            let before = earlier.reasons.get(reason).copied().unwrap_or_default();
            if *count > before {
                counts.add_not_judged(reason, count - before);
            }
        }
        counts
    }

    /// The reasons for "not judged", the most frequent first.
    pub fn reasons(&self) -> Vec<(&str, u64)> {
        let mut reasons: Vec<(&str, u64)> = self.reasons.iter().map(|(reason, &count)| (&**reason, count)).collect();
        reasons.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
        reasons
    }

    /// The part of all verdicts that could not be given, from 0 to 1; 1 where no rule was asked.
    pub(crate) fn unjudged_share(&self) -> f64 {
        match self.passed + self.failed + self.not_judged {
            0 => 1.0,
            all => self.not_judged as f64 / all as f64,
        }
    }

    /// True if no rule had anything to say.
    pub fn is_empty(&self) -> bool {
        self.passed + self.failed + self.not_judged == 0
    }

    /// True if no verdict was given, or more could not be given than were.
    pub(crate) fn is_mostly_unjudged(&self) -> bool {
        self.unjudged_share() > 0.5
    }

    /// `400 passed, 5,655 not judged: bodies are missing; save the HAR with content`
    pub(crate) fn headline(&self) -> String {
        let numbers = format!("{} passed, {} not judged", grouped(self.passed), grouped(self.not_judged));
        match self.main_reason() {
            Some(reason) => format!("{numbers}: {reason}"),
            None => numbers,
        }
    }

    /// What most of them lack, and what to do about it; where that is no gap of the recording, the most frequent reason.
    fn main_reason(&self) -> Option<String> {
        let mut gaps: BTreeMap<Gap, u64> = BTreeMap::new();
        let mut other: Option<(&str, u64)> = None;
        for (reason, count) in self.reasons() {
            match Gap::of(reason) {
                Some(gap) => *gaps.entry(gap).or_default() += count,
                None => other = other.or(Some((reason, count))),
            }
        }
        let gap = gaps.into_iter().max_by_key(|(gap, count)| (*count, std::cmp::Reverse(*gap)));
        match (gap, other) {
            (Some((gap, count)), other) if other.is_none_or(|(_, others)| count >= others) => {
                Some(format!("{}; {}", gap.words(), gap.remedy()))
            }
            (_, other) => other.map(|(reason, _)| reason.to_owned()),
        }
    }
}

/// A number with a comma before each three digits: `5,655`.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(passed: u64, failed: u64, reasons: &[(&str, u64)]) -> VerdictCounts {
        let mut counts = VerdictCounts { passed, failed, ..VerdictCounts::default() };
        for (reason, count) in reasons {
            counts.add_not_judged(&Arc::from(*reason), *count);
        }
        counts
    }

    #[test]
    fn the_headline_says_what_is_missing_and_what_to_do() {
        let bodies = [("the response body was not recorded", 5_000), ("the request body was not recorded", 600)];
        let counts = counts(400, 0, &[&bodies[..], &[("no quote was seen", 55)]].concat());
        assert_eq!(counts.headline(), "400 passed, 5,655 not judged: bodies are missing; save the HAR with content");
        assert!(counts.is_mostly_unjudged());
        assert_eq!(counts.reasons()[0], ("the response body was not recorded", 5_000));
    }

    #[test]
    fn a_reason_that_is_no_gap_stands_for_itself() {
        let counts = counts(1, 1, &[("no quote was seen", 9), ("the request body was not recorded", 2)]);
        assert_eq!(counts.headline(), "1 passed, 11 not judged: no quote was seen");
        assert_eq!(self::counts(0, 0, &[]).headline(), "0 passed, 0 not judged");
    }

    #[test]
    fn shares() {
        for (passed, failed, not_judged, share, mostly) in
            [(0, 0, 0, 1.0, true), (5, 5, 10, 0.5, false), (9, 0, 11, 0.55, true), (0, 3, 0, 0.0, false)]
        {
            let counts = counts(passed, failed, &[("x", not_judged)]);
            assert!((counts.unjudged_share() - share).abs() < 1e-9, "{counts:?}");
            assert_eq!(counts.is_mostly_unjudged(), mostly, "{counts:?}");
        }
    }

    #[test]
    fn all_are_counted_however_many_reasons_there_are() {
        let mut counts = VerdictCounts::default();
        for number in 0..MOST_REASONS + 10 {
            counts.add_not_judged(&Arc::from(format!("reason {number}").as_str()), 1);
        }
        let sum: u64 = counts.reasons().iter().map(|(_, count)| count).sum();
        assert_eq!((counts.not_judged, sum), (MOST_REASONS as u64 + 10, MOST_REASONS as u64 + 10));
        assert_eq!(counts.reasons()[0], (OTHER_REASONS, 10));
    }

    #[test]
    fn numbers_are_grouped() {
        for (number, text) in [(0, "0"), (999, "999"), (1_000, "1,000"), (5_655, "5,655"), (1_234_567, "1,234,567")] {
            assert_eq!(grouped(number), text);
        }
    }
}
