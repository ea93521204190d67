//! The rules that apply to one kind of exchange, precompiled, in order.
//!
//! ```text
//! rules ─► Plan of each kind of exchange: steps (conditions, skip conditions, tests of one rule), in a few short lists
//! ```
//!
//! Most rules have nothing to say of most exchanges, or pass. For that nothing of the rule itself is touched: its words, its
//! templates and its examples stay out of the processor's cache.

use std::ops::Range;

use crate::finding::Side;
use crate::rules::book::rule::{Expectation, Rule};
use crate::rules::lang::context::RuleContext;
use crate::rules::lang::eval::holds;
use crate::rules::lang::node::{BoolId, BoolNode, ValueId, ValueNode};
use crate::rules::lang::program::Program;
use crate::rules::lang::value::EvalError;

/// A part of a list of the plan.
type ListRange = Range<u32>;

/// One rule of a plan: its conditions, its excuses, its checks.
#[derive(Debug)]
pub(crate) struct RuleStep {
    /// The rule's place in the book.
    pub rule: usize,
    /// The side that it judges.
    pub side: Side,
    /// What has to hold for the rule to have something to say.
    conditions: ListRange,
    /// What has to hold for it not to judge.
    skip_conditions: ListRange,
    tests: ListRange,
    /// The excuses are asked for each item.
    pub skipped_by_item: bool,
}

/// What one check of a rule asks.
#[derive(Debug)]
pub(crate) struct PlannedCheck {
    /// The `each` for whose items it is asked, by its place.
    pub each: Option<usize>,
    pub when: Option<BoolId>,
    /// `None` where the check isn't an expression.
    pub expect: Option<PlannedExpectation>,
    /// Passing says that the request was refused as it should be.
    pub asks_refusal: bool,
}

/// What a test expects.
#[derive(Debug, Clone, Copy)]
pub(crate) enum PlannedExpectation {
    Holds(BoolId),
    /// A refusal, or a value that turns out to be true or false.
    Value(ValueId),
}

impl PlannedExpectation {
    fn of(expect: ValueId, program: &Program) -> Self {
        match *program.value(expect) {
            ValueNode::Bool(part) => Self::Holds(part),
            _ => Self::Value(expect),
        }
    }
}

/// The rules that apply to one kind of exchange, as steps in the order in which they are taken.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    steps: Vec<RuleStep>,
    conditions: Vec<Condition>,
    skip_conditions: Vec<BoolId>,
    tests: Vec<PlannedCheck>,
}

/// A condition of a rule.
#[derive(Debug, Clone, Copy)]
struct Condition {
    part: BoolId,
    /// Its slot in the memo of the exchange. Rules that share a condition share the slot.
    slot: Option<u16>,
}

/// What has to hold for a rule to have something to say.
pub(crate) fn conditions(rule: &Rule, program: &Program) -> Vec<BoolId> {
    match rule.when.map(|when| (when, program.unshared_bool(when))) {
        None => Vec::new(),
        Some((_, BoolNode::All(parts))) => program.bools_of(parts).collect(),
        Some((when, _)) => vec![when],
    }
}

impl Plan {
    /// A plan to ask these rules, each with its place in the book.
    pub(crate) fn new<'r>(rules: impl Iterator<Item = (usize, &'r Rule)>, program: &Program) -> Self {
        let mut plan = Self::default();
        for (place, rule) in rules {
            let condition = |part: BoolId| Condition { part, slot: program.slot_of(part) };
            let conditions = append(&mut plan.conditions, conditions(rule, program).into_iter().map(condition));
            let skip_conditions = append(&mut plan.skip_conditions, rule.not_judged.iter().map(|(when, _)| *when));
            let tests = append(
                &mut plan.tests,
                rule.checks.iter().map(|check| PlannedCheck {
                    each: check.each.as_ref().map(|each| each.place),
                    when: check.when,
                    expect: match check.expect {
                        Expectation::Expression(expect) => Some(PlannedExpectation::of(expect, program)),
                        Expectation::InRust(_) | Expectation::Model(_) => None,
                    },
                    asks_refusal: check.asks_refusal,
                }),
            );
            let skipped_by_item = rule.checks.iter().any(|check| check.each.is_some());
            plan.steps.push(RuleStep {
                rule: place,
                side: rule.info.side,
                conditions,
                skip_conditions,
                tests,
                skipped_by_item,
            });
        }
        plan
    }

    /// What each rule asks, in the order of the book.
    pub(crate) fn steps(&self) -> &[RuleStep] {
        &self.steps
    }

    /// True if a condition of a rule was evaluated before, and does not hold: then the rule has nothing to say.
    pub(crate) fn has_failed(&self, step: &RuleStep, context: &RuleContext<'_>) -> bool {
        let Some(memo) = context.memo else { return false };
        let conditions = part_of(&self.conditions, &step.conditions);
        conditions.iter().any(|condition| condition.slot.is_some_and(|slot| memo.bool(slot) == Some(false)))
    }

    /// True if a rule has something to say. As with `&&`, a condition that does not hold outweighs one that fails.
    pub(crate) fn applies(&self, step: &RuleStep, context: &RuleContext<'_>) -> Result<bool, EvalError> {
        let mut failed = None;
        for condition in part_of(&self.conditions, &step.conditions) {
            let known = condition.slot.zip(context.memo).and_then(|(slot, memo)| memo.bool(slot));
            match known.map_or_else(|| holds(condition.part, context), Ok) {
                Ok(true) => {}
                Ok(false) => return Ok(false),
                Err(stop) => failed = failed.or(Some(stop)),
            }
        }
        failed.map_or(Ok(true), Err)
    }

    /// What has to hold for a rule not to judge, in the order of its reasons.
    pub(crate) fn skip_conditions(&self, ask: &RuleStep) -> &[BoolId] {
        part_of(&self.skip_conditions, &ask.skip_conditions)
    }

    /// What the checks of a rule ask, in their order.
    pub(crate) fn tests(&self, ask: &RuleStep) -> &[PlannedCheck] {
        part_of(&self.tests, &ask.tests)
    }
}

fn append<T>(list: &mut Vec<T>, more: impl Iterator<Item = T>) -> ListRange {
    let start = list.len() as u32;
    list.extend(more);
    start..list.len() as u32
}

fn part_of<'p, T>(list: &'p [T], part: &ListRange) -> &'p [T] {
    list.get(part.start as usize..part.end as usize).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use crate::exchange::Exchange;
    use crate::openbooking::ParsedExchange;
    use crate::rules::RuleBook;

    const RULE: &str = r#"
title = "t"
severity = "failure"
side = "broker"
scope = "request"
stages = ["dataset-site", "other"]
spec = "https://example.org"
why = "w"
fix = "f"
expect = 'request.method == "GET"'
at = "/request/method"
"#;

    #[test]
    fn conditions_that_rules_share_have_one_slot() {
        let with = |when: &str| format!("{RULE}when = '''{when}'''\n");
        let rules = [with("stage == 'other' && call.loopback"), with("call.loopback"), RULE.to_owned()];
        let book = RuleBook::of_texts(&[("a/a", &rules[0]), ("a/b", &rules[1]), ("a/c", &rules[2])]).unwrap();
        let parsed = ParsedExchange::new(0, Exchange::get("http://a.example", "/x").into(), None);
        let plan = book.plan(&parsed);
        let slots: Vec<Option<u16>> = plan.conditions.iter().map(|condition| condition.slot).collect();
        assert_eq!((plan.steps.len(), slots.len()), (3, 3));
        assert!(slots[0].is_some() && slots[1] == slots[2] && slots[0] != slots[1], "{slots:?}");
    }
}
