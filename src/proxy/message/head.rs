//! Heads of requests and answers, checked in one place for every version of HTTP.
//!
//! ```text
//! HTTP/1: start line, fields ────┐
//!                                ├─► RequestHead::new, ResponseHead::new ─► a head, or HeadError (4xx, 5xx; of answers 502)
//! HTTP/2: pseudo-fields, fields ─┘
//! ```
//!
//! `h1` and `h2` read what only one version can express; what a head may say is decided here. Stricter than the parsers
//! in what two parties could read differently: a request has one valid Host, a target has no user name and no
//! fragment, field names don't differ from those of framing by an underscore only.

mod framing;
mod target;

use bytes::Bytes;
use hyper::Method;

pub use self::framing::{BodyLength, FramingError, bodiless};
pub(crate) use self::framing::{content_length, lengthless};
use self::framing::{request_length, response_length};
use self::target::check_host;
use crate::exchange::{Header, Headers, Version};
use crate::proxy::message::fields::has_token;

/// How large a head, or a trailer section, may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeadLimits {
    /// Most bytes of start line and fields; more is refused.
    pub bytes: usize,
    /// Most fields; more are refused.
    pub fields: usize,
}

impl Default for HeadLimits {
    fn default() -> Self {
        Self { bytes: 64 * 1024, fields: 128 }
    }
}

/// How large a trailer section may be.
pub const TRAILERS: HeadLimits = HeadLimits { bytes: 16 * 1024, fields: 64 };

/// A request's start line and fields.
#[derive(Debug, Clone)]
pub struct RequestHead {
    /// Method.
    pub method: Method,
    /// Scheme and authority, of a target in absolute form.
    pub absolute: Option<String>,
    /// Target in origin form (`/path?query`), or `*`; of CONNECT, host and port.
    pub target: String,
    /// Version.
    pub version: Version,
    /// Fields.
    pub fields: Headers,
    /// The client sends its body without waiting to be told so, whatever the fields say of that.
    pub body_unasked: bool,
}

/// A response's status line and fields.
#[derive(Debug, Clone)]
pub struct ResponseHead {
    /// Status code.
    pub status: u16,
    /// Reason phrase, byte for byte.
    pub reason: Bytes,
    /// Version.
    pub version: Version,
    /// Fields.
    pub fields: Headers,
}

