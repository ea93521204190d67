//! Tokens that are known by how they begin, as services make them so that they are found where they should not be.

/// How tokens begin, and how many letters follow.
pub(crate) const ISSUED: [(&[u8], usize); 26] = [
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

/// True if a text is such a token as a whole.
pub(crate) fn is_issued_token(text: &[u8]) -> bool {
    ISSUED.iter().any(|(beginning, length)| {
        text.strip_prefix(*beginning).is_some_and(|rest| {
            rest.len() >= *length
                && is_mixed(rest)
                && rest.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(byte))
        })
    })
}

/// True if letters are of more than one kind, as in what is drawn at random.
pub(crate) fn is_mixed(letters: &[u8]) -> bool {
    letters.iter().any(u8::is_ascii_lowercase)
        && letters.iter().any(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_one_as_a_whole() {
        assert!(is_issued_token(b"ghp_16C7e42F292c6912E7710c838347Ae178B4a"));
        for text in [
            "ghp_16C7e42F",
            "ghp_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
            "see ghp_16C7e42F292c6912E7710c838347Ae178B4a",
        ] {
            assert!(!is_issued_token(text.as_bytes()), "{text}");
        }
    }
}
