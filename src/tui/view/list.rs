//! The list of exchanges: one row each, the marks of their findings at the end.
//!
//! `Log → title, headings, the rows in view`

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Span};

use super::super::model::{Focus, Model};
use super::super::theme::{Ink, letter, sign};
use super::{focused, line, span, title};
use crate::event::Judged;
use crate::finding::{Severity, Side};
use crate::openbooking::Stage;
use crate::text;

/// Columns of the marks.
const MARKS: usize = 15;

/// Which columns there is room for, and how wide the request is.
struct Columns {
    /// Columns of the number.
    number: usize,
    time: bool,
    order: bool,
    duration: bool,
    request: usize,
}

impl Columns {
    fn new(width: u16, model: &Model) -> Self {
        let width = usize::from(width);
        let newest = model.log.newest().map_or(1, Judged::number);
        let number = text::width(&newest.to_string()).max(3);
        let (time, order, duration) = (width >= 56, width >= 64, width >= 72);
        // Cursor, number, stage, status and marks, each with its space.
        let mut used = 2 + number + 1 + 10 + 5 + MARKS + 1;
        used += if time { 9 } else { 0 } + if order { 9 } else { 0 } + if duration { 8 } else { 0 };
        Self { number, time, order, duration, request: width.saturating_sub(used).max(8) }
    }
}

pub(super) fn draw(model: &Model, area: Rect, buffer: &mut Buffer) {
    if area.is_empty() {
        return;
    }
    head(model, area, buffer);
    let columns = Columns::new(area.width, model);
    let rows = model.areas.list_rows();
    let first = area.height - rows as u16;
    if first > 1 {
        line(buffer, area, 1, &headings(&columns));
    }
    if model.log.shown() == 0 {
        let words = format!("  No exchange is \"{}\" so far; F changes the filter.", model.log.filter().words());
        line(buffer, area, first, &Line::from(span(Ink::Dim, words)));
    }
    for ((judged, selected), row) in model.log.window(rows).zip(first..) {
        line(buffer, area, row, &exchange(judged, selected, &columns));
        if selected {
            let place = Rect { y: area.y + row, height: 1, ..area };
            let style = if focused(model, Focus::List) { Modifier::REVERSED } else { Modifier::BOLD };
            // The marks keep their colours.
            let width = area.width.saturating_sub(MARKS as u16);
            buffer.set_style(Rect { width, ..place }, Style::new().add_modifier(style));
        }
    }
}

fn head(model: &Model, area: Rect, buffer: &mut Buffer) {
    let log = &model.log;
    let mut spans = vec![span(Ink::Bold, format!(" {} ", text::count(log.shown() as u64, "exchange")))];
    spans.push(span(Ink::Dim, format!("· {} · ", log.filter().words())));
    spans.push(match log.selected() {
        _ if log.following() && model.lag_seconds() > 0 => {
            span(Ink::Of(Severity::Warning), format!("following, {} s behind", model.lag_seconds()))
        }
        _ if log.following() => span(Ink::Good, "following"),
        Some((_, judged)) => span(Ink::Of(Severity::Warning), format!("stopped at {} (f follows)", judged.number())),
        None => span(Ink::Of(Severity::Warning), "stopped (f follows)"),
    });
    if log.gone() > 0 {
        spans.push(span(Ink::Dim, format!(" · {} older no longer listed", log.gone())));
    }
    title(buffer, area, focused(model, Focus::List), spans);
}

fn headings(columns: &Columns) -> Line<'static> {
    let mut words = format!("  {:>1$} ", "no.", columns.number);
    if columns.time {
        words.push_str("UTC      ");
    }
    words.push_str("stage     ");
    if columns.order {
        words.push_str("order    ");
    }
    words.push_str("request");
    words.push_str(&" ".repeat(columns.request.saturating_sub(7)));
    words.push_str(" code ");
    if columns.duration {
        words.push_str("   time ");
    }
    words.push_str("findings");
    Line::from(span(Ink::Dim, words))
}

