//! How two recordings differ, as Markdown for an issue or a merge request.
//!
//! `RecordingDiff → summary → table of verdicts → table of values → exchanges of one recording alone`

use std::io;

use super::diff_text::{exchange_numbers, expected_counts, summary, values};
use crate::diff::{DifferenceClass, RecordingDiff, UnpairedExchange, VerdictChange};
use crate::text::{Printer, SafeText, safe, visible};

/// Most rows of a table.
const MOST_ROWS: usize = 200;

/// Writes how two recordings differ. `all` lists the differences that any two runs have, too.
pub(crate) fn diff_markdown(out: &mut Printer<'_>, diff: &RecordingDiff, all: bool) -> io::Result<()> {
    out.line(safe!["# ", cell(&diff.a.recording), " and ", cell(&diff.b.recording), "\n"])?;
    out.line(safe![cell(summary(diff).as_str()), "."])?;
    let row = |change: &VerdictChange| {
        let severity = change.severity.map_or("", crate::finding::Severity::as_str);
        let side = change.side.map_or("", crate::finding::Side::as_str);
        let place = change.pointer.as_deref().map(code).unwrap_or_default();
        vec![
            cell(change.change.in_words()),
            cell(severity),
            cell(side),
            code(&change.rule),
            cell(&format!("{} · {}", exchange_numbers(change.a, change.b), change.stage)),
            place,
            cell(&change.message),
        ]
    };
    let head = ["change", "severity", "side", "rule", "exchange", "place", "message"];
    table(out, "Verdicts that changed", &head, diff.verdicts.iter().map(row).collect())?;
    let title = "Rules that could judge one of the two only";
    table(out, title, &head, diff.judged_otherwise.iter().map(row).collect())?;
    let listed = diff.exchanges.iter().flat_map(|exchange| {
        let shown = exchange.differences.iter().filter(move |value| all || value.class == DifferenceClass::Other);
        shown.map(move |value| {
            vec![
                cell(&format!("{} · {}", exchange_numbers(Some(exchange.a), Some(exchange.b)), exchange.stage)),
                code(&value.pointer),
                cell(value.class.in_words()),
                code(&values(value)),
            ]
        })
    });
    table(out, "Values that differ", &["exchange", "place", "class", "values"], listed.collect())?;
    for (recording, only) in [(&diff.a.recording, &diff.only_a), (&diff.b.recording, &diff.only_b)] {
        let rows = only.iter().map(|UnpairedExchange { number, stage, operation, .. }| {
            vec![cell(&number.to_string()), cell(stage), code(operation)]
        });
        table(out, &format!("Only in {recording}"), &["exchange", "stage", "operation"], rows.collect())?;
    }
    if let Some(counts) = expected_counts(diff) {
        out.line(safe!["\nDiffers in any two runs: ", cell(&counts), "."])?;
    }
    out.flush()
}

pub(super) fn table(
    out: &mut Printer<'_>,
    title: &str,
    head: &[&'static str],
    rows: Vec<Vec<SafeText>>,
) -> io::Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    let row = |cells: Vec<SafeText>| safe!["| ", SafeText::join(cells, " | "), " |"];
    out.line(safe!["\n## ", cell(title), "\n"])?;
    out.line(row(head.iter().map(|name| SafeText::from(*name)).collect()))?;
    out.line(row(head.iter().map(|_| SafeText::from("---")).collect()))?;
    let more = rows.len().saturating_sub(MOST_ROWS);
    rows.into_iter().take(MOST_ROWS).try_for_each(|cells| out.line(row(cells)))?;
    if more == 0 { Ok(()) } else { out.line(safe!["\nand ", more, " more"]) }
}

/// Text that Markdown takes for nothing else, on one line.
pub(super) fn cell(text: &str) -> SafeText {
    let mut plain = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '|' | '*' | '_' | '`' | '<' | '[' | '\\' | '#' => plain.extend(['\\', c]),
            '\n' | '\r' => plain.push(' '),
            c => plain.push(c),
        }
    }
    visible(&plain)
}

/// Text as code. A grave accent would end it, and a bar the cell.
fn code(text: &str) -> SafeText {
    let text = text.replace('`', "'").replace('|', "\\|").replace(['\n', '\r'], " ");
    safe!["`", visible(&text), "`"]
}
