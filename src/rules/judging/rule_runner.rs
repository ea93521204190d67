//! Applies the rules of a plan to one exchange.
//!
//! `conditions hold ─► no skip_condition ─► each test, of each item ─► RuleOutcome`

use std::sync::Arc;

use crate::finding::Side;
use crate::rules::book::plan::{Plan, PlannedCheck, PlannedExpectation, RuleStep};
use crate::rules::book::rule::{Expectation, Rule, RuleCheck};
use crate::rules::book::rule_book::RuleBook;
use crate::rules::builtins::refusal::{self, RightAnswer};
use crate::rules::judging::finding_builder::{describe_seen, finding, pointer, seen_at};
use crate::rules::judging::outcome::{Findings, MAX_FINDINGS, RuleOutcome, deviations};
use crate::rules::lang::context::{FAULTED, RuleContext};
use crate::rules::lang::eval::{evaluate, holds};
use crate::rules::lang::items::Items;
use crate::rules::lang::node::{BoolId, ValueId};
use crate::rules::lang::refusals::Refusal;
use crate::rules::lang::value::{ErrorKind, EvalError, Val};

/// Runs the steps of a plan on one exchange.
#[derive(Clone, Copy)]
pub(in crate::rules) struct RuleRunner<'a> {
    pub book: &'a RuleBook,
    pub plan: &'a Plan,
    pub items: &'a Items<'a>,
}

impl<'a> RuleRunner<'a> {
    /// What one rule says.
    pub(crate) fn apply(&self, ask: &'a RuleStep, context: &RuleContext<'a>) -> RuleOutcome {
        match self.try_apply(ask, context) {
            Ok(outcome) => outcome,
            Err(stop) => RuleOutcome::NotJudged(match stop.kind() {
                ErrorKind::Unseen(reason) => Arc::clone(reason),
                ErrorKind::Exhausted(reason) => Arc::from(*reason),
                ErrorKind::Unusable(what) => format!("the message has a value that the rule can't use: {what}").into(),
                ErrorKind::Failed(what) => format!("the rule itself failed: {what}").into(),
            }),
        }
    }

    fn try_apply(&self, ask: &'a RuleStep, context: &RuleContext<'a>) -> Result<RuleOutcome, EvalError> {
        // A rule on the booking system that would look is not judged; what its conditions lack is no reason of its own.
        let is_faulted = context.side == Side::BookingSystem && context.parsed.exchange.is_faulted();
        match self.plan.applies(ask, context) {
            Ok(false) => return Ok(RuleOutcome::Silent),
            Ok(true) | Err(_) if is_faulted => return Err(EvalError::unseen(FAULTED)),
            Ok(true) => {}
            Err(stop) => return Err(stop),
        }
        if !ask.skipped_by_item {
            self.no_skip_condition(ask, context)?;
        }
        let mut said = false;
        let mut findings = Findings::default();
        let mut stopped = None;
        for (place, test) in self.plan.tests(ask).iter().enumerate() {
            match self.run(ask, place, test, context, &mut findings) {
                Ok(one_said) => said |= one_said,
                Err(stop) => stopped = stopped.or(Some(stop)),
            }
        }
        if !findings.are_none() {
            return Ok(RuleOutcome::Failed(findings));
        }
        match stopped {
            Some(stop) => Err(stop),
            None if said => Ok(RuleOutcome::Passed),
            None => Ok(RuleOutcome::Silent),
        }
    }

    fn no_skip_condition(&self, ask: &RuleStep, context: &RuleContext<'a>) -> Result<(), EvalError> {
        for (place, skip_condition) in self.plan.skip_conditions(ask).iter().enumerate() {
            if holds(*skip_condition, context)? {
                return Err(EvalError::unseen(Arc::clone(&self.rule(ask).not_judged[place].1)));
            }
        }
        Ok(())
    }

