//! Usage: exit statuses, and one clear message for each bad input.

use std::fs;
use std::io::Write as _;
use std::path::Path;
#[cfg(unix)]
use std::process::{Command, Stdio};

use super::support::{FAULTY, GOLDEN, file, refused, status, stderr, stdout, umpire};

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
    let cases: [(&str, Vec<u8>); 5] = [
        ("empty.har", Vec::new()),
        ("text.har", b"hello".to_vec()),
        ("other.har", b"{\"log\": 1}".to_vec()),
        ("none.har", br#"{"log":{"version":"1.2","entries":[]}}"#.to_vec()),
        ("entry.har", br#"{"log":{"version":"1.2","entries":[{"request":{"method":"PUT"}}]}}"#.to_vec()),
    ];
    for (name, content) in cases {
        let path = file(folder.path(), name, content);
        refused(&["check", &path], &[name]);
        refused(&["view", "--ui", "plain", &path], &[name]);
        let output = folder.path().join("out.db").display().to_string();
        refused(&["capture", "convert", &path, "-o", &output], &[name]);
        assert!(!Path::new(&output).exists(), "{name} left a half-written file");
    }
    // What stands before the place where a file is cut off is judged, and never passes for the whole.
    let path = file(folder.path(), "cut.har", &whole[..whole.len() / 2]);
    for arguments in [vec!["check", &path], vec!["check", GOLDEN, &path], vec!["view", "--ui", "plain", &path]] {
        let output = umpire(&arguments);
        assert_eq!(status(&output), 2, "{arguments:?}");
        assert!(stderr(&output).contains("cut.har: is cut off in entry 17"), "{arguments:?}: {}", stderr(&output));
        assert!(stdout(&output).contains("is cut off in entry 17"), "{arguments:?}: {}", stdout(&output));
    }
    let report = umpire(&["check", &path, "--format", "json"]);
    let report: serde_json::Value = serde_json::from_slice(&report.stdout).expect("JSON");
    assert_eq!(report["files"][0]["exchanges"], 16);
    assert!(report["files"][0]["fault"].as_str().is_some_and(|fault| fault.contains("is cut off")), "{report}");
    let known = folder.path().join("known.toml").display().to_string();
    let refused_baseline = umpire(&["check", &path, "--write-baseline", &known]);
    assert!(status(&refused_baseline) == 2 && !Path::new(&known).exists(), "what was not read would be forgotten");
    let output = folder.path().join("out.db").display().to_string();
    refused(&["capture", "convert", &path, "-o", &output], &["cut.har: is cut off"]);
    assert!(!Path::new(&output).exists());
    refused(&["check", "no-such-file.har"], &["no-such-file.har"]);
    refused(&["check", GOLDEN, "no-such-file.har"], &["no-such-file.har"]);
}

#[test]
fn a_short_gzip_file_that_is_cut_off_is_judged_as_far_as_it_goes() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gzip.write_all(&fs::read(GOLDEN).expect("the golden recording")).expect("memory");
    let whole = gzip.finish().expect("memory");
    let lines = folder.path().join("x.ndjson.gz").display().to_string();
    assert_eq!(status(&umpire(&["capture", "convert", GOLDEN, "-o", &lines])), 0);
    for (name, whole) in [("cut.har.gz", whole), ("cut.ndjson.gz", fs::read(&lines).expect("written"))] {
        let path = file(folder.path(), name, &whole[..whole.len() * 9 / 10]);
        let output = umpire(&["check", &path, "--format", "json"]);
        assert_eq!(status(&output), 2, "{name}");
        let report: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
        assert!(report["files"][0]["exchanges"].as_u64() > Some(5), "{name}: {report}");
        assert!(stderr(&output).contains(name), "{}", stderr(&output));
    }
}

