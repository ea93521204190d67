//! The features of OpenActive's test suite: where the tests of a rule's `feature` are, and how they are run.
//!
//! `rules/features.toml → Features → Feature { category, tested }`

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

/// The package of the test suite that holds the tests.
pub(crate) const PACKAGE: &str = "packages/openactive-integration-tests";

/// All features of the test suite.
#[derive(Debug, Default, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Features {
    categories: BTreeMap<String, Vec<String>>,
    untested: BTreeSet<String>,
}

/// One feature of the test suite.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Feature<'f> {
    /// The folder of features that it is in, such as `core`.
    pub category: &'f str,
    /// Its name in the configuration of the test suite, such as `agent-broker`.
    pub name: &'f str,
    /// The test suite has tests for booking systems that have the feature.
    pub tested: bool,
}

impl Features {
    /// All, by category and name.
    pub fn all(&self) -> impl Iterator<Item = Feature<'_>> {
        self.categories.iter().flat_map(|(category, names)| {
            names.iter().map(|name| Feature { category, name, tested: !self.untested.contains(name) })
        })
    }

    /// The feature of a name; `None` if the test suite has none.
    pub fn get(&self, name: &str) -> Option<Feature<'_>> {
        self.all().find(|feature| feature.name == name)
    }
}

impl Feature<'_> {
    /// Folder of its tests, below `PACKAGE`.
    pub fn folder(&self) -> String {
        format!("test/features/{}/{}", self.category, self.name)
    }
}
