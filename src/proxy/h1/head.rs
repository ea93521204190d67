//! Reading heads, and how long the body after one is.
//!
//! `bytes → httparse → RequestHead | ResponseHead → Length (RFC 9112 section 6.3)`

use std::mem::MaybeUninit;

use bytes::{Buf, Bytes, BytesMut};
use hyper::Method;

use super::{MAX_FIELDS, MAX_HEAD};
use crate::exchange::{Headers, Version};
use crate::proxy::fields::has_token;

/// A request's start line and fields.
#[derive(Debug, Clone)]
pub struct RequestHead {
    /// Method.
    pub method: Method,
    /// Target in origin form (`/path?query`), or `*`; of CONNECT, host and port.
    pub target: String,
    /// Scheme and authority, where the target was in absolute form: `http://booking.example.com`.
    pub absolute: Option<String>,
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
    /// Longer than [`MAX_HEAD`] or more than [`MAX_FIELDS`] fields.
    #[error("the head is longer than {} KiB or has more than {MAX_FIELDS} fields", MAX_HEAD / 1024)]
    TooLarge,
    /// Not HTTP/1.
    #[error("the head is not HTTP/1: {0}")]
    Malformed(String),
    /// A version other than 1.0 and 1.1.
    #[error("the version of HTTP is not supported: only HTTP/1.0 and HTTP/1.1 are")]
    Version,
    /// Fields that leave the body's length open.
    #[error("the length of the body is ambiguous: {0}")]
    Length(&'static str),
}

/// How long a body is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Length {
    /// So many bytes.
    Known(u64),
    /// Chunked.
    Chunked,
    /// Until the connection is closed.
    UntilClose,
}

/// Takes a request's head off the buffer; `None` if it isn't complete yet.
pub fn parse_request(buf: &mut BytesMut) -> Result<Option<RequestHead>, HeadError> {
    let mut fields = [const { MaybeUninit::uninit() }; MAX_FIELDS];
    let mut request = httparse::Request::new(&mut []);
    let length = match request.parse_with_uninit_headers(buf, &mut fields) {
        Ok(httparse::Status::Complete(length)) if length <= MAX_HEAD => length,
        Ok(httparse::Status::Partial) if buf.len() <= MAX_HEAD => return Ok(None),
        Ok(_) | Err(httparse::Error::TooManyHeaders) => return Err(HeadError::TooLarge),
        Err(httparse::Error::Version) => return Err(HeadError::Version),
        Err(error) => return Err(HeadError::Malformed(error.to_string())),
    };
    let method = request.method.unwrap_or_default();
    let head = RequestHead {
        method: Method::from_bytes(method.as_bytes()).map_err(|error| HeadError::Malformed(error.to_string()))?,
        target: origin_form(request.path.unwrap_or_default()).to_owned(),
        absolute: absolute_form(request.path.unwrap_or_default()).map(str::to_owned),
        version: version(request.version),
        fields: collect(&buf[..length], request.headers),
    };
    buf.advance(length);
    Ok(Some(head))
}

/// Takes a response's head off the buffer; `None` if it isn't complete yet.
pub fn parse_response(buf: &mut BytesMut) -> Result<Option<ResponseHead>, HeadError> {
    let mut fields = [const { MaybeUninit::uninit() }; MAX_FIELDS];
    let mut response = httparse::Response::new(&mut []);
    let config = httparse::ParserConfig::default();
    let length = match config.parse_response_with_uninit_headers(&mut response, buf, &mut fields) {
        Ok(httparse::Status::Complete(length)) if length <= MAX_HEAD => length,
        Ok(httparse::Status::Partial) if buf.len() <= MAX_HEAD => return Ok(None),
        Ok(_) | Err(httparse::Error::TooManyHeaders) => return Err(HeadError::TooLarge),
        Err(httparse::Error::Version) => return Err(HeadError::Version),
        Err(error) => return Err(HeadError::Malformed(error.to_string())),
    };
    let head = ResponseHead {
        status: response.code.unwrap_or_default(),
        reason: reason(&buf[..length]),
        version: version(response.version),
        fields: collect(&buf[..length], response.headers),
    };
    buf.advance(length);
    Ok(Some(head))
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

/// The target without scheme and authority, which clients of a forward proxy send (RFC 9112 section 3.2.2).
fn origin_form(target: &str) -> &str {
    if target.starts_with('/') {
        return target;
    }
    let Some((scheme, rest)) = target.split_once("://") else { return target };
    if scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https") {
        rest.find('/').map_or("/", |start| &rest[start..])
    } else {
        target
    }
}

/// What [`origin_form`] takes away.
fn absolute_form(target: &str) -> Option<&str> {
    let rest = origin_form(target);
    let whole = !target.starts_with('/') && (rest != target);
    let end = if target.ends_with(rest) { target.len() - rest.len() } else { target.len() };
    whole.then(|| &target[..end])
}

