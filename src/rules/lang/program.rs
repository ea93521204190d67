//! The expressions of a book as flat, typed code.
//!
//! `texts → compile → three lists of small nodes, equal ones kept once → shared parts marked → evaluated`
//!
//! Hundreds of rules ask the same things (`order_answer()`, `is(request.body.brokerRole, "AgentBroker")`): because equal
//! nodes are one node, what several rules ask is known without a search, and all that an exchange is asked fits in a
//! processor's cache.

use std::collections::HashMap;

use regex::Regex;

use crate::json::Name;
use crate::rules::lang::node::{
    BoolId, BoolNode, FunctionId, MemoScope, NodeId, NumberLiteral, PathId, PathNode, PathRoot, PathStart, SlotCounts,
    Span, TextId, ValueId, ValueNode,
};
use crate::rules::lang::pool::{FreeVariables, NodePool};
use crate::rules::lang::signature::Signature;

/// The expressions of a book: lists of typed nodes, and the slots of those that are shared.
#[derive(Debug)]
pub(crate) struct Program {
    functions: Vec<&'static Signature>,
    pub(super) bools: NodePool<BoolNode>,
    pub(super) values: NodePool<ValueNode>,
    pub(super) paths: NodePool<PathNode>,
    /// For each path the one without its last name, and that name.
    parents: Vec<Option<(PathId, TextId)>>,
    /// Every part, behind those that it is made of.
    pub(super) order: Vec<NodeId>,
    /// Lists of places, each behind its length.
    lists: Vec<u32>,
    places_of_lists: HashMap<Box<[u32]>, Span>,
    /// Each ready to be looked for as the name of a member.
    texts: Vec<Name>,
    places_of_texts: HashMap<Box<str>, TextId>,
    numbers: Vec<NumberLiteral>,
    patterns: Vec<Regex>,
    pub(super) slots: SlotCounts,
    /// For the items of each `each`, by its place.
    pub(super) item_slots: Vec<SlotCounts>,
    /// What an error says of the request, by its type.
    claims: HashMap<String, ValueId>,
}

impl Program {
    /// No expressions yet, in a language with these functions, the 256 first ones.
    pub(crate) fn new(functions: impl IntoIterator<Item = &'static Signature>) -> Self {
        Self {
            functions: functions.into_iter().collect(),
            bools: NodePool::default(),
            values: NodePool::default(),
            paths: NodePool::default(),
            parents: Vec::new(),
            order: Vec::new(),
            lists: Vec::new(),
            places_of_lists: HashMap::new(),
            texts: Vec::new(),
            places_of_texts: HashMap::new(),
            numbers: Vec::new(),
            patterns: Vec::new(),
            slots: SlotCounts::default(),
            item_slots: Vec::new(),
            claims: HashMap::new(),
        }
    }

    pub(crate) fn bool(&self, BoolId(at): BoolId) -> &BoolNode {
        &self.bools[at]
    }

    pub(crate) fn value(&self, ValueId(at): ValueId) -> &ValueNode {
        &self.values[at]
    }

    pub(crate) fn path(&self, PathId(at): PathId) -> &PathNode {
        &self.paths[at]
    }

