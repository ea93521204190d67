//! Exchanges: one row for each, severity at the left edge, columns as wide as what is in them.
//!
//! `ExchangeList → title, headings, the rows in view`

use jiff::Timestamp;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::index::verdicts::VerdictSummary;
use super::model::{Focus, ScreenModel};
use super::theme::{TextStyle, letter, sign};
use super::under_way;
use super::view::{line, select, span, title, width};
use crate::event::RequestUnderWay;
use crate::finding::{Severity, Side};
use crate::judged::Judged;
use crate::openbooking::Stage;
use crate::text;

/// Most columns of the findings.
const FINDINGS: usize = 18;

/// After a pause of so many seconds the time stands out.
const GAP: i64 = 10;

/// Which columns there is room for, and how wide each is; 0 where there is none.
pub(super) struct ExchangeColumns {
    pub(super) number: usize,
    time: usize,
    stage: usize,
    order: usize,
    request: usize,
    status: usize,
    duration: usize,
}

impl ExchangeColumns {
    pub(super) fn new(shown: &[&Judged], room: u16) -> Self {
        let room = usize::from(room);
        let widest = |of: &dyn Fn(&Judged) -> usize, least: usize| {
            shown.iter().map(|judged| of(judged)).max().unwrap_or(0).max(least)
        };
        let number = widest(&|judged| judged.number().to_string().len(), 3);
        let stage = widest(&|judged| stage_name(judged.stage).len(), 5);
        let findings = widest(&|judged| width(&findings(judged)), 8).min(FINDINGS);
        let when = |least: usize, width: usize| if room >= least { width } else { 0 };
        let (time, order) = (when(56, 8), when(64, 8));
        let duration = when(72, widest(&|judged| judged.duration_words().len(), 4));
        let status = 4;
        // Gutter, mark, and a blank behind each column.
        let used = 2
            + [number, time, stage, order, status, duration]
                .iter()
                .filter(|width| **width > 0)
                .map(|width| width + 1)
                .sum::<usize>()
            + findings;
        let request = widest(&|judged| text::width(&request_words(judged, order > 0)), 7);
        Self {
            number,
            time,
            stage,
            order,
            request: request.min(room.saturating_sub(used + 1)).max(8),
            status,
            duration,
        }
    }
}

pub(super) fn draw(model: &ScreenModel, area: Rect, buffer: &mut Buffer) {
    if area.is_empty() {
        return;
    }
    head(model, area, buffer);
    let rows = model.layout.list_rows().saturating_sub(model.rows_under_way().len()).max(1);
    let shown: Vec<(&Judged, bool)> = model.list.window(rows).map(|(judged, selected)| (&**judged, selected)).collect();
    let exchanges: Vec<&Judged> = shown.iter().map(|(judged, _)| *judged).collect();
    let columns = ExchangeColumns::new(&exchanges, area.width);
    let first = model.layout.list_head();
    if first > 1 {
        line(buffer, area, 1, &headings(&columns));
    }
    if model.list.shown() == 0 && !model.list.is_empty() {
        let filter = model.list.filter();
        let words = text::clip(&filter.words(), 60).to_string();
        let words = format!("  No exchange is \"{words}\" so far; F goes on, / changes the filter.");
        line(buffer, area, first, &Line::from(span(TextStyle::Dim, words)));
    }
    let focused = model.focus == Focus::List;
    for (place, (judged, selected)) in shown.iter().enumerate() {
        let row = first + place as u16;
        let before = place.checked_sub(1).map(|before| shown[before].0);
        let marked = model.list.is_marked(judged.index);
        let mut words = exchange(judged, before, marked, &columns);
        words.spans.extend(comment(model, judged.index));
        line(buffer, area, row, &words);
        if *selected {
            select(buffer, area, row, focused);
        }
    }
    for (request, row) in model.rows_under_way().into_iter().zip(first + shown.len() as u16..) {
        line(buffer, area, row, &request_under_way(request, model.now, &columns));
    }
}

/// A request that has no answer yet, with a running clock.
fn request_under_way(request: &RequestUnderWay, now: Timestamp, columns: &ExchangeColumns) -> Line<'static> {
    let mut spans = vec![span(TextStyle::Dim, format!("  {:>1$} ", "…", columns.number))];
    if columns.time > 0 {
        spans.push(span(TextStyle::Dim, format!("{} ", request.started.strftime("%H:%M:%S"))));
    }
    spans.push(span(TextStyle::Bold, format!("{:1$} ", stage_name(request.stage), columns.stage)));
    if columns.order > 0 {
        let uuid = request.order_uuid.as_deref().map_or("-", |uuid| uuid.get(..8).unwrap_or(uuid));
        spans.push(span(TextStyle::Plain, format!("{uuid:8} ")));
    }
    spans.push(span(TextStyle::Of(Severity::Warning), format!("no answer yet, {}", under_way::clock(request, now))));
    Line::from(spans)
}

