//! Evaluates compiled expressions against one exchange. Borrows everything, cannot loop for ever, calls nothing outside.

use std::cmp::Ordering;

use super::compile::{Comparison, Constant, Macro, MacroKind, Node, Root};
use super::context::Context;
use super::functions::Function;
use super::members::member;
use super::value::{Stop, Val};
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
pub fn evaluate<'a>(node: &'a Node, context: &Context<'a>) -> Result<Val<'a>, Stop> {
    with_steps(context, |evaluation| evaluation.value(node))
}

fn with_steps<'c, 'a, T>(context: &'c Context<'a>, evaluate: impl FnOnce(&mut Evaluation<'c, 'a>) -> T) -> T {
    let mut evaluation = Evaluation { context, locals: Vec::new(), steps: 0, most: context.budget.left() };
    let result = evaluate(&mut evaluation);
    context.budget.spend(evaluation.steps);
    result
}

/// Evaluates to true or false.
pub fn holds<'a>(node: &'a Node, context: &Context<'a>) -> Result<bool, Stop> {
    with_steps(context, |evaluation| evaluation.truth(node))
}

/// The response, or why there is none.
pub fn answered(reading: &Reading) -> Result<&crate::exchange::Response, Stop> {
    reading.exchange.response.as_ref().ok_or_else(|| {
        let why = reading.exchange.failure.as_ref().map_or("no answer was recorded", |failure| failure.kind.describe());
        Stop::Unseen(format!("there is no answer: {why}").into())
    })
}

/// The root of a body; `None` for an empty one.
pub fn body(content: &Content, of_request: bool) -> Result<Option<Value<'_>>, Stop> {
    let whose = if of_request { "request" } else { "response" };
    match content {
        Content::Json(document) => Ok(Some(document.root())),
        Content::Empty => Ok(None),
        Content::NotJson(_) | Content::Opaque => Err(Stop::Unseen(format!("the {whose} body is not JSON").into())),
        Content::Unreadable(why) => Err(Stop::Unseen(format!("the {whose} {why}").into())),
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
        Val::Json(node) => Ok(Some(*node)),
        Val::Absent => Ok(None),
        _ => Err(NoNode),
    }
}

