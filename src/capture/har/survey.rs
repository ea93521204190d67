//! The first pass over a HAR file: is it whole, what does its log say, where do its entries stand, are they in order?
//!
//! ```text
//! {"log": {"creator", "entries": [ … ]}} | {"entries": [ … ]} | [ … ] ─► HarLog
//! ```

use std::cmp::Ordering;
use std::io::Read;

use jiff::Timestamp;
use serde::Deserialize;

use super::LogExtra;
use super::entry::FileFacts;
use super::fields::LenientFields;
use super::json_scanner::{JsonScanner, SkimError};
use super::lenient_value::LenientValue;
use super::time::instant;

/// Most entries that are put in order, 2 million: the starts of all of them are kept for that. A longer file has to be in
/// order already.
const MAX_SORTED: usize = 2_000_000;

/// Longest text of a member of the log, and of a list of header fields, that is looked at.
const MAX_MEMBER: usize = 1 << 20;

/// Why a file is not whole, or refused.
pub(super) enum HarDefect {
    /// It is no HAR file.
    NoHar,
    /// Something else, in words.
    Said(String),
    /// It can't be followed.
    JsonScanner(SkimError),
}

impl From<SkimError> for HarDefect {
    fn from(error: SkimError) -> Self {
        Self::JsonScanner(error)
    }
}

/// The order in which entries are given out.
pub(super) enum EntryOrder {
    /// One behind the other, from an offset on.
    AsWritten(u64),
    /// Start, offset and number in the file.
    Sorted(Vec<(Timestamp, u64, u64)>),
}

/// What the first pass finds.
#[derive(Default)]
pub(super) struct HarLog {
    /// There is a log.
    found: bool,
    /// Where the first entry stands, once there is a list of entries.
    entries: Option<u64>,
    /// The entry that is being passed over.
    at: Option<u64>,
    /// Whole entries.
    pub(super) count: u64,
    /// An entry has a request.
    has_request: bool,
    /// Start of the first entry.
    first: Option<Timestamp>,
    /// Start, offset and number in the file of each entry, as far as there is room.
    starts: Vec<(Timestamp, u64, u64)>,
    /// An entry started before the one that stands before it.
    disordered: bool,
    /// The program that wrote the file, with its version.
    pub(super) creator: String,
    /// A browser wrote it.
    of_browser: bool,
    /// It says that it was sanitised.
    says_sanitised: bool,
    /// There are credentials or cookies somewhere.
    has_credentials: bool,
    /// What this program noted.
    pub(super) extra: Option<LogExtra>,
}

impl HarLog {
    /// Goes through the text. After an error the entries before that place are known.
    pub(super) fn survey(&mut self, skim: &mut JsonScanner<impl Read>) -> Result<(), HarDefect> {
        match skim.peek()? {
            None => return Err(HarDefect::Said("is empty; nothing was recorded or saved".to_owned())),
            Some(b'{') => members(skim, |key, skim| match key {
                "log" => match skim.peek()? {
                    Some(b'{') => {
                        self.found = true;
                        members(skim, |key, skim| self.member(key, skim))
                    }
                    Some(b'[') => self.list(skim),
                    _ => Err(HarDefect::NoHar),
                },
                // Entries without a log around them.
                "entries" if skim.peek()? == Some(b'[') => self.list(skim),
                _ => Ok(skim.skip()?),
            })?,
            Some(b'[') => self.list(skim)?,
            Some(b'"' | b't' | b'f' | b'n' | b'-' | b'0'..=b'9') => return Err(HarDefect::NoHar),
            Some(_) => return Err(SkimError::NotJson("an object").into()),
        }
        if self.entries.is_none() || !self.found && !self.has_request {
            return Err(HarDefect::NoHar);
        }
        match skim.peek()? {
            // What some programs fill the last block of a file with.
            None | Some(0) => Ok(()),
            Some(_) => Err(SkimError::NotJson("the end of the file").into()),
        }
    }

    /// A member of the log.
    fn member(&mut self, key: &str, skim: &mut JsonScanner<impl Read>) -> Result<(), HarDefect> {
        match key {
            "creator" | "browser" => {
                let program: HarCreator = small(skim)?;
                self.of_browser |= program.is_browser();
                self.says_sanitised |= program.says_sanitised();
                if key == "creator" {
                    self.creator = program.name();
                }
            }
            "comment" => {
                let comment: LenientValue = small(skim)?;
                self.says_sanitised |= says_sanitised(&comment.text().unwrap_or_default());
            }
            "_umpire" => self.extra = small(skim)?,
            "entries" if skim.peek()? == Some(b'[') => self.list(skim)?,
            "entries" if skim.peek()? == Some(b'n') => {
                skim.skip()?;
                self.entries.get_or_insert(skim.offset());
            }
            "entries" => return Err(HarDefect::NoHar),
            _ => skim.skip()?,
        }
        Ok(())
    }

    /// The list of entries.
    fn list(&mut self, skim: &mut JsonScanner<impl Read>) -> Result<(), HarDefect> {
        if self.count > 0 {
            return Err(HarDefect::Said("can't be used: it has two lists of entries".to_owned()));
        }
        skim.take(b'[', "a list")?;
        skim.peek()?;
        self.entries = Some(skim.offset());
        while skim.another(self.count == 0, b']')? {
            self.entry(skim)?;
        }
        self.at = None;
        Ok(())
    }

