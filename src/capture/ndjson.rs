//! NDJSON, in and out: a JSON object per exchange and line, as DuckDB, jq and Spark read it. `docs/exchange.md` is the
//! contract, `docs/exchange.schema.json` its JSON Schema.
//!
//! `Exchange ─► NdjsonWriter ─► line ─► Lines ─► Exchange`, nothing lost on the way
//!
//! A line that can't be read is left out, and counted.

mod foreign;
mod line;

use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::odd::{EntryOddity, Oddities};
use super::source::TextSource;
use super::{CaptureError, Meta};
use crate::exchange::Exchange;
use crate::text::to_json;
use line::{NdjsonLine, RecordingPart};

/// Longest line that is read, in bytes: 512 MiB. A longer one is left out.
pub(crate) const MAX_LINE: u64 = 512 << 20;

/// Bytes from which the format can be told.
pub(super) const HEAD: u64 = 1 << 16;

/// True if a text that begins like this is NDJSON of exchanges: its first object begins with a member of theirs, or, where the
/// first line is neither that nor the beginning of a HAR file, that of a later line does.
pub(super) fn is_ndjson(head: &[u8]) -> bool {
    let text = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head).trim_ascii_start();
    if is_line(text) {
        return true;
    }
    let first = text.split(|byte| *byte == b'\n').next().unwrap_or_default().trim_ascii();
    let rest = first.strip_prefix(b"{").map(<[u8]>::trim_ascii_start);
    let of_har = first.starts_with(b"[") || rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(b"\"log\""));
    !of_har && text.split(|byte| *byte == b'\n').skip(1).any(is_line)
}

fn is_line(text: &[u8]) -> bool {
    let Some(rest) = text.strip_prefix(b"{").map(<[u8]>::trim_ascii_start) else { return false };
    NdjsonLine::MEMBERS.iter().any(|name| {
        rest.strip_prefix(b"\"")
            .and_then(|rest| rest.strip_prefix(name.as_bytes()))
            .is_some_and(|rest| rest.starts_with(b"\""))
    })
}

/// Writes exchanges as NDJSON.
pub(crate) struct NdjsonWriter<W> {
    /// Name of `out` in errors.
    file: PathBuf,
    recording: RecordingPart,
    out: W,
    count: u64,
}

impl<W: Write> NdjsonWriter<W> {
    /// Gets ready to write to `out`, which should be buffered; `file` is its name in errors.
    pub(crate) fn new(file: &Path, meta: &Meta, out: W) -> Self {
        Self { file: file.to_owned(), recording: RecordingPart::of(meta), out, count: 0 }
    }

    /// Writes an exchange.
    pub(crate) fn append(&mut self, exchange: &Exchange) -> Result<(), CaptureError> {
        let line = NdjsonLine::new(self.count, exchange, &self.recording);
        let written = to_json(&mut self.out, &line);
        let written = written.and_then(|()| self.out.write_all(b"\n"));
        written.map_err(|error| self.failed(&error))?;
        self.count += 1;
        Ok(())
    }

    /// Flushes, and gives back what was written to.
    pub(crate) fn finish(mut self) -> Result<W, CaptureError> {
        let flushed = self.out.flush();
        flushed.map_err(|error| self.failed(&error))?;
        Ok(self.out)
    }

    fn failed(&self, error: &io::Error) -> CaptureError {
        CaptureError::Write { file: self.file.clone(), cause: error.to_string(), lost: 0 }
    }
}

/// Opens an NDJSON file; what is known of the recording stands in the first line that can be read.
pub(super) fn open(file: &Path, source: &TextSource) -> Result<(Meta, Lines), CaptureError> {
    let input =
        source.from(0).map_err(|error| CaptureError::Read { file: file.to_owned(), cause: error.to_string() })?;
    let mut lines = Lines {
        file: file.to_owned(),
        input: BufReader::new(input),
        number: 0,
        first: None,
        before: None,
        oddities: Oddities::of("line"),
        ended: false,
    };
    let Some((meta, first)) = lines.line()? else {
        return Err(CaptureError::without_exchanges(file, &lines.oddities));
    };
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

/// The exchanges of an NDJSON file, one at a time. Ends behind an error, such as that the last line is cut off.
pub(super) struct Lines {
    file: PathBuf,
    input: BufReader<Box<dyn Read + Send>>,
    /// Lines read so far.
    number: u64,
    /// The exchange of the first line that can be read, until it is asked for.
    first: Option<Exchange>,
    /// Start of the exchange before.
    before: Option<Timestamp>,
    oddities: Oddities,
    ended: bool,
}

impl Lines {
    /// What is odd about the lines, as far as they have been read.
    pub(super) fn oddities(&self) -> Oddities {
        self.oddities.clone()
    }

    /// The next line that holds an exchange.
    fn line(&mut self) -> Result<Option<(RecordingPart, Exchange)>, CaptureError> {
        let mut text = Vec::new();
        loop {
            text.clear();
            self.number += 1;
            self.read(MAX_LINE, &mut text)?;
            if text.is_empty() {
                return Ok(None);
            }
            let whole = text.ends_with(b"\n");
            if text.len() as u64 == MAX_LINE && !whole {
                self.oddities.add(self.number, EntryOddity::left_out("it is longer than 512 MiB"));
                while !text.is_empty() && !text.ends_with(b"\n") {
                    text.clear();
                    self.read(1 << 16, &mut text)?;
                }
                continue;
            }
            let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&text);
            if text.trim_ascii().is_empty() {
                continue;
            }
            let strict = serde_json::from_slice::<NdjsonLine>(text);
            let is_cut = strict.as_ref().is_err_and(serde_json::Error::is_eof);
            if is_cut && !whole {
                let what = "is cut off; save or copy the file again".to_owned();
                return Err(CaptureError::Line { file: self.file.clone(), line: self.number, what });
            }
            let mut notes = Vec::new();
            let strict = strict.ok().and_then(|line| line.into_exchange().ok());
            let strict = strict.filter(|(recording, exchange)| recording.is_own() || foreign::is_plain(exchange));
            let read = match strict {
                Some(read) => Ok(read),
                None if is_cut => Err(EntryOddity::left_out("it is cut off")),
                None => foreign::read(text, self.before, &mut notes),
            };
            match read {
                Ok((recording, exchange)) => {
                    for note in notes {
                        self.oddities.add(self.number, note);
                    }
                    self.before = Some(exchange.started);
                    return Ok(Some((recording, exchange)));
                }
                Err(note) => self.oddities.add(self.number, note),
            }
        }
    }

    /// Reads up to the end of the line, or so many bytes.
    fn read(&mut self, most: u64, text: &mut Vec<u8>) -> Result<(), CaptureError> {
        let read = (&mut self.input).take(most).read_until(b'\n', text);
        read.map(drop).map_err(|error| CaptureError::Read { file: self.file.clone(), cause: error.to_string() })
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
        self.ended = !matches!(line, Ok(Some(_)));
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
            // The first line is damaged, and no HAR.
            ("x\n{\"n\":1", true),
            ("\"started\":1}\n{\"n\":1", true),
            ("{\"log\":{\"entries\":[\n{\"request\":{", false),
            ("{\n{\"request\":{", false),
            ("[\n{\"request\":{", false),
        ] {
            assert_eq!(is_ndjson(head.as_bytes()), expected, "{head}");
        }
    }
}
