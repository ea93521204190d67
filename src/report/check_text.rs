//! The verdict on recordings in words, for the log of a CI run.
//!
//! `CheckReport → per file: rules that fired, their findings folded by cause and by place → table → not judged → last line`
//!
//! What a developer acts on is a rule broken at a place; that it was broken in forty exchanges is one line more.

use std::io;

use super::baseline_text::baseline_text;
use super::coverage_text::coverage_text;
use super::finding_text::{also, because_of, headline, labelled, link, paragraph, particulars};
use super::paint::{Paint, ReportStyle};
use super::plain::{not_judged, table};
use super::{CheckReport, FileReport, FilterReport, OmittedCounts};
use crate::finding::{Finding, Severity, VerdictCounts, folded, grouped, shape};
use crate::text::{self, Printer, SafeText, safe, safe_format, visible};

/// Most repeats whose exchanges are named.
const NAMED: usize = 8;

/// A finding that stands for itself, and those that follow from it.
struct FindingGroup<'r> {
    finding: &'r Finding,
    follow: Vec<&'r Finding>,
}

/// What one rule says in one file at one severity.
type RuleGroup<'c, 'r> = Vec<&'c FindingGroup<'r>>;

/// Writes the report in words.
pub fn check_text(out: &mut Printer<'_>, report: &CheckReport, paint: Paint) -> io::Result<()> {
    let sorted = report.sorted();
    let headline = report.headline();
    if let Some(headline) = &headline {
        out.line(paint.ink(ReportStyle::Of(Severity::Warning), visible(headline)))?;
    }
    for file in &report.files {
        for simulated in &file.simulated {
            let words = visible(&simulated.in_words(file.exchanges));
            out.line(safe![visible(&file.file), ": ", paint.ink(ReportStyle::Of(Severity::Warning), words)])?;
        }
    }
    for file in &report.files {
        let findings: Vec<&Finding> =
            sorted.iter().filter(|(name, _)| *name == &*file.file).map(|&(_, finding)| finding).collect();
        let name = paint.ink(ReportStyle::Bold, visible(&file.file));
        let size = safe![text::count(file.exchanges, "exchange"), ", ", text::count(file.bookings, "booking")];
        if findings.is_empty() {
            let words = match file.unjudged() {
                None if file.verdicts.is_empty() => paint.ink(ReportStyle::Dim, "nothing to judge"),
                None => paint.ink(ReportStyle::Good, nothing(report)),
                Some(_) => paint.ink(ReportStyle::Of(Severity::Warning), nothing_in_what_was_judged(&file.verdicts)),
            };
            out.line(safe![name, ": ", size, ": ", words])?;
            odd(out, paint, file)?;
            continue;
        }
        let causes: Vec<FindingGroup<'_>> = folded(&findings)
            .into_iter()
            .map(|(index, follow)| FindingGroup {
                finding: findings[index],
                follow: follow.into_iter().map(|index| findings[index]).collect(),
            })
            .collect();
        let number = text::count(findings.len() as u64, "finding");
        let mut line = safe![name, ": ", size, ": ", number];
        match findings.len() - causes.len() {
            0 => {}
            1 => line.push(", 1 of which follows from another"),
            follow => line.push(safe![", ", follow, " of which follow from others"]),
        }
        out.line(line)?;
        odd(out, paint, file)?;
        for group in groups(&causes) {
            match group[0].finding.severity {
                Severity::Failure | Severity::Warning => full(out, paint, &group)?,
                Severity::Notice | Severity::Suggestion => compact(out, paint, &group)?,
            }
        }
        out.line("")?;
    }
    if let Some(baseline) = &report.baseline {
        baseline_text(out, baseline, paint)?;
    }
    if let Some(coverage) = &report.coverage {
        coverage_text(out, coverage, paint)?;
    }
    let tally = report.tally();
    if tally.total() > 0 {
        table(out, paint, &tally)?;
    }
    not_judged(out, paint, &report.verdicts)?;
    if let Some(paths) = report.recognized().paths_seen(true).filter(|_| headline.is_none()) {
        labelled(out, paint, 2, "calls", &paths)?;
    }
    if let Some(FilterReport { filter, exchanges, hidden }) = &report.filter {
        let exchanges = text::count(*exchanges, "exchange");
        let hidden = text::count(*hidden, "finding");
        out.line(paint.ink(ReportStyle::Dim, safe_format!("filter {filter:?}: {exchanges} matched, {hidden} hidden")))?;
    }
    if let Some(line) = left_out(report.left_out) {
        out.line(paint.ink(ReportStyle::Dim, line))?;
    }
    out.line(paint.ink(ReportStyle::Bold, last_line(report, headline.is_some())))?;
    out.flush()
}

