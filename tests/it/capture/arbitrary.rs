//! Arbitrary exchanges, and what must hold for each of them.

use std::io::Write;
use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use serde_json::Value;
use umpire::capture::{self, CaptureReader, CaptureWriter, Meta, har};
use umpire::exchange::{
    Body, BodyEnd, Exchange, Failure, FailureKind, Header, Headers, OmittedFields, Request, Response, RewrittenLink,
    Simulated, Simulator, Timing, Version,
};
use umpire::redact::Redactor;

pub(crate) fn meta() -> Meta {
    Meta::new(Some("https://booking.example.com/api"), "2026-11-24T07:00:00.123456789Z".parse().unwrap())
}

/// A booking exchange as it comes every day.
pub(crate) fn ordinary() -> Exchange {
    let headers: Headers =
        [("Content-Type", "application/vnd.openactive.booking+json; version=1"), ("Authorization", "Bearer REDACTED")]
            .into_iter()
            .collect();
    Exchange {
        id: 7,
        connection: 2,
        started: "2026-11-24T07:00:01.5Z".parse().unwrap(),
        origin: "https://booking.example.com".to_owned(),
        request: Request {
            method: "PUT".to_owned(),
            target: "/api/order-quotes/4b6a1a2c-8f0e-4a3b-9d7e-1f2a3b4c5d6e".to_owned(),
            version: Version::Http11,
            headers: headers.clone(),
            body: Body::complete(r#"{"@type": "OrderQuote"}"#),
        },
        response: Some(Response {
            status: 200,
            reason: "OK".to_owned(),
            version: Version::Http11,
            headers,
            body: Body::complete(r#"{"@type": "OrderQuote", "totalPaymentDue": {"price": 14.990}}"#.repeat(20)),
        }),
        failure: None,
        rewritten: Vec::new(),
        simulated: None,
        timing: Timing {
            sent: Some(Duration::from_micros(150)),
            first_byte: Some(Duration::from_nanos(20_000_001)),
            total: Duration::from_millis(23),
        },
    }
}

pub(crate) fn gzip(content: &[u8]) -> Vec<u8> {
    let mut coder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    coder.write_all(content).unwrap();
    coder.finish().unwrap()
}

fn version() -> impl Strategy<Value = Version> {
    prop::sample::select(vec![Version::Http10, Version::Http11, Version::Http2, Version::Http3])
}

fn header() -> impl Strategy<Value = Header> {
    let value = prop_oneof![
        4 => "[ -~]{0,30}".prop_map(String::into_bytes),
        2 => vec(any::<u8>(), 0..30),
        1 => "\\PC{0,8}".prop_map(String::into_bytes),
    ];
    let name = prop_oneof![
        4 => "[A-Za-z][A-Za-z0-9-]{0,14}",
        1 => Just("Authorization".to_owned()),
        1 => Just("Set-Cookie".to_owned()),
        1 => Just("Location".to_owned()),
    ];
    (name, value).prop_map(|(name, value)| Header { name, value: value.into() })
}

/// Content, and the content coding that its bytes are in, if any. Some claim a coding that they aren't in.
fn content() -> impl Strategy<Value = (Vec<u8>, Option<&'static str>)> {
    let plain = prop_oneof![
        Just(Vec::new()),
        "\\PC{0,40}".prop_map(String::into_bytes),
        vec(any::<u8>(), 0..400),
        ("[a-z]{1,8}", "[ -~]{0,12}", 1..60_usize).prop_map(|(key, value, times)| {
            let member = serde_json::json!({ key: value, "access_token": "planted", "n": [1, 2] }).to_string();
            format!("[{}]", vec![member; times].join(",")).into_bytes()
        }),
    ];
    (plain, 0..6_u8).prop_map(|(content, coding)| match coding {
        0 => (gzip(&content), Some("gzip")),
        1 => (zstd::encode_all(&*content, 3).unwrap(), Some("zstd")),
        2 => (content, Some("br")),
        3 => (content, Some("unheard-of")),
        _ => (content, None),
    })
}

fn message() -> impl Strategy<Value = (Headers, Body)> {
    let trailers = prop_oneof![2 => Just(Vec::new()), 1 => vec(header(), 1..3)];
    let omitted = prop_oneof![2 => Just(OmittedFields::Nothing), 1 => Just(OmittedFields::Credentials), 1 => Just(OmittedFields::Unlisted)];
    let parts = (vec(header(), 0..6), omitted, content(), trailers, 0..5_u8, 0..5000_u64);
    parts.prop_map(|(mut fields, omitted, (bytes, coding), trailers, end, more)| {
        if let Some(coding) = coding {
            fields.push(Header { name: "content-encoding".to_owned(), value: coding.into() });
        }
        let mut body = Body { trailers: Headers::of(trailers), ..Body::complete(bytes) };
        match end {
            0 => (body.end, body.length) = (BodyEnd::Truncated, body.length + more),
            1 => body.end = BodyEnd::Cancelled,
            // Redacted: other bytes than on the wire, all of them.
            2 => body.length += more,
            3 => body = Body { trailers: body.trailers, ..Body::not_recorded(more.saturating_sub(2500)) },
            _ => {}
        }
        (Headers(fields, omitted), body)
    })
}

fn rewritten() -> impl Strategy<Value = RewrittenLink> {
    ("/[a-z/]{0,12}", "https?://[a-z]{1,9}[!-~]{0,9}", "[ -~]{0,20}").prop_map(|(at, sent, given)| RewrittenLink {
        at,
        sent,
        given,
    })
}

fn failure() -> impl Strategy<Value = Failure> {
    (
        prop::sample::select(FailureKind::ALL.to_vec()),
        "\\PC{0,20}",
        option::of(prop::sample::select(vec![502_u16, 504])),
    )
        .prop_map(|(kind, detail, answered)| Failure { kind, detail, answered })
}

fn timing() -> impl Strategy<Value = Timing> {
    let duration = || (0..u64::from(u32::MAX) * 100).prop_map(Duration::from_nanos);
    (option::of(duration()), option::of(duration()), duration()).prop_map(|(sent, first_byte, total)| Timing {
        sent,
        first_byte,
        total,
    })
}

prop_compose! {
    fn request()(
        method in "[A-Z]{1,7}",
        target in prop_oneof![3 => "/[ -~]{0,30}", 1 => Just("*".to_owned())],
        version in version(),
        (headers, body) in message(),
    ) -> Request {
        Request { method, target, version, headers, body }
    }
}

prop_compose! {
    fn response()(
        status in 100..=999_u16,
        reason in "[ -~]{0,12}",
        version in version(),
        (headers, body) in message(),
    ) -> Response {
        Response { status, reason, version, headers, body }
    }
}

fn simulated() -> impl Strategy<Value = Simulated> {
    (prop::sample::select(&Simulator::ALL[..]), "[ -~]{0,30}").prop_map(|(by, detail)| Simulated { by, detail })
}

prop_compose! {
    pub(crate) fn exchange()(
        id in any::<u64>(),
        connection in any::<u64>(),
        started in -2_000_000_000_000_000_000..4_000_000_000_000_000_000_i128,
        origin in prop_oneof![3 => "https?://[a-z]{1,9}\\.example(:[0-9]{2,4})?", 1 => "[ -~]{0,12}"],
        request in request(),
        response in option::weighted(0.8, response()),
        failure in option::weighted(0.3, failure()),
        rewritten in vec(rewritten(), 0..3),
        simulated in option::weighted(0.3, simulated()),
        timing in timing(),
    ) -> Exchange {
        let started = Timestamp::from_nanosecond(started).unwrap();
        Exchange { id, connection, started, origin, request, response, failure, rewritten, simulated, timing }
    }
}

fn through_har(exchanges: &[Exchange]) -> (Meta, Vec<Exchange>) {
    let mut text = Vec::new();
    let file = Path::new("memory.har");
    har::write(file, &meta(), exchanges.iter().cloned().map(Ok), &mut text).unwrap();
    har::read(file, &text).unwrap()
}

fn key() -> impl Strategy<Value = String> {
    prop_oneof![
        2 => "[ -~]{0,8}",
        2 => prop::sample::select(vec!["access_token", "clientSecret", "token", "api_key", "Password", "authorization"])
            .prop_map(str::to_owned),
        1 => prop::sample::select(vec!["accessCode", "@id", "url", "code", "keywords"]).prop_map(str::to_owned),
    ]
}

/// JSON with secrets in it, in JSON within strings too.
fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "[ -~]{0,12}".prop_map(Value::from),
        "\\PC{0,6}".prop_map(Value::from),
        prop::sample::select(vec![
            "https://a:b@c.example/?token=x&y=1",
            "Bearer abc",
            "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln",
            "\\",
            "a\"b",
            "token=",
        ])
        .prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..5).prop_map(Value::from),
            vec((key(), inner.clone()), 0..5).prop_map(Value::from_iter),
            inner.prop_map(|value| Value::from(value.to_string())),
        ]
    })
}

