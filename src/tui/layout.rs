//! Where the parts of the screen lie, for any size of terminal.
//!
//! `size, focus, rows of the list → ScreenLayout`: wide terminals get list and detail side by side, others one above the
//! other, and small ones only the part that has the focus

use ratatui::layout::{Rect, Size};

use super::model::Focus;

/// From this many columns on, list and detail lie side by side.
const WIDE: u16 = 150;

/// Fewer rows than this are not shared between list and detail; where the detail has the focus, a few more.
const SHARED: u16 = 10;

/// Columns and rows below which nothing useful can be shown.
pub(super) const LEAST: Size = Size { width: 20, height: 5 };

/// How list and detail lie.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum ListArrangement {
    /// As the terminal is wide.
    #[default]
    Auto,
    Side,
    Stacked,
}

/// What the layout depends on, beside the size.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct LayoutInput {
    pub(super) focus: Focus,
    pub(super) arrange: ListArrangement,
    /// Rows that the list has, with its heads; `None` if it has no detail beside it.
    pub(super) list: Option<usize>,
    /// Where the divider was dragged to, in hundredths of the body.
    pub(super) divider: Option<u16>,
}

/// The parts of the screen; an empty rectangle where a part is not shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct ScreenLayout {
    pub(super) header: Rect,
    /// Everything between header and footer.
    pub(super) body: Rect,
    pub(super) list: Rect,
    pub(super) detail: Rect,
    pub(super) footer: Rect,
    /// List and detail lie side by side.
    pub(super) is_side: bool,
}

impl ScreenLayout {
    pub(super) fn new(size: Size, wishes: LayoutInput) -> Self {
        let Size { width, height } = size;
        let header = match height {
            20.. => 4,
            14..20 => 3,
            10..14 => 2,
            _ => height.min(1),
        };
        let footer = u16::from(height >= 6);
        let body = Rect::new(0, header, width, height.saturating_sub(header + footer));
        let is_side = match wishes.arrange {
            ListArrangement::Auto => body.width >= WIDE && body.height >= 4,
            ListArrangement::Side => body.width >= 40 && body.height >= 4,
            ListArrangement::Stacked => false,
        };
        let (list, detail) = match wishes.list {
            None => (body, Rect::default()),
            Some(_) if is_side => beside(body, wishes),
            Some(rows) => above(body, rows, wishes),
        };
        let footer = Rect::new(0, height.saturating_sub(footer), width, footer);
        Self { header: Rect::new(0, 0, width, header), body, list, detail, footer, is_side }
    }

    /// Rows of the list that hold entries.
    pub(super) fn list_rows(&self) -> usize {
        usize::from(self.list.height.saturating_sub(self.list_head()))
    }

    /// Rows above the entries of the list: its title, and the headings where there is room.
    pub(super) fn list_head(&self) -> u16 {
        if self.list.height >= 5 { 2 } else { 1 }
    }

    /// Columns and rows of the detail that hold its text.
    pub(super) fn detail_size(&self) -> (usize, usize) {
        (usize::from(self.detail.width), usize::from(self.detail.height.saturating_sub(1)))
    }
}

fn beside(body: Rect, wishes: LayoutInput) -> (Rect, Rect) {
    let hundredths = wishes.divider.unwrap_or(47).clamp(15, 85);
    let list = Rect { width: (u32::from(body.width) * u32::from(hundredths) / 100) as u16, ..body };
    let detail = Rect { x: body.x + list.width + 1, width: body.width - list.width - 1, ..body };
    (list, detail)
}

fn above(body: Rect, rows: usize, wishes: LayoutInput) -> (Rect, Rect) {
    let least = if wishes.focus == Focus::Detail { SHARED + 4 } else { SHARED };
    if body.height < least {
        return match wishes.focus {
            Focus::List => (body, Rect::default()),
            Focus::Detail => (Rect::default(), body),
        };
    }
    let most = match (wishes.divider, wishes.focus) {
        (Some(hundredths), _) => (u32::from(body.height) * u32::from(hundredths) / 100) as u16,
        (None, Focus::List) => body.height * 9 / 20,
        (None, Focus::Detail) => body.height / 4,
    };
    // No more than what is in it.
    let height = most.min(u16::try_from(rows).unwrap_or(u16::MAX)).clamp(5, body.height - 4);
    (Rect { height, ..body }, Rect { y: body.y + height, height: body.height - height, ..body })
}
