//! The facts of the specification's error model: `rules/models/errors.toml`.

use std::collections::HashMap;

use serde::Deserialize;
use toml::Spanned;

use super::code::{Code, NodeId};
use super::compile::compile;
use super::models::{Models, WhatSet};
use super::named_expressions::Names;
use super::rule::Fault;
use super::rule_compiler::content_start;

/// What the specification says of one error type.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ErrorFacts {
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
pub struct SpecifiedError {
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
pub struct Facts {
    errors: HashMap<String, ErrorFacts>,
    /// The compiled claims, by error type.
    claims: HashMap<String, NodeId>,
    /// The data models.
    pub models: Models,
    /// What the rules of the book ask of the data models, of requests and of responses.
    pub wanted: (WhatSet, WhatSet),
}

impl Facts {
    /// Reads `errors.toml`.
    pub fn parse(text: &str) -> Result<Self, toml::de::Error> {
        Ok(Self { errors: toml::from_str(text)?, ..Self::default() })
    }

    /// Compiles the claims of the error types, which stand in `text`, for the rule book that `code` belongs to.
    pub fn compile_claims(&mut self, text: &str, names: &Names<'_>, code: &mut Code) -> Result<(), Fault> {
        let with_claim = self.errors.iter().filter_map(|(name, facts)| Some((name, facts.claim.as_ref()?)));
        self.claims = with_claim
            .map(|(name, claim)| match compile(claim.get_ref(), content_start(text, claim), names, code) {
                Ok(node) => Ok((name.clone(), node)),
                Err(error) => Err(Fault { what: format!("{name}.claim: {}", error.what), at: Some(error.at) }),
            })
            .collect::<Result<_, _>>()?;
        Ok(())
    }

    /// Every error type, by name.
    pub fn specified_errors(&self) -> Vec<SpecifiedError> {
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

    /// The compiled claim of an error type; `None` where the specification's text gives nothing to hold against a request.
    pub fn claim(&self, error_type: &str) -> Option<NodeId> {
        self.claims.get(error_type).copied()
    }

    /// Facts of an error type; `None` if the specification doesn't define it.
    pub fn error(&self, error_type: &str) -> Option<&ErrorFacts> {
        self.errors.get(error_type)
    }

    /// True for a type of the error model, and for any name that ends in `Error`, as subtypes do.
    pub fn is_error_type(&self, name: &str) -> bool {
        name.ends_with("Error") || self.errors.contains_key(name)
    }
}
