//! Changes of recordings, each with the rule that must call it and on which side: `tests/it/mutations/changes.txt`.
//!
//! ```text
//! recording (or examples in a row) ─► the flow of one exchange ─► judge ─► findings before ┐
//!                                     └─► change one exchange ──► judge ─► findings after ─┴─► what is new
//! ```
//!
//! New must be: the rule of the row, on its side, with its severity. New must not be: a failure on the other side.

mod change;
mod founding;
mod recording;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use umpire::exchange::Exchange;
use umpire::finding::{Finding, Severity, Side, folded};
use umpire::redact::{PersonalFields, Redactor};
use umpire::rules::RuleBook;

use change::changed;
use recording::Recording;

/// One row of the table.
struct Row {
    line: usize,
    recording: String,
    exchange: String,
    changes: Vec<String>,
    side: String,
    severity: String,
    rule: String,
}

/// The rows of the table. A recording and an exchange that are left out are those of the row above.
fn rows() -> Vec<Row> {
    let table = std::fs::read_to_string("tests/it/mutations/changes.txt").expect("the table");
    let (mut recording, mut exchange) = (String::new(), String::new());
    let lines = table.lines().enumerate().filter(|(_, line)| !line.trim().is_empty() && !line.starts_with('#'));
    lines
        .map(|(number, text)| {
            let line = number + 1;
            let cells: Vec<&str> = text.split('|').map(str::trim).collect();
            let [first, second, changes, verdict, rule] = cells[..] else {
                panic!("line {line} has {} columns, not 5: {text}", cells.len());
            };
            if !first.is_empty() {
                first.clone_into(&mut recording);
            }
            if !second.is_empty() {
                second.clone_into(&mut exchange);
            }
            let (side, severity) = verdict.rsplit_once(' ').unwrap_or_else(|| panic!("line {line}: {verdict:?}"));
            Row {
                line,
                recording: recording.clone(),
                exchange: exchange.clone(),
                changes: changes.split(" ; ").map(|step| step.trim().to_owned()).collect(),
                side: side.to_owned(),
                severity: severity.to_owned(),
                rule: rule.to_owned(),
            }
        })
        .collect()
}

/// What tells findings apart: exchange, rule, pointer and severity.
type Key = (u64, String, String, Severity);

fn key((exchange, finding): &(u64, Finding)) -> Key {
    (*exchange, finding.rule.id.clone(), finding.pointer.clone(), finding.severity)
}

fn told((exchange, finding): &(u64, Finding)) -> String {
    let Finding { rule, severity, pointer, message, .. } = finding;
    format!("{} {severity} {} at {pointer} of {exchange}: {message}", rule.side, rule.id)
}

/// What is found in the unchanged exchanges around the one that a recording and a cell name.
type Unchanged = BTreeMap<(String, String), BTreeSet<Key>>;

