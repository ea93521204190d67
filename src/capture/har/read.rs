//! Reading a HAR file in two passes, so that neither takes more memory than the largest entry.
//!
//! ```text
//! text ─► skim: is it whole? what does the log say? where are the entries, and are they in order? ─► Entries
//!                                                     not, and gzip ─► unpacked     entry ─► Exchange ─┘ next*
//! ```
//!
//! A file that is cut off or no HAR is refused before the first exchange is given out; an entry that can't be used is an
//! error in its place. Each error says where.

use std::cmp::Ordering;
use std::io::Read;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use jiff::Timestamp;
use serde::Deserialize;

use super::LogExtra;
use super::entry::{Entry, Read as Found, instant};
use super::loose::Loose;
use super::skim::{Skim, SkimError};
use crate::capture::source::Source;
use crate::capture::{CaptureError, Meta, Redaction};
use crate::exchange::Exchange;

/// Largest entry that is read, in bytes: 512 MiB. A file with a larger one is refused there.
pub const MAX_ENTRY: usize = 512 << 20;

/// Longest text that is unpacked in order to put its entries in order, 16 GiB. A longer one is refused.
const MAX_UNPACKED: u64 = 16 << 30;

/// Most entries that are put in order, 2 million: the starts of all of them are kept for that. A longer file has to be in
/// order already.
const MAX_SORTED: usize = 2_000_000;

const NO_HAR: &str = "is no HAR file (it has no log with entries) and no capture; give one of these";

/// Reads a HAR 1.2 file from its text; `file` is its name in errors. All or nothing.
pub fn read(file: &Path, text: &[u8]) -> Result<(Meta, Vec<Exchange>), CaptureError> {
    let (meta, entries) = open(file, Source::Memory(Bytes::copy_from_slice(text)))?;
    Ok((meta, entries.collect::<Result<_, _>>()?))
}

/// Skims a HAR 1.2 file and gets ready to read its entries; `file` is its name in errors.
pub(in crate::capture) fn open(file: &Path, source: Source) -> Result<(Meta, Entries), CaptureError> {
    let (meta, entries, fault) = open_damaged(file, source)?;
    fault.map_or(Ok((meta, Entries { stop: true, ..entries })), Err)
}

/// The same of a file that may be damaged: what is wrong with the file as a whole, and the entries before that place. They
/// go on behind an error.
pub(in crate::capture) fn open_damaged(
    file: &Path,
    source: Source,
) -> Result<(Meta, Entries, Option<CaptureError>), CaptureError> {
    let fault = |what: String| CaptureError::Har { file: file.to_owned(), what };
    let head = source.head(3).map_err(|error| unreadable(file, &error))?;
    let start = match &*head {
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => return Err(fault("is UTF-16 text; save it as UTF-8".to_owned())),
        [0xef, 0xbb, 0xbf] => 3,
        _ => 0,
    };
    let text = source.from(start).map_err(|error| unreadable(file, &error))?;
    let mut log = Log::default();
    let mut skim = Skim::new(text, start);
    let wrong = log.skim(&mut skim).err().map(|wrong| match wrong {
        Wrong::NoHar => fault(NO_HAR.to_owned()),
        Wrong::Said(what) => fault(what),
        Wrong::Skim(SkimError::Io(error)) => unreadable(file, &error),
        Wrong::Skim(wrong) => fault(log.describe(&wrong, &source.place(skim.offset()))),
    });
    let Some(first) = log.first else {
        return Err(wrong.unwrap_or(CaptureError::Empty { file: file.to_owned() }));
    };
    let own = log.extra.is_some();
    let order = log.order(own).map_err(fault)?;
    let source = match order {
        Order::Sorted(_) if source.is_sequential() => source.unpacked(file, MAX_UNPACKED).map_err(|error| {
            let what = "has entries that are not in order of time, and can't be unpacked to put them in order";
            fault(format!("{what}: {error}; unpack it first where there is room (gunzip)"))
        })?,
        _ => source,
    };
    let created = log.extra.as_ref().and_then(|extra| extra.created.parse().ok());
    let created = created.unwrap_or(if let Order::Sorted(starts) = &order { starts[0].0 } else { first });
    let redaction = log.extra.as_ref().map_or(Redaction::Nothing, |extra| Redaction::from_name(&extra.redaction));
    let extra = log.extra.unwrap_or_default();
    let (base_uri, also_base_uris) = (extra.base_uri, extra.also_base_uris);
    let meta = Meta { base_uri, also_base_uris, created, creator: log.creator, redaction, part: None };
    let entries = Entries {
        file: file.to_owned(),
        source,
        order,
        count: log.count,
        next: 0,
        before: None,
        skim: None,
        text: Vec::new(),
        stop: false,
        ended: false,
    };
    Ok((meta, entries, wrong))
}

