//! A rule ready to be applied: everything of its file compiled once.

use std::sync::Arc;

use toml::Spanned;

use super::aliases::{Alias, is_id};
use super::checks::NamedCheck;
use super::code::{Code, Node, NodeId};
use super::compile::compile;
use super::definition::{Check as CheckDefinition, Definition, Example, SeenAs};
use super::functions::Function;
use super::models::{ModelCheck, ModelDefinition};
use super::path::{Each, Path};
use super::template::Template;
use crate::finding::{RuleInfo, Severity, Side};
use crate::openbooking::Stage;

/// A compiled rule.
#[derive(Debug)]
pub struct Rule {
    /// What is shown of it.
    pub info: Arc<RuleInfo>,
    /// The file that it was read from.
    pub(super) file: String,
    pub(super) aliases: Vec<Alias>,
    pub(super) stages: Stages,
    pub(super) when: Option<NodeId>,
    pub(super) not_judged: Vec<(NodeId, Arc<str>)>,
    pub(super) milder: Vec<(NodeId, Severity)>,
    /// Its findings give way to those of other rules on the same side and place.
    pub(super) general: bool,
    /// A finding shows that the request was refused wrongly.
    pub(super) refutes_refusal: bool,
    /// It says how a wrong request is to be refused.
    pub(super) judges_refusals: bool,
    pub(super) checks: Vec<Check>,
    pub(super) examples: Vec<Example>,
}

/// Where a rule applies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stages {
    /// Every call of the booking API.
    Any,
    /// These.
    Some(Vec<Stage>),
}

/// One expectation.
#[derive(Debug)]
pub struct Check {
    pub each: Option<Each>,
    /// Asked for each node, where `each` is there.
    pub when: Option<NodeId>,
    pub expect: Expectation,
    pub at: At,
    pub seen: Option<NodeId>,
    /// What is wrong with the things that `seen` lists.
    pub seen_as: Option<SeenAs>,
    pub expected: Template,
    pub message: Template,
    /// Of findings with an equal value only the first in a recording is reported.
    pub once: Option<NodeId>,
    /// Gives the exchange that a finding rests on; where it is left out, that is found in the conditions of the rule.
    pub because: Option<NodeId>,
    pub severity: Severity,
    /// It asks for a refusal, so that passing says that the request was refused as it should be.
    pub asks_refusal: bool,
}

/// How an expectation is judged.
#[derive(Debug)]
pub enum Expectation {
    Expression(NodeId),
    InRust(NamedCheck),
    /// Asked of the data models.
    Model(ModelCheck),
}

/// Where a finding points.
#[derive(Debug)]
pub enum At {
    /// A pointer into the exchange.
    Pointer(String),
    /// A pointer relative to `item`; empty for the item itself.
    Item(String),
    /// A node of the message, or a pointer as string.
    Expression(NodeId),
}

/// What is wrong with a rule file, and at which byte of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    pub what: String,
    pub at: Option<usize>,
}

fn fault(key: &str, spanned: &Spanned<String>, what: &str) -> Fault {
    Fault { what: format!("{key}: {what}"), at: Some(spanned.span().start) }
}

fn expression(code: &mut Code, key: &str, text: Option<&Spanned<String>>) -> Result<Option<NodeId>, Fault> {
    text.map(|text| compile(text.get_ref(), code).map_err(|what| fault(key, text, &what))).transpose()
}

fn template(code: &mut Code, key: &str, text: Option<&Spanned<String>>) -> Result<Template, Fault> {
    text.map_or_else(
        || Ok(Template::default()),
        |text| Template::parse(text.get_ref(), code).map_err(|what| fault(key, text, &what)),
    )
}

impl Rule {
    /// Compiles the text of a rule file. `id` is its path without `.toml`.
    pub(super) fn parse(id: &str, file: &str, text: &str, code: &mut Code) -> Result<Self, Fault> {
        let definition: Definition = toml::from_str(text)
            .map_err(|error| Fault { what: error.message().to_owned(), at: error.span().map(|span| span.start) })?;
        let aliases = aliases(&definition, file, text)?;
        let rule = Self::compile(id, definition, code)?;
        Ok(rule.with_aliases(file, aliases))
    }

