//! What has been tried: which rules had something to say, by the features of OpenActive's test suite.
//!
//! `tallies of the judge → Coverage → groups (features, then areas) → "31 of 47 features seen; nobody has yet tried …"`
//!
//! A rule that never failed may never have been asked: that it wasn't is as much worth knowing as what failed.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::finding::RuleInfo;

/// How often every rule gave a verdict.
#[derive(Debug, Clone, Default)]
pub struct Coverage {
    /// The rules, by id.
    pub rules: Vec<RuleCoverage>,
}

/// How often one rule gave a verdict.
#[derive(Debug, Clone)]
pub struct RuleCoverage {
    /// The rule.
    pub rule: Arc<RuleInfo>,
    /// Verdicts that passed.
    pub passed: u64,
    /// Verdicts that failed.
    pub failed: u64,
    /// Verdicts that could not be given.
    pub not_judged: u64,
}

/// How far a rule, or the rules of a feature, have come. Ordered: failed is the greatest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum CoverageState {
    /// It had nothing to say: what it is about never happened.
    NeverReached,
    /// It had something to say, but not enough was seen to say it.
    NotJudged,
    /// All its verdicts passed.
    Passed,
    /// At least one of its verdicts failed.
    Failed,
}

impl CoverageState {
    /// All, those that matter most first.
    pub const ALL: [Self; 4] = [Self::Failed, Self::Passed, Self::NotJudged, Self::NeverReached];

    /// As it stands in a sentence.
    pub(crate) fn in_words(self) -> &'static str {
        match self {
            Self::NeverReached => "never reached",
            Self::NotJudged => "not judged",
            Self::Passed => "passed",
            Self::Failed => "failed",
        }
    }

    /// True if there was a verdict, good or bad.
    pub(crate) fn is_exercised(self) -> bool {
        self >= Self::Passed
    }
}

impl RuleCoverage {
    /// How far the rule has come.
    pub fn reach(&self) -> CoverageState {
        match self {
            Self { failed: 1.., .. } => CoverageState::Failed,
            Self { passed: 1.., .. } => CoverageState::Passed,
            Self { not_judged: 1.., .. } => CoverageState::NotJudged,
            _ => CoverageState::NeverReached,
        }
    }
}

/// The rules of one feature of the test suite, or, of those that belong to no feature, of one area.
#[derive(Debug, Clone)]
pub struct FeatureGroup<'c> {
    /// Name of the feature or area.
    pub name: &'c str,
    /// True for a feature of the test suite.
    pub is_feature: bool,
    /// Its rules, by id; at least one.
    pub rules: Vec<&'c RuleCoverage>,
}

impl<'c> FeatureGroup<'c> {
    /// How far the farthest of its rules has come.
    pub fn reach(&self) -> CoverageState {
        self.rules.iter().map(|rule| rule.reach()).max().unwrap_or(CoverageState::NeverReached)
    }

    /// Its rules that have come so far and no farther.
    pub fn of(&self, reach: CoverageState) -> impl Iterator<Item = &'c RuleCoverage> {
        self.rules.iter().copied().filter(move |rule| rule.reach() == reach)
    }

    /// How many of its rules had a verdict.
    pub fn exercised(&self) -> usize {
        self.rules.iter().filter(|rule| rule.reach().is_exercised()).count()
    }

    /// What one would see if somebody tried it: the title of its weightiest rule, the first by id of several.
    pub(crate) fn in_words(&self) -> &'c str {
        let weightiest = self.rules.iter().rev().max_by_key(|rule| rule.rule.severity);
        weightiest.map_or("", |rule| rule.rule.title.trim_end_matches('.'))
    }
}

