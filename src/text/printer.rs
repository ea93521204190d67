//! The one thing that reports write to.
//!
//! `SafeText, JSON → Printer → io::Write`

use std::io::{self, Write};

use serde::Serialize;

use super::{SafeText, to_json, to_json_pretty, visible};

/// Writes lines of [`SafeText`], and JSON, to whatever can be written to. It is no `io::Write` itself: what goes through it
/// can't hold characters that a terminal obeys, unless Umpire put them there.
///
/// ```compile_fail
/// let mut out = Vec::new();
/// let mut printer = umpire::text::Printer::new(&mut out);
/// writeln!(printer, "{}", "any text").unwrap();
/// ```
pub struct Printer<'w> {
    out: &'w mut dyn Write,
}

impl<'w> Printer<'w> {
    /// Writes to `out`.
    pub fn new(out: &'w mut dyn Write) -> Self {
        Self { out }
    }

    /// Writes a text and a line feed.
    pub fn line(&mut self, text: impl Into<SafeText>) -> io::Result<()> {
        let mut text = text.into();
        text.push("\n");
        self.out.write_all(text.as_bytes())
    }

    /// Writes text of several lines, from anywhere; each line as [`visible`] has it.
    pub fn lines(&mut self, text: &str) -> io::Result<()> {
        text.lines().try_for_each(|line| self.line(visible(line)))
    }

    /// Writes a value as JSON for people to read as well, and a line feed.
    pub fn json(&mut self, value: &impl Serialize) -> io::Result<()> {
        to_json_pretty(&mut *self.out, value)?;
        self.line("")
    }

    /// Writes a value as JSON on one line, and a line feed.
    pub(crate) fn json_line(&mut self, value: &impl Serialize) -> io::Result<()> {
        to_json(&mut *self.out, value)?;
        self.line("")
    }

    /// Nothing written so far waits any longer.
    pub fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
