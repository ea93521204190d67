//! Addresses: parameters of a query, whether two name the same page of a feed, and what an absolute one is.
//!
//! `…/feed?afterTimestamp=5&afterId=a%20b → path, {afterId: "a b", afterTimestamp: "5"}`

use std::borrow::Cow;

/// The first value of a parameter in the query of a URL or request target, decoded.
pub(crate) fn parameter(url: &str, name: &str) -> Option<String> {
    form_parameter(url.split_once('?')?.1.split('#').next()?, name)
}

/// The first value of a parameter in form-encoded text, decoded.
pub(crate) fn form_parameter(text: &str, name: &str) -> Option<String> {
    text.split('&').filter_map(pair).find(|(key, _)| key == name).map(|(_, value)| value)
}

/// What two addresses of the same page share: path without trailing slash, and the parameters in whatever order. The origin is
/// left out: behind a proxy it differs.
pub(crate) fn page(url: &str) -> (String, Vec<(String, String)>) {
    let (address, query) = url.split_once('?').unwrap_or((url, ""));
    let mut parameters: Vec<_> =
        query.split('#').next().into_iter().flat_map(|query| query.split('&')).filter_map(pair).collect();
    parameters.sort();
    (normal_path(path(address)).trim_end_matches('/').to_owned(), parameters)
}

/// Path of a URL or request target.
pub(crate) fn path(url: &str) -> &str {
    let rest = match url.split_once("://") {
        Some((_, rest)) => rest.find('/').map_or("/", |slash| &rest[slash..]),
        None => url,
    };
    rest.split(['?', '#']).next().unwrap_or_default()
}

/// Scheme and authority in the form in which they can be compared: in lower case, without the port that the scheme has anyway
/// (RFC 3986 sections 6.2.2.1 and 6.2.3). User-info stays as it is.
pub(crate) fn normal_origin(origin: &str) -> Cow<'_, str> {
    let in_capitals = origin.bytes().any(|byte| byte.is_ascii_uppercase());
    let port = match origin.split_once("://") {
        Some((scheme, _)) if scheme.eq_ignore_ascii_case("https") => ":443",
        Some((scheme, _)) if scheme.eq_ignore_ascii_case("http") => ":80",
        _ => "",
    };
    let origin = origin.strip_suffix(port).unwrap_or(origin);
    // A port may be left empty.
    let origin = origin.strip_suffix(':').filter(|rest| rest.contains("://")).unwrap_or(origin);
    if !in_capitals {
        return Cow::Borrowed(origin);
    }
    let scheme = origin.find("://").map_or(0, |at| at + 3);
    let host = origin.rfind('@').map_or(scheme, |at| at + 1).max(scheme);
    let user = &origin[scheme..host];
    Cow::Owned(format!("{}{user}{}", origin[..scheme].to_ascii_lowercase(), origin[host..].to_ascii_lowercase()))
}

/// The same of an absolute URL, with its path in the form in which it can be compared, as that of a path alone; of any other
/// text nothing changes.
pub(crate) fn normal_url(url: &str) -> Cow<'_, str> {
    let Some((scheme, rest)) = url.split_once("://") else {
        return if url.starts_with('/') { normal_path(url) } else { Cow::Borrowed(url) };
    };
    let end = scheme.len() + 3 + rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (origin, rest) = url.split_at(end);
    match (normal_origin(origin), normal_path(rest)) {
        (Cow::Borrowed(same), Cow::Borrowed(_)) if same.len() == origin.len() => Cow::Borrowed(url),
        (origin, path) => Cow::Owned(format!("{origin}{path}")),
    }
}

/// A path, and what follows it, in the form in which it can be compared: without dot segments, nothing encoded that need not
/// be, the rest of the escapes in capitals (RFC 3986 sections 6.2.2.1 to 6.2.2.3).
fn normal_path(path: &str) -> Cow<'_, str> {
    if !path.contains('%') && !path.contains("/.") {
        return Cow::Borrowed(path);
    }
    let mut plain = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let [first, after @ ..] = rest {
        let Some(byte) = escaped(*first, after) else {
            plain.push(*first);
            rest = after;
            continue;
        };
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            plain.push(byte);
        } else {
            plain.extend([b'%', after[0].to_ascii_uppercase(), after[1].to_ascii_uppercase()]);
        }
        rest = &after[2..];
    }
    let plain = String::from_utf8_lossy(&plain);
    let (path, behind) = plain.split_at(plain.find(['?', '#']).unwrap_or(plain.len()));
    let mut segments: Vec<&str> = Vec::new();
    for segment in path.split('/') {
        match segment {
            "." => {}
            ".." => segments.truncate(segments.len().saturating_sub(1).max(1)),
            segment => segments.push(segment),
        }
    }
    let is_folder = matches!(path.rsplit('/').next(), Some("." | ".."));
    Cow::Owned(format!("{}{}{behind}", segments.join("/"), if is_folder { "/" } else { "" }))
}

/// The byte that a percent escape stands for, if these bytes are one.
fn escaped(first: u8, after: &[u8]) -> Option<u8> {
    let hexadecimal = |digit: u8| char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    match (first, after) {
        (b'%', [high, low, ..]) => hexadecimal(*high).zip(hexadecimal(*low)).map(|(high, low)| high * 16 + low),
        _ => None,
    }
}

/// Host of an absolute URL, without its port; `None` for a relative one.
pub(crate) fn host(url: &str) -> Option<&str> {
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
pub(crate) fn origin(url: &str) -> Option<String> {
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
    let authority = authority.strip_suffix(':').unwrap_or(authority);
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
        match escaped(*first, after) {
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
pub(crate) fn is_absolute_uri(text: &str) -> bool {
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
            ("https://feeds.example:/a", Some("https://feeds.example")),
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
    fn scheme_and_host_are_compared_in_one_form() {
        for (url, expected) in [
            ("HTTPS://A.Example/Path?Q", "https://a.example/Path?Q"),
            ("https://a.example:443/x", "https://a.example/x"),
            ("HTTP://A.example:80", "http://a.example"),
            ("http://a.example:443/", "http://a.example:443/"),
            ("https://User:Pw@A.example?Q", "https://User:Pw@a.example?Q"),
            ("https://a.example/b", "https://a.example/b"),
            ("/Path", "/Path"),
            ("https://a.example:/x", "https://a.example/x"),
            ("/%7Ea/%c3%a9?q=%2d%2f", "/~a/%C3%A9?q=-%2F"),
            ("https://a.example/./a/b/../c/.", "https://a.example/a/c/"),
            ("/../a%zz", "/a%zz"),
            ("urn:X", "urn:X"),
            ("", ""),
        ] {
            assert_eq!(normal_url(url), expected, "{url}");
        }
        assert_eq!(normal_origin("HTTPS://[::1]:443"), "https://[::1]");
    }

    #[test]
    fn the_same_page_in_other_words() {
        assert_eq!(page("https://a.example/f/?b=2&a=%31"), page("/f?a=1&b=2"));
        assert_ne!(page("/f?a=1"), page("/f?a=2"));
        assert_eq!(page("https://a.example"), page("/"));
        assert_eq!((host("https://u@a.example:8080/x"), host("/x")), (Some("a.example"), None));
    }
}
