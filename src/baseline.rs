//! Known findings: what `umpire check` sets aside, so that only what is new stands out.
//!
//! ```text
//! findings ──► Baseline::of ──► FILE (TOML, people add reason and expiry)
//! FILE ──► Baseline::read ──► apply(findings, today) ──► set aside | counted, and what became of each entry
//! ```
//!
//! An entry speaks of a rule, a stage and a place whose array indexes are `*`, so that it outlives another recording of
//! the same. It sets aside as many findings as it counts, and none once it has expired.

mod file;

use std::collections::BTreeMap;

use jiff::civil::Date;

pub use file::BaselineError;

use crate::finding::{Finding, shape};
use crate::openbooking::Stage;

/// Known findings.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Baseline {
    /// Sorted by rule, stage and pointer, each combination once.
    entries: Vec<BaselineEntry>,
}

/// Known findings of one rule at one stage and place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaselineEntry {
    /// The rule's id.
    pub rule: String,
    /// Stage of the exchanges.
    pub stage: Stage,
    /// The findings' pointer with `*` for array indexes.
    pub pointer: String,
    /// How many are known, over all files of a check.
    pub count: u64,
    /// Why they are put up with; may be empty.
    pub reason: String,
    /// The last day (UTC) on which they are; none for good.
    pub expires: Option<Date>,
}

/// What an entry is recognised by.
type EntryKey<'e> = (&'e str, Stage, &'e str);

impl BaselineEntry {
    fn key(&self) -> EntryKey<'_> {
        (&self.rule, self.stage, &self.pointer)
    }

    /// Takes up what another entry says of the same.
    fn join(&mut self, other: Self) {
        self.count += other.count;
        self.expires = self.expires.into_iter().chain(other.expires).min();
        if self.reason.is_empty() || self.reason == other.reason {
            self.reason = other.reason;
        } else if !other.reason.is_empty() {
            self.reason = format!("{}; {}", self.reason, other.reason);
        }
    }

    fn has_expired(&self, today: Date) -> bool {
        self.expires.is_some_and(|last| last < today)
    }
}

/// What became of a baseline.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AppliedBaseline {
    /// Every entry that was asked about, in the order of the file's contents: by rule, stage and pointer.
    pub entries: Vec<(BaselineEntry, EntryOutcome)>,
    /// Whether each finding is set aside, in their order.
    pub aside: Vec<bool>,
}

/// What became of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EntryOutcome {
    /// How many such findings there are.
    pub found: u64,
    /// What that means.
    pub state: EntryState,
}

/// What became of an entry, in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum EntryState {
    /// There are more than it counts: those beyond the count are not set aside.
    Beyond,
    /// Its day has passed: nothing is set aside.
    Expired,
    /// There is none any more: it can go.
    Stale,
    /// There are some, but fewer than it counts: the count can go down.
    Fewer,
    /// There are as many as it counts.
    Within,
}

impl AppliedBaseline {
    /// How many findings are set aside.
    pub fn set_aside(&self) -> u64 {
        self.aside.iter().filter(|&&aside| aside).count() as u64
    }
}