fn unreadable(file: &Path, error: &std::io::Error) -> CaptureError {
    CaptureError::Read { file: file.to_owned(), cause: error.to_string() }
}

/// Why a file is refused as a whole.
enum Wrong {
    NoHar,
    Said(String),
    Skim(SkimError),
}

impl From<SkimError> for Wrong {
    fn from(error: SkimError) -> Self {
        Self::Skim(error)
    }
}

/// What the first pass finds.
#[derive(Default)]
struct Log {
    /// There is a log.
    found: bool,
    /// Where the first entry stands, once there is a list of entries.
    entries: Option<u64>,
    /// The entry that is being skimmed.
    at: Option<u64>,
    count: u64,
    /// Start of the first entry.
    first: Option<Timestamp>,
    /// Start, offset and number in the file of each entry, as far as there is room.
    starts: Vec<(Timestamp, u64, u64)>,
    /// An entry started before the one that stands before it.
    disordered: bool,
    creator: String,
    extra: Option<LogExtra>,
}

impl Log {
    fn skim(&mut self, skim: &mut Skim<impl Read>) -> Result<(), Wrong> {
        match skim.peek()? {
            None => return Err(Wrong::Said("is empty; nothing was recorded or saved".to_owned())),
            Some(b'{') => {}
            Some(b'[' | b'"' | b't' | b'f' | b'n' | b'-' | b'0'..=b'9') => return Err(Wrong::NoHar),
            Some(_) => return Err(SkimError::NotJson("an object").into()),
        }
        members(skim, |key, skim| match key {
            "log" if skim.peek()? == Some(b'{') => {
                self.found = true;
                members(skim, |key, skim| self.member(key, skim))
            }
            "log" => Err(Wrong::NoHar),
            _ => Ok(skim.skip()?),
        })?;
        if skim.peek()?.is_some() {
            return Err(SkimError::NotJson("the end of the file").into());
        }
        if self.entries.is_none() { Err(Wrong::NoHar) } else { Ok(()) }
    }

    fn member(&mut self, key: &str, skim: &mut Skim<impl Read>) -> Result<(), Wrong> {
        /// More than any program says of itself.
        const MOST: usize = 1 << 20;
        match key {
            "creator" => {
                let mut text = Vec::new();
                skim.copy(&mut text, MOST)?;
                self.creator = serde_json::from_slice::<Option<Creator>>(&text)
                    .map_err(|error| Wrong::Said(format!("can't be used: its creator: {}", words(&error))))?
                    .unwrap_or_default()
                    .name();
            }
            "_umpire" => {
                let mut text = Vec::new();
                skim.copy(&mut text, MOST)?;
                self.extra = serde_json::from_slice(&text)
                    .map_err(|error| Wrong::Said(format!("can't be used: its log's _umpire: {}", words(&error))))?;
            }
            "entries" if self.entries.is_some() => {
                return Err(Wrong::Said("can't be used: it has two lists of entries".to_owned()));
            }
            "entries" if skim.peek()? == Some(b'[') => {
                skim.take(b'[', "a list")?;
                self.entries = Some(skim.offset());
                while skim.another(self.count == 0, b']')? {
                    self.entry(skim)?;
                }
                self.at = None;
            }
            "entries" => return Err(Wrong::NoHar),
            _ => skim.skip()?,
        }
        Ok(())
    }

