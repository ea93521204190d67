//! What a body is packed in, whatever its header fields say.
//!
//! ```text
//! gzip | zstd | zlib by the first bytes ─► unpacked ─┐
//! UTF-16 ─► UTF-8 ───────────────────────────────────┴─► the same again ─► text ─► cleaned ─► packed as it was
//! ```

use crate::exchange::{MAX_DECODED, decode_one, encode_one, salvage_one};

/// How often a content may be packed.
const MOST_LAYERS: usize = 4;

/// What is packed and can't be read: it is cut off or damaged, or there is too much of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unreadable;

/// What a content is packed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Packing {
    /// A content coding, by its name in `Content-Encoding`.
    Coded(&'static str),
    /// UTF-16, the more significant byte of each unit first or second, perhaps behind a byte order mark.
    Utf16 {
        /// The more significant byte comes first.
        big_endian: bool,
    },
}

/// What a content is packed in, by its first bytes; `None` for what is no more packed than can be told.
pub(super) fn packing(content: &[u8]) -> Option<Packing> {
    match content {
        [0x1f, 0x8b, 8, ..] => Some(Packing::Coded("gzip")),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Some(Packing::Coded("zstd")),
        [0x78, 0x01 | 0x5e | 0x9c | 0xda, ..] => Some(Packing::Coded("deflate")),
        [0xfe, 0xff, ..] => Some(Packing::Utf16 { big_endian: true }),
        [0xff, 0xfe, ..] => Some(Packing::Utf16 { big_endian: false }),
        &[0, first, 0, second, ..] if first != 0 && second != 0 => Some(Packing::Utf16 { big_endian: true }),
        &[first, 0, second, 0, ..] if first != 0 && second != 0 => Some(Packing::Utf16 { big_endian: false }),
        _ => None,
    }
}

/// True if a content that begins like this may be a text, or packed.
pub(super) fn may_be_text(first: &[u8]) -> bool {
    let is_text = |text: &str| text.chars().all(|c| !c.is_control() || c.is_ascii_whitespace());
    packing(first).is_some()
        || match std::str::from_utf8(first) {
            Ok(text) => is_text(text),
            // Cut off within a character.
            Err(error) => {
                error.error_len().is_none() && std::str::from_utf8(&first[..error.valid_up_to()]).is_ok_and(is_text)
            }
        }
}

/// True for a content in which secrets and personal data can be found: a text, in UTF-8 or another coding of one byte a
/// letter.
pub(super) fn is_text(content: &[u8]) -> bool {
    /// Bytes that are looked at.
    const SAMPLE: usize = 64 << 10;
    let sample = &content[..content.len().min(SAMPLE)];
    !sample.iter().any(|&byte| byte < b' ' && !byte.is_ascii_whitespace() && byte != 0x1b)
        && (std::str::from_utf8(content).is_ok()
            || sample.iter().filter(|byte| !byte.is_ascii()).count() * 4 < sample.len())
}

/// A content, and what it was packed in.
pub(super) struct Unpacked {
    layers: Vec<Packing>,
    /// What was packed; `None` where nothing was.
    inner: Option<Vec<u8>>,
}

impl Unpacked {
    /// Unpacks a content as often as it is packed.
    pub(super) fn of(content: &[u8]) -> Result<Self, Unreadable> {
        let mut layers: Vec<Packing> = Vec::new();
        let mut inner: Option<Vec<u8>> = None;
        loop {
            let current = inner.as_deref().unwrap_or(content);
            let Some(packing) = packing(current) else { return Ok(Self { layers, inner }) };
            let next = match packing.unpack(current) {
                Ok(next) => next,
                // An x and a sign: a text, for all anybody knows.
                Err(_) if packing == Packing::Coded("deflate") => return Ok(Self { layers, inner }),
                Err(unreadable) => return Err(unreadable),
            };
            layers.push(packing);
            inner = Some(next);
            if layers.len() > MOST_LAYERS {
                return Err(Unreadable);
            }
        }
    }

    /// The unpacked content; `content` is the packed one.
    pub(super) fn text<'c>(&'c self, content: &'c [u8]) -> &'c [u8] {
        self.inner.as_deref().unwrap_or(content)
    }

    /// Another content, packed in the same way.
    pub(super) fn pack(&self, content: Vec<u8>) -> Option<Vec<u8>> {
        self.layers.iter().rev().try_fold(content, |content, packing| packing.pack(&content))
    }
}