impl Baseline {
    /// A baseline of all these findings.
    pub fn of<'f>(findings: impl IntoIterator<Item = &'f Finding>) -> Self {
        let mut counts: BTreeMap<(String, Stage, String), u64> = BTreeMap::new();
        for finding in findings {
            *counts.entry((finding.rule.id.clone(), finding.stage, shape(&finding.pointer))).or_default() += 1;
        }
        let entry = |((rule, stage, pointer), count)| BaselineEntry {
            rule,
            stage,
            pointer,
            count,
            reason: String::new(),
            expires: None,
        };
        Self { entries: counts.into_iter().map(entry).collect() }
    }

    /// This baseline with the reasons and expiry dates of an older one, and with those entries of the older one whose
    /// rules were not asked.
    pub(crate) fn in_place_of(mut self, older: &Self, is_asked: impl Fn(&str) -> bool) -> Self {
        for old in &older.entries {
            match self.entries.iter_mut().find(|entry| entry.key() == old.key()) {
                Some(entry) => (entry.reason, entry.expires) = (old.reason.clone(), old.expires),
                None if !is_asked(&old.rule) => self.entries.push(old.clone()),
                None => {}
            }
        }
        self.entries.sort_by(|a, b| a.key().cmp(&b.key()));
        self
    }

    /// Sets findings like this one aside, so many of them, with a reason and a last day. An entry of the same rule, stage and
    /// place takes these in place of its own, and never counts fewer than before.
    pub fn set_aside(&mut self, finding: &Finding, count: u64, reason: &str, expires: Date) {
        let (rule, stage, pointer) = (finding.rule.id.clone(), finding.stage, shape(&finding.pointer));
        let new = BaselineEntry { rule, stage, pointer, count, reason: reason.to_owned(), expires: Some(expires) };
        match self.entries.binary_search_by(|entry| entry.key().cmp(&new.key())) {
            Ok(at) => {
                let count = self.entries[at].count.max(count);
                self.entries[at] = BaselineEntry { count, ..new };
            }
            Err(at) => self.entries.insert(at, new),
        }
    }

    /// Gives entries of rules that were renamed their new ids, which `current` knows; every former id and its new one, once.
    /// Entries that come to be the same become one: their counts add up, the earlier of their days holds.
    pub fn follow_renames<'n>(&mut self, current: impl Fn(&str) -> Option<&'n str>) -> BTreeMap<String, String> {
        let mut renamed = BTreeMap::new();
        let mut entries: Vec<BaselineEntry> = Vec::with_capacity(self.entries.len());
        for mut entry in std::mem::take(&mut self.entries) {
            if let Some(new) = current(&entry.rule) {
                let old = std::mem::replace(&mut entry.rule, new.to_owned());
                renamed.insert(old, new.to_owned());
            }
            match entries.iter_mut().find(|known| known.key() == entry.key()) {
                Some(known) => known.join(entry),
                None => entries.push(entry),
            }
        }
        entries.sort_by(|a, b| a.key().cmp(&b.key()));
        self.entries = entries;
        renamed
    }

    /// The entries, by rule, stage and pointer.
    pub fn entries(&self) -> &[BaselineEntry] {
        &self.entries
    }

    /// Sets findings aside, the first of each entry first. Entries whose rules were not asked are left out.
    pub(crate) fn apply(&self, findings: &[&Finding], today: Date, is_asked: impl Fn(&str) -> bool) -> AppliedBaseline {
        let shapes: Vec<String> = findings.iter().map(|finding| shape(&finding.pointer)).collect();
        let mut found: BTreeMap<EntryKey<'_>, u64> = self.entries.iter().map(|entry| (entry.key(), 0)).collect();
        let room: BTreeMap<EntryKey<'_>, u64> = self
            .entries
            .iter()
            .map(|entry| (entry.key(), if entry.has_expired(today) { 0 } else { entry.count }))
            .collect();
        let aside = findings
            .iter()
            .zip(&shapes)
            .map(|(finding, shape)| {
                let key = (finding.rule.id.as_str(), finding.stage, shape.as_str());
                let (Some(found), Some(room)) = (found.get_mut(&key), room.get(&key)) else { return false };
                *found += 1;
                *found <= *room
            })
            .collect();
        let outcome = |entry: &BaselineEntry| {
            let found = found.get(&entry.key()).copied().unwrap_or(0);
            let state = match found {
                0 => EntryState::Stale,
                _ if entry.has_expired(today) => EntryState::Expired,
                found if found > entry.count => EntryState::Beyond,
                found if found < entry.count => EntryState::Fewer,
                _ => EntryState::Within,
            };
            (entry.clone(), EntryOutcome { found, state })
        };
        let entries = self.entries.iter().filter(|entry| is_asked(&entry.rule)).map(outcome).collect();
        AppliedBaseline { entries, aside }
    }
}

#[cfg(test)]
mod tests;
