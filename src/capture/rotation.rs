//! Rotation: a recording goes on in a new file when one is full or old.
//!
//! ```text
//! run.db                                    without rotation
//! run.0001.db ─► run.0002.db ─► …           with it: the last is committed, the next is made; a thread closes the last
//!     └ the next can't be made: the last goes on, said once, tried again a second later
//! ```
//!
//! The parts know that they belong together ([`PartNumber`]), so that `check` judges them as one recording, and whoever reads one
//! finds the [`next_part`].

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::{CaptureError, CaptureReader, CaptureWriter, Meta, PartNumber, create_failed, is_capture, numbered};
use crate::exchange::Exchange;
use crate::panics::{self, Panicked};

/// How long after a failure the next file is tried again.
const RETRY_EVERY: Duration = Duration::from_secs(1);

/// When a recording goes on in a new file; never, by default.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rotation {
    /// When the file has this many bytes. It may grow beyond while the file before it is still being closed.
    pub size: Option<u64>,
    /// When the file is this old, with the next exchange.
    pub every: Option<Duration>,
}

impl Rotation {
    fn is_asked_for(self) -> bool {
        self != Self::default()
    }
}

/// Writes a recording to one file, or to several in a row.
pub struct RotatingWriter {
    /// The name that the parts are named after.
    file: PathBuf,
    meta: Meta,
    rotation: Rotation,
    writer: CaptureWriter,
    begun: Instant,
    failed_at: Option<Instant>,
    /// Exchanges in the parts before this one.
    before: u64,
    /// The last part on its way to be closed, which waits for the disk as recording must not. Never more than one.
    closing: Option<JoinHandle<Result<Result<u64, CaptureError>, Panicked>>>,
}

impl RotatingWriter {
    /// Makes the first file. See [`CaptureWriter::create`]; with rotation its name is numbered.
    pub fn create(file: &Path, meta: Meta, rotation: Rotation) -> Result<Self, CaptureError> {
        let (meta, first) = if rotation.is_asked_for() {
            let of = format!("{}-{}", Timestamp::now(), std::process::id());
            (Meta { part: Some(PartNumber { of, number: 1 }), ..meta }, numbered(file, 1))
        } else {
            (meta, file.to_owned())
        };
        let writer = CaptureWriter::create(&first, &meta)?;
        let begun = Instant::now();
        Ok(Self { file: file.to_owned(), meta, rotation, writer, begun, failed_at: None, before: 0, closing: None })
    }

    /// The file that is being written.
    pub fn file(&self) -> &Path {
        self.writer.file()
    }

    /// True if it goes on in another file once this one is full or old.
    pub(crate) fn is_rotated(&self) -> bool {
        self.rotation.is_asked_for()
    }

    /// Exchanges in all parts that would be there if everything were committed now.
    pub fn len(&self) -> u64 {
        self.before + self.writer.len()
    }

    /// Exchanges that were appended and are not on disk yet.
    pub(crate) fn uncommitted(&self) -> u64 {
        self.writer.uncommitted()
    }

    /// The file that an exchange was appended to last, and its index there.
    pub fn last(&self) -> Option<(&Path, u64)> {
        Some((self.file(), self.writer.len().checked_sub(1)?))
    }

    /// True if nothing has been appended yet.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Appends an exchange, secrets and all: redact it first. See [`CaptureWriter::append`].
    pub fn append(&mut self, exchange: &Exchange) -> Result<(), CaptureError> {
        self.writer.append(exchange).map(drop)
    }

    /// From now on bodies are compressed in less time and to a larger size, or as usual. See [`Writer::compress_fast`].
    pub(crate) fn compress_fast(&mut self, fast: bool) {
        self.writer.compress_fast(fast);
    }

    /// True if the file that is being written still has its name.
    pub(crate) fn file_unchanged(&self) -> bool {
        self.writer.file_unchanged()
    }

    /// Goes on in a new file in place of the deleted one. See [`CaptureWriter::recreate`].
    pub(crate) fn recreate(&mut self) -> Result<u64, CaptureError> {
        self.writer.recreate(&self.meta)
    }

    /// Brings to disk what was appended since the last time. See [`CaptureWriter::commit`].
    pub fn commit(&mut self) -> Result<(), CaptureError> {
        self.writer.commit()
    }

    /// Goes on in a new file if it is time to. True if it does. An error: either the last file goes on, or the one before it
    /// could not be closed well, and opens all the same.
    pub fn rotate(&mut self) -> Result<bool, CaptureError> {
        if !self.is_due() {
            return Ok(false);
        }
        let rotated = self.go_on();
        self.failed_at = rotated.is_err().then(Instant::now);
        rotated.map(|()| true)
    }

