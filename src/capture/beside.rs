//! Files that are kept beside a capture, under its name: the index of words, and the verdicts on it.
//!
//! ```text
//! monday.db ─► monday.db.index, monday.db.verdicts        the capture is replaced or removed ─► they go too
//! ```
//!
//! Both can be made again at any time. They hold parts of what the capture holds, so that none may outlive it where personal data
//! are taken out of it. What has such a name and is none of Umpire's is never touched.

use std::fs::{self, File};
use std::io::{ErrorKind, Read as _};
use std::path::{Path, PathBuf};

use super::index;

/// First bytes of a file of verdicts, with its form.
pub(crate) const VERDICTS_MAGIC: &[u8; 8] = b"UMPIREV1";

/// What every form of it begins with.
const ANY_FORM: &[u8] = b"UMPIREV";

/// Where the verdicts on a capture are: `monday.db.verdicts`.
pub fn verdicts_of(capture: &Path) -> PathBuf {
    let mut name = capture.as_os_str().to_owned();
    name.push(".verdicts");
    name.into()
}

/// Removes the verdicts beside a capture. False if something else has the name, or if they can't be removed.
pub(crate) fn remove_verdicts(capture: &Path) -> bool {
    let name = verdicts_of(capture);
    let mut head = Vec::new();
    match File::open(&name).and_then(|file| file.take(ANY_FORM.len() as u64).read_to_end(&mut head)) {
        Err(error) if error.kind() == ErrorKind::NotFound => return true,
        Err(_) => return false,
        // One that is empty was begun by a process that was killed.
        Ok(_) if !head.is_empty() && head != ANY_FORM => return false,
        Ok(_) => {}
    }
    match fs::remove_file(&name) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            tracing::warn!(file = %name.display(), %error, "verdicts on a recording that is gone can't be removed");
            false
        }
        _ => true,
    }
}

/// Removes everything that is kept beside a capture that has gone, or that another one has taken the place of.
pub(super) fn remove(capture: &Path) {
    remove_verdicts(capture);
    index::remove_of(capture);
}