/// Why a head is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HeadError {
    /// Longer than the limits.
    #[error("the head is longer than {} bytes or has more than {} fields", .0.bytes, .0.fields)]
    TooLarge(HeadLimits),
    /// The first line alone is longer than the limits.
    #[error("the request line is longer than {0} bytes")]
    LineTooLong(usize),
    /// What no head may have.
    #[error("the head can't be read: {0}")]
    Malformed(String),
    /// A version other than 1.0 and 1.1.
    #[error("the version of HTTP is not supported: only HTTP/1.0 and HTTP/1.1 are")]
    Version,
    /// A target that none is.
    #[error("the target of the request can't be used: {0}")]
    Target(&'static str),
    /// No Host, or more than one, or one that none is.
    #[error("the Host field can't be used: {0}")]
    Host(&'static str),
    /// Fields that leave the body's length open.
    #[error(transparent)]
    Framing(#[from] FramingError),
}

/// True for `Content_Length` and its like, which programs behind CGI can't tell from `Content-Length`.
fn looks_like_framing(name: &str) -> bool {
    name.contains('_')
        && ["content-length", "transfer-encoding"].iter().any(|framing| {
            framing.len() == name.len()
                && framing
                    .bytes()
                    .zip(name.bytes())
                    .all(|(a, b)| a == b.to_ascii_lowercase() || (a == b'-' && b == b'_'))
        })
}

/// Words for what no head may have: those of the parser of HTTP/1, so that both versions say the same.
fn malformed(error: httparse::Error) -> HeadError {
    HeadError::Malformed(error.to_string())
}

/// A token (RFC 9110 section 5.6.2).
fn is_token(text: &[u8]) -> bool {
    let in_token = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    !text.is_empty() && text.iter().all(in_token)
}

/// Fields as RFC 9110 section 5 has them. What HTTP/2 forbids besides (RFC 9113 section 8.2) is looked at where it is
/// read.
pub(crate) fn check_fields(fields: &Headers) -> Result<(), HeadError> {
    for Header { name, value } in &fields.0 {
        if !is_token(name.as_bytes()) {
            return Err(malformed(httparse::Error::HeaderName));
        }
        if value.iter().any(|byte| byte.is_ascii_control() && *byte != b'\t') {
            return Err(malformed(httparse::Error::HeaderValue));
        }
    }
    Ok(())
}

/// The same, for a head.
fn check_head_fields(fields: &Headers) -> Result<(), HeadError> {
    check_fields(fields)?;
    match fields.0.iter().find(|field| looks_like_framing(&field.name)) {
        Some(Header { name, .. }) => {
            let what = format!("the field {name} would be taken for one that frames the message by some");
            Err(HeadError::Malformed(what))
        }
        None => Ok(()),
    }
}

impl RequestHead {
    /// Checks what was received. `target` is as it stands on the wire; over HTTP/2 it is `:path`, of CONNECT
    /// `:authority`, and the fields have a Host in any case.
    pub fn new(method: &[u8], target: &str, version: Version, fields: Headers) -> Result<Self, HeadError> {
        let method = match Method::from_bytes(method) {
            Ok(known) if is_token(method) => known,
            _ => return Err(malformed(httparse::Error::Token)),
        };
        if target.is_empty() || target.bytes().any(|byte| byte <= b' ' || byte == 0x7f) {
            return Err(malformed(httparse::Error::Token));
        }
        let parsed = self::target::target(method.as_str(), target)?;
        let (absolute, target) = (parsed.origin.map(str::to_owned), parsed.rest.into_owned());
        check_head_fields(&fields)?;
        check_host(version, &fields)?;
        let head = Self { method, absolute, target, version, fields, body_unasked: false };
        head.length()?;
        Ok(head)
    }

    /// How long the request's body is, as far as its fields say; over HTTP/2 one without a length may have a body too.
    pub fn length(&self) -> Result<BodyLength, HeadError> {
        let length = request_length(self.version, &self.fields)?;
        self.check_body(length != BodyLength::Known(0))?;
        Ok(length)
    }

    /// Refuses a body where the method has none (RFC 9110 section 9.3.8).
    pub(crate) fn check_body(&self, has_body: bool) -> Result<(), HeadError> {
        if has_body && self.method == Method::TRACE {
            return Err(HeadError::Malformed("TRACE has no body".to_owned()));
        }
        Ok(())
    }

    /// True if the client wants to be told to go on before it sends the body.
    pub(crate) fn expects_continue(&self) -> bool {
        self.version != Version::Http10 && has_token(&self.fields, "expect", "100-continue")
    }

    /// How many hops TRACE and OPTIONS may still make (RFC 9110 section 7.6.2).
    pub(crate) fn max_forwards(&self) -> Option<u32> {
        let counted = self.method == Method::TRACE || self.method == Method::OPTIONS;
        self.fields.get("max-forwards").filter(|_| counted)?.parse().ok()
    }

    /// True if the connection stays open after this exchange, as far as the client says.
    pub(crate) fn keeps_alive(&self) -> bool {
        keeps_alive(self.version, &self.fields)
    }
}

impl ResponseHead {
    /// Checks what was received.
    pub fn new(status: u16, reason: Bytes, version: Version, fields: Headers) -> Result<Self, HeadError> {
        if !(100..1000).contains(&status) {
            return Err(HeadError::Malformed(format!("its status code is {status:03}")));
        }
        if status == 101 && version == Version::Http2 {
            // RFC 9113 section 8.6
            return Err(HeadError::Malformed("101 in HTTP/2, over which no protocol is switched".to_owned()));
        }
        check_head_fields(&fields)?;
        Ok(Self { status, reason, version, fields })
    }

    /// How long the body of this answer to a request with that method is.
    pub fn length(&self, method: &Method) -> Result<BodyLength, HeadError> {
        Ok(response_length(self.version, &self.fields, self.status, method)?)
    }

    /// True if the connection stays open after this exchange, as far as the server says. A server that says two things
    /// of the length of its answer, or announces a body where there is none, is not believed: what follows might be
    /// taken for the next answer.
    pub(crate) fn keeps_alive(&self) -> bool {
        let has = |name: &str| self.fields.0.iter().any(|field| field.name.eq_ignore_ascii_case(name));
        let (length, coding) = (has("content-length"), has("transfer-encoding"));
        let empty = self.fields.get("content-length") == Some("0") && !coding;
        keeps_alive(self.version, &self.fields)
            && !(length && coding)
            && !(lengthless(self.status) && (length || coding) && !empty)
    }
}

fn keeps_alive(version: Version, fields: &Headers) -> bool {
    if version == Version::Http10 {
        has_token(fields, "connection", "keep-alive") && !has_token(fields, "connection", "close")
    } else {
        !has_token(fields, "connection", "close")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(
        version: Version,
        method: &str,
        target: &str,
        fields: &[(&str, &str)],
    ) -> Result<RequestHead, HeadError> {
        let fields = fields.iter().map(|(name, value)| (*name, value.to_string())).collect();
        RequestHead::new(method.as_bytes(), target, version, fields)
    }

    #[test]
    fn a_head_is_refused_in_the_same_words_whichever_version_it_came_over() {
        let host = ("host", "h");
        for (method, target, fields, words) in [
            ("G@T", "/", &[host][..], "invalid token"),
            ("GET", "", &[host], "invalid token"),
            ("GET", "/a b", &[host], "invalid token"),
            ("GET", "*", &[host], "neither a path nor"),
            ("GET", "?a", &[host], "neither a path nor"),
            ("GET", "/a#b", &[host], "fragment"),
            ("GET", "/", &[], "there is none"),
            ("GET", "/", &[host, host], "twice"),
            ("GET", "/", &[("host", "me:secret@h")], "not a host"),
            ("GET", "/", &[("host", "h:65536")], "not a host"),
            ("GET", "/", &[host, ("a b", "c")], "invalid header name"),
            ("GET", "/", &[host, ("a", "b\nc")], "invalid header value"),
            ("GET", "/", &[host, ("content_length", "3")], "content_length"),
            ("GET", "/", &[host, ("content-length", "+3")], "not a number"),
            ("TRACE", "/", &[host, ("content-length", "3")], "TRACE has no body"),
            ("CONNECT", "me:secret@h:443", &[host], "a host and a port"),
        ] {
            let over = |version| request(version, method, target, fields).unwrap_err();
            let error = over(Version::Http11);
            assert_eq!(error, over(Version::Http2));
            let said = error.to_string();
            assert!(said.contains(words) && !said.contains("secret"), "{method} {target} {fields:?}: {said}");
        }
    }

    #[test]
    fn what_is_odd_and_harmless_passes() {
        let target = "/a/../..;/%00%0d%0a?b=%7C\\\"<>^`{|}\u{e9}";
        for version in [Version::Http11, Version::Http2] {
            let head =
                request(version, "M-SEARCH", target, &[("host", "[::1]:65535"), ("x_y.z~!", "caf\u{e9}\t")]).unwrap();
            assert_eq!((head.method.as_str(), head.target.as_str()), ("M-SEARCH", target));
        }
    }

    #[test]
    fn protocols_are_switched_over_http1_alone() {
        let answer = |status, version| ResponseHead::new(status, Bytes::new(), version, Headers::default());
        assert!(answer(101, Version::Http11).is_ok() && answer(101, Version::Http2).is_err());
        assert!(answer(99, Version::Http11).is_err() && answer(1000, Version::Http2).is_err());
        assert!(answer(999, Version::Http2).is_ok());
    }
}
