//! Every command in an `sh` block of a document runs as it is written.
//!
//! What can't run in a test is listed with the reason, and its options are looked up.

use std::collections::BTreeSet;
use std::process::Command;

use super::markdown::{DOCUMENTS, MEASUREMENTS, blocks, root};
use super::shell::Shell;
use super::words::{commands, simple_commands};

/// Commands, by what they begin with, that are not run here, and why.
const NOT_RUN: [(&str, &str); 8] = [
    ("cargo install", "builds the program once more, in another profile"),
    ("cargo test", "runs this test"),
    ("cargo build --release && python3 benches/", "measures for minutes, and wants nginx and other programs"),
    ("cargo bench", "measures for minutes"),
    ("benches/recordings/make.py", "makes recordings of gigabytes"),
    ("umpire capture index million.db", "reads what the line before makes"),
    ("UMPIRE_REWRITE_VERDICTS=1", "writes a file of the project"),
    ("duckdb", "is no program that is there everywhere"),
];

/// Commands that are run where their program is there.
const WHERE_THERE: [&str; 2] = ["jq", "sqlite3"];

/// Commands that stay until they are stopped.
const SERVERS: [&str; 3] = ["umpire sandbox --listen", "umpire proxy", "umpire replay captures/golden.har --listen"];

/// Commands that end with another status than 0, since there is something to find.
const STATUS_1: [&str; 7] = [
    "umpire diff captures/golden.har captures/faulty.har ",
    "umpire check captures/faulty.har ",
    "umpire check --filter 'side:system sev:failure' captures/faulty.har ",
    "umpire check captures/*.har --side",
    "umpire check captures/*.har --format json",
    "umpire check captures/*.har --coverage",
    "umpire check captures/*.har --profile-rules",
];

/// Statuses of commands of cargo's that the program's own stand for.
const STATUS_1_OF_CARGO: [&str; 2] = ["umpire check captures/*.har", "umpire check --format json"];

/// What a command printed.
struct Printed {
    command: String,
    text: String,
}

/// Runs the blocks of a document in one shell. `after` is called behind each command, with what a server printed so far.
fn run(document: &str, mut after: impl FnMut(&mut Shell, &Printed)) {
    let mut shell = Shell::new();
    for block in blocks(document).into_iter().filter(|block| block.language == "sh") {
        for written in commands(&block.text) {
            let place = format!("{document}:{}: {written}", block.line);
            let first = written.lines().find(|line| !line.trim_start().starts_with('#')).unwrap_or_default();
            if NOT_RUN.iter().any(|(begins, _)| first.starts_with(begins)) {
                continue;
            }
            let program = first.split_whitespace().next().unwrap_or_default();
            if WHERE_THERE.contains(&program) && !shell.has(program) {
                continue;
            }
            // What cargo would run is the program that this test is of.
            let command = written.replace("cargo run --release -- ", "umpire ").replace("cargo run -- ", "umpire ");
            let text = if SERVERS.iter().any(|server| command.starts_with(server)) {
                let log = shell.serve(&command);
                Shell::until(&log, |_| true)
            } else if command.starts_with("umpire demo") {
                let (status, text) = shell.run(&command.replacen("umpire demo", "umpire demo --pace 0", 1));
                assert_eq!(status, 0, "{place}\n{text}");
                text
            } else {
                let (status, text) = shell.run(&command);
                let finds = STATUS_1.iter().any(|begins| format!("{command} ").starts_with(begins))
                    || (command != written && STATUS_1_OF_CARGO.iter().any(|begins| command.starts_with(begins)));
                assert_eq!(status, i32::from(finds), "{place}\n{text}");
                text
            };
            assert!(!text.contains("panicked") && !text.contains("not found"), "{place}\n{text}");
            after(&mut shell, &Printed { command: written, text });
        }
    }
}

/// Lines of exchanges in the plain output of the proxy, without time and duration: stage, status, findings.
fn exchanges(log: &str) -> Vec<String> {
    let of_exchanges = log.lines().filter(|line| line.contains("PUT …/"));
    let told = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        // Time, stage, order, method, path, status, duration and its unit, findings.
        // Behind the number and the time.
        format!("{} {} {}", words[2], words[6], words[9..].join(" "))
    };
    of_exchanges.map(told).collect()
}

