//! Standard output and standard error: opened here alone (`clippy.toml`), so that only safe text reaches them, and that
//! no failure to write is missed.
//!
//! ```text
//! command ─► print ─► standard output ─► written
//!                        ├─► nobody reads any more ─► the command ends quietly, with the status that it has
//!                        └─► can't be written (a full disk) ─► an error: one line, status 2
//! command ─► note ─► standard error; a failure there has nobody left to be told to
//! ```
#![expect(clippy::disallowed_methods, reason = "this is the place")]

use std::io::{self, BufWriter, ErrorKind, IsTerminal, Write};

use crate::text::{Printer, SafeText, safe};

/// Whether anybody reads what is written to standard output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Audience {
    /// All was written.
    There,
    /// The pipe was closed: whoever read has read enough.
    Gone,
}

/// Lets `write` print to standard output, and flushes it. `write` fails only with errors of the printer.
pub(super) fn print(write: impl FnOnce(&mut Printer<'_>) -> io::Result<()>) -> anyhow::Result<Audience> {
    let mut out = BufWriter::new(stdout());
    let written = write(&mut Printer::new(&mut out)).and_then(|()| out.flush());
    // What could not be written is not tried again.
    drop(out.into_parts());
    audience(written)
}

/// Prints a page of help, in colours on a terminal.
pub(crate) fn print_help(page: &clap::builder::StyledStr) -> anyhow::Result<Audience> {
    let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let text = if stdout_is_terminal() && !plain { page.ansi().to_string() } else { page.to_string() };
    // Help is made of nothing but what the program itself has to say.
    let mut out = stdout();
    audience(out.write_all(text.as_bytes()).and_then(|()| out.flush()))
}

/// What a write to standard output came to.
pub(crate) fn audience(written: io::Result<()>) -> anyhow::Result<Audience> {
    match written {
        Ok(()) => Ok(Audience::There),
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(Audience::Gone),
        Err(error) => Err(anyhow::anyhow!("standard output can't be written: {error}")),
    }
}

/// Standard output as it is, for what is written bit by bit. See that it is flushed, and its errors judged by [`audience`].
pub(super) fn stdout() -> impl Write + Send + 'static {
    io::stdout()
}

/// Says something on standard error, behind the name of the program.
pub(super) fn note(text: impl Into<SafeText>) {
    raw_note(safe!["umpire: ", text]);
}

/// Says something on standard error.
pub(crate) fn raw_note(text: impl Into<SafeText>) {
    let mut text = text.into();
    text.push("\n");
    // In one piece, so that lines of several threads don't mix. There is nobody to tell that it failed.
    let _untold = io::stderr().write_all(text.as_bytes());
}

/// Prints to standard error.
pub(crate) fn note_with(write: impl FnOnce(&mut Printer<'_>) -> io::Result<()>) {
    let mut page = Vec::new();
    // As above; writing to memory does not fail.
    let _untold = write(&mut Printer::new(&mut page)).and_then(|()| io::stderr().write_all(&page));
}

/// Writes to standard error what a log has to say.
pub(crate) fn write_log(line: &[u8]) {
    // As above.
    let _untold = io::stderr().write_all(line);
}

/// True if standard output was closed when the program began. The standard library opens `/dev/null` there, for reading and
/// writing, and nothing tells it from one that was given so.
pub(super) fn stdout_is_closed() -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt as _;

        use rustix::fs::{OFlags, fcntl_getfl};
        let out = rustix::stdio::stdout();
        let is_for_both = fcntl_getfl(out).is_ok_and(|flags| flags.intersection(OFlags::RWMODE) == OFlags::RDWR);
        let identity = |found: std::fs::Metadata| (found.dev(), found.ino());
        let found = out.try_clone_to_owned().and_then(|out| std::fs::File::from(out).metadata());
        is_for_both
            && found
                .is_ok_and(|found| std::fs::metadata("/dev/null").is_ok_and(|null| identity(null) == identity(found)))
    }
    #[cfg(not(unix))]
    false
}

/// True if standard output is a terminal.
pub(crate) fn stdout_is_terminal() -> bool {
    io::stdout().is_terminal()
}

/// True if standard error is a terminal.
pub(crate) fn stderr_is_terminal() -> bool {
    io::stderr().is_terminal()
}