    fn rule(&self, ask: &RuleStep) -> &'a Rule {
        &self.book.rules()[ask.rule]
    }

    /// Runs one check; true if it said anything.
    fn run(
        &self,
        ask: &'a RuleStep,
        place: usize,
        test: &PlannedCheck,
        context: &RuleContext<'a>,
        findings: &mut Findings,
    ) -> Result<bool, EvalError> {
        let Some(each) = test.each else {
            return self.run_on(ask, place, test, context, findings);
        };
        let mut said = false;
        let mut stopped = None;
        for item in self.items.of(each, self.book.item_sources(), context)? {
            let context = context.of_item(Some(item.value), item.memo);
            match self.run_on(ask, place, test, &context, findings) {
                Ok(one_said) => said |= one_said,
                Err(stop) => stopped = stopped.or(Some(stop)),
            }
        }
        stopped.map_or(Ok(said), Err)
    }

    fn run_on(
        &self,
        ask: &'a RuleStep,
        place: usize,
        test: &PlannedCheck,
        context: &RuleContext<'a>,
        findings: &mut Findings,
    ) -> Result<bool, EvalError> {
        if !test.when.map_or(Ok(true), |when| holds(when, context))? {
            return Ok(false);
        }
        if test.each.is_some() {
            self.no_skip_condition(ask, context)?;
        }
        let check = || &self.rule(ask).checks[place];
        let Some(expect) = test.expect else {
            return run_unwritten(self.rule(ask), check(), context, findings);
        };
        let value = match expect {
            PlannedExpectation::Holds(part) => Val::bool(holds(part, context)?),
            PlannedExpectation::Value(value) => evaluate(value, context)?,
        };
        match value {
            Val::Refusal(kept) => {
                let refusal = context.refusals.kept(kept).ok_or_else(|| EvalError::failed("a refusal was not kept"))?;
                self.refused(ask, check(), context, refusal, findings)?;
            }
            value => match value.as_bool() {
                // Nothing of the rule is touched: see the plan.
                Some(true) if test.asks_refusal => context.refusals.pass(),
                Some(true) => {}
                Some(false) => findings.add(self.rule(ask), check(), context, || {
                    let pointer = pointer(check(), context)?;
                    let seen = match check().seen {
                        Some(seen) => describe_seen(evaluate(seen, context)?.show(), &pointer, context.parsed),
                        None => seen_at(&pointer, context.parsed),
                    };
                    finding(self.rule(ask), check(), context, pointer, seen, None)
                })?,
                None => {
                    return Err(EvalError::failed(format!("expect gives {}, not true or false", value.name_of_kind())));
                }
            },
        }
        Ok(true)
    }

    fn refused(
        &self,
        ask: &RuleStep,
        check: &'a RuleCheck,
        context: &RuleContext<'a>,
        refusal: Refusal,
        findings: &mut Findings,
    ) -> Result<(), EvalError> {
        let (at_most, pointer, seen, expected, answered) = match refusal {
            Refusal::Passed => {
                context.refusals.pass();
                return Ok(());
            }
            Refusal::NotJudged(reason) => return Err(EvalError::unseen(reason)),
            Refusal::Failed { at_most, pointer, seen, expected, answered } => {
                (at_most, pointer, seen, expected, answered)
            }
        };
        let accepted = context.parsed.status().is_some_and(|status| (200..300).contains(&status));
        if !accepted && let Some(other) = self.fits_another_fault(ask, &answered, context) {
            return Err(EvalError::unseen(format!("the answer fits another fault of the same request ({other})")));
        }
        context.refusals.fail();
        findings.add(self.rule(ask), check, context, || {
            let mut found = finding(self.rule(ask), check, context, pointer.to_owned(), seen, Some(expected))?;
            found.severity = at_most.map_or(found.severity, |at_most| found.severity.min(at_most));
            Ok(found)
        })
    }

    /// Why one of the answered errors fits another fault of the same request: the rule that asks for it, or the error's own
    /// claim, which is true of the request.
    fn fits_another_fault(&self, ask: &RuleStep, answered: &[String], context: &RuleContext<'a>) -> Option<String> {
        // What is kept of an item is kept for the rules about that item.
        let (context, program) = (&context.of_item(context.item, None), self.book.program());
        let own: Vec<RightAnswer> =
            self.rule(ask).refusal(program).map(|arguments| right_answers(&arguments, context)).unwrap_or_default();
        let others = self.plan.steps().iter().filter(|other| other.rule != ask.rule).map(|other| self.rule(other));
        let off = self.book.off().iter();
        let (stage, is_booking_call) = (context.parsed.stage, context.parsed.is_booking_call());
        others
            .chain(off.filter(|rule| rule.applies_at(stage, is_booking_call)))
            .find(|rule| {
                rule.refusal(program).is_some_and(|arguments| {
                    right_answers(&arguments, context).iter().any(|right| {
                        answered.contains(&right.error_type)
                            && !own.iter().any(|own| own.error_type == right.error_type)
                    })
                }) && asks(rule, context)
            })
            .map(|rule| rule.info.id.clone())
            .or_else(|| {
                let is_own = |name: &String| own.iter().any(|own| own.error_type == *name);
                let is_true = |name: &&String| refusal::claim_holds(name, context) == Ok(Some(true));
                let name = answered.iter().filter(|name| !is_own(name)).find(is_true)?;
                let says = context.facts.error(name).and_then(|facts| facts.says.as_deref());
                Some(says.map_or_else(|| format!("{name} is true of it"), str::to_owned))
            })
    }
}

/// Runs a check that isn't an expression.
fn run_unwritten<'a>(
    rule: &'a Rule,
    check: &'a RuleCheck,
    context: &RuleContext<'a>,
    findings: &mut Findings,
) -> Result<bool, EvalError> {
    match &check.expect {
        Expectation::Expression(_) => Ok(false),
        Expectation::InRust(named) => {
            let (found, omitted) = named.run(context.parsed, MAX_FINDINGS)?;
            findings.omitted += omitted;
            for found in found {
                let make = || finding(rule, check, context, found.pointer, found.seen, None);
                findings.add(rule, check, context, make)?;
            }
            Ok(true)
        }
        Expectation::Model(asked) => deviations(rule, check, asked, context, findings),
    }
}

fn right_answers(arguments: &[ValueId], context: &RuleContext<'_>) -> Vec<RightAnswer> {
    let values: Result<Vec<_>, _> = arguments.iter().map(|argument| evaluate(*argument, context)).collect();
    values.and_then(|values| refusal::answers(&values, context.arena)).map(|(right, _)| right).unwrap_or_default()
}

/// True if a rule has something to say of the exchange.
fn asks<'a>(rule: &'a Rule, context: &RuleContext<'a>) -> bool {
    let yes =
        |when: Option<BoolId>, context: &RuleContext<'a>| when.is_none_or(|when| holds(when, context) == Ok(true));
    yes(rule.when, context)
        && rule.checks.iter().any(|check| match &check.each {
            None => yes(check.when, context),
            Some(each) => {
                let mut any = false;
                let mut look = |item| any = any || yes(check.when, &context.of_item(Some(item), None));
                each.items.for_each(context, &mut look).is_ok() && any
            }
        })
}
