//! Recordings that are judged, and changed on the way.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use serde_json::Value;
use umpire::capture;
use umpire::diff::{JudgedRecording, RecordingDiff, compare, pair};
use umpire::exchange::{Body, Exchange};
use umpire::rules::{BookingSystemInfo, Judge, RuleBook};

pub const GOLDEN: &str = "captures/golden.har";

pub fn umpire() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_umpire"));
    command.env_remove("RUST_LOG").env_remove("UMPIRE_AUTHORIZATION");
    command
}

/// The exchanges of a recording of the project.
pub fn exchanges(file: &str) -> Vec<Exchange> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(file);
    capture::open(&path).unwrap().exchanges.map(Result::unwrap).collect()
}

/// The exchanges with the verdicts on them.
pub fn judged(name: &str, exchanges: Vec<Exchange>) -> JudgedRecording {
    let base_uris = vec![format!("{}/api/openbooking", exchanges[0].origin)];
    let known = BookingSystemInfo { base_uri: base_uris.first().cloned(), ..BookingSystemInfo::default() };
    let mut judge = Judge::new(Arc::new(RuleBook::built_in().unwrap()), known);
    let exchanges = exchanges.into_iter().map(|exchange| Arc::new(judge.judge(Arc::new(exchange)))).collect();
    JudgedRecording { name: name.to_owned(), base_uris, exchanges }
}

/// The golden recording against what `change` makes of it.
pub fn golden_against(change: impl FnOnce(&mut Vec<Exchange>)) -> RecordingDiff {
    let mut changed = exchanges(GOLDEN);
    change(&mut changed);
    let (a, b) = (judged("a", exchanges(GOLDEN)), judged("b", changed));
    compare(&a, &b, &pair(&a, &b))
}

/// Changes the JSON of an answer.
pub fn change_answer(exchange: &mut Exchange, change: impl FnOnce(&mut Value)) {
    let response = exchange.response.as_mut().unwrap();
    let mut answer: Value = serde_json::from_slice(&response.body.bytes).unwrap();
    change(&mut answer);
    response.body = Body::complete(answer.to_string());
}

/// Replaces a text wherever it stands in a recording.
pub fn replace(exchanges: &mut [Exchange], from: &str, to: &str) {
    let replaced = |body: &Body| Body::complete(String::from_utf8_lossy(&body.bytes).replace(from, to));
    for exchange in exchanges {
        exchange.origin = exchange.origin.replace(from, to);
        exchange.request.target = exchange.request.target.replace(from, to);
        exchange.request.body = replaced(&exchange.request.body);
        if let Some(response) = &mut exchange.response {
            response.body = replaced(&response.body);
        }
    }
}

/// A folder for files of a test.
pub fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

/// The text of a path.
pub fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}
