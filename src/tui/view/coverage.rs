//! The page of coverage, in place of list and detail.
//!
//! `rows, first row → headline, the rows in view`

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Line;

use super::super::model::Model;
use super::super::theme::Ink;
use super::{line, span, title};

pub(super) fn draw(model: &Model, area: Rect, buffer: &mut Buffer) {
    if area.is_empty() {
        return;
    }
    let Some(page) = &model.coverage_page else { return };
    let headline = model.coverage.as_ref().map_or_else(String::new, |coverage| coverage.headline());
    title(buffer, area, true, vec![span(Ink::Bold, " Coverage "), span(Ink::Plain, headline)]);
    for (row, at) in page.rows.iter().skip(page.top).zip(1..area.height) {
        let spans: Vec<_> = row.pieces.iter().map(|(ink, text)| span(*ink, text)).collect();
        line(buffer, area, at, &Line::from(spans));
    }
}
