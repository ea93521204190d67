//! The program: what it prints, how it ends, what it records.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;

const GOLDEN: &str = "captures/golden.har";

fn umpire() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_umpire"));
    command.env_remove("RUST_LOG");
    command
}

/// A replay that listens, and the address that its ready line names.
fn listening(arguments: &[&str]) -> (Child, String) {
    let mut command = umpire();
    command.args(["replay", GOLDEN, "--listen", "127.0.0.1:0", "--ui", "plain"]).args(arguments);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("umpire runs");
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    let base = line.trim().strip_prefix("ready http://").expect("a ready line").to_owned();
    (child, base)
}

fn get(base: &str, path: &str) -> String {
    let authority = base.split('/').next().unwrap();
    let mut stream = TcpStream::connect(authority).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

fn end(child: Child) -> Output {
    let pid = child.id().to_string();
    Command::new("kill").args(["-TERM", &pid]).status().unwrap();
    child.wait_with_output().unwrap()
}

fn json(file: &Path) -> Value {
    serde_json::from_slice(&fs::read(file).unwrap()).unwrap()
}

#[test]
fn links_lead_to_the_replay_and_names_stay() {
    let folder = tempfile::tempdir().unwrap();
    let capture = folder.path().join("replayed.db");
    let (child, base) = listening(&["--capture", capture.to_str().unwrap()]);
    let authority = base.split('/').next().unwrap();
    assert_eq!(base, format!("{authority}/api/openbooking"));
    let dataset = get(&base, "/openactive");
    assert!(dataset.contains(&format!("http://{authority}/api/openbooking")), "{dataset}");
    let page = get(&base, "/feeds/scheduled-sessions");
    assert!(page.contains(&format!("\"next\":\"http://{authority}/feeds/scheduled-sessions?")), "{page}");
    assert!(page.contains("\"https://sandbox.example/id/") && page.contains("Umpire-Replay: exchange=2"), "{page}");
    let output = end(child);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(0), "{text}");
    assert!(text.contains("replay: 2 answers served, 0 misses; 34 of 36 recorded exchanges never asked for"), "{text}");

    // What was recorded says where it comes from, first, in every format.
    let har = folder.path().join("replayed.har");
    let exported = umpire().args(["capture", "export"]).arg(&capture).arg("-o").arg(&har).output().unwrap();
    assert!(exported.status.success(), "{exported:?}");
    let ndjson = folder.path().join("replayed.ndjson");
    assert!(umpire().args(["capture", "export"]).arg(&har).arg("-o").arg(&ndjson).output().unwrap().status.success());
    for file in [&capture, &har, &ndjson] {
        let checked = umpire().arg("check").arg(file).output().unwrap();
        let text = String::from_utf8_lossy(&checked.stdout).into_owned();
        let first = text.lines().next().unwrap();
        assert!(
            first.contains("2 of 2 exchanges were answered by a replay of golden.har, not by a booking system"),
            "{text}"
        );
        let checked = umpire().args(["check", "--format", "json"]).arg(file).output().unwrap();
        let report: Value = serde_json::from_slice(&checked.stdout).unwrap();
        let simulated = serde_json::json!([{ "by": "replay", "exchanges": 2, "of": ["golden.har"] }]);
        assert_eq!(report["files"][0]["simulated"], simulated, "{}", file.display());
    }
    let line = fs::read_to_string(&ndjson).unwrap();
    let line: Value = serde_json::from_str(line.lines().next().unwrap()).unwrap();
    assert_eq!(line["simulated"], serde_json::json!({ "by": "replay", "detail": "golden.har, exchange 1" }));
}

