//! Recordings on their way through the command line.

use std::fs;

use super::support::{FAULTY, GOLDEN, file, refused, status, stderr, stdout, umpire};

#[test]
fn a_recording_goes_to_a_capture_and_back() {
    let folder = tempfile::tempdir().expect("a folder");
    let (db, har) =
        (folder.path().join("x.db").display().to_string(), folder.path().join("x.har").display().to_string());
    assert_eq!(status(&umpire(&["capture", "convert", FAULTY, "-o", &db])), 0);
    assert_eq!(status(&umpire(&["capture", "export", &db, "-o", &har, "--keep-personal-data"])), 0);
    let findings = |file: &str| {
        let report: serde_json::Value =
            serde_json::from_slice(&umpire(&["check", file, "--format", "json"]).stdout).expect("JSON");
        report["findings"]
            .as_array()
            .expect("findings")
            .iter()
            .map(|f| format!("{} {} {} {}", f["exchange"], f["rule"], f["pointer"], f["seen"]))
            .collect::<Vec<_>>()
    };
    let original = findings(FAULTY);
    assert!(!original.is_empty());
    assert_eq!(findings(&db), original);
    assert_eq!(findings(&har), original);
    let viewed = umpire(&["view", &db, "--ui", "plain"]);
    assert_eq!(status(&viewed), 0);
    assert!(stdout(&viewed).contains("agent-broker/customer-required"));
}

/// A HAR file of another tool holds what was sent; nothing of it may reach the screen or a file of ours.
#[test]
fn secrets_of_a_foreign_recording_are_not_shown() {
    let folder = tempfile::tempdir().expect("a folder");
    let golden = fs::read_to_string(GOLDEN).expect("the golden recording");
    let mut har: serde_json::Value = serde_json::from_str(&golden).expect("JSON");
    let secret = "s3cr3t-that-nobody-may-see";
    for entry in har["log"]["entries"].as_array_mut().expect("entries") {
        let headers = entry["request"]["headers"].as_array_mut().expect("headers");
        headers.retain(|header| !header["name"].as_str().unwrap_or_default().eq_ignore_ascii_case("authorization"));
        headers.push(serde_json::json!({ "name": "Authorization", "value": format!("Bearer {secret}") }));
    }
    let path = file(folder.path(), "foreign.har", har.to_string());
    let db = folder.path().join("foreign.db").display().to_string();
    let exported = folder.path().join("exported.har").display().to_string();
    for arguments in [
        vec!["check", &path, "--format", "json", "--fail-on", "never"],
        vec!["check", &path, "--fail-on", "never"],
        vec!["view", &path, "--ui", "plain"],
        vec!["view", &path, "--ui", "json"],
        vec!["capture", "convert", &path, "-o", &db],
        vec!["capture", "export", &path, "-o", &exported],
    ] {
        let output = umpire(&arguments);
        assert_eq!(status(&output), 0, "{arguments:?}: {}", stderr(&output));
        assert!(!stdout(&output).contains(secret) && !stderr(&output).contains(secret), "{arguments:?}");
    }
    for written in [&db, &exported] {
        let bytes = fs::read(written).expect("written");
        assert!(!bytes.windows(secret.len()).any(|window| window == secret.as_bytes()), "{written}");
    }
}

/// One odd entry is left out or read in part, wherever a recording is read, and it is said.
#[test]
fn one_exchange_is_shown_by_its_number() {
    let folder = tempfile::tempdir().expect("a folder");
    let capture = folder.path().join("a.db").display().to_string();
    assert_eq!(status(&umpire(&["capture", "convert", FAULTY, "-o", &capture])), 0);
    for file in [FAULTY, &capture] {
        let output = umpire(&["capture", "show", file, "7"]);
        let text = stdout(&output);
        assert_eq!(status(&output), 0, "{}", stderr(&output));
        assert!(text.starts_with("exchange 7 · 20"), "{text}");
        for line in ["HTTP/1.1 200 OK", "content-type: ", "  \"@type\": \"OrderQuote\"", "\n\nHTTP/1.1", "\n\n{\n  \""]
        {
            assert!(text.contains(line), "{file}: {line:?} is not in\n{text}");
        }
        refused(&["capture", "show", file, "9999"], &[file, "no exchange 9999; it holds "]);
        refused(&["capture", "show", file, "0"], &["0 is not in 1.."]);
    }
}

#[test]
fn what_is_shown_can_not_steer_a_terminal() {
    let folder = tempfile::tempdir().expect("a folder");
    let line = serde_json::json!({"log": {"version": "1.2", "creator": {"name": "x", "version": "1"}, "entries": [{
        "startedDateTime": "2026-01-01T00:00:00Z", "time": 1, "cache": {}, "timings": {"send": 0, "wait": 1, "receive": 0},
        "request": {"method": "GET", "url": "http://a.example/x", "httpVersion": "HTTP/1.1", "cookies": [], "queryString": [],
            "headers": [{"name": "X-Evil", "value": "a\u{1b}[2Jb"}], "headersSize": -1, "bodySize": 0},
        "response": {"status": 200, "statusText": "OK", "httpVersion": "HTTP/1.1", "cookies": [], "headers": [], "redirectURL": "",
            "headersSize": -1, "bodySize": 9, "content": {"size": 9, "mimeType": "text/plain", "text": "c\u{1b}]0;d\u{202e}e"}},
    }]}});
    let har = file(folder.path(), "evil.har", line.to_string());
    let output = umpire(&["capture", "show", &har, "1"]);
    let text = stdout(&output);
    assert_eq!(status(&output), 0, "{}", stderr(&output));
    assert!(text.contains("a\\u001b[2Jb") && text.contains("c\\u001b]0;d\\u202ee"), "{text}");
    assert!(text.chars().all(|character| character == '\n' || !character.is_control()) && !text.contains('\u{202e}'));
}

