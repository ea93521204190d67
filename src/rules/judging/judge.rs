//! Applies the rule book to a recording, exchange by exchange.
//!
//! `Exchange → ParsedExchange → every rule of its stage → verdicts → Judged`, then the memory takes it up

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use cpu_time::ThreadTime;

use crate::coverage::{Coverage, RuleCoverage};
use crate::exchange::{Exchange, FailureKind};
use crate::finding::{Finding, OTHER_REASONS, Severity, Side};
use crate::judged::{Judged, NotJudged};
use crate::openbooking::{ParsedExchange, Stage};
use crate::rules::book::definition::SeenAs;
use crate::rules::book::rule::Rule;
use crate::rules::book::rule_book::RuleBook;
use crate::rules::builtins::builtins;
use crate::rules::builtins::refusal;
use crate::rules::judging::outcome::RuleOutcome;
use crate::rules::judging::profile::{Profile, RuleClock, SlowRule, SlowRules};
use crate::rules::judging::rule_runner::RuleRunner;
use crate::rules::lang::arena::Arena;
use crate::rules::lang::context::{Budget, RuleContext};
use crate::rules::lang::items::Items;
use crate::rules::lang::memo::Memo;
use crate::rules::lang::refusals::Refusals;
use crate::rules::models::walk::ModelValidator;
use crate::rules::state::booking_system::BookingSystemInfo;
use crate::rules::state::flow::Flow;
use crate::rules::state::recording::RecordingState;

/// Most different reasons for "not judged" that are told apart per rule; further ones count as [`OTHER_REASONS`].
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

impl RuleTally {
    /// The sum of two tallies.
    fn and(mut self, other: Self) -> Self {
        self.passed += other.passed;
        self.failed += other.failed;
        self.not_judged += other.not_judged;
        for (reason, count) in other.reasons {
            *self.reasons.entry(reason).or_default() += count;
        }
        self
    }
}

/// Judges one recording. Nothing is shared between two judges but the rule book.
#[derive(Debug)]
pub struct Judge {
    book: Arc<RuleBook>,
    state: RecordingState,
    arena: Arena,
    tallies: Vec<RuleTally>,
    /// Tallies of rules that are no longer in the book.
    gone: BTreeMap<String, RuleTally>,
    next: u64,
    omitted: u64,
    only: Option<usize>,
    mute_refused: bool,
    profile: Option<Profile>,
    slow: SlowRules,
    /// The memory is being changed.
    remembering: bool,
}

impl Judge {
    /// A judge at the start of a recording.
    pub fn new(book: Arc<RuleBook>, known: BookingSystemInfo) -> Self {
        let tallies = vec![RuleTally::default(); book.rules().len()];
        Self {
            book,
            state: RecordingState::new(known),
            arena: Arena::default(),
            tallies,
            gone: BTreeMap::new(),
            next: 0,
            omitted: 0,
            only: None,
            mute_refused: false,
            profile: None,
            slow: SlowRules::default(),
            remembering: false,
        }
    }

    /// With `on`, the broker's findings on requests that were refused as they should be are counted, but not told:
    /// see [`Judged::mute_refused`]. The tallies of the rules stay what they are.
    pub(crate) fn muting_refused(self, on: bool) -> Self {
        Self { mute_refused: on, ..self }
    }

    /// With `on`, what every rule costs is measured, which costs something itself.
    pub(crate) fn profiling(self, on: bool) -> Self {
        Self { profile: on.then(Profile::default), ..self }
    }

    /// What judging cost so far, if that is measured.
    pub fn profile(&self) -> Option<&Profile> {
        self.profile.as_ref()
    }

    /// A rule that was too slow on the exchange that was judged last. Each is told once.
    pub(crate) fn slow_rule(&mut self) -> Option<SlowRule> {
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
        let of_rule = |rule: &Rule| {
            let ids = std::iter::once(&rule.info.id).chain(&rule.info.aliases);
            ids.filter_map(|id| self.gone.remove(id)).fold(RuleTally::default(), RuleTally::and)
        };
        self.tallies = book.rules().iter().map(of_rule).collect();
        self.book = book;
    }

