//! Which parts of a book's expressions are asked for more than once, and so are kept once they are worked out.
//!
//! ```text
//! every expression, with its occasions ─► uses of each part, from the top down ─► a slot for those that are asked for
//!                                                                                  again on one occasion
//! ```

use std::collections::{BTreeMap, HashMap};

use crate::rules::lang::node::{BoolId, BoolNode, MemoScope, NodeId, PathId, PathRoot, SlotCounts, ValueId, ValueNode};
use crate::rules::lang::pool::FreeVariables;
use crate::rules::lang::program::Program;

/// The kinds of exchange on which a rule is asked. What is asked for by two rules that are never asked of the same exchange is
/// asked for once.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct StageMask(u64);

impl StageMask {
    /// One kind of exchange, by its place among them. Those past the 64th are taken for one.
    pub(crate) fn of_kind(place: usize) -> Self {
        Self(1 << place.min(63))
    }
}

impl std::ops::BitOrAssign for StageMask {
    fn bitor_assign(&mut self, Self(other): Self) {
        self.0 |= other;
    }
}

impl FromIterator<Self> for StageMask {
    fn from_iter<I: IntoIterator<Item = Self>>(masks: I) -> Self {
        masks.into_iter().fold(Self::default(), |Self(all), Self(mask)| Self(all | mask))
    }
}

/// Counts the uses of each part of a book's expressions, and gives a slot to those that are asked for again.
pub(crate) struct CommonSubexpressions<'c> {
    program: &'c mut Program,
    uses: HashMap<NodeId, UseCounts>,
    /// Conditions of rules, which have a slot whatever they cost.
    conditions: Vec<BoolId>,
}

impl<'c> CommonSubexpressions<'c> {
    /// Of the expressions of a book with so many different `each`. Done once, when all of them are there.
    pub(crate) fn new(program: &'c mut Program, paths: usize) -> Self {
        program.item_slots = vec![SlotCounts::default(); paths];
        Self { uses: HashMap::new(), program, conditions: Vec::new() }
    }

    /// The expressions.
    pub(crate) fn program(&self) -> &Program {
        self.program
    }

    /// An expression of a rule: asked once for an exchange, or for each item of the `each` with these places.
    pub(crate) fn ask(&mut self, at: NodeId, eaches: &[usize], on: StageMask) {
        let depends = self.program.depends(at);
        self.uses.entry(at).or_default().ask(eaches, depends, on);
    }

    /// A condition that rules share, which is kept whatever it costs.
    pub(crate) fn keep(&mut self, condition: BoolId, on: StageMask) {
        self.ask(NodeId::Bool(condition), &[], on);
        self.conditions.push(condition);
    }

    /// Gives the parts that are asked for more than once a slot.
    pub(crate) fn mark(self) {
        let Self { program, mut uses, conditions } = self;
        let order = std::mem::take(&mut program.order);
        // Who names a part stands behind it.
        for &at in order.iter().rev() {
            let Some(above) = uses.remove(&at) else { continue };
            for child in program.children(at) {
                let (its, own) = (program.depends(at), program.depends(child));
                uses.entry(child).or_default().take(&above, its, own);
            }
            uses.insert(at, above);
        }
        for at in order {
            let Some(uses) = uses.get(&at).filter(|_| program.depends(at).can_be_kept()) else { continue };
            match at {
                NodeId::Bool(condition) if conditions.contains(&condition) => program.keep_bool(condition, uses),
                _ if !uses.are_several() => {}
                NodeId::Path(path) => program.keep_path(path, uses),
                NodeId::Bool(part) if program.is_bool_worth_keeping(part) => program.keep_bool(part, uses),
                NodeId::Value(part) if program.is_value_worth_keeping(part) => program.keep_value(part, uses),
                NodeId::Bool(_) | NodeId::Value(_) => {}
            }
        }
        program.link_paths();
    }
}

impl Program {
    fn keep_bool(&mut self, BoolId(at): BoolId, uses: &UseCounts) {
        if let Some((scope, slot)) = self.slot(self.bools.depends(at), uses, |slots| &mut slots.bools) {
            self.bools.put_before(at, |behind| BoolNode::Shared(scope, slot, BoolId(behind)));
        }
    }

