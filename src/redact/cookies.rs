//! The values of cookies, in `Cookie` and in `Set-Cookie`.
//!
//! ```text
//! Cookie: a=abc; b=def                       → abc, def
//! Set-Cookie: a=abc; Path=/, b="d;e"; Path=/ → abc, "d;e"
//! ```

use std::ops::Range;

/// The values in `Cookie`.
pub(super) fn values(field: &[u8]) -> Vec<Range<usize>> {
    let mut ranges = Vec::new();
    let mut start = 0;
    for pair in field.split(|&byte| byte == b';') {
        ranges.extend(value_of(field, start..start + pair.len()));
        start += pair.len() + 1;
    }
    ranges
}

/// The values in `Set-Cookie`. Logs, and what joins fields of one name, write several cookies in one line, with commas
/// between them, or line breaks.
pub(super) fn values_that_are_set(field: &[u8]) -> Vec<Range<usize>> {
    let mut ranges = Vec::new();
    let mut start = 0;
    while start < field.len() {
        let end = end_of_pair(field, start);
        ranges.extend(value_of(field, start..end));
        start = end_of_attributes(field, end) + 1;
    }
    ranges
}

/// The value of `name=value`, or of a pair without a name.
fn value_of(field: &[u8], pair: Range<usize>) -> Option<Range<usize>> {
    let text = &field[pair.clone()];
    let equals = memchr::memchr(b'=', text).map_or(0, |equals| equals + 1);
    let behind = text[equals..].trim_ascii_start();
    let value = behind.trim_ascii_end();
    let start = pair.end - behind.len();
    (!value.is_empty()).then(|| start..start + value.len())
}

/// Where a cookie's name and value end. A value in quotes may hold what ends others.
fn end_of_pair(field: &[u8], start: usize) -> usize {
    let rest = &field[start..];
    let equals = rest.iter().position(|byte| b"=;\n".contains(byte)).filter(|&at| rest[at] == b'=');
    let value = equals.map_or(start, |at| start + at + 1);
    let blanks = field[value..].iter().take_while(|&&byte| byte == b' ').count();
    let mut at = end_of_quoted(field, value + blanks).unwrap_or(value);
    while let Some(&byte) = field.get(at) {
        let is_next = |at: usize| field.get(at + 1) == Some(&b' ') && begins_cookie(&field[at + 1..]);
        if matches!(byte, b';' | b'\n') || byte == b',' && is_next(at) {
            break;
        }
        at += 1;
    }
    at
}

/// The place behind a value in quotes that begins at `start`; `None` if there is none.
fn end_of_quoted(field: &[u8], start: usize) -> Option<usize> {
    let value = field.get(start..)?.strip_prefix(b"\"")?;
    let is_end = |at: &usize| value[..*at].iter().rev().take_while(|&&byte| byte == b'\\').count() % 2 == 0;
    let close = memchr::memchr_iter(b'"', value).find(is_end)?;
    let end = start + close + 2;
    matches!(field[end..].trim_ascii_start().first(), None | Some(b';' | b',')).then_some(end)
}

/// Where the attributes of a cookie end: at a comma, if another cookie begins behind it and no date goes on, at the end of a line,
/// or at the end of the field.
fn end_of_attributes(field: &[u8], start: usize) -> usize {
    let is_end = |at: &usize| match field[*at] {
        b'\n' => true,
        b',' => begins_cookie(&field[at + 1..]),
        _ => false,
    };
    (start..field.len()).find(is_end).unwrap_or(field.len())
}

/// True for a name and an equals sign, perhaps behind blanks.
fn begins_cookie(text: &[u8]) -> bool {
    let text = text.trim_ascii_start();
    let is_name = |byte: &&u8| byte.is_ascii_graphic() && !b"()<>@,;:\\\"/[]?={}".contains(byte);
    let length = text.iter().take_while(is_name).count();
    length > 0 && text.get(length) == Some(&b'=')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(field: &str, values: fn(&[u8]) -> Vec<Range<usize>>) -> String {
        let mut shown = field.to_owned();
        for range in values(field.as_bytes()).into_iter().rev() {
            shown.replace_range(range, "#");
        }
        shown
    }

    #[test]
    fn several_cookies_may_be_set_in_one_field() {
        for (field, expected) in [
            ("a=b; Path=/", "a=#; Path=/"),
            ("a=b; Path=/, c=d; Path=/", "a=#; Path=/, c=#; Path=/"),
            ("a=b; Path=/,c=d", "a=#; Path=/,c=#"),
            ("a=b, c=d, e=f; Secure", "a=#, c=#, e=#; Secure"),
            ("a=b,c=; Path=/", "a=#; Path=/"),
            ("a=b; Path=/\nc=d\ne=f; Secure", "a=#; Path=/\nc=#\ne=#; Secure"),
            ("a=b; Expires=Wed, 21 Oct 2026 07:28:00 GMT, c=d", "a=#; Expires=Wed, 21 Oct 2026 07:28:00 GMT, c=#"),
            (
                "a=b; expires=Wed, 21-Oct-2026 07:28:00 GMT; Path=/",
                "a=#; expires=Wed, 21-Oct-2026 07:28:00 GMT; Path=/",
            ),
            ("a=\"x;y\"; Path=/", "a=#; Path=/"),
            ("a= \"x, y=z\", b=\"c\"; Path=/", "a= #, b=#; Path=/"),
            ("a=\"x\\\";y\"; Path=/", "a=#; Path=/"),
            ("a=\"x; Path=/", "a=#; Path=/"),
            ("a=\"x\"y; Path=/", "a=#; Path=/"),
            ("abc; Path=/", "#; Path=/"),
            ("=abc; Path=/", "=#; Path=/"),
            ("a=; Path=/", "a=; Path=/"),
            ("", ""),
        ] {
            assert_eq!(shown(field, values_that_are_set), expected);
        }
    }

    #[test]
    fn each_pair_is_a_cookie() {
        assert_eq!(shown("a=1; b=x=y;c; d=; e=\"f;g\"", values), "a=#; b=#;#; d=; e=#;#");
    }
}
