//! What has changed between two judgements, in words.
//!
//! `ReportComparison → new findings in full → gone ones in a line each → rules that say otherwise → last line`

use std::io;

use super::compare::{ReportComparison, RuleVerdictCounts};
use super::finding_text::{headline, labelled, link, paragraph, particulars};
use super::paint::{Paint, ReportStyle};
use crate::finding::Finding;
use crate::text::{self, Printer, SafeText, safe, safe_format};

/// Writes only what has changed.
pub fn compare_text(out: &mut Printer<'_>, comparison: &ReportComparison, paint: Paint) -> io::Result<()> {
    let ReportComparison { new, gone, rules, not_judged } = comparison;
    let title = |out: &mut Printer<'_>, number: usize, what| {
        let title = text::count(number as u64, what);
        if number == 0 { Ok(()) } else { out.line(paint.ink(ReportStyle::Bold, title)) }
    };
    title(out, new.len(), "new finding")?;
    for (file, finding) in new {
        out.line(safe!["  ", headline(paint, finding.severity, finding.rule.side, &finding.rule.id)])?;
        out.line(safe!["    ", paint.ink(ReportStyle::Bold, whereabouts(file, finding))])?;
        particulars(out, paint, 4, finding)?;
        link(out, paint, 4, &finding.rule.spec)?;
    }
    title(out, gone.len(), "gone finding")?;
    for finding in gone {
        out.line(safe!["  ", headline(paint, finding.severity, finding.side, &finding.rule)])?;
        let exchange = finding.number.map(|number| format!(" · exchange {number}")).unwrap_or_default();
        paragraph(out, paint, 4, &format!("{}{exchange} · {} · {}", finding.file, finding.stage, finding.pointer))?;
        paragraph(out, paint, 4, &finding.message)?;
        if let Some(earlier) = &finding.because_of {
            paragraph(out, paint, 4, &format!("because of {earlier}"))?;
        }
    }
    title(out, rules.len(), "changed rule")?;
    for change in rules {
        let said = format!("{} → {}", words(change.before, change.after), words(change.after, change.before));
        out.line(safe_format!("  {}: {said}", change.rule))?;
    }
    for file in not_judged {
        labelled(out, paint, 0, "left out", &format!("{file} was not judged now, so nothing is said of it"))?;
    }
    let last = match (new.len() as u64, gone.len() as u64) {
        (0, 0) if rules.is_empty() => "nothing has changed".into(),
        (new, gone) => SafeText::join(
            [
                text::count(new, "new finding"),
                text::count(gone, "gone finding"),
                text::count(rules.len() as u64, "changed rule"),
            ],
            ", ",
        ),
    };
    out.line(paint.ink(ReportStyle::Bold, last))?;
    out.flush()
}

fn whereabouts(file: &str, finding: &Finding) -> SafeText {
    let exchange = finding.number().map(|number| format!(" · exchange {number}")).unwrap_or_default();
    safe_format!("{file}{exchange} · {}", finding.stage)
}

/// The counts that differ: `7 passed, 1 failed`.
fn words(verdicts: Option<RuleVerdictCounts>, other: Option<RuleVerdictCounts>) -> String {
    let Some(verdicts) = verdicts else { return "not asked".to_owned() };
    let counts = |verdicts: RuleVerdictCounts| [verdicts.passed, verdicts.failed, verdicts.not_judged];
    let (own, other) = (counts(verdicts), other.map(counts));
    let words = ["passed", "failed", "not judged"];
    let differ: Vec<String> = (0..3)
        .filter(|&at| other.is_none_or(|other| other[at] != own[at]))
        .map(|at| format!("{} {}", own[at], words[at]))
        .collect();
    differ.join(", ")
}
