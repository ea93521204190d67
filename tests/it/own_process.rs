//! A process for one test alone.
//!
//! `test → this binary once more, with the test's name alone → its outcome is the test's`
#![expect(clippy::disallowed_macros, reason = "what is printed is for whoever runs the test")]

use std::process::Command;

/// Set in the process that has one test to run.
const INSIDE: &str = "UMPIRE_TEST_OF_ITS_OWN";

/// Runs the test of this path (from the root of the binary) in a process of its own, and returns true when it has passed
/// there; false in that process, where the caller goes on.
///
/// # Panics
/// If the test fails.
pub fn passed(test: &str) -> bool {
    if std::env::var_os(INSIDE).is_some() {
        return false;
    }
    let binary = std::env::current_exe().expect("the path of this binary");
    let mut command = Command::new(binary);
    command.args(["--exact", test, "--nocapture", "--test-threads=1"]).env(INSIDE, "1");
    let output = command.output().expect("the binary runs once more");
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}");
    assert!(said.contains(" 1 passed"), "no test has the path {test}: {said}");
    print!("{said}");
    true
}
