//! The screens with the counts of findings, what to give to the broker, whether exchanges are being kept, how far judging
//! has come.
//!
//! `Status → four lines`, or fewer on a small terminal; where exchanges are not kept, one is an alarm

use std::time::Duration;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Span};

use super::super::model::{Screen, ScreenModel};
use super::super::theme::{TextStyle, alarm, letter, sign};
use super::{line, span, width};
use crate::event::{Forwarding, Progress, RecordingStatus, RunMode};
use crate::finding::{Severity, Side, grouped};
use crate::text;
use crate::tui::FaultState;

/// Stands before the screens' names, where there is room.
const NAME: &str = " umpire ";

/// The screens' names, in order.
const NAMES: [&str; 5] = ["Bookings", "Exchanges", "Findings", "Coverage", "Traffic"];

pub(super) fn draw(model: &ScreenModel, area: Rect, buffer: &mut Buffer) {
    let alarming = matches!(model.status.recording, Some(RecordingStatus::Off { .. }));
    // With one line only, what must not be overlooked comes first.
    if !(alarming && area.height == 1) {
        line(buffer, area, 0, &screens(model, area.width));
    }
    if area.height == 1 && !alarming {
        return;
    }
    let row = area.height.saturating_sub(1).min(1);
    let mut state = state(model);
    if alarming {
        let band = Rect { y: area.y + row, height: area.height.min(1), ..area };
        buffer.set_style(band, alarm());
    }
    // The alarm has its row to itself, where there is another one.
    if !(alarming && area.height > 2) {
        state.spans.extend(counters(model));
    }
    // Without a row of its own, what else there is to say stands behind it.
    if area.height == 2 && !alarming {
        state.spans.extend(more(model).spans);
    }
    line(buffer, area, row, &state);
    let mut last = more(model);
    if alarming {
        last.spans.splice(0..0, counters(model).into_iter().chain([span(TextStyle::Plain, " ")]));
    }
    match area.height {
        4.. => {
            line(buffer, area, 2, &what(model, area.width));
            line(buffer, area, 3, &last);
        }
        3 if alarming
            || !last.spans.is_empty()
                && model.status.notices.len() > usize::from(model.status.context.settings.is_some()) =>
        {
            line(buffer, area, 2, &last);
        }
        3 => line(buffer, area, 2, &what(model, area.width)),
        _ => {}
    }
}

/// The names of the screens as they stand in the first row, each with its first column and the one behind its last.
fn tabs(model: &ScreenModel, width: u16) -> Vec<(usize, usize, String)> {
    let number = |at: usize| Screen::MAIN.get(at).is_some_and(|screen| *screen == model.root());
    // Only the one that is shown has its name where there is no room for all.
    let whole: usize = NAMES.iter().map(|name| name.len() + 4).sum();
    let room = usize::from(width).saturating_sub(counts_width(model));
    let mut at = if whole + NAME.len() <= room { NAME.len() } else { 0 };
    let mut tabs = Vec::new();
    for (place, name) in NAMES.iter().enumerate() {
        let words = match (whole <= room, number(place)) {
            (true, _) | (false, true) => format!(" {} {name} ", place + 1),
            _ => format!(" {} ", place + 1),
        };
        let end = at + words.len();
        tabs.push((at, end, words));
        at = end;
    }
    tabs
}

/// The screen whose name stands in this column of the first row.
pub(in crate::tui) fn tab_at(model: &ScreenModel, x: u16) -> Option<Screen> {
    let tabs = tabs(model, model.layout.header.width);
    let place = tabs.iter().position(|(from, to, _)| (*from..*to).contains(&usize::from(x)))?;
    Screen::MAIN.get(place).copied()
}

fn screens(model: &ScreenModel, columns: u16) -> Line<'static> {
    let tabs = tabs(model, columns);
    let named = tabs.first().is_some_and(|(from, ..)| *from > 0);
    let mut spans = vec![span(TextStyle::Bold, if named { NAME } else { "" })];
    for (place, (_, _, words)) in tabs.into_iter().enumerate() {
        let shown = Screen::MAIN.get(place).is_some_and(|screen| *screen == model.root());
        let style = if shown { Style::new().add_modifier(Modifier::REVERSED) } else { TextStyle::Dim.style() };
        spans.push(Span::styled(words, style));
    }
    let counts = counts(model);
    let rest = usize::from(columns).saturating_sub(width(&spans) + width(&counts));
    spans.push(span(TextStyle::Plain, " ".repeat(rest)));
    spans.extend(counts);
    Line::from(spans)
}

