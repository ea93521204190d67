//! The recording behind the screen: what is not in memory any more is read back, page by page, from the first part to the last.
//!
//! ```text
//! index ─► part ─► capture ─► exchange, with its verdicts where they are kept
//!             └──► HAR, NDJSON ─► read up to there; the last few thousand stay in memory, without bodies
//! filter ─► all of it, a slice at a time ─► indexes, how far it has come
//! ```

use std::collections::VecDeque;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::capture::{
    self, CaptureError, CaptureReader, Exchanges, index::CaptureIndex, next_part, open_without_secrets,
};
use crate::exchange::{Body, Exchange};
use crate::finding::number;
use crate::judged::Judged;
use crate::openbooking::ParsedExchange;
use crate::rules::{Judge, RuleBook};
use crate::tui::{ExchangeSearch, SearchSlice};
use crate::verdicts::{CaptureId, VerdictFile, VerdictsFile, VerdictsKey};

/// How long one slice of a search may take.
const SLICE: Duration = Duration::from_millis(150);

/// Exchanges of a HAR or NDJSON file that stay in memory without their bodies.
const WINDOW: usize = 4_096;

/// Exchanges that an index of words may lack; more of them would take too long to be added while somebody waits.
const MOST_NEW: u64 = 20_000;

/// How the verdicts were given that may be kept of a recording.
pub(crate) struct ArchiveVerdicts {
    key: VerdictsKey,
    book: Arc<RuleBook>,
}

impl ArchiveVerdicts {
    /// As this judge gives them.
    pub(crate) fn by(judge: &Judge) -> Self {
        Self { key: VerdictsKey::of(judge), book: Arc::clone(judge.book()) }
    }
}

/// A recording that is read back.
pub(crate) struct Archive {
    /// `None` where nothing is recorded.
    file: Option<PathBuf>,
    /// `None` where no verdicts are kept, as of a run that goes on.
    given: Option<ArchiveVerdicts>,
    opened: Option<ArchiveSource>,
}

enum ArchiveSource {
    Capture(Vec<ArchivePart>),
    Other(SequentialSource),
}

impl Archive {
    /// Nothing is opened before it is needed.
    pub(crate) fn new(file: Option<PathBuf>, given: Option<ArchiveVerdicts>) -> Self {
        Self { file, given, opened: None }
    }

    /// The exchange of a 0-based index, with its verdicts where they are kept.
    pub(crate) fn exchange(&mut self, index: u64) -> Result<Arc<Judged>, String> {
        let none = || format!("exchange {} is not in the recording", number(index));
        match self.open()? {
            ArchiveSource::Capture(parts) => {
                let part = part_of(parts, index).ok_or_else(none)?;
                part.exchange(index).map(Arc::new).map_err(|error| error.to_string())
            }
            ArchiveSource::Other(other) => other.exchange(index)?.ok_or_else(none),
        }
    }

    /// So many exchanges from an index on, without their bodies.
    pub(crate) fn exchanges(&mut self, from: u64, most: u64) -> Result<Vec<Arc<Judged>>, String> {
        let mut all = Vec::new();
        for index in from..from.saturating_add(most) {
            let next = match self.open()? {
                ArchiveSource::Capture(parts) => match part_of(parts, index) {
                    Some(part) => Some(part.row(index).map(Arc::new).map_err(|error| error.to_string())?),
                    None => None,
                },
                ArchiveSource::Other(other) => other.row(index)?,
            };
            match next {
                Some(judged) => all.push(judged),
                None => break,
            }
        }
        Ok(all)
    }

    /// Goes on with a search for a while.
    pub(crate) fn search(&mut self, search: &ExchangeSearch) -> Result<SearchSlice, String> {
        let (begun, file) = (Instant::now(), self.file.clone());
        let mut slice = SearchSlice { found: Vec::new(), next: search.from, of: 0 };
        let (has_verdicts, is_capture) = match self.open()? {
            ArchiveSource::Capture(parts) => (parts.iter().all(|part| part.kept.is_some()), true),
            ArchiveSource::Other(_) => (false, false),
        };
        if search.filter.needs_verdicts() && !has_verdicts {
            let remedy = match file.filter(|_| self.given.is_some()) {
                Some(file) if is_capture => format!("; `umpire check {}` keeps them", file.display()),
                // Verdicts are kept beside captures only.
                Some(file) => {
                    format!("; `umpire capture convert {} -o FILE.db` makes a capture that keeps them", file.display())
                }
                None => String::new(),
            };
            return Err(format!("findings are not kept of what was let go{remedy}; F chooses by sides all the same"));
        }
        if let Some(found) = self.by_words(search)? {
            return Ok(found);
        }
        while begun.elapsed() < SLICE {
            let judged = match self.open()? {
                ArchiveSource::Capture(parts) => match part_of(parts, slice.next) {
                    Some(part) => Some(Arc::new(part.exchange(slice.next).map_err(|error| error.to_string())?)),
                    None => None,
                },
                ArchiveSource::Other(other) => other.exchange(slice.next)?,
            };
            let Some(judged) = judged else {
                slice.of = slice.next;
                return Ok(slice);
            };
            if search.filter.matches(&judged, search.marked.contains(&slice.next)) {
                slice.found.push(slice.next);
            }
            slice.next += 1;
        }
        slice.of = self.len()?.max(slice.next + 1);
        Ok(slice)
    }