    fn entry(&mut self, skim: &mut Skim<impl Read>) -> Result<(), Wrong> {
        self.at = Some(self.count);
        let object = skim.peek()? == Some(b'{');
        let offset = skim.offset();
        let mut started = None;
        if object {
            members(skim, |key, skim| {
                if key != "startedDateTime" {
                    return Ok(skim.skip()?);
                }
                let mut text = Vec::new();
                skim.copy(&mut text, MAX_ENTRY)?;
                // One that is no time is told of when its entry is read.
                let text = serde_json::from_slice::<Loose>(&text).unwrap_or_default().text();
                started = text.and_then(|text| instant(&text).ok());
                Ok(())
            })?;
        } else {
            skim.skip()?;
        }
        let before = self.starts.last().map(|(start, ..)| *start);
        let started = started.or(before).unwrap_or(Timestamp::UNIX_EPOCH);
        self.first.get_or_insert(started);
        self.disordered |= before.is_some_and(|before| started < before);
        if self.starts.len() == MAX_SORTED {
            self.starts[MAX_SORTED - 1] = (started, offset, self.count);
        } else {
            self.starts.push((started, offset, self.count));
        }
        self.count += 1;
        Ok(())
    }

    /// The order in which entries are given out. That of Umpire's own files is the order in which exchanges ended; other
    /// programs' entries are put in order of their start, which is what a proxy in their place would have seen.
    fn order(&mut self, own: bool) -> Result<Order, String> {
        let at = self.entries.unwrap_or_default();
        if own || !self.disordered {
            return Ok(Order::AsWritten(at));
        }
        if self.count > MAX_SORTED as u64 {
            return Err(format!("has more than {MAX_SORTED} entries that are not in order of time; split it"));
        }
        let mut starts = std::mem::take(&mut self.starts);
        starts.sort_by(|a, b| a.0.cmp(&b.0).then(Ordering::Equal));
        Ok(Order::Sorted(starts))
    }

    fn describe(&self, wrong: &SkimError, place: &str) -> String {
        let entry = self.at.map_or_else(String::new, |at| format!(" in entry {at} (counted from 0)"));
        match wrong {
            SkimError::Cut => format!("is cut off{entry} at {place}; save or copy it again"),
            SkimError::TooLarge => format!("can't be used{entry}: more than is sensible stands before {place}"),
            SkimError::NotJson(expected) if !self.found => {
                format!("is no capture and no HAR file: not JSON at {place} (expected {expected})")
            }
            SkimError::NotJson(expected) => {
                format!("is damaged{entry}: not JSON at {place} (expected {expected}); save or copy it again")
            }
            SkimError::Io(error) => format!("can't be read{entry} at {place}: {error}"),
        }
    }
}

/// Goes through the members of an object.
fn members<R: Read>(
    skim: &mut Skim<R>,
    mut each: impl FnMut(&str, &mut Skim<R>) -> Result<(), Wrong>,
) -> Result<(), Wrong> {
    skim.take(b'{', "an object")?;
    let mut first = true;
    while skim.another(first, b'}')? {
        let key = skim.key()?;
        each(&key, skim)?;
        first = false;
    }
    Ok(())
}

/// An error of the parser without the place, which it counts from the start of a part.
fn words(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.split_once(" at line ").map_or(text.clone(), |(words, _)| words.to_owned())
}

enum Order {
    /// One behind the other, from an offset on.
    AsWritten(u64),
    /// Start, offset and number in the file.
    Sorted(Vec<(Timestamp, u64, u64)>),
}

