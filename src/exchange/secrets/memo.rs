//! What names say of their values, kept per thread: messages of one API have the same few hundred names.
//!
//! `name, context ─► its place ─► kept before? ─► Secrecy`

use std::cell::RefCell;

use super::{NameContext, Secrecy};

/// Longest name that is kept, in bytes.
const LONGEST: usize = 40;

/// Names that are kept at a time, two in each place; of these the one that came before goes when another comes.
const PLACES: usize = 512;

/// A name and what it says.
#[derive(Clone, Copy)]
struct NameEntry {
    name: [u8; LONGEST],
    /// 0 for a place that is free.
    length: u8,
    context: NameContext,
    secrecy: Option<Secrecy>,
}

impl NameEntry {
    fn is_of(&self, name: &[u8], context: NameContext) -> bool {
        self.context == context && self.name[..usize::from(self.length)] == *name
    }
}

const FREE: NameEntry = NameEntry { name: [0; LONGEST], length: 0, context: NameContext::Member, secrecy: None };

thread_local! {
    static ENTRIES: RefCell<Box<[[NameEntry; 2]]>> = RefCell::new(vec![[FREE; 2]; PLACES].into());
}

/// What a name says where it stands; `find` works it out if that is not known.
pub(super) fn known_or(name: &[u8], context: NameContext, find: impl FnOnce() -> Option<Secrecy>) -> Option<Secrecy> {
    if name.is_empty() || name.len() > LONGEST {
        return find();
    }
    ENTRIES.with_borrow_mut(|entries| {
        let place = &mut entries[place(name, context)];
        if let Some(known) = place.iter().find(|entry| entry.is_of(name, context)) {
            return known.secrecy;
        }
        let secrecy = find();
        place.swap(0, 1);
        let entry = &mut place[0];
        entry.length = name.len() as u8;
        entry.name[..name.len()].copy_from_slice(name);
        (entry.context, entry.secrecy) = (context, secrecy);
        secrecy
    })
}

/// FNV-1a, cut to the number of places.
fn place(name: &[u8], context: NameContext) -> usize {
    let seed = 0x811c_9dc5_u32 ^ context as u32;
    name.iter().fold(seed, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193)) as usize % PLACES
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_worked_out_once_in_each_context() {
        let unknown = || -> Option<Secrecy> { unreachable!("it is known") };
        assert_eq!(known_or(b"memo-a", NameContext::Member, || Some(Secrecy::Certain)), Some(Secrecy::Certain));
        assert_eq!(known_or(b"memo-a", NameContext::Parameter, || None), None);
        assert_eq!(known_or(b"memo-a", NameContext::Member, unknown), Some(Secrecy::Certain));
        assert_eq!(known_or(b"memo-a", NameContext::Parameter, unknown), None);
    }

    #[test]
    fn names_of_one_place_are_told_apart() {
        for round in 0..2 {
            for number in 0..5 * PLACES {
                let expected = (number % 3 == 0).then_some(Secrecy::IfLikely);
                let name = format!("name{number}");
                let found = known_or(name.as_bytes(), NameContext::Member, || expected);
                assert_eq!(found, expected, "{name} in round {round}");
            }
        }
        assert_eq!(known_or(&[b'x'; LONGEST + 1], NameContext::Member, || None), None);
        assert_eq!(known_or(b"", NameContext::Member, || None), None);
    }
}
