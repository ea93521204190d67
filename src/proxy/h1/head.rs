//! Reading heads.
//!
//! `bytes ─► is it worth a try? (HeadWatch) ─► httparse ─► stricter than httparse ─► RequestHead | ResponseHead`
//!
//! Stricter in what two parties could read differently: line ends of requests are CR LF and nothing else; a request for
//! HTTP/1.1 has one valid Host; field names don't differ from those of framing by an underscore only.

use std::mem::MaybeUninit;

use bytes::{Buf, Bytes, BytesMut};
use hyper::Method;

use super::framing::{FramingError, Length, lengthless, request_length, response_length};
use super::target::{check_host, target};
use crate::exchange::{Headers, Version};
use crate::proxy::fields::has_token;

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

/// Fields that fit on the stack. With more of them, if they are allowed, there is a second attempt on the heap.
const USUAL: usize = 128;

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
    /// Not HTTP/1.
    #[error("the head is not HTTP/1: {0}")]
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

/// Says when a head that comes in pieces is worth reading, so that one that comes byte by byte costs no more than a
/// few times its length.
#[derive(Debug, Default)]
pub struct HeadWatch {
    seen: usize,
    tried: usize,
}

impl HeadWatch {
    /// True if the head may be whole, or is to be looked at for what is wrong with it: when an empty line has come, and
    /// each time that there is twice as much as before.
    pub fn is_due(&mut self, buf: &[u8], limits: HeadLimits) -> bool {
        let start = self.seen.saturating_sub(3).min(buf.len());
        self.seen = buf.len();
        let new = &buf[start..];
        let ended = memchr::memchr_iter(b'\n', new)
            .any(|at| new[at + 1..].starts_with(b"\n") || new[at + 1..].starts_with(b"\r\n"));
        let due = ended || buf.len() >= self.tried * 2 || buf.len() > limits.bytes;
        if due {
            self.tried = buf.len();
        }
        due
    }
}

/// Takes a request's head off the buffer; `None` if it isn't complete yet.
pub fn parse_request(buf: &mut BytesMut, limits: HeadLimits) -> Result<Option<RequestHead>, HeadError> {
    let mut usual = [const { MaybeUninit::uninit() }; USUAL];
    let mut more = Vec::new();
    let mut request = httparse::Request::new(&mut []);
    let mut parsed = request.parse_with_uninit_headers(buf, &mut usual);
    if parsed == Err(httparse::Error::TooManyHeaders) && limits.fields > USUAL {
        more.resize_with(limits.fields, MaybeUninit::uninit);
        request = httparse::Request::new(&mut []);
        parsed = request.parse_with_uninit_headers(buf, &mut more);
    }
    let Some(length) = whole(parsed, request.headers.len(), buf, limits)? else {
        // What can't become right is not waited for.
        return if has_bare_line_feed(buf) { Err(bare_line_feed()) } else { Ok(None) };
    };
    let head = &buf[..length];
    if has_bare_line_feed(head) {
        return Err(bare_line_feed());
    }
    let method = request.method.unwrap_or_default();
    let target = target(method, request.path.unwrap_or_default())?;
    let head = RequestHead {
        method: Method::from_bytes(method.as_bytes()).map_err(|error| HeadError::Malformed(error.to_string()))?,
        absolute: target.origin.map(str::to_owned),
        target: target.rest.into_owned(),
        version: version(request.version),
        fields: collect(head, request.headers)?,
    };
    check_host(head.version, &head.fields)?;
    buf.advance(length);
    Ok(Some(head))
}

