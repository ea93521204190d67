//! A finding in words for people.
//!
//! `Finding → ✗ failure · booking system · rule, and below it message, place, seen, expected, spec link`

use std::io;

use super::paint::{Paint, ReportStyle, sign};
use crate::finding::{EarlierExchange, Finding, Severity, Side};
use crate::text::{self, Printer, SafeText, safe, visible};

/// Most columns of what was seen or expected that are printed; what is longer ends with `…`.
pub(super) const MAX_SHOWN: usize = 400;

/// Columns of the labels before message, place, seen, ...
const LABEL: usize = 10;

/// The line that says who is at fault, how much it weighs and which rule says so.
pub(super) fn headline(paint: Paint, severity: Severity, side: Side, rule: &str) -> SafeText {
    safe![
        paint.ink(ReportStyle::Of(severity), safe![sign(severity), " ", severity.as_str()]),
        " · ",
        paint.ink(ReportStyle::By(side), side.in_words()),
        " · ",
        paint.ink(ReportStyle::Bold, visible(rule)),
    ]
}

/// Blanks at the start of a line.
pub(super) fn indented(columns: usize) -> SafeText {
    SafeText::default().pad(columns)
}

/// A text behind a label, wrapped and indented.
pub(super) fn labelled(
    out: &mut Printer<'_>,
    paint: Paint,
    indent: usize,
    label: impl Into<SafeText>,
    text: &str,
) -> io::Result<()> {
    let room = paint.width.map_or(usize::MAX, |width| width.saturating_sub(indent + LABEL).max(20));
    let mut label = label.into();
    for line in text::wrap(text, room) {
        let label = paint.ink(ReportStyle::Dim, std::mem::take(&mut label).pad(LABEL));
        out.line(safe![indented(indent), label, line])?;
    }
    Ok(())
}

/// A text without a label, wrapped and indented.
pub(super) fn paragraph(out: &mut Printer<'_>, paint: Paint, indent: usize, text: &str) -> io::Result<()> {
    let room = paint.width.map_or(usize::MAX, |width| width.saturating_sub(indent).max(20));
    text::wrap(text, room).into_iter().try_for_each(|line| out.line(safe![indented(indent), line]))
}

/// Message, place, seen and expected of one finding.
pub(super) fn particulars(out: &mut Printer<'_>, paint: Paint, indent: usize, finding: &Finding) -> io::Result<()> {
    paragraph(out, paint, indent, &finding.message)?;
    if let Some(earlier) = &finding.because_of {
        paragraph(out, paint, indent, &because_of(earlier))?;
    }
    if !finding.pointer.is_empty() {
        labelled(out, paint, indent, "at", &finding.pointer)?;
    }
    labelled(out, paint, indent, "seen", &text::clip(&finding.seen, MAX_SHOWN))?;
    labelled(out, paint, indent, "expected", &text::clip(&finding.expected, MAX_SHOWN))
}

/// `because of exchange 12, C2`
pub(super) fn because_of(earlier: &EarlierExchange) -> String {
    format!("because of {earlier}")
}

/// What else is wrong for the same cause: a line for each rule, with how often.
pub(super) fn also<'f>(
    out: &mut Printer<'_>,
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
        let earlier = finding.because_of.as_ref().filter(|_| *count == 1);
        let earlier = earlier.map(|earlier| format!(", {}", because_of(earlier))).unwrap_or_default();
        labelled(out, paint, indent, label, &format!("{severity} {}{times}: {}{earlier}", rule.id, rule.title))?;
    }
    Ok(())
}

/// The link to the specification, never broken over lines so that a terminal can open it.
pub(super) fn link(out: &mut Printer<'_>, paint: Paint, indent: usize, spec: &str) -> io::Result<()> {
    let label = paint.ink(ReportStyle::Dim, SafeText::from("spec").pad(LABEL));
    out.line(safe![indented(indent), label, visible(spec)])
}
