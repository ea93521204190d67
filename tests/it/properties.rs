//! What holds for any traffic: judging never fails, says the same twice, and says the same of a redacted recording.
//!
//! `arbitrary JSON at every stage → judge` · `recording, secrets planted → redact → judge = judge`

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, LazyLock};

use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Map, Value};
use umpire::capture::{self};
use umpire::exchange::{Body, Exchange, Headers, Request, Response, Timing, Version};
use umpire::judged::Judged;
use umpire::openbooking::media_type::BOOKING_V1;
use umpire::redact::{PersonalFields, Redactor};
use umpire::rules::{BookingSystemInfo, Judge, RuleBook};

const UUID: &str = "5b0b7f3e-6d1c-4f0a-9c52-7e1a4d90b6c3";

static BOOK: LazyLock<Arc<RuleBook>> =
    LazyLock::new(|| Arc::new(RuleBook::built_in().expect("the built-in rules load")));

/// The bodies of the rules' examples, to be taken apart and put together anew.
static EXAMPLES: LazyLock<Vec<Value>> = LazyLock::new(|| {
    let files = std::fs::read_dir("rules/examples").expect("the examples");
    let mut files: Vec<_> = files.map(|file| file.expect("a file").path()).collect();
    files.sort();
    let example = |path: &std::path::PathBuf| -> Value {
        serde_json::from_str(&std::fs::read_to_string(path).expect("a text")).expect("JSON")
    };
    files.iter().filter(|path| path.extension().is_some_and(|ending| ending == "json")).map(example).collect()
});

type Words = BTreeSet<String>;

/// Every name of a member in the examples, and every text.
static WORDS: LazyLock<(Vec<String>, Vec<String>)> = LazyLock::new(|| {
    fn gather(value: &Value, names: &mut Words, texts: &mut Words) {
        match value {
            Value::String(text) => drop(texts.insert(text.clone())),
            Value::Array(items) => items.iter().for_each(|item| gather(item, names, texts)),
            Value::Object(members) => {
                names.extend(members.keys().cloned());
                members.values().for_each(|value| gather(value, names, texts));
            }
            _ => {}
        }
    }
    let (mut names, mut texts) = (Words::new(), Words::new());
    EXAMPLES.iter().for_each(|example| gather(example, &mut names, &mut texts));
    (names.into_iter().collect(), texts.into_iter().collect())
});

fn name() -> impl Strategy<Value = String> {
    prop_oneof![4 => prop::sample::select(WORDS.0.clone()), 1 => "\\PC{0,8}"]
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![4 => prop::sample::select(WORDS.1.clone()), 1 => "\\PC{0,8}"]
}

fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        1 => Just(Value::Null),
        1 => any::<bool>().prop_map(Value::from),
        1 => any::<i64>().prop_map(Value::from),
        1 => any::<f64>().prop_map(Value::from),
        4 => text().prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 60, 6, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..5).prop_map(Value::from),
            vec((name(), inner), 0..8).prop_map(Value::from_iter),
        ]
    })
}

/// Where in a message something is put in place of what is there: at each level the n-th member, modulo their number.
fn put(value: &mut Value, path: &[usize], new: Value) {
    let Some((first, rest)) = path.split_first() else {
        *value = new;
        return;
    };
    match value {
        Value::Array(items) if !items.is_empty() => {
            let place = first % items.len();
            put(&mut items[place], rest, new);
        }
        Value::Object(members) if !members.is_empty() => {
            let place = first % members.len();
            if let Some((_, member)) = members.iter_mut().nth(place) {
                put(member, rest, new);
            }
        }
        _ => *value = new,
    }
}

