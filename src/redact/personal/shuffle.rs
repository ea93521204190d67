//! Another text of the same shape: letters become letters, digits digits, everything else stays where it is.
//!
//! ```text
//! "Robin 07" → cells r·26 o·26 b·26 i·26 n·26 - 0 7·9 → permutation under the key → the same cells, other values
//! ```
//!
//! Short texts go through a keyed permutation of all texts of their shape (a Feistel network over the cells), so that
//! different texts never become the same. Long ones are drawn anew from a keyed hash of the text, where that is as good
//! as certain. Case is no part of the value: texts that differ in case alone become texts that differ in case alone.

use ring::hmac;

/// Up to so many cells a text is permuted, beyond it drawn anew. A round yields two bytes per cell of a half, and an
/// HMAC-SHA-256 has 32.
const PERMUTED: usize = 24;

/// Rounds of the permutation. Four make it as good as random; a few more cost little.
const ROUNDS: u8 = 6;

/// A character that is replaced: its place in an alphabet of `radix` characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Symbol {
    pub(super) value: u16,
    pub(super) radix: u16,
}

impl Symbol {
    /// The n-th of an alphabet of `radix` characters.
    pub(super) fn new(value: u16, radix: u16) -> Self {
        Self { value, radix: radix.max(1) }
    }
}

/// Turns a value into a pseudonym of the same form, by a key of the recording.
pub(super) struct FormatPreservingCipher(hmac::Key);

impl FormatPreservingCipher {
    pub(super) fn new(key: hmac::Key) -> Self {
        Self(key)
    }

    /// Gives the cells other values. `form` sets texts apart that have equal cells and unequal forms.
    pub(super) fn cells(&self, cells: &mut [Symbol], form: &str) {
        if cells.len() > PERMUTED {
            return self.draw(cells, form);
        }
        let half = cells.len() / 2;
        let shape: Vec<u8> = cells.iter().flat_map(|cell| cell.radix.to_be_bytes()).collect();
        for round in 0..ROUNDS {
            let (left, right) = cells.split_at_mut(half);
            let (fixed, moved) = if round % 2 == 0 { (left, right) } else { (right, left) };
            let mut context = hmac::Context::with_key(&self.0);
            context.update(&[round]);
            context.update(form.as_bytes());
            context.update(&shape);
            for cell in fixed.iter() {
                context.update(&cell.value.to_be_bytes());
            }
            let tag = context.sign();
            for (cell, noise) in moved.iter_mut().zip(tag.as_ref().chunks_exact(2)) {
                let noise = u32::from(u16::from_be_bytes([noise[0], noise[1]]));
                cell.value = ((u32::from(cell.value) + noise) % u32::from(cell.radix)) as u16;
            }
        }
    }

    /// Values that the text determines, and that say nothing of it.
    fn draw(&self, cells: &mut [Symbol], form: &str) {
        let mut context = hmac::Context::with_key(&self.0);
        context.update(b"long");
        context.update(form.as_bytes());
        for cell in cells.iter() {
            context.update(&cell.value.to_be_bytes());
        }
        let seed = context.sign();
        for (block, cells) in cells.chunks_mut(16).enumerate() {
            let mut context = hmac::Context::with_key(&self.0);
            context.update(seed.as_ref());
            context.update(&block.to_be_bytes());
            let tag = context.sign();
            for (cell, noise) in cells.iter_mut().zip(tag.as_ref().chunks_exact(2)) {
                cell.value = u16::from_be_bytes([noise[0], noise[1]]) % cell.radix;
            }
        }
    }
}

/// The alphabet of a character, and the way back from a place in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Alphabet {
    /// Lower-case letters of ASCII.
    Lower,
    /// Upper-case letters of ASCII.
    Upper,
    /// Digits.
    Digit,
    /// Digits but zero: the first of a run, so that a number stays one without leading zeros.
    FirstDigit,
    /// Hexadecimal digits.
    Hex {
        /// Letters are written large.
        upper: bool,
    },
    /// Letters and digits of the same kind within the 64 characters around this one.
    Block(char),
    /// The character alone.
    Itself(char),
}