#[test]
#[cfg(unix)]
fn a_pipe_is_no_file() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_umpire"));
    for arguments in [&["check", "/dev/stdin"][..], &["capture", "info", "/dev/stdin"], &["check", "/dev/null"]] {
        let output = command.args(arguments).stdin(Stdio::piped()).output().expect("umpire runs");
        command = Command::new(env!("CARGO_BIN_EXE_umpire"));
        assert_eq!(status(&output), 2);
        assert!(stderr(&output).contains("save it to a file first"), "{}", stderr(&output));
    }
}

#[test]
#[cfg(unix)]
fn a_closed_standard_output_is_an_error() {
    let export = |end: &str| {
        let command = format!("\"$0\" capture convert {GOLDEN} -o - {end}");
        Command::new("sh").args(["-c", &command, env!("CARGO_BIN_EXE_umpire")]).output().expect("a shell")
    };
    let closed = export(">&-");
    assert_eq!(status(&closed), 2);
    assert!(stderr(&closed).contains("standard output: can't be written"), "{}", stderr(&closed));
    assert_eq!(status(&export(">/dev/null")), 0);
}

#[test]
fn a_base_uri_is_checked_and_no_secret_is_repeated() {
    for (given, words) in [
        ("bogus", "has no scheme"),
        ("ftp://x.example", "only http and https"),
        ("https://u:Zq7secretpw@x.example/api", "password"),
        ("https://x.example/api?access_token=Zq7secretpw", "has a query"),
    ] {
        let commands = [
            &["check", GOLDEN, "--base-uri", given][..],
            &["proxy", "--to", given],
            &["resend", GOLDEN, "--to", given],
        ];
        for arguments in commands {
            refused(arguments, &[words]);
            let said = stderr(&umpire(arguments));
            assert!(!said.contains("Zq7secretpw"), "{said}");
        }
    }
}

