//! Recordings of which little can be judged, and the numbers of exchanges.

use std::fs;

use serde_json::{Value, json};

use super::support::{FAULTY, GOLDEN, file, refused, report, status, stderr, stdout, umpire};

/// The golden recording as another program saves it, each entry changed.
fn foreign(change: impl Fn(&mut Value)) -> String {
    let mut har: Value = serde_json::from_slice(&fs::read(GOLDEN).expect("the recording")).expect("JSON");
    let log = har["log"].as_object_mut().expect("a log");
    log.insert("creator".to_owned(), json!({ "name": "WebInspector", "version": "537.36" }));
    log.remove("_umpire");
    for entry in log["entries"].as_array_mut().expect("entries") {
        entry.as_object_mut().expect("an entry").remove("_umpire");
        change(entry);
    }
    har.to_string()
}

/// As a browser saves it without content.
fn without_bodies() -> String {
    foreign(|entry| {
        let content = entry["response"]["content"].as_object_mut().expect("content");
        content.remove("text");
        content.remove("encoding");
        if let Some(body) = entry["request"].get_mut("postData").and_then(Value::as_object_mut) {
            body.remove("text");
        }
    })
}

#[test]
fn a_recording_without_bodies_is_not_green() {
    let folder = tempfile::tempdir().expect("a folder");
    let bare = file(folder.path(), "bare.har", without_bodies());
    let output = umpire(&["check", &bare]);
    let said = stdout(&output);
    let first = said.lines().next().expect("a line");
    assert!(first.contains(" passed, ") && first.contains("not judged: bodies are missing"), "{said}");
    assert!(first.ends_with("; save the HAR with content"), "{said}");
    assert!(!said.contains(": no findings\n"), "{said}");
    let json = report(&umpire(&["check", &bare, "--format", "json"]));
    let (passed, not_judged) = (json["summary"]["passed"].as_u64(), json["summary"]["not_judged"].as_u64());
    assert!(not_judged > passed && passed > Some(0), "{passed:?} {not_judged:?}");
    let reasons = json["reasons"].as_array().expect("reasons");
    let sum: u64 = reasons.iter().filter_map(|reason| reason["count"].as_u64()).sum();
    assert_eq!(Some(sum), not_judged, "all are counted");
    let of_rules: u64 =
        json["rules"].as_array().expect("rules").iter().filter_map(|rule| rule["not_judged"].as_u64()).sum();
    assert_eq!(Some(of_rules), not_judged);
    for reason in reasons {
        let because = reason["because"].as_str().expect("a reason");
        assert!(!because.contains("bytes"), "no sizes: {because}");
    }
    assert_eq!(status(&output), 0, "no finding, and nobody asked for more");
}

#[test]
fn a_share_may_be_asked_for() {
    let folder = tempfile::tempdir().expect("a folder");
    let bare = file(folder.path(), "bare.har", without_bodies());
    for (share, expected) in [("0.5", 1), ("50%", 1), ("100%", 0), ("1", 0)] {
        let output = umpire(&["check", &bare, "--fail-on-unjudged", share]);
        assert_eq!(status(&output), expected, "{share}: {}", stderr(&output));
        assert_eq!(stderr(&output).contains("--fail-on-unjudged"), expected == 1, "{}", stderr(&output));
    }
    assert_eq!(status(&umpire(&["check", GOLDEN, "--fail-on-unjudged", "5%"])), 0);
    for wrong in ["1.5", "half", "-1", "200%"] {
        let argument = format!("--fail-on-unjudged={wrong}");
        refused(&["check", GOLDEN, &argument], &[wrong, "0 to 1", "50%"]);
    }
}

#[test]
fn a_recording_of_something_else_says_what_it_holds() {
    let folder = tempfile::tempdir().expect("a folder");
    let other = foreign(|entry| {
        let path = if entry["request"]["method"] == "GET" { "/pages/home" } else { "/v1/basket" };
        entry["request"]["url"] = format!("https://shop.example.com{path}").into();
        entry["request"]["headers"] = json!([]);
        entry["response"]["headers"] = json!([{ "name": "Content-Type", "value": "text/plain" }]);
        entry["response"]["content"] = json!({ "size": 2, "mimeType": "text/plain", "text": "ok" });
        entry["request"].as_object_mut().expect("a request").remove("postData");
    });
    let other = file(folder.path(), "other.har", other);
    let output = umpire(&["check", &other]);
    let first = stdout(&output).lines().next().expect("a line").to_owned();
    assert!(first.contains("no call of the booking API among 36 exchanges; seen: "), "{first}");
    assert!(first.contains("PUT /v1/basket") && first.ends_with("--base-uri says where the booking API is"), "{first}");
    assert_eq!(status(&umpire(&["check", &other, "--fail-on-unjudged", "0.9"])), 1);
    let named = umpire(&["check", &other, "--base-uri", "https://shop.example.com/api"]);
    let first = stdout(&named).lines().next().expect("a line").to_owned();
    assert!(first.contains("lies under the Base URI https://shop.example.com/api"), "{first}");
}

#[test]
fn people_are_told_numbers_from_1() {
    let output = umpire(&["check", FAULTY, "--format", "json"]);
    for finding in report(&output)["findings"].as_array().expect("findings") {
        let (index, number) = (finding["exchange"].as_u64(), finding["number"].as_u64());
        assert_eq!(index.map(|index| index + 1), number);
    }
    let first = umpire(&["capture", "search", GOLDEN, "order-quotes", "--limit", "1"]);
    let json = umpire(&["capture", "search", GOLDEN, "order-quotes", "--limit", "1", "--format", "json"]);
    let hit: Value = serde_json::from_str(stdout(&json).trim()).expect("a hit");
    assert_eq!(hit["exchange"].as_u64().map(|index| index + 1), hit["number"].as_u64());
    let number = hit["number"].to_string();
    assert!(stdout(&first).trim_start().starts_with(&format!("{number}  ")), "{}", stdout(&first));
}
