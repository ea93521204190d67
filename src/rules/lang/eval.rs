//! Evaluates compiled expressions against one exchange. Borrows everything, cannot loop for ever, calls nothing outside.

mod macros;
mod paths;

use std::cmp::Ordering;

use smallvec::SmallVec;

use crate::json::Value;
use crate::rules::lang::context::Context;
use crate::rules::lang::memo::NotAPath;
use crate::rules::lang::program::{Comparison, MemoScope, Node, NodeId, Number, Root, Span, TextId};
use crate::rules::lang::value::{Arithmetic, EvalError, Val};
use crate::rules::lang::vocabulary::{Function, Member};
use crate::rules::models::json_ld::is_type;

/// An evaluation has come to an end without a value; [`Evaluation::stopped`] knows why. A result with it goes through registers,
/// as every step of every expression gives one.
#[derive(Debug, Clone, Copy)]
struct Interrupted;

/// Macros within each other whose variables take no room on the heap; few rules nest more.
const MOST_NESTED: usize = 4;

/// One evaluation: the context and the stack of macro variables.
pub struct Evaluation<'c, 'a> {
    context: &'c Context<'a>,
    locals: SmallVec<[Val<'a>; MOST_NESTED]>,
    steps: u32,
    most: u32,
    stopped: Option<EvalError>,
}

/// Evaluates to a value.
pub fn evaluate<'a>(node: NodeId, context: &Context<'a>) -> Result<Val<'a>, EvalError> {
    run(context, |evaluation| evaluation.value(node))
}

/// Evaluates to true or false.
pub fn holds(node: NodeId, context: &Context<'_>) -> Result<bool, EvalError> {
    run(context, |evaluation| evaluation.truth(node))
}

fn run<'c, 'a, T>(
    context: &'c Context<'a>,
    evaluate: impl FnOnce(&mut Evaluation<'c, 'a>) -> Result<T, Interrupted>,
) -> Result<T, EvalError> {
    let mut evaluation = Evaluation::new(context);
    let result = evaluate(&mut evaluation);
    context.budget.spend(evaluation.steps);
    result.map_err(|Interrupted| evaluation.kind())
}

impl<'c, 'a> Evaluation<'c, 'a> {
    /// An evaluation that has not begun.
    pub fn new(context: &'c Context<'a>) -> Self {
        Self { context, locals: SmallVec::new(), steps: 0, most: context.budget.left(), stopped: None }
    }

    pub fn context(&self) -> &'c Context<'a> {
        self.context
    }

    /// The value of a part; `None` if it has none, or if that takes too long.
    pub fn value_if_any(&mut self, at: NodeId) -> Option<Val<'a>> {
        self.value(at).ok()
    }

    /// Whether a part holds; `None` if that can't be told, or takes too long.
    pub fn truth_if_any(&mut self, at: NodeId) -> Option<bool> {
        self.truth(at).ok()
    }

    /// From now on there is the variable of one more macro around.
    pub fn push_local(&mut self, value: Val<'a>) {
        self.locals.push(value);
    }

    /// The variable that was pushed last is no longer there.
    pub fn pop_local(&mut self) {
        self.locals.pop();
    }
}

