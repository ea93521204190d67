//! The verdict on recordings in words, for the log of a CI run.
//!
//! `CheckReport → per file: rules that fired, their findings folded by place → table → not judged → last line`
//!
//! What a developer acts on is a rule broken at a place; that it was broken in forty exchanges is one line more.

use std::io::{self, Write};

use super::CheckReport;
use super::finding_text::{headline, labelled, link, paragraph, particulars};
use super::paint::{Ink, Paint};
use super::plain::{not_judged, table};
use crate::finding::{Finding, Severity};
use crate::text;

/// Most repeats whose exchanges are named.
const NAMED: usize = 8;

/// The findings of one rule and severity in one file.
struct Group<'r> {
    findings: Vec<&'r Finding>,
}

/// Writes the report in words.
pub fn check_text(out: &mut dyn Write, report: &CheckReport, paint: Paint) -> io::Result<()> {
    let sorted = report.sorted();
    for file in &report.files {
        let findings: Vec<&Finding> =
            sorted.iter().filter(|(name, _)| *name == &*file.file).map(|&(_, finding)| finding).collect();
        let name = paint.ink(Ink::Bold, &text::visible(&file.file));
        let size = format!("{}, {}", text::count(file.exchanges, "exchange"), text::count(file.bookings, "booking"));
        if findings.is_empty() {
            writeln!(out, "{name}: {size}: {}", paint.ink(Ink::Good, "no findings"))?;
            continue;
        }
        writeln!(out, "{name}: {size}: {}", text::count(findings.len() as u64, "finding"))?;
        for group in groups(&findings) {
            match group.findings[0].severity {
                Severity::Failure | Severity::Warning => full(out, paint, &group)?,
                Severity::Notice | Severity::Suggestion => compact(out, paint, &group)?,
            }
        }
        writeln!(out)?;
    }
    let tally = report.tally();
    if tally.total() > 0 {
        table(out, paint, &tally)?;
    }
    let mut reasons: Vec<(&str, u64)> = report.not_judged.iter().map(|(reason, count)| (&**reason, *count)).collect();
    reasons.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
    not_judged(out, paint, reasons.iter().map(|(_, count)| count).sum(), &reasons)?;
    writeln!(out, "{}", paint.ink(Ink::Bold, &last_line(report)))?;
    out.flush()
}

fn last_line(report: &CheckReport) -> String {
    let tally = report.tally();
    let counts: Vec<String> = Severity::ALL
        .into_iter()
        .filter(|&severity| tally.of_severity(severity) > 0)
        .map(|severity| text::count(tally.of_severity(severity), severity.as_str()))
        .collect();
    format!(
        "{}, {} in {}: {}{}",
        text::count(report.exchanges(), "exchange"),
        text::count(report.bookings(), "booking"),
        text::count(report.files.len() as u64, "file"),
        if counts.is_empty() { "no findings".to_owned() } else { counts.join(", ") },
        muted(report.muted)
    )
}

/// `; 3 findings on refused requests muted`
pub(super) fn muted(muted: u64) -> String {
    if muted == 0 {
        return String::new();
    }
    format!("; {} on properly refused requests muted", text::count(muted, "finding"))
}

/// Findings by rule and severity; the weightiest first, then as they came.
fn groups<'r>(findings: &[&'r Finding]) -> Vec<Group<'r>> {
    let mut groups: Vec<Group<'r>> = Vec::new();
    for &finding in findings {
        let same = |group: &&mut Group<'_>| {
            let first = group.findings[0];
            first.rule.id == finding.rule.id && first.severity == finding.severity
        };
        match groups.iter_mut().find(same) {
            Some(group) => group.findings.push(finding),
            None => groups.push(Group { findings: vec![finding] }),
        }
    }
    groups.sort_by_key(|group| std::cmp::Reverse(group.findings[0].severity));
    groups
}

/// A rule, the first finding of each place, and how many more are like it.
fn full(out: &mut dyn Write, paint: Paint, group: &Group<'_>) -> io::Result<()> {
    let first = group.findings[0];
    writeln!(out, "\n  {}", headline(paint, first.severity, first.rule.side, &first.rule.id))?;
    paragraph(out, paint, 4, &first.rule.title)?;
    for place in by_place(&group.findings) {
        writeln!(out, "    {}", paint.ink(Ink::Bold, &whereabouts(place[0])))?;
        particulars(out, paint, 6, place[0])?;
        if place.len() > 1 {
            writeln!(out, "      {}", paint.ink(Ink::Dim, &repeats(&place[1..])))?;
        }
    }
    if !first.rule.fix.trim().is_empty() {
        labelled(out, paint, 4, "fix", &first.rule.fix)?;
    }
    link(out, paint, 4, &first.rule.spec)
}

/// A rule in two lines.
fn compact(out: &mut dyn Write, paint: Paint, group: &Group<'_>) -> io::Result<()> {
    let first = group.findings[0];
    let headline = headline(paint, first.severity, first.rule.side, &first.rule.id);
    let more = match group.findings.len() {
        1 => String::new(),
        number => format!(" × {number}, the first"),
    };
    writeln!(out, "\n  {headline}{more} in {}", whereabouts(first))?;
    paragraph(out, paint, 4, &format!("{} (at {})", first.message, first.pointer))
}

/// Exchange, stage and booking of a finding.
fn whereabouts(finding: &Finding) -> String {
    let exchange = finding.exchange.map_or("the whole recording".to_owned(), |index| format!("exchange {index}"));
    let booking = finding.order_uuid.as_deref().map(|uuid| format!(" · order {}", uuid.get(..8).unwrap_or(uuid)));
    format!("{exchange} · {}{}", finding.stage, booking.unwrap_or_default())
}

/// Findings whose pointers differ in array indices only.
fn by_place<'r>(findings: &[&'r Finding]) -> Vec<Vec<&'r Finding>> {
    let mut places: Vec<(String, Vec<&'r Finding>)> = Vec::new();
    for &finding in findings {
        let shape = shape(&finding.pointer);
        match places.iter_mut().find(|(known, _)| *known == shape) {
            Some((_, place)) => place.push(finding),
            None => places.push((shape, vec![finding])),
        }
    }
    places.into_iter().map(|(_, place)| place).collect()
}

fn shape(pointer: &str) -> String {
    let steps = pointer.split('/').map(|step| {
        let index = !step.is_empty() && step.bytes().all(|byte| byte.is_ascii_digit());
        if index { "*" } else { step }
    });
    steps.collect::<Vec<_>>().join("/")
}

/// `14 more like this: exchanges 4, 7, 9, ...`
fn repeats(repeats: &[&Finding]) -> String {
    let mut exchanges: Vec<u64> = repeats.iter().filter_map(|finding| finding.exchange).collect();
    exchanges.dedup();
    let named: Vec<String> = exchanges.iter().take(NAMED).map(u64::to_string).collect();
    let list = match (exchanges.len(), named.len()) {
        (0, _) => String::new(),
        (1, _) => format!(" in exchange {}", named[0]),
        (all, some) if all > some => format!(" in exchanges {}, …", named.join(", ")),
        _ => format!(" in exchanges {}", named.join(", ")),
    };
    format!("{} more like this{list}", repeats.len())
}