#[test]
fn empty_recordings_are_named_and_the_others_judged() {
    use umpire::capture::{CaptureWriter, Meta};

    let folder = tempfile::tempdir().expect("a folder");
    let db = folder.path().join("empty.db");
    let writer = CaptureWriter::create(&db, &Meta::new(None, jiff::Timestamp::UNIX_EPOCH)).expect("a capture");
    writer.finish().expect("it is closed");
    let db = db.display().to_string();
    let har = file(folder.path(), "none.har", br#"{"log":{"version":"1.2","entries":[]}}"#);
    let alone = umpire(&["check", FAULTY, "--format", "json"]);
    for files in [[&db, FAULTY], [FAULTY, &db], [FAULTY, &har]] {
        for options in [&[][..], &["--fail-on", "never"], &["--as-one"]] {
            let output = umpire(&[&["check", "--format", "json"], &files[..], options].concat());
            assert_eq!(status(&output), 2, "{files:?} {options:?}");
            let empty = files.iter().find(|&&name| name != FAULTY).expect("one is empty");
            assert!(stderr(&output).contains(&format!("{empty}: holds no exchanges")), "{}", stderr(&output));
            assert_eq!(stdout(&output), stdout(&alone), "{files:?} {options:?}: the other one is judged");
        }
    }
    assert_eq!(status(&umpire(&["check", GOLDEN, &db, GOLDEN])), 2, "whatever stands around it");
    refused(&["check", &db], &["holds no exchanges"]);
    refused(&["check", &db, &har], &["empty.db", "none.har", "nothing to judge"]);
}

#[test]
fn wrong_usage() {
    refused(&["check"], &["FILE"]);
    refused(&["check", "--frmat", "json", GOLDEN], &["--frmat"]);
    refused(&["proxy"], &["--to"]);
    for uri in ["booking.example.com", "ftp://booking.example.com", "https://", "https://booking.example.com/api?x=1"] {
        // What stands in a query may be a secret.
        refused(&["proxy", "--to", uri], &[uri.trim_end_matches("x=1")]);
    }
    refused(&["proxy", "--to", "http://127.0.0.1:9/api", "--listen", "nowhere"], &["nowhere"]);
    for name in ["x.har", "x.har.gz", "x.ndjson"] {
        let words = [name, "x.db", "umpire capture export"];
        refused(&["proxy", "--to", "http://127.0.0.1:9/api", "--capture", name], &words);
        refused(&["demo", "--ui", "plain", "--capture", name], &words);
        assert!(!Path::new(name).exists());
    }
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
    refused(&["capture", "convert", GOLDEN, "-o", &there], &["there.db"]);
    assert_eq!(fs::read(&there).expect("still there"), b"mine");
}

#[test]
fn the_demo_ends_with_a_summary_and_what_to_do_next() {
    let folder = tempfile::tempdir().expect("a folder");
    let capture = folder.path().join("demo.db").display().to_string();
    let output = umpire(&["demo", "--ui", "plain", "--pace", "0", "--capture", &capture]);
    assert_eq!(status(&output), 0, "{}", stderr(&output));
    let text = stdout(&output);
    assert!(text.contains("agent-broker/missing-customer-error") && text.contains("bookings"), "{text}");
    // The last exchange is one to read, with both sides at fault.
    let exchange = |line: &&str| line.contains("PUT …/orders/");
    let last = text.lines().rfind(exchange).expect("a booking");
    assert!(last.contains("broker: 1 failure") && last.contains("booking system: 1 failure"), "{last}");
    // What to do next can be copied as it stands.
    let program = env!("CARGO_BIN_EXE_umpire");
    let next: Vec<_> = text.lines().rev().take_while(|line| !line.is_empty()).collect();
    assert_eq!(next.len(), 3, "{next:?}");
    for what in ["proxy --to https://", "rules explain agent-broker/customer-required", &format!("view {capture}")] {
        assert!(next.iter().any(|line| line.contains(&format!("{program} {what}"))), "{what} in {next:#?}");
    }
}

#[test]
fn captions_of_the_demo_come_right_before_what_they_describe() {
    let folder = tempfile::tempdir().expect("a folder");
    let capture = folder.path().join("demo.db").display().to_string();
    let output = umpire(&["demo", "--ui", "json", "--pace", "0", "--capture", &capture]);
    let lines = stdout(&output);
    let events = lines.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).expect("JSON"));
    let mut steps = umpire::demo::faulty().iter();
    let (mut step, mut captions, mut exchanges) = (None, 0, 0);
    for event in events {
        if event["event"] == "notice" {
            step = steps.next();
            captions += 1;
            assert_eq!(event["message"].as_str(), step.map(|step| step.title));
        }
        if event["event"] == "exchange" {
            exchanges += 1;
            let step = step.expect("a caption comes first");
            // Feeds and the dataset site are nobody's booking.
            if let Some(uuid) = event["order_uuid"].as_str() {
                assert_eq!(uuid, step.uuid(), "under the caption {:?}: {event}", step.title);
            }
        }
    }
    assert_eq!(captions, umpire::demo::faulty().iter().count());
    assert!(exchanges > captions);
}

/// `captures/README.md` says how to make them anew.
#[test]
fn the_recordings_of_the_project_are_what_the_demo_plays() {
    let folder = tempfile::tempdir().expect("a folder");
    for (script, recording) in [("golden", GOLDEN), ("faulty", FAULTY)] {
        let played = folder.path().join(format!("{script}.db"));
        let capture = played.display().to_string();
        let output = umpire(&["demo", "--ui", "plain", "--pace", "0", "--script", script, "--capture", &capture]);
        assert_eq!(status(&output), 0, "{}", stderr(&output));
        let calls = |file: &Path| -> Vec<(String, Option<u16>)> {
            let exchanges =
                umpire::capture::open(file).expect("a recording").exchanges.map(|each| each.expect("whole"));
            let told = |each: umpire::exchange::Exchange| {
                // Positions in feeds are times.
                let path = each.request.target.split('?').next().unwrap_or_default().to_owned();
                (format!("{} {path}", each.request.method), each.response.map(|response| response.status))
            };
            exchanges.map(told).collect()
        };
        assert_eq!(calls(&played), calls(Path::new(recording)), "{recording} is not what the script plays");
    }
}
