//! How two recordings differ, in words.
//!
//! `RecordingDiff → verdicts that changed → values that differ → exchanges of one recording alone → counts by class → last line`

use std::io;

use super::finding_text::{labelled, paragraph};
use super::paint::{Paint, ReportStyle, sign};
use crate::diff::{DifferenceClass, ExchangeDiff, RecordingDiff, UnpairedExchange, ValueDifference, VerdictChange};
use crate::text::{self, Printer, SafeText, safe, safe_format, visible};

/// Most exchanges of one recording alone that are listed.
const MOST_UNPAIRED: usize = 50;

/// Writes how two recordings differ. `all` lists the differences that any two runs have, too.
pub(crate) fn diff_text(out: &mut Printer<'_>, diff: &RecordingDiff, all: bool, paint: Paint) -> io::Result<()> {
    if !diff.verdicts.is_empty() {
        let title = text::count(diff.verdicts.len() as u64, "changed verdict");
        out.line(paint.ink(ReportStyle::Bold, title))?;
        diff.verdicts.iter().try_for_each(|change| verdict(out, paint, change))?;
    }
    if !diff.judged_otherwise.is_empty() {
        out.line(paint.ink(ReportStyle::Bold, "rules that could judge one of the two only"))?;
        let shown = if all { usize::MAX } else { MOST_UNPAIRED };
        diff.judged_otherwise.iter().take(shown).try_for_each(|change| verdict(out, paint, change))?;
        match diff.judged_otherwise.len().saturating_sub(shown) {
            0 => {}
            more => out.line(safe!["  and ", more, " more"])?,
        }
    }
    let listed = |exchange: &&ExchangeDiff| all || exchange.unexpected().next().is_some();
    if diff.exchanges.iter().any(|exchange| listed(&exchange)) {
        let what = if all { "values that differ" } else { "values that differ and need not" };
        out.line(paint.ink(ReportStyle::Bold, what))?;
    }
    for exchange in diff.exchanges.iter().filter(listed) {
        let numbers = exchange_numbers(Some(exchange.a), Some(exchange.b));
        out.line(safe!["  ", visible(&format!("{numbers} · {} · {}", exchange.stage, exchange.operation))])?;
        let mut shown = exchange.differences.iter().filter(|value| all || value.class == DifferenceClass::Other);
        shown.try_for_each(|value| labelled_value(out, paint, value, all))?;
    }
    unpaired(out, paint, &diff.a.recording, &diff.only_a)?;
    unpaired(out, paint, &diff.b.recording, &diff.only_b)?;
    if let Some(counts) = expected_counts(diff) {
        labelled(out, paint, 0, "expected", &counts)?;
    }
    out.line(paint.ink(if diff.is_same() { ReportStyle::Good } else { ReportStyle::Bold }, summary(diff)))?;
    out.flush()
}

/// The last line: `36 of 36 exchanges are the same, no verdict changed, nothing unexpected differs`.
pub(super) fn summary(diff: &RecordingDiff) -> SafeText {
    let (changed, differ) = (diff.verdicts.len() as u64, diff.unexpected());
    let verdicts =
        if changed == 0 { "no verdict changed".into() } else { safe![text::count(changed, "verdict"), " changed"] };
    let values = match differ {
        0 => "nothing unexpected differs".into(),
        1 => "1 value differs that need not".into(),
        _ => safe![text::count(differ, "value"), " differ that need not"],
    };
    let only = |what: &[UnpairedExchange], recording: &str| {
        let count = text::count(what.len() as u64, "exchange");
        if what.is_empty() { SafeText::default() } else { safe![", ", count, " only in ", visible(recording)] }
    };
    let (only_a, only_b) = (only(&diff.only_a, &diff.a.recording), only(&diff.only_b, &diff.b.recording));
    safe![
        diff.same,
        " of ",
        text::count(diff.paired, "exchange"),
        " the same, ",
        verdicts,
        ", ",
        values,
        only_a,
        only_b
    ]
}

/// What differs in any two runs, by class: `210 bound, 36 time`.
pub(super) fn expected_counts(diff: &RecordingDiff) -> Option<String> {
    let expected = DifferenceClass::ALL.into_iter().filter(|class| *class != DifferenceClass::Other);
    let counts: Vec<String> = expected
        .filter_map(|class| diff.classes.get(&class).map(|count| format!("{count} {}", class.in_words())))
        .collect();
    (!counts.is_empty()).then(|| counts.join(", "))
}

/// The numbers of an exchange in both recordings: `exchange 12 → 14`.
pub(super) fn exchange_numbers(a: Option<u64>, b: Option<u64>) -> String {
    let number = |number: Option<u64>| number.map_or_else(|| "none".to_owned(), |number| number.to_string());
    format!("exchange {} → {}", number(a), number(b))
}

fn verdict(out: &mut Printer<'_>, paint: Paint, change: &VerdictChange) -> io::Result<()> {
    let of = match (change.severity, change.side) {
        (Some(severity), Some(side)) => safe![
            paint.ink(
                ReportStyle::Of(severity),
                safe![sign(severity), " ", change.change.in_words(), " · ", severity.as_str()]
            ),
            " · ",
            paint.ink(ReportStyle::By(side), side.in_words()),
        ],
        _ => safe!["  ", change.change.in_words()],
    };
    out.line(safe!["  ", of, " · ", paint.ink(ReportStyle::Bold, visible(&change.rule))])?;
    let pointer = change.pointer.as_ref().map(|pointer| format!(" · {pointer}")).unwrap_or_default();
    let place = format!("{} · {}{pointer}", exchange_numbers(change.a, change.b), change.stage);
    out.line(safe!["    ", visible(&place)])?;
    paragraph(out, paint, 4, &change.message)
}

fn labelled_value(out: &mut Printer<'_>, paint: Paint, value: &ValueDifference, all: bool) -> io::Result<()> {
    let class = if all { safe_format!(" ({})", value.class.in_words()) } else { SafeText::default() };
    out.line(safe!["    ", paint.ink(ReportStyle::Dim, visible(&value.pointer)), class, "  ", visible(&values(value))])
}

/// Both values: `11.7 → 12`.
pub(super) fn values(value: &ValueDifference) -> String {
    match (&value.a, &value.b) {
        (None, None) => "not shown, as it may be personal".to_owned(),
        (Some(a), None) => format!("{a} → nothing"),
        (None, Some(b)) => format!("nothing → {b}"),
        (Some(a), Some(b)) => format!("{a} → {b}"),
    }
}

fn unpaired(out: &mut Printer<'_>, paint: Paint, recording: &str, only: &[UnpairedExchange]) -> io::Result<()> {
    if only.is_empty() {
        return Ok(());
    }
    out.line(paint.ink(ReportStyle::Bold, safe!["only in ", visible(recording)]))?;
    for exchange in only.iter().take(MOST_UNPAIRED) {
        let UnpairedExchange { number, stage, operation, .. } = exchange;
        out.line(safe!["  ", visible(&format!("exchange {number} · {stage} · {operation}"))])?;
    }
    match only.len().saturating_sub(MOST_UNPAIRED) {
        0 => Ok(()),
        more => out.line(safe!["  and ", more, " more"]),
    }
}
