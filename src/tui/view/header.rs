//! What to give to the broker, whether exchanges are being kept, and how far judging has come.
//!
//! `Context, Recording, Progress → three lines`, or fewer on a small terminal; where exchanges are not kept, the second is
//! an alarm

use std::time::Duration;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::super::model::Model;
use super::super::theme::{Ink, alarm};
use super::{line, span};
use crate::event::{Forwarding, Mode, Progress, Recording};
use crate::finding::{Severity, grouped};
use crate::text;

pub(super) fn draw(model: &Model, area: Rect, buffer: &mut Buffer) {
    let alarming = matches!(model.recording, Some(Recording::Off { .. }));
    // With one line only, what must not be overlooked comes first.
    if !(alarming && area.height == 1) {
        line(buffer, area, 0, &what(model, area.width));
    }
    if area.height > 1 || alarming {
        let row = area.height.saturating_sub(1).min(1);
        if alarming {
            let band = Rect { y: area.y + row, height: area.height.min(1), ..area };
            buffer.set_style(band, alarm());
        }
        let mut state = state(model);
        // The alarm has its row to itself, where there is another one.
        if !(alarming && area.height > 2) {
            state.spans.extend(counters(model));
        }
        // Without a row of its own, what else there is to say stands behind it.
        if area.height == 2 && !alarming {
            state.spans.extend(more(model).spans);
        }
        line(buffer, area, row, &state);
    }
    if area.height > 2 {
        let mut more = more(model);
        if alarming {
            more.spans.splice(0..0, counters(model).into_iter().chain([span(Ink::Plain, " ")]));
        }
        line(buffer, area, 2, &more);
    }
}

/// Least columns of the booking system's address; what the broker is to be given comes first.
const LEAST_UPSTREAM: usize = 12;

fn what(model: &Model, width: u16) -> Line<'_> {
    let context = &model.context;
    let mut spans = vec![span(Ink::Bold, " umpire ")];
    match (&context.base_uri, &context.upstream) {
        (Some(base_uri), upstream) => {
            spans.push(span(Ink::Dim, "broker's Base URI "));
            // Both addresses share what the other words leave, those of a forward proxy not counted.
            let demo = if context.mode == Mode::Demo { 6 } else { 0 };
            let room = usize::from(width).saturating_sub(8 + 18 + 3 + demo);
            let broker = room.saturating_sub(if upstream.is_some() { LEAST_UPSTREAM } else { 0 });
            let base_uri = text::clip_middle(base_uri, broker);
            let rest = room.saturating_sub(base_uri.width());
            spans.push(span(Ink::Bold, base_uri));
            if let Some(upstream) = upstream {
                spans.push(span(Ink::Dim, " → "));
                spans.push(span(Ink::Plain, text::clip_middle(upstream, rest)));
            }
        }
        (None, _) if context.forward.is_some() => {}
        (None, _) => {
            spans.push(span(Ink::Dim, "recording "));
            let file = match &model.recording {
                // The next part of it.
                Some(Recording::On { file, .. }) => Some(file),
                _ => context.capture.as_ref(),
            };
            spans.push(span(Ink::Bold, text::visible(file.map_or("-", String::as_str))));
        }
    }
    if !context.also.is_empty() {
        spans.push(span(Ink::Dim, format!(" and {} more", context.also.len())));
    }
    if let Some(Forwarding { proxy, hosts, .. }) = &context.forward {
        spans.push(span(Ink::Dim, if context.base_uri.is_some() { "  HTTPS_PROXY " } else { "client's HTTPS_PROXY " }));
        spans.push(span(Ink::Bold, text::visible(proxy)));
        spans.push(span(Ink::Dim, " intercepts "));
        spans.push(span(Ink::Plain, text::visible(hosts)));
    }
    if context.mode == Mode::Demo {
        spans.push(span(Ink::Of(crate::finding::Severity::Warning), "  demo"));
    }
    Line::from(spans)
}

