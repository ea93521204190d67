//! All exchanges of the recording, from the first to the last, whatever is kept in memory.
//!
//! ```text
//! Cursor, rows ─► pages that are missing ─► Effect::ReadPage ─► EffectReply::PageRead ─► rows    a few pages are kept, without bodies
//! F ─► what is remembered of each exchange ─► FilteredExchanges
//! / ─► Effect::Search ─► EffectReply::Found, how far it has come ─► Effect::Search … ─► FilteredExchanges
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::cursor::Cursor;
use super::exchanges::{ExchangeColumns, exchange, headings, remembered};
use super::index::verdicts::VerdictIndex;
use super::list_filter::{ListFilter, QuickFilter};
use super::model::{Focus, ScreenModel};
use super::services::{Effect, ExchangeSearch, SearchSlice};
use super::theme::TextStyle;
use super::view::{line, select, span, teach, title};
use crate::finding::{Severity, grouped, number};
use crate::judged::Judged;

/// Exchanges of one page.
pub(super) const PAGE: u64 = 64;

/// Most pages that are kept: as many as a large window of chosen exchanges needs. Past it those farthest from the rows in view go.
const MAX_PAGES: usize = 128;

/// The state of the screen.
#[derive(Debug, Default)]
pub(super) struct ArchiveScreen {
    pub(super) cursor: Cursor,
    pages: BTreeMap<u64, Vec<Arc<Judged>>>,
    asked: BTreeSet<u64>,
    trouble: Option<String>,
    /// What is listed, unless it is everything.
    choice: Option<FilteredExchanges>,
    /// Number of the newest search.
    searches: u64,
}

/// The exchanges that were chosen by a filter.
#[derive(Debug)]
struct FilteredExchanges {
    filter: ListFilter,
    /// Their 0-based indexes, ascending.
    found: Vec<u64>,
    /// How far a search has come, and how many exchanges there are; `None` once it is over.
    searched: Option<(u64, u64)>,
    /// What was selected before; the nearest is selected until the reader selects another one.
    before: u64,
}

impl ArchiveScreen {
    /// The filter in force.
    pub(super) fn filter(&self) -> ListFilter {
        self.choice.as_ref().map_or(ListFilter::ALL, |choice| choice.filter.clone())
    }

    /// How many rows there are in a recording of so many exchanges.
    pub(super) fn len(&self, recorded: usize) -> usize {
        self.choice.as_ref().map_or(recorded, |choice| choice.found.len())
    }

    /// The 0-based index of the exchange in a row.
    fn index_at(&self, row: usize, recorded: usize) -> Option<u64> {
        match &self.choice {
            Some(choice) => choice.found.get(row).copied(),
            None => (row < recorded).then_some(row as u64),
        }
    }

    /// The index of the selected exchange; `None` if there is none.
    pub(super) fn selected(&self, recorded: usize) -> Option<u64> {
        self.index_at(self.cursor.at, recorded)
    }

    /// Selects an exchange by its index, and lists all if it is not among what is listed.
    pub(super) fn select(&mut self, index: u64) {
        let place = self.choice.as_ref().map(|choice| choice.found.binary_search(&index));
        if let Some(Ok(place)) = place {
            return self.cursor.select(place);
        }
        self.choice = None;
        self.cursor.select(usize::try_from(index).unwrap_or(usize::MAX));
    }

    /// Lists what passes a filter: at once if what is remembered of each exchange decides it, else as far as a search has come.
    pub(super) fn choose(
        &mut self,
        filter: ListFilter,
        verdicts: &VerdictIndex,
        recorded: usize,
        marked: &BTreeSet<u64>,
    ) -> Option<Effect> {
        let before = self.selected(recorded).unwrap_or_default();
        self.searches += 1;
        self.trouble = None;
        self.choice = None;
        if filter.is_all() {
            self.cursor.select(usize::try_from(before).unwrap_or(usize::MAX));
            return None;
        }
        let mut choice = FilteredExchanges { filter, found: Vec::new(), searched: None, before };
        let effect = match choice.filter.condition() {
            Some(condition) => {
                choice.searched = Some((0, recorded as u64));
                let (filter, marked) = (Arc::clone(condition), Arc::new(marked.clone()));
                Some(Effect::Search(self.searches, ExchangeSearch { filter, marked, from: 0 }))
            }
            None => {
                choice.found = (0..recorded as u64).filter(|&index| choice.admits(index, verdicts)).collect();
                None
            }
        };
        self.cursor.select(choice.nearest());
        self.choice = Some(choice);
        effect
    }