fn exchange(judged: &Judged, selected: bool, columns: &Columns) -> Line<'static> {
    let mut spans = vec![span(Ink::Bold, if selected { "▸ " } else { "  " })];
    spans.push(span(Ink::Dim, format!("{:>1$} ", judged.number(), columns.number)));
    if columns.time {
        spans.push(span(Ink::Dim, format!("{} ", judged.clock())));
    }
    spans.push(span(Ink::Bold, format!("{:9} ", stage(judged.stage))));
    if columns.order {
        spans.push(span(Ink::Plain, format!("{:8} ", judged.short_uuid())));
    }
    let (method, path) = judged.request_words();
    // The booking has its own column.
    let path = match path.strip_suffix(judged.short_uuid()).and_then(|path| path.strip_suffix('/')) {
        Some(resource) if columns.order => resource.trim_start_matches("…/"),
        _ => &path,
    };
    let path = text::clip_start(path, columns.request.saturating_sub(text::width(&method) + 1));
    let request = text::clip(&format!("{method} {path}"), columns.request);
    let pad = columns.request.saturating_sub(text::width(&request));
    spans.push(span(Ink::Plain, format!("{request}{:pad$} ", "")));
    let bad = judged.exchange.failure.is_some() || judged.exchange.response.as_ref().is_none_or(|r| r.status >= 400);
    let status = if bad { Ink::Of(Severity::Warning) } else { Ink::Good };
    spans.push(span(
        if judged.exchange.response.is_none() { Ink::Bad } else { status },
        format!("{:4} ", judged.status_words()),
    ));
    if columns.duration {
        spans.push(span(Ink::Dim, format!("{:>7} ", judged.duration_words())));
    }
    spans.extend(marks(judged));
    Line::from(spans)
}

/// What the rules say of an exchange, and behind it, where there is room, what else there is to know of it.
fn marks(judged: &Judged) -> Vec<Span<'static>> {
    let mut spans = findings(judged);
    let muted = (judged.muted > 0).then(|| format!("{} muted ", judged.muted));
    let rewritten = (!judged.exchange.rewritten.is_empty()).then(|| "rewritten".to_owned());
    let fault = judged.exchange.is_faulted().then(|| "fault ".to_owned());
    for words in fault.into_iter().chain(muted).chain(rewritten) {
        let used: usize = spans.iter().map(|span| text::width(&span.content)).sum();
        if used + text::width(words.trim_end()) <= MARKS {
            spans.push(span(Ink::Dim, words));
        }
    }
    spans
}

/// `B✗2 S!1`: letter of the side, sign of the severity, number of findings; the weightiest first.
fn findings(judged: &Judged) -> Vec<Span<'static>> {
    let tally = judged.tally();
    if tally.total() == 0 {
        return vec![if judged.exchange.failure.is_some() {
            span(Ink::Bad, "failed ")
        } else if judged.passed > 0 && !judged.is_mostly_unjudged() {
            span(Ink::Good, "ok ")
        } else {
            span(Ink::Bold, "not judged ")
        }];
    }
    let (mut spans, mut used) = (Vec::new(), 0);
    for severity in Severity::ALL {
        for side in Side::ALL {
            let number = tally.get(side, severity);
            if number == 0 {
                continue;
            }
            let words = format!("{}{number} ", sign(severity));
            used += 1 + text::width(&words);
            if used > MARKS {
                spans.push(span(Ink::Dim, "…"));
                return spans;
            }
            spans.push(span(Ink::By(side), letter(side)));
            spans.push(span(Ink::Of(severity), words));
        }
    }
    spans
}

/// Short names of the stages: nine columns at most.
fn stage(stage: Stage) -> &'static str {
    match stage {
        Stage::C1 => "C1",
        Stage::C2 => "C2",
        Stage::P => "P",
        Stage::B => "B",
        Stage::BAfterP => "B after P",
        Stage::OrderQuoteDelete => "del quote",
        Stage::OrderDelete => "del order",
        Stage::OrderCancel => "cancel",
        Stage::ProposalUpdate => "update P",
        Stage::OrderStatus => "status",
        Stage::OrdersFeed => "feed",
        Stage::OrderProposalsFeed => "feed of P",
        Stage::OpportunityFeed => "open data",
        Stage::DatasetSite => "dataset",
        Stage::Other => "other",
    }
}
