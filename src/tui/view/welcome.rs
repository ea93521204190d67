//! What to do while nothing has passed yet.
//!
//! `Context → what to do` → (the first exchange takes its place)

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Line;

use super::super::model::ScreenModel;
use super::super::theme::TextStyle;
use super::{line, span};
use crate::event::RunMode;
use crate::text;

pub(super) fn draw(model: &ScreenModel, area: Rect, buffer: &mut Buffer) {
    let base_uri = text::visible(model.status.context.base_uri.as_deref().unwrap_or("-"));
    let waiting = model.under_way.in_words(model.now).map(|waiting| format!("  Nothing has ended yet: {waiting}."));
    let nothing =
        || Line::from(span(TextStyle::Bold, waiting.clone().unwrap_or_else(|| "  Nothing has passed yet.".to_owned())));
    let lines = match model.status.context.mode {
        RunMode::View => vec![
            Line::from(span(TextStyle::Bold, "  This recording holds no exchange so far.")),
            Line::default(),
            Line::from("  If a proxy is writing it, exchanges appear here as they end."),
        ],
        RunMode::Demo => vec![
            Line::from(span(TextStyle::Bold, "  A scripted broker is about to make its first booking.")),
            Line::default(),
            Line::from("  Its requests go through Umpire to a small booking system built into it."),
            Line::from("  Some are wrong on purpose, and so are some answers: watch who is blamed."),
        ],
        RunMode::Live | RunMode::Replay
            if let Some(forward) = &model.status.context.forward
                && model.status.context.base_uri.is_none() =>
        {
            let proxy = text::visible(&forward.proxy);
            vec![
                nothing(),
                Line::default(),
                Line::from("  1. Start your client with"),
                Line::from(span(TextStyle::Good, format!("       HTTPS_PROXY={proxy} HTTP_PROXY={proxy}"))),
                Line::from("  2. Let it trust this file (`umpire ca trust` says how):"),
                Line::from(span(TextStyle::Good, format!("       {}", text::visible(&forward.ca)))),
                Line::from(format!("  3. What it asks of {} shows up here.", text::visible(&forward.hosts))),
                Line::default(),
                Line::from(
                    "  Does nothing arrive? Node.js wants NODE_USE_ENV_PROXY=1, too (22.21, 24 and later; 20 can't),",
                ),
                Line::from("  Java -Dhttps.proxyHost and -Dhttps.proxyPort. docs/proxy.md has other reasons."),
            ]
        }
        RunMode::Live | RunMode::Replay if waiting.is_some() => vec![
            nothing(),
            Line::default(),
            Line::from("  Exchanges are listed here when they have ended. 2 lists those that wait."),
        ],
        RunMode::Live | RunMode::Replay => vec![
            nothing(),
            Line::default(),
            Line::from("  1. Give your broker this Base URI in place of the booking system's:"),
            Line::from(vec![span(TextStyle::Plain, "       "), span(TextStyle::Good, base_uri.clone())]),
            Line::from("  2. Make a booking. Each request shows up here, with who is at fault."),
            Line::default(),
            Line::from(span(TextStyle::Dim, "  Or try it from another terminal:")),
            Line::from(vec![
                span(TextStyle::Plain, "       "),
                span(TextStyle::Name, format!("curl -i {}/orders-rpde", base_uri.trim_end_matches('/'))),
            ]),
        ],
    };
    let top = u16::from(area.height > lines.len() as u16);
    for (text, row) in lines.iter().zip(top..) {
        line(buffer, area, row, text);
    }
}