    /// Takes what a search has found; how it goes on.
    pub(super) fn take_found(
        &mut self,
        number: u64,
        slice: Result<SearchSlice, String>,
        verdicts: &VerdictIndex,
        marked: &BTreeSet<u64>,
    ) -> Option<Effect> {
        let choice = self.choice.as_mut().filter(|_| number == self.searches)?;
        let SearchSlice { found, next, of } = match slice {
            Ok(slice) => slice,
            Err(why) => {
                (choice.searched, self.trouble) = (None, Some(why));
                return None;
            }
        };
        let (unmoved, filter) = (self.cursor.at == choice.nearest(), Arc::clone(choice.filter.condition()?));
        let narrow = choice.filter.narrow;
        let admitted =
            |&index: &u64| narrow == QuickFilter::All || verdicts.get(index).is_some_and(|one| one.has(narrow));
        choice.found.extend(found.into_iter().filter(admitted));
        if unmoved {
            self.cursor.select(choice.nearest());
        }
        choice.searched = (next < of).then_some((next, of));
        let search = ExchangeSearch { filter, marked: Arc::new(marked.clone()), from: next };
        choice.searched.is_some().then_some(Effect::Search(number, search))
    }

    /// Goes to the next or previous row with findings. False if there is none.
    pub(super) fn step_to_findings(&mut self, verdicts: &VerdictIndex, recorded: usize, forward: bool) -> bool {
        let (at, len) = (self.cursor.at, self.len(recorded));
        let has = |&row: &usize| {
            let one = self.index_at(row, recorded).and_then(|index| verdicts.get(index));
            one.is_some_and(|one| one.has(QuickFilter::Findings))
        };
        let row = if forward { (at + 1..len).find(has) } else { (0..at.min(len)).rev().find(has) };
        row.map(|row| self.cursor.select(row)).is_some()
    }

    /// Fits the window; the pages that are missing in it.
    pub(super) fn fit(&mut self, recorded: usize, rows: usize, is_kept: impl Fn(u64) -> bool) -> Vec<Effect> {
        let len = self.len(recorded);
        self.cursor.fit(len, rows);
        let end = (self.cursor.top + rows).min(len);
        let indexes = (self.cursor.top..end).filter_map(|row| self.index_at(row, recorded));
        let missing = indexes.filter(|&index| !is_kept(index)).map(|index| index / PAGE);
        // Of what was chosen every row may be on another page; those that have no room now come when others are here.
        let missing = missing.take(MAX_PAGES);
        let missing: BTreeSet<u64> =
            missing.filter(|page| !self.pages.contains_key(page) && !self.asked.contains(page)).collect();
        self.asked.extend(&missing);
        missing.into_iter().map(Effect::ReadPage).collect()
    }

    /// Takes a page that was read.
    pub(super) fn take(&mut self, page: u64, read: Result<Vec<Arc<Judged>>, String>) {
        match read {
            Ok(exchanges) => {
                self.asked.remove(&page);
                self.pages.insert(page, exchanges);
                self.trouble = None;
            }
            // Not asked for again, or it would be for ever.
            Err(why) => self.trouble = Some(why),
        }
        let here = self.index_at(self.cursor.top, usize::MAX).unwrap_or_default() / PAGE;
        while self.pages.len() > MAX_PAGES {
            let farthest = self.pages.keys().copied().max_by_key(|page| page.abs_diff(here));
            farthest.map(|page| self.pages.remove(&page));
        }
    }

    fn get(&self, index: u64) -> Option<&Arc<Judged>> {
        self.pages.get(&(index / PAGE))?.get((index % PAGE) as usize)
    }
}

impl FilteredExchanges {
    /// True if what is remembered of an exchange passes the quick choice.
    fn admits(&self, index: u64, verdicts: &VerdictIndex) -> bool {
        verdicts.get(index).is_some_and(|one| one.has(self.filter.narrow))
    }

