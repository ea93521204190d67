//! What HTTP/2 says of heads and trailers (RFC 9113 sections 8.1 to 8.3), in the terms of every version.
//!
//! ```text
//! :method, :scheme, :authority, :path, fields ─► RequestHead::new      :status, fields ─► ResponseHead::new
//! ```

use bytes::Bytes;
use hyper::{HeaderMap, Method};

use crate::exchange::{Header, Headers, Version};
use crate::proxy::h2::packed::{RawField, TooLarge, unpack};
use crate::proxy::message::fields::to_map;
use crate::proxy::message::head::{
    HeadError, HeadLimits, RequestHead, ResponseHead, TRAILERS, check_fields, content_length,
};

/// Fields that belong to a connection of HTTP/1 and are never in a message of HTTP/2 (section 8.2.2).
const OF_HTTP1: [&str; 5] = ["connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"];

/// Pseudo-fields of a section, each at most once, and its fields.
struct Section<const N: usize> {
    pseudo: [Option<Vec<u8>>; N],
    fields: Headers,
}

fn malformed<T>(what: impl Into<String>) -> Result<T, HeadError> {
    Err(HeadError::Malformed(what.into()))
}

/// A name for messages: as much of it as there can be in a usual one, and nothing that is not text.
fn shown(name: &[u8]) -> String {
    name[..name.len().min(40)].escape_ascii().to_string()
}

/// Takes a section apart; `known` are the pseudo-fields that it may have.
fn section<const N: usize>(map: &HeaderMap, known: [&str; N], limits: HeadLimits) -> Result<Section<N>, HeadError> {
    let raw =
        unpack(map).map_err(
            |TooLarge { line }| {
                if line { HeadError::LineTooLong(limits.bytes) } else { HeadError::TooLarge(limits) }
            },
        )?;
    let mut pseudo = [const { None }; N];
    let mut fields = Headers::of(Vec::with_capacity(raw.len() + 1));
    for (name, value) in raw {
        if name.starts_with(b":") {
            let Some(at) = known.iter().position(|known| known.as_bytes() == name) else {
                return malformed(format!("it has the pseudo-field {}", shown(&name)));
            };
            if !fields.0.is_empty() {
                return malformed(format!("{} follows other fields", known[at]));
            }
            if pseudo[at].replace(value).is_some() {
                return malformed(format!("{} is given twice", known[at]));
            }
        } else {
            field((name, value), &mut fields)?;
        }
    }
    check_fields(&fields)?;
    Ok(Section { pseudo, fields })
}

/// Takes a field up, if HTTP/2 allows it.
fn field((name, value): RawField, fields: &mut Headers) -> Result<(), HeadError> {
    if name.iter().any(u8::is_ascii_uppercase) {
        return malformed(format!("the name of the field {} is not in lower case", shown(&name)));
    }
    if OF_HTTP1.iter().any(|known| known.as_bytes() == name) || (name == b"te" && value != b"trailers") {
        return malformed(format!("the field {} belongs to a connection of HTTP/1", shown(&name)));
    }
    let is_space = |byte: Option<&u8>| matches!(byte, Some(b' ' | b'\t'));
    if is_space(value.first()) || is_space(value.last()) {
        return malformed(format!("the value of the field {} begins or ends with white space", shown(&name)));
    }
    // What is no text is no name, and is found to be none.
    fields.push(String::from_utf8_lossy(&name), value);
    Ok(())
}

