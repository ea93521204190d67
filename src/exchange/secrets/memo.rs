//! What names say of their values, kept per thread: messages of one API have the same few hundred names.
//!
//! `name ─► its place ─► kept before? ─► NameMeaning`

use std::cell::RefCell;

use super::NameMeaning;

/// Longest name that is kept, in bytes.
const LONGEST: usize = 40;

/// Bits of the number of a place.
const PLACE_BITS: u32 = 9;

/// Names that are kept at a time, two in each place; of these the one that came before goes when another comes.
const PLACES: usize = 1 << PLACE_BITS;

/// A name and what it says.
#[derive(Clone, Copy)]
struct NameEntry {
    name: [u8; LONGEST],
    /// 0 for a place that is free.
    length: u8,
    meaning: NameMeaning,
}

impl NameEntry {
    fn is_of(&self, name: &[u8]) -> bool {
        usize::from(self.length) == name.len() && self.name[..name.len()] == *name
    }
}

const FREE: NameEntry = NameEntry { name: [0; LONGEST], length: 0, meaning: NameMeaning::NOTHING };

thread_local! {
    static ENTRIES: RefCell<Box<[[NameEntry; 2]]>> = RefCell::new(vec![[FREE; 2]; PLACES].into());
}

/// What a name says; `find` works it out if that is not known.
pub(super) fn known_or(name: &[u8], find: impl FnOnce() -> NameMeaning) -> NameMeaning {
    if name.is_empty() || name.len() > LONGEST {
        return find();
    }
    ENTRIES.with_borrow_mut(|entries| {
        let place = &mut entries[place(name)];
        if let Some(known) = place.iter().find(|entry| entry.is_of(name)) {
            return known.meaning;
        }
        let meaning = find();
        place.swap(0, 1);
        let entry = &mut place[0];
        entry.length = name.len() as u8;
        entry.name[..name.len()].copy_from_slice(name);
        entry.meaning = meaning;
        meaning
    })
}

/// By the first eight bytes, the last eight and the length, or by all bytes of a short name.
fn place(name: &[u8]) -> usize {
    let ends = match (name.first_chunk::<8>(), name.last_chunk::<8>()) {
        (Some(first), Some(last)) => u64::from_le_bytes(*first) ^ u64::from_le_bytes(*last).rotate_left(29),
        _ => name.iter().fold(0, |ends, &byte| ends << 8 | u64::from(byte)),
    };
    let mixed = (ends ^ name.len() as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    (mixed >> (u64::BITS - PLACE_BITS)) as usize
}

#[cfg(test)]
mod tests {
    use super::super::Secrecy;
    use super::*;

    fn member(secrecy: Option<Secrecy>) -> NameMeaning {
        NameMeaning { member: secrecy, ..NameMeaning::NOTHING }
    }

    #[test]
    fn a_name_is_worked_out_once() {
        let unknown = || -> NameMeaning { unreachable!("it is known") };
        assert_eq!(known_or(b"memo-a", || member(Some(Secrecy::Certain))), member(Some(Secrecy::Certain)));
        assert_eq!(known_or(b"memo-b", || member(None)), member(None));
        assert_eq!(known_or(b"memo-a", unknown), member(Some(Secrecy::Certain)));
        assert_eq!(known_or(b"memo-b", unknown), member(None));
    }

    #[test]
    fn names_of_one_place_are_told_apart() {
        for round in 0..2 {
            for number in 0..5 * PLACES {
                let expected = member((number % 3 == 0).then_some(Secrecy::IfLikely));
                // Alike at both ends, so that several come to each place.
                let name = format!("a name {number:06} of several");
                assert_eq!(known_or(name.as_bytes(), || expected), expected, "{name} in round {round}");
            }
        }
        assert_eq!(known_or(&[b'x'; LONGEST + 1], || member(None)), member(None));
        assert_eq!(known_or(b"", || member(None)), member(None));
    }
}
