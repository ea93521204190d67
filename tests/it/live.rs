//! Live and offline agree: what is called while traffic flows is what `check` calls on the capture and on its HAR.
//!
//! `scripted broker → proxy → sandbox`, then `capture → judge` and `capture → HAR → judge`

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use umpire::capture::{self, RecordingWriter, Rotation};
use umpire::demo::{self, DemoEnd, Script};
use umpire::event::Event;
use umpire::finding::{Finding, Severity};
use umpire::proxy::upstream::Upstream;
use umpire::rules::{BookingSystemInfo, Judge, RuleBook};
use umpire::sandbox::{IN_PROCESS_BASE_URI, Misbehaviour, Misbehaviours, Sandbox};
use umpire::session::{Session, SessionOptions};

fn book() -> Arc<RuleBook> {
    Arc::new(RuleBook::built_in().expect("the built-in rules load"))
}

/// What is compared: everything that is said of a finding.
fn said(findings: &[Finding]) -> Vec<String> {
    findings
        .iter()
        .map(|f| {
            format!(
                "{:?} {} {} {} {} {} {} {}",
                f.exchange, f.rule.id, f.severity, f.stage, f.pointer, f.message, f.seen, f.expected
            )
        })
        .collect()
}

/// Plays a script through a session; the findings of its events, and the capture.
async fn play(script: Script, capture: &Path, rotation: Rotation) -> Vec<Finding> {
    let sandbox = Arc::new(Sandbox::new(IN_PROCESS_BASE_URI, Misbehaviours::NONE).expect("a good base URI"));
    let upstream: Arc<dyn Upstream> = Arc::<Sandbox>::clone(&sandbox);
    let options = SessionOptions {
        capture: Some(capture.to_owned()),
        rotation,
        ..SessionOptions::new(sandbox.base_uri(), book())
    };
    let (session, mut feed) = Session::start(options, upstream).await.expect("the session starts");
    let base_uri = format!("http://{}/api/openbooking", session.address);
    let gather = tokio::spawn(async move {
        let (mut findings, mut coverage) = (Vec::new(), None);
        while let Some(event) = feed.events.recv().await {
            match event {
                Event::Exchange(judged) => findings.extend(judged.findings.iter().cloned()),
                Event::Coverage(told) => coverage = Some(told),
                _ => {}
            }
        }
        let coverage = coverage.expect("coverage is told at the end");
        assert_eq!(coverage.rules.iter().map(|rule| rule.failed).sum::<u64>(), findings.len() as u64);
        assert_eq!(feed.dropped(), 0, "no event was dropped");
        findings
    });
    let ended = demo::run(script, &base_uri, &sandbox, Duration::ZERO, |_| {}, &CancellationToken::new()).await;
    assert_eq!(ended, Ok(DemoEnd::Finished));
    let closing = session.stop().await;
    assert_eq!((closing.missed, closing.trouble), (0, None));
    gather.await.expect("the events end")
}

fn judge(file: &Path) -> Vec<Finding> {
    let recording = capture::open(file).expect("the recording opens");
    let mut judge =
        Judge::new(book(), BookingSystemInfo { base_uri: recording.meta.base_uri, ..BookingSystemInfo::default() });
    recording.exchanges.flat_map(|exchange| judge.judge(Arc::new(exchange.expect("an exchange"))).findings).collect()
}

