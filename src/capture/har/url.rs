//! The absolute URL of an entry, taken apart into origin and request target.
//!
//! `https://host:1/path?x#y → https://host:1 + /path?x`

/// Origin and target of an absolute URL; the fragment, which never is on the wire, goes. `None` if it has no
/// scheme or no host.
pub(super) fn split(url: &str) -> Option<(String, String)> {
    let (scheme, rest) = url.split_once("://")?;
    let valid = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
    if scheme.is_empty() || !scheme.bytes().all(valid) {
        return None;
    }
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, target) = rest.split_at(end);
    if authority.is_empty() {
        return None;
    }
    let target = target.split('#').next().unwrap_or_default();
    let slash = if target.starts_with('/') { "" } else { "/" };
    Some((format!("{scheme}://{authority}"), format!("{slash}{target}")))
}

/// The scheme of a URL that never is on the wire, such as `data:` and `blob:`; `None` for any other, a relative one too.
pub(super) fn outside_http(url: &str) -> Option<&str> {
    let scheme = &url[..=url.find(':')?];
    let local = ["about:", "blob:", "chrome:", "chrome-extension:", "data:", "file:", "javascript:", "moz-extension:"];
    local.iter().any(|local| scheme.eq_ignore_ascii_case(local)).then_some(scheme)
}

/// Names and values of a query, percent-decoded, as HAR lists them.
pub(super) fn query_pairs(target: &str) -> impl Iterator<Item = (String, String)> {
    let query = target.split_once('?').map_or("", |(_, query)| query);
    query.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (decode(name), decode(value))
    })
}

fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        let hex = |at: usize| tail.get(at).and_then(|&digit| char::from(digit).to_digit(16));
        match (byte, hex(0), hex(1)) {
            (b'%', Some(high), Some(low)) => {
                bytes.push((high * 16 + low) as u8);
                rest = &tail[2..];
            }
            _ => {
                bytes.push(if byte == b'+' { b' ' } else { byte });
                rest = tail;
            }
        }
    }
    String::from_utf8(bytes).unwrap_or_else(|_| text.to_owned())
}

/// `application/x-www-form-urlencoded` text of names and values that are not encoded yet.
pub(super) fn form<'p>(pairs: impl Iterator<Item = (&'p str, &'p str)>) -> String {
    let mut text = String::new();
    for (name, value) in pairs {
        if !text.is_empty() {
            text.push('&');
        }
        encode(name, &mut text);
        text.push('=');
        encode(value, &mut text);
    }
    text
}

fn encode(plain: &str, text: &mut String) {
    for byte in plain.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'*' | b'-' | b'.' | b'_' => text.push(char::from(byte)),
            b' ' => text.push('+'),
            _ => {
                let digit = |number: u8| char::from_digit(u32::from(number), 16).unwrap_or('0').to_ascii_uppercase();
                text.extend(['%', digit(byte >> 4), digit(byte & 15)]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_split() {
        for (url, origin, target) in [
            ("https://a.example", "https://a.example", "/"),
            ("http://localhost:5001/api/orders/1?x=1#top", "http://localhost:5001", "/api/orders/1?x=1"),
            ("http://[::1]:80?x", "http://[::1]:80", "/?x"),
        ] {
            assert_eq!(split(url), Some((origin.to_owned(), target.to_owned())));
        }
        for url in ["", "/api", "about:blank", "data:text/plain,://", "http:///x"] {
            assert_eq!(split(url), None, "{url}");
        }
        assert_eq!(outside_http("data:text/plain,x"), Some("data:"));
        assert_eq!(outside_http("/api?x=data:"), None);
        assert_eq!(outside_http("https://a.example"), None);
    }

    #[test]
    fn forms_and_queries() {
        assert_eq!(form([("a b", "x&y"), ("é", "")].into_iter()), "a+b=x%26y&%C3%A9=");
        let pairs: Vec<_> = query_pairs("/x?a+b=x%26y&%C3%A9=&%zz&").collect();
        let expected = [("a b", "x&y"), ("é", ""), ("%zz", "")];
        assert_eq!(pairs, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }
}