    fn compile(id: &str, definition: Definition, code: &mut Code) -> Result<Self, Fault> {
        let stages = stages(&definition.stages)?;
        let mut rule_when = expression(code, "when", definition.when.as_ref())?;
        let mut checks = Vec::new();
        for check in &definition.checks {
            checks.push(compile_check(&definition, check, code)?);
        }
        if checks.is_empty() {
            let mut check = single_check(&definition, code)?;
            if check.each.is_some() {
                // With `each`, the rule's own condition is asked for each node.
                check.when = rule_when.take();
            }
            checks.push(check);
        }
        let not_judged = definition
            .not_judged
            .iter()
            .map(|entry| {
                let when =
                    compile(entry.when.get_ref(), code).map_err(|what| fault("not_judged.when", &entry.when, &what))?;
                Ok((when, Arc::from(entry.because.as_str())))
            })
            .collect::<Result<_, Fault>>()?;
        let milder = definition
            .milder
            .iter()
            .map(|entry| {
                let when =
                    compile(entry.when.get_ref(), code).map_err(|what| fault("milder.when", &entry.when, &what))?;
                Ok((when, entry.severity))
            })
            .collect::<Result<_, Fault>>()?;
        let mut expects = definition.checks.iter().filter_map(|check| check.expect.as_ref()).chain(&definition.expect);
        let judges_refusals = definition.side == Side::BookingSystem
            && (definition.asks_refusal
                || definition.checks.iter().any(|check| check.asks_refusal)
                || expects.any(|expect| expect.get_ref().contains("refused(")));
        let info = RuleInfo {
            id: id.to_owned(),
            aliases: Vec::new(),
            severity: definition.severity,
            side: definition.side,
            scope: definition.scope,
            stages: definition.stages.into_inner(),
            title: definition.title,
            spec: definition.spec,
            feature: definition.feature,
            unusable_answer: definition.unusable_answer,
            superfluous: definition.superfluous,
            comparison: definition.comparison,
            why: definition.why,
            fix: definition.fix,
        };
        Ok(Self {
            info: Arc::new(info),
            file: String::new(),
            aliases: Vec::new(),
            stages,
            when: rule_when,
            not_judged,
            milder,
            general: definition.general,
            refutes_refusal: definition.refutes_refusal,
            judges_refusals,
            checks,
            examples: definition.examples,
        })
    }

    /// Adds former ids. What is known already stays.
    pub(super) fn with_aliases(mut self, file: &str, aliases: Vec<Alias>) -> Self {
        file.clone_into(&mut self.file);
        for alias in aliases {
            Arc::make_mut(&mut self.info).aliases.push(alias.id.clone());
            self.aliases.push(alias);
        }
        self
    }

    /// Takes over the former ids of a rule that this one replaces.
    pub(super) fn in_place_of(self, replaced: &Self) -> Self {
        let file = self.file.clone();
        let is_new = |alias: &&Alias| !self.aliases.iter().any(|own| own.id == alias.id);
        let inherited = replaced.aliases.iter().filter(is_new).cloned().collect();
        self.with_aliases(&file, inherited)
    }

    /// True if the rule is judged at a stage.
    pub fn applies_at(&self, stage: Stage, is_booking_call: bool) -> bool {
        match &self.stages {
            Stages::Any => is_booking_call,
            Stages::Some(stages) => stages.contains(&stage),
        }
    }

    /// True for a rule of the booking system that says how a wrong request is to be refused.
    pub fn judges_refusals(&self) -> bool {
        self.judges_refusals
    }

