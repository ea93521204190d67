//! Verdicts that are kept beside a capture: the same as those of judging again, for as long as nothing has changed.
//!
//! `capture → umpire check, view, capture search → monday.db.verdicts → the same command again → the same bytes`

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use umpire::capture::{self, CaptureWriter, Meta, RotatingWriter, Rotation, numbered};
use umpire::demo;
use umpire::exchange::Exchange;
use umpire::proxy::upstream::Upstream;
use umpire::rules::RuleBook;
use umpire::sandbox::{IN_PROCESS_BASE_URI, Misbehaviours, Sandbox};
use umpire::session::{Session, SessionOptions};

const BASE_URI: &str = "https://booking.example.com/api/openbooking";

/// The project's faulty recording, twice.
fn exchanges() -> Vec<Exchange> {
    let read = || capture::open(Path::new("captures/faulty.har")).expect("it opens").exchanges;
    (0..2).flat_map(|_| read()).map(|exchange| exchange.expect("an exchange")).collect()
}

fn meta() -> Meta {
    Meta::new(Some(BASE_URI), jiff::Timestamp::UNIX_EPOCH)
}

/// A capture of these exchanges, in a folder of its own.
fn capture_of(exchanges: &[Exchange]) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("run.db");
    write(&file, exchanges);
    (folder, file)
}

fn write(file: &Path, exchanges: &[Exchange]) {
    let mut writer = CaptureWriter::create(file, &meta()).expect("it is made");
    for exchange in exchanges {
        writer.append(exchange).expect("it is appended");
    }
    writer.finish().expect("it is closed");
}

fn umpire(arguments: &[&str], file: &Path) -> Output {
    let output = Command::new(env!("CARGO_BIN_EXE_umpire")).args(arguments).arg(file).output();
    output.expect("umpire runs")
}

fn verdicts_of(file: &Path) -> PathBuf {
    PathBuf::from(format!("{}.verdicts", file.display()))
}

/// When the file was made: whoever judges anew makes it anew.
fn made(file: &Path) -> std::time::SystemTime {
    fs::metadata(verdicts_of(file)).expect("verdicts are kept").modified().expect("a time")
}

fn same(one: &Output, other: &Output, what: &str) {
    assert_eq!(one.status, other.status, "{what}");
    let text = |output: &Output| String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text(one) == text(other), "{what}: the output differs");
}

#[test]
fn check_says_the_same_with_and_without_them() {
    let (_folder, file) = capture_of(&exchanges());
    for arguments in [
        &["check", "--format", "json"][..],
        &["check", "--format", "json", "--side", "broker"],
        &["check", "--format", "json", "--mute-refused"],
        &["check", "--format", "json", "--coverage"],
        &["check", "--format", "json", "--filter", "stage:B sev:failure body:orderedItem"],
        &["check", "--format", "json", "--base-uri", "https://elsewhere.example/api"],
        &["check", "--isolated"],
    ] {
        let _older = fs::remove_file(verdicts_of(&file));
        let first = umpire(arguments, &file);
        let before = made(&file);
        let again = umpire(arguments, &file);
        same(&first, &again, &format!("{arguments:?}"));
        assert_eq!(before, made(&file), "{arguments:?}: it was judged again");
        assert!(!first.stdout.is_empty() && again.stderr == first.stderr, "{arguments:?}");
    }
}

#[cfg(unix)]
#[test]
fn they_are_as_private_as_the_capture() {
    use std::os::unix::fs::PermissionsExt as _;
    let (folder, file) = capture_of(&exchanges());
    umpire(&["check"], &file);
    let kept = fs::metadata(verdicts_of(&file)).expect("verdicts are kept");
    assert_eq!(kept.permissions().mode() & 0o777, 0o600);
    let names: Vec<_> = fs::read_dir(folder.path()).expect("a folder").map(|entry| entry.unwrap().path()).collect();
    let captures = names.iter().filter(|name| name.extension().is_some_and(|extension| extension == "db")).count();
    assert_eq!((names.len(), captures), (2, 1), "{names:?}");
}

