//! Parts of expressions that are asked for more than once are worked out once per exchange.
//!
//! ```text
//! Shared(scope, slot, part)   slot empty ─► evaluated ─► slot
//! PathNode { slot, … }        the same for a path, whose slot is but the place of a node in its document
//! ```
//!
//! A part that depends on nothing but the exchange has the same value in all rules, and for every item of an `each`. A part
//! that depends on the item as well has the same value in all rules with the same `each`, whose items are found once.

use std::cell::Cell;

use crate::rules::lang::arena::Arena;
use crate::rules::lang::node::SlotCounts;
use crate::rules::lang::value::Val;

/// What is known of shared parts, for one exchange or for one item of it.
#[derive(Debug)]
pub(crate) struct Memo<'a> {
    bools: &'a [Cell<Option<bool>>],
    values: &'a [Cell<Option<Val<'a>>>],
    /// 0 where nothing is known, 1 where the path leads nowhere, else 2 and the place of the node in its document.
    paths: &'a [Cell<u32>],
}

/// Where a path is known to lead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KnownNode {
    Nowhere,
    /// The place of the node in its document.
    At(u32),
}

impl<'a> Memo<'a> {
    /// Nothing known yet.
    pub(crate) fn new(slots: SlotCounts, arena: &'a Arena) -> Self {
        Self { bools: arena.cells(slots.bools), values: arena.cells(slots.values), paths: arena.cells(slots.paths) }
    }

    /// What is in the slot of a part that is true or false.
    pub(crate) fn bool(&self, slot: u16) -> Option<bool> {
        self.bools.get(usize::from(slot))?.get()
    }

    /// Keeps true or false. That a part is neither is not kept: another rule may have steps left where one had none.
    pub(crate) fn keep_bool(&self, slot: u16, value: bool) {
        if let Some(cell) = self.bools.get(usize::from(slot)) {
            cell.set(Some(value));
        }
    }

    /// What is in the slot of a value.
    pub(crate) fn value(&self, slot: u16) -> Option<Val<'a>> {
        self.values.get(usize::from(slot))?.get()
    }

    /// Keeps a value.
    pub(crate) fn keep_value(&self, slot: u16, value: Val<'a>) {
        if let Some(cell) = self.values.get(usize::from(slot)) {
            cell.set(Some(value));
        }
    }

    /// What is in the slot of a path.
    pub(crate) fn node(&self, slot: u16) -> Option<KnownNode> {
        match self.paths.get(usize::from(slot))?.get() {
            0 => None,
            1 => Some(KnownNode::Nowhere),
            place => Some(KnownNode::At(place - 2)),
        }
    }

    /// Keeps the place of the node that a path leads to; `None` if it leads nowhere.
    pub(crate) fn keep_node(&self, slot: u16, place: Option<u32>) {
        if let Some(cell) = self.paths.get(usize::from(slot)) {
            cell.set(place.map_or(1, |place| place.saturating_add(2)));
        }
    }
}
