//! Writing heads, and the transfer coding of what follows.
//!
//! ```text
//! start line + fields (less what is hop-by-hop, Host replaced, one length) + size of the body ─► bytes, BodyEncoding
//! BodyEncoding: frame ─► bytes
//! ```

use bytes::{Bytes, BytesMut};
use hyper::body::Frame;

use crate::exchange::Headers;
use crate::proxy::message::fields::{HopByHop, RawTrailers, from_map, may_trail, required_protocols};
use crate::proxy::message::head::{content_length, lengthless};

/// How a body is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyEncoding {
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

impl BodyEncoding {
    /// Writes what precedes `data` on the wire. The data itself and [`Self::after_data`] follow.
    pub(crate) fn before_data(&mut self, data: &Bytes, out: &mut BytesMut) -> Result<(), LengthError> {
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
    pub(crate) fn after_data(self) -> &'static [u8] {
        if self == Self::Chunked { b"\r\n" } else { b"" }
    }

    /// Writes the end of the body. Trailer fields that could be taken for a part of the head stay behind.
    pub fn end(self, trailers: Option<&Headers>, out: &mut BytesMut) -> Result<(), LengthError> {
        match self {
            Self::Known(0) | Self::UntilClose => Ok(()),
            Self::Known(left) => Err(LengthError::Short(left)),
            Self::Chunked => {
                out.extend_from_slice(b"0\r\n");
                for entry in trailers.iter().flat_map(|trailers| &trailers.0).filter(|entry| may_trail(&entry.name)) {
                    field(out, &entry.name, &entry.value);
                }
                out.extend_from_slice(b"\r\n");
                Ok(())
            }
        }
    }

    /// Writes a whole frame. True if it was the last one. `trailers`, if they are there, are written in place of those
    /// of the frame.
    pub fn frame(
        &mut self,
        frame: Frame<Bytes>,
        trailers: &RawTrailers,
        out: &mut BytesMut,
    ) -> Result<bool, LengthError> {
        match frame.into_data() {
            Ok(data) if data.is_empty() => Ok(false),
            Ok(data) => {
                self.before_data(&data, out)?;
                out.extend_from_slice(&data);
                out.extend_from_slice(self.after_data());
                Ok(false)
            }
            Err(frame) => match frame.into_trailers() {
                Ok(map) => match trailers.get() {
                    Some(trailers) => self.end(Some(trailers), out).map(|()| true),
                    None => self.end(Some(&from_map(&map)), out).map(|()| true),
                },
                Err(_) => Ok(false),
            },
        }
    }
}

/// What a request's head depends on besides its fields.
#[derive(Debug, Clone, Copy)]
pub struct RequestShape<'r> {
    /// Method.
    pub method: &'r str,
    /// Target.
    pub target: &'r str,
    /// Takes the place of the Host field.
    pub host: &'r str,
    /// Size of the body, where it is known.
    pub size: Option<u64>,
    /// Value of the Upgrade field, where an offer to switch protocols goes on.
    pub upgrade: Option<&'r [u8]>,
}

/// Writes a request's head.
pub fn request_head(out: &mut BytesMut, fields: &Headers, shape: &RequestShape<'_>) -> BodyEncoding {
    for part in [shape.method, " ", shape.target, " HTTP/1.1\r\n"] {
        out.extend_from_slice(part.as_bytes());
    }
    if !has(fields, "host") {
        field(out, "Host", shape.host.as_bytes());
    }
    let announced = announced(fields);
    // A request without a length has no body (RFC 9112 section 6.3): one that has some gets what it lacks.
    let added = match (announced, shape.size) {
        (None, Some(0)) | (Some(_), _) => None,
        (None, size) => Some(size.map_or(BodyEncoding::Chunked, BodyEncoding::Known)),
    };
    let counted = matches!(shape.method, "TRACE" | "OPTIONS");
    end_to_end(out, fields, announced, |name, value, out| {
        if name.eq_ignore_ascii_case("host") {
            field(out, name, shape.host.as_bytes());
        } else if counted && name.eq_ignore_ascii_case("max-forwards") {
            // One hop less is left (RFC 9110 section 7.6.2); one that is no number means nothing.
            let left = std::str::from_utf8(value).ok().and_then(|text| text.parse::<u32>().ok());
            match left {
                Some(left) => field(out, name, left.saturating_sub(1).to_string().as_bytes()),
                None => field(out, name, value),
            }
        } else {
            field(out, name, value);
        }
    });
    add_framing(out, added);
    if let Some(upgrade) = shape.upgrade {
        field(out, "Connection", b"Upgrade");
        field(out, "Upgrade", upgrade);
    }
    out.extend_from_slice(b"\r\n");
    announced.or(added).unwrap_or(BodyEncoding::Known(0))
}

