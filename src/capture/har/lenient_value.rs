//! Values of HAR members that programs write in different types.
//!
//! `200 | "200" | 200.0 | null | {…} → LenientValue`

use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// A number or a string; any other JSON value counts as absent.
#[derive(Debug, Default, Clone, PartialEq)]
pub(in crate::capture) enum LenientValue {
    /// Absent, null, or of a type that can't be meant.
    #[default]
    Nothing,
    /// A number.
    Number(f64),
    /// A text.
    Text(String),
}

impl LenientValue {
    /// True unless it is a number or a text.
    pub(in crate::capture) fn is_nothing(&self) -> bool {
        *self == Self::Nothing
    }

    /// The number, also where it is written as text. Never NaN or infinite.
    pub(in crate::capture) fn number(&self) -> Option<f64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Text(text) => text.trim().parse().ok(),
            Self::Nothing => None,
        }
        .filter(|number: &f64| number.is_finite())
    }

    /// A count of bytes; negative numbers mean unknown in HAR.
    pub(in crate::capture) fn size(&self) -> Option<u64> {
        self.number().filter(|&number| number >= 0.0).map(|number| number as u64)
    }

    /// The text; numbers as written in decimal.
    pub(in crate::capture) fn text(self) -> Option<String> {
        match self {
            Self::Text(text) => Some(text),
            Self::Number(number) => Some(number.to_string()),
            Self::Nothing => None,
        }
    }
}

impl<'de> Deserialize<'de> for LenientValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(LooseVisitor)
    }
}

struct LooseVisitor;

impl<'de> Visitor<'de> for LooseVisitor {
    type Value = LenientValue;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_bool<E>(self, _: bool) -> Result<LenientValue, E> {
        Ok(LenientValue::Nothing)
    }

    fn visit_i64<E>(self, number: i64) -> Result<LenientValue, E> {
        Ok(LenientValue::Number(number as f64))
    }

    fn visit_u64<E>(self, number: u64) -> Result<LenientValue, E> {
        Ok(LenientValue::Number(number as f64))
    }

    fn visit_f64<E>(self, number: f64) -> Result<LenientValue, E> {
        Ok(LenientValue::Number(number))
    }

    fn visit_str<E>(self, text: &str) -> Result<LenientValue, E> {
        Ok(LenientValue::Text(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<LenientValue, E> {
        Ok(LenientValue::Text(text))
    }

    fn visit_unit<E>(self) -> Result<LenientValue, E> {
        Ok(LenientValue::Nothing)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<LenientValue, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(LenientValue::Nothing)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<LenientValue, A::Error> {
        while members.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(LenientValue::Nothing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_do_not_matter() {
        let read = |text: &str| serde_json::from_str::<LenientValue>(text).unwrap();
        assert_eq!(read("200").number(), Some(200.0));
        assert_eq!(read("\" 200 \"").number(), Some(200.0));
        assert_eq!(read("\"inf\"").number(), None);
        assert_eq!(read("-1").size(), None);
        assert_eq!(read("1.5e3").size(), Some(1500));
        assert_eq!(read("7").text().as_deref(), Some("7"));
        for nothing in ["null", "true", "{\"a\": [1]}", "[{}]"] {
            assert_eq!(read(nothing), LenientValue::Nothing);
        }
    }
}
