//! Tokens that are known by how they begin, as services make them so that they are found where they should not be.
//!
//! `ghp_… | glpat-… | sk_live_… | AIza… | ya29.…`

use super::Scan;
use crate::exchange::secrets::{ISSUED, is_likely_secret, is_mixed};

/// The same before a dot.
const BEFORE_DOT: [&[u8]; 2] = [b"ya29.", b"hvs."];

/// The two parts of a token of SendGrid, which a dot parts.
const PARTS: (&[u8], usize, usize) = (b"SG.", 22, 43);

/// Fewest letters of a token that isn't as long as others of its kind, if it looks like one.
const SHORTEST: usize = 16;

impl<'t> Scan<'t> {
    /// A token that begins at `start`, or in the letters before the dot before it, where a run of letters of base64 does.
    /// Gives the place behind it.
    pub(super) fn issued_token(&mut self, start: usize) -> Option<usize> {
        let text = self.text;
        if text[..start].last() == Some(&b'.') {
            return self.token_behind_dot(start);
        }
        if !matches!(text[start], b'g' | b's' | b'r' | b'w' | b'x' | b'A' | b'n' | b'd') {
            return None;
        }
        let (beginning, length) = ISSUED.iter().find(|(beginning, _)| text[start..].starts_with(beginning))?;
        let rest = self.letters(start + beginning.len());
        let is_token = rest.len() >= *length && is_mixed(rest) || rest.len() >= SHORTEST && is_likely_secret(rest);
        is_token.then(|| self.issued(start, start + beginning.len() + rest.len()))
    }

    fn token_behind_dot(&mut self, start: usize) -> Option<usize> {
        let begins = |beginning: &[u8]| {
            let before = self.text[..start].strip_suffix(beginning);
            before.is_some_and(|before| !before.last().is_some_and(|&byte| is_letter(byte)))
        };
        let rest = self.letters(start);
        if let Some(beginning) = BEFORE_DOT.iter().find(|beginning| begins(beginning)) {
            let is_token = rest.len() >= SHORTEST && is_likely_secret(rest);
            let end = start + rest.len();
            // A token of Vault has further parts.
            let end = end + self.run(end, |byte| byte == b'.' || is_letter(byte));
            return is_token.then(|| self.issued(start - beginning.len(), end));
        }
        let (beginning, first, second) = PARTS;
        let dot = start + first;
        let is_token = rest.len() == first && begins(beginning) && self.text.get(dot) == Some(&b'.');
        let end = dot + 1 + second;
        let is_token = is_token && self.letters(dot + 1).len() == second;
        is_token.then(|| self.issued(start - beginning.len(), end))
    }

    fn issued(&mut self, start: usize, end: usize) -> usize {
        self.plain_secret(start..end);
        end
    }

    /// The letters of a token from a place on.
    fn letters(&self, start: usize) -> &'t [u8] {
        let text = self.text;
        &text[start..start + self.run(start, is_letter)]
    }
}

fn is_letter(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
}
