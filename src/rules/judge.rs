//! Applies the rule book to a recording, exchange by exchange.
//!
//! `Exchange → Reading → every rule of its stage → verdicts → Judged`, then the memory takes the reading up

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use super::arena::Arena;
use super::book::{Asked, RuleBook};
use super::code::NodeId;
use super::context::{Budget, Context};
use super::eval::{evaluate, holds};
use super::found::{finding, pointer, seen_at, told_apart};
use super::memory::{Known, Memory};
use super::models::Walks;
use super::outcome::{Findings, MAX_FINDINGS, Outcome, deviations};
use super::profile::{Clock, Profile, Slow, SlowRules};
use super::refusal::{self, Answer, Refusal, Refusals};
use super::rule::{Check, Expectation, Rule};
use super::share::{Items, Memo};
use super::value::{Stop, Val, Why};
use crate::coverage::{Coverage, RuleCoverage};
use crate::event::{Judged, NotJudged};
use crate::exchange::Exchange;
use crate::openbooking::Reading;

/// Most different reasons for "not judged" that are told apart per rule; further ones are counted without their reason.
const MAX_REASONS: usize = 20;

/// How often a rule passed, failed and could not be judged.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RuleTally {
    /// Exchanges that passed.
    pub passed: u64,
    /// Findings.
    pub failed: u64,
    /// Exchanges that could not be judged.
    pub not_judged: u64,
    /// Why not, and how often.
    pub reasons: BTreeMap<Arc<str>, u64>,
}

/// Judges one recording. Nothing is shared between two judges but the rule book.
#[derive(Debug)]
pub struct Judge {
    book: Arc<RuleBook>,
    memory: Memory,
    arena: Arena,
    tallies: Vec<RuleTally>,
    /// Tallies of rules that are no longer in the book.
    gone: BTreeMap<String, RuleTally>,
    next: u64,
    untold: u64,
    only: Option<usize>,
    mute_refused: bool,
    profile: Option<Profile>,
    slow: SlowRules,
}

impl Judge {
    /// A judge at the start of a recording.
    pub fn new(book: Arc<RuleBook>, known: Known) -> Self {
        let tallies = vec![RuleTally::default(); book.rules().len()];
        Self {
            book,
            memory: Memory::new(known),
            arena: Arena::default(),
            tallies,
            gone: BTreeMap::new(),
            next: 0,
            untold: 0,
            only: None,
            mute_refused: false,
            profile: None,
            slow: SlowRules::default(),
        }
    }

    /// With `on`, the broker's findings on requests that were refused as they should be are counted, but not told:
    /// see [`Judged::mute_refused`]. The tallies of the rules stay what they are.
    pub fn muting_refused(self, on: bool) -> Self {
        Self { mute_refused: on, ..self }
    }

    /// With `on`, what every rule costs is measured, which costs something itself.
    pub fn profiling(self, on: bool) -> Self {
        Self { profile: on.then(Profile::default), ..self }
    }

    /// What judging cost so far, if that is measured.
    pub fn profile(&self) -> Option<&Profile> {
        self.profile.as_ref()
    }

    /// A rule that was too slow on the exchange that was judged last. Each is told once.
    pub fn slow_rule(&mut self) -> Option<Slow> {
        self.slow.tell()
    }

    /// From the next exchange on another book is in force. What was seen of the recording is kept, and so are the
    /// tallies, those of rules that are gone included.
    pub fn adopt(&mut self, book: Arc<RuleBook>) {
        let before = std::mem::take(&mut self.tallies);
        for (rule, tally) in self.book.rules().iter().zip(before) {
            if tally != RuleTally::default() {
                self.gone.insert(rule.info.id.clone(), tally);
            }
        }
        self.tallies = book.rules().iter().map(|rule| self.gone.remove(&rule.info.id).unwrap_or_default()).collect();
        self.book = book;
    }

    /// As [`Judge::new`], applying one rule alone (the others still tell which refusals are right).
    pub(super) fn of_one_rule(book: Arc<RuleBook>, place: usize, known: Known) -> Self {
        Self { only: Some(place), ..Self::new(book, known) }
    }

    /// Judges the next exchange of the recording.
    pub fn judge(&mut self, exchange: Arc<Exchange>) -> Judged {
        self.judge_at(exchange, self.next)
    }

