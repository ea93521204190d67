//! Files that commands write: whole or not at all, and in place of another file only if the user said `--force`.
//!
//! ```text
//! create ─► is the name free? ─► missing folders, a temporary file beside it ─► finish: it takes the name
//!              └─► no: refused                 ├─► dropped: it is removed, what had the name before stays
//!                                              └─► a signal: remove_unfinished
//! pipe or device (/dev/stdout) ─► written directly, since nothing is replaced
//! ```

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tempfile::TempPath;

/// What happens to a file that has the name already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Existing {
    /// It stays, and writing is refused.
    Keep,
    /// It is replaced once the new file is whole.
    Replace,
}

impl Existing {
    /// `--force` replaces, nothing else does.
    pub(crate) fn with_force(force: bool) -> Self {
        if force { Self::Replace } else { Self::Keep }
    }
}

/// Who may read a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readers {
    /// Its owner alone.
    Owner,
    /// All that the user's settings allow.
    All,
}

/// Why a file can't be written. Each message names the file that was asked for, never a temporary one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NewFileError {
    /// There is a file of that name, and nobody said `--force`.
    #[error("{}: exists already; choose another name, or replace it with --force", file.display())]
    Exists {
        /// The file.
        file: PathBuf,
    },
    /// The name is that of a folder.
    #[error("{}: is a folder; give the name of a file in it", file.display())]
    IsFolder {
        /// The folder.
        file: PathBuf,
    },
    /// It can't be made.
    #[error("{}: can't be created: {cause}", file.display())]
    Create {
        /// The file.
        file: PathBuf,
        /// The cause in words.
        cause: String,
    },
    /// Its content can't be written.
    #[error("{}: can't be written: {cause}", file.display())]
    Write {
        /// The file.
        file: PathBuf,
        /// The cause in words.
        cause: String,
    },
}

/// A file on its way to disk.
#[derive(Debug)]
pub struct NewFile {
    /// The name as the user gave it.
    name: PathBuf,
    /// The same, symbolic links followed.
    target: PathBuf,
    existing: Existing,
    /// `None` for a pipe or a device, which is written directly.
    temporary: Option<Unfinished>,
}

/// The temporary files of this process.
static UNFINISHED: Mutex<UnfinishedFiles> = Mutex::new(UnfinishedFiles { paths: Vec::new(), ended: false });

#[derive(Debug)]
struct UnfinishedFiles {
    paths: Vec<PathBuf>,
    /// The process ends: nothing is begun or finished any more.
    ended: bool,
}

impl UnfinishedFiles {
    fn lock() -> MutexGuard<'static, Self> {
        UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn check(&self) -> io::Result<()> {
        if self.ended { Err(ErrorKind::Interrupted.into()) } else { Ok(()) }
    }
}

/// Removes every file that is not finished, because a signal ends the process. From then on none is begun or finished. True if
/// there was one.
pub(crate) fn remove_unfinished() -> bool {
    let mut files = UnfinishedFiles::lock();
    files.ended = true;
    let removed = files.paths.drain(..).filter(|path| fs::remove_file(path).is_ok()).count();
    removed > 0
}

/// A temporary file, which is removed when this is dropped or a signal ends the process.
#[derive(Debug)]
struct Unfinished {
    /// There until it gets its name.
    path: Option<TempPath>,
}

impl Unfinished {
    fn path(&self) -> &Path {
        self.path.as_deref().unwrap_or(Path::new(""))
    }

    /// Gives it its name.
    fn persist(mut self, target: &Path, existing: Existing) -> io::Result<()> {
        let mut files = UnfinishedFiles::lock();
        files.check()?;
        let Some(path) = self.path.take() else { return Ok(()) };
        files.paths.retain(|unfinished| unfinished != &*path);
        let named = match existing {
            Existing::Keep => path.persist_noclobber(target),
            Existing::Replace => {
                remove_logs(target)?;
                path.persist(target)
            }
        };
        named.map_err(|failed| failed.error)
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if let Some(path) = &self.path {
            UnfinishedFiles::lock().paths.retain(|unfinished| unfinished != &**path);
        }
    }
}

