//! Names and values that stand beside one another: `{"name": "X-Api-Key", "value": "abc"}`, as HAR has header fields.

use std::ops::Range;

use super::{Scan, string_end};
use crate::exchange::secrets::{
    FieldSyntax, NameContext, Secrecy, field_syntax, is_likely_secret, may_be_secret, secrecy,
};

/// Members and attributes that hold the name of something; `k` is one too.
pub(super) const LABELS: [&str; 12] = [
    "name",
    "key",
    "header",
    "headername",
    "field",
    "fieldname",
    "param",
    "parameter",
    "variable",
    "attribute",
    "property",
    "http-equiv",
];

/// Members and attributes that hold its value.
const VALUES: [&str; 9] = ["value", "val", "v", "content", "data", "headervalue", "fieldvalue", "stringvalue", "text"];

/// How far the object around a name is looked at, in bytes before it and behind.
pub(super) const REACH: usize = 4096;

/// False for most names that are no label, by their last two letters; of `k` the sign before it, if there is one, is none of
/// the name.
pub(super) fn may_be_label(name: &[u8]) -> bool {
    let Some((last, rest)) = name.split_last() else { return false };
    match (rest.last().map(u8::to_ascii_lowercase), last.to_ascii_lowercase()) {
        (before, b'k') => !before.is_some_and(|byte| byte.is_ascii_alphanumeric()),
        (Some(before), last) => {
            matches!(&[before, last], b"me" | b"te" | b"le" | b"ey" | b"ty" | b"am" | b"er" | b"ld" | b"iv")
        }
        (None, _) => false,
    }
}

pub(super) fn is_label(name: &[u8]) -> bool {
    matches!(name, b"k" | b"K") || LABELS.iter().any(|label| name.eq_ignore_ascii_case(label.as_bytes()))
}

pub(super) fn is_value(name: &[u8]) -> bool {
    VALUES.iter().any(|label| name.eq_ignore_ascii_case(label.as_bytes()))
}

/// True if the value of something of that name is a secret. Where the name is one of a header field or of a parameter
/// only, or has blanks like a caption, the value decides.
pub(super) fn is_secret_pair(name: &[u8], value: &[u8]) -> bool {
    let of = |context: NameContext| secrecy(name, context).is_some();
    if secrecy(name, NameContext::Member) == Some(Secrecy::Certain) {
        return !name.trim_ascii().contains(&b' ') || is_likely_secret(value);
    }
    let is_named = of(NameContext::Member) || of(NameContext::Parameter) || of(NameContext::HeaderField);
    is_named && is_likely_secret(value)
}

/// False if no value of something of that name is replaced, whatever it is.
fn may_name_secret(name: &[u8]) -> bool {
    let contexts = [NameContext::Member, NameContext::Parameter, NameContext::HeaderField];
    may_be_secret(name)
        && (contexts.into_iter().any(|context| secrecy(name, context).is_some())
            || matches!(
                field_syntax(name),
                Some(FieldSyntax::Cookies | FieldSyntax::SetCookie | FieldSyntax::Challenge)
            ))
}

/// A member of an object.
pub(super) struct Member {
    pub(super) name: Range<usize>,
    /// Of a string what is between its quotes.
    pub(super) value: Range<usize>,
    pub(super) is_string: bool,
}

