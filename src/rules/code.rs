//! The expressions of a book as flat code.
//!
//! `texts → compile → one list of small nodes, equal ones kept once → shared parts marked → evaluated`
//!
//! A node names the nodes below it by their places, and stands behind them. Hundreds of rules ask the same things
//! (`order_answer()`, `is(request.body.brokerRole, "AgentBroker")`): because equal nodes are one node, what several rules
//! ask is known without a search, and all that an exchange is asked fits in a processor's cache.

use std::collections::{BTreeMap, HashMap};

use regex::Regex;
use rust_decimal::Decimal;

use super::functions::Function;
use super::value::Arithmetic;

/// Place of a node in the code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct NodeId(u32);

/// Place of a name or text in the code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TextId(u32);

/// Several nodes one behind the other, of a list or of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Span {
    len: u16,
    start: u32,
}

/// A step of an expression.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Node {
    Null,
    Bool(bool),
    /// A number, by its place.
    Number(u32),
    Text(TextId),
    /// The word `strict`.
    Strict,
    Root(Root),
    /// A variable of a macro, by its place on the stack counted from the bottom.
    Local(u32),
    Member(NodeId, TextId),
    Has(NodeId, TextId),
    Index(NodeId, NodeId),
    And(NodeId, NodeId),
    Or(NodeId, NodeId),
    Not(NodeId),
    /// Condition, and what the value is if it holds and if not.
    Conditional(Span),
    Equal(NodeId, NodeId),
    Unequal(NodeId, NodeId),
    Compare(Comparison, NodeId, NodeId),
    Arithmetic(Arithmetic, NodeId, NodeId),
    Negate(NodeId),
    In(NodeId, NodeId),
    List(Span),
    /// A macro by its range and its body.
    Macro(MacroKind, NodeId, NodeId),
    /// Filter and value of `list.map(x, filter, value)`.
    Filtered(NodeId, NodeId),
    /// A text and a pattern, by its place.
    Matches(NodeId, u32),
    Call(Function, Span),
    /// A part that is asked for more than once, and its slot in the memo of what it depends on.
    Shared(Keeper, u16, NodeId),
}

/// What a shared part depends on, and keeps its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Keeper {
    Exchange,
    /// The item of an `each`.
    Item,
}

/// A literal number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Number {
    Int(i64),
    Decimal(Decimal),
}

/// The names an expression starts from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Root {
    Request,
    Response,
    Call,
    Stage,
    Item,
    Flow,
    Feed,
    Recording,
    Seen,
    Expected,
}

/// `<`, `<=`, `>`, `>=`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Comparison {
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// The macros of CEL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MacroKind {
    All,
    Exists,
    ExistsOne,
    Filter,
    Map,
}

/// What the value of a node depends on, beside the exchange.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Depends {
    item: bool,
    /// The words of a finding, `seen` and `expected`.
    words: bool,
    /// Variables of macros around it, a bit for each place; the last one stands for all further ones too.
    locals: u64,
}

impl Depends {
    fn local(place: usize) -> u64 {
        1 << place.min(63)
    }

    fn and(self, other: Self) -> Self {
        Self { item: self.item || other.item, words: self.words || other.words, locals: self.locals | other.locals }
    }

    /// The same, once the variable of a macro at this place is bound.
    fn bound(self, place: usize) -> Self {
        // Beyond the last place of its own no variable can be told from another.
        let bound = if place < 63 { Self::local(place) } else { 0 };
        Self { locals: self.locals & !bound, ..self }
    }
}

/// See the module.
#[derive(Debug, Default)]
pub struct Code {
    nodes: Vec<Node>,
    depends: Vec<Depends>,
    lists: Vec<NodeId>,
    texts: Vec<Box<str>>,
    numbers: Vec<Number>,
    patterns: Vec<Regex>,
    places: HashMap<Node, NodeId>,
    places_of_lists: HashMap<Box<[NodeId]>, Span>,
    places_of_texts: HashMap<Box<str>, TextId>,
    slots: usize,
    /// Of each `each`, by its place.
    item_slots: Vec<usize>,
}

impl Code {
    pub fn node(&self, at: NodeId) -> Node {
        self.nodes[at.0 as usize]
    }

    /// The node itself, or what stands in its slot.
    pub fn unshared(&self, at: NodeId) -> Node {
        match self.node(at) {
            Node::Shared(_, _, part) => self.node(part),
            other => other,
        }
    }

    pub fn list(&self, span: Span) -> &[NodeId] {
        &self.lists[span.start as usize..][..usize::from(span.len)]
    }

