//! What became of the refusals that rules ask for.

use std::cell::{Cell, RefCell};
use std::sync::Arc;

use crate::finding::Severity;

/// What became of the refusals that the rules ask for in one exchange.
#[derive(Debug, Default)]
pub(crate) struct Refusals {
    passed: Cell<bool>,
    failed: Cell<bool>,
    kept: RefCell<Vec<Refusal>>,
}

impl Refusals {
    /// A rule found its refusal right.
    pub(crate) fn pass(&self) {
        self.passed.set(true);
    }

    /// A rule missed its refusal, or found it wrong.
    pub(crate) fn fail(&self) {
        self.failed.set(true);
    }

    /// Keeps what `refused(...)` evaluates to; gives its place.
    pub(crate) fn keep(&self, refusal: Refusal) -> usize {
        let mut kept = self.kept.borrow_mut();
        kept.push(refusal);
        kept.len() - 1
    }

    /// What was kept at a place.
    pub(crate) fn kept(&self, place: usize) -> Option<Refusal> {
        self.kept.borrow().get(place).cloned()
    }

    /// The request was refused as it should be: a rule says so, and none says otherwise.
    pub(crate) fn as_it_should_be(&self) -> bool {
        self.passed.get() && !self.failed.get()
    }
}

/// What `refused(...)` evaluates to.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Refusal {
    Passed,
    NotJudged(Arc<str>),
    Failed {
        /// Caps the rule's severity.
        at_most: Option<Severity>,
        pointer: &'static str,
        seen: String,
        expected: String,
        /// The types that the answer named, to be held against the other faults of the request.
        answered: Vec<String>,
    },
}
