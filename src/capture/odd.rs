//! What is odd about a recording of another program, and what was made of it: counted by kind, the first of each named.
//!
//! ```text
//! entry that can't be read as it stands ─► EntryOddity ─► Oddities ─► "3 entries left out: the first is entry 17, …"
//! ```
//!
//! One odd entry never refuses a recording. It is read where that can be done; else a part of it, or all of it, counts as not
//! recorded.

use std::borrow::Cow;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Most kinds that are told apart; entries with further ones are counted as one kind.
const MOST: usize = 50;

/// What was made of something odd.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum OddityOutcome {
    /// The entry is no exchange of the recording.
    LeftOut,
    /// A part of it counts as not recorded.
    NotRecorded,
    /// It was read in the way in which it must have been meant.
    Mended,
}

impl OddityOutcome {
    /// Stable name, as in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::LeftOut => "left-out",
            Self::NotRecorded => "not-recorded",
            Self::Mended => "mended",
        }
    }
}

/// Something odd about one entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::capture) struct EntryOddity {
    /// What is odd, in words that are the same for all entries of which it is. Never holds anything of what was recorded.
    pub(in crate::capture) what: Cow<'static, str>,
    pub(in crate::capture) outcome: OddityOutcome,
}

impl EntryOddity {
    pub(in crate::capture) fn left_out(what: impl Into<Cow<'static, str>>) -> Self {
        Self { what: what.into(), outcome: OddityOutcome::LeftOut }
    }

    pub(in crate::capture) fn not_recorded(what: impl Into<Cow<'static, str>>) -> Self {
        Self { what: what.into(), outcome: OddityOutcome::NotRecorded }
    }

    pub(in crate::capture) fn mended(what: impl Into<Cow<'static, str>>) -> Self {
        Self { what: what.into(), outcome: OddityOutcome::Mended }
    }
}

/// One kind of oddity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Oddity {
    /// What is odd, in words.
    pub what: Cow<'static, str>,
    /// What was made of it.
    pub outcome: OddityOutcome,
    /// Entries or lines of which it is true.
    pub count: u64,
    /// 1-based number of the first of them.
    pub first: u64,
    /// What they are: `entry` or `line`.
    pub unit: &'static str,
}

/// `entry 2: it is null; left out` · `4 entries, the first is entry 2: it is null; left out`
impl fmt::Display for Oddity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, outcome, count, first, unit } = self;
        match (count, *unit) {
            (1, _) => write!(f, "{unit} {first}: {what}")?,
            (_, "entry") => write!(f, "{count} entries, the first is entry {first}: {what}")?,
            _ => write!(f, "{count} {unit}s, the first is {unit} {first}: {what}")?,
        }
        f.write_str(match outcome {
            OddityOutcome::LeftOut => "; left out",
            OddityOutcome::NotRecorded => "; taken as not recorded",
            OddityOutcome::Mended => "",
        })
    }
}

/// The oddities of a recording, as far as it has been read: shared by who reads it and who tells of it.
#[derive(Debug, Clone)]
pub struct Oddities {
    /// What the recording consists of.
    unit: &'static str,
    kinds: Arc<Mutex<Vec<Oddity>>>,
}

impl Oddities {
    /// Of a recording that consists of entries, lines, ….
    pub(in crate::capture) fn of(unit: &'static str) -> Self {
        Self { unit, kinds: Arc::default() }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Oddity>> {
        self.kinds.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes up what is odd about the entry of a 1-based number.
    pub(in crate::capture) fn add(&self, entry: u64, note: EntryOddity) {
        let EntryOddity { what, outcome } = note;
        let mut kinds = self.lock();
        let full = kinds.len() >= MOST;
        let same = |kind: &Oddity| kind.outcome == outcome && (kind.what == what || full && kind.what == OTHERS);
        if let Some(kind) = kinds.iter_mut().find(|kind| same(kind)) {
            kind.count += 1;
            return;
        }
        let what = if full { Cow::Borrowed(OTHERS) } else { what };
        kinds.push(Oddity { what, outcome, count: 1, first: entry, unit: self.unit });
    }

    /// All kinds so far: what is left out first, then in the order in which they were met.
    pub fn list(&self) -> Vec<Oddity> {
        let mut kinds = self.lock().clone();
        kinds.sort_by_key(|kind| kind.outcome);
        kinds
    }

    /// True if everything could be read as it stands.
    pub fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    /// Entries that are left out, so far.
    pub fn left_out(&self) -> u64 {
        self.lock().iter().filter(|kind| kind.outcome == OddityOutcome::LeftOut).map(|kind| kind.count).sum()
    }
}

const OTHERS: &str = "it is odd in another way";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_counted_and_the_first_is_named() {
        let oddities = Oddities::of("entry");
        let shared = oddities.clone();
        shared.add(3, EntryOddity::mended("a"));
        shared.add(5, EntryOddity::left_out("b"));
        shared.add(7, EntryOddity::mended("a"));
        shared.add(9, EntryOddity::not_recorded("a"));
        let told: Vec<_> =
            oddities.list().into_iter().map(|kind| (kind.what, kind.outcome, kind.count, kind.first)).collect();
        let expected = [
            ("b", OddityOutcome::LeftOut, 1, 5),
            ("a", OddityOutcome::NotRecorded, 1, 9),
            ("a", OddityOutcome::Mended, 2, 3),
        ];
        assert_eq!(told, expected.map(|(what, outcome, count, first)| (what.into(), outcome, count, first)));
        assert_eq!((oddities.left_out(), oddities.is_empty()), (1, false));
        let lines: Vec<String> = oddities.list().iter().map(ToString::to_string).collect();
        let expected =
            ["entry 5: b; left out", "entry 9: a; taken as not recorded", "2 entries, the first is entry 3: a"];
        assert_eq!(lines, expected);
    }

    #[test]
    fn there_is_an_end_to_kinds() {
        let oddities = Oddities::of("line");
        for number in 0..1_000 {
            oddities.add(number, EntryOddity::left_out(number.to_string()));
        }
        let kinds = oddities.list();
        assert_eq!((kinds.len(), oddities.left_out()), (MOST + 1, 1_000));
        assert_eq!(kinds.last().map(|kind| (kind.what.as_ref(), kind.count)), Some((OTHERS, 1_000 - MOST as u64)));
    }
}
