//! Which parts of a book's expressions are asked for more than once, and so are kept once they are worked out.
//!
//! ```text
//! every expression, with its occasions ─► uses of each node, from the top down ─► Shared or Found before those that are
//!                                                                                  asked for again on one occasion
//! ```

use std::collections::BTreeMap;

use crate::rules::lang::path::Message;
use crate::rules::lang::program::{MemoScope, Node, NodeId, Program, Root, Slots, Start};

/// The last variable of a macro that has a bit of its own.
const FURTHEST: u32 = 63;

/// What the value of a node depends on, beside the exchange.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FreeVariables {
    item: bool,
    /// The words of a finding, `seen` and `expected`.
    words: bool,
    /// Other exchanges than the judged one.
    earlier: bool,
    /// Variables of macros around it, a bit for each, the innermost one first; the last bit stands for all further ones too.
    locals: u64,
}

impl FreeVariables {
    /// What a node depends on, those right below it depending on `below`.
    pub fn of(node: Node, below: impl Iterator<Item = Self>) -> Self {
        match node {
            Node::Root(Root::Item) => Self { item: true, ..Self::default() },
            Node::Root(Root::Seen | Root::Expected) => Self { words: true, ..Self::default() },
            Node::Root(Root::Call | Root::Flow | Root::Feed | Root::Recording) => {
                Self { earlier: true, ..Self::default() }
            }
            Node::Call(function, _) if function.looks_at_earlier() => {
                below.fold(Self { earlier: true, ..Self::default() }, Self::and)
            }
            Node::Local(steps) => Self { locals: 1 << steps.min(FURTHEST), ..Self::default() },
            _ => below.fold(Self::default(), Self::and),
        }
    }

    pub fn and(self, other: Self) -> Self {
        Self {
            item: self.item || other.item,
            words: self.words || other.words,
            earlier: self.earlier || other.earlier,
            locals: self.locals | other.locals,
        }
    }

    /// True if the value may rest on other exchanges than the judged one.
    pub fn may_rest_on_earlier(self) -> bool {
        self.earlier || self.locals != 0
    }

    /// What a macro depends on whose body depends on this: its own variable is no longer one of those around.
    pub fn bound(self) -> Self {
        // Beyond the last bit no variable can be told from another.
        Self { locals: self.locals >> 1 | self.locals & 1 << FURTHEST, ..self }
    }
}

/// The kinds of exchange on which a rule is asked, a bit for each. What is asked for by two rules that are never asked of the same
/// exchange is asked for once.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StageMask(pub u32);

/// See the module.
pub struct Sharing<'c> {
    program: &'c mut Program,
    uses: Vec<Uses>,
}

impl<'c> Sharing<'c> {
    /// Of the expressions of a book with so many different `each`. Done once, when all of them are there.
    pub fn new(program: &'c mut Program, paths: usize) -> Self {
        program.item_slots = vec![Slots::default(); paths];
        Self { uses: vec![Uses::default(); program.nodes.len()], program }
    }

    /// The expressions.
    pub fn program(&self) -> &Program {
        self.program
    }

    /// An expression of a rule: asked once for an exchange, or for each item of the `each` with these places.
    pub fn ask(&mut self, at: NodeId, eaches: &[usize], on: StageMask) {
        let place = at.0 as usize;
        self.uses[place].ask(eaches, self.program.depends[place], on);
    }

    /// Marks the parts that are asked for more than once.
    pub fn mark(self) {
        let Self { program, mut uses } = self;
        // Who names a node stands behind it.
        for place in (0..uses.len()).rev() {
            let above = std::mem::take(&mut uses[place]);
            for child in program.children(program.nodes[place]) {
                let (its, own) = (program.depends[place], program.depends[child.0 as usize]);
                uses[child.0 as usize].take(&above, its, own);
            }
            uses[place] = above;
        }
        for (place, uses) in uses.iter().enumerate() {
            let depends = program.depends[place];
            if depends.words || depends.locals != 0 || !uses.are_several() {
                continue;
            }
            match program.nodes[place] {
                Node::Member(operand, _) if program.start_of(operand).is_some() => {
                    if let Some(start) = program.start_of(operand) {
                        program.find_once(place, start, uses);
                    }
                }
                node if program.is_worth_keeping(node) => program.keep(place, uses),
                _ => {}
            }
        }
    }
}

impl Program {
    /// What a chain of members starts at.
    fn start_of(&self, at: NodeId) -> Option<Start> {
        match *self.node(at) {
            Node::Body(message) => Some(Start::Body(message)),
            Node::Root(Root::Item) => Some(Start::Item),
            Node::Found(start, ..) => Some(start),
            Node::Member(operand, _) => self.start_of(operand),
            _ => None,
        }
    }

    /// Puts a slot of the memo before a node.
    fn keep(&mut self, place: usize, uses: &Uses) {
        if self.depends[place].item {
            let slot = self.item_slot(uses, |slots| &mut slots.values);
            self.stand_before(place, slot, |slot, behind| Node::Shared(MemoScope::Item, slot, behind));
        } else {
            let slot = self.slots.values;
            self.slots.values += 1;
            self.stand_before(place, slot, |slot, behind| Node::Shared(MemoScope::Exchange, slot, behind));
        }
    }

