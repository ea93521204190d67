//! Which exchanges are listed: a quick choice by a key, and a filter that was typed.
//!
//! `QuickFilter (F) and filter::Filter (/) → ListFilter → admitted or not`

use std::sync::Arc;

use crate::filter;
use crate::finding::{Finding, Severity, Side};
use crate::judged::Judged;

/// A quick choice of what is listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum QuickFilter {
    /// All.
    All,
    /// What has findings.
    Findings,
    /// What has failures of one side.
    FailuresOf(Side),
}

impl QuickFilter {
    /// The next choice.
    pub(super) fn next(self) -> Self {
        match self {
            Self::All => Self::Findings,
            Self::Findings => Self::FailuresOf(Side::BookingSystem),
            Self::FailuresOf(Side::BookingSystem) => Self::FailuresOf(Side::Broker),
            Self::FailuresOf(Side::Broker) => Self::All,
        }
    }

    /// True if a finding of this side and severity is among what is chosen.
    pub(super) fn admits(self, side: Side, severity: Severity) -> bool {
        match self {
            Self::All | Self::Findings => true,
            Self::FailuresOf(of) => of == side && severity == Severity::Failure,
        }
    }

    pub(super) fn words(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Findings => "with findings",
            Self::FailuresOf(Side::Broker) => "the broker's failures",
            Self::FailuresOf(Side::BookingSystem) => "the booking system's failures",
        }
    }
}

/// Which exchanges are listed.
#[derive(Debug, Clone)]
pub(super) struct ListFilter {
    pub(super) narrow: QuickFilter,
    /// What was typed.
    typed: Option<Arc<filter::Filter>>,
}

impl ListFilter {
    /// The filter that admits all.
    pub(super) const ALL: Self = Self { narrow: QuickFilter::All, typed: None };

    /// With what was typed in place of what was typed before.
    pub(super) fn typed(&self, typed: filter::Filter) -> Self {
        Self { typed: (!typed.is_empty()).then(|| Arc::new(typed)), narrow: self.narrow }
    }

    /// With the next quick choice.
    pub(super) fn narrower(&self) -> Self {
        Self { narrow: self.narrow.next(), typed: self.typed.clone() }
    }

    /// True if it admits all.
    pub(super) fn is_all(&self) -> bool {
        self.narrow == QuickFilter::All && self.typed.is_none()
    }

    /// What was typed.
    pub(super) fn condition(&self) -> Option<&Arc<filter::Filter>> {
        self.typed.as_ref()
    }

    /// Both in words.
    pub(super) fn words(&self) -> String {
        let narrow = if self.narrow == QuickFilter::All { "" } else { self.narrow.words() };
        let text = self.text();
        [narrow, &text].into_iter().filter(|words| !words.is_empty()).collect::<Vec<_>>().join(", ")
    }

    /// What was typed; empty if nothing was.
    pub(super) fn text(&self) -> String {
        self.typed.as_ref().map_or_else(String::new, ToString::to_string)
    }

    /// The first finding of an exchange that is asked for, if not all are.
    pub(super) fn finding_of(&self, judged: &Judged, marked: bool) -> Option<usize> {
        let narrow = |finding: &Finding| self.narrow.admits(finding.rule.side, finding.severity);
        let by_side = || judged.findings.iter().position(narrow);
        match (&self.typed, self.narrow) {
            (Some(typed), _) => {
                let wanted = typed.findings(judged, marked).find(|finding| narrow(finding))?;
                judged.findings.iter().position(|finding| std::ptr::eq(finding, wanted))
            }
            (None, QuickFilter::FailuresOf(_)) => by_side(),
            (None, _) => None,
        }
    }

    pub(super) fn admits(&self, judged: &Judged, marked: bool) -> bool {
        let narrow = match self.narrow {
            QuickFilter::All => true,
            narrow => judged.findings.iter().any(|finding| narrow.admits(finding.rule.side, finding.severity)),
        };
        narrow && self.typed.as_ref().is_none_or(|typed| typed.matches(judged, marked))
    }
}