impl Alphabet {
    /// The alphabet of a character and its place there; `None` for a character that stays. `first` says that no digit
    /// stands before it.
    pub(super) fn of(character: char, first: bool) -> Option<(Self, Symbol)> {
        Some(match character {
            'a'..='z' => (Self::Lower, Symbol::new(character as u16 - 'a' as u16, 26)),
            'A'..='Z' => (Self::Upper, Symbol::new(character as u16 - 'A' as u16, 26)),
            '0' if first => return None,
            '1'..='9' if first => (Self::FirstDigit, Symbol::new(character as u16 - '1' as u16, 9)),
            '0'..='9' => (Self::Digit, Symbol::new(character as u16 - '0' as u16, 10)),
            _ if character.is_ascii() || !character.is_alphanumeric() => return None,
            _ => {
                let (mut radix, mut value) = (0, 0);
                for other in block(character) {
                    if other == character {
                        value = radix;
                    }
                    radix += 1;
                }
                (Self::Block(character), Symbol::new(value, radix))
            }
        })
    }

    /// A hexadecimal digit; `None` for any other character.
    pub(super) fn hex(character: char, upper: bool) -> Option<(Self, Symbol)> {
        Some((Self::Hex { upper }, Symbol::new(character.to_digit(16)? as u16, 16)))
    }

    /// A character that stays, though it counts.
    pub(super) fn itself(character: char) -> (Self, Symbol) {
        (Self::Itself(character), Symbol::new(0, 1))
    }

    /// The character at a place.
    pub(super) fn at(self, place: u16) -> char {
        let of = |start: u8| char::from(start.saturating_add(place as u8));
        match self {
            Self::Lower => of(b'a'),
            Self::Upper => of(b'A'),
            Self::Digit => of(b'0'),
            Self::FirstDigit => of(b'1'),
            Self::Hex { upper } => {
                let digit = char::from_digit(u32::from(place), 16).unwrap_or('0');
                if upper { digit.to_ascii_uppercase() } else { digit }
            }
            Self::Itself(character) => character,
            Self::Block(like) => block(like).nth(usize::from(place)).unwrap_or(like),
        }
    }
}

/// The characters of the same kind in the same 64, which have as many bytes in UTF-8.
fn block(like: char) -> impl Iterator<Item = char> {
    let kind = |c: char| (c.is_alphabetic(), c.is_numeric(), c.is_lowercase(), c.is_uppercase());
    let start = like as u32 & !63;
    (start..start + 64).filter_map(char::from_u32).filter(move |&other| kind(other) == kind(like))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn shuffle() -> FormatPreservingCipher {
        FormatPreservingCipher::new(hmac::Key::new(hmac::HMAC_SHA256, b"a key"))
    }

    #[test]
    fn different_texts_of_one_shape_stay_different() {
        let shuffle = shuffle();
        let all = |radices: &[u16]| {
            let count: u32 = radices.iter().map(|radix| u32::from(*radix)).product();
            let mut seen = HashSet::new();
            for number in 0..count {
                let mut rest = number;
                let mut cells: Vec<Symbol> = radices
                    .iter()
                    .map(|&radix| {
                        let value = rest % u32::from(radix);
                        rest /= u32::from(radix);
                        Symbol::new(value as u16, radix)
                    })
                    .collect();
                shuffle.cells(&mut cells, "");
                assert!(cells.iter().all(|cell| cell.value < cell.radix));
                seen.insert(cells.iter().map(|cell| cell.value).collect::<Vec<_>>());
            }
            assert_eq!(seen.len() as u32, count, "{radices:?}");
        };
        all(&[26]);
        all(&[9, 10]);
        all(&[26, 26, 10]);
        all(&[10, 336]);
        all(&[3, 1, 2, 7]);
    }

    #[test]
    fn alphabets_lead_back() {
        for character in "azAZ059éÉßж李٣".chars() {
            let (alphabet, cell) = Alphabet::of(character, false).unwrap();
            assert_eq!(alphabet.at(cell.value), character);
            for place in 0..cell.radix {
                let other = alphabet.at(place);
                assert_eq!(other.len_utf8(), character.len_utf8());
                assert_eq!(Alphabet::of(other, false).unwrap().1, Symbol::new(place, cell.radix));
            }
        }
        for character in " .@+-%\u{1f600}\u{301}".chars() {
            assert_eq!(Alphabet::of(character, false), None);
        }
        assert_eq!(Alphabet::of('0', true), None);
    }
}
