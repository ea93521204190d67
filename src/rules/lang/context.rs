//! What an expression may look at, and how long.

use std::cell::Cell;

use crate::finding::Side;
use crate::json::Value;
use crate::openbooking::ParsedExchange;
use crate::rules::lang::arena::Arena;
use crate::rules::lang::function::Function;
use crate::rules::lang::members::Member;
use crate::rules::lang::memo::Memo;
use crate::rules::lang::node::{FunctionId, MemoScope};
use crate::rules::lang::program::Program;
use crate::rules::lang::refusals::Refusals;
use crate::rules::lang::value::{EvalError, Val};
use crate::rules::models::errors::ModelTables;
use crate::rules::models::walk::ModelValidator;
use crate::rules::state::flow::Flow;
use crate::rules::state::recording::RecordingState;

/// Why a rule on the booking system does not judge an answer that Umpire made.
pub(crate) const FAULTED: &str = "Umpire made this answer, as it was told to (--fault)";

/// Why it does not judge what follows on such an answer.
pub(crate) const FAULTED_BEFORE: &str = "it rests on an earlier answer that Umpire made (--fault)";

/// Steps that one rule may take on one exchange; past it the verdict is "not judged" and names the rule.
pub(crate) const MAX_RULE_STEPS: u32 = 2_000_000;

/// Steps that all rules together may take on one exchange; past it the rules that are left are "not judged".
pub(crate) const MAX_EXCHANGE_STEPS: u32 = 20_000_000;

/// The steps that the rules may still take on an exchange.
#[derive(Debug)]
pub(crate) struct Budget {
    rule: Cell<u32>,
    exchange: Cell<u32>,
}

impl Default for Budget {
    fn default() -> Self {
        Self { rule: Cell::new(MAX_RULE_STEPS), exchange: Cell::new(MAX_EXCHANGE_STEPS) }
    }
}

impl Budget {
    /// A few steps, for what is worked out beside the verdict.
    pub(crate) fn small() -> Self {
        Self { rule: Cell::new(MAX_RULE_STEPS / 10), exchange: Cell::new(MAX_EXCHANGE_STEPS) }
    }

    /// The next rule begins.
    pub(crate) fn next_rule(&self) {
        self.rule.set(MAX_RULE_STEPS);
    }

    pub(crate) fn left(&self) -> u32 {
        self.rule.get().min(self.exchange.get())
    }

    pub(crate) fn spend(&self, steps: u32) {
        self.rule.set(self.rule.get().saturating_sub(steps));
        self.exchange.set(self.exchange.get().saturating_sub(steps));
    }

    pub(crate) fn exhausted(&self) -> EvalError {
        EvalError::exhausted(if self.exchange.get() < MAX_RULE_STEPS {
            "the exchange is so large that its rules take more than 20 million steps together"
        } else {
            "the rule takes more than 2 million steps on an exchange as large as this"
        })
    }
}

/// What functions and members do. The language knows what there is, not what it does.
#[derive(Debug)]
pub(crate) struct Builtins {
    /// All functions, in the order of the reference.
    pub functions: Vec<&'static Function>,
    /// A member that was resolved when the rule was loaded; absent where its operand is.
    pub select: for<'a> fn(Val<'a>, Member, &RuleContext<'a>) -> Result<Val<'a>, EvalError>,
    /// A member by a name that is worked out at run time, or of what has any members.
    pub member: for<'a> fn(Val<'a>, &str, &RuleContext<'a>) -> Result<Val<'a>, EvalError>,
}

impl Builtins {
    /// A function by its place.
    pub(crate) fn function(&self, FunctionId(at): FunctionId) -> &'static Function {
        self.functions[usize::from(at)]
    }

    /// A program without expressions yet, in the language with these functions.
    pub(crate) fn program(&self) -> Program {
        Program::new(self.functions.iter().map(|function| &function.signature))
    }
}

/// What an expression may look at.
#[derive(Clone, Copy)]
pub(crate) struct RuleContext<'a> {
    pub builtins: &'static Builtins,
    pub parsed: &'a ParsedExchange,
    pub program: &'a Program,
    pub flow: Option<&'a Flow>,
    pub state: &'a RecordingState,
    pub facts: &'a ModelTables,
    /// What deviates from the data models, once somebody asked.
    pub walks: &'a ModelValidator,
    pub budget: &'a Budget,
    /// Room for values that stand in no message.
    pub arena: &'a Arena,
    pub item: Option<Value<'a>>,
    /// Values of parts that several rules share; `None` where they are worked out each time.
    pub memo: Option<&'a Memo<'a>>,
    /// The same of parts that depend on `item`.
    pub item_memo: Option<&'a Memo<'a>>,
    /// What becomes of the refusals that rules ask for.
    pub refusals: &'a Refusals,
    /// The side whose rules look. Answers that Umpire made stand for what the broker met; to rules on the booking system
    /// they are unknown.
    pub side: Side,
    /// For templates: what was seen and what was expected.
    pub seen: Option<&'a str>,
    pub expected: Option<&'a str>,
}

