//! What becomes of the capture: written to as long as it can be, said loudly when it can't.
//!
//! ```text
//! recording ─► append or commit fails ─► not recording (counted, said) ─► a second later: tried again
//!     ▲                                                                        │ appended, and committed
//!     └────────────────────────────────────────────────────────────────────────┘
//! a disk that neither takes nor refuses ─► said meanwhile (stall)
//! the recorder panics ─► what was appended whole is committed ─► recording; where that fails, not recording till the end
//! ```

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::watchdog::{HungWrite, WriteWatchdog};
use crate::capture::{CaptureError, RotatingWriter};
use crate::event::{Event, EventSender, RecordingStatus};
use crate::exchange::Exchange;
use crate::panics::{self, Panicked};
use crate::proxy::record::sink::{BODY_MEMORY, BodyMemory, ExchangeReceiver};
use crate::text;

/// How often a capture that failed is tried again.
const RETRY_EVERY: Duration = Duration::from_secs(1);

/// How often it is looked whether the capture is still there.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How often it is said anew how many exchanges are missing because too many are under way.
const SAY_EVERY: Duration = Duration::from_secs(1);

/// What became of an exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct KeptExchange {
    /// Its index in the recording.
    pub index: u64,
    /// It was appended, and will be on disk with the next commit.
    pub appended: bool,
}

/// What became of the recording.
#[derive(Debug, Default)]
pub(super) struct ClosedRecording {
    /// Exchanges that are missing from it.
    pub missed: u64,
    /// What went wrong, if anything did.
    pub trouble: Option<String>,
    /// It held no exchange, and was removed.
    pub removed: bool,
}

/// Keeps a capture, and count of what is missing from it.
pub(super) struct CaptureGuard {
    /// `None` where nothing is to be recorded, or where the capture was given up.
    series: Option<RotatingWriter>,
    /// The capture was given up; it would have had so many exchanges.
    given_up: Option<u64>,
    events: EventSender,
    /// Exchanges that the proxy could not hand over.
    not_handed_over: Arc<AtomicU64>,
    /// The last of them was missed because of exchanges under way, of which there were `capacity`.
    crowded: Arc<AtomicBool>,
    capacity: usize,
    /// "Not recording" was said for that reason, and not taken back.
    said_crowded: bool,
    /// When that was said last; a notice says it once.
    crowded_at: Option<Instant>,
    /// How many were missing when that was last looked at.
    seen_missed: u64,
    /// Says how many bodies had to be cut.
    memory: Arc<BodyMemory>,
    /// That some were was reported.
    cut_reported: bool,
    /// Exchanges that could not be written.
    lost: u64,
    trouble: Option<String>,
    failed_at: Option<Instant>,
    looked_at: Instant,
    /// Something was appended since the last failure: if it can be committed, recording goes on.
    proof: bool,
    reported_missed: u64,
    judge_gone: bool,
    /// Of what is recorded.
    stall: Option<WriteWatchdog>,
}

impl CaptureGuard {
    pub(super) fn new(series: Option<RotatingWriter>, events: EventSender, intake: &ExchangeReceiver) -> Self {
        let (not_handed_over, memory) = (intake.missed_counter(), intake.body_memory());
        let stall = series.as_ref().map(|_| WriteWatchdog::new(events.clone(), Arc::clone(&not_handed_over)));
        Self {
            series,
            given_up: None,
            events,
            not_handed_over,
            crowded: intake.crowded_flag(),
            capacity: intake.capacity(),
            said_crowded: false,
            crowded_at: None,
            seen_missed: 0,
            memory,
            cut_reported: false,
            lost: 0,
            trouble: None,
            failed_at: None,
            looked_at: Instant::now(),
            proof: false,
            reported_missed: 0,
            judge_gone: false,
            stall,
        }
    }