impl Coverage {
    /// Features of the test suite by name, then areas of the rules that belong to none.
    pub fn groups(&self) -> Vec<FeatureGroup<'_>> {
        let mut groups: BTreeMap<(bool, &str), Vec<&RuleCoverage>> = BTreeMap::new();
        for rule in &self.rules {
            let area = rule.rule.id.split('/').next().unwrap_or_default();
            let key = rule.rule.feature.as_deref().map_or((true, area), |feature| (false, feature));
            groups.entry(key).or_default().push(rule);
        }
        groups
            .into_iter()
            .map(|((no_feature, name), rules)| FeatureGroup { name, is_feature: !no_feature, rules })
            .collect()
    }

    /// How many rules had a verdict.
    pub fn exercised(&self) -> usize {
        self.rules.iter().filter(|rule| rule.reach().is_exercised()).count()
    }

    /// `31 of 47 features of the test suite seen, 212 of 401 rules exercised`
    pub(crate) fn headline(&self) -> String {
        let groups = self.groups();
        let features = groups.iter().filter(|group| group.is_feature);
        let seen = features.clone().filter(|group| group.reach().is_exercised()).count();
        let count = |number: usize, noun: &str| format!("{number} {noun}{}", if number == 1 { "" } else { "s" });
        let (features, rules) = (count(features.count(), "feature"), count(self.rules.len(), "rule"));
        format!("{seen} of {features} of the test suite seen, {} of {rules} exercised", self.exercised())
    }

    /// The features that nobody has tried, in words, as one line; at most `most` of them. `None` if all were tried.
    pub(crate) fn untried(&self, most: usize) -> Option<String> {
        let groups = self.groups();
        let untried: Vec<&FeatureGroup<'_>> =
            groups.iter().filter(|group| group.is_feature && group.reach() == CoverageState::NeverReached).collect();
        let named: Vec<String> =
            untried.iter().take(most).map(|group| format!("{} ({})", group.name, group.in_words())).collect();
        let rest = match untried.len().saturating_sub(named.len()) {
            0 => String::new(),
            more => format!(", and {more} more"),
        };
        (!named.is_empty()).then(|| format!("nobody has yet tried {}{rest}", named.join(", ")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::{Severity, Side};

    fn rule(
        id: &str,
        severity: Severity,
        feature: Option<&str>,
        [passed, failed, not_judged]: [u64; 3],
    ) -> RuleCoverage {
        let feature = feature.map(str::to_owned);
        let rule = RuleInfo { feature, ..RuleInfo::for_tests(id, Side::Broker, severity) };
        RuleCoverage { rule: Arc::new(rule), passed, failed, not_judged }
    }

    fn coverage() -> Coverage {
        Coverage {
            rules: vec![
                rule("a/one", Severity::Failure, Some("second"), [3, 0, 1]),
                rule("a/two", Severity::Failure, Some("second"), [3, 1, 0]),
                rule("a/three", Severity::Failure, None, [0, 0, 0]),
                rule("b/four", Severity::Warning, Some("first"), [0, 0, 0]),
                rule("b/five", Severity::Failure, Some("first"), [0, 0, 0]),
                rule("b/six", Severity::Failure, Some("first"), [0, 0, 0]),
                rule("b/seven", Severity::Failure, Some("third"), [0, 0, 2]),
            ],
        }
    }

    #[test]
    fn rules_are_grouped_by_feature_then_area() {
        let coverage = coverage();
        let groups: Vec<(&str, bool, usize, CoverageState)> = coverage
            .groups()
            .iter()
            .map(|group| (group.name, group.is_feature, group.rules.len(), group.reach()))
            .collect();
        assert_eq!(
            groups,
            [
                ("first", true, 3, CoverageState::NeverReached),
                ("second", true, 2, CoverageState::Failed),
                ("third", true, 1, CoverageState::NotJudged),
                ("a", false, 1, CoverageState::NeverReached),
            ]
        );
    }

    #[test]
    fn what_nobody_tried_is_said_in_words() {
        let mut coverage = coverage();
        assert_eq!(coverage.headline(), "1 of 3 features of the test suite seen, 2 of 7 rules exercised");
        assert_eq!(coverage.untried(3).unwrap(), "nobody has yet tried first (The title of b/five)");
        coverage.rules[6].not_judged = 0;
        assert_eq!(coverage.untried(1).unwrap(), "nobody has yet tried first (The title of b/five), and 1 more");
        coverage.rules.retain(|rule| rule.rule.feature.as_deref() == Some("second"));
        assert_eq!(coverage.untried(3), None);
    }
}
