//! What inputs are made of.
//!
//! `rules/examples/ → bodies` · `bodies → exchanges` · words of JSON

use std::sync::{Arc, LazyLock};

use umpire::exchange::{Body, Exchange, Headers, Request, Response, Timing, Version};
use umpire::rules::RuleBook;

use super::engine::files;

/// The built-in rules.
pub static BOOK: LazyLock<Arc<RuleBook>> =
    LazyLock::new(|| Arc::new(RuleBook::built_in().expect("the built-in rules load")));

/// The bodies of the examples.
pub fn bodies() -> Vec<Vec<u8>> {
    let examples = files("rules/examples", "json").into_iter();
    let examples = examples.map(|text| serde_json::from_str::<serde_json::Value>(&text).expect("JSON"));
    examples
        .flat_map(|example| ["request", "response"].map(|message| example[message]["body"].clone()))
        .filter(|body| !body.is_null())
        .map(|body| body.to_string().into_bytes())
        .collect()
}

pub fn exchange(method: &str, target: &str, kind: &str, request: &[u8], response: &[u8]) -> Exchange {
    let headers = || -> Headers { [("content-type", kind.to_owned())].into_iter().collect() };
    Exchange {
        id: 0,
        connection: 0,
        started: "2026-06-01T08:00:00Z".parse().expect("a time"),
        origin: "https://booking.example.com".to_owned(),
        request: Request {
            method: method.to_owned(),
            target: target.to_owned(),
            version: Version::Http11,
            headers: headers(),
            body: Body::complete(request.to_vec()),
        },
        response: Some(Response {
            status: 200,
            reason: String::new(),
            version: Version::Http11,
            headers: headers(),
            body: Body::complete(response.to_vec()),
        }),
        failure: None,
        rewritten: Vec::new(),
        simulated: None,
        timing: Timing::default(),
    }
}

pub const JSON: [&str; 22] = [
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\"\"",
    "null",
    "true",
    "-0",
    "1e999",
    "0.1",
    "99999999999999999999999999999",
    "\\u0000",
    "\\ud800",
    "\\udc00\\ud800",
    "\"@type\":",
    "\"@id\":",
    "{\"a\":1,\"a\":2}",
    "[[[[",
    "\u{feff}",
    "\"x\":{\"y\":[",
];