fn counts_width(model: &ScreenModel) -> usize {
    width(&counts(model))
}

/// `B ✗4 !1  S ✗2`: how much was found on each side.
fn counts(model: &ScreenModel) -> Vec<Span<'static>> {
    let mut spans = Vec::new();
    for side in Side::ALL {
        spans.push(span(TextStyle::By(side), format!(" {}", letter(side))));
        let found = Severity::ALL.into_iter().map(|severity| (severity, model.status.tally.get(side, severity)));
        let found: Vec<(Severity, u64)> = found.filter(|(_, count)| *count > 0).collect();
        if found.is_empty() {
            let unknown = model.status.verdicts.passed == 0 || model.status.verdicts.is_mostly_unjudged();
            spans.push(span(TextStyle::Dim, if unknown { " ?" } else { " ok" }));
        }
        for (severity, count) in found {
            spans.push(span(TextStyle::Of(severity), format!(" {}{count}", sign(severity))));
        }
        spans.push(span(TextStyle::Plain, " "));
    }
    spans
}

/// Least columns of the booking system's address; what the broker is to be given comes first.
const LEAST_UPSTREAM: usize = 12;

fn what(model: &ScreenModel, width: u16) -> Line<'_> {
    let context = &model.status.context;
    let mut spans = vec![span(TextStyle::Plain, " ")];
    match (&context.base_uri, &context.upstream) {
        (Some(base_uri), upstream) => {
            spans.push(span(TextStyle::Dim, "broker's Base URI "));
            // Both addresses share what the other words leave, those of a forward proxy not counted.
            let demo = if context.mode == RunMode::Demo { 6 } else { 0 };
            let room = usize::from(width).saturating_sub(1 + 18 + 3 + demo);
            let broker = room.saturating_sub(if upstream.is_some() { LEAST_UPSTREAM } else { 0 });
            let base_uri = text::clip_middle(base_uri, broker);
            let rest = room.saturating_sub(base_uri.width());
            spans.push(span(TextStyle::Bold, base_uri));
            if let Some(upstream) = upstream {
                spans.push(span(TextStyle::Dim, " → "));
                spans.push(span(TextStyle::Plain, text::clip_middle(upstream, rest)));
            }
        }
        (None, _) if context.forward.is_some() => {}
        (None, _) => {
            spans.push(span(TextStyle::Dim, "recording "));
            let file = match &model.status.recording {
                // The next part of it.
                Some(RecordingStatus::On { file, .. }) => Some(file),
                _ => context.capture.as_ref(),
            };
            spans.push(span(TextStyle::Bold, text::visible(file.map_or("-", String::as_str))));
        }
    }
    if !context.also.is_empty() {
        spans.push(span(TextStyle::Dim, format!(" and {} more", context.also.len())));
    }
    if let Some(Forwarding { proxy, hosts, .. }) = &context.forward {
        spans.push(span(
            TextStyle::Dim,
            if context.base_uri.is_some() { "  HTTPS_PROXY " } else { "client's HTTPS_PROXY " },
        ));
        spans.push(span(TextStyle::Bold, text::visible(proxy)));
        spans.push(span(TextStyle::Dim, " intercepts "));
        spans.push(span(TextStyle::Plain, text::visible(hosts)));
    }
    if context.mode == RunMode::Demo {
        spans.push(span(TextStyle::Of(crate::finding::Severity::Warning), "  demo"));
    }
    Line::from(spans)
}

/// Whether exchanges are being kept.
fn state(model: &ScreenModel) -> Line<'_> {
    Line::from(match (&model.status.recording, &model.status.context.capture, model.status.context.mode) {
        (Some(RecordingStatus::Off { reason, missed }), ..) => {
            let missed = text::count(*missed, "exchange");
            let words = format!(" ‼ NOT RECORDING, {missed} missed: {}", text::visible(reason));
            return Line::styled(words, Style::new());
        }
        (_, _, RunMode::View) if model.status.is_read() => vec![],
        (_, _, RunMode::View) => vec![span(TextStyle::Dim, " reading")],
        (Some(RecordingStatus::Removed { .. }), ..) => vec![span(TextStyle::Dim, " ○ nothing was recorded")],
        (Some(RecordingStatus::On { .. }), ..) | (None, Some(_), _) => {
            let mut spans = vec![span(TextStyle::Bad, " ●"), span(TextStyle::Plain, " rec")];
            if let Some(RecordingStatus::On { missed: missed @ 1.., .. }) = &model.status.recording {
                spans.push(span(TextStyle::Bad, format!(" ‼ {} missing", text::count(*missed, "exchange"))));
            }
            spans
        }
        (None, None, _) => vec![span(TextStyle::Dim, " ○ judged, but not kept")],
    })
}

