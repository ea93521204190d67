//! Where a recording is written to, and what is taken out of it on the way.
//!
//! ```text
//! -o x.db             ─► as it is: secrets are replaced anyway
//! -o x.har, x.ndjson  ─► personal data replaced by pseudonyms, unless --keep-personal-data
//! -o -                ─► the same, to standard output; messages go to standard error
//! ```

use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::{Args, ValueEnum};

use crate::capture::{self, CaptureError, Meta, Recording, RecordingFormat, RecordingWriter};
use crate::cli::judging::RuleArgs;
use crate::cli::redaction::{self, SharedArgs};
use crate::cli::stdio::{self, note, print};
use crate::cli::{Exit, recording};
use crate::exchange::Exchange;
use crate::redact::Redactor;
use crate::text::{SafeText, safe_format};

/// The name that stands for standard output.
const STDOUT: &str = "-";

/// What messages call it.
const STDOUT_NAME: &str = "standard output";

/// The formats that can be streamed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum StreamFormat {
    /// HAR 1.2
    Har,
    /// A JSON object per exchange and line
    Ndjson,
}

/// Where a recording is written to.
#[derive(Debug, Args)]
pub(crate) struct OutputTarget {
    /// File to write: *.db or *.umpire (capture), *.har (HAR 1.2), *.ndjson; the last two also with .gz; - writes to
    /// standard output
    #[arg(short, long, value_name = "FILE")]
    pub output: PathBuf,
    /// Format of what -o - writes
    #[arg(long = "as", value_enum, value_name = "FORMAT", default_value_t = StreamFormat::Har)]
    streamed: StreamFormat,
    /// Replace the file if it exists
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    redaction: SharedArgs,
    /// Settings (docs/configuration.md) [default: the nearest umpire.toml, here or in a folder above]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

impl OutputTarget {
    /// The rules that are in force where a filter asks for findings: those of the settings.
    pub(super) fn rules(&self) -> RuleArgs {
        RuleArgs::of_settings(self.config.clone())
    }

    /// What writes there. Personal data are taken out of what is made to be given away; of captures too if `always`.
    pub(super) fn writer(&self, always: bool) -> anyhow::Result<TargetWriter> {
        let target_writer = TargetWriter::new(&self.output, self.force, &self.redaction, self.config.as_ref(), always)?;
        Ok(TargetWriter { streamed: self.streamed, ..target_writer })
    }
}

/// Writes recordings to a file, its parts, or standard output.
pub(crate) struct TargetWriter {
    output: PathBuf,
    force: bool,
    streamed: StreamFormat,
    redaction: SharedArgs,
    /// `None` where personal data stay.
    redactor: Option<Arc<Redactor>>,
    /// Nobody reads standard output any more.
    unread: Arc<AtomicBool>,
}

impl TargetWriter {
    /// Gets ready to write to `output`, or to files named after it.
    pub(super) fn new(
        output: &Path,
        force: bool,
        redaction: &SharedArgs,
        config: Option<&PathBuf>,
        always: bool,
    ) -> anyhow::Result<Self> {
        if force {
            capture::ensure_not_in_use(output)?;
        }
        let is_shared = always || !matches!(RecordingFormat::of_name(output), Some((RecordingFormat::Capture, _)));
        let redactor = if is_shared { Some(Arc::new(redaction.redactor(&redaction::config(config)?)?)) } else { None };
        Ok(Self {
            output: output.to_owned(),
            force,
            streamed: StreamFormat::Har,
            redaction: redaction.clone(),
            redactor,
            unread: Arc::default(),
        })
    }

    /// True if it writes to standard output.
    pub(crate) fn is_stdout(&self) -> bool {
        self.output == Path::new(STDOUT)
    }

    /// What takes personal data out; `None` where they stay.
    pub(super) fn redactor(&self) -> Option<&Redactor> {
        self.redactor.as_deref()
    }

    /// Opens a recording that is to be written here. Where personal data are taken out all of it is read first: a word in
    /// an early note may turn out to be somebody's name.
    pub(super) fn open(&self, file: &Path) -> anyhow::Result<Recording> {
        match &self.redactor {
            None => Ok(recording::open(file)?),
            Some(redactor) => {
                redaction::learn(file, redactor)?;
                Ok(recording::telling(file, capture::open(file)?))
            }
        }
    }

