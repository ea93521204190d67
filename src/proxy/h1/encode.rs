//! Writing heads, and the transfer coding of what follows.
//!
//! ```text
//! start line + fields (less what is hop-by-hop, Host replaced) + size of the body ─► bytes, Coding
//! Coding: frame ─► bytes
//! ```

use bytes::{Bytes, BytesMut};
use hyper::body::Frame;

use crate::exchange::Headers;
use crate::proxy::fields::HopByHop;

/// How a body is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coding {
    /// As it is; so many bytes are still to come.
    Known(u64),
    /// In chunks.
    Chunked,
    /// As it is, until the connection is closed.
    UntilClose,
}

/// A body that is not as long as its head said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LengthError {
    /// It ended early.
    #[error("the body ended {0} bytes before its Content-Length")]
    Short(u64),
    /// It went on.
    #[error("the body is longer than its Content-Length")]
    Long,
}

impl Coding {
    /// Writes what precedes `data` on the wire. The data itself and [`Self::after_data`] follow.
    pub fn before_data(&mut self, data: &Bytes, out: &mut BytesMut) -> Result<(), LengthError> {
        match self {
            Self::Known(left) => {
                *left = left.checked_sub(data.len() as u64).ok_or(LengthError::Long)?;
            }
            Self::Chunked => out.extend_from_slice(format!("{:X}\r\n", data.len()).as_bytes()),
            Self::UntilClose => {}
        }
        Ok(())
    }

    /// What follows data on the wire.
    pub fn after_data(self) -> &'static [u8] {
        if self == Self::Chunked { b"\r\n" } else { b"" }
    }

    /// Writes the end of the body.
    pub fn end(self, trailers: Option<&hyper::HeaderMap>, out: &mut BytesMut) -> Result<(), LengthError> {
        match self {
            Self::Known(0) | Self::UntilClose => Ok(()),
            Self::Known(left) => Err(LengthError::Short(left)),
            Self::Chunked => {
                out.extend_from_slice(b"0\r\n");
                for (name, value) in trailers.into_iter().flatten() {
                    field(out, name.as_str(), value.as_bytes());
                }
                out.extend_from_slice(b"\r\n");
                Ok(())
            }
        }
    }

    /// Writes a whole frame. True if it was the last one.
    pub fn frame(&mut self, frame: Frame<Bytes>, out: &mut BytesMut) -> Result<bool, LengthError> {
        match frame.into_data() {
            Ok(data) if data.is_empty() => Ok(false),
            Ok(data) => {
                self.before_data(&data, out)?;
                out.extend_from_slice(&data);
                out.extend_from_slice(self.after_data());
                Ok(false)
            }
            Err(frame) => match frame.into_trailers() {
                Ok(trailers) => self.end(Some(&trailers), out).map(|()| true),
                Err(_) => Ok(false),
            },
        }
    }
}

/// Writes a request's head. `size`: of the body, where it is known. `host` takes the place of the Host field.
pub fn request_head(
    out: &mut BytesMut,
    method: &str,
    target: &str,
    fields: &Headers,
    host: &str,
    size: Option<u64>,
) -> Coding {
    for part in [method, " ", target, " HTTP/1.1\r\n"] {
        out.extend_from_slice(part.as_bytes());
    }
    if !has(fields, "host") {
        field(out, "Host", host.as_bytes());
    }
    let mut coding = announced(fields);
    // A request without a length has no body (RFC 9112 section 6.3): one that has some gets what it lacks.
    let added =
        if coding.is_none() && size != Some(0) { Some(size.map_or(Coding::Chunked, Coding::Known)) } else { None };
    coding = coding.or(added);
    let coding = coding.unwrap_or(Coding::Known(0));
    end_to_end(out, fields, coding == Coding::Chunked, Some(host));
    add_framing(out, added);
    out.extend_from_slice(b"\r\n");
    coding
}

/// What a response's head depends on besides its fields.
#[derive(Debug, Clone, Copy)]
pub struct ResponseShape {
    /// It never has a body, whatever its fields say (see [`super::head::bodiless`]).
    pub bodiless: bool,
    /// Size of the body, where it is known.
    pub size: Option<u64>,
    /// Its fields are those that it had on a wire: one without a length goes on until the connection is closed.
    pub from_wire: bool,
    /// The client knows chunked coding (HTTP/1.1).
    pub chunks: bool,
    /// Value of the Connection field, if one is needed.
    pub connection: Option<&'static str>,
}

