//! What is wrong with a recording, and what can be read of it all the same.
//!
//! ```text
//! file ─► as a whole: is the database sound, is the text complete? ─► errors
//!      └► each exchange: lengths, digests, form ──────────────────► Ok (can be saved) or Err (what is wrong), to the end
//! ```

use std::path::Path;

use super::source::TextSource;
use super::{CaptureError, CaptureReader, Exchanges, Meta, Oddities, RecordingFormat, har, is_capture, ndjson};

/// Whether a recording is whole, and what is wrong with it.
pub(crate) struct IntegrityReport {
    /// What is known of it as a whole.
    pub meta: Meta,
    /// The format it was found in.
    pub format: RecordingFormat,
    /// What is wrong with the file as a whole; empty if nothing is.
    pub errors: Vec<String>,
    /// Its exchanges. Other than those of a [`Recording`](super::Recording), they go on behind an error.
    pub exchanges: Exchanges,
    /// What is odd about its entries or lines, as far as the exchanges have been read.
    pub oddities: Oddities,
    /// A warning that its last exchanges may be missing, if nobody can be sure.
    pub warning: Option<String>,
}

/// Opens a recording that may be damaged. An error: nothing at all can be read of it.
pub(crate) fn examine(path: &Path) -> Result<IntegrityReport, CaptureError> {
    if is_capture(path)? {
        let reader = CaptureReader::open(path)?;
        let meta = reader.meta().clone();
        let mut errors: Vec<String> = reader.damage().iter().map(ToString::to_string).collect();
        errors.extend(reader.integrity_errors().unwrap_or_else(|error| vec![error.to_string()]));
        let warning = reader.warning();
        let count = reader.len().unwrap_or_else(|error| {
            errors.push(error.to_string());
            0
        });
        let exchanges = Box::new((0..count).map(move |index| reader.exchange(index)));
        let oddities = Oddities::of("exchange");
        return Ok(IntegrityReport { meta, format: RecordingFormat::Capture, errors, exchanges, oddities, warning });
    }
    let failed = |error: std::io::Error| CaptureError::Open { file: path.to_owned(), cause: error.to_string() };
    let source = TextSource::open(path).map_err(failed)?;
    if ndjson::is_ndjson(&source.head(ndjson::HEAD).map_err(failed)?) {
        let (meta, lines) = ndjson::open(path, &source)?;
        let oddities = lines.oddities();
        return Ok(IntegrityReport {
            meta,
            format: RecordingFormat::Ndjson,
            errors: Vec::new(),
            exchanges: Box::new(lines),
            oddities,
            warning: None,
        });
    }
    let (meta, mut entries) = har::open(path, source)?;
    let errors = entries.take_error().iter().map(ToString::to_string).collect();
    let oddities = entries.oddities();
    let exchanges = Box::new(entries);
    Ok(IntegrityReport { meta, format: RecordingFormat::Har, errors, exchanges, oddities, warning: None })
}
