//! Evaluates compiled expressions against one exchange. Borrows everything, cannot loop for ever, calls nothing outside.

use std::cmp::Ordering;

use super::code::{Comparison, Keeper, MacroKind, Node, NodeId, Number, Root, Span, TextId};
use super::context::Context;
use super::functions::Function;
use super::members::member;
use super::nodes::is_type;
use super::value::{Arithmetic, Stop, Val};
use crate::json::Value;
use crate::openbooking::{Content, Reading};

/// One evaluation: the context and the stack of macro variables.
struct Evaluation<'c, 'a> {
    context: &'c Context<'a>,
    locals: Vec<Val<'a>>,
    steps: u32,
    most: u32,
}

/// Evaluates to a value.
pub fn evaluate<'a>(node: NodeId, context: &Context<'a>) -> Result<Val<'a>, Stop> {
    with_steps(context, |evaluation| evaluation.value(node))
}

fn with_steps<'c, 'a, T>(context: &'c Context<'a>, evaluate: impl FnOnce(&mut Evaluation<'c, 'a>) -> T) -> T {
    let mut evaluation = Evaluation { context, locals: Vec::new(), steps: 0, most: context.budget.left() };
    let result = evaluate(&mut evaluation);
    context.budget.spend(evaluation.steps);
    result
}

/// Evaluates to true or false.
pub fn holds(node: NodeId, context: &Context<'_>) -> Result<bool, Stop> {
    with_steps(context, |evaluation| evaluation.truth(node))
}

/// The response, or why there is none.
pub fn answered(reading: &Reading) -> Result<&crate::exchange::Response, Stop> {
    reading.exchange.response.as_ref().ok_or_else(|| {
        let why = reading.exchange.failure.as_ref().map_or("no answer was recorded", |failure| failure.kind.describe());
        Stop::unseen(format!("there is no answer: {why}"))
    })
}

/// The root of a body; `None` for an empty one.
pub fn body(content: &Content, of_request: bool) -> Result<Option<Value<'_>>, Stop> {
    let whose = if of_request { "request" } else { "response" };
    match content {
        Content::Json(document) => Ok(Some(document.root())),
        Content::Empty => Ok(None),
        Content::NotJson(_) | Content::Opaque => Err(Stop::unseen(format!("the {whose} body is not JSON"))),
        Content::Unreadable(why) => Err(Stop::unseen(format!("the {whose} {why}"))),
    }
}

/// No node of a message: what is named is something else, or only [`body`] can say why it can't be read.
struct NoNode;

/// A node of a message; `None` where it isn't there.
type Place<'a> = Result<Option<Value<'a>>, NoNode>;

/// The root of a body that can be read.
fn root_of(content: &Content) -> Place<'_> {
    match content {
        Content::Json(document) => Ok(Some(document.root())),
        Content::Empty => Ok(None),
        _ => Err(NoNode),
    }
}

/// The node behind a value that is one, or is known not to be there.
fn json_of<'a>(value: &Val<'a>) -> Place<'a> {
    match value {
        Val::Json(..) => Ok(value.as_json()),
        Val::Absent => Ok(None),
        _ => Err(NoNode),
    }
}

