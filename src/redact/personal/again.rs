//! Personal values that turn up again: in a URL, a header field, a message that repeats what was wrong.
//!
//! ```text
//! value ─► as it is, percent-encoded, form-encoded ─► by its last six bytes ─► found in any text, whole ─► pseudonym
//! …name@host.tld… ─► an e-mail address, known or not ─► pseudonym
//! ```
//!
//! In bodies, values are looked for in members that hold people's words, e-mail addresses in any member. What could be an
//! ordinary word (a first name, an answer) is looked for only in the same exchange. UUIDs are not looked for, nor what one
//! is a part of: identifiers of Orders are such.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;

use memchr::memmem;

use super::edits::PersonalEdit;
use super::form::{Pseudonyms, is_email, is_uuid};

/// Bytes of the end of a value that find it.
const KEY: usize = 6;

/// Fewest letters and digits of a word that is looked for.
const SHORTEST_WORD: usize = 3;

/// Longest value that is looked for, in bytes. Nobody repeats a longer one.
const LONGEST: usize = 1024;

/// Most bytes of values that are remembered, twice over: past it the older half of them is forgotten, and found again no
/// more. Where they stand as what they are, they are replaced all the same.
const MOST_BYTES: usize = 8 << 20;

/// How a value is written where it is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ValueCoding {
    Plain,
    /// Two values, the first one so many bytes long, with a blank between them as it is written here: itself, or as in a
    /// URL or form, where the values are encoded too.
    Pair(usize, &'static str),
    Percent,
    Form,
}

struct Needle {
    text: Box<str>,
    coding: ValueCoding,
}

/// Personal values found so far in a recording, so that they are replaced wherever they occur again.
#[derive(Default)]
pub(super) struct KnownPersonalValues {
    young: HashMap<[u8; KEY], Vec<Needle>>,
    old: HashMap<[u8; KEY], Vec<Needle>>,
    bytes: usize,
}

/// True for a value that is nobody else's and no ordinary word.
fn is_distinct(value: &str) -> bool {
    let letters = value.chars().filter(|c| c.is_alphanumeric()).count();
    let telling = |c: char| c.is_ascii_digit() || !c.is_alphanumeric();
    letters >= KEY
        && value.trim().contains(telling)
        && !value.starts_with('/')
        && !value.split(['/', '#', '?']).any(is_uuid)
        && !is_date(value)
        && !is_email(value)
}

/// True for scopes as access is asked for by: everybody's words, whoever else puts them into a code or an answer.
fn is_scope(value: &str) -> bool {
    let known = |word: &str| word.starts_with("openactive-") || matches!(word, "openid" | "offline_access");
    value.split_whitespace().all(known)
}

fn is_date(value: &str) -> bool {
    let shape = |(at, byte): (usize, u8)| if matches!(at, 4 | 7) { byte == b'-' } else { byte.is_ascii_digit() };
    value.len() >= 10 && value.bytes().take(10).enumerate().all(shape)
}

