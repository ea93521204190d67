//! A line that is being typed: its text, and the cursor in it.
//!
//! `LineEditor, key → LineEditor` · the keys are those of a shell, Enter, Esc and Tab belong to the prompt

use crate::text::{self, SafeText, safe};

/// Most characters of a line; what is typed or pasted past it is left out.
const MAX_LINE: usize = 200;

/// A line that is being typed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct LineEditor {
    text: String,
    /// The byte before which the next character is inserted.
    cursor: usize,
    /// The text is a suggestion: the first character that is typed replaces it.
    is_suggestion: bool,
}

impl LineEditor {
    /// A text with the cursor at its end.
    pub(super) fn new(text: impl Into<String>) -> Self {
        let text = text.into();
        Self { cursor: text.len(), text, is_suggestion: false }
    }

    /// A text that the first typed character replaces.
    pub(super) fn suggestion(text: impl Into<String>) -> Self {
        Self { is_suggestion: true, ..Self::new(text) }
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    pub(super) fn into_text(self) -> String {
        self.text
    }

    /// The cursor as a byte position.
    pub(super) fn cursor(&self) -> usize {
        self.cursor
    }

    /// Moves the cursor to the end of the word that begins at this 1-based column.
    pub(super) fn go_behind_word(&mut self, column: usize) {
        let word = self.text.char_indices().skip(column.saturating_sub(1));
        let end = word.into_iter().find(|(_, character)| character.is_whitespace());
        self.cursor = end.map_or(self.text.len(), |(at, _)| at);
    }

    /// Replaces a range of bytes, and moves the cursor behind what replaced it.
    pub(super) fn replace(&mut self, range: std::ops::Range<usize>, with: &str) {
        self.cursor = range.start + with.len();
        self.text.replace_range(range, with);
    }

    /// Inserts a character at the cursor.
    pub(super) fn insert(&mut self, character: char) {
        if std::mem::take(&mut self.is_suggestion) {
            *self = Self::default();
        }
        if self.text.chars().count() < MAX_LINE {
            self.text.insert(self.cursor, character);
            self.cursor += character.len_utf8();
        }
    }

    /// Does what a key says. Keys without a meaning here do nothing.
    pub(super) fn press(&mut self, key: &str) {
        let (before, after) = (self.before(), self.after());
        match key {
            "←" | "Ctrl-B" => self.cursor = before,
            "→" | "Ctrl-F" => self.cursor = after,
            "Home" | "Ctrl-A" => self.cursor = 0,
            "End" | "Ctrl-E" => self.cursor = self.text.len(),
            "Backspace" | "Ctrl-H" => self.replace(before..self.cursor, ""),
            "Delete" | "Ctrl-D" => self.replace(self.cursor..after, ""),
            "Ctrl-W" => self.replace(self.word()..self.cursor, ""),
            "Ctrl-U" => self.replace(0..self.cursor, ""),
            "Ctrl-K" => self.text.truncate(self.cursor),
            "Space" => return self.insert(' '),
            "↑" | "↓" => return,
            key => {
                let mut characters = key.chars();
                if let (Some(character), None) = (characters.next(), characters.next()) {
                    self.insert(character);
                }
                return;
            }
        }
        self.is_suggestion = false;
    }

    /// Where the character before the cursor begins, with the marks that belong to it.
    fn before(&self) -> usize {
        let ahead = self.text[..self.cursor].char_indices().rev();
        ahead.map(|(at, _)| at).find(|at| !self.is_mark(*at)).unwrap_or(0)
    }

    /// Where the character at the cursor ends, with the marks that belong to it.
    fn after(&self) -> usize {
        let behind = self.text[self.cursor..].char_indices().skip(1).map(|(at, _)| self.cursor + at);
        behind.into_iter().find(|at| !self.is_mark(*at)).unwrap_or(self.text.len())
    }

    /// True if the character at a byte takes no column of its own.
    fn is_mark(&self, at: usize) -> bool {
        self.text[at..].chars().next().is_some_and(|one| text::width(one.encode_utf8(&mut [0; 4])) == 0)
    }

    /// Where the word before the cursor begins.
    fn word(&self) -> usize {
        let before = self.text[..self.cursor].trim_end();
        before.char_indices().rev().find(|(_, one)| one.is_whitespace()).map_or(0, |(at, one)| at + one.len_utf8())
    }

    /// The line with its cursor in so many columns: where it is longer, what stands around the cursor.
    pub(super) fn shown(&self, columns: usize) -> SafeText {
        let (before, behind) = self.text.split_at(self.cursor);
        let width = |text: &str| text::visible(text).width();
        // The cursor takes one; what is behind it gets a quarter, or what is left over.
        let room = columns.saturating_sub(1);
        let ahead = width(before).min(room.saturating_sub(width(behind).min(room / 4)));
        safe![text::clip_start(before, ahead), "▏", text::clip(behind, room - ahead)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(text: &str, keys: &[&str]) -> String {
        let mut line = LineEditor::new(text);
        for key in keys {
            line.press(key);
        }
        line.shown(80).to_string()
    }

    #[test]
    fn keys_move_the_cursor_and_work_there() {
        for (keys, expected) in [
            (&["←", "x"][..], "one twx▏o"),
            (&["Home", "→", "x"], "ox▏ne two"),
            (&["Ctrl-A", "Delete"], "▏ne two"),
            (&["←", "←", "Backspace"], "one ▏wo"),
            (&["Ctrl-W"], "one ▏"),
            (&["Ctrl-W", "Ctrl-W", "Ctrl-W", "Backspace"], "▏"),
            (&["←", "Ctrl-U"], "▏o"),
            (&["Home", "←", "End", "→", "Ctrl-E"], "one two▏"),
            (&["↑", "↓", "PgUp", "F1", "Shift-Tab"], "one two▏"),
        ] {
            assert_eq!(after("one two", keys), expected, "{keys:?}");
        }
    }

    #[test]
    fn a_character_goes_with_its_marks() {
        assert_eq!(after("ae\u{301}", &["Backspace"]), "a▏");
        assert_eq!(after("ae\u{301}", &["←", "Delete"]), "a▏");
    }

    #[test]
    fn a_suggestion_is_replaced_by_what_is_typed_and_kept_by_what_edits_it() {
        let mut line = LineEditor::suggestion("2027-03-01");
        line.press("3");
        assert_eq!(line.text(), "3");
        let mut line = LineEditor::suggestion("2027-03-01");
        line.press("Backspace");
        line.press("2");
        assert_eq!(line.text(), "2027-03-02");
    }

    #[test]
    fn a_long_line_shows_what_stands_around_the_cursor() {
        let mut line = LineEditor::new("abcdefghijklmnopqrstuvwxyz");
        assert_eq!(line.shown(10).as_str(), "…stuvwxyz▏");
        line.press("Home");
        assert_eq!(line.shown(10).as_str(), "▏abcdefgh…");
        let mut line = LineEditor::new("abcdefghijklm nopqrstuvwxyz");
        line.go_behind_word(5);
        assert_eq!(line.shown(10).as_str(), "…hijklm▏ …");
        for columns in 0..12 {
            assert!(line.shown(columns).width() <= columns.max(1), "{columns}");
        }
    }
}
