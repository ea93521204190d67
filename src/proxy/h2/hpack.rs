//! Header compression (RFC 7541): read whole, written without compression.
//!
//! ```text
//! block ─► HpackDecoder, which keeps the dynamic table ─► name and value, byte for byte …
//! name, value ─► literal ─► block
//! ```
//!
//! The `h2` library reads blocks too, but gives up the whole connection where a name or a value is none.

use std::collections::VecDeque;

use bytes::Bytes;

use crate::proxy::h2::huffman;

/// Most bytes that the dynamic table holds, as the `h2` library announces it by saying nothing (section 6.5.2 of
/// RFC 9113).
const TABLE: usize = 4096;

/// A block that is none. What follows on its connection can't be read either.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HpackError {
    /// It ends within a field.
    #[error("a header block ends within a field")]
    Short,
    /// A number that is too large.
    #[error("a header block has a number that is too large")]
    Number,
    /// An entry that is in no table.
    #[error("a header block names a field that is in no table")]
    Index,
    /// A string that is none.
    #[error("a header block has a string that is no Huffman code")]
    Huffman,
    /// A size of the table that is not allowed, or not where it is allowed.
    #[error("a header block changes the size of the table where it must not")]
    TableSize,
}

/// Reads the blocks of one direction of one connection, in their order.
#[derive(Debug)]
pub struct HpackDecoder {
    /// The newest first.
    table: VecDeque<(Bytes, Bytes)>,
    size: usize,
    /// What the sender has chosen to use of [`TABLE`].
    limit: usize,
}

impl Default for HpackDecoder {
    fn default() -> Self {
        Self { table: VecDeque::new(), size: 0, limit: TABLE }
    }
}

impl HpackDecoder {
    /// Reads a block; its fields go to `field`, who decides how much of them is kept: a block may stand for many times its
    /// length.
    pub fn decode(&mut self, block: &[u8], mut field: impl FnMut(&Bytes, &Bytes)) -> Result<(), HpackError> {
        let mut rest = block;
        let mut begun = false;
        while let Some(&first) = rest.first() {
            if first & 0xe0 == 0x20 {
                let limit = number(&mut rest, 5)?;
                if begun || limit > TABLE {
                    return Err(HpackError::TableSize);
                }
                self.limit = limit;
                self.shrink(limit);
                continue;
            }
            begun = true;
            if first & 0x80 != 0 {
                let index = number(&mut rest, 7)?;
                let (name, value) = self.entry(index)?;
                field(&name, &value);
                continue;
            }
            let is_kept = first & 0x40 != 0;
            let index = number(&mut rest, if is_kept { 6 } else { 4 })?;
            let name = if index == 0 { string(&mut rest)? } else { self.entry(index)?.0 };
            let value = string(&mut rest)?;
            field(&name, &value);
            if is_kept {
                self.keep(name, value);
            }
        }
        Ok(())
    }

    fn entry(&self, index: usize) -> Result<(Bytes, Bytes), HpackError> {
        match STATIC.get(index.wrapping_sub(1)) {
            Some((name, value)) => Ok((Bytes::from_static(name.as_bytes()), Bytes::from_static(value.as_bytes()))),
            None => self.table.get(index.wrapping_sub(1 + STATIC.len())).cloned().ok_or(HpackError::Index),
        }
    }

    fn keep(&mut self, name: Bytes, value: Bytes) {
        let size = entry_size(&name, &value);
        self.shrink(self.limit.saturating_sub(size));
        if size <= self.limit {
            self.size += size;
            self.table.push_front((name, value));
        }
    }

    /// Drops the oldest entries until the table is no larger.
    fn shrink(&mut self, limit: usize) {
        while self.size > limit
            && let Some((name, value)) = self.table.pop_back()
        {
            self.size -= entry_size(&name, &value);
        }
    }
}

/// Section 4.1.
fn entry_size(name: &[u8], value: &[u8]) -> usize {
    name.len() + value.len() + 32
}