    /// Gives the rule another severity. What weighed as much as the rule weighs as much again; what was milder stays
    /// milder, and never above it.
    pub(super) fn set_severity(&mut self, severity: Severity) {
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
    pub(super) fn model_checks(&self) -> impl Iterator<Item = &ModelCheck> {
        self.checks.iter().filter_map(|check| match &check.expect {
            Expectation::Model(model) => Some(model),
            _ => None,
        })
    }

    /// Arguments of `refused(...)` where that is what the rule expects.
    pub(super) fn refusal<'c>(&self, code: &'c Code) -> Option<&'c [NodeId]> {
        self.checks.iter().find_map(|check| match &check.expect {
            Expectation::Expression(expect) => match code.unshared(*expect) {
                Node::Call(Function::Refused, arguments) => Some(code.list(arguments)),
                _ => None,
            },
            Expectation::InRust(_) | Expectation::Model(_) => None,
        })
    }

    /// Visits the expressions of the rule, its condition aside, each with the places of the `each` for whose items it is asked.
    pub(super) fn for_each_expression(&self, visit: &mut impl FnMut(NodeId, &[usize])) {
        let place = |check: &Check| check.each.as_ref().map(|each| each.place);
        let all: Vec<usize> = self.checks.iter().filter_map(place).collect();
        self.not_judged.iter().for_each(|(when, _)| visit(*when, &all));
        for check in &self.checks {
            let each: Vec<usize> = place(check).into_iter().collect();
            let expect = if let Expectation::Expression(expect) = &check.expect { Some(*expect) } else { None };
            let at = if let At::Expression(at) = &check.at { Some(*at) } else { None };
            [check.when, expect, at, check.seen, check.once].into_iter().flatten().for_each(|node| visit(node, &each));
        }
        self.milder.iter().for_each(|(when, _)| visit(*when, &all));
    }
}

/// The former ids that a rule file lists.
fn aliases(definition: &Definition, file: &str, text: &str) -> Result<Vec<Alias>, Fault> {
    let alias = |listed: &Spanned<String>| {
        let (id, at) = (listed.get_ref(), listed.span().start);
        if !is_id(id) {
            return Err(fault("aliases", listed, &format!("{id:?} is no id of a rule; write area/name")));
        }
        let line = 1 + text.bytes().take(at).filter(|&byte| byte == b'\n').count();
        Ok(Alias { id: id.clone(), file: file.to_owned(), line })
    };
    definition.aliases.iter().map(alias).collect()
}

fn stages(names: &Spanned<Vec<String>>) -> Result<Stages, Fault> {
    let at = Some(names.span().start);
    if names.get_ref().iter().any(|name| name == "any") {
        return Ok(Stages::Any);
    }
    let stages = names
        .get_ref()
        .iter()
        .map(|name| Stage::from_name(name).ok_or_else(|| Fault { what: format!("stages: unknown stage {name:?}"), at }))
        .collect::<Result<Vec<_>, _>>()?;
    if stages.is_empty() {
        return Err(Fault { what: "stages: name at least one stage, or any".to_owned(), at });
    }
    Ok(Stages::Some(stages))
}

fn single_check(definition: &Definition, code: &mut Code) -> Result<Check, Fault> {
    let expect = match (&definition.expect, &definition.native) {
        (Some(_), Some(name)) => return Err(fault("native", name, "a rule has either expect or native")),
        (None, Some(name)) if definition.model.is_none() => Expectation::InRust(
            NamedCheck::from_name(name.get_ref())
                .ok_or_else(|| fault("native", name, &format!("there is no check named {:?}", name.get_ref())))?,
        ),
        (expect, _) => expectation(code, "expect", expect.as_ref(), definition.model.as_ref())?,
    };
    let each = each(definition.each.as_ref())?;
    Ok(Check {
        at: at(code, definition.at.as_ref(), each.is_some(), &expect)?,
        when: None,
        seen: expression(code, "seen", definition.seen.as_ref())?,
        seen_as: definition.seen_as,
        expected: template(code, "expected", definition.expected.as_ref())?,
        message: template(code, "message", definition.message.as_ref())?,
        once: expression(code, "once", definition.once.as_ref())?,
        because: expression(code, "because", definition.because.as_ref())?,
        severity: definition.severity,
        asks_refusal: definition.asks_refusal,
        expect,
        each,
    })
}

