//! A recording on its way to disk, in the format that its name tells: there whole, or not at all.
//!
//! ```text
//! create ─► append* ─► finish: the temporary file beside takes the name
//!    └────────────────► dropped: the temporary file goes, what had the name before stays
//! ```

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use tempfile::TempPath;

use super::har::HarWriter;
use super::ndjson::NdjsonWriter;
use super::{CaptureError, Meta, Writer, create_failed, temporary};
use crate::exchange::Exchange;

/// Exchanges per transaction of a capture that is written as a whole.
const BATCH: u64 = 500;

/// The formats that recordings are kept in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// SQLite, as `captures/README.md` says.
    Capture,
    /// HAR 1.2.
    Har,
    /// A JSON object per exchange and line; `docs/exchange.md`.
    Ndjson,
}

impl Format {
    /// The endings of names, in words.
    pub const ENDINGS: &'static str = ".db or .umpire (capture), .har (HAR 1.2) or .ndjson, the last two also with .gz";

    /// The format that a name asks for, and whether it is to be compressed. `None` for any other ending.
    pub fn of_name(path: &Path) -> Option<(Self, bool)> {
        let name = path.file_name()?.to_str()?.to_ascii_lowercase();
        let (name, packed) = name.strip_suffix(".gz").map_or((name.as_str(), false), |name| (name, true));
        let format = match name.rsplit_once('.')?.1 {
            "db" | "umpire" | "sqlite" if !packed => Self::Capture,
            "har" => Self::Har,
            "ndjson" | "jsonl" => Self::Ndjson,
            _ => return None,
        };
        Some((format, packed))
    }

    /// Its name for people and programs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Capture => "capture",
            Self::Har => "HAR",
            Self::Ndjson => "NDJSON",
        }
    }
}

/// Writes a recording under a temporary name beside the one that it is to have, readable by its owner only.
pub struct Output {
    file: PathBuf,
    force: bool,
    sink: Sink,
    temporary: TempPath,
    count: u64,
}

enum Sink {
    Capture(Box<Writer>),
    Har(HarWriter<Text>),
    Ndjson(NdjsonWriter<Text>),
}

impl Output {
    /// Gets ready to write `file`, in the format that its name asks for. With `force` it may exist, and is replaced at the
    /// end.
    pub fn create(file: &Path, meta: &Meta, force: bool) -> Result<Self, CaptureError> {
        let (format, packed) = Format::of_name(file).ok_or_else(|| CaptureError::Ending { file: file.to_owned() })?;
        let temporary = temporary(file, force)?;
        let out = || fs::OpenOptions::new().write(true).open(&temporary).map_err(|error| create_failed(file, &error));
        let sink = match format {
            Format::Capture => Sink::Capture(Box::new(Writer::fill(&temporary, meta).map_err(|error| error.of(file))?)),
            Format::Har => Sink::Har(HarWriter::new(file, meta, Text::new(out()?, packed))?),
            Format::Ndjson => Sink::Ndjson(NdjsonWriter::new(file, meta, Text::new(out()?, packed))),
        };
        Ok(Self { file: file.to_owned(), force, sink, temporary, count: 0 })
    }

    /// The name that it will have.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// Exchanges so far.
    pub fn len(&self) -> u64 {
        self.count
    }

    /// True if nothing has been appended yet.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Bytes on disk so far, roughly: what is still on its way there is not counted.
    pub fn size(&self) -> u64 {
        let size = |path: &Path| std::fs::metadata(path).map_or(0, |file| file.len());
        match &self.sink {
            Sink::Capture(writer) => writer.size(),
            Sink::Har(_) | Sink::Ndjson(_) => size(&self.temporary),
        }
    }

    /// Appends an exchange, secrets and all: redact it first.
    pub fn append(&mut self, exchange: &Exchange) -> Result<(), CaptureError> {
        let file = &self.file;
        match &mut self.sink {
            Sink::Capture(writer) => {
                let index = writer.append(exchange).map_err(|error| error.of(file))?;
                if index % BATCH == BATCH - 1 {
                    writer.commit().map_err(|error| error.of(file))?;
                }
            }
            Sink::Har(writer) => writer.append(exchange)?,
            Sink::Ndjson(writer) => writer.append(exchange)?,
        }
        self.count += 1;
        Ok(())
    }

    /// Completes the file, gives it its name, and returns the number of exchanges.
    pub fn finish(self) -> Result<u64, CaptureError> {
        let Self { file, force, sink, temporary, count } = self;
        let written = |error: io::Error| CaptureError::Write { file: file.clone(), cause: error.to_string(), lost: 0 };
        match sink {
            Sink::Capture(writer) => drop(writer.finish().map_err(|error| error.of(&file))?),
            Sink::Har(writer) => writer.finish()?.finish().map_err(written)?,
            Sink::Ndjson(writer) => writer.finish()?.finish().map_err(written)?,
        }
        let named = if force { temporary.persist(&file) } else { temporary.persist_noclobber(&file) };
        match named {
            Ok(()) => Ok(count),
            Err(failed) if failed.error.kind() == io::ErrorKind::AlreadyExists => Err(CaptureError::Exists { file }),
            Err(failed) => Err(create_failed(&file, &failed.error)),
        }
    }
}

/// A text file, compressed or not.
enum Text {
    Plain(BufWriter<File>),
    Packed(GzEncoder<BufWriter<File>>),
}

impl Text {
    fn new(file: File, packed: bool) -> Self {
        let out = BufWriter::with_capacity(1 << 16, file);
        if packed { Self::Packed(GzEncoder::new(out, Compression::fast())) } else { Self::Plain(out) }
    }

    /// All on the disk, so that a power cut after the file has its name can't leave it half.
    fn finish(self) -> io::Result<()> {
        let out = match self {
            Self::Plain(out) => out,
            Self::Packed(out) => out.finish()?,
        };
        out.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()
    }
}

impl Write for Text {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(out) => out.write(bytes),
            Self::Packed(out) => out.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(out) => out.flush(),
            Self::Packed(out) => out.flush(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_formats() {
        for (name, format) in [
            ("a.db", Some((Format::Capture, false))),
            ("b/a.UMPIRE", Some((Format::Capture, false))),
            ("a.har", Some((Format::Har, false))),
            ("a.b.har.gz", Some((Format::Har, true))),
            ("a.ndjson", Some((Format::Ndjson, false))),
            ("a.jsonl.gz", Some((Format::Ndjson, true))),
            ("a.db.gz", None),
            ("a.json", None),
            ("har", None),
            ("..", None),
        ] {
            assert_eq!(Format::of_name(Path::new(name)), format, "{name}");
        }
    }
}
