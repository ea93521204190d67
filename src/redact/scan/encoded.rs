//! Texts in base64 within a text.
//!
//! `{"state": "eyJhY2Nlc3NfdG9rZW4iOiAiYWJjIn0="} → decoded → {"access_token": "abc"} → replaced → encoded again`

use std::ops::Range;

use base64::Engine as _;
use base64::alphabet::{Alphabet, STANDARD, URL_SAFE};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::super::byte_finder::{ByteFinder, alphanumeric, one_of};
use super::super::content;
use super::edits::{Replacement, SecretEdit};
use super::{MOST_LEVELS, Scan, ScanContext};

/// Fewest letters of a text in base64 that is looked for: fewer hold no name with its secret.
const SHORTEST: usize = 20;

/// Letters at the beginning that tell whether it is a text.
pub(in crate::redact) const FIRST: usize = 16;

/// Shortest line of base64 that goes on in the next line.
const LINE: usize = 60;

/// The kind of base64 that a text is written in.
pub(in crate::redact) fn engine(text: &[u8]) -> &'static GeneralPurpose {
    let is_url_safe = text.iter().any(|byte| matches!(byte, b'-' | b'_'));
    &ENGINES[usize::from(is_url_safe)][usize::from(text.ends_with(b"="))]
}

/// By alphabet, the standard one first, and with padding or without.
static ENGINES: [[GeneralPurpose; 2]; 2] = {
    const fn with_alphabet(alphabet: &Alphabet) -> [GeneralPurpose; 2] {
        let config = GeneralPurposeConfig::new()
            .with_decode_padding_mode(DecodePaddingMode::Indifferent)
            .with_decode_allow_trailing_bits(true);
        let (bare, padded) = (config.with_encode_padding(false), config.with_encode_padding(true));
        [GeneralPurpose::new(alphabet, bare), GeneralPurpose::new(alphabet, padded)]
    }
    [with_alphabet(&STANDARD), with_alphabet(&URL_SAFE)]
};

/// True if what begins with these letters, [`FIRST`] at most, may be a text in base64.
pub(in crate::redact) fn may_be_encoded_text(first: &[u8]) -> bool {
    if let [first, second, third, ..] = *first
        && !may_begin_text(first, second, third)
    {
        return false;
    }
    let mut decoded = [0; FIRST];
    let length = engine(first).decode_slice(first, &mut decoded);
    length.is_ok_and(|length| content::may_be_text(&decoded[..length]))
}

/// False for most letters that no text in base64 begins with, by the two bytes that they stand for: words, paths and UUIDs
/// are not decoded. What it says of other signs than letters is of no use.
fn may_begin_text(first: u8, second: u8, third: u8) -> bool {
    let [one, two, three] = [first, second, third].map(|letter| SIX_BITS[usize::from(letter)]);
    match (one << 2 | two >> 4, two << 4 | three >> 2) {
        // UTF-16, and what UTF-16 and the compressed formats begin with.
        (0 | 0x1f | 0xfe | 0xff, _) | (_, 0) => true,
        // The rest of a character, and what stands nowhere in UTF-8.
        (0x7f..0xc2 | 0xf5.., _) => false,
        // The first byte of a character wants a second one.
        (0xc2.., next) => matches!(next, 0x80..0xc0),
        (byte, _) => byte >= b' ' || byte.is_ascii_whitespace(),
    }
}

/// What six bits a letter of base64 of either kind stands for.
static SIX_BITS: [u8; 256] = {
    let letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut bits = [0; 256];
    let mut at = 0;
    while at < letters.len() {
        bits[letters[at] as usize] = at as u8;
        at += 1;
    }
    bits[b'-' as usize] = 62;
    bits[b'_' as usize] = 63;
    bits
};

/// The letters of base64 of either kind that are neither letters nor digits elsewhere.
const BASE64_SIGNS: [u8; 4] = *b"+/-_";

/// True for a letter of base64 of either kind.
pub(in crate::redact) fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || BASE64_SIGNS.contains(&byte)
}