/// A request's head. `has_body`: its stream goes on behind it.
pub fn request(map: &HeaderMap, has_body: bool, limits: HeadLimits) -> Result<RequestHead, HeadError> {
    let Section { pseudo: [method, scheme, authority, path], mut fields } =
        section(map, [":method", ":scheme", ":authority", ":path"], limits)?;
    let Some(method) = method else { return malformed("it has no :method") };
    let is_connect = method == b"CONNECT";
    let (target, wanted) = if is_connect { (&authority, ":authority") } else { (&path, ":path") };
    let Some(target) = target else { return malformed(format!("it has no {wanted}")) };
    if is_connect && (scheme.is_some() || path.is_some()) {
        return malformed("CONNECT has neither :scheme nor :path");
    }
    let Ok(target) = String::from_utf8(target.clone()) else {
        return malformed(httparse::Error::Token.to_string());
    };
    match &scheme {
        None if !is_connect => return malformed("it has no :scheme"),
        Some(scheme) if !is_http(scheme) => {
            return Err(HeadError::Target("its scheme is neither http nor https"));
        }
        _ => {}
    }
    if let Some(authority) = authority {
        let has_other = |value: &Bytes| !value.eq_ignore_ascii_case(&authority);
        if fields.0.iter().any(|field| field.name == "host" && has_other(&field.value)) {
            return Err(HeadError::Host("it and :authority name different hosts"));
        }
        if !fields.0.iter().any(|field| field.name == "host") {
            fields.0.insert(0, Header { name: "host".to_owned(), value: authority.into() });
        }
    }
    let mut head = RequestHead::new(&method, &target, Version::Http2, fields)?;
    if head.absolute.is_some() {
        return Err(HeadError::Target("over HTTP/2 it is a path"));
    }
    head.check_body(has_body)?;
    if !has_body && head.method != Method::CONNECT && content_length(&head.fields)?.is_some_and(|length| length > 0) {
        return malformed("Content-Length announces a body, and none follows");
    }
    // Over HTTP/2 every target is in absolute form.
    let scheme = scheme.map(|scheme| if scheme.eq_ignore_ascii_case(b"https") { "https" } else { "http" });
    head.absolute = scheme.zip(head.fields.get("host")).map(|(scheme, host)| format!("{scheme}://{host}"));
    Ok(head)
}

fn is_http(scheme: &[u8]) -> bool {
    scheme.eq_ignore_ascii_case(b"http") || scheme.eq_ignore_ascii_case(b"https")
}

/// The head of an answer, or of an interim one.
pub fn response(map: &HeaderMap, limits: HeadLimits) -> Result<ResponseHead, HeadError> {
    let Section { pseudo: [status], fields } = section(map, [":status"], limits)?;
    let Some(status) = status else { return malformed("it has no :status") };
    let status = match status[..] {
        [a @ b'0'..=b'9', b @ b'0'..=b'9', c @ b'0'..=b'9'] => {
            [a, b, c].iter().fold(0, |status, digit| status * 10 + u16::from(digit - b'0'))
        }
        _ => return malformed(httparse::Error::Status.to_string()),
    };
    ResponseHead::new(status, Bytes::new(), Version::Http2, fields)
}

