//! The page of findings: each one explained to somebody who hasn't read the specification.
//!
//! `Judged, width → rows: what happened, each finding in full (in short where it follows from another), what was not judged`

use super::page::Row;
use super::theme::{TextStyle, sign};
use crate::finding::{Finding, Severity, folded};
use crate::judged::Judged;
use crate::text;

/// Columns before a finding's text: a bar where it is selected, and a space.
pub(super) const BAR: usize = 2;

/// Columns of the labels.
const LABEL: usize = 10;

/// Most characters of what was seen or expected; what is longer ends with `…`. The message itself shows the rest.
const MAX_SHOWN: usize = 2_000;

pub(super) fn rows(judged: &Judged, width: usize) -> Vec<Row> {
    let mut page = FindingsPage { rows: Vec::new(), width: width.saturating_sub(BAR).max(20), finding: None };
    page.text(
        TextStyle::Dim,
        &format!(
            "exchange {} · {}{} · {} UTC · {}",
            judged.number(),
            judged.stage,
            judged.order_uuid.as_deref().map(|uuid| format!(" · order {uuid}")).unwrap_or_default(),
            judged.clock(),
            judged.duration_words(),
        ),
    );
    if let Some(failure) = judged.failure_words() {
        page.text(TextStyle::Bad, &failure);
    }
    let findings: Vec<&Finding> = judged.findings.iter().collect();
    let mut number = 0;
    for (cause, follow) in folded(&findings) {
        page.finding = Some(cause);
        number += 1;
        page.finding(findings[cause], number, findings.len());
        for index in follow {
            page.finding = Some(index);
            number += 1;
            page.follows(findings[index], number, findings.len());
        }
        page.finding = None;
        page.rows.push(Row::default());
    }
    page.verdicts(judged);
    page.rows
}

struct FindingsPage {
    rows: Vec<Row>,
    width: usize,
    /// The finding that the rows are about.
    finding: Option<usize>,
}

impl FindingsPage {
    fn push(&mut self, mut row: Row) {
        row.findings.extend(self.finding);
        self.rows.push(row);
    }

    fn text(&mut self, ink: TextStyle, text: &str) {
        for line in text::wrap(text, self.width) {
            self.push(Row::new(ink, &line));
        }
    }

    fn labelled(&mut self, label: &str, ink: TextStyle, text: &str) {
        for (index, line) in text::wrap(text, self.width.saturating_sub(LABEL).max(10)).iter().enumerate() {
            let label = if index == 0 { label } else { "" };
            self.push(Row::new(TextStyle::Dim, &format!("{label:LABEL$}")).with(ink, line));
        }
    }

    /// One that would not be there without the finding above it.
    fn follows(&mut self, finding: &Finding, number: usize, count: usize) {
        let Finding { severity, rule, .. } = finding;
        let head = Row::new(TextStyle::Dim, "so also ")
            .with(TextStyle::Of(*severity), &format!("{} {severity}", sign(*severity)))
            .with(TextStyle::Dim, &format!(" · {number} of {count}"));
        self.push(head);
        self.labelled("rule", TextStyle::Plain, &format!("{}: {}", rule.id, rule.title));
        self.labelled("at", TextStyle::Name, &finding.pointer);
        self.because_of(finding);
        self.labelled("expected", TextStyle::Plain, &text::clip(&finding.expected, MAX_SHOWN));
    }

    /// Names the exchange that a finding rests on.
    fn because_of(&mut self, finding: &Finding) {
        if let Some(earlier) = &finding.because_of {
            self.text(TextStyle::Plain, &format!("because of {earlier}"));
        }
    }

    fn finding(&mut self, finding: &Finding, number: usize, count: usize) {
        let rule = &finding.rule;
        let head =
            Row::new(TextStyle::Of(finding.severity), &format!("{} {}", sign(finding.severity), finding.severity))
                .with(TextStyle::Plain, " · ")
                .with(TextStyle::By(rule.side), &format!("the {} is at fault", rule.side.in_words()))
                .with(TextStyle::Dim, &format!(" · {number} of {count}"));
        self.push(head);
        self.text(TextStyle::Bold, &finding.message);
        self.because_of(finding);
        self.labelled("rule", TextStyle::Plain, &format!("{}: {}", rule.id, rule.title));
        if !finding.pointer.is_empty() {
            self.labelled("at", TextStyle::Name, &finding.pointer);
        }
        self.labelled("seen", TextStyle::Plain, &text::clip(&finding.seen, MAX_SHOWN));
        self.labelled("expected", TextStyle::Plain, &text::clip(&finding.expected, MAX_SHOWN));
        for (label, words) in [("why", &rule.why), ("fix", &rule.fix)] {
            if !words.trim().is_empty() {
                self.labelled(label, TextStyle::Plain, words);
            }
        }
        self.labelled("spec", TextStyle::Link, &rule.spec);
    }

    fn verdicts(&mut self, judged: &Judged) {
        let passed = text::count(u64::from(judged.passed), "verdict");
        if judged.muted > 0 {
            let muted = text::count(u64::from(judged.muted), "finding");
            let words =
                format!("{muted} on the broker muted: the request was refused as it should be (--mute-refused).");
            self.text(TextStyle::Dim, &words);
        }
        match judged.findings.len() {
            0 if judged.muted > 0 => self.text(TextStyle::Good, &format!("No other findings. {passed} passed.")),
            // It was never judged, or its verdicts are not kept.
            0 if judged.passed == 0 && judged.not_judged.is_empty() => {
                self.text(
                    TextStyle::Of(Severity::Warning),
                    "No verdicts are at hand; `umpire check` judges the recording again.",
                );
            }
            0 if judged.passed == 0 => {
                self.text(TextStyle::Of(Severity::Warning), "No verdict could be given.");
            }
            0 => self.text(TextStyle::Good, &format!("No findings. {passed} passed.")),
            _ if judged.passed == 0 && judged.not_judged.is_empty() => {
                self.text(
                    TextStyle::Dim,
                    "What else was said of it is not at hand; `umpire check` judges the recording again.",
                );
            }
            _ => self.text(TextStyle::Dim, &format!("{passed} passed.")),
        }
        if judged.not_judged.is_empty() {
            return;
        }
        self.text(TextStyle::Dim, &format!("Not judged: {}", text::count(judged.not_judged.len() as u64, "verdict")));
        let mut reasons: Vec<(&str, Vec<&str>)> = Vec::new();
        for missing in &judged.not_judged {
            match reasons.iter_mut().find(|(reason, _)| *reason == &*missing.because) {
                Some((_, rules)) => rules.push(&missing.rule),
                None => reasons.push((&missing.because, vec![&missing.rule])),
            }
        }
        for (reason, rules) in reasons {
            self.text(TextStyle::Dim, &format!("- {reason}: {}", rules.join(", ")));
        }
    }
}