impl<'a> Evaluation<'_, 'a> {
    /// True or false, without making a value of what is only asked for its truth.
    fn truth(&mut self, node: &'a Node) -> Result<bool, Stop> {
        self.spend(1)?;
        match node {
            Node::And(left, right) => self.both(left, right, false),
            Node::Or(left, right) => self.both(left, right, true),
            Node::Not(operand) => Ok(!self.truth(operand)?),
            Node::Has(operand, name) => match self.place(operand) {
                Ok(found) => Ok(found.is_some_and(|value| value.get(name).is_some())),
                Err(NoNode) => {
                    let operand = self.value(operand)?;
                    Ok(!matches!(member(operand, name, self.context)?, Val::Absent))
                }
            },
            Node::Equal(left, right, wanted) => Ok(self.equal(left, right)? == *wanted),
            Node::In(element, list) => self.is_in(element, list),
            _ => match self.known(node).and_then(Val::as_bool) {
                Some(known) => Ok(known),
                None => {
                    let value = self.value(node)?;
                    let kind = || Stop::fault(format!("{} stands where true or false is needed", value.name_of_kind()));
                    value.as_bool().ok_or_else(kind)
                }
            },
        }
    }

    /// The value of a shared part that was worked out before.
    fn known(&self, node: &Node) -> Option<&'a Val<'a>> {
        let Node::Shared(keeper, slot, _) = node else { return None };
        self.context.memo(*keeper)?.known(*slot)
    }

    /// Counts steps: one for each node, more for what looks at many values at once.
    fn spend(&mut self, steps: u32) -> Result<(), Stop> {
        self.steps = self.steps.saturating_add(steps);
        if self.steps > self.most { Err(self.context.budget.exhausted()) } else { Ok(()) }
    }

    /// Fails where there is no more room for values.
    fn room(&self) -> Result<(), Stop> {
        if self.context.arena.is_full() {
            return Err(Stop::Exhausted("the values that its rules make take more than 64 MiB"));
        }
        Ok(())
    }

    /// The node of a message that a chain of members names.
    fn place(&self, node: &'a Node) -> Place<'a> {
        match node {
            Node::Member(operand, name) => match operand.as_ref() {
                Node::Root(Root::Request) if **name == *"body" => root_of(&self.context.reading.request),
                Node::Root(Root::Response) if **name == *"body" => {
                    let reading = self.context.reading;
                    reading.exchange.response.as_ref().ok_or(NoNode).and_then(|_| root_of(&reading.response))
                }
                operand => self.place(operand).map(|found| found.and_then(|value| value.get(name))),
            },
            Node::Root(Root::Item) => Ok(self.context.item),
            Node::Local(place) => self.locals.get(*place).map_or(Err(NoNode), json_of),
            Node::Shared(..) => self.known(node).map_or(Err(NoNode), json_of),
            _ => Err(NoNode),
        }
    }

    fn equal(&mut self, left: &'a Node, right: &'a Node) -> Result<bool, Stop> {
        // Most comparisons are of a member with a literal.
        if let Node::Constant(constant @ (Constant::Str(_) | Constant::Null)) = right
            && let Ok(found) = self.place(left)
        {
            return Ok(match constant {
                Constant::Str(text) => found.and_then(Value::as_str) == Some(text),
                _ => found.is_none_or(Value::is_null),
            });
        }
        let left = self.value(left)?;
        let right = self.value(right)?;
        self.spend(left.weight().min(right.weight()) / 4)?;
        Ok(left.equals(&right))
    }

    fn is_in(&mut self, element: &'a Node, list: &'a Node) -> Result<bool, Stop> {
        let element = self.value(element)?;
        if let Node::List(others) = list.shared_part() {
            return self.is_one_of(&element, others);
        }
        let list = self.value(list)?;
        let elements = list
            .elements(self.context.arena)
            .ok_or_else(|| Stop::fault(format!("'in' needs a list, not {}", list.name_of_kind())))?;
        self.spend(elements.len() as u32 / 4)?;
        Ok(elements.iter().any(|other| other.equals(&element)))
    }

    pub fn value(&mut self, node: &'a Node) -> Result<Val<'a>, Stop> {
        self.spend(1)?;
        Ok(match node {
            Node::Constant(constant) => match constant {
                Constant::Null => Val::Null,
                Constant::Bool(value) => Val::Bool(*value),
                Constant::Int(value) => Val::Int(*value),
                Constant::Decimal(value) => Val::Decimal(*value),
                Constant::Str(text) => Val::Str(text),
                Constant::Strict => Val::Strict,
            },
            Node::Root(root) => self.root(*root),
            Node::Local(place) => self.locals.get(*place).copied().unwrap_or(Val::Absent),
            Node::Shared(..) => match self.known(node) {
                Some(known) => *known,
                None => self.worked_out(node)?,
            },
            Node::Member(..) => match self.place(node) {
                Ok(found) => Val::option(found),
                Err(NoNode) => self.worked_out(node)?,
            },
            _ => self.worked_out(node)?,
        })
    }

    /// The value of what is no mere look-up. Apart from [`Self::value`], which is short for the look-ups' sake.
    #[inline(never)]
    fn worked_out(&mut self, node: &'a Node) -> Result<Val<'a>, Stop> {
        Ok(match node {
            Node::Constant(_) | Node::Root(_) | Node::Local(_) => self.value(node)?,
            Node::Shared(keeper, slot, part) => match self.context.memo(*keeper) {
                Some(memo) => memo.value(*slot, || self.value(part))?,
                None => self.value(part)?,
            },
            Node::Member(operand, name) => {
                let operand = self.value(operand)?;
                member(operand, name, self.context)?
            }
            Node::Index(operand, index) => self.index(operand, index)?,
            Node::And(..) | Node::Or(..) | Node::Not(_) | Node::Has(..) | Node::Equal(..) | Node::In(..) => {
                Val::Bool(self.truth(node)?)
            }
            Node::Conditional(parts) => {
                let [condition, yes, no] = parts.as_ref();
                if self.truth(condition)? { self.value(yes)? } else { self.value(no)? }
            }
            Node::Compare(comparison, left, right) => {
                let left = self.value(left)?;
                let right = self.value(right)?;
                let order = left.compare(&right)?;
                Val::Bool(match comparison {
                    Comparison::Less => order == Ordering::Less,
                    Comparison::LessOrEqual => order != Ordering::Greater,
                    Comparison::Greater => order == Ordering::Greater,
                    Comparison::GreaterOrEqual => order != Ordering::Less,
                })
            }
            Node::Arithmetic(operator, left, right) => {
                let left = self.value(left)?;
                let right = self.value(right)?;
                self.room()?;
                left.arithmetic(*operator, right, self.context.arena)?
            }
            Node::Negate(operand) => {
                let operand = self.value(operand)?;
                Val::Int(0).arithmetic(super::value::Arithmetic::Subtract, operand, self.context.arena)?
            }
            Node::List(elements) => {
                self.room()?;
                self.context.arena.try_list(elements.iter().map(|element| self.value(element)))?
            }
            Node::Macro(fold) => self.fold(fold)?,
            Node::Matches(text, pattern) => {
                let text = self.value(text)?;
                Val::Bool(text.as_str().is_some_and(|text| pattern.is_match(text)))
            }
            // Most calls have few arguments: these need no room on the heap.
            Node::Call(function, arguments) => match &arguments[..] {
                [] => function.call(&[], self.context)?,
                [only] => {
                    let arguments = [self.value(only)?];
                    self.call(*function, &arguments)?
                }
                [first, second] => {
                    let arguments = [self.value(first)?, self.value(second)?];
                    self.call(*function, &arguments)?
                }
                _ => {
                    let arguments: Vec<Val<'a>> =
                        arguments.iter().map(|argument| self.value(argument)).collect::<Result<_, _>>()?;
                    self.call(*function, &arguments)?
                }
            },
        })
    }

    fn call(&mut self, function: Function, arguments: &[Val<'a>]) -> Result<Val<'a>, Stop> {
        self.room()?;
        self.spend(function.cost(arguments, self.context))?;
        function.call(arguments, self.context)
    }

    /// `element in [a, b, c]`, without making the list.
    fn is_one_of(&mut self, element: &Val<'a>, others: &'a [Node]) -> Result<bool, Stop> {
        for other in others {
            if self.value(other)?.equals(element) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// `&&` and `||` as CEL has them: a side that decides the result outweighs a failure of the other side.
    fn both(&mut self, left: &'a Node, right: &'a Node, deciding: bool) -> Result<bool, Stop> {
        let left = self.truth(left);
        if left == Ok(deciding) {
            return Ok(deciding);
        }
        let right = self.truth(right);
        if right == Ok(deciding) {
            return Ok(deciding);
        }
        left.and(right)
    }

    fn index(&mut self, operand: &'a Node, index: &'a Node) -> Result<Val<'a>, Stop> {
        let operand = self.value(operand)?;
        let index = self.value(index)?;
        if let Some(name) = index.as_str() {
            // A name worked out at run time; what it selects borrows the operand, not the name.
            return member(operand, name, self.context);
        }
        let Some(place) = index.place() else { return Ok(Val::Absent) };
        Ok(match &operand {
            Val::Json(value) => Val::option(value.at(place)),
            Val::List(list) => list.get(place).copied().unwrap_or(Val::Absent),
            _ => Val::Absent,
        })
    }

    fn fold(&mut self, fold: &'a Macro) -> Result<Val<'a>, Stop> {
        match self.value(&fold.range)? {
            Val::Json(list) if list.is_array() => self.fold_over(fold, list.items().map(Val::Json)),
            Val::List(list) => self.fold_over(fold, list.iter().copied()),
            range => {
                let elements = range
                    .elements(self.context.arena)
                    .ok_or_else(|| Stop::fault(format!("a macro runs over a list, not {}", range.name_of_kind())))?;
                self.fold_over(fold, elements.iter().copied())
            }
        }
    }

    fn fold_over(&mut self, fold: &'a Macro, elements: impl Iterator<Item = Val<'a>>) -> Result<Val<'a>, Stop> {
        let mut kept = Vec::new();
        let mut count = 0_usize;
        let mut failed = None;
        for element in elements {
            self.locals.push(element);
            let outcome = self.fold_one(fold, element, &mut kept, &mut count);
            self.locals.pop();
            match outcome {
                Ok(None) => {}
                Ok(Some(decided)) => return Ok(Val::Bool(decided)),
                Err(stop @ Stop::Exhausted(_)) => return Err(stop),
                // As with && and ||: a later element may still decide.
                Err(stop) if matches!(fold.kind, MacroKind::All | MacroKind::Exists) => failed = failed.or(Some(stop)),
                Err(stop) => return Err(stop),
            }
        }
        if let Some(stop) = failed {
            return Err(stop);
        }
        Ok(match fold.kind {
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
        fold: &'a Macro,
        element: Val<'a>,
        kept: &mut Vec<Val<'a>>,
        count: &mut usize,
    ) -> Result<Option<bool>, Stop> {
        match fold.kind {
            MacroKind::All => Ok((!self.truth(&fold.body)?).then_some(false)),
            MacroKind::Exists => Ok(self.truth(&fold.body)?.then_some(true)),
            MacroKind::ExistsOne => {
                *count += usize::from(self.truth(&fold.body)?);
                Ok(None)
            }
            MacroKind::Filter => {
                if self.truth(&fold.body)? {
                    kept.push(element);
                }
                Ok(None)
            }
            MacroKind::Map => {
                let wanted = match &fold.filter {
                    Some(filter) => self.truth(filter)?,
                    None => true,
                };
                if wanted {
                    let value = self.value(&fold.body)?;
                    kept.push(value);
                }
                Ok(None)
            }
        }
    }

    fn root(&self, root: Root) -> Val<'a> {
        let reading = self.context.reading;
        match root {
            Root::Request => Val::Request(reading),
            Root::Response => Val::Response(reading),
            Root::Call => Val::Call(reading),
            Root::Stage => Val::Str(reading.stage.as_str()),
            Root::Item => Val::option(self.context.item),
            Root::Feed => Val::Feed(reading, self.context.memory),
            Root::Flow => Val::Flow(self.context.flow),
            Root::Recording => Val::Recording(self.context.memory),
            Root::Seen => Val::text(self.context.seen),
            Root::Expected => Val::text(self.context.expected),
        }
    }
}