#[test]
fn odd_entries_are_said_and_the_rest_is_used() {
    let folder = tempfile::tempdir().expect("a folder");
    let entry = |path: &str, text: &str| {
        serde_json::json!({ "startedDateTime": "2026-11-24T08:00:00Z", "time": 5,
            "request": { "method": "GET", "url": format!("https://a.example{path}"), "headers": [{ "name": "Host", "value": "a.example" }] },
            "response": { "status": 200, "headers": [{ "name": "Content-Type", "value": "application/json" }],
                "content": { "size": 2, "mimeType": "application/json", "text": text, "encoding": "base64" } } })
    };
    let entries = [
        entry("/first", "e30="),
        serde_json::Value::Null,
        entry("/odd", "{}"),
        serde_json::json!({ "request": { "method": "CONNECT", "url": "a.example:443" } }),
        serde_json::Value::Null,
        entry("/cut", "*"),
        entry("/last", "e30="),
    ];
    let har = serde_json::json!({ "log": { "entries": entries } }).to_string();
    let path = file(folder.path(), "odd.har", har);
    let expected = [
        "2 entries, the first is entry 2: it is null; left out",
        "entry 4: CONNECT opens a tunnel and is no exchange of its own; left out",
        "entry 6: its response body is marked as base64 and is none; taken as not recorded",
        "entry 3: its response body is marked as base64 and is none; read as text",
    ];
    let checked = umpire(&["check", &path]);
    assert_eq!(status(&checked), 0, "{}", stderr(&checked));
    let text = stdout(&checked);
    let first: Vec<&str> = text.lines().take(6).map(str::trim).collect();
    assert!(first[0].contains("no call of the booking API among 4 exchanges; seen: GET /first"), "{text}");
    assert!(first[1].ends_with("odd.har: 4 exchanges, 0 bookings: nothing could be judged"), "{text}");
    assert_eq!(first[2..], expected, "{text}");
    let report = umpire(&["check", &path, "--format", "json"]);
    let report: serde_json::Value = serde_json::from_slice(&report.stdout).expect("JSON");
    assert_eq!(report["summary"]["odd"], serde_json::json!({ "left-out": 3, "mended": 1, "not-recorded": 1 }));
    let first = &report["files"][0]["odd"][0];
    assert_eq!(*first, serde_json::json!({ "what": "it is null", "outcome": "left-out", "count": 2, "first": 2 }));

    let name = |name: &str| folder.path().join(name).display().to_string();
    let (db, ndjson, merged, saved) = (name("x.db"), name("x.ndjson"), name("merged.har"), name("saved.har"));
    for arguments in [
        vec!["capture", "convert", &path, "-o", &db],
        vec!["capture", "export", &path, "-o", &ndjson],
        vec!["capture", "merge", &path, &db, "-o", &merged],
        vec!["capture", "search", &path, "first"],
    ] {
        let output = umpire(&arguments);
        assert_eq!(status(&output), 0, "{arguments:?}: {}", stderr(&output));
        for line in expected {
            assert!(stderr(&output).contains(&format!("odd.har: {line}")), "{arguments:?}: {}", stderr(&output));
        }
    }
    for arguments in
        [vec!["view", "--ui", "plain", &path], vec!["view", "--ui", "json", &path], vec!["capture", "info", &path]]
    {
        let output = umpire(&arguments);
        assert_eq!(status(&output), 0, "{arguments:?}: {}", stderr(&output));
        assert!(expected.iter().all(|line| stdout(&output).contains(line)), "{arguments:?}: {}", stdout(&output));
    }
    let verified = umpire(&["capture", "verify", &path, "--save", &saved]);
    assert_eq!(status(&verified), 1);
    assert!(expected.iter().all(|line| stdout(&verified).contains(line)), "{}", stdout(&verified));
    // What was taken as not recorded stays that in every format, and nothing is odd about it any more.
    for (file, exchanges) in [(&db, 4), (&ndjson, 4), (&merged, 8), (&saved, 4)] {
        let info = umpire(&["capture", "info", file, "--format", "json"]);
        let info: serde_json::Value = serde_json::from_slice(&info.stdout).expect("JSON");
        assert_eq!((&info[0]["exchanges"], &info[0]["odd"]), (&exchanges.into(), &serde_json::json!([])), "{file}");
        let viewed = stdout(&umpire(&["view", "--ui", "json", file]));
        let unknown =
            viewed.lines().filter(|line| line.contains("/cut") && line.contains("\"response_bytes\":2")).count();
        assert_eq!(unknown, exchanges / 4, "{file}: {viewed}");
    }
}