/// Whether exchanges are being kept.
fn state(model: &Model) -> Line<'_> {
    Line::from(match (&model.recording, &model.context.capture, model.context.mode) {
        (Some(Recording::Off { reason, missed }), ..) => {
            let missed = text::count(*missed, "exchange");
            let words = format!(" ‼ NOT RECORDING, {missed} missed: {}", text::visible(reason));
            return Line::styled(words, Style::new());
        }
        (_, _, Mode::View) => vec![span(Ink::Dim, " reading")],
        (Some(Recording::Removed { .. }), ..) => vec![span(Ink::Dim, " ○ nothing was recorded")],
        (Some(Recording::On { .. }), ..) | (None, Some(_), _) => {
            let mut spans = vec![span(Ink::Bad, " ●"), span(Ink::Plain, " rec")];
            if let Some(Recording::On { missed: missed @ 1.., .. }) = &model.recording {
                spans.push(span(Ink::Bad, format!(" ‼ {} missing", text::count(*missed, "exchange"))));
            }
            spans
        }
        (None, None, _) => vec![span(Ink::Dim, " ○ judged, but not kept")],
    })
}

/// `recorded 12 · judged 10 · lag 3 s · dropped 0`: what is not as it should be stands out.
fn counters(model: &Model) -> Vec<Span<'static>> {
    // Until it is told, what is shown is all that is known.
    let missed = model.recording.as_ref().map_or(0, Recording::missed);
    let (shown, lag) = (model.exchanges, Duration::ZERO);
    let shown = Progress { recorded: shown.saturating_sub(missed), judged: shown, lag };
    let Progress { recorded, judged, .. } = model.progress.unwrap_or(shown);
    let mut spans = Vec::new();
    if model.context.mode == Mode::View || model.context.capture.is_some() {
        spans.push(span(Ink::Dim, format!("  recorded {} ·", grouped(recorded))));
    }
    spans.push(span(Ink::Dim, format!(" judged {} ·", grouped(judged))));
    // Of a recording that is read it is not known.
    if model.context.mode != Mode::View {
        let lag = model.lag_seconds();
        let ink = if lag > 0 { Ink::Of(Severity::Warning) } else { Ink::Dim };
        spans.extend([span(ink, format!(" lag {} s", grouped(lag))), span(Ink::Dim, " ·")]);
    }
    let ink = if model.not_shown > 0 { Ink::Bad } else { Ink::Dim };
    spans.push(span(ink, format!(" dropped {}", grouped(model.not_shown))));
    spans
}

/// What else there is to say: what is unsafe, the latest notice, and where exchanges are kept or what was recorded.
fn more(model: &Model) -> Line<'_> {
    let warnings = model.context.warnings.iter();
    let mut spans: Vec<Span<'_>> =
        warnings.map(|words| span(Ink::Bad, format!(" ‼ {} ", text::visible(words)))).collect();
    if let Some(little) = model.little_judged() {
        spans.push(span(Ink::Of(Severity::Warning), format!(" ‼ {} ", text::clip(&little, 200))));
    }
    // The demo tells its story here, a live run what needs attention; where it is kept matters less.
    if let Some(notice) = &model.notice {
        let ink = match model.context.mode {
            Mode::Demo => Ink::Bold,
            Mode::View => Ink::Plain,
            Mode::Live | Mode::Replay => Ink::Of(Severity::Warning),
        };
        spans.push(span(ink, format!(" {} ", text::clip(notice, 200))));
    }
    if model.muted > 0 {
        let words = format!(" {} muted (properly refused) ", text::count(model.muted, "finding"));
        spans.push(span(Ink::Dim, words));
    }
    if let Some((authority, count)) = &model.unread {
        let words = format!(" {count} passed unread, last to {} ", text::clip_middle(authority, 60));
        spans.push(span(Ink::Dim, words));
    }
    if model.context.mode == Mode::View {
        if let Some(base_uri) = &model.context.upstream {
            spans.push(span(Ink::Dim, format!(" Base URI {}", text::clip_middle(base_uri, 80))));
        }
        return Line::from(spans);
    }
    let file = match &model.recording {
        Some(Recording::On { file, .. }) => Some(file),
        Some(Recording::Off { .. } | Recording::Removed { .. }) => None,
        None => model.context.capture.as_ref(),
    };
    if let Some(file) = file {
        spans.push(span(Ink::Dim, " to "));
        spans.push(span(Ink::Plain, text::clip_middle(file, 80)));
    }
    Line::from(spans)
}