impl NewFile {
    /// Refuses a name that is taken, makes missing folders, and creates a temporary file beside the name.
    pub fn create(name: &Path, existing: Existing, readers: Readers) -> Result<Self, NewFileError> {
        ensure_free(name, existing)?;
        let target = fs::canonicalize(name).unwrap_or_else(|_| name.to_owned());
        let temporary = if is_special(&target) { None } else { Some(temporary(name, &target, readers)?) };
        Ok(Self { name: name.to_owned(), target, existing, temporary })
    }

    /// The name that it will have, as it was given.
    pub fn name(&self) -> &Path {
        &self.name
    }

    /// Where the content is written to until it is whole.
    pub fn path(&self) -> &Path {
        self.temporary.as_ref().map_or(&self.target, Unfinished::path)
    }

    /// True for a pipe or a device, in which nothing can be read or moved to again.
    pub(crate) fn is_stream(&self) -> bool {
        self.temporary.is_none()
    }

    /// Opens it for writing, from its start.
    pub fn open(&self) -> Result<File, NewFileError> {
        let opened = OpenOptions::new().write(true).open(self.path());
        opened.map_err(|error| create_failed(&self.name, &error))
    }

    /// A message of another library, with the name of the file in place of the temporary one.
    pub(crate) fn renamed_in(&self, message: &str) -> String {
        let name = |path: &Path| path.display().to_string();
        match &self.temporary {
            Some(temporary) => message.replace(&name(temporary.path()), &name(&self.name)),
            None => message.to_owned(),
        }
    }

    /// Gives it its name. What had the name before is replaced now, if that was allowed.
    pub fn finish(self) -> Result<(), NewFileError> {
        let Self { name, target, existing, temporary } = self;
        let Some(temporary) = temporary else { return Ok(()) };
        temporary.persist(&target, existing).map_err(|error| match error.kind() {
            ErrorKind::AlreadyExists => NewFileError::Exists { file: name },
            _ => create_failed(&name, &error),
        })
    }
}

/// Writes a whole file. It is on disk when this returns, so that a power cut can't leave it half.
pub fn write(name: &Path, content: &[u8], existing: Existing, readers: Readers) -> Result<(), NewFileError> {
    let new = NewFile::create(name, existing, readers)?;
    let mut file = new.open()?;
    let written = file.write_all(content).and_then(|()| if new.is_stream() { Ok(()) } else { file.sync_all() });
    written.map_err(|error| NewFileError::Write { file: name.to_owned(), cause: error.to_string() })?;
    drop(file);
    new.finish()
}

/// Refuses a name that can't be written to: for commands that work for long before they write.
pub(crate) fn ensure_free(name: &Path, existing: Existing) -> Result<(), NewFileError> {
    let file = || name.to_owned();
    match fs::metadata(name) {
        Ok(found) if found.is_dir() => Err(NewFileError::IsFolder { file: file() }),
        Ok(found) if found.is_file() && existing == Existing::Keep => Err(NewFileError::Exists { file: file() }),
        // A link that leads nowhere has the name, too.
        Err(_) if existing == Existing::Keep && name.is_symlink() => Err(NewFileError::Exists { file: file() }),
        _ if name.file_name().is_none() => Err(NewFileError::IsFolder { file: file() }),
        _ => Ok(()),
    }
}

/// Makes an empty file that nobody had before.
pub(crate) fn create_new(path: &Path, readers: Readers) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    if readers == Readers::Owner {
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    }
    #[cfg(not(unix))]
    let _ = readers;
    options.open(path)
}

/// True for a pipe, a terminal or another device.
fn is_special(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|found| !found.is_file() && !found.is_dir())
}

fn temporary(name: &Path, target: &Path, readers: Readers) -> Result<Unfinished, NewFileError> {
    let failed = |error: io::Error| create_failed(name, &error);
    let folder = match target.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    fs::create_dir_all(folder).map_err(|error| match folder.ancestors().find(|above| above.exists()) {
        Some(above) if !above.is_dir() => {
            NewFileError::Create { file: name.to_owned(), cause: format!("{} is no folder", above.display()) }
        }
        _ => failed(error),
    })?;
    let mut prefix = OsString::from(".");
    prefix.push(target.file_name().unwrap_or_default());
    prefix.push(".");
    let mut files = UnfinishedFiles::lock();
    files.check().map_err(failed)?;
    // Made here and not by the library, whose errors name the temporary file.
    let made = tempfile::Builder::new()
        .prefix(&prefix)
        .suffix(".part")
        .make_in(folder, |path| create_new(path, readers))
        .map_err(failed)?;
    let path = made.into_temp_path();
    files.paths.push(path.to_path_buf());
    Ok(Unfinished { path: Some(path) })
}