    /// As [`Judge::new`], applying one rule alone (the others still tell which refusals are right).
    pub(in crate::rules) fn of_one_rule(book: Arc<RuleBook>, place: usize, known: BookingSystemInfo) -> Self {
        Self { only: Some(place), ..Self::new(book, known) }
    }

    /// Judges the next exchange of the recording.
    pub fn judge(&mut self, exchange: Arc<Exchange>) -> Judged {
        self.judge_at(exchange, self.next)
    }

    /// As [`Judge::judge`], where the exchange's index is another than that of the next one, because some before it could
    /// not be kept.
    pub(crate) fn judge_at(&mut self, exchange: Arc<Exchange>, index: u64) -> Judged {
        if exchange.failure.as_ref().is_some_and(|failure| failure.kind == FailureKind::NoReplay) {
            // Nobody on either side has a part in what a replay can't answer.
            self.next += 1;
            let ParsedExchange { exchange, stage, order_uuid, .. } = ParsedExchange::new(index, exchange, None);
            return Judged::without_verdicts(index, exchange, stage, order_uuid);
        }
        let start = Instant::now();
        let reading_start = self.profile.is_some().then(ThreadTime::now);
        let base_path = self.state.base_path(&exchange);
        let mut parsed = ParsedExchange::new(index, exchange, base_path);
        let flow = self.state.flow(parsed.order_uuid.as_deref());
        if flow.is_some_and(Flow::has_proposal) && parsed.may_complete_proposal() {
            parsed.stage = Stage::BAfterP;
        }
        let parsed = Arc::new(parsed);
        self.state.number(parsed.exchange.id);
        self.next += 1;
        let mut judged = Judged {
            index: parsed.index,
            exchange: Arc::clone(&parsed.exchange),
            stage: parsed.stage,
            order_uuid: parsed.order_uuid.clone(),
            booking_facts: parsed.booking_facts(),
            findings: Vec::new(),
            not_judged: Vec::new(),
            passed: 0,
            muted: 0,
        };
        let book = Arc::clone(&self.book);
        let refusals = Refusals::default();
        let clock = self.profile.is_some().then(RuleClock::default);
        let read = reading_start.map(|start| start.elapsed()).unwrap_or_default();
        let RuleOutcomes { passed, others: outcomes, omitted } = self.outcomes(&parsed, &refusals, clock.as_ref());
        self.omitted += omitted;
        for place in passed.into_iter().filter(|place| self.only.is_none_or(|only| only == *place)) {
            self.tallies[place].passed += 1;
            judged.passed += 1;
        }
        let refutes = |(place, outcome): &(usize, RuleOutcome)| {
            matches!(outcome, RuleOutcome::Failed(_)) && book.rules()[*place].refutes_refusal
        };
        if outcomes.iter().any(refutes) {
            self.state.note_wrong_refusal(index);
        }
        let mut reported = Vec::new();
        for (place, outcome) in give_way(outcomes, &book) {
            let rule = &book.rules()[place];
            if let RuleOutcome::Failed(findings) = &outcome {
                let told = findings.told.iter().filter(|(finding, _)| finding.severity >= Severity::Warning);
                reported.extend(told.map(|(finding, _)| finding.pointer.clone()));
            }
            if self.only.is_none_or(|only| only == place) {
                self.count(place, rule, outcome, &mut judged);
            }
        }
        judged.findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
        let flow = self.state.flow(parsed.order_uuid.as_deref());
        if self.mute_refused && (refusals.as_it_should_be() || refusal::repeats_quote(&parsed, flow)) {
            judged.mute_refused();
        }
        if clock.is_none() && self.slow.is_suspicious(start.elapsed()) {
            let clock = RuleClock::default();
            self.outcomes(&parsed, &Refusals::default(), Some(&clock));
            self.slow.look(&book, parsed.index, &clock);
        }
        self.arena.clear();
        let remembering_start = clock.is_some().then(ThreadTime::now);
        self.remembering = true;
        #[cfg(test)]
        crate::panics::inject("memory", &parsed.exchange.request.target);
        self.state.remember(parsed, reported);
        self.remembering = false;
        if let (Some(profile), Some(clock), Some(start)) = (&mut self.profile, clock, remembering_start) {
            profile.take(&book, read, clock, start.elapsed());
        }
        judged
    }