/// What redaction must leave as it is: types, keys, and the number of elements.
fn skeleton(value: &Value) -> Value {
    match value {
        Value::String(_) => Value::from(""),
        Value::Number(_) => Value::from(0),
        Value::Array(items) => items.iter().map(skeleton).collect(),
        Value::Object(members) => members.iter().map(|(key, value)| (key.clone(), skeleton(value))).collect(),
        other => other.clone(),
    }
}

/// True if a member that is a secret by its name still holds a text that isn't masked.
fn leaks(value: &Value, secret: bool) -> bool {
    match value {
        Value::String(text) => secret && !text.is_empty() && !text.contains("umpire:"),
        Value::Number(number) => secret && number.as_i64() != Some(0),
        Value::Array(items) => items.iter().any(|item| leaks(item, secret)),
        Value::Object(members) => members.iter().any(|(key, value)| {
            let named = ["access_token", "clientSecret", "token", "api_key", "Password", "authorization"];
            leaks(value, secret || named.contains(&key.as_str()))
        }),
        _ => false,
    }
}

/// As many cases as `PROPTEST_CASES` says, or few.
pub(crate) fn cases(few: u32) -> ProptestConfig {
    if std::env::var_os("PROPTEST_CASES").is_some() {
        ProptestConfig::default()
    } else {
        ProptestConfig::with_cases(few)
    }
}

