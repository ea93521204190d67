//! A text in the user's own pager or editor.
//!
//! `text ─► temporary file (only the user can read it) ─► $PAGER, $EDITOR or less ─► the file is removed`

use std::io::Write as _;
use std::process::Command;

/// What is run where the user names nothing.
const DEFAULT: &str = "less";

/// Shows a text and waits until the user has seen it. It must be made safe for a terminal first, or be shown by a program
/// that does so.
pub(super) fn show(text: &str) -> Result<(), String> {
    let cannot = |error: std::io::Error| format!("can't show it: {error}");
    // Created with mode 600, and removed when it is dropped.
    let mut file = tempfile::Builder::new().prefix("umpire-").suffix(".txt").tempfile().map_err(cannot)?;
    file.write_all(text.as_bytes()).and_then(|()| file.flush()).map_err(cannot)?;
    let named = |name: &str| std::env::var(name).ok().filter(|value| !value.trim().is_empty());
    let program = named("PAGER").or_else(|| named("EDITOR")).unwrap_or_else(|| DEFAULT.to_owned());
    // It may have arguments.
    let mut words = program.split_whitespace();
    let Some(name) = words.next() else { return Ok(()) };
    let status = Command::new(name).args(words).arg(file.path()).status();
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{name}: {status}")),
        Err(error) => Err(format!("can't run {name}: {error}; $PAGER or $EDITOR names another program")),
    }
}