#[test]
fn what_is_damaged_is_made_anew_with_a_notice() {
    let (_folder, file) = capture_of(&exchanges());
    let first = umpire(&["check", "--format", "json"], &file);
    let whole = fs::read(verdicts_of(&file)).expect("verdicts are kept");
    for (at, what) in [(whole.len() / 3, "a byte in the middle"), (whole.len() - 5, "a byte near the end")] {
        let mut damaged = whole.clone();
        damaged[at] ^= 1;
        fs::write(verdicts_of(&file), &damaged).expect("it is written");
        let again = umpire(&["check", "--format", "json"], &file);
        same(&first, &again, what);
        let said = String::from_utf8_lossy(&again.stderr);
        assert!(said.contains("are damaged; it is judged anew"), "{what}: {said}");
        assert_eq!(fs::read(verdicts_of(&file)).expect("made anew"), whole, "{what}");
    }
    // Its writer was killed, or it is nothing of Umpire's.
    for content in [&whole[..whole.len() - 40], &whole[..20], &[]] {
        fs::write(verdicts_of(&file), content).expect("it is written");
        same(&first, &umpire(&["check", "--format", "json"], &file), "an unfinished one");
        assert_eq!(fs::read(verdicts_of(&file)).expect("made anew"), whole);
    }
    fs::write(verdicts_of(&file), "somebody's notes").expect("it is written");
    same(&first, &umpire(&["check", "--format", "json"], &file), "another file");
    assert_eq!(fs::read(verdicts_of(&file)).expect("it stays"), b"somebody's notes");
}

#[test]
fn verdicts_that_come_with_a_capture_are_not_believed() {
    let (folder, file) = capture_of(&exchanges());
    let first = umpire(&["check", "--format", "json"], &file);
    let elsewhere = folder.path().join("sent");
    fs::create_dir(&elsewhere).expect("a folder");
    let copy = elsewhere.join("run.db");
    fs::copy(&file, &copy).expect("it is copied");
    fs::copy(verdicts_of(&file), verdicts_of(&copy)).expect("they are copied");
    let sent = fs::read(verdicts_of(&copy)).expect("they are there");
    let again = umpire(&["check", "--format", "json"], &copy);
    assert_eq!(again.status, first.status);
    assert_ne!(fs::read(verdicts_of(&copy)).expect("made anew"), sent, "the verdicts that were sent along were used");
}

#[test]
fn other_rules_and_other_captures_have_verdicts_of_their_own() {
    let (folder, file) = capture_of(&exchanges());
    umpire(&["check"], &file);
    let settings = folder.path().join("umpire.toml");
    fs::write(&settings, "off = [\"broker\"]\n").expect("settings");
    let settings = settings.to_str().expect("a name");
    let set = umpire(&["check", "--format", "json", "--config", settings], &file);
    fs::remove_file(verdicts_of(&file)).expect("it was kept");
    same(&set, &umpire(&["check", "--format", "json", "--config", settings], &file), "with settings");

    // A capture that takes the place of another one, as long as that.
    let mut others = exchanges();
    others[7].request.target += "x";
    let moved = folder.path().join("moved.db");
    write(&moved, &others);
    fs::rename(&moved, &file).expect("it takes the place");
    let (_other_folder, other) = capture_of(&others);
    let (here, there) = (umpire(&["check", "--format", "json"], &file), umpire(&["check", "--format", "json"], &other));
    let text = |output: &Output, file: &Path| {
        String::from_utf8_lossy(&output.stdout).replace(file.to_str().expect("a name"), "FILE")
    };
    assert_eq!(text(&here, &file), text(&there, &other));
}

#[test]
fn they_go_with_the_capture_that_they_are_of() {
    let (_folder, file) = capture_of(&exchanges());
    let name = file.to_str().expect("a name");
    umpire(&["check"], &file);
    umpire(&["capture", "index"], &file);
    let index = PathBuf::from(format!("{name}.index"));
    assert!(verdicts_of(&file).exists() && index.exists());
    let redacted = umpire(&["capture", "redact", "--force", "-o", name], &file);
    assert!(redacted.status.success(), "{redacted:?}");
    assert!(!verdicts_of(&file).exists() && !index.exists(), "they may hold what was taken out");
    umpire(&["check"], &file);
    assert!(verdicts_of(&file).exists());
    let pruned = umpire(&["capture", "prune", "--keep", "--filter", "stage:B", "--force", "-o", name], &file);
    assert!(pruned.status.success(), "{pruned:?}");
    assert!(!verdicts_of(&file).exists());
}

