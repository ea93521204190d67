//! Recordings as every command reads them: without the secrets that a foreign one may hold.

use std::path::Path;

use crate::capture::{self, CaptureError, Recording, Redactor};

/// Opens a capture or a HAR file. Captures hold no secrets; those of a HAR file are replaced by fingerprints before anything
/// is judged or shown, as they would have been live.
pub fn open(file: &Path) -> Result<Recording, CaptureError> {
    let Recording { meta, exchanges } = capture::open(file)?;
    if capture::is_capture(file)? {
        return Ok(Recording { meta, exchanges });
    }
    let redactor = Redactor::new()?;
    let exchanges = exchanges.map(move |exchange| exchange.map(|exchange| redactor.redact(exchange)));
    Ok(Recording { meta, exchanges: Box::new(exchanges) })
}