/// How a response's body will be written.
pub fn response_coding(fields: &Headers, shape: &ResponseShape) -> Coding {
    let open = || if shape.chunks { Coding::Chunked } else { Coding::UntilClose };
    if shape.bodiless {
        return Coding::Known(0);
    }
    match announced(fields) {
        Some(Coding::Chunked) => open(),
        Some(coding) => coding,
        None if shape.from_wire => Coding::UntilClose,
        None => shape.size.map_or_else(open, Coding::Known),
    }
}

/// Writes a response's head.
pub fn response_head(
    out: &mut BytesMut,
    status: u16,
    reason: &[u8],
    fields: &Headers,
    shape: &ResponseShape,
    coding: Coding,
) {
    out.extend_from_slice(format!("HTTP/1.1 {status} ").as_bytes());
    out.extend_from_slice(reason);
    out.extend_from_slice(b"\r\n");
    end_to_end(out, fields, coding == Coding::Chunked || (shape.bodiless && shape.chunks), None);
    if !shape.bodiless && announced(fields).is_none() {
        add_framing(out, Some(coding));
    }
    if let Some(connection) = shape.connection {
        field(out, "Connection", connection.as_bytes());
    }
    out.extend_from_slice(b"\r\n");
}

/// What the fields say of the body's length. They were checked when they were read.
fn announced(fields: &Headers) -> Option<Coding> {
    let mut coding = None;
    for field in &fields.0 {
        if field.name.eq_ignore_ascii_case("transfer-encoding") {
            let chunked = field.value.to_ascii_lowercase().ends_with(b"chunked");
            return Some(if chunked { Coding::Chunked } else { Coding::UntilClose });
        }
        if field.name.eq_ignore_ascii_case("content-length") {
            let length = std::str::from_utf8(&field.value).ok().and_then(|text| text.trim().parse().ok());
            coding = coding.or(length.map(Coding::Known));
        }
    }
    coding
}

/// Writes the fields that go on, each as it is; of Content-Length and Transfer-Encoding the one that counts.
fn end_to_end(out: &mut BytesMut, fields: &Headers, chunked: bool, mut host: Option<&str>) {
    let hop_by_hop = HopByHop::of(fields);
    let replace_host = host.is_some();
    for entry in &fields.0 {
        let is = |name: &str| entry.name.eq_ignore_ascii_case(name);
        if replace_host && is("host") {
            if let Some(host) = host.take() {
                field(out, &entry.name, host.as_bytes());
            }
        } else if is("transfer-encoding") {
            if chunked {
                field(out, &entry.name, &entry.value);
            }
        } else if !(hop_by_hop.holds(&entry.name)
            || (chunked && is("content-length") && has(fields, "transfer-encoding")))
        {
            field(out, &entry.name, &entry.value);
        }
    }
}

fn add_framing(out: &mut BytesMut, coding: Option<Coding>) {
    match coding {
        Some(Coding::Known(length)) => field(out, "Content-Length", length.to_string().as_bytes()),
        Some(Coding::Chunked) => field(out, "Transfer-Encoding", b"chunked"),
        Some(Coding::UntilClose) | None => {}
    }
}

fn has(fields: &Headers, name: &str) -> bool {
    fields.0.iter().any(|field| field.name.eq_ignore_ascii_case(name))
}

