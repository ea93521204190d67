//! Unknown is not empty: what a recording doesn't hold is never a finding, and stays unknown in every format.
//!
//! `recording of the project, as another program would have written it ─► gaps made ─► judged: nothing new is found`

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, LazyLock};

use serde_json::{Value, json};
use umpire::capture::{self, Meta, RecordingWriter, har};
use umpire::exchange::{BodyEnd, Exchange, OmittedFields};
use umpire::redact::Redactor;
use umpire::rules::{BookingSystemInfo, Judge, RuleBook};

static BOOK: LazyLock<Arc<RuleBook>> =
    LazyLock::new(|| Arc::new(RuleBook::built_in().expect("the built-in rules load")));

/// A recording of the project without what only Umpire writes.
fn foreign(name: &str) -> Value {
    let text = std::fs::read_to_string(format!("captures/{name}.har")).expect("a recording");
    let mut har: Value = serde_json::from_str(&text).expect("JSON");
    let log = har["log"].as_object_mut().expect("a log");
    log.remove("_umpire");
    log.insert("creator".to_owned(), json!({ "name": "another", "version": "1" }));
    for entry in har["log"]["entries"].as_array_mut().expect("entries") {
        entry.as_object_mut().expect("an entry").remove("_umpire");
    }
    har
}

fn entries(har: &mut Value) -> &mut Vec<Value> {
    har["log"]["entries"].as_array_mut().expect("entries")
}

fn read(har: &Value) -> Vec<Exchange> {
    let (_, exchanges) = har::read(Path::new("x.har"), har.to_string().as_bytes()).expect("a recording");
    let redactor = Redactor::new().expect("a redactor");
    exchanges.into_iter().map(|exchange| redactor.redact(exchange)).collect()
}

/// What judging says: a line for each finding, each reason for "not judged", and how much passed.
#[derive(Debug, Default, PartialEq)]
struct Said {
    /// Rule and side.
    found: BTreeSet<(String, String)>,
    not_judged: Vec<(String, String)>,
    passed: u64,
}

fn judge(exchanges: Vec<Exchange>) -> Said {
    let mut judge = Judge::new(Arc::clone(&BOOK), BookingSystemInfo::default());
    let mut said = Said::default();
    for exchange in exchanges {
        let judged = judge.judge(Arc::new(exchange));
        said.passed += u64::from(judged.passed);
        said.found.extend(judged.findings.iter().map(|f| (f.rule.id.clone(), f.rule.side.as_str().to_owned())));
        said.not_judged.extend(judged.not_judged.iter().map(|not| (not.rule.to_string(), not.because.to_string())));
    }
    said
}

