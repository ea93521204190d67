//! What a message says, as plain text and as words.
//!
//! `{"name":"Caf\u00e9 Zo\u00eb"} → {"name":"Café Zoë"} → name, café, zoë`

use std::borrow::Cow;

use crate::exchange::{Body, Headers, decode};

/// Longest word that is told from others that begin alike, in bytes; longer ones are cut there.
const LONGEST: usize = 64;

/// The words of a text, in lower case: runs of letters and digits.
pub(crate) fn words(text: &str) -> impl Iterator<Item = Cow<'_, str>> {
    text.split(|character: char| !character.is_alphanumeric()).filter(|word| !word.is_empty()).map(|word| {
        let mut end = word.len().min(LONGEST);
        while !word.is_char_boundary(end) {
            end -= 1;
        }
        lower(&word[..end])
    })
}

/// In lower case; borrows where it is already.
pub(super) fn lower(text: &str) -> Cow<'_, str> {
    if text.bytes().all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase()) {
        Cow::Borrowed(text)
    } else if text.is_ascii() {
        Cow::Owned(text.to_ascii_lowercase())
    } else {
        Cow::Owned(text.to_lowercase())
    }
}

/// The content of a body as text: decoded, and with the escapes of JSON undone. Empty where it can't be decoded; bytes that
/// are no UTF-8 are left out.
pub(crate) fn content(body: &Body, headers: &Headers) -> String {
    let Ok(content) = decode(&body.bytes, headers) else { return String::new() };
    let text = String::from_utf8_lossy(&content);
    if memchr::memchr(b'\\', text.as_bytes()).is_some() { unescape(&text) } else { text.into_owned() }
}

/// Header fields as lines.
pub(crate) fn fields(headers: &Headers) -> String {
    let mut text = String::new();
    for field in &headers.0 {
        text += &field.name;
        text += ": ";
        text += &String::from_utf8_lossy(&field.value);
        text.push('\n');
    }
    text
}

/// Escapes of JSON strings undone, wherever they stand; anything else stays as it is.
fn unescape(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = memchr::memchr(b'\\', rest.as_bytes()) {
        plain += &rest[..at];
        let (character, length) = escape(&rest[at..]);
        plain.push(character);
        rest = &rest[at + length..];
    }
    plain + rest
}

/// The character that an escape stands for, and the escape's length.
fn escape(text: &str) -> (char, usize) {
    let unit = |at: usize| text.get(at + 2..at + 6).and_then(|digits| u32::from_str_radix(digits, 16).ok());
    match text.as_bytes().get(1) {
        Some(b'n') => ('\n', 2),
        Some(b't') => ('\t', 2),
        Some(b'r') => ('\r', 2),
        Some(&byte @ (b'"' | b'\\' | b'/')) => (char::from(byte), 2),
        Some(b'u') => match (unit(0), unit(6)) {
            (Some(high @ 0xd800..=0xdbff), Some(low @ 0xdc00..=0xdfff)) if text[6..].starts_with("\\u") => {
                let code = 0x1_0000 + ((high - 0xd800) << 10) + (low - 0xdc00);
                (char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER), 12)
            }
            (Some(code), _) => (char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER), 6),
            (None, _) => ('\\', 1),
        },
        _ => ('\\', 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_letters_and_digits() {
        let found: Vec<_> = words("/api/Orders/4B6a-9?x=\u{c9}t\u{e9}").collect();
        assert_eq!(found, ["api", "orders", "4b6a", "9", "x", "\u{e9}t\u{e9}"]);
        assert_eq!(words(&"\u{e9}".repeat(100)).next().unwrap().len(), 64);
        assert_eq!(words(&format!("a{}", "\u{e9}".repeat(100))).next().unwrap().len(), 63, "cut between characters");
    }

    #[test]
    fn escapes_are_undone() {
        for (text, plain) in [
            (r#"{"a":"x\/y\n\"z\\"}"#, "{\"a\":\"x/y\n\"z\\\"}"),
            (r"caf\u00e9 \ud83d\ude00 \ud83d \u12 \q", "caf\u{e9} \u{1f600} \u{fffd} \\u12 \\q"),
            ("\\", "\\"),
            (r"\u00e", r"\u00e"),
        ] {
            assert_eq!(unescape(text), plain, "{text}");
        }
    }
}
