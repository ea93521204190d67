//! The detail of the selected exchange: the rows of its page that are in view.
//!
//! `Detail → tabs, the rows in view, what is wrong lit and marked`

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Span};

use super::super::model::{Focus, ScreenModel};
use super::super::page::{DetailPage, DetailTab, MessageView, Row};
use super::super::theme::{TextStyle, marked};
use super::{line, select, span, teach, title};
use crate::finding::Severity;
use crate::judged::Judged;
use crate::text;

pub(super) fn draw(model: &ScreenModel, area: Rect, buffer: &mut Buffer) {
    if area.is_empty() {
        return;
    }
    let focused = model.focus == Focus::Detail;
    let detail = &model.detail;
    let Some(judged) = model.judged() else {
        title(buffer, area, focused, Vec::new());
        let Some(number) = model.subject_number() else { return };
        let below = Rect { y: area.y + 1, height: area.height.saturating_sub(1), ..area };
        let words = format!("umpire capture show {} {number}", text::visible(model.status.file()));
        teach(buffer, below, &[&format!("*Exchange {number} is not kept in memory any more."), "", &words]);
        return;
    };
    let Some(page) = &detail.page else {
        title(buffer, area, focused, tabs(model, judged, None));
        line(buffer, area, 1, &Line::from(span(TextStyle::Dim, "  being laid out …")));
        return;
    };
    title(buffer, area, focused, tabs(model, judged, Some(page)));
    let (_, height) = model.layout.detail_size();
    for (place, row) in page.window(detail.top, height).iter().enumerate() {
        let at = 1 + place as u16;
        if detail.tab == DetailTab::Findings {
            line(buffer, area, at, &explained(row, detail.finding));
            continue;
        }
        message_row(model, row, area, at, buffer);
        if focused && detail.top + place == detail.row && row.lit.is_none() {
            select(buffer, area, at, true);
        }
    }
}

fn tabs(model: &ScreenModel, judged: &Judged, page: Option<&DetailPage>) -> Vec<Span<'static>> {
    let detail = &model.detail;
    let mut spans = Vec::new();
    for tab in DetailTab::ALL {
        let words = match tab {
            DetailTab::Findings => format!(" Findings ({}) ", judged.findings.len()),
            DetailTab::Request => format!(" Request {}", on(judged, "/request")),
            DetailTab::Response => format!(" Response {}", on(judged, "/response")),
        };
        let style =
            if tab == detail.tab { Style::new().add_modifier(Modifier::REVERSED) } else { TextStyle::Plain.style() };
        if !spans.is_empty() {
            spans.push(span(TextStyle::Dim, "│"));
        }
        spans.push(Span::styled(words, style));
    }
    if detail.tab != DetailTab::Findings {
        let view = match detail.view {
            MessageView::Tree => "",
            MessageView::Raw => "│ raw ",
            MessageView::Hex => "│ hex ",
        };
        spans.push(span(TextStyle::Bold, view));
    }
    let (_, height) = model.layout.detail_size();
    if let Some(page) = page.filter(|page| page.len() > height) {
        let end = (detail.top + height).min(page.len());
        spans.push(span(TextStyle::Dim, format!("│ lines {}-{end} of {}", detail.top + 1, page.len())));
    }
    spans
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
    let mut spans = vec![span(TextStyle::Of(Severity::Warning), bar)];
    spans.extend(row.pieces.iter().map(|(ink, text)| span(*ink, text.as_str())));
    Line::from(spans)
}

/// A row of a message, scrolled sideways, lit if it is what a finding is about.
fn message_row(model: &ScreenModel, row: &Row, area: Rect, at: u16, buffer: &mut Buffer) {
    if at >= area.height {
        return;
    }
    let place = Rect { y: area.y + at, height: 1, ..area };
    let mut left = model.detail.left;
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
    let words: String = spans.iter().map(|span| &*span.content).collect();
    line(buffer, area, at, &Line::from(spans));
    if let Some(severity) = row.lit {
        let blank = words.len() - words.trim_start_matches(' ').len();
        let width = text::width(&words).saturating_sub(blank);
        let x = place.x + (blank as u16).min(place.width);
        buffer.set_style(Rect { x, width: (place.right() - x).min(width as u16), ..place }, marked(severity));
    }
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
