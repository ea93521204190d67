//! Counts by side and severity with the legend of the marks, and the keys.
//!
//! `Tally → counts` · `Focus → the keys that matter now`, or a word about the last one

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::super::model::{Focus, Model};
use super::super::theme::{Ink, letter, sign};
use super::{line, span};
use crate::finding::{Severity, Side};
use crate::text;

pub(super) fn draw(model: &Model, area: Rect, buffer: &mut Buffer) {
    if area.height > 1 {
        line(buffer, area, 0, &counts(model, area.width));
    }
    line(buffer, area, area.height.saturating_sub(1), &keys(model));
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

fn keys(model: &Model) -> Line<'static> {
    if let Some(word) = model.word {
        return Line::from(span(Ink::Of(Severity::Warning), format!(" {word}")));
    }
    let keys: &[(&str, &str)] = match model.focus {
        _ if model.coverage_page.is_some() => &[("?", "help"), ("q", "quit"), ("↑↓", "scroll"), ("c Esc", "back")],
        Focus::List => &[
            ("?", "help"),
            ("q", "quit"),
            ("↑↓", "move"),
            ("Enter", "open"),
            ("Tab", "view"),
            ("n", "finding"),
            ("F", "filter"),
            ("c", "coverage"),
        ],
        Focus::Detail => &[
            ("?", "help"),
            ("q", "quit"),
            ("↑↓←→", "scroll"),
            ("m", "next finding"),
            ("Enter", "show its place"),
            ("Tab", "view"),
            ("Esc", "list"),
        ],
    };
    let mut spans: Vec<Span<'static>> = vec![span(Ink::Plain, " ")];
    for (key, what) in keys {
        spans.push(span(Ink::Bold, *key));
        spans.push(span(Ink::Dim, format!(" {what}  ")));
    }
    Line::from(spans)
}
