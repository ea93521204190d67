//! HAR files of other programs, and files that are none.

use std::path::Path;

use serde_json::{Value, json};
use umpire::capture::{self, CaptureError, har};
use umpire::exchange::{Body, BodyEnd, Exchange, FailureKind, Headers, OmittedFields, Version, decode};

use super::arbitrary::{meta, ordinary};

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
    assert_eq!((exchange.request.body, exchange.request.headers.1), (Body::empty(), OmittedFields::Unlisted));
    let response = exchange.response.unwrap();
    assert_eq!((response.status, response.body), (200, Body::not_recorded(0)));
    assert_eq!(response.headers, Headers(Vec::new(), OmittedFields::Unlisted));
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
    assert_eq!(unkept.request.body, Body::not_recorded(80));
    assert_eq!(unkept.response.unwrap().body, Body::not_recorded(300));
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
        (json!({ "status": 0, "_error": "net::ERR_CONNECTION_REFUSED" }), Some(FailureKind::Unreachable)),
        (json!({ "status": 0, "_error": "net::ERR_ABORTED" }), Some(FailureKind::ClientGone)),
        (json!({ "status": 0, "_error": "net::ERR_TIMED_OUT" }), Some(FailureKind::TimedOut)),
        (json!({ "status": 0, "_failureText": "socket hang up" }), Some(FailureKind::BrokenOff)),
        // Nobody says that there was none.
        (json!({ "status": 0 }), None),
        (json!({ "status": -1 }), None),
        (json!({ "status": null }), None),
        (json!(null), None),
    ] {
        let exchange = entry(&json!({ "response": response })).unwrap();
        assert_eq!(exchange.response, None);
        assert_eq!(exchange.failure.map(|failure| failure.kind), kind, "{response}");
    }
}

#[test]
fn what_makes_an_entry_useless() {
    for (change, words) in [
        (json!({ "request": null }), "it has no request"),
        (json!({ "request": "" }), "its request is an empty text and no object"),
        (json!({ "request": [1] }), "its request is a list and no object"),
        (json!({ "request": { "method": null } }), "its request has no method"),
        (json!({ "request": { "method": ["GET"] } }), "its request has no method"),
        (json!({ "request": { "url": null } }), "its request has no url"),
        (json!({ "request": { "url": "/api" } }), "the url of its request is not an absolute one"),
        (json!({ "request": { "url": "a.example:443" } }), "the url of its request is not an absolute one"),
        (json!({ "request": { "method": "CONNECT", "url": "a.example:443" } }), "CONNECT opens a tunnel"),
    ] {
        let error = entry(&change).unwrap_err().to_string();
        assert!(error.starts_with("x.har: holds no exchange that can be read: entry 1: "), "{error}");
        assert!(error.contains(words) && error.ends_with("; left out"), "{error}");
    }
}

