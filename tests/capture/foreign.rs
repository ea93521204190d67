//! HAR files of other programs, and files that are none.

use std::path::Path;

use serde_json::{Value, json};
use umpire::capture::{self, CaptureError, har};
use umpire::exchange::{Body, BodyEnd, Exchange, FailureKind, Version, decode};

use crate::arbitrary::{meta, ordinary};

fn read(har: &Value) -> Result<Vec<Exchange>, CaptureError> {
    har::read(Path::new("x.har"), har.to_string().as_bytes()).map(|(_, exchanges)| exchanges)
}

/// The one exchange of a HAR with the least that an entry needs, changed by a merge.
fn entry(change: &Value) -> Result<Exchange, CaptureError> {
    let mut entry = json!({
        "startedDateTime": "2025-04-17T12:10:17.977+01:00",
        "request": { "method": "GET", "url": "https://a.example/feeds/sessions?limit=1#top" },
        "response": { "status": 200 }
    });
    merge(&mut entry, change);
    read(&json!({ "log": { "entries": [entry] } })).map(|mut exchanges| exchanges.remove(0))
}

fn merge(target: &mut Value, change: &Value) {
    match (target, change) {
        (Value::Object(target), Value::Object(change)) => {
            for (key, value) in change {
                merge(target.entry(key.clone()).or_insert(Value::Null), value);
            }
        }
        (target, change) => *target = change.clone(),
    }
}

#[test]
fn the_least_that_is_enough() {
    let exchange = entry(&json!({})).unwrap();
    assert_eq!(exchange.started, "2025-04-17T11:10:17.977Z".parse().unwrap());
    assert_eq!(
        (exchange.origin.as_str(), exchange.request.target.as_str()),
        ("https://a.example", "/feeds/sessions?limit=1")
    );
    assert_eq!(exchange.request.version, Version::Http11);
    assert_eq!(exchange.request.body, Body::empty());
    let response = exchange.response.unwrap();
    assert_eq!((response.status, response.body), (200, Body::empty()));
    assert_eq!(exchange.failure, None);
}

#[test]
fn spellings_of_browsers() {
    let exchange = entry(&json!({
        "comment": "x", "_initiator": { "type": "other" }, "pageref": null, "connection": "4711",
        "time": "12.5", "timings": { "blocked": 1, "dns": -1, "connect": 2, "ssl": 2, "send": 0.5, "wait": 3, "receive": null },
        "request": {
            "httpVersion": "h2", "bodySize": null,
            "headers": [{ "name": ":method", "value": "GET" }, { "name": "accept", "value": "*/*" }]
        },
        "response": {
            "status": "201", "httpVersion": "http/2.0", "bodySize": -1,
            "headers": [{ "name": "set-cookie", "value": "a=1\nb=2" }, { "name": "x-name", "value": "caf\u{e9}" }],
            "content": { "size": 4, "mimeType": "image/png", "text": "iVBORw==", "encoding": "base64" }
        }
    }))
    .unwrap();
    assert_eq!(exchange.connection, 4711);
    assert_eq!(exchange.timing.total.as_micros(), 12_500);
    assert_eq!(exchange.timing.sent.unwrap().as_micros(), 3_500);
    assert_eq!(exchange.timing.first_byte.unwrap().as_micros(), 6_500);
    assert_eq!(exchange.request.version, Version::Http2);
    assert_eq!(exchange.request.headers.0.len(), 1);
    let response = exchange.response.unwrap();
    assert_eq!((response.status, response.version), (201, Version::Http2));
    assert_eq!(response.headers.all("set-cookie").collect::<Vec<_>>(), ["a=1", "b=2"]);
    assert_eq!(&response.headers.0[2].value[..], b"caf\xe9");
    assert_eq!(response.body, Body::complete(&b"\x89PNG"[..]));
}

#[test]
fn bodies_as_other_programs_keep_them() {
    let form = entry(&json!({ "request": { "method": "POST", "bodySize": 9, "postData": {
        "mimeType": "application/x-www-form-urlencoded", "params": [{ "name": "a b", "value": "c&d" }, { "name": "e" }]
    } } }))
    .unwrap();
    assert_eq!(form.request.body, Body::complete("a+b=c%26d&e="));
    let unkept = entry(&json!({ "request": { "bodySize": 80 }, "response": { "content": { "size": 300 } } })).unwrap();
    assert_eq!((unkept.request.body.end, unkept.request.body.length), (BodyEnd::Truncated, 80));
    let body = unkept.response.unwrap().body;
    assert_eq!((body.end, body.length), (BodyEnd::Truncated, 300));
    let none = entry(&json!({ "response": { "status": 304, "content": { "size": 300 } } })).unwrap();
    assert_eq!(none.response.unwrap().body, Body::empty());
    for coding in ["gzip", "br", "zstd", "deflate"] {
        let coded = entry(&json!({ "response": {
            "headers": [{ "name": "Content-Encoding", "value": coding }],
            "content": { "size": 8, "compression": -20, "text": "{\"a\": 1}" }
        } }));
        let response = coded.unwrap().response.unwrap();
        assert_eq!(response.body.end, BodyEnd::Complete);
        assert_eq!(&decode(&response.body.bytes, &response.headers).unwrap()[..], b"{\"a\": 1}");
    }
}

