//! Header fields between HTTP/1 and HTTP/2 (RFC 9113 section 8.2).
//!
//! ```text
//! HTTP/1 ─► lower case, less what is hop-by-hop, Host → :authority ─► HTTP/2
//! HTTP/2 ─► cookie crumbs joined ───────────────────────────────────► HTTP/1
//! ```

use bytes::Bytes;
use hyper::header::{HeaderName, HeaderValue, MAX_FORWARDS, TE};
use hyper::{HeaderMap, Method};

use crate::exchange::{Header, Headers};
use crate::proxy::message::fields::{HopByHop, has_token};
use crate::proxy::message::head::{content_length, lengthless};

/// The fields of a request that goes out over HTTP/2. Host is left out: it is `:authority` there.
pub(crate) fn outgoing_request(method: &Method, fields: &Headers) -> HeaderMap {
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
pub(crate) fn outgoing_response(status: u16, fields: &Headers) -> HeaderMap {
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

/// The fields with their cookies in one field, as HTTP/1 wants them (RFC 9113 section 8.2.3).
pub(crate) fn with_one_cookie(fields: &Headers) -> Headers {
    let is_cookie = |field: &&Header| field.name.eq_ignore_ascii_case("cookie");
    let crumbs: Vec<&[u8]> = fields.0.iter().filter(is_cookie).map(|field| &field.value[..]).collect();
    if crumbs.len() < 2 {
        return fields.clone();
    }
    let mut joined = Some(Bytes::from(crumbs.join(&b"; "[..])));
    let mut result = Headers::of(Vec::with_capacity(fields.0.len()));
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
    use crate::proxy::message::fields::from_map;

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
    fn cookie_crumbs_are_joined() {
        let crumbs = headers(&[("a", "1"), ("cookie", "x=1"), ("b", "2"), ("cookie", "y=2")]);
        assert_eq!(lines(&with_one_cookie(&crumbs)), ["a: 1", "cookie: x=1; y=2", "b: 2"]);
        let one = headers(&[("cookie", "x=1; y=2"), ("a", "1")]);
        assert_eq!(with_one_cookie(&one), one);
    }
}