    fn entry(&mut self, skim: &mut JsonScanner<impl Read>) -> Result<(), HarDefect> {
        self.at = Some(self.count);
        let object = skim.peek()? == Some(b'{');
        let offset = skim.offset();
        let mut started = None;
        if object {
            let read = members(skim, |key, skim| match key {
                "startedDateTime" => {
                    // One that is no time is told of when its entry is read.
                    let stated: LenientValue = small(skim)?;
                    started = instant(&stated);
                    Ok(())
                }
                "request" | "response" => {
                    self.has_request |= key == "request";
                    self.message(skim)
                }
                _ => Ok(skim.skip()?),
            });
            match read {
                // It is no JSON; where it ends can be told all the same.
                Err(HarDefect::JsonScanner(SkimError::NotJson(_))) => skim.leave()?,
                read => read?,
            }
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

    /// A request or a response: looks for credentials until there are any.
    fn message(&mut self, skim: &mut JsonScanner<impl Read>) -> Result<(), HarDefect> {
        if self.has_credentials || skim.peek()? != Some(b'{') {
            return Ok(skim.skip()?);
        }
        let read = members(skim, |key, skim| {
            if matches!(key, "headers" | "cookies") {
                let fields: LenientFields = small(skim)?;
                self.has_credentials |= fields.hold_credentials() || key == "cookies" && !fields.0.is_empty();
                return Ok(());
            }
            Ok(skim.skip()?)
        });
        match read {
            Err(HarDefect::JsonScanner(SkimError::NotJson(_))) => Ok(skim.leave()?),
            read => read,
        }
    }

    /// Start of the first entry; `None` where there is no entry.
    pub(super) fn first(&self) -> Option<Timestamp> {
        self.first
    }

    /// What is known of the file as a whole.
    pub(super) fn facts(&self) -> FileFacts {
        let foreign = self.extra.is_none();
        FileFacts {
            of_browser: foreign && self.of_browser,
            sanitised: foreign && (self.of_browser || self.says_sanitised) && !self.has_credentials,
        }
    }

    /// The order in which entries are given out. That of Umpire's own files is the order in which exchanges ended; other
    /// programs' entries are put in order of their start, which is what a proxy in their place would have seen.
    pub(super) fn order(&mut self, own: bool) -> Result<EntryOrder, String> {
        let at = self.entries.unwrap_or_default();
        if own || !self.disordered {
            return Ok(EntryOrder::AsWritten(at));
        }
        if self.count > MAX_SORTED as u64 {
            return Err(format!("has more than {MAX_SORTED} entries that are not in order of time; split it"));
        }
        let mut starts = std::mem::take(&mut self.starts);
        starts.sort_by(|a, b| a.0.cmp(&b.0).then(Ordering::Equal));
        Ok(EntryOrder::Sorted(starts))
    }

    /// What is wrong with the file, in words, and what to do.
    pub(super) fn describe(&self, wrong: &SkimError, place: &str) -> String {
        let entry = self.at.map_or_else(String::new, |at| format!(" in entry {}", at + 1));
        match wrong {
            SkimError::Cut => format!("is cut off{entry} at {place}; save or copy it again"),
            SkimError::TooLarge => format!("can't be used{entry}: more than is sensible stands before {place}"),
            SkimError::NotJson(expected) if !self.found && self.count == 0 => {
                format!("is no capture and no HAR file: not JSON at {place} (expected {expected})")
            }
            SkimError::NotJson(expected) => {
                format!("is damaged{entry}: not JSON at {place} (expected {expected}); save or copy it again")
            }
            SkimError::Io(error) => format!("can't be read{entry} at {place}: {error}"),
        }
    }
}

/// Reads a value whose text is not long; what is no such value, or too long, is taken for none.
fn small<T: Default + for<'de> Deserialize<'de>>(skim: &mut JsonScanner<impl Read>) -> Result<T, SkimError> {
    let mut text = Vec::new();
    match skim.copy(&mut text, MAX_MEMBER) {
        Ok(()) => Ok(serde_json::from_slice(&text).unwrap_or_default()),
        Err(SkimError::TooLarge) => Ok(T::default()),
        Err(error) => Err(error),
    }
}

/// Goes through the members of an object.
fn members<R: Read>(
    skim: &mut JsonScanner<R>,
    mut each: impl FnMut(&str, &mut JsonScanner<R>) -> Result<(), HarDefect>,
) -> Result<(), HarDefect> {
    skim.take(b'{', "an object")?;
    let mut first = true;
    while skim.another(first, b'}')? {
        let key = skim.key()?;
        each(&key, skim)?;
        first = false;
    }
    Ok(())
}

/// The program that wrote a file, or the browser that it was written of.
#[derive(Default, Deserialize)]
struct HarCreator {
    #[serde(default)]
    name: LenientValue,
    #[serde(default)]
    version: LenientValue,
    #[serde(default)]
    comment: LenientValue,
}

impl HarCreator {
    fn name(self) -> String {
        let parts = [self.name.text(), self.version.text()];
        parts.into_iter().flatten().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
    }

    /// True for the developer tools of browsers: Chromium's and Safari's call themselves Web Inspector.
    fn is_browser(&self) -> bool {
        const BROWSERS: [&str; 7] = ["inspector", "firefox", "chrome", "chromium", "safari", "edge", "opera"];
        let name = self.name.clone().text().unwrap_or_default().to_ascii_lowercase();
        BROWSERS.iter().any(|browser| name.contains(browser))
    }

    fn says_sanitised(&self) -> bool {
        let texts = [&self.name, &self.comment].map(|text| text.clone().text().unwrap_or_default());
        texts.iter().any(|text| says_sanitised(text))
    }
}

fn says_sanitised(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    ["saniti", "redacted", "anonymi"].iter().any(|word| text.contains(word))
}
