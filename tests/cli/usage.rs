//! Usage: exit statuses, and one clear message for each bad input.

use std::fs;
use std::path::Path;

use crate::support::{FAULTY, GOLDEN, file, refused, status, stderr, stdout, umpire};

#[test]
fn exit_statuses_of_check() {
    assert_eq!(status(&umpire(&["check", GOLDEN])), 0);
    assert_eq!(status(&umpire(&["check", FAULTY])), 1);
    assert_eq!(status(&umpire(&["check", GOLDEN, FAULTY])), 1);
    assert_eq!(status(&umpire(&["check", FAULTY, "--fail-on", "never"])), 0);
    assert_eq!(status(&umpire(&["check", GOLDEN, "--fail-on", "warning"])), 0);
}

#[test]
fn bad_recordings_are_named_and_never_green() {
    let folder = tempfile::tempdir().expect("a folder");
    let whole = fs::read(GOLDEN).expect("the golden recording");
    let cases: [(&str, Vec<u8>); 6] = [
        ("empty.har", Vec::new()),
        ("text.har", b"hello".to_vec()),
        ("other.har", b"{\"log\": 1}".to_vec()),
        ("none.har", br#"{"log":{"version":"1.2","entries":[]}}"#.to_vec()),
        ("entry.har", br#"{"log":{"version":"1.2","entries":[{"request":{"method":"PUT"}}]}}"#.to_vec()),
        ("cut.har", whole[..whole.len() / 2].to_vec()),
    ];
    for (name, content) in cases {
        let path = file(folder.path(), name, content);
        refused(&["check", &path], &[name]);
        refused(&["view", "--ui", "plain", &path], &[name]);
        let output = folder.path().join("out.db").display().to_string();
        refused(&["capture", "import", &path, "-o", &output], &[name]);
        assert!(!Path::new(&output).exists(), "{name} left a half-written file");
    }
    refused(&["check", "no-such-file.har"], &["no-such-file.har"]);
    refused(&["check", GOLDEN, "no-such-file.har"], &["no-such-file.har"]);
}

#[test]
fn wrong_usage() {
    refused(&["check"], &["FILE"]);
    refused(&["check", "--frmat", "json", GOLDEN], &["--frmat"]);
    refused(&["proxy"], &["--to"]);
    for uri in ["booking.example.com", "ftp://booking.example.com", "https://", "https://booking.example.com/api?x=1"] {
        refused(&["proxy", "--to", uri], &[uri]);
    }
    refused(&["proxy", "--to", "http://127.0.0.1:9/api", "--listen", "nowhere"], &["nowhere"]);
    refused(&["sandbox", "--misbehave", "nonsense"], &["nonsense", "accepts-missing-customer"]);
    refused(&["rules", "explain", "agent-broker/customer"], &["agent-broker/customer-required"]);
}

#[test]
fn a_busy_port_is_said() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("its address").to_string();
    let folder = tempfile::tempdir().expect("a folder");
    let capture = folder.path().join("x.db").display().to_string();
    let to = "http://127.0.0.1:9/api";
    refused(
        &["proxy", "--to", to, "--listen", &address, "--capture", &capture, "--ui", "plain"],
        &[&address, "--listen"],
    );
    assert!(!Path::new(&capture).exists());
    refused(&["sandbox", "--listen", &address], &[&address, "--listen"]);
}

#[test]
fn a_capture_is_never_written_over() {
    let folder = tempfile::tempdir().expect("a folder");
    let there = file(folder.path(), "there.db", "mine");
    refused(
        &["proxy", "--to", "http://127.0.0.1:9/api", "--listen", "127.0.0.1:0", "--capture", &there],
        &["there.db"],
    );
    refused(&["capture", "import", GOLDEN, "-o", &there], &["there.db"]);
    assert_eq!(fs::read(&there).expect("still there"), b"mine");
}

#[test]
fn the_demo_runs_once_and_ends_with_a_summary() {
    let folder = tempfile::tempdir().expect("a folder");
    let capture = folder.path().join("demo.db").display().to_string();
    let output = umpire(&["demo", "--ui", "plain", "--pace", "0", "--capture", &capture]);
    assert_eq!(status(&output), 0, "{}", stderr(&output));
    let text = stdout(&output);
    assert!(text.contains("agent-broker/missing-customer-error") && text.contains("bookings"), "{text}");
}