#[test]
fn a_miss_is_a_problem_of_umpires_own_that_no_rule_judges() {
    let folder = tempfile::tempdir().unwrap();
    let (capture, report) = (folder.path().join("replayed.db"), folder.path().join("report.json"));
    let (child, base) = listening(&["--capture", capture.to_str().unwrap(), "--report", report.to_str().unwrap()]);
    let answer = get(&base, "/api/openbooking/orders/14a19ffd-7278-4296-9c71-96669e5c5b00");
    assert!(answer.starts_with("HTTP/1.1 502 ") && answer.contains("urn:umpire:no-replay"), "{answer}");
    assert!(answer.contains("has not been asked for yet"), "{answer}");
    let output = end(child);
    assert_eq!(output.status.code(), Some(1), "a miss");
    let report = json(&report);
    assert_eq!((&report["event"], &report["misses"], &report["served"]), (&"replay".into(), &1.into(), &0.into()));
    assert_eq!(report["missed"][0]["method"], "GET");
    let checked = umpire().args(["check", "--format", "json"]).arg(&capture).output().unwrap();
    let report: Value = serde_json::from_slice(&checked.stdout).unwrap();
    assert_eq!(report["findings"], serde_json::json!([]));
    let judged = |rule: &&Value| ["passed", "failed", "not_judged"].iter().any(|count| rule[count] != 0);
    assert_eq!(report["rules"].as_array().unwrap().iter().find(judged), None, "no rule judges it");
}

#[cfg(unix)]
#[test]
fn a_command_gets_the_base_uri_and_its_end_is_the_end() {
    let run = |script: &str| {
        umpire().args(["replay", GOLDEN, "--no-capture", "--", "sh", "-c", script]).output().expect("umpire runs")
    };
    let told = run("echo $UMPIRE_BASE_URI");
    assert_eq!(told.status.code(), Some(0), "{told:?}");
    let text = String::from_utf8_lossy(&told.stdout).into_owned();
    assert!(text.starts_with("http://127.0.0.1:") && text.trim().ends_with("/api/openbooking"), "{text}");
    assert!(String::from_utf8_lossy(&told.stderr).contains("replay: 0 answers served"), "{told:?}");
    assert_eq!(run("exit 7").status.code(), Some(7));
    let missing = umpire().args(["replay", GOLDEN, "--no-capture", "--", "/no/such/program"]).output().unwrap();
    assert_eq!(missing.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&missing.stderr).contains("cannot run /no/such/program"), "{missing:?}");
}

#[cfg(unix)]
#[test]
fn with_answers_only_nothing_is_recorded_or_judged() {
    let folder = tempfile::tempdir().unwrap();
    let report = folder.path().join("report.json");
    let (child, base) = listening(&["--answers-only", "--report", report.to_str().unwrap()]);
    assert!(get(&base, "/openactive").starts_with("HTTP/1.1 200 "));
    let output = end(child);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(printed.contains("replay: 1 answer served") && !printed.contains("GET /openactive"), "{printed}");
    assert_eq!(json(&report)["served"], 1);
    let both = umpire().args(["replay", GOLDEN, "--answers-only", "--capture", "x.db"]).output().unwrap();
    assert_eq!(both.status.code(), Some(2));
}

#[test]
fn what_cannot_be_played_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let empty = folder.path().join("empty.har");
    fs::write(&empty, r#"{"log":{"version":"1.2","creator":{"name":"x","version":"1"},"entries":[]}}"#).unwrap();
    for (file, words) in [(empty.to_str().unwrap(), "holds no exchanges"), ("/no/such.db", "can't be opened")] {
        let output = umpire().args(["replay", file, "--listen", "127.0.0.1:0"]).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code() == Some(2) && said.contains(file) && said.contains(words), "{said}");
    }
}

/// The module opens no connection: it names nothing that could.
#[test]
fn nothing_of_the_replay_can_connect() {
    let mut folders = vec!["src/replay".into(), "src/shape".into()];
    let mut files = vec!["src/replay.rs".into(), "src/shape.rs".into()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir::<std::path::PathBuf>(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { folders.push(path) } else { files.push(path) }
        }
    }
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        for name in ["upstream::live", "TcpStream", "UdpSocket", "::connect(", "Dialer", "tokio::net"] {
            assert!(!text.contains(name), "{} names {name}", file.display());
        }
    }
}
