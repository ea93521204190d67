//! The rule book: every rule, found quickly by stage. Built-in rules come from the binary, others from folders.

use std::collections::HashMap;
use std::path::Path;

use crate::finding::Severity;
use crate::openbooking::{ParsedExchange, Stage};
use crate::rules::book::aliases::Aliases;
use crate::rules::book::error::{FilePlace, LoadError};
use crate::rules::book::expression_file::ExpressionFile;
use crate::rules::book::files::{NOT_RULES, built_in_files, files_on_disk, read_text};
use crate::rules::book::plan::{self, Plan};
use crate::rules::book::rule::{Rule, RuleFileError};
use crate::rules::book::rule_compiler::compile_rule;
use crate::rules::book::settings::{self, RuleSources, RulesInForce};
use crate::rules::book::tables::{compile_claims, facts};
use crate::rules::builtins::builtins;
use crate::rules::lang::common_subexpressions::{CommonSubexpressions, StageMask};
use crate::rules::lang::items::ItemSource;
use crate::rules::lang::named_expressions::NamedExpressions;
use crate::rules::lang::node::BoolId;
use crate::rules::lang::program::Program;
use crate::rules::models::errors::ModelTables;

/// A set of rules, indexed by stage.
#[derive(Debug)]
pub struct RuleBook {
    rules: Vec<Rule>,
    off: Vec<Rule>,
    aliases: Aliases,
    notices: Vec<String>,
    /// In the order of [`kinds_of_exchange`].
    plans: Vec<Plan>,
    facts: ModelTables,
    program: Program,
    item_sources: Vec<ItemSource>,
    /// What it was made of beside the built-in rules.
    sources: String,
}

impl RuleBook {
    /// The built-in rules.
    pub fn built_in() -> Result<Self, LoadError> {
        Self::load(&RuleSources::default())
    }

    /// The built-in rules, those of further folders, which add to them and override them by id, and what is settled
    /// about them.
    pub fn load(set: &RuleSources) -> Result<Self, LoadError> {
        let (mut rules, mut program) = (Vec::new(), builtins().program());
        let expressions = ExpressionFile::built_in()?;
        let names = expressions.names(None, &mut program)?;
        rules.extend(compile_built_in(&names, &mut program)?);
        for folder in &set.folders {
            for rule in read_folder(folder, &names, &mut program)? {
                match rules.iter().position(|known: &Rule| known.info.id == rule.info.id) {
                    Some(place) => rules[place] = rule.in_place_of(&rules[place]),
                    None => rules.push(rule),
                }
            }
        }
        rules.sort_by(|a, b| a.info.id.cmp(&b.info.id));
        let aliases = Aliases::of(&rules)?;
        let RulesInForce { on, off, notices } = settings::apply(rules, &set.settings)?;
        Ok(Self { off, aliases, notices, sources: sources(set)?, ..Self::index(on, &names, program)? })
    }

    /// Only the rules of one folder.
    pub fn only(folder: &Path) -> Result<Self, LoadError> {
        let (mut program, expressions) = (builtins().program(), ExpressionFile::built_in()?);
        let names = expressions.names(None, &mut program)?;
        Self::index(read_folder(folder, &names, &mut program)?, &names, program)
    }

    /// Only the rules that are given, each as its id and the text of its file.
    pub fn of_texts(rules: &[(&str, &str)]) -> Result<Self, LoadError> {
        let (mut program, expressions) = (builtins().program(), ExpressionFile::built_in()?);
        let names = expressions.names(None, &mut program)?;
        let parsed = rules.iter().map(|(id, text)| parse(id, &format!("{id}.toml"), text, &names, &mut program));
        let rules = parsed.collect::<Result<_, _>>()?;
        Self::index(rules, &names, program)
    }

    fn index(mut rules: Vec<Rule>, names: &NamedExpressions<'_>, mut program: Program) -> Result<Self, LoadError> {
        rules.sort_by(|a, b| a.info.id.cmp(&b.info.id));
        let item_sources = place_item_sources(&mut rules);
        let mut facts = facts()?;
        compile_claims(&facts, names, &mut program)?;
        let mut sharing = CommonSubexpressions::new(&mut program, item_sources.len());
        let mut conditions: HashMap<BoolId, StageMask> = HashMap::new();
        for rule in &rules {
            let on = stage_mask(rule);
            for condition in plan::conditions(rule, sharing.program()) {
                *conditions.entry(condition).or_default() |= on;
            }
            rule.for_each_expression(&mut |node, eaches| sharing.ask(node, eaches, on));
        }
        for (condition, on) in conditions {
            sharing.keep(condition, on);
        }
        sharing.mark();
        for rule in &rules {
            for check in rule.model_checks() {
                let wanted = if check.request { &mut facts.wanted.0 } else { &mut facts.wanted.1 };
                *wanted |= check.finds;
                if let Some(name) = check.unknown_names(&facts.models) {
                    let what = format!("model: the data models have no {name:?}");
                    return Err(LoadError::Rule {
                        file: format!("{}.toml", rule.info.id),
                        place: FilePlace::line(1),
                        what,
                    });
                }
            }
        }
        let plan = |(stage, is_booking_call)| {
            let applies = |(_, rule): &(usize, &Rule)| rule.applies_at(stage, is_booking_call);
            Plan::new(rules.iter().enumerate().filter(applies), &program)
        };
        let plans = kinds_of_exchange().map(plan).collect();
        let (aliases, off, notices) = (Aliases::of(&rules)?, Vec::new(), Vec::new());
        Ok(Self { rules, off, aliases, notices, plans, facts, program, item_sources, sources: String::new() })
    }

