//! Coverage: what has been tried, by the features of the test suite, with bars; what nobody has tried, and how to.
//!
//! `Coverage, Cursor → headline, one row for each feature and area · below it the rules of the selected one`

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::cursor::{Cursor, Motion};
use super::model::ScreenModel;
use super::theme::TextStyle;
use super::view::{line, select, span, teach, title};
use crate::coverage::{Coverage, CoverageState, FeatureGroup};
use crate::finding::Severity;
use crate::text;

/// Columns of a bar.
const BAR: usize = 20;

/// The state of the screen.
#[derive(Debug, Default)]
pub(super) struct CoverageScreen {
    cursor: Cursor,
    len: usize,
}

impl CoverageScreen {
    pub(super) fn go(&mut self, motion: Motion) {
        self.cursor.go(motion, self.len, false);
    }

    pub(super) fn scroll(&mut self, rows: isize) {
        self.cursor.scroll(rows, self.len);
    }

    /// The cursor, and how many rows there are.
    pub(super) fn rows(&mut self) -> (&mut Cursor, usize) {
        (&mut self.cursor, self.len)
    }

    pub(super) fn fit(&mut self, coverage: Option<&Coverage>, rows: usize) {
        self.len = coverage.map_or(0, |coverage| coverage.groups().len());
        self.cursor.fit(self.len, list_rows(self.len, rows));
    }

    /// The name of the selected feature, and the id of a rule of it that has failed.
    pub(super) fn selected(&self, coverage: Option<&Coverage>) -> Option<(String, Option<String>)> {
        let groups = sorted(coverage?);
        let group = groups.get(self.cursor.at)?;
        let failed = group.of(CoverageState::Failed).next().map(|rule| rule.rule.id.clone());
        Some((group.name.to_owned(), failed))
    }
}

/// Rows of the list, so that the rules of the selected feature have room below.
fn list_rows(len: usize, rows: usize) -> usize {
    len.min(if rows >= 14 { rows * 3 / 5 } else { rows })
}

/// What nobody has tried first, then what could not be judged, what failed, what passed; features before areas.
fn sorted(coverage: &Coverage) -> Vec<FeatureGroup<'_>> {
    let rank = |group: &FeatureGroup<'_>| match group.reach() {
        CoverageState::NeverReached if group.is_feature => 0,
        CoverageState::NotJudged => 1,
        CoverageState::Failed => 2,
        CoverageState::Passed => 3,
        CoverageState::NeverReached => 4,
    };
    let mut groups = coverage.groups();
    groups.sort_by_key(|group| (rank(group), !group.is_feature));
    groups
}

pub(super) fn draw(model: &ScreenModel, area: Rect, buffer: &mut Buffer) {
    let Some(coverage) = model.status.coverage.as_deref() else {
        title(buffer, area, true, vec![span(TextStyle::Bold, " Coverage ")]);
        let below = Rect { y: area.y + 1, height: area.height.saturating_sub(1), ..area };
        teach(
            buffer,
            below,
            &[
                "*Nothing has been judged yet.",
                "",
                "As exchanges come in, this shows which features of OpenActive's test suite they exercise,",
                "which rules passed, which failed, and what nobody has tried so far.",
            ],
        );
        return;
    };
    let headline = vec![span(TextStyle::Bold, " Coverage "), span(TextStyle::Plain, coverage.headline())];
    title(buffer, area, true, headline);
    let groups = sorted(coverage);
    let cursor = &model.coverage.cursor;
    let rows = list_rows(groups.len(), usize::from(area.height).saturating_sub(2));
    let name =
        groups.iter().map(|group| text::width(group.name)).max().unwrap_or(0).min(usize::from(area.width) / 3).max(7);
    let words = format!("  {:name$}  {:BAR$}  passed failed  not judged", "feature", "exercised");
    line(buffer, area, 1, &Line::from(span(TextStyle::Dim, words)));
    for (place, group) in groups.iter().skip(cursor.top).take(rows).enumerate() {
        let row = 2 + place as u16;
        line(buffer, area, row, &group_row(group, name));
        if cursor.top + place == cursor.at {
            select(buffer, area, row, true);
        }
    }
    let used = 2 + rows as u16;
    if let Some(group) = groups.get(cursor.at)
        && area.height > used + 2
    {
        let below = Rect { y: area.y + used, height: area.height - used, ..area };
        rules(model, group, below, buffer);
    }
}

