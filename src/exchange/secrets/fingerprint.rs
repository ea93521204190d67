//! Fingerprints: what stands in a secret's place, and what it says of the secret.
//!
//! ```text
//! a secret ─► SecretTraits ─► umpire:3f9a0c7d2be95f36~jwt~1767225600~login.example.com~ ─► SecretTraits
//! ```
//!
//! After the mark and 16 hexadecimal digits a fingerprint may have fields, each with a `~` behind it: what kind of secret it
//! stands for, and of a JSON Web Token when it expires and which host issued it. Nothing else of a secret is kept.
//! Fingerprints without fields are those of secrets of which nothing is known, and those of older recordings.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

use crate::json::Document;

/// How a fingerprint begins.
pub(crate) const FINGERPRINT_MARK: &str = "umpire:";

/// How a fingerprint may begin where it was percent-encoded.
const ENCODED_MARKS: [&str; 2] = ["umpire%3A", "umpire%3a"];

/// Hexadecimal digits behind the mark.
const DIGITS: usize = 16;

/// Longest JSON Web Token that is read, in bytes. Of a longer one the kind alone is known.
const LONGEST_TOKEN: usize = 16 << 10;

/// Longest name of a host (RFC 1035).
const LONGEST_HOST: usize = 253;

/// Digits of the expiry in seconds: up to the year 9999.
const LONGEST_EXPIRY: usize = 12;

/// What a secret is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SecretKind {
    /// A JSON Web Token (RFC 7519), signed or encrypted.
    WebToken,
    /// A user name and a password in base64, as the Basic scheme has them (RFC 7617).
    Basic,
    /// A private key in base64, as PEM has it.
    PrivateKey,
}

impl SecretKind {
    const ALL: [Self; 3] = [Self::WebToken, Self::Basic, Self::PrivateKey];

    /// Its name in fingerprints and rules.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::WebToken => "jwt",
            Self::Basic => "basic",
            Self::PrivateKey => "private-key",
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

/// What is known of a secret and is none itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SecretTraits {
    /// What it is.
    pub kind: SecretKind,
    /// When a JSON Web Token expires, in seconds since 1970 (`exp`).
    pub expires: Option<i64>,
    /// The host in a JSON Web Token's `iss`, in lower case.
    pub issuer: Option<String>,
}

impl SecretTraits {
    /// The traits of a secret; `None` if nothing is known of it.
    pub(crate) fn of_secret(secret: &[u8]) -> Option<Self> {
        if is_web_token(secret) {
            return Some(Self::of_web_token(secret));
        }
        let kind = if is_basic(secret) {
            SecretKind::Basic
        } else if is_private_key(secret) {
            SecretKind::PrivateKey
        } else {
            return None;
        };
        Some(Self { kind, expires: None, issuer: None })
    }

    /// The traits of what a text is as a whole: a JSON Web Token, which is told by its look, or the fingerprint of a secret.
    pub(crate) fn of_text(text: &str) -> Option<Self> {
        if is_fingerprint(text) {
            return Self::of_fingerprint(text);
        }
        is_web_token(text.as_bytes()).then(|| Self::of_web_token(text.as_bytes()))
    }

    fn of_web_token(token: &[u8]) -> Self {
        let mut traits = Self { kind: SecretKind::WebToken, expires: None, issuer: None };
        let payload = token.split(|&byte| byte == b'.').nth(1).filter(|_| token.len() <= LONGEST_TOKEN);
        let payload = payload.and_then(|payload| URL_SAFE_NO_PAD.decode(payload).ok());
        // The payload of an encrypted token is none that can be read.
        if let Some(claims) = payload.and_then(|payload| Document::parse(&payload).ok()) {
            let claim = |name: &str| claims.root().get(name);
            let seconds = claim("exp").and_then(crate::json::Value::as_number);
            traits.expires = seconds.and_then(|seconds| seconds.split('.').next()).and_then(expiry);
            traits.issuer = claim("iss").and_then(crate::json::Value::as_str).and_then(host);
        }
        traits
    }

    fn of_fingerprint(fingerprint: &str) -> Option<Self> {
        let decoded = fingerprint.replace("%7E", "~").replace("%7e", "~");
        let mut fields = decoded.split('~').skip(1);
        let kind = SecretKind::from_name(fields.next()?)?;
        let expires = fields.next().and_then(expiry);
        let issuer = fields.next().filter(|host| !host.is_empty()).map(str::to_owned);
        Some(Self { kind, expires, issuer })
    }

