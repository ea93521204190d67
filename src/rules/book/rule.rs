//! A rule ready to be applied: everything of its file compiled once.

use std::sync::Arc;

use crate::finding::{RuleInfo, Severity};
use crate::openbooking::Stage;
use crate::rules::book::aliases::Alias;
use crate::rules::book::definition::{Example, SeenAs};
use crate::rules::builtins::checks::NamedCheck;
use crate::rules::lang::items::{Each, ItemSource};
use crate::rules::lang::node::{BoolId, NodeId, ValueId};
use crate::rules::lang::program::Program;
use crate::rules::lang::template::Template;
use crate::rules::models::check::ModelCheck;

/// A compiled rule.
#[derive(Debug)]
pub struct Rule {
    /// What is shown of it.
    pub info: Arc<RuleInfo>,
    /// The file that it was read from.
    pub(in crate::rules) file: String,
    pub(in crate::rules) aliases: Vec<Alias>,
    pub(in crate::rules) stages: Stages,
    pub(in crate::rules) when: Option<BoolId>,
    pub(in crate::rules) not_judged: Vec<(BoolId, Arc<str>)>,
    pub(in crate::rules) downgrades: Vec<(BoolId, Severity)>,
    /// Its findings give way to those of other rules on the same side and place.
    pub(in crate::rules) general: bool,
    /// A finding shows that the request was refused wrongly.
    pub(in crate::rules) refutes_refusal: bool,
    /// It says how a wrong request is to be refused.
    pub(in crate::rules) judges_refusals: bool,
    pub(in crate::rules) checks: Vec<RuleCheck>,
    pub(in crate::rules) examples: Vec<Example>,
}

/// Where a rule applies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Stages {
    /// Every call of the booking API.
    Any,
    /// These.
    Some(Vec<Stage>),
}

/// One expectation.
#[derive(Debug)]
pub(crate) struct RuleCheck {
    pub each: Option<Each>,
    /// Asked for each node, where `each` is there.
    pub when: Option<BoolId>,
    pub expect: Expectation,
    pub at: FindingLocation,
    pub seen: Option<ValueId>,
    /// What is wrong with the things that `seen` lists.
    pub seen_as: Option<SeenAs>,
    pub expected: Template,
    pub message: Template,
    /// Of findings with an equal value only the first in a recording is reported.
    pub report_once_per: Option<ValueId>,
    /// Gives the exchange that a finding rests on; where it is left out, that is found in the conditions of the rule.
    pub because: Option<ValueId>,
    pub severity: Severity,
    /// It asks for a refusal, so that passing says that the request was refused as it should be.
    pub asks_refusal: bool,
}

/// How an expectation is judged.
#[derive(Debug)]
pub(crate) enum Expectation {
    Expression(ValueId),
    InRust(NamedCheck),
    /// Asked of the data models.
    Model(ModelCheck),
}

/// Where a finding points.
#[derive(Debug)]
pub(crate) enum FindingLocation {
    /// A pointer into the exchange.
    Pointer(String),
    /// A pointer relative to `item`; empty for the item itself.
    Item(String),
    /// A node of the message, or a pointer as string.
    Expression(ValueId),
}

/// What is wrong with a rule file, and at which byte of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RuleFileError {
    pub what: String,
    pub at: Option<usize>,
}

impl Rule {
    /// Adds former ids. What is known already stays.
    pub(in crate::rules) fn with_aliases(mut self, file: &str, aliases: Vec<Alias>) -> Self {
        file.clone_into(&mut self.file);
        for alias in aliases {
            Arc::make_mut(&mut self.info).aliases.push(alias.id.clone());
            self.aliases.push(alias);
        }
        self
    }

    /// Takes over the former ids of a rule that this one replaces.
    pub(in crate::rules) fn in_place_of(self, replaced: &Self) -> Self {
        let file = self.file.clone();
        let is_new = |alias: &&Alias| !self.aliases.iter().any(|own| own.id == alias.id);
        let inherited = replaced.aliases.iter().filter(is_new).cloned().collect();
        self.with_aliases(&file, inherited)
    }

    /// True if the rule is judged at a stage.
    pub(crate) fn applies_at(&self, stage: Stage, is_booking_call: bool) -> bool {
        match &self.stages {
            Stages::Any => is_booking_call,
            Stages::Some(stages) => stages.contains(&stage),
        }
    }

    /// True for a rule of the booking system that says how a wrong request is to be refused.
    pub(crate) fn judges_refusals(&self) -> bool {
        self.judges_refusals
    }

    /// Gives the rule another severity. What weighed as much as the rule weighs as much again; what was milder stays
    /// milder, and never above it.
    pub(in crate::rules) fn set_severity(&mut self, severity: Severity) {
        let before = self.info.severity;
        Arc::make_mut(&mut self.info).severity = severity;
        for check in &mut self.checks {
            check.severity = if check.severity == before { severity } else { check.severity.min(severity) };
        }
    }

    /// Name of each example, and what comes of it, in words.
    pub fn examples(&self) -> impl Iterator<Item = (&str, String)> {
        self.examples.iter().map(|example| {
            let outcome = match (&example.finds[..], example.not_judged) {
                ([], true) => "not judged".to_owned(),
                ([], false) => "nothing to find".to_owned(),
                (finds, _) => format!("found at {}", finds.join(", ")),
            };
            (example.name.as_str(), outcome)
        })
    }

    /// Everything that the rule asks of the data models.
    pub(in crate::rules) fn model_checks(&self) -> impl Iterator<Item = &ModelCheck> {
        self.checks.iter().filter_map(|check| match &check.expect {
            Expectation::Model(model) => Some(model),
            _ => None,
        })
    }

    /// Arguments of `refused(...)` where that is what the rule expects.
    pub(in crate::rules) fn refusal(&self, program: &Program) -> Option<Vec<ValueId>> {
        self.checks.iter().find_map(|check| match &check.expect {
            Expectation::Expression(expect) => {
                program.call_of(*expect, "refused").map(|arguments| program.values_of(arguments).collect())
            }
            Expectation::InRust(_) | Expectation::Model(_) => None,
        })
    }

    /// Visits the expressions of the rule, its condition aside, each with the places of the `each` for whose items it is asked.
    pub(in crate::rules) fn for_each_expression(&self, visit: &mut impl FnMut(NodeId, &[usize])) {
        let place = |check: &RuleCheck| check.each.as_ref().map(|each| each.place);
        let all: Vec<usize> = self.checks.iter().filter_map(place).collect();
        self.not_judged.iter().for_each(|(when, _)| visit(NodeId::Bool(*when), &all));
        for check in &self.checks {
            let each: Vec<usize> = place(check).into_iter().collect();
            if let Some(ItemSource::Nodes(nodes)) = check.each.as_ref().map(|each| &each.items) {
                visit(NodeId::Value(*nodes), &[]);
            }
            let expect = if let Expectation::Expression(expect) = &check.expect { Some(*expect) } else { None };
            let at = if let FindingLocation::Expression(at) = &check.at { Some(*at) } else { None };
            let values = [expect, at, check.seen, check.report_once_per].into_iter().flatten().map(NodeId::Value);
            check.when.map(NodeId::Bool).into_iter().chain(values).for_each(|node| visit(node, &each));
        }
        self.downgrades.iter().for_each(|(when, _)| visit(NodeId::Bool(*when), &all));
    }
}
