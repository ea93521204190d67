//! The program, run once, and what it said.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

pub fn umpire(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_umpire")).args(arguments).env_remove("RUST_LOG").output().expect("umpire runs")
}

pub fn umpire_in(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_umpire"));
    command.args(arguments).current_dir(folder).env_remove("RUST_LOG").output().expect("umpire runs")
}

pub fn report(output: &Output) -> serde_json::Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", stderr(output)))
}

pub fn findings(report: &serde_json::Value) -> &[serde_json::Value] {
    report["findings"].as_array().expect("findings")
}

pub fn status(output: &Output) -> i32 {
    output.status.code().expect("umpire ends by itself")
}

pub fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

pub fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Status 2, nothing on standard output, and a message that names all of `words` without a panic.
#[track_caller]
pub fn refused(arguments: &[&str], words: &[&str]) {
    let output = umpire(arguments);
    let message = stderr(&output);
    assert_eq!(status(&output), 2, "{arguments:?}: {message}");
    assert_eq!(stdout(&output), "", "{arguments:?}");
    for word in words {
        assert!(message.contains(word), "{arguments:?} should say {word:?}: {message}");
    }
    assert!(!message.contains("panicked"), "{message}");
}

pub fn file(folder: &Path, name: &str, content: impl AsRef<[u8]>) -> String {
    let path = folder.join(name);
    fs::write(&path, content).expect("a file");
    path.display().to_string()
}

pub const GOLDEN: &str = "captures/golden.har";

pub const FAULTY: &str = "captures/faulty.har";
