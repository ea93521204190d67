//! Which rules had something to say, as JSON: the same in every JSON output.
//!
//! `Coverage → {"features": {"all", "seen"}, "rules": …, "groups": [...]}`

use serde::Serialize;

use crate::coverage::{Coverage, CoverageState, FeatureGroup};

/// How far every rule has come, by feature.
#[derive(Serialize)]
pub(super) struct CoverageJson<'c> {
    features: SeenCount,
    rules: SeenCount,
    groups: Vec<GroupJson<'c>>,
}

#[derive(Serialize)]
struct SeenCount {
    all: usize,
    seen: usize,
}

#[derive(Serialize)]
struct GroupJson<'c> {
    name: &'c str,
    kind: &'static str,
    state: CoverageState,
    #[serde(skip_serializing_if = "Option::is_none")]
    untried: Option<&'c str>,
    rules: Vec<RuleJson<'c>>,
}

#[derive(Serialize)]
struct RuleJson<'c> {
    rule: &'c str,
    state: CoverageState,
}

impl<'c> CoverageJson<'c> {
    pub(super) fn new(coverage: &'c Coverage) -> Self {
        let groups = coverage.groups();
        let features: Vec<&FeatureGroup<'_>> = groups.iter().filter(|group| group.is_feature).collect();
        let seen = features.iter().filter(|group| group.reach().is_exercised()).count();
        Self {
            features: SeenCount { all: features.len(), seen },
            rules: SeenCount { all: coverage.rules.len(), seen: coverage.exercised() },
            groups: groups.iter().map(GroupJson::new).collect(),
        }
    }
}

impl<'c> GroupJson<'c> {
    fn new(group: &FeatureGroup<'c>) -> Self {
        let untried = group.is_feature && group.reach() == CoverageState::NeverReached;
        Self {
            name: group.name,
            kind: if group.is_feature { "feature" } else { "area" },
            state: group.reach(),
            untried: untried.then(|| group.in_words()),
            rules: group.rules.iter().map(|rule| RuleJson { rule: &rule.rule.id, state: rule.reach() }).collect(),
        }
    }
}
