//! The page of coverage: what has been tried, and what nobody has tried yet.
//!
//! `Coverage, width → rows: headline, what nobody tried, then every feature and area with its rules`

use super::sheet::Row;
use super::theme::Ink;
use crate::coverage::{Coverage, Group, Reach};
use crate::finding::Severity;
use crate::text;

/// Columns of the words before a list of rules.
const LABEL: usize = 17;

pub(super) fn rows(coverage: Option<&Coverage>, width: usize) -> Vec<Row> {
    let Some(coverage) = coverage else {
        return vec![Row::new(Ink::Dim, "Nothing has been judged yet.")];
    };
    let groups = coverage.groups();
    let mut rows = Vec::new();
    let mut labelled = |label: (Ink, &str), ink: Ink, text: &str| {
        for (index, line) in text::wrap(text, width.saturating_sub(LABEL).max(20)).iter().enumerate() {
            let label = if index == 0 { label } else { (Ink::Plain, "") };
            rows.push(Row::new(label.0, &format!("{:LABEL$}", label.1)).with(ink, line));
        }
    };
    let untried: Vec<&Group<'_>> =
        groups.iter().filter(|group| group.is_feature && group.reach() == Reach::NeverReached).collect();
    for (index, group) in untried.iter().enumerate() {
        let label = if index == 0 { "nobody has tried" } else { "" };
        labelled((Ink::Bold, label), Ink::Plain, &format!("{}: {}", group.name, group.in_words()));
    }
    for group in &groups {
        let kind = if group.is_feature { "feature" } else { "area" };
        let exercised = format!("{} of {} exercised", group.exercised(), text::count(group.rules.len() as u64, "rule"));
        labelled((Ink::Plain, ""), Ink::Plain, "");
        labelled((Ink::Dim, kind), Ink::Bold, &format!("{}: {exercised}", group.name));
        for reach in Reach::ALL {
            let rules: Vec<&str> = group.of(reach).map(|rule| rule.rule.id.as_str()).collect();
            if !rules.is_empty() {
                labelled((ink(reach), &format!("  {}", reach.in_words())), Ink::Plain, &rules.join(", "));
            }
        }
    }
    rows
}

fn ink(reach: Reach) -> Ink {
    match reach {
        Reach::Failed => Ink::Of(Severity::Failure),
        Reach::Passed => Ink::Good,
        Reach::NotJudged => Ink::Of(Severity::Notice),
        Reach::NeverReached => Ink::Dim,
    }
}