    /// What a text was found in, through the index of words beside a capture of one part, if that is nearly up to date.
    fn by_words(&mut self, search: &ExchangeSearch) -> Result<Option<SearchSlice>, String> {
        let (Some(query), Some(file), 0) = (search.filter.required_text(), self.file.clone(), search.from) else {
            return Ok(None);
        };
        let ArchiveSource::Capture(parts) = self.open()? else { return Ok(None) };
        let [part] = &mut parts[..] else { return Ok(None) };
        if !capture::index::path_of(&file).exists() {
            return Ok(None);
        }
        let words = |error: CaptureError| error.to_string();
        let mut index = CaptureIndex::open(&file).map_err(words)?;
        let len = part.reader.len().map_err(words)?;
        if index.foreign_file().is_some() || index.len().map_err(words)? + MOST_NEW < len {
            return Ok(None);
        }
        index.update(|_| ()).map_err(words)?;
        let mut candidates = Vec::new();
        let taken = index.search(query, |hit| {
            candidates.push(hit.index);
            true
        });
        taken.map_err(words)?;
        let mut found = Vec::new();
        for at in candidates {
            let judged = part.exchange(at).map_err(words)?;
            if search.filter.matches(&judged, search.marked.contains(&at)) {
                found.push(at);
            }
        }
        Ok(Some(SearchSlice { found, next: len, of: len }))
    }

    /// Bytes on disk, of all parts with what is not yet moved into them.
    pub(crate) fn size(&mut self) -> Option<u64> {
        let files = match self.open().ok()? {
            ArchiveSource::Capture(parts) => {
                refresh(parts);
                parts.iter().map(|part| part.reader.file().to_owned()).collect()
            }
            ArchiveSource::Other(other) => vec![other.file.clone()],
        };
        let bytes = |file: &Path| fs::metadata(file).map_or(0, |file| file.len());
        let log = |file: &Path| {
            let mut name = file.as_os_str().to_owned();
            name.push("-wal");
            bytes(Path::new(&name))
        };
        Some(files.iter().map(|file| bytes(file) + log(file)).sum())
    }

    /// Exchanges, as far as is known.
    fn len(&mut self) -> Result<u64, String> {
        Ok(match self.open()? {
            ArchiveSource::Capture(parts) => {
                refresh(parts);
                parts.last().map_or(0, |part| part.first + part.len)
            }
            ArchiveSource::Other(other) => other.seen,
        })
    }

    fn open(&mut self) -> Result<&mut ArchiveSource, String> {
        let words = |error: CaptureError| error.to_string();
        if self.opened.is_none() {
            let file = self.file.as_ref().ok_or("nothing is recorded, so nothing can be read back")?;
            self.opened = Some(if capture::is_capture(file).map_err(words)? {
                let (reader, mut parts) = (CaptureReader::open(file).map_err(words)?, Vec::new());
                let mut before = self.given.as_ref().map(|_| CaptureId::default());
                let mut next = Some(reader);
                while let Some(reader) = next {
                    next = next_part(&reader).map_err(words)?;
                    let first = parts.last().map_or(0, |part: &ArchivePart| part.first + part.len);
                    let len = reader.len().map_err(words)?;
                    let kept = kept(&reader, len, &mut before, self.given.as_ref());
                    parts.push(ArchivePart { reader, first, len, kept });
                }
                ArchiveSource::Capture(parts)
            } else {
                ArchiveSource::Other(SequentialSource::open(file).map_err(words)?)
            });
        }
        self.opened.as_mut().ok_or_else(|| "the recording could not be opened".to_owned())
    }
}

/// The verdicts on a part, if they and those on the parts before it are kept.
fn kept(
    reader: &CaptureReader,
    len: u64,
    before: &mut Option<CaptureId>,
    given: Option<&ArchiveVerdicts>,
) -> Option<Box<VerdictFile>> {
    let (id, given) = (CaptureId::of(reader.file(), before.take()?).ok()?, given?);
    match VerdictFile::open(reader.file(), given.key, id, &given.book) {
        VerdictsFile::Current(kept) if kept.len() == len => {
            *before = Some(id);
            Some(kept)
        }
        _ => None,
    }
}

