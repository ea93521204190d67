//! The help: what the screen shows and which keys there are, over everything else.
//!
//! `HELP, signs → a box over the screen, until the next key`

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Line;
use ratatui::widgets::{Block, Clear, Widget};

use super::super::keys::HELP;
use super::super::theme::Ink;
use super::{line, span};
use crate::finding::{Severity, Side};

/// Columns of the keys.
const KEYS: usize = 12;

pub(super) fn draw(whole: Rect, buffer: &mut Buffer) {
    let lines = lines();
    let width = whole.width.min(90);
    let height = whole.height.min(lines.len() as u16 + 2);
    let area = Rect { x: whole.x + (whole.width - width) / 2, y: whole.y + (whole.height - height) / 2, width, height };
    Clear.render(area, buffer);
    let block = Block::bordered().title(" What you see here (any key closes this) ");
    let inner = block.inner(area);
    block.render(area, buffer);
    for (text, row) in lines.iter().zip(0..) {
        line(buffer, inner, row, text);
    }
}

fn lines() -> Vec<Line<'static>> {
    let mut lines = vec![
        Line::from(" Each row is one request of the broker and the booking system's answer."),
        Line::from(" Both are judged by the Open Booking API; marks tell who is at fault:"),
        Line::from(vec![
            span(Ink::By(Side::Broker), " B"),
            span(Ink::Plain, " broker  "),
            span(Ink::By(Side::BookingSystem), "S"),
            span(Ink::Plain, " booking system      "),
            span(Ink::Of(Severity::Failure), "✗"),
            span(Ink::Plain, " failure (MUST)  "),
            span(Ink::Of(Severity::Warning), "!"),
            span(Ink::Plain, " warning (SHOULD)"),
        ]),
        Line::from(vec![
            span(Ink::Of(Severity::Notice), " ·"),
            span(Ink::Plain, " notice  "),
            span(Ink::Of(Severity::Suggestion), "+"),
            span(Ink::Plain, " suggestion  "),
            span(Ink::Dim, "B✗2 = two failures of the broker"),
        ]),
        Line::from(" C1 C2 P B are the stages of a booking: quote, quote with the customer,"),
        Line::from(" proposal, order. Code 200~: the answer broke off; none: no answer came."),
        Line::default(),
    ];
    lines.extend(HELP.iter().map(|(keys, what)| {
        let pad = KEYS.saturating_sub(crate::text::width(keys));
        Line::from(vec![span(Ink::Bold, format!(" {keys}{:pad$} ", "")), span(Ink::Plain, *what)])
    }));
    lines
}