/// Takes a response's head off the buffer; `None` if it isn't complete yet. Spaces before a colon are dropped, and a bare
/// line feed ends a line, as RFC 9112 has it for responses; what is passed on has neither.
pub fn parse_response(buf: &mut BytesMut, limits: HeadLimits) -> Result<Option<ResponseHead>, HeadError> {
    let mut usual = [const { MaybeUninit::uninit() }; USUAL];
    let mut more = Vec::new();
    let mut config = httparse::ParserConfig::default();
    config.allow_spaces_after_header_name_in_responses(true);
    let mut response = httparse::Response::new(&mut []);
    let mut parsed = config.parse_response_with_uninit_headers(&mut response, buf, &mut usual);
    if parsed == Err(httparse::Error::TooManyHeaders) && limits.fields > USUAL {
        more.resize_with(limits.fields, MaybeUninit::uninit);
        response = httparse::Response::new(&mut []);
        parsed = config.parse_response_with_uninit_headers(&mut response, buf, &mut more);
    }
    let Some(length) = whole(parsed, response.headers.len(), buf, limits)? else { return Ok(None) };
    let status = response.code.unwrap_or_default();
    if status < 100 {
        return Err(HeadError::Malformed(format!("its status code is {status:03}")));
    }
    let head = ResponseHead {
        status,
        reason: reason(&buf[..length]),
        version: version(response.version),
        fields: collect(&buf[..length], response.headers)?,
    };
    buf.advance(length);
    Ok(Some(head))
}

/// How long the head is, or what is wrong with it; `None` if it isn't complete.
fn whole(
    parsed: httparse::Result<usize>,
    fields: usize,
    buf: &[u8],
    limits: HeadLimits,
) -> Result<Option<usize>, HeadError> {
    match parsed {
        Ok(httparse::Status::Complete(length)) if length <= limits.bytes && fields <= limits.fields => Ok(Some(length)),
        Ok(httparse::Status::Partial) if buf.len() <= limits.bytes => Ok(None),
        Ok(_) if !buf[..buf.len().min(limits.bytes)].contains(&b'\n') => Err(HeadError::LineTooLong(limits.bytes)),
        Ok(_) | Err(httparse::Error::TooManyHeaders) => Err(HeadError::TooLarge(limits)),
        Err(httparse::Error::Version) if names_another_version(buf) => Err(HeadError::Version),
        Err(error) => Err(HeadError::Malformed(error.to_string())),
    }
}

/// True if the first line has a version as HTTP writes it, other than those that are known.
fn names_another_version(head: &[u8]) -> bool {
    let line = head.trim_ascii_start().split(|byte| *byte == b'\r').next().unwrap_or_default();
    let mut words = line.split(|byte| *byte == b' ').filter_map(|word| word.strip_prefix(b"HTTP/"));
    let known = |version: &[u8]| version == b"1.0" || version == b"1.1";
    words.any(|version| match version {
        [major, b'.', minor] => major.is_ascii_digit() && minor.is_ascii_digit() && !known(version),
        _ => false,
    })
}

fn has_bare_line_feed(head: &[u8]) -> bool {
    memchr::memchr_iter(b'\n', head).any(|at| at == 0 || head[at - 1] != b'\r')
}

fn bare_line_feed() -> HeadError {
    HeadError::Malformed("a line ends with a line feed that no carriage return precedes".to_owned())
}

/// What stands behind the status code in the status line, which the parser gives only where it is ASCII.
fn reason(head: &[u8]) -> Bytes {
    let line = head.trim_ascii_start().split(|byte| *byte == b'\n').next().unwrap_or_default();
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    Bytes::copy_from_slice(line.splitn(3, |byte| *byte == b' ').nth(2).unwrap_or_default())
}

fn version(minor: Option<u8>) -> Version {
    if minor == Some(0) { Version::Http10 } else { Version::Http11 }
}

