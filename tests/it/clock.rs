//! A clock that jumps while a recording is made: backwards by hours, forwards by years, and to the ends of time.
//!
//! `exchanges with times that jump → the proxy's queue → recorder → capture → check, info, export, split, merge`

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use umpire::capture::{self, Meta, RotatingWriter, Rotation, numbered};
use umpire::event::{Event, channel};
use umpire::exchange::Exchange;
use umpire::proxy::record::sink;
use umpire::recorder::{Recorder, RuleBookSlot};
use umpire::redact::Redactor;
use umpire::rules::{BookingSystemInfo, Judge, RuleBook};

const GOLDEN: &str = "captures/golden.har";

/// What the clock is wrong by, from which exchange on.
fn jump(number: usize) -> SignedDuration {
    match number {
        0..10 => SignedDuration::ZERO,
        10..20 => SignedDuration::from_hours(-3),
        20..30 => SignedDuration::from_hours(24 * 365 * 3),
        30..32 => SignedDuration::from_hours(-24 * 365 * 200),
        32..34 => SignedDuration::from_hours(24 * 365 * 7_000),
        _ => SignedDuration::from_secs(-1),
    }
}

fn golden() -> (Meta, Vec<Exchange>) {
    let recording = capture::open(Path::new(GOLDEN)).expect("it opens");
    (recording.meta, recording.exchanges.map(|exchange| exchange.expect("an exchange")).collect())
}

/// What a proxy would hand over if the clock jumped under it.
fn jumping() -> (Meta, Vec<Exchange>) {
    let (meta, mut exchanges) = golden();
    for (exchange, number) in exchanges.iter_mut().zip(0..) {
        exchange.started = exchange.started.checked_add(jump(number)).expect("a time");
    }
    (meta, exchanges)
}

fn umpire(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_umpire")).args(arguments).output().expect("umpire runs");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{arguments:?}: {said}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

fn read(file: &Path) -> Vec<Exchange> {
    capture::open(file).expect("it opens").exchanges.map(|exchange| exchange.expect("an exchange")).collect()
}

/// Records through the queue and the recorder of a running proxy; the findings, and the files.
fn record(folder: &Path, rotation: Rotation) -> (usize, Vec<PathBuf>) {
    let (meta, exchanges) = jumping();
    let file = folder.join("run.db");
    let series = RotatingWriter::create(&file, meta.clone(), rotation).expect("a recording begins");
    let (sink, intake) = sink::channel(8);
    let (outlet, mut events) = channel(10_000);
    let book = RuleBook::built_in().expect("the built-in rules load").into();
    let judge = Judge::new(book, BookingSystemInfo { base_uri: meta.base_uri, ..BookingSystemInfo::default() });
    let redactor = Redactor::new().expect("a redactor");
    let recorder = Recorder::new(intake, redactor, Some(series), judge, outlet, RuleBookSlot::default());
    let recorder = std::thread::spawn(|| recorder.run());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    let count = exchanges.len() as u64;
    runtime.block_on(async {
        for exchange in exchanges {
            let place = sink.reserve().await.expect("room");
            let mut turn = place.turn();
            place.send(exchange, Some(&mut turn));
        }
    });
    drop(sink);
    let closing = recorder.join().expect("it ends");
    assert_eq!((closing.exchanges, closing.missed, closing.trouble), (count, 0, None));
    let mut findings = 0;
    while let Some(event) = runtime.block_on(events.events.recv()) {
        if let Event::Exchange(judged) = event {
            findings += judged.findings.len();
        }
    }
    let files = (1..1_000).map(|number| numbered(&file, number)).take_while(|part| part.exists()).collect();
    (findings, files)
}

#[test]
fn whatever_the_clock_says_all_is_recorded_in_order_and_judged() {
    let folder = tempfile::tempdir().expect("a folder");
    // Files are as old as they are, not as the clock has it: none is old enough to be followed by another.
    let (findings, files) = record(folder.path(), Rotation { size: None, every: Some(Duration::from_mins(10)) });
    assert_eq!(files.len(), 1, "{files:?}");
    let expected = jumping().1;
    let file = files[0].display().to_string();
    assert!(read(&files[0]) == expected, "all of it, in its order");
    // By a clock that is years ahead offers have passed; that is said, and it is said alike of the recording.
    let report = umpire(&["check", &file, "--format", "json", "--fail-on", "never"]);
    let report: Value = serde_json::from_str(&report).expect("JSON");
    assert_eq!(report["findings"].as_array().map(Vec::len), Some(findings));

    let info: Value = serde_json::from_str(&umpire(&["capture", "info", &file, "--format", "json"])).expect("JSON");
    let time = |name: &str| info[0][name].as_str().expect("a time").parse::<Timestamp>().expect("a time");
    assert_eq!(Some(time("first")), expected.iter().map(|exchange| exchange.started).min());
    assert_eq!(Some(time("last")), expected.iter().map(Exchange::ended).max());

    let path = |name: &str| folder.path().join(name);
    let name = |name: &str| path(name).display().to_string();
    for ending in ["har", "ndjson", "har.gz"] {
        let out = name(&format!("out.{ending}"));
        umpire(&["capture", "export", &file, "--keep-personal-data", "-o", &out]);
        assert!(read(Path::new(&out)) == expected, "{ending}: the order of a recording is that of its exchanges");
    }
    umpire(&["capture", "merge", &file, &name("out.har"), "-o", &name("both.db")]);
    assert_eq!(read(&path("both.db")).len(), 2 * expected.len());
    umpire(&["capture", "split", &file, "--every", "1h", "-o", &name("part.db")]);
    let parts: Vec<Exchange> = (1..1_000)
        .map(|number| path(&format!("part.{number:04}.db")))
        .take_while(|part| part.exists())
        .flat_map(|part| read(&part))
        .collect();
    assert!(parts == expected, "and so in parts");
}
