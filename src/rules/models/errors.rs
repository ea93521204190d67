//! The facts of the specification's error model: `rules/models/errors.toml`.

use std::collections::HashMap;

use serde::Deserialize;
use toml::Spanned;

use crate::rules::models::data_model::{DeviationKinds, Models};

/// What the specification says of one error type.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ErrorFacts {
    /// Status that belongs to the type.
    pub status: u16,
    /// `order`, `order-item`, `patch`, `delete`, `feed`, `any`.
    pub levels: Vec<String>,
    /// Stages at which it makes sense; `any` for all.
    pub stages: Vec<String>,
    /// It is right at its stages only.
    #[serde(default)]
    pub exclusive: bool,
    /// Other statuses that are met and tolerated.
    #[serde(default)]
    pub tolerated: Vec<u16>,
    /// Any error status goes.
    #[serde(default)]
    pub any_status: bool,
    /// The type it is derived from.
    #[serde(default)]
    pub parent: Option<String>,
    /// What the error says of the request, as words that follow "that".
    #[serde(default)]
    pub says: Option<String>,
    /// CEL: true or false of the refused exchange, absent where the messages don't show it.
    #[serde(default)]
    pub claim: Option<Spanned<String>>,
}

/// An error type of the specification, as far as others than rules need it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SpecifiedError {
    /// Its name, such as `OpportunityIsFullError`.
    pub name: String,
    /// The status that belongs to it.
    pub status: u16,
    /// Where it may stand: `order`, `order-item`, `patch`, `delete`, `feed`, `any`.
    pub levels: Vec<String>,
    /// The stages at which it makes sense; `any` for all.
    pub stages: Vec<String>,
}

/// All tables that rules may ask.
#[derive(Debug, Default, Clone)]
pub(crate) struct ModelTables {
    errors: HashMap<String, ErrorFacts>,
    /// The data models.
    pub models: Models,
    /// What the rules of the book ask of the data models, of requests and of responses.
    pub wanted: (DeviationKinds, DeviationKinds),
}

impl ModelTables {
    /// Reads `errors.toml`.
    pub(crate) fn parse(text: &str) -> Result<Self, toml::de::Error> {
        Ok(Self { errors: toml::from_str(text)?, ..Self::default() })
    }

    /// The claims of the error types, by name.
    pub(crate) fn claims(&self) -> impl Iterator<Item = (&str, &Spanned<String>)> {
        self.errors.iter().filter_map(|(name, facts)| Some((name.as_str(), facts.claim.as_ref()?)))
    }

    /// Every error type, by name.
    pub(crate) fn specified_errors(&self) -> Vec<SpecifiedError> {
        let specified = |(name, facts): (&String, &ErrorFacts)| SpecifiedError {
            name: name.clone(),
            status: facts.status,
            levels: facts.levels.clone(),
            stages: facts.stages.clone(),
        };
        let mut errors: Vec<_> = self.errors.iter().map(specified).collect();
        errors.sort_by(|a, b| a.name.cmp(&b.name));
        errors
    }

    /// Facts of an error type; `None` if the specification doesn't define it.
    pub(crate) fn error(&self, error_type: &str) -> Option<&ErrorFacts> {
        self.errors.get(error_type)
    }

    /// True for a type of the error model, and for any name that ends in `Error`, as subtypes do.
    pub(crate) fn is_error_type(&self, name: &str) -> bool {
        name.ends_with("Error") || self.errors.contains_key(name)
    }
}
