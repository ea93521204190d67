//! Recordings as every command reads them: without the secrets that a foreign one may hold.

use std::path::{Path, PathBuf};

use super::stdio::note;
use crate::capture::{CaptureError, Oddities, Recording, RecordingFormat, open_without_secrets};
use crate::text::safe_format;

/// Opens a recording without its secrets. What is odd about it is said on standard error when all of it has been read.
pub(super) fn open(file: &Path) -> Result<Recording, CaptureError> {
    Ok(telling(file, open_without_secrets(file)?))
}

/// The same recording, of which is said on standard error what is odd about it when all of it has been read.
pub(super) fn telling(file: &Path, recording: Recording) -> Recording {
    let Recording { mut exchanges, oddities, warning, .. } = recording;
    let (name, told) = (file.display().to_string(), oddities.clone());
    if let Some(warning) = &warning {
        note(safe_format!("{warning}"));
    }
    let mut ended = false;
    let telling = std::iter::from_fn(move || {
        let next = exchanges.next();
        if next.is_none() && !std::mem::replace(&mut ended, true) {
            tell(&name, &told);
        }
        next
    });
    Recording { exchanges: Box::new(telling), oddities, warning, ..recording }
}

/// Says on standard error what is odd about a recording.
fn tell(name: &str, oddities: &Oddities) {
    for oddity in oddities.list() {
        note(safe_format!("{name}: {oddity}"));
    }
}

/// The name of a capture to be recorded to, as an argument. One that asks for another format is refused: what is recorded
/// while it flows has to be whole at any moment, which SQLite keeps and those formats don't.
pub(crate) fn new_capture(name: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(name);
    match RecordingFormat::of_name(&path) {
        None | Some((RecordingFormat::Capture, _)) => Ok(path),
        Some((format, packed)) => {
            let unpacked = if packed { path.with_extension("") } else { path.clone() };
            let capture = unpacked.with_extension("db");
            Err(format!(
                "traffic is recorded in a capture, not as {}; record to {capture} and convert it afterwards: umpire capture \
                 export {capture} -o {name}",
                format.as_str(),
                capture = capture.display(),
            ))
        }
    }
}
