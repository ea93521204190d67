//! Content codings the other way round: a decoded body put back into the coding that its header names.
//!
//! ```text
//! HAR (decoded) ──► encode ──► Body (coded, as on the wire)
//! coded body ──► unpack ──► content ──► secrets replaced ──► encode
//! ```

use std::io::{self, Read, Write};

use crate::exchange::{Headers, MAX_DECODED};

/// The codings of `Content-Encoding` in the order in which they were applied, in lower case, `identity` left out.
pub(super) fn codings(headers: &Headers) -> Vec<String> {
    headers
        .all("content-encoding")
        .flat_map(|value| value.split(','))
        .map(|coding| coding.trim().to_ascii_lowercase())
        .filter(|coding| !coding.is_empty() && coding != "identity")
        .collect()
}

/// Applies the codings that the header names, at the lowest effort. `None` if one of them is unknown.
pub(super) fn encode(content: &[u8], headers: &Headers) -> Option<Vec<u8>> {
    let mut bytes = content.to_vec();
    for coding in codings(headers) {
        // Writing into memory does not fail; a coder that fails all the same counts as unknown.
        bytes = apply(&coding, &bytes)?.ok()?;
    }
    Some(bytes)
}

fn apply(coding: &str, bytes: &[u8]) -> Option<io::Result<Vec<u8>>> {
    let level = flate2::Compression::fast();
    Some(match coding {
        "gzip" | "x-gzip" => {
            let mut coder = flate2::write::GzEncoder::new(Vec::new(), level);
            coder.write_all(bytes).and_then(|()| coder.finish())
        }
        "deflate" => {
            let mut coder = flate2::write::ZlibEncoder::new(Vec::new(), level);
            coder.write_all(bytes).and_then(|()| coder.finish())
        }
        "br" => {
            let mut bytes_out = Vec::new();
            let mut coder = brotli::CompressorWriter::new(&mut bytes_out, 4096, 1, 18);
            let done = coder.write_all(bytes).and_then(|()| coder.flush());
            drop(coder);
            done.map(|()| bytes_out)
        }
        "zstd" => zstd::bulk::compress(bytes, 1),
        _ => return None,
    })
}

/// Applies one coding, in lower case. `None` if it is unknown.
pub(super) fn encode_one(coding: &str, content: &[u8]) -> Option<Vec<u8>> {
    apply(coding, content)?.ok()
}

/// What can be decoded of a body whose coded form is cut off or damaged: a prefix of its content, at most
/// [`MAX_DECODED`] bytes. Empty if nothing can.
pub(super) fn salvage(bytes: &[u8], headers: &Headers) -> Vec<u8> {
    let mut content = bytes.to_vec();
    for coding in codings(headers).iter().rev() {
        content = salvage_one(coding, &content);
    }
    content
}

/// As [`salvage`], of one coding, in lower case.
pub(super) fn salvage_one(coding: &str, bytes: &[u8]) -> Vec<u8> {
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
    use crate::exchange::decode;

    fn coded(coding: &str) -> Headers {
        [("content-encoding", coding.to_owned())].into_iter().collect()
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
