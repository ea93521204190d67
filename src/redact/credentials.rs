//! Header fields that hold secrets by their name, and what the request's own secrets are.
//!
//! ```text
//! Authorization: Bearer abc → Authorization: Bearer umpire:3f9a…     abc → wherever else it stands
//! Set-Cookie: id=abc; Path=/ → Set-Cookie: id=umpire:3f9a…; Path=/
//! ```

use std::ops::Range;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use memchr::memmem;

use super::Fingerprinter;
use super::{challenge, cookies};
use crate::exchange::Headers;
use crate::exchange::secrets::{FieldSyntax, NameContext, field_syntax, is_likely_secret, is_secret_field, secrecy};

/// Credentials below this length are not searched for elsewhere: they could be ordinary words.
const SHORTEST: usize = 8;

/// The value of a header field without its secrets; `None` if it holds none.
pub(super) fn replace(name: &str, value: &[u8], fingerprinter: &Fingerprinter) -> Option<Vec<u8>> {
    let mut clean = Vec::new();
    let mut copied = 0;
    for range in secrets_within(name.as_bytes(), value) {
        if let Some(fingerprint) = fingerprinter.fingerprint(&value[range.clone()]) {
            clean.extend_from_slice(&value[copied..range.start]);
            clean.extend_from_slice(fingerprint.as_bytes());
            copied = range.end;
        }
    }
    (copied > 0).then(|| {
        clean.extend_from_slice(&value[copied..]);
        clean
    })
}

/// Where the secrets are in the value of a header field of that name, in its order.
pub(super) fn secrets_within(name: &[u8], value: &[u8]) -> Vec<Range<usize>> {
    match field_syntax(name) {
        Some(FieldSyntax::Cookies) => cookies::values(value),
        Some(FieldSyntax::SetCookie) => cookies::values_that_are_set(value),
        Some(FieldSyntax::Challenge) => challenge::secrets_within(value),
        _ if std::str::from_utf8(name).is_ok_and(is_secret_field) => {
            let secret = value.len() - secret_of(name, value).len()..value.len();
            vec![secret]
        }
        _ if names_host(name) => user_info(value),
        _ if name.eq_ignore_ascii_case(b"sec-websocket-protocol") => among_protocols(value),
        _ => Vec::new(),
    }
}

/// True for fields whose values are hosts, or hold some: Host, :authority, X-Forwarded-Host, Forwarded, ...
fn names_host(name: &[u8]) -> bool {
    const NAMES: [&[u8]; 3] = [b":authority", b"forwarded", b"x-forwarded-server"];
    let is = |known: &[u8]| name.eq_ignore_ascii_case(known);
    let ends =
        |suffix: &[u8]| name.len() > suffix.len() && name[name.len() - suffix.len()..].eq_ignore_ascii_case(suffix);
    is(b"host") || ends(b"-host") || NAMES.iter().any(|known| is(known))
}

/// User names and passwords before hosts. No host may have them; where somebody sends them all the same, they are secrets.
pub(super) fn user_info(value: &[u8]) -> Vec<Range<usize>> {
    let mut ranges: Vec<Range<usize>> = Vec::new();
    for at in memchr::memchr_iter(b'@', value) {
        let start = value[..at].iter().rposition(|byte| b" \t,;=\"/".contains(byte)).map_or(0, |before| before + 1);
        // A password may have an @ itself.
        match ranges.last_mut() {
            Some(last) if last.start == start => last.end = at,
            _ if start < at => ranges.push(start..at),
            _ => {}
        }
    }
    ranges
}

/// Secrets among the protocols of a WebSocket, where browsers put them for want of header fields: behind the protocol that
/// names them.
fn among_protocols(value: &[u8]) -> Vec<Range<usize>> {
    const KUBERNETES: &[u8] = b"base64url.bearer.authorization.k8s.io.";
    let mut ranges = Vec::new();
    let (mut start, mut is_named) = (0, false);
    for item in value.split(|&byte| byte == b',') {
        let from = start + item.len() - item.trim_ascii_start().len();
        let protocol = item.trim_ascii();
        if protocol.starts_with(KUBERNETES) {
            ranges.push(from + KUBERNETES.len()..from + protocol.len());
        } else if is_named && is_likely_secret(protocol) {
            ranges.push(from..from + protocol.len());
        }
        is_named = secrecy(protocol, NameContext::Member).is_some();
        start += item.len() + 1;
    }
    ranges
}

