//! Addresses: parameters of a query, whether two name the same page of a feed, and what an absolute one is.
//!
//! `…/feed?afterTimestamp=5&afterId=a%20b → path, {afterId: "a b", afterTimestamp: "5"}`

/// The first value of a parameter in the query of a URL or request target, decoded.
pub fn parameter(url: &str, name: &str) -> Option<String> {
    form_parameter(url.split_once('?')?.1.split('#').next()?, name)
}

/// The first value of a parameter in form-encoded text, decoded.
pub fn form_parameter(text: &str, name: &str) -> Option<String> {
    text.split('&').filter_map(pair).find(|(key, _)| key == name).map(|(_, value)| value)
}

/// What two addresses of the same page share: path without trailing slash, and the parameters in whatever order. The origin is
/// left out: behind a proxy it differs.
pub fn page(url: &str) -> (String, Vec<(String, String)>) {
    let (address, query) = url.split_once('?').unwrap_or((url, ""));
    let mut parameters: Vec<_> =
        query.split('#').next().into_iter().flat_map(|query| query.split('&')).filter_map(pair).collect();
    parameters.sort();
    (path(address).trim_end_matches('/').to_owned(), parameters)
}

/// Path of a URL or request target.
pub fn path(url: &str) -> &str {
    let rest = match url.split_once("://") {
        Some((_, rest)) => rest.find('/').map_or("/", |slash| &rest[slash..]),
        None => url,
    };
    rest.split(['?', '#']).next().unwrap_or_default()
}

/// Host of an absolute URL, without its port; `None` for a relative one.
pub fn host(url: &str) -> Option<&str> {
    let authority = url.split_once("://")?.1.split(['/', '?', '#']).next()?;
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let host = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next()?,
        None => host.split(':').next()?,
    };
    (!host.is_empty()).then_some(host)
}

/// Origin of an absolute URL as RFC 6454 compares it: scheme and host in lower case, the port where it isn't the scheme's
/// own. `None` for a relative one.
pub fn origin(url: &str) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let authority = authority.rsplit_once('@').map_or(authority, |(_, host)| host).to_ascii_lowercase();
    let scheme = scheme.to_ascii_lowercase();
    let default = match scheme.as_str() {
        "http" => ":80",
        "https" => ":443",
        _ => "",
    };
    let authority = authority.strip_suffix(default).filter(|_| !default.is_empty()).unwrap_or(&authority);
    (!authority.is_empty()).then(|| format!("{scheme}://{authority}"))
}

fn pair(part: &str) -> Option<(String, String)> {
    if part.is_empty() {
        return None;
    }
    let (name, value) = part.split_once('=').unwrap_or((part, ""));
    Some((decoded(name), decoded(value)))
}

/// Percent-decoded; a plus is a blank. What is no UTF-8 afterwards has replacement characters.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        let hexadecimal = |digit: u8| char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        let escaped = match (first, after) {
            (b'%', [high, low, ..]) => hexadecimal(*high).zip(hexadecimal(*low)).map(|(high, low)| high * 16 + low),
            _ => None,
        };
        match escaped {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            None => bytes.push(if *first == b'+' { b' ' } else { *first }),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Bytes that may stand in a URI: no white space, no control characters, none of `<>"`. Letters beyond ASCII may.
const IN_URI: [bool; 256] = {
    let mut table = [true; 256];
    let mut byte = 0;
    while byte <= b' ' as usize {
        table[byte] = false;
        byte += 1;
    }
    table[b'<' as usize] = false;
    table[b'>' as usize] = false;
    table[b'"' as usize] = false;
    table[0x7f] = false;
    table
};

/// True for a URI with a scheme, and with a host if the scheme is http or https (RFC 3986, section 4.3; a fragment is
/// allowed).
pub fn is_absolute_uri(text: &str) -> bool {
    let web = ["https://", "http://"].iter().find_map(|scheme| text.strip_prefix(scheme));
    if let Some(rest) = web {
        return all_in_uri(rest) && has_host(rest);
    }
    let Some((scheme, rest)) = text.split_once(':') else { return false };
    let scheme = scheme.as_bytes();
    let well_formed = scheme.first().is_some_and(u8::is_ascii_alphabetic)
        && scheme.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'))
        && !rest.is_empty()
        && all_in_uri(rest);
    let web = scheme.eq_ignore_ascii_case(b"https") || scheme.eq_ignore_ascii_case(b"http");
    well_formed && (!web || rest.strip_prefix("//").is_some_and(has_host))
}

/// True if all bytes may stand in a URI. Almost all texts that are asked about have no other, so it looks at them all.
fn all_in_uri(text: &str) -> bool {
    text.bytes().fold(true, |fits, byte| fits & IN_URI[byte as usize])
}

/// True if what stands behind `//` begins with a host.
fn has_host(rest: &str) -> bool {
    let rest = rest.as_bytes();
    let authority = rest.split(|byte| matches!(byte, b'/' | b'?' | b'#')).next().unwrap_or_default();
    let host = authority.rsplit(|&byte| byte == b'@').next().unwrap_or_default();
    host.first().is_some_and(|&first| first != b':')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_compared_without_case_and_default_ports() {
        let cases = [
            ("HTTPS://Feeds.Example:443/a", Some("https://feeds.example")),
            ("http://feeds.example:80?x", Some("http://feeds.example")),
            ("https://feeds.example:80/", Some("https://feeds.example:80")),
            ("http://[::1]:8080/a", Some("http://[::1]:8080")),
            ("/a", None),
            ("https:///a", None),
        ];
        for (url, expected) in cases {
            assert_eq!(origin(url).as_deref(), expected, "{url}");
        }
    }

    #[test]
    fn parameters_are_decoded() {
        let url = "https://a.example/f?afterTimestamp=1453931925&afterId=%7Bd97f%7D+1&bad=%zz";
        assert_eq!(parameter(url, "afterId").as_deref(), Some("{d97f} 1"));
        assert_eq!(parameter(url, "bad").as_deref(), Some("%zz"));
        assert_eq!(parameter(url, "limit"), None);
        assert_eq!(parameter("/f", "limit"), None);
        assert_eq!(form_parameter("grant_type=client_credentials&scope=a%20b", "scope").as_deref(), Some("a b"));
    }

    #[test]
    fn the_same_page_in_other_words() {
        assert_eq!(page("https://a.example/f/?b=2&a=%31"), page("/f?a=1&b=2"));
        assert_ne!(page("/f?a=1"), page("/f?a=2"));
        assert_eq!(page("https://a.example"), page("/"));
        assert_eq!((host("https://u@a.example:8080/x"), host("/x")), (Some("a.example"), None));
    }
}
