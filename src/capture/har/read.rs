//! Reading a HAR file in two passes, so that neither takes more memory than the largest entry.
//!
//! ```text
//! text ─► survey: is it whole? what does the log say? where are the entries, and are they in order? ─► Entries
//!                                                     not, and gzip ─► unpacked     entry ─► Exchange ─┘ next*
//! ```
//!
//! A file that is no HAR is refused. An entry that can't be read is left out, and counted. What is wrong with the file as a
//! whole (it is cut off, or something stands behind its end) is an error behind the last exchange.

use std::io::Read;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::entry::{Entry, FileFacts, ParsedEntry as Found};
use super::json_scanner::{JsonScanner, SkimError};
use super::survey::{EntryOrder, HarDefect, HarLog};
use crate::capture::odd::{EntryOddity, Oddities};
use crate::capture::source::TextSource;
use crate::capture::{CaptureError, Meta};
use crate::exchange::Exchange;
use crate::redact::RedactionLevel;

/// Largest entry that is read, in bytes: 512 MiB. A larger one is left out.
pub(crate) const MAX_ENTRY: usize = 512 << 20;

/// Longest text that is unpacked in order to put its entries in order, 16 GiB. A longer one is refused.
const MAX_UNPACKED: u64 = 16 << 30;

const NO_HAR: &str = "is no HAR file (it has no log with entries) and no capture; give one of these";

/// Reads a HAR 1.2 file from its text; `file` is its name in errors. Entries that can't be read are left out; a file that isn't
/// whole is an error.
pub fn read(file: &Path, text: &[u8]) -> Result<(Meta, Vec<Exchange>), CaptureError> {
    let (meta, entries) = open(file, TextSource::of(text).map_err(|error| unreadable(file, &error))?)?;
    let oddities = entries.oddities();
    let exchanges = entries.collect::<Result<Vec<_>, _>>()?;
    if exchanges.is_empty() {
        return Err(CaptureError::without_exchanges(file, &oddities));
    }
    Ok((meta, exchanges))
}

/// Surveys a HAR 1.2 file and gets ready to read its entries; `file` is its name in errors.
pub(in crate::capture) fn open(file: &Path, source: TextSource) -> Result<(Meta, HarExchanges), CaptureError> {
    let har_error = |what: String| CaptureError::Har { file: file.to_owned(), what };
    let head = source.head(3).map_err(|error| unreadable(file, &error))?;
    let start = if *head == *b"\xef\xbb\xbf" { 3 } else { 0 };
    let text = source.from(start).map_err(|error| unreadable(file, &error))?;
    let mut log = HarLog::default();
    let mut skim = JsonScanner::new(text, start);
    let wrong = log.survey(&mut skim).err().map(|wrong| match wrong {
        HarDefect::NoHar => har_error(NO_HAR.to_owned()),
        HarDefect::Said(what) => har_error(what),
        HarDefect::JsonScanner(SkimError::Io(error)) => unreadable(file, &error),
        HarDefect::JsonScanner(wrong) => har_error(log.describe(&wrong, &source.place(skim.offset()))),
    });
    let Some(first) = log.first() else {
        return Err(wrong.unwrap_or(CaptureError::Empty { file: file.to_owned() }));
    };
    let own = log.extra.is_some();
    let order = log.order(own).map_err(har_error)?;
    let source = match order {
        EntryOrder::Sorted(_) if source.is_sequential() => source.unpacked(file, MAX_UNPACKED).map_err(|error| {
            let what = "has entries that are not in order of time, and can't be unpacked to put them in order";
            har_error(format!("{what}: {error}; unpack it first where there is room (gunzip)"))
        })?,
        _ => source,
    };
    let created = log.extra.as_ref().and_then(|extra| extra.created.parse().ok());
    let created = created.unwrap_or(if let EntryOrder::Sorted(starts) = &order { starts[0].0 } else { first });
    let redaction =
        log.extra.as_ref().map_or(RedactionLevel::Nothing, |extra| RedactionLevel::from_name(&extra.redaction));
    let facts = log.facts();
    let extra = log.extra.unwrap_or_default();
    let (base_uri, also_base_uris) = (extra.base_uri, extra.also_base_uris);
    let meta = Meta { base_uri, also_base_uris, created, creator: log.creator, redaction, part: None };
    let entries = HarExchanges {
        file: file.to_owned(),
        source,
        order,
        count: log.count,
        next: 0,
        before: None,
        facts,
        skim: None,
        text: Vec::new(),
        oddities: Oddities::of("entry"),
        error: wrong,
    };
    Ok((meta, entries))
}

