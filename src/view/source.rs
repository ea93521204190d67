//! The recording that is shown: judged as it is read, or as it was judged before.
//!
//! ```text
//! HAR, NDJSON ─► judge ─► Event::Exchange*
//! capture ─► kept verdicts on all of it? ─► yes: Event::Past* (counted), then Event::Exchange* for what is listed
//!                 └─ no, or it has grown ─► judge ─► Event::Exchange*, and kept once all of it was judged
//! ```

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::capture::{self, CaptureError, CaptureReader, Meta, next_part, open_without_secrets};
use crate::event::{COVERAGE_EVERY, Event, EventSender, PROGRESS_EVERY, Progress, RecordingStatus, Throttle};
use crate::exchange::Exchange;
use crate::finding::Severity;
use crate::judged::Judged;
use crate::rules::Judge;
use crate::verdicts::{CaptureId, VerdictFile, VerdictTotals, VerdictWriter, VerdictsFile, VerdictsKey};

/// How often a capture is asked for what is new.
const POLL: Duration = Duration::from_millis(250);

/// Exchanges at the end of a capture that the screen has in memory; those before it are read back when they are looked at.
const LISTED: u64 = 20_000;

/// Most blocks of kept verdicts that are under way to the screen.
const MAX_BLOCKS: usize = 16;

/// Why a recording can't be shown to its end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ViewError {
    /// The recording can't be read.
    #[error(transparent)]
    Recording(#[from] CaptureError),
    /// The verdicts that are kept of it can't be read.
    #[error(transparent)]
    Verdicts(#[from] io::Error),
}

/// How a recording is told.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SourceMode {
    /// Go on with what another Umpire adds.
    pub follow: bool,
    /// On the screen, which can do without most bodies.
    pub on_screen: bool,
}

/// Where exchanges come from: a capture that may still grow, or a recording read once.
pub(crate) enum ViewSource {
    /// It may still grow.
    Capture(Box<CaptureReader>),
    /// HAR or NDJSON.
    ReadOnce(capture::Recording),
}

impl ViewSource {
    /// Opens a recording. Secrets in a foreign one are replaced by fingerprints.
    pub(crate) fn open(file: &Path) -> Result<Self, CaptureError> {
        if capture::is_capture(file)? {
            CaptureReader::open(file).map(|reader| Self::Capture(Box::new(reader)))
        } else {
            open_without_secrets(file).map(Self::ReadOnce)
        }
    }

    /// What is known of it as a whole.
    pub(crate) fn meta(&self) -> &Meta {
        match self {
            Self::Capture(reader) => reader.meta(),
            Self::ReadOnce(recording) => &recording.meta,
        }
    }

    /// Tells all exchanges, until there are no more or the front end has gone.
    pub(crate) fn send_events(
        self,
        judge: Judge,
        events: &EventSender,
        told: SourceMode,
        stop: &CancellationToken,
    ) -> Result<(), ViewError> {
        let mut view_judge = ViewJudge::new(judge, events);
        match self {
            Self::ReadOnce(recording) => tell_once(recording, &mut view_judge, stop)?,
            Self::Capture(reader) => drop(tell_capture(*reader, &mut view_judge, told, stop)?),
        }
        if view_judge.coverage.left().is_some() {
            view_judge.tell_coverage();
        }
        Ok(())
    }
}

/// Judges and tells.
struct ViewJudge<'o> {
    judge: Judge,
    events: &'o EventSender,
    coverage: Throttle,
    progress: Throttle,
    told: u64,
    /// What the judge would have counted of what was told without it.
    kept: Option<VerdictTotals>,
}

impl<'o> ViewJudge<'o> {
    fn new(judge: Judge, events: &'o EventSender) -> Self {
        let (coverage, progress) = (Throttle::new(COVERAGE_EVERY), Throttle::new(PROGRESS_EVERY));
        Self { judge, events, coverage, progress, told: 0, kept: None }
    }

