//! Live and offline agree: what is called while traffic flows is what `check` calls on the capture and on its HAR.
//!
//! `scripted broker → proxy → sandbox`, then `capture → judge` and `capture → HAR → judge`

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use umpire::capture::{self, har};
use umpire::demo::{self, Ended, Script};
use umpire::event::Event;
use umpire::finding::{Finding, Severity};
use umpire::proxy::upstream::Upstream;
use umpire::rules::{Judge, Known, RuleBook};
use umpire::sandbox::{IN_PROCESS_BASE_URI, Misbehaviour, Misbehaviours, Sandbox};
use umpire::session::{Options, Session};

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
async fn play(script: Script, capture: &Path) -> Vec<Finding> {
    let sandbox = Arc::new(Sandbox::new(IN_PROCESS_BASE_URI, Misbehaviours::NONE).expect("a good base URI"));
    let upstream: Arc<dyn Upstream> = Arc::<Sandbox>::clone(&sandbox);
    let options = Options { capture: Some(capture.to_owned()), ..Options::new(sandbox.base_uri(), book()) };
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
    assert_eq!(ended, Ok(Ended::Finished));
    let closing = session.stop().await;
    assert_eq!((closing.missed, closing.trouble), (0, None));
    gather.await.expect("the events end")
}

fn judge(file: &Path) -> Vec<Finding> {
    let recording = capture::open(file).expect("the recording opens");
    let mut judge = Judge::new(book(), Known { base_uri: recording.meta.base_uri, ..Known::default() });
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
    let live = play(demo::faulty(), &capture).await;
    assert!(live.iter().filter(|finding| finding.severity == Severity::Failure).count() > 20);
    assert_eq!(said(&judge(&capture)), said(&live));

    let recording = capture::open(&capture).expect("the capture opens");
    har::export(&har_file, &recording.meta, recording.exchanges).expect("the export works");
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
    let live = play(demo::golden(), &capture).await;
    assert_eq!(said(&live), Vec::<String>::new());
}