fn ink(reach: CoverageState) -> TextStyle {
    match reach {
        CoverageState::Failed => TextStyle::Of(Severity::Failure),
        CoverageState::Passed => TextStyle::Good,
        CoverageState::NotJudged => TextStyle::Of(Severity::Notice),
        CoverageState::NeverReached => TextStyle::Dim,
    }
}

fn group_row(group: &FeatureGroup<'_>, name: usize) -> Line<'static> {
    let reach = group.reach();
    let sign = match reach {
        CoverageState::Failed => "✗ ",
        CoverageState::NeverReached => "○ ",
        CoverageState::NotJudged => "? ",
        CoverageState::Passed => "✓ ",
    };
    let mut spans =
        vec![span(ink(reach), sign), span(TextStyle::Plain, text::clip_middle(group.name, name).pad(name + 2))];
    spans.extend(bar(group));
    let of = |reach| group.of(reach).count();
    let count = |ink: TextStyle, number: usize, width: usize| {
        if number == 0 {
            span(TextStyle::Dim, format!("{:>width$}", "·"))
        } else {
            span(ink, format!("{number:>width$}"))
        }
    };
    spans.push(count(TextStyle::Plain, of(CoverageState::Passed), 8));
    spans.push(count(TextStyle::Of(Severity::Failure), of(CoverageState::Failed), 7));
    spans.push(count(TextStyle::Plain, of(CoverageState::NotJudged), 12));
    let kind = if group.is_feature { "" } else { "  (area)" };
    let never = if reach == CoverageState::NeverReached { "  never tried" } else { "" };
    spans.push(span(TextStyle::Dim, format!("{never}{kind}")));
    Line::from(spans)
}

/// What part of the rules has passed and failed.
fn bar(group: &FeatureGroup<'_>) -> Vec<Span<'static>> {
    let all = group.rules.len().max(1);
    // What there is of shows, however little.
    let part = |count: usize| if count == 0 { 0 } else { (count * BAR / all).max(1) };
    let failed = part(group.of(CoverageState::Failed).count());
    let passed = part(group.of(CoverageState::Passed).count()).min(BAR - failed);
    vec![
        span(TextStyle::Of(Severity::Failure), "█".repeat(failed)),
        span(TextStyle::Good, "█".repeat(passed)),
        span(TextStyle::Dim, "░".repeat(BAR - failed - passed)),
    ]
}

/// The rules of a feature by how far they have come, and how to try what was not.
fn rules(model: &ScreenModel, group: &FeatureGroup<'_>, area: Rect, buffer: &mut Buffer) {
    let kind = if group.is_feature { "feature" } else { "area" };
    let words = format!(
        " {kind} {} · {} of {} exercised ",
        group.name,
        group.exercised(),
        text::count(group.rules.len() as u64, "rule")
    );
    title(buffer, area, false, vec![span(TextStyle::Plain, words)]);
    let width = usize::from(area.width).saturating_sub(18).max(20);
    let mut row = 1;
    let mut labelled = |label: &str, label_ink: TextStyle, words: &str| {
        for (index, part) in text::wrap(words, width).iter().enumerate() {
            let label = if index == 0 { label } else { "" };
            let spans =
                vec![span(label_ink, format!("  {label:14}")), span(TextStyle::Plain, part.as_str().to_owned())];
            line(buffer, area, row, &Line::from(spans));
            row += 1;
        }
    };
    if group.reach() == CoverageState::NeverReached {
        let stages: Vec<&str> =
            group.rules.iter().flat_map(|rule| rule.rule.stages.iter().map(String::as_str)).collect();
        let mut stages = stages;
        stages.sort_unstable();
        stages.dedup();
        labelled(
            "how to try it",
            TextStyle::Bold,
            &format!("make a booking in which this holds: {} (looked for at {})", group.in_words(), stages.join(", ")),
        );
    }
    for reach in CoverageState::ALL {
        let rules: Vec<&str> = group.of(reach).map(|rule| rule.rule.id.as_str()).collect();
        if !rules.is_empty() {
            labelled(reach.in_words(), ink(reach), &rules.join(", "));
        }
        for rule in group.of(reach).filter(|_| reach == CoverageState::NotJudged) {
            if let Some(because) = model.index.causes.why_not_judged(&rule.rule.id) {
                labelled("", TextStyle::Dim, &format!("- {}: {because}", rule.rule.id));
            }
        }
    }
}
