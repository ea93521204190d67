//! The values of properties: held against the types, texts and numbers that the models give them.
//!
//! `value, Property → for each item of a list: object → ModelWalk::object, text, number → Deviation`

use super::{DeviationKind, ModelId, ModelWalk, ParentProperty, Property, PropertyId};
use crate::json::{JsonKind, Value};
use crate::rules::models::codes;
use crate::rules::models::data_model::ValueShape;
use crate::rules::models::formats::{self, Scalars};
use crate::rules::models::urls::is_absolute_uri;

impl<'m> ModelWalk<'m> {
    pub(super) fn absolute(&mut self, value: Value<'_>, model: ModelId, property: PropertyId) {
        if self.wants(DeviationKind::Id) && !self.in_secret && !value.as_str().is_some_and(is_absolute_uri) {
            self.note(DeviationKind::Id, value, model, property);
        }
    }

    /// True if there is nothing to look at.
    pub(super) fn empty(&mut self, value: Value<'_>, model: ModelId, property: PropertyId) -> bool {
        let what = match value.kind() {
            JsonKind::Null => DeviationKind::Empty,
            JsonKind::Array if value.is_empty() => DeviationKind::Empty,
            JsonKind::String => match value.as_str() {
                Some("") => DeviationKind::Empty,
                Some(text) if text.starts_with(char::is_whitespace) && text.trim().is_empty() && !self.in_secret => {
                    DeviationKind::Blank
                }
                _ => return false,
            },
            _ => return false,
        };
        self.note(what, value, model, property);
        true
    }

    /// A value of which the models say nothing.
    pub(super) fn anything(&mut self, value: Value<'_>, holder: ParentProperty<'_>) {
        if self.empty(value, holder.model, holder.property) {
            return;
        }
        match value.kind() {
            JsonKind::Object => self.object(value, holder),
            JsonKind::Array => value.items().for_each(|item| self.anything(item, holder)),
            _ => {}
        }
    }

    pub(super) fn member(&mut self, value: Value<'_>, facts: &'m Property, model: ModelId, property: PropertyId) {
        if self.empty(value, model, property) {
            return;
        }
        if value.is_array() {
            if facts.list.is_nothing() {
                self.note(DeviationKind::Type, value, model, property);
                let holder = ParentProperty { name: &facts.name, models: &facts.single.models, model, property };
                return value.items().for_each(|item| self.anything(item, holder));
            }
            for item in value.items() {
                if !self.empty(item, model, property) {
                    self.one(item, facts, &facts.list, model, property);
                }
            }
        } else if facts.single.is_nothing() {
            self.note(DeviationKind::List, value, model, property);
            self.one(value, facts, &facts.list, model, property);
        } else {
            self.one(value, facts, &facts.single, model, property);
        }
    }

    fn one(
        &mut self,
        value: Value<'_>,
        facts: &'m Property,
        shape: &'m ValueShape,
        model: ModelId,
        property: PropertyId,
    ) {
        let what = match value.kind() {
            JsonKind::Object => {
                if !shape.takes_objects() {
                    self.note(DeviationKind::Type, value, model, property);
                }
                let models: &[ModelId] = if shape.any_object { &[] } else { &shape.models };
                return self.object(value, ParentProperty { name: &facts.name, models, model, property });
            }
            JsonKind::String => match value.as_str() {
                Some(_) if facts.reference && shape.takes_objects() => {
                    return self.absolute(value, model, property);
                }
                Some(text) => self.text(text, shape),
                None => None,
            },
            JsonKind::Number => {
                let literal = value.as_number().unwrap_or_default();
                let whole = shape.scalars & formats::INTEGER != 0 && formats::is_integer(literal);
                (shape.scalars & formats::NUMBER == 0 && !whole).then_some(DeviationKind::Type)
            }
            JsonKind::Bool => (shape.scalars & formats::BOOLEAN == 0).then_some(DeviationKind::Type),
            JsonKind::Array | JsonKind::Null => Some(DeviationKind::Type),
        };
        if let Some(what) = what {
            self.note(what, value, model, property);
        }
    }

    /// What is wrong with a text, if anything.
    fn text(&self, text: &str, shape: &ValueShape) -> Option<DeviationKind> {
        let takes = |scalar: Scalars| shape.scalars & scalar != 0;
        if takes(formats::TEXT) {
            return None;
        }
        let known = |place: &u16| {
            let enumeration = self.models.enumerations.get(usize::from(*place));
            enumeration.is_some_and(|enumeration| enumeration.values.iter().any(|value| **value == *text))
        };
        if shape.enumerations.iter().any(known) {
            return None;
        }
        let fits = |scalar: Scalars, test: fn(&str) -> bool| takes(scalar) && test(text);
        if fits(formats::URL, is_absolute_uri)
            || fits(formats::DATE_TIME, formats::is_date_time)
            || fits(formats::DURATION, formats::is_duration)
            || fits(formats::NUMBER, formats::is_number)
            || fits(formats::CURRENCY, codes::is_currency)
            || fits(formats::COUNTRY, codes::is_country)
            || fits(formats::TIME, formats::is_time)
        {
            return None;
        }
        if fits(formats::DATE, formats::is_date) {
            return takes(formats::DATE_TIME).then_some(DeviationKind::DateOnly);
        }
        Some(if !shape.enumerations.is_empty() {
            DeviationKind::Enum
        } else if takes(formats::DATE | formats::DATE_TIME | formats::DURATION) {
            DeviationKind::Date
        } else if takes(formats::CURRENCY) {
            DeviationKind::Currency
        } else if takes(formats::COUNTRY) {
            DeviationKind::Country
        } else if takes(formats::STRINGS | formats::NUMBER) {
            DeviationKind::Format
        } else {
            DeviationKind::Type
        })
    }
}
