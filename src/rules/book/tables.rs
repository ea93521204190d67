//! The tables beside the rules: data models and errors, features of the test suite, what is not judged.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use crate::rules::book::error::{FilePlace, LoadError};
use crate::rules::book::features::Features;
use crate::rules::book::files::{built_in_models, built_in_text};
use crate::rules::book::rule_compiler::content_start;
use crate::rules::lang::compile::compile;
use crate::rules::lang::named_expressions::NamedExpressions;
use crate::rules::lang::program::Program;
use crate::rules::models::data_model::Models;
use crate::rules::models::errors::{ModelTables, SpecifiedError};
use crate::rules::models::load::ModelError;

/// A requirement that no rule judges.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotJudgedHere {
    /// Its id, as a rule would have it.
    pub id: String,
    /// Why no rule judges it.
    pub because: String,
}

/// Compiles the claims of the error types.
pub(crate) fn compile_claims(
    facts: &ModelTables,
    names: &NamedExpressions<'_>,
    program: &mut Program,
) -> Result<(), LoadError> {
    let text = built_in_text(ERRORS_FILE);
    for (name, claim) in facts.claims() {
        let node = compile(claim.get_ref(), content_start(text, claim), names, program)
            .map_err(|error| in_errors_file(format!("{name}.claim: {}", error.what), Some(error.at)))?;
        program.set_claim(name, node);
    }
    Ok(())
}

/// The facts beside the rules, read once.
pub(crate) fn facts() -> Result<ModelTables, LoadError> {
    static FACTS: OnceLock<ModelTables> = OnceLock::new();
    match FACTS.get() {
        Some(facts) => Ok(facts.clone()),
        None => read_facts().map(|facts| FACTS.get_or_init(|| facts).clone()),
    }
}

fn read_facts() -> Result<ModelTables, LoadError> {
    let mut facts = ModelTables::parse(built_in_text(ERRORS_FILE))
        .map_err(|error| in_errors_file(error.message().to_owned(), error.span().map(|span| span.start)))?;
    facts.models = models()?;
    Ok(facts)
}

const ERRORS_FILE: &str = "models/errors.toml";

fn in_errors_file(what: String, at: Option<usize>) -> LoadError {
    LoadError::Rule { file: format!("rules/{ERRORS_FILE}"), place: FilePlace::of(built_in_text(ERRORS_FILE), at), what }
}

fn models() -> Result<Models, LoadError> {
    let files = built_in_models();
    let files: Vec<_> = files
        .iter()
        .filter_map(|(path, text)| Some((path.strip_prefix("models/")?, *text)))
        .filter(|(name, _)| *name != "errors")
        .collect();
    Models::parse(&files).map_err(|ModelError { file, what, at }| {
        let text = files.iter().find(|(name, _)| *name == file).map_or("", |(_, text)| text);
        LoadError::Rule { file: format!("rules/models/{file}.toml"), place: FilePlace::of(text, at), what }
    })
}

/// The error types of the specification, by name; none if the built-in table can't be read, which loading the rules reports.
pub(crate) fn specified_errors() -> &'static [SpecifiedError] {
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

fn built_in_table<T: serde::de::DeserializeOwned + Default>(name: &str) -> Result<T, LoadError> {
    let text = built_in_text(name);
    toml::from_str(text).map_err(|error| LoadError::Rule {
        file: format!("rules/{name}"),
        place: FilePlace::of(text, error.span().map(|span| span.start)),
        what: error.message().to_owned(),
    })
}
