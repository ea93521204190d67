//! Header fields between the wire, the record and the proxy's parts.
//!
//! ```text
//! wire ─► Headers (exact) ─┬─► the record
//!                          ├─► WireFields, beside a request or response ─► wire, less what is hop-by-hop
//!                          └─► HeaderMap, for whoever answers without a wire
//! ```

use std::sync::Arc;

use bytes::Bytes;
use hyper::HeaderMap;
use hyper::header::{HeaderName, HeaderValue};

use crate::exchange::{Header, Headers};

/// The fields of a message exactly as they were received, hop-by-hop fields and Host included: an extension of
/// `hyper::Request` and `hyper::Response`.
///
/// Who writes a message to a wire prefers it to the `HeaderMap`, which knows neither the case of names nor the place
/// of repeated fields. Who changes the `HeaderMap` of a message in passing removes this extension.
#[derive(Debug, Clone)]
pub struct WireFields(pub Arc<Headers>);

/// Fields that belong to one connection only (RFC 9110 section 7.6.1), whether Connection names them or not.
const HOP_BY_HOP: [&str; 6] = ["connection", "keep-alive", "proxy-connection", "te", "transfer-encoding", "upgrade"];

/// Fields that Connection can't make hop-by-hop, because the message could not be understood without them.
const NEVER_NAMED: [&str; 3] = ["host", "content-length", "content-type"];

/// Which fields of a message go no further.
#[derive(Debug, Default)]
pub struct HopByHop<'h> {
    named: Vec<&'h str>,
}

impl<'h> HopByHop<'h> {
    /// Reads what Connection names.
    pub fn of(headers: &'h Headers) -> Self {
        let named = headers
            .all("connection")
            .flat_map(|value| value.split(','))
            .map(str::trim)
            .filter(|name| !name.is_empty() && !NEVER_NAMED.iter().any(|never| never.eq_ignore_ascii_case(name)))
            .collect();
        Self { named }
    }

    /// True if a field of this name goes no further.
    pub fn holds(&self, name: &str) -> bool {
        HOP_BY_HOP.iter().chain(&self.named).any(|hop| hop.eq_ignore_ascii_case(name))
    }
}

/// True if a comma-separated field has this token, in any case.
pub fn has_token(headers: &Headers, field: &str, token: &str) -> bool {
    headers.all(field).flat_map(|value| value.split(',')).any(|part| part.trim().eq_ignore_ascii_case(token))
}

/// The end-to-end fields as a map. A field that `HeaderMap` can't hold is left out of it.
pub fn to_map(headers: &Headers) -> HeaderMap {
    let hop_by_hop = HopByHop::of(headers);
    let mut map = HeaderMap::with_capacity(headers.0.len());
    for Header { name, value } in headers.0.iter().filter(|field| !hop_by_hop.holds(&field.name)) {
        let name = HeaderName::from_bytes(name.as_bytes());
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_maybe_shared(value.clone())) {
            // Fails only past 32768 fields, which no head that was read can have.
            let _full = map.try_append(name, value);
        }
    }
    map
}

/// The fields of a map, names in lower case.
pub fn from_map(map: &HeaderMap) -> Headers {
    map.iter().map(|(name, value)| (name.as_str(), Bytes::copy_from_slice(value.as_bytes()))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(fields: &[(&'static str, &'static str)]) -> Headers {
        fields.iter().map(|(name, value)| (*name, *value)).collect()
    }

    #[test]
    fn connection_names_fields_that_go_no_further() {
        let all = headers(&[("Connection", "close, X-Mine"), ("connection", "x-other"), ("X-Mine", "1"), ("A", "2")]);
        let hop = HopByHop::of(&all);
        for name in ["CONNECTION", "x-mine", "X-Other", "keep-alive", "TE", "Transfer-Encoding", "upgrade"] {
            assert!(hop.holds(name), "{name}");
        }
        for name in ["A", "Host", "Trailer", "Proxy-Authorization", "Content-Length"] {
            assert!(!hop.holds(name), "{name}");
        }
    }

    #[test]
    fn connection_cannot_remove_framing() {
        let all = headers(&[("Connection", "content-length, Host, content-type")]);
        let hop = HopByHop::of(&all);
        assert!(!hop.holds("Content-Length") && !hop.holds("host") && !hop.holds("Content-Type"));
    }

    #[test]
    fn a_map_has_the_end_to_end_fields() {
        let mut all = headers(&[("X-A", "1"), ("Connection", "x-b"), ("X-B", "2"), ("x-a", "3")]);
        all.push("X-Bytes", Bytes::from_static(b"caf\xe9"));
        let map = to_map(&all);
        assert_eq!(map.get_all("x-a").iter().count(), 2);
        assert!(!map.contains_key("x-b") && !map.contains_key("connection"));
        assert_eq!(map["x-bytes"].as_bytes(), b"caf\xe9");
        assert_eq!(from_map(&map).0.len(), 3);
    }

    #[test]
    fn tokens_are_found_in_lists() {
        let all = headers(&[("Connection", "foo, Close")]);
        assert!(has_token(&all, "connection", "close"));
        assert!(!has_token(&all, "connection", "clos"));
    }
}
