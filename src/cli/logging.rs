//! Where the log goes: to the file of `--log`, else warnings to standard error; never over the terminal UI.
//!
//! `RUST_LOG` sets the level in either case (`umpire=debug`).

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context as _;

use tracing_subscriber::EnvFilter;

use super::stdio;
use crate::panics;
use crate::text::safe_format;

/// True while the terminal belongs to the terminal UI; the log on standard error is silent then.
static SCREEN: AtomicBool = AtomicBool::new(false);

/// Keeps the log off the terminal until dropped.
pub struct ScreenGuard;

impl ScreenGuard {
    /// From now on the terminal belongs to the terminal UI.
    pub fn take() -> Self {
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
pub fn start(file: Option<&Path>) -> anyhow::Result<()> {
    let default = if file.is_some() { "umpire=info" } else { "warn" };
    let wanted = std::env::var("RUST_LOG").unwrap_or_else(|_| default.to_owned());
    let filter = EnvFilter::try_new(&wanted)
        .with_context(|| format!("RUST_LOG={wanted:?} is no log filter; write for example umpire=debug"))?;
    let log = tracing_subscriber::fmt().with_env_filter(filter);
    match file {
        Some(path) => {
            let file = OpenOptions::new()
                .create(true)
                .append(true)
                .open(path)
                .with_context(|| format!("{}: the log can't be written", path.display()))?;
            let file = LogFile { file: Arc::new(file), failed: Arc::default() };
            log.with_ansi(false).with_writer(move || file.clone()).init();
        }
        None => log.with_ansi(stdio::stderr_is_terminal()).with_writer(|| Stderr).init(),
    }
    panics::log_all();
    Ok(())
}

/// The file of `--log`. That it can't be written is said once; nothing else depends on it.
#[derive(Clone)]
struct LogFile {
    file: Arc<File>,
    failed: Arc<AtomicBool>,
}

impl Write for LogFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // Each line is one write to the end of the file.
        if let Err(error) = (&*self.file).write_all(bytes)
            && !self.failed.swap(true, Ordering::Relaxed)
            && !SCREEN.load(Ordering::Relaxed)
        {
            stdio::note(safe_format!("the log can't be written: {error}"));
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Standard error, except while the terminal UI has the terminal and standard error goes there too.
struct Stderr;

impl Write for Stderr {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if SCREEN.load(Ordering::Relaxed) && stdio::stderr_is_terminal() {
            return Ok(bytes.len());
        }
        stdio::write_log(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
