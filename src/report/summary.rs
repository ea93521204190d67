//! What a run amounts to: counted while its events pass, printed at its end.
//!
//! `Event, Event, ... → Summary → plain | json_lines`

use std::collections::HashMap;
use std::sync::Arc;

use super::recognized::{Recognized, unjudged};
use crate::coverage::Coverage;
use crate::event::{Event, RecordingStatus};
use crate::finding::{FindingTally, Severity, Side, VerdictCounts};
use crate::judged::Judged;
use crate::openbooking::Bookings;

/// Most rules that are counted by name; real rule sets have a few hundred.
const MAX_NAMES: usize = 10_000;

/// Counts of a run.
#[derive(Debug, Default)]
pub struct Summary {
    exchanges: u64,
    failed_exchanges: u64,
    bookings: Bookings,
    tally: FindingTally,
    rules: HashMap<Arc<str>, (Severity, Side, u64)>,
    verdicts: VerdictCounts,
    recognized: Recognized,
    muted: u64,
    recording: Option<RecordingStatus>,
    unread: u64,
    coverage: Option<Arc<Coverage>>,
    /// Events that did not reach this summary because the front end was too slow; the caller sets it.
    pub not_shown: u64,
}

impl Summary {
    /// Connections and requests that passed unread, because their hosts were not to be intercepted.
    pub fn unread(&self) -> u64 {
        self.unread
    }

    /// Nothing counted yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Counts an event.
    pub fn add(&mut self, event: &Event) {
        match event {
            Event::Exchange(judged) => self.add_exchange(judged),
            Event::Past(past) => past.iter().for_each(|judged| self.add_exchange(judged)),
            Event::Recording(state) => self.recording = Some(state.clone()),
            Event::Coverage(coverage) => self.coverage = Some(Arc::clone(coverage)),
            Event::Unread { count, .. } => self.unread = (*count).max(self.unread),
            Event::Notice(_) | Event::Progress(_) | Event::Request(_) => {}
        }
    }

    fn add_exchange(&mut self, judged: &Judged) {
        self.exchanges += 1;
        self.failed_exchanges += u64::from(judged.exchange.failure.is_some());
        if let Some(uuid) = &judged.order_uuid {
            self.bookings.add(uuid);
        }
        for finding in &judged.findings {
            self.tally.add(finding);
            let rule = &finding.rule;
            if let Some((severity, _, count)) = self.rules.get_mut(rule.id.as_str()) {
                *severity = finding.severity.max(*severity);
                *count += 1;
            } else if self.rules.len() < MAX_NAMES {
                self.rules.insert(rule.id.as_str().into(), (finding.severity, rule.side, 1));
            }
        }
        self.muted += u64::from(judged.muted);
        self.verdicts.passed += u64::from(judged.passed);
        self.verdicts.failed += judged.findings.len() as u64 + u64::from(judged.muted);
        for missing in &judged.not_judged {
            self.verdicts.add_not_judged(&missing.because, 1);
        }
        self.recognized.add(judged);
    }

    /// Exchanges.
    pub fn exchanges(&self) -> u64 {
        self.exchanges
    }

    /// Exchanges that did not come to their end, for want of an answer or because one side went away.
    pub fn failed_exchanges(&self) -> u64 {
        self.failed_exchanges
    }

    /// Distinct Order UUIDs, up to what [`Bookings`] counts.
    pub fn bookings(&self) -> u64 {
        self.bookings.count()
    }

    /// Findings by side and severity.
    pub fn tally(&self) -> &FindingTally {
        &self.tally
    }

    /// How many verdicts were given, and why others could not be.
    pub fn verdicts(&self) -> &VerdictCounts {
        &self.verdicts
    }

    /// Says that most could not be judged, why, and what to do about it; `None` where it could, and before the first exchange.
    /// `remedy` says which option of `check` and `view` names the Base URI.
    pub fn unjudged(&self, remedy: bool) -> Option<String> {
        unjudged(&self.recognized, &self.verdicts, remedy).filter(|_| self.exchanges > self.failed_exchanges)
    }

    /// Findings that were not told, since their requests were refused as they should be.
    pub fn muted(&self) -> u64 {
        self.muted
    }

    /// The rules that fired: id, weightiest severity, side and number of findings; the most frequent first.
    pub fn rules(&self) -> Vec<(&str, Severity, Side, u64)> {
        let mut rules: Vec<_> =
            self.rules.iter().map(|(id, &(severity, side, count))| (&**id, severity, side, count)).collect();
        rules.sort_by(|a, b| b.3.cmp(&a.3).then(b.1.cmp(&a.1)).then(a.0.cmp(b.0)));
        rules
    }

    /// How far every rule has come, if anybody said.
    pub fn coverage(&self) -> Option<&Coverage> {
        self.coverage.as_deref()
    }

    /// How many exchanges are missing from the recording.
    pub fn missed(&self) -> u64 {
        self.recording.as_ref().map_or(0, RecordingStatus::missed)
    }

    /// The last known state of recording.
    pub fn recording(&self) -> Option<&RecordingStatus> {
        self.recording.as_ref()
    }
}