/// What a response's head depends on besides its fields.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ResponseShape {
    /// Status code.
    pub status: u16,
    /// It never has a body, whatever its fields say (see [`crate::proxy::message::head::bodiless`]).
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
pub(crate) fn response_coding(fields: &Headers, shape: &ResponseShape) -> BodyEncoding {
    let open = || if shape.chunks { BodyEncoding::Chunked } else { BodyEncoding::UntilClose };
    if shape.bodiless {
        return BodyEncoding::Known(0);
    }
    match announced(fields) {
        Some(BodyEncoding::Chunked) => open(),
        Some(coding) => coding,
        None if shape.from_wire => BodyEncoding::UntilClose,
        None => shape.size.map_or_else(open, BodyEncoding::Known),
    }
}

/// Writes a response's head.
pub(crate) fn response_head(
    out: &mut BytesMut,
    reason: &[u8],
    fields: &Headers,
    shape: &ResponseShape,
    coding: BodyEncoding,
) {
    status_line(out, shape.status, reason);
    let announced = announced(fields);
    let shown = match announced {
        _ if lengthless(shape.status) => None,
        Some(BodyEncoding::Chunked) if shape.chunks => Some(BodyEncoding::Chunked),
        Some(BodyEncoding::Known(length)) => Some(BodyEncoding::Known(length)),
        _ => None,
    };
    end_to_end(out, fields, shown, |name, value, out| field(out, name, value));
    if shape.status == 101 {
        for entry in fields.0.iter().filter(|entry| entry.name.eq_ignore_ascii_case("upgrade")) {
            field(out, &entry.name, &entry.value);
        }
    }
    if !shape.bodiless && announced.is_none() {
        add_framing(out, Some(coding));
    }
    // HTTP/1.0 has no upgrades; there, as over HTTP/2, 426 goes without.
    let required = if shape.status == 426 && shape.chunks { required_protocols(fields) } else { Vec::new() };
    if !required.is_empty() {
        field(out, "Upgrade", &required.join(&b", "[..]));
        field(out, "Connection", b"Upgrade");
    }
    if let Some(connection) = shape.connection {
        field(out, "Connection", connection.as_bytes());
    }
    out.extend_from_slice(b"\r\n");
}

/// Writes an interim response: status 100 to 199, but 101.
pub(crate) fn interim_head(out: &mut BytesMut, status: u16, reason: &[u8], fields: &Headers) {
    status_line(out, status, reason);
    end_to_end(out, fields, None, |name, value, out| field(out, name, value));
    out.extend_from_slice(b"\r\n");
}

fn status_line(out: &mut BytesMut, status: u16, reason: &[u8]) {
    out.extend_from_slice(b"HTTP/1.1 ");
    number(out, u64::from(status));
    out.extend_from_slice(b" ");
    out.extend_from_slice(reason);
    out.extend_from_slice(b"\r\n");
}

/// What the fields say of the body's length. They were checked when they were read.
fn announced(fields: &Headers) -> Option<BodyEncoding> {
    if has(fields, "transfer-encoding") {
        return Some(BodyEncoding::Chunked);
    }
    content_length(fields).ok().flatten().map(BodyEncoding::Known)
}

/// Writes the fields that go on, each as it is. Of those that speak of the length only the one that counts is written,
/// once and in the one way that nobody misreads; `shown` is none if no such field is to go on.
fn end_to_end(
    out: &mut BytesMut,
    fields: &Headers,
    shown: Option<BodyEncoding>,
    mut write: impl FnMut(&str, &[u8], &mut BytesMut),
) {
    let hop_by_hop = HopByHop::of(fields);
    let mut shown = shown;
    for entry in &fields.0 {
        let is = |name: &str| entry.name.eq_ignore_ascii_case(name);
        if is("transfer-encoding") {
            if shown == Some(BodyEncoding::Chunked) {
                shown = None;
                field(out, &entry.name, b"chunked");
            }
        } else if is("content-length") {
            if let Some(BodyEncoding::Known(length)) = shown {
                shown = None;
                field_with_number(out, &entry.name, length);
            }
        } else if !hop_by_hop.holds(&entry.name) {
            write(&entry.name, &entry.value, out);
        }
    }
}