    /// Judges an exchange and tells it. `recorded`: how many there are so far, if that is known. False if the front end has
    /// gone.
    fn judge(&mut self, exchange: Exchange, recorded: Option<u64>, writer: Option<&mut VerdictWriter>) -> bool {
        let judged = self.judge.judge(Arc::new(exchange));
        if let Some(writer) = writer {
            writer.add(&judged);
        }
        let slow = self.judge.slow_rule().map(|slow| Event::Notice(slow.to_string()));
        self.tell(Event::Exchange(Arc::new(judged)), 1, recorded)
            && slow.is_none_or(|slow| self.events.send_blocking(slow))
    }

    /// Tells an event that is about so many exchanges.
    fn tell(&mut self, event: Event, exchanges: u64, recorded: Option<u64>) -> bool {
        self.coverage.changed();
        self.progress.changed();
        self.told += exchanges;
        self.events.send_blocking(event) && self.tell_progress(recorded)
    }

    /// Tells how far it is, if it is time to.
    fn tell_progress(&mut self, recorded: Option<u64>) -> bool {
        let judged = self.told;
        let is_due = |progress: &mut Throttle, recorded: u64| {
            progress.is_due() || judged == recorded && progress.left().is_some()
        };
        let recorded = recorded.filter(|&recorded| is_due(&mut self.progress, recorded));
        let progress = recorded.map(|recorded| Event::Progress(Progress { recorded, judged, lag: Duration::ZERO }));
        progress.is_none_or(|progress| self.events.send_blocking(progress))
            && (!self.coverage.is_due() || self.tell_coverage())
    }

    fn tell_coverage(&self) -> bool {
        let coverage = match &self.kept {
            Some(kept) => kept.coverage(self.judge.book()),
            None => self.judge.coverage(),
        };
        self.events.send_blocking(Event::Coverage(Arc::new(coverage)))
    }
}

fn tell_once(
    recording: capture::Recording,
    view_judge: &mut ViewJudge<'_>,
    stop: &CancellationToken,
) -> Result<(), ViewError> {
    let oddities = recording.oddities;
    let mut fault = None;
    for exchange in recording.exchanges {
        if stop.is_cancelled() {
            break;
        }
        match exchange {
            Ok(exchange) => {
                if !view_judge.judge(exchange, None, None) {
                    break;
                }
            }
            Err(error) => fault = Some(error),
        }
    }
    let told = oddities.list().into_iter().map(|oddity| oddity.to_string());
    for notice in told.chain(fault.iter().map(ToString::to_string)) {
        if !view_judge.events.send_blocking(Event::Notice(notice)) {
            break;
        }
    }
    fault.map_or(Ok(()), |fault| Err(fault.into()))
}

/// The parts of a recording so far, and what is kept of them.
struct RecordingParts {
    key: VerdictsKey,
    /// Of the parts before this one; `None` once the verdicts on one of them were neither kept nor are to be.
    before: Option<CaptureId>,
    /// Parts that were told as they were kept: the judge has not seen them.
    unseen: Vec<PathBuf>,
    /// Keeps the verdicts on this part.
    writer: Option<VerdictWriter>,
}

impl RecordingParts {
    /// The verdicts on this part, if they are kept and on all of it.
    fn kept(&mut self, reader: &CaptureReader, judge: &Judge, end: u64) -> Option<Box<VerdictFile>> {
        let id = CaptureId::of(reader.file(), self.before?).ok()?;
        match VerdictFile::open(reader.file(), self.key, id, judge.book()) {
            VerdictsFile::Current(kept) if kept.len() == end => {
                self.unseen.push(reader.file().to_owned());
                self.before = Some(id);
                Some(kept)
            }
            _ => {
                self.writer = Some(VerdictWriter::new(reader.file(), self.key));
                None
            }
        }
    }

    /// All of this part, as far as it goes now, was judged: its verdicts are kept.
    fn seal(&mut self, reader: &CaptureReader, judge: &Judge) {
        let Some(writer) = self.writer.take() else { return };
        let id = self.before.and_then(|before| CaptureId::of(reader.file(), before).ok());
        if let Some(id) = id.filter(|_| reader.len().is_ok_and(|len| len == writer.len())) {
            writer.seal(id, &VerdictTotals::of(judge));
            self.before = Some(id);
        } else {
            self.before = None;
        }
    }
}