impl KnownPersonalValues {
    /// Takes up a value of a person; gives it back if it is a word that only this exchange's texts are searched for.
    pub(super) fn remember<'v>(&mut self, value: &'v str) -> Option<&'v str> {
        let value = value.trim();
        if value.len() > LONGEST || is_email(value) || is_uuid(value) || is_scope(value) {
            return None;
        }
        if !is_distinct(value) {
            let letters = value.chars().filter(|c| c.is_alphanumeric()).count();
            return (letters >= SHORTEST_WORD).then_some(value);
        }
        self.add(value, ValueCoding::Plain);
        let (percent, form) = (encoded(value, "%20"), encoded(value, "+"));
        if percent != value {
            self.add(&percent, ValueCoding::Percent);
        }
        if form != percent {
            self.add(&form, ValueCoding::Form);
        }
        None
    }

    /// Takes up a name in two parts.
    pub(super) fn remember_pair(&mut self, first: &str, second: &str) {
        let both = format!("{first} {second}");
        if both.len() > LONGEST || !is_distinct(&both) {
            return;
        }
        self.add(&both, ValueCoding::Pair(first.len(), " "));
        for blank in ["%20", "+"] {
            let (first, second) = (encoded(first, blank), encoded(second, blank));
            self.add(&format!("{first}{blank}{second}"), ValueCoding::Pair(first.len(), blank));
        }
    }

    fn add(&mut self, text: &str, coding: ValueCoding) {
        let Some(key) = key(text.as_bytes()) else { return };
        if [&self.young, &self.old].iter().any(|table| {
            table.get(&key).is_some_and(|needles| needles.iter().any(|needle| needle.text.eq_ignore_ascii_case(text)))
        }) {
            return;
        }
        self.bytes += text.len() + size_of::<Needle>();
        if self.bytes > MOST_BYTES {
            self.old = std::mem::take(&mut self.young);
            self.bytes = text.len();
        }
        self.young.entry(key).or_default().push(Needle { text: text.into(), coding });
    }

    /// Where everything that is known stands in the text, and `words` where they stand as words.
    pub(super) fn edits(&self, text: &str, words: &[&str], host: &str, pseudonyms: &Pseudonyms) -> Vec<PersonalEdit> {
        let mut edits = emails(text, pseudonyms);
        edits.extend(self.values(text, host, pseudonyms));
        for word in words {
            edits.extend(each_word(text, word, host, pseudonyms));
        }
        edits
    }

    fn values(&self, text: &str, host: &str, pseudonyms: &Pseudonyms) -> Vec<PersonalEdit> {
        if self.young.is_empty() && self.old.is_empty() {
            return Vec::new();
        }
        let bytes = text.as_bytes();
        let mut edits = Vec::new();
        let mut found: Vec<(Range<usize>, ValueCoding)> = Vec::new();
        for end in KEY..=bytes.len() {
            if !is_edge(bytes, end) {
                continue;
            }
            let Some(key) = key(&bytes[..end]) else { continue };
            let needles = [&self.young, &self.old].into_iter().filter_map(|table| table.get(&key)).flatten();
            let fits = |needle: &Needle| {
                let start = end.checked_sub(needle.text.len())?;
                let same = bytes[start..end].eq_ignore_ascii_case(needle.text.as_bytes());
                (same && is_edge(bytes, start)).then_some((start..end, needle.coding))
            };
            found.extend(needles.filter_map(fits).max_by_key(|(range, _)| range.len()));
        }
        // Of values that overlap the one that begins first counts, and of those the longest.
        found.sort_by_key(|(range, _)| (range.start, std::cmp::Reverse(range.end)));
        for (range, coding) in found {
            let Some(text) = text.get(range.clone()) else { continue };
            let clean = match coding {
                ValueCoding::Plain => pseudonyms.of(text, host),
                ValueCoding::Pair(at, blank) => {
                    let (first, second) = text.split_at(at);
                    let clean = [first, &second[blank.len()..]].map(|name| match blank {
                        " " => pseudonyms.of(name, host),
                        _ => encoded(&pseudonyms.of(&decoded(name, blank == "+"), host), blank),
                    });
                    clean.join(blank)
                }
                ValueCoding::Percent => encoded(&pseudonyms.of(&decoded(text, false), host), "%20"),
                ValueCoding::Form => encoded(&pseudonyms.of(&decoded(text, true), host), "+"),
            };
            edits.push(PersonalEdit { range, with: clean });
        }
        edits
    }
}

fn key(text: &[u8]) -> Option<[u8; KEY]> {
    let mut key: [u8; KEY] = *text.last_chunk()?;
    key.make_ascii_lowercase();
    Some(key)
}

/// True if no word goes on across this place. An escape is the end of a word.
fn is_edge(text: &[u8], at: usize) -> bool {
    let in_word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte >= 0x80;
    let goes_on = at > 0 && text.get(at - 1).is_some_and(in_word) && text.get(at).is_some_and(in_word);
    let behind_escape = at >= 3 && text[at - 3] == b'%' && text[at - 2..at].iter().all(u8::is_ascii_hexdigit);
    !goes_on || behind_escape
}

