//! Findings: one row for each cause, rule and place, with how often, the first and the newest.
//!
//! `CauseIndex, QuickFilter → rows, the weightiest first` · the newest occurrence is shown beside it

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Line;

use super::cursor::Cursor;
use super::index::Index;
use super::index::causes::CauseGroup;
use super::list_filter::QuickFilter;
use super::model::{Focus, ScreenModel};
use super::services::KnownFinding;
use super::theme::{TextStyle, letter, sign};
use super::view::{line, select, span, teach, title};
use crate::finding::number;
use crate::text;

/// The state of the screen.
#[derive(Debug, Default)]
pub(super) struct FindingsScreen {
    pub(super) cursor: Cursor,
}

fn groups(index: &Index, narrow: QuickFilter) -> impl Iterator<Item = &CauseGroup> {
    index.causes.groups().filter(move |group| narrow.admits(group.side(), group.severity))
}

impl FindingsScreen {
    pub(super) fn selected<'i>(&self, index: &'i Index, narrow: QuickFilter) -> Option<&'i CauseGroup> {
        groups(index, narrow).nth(self.cursor.at)
    }
}

impl ScreenModel {
    /// How many causes are listed.
    pub(super) fn count_groups(&self) -> usize {
        groups(&self.index, self.list.filter().narrow).count()
    }

    /// Until when, and why, findings of a group are set aside, and whether all are: a baseline sets them aside stage by stage. `None` if
    /// they aren't, or aren't any more.
    fn set_aside_because(&self, group: &CauseGroup) -> Option<(bool, String)> {
        let today = self.today();
        let is_it = |known: &&KnownFinding| {
            known.rule == group.rule.id
                && known.pointer == group.place
                && group.stages.contains(&known.stage)
                && known.expires.is_none_or(|expires| today <= expires)
        };
        let known: Vec<&KnownFinding> = self.known.iter().flatten().filter(is_it).collect();
        let first = known.first()?;
        let all = group.stages.iter().all(|stage| known.iter().any(|known| known.stage == *stage));
        let mut stages: Vec<&str> = known.iter().map(|known| known.stage.as_str()).collect();
        stages.dedup();
        let at = if all { String::new() } else { format!(" at {}", stages.join(", ")) };
        let until = first.expires.map(|day| format!(" until {day}")).unwrap_or_default();
        Some((all, format!("set aside{at}{until}: {}", text::visible(&first.reason))))
    }
}

pub(super) fn draw(model: &ScreenModel, area: Rect, buffer: &mut Buffer) {
    let (cursor, narrow) = (&model.findings.cursor, model.list.filter().narrow);
    let focused = model.focus == Focus::List;
    let len = model.count_groups();
    let mut spans = vec![span(TextStyle::Bold, format!(" {} ", text::count(len as u64, "cause")))];
    spans.push(span(TextStyle::Dim, format!("· {} ", narrow.words())));
    let aside =
        groups(&model.index, narrow).filter(|group| model.set_aside_because(group).is_some_and(|(all, _)| all)).count();
    if aside > 0 {
        spans.push(span(TextStyle::Dim, format!("· {aside} set aside ")));
    }
    if model.index.causes.more() > 0 {
        spans.push(span(TextStyle::Dim, format!("· {} not listed", text::count(model.index.causes.more(), "finding"))));
    }
    title(buffer, area, focused, spans);
    if model.index.causes.is_empty() {
        let judged = format!("*No findings so far: {}.", model.status.verdicts.headline());
        let below = Rect { y: area.y + 1, height: area.height.saturating_sub(1), ..area };
        teach(
            buffer,
            below,
            &[
                &judged,
                "",
                "What goes against the specification is listed here, one row for each cause, rule and place.",
                "4 shows what has been tried so far, and what nobody has tried.",
            ],
        );
        return;
    }
    let rows = model.layout.list_rows();
    let shown: Vec<&CauseGroup> = groups(&model.index, narrow).skip(cursor.top).take(rows).collect();
    if len == 0 {
        line(
            buffer,
            area,
            1,
            &Line::from(span(TextStyle::Dim, format!("  Nothing of \"{}\"; F goes on.", narrow.words()))),
        );
    }
    let widest =
        |of: &dyn Fn(&CauseGroup) -> usize, least: usize| shown.iter().map(|one| of(one)).max().unwrap_or(0).max(least);
    let count = widest(&|group| group.count.to_string().len(), 1) + 1;
    let newest = widest(&|group| number(group.newest.exchange).to_string().len(), 4);
    let first = widest(&|group| number(group.first.exchange).to_string().len(), 3);
    let fixed = 4 + count + 2 + first + 1 + newest + 2;
    let room = usize::from(area.width).saturating_sub(fixed);
    let rule = widest(&|group| text::width(&group.rule.id), 4).min(room * 2 / 3);
    let head = area.height - rows.min(usize::from(area.height)) as u16;
    if head > 1 {
        let words = format!("    {:>count$}  {:rule$}  {:>first$}–{:<newest$}  place", "no.", "rule", "1st", "last");
        line(buffer, area, 1, &Line::from(span(TextStyle::Dim, words)));
    }
    for (place, group) in shown.iter().enumerate() {
        let row = head + place as u16;
        let (from, to) = (number(group.first.exchange), number(group.newest.exchange));
        let place_words = if group.place.is_empty() { "(no one place)" } else { &group.place };
        let rest = room.saturating_sub(rule + 1);
        let follow = if group.follow > 0 { format!(" and {} that follow", group.follow) } else { String::new() };
        let aside = model.set_aside_because(group);
        let all_aside = aside.as_ref().is_some_and(|(all, _)| *all);
        let severity = if all_aside { TextStyle::Dim } else { TextStyle::Of(group.severity) };
        let spans = vec![
            span(severity, format!("{} ", sign(group.severity))),
            span(TextStyle::By(group.side()), format!("{} ", letter(group.side()))),
            span(TextStyle::Bold, format!("{:>count$}  ", format!("×{}", group.count))),
            span(TextStyle::Plain, text::clip_middle(&group.rule.id, rule).pad(rule)),
            span(TextStyle::Dim, format!("  {from:>first$}–{to:<newest$}  ")),
            span(TextStyle::Name, text::clip_middle(place_words, rest)),
            span(TextStyle::Dim, follow),
        ];
        // Why it is set aside matters more than the end of its place.
        let mut words = Line::from(spans);
        if let Some((_, aside)) = aside {
            words.spans.truncate(5);
            words.spans.push(span(TextStyle::Dim, text::clip(&format!("{aside} · {place_words}"), room).to_string()));
        }
        line(buffer, area, row, &words);
        if cursor.top + place == cursor.at {
            select(buffer, area, row, focused);
        }
    }
}