    pub(crate) fn function(&self, FunctionId(at): FunctionId) -> &'static Signature {
        self.functions[usize::from(at)]
    }

    /// A function by its name, and its place.
    pub(crate) fn find_function(&self, name: &str) -> Option<(FunctionId, &'static Signature)> {
        let at = self.functions.iter().position(|function| function.name == name)?;
        Some((FunctionId(u8::try_from(at).ok()?), self.functions[at]))
    }

    /// The names of all functions.
    pub(crate) fn function_names(&self) -> impl Iterator<Item = &str> {
        self.functions.iter().map(|function| function.name)
    }

    /// The node itself, or what stands in its slot.
    pub(crate) fn unshared_bool(&self, at: BoolId) -> BoolNode {
        match *self.bool(at) {
            BoolNode::Shared(_, _, part) => *self.bool(part),
            other => other,
        }
    }

    /// The node itself, or what stands in its slot.
    pub(crate) fn unshared(&self, at: ValueId) -> ValueNode {
        match *self.value(at) {
            ValueNode::Shared(_, _, part) => *self.value(part),
            other => other,
        }
    }

    /// The slot of a part in the memo of the exchange, if it has one.
    pub(crate) fn slot_of(&self, at: BoolId) -> Option<u16> {
        match *self.bool(at) {
            BoolNode::Shared(MemoScope::Exchange, slot, _) => Some(slot),
            _ => None,
        }
    }

    /// The places of a list.
    fn list(&self, Span(start): Span) -> &[u32] {
        let (len, list) = self.lists[start as usize..].split_first().unwrap_or((&0, &[]));
        &list[..*len as usize]
    }

    pub(crate) fn bools_of(&self, span: Span) -> impl Iterator<Item = BoolId> + use<'_> {
        self.list(span).iter().map(|&at| BoolId(at))
    }

    pub(crate) fn values_of(&self, span: Span) -> impl ExactSizeIterator<Item = ValueId> + use<'_> {
        self.list(span).iter().map(|&at| ValueId(at))
    }

    pub(crate) fn names_of(&self, span: Span) -> impl Iterator<Item = &Name> {
        self.list(span).iter().map(|&at| &self.texts[at as usize])
    }

    /// Two values that stand side by side; the compiler makes no shorter list where they are asked for.
    pub(crate) fn pair(&self, span: Span) -> [ValueId; 2] {
        let list = self.list(span);
        [ValueId(list[0]), ValueId(list[1])]
    }

    /// The part that a condition chooses.
    pub(crate) fn branch(&self, span: Span, chosen: bool) -> ValueId {
        ValueId(self.list(span)[usize::from(!chosen)])
    }

    /// The part that a condition chooses, where both are true or false.
    pub(crate) fn bool_branch(&self, span: Span, chosen: bool) -> BoolId {
        BoolId(self.list(span)[usize::from(!chosen)])
    }

    pub(crate) fn text(&self, TextId(at): TextId) -> &str {
        self.texts[at as usize].as_str()
    }

    /// A text where it stands.
    pub(crate) fn literal(&self, TextId(at): TextId) -> &Name {
        &self.texts[at as usize]
    }

    pub(crate) fn number(&self, at: u32) -> NumberLiteral {
        self.numbers[at as usize]
    }

    pub(crate) fn pattern(&self, at: u32) -> &Regex {
        &self.patterns[at as usize]
    }

    /// The arguments of a call of a function; `None` if the part is no call of it.
    pub(crate) fn call_of(&self, at: ValueId, name: &str) -> Option<Span> {
        match self.unshared(at) {
            ValueNode::Call(function, arguments) if self.function(function).name == name => Some(arguments),
            _ => None,
        }
    }

    /// True if a part, or one below it, calls a function.
    pub(crate) fn calls(&self, at: NodeId, name: &str) -> bool {
        let is_call = match at {
            NodeId::Value(at) => self.call_of(at, name).is_some(),
            NodeId::Bool(at) => {
                matches!(self.unshared_bool(at), BoolNode::Call(function, _) if self.function(function).name == name)
            }
            NodeId::Path(_) => false,
        };
        is_call || self.children(at).into_iter().any(|child| self.calls(child, name))
    }

    /// Keeps what an error says of the request.
    pub(crate) fn set_claim(&mut self, error_type: &str, claim: ValueId) {
        self.claims.insert(error_type.to_owned(), claim);
    }

    /// What an error says of the request; `None` where the specification's text gives nothing to hold against it.
    pub(crate) fn claim(&self, error_type: &str) -> Option<ValueId> {
        self.claims.get(error_type).copied()
    }

    /// The slots that an exchange needs.
    pub(crate) fn slots(&self) -> SlotCounts {
        self.slots
    }

    /// The slots that an item of the `each` with this place needs.
    pub(crate) fn slots_of_items(&self, each: usize) -> SlotCounts {
        self.item_slots.get(each).copied().unwrap_or_default()
    }

    /// The place of a part; of an equal one, if there is one.
    pub(crate) fn push_bool(&mut self, node: BoolNode) -> BoolId {
        if let Some(known) = self.bools.find(&node) {
            return BoolId(known);
        }
        let depends = self.bool_depends(node);
        let at = BoolId(self.bools.push(node, depends));
        self.order.push(NodeId::Bool(at));
        at
    }

    /// The place of a part; of an equal one, if there is one.
    pub(crate) fn push_value(&mut self, node: ValueNode) -> ValueId {
        if let Some(known) = self.values.find(&node) {
            return ValueId(known);
        }
        let depends = self.value_depends(node);
        let at = ValueId(self.values.push(node, depends));
        self.order.push(NodeId::Value(at));
        at
    }

    /// The path that is nothing but a start.
    pub(crate) fn push_start(&mut self, start: PathStart) -> PathId {
        self.push_path(start, &[], None)
    }

    /// A path with one name more.
    pub(crate) fn push_step(&mut self, parent: PathId, name: &str) -> PathId {
        let name = self.push_text(name);
        let PathNode { start, names, .. } = *self.path(parent);
        let names: Vec<u32> = self.list(names).iter().copied().chain([name.0]).collect();
        self.push_path(start, &names, Some((parent, name)))
    }

    fn push_path(&mut self, start: PathStart, names: &[u32], parent: Option<(PathId, TextId)>) -> PathId {
        let node = PathNode { start, from: None, names: self.push_list(names), slot: None };
        if let Some(known) = self.paths.find(&node) {
            return PathId(known);
        }
        let depends = match start {
            PathStart::Body(_) => FreeVariables::default(),
            PathStart::Item => FreeVariables::item(),
            PathStart::Local(steps) => FreeVariables::local(steps),
        };
        let at = PathId(self.paths.push(node, depends));
        self.parents.push(parent);
        self.order.push(NodeId::Path(at));
        at
    }

    /// The path without its last name; `None` of a start.
    pub(super) fn parent(&self, PathId(at): PathId) -> Option<PathId> {
        self.parents[at as usize].map(|(parent, _)| parent)
    }

    /// Lets every path go on from the longest part of it that has a slot.
    pub(super) fn link_paths(&mut self) {
        for at in 0..place(self.parents.len()) {
            let (mut names, mut from, mut above) = (Vec::new(), None, self.parents[at as usize]);
            while let Some((parent, TextId(name))) = above {
                names.push(name);
                if self.path(parent).slot.is_some() {
                    from = Some(parent);
                    break;
                }
                above = self.parents[parent.0 as usize];
            }
            names.reverse();
            self.paths[at].from = from;
            self.paths[at].names = self.push_list(&names);
        }
    }

    pub(crate) fn push_bools(&mut self, parts: &[BoolId]) -> Span {
        self.push_list(&parts.iter().map(|part| part.0).collect::<Vec<_>>())
    }

    pub(crate) fn push_values(&mut self, parts: &[ValueId]) -> Span {
        self.push_list(&parts.iter().map(|part| part.0).collect::<Vec<_>>())
    }

    fn push_list(&mut self, parts: &[u32]) -> Span {
        if let Some(known) = self.places_of_lists.get(parts) {
            return *known;
        }
        let span = Span(place(self.lists.len()));
        self.lists.push(place(parts.len()));
        self.lists.extend(parts);
        self.places_of_lists.insert(parts.into(), span);
        span
    }

    pub(crate) fn push_text(&mut self, text: &str) -> TextId {
        if let Some(known) = self.places_of_texts.get(text) {
            return *known;
        }
        let at = TextId(place(self.texts.len()));
        self.texts.push(Name::new(text));
        self.places_of_texts.insert(text.into(), at);
        at
    }

    pub(crate) fn push_number(&mut self, number: NumberLiteral) -> u32 {
        // As it is written: 1.0 and 1.00 are the same number, not the same literal.
        let same = |other: &NumberLiteral| format!("{other:?}") == format!("{number:?}");
        place(self.numbers.iter().position(same).unwrap_or_else(|| {
            self.numbers.push(number);
            self.numbers.len() - 1
        }))
    }

    pub(crate) fn push_pattern(&mut self, pattern: Regex) -> u32 {
        place(self.patterns.iter().position(|other| other.as_str() == pattern.as_str()).unwrap_or_else(|| {
            self.patterns.push(pattern);
            self.patterns.len() - 1
        }))
    }
}

