//! The detail of the selected exchange: the rows of its sheet that are in view.
//!
//! `Sheet, first line, first column → tabs, the rows in view, an arrow at each mark`

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Span};

use super::super::model::{Focus, Model, Tab};
use super::super::sheet::{DetailPage, Row};
use super::super::theme::{Ink, marked};
use super::{focused, line, span, title};
use crate::event::Judged;
use crate::finding::Severity;
use crate::text;

pub(super) fn draw(model: &Model, area: Rect, buffer: &mut Buffer) {
    if area.is_empty() {
        return;
    }
    let (Some((_, judged)), Some(sheet)) = (model.log.selected(), &model.sheet) else {
        title(buffer, area, focused(model, Focus::Detail), Vec::new());
        return;
    };
    head(model, judged, sheet, area, buffer);
    let (_, height) = model.areas.detail_size();
    for (row, at) in sheet.window(model.top, height).iter().zip(1..) {
        match model.tab {
            Tab::Findings => line(buffer, area, at, &explained(row, model.finding)),
            Tab::Request | Tab::Response => message_row(model, row, area, at, buffer),
        }
    }
}

fn head(model: &Model, judged: &Judged, sheet: &DetailPage, area: Rect, buffer: &mut Buffer) {
    let mut spans = Vec::new();
    for tab in Tab::ALL {
        let words = match tab {
            Tab::Findings => format!(" 1 Findings ({}) ", judged.findings.len()),
            Tab::Request => format!(" 2 Request {}", on(judged, "/request")),
            Tab::Response => format!(" 3 Response {}", on(judged, "/response")),
        };
        let style = if tab == model.tab { Style::new().add_modifier(Modifier::REVERSED) } else { Ink::Plain.style() };
        if !spans.is_empty() {
            spans.push(span(Ink::Dim, "│"));
        }
        spans.push(Span::styled(words, style));
    }
    let (_, height) = model.areas.detail_size();
    if sheet.len() > height {
        let end = (model.top + height).min(sheet.len());
        spans.push(span(Ink::Dim, format!("│ lines {}-{end} of {}", model.top + 1, sheet.len())));
    }
    title(buffer, area, focused(model, Focus::Detail), spans);
}

/// How many findings point into a message, as `◀2 `.
fn on(judged: &Judged, prefix: &str) -> String {
    match judged.findings.iter().filter(|finding| finding.pointer.starts_with(prefix)).count() {
        0 => String::new(),
        number => format!("◀{number} "),
    }
}

/// A row of the page of findings, with a bar at the selected one.
fn explained(row: &Row, selected: usize) -> Line<'_> {
    let bar = if row.findings.contains(&selected) { "▌ " } else { "  " };
    let mut spans = vec![span(Ink::Of(Severity::Warning), bar)];
    spans.extend(row.pieces.iter().map(|(ink, text)| span(*ink, text)));
    Line::from(spans)
}

/// A row of a message, scrolled sideways, with its mark at the end.
fn message_row(model: &Model, row: &Row, area: Rect, at: u16, buffer: &mut Buffer) {
    if at >= area.height {
        return;
    }
    let place = Rect { y: area.y + at, height: 1, ..area };
    let mut left = model.left;
    let mut spans = Vec::new();
    for (ink, piece) in &row.pieces {
        let width = text::width(piece);
        if left >= width && width > 0 {
            left -= width;
            continue;
        }
        spans.push(if left == 0 { span(*ink, piece.as_str()) } else { span(*ink, behind(piece, left)) });
        left = 0;
    }
    let used: usize = spans.iter().map(|span| text::width(&span.content)).sum();
    line(buffer, area, at, &Line::from(spans));
    let Some(severity) = row.lit else {
        if used > usize::from(area.width) {
            buffer.set_stringn(place.right() - 1, place.y, "…", 1, Ink::Dim.style());
        }
        return;
    };
    buffer.set_style(Rect { width: place.width.min(used as u16), ..place }, marked(severity));
    let Some(mark) = &row.mark else { return };
    let selected = row.findings.contains(&model.finding);
    let mut style = Ink::Of(severity).style();
    if selected {
        style = style.add_modifier(Modifier::BOLD | Modifier::REVERSED);
    }
    // Behind the text if there is room, else over its end.
    let words = format!("◀ {mark}");
    let width = text::width(&words).min(usize::from(area.width) * 2 / 3);
    let x = (used + 1).min(usize::from(area.width).saturating_sub(width)) as u16;
    buffer.set_stringn(place.x + x, place.y, &*text::clip(&words, width), width, style);
}

/// What is left of a text without its first columns.
fn behind(text: &str, columns: usize) -> &str {
    let mut used = 0;
    for (at, character) in text.char_indices() {
        if used >= columns {
            return &text[at..];
        }
        used += text::width(character.encode_utf8(&mut [0; 4]));
    }
    ""
}
