//! Members of HAR that ought to be objects or texts, and what programs write in their place.
//!
//! `{…} → There · null → Absent · "" | -1 | [] | true → Odd`

use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

/// What is said of an empty text in the place of an object.
pub(in crate::capture) const EMPTY: &str = "an empty text";

/// A member that ought to be an object.
#[derive(Debug, Default)]
pub(in crate::capture) enum ObjectMember<T> {
    /// It isn't there, or it is null.
    #[default]
    Absent,
    /// An object.
    There(T),
    /// Something else, in words.
    Odd(&'static str),
}

impl<T> ObjectMember<T> {
    /// The object, if it is one.
    pub(in crate::capture) fn object(self) -> Option<T> {
        match self {
            Self::There(object) => Some(object),
            Self::Absent | Self::Odd(_) => None,
        }
    }

    /// What stands there in the place of an object.
    pub(in crate::capture) fn odd(&self) -> Option<&'static str> {
        match self {
            Self::Odd(what) => Some(what),
            Self::Absent | Self::There(_) => None,
        }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for ObjectMember<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(PartVisitor(PhantomData))
    }
}

struct PartVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for PartVisitor<T> {
    type Value = ObjectMember<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<ObjectMember<T>, A::Error> {
        T::deserialize(MapAccessDeserializer::new(members)).map(ObjectMember::There)
    }

    fn visit_unit<E>(self) -> Result<ObjectMember<T>, E> {
        Ok(ObjectMember::Absent)
    }

    fn visit_bool<E>(self, _: bool) -> Result<ObjectMember<T>, E> {
        Ok(ObjectMember::Odd("true or false"))
    }

    fn visit_i64<E>(self, _: i64) -> Result<ObjectMember<T>, E> {
        Ok(ObjectMember::Odd("a number"))
    }

    fn visit_u64<E>(self, _: u64) -> Result<ObjectMember<T>, E> {
        Ok(ObjectMember::Odd("a number"))
    }

    fn visit_f64<E>(self, _: f64) -> Result<ObjectMember<T>, E> {
        Ok(ObjectMember::Odd("a number"))
    }

    fn visit_str<E>(self, text: &str) -> Result<ObjectMember<T>, E> {
        Ok(ObjectMember::Odd(if text.is_empty() { EMPTY } else { "a text" }))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<ObjectMember<T>, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(ObjectMember::Odd("a list"))
    }
}

/// The text of a body. Some programs write JSON as it is, in the place of a text that holds it.
#[derive(Debug, Default, PartialEq)]
pub(in crate::capture) enum BodyText {
    /// Absent, null, or an empty text.
    #[default]
    Nothing,
    /// A text.
    Text(String),
    /// What the text should have held.
    Json(Value),
}

impl<'de> Deserialize<'de> for BodyText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(match Value::deserialize(deserializer)? {
            Value::Null => Self::Nothing,
            Value::String(text) if text.is_empty() => Self::Nothing,
            Value::String(text) => Self::Text(text),
            json => Self::Json(json),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_stands_in_the_place_of_an_object_is_told() {
        let read = |text: &str| serde_json::from_str::<ObjectMember<Vec<u8>>>(text).unwrap().odd();
        for (text, odd) in [
            ("null", None),
            ("\"\"", Some("an empty text")),
            ("\"x\"", Some("a text")),
            ("-1", Some("a number")),
            ("1", Some("a number")),
            ("0.5", Some("a number")),
            ("false", Some("true or false")),
            ("[{}]", Some("a list")),
        ] {
            assert_eq!(read(text), odd, "{text}");
        }
        let there = serde_json::from_str::<ObjectMember<Value>>("{\"a\": 1}").unwrap();
        assert_eq!(there.object(), Some(serde_json::json!({ "a": 1 })));
    }

    #[test]
    fn bodies_that_are_no_text() {
        let read = |text: &str| serde_json::from_str::<BodyText>(text).unwrap();
        assert_eq!((read("null"), read("\"\"")), (BodyText::Nothing, BodyText::Nothing));
        assert_eq!(read("\"x\""), BodyText::Text("x".to_owned()));
        assert_eq!(read("{\"b\": [1.50], \"a\": 2}"), BodyText::Json(serde_json::json!({ "b": [1.5], "a": 2 })));
    }
}
