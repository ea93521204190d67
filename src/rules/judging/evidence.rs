//! The earlier exchanges that the outcome of an expression rests on.
//!
//! ```text
//! expression, outcome ─► the parts that decided it ─► what these look at ─► exchanges other than the judged one
//! !feed.due.exists(c, c.seconds_ago > 300), false  ─► the first c for which that holds
//! ```
//!
//! Only a rule that has failed is asked, so every part is evaluated again and nothing of it is kept.

use crate::openbooking::Reading;
use crate::rules::builtins::select::seen_in;
use crate::rules::lang::context::Context;
use crate::rules::lang::eval::Evaluation;
use crate::rules::lang::program::{MacroKind, Node, NodeId, Span};
use crate::rules::state::exchange_ref::ExchangeRef;

use crate::rules::builtins::nodes::id;
use crate::rules::lang::value::Val;
use crate::rules::lang::vocabulary::{Function, Member};
use crate::rules::state::flow::Flow;

/// The exchanges that made an expression true or false. Empty if it rests on the judged exchange alone, or on something
/// that did not happen.
pub fn evidence(node: NodeId, outcome: bool, context: &Context<'_>) -> Vec<ExchangeRef> {
    let mut search = Search::new(context);
    search.decided(node, outcome);
    search.found
}

/// The exchanges that a value was read from; the exchange itself where the value is one.
pub fn exchanges_of(node: NodeId, context: &Context<'_>) -> Vec<ExchangeRef> {
    let mut search = Search::new(context);
    search.looked_at(node);
    search.found
}

struct Search<'c, 'a> {
    evaluation: Evaluation<'c, 'a>,
    /// For each variable of a macro the exchanges that its value was read from.
    locals: Vec<Vec<ExchangeRef>>,
    found: Vec<ExchangeRef>,
}

impl<'c, 'a> Search<'c, 'a> {
    fn new(context: &'c Context<'a>) -> Self {
        Self { evaluation: Evaluation::new(context), locals: Vec::new(), found: Vec::new() }
    }

    fn context(&self) -> &'c Context<'a> {
        self.evaluation.context()
    }

    /// False for a part that looks at the judged exchange alone.
    fn may_rest_on_earlier(&self, at: NodeId) -> bool {
        self.context().program.may_rest_on_earlier(at)
    }

    fn node(&self, at: NodeId) -> Node {
        *self.context().program.node(at)
    }