/// What of a file could not be read as it stands, or not at all.
fn odd(out: &mut Printer<'_>, paint: Paint, file: &FileReport) -> io::Result<()> {
    for odd in &file.odd {
        out.line(safe!["  ", paint.ink(ReportStyle::Dim, visible(&odd.words))])?;
    }
    if let Some(unread) = &file.unread {
        out.line(safe!["  ", paint.ink(ReportStyle::Of(Severity::Failure), visible(unread))])?;
        out.line("  what stands before that place is judged")?;
    }
    Ok(())
}

/// What is said where nothing is left to say.
fn nothing(report: &CheckReport) -> &'static str {
    match (report.filter.is_some(), report.baseline.is_some()) {
        (true, _) => "no findings that match",
        (false, true) => "no findings but known ones",
        (false, false) => "no findings",
    }
}

/// `left out for lack of room: earlier exchanges of 3 flows, 40 findings`
fn left_out(left_out: OmittedCounts) -> Option<SafeText> {
    let OmittedCounts { flows, open_data, findings } = left_out;
    let parts = [
        (flows, "earlier exchanges of ", "booking flow"),
        (open_data, "open data of ", "opportunity"),
        (findings, "", "more finding"),
    ];
    let parts: Vec<SafeText> = parts
        .into_iter()
        .filter(|(count, ..)| *count > 0)
        .map(|(count, what, thing)| safe![what, text::count(count, thing)])
        .collect();
    (!parts.is_empty()).then(|| safe!["left out for lack of room: ", SafeText::join(parts, ", ")])
}

/// What is said where nothing was found, and most was not judged.
fn nothing_in_what_was_judged(verdicts: &VerdictCounts) -> SafeText {
    if verdicts.passed + verdicts.failed == 0 {
        return "nothing could be judged".into();
    }
    let (passed, not_judged) = (grouped(verdicts.passed), grouped(verdicts.not_judged));
    safe_format!("no findings in what could be judged ({passed} passed, {not_judged} not judged)")
}

fn last_line(report: &CheckReport, is_unjudged: bool) -> SafeText {
    let tally = report.tally();
    let counts: Vec<SafeText> = Severity::ALL
        .into_iter()
        .filter(|&severity| tally.of_severity(severity) > 0)
        .map(|severity| text::count(tally.of_severity(severity), severity.as_str()))
        .collect();
    safe![
        text::count(report.exchanges(), "exchange"),
        ", ",
        text::count(report.bookings(), "booking"),
        " in ",
        text::count(report.files.len() as u64, "file"),
        ": ",
        match (counts.is_empty(), is_unjudged) {
            (true, true) => "no findings in what could be judged".into(),
            (true, false) => nothing(report).into(),
            (false, _) => SafeText::join(counts, ", "),
        },
        safe_format!(
            "; {} passed, {} not judged",
            grouped(report.verdicts.passed),
            grouped(report.verdicts.not_judged)
        ),
        muted(report.muted),
    ]
}

/// `; 3 findings on refused requests muted`
pub(super) fn muted(muted: u64) -> SafeText {
    if muted == 0 {
        return SafeText::default();
    }
    safe!["; ", text::count(muted, "finding"), " on properly refused requests muted"]
}

