//! The help: what the screen shows and which keys it has, over everything else.
//!
//! `CommandContext → a box over the screen, which scrolls where it is cut` · any other key closes it

use ratatui::buffer::Buffer;
use ratatui::layout::{Rect, Size};
use ratatui::text::Line;
use ratatui::widgets::{Block, Clear, Widget};

use super::super::command::{self, CommandContext};
use super::super::cursor::Motion;
use super::super::theme::TextStyle;
use super::{line, span};
use crate::finding::{Severity, Side};
use crate::text;

/// Columns of the keys.
const KEYS: usize = 12;

/// Most columns of the box.
const MAX_WIDTH: u16 = 100;

/// The open help: which of its lines are in view.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::tui) struct HelpScroll {
    /// The first line in view.
    top: usize,
    /// How many are in view, as of the last frame.
    height: usize,
    /// How many there are, as of the last frame.
    len: usize,
}

impl HelpScroll {
    /// True if some lines are out of view.
    pub(in crate::tui) fn is_cut(self) -> bool {
        self.len > self.height
    }

    pub(in crate::tui) fn go(&mut self, motion: Motion) {
        self.top = motion.from(self.top, self.height);
    }

    pub(in crate::tui) fn scroll(&mut self, rows: isize) {
        self.top = self.top.saturating_add_signed(rows);
    }

    /// Fits the lines to the size of the terminal.
    pub(in crate::tui) fn fit(&mut self, place: CommandContext, size: Size) {
        self.len = lines_in(place, size).len();
        self.height = usize::from(size.height).saturating_sub(2);
        self.top = self.top.min(self.len.saturating_sub(self.height));
    }
}

pub(super) fn draw(scroll: HelpScroll, place: CommandContext, whole: Rect, buffer: &mut Buffer) {
    let width = whole.width.min(MAX_WIDTH);
    let lines = lines_in(place, whole.as_size());
    let height = whole.height.min(lines.len() as u16 + 2);
    let area = Rect { x: whole.x + (whole.width - width) / 2, y: whole.y + (whole.height - height) / 2, width, height };
    Clear.render(area, buffer);
    let block = if scroll.is_cut() {
        let last = (scroll.top + scroll.height).min(scroll.len);
        let seen = format!("lines {}–{last} of {}", scroll.top + 1, scroll.len);
        let title = format!(" {} · {seen} (↑ ↓ PgUp PgDn) ", place.title());
        Block::bordered().title(title).title_bottom(" any other key closes this ")
    } else {
        Block::bordered().title(format!(" {} (any key closes this) ", place.title()))
    };
    let inner = block.inner(area);
    block.render(area, buffer);
    for (text, row) in lines.iter().skip(scroll.top).zip(0..inner.height) {
        line(buffer, inner, row, text);
    }
}

/// The lines of the help on a terminal of this size.
fn lines_in(place: CommandContext, size: Size) -> Vec<Line<'static>> {
    let width = usize::from(size.width.min(MAX_WIDTH)).saturating_sub(2);
    lines(place, width, usize::from(size.height).saturating_sub(2))
}

/// What the screen shows, the signs, its own keys; then the keys of every screen, in short if all of it fits then.
fn lines(place: CommandContext, width: usize, height: usize) -> Vec<Line<'static>> {
    let about = text::wrap(place.about(), width.saturating_sub(2));
    let mut lines: Vec<Line<'static>> =
        about.into_iter().map(|words| Line::from(span(TextStyle::Plain, format!(" {words}")))).collect();
    let sides = vec![
        span(TextStyle::By(Side::Broker), " B"),
        span(TextStyle::Plain, " broker  "),
        span(TextStyle::By(Side::BookingSystem), "S"),
        span(TextStyle::Plain, " booking system  "),
    ];
    let signs = vec![
        span(TextStyle::Of(Severity::Failure), "✗"),
        span(TextStyle::Plain, " failure  "),
        span(TextStyle::Of(Severity::Warning), "!"),
        span(TextStyle::Plain, " warning  "),
        span(TextStyle::Of(Severity::Notice), "·"),
        span(TextStyle::Plain, " notice  "),
        span(TextStyle::Of(Severity::Suggestion), "+"),
        span(TextStyle::Plain, " suggestion"),
    ];
    if super::width(&sides) + super::width(&signs) <= width {
        lines.push(sides.into_iter().chain(signs).collect());
    } else {
        let margin = std::iter::once(span(TextStyle::Plain, " "));
        lines.extend([Line::from(sides), margin.chain(signs).collect()]);
    }
    let entry_lines = |(entry, keys): (&command::CommandEntry, Vec<&str>)| {
        let keys = keys.join(" ");
        let column = text::width(&keys).max(KEYS) + 2;
        let pad = column.saturating_sub(1 + text::width(&keys));
        let first = span(TextStyle::Bold, format!(" {keys}{:pad$}", ""));
        let words = text::wrap(entry.words, width.saturating_sub(column));
        let margin = |at| if at == 0 { first.clone() } else { span(TextStyle::Plain, " ".repeat(column)) };
        let rows = words.into_iter().enumerate();
        rows.map(|(at, words)| Line::from(vec![margin(at), span(TextStyle::Plain, words)])).collect::<Vec<_>>()
    };
    let own = command::joined(command::at(place).filter(|entry| !entry.is_everywhere()));
    lines.extend(own.into_iter().flat_map(entry_lines));
    let general = command::joined(command::at(place).filter(|entry| entry.is_everywhere()));
    let in_short = general.iter().map(|(entry, keys)| format!("{} {}", keys.join(" "), entry.name));
    let in_short = text::wrap(&in_short.collect::<Vec<_>>().join(" · "), width.saturating_sub(2));
    let in_full: Vec<Line<'static>> = general.into_iter().flat_map(entry_lines).collect();
    let room = height.saturating_sub(lines.len());
    if in_full.len() > room && in_short.len() <= room {
        lines.extend(in_short.into_iter().map(|words| Line::from(span(TextStyle::Dim, format!(" {words}")))));
    } else {
        lines.extend(in_full);
    }
    lines
}
