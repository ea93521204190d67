//! What earlier versions wrote is still read: recordings in each format, a file of known findings, a report.
//!
//! `versions/0.1.0/` was written by that version, and shortened: never change what lies there, add a folder. The capture
//! stands there as SQL.

use std::fs;
use std::path::Path;

use serde_json::Value;

use super::support::{report, status, stderr, umpire};

/// Rules that fire on the two exchanges of the recording.
const FIRE: [&str; 2] = ["no-broker/broker-absent", "reseller-broker/broker-required"];

/// The recording in each of the formats.
fn recordings(folder: &Path, version: &str) -> Vec<String> {
    let capture = folder.join("recording.db");
    let sql = fs::read_to_string(format!("{version}/recording.sql")).expect("the capture");
    rusqlite::Connection::open(&capture).expect("a file").execute_batch(&sql).expect("the capture is made");
    let capture = capture.display().to_string();
    vec![capture, format!("{version}/recording.har"), format!("{version}/recording.ndjson")]
}

#[test]
fn version_0_1_0() {
    const VERSION: &str = "tests/it/cli/versions/0.1.0";
    let folder = tempfile::tempdir().expect("a folder");
    let (known, other) = (format!("{VERSION}/known.toml"), format!("{VERSION}/report.json"));
    for recording in recordings(folder.path(), VERSION) {
        let verified = umpire(&["capture", "verify", &recording]);
        assert_eq!(status(&verified), 0, "{recording}: {}", stderr(&verified));

        let checked = umpire(&["check", &recording, "--format", "json", "--baseline", &known]);
        assert_ne!(status(&checked), 2, "{recording}: {}", stderr(&checked));
        let baseline = &report(&checked)["baseline"];
        assert_eq!(baseline["set_aside"], 2, "{recording}: {baseline}");
        let entries = baseline["entries"].as_array().expect("entries");
        let said = |at: usize, member: &str| entries[at][member].clone();
        assert_eq!([said(0, "rule"), said(1, "rule")], FIRE, "{recording}");
        assert_eq!([said(0, "state"), said(1, "state")], ["within", "within"], "{recording}");
        assert_eq!((said(0, "expires"), said(1, "reason")), ("2099-12-31".into(), "".into()), "{recording}");

        let compared = umpire(&["check", &recording, "--format", "json", "--compare", &other]);
        assert_ne!(status(&compared), 2, "{recording}: {}", stderr(&compared));
        let compared = report(&compared);
        assert_eq!(compared["not_judged"], Value::Array(vec![]), "{recording}");
        // Newer rules may find more, but what was found then is the same finding now.
        for list in ["new", "gone"] {
            let list = compared[list].as_array().expect("findings");
            assert!(
                list.iter().all(|finding| !FIRE.contains(&finding["rule"].as_str().unwrap_or_default())),
                "{list:?}"
            );
        }
        let earlier = &compared["rules"].as_array().expect("rules");
        let counts = |rule: &&Value| FIRE.contains(&rule["rule"].as_str().unwrap_or_default());
        assert_eq!(earlier.iter().find(counts), None, "{recording}: their counts are the same");
    }
}