/// Causes by rule and severity; the weightiest first, then as they came.
fn groups<'c, 'r>(causes: &'c [FindingGroup<'r>]) -> Vec<RuleGroup<'c, 'r>> {
    let mut groups: Vec<RuleGroup<'c, 'r>> = Vec::new();
    for cause in causes {
        let same = |group: &&mut RuleGroup<'_, '_>| {
            let first = group[0].finding;
            first.rule.id == cause.finding.rule.id && first.severity == cause.finding.severity
        };
        match groups.iter_mut().find(same) {
            Some(group) => group.push(cause),
            None => groups.push(vec![cause]),
        }
    }
    groups.sort_by_key(|group| std::cmp::Reverse(group[0].finding.severity));
    groups
}

/// A rule, the first finding of each place, how many more are like it, and what follows from them.
fn full(out: &mut Printer<'_>, paint: Paint, group: &RuleGroup<'_, '_>) -> io::Result<()> {
    let first = group[0].finding;
    out.line(safe!["\n  ", headline(paint, first.severity, first.rule.side, &first.rule.id)])?;
    paragraph(out, paint, 4, &first.rule.title)?;
    for place in by_place(group) {
        out.line(safe!["    ", paint.ink(ReportStyle::Bold, visible(&whereabouts(place[0].finding)))])?;
        particulars(out, paint, 6, place[0].finding)?;
        if place.len() > 1 {
            out.line(safe!["      ", paint.ink(ReportStyle::Dim, visible(&repeats(&place[1..])))])?;
        }
        also(out, paint, 6, follow(&place))?;
    }
    if !first.rule.fix.trim().is_empty() {
        labelled(out, paint, 4, "fix", &first.rule.fix)?;
    }
    link(out, paint, 4, &first.rule.spec)
}

/// A rule in two lines, and what follows from it.
fn compact(out: &mut Printer<'_>, paint: Paint, group: &RuleGroup<'_, '_>) -> io::Result<()> {
    let first = group[0].finding;
    let headline = headline(paint, first.severity, first.rule.side, &first.rule.id);
    let more = match group.len() {
        1 => String::new(),
        number => format!(" × {number}, the first"),
    };
    out.line(safe!["\n  ", headline, visible(&more), " in ", visible(&whereabouts(first))])?;
    let earlier = first.because_of.as_ref().map(|earlier| format!(", {}", because_of(earlier))).unwrap_or_default();
    paragraph(out, paint, 4, &format!("{} (at {}){earlier}", first.message, first.pointer))?;
    also(out, paint, 4, follow(group))
}

/// Everything that follows from some causes.
fn follow<'r>(causes: &[&FindingGroup<'r>]) -> impl Iterator<Item = &'r Finding> {
    causes.iter().flat_map(|cause| cause.follow.iter().copied())
}

/// Exchange, stage and booking of a finding.
fn whereabouts(finding: &Finding) -> String {
    let exchange = finding.number().map_or("the whole recording".to_owned(), |number| format!("exchange {number}"));
    let booking = finding.order_uuid.as_deref().map(|uuid| format!(" · order {}", uuid.get(..8).unwrap_or(uuid)));
    format!("{exchange} · {}{}", finding.stage, booking.unwrap_or_default())
}

/// Findings whose pointers differ in array indices only.
fn by_place<'c, 'r>(causes: &RuleGroup<'c, 'r>) -> Vec<RuleGroup<'c, 'r>> {
    let mut places: Vec<(String, RuleGroup<'c, 'r>)> = Vec::new();
    for &cause in causes {
        let shape = shape(&cause.finding.pointer);
        match places.iter_mut().find(|(known, _)| *known == shape) {
            Some((_, place)) => place.push(cause),
            None => places.push((shape, vec![cause])),
        }
    }
    places.into_iter().map(|(_, place)| place).collect()
}

/// `14 more like this: exchanges 4, 7, 9, ...`
fn repeats(repeats: &[&FindingGroup<'_>]) -> String {
    let mut exchanges: Vec<u64> = repeats.iter().filter_map(|cause| cause.finding.number()).collect();
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
