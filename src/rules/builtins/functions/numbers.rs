//! Functions of amounts, instants and durations.

use super::weight_of_first;
use crate::rules::builtins::money;
use crate::rules::builtins::nodes::{newer, seconds};
use crate::rules::lang::function::{Function, function};
use crate::rules::lang::types::Type;
use crate::rules::lang::value::Val;

/// Those of amounts, instants and durations.
pub(crate) static FUNCTIONS: &[Function] = &[
    function(
        "amount",
        [1, 1],
        Type::Plain,
        "amount(x)",
        "x as a decimal: a number, or a string that holds one; absent for anything else",
        |call| Ok(call.number(money::amount(call.first()))),
    ),
    function(
        "sum",
        [1, 1],
        Type::Plain,
        "sum(list)",
        "the exact sum of amounts; absent if one of them is none",
        |call| Ok(call.number(call.first().elements(call.arena()).and_then(money::sum))),
    )
    .costs(weight_of_first),
    function(
        "approx_equal",
        [3, 3],
        Type::Bool,
        "approx_equal(a, b, tolerance)",
        "true if two amounts differ by no more than the tolerance; false if one is no amount",
        |call| Ok(Val::bool(money::approx_equal(call.first(), call.second(), call.third()))),
    ),
    function(
        "decimals",
        [1, 1],
        Type::Plain,
        "decimals(x)",
        "decimals that an amount needs: 2 for 17.98, 1 for 17.90",
        |call| Ok(money::decimals(call.first()).map_or(Val::Absent, |count| Val::Int(i64::from(count)))),
    ),
    function(
        "instant",
        [1, 1],
        Type::Plain,
        "instant(s)",
        "a date-time with offset as an instant: compare with `<`, subtract to seconds",
        |call| Ok(call.instant(call.text().and_then(|text| text.parse().ok()))),
    ),
    function(
        "http_date",
        [1, 1],
        Type::Plain,
        "http_date(s)",
        "a date as HTTP headers have it, as an instant",
        |call| {
            let date = call.text().and_then(|text| jiff::fmt::rfc2822::parse(text).ok());
            Ok(call.instant(date.map(|date| date.timestamp())))
        },
    ),
    function(
        "seconds",
        [1, 1],
        Type::Plain,
        "seconds(s)",
        "seconds of an ISO 8601 duration (a day has 24 hours); absent for months and years",
        |call| Ok(call.number(call.text().and_then(seconds))),
    ),
    function(
        "newer",
        [2, 2],
        Type::Bool,
        "newer(a, b)",
        "true if a lies behind b as values of `modified`: integers and strings of digits by number, dates by instant, other strings by their text",
        |call| newer(call.first(), call.second()).map(Val::bool),
    ),
];
