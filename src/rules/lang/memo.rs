//! Parts of expressions that are asked for more than once are worked out once per exchange.
//!
//! ```text
//! Node::Shared(keeper, slot, part)   slot empty ─► value ─► slot
//! Node::Found(start, slot, part)     the same for a chain of members, whose slot is but the place of a node
//! ```
//!
//! A part that depends on nothing but the exchange has the same value in all rules, and for every item of an `each`. A part
//! that depends on the item as well has the same value in all rules with the same `each`, whose items are found once.

use std::cell::Cell;

use crate::json::Value;
use crate::openbooking::{Content, Reading};
use crate::rules::lang::arena::Arena;
use crate::rules::lang::path::Message;
use crate::rules::lang::program::Slots;
use crate::rules::lang::value::Val;

/// No node of a message: what is named is something else, or a body that only [`body`](crate::rules::lang::messages::body) can say of why it
/// can't be read.
#[derive(Debug, Clone, Copy)]
pub struct NotAPath;

/// A node of a message; `None` where it isn't there.
pub type Place<'a> = Result<Option<Value<'a>>, NotAPath>;

/// The root of the body of a message.
pub fn root_of(reading: &Reading, message: Message) -> Place<'_> {
    let content = match message {
        Message::Request => &reading.request,
        Message::Response if reading.exchange.response.is_none() => return Err(NotAPath),
        Message::Response => &reading.response,
    };
    match content {
        Content::Json(document) => Ok(Some(document.root())),
        Content::Empty => Ok(None),
        Content::NotJson(_) | Content::Opaque | Content::Unreadable(_) => Err(NotAPath),
    }
}

/// The nodes that chains of members lead to from one start.
#[derive(Debug, Clone, Copy)]
struct Found<'a> {
    start: Place<'a>,
    /// [`UNKNOWN`], [`NOWHERE`], or [`NODES`] and the place of the node in its document.
    slots: &'a [Cell<u32>],
}

const UNKNOWN: u32 = 0;
const NOWHERE: u32 = 1;
const NODES: u32 = 2;

impl<'a> Found<'a> {
    fn new(start: Place<'a>, slots: usize, arena: &'a Arena) -> Self {
        Self { start, slots: arena.cells(slots) }
    }

    /// The node of a slot; what `find` finds, if nobody asked before.
    fn at(&self, slot: u16, find: impl FnOnce() -> Place<'a>) -> Place<'a> {
        let Some(start) = self.start? else { return Ok(None) };
        let Some(kept) = self.slots.get(usize::from(slot)) else { return find() };
        match kept.get() {
            UNKNOWN => {
                let found = find()?;
                kept.set(found.map_or(NOWHERE, |value| value.place().saturating_add(NODES)));
                Ok(found)
            }
            NOWHERE => Ok(None),
            place => Ok(start.document().value_at(place - NODES)),
        }
    }
}

/// The values of shared parts for one exchange, or for one item of it.
#[derive(Debug)]
pub struct Memo<'a> {
    values: &'a [Cell<Option<Val<'a>>>],
    /// From the bodies of request and response, or from the item.
    found: [Found<'a>; 2],
}

impl<'a> Memo<'a> {
    /// Nothing known of an exchange.
    pub fn of_exchange(reading: &'a Reading, slots: Slots, arena: &'a Arena) -> Self {
        Self::new([Message::Request, Message::Response].map(|message| root_of(reading, message)), slots, arena)
    }

    pub fn of_item(item: Value<'a>, slots: Slots, arena: &'a Arena) -> Self {
        Self::new([Ok(Some(item)), Err(NotAPath)], slots, arena)
    }

    fn new(starts: [Place<'a>; 2], slots: Slots, arena: &'a Arena) -> Self {
        let [first, second] = starts;
        let found = [Found::new(first, slots.nodes[0], arena), Found::new(second, slots.nodes[1], arena)];
        Self { values: arena.cells(slots.values), found }
    }

    /// The value of a slot, if it was worked out before.
    pub fn known(&self, slot: u16) -> Option<Val<'a>> {
        self.values.get(usize::from(slot))?.get()
    }

    /// Keeps a value. That there is none is not kept: another rule may have steps left where one had none.
    pub fn keep(&self, slot: u16, value: Val<'a>) {
        if let Some(cell) = self.values.get(usize::from(slot)) {
            cell.set(Some(value));
        }
    }

    /// The node of a slot, seen from the request's body (of an item's memo: from the item) or from the response's; what
    /// `find` finds, if nobody asked before.
    pub fn found(&self, in_response: bool, slot: u16, find: impl FnOnce() -> Place<'a>) -> Place<'a> {
        self.found[usize::from(in_response)].at(slot, find)
    }
}
