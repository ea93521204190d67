//! Takes a body apart: transfer coding off, content as it is.
//!
//! ```text
//! Known(n) ──────────────► Done        Chunked: Size ─► Data(n) ─► DataEnd ─► Size … ─► Trailers ─► Done
//! UntilClose ── closed ──► Done
//! ```

use bytes::{Buf, Bytes, BytesMut};

use crate::exchange::Headers;
use crate::proxy::message::head::{BodyLength, TRAILERS};

/// Longest line with a chunk's size and extensions.
const MAX_CHUNK_LINE: usize = 4096;

/// A body on its way in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyDecoder {
    /// So many bytes are still to come.
    Known(u64),
    /// Everything until the connection is closed.
    UntilClose,
    /// At a chunk's size.
    Size,
    /// Within a chunk: so many bytes are still to come.
    Data(u64),
    /// At the line end after a chunk.
    DataEnd,
    /// In the trailer section.
    Trailers,
    /// At its end.
    Done,
}

/// What [`BodyDecoder::step`] found.
#[derive(Debug)]
pub enum Step {
    /// Content.
    Data(Bytes),
    /// Trailer fields; the body is at its end.
    Trailers(Headers),
    /// The body is at its end.
    End,
    /// More bytes are needed.
    More,
}

/// A body that breaks the rules of its transfer coding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the chunked body is malformed: {0}")]
pub struct ChunkError(&'static str);

impl BodyDecoder {
    /// For a body of that length.
    pub fn new(length: BodyLength) -> Self {
        match length {
            BodyLength::Known(0) => Self::Done,
            BodyLength::Known(length) => Self::Known(length),
            BodyLength::Chunked => Self::Size,
            BodyLength::UntilClose => Self::UntilClose,
        }
    }

    /// True if the body is at its end.
    pub(crate) fn is_done(self) -> bool {
        self == Self::Done
    }

    /// Bytes still to come, where that is known.
    pub(crate) fn remaining(self) -> Option<u64> {
        match self {
            Self::Known(left) => Some(left),
            Self::Done => Some(0),
            _ => None,
        }
    }

    /// Takes the next piece off the buffer.
    pub fn step(&mut self, buf: &mut BytesMut) -> Result<Step, ChunkError> {
        loop {
            match *self {
                Self::Done => return Ok(Step::End),
                _ if buf.is_empty() => return Ok(Step::More),
                Self::UntilClose => return Ok(Step::Data(buf.split().freeze())),
                Self::Known(left) => {
                    let data = take(buf, left);
                    let left = left - data.len() as u64;
                    *self = if left == 0 { Self::Done } else { Self::Known(left) };
                    return Ok(Step::Data(data));
                }
                Self::Size => match chunk_line(buf)? {
                    None if buf.len() <= MAX_CHUNK_LINE => return Ok(Step::More),
                    Some((line, size)) if line <= MAX_CHUNK_LINE => {
                        buf.advance(line);
                        *self = if size == 0 { Self::Trailers } else { Self::Data(size) };
                    }
                    _ => return Err(ChunkError("a chunk's size line is longer than 4 KiB")),
                },
                Self::Data(left) => {
                    let data = take(buf, left);
                    let left = left - data.len() as u64;
                    *self = if left == 0 { Self::DataEnd } else { Self::Data(left) };
                    return Ok(Step::Data(data));
                }
                Self::DataEnd if &buf[..] == b"\r" => return Ok(Step::More),
                Self::DataEnd if buf.starts_with(b"\r\n") => {
                    buf.advance(2);
                    *self = Self::Size;
                }
                Self::DataEnd => return Err(ChunkError("a chunk is longer than its size")),
                Self::Trailers => return self.trailers(buf),
            }
        }
    }

    /// The connection was closed: true if that is the body's end.
    pub fn close(&mut self) -> bool {
        if *self == Self::UntilClose {
            *self = Self::Done;
        }
        self.is_done()
    }

    fn trailers(&mut self, buf: &mut BytesMut) -> Result<Step, ChunkError> {
        if buf.starts_with(b"\r\n") {
            buf.advance(2);
            *self = Self::Done;
            return Ok(Step::End);
        }
        let mut fields = [httparse::EMPTY_HEADER; TRAILERS.fields];
        match httparse::parse_headers(buf, &mut fields) {
            Ok(httparse::Status::Complete((length, fields))) if length <= TRAILERS.bytes => {
                if memchr::memchr_iter(b'\n', &buf[..length]).any(|at| at == 0 || buf[at - 1] != b'\r') {
                    return Err(ChunkError("a line of the trailer section ends without a carriage return"));
                }
                let fields =
                    fields.iter().map(|field| (field.name, Bytes::copy_from_slice(field.value))).collect::<Headers>();
                buf.advance(length);
                *self = Self::Done;
                Ok(Step::Trailers(fields))
            }
            Ok(httparse::Status::Partial) if buf.len() <= TRAILERS.bytes => Ok(Step::More),
            Ok(_) => Err(ChunkError("the trailer section is longer than 16 KiB")),
            Err(_) => Err(ChunkError("the trailer section can't be read")),
        }
    }
}

/// The length of the line with a chunk's size, and the size; `None` if the line isn't complete. To the letter of RFC
/// 9112 section 7.1, where others are lax: hexadecimal digits and nothing before them, extensions without control
/// bytes, CR LF. Extensions mean nothing here and are not passed on.
fn chunk_line(buf: &[u8]) -> Result<Option<(usize, u64)>, ChunkError> {
    let digits = buf.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
    if digits > 16 {
        return Err(ChunkError("a chunk's size has more than 16 digits"));
    }
    let Some(next) = buf.get(digits) else { return Ok(None) };
    if digits == 0 || !b"; \t\r".contains(next) {
        return Err(ChunkError("a chunk's size is not a hexadecimal number"));
    }
    let rest = &buf[digits..];
    let end = rest.iter().position(|byte| byte.is_ascii_control() && *byte != b'\t');
    let extension = rest[..end.unwrap_or(rest.len())].trim_ascii_start();
    if !(extension.is_empty() || extension.starts_with(b";")) {
        return Err(ChunkError("what follows a chunk's size is no extension"));
    }
    let Some(end) = end else { return Ok(None) };
    match (rest[end], rest.get(end + 1)) {
        (b'\r', None) => Ok(None),
        (b'\r', Some(b'\n')) => {
            let size = buf[..digits]
                .iter()
                .fold(0, |size, digit| size << 4 | u64::from(char::from(*digit).to_digit(16).unwrap_or_default()));
            Ok(Some((digits + end + 2, size)))
        }
        _ => Err(ChunkError("a chunk's size line has a control byte, or does not end with CR LF")),
    }
}

fn take(buf: &mut BytesMut, left: u64) -> Bytes {
    let length = usize::try_from(left).map_or(buf.len(), |left| left.min(buf.len()));
    buf.split_to(length).freeze()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Decodes what arrives in pieces of `piece` bytes; content, trailers, and what is left over.
    fn decode(length: BodyLength, wire: &[u8], piece: usize) -> Result<(Vec<u8>, Headers, Vec<u8>), ChunkError> {
        let (mut decoder, mut buf) = (BodyDecoder::new(length), BytesMut::new());
        let (mut content, mut trailers) = (Vec::new(), Headers::default());
        let mut pieces = wire.chunks(piece);
        loop {
            match decoder.step(&mut buf)? {
                Step::Data(data) => content.extend_from_slice(&data),
                Step::Trailers(fields) => {
                    trailers = fields;
                    break;
                }
                Step::End => break,
                Step::More => match pieces.next() {
                    Some(piece) => buf.extend_from_slice(piece),
                    None if decoder.close() => {}
                    None => return Err(ChunkError("cut off")),
                },
            }
        }
        buf.extend(pieces.flatten());
        Ok((content, trailers, buf.to_vec()))
    }

    #[test]
    fn however_it_is_cut_the_content_is_the_same() {
        let wire = b"5 ; ext=\"1;\"\r\nhello\r\n1\r\n \r\n00a\r\n0123456789\r\n0\r\nX-Sum: 7\r\n\r\nGET";
        for piece in 1..=wire.len() {
            let (content, trailers, rest) = decode(BodyLength::Chunked, wire, piece).unwrap();
            assert_eq!(content, b"hello 0123456789", "{piece}");
            assert_eq!((trailers.0[0].name.as_str(), trailers.get("x-sum")), ("X-Sum", Some("7")));
            assert_eq!(rest, b"GET");
        }
    }

    #[test]
    fn lengths_end_where_they_say() {
        assert_eq!(decode(BodyLength::Known(3), b"abcd", 2).unwrap().0, b"abc");
        assert_eq!(decode(BodyLength::Known(0), b"abcd", 4).unwrap().2, b"abcd");
        assert_eq!(decode(BodyLength::UntilClose, b"abcd", 3).unwrap().0, b"abcd");
        assert_eq!(decode(BodyLength::Chunked, b"0\r\n\r\n", 1).unwrap().0, b"");
    }

    #[test]
    fn what_is_cut_off_or_malformed_is_an_error() {
        for wire in [
            &b"5\r\nhel"[..],
            b"5\r\nhello\r\n",
            b"5\r\nhellooo",
            b"x\r\n",
            b"-1\r\n",
            b"0\r\nX: y\r\n",
            b"5\r\nhello\n\n0",
            b"+5\r\n",
            b"0x5\r\n",
            b" 5\r\n",
            b"\r\n",
            b"5\n",
            b"5;\n",
            b"5;a=\"\n\"\r\n",
            b"5;\rx\r\n",
            b"5;\0\r\n",
            b"5 x\r\n",
            b"5_0\r\n",
            b"00000000000000005\r\n",
            b"0\r\nX: y\n\r\n",
            b"0\r\n\n",
            b"0\r\nX : y\r\n\r\n",
            b"0\r\nX: y\r\n z\r\n\r\n",
        ] {
            assert!(decode(BodyLength::Chunked, wire, 3).is_err(), "{}", String::from_utf8_lossy(wire));
        }
        assert!(decode(BodyLength::Known(5), b"abc", 9).is_err());
        let endless = [&b"5;"[..], &[b'e'; MAX_CHUNK_LINE]].concat();
        assert!(decode(BodyLength::Chunked, &endless, 100).is_err());
        assert!(decode(BodyLength::Chunked, b"fffffffffffffffff\r\n", 100).is_err());
        assert_eq!(chunk_line(b"ffFFffffffffffff\r\n"), Ok(Some((18, u64::MAX))));
    }
}
