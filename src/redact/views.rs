//! Parts of a text as they are meant, and the way back to where each byte stands.
//!
//! ```text
//! a\u003db → a=b     a%3Db → a=b     a&#61;b → a=b     1..2 of the second → 1..7, 1..4, 1..6 of the first
//! ```

use std::ops::Range;

/// How a text is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TextCoding {
    /// It is not encoded at all.
    Plain,
    /// As in a string of JSON.
    String,
    /// As in a URL or form.
    Percent,
    /// As in markup.
    References,
}

/// A part of a text, decoded.
#[derive(Debug)]
pub(super) struct DecodedPart {
    pub(super) text: Vec<u8>,
    coding: TextCoding,
    /// Where escapes and what is between them begin, here and there.
    pieces: Vec<Piece>,
    /// Length of the part that was decoded.
    length: usize,
}

#[derive(Debug, Clone, Copy)]
struct Piece {
    here: u32,
    there: u32,
    /// All of it stands for one escape.
    is_escape: bool,
}

impl DecodedPart {
    /// A text that means what it is.
    pub(super) fn plain(raw: &[u8]) -> Self {
        let pieces = vec![Piece { here: 0, there: 0, is_escape: false }];
        Self { text: raw.to_vec(), coding: TextCoding::Plain, pieces, length: raw.len() }
    }

    /// What is between the quotes of a string of JSON.
    pub(super) fn of_string(raw: &[u8]) -> Self {
        Self::of(raw, TextCoding::String, b'\\', unescaped)
    }

    /// A part of a URL or form. A plus is a plus.
    pub(super) fn of_percent(raw: &[u8]) -> Self {
        Self::of(raw, TextCoding::Percent, b'%', |rest, text| {
            let digit = |at: usize| rest.get(at).and_then(|&digit| char::from(digit).to_digit(16));
            let byte = digit(1)? * 16 + digit(2)?;
            text.push(byte as u8);
            Some(3)
        })
    }

    /// Text of markup.
    pub(super) fn of_references(raw: &[u8]) -> Self {
        Self::of(raw, TextCoding::References, b'&', |rest, text| {
            let (character, length) = reference(rest)?;
            push(text, character);
            Some(length)
        })
    }

    /// Decodes by a function that is given the text from the sign of an escape on, adds what the escape stands for, and
    /// says how long it is; `None` if it is none.
    fn of(raw: &[u8], coding: TextCoding, sign: u8, decode: impl Fn(&[u8], &mut Vec<u8>) -> Option<usize>) -> Self {
        let mut text = Vec::with_capacity(raw.len());
        let mut pieces = vec![Piece { here: 0, there: 0, is_escape: false }];
        let mut at = 0;
        while let Some(next) = memchr::memchr(sign, &raw[at..]) {
            text.extend_from_slice(&raw[at..at + next]);
            at += next;
            let here = text.len();
            match decode(&raw[at..], &mut text) {
                Some(length) => {
                    pieces.push(Piece { here: here as u32, there: at as u32, is_escape: true });
                    at += length;
                    pieces.push(Piece { here: text.len() as u32, there: at as u32, is_escape: false });
                }
                None => {
                    text.push(sign);
                    at += 1;
                }
            }
        }
        text.extend_from_slice(&raw[at..]);
        Self { text, coding, pieces, length: raw.len() }
    }

    /// Where a part of this text stands in the one that was decoded. A part of what an escape stands for is all of it.
    pub(super) fn range(&self, range: Range<usize>) -> Range<usize> {
        let start = self.piece(range.start);
        let from = match self.pieces.get(start) {
            Some(piece) if piece.is_escape => piece.there as usize,
            Some(piece) => piece.there as usize + range.start - piece.here as usize,
            None => self.length,
        };
        if range.is_empty() {
            return from..from;
        }
        let end = self.piece(range.end - 1);
        let to = match self.pieces.get(end) {
            Some(piece) if piece.is_escape => self.pieces.get(end + 1).map_or(self.length, |next| next.there as usize),
            Some(piece) => piece.there as usize + range.end - piece.here as usize,
            None => self.length,
        };
        from..to
    }

    /// The last piece that begins at a place or before it. Of several that begin there, all but the last are empty.
    fn piece(&self, at: usize) -> usize {
        self.pieces.partition_point(|piece| piece.here as usize <= at).saturating_sub(1)
    }