impl Scan<'_> {
    /// Runs of base64.
    pub(super) fn encoded_runs(&mut self) {
        if self.context.level >= MOST_LEVELS {
            return;
        }
        let (mut at, mut finder) =
            (0, ByteFinder::new(self.text, |lanes| alphanumeric(lanes) | one_of(lanes, BASE64_SIGNS)));
        while let Some(run) = finder.next_run(at, SHORTEST) {
            at = self.encoded_run(run);
        }
    }

    /// A run of letters that may be base64, or the path of a URL whose last part is. Gives the place behind it.
    fn encoded_run(&mut self, run: Range<usize>) -> usize {
        let mut start = run.start;
        loop {
            if run.end - start < SHORTEST {
                return run.end;
            }
            if let Some(end) = self.issued_token(start) {
                return end;
            }
            let first = &self.text[start..start + FIRST];
            if may_be_encoded_text(first) {
                return self.encoded_text(start..run.end);
            }
            match self.text[start..run.end].iter().position(|&byte| byte == b'/') {
                Some(slash) => start += slash + 1,
                None => return run.end,
            }
        }
    }

    /// A text in base64 whose first line is `run`. Gives the place behind it.
    fn encoded_text(&mut self, run: Range<usize>) -> usize {
        let text = self.text;
        let (start, mut end) = (run.start, run.end);
        let line = run.len();
        let line_break: &[u8] = if text[end..].starts_with(b"\r\n") { b"\r\n" } else { b"\n" };
        let is_folded = line >= LINE && line.is_multiple_of(4) && text[end..].starts_with(line_break);
        while is_folded && text[end..].starts_with(line_break) {
            let next = end + line_break.len();
            let length = self.run(next, is_base64).min(line);
            if length == 0 {
                break;
            }
            end = next + length;
            if length < line {
                break;
            }
        }
        end += self.run(end, |byte| byte == b'=').min(2);
        if !self.context.spend(end - start) {
            self.plain_secret(start..end);
            return end;
        }
        let raw: Vec<u8> = text[start..end].iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
        let engine = engine(&raw);
        // What is cut off in the middle of four letters has one too many.
        let whole = if raw.len() % 4 == 1 { &raw[..raw.len() - 1] } else { &raw[..] };
        let Ok(decoded) = engine.decode(whole) else { return end };
        let context = ScanContext { level: self.context.level + 1, ..self.context };
        let clean = match content::unpacked(&decoded, |text| Scan::new(text, context).clean()) {
            Ok(None) => return end,
            Ok(Some(clean)) => clean,
            // What is packed in a text and can't be read might hold anything.
            Err(_) => {
                self.plain_secret(start..end);
                return end;
            }
        };
        let encoded = engine.encode(clean);
        let folded = if is_folded {
            let lines: Vec<&[u8]> = encoded.as_bytes().chunks(line).collect();
            lines.join(line_break)
        } else {
            encoded.into_bytes()
        };
        self.edits.push(SecretEdit { range: start..end, with: Replacement::Bytes(folded) });
        end
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_by_three_letters_is_so() {
        let letters: Vec<u8> = (0..=u8::MAX).filter(|&byte| is_base64(byte)).collect();
        // What follows is good for any text, and for UTF-16.
        let others = [&b"QUJDREVGR0hJS"[..], b"AEEAQQBBAEEAQ", b"QQBBAEEAQQBBA", b"gICAgICAgICAg", b"HAAAAAAAAAAAA"];
        let decoded = |first: &[u8]| {
            let mut decoded = [0; FIRST];
            let length = engine(first).decode_slice(first, &mut decoded);
            length.is_ok_and(|length| content::may_be_text(&decoded[..length]))
        };
        for &one in &letters {
            for &two in &letters {
                for &three in &letters {
                    for other in others {
                        let first = [&[one, two, three], other].concat();
                        if decoded(&first) {
                            assert!(may_begin_text(one, two, three), "{}", String::from_utf8_lossy(&first));
                        }
                    }
                }
            }
        }
    }
}
