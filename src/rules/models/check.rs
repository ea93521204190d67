//! What one rule asks of the models: `model = { of = "response", finds = ["enum"], except = ["brokerRole"] }`.

use serde::Deserialize;

use super::data_model::{DeviationKind, DeviationKinds, Models};
use super::walk::Deviation;
use crate::json::{Document, Value};
use crate::rules::models::shown::{shorten, show};

/// The check as a rule file has it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ModelDefinition {
    of: String,
    finds: Vec<String>,
    #[serde(default)]
    types: Vec<String>,
    #[serde(default)]
    properties: Vec<String>,
    #[serde(default)]
    except: Vec<String>,
    #[serde(default)]
    under: Vec<String>,
}

/// The check, read.
#[derive(Debug, Clone)]
pub(crate) struct ModelCheck {
    /// True if it is about the request.
    pub request: bool,
    /// Kinds that it is about.
    pub finds: DeviationKinds,
    types: Vec<String>,
    properties: Vec<String>,
    except: Vec<String>,
    under: Vec<String>,
}

/// A deviation in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DescribedDeviation {
    /// Pointer within the body.
    pub pointer: String,
    pub seen: String,
    pub expected: String,
    pub message: String,
}

impl TryFrom<ModelDefinition> for ModelCheck {
    type Error = String;

    fn try_from(definition: ModelDefinition) -> Result<Self, String> {
        let request = match definition.of.as_str() {
            "request" => true,
            "response" => false,
            other => return Err(format!("of is request or response, not {other:?}")),
        };
        let finds = definition.finds.iter().try_fold(0, |set, name| {
            let what = DeviationKind::from_name(name).ok_or_else(|| format!("finds: there is no kind {name:?}"))?;
            Ok::<_, String>(set | what.bit())
        })?;
        let ModelDefinition { types, properties, except, under, .. } = definition;
        Ok(Self { request, finds, types, properties, except, under })
    }
}

impl ModelCheck {
    /// Names of types and properties that the models don't have.
    pub(crate) fn unknown_names(&self, models: &Models) -> Option<String> {
        let known_type = |name: &str| models.by_name.contains_key(name);
        let known_property = |name: &str| match name.split_once('.') {
            Some((model, property)) => {
                let model = models.find(model).and_then(|id| models.model(id));
                model.is_some_and(|model| property.starts_with('@') || model.property(property).is_some())
            }
            None => name.starts_with('@') || models.all.iter().any(|model| model.property(name).is_some()),
        };
        let types = self.types.iter().find(|name| !known_type(name));
        types.or_else(|| self.properties.iter().chain(&self.except).find(|name| !known_property(name))).cloned()
    }

    /// True if the check is about this deviation.
    pub(crate) fn is_about(&self, deviation: &Deviation, document: &Document, models: &Models) -> bool {
        if self.finds & deviation.what.bit() == 0 {
            return false;
        }
        let is_one_of = |name: &str| models.find(name).is_some_and(|id| models.is_a(deviation.model, id));
        if !self.types.is_empty() && !self.types.iter().any(|name| is_one_of(name)) {
            return false;
        }
        if self.properties.is_empty() && self.except.is_empty() && self.under.is_empty() {
            return true;
        }
        let name = name(deviation, document, models);
        let matches = |filter: &String| match filter.split_once('.') {
            Some((model, property)) => property == name && is_one_of(model),
            None => *filter == name,
        };
        let node = document.value_at(deviation.node);
        (self.properties.is_empty() || self.properties.iter().any(matches))
            && !self.except.iter().any(matches)
            && (self.under.is_empty() || {
                let pointer = node.map(Value::pointer).unwrap_or_default();
                self.under.iter().any(|above| pointer.starts_with(above.as_str()))
            })
    }
}

