//! Where the parts of the screen lie, for any size of terminal.
//!
//! `size, focus → Areas`: wide terminals get list and detail side by side, others one above the other, and small
//! ones only the part that has the focus

use ratatui::layout::{Rect, Size};

use super::model::Focus;

/// From this many columns on, list and detail lie side by side.
const WIDE: u16 = 150;

/// Fewer rows than this are not shared between list and detail.
const SHARED: u16 = 10;

/// The parts of the screen; an empty rectangle where a part is not shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct ScreenLayout {
    pub(super) header: Rect,
    /// Everything between header and footer.
    pub(super) body: Rect,
    pub(super) list: Rect,
    pub(super) detail: Rect,
    pub(super) footer: Rect,
}

impl ScreenLayout {
    pub(super) fn new(size: Size, focus: Focus) -> Self {
        let Size { width, height } = size;
        let header = match height {
            20.. => 3,
            12..20 => 2,
            _ => height.min(1),
        };
        let footer = match height {
            0..6 => 0,
            6..12 => 1,
            _ => 2,
        };
        let body = Rect::new(0, header, width, height.saturating_sub(header + footer));
        let (list, detail) = share(body, focus);
        Self {
            header: Rect::new(0, 0, width, header),
            body,
            list,
            detail,
            footer: Rect::new(0, height.saturating_sub(footer), width, footer),
        }
    }

    /// Rows of the list that hold exchanges.
    pub(super) fn list_rows(&self) -> usize {
        usize::from(self.list.height.saturating_sub(if self.list.height >= 5 { 2 } else { 1 }))
    }

    /// Columns and rows of the detail that hold its text.
    pub(super) fn detail_size(&self) -> (usize, usize) {
        (usize::from(self.detail.width), usize::from(self.detail.height.saturating_sub(1)))
    }
}

fn share(body: Rect, focus: Focus) -> (Rect, Rect) {
    if body.width >= WIDE && body.height >= 4 {
        let list = Rect { width: body.width * 47 / 100, ..body };
        let detail = Rect { x: list.width + 1, width: body.width - list.width - 1, ..body };
        return (list, detail);
    }
    if body.height < SHARED {
        return match focus {
            Focus::List => (body, Rect::default()),
            Focus::Detail => (Rect::default(), body),
        };
    }
    let height = match focus {
        Focus::List => body.height * 9 / 20,
        Focus::Detail => (body.height / 4).max(5),
    };
    (Rect { height, ..body }, Rect { y: body.y + height, height: body.height - height, ..body })
}
