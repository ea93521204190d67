//! Evaluates compiled expressions against one exchange. Borrows everything, cannot loop for ever, calls nothing outside.
//!
//! One evaluator for each kind of part: [`Evaluation::bool`], [`Evaluation::value`] and, in [`paths`], [`Evaluation::path`].

mod macros;
mod paths;

use std::cmp::Ordering;

use smallvec::SmallVec;

use crate::json::Value;
use crate::rules::lang::context::RuleContext;
use crate::rules::lang::function::FunctionCall;
use crate::rules::lang::node::{
    Arithmetic, BoolId, BoolNode, Comparison, FunctionId, NumberLiteral, PathRoot, Span, ValueId, ValueNode,
};
use crate::rules::lang::value::{EvalError, Val};

/// An evaluation has come to an end without a value; [`Evaluation::stopped`] knows why. A result with it goes through registers,
/// as every step of every expression gives one.
#[derive(Debug, Clone, Copy)]
struct Interrupted;

/// Macros within each other whose variables take no room on the heap; few rules nest more.
const MOST_NESTED: usize = 4;

/// One evaluation: the context and the stack of macro variables.
pub(crate) struct Evaluation<'c, 'a> {
    context: &'c RuleContext<'a>,
    locals: SmallVec<[Val<'a>; MOST_NESTED]>,
    steps: u32,
    most: u32,
    stopped: Option<EvalError>,
}

/// Arguments of a call that take no room on the heap; no function has more.
const MOST_ARGUMENTS: usize = 3;

/// Evaluates to a value.
pub(crate) fn evaluate<'a>(node: ValueId, context: &RuleContext<'a>) -> Result<Val<'a>, EvalError> {
    run(context, |evaluation| evaluation.value(node))
}

/// Evaluates to true or false.
pub(crate) fn holds(node: BoolId, context: &RuleContext<'_>) -> Result<bool, EvalError> {
    run(context, |evaluation| evaluation.bool(node))
}

fn run<'c, 'a, T>(
    context: &'c RuleContext<'a>,
    evaluate: impl FnOnce(&mut Evaluation<'c, 'a>) -> Result<T, Interrupted>,
) -> Result<T, EvalError> {
    let mut evaluation = Evaluation::new(context);
    let result = evaluate(&mut evaluation);
    context.budget.spend(evaluation.steps);
    result.map_err(|Interrupted| evaluation.kind())
}

impl<'c, 'a> Evaluation<'c, 'a> {
    /// An evaluation that has not begun.
    pub(crate) fn new(context: &'c RuleContext<'a>) -> Self {
        Self { context, locals: SmallVec::new(), steps: 0, most: context.budget.left(), stopped: None }
    }

    pub(crate) fn context(&self) -> &'c RuleContext<'a> {
        self.context
    }

    /// The value of a part; `None` if it has none, or if that takes too long.
    pub(crate) fn value_if_any(&mut self, at: ValueId) -> Option<Val<'a>> {
        self.value(at).ok()
    }

    /// Whether a part holds; `None` if that can't be told, or takes too long.
    pub(crate) fn bool_if_any(&mut self, at: BoolId) -> Option<bool> {
        self.bool(at).ok()
    }

    /// From now on there is the variable of one more macro around.
    pub(crate) fn push_local(&mut self, value: Val<'a>) {
        self.locals.push(value);
    }

    /// The variable that was pushed last is no longer there.
    pub(crate) fn pop_local(&mut self) {
        self.locals.pop();
    }
}