/// What the parts of a program are made of.
impl Program {
    /// The parts right below one.
    pub(crate) fn children(&self, at: NodeId) -> Vec<NodeId> {
        match at {
            NodeId::Bool(at) => self.children_of_bool(*self.bool(at)),
            NodeId::Value(at) => self.children_of_value(*self.value(at)),
            NodeId::Path(PathId(at)) => {
                self.parents[at as usize].map(|(parent, _)| NodeId::Path(parent)).into_iter().collect()
            }
        }
    }

    fn children_of_bool(&self, node: BoolNode) -> Vec<NodeId> {
        use NodeId::{Bool, Path, Value};
        match node {
            BoolNode::Constant(_) => Vec::new(),
            BoolNode::All(parts) | BoolNode::Any(parts) => self.bools_of(parts).map(Bool).collect(),
            BoolNode::Not(part) | BoolNode::Shared(_, _, part) => vec![Bool(part)],
            BoolNode::Conditional(condition, branches) => {
                [condition].into_iter().chain(self.bools_of(branches)).map(Bool).collect()
            }
            BoolNode::Value(value)
            | BoolNode::IsText(value, _)
            | BoolNode::IsNothing(value)
            | BoolNode::Has(value, _)
            | BoolNode::Matches(value, _) => vec![Value(value)],
            BoolNode::PathIsText(path, _) | BoolNode::PathIsNothing(path) | BoolNode::Exists(path) => vec![Path(path)],
            BoolNode::Equal(left, right) | BoolNode::Compare(_, left, right) | BoolNode::In(left, right) => {
                vec![Value(left), Value(right)]
            }
            BoolNode::OneOf(value, list) => [value].into_iter().chain(self.values_of(list)).map(Value).collect(),
            BoolNode::Macro(_, range, body) => vec![Value(range), Bool(body)],
            BoolNode::Call(_, arguments) => self.values_of(arguments).map(Value).collect(),
        }
    }