/// A number whose first byte has so many bits for it (section 5.1).
fn number(rest: &mut &[u8], bits: u32) -> Result<usize, HpackError> {
    let most = (1_usize << bits) - 1;
    let mut value = usize::from(take(rest)?) & most;
    if value < most {
        return Ok(value);
    }
    // Enough for 2^28; no block is as long.
    for shift in [0, 7, 14, 21] {
        let byte = take(rest)?;
        value += usize::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err(HpackError::Number)
}

fn take(rest: &mut &[u8]) -> Result<u8, HpackError> {
    let (&byte, after) = rest.split_first().ok_or(HpackError::Short)?;
    *rest = after;
    Ok(byte)
}

/// Section 5.2.
fn string(rest: &mut &[u8]) -> Result<Bytes, HpackError> {
    let is_huffman = rest.first().is_some_and(|first| first & 0x80 != 0);
    let length = number(rest, 7)?;
    let (text, after) = rest.split_at_checked(length).ok_or(HpackError::Short)?;
    *rest = after;
    if !is_huffman {
        return Ok(Bytes::copy_from_slice(text));
    }
    let mut decoded = Vec::with_capacity(text.len() * 8 / 5);
    if !huffman::decode(text, &mut decoded) {
        return Err(HpackError::Huffman);
    }
    Ok(decoded.into())
}

/// Appends a field that enters no table, byte for byte.
pub fn literal(name: &[u8], value: &[u8], out: &mut Vec<u8>) {
    out.push(0);
    plain(name, out);
    plain(value, out);
}

/// Appends a string as it is.
fn plain(text: &[u8], out: &mut Vec<u8>) {
    if text.len() < 0x7f {
        out.push(text.len() as u8);
    } else {
        out.push(0x7f);
        let mut left = text.len() - 0x7f;
        while left >= 0x80 {
            out.push((left & 0x7f) as u8 | 0x80);
            left >>= 7;
        }
        out.push(left as u8);
    }
    out.extend_from_slice(text);
}

/// Puts another `:path` into a block that says it as a literal that enters no table, as the `h2` library writes it.
/// `replacement` is asked with the one that is there; none leaves the block as it is.
pub(crate) fn replace_path(
    block: &[u8],
    replacement: impl FnOnce(&[u8]) -> Option<Vec<u8>>,
) -> Result<Option<Vec<u8>>, HpackError> {
    let mut rest = block;
    while let Some(&first) = rest.first() {
        let start = rest;
        if first & 0x80 != 0 {
            number(&mut rest, 7)?;
        } else if first & 0xe0 == 0x20 {
            number(&mut rest, 5)?;
        } else {
            let enters_table = first & 0x40 != 0;
            let index = number(&mut rest, if enters_table { 6 } else { 4 })?;
            let is_path = match index {
                0 => string(&mut rest)? == ":path",
                index => index == PATH || index == PATH + 1,
            };
            let value = string(&mut rest)?;
            if is_path && !enters_table {
                return Ok(replacement(&value).map(|path| {
                    let mut out = block[..block.len() - start.len()].to_vec();
                    out.push(PATH as u8);
                    plain(&path, &mut out);
                    out.extend_from_slice(rest);
                    out
                }));
            }
        }
    }
    Ok(None)
}

/// Where `:path` is in [`STATIC`], counted from 1; twice.
const PATH: usize = 4;

/// Appendix A.
#[rustfmt::skip]
const STATIC: [(&str, &str); 61] = [
    (":authority", ""), (":method", "GET"), (":method", "POST"), (":path", "/"), (":path", "/index.html"),
    (":scheme", "http"), (":scheme", "https"), (":status", "200"), (":status", "204"), (":status", "206"),
    (":status", "304"), (":status", "400"), (":status", "404"), (":status", "500"), ("accept-charset", ""),
    ("accept-encoding", "gzip, deflate"), ("accept-language", ""), ("accept-ranges", ""), ("accept", ""),
    ("access-control-allow-origin", ""), ("age", ""), ("allow", ""), ("authorization", ""), ("cache-control", ""),
    ("content-disposition", ""), ("content-encoding", ""), ("content-language", ""), ("content-length", ""),
    ("content-location", ""), ("content-range", ""), ("content-type", ""), ("cookie", ""), ("date", ""), ("etag", ""),
    ("expect", ""), ("expires", ""), ("from", ""), ("host", ""), ("if-match", ""), ("if-modified-since", ""),
    ("if-none-match", ""), ("if-range", ""), ("if-unmodified-since", ""), ("last-modified", ""), ("link", ""),
    ("location", ""), ("max-forwards", ""), ("proxy-authenticate", ""), ("proxy-authorization", ""), ("range", ""),
    ("referer", ""), ("refresh", ""), ("retry-after", ""), ("server", ""), ("set-cookie", ""),
    ("strict-transport-security", ""), ("transfer-encoding", ""), ("user-agent", ""), ("vary", ""), ("via", ""),
    ("www-authenticate", ""),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(text: &str) -> Vec<u8> {
        let text = text.replace(' ', "");
        (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
    }

    fn fields(decoder: &mut HpackDecoder, block: &[u8]) -> Result<Vec<String>, HpackError> {
        let mut seen = Vec::new();
        let mut field = |name: &Bytes, value: &Bytes| {
            seen.push(format!("{}={}", String::from_utf8_lossy(name), String::from_utf8_lossy(value)));
        };
        decoder.decode(block, &mut field)?;
        Ok(seen)
    }

    /// RFC 7541 appendix C.3 and C.4: the same three requests, without and with the Huffman code.
    #[test]
    fn requests_of_the_rfc() {
        for blocks in [
            [
                "8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d",
                "8286 84be 5808 6e6f 2d63 6163 6865",
                "8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65",
            ],
            [
                "8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff",
                "8286 84be 5886 a8eb 1064 9cbf",
                "8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf",
            ],
        ] {
            let mut decoder = HpackDecoder::default();
            let mut next = |at: usize| fields(&mut decoder, &hex(blocks[at])).unwrap().join(" ");
            assert_eq!(next(0), ":method=GET :scheme=http :path=/ :authority=www.example.com");
            assert_eq!(next(1), ":method=GET :scheme=http :path=/ :authority=www.example.com cache-control=no-cache");
            assert_eq!(
                next(2),
                ":method=GET :scheme=https :path=/index.html :authority=www.example.com custom-key=custom-value"
            );
            assert_eq!(decoder.size, 164);
        }
    }

    /// Appendix C.6, with a table of 256 bytes, which drops its oldest entries.
    #[test]
    fn answers_of_the_rfc() {
        let mut decoder = HpackDecoder { limit: 256, ..HpackDecoder::default() };
        let first = "4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e 919d 29ad 1718 \
                     63c7 8f0b 97c8 e9ae 82ae 43d3";
        let date = "date=Mon, 21 Oct 2013 20:13:21 GMT";
        let all = |status| format!(":status={status} cache-control=private {date} location=https://www.example.com");
        assert_eq!(fields(&mut decoder, &hex(first)).unwrap().join(" "), all(302));
        assert_eq!(decoder.size, 222);
        let second = fields(&mut decoder, &hex("4883 640e ffc1 c0bf")).unwrap();
        assert_eq!(second.join(" "), all(307));
        assert_eq!((decoder.size, decoder.table.len()), (222, 4));
    }

    #[test]
    fn what_is_no_block_is_refused() {
        for (block, error) in [
            ("80", HpackError::Index),
            ("be", HpackError::Index),
            ("ff ffffffffff", HpackError::Number),
            ("00 05 61", HpackError::Short),
            ("00 01 61", HpackError::Short),
            ("04 81 ff", HpackError::Huffman),
            ("82 20", HpackError::TableSize),
            ("3f e2 1f", HpackError::TableSize),
        ] {
            assert_eq!(fields(&mut HpackDecoder::default(), &hex(block)), Err(error), "{block}");
        }
        assert_eq!(fields(&mut HpackDecoder::default(), &hex("20 3f e1 1f 82")).unwrap(), [":method=GET"]);
    }

    #[test]
    fn a_field_larger_than_the_table_empties_it() {
        let mut decoder = HpackDecoder::default();
        fields(&mut decoder, &hex("40 01 61 01 62")).unwrap();
        assert_eq!(fields(&mut decoder, &hex("be")).unwrap(), ["a=b"]);
        let mut large = vec![0x40];
        plain(b"c", &mut large);
        plain(&[b'd'; TABLE], &mut large);
        fields(&mut decoder, &large).unwrap();
        assert_eq!(fields(&mut decoder, &hex("be")), Err(HpackError::Index));
    }

    #[test]
    fn any_field_is_written_and_read_again() {
        let long = vec![b'x'; 70_000];
        let given: [(&[u8], &[u8]); 4] = [(b":path", b"/a"), (b"", b""), (b"A b\0", b"\r\n\xff"), (b"long", &long)];
        let mut block = Vec::new();
        for (name, value) in given {
            literal(name, value, &mut block);
        }
        let mut seen = Vec::new();
        HpackDecoder::default().decode(&block, |name, value| seen.push((name.clone(), value.clone()))).unwrap();
        assert!(seen.iter().map(|(name, value)| (&name[..], &value[..])).eq(given));
    }

    #[test]
    fn a_path_is_replaced_in_its_place() {
        // :method GET, :scheme http, :authority kept in the table, :path /a, x: y
        let block = hex("82 86 41 01 68 04 02 2f61 00 01 78 01 79");
        let replaced = replace_path(&block, |path| {
            assert_eq!(path, b"/a");
            Some(b"/<\xff>".to_vec())
        });
        assert_eq!(replaced.unwrap().unwrap(), hex("82 86 41 01 68 04 04 2f3cff3e 00 01 78 01 79"));
        assert_eq!(replace_path(&block, |_| None), Ok(None));
        assert_eq!(replace_path(&hex("82 84"), |_| panic!("it is in the table")), Ok(None));
        assert_eq!(replace_path(&hex("82 04 05 2f"), |_| None), Err(HpackError::Short));
    }
}
