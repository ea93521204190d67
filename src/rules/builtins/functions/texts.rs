//! Functions of texts: their parts, media types, addresses.

use crate::openbooking::media_type;
use crate::rules::lang::function::{Function, FunctionCall, function};
use crate::rules::lang::types::Type;
use crate::rules::lang::value::Val;
use crate::rules::models::urls;
use crate::rules::state::credentials;

/// Those of texts.
pub(crate) static FUNCTIONS: &[Function] = &[
    function("startsWith", [2, 2], Type::Bool, "s.startsWith(part)", "true if the text begins with the part", |call| {
        Ok(Val::bool(both(call, |text, part| text.starts_with(part))))
    }),
    function("endsWith", [2, 2], Type::Bool, "s.endsWith(part)", "true if the text ends with the part", |call| {
        Ok(Val::bool(both(call, |text, part| text.ends_with(part))))
    }),
    function("contains", [2, 2], Type::Bool, "s.contains(part)", "true if the text has the part", |call| {
        Ok(Val::bool(both(call, |text, part| text.contains(part))))
    }),
    function(
        "lowerAscii",
        [1, 1],
        Type::Plain,
        "s.lowerAscii()",
        "the text in lower case, ASCII letters only",
        |call| Ok(call.owned(call.text().map(str::to_ascii_lowercase))),
    ),
    function("trim", [1, 1], Type::Plain, "s.trim()", "the text without white space around it", |call| {
        Ok(call.arena().maybe(call.text().map(str::trim)))
    }),
    function("is_uuid", [1, 1], Type::Bool, "is_uuid(s)", "true if s is a UUID", |call| {
        Ok(Val::bool(call.text().is_some_and(crate::openbooking::is_uuid)))
    }),
    function(
        "booking_media_type",
        [1, 1],
        Type::Bool,
        "booking_media_type(s)",
        "true if s is the booking media type, any version",
        |call| Ok(Val::bool(call.text().is_some_and(media_type::is_booking))),
    ),
    function(
        "booking_media_type_v1",
        [1, 1],
        Type::Bool,
        "booking_media_type_v1(s)",
        "true if s is the booking media type, version 1",
        |call| Ok(Val::bool(call.text().is_some_and(media_type::is_booking_v1))),
    ),
    function(
        "accepts_booking_v1",
        [1, 1],
        Type::Bool,
        "accepts_booking_v1(s)",
        "true if an `Accept` field takes the booking media type, version 1",
        |call| Ok(Val::bool(call.text().is_some_and(media_type::accepts_booking_v1))),
    ),
    function("media_version", [1, 1], Type::Plain, "media_version(s)", "the version of a media type", |call| {
        Ok(call.owned(call.text().and_then(|text| media_type::parse(text).version)))
    }),
    function(
        "same_url",
        [2, 2],
        Type::Bool,
        "same_url(a, b)",
        "true if the addresses are equal as RFC 3986 compares them, and apart from a trailing slash",
        |call| {
            Ok(Val::bool(both(call, |a, b| {
                a == b || urls::normal_url(a).trim_end_matches('/') == urls::normal_url(b).trim_end_matches('/')
            })))
        },
    ),
    function(
        "normal_url",
        [1, 1],
        Type::Plain,
        "normal_url(x)",
        "the address, with scheme and host in lower case and without a default port",
        |call| Ok(call.owned(call.text().map(|url| urls::normal_url(url).into_owned()))),
    ),
    function(
        "absolute_uri",
        [1, 1],
        Type::Bool,
        "absolute_uri(s)",
        "true if s is a URI with a scheme, and a host if it is http or https",
        |call| Ok(Val::bool(call.text().is_some_and(urls::is_absolute_uri))),
    ),
    function(
        "same_page",
        [2, 2],
        Type::Bool,
        "same_page(a, b)",
        "true if two addresses have the same path and the same parameters, in whatever order",
        |call| Ok(Val::bool(both(call, |a, b| urls::page(a) == urls::page(b)))),
    ),
    function("host_of", [1, 1], Type::Plain, "host_of(url)", "the host, in lower case", |call| {
        Ok(call.owned(call.text().and_then(urls::host).map(str::to_ascii_lowercase)))
    }),
    function(
        "origin_of",
        [1, 1],
        Type::Plain,
        "origin_of(url)",
        "scheme, host and port, in lower case, without a default port",
        |call| Ok(call.owned(call.text().and_then(urls::origin))),
    ),
    function("path_of", [1, 1], Type::Plain, "path_of(url)", "the path", |call| {
        Ok(call.arena().maybe(call.text().map(urls::path)))
    }),
    function(
        "parameter",
        [2, 2],
        Type::Plain,
        r#"parameter(x, "name")"#,
        "a parameter, decoded: of a URL's query; of a `request`, its query or form",
        |call| Ok(call.owned(parameter(call.first(), call.second().as_str().unwrap_or_default()))),
    ),
];

/// True if both arguments are texts of which the test holds.
fn both(call: &FunctionCall<'_, '_>, test: fn(&str, &str) -> bool) -> bool {
    call.text().zip(call.second().as_str()).is_some_and(|(text, other)| test(text, other))
}

/// A parameter of a URL, or of a request: of its query, or else of its form.
fn parameter(of: &Val<'_>, name: &str) -> Option<String> {
    match of {
        Val::Request(parsed) => credentials::request_parameter(parsed, name),
        other => other.as_str().and_then(|url| urls::parameter(url, name)),
    }
}