/// A way in which an entry lacks something.
type Gap = (&'static str, fn(&mut Value));

const GAPS: [Gap; 15] = [
    ("no text of the answer, size -1", |entry| {
        without_text(&mut entry["response"]["content"], Some(-1));
        entry["response"]["bodySize"] = json!(-1);
    }),
    ("no text of the answer, no size", |entry| {
        without_text(&mut entry["response"]["content"], None);
        remove(&mut entry["response"], "bodySize");
    }),
    ("no text of the answer, size 0, and a length in its header", |entry| {
        let length = without_text(&mut entry["response"]["content"], Some(0));
        entry["response"]["bodySize"] = json!(0);
        push_length(&mut entry["response"], length);
    }),
    ("the text of the answer is cut base64", |entry| {
        let content = &mut entry["response"]["content"];
        if without_text(content, None) > 0 {
            *content = json!({ "text": "eyJhIjogMX0=*", "encoding": "base64" });
        }
    }),
    ("no text of the request, size -1", |entry| {
        without_text(&mut entry["request"]["postData"], None);
        entry["request"]["bodySize"] = json!(-1);
    }),
    ("no request body, size 0, and a length in its header", |entry| {
        let length = without_text(&mut entry["request"]["postData"], None);
        remove(&mut entry["request"], "postData");
        entry["request"]["bodySize"] = json!(0);
        push_length(&mut entry["request"], length);
    }),
    ("no header fields", without_headers),
    ("no header fields, media types without parameters", |entry| {
        without_headers(entry);
        for media_type in media_types(entry) {
            let bare = media_type.as_str().and_then(|text| text.split(';').next()).unwrap_or_default().to_owned();
            *media_type = json!(bare);
        }
    }),
    ("no header fields, no media types", |entry| {
        without_headers(entry);
        for media_type in media_types(entry) {
            *media_type = Value::Null;
        }
    }),
    ("no response", |entry| entry["response"] = Value::Null),
    ("status 0", |entry| entry["response"] = json!({ "status": 0 })),
    ("the text of the answer is cut off, and a length is in its header", |entry| {
        let length = cut_text(&mut entry["response"]["content"]);
        entry["response"]["bodySize"] = json!(-1);
        push_length(&mut entry["response"], length);
    }),
    ("the text of the request is cut off, and its size is not", |entry| {
        let length = cut_text(&mut entry["request"]["postData"]);
        if length > 0 {
            entry["request"]["bodySize"] = json!(length);
        }
    }),
    ("something stands in the place of the texts, and their lengths are in their headers", |entry| {
        for (message, content) in [("request", "postData"), ("response", "content")] {
            let length = without_text(&mut entry[message][content], None);
            if length > 0 {
                entry[message][content]["text"] = json!("REDACTED");
                push_length(&mut entry[message], length);
            }
        }
    }),
    ("one header field of the answer", |entry| {
        if entry["response"]["content"]["mimeType"].as_str().is_some_and(|media_type| media_type.contains("json")) {
            entry["response"]["headers"] = json!([{ "name": "Server", "value": "nginx" }]);
        }
    }),
];

/// Takes away the second half of a text, and says that nothing is known of its size; its length before.
fn cut_text(content: &mut Value) -> usize {
    let Some(text) = content["text"].as_str().map(str::to_owned) else { return 0 };
    without_text(content, None);
    let half = (0..=text.len() / 2).rev().find(|&at| text.is_char_boundary(at)).unwrap_or_default();
    content["text"] = json!(text[..half]);
    text.len()
}

fn remove(object: &mut Value, key: &str) -> Option<Value> {
    object.as_object_mut()?.remove(key)
}

/// Takes out a text; its length.
fn without_text(content: &mut Value, size: Option<i64>) -> usize {
    let text = remove(content, "text");
    if content.is_object() {
        remove(content, "encoding");
        remove(content, "size");
        content["size"] = size.map_or(Value::Null, Value::from);
    }
    text.and_then(|text| text.as_str().map(str::len)).unwrap_or_default()
}

fn push_length(message: &mut Value, length: usize) {
    let fields = message["headers"].as_array_mut().expect("header fields");
    let is_length =
        |field: &Value| field["name"].as_str().is_some_and(|name| name.eq_ignore_ascii_case("content-length"));
    if length > 0 && !fields.iter().any(is_length) {
        fields.push(json!({ "name": "Content-Length", "value": length.to_string() }));
    }
}

fn without_headers(entry: &mut Value) {
    for message in ["request", "response"] {
        entry[message]["headers"] = json!([]);
    }
}

fn media_types(entry: &mut Value) -> Vec<&mut Value> {
    let object = entry.as_object_mut().expect("an entry");
    let contents = object.iter_mut().filter_map(|(key, message)| match key.as_str() {
        "request" => message.get_mut("postData"),
        "response" => message.get_mut("content"),
        _ => None,
    });
    contents.filter_map(|content| content.get_mut("mimeType")).collect()
}

/// Leaves requests that were never answered as they are: nothing of them is missing.
fn was_answered(entry: &Value) -> bool {
    entry["response"]["status"].as_u64().is_some_and(|status| status > 0)
}

fn with_gap(har: &Value, gap: fn(&mut Value), of: impl Fn(usize) -> bool) -> Value {
    let mut har = har.clone();
    for (index, entry) in entries(&mut har).iter_mut().enumerate() {
        if of(index) && was_answered(entry) {
            gap(entry);
        }
    }
    har
}

#[test]
fn a_recording_without_faults_has_none_whatever_it_lacks() {
    let golden = foreign("golden");
    let whole = judge(read(&golden));
    assert_eq!(whole.found, BTreeSet::new());
    for (name, gap) in GAPS {
        let said = judge(read(&with_gap(&golden, gap, |_| true)));
        assert_eq!(said.found, BTreeSet::new(), "{name}, of all entries");
        assert!(said.passed < whole.passed && said.not_judged.len() > whole.not_judged.len(), "{name}");
        let count = golden["log"]["entries"].as_array().map_or(0, Vec::len);
        for one in (0..count).step_by(7) {
            let said = judge(read(&with_gap(&golden, gap, |index| index == one)));
            assert_eq!(said.found, BTreeSet::new(), "{name}, of entry {one}");
        }
    }
}

#[test]
fn a_recording_with_faults_has_no_others_for_what_it_lacks() {
    let faulty = foreign("faulty");
    let whole = judge(read(&faulty));
    assert!(whole.found.len() > 30);
    for (name, gap) in GAPS {
        for (some, step) in [("all", 1), ("every third", 3)] {
            let said = judge(read(&with_gap(&faulty, gap, |index| index % step == 0)));
            // A general rule speaks of a fault where the narrower one, which needs the other message, can't.
            let is_general = |rule: &str| rule == "json-ld/response-required-properties";
            let new: Vec<_> = said.found.difference(&whole.found).filter(|(rule, ..)| !is_general(rule)).collect();
            assert!(new.is_empty(), "{name}, of {some}: {new:?}");
        }
    }
}

/// As a browser exports it by default.
fn sanitised(har: &Value, creator: &str) -> Value {
    let mut har = har.clone();
    har["log"]["creator"]["name"] = json!(creator);
    for entry in entries(&mut har) {
        for message in ["request", "response"] {
            entry[message]["cookies"] = json!([]);
            let Some(fields) = entry[message]["headers"].as_array_mut() else { continue };
            let name = |field: &Value| field["name"].as_str().unwrap_or_default().to_ascii_lowercase();
            fields.retain(|field| !matches!(name(field).as_str(), "authorization" | "cookie" | "set-cookie"));
            if message == "request" && !fields.iter().any(|field| name(field) == "host") {
                fields.push(json!({ "name": "Host", "value": "a.example" }));
            }
        }
    }
    har
}

#[test]
fn credentials_that_were_taken_out_are_not_missing() {
    let golden = foreign("golden");
    let said = judge(read(&sanitised(&golden, "WebInspector")));
    assert_eq!(said.found, BTreeSet::new());
    let reasons = |said: &Said, rule: &str| said.not_judged.iter().filter(|(of, _)| of == rule).count();
    for rule in ["auth/credentials-present", "auth/missing-credentials-error"] {
        assert!(reasons(&said, rule) > 5, "{rule}");
    }
    // What is not about credentials is judged as before.
    let whole = judge(read(&golden));
    assert!(said.passed > whole.passed * 9 / 10, "{} of {}", said.passed, whole.passed);
    // Another program's file says that there were none.
    let said = judge(read(&sanitised(&golden, "mitmproxy")));
    assert!(said.found.contains(&("auth/credentials-present".to_owned(), "broker".to_owned())), "{:?}", said.found);
}

#[test]
fn what_is_there_is_used() {
    let golden = foreign("golden");
    let whole = judge(read(&golden));
    let (_, gap) = GAPS[6];
    let har = with_gap(&golden, gap, |_| true);
    let exchanges = read(&har);
    let with_body = exchanges.iter().filter(|exchange| !exchange.request.body.is_empty());
    assert!(with_body.clone().count() > 10);
    for exchange in with_body {
        assert_eq!(exchange.request.headers.1, OmittedFields::Unlisted);
        assert!(exchange.request.headers.get("content-type").is_some(), "mimeType tells it");
    }
    // The bodies are all there.
    let said = judge(exchanges);
    assert!(said.passed > whole.passed * 9 / 10, "{} of {}", said.passed, whole.passed);
    let because: BTreeSet<&str> = said.not_judged.iter().map(|(_, because)| because.as_str()).collect();
    assert!(because.contains("the header fields of the request were not recorded"), "{because:?}");
    // A wrong media type is one, whatever else is missing.
    let mut wrong = har;
    for entry in entries(&mut wrong) {
        if entry["request"]["method"] == "PUT" {
            entry["response"]["content"]["mimeType"] = json!("text/plain");
        }
    }
    let said = judge(read(&wrong));
    assert!(said.found.contains(&("headers/response-content-type".to_owned(), "booking-system".to_owned())));
}

#[test]
fn a_gap_stays_one_in_every_format() {
    let golden = foreign("golden");
    let mut har = golden.clone();
    for (index, entry) in entries(&mut har).iter_mut().enumerate() {
        if was_answered(entry) {
            GAPS[index % GAPS.len()].1(entry);
        }
    }
    let exchanges = read(&har);
    let gaps = exchanges.iter().filter(|exchange| exchange.request.body.end == BodyEnd::NotRecorded).count();
    assert!(gaps > 1 && exchanges.iter().any(|exchange| exchange.request.headers.1 != OmittedFields::Nothing));
    let expected = judge(exchanges.clone());
    let folder = tempfile::tempdir().expect("a folder");
    let meta = Meta::new(None, exchanges[0].started);
    for name in ["x.db", "x.har", "x.har.gz", "x.ndjson"] {
        let file = folder.path().join(name);
        let mut output = RecordingWriter::create(&file, &meta, false).expect("a file");
        for exchange in &exchanges {
            output.append(exchange).expect("appended");
        }
        output.finish().expect("finished");
        let recording = capture::open(&file).expect("a recording");
        let read: Vec<Exchange> = recording.exchanges.map(|exchange| exchange.expect("an exchange")).collect();
        assert!(read == exchanges, "{name}");
        assert!(recording.oddities.is_empty(), "{name}");
        assert_eq!(judge(read), expected, "{name}");
    }
    // Other programs see no text, and a size that means unknown where it is.
    let text = std::fs::read_to_string(folder.path().join("x.har")).expect("a text");
    let har: Value = serde_json::from_str(&text).expect("JSON");
    let mut missing = 0;
    for (exchange, entry) in exchanges.iter().zip(har["log"]["entries"].as_array().expect("entries")) {
        let Some(response) = exchange.response.as_ref().filter(|it| it.body.end == BodyEnd::NotRecorded) else {
            continue;
        };
        let size = response.body.known_length().map_or(json!(-1), Value::from);
        let content = &entry["response"]["content"];
        assert_eq!((&content["size"], content.get("text")), (&size, None));
        missing += 1;
    }
    assert!(missing > 1, "{missing}");
}
