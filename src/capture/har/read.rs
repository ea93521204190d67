//! Reading a HAR file.
//!
//! ```text
//! bytes ─► {"log": {"entries": [ entry ─► Exchange, … ]}} ─► (Meta, exchanges)
//!            └ the first thing wrong: one error that says where
//! ```

use std::fmt;
use std::path::Path;

use jiff::Timestamp;
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::LogExtra;
use super::entry::Entry;
use super::loose::Loose;
use crate::capture::{CaptureError, Meta};
use crate::exchange::Exchange;

/// Largest HAR file that is read, in bytes: 1 GiB. A larger one is refused, since it is held in memory while it is
/// read; record straight into a capture, or export parts of it.
pub const MAX_BYTES: u64 = 1 << 30;

/// Reads a HAR 1.2 file from its text; `file` is its name in errors. All or nothing.
pub fn read(file: &Path, text: &[u8]) -> Result<(Meta, Vec<Exchange>), CaptureError> {
    let fault = |what: String| CaptureError::Har { file: file.to_owned(), what };
    if text.len() as u64 >= MAX_BYTES {
        return Err(fault("is larger than 1 GiB; split it, or record into a capture".to_owned()));
    }
    let text = text.strip_prefix("\u{feff}".as_bytes()).unwrap_or(text);
    if text.trim_ascii().is_empty() {
        return Err(fault("is empty; nothing was recorded or saved".to_owned()));
    }
    let mut log = Log::default();
    let mut deserializer = serde_json::Deserializer::from_slice(text);
    let outcome = RootSeed(&mut log).deserialize(&mut deserializer).and_then(|()| deserializer.end());
    if let Err(error) = outcome {
        return Err(fault(log.describe(&error)));
    }
    if !log.found || !log.entries_found {
        return Err(fault(NO_HAR.to_owned()));
    }
    if log.exchanges.is_empty() {
        return Err(CaptureError::Empty { file: file.to_owned() });
    }
    let first = log.exchanges[0].started;
    let created = log.extra.as_ref().and_then(|extra| extra.created.parse().ok()).unwrap_or(first);
    let meta = Meta { base_uri: log.extra.and_then(|extra| extra.base_uri), created, creator: log.creator };
    Ok((meta, log.exchanges))
}

const NO_HAR: &str = "is no HAR file (it has no log with entries) and no capture; give one of these";

/// What has been read so far.
#[derive(Default)]
struct Log {
    found: bool,
    entries_found: bool,
    /// 0-based index of the entry that is being read.
    at: Option<u64>,
    /// What is wrong with that entry, if it is well-formed but can't be used.
    fault: Option<String>,
    exchanges: Vec<Exchange>,
    creator: String,
    extra: Option<LogExtra>,
}

impl Log {
    fn describe(&self, error: &serde_json::Error) -> String {
        let place = format!("line {}, column {}", error.line(), error.column());
        let entry = self.at.map_or_else(String::new, |at| format!(" in entry {at} (counted from 0)"));
        if let Some(fault) = &self.fault {
            return format!("can't be used: entry {} (counted from 0): {fault}", self.at.unwrap_or_default());
        }
        if error.is_eof() {
            return format!("is cut off{entry} at {place}; save or copy it again");
        }
        if error.is_syntax() {
            return match self.at {
                None if !self.found => format!("is no capture and no HAR file: not JSON at {place} ({error})"),
                _ => format!("is damaged{entry}: not JSON at {place} ({error}); save or copy it again"),
            };
        }
        if self.at.is_none() {
            return format!("{NO_HAR} ({error})");
        }
        format!("can't be used{entry}: {error}")
    }
}

struct RootSeed<'l>(&'l mut Log);

impl<'de> DeserializeSeed<'de> for RootSeed<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for RootSeed<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with a log")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        while let Some(key) = members.next_key::<String>()? {
            if key == "log" {
                self.0.found = true;
                members.next_value_seed(LogSeed(&mut *self.0))?;
            } else {
                members.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }
}

struct LogSeed<'l>(&'l mut Log);

impl<'de> DeserializeSeed<'de> for LogSeed<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for LogSeed<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a log with entries")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        while let Some(key) = members.next_key::<String>()? {
            match key.as_str() {
                "creator" => self.0.creator = members.next_value::<Option<Creator>>()?.unwrap_or_default().name(),
                "_umpire" => self.0.extra = members.next_value()?,
                "entries" => {
                    self.0.entries_found = true;
                    members.next_value_seed(EntriesSeed(&mut *self.0))?;
                    self.0.at = None;
                }
                _ => {
                    members.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }
}

struct EntriesSeed<'l>(&'l mut Log);

impl<'de> DeserializeSeed<'de> for EntriesSeed<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for EntriesSeed<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of entries")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        let log = self.0;
        let mut before: Option<Timestamp> = None;
        for index in 0.. {
            log.at = Some(index);
            let Some(entry) = entries.next_element::<Entry>()? else { break };
            let exchange = entry.into_exchange(index, before).map_err(|fault| {
                log.fault = Some(fault);
                A::Error::custom("an entry that can't be used")
            })?;
            before = Some(exchange.started);
            log.exchanges.push(exchange);
        }
        Ok(())
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