/// Removes what SQLite keeps beside a database: the log of the file that is replaced is none of the new one's.
fn remove_logs(database: &Path) -> io::Result<()> {
    for suffix in ["-wal", "-shm", "-journal"] {
        let mut name = database.as_os_str().to_owned();
        name.push(suffix);
        match fs::remove_file(&name) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

fn create_failed(name: &Path, error: &io::Error) -> NewFileError {
    NewFileError::Create { file: name.to_owned(), cause: error.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<OsString> {
        let mut names: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    }

    #[test]
    fn it_is_whole_or_not_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b/x.txt");
        drop(NewFile::create(&path, Existing::Keep, Readers::All).unwrap());
        assert_eq!(names(path.parent().unwrap()), [""; 0], "given up");
        write(&path, b"one", Existing::Keep, Readers::All).unwrap();
        assert_eq!(names(path.parent().unwrap()), ["x.txt"]);
        let refused = write(&path, b"two", Existing::Keep, Readers::All).unwrap_err();
        assert_eq!(refused, NewFileError::Exists { file: path.clone() });
        assert!(refused.to_string().contains("--force"), "{refused}");
        assert_eq!(fs::read(&path).unwrap(), b"one");
        write(&path, b"three", Existing::Replace, Readers::All).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"three");
        assert_eq!(names(path.parent().unwrap()), ["x.txt"]);
    }

    #[test]
    fn what_comes_in_between_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.txt");
        let new = NewFile::create(&path, Existing::Keep, Readers::Owner).unwrap();
        fs::write(&path, "precious").unwrap();
        assert_eq!(new.finish().unwrap_err(), NewFileError::Exists { file: path.clone() });
        assert_eq!(fs::read(&path).unwrap(), b"precious");
        assert_eq!(names(folder.path()), ["x.txt"]);
    }

    #[test]
    fn messages_name_the_file_that_was_asked_for() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("file"), "").unwrap();
        let path = folder.path().join("file/x.txt");
        let error = write(&path, b"", Existing::Keep, Readers::All).unwrap_err().to_string();
        assert!(error.contains("file/x.txt: can't be created") && !error.contains(".part"), "{error}");
        let error = write(folder.path(), b"", Existing::Replace, Readers::All).unwrap_err();
        assert_eq!(error, NewFileError::IsFolder { file: folder.path().to_owned() });
        let path = folder.path().join("y.txt");
        let new = NewFile::create(&path, Existing::Keep, Readers::All).unwrap();
        let message = format!("unable to open {}-wal", new.path().display());
        assert_eq!(new.renamed_in(&message), format!("unable to open {}-wal", path.display()));
    }

    #[cfg(unix)]
    #[test]
    fn links_are_followed_and_devices_stay() {
        use std::os::unix::fs::{FileTypeExt, PermissionsExt, symlink};
        let folder = tempfile::tempdir().unwrap();
        let (real, link, nowhere) =
            (folder.path().join("real"), folder.path().join("link"), folder.path().join("nowhere"));
        fs::write(&real, "one").unwrap();
        symlink(&real, &link).unwrap();
        symlink(folder.path().join("none"), &nowhere).unwrap();
        for name in [&link, &nowhere] {
            assert!(matches!(ensure_free(name, Existing::Keep), Err(NewFileError::Exists { .. })));
        }
        write(&link, b"two", Existing::Replace, Readers::Owner).unwrap();
        assert!(link.is_symlink() && fs::read(&real).unwrap() == b"two");
        assert_eq!(fs::metadata(&real).unwrap().permissions().mode() & 0o777, 0o600);
        write(Path::new("/dev/null"), b"two", Existing::Replace, Readers::Owner).unwrap();
        assert!(fs::metadata("/dev/null").unwrap().file_type().is_char_device());
    }

    #[test]
    fn the_log_of_a_database_that_is_replaced_goes_with_it() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["x.db", "x.db-wal", "x.db-shm", "y.db-wal"] {
            fs::write(folder.path().join(name), name).unwrap();
        }
        write(&folder.path().join("x.db"), b"", Existing::Replace, Readers::Owner).unwrap();
        assert_eq!(names(folder.path()), ["x.db", "y.db-wal"]);
    }
}