    /// Makes the judge usable again after a panic in [`Judge::judge`]. What was seen of the recording is kept, unless it was
    /// being changed: then later exchanges are judged as those of a recording that begins here. Tallies are kept.
    pub(crate) fn recover(&mut self) {
        self.arena = Arena::default();
        if std::mem::take(&mut self.remembering) {
            self.state.forget();
        }
    }

    /// Number of distinct Order UUIDs seen so far.
    pub fn bookings(&self) -> u64 {
        self.state.bookings()
    }

    /// Number of exchanges judged so far.
    pub fn exchanges(&self) -> u64 {
        self.next
    }

    /// Booking flows of which exchanges had to be forgotten for lack of room. What needs them is "not judged".
    pub fn forgotten_flows(&self) -> u64 {
        self.state.forgotten_flows
    }

    /// Opportunities of open data that had to be forgotten for lack of room. What needs them is "not judged".
    pub fn forgotten_open_data(&self) -> u64 {
        self.state.open_data.forgotten
    }

    /// Findings that were counted and not told, because one exchange has too many of one kind.
    pub fn untold_findings(&self) -> u64 {
        self.omitted
    }

    /// Every rule's id and tally, in the order of the book; then those of rules that were in force before.
    pub fn tallies(&self) -> impl Iterator<Item = (&str, &RuleTally)> {
        let in_force = self.book.rules().iter().map(|rule| rule.info.id.as_str()).zip(&self.tallies);
        in_force.chain(self.gone.iter().map(|(id, tally)| (id.as_str(), tally)))
    }

    /// Everything but the recording that changes a verdict, the build aside, as text.
    pub fn inputs(&self) -> String {
        format!("{:?} {} {}", self.state.known(), self.mute_refused, self.book.sources())
    }

    /// The rules that are in force.
    pub fn book(&self) -> &Arc<RuleBook> {
        &self.book
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

    fn count(&mut self, place: usize, rule: &Rule, outcome: RuleOutcome, judged: &mut Judged) {
        let tally = &mut self.tallies[place];
        let reason = match outcome {
            RuleOutcome::Silent | RuleOutcome::Passed => return,
            RuleOutcome::NotJudged(reason) => reason,
            RuleOutcome::Failed(findings) => {
                let before = judged.findings.len();
                self.omitted += findings.omitted;
                for (finding, once) in findings.told {
                    if once.is_none_or(|value| self.state.first_time(&rule.info.id, value)) {
                        judged.findings.push(finding);
                    }
                }
                tally.failed += (judged.findings.len() - before) as u64 + findings.omitted;
                // A finding that was reported before is no verdict that could not be given.
                return;
            }
        };
        tally.not_judged += 1;
        if tally.reasons.len() < MAX_REASONS || tally.reasons.contains_key(&reason) {
            *tally.reasons.entry(Arc::clone(&reason)).or_default() += 1;
        } else {
            *tally.reasons.entry(Arc::from(OTHER_REASONS)).or_default() += 1;
        }
        judged.not_judged.push(NotJudged { rule: Arc::from(rule.info.id.as_str()), because: reason });
    }

    /// What every rule of the stage says of an exchange, those that don't apply aside.
    fn outcomes(&self, parsed: &ParsedExchange, refusals: &Refusals, clock: Option<&RuleClock>) -> RuleOutcomes {
        let (walks, budget, plan) = (ModelValidator::default(), Budget::default(), self.book.plan(parsed));
        let flow = self.state.flow(parsed.order_uuid.as_deref());
        let (mut passed, mut others) = (Vec::with_capacity(plan.steps().len()), Vec::new());
        for sides in self.passes(parsed) {
            let memo = Memo::new(self.book.program().slots(), &self.arena);
            let items = Items::new(self.book.item_sources().len(), &self.arena);
            let runner = RuleRunner { book: &self.book, plan, items: &items };
            let mut context = RuleContext {
                builtins: builtins(),
                parsed,
                program: self.book.program(),
                flow,
                state: &self.state,
                facts: self.book.facts(),
                walks: &walks,
                budget: &budget,
                arena: &self.arena,
                item: None,
                memo: Some(&memo),
                item_memo: None,
                refusals,
                side: Side::Broker,
                seen: None,
                expected: None,
            };
            for ask in plan.steps() {
                let is_other = |only| only != ask.rule && !self.book.rules()[ask.rule].refutes_refusal;
                if plan.has_failed(ask, &context) || self.only.is_some_and(is_other) || !sides.contains(&ask.side) {
                    continue;
                }
                context.side = ask.side;
                budget.next_rule();
                let apply = || runner.apply(ask, &context);
                match clock.map_or_else(apply, |clock| clock.time(ask.rule, apply)) {
                    RuleOutcome::Silent => {}
                    RuleOutcome::Passed => passed.push(ask.rule),
                    outcome => others.push((ask.rule, outcome)),
                }
            }
        }
        others.sort_by_key(|(place, _)| *place);
        RuleOutcomes { passed, others, omitted: walks.omitted() }
    }

    /// The sides whose rules are asked together. What Umpire made is one thing to the broker, who met it, and another to the
    /// booking system, which knows nothing of it: there no value that was worked out for one side is used for the other.
    fn passes(&self, parsed: &ParsedExchange) -> &'static [&'static [Side]] {
        if parsed.exchange.is_faulted() || self.state.has_faults {
            &[&[Side::Broker], &[Side::BookingSystem]]
        } else {
            &[&Side::ALL]
        }
    }
}

