//! Which rules had something to say, in words.
//!
//! `Coverage → headline → per feature, then per area: rules by how far they have come → what nobody has tried`

use std::io;

use super::finding_text::indented;
use super::paint::{Paint, ReportStyle};
use crate::coverage::{Coverage, CoverageState, FeatureGroup};
use crate::finding::Severity;
use crate::text::{self, Printer, SafeText, safe, safe_format, visible};

/// Columns of the words before a list of rules.
const LABEL: usize = 15;

/// Writes how far every rule has come, by feature of the test suite.
pub(super) fn coverage_text(out: &mut Printer<'_>, coverage: &Coverage, paint: Paint) -> io::Result<()> {
    out.line(safe!["\n", paint.ink(ReportStyle::Bold, safe_format!("coverage: {}", coverage.headline()))])?;
    let groups = coverage.groups();
    for group in &groups {
        let kind = if group.is_feature { "feature" } else { "area" };
        let rules = text::count(group.rules.len() as u64, "rule");
        let name = paint.ink(ReportStyle::Bold, visible(group.name));
        out.line(safe!["  ", kind, " ", name, ": ", group.exercised(), " of ", rules, " exercised"])?;
        for reach in CoverageState::ALL {
            let rules: Vec<String> = group.of(reach).map(|rule| rule.rule.id.clone()).collect();
            if !rules.is_empty() {
                let ink = match reach {
                    CoverageState::Failed => ReportStyle::Of(Severity::Failure),
                    CoverageState::Passed => ReportStyle::Good,
                    CoverageState::NotJudged | CoverageState::NeverReached => ReportStyle::Dim,
                };
                listed(out, paint, &paint.ink(ink, SafeText::from(reach.in_words()).pad(LABEL)), &rules.join(", "))?;
            }
        }
    }
    for (reach, words) in [
        (CoverageState::NotJudged, "tried, but never judged for want of something that was not seen"),
        (CoverageState::NeverReached, "nobody has yet tried"),
    ] {
        let of: Vec<&FeatureGroup<'_>> =
            groups.iter().filter(|group| group.is_feature && group.reach() == reach).collect();
        if !of.is_empty() {
            out.line(safe!["  ", paint.ink(ReportStyle::Bold, words)])?;
        }
        for group in of {
            out.line(safe![
                "    ",
                paint.ink(ReportStyle::Bold, visible(group.name)),
                ": ",
                visible(group.in_words())
            ])?;
        }
    }
    out.line("")
}

fn listed(out: &mut Printer<'_>, paint: Paint, label: &SafeText, text: &str) -> io::Result<()> {
    let room = paint.width.map_or(usize::MAX, |width| width.saturating_sub(4 + LABEL).max(20));
    for (index, line) in text::wrap(text, room).into_iter().enumerate() {
        if index == 0 {
            out.line(safe!["    ", label, line])?;
        } else {
            out.line(safe![indented(4 + LABEL), line])?;
        }
    }
    Ok(())
}