    /// The fields of a fingerprint.
    fn fields(&self) -> String {
        let kind = self.kind.as_str();
        match (self.expires, &self.issuer) {
            (None, None) => format!("~{kind}~"),
            (expires, issuer) => {
                let expires = expires.map(|seconds| seconds.to_string()).unwrap_or_default();
                format!("~{kind}~{expires}~{}~", issuer.as_deref().unwrap_or_default())
            }
        }
    }
}

/// The fingerprint of a secret, with a tag that is the same for equal secrets only.
pub fn fingerprint(secret: &[u8], tag: [u8; DIGITS / 2]) -> String {
    let fields = SecretTraits::of_secret(secret).map(|traits| traits.fields()).unwrap_or_default();
    let mut text = String::with_capacity(FINGERPRINT_MARK.len() + DIGITS + fields.len());
    text.push_str(FINGERPRINT_MARK);
    for byte in tag {
        text.extend([byte >> 4, byte & 15].map(|digit| char::from(b"0123456789abcdef"[usize::from(digit)])));
    }
    text + &fields
}

/// How many bytes of the beginning of a text are a fingerprint, also where it was percent-encoded since; `None` if it
/// doesn't begin with one.
pub(crate) fn fingerprint_at(text: &[u8]) -> Option<usize> {
    let marks = [FINGERPRINT_MARK].into_iter().chain(ENCODED_MARKS);
    let rest = marks.into_iter().find_map(|mark| text.strip_prefix(mark.as_bytes()))?;
    let digits = rest.get(..DIGITS)?;
    if !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    let length = text.len() - rest.len() + DIGITS;
    Some(length + fields_at(&text[length..]))
}

/// True if a text is a fingerprint as a whole.
pub(crate) fn is_fingerprint(text: &str) -> bool {
    fingerprint_at(text.as_bytes()) == Some(text.len())
}

/// Where the first fingerprint of a text is.
pub(crate) fn find_fingerprint(text: &str) -> Option<std::ops::Range<usize>> {
    let starts = text.match_indices("umpire").map(|(at, _)| at);
    starts.into_iter().find_map(|at| Some(at..at + fingerprint_at(&text.as_bytes()[at..])?))
}

/// Bytes of the fields that a text begins with.
fn fields_at(text: &[u8]) -> usize {
    let separator = |at: usize| {
        let rest = text.get(at..).unwrap_or_default();
        let is_encoded = rest.get(..3).is_some_and(|code| code.eq_ignore_ascii_case(b"%7E"));
        if rest.first() == Some(&b'~') {
            1
        } else if is_encoded {
            3
        } else {
            0
        }
    };
    // The bytes of a field and of the separator behind it; 0 if it isn't whole or isn't one.
    let field = |at: usize, most: usize, test: fn(&[u8]) -> bool| {
        let length = text[at..].iter().take(most + 1).take_while(|&&byte| is_host_byte(byte)).count();
        let behind = separator(at + length);
        if behind > 0 && test(&text[at..at + length]) { length + behind } else { 0 }
    };
    let start = separator(0);
    let is_kind = |name: &[u8]| std::str::from_utf8(name).ok().and_then(SecretKind::from_name).is_some();
    let kind = if start > 0 { field(start, LONGEST_HOST, is_kind) } else { 0 };
    if kind == 0 {
        return 0;
    }
    let end = start + kind;
    let expiry = field(end, LONGEST_EXPIRY, |digits| digits.iter().all(u8::is_ascii_digit));
    let issuer = if expiry > 0 { field(end + expiry, LONGEST_HOST, |_| true) } else { 0 };
    if issuer > 0 { end + expiry + issuer } else { end }
}

/// Base64url parts with dots between, the first of which is a JSON object.
fn is_web_token(secret: &[u8]) -> bool {
    let in_part = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    secret.starts_with(b"eyJ")
        && secret.contains(&b'.')
        && secret.split(|&byte| byte == b'.').all(|part| part.iter().all(in_part))
}

/// Base64 of a name and a password with a colon between.
fn is_basic(secret: &[u8]) -> bool {
    /// Longest credentials that are looked at, in bytes.
    const LONGEST: usize = 1 << 10;
    let decoded = Some(secret).filter(|secret| secret.len() <= LONGEST).and_then(|secret| STANDARD.decode(secret).ok());
    decoded.is_some_and(|text| text.contains(&b':') && text.iter().all(|byte| byte.is_ascii_graphic() || *byte == b' '))
}

