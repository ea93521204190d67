//! Traffic: how much passes, how long answers take, and how the booking system is.
//!
//! `TrafficIndex, Status → rows: rate, errors and latency over time; percentiles by stage; status classes; the slowest`

use std::time::Duration;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Span;

use super::cursor::Motion;
use super::exchanges::stage_name;
use super::index::traffic::{Latencies, SlowExchange, TrafficBucket, TrafficIndex};
use super::model::ScreenModel;
use super::page::Row;
use super::status::Status;
use super::theme::TextStyle;
use super::view::{rows, select, span, teach, title};
use crate::finding::{Severity, grouped, number};
use crate::text;

/// Eighths of a bar, from none to a whole one.
const EIGHTHS: [&str; 9] = [" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"];

/// How many of the slowest exchanges are listed.
const LISTED: usize = 5;

/// Columns of the names before the rows.
const LABEL: usize = 16;

/// The state of the screen.
#[derive(Debug, Default)]
pub(super) struct TrafficScreen {
    top: usize,
    height: usize,
    page: Vec<Row>,
    /// Which of the slowest exchanges is selected, and the row of the first of them.
    slow: usize,
    first_slow: usize,
}

impl TrafficScreen {
    /// Selects another one of the slowest, or turns the page.
    pub(super) fn go(&mut self, motion: Motion, index: &TrafficIndex) {
        let last = listed(index).count().saturating_sub(1);
        match motion {
            Motion::Up | Motion::Down => {
                self.slow = motion.from(self.slow, self.height).min(last);
                let row = self.first_slow + self.slow;
                self.top = self.top.min(row).max((row + 1).saturating_sub(self.height));
            }
            motion => self.top = motion.from(self.top, self.height),
        }
    }

    /// The selected one of the slowest exchanges.
    pub(super) fn selected(&self, index: &TrafficIndex) -> Option<SlowExchange> {
        listed(index).nth(self.slow).copied()
    }

    pub(super) fn scroll(&mut self, rows: isize) {
        self.top = self.top.saturating_add_signed(rows);
    }

    pub(super) fn fit(&mut self, index: &TrafficIndex, status: &Status, size: Option<u64>, body: Rect) {
        self.height = usize::from(body.height).saturating_sub(1);
        (self.page, self.first_slow) = page(index, status, size, usize::from(body.width));
        self.top = self.top.min(self.page.len().saturating_sub(self.height));
    }
}

pub(super) fn draw(model: &ScreenModel, area: Rect, buffer: &mut Buffer) {
    let index = &model.index.traffic;
    let mut spans: Vec<Span<'static>> = vec![span(TextStyle::Bold, " Traffic ")];
    if let Some(start) = index.start() {
        let seconds = index.buckets().len() as u64 * index.width();
        spans.push(span(
            TextStyle::Dim,
            format!("· {} from {} UTC on", time_words(seconds), start.strftime("%Y-%m-%d %H:%M:%S")),
        ));
    }
    title(buffer, area, true, spans);
    if index.all().count() == 0 {
        let below = Rect { y: area.y + 1, height: area.height.saturating_sub(1), ..area };
        let waiting = model.under_way.in_words(model.now).map(|waiting| format!("*Nothing has ended yet: {waiting}."));
        teach(
            buffer,
            below,
            &[
                waiting.as_deref().unwrap_or("*Nothing has passed yet."),
                "",
                "Requests a second, how long answers take at each stage, statuses, the slowest exchanges and the",
                "failures of the booking system show up here as exchanges end.",
            ],
        );
        return;
    }
    let TrafficScreen { top, slow, first_slow, ref page, .. } = model.traffic;
    rows(buffer, area, 1, page, top);
    if let Some(row) = (first_slow + slow).checked_sub(top).and_then(|row| u16::try_from(row).ok()) {
        select(buffer, area, row + 1, true);
    }
}

/// The slowest exchanges that are listed.
fn listed(index: &TrafficIndex) -> impl Iterator<Item = &SlowExchange> {
    index.slowest().iter().take(LISTED)
}