/// A word, where it stands as one, in the same case.
fn each_word(text: &str, word: &str, host: &str, pseudonyms: &Pseudonyms) -> Vec<PersonalEdit> {
    let bytes = text.as_bytes();
    let places = memmem::find_iter(bytes, word.as_bytes()).map(|start| start..start + word.len());
    places
        .filter(|range| is_edge(bytes, range.start) && is_edge(bytes, range.end))
        .map(|range| PersonalEdit { range, with: pseudonyms.of(word, host) })
        .collect()
}

/// E-mail addresses, with the `@` as it is or percent-encoded.
pub(super) fn emails(text: &str, pseudonyms: &Pseudonyms) -> Vec<PersonalEdit> {
    let bytes = text.as_bytes();
    let mut edits = Vec::new();
    let mut behind_last = 0;
    for at in memchr::memchr2_iter(b'@', b'%', bytes) {
        let sign = match bytes[at] {
            b'@' => 1,
            _ if bytes[at..].starts_with(b"%40") => 3,
            _ => continue,
        };
        let start = local_part(bytes, at).max(behind_last);
        let behind = at + sign;
        let in_domain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-') || byte >= 0x80;
        let length = bytes[behind..].iter().position(|&byte| !in_domain(byte)).unwrap_or(bytes.len() - behind);
        let length = bytes[behind..behind + length].trim_ascii_end().len();
        let Some(domain) = text.get(behind..behind + length).map(|domain| domain.trim_end_matches(['.', '-'])) else {
            continue;
        };
        let Some(local) = text.get(start..at) else { continue };
        let address = format!("{}@{domain}", decoded(local, false));
        if !is_email(&address) || text[..start].ends_with(crate::exchange::secrets::FINGERPRINT_MARK) {
            continue;
        }
        let clean = pseudonyms.of(&address, "");
        let with = if sign == 3 { clean.replace('@', "%40").replace('+', "%2B") } else { clean };
        behind_last = behind + domain.len();
        edits.push(PersonalEdit { range: start..behind_last, with });
    }
    edits
}

/// Where the part before the `@` at `at` begins.
fn local_part(text: &[u8], at: usize) -> usize {
    let mut start = at;
    while start > 0 {
        if start >= 3 && text[start - 3] == b'%' && text[start - 2..start].iter().all(u8::is_ascii_hexdigit) {
            if !text[start - 2..start].eq_ignore_ascii_case(b"2b") {
                break;
            }
            start -= 3;
        } else if text[start - 1].is_ascii_alphanumeric()
            || b"._+-'".contains(&text[start - 1])
            || text[start - 1] >= 0x80
        {
            start -= 1;
        } else {
            break;
        }
    }
    start
}

/// Percent-encoded, but for what RFC 3986 calls unreserved; a blank as given.
pub(super) fn encoded(text: &str, blank: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    for byte in text.bytes() {
        match byte {
            b' ' => out.push_str(blank),
            b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            _ if byte.is_ascii_alphanumeric() => out.push(char::from(byte)),
            _ => {
                let digit = |nibble: u8| char::from(b"0123456789ABCDEF"[usize::from(nibble & 15)]);
                out.extend(['%', digit(byte >> 4), digit(byte)]);
            }
        }
    }
    out
}

/// Percent-decoded, and a plus a blank if so asked. What is no UTF-8 then stays as it was.
pub(super) fn decoded(text: &str, plus: bool) -> Cow<'_, str> {
    if !text.contains(['%', '+']) {
        return Cow::Borrowed(text);
    }
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let hex = |at: usize| bytes.get(at).and_then(|&digit| char::from(digit).to_digit(16));
        match (byte, hex(at + 1), hex(at + 2)) {
            (b'%', Some(high), Some(low)) => {
                out.push((high * 16 + low) as u8);
                at += 2;
            }
            (b'+', ..) if plus => out.push(b' '),
            _ => out.push(byte),
        }
        at += 1;
    }
    String::from_utf8(out).map_or(Cow::Borrowed(text), Cow::Owned)
}

#[cfg(test)]
mod tests {
    use ring::hmac;