impl<'a> Evaluation<'_, 'a> {
    /// True or false, without making a value of what is only asked for its truth.
    fn truth(&mut self, at: NodeId) -> Result<bool, Stop> {
        self.spend(1)?;
        let value = match self.context.code.node(at) {
            Node::And(left, right) => return self.both_hold(left, right),
            Node::Or(left, right) => return self.either_holds(left, right),
            Node::Not(operand) => return Ok(!self.truth(operand)?),
            Node::Equal(left, right) => return self.equal(left, right),
            Node::Unequal(left, right) => return Ok(!self.equal(left, right)?),
            Node::Has(operand, name) => return self.has(operand, name),
            Node::In(element, list) => return self.is_in(element, list),
            Node::Shared(keeper, slot, part) => self.shared(keeper, slot, part)?,
            Node::Call(function, arguments) => self.call(function, arguments)?,
            node => self.value_of(node)?,
        };
        value
            .as_bool()
            .ok_or_else(|| Stop::fault(format!("{} stands where true or false is needed", value.name_of_kind())))
    }

    /// Any value.
    fn value(&mut self, at: NodeId) -> Result<Val<'a>, Stop> {
        self.spend(1)?;
        self.value_of(self.context.code.node(at))
    }

    /// Short, for the look-ups' sake: what takes longer has functions of its own.
    fn value_of(&mut self, node: Node) -> Result<Val<'a>, Stop> {
        let code = self.context.code;
        match node {
            Node::Text(text) => Ok(self.context.arena.str(code.text(text))),
            Node::Local(place) => Ok(self.locals.get(place as usize).copied().unwrap_or(Val::Absent)),
            Node::Shared(keeper, slot, part) => self.shared(keeper, slot, part),
            Node::Member(operand, name) => self.member(operand, name),
            Node::Call(function, arguments) => self.call(function, arguments),
            Node::Root(root) => Ok(self.root(root)),
            Node::Null => Ok(Val::Null),
            Node::Bool(value) => Ok(Val::Bool(value)),
            Node::Strict => Ok(Val::Strict),
            Node::Number(place) => Ok(match code.number(place) {
                Number::Int(value) => Val::Int(value),
                Number::Decimal(value) => self.context.arena.decimal(value),
            }),
            Node::Index(operand, index) => self.index(operand, index),
            Node::And(left, right) => self.both_hold(left, right).map(Val::Bool),
            Node::Or(left, right) => self.either_holds(left, right).map(Val::Bool),
            Node::Not(operand) => Ok(Val::Bool(!self.truth(operand)?)),
            Node::Has(operand, name) => self.has(operand, name).map(Val::Bool),
            Node::Equal(left, right) => self.equal(left, right).map(Val::Bool),
            Node::Unequal(left, right) => Ok(Val::Bool(!self.equal(left, right)?)),
            Node::In(element, list) => self.is_in(element, list).map(Val::Bool),
            Node::Macro(kind, range, body) => self.fold(kind, range, body),
            Node::List(elements) => self.list(elements),
            Node::Conditional(parts) => self.conditional(parts),
            Node::Compare(comparison, left, right) => self.compare(comparison, left, right).map(Val::Bool),
            Node::Arithmetic(operator, left, right) => self.arithmetic(operator, left, right),
            Node::Negate(operand) => {
                let operand = self.value(operand)?;
                Val::Int(0).arithmetic(Arithmetic::Subtract, operand, self.context.arena)
            }
            Node::Matches(text, pattern) => {
                let text = self.value(text)?;
                Ok(Val::Bool(text.as_str().is_some_and(|text| code.pattern(pattern).is_match(text))))
            }
            Node::Filtered(..) => Err(Stop::fault("a filter stands alone")),
        }
    }

    /// The value of a part that is kept once it is known.
    fn shared(&mut self, keeper: Keeper, slot: u16, part: NodeId) -> Result<Val<'a>, Stop> {
        let Some(memo) = self.context.memo(keeper) else { return self.value(part) };
        match memo.known(slot) {
            Some(known) => known.clone(),
            None => {
                let value = self.value(part);
                memo.keep(slot, &value);
                value
            }
        }
    }

    /// Counts steps: one for each node, more for what looks at many values at once.
    fn spend(&mut self, steps: u32) -> Result<(), Stop> {
        self.steps = self.steps.saturating_add(steps);
        if self.steps > self.most { Err(self.context.budget.exhausted()) } else { Ok(()) }
    }

    /// Fails where there is no more room for values.
    fn room(&self) -> Result<(), Stop> {
        if self.context.arena.is_full() {
            return Err(Stop::exhausted("the values that its rules make take more than 64 MiB"));
        }
        Ok(())
    }

    /// The node of a message that a chain of members names.
    fn place(&self, at: NodeId) -> Place<'a> {
        let code = self.context.code;
        match code.node(at) {
            Node::Member(operand, name) => match (code.node(operand), code.text(name)) {
                (Node::Root(Root::Request), "body") => root_of(&self.context.reading.request),
                (Node::Root(Root::Response), "body") => {
                    let reading = self.context.reading;
                    reading.exchange.response.as_ref().ok_or(NoNode).and_then(|_| root_of(&reading.response))
                }
                (_, name) => self.place(operand).map(|found| found.and_then(|value| value.get(name))),
            },
            Node::Root(Root::Item) => Ok(self.context.item),
            Node::Local(place) => self.locals.get(place as usize).map_or(Err(NoNode), json_of),
            Node::Shared(keeper, slot, _) => match self.context.memo(keeper).and_then(|memo| memo.known(slot)) {
                Some(Ok(known)) => json_of(known),
                _ => Err(NoNode),
            },
            _ => Err(NoNode),
        }
    }

    fn has(&mut self, operand: NodeId, name: TextId) -> Result<bool, Stop> {
        let name = self.context.code.text(name);
        match self.place(operand) {
            Ok(found) => Ok(found.is_some_and(|value| value.get(name).is_some())),
            Err(NoNode) => {
                let operand = self.value(operand)?;
                Ok(!matches!(member(operand, name, self.context)?, Val::Absent))
            }
        }
    }

    fn equal(&mut self, left: NodeId, right: NodeId) -> Result<bool, Stop> {
        // Most comparisons are with a literal.
        let code = self.context.code;
        match code.node(right) {
            Node::Text(text) => {
                let text = code.text(text);
                Ok(match self.place(left) {
                    Ok(found) => found.and_then(Value::as_str) == Some(text),
                    Err(NoNode) => self.value(left)?.as_str() == Some(text),
                })
            }
            Node::Null => Ok(match self.place(left) {
                Ok(found) => found.is_none_or(Value::is_null),
                Err(NoNode) => self.value(left)?.is_nothing(),
            }),
            _ => {
                let left = self.value(left)?;
                let right = self.value(right)?;
                self.spend(left.weight().min(right.weight()) / 4)?;
                Ok(left.equals(&right))
            }
        }
    }

    fn is_in(&mut self, element: NodeId, list: NodeId) -> Result<bool, Stop> {
        let element = self.value(element)?;
        if let Node::List(others) = self.context.code.unshared(list) {
            return self.is_one_of(&element, self.context.code.list(others));
        }
        let list = self.value(list)?;
        let elements = list
            .elements(self.context.arena)
            .ok_or_else(|| Stop::fault(format!("'in' needs a list, not {}", list.name_of_kind())))?;
        self.spend(elements.len() as u32 / 4)?;
        Ok(elements.iter().any(|other| other.equals(&element)))
    }

    /// `element in [a, b, c]`, without making the list.
    fn is_one_of(&mut self, element: &Val<'a>, others: &[NodeId]) -> Result<bool, Stop> {
        let text = element.as_str();
        for &other in others {
            let same = match self.context.code.node(other) {
                Node::Text(other) => text == Some(self.context.code.text(other)),
                _ => self.value(other)?.equals(element),
            };
            if same {
                return Ok(true);
            }
        }
        Ok(false)
    }

    #[inline(never)]
    fn list(&mut self, elements: Span) -> Result<Val<'a>, Stop> {
        self.room()?;
        let Context { code, arena, .. } = *self.context;
        arena.try_list(code.list(elements).iter().map(|&element| self.value(element)))
    }

    #[inline(never)]
    fn conditional(&mut self, parts: Span) -> Result<Val<'a>, Stop> {
        match *self.context.code.list(parts) {
            [condition, yes, no] => {
                let chosen = if self.truth(condition)? { yes } else { no };
                self.value(chosen)
            }
            _ => Err(Stop::fault("a condition has three parts")),
        }
    }

    #[inline(never)]
    fn compare(&mut self, comparison: Comparison, left: NodeId, right: NodeId) -> Result<bool, Stop> {
        let left = self.value(left)?;
        let right = self.value(right)?;
        let order = left.compare(&right)?;
        Ok(match comparison {
            Comparison::Less => order == Ordering::Less,
            Comparison::LessOrEqual => order != Ordering::Greater,
            Comparison::Greater => order == Ordering::Greater,
            Comparison::GreaterOrEqual => order != Ordering::Less,
        })
    }

    #[inline(never)]
    fn arithmetic(&mut self, operator: Arithmetic, left: NodeId, right: NodeId) -> Result<Val<'a>, Stop> {
        let left = self.value(left)?;
        let right = self.value(right)?;
        self.room()?;
        left.arithmetic(operator, right, self.context.arena)
    }

    fn member(&mut self, operand: NodeId, name: TextId) -> Result<Val<'a>, Stop> {
        let name = self.context.code.text(name);
        let operand = match self.context.code.node(operand) {
            Node::Root(root) => self.root(root),
            _ => self.value(operand)?,
        };
        match operand {
            Val::Json(..) => Ok(Val::option(operand.as_json().and_then(|value| value.get(name)))),
            _ => member(operand, name, self.context),
        }
    }

    /// Most calls have few arguments: these need no room on the heap.
    #[inline(never)]
    fn call(&mut self, function: Function, arguments: Span) -> Result<Val<'a>, Stop> {
        match *self.context.code.list(arguments) {
            [] => self.call_with(function, &[]),
            [only] => {
                let only = self.value(only)?;
                match function.quick(&only) {
                    Some(answer) => Ok(Val::Bool(answer)),
                    None => self.call_with(function, &[only]),
                }
            }
            [first, second] => {
                let first = self.value(first)?;
                match (function, self.context.code.node(second)) {
                    (Function::IsType, Node::Text(name)) => {
                        Ok(Val::Bool(is_type(&first, Some(self.context.code.text(name)))))
                    }
                    _ => {
                        let second = self.value(second)?;
                        self.call_with(function, &[first, second])
                    }
                }
            }
            ref arguments => {
                let arguments: Vec<Val<'a>> =
                    arguments.iter().map(|&argument| self.value(argument)).collect::<Result<_, _>>()?;
                self.call_with(function, &arguments)
            }
        }
    }

    fn call_with(&mut self, function: Function, arguments: &[Val<'a>]) -> Result<Val<'a>, Stop> {
        self.room()?;
        self.spend(function.cost(arguments, self.context))?;
        function.call(arguments, self.context)
    }

    /// `&&` as CEL has it: a side that does not hold outweighs a failure of the other side.
    #[inline]
    fn both_hold(&mut self, left: NodeId, right: NodeId) -> Result<bool, Stop> {
        match self.truth(left) {
            Ok(true) => self.truth(right),
            Ok(false) => Ok(false),
            Err(stop) => match self.truth(right) {
                Ok(false) => Ok(false),
                _ => Err(stop),
            },
        }
    }

    /// `||` as CEL has it: a side that holds outweighs a failure of the other side.
    #[inline]
    fn either_holds(&mut self, left: NodeId, right: NodeId) -> Result<bool, Stop> {
        match self.truth(left) {
            Ok(false) => self.truth(right),
            Ok(true) => Ok(true),
            Err(stop) => match self.truth(right) {
                Ok(true) => Ok(true),
                _ => Err(stop),
            },
        }
    }

    fn index(&mut self, operand: NodeId, index: NodeId) -> Result<Val<'a>, Stop> {
        let operand = self.value(operand)?;
        let index = self.value(index)?;
        if let Some(name) = index.as_str() {
            // A name worked out at run time; what it selects borrows the operand, not the name.
            return member(operand, name, self.context);
        }
        let Some(place) = index.place() else { return Ok(Val::Absent) };
        Ok(match &operand {
            Val::Json(..) => Val::option(operand.as_json().and_then(|value| value.at(place))),
            Val::List(list) => list.get(place).copied().unwrap_or(Val::Absent),
            _ => Val::Absent,
        })
    }

    #[inline(never)]
    fn fold(&mut self, kind: MacroKind, range: NodeId, body: NodeId) -> Result<Val<'a>, Stop> {
        let range = self.value(range)?;
        match range {
            Val::List(list) => self.fold_over(kind, body, list.iter().copied()),
            _ => match range.as_array() {
                Some(list) => self.fold_over(kind, body, list.items().map(Val::json)),
                None if range.is_nothing() => self.fold_over(kind, body, std::iter::empty()),
                None => Err(Stop::fault(format!("a macro runs over a list, not {}", range.name_of_kind()))),
            },
        }
    }

    fn fold_over(
        &mut self,
        kind: MacroKind,
        body: NodeId,
        elements: impl Iterator<Item = Val<'a>>,
    ) -> Result<Val<'a>, Stop> {
        let mut kept = Vec::new();
        let mut count = 0_usize;
        let mut failed = None;
        for element in elements {
            self.locals.push(element);
            let outcome = self.fold_one(kind, body, element, &mut kept, &mut count);
            self.locals.pop();
            match outcome {
                Ok(None) => {}
                Ok(Some(decided)) => return Ok(Val::Bool(decided)),
                // As with && and ||: a later element may still decide.
                Err(stop) if matches!(kind, MacroKind::All | MacroKind::Exists) && !stop.is_exhaustion() => {
                    failed = failed.or(Some(stop));
                }
                Err(stop) => return Err(stop),
            }
        }
        if let Some(stop) = failed {
            return Err(stop);
        }
        Ok(match kind {
            MacroKind::All => Val::Bool(true),
            MacroKind::Exists => Val::Bool(false),
            MacroKind::ExistsOne => Val::Bool(count == 1),
            MacroKind::Filter | MacroKind::Map => {
                self.room()?;
                self.context.arena.list(kept)
            }
        })
    }

    fn fold_one(
        &mut self,
        kind: MacroKind,
        body: NodeId,
        element: Val<'a>,
        kept: &mut Vec<Val<'a>>,
        count: &mut usize,
    ) -> Result<Option<bool>, Stop> {
        match kind {
            MacroKind::All => return Ok((!self.truth(body)?).then_some(false)),
            MacroKind::Exists => return Ok(self.truth(body)?.then_some(true)),
            MacroKind::ExistsOne => *count += usize::from(self.truth(body)?),
            MacroKind::Filter => {
                if self.truth(body)? {
                    kept.push(element);
                }
            }
            MacroKind::Map => match self.context.code.node(body) {
                Node::Filtered(filter, value) => {
                    if self.truth(filter)? {
                        kept.push(self.value(value)?);
                    }
                }
                _ => kept.push(self.value(body)?),
            },
        }
        Ok(None)
    }

    fn root(&self, root: Root) -> Val<'a> {
        let Context { reading, arena, .. } = *self.context;
        match root {
            Root::Request => Val::Request(reading),
            Root::Response => Val::Response(reading),
            Root::Call => Val::Call(reading),
            Root::Stage => arena.str(reading.stage.as_str()),
            Root::Item => Val::option(self.context.item),
            Root::Feed => Val::Feed(reading),
            Root::Flow => Val::Flow(self.context.flow),
            Root::Recording => Val::Recording,
            Root::Seen => arena.maybe(self.context.seen),
            Root::Expected => arena.maybe(self.context.expected),
        }
    }
}