/// Base64 of DER: a sequence, longer than a password is.
fn is_private_key(secret: &[u8]) -> bool {
    const SHORTEST: usize = 64;
    secret.len() >= SHORTEST && secret.starts_with(b"MI") && secret.iter().all(|&byte| is_pem_byte(byte))
}

fn is_pem_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte.is_ascii_whitespace() || b"+/=\\".contains(&byte)
}

fn expiry(digits: &str) -> Option<i64> {
    let is_one = (1..=LONGEST_EXPIRY).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|_| is_one)
}

/// The host of an issuer that is a URL; of one with user-info nothing is kept.
fn host(issuer: &str) -> Option<String> {
    let rest = issuer.strip_prefix("https://").or_else(|| issuer.strip_prefix("http://"))?;
    let authority = rest.split(['/', '?', '#']).next().filter(|authority| !authority.contains('@'))?;
    let host = authority.split(':').next().unwrap_or_default();
    let is_host = (1..=LONGEST_HOST).contains(&host.len()) && host.bytes().all(is_host_byte);
    is_host.then(|| host.to_ascii_lowercase())
}

fn is_host_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(claims: &str) -> String {
        let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
        format!("{}.{}.{}", part(r#"{"alg":"RS256"}"#), part(claims), part("signature"))
    }

    fn of(secret: &str) -> String {
        fingerprint(secret.as_bytes(), [0x3f; 8])
    }

    #[test]
    fn a_fingerprint_says_what_kind_of_secret_it_stands_for() {
        for (secret, fields) in [
            (token(r#"{"iss":"https://Login.example.com/x","exp":1767225600}"#), "~jwt~1767225600~login.example.com~"),
            (token(r#"{"iss":"https://login.example.com:8443","sub":"me"}"#), "~jwt~~login.example.com~"),
            (token(r#"{"exp":1767225600.5}"#), "~jwt~1767225600~~"),
            (token(r#"{"exp":-1,"iss":"joe"}"#), "~jwt~"),
            (token(r#"{"iss":"https://joe:pass@login.example.com/"}"#), "~jwt~"),
            (token("no claims"), "~jwt~"),
            ("eyJhbGciOiJub25lIn0.e30.".to_owned(), "~jwt~"),
            (STANDARD.encode("user:p\u{61}ss"), "~basic~"),
            ("MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj".repeat(2), "~private-key~"),
            ("abc-4711".to_owned(), ""),
        ] {
            let mask = of(&secret);
            assert_eq!(mask, format!("umpire:3f3f3f3f3f3f3f3f{fields}"), "{secret}");
            assert_eq!(SecretTraits::of_text(&mask), SecretTraits::of_secret(secret.as_bytes()), "{secret}");
            assert_eq!(fingerprint_at(mask.as_bytes()), Some(mask.len()));
            let encoded = mask.replace(':', "%3A").replace('~', "%7E");
            assert_eq!(fingerprint_at(encoded.as_bytes()), Some(encoded.len()));
            assert_eq!(SecretTraits::of_text(&encoded), SecretTraits::of_text(&mask), "{encoded}");
        }
    }

    #[test]
    fn what_stands_behind_a_fingerprint_is_not_taken_for_its_fields() {
        let plain = "umpire:0123456789abcdef".len();
        for (behind, length) in [
            ("", 0),
            ("~", 0),
            ("~yes~", 0),
            ("~jwt", 0),
            ("~jwt~", 5),
            ("~jwt~ and ~", 5),
            ("~jwt~12~", 5),
            ("~jwt~12~h.example~, x", 18),
            ("~jwt~12~h.example", 5),
            ("~jwt~~~~", 7),
        ] {
            let text = format!("umpire:0123456789abcdef{behind}");
            assert_eq!(fingerprint_at(text.as_bytes()), Some(plain + length), "{text}");
        }
        assert_eq!(fingerprint_at(b"umpire:0123456789abcde"), None);
        assert_eq!(fingerprint_at(b"umpire:0123456789abcdeg"), None);
        assert_eq!(find_fingerprint("umpire: x umpire:0123456789abcdef~jwt~ y"), Some(10..38));
    }

    #[test]
    fn what_is_no_secret_has_no_traits() {
        for text in [
            "",
            "eyJ",
            "eyJhbGciOi words.",
            "aGVsbG8=",
            "dXNlcjpwYXNz",
            "MIDDLE ROAD 7",
            "https://umpire:0123456789abcdef@h.example/",
        ] {
            assert_eq!(SecretTraits::of_text(text), None, "{text}");
        }
        assert_eq!(SecretTraits::of_text("umpire:0123456789abcdef~jwt~ and more"), None);
    }
}