    /// Appends an exchange, in the next file if it is time for it. Its index within the recording; of one that can't be
    /// kept, the index that the next one will have. `None` if nothing is to be recorded.
    pub(super) fn record(&mut self, exchange: &Exchange) -> Option<KeptExchange> {
        if let Some(index) = self.given_up {
            self.lost += 1;
            return Some(KeptExchange { index, appended: false });
        }
        let index = self.series.as_ref()?.len();
        let appended = self.watched(|guard| guard.append(exchange));
        if appended {
            self.say_room();
        }
        Some(KeptExchange { index, appended })
    }

    /// The recorder lags behind the traffic, or no longer does.
    pub(super) fn lags(&mut self, lags: bool) {
        if let Some(series) = &mut self.series {
            series.compress_fast(lags);
        }
    }

    /// Goes on after a panic of the recorder. With `at_hand`, an exchange had been taken and is lost. True if what was
    /// appended before is on disk.
    pub(super) fn recover(&mut self, panicked: &Panicked, at_hand: bool) -> bool {
        if let Some(stall) = &self.stall {
            // What was being written is not any more.
            let _hung: Option<HungWrite> = stall.ends();
        }
        let Some(series) = &mut self.series else {
            self.lost += u64::from(at_hand);
            self.events.send(Event::Notice(format!("The recorder {panicked}; it was started again.")));
            return true;
        };
        let recovered = panics::catch(|| series.recover());
        let lost = match recovered {
            Ok(Ok(lost)) => lost,
            Ok(Err(error)) => {
                self.give_up(&format!("the recorder {panicked}, and the capture can't be used on: {error}"), at_hand);
                return false;
            }
            Err(again) => {
                self.give_up(&format!("the recorder {panicked}, and again ({again})"), at_hand);
                return false;
            }
        };
        self.lost += lost + u64::from(at_hand);
        let trouble = format!("the recorder {panicked}");
        tracing::error!(missed = self.missed(), "{trouble}; it was started again");
        let missing = text::count(lost + u64::from(at_hand), "exchange");
        self.events.send(Event::Notice(format!(
            "The recorder {panicked}, and was started again. Missing from the recording because of this: {missing}."
        )));
        self.trouble = Some(trouble);
        self.report_missed();
        if self.failed_at.is_none() {
            self.say_on();
        }
        lost == 0
    }

    /// Records nothing any more: what comes is counted as missing. What was committed is safe.
    pub(super) fn give_up(&mut self, trouble: &str, at_hand: bool) {
        self.lost += u64::from(at_hand);
        if let Some(series) = self.series.take() {
            self.lost += series.uncommitted();
            self.given_up = Some(series.len() - series.uncommitted());
            if let Err(panicked) = panics::catch(|| drop(series)) {
                tracing::error!("the capture could not be let go: it {panicked}");
            }
            tracing::error!(missed = self.missed(), "nothing is recorded any more: {trouble}");
            self.trouble = Some(trouble.to_owned());
            self.reported_missed = 0;
            let reason = format!("{trouble}; restart the proxy to record again");
            self.events.send(Event::Recording(RecordingStatus::Off { reason, missed: self.missed() }));
        }
        self.report_missed();
    }

    /// The file that an exchange was appended to last, and its index there.
    pub(super) fn last(&self) -> Option<(&Path, u64)> {
        self.series.as_ref().and_then(RotatingWriter::last)
    }

    /// The file that is written.
    pub(super) fn file(&self) -> Option<&Path> {
        self.series.as_ref().map(RotatingWriter::file)
    }

    /// True if the recording goes on in other files.
    pub(super) fn is_rotated(&self) -> bool {
        self.series.as_ref().is_some_and(RotatingWriter::is_rotated)
    }

    /// True if the exchange was appended.
    fn append(&mut self, exchange: &Exchange) -> bool {
        self.look();
        let Some(series) = &mut self.series else { return false };
        if self.failed_at.is_some_and(|at| at.elapsed() < RETRY_EVERY) {
            self.lost += 1;
            return false;
        }
        match series.rotate() {
            Ok(false) => {}
            Ok(true) => self.say_on(),
            Err(error) => self.could_not_rotate(&error),
        }
        let Some(series) = &mut self.series else { return false };
        match series.append(exchange) {
            Ok(()) => self.proof = true,
            Err(error) => {
                self.failed(&error);
                return false;
            }
        }
        true
    }

