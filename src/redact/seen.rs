//! Secrets of a recording, found again wherever they are repeated: in another exchange, a path, a message about what was
//! wrong, percent-encoded or in base64.
//!
//! ```text
//! each secret that was masked ─► its forms ─► by their last eight bytes ─► found in later texts, whole ─► the same mask
//! ```
//!
//! What could be a word or a number of somebody else's is not looked for, and UUIDs are not: Orders have such.

use std::collections::HashMap;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

use super::byte_finder::{ByteFinder, alphanumeric, one_of};

/// Bytes of the end of a form that find it.
const KEY: usize = 8;

/// Fewest bytes of a secret that is looked for: with letters large and small and digits, and without either.
const SHORTEST: (usize, usize) = (12, 20);

/// Longest secret that is looked for, in bytes.
const LONGEST: usize = 8192;

/// Most bytes of forms that are remembered, twice over: past it the older half of them is forgotten.
const MOST_BYTES: usize = 4 << 20;

/// Bits of the filter that says at once that a place can't be the end of a form.
const FILTER: usize = 1 << 14;

/// What forms are made of beside letters and digits.
const FORM_SIGNS: [u8; 12] = *b"-._~+/=%\\&#;";

struct SecretForm {
    text: Box<[u8]>,
    mask: Box<str>,
    /// It is the secret itself.
    is_plain: bool,
}

type SecretTable = HashMap<[u8; KEY], Vec<SecretForm>>;

/// The secrets of a recording so far.
pub(super) struct KnownSecrets {
    young: SecretTable,
    old: SecretTable,
    bytes: usize,
    /// By the last four bytes of forms; only ever grows.
    filter: Box<[u64]>,
    /// How many forms were ever taken up.
    version: u64,
}

impl Default for KnownSecrets {
    fn default() -> Self {
        Self {
            young: SecretTable::new(),
            old: SecretTable::new(),
            bytes: 0,
            filter: vec![0; FILTER / 64].into(),
            version: 0,
        }
    }
}

/// True for what is hardly anything but a token: letters, digits and the few signs of RFC 9110's `token68`, long, and no
/// path to an Order.
fn is_distinct(secret: &[u8]) -> bool {
    let has = |test: fn(&u8) -> bool| secret.iter().any(test);
    let of_token = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(byte);
    let mixed = has(u8::is_ascii_lowercase) && has(u8::is_ascii_uppercase);
    let shortest = if mixed { SHORTEST.0 } else { SHORTEST.1 };
    (shortest..=LONGEST).contains(&secret.len())
        && has(u8::is_ascii_digit)
        && has(u8::is_ascii_alphabetic)
        && secret.iter().all(of_token)
        && !secret.split(|&byte| byte == b'/').any(super::personal::is_uuid)
}

impl KnownSecrets {
    /// Takes up a secret and what stands in its place.
    pub(super) fn remember(&mut self, secret: &[u8], mask: &str) {
        if !is_distinct(secret) {
            return;
        }
        self.add(secret.into(), mask, true);
        let percent = [encoded(secret, false), encoded(secret, true)];
        let twice = percent.each_ref().map(|form| String::from_utf8_lossy(form).replace('%', "%25").into_bytes());
        let others = [slashed(secret), escaped(secret, "\\u00"), escaped(secret, "&#x")];
        for form in percent.into_iter().chain(twice).chain(others) {
            if form != secret {
                self.add(form, mask, false);
            }
        }
        for engine in [STANDARD_NO_PAD, URL_SAFE_NO_PAD] {
            self.add(engine.encode(secret).into_bytes(), mask, false);
        }
    }

    /// What stands in the place of a secret that was taken up, all of its forms with it: of these it is the oldest.
    pub(super) fn mask_of(&self, secret: &[u8]) -> Option<&str> {
        let key = secret.last_chunk::<KEY>()?;
        let mut forms = [&self.young, &self.old].into_iter().filter_map(|table| table.get(key)).flatten();
        forms.find(|form| form.is_plain && *form.text == *secret).map(|form| &*form.mask)
    }

