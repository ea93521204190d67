//! Which exchanges a command is about: by time, path, booking, stage.
//!
//! `Exchange → all kinds of conditions hold, of each kind at least one → selected`

use std::path::Path;
use std::sync::Arc;

use clap::Args;
use jiff::Timestamp;

use crate::capture::{self, Meta};
use crate::cli::judging::{JudgingSetup, RuleArgs};
use crate::exchange::Exchange;
use crate::filter::Filter;
use crate::judged::Judged;
use crate::openbooking::{ParsedExchange, Stage, classify, is_uuid};
use crate::rules::Judge;
use crate::search::Pattern;
use crate::units;
use crate::verdicts::{CaptureId, VerdictFile, VerdictsFile, VerdictsKey};

/// Conditions on an exchange. Different options must all hold; of an option given several times, one value is enough.
#[derive(Debug, Default, Args)]
#[group(required = false)]
pub(crate) struct Selection {
    /// Exchanges that match, such as 'status:4xx stage:B' (docs/filter.md)
    #[arg(long, value_name = "FILTER")]
    filter: Option<Filter>,
    /// Exchanges that began at this time or later, such as 2026-11-24T07:00:00Z (without an offset: UTC)
    #[arg(long, value_name = "TIME", value_parser = units::time)]
    since: Option<Timestamp>,
    /// Exchanges that began before this time
    #[arg(long, value_name = "TIME", value_parser = units::time)]
    until: Option<Timestamp>,
    /// Exchanges whose path and query contain this text; * stands for anything (may be repeated)
    #[arg(long, value_name = "TEXT", value_parser = |text: &str| Ok::<_, String>(Pattern::new(text)))]
    path: Vec<Pattern>,
    /// Exchanges of this booking: its Order UUID (may be repeated)
    #[arg(long, value_name = "UUID", value_parser = uuid)]
    booking: Vec<Arc<str>>,
    /// Exchanges of this stage, such as C2 or orders-feed (may be repeated)
    #[arg(long, value_name = "STAGE", value_parser = stage)]
    stage: Vec<Stage>,
}

fn uuid(text: &str) -> Result<Arc<str>, String> {
    if is_uuid(text) { Ok(text.to_ascii_lowercase().into()) } else { Err(format!("{text:?} is no UUID")) }
}

fn stage(text: &str) -> Result<Stage, String> {
    Stage::ALL.into_iter().find(|stage| stage.as_str().eq_ignore_ascii_case(text)).ok_or_else(|| {
        let names: Vec<&str> = Stage::ALL.iter().map(|stage| stage.as_str()).collect();
        format!("there is no stage {text:?}; there are {}", names.join(", "))
    })
}

impl Selection {
    /// True if there is no condition: then everything is selected.
    pub(crate) fn is_everything(&self) -> bool {
        let Self { filter, since, until, path, booking, stage } = self;
        filter.is_none()
            && since.is_none()
            && until.is_none()
            && path.is_empty()
            && booking.is_empty()
            && stage.is_empty()
    }

    /// The filter among the conditions; see [`Filtered`].
    pub(crate) fn filter(&self) -> Option<&Filter> {
        self.filter.as_ref()
    }

    /// True if all conditions hold, the filter aside.
    pub(crate) fn holds(&self, exchange: &Arc<Exchange>) -> bool {
        let of =
            |stage: Stage| self.stage.contains(&stage) || (stage == Stage::B && self.stage.contains(&Stage::BAfterP));
        self.since.is_none_or(|since| exchange.started >= since)
            && self.until.is_none_or(|until| exchange.started < until)
            && (self.path.is_empty() || self.path.iter().any(|pattern| pattern.is_in(&exchange.request.target)))
            && (self.booking.is_empty() || booking(exchange).is_some_and(|uuid| self.booking.contains(&uuid)))
            && (self.stage.is_empty() || of(ParsedExchange::new(0, Arc::clone(exchange), None).stage))
    }
}

/// A filter on the way through a recording. Where it asks for findings, the recording is judged, unless verdicts are kept of it.
pub(crate) struct Filtered<'f> {
    filter: Option<&'f Filter>,
    judge: Option<Judge>,
    kept: Option<Box<VerdictFile>>,
    next: u64,
}

impl<'f> Filtered<'f> {
    /// At the start of a recording, of which this is known.
    pub(crate) fn new(filter: Option<&'f Filter>, file: &Path, meta: &Meta, rules: RuleArgs) -> anyhow::Result<Self> {
        let mut judge = match filter.filter(|filter| filter.needs_verdicts()) {
            Some(_) => Some(JudgingSetup::of_rules(rules)?.judge(meta.base_uris(), meta.is_foreign())),
            None => None,
        };
        let kept = judge.as_ref().and_then(|judge| kept_verdicts(file, judge));
        judge.take_if(|_| kept.is_some());
        Ok(Self { filter, judge, kept, next: 0 })
    }

    /// True if exchanges may be asked about in any order: if nothing is judged.
    pub(crate) fn is_in_any_order(&self) -> bool {
        self.judge.is_none()
    }

    /// True if the next exchange of the recording matches.
    pub(crate) fn matches(&mut self, exchange: &Arc<Exchange>) -> bool {
        self.matches_at(self.next, exchange)
    }

    /// True if this exchange matches. Out of order only where [`Filtered::is_in_any_order`] says so.
    pub(crate) fn matches_at(&mut self, index: u64, exchange: &Arc<Exchange>) -> bool {
        self.next = index + 1;
        let Some(filter) = self.filter else { return true };
        let kept = match &mut self.kept {
            Some(kept) => kept.row(index).ok().flatten().cloned(),
            None => None,
        };
        let judged = match (&mut self.judge, kept) {
            (Some(judge), _) => judge.judge(Arc::clone(exchange)),
            (None, Some(kept)) => Judged { exchange: Arc::clone(exchange), ..kept },
            (None, None) => {
                let parsed = ParsedExchange::new(index, Arc::clone(exchange), None);
                Judged::without_verdicts(index, parsed.exchange, parsed.stage, parsed.order_uuid)
            }
        };
        filter.matches(&judged, false)
    }
}

/// The verdicts that are kept of a recording by itself, as this judge would give them.
pub(crate) fn kept_verdicts(file: &Path, judge: &Judge) -> Option<Box<VerdictFile>> {
    if !capture::is_capture(file).ok()? {
        return None;
    }
    let id = CaptureId::of(file, CaptureId::default()).ok()?;
    match VerdictFile::open(file, VerdictsKey::of(judge), id, judge.book()) {
        VerdictsFile::Current(kept) => Some(kept),
        VerdictsFile::Nothing | VerdictsFile::Damaged => None,
    }
}

/// The Order UUID in the path of an exchange, in lower case.
pub(crate) fn booking(exchange: &Exchange) -> Option<Arc<str>> {
    booking_of(&exchange.request.method, exchange.path())
}

/// The Order UUID in a path, in lower case.
pub(crate) fn booking_of(method: &str, path: &str) -> Option<Arc<str>> {
    let segment = classify(method, path, None, false).uuid_segment?;
    is_uuid(segment).then(|| segment.to_ascii_lowercase().into())
}