proptest! {
    #![proptest_config(cases(192))]

    #[test]
    fn har_gives_back_what_it_was_given(exchanges in vec(exchange(), 1..4)) {
        prop_assert_eq!(through_har(&exchanges), (meta(), exchanges));
    }

    #[test]
    fn redacting_twice_changes_nothing_more(exchange in exchange()) {
        let redactor = Redactor::new().unwrap();
        let once = redactor.redact(exchange);
        prop_assert_eq!(&redactor.redact(once.clone()), &once);
        // Nor does another run, whose key is another.
        prop_assert_eq!(&Redactor::new().unwrap().redact(once.clone()), &once);
    }

    #[test]
    fn redaction_keeps_the_structure_of_json(value in json(), pretty in any::<bool>()) {
        let text = if pretty { serde_json::to_vec_pretty(&value) } else { serde_json::to_vec(&value) }.unwrap();
        let mut exchange = ordinary();
        exchange.request.body = Body::complete(text);
        let redactor = Redactor::new().unwrap();
        let redacted = redactor.redact(exchange);
        let read: Value = serde_json::from_slice(&redacted.request.body.bytes).unwrap();
        prop_assert_eq!(skeleton(&read), skeleton(&value));
        prop_assert!(!leaks(&read, false), "{}", read);
        prop_assert_eq!(&redactor.redact(redacted.clone()), &redacted);
    }

    #[test]
    fn redaction_keeps_what_judging_looks_at(exchange in exchange()) {
        let redacted = Redactor::new().unwrap().redact(exchange.clone());
        prop_assert_eq!(redacted.request.body.length, exchange.request.body.length);
        prop_assert_eq!(redacted.request.headers.0.len(), exchange.request.headers.0.len());
        prop_assert_eq!(redacted.response.is_some(), exchange.response.is_some());
        if let (Some(redacted), Some(response)) = (redacted.response, exchange.response) {
            prop_assert_eq!(redacted.status, response.status);
            prop_assert_eq!(redacted.body.length, response.body.length);
        }
    }
}

proptest! {
    #![proptest_config(cases(24))]

    #[test]
    fn a_capture_gives_back_what_it_was_given(exchanges in vec(exchange(), 1..12)) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("any.db");
        let mut writer = CaptureWriter::create(&path, &meta()).unwrap();
        for (index, exchange) in exchanges.iter().enumerate() {
            prop_assert_eq!(writer.append(exchange).unwrap(), index as u64);
        }
        prop_assert_eq!(writer.finish().unwrap(), exchanges.len() as u64);
        let recording = capture::open(&path).unwrap();
        prop_assert_eq!(&recording.meta, &meta());
        let read: Vec<Exchange> = recording.exchanges.map(Result::unwrap).collect();
        prop_assert_eq!(&read, &exchanges);
        let reader = CaptureReader::open(&path).unwrap();
        for (index, exchange) in exchanges.iter().enumerate().rev() {
            prop_assert_eq!(&reader.exchange(index as u64).unwrap(), exchange);
        }
    }
}
