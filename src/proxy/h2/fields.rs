//! Header fields between HTTP/1 and HTTP/2 (RFC 9113 section 8.2).
//!
//! ```text
//! HTTP/1 ─► lower case, less what is hop-by-hop, Host → :authority ─► HTTP/2
//! HTTP/2 ─► :authority → host, cookie crumbs joined ────────────────► HTTP/1
//! ```

use bytes::Bytes;
use hyper::header::{HOST, HeaderName, HeaderValue, MAX_FORWARDS, TE};
use hyper::{HeaderMap, Method, Uri};

use crate::exchange::{Header, Headers};
use crate::proxy::fields::{HopByHop, from_map, has_token};
use crate::proxy::head::{content_length, lengthless};

/// The fields of a request that goes out over HTTP/2. Host is left out: it is `:authority` there.
pub fn outgoing_request(method: &Method, fields: &Headers) -> HeaderMap {
    let mut map = outgoing(fields, |field| field.name.eq_ignore_ascii_case("host"));
    // One hop less is left (RFC 9110 section 7.6.2).
    if matches!(*method, Method::TRACE | Method::OPTIONS)
        && let Some(hops) = map.get_mut(MAX_FORWARDS)
        && let Some(left) = hops.to_str().ok().and_then(|text| text.parse::<u32>().ok())
    {
        *hops = left.saturating_sub(1).into();
    }
    map
}

/// The fields of a response with that status that goes out over HTTP/2.
pub fn outgoing_response(status: u16, fields: &Headers) -> HeaderMap {
    outgoing(fields, |field| lengthless(status) && field.name.eq_ignore_ascii_case("content-length"))
}

/// What HTTP/2 takes of a message's fields, in their order. One that `HeaderMap` can't hold is left out.
fn outgoing(fields: &Headers, left_out: impl Fn(&Header) -> bool) -> HeaderMap {
    let hop_by_hop = HopByHop::of(fields);
    // A length beside a transfer coding was not the length, and one length is enough.
    let mut framed = fields.0.iter().any(|field| field.name.eq_ignore_ascii_case("transfer-encoding"));
    // It was checked when it was read.
    let length = content_length(fields).ok().flatten();
    let mut map = HeaderMap::with_capacity(fields.0.len());
    for field in fields.0.iter().filter(|field| !left_out(field)) {
        let is = |name: &str| field.name.eq_ignore_ascii_case(name);
        if is("te") && has_token(fields, "te", "trailers") {
            map.insert(TE, HeaderValue::from_static("trailers"));
        }
        if hop_by_hop.holds(&field.name) || (is("content-length") && std::mem::replace(&mut framed, true)) {
            continue;
        }
        let name = HeaderName::from_bytes(field.name.as_bytes());
        let value = match length {
            Some(length) if is("content-length") => Ok(HeaderValue::from(length)),
            _ => HeaderValue::from_maybe_shared(field.value.clone()),
        };
        if let (Ok(name), Ok(value)) = (name, value) {
            // Fails only past 32768 fields, which no head that was read can have.
            let _full = map.try_append(name, value);
        }
    }
    map
}

/// The fields of a request that came over HTTP/2, in the order in which the library tells them: fields of one name
/// stand together. `:authority` is there as Host, first, if no Host was sent beside it.
pub fn of_request(uri: &Uri, map: &HeaderMap) -> Headers {
    let mut fields = Headers::default();
    if let Some(authority) = uri.authority()
        && !map.contains_key(HOST)
    {
        fields.push("host", Bytes::copy_from_slice(authority.as_str().as_bytes()));
    }
    fields.0.extend(from_map(map).0);
    fields
}

/// True if the request names two hosts (RFC 9113 section 8.3.1).
pub fn has_two_hosts(uri: &Uri, map: &HeaderMap) -> bool {
    let mut hosts = map.get_all(HOST).iter();
    let first = hosts.next();
    let other = |host: &HeaderValue| {
        uri.authority().is_some_and(|authority| !authority.as_str().as_bytes().eq_ignore_ascii_case(host.as_bytes()))
    };
    first.is_some_and(other) || hosts.next().is_some()
}

