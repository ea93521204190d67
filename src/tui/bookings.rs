//! Bookings: one row for each booking flow, and below the list, where there is room, the calls of the selected one.
//!
//! `BookingIndex, Cursor → rows: first time, Order UUID, stages in a line, total, findings per side, state`

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::booking;
use super::cursor::Cursor;
use super::exchanges::stage_name;
use super::index::Index;
use super::index::bookings::{Booking, BookingStep, is_feed, worst_of};
use super::model::ScreenModel;
use super::theme::{TextStyle, letter, sign};
use super::view::{line, select, span, teach, title, width};
use crate::finding::{Severity, Side};
use crate::openbooking::Stage;
use crate::text;

/// The state of the screen.
#[derive(Debug)]
pub(super) struct BookingsScreen {
    pub(super) cursor: Cursor,
    /// Rows of the list at the last frame.
    rows: usize,
}

impl BookingsScreen {
    pub(super) fn new() -> Self {
        Self { cursor: Cursor::following(), rows: 0 }
    }

    /// Rows that the list takes of the body, its head not counted: what it needs, and at most half where there is room.
    pub(super) fn fit(&mut self, index: &Index, body: Rect) {
        let room = usize::from(body.height).saturating_sub(2);
        let steps = index.bookings.get(self.cursor.at).map_or(0, |booking| booking.steps.len());
        // What the selected booking doesn't need is the list's.
        let shared = if room >= 14 { (room / 2).max(room.saturating_sub(steps + 2)) } else { room };
        self.rows = index.bookings.len().min(shared);
        self.cursor.fit(index.bookings.len(), self.rows);
    }

    /// Selects the next or previous booking with findings. False if there is none.
    pub(super) fn next_finding(&mut self, index: &Index, forward: bool) -> bool {
        let len = index.bookings.len();
        let has = |&place: &usize| index.bookings.has_findings(place);
        let found =
            if forward { (self.cursor.at + 1..len).find(has) } else { (0..self.cursor.at.min(len)).rev().find(has) };
        if let Some(place) = found {
            self.cursor.select(place);
        }
        found.is_some()
    }
}

/// What the rows have room for.
struct BookingColumns {
    stages: usize,
    total: usize,
    state: usize,
    side: [usize; 2],
}

/// Most columns of a total. What is longer is no amount in a currency, and is cut.
const MAX_TOTAL: usize = 16;

pub(super) fn draw(model: &ScreenModel, area: Rect, buffer: &mut Buffer) {
    let BookingsScreen { cursor, rows } = &model.bookings;
    let bookings = &model.index.bookings;
    let mut spans = vec![span(TextStyle::Bold, format!(" {} ", text::count(bookings.len() as u64, "booking")))];
    spans.push(if model.status.is_read() {
        // Nothing comes that could be followed.
        span(TextStyle::Dim, format!("· at {}", cursor.at + 1))
    } else if cursor.following {
        match model.status.lag_seconds() {
            0 => span(TextStyle::Good, "· following"),
            lag => span(TextStyle::Of(Severity::Warning), format!("· following, {lag} s behind")),
        }
    } else {
        span(TextStyle::Of(Severity::Warning), format!("· stopped at {} (f follows)", cursor.at + 1))
    });
    if bookings.gone() > 0 {
        spans.push(span(TextStyle::Dim, format!(" · {} older no longer listed", bookings.gone())));
    }
    title(buffer, area, true, spans);
    if bookings.is_empty() {
        let passed = format!("*No booking so far, but {}.", text::count(model.status.exchanges, "other exchange"));
        let below = Rect { y: area.y + 1, height: area.height.saturating_sub(1), ..area };
        teach(
            buffer,
            below,
            &[&passed, "", "2 lists them. The first C1, C2, P or B of an Order UUID begins a row here."],
        );
        return;
    }
    let shown: Vec<&Booking> = bookings.all().iter().skip(cursor.top).take(*rows).collect();
    let columns = columns(&shown, area.width);
    line(buffer, area, 1, &headings(&columns));
    for (place, booking) in shown.iter().enumerate() {
        let row = 2 + place as u16;
        line(buffer, area, row, &booking_row(booking, &columns));
        if cursor.top + place == cursor.at {
            select(buffer, area, row, true);
        }
    }
    let used = 2 + *rows as u16;
    if let Some(booking) = bookings.get(cursor.at)
        && area.height > used + 3
    {
        let below = Rect { y: area.y + used, height: area.height - used, ..area };
        booking::preview(model, booking, below, buffer);
    }
}

fn columns(shown: &[&Booking], width: u16) -> BookingColumns {
    let widest =
        |of: &dyn Fn(&Booking) -> usize, least: usize| shown.iter().map(|one| of(one)).max().unwrap_or(0).max(least);
    let total = widest(&|booking| text::width(&text::visible(booking.total().unwrap_or_default())), 5).min(MAX_TOTAL);
    let state = widest(&|booking| booking.state().len(), 5);
    let side = Side::ALL.map(|side| {
        let least = if width >= 100 { side.in_words().len() } else { 3 };
        widest(&|booking| self::width(&of_side(booking, side)), least)
    });
    // Gutter, time, Order UUID, and a blank behind each column.
    let fixed = 2 + 9 + 9 + (total + 2) + (side[0] + 2) + (side[1] + 2) + state;
    let stages = widest(&|booking| self::width(&stages(booking)), 6);
    BookingColumns { stages: stages.min(usize::from(width).saturating_sub(fixed + 2)).max(6), total, state, side }
}

