//! Laid out rows, from a first one on.
//!
//! `rows, first row → the rows in view`

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Line;

use super::super::page::Row;
use super::{line, span};

/// Draws rows from `top` on into an area, from its row `at` on.
pub(in crate::tui) fn rows(buffer: &mut Buffer, area: Rect, at: u16, rows: &[Row], top: usize) {
    for (row, at) in rows.iter().skip(top).zip(at..area.height) {
        let spans: Vec<_> = row.pieces.iter().map(|(ink, text)| span(*ink, text.as_str())).collect();
        line(buffer, area, at, &Line::from(spans));
    }
}
