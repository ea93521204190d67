//! A finding in words for people.
//!
//! `Finding → ✗ failure · booking system · rule, and below it message, place, seen, expected, spec link`

use std::io::{self, Write};

use super::paint::{Ink, Paint, sign};
use crate::finding::{Finding, Severity, Side};
use crate::text;

/// Most columns of what was seen or expected that are printed; what is longer ends with `…`.
pub(super) const MAX_SHOWN: usize = 400;

/// Columns of the labels before message, place, seen, ...
const LABEL: usize = 10;

/// The line that says who is at fault, how much it weighs and which rule says so.
pub(super) fn headline(paint: Paint, severity: Severity, side: Side, rule: &str) -> String {
    format!(
        "{} · {} · {}",
        paint.ink(Ink::Of(severity), &format!("{} {severity}", sign(severity))),
        paint.ink(Ink::By(side), side.in_words()),
        paint.ink(Ink::Bold, &text::visible(rule)),
    )
}

/// A text behind a label, wrapped and indented.
pub(super) fn labelled(out: &mut dyn Write, paint: Paint, indent: usize, label: &str, text: &str) -> io::Result<()> {
    let room = paint.width.map_or(usize::MAX, |width| width.saturating_sub(indent + LABEL).max(20));
    for (index, line) in text::wrap(text, room).iter().enumerate() {
        let label = paint.ink(Ink::Dim, &format!("{:LABEL$}", if index == 0 { label } else { "" }));
        writeln!(out, "{:indent$}{label}{line}", "")?;
    }
    Ok(())
}

/// A text without a label, wrapped and indented.
pub(super) fn paragraph(out: &mut dyn Write, paint: Paint, indent: usize, text: &str) -> io::Result<()> {
    let room = paint.width.map_or(usize::MAX, |width| width.saturating_sub(indent).max(20));
    for line in text::wrap(text, room) {
        writeln!(out, "{:indent$}{line}", "")?;
    }
    Ok(())
}

/// Message, place, seen and expected of one finding.
pub(super) fn particulars(out: &mut dyn Write, paint: Paint, indent: usize, finding: &Finding) -> io::Result<()> {
    paragraph(out, paint, indent, &finding.message)?;
    if !finding.pointer.is_empty() {
        labelled(out, paint, indent, "at", &finding.pointer)?;
    }
    labelled(out, paint, indent, "seen", &text::clip(&finding.seen, MAX_SHOWN))?;
    labelled(out, paint, indent, "expected", &text::clip(&finding.expected, MAX_SHOWN))
}

/// What else is wrong for the same cause: a line for each rule, with how often.
pub(super) fn also<'f>(
    out: &mut dyn Write,
    paint: Paint,
    indent: usize,
    findings: impl IntoIterator<Item = &'f Finding>,
) -> io::Result<()> {
    let mut rules: Vec<(&Finding, u64)> = Vec::new();
    for finding in findings {
        let same =
            |(known, _): &&mut (&Finding, u64)| known.rule.id == finding.rule.id && known.severity == finding.severity;
        match rules.iter_mut().find(same) {
            Some((_, count)) => *count += 1,
            None => rules.push((finding, 1)),
        }
    }
    for (index, (finding, count)) in rules.iter().enumerate() {
        let times = if *count > 1 { format!(" × {count}") } else { String::new() };
        let Finding { severity, rule, .. } = finding;
        let label = if index == 0 { "so also" } else { "" };
        labelled(out, paint, indent, label, &format!("{severity} {}{times}: {}", rule.id, rule.title))?;
    }
    Ok(())
}

/// The link to the specification, never broken over lines so that a terminal can open it.
pub(super) fn link(out: &mut dyn Write, paint: Paint, indent: usize, spec: &str) -> io::Result<()> {
    let label = paint.ink(Ink::Dim, &format!("{:LABEL$}", "spec"));
    writeln!(out, "{:indent$}{label}{}", "", text::visible(spec))
}