/// Name of the property that a deviation is about.
fn name(deviation: &Deviation, document: &Document, models: &Models) -> String {
    let model = models.model(deviation.model);
    let profile = || model.and_then(|model| model.profiles.get(usize::from(deviation.entry.1)));
    let entry = usize::from(deviation.entry.0);
    match deviation.what {
        DeviationKind::Missing => profile().and_then(|profile| profile.required.get(entry)).map(ToString::to_string),
        DeviationKind::Recommended => {
            profile().and_then(|profile| profile.recommended.get(entry)).map(ToString::to_string)
        }
        DeviationKind::NoneOf => {
            profile().and_then(|profile| profile.one_of.get(entry)).map(|names| names.join(" or "))
        }
        _ => None,
    }
    .or_else(|| model?.properties.get(usize::from(deviation.property)).map(|property| property.name.to_string()))
    .unwrap_or_else(|| {
        let pointer = document.value_at(deviation.node).map(Value::pointer).unwrap_or_default();
        let is_place = |step: &&str| !step.is_empty() && step.bytes().all(|byte| byte.is_ascii_digit());
        let key = pointer.split('/').rev().find(|step| !is_place(step)).unwrap_or_default();
        crate::json::unescape(key).into_owned()
    })
}

/// Puts a deviation into words.
pub(crate) fn describe(deviation: &Deviation, document: &Document, models: &Models) -> DescribedDeviation {
    let node = document.value_at(deviation.node);
    let model = models.model(deviation.model);
    let name = name(deviation, document, models);
    let thing = model.map_or_else(|| "object".to_owned(), |model| model.name.to_string());
    let takes = model
        .and_then(|model| model.properties.get(usize::from(deviation.property)))
        .map_or_else(|| "another value".to_owned(), |property| property.described.to_string());
    let at = node.map(Value::pointer).unwrap_or_default();
    let there = show(node);
    let absent = matches!(deviation.what, DeviationKind::Missing | DeviationKind::Recommended | DeviationKind::NoneOf);
    let seen = match deviation.what {
        _ if absent => "nothing".to_owned(),
        DeviationKind::Untyped => "nothing".to_owned(),
        DeviationKind::Class => show(node.and_then(|node| node.get("@type"))),
        DeviationKind::Unknown => name.clone(),
        _ => there,
    };
    let expected = match deviation.what {
        DeviationKind::Empty | DeviationKind::Blank => format!("a value, or no {name} at all"),
        DeviationKind::Id => "an absolute URI".to_owned(),
        DeviationKind::Untyped | DeviationKind::UnknownType => format!("the type of {takes}"),
        DeviationKind::Unknown => format!("a property of {thing}, or a name with a prefix"),
        DeviationKind::Missing | DeviationKind::Recommended | DeviationKind::NoneOf
            if name.starts_with('@') || takes == "another value" =>
        {
            name.clone()
        }
        DeviationKind::Forbidden => format!("no {name}"),
        DeviationKind::Object => "an object".to_owned(),
        DeviationKind::DateOnly => "a date-time with offset".to_owned(),
        _ => takes,
    };
    let message = match deviation.what {
        DeviationKind::Unknown => format!("{thing} has no property {name}"),
        DeviationKind::Missing | DeviationKind::NoneOf => format!("{thing} is without {name}"),
        DeviationKind::Recommended => format!("{thing} is without {name}, which it should have"),
        DeviationKind::Forbidden => format!("{thing} has {name}, which it must not have here"),
        DeviationKind::Class => format!("{name} is of type {seen}; expected {expected}"),
        DeviationKind::Untyped => format!("{name} has no @type"),
        DeviationKind::UnknownType => format!("{name} is of type {seen}, which the models don't have"),
        _ => format!("{name} is {seen}; expected {expected}"),
    };
    let pointer = match deviation.what {
        DeviationKind::Missing | DeviationKind::Recommended => format!("{at}/{}", crate::json::escape(&name)),
        DeviationKind::Untyped => format!("{at}/@type"),
        _ => at,
    };
    DescribedDeviation { pointer, seen: shorten(seen), expected: shorten(expected), message: shorten(message) }
}