    /// As [`Judge::judge`], where the exchange's index is another than that of the next one, because some before it could
    /// not be kept.
    pub fn judge_at(&mut self, exchange: Arc<Exchange>, index: u64) -> Judged {
        let start = Instant::now();
        let base_path = self.memory.base_path(&exchange);
        let reading = Arc::new(Reading::new(index, exchange, base_path));
        self.next += 1;
        let mut judged = Judged {
            index: reading.index,
            exchange: Arc::clone(&reading.exchange),
            stage: reading.stage,
            order_uuid: reading.order_uuid.clone(),
            findings: Vec::new(),
            not_judged: Vec::new(),
            passed: 0,
            muted: 0,
        };
        let book = Arc::clone(&self.book);
        let refusals = Refusals::default();
        let clock = self.profile.is_some().then(Clock::default);
        let read = clock.as_ref().map(|_| start.elapsed()).unwrap_or_default();
        let (outcomes, untold) = self.outcomes(&reading, &refusals, clock.as_ref());
        self.untold += untold;
        for (place, outcome) in outcomes {
            self.count(place, &book.rules()[place], outcome, &mut judged);
        }
        judged.findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
        if self.mute_refused && refusals.as_it_should_be() {
            judged.mute_refused();
        }
        if clock.is_none() && self.slow.wonders(start.elapsed()) {
            let clock = Clock::of_processor();
            self.outcomes(&reading, &Refusals::default(), Some(&clock));
            self.slow.look(&book, reading.index, &clock);
        }
        self.arena.clear();
        let start = Instant::now();
        self.memory.remember(reading);
        if let (Some(profile), Some(clock)) = (&mut self.profile, clock) {
            profile.take(&book, read, clock, start.elapsed());
        }
        judged
    }

    /// Number of distinct Order UUIDs seen so far.
    pub fn bookings(&self) -> u64 {
        self.memory.bookings()
    }

    /// Number of exchanges judged so far.
    pub fn exchanges(&self) -> u64 {
        self.next
    }

    /// Booking flows of which exchanges had to be forgotten for lack of room. What needs them is "not judged".
    pub fn forgotten_flows(&self) -> u64 {
        self.memory.forgotten_flows
    }

    /// Opportunities of open data that had to be forgotten for lack of room. What needs them is "not judged".
    pub fn forgotten_open_data(&self) -> u64 {
        self.memory.open_data.forgotten
    }

    /// Findings that were counted and not told, because one exchange has too many of one kind.
    pub fn untold_findings(&self) -> u64 {
        self.untold
    }

    /// Every rule's id and tally, in the order of the book; then those of rules that were in force before.
    pub fn tallies(&self) -> impl Iterator<Item = (&str, &RuleTally)> {
        let in_force = self.book.rules().iter().map(|rule| rule.info.id.as_str()).zip(&self.tallies);
        in_force.chain(self.gone.iter().map(|(id, tally)| (id.as_str(), tally)))
    }

    /// How far every rule has come.
    pub fn coverage(&self) -> Coverage {
        let rules = self.book.rules().iter().zip(&self.tallies);
        let of = |(rule, tally): (&Rule, &RuleTally)| RuleCoverage {
            rule: Arc::clone(&rule.info),
            passed: tally.passed,
            failed: tally.failed,
            not_judged: tally.not_judged,
        };
        Coverage { rules: rules.map(of).collect() }
    }

    fn count(&mut self, place: usize, rule: &Rule, outcome: Outcome, judged: &mut Judged) {
        let tally = &mut self.tallies[place];
        let reason = match outcome {
            Outcome::Silent => return,
            Outcome::Passed => {
                tally.passed += 1;
                judged.passed += 1;
                return;
            }
            Outcome::NotJudged(reason) => reason,
            Outcome::Failed(findings) => {
                let before = judged.findings.len();
                self.untold += findings.untold;
                for (finding, once) in findings.told {
                    if once.is_none_or(|value| self.memory.first_time(&rule.info.id, value)) {
                        judged.findings.push(finding);
                    }
                }
                tally.failed += (judged.findings.len() - before) as u64 + findings.untold;
                if judged.findings.len() > before {
                    return;
                }
                Arc::from("it is said once in a recording, and has been")
            }
        };
        tally.not_judged += 1;
        if tally.reasons.len() < MAX_REASONS || tally.reasons.contains_key(&reason) {
            *tally.reasons.entry(Arc::clone(&reason)).or_default() += 1;
        }
        judged.not_judged.push(NotJudged { rule: Arc::from(rule.info.id.as_str()), because: reason });
    }

