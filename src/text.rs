//! What of the wire may reach a terminal, and how long texts are fitted to one.
//!
//! `text from anywhere → visible (no control characters) → wrap or clip → terminal`
//!
//! A header or a body may hold escape sequences that move the cursor, set the title or hide what follows.
//! Everything that a front end prints goes through [`visible`], directly or by way of [`wrap`] and the clips.

use std::borrow::Cow;
use std::fmt::Write as _;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// The text with every character that a terminal would obey, or that would hide or reorder its neighbours,
/// written as an escape (`\n`, `\u001b`, `\u202e`).
pub fn visible(text: &str) -> Cow<'_, str> {
    if text.chars().all(is_harmless) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
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
    Cow::Owned(shown)
}

/// Neither a control character (C0, DEL, C1) nor one that is invisible or changes the direction of what follows.
fn is_harmless(character: char) -> bool {
    !character.is_control()
        && !matches!(character,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// Columns that a text takes on a terminal.
pub fn width(text: &str) -> usize {
    text.width()
}

/// Breaks a text into lines of at most `width` columns, at white space where it can. The result is [`visible`].
pub fn wrap(text: &str, width: usize) -> Vec<String> {
    let width = width.max(2);
    let (mut lines, mut line, mut used) = (Vec::new(), String::new(), 0);
    for word in text.split_whitespace() {
        let word = visible(word);
        let mut word = &*word;
        let mut long = word.width();
        if used > 0 && used + 1 + long <= width {
            line.push(' ');
            line.push_str(word);
            used += 1 + long;
            continue;
        }
        if used > 0 {
            lines.push(std::mem::take(&mut line));
        }
        while long > width {
            let head = fitting(word, width);
            lines.push(word[..head].to_owned());
            word = &word[head..];
            long = word.width();
        }
        line.push_str(word);
        used = long;
    }
    if used > 0 || lines.is_empty() {
        lines.push(line);
    }
    lines
}

/// The text, cut behind `width` columns with `…` as the last of them if it is longer. The result is [`visible`].
pub fn clip(text: &str, width: usize) -> String {
    // Nothing behind the cut is looked at, however long the text is.
    let ahead = text.char_indices().nth(width.saturating_mul(4).saturating_add(8)).map_or(text.len(), |(at, _)| at);
    let shown = visible(&text[..ahead]);
    if ahead == text.len() && shown.width() <= width {
        return shown.into_owned();
    }
    if width == 0 {
        return String::new();
    }
    let mut used = 1;
    let end = shown.char_indices().find(|(_, character)| {
        used += character.width().unwrap_or(0);
        used > width
    });
    format!("{}…", &shown[..end.map_or(shown.len(), |(at, _)| at)])
}

/// As [`clip`], but keeps the end of the text.
pub fn clip_start(text: &str, width: usize) -> String {
    let shown = visible(text);
    if shown.width() <= width {
        return shown.into_owned();
    }
    if width == 0 {
        return String::new();
    }
    let (mut used, mut start) = (1, shown.len());
    for (at, character) in shown.char_indices().rev() {
        used += character.width().unwrap_or(0);
        if used > width {
            break;
        }
        start = at;
    }
    format!("…{}", &shown[start..])
}

/// Bytes of the longest prefix that takes at most `width` columns; at least one character.
fn fitting(text: &str, width: usize) -> usize {
    let mut used = 0;
    for (at, character) in text.char_indices() {
        used += character.width().unwrap_or(0);
        if used > width && at > 0 {
            return at;
        }
    }
    text.len()
}

/// A number and the noun it counts: `1 failure`, `3 failures`.
pub fn count(number: u64, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

/// A length in bytes for people: `512 bytes`, `4.9 kB`, `12.0 MB`.
pub fn bytes(length: u64) -> String {
    match length {
        0..1_000 => count(length, "byte"),
        1_000..1_000_000 => format!("{:.1} kB", length as f64 / 1e3),
        _ => format!("{:.1} MB", length as f64 / 1e6),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn escape_sequences_become_text() {
        assert_eq!(visible("a\u{1b}[2Jb\u{9b}1m\u{202e}c\n"), "a\\u001b[2Jb\\u009b1m\\u202ec\\n");
        assert!(matches!(visible("plain é 日本"), Cow::Borrowed(_)));
    }

    #[test]
    fn fits_to_columns() {
        assert_eq!(wrap("one two  three", 7), ["one two", "three"]);
        assert_eq!(wrap("https://example.com", 8), ["https://", "example.", "com"]);
        assert_eq!(wrap("", 8), [""]);
        assert_eq!(clip("abcdef", 4), "abc…");
        assert_eq!(clip("abcd", 4), "abcd");
        assert_eq!(clip("日本語", 4), "日…");
        assert_eq!(clip_start("abcdef", 4), "…def");
        assert_eq!(clip("abc", 0), "");
    }

    proptest! {
        /// Whatever the text, no line is wider than asked, nothing is lost but white space, nothing is obeyed.
        #[test]
        fn wrapped_text_fits(text in ".{0,80}", width in 2usize..30) {
            let lines = wrap(&text, width);
            for line in &lines {
                prop_assert!(line.width() <= width, "{line:?}");
                prop_assert!(line.chars().all(is_harmless));
            }
            let kept: String = lines.concat().split_whitespace().collect();
            let all: String = text.split_whitespace().map(|word| visible(word).into_owned()).collect();
            prop_assert_eq!(kept, all.split_whitespace().collect::<String>());
            prop_assert!(clip(&text, width).width() <= width);
            prop_assert!(clip_start(&text, width).width() <= width);
        }
    }
}
