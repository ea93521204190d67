//! The rule book: every rule, found quickly by stage. Built-in rules come from the binary, others from folders.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use include_dir::{Dir, include_dir};

use super::aliases::Aliases;
use super::code::{Code, NodeId};
use super::compile::compile;
use super::expression_file::ExpressionFile;
use super::facts::{Facts, SpecifiedError};
use super::features::Features;
use super::items::ItemSource;
use super::models::{ModelError, Models};
use super::named_expressions::Names;
use super::plan::{self, Plan};
use super::rule::{Fault, Rule};
use super::rule_compiler::{compile_rule, content_start};
use super::settings::{self, RuleSources, Settled};
use super::sharing::{Sharing, StageMask};
use crate::openbooking::{Reading, Stage};

static BUILT_IN: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/rules");

/// Folders of the rule book that hold no rules.
const NOT_RULES: [&str; 2] = ["models", "examples"];

/// Why a rule set did not load. Names the file, and the line where that is known.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// A rule file has an error.
    #[error("{file}:{place}: {what}")]
    Rule {
        /// The file.
        file: String,
        /// Where in it.
        place: Place,
        /// What is wrong.
        what: String,
    },
    /// A file or folder could not be read.
    #[error("{path}: {cause}")]
    Unreadable {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        cause: std::io::Error,
    },
    /// A folder named with `--rules` holds no rule.
    #[error("{0} holds no rule: rules are files AREA/NAME.toml below it")]
    Empty(PathBuf),
    /// A setting names a rule or area that there isn't.
    #[error("{origin}: there is no rule or area {name:?}: {hint}")]
    NoSuchRule {
        /// Where the setting stands.
        origin: String,
        /// The name.
        name: String,
        /// What to do about it.
        hint: String,
    },
}

/// A place in a file, for people: its line and, where that is known, its column, both from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    line: usize,
    column: Option<usize>,
}

impl Place {
    /// A line, of which no more is known.
    pub fn line(line: usize) -> Self {
        Self { line, column: None }
    }

    /// The place of a byte of a text; the first line where it isn't known.
    pub fn of(text: &str, at: Option<usize>) -> Self {
        let Some(before) = at.and_then(|at| text.get(..at)) else { return Self::line(1) };
        let line = before.rsplit('\n').next().unwrap_or_default();
        Self { line: 1 + before.matches('\n').count(), column: Some(1 + line.chars().count()) }
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.column {
            Some(column) => write!(f, "{}:{column}", self.line),
            None => write!(f, "{}", self.line),
        }
    }
}

/// A requirement that no rule judges.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotJudgedHere {
    /// Its id, as a rule would have it.
    pub id: String,
    /// Why no rule judges it.
    pub because: String,
}

/// A set of rules, indexed by stage.
#[derive(Debug)]
pub struct RuleBook {
    rules: Vec<Rule>,
    off: Vec<Rule>,
    aliases: Aliases,
    notices: Vec<String>,
    /// In the order of [`kinds_of_exchange`].
    plans: Vec<Plan>,
    facts: Facts,
    code: Code,
    item_sources: Vec<ItemSource>,
}

impl RuleBook {
    /// The built-in rules.
    pub fn built_in() -> Result<Self, LoadError> {
        Self::load(&RuleSources::default())
    }

    /// The built-in rules, those of further folders, which add to them and override them by id, and what is settled
    /// about them.
    pub fn load(set: &RuleSources) -> Result<Self, LoadError> {
        let (mut rules, mut code) = (Vec::new(), Code::default());
        let expressions = ExpressionFile::built_in()?;
        let names = expressions.names(None, &mut code)?;
        rules.extend(compile_built_in(&names, &mut code)?);
        for folder in &set.folders {
            for rule in read_folder(folder, &names, &mut code)? {
                match rules.iter().position(|known: &Rule| known.info.id == rule.info.id) {
                    Some(place) => rules[place] = rule.in_place_of(&rules[place]),
                    None => rules.push(rule),
                }
            }
        }
        rules.sort_by(|a, b| a.info.id.cmp(&b.info.id));
        let aliases = Aliases::of(&rules)?;
        let Settled { on, off, notices } = settings::apply(rules, &set.settings)?;
        Ok(Self { off, aliases, notices, ..Self::index(on, &names, code)? })
    }

