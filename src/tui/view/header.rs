//! What to give to the broker, and whether exchanges are being kept.
//!
//! `Context, Recording → two lines`; where exchanges are not kept, the second is an alarm

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Line;

use super::super::model::Model;
use super::super::theme::{Ink, alarm};
use super::{line, span};
use crate::event::{Forwarding, Mode, Recording};
use crate::finding::Severity;
use crate::text;

pub(super) fn draw(model: &Model, area: Rect, buffer: &mut Buffer) {
    let alarming = matches!(model.recording, Some(Recording::Off { .. }));
    // With one line only, what must not be overlooked comes first.
    if !(alarming && area.height == 1) {
        line(buffer, area, 0, &what(model, area.width));
    }
    if area.height > 1 || alarming {
        let row = area.height.saturating_sub(1);
        if alarming {
            let band = Rect { y: area.y + row, height: area.height.min(1), ..area };
            buffer.set_style(band, alarm());
        }
        line(buffer, area, row, &state(model));
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

fn state(model: &Model) -> Line<'_> {
    let (mut spans, mut noticed) = (Vec::new(), false);
    match (&model.recording, &model.context.capture, model.context.mode) {
        (Some(Recording::Off { reason, missed }), ..) => {
            let missed = text::count(*missed, "exchange");
            let words = format!(" ‼ NOT RECORDING, {missed} missed: {}", text::visible(reason));
            return Line::styled(words, Style::new());
        }
        (_, _, Mode::View) => spans.push(span(Ink::Dim, " reading")),
        (Some(Recording::Removed { .. }), ..) => spans.push(span(Ink::Dim, " ○ nothing was recorded")),
        (Some(Recording::On { file, .. }), ..) | (None, Some(file), _) => {
            spans.push(span(Ink::Bad, " ●"));
            spans.push(span(Ink::Plain, " rec"));
            if let Some(Recording::On { missed: missed @ 1.., .. }) = &model.recording {
                spans.push(span(Ink::Bad, format!(" ‼ {} missing", text::count(*missed, "exchange"))));
            }
            // The demo tells its story here, a live run what needs attention; where it is kept matters less.
            if let Some(notice) = &model.notice {
                let ink = if model.context.mode == Mode::Demo { Ink::Bold } else { Ink::Of(Severity::Warning) };
                spans.push(span(ink, format!("  {}  ", text::clip(notice, 200))));
                noticed = true;
            }
            spans.push(span(Ink::Plain, format!(" {}", text::visible(file))));
        }
        (None, None, _) => spans.push(span(Ink::Dim, " ○ judged, but not kept")),
    }
    // Standing, right behind the state of recording: they hold for every exchange below.
    let behind = spans.len().min(2);
    let warnings = model.context.warnings.iter().map(|words| span(Ink::Bad, format!(" ‼ {} ", text::visible(words))));
    spans.splice(behind..behind, warnings);
    if model.muted > 0 {
        let words = format!("  {} muted (properly refused)", text::count(model.muted, "finding"));
        spans.push(span(Ink::Dim, words));
    }
    if let Some((authority, count)) = &model.unread {
        let words = format!("  {count} passed unread, last to {}", text::clip(authority, 60));
        spans.push(span(Ink::Dim, words));
    }
    if model.not_shown > 0 {
        let lost = text::count(model.not_shown, "event");
        spans.push(span(Ink::Bad, format!("  {lost} not shown (too fast)")));
    }
    if let (false, Some(notice)) = (noticed, &model.notice) {
        spans.push(span(Ink::Dim, format!("  {}", text::clip(notice, 200))));
    }
    Line::from(spans)
}
