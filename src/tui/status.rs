//! What the screen knows of the run as a whole: the header and the event log tell it.
//!
//! `Event → Status`

use std::collections::VecDeque;
use std::sync::Arc;

use jiff::Timestamp;

use crate::coverage::Coverage;
use crate::event::{Progress, RecordingStatus, RunContext, RunMode};
use crate::finding::{FindingTally, VerdictCounts};
use crate::judged::Judged;

/// Most notices that are kept. Past it the oldest go.
const MAX_NOTICES: usize = 1_000;

/// The run as a whole.
#[derive(Debug)]
pub(super) struct Status {
    pub(super) context: RunContext,
    pub(super) recording: Option<RecordingStatus>,
    /// The notices and when they came, the newest last.
    pub(super) notices: VecDeque<(Timestamp, String)>,
    /// No more events come.
    pub(super) ended: bool,
    /// The latest host that passed unread, and how many have.
    pub(super) unread: Option<(String, u64)>,
    pub(super) tally: FindingTally,
    pub(super) exchanges: u64,
    /// How far recording and judging have come, as last told.
    pub(super) progress: Option<Progress>,
    /// How many verdicts were given, and why others could not be.
    pub(super) verdicts: VerdictCounts,
    /// Findings on requests that were refused as they should be, which are not told.
    pub(super) muted: u64,
    /// Events that were dropped on their way to the screen.
    pub(super) not_shown: u64,
    /// How far every rule has come, as last told.
    pub(super) coverage: Option<Arc<Coverage>>,
}

impl Status {
    pub(super) fn new(context: RunContext, now: Timestamp) -> Self {
        // Until there is something else to say.
        let notices = context.settings.as_ref().map(|settings| (now, format!("settings of {settings}")));
        Self {
            context,
            recording: None,
            notices: notices.into_iter().collect(),
            ended: false,
            unread: None,
            tally: FindingTally::default(),
            exchanges: 0,
            progress: None,
            verdicts: VerdictCounts::default(),
            muted: 0,
            not_shown: 0,
            coverage: None,
        }
    }

    /// Counts one more exchange.
    pub(super) fn count(&mut self, judged: &Judged) {
        self.exchanges += 1;
        self.muted += u64::from(judged.muted);
        self.tally.add_all(&judged.tally());
        self.verdicts.passed += u64::from(judged.passed);
        self.verdicts.failed += judged.findings.len() as u64 + u64::from(judged.muted);
        judged.not_judged.iter().for_each(|missing| self.verdicts.add_not_judged(&missing.because, 1));
    }

    /// Takes one more notice in, which has come now.
    pub(super) fn notice(&mut self, now: Timestamp, notice: String) {
        if self.notices.len() >= MAX_NOTICES {
            self.notices.pop_front();
        }
        self.notices.push_back((now, notice));
    }

    /// True if all of a recording has been read, and nothing more comes.
    pub(super) fn is_read(&self) -> bool {
        self.ended && self.context.mode == RunMode::View
    }

    /// How long the oldest exchange that is not judged has waited, in whole seconds.
    pub(super) fn lag_seconds(&self) -> u64 {
        self.progress.map_or(0, |progress| progress.lag.as_secs())
    }

    /// What there is to say of a recording of which little could be judged.
    pub(super) fn little_judged(&self) -> Option<String> {
        let little = self.context.mode == RunMode::View && self.exchanges > 0 && self.verdicts.is_mostly_unjudged();
        little.then(|| format!("little was judged: {}", self.verdicts.headline()))
    }

    /// The recording that others can be pointed to; `FILE` where there is none.
    pub(super) fn file(&self) -> &str {
        let now = match &self.recording {
            Some(RecordingStatus::On { file, .. }) => Some(file),
            _ => self.context.capture.as_ref(),
        };
        now.map_or("FILE", String::as_str)
    }
}
