//! The rules that apply to one kind of exchange, precompiled, in order.
//!
//! ```text
//! rules ─► Plan of each kind of exchange: asks (guards, excuses, tests of one rule)   all in a few short lists
//!                                         └─► Guards: what several rules make their condition is asked once
//! ```
//!
//! Most rules have nothing to say of most exchanges, or pass. For that nothing of the rule itself is touched: its words, its
//! templates and its examples stay out of the processor's cache.

use std::cell::Cell;
use std::collections::HashMap;
use std::ops::Range;

use crate::finding::Side;
use crate::rules::book::rule::{Expectation, Rule};
use crate::rules::lang::arena::Arena;
use crate::rules::lang::context::Context;
use crate::rules::lang::eval::holds;
use crate::rules::lang::program::{Node, NodeId, Program};
use crate::rules::lang::value::EvalError;

/// A part of a list of the plan.
type Part = Range<u32>;

/// One rule of a plan: its conditions, its excuses, its checks.
#[derive(Debug)]
pub struct RuleStep {
    /// The rule's place in the book.
    pub rule: usize,
    /// The side that it judges.
    pub side: Side,
    /// What has to hold for the rule to have something to say.
    guards: Part,
    /// What has to hold for it not to judge.
    skip_conditions: Part,
    tests: Part,
    /// The excuses are asked for each item.
    pub skipped_by_item: bool,
}

/// What one check of a rule asks.
#[derive(Debug)]
pub struct Test {
    /// The `each` for whose items it is asked, by its place.
    pub each: Option<usize>,
    pub when: Option<NodeId>,
    /// `None` where the check isn't an expression.
    pub expect: Option<NodeId>,
    /// Passing says that the request was refused as it should be.
    pub asks_refusal: bool,
}

/// See the module.
#[derive(Debug, Default)]
pub struct Plan {
    steps: Vec<RuleStep>,
    /// Different conditions of rules.
    conditions: Vec<NodeId>,
    /// Places of conditions.
    guards: Vec<u32>,
    skip_conditions: Vec<NodeId>,
    tests: Vec<Test>,
}

/// What has to hold for a rule to have something to say.
pub fn conditions(rule: &Rule, program: &Program) -> Vec<NodeId> {
    match rule.when.map(|when| (when, program.unshared(when))) {
        None => Vec::new(),
        Some((_, Node::All(parts))) => program.list(parts).to_vec(),
        Some((when, _)) => vec![when],
    }
}

impl Plan {
    /// A plan to ask these rules, each with its place in the book.
    pub fn new<'r>(rules: impl Iterator<Item = (usize, &'r Rule)>, program: &Program) -> Self {
        let mut plan = Self::default();
        let mut known = HashMap::new();
        for (place, rule) in rules {
            let guards = conditions(rule, program).into_iter().map(|condition| {
                *known.entry(condition).or_insert_with(|| {
                    plan.conditions.push(condition);
                    plan.conditions.len() as u32 - 1
                })
            });
            let guards = append(&mut plan.guards, guards);
            let skip_conditions = append(&mut plan.skip_conditions, rule.not_judged.iter().map(|(when, _)| *when));
            let tests = append(
                &mut plan.tests,
                rule.checks.iter().map(|check| Test {
                    each: check.each.as_ref().map(|each| each.place),
                    when: check.when,
                    expect: match check.expect {
                        Expectation::Expression(expect) => Some(expect),
                        Expectation::InRust(_) | Expectation::Model(_) => None,
                    },
                    asks_refusal: check.asks_refusal,
                }),
            );
            let skipped_by_item = rule.checks.iter().any(|check| check.each.is_some());
            plan.steps.push(RuleStep {
                rule: place,
                side: rule.info.side,
                guards,
                skip_conditions,
                tests,
                skipped_by_item,
            });
        }
        plan
    }

    /// What each rule asks, in the order of the book.
    pub fn steps(&self) -> &[RuleStep] {
        &self.steps
    }

    /// What has to hold for a rule not to judge, in the order of its reasons.
    pub fn skip_conditions(&self, ask: &RuleStep) -> &[NodeId] {
        part_of(&self.skip_conditions, &ask.skip_conditions)
    }

    /// What the checks of a rule ask, in their order.
    pub fn tests(&self, ask: &RuleStep) -> &[Test] {
        part_of(&self.tests, &ask.tests)
    }
}

fn append<T>(list: &mut Vec<T>, more: impl Iterator<Item = T>) -> Part {
    let start = list.len() as u32;
    list.extend(more);
    start..list.len() as u32
}

fn part_of<'p, T>(list: &'p [T], part: &Part) -> &'p [T] {
    list.get(part.start as usize..part.end as usize).unwrap_or_default()
}

/// The outcomes of the conditions of a plan on one exchange, so that each is evaluated once.
#[derive(Debug)]
pub struct ConditionCache<'a> {
    plan: &'a Plan,
    /// Of each condition [`HOLDS`], [`FAILS`], or that nobody asked.
    states: &'a [Cell<u32>],
}

const HOLDS: u32 = 1;
const FAILS: u32 = 2;

impl<'a> ConditionCache<'a> {
    /// Nothing asked yet.
    pub fn new(plan: &'a Plan, arena: &'a Arena) -> Self {
        Self { plan, states: arena.cells(plan.conditions.len()) }
    }

    /// True if a condition of a rule was evaluated before, and does not hold: then the rule has nothing to say.
    pub fn has_failed(&self, ask: &RuleStep) -> bool {
        part_of(&self.plan.guards, &ask.guards).iter().any(|&guard| self.states[guard as usize].get() == FAILS)
    }

    /// True if a rule has something to say. As with `&&`, a condition that does not hold outweighs one that fails.
    pub fn hold(&self, ask: &RuleStep, context: &Context<'_>) -> Result<bool, EvalError> {
        let mut failed = None;
        for &guard in part_of(&self.plan.guards, &ask.guards) {
            let state = &self.states[guard as usize];
            match state.get() {
                HOLDS => {}
                FAILS => return Ok(false),
                _ => match holds(self.plan.conditions[guard as usize], context) {
                    Ok(true) => state.set(HOLDS),
                    Ok(false) => {
                        state.set(FAILS);
                        return Ok(false);
                    }
                    // Not kept: where the rule had but no steps left, the next one has steps of its own.
                    Err(stop) => failed = failed.or(Some(stop)),
                },
            }
        }
        failed.map_or(Ok(true), Err)
    }
}

#[cfg(test)]
mod tests {
    use crate::exchange::Exchange;
    use crate::openbooking::Reading;
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
    fn conditions_that_rules_share_are_one_guard() {
        let with = |when: &str| format!("{RULE}when = '''{when}'''\n");
        let rules = [with("stage == 'other' && call.loopback"), with("call.loopback"), RULE.to_owned()];
        let book = RuleBook::of_texts(&[("a/a", &rules[0]), ("a/b", &rules[1]), ("a/c", &rules[2])]).unwrap();
        let reading = Reading::new(0, Exchange::get("http://a.example", "/x").into(), None);
        let plan = book.plan(&reading);
        assert_eq!((plan.steps.len(), plan.conditions.len(), plan.guards.len()), (3, 2, 3));
    }
}