/// What the rules that apply say of one exchange, each by its place in the book.
struct RuleOutcomes {
    passed: Vec<usize>,
    /// Those that failed or could not judge.
    others: Vec<(usize, RuleOutcome)>,
    /// Deviations from the data models past those that are noted.
    omitted: u64,
}

/// Takes out the findings of general rules where another rule speaks of the same.
fn give_way(mut outcomes: Vec<(usize, RuleOutcome)>, book: &RuleBook) -> Vec<(usize, RuleOutcome)> {
    let is_general = |place: usize| book.rules()[place].general;
    let failed =
        |(place, outcome): &(usize, RuleOutcome)| matches!(outcome, RuleOutcome::Failed(_)) && is_general(*place);
    if !outcomes.iter().any(failed) {
        return outcomes;
    }
    let (general, particular): (Vec<_>, Vec<_>) = outcomes.iter().partition(|(place, _)| is_general(*place));
    let particular: Vec<&Finding> = particular.into_iter().flat_map(|(_, outcome)| outcome.told()).collect();
    let is_covered = |finding: &Finding| particular.iter().any(|other| covers(other, finding));
    let covered: Vec<Vec<bool>> =
        general.into_iter().map(|(_, outcome)| outcome.told().map(is_covered).collect()).collect();
    let general = outcomes.iter_mut().filter(|(place, _)| is_general(*place));
    for ((_, outcome), covered) in general.zip(covered) {
        if let RuleOutcome::Failed(findings) = outcome {
            let mut covered = covered.into_iter();
            findings.told.retain(|_| !covered.next().unwrap_or_default());
            if findings.are_none() {
                *outcome = RuleOutcome::Silent;
            }
        }
    }
    outcomes
}

/// Most steps from the object that a rule points to down to the member that it is about.
const MAX_STEPS_BELOW: usize = 3;

/// True if a finding speaks of what a general one says: at the same place, or at an object above it that it names the member
/// of, or that holds it without a list in between. One that weighs less covers nothing.
fn covers(particular: &Finding, general: &Finding) -> bool {
    if particular.rule.side != general.rule.side {
        return false;
    }
    let Some(below) = general.pointer.strip_prefix(particular.pointer.as_str()) else { return false };
    if particular.severity < general.severity || !(below.is_empty() || below.starts_with('/')) {
        return false;
    }
    if below.is_empty() {
        return true;
    }
    let is_index = |step: &str| step.bytes().all(|byte| byte.is_ascii_digit());
    let steps = below[1..].split('/');
    let named = |member: &str| SeenAs::list(&particular.seen).split(", ").any(|seen| seen == member);
    steps.clone().next_back().is_some_and(named)
        || steps.clone().count() <= MAX_STEPS_BELOW && !steps.clone().any(is_index)
}