impl<'a> RuleContext<'a> {
    /// The same context for one item.
    pub(crate) fn of_item(&self, item: Option<Value<'a>>, item_memo: Option<&'a Memo<'a>>) -> Self {
        Self { item, item_memo, ..*self }
    }

    /// Fails for an answer that says nothing of the side whose rules look.
    pub(crate) fn check_answer(&self, earlier: &ParsedExchange) -> Result<(), EvalError> {
        match self.side {
            Side::BookingSystem if earlier.exchange.is_faulted() => Err(EvalError::unseen(FAULTED_BEFORE)),
            _ => Ok(()),
        }
    }

    /// Where the values of shared parts are kept.
    pub(crate) fn memo(&self, keeper: MemoScope) -> Option<&'a Memo<'a>> {
        match keeper {
            MemoScope::Exchange => self.memo,
            MemoScope::Item => self.item_memo,
        }
    }

    /// The context in which every part is evaluated anew, within a budget of its own.
    pub(crate) fn anew<'w>(&'w self, budget: &'w Budget) -> RuleContext<'w> {
        let words = self.with_words("", None);
        RuleContext { budget, seen: self.seen, expected: self.expected, ..words }
    }

    /// The context of a template, which lives no longer than the words that it is told.
    pub(crate) fn with_words<'w>(&'w self, seen: &'w str, expected: Option<&'w str>) -> RuleContext<'w> {
        let Self { builtins, parsed, program, flow, state, facts, walks, budget, arena, item, refusals, side, .. } =
            *self;
        let (seen, memo, item_memo) = (Some(seen), None, None);
        RuleContext {
            builtins,
            parsed,
            program,
            flow,
            state,
            facts,
            walks,
            budget,
            arena,
            item,
            memo,
            item_memo,
            refusals,
            side,
            seen,
            expected,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::FAULTED_BEFORE;
    use crate::exchange::{Exchange, Failure, FailureKind, Simulated, Simulator};
    use crate::rules::{BookingSystemInfo, Judge, RuleBook};

    const UUID: &str = "5b0b7f3e-6d1c-4f0a-9c52-7e1a4d90b6c3";

    fn rule(side: &str) -> String {
        format!(
            "title = 't'\nseverity = 'failure'\nside = '{side}'\nscope = 'flow'\nstages = ['order-status']\n\
             spec = 'https://example.org'\nwhy = 'w'\nfix = 'f'\nexpect = 'flow.b != null'\nat = '/request/path'\n"
        )
    }

    /// The broker met a lost answer and knows of no Order; whether the booking system has one nobody knows.
    #[test]
    fn a_faulted_answer_is_one_thing_to_the_broker_and_another_to_the_booking_system() {
        let rules = ["broker", "booking-system"].map(rule);
        let book = Arc::new(RuleBook::of_texts(&[("a/broker", &rules[0]), ("a/system", &rules[1])]).unwrap());
        for is_faulted in [true, false] {
            let mut judge = Judge::new(Arc::clone(&book), BookingSystemInfo::default());
            let mut lost = Exchange::get("https://a.example", format!("/api/orders/{UUID}"));
            lost.request.method = "PUT".to_owned();
            lost.failure = Some(Failure { kind: FailureKind::Fault, detail: String::new(), answered: None });
            lost.simulated = is_faulted.then(|| Simulated { by: Simulator::Fault, detail: "B answer-lost".to_owned() });
            judge.judge(Arc::new(lost));
            let judged = judge.judge(Arc::new(Exchange::get("https://a.example", format!("/api/orders/{UUID}"))));
            let blamed: Vec<&str> = judged.findings.iter().map(|finding| finding.rule.id.as_str()).collect();
            let not_judged: Vec<_> = judged.not_judged.iter().map(|not| (&*not.rule, &*not.because)).collect();
            if is_faulted {
                assert_eq!((blamed, not_judged), (vec!["a/broker"], vec![("a/system", FAULTED_BEFORE)]));
            } else {
                assert_eq!((blamed.len(), not_judged.len()), (2, 0));
            }
        }
    }
}
