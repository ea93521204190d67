//! The program: lists, wrong usage, a run on each of the three commands, and what is recorded of it in every format.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;

fn umpire() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_umpire"));
    command.env_remove("RUST_LOG");
    command
}

fn run(arguments: &[&str]) -> Output {
    umpire().args(arguments).output().expect("umpire runs")
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A command that listens, and the address in the line that has it.
fn listening(arguments: &[&str], before: &str) -> (Child, String) {
    let mut child =
        umpire().args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("umpire runs");
    let mut lines = BufReader::new(child.stdout.as_mut().unwrap()).lines();
    let address = lines.by_ref().map(|line| line.expect("a line")).find_map(|line| {
        let (_, rest) = line.split_once(before)?;
        Some(rest.split(['/', ' ']).next().unwrap_or_default().to_owned())
    });
    (child, address.expect("a line with the address"))
}

fn get(authority: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(authority).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    // A fault may end it.
    let _end = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

fn end(child: Child) -> Output {
    let pid = child.id().to_string();
    Command::new("kill").args(["-TERM", &pid]).status().unwrap();
    child.wait_with_output().unwrap()
}

#[test]
fn the_list_says_what_there_is() {
    for command in ["proxy", "replay", "sandbox"] {
        let list = run(&[command, "--fault", "list"]);
        let text = String::from_utf8_lossy(&list.stdout).into_owned();
        assert_eq!(list.status.code(), Some(0), "{command}: {}", said(&list));
        for word in ["error=TYPE", "answer-lost", "feed-out-of-order", "share=SHARE", "booking=N", "order-cancel"] {
            assert!(text.contains(word), "{command}: {text}");
        }
    }
}

#[test]
fn what_is_wrong_with_a_fault_is_said_before_anything_listens() {
    for (arguments, words) in [
        (&["sandbox", "--fault", "B eror=X"][..], "\"eror=X\" is neither"),
        (&["proxy", "--to", "http://127.0.0.1:1/api", "--fault", "B error=FullError"], "has no error \"FullError\""),
        (&["replay", "captures/golden.har", "--fault", "@none"], "no scenario @none"),
        (&["sandbox", "--fault", "tls-failure"], "needs a listener with TLS"),
        (&["proxy", "--fault", "reset"], "--to BASE_URI"),
        (&["replay", "--fault", "reset"], "name the recordings"),
    ] {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(said(&output).contains(words), "{arguments:?}: {}", said(&output));
    }
}

#[test]
fn a_sandbox_has_faults_too() {
    let (child, address) = listening(
        &["sandbox", "--listen", "127.0.0.1:0", "--fault", "dataset-site status=503 times=1"],
        "Base URI: http://",
    );
    let refused = get(&address, "/openactive");
    assert!(refused.starts_with("HTTP/1.1 503 ") && refused.contains("Umpire-Fault"), "{refused}");
    assert!(get(&address, "/openactive").starts_with("HTTP/1.1 200 "));
    let output = end(child);
    assert!(said(&output).contains("fault made once: dataset-site status=503 times=1"), "{}", said(&output));
}

#[test]
fn a_replay_has_faults_and_its_record_says_so_in_every_format() {
    let folder = tempfile::tempdir().unwrap();
    let capture = folder.path().join("faulted.db");
    let settings = folder.path().join("umpire.toml");
    fs::write(&settings, "[faults]\nbad-day = ['opportunity-feed cut=50 times=1', 'dataset-site delay=20ms']\n")
        .unwrap();
    let arguments = [
        "replay",
        "captures/golden.har",
        "--listen",
        "127.0.0.1:0",
        "--ui",
        "plain",
        "--config",
        settings.to_str().unwrap(),
        "--fault",
        "@bad-day",
        "--capture",
        capture.to_str().unwrap(),
    ];
    let (child, address) = listening(&arguments, "ready http://");
    assert!(get(&address, "/openactive").starts_with("HTTP/1.1 200 "));
    let cut = get(&address, "/feeds/scheduled-sessions");
    assert_eq!(cut.split_once("\r\n\r\n").unwrap().1.len(), 50);
    let output = end(child);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert!(said(&output).contains("fault made once: opportunity-feed cut=50 times=1"), "{}", said(&output));
    let shown = String::from_utf8_lossy(&output.stdout).into_owned();
    let fault =
        "fault     a fault that Umpire made on purpose: opportunity-feed cut=50 times=1; of a replay of golden.har";
    assert!(shown.contains(fault), "{shown}");

    let har = folder.path().join("faulted.har");
    assert!(umpire().args(["capture", "export"]).arg(&capture).arg("-o").arg(&har).status().unwrap().success());
    let ndjson = folder.path().join("faulted.ndjson");
    assert!(umpire().args(["capture", "export"]).arg(&har).arg("-o").arg(&ndjson).status().unwrap().success());
    for file in [&capture, &har, &ndjson] {
        let checked = umpire().args(["check", "--format", "json"]).arg(file).output().unwrap();
        let report: Value = serde_json::from_slice(&checked.stdout).unwrap();
        let simulated = serde_json::json!([
            { "by": "fault", "exchanges": 2, "of": ["dataset-site delay=20ms", "opportunity-feed cut=50 times=1"] }
        ]);
        assert_eq!(report["files"][0]["simulated"], simulated, "{}", file.display());
        let checked = umpire().arg("check").arg(file).output().unwrap();
        let text = String::from_utf8_lossy(&checked.stdout).into_owned();
        assert!(
            text.lines().take(2).any(|line| line.contains("2 of 2 exchanges have a fault that Umpire made")),
            "{text}"
        );
    }
    let line = fs::read_to_string(&ndjson).unwrap();
    let line: Value = serde_json::from_str(line.lines().nth(1).unwrap()).unwrap();
    assert_eq!(line["failure"]["kind"], "fault");
    let detail = "opportunity-feed cut=50 times=1; of a replay of golden.har, exchange 2";
    assert_eq!(line["simulated"], serde_json::json!({ "by": "fault", "detail": detail }));
}

/// A GET by way of a forward proxy.
fn get_through(proxy: &str, url: &str) -> String {
    let authority = url.split('/').nth(2).unwrap();
    let mut stream = TcpStream::connect(proxy).unwrap();
    write!(stream, "GET {url} HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    let _end = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

#[test]
fn a_proxy_has_faults_on_the_way_to_a_booking_system_and_to_a_host_that_it_intercepts() {
    let (sandbox, address) = listening(&["sandbox", "--listen", "127.0.0.1:0"], "Base URI: http://");
    let folder = tempfile::tempdir().unwrap();
    let capture = folder.path().join("faulted.db");
    let (to, intercept) = (format!("http://{address}/api/openbooking"), address.clone());
    let mut command = umpire();
    command.env("XDG_DATA_HOME", folder.path()).env("HOME", folder.path());
    command.args(["proxy", "--to", &to, "--intercept", &intercept, "--listen", "127.0.0.1:0", "--ui", "plain"]);
    command.args(["--fault", "dataset-site status=503 times=2", "--fault", "opportunity-feed answer-lost times=1"]);
    let mut child =
        command.arg("--capture").arg(&capture).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(|line| line.expect("a line"));
    let mut after = |words: &str| {
        let line = lines.find(|line| line.contains(words)).expect(words);
        line.split_once("http://").unwrap().1.split(['/', ' ']).next().unwrap().to_owned()
    };
    let (reverse, forward) = (after("Base URI: "), after("HTTP_PROXY="));
    assert!(lines.any(|line| line.contains("a fault is made on purpose: dataset-site status=503 times=2")));
    assert!(get(&reverse, "/openactive").starts_with("HTTP/1.1 503 "));
    assert!(get_through(&forward, &format!("http://{address}/openactive")).starts_with("HTTP/1.1 503 "));
    assert!(get(&reverse, "/openactive").starts_with("HTTP/1.1 200 "));
    assert_eq!(get(&reverse, "/feeds/scheduled-sessions"), "", "the answer is lost");
    assert!(get_through(&forward, &format!("http://{address}/feeds/scheduled-sessions")).starts_with("HTTP/1.1 200 "));
    let pid = child.id().to_string();
    Command::new("kill").args(["-TERM", &pid]).status().unwrap();
    // What it still has to say is read, or it could not end.
    lines.for_each(drop);
    let output = child.wait_with_output().unwrap();
    end(sandbox);
    assert!(said(&output).contains("fault made 2 times: dataset-site status=503 times=2"), "{}", said(&output));
    let checked = umpire().args(["check", "--format", "json"]).arg(&capture).output().unwrap();
    let report: Value = serde_json::from_slice(&checked.stdout).unwrap();
    assert_eq!(report["files"][0]["simulated"][0]["exchanges"], 3, "{report}");
    let blamed = report["findings"].as_array().unwrap().iter().filter(|finding| finding["side"] == "booking-system");
    assert_eq!(blamed.count(), 0, "{report}");
}