    use super::super::edits::{apply, merged};
    use super::*;

    fn clean(again: &KnownPersonalValues, text: &str, words: &[&str], pseudonyms: &Pseudonyms) -> Option<String> {
        apply(text, &merged(again.edits(text, words, "", pseudonyms)))
    }

    fn pseudonyms() -> Pseudonyms {
        Pseudonyms::new(hmac::Key::new(hmac::HMAC_SHA256, b"a key"))
    }

    #[test]
    fn values_are_found_in_any_coding() {
        let pseudonyms = pseudonyms();
        let mut again = KnownPersonalValues::default();
        let phone = "+44 7700 900123";
        assert_eq!(again.remember(phone), None);
        assert_eq!(again.remember("12 Hill Road"), None);
        assert_eq!(again.remember("openactive-openbooking openid offline_access"), None);
        let clean = |text: &str| clean(&again, text, &[], &pseudonyms);
        let other = pseudonyms.of(phone, "");
        assert_eq!(clean("call +44 7700 900123."), Some(format!("call {other}.")));
        assert_eq!(clean("p=%2B44%207700%20900123&x"), Some(format!("p={}&x", encoded(&other, "%20"))));
        assert_eq!(clean("p=%2B44+7700+900123"), Some(format!("p={}", encoded(&other, "+"))));
        assert_eq!(clean("at 12 HILL ROAD"), Some(format!("at {}", pseudonyms.of("12 HILL ROAD", ""))));
        let scope = "scope=openactive-openbooking%20openid%20offline_access";
        for kept in ["+44 7700 9001234", "112 Hill Road", "12 Hill Roads", scope, ""] {
            assert_eq!(clean(kept), None, "{kept}");
        }
    }

    #[test]
    fn any_address_is_found() {
        let pseudonyms = pseudonyms();
        let again = KnownPersonalValues::default();
        let clean = |text: &str| clean(&again, text, &[], &pseudonyms).unwrap_or_default();
        let other = pseudonyms.of("robin.hale@post.example.org", "");
        assert_eq!(clean("no robin.hale@post.example.org."), format!("no {other}."));
        assert_eq!(clean("<robin.hale@post.example.org>, x"), format!("<{other}>, x"));
        assert_eq!(
            clean("/x?q%3Drobin.hale%40post.example.org%26"),
            format!("/x?q%3D{}%26", other.replace('@', "%40"))
        );
        let plus = pseudonyms.of("a+b@post.example.org", "").replace('@', "%40").replace('+', "%2B");
        assert_eq!(clean("e=a%2Bb%40post.example.org"), format!("e={plus}"));
        for kept in ["a@b", "@a.b", "x @ y.z", "https://umpire:0123456789abcdef@booking.example/"] {
            assert_eq!(clean(kept), "", "{kept}");
        }
    }

    #[test]
    fn words_are_found_where_they_are_words() {
        let pseudonyms = pseudonyms();
        let mut again = KnownPersonalValues::default();
        assert_eq!(again.remember("Robin"), Some("Robin"));
        assert_eq!(again.remember("Jo"), None);
        again.remember_pair("Robin", "Hale");
        let (first, last) = (pseudonyms.of("Robin", ""), pseudonyms.of("Hale", ""));
        let clean = |text: &str, words: &[&str]| clean(&again, text, words, &pseudonyms);
        assert_eq!(clean("no Robin, Robins", &["Robin"]), Some(format!("no {first}, Robins")));
        assert_eq!(clean("no Robin Hale", &[]), Some(format!("no {first} {last}")));
        assert_eq!(clean("no Robin", &[]), None);
    }

    #[test]
    fn old_values_are_forgotten() {
        let mut again = KnownPersonalValues::default();
        for number in 0..500_000 {
            again.remember(&format!("member {number:07}"));
        }
        assert!(again.bytes <= MOST_BYTES);
        assert!(clean(&again, "member 0499999", &[], &pseudonyms()).is_some());
        assert!(clean(&again, "member 0000000", &[], &pseudonyms()).is_none());
    }
}