    /// Only the rules of one folder.
    pub fn only(folder: &Path) -> Result<Self, LoadError> {
        let (mut code, expressions) = (Code::default(), ExpressionFile::built_in()?);
        let names = expressions.names(None, &mut code)?;
        Self::index(read_folder(folder, &names, &mut code)?, &names, code)
    }

    /// Only the rules that are given, each as its id and the text of its file.
    pub fn of_texts(rules: &[(&str, &str)]) -> Result<Self, LoadError> {
        let (mut code, expressions) = (Code::default(), ExpressionFile::built_in()?);
        let names = expressions.names(None, &mut code)?;
        let parsed = rules.iter().map(|(id, text)| parse(id, &format!("{id}.toml"), text, &names, &mut code));
        let rules = parsed.collect::<Result<_, _>>()?;
        Self::index(rules, &names, code)
    }

    fn index(mut rules: Vec<Rule>, names: &Names<'_>, mut code: Code) -> Result<Self, LoadError> {
        rules.sort_by(|a, b| a.info.id.cmp(&b.info.id));
        let item_sources = place_item_sources(&mut rules);
        let mut facts = facts()?;
        compile_claims(&facts, names, &mut code)?;
        let mut sharing = Sharing::new(&mut code, item_sources.len());
        let mut conditions: HashMap<NodeId, StageMask> = HashMap::new();
        for rule in &rules {
            let on = occasions(rule);
            for condition in plan::conditions(rule, sharing.code()) {
                conditions.entry(condition).or_default().0 |= on.0;
            }
            rule.for_each_expression(&mut |node, eaches| sharing.ask(node, eaches, on));
        }
        // Of a plan they are asked once, however many rules make them theirs.
        for (condition, on) in conditions {
            sharing.ask(condition, &[], on);
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
                        place: Place::line(1),
                        what,
                    });
                }
            }
        }
        let plan = |(stage, is_booking_call)| {
            let applies = |(_, rule): &(usize, &Rule)| rule.applies_at(stage, is_booking_call);
            Plan::new(rules.iter().enumerate().filter(applies), &code)
        };
        let plans = kinds_of_exchange().map(plan).collect();
        let (aliases, off, notices) = (Aliases::of(&rules)?, Vec::new(), Vec::new());
        Ok(Self { rules, off, aliases, notices, plans, facts, code, item_sources })
    }

    /// All rules, by id.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
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
    pub fn hint(&self, name: &str) -> String {
        let ids: Vec<&str> = self.rules.iter().chain(&self.off).map(|rule| rule.info.id.as_str()).collect();
        settings::hint(name, &ids)
    }

    /// What is asked of an exchange, by its stage.
    pub(super) fn plan(&self, reading: &Reading) -> &Plan {
        let kind = (reading.stage, reading.is_booking_call());
        // Every kind has its plan.
        &self.plans[kinds_of_exchange().position(|known| known == kind).unwrap_or_default()]
    }

    /// The expressions of all rules.
    pub(super) fn code(&self) -> &Code {
        &self.code
    }

    /// The different `each`, by their places.
    pub(super) fn item_sources(&self) -> &[ItemSource] {
        &self.item_sources
    }

    pub(super) fn facts(&self) -> &Facts {
        &self.facts
    }
}

/// What an exchange is to the question which rules are asked: its stage, and whether it is a call of the booking API.
fn kinds_of_exchange() -> impl Iterator<Item = (Stage, bool)> {
    Stage::ALL.into_iter().flat_map(|stage| [(stage, false), (stage, true)])
}

