//! UUIDs within texts: found where they stand as whole identifiers, and replaced there.

use std::ops::Range;

use memchr::memchr_iter;

/// Characters of the text form of a UUID.
const LENGTH: usize = 36;

/// A UUID within a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FoundUuid {
    /// Where it stands.
    pub at: Range<usize>,
    /// Which one it is.
    pub uuid: u128,
}

/// The UUID that a text is, in any case; `None` for anything else.
pub(crate) fn parse_uuid(text: &str) -> Option<u128> {
    let bytes = text.as_bytes();
    if bytes.len() != LENGTH {
        return None;
    }
    let mut uuid = 0_u128;
    for (index, &byte) in bytes.iter().enumerate() {
        let digit = match (index, byte) {
            (8 | 13 | 18 | 23, b'-') => continue,
            (8 | 13 | 18 | 23, _) => return None,
            (_, b'0'..=b'9') => byte - b'0',
            (_, b'a'..=b'f') => byte - b'a' + 10,
            (_, b'A'..=b'F') => byte - b'A' + 10,
            _ => return None,
        };
        uuid = uuid << 4 | u128::from(digit);
    }
    Some(uuid)
}

/// The UUIDs of a text, in order. One that is a part of a longer word is none.
pub(crate) fn find_uuids(text: &str) -> impl Iterator<Item = FoundUuid> + '_ {
    let bytes = text.as_bytes();
    let mut behind = 0;
    memchr_iter(b'-', bytes).filter_map(move |hyphen| {
        let start = hyphen.checked_sub(8).filter(|&start| start >= behind)?;
        let at = start..start + LENGTH;
        let uuid = parse_uuid(text.get(at.clone())?)?;
        let is_word = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
        if start.checked_sub(1).is_some_and(|before| is_word(bytes.get(before))) || is_word(bytes.get(at.end)) {
            return None;
        }
        behind = at.end;
        Some(FoundUuid { at, uuid })
    })
}

/// The text with other words in place of some of its UUIDs; `None` if nothing is replaced.
pub(crate) fn replace_uuids(text: &str, mut by: impl FnMut(u128) -> Option<String>) -> Option<String> {
    let mut replaced: Option<String> = None;
    let mut done = 0;
    for FoundUuid { at, uuid } in find_uuids(text) {
        if let Some(word) = by(uuid) {
            let out = replaced.get_or_insert_with(|| String::with_capacity(text.len()));
            out.push_str(&text[done..at.start]);
            out.push_str(&word);
            done = at.end;
        }
    }
    if let Some(out) = &mut replaced {
        out.push_str(&text[done..]);
    }
    replaced
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "14a19ffd-7278-4296-9c71-96669e5c5b00";

    #[test]
    fn whole_identifiers_are_found_in_any_case() {
        let upper = A.to_ascii_uppercase();
        for (text, count) in [
            (A.to_owned(), 1),
            (format!("/orders/{A}#/1 {upper}"), 2),
            (format!("x{A}"), 0),
            (format!("{A}0"), 0),
            (format!("1-{A}"), 1),
            (A[..35].to_owned(), 0),
            ("é-é".to_owned(), 0),
        ] {
            assert_eq!(find_uuids(&text).count(), count, "{text}");
        }
        assert_eq!(replace_uuids(&format!("a/{A}/b/{upper}"), |_| Some("*".into())).as_deref(), Some("a/*/b/*"));
        assert_eq!(replace_uuids("none", |_| Some("*".into())), None);
    }
}