/// An example with a few of its parts replaced, under any status.
fn changed_example() -> impl Strategy<Value = Exchange> {
    let change = (prop::bool::ANY, vec(any::<prop::sample::Index>(), 1..7), json());
    let status =
        prop_oneof![Just(None), prop::sample::select(vec![200_u16, 201, 204, 400, 404, 409, 500, 503]).prop_map(Some)];
    (prop::sample::select(EXAMPLES.clone()), vec(change, 0..4), status).prop_map(|(mut example, changes, status)| {
        for (of_request, path, new) in changes {
            let path: Vec<usize> = path.iter().map(|index| index.index(1_000)).collect();
            let message = if of_request { "request" } else { "response" };
            if let Some(body) = example[message].get_mut("body") {
                put(body, &path, new);
            }
        }
        if let Some(status) = status {
            example["response"]["status"] = status.into();
        }
        exchange(&example)
    })
}

/// Anything at all, sent to any of the endpoints.
fn arbitrary() -> impl Strategy<Value = Exchange> {
    let endpoint = prop::sample::select(vec![
        ("PUT", "order-quote-templates"),
        ("PUT", "order-quotes"),
        ("DELETE", "order-quotes"),
        ("PUT", "order-proposals"),
        ("PATCH", "order-proposals"),
        ("PUT", "orders"),
        ("PATCH", "orders"),
        ("DELETE", "orders"),
        ("GET", "orders"),
        ("GET", "orders-rpde"),
        ("GET", "order-proposals-rpde"),
        ("POST", "orders"),
        ("PUT", "elsewhere"),
    ]);
    (endpoint, json(), json(), 100_u16..=999).prop_map(|((method, path), request, response, status)| {
        let path = if path.ends_with("rpde") { path.to_owned() } else { format!("{path}/{UUID}") };
        let message = |body: Value| serde_json::json!({ "headers": { "content-type": BOOKING_V1 }, "body": body });
        let mut example = serde_json::json!({ "request": message(request), "response": message(response) });
        example["request"]["method"] = method.into();
        example["request"]["path"] = format!("/api/openbooking/{path}").into();
        example["response"]["status"] = status.into();
        exchange(&example)
    })
}

fn exchange(example: &Value) -> Exchange {
    let headers = |message: &Value| -> Headers {
        let none = Map::new();
        let fields = message["headers"].as_object().unwrap_or(&none).iter();
        fields.map(|(name, value)| (name.clone(), value.as_str().unwrap_or_default().to_owned())).collect()
    };
    let body = |message: &Value| message.get("body").map_or_else(Body::empty, |body| Body::complete(body.to_string()));
    let (request, response) = (&example["request"], &example["response"]);
    Exchange {
        id: 0,
        connection: 0,
        started: "2026-06-01T08:00:00Z".parse().expect("a time"),
        origin: "https://booking.riverside.example".to_owned(),
        request: Request {
            method: request["method"].as_str().unwrap_or("GET").to_owned(),
            target: request["path"].as_str().unwrap_or("/").to_owned(),
            version: Version::Http11,
            headers: headers(request),
            body: body(request),
        },
        response: response["status"].as_u64().map(|status| Response {
            status: status as u16,
            reason: String::new(),
            version: Version::Http11,
            headers: headers(response),
            body: body(response),
        }),
        failure: None,
        rewritten: Vec::new(),
        simulated: None,
        timing: Timing::default(),
    }
}

/// A recording of a few exchanges, each a second after the one before.
fn recording() -> impl Strategy<Value = Vec<Exchange>> {
    vec(prop_oneof![3 => changed_example(), 1 => arbitrary()], 1..6).prop_map(|mut exchanges| {
        for (second, exchange) in exchanges.iter_mut().enumerate() {
            exchange.started += std::time::Duration::from_secs(second as u64);
        }
        exchanges
    })
}