fn headings(columns: &BookingColumns) -> Line<'static> {
    let [broker, system] = columns.side;
    let name = |side: Side, width: usize| if width >= side.in_words().len() { side.in_words() } else { letter(side) };
    let words = format!(
        "  UTC      booking  {:stages$}  {:total$}  {:broker$}  {:system$}  state",
        "stages",
        "total",
        name(Side::Broker, broker),
        name(Side::BookingSystem, system),
        stages = columns.stages,
        total = columns.total,
    );
    Line::from(span(TextStyle::Dim, words))
}

fn booking_row(booking: &Booking, columns: &BookingColumns) -> Line<'static> {
    let worst = booking.tally.worst();
    let mut spans = vec![match worst {
        Some(severity) => span(TextStyle::Of(severity), format!("{} ", sign(severity))),
        None => span(TextStyle::Plain, "  "),
    }];
    let clock = booking.started().map_or_else(String::new, |time| time.strftime("%H:%M:%S").to_string());
    spans.push(span(TextStyle::Dim, format!("{clock:8} ")));
    spans.push(span(TextStyle::Plain, format!("{:8} ", booking.uuid.get(..8).unwrap_or(&booking.uuid))));
    pad(&mut spans, fitted(stages(booking), columns.stages), columns.stages);
    pad(
        &mut spans,
        vec![span(TextStyle::Plain, text::clip(booking.total().unwrap_or(""), columns.total))],
        columns.total,
    );
    for (side, width) in Side::ALL.into_iter().zip(columns.side) {
        pad(&mut spans, of_side(booking, side), width);
    }
    let state = booking.state();
    let ink = match state {
        "booked" | "quoted" | "proposed" => TextStyle::Plain,
        "refused" | "no answer" | "booked, refused" | "booked, no answer" => TextStyle::Of(Severity::Warning),
        _ => TextStyle::Dim,
    };
    spans.push(span(ink, format!("{state:0$}", columns.state)));
    Line::from(spans)
}

fn pad(spans: &mut Vec<Span<'static>>, column: Vec<Span<'static>>, columns: usize) {
    let used = width(&column);
    spans.extend(column);
    spans.push(span(TextStyle::Plain, " ".repeat(columns.saturating_sub(used) + 2)));
}

/// `✗2 !1`, or how it is if nothing was found.
fn of_side(booking: &Booking, side: Side) -> Vec<Span<'static>> {
    if worst_of(&booking.tally, side).is_none() {
        let unjudged = booking.steps.iter().filter(|step| !is_feed(step.stage)).all(|step| step.unjudged);
        return vec![span(TextStyle::Dim, if unjudged { "?" } else { "ok" })];
    }
    let found = Severity::ALL.into_iter().map(|severity| (severity, booking.tally.get(side, severity)));
    let mut spans: Vec<Span<'static>> = Vec::new();
    for (severity, count) in found.filter(|(_, count)| *count > 0) {
        let blank = if spans.is_empty() { "" } else { " " };
        spans.push(span(TextStyle::Of(severity), format!("{blank}{}{count}", sign(severity))));
    }
    spans
}

/// `C1─C2✗─B─cancel  feed✓`
pub(super) fn stages(booking: &Booking) -> Vec<Span<'static>> {
    let mut spans: Vec<Span<'static>> = Vec::new();
    let calls: Vec<&BookingStep> = booking.steps.iter().filter(|step| !is_feed(step.stage)).collect();
    let mut at = 0;
    while let Some(step) = calls.get(at) {
        // The same call with the same outcome again and again is one, with its number.
        let same =
            |other: &&&BookingStep| (other.stage, other.worst, other.status) == (step.stage, step.worst, step.status);
        let times = calls[at..].iter().take_while(same).count();
        if !spans.is_empty() {
            spans.push(span(TextStyle::Dim, "─"));
        }
        let ink = step.worst.map_or(TextStyle::Plain, TextStyle::Of);
        let refused = step.status.is_none_or(|status| status >= 400);
        let mark = step.worst.map_or("", sign);
        let again = if times > 1 { format!("×{times}") } else { String::new() };
        let name = short(step.stage);
        let name = if refused && step.worst.is_none() { format!("({name})") } else { name.to_owned() };
        spans.push(span(ink, format!("{name}{mark}{again}")));
        at += times;
    }
    if booking.in_feed() {
        let (ink, mark) =
            booking.worst_in_feed().map_or((TextStyle::Good, "✓"), |worst| (TextStyle::Of(worst), sign(worst)));
        let between = if spans.is_empty() { "" } else { "  " };
        spans.push(span(ink, format!("{between}feed{mark}")));
    }
    spans
}

/// As many of the spans as there is room for, with `…` where they were cut.
fn fitted(spans: Vec<Span<'static>>, room: usize) -> Vec<Span<'static>> {
    if width(&spans) <= room {
        return spans;
    }
    let (mut kept, mut used) = (Vec::new(), 0);
    for one in spans {
        let wide = text::width(&one.content);
        if used + wide + 1 > room {
            break;
        }
        used += wide;
        kept.push(one);
    }
    kept.push(span(TextStyle::Dim, "…"));
    kept
}

fn short(stage: Stage) -> &'static str {
    match stage {
        Stage::BAfterP => "B",
        Stage::OrderQuoteDelete | Stage::OrderDelete => "delete",
        Stage::ProposalUpdate => "update",
        other => stage_name(other),
    }
}
