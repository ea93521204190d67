//! Method and address of a request, as programs write them.
//!
//! `"put" → PUT` · `https://host:1/a b → https://host:1 + /a%20b` · `/path and Host → https://host + /path`

use super::url;
use crate::capture::odd::EntryOddity;
use crate::exchange::Headers;

/// Where a request went.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::capture) struct Address {
    /// Scheme and authority.
    pub(in crate::capture) origin: String,
    /// Path and query.
    pub(in crate::capture) target: String,
}

/// The methods of HTTP and PATCH; written in lower case they are meant all the same.
const METHODS: [&str; 9] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"];

/// A method, of those that are known in upper case, as it goes over the wire.
pub(in crate::capture) fn method(written: &str) -> String {
    let written = written.trim();
    let known = METHODS.iter().find(|method| written.eq_ignore_ascii_case(method));
    known.map_or_else(|| written.to_owned(), |method| (*method).to_owned())
}

impl Address {
    /// The address that a URL tells: of another program's file also one without a host, where the field Host tells it. The
    /// error says why the entry is left out.
    pub(in crate::capture) fn of(
        url: &str,
        headers: &Headers,
        own: bool,
        notes: &mut Vec<EntryOddity>,
    ) -> Result<Self, EntryOddity> {
        let split = |url: &str| url::split(url).map(|(origin, target)| Self { origin, target });
        if own {
            return split(url).ok_or_else(|| EntryOddity::left_out("the url of its request is not an absolute one"));
        }
        let url = url.trim();
        if url.is_empty() {
            return Err(EntryOddity::left_out("its request has no url"));
        }
        if let Some(Self { origin, target }) = split(url) {
            return Ok(Self { origin, target: on_the_wire(&target) });
        }
        let host = headers.get("host").map(str::trim).filter(|host| !host.is_empty() && !host.contains(['/', ' ']));
        let whole = match (url.strip_prefix("//"), host) {
            (Some(rest), _) => Some(format!("https://{rest}")),
            (None, Some(host)) if url.starts_with('/') => Some(format!("https://{host}{url}")),
            _ => None,
        };
        let address = whole.as_deref().and_then(split);
        let address = address.ok_or_else(|| EntryOddity::left_out("the url of its request is not an absolute one"))?;
        notes.push(EntryOddity::mended(
            "the url of its request is not an absolute one; read as https, of the field Host",
        ));
        Ok(Self { target: on_the_wire(&address.target), ..address })
    }
}

/// Some programs show URLs decoded; blanks, control characters and letters beyond ASCII never are on the wire.
fn on_the_wire(target: &str) -> String {
    if target.bytes().all(|byte| byte.is_ascii_graphic()) {
        return target.to_owned();
    }
    let mut encoded = String::with_capacity(target.len() + 16);
    for byte in target.bytes() {
        if byte.is_ascii_graphic() {
            encoded.push(char::from(byte));
        } else {
            let digit = |number: u8| char::from_digit(u32::from(number), 16).unwrap_or('0').to_ascii_uppercase();
            encoded.extend(['%', digit(byte >> 4), digit(byte & 15)]);
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_are_told_in_any_case() {
        for (written, expected) in [("get", "GET"), (" Patch ", "PATCH"), ("PUT", "PUT"), ("purge", "purge"), ("", "")]
        {
            assert_eq!(method(written), expected);
        }
    }

    #[test]
    fn addresses_in_every_form() {
        let host: Headers = [("Host", "a.example:81")].into_iter().collect();
        let of = |url: &str, headers: &Headers| {
            let mut notes = Vec::new();
            let address = Address::of(url, headers, false, &mut notes).ok()?;
            Some((address.origin, address.target, notes.len()))
        };
        let none = Headers::default();
        for (url, headers, origin, target, notes) in [
            ("https://a.example/x?y#z", &none, "https://a.example", "/x?y", 0),
            (" https://a.example/a b?\u{fc}=1\n", &none, "https://a.example", "/a%20b?%C3%BC=1", 0),
            ("//b.example/x", &none, "https://b.example", "/x", 1),
            ("/x?y", &host, "https://a.example:81", "/x?y", 1),
        ] {
            let expected = Some((origin.to_owned(), target.to_owned(), notes));
            assert_eq!(of(url, headers), expected, "{url}");
        }
        for (url, headers) in [
            ("", &host),
            ("/x", &none),
            ("a.example:443", &host),
            ("x/y", &host),
            ("https://", &host),
            ("https:///x", &host),
        ] {
            assert_eq!(of(url, headers), None, "{url}");
        }
    }
}
