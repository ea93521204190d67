//! Field sections on their way through the `h2` library, byte for byte.
//!
//! ```text
//! from a peer: name, value … ─► pack ─► f: name value (any bytes escaped) … ─► h2 ─► unpack ─► name, value …
//! to a peer:   target ─► pack_target ─► /~/hex, if the library's Uri would refuse or alter it ─► h2 ─► unpack_target
//! ```
//!
//! The library refuses, alters or regroups some of what it reads: a value that is none ends the connection, a fragment is
//! cut off, fields of one name are put together. What is packed it can only pass on, and the proxy decides.

use bytes::Bytes;
use hyper::HeaderMap;

use crate::proxy::h2::hpack::literal;
use crate::proxy::message::head::HeadLimits;

/// The name of all packed fields.
const NAME: &str = "f";

/// The name that stands for a section which was too large to keep. Its value is [`LINE`] or empty.
const TOO_LARGE: &str = "l";

/// It was method and target that were too long.
const LINE: &[u8] = b"1";

/// Precedes bytes that can't be in a field's value, and itself.
const ESCAPE: u8 = 0xff;

/// Behind [`ESCAPE`], the end of the name.
const COLON: u8 = b':';

/// What a byte that is escaped is combined with, so that it becomes a printable one.
const FLIP: u8 = 0x40;

/// A field as it was received: pseudo-fields included, names in any case.
pub(crate) type RawField = (Vec<u8>, Vec<u8>);

/// A section that was too large.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooLarge {
    /// What HTTP/1 has in its first line was too long by itself.
    pub line: bool,
}

/// Packs the fields of one section, as far as there is room for it.
#[derive(Debug)]
pub(crate) struct Packer {
    limits: HeadLimits,
    packed: Vec<u8>,
    bytes: usize,
    line: usize,
    fields: usize,
}

impl Packer {
    /// For a section within these limits; they count names and values as over HTTP/1.
    pub(super) fn new(limits: HeadLimits) -> Self {
        Self { limits, packed: Vec::with_capacity(1024), bytes: 0, line: 0, fields: 0 }
    }

    /// Packs a field.
    pub(super) fn push(&mut self, name: &[u8], value: &[u8]) {
        // What HTTP/1 writes around them: ": ", CR LF.
        let bytes = name.len() + value.len() + 4;
        self.bytes = self.bytes.saturating_add(bytes);
        if name == b":path" || name == b":method" {
            self.line = self.line.saturating_add(bytes);
        } else if !name.starts_with(b":") {
            self.fields += 1;
        }
        if self.is_too_large() {
            return;
        }
        let mut packed = Vec::with_capacity(name.len() + value.len() + 2);
        escape(name, &mut packed);
        packed.extend([ESCAPE, COLON]);
        escape(value, &mut packed);
        literal(NAME.as_bytes(), &packed, &mut self.packed);
    }

    /// True if there is no room for all of it.
    pub(crate) fn is_too_large(&self) -> bool {
        self.bytes > self.limits.bytes || self.fields > self.limits.fields
    }

    /// True if it is so much larger than there is room for that nobody who means well sends it.
    pub(crate) fn is_abuse(&self) -> bool {
        self.bytes / 4 > self.limits.bytes
    }

    /// Appends the packed fields to a header block.
    pub(super) fn finish(self, block: &mut Vec<u8>) {
        if self.is_too_large() {
            literal(TOO_LARGE.as_bytes(), if self.line > self.limits.bytes { LINE } else { b"" }, block);
        } else {
            block.extend(self.packed);
        }
    }
}

fn escape(bytes: &[u8], out: &mut Vec<u8>) {
    for &byte in bytes {
        match byte {
            ESCAPE => out.extend([ESCAPE, ESCAPE]),
            0..0x20 | 0x7f => out.extend([ESCAPE, byte ^ FLIP]),
            _ => out.push(byte),
        }
    }
}

/// The fields of a section as they were received, in their order.
pub(crate) fn unpack(map: &HeaderMap) -> Result<Vec<RawField>, TooLarge> {
    if let Some(what) = map.get(TOO_LARGE) {
        return Err(TooLarge { line: what.as_bytes() == LINE });
    }
    Ok(map.get_all(NAME).iter().map(|packed| unescape(packed.as_bytes())).collect())
}

fn unescape(packed: &[u8]) -> RawField {
    let mut name = Vec::new();
    let mut text = Vec::with_capacity(packed.len());
    let mut bytes = packed.iter().copied();
    while let Some(byte) = bytes.next() {
        match byte {
            ESCAPE => match bytes.next() {
                Some(COLON) => name = std::mem::take(&mut text),
                Some(ESCAPE) => text.push(ESCAPE),
                Some(flipped) => text.push(flipped ^ FLIP),
                None => {}
            },
            _ => text.push(byte),
        }
    }
    (name, text)
}