    pub fn text(&self, at: TextId) -> &str {
        &self.texts[at.0 as usize]
    }

    pub fn number(&self, at: u32) -> Number {
        self.numbers[at as usize]
    }

    pub fn pattern(&self, at: u32) -> &Regex {
        &self.patterns[at as usize]
    }

    /// Number of slots that the memo of an exchange needs.
    pub fn slots(&self) -> usize {
        self.slots
    }

    /// Number of slots that the memo of an item of the `each` with this place needs.
    pub fn slots_of_items(&self, each: usize) -> usize {
        self.item_slots.get(each).copied().unwrap_or_default()
    }

    /// The place of a node; of an equal one, if there is one.
    pub fn push(&mut self, node: Node) -> NodeId {
        if let Some(known) = self.places.get(&node) {
            return *known;
        }
        let depends = self.children(node).into_iter().map(|child| self.depends[child.0 as usize]);
        let depends = match node {
            Node::Root(Root::Item) => Depends { item: true, ..Depends::default() },
            Node::Root(Root::Seen | Root::Expected) => Depends { words: true, ..Depends::default() },
            Node::Local(place) => Depends { locals: Depends::local(place as usize), ..Depends::default() },
            _ => depends.fold(Depends::default(), Depends::and),
        };
        self.append(node, depends)
    }

    /// A macro whose variable has this place.
    pub fn push_macro(&mut self, kind: MacroKind, range: NodeId, body: NodeId, variable: usize) -> NodeId {
        let node = Node::Macro(kind, range, body);
        match self.places.get(&node) {
            Some(known) => *known,
            None => {
                let [range, body] = [range, body].map(|child| self.depends[child.0 as usize]);
                self.append(node, range.and(body.bound(variable)))
            }
        }
    }

    fn append(&mut self, node: Node, depends: Depends) -> NodeId {
        let at = NodeId(place(self.nodes.len()));
        self.nodes.push(node);
        self.depends.push(depends);
        self.places.insert(node, at);
        at
    }

    pub fn push_list(&mut self, nodes: &[NodeId]) -> Span {
        if let Some(known) = self.places_of_lists.get(nodes) {
            return *known;
        }
        // An expression has at most two thousand nodes.
        let len = u16::try_from(nodes.len()).unwrap_or(u16::MAX);
        let span = Span { len, start: place(self.lists.len()) };
        self.lists.extend(&nodes[..usize::from(len)]);
        self.places_of_lists.insert(nodes.into(), span);
        span
    }

    pub fn push_text(&mut self, text: &str) -> TextId {
        if let Some(known) = self.places_of_texts.get(text) {
            return *known;
        }
        let at = TextId(place(self.texts.len()));
        self.texts.push(text.into());
        self.places_of_texts.insert(text.into(), at);
        at
    }

    pub fn push_number(&mut self, number: Number) -> u32 {
        // As it is written: 1.0 and 1.00 are the same number, not the same literal.
        let same = |other: &Number| format!("{other:?}") == format!("{number:?}");
        place(self.numbers.iter().position(same).unwrap_or_else(|| {
            self.numbers.push(number);
            self.numbers.len() - 1
        }))
    }

    pub fn push_pattern(&mut self, pattern: Regex) -> u32 {
        place(self.patterns.iter().position(|other| other.as_str() == pattern.as_str()).unwrap_or_else(|| {
            self.patterns.push(pattern);
            self.patterns.len() - 1
        }))
    }

    /// The nodes right below one.
    fn children(&self, node: Node) -> Vec<NodeId> {
        match node {
            Node::Null
            | Node::Bool(_)
            | Node::Number(_)
            | Node::Text(_)
            | Node::Strict
            | Node::Root(_)
            | Node::Local(_) => Vec::new(),
            Node::Member(operand, _)
            | Node::Has(operand, _)
            | Node::Not(operand)
            | Node::Negate(operand)
            | Node::Matches(operand, _)
            | Node::Shared(_, _, operand) => vec![operand],
            Node::Index(left, right)
            | Node::And(left, right)
            | Node::Or(left, right)
            | Node::Equal(left, right)
            | Node::Unequal(left, right)
            | Node::Compare(_, left, right)
            | Node::Arithmetic(_, left, right)
            | Node::In(left, right)
            | Node::Macro(_, left, right)
            | Node::Filtered(left, right) => vec![left, right],
            Node::Conditional(span) | Node::List(span) | Node::Call(_, span) => self.list(span).to_vec(),
        }
    }