impl Scan<'_> {
    /// A member that may name the value of another member of its object. Its own name stands in quotes at `place`.
    pub(super) fn label(&mut self, place: Range<usize>, at: usize) {
        if self.byte(at) != Some(b'"') {
            return;
        }
        let end = string_end(self.text, at + 1);
        let text = self.text;
        let named = &text[at + 1..end];
        if !may_name_secret(named) || !self.context.spend(2 * REACH) {
            return;
        }
        let Some(members) = self.object_around(place.start - 1) else { return };
        let is = |member: &Member, name: &str| &text[member.name.clone()] == name.as_bytes();
        // What forms of the Open Booking API ask, and what is answered.
        let is_answer = members.iter().any(|member| {
            (is(member, "@type") || is(member, "type")) && &text[member.value.clone()] == b"PropertyValue"
        });
        for member in members.iter().filter(|member| is_value(&text[member.name.clone()])) {
            let value = member.value.clone();
            if is_answer && !is_likely_secret(&text[value.clone()]) {
                continue;
            }
            if member.is_string {
                self.named_elsewhere(named, value);
            } else if is_secret_pair(named, &text[value.clone()])
                && text[value.clone()].iter().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(byte))
            {
                self.number_at(value);
            }
        }
    }

    /// As [`Scan::number`], somewhere else than where names are looked for.
    fn number_at(&mut self, range: Range<usize>) {
        let done = self.done;
        self.number(range);
        self.done = done;
    }

    /// The members of the object that the member whose quote opens at `quote` belongs to, as far as they are near.
    pub(super) fn object_around(&self, quote: usize) -> Option<Vec<Member>> {
        let mut at = self.beginning_of_object(quote)? + 1;
        let most = quote.saturating_add(REACH).min(self.text.len());
        let mut members = Vec::new();
        loop {
            at = self.behind_space(at);
            if self.byte(at) != Some(b'"') || at >= most {
                return Some(members);
            }
            let name = at + 1..string_end(self.text, at + 1);
            at = self.behind_space(name.end + 1);
            if self.byte(at) != Some(b':') {
                return Some(members);
            }
            at = self.behind_space(at + 1);
            let (value, is_string, behind) = match self.byte(at) {
                Some(b'"') => {
                    let end = string_end(self.text, at + 1);
                    (at + 1..end, true, end + 1)
                }
                Some(b'{' | b'[') => {
                    let end = self.end_of_container(at, most);
                    (at..end, false, end)
                }
                _ => {
                    let end = at + self.run(at, |byte| !byte.is_ascii_whitespace() && !b",]}".contains(&byte));
                    (at..end, false, end)
                }
            };
            members.push(Member { name, value, is_string });
            at = self.behind_space(behind);
            if self.byte(at) != Some(b',') {
                return Some(members);
            }
            at += 1;
        }
    }

    /// The brace that opens the object which holds the string whose quote opens at `quote`. Backwards, since a quote
    /// within a string has a backslash before it.
    fn beginning_of_object(&self, quote: usize) -> Option<usize> {
        let least = quote.saturating_sub(REACH);
        let (mut at, mut depth) = (quote, 0_usize);
        while at > least {
            at -= 1;
            match self.text[at] {
                b'"' => {
                    // To the quote that opens the string.
                    loop {
                        at = least + memchr::memrchr(b'"', &self.text[least..at])?;
                        let slashes = self.text[least..at].iter().rev().take_while(|&&byte| byte == b'\\').count();
                        if slashes % 2 == 0 {
                            break;
                        }
                    }
                }
                b'}' | b']' => depth += 1,
                b'{' if depth == 0 => return Some(at),
                b'[' if depth == 0 => return None,
                b'{' | b'[' => depth -= 1,
                _ => {}
            }
        }
        None
    }

    /// The place behind a container, or one beyond `most`.
    fn end_of_container(&self, start: usize, most: usize) -> usize {
        let (mut at, mut depth) = (start, 0_usize);
        while at < most {
            match self.text[at] {
                b'"' => at = string_end(self.text, at + 1),
                b'{' | b'[' => depth += 1,
                b'}' | b']' => {
                    depth -= 1;
                    if depth == 0 {
                        return at + 1;
                    }
                }
                _ => {}
            }
            at += 1;
        }
        at.min(self.text.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn last_letters_exclude_no_label() {
        for label in LABELS.into_iter().chain(["k"]) {
            let (large, quoted) = (label.to_uppercase(), format!("\"{label}"));
            for name in [label, &large, &quoted] {
                assert!(may_be_label(name.as_bytes()), "{name}");
            }
        }
        assert!(!may_be_label(b"@type") && !may_be_label(b"price") && !may_be_label(b"") && !may_be_label(b"link"));
    }
}
