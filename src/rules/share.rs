//! Expressions that stand in several rules are worked out once per exchange.
//!
//! `rules → equal parts found → Node::Shared(slot, part)`, then per exchange `slot empty → value → slot`
//!
//! Hundreds of rules ask the same things (`order_answer()`, `is(request.body.brokerRole, "AgentBroker")`). A part that
//! depends on nothing but the exchange has the same value in all of them, and for every item of an `each`.

use std::cell::OnceCell;
use std::collections::HashMap;

use super::compile::{Constant, Node, Root};
use super::value::{Stop, Val};

/// The values of shared parts for one exchange.
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

/// Finds equal parts. First every expression is counted, then every expression is rewritten.
#[derive(Debug, Default)]
pub struct Sharing {
    ids: HashMap<Shape, usize>,
    parts: Vec<Part>,
    slots: usize,
}

#[derive(Debug, Default)]
struct Part {
    uses: usize,
    slot: Option<usize>,
}

/// What makes two nodes equal: their kind and their children.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Shape {
    kind: String,
    children: Vec<usize>,
}

impl Sharing {
    /// Counts the parts of an expression; one that is asked for each item counts twice.
    pub fn count(&mut self, node: &mut Node, for_each_item: bool) {
        self.visit(node, &mut |sharing, _, id| sharing.parts[id].uses += if for_each_item { 2 } else { 1 });
    }

    /// Marks the parts of an expression that stand in several places.
    pub fn rewrite(&mut self, node: &mut Node) {
        self.visit(node, &mut |sharing, node, id| {
            if sharing.parts[id].uses < 2 || !is_worth_keeping(node) {
                return;
            }
            let slot = *sharing.parts[id].slot.get_or_insert_with(|| {
                sharing.slots += 1;
                sharing.slots - 1
            });
            let part = std::mem::replace(node, Node::Constant(Constant::Null));
            *node = Node::Shared(slot, Box::new(part));
        });
    }

    /// Number of slots that a [`Memo`] needs.
    pub fn slots(&self) -> usize {
        self.slots
    }

    /// Visits every part that depends on the exchange alone, the innermost first; gives the id of the whole if it does.
    fn visit(&mut self, node: &mut Node, act: &mut impl FnMut(&mut Self, &mut Node, usize)) -> Option<usize> {
        let of_the_item = matches!(node, Node::Local(_) | Node::Root(Root::Item | Root::Seen | Root::Expected));
        let kind = (!of_the_item).then(|| kind(node));
        let mut children = Some(Vec::new());
        node.for_each_child(&mut |child| {
            let id = self.visit(child, act);
            if let (Some(known), Some(id)) = (&mut children, id) {
                known.push(id);
            } else {
                children = None;
            }
        });
        let shape = Shape { kind: kind?, children: children? };
        let next = self.parts.len();
        let id = *self.ids.entry(shape).or_insert(next);
        if id == next {
            self.parts.push(Part::default());
        }
        act(self, node, id);
        Some(id)
    }
}

/// Constants, roots and what is read at once from a message cost no more than a slot. What is remembered may be a list.
fn is_worth_keeping(node: &Node) -> bool {
    match node {
        Node::Constant(_) | Node::Root(_) | Node::Shared(..) => false,
        Node::Member(operand, _) => !matches!(**operand, Node::Root(Root::Request | Root::Response | Root::Call)),
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
        Node::Shared(slot, _) => format!("shared {slot}"),
    }
}