/// The trailers of a body.
pub fn trailers(map: &HeaderMap) -> Result<HeaderMap, HeadError> {
    let Section { pseudo: [], fields } = section(map, [], TRAILERS)?;
    let bytes: usize = fields.0.iter().map(|field| field.name.len() + field.value.len() + 4).sum();
    if bytes > TRAILERS.bytes || fields.0.len() > TRAILERS.fields {
        return Err(HeadError::TooLarge(TRAILERS));
    }
    Ok(to_map(&fields))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proxy::h2::packed::pack;

    const LIMITS: HeadLimits = HeadLimits { bytes: 4096, fields: 20 };

    const GET: [(&str, &str); 4] = [(":method", "GET"), (":scheme", "http"), (":authority", "h"), (":path", "/a?b=<>")];

    fn asked(fields: &[(&str, &str)], has_body: bool) -> Result<RequestHead, HeadError> {
        request(&pack(fields), has_body, LIMITS)
    }

    /// GET, less the pseudo-field of that name, and these.
    fn get(less: &str, more: &[(&'static str, &'static str)]) -> Vec<(&'static str, &'static str)> {
        GET.into_iter().filter(|(name, _)| *name != less).chain(more.iter().copied()).collect()
    }

    #[test]
    fn pseudo_fields_become_target_and_host() {
        let head = asked(&get("", &[("x", "1"), ("a", "2"), ("x", "3")]), false).unwrap();
        assert_eq!((head.method.as_str(), head.target.as_str()), ("GET", "/a?b=<>"));
        assert_eq!(head.absolute.as_deref(), Some("http://h"));
        let names: Vec<_> = head.fields.0.iter().map(|field| field.name.as_str()).collect();
        assert_eq!(names, ["host", "x", "a", "x"], "in their order");
        let head = asked(&get(":authority", &[("x", "1"), ("host", "H:81")]), true).unwrap();
        assert_eq!((head.fields.0.len(), head.absolute.as_deref()), (2, Some("http://H:81")));
        assert_eq!(asked(&get("", &[("host", "H")]), false).unwrap().fields.0.len(), 1, "the same host");
        let head = asked(&[(":method", "CONNECT"), (":authority", "h:443")], true).unwrap();
        assert_eq!((head.target.as_str(), head.absolute), ("h:443", None));
    }

    #[test]
    fn what_is_no_head_of_http2_is_refused() {
        for (fields, words) in [
            (get(":method", &[]), "no :method"),
            (get(":scheme", &[]), "no :scheme"),
            (get(":path", &[]), "no :path"),
            (get(":authority", &[]), "the Host field can't be used: there is none"),
            (get(":scheme", &[(":scheme", "ftp")]), "neither http nor https"),
            (get(":path", &[(":path", "http://h/")]), "it is a path"),
            (get("", &[(":path", "/")]), ":path is given twice"),
            (get(":path", &[("a", "b"), (":path", "/")]), ":path follows other fields"),
            (get("", &[(":status", "200")]), "the pseudo-field :status"),
            (get("", &[(":A\n", "200")]), "the pseudo-field :A\\n"),
            (get("", &[("host", "i")]), "different hosts"),
            (get("", &[("Accept", "x")]), "Accept is not in lower case"),
            (get("", &[("connection", "x")]), "connection belongs to"),
            (get("", &[("te", "gzip")]), "te belongs to"),
            (get("", &[("a", " x")]), "white space"),
            (get("", &[("a", "x\t")]), "white space"),
            (get("", &[("a", "x\r")]), "invalid header value"),
            (get("", &[("\u{e9}", "x")]), "invalid header name"),
            (get("", &[("content-length", "3")]), "none follows"),
            (vec![(":method", "CONNECT"), (":authority", "h:443"), (":path", "/")], "neither :scheme nor :path"),
            (vec![(":method", "CONNECT")], "no :authority"),
        ] {
            let error = asked(&fields, false).unwrap_err().to_string();
            assert!(error.contains(words), "{fields:?}: {error}");
        }
        assert!(asked(&get("", &[("te", "trailers"), ("content-length", "3"), ("a", "")]), true).is_ok());
        assert!(asked(&get(":method", &[(":method", "TRACE")]), true).is_err());
    }

    #[test]
    fn answers_and_trailers() {
        let status = |fields: &[(&str, &str)]| response(&pack(fields), LIMITS).map(|head| head.status).ok();
        assert_eq!(status(&[(":status", "200"), ("x", "1")]), Some(200));
        for wrong in ["99", "099", "1000", "+20", "2 0", "", "101"] {
            assert_eq!(status(&[(":status", wrong)]), None, "{wrong}");
        }
        assert_eq!((status(&[]), status(&[(":status", "200"), (":path", "/")])), (None, None));
        assert_eq!(trailers(&pack(&[("x", "1")])).unwrap()["x"], "1");
        for wrong in [(":path", "/"), ("connection", "x"), ("A", "b"), ("a", "\n")] {
            assert!(trailers(&pack(&[wrong])).is_err(), "{wrong:?}");
        }
        assert!(trailers(&pack(&[("a", "b"); 65])).is_err());
    }
}
