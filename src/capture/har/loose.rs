//! Values of HAR members that programs write in different types.
//!
//! `200 | "200" | 200.0 | null | {…} → Loose`

use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// A number or a text; anything else counts as absent.
#[derive(Debug, Default, Clone, PartialEq)]
pub(super) enum Loose {
    /// Absent, null, or of a type that can't be meant.
    #[default]
    Nothing,
    /// A number.
    Number(f64),
    /// A text.
    Text(String),
}

impl Loose {
    /// The number, also where it is written as text. Never NaN or infinite.
    pub(super) fn number(&self) -> Option<f64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Text(text) => text.trim().parse().ok(),
            Self::Nothing => None,
        }
        .filter(|number: &f64| number.is_finite())
    }

    /// A count of bytes; negative numbers mean unknown in HAR.
    pub(super) fn size(&self) -> Option<u64> {
        self.number().filter(|&number| number >= 0.0).map(|number| number as u64)
    }

    /// The text; numbers as written in decimal.
    pub(super) fn text(self) -> Option<String> {
        match self {
            Self::Text(text) => Some(text),
            Self::Number(number) => Some(number.to_string()),
            Self::Nothing => None,
        }
    }
}

impl<'de> Deserialize<'de> for Loose {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(LooseVisitor)
    }
}

struct LooseVisitor;

impl<'de> Visitor<'de> for LooseVisitor {
    type Value = Loose;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_bool<E>(self, _: bool) -> Result<Loose, E> {
        Ok(Loose::Nothing)
    }

    fn visit_i64<E>(self, number: i64) -> Result<Loose, E> {
        Ok(Loose::Number(number as f64))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Loose, E> {
        Ok(Loose::Number(number as f64))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Loose, E> {
        Ok(Loose::Number(number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Loose, E> {
        Ok(Loose::Text(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Loose, E> {
        Ok(Loose::Text(text))
    }

    fn visit_unit<E>(self) -> Result<Loose, E> {
        Ok(Loose::Nothing)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Loose, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Loose::Nothing)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Loose, A::Error> {
        while members.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Loose::Nothing)
    }
}

/// Names and values, as an array of objects or as one object; whatever else stands there counts as none.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Fields(pub(super) Vec<(Loose, Loose)>);

/// `{"name": …, "value": …}` or `[name, value]`; anything else has neither.
struct Field(Loose, Loose);

impl<'de> Deserialize<'de> for Field {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(FieldVisitor)
    }
}

struct FieldVisitor;

impl<'de> Visitor<'de> for FieldVisitor {
    type Value = Field;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name and a value")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Field, A::Error> {
        let field = Field(items.next_element()?.unwrap_or_default(), items.next_element()?.unwrap_or_default());
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(field)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Field, A::Error> {
        let mut field = Field(Loose::Nothing, Loose::Nothing);
        while let Some(key) = members.next_key::<String>()? {
            match key.as_str() {
                "name" => field.0 = members.next_value()?,
                "value" => field.1 = members.next_value()?,
                _ => drop(members.next_value::<IgnoredAny>()?),
            }
        }
        Ok(field)
    }

    fn visit_unit<E>(self) -> Result<Field, E> {
        Ok(Field(Loose::Nothing, Loose::Nothing))
    }
}

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(FieldsVisitor)
    }
}

struct FieldsVisitor;

impl<'de> Visitor<'de> for FieldsVisitor {
    type Value = Fields;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of names and values")
    }

    fn visit_unit<E>(self) -> Result<Fields, E> {
        Ok(Fields::default())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Fields, A::Error> {
        let mut fields = Vec::new();
        while let Some(Field(name, value)) = items.next_element()? {
            fields.push((name, value));
        }
        Ok(Fields(fields))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Fields, A::Error> {
        let mut fields = Vec::new();
        while let Some((name, value)) = members.next_entry()? {
            fields.push((Loose::Text(name), value));
        }
        Ok(Fields(fields))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_do_not_matter() {
        let read = |text: &str| serde_json::from_str::<Loose>(text).unwrap();
        assert_eq!(read("200").number(), Some(200.0));
        assert_eq!(read("\" 200 \"").number(), Some(200.0));
        assert_eq!(read("\"inf\"").number(), None);
        assert_eq!(read("-1").size(), None);
        assert_eq!(read("1.5e3").size(), Some(1500));
        assert_eq!(read("7").text().as_deref(), Some("7"));
        let fields = |text: &str| serde_json::from_str::<Fields>(text).unwrap().0;
        let pair = || (Loose::Text("a".to_owned()), Loose::Number(1.0));
        for list in ["[{\"name\": \"a\", \"value\": 1, \"comment\": {}}]", "[[\"a\", 1, 2]]", "{\"a\": 1}"] {
            assert_eq!(fields(list), [pair()], "{list}");
        }
        assert_eq!((fields("null"), fields("[null, []]").len()), (Vec::new(), 2));
        for nothing in ["null", "true", "{\"a\": [1]}", "[{}]"] {
            assert_eq!(read(nothing), Loose::Nothing);
        }
    }
}