    /// All rules, by id.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// The texts and settings that it was made of beside the built-in rules: two books of one build that have the same here say
    /// the same.
    pub fn sources(&self) -> &str {
        &self.sources
    }

    /// The rule with an id.
    pub fn rule(&self, id: &str) -> Option<&Rule> {
        self.rules.binary_search_by(|rule| rule.info.id.as_str().cmp(id)).ok().map(|place| &self.rules[place])
    }

    /// The rules that are switched off, by id. They say nothing; what they hold to be the right refusal of a fault still
    /// counts when other rules judge a refusal.
    pub fn off(&self) -> &[Rule] {
        &self.off
    }

    /// The former ids of all rules, those that are off included.
    pub fn aliases(&self) -> &Aliases {
        &self.aliases
    }

    /// What there is to say of the settings: those that name a rule by a former id.
    pub fn notices(&self) -> &[String] {
        &self.notices
    }

    /// What to do about a name that is no rule of the book: names that are near it.
    pub(crate) fn suggest_rule(&self, name: &str) -> String {
        let ids: Vec<&str> = self.rules.iter().chain(&self.off).map(|rule| rule.info.id.as_str()).collect();
        settings::suggest_rule(name, &ids)
    }

    /// What is asked of an exchange, by its stage.
    pub(in crate::rules) fn plan(&self, parsed: &ParsedExchange) -> &Plan {
        let kind = (parsed.stage, parsed.is_booking_call());
        // Every kind has its plan.
        &self.plans[kinds_of_exchange().position(|known| known == kind).unwrap_or_default()]
    }

    /// The expressions of all rules.
    pub(in crate::rules) fn program(&self) -> &Program {
        &self.program
    }

    /// The different `each`, by their places.
    pub(in crate::rules) fn item_sources(&self) -> &[ItemSource] {
        &self.item_sources
    }

    pub(in crate::rules) fn facts(&self) -> &ModelTables {
        &self.facts
    }
}

/// Every text that is read of the folders, and the settings.
fn sources(set: &RuleSources) -> Result<String, LoadError> {
    let mut sources = String::new();
    for folder in &set.folders {
        for (name, path) in files_on_disk(folder, ".toml")? {
            let text = read_text(&path)?;
            sources.extend([&name, " ", &text.len().to_string(), " ", &text, "\n"]);
        }
        sources += "\n";
    }
    for setting in &set.settings {
        let severity = setting.severity.map_or("off", Severity::as_str);
        sources.extend([&setting.of, " ", severity, "\n"]);
    }
    Ok(sources)
}

/// What an exchange is to the question which rules are asked: its stage, and whether it is a call of the booking API.
fn kinds_of_exchange() -> impl Iterator<Item = (Stage, bool)> {
    Stage::ALL.into_iter().flat_map(|stage| [(stage, false), (stage, true)])
}

/// The kinds of exchange on which a rule is asked.
fn stage_mask(rule: &Rule) -> StageMask {
    let kinds = kinds_of_exchange().enumerate();
    let applies = kinds.filter(|(_, (stage, is_booking_call))| rule.applies_at(*stage, *is_booking_call));
    applies.map(|(place, _)| StageMask::of_kind(place)).collect()
}

/// Gives every different `each` a place; gives where their items come from.
fn place_item_sources(rules: &mut [Rule]) -> Vec<ItemSource> {
    let mut sources = Vec::new();
    for each in rules.iter_mut().flat_map(|rule| &mut rule.checks).filter_map(|check| check.each.as_mut()) {
        each.place = sources.iter().position(|source| *source == each.items).unwrap_or_else(|| {
            sources.push(each.items.clone());
            sources.len() - 1
        });
    }
    sources
}

/// The built-in rules, compiled with these names.
pub(in crate::rules) fn compile_built_in(
    names: &NamedExpressions<'_>,
    program: &mut Program,
) -> Result<Vec<Rule>, LoadError> {
    let files = built_in_files().into_iter();
    files.map(|(id, text)| parse(&id, &format!("rules/{id}.toml"), text, names, program)).collect()
}

fn parse(
    id: &str,
    file: &str,
    text: &str,
    names: &NamedExpressions<'_>,
    program: &mut Program,
) -> Result<Rule, LoadError> {
    compile_rule(id, file, text, names, program).map_err(|RuleFileError { what, at }| LoadError::Rule {
        file: file.to_owned(),
        place: FilePlace::of(text, at),
        what,
    })
}

fn read_folder(folder: &Path, outer: &NamedExpressions<'_>, program: &mut Program) -> Result<Vec<Rule>, LoadError> {
    let expressions = ExpressionFile::of_folder(folder)?;
    let names = expressions.names(Some(outer), program)?;
    let mut rules = Vec::new();
    for (id, path) in files_on_disk(folder, ".toml")? {
        let in_area = id.split_once('/').is_some_and(|(area, _)| !NOT_RULES.contains(&area));
        if in_area {
            rules.push(parse(&id, &path.display().to_string(), &read_text(&path)?, &names, program)?);
        }
    }
    if rules.is_empty() { Err(LoadError::Empty(folder.to_owned())) } else { Ok(rules) }
}