    fn list(&self, span: Span) -> &'c [NodeId] {
        self.context().program.list(span)
    }

    /// The value of a part; `None` if it has none, or if that takes too long.
    fn value(&mut self, at: NodeId) -> Option<Val<'a>> {
        self.evaluation.value_if_any(at)
    }

    /// The elements of a list; none if it is none.
    fn elements(&mut self, at: NodeId) -> &'a [Val<'a>] {
        self.value(at).and_then(|list| list.elements(self.context().arena)).unwrap_or_default()
    }

    fn truth(&mut self, at: NodeId) -> Option<bool> {
        self.evaluation.truth_if_any(at)
    }

    /// Adds what made a part true or false.
    fn decided(&mut self, at: NodeId, outcome: bool) {
        if !self.may_rest_on_earlier(at) {
            return;
        }
        match self.node(at) {
            Node::Shared(_, _, part) | Node::Found(_, _, part) => self.decided(part, outcome),
            Node::All(parts) => self.decided_by(parts, outcome, !outcome),
            Node::Any(parts) => self.decided_by(parts, outcome, outcome),
            Node::Not(operand) => self.decided(operand, !outcome),
            Node::Conditional(parts) => self.chosen(parts, |search, branch| search.decided(branch, outcome)),
            Node::Macro(MacroKind::All, range, body) if !outcome => self.decided_in(range, body, false),
            Node::Macro(MacroKind::Exists, range, body) if outcome => self.decided_in(range, body, true),
            Node::Macro(kind @ (MacroKind::All | MacroKind::Exists), range, body) => {
                let known = self.found.len();
                self.looked_at(range);
                let elements = self.elements(range);
                if self.found.len() == known && elements.first().is_some_and(|one| one.as_json().is_some()) {
                    // All nodes of a message are alike: the first stands for them.
                    self.decided_in(range, body, kind == MacroKind::All);
                }
            }
            _ => self.looked_at(at),
        }
    }

    /// Adds what made parts of `&&` or `||` come out as the whole did: the first alone, if one is enough.
    fn decided_by(&mut self, parts: Span, outcome: bool, one_is_enough: bool) {
        for &part in self.list(parts) {
            if self.truth(part) == Some(outcome) {
                self.decided(part, outcome);
                if one_is_enough {
                    return;
                }
            }
        }
    }

    /// Adds what the first element rests on for which the body of a macro is as it is asked for.
    fn decided_in(&mut self, range: NodeId, body: NodeId, outcome: bool) {
        let elements = self.elements(range);
        let before = std::mem::take(&mut self.found);
        self.looked_at(range);
        let of_range = std::mem::replace(&mut self.found, before);
        for &element in elements {
            let own = self.exchange_of(&element);
            self.evaluation.push_local(element);
            self.locals.push(own.map_or_else(|| of_range.clone(), |own| vec![own]));
            let is_it = self.truth(body) == Some(outcome);
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
        if !self.may_rest_on_earlier(at) {
            return;
        }
        match self.node(at) {
            Node::Shared(_, _, part) | Node::Found(_, _, part) => self.looked_at(part),
            Node::Local(steps) => {
                let known = self.locals.iter().rev().nth(steps as usize).cloned().unwrap_or_default();
                self.found.extend(known);
            }
            Node::Select(operand, member) => {
                let seen_in = self.value(operand).and_then(|operand| seen_in(&operand, member, self.context()));
                if let Some(seen_in) = seen_in {
                    self.found.push(seen_in);
                } else if !self.is_exchange(at) {
                    self.looked_at(operand);
                }
            }
            Node::Member(operand, _) => {
                if !self.is_exchange(at) {
                    self.looked_at(operand);
                }
            }
            Node::Index(operand, index) => {
                let key = self.value(index).and_then(|index| index.as_str());
                if let Some(Val::Names(names)) = self.value(operand)
                    && let Some((_, seen_in)) = key.and_then(|key| names.get(key))
                {
                    self.found.push(*seen_in);
                } else if !self.is_exchange(at) {
                    self.looked_at(operand);
                    self.looked_at(index);
                }
            }
            // What is asked of a refusal is asked of the judged exchange.
            Node::Call(Function::Refused, _) => {}
            Node::Call(function, arguments) => {
                if !self.is_exchange(at) {
                    self.called(function, self.list(arguments));
                }
            }
            Node::In(element, list) => {
                let email = self.value(element).and_then(|element| element.as_str());
                match email
                    .filter(|_| self.is_list_of_emails(list))
                    .and_then(|email| self.context().state.sent_in(email))
                {
                    Some(sent_in) => self.found.push(sent_in),
                    None => [element, list].into_iter().for_each(|operand| self.looked_at(operand)),
                }
            }
            Node::Macro(MacroKind::All | MacroKind::Exists, ..) | Node::All(_) | Node::Any(_) | Node::Not(_) => {
                if let Some(truth) = self.truth(at) {
                    self.decided(at, truth);
                }
            }
            Node::Macro(_, range, _) => {
                let exchanges: Vec<ExchangeRef> =
                    self.elements(at).iter().filter_map(|one| self.exchange_of(one)).collect();
                if exchanges.is_empty() {
                    self.looked_at(range);
                }
                self.found.extend(exchanges);
            }
            Node::Conditional(parts) => self.chosen(parts, Self::looked_at),
            node => self.context().program.children(node).into_iter().for_each(|child| self.looked_at(child)),
        }
    }

    /// Adds the exchanges that a function looks at: its arguments, and what it finds in the memory by them.
    fn called(&mut self, function: Function, arguments: &[NodeId]) {
        let Context { reading, state, arena, flow, .. } = *self.context();
        let first = arguments.first().and_then(|&first| self.value(first)).unwrap_or(Val::Absent);
        let of_open_data = || id(arena, &first).as_str().and_then(|id| state.open_data.seen_in(id));
        let found = match function {
            Function::OpenData
            | Function::OpenOffer
            | Function::SecondsSinceRead
            | Function::BookedSinceRead
            | Function::SellerOf
            | Function::Inherited => of_open_data(),
            Function::Quoted => flow.and_then(Flow::last_quote).map(ExchangeRef::from),
            Function::EarlierModified | Function::Unchanged => {
                first.as_json().and_then(|item| state.history.seen_in(reading, item))
            }
            _ => None,
        };
        let claim = (function == Function::ClaimHolds && self.locals.is_empty())
            .then(|| self.context().program.claim(first.as_str()?))
            .flatten();
        if let Some(claim) = claim {
            return self.looked_at(claim);
        }
        match found {
            Some(found) => self.found.push(found),
            None => arguments.iter().for_each(|&argument| self.looked_at(argument)),
        }
    }

    /// Adds the exchange that a part stands for; false if it stands for none.
    fn is_exchange(&mut self, at: NodeId) -> bool {
        let exchange = self.value(at).and_then(|value| self.exchange_of(&value));
        self.found.extend(exchange);
        exchange.is_some()
    }

    /// The exchange that a value is, or is a part of, unless it is the judged one.
    fn exchange_of(&self, value: &Val<'a>) -> Option<ExchangeRef> {
        let reading: &Reading = match value {
            Val::Exchange(reading)
            | Val::Request(reading)
            | Val::Response(reading)
            | Val::RequestHeaders(reading)
            | Val::ResponseHeaders(reading)
            | Val::Call(reading) => reading,
            _ => return None,
        };
        (!std::ptr::eq(reading, self.context().reading)).then(|| reading.into())
    }

    /// True for `recording.sent_emails`.
    fn is_list_of_emails(&self, at: NodeId) -> bool {
        let program = self.context().program;
        match program.unshared(at) {
            Node::Select(_, member) => member == Member::RecordingSentEmails,
            _ => false,
        }
    }

    /// Looks at the branch of a condition that was taken; at the condition, if the branch looks at no other exchange.
    fn chosen(&mut self, parts: Span, look: impl FnOnce(&mut Self, NodeId)) {
        let &[condition, yes, no] = self.list(parts) else { return };
        let Some(truth) = self.truth(condition) else { return };
        let known = self.found.len();
        look(self, if truth { yes } else { no });
        if self.found.len() == known {
            self.decided(condition, truth);
        }
    }
}
