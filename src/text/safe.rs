//! Text that can be written to a terminal, by its type.
//!
//! `&'static str, number ─► From` · `text from outside ─► visible, safe_format!` · `safe!["{", a, b, "}"] ─► one SafeText`

use std::borrow::Cow;
use std::fmt::{self, Display, Write as _};

use unicode_width::UnicodeWidthStr as _;

use super::is_harmless;

/// Text in which a terminal finds nothing to obey but what Umpire itself put there: line breaks and colours.
///
/// It is made of literals, of numbers, and of text from outside by way of [`visible`]; text that is not `'static` has no
/// other way in:
///
/// ```compile_fail
/// let name = std::env::args().next().unwrap_or_default();
/// let text = umpire::text::SafeText::from(name.as_str());
/// ```
///
/// ```
/// let name = std::env::args().next().unwrap_or_default();
/// let text = umpire::text::visible(&name);
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SafeText(String);

/// Several pieces as one [`SafeText`]. Each piece is a literal, a number, or safe already.
macro_rules! safe {
    ($($piece:expr),* $(,)?) => {{
        let mut text = $crate::text::SafeText::default();
        $(text.push($piece);)*
        text
    }};
}
pub(crate) use safe;

/// A text made as by `format!`, whatever is in it, as [`visible`] has it.
macro_rules! safe_format {
    ($($format:tt)*) => { $crate::text::visible(&format!($($format)*)) };
}
pub(crate) use safe_format;

/// The text with every character that a terminal would obey, or that would hide or reorder its neighbours,
/// written as an escape (`\n`, `\u001b`, `\u202e`).
pub fn visible(text: &str) -> SafeText {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\n' => shown.push_str("\\n"),
            '\r' => shown.push_str("\\r"),
            '\t' => shown.push_str("\\t"),
            harmless if is_harmless(harmless) => shown.push(harmless),
            // Writing to a String cannot fail.
            other => drop(write!(shown, "\\u{:04x}", u32::from(other))),
        }
    }
    SafeText(shown)
}

impl SafeText {
    /// As [`visible`], line by line. Lines after the first are indented, so that none passes for one of Umpire's own.
    pub(crate) fn lines_of(value: impl Display) -> Self {
        let text = value.to_string();
        Self::join(text.trim_end().lines().map(visible), "\n  ")
    }

    /// The pieces, with something between them.
    pub fn join(pieces: impl IntoIterator<Item = Self>, between: &'static str) -> Self {
        let mut text = Self::default();
        for (index, piece) in pieces.into_iter().enumerate() {
            if index > 0 {
                text.push(between);
            }
            text.push(piece);
        }
        text
    }

    /// Appends a piece.
    pub fn push(&mut self, piece: impl Into<Self>) {
        let piece = piece.into();
        if self.0.is_empty() {
            *self = piece;
        } else {
            self.0.push_str(&piece.0);
        }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// True if there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Columns that it takes on a terminal, if it has no colours.
    pub fn width(&self) -> usize {
        self.0.width()
    }

    /// With blanks behind it, up to a width.
    pub(crate) fn pad(mut self, width: usize) -> Self {
        self.0.extend(std::iter::repeat_n(' ', width.saturating_sub(self.width())));
        self
    }

    /// With blanks before it, up to a width.
    pub(crate) fn pad_start(self, width: usize) -> Self {
        let mut text = Self(" ".repeat(width.saturating_sub(self.width())));
        text.push(self);
        text
    }

    /// Its part from one byte to another.
    pub(super) fn slice(&self, bytes: std::ops::Range<usize>) -> Self {
        Self(self.0[bytes].to_owned())
    }

    /// What a function that takes only what is harmless away, or puts only harmless text in, has made.
    pub(super) fn trusted(text: String) -> Self {
        Self(text)
    }
}

impl From<&'static str> for SafeText {
    fn from(text: &'static str) -> Self {
        Self(text.to_owned())
    }
}

impl From<&Self> for SafeText {
    fn from(text: &Self) -> Self {
        text.clone()
    }
}

macro_rules! of_numbers {
    ($($number:ty),*) => {$(
        impl From<$number> for SafeText {
            fn from(number: $number) -> Self {
                Self(number.to_string())
            }
        }
    )*};
}
of_numbers!(u16, u32, u64, u128, usize, i64, f64);

impl From<SafeText> for String {
    fn from(text: SafeText) -> Self {
        text.0
    }
}

impl From<SafeText> for Cow<'_, str> {
    fn from(text: SafeText) -> Self {
        text.0.into()
    }
}

impl std::ops::Deref for SafeText {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl Display for SafeText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl PartialEq<str> for SafeText {
    fn eq(&self, other: &str) -> bool {
        self.0 == other
    }
}

impl PartialEq<&str> for SafeText {
    fn eq(&self, other: &&str) -> bool {
        self.0 == *other
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escape_sequences_become_text() {
        assert_eq!(visible("a\u{1b}[2Jb\u{9b}1m\u{202e}c\n"), "a\\u001b[2Jb\\u009b1m\\u202ec\\n");
        assert_eq!(visible("plain é 日本"), "plain é 日本");
    }

    #[test]
    fn pieces_come_together() {
        assert_eq!(safe!["a ", 1_u64, " ", visible("\u{7}")], "a 1 \\u0007");
        assert_eq!(SafeText::join([visible("a"), visible("b")], ", "), "a, b");
        assert_eq!(visible("日本").pad(6), "日本  ");
        assert_eq!(SafeText::from(7_u64).pad_start(3), "  7");
    }

    #[test]
    fn no_line_from_outside_begins_at_the_margin() {
        assert_eq!(SafeText::lines_of("cause\numpire: done\u{1b}[1A\n"), "cause\n  umpire: done\\u001b[1A");
    }
}