fn folder() -> (tempfile::TempDir, PathBuf, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let (capture, har) = (folder.path().join("run.db"), folder.path().join("run.har"));
    (folder, capture, har)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_faulty_run_is_judged_alike_live_and_offline() {
    let (_folder, capture, har_file) = folder();
    let live = play(demo::faulty(), &capture, Rotation::default()).await;
    assert!(live.iter().filter(|finding| finding.severity == Severity::Failure).count() > 20);
    assert_eq!(said(&judge(&capture)), said(&live));

    let recording = capture::open(&capture).expect("the capture opens");
    let mut output = RecordingWriter::create(&har_file, &recording.meta, false).expect("the export begins");
    recording.exchanges.for_each(|exchange| output.append(&exchange.expect("an exchange")).expect("it is written"));
    output.finish().expect("the export works");
    assert_eq!(said(&judge(&har_file)), said(&live));

    let called: BTreeSet<&str> = live.iter().map(|finding| finding.rule.id.as_str()).collect();
    let book = book();
    for misbehaviour in Misbehaviour::ALL {
        let rule = misbehaviour.caught_by();
        assert!(book.rule(rule).is_none() || called.contains(rule), "{} must be caught by {rule}", misbehaviour.name());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_golden_run_has_no_findings() {
    let (_folder, capture, _) = folder();
    let live = play(demo::golden(), &capture, Rotation::default()).await;
    assert_eq!(said(&live), Vec::<String>::new());
}

/// Parts of a recording are judged as one, in whatever order they are named.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rotated_run_is_judged_across_its_files() {
    let (folder, capture, _) = folder();
    let live = play(demo::faulty(), &capture, Rotation { size: Some(60_000), every: None }).await;
    assert!(!capture.exists());
    let parts: Vec<String> = (1..10_000)
        .map(|number| folder.path().join(format!("run.{number:04}.db")))
        .take_while(|part| part.exists())
        .map(|part| part.display().to_string())
        .collect();
    assert!(parts.len() > 2, "{parts:?}");
    let first =
        capture::CaptureReader::open(Path::new(&parts[0])).expect("a part opens").len().expect("it has a length");
    let check = |parts: &[String], more: &[&str]| {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_umpire"))
            .args(["check", "--format", "json", "--fail-on", "never"])
            .args(parts)
            .args(more)
            .output()
            .expect("umpire runs");
        (String::from_utf8(output.stdout).expect("UTF-8"), String::from_utf8(output.stderr).expect("UTF-8"))
    };
    let (report, said) = check(&parts, &[]);
    assert_eq!(said, "");
    let report: serde_json::Value = serde_json::from_str(&report).expect("JSON");
    let findings = report["findings"].as_array().expect("findings");
    let counted = |rules: &mut dyn Iterator<Item = String>| {
        let mut rules: Vec<String> = rules.collect();
        rules.sort();
        rules
    };
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    assert_eq!(
        counted(&mut findings.iter().map(|f| format!(
            "{} {} {}",
            text(&f["rule"]),
            text(&f["pointer"]),
            text(&f["seen"])
        ))),
        counted(&mut live.iter().map(|f| format!("{} {} {}", f.rule.id, f.pointer, f.seen)))
    );
    // Each is told with its file and its place there.
    let beyond = live.iter().filter(|finding| finding.exchange >= Some(first)).count();
    assert_eq!(findings.iter().filter(|finding| finding["file"] != parts[0].as_str()).count(), beyond);
    assert!(findings.iter().all(|f| f["file"] != parts[0].as_str() || f["exchange"].as_u64() < Some(first)));
    let mut shuffled = parts.clone();
    shuffled.reverse();
    assert_eq!(serde_json::from_str::<serde_json::Value>(&check(&shuffled, &[]).0).expect("JSON"), report);
    let (_, said) = check(&[parts[0].clone(), parts[2].clone()], &[]);
    assert!(said.contains("a part of the recording is missing"), "{said}");
    // The same of files that don't know of each other.
    for part in &parts {
        let har = part.replace(".db", ".har");
        let exported = std::process::Command::new(env!("CARGO_BIN_EXE_umpire"))
            .args(["capture", "export", "--keep-personal-data", part, "-o", &har])
            .output()
            .expect("umpire runs");
        assert!(exported.status.success());
    }
    let hars: Vec<String> = parts.iter().map(|part| part.replace(".db", ".har")).collect();
    let as_one: serde_json::Value = serde_json::from_str(&check(&hars, &["--as-one"]).0).expect("JSON");
    assert_eq!(as_one["summary"], report["summary"]);
    let apart: serde_json::Value = serde_json::from_str(&check(&hars, &[]).0).expect("JSON");
    assert_ne!(apart["summary"], report["summary"]);
}

/// More calls than may wait in memory, faster than they can be judged.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waits_to_be_judged_is_read_back_in_order() {
    const CALLS: usize = 1_500;
    const PIPELINED: usize = 50;
    let (_folder, capture, _) = folder();
    let sandbox = Arc::new(Sandbox::new(IN_PROCESS_BASE_URI, Misbehaviours::NONE).expect("a good base URI"));
    let upstream: Arc<dyn Upstream> = Arc::<Sandbox>::clone(&sandbox);
    // Parts that are so small that what waits stands in several.
    let rotation = Rotation { size: Some(200_000), every: None };
    let options =
        SessionOptions { capture: Some(capture), rotation, ..SessionOptions::new(sandbox.base_uri(), book()) };
    let (session, mut feed) = Session::start(options, upstream).await.expect("the session starts");
    let address = session.address;
    let gather = tokio::spawn(async move {
        let (mut indexes, mut under_way) = (Vec::new(), std::collections::BTreeSet::new());
        let (mut announced, mut ended) = (0, std::collections::BTreeSet::new());
        while let Some(event) = feed.events.recv().await {
            match event {
                Event::Request(request) => {
                    announced += 1;
                    assert!(!ended.contains(&request.id), "a request is announced before its exchange ends");
                    under_way.insert(request.id);
                }
                Event::Exchange(judged) => {
                    indexes.push(judged.index);
                    ended.insert(judged.exchange.id);
                    under_way.remove(&judged.exchange.id);
                }
                _ => {}
            }
        }
        assert!(announced > 0 && under_way.is_empty(), "{announced} announced, {} never ended", under_way.len());
        (indexes, feed.dropped())
    });
    let calls = tokio::task::spawn_blocking(move || {
        let mut socket = std::net::TcpStream::connect(address).expect("a connection");
        let head = format!("GET /api/openbooking/nothing-here HTTP/1.1\r\nHost: {address}\r\n\r\n");
        let mut answers = BufReader::new(socket.try_clone().expect("a second handle"));
        for _ in 0..CALLS / PIPELINED {
            socket.write_all(head.repeat(PIPELINED).as_bytes()).expect("requests are sent");
            for _ in 0..PIPELINED {
                let mut length = 0;
                loop {
                    let mut line = String::new();
                    assert_ne!(answers.read_line(&mut line).expect("a line"), 0, "the connection stays open");
                    if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                        length = value.trim().parse().expect("a length");
                    }
                    if line == "\r\n" {
                        break;
                    }
                }
                let mut body = vec![0; length];
                answers.read_exact(&mut body).expect("a body");
            }
        }
    });
    calls.await.expect("every call is answered");
    let closing = session.stop().await;
    assert_eq!((closing.exchanges, closing.missed, closing.trouble), (CALLS as u64, 0, None));
    let (indexes, dropped) = gather.await.expect("the events end");
    assert_eq!((indexes, dropped), ((0..CALLS as u64).collect(), 0));
}
