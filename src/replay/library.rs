//! The recordings that a replay is made of, their exchanges read when they are asked for.
//!
//! ```text
//! capture ─────────────► CaptureReader ─► exchange n        (stays on disk)
//! HAR, NDJSON ─► kept ─► memory, or, past KEPT, a capture without a name ─► exchange n
//! ```

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError, RwLock};

use tempfile::TempDir;

use super::ReplayError;
use crate::capture::{self, CaptureError, CaptureReader, CaptureWriter, Exchanges, Meta};
use crate::exchange::Exchange;

/// Bytes of bodies of a HAR or NDJSON file that are kept in memory; a longer file goes into a temporary capture: 64 MiB.
const KEPT: usize = 64 << 20;

/// Exchanges that are written to a temporary capture between two commits.
const COMMIT_EVERY: u64 = 200;

/// One recording.
pub(crate) struct ReplaySource {
    /// Its file as given.
    pub file: PathBuf,
    /// What is known of it as a whole.
    pub meta: Meta,
    kept: StoredEntry,
}

enum StoredEntry {
    /// A capture.
    OnDisk(Box<Mutex<CaptureReader>>),
    /// Anything else, as far as it was read.
    Copied(Box<RwLock<CopiedExchanges>>),
}

#[derive(Default)]
struct CopiedExchanges {
    exchanges: Vec<Exchange>,
    bytes: usize,
    spilled: Option<SpilledExchanges>,
}

/// The exchanges behind those in memory.
struct SpilledExchanges {
    writer: Mutex<CaptureWriter>,
    reader: Mutex<CaptureReader>,
    /// Gone with the replay.
    _folder: TempDir,
}

/// The exchanges of a recording that are yet to be looked at, in recorded order. Those of a capture come without the bytes of
/// their response bodies.
pub(crate) struct UnreadExchanges {
    exchanges: Exchanges,
    copy: bool,
}

impl ReplaySource {
    /// Opens a recording, and begins to read it.
    pub(super) fn open(file: &Path) -> Result<(Self, UnreadExchanges), ReplayError> {
        let recording = capture::open(file)?;
        let (meta, copy) = (recording.meta, recording.format != capture::RecordingFormat::Capture);
        let (kept, exchanges) = if copy {
            (StoredEntry::Copied(Box::default()), recording.exchanges)
        } else {
            let exchanges: Exchanges = Box::new(CaptureReader::open(file)?.without_response_bodies().into_exchanges(0));
            (StoredEntry::OnDisk(Box::new(Mutex::new(CaptureReader::open(file)?))), exchanges)
        };
        Ok((Self { file: file.to_owned(), meta, kept }, UnreadExchanges { exchanges, copy }))
    }

    /// The exchange at a 0-based index that was read before.
    pub(super) fn exchange(&self, index: u32) -> Result<Exchange, CaptureError> {
        let missing = || CaptureError::Exchange {
            file: self.file.clone(),
            index: index.into(),
            what: "there is none of that index".to_owned(),
        };
        match &self.kept {
            StoredEntry::OnDisk(reader) => lock(reader).exchange(index.into()),
            StoredEntry::Copied(copied) => {
                let copied = copied.read().unwrap_or_else(PoisonError::into_inner);
                if let Some(exchange) = copied.exchanges.get(index as usize) {
                    return Ok(exchange.clone());
                }
                let spilled = copied.spilled.as_ref().ok_or_else(missing)?;
                lock(&spilled.reader).exchange(u64::from(index) - copied.exchanges.len() as u64)
            }
        }
    }

    /// The next exchange of the recording, which can be asked for from then on.
    pub(super) fn read(&self, unread: &mut UnreadExchanges) -> Option<Result<Exchange, ReplayError>> {
        let exchange = match unread.exchanges.next()? {
            Ok(exchange) => exchange,
            Err(error) => return Some(Err(error.into())),
        };
        Some(match &self.kept {
            StoredEntry::Copied(copied) if unread.copy => {
                let mut copied = copied.write().unwrap_or_else(PoisonError::into_inner);
                copied.keep(&exchange, &self.meta).map(|()| exchange)
            }
            _ => Ok(exchange),
        })
    }

    /// The name of its file without folders.
    pub(super) fn name(&self) -> String {
        self.file
            .file_name()
            .map_or_else(|| self.file.display().to_string(), |name| name.to_string_lossy().into_owned())
    }
}

impl CopiedExchanges {
    fn keep(&mut self, exchange: &Exchange, meta: &Meta) -> Result<(), ReplayError> {
        let size = exchange.request.body.bytes.len()
            + exchange.response.as_ref().map_or(0, |response| response.body.bytes.len());
        if self.spilled.is_none() && self.bytes + size <= KEPT {
            self.bytes += size;
            self.exchanges.push(exchange.clone());
            return Ok(());
        }
        if self.spilled.is_none() {
            let folder = tempfile::tempdir().map_err(ReplayError::Temporary)?;
            let file = folder.path().join("replay.db");
            let writer = Mutex::new(CaptureWriter::create(&file, meta)?);
            self.spilled =
                Some(SpilledExchanges { writer, reader: Mutex::new(CaptureReader::open(&file)?), _folder: folder });
        }
        if let Some(spilled) = &self.spilled {
            let mut writer = lock(&spilled.writer);
            writer.append(exchange)?;
            if writer.uncommitted() >= COMMIT_EVERY {
                writer.commit()?;
            }
        }
        Ok(())
    }

    fn commit(&self) -> Result<(), CaptureError> {
        self.spilled.as_ref().map_or(Ok(()), |spilled| lock(&spilled.writer).commit())
    }
}

impl ReplaySource {
    /// Makes everything that was read available.
    pub(crate) fn settle(&self) -> Result<(), ReplayError> {
        match &self.kept {
            StoredEntry::OnDisk(_) => Ok(()),
            StoredEntry::Copied(copied) => Ok(copied.read().unwrap_or_else(PoisonError::into_inner).commit()?),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    // A reader and a writer are whole between two calls.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