/// The rows, and which one is the first of the slowest exchanges.
fn page(index: &TrafficIndex, status: &Status, size: Option<u64>, width: usize) -> (Vec<Row>, usize) {
    let room = width.saturating_sub(LABEL + 22).clamp(8, 240);
    let mut page = Vec::new();
    let buckets = index.buckets();
    let rate = |bucket: &TrafficBucket| bucket.requests;
    let per_second = |count: u64| {
        let rate = count as f64 / index.width() as f64;
        if rate >= 10.0 { format!("{rate:.0}/s") } else { format!("{rate:.1}/s") }
    };
    let peak = buckets.iter().map(rate).max().unwrap_or(0);
    page.push(series(
        "requests",
        TextStyle::Name,
        &spark(buckets, rate, room),
        &format!("at most {}", per_second(peak)),
    ));
    let errors: u64 = buckets.iter().map(|bucket| bucket.errors).sum();
    let ink = if errors > 0 { TextStyle::Bad } else { TextStyle::Dim };
    page.push(series(
        "errors",
        ink,
        &spark(buckets, |bucket| bucket.errors, room),
        &format!("{} in all", grouped(errors)),
    ));
    let slowest = Duration::from_micros(buckets.iter().map(|bucket| bucket.slowest).max().unwrap_or(0));
    let latency = spark(buckets, |bucket| bucket.slowest, room);
    page.push(series("slowest", TextStyle::Number, &latency, &format!("at most {}", duration(slowest))));
    if index.lags().iter().any(|lag| !lag.is_zero()) {
        let lags: Vec<TrafficBucket> = index
            .lags()
            .iter()
            .map(|lag| TrafficBucket { requests: lag.as_millis() as u64, ..TrafficBucket::default() })
            .collect();
        let most = index.lags().iter().max().copied().unwrap_or_default();
        page.push(series(
            "judge's lag",
            TextStyle::Of(Severity::Warning),
            &spark(&lags, rate, room),
            &format!("at most {}", duration(most)),
        ));
    }
    page.push(Row::default());
    page.push(Row::new(
        TextStyle::Dim,
        &format!("  {:LABEL$}{:>9}{:>10}{:>10}{:>10}{:>10}", "stage", "calls", "p50", "p95", "p99", "longest"),
    ));
    for (stage, latencies) in index.by_stage() {
        page.push(percentiles(stage_name(stage), latencies));
    }
    if index.by_stage().count() > 1 {
        page.push(percentiles("all", index.all()));
    }
    page.push(Row::default());
    page.push(classes(index.classes()));
    page.push(health(index));
    page.push(Row::default());
    let size = size.map_or_else(String::new, |size| format!(", {}", size_words(size)));
    let recording = format!("{}{size}", status.file());
    page.push(Row::new(TextStyle::Dim, &format!("  {:LABEL$}", "recording")).with(TextStyle::Plain, &recording));
    page.push(Row::default());
    let first_slow = page.len();
    for (place, slow) in listed(index).enumerate() {
        let label = if place == 0 { "slowest" } else { "" };
        page.push(
            Row::new(TextStyle::Dim, &format!("  {label:LABEL$}"))
                .with(TextStyle::Bold, &format!("{:>9}", duration(slow.took)))
                .with(TextStyle::Plain, &format!("  exchange {} ({})", number(slow.exchange), stage_name(slow.stage))),
        );
    }
    page.push(Row::default());
    histogram(index.all(), room, &mut page);
    (page, first_slow)
}

fn series(label: &str, ink: TextStyle, spark: &str, words: &str) -> Row {
    Row::new(TextStyle::Dim, &format!("  {label:LABEL$}"))
        .with(ink, spark)
        .with(TextStyle::Plain, &format!("  {words}"))
}

