//! Which row of a list is selected, and which rows are in view.
//!
//! `step, number of rows → selected` · `rows, height → first row in view`

/// A selection in a list, and the window on it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Cursor {
    /// The selected row.
    pub(super) at: usize,
    /// The first row in view.
    pub(super) top: usize,
    /// The last row is selected whatever comes.
    pub(super) following: bool,
    /// Rows in view at the last frame.
    height: usize,
}

/// A step in a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Motion {
    Up,
    Down,
    PageUp,
    PageDown,
    First,
    Last,
}

impl Motion {
    /// Where it leads from a row; pages have `height` rows. Past the end where the list may be shorter.
    pub(super) fn from(self, at: usize, height: usize) -> usize {
        let page = height.saturating_sub(1).max(1);
        match self {
            Self::Up => at.saturating_sub(1),
            Self::Down => at.saturating_add(1),
            Self::PageUp => at.saturating_sub(page),
            Self::PageDown => at.saturating_add(page),
            Self::First => 0,
            Self::Last => usize::MAX,
        }
    }
}

impl Cursor {
    /// One that follows the last row.
    pub(super) fn following() -> Self {
        Self { following: true, ..Self::default() }
    }

    /// Moves; where the list may grow (`follows`), its end is followed from now on.
    pub(super) fn go(&mut self, motion: Motion, len: usize, follows: bool) {
        let last = len.saturating_sub(1);
        let stays = self.following && motion.from(self.at, self.height) >= self.at;
        self.at = motion.from(self.at, self.height).min(last);
        self.following = follows && (motion == Motion::Last || stays && self.at == last);
    }

    /// Selects a row.
    pub(super) fn select(&mut self, at: usize) {
        (self.at, self.following) = (at, false);
    }

    /// Stays where it is although so many of the first rows have gone.
    pub(super) fn lose_first(&mut self, rows: usize) {
        (self.at, self.top) = (self.at.saturating_sub(rows), self.top.saturating_sub(rows));
    }

    /// Follows the end, or stops.
    pub(super) fn toggle_following(&mut self) {
        self.following = !self.following;
    }

    /// Scrolls the window, and takes the selection along where it would leave it.
    pub(super) fn scroll(&mut self, rows: isize, len: usize) {
        let last = len.saturating_sub(self.height);
        self.top = self.top.saturating_add_signed(rows).min(last);
        self.at = self.at.clamp(self.top, (self.top + self.height.max(1) - 1).max(self.top)).min(len.saturating_sub(1));
        self.following = false;
    }

    /// Fits the window of `height` rows to a list of `len`, so that the selected row is in it.
    pub(super) fn fit(&mut self, len: usize, height: usize) {
        let last = len.saturating_sub(1);
        self.at = if self.following { last } else { self.at.min(last) };
        self.height = height;
        self.top = self.top.min(self.at).max((self.at + 1).saturating_sub(height.max(1)));
        self.top = self.top.min(len.saturating_sub(height));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_selected_row_is_always_in_view() {
        let mut cursor = Cursor::following();
        cursor.fit(100, 10);
        assert_eq!((cursor.at, cursor.top), (99, 90));
        cursor.go(Motion::Up, 100, true);
        cursor.fit(200, 10);
        assert_eq!((cursor.at, cursor.top, cursor.following), (98, 90, false));
        cursor.go(Motion::PageUp, 200, true);
        cursor.fit(200, 10);
        assert_eq!((cursor.at, cursor.top), (89, 89));
        cursor.go(Motion::Last, 200, true);
        cursor.fit(201, 10);
        assert_eq!((cursor.at, cursor.top), (200, 191));
        cursor.go(Motion::First, 201, true);
        cursor.fit(0, 10);
        assert_eq!((cursor.at, cursor.top), (0, 0));
    }

    #[test]
    fn scrolling_takes_the_selection_along() {
        let mut cursor = Cursor::default();
        cursor.fit(100, 10);
        cursor.scroll(3, 100);
        assert_eq!((cursor.at, cursor.top), (3, 3));
        cursor.scroll(-5, 100);
        assert_eq!((cursor.at, cursor.top), (3, 0));
        cursor.scroll(1, 0);
        assert_eq!((cursor.at, cursor.top), (0, 0));
    }
}
