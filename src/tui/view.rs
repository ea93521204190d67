//! The frame: drawn from the model, which it does not change.
//!
//! `Model → header, list, detail, footer (or a welcome, or the help) → Frame`

mod coverage;
mod detail;
mod footer;
mod header;
mod help;
mod list;
mod welcome;

use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::Widget;

use super::model::{Focus, Model};
use super::theme::Ink;
use crate::text;

/// Draws the whole screen.
pub(super) fn draw(model: &Model, frame: &mut Frame<'_>) {
    let areas = model.areas;
    let buffer = frame.buffer_mut();
    header::draw(model, areas.header, buffer);
    if model.coverage_page.is_some() {
        coverage::draw(model, areas.body, buffer);
    } else if model.log.is_empty() {
        welcome::draw(model, areas.body, buffer);
    } else {
        list::draw(model, areas.list, buffer);
        detail::draw(model, areas.detail, buffer);
    }
    footer::draw(model, areas.footer, buffer);
    if let Some(words) = model.prompt_words() {
        let whole = buffer.area;
        footer::prompt(&words, whole, buffer);
    }
    if model.help {
        let whole = buffer.area;
        help::draw(whole, buffer);
    }
}

/// One line of an area; the last column is `…` where it is longer.
fn line(buffer: &mut Buffer, area: Rect, row: u16, line: &Line<'_>) {
    if row >= area.height || area.width == 0 {
        return;
    }
    let place = Rect { y: area.y + row, height: 1, ..area };
    line.render(place, buffer);
    let words: String = line.spans.iter().map(|span| &*span.content).collect();
    if text::width(words.trim_end()) > usize::from(area.width) {
        let style = buffer[(place.right() - 1, place.y)].style();
        buffer.set_stringn(place.right() - 1, place.y, "…", 1, style);
    }
}

/// A span of an ink. The text must be safe to print.
fn span<'t>(ink: Ink, text: impl Into<std::borrow::Cow<'t, str>>) -> Span<'t> {
    Span::styled(text, ink.style())
}

/// The line above a part: its title, and a rule up to its end.
fn title(buffer: &mut Buffer, area: Rect, focused: bool, mut spans: Vec<Span<'_>>) {
    let used: usize = spans.iter().map(|span| text::width(&span.content)).sum();
    let ink = if focused { Ink::Bold } else { Ink::Dim };
    let rest = usize::from(area.width).saturating_sub(used + 3);
    spans.insert(0, span(ink, if focused { "━━" } else { "──" }));
    spans.push(span(ink, format!(" {}", if focused { "━" } else { "─" }.repeat(rest))));
    line(buffer, area, 0, &Line::from(spans));
}

/// True if a part has the focus.
fn focused(model: &Model, focus: Focus) -> bool {
    model.focus == focus
}