    /// To find out what is asked for more than once, by the rules of a book with so many different `each`. Done once, when
    /// all expressions are there.
    pub fn sharing(&mut self, paths: usize) -> Sharing<'_> {
        self.item_slots = vec![0; paths];
        Sharing { uses: vec![Uses::default(); self.nodes.len()], code: self }
    }

    /// Puts a slot before a node.
    fn keep(&mut self, place: usize, uses: &Uses) {
        let (keeper, slot) = if self.depends[place].item {
            let slot = uses.of_items.keys().map(|&each| self.item_slots[each]).max().unwrap_or_default();
            uses.of_items.keys().for_each(|&each| self.item_slots[each] = slot + 1);
            (Keeper::Item, slot)
        } else {
            self.slots += 1;
            (Keeper::Exchange, self.slots - 1)
        };
        if let (Ok(slot), Ok(behind)) = (u16::try_from(slot), u32::try_from(self.nodes.len())) {
            self.nodes.push(self.nodes[place]);
            self.nodes[place] = Node::Shared(keeper, slot, NodeId(behind));
        }
    }

    /// Literals, roots and what is known of an exchange at once cost no more than a slot.
    fn is_worth_keeping(&self, place: usize) -> bool {
        match self.nodes[place] {
            Node::Call(..) => true,
            Node::Filtered(..) | Node::Shared(..) => false,
            Node::Member(operand, _) => {
                !matches!(self.node(operand), Node::Root(Root::Request | Root::Response | Root::Call))
            }
            node => !self.children(node).is_empty(),
        }
    }
}

/// See [`Code::sharing`].
pub struct Sharing<'c> {
    code: &'c mut Code,
    uses: Vec<Uses>,
}

impl Sharing<'_> {
    /// An expression of a rule that is in force: asked once for an exchange, or for each item of the `each` with these
    /// places. What only findings ask for counts too: it is mostly what was found.
    pub fn ask(&mut self, at: NodeId, eaches: &[usize]) {
        let place = at.0 as usize;
        self.uses[place].ask(eaches, self.code.depends[place].item);
    }

    /// Marks the parts that are asked for more than once.
    pub fn mark(self) {
        let Self { code, mut uses } = self;
        // Who names a node stands behind it.
        for place in (0..uses.len()).rev() {
            let above = std::mem::take(&mut uses[place]);
            for child in code.children(code.nodes[place]) {
                uses[child.0 as usize].take(&above, code.depends[place], code.depends[child.0 as usize]);
            }
            uses[place] = above;
        }
        for (place, uses) in uses.iter().enumerate() {
            let depends = code.depends[place];
            if !depends.words && depends.locals == 0 && uses.are_several() && code.is_worth_keeping(place) {
                code.keep(place, uses);
            }
        }
    }
}

/// A place as nodes keep it. The texts of all rules together are far from so many.
fn place(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

/// How often a part is asked for, on one exchange.
#[derive(Debug, Clone, Default)]
struct Uses {
    times: u32,
    /// The same of a part that depends on the item, for each `each` that asks for it.
    of_items: BTreeMap<usize, u32>,
}

impl Uses {
    fn ask(&mut self, eaches: &[usize], of_item: bool) {
        if of_item {
            for &each in eaches {
                *self.of_items.entry(each).or_default() += 1;
            }
        } else {
            // For each item anew: as good as twice.
            self.times += if eaches.is_empty() { 1 } else { 2 };
        }
    }

    /// A part that has this one above it.
    fn take(&mut self, above: &Self, its: Depends, own: Depends) {
        // What a macro asks for each of its elements, and depends on none, is asked again and again.
        let in_a_loop = its.locals != 0 && own.locals == 0;
        let times = if in_a_loop || its.item && !own.item { 2 } else { 1 };
        if own.item {
            above.of_items.keys().for_each(|&each| *self.of_items.entry(each).or_default() += times);
        } else if above.times > 0 || !above.of_items.is_empty() {
            self.times += times;
        }
    }

    fn are_several(&self) -> bool {
        self.times > 1 || self.of_items.values().any(|times| *times > 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All that an exchange is asked has to fit in a cache.
    #[test]
    fn nodes_are_small() {
        assert!(size_of::<Node>() <= 12, "{}", size_of::<Node>());
    }

    #[test]
    fn equal_nodes_are_one() {
        let mut code = Code::default();
        let mut member = |name: &str| {
            let (root, name) = (code.push(Node::Root(Root::Request)), code.push_text(name));
            code.push(Node::Member(root, name))
        };
        assert_eq!(member("body"), member("body"));
        assert_ne!(member("body"), member("method"));
        let [one, two] = ["1.0", "1.00"].map(|text| code.push_number(Number::Decimal(text.parse().unwrap())));
        assert_ne!(one, two);
    }
}