/// The secret at the end of a value: all of it, but for an authentication scheme before it.
pub(super) fn secret_of(name: impl AsRef<[u8]>, value: &[u8]) -> &[u8] {
    /// Schemes that stand in fields of other names too.
    const SCHEMES: [&str; 7] = ["bearer", "basic", "digest", "token", "apikey", "key", "dpop"];
    /// Schemes that stand there without anything behind them are no secrets.
    const ALONE: [&str; 4] = ["bearer", "basic", "digest", "apikey"];
    let is_authorization = || field_syntax(name.as_ref()) == Some(FieldSyntax::Credentials);
    let word = value.trim_ascii();
    if ALONE.iter().any(|known| word.eq_ignore_ascii_case(known.as_bytes())) && is_authorization() {
        return &[];
    }
    let Some(space) = memchr::memchr(b' ', value) else { return value };
    let scheme = &value[..space];
    let known = SCHEMES.iter().any(|known| scheme.eq_ignore_ascii_case(known.as_bytes()));
    let possible = scheme.len() <= 24 && scheme.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-');
    let rest = value[space..].trim_ascii_start();
    if rest.is_empty() || !(known || (possible && is_authorization())) { value } else { rest }
}

/// The password in credentials of the Basic scheme (RFC 7617).
fn password(credentials: &[u8]) -> Option<Vec<u8>> {
    let decoded = STANDARD.decode(credentials).ok()?;
    let colon = memchr::memchr(b':', &decoded)?;
    decoded.is_ascii().then(|| decoded[colon + 1..].to_vec())
}

/// True for base64 of a name and a password with a colon between.
pub(super) fn is_basic(credentials: &[u8]) -> bool {
    password(credentials).is_some()
}

/// The credentials of one request, to be found again in its target, bodies and other fields.
pub(super) struct OwnCredentials(Vec<Secret>);

struct Secret {
    plain: Vec<u8>,
    finder: memmem::Finder<'static>,
}

impl OwnCredentials {
    pub(super) fn of(headers: &Headers) -> Self {
        let mut own: Vec<Secret> = Vec::new();
        let fields = headers.0.iter().filter(|field| is_secret_field(&field.name));
        let secrets: Vec<&[u8]> = fields.map(|field| secret_of(&field.name, &field.value)).collect();
        let passwords: Vec<Vec<u8>> = secrets.iter().filter_map(|secret| password(secret)).collect();
        for secret in secrets.into_iter().chain(passwords.iter().map(Vec::as_slice)) {
            if secret.len() < SHORTEST || super::is_mask(secret) {
                continue;
            }
            own.push(Secret { plain: secret.to_vec(), finder: memmem::Finder::new(secret).into_owned() });
            // Some JSON writers put a backslash before a slash.
            if secret.contains(&b'/') {
                let escaped: Vec<u8> = secret
                    .iter()
                    .flat_map(|byte| if *byte == b'/' { &b"\\/"[..] } else { std::slice::from_ref(byte) })
                    .copied()
                    .collect();
                own.push(Secret { plain: secret.to_vec(), finder: memmem::Finder::new(&escaped).into_owned() });
            }
        }
        Self(own)
    }

