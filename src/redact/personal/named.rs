//! Values that a text names: in the parameters of a URL, in markup, in JSON that stands within a sentence or is cut off.
//!
//! `…?givenName=Robin&x=1 | <a family-name='Hale'> | <givenName>Robin</givenName> | {"customer": {"name": "Robin`

use std::ops::Range;

use super::again::decoded;
use super::names::{is_personal_parameter, says_person};
use super::places::{is_kind, is_person, normal};

/// Longest name that is looked for, in bytes.
const LONGEST_NAME: usize = 128;

/// The places of values whose names say that they are personal, in the order of the text.
pub(super) fn values(text: &str) -> Vec<Range<usize>> {
    let bytes = text.as_bytes();
    let mut found: Vec<Range<usize>> = Vec::new();
    // Up to here everything is a person's.
    let mut person = 0;
    for at in memchr::memchr3_iter(b'=', b':', b'>', bytes) {
        if found.last().is_some_and(|last| at < last.end) {
            continue;
        }
        let value = match bytes[at] {
            b'=' => assigned(text, at),
            b':' => member(text, at, &mut person),
            _ => element(text, at),
        };
        found.extend(value.filter(|value| !text[value.clone()].trim().is_empty()));
    }
    found
}

/// `name=value` among parameters, `name="value"` in a tag.
fn assigned(text: &str, at: usize) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let in_name = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-.:[]%".contains(byte);
    let end = bytes[..at].trim_ascii_end().len();
    let length_of_name = bytes[..end].iter().rev().take(LONGEST_NAME).take_while(|byte| in_name(byte)).count();
    let name = decoded(text.get(end - length_of_name..end)?, false);
    // What is percent-encoded may part names too.
    let name = name.rsplit(['?', '&', ';', '#', '=']).next()?;
    if name.is_empty() || !is_personal_parameter(name) {
        return None;
    }
    let start = at + 1 + (bytes[at + 1..].len() - bytes[at + 1..].trim_ascii_start().len());
    if let Some(&quote @ (b'"' | b'\'')) = bytes.get(start) {
        return quoted(text, start, quote);
    }
    if start > at + 1 || end < at {
        return None;
    }
    let in_value = |byte: &u8| *byte > b' ' && !b"&;#\"'<>\\`)}".contains(byte);
    let length = bytes[start..].iter().take_while(|byte| in_value(byte)).count();
    let value = text.get(start..start + length)?;
    // `/path;name=value?query`
    let in_path = bytes[..end - length_of_name].last() == Some(&b';');
    let value = if in_path { value.split('?').next()? } else { value };
    let value = value.trim_end_matches([',', '.']);
    Some(start..start + value.len())
}

/// `"name": "value"`; up to `person` everything is a person's.
fn member(text: &str, at: usize, person: &mut usize) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let end = bytes[..at].trim_ascii_end().len().checked_sub(1)?;
    let quote = *bytes.get(end).filter(|byte| matches!(byte, b'"' | b'\''))?;
    let from = end.saturating_sub(LONGEST_NAME);
    let start = from + memchr::memrchr(quote, &bytes[from..end])? + 1;
    let name = text.get(start..end)?;
    let value = at + 1 + (bytes[at + 1..].len() - bytes[at + 1..].trim_ascii_start().len());
    match bytes.get(value)? {
        b'{' | b'[' if is_person(&normal(name)) || says_person(name) => {
            *person = (*person).max(end_of_container(bytes, value));
            None
        }
        &sign @ (b'"' | b'\'') if is_personal_parameter(name) || (at < *person && !is_kind(&normal(name))) => {
            quoted(text, value, sign)
        }
        _ => None,
    }
}

/// `<name>value</name>`
fn element(text: &str, at: usize) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let from = at.saturating_sub(LONGEST_NAME);
    let start = from + memchr::memrchr(b'<', &bytes[from..at])? + 1;
    let tag = text.get(start..at)?;
    let name = tag.split(|c: char| c.is_whitespace()).next()?;
    if tag.ends_with('/') || !name.starts_with(|c: char| c.is_ascii_alphabetic()) || !is_personal_parameter(name) {
        return None;
    }
    let length = memchr::memchr(b'<', &bytes[at + 1..]).unwrap_or(bytes.len() - at - 1);
    Some(at + 1..at + 1 + length)
}

/// What is between the quote at `start` and the next one, or the end of the text.
fn quoted(text: &str, start: usize, quote: u8) -> Option<Range<usize>> {
    let rest = text.as_bytes().get(start + 1..)?;
    let length = memchr::memchr_iter(quote, rest).find(|&at| at == 0 || rest[at - 1] != b'\\').unwrap_or(rest.len());
    Some(start + 1..start + 1 + length)
}

/// The place behind the container that begins at `start`, or the end of the text.
fn end_of_container(bytes: &[u8], start: usize) -> usize {
    let (mut depth, mut in_string, mut at) = (0_usize, false, start);
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'\\' if in_string => at += 1,
            b'"' => in_string = !in_string,
            b'{' | b'[' if !in_string => depth += 1,
            b'}' | b']' if !in_string => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return at + 1;
                }
            }
            _ => {}
        }
        at += 1;
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_a_text_tell_their_values() {
        for (text, expected) in [
            ("https://a.example/x?a=1&givenName=Robin&b=2", &["Robin"][..]),
            ("?customer%5BgivenName%5D=Robin%20H", &["Robin%20H"]),
            ("/x;givenName=Robin?a=1&email=b", &["Robin", "b"]),
            ("givenName=Robin, familyName=Hale.", &["Robin", "Hale"]),
            ("<c givenName=\"Robin H\" family-name = 'Hale' id=\"1\"/>", &["Robin H", "Hale"]),
            ("<x:givenName a=\"b\">Robin</x:givenName><id>1</id>", &["Robin"]),
            (
                r#"wrong: {"customer": {"@type": "Person", "name": "Robin"}, "name": "n", "email": "e"}"#,
                &["Robin", "e"],
            ),
            (r#"{"customer": {"givenName": "Rob"#, &["Rob"]),
            ("email: required, phone: none, givenName is missing, a==b, https://x.example/?name=n", &[]),
            ("<name>n</name><givenName/>", &[]),
            ("seller[email]=s", &[]),
        ] {
            let found: Vec<&str> = values(text).into_iter().map(|value| &text[value]).collect();
            assert_eq!(found, expected, "{text}");
        }
    }
}