/// The kinds of exchange on which a rule is asked.
fn occasions(rule: &Rule) -> StageMask {
    let bit = |(place, (stage, is_booking_call))| u32::from(rule.applies_at(stage, is_booking_call)) << place;
    StageMask(kinds_of_exchange().enumerate().map(bit).fold(0, std::ops::BitOr::bitor))
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

/// Compiles the claims of the error types.
fn compile_claims(facts: &Facts, names: &Names<'_>, code: &mut Code) -> Result<(), LoadError> {
    let text = built_in_text(ERRORS_FILE);
    for (name, claim) in facts.claims() {
        let node = compile(claim.get_ref(), content_start(text, claim), names, code)
            .map_err(|error| in_errors_file(format!("{name}.claim: {}", error.what), Some(error.at)))?;
        code.set_claim(name, node);
    }
    Ok(())
}

/// The facts beside the rules, read once.
fn facts() -> Result<Facts, LoadError> {
    static FACTS: OnceLock<Facts> = OnceLock::new();
    match FACTS.get() {
        Some(facts) => Ok(facts.clone()),
        None => read_facts().map(|facts| FACTS.get_or_init(|| facts).clone()),
    }
}

fn read_facts() -> Result<Facts, LoadError> {
    let mut facts = Facts::parse(built_in_text(ERRORS_FILE))
        .map_err(|error| in_errors_file(error.message().to_owned(), error.span().map(|span| span.start)))?;
    facts.models = models()?;
    Ok(facts)
}

const ERRORS_FILE: &str = "models/errors.toml";

/// A file of the built-in rules; nothing, if there is none.
pub(super) fn built_in_text(file: &str) -> &'static str {
    BUILT_IN.get_file(file).and_then(include_dir::File::contents_utf8).unwrap_or_default()
}

fn in_errors_file(what: String, at: Option<usize>) -> LoadError {
    LoadError::Rule { file: format!("rules/{ERRORS_FILE}"), place: Place::of(built_in_text(ERRORS_FILE), at), what }
}

fn models() -> Result<Models, LoadError> {
    let files = files_below(BUILT_IN.get_dir("models"), ".toml");
    let files: Vec<_> = files
        .iter()
        .filter_map(|(path, text)| Some((path.strip_prefix("models/")?, *text)))
        .filter(|(name, _)| *name != "errors")
        .collect();
    Models::parse(&files).map_err(|ModelError { file, what, at }| {
        let text = files.iter().find(|(name, _)| *name == file).map_or("", |(_, text)| text);
        LoadError::Rule { file: format!("rules/models/{file}.toml"), place: Place::of(text, at), what }
    })
}

/// The error types of the specification, by name; none if the built-in table can't be read, which loading the rules reports.
pub fn specified_errors() -> &'static [SpecifiedError] {
    static ERRORS: OnceLock<Vec<SpecifiedError>> = OnceLock::new();
    ERRORS.get_or_init(|| facts().map(|facts| facts.specified_errors()).unwrap_or_default())
}

/// The features of OpenActive's test suite.
pub fn features() -> Result<Features, LoadError> {
    built_in_table("features.toml")
}

/// The requirements that no rule judges, by id.
pub fn not_judged_here() -> Result<Vec<NotJudgedHere>, LoadError> {
    #[derive(serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Reason {
        because: String,
    }
    let table: BTreeMap<String, Reason> = built_in_table("not-judged.toml")?;
    Ok(table.into_iter().map(|(id, Reason { because })| NotJudgedHere { id, because }).collect())
}

/// The named expressions that every rule can use: each as it is used, and what it means.
pub(super) fn named_expressions() -> Result<Vec<(String, String)>, LoadError> {
    let file = ExpressionFile::built_in()?;
    Ok(file.meanings().map(|(name, means)| (name.to_owned(), means.to_owned())).collect())
}