    /// A text that is put into the decoded one, as it is written in the other one.
    pub(super) fn written(&self, text: &str) -> String {
        match self.coding {
            TextCoding::Plain => text.to_owned(),
            TextCoding::String => {
                // A string always serialises; were it not to, nothing of it would be written.
                let quoted = serde_json::to_string(text).unwrap_or_default();
                quoted.get(1..quoted.len().saturating_sub(1)).unwrap_or_default().to_owned()
            }
            TextCoding::Percent => {
                let is_kept = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
                let written =
                    |byte: u8| if is_kept(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
                text.bytes().map(written).collect()
            }
            TextCoding::References => {
                text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
            }
        }
    }

    /// Bytes that are put into the decoded text, as they are written in the other one.
    pub(super) fn encoded(&self, bytes: Vec<u8>) -> Vec<u8> {
        if self.coding != TextCoding::Percent {
            // Base64, in which nothing has to be escaped elsewhere.
            return bytes;
        }
        let mut encoded = Vec::with_capacity(bytes.len());
        for byte in bytes {
            match byte {
                b'+' => encoded.extend_from_slice(b"%2B"),
                b'/' => encoded.extend_from_slice(b"%2F"),
                b'=' => encoded.extend_from_slice(b"%3D"),
                b'\r' => encoded.extend_from_slice(b"%0D"),
                b'\n' => encoded.extend_from_slice(b"%0A"),
                _ => encoded.push(byte),
            }
        }
        encoded
    }
}

fn push(text: &mut Vec<u8>, character: char) {
    text.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
}

/// An escape of a JSON string. A surrogate without its other half stands for the replacement character.
fn unescaped(rest: &[u8], text: &mut Vec<u8>) -> Option<usize> {
    let unit = |at: usize| {
        let digits = rest.get(at..at + 6)?.strip_prefix(b"\\u")?;
        digits.iter().try_fold(0, |unit, &digit| Some(unit * 16 + char::from(digit).to_digit(16)?))
    };
    let byte = match rest.get(1)? {
        b'u' => {
            let first = unit(0)?;
            let second = unit(6).filter(|second| (0xDC00..0xE000).contains(second));
            let (code, length) = match second {
                Some(second) if (0xD800..0xDC00).contains(&first) => {
                    (0x1_0000 + ((first - 0xD800) << 10) + (second - 0xDC00), 12)
                }
                _ => (first, 6),
            };
            push(text, char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
            return Some(length);
        }
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'b' => 8,
        b'f' => 12,
        &byte @ (b'"' | b'\\' | b'/' | b'\'') => byte,
        _ => return None,
    };
    text.push(byte);
    Some(2)
}

/// The character that a reference at the beginning of a text stands for, and its length in bytes; `None` if there is
/// none. Of the named ones those of ASCII are known.
pub(super) fn reference(text: &[u8]) -> Option<(char, usize)> {
    const NAMED: [(&str, char); 26] = [
        ("quot", '"'),
        ("QUOT", '"'),
        ("amp", '&'),
        ("AMP", '&'),
        ("lt", '<'),
        ("gt", '>'),
        ("apos", '\''),
        ("commat", '@'),
        ("colon", ':'),
        ("equals", '='),
        ("period", '.'),
        ("lowbar", '_'),
        ("sol", '/'),
        ("bsol", '\\'),
        ("num", '#'),
        ("quest", '?'),
        ("percnt", '%'),
        ("plus", '+'),
        ("comma", ','),
        ("semi", ';'),
        ("lbrace", '{'),
        ("rbrace", '}'),
        ("lbrack", '['),
        ("rbrack", ']'),
        ("NewLine", '\n'),
        ("nbsp", '\u{a0}'),
    ];
    /// Longest reference, without its ampersand.
    const LONGEST: usize = 10;
    let body = text.strip_prefix(b"&")?;
    let end = body.iter().take(LONGEST).position(|&byte| byte == b';')?;
    let name = std::str::from_utf8(&body[..end]).ok()?;
    let character = match name.strip_prefix('#') {
        Some(number) => {
            let code = match number.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                None => number.parse().ok()?,
            };
            char::from_u32(code)?
        }
        None => NAMED.iter().find(|(known, _)| *known == name)?.1,
    };
    Some((character, end + 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_meant_leads_back_to_where_it_stands() {
        for (view, text) in [
            (DecodedPart::of_string(br"a\u003db\/\u00e9\ud83d\ude00c"), "a=b/é😀c"),
            (DecodedPart::of_percent(b"a%3Db%2F%c3%a9%F0%9F%98%80c"), "a=b/é😀c"),
            (DecodedPart::of_references(b"a&#61;b&sol;&#xe9;&#128512;c"), "a=b/é😀c"),
            (DecodedPart::plain("a=b/é😀c".as_bytes()), "a=b/é😀c"),
        ] {
            assert_eq!(String::from_utf8_lossy(&view.text), text);
            assert_eq!(view.range(0..1), 0..1, "{:?}", view.coding);
            assert_eq!(view.range(0..view.text.len()), 0..view.length);
            assert_eq!(view.range(view.text.len() - 1..view.text.len()), view.length - 1..view.length);
            let equals = view.range(1..2);
            assert_eq!(view.range(2..3), equals.end..equals.end + 1);
            assert_eq!(view.range(view.text.len()..view.text.len()), view.length..view.length);
        }
        let view = DecodedPart::of_string(br"x\u00e9y");
        assert_eq!((view.range(1..2), view.range(2..3), view.range(2..4)), (1..7, 1..7, 1..8), "halves of a character");
        assert_eq!(view.range(1..3), 1..7);
    }

    #[test]
    fn what_is_no_escape_stays() {
        for (view, text) in [
            (DecodedPart::of_string(br"a\q\u12\"), r"a\q\u12\"),
            (DecodedPart::of_string(br"\ud800x"), "\u{fffd}x"),
            (DecodedPart::of_percent(b"100%, 5%x"), "100%, 5%x"),
            (DecodedPart::of_references(b"a & b &nonsense; &#; &"), "a & b &nonsense; &#; &"),
        ] {
            assert_eq!(String::from_utf8_lossy(&view.text), text);
        }
    }
}
