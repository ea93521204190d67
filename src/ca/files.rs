//! Files that are there whole or not at all, and keys that nobody else can read.
//!
//! `content → new file beside it (mode 600 for keys) → flushed → renamed`

use std::fs;
use std::io::{self, Write as _};
use std::path::Path;

pub(super) use crate::new_file::Readers;
use crate::new_file::create_new;

/// Makes a folder that only its owner can enter, if there is none.
pub(crate) fn private_folder(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// Writes a file whole. What was there before is replaced.
pub(super) fn write(path: &Path, content: &str, readers: Readers) -> io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.new", std::process::id()));
    let new = path.with_file_name(name);
    let written = create_new(&new, readers).and_then(|mut file| {
        file.write_all(content.as_bytes())?;
        file.sync_all()
    });
    let done = written.and_then(|()| fs::rename(&new, path));
    if done.is_err() {
        // What matters is why it failed; a rest that can't be removed either is harmless.
        let _rest = fs::remove_file(&new);
    }
    done
}

/// The mode of a file that others than its owner can read or write; `None` if nobody else can.
#[cfg(unix)]
pub(crate) fn exposed(path: &Path) -> io::Result<Option<u32>> {
    use std::os::unix::fs::PermissionsExt;
    let mode = fs::metadata(path)?.permissions().mode() & 0o777;
    Ok((mode & 0o077 != 0).then_some(mode))
}

/// On other platforms the user's data folder is the user's alone.
#[cfg(not(unix))]
pub(crate) fn exposed(_: &Path) -> io::Result<Option<u32>> {
    Ok(None)
}
