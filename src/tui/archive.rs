//! All exchanges of the recording, from the first to the last, whatever is kept in memory.
//!
//! `Cursor, rows → pages that are missing → Effect::ReadPage → Reply::PageRead → rows` · a few pages are kept, without bodies

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Line;

use super::cursor::Cursor;
use super::exchanges::{Columns, exchange, headings, remembered};
use super::model::{Focus, Model};
use super::services::Effect;
use super::theme::Ink;
use super::view::{line, select, span, teach, title};
use crate::event::Judged;
use crate::finding::{Severity, grouped, number};

/// Exchanges of one page.
pub(super) const PAGE: u64 = 64;

/// Most pages that are kept. Past it those farthest from the rows in view go.
const MAX_PAGES: usize = 8;

/// The state of the screen.
#[derive(Debug, Default)]
pub(super) struct ArchiveScreen {
    pub(super) cursor: Cursor,
    pages: BTreeMap<u64, Vec<Arc<Judged>>>,
    asked: BTreeSet<u64>,
    trouble: Option<String>,
}

impl ArchiveScreen {
    /// The index of the selected exchange; `None` if there is none.
    pub(super) fn selected(&self, len: usize) -> Option<u64> {
        (self.cursor.at < len).then_some(self.cursor.at as u64)
    }

    /// Fits the window; the pages that are missing in it.
    pub(super) fn fit(&mut self, len: usize, rows: usize, is_kept: impl Fn(u64) -> bool) -> Vec<Effect> {
        self.cursor.fit(len, rows);
        let end = (self.cursor.top + rows).min(len) as u64;
        let missing = (self.cursor.top as u64..end).filter(|&index| !is_kept(index)).map(|index| index / PAGE);
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
        let here = self.cursor.top as u64 / PAGE;
        while self.pages.len() > MAX_PAGES {
            let farthest = self.pages.keys().copied().max_by_key(|page| page.abs_diff(here));
            farthest.map(|page| self.pages.remove(&page));
        }
    }

    fn get(&self, index: u64) -> Option<&Arc<Judged>> {
        self.pages.get(&(index / PAGE))?.get((index % PAGE) as usize)
    }
}

impl Model {
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

pub(super) fn draw(model: &Model, area: Rect, buffer: &mut Buffer) {
    let (cursor, len) = (&model.archive.cursor, model.recorded());
    let focused = model.focus == Focus::List;
    let mut spans = vec![span(Ink::Bold, format!(" All {} exchanges ", grouped(len as u64)))];
    spans.push(span(
        Ink::Dim,
        format!("· at {} · what was let go is read from the recording, without its findings", cursor.at + 1),
    ));
    if let Some(trouble) = &model.archive.trouble {
        spans.push(span(Ink::Of(Severity::Warning), format!(" · {}", crate::text::clip(trouble, 80))));
    }
    title(buffer, area, focused, spans);
    if len == 0 {
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
    let indexes: Vec<u64> = (cursor.top as u64..len as u64).take(rows).collect();
    let shown: Vec<&Judged> = indexes.iter().filter_map(|&index| model.of_archive(index)).map(|one| &**one).collect();
    let columns = Columns::new(&shown, area.width);
    let first = model.layout.list_head();
    if first > 1 {
        line(buffer, area, 1, &headings(&columns));
    }
    let mut before: Option<&Judged> = None;
    for (index, row) in indexes.into_iter().zip(first..) {
        let words = match model.of_archive(index) {
            Some(judged) => {
                let (before, marked) = (before.replace(judged), model.list.is_marked(index));
                if model.list.by_index(index).is_some() {
                    exchange(judged, before, marked, &columns)
                } else {
                    remembered(judged, model.index.verdicts.get(index), before, marked, &columns)
                }
            }
            None => Line::from(span(Ink::Dim, format!("  {:>1$} …", number(index), columns.number))),
        };
        line(buffer, area, row, &words);
        if index == cursor.at as u64 {
            select(buffer, area, row, focused);
        }
    }
}
