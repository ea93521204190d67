//! What functions do with values alone: lists compared and counted, members and types of nodes, durations.

use std::collections::HashSet;

use jiff::{Span, SpanTotal, Timestamp, Unit};
use rust_decimal::Decimal;
use rust_decimal::prelude::FromPrimitive;

use crate::json::Value;
use crate::rules::lang::arena::Arena;
use crate::rules::lang::value::{EvalError, Val};
use crate::rules::models::json_ld::{self, id_of, main_type, plain_name};

/// Places of the elements that equal an earlier one.
pub(crate) fn duplicate_indexes<'a>(elements: &[Val<'a>]) -> Vec<Val<'a>> {
    let mut alike: std::collections::HashMap<String, Vec<usize>> = std::collections::HashMap::new();
    let mut places = Vec::new();
    for (place, element) in elements.iter().enumerate() {
        let earlier = alike.entry(element.show()).or_default();
        if earlier.iter().any(|&other| elements[other].equals(element)) {
            places.push(Val::Int(i64::try_from(place).unwrap_or(i64::MAX)));
        } else {
            earlier.push(place);
        }
    }
    places
}

/// True if one value of `modified` lies behind another: integers and strings of digits go by their number, dates by
/// the instant, other strings by their text.
pub(crate) fn newer(a: &Val<'_>, b: &Val<'_>) -> Result<bool, EvalError> {
    let (left, right) = (a.show(), b.show());
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if digits(&left) && digits(&right) {
        let (left, right) = (left.trim_start_matches('0'), right.trim_start_matches('0'));
        return Ok((left.len(), left) > (right.len(), right));
    }
    if let (Ok(left), Ok(right)) = (left.parse::<Timestamp>(), right.parse::<Timestamp>()) {
        return Ok(left > right);
    }
    Ok(a.compare(b)?.is_gt())
}

/// True if the first element is a string, as then are mostly all.
pub(crate) fn are_strings(list: Option<&Val<'_>>) -> bool {
    match list {
        Some(list @ Val::Json(..)) => {
            list.as_json().and_then(|list| list.at(0)).is_none_or(|first| first.as_str().is_some())
        }
        Some(Val::List(list)) => list.first().is_none_or(|first| first.as_str().is_some()),
        _ => true,
    }
}

/// The strings of a list, in order; `None` if something else is among them.
pub(crate) fn sorted_strings<'v>(list: &'v [Val<'_>]) -> Option<Vec<&'v str>> {
    let mut strings = list.iter().map(Val::as_str).collect::<Option<Vec<_>>>()?;
    strings.sort_unstable();
    Some(strings)
}

/// No two elements are equal.
pub(crate) fn distinct(list: &[Val<'_>]) -> bool {
    match sorted_strings(list) {
        Some(strings) => strings.windows(2).all(|pair| pair[0] != pair[1]),
        None => !(0..list.len()).any(|index| list[..index].iter().any(|other| other.equals(&list[index]))),
    }
}

/// The same elements, as often, in whatever order.
pub(crate) fn same_elements(a: &[Val<'_>], b: &[Val<'_>]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    if let (Some(a), Some(b)) = (sorted_strings(a), sorted_strings(b)) {
        return a == b;
    }
    let mut b = b.to_vec();
    a.iter().all(|element| {
        let place = b.iter().position(|other| other.equals(element));
        place.map(|place| b.swap_remove(place)).is_some()
    })
}

/// Two orders name the same pairs of opportunity and offer, as often, in whatever order.
pub(crate) fn same_basket(a: &Val<'_>, b: &Val<'_>) -> bool {
    fn pairs<'a>(order: &Val<'a>) -> Option<Vec<[Option<&'a str>; 2]>> {
        let items = order.as_json()?.get("orderedItem").filter(|items| items.is_array())?;
        let of = |item: Value<'a>, key| item.get(key).and_then(id_of);
        Some(items.items().map(|item| [of(item, "orderedItem"), of(item, "acceptedOffer")]).collect())
    }
    let Some((mut a, mut b)) = pairs(a).zip(pairs(b)) else { return false };
    // Most are in the same order, or of another length.
    a.len() == b.len()
        && (a == b || {
            a.sort_unstable();
            b.sort_unstable();
            a == b
        })
}

/// Seconds of an ISO 8601 duration, a day counted as 24 hours. `None` for months and years, whose length varies.
pub(crate) fn seconds(text: &str) -> Option<Decimal> {
    let span: Span = text.parse().ok()?;
    if span.get_months() != 0 || span.get_years() != 0 {
        return None;
    }
    let seconds = span.total(SpanTotal::from(Unit::Second).days_are_24_hours()).ok()?;
    Decimal::from_f64(seconds)
}

pub(crate) fn id<'a>(arena: &'a Arena, value: &Val<'a>) -> Val<'a> {
    match value.as_object() {
        Some(node) => arena.node(node.get("@id").filter(|id| id.as_str().is_some())),
        None if value.as_str().is_some() => *value,
        None => Val::Absent,
    }
}

pub(crate) fn is_type(value: &Val<'_>, name: Option<&str>) -> bool {
    value.as_json().zip(name).is_some_and(|(node, name)| json_ld::is_type(node, name))
}

pub(crate) fn type_name<'a>(arena: &'a Arena, value: &Val<'a>) -> Val<'a> {
    let stated = value.as_json().and_then(main_type);
    let plain = stated.and_then(|stated| stated.as_str().map(|name| (name, plain_name(name))));
    match plain {
        Some((name, plain)) if name != plain => arena.str(plain),
        _ => arena.node(stated),
    }
}

pub(crate) fn keys<'a>(arena: &'a Arena, value: &Val<'a>, wanted: impl Fn(&str, Value<'a>) -> bool) -> Val<'a> {
    let Some(node) = value.as_json() else { return Val::NO_LIST };
    arena.list(node.entries().filter(|(key, member)| wanted(key, *member)).map(|(key, _)| arena.str(key)))
}

