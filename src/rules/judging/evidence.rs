//! The earlier exchanges that the outcome of an expression rests on.
//!
//! ```text
//! expression, outcome ─► the parts that decided it ─► what these look at ─► exchanges other than the judged one
//! !feed.due.exists(c, c.seconds_ago > 300), false  ─► the first c for which that holds
//! ```
//!
//! Only a rule that has failed is asked, so every part is evaluated again and nothing of it is kept.

use crate::openbooking::ParsedExchange;
use crate::rules::builtins::select::seen_in;
use crate::rules::lang::context::RuleContext;
use crate::rules::lang::eval::Evaluation;
use crate::rules::lang::function::FunctionCall;
use crate::rules::lang::members::Member;
use crate::rules::lang::node::{
    BoolId, BoolNode, FunctionId, NodeId, PathNode, PathStart, Quantifier, Span, ValueId, ValueNode,
};
use crate::rules::lang::value::Val;
use crate::rules::state::exchange_ref::ExchangeRef;

/// The exchanges that made an expression true or false. Empty if it rests on the judged exchange alone, or on something
/// that did not happen.
pub(crate) fn evidence(part: NodeId, outcome: bool, context: &RuleContext<'_>) -> Vec<ExchangeRef> {
    let mut search = EvidenceSearch::new(context);
    match part {
        NodeId::Bool(part) => search.decided(part, outcome),
        NodeId::Value(value) => search.decided_value(value, outcome),
        NodeId::Path(_) => {}
    }
    search.found
}

/// The exchanges that a value was read from; the exchange itself where the value is one.
pub(crate) fn exchanges_of(value: ValueId, context: &RuleContext<'_>) -> Vec<ExchangeRef> {
    let mut search = EvidenceSearch::new(context);
    search.looked_at_value(value);
    search.found
}

struct EvidenceSearch<'c, 'a> {
    evaluation: Evaluation<'c, 'a>,
    /// For each variable of a macro the exchanges that its value was read from.
    locals: Vec<Vec<ExchangeRef>>,
    found: Vec<ExchangeRef>,
}

impl<'c, 'a> EvidenceSearch<'c, 'a> {
    fn new(context: &'c RuleContext<'a>) -> Self {
        Self { evaluation: Evaluation::new(context), locals: Vec::new(), found: Vec::new() }
    }

    fn context(&self) -> &'c RuleContext<'a> {
        self.evaluation.context()
    }

    /// False for a part that looks at the judged exchange alone.
    fn may_rest_on_earlier(&self, at: NodeId) -> bool {
        self.context().program.may_rest_on_earlier(at)
    }

