//! What servers say of an authentication: challenges, and what follows them.
//!
//! `Digest realm="a", nonce="abc", qop="auth", Negotiate abc= → nonce's value, what stands behind Negotiate`

use std::ops::Range;

use crate::exchange::secrets::{NameContext, secrecy};

/// Parameters that are secrets between a client and its server (RFC 7616, RFC 7615).
const SECRETS: [&str; 7] = ["nonce", "nextnonce", "cnonce", "opaque", "rspauth", "response", "snonce"];

/// Fewest bytes of a token behind the name of a scheme.
const SHORTEST_TOKEN: usize = 8;

/// Where the secrets are in a field such as `WWW-Authenticate` or `Authentication-Info`, in its order.
pub(super) fn secrets_within(value: &[u8]) -> Vec<Range<usize>> {
    let mut ranges = Vec::new();
    let mut start = 0;
    for item in items(value) {
        ranges.extend(secret(&value[item.clone()]).map(|range| start + range.start..start + range.end));
        start = item.end + 1;
    }
    ranges
}

/// True if the value of a parameter of that name is a secret, in a challenge or in the answer to one.
pub(super) fn is_secret_parameter(name: &[u8]) -> bool {
    SECRETS.iter().any(|known| name.eq_ignore_ascii_case(known.as_bytes()))
        || secrecy(name, NameContext::Member).is_some()
}

/// What stands between commas, but for those in quotes.
fn items(value: &[u8]) -> impl Iterator<Item = Range<usize>> {
    let mut start = 0;
    std::iter::from_fn(move || {
        let rest = value.get(start..)?;
        let (mut quoted, mut escaped) = (false, false);
        let end = rest.iter().position(|&byte| {
            let ends = byte == b',' && !quoted;
            if byte == b'"' && !escaped {
                quoted = !quoted;
            }
            escaped = byte == b'\\' && !escaped;
            ends
        });
        let item = start..start + end.unwrap_or(rest.len());
        start = item.end + 1;
        Some(item)
    })
}

/// The secret of `name="value"` or `Scheme token`, either of them perhaps behind the name of a scheme.
fn secret(item: &[u8]) -> Option<Range<usize>> {
    let end = item.trim_ascii_end().len();
    let is_token68 = |token: &[u8]| {
        let letters = token.iter().take_while(|byte| byte.is_ascii_alphanumeric() || b"-._~+/".contains(byte)).count();
        letters >= SHORTEST_TOKEN && token[letters..].iter().all(|&byte| byte == b'=')
    };
    let blank = memchr::memrchr(b' ', &item[..end]).map(|at| at + 1);
    if let Some(start) = blank.filter(|&start| !item[..start].trim_ascii().is_empty())
        && is_token68(&item[start..end])
    {
        return Some(start..end);
    }
    let equals = memchr::memchr(b'=', item)?;
    let name = item[..equals].trim_ascii_end();
    let name = name.rsplit(|&byte| byte == b' ').next().unwrap_or(name);
    if !is_secret_parameter(name) {
        return None;
    }
    let start = equals + 1 + (item[equals + 1..].len() - item[equals + 1..].trim_ascii_start().len());
    match item.get(start) {
        Some(b'"') => Some(start + 1..if end > start + 1 && item[end - 1] == b'"' { end - 1 } else { end }),
        _ => (start < end).then_some(start..end),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(value: &str) -> String {
        let mut shown = value.to_owned();
        for range in secrets_within(value.as_bytes()).into_iter().rev() {
            shown.replace_range(range, "#");
        }
        shown
    }

    #[test]
    fn parameters_of_challenges() {
        for (value, expected) in [
            (
                "Digest realm=\"a, b\", qop=\"auth\", nonce=\"abc\", opaque=\"d,e\", algorithm=MD5",
                "Digest realm=\"a, b\", qop=\"auth\", nonce=\"#\", opaque=\"#\", algorithm=MD5",
            ),
            ("Digest nonce=abc", "Digest nonce=#"),
            ("Negotiate, NTLM TlRMTVNTUAAC==, Basic realm=\"x\"", "Negotiate, NTLM #, Basic realm=\"x\""),
            (
                "Bearer realm=\"x\", error=\"invalid_token\", scope=\"a b\"",
                "Bearer realm=\"x\", error=\"invalid_token\", scope=\"a b\"",
            ),
            ("nextnonce=\"abc\", rspauth=\"def\", qop=auth", "nextnonce=\"#\", rspauth=\"#\", qop=auth"),
            ("Bearer", "Bearer"),
            ("", ""),
            ("Digest nonce=\"ab", "Digest nonce=\"#"),
        ] {
            assert_eq!(shown(value), expected);
        }
    }
}
