//! A recording on its way to disk, in the format that its name tells: there whole, or not at all.
//!
//! ```text
//! create ─► append* ─► finish: the temporary file beside takes the name (NewFile)
//!    └────────────────► dropped: the temporary file goes, what had the name before stays
//! stream ─► append* ─► finish: flushed to whatever it is written to, such as standard output
//! ```

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;

use super::har::HarWriter;
use super::ndjson::NdjsonWriter;
use super::{CaptureError, CaptureWriter, Meta, beside, is_being_recorded, is_capture};
use crate::exchange::Exchange;
use crate::new_file::{Existing, NewFile, NewFileError, Readers};

/// Exchanges per transaction of a capture that is written as a whole.
const BATCH: u64 = 500;

/// The formats that recordings are kept in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordingFormat {
    /// SQLite, as `captures/README.md` says.
    Capture,
    /// HAR 1.2.
    Har,
    /// A JSON object per exchange and line; `docs/exchange.md`.
    Ndjson,
}

impl RecordingFormat {
    /// The endings of names, in words.
    pub(crate) const ENDINGS: &'static str =
        ".db or .umpire (capture), .har (HAR 1.2) or .ndjson, the last two also with .gz";

    /// The format that a name asks for, and whether it is to be compressed. `None` for any other ending.
    pub(crate) fn of_name(path: &Path) -> Option<(Self, bool)> {
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

/// Writes a recording under a temporary name beside the one that it is to have, readable by its owner only; or as a
/// stream.
pub struct RecordingWriter {
    file: PathBuf,
    sink: OutputFile,
    /// `None` for a stream.
    new: Option<NewFile>,
    count: u64,
}

enum OutputFile {
    Capture(Box<CaptureWriter>),
    Har(HarWriter<TextWriter>),
    Ndjson(NdjsonWriter<TextWriter>),
}

/// Refuses to replace a capture that is being recorded: what is recorded from then on would be lost. To be called before this
/// process opens the file.
pub(crate) fn ensure_not_in_use(file: &Path) -> Result<(), CaptureError> {
    let is_in_use = file.is_file() && is_capture(file)? && is_being_recorded(file);
    if is_in_use { Err(CaptureError::InUse { file: file.to_owned() }) } else { Ok(()) }
}

impl RecordingWriter {
    /// Gets ready to write `file`, in the format that its name asks for. Missing folders are made. With `force` it may
    /// exist, and is replaced at the end.
    pub fn create(file: &Path, meta: &Meta, force: bool) -> Result<Self, CaptureError> {
        let (format, packed) =
            RecordingFormat::of_name(file).ok_or_else(|| CaptureError::Ending { file: file.to_owned() })?;
        let new = NewFile::create(file, Existing::with_force(force), Readers::Owner)?;
        let text = || Ok::<_, CaptureError>(TextWriter::new(Box::new(new.open()?), packed));
        let sink = match format {
            RecordingFormat::Capture if new.is_stream() => {
                let cause = "a capture can't be written to a pipe or device".to_owned();
                return Err(NewFileError::Create { file: file.to_owned(), cause }.into());
            }
            RecordingFormat::Capture => {
                OutputFile::Capture(Box::new(CaptureWriter::fill(new.path(), meta).map_err(|error| error.of(&new))?))
            }
            RecordingFormat::Har => OutputFile::Har(HarWriter::new(file, meta, text()?)?),
            RecordingFormat::Ndjson => OutputFile::Ndjson(NdjsonWriter::new(file, meta, text()?)),
        };
        Ok(Self { file: file.to_owned(), sink, new: Some(new), count: 0 })
    }

    /// Gets ready to write to `out`, as HAR or NDJSON; `name` is what messages call it. A capture can't be streamed.
    pub fn stream(
        name: &str,
        format: RecordingFormat,
        meta: &Meta,
        out: impl Write + Send + 'static,
    ) -> Result<Self, CaptureError> {
        let file = PathBuf::from(name);
        let text = TextWriter::new(Box::new(Unsynced(out)), false);
        let sink = match format {
            RecordingFormat::Har => OutputFile::Har(HarWriter::new(&file, meta, text)?),
            RecordingFormat::Ndjson => OutputFile::Ndjson(NdjsonWriter::new(&file, meta, text)),
            RecordingFormat::Capture => {
                let cause = "a capture can't be streamed; write HAR or NDJSON".to_owned();
                return Err(NewFileError::Create { file, cause }.into());
            }
        };
        Ok(Self { file, sink, new: None, count: 0 })
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
            OutputFile::Capture(writer) => writer.size(),
            OutputFile::Har(_) | OutputFile::Ndjson(_) => self.new.as_ref().map_or(0, |new| size(new.path())),
        }
    }

    /// Appends an exchange, secrets and all: redact it first.
    pub fn append(&mut self, exchange: &Exchange) -> Result<(), CaptureError> {
        match &mut self.sink {
            OutputFile::Capture(writer) => {
                let written = writer.append(exchange).and_then(|index| match index % BATCH {
                    last if last == BATCH - 1 => writer.commit(),
                    _ => Ok(()),
                });
                written.map_err(|error| of(self.new.as_ref(), error))?;
            }
            OutputFile::Har(writer) => writer.append(exchange)?,
            OutputFile::Ndjson(writer) => writer.append(exchange)?,
        }
        self.count += 1;
        Ok(())
    }

    /// Completes the file, gives it its name, and returns the number of exchanges.
    pub fn finish(self) -> Result<u64, CaptureError> {
        let Self { file, sink, new, count } = self;
        let written = |error: io::Error| CaptureError::Write { file: file.clone(), cause: error.to_string(), lost: 0 };
        match sink {
            OutputFile::Capture(writer) => drop(writer.finish().map_err(|error| of(new.as_ref(), error))?),
            OutputFile::Har(writer) => writer.finish()?.finish().map_err(written)?,
            OutputFile::Ndjson(writer) => writer.finish()?.finish().map_err(written)?,
        }
        if new.as_ref().is_some_and(|new| !new.is_stream()) {
            // What is kept beside a recording that had the name before may say more than this one does.
            beside::remove(&file);
        }
        new.map_or(Ok(()), NewFile::finish)?;
        Ok(count)
    }
}

/// The error with the name of the file in place of the temporary one.
fn of(new: Option<&NewFile>, error: CaptureError) -> CaptureError {
    match new {
        Some(new) => error.of(new),
        None => error,
    }
}

/// What a text is written to.
trait SyncWrite: Write + Send {
    /// Brings all of it to disk, so that a power cut after the file has its name can't leave it half.
    fn sync(&self) -> io::Result<()>;
}

impl SyncWrite for File {
    fn sync(&self) -> io::Result<()> {
        // A pipe or a device has no disk.
        if self.metadata()?.is_file() { self.sync_all() } else { Ok(()) }
    }
}

/// A stream: it has no disk.
struct Unsynced<W>(W);

impl<W: Write> Write for Unsynced<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl<W: Write + Send> SyncWrite for Unsynced<W> {
    fn sync(&self) -> io::Result<()> {
        Ok(())
    }
}

/// A text, compressed or not.
enum TextWriter {
    Plain(BufWriter<Box<dyn SyncWrite>>),
    Packed(GzEncoder<BufWriter<Box<dyn SyncWrite>>>),
}

impl TextWriter {
    fn new(out: Box<dyn SyncWrite>, packed: bool) -> Self {
        let out = BufWriter::with_capacity(1 << 16, out);
        if packed { Self::Packed(GzEncoder::new(out, Compression::fast())) } else { Self::Plain(out) }
    }

    fn finish(self) -> io::Result<()> {
        let out = match self {
            Self::Plain(out) => out,
            Self::Packed(out) => out.finish()?,
        };
        out.into_inner().map_err(io::IntoInnerError::into_error)?.sync()
    }
}

impl Write for TextWriter {
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
            ("a.db", Some((RecordingFormat::Capture, false))),
            ("b/a.UMPIRE", Some((RecordingFormat::Capture, false))),
            ("a.har", Some((RecordingFormat::Har, false))),
            ("a.b.har.gz", Some((RecordingFormat::Har, true))),
            ("a.ndjson", Some((RecordingFormat::Ndjson, false))),
            ("a.jsonl.gz", Some((RecordingFormat::Ndjson, true))),
            ("a.db.gz", None),
            ("a.json", None),
            ("har", None),
            ("..", None),
        ] {
            assert_eq!(RecordingFormat::of_name(Path::new(name)), format, "{name}");
        }
    }
}