/// The fields with their cookies in one field, as HTTP/1 wants them (RFC 9113 section 8.2.3).
pub fn with_one_cookie(fields: &Headers) -> Headers {
    let is_cookie = |field: &&Header| field.name.eq_ignore_ascii_case("cookie");
    let crumbs: Vec<&[u8]> = fields.0.iter().filter(is_cookie).map(|field| &field.value[..]).collect();
    if crumbs.len() < 2 {
        return fields.clone();
    }
    let mut joined = Some(Bytes::from(crumbs.join(&b"; "[..])));
    let mut result = Headers(Vec::with_capacity(fields.0.len()));
    for field in &fields.0 {
        if !is_cookie(&field) {
            result.0.push(field.clone());
        } else if let Some(value) = joined.take() {
            result.0.push(Header { name: field.name.clone(), value });
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(fields: &[(&'static str, &'static str)]) -> Headers {
        fields.iter().map(|(name, value)| (*name, *value)).collect()
    }

    fn lines(fields: &Headers) -> Vec<String> {
        fields.0.iter().map(|field| format!("{}: {}", field.name, String::from_utf8_lossy(&field.value))).collect()
    }

    #[test]
    fn what_belongs_to_one_connection_stays_behind() {
        let map = outgoing_request(
            &Method::GET,
            &headers(&[
                ("Host", "a.example"),
                ("Connection", "keep-alive, X-Mine"),
                ("Keep-Alive", "5"),
                ("X-Mine", "1"),
                ("Transfer-Encoding", "chunked"),
                ("Upgrade", "h2c"),
                ("TE", "trailers, deflate"),
                ("Content-Length", "7"),
                ("X-Kept", "2"),
            ]),
        );
        assert_eq!(lines(&from_map(&map)), ["te: trailers", "x-kept: 2"]);
        let map = outgoing_request(&Method::OPTIONS, &headers(&[("Max-Forwards", "3")]));
        assert_eq!(lines(&from_map(&map)), ["max-forwards: 2"]);
    }

    #[test]
    fn a_repeated_length_is_said_once() {
        let map = outgoing_response(200, &headers(&[("Content-Length", "07, 7"), ("A", "1"), ("content-length", "7")]));
        assert_eq!(lines(&from_map(&map)), ["content-length: 7", "a: 1"]);
        let map = outgoing_response(204, &headers(&[("Content-Length", "7"), ("A", "1")]));
        assert_eq!(lines(&from_map(&map)), ["a: 1"], "RFC 9110 section 8.6");
    }

    #[test]
    fn the_authority_is_the_host() {
        let uri: Uri = "http://a.example:81/x".parse().unwrap();
        let mut map = HeaderMap::new();
        map.insert("accept", HeaderValue::from_static("*/*"));
        assert_eq!(lines(&of_request(&uri, &map)), ["host: a.example:81", "accept: */*"]);
        assert!(!has_two_hosts(&uri, &map));
        map.insert(HOST, HeaderValue::from_static("A.example:81"));
        assert_eq!(lines(&of_request(&uri, &map)), ["accept: */*", "host: A.example:81"]);
        assert!(!has_two_hosts(&uri, &map));
        map.append(HOST, HeaderValue::from_static("A.example:81"));
        assert!(has_two_hosts(&uri, &map));
        map.insert(HOST, HeaderValue::from_static("b.example"));
        assert!(has_two_hosts(&uri, &map));
        assert!(!has_two_hosts(&"/x".parse().unwrap(), &map));
    }

    #[test]
    fn cookie_crumbs_are_joined() {
        let crumbs = headers(&[("a", "1"), ("cookie", "x=1"), ("b", "2"), ("cookie", "y=2")]);
        assert_eq!(lines(&with_one_cookie(&crumbs)), ["a: 1", "cookie: x=1; y=2", "b: 2"]);
        let one = headers(&[("cookie", "x=1; y=2"), ("a", "1")]);
        assert_eq!(with_one_cookie(&one), one);
    }
}