/// False if the front end has gone.
fn tell_capture(
    mut reader: CaptureReader,
    view_judge: &mut ViewJudge<'_>,
    told: SourceMode,
    stop: &CancellationToken,
) -> Result<bool, ViewError> {
    let key = VerdictsKey::of(&view_judge.judge);
    let mut parts = RecordingParts { key, before: Some(CaptureId::default()), unseen: Vec::new(), writer: None };
    // Exchanges of the parts before this one.
    let (mut next, mut before) = (0, 0);
    while !stop.is_cancelled() {
        // Looked for first: when there is a next part, all that belongs into this one is in it.
        let behind = if told.follow { next_part(&reader)? } else { None };
        let end = reader.len()?;
        if next == 0
            && end > 0
            && parts.writer.is_none()
            && let Some(mut kept) = parts.kept(&reader, &view_judge.judge, end)
        {
            if !tell_kept(&mut kept, &reader, before, told, view_judge, stop)? {
                return Ok(false);
            }
            view_judge.kept = Some(kept.totals().clone());
            next = end;
        }
        if next < end && !parts.unseen.is_empty() {
            // What came before has a bearing on what comes now.
            view_judge.kept = None;
            for file in parts.unseen.drain(..) {
                for exchange in CaptureReader::open(&file)?.into_exchanges(0) {
                    if stop.is_cancelled() {
                        return Ok(true);
                    }
                    view_judge.judge.judge(Arc::new(exchange?));
                }
            }
        }
        while next < end && !stop.is_cancelled() {
            if !view_judge.judge(reader.exchange(next)?, Some(before + end), parts.writer.as_mut()) {
                return Ok(false);
            }
            next += 1;
        }
        if let Some(damage) = reader.damage().filter(|_| !stop.is_cancelled()) {
            return Err(damage.into());
        }
        if !stop.is_cancelled() && next > 0 {
            parts.seal(&reader, &view_judge.judge);
        }
        if !told.follow {
            break;
        }
        match behind {
            Some(part) => {
                let file = part.file().display().to_string();
                if !view_judge.events.send_blocking(Event::Recording(RecordingStatus::On { file, missed: 0 })) {
                    return Ok(false);
                }
                before += end;
                (reader, next) = (part, 0);
            }
            None if !view_judge.tell_progress(Some(before + end)) => return Ok(false),
            None => std::thread::sleep(POLL),
        }
    }
    Ok(true)
}

/// Tells a capture, or a part, as it was judged before. False if the front end has gone.
fn tell_kept(
    kept: &mut VerdictFile,
    reader: &CaptureReader,
    before: u64,
    told: SourceMode,
    view_judge: &mut ViewJudge<'_>,
    stop: &CancellationToken,
) -> Result<bool, ViewError> {
    let (end, mut row) = (kept.len(), 0);
    let recorded = Some(before + end);
    let mut sought = true;
    let whole = |row: u64, judged: Judged| -> Result<Judged, CaptureError> {
        Ok(Judged { exchange: Arc::new(reader.exchange(row)?), ..judged })
    };
    for block in 0..kept.blocks() {
        let rows = kept.block(block)?;
        let (first, count) = (row, rows.len() as u64);
        row += count;
        // The screen opens at the first failure.
        let has_failure =
            rows.iter().flat_map(|row| &row.findings).any(|finding| finding.severity == Severity::Failure);
        let stops_here = sought && has_failure;
        sought &= !has_failure;
        if !told.on_screen || stops_here || first + LISTED >= end {
            for (at, judged) in (first..).zip(rows) {
                if stop.is_cancelled() || !view_judge.tell(Event::Exchange(Arc::new(whole(at, judged)?)), 1, recorded) {
                    return Ok(false);
                }
            }
            continue;
        }
        // Each is about many exchanges: few of them are under way at once.
        while view_judge.events.waiting() > MAX_BLOCKS && !stop.is_cancelled() && !view_judge.events.is_closed() {
            std::thread::sleep(Duration::from_millis(1));
        }
        if stop.is_cancelled() || !view_judge.tell(Event::Past(rows), count, recorded) {
            return Ok(false);
        }
    }
    Ok(true)
}
