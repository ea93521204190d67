//! The expressions of a book as flat code.
//!
//! `texts → compile → one list of small nodes, equal ones kept once → shared parts marked → evaluated`
//!
//! A node names the nodes below it by their places, and stands behind them. Hundreds of rules ask the same things
//! (`order_answer()`, `is(request.body.brokerRole, "AgentBroker")`): because equal nodes are one node, what several rules
//! ask is known without a search, and all that an exchange is asked fits in a processor's cache.

use std::collections::HashMap;

use regex::Regex;
use rust_decimal::Decimal;

use crate::rules::lang::common_subexpressions::FreeVariables;
use crate::rules::lang::path::Message;
use crate::rules::lang::types::Type;
use crate::rules::lang::value::Arithmetic;
use crate::rules::lang::vocabulary::{Function, Member};

/// Place of a node in the code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct NodeId(pub(in crate::rules) u32);

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
    /// A variable of a macro: of the innermost one around for 0, of the next one for 1. So a part that names no variable of
    /// the macros around it is the same node at any depth.
    Local(u32),
    /// The body of a message.
    Body(Message),
    /// A member of a node of a message, or of what has any members.
    Member(NodeId, TextId),
    /// A member that was resolved when the rule was loaded.
    Select(NodeId, Member),
    Has(NodeId, TextId),
    Index(NodeId, NodeId),
    /// `a && b && …`
    All(Span),
    /// `a || b || …`
    Any(Span),
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
    Shared(MemoScope, u16, NodeId),
    /// The same of a chain of members, and its slot among the nodes that are found from where it starts.
    Found(Start, u16, NodeId),
}

/// What a shared part depends on, and keeps its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MemoScope {
    Exchange,
    /// The item of an `each`.
    Item,
}

/// What chains of members start at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Start {
    Body(Message),
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

impl Root {
    /// All names.
    pub const NAMES: [&str; 10] =
        ["request", "response", "call", "stage", "item", "flow", "feed", "recording", "seen", "expected"];

    /// What it gives.
    pub fn gives(self) -> Type {
        match self {
            Self::Request => Type::Request,
            Self::Response => Type::Response,
            Self::Call => Type::Call,
            Self::Stage | Self::Seen | Self::Expected => Type::Plain,
            Self::Item => Type::Node,
            Self::Flow => Type::Flow,
            Self::Feed => Type::Feed,
            Self::Recording => Type::Recording,
        }
    }

    /// The root with a name.
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "request" => Self::Request,
            "response" => Self::Response,
            "call" => Self::Call,
            "stage" => Self::Stage,
            "item" => Self::Item,
            "flow" => Self::Flow,
            "feed" => Self::Feed,
            "recording" => Self::Recording,
            "seen" => Self::Seen,
            "expected" => Self::Expected,
            _ => return None,
        })
    }
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

/// See the module.
#[derive(Debug, Default)]
pub struct Program {
    pub(in crate::rules) nodes: Vec<Node>,
    pub(in crate::rules) depends: Vec<FreeVariables>,
    lists: Vec<NodeId>,
    texts: Vec<Box<str>>,
    numbers: Vec<Number>,
    patterns: Vec<Regex>,
    places: HashMap<Node, NodeId>,
    places_of_lists: HashMap<Box<[NodeId]>, Span>,
    places_of_texts: HashMap<Box<str>, TextId>,
    pub(in crate::rules) slots: Slots,
    /// For the items of each `each`, by its place.
    pub(in crate::rules) item_slots: Vec<Slots>,
    /// What an error says of the request, by its type.
    claims: HashMap<String, NodeId>,
}

/// Slots for shared parts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Slots {
    /// Of the memo.
    pub values: usize,
    /// For nodes that are found from a start: the bodies of request and response, or the item.
    pub nodes: [usize; 2],
}

impl Program {
    pub fn node(&self, at: NodeId) -> &Node {
        &self.nodes[at.0 as usize]
    }

    /// The node itself, or what stands in its slot.
    pub fn unshared(&self, at: NodeId) -> Node {
        match *self.node(at) {
            Node::Shared(_, _, part) | Node::Found(_, _, part) => *self.node(part),
            other => other,
        }
    }

    /// False for a part that looks at the judged exchange alone.
    pub fn may_rest_on_earlier(&self, at: NodeId) -> bool {
        self.depends[at.0 as usize].may_rest_on_earlier()
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

    /// True if a part, or one below it, calls a function.
    pub fn calls(&self, at: NodeId, function: Function) -> bool {
        let node = *self.node(at);
        matches!(node, Node::Call(called, _) if called == function)
            || self.children(node).into_iter().any(|child| self.calls(child, function))
    }

    /// Keeps what an error says of the request.
    pub fn set_claim(&mut self, error_type: &str, claim: NodeId) {
        self.claims.insert(error_type.to_owned(), claim);
    }

    /// What an error says of the request; `None` where the specification's text gives nothing to hold against it.
    pub fn claim(&self, error_type: &str) -> Option<NodeId> {
        self.claims.get(error_type).copied()
    }

    /// The slots that an exchange needs.
    pub fn slots(&self) -> Slots {
        self.slots
    }

    /// The slots that an item of the `each` with this place needs.
    pub fn slots_of_items(&self, each: usize) -> Slots {
        self.item_slots.get(each).copied().unwrap_or_default()
    }

    /// The place of a node; of an equal one, if there is one.
    pub fn push(&mut self, node: Node) -> NodeId {
        if let Some(known) = self.places.get(&node) {
            return *known;
        }
        let below = self.children(node).into_iter().map(|child| self.depends[child.0 as usize]);
        let depends = match (node, &below.collect::<Vec<_>>()[..]) {
            (Node::Macro(..), [range, body]) => range.and(body.bound()),
            (_, below) => FreeVariables::of(node, below.iter().copied()),
        };
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
    pub(in crate::rules) fn children(&self, node: Node) -> Vec<NodeId> {
        match node {
            Node::Null
            | Node::Bool(_)
            | Node::Number(_)
            | Node::Text(_)
            | Node::Strict
            | Node::Root(_)
            | Node::Body(_)
            | Node::Local(_) => Vec::new(),
            Node::Member(operand, _)
            | Node::Select(operand, _)
            | Node::Has(operand, _)
            | Node::Not(operand)
            | Node::Negate(operand)
            | Node::Matches(operand, _)
            | Node::Shared(_, _, operand)
            | Node::Found(_, _, operand) => vec![operand],
            Node::Index(left, right)
            | Node::Equal(left, right)
            | Node::Unequal(left, right)
            | Node::Compare(_, left, right)
            | Node::Arithmetic(_, left, right)
            | Node::In(left, right)
            | Node::Macro(_, left, right)
            | Node::Filtered(left, right) => vec![left, right],
            Node::All(span) | Node::Any(span) | Node::Conditional(span) | Node::List(span) | Node::Call(_, span) => {
                self.list(span).to_vec()
            }
        }
    }
}

/// A place as nodes keep it. The texts of all rules together are far from so many.
fn place(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
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
        let mut program = Program::default();
        let mut member = |name: &str| {
            let (root, name) = (program.push(Node::Root(Root::Request)), program.push_text(name));
            program.push(Node::Member(root, name))
        };
        assert_eq!(member("body"), member("body"));
        assert_ne!(member("body"), member("method"));
        let [one, two] = ["1.0", "1.00"].map(|text| program.push_number(Number::Decimal(text.parse().unwrap())));
        assert_ne!(one, two);
    }
}
