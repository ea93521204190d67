//! Which wrong requests can be made of a recording.
//!
//! `RequestChange × good bookings of the recording, each in its stages ─► breaks the rule? ─► Probe`

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::diff::JudgedRecording;
use crate::exchange::Exchange;
use crate::finding::{Severity, Side};
use crate::openbooking::{Endpoint, Stage, classify};
use crate::resend::{Omission, ResendPlan, ResendStep};
use crate::rules::{BookingSystemInfo, LoadError, RequestChange, RuleBook, request_changes};

/// Most good bookings that a change is tried on.
const MOST_TRIED: usize = 12;

/// Which probes are made.
#[derive(Debug, Clone, Default)]
pub(crate) struct ProbeSelection {
    /// Only of these rules. Empty: of all.
    pub rules: Vec<String>,
    /// Only of rules of these features of the test suite. Empty: of all.
    pub features: Vec<String>,
    /// Calls that book may be made: P, B, cancellations.
    pub book: bool,
    /// At most so many.
    pub most: Option<usize>,
}

/// A wrong request, and what has to come before it.
#[derive(Debug, Clone)]
pub(crate) struct Probe {
    /// What is wrong with it.
    pub change: RequestChange,
    /// Its stage.
    pub stage: Stage,
    /// The good calls of the same booking that come first.
    pub before: Vec<ResendStep>,
    /// The good call that is made wrong.
    pub step: ResendStep,
    /// The wrong request, with the values of the recording.
    pub wrong: Exchange,
}

/// The probes that can be made of a recording.
#[derive(Debug, Default)]
pub(crate) struct ProbePlan {
    /// The probes, in the order of the rules.
    pub probes: Vec<Probe>,
    /// Changes that no good request of the recording allows, or that were left out.
    pub left_out: Vec<Omission>,
}

/// A good call of the recording, with the good calls of its booking before it.
struct GoodCall {
    stage: Stage,
    before: Vec<ResendStep>,
    step: ResendStep,
}

/// True for a call that books, or that needs something booked.
fn books(stage: Stage) -> bool {
    matches!(
        stage,
        Stage::P | Stage::B | Stage::BAfterP | Stage::OrderCancel | Stage::OrderDelete | Stage::ProposalUpdate
    )
}

impl ProbePlan {
    /// Plans the probes. `sendable` has the steps of the recording that can be sent.
    pub(crate) fn new(
        recorded: &JudgedRecording,
        sendable: &ResendPlan,
        book: &Arc<RuleBook>,
        known: &BookingSystemInfo,
        selection: &ProbeSelection,
    ) -> Result<Self, LoadError> {
        let good = good_calls(recorded, sendable, selection.book);
        let known = BookingSystemInfo { base_uri: recorded.base_uris.first().cloned(), ..known.clone() };
        let mut plan = Self::default();
        for change in request_changes(book)?.into_iter().filter(|change| selection.wants(change)) {
            let what = format!("{} ({})", change.rule.id, change.example);
            match probe(&change, &good, recorded, book, &known, selection.book) {
                Some(_) if selection.most.is_some_and(|most| plan.probes.len() >= most) => {
                    let why = format!("there are more than {} probes (--max-bookings)", plan.probes.len());
                    plan.left_out.push(Omission { what, why });
                }
                Some(probe) => plan.probes.push(probe),
                None => {
                    let more = if selection.book { "" } else { " without booking (--book)" };
                    plan.left_out.push(Omission {
                        what,
                        why: format!("no good call of the recording can be made wrong in this way{more}"),
                    });
                }
            }
        }
        Ok(plan)
    }
}

impl ProbeSelection {
    fn wants(&self, change: &RequestChange) -> bool {
        let rule = &change.rule;
        let by_rule = self.rules.is_empty() || self.rules.iter().any(|id| *id == rule.id || rule.aliases.contains(id));
        let feature = rule.feature.as_deref().unwrap_or_default();
        by_rule && (self.features.is_empty() || self.features.iter().any(|wanted| wanted == feature))
    }
}

/// The good calls of a recording: answered with success, and without a failure of the broker's.
fn good_calls(recorded: &JudgedRecording, sendable: &ResendPlan, may_book: bool) -> Vec<GoodCall> {
    let is_good = |step: &ResendStep| {
        let judged = &recorded.exchanges[step.place];
        let is_answered = judged.exchange.response.as_ref().is_some_and(|it| (200..300).contains(&it.status));
        let of_broker = |side, severity| side == Side::Broker && severity == Severity::Failure;
        is_answered && !judged.findings.iter().any(|finding| of_broker(finding.rule.side, finding.severity))
    };
    let mut of_order: BTreeMap<u128, Vec<ResendStep>> = BTreeMap::new();
    let mut good = Vec::new();
    for step in &sendable.steps {
        let stage = recorded.exchanges[step.place].stage;
        let Some(order) = step.order else {
            if is_good(step) {
                good.push(GoodCall { stage, before: Vec::new(), step: *step });
            }
            continue;
        };
        let before = of_order.entry(order).or_default();
        let may = may_book || !books(stage) && !before.iter().any(|step| books(recorded.exchanges[step.place].stage));
        if is_good(step) && may && !before.iter().any(|earlier| !is_good(earlier)) {
            good.push(GoodCall { stage, before: before.clone(), step: *step });
        }
        before.push(*step);
    }
    good
}

/// True for a wrong request that is still the same call, or none that the API knows: a quote must not become a booking.
fn stays_at(stage: Stage, wrong: &Exchange) -> bool {
    let call = classify(&wrong.request.method, wrong.path(), None, true);
    call.stage == stage
        || stage == Stage::BAfterP && call.stage == Stage::B
        || !matches!(call.endpoint, Endpoint::Known(_))
}

/// The first good call that a change makes wrong, in the order of preference of stages.
fn probe(
    change: &RequestChange,
    good: &[GoodCall],
    recorded: &JudgedRecording,
    book: &Arc<RuleBook>,
    known: &BookingSystemInfo,
    may_book: bool,
) -> Option<Probe> {
    let mut stages = change.stages.clone();
    if may_book {
        // Where it matters most.
        stages.sort_by_key(|stage| !books(*stage));
    } else {
        stages.retain(|stage| !books(*stage));
        // C2 says more than C1.
        stages.sort_by_key(|stage| (*stage != change.stages[0], *stage != Stage::C2));
    }
    for stage in stages {
        for call in good.iter().filter(|call| call.stage == stage).take(MOST_TRIED) {
            let Some(wrong) = change.apply(&recorded.exchanges[call.step.place].exchange) else { continue };
            if !stays_at(stage, &wrong) {
                continue;
            }
            let earlier: Vec<Arc<Exchange>> =
                call.before.iter().map(|step| Arc::clone(&recorded.exchanges[step.place].exchange)).collect();
            if change.breaks(book, known.clone(), &earlier, wrong.clone()) {
                let (change, before) = (change.clone(), call.before.clone());
                return Some(Probe { change, stage, before, step: call.step, wrong });
            }
        }
    }
    None
}