impl<'a> Evaluation<'_, 'a> {
    /// True or false, without making a value of what is only asked for its truth.
    fn truth(&mut self, at: NodeId) -> Result<bool, Interrupted> {
        self.spend(1)?;
        let value = match *self.context.program.node(at) {
            Node::All(parts) => return self.decide(parts, false),
            Node::Any(parts) => return self.decide(parts, true),
            Node::Not(operand) => return Ok(!self.truth(operand)?),
            Node::Equal(left, right) => return self.equal(left, right),
            Node::Unequal(left, right) => return Ok(!self.equal(left, right)?),
            Node::Has(operand, name) => return self.has(operand, name),
            Node::In(element, list) => return self.is_in(element, list),
            Node::Shared(keeper, slot, part) => self.shared(keeper, slot, part)?,
            Node::Call(function, arguments) => self.call(function, arguments)?,
            ref node => self.value_of(node)?,
        };
        match value {
            Val::True => Ok(true),
            Val::False => Ok(false),
            _ => match value.as_bool() {
                Some(value) => Ok(value),
                None => self.fault(|| format!("{} stands where true or false is needed", value.name_of_kind())),
            },
        }
    }

    /// Any value.
    fn value(&mut self, at: NodeId) -> Result<Val<'a>, Interrupted> {
        self.spend(1)?;
        self.value_of(self.context.program.node(at))
    }

    /// Short, for the look-ups' sake: what takes longer has functions of its own.
    fn value_of(&mut self, node: &Node) -> Result<Val<'a>, Interrupted> {
        let program = self.context.program;
        match *node {
            Node::Text(text) => Ok(self.context.arena.str(program.text(text))),
            Node::Local(steps) => Ok(self.local(steps).copied().unwrap_or(Val::Absent)),
            Node::Shared(keeper, slot, part) => self.shared(keeper, slot, part),
            Node::Found(start, slot, part) => match self.found(start, slot, part) {
                Ok(found) => Ok(self.context.arena.node(found)),
                Err(NotAPath) => self.value(part),
            },
            Node::Body(message) => self.body(message),
            Node::Member(operand, name) => self.member(operand, name),
            Node::Select(operand, member) => self.select(operand, member),
            Node::Call(function, arguments) => self.call(function, arguments),
            Node::Root(root) => Ok(self.root(root)),
            Node::Null => Ok(Val::Null),
            Node::Bool(value) => Ok(Val::bool(value)),
            Node::Strict => Ok(Val::Strict),
            Node::Number(place) => Ok(match program.number(place) {
                Number::Int(value) => Val::Int(value),
                Number::Decimal(value) => self.context.arena.decimal(value),
            }),
            Node::Index(operand, index) => self.index(operand, index),
            Node::All(parts) => self.decide(parts, false).map(Val::bool),
            Node::Any(parts) => self.decide(parts, true).map(Val::bool),
            Node::Not(operand) => Ok(Val::bool(!self.truth(operand)?)),
            Node::Has(operand, name) => self.has(operand, name).map(Val::bool),
            Node::Equal(left, right) => self.equal(left, right).map(Val::bool),
            Node::Unequal(left, right) => Ok(Val::bool(!self.equal(left, right)?)),
            Node::In(element, list) => self.is_in(element, list).map(Val::bool),
            Node::Macro(kind, range, body) => self.fold(kind, range, body),
            Node::List(elements) => self.list(elements),
            Node::Conditional(parts) => self.conditional(parts),
            Node::Compare(comparison, left, right) => self.compare(comparison, left, right).map(Val::bool),
            Node::Arithmetic(operator, left, right) => self.arithmetic(operator, left, right),
            Node::Negate(operand) => {
                let operand = self.value(operand)?;
                self.or_halt(Val::Int(0).arithmetic(Arithmetic::Subtract, operand, self.context.arena))
            }
            Node::Matches(text, pattern) => {
                let text = self.value(text)?;
                Ok(Val::bool(text.as_str().is_some_and(|text| program.pattern(pattern).is_match(text))))
            }
            Node::Filtered(..) => self.fault(|| "a filter stands alone".to_owned()),
        }
    }

    /// The value of the variable of a macro around.
    fn local(&self, steps: u32) -> Option<&Val<'a>> {
        self.locals.len().checked_sub(steps as usize + 1).and_then(|place| self.locals.get(place))
    }

    /// The value of a part that is kept once it is known.
    fn shared(&mut self, keeper: MemoScope, slot: u16, part: NodeId) -> Result<Val<'a>, Interrupted> {
        let Some(memo) = self.context.memo(keeper) else { return self.value(part) };
        match memo.known(slot) {
            Some(known) => Ok(known),
            None => {
                let value = self.value(part)?;
                memo.keep(slot, value);
                Ok(value)
            }
        }
    }

    /// Ends the evaluation, or as much of it as nothing else decides.
    #[cold]
    fn halt<T>(&mut self, stop: EvalError) -> Result<T, Interrupted> {
        self.stopped = Some(stop);
        Err(Interrupted)
    }

    #[cold]
    fn fault<T>(&mut self, what: impl FnOnce() -> String) -> Result<T, Interrupted> {
        self.halt(EvalError::fault(what()))
    }

    fn or_halt<T>(&mut self, result: Result<T, EvalError>) -> Result<T, Interrupted> {
        result.or_else(|stop| self.halt(stop))
    }

    /// Why it was halted.
    #[cold]
    fn kind(&mut self) -> EvalError {
        self.stopped.take().unwrap_or_else(|| EvalError::fault("it ended without a reason"))
    }

    /// Counts steps: one for each node, more for what looks at many values at once.
    fn spend(&mut self, steps: u32) -> Result<(), Interrupted> {
        self.steps = self.steps.saturating_add(steps);
        if self.steps > self.most { self.halt(self.context.budget.exhausted()) } else { Ok(()) }
    }

    /// Fails where there is no more room for values.
    fn room(&mut self) -> Result<(), Interrupted> {
        if self.context.arena.is_full() {
            return self.halt(EvalError::exhausted("the values that its rules make take more than 64 MiB"));
        }
        Ok(())
    }

    fn equal(&mut self, left: NodeId, right: NodeId) -> Result<bool, Interrupted> {
        // Most comparisons are with a literal.
        let program = self.context.program;
        match *program.node(right) {
            Node::Text(text) => {
                let text = program.text(text);
                Ok(match self.place(left) {
                    Ok(found) => found.and_then(Value::as_str) == Some(text),
                    Err(NotAPath) => self.value(left)?.as_str() == Some(text),
                })
            }
            Node::Null => Ok(match self.place(left) {
                Ok(found) => found.is_none_or(Value::is_null),
                Err(NotAPath) => self.value(left)?.is_nothing(),
            }),
            _ => {
                let left = self.value(left)?;
                let right = self.value(right)?;
                self.spend(left.weight().min(right.weight()) / 4)?;
                Ok(left.equals(&right))
            }
        }
    }

    fn is_in(&mut self, element: NodeId, list: NodeId) -> Result<bool, Interrupted> {
        let element = self.value(element)?;
        if let Node::List(others) = self.context.program.unshared(list) {
            return self.is_one_of(&element, self.context.program.list(others));
        }
        let list = self.value(list)?;
        let Some(elements) = list.elements(self.context.arena) else {
            return self.fault(|| format!("'in' needs a list, not {}", list.name_of_kind()));
        };
        self.spend(elements.len() as u32 / 4)?;
        Ok(elements.iter().any(|other| other.equals(&element)))
    }

    /// `element in [a, b, c]`, without making the list.
    fn is_one_of(&mut self, element: &Val<'a>, others: &[NodeId]) -> Result<bool, Interrupted> {
        let text = element.as_str();
        for &other in others {
            let same = match *self.context.program.node(other) {
                Node::Text(other) => text == Some(self.context.program.text(other)),
                _ => self.value(other)?.equals(element),
            };
            if same {
                return Ok(true);
            }
        }
        Ok(false)
    }

    #[inline(never)]
    fn list(&mut self, elements: Span) -> Result<Val<'a>, Interrupted> {
        self.room()?;
        let Context { program, arena, .. } = *self.context;
        arena.try_list(program.list(elements).iter().map(|&element| self.value(element)))
    }

    #[inline(never)]
    fn conditional(&mut self, parts: Span) -> Result<Val<'a>, Interrupted> {
        match *self.context.program.list(parts) {
            [condition, yes, no] => {
                let chosen = if self.truth(condition)? { yes } else { no };
                self.value(chosen)
            }
            _ => self.fault(|| "a condition has three parts".to_owned()),
        }
    }

    #[inline(never)]
    fn compare(&mut self, comparison: Comparison, left: NodeId, right: NodeId) -> Result<bool, Interrupted> {
        let left = self.value(left)?;
        let right = self.value(right)?;
        let order = self.or_halt(left.compare(&right))?;
        Ok(match comparison {
            Comparison::Less => order == Ordering::Less,
            Comparison::LessOrEqual => order != Ordering::Greater,
            Comparison::Greater => order == Ordering::Greater,
            Comparison::GreaterOrEqual => order != Ordering::Less,
        })
    }

    #[inline(never)]
    fn arithmetic(&mut self, operator: Arithmetic, left: NodeId, right: NodeId) -> Result<Val<'a>, Interrupted> {
        let left = self.value(left)?;
        let right = self.value(right)?;
        self.room()?;
        self.or_halt(left.arithmetic(operator, right, self.context.arena))
    }

    fn member(&mut self, operand: NodeId, name: TextId) -> Result<Val<'a>, Interrupted> {
        let name = self.context.program.text(name);
        let operand = match *self.context.program.node(operand) {
            Node::Root(root) => self.root(root),
            _ => self.value(operand)?,
        };
        match operand {
            Val::Json(value) => Ok(self.context.arena.node(value.get(name))),
            _ => self.or_halt((self.context.builtins.member)(operand, name, self.context)),
        }
    }

    fn select(&mut self, operand: NodeId, member: Member) -> Result<Val<'a>, Interrupted> {
        let operand = match *self.context.program.node(operand) {
            Node::Root(root) => self.root(root),
            _ => self.value(operand)?,
        };
        self.or_halt((self.context.builtins.select)(operand, member, self.context))
    }

    /// Most calls have few arguments: these need no room on the heap.
    #[inline(never)]
    fn call(&mut self, function: Function, arguments: Span) -> Result<Val<'a>, Interrupted> {
        match *self.context.program.list(arguments) {
            [] => self.call_with(function, &[]),
            [only] => {
                let only = self.value(only)?;
                match function.quick(&only) {
                    Some(answer) => Ok(Val::bool(answer)),
                    None => self.call_with(function, &[only]),
                }
            }
            [first, second] => {
                let first = self.value(first)?;
                match (function, self.context.program.node(second)) {
                    (Function::IsType, Node::Text(name)) => {
                        let name = self.context.program.text(*name);
                        Ok(Val::bool(first.as_json().is_some_and(|node| is_type(node, name))))
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

    fn call_with(&mut self, function: Function, arguments: &[Val<'a>]) -> Result<Val<'a>, Interrupted> {
        self.room()?;
        self.spend((self.context.builtins.cost)(function, arguments, self.context))?;
        self.or_halt((self.context.builtins.call)(function, arguments, self.context))
    }

    /// `&&` and `||` as CEL has them: a part that decides outweighs a failure of another one.
    #[inline]
    fn decide(&mut self, parts: Span, decisive: bool) -> Result<bool, Interrupted> {
        let mut failed = None;
        for &part in self.context.program.list(parts) {
            match self.truth(part) {
                Ok(holds) if holds == decisive => return Ok(decisive),
                Ok(_) => {}
                Err(Interrupted) => failed = failed.or(self.stopped.take()),
            }
        }
        match failed {
            None => Ok(!decisive),
            Some(stop) => self.halt(stop),
        }
    }

    fn index(&mut self, operand: NodeId, index: NodeId) -> Result<Val<'a>, Interrupted> {
        let operand = self.value(operand)?;
        let index = self.value(index)?;
        if let Some(name) = index.as_str() {
            // A name worked out at run time; what it selects borrows the operand, not the name.
            return self.or_halt((self.context.builtins.member)(operand, name, self.context));
        }
        let Some(place) = index.place() else { return Ok(Val::Absent) };
        Ok(match &operand {
            Val::Json(value) => self.context.arena.node(value.at(place)),
            Val::List(list) => list.get(place).copied().unwrap_or(Val::Absent),
            _ => Val::Absent,
        })
    }

    fn root(&self, root: Root) -> Val<'a> {
        let Context { reading, arena, .. } = *self.context;
        match root {
            Root::Request => Val::Request(reading),
            Root::Response => Val::Response(reading),
            Root::Call => Val::Call(reading),
            Root::Stage => arena.str(reading.stage.as_str()),
            Root::Item => arena.node(self.context.item),
            Root::Feed => Val::Feed(reading),
            Root::Flow => Val::Flow(self.context.flow),
            Root::Recording => Val::Recording,
            Root::Seen => arena.maybe(self.context.seen),
            Root::Expected => arena.maybe(self.context.expected),
        }
    }
}