#[test]
fn a_small_capture_has_none_and_a_folder_in_the_way_is_no_error() {
    let all = exchanges();
    let (_folder, file) = capture_of(&all[..200]);
    umpire(&["check"], &file);
    assert!(!verdicts_of(&file).exists());
    let (_folder, file) = capture_of(&all);
    fs::create_dir(verdicts_of(&file)).expect("a folder");
    let output = umpire(&["check", "--format", "json"], &file);
    assert!(output.stderr.is_empty() && !output.stdout.is_empty(), "{output:?}");
}

#[test]
fn the_parts_of_a_rotated_recording_have_one_each() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("run.db");
    let rotation = Rotation { size: Some(1), every: None };
    let mut series = RotatingWriter::create(&file, meta(), rotation).expect("it is made");
    for (at, exchange) in exchanges().iter().chain(&exchanges()).enumerate() {
        while at == 282 && !series.rotate().expect("the next part is made") {
            std::thread::sleep(Duration::from_millis(1));
        }
        series.append(exchange).expect("it is appended");
    }
    series.finish().expect("it is closed");
    let (one, two) = (numbered(&file, 1), numbered(&file, 2));
    let both = |format: &str| umpire(&["check", "--format", format, one.to_str().expect("a name")], &two);
    let first = both("json");
    let before = (made(&one), made(&two));
    same(&first, &both("json"), "both parts");
    assert_eq!(before, (made(&one), made(&two)), "they were judged again");
    // By itself the second part is another recording.
    let alone = umpire(&["check", "--format", "json"], &two);
    fs::remove_file(verdicts_of(&two)).expect("it was kept");
    same(&alone, &umpire(&["check", "--format", "json"], &two), "the second part alone");
    same(&first, &both("json"), "both parts once more");
}

#[test]
fn view_and_filters_use_them_too() {
    let (_folder, file) = capture_of(&exchanges());
    let view = |file: &Path| umpire(&["view", "--ui", "json"], file);
    let first = view(&file);
    let before = made(&file);
    same(&first, &view(&file), "view");
    same(&umpire(&["check"], &file), &umpire(&["check"], &file), "check after view");
    let search = || {
        umpire(&["capture", "search", "--limit", "0", "--format", "json", "--filter", "sev:failure side:broker"], &file)
    };
    let with = search();
    assert_eq!(before, made(&file), "it was judged again");
    fs::remove_file(verdicts_of(&file)).expect("it is there");
    same(&search(), &with, "search by findings");
    assert!(!with.stdout.is_empty());
}

/// Asks for the Orders feed, on a connection of its own.
fn get_feed(address: SocketAddr) {
    let mut connection = TcpStream::connect(address).expect("a connection");
    let request = "GET /api/openbooking/orders-rpde HTTP/1.1\r\nHost: proxy\r\nConnection: close\r\n\r\n";
    connection.write_all(request.as_bytes()).expect("it is sent");
    let mut answer = String::new();
    connection.read_to_string(&mut answer).expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 "), "{answer}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_live_run_keeps_what_check_would() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("run.db");
    let sandbox = Arc::new(Sandbox::new(IN_PROCESS_BASE_URI, Misbehaviours::NONE).expect("a good base URI"));
    let upstream: Arc<dyn Upstream> = Arc::<Sandbox>::clone(&sandbox);
    let book = Arc::new(RuleBook::built_in().expect("the rules load"));
    let options = SessionOptions { capture: Some(file.clone()), ..SessionOptions::new(sandbox.base_uri(), book) };
    let (session, mut feed) = Session::start(options, upstream).await.expect("it starts");
    let events = tokio::spawn(async move { while feed.events.recv().await.is_some() {} });
    let base_uri = format!("http://{}/api/openbooking", session.address);
    let stop = CancellationToken::new();
    demo::run(demo::faulty(), &base_uri, &sandbox, Duration::ZERO, |_| {}, &stop).await.expect("it runs");
    let address = session.address;
    let asked = tokio::task::spawn_blocking(move || (0..150).for_each(|_| get_feed(address)));
    asked.await.expect("they are answered");
    let closing = session.stop().await;
    events.await.expect("the events end");
    assert!(closing.exchanges > 256 && closing.unjudged == 0, "{closing:?}");
    let before = made(&file);
    let with = umpire(&["check", "--format", "json"], &file);
    assert_eq!(before, made(&file), "it was judged again");
    fs::remove_file(verdicts_of(&file)).expect("it is there");
    same(&umpire(&["check", "--format", "json"], &file), &with, "check");
}