/// The exchanges of a HAR file, read one at a time. Ends behind an error, unless the file is known to be damaged.
pub(in crate::capture) struct Entries {
    file: PathBuf,
    source: Source,
    order: Order,
    count: u64,
    next: u64,
    /// Start of the entry before.
    before: Option<Timestamp>,
    skim: Option<Skim<Box<dyn Read + Send>>>,
    /// Text of the entry at hand. At most [`MAX_ENTRY`] bytes.
    text: Vec<u8>,
    /// Stop at the first error.
    stop: bool,
    ended: bool,
}

impl Entries {
    /// The next exchange, or `None` for an entry that is none.
    fn read(&mut self) -> Result<Option<Exchange>, CaptureError> {
        let fault = |what: String| CaptureError::Har { file: self.file.clone(), what };
        let unreadable = |error: &std::io::Error| unreadable(&self.file, error);
        let position = self.next;
        self.next += 1;
        let (seek, index) = match &self.order {
            Order::AsWritten(at) => ((position == 0).then_some(*at), position),
            Order::Sorted(starts) => {
                let (start, offset, index) = starts[position as usize];
                self.before = Some(start);
                (Some(offset), index)
            }
        };
        if let Some(offset) = seek {
            self.skim = Some(Skim::new(self.source.from(offset).map_err(|error| unreadable(&error))?, offset));
        }
        let Some(skim) = &mut self.skim else { return Ok(None) };
        self.text.clear();
        self.text.shrink_to(1 << 20);
        let skipped = match seek {
            None => skim.another(false, b']').map(drop),
            Some(_) => Ok(()),
        };
        let offset = skipped.and_then(|()| skim.peek()).map(|_| skim.offset());
        let offset = offset.and_then(|offset| skim.copy(&mut self.text, MAX_ENTRY).map(|()| offset));
        let offset = offset.map_err(|wrong| match wrong {
            SkimError::Io(error) => unreadable(&error),
            SkimError::TooLarge => {
                fault(format!("can't be used: entry {index} (counted from 0) is larger than 512 MiB"))
            }
            SkimError::Cut | SkimError::NotJson(_) => fault("was changed while it was read; try again".to_owned()),
        })?;
        let entry: Entry = serde_json::from_slice(&self.text).map_err(|error| {
            let place = self.source.place(offset + place_in(&self.text, &error));
            let (said, entry) = (words(&error), format!(" in entry {index} (counted from 0)"));
            fault(if error.is_data() {
                format!("can't be used{entry} at {place}: {said}")
            } else {
                format!("is damaged{entry}: not JSON at {place} ({said}); save or copy it again")
            })
        })?;
        match entry.into_exchange(index, self.before) {
            Ok(Found::Exchange(exchange)) => {
                self.before = Some(exchange.started);
                Ok(Some(*exchange))
            }
            Ok(Found::NotHttp(url)) => {
                tracing::info!(file = %self.file.display(), index, url, "an entry that was no HTTP is left out");
                Ok(None)
            }
            Err(what) => Err(fault(format!("can't be used: entry {index} (counted from 0): {what}"))),
        }
    }
}

/// The offset of an error within the text that it is about.
fn place_in(text: &[u8], error: &serde_json::Error) -> u64 {
    let line = match error.line() {
        0 | 1 => 0,
        line => memchr::memchr_iter(b'\n', text).nth(line - 2).map_or(0, |end| end + 1),
    };
    (line + error.column().saturating_sub(1)) as u64
}

impl Iterator for Entries {
    type Item = Result<Exchange, CaptureError>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.ended && self.next < self.count {
            match self.read() {
                Ok(None) => {}
                Ok(Some(exchange)) => return Some(Ok(exchange)),
                Err(error) => {
                    self.ended = self.stop || !matches!(error, CaptureError::Har { .. });
                    return Some(Err(error));
                }
            }
        }
        None
    }
}

#[derive(Default, Deserialize)]
struct Creator {
    #[serde(default)]
    name: Loose,
    #[serde(default)]
    version: Loose,
}

impl Creator {
    fn name(self) -> String {
        let parts = [self.name.text(), self.version.text()];
        parts.into_iter().flatten().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
    }
}