    fn children_of_value(&self, node: ValueNode) -> Vec<NodeId> {
        use NodeId::{Bool, Path, Value};
        match node {
            ValueNode::Null
            | ValueNode::Strict
            | ValueNode::Text(_)
            | ValueNode::Number(_)
            | ValueNode::Root(_)
            | ValueNode::Local(_) => Vec::new(),
            ValueNode::Bool(part) => vec![Bool(part)],
            ValueNode::Path(path) => vec![Path(path)],
            ValueNode::Member(operand, _)
            | ValueNode::Select(operand, _)
            | ValueNode::Negate(operand)
            | ValueNode::Shared(_, _, operand) => vec![Value(operand)],
            ValueNode::Index(left, right) | ValueNode::Arithmetic(_, left, right) => vec![Value(left), Value(right)],
            ValueNode::Conditional(condition, branches) => {
                [Bool(condition)].into_iter().chain(self.values_of(branches).map(Value)).collect()
            }
            ValueNode::List(parts) | ValueNode::Call(_, parts) => self.values_of(parts).map(Value).collect(),
            ValueNode::Filter(range, condition) => vec![Value(range), Bool(condition)],
            ValueNode::Map(range, value) => vec![Value(range), Value(value)],
            ValueNode::MapWhere(parts, condition) => {
                self.values_of(parts).map(Value).chain([Bool(condition)]).collect()
            }
        }
    }

