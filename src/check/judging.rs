//! The exchanges of a recording with their verdicts: judged now, or as they were kept when it was judged before.
//!
//! ```text
//! files ─► all captures, all with kept verdicts? ─► VerdictFile ─► Judged*
//!                        └─ no ─► Judge ─► Judged* ─► VerdictWriter, sealed at the end of each capture
//! ```

use std::io;
use std::sync::Arc;

use super::OpenedFile;
use crate::capture::{CaptureError, Exchanges, RecordingFormat};
use crate::judged::Judged;
use crate::rules::{Judge, Profile, SlowRule};
use crate::text::{SafeText, safe_format};
use crate::verdicts::{CaptureId, VerdictFile, VerdictTotals, VerdictWriter, VerdictsFile, VerdictsKey};

/// The judge of a recording, or what was kept of one.
pub(super) struct RecordingJudge {
    judge: Judge,
    /// Of each file; empty where not all of them have some.
    kept: Vec<VerdictFile>,
    /// Of each file, if what is judged is to be kept.
    keeping: Vec<VerdictsToKeep>,
    /// An earlier file could not be read to its end: what comes behind it is not kept.
    broken: bool,
}

/// What is needed to keep the verdicts on a capture.
struct VerdictsToKeep {
    file: std::path::PathBuf,
    key: VerdictsKey,
    before: CaptureId,
    id: CaptureId,
}

impl RecordingJudge {
    /// Judges everything, and keeps nothing.
    pub(super) fn not_keeping(judge: Judge) -> Self {
        Self { judge, kept: Vec::new(), keeping: Vec::new(), broken: false }
    }

    /// Takes the verdicts that are kept of these files, if they are there; else judges and keeps them. `notice` is told of what
    /// was damaged.
    pub(super) fn keeping(judge: Judge, files: &[OpenedFile], notice: &mut dyn FnMut(SafeText)) -> Self {
        let key = VerdictsKey::of(&judge);
        let (mut keeping, mut before) = (Vec::new(), CaptureId::default());
        for (file, recording) in files {
            let id = (recording.format == RecordingFormat::Capture).then(|| CaptureId::of(file, before).ok()).flatten();
            // What can't be read says so when it is judged.
            let Some(id) = id else { return Self::not_keeping(judge) };
            keeping.push(VerdictsToKeep { file: file.clone(), key, before, id });
            before = id;
        }
        let mut kept = Vec::new();
        for VerdictsToKeep { file, id, .. } in &keeping {
            match VerdictFile::open(file, key, *id, judge.book()) {
                VerdictsFile::Current(found) => kept.push(*found),
                VerdictsFile::Nothing => break,
                VerdictsFile::Damaged => {
                    let file = file.display();
                    notice(safe_format!("{file}: the verdicts that were kept of it are damaged; it is judged anew"));
                    break;
                }
            }
        }
        if kept.len() < keeping.len() {
            kept.clear();
        }
        Self { judge, kept, keeping, broken: false }
    }

    /// What judging cost, if that is measured.
    pub(super) fn profile(&self) -> Option<&Profile> {
        self.judge.profile()
    }

    /// The exchanges of a file, which come after those of the files before it. With bodies only where they are asked for, or
    /// have to be read anyway.
    pub(super) fn file(&mut self, place: usize, exchanges: Exchanges, with_bodies: bool) -> JudgedFile<'_> {
        let writer = match self.keeping.get(place) {
            Some(keeping) if self.kept.is_empty() && !self.broken => {
                Some(VerdictWriter::new(&keeping.file, keeping.key))
            }
            _ => None,
        };
        JudgedFile { judging: self, place, exchanges, with_bodies, writer, block: 0, rows: Vec::new().into_iter() }
    }
}

/// Why an exchange has no verdicts.
pub(super) enum WithoutVerdict {
    /// It can't be read.
    Exchange(CaptureError),
    /// The kept verdicts can't be read.
    Verdicts(io::Error),
}

/// The exchanges of one file.
pub(super) struct JudgedFile<'j> {
    judging: &'j mut RecordingJudge,
    place: usize,
    exchanges: Exchanges,
    with_bodies: bool,
    writer: Option<VerdictWriter>,
    /// The next block of the kept verdicts.
    block: usize,
    rows: std::vec::IntoIter<Judged>,
}

impl JudgedFile<'_> {
    /// The next one.
    pub(super) fn next(&mut self) -> Option<Result<Judged, WithoutVerdict>> {
        if !self.judging.kept.is_empty() {
            return self.next_kept();
        }
        let exchange = match self.exchanges.next()? {
            Ok(exchange) => exchange,
            Err(error) => return Some(Err(WithoutVerdict::Exchange(error))),
        };
        let judged = self.judging.judge.judge(Arc::new(exchange));
        if let Some(writer) = &mut self.writer {
            writer.add(&judged);
        }
        Some(Ok(judged))
    }

    fn next_kept(&mut self) -> Option<Result<Judged, WithoutVerdict>> {
        let judged = loop {
            if let Some(judged) = self.rows.next() {
                break judged;
            }
            let kept = &mut self.judging.kept[self.place];
            if self.block == kept.blocks() {
                return None;
            }
            match kept.block(self.block) {
                Ok(rows) => self.rows = rows.into_iter(),
                Err(error) => return Some(Err(WithoutVerdict::Verdicts(error))),
            }
            self.block += 1;
        };
        if !self.with_bodies {
            return Some(Ok(judged));
        }
        match self.exchanges.next()? {
            Ok(exchange) => Some(Ok(Judged { exchange: Arc::new(exchange), ..judged })),
            Err(error) => Some(Err(WithoutVerdict::Exchange(error))),
        }
    }

    /// A rule that was too slow on the last one.
    pub(super) fn slow_rule(&mut self) -> Option<SlowRule> {
        self.judging.judge.slow_rule()
    }

    /// What was counted up to the end of the file. The verdicts are kept if the file was `read` to its end.
    pub(super) fn end(mut self, read: bool) -> VerdictTotals {
        if let Some(kept) = self.judging.kept.get(self.place) {
            return kept.totals().clone();
        }
        let totals = VerdictTotals::of(&self.judging.judge);
        if let (Some(writer), Some(keeping)) = (self.writer.take(), self.judging.keeping.get(self.place)) {
            // One that has changed meanwhile is none that was judged.
            match CaptureId::of(&keeping.file, keeping.before) {
                Ok(id) if read && id == keeping.id => writer.seal(id, &totals),
                _ => self.judging.broken = true,
            }
        }
        totals
    }
}