    fn keep_value(&mut self, ValueId(at): ValueId, uses: &UseCounts) {
        if let Some((scope, slot)) = self.slot(self.values.depends(at), uses, |slots| &mut slots.values) {
            self.values.put_before(at, |behind| ValueNode::Shared(scope, slot, ValueId(behind)));
        }
    }

    /// Paths of one name and more have a slot; a start is found at once.
    fn keep_path(&mut self, path: PathId, uses: &UseCounts) {
        let (PathId(at), start) = (path, self.path(path).start);
        if self.parent(path).is_some() && start.scope().is_some() {
            let slot = self.slot(self.paths.depends(at), uses, |slots| &mut slots.paths);
            self.paths[at].slot = slot.map(|(_, slot)| slot);
        }
    }

    /// A free slot of the memo of what a part depends on; `None` where there are too many.
    fn slot(
        &mut self,
        depends: FreeVariables,
        uses: &UseCounts,
        of: impl Fn(&mut SlotCounts) -> &mut usize,
    ) -> Option<(MemoScope, u16)> {
        if !depends.has_item() {
            let slots = of(&mut self.slots);
            *slots += 1;
            return Some((MemoScope::Exchange, u16::try_from(*slots - 1).ok()?));
        }
        // One that is free for the items of all `each` that ask.
        let mut slot = 0;
        for &each in uses.of_items.keys() {
            slot = slot.max(*of(&mut self.item_slots[each]));
        }
        for &each in uses.of_items.keys() {
            *of(&mut self.item_slots[each]) = slot + 1;
        }
        Some((MemoScope::Item, u16::try_from(slot).ok()?))
    }

    /// False for what costs no more than a slot: constants, and a look at a path or a literal.
    fn is_bool_worth_keeping(&self, at: BoolId) -> bool {
        match *self.bool(at) {
            BoolNode::Constant(_)
            | BoolNode::PathIsText(..)
            | BoolNode::PathIsNothing(_)
            | BoolNode::Exists(_)
            | BoolNode::Shared(..) => false,
            BoolNode::Not(part) => self.is_bool_worth_keeping(part),
            BoolNode::Value(value) | BoolNode::IsText(value, _) | BoolNode::IsNothing(value) => !self.is_at_hand(value),
            BoolNode::Equal(left, right) => !(self.is_at_hand(left) && self.is_at_hand(right)),
            BoolNode::Call(function, arguments) => {
                !(self.function(function).is_cheap
                    && self.values_of(arguments).all(|argument| self.is_at_hand(argument)))
            }
            _ => true,
        }
    }

    /// False for what costs no more than a slot: literals, roots, paths, and what is known of an exchange at once.
    fn is_value_worth_keeping(&self, at: ValueId) -> bool {
        match *self.value(at) {
            ValueNode::Select(operand, _) => {
                !matches!(self.value(operand), ValueNode::Root(PathRoot::Request | PathRoot::Response | PathRoot::Call))
            }
            ValueNode::Bool(_) | ValueNode::Path(_) | ValueNode::Shared(..) => false,
            ValueNode::List(elements) => self.values_of(elements).len() > 0,
            _ => !self.is_at_hand(at),
        }
    }

    fn is_at_hand(&self, at: ValueId) -> bool {
        matches!(
            self.value(at),
            ValueNode::Null
                | ValueNode::Strict
                | ValueNode::Text(_)
                | ValueNode::Number(_)
                | ValueNode::Root(_)
                | ValueNode::Local(_)
                | ValueNode::Path(_)
        )
    }
}

/// On which occasions something is asked for, and on which again.
#[derive(Debug, Clone, Copy, Default)]
struct AskedKinds {
    on: u64,
    again: u64,
}

impl AskedKinds {
    fn add(&mut self, on: u64, again: bool) {
        self.again |= if again { on } else { self.on & on };
        self.on |= on;
    }
}

/// How often a part is asked for, on one exchange.
#[derive(Debug, Clone, Default)]
struct UseCounts {
    of_exchange: AskedKinds,
    /// The same of a part that depends on the item, for each `each` that asks for it.
    of_items: BTreeMap<usize, AskedKinds>,
}