/// Everything that is said of a recording.
fn said(exchanges: impl IntoIterator<Item = Exchange>, base_uri: Option<&str>) -> Vec<String> {
    let known = BookingSystemInfo { base_uri: base_uri.map(str::to_owned), ..BookingSystemInfo::default() };
    let mut judge = Judge::new(Arc::clone(&BOOK), known);
    let words = |judged: &Judged| -> Vec<String> {
        let findings = judged.findings.iter().map(|finding| {
            let rule = &finding.rule;
            format!("{} {} {} {}", judged.index, rule.id, finding.severity, finding.pointer)
        });
        let not_judged = judged.not_judged.iter().map(|not| format!("{} {} not judged", judged.index, not.rule));
        findings.chain(not_judged).chain([format!("{} passed {}", judged.index, judged.passed)]).collect()
    };
    exchanges.into_iter().flat_map(|exchange| words(&judge.judge(Arc::new(exchange)))).collect()
}

/// Secrets in every place in which they are looked for.
fn with_secrets(mut exchange: Exchange) -> Exchange {
    const SECRET: &str = "PLANTED-Zm9vYmFyYmF6";
    let secrets = [
        ("authorization", format!("Bearer {SECRET}")),
        ("cookie", format!("session={SECRET}")),
        ("x-api-key", SECRET.to_owned()),
    ];
    exchange.request.headers.0.retain(|field| !field.name.eq_ignore_ascii_case("authorization"));
    for (name, value) in secrets {
        exchange.request.headers.push(name, value);
    }
    let planted = |body: &Body| match serde_json::from_slice(&body.bytes) {
        Ok(Value::Object(mut members)) => {
            members.insert("acme:access_token".to_owned(), SECRET.into());
            members.insert("acme:link".to_owned(), format!("https://a:{SECRET}@acme.example/?api_key={SECRET}").into());
            members.insert("acme:list".to_owned(), serde_json::json!([{ "clientSecret": SECRET }]));
            Body::complete(Value::Object(members).to_string())
        }
        _ => body.clone(),
    };
    exchange.request.body = planted(&exchange.request.body);
    if let Some(response) = &mut exchange.response {
        response.headers.push("set-cookie", format!("session={SECRET}; Path=/"));
        response.body = planted(&response.body);
    }
    exchange
}

proptest! {
    #[test]
    fn judging_never_fails_and_says_the_same_twice(exchanges in recording()) {
        let first = said(exchanges.clone(), None);
        prop_assert_eq!(said(exchanges, None), first);
    }

    #[test]
    fn a_redacted_recording_gives_the_same_verdicts(exchanges in recording(), persons in any::<bool>()) {
        let planted: Vec<Exchange> = exchanges.into_iter().map(with_secrets).collect();
        let redactor = redactor(persons);
        planted.iter().cloned().for_each(|exchange| redactor.learn(exchange));
        let redacted = planted.iter().cloned().map(|exchange| redactor.redact(exchange));
        prop_assert_eq!(said(redacted, None), said(planted.iter().cloned(), None));
    }
}

/// Of secrets, or of personal data too.
fn redactor(persons: bool) -> Redactor {
    if persons { Redactor::of_persons(PersonalFields::default()) } else { Redactor::new() }.expect("a redactor")
}

#[test]
fn the_projects_recordings_give_the_same_verdicts_redacted() {
    for file in ["captures/golden.har", "captures/faulty.har"] {
        let recording = capture::open(Path::new(file)).expect("the recording opens");
        let exchanges: Vec<Exchange> = recording.exchanges.map(|exchange| exchange.expect("an exchange")).collect();
        let base_uri = recording.meta.base_uri.as_deref();
        for persons in [false, true] {
            let redact = |exchanges: &[Exchange]| -> Vec<Exchange> {
                let redactor = redactor(persons);
                exchanges.iter().cloned().map(|exchange| redactor.redact(exchange)).collect()
            };
            assert_eq!(said(redact(&exchanges), base_uri), said(exchanges.clone(), base_uri), "{file}");
            let planted: Vec<Exchange> = exchanges.iter().cloned().map(with_secrets).collect();
            assert_eq!(said(redact(&planted), base_uri), said(planted, base_uri), "{file}, secrets planted");
        }
    }
}
