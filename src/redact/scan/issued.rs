//! Tokens that are known by how they begin, as services make them so that they are found where they should not be.
//!
//! `ghp_… | glpat-… | sk_live_… | AIza… | ya29.…`

use super::Scan;
use crate::exchange::secrets::is_likely_secret;

/// How tokens begin, and how many letters follow.
const BEGINNINGS: [(&[u8], usize); 26] = [
    (b"ghp_", 36),
    (b"gho_", 36),
    (b"ghu_", 36),
    (b"ghs_", 36),
    (b"ghr_", 36),
    (b"github_pat_", 82),
    (b"glpat-", 20),
    (b"sk_live_", 24),
    (b"rk_live_", 24),
    (b"sk_test_", 24),
    (b"rk_test_", 24),
    (b"whsec_", 32),
    (b"xoxb-", 40),
    (b"xoxa-", 40),
    (b"xoxp-", 40),
    (b"xoxr-", 40),
    (b"xoxs-", 40),
    (b"AIza", 35),
    (b"npm_", 36),
    (b"shpat_", 32),
    (b"shpca_", 32),
    (b"shppa_", 32),
    (b"shpss_", 32),
    (b"dop_v1_", 64),
    (b"sk-proj-", 48),
    (b"sk-ant-", 48),
];

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
        let (beginning, length) = BEGINNINGS.iter().find(|(beginning, _)| text[start..].starts_with(beginning))?;
        let rest = self.letters(start + beginning.len());
        let is_mixed = rest.iter().any(u8::is_ascii_lowercase)
            && rest.iter().any(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
        let is_token = rest.len() >= *length && is_mixed || rest.len() >= SHORTEST && is_likely_secret(rest);
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

#[cfg(test)]
mod tests {
    use crate::redact::scan::tests::shown;

    #[test]
    fn tokens_that_are_known_by_how_they_begin() {
        let letters = "aB3dE9fGhJ2kLmN4pQrS6tUvWxY8z".repeat(3);
        for (beginning, length) in [
            ("ghp_", 36),
            ("github_pat_11ABCDEFG_", 60),
            ("glpat-", 20),
            ("sk_live_", 24),
            ("rk_live_", 24),
            ("whsec_", 32),
            ("xoxb-123456789012-123456789012-", 24),
            ("AIza", 35),
            ("npm_", 36),
            ("shpat_", 32),
            ("ya29.a0", 60),
            ("hvs.", 24),
        ] {
            let token = format!("{beginning}{}", &letters[..length]);
            for (before, behind) in [("", ""), ("it is ", ", and"), ("/x/", "?a=1"), ("a=", "&b"), ("{\"a\":\"", "\"}")]
            {
                let text = |token: &str| format!("{before}{token}{behind}");
                assert_eq!(shown(&text(&token)), text("#"), "{beginning}");
            }
            for before in ["x", "2", "_"] {
                let text = format!("{before}{token}");
                assert_eq!(shown(&text), text, "{beginning}");
            }
            let name = beginning.split(|c: char| c.is_ascii_digit()).next().unwrap();
            let words = format!("{name}a-name-of-some-words-for-what-stands-here-in-a-feed");
            assert_eq!(shown(&words), words);
        }
        // Several in one run of letters that goes on over many blocks.
        let token = format!("glpat-{}", &letters[..20]);
        let run = format!("{token}/{token}/{}", "a".repeat(100));
        assert_eq!(shown(&run), format!("#/#/{}", "a".repeat(100)));
        let token = format!("SG.{}.{}", &letters[..22], &letters[..43]);
        assert_eq!(shown(&format!("a {token} b")), "a # b");
        assert_eq!(shown(&format!("SG.{}", &letters[..22])), format!("SG.{}", &letters[..22]));
    }
}
