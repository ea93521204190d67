//! Which file of its name a capture is, and its removal.

use std::fs;
use std::path::Path;

use crate::capture::beside;

/// What tells one file from another of the same name.
pub(super) type FileIdentity = (u64, u64);

/// The identity of the file that has this name; `None` if there is none. Where the system has no such thing, all files
/// are alike.
pub(super) fn identity(path: &Path) -> Option<FileIdentity> {
    let found = fs::metadata(path).ok()?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt as _;
        Some((found.dev(), found.ino()))
    }
    #[cfg(not(unix))]
    Some((0, u64::from(!found.is_file())))
}

/// Removes a capture that is of no use, with what SQLite keeps beside it.
pub(super) fn discard(path: &Path) {
    beside::remove(path);
    for suffix in ["", "-wal", "-shm", "-journal"] {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        match fs::remove_file(&name) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                tracing::warn!(file = %Path::new(&name).display(), %error, "a useless file can't be removed");
            }
            _ => {}
        }
    }
}
