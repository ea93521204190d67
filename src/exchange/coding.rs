//! Content codings (RFC 9110 section 8.4.1): undone for judging, and applied again to what was changed.
//!
//! ```text
//! body (coded, as on the wire) ─► decode ─► content ─► judged; secrets replaced ─► encode ─► body
//! cut off or damaged body ─► salvage ─► the beginning of its content
//! ```

use std::borrow::Cow;
use std::io::{self, Read, Write as _};

use super::Headers;

/// Most bytes that a decoded body may grow to. A body that decodes to more is not judged.
pub const MAX_DECODED: usize = 64 * 1024 * 1024;

/// Why the judged copy of a body could not be decoded. The traffic itself is never touched.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// A content coding that Umpire doesn't know.
    #[error("content coding {0:?} is unknown")]
    UnknownCoding(String),
    /// The bytes are not what the coding says.
    #[error("the body is not valid {coding}: {cause}")]
    Invalid {
        /// The coding.
        coding: String,
        /// The decoder's words.
        cause: String,
    },
    /// Decoded, the body is larger than [`MAX_DECODED`].
    #[error("the decoded body is larger than 64 MiB")]
    TooLarge,
}

impl DecodeError {
    /// What is said of the body in a sentence, the same for all bodies of which it is true.
    pub(crate) fn of_body(&self) -> &'static str {
        match self {
            Self::UnknownCoding(_) => "body has a content coding that is not known",
            Self::Invalid { .. } => "body is not what its content coding says",
            Self::TooLarge => "body is larger than 64 MiB when decoded",
        }
    }
}

/// The content behind the codings that `Content-Encoding` names, last applied first.
/// Borrows where there is no coding. Knows gzip, x-gzip, deflate (zlib or raw), br, zstd and identity.
pub fn decode<'b>(bytes: &'b [u8], headers: &Headers) -> Result<Cow<'b, [u8]>, DecodeError> {
    let mut content = Cow::Borrowed(bytes);
    for coding in codings(headers).iter().rev() {
        content = Cow::Owned(decode_one(coding, &content)?);
    }
    Ok(content)
}

/// The content behind one coding, which is given in lower case.
pub(crate) fn decode_one(coding: &str, bytes: &[u8]) -> Result<Vec<u8>, DecodeError> {
    match coding {
        "gzip" | "x-gzip" => read(coding, flate2::read::MultiGzDecoder::new(bytes)),
        "deflate" => inflate(bytes),
        "br" => read(coding, brotli::Decompressor::new(bytes, 4096)),
        "zstd" => {
            let decoder = zstd::stream::read::Decoder::new(bytes).map_err(|error| invalid(coding, &error))?;
            read(coding, decoder)
        }
        _ => Err(DecodeError::UnknownCoding(coding.to_owned())),
    }
}

/// The codings of `Content-Encoding` in the order in which they were applied, in lower case, `identity` left out.
pub fn codings(headers: &Headers) -> Vec<String> {
    headers
        .all("content-encoding")
        .flat_map(|value| value.split(','))
        .map(|coding| coding.trim().to_ascii_lowercase())
        .filter(|coding| !coding.is_empty() && coding != "identity")
        .collect()
}

/// The content in the codings that `Content-Encoding` names, at the lowest effort; `None` where one of them is unknown.
///
/// What comes out decodes to the same content; it need not be the bytes that another program would make.
pub fn encode(content: &[u8], headers: &Headers) -> Option<Vec<u8>> {
    codings(headers).iter().try_fold(content.to_vec(), |content, coding| encode_one(coding, &content))
}

/// The content in one coding, which is given in lower case; `None` where it is unknown.
pub(crate) fn encode_one(coding: &str, content: &[u8]) -> Option<Vec<u8>> {
    let level = flate2::Compression::fast();
    // Writing into memory does not fail; a coder that fails all the same counts as unknown.
    match coding {
        "gzip" | "x-gzip" => {
            let mut gzip = flate2::write::GzEncoder::new(Vec::new(), level);
            gzip.write_all(content).and_then(|()| gzip.finish()).ok()
        }
        "deflate" => {
            let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), level);
            zlib.write_all(content).and_then(|()| zlib.finish()).ok()
        }
        "br" => {
            let mut brotli = Vec::new();
            let mut coder = brotli::CompressorWriter::new(&mut brotli, 4096, 1, 18);
            let written = coder.write_all(content).and_then(|()| coder.flush());
            drop(coder);
            written.ok().map(|()| brotli)
        }
        "zstd" => zstd::bulk::compress(content, 1).ok(),
        _ => None,
    }
}

/// RFC 9110 says zlib format; some servers send raw deflate, and clients accept both.
fn inflate(bytes: &[u8]) -> Result<Vec<u8>, DecodeError> {
    match read("deflate", flate2::read::ZlibDecoder::new(bytes)) {
        Err(DecodeError::Invalid { .. }) => read("deflate", flate2::read::DeflateDecoder::new(bytes)),
        other => other,
    }
}

fn invalid(coding: &str, error: &io::Error) -> DecodeError {
    DecodeError::Invalid { coding: coding.to_owned(), cause: error.to_string() }
}

fn read(coding: &str, decoder: impl Read) -> Result<Vec<u8>, DecodeError> {
    let mut content = Vec::new();
    decoder.take(MAX_DECODED as u64 + 1).read_to_end(&mut content).map_err(|error| invalid(coding, &error))?;
    if content.len() > MAX_DECODED { Err(DecodeError::TooLarge) } else { Ok(content) }
}

