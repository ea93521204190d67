//! What of the wire may reach a terminal, and how long texts are fitted to one.
//!
//! ```text
//! text from anywhere ─► visible, wrap, clip ─► SafeText ─┐
//! our own words (&'static str, numbers) ─────► SafeText ─┴► Printer ─► terminal, file
//! value ─► JSON without characters that a terminal obeys ──► Printer
//! ```
//!
//! A header, a body or the name of a file may hold escape sequences that move the cursor, set the title or hide what
//! follows. A [`Printer`] takes nothing but [`SafeText`], so text that was not made safe does not compile.

mod json;
mod printer;
mod safe;
mod shell;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

pub use json::to_json;
pub(crate) use json::to_json_pretty;
pub use printer::Printer;
pub use safe::{SafeText, visible};
pub(crate) use safe::{safe, safe_format};
pub(crate) use shell::octal;
pub use shell::quoted;

/// False for control characters (C0, DEL, C1), and for those that are invisible or change the direction of what follows.
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
pub fn wrap(text: &str, width: usize) -> Vec<SafeText> {
    let width = width.max(2);
    let (mut lines, mut line, mut used) = (Vec::new(), SafeText::default(), 0);
    for word in text.split_whitespace() {
        let word = visible(word);
        let mut long = word.width();
        if used > 0 && used + 1 + long <= width {
            line.push(" ");
            line.push(word);
            used += 1 + long;
            continue;
        }
        if used > 0 {
            lines.push(std::mem::take(&mut line));
        }
        let mut start = 0;
        while long > width {
            let end = start + fitting(&word[start..], width);
            lines.push(word.slice(start..end));
            start = end;
            long = word[start..].width();
        }
        line.push(word.slice(start..word.len()));
        used = long;
    }
    if used > 0 || lines.is_empty() {
        lines.push(line);
    }
    lines
}

/// The text, cut behind `width` columns with `…` as the last of them if it is longer. The result is [`visible`].
pub(crate) fn clip(text: &str, width: usize) -> SafeText {
    // Nothing behind the cut is looked at, however long the text is.
    let ahead = text.char_indices().nth(width.saturating_mul(4).saturating_add(8)).map_or(text.len(), |(at, _)| at);
    let shown = visible(&text[..ahead]);
    if ahead == text.len() && shown.width() <= width {
        return shown;
    }
    if width == 0 {
        return SafeText::default();
    }
    let mut used = 1;
    let end = shown.char_indices().find(|(_, character)| {
        used += character.width().unwrap_or(0);
        used > width
    });
    safe![shown.slice(0..end.map_or(shown.len(), |(at, _)| at)), "…"]
}

/// As [`clip`], but keeps the end of the text.
pub(crate) fn clip_start(text: &str, width: usize) -> SafeText {
    let shown = visible(text);
    if shown.width() <= width {
        return shown;
    }
    if width == 0 {
        return SafeText::default();
    }
    let (mut used, mut start) = (1, shown.len());
    for (at, character) in shown.char_indices().rev() {
        used += character.width().unwrap_or(0);
        if used > width {
            break;
        }
        start = at;
    }
    safe!["…", shown.slice(start..shown.len())]
}

/// As [`clip`], but keeps both ends of the text.
pub(crate) fn clip_middle(text: &str, width: usize) -> SafeText {
    let shown = visible(text);
    if shown.width() <= width {
        return shown;
    }
    let ahead = width.saturating_sub(1).div_ceil(2);
    let (mut used, mut end) = (0, 0);
    for (at, character) in shown.char_indices() {
        used += character.width().unwrap_or(0);
        if used > ahead {
            break;
        }
        end = at + character.len_utf8();
    }
    // The `…` comes with what is behind it.
    safe![shown.slice(0..end), clip_start(&shown[end..], width - ahead.min(width))]
}

/// The longest beginning of a text that takes at most `width` columns; it may be empty.
pub fn head(text: &str, width: usize) -> &str {
    let end = if text.chars().next().and_then(UnicodeWidthChar::width).unwrap_or(0) > width {
        0
    } else {
        fitting(text, width)
    };
    &text[..end]
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

/// A number and the noun it counts, in singular or plural: `1 failure`, `3 failures`, `2 entries`, `0 addresses`.
pub fn count(number: u64, noun: &'static str) -> SafeText {
    let consonant = |letter: u8| !b"aeiou".contains(&letter);
    match (number, noun.as_bytes()) {
        (1, _) => safe![number, " ", noun],
        (_, [.., before, b'y']) if consonant(*before) => {
            safe![number, " ", SafeText::from(noun).slice(0..noun.len() - 1), "ies"]
        }
        (_, [.., b's' | b'x'] | [.., b'c' | b's', b'h']) => safe![number, " ", noun, "es"],
        _ => safe![number, " ", noun, "s"],
    }
}

/// A length in bytes for people: `512 bytes`, `4.9 kB`, `12.0 MB`.
pub fn bytes(length: u64) -> SafeText {
    match length {
        0..1_000 => count(length, "byte"),
        1_000..1_000_000 => safe_format!("{:.1} kB", length as f64 / 1e3),
        _ => safe_format!("{:.1} MB", length as f64 / 1e6),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn nouns_are_counted() {
        let counted =
            [(1, "rule"), (2, "rule"), (0, "entry"), (1, "opportunity"), (3, "day"), (2, "address"), (2, "match")];
        let counted: Vec<String> = counted.into_iter().map(|(number, noun)| count(number, noun).into()).collect();
        assert_eq!(counted, ["1 rule", "2 rules", "0 entries", "1 opportunity", "3 days", "2 addresses", "2 matches"]);
        assert_eq!((bytes(1), bytes(4_900)), (visible("1 byte"), visible("4.9 kB")));
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
        assert_eq!(clip_middle("https://booking.example.com", 14), "https:/…le.com");
        assert_eq!(clip_middle("abcd", 4), "abcd");
        assert_eq!((clip_middle("abc", 1), clip_middle("abc", 0)), (visible("…"), visible("")));
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
            let kept: String = lines.iter().flat_map(|line| line.split_whitespace()).collect();
            let all: String = text.split_whitespace().map(|word| String::from(visible(word))).collect();
            prop_assert_eq!(kept, all.split_whitespace().collect::<String>());
            prop_assert!(clip(&text, width).width() <= width);
            prop_assert!(clip_start(&text, width).width() <= width);
            prop_assert!(clip_middle(&text, width).width() <= width);
        }
    }
}