/// `recorded 12 · judged 10 · lag 3 s · dropped 0`: what is not as it should be stands out.
fn counters(model: &ScreenModel) -> Vec<Span<'static>> {
    // Until it is told, what is shown is all that is known.
    let missed = model.status.recording.as_ref().map_or(0, RecordingStatus::missed);
    let (shown, lag) = (model.status.exchanges, Duration::ZERO);
    let shown = Progress { recorded: shown.saturating_sub(missed), judged: shown, lag };
    let Progress { recorded, judged, .. } = model.status.progress.unwrap_or(shown);
    let mut spans = Vec::new();
    if model.status.context.mode == RunMode::View || model.status.context.capture.is_some() {
        spans.push(span(TextStyle::Dim, format!("  recorded {} ·", grouped(recorded))));
    }
    spans.push(span(TextStyle::Dim, format!(" judged {} ·", grouped(judged))));
    // Of a recording that is read it is not known.
    if model.status.context.mode != RunMode::View {
        let lag = model.status.lag_seconds();
        let ink = if lag > 0 { TextStyle::Of(Severity::Warning) } else { TextStyle::Dim };
        spans.extend([span(ink, format!(" lag {} s", grouped(lag))), span(TextStyle::Dim, " ·")]);
    }
    let ink = if model.status.not_shown > 0 { TextStyle::Bad } else { TextStyle::Dim };
    spans.push(span(ink, format!(" dropped {}", grouped(model.status.not_shown))));
    if let Some(waiting) = model.under_way.in_words(model.now) {
        spans.extend([span(TextStyle::Dim, " · "), span(TextStyle::Of(Severity::Warning), waiting)]);
    }
    spans
}

/// What else there is to say: what is unsafe, the latest notice, and where exchanges are kept or what was recorded.
fn more(model: &ScreenModel) -> Line<'_> {
    let disarmed: Vec<String> =
        model.faults.iter().filter(|fault| !fault.armed).map(|fault| FaultState::warning(&fault.text)).collect();
    let warnings = model.status.context.warnings.iter().filter(|warning| !disarmed.contains(*warning));
    let mut spans: Vec<Span<'_>> =
        warnings.map(|words| span(TextStyle::Bad, format!(" ‼ {} ", text::visible(words)))).collect();
    if let Some(little) = model.status.little_judged() {
        spans.push(span(TextStyle::Of(Severity::Warning), format!(" ‼ {} ", text::clip(&little, 200))));
    }
    // The demo tells its story here, a live run what needs attention; where it is kept matters less.
    if let Some((_, notice)) = model.status.notices.back() {
        let ink = match model.status.context.mode {
            RunMode::Demo => TextStyle::Bold,
            RunMode::View => TextStyle::Plain,
            RunMode::Live | RunMode::Replay => TextStyle::Of(Severity::Warning),
        };
        spans.push(span(ink, format!(" {} ", text::clip(notice, 200))));
    }
    if model.status.muted > 0 {
        let words = format!(" {} muted (properly refused) ", text::count(model.status.muted, "finding"));
        spans.push(span(TextStyle::Dim, words));
    }
    if let Some((authority, count)) = &model.status.unread {
        let words = format!(" {count} passed unread, last to {} ", text::clip_middle(authority, 60));
        spans.push(span(TextStyle::Dim, words));
    }
    if model.status.context.mode == RunMode::View {
        if let Some(base_uri) = &model.status.context.upstream {
            spans.push(span(TextStyle::Dim, format!(" Base URI {}", text::clip_middle(base_uri, 80))));
        }
        return Line::from(spans);
    }
    let file = match &model.status.recording {
        Some(RecordingStatus::On { file, .. }) => Some(file),
        Some(RecordingStatus::Off { .. } | RecordingStatus::Removed { .. }) => None,
        None => model.status.context.capture.as_ref(),
    };
    if let Some(file) = file {
        spans.push(span(TextStyle::Dim, " to "));
        spans.push(span(TextStyle::Plain, text::clip_middle(file, 80)));
    }
    Line::from(spans)
}
