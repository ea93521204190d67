//! A recording opened for reading, whatever its format: the content tells which, not the name.
//!
//! ```text
//! file ─► SQLite? ─► CaptureReader ─────┐
//!      └► (gzip?) ─► NDJSON? ─► Lines ──┼─► Recording ─► Exchange*
//!                 └► HAR ─► Entries ────┘
//! ```

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;

use super::source::TextSource;
use super::{CaptureError, CaptureReader, Meta, Oddities, RecordingFormat, har, ndjson, store};
use crate::exchange::Exchange;
use crate::redact::Redactor;

/// Exchanges one at a time, each read when it is asked for.
pub type Exchanges = Box<dyn Iterator<Item = Result<Exchange, CaptureError>> + Send>;

/// A recording opened for reading from its start, whatever its format.
pub struct Recording {
    /// What is known of it as a whole.
    pub meta: Meta,
    /// The format it was found in.
    pub format: RecordingFormat,
    /// Its exchanges in recorded order; the position in this sequence is an exchange's 0-based index.
    pub exchanges: Exchanges,
    /// What is odd about its entries or lines, as far as the exchanges have been read. Empty for a capture.
    pub oddities: Oddities,
    /// A warning that its last exchanges may be missing, if nobody can be sure.
    pub warning: Option<String>,
}

impl Recording {
    /// The same as it comes out of a redactor, exchange by exchange. Any recording will do: what was replaced already stays
    /// as it is.
    pub fn redacted(self, redactor: Arc<Redactor>) -> Self {
        let meta = self.meta.redacted(redactor.level());
        let exchanges = self.exchanges.map(move |exchange| exchange.map(|exchange| redactor.redact(exchange)));
        Self { meta, exchanges: Box::new(exchanges), ..self }
    }
}

/// True if the file is a capture; false for anything else that can be read.
pub(crate) fn is_capture(path: &Path) -> Result<bool, CaptureError> {
    let failed = |error: io::Error| CaptureError::Open { file: path.to_owned(), cause: error.to_string() };
    let found = path.metadata().map_err(failed)?;
    if !found.is_file() && !found.is_dir() {
        // Opening a pipe would wait for whoever writes to it.
        let cause = "it is a pipe or a device, which can't be read twice; save it to a file first".to_owned();
        return Err(CaptureError::Open { file: path.to_owned(), cause });
    }
    let mut head = Vec::with_capacity(store::MAGIC.len());
    File::open(path).map_err(failed)?.take(store::MAGIC.len() as u64).read_to_end(&mut head).map_err(failed)?;
    Ok(head == store::MAGIC)
}

/// Opens a recording: a capture, or HAR or NDJSON, which may be compressed with gzip. One without exchanges is an error.
///
/// Every format streams: only one exchange is in memory at a time. An entry or line of another program that can't be read is left
/// out and counted in [`Recording::oddities`]; a file without a single one that can be read is refused here. What is wrong with a
/// file as a whole, such as that it is cut off, is an error behind the last exchange before that place, behind which nothing
/// follows.
pub fn open(path: &Path) -> Result<Recording, CaptureError> {
    if is_capture(path)? {
        let reader = CaptureReader::open(path)?;
        if reader.len()? == 0 {
            return Err(reader.damage().unwrap_or_else(|| CaptureError::Empty { file: path.to_owned() }));
        }
        let (meta, warning) = (reader.meta().clone(), reader.warning());
        let (exchanges, oddities) = (Box::new(reader.into_exchanges(0)), Oddities::of("exchange"));
        return Ok(Recording { meta, format: RecordingFormat::Capture, exchanges, oddities, warning });
    }
    let failed = |error: io::Error| CaptureError::Open { file: path.to_owned(), cause: error.to_string() };
    let source = TextSource::open(path).map_err(failed)?;
    if ndjson::is_ndjson(&source.head(ndjson::HEAD).map_err(failed)?) {
        let (meta, lines) = ndjson::open(path, &source)?;
        let oddities = lines.oddities();
        return Ok(Recording {
            meta,
            format: RecordingFormat::Ndjson,
            exchanges: begun(path, lines, &oddities)?,
            oddities,
            warning: None,
        });
    }
    let (meta, entries) = har::open(path, source)?;
    let oddities = entries.oddities();
    let exchanges = begun(path, entries, &oddities)?;
    Ok(Recording { meta, format: RecordingFormat::Har, exchanges, oddities, warning: None })
}

/// Opens a recording as every command reads it. Captures hold no secrets; those of the other formats are replaced by fingerprints
/// before anything is judged or shown, as they would have been live.
pub(crate) fn open_without_secrets(path: &Path) -> Result<Recording, CaptureError> {
    let recording = open(path)?;
    if recording.format == RecordingFormat::Capture {
        return Ok(recording);
    }
    Ok(recording.redacted(Arc::new(Redactor::new()?)))
}

/// The same exchanges, if there is a first one that can be used.
fn begun<I>(file: &Path, mut exchanges: I, oddities: &Oddities) -> Result<Exchanges, CaptureError>
where
    I: Iterator<Item = Result<Exchange, CaptureError>> + Send + 'static,
{
    match exchanges.next() {
        Some(Ok(first)) => Ok(Box::new(std::iter::once(Ok(first)).chain(exchanges))),
        Some(Err(error)) => Err(error),
        None => Err(CaptureError::without_exchanges(file, oddities)),
    }
}
