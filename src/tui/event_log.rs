//! The event log: every notice of the run.
//!
//! `Status → rows, the newest last`

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Line;

use super::model::ScreenModel;
use super::theme::TextStyle;
use super::view::{line, select, span, teach, title};
use crate::text;

/// Columns in front of a notice.
const TIME: usize = 11;

pub(super) fn draw(model: &ScreenModel, area: Rect, buffer: &mut Buffer) {
    let notices = &model.status.notices;
    title(
        buffer,
        area,
        true,
        vec![span(
            TextStyle::Bold,
            format!(" Event log · {} · times in UTC ", text::count(notices.len() as u64, "notice")),
        )],
    );
    if notices.is_empty() {
        let below = Rect { y: area.y + 1, height: area.height.saturating_sub(1), ..area };
        teach(
            buffer,
            below,
            &[
                "*Nothing to report so far.",
                "",
                "Notices of the run are kept here: new rules, disks that are slow, clients that were turned away.",
            ],
        );
        return;
    }
    let cursor = &model.event_log;
    for (at, (when, notice)) in notices.iter().enumerate().skip(cursor.top) {
        let row = 1 + (at - cursor.top) as u16;
        if row >= area.height {
            break;
        }
        let when = span(TextStyle::Dim, format!("  {} ", when.strftime("%H:%M:%S")));
        line(buffer, area, row, &Line::from(vec![when, span(TextStyle::Plain, text::visible(notice))]));
        if at == cursor.at {
            select(buffer, area, row, true);
        }
    }
    // The selected one in full, where it is too long for its row.
    if let Some((_, notice)) = notices.get(cursor.at) {
        let lines = text::wrap(notice, usize::from(area.width).saturating_sub(4));
        let is_cut = text::visible(notice).width() + TIME > usize::from(area.width);
        let used = notices.len().saturating_sub(cursor.top) as u16 + 1;
        if is_cut && used + 1 + (lines.len() as u16) < area.height {
            for (part, row) in lines.iter().zip(used + 1..) {
                line(buffer, area, row, &Line::from(span(TextStyle::Plain, format!("  {part}"))));
            }
        }
    }
}