fn head(model: &ScreenModel, area: Rect, buffer: &mut Buffer) {
    let list = &model.list;
    let filter = list.filter();
    let mut spans = vec![span(TextStyle::Bold, format!(" {} ", text::count(list.shown() as u64, "exchange")))];
    spans.push(span(TextStyle::Dim, format!("· {} · ", filter.narrow.words())));
    let typed = filter.text();
    if !typed.is_empty() {
        spans.push(span(TextStyle::Name, format!("/{} ", text::clip(&typed, 40))));
        spans.push(span(TextStyle::Dim, "· "));
    }
    spans.push(span(TextStyle::Name, list.order().words()));
    if let Some(hundredths) = list.filtered() {
        spans.push(span(TextStyle::Of(Severity::Warning), format!("{hundredths}% looked at · ")));
    }
    let lag = model.status.lag_seconds();
    spans.push(match list.selected() {
        // Nothing comes that could be followed.
        Some((_, judged)) if model.status.is_read() => span(TextStyle::Name, format!("at {}", judged.number())),
        None if model.status.is_read() => span(TextStyle::Dim, "none selected"),
        _ if list.following() && lag > 0 => {
            span(TextStyle::Of(Severity::Warning), format!("following, {lag} s behind"))
        }
        _ if list.following() => span(TextStyle::Good, "following"),
        Some((_, judged)) => {
            span(TextStyle::Of(Severity::Warning), format!("stopped at {} (f follows)", judged.number()))
        }
        None => span(TextStyle::Of(Severity::Warning), "stopped (f follows)"),
    });
    if list.gone() > 0 {
        spans.push(span(TextStyle::Dim, format!(" · {} older no longer listed", list.gone())));
    }
    title(buffer, area, model.focus == Focus::List, spans);
}

pub(super) fn headings(columns: &ExchangeColumns) -> Line<'static> {
    let mut words = format!("  {:>1$} ", "no.", columns.number);
    let mut column = |word: &str, width: usize| {
        if width > 0 {
            words.extend([word, &" ".repeat((width + 1).saturating_sub(text::width(word)))]);
        }
    };
    column("UTC", columns.time);
    column("stage", columns.stage);
    column("booking", columns.order);
    column("request", columns.request);
    column("code", columns.status);
    column(&format!("{:>1$}", "time", columns.duration), columns.duration);
    words.push_str("findings");
    Line::from(span(TextStyle::Dim, words))
}

pub(super) fn exchange(
    judged: &Judged,
    before: Option<&Judged>,
    marked: bool,
    columns: &ExchangeColumns,
) -> Line<'static> {
    let mut spans = columns_of(judged, gutter(judged), before, marked, columns);
    spans.extend(marks(judged));
    Line::from(spans)
}

/// What the reader wrote about an exchange.
fn comment(model: &ScreenModel, index: u64) -> Option<Span<'static>> {
    let comment = model.comments.get(&index)?;
    Some(span(TextStyle::Name, format!(" # {}", text::visible(comment))))
}

/// A row of an exchange whose findings are not kept: what is remembered of them.
pub(super) fn remembered(
    judged: &Judged,
    verdict: Option<VerdictSummary>,
    before: Option<&Judged>,
    marked: bool,
    columns: &ExchangeColumns,
) -> Line<'static> {
    let sides = Side::ALL.map(|side| (side, verdict.and_then(|verdict| verdict.worst(side))));
    let worst = sides.iter().filter_map(|(_, severity)| *severity).max();
    let gutter =
        worst.map_or_else(|| span(TextStyle::Plain, " "), |severity| span(TextStyle::Of(severity), sign(severity)));
    let mut spans = columns_of(judged, gutter, before, marked, columns);
    for (side, severity) in sides {
        if let Some(severity) = severity {
            spans.extend([
                span(TextStyle::By(side), letter(side)),
                span(TextStyle::Of(severity), format!("{} ", sign(severity))),
            ]);
        }
    }
    match (worst, verdict) {
        (Some(_), _) => {}
        (None, Some(verdict)) if verdict.is_wholly_judged() => spans.push(span(TextStyle::Dim, "ok")),
        (None, Some(verdict)) if verdict.is_judged() => spans.push(span(TextStyle::Dim, "ok, in part")),
        (None, Some(_)) => spans.push(span(TextStyle::Bold, "not judged")),
        (None, None) => spans.push(span(TextStyle::Dim, "?")),
    }
    Line::from(spans)
}

