//! What the rules say of the answers to wrong requests.
//!
//! `capture ─► judged, with the refusals that passed ─► ProbeRow { asked, expected, answered, verdict }`

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;

use super::plan::ProbePlan;
use super::run::ProbeOutcome;
use crate::exchange::{Exchange, decode};
use crate::finding::{RuleInfo, Severity, Side};
use crate::json::Document;
use crate::judged::Judged;
use crate::rules::{Judge, RuleBook};

/// An answer, and the rules on refusals that it passed.
#[derive(Debug, Clone)]
pub(crate) struct JudgedAnswer {
    /// The exchange and the findings on it.
    pub judged: Judged,
    /// The rules on refusals that were passed.
    pub right_refusals: Vec<Arc<RuleInfo>>,
}

/// Judges the exchanges of a run.
pub(crate) fn judge_answers(
    exchanges: impl IntoIterator<Item = Exchange>,
    judge: &mut Judge,
    book: &RuleBook,
) -> Vec<JudgedAnswer> {
    let rules = || book.rules().iter().filter(|rule| rule.judges_refusals());
    let passed = |judge: &Judge| -> BTreeMap<String, u64> {
        let of_refusals =
            judge.tallies().filter(|(id, _)| book.rule(id).is_some_and(crate::rules::Rule::judges_refusals));
        of_refusals.map(|(id, tally)| (id.to_owned(), tally.passed)).collect()
    };
    let mut before = passed(judge);
    let mut answers = Vec::new();
    for exchange in exchanges {
        let judged = judge.judge(Arc::new(exchange));
        let after = passed(judge);
        let right = rules().filter(|rule| after.get(&rule.info.id) > before.get(&rule.info.id));
        answers.push(JudgedAnswer { judged, right_refusals: right.map(|rule| Arc::clone(&rule.info)).collect() });
        before = after;
    }
    answers
}

/// What is said of the answer to a wrong request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ProbeVerdict {
    /// The answer breaks a rule.
    Finding,
    /// There was no answer.
    NoAnswer,
    /// The request was not sent.
    NotSent,
    /// The request turned out not to break the rule.
    NotWrong,
    /// It was refused as a rule asks for.
    Conforming,
    /// It was refused, and no rule says how it has to be.
    Refused,
    /// It was taken, and no rule says that it must not be.
    Accepted,
}

impl ProbeVerdict {
    /// The verdict in words.
    pub(crate) fn in_words(self) -> &'static str {
        match self {
            Self::Finding => "finding",
            Self::NoAnswer => "no answer",
            Self::NotSent => "not sent",
            Self::NotWrong => "not wrong",
            Self::Conforming => "conforming",
            Self::Refused => "refused",
            Self::Accepted => "accepted",
        }
    }
}

/// A finding on the booking system.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct FoundByProbe {
    /// Id of the rule.
    pub rule: String,
    /// Severity.
    pub severity: Severity,
    /// In words.
    pub message: String,
}

/// A probe and what came of it.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct ProbeRow {
    /// The rule that the request breaks.
    pub rule: String,
    /// What is wrong with it: the name of the rule's example.
    pub asked: String,
    /// Feature of the test suite, if the rule belongs to one.
    pub feature: Option<String>,
    /// Stage.
    pub stage: &'static str,
    /// What the rules ask of the answer.
    pub expected: String,
    /// The answer.
    pub answered: String,
    /// What is said of it.
    pub verdict: ProbeVerdict,
    /// Number of the exchange in the capture, from 1.
    pub exchange: Option<u64>,
    /// The findings on the booking system.
    pub findings: Vec<FoundByProbe>,
}

/// The table of a run, in the order of its plan.
pub(crate) fn rows(plan: &ProbePlan, outcome: &ProbeOutcome, answers: &[JudgedAnswer]) -> Vec<ProbeRow> {
    let rows = plan.probes.iter().zip(&outcome.results).map(|(probe, result)| {
        let mut row = ProbeRow {
            rule: probe.change.rule.id.clone(),
            asked: probe.change.example.clone(),
            feature: probe.change.rule.feature.clone(),
            stage: probe.stage.as_str(),
            expected: String::new(),
            answered: result.not_sent.clone().unwrap_or_default(),
            verdict: ProbeVerdict::NotSent,
            exchange: None,
            findings: Vec::new(),
        };
        if let Some(answer) = result.request.and_then(|request| answers.get(request)) {
            row.take(answer);
        }
        row
    });
    rows.collect()
}

impl ProbeRow {
    fn take(&mut self, answer: &JudgedAnswer) {
        let JudgedAnswer { judged, right_refusals } = answer;
        self.exchange = Some(judged.number());
        self.answered = answered(&judged.exchange);
        let of_booking_system = judged
            .findings
            .iter()
            .filter(|finding| finding.rule.side == Side::BookingSystem && finding.severity >= Severity::Warning);
        let mut expected: Vec<&str> = right_refusals.iter().map(|rule| rule.title.as_str()).collect();
        for finding in of_booking_system {
            if !expected.contains(&finding.expected.as_str()) {
                expected.push(&finding.expected);
            }
            let (rule, message) = (finding.rule.id.clone(), finding.message.clone());
            self.findings.push(FoundByProbe { rule, severity: finding.severity, message });
        }
        self.expected = expected.join("; ");
        let status = judged.exchange.response.as_ref().map(|response| response.status);
        // A general rule gives way to one that says the same more exactly.
        let is_wrong = judged.findings.iter().any(|finding| finding.rule.side == Side::Broker);
        self.verdict = match status {
            None => ProbeVerdict::NoAnswer,
            Some(_) if !self.findings.is_empty() => ProbeVerdict::Finding,
            Some(_) if !right_refusals.is_empty() => ProbeVerdict::Conforming,
            Some(_) if !is_wrong => ProbeVerdict::NotWrong,
            Some(200..300) => ProbeVerdict::Accepted,
            Some(_) => ProbeVerdict::Refused,
        };
    }
}

/// Status and error of an answer: `400 IncompleteCustomerDetailsError`.
fn answered(exchange: &Exchange) -> String {
    let Some(response) = &exchange.response else {
        return exchange.failure.as_ref().map_or("nothing", |failure| failure.kind.describe()).to_owned();
    };
    let content = decode(&response.body.bytes, &response.headers).ok();
    let document = content.and_then(|content| Document::parse(&content).ok());
    let kind = document.as_ref().and_then(|document| {
        let root = document.root();
        let of_root = root.get("@type").and_then(crate::json::Value::as_str)?;
        let of_item = root.named_below("error").flat_map(|error| {
            error
                .items()
                .filter_map(|error| error.get("@type").and_then(crate::json::Value::as_str))
                .collect::<Vec<_>>()
        });
        let of_item: Vec<&str> = of_item.take(1).collect();
        Some(of_item.first().map_or_else(|| of_root.to_owned(), |error| format!("{of_root} with {error}")))
    });
    kind.map_or_else(|| response.status.to_string(), |kind| format!("{} {kind}", response.status))
}
