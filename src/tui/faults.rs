//! The faults of `--fault`: which are armed, and how often each was made.
//!
//! `FaultState* → rows`

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Line;

use super::model::ScreenModel;
use super::theme::TextStyle;
use super::view::{line, select, span, teach, title};
use crate::text;

pub(super) fn draw(model: &ScreenModel, area: Rect, buffer: &mut Buffer) {
    title(
        buffer,
        area,
        true,
        vec![span(TextStyle::Bold, " Faults "), span(TextStyle::Dim, "· Enter arms and disarms")],
    );
    if model.faults.is_empty() {
        let below = Rect { y: area.y + 1, height: area.height.saturating_sub(1), ..area };
        teach(
            buffer,
            below,
            &[
                "*This run makes no faults.",
                "",
                "Start it with --fault 'B status=503 times=2' to see how the broker takes one; --fault list has all.",
                "Here each fault can then be armed and disarmed while traffic passes.",
            ],
        );
        return;
    }
    line(buffer, area, 1, &Line::from(span(TextStyle::Dim, "  state     made  fault")));
    for (at, fault) in model.faults.iter().enumerate().skip(model.fault.top) {
        let row = 2 + (at - model.fault.top) as u16;
        let (ink, state) = if fault.armed { (TextStyle::Bad, "armed") } else { (TextStyle::Dim, "disarmed") };
        let spans = vec![
            span(ink, format!("  {state:8} ")),
            span(TextStyle::Plain, format!("{:>5}  ", fault.made)),
            span(TextStyle::Plain, text::visible(&fault.text)),
        ];
        line(buffer, area, row, &Line::from(spans));
        if at == model.fault.at {
            select(buffer, area, row, true);
        }
    }
}