/// The columns of a row but for the findings.
fn columns_of(
    judged: &Judged,
    gutter: Span<'static>,
    before: Option<&Judged>,
    marked: bool,
    columns: &ExchangeColumns,
) -> Vec<Span<'static>> {
    let mut spans = vec![gutter, span(TextStyle::Bold, if marked { "●" } else { " " })];
    spans.push(span(TextStyle::Dim, format!("{:>1$} ", judged.number(), columns.number)));
    if columns.time > 0 {
        let since =
            before.map_or(0, |before| judged.exchange.started.as_second() - before.exchange.started.as_second());
        spans.push(span(if since >= GAP { TextStyle::Plain } else { TextStyle::Dim }, format!("{} ", judged.clock())));
    }
    spans.push(span(TextStyle::Bold, format!("{:1$} ", stage_name(judged.stage), columns.stage)));
    if columns.order > 0 {
        // Bookings are set apart: the first row of each stands out.
        let same = before.is_some_and(|before| before.order_uuid == judged.order_uuid);
        spans.push(span(if same { TextStyle::Dim } else { TextStyle::Plain }, format!("{:8} ", judged.short_uuid())));
    }
    let request = text::clip_middle(&request_words(judged, columns.order > 0), columns.request).pad(columns.request);
    spans.push(span(TextStyle::Plain, format!("{request} ")));
    let bad = judged.exchange.failure.is_some() || judged.exchange.response.as_ref().is_none_or(|r| r.status >= 400);
    let status = if bad { TextStyle::Of(Severity::Warning) } else { TextStyle::Dim };
    let status = if judged.exchange.response.is_none() { TextStyle::Bad } else { status };
    spans.push(span(status, format!("{:1$} ", judged.status_words(), columns.status)));
    if columns.duration > 0 {
        spans.push(span(TextStyle::Dim, format!("{:>1$} ", judged.duration_words(), columns.duration)));
    }
    spans
}

/// The sign of the weightiest finding, or of what else is wrong.
fn gutter(judged: &Judged) -> Span<'static> {
    match judged.findings.iter().map(|finding| finding.severity).max() {
        Some(severity) => span(TextStyle::Of(severity), sign(severity)),
        None if judged.exchange.failure.is_some() => span(TextStyle::Bad, "‼"),
        None => span(TextStyle::Plain, " "),
    }
}

/// Method and the tail of the path; without the Order UUID where it has a column of its own.
fn request_words(judged: &Judged, has_order: bool) -> String {
    let (method, path) = judged.request_words();
    let path = match path.strip_suffix(judged.short_uuid()).and_then(|path| path.strip_suffix('/')) {
        Some(resource) if has_order => resource.trim_start_matches("…/"),
        _ => &path,
    };
    format!("{method} {path}")
}

/// What the rules say of an exchange, and behind it, where there is room, what else there is to know of it.
fn marks(judged: &Judged) -> Vec<Span<'static>> {
    let mut spans = findings(judged);
    let muted = (judged.muted > 0).then(|| format!("{} muted ", judged.muted));
    let rewritten = (!judged.exchange.rewritten.is_empty()).then(|| "rewritten".to_owned());
    let fault = judged.exchange.is_faulted().then(|| "fault ".to_owned());
    for words in fault.into_iter().chain(muted).chain(rewritten) {
        if width(&spans) + text::width(words.trim_end()) <= FINDINGS {
            spans.push(span(TextStyle::Dim, words));
        }
    }
    spans
}

/// `B✗2 S!1`: letter of the side, sign of the severity, number of findings; the weightiest first.
fn findings(judged: &Judged) -> Vec<Span<'static>> {
    let tally = judged.tally();
    if tally.total() == 0 {
        return vec![if judged.exchange.failure.is_some() {
            span(TextStyle::Bad, "failed ")
        } else if judged.passed > 0 && judged.not_judged.is_empty() {
            span(TextStyle::Dim, "ok ")
        } else if judged.passed > 0 && !judged.is_mostly_unjudged() {
            span(TextStyle::Plain, format!("ok, {} not judged ", judged.not_judged.len()))
        } else {
            span(TextStyle::Bold, "not judged ")
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
            if used > FINDINGS {
                spans.push(span(TextStyle::Dim, "…"));
                return spans;
            }
            spans.push(span(TextStyle::By(side), letter(side)));
            spans.push(span(TextStyle::Of(severity), words));
        }
    }
    spans
}

/// Short names of the stages: nine columns at most.
pub(super) fn stage_name(stage: Stage) -> &'static str {
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