/// Copies the head once; the values are parts of that copy, so that they don't hold on to the read buffer.
fn collect(head: &[u8], fields: &[httparse::Header<'_>]) -> Headers {
    let base = head.as_ptr().addr();
    let copy = Bytes::copy_from_slice(head);
    fields
        .iter()
        .map(|field| {
            let start = field.value.as_ptr().addr().wrapping_sub(base);
            let inside = !field.value.is_empty() && start + field.value.len() <= copy.len();
            (field.name, if inside { copy.slice(start..start + field.value.len()) } else { Bytes::new() })
        })
        .collect()
}

impl RequestHead {
    /// How long the request's body is.
    pub fn length(&self) -> Result<Length, HeadError> {
        let known = content_length(&self.fields)?;
        match transfer_codings(&self.fields) {
            Transfer::None => Ok(Length::Known(known.unwrap_or(0))),
            _ if self.version == Version::Http10 => Err(HeadError::Length("HTTP/1.0 has no Transfer-Encoding")),
            _ if known.is_some() => Err(HeadError::Length("both Content-Length and Transfer-Encoding are given")),
            Transfer::EndsChunked => Ok(Length::Chunked),
            Transfer::Other => Err(HeadError::Length("the last Transfer-Encoding is not chunked")),
        }
    }

    /// True if the client wants to be told to go on before it sends the body.
    pub fn expects_continue(&self) -> bool {
        self.version != Version::Http10 && has_token(&self.fields, "expect", "100-continue")
    }

    /// True if the connection stays open after this exchange, as far as the client says.
    pub fn keeps_alive(&self) -> bool {
        keeps_alive(self.version, &self.fields)
    }
}

impl ResponseHead {
    /// How long the body of this answer to a request with that method is. Of a length beside a transfer coding, the
    /// transfer coding counts.
    pub fn length(&self, method: &Method) -> Result<Length, HeadError> {
        if bodiless(self.status, method) {
            return Ok(Length::Known(0));
        }
        Ok(match transfer_codings(&self.fields) {
            Transfer::EndsChunked => Length::Chunked,
            Transfer::Other => Length::UntilClose,
            Transfer::None => content_length(&self.fields)?.map_or(Length::UntilClose, Length::Known),
        })
    }

    /// True if the connection stays open after this exchange, as far as the server says.
    pub fn keeps_alive(&self) -> bool {
        keeps_alive(self.version, &self.fields)
    }
}

/// True for answers that never have a body (RFC 9112 section 6.3).
pub fn bodiless(status: u16, method: &Method) -> bool {
    method == Method::HEAD || status == 204 || status == 304 || (100..200).contains(&status)
}

fn keeps_alive(version: Version, fields: &Headers) -> bool {
    if version == Version::Http10 {
        has_token(fields, "connection", "keep-alive")
    } else {
        !has_token(fields, "connection", "close")
    }
}

enum Transfer {
    None,
    EndsChunked,
    Other,
}

fn transfer_codings(fields: &Headers) -> Transfer {
    let mut given = fields.0.iter().any(|field| field.name.eq_ignore_ascii_case("transfer-encoding"));
    let mut last = "";
    let mut chunked = 0;
    for coding in fields.all("transfer-encoding").flat_map(|value| value.split(',')).map(str::trim) {
        given = true;
        last = coding;
        chunked += u32::from(coding.eq_ignore_ascii_case("chunked"));
    }
    match (given, chunked) {
        (false, _) => Transfer::None,
        (true, 1) if last.eq_ignore_ascii_case("chunked") => Transfer::EndsChunked,
        _ => Transfer::Other,
    }
}

fn content_length(fields: &Headers) -> Result<Option<u64>, HeadError> {
    let mut length = None;
    for field in fields.0.iter().filter(|field| field.name.eq_ignore_ascii_case("content-length")) {
        let text = std::str::from_utf8(&field.value).unwrap_or_default();
        if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(HeadError::Length("Content-Length is not a number"));
        }
        let value: u64 = text.parse().map_err(|_| HeadError::Length("Content-Length is too large"))?;
        if length.is_some_and(|earlier| earlier != value) {
            return Err(HeadError::Length("Content-Length is given twice with different values"));
        }
        length = Some(value);
    }
    Ok(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(text: &str) -> Result<RequestHead, HeadError> {
        Ok(parse_request(&mut BytesMut::from(text))?.expect("complete"))
    }

    fn response(text: &[u8]) -> ResponseHead {
        parse_response(&mut BytesMut::from(text)).unwrap().expect("complete")
    }

    #[test]
    fn a_head_keeps_order_case_and_bytes() {
        let mut buf =
            BytesMut::from(&b"PUT /a?b=c HTTP/1.1\r\nhOst: x\r\nX-A: 1\r\nB:\r\nx-a:  caf\xe9 \r\n\r\nrest"[..]);
        let head = parse_request(&mut buf).unwrap().unwrap();
        assert_eq!(buf, "rest");
        assert_eq!((head.method.as_str(), head.target.as_str()), ("PUT", "/a?b=c"));
        let fields: Vec<_> = head.fields.0.iter().map(|field| (field.name.as_str(), &field.value[..])).collect();
        assert_eq!(fields, [("hOst", &b"x"[..]), ("X-A", b"1"), ("B", b""), ("x-a", b"caf\xe9")]);
    }

    #[test]
    fn absolute_form_loses_its_origin() {
        for (given, target) in
            [("http://h:1/a?b", "/a?b"), ("HTTPS://h", "/"), ("/x?u=http://y/z", "/x?u=http://y/z"), ("*", "*")]
        {
            assert_eq!(request(&format!("GET {given} HTTP/1.1\r\n\r\n")).unwrap().target, target);
        }
    }

    #[test]
    fn an_incomplete_head_waits_and_an_endless_one_is_refused() {
        let mut buf = BytesMut::from("GET / HTTP/1.1\r\nA: b\r\n");
        assert!(parse_request(&mut buf).unwrap().is_none());
        buf.extend_from_slice(&vec![b'a'; MAX_HEAD]);
        assert_eq!(parse_request(&mut buf).unwrap_err(), HeadError::TooLarge);
        let many = format!("GET / HTTP/1.1\r\n{}\r\n", "A: b\r\n".repeat(MAX_FIELDS + 1));
        assert_eq!(request(&many).unwrap_err(), HeadError::TooLarge);
    }

    #[test]
    fn what_is_not_http_is_refused() {
        assert!(matches!(request("\x16\x03\x01 hello\r\n\r\n"), Err(HeadError::Malformed(_))));
        assert!(matches!(request("GET / HTTP/2.0\r\n\r\n"), Err(HeadError::Version | HeadError::Malformed(_))));
        assert!(matches!(request("GET / HTTP/1.1\r\nA: b\r\n folded\r\n\r\n"), Err(HeadError::Malformed(_))));
        assert!(matches!(request("GET / HTTP/1.1\r\nA : b\r\n\r\n"), Err(HeadError::Malformed(_))));
    }

    #[test]
    fn the_length_of_a_request_is_never_ambiguous() {
        let length = |fields: &str| request(&format!("PUT / HTTP/1.1\r\n{fields}\r\n")).unwrap().length();
        assert_eq!(length(""), Ok(Length::Known(0)));
        assert_eq!(length("Content-Length: 12\r\n"), Ok(Length::Known(12)));
        assert_eq!(length("Content-Length: 12\r\ncontent-length: 12\r\n"), Ok(Length::Known(12)));
        assert_eq!(length("Transfer-Encoding: gzip, Chunked\r\n"), Ok(Length::Chunked));
        for bad in [
            "Content-Length: 12\r\nContent-Length: 13\r\n",
            "Content-Length: +1\r\n",
            "Content-Length: 1, 1\r\n",
            "Content-Length:\r\n",
            "Content-Length: 99999999999999999999\r\n",
            "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n",
            "Transfer-Encoding: chunked, gzip\r\n",
            "Transfer-Encoding: chunked, chunked\r\n",
            "Transfer-Encoding: \u{e9}\r\n",
            "Transfer-Encoding:\r\n",
        ] {
            assert!(matches!(length(bad), Err(HeadError::Length(_))), "{bad}");
        }
        let old = request("PUT / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n").unwrap();
        assert!(old.length().is_err());
    }

    #[test]
    fn the_length_of_a_response() {
        let length = |head: &str, method: Method| response(head.as_bytes()).length(&method);
        assert_eq!(length("HTTP/1.1 200 OK\r\n\r\n", Method::GET), Ok(Length::UntilClose));
        assert_eq!(length("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", Method::GET), Ok(Length::Known(3)));
        assert_eq!(length("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", Method::HEAD), Ok(Length::Known(0)));
        assert_eq!(length("HTTP/1.1 304 X\r\nContent-Length: 3\r\n\r\n", Method::GET), Ok(Length::Known(0)));
        assert_eq!(length("HTTP/1.1 204 X\r\n\r\n", Method::PUT), Ok(Length::Known(0)));
        let both = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n";
        assert_eq!(length(both, Method::GET), Ok(Length::Chunked));
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
        assert!(keeps("GET / HTTP/1.1\r\n\r\n") && keeps("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n"));
        assert!(!keeps("GET / HTTP/1.0\r\n\r\n") && !keeps("GET / HTTP/1.1\r\nConnection: x, Close\r\n\r\n"));
    }
}
