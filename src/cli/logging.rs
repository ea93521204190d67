//! Where the log goes: to the file of `--log`, else warnings to standard error; never over the terminal UI.
//!
//! `RUST_LOG` sets the level in either case (`umpire=debug`).
//!
//! `event of Umpire's own (ids, kinds, counts; nothing of a message) → line → visible → file (mode 600), standard error`

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context as _;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use super::stdio;
use crate::panics;
use crate::text::{safe_format, visible};

/// True while the terminal belongs to the terminal UI; the log on standard error is silent then.
static SCREEN: AtomicBool = AtomicBool::new(false);

/// Keeps the log off the terminal until dropped.
pub(crate) struct ScreenGuard;

impl ScreenGuard {
    /// From now on the terminal belongs to the terminal UI.
    pub(super) fn take() -> Self {
        SCREEN.store(true, Ordering::Relaxed);
        Self
    }
}

impl Drop for ScreenGuard {
    fn drop(&mut self) {
        SCREEN.store(false, Ordering::Relaxed);
    }
}

/// Starts logging, of panics too. A level that can't be read is an error that names it.
///
/// Umpire alone is heard: what the libraries below it have to say repeats what passes, which the log must not hold.
pub(super) fn start(file: Option<&Path>) -> anyhow::Result<()> {
    let default = if file.is_some() { "umpire=info" } else { "umpire=warn" };
    let wanted = std::env::var("RUST_LOG").unwrap_or_else(|_| default.to_owned());
    let wanted = EnvFilter::try_new(&wanted)
        .with_context(|| format!("RUST_LOG={wanted:?} is no log filter; write for example umpire=debug"))?;
    let own = filter_fn(|of| of.target() == "umpire" || of.target().starts_with("umpire::"));
    let target = match file {
        Some(path) => {
            let file = append(path).with_context(|| format!("{}: the log can't be written", path.display()))?;
            LogTarget::File(Arc::new(LogFile { file, name: path.to_owned(), failed: AtomicBool::new(false) }))
        }
        None => LogTarget::Stderr,
    };
    let lines = tracing_subscriber::fmt::layer().with_ansi(false).with_writer(move || target.clone());
    tracing_subscriber::registry().with(wanted).with(own).with(lines).init();
    panics::log_all();
    Ok(())
}

/// Opens a log to write on behind what it holds. A new one is its owner's alone; folders that lack are made.
fn append(path: &Path) -> io::Result<File> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut options = OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Where the lines go. Each comes, and is written, in one piece.
#[derive(Clone)]
enum LogTarget {
    /// Standard error, except while the terminal UI has the terminal and standard error goes there too.
    Stderr,
    File(Arc<LogFile>),
}

/// The file of `--log`. That it can't be written is said once; nothing else depends on it.
struct LogFile {
    file: File,
    name: PathBuf,
    failed: AtomicBool,
}

impl Write for LogTarget {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut text = visible(String::from_utf8_lossy(line).trim_end());
        text.push("\n");
        let is_hidden = SCREEN.load(Ordering::Relaxed) && stdio::stderr_is_terminal();
        match self {
            Self::Stderr if is_hidden => {}
            Self::Stderr => stdio::write_log(text.as_bytes()),
            Self::File(log) => {
                if let Err(error) = (&log.file).write_all(text.as_bytes())
                    && !is_hidden
                    && !log.failed.swap(true, Ordering::Relaxed)
                {
                    stdio::note(safe_format!("{}: the log can't be written: {error}", log.name.display()));
                }
            }
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