/// The part that an exchange is in; one that was made since is found, too.
fn part_of(parts: &mut Vec<ArchivePart>, index: u64) -> Option<&mut ArchivePart> {
    if parts.last().is_none_or(|last| index >= last.first + last.len) {
        refresh(parts);
    }
    let at = parts.partition_point(|part| part.first <= index).checked_sub(1)?;
    parts.get_mut(at).filter(|part| index < part.first + part.len)
}

/// Looks whether there is more by now. What can't be read is not there.
fn refresh(parts: &mut Vec<ArchivePart>) {
    while let Some(last) = parts.last_mut() {
        // Looked for first: all of a part is on disk when there is a next one.
        let next = next_part(&last.reader).ok().flatten();
        last.len = last.reader.len().unwrap_or(last.len).max(last.len);
        let Some(reader) = next else { return };
        let part = ArchivePart { first: last.first + last.len, len: reader.len().unwrap_or(0), reader, kept: None };
        parts.push(part);
    }
}

/// A capture, or a part of one.
struct ArchivePart {
    reader: CaptureReader,
    /// Index of its first exchange in the recording.
    first: u64,
    len: u64,
    kept: Option<Box<VerdictFile>>,
}

impl ArchivePart {
    fn exchange(&mut self, index: u64) -> Result<Judged, CaptureError> {
        let row = index - self.first;
        let exchange = self.reader.exchange(row)?;
        let kept = self.kept.as_mut().and_then(|kept| kept.row(row).ok().flatten().cloned());
        Ok(match kept {
            Some(kept) => Judged { exchange: Arc::new(exchange), ..kept },
            None => unjudged(index, exchange),
        })
    }

    /// The same without header fields and bodies.
    fn row(&mut self, index: u64) -> Result<Judged, CaptureError> {
        let row = index - self.first;
        if let Some(kept) = self.kept.as_mut().and_then(|kept| kept.row(row).ok().flatten()) {
            return Ok(kept.clone());
        }
        self.reader.exchange(row).map(|exchange| unjudged(index, without_bodies(exchange)))
    }
}

/// A recording that can only be read from its beginning.
struct SequentialSource {
    file: PathBuf,
    exchanges: Exchanges,
    /// Index of the exchange that is read next.
    next: u64,
    /// Exchanges that have been read at most.
    seen: u64,
    /// Those before it, without bodies.
    window: VecDeque<Arc<Judged>>,
}

impl SequentialSource {
    fn open(file: &Path) -> Result<Self, CaptureError> {
        let exchanges = open_without_secrets(file)?.exchanges;
        Ok(Self { file: file.to_owned(), exchanges, next: 0, seen: 0, window: VecDeque::new() })
    }

    /// Reads on to an exchange, or again from the beginning.
    fn exchange(&mut self, index: u64) -> Result<Option<Arc<Judged>>, String> {
        if index < self.next {
            let seen = self.seen;
            *self = Self { seen, ..Self::open(&self.file).map_err(|error| error.to_string())? };
        }
        loop {
            let Some(exchange) = self.exchanges.next() else { return Ok(None) };
            let exchange = exchange.map_err(|error| error.to_string())?;
            let at = self.next;
            self.next += 1;
            self.seen = self.seen.max(self.next);
            if self.window.len() >= WINDOW {
                self.window.pop_front();
            }
            if at == index {
                self.window.push_back(Arc::new(unjudged(at, without_bodies(exchange.clone()))));
                return Ok(Some(Arc::new(unjudged(at, exchange))));
            }
            self.window.push_back(Arc::new(unjudged(at, without_bodies(exchange))));
        }
    }

    fn row(&mut self, index: u64) -> Result<Option<Arc<Judged>>, String> {
        let first = self.next - self.window.len() as u64;
        if (first..self.next).contains(&index) {
            return Ok(self.window.get((index - first) as usize).cloned());
        }
        Ok(self.exchange(index)?.and_then(|_| self.window.back().cloned()))
    }
}

/// An exchange of whose verdicts nothing is known here.
fn unjudged(index: u64, exchange: Exchange) -> Judged {
    let parsed = ParsedExchange::new(index, Arc::new(exchange), None);
    Judged::without_verdicts(index, parsed.exchange, parsed.stage, parsed.order_uuid)
}

