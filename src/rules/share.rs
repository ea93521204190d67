//! Parts of expressions that are asked for more than once are worked out once per exchange.
//!
//! `Node::Shared(keeper, slot, part)`: `slot empty → value → slot`
//!
//! A part that depends on nothing but the exchange has the same value in all rules, and for every item of an `each`. A part
//! that depends on the item as well has the same value in all rules with the same `each`, whose items are found once.

use std::cell::OnceCell;

use super::path::Each;
use super::value::{Stop, Val};
use crate::json::Value;
use crate::openbooking::Reading;

/// The values of shared parts for one exchange, or for one item of it.
#[derive(Debug)]
pub struct Memo<'a>(Vec<OnceCell<Result<Val<'a>, Stop>>>);

impl<'a> Memo<'a> {
    /// Empty slots for the shared parts of a book.
    pub fn new(slots: usize) -> Self {
        Self(std::iter::repeat_with(OnceCell::new).take(slots).collect())
    }

    /// The value of a slot, if it was worked out before.
    pub fn known(&self, slot: u16) -> Option<&Result<Val<'a>, Stop>> {
        self.0.get(usize::from(slot))?.get()
    }

    /// Keeps a value, unless it is but that a rule had no steps left: another rule has steps of its own.
    pub fn keep(&self, slot: u16, value: &Result<Val<'a>, Stop>) {
        let Some(cell) = self.0.get(usize::from(slot)) else { return };
        if !matches!(value, Err(stop) if stop.is_exhaustion()) {
            cell.get_or_init(|| value.clone());
        }
    }
}

/// Most items of one `each` that keep the values of shared parts; those behind work them out each time.
const MAX_KEEPING: usize = 256;

/// A node that an `each` names.
#[derive(Debug)]
pub struct Item<'a> {
    pub value: Value<'a>,
    pub memo: Option<Memo<'a>>,
}

/// The items of every `each`, found when a rule first asks.
#[derive(Debug)]
pub struct Items<'a>(Vec<OnceCell<Result<Vec<Item<'a>>, Stop>>>);

impl<'a> Items<'a> {
    /// Nothing found yet of `paths` different paths.
    pub fn new(paths: usize) -> Self {
        Self(std::iter::repeat_with(OnceCell::new).take(paths).collect())
    }

    /// The items of one path, each with room for `slots` shared parts.
    pub fn of(&self, each: &Each, slots: usize, reading: &'a Reading) -> Result<&[Item<'a>], Stop> {
        let find = || {
            let with_room = |(at, value)| Item { value, memo: (at < MAX_KEEPING).then(|| Memo::new(slots)) };
            Ok(each.path.matches(reading)?.into_iter().enumerate().map(with_room).collect())
        };
        match self.0.get(each.place) {
            Some(found) => found.get_or_init(find).as_deref().map_err(Clone::clone),
            None => Ok(&[]),
        }
    }
}
