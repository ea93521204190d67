//! What JSON-LD makes of JSON: identifiers, types as sets, names with prefixes.

use rust_decimal::Decimal;

use crate::json::{self, JsonKind, Value};

/// The `@id` of a node, or the string that it is.
pub(crate) fn id_of(value: Value<'_>) -> Option<&str> {
    if value.is_object() { value.get("@id")?.as_str() } else { value.as_str() }
}

/// The `@type` of an object. Of several, which JSON-LD takes as a set, one without a prefix, and `OpenBookingError` last.
pub(crate) fn main_type(node: Value<'_>) -> Option<Value<'_>> {
    let types = node.get("@type")?;
    if types.as_str().is_some() {
        return Some(types);
    }
    let rank = |name: &str| (is_prefixed(plain_name(name)), plain_name(name) == "OpenBookingError", name.to_owned());
    types.items().filter(|name| name.as_str().is_some()).min_by_key(|name| name.as_str().map(rank))
}

/// The name of a type as the `@context` of OpenActive has it: `oa:Order` and `https://openactive.io/Order` are `Order`. Names of
/// other vocabularies stay as they are.
pub(crate) fn plain_name(name: &str) -> &str {
    const VOCABULARIES: [&str; 5] =
        ["oa:", "schema:", "https://openactive.io/", "https://schema.org/", "http://schema.org/"];
    let plain = VOCABULARIES.into_iter().find_map(|vocabulary| name.strip_prefix(vocabulary));
    plain.filter(|plain| !plain.is_empty() && plain.bytes().all(|byte| byte.is_ascii_alphanumeric())).unwrap_or(name)
}

pub(crate) fn is_integer(literal: &str) -> bool {
    !literal.contains(['.', 'e', 'E'])
}

/// Equal, a trailing slash of URLs apart; of two objects only the members that both have are compared.
pub(crate) fn same_but_for_slashes(sent: Value<'_>, echoed: Value<'_>) -> bool {
    match (sent.as_str(), echoed.as_str()) {
        (Some(a), Some(b)) => a == b || (a.contains("://") && a.trim_end_matches('/') == b.trim_end_matches('/')),
        _ if sent.is_object() && echoed.is_object() => {
            sent.entries().all(|(key, value)| echoed.get(key).is_none_or(|echoed| same_member(key, value, echoed)))
        }
        _ => same_values(sent, echoed),
    }
}

/// As [`same_but_for_slashes`], for a member of two objects: types are a set, and the `@context` is no data.
pub(crate) fn same_member(key: &str, sent: Value<'_>, echoed: Value<'_>) -> bool {
    match key {
        "@type" => same_types(sent, echoed),
        "@context" => true,
        _ => same_but_for_slashes(sent, echoed),
    }
}

/// Equality of JSON values, but for the types of objects, which are a set: `"X"`, `["X"]` and `["acme:X", "X"]` are equal.
pub(crate) fn same_values(a: Value<'_>, b: Value<'_>) -> bool {
    match (a.kind(), b.kind()) {
        (JsonKind::Object, JsonKind::Object) => {
            let same = |key: &str, value: Value<'_>, twin: Value<'_>| {
                if key == "@type" { same_types(value, twin) } else { same_values(value, twin) }
            };
            a.len() == b.len() && a.entries().all(|(key, value)| b.get(key).is_some_and(|twin| same(key, value, twin)))
        }
        (JsonKind::Array, JsonKind::Array) => {
            a.len() == b.len() && a.items().zip(b.items()).all(|(a, b)| same_values(a, b))
        }
        _ => a.same(b),
    }
}

/// True if two values of `@type` name the same types, those of other vocabularies aside.
fn same_types(a: Value<'_>, b: Value<'_>) -> bool {
    fn names(types: Value<'_>) -> Option<Vec<&str>> {
        match types.as_str() {
            Some(name) => Some(vec![plain_name(name)]),
            None if types.is_array() => types.items().map(|name| name.as_str().map(plain_name)).collect(),
            None => None,
        }
    }
    let (Some(mine), Some(others)) = (names(a), names(b)) else { return a.same(b) };
    let has_all = |of: &[&str], in_: &[&str]| of.iter().all(|name| in_.contains(name) || is_prefixed(name));
    let named = |names: &[&str]| names.iter().any(|name| !is_prefixed(name));
    a.same(b) || named(&mine) && has_all(&mine, &others) && has_all(&others, &mine)
}

/// True for the name of a type with a prefix before a colon (`acme:Thing`), or for a whole URI.
pub(crate) fn is_prefixed(name: &str) -> bool {
    let in_prefix = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    name.split_once(':')
        .is_some_and(|(prefix, rest)| !prefix.is_empty() && !rest.is_empty() && prefix.bytes().all(in_prefix))
}

/// The amount that a node of a message is: a number or a string that holds one.
pub(crate) fn amount_of(value: Value<'_>) -> Option<Decimal> {
    json::decimal(value.as_str().map(str::trim).or_else(|| value.as_number())?)
}

/// The error objects on the items of an answer.
pub(crate) fn item_errors(answer: Value<'_>) -> Vec<Value<'_>> {
    let Some(items) = answer.get("orderedItem") else { return Vec::new() };
    let errors = items.items().filter_map(|item| item.get("error"));
    errors.flat_map(|error| if error.is_array() { error.items().collect() } else { vec![error] }).collect()
}

/// True if an object has a type, alone or among others.
pub(crate) fn is_type(node: Value<'_>, name: &str) -> bool {
    let Some(types) = node.get("@type") else { return false };
    let is = |stated: Value<'_>| stated.as_str().is_some_and(|stated| stated == name || plain_name(stated) == name);
    is(types) || types.items().any(is)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_of_objects_are_a_set() {
        use crate::json::Document;
        let same = |a: &str, b: &str| {
            let (a, b) = (Document::parse_str(a).unwrap(), Document::parse_str(b).unwrap());
            assert_eq!(same_values(a.root(), b.root()), same_but_for_slashes(a.root(), b.root()));
            same_values(a.root(), b.root())
        };
        assert!(same(r#"{"@type":"X"}"#, r#"{"@type":["X"]}"#));
        assert!(same(r#"{"@type":["acme:X","X"]}"#, r#"{"@type":"X"}"#));
        assert!(same(r#"{"@type":["X","Y"]}"#, r#"{"@type":["Y","X"]}"#));
        assert!(!same(r#"{"@type":["X","Y"]}"#, r#"{"@type":"X"}"#));
        assert!(same(r#"{"@type":"oa:X"}"#, r#"{"@type":["https://openactive.io/X"]}"#));
        assert!(!same(r#"{"@type":"acme:X"}"#, r#"{"@type":"acme:Y"}"#));
        assert!(!same(r#"{"@type":7}"#, r#"{"@type":"X"}"#));
        assert!(!same(r#"{"name":["X"]}"#, r#"{"name":"X"}"#));
    }

    #[test]
    fn a_type_of_openactive_has_several_names() {
        use crate::json::Document;
        for (name, wanted) in [
            ("Order", "Order"),
            ("oa:Order", "Order"),
            ("https://openactive.io/Order", "Order"),
            ("http://schema.org/Dataset", "Dataset"),
            ("schema:Dataset", "Dataset"),
            ("acme:Order", "acme:Order"),
            ("https://openactive.io/ns#Order", "https://openactive.io/ns#Order"),
            ("oa:", "oa:"),
        ] {
            assert_eq!(plain_name(name), wanted, "{name}");
        }
        let document = Document::parse_str(r#"{"@type":["acme:X","oa:OpenBookingError","oa:GoneError"]}"#).unwrap();
        assert_eq!(main_type(document.root()).and_then(Value::as_str), Some("oa:GoneError"));
        assert!(is_type(document.root(), "GoneError") && !is_type(document.root(), "X"));
    }

    #[test]
    fn a_prefix_is_a_name() {
        for (name, wanted) in [
            ("acme:Thing", true),
            ("https://acme.example/Thing", true),
            ("Thing", false),
            (":Thing", false),
            ("acme:", false),
            ("a thing: this", false),
        ] {
            assert_eq!(is_prefixed(name), wanted, "{name}");
        }
    }
}