fn add_framing(out: &mut BytesMut, coding: Option<BodyEncoding>) {
    match coding {
        Some(BodyEncoding::Known(length)) => field_with_number(out, "Content-Length", length),
        Some(BodyEncoding::Chunked) => field(out, "Transfer-Encoding", b"chunked"),
        Some(BodyEncoding::UntilClose) | None => {}
    }
}

fn has(fields: &Headers, name: &str) -> bool {
    fields.0.iter().any(|field| field.name.eq_ignore_ascii_case(name))
}

fn field_with_number(out: &mut BytesMut, name: &str, value: u64) {
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b": ");
    number(out, value);
    out.extend_from_slice(b"\r\n");
}

/// In decimal digits.
fn number(out: &mut BytesMut, value: u64) {
    let mut digits = [0; 20];
    let (mut start, mut left) = (digits.len(), value);
    loop {
        start -= 1;
        digits[start] = b'0' + (left % 10) as u8;
        left /= 10;
        if left == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[start..]);
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

    fn request(fields: &[(&'static str, &'static str)], size: Option<u64>) -> (String, BodyEncoding) {
        let mut out = BytesMut::new();
        let shape = RequestShape { method: "PUT", target: "/x", host: "up", size, upgrade: None };
        let coding = request_head(&mut out, &headers(fields), &shape);
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
        assert_eq!(coding, BodyEncoding::Known(4));
    }

    #[test]
    fn a_transfer_coding_stays_in_its_place() {
        let (text, coding) = request(&[("A", "1"), ("transfer-encoding", "Chunked"), ("B", "2")], None);
        assert_eq!(text, "PUT /x HTTP/1.1\r\nHost: up\r\nA: 1\r\ntransfer-encoding: chunked\r\nB: 2\r\n\r\n");
        assert_eq!(coding, BodyEncoding::Chunked);
    }

    #[test]
    fn a_body_that_nobody_announced_is_announced() {
        assert_eq!(
            request(&[("Host", "h")], Some(0)),
            ("PUT /x HTTP/1.1\r\nHost: up\r\n\r\n".into(), BodyEncoding::Known(0))
        );
        assert!(request(&[], Some(3)).0.ends_with("\r\nContent-Length: 3\r\n\r\n"));
        assert!(request(&[], None).0.ends_with("\r\nTransfer-Encoding: chunked\r\n\r\n"));
    }

    #[test]
    fn responses_by_shape() {
        let shape =
            ResponseShape { status: 200, bodiless: false, size: None, from_wire: true, chunks: true, connection: None };
        let write = |fields: &[(&'static str, &'static str)], shape: ResponseShape| {
            let (mut out, fields) = (BytesMut::new(), headers(fields));
            let coding = response_coding(&fields, &shape);
            response_head(&mut out, b"Fine", &fields, &shape, coding);
            (String::from_utf8(out.to_vec()).unwrap().replace("\r\n", "|"), coding)
        };
        let te = ("Transfer-Encoding", "chunked");
        let cl = ("Content-Length", "3");
        assert_eq!(write(&[cl], shape), ("HTTP/1.1 200 Fine|Content-Length: 3||".into(), BodyEncoding::Known(3)));
        assert_eq!(write(&[cl, te], shape).0, "HTTP/1.1 200 Fine|Transfer-Encoding: chunked||");
        assert_eq!(write(&[], shape), ("HTTP/1.1 200 Fine||".into(), BodyEncoding::UntilClose));
        let old = ResponseShape { chunks: false, ..shape };
        assert_eq!(write(&[te], old), ("HTTP/1.1 200 Fine||".into(), BodyEncoding::UntilClose));
        let made = ResponseShape { from_wire: false, ..shape };
        assert_eq!(write(&[], made).0, "HTTP/1.1 200 Fine|Transfer-Encoding: chunked||");
        let made = ResponseShape { size: Some(2), connection: Some("close"), ..made };
        assert_eq!(write(&[], made).0, "HTTP/1.1 200 Fine|Content-Length: 2|Connection: close||");
        let none = ResponseShape { bodiless: true, ..shape };
        assert_eq!(write(&[cl], none), ("HTTP/1.1 200 Fine|Content-Length: 3||".into(), BodyEncoding::Known(0)));
        assert_eq!(write(&[te], none).0, "HTTP/1.1 200 Fine|Transfer-Encoding: chunked||");
        assert_eq!(write(&[cl, te], none).0, "HTTP/1.1 200 Fine|Transfer-Encoding: chunked||");
        let empty = ResponseShape { status: 204, ..none };
        assert_eq!(write(&[cl, te], empty).0, "HTTP/1.1 204 Fine||", "RFC 9110 section 8.6");
    }

    #[test]
    fn a_length_is_said_once() {
        let (text, coding) = request(&[("Host", "h"), ("content-length", "04, 4"), ("Content-Length", "4")], Some(4));
        assert_eq!(text, "PUT /x HTTP/1.1\r\nHost: up\r\ncontent-length: 4\r\n\r\n");
        assert_eq!(coding, BodyEncoding::Known(4));
    }

    #[test]
    fn an_offer_goes_on_and_a_hop_is_counted() {
        let mut out = BytesMut::new();
        let fields = headers(&[("Host", "h"), ("Max-Forwards", "3"), ("Connection", "Upgrade"), ("Upgrade", "x")]);
        let shape =
            RequestShape { method: "OPTIONS", target: "*", host: "up", size: Some(0), upgrade: Some(&b"x"[..]) };
        request_head(&mut out, &fields, &shape);
        assert_eq!(
            out,
            "OPTIONS * HTTP/1.1\r\nHost: up\r\nMax-Forwards: 2\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n"
        );
    }

    #[test]
    fn an_answer_that_requires_another_protocol_names_it() {
        let head = |upgrade: &'static str, chunks: bool, connection| {
            let mut out = BytesMut::new();
            let fields = headers(&[("Upgrade", upgrade), ("connection", "upgrade"), ("Content-Length", "0")]);
            let shape =
                ResponseShape { status: 426, bodiless: false, size: Some(0), from_wire: true, chunks, connection };
            response_head(&mut out, b"Upgrade Required", &fields, &shape, BodyEncoding::Known(0));
            let text = String::from_utf8(out.to_vec()).unwrap();
            text.strip_prefix("HTTP/1.1 426 Upgrade Required\r\nContent-Length: 0\r\n").unwrap().trim().to_owned()
        };
        assert_eq!(head("websocket", true, None), "Upgrade: websocket\r\nConnection: Upgrade");
        assert_eq!(
            head("h2c, websocket, x/2", true, Some("close")),
            "Upgrade: websocket, x/2\r\nConnection: Upgrade\r\nConnection: close"
        );
        // What carries HTTP itself is not offered, and HTTP/1.0 knows no upgrades.
        assert_eq!(head("h2c, TLS/1.2", true, None), "");
        assert_eq!(head("websocket", false, Some("close")), "Connection: close");
    }

    #[test]
    fn an_interim_answer_speaks_of_no_length() {
        let mut out = BytesMut::new();
        interim_head(&mut out, 103, b"Early Hints", &headers(&[("Link", "</x>"), ("Content-Length", "3")]));
        assert_eq!(out, "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n");
    }

    #[test]
    fn a_body_must_be_as_long_as_announced() {
        let mut out = BytesMut::new();
        let data = || Frame::data(Bytes::from_static(b"abc"));
        let none = RawTrailers::expected();
        assert_eq!(BodyEncoding::Known(2).frame(data(), &none, &mut out), Err(LengthError::Long));
        let mut coding = BodyEncoding::Known(4);
        assert_eq!(coding.frame(data(), &none, &mut out), Ok(false));
        assert_eq!(coding.end(None, &mut out), Err(LengthError::Short(1)));
        out.clear();
        let mut coding = BodyEncoding::Chunked;
        coding.frame(data(), &none, &mut out).unwrap();
        coding.frame(Frame::data(Bytes::new()), &none, &mut out).unwrap();
        let trailers = [("x-t", "1")].iter().map(|(n, v)| (n.parse().unwrap(), v.parse().unwrap())).collect();
        assert_eq!(coding.frame(Frame::trailers(trailers), &none, &mut out), Ok(true));
        assert_eq!(out, "3\r\nabc\r\n0\r\nx-t: 1\r\n\r\n");
        out.clear();
        none.set(headers(&[("X-T", "1"), ("Content-Length", "9")]));
        assert_eq!(BodyEncoding::Chunked.frame(Frame::trailers(hyper::HeaderMap::new()), &none, &mut out), Ok(true));
        assert_eq!(out, "0\r\nX-T: 1\r\n\r\n");
    }
}
