//! Which rules had something to say, in words.
//!
//! `Coverage → headline → per feature, then per area: rules by how far they have come → what nobody has tried`

use std::io::{self, Write};

use super::paint::{Ink, Paint};
use crate::coverage::{Coverage, Group, Reach};
use crate::finding::Severity;
use crate::text;

/// Columns of the words before a list of rules.
const LABEL: usize = 15;

/// Writes how far every rule has come, by feature of the test suite.
pub(super) fn coverage_text(out: &mut dyn Write, coverage: &Coverage, paint: Paint) -> io::Result<()> {
    writeln!(out, "\n{}", paint.ink(Ink::Bold, &format!("coverage: {}", coverage.headline())))?;
    let groups = coverage.groups();
    for group in &groups {
        let kind = if group.is_feature { "feature" } else { "area" };
        let exercised = format!("{} of {}", group.exercised(), text::count(group.rules.len() as u64, "rule"));
        let name = paint.ink(Ink::Bold, &text::visible(group.name));
        writeln!(out, "  {kind} {name}: {exercised} exercised")?;
        for reach in Reach::ALL {
            let rules: Vec<String> = group.of(reach).map(|rule| rule.rule.id.clone()).collect();
            if !rules.is_empty() {
                let ink = match reach {
                    Reach::Failed => Ink::Of(Severity::Failure),
                    Reach::Passed => Ink::Good,
                    Reach::NotJudged | Reach::NeverReached => Ink::Dim,
                };
                listed(out, paint, &paint.ink(ink, &format!("{:LABEL$}", reach.in_words())), &rules.join(", "))?;
            }
        }
    }
    for (reach, words) in [
        (Reach::NotJudged, "tried, but never judged for want of something that was not seen"),
        (Reach::NeverReached, "nobody has yet tried"),
    ] {
        let of: Vec<&Group<'_>> = groups.iter().filter(|group| group.is_feature && group.reach() == reach).collect();
        if !of.is_empty() {
            writeln!(out, "  {}", paint.ink(Ink::Bold, words))?;
        }
        for group in of {
            let name = text::visible(group.name);
            writeln!(out, "    {}: {}", paint.ink(Ink::Bold, &name), text::visible(group.in_words()))?;
        }
    }
    writeln!(out)
}

fn listed(out: &mut dyn Write, paint: Paint, label: &str, text: &str) -> io::Result<()> {
    let room = paint.width.map_or(usize::MAX, |width| width.saturating_sub(4 + LABEL).max(20));
    for (index, line) in text::wrap(text, room).iter().enumerate() {
        if index == 0 {
            writeln!(out, "    {label}{line}")?;
        } else {
            writeln!(out, "    {:LABEL$}{line}", "")?;
        }
    }
    Ok(())
}