/// What a row of a list shows of an exchange.
fn without_bodies(mut exchange: Exchange) -> Exchange {
    let empty = |body: &mut Body| *body = Body::not_recorded(body.length);
    empty(&mut exchange.request.body);
    if let Some(response) = &mut exchange.response {
        empty(&mut response.body);
    }
    exchange
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use jiff::Timestamp;

    use super::*;
    use crate::capture::{Meta, RotatingWriter, Rotation, numbered};
    use crate::rules::BookingSystemInfo;

    fn search(filter: &str, from: u64) -> ExchangeSearch {
        ExchangeSearch { filter: Arc::new(filter.parse().unwrap()), marked: Arc::new(BTreeSet::from([7])), from }
    }

    /// Everything that a filter finds.
    fn found(archive: &mut Archive, filter: &str) -> Vec<u64> {
        let (mut all, mut from) = (Vec::new(), 0);
        loop {
            let slice = archive.search(&search(filter, from)).unwrap();
            all.extend(slice.found);
            if slice.next >= slice.of {
                return all;
            }
            from = slice.next;
        }
    }

    #[test]
    fn all_parts_of_a_rotated_recording_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let (file, rotation) = (folder.path().join("run.db"), Rotation { size: Some(1), every: None });
        let mut series = RotatingWriter::create(&file, Meta::new(None, Timestamp::UNIX_EPOCH), rotation).unwrap();
        let mut archive = Archive::new(Some(numbered(&file, 1)), None);
        let append = |series: &mut RotatingWriter, number: u64| {
            series.append(&Exchange::get("https://booking.example", format!("/{number}"))).unwrap();
            series.commit().unwrap();
        };
        (0..10).for_each(|number| append(&mut series, number));
        assert_eq!(archive.exchange(9).unwrap().exchange.request.target, "/9");
        assert!(archive.exchange(10).is_err_and(|why| why.contains("exchange 11 is not in the recording")));
        // One that begins while the screen is open.
        while !series.rotate().unwrap() {
            std::thread::sleep(Duration::from_millis(1));
        }
        (10..15).for_each(|number| append(&mut series, number));
        assert_eq!(archive.exchange(12).unwrap().exchange.request.target, "/12");
        let rows = archive.exchanges(8, 64).unwrap();
        assert_eq!(rows.iter().map(|row| row.index).collect::<Vec<_>>(), (8..15).collect::<Vec<_>>());
        assert_eq!(found(&mut archive, "path:/1"), [1, 10, 11, 12, 13, 14]);
        assert_eq!(found(&mut archive, "is:marked"), [7]);
        assert!(archive.size().is_some_and(|size| size > 0));
        assert!(archive.search(&search("sev:failure", 0)).is_err_and(|why| why.contains("are not kept")));
        series.finish().unwrap();
    }

    #[test]
    fn a_har_is_read_from_its_beginning_as_often_as_it_takes() {
        let mut archive = Archive::new(Some(PathBuf::from("captures/faulty.har")), None);
        let all: Vec<Exchange> =
            open_without_secrets(Path::new("captures/faulty.har")).unwrap().exchanges.flatten().collect();
        for index in [100, 5, 6, 140, 0] {
            assert_eq!(*archive.exchange(index).unwrap().exchange, all[index as usize], "{index}");
        }
        let rows = archive.exchanges(64, 64).unwrap();
        assert!(rows.len() == 64 && rows[0].index == 64 && rows[0].exchange.request.body.bytes.is_empty());
        assert_eq!(archive.exchanges(128, 64).unwrap().len(), all.len() - 128);
        assert!(archive.exchange(all.len() as u64).is_err());
        assert!(!found(&mut archive, "method:PUT status:4xx").is_empty());
        let judge = Judge::new(Arc::new(RuleBook::built_in().unwrap()), BookingSystemInfo::default());
        let mut archive = Archive::new(archive.file, Some(ArchiveVerdicts::by(&judge)));
        let why = archive.search(&search("sev:failure", 0)).unwrap_err();
        assert!(why.contains("umpire capture convert captures/faulty.har -o FILE.db"), "{why}");
    }

    #[test]
    fn kept_verdicts_are_read_back_and_searched() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("run.db");
        let mut writer = capture::CaptureWriter::create(&file, &Meta::new(None, Timestamp::UNIX_EPOCH)).unwrap();
        let read = || open_without_secrets(Path::new("captures/faulty.har")).unwrap().exchanges.flatten();
        for exchange in read().chain(read()) {
            writer.append(&exchange).unwrap();
        }
        writer.finish().unwrap();
        let judge = || Judge::new(Arc::new(RuleBook::built_in().unwrap()), BookingSystemInfo::default());
        let (mut one, given) = (judge(), ArchiveVerdicts::by(&judge()));
        let mut kept = crate::verdicts::VerdictWriter::new(&file, given.key);
        let mut faulty = Vec::new();
        for (index, exchange) in (0..).zip(read().chain(read())) {
            let judged = one.judge(Arc::new(exchange));
            faulty.extend((!judged.findings.is_empty()).then_some(index));
            kept.add(&judged);
        }
        let id = CaptureId::of(&file, CaptureId::default()).unwrap();
        kept.seal(id, &crate::verdicts::VerdictTotals::of(&one));
        let mut archive = Archive::new(Some(file), Some(given));
        assert!(!archive.exchange(faulty[0]).unwrap().findings.is_empty());
        assert_eq!(found(&mut archive, "is:faulty"), faulty);
    }
}