/// Fields as they come out of the library.
#[cfg(test)]
pub(crate) fn pack(fields: &[(&str, &str)]) -> HeaderMap {
    let packed = fields.iter().map(|(name, value)| {
        let mut packed = Vec::new();
        escape(name.as_bytes(), &mut packed);
        packed.extend([ESCAPE, COLON]);
        escape(value.as_bytes(), &mut packed);
        let value = hyper::header::HeaderValue::from_bytes(&packed).expect("a value");
        (hyper::header::HeaderName::from_static(NAME), value)
    });
    let mut map = HeaderMap::new();
    for (name, value) in packed {
        map.append(name, value);
    }
    map
}

/// What a packed target begins with. A target that begins so itself is packed too.
const TARGET: &str = "/~/";

/// The target as something that the library's `Uri` passes on as it is.
pub(crate) fn pack_target(target: &str) -> Bytes {
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@/?%".contains(byte);
    if target.starts_with('/') && !target.starts_with(TARGET) && target.as_bytes().iter().all(is_plain) {
        return Bytes::copy_from_slice(target.as_bytes());
    }
    let hex = |digit: u8| b"0123456789abcdef"[usize::from(digit)];
    let mut packed = TARGET.as_bytes().to_vec();
    packed.extend(target.bytes().flat_map(|byte| [hex(byte >> 4), hex(byte & 15)]));
    packed.into()
}

/// The target of a path that was packed; none if it was not.
pub(crate) fn unpack_target(path: &[u8]) -> Option<Vec<u8>> {
    let digits = path.strip_prefix(TARGET.as_bytes())?;
    let digit = |byte: u8| char::from(byte).to_digit(16).map_or(0, |digit| digit as u8);
    Some(digits.chunks(2).map(|pair| pair.iter().fold(0, |byte, next| (byte << 4) | digit(*next))).collect())
}

#[cfg(test)]
mod tests {
    use hyper::header::{HeaderName, HeaderValue};

    use super::*;
    use crate::proxy::h2::hpack::HpackDecoder;

    const LIMITS: HeadLimits = HeadLimits { bytes: 1000, fields: 4 };

    /// As the library reads a block.
    fn read(block: &[u8]) -> HeaderMap {
        let mut map = HeaderMap::new();
        let field = |name: &Bytes, value: &Bytes| {
            map.append(HeaderName::from_lowercase(name).unwrap(), HeaderValue::from_bytes(value).unwrap());
        };
        HpackDecoder::default().decode(block, field).unwrap();
        map
    }

    fn through(fields: &[(&[u8], &[u8])]) -> Result<Vec<RawField>, TooLarge> {
        let mut packer = Packer::new(LIMITS);
        for (name, value) in fields {
            packer.push(name, value);
        }
        let mut block = Vec::new();
        packer.finish(&mut block);
        unpack(&read(&block))
    }

    #[test]
    fn any_bytes_pass_in_their_order() {
        let all: Vec<u8> = (0..=255).collect();
        let fields: [(&[u8], &[u8]); 5] =
            [(b":path", b"/<>#"), (&all, b" "), (b"", &all), (b"A:b\xff:", b"\xff\xff:"), (b"a", b"")];
        let back = through(&fields).unwrap();
        assert!(back.iter().map(|(name, value)| (&name[..], &value[..])).eq(fields));
    }

    #[test]
    fn what_is_too_large_is_said_and_not_kept() {
        assert_eq!(through(&[(b"a", &[b'x'; 1000])]), Err(TooLarge { line: false }));
        assert_eq!(through(&[(b"a", b""), (b":path", &[b'x'; 1000])]), Err(TooLarge { line: true }));
        assert_eq!(through(&[(&b"a"[..], &b""[..]); 5]), Err(TooLarge { line: false }));
        assert_eq!(through(&[(&b":a"[..], &b""[..]); 5]).unwrap().len(), 5);
        assert_eq!(through(&[(b"a", &[b'x'; 990])]).unwrap().len(), 1);
        let mut packer = Packer::new(LIMITS);
        packer.push(b"a", &[b'x'; 3990]);
        assert!(packer.is_too_large() && !packer.is_abuse() && packer.packed.is_empty());
        packer.push(b"a", b"");
        packer.push(b"a", &[b'x'; 5]);
        assert!(packer.is_abuse());
    }

    #[test]
    fn any_target_passes() {
        for target in ["/", "/a?b=%7C", "/~x", "//h/a"] {
            assert_eq!(pack_target(target), target);
            assert_eq!(unpack_target(target.as_bytes()), None);
        }
        for target in ["*", "/~/", "/~/2a", "/\"<>{}|^`\\", "/caf\u{e9}?\u{e9}", "?", "/a[b]"] {
            let packed = pack_target(target);
            assert!(packed.starts_with(b"/~/"), "{target}");
            assert_eq!(unpack_target(&packed).unwrap(), target.as_bytes());
        }
    }
}
