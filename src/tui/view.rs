//! The frame: drawn from the model, which it does not change.
//!
//! `ScreenModel → header, the screen on top, footer (and over it a question, a palette, the help) → Frame`

mod exchange;
mod footer;
mod header;
mod help;
mod rows;
mod welcome;

use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::{Rect, Size};
use ratatui::style::{Color, Modifier};
use ratatui::text::{Line, Span};
use ratatui::widgets::Widget;

use super::layout::LEAST;
use super::model::{Screen, ScreenModel};
use super::theme::TextStyle;
use super::{archive, booking, bookings, compare, coverage, event_log, exchanges, faults, findings, traffic};
use crate::text;

pub(super) use header::tab_at;
pub(super) use help::HelpScroll;
pub(super) use rows::rows;

/// Draws the whole screen.
pub(super) fn draw(model: &ScreenModel, frame: &mut Frame<'_>) {
    let buffer = frame.buffer_mut();
    let whole = buffer.area;
    if whole.width < LEAST.width || whole.height < LEAST.height {
        too_small(whole, buffer);
        footer::question(model, whole, buffer);
        return;
    }
    let layout = &model.layout;
    header::draw(model, layout.header, buffer);
    match model.screen() {
        Screen::Bookings if model.status.exchanges == 0 => welcome::draw(model, layout.body, buffer),
        Screen::Exchanges if model.list.is_empty() && model.rows_under_way().is_empty() => {
            welcome::draw(model, layout.body, buffer);
        }
        Screen::Bookings => bookings::draw(model, layout.body, buffer),
        Screen::Booking => booking::draw(model, layout.list, buffer),
        Screen::Exchanges => exchanges::draw(model, layout.list, buffer),
        Screen::Archive => archive::draw(model, layout.list, buffer),
        Screen::Findings => findings::draw(model, layout.list, buffer),
        Screen::Coverage => coverage::draw(model, layout.body, buffer),
        Screen::Traffic => traffic::draw(model, layout.body, buffer),
        Screen::Compare => compare::draw(model, layout.body, buffer),
        Screen::EventLog => event_log::draw(model, layout.body, buffer),
        Screen::Faults => faults::draw(model, layout.body, buffer),
    }
    if model.has_detail() {
        exchange::draw(model, layout.detail, buffer);
        if layout.is_side {
            divider(layout.detail, buffer);
        }
    }
    footer::draw(model, layout.footer, buffer);
    footer::question(model, whole, buffer);
    if let Some(scroll) = model.help {
        help::draw(scroll, model.place(), whole, buffer);
    }
}

fn too_small(whole: Rect, buffer: &mut Buffer) {
    let Size { width, height } = LEAST;
    let words = format!("Needs {width}×{height}");
    line(buffer, whole, whole.height / 2, &Line::from(span(TextStyle::Plain, words)));
}

/// The line between list and detail that lie side by side.
fn divider(detail: Rect, buffer: &mut Buffer) {
    let Some(x) = detail.x.checked_sub(1) else { return };
    for y in detail.top()..detail.bottom() {
        buffer.set_stringn(x, y, "│", 1, TextStyle::Dim.style());
    }
}

/// One line of an area; the last column is `…` where it is longer.
pub(super) fn line(buffer: &mut Buffer, area: Rect, row: u16, line: &Line<'_>) {
    if row >= area.height || area.width == 0 {
        return;
    }
    let place = Rect { y: area.y + row, height: 1, ..area };
    line.render(place, buffer);
    let words: String = line.spans.iter().map(|span| &*span.content).collect();
    if text::width(words.trim_end()) > usize::from(area.width) {
        let x = place.right() - 1;
        let style = buffer[(x, place.y)].style();
        // A wide character that begins in the column before has lost its second half.
        if x > place.x && text::width(buffer[(x - 1, place.y)].symbol()) > 1 {
            buffer[(x - 1, place.y)].set_symbol(" ");
        }
        buffer.set_stringn(x, place.y, "…", 1, style);
    }
}

/// A span of an ink. The text must be safe to print.
pub(super) fn span<'t>(ink: TextStyle, text: impl Into<std::borrow::Cow<'t, str>>) -> Span<'t> {
    Span::styled(text, ink.style())
}

/// The columns that spans take.
pub(super) fn width(spans: &[Span<'_>]) -> usize {
    spans.iter().map(|span| text::width(&span.content)).sum()
}

/// Gives the selected row of a list one even background where the list has the focus, else bold letters.
pub(super) fn select(buffer: &mut Buffer, area: Rect, row: u16, focused: bool) {
    if row >= area.height {
        return;
    }
    for x in area.left()..area.right() {
        let cell = &mut buffer[(x, area.y + row)];
        if !focused {
            cell.modifier.insert(Modifier::BOLD);
            continue;
        }
        cell.bg = super::theme::SELECTED;
        cell.modifier.remove(Modifier::DIM);
        cell.fg = match cell.fg {
            Color::Red => Color::LightRed,
            Color::Green => Color::LightGreen,
            Color::Yellow => Color::LightYellow,
            Color::Blue => Color::LightBlue,
            Color::Magenta => Color::LightMagenta,
            Color::Cyan => Color::LightCyan,
            Color::Reset | Color::Gray => Color::White,
            other => other,
        };
    }
}

/// The line above a part: its title, and a rule up to its end.
pub(super) fn title(buffer: &mut Buffer, area: Rect, focused: bool, mut spans: Vec<Span<'_>>) {
    let used = width(&spans);
    let ink = if focused { TextStyle::Bold } else { TextStyle::Dim };
    let rest = usize::from(area.width).saturating_sub(used + 3);
    spans.insert(0, span(ink, if focused { "━━" } else { "──" }));
    spans.push(span(ink, format!(" {}", if focused { "━" } else { "─" }.repeat(rest))));
    line(buffer, area, 0, &Line::from(spans));
}

/// Words that say what to do where there is nothing to show yet; `*` at the start of a line makes it bold.
pub(super) fn teach(buffer: &mut Buffer, area: Rect, lines: &[&str]) {
    let top = u16::from(usize::from(area.height) > lines.len());
    let mut row = top;
    for words in lines {
        let (ink, words) = words.strip_prefix('*').map_or((TextStyle::Plain, *words), |words| (TextStyle::Bold, words));
        for part in text::wrap(words, usize::from(area.width).saturating_sub(4)) {
            let part = format!("  {part}");
            line(buffer, area, row, &Line::from(span(ink, part)));
            row += 1;
        }
    }
}
