//! Recordings on their way through the command line.

use std::fs;

use crate::support::{FAULTY, GOLDEN, file, status, stderr, stdout, umpire};

#[test]
fn a_recording_goes_to_a_capture_and_back() {
    let folder = tempfile::tempdir().expect("a folder");
    let (db, har) =
        (folder.path().join("x.db").display().to_string(), folder.path().join("x.har").display().to_string());
    assert_eq!(status(&umpire(&["capture", "import", FAULTY, "-o", &db])), 0);
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
        vec!["capture", "import", &path, "-o", &db],
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