impl<'a> Evaluation<'_, 'a> {
    /// Whether a part is true.
    fn bool(&mut self, at: BoolId) -> Result<bool, Interrupted> {
        self.spend(1)?;
        let program = self.context.program;
        match *program.bool(at) {
            BoolNode::All(parts) => self.decide(parts, false),
            BoolNode::Any(parts) => self.decide(parts, true),
            BoolNode::Not(part) => Ok(!self.bool(part)?),
            BoolNode::Shared(scope, slot, part) => {
                let Some(memo) = self.context.memo(scope) else { return self.bool(part) };
                if let Some(known) = memo.bool(slot) {
                    return Ok(known);
                }
                let value = self.bool(part)?;
                memo.keep_bool(slot, value);
                Ok(value)
            }
            BoolNode::PathIsText(path, text) => {
                let text = program.text(text);
                Ok(self.path(path)?.is_some_and(|found| found.is_str(text)))
            }
            BoolNode::PathIsNothing(path) => Ok(self.path(path)?.is_none_or(Value::is_null)),
            BoolNode::Exists(path) => Ok(self.path(path)?.is_some()),
            BoolNode::IsText(value, text) => Ok(self.value(value)?.as_str() == Some(program.text(text))),
            BoolNode::IsNothing(value) => Ok(self.value(value)?.is_nothing()),
            BoolNode::Call(function, arguments) => {
                let value = self.call(function, arguments)?;
                self.truth(value)
            }
            BoolNode::Value(value) => {
                let value = self.value(value)?;
                self.truth(value)
            }
            BoolNode::OneOf(element, others) => self.is_one_of(element, others),
            BoolNode::Macro(quantifier, range, body) => self.quantify(quantifier, range, body),
            BoolNode::Conditional(condition, branches) => {
                let chosen = self.bool(condition)?;
                self.bool(program.bool_branch(branches, chosen))
            }
            BoolNode::Constant(value) => Ok(value),
            BoolNode::Equal(left, right) => self.equal(left, right),
            BoolNode::Compare(comparison, left, right) => self.compare(comparison, left, right),
            BoolNode::In(element, list) => self.is_in(element, list),
            BoolNode::Has(operand, name) => {
                let operand = self.value(operand)?;
                let member = (self.context.builtins.member)(operand, program.text(name), self.context);
                Ok(!matches!(self.or_halt(member)?, Val::Absent))
            }
            BoolNode::Matches(text, pattern) => {
                let text = self.value(text)?;
                Ok(text.as_str().is_some_and(|text| program.pattern(pattern).is_match(text)))
            }
        }
    }

    /// A value that has to be true or false.
    fn truth(&mut self, value: Val<'a>) -> Result<bool, Interrupted> {
        match value {
            Val::True => Ok(true),
            Val::False => Ok(false),
            _ => match value.as_bool() {
                Some(value) => Ok(value),
                None => self.unusable(|| format!("{} stands where true or false is needed", value.name_of_kind())),
            },
        }
    }

    /// Any value.
    fn value(&mut self, at: ValueId) -> Result<Val<'a>, Interrupted> {
        self.spend(1)?;
        let RuleContext { program, arena, .. } = *self.context;
        match *program.value(at) {
            ValueNode::Path(path) => self.path(path).map(|found| arena.node(found)),
            ValueNode::Text(text) => Ok(Val::Literal(program.literal(text))),
            ValueNode::Local(steps) => Ok(self.local(steps).copied().unwrap_or(Val::Absent)),
            ValueNode::Shared(scope, slot, part) => {
                let Some(memo) = self.context.memo(scope) else { return self.value(part) };
                if let Some(known) = memo.value(slot) {
                    return Ok(known);
                }
                let value = self.value(part)?;
                memo.keep_value(slot, value);
                Ok(value)
            }
            ValueNode::Call(function, arguments) => self.call(function, arguments),
            ValueNode::Root(root) => Ok(self.root(root)),
            ValueNode::Select(operand, member) => {
                let operand = self.operand(operand)?;
                self.or_halt((self.context.builtins.select)(operand, member, self.context))
            }
            ValueNode::Member(operand, name) => {
                let name = program.text(name);
                match self.operand(operand)? {
                    Val::Json(value) => Ok(arena.node(value.get(name))),
                    operand => self.or_halt((self.context.builtins.member)(operand, name, self.context)),
                }
            }
            ValueNode::Bool(part) => self.bool(part).map(Val::bool),
            ValueNode::Null => Ok(Val::Null),
            ValueNode::Strict => Ok(Val::Strict),
            ValueNode::Number(place) => Ok(match program.number(place) {
                NumberLiteral::Int(value) => Val::Int(value),
                NumberLiteral::Decimal(value) => arena.decimal(value),
            }),
            ValueNode::Index(operand, index) => self.index(operand, index),
            ValueNode::List(elements) => self.list(elements),
            ValueNode::Conditional(condition, branches) => {
                let chosen = self.bool(condition)?;
                self.value(program.branch(branches, chosen))
            }
            ValueNode::Arithmetic(operator, left, right) => self.arithmetic(operator, left, right),
            ValueNode::Negate(operand) => {
                let operand = self.value(operand)?;
                self.or_halt(Val::Int(0).arithmetic(Arithmetic::Subtract, operand, arena))
            }
            ValueNode::Filter(range, condition) => self.filter(range, condition),
            ValueNode::Map(range, value) => self.map(range, value, None),
            ValueNode::MapWhere(parts, condition) => {
                let [range, value] = program.pair(parts);
                self.map(range, value, Some(condition))
            }
        }
    }

    /// The value of an operand: most are roots, which cost no step.
    fn operand(&mut self, at: ValueId) -> Result<Val<'a>, Interrupted> {
        match *self.context.program.value(at) {
            ValueNode::Root(root) => Ok(self.root(root)),
            _ => self.value(at),
        }
    }

    /// The value of the variable of a macro around.
    fn local(&self, steps: u32) -> Option<&Val<'a>> {
        self.locals.len().checked_sub(steps as usize + 1).and_then(|place| self.locals.get(place))
    }

    /// Ends the evaluation, or as much of it as nothing else decides.
    #[cold]
    fn halt<T>(&mut self, stop: EvalError) -> Result<T, Interrupted> {
        self.stopped = Some(stop);
        Err(Interrupted)
    }

    #[cold]
    fn unusable<T>(&mut self, what: impl FnOnce() -> String) -> Result<T, Interrupted> {
        self.halt(EvalError::unusable(what()))
    }

    fn or_halt<T>(&mut self, result: Result<T, EvalError>) -> Result<T, Interrupted> {
        result.or_else(|stop| self.halt(stop))
    }

    /// Why it was halted.
    #[cold]
    fn kind(&mut self) -> EvalError {
        self.stopped.take().unwrap_or_else(|| EvalError::failed("it ended without a reason"))
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

    #[inline(never)]
    fn equal(&mut self, left: ValueId, right: ValueId) -> Result<bool, Interrupted> {
        let left = self.value(left)?;
        let right = self.value(right)?;
        self.spend(left.weight().min(right.weight()) / 4)?;
        Ok(left.equals(&right))
    }

    #[inline(never)]
    fn is_in(&mut self, element: ValueId, list: ValueId) -> Result<bool, Interrupted> {
        let element = self.value(element)?;
        let list = self.value(list)?;
        let Some(elements) = list.elements(self.context.arena) else {
            return self.unusable(|| format!("it looks for a value in a list, not in {}", list.name_of_kind()));
        };
        self.spend(elements.len() as u32 / 4)?;
        Ok(elements.iter().any(|other| other.equals(&element)))
    }

    /// `element in [a, b, c]`, without making the list.
    #[inline(never)]
    fn is_one_of(&mut self, element: ValueId, others: Span) -> Result<bool, Interrupted> {
        let element = self.value(element)?;
        let (text, program) = (element.as_str(), self.context.program);
        for other in program.values_of(others) {
            let same = match *program.value(other) {
                ValueNode::Text(other) => text == Some(program.text(other)),
                _ => self.value(other)?.equals(&element),
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
        let RuleContext { program, arena, .. } = *self.context;
        arena.try_list(program.values_of(elements).map(|element| self.value(element)))
    }

    #[inline(never)]
    fn compare(&mut self, comparison: Comparison, left: ValueId, right: ValueId) -> Result<bool, Interrupted> {
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
    fn arithmetic(&mut self, operator: Arithmetic, left: ValueId, right: ValueId) -> Result<Val<'a>, Interrupted> {
        let left = self.value(left)?;
        let right = self.value(right)?;
        self.room()?;
        self.or_halt(left.arithmetic(operator, right, self.context.arena))
    }

    #[inline(never)]
    fn call(&mut self, function: FunctionId, arguments: Span) -> Result<Val<'a>, Interrupted> {
        let context = self.context;
        let mut values = SmallVec::<[Val<'a>; MOST_ARGUMENTS]>::new();
        for argument in context.program.values_of(arguments) {
            values.push(self.value(argument)?);
        }
        let function = context.builtins.function(function);
        let call = FunctionCall { arguments: &values, context };
        self.room()?;
        if let Some(cost) = function.cost {
            self.spend(cost(&call))?;
        }
        self.or_halt((function.apply)(&call))
    }

    /// `&&` and `||` as CEL has them: a part that decides outweighs a failure of another one.
    #[inline]
    fn decide(&mut self, parts: Span, decisive: bool) -> Result<bool, Interrupted> {
        let mut failed = None;
        for part in self.context.program.bools_of(parts) {
            match self.bool(part) {
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

    #[inline(never)]
    fn index(&mut self, operand: ValueId, index: ValueId) -> Result<Val<'a>, Interrupted> {
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

    fn root(&self, root: PathRoot) -> Val<'a> {
        let RuleContext { parsed, arena, .. } = *self.context;
        match root {
            PathRoot::Request => Val::Request(parsed),
            PathRoot::Response => Val::Response(parsed),
            PathRoot::Call => Val::Call(parsed),
            PathRoot::Stage => arena.str(parsed.stage.as_str()),
            PathRoot::Item => arena.node(self.context.item),
            PathRoot::Feed => Val::Feed(parsed),
            PathRoot::Flow => Val::Flow(self.context.flow),
            PathRoot::Recording => Val::Recording,
            PathRoot::Seen => arena.maybe(self.context.seen),
            PathRoot::Expected => arena.maybe(self.context.expected),
        }
    }
}