/// The README as a stranger would follow it, with what it promises on the way.
#[test]
fn readme() {
    let mut proxy = None;
    let mut seen = Vec::new();
    run("README.md", |shell, printed| {
        if printed.command.starts_with("umpire proxy") {
            proxy = Some(shell.last_log());
        }
        if printed.command.starts_with("send ") {
            let log = proxy.as_deref().expect("the proxy runs");
            let said = Shell::until(log, |said| exchanges(said).len() > seen.len());
            seen = exchanges(&said);
        }
        let found = |word: &str| assert!(printed.text.contains(word), "{}\n{}", printed.command, printed.text);
        match printed.command.as_str() {
            "umpire demo" => found("What to do next"),
            command if command.starts_with("umpire capture search") => found("ida.marlowe@mail.example"),
            command if command.starts_with("umpire capture verify") => found("whole"),
            command if command.contains("--compare") => found("nothing has changed"),
            _ => {}
        }
    });
    let expected = [
        "C1 200 broker: 1 warning",
        "C2 200 ok",
        "C2 400 broker: 1 failure",
        "C2 200 broker: 1 failure · booking system: 1 failure",
    ];
    assert_eq!(seen, expected);
}

/// The block of the README that sends C1 and C2 can be repeated.
#[test]
fn what_the_broker_of_the_readme_sends_can_be_sent_again() {
    let mut shell = Shell::new();
    shell.serve("umpire sandbox --listen 127.0.0.1:8090");
    let proxy = shell.serve("umpire proxy --to http://127.0.0.1:8090/api/openbooking --ui plain");
    let block = sends();
    for _ in 0..20 {
        let (status, said) = shell.run(&block);
        assert_eq!(status, 0, "{said}");
    }
    let said = Shell::until(&proxy, |said| exchanges(said).len() == 40);
    let refused: Vec<_> = exchanges(&said).into_iter().filter(|line| !line.contains(" 200 ")).collect();
    assert!(refused.is_empty(), "{refused:?}");
}

fn sends() -> String {
    let block = blocks("README.md").into_iter().find(|block| block.text.contains("send() {"));
    block.expect("the block that sends C1 and C2").text
}

/// A rule of one's own, from nothing to a live finding.
#[test]
fn contributing() {
    let mut checked = false;
    run("CONTRIBUTING.md", |shell, printed| {
        if printed.command.starts_with("umpire proxy") {
            let log = shell.last_log();
            for command in commands(&sends()) {
                let (status, said) = shell.run(&command);
                assert_eq!(status, 0, "{command}\n{said}");
            }
            // It is at C2, the second exchange; that it never comes is said after a while.
            let said = Shell::until(&log, |said| said.contains("at        /request/body/customer/telephone\n"));
            assert!(said.contains("notice · broker · customer/telephone-given"), "{said}");
            assert_eq!(exchanges(&said).len(), 2, "{said}");
        }
        if printed.command.starts_with("umpire check mine.db") {
            checked = true;
            assert!(printed.text.contains("customer/telephone-given"), "{}", printed.text);
        }
    });
    assert!(checked);
}

#[test]
fn captures() {
    run("captures/README.md", |_, _| {});
}

#[test]
fn docs() {
    for document in DOCUMENTS.into_iter().chain(MEASUREMENTS) {
        if !["README.md", "CONTRIBUTING.md", "captures/README.md"].contains(&document) {
            run(document, |_, _| {});
        }
    }
}

/// Options of the commands that are not run exist, and so do the files that they name.
#[test]
fn what_is_not_run_is_looked_up() {
    let mut unused: BTreeSet<&str> = NOT_RUN.iter().map(|(begins, _)| *begins).collect();
    for document in DOCUMENTS.into_iter().chain(MEASUREMENTS) {
        for block in blocks(document).into_iter().filter(|block| block.language == "sh") {
            for command in commands(&block.text) {
                unused.retain(|begins| !command.starts_with(begins));
                for words in simple_commands(&command) {
                    look_up(&format!("{document}:{}", block.line), &words);
                }
            }
        }
    }
    assert!(unused.is_empty(), "no document has these any more: {unused:?}");
}

fn look_up(place: &str, words: &[String]) {
    for word in words.iter().filter(|word| word.starts_with("benches/")) {
        assert!(root().join(word).exists(), "{place}: there is no {word}");
    }
    let [cargo, command, rest @ ..] = words else { return };
    if cargo != "cargo" {
        return;
    }
    let help = Command::new(env!("CARGO")).args([command, "--help"]).output().expect("cargo runs");
    let help = String::from_utf8_lossy(&help.stdout).into_owned();
    for option in rest.iter().take_while(|word| *word != "--").filter(|word| word.starts_with("--")) {
        assert!(help.contains(option.as_str()), "{place}: cargo {command} has no {option}");
    }
}