impl UseCounts {
    fn ask(&mut self, eaches: &[usize], own: FreeVariables, StageMask(on): StageMask) {
        if own.has_item() {
            for &each in eaches {
                self.of_items.entry(each).or_default().add(on, false);
            }
        } else {
            // For each item anew: as good as twice.
            self.of_exchange.add(on, !eaches.is_empty());
        }
    }

    /// A part that has this one above it.
    fn take(&mut self, above: &Self, its: FreeVariables, own: FreeVariables) {
        // What a macro asks for each of its elements, and depends on none, is asked again and again.
        let again = its.has_locals() && !own.has_locals() || its.has_item() && !own.has_item();
        if own.has_item() {
            for (&each, asked) in &above.of_items {
                self.of_items.entry(each).or_default().add(asked.on, again);
            }
        } else {
            let on = above.of_items.values().fold(above.of_exchange.on, |on, asked| on | asked.on);
            self.of_exchange.add(on, again);
        }
    }

    fn are_several(&self) -> bool {
        self.of_exchange.again != 0 || self.of_items.values().any(|asked| asked.again != 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::builtins::builtins;
    use crate::rules::lang::compile::compile;
    use crate::rules::lang::named_expressions::NamedExpressions;
    use crate::rules::lang::node::{MessageSide, PathStart};

    /// The program once two expressions were asked, and a part of it.
    fn marked(part: &str, [first, second]: [(&str, &[usize], u64); 2]) -> (Program, ValueNode) {
        let mut program = builtins().program();
        let part = compile(part, 0, &NamedExpressions::default(), &mut program).unwrap();
        let asked = [first, second].map(|(text, eaches, on)| {
            (compile(text, 0, &NamedExpressions::default(), &mut program).unwrap(), eaches, on)
        });
        let mut sharing = CommonSubexpressions::new(&mut program, 2);
        for (at, eaches, on) in asked {
            sharing.ask(NodeId::Value(at), eaches, StageMask(on));
        }
        sharing.mark();
        let part = *program.value(part);
        (program, part)
    }

    #[test]
    fn what_is_asked_again_of_one_exchange_is_kept() {
        let (part, one, two) = ("size(request.body.a)", "size(request.body.a) > 1", "size(request.body.a) > 2");
        let is_kept = |on: [u64; 2]| {
            let (_, part) = marked(part, [(one, &[], on[0]), (two, &[], on[1])]);
            matches!(part, ValueNode::Shared(MemoScope::Exchange, 0, _))
        };
        assert!(is_kept([0b01, 0b01]));
        assert!(is_kept([0b11, 0b10]));
        assert!(!is_kept([0b01, 0b10]), "no exchange is asked both");
    }

    #[test]
    fn paths_are_followed_once() {
        let slot = |part: &str, asked: [(&str, &[usize], u64); 2]| match marked(part, asked) {
            (program, ValueNode::Path(path)) => (program.path(path).start, program.path(path).slot),
            (_, other) => panic!("{other:?}"),
        };
        let body = [("request.body.a.b", &[][..], 1), ("request.body.a.c", &[][..], 1)];
        assert_eq!(slot("request.body.a", body), (PathStart::Body(MessageSide::Request), Some(0)));
        assert_eq!(slot("request.body.a.b", body).1, None);
        let of_item =
            |eaches: [&'static [usize]; 2]| slot("item.a", [("item.a.b", eaches[0], 1), ("item.a.c", eaches[1], 1)]);
        assert_eq!(of_item([&[0], &[0]]), (PathStart::Item, Some(0)));
        assert_eq!(of_item([&[0], &[1]]).1, None, "no item is asked both");
    }

    #[test]
    fn what_a_macro_asks_of_every_element_is_kept() {
        let once = ("request.body.list.all(x, x == size(request.body.a))", &[][..], 1);
        let other = ("true", &[][..], 1);
        assert!(matches!(marked("size(request.body.a)", [once, other]).1, ValueNode::Shared(..)));
    }
}