fn field(out: &mut BytesMut, name: &str, value: &[u8]) {
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(fields: &[(&'static str, &'static str)]) -> Headers {
        fields.iter().map(|(name, value)| (*name, *value)).collect()
    }

    fn request(fields: &[(&'static str, &'static str)], size: Option<u64>) -> (String, Coding) {
        let mut out = BytesMut::new();
        let coding = request_head(&mut out, "PUT", "/x", &headers(fields), "up", size);
        (String::from_utf8(out.to_vec()).unwrap(), coding)
    }

    #[test]
    fn only_hop_by_hop_fields_and_host_differ() {
        let (text, coding) = request(
            &[
                ("X-B", "1"),
                ("HOST", "down"),
                ("Connection", "keep-alive, x-mine"),
                ("x-a", ""),
                ("X-Mine", "2"),
                ("X-B", "3"),
                ("content-LENGTH", "4"),
            ],
            Some(4),
        );
        assert_eq!(text, "PUT /x HTTP/1.1\r\nX-B: 1\r\nHOST: up\r\nx-a: \r\nX-B: 3\r\ncontent-LENGTH: 4\r\n\r\n");
        assert_eq!(coding, Coding::Known(4));
    }

    #[test]
    fn a_transfer_coding_stays_in_its_place() {
        let (text, coding) = request(&[("A", "1"), ("transfer-encoding", "Chunked"), ("B", "2")], None);
        assert_eq!(text, "PUT /x HTTP/1.1\r\nHost: up\r\nA: 1\r\ntransfer-encoding: Chunked\r\nB: 2\r\n\r\n");
        assert_eq!(coding, Coding::Chunked);
    }

    #[test]
    fn a_body_that_nobody_announced_is_announced() {
        assert_eq!(
            request(&[("Host", "h")], Some(0)),
            ("PUT /x HTTP/1.1\r\nHost: up\r\n\r\n".into(), Coding::Known(0))
        );
        assert!(request(&[], Some(3)).0.ends_with("\r\nContent-Length: 3\r\n\r\n"));
        assert!(request(&[], None).0.ends_with("\r\nTransfer-Encoding: chunked\r\n\r\n"));
    }

    #[test]
    fn responses_by_shape() {
        let shape = ResponseShape { bodiless: false, size: None, from_wire: true, chunks: true, connection: None };
        let write = |fields: &[(&'static str, &'static str)], shape: ResponseShape| {
            let (mut out, fields) = (BytesMut::new(), headers(fields));
            let coding = response_coding(&fields, &shape);
            response_head(&mut out, 200, b"Fine", &fields, &shape, coding);
            (String::from_utf8(out.to_vec()).unwrap().replace("\r\n", "|"), coding)
        };
        let te = ("Transfer-Encoding", "chunked");
        let cl = ("Content-Length", "3");
        assert_eq!(write(&[cl], shape), ("HTTP/1.1 200 Fine|Content-Length: 3||".into(), Coding::Known(3)));
        assert_eq!(write(&[cl, te], shape).0, "HTTP/1.1 200 Fine|Transfer-Encoding: chunked||");
        assert_eq!(write(&[], shape), ("HTTP/1.1 200 Fine||".into(), Coding::UntilClose));
        let old = ResponseShape { chunks: false, ..shape };
        assert_eq!(write(&[te], old), ("HTTP/1.1 200 Fine||".into(), Coding::UntilClose));
        let made = ResponseShape { from_wire: false, ..shape };
        assert_eq!(write(&[], made).0, "HTTP/1.1 200 Fine|Transfer-Encoding: chunked||");
        let made = ResponseShape { size: Some(2), connection: Some("close"), ..made };
        assert_eq!(write(&[], made).0, "HTTP/1.1 200 Fine|Content-Length: 2|Connection: close||");
        let none = ResponseShape { bodiless: true, ..shape };
        assert_eq!(write(&[cl], none), ("HTTP/1.1 200 Fine|Content-Length: 3||".into(), Coding::Known(0)));
        assert_eq!(write(&[te], none).0, "HTTP/1.1 200 Fine|Transfer-Encoding: chunked||");
    }

    #[test]
    fn a_body_must_be_as_long_as_announced() {
        let mut out = BytesMut::new();
        let data = || Frame::data(Bytes::from_static(b"abc"));
        assert_eq!(Coding::Known(2).frame(data(), &mut out), Err(LengthError::Long));
        let mut coding = Coding::Known(4);
        assert_eq!(coding.frame(data(), &mut out), Ok(false));
        assert_eq!(coding.end(None, &mut out), Err(LengthError::Short(1)));
        out.clear();
        let mut coding = Coding::Chunked;
        coding.frame(data(), &mut out).unwrap();
        coding.frame(Frame::data(Bytes::new()), &mut out).unwrap();
        let trailers = [("x-t", "1")].iter().map(|(n, v)| (n.parse().unwrap(), v.parse().unwrap())).collect();
        assert_eq!(coding.frame(Frame::trailers(trailers), &mut out), Ok(true));
        assert_eq!(out, "3\r\nabc\r\n0\r\nx-t: 1\r\n\r\n");
    }
}
