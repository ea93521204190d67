//! How long the body after a head is (RFC 9112 section 6.3), and what of a head says so.
//!
//! `Content-Length, Transfer-Encoding ─► one BodyLength, or a FramingError: never a guess`

use hyper::Method;

use crate::exchange::{Headers, Version};

/// How long a body is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyLength {
    /// So many bytes.
    Known(u64),
    /// Chunked.
    Chunked,
    /// Until the connection is closed.
    UntilClose,
}

/// Fields that leave the body's length open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FramingError {
    /// Two parties could read different lengths from them.
    #[error("the length of the body is ambiguous: {0}")]
    Ambiguous(&'static str),
    /// A transfer coding other than chunked.
    #[error("the body has a transfer coding other than chunked, which Umpire does not know")]
    UnknownCoding,
}

/// The length of a request's body.
pub(super) fn request_length(version: Version, fields: &Headers) -> Result<BodyLength, FramingError> {
    let known = content_length(fields)?;
    if !transfer_coding(version, fields)? {
        return Ok(BodyLength::Known(known.unwrap_or(0)));
    }
    if known.is_some() {
        return Err(FramingError::Ambiguous("both Content-Length and Transfer-Encoding are given"));
    }
    Ok(BodyLength::Chunked)
}

/// The length of the body of an answer to a request with that method. Of a length beside a transfer coding, the
/// transfer coding counts.
pub(super) fn response_length(
    version: Version,
    fields: &Headers,
    status: u16,
    method: &Method,
) -> Result<BodyLength, FramingError> {
    let (known, chunked) = (content_length(fields)?, transfer_coding(version, fields)?);
    Ok(match known {
        _ if bodiless(status, method) => BodyLength::Known(0),
        _ if chunked => BodyLength::Chunked,
        Some(length) => BodyLength::Known(length),
        None => BodyLength::UntilClose,
    })
}

/// True for answers that never have a body.
pub fn bodiless(status: u16, method: &Method) -> bool {
    method == Method::HEAD || status == 304 || lengthless(status)
}

/// True for answers that must not even have a field that speaks of a body's length (RFC 9112 section 6.1, RFC 9110
/// section 8.6).
pub(crate) fn lengthless(status: u16) -> bool {
    status == 204 || (100..200).contains(&status)
}

/// The one value that all fields and list members of Content-Length agree on.
pub(crate) fn content_length(fields: &Headers) -> Result<Option<u64>, FramingError> {
    let mut length = None;
    for field in fields.0.iter().filter(|field| field.name.eq_ignore_ascii_case("content-length")) {
        for part in field.value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii) {
            if part.is_empty() || !part.iter().all(u8::is_ascii_digit) {
                return Err(FramingError::Ambiguous("Content-Length is not a number"));
            }
            let value = std::str::from_utf8(part).ok().and_then(|text| text.parse().ok());
            let value: u64 = value.ok_or(FramingError::Ambiguous("Content-Length is too large"))?;
            if length.is_some_and(|earlier| earlier != value) {
                return Err(FramingError::Ambiguous("Content-Length is given twice with different values"));
            }
            length = Some(value);
        }
    }
    Ok(length)
}

/// True if the body is chunked, and nothing else. Whatever else Transfer-Encoding says is refused: what precedes
/// chunked isn't known here, and without chunked at the end nobody knows where the body ends.
fn transfer_coding(version: Version, fields: &Headers) -> Result<bool, FramingError> {
    let mut given = fields.0.iter().filter(|field| field.name.eq_ignore_ascii_case("transfer-encoding")).peekable();
    if given.peek().is_none() {
        return Ok(false);
    }
    if version == Version::Http10 {
        return Err(FramingError::Ambiguous("HTTP/1.0 has no Transfer-Encoding"));
    }
    let (mut last_is_chunked, mut chunked, mut others) = (false, 0, 0);
    for coding in given.flat_map(|field| field.value.split(|byte| *byte == b',')).map(<[u8]>::trim_ascii) {
        last_is_chunked = coding.eq_ignore_ascii_case(b"chunked");
        *(if last_is_chunked { &mut chunked } else { &mut others }) += 1;
    }
    match (last_is_chunked, chunked, others) {
        (true, 1, 0) => Ok(true),
        (true, 1, _) => Err(FramingError::UnknownCoding),
        (true, ..) => Err(FramingError::Ambiguous("Transfer-Encoding says chunked twice")),
        (false, ..) => Err(FramingError::Ambiguous("the last Transfer-Encoding is not chunked")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[&'static str]) -> Headers {
        lines.iter().map(|line| line.split_once(": ").unwrap()).collect()
    }

    #[test]
    fn the_length_of_a_request_is_never_ambiguous() {
        let length = |lines: &[&'static str]| request_length(Version::Http11, &headers(lines));
        assert_eq!(length(&[]), Ok(BodyLength::Known(0)));
        assert_eq!(length(&["Content-Length: 12"]), Ok(BodyLength::Known(12)));
        assert_eq!(length(&["Content-Length: 12", "content-length: 012, 12"]), Ok(BodyLength::Known(12)));
        assert_eq!(length(&["Transfer-Encoding: Chunked"]), Ok(BodyLength::Chunked));
        for bad in [
            &["Content-Length: 12", "Content-Length: 13"][..],
            &["Content-Length: 1, 2"],
            &["Content-Length: 1,"],
            &["Content-Length: +1"],
            &["Content-Length: 0x1"],
            &["Content-Length: "],
            &["Content-Length: 99999999999999999999"],
            &["Content-Length: 1", "Transfer-Encoding: chunked"],
            &["Transfer-Encoding: chunked, gzip"],
            &["Transfer-Encoding: chunked, chunked"],
            &["Transfer-Encoding: chunked", "Transfer-Encoding: chunked"],
            &["Transfer-Encoding: chunked,"],
            &["Transfer-Encoding: xchunked"],
            &["Transfer-Encoding: \u{e9}"],
            &["Transfer-Encoding: "],
        ] {
            assert!(matches!(length(bad), Err(FramingError::Ambiguous(_))), "{bad:?}");
        }
        for unknown in [&["Transfer-Encoding: gzip, chunked"][..], &["Transfer-Encoding: , chunked"]] {
            assert_eq!(length(unknown), Err(FramingError::UnknownCoding), "{unknown:?}");
        }
        assert!(request_length(Version::Http10, &headers(&["Transfer-Encoding: chunked"])).is_err());
    }

    #[test]
    fn the_length_of_a_response() {
        let length =
            |lines: &[&'static str], status, method| response_length(Version::Http11, &headers(lines), status, &method);
        assert_eq!(length(&[], 200, Method::GET), Ok(BodyLength::UntilClose));
        assert_eq!(length(&["Content-Length: 3"], 200, Method::GET), Ok(BodyLength::Known(3)));
        assert_eq!(length(&["Content-Length: 3"], 200, Method::HEAD), Ok(BodyLength::Known(0)));
        assert_eq!(length(&["Content-Length: 3"], 304, Method::GET), Ok(BodyLength::Known(0)));
        assert_eq!(length(&[], 204, Method::PUT), Ok(BodyLength::Known(0)));
        let both = ["Content-Length: 3", "Transfer-Encoding: chunked"];
        assert_eq!(length(&both, 200, Method::GET), Ok(BodyLength::Chunked));
        assert!(length(&["Content-Length: 3, 4"], 200, Method::HEAD).is_err(), "it would be passed on");
        assert!(length(&["Transfer-Encoding: gzip"], 200, Method::GET).is_err());
    }
}