/// The content after `clean` had its text, packed as it was; `None` if nothing changed.
pub(super) fn unpacked(
    content: &[u8],
    clean: impl FnOnce(&[u8]) -> Option<Vec<u8>>,
) -> Result<Option<Vec<u8>>, Unreadable> {
    let unpacked = Unpacked::of(content)?;
    let Some(clean) = clean(unpacked.text(content)) else { return Ok(None) };
    unpacked.pack(clean).map(Some).ok_or(Unreadable)
}

impl Packing {
    /// The content of a packed one.
    pub(super) fn unpack(self, packed: &[u8]) -> Result<Vec<u8>, Unreadable> {
        match self {
            Self::Coded(coding) => decode_one(coding, packed).map_err(|_| Unreadable),
            Self::Utf16 { big_endian } => Ok(from_utf16(packed, big_endian)),
        }
    }

    /// What can be read of a packed content that is cut off or damaged: its beginning.
    pub(super) fn salvage(self, packed: &[u8]) -> Vec<u8> {
        match self {
            Self::Coded(coding) => salvage_one(coding, packed),
            Self::Utf16 { big_endian } => from_utf16(packed, big_endian),
        }
    }

    /// The content, packed.
    pub(super) fn pack(self, content: &[u8]) -> Option<Vec<u8>> {
        match self {
            Self::Coded(coding) => encode_one(coding, content),
            Self::Utf16 { big_endian } => Some(to_utf16(content, big_endian)),
        }
    }
}

/// A half of a character without the other one becomes the replacement character, a byte too many goes.
fn from_utf16(packed: &[u8], big_endian: bool) -> Vec<u8> {
    let unit = |pair: &[u8]| {
        let pair = [pair[0], pair[1]];
        if big_endian { u16::from_be_bytes(pair) } else { u16::from_le_bytes(pair) }
    };
    let units = packed.chunks_exact(2).map(unit);
    let characters = char::decode_utf16(units).map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER));
    characters.take(MAX_DECODED).collect::<String>().into_bytes()
}

fn to_utf16(content: &[u8], big_endian: bool) -> Vec<u8> {
    let text = String::from_utf8_lossy(content);
    text.encode_utf16().flat_map(|unit| if big_endian { unit.to_be_bytes() } else { unit.to_le_bytes() }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed(content: &[u8]) -> Option<Vec<u8>> {
        unpacked(content, |text| {
            let text = String::from_utf8_lossy(text);
            text.contains("abc").then(|| text.replace("abc", "#").into_bytes())
        })
        .unwrap()
    }

    #[test]
    fn what_is_packed_is_packed_again() {
        let text = "{\"token\": \"abc\", \"é\": 1}";
        let utf16 =
            |big: bool, mark: bool| to_utf16(format!("{}{text}", if mark { "\u{feff}" } else { "" }).as_bytes(), big);
        let gzip = encode_one("gzip", text.as_bytes()).unwrap();
        let contents = [
            text.as_bytes().to_vec(),
            gzip.clone(),
            encode_one("zstd", text.as_bytes()).unwrap(),
            encode_one("deflate", text.as_bytes()).unwrap(),
            encode_one("zstd", &gzip).unwrap(),
            utf16(true, true),
            utf16(false, true),
            utf16(true, false),
            utf16(false, false),
            encode_one("gzip", &utf16(false, true)).unwrap(),
        ];
        for content in contents {
            let clean = changed(&content).unwrap();
            assert_eq!(packing(&clean), packing(&content));
            assert_eq!(changed(&clean), None);
            let shown = std::cell::Cell::new(None);
            unpacked(&clean, |text| {
                shown.set(Some(String::from_utf8_lossy(text).into_owned()));
                None
            })
            .unwrap();
            let shown = shown.take().unwrap();
            assert_eq!(shown.trim_start_matches('\u{feff}'), text.replace("abc", "#"));
        }
    }

    #[test]
    fn what_cant_be_read_is_said() {
        let gzip = encode_one("gzip", b"abc").unwrap();
        assert_eq!(unpacked(&gzip[..gzip.len() - 3], |_| None), Err(Unreadable));
        assert_eq!(changed(b"x^abc"), Some(b"x^#".to_vec()), "no zlib after all");
        assert!(is_text(b"abc\r\n") && is_text(b"caf\xe9 abc"));
        assert!(!is_text(b"\x89PNG\r\n\x1a\n\0\0") && !is_text(&[0xf3; 9]));
        assert!(
            may_be_text(b"{\"a\": \xc3") && !may_be_text(b"a\xff") && !may_be_text(b"a\x01b") && may_be_text(&gzip)
        );
    }
}