    /// What every rule of the stage says of an exchange, those that don't apply aside, and how many deviations from the
    /// data models were past what is noted.
    fn outcomes(&self, reading: &Reading, refusals: &Refusals, clock: Option<&Clock>) -> (Vec<(usize, Outcome)>, u64) {
        let (walks, budget, memo) = (Walks::default(), Budget::default(), Memo::new(self.book.code().slots()));
        let items = Items::new(self.book.paths());
        let context = Context {
            reading,
            code: self.book.code(),
            flow: self.memory.flow(reading.order_uuid.as_deref()),
            memory: &self.memory,
            facts: self.book.facts(),
            walks: &walks,
            budget: &budget,
            arena: &self.arena,
            item: None,
            memo: Some(&memo),
            item_memo: None,
            refusals,
            seen: None,
            expected: None,
        };
        let mut outcomes = Vec::new();
        for asked in self.book.asked_of(reading) {
            if self.only.is_some_and(|only| only != asked.place) {
                continue;
            }
            budget.next_rule();
            let apply = || self.apply(*asked, &context, &items);
            match clock.map_or_else(apply, |clock| clock.time(asked.place, apply)) {
                Outcome::Silent => {}
                outcome => outcomes.push((asked.place, outcome)),
            }
        }
        (outcomes, walks.untold())
    }

