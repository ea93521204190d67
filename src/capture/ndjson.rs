//! NDJSON, in and out: a JSON object per exchange and line, as DuckDB, jq and Spark read it. `docs/exchange.md` is the
//! contract, `docs/exchange.schema.json` its JSON Schema.
//!
//! `Exchange ─► NdjsonWriter ─► line ─► Lines ─► Exchange`, nothing lost on the way

mod line;

use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::source::Source;
use super::{CaptureError, Meta};
use crate::exchange::Exchange;
use crate::text::to_json;
use line::{Line, RecordingPart};

/// Longest line that is read, in bytes: 512 MiB. A longer one is an error.
pub const MAX_LINE: u64 = 512 << 20;

/// Bytes from which the format can be told.
pub(super) const HEAD: u64 = 1024;

/// True if a text that begins like this is NDJSON of exchanges: its first object begins with a member of theirs.
pub(super) fn is_ndjson(head: &[u8]) -> bool {
    let text = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head).trim_ascii_start();
    let Some(rest) = text.strip_prefix(b"{").map(<[u8]>::trim_ascii_start) else { return false };
    Line::MEMBERS.iter().any(|name| {
        rest.strip_prefix(b"\"")
            .and_then(|rest| rest.strip_prefix(name.as_bytes()))
            .is_some_and(|rest| rest.starts_with(b"\""))
    })
}

/// Writes exchanges as NDJSON.
pub struct NdjsonWriter<W> {
    /// Name of `out` in errors.
    file: PathBuf,
    recording: RecordingPart,
    out: W,
    count: u64,
}

impl<W: Write> NdjsonWriter<W> {
    /// Gets ready to write to `out`, which should be buffered; `file` is its name in errors.
    pub fn new(file: &Path, meta: &Meta, out: W) -> Self {
        Self { file: file.to_owned(), recording: RecordingPart::of(meta), out, count: 0 }
    }

    /// Writes an exchange.
    pub fn append(&mut self, exchange: &Exchange) -> Result<(), CaptureError> {
        let line = Line::new(self.count, exchange, &self.recording);
        let written = to_json(&mut self.out, &line);
        let written = written.and_then(|()| self.out.write_all(b"\n"));
        written.map_err(|error| self.failed(&error))?;
        self.count += 1;
        Ok(())
    }

    /// Flushes, and gives back what was written to.
    pub fn finish(mut self) -> Result<W, CaptureError> {
        let flushed = self.out.flush();
        flushed.map_err(|error| self.failed(&error))?;
        Ok(self.out)
    }

    fn failed(&self, error: &io::Error) -> CaptureError {
        CaptureError::Write { file: self.file.clone(), cause: error.to_string(), lost: 0 }
    }
}

/// Opens an NDJSON file; what is known of the recording stands in its first line.
pub(super) fn open(file: &Path, source: &Source) -> Result<(Meta, Lines), CaptureError> {
    let input =
        source.from(0).map_err(|error| CaptureError::Read { file: file.to_owned(), cause: error.to_string() })?;
    let mut lines =
        Lines { file: file.to_owned(), input: BufReader::new(input), number: 0, first: None, stop: true, ended: false };
    let Some((meta, first)) = lines.line()? else { return Err(CaptureError::Empty { file: file.to_owned() }) };
    let created = meta.created.as_deref().and_then(|created| created.parse::<Timestamp>().ok());
    let redaction = meta.redaction();
    let meta = Meta {
        base_uri: meta.base_uri,
        also_base_uris: meta.also_base_uris,
        created: created.unwrap_or(first.started),
        creator: meta.creator.unwrap_or_default(),
        redaction,
        part: None,
    };
    lines.first = Some(first);
    Ok((meta, lines))
}

/// The exchanges of an NDJSON file, one at a time. Ends behind an error.
pub(super) struct Lines {
    file: PathBuf,
    input: BufReader<Box<dyn Read + Send>>,
    /// Lines read so far.
    number: u64,
    /// The exchange of the first line, until it is asked for.
    first: Option<Exchange>,
    /// Stop at the first error.
    stop: bool,
    ended: bool,
}

impl Lines {
    /// The same, but going on behind a line that can't be used.
    pub(super) fn going_on(self) -> Self {
        Self { stop: false, ..self }
    }

    /// The next line that isn't blank.
    fn line(&mut self) -> Result<Option<(RecordingPart, Exchange)>, CaptureError> {
        let mut text = Vec::new();
        loop {
            text.clear();
            self.number += 1;
            let read = (&mut self.input).take(MAX_LINE).read_until(b'\n', &mut text);
            read.map_err(|error| CaptureError::Read { file: self.file.clone(), cause: error.to_string() })?;
            if text.is_empty() {
                return Ok(None);
            }
            if text.len() as u64 == MAX_LINE && !text.ends_with(b"\n") {
                return Err(self.fault("is longer than 512 MiB".to_owned()));
            }
            let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&text);
            if text.trim_ascii().is_empty() {
                continue;
            }
            let line: Line = serde_json::from_slice(text).map_err(|error| {
                self.fault(if error.is_eof() {
                    "is cut off; save or copy the file again".to_owned()
                } else {
                    format!("can't be used: {error}")
                })
            })?;
            return line.into_exchange().map(Some).map_err(|what| self.fault(format!("can't be used: {what}")));
        }
    }

    fn fault(&self, what: String) -> CaptureError {
        CaptureError::Line { file: self.file.clone(), line: self.number, what }
    }
}

impl Iterator for Lines {
    type Item = Result<Exchange, CaptureError>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(first) = self.first.take() {
            return Some(Ok(first));
        }
        if self.ended {
            return None;
        }
        let line = self.line();
        self.ended = match &line {
            Ok(exchange) => exchange.is_none(),
            Err(error) => self.stop || !matches!(error, CaptureError::Line { .. }),
        };
        line.map(|line| line.map(|(_, exchange)| exchange)).transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_member_tells() {
        for (head, expected) in [
            ("{\"n\":0,", true),
            ("\u{feff} { \"started\": \"", true),
            ("{\"log\":{", false),
            ("{\"note\":1}", false),
            ("{}", false),
            ("", false),
            ("[{\"n\":0}]", false),
        ] {
            assert_eq!(is_ndjson(head.as_bytes()), expected, "{head}");
        }
    }
}
