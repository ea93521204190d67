//! The target of a request (RFC 9112 section 3.2), and the host that it is for.
//!
//! ```text
//! /path?query ───────────────► as it is         *  ─► as it is (OPTIONS only)
//! http://host/path?query ────► origin, and /path?query
//! host:port (CONNECT only) ──► as it is         anything else ─► refused
//! ```

use crate::exchange::{Headers, Version};
use crate::proxy::message::head::HeadError;

/// A target taken apart.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Target<'t> {
    /// `http://host:port`, of a target in absolute form.
    pub origin: Option<&'t str>,
    /// Path and query, `*`, or the authority of CONNECT.
    pub rest: std::borrow::Cow<'t, str>,
}

/// Takes a target apart.
pub(super) fn target<'t>(method: &str, text: &'t str) -> Result<Target<'t>, HeadError> {
    let refused = |why| Err(HeadError::Target(why));
    if text.contains('#') {
        // What is behind it never belongs to a request: some would take it for a part of the path, some would not.
        return refused("it has a fragment");
    }
    let plain = |rest: &'t str| Ok(Target { origin: None, rest: rest.into() });
    if method == "CONNECT" {
        return match text.rsplit_once(':') {
            Some((host, port)) if !host.is_empty() && !port.is_empty() && is_authority(text) => plain(text),
            _ => refused("CONNECT takes a host and a port"),
        };
    }
    if text.starts_with('/') || (text == "*" && method == "OPTIONS") {
        return plain(text);
    }
    let Some((scheme, rest)) = text.split_once("://") else {
        return refused("it is neither a path nor an absolute http or https URI");
    };
    if !(scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https")) {
        return refused("its scheme is neither http nor https");
    }
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    if authority.is_empty() || authority.starts_with(':') || !is_authority(authority) {
        return refused("its host is not a valid one");
    }
    let rest = match path {
        "" if method == "OPTIONS" => "*".into(),
        path if path.starts_with('/') => path.into(),
        query => format!("/{query}").into(),
    };
    Ok(Target { origin: Some(&text[..scheme.len() + "://".len() + end]), rest })
}

/// Host must be there once and be valid (RFC 9112 section 3.2); HTTP/1.0 may do without.
pub(crate) fn check_host(version: Version, fields: &Headers) -> Result<(), HeadError> {
    let mut hosts = fields.0.iter().filter(|field| field.name.eq_ignore_ascii_case("host"));
    let Some(host) = hosts.next() else {
        return if version == Version::Http10 { Ok(()) } else { Err(HeadError::Host("there is none")) };
    };
    if hosts.next().is_some() {
        return Err(HeadError::Host("it is given twice"));
    }
    match std::str::from_utf8(&host.value) {
        Ok(text) if text.is_empty() || is_authority(text) => Ok(()),
        _ => Err(HeadError::Host("it is not a host with or without a port")),
    }
}

/// A host (RFC 3986 section 3.2.2, less the comma, which joins two of them) with or without a port; no user name.
fn is_authority(text: &str) -> bool {
    let (host, port) = match text.rfind(':') {
        Some(colon) if !text[colon..].contains(']') => (&text[..colon], &text[colon + 1..]),
        _ => (text, ""),
    };
    let host_is_good = match host.strip_prefix('[') {
        Some(address) => address.strip_suffix(']').is_some_and(|address| {
            !address.is_empty() && address.bytes().all(|byte| byte.is_ascii_hexdigit() || b":.".contains(&byte))
        }),
        None => host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~%!$&'()*+;=".contains(&byte)),
    };
    let port_is_good = port.len() <= 5 && port.bytes().all(|byte| byte.is_ascii_digit());
    let port_is_one = port.is_empty() || port.parse::<u16>().is_ok();
    host_is_good && port_is_good && port_is_one
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_taken_apart_or_refused() {
        for (method, text, origin, rest) in [
            ("GET", "/a?b=http://c/", None, "/a?b=http://c/"),
            ("GET", "http://h:1/a?b", Some("http://h:1"), "/a?b"),
            ("GET", "HTTPS://h", Some("HTTPS://h"), "/"),
            ("GET", "http://h?a=/b", Some("http://h"), "/?a=/b"),
            ("GET", "http://[::1]:80/", Some("http://[::1]:80"), "/"),
            ("OPTIONS", "*", None, "*"),
            ("OPTIONS", "http://h", Some("http://h"), "*"),
            ("CONNECT", "h:443", None, "h:443"),
            ("GET", "//h/a", None, "//h/a"),
        ] {
            assert_eq!(target(method, text), Ok(Target { origin, rest: rest.into() }), "{text}");
        }
        for (method, text) in [
            ("GET", "*"),
            ("GET", "a"),
            ("GET", "h:443"),
            ("GET", "ftp://h/"),
            ("GET", "http:///a"),
            ("GET", "http://:80/a"),
            ("GET", "http://me@h/a"),
            ("GET", "http://h:80x/a"),
            ("GET", "http://h,i/a"),
            ("GET", "/a#b"),
            ("CONNECT", "/a"),
            ("CONNECT", "h"),
            ("CONNECT", "h:"),
            ("CONNECT", "http://h:1"),
        ] {
            assert!(matches!(target(method, text), Err(HeadError::Target(_))), "{method} {text}");
        }
    }

    #[test]
    fn hosts() {
        for host in ["", "h", "h:80", "h:65535", "h:", "127.0.0.1:8080", "[::1]", "[::1]:80", "a_b.example", "%41"] {
            assert!(is_authority(host), "{host}");
        }
        for host in [
            "a b", "a/b", "me@h", "a,b", "h:x", "h:-1", "h:65536", "h:99999", "h:123456", "[", "[]", "[x]", "::1",
            "a?b", "é",
        ] {
            assert!(!is_authority(host), "{host}");
        }
    }
}
