//! `umpire view`: a recording that another process is still writing.
//!
//! `Series (append, commit, rotate) → files → umpire view --follow → lines`

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;
use umpire::capture::{Meta, RotatingWriter, Rotation, numbered};
use umpire::exchange::Exchange;

/// How long a line is waited for before the test gives up.
const PATIENCE: Duration = Duration::from_mins(1);

fn exchange(number: u64) -> Exchange {
    Exchange { id: number, ..Exchange::get("https://booking.example.com", format!("/api/{number}")) }
}

/// A view of a file in a process of its own, and the lines that it prints.
struct View {
    process: Child,
    lines: Receiver<String>,
}

impl View {
    fn of(file: &Path, more: &[&str]) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_umpire"))
            .arg("view")
            .arg(file)
            .args(more)
            .stdout(Stdio::piped())
            .spawn()
            .expect("umpire runs");
        let output = BufReader::new(process.stdout.take().expect("its output"));
        let (sender, lines) = sync_channel(64);
        // Ends with the process.
        std::thread::spawn(move || output.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        Self { process, lines }
    }

    fn next(&self) -> Value {
        let line = self.lines.recv_timeout(PATIENCE).expect("a line comes");
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"))
    }

    /// Path and index of the exchange that comes next.
    fn exchange(&self) -> (String, u64) {
        let line = self.next();
        assert_eq!(line["event"], "exchange", "{line}");
        let url = line["url"].as_str().expect("a URL");
        (url.rsplit('/').next().unwrap_or_default().to_owned(), line["index"].as_u64().expect("an index"))
    }
}

impl Drop for View {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.process.kill();
        self.process.wait().expect("it ends");
    }
}

fn rotated(file: &Path) -> RotatingWriter {
    let rotation = Rotation { size: Some(1), every: None };
    RotatingWriter::create(file, Meta::new(None, Timestamp::UNIX_EPOCH), rotation).expect("a recording begins")
}

#[track_caller]
fn append(series: &mut RotatingWriter, number: u64) {
    series.append(&exchange(number)).expect("it is appended");
    series.commit().expect("it is committed");
}

/// Goes on in the next part as soon as the one before has been closed.
fn rotate(series: &mut RotatingWriter) {
    while !series.rotate().expect("the next part is made") {
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn a_rotated_recording_is_followed_into_its_next_parts() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("run.db");
    // Names of parts that are none: of another recording, of no recording.
    let other = folder.path().join("other.db");
    append(&mut rotated(&other), 99);
    std::fs::rename(numbered(&other, 1), numbered(&file, 3)).expect("it takes the name");
    std::fs::write(numbered(&file, 4), "no capture").expect("a file");

    let mut series = rotated(&file);
    append(&mut series, 0);
    let view = View::of(&numbered(&file, 1), &["--follow", "--ui", "json"]);
    assert_eq!(view.next()["event"], "start");
    assert_eq!(view.exchange(), ("0".to_owned(), 0));
    append(&mut series, 1);
    assert_eq!(view.exchange(), ("1".to_owned(), 1));
    for (number, part) in [(2, 2), (3, 5)] {
        rotate(&mut series);
        assert_eq!(series.file(), numbered(&file, part));
        let on = view.next();
        assert_eq!(on["event"], "recording", "{on}");
        assert_eq!(on["file"].as_str(), numbered(&file, part).to_str());
        append(&mut series, number);
        assert_eq!(view.exchange(), (number.to_string(), number), "the index is that in the whole recording");
    }
    series.finish().expect("it ends");
}

#[test]
fn without_follow_the_file_alone_is_shown() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("run.db");
    let mut series = rotated(&file);
    append(&mut series, 0);
    rotate(&mut series);
    append(&mut series, 1);
    series.finish().expect("it ends");
    let mut view = View::of(&numbered(&file, 1), &["--ui", "json"]);
    assert!(view.process.wait().expect("it ends").success());
    let lines: Vec<String> = view.lines.iter().collect();
    assert_eq!(lines.iter().filter(|line| line.contains(r#""event":"exchange""#)).count(), 1, "{lines:?}");

    let view = View::of(&numbered(&file, 1), &["--follow", "--ui", "plain"]);
    let mut said = std::iter::from_fn(|| view.lines.recv_timeout(PATIENCE).ok());
    assert!(said.any(|line| line.contains("recording") && line.contains("goes on in") && line.contains("run.0002.db")));
}
