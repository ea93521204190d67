//! One booking: its calls and the feed items that tell of it, in order, with what changed on the way.
//!
//! `Booking, Cursor → facts of the whole, rows: since the first, stage, status, what the answer said, findings`

use jiff::Timestamp;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::bookings::stages;
use super::cursor::Cursor;
use super::exchanges::stage_name;
use super::index::Index;
use super::index::bookings::{Booking, BookingStep, is_feed};
use super::model::{Focus, ScreenModel};
use super::theme::{TextStyle, sign};
use super::view::{line, select, span, title};
use crate::event::RunMode;
use crate::finding::{Severity, number};
use crate::json::decimal;
use crate::openbooking::Stage;
use crate::text;

/// The state of the screen.
#[derive(Debug, Default)]
pub(super) struct BookingScreen {
    /// Place of the booking in the index.
    place: usize,
    pub(super) cursor: Cursor,
}

impl BookingScreen {
    /// Opens a booking, at the call of an exchange, or else at its first call with a failure.
    pub(super) fn open(&mut self, place: usize, index: &Index, exchange: Option<u64>) {
        (self.place, self.cursor) = (place, Cursor::default());
        let steps = index.bookings.get(place).map_or(&[][..], |booking| &booking.steps);
        let same = exchange.and_then(|exchange| steps.iter().position(|step| step.exchange == exchange));
        let failed = || steps.iter().position(|step| step.worst == Some(Severity::Failure));
        self.cursor.select(same.or_else(failed).unwrap_or(0));
    }

    /// The first bookings of the index have gone.
    pub(super) fn lose_first(&mut self, bookings: usize) {
        self.place = self.place.saturating_sub(bookings);
    }

    fn booking<'i>(&self, index: &'i Index) -> Option<&'i Booking> {
        index.bookings.get(self.place)
    }

    pub(super) fn len(&self, index: &Index) -> usize {
        self.booking(index).map_or(0, |booking| booking.steps.len())
    }

    pub(super) fn selected<'i>(&self, index: &'i Index) -> Option<&'i BookingStep> {
        self.booking(index)?.steps.get(self.cursor.at)
    }

    pub(super) fn fit(&mut self, index: &Index, rows: usize) {
        self.cursor.fit(self.len(index), rows);
    }

    /// Selects the next or previous call with findings. False if there is none.
    pub(super) fn next_finding(&mut self, index: &Index, forward: bool) -> bool {
        let Some(booking) = self.booking(index) else { return false };
        let has = |&at: &usize| booking.steps.get(at).is_some_and(|step| step.worst.is_some());
        let at = self.cursor.at;
        let found = if forward {
            (at + 1..booking.steps.len()).find(has)
        } else {
            (0..at.min(booking.steps.len())).rev().find(has)
        };
        if let Some(at) = found {
            self.cursor.select(at);
        }
        found.is_some()
    }

    /// The exchanges of the last C2 (or C1) and of the last B (or P), as indexes.
    pub(super) fn quote_and_order(&self, index: &Index) -> Option<(u64, u64)> {
        let steps = &self.booking(index)?.steps;
        let last =
            |stages: &[Stage]| steps.iter().rev().find(|step| stages.contains(&step.stage)).map(|step| step.exchange);
        let quote = last(&[Stage::C2]).or_else(|| last(&[Stage::C1]))?;
        let order = last(&[Stage::B, Stage::BAfterP]).or_else(|| last(&[Stage::P]))?;
        Some((quote, order))
    }
}

pub(super) fn draw(model: &ScreenModel, area: Rect, buffer: &mut Buffer) {
    let Some(booking) = model.booking.booking(&model.index).filter(|_| !area.is_empty()) else { return };
    let focused = model.focus == Focus::List;
    let mut spans = vec![span(TextStyle::Bold, format!(" Booking {} ", booking.uuid))];
    spans.push(span(TextStyle::Dim, format!("· {}", booking.state())));
    title(buffer, area, focused, spans);
    let rows = usize::from(area.height).saturating_sub(2);
    line(buffer, area, 1, &summary(model, booking));
    let cursor = &model.booking.cursor;
    for at in cursor.top..(cursor.top + rows).min(booking.steps.len()) {
        let row = 2 + (at - cursor.top) as u16;
        line(buffer, area, row, &step_row(booking, at, model.list.is_marked(booking.steps[at].exchange)));
        if at == cursor.at {
            select(buffer, area, row, focused);
        }
    }
}

/// A booking below the list of bookings.
pub(super) fn preview(model: &ScreenModel, booking: &Booking, area: Rect, buffer: &mut Buffer) {
    let spans = vec![span(TextStyle::Plain, format!(" {} ", booking.uuid)), span(TextStyle::Dim, "· Enter opens it")];
    title(buffer, area, false, spans);
    line(buffer, area, 1, &summary(model, booking));
    for (at, row) in (0..booking.steps.len()).zip(2..area.height) {
        line(buffer, area, row, &step_row(booking, at, false));
    }
}

