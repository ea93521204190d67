//! A name in words, whatever case and signs it is written with.
//!
//! `X-APIKey2 | x_api_key | x.api[key] → x · api · key`

/// Most letters of a name that are looked at: the last ones, since the last words say what it is.
const MOST: usize = 96;

/// The letters of a name in lower case, and where its words begin. Signs and digits part words and are left out.
#[derive(Debug, Clone, Copy)]
pub(super) struct NameWords {
    letters: [u8; MOST],
    length: usize,
    /// A bit for each letter that begins a word.
    starts: u128,
}

impl NameWords {
    pub(super) fn of(name: &[u8]) -> Self {
        let name = &name[name.len().saturating_sub(MOST)..];
        let mut words = Self { letters: [0; MOST], length: 0, starts: 0 };
        let mut before = b'_';
        for (at, &byte) in name.iter().enumerate() {
            if byte.is_ascii_alphabetic() {
                // `clientSecret` before the S, `APIKey` before the K.
                let begins = !before.is_ascii_alphabetic()
                    || byte.is_ascii_uppercase()
                        && (before.is_ascii_lowercase()
                            || name.get(at + 1).is_some_and(u8::is_ascii_lowercase) && !is_plural(&name[at + 1..]));
                words.starts |= u128::from(begins) << words.length;
                words.letters[words.length] = byte.to_ascii_lowercase();
                words.length += 1;
            }
            before = byte;
        }
        words
    }

    /// All words without anything between.
    pub(super) fn all(&self) -> &str {
        std::str::from_utf8(&self.letters[..self.length]).unwrap_or_default()
    }

    /// True if the last word, or the last few, are these letters. A word that is written in one with those before it is
    /// another one: `laptop` does not end in `otp`.
    pub(super) fn ends_in(&self, letters: &str) -> bool {
        let start = self.length.checked_sub(letters.len());
        start.is_some_and(|start| self.starts & (1 << start) != 0) && self.ends_with(letters)
    }

    /// True if the name ends with these letters, be they words or not.
    pub(super) fn ends_with(&self, letters: &str) -> bool {
        let (name, letters) = (&self.letters[..self.length], letters.as_bytes());
        // Most names differ in their last letter.
        name.last() == letters.last() && name.ends_with(letters)
    }

    /// The name without its last words if they are among these.
    pub(super) fn without_suffixes(self, suffixes: &[&str]) -> Self {
        let mut words = self;
        loop {
            let suffix = suffixes.iter().find(|suffix| suffix.len() < words.length && words.ends_in(suffix));
            let Some(suffix) = suffix else { return words };
            words.length -= suffix.len();
        }
    }

    /// True if the test holds for the name as it is or, of a plural, for the singular.
    pub(super) fn either(self, test: impl Fn(Self) -> bool) -> bool {
        test(self) || self.all().ends_with('s') && test(Self { length: self.length - 1, ..self })
    }
}

/// True for the s of `APIs` and `JWTs`.
fn is_plural(rest: &[u8]) -> bool {
    rest.first() == Some(&b's') && rest.get(1).is_none_or(|byte| !byte.is_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(name: &str) -> String {
        let words = NameWords::of(name.as_bytes());
        let all = words.all();
        let mut shown = String::new();
        for (at, letter) in all.char_indices() {
            if at > 0 && words.starts & (1 << at) != 0 {
                shown.push(' ');
            }
            shown.push(letter);
        }
        shown
    }

    #[test]
    fn words_are_told_apart() {
        for (name, expected) in [
            ("clientSecret", "client secret"),
            ("X-APIKey2", "x api key"),
            ("user[db.pass_word]", "user db pass word"),
            ("oauth2Token", "oauth token"),
            ("JSESSIONID", "jsessionid"),
            ("theJWTs", "the jwts"),
            ("IDToken", "id token"),
            ("acme:sid", "acme sid"),
            ("12", ""),
        ] {
            assert_eq!(words(name), expected, "{name}");
        }
        assert_eq!(words(&"ab_".repeat(100)).len(), 32 * 3 - 1);
    }

    #[test]
    fn ends_are_whole_words() {
        let ends = |name: &str, word: &str| NameWords::of(name.as_bytes()).ends_in(word);
        assert!(ends("userPin", "pin") && ends("session_id", "sessionid") && ends("PIN", "pin"));
        assert!(!ends("shopping", "pin") && !ends("in", "pin") && !ends("pinned", "pin"));
    }
}