    fn go_on(&mut self) -> Result<(), CaptureError> {
        self.closed()?;
        self.writer.commit()?;
        let next = self.next()?;
        self.begun = Instant::now();
        let last = std::mem::replace(&mut self.writer, next);
        self.before += last.len();
        let file = last.file().to_owned();
        let closing =
            std::thread::Builder::new().name("closing".to_owned()).spawn(move || panics::catch(|| last.finish()));
        self.closing = Some(closing.map_err(|error| create_failed(&file, &error))?);
        Ok(())
    }

    /// Waits for the part that is being closed.
    fn closed(&mut self) -> Result<(), CaptureError> {
        let Some(closing) = self.closing.take() else { return Ok(()) };
        let closed = closing.join().unwrap_or_else(|payload| Err(Panicked::new(&*payload)));
        closed.unwrap_or_else(|panicked| {
            let cause = format!("closing a part of it {panicked}; the part opens all the same");
            Err(CaptureError::Write { file: self.file.clone(), cause, lost: 0 })
        })?;
        Ok(())
    }

    /// Makes the recording usable again after a panic; see [`CaptureWriter::recover`].
    pub(crate) fn recover(&mut self) -> Result<u64, CaptureError> {
        self.writer.recover()
    }

    /// What went wrong beside the recording since the last call, in words; what it has lost is to be counted.
    pub(crate) fn take_trouble(&mut self) -> Option<(String, u64)> {
        let closed = match &self.closing {
            Some(closing) if closing.is_finished() => self.closed(),
            _ => Ok(()),
        };
        match closed {
            Err(error) => Some((format!("A part of the recording was not closed well: {error}"), error.lost())),
            Ok(()) => self.writer.take_trouble().map(|trouble| (trouble, 0)),
        }
    }

    /// Closes the last file; see [`CaptureWriter::finish`]. Returns the number of exchanges in all of them.
    pub fn finish(mut self) -> Result<u64, CaptureError> {
        let closed = self.closed();
        let count = self.before + self.writer.finish()?;
        closed.map(|()| count)
    }

    /// As [`Self::finish`], but a last file without exchanges is removed; see [`CaptureWriter::finish_or_remove`].
    pub(crate) fn finish_or_remove(mut self) -> Result<u64, CaptureError> {
        let closed = self.closed();
        let count = self.before + self.writer.finish_or_remove()?;
        closed.map(|()| count)
    }

    fn is_due(&self) -> bool {
        let Rotation { size, every } = self.rotation;
        !self.writer.is_empty()
            && self.failed_at.is_none_or(|at| at.elapsed() >= RETRY_EVERY)
            && self.closing.as_ref().is_none_or(JoinHandle::is_finished)
            && (every.is_some_and(|every| self.begun.elapsed() >= every)
                || size.is_some_and(|size| self.writer.size() >= size))
    }

    /// The writer of the next part. A number whose name is taken is passed over: nothing is written over.
    fn next(&mut self) -> Result<CaptureWriter, CaptureError> {
        let PartNumber { of, number } = self.meta.part.clone().unwrap_or_default();
        let mut next = number + 1;
        loop {
            let meta = Meta { part: Some(PartNumber { of: of.clone(), number: next }), ..self.meta.clone() };
            match CaptureWriter::create(&numbered(&self.file, next), &meta) {
                Err(CaptureError::Exists { .. }) if next < u32::MAX => next += 1,
                Err(error) => return Err(error),
                Ok(writer) => {
                    self.meta = meta;
                    return Ok(writer);
                }
            }
        }
    }
}

/// The part of the same recording that comes behind the one that is read, if there is one yet. All exchanges of a part are
/// on disk when there is a next one.
///
/// It is looked for beside the part, under a name with a greater number; what has such a name and is no part of the
/// recording is passed over. A part that was given another name has none behind it.
pub(crate) fn next_part(reader: &CaptureReader) -> Result<Option<CaptureReader>, CaptureError> {
    let Some(part) = &reader.meta().part else { return Ok(None) };
    let failed = |error: io::Error| CaptureError::Read { file: reader.file().to_owned(), cause: error.to_string() };
    let folder = match reader.file().parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    let name = reader.file().file_name().unwrap_or_default().to_string_lossy();
    let Some((before, behind)) = name.rsplit_once(&format!(".{:04}", part.number)) else { return Ok(None) };
    let mut later = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        let number = name.to_str().and_then(|name| name.strip_prefix(before)?.strip_suffix(behind)?.strip_prefix('.'));
        let number = number.and_then(|digits| digits.parse::<u32>().ok());
        later.extend(number.filter(|&number| number > part.number).map(|number| (number, name)));
    }
    later.sort();
    for (_, name) in later {
        let path = reader.file().with_file_name(name);
        match is_capture(&path).and_then(|is| if is { CaptureReader::open(&path).map(Some) } else { Ok(None) }) {
            Ok(Some(next)) if next.meta().part.as_ref().is_some_and(|next| next.of == part.of) => {
                return Ok(Some(next));
            }
            // Not of this recording, or gone in the meantime.
            Ok(_) | Err(CaptureError::NotACapture { .. }) => {}
            Err(_) if !path.exists() => {}
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}
