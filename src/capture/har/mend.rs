//! Text that is almost JSON, made JSON.
//!
//! `… "\ud83d" … NaN … [1, ] … → … "\ufffd" … null … [1 ] …`
//!
//! What programs write that don't ask a JSON library: half of a surrogate pair (legal JSON, RFC 8259 section 8.2, that no Rust
//! string can hold), commas before a closing bracket, control characters within strings, escapes that are none, NaN and
//! Infinity, bytes that are no UTF-8; numbers that are larger than any double (legal JSON, RFC 8259 section 6). The structure has
//! been followed by [`JsonScanner`](super::json_scanner) before: brackets match, strings end.

use std::borrow::Cow;

/// The same text with all of that put right, and whether it was JSON before. Whatever else is wrong with it stays.
pub(in crate::capture) fn mend(text: &[u8]) -> (Vec<u8>, bool) {
    let utf8 = String::from_utf8_lossy(text);
    let mut mending = JsonMender { legal: matches!(utf8, Cow::Borrowed(_)), out: Vec::with_capacity(text.len() + 16) };
    mending.text(utf8.as_bytes());
    (mending.out, mending.legal)
}

struct JsonMender {
    out: Vec<u8>,
    /// It is JSON so far.
    legal: bool,
}

impl JsonMender {
    fn text(&mut self, text: &[u8]) {
        let mut at = 0;
        while let Some(&byte) = text.get(at) {
            at = match byte {
                b'"' => self.string(text, at),
                b',' if closes(&text[at + 1..]) => self.instead(b"", at + 1),
                b'N' | b'I' | b'-' | b'u' => {
                    let words = [&b"NaN"[..], b"Infinity", b"-Infinity", b"undefined"];
                    match words.into_iter().find(|word| text[at..].starts_with(word)) {
                        Some(word) => self.instead(b"null", at + word.len()),
                        None => self.number(text, at),
                    }
                }
                b'0'..=b'9' => self.number(text, at),
                _ => self.keep(text, at, 1),
            };
        }
    }

    /// Copies the number that begins at `at`, or whatever byte stands there; the place behind it.
    fn number(&mut self, text: &[u8], at: usize) -> usize {
        let in_number = |byte: &&u8| byte.is_ascii_digit() || b"+-.eE".contains(byte);
        let length = text[at..].iter().take_while(in_number).count();
        let number = std::str::from_utf8(&text[at..at + length]).ok().and_then(|number| number.parse::<f64>().ok());
        if number.is_some_and(f64::is_infinite) {
            // Legal JSON (RFC 8259 section 6), of which nobody knows the value.
            self.out.extend_from_slice(b"null");
            return at + length;
        }
        self.keep(text, at, length.max(1))
    }

    /// Copies the string that begins at `start`; the place behind it.
    fn string(&mut self, text: &[u8], start: usize) -> usize {
        let mut at = self.keep(text, start, 1);
        while let Some(&byte) = text.get(at) {
            at = match byte {
                b'"' => return self.keep(text, at, 1),
                b'\\' => self.escape(text, at),
                0..=0x1f => self.instead(format!("\\u{byte:04x}").as_bytes(), at + 1),
                _ => self.keep(text, at, 1),
            };
        }
        at
    }

    /// Copies the escape that begins at `at`; the place behind it.
    fn escape(&mut self, text: &[u8], at: usize) -> usize {
        match (text.get(at + 1), unit(text, at)) {
            (Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't'), _) => self.keep(text, at, 2),
            (_, Some(0xd800..=0xdbff)) if matches!(unit(text, at + 6), Some(0xdc00..=0xdfff)) => {
                self.keep(text, at, 12)
            }
            (_, Some(0xd800..=0xdfff)) => {
                self.out.extend_from_slice(b"\\ufffd");
                at + 6
            }
            (_, Some(_)) => self.keep(text, at, 6),
            // What follows is no escape, so the backslash stands for itself.
            (_, None) => self.instead(b"\\\\", at + 1),
        }
    }

    /// Copies so many bytes; the place behind them.
    fn keep(&mut self, text: &[u8], at: usize, length: usize) -> usize {
        self.out.extend_from_slice(&text[at..at + length]);
        at + length
    }

    /// Writes something in the place of what is no JSON.
    fn instead(&mut self, replacement: &[u8], behind: usize) -> usize {
        self.out.extend_from_slice(replacement);
        self.legal = false;
        behind
    }
}

/// True if the next thing is a closing bracket.
fn closes(rest: &[u8]) -> bool {
    matches!(rest.iter().find(|byte| !byte.is_ascii_whitespace()), Some(b'}' | b']'))
}

/// The code unit of the escape `\uXXXX` at a place.
fn unit(text: &[u8], at: usize) -> Option<u16> {
    let escape = text.get(at..at + 6)?;
    let digits = escape.strip_prefix(b"\\u")?;
    let digits =
        std::str::from_utf8(digits).ok().filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))?;
    u16::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_almost_json_becomes_json() {
        for (text, expected) in [
            (&b"[1, 2, ]"[..], "[1, 2 ]"),
            (b"{\"a\": [\",]\",],\n}", "{\"a\": [\",]\"]\n}"),
            (b"[NaN, -Infinity,Infinity, -1, undefined]", "[null, null,null, -1, null]"),
            (b"[1e999, -1E+400, 0.00001e310, 1e-999, NaN]", "[null, null, 0.00001e310, 1e-999, null]"),
            (b"\"a\nb\tc\"", r#""a\u000ab\u0009c""#),
            (br#""\x41 \' \u12 \""#, r#""\\x41 \\' \\u12 \""#),
            (b"\"caf\xe9\"", "\"caf\u{fffd}\""),
        ] {
            let (mended, legal) = mend(text);
            assert_eq!(String::from_utf8(mended).unwrap(), expected, "{}", String::from_utf8_lossy(text));
            assert!(!legal, "{expected}");
        }
    }

    #[test]
    fn half_a_surrogate_pair_is_json() {
        for (text, expected) in [
            (r#"{"a": "\ud83d"}"#, r#"{"a": "\ufffd"}"#),
            (r#""\ud83dx\udc00""#, r#""\ufffdx\ufffd""#),
            (r#""\uD83D\uDE00 \\ud83d""#, r#""\uD83D\uDE00 \\ud83d""#),
            (r#""\ud83d\ud83d\ude00""#, r#""\ufffd\ud83d\ude00""#),
        ] {
            assert_eq!(mend(text.as_bytes()), (expected.as_bytes().to_vec(), true));
        }
    }

    #[test]
    fn json_stays_as_it_is() {
        for text in [r#"{"a":[1,2,{"b":"\",]}\\"}],"c":-1.5e3,"d":"NaN"}"#, "null", r#""\ud83d\ude00\u00e9""#, "[]"] {
            assert_eq!(mend(text.as_bytes()), (text.as_bytes().to_vec(), true));
        }
    }
}
