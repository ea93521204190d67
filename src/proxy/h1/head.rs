//! Reading heads.
//!
//! `bytes ─► is it worth a try? (HeadWatch) ─► httparse ─► line ends ─► RequestHead::new | ResponseHead::new`
//!
//! Stricter than httparse in what two parties could read differently: line ends of requests are CR LF and nothing else.
//! What a head may say is checked in [`crate::proxy::message::head`], as for HTTP/2.

use std::mem::MaybeUninit;

use bytes::{Buf, Bytes, BytesMut};

use crate::exchange::{Headers, Version};
use crate::proxy::message::head::{HeadError, HeadLimits, RequestHead, ResponseHead};

/// Fields that fit on the stack. With more of them, if they are allowed, there is a second attempt on the heap.
const USUAL: usize = 128;

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
    let (method, target) = (request.method.unwrap_or_default(), request.path.unwrap_or_default());
    let fields = collect(head, request.headers);
    let head = RequestHead::new(method.as_bytes(), target, version(request.version), fields)?;
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
    let (head, version) = (&buf[..length], version(response.version));
    let fields = collect(head, response.headers);
    let head = ResponseHead::new(response.code.unwrap_or_default(), reason(head), version, fields)?;
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

#[cfg(test)]
mod tests {
    use hyper::Method;

    use super::*;
    use crate::proxy::message::head::BodyLength;

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
        assert_eq!(head.length(&Method::GET), Ok(BodyLength::Known(3)));
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