    /// The value of a part; `None` if it has none, or if that takes too long.
    fn value(&mut self, at: ValueId) -> Option<Val<'a>> {
        self.evaluation.value_if_any(at)
    }

    /// The elements of a list; none if it is none.
    fn elements(&mut self, at: ValueId) -> &'a [Val<'a>] {
        self.value(at).and_then(|list| list.elements(self.context().arena)).unwrap_or_default()
    }

    fn bool(&mut self, at: BoolId) -> Option<bool> {
        self.evaluation.bool_if_any(at)
    }

    /// Adds what made a value true or false.
    fn decided_value(&mut self, at: ValueId, outcome: bool) {
        if !self.may_rest_on_earlier(NodeId::Value(at)) {
            return;
        }
        let program = self.context().program;
        match program.unshared(at) {
            ValueNode::Bool(part) => self.decided(part, outcome),
            ValueNode::Conditional(condition, branches) => self.chosen(condition, |search, chosen| {
                search.decided_value(program.branch(branches, chosen), outcome);
            }),
            _ => self.looked_at_value(at),
        }
    }

    /// Adds what made a part true or false.
    fn decided(&mut self, at: BoolId, outcome: bool) {
        if !self.may_rest_on_earlier(NodeId::Bool(at)) {
            return;
        }
        let program = self.context().program;
        match program.unshared_bool(at) {
            BoolNode::All(parts) => self.decided_by(parts, outcome, !outcome),
            BoolNode::Any(parts) => self.decided_by(parts, outcome, outcome),
            BoolNode::Not(part) => self.decided(part, !outcome),
            BoolNode::Value(value) => self.decided_value(value, outcome),
            BoolNode::Conditional(condition, branches) => self.chosen(condition, |search, chosen| {
                search.decided(program.bool_branch(branches, chosen), outcome);
            }),
            BoolNode::Macro(Quantifier::All, range, body) if !outcome => self.decided_in(range, body, false),
            BoolNode::Macro(Quantifier::Exists, range, body) if outcome => self.decided_in(range, body, true),
            BoolNode::Macro(quantifier @ (Quantifier::All | Quantifier::Exists), range, body) => {
                let known = self.found.len();
                self.looked_at_value(range);
                let elements = self.elements(range);
                if self.found.len() == known && elements.first().is_some_and(|one| one.as_json().is_some()) {
                    // All nodes of a message are alike: the first stands for them.
                    self.decided_in(range, body, quantifier == Quantifier::All);
                }
            }
            _ => self.looked_at_bool(at),
        }
    }

    /// Adds what made parts of `&&` or `||` come out as the whole did: the first alone, if one is enough.
    fn decided_by(&mut self, parts: Span, outcome: bool, one_is_enough: bool) {
        for part in self.context().program.bools_of(parts) {
            if self.bool(part) == Some(outcome) {
                self.decided(part, outcome);
                if one_is_enough {
                    return;
                }
            }
        }
    }

    /// Adds what the first element rests on for which the body of a macro is as it is asked for.
    fn decided_in(&mut self, range: ValueId, body: BoolId, outcome: bool) {
        let elements = self.elements(range);
        let before = std::mem::take(&mut self.found);
        self.looked_at_value(range);
        let of_range = std::mem::replace(&mut self.found, before);
        for &element in elements {
            let own = self.exchange_of(&element);
            self.evaluation.push_local(element);
            self.locals.push(own.map_or_else(|| of_range.clone(), |own| vec![own]));
            let is_it = self.bool(body) == Some(outcome);
            if is_it {
                let known = self.found.len();
                self.found.extend(own);
                if own.is_none() {
                    self.decided(body, outcome);
                }
                if self.found.len() == known {
                    self.found.extend(&of_range);
                }
            }
            self.evaluation.pop_local();
            self.locals.pop();
            if is_it {
                return;
            }
        }
    }

    /// Adds the exchanges that a part looks at.
    fn looked_at(&mut self, at: NodeId) {
        match at {
            NodeId::Bool(part) => self.looked_at_bool(part),
            NodeId::Value(value) => self.looked_at_value(value),
            NodeId::Path(path) => {
                if let PathNode { start: PathStart::Local(steps), .. } = *self.context().program.path(path) {
                    self.looked_at_local(steps);
                }
            }
        }
    }

    fn looked_at_parts_of(&mut self, at: NodeId) {
        self.context().program.children(at).into_iter().for_each(|child| self.looked_at(child));
    }

    fn looked_at_local(&mut self, steps: u32) {
        let known = self.locals.iter().rev().nth(steps as usize).cloned().unwrap_or_default();
        self.found.extend(known);
    }

    fn looked_at_bool(&mut self, at: BoolId) {
        let part = NodeId::Bool(at);
        if !self.may_rest_on_earlier(part) {
            return;
        }
        match self.context().program.unshared_bool(at) {
            BoolNode::Call(function, arguments) => self.called(function, arguments),
            BoolNode::In(element, list) => {
                let email = self.value(element).and_then(|element| element.as_str());
                match email
                    .filter(|_| self.is_list_of_emails(list))
                    .and_then(|email| self.context().state.sent_in(email))
                {
                    Some(sent_in) => self.found.push(sent_in),
                    None => [element, list].into_iter().for_each(|operand| self.looked_at_value(operand)),
                }
            }
            BoolNode::Macro(Quantifier::All | Quantifier::Exists, ..)
            | BoolNode::All(_)
            | BoolNode::Any(_)
            | BoolNode::Not(_)
            | BoolNode::Conditional(..) => {
                if let Some(outcome) = self.bool(at) {
                    self.decided(at, outcome);
                }
            }
            BoolNode::Macro(Quantifier::ExistsOne, range, _) => self.looked_at_value(range),
            BoolNode::Shared(_, _, part) => self.looked_at_bool(part),
            _ => self.looked_at_parts_of(part),
        }
    }

    fn looked_at_value(&mut self, at: ValueId) {
        let part = NodeId::Value(at);
        if !self.may_rest_on_earlier(part) {
            return;
        }
        let program = self.context().program;
        match program.unshared(at) {
            ValueNode::Local(steps) => self.looked_at_local(steps),
            ValueNode::Select(operand, member) => {
                let seen_in = self.value(operand).and_then(|operand| seen_in(&operand, member, self.context()));
                if let Some(seen_in) = seen_in {
                    self.found.push(seen_in);
                } else if !self.is_exchange(at) {
                    self.looked_at_value(operand);
                }
            }
            ValueNode::Member(operand, _) => {
                if !self.is_exchange(at) {
                    self.looked_at_value(operand);
                }
            }
            ValueNode::Index(operand, index) => {
                let key = self.value(index).and_then(|index| index.as_str());
                if let Some(Val::Names(names)) = self.value(operand)
                    && let Some((_, seen_in)) = key.and_then(|key| names.get(key))
                {
                    self.found.push(*seen_in);
                } else if !self.is_exchange(at) {
                    self.looked_at_value(operand);
                    self.looked_at_value(index);
                }
            }
            ValueNode::Call(function, arguments) => {
                if !self.is_exchange(at) {
                    self.called(function, arguments);
                }
            }
            ValueNode::Filter(range, _) | ValueNode::Map(range, _) => self.looked_at_made_list(at, range),
            ValueNode::MapWhere(parts, _) => {
                let [range, _] = program.pair(parts);
                self.looked_at_made_list(at, range);
            }
            ValueNode::Conditional(condition, branches) => self.chosen(condition, |search, chosen| {
                search.looked_at_value(program.branch(branches, chosen));
            }),
            _ => self.looked_at_parts_of(part),
        }
    }

    /// Adds the exchanges that a list is made of; what its range looks at, if it is made of none.
    fn looked_at_made_list(&mut self, at: ValueId, range: ValueId) {
        let exchanges: Vec<ExchangeRef> = self.elements(at).iter().filter_map(|one| self.exchange_of(one)).collect();
        if exchanges.is_empty() {
            self.looked_at_value(range);
        }
        self.found.extend(exchanges);
    }

    /// Adds the exchanges that a function looks at: its arguments, and what it finds in the memory by them.
    fn called(&mut self, function: FunctionId, arguments: Span) {
        let context = self.context();
        let function = context.builtins.function(function);
        // What is asked of a refusal is asked of the judged exchange.
        if function.signature.name == "refused" {
            return;
        }
        let parts: Vec<ValueId> = context.program.values_of(arguments).collect();
        let values: Vec<Val<'a>> = parts.iter().map(|&part| self.value(part).unwrap_or(Val::Absent)).collect();
        let call = FunctionCall { arguments: &values, context };
        let claim = (function.signature.name == "claim_holds" && self.locals.is_empty())
            .then(|| context.program.claim(call.text()?))
            .flatten();
        if let Some(claim) = claim {
            return self.looked_at_value(claim);
        }
        match function.found_in.and_then(|find| find(&call)) {
            Some(found) => self.found.push(found),
            None => parts.into_iter().for_each(|argument| self.looked_at_value(argument)),
        }
    }

    /// Adds the exchange that a part stands for; false if it stands for none.
    fn is_exchange(&mut self, at: ValueId) -> bool {
        let exchange = self.value(at).and_then(|value| self.exchange_of(&value));
        self.found.extend(exchange);
        exchange.is_some()
    }

    /// The exchange that a value is, or is a part of, unless it is the judged one.
    fn exchange_of(&self, value: &Val<'a>) -> Option<ExchangeRef> {
        let parsed: &ParsedExchange = match value {
            Val::Exchange(parsed)
            | Val::Request(parsed)
            | Val::Response(parsed)
            | Val::RequestHeaders(parsed)
            | Val::ResponseHeaders(parsed)
            | Val::Call(parsed) => parsed,
            _ => return None,
        };
        (!std::ptr::eq(parsed, self.context().parsed)).then(|| parsed.into())
    }

    /// True for `recording.sent_emails`.
    fn is_list_of_emails(&self, at: ValueId) -> bool {
        matches!(self.context().program.unshared(at), ValueNode::Select(_, Member::RecordingSentEmails))
    }

    /// Looks at what a condition chose; at the condition, if that looks at no other exchange.
    fn chosen(&mut self, condition: BoolId, look: impl FnOnce(&mut Self, bool)) {
        let Some(chosen) = self.bool(condition) else { return };
        let known = self.found.len();
        look(self, chosen);
        if self.found.len() == known {
            self.decided(condition, chosen);
        }
    }
}