    /// Opens it once more, after [`TargetWriter::open`], and says nothing of what is odd about it.
    pub(crate) fn open_again(&self, file: &Path) -> anyhow::Result<Recording> {
        Ok(if self.redactor.is_some() { capture::open(file)? } else { capture::open_without_secrets(file)? })
    }

    /// Begins the file, or the stream.
    pub(super) fn create(&self, meta: &Meta) -> Result<TargetRecording, CaptureError> {
        if !self.is_stdout() {
            return self.create_part(&self.output, meta);
        }
        if stdio::stdout_is_closed() {
            let cause = "it is closed, or is /dev/null opened for reading, too".to_owned();
            return Err(CaptureError::Write { file: STDOUT_NAME.into(), cause, lost: 0 });
        }
        let format = match self.streamed {
            StreamFormat::Har => RecordingFormat::Har,
            StreamFormat::Ndjson => RecordingFormat::Ndjson,
        };
        let out = Stdout { unread: Arc::clone(&self.unread) };
        let output = RecordingWriter::stream(STDOUT_NAME, format, &self.meta(meta), out)?;
        Ok(TargetRecording { output, redactor: self.redactor.clone() })
    }

    /// Begins a file that is a part of what is written.
    pub(crate) fn create_part(&self, file: &Path, meta: &Meta) -> Result<TargetRecording, CaptureError> {
        // The output itself was looked at before anything was opened: it may be what is read, too.
        if self.force && file != self.output {
            capture::ensure_not_in_use(file)?;
        }
        let output = RecordingWriter::create(file, &self.meta(meta), self.force)?;
        Ok(TargetRecording { output, redactor: self.redactor.clone() })
    }

    fn meta(&self, meta: &Meta) -> Meta {
        match &self.redactor {
            Some(redactor) => meta.clone().redacted(redactor.level()),
            None => meta.clone(),
        }
    }

    /// The name of the file that is written, for messages.
    pub(super) fn name(&self) -> SafeText {
        if self.is_stdout() { STDOUT_NAME.into() } else { safe_format!("{}", self.output.display()) }
    }

    /// What became of personal data and of bodies that can't be read, in words.
    pub(super) fn said(&self) -> String {
        match &self.redactor {
            Some(redactor) => self.redaction.said(redactor.left_out()),
            None => SharedArgs::KEPT.to_owned(),
        }
    }

    /// Ends a command: says what was written, on standard error if the recording went to standard output. A reader of
    /// standard output that has gone ends it quietly.
    pub(super) fn end(&self, written: anyhow::Result<SafeText>) -> anyhow::Result<Exit> {
        match written {
            Err(_) if self.unread.load(Ordering::Relaxed) => {}
            Err(error) => return Err(error),
            Ok(said) if self.is_stdout() => note(said),
            Ok(said) => drop(print(|out| out.line(said))?),
        }
        Ok(Exit::Clean)
    }
}

/// A recording on its way to where it is written.
pub(crate) struct TargetRecording {
    output: RecordingWriter,
    redactor: Option<Arc<Redactor>>,
}

impl TargetRecording {
    /// Writes an exchange, without personal data where they are taken out.
    pub(super) fn append(&mut self, exchange: Exchange) -> Result<(), CaptureError> {
        match &self.redactor {
            Some(redactor) => self.output.append(&redactor.redact(exchange)),
            None => self.output.append(&exchange),
        }
    }

    /// The file as it is being written.
    pub(super) fn output(&self) -> &RecordingWriter {
        &self.output
    }

    /// Completes the file, and returns the number of exchanges.
    pub(super) fn finish(self) -> Result<u64, CaptureError> {
        self.output.finish()
    }
}

/// Standard output, and whether its reader has gone.
struct Stdout {
    unread: Arc<AtomicBool>,
}

impl Stdout {
    fn watched<T>(&self, done: io::Result<T>) -> io::Result<T> {
        done.inspect_err(|error| {
            if error.kind() == ErrorKind::BrokenPipe {
                self.unread.store(true, Ordering::Relaxed);
            }
        })
    }
}

impl Write for Stdout {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let done = stdio::stdout().write(bytes);
        self.watched(done)
    }

    fn flush(&mut self) -> io::Result<()> {
        let done = stdio::stdout().flush();
        self.watched(done)
    }
}
