//! Counts by side and severity with the legend of the marks, and the keys.
//!
//! `Tally → counts` · `Focus → the keys that matter now`, or a word about the last one

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Clear, Widget};

use super::super::model::{Focus, Model};
use super::super::theme::{Ink, letter, sign};
use super::{line, span};
use crate::finding::{Severity, Side};
use crate::text;

pub(super) fn draw(model: &Model, area: Rect, buffer: &mut Buffer) {
    if area.height > 1 {
        line(buffer, area, 0, &counts(model, area.width));
    }
    line(buffer, area, area.height.saturating_sub(1), &keys(model, area.width));
}

fn counts(model: &Model, width: u16) -> Line<'static> {
    let mut spans = Vec::new();
    for side in Side::ALL {
        let words = format!(" {} {}", letter(side), side.in_words());
        spans.push(span(Ink::By(side), words));
        for severity in Severity::ALL {
            let number = model.tally.get(side, severity);
            let ink = if number == 0 { Ink::Dim } else { Ink::Of(severity) };
            spans.push(span(ink, format!(" {}{number}", sign(severity))));
        }
        spans.push(span(Ink::Dim, " │"));
    }
    spans.push(span(Ink::Plain, format!(" {}", text::count(model.exchanges, "exchange"))));
    let used: usize = spans.iter().map(|span| text::width(&span.content)).sum();
    let legend = " │ ✗ failure  ! warning  · notice  + suggestion";
    if used + text::width(legend) <= usize::from(width) {
        spans.push(span(Ink::Dim, legend));
    }
    Line::from(spans)
}

/// What the screen asks, in the last row of the screen whatever its size.
pub(super) fn prompt(words: &str, whole: Rect, buffer: &mut Buffer) {
    let row = Rect { y: whole.bottom().saturating_sub(1), height: whole.height.min(1), ..whole };
    Clear.render(row, buffer);
    line(buffer, row, 0, &Line::from(span(Ink::Of(Severity::Warning), format!(" {}", text::visible(words)))));
}

fn keys(model: &Model, width: u16) -> Line<'static> {
    if let Some(word) = &model.word {
        let word = text::visible(word);
        return Line::from(span(Ink::Of(Severity::Warning), format!(" {word}")));
    }
    let keys: &[(&str, &str)] = match model.focus {
        _ if model.coverage_page.is_some() => &[("?", "help"), ("↑↓", "scroll"), ("q Esc", "back")],
        Focus::List => &[
            ("?", "help"),
            ("q", "quit"),
            ("↑↓", "move"),
            ("Enter", "open"),
            ("Tab", "view"),
            ("n", "finding"),
            ("F", "filter"),
            ("c", "coverage"),
            (":", "go to"),
        ],
        Focus::Detail => &[
            ("?", "help"),
            ("↑↓←→", "scroll"),
            ("m", "next finding"),
            ("Enter", "show its place"),
            ("Tab", "view"),
            ("q Esc", "list"),
        ],
    };
    let mut spans: Vec<Span<'static>> = vec![span(Ink::Plain, " ")];
    let mut used = 1;
    for (key, what) in keys {
        let words = format!(" {what}  ");
        used += text::width(key) + text::width(&words);
        // The blanks at the end may be cut.
        if used > usize::from(width) + 2 {
            break;
        }
        spans.push(span(Ink::Bold, *key));
        spans.push(span(Ink::Dim, words));
    }
    Line::from(spans)
}