    /// Puts a slot of the nodes that are found from a start before one of them.
    fn find_once(&mut self, place: usize, start: Start, uses: &Uses) {
        let slot = match start {
            Start::Item => self.item_slot(uses, |slots| &mut slots.nodes[0]),
            Start::Body(message) => {
                let slots = &mut self.slots.nodes[usize::from(message == Message::Response)];
                *slots += 1;
                *slots - 1
            }
        };
        self.stand_before(place, slot, |slot, behind| Node::Found(start, slot, behind));
    }

    /// A slot that is free for the items of all `each` that ask.
    fn item_slot(&mut self, uses: &Uses, of: impl Fn(&mut Slots) -> &mut usize) -> usize {
        let mut slot = 0;
        for &each in uses.of_items.keys() {
            slot = slot.max(*of(&mut self.item_slots[each]));
        }
        for &each in uses.of_items.keys() {
            *of(&mut self.item_slots[each]) = slot + 1;
        }
        slot
    }

    fn stand_before(&mut self, place: usize, slot: usize, node: impl Fn(u16, NodeId) -> Node) {
        if let (Ok(slot), Ok(behind)) = (u16::try_from(slot), u32::try_from(self.nodes.len())) {
            self.nodes.push(self.nodes[place]);
            self.depends.push(self.depends[place]);
            self.nodes[place] = node(slot, NodeId(behind));
        }
    }

    /// Literals, roots, what is known of an exchange at once, and a look at a node or two cost no more than a slot.
    fn is_worth_keeping(&self, node: Node) -> bool {
        match node {
            Node::Call(function, arguments) => match self.list(arguments) {
                [only] => !(function.is_quick() && self.is_at_hand(*only)),
                _ => true,
            },
            Node::Filtered(..) | Node::Shared(..) | Node::Found(..) => false,
            Node::Not(operand) => self.is_worth_keeping(*self.node(operand)),
            Node::Has(operand, _) => !self.is_at_hand(operand),
            Node::Equal(left, right) | Node::Unequal(left, right) => !(self.is_at_hand(left) && self.is_at_hand(right)),
            Node::Member(operand, _) | Node::Select(operand, _) => {
                !matches!(self.node(operand), Node::Root(Root::Request | Root::Response | Root::Call))
            }
            node => !self.children(node).is_empty(),
        }
    }

    fn is_at_hand(&self, at: NodeId) -> bool {
        self.start_of(at).is_some() || self.children(*self.node(at)).is_empty()
    }
}

/// On which occasions something is asked for, and on which again.
#[derive(Debug, Clone, Copy, Default)]
struct Asked {
    on: u32,
    again: u32,
}

impl Asked {
    fn add(&mut self, on: u32, again: bool) {
        self.again |= if again { on } else { self.on & on };
        self.on |= on;
    }
}

/// How often a part is asked for, on one exchange.
#[derive(Debug, Clone, Default)]
struct Uses {
    of_exchange: Asked,
    /// The same of a part that depends on the item, for each `each` that asks for it.
    of_items: BTreeMap<usize, Asked>,
}

impl Uses {
    fn ask(&mut self, eaches: &[usize], own: FreeVariables, StageMask(on): StageMask) {
        if own.item {
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
        let again = its.locals != 0 && own.locals == 0 || its.item && !own.item;
        if own.item {
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
    use crate::rules::lang::compile::compile;
    use crate::rules::lang::named_expressions::Names;

    /// What stands where a part was, once two expressions that have it were asked.
    fn marked(part: &str, [first, second]: [(&str, &[usize], u32); 2]) -> Node {
        let mut program = Program::default();
        let part = compile(part, 0, &Names::default(), &mut program).unwrap();
        let asked = [first, second]
            .map(|(text, eaches, on)| (compile(text, 0, &Names::default(), &mut program).unwrap(), eaches, on));
        let mut sharing = Sharing::new(&mut program, 2);
        for (at, eaches, on) in asked {
            sharing.ask(at, eaches, StageMask(on));
        }
        sharing.mark();
        *program.node(part)
    }

    #[test]
    fn what_is_asked_again_of_one_exchange_is_kept() {
        let (part, one, two) = ("size(request.body.a)", "size(request.body.a) > 1", "size(request.body.a) > 2");
        let is_kept = |on: [u32; 2]| {
            matches!(marked(part, [(one, &[], on[0]), (two, &[], on[1])]), Node::Shared(MemoScope::Exchange, 0, _))
        };
        assert!(is_kept([0b01, 0b01]));
        assert!(is_kept([0b11, 0b10]));
        assert!(!is_kept([0b01, 0b10]), "no exchange is asked both");
    }

    #[test]
    fn chains_of_members_are_found_once() {
        let body = [("request.body.a.b", &[][..], 1), ("request.body.a.c", &[][..], 1)];
        let start = Start::Body(Message::Request);
        assert!(matches!(marked("request.body.a", body), Node::Found(found, 0, _) if found == start));
        assert!(matches!(marked("request.body.a.b", body), Node::Member(..)));
        let of_item = |eaches: [&'static [usize]; 2]| {
            let [first, second] = eaches;
            matches!(
                marked("item.a", [("item.a.b", first, 1), ("item.a.c", second, 1)]),
                Node::Found(Start::Item, 0, _)
            )
        };
        assert!(of_item([&[0], &[0]]));
        assert!(!of_item([&[0], &[1]]), "no item is asked both");
    }

    #[test]
    fn what_a_macro_asks_of_every_element_is_kept() {
        let once = ("request.body.list.all(x, x == size(request.body.a))", &[][..], 1);
        let other = ("true", &[][..], 1);
        assert!(matches!(marked("size(request.body.a)", [once, other]), Node::Shared(..)));
    }
}
