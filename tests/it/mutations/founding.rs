//! The founding case in all its variants: `founding.txt`.
//!
//! An agent broker sends no customer, or one that is none; the booking system accepts, refuses, or refuses wrongly.

use std::collections::BTreeSet;
use std::sync::Arc;

use umpire::finding::{Finding, Severity, Side, causes};
use umpire::rules::RuleBook;

use super::change::changed;
use super::recording::Recording;

const TABLE: &str = "tests/it/mutations/founding.txt";

/// The rules that find a failure of `side` which follows from no other finding, as a cell of the table.
fn cell(found: &BTreeSet<(Side, String)>, side: Side) -> String {
    let rules: Vec<&str> = found.iter().filter(|(of, _)| *of == side).map(|(_, rule)| rule.as_str()).collect();
    if rules.is_empty() { "-".to_owned() } else { rules.join(", ") }
}

/// The failures that follow from no other finding.
fn failures(findings: Vec<(u64, Finding)>) -> BTreeSet<(Side, String)> {
    let findings: Vec<Finding> = findings.into_iter().map(|(_, finding)| finding).collect();
    let causes = causes(&findings.iter().collect::<Vec<_>>());
    let own =
        findings.iter().zip(causes).filter(|(finding, cause)| cause.is_none() && finding.severity == Severity::Failure);
    own.map(|(finding, _)| (finding.rule.side, finding.rule.id.clone())).collect()
}

#[test]
fn each_variant_has_its_verdict_on_both_sides() {
    let book = Arc::new(RuleBook::built_in().expect("the built-in rules load"));
    let direct = Recording::open("c1-ok c2-ok b-ok");
    let approved = Recording::open("c1-ok c2-ok p-ok b-after-p-ok");
    let table = std::fs::read_to_string(TABLE).expect("the table");
    let (mut actual, mut rows, mut wrong) = (String::new(), 0, Vec::new());
    for line in table.lines() {
        let cells: Vec<&str> = line.split(" | ").map(str::trim).collect();
        let [exchange, changes, broker, booking_system] = cells[..] else {
            assert!(line.is_empty() || line.starts_with('#'), "a row has 4 columns: {line}");
            actual.push_str(line);
            actual.push('\n');
            continue;
        };
        rows += 1;
        let recording = if matches!(exchange, "P" | "B-after-P") { &approved } else { &direct };
        let steps: Vec<String> = changes.split(" ; ").map(str::to_owned).collect();
        let (before, after) = changed(recording, exchange, &steps).unwrap_or_else(|error| panic!("{line}: {error}"));
        assert!(failures(recording.judge(&book, &before)).is_empty(), "the booking without a change has no failure");
        let found = failures(recording.judge(&book, &after));
        let (is_broker, is_system) = (cell(&found, Side::Broker), cell(&found, Side::BookingSystem));
        if (is_broker.as_str(), is_system.as_str()) != (broker, booking_system) {
            wrong.push(format!(
                "{exchange} | {changes}\n  expected {broker} | {booking_system}\n  found    {is_broker} | {is_system}"
            ));
        }
        actual.extend([exchange, " | ", changes, " | ", &is_broker, " | ", &is_system, "\n"]);
    }
    if let Ok(file) = std::env::var("UMPIRE_FOUNDING_AS_FOUND") {
        std::fs::write(file, actual).expect("written");
    }
    assert!(rows >= 100, "{rows} variants");
    assert!(wrong.is_empty(), "{} of {rows} variants:\n{}", wrong.len(), wrong.join("\n"));
}