fn unreadable(file: &Path, error: &std::io::Error) -> CaptureError {
    CaptureError::Read { file: file.to_owned(), cause: error.to_string() }
}

/// The exchanges of a HAR file, read one at a time; behind the last one what is wrong with the file as a whole.
pub(in crate::capture) struct HarExchanges {
    file: PathBuf,
    source: TextSource,
    order: EntryOrder,
    count: u64,
    next: u64,
    /// Start of the entry before.
    before: Option<Timestamp>,
    facts: FileFacts,
    skim: Option<JsonScanner<Box<dyn Read + Send>>>,
    /// Text of the entry at hand. At most [`MAX_ENTRY`] bytes.
    text: Vec<u8>,
    oddities: Oddities,
    error: Option<CaptureError>,
}

impl HarExchanges {
    /// What is odd about the entries, as far as they have been read.
    pub(in crate::capture) fn oddities(&self) -> Oddities {
        self.oddities.clone()
    }

    /// What is wrong with the file as a whole. It is no longer an error behind the last exchange then.
    pub(in crate::capture) fn take_error(&mut self) -> Option<CaptureError> {
        self.error.take()
    }

    /// The next exchange, or `None` for an entry that is none.
    fn read(&mut self) -> Result<Option<Exchange>, CaptureError> {
        let position = self.next;
        self.next += 1;
        let (seek, index) = match &self.order {
            EntryOrder::AsWritten(at) => ((position == 0).then_some(*at), position),
            EntryOrder::Sorted(starts) => {
                let (start, offset, index) = starts[position as usize];
                self.before = Some(start);
                (Some(offset), index)
            }
        };
        let mut notes = Vec::new();
        let read = match self.copy(seek) {
            Ok(()) => Entry::parse(&self.text, &mut notes)
                .and_then(|entry| entry.into_exchange(index, self.before, self.facts, &mut notes)),
            Err(SkimError::TooLarge) => Err(EntryOddity::left_out("it is larger than 512 MiB")),
            Err(SkimError::Io(error)) => return Err(unreadable(&self.file, &error)),
            Err(SkimError::Cut | SkimError::NotJson(_)) => {
                let what = "was changed while it was read; try again".to_owned();
                return Err(CaptureError::Har { file: self.file.clone(), what });
            }
        };
        match read {
            Ok(Found::Exchange(exchange)) => {
                for note in notes {
                    self.oddities.add(index + 1, note);
                }
                self.before = Some(exchange.started);
                Ok(Some(*exchange))
            }
            Ok(Found::NotHttp) => {
                tracing::info!(file = %self.file.display(), index, "an entry that was no HTTP is left out");
                Ok(None)
            }
            Err(note) => {
                self.oddities.add(index + 1, note);
                Ok(None)
            }
        }
    }

    /// Takes out the text of the next entry: of the one at an offset, or of the one behind the one before.
    fn copy(&mut self, seek: Option<u64>) -> Result<(), SkimError> {
        if let Some(offset) = seek {
            self.skim = Some(JsonScanner::new(self.source.from(offset).map_err(SkimError::Io)?, offset));
        }
        let Some(skim) = &mut self.skim else { return Err(SkimError::Cut) };
        self.text.clear();
        self.text.shrink_to(1 << 20);
        if seek.is_none() {
            skim.another(false, b']')?;
        }
        skim.copy(&mut self.text, MAX_ENTRY)
    }
}

impl Iterator for HarExchanges {
    type Item = Result<Exchange, CaptureError>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.next < self.count {
            match self.read() {
                Ok(None) => {}
                Ok(Some(exchange)) => return Some(Ok(exchange)),
                Err(error) => {
                    self.next = self.count;
                    self.error = None;
                    return Some(Err(error));
                }
            }
        }
        self.error.take().map(Err)
    }
}
