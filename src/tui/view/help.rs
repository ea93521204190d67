//! The help: what the screen shows and which keys it has, over everything else.
//!
//! `CommandContext → a box over the screen, until the next key`

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Line;
use ratatui::widgets::{Block, Clear, Widget};

use super::super::command::{self, CommandContext};
use super::super::theme::TextStyle;
use super::{line, span};
use crate::finding::{Severity, Side};
use crate::text;

/// Columns of the keys.
const KEYS: usize = 12;

pub(super) fn draw(place: CommandContext, whole: Rect, buffer: &mut Buffer) {
    let width = whole.width.min(100);
    let lines = lines(place, usize::from(width).saturating_sub(2), usize::from(whole.height).saturating_sub(2));
    let height = whole.height.min(lines.len() as u16 + 2);
    let area = Rect { x: whole.x + (whole.width - width) / 2, y: whole.y + (whole.height - height) / 2, width, height };
    Clear.render(area, buffer);
    let block = Block::bordered().title(format!(" {} (any key closes this) ", place.title()));
    let inner = block.inner(area);
    block.render(area, buffer);
    for (text, row) in lines.iter().zip(0..) {
        line(buffer, inner, row, text);
    }
}

/// What the screen shows, the signs, its own keys; then, as far as there is room, the keys of every screen.
fn lines(place: CommandContext, width: usize, height: usize) -> Vec<Line<'static>> {
    let about = text::wrap(place.about(), width.saturating_sub(2));
    let mut lines: Vec<Line<'static>> =
        about.into_iter().map(|words| Line::from(span(TextStyle::Plain, format!(" {words}")))).collect();
    lines.push(Line::from(vec![
        span(TextStyle::By(Side::Broker), " B"),
        span(TextStyle::Plain, " broker  "),
        span(TextStyle::By(Side::BookingSystem), "S"),
        span(TextStyle::Plain, " booking system  "),
        span(TextStyle::Of(Severity::Failure), "✗"),
        span(TextStyle::Plain, " failure  "),
        span(TextStyle::Of(Severity::Warning), "!"),
        span(TextStyle::Plain, " warning  "),
        span(TextStyle::Of(Severity::Notice), "·"),
        span(TextStyle::Plain, " notice  "),
        span(TextStyle::Of(Severity::Suggestion), "+"),
        span(TextStyle::Plain, " suggestion"),
    ]));
    let entry_line = |(entry, keys): (&command::CommandEntry, Vec<&str>)| {
        let keys = keys.join(" ");
        let pad = KEYS.saturating_sub(text::width(&keys));
        Line::from(vec![span(TextStyle::Bold, format!(" {keys}{:pad$} ", "")), span(TextStyle::Plain, entry.words)])
    };
    lines
        .extend(command::joined(command::at(place).filter(|entry| !entry.is_everywhere())).into_iter().map(entry_line));
    let general = command::joined(command::at(place).filter(|entry| entry.is_everywhere()));
    let room = height.saturating_sub(lines.len());
    if general.len() <= room {
        lines.extend(general.into_iter().map(entry_line));
    } else {
        // In short, so that nothing is out of sight.
        let words: Vec<String> = general.iter().map(|(entry, keys)| format!("{} {}", keys[0], entry.name)).collect();
        let words = text::wrap(&words.join(" · "), width.saturating_sub(2));
        lines.extend(words.into_iter().map(|words| Line::from(span(TextStyle::Dim, format!(" {words}")))));
    }
    lines
}