/// Three entries of which the second one is odd: the exchanges, and what is said of it.
fn with_odd(odd: &str) -> (Vec<Exchange>, Vec<String>) {
    let plain = |path: &str, second: u32| {
        json!({ "startedDateTime": format!("2026-11-24T08:00:{second:02}Z"),
            "request": { "method": "GET", "url": format!("https://a.example{path}"), "headers": [{ "name": "Host", "value": "a.example" }] },
            "response": { "status": 200, "headers": [{ "name": "Content-Length", "value": "0" }] } })
    };
    let text = format!(r#"{{"log": {{"entries": [{}, {odd}, {}]}}}}"#, plain("/first", 0), plain("/last", 9));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("x.har");
    std::fs::write(&file, text).unwrap();
    let recording = capture::open(&file).unwrap();
    let exchanges: Vec<Exchange> = recording.exchanges.map(Result::unwrap).collect();
    assert_eq!(exchanges.first().map(|first| first.request.target.as_str()), Some("/first"), "{odd}");
    assert_eq!(exchanges.last().map(|last| last.request.target.as_str()), Some("/last"), "{odd}");
    (exchanges, recording.oddities.list().iter().map(ToString::to_string).collect())
}

#[test]
fn one_odd_entry_never_refuses_the_file() {
    for (odd, words) in [
        ("null", "it is null; left out"),
        ("7", "it is a number and no object; left out"),
        ("\"\"", "it is an empty text and no object; left out"),
        ("[]", "it is a list and no object; left out"),
        ("{}", "it has no request; left out"),
        (r#"{"request": {"method": "GET", "url": "https://a.example/x" "bodySize": 0}}"#, "it is not JSON"),
        (r#"{request: {"method": "GET"}}"#, "it is not JSON"),
        (r#"{"request": {"method": "GET", "url": }}"#, "it is not JSON"),
        (r#"{"request": {"method": "CONNECT", "url": "a.example:443"}}"#, "CONNECT opens a tunnel"),
    ] {
        let (exchanges, said) = with_odd(odd);
        assert_eq!((exchanges.len(), said.len()), (2, 1), "{odd}: {said:?}");
        assert!(said[0].starts_with("entry 2: ") && said[0].contains(words), "{odd}: {said:?}");
    }
    let deep = format!("{{\"request\": {}{}}}", "[".repeat(2_000), "]".repeat(2_000));
    assert_eq!(with_odd(&deep).0.len(), 2);
}

/// The second entry, and what is said of it.
fn odd(change: &Value) -> (Exchange, Vec<String>) {
    let mut entry = json!({
        "startedDateTime": "2026-11-24T08:00:01Z",
        "request": { "method": "PUT", "url": "https://a.example/x",
            "headers": [{ "name": "Host", "value": "a.example" }, { "name": "Content-Length", "value": "2" }],
            "postData": { "mimeType": "text/plain", "text": "{}" } },
        "response": { "status": 200, "headers": [{ "name": "Content-Type", "value": "application/json" }],
            "content": { "size": 2, "mimeType": "application/json", "text": "{}" } }
    });
    merge(&mut entry, change);
    let (mut exchanges, said) = with_odd(&entry.to_string());
    assert_eq!(exchanges.len(), 3, "{change}: {said:?}");
    (exchanges.remove(1), said)
}

#[test]
fn what_can_be_read_of_an_odd_entry_is_read() {
    let as_it_is = odd(&json!({})).0;
    assert_eq!(
        (as_it_is.request.body.clone(), as_it_is.request.headers.1),
        (Body::complete("{}"), OmittedFields::Nothing)
    );
    for change in [
        json!({ "time": null }),
        json!({ "time": -1 }),
        json!({ "time": "NaN" }),
        json!({ "timings": -1 }),
        json!({ "timings": [] }),
        json!({ "timings": { "send": "soon" } }),
        json!({ "cache": "", "pageref": 7, "connection": {}, "serverIPAddress": null }),
        json!({ "startedDateTime": "Tue, 24 Nov 2026 08:00:01 GMT" }),
        json!({ "startedDateTime": 1_795_507_201_000_u64 }),
        json!({ "startedDateTime": "1795507201" }),
        json!({ "startedDateTime": "2026-11-24 08:00:01" }),
        json!({ "request": { "method": "put", "queryString": "", "cookies": 0, "httpVersion": [], "bodySize": "2" } }),
        json!({ "request": { "url": " https://a.example/x#top " } }),
        json!({ "request": { "headers": { "Host": "a.example", "Content-Length": 2 } } }),
        json!({ "request": { "headers": "Host: a.example\r\nContent-Length: 2" } }),
        json!({ "response": { "status": "200", "statusText": null, "redirectURL": {} } }),
        json!({ "response": { "status": 200.0, "content": { "size": "2", "encoding": "utf-8" } } }),
        json!({ "response": { "content": { "text": "e30=", "encoding": "BASE64" } } }),
    ] {
        let (exchange, said) = odd(&change);
        assert_eq!((exchange.started, &exchange.request), (as_it_is.started, &as_it_is.request), "{change}");
        assert_eq!((exchange.response, said), (as_it_is.response.clone(), vec![]), "{change}");
    }
    for (change, words) in [
        (json!({ "response": { "content": { "encoding": "base64" } } }), "marked as base64 and is none; read as text"),
        (json!({ "response": { "content": { "text": {} } } }), "is JSON and no text; read as it stands"),
        (json!({ "request": { "postData": { "text": {} } } }), "is JSON and no text; read as it stands"),
        (json!({ "request": { "url": "/x" } }), "not an absolute one; read as https, of the field Host"),
    ] {
        let (exchange, said) = odd(&change);
        assert_eq!(exchange, as_it_is, "{change}");
        assert!(said.len() == 1 && said[0].starts_with("entry 2: ") && said[0].ends_with(words), "{change}: {said:?}");
    }
}

#[test]
fn the_part_that_can_not_be_read_is_not_recorded() {
    let as_it_is = odd(&json!({})).0;
    let without = |change: &Value| -> Exchange {
        let (exchange, said) = odd(change);
        assert!(said.len() == 1 && said[0].ends_with("; taken as not recorded"), "{change}: {said:?}");
        exchange
    };
    for content in
        [json!(""), json!(-1), json!([]), json!({ "text": "*", "encoding": "base64" }), json!({ "encoding": "gzip" })]
    {
        let exchange = without(&json!({ "response": { "content": content } }));
        let body = exchange.response.unwrap().body;
        assert_eq!((body.end, body.bytes.len()), (BodyEnd::NotRecorded, 0), "{content}");
        assert_eq!(exchange.request, as_it_is.request);
    }
    for response in
        [json!(""), json!(7), json!({ "status": 99 }), json!({ "status": "fine" }), json!({ "status": [] , "x": 1})]
    {
        if response["status"].is_array() {
            // Nothing says that there was an answer.
            assert_eq!(odd(&json!({ "response": response })).0.response, None);
            continue;
        }
        let exchange = without(&json!({ "response": response }));
        assert_eq!((exchange.response, exchange.failure), (None, None), "{response}");
    }
    let exchange = without(&json!({ "startedDateTime": "yesterday" }));
    assert_eq!(exchange.started, "2026-11-24T08:00:00Z".parse().unwrap(), "that of the entry before");
    let fields = json!([{ "name": "Host", "value": "a.example" }, { "name": "Authorization", "value": null }]);
    let exchange = without(&json!({ "request": { "headers": fields } }));
    assert_eq!(exchange.request.headers.1, OmittedFields::Unlisted);
    assert!(!exchange.request.headers.is_recorded("authorization"));
    let exchange = without(&json!({ "request": { "postData": [1] } }));
    assert_eq!(exchange.request.body, Body::not_recorded(2));
}

#[test]
fn text_that_is_almost_json_is_read() {
    let entry = |text: &str, header: &str, rest: &str| {
        format!(
            r#"{{"request": {{"method": "GET", "url": "https://a.example/x", "headers": [{{"name": "X-Note", "value": "{header}"}}]}},
                "response": {{"status": 200, "headers": [{{"name": "a", "value": "b"}}], "content": {{"text": "{text}"}}}}{rest}}}"#
        )
    };
    // Half a surrogate pair is JSON.
    for (text, header, rest, legal) in [
        (r#"{\"name\":\"\ud83d\"}"#, "", "", true),
        ("{}", r"\udc00", "", true),
        ("{}", "", r#", "time": NaN"#, false),
        ("{}", "", ",", false),
        ("{\t}", "", "", false),
    ] {
        let odd = entry(text, header, rest);
        let (exchanges, said) = with_odd(&odd);
        assert_eq!((exchanges.len(), said.is_empty()), (3, legal), "{odd}: {said:?}");
        let body = &exchanges[1].response.as_ref().unwrap().body;
        assert!(body.end == BodyEnd::Complete && body.bytes.starts_with(b"{"), "{body:?}");
    }
    // A member twice: the last one counts.
    let twice = entry("{}", "", r#", "response": {"status": 404}"#);
    assert_eq!(with_odd(&twice).0[1].response.as_ref().unwrap().status, 404);
}

#[test]
fn lists_of_entries_in_every_form() {
    let entry =
        r#"{"startedDateTime": "2026-11-24T08:00:00Z", "request": {"method": "GET", "url": "https://a.example/x"}}"#;
    let named = |name: &str, version: u32| format!(r#"{{"name": "{name}", "version": {version}}}"#);
    for text in [
        format!("[{entry}]"),
        format!("{{\"entries\": [{entry}]}}"),
        format!("{{\"log\": [{entry}]}}"),
        format!("{{\"log\": {{\"pages\": null, \"version\": null, \"entries\": [{entry}]}}}}"),
        format!("{{\"log\": {{\"creator\": \"x\", \"browser\": 7, \"entries\": [{entry},]}}}}"),
        format!("{{\"log\": {{\"creator\": {}, \"_umpire\": \"\", \"entries\": [{entry}],}},}}", named("x", 1)),
        format!("\u{feff}{{\"log\": {{\"entries\": [{entry}]}}}}\0\0\0"),
    ] {
        let (_, exchanges) =
            har::read(Path::new("x.har"), text.as_bytes()).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(exchanges.len(), 1, "{text}");
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("utf16.har");
    let text = format!("\u{feff}{{\"log\": {{\"entries\": [{entry}]}}}}");
    std::fs::write(&file, text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>()).unwrap();
    assert_eq!(capture::open(&file).unwrap().exchanges.count(), 1);
}

/// What stands before the place where a file is damaged is given out, and then the damage.
#[test]
fn a_damaged_file_is_read_as_far_as_it_goes() {
    let entry =
        r#"{"startedDateTime": "2026-11-24T08:00:00Z", "request": {"method": "GET", "url": "https://a.example/x"}}"#;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("x.har");
    for (text, words) in [
        (format!("{{\"log\": {{\"entries\": [{entry}, {entry}, {{\"request\": {{"), "is cut off in entry 3"),
        (format!("{{\"log\": {{\"entries\": [{entry}, {entry}"), "is cut off in entry 2"),
        (format!("{{\"log\": {{\"entries\": [{entry}, {entry}]}}}} {{\"log\": "), "(expected the end of the file)"),
        (format!("{{\"log\": {{\"entries\": [{entry}, {entry}], \"x\" 7}}}}"), "(expected a colon)"),
    ] {
        std::fs::write(&file, &text).unwrap();
        let read: Vec<_> = capture::open(&file).unwrap().exchanges.collect();
        assert_eq!(read.len(), 3, "{text}");
        assert!(read[0].is_ok() && read[1].is_ok(), "{text}");
        let error = read[2].as_ref().unwrap_err().to_string();
        assert!(error.contains(words), "{text}: {error}");
    }
}

/// A browser's file in which no request has credentials and no message has cookies: they were taken out.
#[test]
fn credentials_that_a_browser_leaves_out_are_not_recorded() {
    let file = |creator: &Value, extra: &Value| {
        let mut entry = json!({
            "startedDateTime": "2026-11-24T08:00:00Z",
            "request": { "method": "GET", "url": "https://a.example/x", "cookies": [], "headers": [{ "name": "Host", "value": "a.example" }] },
            "response": { "status": 200, "headers": [{ "name": "Server", "value": "x" }] }
        });
        let first = entry.clone();
        merge(&mut entry, extra);
        json!({ "log": { "entries": [first, entry], "creator": creator } })
    };
    let chrome = json!({ "name": "WebInspector", "version": "537.36" });
    let omitted = |creator: &Value, extra: &Value| {
        let exchanges = read(&file(creator, extra)).unwrap();
        let response = exchanges[0].response.as_ref().unwrap();
        (exchanges[0].request.headers.1, response.headers.1)
    };
    let left_out = (OmittedFields::Credentials, OmittedFields::Credentials);
    let all_there = (OmittedFields::Nothing, OmittedFields::Nothing);
    assert_eq!(omitted(&chrome, &json!({})), left_out);
    assert_eq!(omitted(&json!({ "name": "Firefox" }), &json!({})), left_out);
    assert_eq!(omitted(&json!({ "name": "x", "comment": "sanitized" }), &json!({})), left_out);
    assert_eq!(omitted(&json!({ "name": "mitmproxy" }), &json!({})), all_there);
    let host = json!({ "name": "Host", "value": "a.example" });
    for extra in [
        json!({ "request": { "headers": [host, { "name": "authorization", "value": "Bearer x" }] } }),
        json!({ "request": { "headers": [host, { "name": "Cookie", "value": "a=1" }] } }),
        json!({ "request": { "cookies": [{ "name": "a", "value": "1" }] } }),
        json!({ "response": { "headers": [{ "name": "Set-Cookie", "value": "a=1" }] } }),
        json!({ "response": { "cookies": [{ "name": "a", "value": "1" }] } }),
    ] {
        assert_eq!(omitted(&chrome, &extra), all_there, "{extra}");
    }
    // Provisional header fields of a browser are not those that were sent.
    let provisional = json!({ "request": { "headers": [{ "name": "User-Agent", "value": "x" }] } });
    let exchanges = read(&file(&chrome, &provisional)).unwrap();
    assert_eq!(exchanges[1].request.headers.1, OmittedFields::Unlisted);
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
        ("{\"log\": {\"entries\": [{]}}", "is damaged in entry 1"),
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