pub(crate) fn object_member<'a>(value: &Val<'a>, key: &str) -> Option<Value<'a>> {
    value.as_json()?.get(key)
}

pub(crate) fn find_all<'a>(arena: &'a Arena, value: &Val<'a>, key: &str) -> Val<'a> {
    value.as_json().map_or(Val::NO_LIST, |node| arena.nodes(node.named_below(key)))
}

pub(crate) fn texts<'a>(arena: &'a Arena, value: &Val<'a>) -> Val<'a> {
    let is_text = |node: &Value<'a>| node.as_str().is_some();
    value.as_json().map_or(Val::NO_LIST, |node| arena.nodes(node.descend().filter(is_text)))
}

/// Names with a prefix (`acme:thing`) of members at any depth, each once. A whole URI as a name has no prefix.
pub(crate) fn prefixed<'a>(arena: &'a Arena, value: &Val<'a>) -> Val<'a> {
    let Some(node) = value.as_json() else { return Val::NO_LIST };
    let mut seen: HashSet<&str> = HashSet::new();
    let names =
        node.members_below().map(|(key, _)| key).filter(|key| key.as_bytes().contains(&b':') && !key.contains("://"));
    arena.list(names.filter(|name| seen.insert(name)).map(|name| arena.str(name)))
}

pub(crate) fn size<'a>(value: &Val<'a>) -> Result<Val<'a>, EvalError> {
    let size = match value.as_object().or_else(|| value.as_array()) {
        Some(node) => node.len(),
        None => match value {
            Val::List(list) => list.len(),
            other => match other.as_str() {
                Some(text) => text.chars().count(),
                None if other.is_nothing() => 0,
                None => return Err(EvalError::unusable(format!("{} has no size", other.name_of_kind()))),
            },
        },
    };
    Ok(Val::Int(size as i64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_seconds_unless_their_length_varies() {
        assert_eq!(seconds("P2DT30M"), Some(Decimal::from(2 * 86_400 + 1_800)));
        assert_eq!(seconds("PT0S"), Some(Decimal::from(0)));
        assert_eq!(seconds("P1W"), Some(Decimal::from(7 * 86_400)));
        assert_eq!(seconds("P1M"), None);
        assert_eq!(seconds("P1Y"), None);
        assert_eq!(seconds("two days"), None);
    }

    #[test]
    fn the_same_elements_are_counted() {
        let list = |texts: &'static [&'static str]| -> Vec<Val<'static>> { texts.iter().map(Val::Str).collect() };
        assert!(same_elements(&list(&["a", "b", "a"]), &list(&["a", "a", "b"])));
        assert!(!same_elements(&list(&["a", "b", "a"]), &list(&["a", "b", "b"])));
        assert!(!same_elements(&list(&["a"]), &list(&["a", "a"])));
    }
}
