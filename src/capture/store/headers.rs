//! Header fields in one column: lines as in HTTP/1.1, readable with any SQLite tool.
//!
//! `Headers → "Name: value\n" … → Headers`
//!
//! A backslash, line feed or carriage return is written `\\`, `\n`, `\r`, and a colon within a name `\:`, so that any
//! bytes read back as they were.

use std::borrow::Cow;

use bytes::Bytes;

use crate::exchange::{Header, Headers};

/// The column's value.
pub(super) fn pack(headers: &Headers) -> Vec<u8> {
    let size = headers.0.iter().map(|field| field.name.len() + field.value.len() + 3).sum();
    let mut packed = Vec::with_capacity(size);
    for Header { name, value } in &headers.0 {
        escape(name.as_bytes(), true, &mut packed);
        packed.extend_from_slice(b": ");
        escape(value, false, &mut packed);
        packed.push(b'\n');
    }
    packed
}

fn escape(bytes: &[u8], name: bool, packed: &mut Vec<u8>) {
    if memchr::memchr3(b'\\', b'\n', b'\r', bytes).is_none() && !(name && bytes.contains(&b':')) {
        packed.extend_from_slice(bytes);
        return;
    }
    for &byte in bytes {
        match byte {
            b'\\' => packed.extend_from_slice(b"\\\\"),
            b'\n' => packed.extend_from_slice(b"\\n"),
            b'\r' => packed.extend_from_slice(b"\\r"),
            b':' if name => packed.extend_from_slice(b"\\:"),
            _ => packed.push(byte),
        }
    }
}

/// The header fields behind the column's value; `None` if it isn't one.
pub(super) fn unpack(packed: &[u8]) -> Option<Headers> {
    let mut headers = Vec::with_capacity(12);
    let mut rest = packed;
    while !rest.is_empty() {
        let end = memchr::memchr(b'\n', rest)?;
        let line = &rest[..end];
        rest = &rest[end + 1..];
        let colon =
            memchr::memchr_iter(b':', line).find(|&at| at == 0 || line[at - 1] != b'\\' || escaped(line, at))?;
        let value = line[colon + 1..].strip_prefix(b" ")?;
        let name = String::from_utf8(unescape(&line[..colon]).into_owned()).ok()?;
        headers.push(Header { name, value: Bytes::from(unescape(value).into_owned()) });
    }
    Some(Headers::of(headers))
}

/// True if the backslash before the colon at `at` is itself the second of a pair.
fn escaped(line: &[u8], at: usize) -> bool {
    line[..at].iter().rev().take_while(|&&byte| byte == b'\\').count() % 2 == 0
}

fn unescape(bytes: &[u8]) -> Cow<'_, [u8]> {
    if memchr::memchr(b'\\', bytes).is_none() {
        return Cow::Borrowed(bytes);
    }
    let mut plain = Vec::with_capacity(bytes.len());
    let mut bytes = bytes.iter();
    while let Some(&byte) = bytes.next() {
        plain.push(match byte {
            b'\\' => match bytes.next() {
                Some(b'n') => b'\n',
                Some(b'r') => b'\r',
                Some(&other) => other,
                None => b'\\',
            },
            _ => byte,
        });
    }
    Cow::Owned(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_can_be_read_by_people() {
        let headers: Headers = [("Accept", "*/*"), ("X-Note", "a: b")].into_iter().collect();
        assert_eq!(pack(&headers), b"Accept: */*\nX-Note: a: b\n");
    }

    #[test]
    fn odd_bytes_read_back() {
        let headers: Headers =
            [("a:b\\", &b"\\ \n\r\\n \xff: "[..]), ("", b""), (":", b":"), ("\\:", b" lead"), ("n\n", b"\\")]
                .into_iter()
                .collect();
        assert_eq!(unpack(&pack(&headers)), Some(headers));
    }

    #[test]
    fn damage_is_noticed() {
        for packed in [&b"no colon\n"[..], b"a: no end", b"a:b\n", b"\xff: x\n"] {
            assert_eq!(unpack(packed), None);
        }
    }
}