    /// Looks after the file: writing goes well also when nobody will ever find what is written.
    fn look(&mut self) {
        let Some(series) = self.series.as_mut().filter(|_| self.looked_at.elapsed() >= LOOK_EVERY) else { return };
        self.looked_at = Instant::now();
        if series.file_unchanged() {
            return;
        }
        let file = series.file().display().to_string();
        match series.recreate() {
            Ok(gone) => {
                self.lost += gone;
                let trouble =
                    format!("{file}: was deleted while it was written, and {} with it", text::count(gone, "exchange"));
                tracing::error!("{trouble}");
                self.events.send(Event::Notice(format!("{trouble}. Recording goes on in a new file of that name.")));
                self.trouble = Some(trouble);
                self.report_missed();
                self.say_on();
            }
            Err(CaptureError::Exists { .. }) => self.gone(format!("{file}: another file was put in its place")),
            Err(error) => self.gone(format!("{file}: was deleted, and can't be made anew: {error}")),
        }
    }

    /// What is written is lost: nobody will find it.
    fn gone(&mut self, trouble: String) {
        tracing::error!("{trouble}");
        self.failed_at = Some(Instant::now());
        self.proof = false;
        self.reported_missed = 0;
        self.trouble = Some(trouble);
    }

    /// Brings to disk what was appended. False if it is lost.
    pub(super) fn commit(&mut self) -> bool {
        self.watched(Self::try_commit)
    }

    /// Does something that the disk may take its time for.
    fn watched<T>(&mut self, write: impl FnOnce(&mut Self) -> T) -> T {
        if let Some(stall) = &self.stall {
            stall.begins(self.lost);
        }
        let written = write(self);
        if let Some(HungWrite { lasted, off }) = self.stall.as_ref().and_then(WriteWatchdog::ends) {
            let seconds = lasted.as_secs();
            tracing::warn!(seconds, "the disk answers again");
            let in_words = text::count(seconds, "second");
            self.events.send(Event::Notice(format!("The disk answers again, after {in_words}.")));
            if off && self.failed_at.is_none() {
                self.trouble = Some(format!("the disk did not answer for {in_words}"));
                self.reported_missed = self.missed();
                self.say_on();
            }
        }
        written
    }

    fn try_commit(&mut self) -> bool {
        let Some(series) = &mut self.series else { return true };
        match series.commit() {
            Ok(()) if self.failed_at.is_some() && self.proof => {
                self.failed_at = None;
                self.say_on();
            }
            Ok(()) => {}
            Err(error) => {
                self.failed(&error);
                return false;
            }
        }
        self.report_trouble();
        true
    }

    /// Reports what went wrong in threads beside the recording.
    fn report_trouble(&mut self) {
        while let Some((trouble, lost)) = self.series.as_mut().and_then(RotatingWriter::take_trouble) {
            tracing::error!("{trouble}");
            if lost > 0 {
                self.lost += lost;
                self.trouble = Some(trouble.clone());
            }
            self.events.send(Event::Notice(trouble));
        }
    }

    /// Says, once, that nobody judges any more. Recording goes on.
    pub(super) fn judge_is_gone(&mut self) {
        if !self.judge_gone {
            self.judge_gone = true;
            tracing::error!("the judge has ended badly");
            self.events
                .send(Event::Notice("The judge has ended badly: traffic is recorded, and not judged.".to_owned()));
        }
    }

    /// Says how much is missing whenever that has grown.
    pub(super) fn report_missed(&mut self) {
        self.report_cut();
        let missed = self.missed();
        self.seen_missed = missed;
        if missed > self.reported_missed && (self.series.is_some() || self.given_up.is_some()) {
            if self.failed_at.is_none() && self.given_up.is_none() && self.crowded.load(Ordering::Relaxed) {
                return self.say_crowded(missed);
            }
            self.reported_missed = missed;
            let reason = self.trouble.clone().unwrap_or_else(|| "the recorder could not keep up".to_owned());
            self.events.send(Event::Recording(RecordingStatus::Off { reason, missed }));
        }
    }