#[test]
fn requests_that_were_never_answered() {
    for (response, kind) in [
        (json!({ "status": 0, "_error": "net::ERR_CONNECTION_REFUSED" }), FailureKind::Unreachable),
        (json!({ "status": 0, "_error": "net::ERR_ABORTED" }), FailureKind::ClientGone),
        (json!({ "status": 0, "_error": "net::ERR_TIMED_OUT" }), FailureKind::TimedOut),
        (json!({ "status": -1 }), FailureKind::BrokenOff),
        (json!(null), FailureKind::BrokenOff),
    ] {
        let exchange = entry(&json!({ "response": response })).unwrap();
        assert_eq!(exchange.response, None);
        assert_eq!(exchange.failure.unwrap().kind, kind);
    }
}

#[test]
fn what_makes_an_entry_useless() {
    for (change, words) in [
        (json!({ "request": null }), "it has no request"),
        (json!({ "request": { "method": null } }), "its request has no method"),
        (json!({ "request": { "url": null } }), "its request has no url"),
        (json!({ "request": { "url": "/api" } }), "is not an absolute one: \"/api\""),
        (json!({ "startedDateTime": "yesterday" }), "no time: \"yesterday\""),
        (json!({ "response": { "status": 99 } }), "no possible status: 99"),
        (
            json!({ "response": { "content": { "text": "{}", "encoding": "base64" } } }),
            "its response: a body that should be base64",
        ),
    ] {
        let error = entry(&change).unwrap_err().to_string();
        assert!(error.starts_with("x.har: ") && error.contains("entry 0") && error.contains(words), "{error}");
    }
    let error = entry(&json!({ "request": [1] })).unwrap_err().to_string();
    assert!(error.contains("x.har: can't be used in entry 0"), "{error}");
}

#[test]
fn files_that_are_no_recordings() {
    for (text, words) in [
        ("", "is empty"),
        (" \n", "is empty"),
        ("<html>", "not JSON at line 1, column 1"),
        ("[]", "is no HAR file"),
        ("{}", "is no HAR file"),
        ("{\"log\": {}}", "is no HAR file"),
        ("{\"log\": null}", "is no HAR file"),
        ("{\"log\": {\"entries\": {}}}", "is no HAR file"),
        ("{\"log\": {\"entries\": []}}", "holds no exchanges"),
        ("{\"log\": {\"entries\": [", "is cut off"),
        ("{\"log\": {\"entries\": []}} x", "not JSON at line 1, column"),
        ("{\"log\": {\"entries\": [{]}}", "is damaged in entry 0"),
    ] {
        let error = har::read(Path::new("x.har"), text.as_bytes()).unwrap_err().to_string();
        assert!(error.starts_with("x.har: ") && error.contains(words), "{text}: {error}");
    }
}

#[test]
fn a_file_cut_off_anywhere_is_refused() {
    let mut text = Vec::new();
    let exchanges = [ordinary(), ordinary()];
    har::write(Path::new("x.har"), &meta(), exchanges.iter().cloned().map(Ok), &mut text).unwrap();
    let whole = text.trim_ascii_end().len();
    for end in (1..whole).step_by(7).chain([whole - 1]) {
        let error = har::read(Path::new("x.har"), &text[..end]).unwrap_err();
        assert!(matches!(&error, CaptureError::Har { what, .. } if what.contains("cut off")), "{end}: {error}");
    }
}

#[test]
fn a_byte_order_mark_and_content_decide_not_the_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("recording.db");
    let text = json!({ "log": { "creator": { "name": "Browser", "version": 7 }, "entries": [
        { "startedDateTime": "2025-04-17T12:10:17.977Z", "request": { "method": "GET", "url": "http://a.example" } }
    ] } });
    std::fs::write(&path, format!("\u{feff}{text}")).unwrap();
    let recording = capture::open(&path).unwrap();
    assert_eq!(recording.meta.creator, "Browser 7");
    assert_eq!(recording.meta.created, "2025-04-17T12:10:17.977Z".parse().unwrap());
    assert_eq!(recording.exchanges.count(), 1);
    let error = capture::open(&folder.path().join("none.har")).err().unwrap();
    assert!(error.to_string().contains("none.har: can't be opened"), "{error}");
    assert!(capture::open(folder.path()).is_err(), "a folder");
}

#[test]
fn what_is_exported_is_har_for_others() {
    let mut text = Vec::new();
    let mut failed = ordinary();
    failed.response = None;
    har::write(Path::new("x.har"), &meta(), [ordinary(), failed].map(Ok), &mut text).unwrap();
    let har: Value = serde_json::from_slice(&text).unwrap();
    assert_eq!(har["log"]["version"], "1.2");
    assert_eq!(har["log"]["creator"]["name"], "umpire");
    for entry in har["log"]["entries"].as_array().unwrap() {
        for member in ["startedDateTime", "time", "request", "response", "cache", "timings"] {
            assert!(!entry[member].is_null(), "{member}");
        }
        for member in ["method", "url", "httpVersion", "cookies", "headers", "queryString", "headersSize", "bodySize"] {
            assert!(!entry["request"][member].is_null(), "{member}");
        }
        for member in [
            "status",
            "statusText",
            "httpVersion",
            "cookies",
            "headers",
            "content",
            "redirectURL",
            "headersSize",
            "bodySize",
        ] {
            assert!(!entry["response"][member].is_null(), "{member}");
        }
    }
    assert_eq!(har["log"]["entries"][1]["response"]["status"], 0);
}
