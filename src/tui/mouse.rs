//! What the mouse does: it scrolls, selects, opens, chooses a screen, and drags the line between list and detail.
//!
//! `MouseAction, ScreenLayout → the part that it points to → ScreenModel`

use ratatui::layout::Position;

use super::keys::MouseAction;
use super::model::{Focus, ScreenModel};
use super::view::tab_at;

impl ScreenModel {
    pub(super) fn pointer(&mut self, pointer: MouseAction) {
        if let (Some(help), MouseAction::Wheel { rows, .. }) = (&mut self.help, pointer) {
            help.scroll(rows);
        }
        if self.help.is_some() || self.prompt.is_some() {
            return;
        }
        let layout = self.layout;
        let has_detail = self.has_detail();
        let in_detail = |x, y| has_detail && layout.detail.contains(Position { x, y });
        match pointer {
            MouseAction::Wheel { x, y, rows } if in_detail(x, y) => self.detail.scroll(rows),
            MouseAction::Wheel { rows, .. } => self.scroll(rows),
            MouseAction::Down { x, y } => {
                let at_divider =
                    has_detail && if layout.is_side { x + 1 == layout.detail.x } else { y == layout.detail.y && y > 0 };
                self.dragging = at_divider;
                if at_divider {
                } else if y == layout.header.y {
                    if let Some(screen) = tab_at(self, x) {
                        self.show_main(screen);
                    }
                } else if in_detail(x, y) {
                    self.focus = Focus::Detail;
                    let row = usize::from(y.saturating_sub(layout.detail.y + 1));
                    self.detail.row = self.detail.top + row;
                } else if layout.list.contains(Position { x, y }) {
                    self.focus = Focus::List;
                    let head = layout.list.y + layout.list_head();
                    if let Some(row) = y.checked_sub(head) {
                        self.click(usize::from(row));
                    }
                }
            }
            MouseAction::Drag { x, y } if self.dragging => {
                let body = layout.body;
                let (at, whole) =
                    if layout.is_side { (x - body.x.min(x), body.width) } else { (y - body.y.min(y), body.height) };
                let hundredths = u32::from(at) * 100 / u32::from(whole.max(1));
                self.divider = Some(hundredths.clamp(10, 90) as u16);
            }
            MouseAction::Drag { .. } => {}
            MouseAction::Up => self.dragging = false,
        }
    }
}