    /// The text without these secrets; `None` if it holds none of them.
    pub(super) fn replace(&self, text: &[u8], fingerprinter: &Fingerprinter) -> Option<Vec<u8>> {
        let mut clean: Option<Vec<u8>> = None;
        for secret in &self.0 {
            let current = clean.as_deref().unwrap_or(text);
            let mut found = secret.finder.find_iter(current).peekable();
            if found.peek().is_none() {
                continue;
            }
            let Some(mask) = fingerprinter.fingerprint(&secret.plain) else { continue };
            let mut next = Vec::with_capacity(current.len());
            let mut copied = 0;
            for at in found {
                next.extend_from_slice(&current[copied..at]);
                next.extend_from_slice(mask.as_bytes());
                copied = at + secret.finder.needle().len();
            }
            next.extend_from_slice(&current[copied..]);
            clean = Some(next);
        }
        clean
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exchange::secrets::find_fingerprint;
    use crate::redact::Redactor;

    fn replaced(name: &str, value: &str) -> String {
        let fingerprinter = Redactor::new().unwrap().fingerprinter;
        let clean =
            replace(name, value.as_bytes(), &fingerprinter).map_or(value.to_owned(), |v| String::from_utf8(v).unwrap());
        let mut shown = String::new();
        let mut rest = clean.as_str();
        while let Some(fingerprint) = find_fingerprint(rest) {
            shown += &rest[..fingerprint.start];
            shown.push('#');
            rest = &rest[fingerprint.end..];
        }
        shown + rest
    }

    #[test]
    fn scheme_names_and_attributes_stay() {
        for (name, value, expected) in [
            ("Authorization", "Bearer abc.def", "Bearer #"),
            ("authorization", "Basic  dXNlcjpwYXNz", "Basic  #"),
            ("Proxy-Authorization", "Digest username=\"a\", response=\"b\"", "Digest #"),
            ("Authorization", "abc", "#"),
            ("Authorization", "Bearer REDACTED", "Bearer REDACTED"),
            ("Authorization", "Bearer", "Bearer"),
            ("Authorization", "bearer ", "bearer "),
            ("X-Api-Key", "Bearer", "#"),
            ("X-Api-Key", "one two", "#"),
            ("X-Auth-Token", "Bearer abc", "Bearer #"),
            ("Cookie", "a=1; b=x=y;c; d=", "a=#; b=#;#; d="),
            (
                "Set-Cookie",
                "id=abc; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT",
                "id=#; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT",
            ),
            ("Set-Cookie", "a=b; Path=/, c=abc; Path=/", "a=#; Path=/, c=#; Path=/"),
            ("Set-Cookie", "a=\"x;abc\"; Path=/", "a=#; Path=/"),
            (
                "Sec-WebSocket-Protocol",
                "graphql-ws, access_token, Zq7c4ca4238a0b923820dccKp9",
                "graphql-ws, access_token, #",
            ),
            ("Sec-WebSocket-Protocol", "Bearer, Zq7c4ca4238a0b923820dccKp9, v1", "Bearer, #, v1"),
            ("Sec-WebSocket-Protocol", "token, graphql-transport-ws", "token, graphql-transport-ws"),
            (
                "Sec-WebSocket-Protocol",
                "base64url.bearer.authorization.k8s.io.abc",
                "base64url.bearer.authorization.k8s.io.#",
            ),
            ("Content-Type", "application/json; version=1", "application/json; version=1"),
            ("Host", "me:secret@h.example:8080", "#@h.example:8080"),
            (":authority", "me:p@ss@h.example", "#@h.example"),
            ("X-Forwarded-Host", "a.example, me:secret@h.example", "a.example, #@h.example"),
            ("Forwarded", "for=1.2.3.4;host=\"me:secret@h\";proto=https", "for=1.2.3.4;host=\"#@h\";proto=https"),
            ("Host", "h.example:8080", "h.example:8080"),
            ("From", "me@h.example", "me@h.example"),
        ] {
            assert_eq!(replaced(name, value), expected, "{name}: {value}");
        }
    }

    #[test]
    fn own_credentials_are_found_again() {
        let fingerprinter = Redactor::new().unwrap().fingerprinter;
        let headers: Headers = [("Authorization", "Bearer abc/defgh")].into_iter().collect();
        let own = OwnCredentials::of(&headers);
        let mask = fingerprinter.fingerprint(b"abc/defgh").unwrap();
        let clean = own.replace(br#"["abc/defgh", "abc\/defgh", "x"]"#, &fingerprinter).unwrap();
        assert_eq!(String::from_utf8(clean).unwrap(), format!("[\"{mask}\", \"{mask}\", \"x\"]"));
        assert_eq!(own.replace(b"abc", &fingerprinter), None);
    }
}