    /// Says that there is no room for more exchanges under way. The exchanges that have room are recorded when they end.
    fn say_crowded(&mut self, missed: u64) {
        if self.said_crowded && self.crowded_at.is_some_and(|at| at.elapsed() < SAY_EVERY) {
            return;
        }
        self.reported_missed = missed;
        let first = self.crowded_at.replace(Instant::now()).is_none();
        let under_way = text::count(self.capacity as u64, "exchange");
        let reason = format!("{under_way} are under way, and no more can be recorded until some of them end");
        self.said_crowded = true;
        if first {
            tracing::warn!("{reason}");
            self.events.send(Event::Notice(format!(
                "Requests pass unrecorded: {reason}. Event streams whose clients have left may be among them."
            )));
        }
        self.trouble = Some(reason.clone());
        self.events.send(Event::Recording(RecordingStatus::Off { reason, missed }));
    }

    /// There is room for exchanges under way again.
    fn say_room(&mut self) {
        let missed = self.missed();
        if self.said_crowded && missed == self.seen_missed && self.failed_at.is_none() {
            self.said_crowded = false;
            self.reported_missed = missed;
            self.say_on();
        }
    }

    /// Says once that bodies are recorded in part.
    fn report_cut(&mut self) {
        if self.memory.cut() > 0 && !std::mem::replace(&mut self.cut_reported, true) {
            let room = text::bytes(BODY_MEMORY);
            tracing::warn!("bodies are recorded in part: {room} of them wait to be recorded");
            self.events.send(Event::Notice(format!(
                "{room} of bodies wait to be recorded, and there is no memory for more: what comes passes whole and is \
                 recorded in part, marked truncated."
            )));
        }
    }

    /// Closes the capture; one without exchanges is removed.
    pub(super) fn close(mut self) -> ClosedRecording {
        let (mut removed, cut) = (false, self.memory.cut());
        if cut > 0 {
            let bodies = if cut == 1 { "1 body was".to_owned() } else { format!("{cut} bodies were") };
            self.events.send(Event::Notice(format!("{bodies} recorded in part, for lack of memory.")));
        }
        if let Some(series) = self.series.take() {
            let file = series.file().to_owned();
            match panics::catch(|| series.finish_or_remove()) {
                Ok(Ok(count)) => removed = count == 0 && !file.exists(),
                Ok(Err(error)) => {
                    tracing::error!("the capture could not be closed: {error}");
                    self.lost += error.lost();
                    self.trouble = Some(error.to_string());
                }
                Err(panicked) => self.trouble = Some(format!("{}: closing it {panicked}", file.display())),
            }
            if removed {
                self.events.send(Event::Recording(RecordingStatus::Removed { file: file.display().to_string() }));
            }
        }
        ClosedRecording { missed: self.missed(), trouble: self.trouble, removed }
    }

    fn missed(&self) -> u64 {
        self.lost + self.not_handed_over.load(Ordering::Relaxed)
    }

    fn failed(&mut self, error: &CaptureError) {
        self.lost += error.lost();
        self.failed_at = Some(Instant::now());
        self.proof = false;
        let reason = error.to_string();
        tracing::error!(missed = self.missed(), "not recording: {reason}");
        self.trouble = Some(reason);
        self.reported_missed = 0;
        self.report_missed();
    }

    /// Either the file before goes on, or it could not be closed well: then the next one goes on.
    fn could_not_rotate(&mut self, error: &CaptureError) {
        tracing::error!("trouble between two files of the recording: {error}");
        if error.lost() > 0 {
            self.lost += error.lost();
            self.trouble = Some(error.to_string());
            self.report_missed();
        }
        self.events.send(Event::Notice(format!("Trouble between two files of the recording: {error}")));
        self.say_on();
    }

    fn say_on(&self) {
        if let Some(series) = &self.series {
            let (file, missed) = (series.file().display().to_string(), self.missed());
            self.events.send(Event::Recording(RecordingStatus::On { file, missed }));
        }
    }
}