/// What can be decoded of a body whose coded form is cut off or damaged: a prefix of its content, at most
/// [`MAX_DECODED`] bytes. Empty if nothing can.
pub(crate) fn salvage(bytes: &[u8], headers: &Headers) -> Vec<u8> {
    let mut content = bytes.to_vec();
    for coding in codings(headers).iter().rev() {
        content = salvage_one(coding, &content);
    }
    content
}

/// As [`salvage`], of one coding, in lower case.
pub(crate) fn salvage_one(coding: &str, bytes: &[u8]) -> Vec<u8> {
    match coding {
        "gzip" | "x-gzip" => prefix(flate2::read::MultiGzDecoder::new(bytes)),
        "deflate" => {
            let zlib = prefix(flate2::read::ZlibDecoder::new(bytes));
            if zlib.is_empty() { prefix(flate2::read::DeflateDecoder::new(bytes)) } else { zlib }
        }
        "br" => prefix(brotli::Decompressor::new(bytes, 4096)),
        "zstd" => zstd::stream::read::Decoder::new(bytes).map(prefix).unwrap_or_default(),
        _ => Vec::new(),
    }
}

/// Reads up to the first error, which is expected here: it is where the content ends.
fn prefix(mut decoder: impl Read) -> Vec<u8> {
    let mut content = Vec::new();
    let mut chunk = [0; 4096];
    while let Ok(read @ 1..) = decoder.read(&mut chunk) {
        content.extend_from_slice(&chunk[..read]);
        if content.len() > MAX_DECODED {
            return Vec::new();
        }
    }
    content
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn coded(coding: &str) -> Headers {
        [("Content-Encoding", coding.to_owned())].into_iter().collect()
    }

    #[test]
    fn every_coding_is_undone() {
        let text = b"{\"a\": 1} ".repeat(50);
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(&text).unwrap();
        let gzip = gzip.finish().unwrap();
        let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
        zlib.write_all(&text).unwrap();
        let zlib = zlib.finish().unwrap();
        let mut raw = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::fast());
        raw.write_all(&text).unwrap();
        let raw = raw.finish().unwrap();
        let mut br = Vec::new();
        brotli::CompressorWriter::new(&mut br, 4096, 5, 20).write_all(&text).unwrap();
        let zstd = zstd::encode_all(&*text, 1).unwrap();
        let twice = zstd::encode_all(&*gzip, 1).unwrap();
        for (coding, bytes) in [
            ("gzip", &gzip),
            ("deflate", &zlib),
            ("deflate", &raw),
            ("br", &br),
            ("zstd", &zstd),
            ("gzip, zstd", &twice),
            ("identity", &text),
        ] {
            assert_eq!(decode(bytes, &coded(coding)).unwrap(), text, "{coding}");
        }
    }

    #[test]
    fn what_is_coded_decodes_to_the_same() {
        let text = b"{\"a\": 1} ".repeat(50);
        for coding in ["gzip", "deflate", "br", "zstd", "gzip, br", "identity", ""] {
            let bytes = encode(&text, &coded(coding)).unwrap();
            assert_eq!(decode(&bytes, &coded(coding)).unwrap(), text, "{coding}");
        }
        assert_eq!(encode(&text, &coded("lzma")), None);
    }

    #[test]
    fn what_cannot_be_decoded_is_said() {
        assert!(matches!(decode(b"x", &coded("lzma")), Err(DecodeError::UnknownCoding(_))));
        assert!(matches!(decode(b"not gzip", &coded("gzip")), Err(DecodeError::Invalid { .. })));
    }

    #[test]
    fn a_bomb_is_not_unpacked() {
        let bomb = zstd::encode_all(io::repeat(0).take(MAX_DECODED as u64 + 10), 1).unwrap();
        assert!(bomb.len() < 100_000);
        assert_eq!(decode(&bomb, &coded("zstd")), Err(DecodeError::TooLarge));
    }

    #[test]
    fn what_is_encoded_decodes() {
        let text = b"{\"a\": 1} ".repeat(50);
        for coding in ["gzip", "x-gzip", "deflate", "br", "zstd", "identity", "gzip, br", "ZSTD"] {
            let bytes = encode(&text, &coded(coding)).unwrap();
            assert_eq!(decode(&bytes, &coded(coding)).unwrap(), text, "{coding}");
            let nothing = encode(b"", &coded(coding)).unwrap();
            assert!(decode(&nothing, &coded(coding)).unwrap().is_empty(), "{coding}");
        }
        assert_eq!(encode(&text, &coded("lzma")), None);
    }

    #[test]
    fn a_cut_off_body_gives_its_beginning() {
        // Hardly compressible, so that half of the coded bytes hold about half of the content.
        let mut state = 1_u32;
        let text: Vec<u8> = std::iter::repeat_with(|| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            b'a' + (state >> 24) as u8 % 26
        })
        .take(400_000)
        .collect();
        for coding in ["gzip", "deflate", "br", "zstd"] {
            let bytes = encode(&text, &coded(coding)).unwrap();
            let content = salvage(&bytes[..bytes.len() / 2], &coded(coding));
            assert!(content.len() > 10_000 && text.starts_with(&content), "{coding}: {}", content.len());
        }
        assert_eq!(salvage(b"plain", &coded("lzma")), b"");
    }
}