fn built_in_table<T: serde::de::DeserializeOwned + Default>(name: &str) -> Result<T, LoadError> {
    let Some(text) = BUILT_IN.get_file(name).and_then(include_dir::File::contents_utf8) else {
        return Ok(T::default());
    };
    toml::from_str(text).map_err(|error| LoadError::Rule {
        file: format!("rules/{name}"),
        place: Place::of(text, error.span().map(|span| span.start)),
        what: error.message().to_owned(),
    })
}

/// How a rule is written: `rules/GUIDE.md`.
pub fn guide() -> &'static str {
    built_in_text("GUIDE.md")
}

/// The built-in exchanges that examples start from: path below `examples/` without `.json`, and text.
pub fn built_in_bases() -> impl Iterator<Item = (String, &'static str)> {
    files_below(BUILT_IN.get_dir("examples"), ".json")
        .into_iter()
        .filter_map(|(path, text)| Some((path.strip_prefix("examples/")?.to_owned(), text)))
}

fn built_in_files() -> Vec<(String, &'static str)> {
    let mut files: Vec<_> = BUILT_IN
        .dirs()
        .filter(|dir| !NOT_RULES.iter().any(|name| dir.path() == Path::new(name)))
        .flat_map(|dir| files_below(Some(dir), ".toml"))
        .collect();
    files.sort();
    files
}

fn files_below(dir: Option<&'static Dir<'static>>, ending: &str) -> Vec<(String, &'static str)> {
    let Some(dir) = dir else { return Vec::new() };
    let mut found: Vec<_> = dir
        .files()
        .filter_map(|file| {
            let path = file.path().to_str()?.replace('\\', "/");
            Some((path.strip_suffix(ending)?.to_owned(), file.contents_utf8()?))
        })
        .collect();
    for dir in dir.dirs() {
        found.extend(files_below(Some(dir), ending));
    }
    found
}

/// The built-in rules, compiled with these names.
pub(super) fn compile_built_in(names: &Names<'_>, code: &mut Code) -> Result<Vec<Rule>, LoadError> {
    let files = built_in_files().into_iter();
    files.map(|(id, text)| parse(&id, &format!("rules/{id}.toml"), text, names, code)).collect()
}

fn parse(id: &str, file: &str, text: &str, names: &Names<'_>, code: &mut Code) -> Result<Rule, LoadError> {
    compile_rule(id, file, text, names, code).map_err(|Fault { what, at }| LoadError::Rule {
        file: file.to_owned(),
        place: Place::of(text, at),
        what,
    })
}

/// Reads a file; the error names it.
pub(super) fn read_text(path: &Path) -> Result<String, LoadError> {
    fs::read_to_string(path).map_err(|cause| LoadError::Unreadable { path: path.to_owned(), cause })
}

/// Every file below a folder with an ending: path relative to the folder without the ending, and full path. Sorted.
pub(super) fn files_on_disk(folder: &Path, ending: &str) -> Result<Vec<(String, PathBuf)>, LoadError> {
    let unreadable = |cause| LoadError::Unreadable { path: folder.to_owned(), cause };
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() {
            found.extend(
                files_on_disk(&path, ending)?.into_iter().map(|(inner, path)| (format!("{name}/{inner}"), path)),
            );
        } else if let Some(stem) = name.strip_suffix(ending) {
            found.push((stem.to_owned(), path));
        }
    }
    found.sort();
    Ok(found)
}

fn read_folder(folder: &Path, outer: &Names<'_>, code: &mut Code) -> Result<Vec<Rule>, LoadError> {
    let expressions = ExpressionFile::of_folder(folder)?;
    let names = expressions.names(Some(outer), code)?;
    let mut rules = Vec::new();
    for (id, path) in files_on_disk(folder, ".toml")? {
        let in_area = id.split_once('/').is_some_and(|(area, _)| !NOT_RULES.contains(&area));
        if in_area {
            rules.push(parse(&id, &path.display().to_string(), &read_text(&path)?, &names, code)?);
        }
    }
    if rules.is_empty() { Err(LoadError::Empty(folder.to_owned())) } else { Ok(rules) }
}
