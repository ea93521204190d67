//! How names end that mean a secret: nearly all others are told by that, at next to no cost.
//!
//! `"orderedItem" ─► tem ─► none of the lists ends like that`

use super::names::{AMBIGUOUS, ENDINGS, OF_LOGINS, PARAMETERS, SUFFIXES, WORDS};

/// Most signs and digits behind the letters of a name, as in `tokens[12]`.
const MOST_SIGNS: usize = 16;

/// How names end, so that those that end otherwise cost next to nothing: the last three letters, and the last two.
pub(crate) struct Endings {
    /// The last two, by the first of them.
    two: [u32; 26],
    /// All three, by the first and the second of them.
    three: [[u32; 26]; 26],
    /// Names that have two, by the first of them.
    short: [u32; 26],
}

impl Endings {
    /// Of all names that mean a secret.
    pub(crate) const OF_SECRETS: Self = Self { two: [0; 26], three: [[0; 26]; 26], short: [0; 26] }
        .with(&ENDINGS)
        .with(&WORDS)
        .with(&AMBIGUOUS)
        .with(&PARAMETERS)
        .with(&OF_LOGINS)
        .with(&SUFFIXES);

    /// These names too, and their plurals. They have two letters and more, and end with them.
    pub(crate) const fn with(mut self, names: &[&str]) -> Self {
        let mut at = 0;
        while at < names.len() {
            let name = names[at].as_bytes();
            let length = name.len();
            if length == 2 {
                self.add_short([name[0], name[1]]);
            } else {
                self.add([name[length - 3], name[length - 2], name[length - 1]]);
            }
            self.add([name[length - 2], name[length - 1], b's']);
            at += 1;
        }
        self
    }

    const fn add(&mut self, [first, second, third]: [u8; 3]) {
        let (first, second, third) = (Self::place(first), Self::place(second), Self::place(third));
        self.two[second] |= 1 << third;
        self.three[first][second] |= 1 << third;
    }

    /// Whatever letter stands before these two, and if there is none.
    const fn add_short(&mut self, [first, second]: [u8; 2]) {
        self.short[Self::place(first)] |= 1 << Self::place(second);
        let mut before = b'a';
        while before <= b'z' {
            self.add([before, first, second]);
            before += 1;
        }
    }

    /// The place of a letter, be it large or small.
    const fn place(letter: u8) -> usize {
        (letter & 31) as usize - 1
    }

    /// False for nearly all other names; `None` if the last three bytes are no letters, so that more of the name tells.
    pub(crate) fn may_hold(&self, name: &[u8]) -> Option<bool> {
        match *name {
            [.., first, second, third] if [first, second, third].iter().all(u8::is_ascii_alphabetic) => {
                Some(self.has([first, second, third]))
            }
            _ => None,
        }
    }

    fn has_short(&self, letters: [u8; 2]) -> bool {
        let [first, second] = letters.map(Self::place);
        self.short[first] & (1 << second) != 0
    }

    fn has(&self, letters: [u8; 3]) -> bool {
        let [first, second, third] = letters.map(Self::place);
        self.three[first][second] & (1 << third) != 0
    }
}

static OF_SECRETS: Endings = Endings::OF_SECRETS;

/// False for most names that mean no secret, by their last two letters.
pub(crate) fn may_be_secret(name: &[u8]) -> bool {
    let (before, last) = match name {
        // As nearly all names end.
        [.., before, last] if before.is_ascii_alphabetic() && last.is_ascii_alphabetic() => (before, last),
        _ => {
            let mut letters = name.iter().rev().take(MOST_SIGNS).filter(|byte| byte.is_ascii_alphabetic());
            let (Some(last), Some(before)) = (letters.next(), letters.next()) else { return false };
            (before, last)
        }
    };
    OF_SECRETS.two[Endings::place(*before)] & (1 << Endings::place(*last)) != 0
}

/// False for nearly all names of members that mean no secret, by their last three letters. `ending` are the bytes of the
/// name, from the last one on.
pub(crate) fn may_be_secret_member<'n>(ending: impl IntoIterator<Item = &'n u8>) -> bool {
    let (mut letters, mut found, mut looked_at) = ([0; 3], 0, 0);
    for &byte in ending.into_iter().take(MOST_SIGNS) {
        looked_at += 1;
        if byte.is_ascii_alphabetic() {
            letters[letters.len() - 1 - found] = byte;
            found += 1;
            if found == letters.len() {
                return OF_SECRETS.has(letters);
            }
        }
    }
    // There may be more letters further before.
    looked_at == MOST_SIGNS || found == 2 && OF_SECRETS.has_short([letters[1], letters[2]])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn last_letters_exclude_no_name_that_means_a_secret() {
        let lists = [&ENDINGS[..], &WORDS, &AMBIGUOUS, &PARAMETERS, &SUFFIXES];
        for name in lists.into_iter().flatten() {
            let plural = format!("{name}s");
            let written = [name.to_uppercase(), format!("a.{name}"), format!("{name}[12]"), name.replace("", "_")];
            for name in written.into_iter().chain([plural]) {
                assert!(may_be_secret(name.as_bytes()) && may_be_secret_member(name.as_bytes().iter().rev()), "{name}");
            }
        }
        for name in ["", "s", "id", "@id", "@type", "price", "url", "a1"] {
            assert!(!may_be_secret_member(name.as_bytes().iter().rev()), "{name}");
        }
        assert!(may_be_secret_member(b"token____________".iter().rev()), "it can't be told");
    }
}