    /// What a part depends on, beside the exchange.
    pub(super) fn depends(&self, at: NodeId) -> FreeVariables {
        match at {
            NodeId::Bool(BoolId(at)) => self.bools.depends(at),
            NodeId::Value(ValueId(at)) => self.values.depends(at),
            NodeId::Path(PathId(at)) => self.paths.depends(at),
        }
    }

    /// False for a part that looks at the judged exchange alone.
    pub(crate) fn may_rest_on_earlier(&self, at: NodeId) -> bool {
        self.depends(at).may_rest_on_earlier()
    }

    /// What depends on these parts.
    fn all_of(&self, parts: &[NodeId]) -> FreeVariables {
        parts.iter().fold(FreeVariables::default(), |all, part| all.and(self.depends(*part)))
    }

    /// The same of a macro, whose first part is its range and whose others are asked of each element.
    fn macro_of(&self, parts: &[NodeId]) -> FreeVariables {
        let (range, body) = parts.split_at(1.min(parts.len()));
        self.all_of(range).and(self.all_of(body).bound())
    }

    fn call_depends(&self, function: FunctionId, parts: &[NodeId]) -> FreeVariables {
        let own =
            if self.function(function).looks_at_earlier { FreeVariables::earlier() } else { FreeVariables::default() };
        own.and(self.all_of(parts))
    }

    fn bool_depends(&self, node: BoolNode) -> FreeVariables {
        let parts = self.children_of_bool(node);
        match node {
            BoolNode::Macro(..) => self.macro_of(&parts),
            BoolNode::Call(function, _) => self.call_depends(function, &parts),
            _ => self.all_of(&parts),
        }
    }

    fn value_depends(&self, node: ValueNode) -> FreeVariables {
        let parts = self.children_of_value(node);
        match node {
            ValueNode::Root(PathRoot::Item) => FreeVariables::item(),
            ValueNode::Root(PathRoot::Seen | PathRoot::Expected) => FreeVariables::words(),
            ValueNode::Root(PathRoot::Call | PathRoot::Flow | PathRoot::Feed | PathRoot::Recording) => {
                FreeVariables::earlier()
            }
            ValueNode::Local(steps) => FreeVariables::local(steps),
            ValueNode::Filter(..) | ValueNode::Map(..) | ValueNode::MapWhere(..) => self.macro_of(&parts),
            ValueNode::Call(function, _) => self.call_depends(function, &parts),
            _ => self.all_of(&parts),
        }
    }
}

/// A place as nodes keep it. The texts of all rules together are far from so many.
pub(super) fn place(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::lang::node::MessageSide;

    #[test]
    fn equal_nodes_are_one() {
        let mut program = Program::new([]);
        let mut member = |name: &str| {
            let start = program.push_start(PathStart::Body(MessageSide::Request));
            program.push_step(start, name)
        };
        assert_eq!(member("customer"), member("customer"));
        assert_ne!(member("customer"), member("broker"));
        let [one, two] = ["1.0", "1.00"].map(|text| program.push_number(NumberLiteral::Decimal(text.parse().unwrap())));
        assert_ne!(one, two);
    }

    #[test]
    fn a_path_goes_on_from_the_longest_part_that_is_kept() {
        let mut program = Program::new([]);
        let start = program.push_start(PathStart::Body(MessageSide::Request));
        let names = ["a", "b", "c"];
        let mut steps = Vec::from([start]);
        for name in names {
            steps.push(program.push_step(steps[steps.len() - 1], name));
        }
        program.paths[steps[1].0].slot = Some(0);
        program.link_paths();
        let path = *program.path(steps[3]);
        assert_eq!(path.from, Some(steps[1]));
        let names: Vec<&str> = program.names_of(path.names).map(Name::as_str).collect();
        assert_eq!(names, ["b", "c"]);
        assert_eq!(program.path(steps[1]).from, None);
    }
}