/// The newest buckets, one a column; several are one where there is no room for all.
fn spark(buckets: &[TrafficBucket], value: impl Fn(&TrafficBucket) -> u64, room: usize) -> String {
    let each = buckets.len().div_ceil(room).max(1);
    let values: Vec<u64> = buckets.chunks(each).map(|some| some.iter().map(&value).max().unwrap_or(0)).collect();
    let most = values.iter().copied().max().unwrap_or(0).max(1);
    values
        .iter()
        .map(|value| if *value == 0 { EIGHTHS[0] } else { EIGHTHS[(value * 8).div_ceil(most).min(8) as usize] })
        .collect()
}

fn percentiles(name: &str, latencies: &Latencies) -> Row {
    let mut row = Row::new(TextStyle::Bold, &format!("  {name:LABEL$}"))
        .with(TextStyle::Plain, &format!("{:>9}", grouped(latencies.count())));
    for of_hundred in [50, 95, 99] {
        row = row.with(TextStyle::Plain, &format!("{:>10}", duration(latencies.percentile(of_hundred))));
    }
    row.with(TextStyle::Dim, &format!("{:>10}", duration(latencies.longest())))
}

fn classes(classes: &[u64; 10]) -> Row {
    let mut row = Row::new(TextStyle::Dim, &format!("  {:LABEL$}", "answers"));
    for (class, &count) in classes.iter().enumerate().filter(|(_, count)| **count > 0) {
        let (ink, name) = match class {
            0 => (TextStyle::Bad, "none".to_owned()),
            1..=3 => (TextStyle::Good, format!("{class}xx")),
            4 => (TextStyle::Of(Severity::Warning), format!("{class}xx")),
            _ => (TextStyle::Bad, format!("{class}xx")),
        };
        row = row.with(ink, &name).with(TextStyle::Plain, &format!(" {}   ", grouped(count)));
    }
    row
}

fn health(index: &TrafficIndex) -> Row {
    let row = Row::new(TextStyle::Dim, &format!("  {:LABEL$}", "booking system"));
    let connections = text::count(index.connections(), "connection");
    if index.failures().is_empty() {
        return row.with(TextStyle::Good, "answers").with(TextStyle::Plain, &format!("   {connections} of brokers"));
    }
    let mut row = row;
    for (kind, count) in index.failures() {
        row = row
            .with(TextStyle::Bad, &format!("{}× ", grouped(*count)))
            .with(TextStyle::Plain, &format!("{}   ", kind.describe()));
    }
    row.with(TextStyle::Plain, &format!("{connections} of brokers"))
}

fn histogram(latencies: &Latencies, room: usize, page: &mut Vec<Row>) {
    let doublings = latencies.doublings();
    let most = doublings.iter().map(|(_, count)| *count).max().unwrap_or(1).max(1);
    for (place, (end, count)) in doublings.iter().enumerate() {
        let label = if place == 0 { "latencies" } else { "" };
        let bar = "█".repeat(((count * room as u64).div_ceil(most * 2) as usize).max(1));
        page.push(
            Row::new(TextStyle::Dim, &format!("  {label:LABEL$}"))
                .with(TextStyle::Plain, &format!("{:>12} ", format!("up to {}", duration(*end))))
                .with(TextStyle::Name, &bar)
                .with(TextStyle::Dim, &format!(" {}", grouped(*count))),
        );
    }
}

/// `812 B`, `35.1 MB`.
fn size_words(bytes: u64) -> String {
    let units = [("GB", 1e9), ("MB", 1e6), ("kB", 1e3)];
    let unit = units.into_iter().find(|(_, of)| bytes as f64 >= *of);
    unit.map_or_else(|| format!("{bytes} B"), |(name, of)| format!("{:.1} {name}", bytes as f64 / of))
}

/// `35 ms`, `1.2 s`.
fn duration(time: Duration) -> String {
    match time.as_micros() {
        micros @ 0..1_000 => format!("{micros} µs"),
        micros @ 1_000..10_000_000 => format!("{} ms", micros / 1_000),
        _ => format!("{:.1} s", time.as_secs_f64()),
    }
}

fn time_words(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        _ => format!("{} h", seconds / 3_600),
    }
}
