//! What an expression may look at, and how long.

use std::cell::Cell;

use super::arena::Arena;
use super::code::{Code, Keeper};
use super::facts::Facts;
use super::memory::{Flow, Memory};
use super::models::Walks;
use super::refusal::Refusals;
use super::share::Memo;
use super::value::Stop;
use crate::finding::Side;
use crate::json::Value;
use crate::openbooking::Reading;

/// Why a rule on the booking system does not judge an answer that Umpire made.
pub const FAULTED: &str = "Umpire made this answer, as it was told to (--fault)";

/// Why it does not judge what follows on such an answer.
pub const FAULTED_BEFORE: &str = "it rests on an earlier answer that Umpire made (--fault)";

/// Steps that one rule may take on one exchange; past it the verdict is "not judged" and names the rule.
pub const MAX_RULE_STEPS: u32 = 2_000_000;

/// Steps that all rules together may take on one exchange; past it the rules that are left are "not judged".
pub const MAX_EXCHANGE_STEPS: u32 = 20_000_000;

/// The steps that the rules may still take on an exchange.
#[derive(Debug)]
pub struct Budget {
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
    pub fn small() -> Self {
        Self { rule: Cell::new(MAX_RULE_STEPS / 10), exchange: Cell::new(MAX_EXCHANGE_STEPS) }
    }

    /// The next rule begins.
    pub fn next_rule(&self) {
        self.rule.set(MAX_RULE_STEPS);
    }

    pub fn left(&self) -> u32 {
        self.rule.get().min(self.exchange.get())
    }

    pub fn spend(&self, steps: u32) {
        self.rule.set(self.rule.get().saturating_sub(steps));
        self.exchange.set(self.exchange.get().saturating_sub(steps));
    }

    pub fn exhausted(&self) -> Stop {
        Stop::exhausted(if self.exchange.get() < MAX_RULE_STEPS {
            "the exchange is so large that its rules take more than 20 million steps together"
        } else {
            "the rule takes more than 2 million steps on an exchange as large as this"
        })
    }
}

/// What an expression may look at.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    pub reading: &'a Reading,
    pub code: &'a Code,
    pub flow: Option<&'a Flow>,
    pub memory: &'a Memory,
    pub facts: &'a Facts,
    /// What deviates from the data models, once somebody asked.
    pub walks: &'a Walks,
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

impl<'a> Context<'a> {
    /// The same context for one item.
    pub fn of_item(&self, item: Option<Value<'a>>, item_memo: Option<&'a Memo<'a>>) -> Self {
        Self { item, item_memo, ..*self }
    }

    /// Fails for an answer that says nothing of the side whose rules look.
    pub fn check_answer(&self, earlier: &Reading) -> Result<(), Stop> {
        match self.side {
            Side::BookingSystem if earlier.exchange.is_faulted() => Err(Stop::unseen(FAULTED_BEFORE)),
            _ => Ok(()),
        }
    }

    /// Where the values of shared parts are kept.
    pub fn memo(&self, keeper: Keeper) -> Option<&'a Memo<'a>> {
        match keeper {
            Keeper::Exchange => self.memo,
            Keeper::Item => self.item_memo,
        }
    }

    /// The context in which every part is evaluated anew, within a budget of its own.
    pub fn anew<'w>(&'w self, budget: &'w Budget) -> Context<'w> {
        let words = self.with_words("", None);
        Context { budget, seen: self.seen, expected: self.expected, ..words }
    }

    /// The context of a template, which lives no longer than the words that it is told.
    pub fn with_words<'w>(&'w self, seen: &'w str, expected: Option<&'w str>) -> Context<'w> {
        let Self { reading, code, flow, memory, facts, walks, budget, arena, item, refusals, side, .. } = *self;
        let (seen, memo, item_memo) = (Some(seen), None, None);
        Context {
            reading,
            code,
            flow,
            memory,
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