    /// Changes with each form that is taken up: while it is the same, a text is searched in vain a second time.
    pub(super) fn version(&self) -> u64 {
        self.version
    }

    fn add(&mut self, text: Vec<u8>, mask: &str, is_plain: bool) {
        let Some(&key) = text.last_chunk::<KEY>() else { return };
        let is_known =
            |table: &SecretTable| table.get(&key).is_some_and(|forms| forms.iter().any(|form| *form.text == *text));
        if is_known(&self.young) || is_known(&self.old) {
            return;
        }
        self.bytes += text.len() + size_of::<SecretForm>();
        if self.bytes > MOST_BYTES {
            self.old = std::mem::take(&mut self.young);
            self.bytes = text.len();
        }
        let bit = bit(key);
        self.filter[bit / 64] |= 1 << (bit % 64);
        self.version += 1;
        self.young.entry(key).or_default().push(SecretForm { text: text.into(), mask: mask.into(), is_plain });
    }

    /// The text with these secrets masked; `None` if it holds none of them.
    pub(super) fn replace(&self, text: &[u8]) -> Option<Vec<u8>> {
        if self.young.is_empty() {
            return None;
        }
        let mut clean = Vec::new();
        let mut copied = 0;
        let (mut at, mut finder) = (0, ByteFinder::new(text, |lanes| alphanumeric(lanes) | one_of(lanes, FORM_SIGNS)));
        while let Some(run) = finder.next_run(at, SHORTEST.0) {
            for end in run.start + SHORTEST.0..=run.end {
                if let Some(form) = self.form_that_ends(text, end, copied) {
                    clean.extend_from_slice(&text[copied..end - form.text.len()]);
                    clean.extend_from_slice(form.mask.as_bytes());
                    copied = end;
                }
            }
            at = run.end;
        }
        (copied > 0).then(|| {
            clean.extend_from_slice(&text[copied..]);
            clean
        })
    }

    /// The longest form that ends at a place and doesn't begin before `from`.
    fn form_that_ends(&self, text: &[u8], end: usize, from: usize) -> Option<&SecretForm> {
        if is_within_word(text, end) {
            return None;
        }
        let key = text[..end].last_chunk::<KEY>()?;
        let bit = bit(*key);
        if self.filter[bit / 64] & (1 << (bit % 64)) == 0 {
            return None;
        }
        let forms = [&self.young, &self.old].into_iter().filter_map(|table| table.get(key)).flatten();
        let fits = |form: &&SecretForm| {
            let start = end.checked_sub(form.text.len());
            start.is_some_and(|start| start >= from && text[start..end] == *form.text && !is_within_word(text, start))
        };
        forms.filter(fits).max_by_key(|form| form.text.len())
    }
}

fn bit(key: [u8; KEY]) -> usize {
    let last = u32::from_le_bytes([key[4], key[5], key[6], key[7]]);
    (last.wrapping_mul(0x9E37_79B1) >> 18) as usize % FILTER
}

/// True if letters or digits stand on both sides. An escape is the end of a word.
fn is_within_word(text: &[u8], at: usize) -> bool {
    let in_word = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    let escape = || at >= 3 && text[at - 3] == b'%' && text[at - 2..at].iter().all(u8::is_ascii_hexdigit);
    at > 0 && in_word(text.get(at - 1)) && in_word(text.get(at)) && !escape()
}

/// Percent-encoded, with hexadecimal digits large or small.
fn encoded(secret: &[u8], small: bool) -> Vec<u8> {
    let mut out = Vec::with_capacity(secret.len() + 8);
    for &byte in secret {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(byte);
        } else {
            let digits = if small { b"0123456789abcdef" } else { b"0123456789ABCDEF" };
            out.extend([b'%', digits[usize::from(byte >> 4)], digits[usize::from(byte & 15)]]);
        }
    }
    out
}