/// Stages, total, lease, proposal.
fn summary(model: &ScreenModel, booking: &Booking) -> Line<'static> {
    let mut spans = vec![span(TextStyle::Plain, "  ")];
    spans.extend(stages(booking));
    if let Some(total) = booking.total() {
        spans.push(span(TextStyle::Dim, "  total "));
        spans.push(span(TextStyle::Plain, text::visible(total)));
    }
    if let Some(lease) = booking.lease() {
        let (ink, words) = lease_words(lease, model);
        spans.push(span(ink, format!("  {words}")));
    }
    if booking.more > 0 {
        spans.push(span(TextStyle::Dim, format!("  {} more not listed", booking.more)));
    }
    Line::from(spans)
}

/// `lease until 12:19:05`, and on a live run how long that is.
fn lease_words(lease: Timestamp, model: &ScreenModel) -> (TextStyle, String) {
    let clock = lease.strftime("%H:%M:%S");
    if model.status.context.mode == RunMode::View {
        return (TextStyle::Dim, format!("lease until {clock}"));
    }
    let left = lease.as_second() - model.now.as_second();
    match left {
        ..=0 => (TextStyle::Of(Severity::Warning), format!("lease ended {clock}")),
        left => (TextStyle::Plain, format!("lease until {clock}, {}:{:02} left", left / 60, left % 60)),
    }
}

fn step_row(booking: &Booking, at: usize, marked: bool) -> Line<'static> {
    let step = &booking.steps[at];
    let mut spans = vec![match step.worst {
        Some(severity) => span(TextStyle::Of(severity), sign(severity)),
        None => span(TextStyle::Plain, " "),
    }];
    spans.push(span(TextStyle::Bold, if marked { "●" } else { " " }));
    spans.push(span(TextStyle::Dim, format!("{:>5} ", number(step.exchange))));
    let since = booking.started().map_or(0, |first| step.started.as_millisecond() - first.as_millisecond());
    let since = if at == 0 { step.started.strftime("%H:%M:%S").to_string() } else { since_words(since) };
    spans.push(span(TextStyle::Dim, format!("{since:>8} ")));
    spans.push(span(TextStyle::Bold, format!("{:9} ", stage_name(step.stage))));
    let status = step.status.map_or_else(|| "none".to_owned(), |status| status.to_string());
    let bad = step.status.is_none_or(|status| status >= 400);
    spans.push(span(if bad { TextStyle::Of(Severity::Warning) } else { TextStyle::Good }, format!("{status:4} ")));
    spans.extend(said(booking, at));
    Line::from(spans)
}

fn since_words(millis: i64) -> String {
    match millis {
        0..10_000 => format!("+{:.1} s", millis as f64 / 1_000.0),
        10_000..600_000 => format!("+{} s", millis / 1_000),
        _ => format!("+{} min", millis / 60_000),
    }
}

/// True if two totals are the same amount of the same currency, however it was written.
fn same_amount(one: &str, other: &str) -> bool {
    let parts = |total: &str| {
        let (amount, currency) = total.split_once(' ').unwrap_or((total, ""));
        Some((decimal(amount)?, currency.to_owned()))
    };
    one == other || parts(one).is_some_and(|one| Some(one) == parts(other))
}

/// What the answer, or the item of a feed, said; what differs from before stands out.
fn said(booking: &Booking, at: usize) -> Vec<Span<'static>> {
    let step = &booking.steps[at];
    let facts = &step.facts;
    let mut spans = Vec::new();
    let before = booking.steps[..at].iter().rev().find_map(|step| step.facts.total.as_deref());
    if let Some(total) = &facts.total {
        match before.filter(|before| !same_amount(before, total)) {
            Some(before) => {
                let words = format!("total {} → {}  ", text::visible(before), text::visible(total));
                spans.push(span(TextStyle::Of(Severity::Warning), words));
            }
            None => spans.push(span(TextStyle::Plain, format!("total {}  ", text::visible(total)))),
        }
    }
    if let Some(proposal) = &facts.proposal {
        spans.push(span(TextStyle::Plain, format!("proposal version {}  ", text::visible(proposal))));
    }
    if let Some(status) = &facts.status {
        spans.push(span(TextStyle::Plain, format!("{}  ", text::visible(status))));
    }
    if let Some(lease) = facts.lease {
        spans.push(span(TextStyle::Dim, format!("lease until {}  ", lease.strftime("%H:%M:%S"))));
    }
    if is_feed(step.stage) && spans.is_empty() {
        spans.push(span(TextStyle::Dim, "an item tells of it"));
    }
    spans
}
