//! The file format of a rule, as serde reads it. `rules/GUIDE.md` says what each key means.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;

use crate::finding::{Scope, Severity, Side};
use crate::rules::models::check::ModelDefinition;
use crate::rules::state::booking_system::BookingSystemInfo;

/// A rule file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RuleDefinition {
    pub title: String,
    /// Former ids.
    #[serde(default)]
    pub aliases: Vec<Spanned<String>>,
    pub severity: Severity,
    pub side: Side,
    pub scope: Scope,
    pub stages: Spanned<Vec<String>>,
    pub spec: String,
    pub feature: Option<String>,
    /// Named expressions, by name or by `name(parameter, …)`.
    #[serde(default, rename = "let")]
    pub lets: BTreeMap<Spanned<String>, Spanned<String>>,
    pub when: Option<Spanned<String>>,
    pub each: Option<Spanned<String>>,
    pub expect: Option<Spanned<String>>,
    pub at: Option<Spanned<String>>,
    pub seen: Option<Spanned<String>>,
    pub seen_as: Option<SeenAs>,
    pub expected: Option<Spanned<String>>,
    pub message: Option<Spanned<String>>,
    pub report_once_per: Option<Spanned<String>>,
    pub because: Option<Spanned<String>>,
    /// Its findings give way to those of other rules on the same side and place.
    #[serde(default)]
    pub general: bool,
    /// A finding says that the answer as a whole is no answer: what else is wrong with it follows from that.
    #[serde(default)]
    pub unusable_answer: bool,
    /// A finding says that what it points to must not be there: what is wrong below follows from that.
    #[serde(default)]
    pub superfluous: bool,
    /// A finding says that two messages differ: it follows from a finding on what is wrong with the value itself.
    #[serde(default)]
    pub comparison: bool,
    /// It asks for a refusal without naming its error: `--mute-refused` goes by it as by `refused(...)`.
    #[serde(default)]
    pub asks_refusal: bool,
    /// A finding shows that the request was refused wrongly: later rules don't hold the refusal against the broker.
    #[serde(default)]
    pub refutes_refusal: bool,
    pub why: String,
    pub fix: String,
    #[serde(default)]
    pub not_judged: Vec<NotJudgedWhen>,
    #[serde(default, rename = "downgrade")]
    pub downgrades: Vec<Downgrade>,
    /// Name of a check in Rust, in place of `expect`.
    pub native: Option<Spanned<String>>,
    /// What is asked of the data models, in place of `expect`.
    pub model: Option<Spanned<ModelDefinition>>,
    #[serde(default, rename = "check")]
    pub checks: Vec<CheckDefinition>,
    #[serde(default, rename = "example")]
    pub examples: Vec<Example>,
}

/// Former keys of rule files, each with the one that took its place.
const FORMER_KEYS: [(&str, &str); 2] = [("milder", "downgrade"), ("once", "report_once_per")];

impl RuleDefinition {
    /// Reads a rule file. The error says what is wrong, and at which byte.
    pub(crate) fn read(text: &str) -> Result<Self, (String, Option<usize>)> {
        toml::from_str(text).map_err(|error| {
            let message = error.message();
            let former = FORMER_KEYS.iter().find(|(key, _)| message.starts_with(&format!("unknown field `{key}`")));
            let what = former.map(|(former, present)| format!("the key {former} is now {present}"));
            (what.unwrap_or_else(|| message.to_owned()), error.span().map(|span| span.start))
        })
    }
}

/// What is wrong with the things that `seen` lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum SeenAs {
    /// They are not there.
    Missing,
    /// They are there and should not be.
    Superfluous,
    /// They have other values than they should have.
    Changed,
}

impl SeenAs {
    /// All.
    pub(crate) const ALL: [Self; 3] = [Self::Missing, Self::Superfluous, Self::Changed];

    /// The word before the list, as in `missing: email, logo`.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Superfluous => "superfluous",
            Self::Changed => "changed",
        }
    }

    /// The list behind such a word; a text without one as it is.
    pub(crate) fn list(seen: &str) -> &str {
        let behind = |kind: Self| seen.strip_prefix(kind.as_str())?.strip_prefix(": ");
        Self::ALL.into_iter().find_map(behind).unwrap_or(seen)
    }
}

/// One of several expectations.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CheckDefinition {
    #[allow(dead_code, reason = "names a check for the reader of the file")]
    pub name: Option<String>,
    pub when: Option<Spanned<String>>,
    pub each: Option<Spanned<String>>,
    pub expect: Option<Spanned<String>>,
    pub model: Option<Spanned<ModelDefinition>>,
    pub at: Option<Spanned<String>>,
    pub seen: Option<Spanned<String>>,
    pub seen_as: Option<SeenAs>,
    pub expected: Option<Spanned<String>>,
    pub message: Option<Spanned<String>>,
    pub report_once_per: Option<Spanned<String>>,
    pub because: Option<Spanned<String>>,
    pub severity: Option<Severity>,
    /// As the rule's own, for this check alone.
    #[serde(default)]
    pub asks_refusal: bool,
}

/// `[[not_judged]]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NotJudgedWhen {
    pub when: Spanned<String>,
    pub because: String,
}

/// `[[downgrade]]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Downgrade {
    pub when: Spanned<String>,
    pub severity: Severity,
}

/// `[[example]]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Example {
    pub name: String,
    pub base: Option<String>,
    pub patch: Option<serde_json::Value>,
    #[serde(default)]
    pub remove: Vec<String>,
    #[serde(default)]
    pub set: serde_json::Map<String, serde_json::Value>,
    /// What is known of the booking system beforehand.
    #[serde(default)]
    pub recording: BookingSystemInfo,
    /// A little recording, in place of `base`.
    #[serde(default)]
    pub exchanges: Vec<ExampleExchange>,
    #[serde(default)]
    pub finds: Vec<String>,
    #[serde(default)]
    pub not_judged: bool,
}

/// An exchange of an example: a base and what differs from it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExampleExchange {
    pub base: String,
    pub patch: Option<serde_json::Value>,
    #[serde(default)]
    pub remove: Vec<String>,
    #[serde(default)]
    pub set: serde_json::Map<String, serde_json::Value>,
    /// Seconds since the exchange before.
    pub after: Option<f64>,
}
