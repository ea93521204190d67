//! Header fields between the wire, the record and the proxy's parts.
//!
//! ```text
//! wire ─► Headers (exact) ─┬─► the record
//!                          ├─► OutboundRequest, UpstreamResponse ─► wire, less what is hop-by-hop
//!                          └─► end_to_end, for whoever answers without a wire
//! ```

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use hyper::HeaderMap;
use hyper::header::{HeaderName, HeaderValue};

use crate::exchange::{Header, Headers, Version};
use crate::proxy::message::head::BodyLength;

/// The trailer fields of a message exactly as they were received, once they have come. Whoever writes trailers to a wire
/// prefers them to those of the body's last frame, which know no case of names.
///
/// The default is for a message that will have none.
#[derive(Debug, Clone, Default)]
pub struct RawTrailers(Option<Arc<OnceLock<Headers>>>);

impl RawTrailers {
    /// Of a message that may have some.
    pub(crate) fn expected() -> Self {
        Self(Some(Arc::default()))
    }

    /// Of a message with a body of that length: there may be some behind chunks.
    pub(crate) fn of_body(length: BodyLength) -> Self {
        if length == BodyLength::Chunked { Self::expected() } else { Self::default() }
    }

    /// They have come. A body has one trailer section: what is set once stays. Nothing is kept where none were expected.
    pub fn set(&self, fields: Headers) {
        if let Some(place) = &self.0 {
            place.get_or_init(|| fields);
        }
    }

    /// They, if they have come.
    pub fn get(&self) -> Option<&Headers> {
        self.0.as_ref()?.get()
    }
}

/// Fields that belong to one connection only (RFC 9110 section 7.6.1), whether Connection names them or not.
const HOP_BY_HOP: [&str; 6] = ["connection", "keep-alive", "proxy-connection", "te", "transfer-encoding", "upgrade"];

/// Fields that Connection can't make hop-by-hop, because the message could not be understood without them.
const NEVER_NAMED: [&str; 3] = ["host", "content-length", "content-type"];

/// Which fields of a message go no further.
#[derive(Debug, Default)]
pub(crate) struct HopByHop<'h> {
    named: Vec<&'h str>,
}

impl<'h> HopByHop<'h> {
    /// Reads what Connection names.
    pub(crate) fn of(headers: &'h Headers) -> Self {
        let named = headers
            .all("connection")
            .flat_map(|value| value.split(','))
            .map(str::trim)
            .filter(|name| !name.is_empty() && !NEVER_NAMED.iter().any(|never| never.eq_ignore_ascii_case(name)))
            .collect();
        Self { named }
    }

    /// True if a field of this name goes no further.
    pub(crate) fn holds(&self, name: &str) -> bool {
        HOP_BY_HOP.iter().chain(&self.named).any(|hop| hop.eq_ignore_ascii_case(name))
    }
}

/// Fields that have no business behind a body (RFC 9110 section 6.5.1): whoever merged them with the head would read
/// another message.
const NEVER_BEHIND: [&str; 13] = [
    "host",
    "content-length",
    "content-type",
    "content-encoding",
    "content-range",
    "trailer",
    "authorization",
    "proxy-authorization",
    "cookie",
    "set-cookie",
    "expect",
    "max-forwards",
    "location",
];

/// True if a trailer field of this name may go on. To some programs `Content_Length` is the same as `Content-Length`.
pub(crate) fn may_trail(name: &str) -> bool {
    let is = |never: &str| {
        never.len() == name.len()
            && never.bytes().zip(name.bytes()).all(|(a, b)| a == b.to_ascii_lowercase() || (a == b'-' && b == b'_'))
    };
    !HOP_BY_HOP.iter().chain(&NEVER_BEHIND).any(|never| is(never))
}

/// The protocols that a client offers to switch to, if the offer goes on: of protocols over HTTP such as WebSocket it
/// does. Those that carry HTTP itself (h2c, TLS) would hide what is to be recorded, and a server is free to ignore an
/// offer (RFC 9110 section 7.8).
pub fn upgrade(version: Version, headers: &Headers) -> Option<&Bytes> {
    let mut offers = headers.0.iter().filter(|field| field.name.eq_ignore_ascii_case("upgrade"));
    let offer = offers.next().filter(|_| offers.next().is_none())?;
    let goes_on = version == Version::Http11
        && has_token(headers, "connection", "upgrade")
        && !offer.value.split(|byte| *byte == b',').any(hides_http);
    goes_on.then_some(&offer.value)
}

/// The protocols that a 426 response asks for (RFC 9110 section 15.5.22), less those that carry HTTP itself.
pub(crate) fn required_protocols(headers: &Headers) -> Vec<&[u8]> {
    let fields = headers.0.iter().filter(|field| field.name.eq_ignore_ascii_case("upgrade"));
    let protocols = fields.flat_map(|field| field.value.split(|byte| *byte == b','));
    protocols.map(<[u8]>::trim_ascii).filter(|protocol| !hides_http(protocol)).collect()
}

/// True if a protocol carries HTTP itself, or is none.
fn hides_http(protocol: &[u8]) -> bool {
    let name = protocol.split(|byte| *byte == b'/').next().unwrap_or_default().trim_ascii();
    name.is_empty() || [&b"h2c"[..], b"h2", b"http", b"tls"].iter().any(|http| http.eq_ignore_ascii_case(name))
}

/// True if a comma-separated field has this token, in any case.
pub(crate) fn has_token(headers: &Headers, field: &str, token: &str) -> bool {
    headers.all(field).flat_map(|value| value.split(',')).any(|part| part.trim().eq_ignore_ascii_case(token))
}

/// The fields that don't end at the next hop.
pub(crate) fn end_to_end(headers: &Headers) -> Headers {
    let hop_by_hop = HopByHop::of(headers);
    Headers::of(headers.0.iter().filter(|field| !hop_by_hop.holds(&field.name)).cloned().collect())
}

/// The end-to-end fields as a map. A field that `HeaderMap` can't hold is left out of it.
pub(crate) fn to_map(headers: &Headers) -> HeaderMap {
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
pub(crate) fn from_map(map: &HeaderMap) -> Headers {
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
    fn offers_that_would_hide_http_go_no_further() {
        for (offer, goes_on) in
            [("websocket", true), ("WebSocket, foo/2", true), ("h2c", false), ("websocket, h2c", false), ("", false)]
        {
            let all = headers(&[("Connection", "keep-alive, Upgrade"), ("Upgrade", offer)]);
            assert_eq!(upgrade(Version::Http11, &all).is_some(), goes_on, "{offer}");
            assert!(upgrade(Version::Http10, &all).is_none());
        }
        assert!(upgrade(Version::Http11, &headers(&[("Upgrade", "websocket")])).is_none(), "Connection must name it");
    }

    #[test]
    fn trailers_can_forge_nothing() {
        assert!(may_trail("X-Sum") && may_trail("ETag"));
        for name in ["Content-Length", "transfer-encoding", "HOST", "Authorization", "Connection", "Content_Length"] {
            assert!(!may_trail(name), "{name}");
        }
    }

    #[test]
    fn tokens_are_found_in_lists() {
        let all = headers(&[("Connection", "foo, Close")]);
        assert!(has_token(&all, "connection", "close"));
        assert!(!has_token(&all, "connection", "clos"));
    }
}