fn expectation(
    code: &mut Code,
    key: &str,
    expect: Option<&Spanned<String>>,
    model: Option<&Spanned<ModelDefinition>>,
) -> Result<Expectation, Fault> {
    match (expect, model) {
        (Some(expect), None) => {
            Ok(Expectation::Expression(compile(expect.get_ref(), code).map_err(|what| fault(key, expect, &what))?))
        }
        (None, Some(model)) => {
            let at = Some(model.span().start);
            let check = ModelCheck::try_from(model.get_ref().clone());
            check.map(Expectation::Model).map_err(|what| Fault { what: format!("model: {what}"), at })
        }
        (Some(expect), Some(_)) => Err(fault(key, expect, "there is either expect or model")),
        (None, None) => Err(Fault { what: format!("{key} is missing"), at: None }),
    }
}

fn compile_check(definition: &Definition, check: &CheckDefinition, code: &mut Code) -> Result<Check, Fault> {
    let expect = expectation(code, "check.expect", check.expect.as_ref(), check.model.as_ref())?;
    let each = match expect {
        Expectation::Model(_) => None,
        _ => each(check.each.as_ref().or(definition.each.as_ref()))?,
    };
    Ok(Check {
        at: at(code, check.at.as_ref().or(definition.at.as_ref()), each.is_some(), &expect)?,
        when: expression(code, "check.when", check.when.as_ref())?,
        seen: expression(code, "check.seen", check.seen.as_ref().or(definition.seen.as_ref()))?,
        seen_as: if check.seen.is_some() { check.seen_as } else { check.seen_as.or(definition.seen_as) },
        expected: template(code, "check.expected", check.expected.as_ref().or(definition.expected.as_ref()))?,
        message: template(code, "check.message", check.message.as_ref().or(definition.message.as_ref()))?,
        once: expression(code, "check.once", check.once.as_ref().or(definition.once.as_ref()))?,
        because: expression(code, "check.because", check.because.as_ref().or(definition.because.as_ref()))?,
        severity: check.severity.unwrap_or(definition.severity),
        asks_refusal: check.asks_refusal || definition.asks_refusal,
        expect,
        each,
    })
}

fn each(text: Option<&Spanned<String>>) -> Result<Option<Each>, Fault> {
    let parse = |text: &Spanned<String>| Path::parse(text.get_ref()).map_err(|what| fault("each", text, &what));
    Ok(text.map(parse).transpose()?.map(|path| Each { path, place: 0 }))
}

fn at(code: &mut Code, text: Option<&Spanned<String>>, with_each: bool, expect: &Expectation) -> Result<At, Fault> {
    let Some(text) = text else {
        let points_by_itself = match expect {
            Expectation::InRust(_) | Expectation::Model(_) => true,
            Expectation::Expression(expect) => matches!(code.node(*expect), Node::Call(Function::Refused, _)),
        };
        return match (with_each, points_by_itself) {
            (true, _) => Ok(At::Item(String::new())),
            (false, true) => Ok(At::Pointer(String::new())),
            (false, false) => Err(Fault { what: "at is missing: say where a finding points".to_owned(), at: None }),
        };
    };
    let pointer = text.get_ref();
    if pointer.starts_with('/') {
        let known = ["/request", "/response"].iter().any(|root| pointer.starts_with(root));
        return if known {
            Ok(At::Pointer(pointer.clone()))
        } else {
            Err(fault("at", text, "a pointer starts with /request or /response"))
        };
    }
    if pointer == "." || pointer.starts_with("./") {
        return if with_each {
            Ok(At::Item(pointer[1..].to_owned()))
        } else {
            Err(fault("at", text, "a relative pointer needs each"))
        };
    }
    compile(pointer, code).map(At::Expression).map_err(|what| fault("at", text, &what))
}