    /// The row of what was selected before, or of what comes behind it.
    fn nearest(&self) -> usize {
        self.found.partition_point(|&index| index < self.before).min(self.found.len().saturating_sub(1))
    }
}

impl ScreenModel {
    /// Lists in the archive what passes a filter.
    pub(super) fn choose_in_archive(&mut self, filter: ListFilter) {
        let recorded = self.recorded();
        let effect = self.archive.choose(filter, &self.index.verdicts, recorded, self.list.marked());
        if let Some(effect) = effect {
            self.ask(effect);
        }
        self.show_selected();
    }

    /// How many exchanges the recording has, as far as is known.
    pub(super) fn recorded(&self) -> usize {
        let told = self.status.progress.map_or(0, |progress| progress.recorded);
        // More may have passed than was shown.
        let newest = self.list.newest().map_or(0, |judged| judged.number());
        told.max(newest) as usize
    }

    fn of_archive(&self, index: u64) -> Option<&Arc<Judged>> {
        self.list.by_index(index).or_else(|| self.archive.get(index))
    }
}

/// What the list is of.
fn head(model: &ScreenModel, recorded: usize) -> Vec<Span<'static>> {
    let all = grouped(recorded as u64);
    let Some(choice) = &model.archive.choice else {
        let at = grouped(model.archive.cursor.at as u64 + 1);
        return vec![
            span(TextStyle::Bold, format!(" All {all} exchanges ")),
            span(TextStyle::Dim, format!("· at {at} · what was let go is read from the recording")),
        ];
    };
    let found = grouped(choice.found.len() as u64);
    let mut spans = vec![
        span(TextStyle::Bold, format!(" {found} of {all} exchanges ")),
        span(TextStyle::Dim, format!("· {} ", crate::text::clip(&choice.filter.words(), 60))),
    ];
    if let Some((next, of)) = choice.searched {
        spans.push(span(TextStyle::Name, format!("· {} % looked through", next * 100 / of.max(1))));
    }
    spans
}

pub(super) fn draw(model: &ScreenModel, area: Rect, buffer: &mut Buffer) {
    let (cursor, recorded) = (&model.archive.cursor, model.recorded());
    let len = model.archive.len(recorded);
    let focused = model.focus == Focus::List;
    let mut spans = head(model, recorded);
    if let Some(trouble) = &model.archive.trouble {
        spans.push(span(TextStyle::Of(Severity::Warning), format!(" · {}", crate::text::clip(trouble, 80))));
    }
    title(buffer, area, focused, spans);
    if recorded == 0 {
        let below = Rect { y: area.y + 1, height: area.height.saturating_sub(1), ..area };
        teach(
            buffer,
            below,
            &[
                "*Nothing is recorded yet.",
                "",
                "Every exchange of the recording is listed here, from the first to the last.",
            ],
        );
        return;
    }
    let rows = model.layout.list_rows();
    let in_view = (cursor.top..len).take(rows);
    let indexes: Vec<u64> = in_view.filter_map(|row| model.archive.index_at(row, recorded)).collect();
    let selected = model.archive.selected(recorded);
    let shown: Vec<&Judged> = indexes.iter().filter_map(|&index| model.of_archive(index)).map(|one| &**one).collect();
    let columns = ExchangeColumns::new(&shown, area.width);
    let first = model.layout.list_head();
    if first > 1 {
        line(buffer, area, 1, &headings(&columns));
    }
    let mut before: Option<&Judged> = None;
    for (index, row) in indexes.into_iter().zip(first..) {
        let words = match model.of_archive(index) {
            Some(judged) => {
                let (before, marked) = (before.replace(judged), model.list.is_marked(index));
                let has_verdicts = judged.passed > 0 || !judged.findings.is_empty() || !judged.not_judged.is_empty();
                if has_verdicts || model.list.by_index(index).is_some() {
                    exchange(judged, before, marked, &columns)
                } else {
                    remembered(judged, model.index.verdicts.get(index), before, marked, &columns)
                }
            }
            None => Line::from(span(TextStyle::Dim, format!("  {:>1$} …", number(index), columns.number))),
        };
        line(buffer, area, row, &words);
        if Some(index) == selected {
            select(buffer, area, row, focused);
        }
    }
}
