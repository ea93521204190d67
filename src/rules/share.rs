//! Expressions that stand in several rules are worked out once per exchange.
//!
//! `rules → equal parts found → Node::Shared(keeper, slot, part)`, then per exchange `slot empty → value → slot`
//!
//! Hundreds of rules ask the same things (`order_answer()`, `is(request.body.brokerRole, "AgentBroker")`). A part that
//! depends on nothing but the exchange has the same value in all of them, and for every item of an `each`. A part that
//! depends on the item as well has the same value in all rules with the same `each`, whose items are found once.

use std::cell::OnceCell;
use std::collections::HashMap;

use super::compile::{Constant, Keeper, Node, Root};
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

    /// The value of a slot, if it was worked out before and has one.
    pub fn known(&self, slot: usize) -> Option<&Val<'a>> {
        self.0.get(slot)?.get()?.as_ref().ok()
    }

    /// The value of a slot, worked out if it is empty.
    pub fn value(&self, slot: usize, work_out: impl FnOnce() -> Result<Val<'a>, Stop>) -> Result<Val<'a>, Stop> {
        let Some(cell) = self.0.get(slot) else { return work_out() };
        if let Some(known) = cell.get() {
            return known.clone();
        }
        let value = work_out();
        // Another rule has steps of its own.
        if !matches!(value, Err(Stop::Exhausted(_))) {
            return cell.get_or_init(|| value).clone();
        }
        value
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

/// How an expression is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// Once for an exchange.
    Once,
    /// For each item of the `each` with this place.
    ForItemsOf(usize),
    /// For each item of several `each`.
    ForAnyItem,
}

/// Finds equal parts. First every expression is counted, then every expression is rewritten.
#[derive(Debug, Default)]
pub struct Sharing {
    ids: HashMap<Shape, usize>,
    parts: Vec<Part>,
    slots: usize,
    /// Of each `each`, by its place.
    item_slots: Vec<usize>,
}

#[derive(Debug, Default)]
struct Part {
    uses: usize,
    slot: Option<usize>,
    /// Place of the `each` on whose item it depends.
    each: Option<usize>,
}

/// What makes two nodes equal: their kind and their children.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Shape {
    kind: String,
    children: Vec<usize>,
}

impl Sharing {
    /// Nothing counted yet, of rules with `paths` different `each`.
    pub fn new(paths: usize) -> Self {
        Self { item_slots: vec![0; paths], ..Self::default() }
    }

    /// Counts the parts of an expression; one that is asked for each item counts twice if it doesn't depend on it.
    pub fn count(&mut self, node: &mut Node, asked: Asked) {
        self.visit(node, asked, &mut |sharing, _, id| {
            let part = &mut sharing.parts[id];
            part.uses += if asked == Asked::Once || part.each.is_some() { 1 } else { 2 };
        });
    }

    /// Marks the parts of an expression that stand in several places.
    pub fn rewrite(&mut self, node: &mut Node, asked: Asked) {
        self.visit(node, asked, &mut |sharing, node, id| {
            let part = &mut sharing.parts[id];
            if part.uses < 2 || !is_worth_keeping(node) {
                return;
            }
            let (keeper, slots) = match part.each.and_then(|each| sharing.item_slots.get_mut(each)) {
                Some(slots) => (Keeper::Item, slots),
                None => (Keeper::Exchange, &mut sharing.slots),
            };
            let slot = *part.slot.get_or_insert_with(|| {
                *slots += 1;
                *slots - 1
            });
            let part = std::mem::replace(node, Node::Constant(Constant::Null));
            *node = Node::Shared(keeper, slot, Box::new(part));
        });
    }

    /// Number of slots that the [`Memo`] of an exchange needs, and that of an item of each `each`.
    pub fn slots(self) -> (usize, Vec<usize>) {
        (self.slots, self.item_slots)
    }

    /// Visits every part that depends on the exchange and the item alone, the innermost first; gives the id of the whole
    /// if it does.
    fn visit(
        &mut self,
        node: &mut Node,
        asked: Asked,
        act: &mut impl FnMut(&mut Self, &mut Node, usize),
    ) -> Option<usize> {
        let kind = match (&*node, asked) {
            (Node::Root(Root::Item), Asked::ForItemsOf(each)) => Some(format!("item of {each}")),
            (Node::Local(_) | Node::Root(Root::Item | Root::Seen | Root::Expected), _) => None,
            (node, _) => Some(kind(node)),
        };
        let mut children = Some(Vec::new());
        node.for_each_child(&mut |child| {
            let id = self.visit(child, asked, act);
            if let (Some(known), Some(id)) = (&mut children, id) {
                known.push(id);
            } else {
                children = None;
            }
        });
        let shape = Shape { kind: kind?, children: children? };
        let each = match (&*node, asked) {
            (Node::Root(Root::Item), Asked::ForItemsOf(each)) => Some(each),
            _ => shape.children.iter().find_map(|&child| self.parts[child].each),
        };
        let next = self.parts.len();
        let id = *self.ids.entry(shape).or_insert(next);
        if id == next {
            self.parts.push(Part { each, ..Part::default() });
        }
        act(self, node, id);
        Some(id)
    }
}

/// Constants, roots and what is read at once from a message cost no more than a slot. What is remembered may be a list.
fn is_worth_keeping(node: &Node) -> bool {
    match node {
        Node::Constant(_) | Node::Root(_) | Node::Shared(..) => false,
        Node::Member(operand, _) => {
            !matches!(**operand, Node::Root(Root::Request | Root::Response | Root::Call | Root::Item))
        }
        _ => true,
    }
}

/// The node without its children. Macros and their variables never get here: their bodies hold locals.
fn kind(node: &Node) -> String {
    match node {
        Node::Constant(constant) => format!("{constant:?}"),
        Node::Root(root) => format!("{root:?}"),
        Node::Local(place) => format!("local {place}"),
        Node::Member(_, name) => format!(".{name}"),
        Node::Has(_, name) => format!("has .{name}"),
        Node::Index(..) => "[]".to_owned(),
        Node::And(..) => "&&".to_owned(),
        Node::Or(..) => "||".to_owned(),
        Node::Not(_) => "!".to_owned(),
        Node::Conditional(_) => "?".to_owned(),
        Node::Equal(_, _, wanted) => format!("== {wanted}"),
        Node::Compare(comparison, ..) => format!("{comparison:?}"),
        Node::Arithmetic(operator, ..) => format!("{operator:?}"),
        Node::Negate(_) => "-".to_owned(),
        Node::In(..) => "in".to_owned(),
        Node::List(_) => "list".to_owned(),
        Node::Macro(fold) => format!("{:?}", fold.kind),
        Node::Matches(_, pattern) => format!("~ {pattern}"),
        Node::Call(function, _) => format!("{function:?}()"),
        Node::Shared(keeper, slot, _) => format!("shared {keeper:?} {slot}"),
    }
}