/// Copies the head once; the values are parts of that copy, so that they don't hold on to the read buffer.
fn collect(head: &[u8], fields: &[httparse::Header<'_>]) -> Result<Headers, HeadError> {
    let base = head.as_ptr().addr();
    let copy = Bytes::copy_from_slice(head);
    if let Some(field) = fields.iter().find(|field| looks_like_framing(field.name)) {
        let what = format!("the field {} would be taken for one that frames the message by some", field.name);
        return Err(HeadError::Malformed(what));
    }
    Ok(fields
        .iter()
        .map(|field| {
            let start = field.value.as_ptr().addr().wrapping_sub(base);
            let inside = !field.value.is_empty() && start + field.value.len() <= copy.len();
            (field.name, if inside { copy.slice(start..start + field.value.len()) } else { Bytes::new() })
        })
        .collect())
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

impl RequestHead {
    /// How long the request's body is.
    pub fn length(&self) -> Result<Length, HeadError> {
        let length = request_length(self.version, &self.fields)?;
        if self.method == Method::TRACE && length != Length::Known(0) {
            return Err(HeadError::Malformed("TRACE has no body".to_owned()));
        }
        Ok(length)
    }

    /// True if the client wants to be told to go on before it sends the body.
    pub fn expects_continue(&self) -> bool {
        self.version != Version::Http10 && has_token(&self.fields, "expect", "100-continue")
    }

    /// How many hops TRACE and OPTIONS may still make (RFC 9110 section 7.6.2).
    pub fn max_forwards(&self) -> Option<u32> {
        let counted = self.method == Method::TRACE || self.method == Method::OPTIONS;
        self.fields.get("max-forwards").filter(|_| counted)?.parse().ok()
    }

    /// True if the connection stays open after this exchange, as far as the client says.
    pub fn keeps_alive(&self) -> bool {
        keeps_alive(self.version, &self.fields)
    }
}

impl ResponseHead {
    /// How long the body of this answer to a request with that method is.
    pub fn length(&self, method: &Method) -> Result<Length, HeadError> {
        Ok(response_length(self.version, &self.fields, self.status, method)?)
    }

    /// True if the connection stays open after this exchange, as far as the server says. A server that says two things
    /// of the length of its answer, or announces a body where there is none, is not believed: what follows might be
    /// taken for the next answer.
    pub fn keeps_alive(&self) -> bool {
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

    const LIMITS: HeadLimits = HeadLimits { bytes: 4096, fields: 200 };

    fn request(text: &str) -> Result<RequestHead, HeadError> {
        Ok(parse_request(&mut BytesMut::from(text), LIMITS)?.expect("complete"))
    }

    fn response(text: &[u8]) -> ResponseHead {
        parse_response(&mut BytesMut::from(text), LIMITS).unwrap().expect("complete")
    }

    #[test]
    fn a_head_keeps_order_case_and_bytes() {
        let mut buf =
            BytesMut::from(&b"PUT /a?b=c HTTP/1.1\r\nhOst: x\r\nX-A: 1\r\nB:\r\nx-a:  caf\xe9 \r\n\r\nrest"[..]);
        let head = parse_request(&mut buf, LIMITS).unwrap().unwrap();
        assert_eq!(buf, "rest");
        assert_eq!((head.method.as_str(), head.target.as_str()), ("PUT", "/a?b=c"));
        let fields: Vec<_> = head.fields.0.iter().map(|field| (field.name.as_str(), &field.value[..])).collect();
        assert_eq!(fields, [("hOst", &b"x"[..]), ("X-A", b"1"), ("B", b""), ("x-a", b"caf\xe9")]);
    }

    #[test]
    fn absolute_form_is_told_from_the_target() {
        let head = request("GET http://h:1/a?b HTTP/1.1\r\nHost: i\r\n\r\n").unwrap();
        assert_eq!((head.absolute.as_deref(), head.target.as_str()), (Some("http://h:1"), "/a?b"));
    }

    #[test]
    fn an_incomplete_head_waits_and_an_endless_one_is_refused() {
        let mut buf = BytesMut::from("GET / HTTP/1.1\r\nA: b\r\n");
        assert!(parse_request(&mut buf, LIMITS).unwrap().is_none());
        buf.extend_from_slice(&vec![b'a'; LIMITS.bytes]);
        assert_eq!(parse_request(&mut buf, LIMITS).unwrap_err(), HeadError::TooLarge(LIMITS));
        let line = format!("GET /{}", "a".repeat(LIMITS.bytes));
        assert_eq!(request(&line).unwrap_err(), HeadError::LineTooLong(4096));
        let with = |fields| format!("GET / HTTP/1.1\r\nHost: h\r\n{}\r\n", "A: b\r\n".repeat(fields));
        assert_eq!(request(&with(LIMITS.fields)).unwrap_err(), HeadError::TooLarge(LIMITS));
        assert_eq!(request(&with(LIMITS.fields - 1)).unwrap().fields.0.len(), LIMITS.fields);
        let few = HeadLimits { fields: 3, ..LIMITS };
        assert!(parse_request(&mut BytesMut::from(with(3).as_str()), few).is_err());
    }

    #[test]
    fn what_is_not_http_is_refused() {
        let refused = |text: &str| request(text).unwrap_err();
        assert!(matches!(refused("\x16\x03\x01 hello\r\n\r\n"), HeadError::Malformed(_)));
        assert!(matches!(refused("GET / HTTP/2.0\r\n\r\n"), HeadError::Version));
        for fields in
            ["A: b\r\n folded\r\n", "A : b\r\n", "A: b\nC: d\r\n", "Content_length: 1\r\n", "A\r\n", ": b\r\n"]
        {
            let text = format!("GET / HTTP/1.1\r\nHost: h\r\n{fields}\r\n");
            assert!(matches!(refused(&text), HeadError::Malformed(_)), "{fields:?}");
        }
        for fields in ["", "Host: h\r\nHOST: h\r\n", "Host: a b\r\n"] {
            assert!(matches!(refused(&format!("GET / HTTP/1.1\r\n{fields}\r\n")), HeadError::Host(_)), "{fields:?}");
        }
        assert!(request("GET / HTTP/1.0\r\n\r\n").is_ok(), "HTTP/1.0 has no Host");
    }

    #[test]
    fn a_bare_line_feed_is_not_waited_for() {
        assert!(parse_request(&mut BytesMut::from("GET / HTTP/1.1\nHost: h\n"), LIMITS).is_err());
    }

    #[test]
    fn responses_are_read_as_the_rfc_allows() {
        let head = response(b"HTTP/1.1 200 OK\nContent-Length : 3\n\n");
        assert_eq!(head.length(&Method::GET), Ok(Length::Known(3)));
    }

    #[test]
    fn the_reason_is_kept_byte_for_byte() {
        for (line, reason) in [
            (&b"HTTP/1.1 404 Nothing  here"[..], &b"Nothing  here"[..]),
            (b"HTTP/1.1 200 ", b""),
            (b"HTTP/1.1 200", b""),
            (b"HTTP/1.0 200 tr\xe8s bien", b"tr\xe8s bien"),
        ] {
            let head = response(&[line, b"\r\n\r\n"].concat());
            assert_eq!(&head.reason[..], reason);
        }
    }

    #[test]
    fn keeping_alive_depends_on_the_version() {
        let keeps = |text: &str| request(text).unwrap().keeps_alive();
        assert!(keeps("GET / HTTP/1.1\r\nHost: h\r\n\r\n"));
        assert!(keeps("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n"));
        assert!(!keeps("GET / HTTP/1.0\r\n\r\n"));
        assert!(!keeps("GET / HTTP/1.1\r\nHost: h\r\nConnection: x, Close\r\n\r\n"));
    }

    #[test]
    fn a_server_that_contradicts_itself_is_not_spoken_to_again() {
        let keeps = |text: &[u8]| response(text).keeps_alive();
        assert!(keeps(b"HTTP/1.1 204 X\r\n\r\n") && keeps(b"HTTP/1.1 204 X\r\nContent-Length: 0\r\n\r\n"));
        assert!(!keeps(b"HTTP/1.1 204 X\r\nContent-Length: 3\r\n\r\n"));
        assert!(!keeps(b"HTTP/1.1 200 X\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n"));
    }

    #[test]
    fn a_head_that_comes_byte_by_byte_is_read_a_few_times() {
        let wire = format!("GET / HTTP/1.1\r\nHost: h\r\nA: {}\r\n\r\n", "a".repeat(3000));
        let (mut watch, mut tries) = (HeadWatch::default(), 0);
        for length in 1..=wire.len() {
            if watch.is_due(&wire.as_bytes()[..length], LIMITS) {
                tries += 1;
                let parsed = parse_request(&mut BytesMut::from(&wire.as_bytes()[..length]), LIMITS).unwrap();
                assert_eq!(parsed.is_some(), length == wire.len());
            }
        }
        assert!((2..20).contains(&tries), "{tries}");
        assert!(watch.is_due(wire.as_bytes(), LIMITS));
    }
}