/// As some JSON writers have it: a backslash before each slash and quote.
fn slashed(secret: &[u8]) -> Vec<u8> {
    let escaped = |&byte: &u8| matches!(byte, b'/' | b'"' | b'\\').then_some(b'\\').into_iter().chain([byte]);
    secret.iter().flat_map(escaped).collect()
}

/// As cautious writers of JSON and HTML have it: the signs by their numbers.
fn escaped(secret: &[u8], sign: &str) -> Vec<u8> {
    let escaped = |&byte: &u8| match byte {
        b'+' | b'/' | b'=' if sign.starts_with('&') => format!("{sign}{byte:X};"),
        b'+' => format!("{sign}{byte:02X}"),
        _ => char::from(byte).to_string(),
    };
    secret.iter().map(escaped).collect::<String>().into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_found_as_a_whole() {
        let mut seen = KnownSecrets::default();
        seen.remember(b"aBc/def+123=", "#");
        let shown = |text: &str| seen.replace(text.as_bytes()).map(|clean| String::from_utf8(clean).unwrap());
        for (text, clean) in [
            ("say aBc/def+123=, please", "say #, please"),
            ("/keys/aBc%2Fdef%2B123%3D/x", "/keys/#/x"),
            ("q%3DaBc%2fdef%2b123%3d%26", "q%3D#%26"),
            (r#""aBc\/def+123=""#, r##""#""##),
            ("/x?u=%2Fkeys%2FaBc%252Fdef%252B123%253D", "/x?u=%2Fkeys%2F#"),
            (r#""aBc/def\u002B123=""#, r##""#""##),
            ("<p>aBc&#x2F;def&#x2B;123&#x3D;</p>", "<p>#</p>"),
            (&STANDARD_NO_PAD.encode("aBc/def+123="), "#"),
        ] {
            assert_eq!(shown(text).as_deref(), Some(clean), "{text}");
        }
        assert_eq!(shown("xaBc/def+123="), None);
        assert_eq!(shown(""), None);
        for before in 0..40 {
            let (text, clean) = (" ".repeat(before) + "aBc/def+123=", " ".repeat(before) + "#");
            assert_eq!(shown(&(text.clone() + " ")), Some(clean.clone() + " "));
            assert_eq!(shown(&format!("{text}|{text}")), Some(format!("{clean}|{clean}")));
        }
    }

    #[test]
    fn a_secret_is_taken_up_once() {
        let mut seen = KnownSecrets::default();
        seen.remember(b"aBc/def+123=", "#");
        let version = seen.version();
        seen.remember(b"aBc/def+123=", "#");
        assert_eq!((seen.version(), seen.mask_of(b"aBc/def+123=")), (version, Some("#")));
        assert_eq!(seen.mask_of(b"aBc%2Fdef%2B123%3D"), None, "that would be another secret");
        seen.remember(b"aBc/def+124=", "#");
        assert_ne!(seen.version(), version);
    }

    #[test]
    fn words_numbers_and_uuids_are_not_looked_for() {
        let mut seen = KnownSecrets::default();
        for word in
            ["lantern-yoga-class", "1234567890123", "5b0b7f3e-6d1c-4f0a-9c52-7e1a4d90b6c3", "short1", "two words 1"]
        {
            seen.remember(word.as_bytes(), "#");
        }
        assert!(seen.young.is_empty());
    }

    #[test]
    fn old_secrets_are_forgotten() {
        let mut seen = KnownSecrets::default();
        (0..100_000).for_each(|number| seen.remember(format!("Secret-{number:06}").as_bytes(), "#"));
        assert!(seen.bytes <= MOST_BYTES);
        assert!(seen.replace(b"Secret-099999").is_some() && seen.replace(b"Secret-000000").is_none());
    }
}