/// What is wrong with a row, if anything is.
fn judge(book: &Arc<RuleBook>, recording: &Recording, row: &Row, unchanged: &mut Unchanged) -> Result<(), String> {
    let (before, after) = changed(recording, &row.exchange, &row.changes)?;
    let known = unchanged.entry((row.recording.clone(), row.exchange.clone()));
    let known = known.or_insert_with(|| recording.judge(book, &before).iter().map(key).collect());
    let new: Vec<_> =
        recording.judge(book, &after).into_iter().filter(|finding| !known.contains(&key(finding))).collect();
    let (side, alone) = row.side.strip_prefix("alone: ").map_or((row.side.as_str(), false), |side| (side, true));
    let (side, both) = side.strip_prefix("both: ").map_or((side, false), |side| (side, true));
    let all = || new.iter().map(told).collect::<Vec<_>>().join("\n      ");
    let is_meant =
        |(_, finding): &&(u64, Finding)| finding.rule.id == row.rule && finding.severity.as_str() == row.severity;
    let Some((_, found)) = new.iter().find(is_meant) else {
        return Err(format!("{} {} is not new; new is\n      {}", row.severity, row.rule, all()));
    };
    if found.rule.side.as_str() != side {
        return Err(format!("{} is called on the {}, not on the {side}", row.rule, found.rule.side));
    }
    if alone {
        let findings: Vec<Finding> =
            new.iter().map(|(exchange, finding)| Finding { exchange: Some(*exchange), ..finding.clone() }).collect();
        let findings: Vec<&Finding> = findings.iter().collect();
        let stand = folded(&findings).into_iter().filter(|(index, _)| findings[*index].severity >= Severity::Warning);
        let others = stand.filter(|(index, _)| findings[*index].rule.id != row.rule).count();
        if others > 0 {
            return Err(format!("it does not stand alone; new is\n      {}", all()));
        }
    }
    let wrong =
        |(_, finding): &&(u64, Finding)| finding.severity == Severity::Failure && finding.rule.side.as_str() != side;
    match (new.iter().find(wrong), both) {
        (Some(_), false) => Err(format!("the other side is called too:\n      {}", all())),
        (None, true) => Err("the other side is not called, though the row says both".to_owned()),
        _ => Ok(()),
    }
}

#[test]
fn every_change_is_called_by_its_rule_on_its_side() {
    let book = Arc::new(RuleBook::built_in().expect("the built-in rules load"));
    let mut recordings: BTreeMap<String, Recording> = BTreeMap::new();
    let mut unchanged = Unchanged::new();
    let wrong: Vec<String> = rows()
        .iter()
        .filter_map(|row| {
            let recording = recordings.entry(row.recording.clone()).or_insert_with_key(|name| Recording::open(name));
            let what = judge(&book, recording, row, &mut unchanged).err()?;
            let changes = row.changes.join(" ; ");
            Some(format!("line {}: {} · {} · {changes}\n    {what}", row.line, row.recording, row.exchange))
        })
        .collect();
    assert!(wrong.is_empty(), "{} rows:\n\n{}", wrong.len(), wrong.join("\n\n"));
}

/// Personal data and secrets taken out, each change is called exactly as before.
#[test]
fn what_is_called_is_called_of_redacted_exchanges_too() {
    let book = Arc::new(RuleBook::built_in().expect("the built-in rules load"));
    let mut recordings: BTreeMap<String, Recording> = BTreeMap::new();
    let mut differences = Vec::new();
    for row in rows() {
        let recording = recordings.entry(row.recording.clone()).or_insert_with_key(|name| Recording::open(name));
        let Ok((_, after)) = changed(recording, &row.exchange, &row.changes) else { continue };
        let redactor = Redactor::of_persons(PersonalFields::default()).expect("a redactor");
        let redacted: Vec<Exchange> = after.iter().cloned().map(|exchange| redactor.redact(exchange)).collect();
        let of = |exchanges: &[Exchange]| recording.judge(&book, exchanges).iter().map(key).collect::<Vec<_>>();
        let (plain, clean) = (of(&after), of(&redacted));
        if plain != clean {
            let lost: Vec<&Key> = plain.iter().filter(|key| !clean.contains(key)).collect();
            let new: Vec<&Key> = clean.iter().filter(|key| !plain.contains(key)).collect();
            differences.push(format!("line {}: lost {lost:?}, new {new:?}", row.line));
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

#[test]
fn the_table_reaches_all_areas_and_both_sides() {
    let rows = rows();
    assert!(rows.len() >= 100, "{} rows", rows.len());
    let areas: BTreeSet<&str> = rows.iter().filter_map(|row| Some(row.rule.split_once('/')?.0)).collect();
    assert!(areas.len() >= 25, "{} areas: {areas:?}", areas.len());
    for side in [Side::Broker, Side::BookingSystem] {
        let count = rows.iter().filter(|row| row.side.ends_with(side.as_str())).count();
        assert!(count >= 25, "{count} rows on the {side}");
    }
}
