//! Recordings as every command reads them: without the secrets that a foreign one may hold.

use std::path::Path;
use std::sync::Arc;

use crate::capture::{self, CaptureError, Format, Recording, Redactor};

/// Opens a capture, a HAR or an NDJSON file. Captures hold no secrets; those of the others are replaced by fingerprints before anything
/// is judged or shown, as they would have been live.
pub fn open(file: &Path) -> Result<Recording, CaptureError> {
    let recording = capture::open(file)?;
    if recording.format == Format::Capture {
        return Ok(recording);
    }
    Ok(recording.redacted(Arc::new(Redactor::new()?)))
}
