//! Functions of values alone: their types, members and lists.

use super::{NODES, TEXTS, weight_of_first};
use crate::json::{JsonKind, Value};
use crate::rules::builtins::nodes::{
    are_strings, distinct, duplicate_indexes, find_all, id, is_type, keys, prefixed, same_basket, same_elements, size,
    texts, type_name,
};
use crate::rules::lang::function::{Function, FunctionCall, function};
use crate::rules::lang::types::{Element, Type};
use crate::rules::lang::value::Val;
use crate::rules::models::json_ld::{is_integer, is_prefixed};

/// Those of values alone.
pub(crate) static FUNCTIONS: &[Function] = &[
    function("oa", [1, 1], Type::Plain, r#"oa("X")"#, r#"`"https://openactive.io/X"`"#, |call| {
        Ok(call.arena().text(&format!("https://openactive.io/{}", call.first().show())))
    }),
    function(
        "is",
        [2, 2],
        Type::Bool,
        r#"is(x, "X")"#,
        "true if x is the enumeration value X: as full IRI, `oa:X` or `X`",
        |call| Ok(Val::bool(call.text().is_some_and(|value| is_enumeration_value(value, call.second().as_str())))),
    ),
    function(
        "id",
        [1, 1],
        Type::Any,
        "id(x)",
        "x if it is a string, its `@id` if it is an object, else absent",
        |call| Ok(id(call.arena(), call.first())),
    ),
    function(
        "is_type",
        [2, 2],
        Type::Bool,
        r#"is_type(x, "T")"#,
        "true if x is an object whose `@type` is T or a list that has T",
        |call| Ok(Val::bool(is_type(call.first(), call.second().as_str()))),
    ),
    function(
        "type_name",
        [1, 1],
        Type::Any,
        "type_name(x)",
        "the `@type` as a string, of several one without a prefix; or absent",
        |call| Ok(type_name(call.arena(), call.first())),
    ),
    function("is_object", [1, 1], Type::Bool, "is_object(x)", "true if x is an object", |call| {
        Ok(Val::bool(call.first().as_object().is_some()))
    })
    .cheap(),
    function("is_list", [1, 1], Type::Bool, "is_list(x)", "true if x is a list", |call| {
        Ok(Val::bool(call.first().as_array().is_some() || matches!(call.first(), Val::List(_))))
    })
    .cheap(),
    function("is_string", [1, 1], Type::Bool, "is_string(x)", "true if x is a string", |call| {
        Ok(Val::bool(call.text().is_some()))
    })
    .cheap(),
    function("is_number", [1, 1], Type::Bool, "is_number(x)", "true if x is a JSON number", |call| {
        Ok(Val::bool(call.first().as_json().is_some_and(|value| value.kind() == JsonKind::Number)))
    }),
    function(
        "is_integer",
        [1, 1],
        Type::Bool,
        "is_integer(x)",
        "true if x is a JSON number without fraction and exponent",
        |call| Ok(Val::bool(call.first().as_json().and_then(Value::as_number).is_some_and(is_integer))),
    ),
    function("is_bool", [1, 1], Type::Bool, "is_bool(x)", "true if x is true or false", |call| {
        Ok(Val::bool(call.first().as_bool().is_some()))
    }),
    function(
        "blank",
        [1, 1],
        Type::Bool,
        "blank(x)",
        "true if x is absent, null or a string of nothing but white space",
        |call| Ok(Val::bool(call.first().is_nothing() || call.text().is_some_and(|text| text.trim().is_empty()))),
    )
    .cheap(),
    function("keys", [1, 1], TEXTS, "keys(x)", "the keys of an object; empty for anything else", |call| {
        Ok(keys(call.arena(), call.first(), |_, _| true))
    })
    .costs(weight_of_first),
    function(
        "extra_keys",
        [2, 2],
        TEXTS,
        r#"extra_keys(x, ["@type", …])"#,
        "the keys of x that are not in the list. Keys with a prefix (`beta:…`) and `@context` never count",
        |call| {
            let allowed = call.second().elements(call.arena()).unwrap_or_default();
            Ok(keys(call.arena(), call.first(), |key, _| {
                !key.contains(':') && key != "@context" && !allowed.iter().any(|allowed| allowed.as_str() == Some(key))
            }))
        },
    )
    .costs(weight_of_first),
    function(
        "find_all",
        [2, 2],
        NODES,
        r#"find_all(x, "key")"#,
        "all values of members with that name, at any depth of x",
        |call| Ok(find_all(call.arena(), call.first(), call.second().as_str().unwrap_or_default())),
    )
    .costs(weight_of_first),
    function("texts", [1, 1], NODES, "texts(x)", "all texts at any depth of x, and x itself if it is one", |call| {
        Ok(texts(call.arena(), call.first()))
    })
    .costs(weight_of_first),
    function("same", [2, 2], Type::Bool, "same(a, b)", "true if the JSON values are equal", |call| {
        Ok(Val::bool(call.first().equals(call.second())))
    })
    .costs(|call| call.first().weight().min(call.second().weight()) / 4),
    function("same_id", [2, 2], Type::Bool, "same_id(a, b)", "`id(a) == id(b)`, both there", |call| {
        let (a, b) = (id(call.arena(), call.first()), id(call.arena(), call.second()));
        Ok(Val::bool(a.as_str().is_some() && a.as_str() == b.as_str()))
    }),
    function("distinct", [1, 1], Type::Bool, "distinct(list)", "true if no two elements are equal", |call| {
        Ok(Val::bool(distinct(call.elements())))
    })
    .costs(pairwise),
    function(
        "same_elements",
        [2, 2],
        Type::Bool,
        "same_elements(a, b)",
        "true if two lists have the same elements, as often, in whatever order",
        |call| {
            let lists = call.first().elements(call.arena()).zip(call.second().elements(call.arena()));
            Ok(Val::bool(lists.is_some_and(|(a, b)| same_elements(a, b))))
        },
    )
    .costs(pairwise),
    function(
        "size",
        [1, 1],
        Type::Plain,
        "size(x)",
        "elements of a list, members of an object, characters of a text; 0 for absent",
        |call| size(call.first()),
    ),
    function("last", [1, 1], Type::Any, "last(list)", "the last element, or absent", |call| {
        Ok(match call.first().as_json() {
            Some(value) => call.arena().node(value.items().last()),
            None => call.elements().last().copied().unwrap_or(Val::Absent),
        })
    })
    .gives_element(),
    function(
        "pairs",
        [1, 1],
        Type::List(Element::Any),
        "pairs(list)",
        "each two elements that stand side by side, as lists of two",
        |call| Ok(call.arena().list(call.elements().windows(2).map(|pair| call.arena().slice(pair)))),
    ),
    function(
        "duplicate_indexes",
        [1, 1],
        TEXTS,
        "duplicate_indexes(list)",
        "the places (0, 1 …) of elements that equal an earlier one",
        |call| Ok(call.arena().list(duplicate_indexes(call.elements()))),
    ),
    function(
        "same_basket",
        [2, 2],
        Type::Bool,
        "same_basket(a, b)",
        "true if `orderedItem` of two orders has the same pairs of opportunity and offer; false if one has no such list",
        |call| Ok(Val::bool(same_basket(call.first(), call.second()))),
    ),
    function(
        "prefixed",
        [1, 1],
        TEXTS,
        "prefixed(x)",
        "names with a prefix (`acme:thing`) of members at any depth, each once",
        |call| Ok(prefixed(call.arena(), call.first())),
    )
    .costs(weight_of_first),
    function("prefixed_type", [1, 1], Type::Bool, "prefixed_type(x)", "true if the `@type` has a prefix", |call| {
        Ok(Val::bool(type_name(call.arena(), call.first()).as_str().is_some_and(is_prefixed)))
    }),
];

/// Steps of comparing each element with each other one, unless all are texts.
fn pairwise(call: &FunctionCall<'_, '_>) -> u32 {
    let steps = weight_of_first(call);
    if are_strings(call.arguments.first()) { steps } else { call.first().len().saturating_mul(steps) }
}

fn is_enumeration_value(value: &str, name: Option<&str>) -> bool {
    let local = value.strip_prefix("https://openactive.io/").or_else(|| value.strip_prefix("oa:")).unwrap_or(value);
    Some(local) == name
}