    fn apply<'a>(&'a self, asked: Asked, context: &Context<'a>, items: &'a Items<'a>) -> Outcome {
        match self.try_apply(asked, context, items) {
            Ok(outcome) => outcome,
            Err(stop) => Outcome::NotJudged(match stop.why() {
                Why::Unseen(reason) => Arc::clone(reason),
                Why::Exhausted(reason) => Arc::from(*reason),
                Why::Fault(what) => format!("the rule itself failed: {what}").into(),
            }),
        }
    }

    fn try_apply<'a>(
        &'a self,
        Asked { place, when }: Asked,
        context: &Context<'a>,
        items: &'a Items<'a>,
    ) -> Result<Outcome, Stop> {
        if !when.map_or(Ok(true), |when| holds(when, context))? {
            return Ok(Outcome::Silent);
        }
        let rule = &self.book.rules()[place];
        for (when, because) in &rule.not_judged {
            if rule.checks.iter().all(|check| check.each.is_none()) && holds(*when, context)? {
                return Ok(Outcome::NotJudged(Arc::clone(because)));
            }
        }
        let mut said = false;
        let mut findings = Findings::default();
        let mut stopped = None;
        for check in &rule.checks {
            match self.run(place, rule, check, context, items, &mut findings) {
                Ok(one_said) => said |= one_said,
                Err(stop) => stopped = stopped.or(Some(stop)),
            }
        }
        if !findings.are_none() {
            return Ok(Outcome::Failed(findings));
        }
        match stopped {
            Some(stop) => Err(stop),
            None if said => Ok(Outcome::Passed),
            None => Ok(Outcome::Silent),
        }
    }

    /// Runs one check; true if it said anything.
    fn run<'a>(
        &'a self,
        place: usize,
        rule: &'a Rule,
        check: &'a Check,
        context: &Context<'a>,
        items: &'a Items<'a>,
        findings: &mut Findings,
    ) -> Result<bool, Stop> {
        let Some(each) = &check.each else {
            return self.run_on(place, rule, check, context, findings);
        };
        let mut said = false;
        let mut stopped = None;
        let slots = self.book.code().slots_of_items(each.place);
        for item in items.of(each, slots, context.reading)? {
            let context = context.of_item(Some(item.value), item.memo.as_ref());
            match self.run_on(place, rule, check, &context, findings) {
                Ok(one_said) => said |= one_said,
                Err(stop) => stopped = stopped.or(Some(stop)),
            }
        }
        stopped.map_or(Ok(said), Err)
    }

    fn run_on<'a>(
        &'a self,
        place: usize,
        rule: &'a Rule,
        check: &'a Check,
        context: &Context<'a>,
        findings: &mut Findings,
    ) -> Result<bool, Stop> {
        if !check.when.map_or(Ok(true), |when| holds(when, context))? {
            return Ok(false);
        }
        if check.each.is_some() {
            for (when, because) in &rule.not_judged {
                if holds(*when, context)? {
                    return Err(Stop::unseen(Arc::clone(because)));
                }
            }
        }
        let expect = match &check.expect {
            Expectation::Expression(expect) => expect,
            Expectation::InRust(named) => {
                let (found, untold) = named.run(context.reading, MAX_FINDINGS)?;
                findings.untold += untold;
                for found in found {
                    let make = || finding(rule, check, context, found.pointer, found.seen, None);
                    findings.add(rule, context, make)?;
                }
                return Ok(true);
            }
            Expectation::Model(asked) => return deviations(rule, check, asked, context, findings),
        };
        match evaluate(*expect, context)? {
            Val::Refusal(kept) => {
                let refusal = context.refusals.kept(kept).ok_or_else(|| Stop::fault("a refusal was not kept"))?;
                self.refused(place, rule, check, context, refusal, findings)?;
            }
            value => match value.as_bool() {
                Some(true) => {}
                Some(false) => findings.add(rule, context, || {
                    let pointer = pointer(check, context)?;
                    let seen = match check.seen {
                        Some(seen) => told_apart(evaluate(seen, context)?.show(), &pointer, context.reading),
                        None => seen_at(&pointer, context.reading),
                    };
                    finding(rule, check, context, pointer, seen, None)
                })?,
                None => return Err(Stop::fault(format!("expect gives {}, not true or false", value.name_of_kind()))),
            },
        }
        Ok(true)
    }

    fn refused<'a>(
        &'a self,
        place: usize,
        rule: &'a Rule,
        check: &'a Check,
        context: &Context<'a>,
        refusal: Refusal,
        findings: &mut Findings,
    ) -> Result<(), Stop> {
        let (milder, pointer, seen, expected, answered) = match refusal {
            Refusal::Passed => {
                context.refusals.pass();
                return Ok(());
            }
            Refusal::NotJudged(reason) => return Err(Stop::unseen(reason)),
            Refusal::Failed { milder, pointer, seen, expected, answered } => {
                (milder, pointer, seen, expected, answered)
            }
        };
        let accepted = context.reading.status().is_some_and(|status| (200..300).contains(&status));
        if !accepted && let Some(other) = self.fits_another_fault(place, &answered, context) {
            let named = answered.join(", ");
            return Err(Stop::unseen(format!("{named} fits another fault of the same request ({other})")));
        }
        context.refusals.fail();
        findings.add(rule, context, || {
            let mut found = finding(rule, check, context, pointer.to_owned(), seen, Some(expected))?;
            found.severity = milder.map_or(found.severity, |milder| found.severity.min(milder));
            Ok(found)
        })
    }

    /// The rule that asks for one of the answered errors because of another fault of the same request.
    fn fits_another_fault<'a>(&'a self, place: usize, answered: &[String], context: &Context<'a>) -> Option<&'a str> {
        // What is kept of an item is kept for the rules about that item.
        let (context, code) = (&context.of_item(context.item, None), self.book.code());
        let own: Vec<Answer> = self.book.rules()[place]
            .refusal(code)
            .map(|arguments| right_answers(arguments, context))
            .unwrap_or_default();
        self.book
            .asked_of(context.reading)
            .iter()
            .filter(|other| other.place != place)
            .map(|other| &self.book.rules()[other.place])
            .chain(
                self.book
                    .off()
                    .iter()
                    .filter(|rule| rule.applies_at(context.reading.stage, context.reading.is_booking_call())),
            )
            .find(|rule| {
                rule.refusal(code).is_some_and(|arguments| {
                    right_answers(arguments, context).iter().any(|right| {
                        answered.contains(&right.error_type)
                            && !own.iter().any(|own| own.error_type == right.error_type)
                    })
                }) && asks(rule, context)
            })
            .map(|rule| rule.info.id.as_str())
    }
}

fn right_answers(arguments: &[NodeId], context: &Context<'_>) -> Vec<Answer> {
    let values: Result<Vec<_>, _> = arguments.iter().map(|argument| evaluate(*argument, context)).collect();
    values.and_then(|values| refusal::answers(&values, context.arena)).map(|(right, _)| right).unwrap_or_default()
}

/// True if a rule has something to say of the exchange.
fn asks<'a>(rule: &'a Rule, context: &Context<'a>) -> bool {
    let yes = |when: Option<NodeId>, context: &Context<'a>| when.is_none_or(|when| holds(when, context) == Ok(true));
    yes(rule.when, context)
        && rule.checks.iter().any(|check| match &check.each {
            None => yes(check.when, context),
            Some(each) => each
                .path
                .matches(context.reading)
                .is_ok_and(|items| items.into_iter().any(|item| yes(check.when, &context.of_item(Some(item), None)))),
        })
}
