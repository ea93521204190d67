//! A pseudonym of the same form: what is an e-mail address, a date, a URL or a UUID stays one, what is none stays none.
//!
//! ```text
//! robin.hale@post.example → qkzbw.mtra@xhuv.example     +44 7700 900123 → +61 3928 514407
//! 1990-02-14 → 1996-08-03     https://me.example/a → https://xw.example/q     "M" → "T"
//! ```
//!
//! Equal values have equal pseudonyms, different ones different ones; see [`super::shuffle`].

use std::fmt::Write as _;

use ring::hmac;

use super::shuffle::{Alphabet, FormatPreservingCipher, Symbol};

/// Makes pseudonyms under one key.
pub(super) struct Pseudonyms(FormatPreservingCipher);

impl Pseudonyms {
    pub(super) fn new(key: hmac::Key) -> Self {
        Self(FormatPreservingCipher::new(key))
    }

    /// The pseudonym of a text. `host` is the booking system's: URLs on it keep it.
    pub(super) fn of(&self, text: &str, host: &str) -> String {
        if is_uuid(text) {
            self.uuid(text)
        } else if is_email(text) {
            self.email(text)
        } else if let Some(date) = Date::of(text) {
            self.date(date) + &text[10..]
        } else if let Some((scheme, rest)) = scheme(text) {
            self.uri(scheme, rest, host)
        } else {
            let mut clean = self.shaped(text, "text", |_, _| None);
            // What is no day does not become one: the walk through all texts of this shape leads back to the text itself.
            while clean != text && Date::of(&clean).is_some() {
                clean = self.shaped(&clean, "text", |_, _| None);
            }
            clean
        }
    }

    /// The pseudonym of a number, from its literal. Equal numbers have equal ones, however they are written.
    pub(super) fn number(&self, literal: &str) -> String {
        let (digits, zeros) = match literal.split_once('.') {
            Some(_) => {
                let digits = literal.trim_end_matches('0');
                (digits, &literal[digits.len()..])
            }
            None => (literal, ""),
        };
        if let Some(at) = literal.find(['e', 'E']) {
            // Rare enough, and no two ways to write one number may differ. What is beyond decimals stays beyond them.
            let (mantissa, exponent) = literal.split_at(at);
            return match crate::json::decimal(literal) {
                Some(number) => self.number(&number.to_string()),
                None => self.number(mantissa) + exponent,
            };
        }
        let (whole, point) = match digits.strip_suffix('.') {
            Some(whole) => (whole, "."),
            None => (digits, ""),
        };
        self.shaped(whole, "text", |_, _| None) + point + zeros
    }

    /// Network addresses in a header field: of IPv4 each number becomes another one below 256, of IPv6 each digit another.
    pub(super) fn addresses(&self, text: &str) -> String {
        let in_address = |c: char| c.is_ascii_hexdigit() || c == '.' || c == ':';
        let mut clean = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(start) = rest.find(in_address) {
            let length = rest[start..].find(|c| !in_address(c)).unwrap_or(rest.len() - start);
            let (before, word) = (&rest[..start], &rest[start..start + length]);
            clean += before;
            clean += &self.address(word);
            rest = &rest[start + length..];
        }
        clean + rest
    }

    fn address(&self, word: &str) -> String {
        if let Ok(address) = word.parse::<std::net::Ipv4Addr>() {
            let mut cells = address.octets().map(|octet| Symbol::new(u16::from(octet), 256));
            self.0.cells(&mut cells, "address");
            return cells.map(|cell| cell.value.to_string()).join(".");
        }
        if word.parse::<std::net::Ipv6Addr>().is_ok() {
            return self.shaped(word, "address", |_, character| Alphabet::hex(character, false));
        }
        word.to_owned()
    }

    /// Letters and digits replaced, everything else as it is. `other` may give a character another alphabet, by what
    /// stands before it.
    fn shaped(&self, text: &str, form: &str, other: impl Fn(&str, char) -> Option<(Alphabet, Symbol)>) -> String {
        let mut alphabets = Vec::with_capacity(text.len());
        let mut cells = Vec::with_capacity(text.len());
        let mut after_digit = false;
        for (at, character) in text.char_indices() {
            let alphabet = other(&text[..at], character).or_else(|| Alphabet::of(character, !after_digit));
            after_digit = character.is_ascii_digit();
            alphabets.push((character, alphabet.map(|(alphabet, _)| alphabet)));
            cells.extend(alphabet.map(|(_, cell)| cell));
        }
        self.0.cells(&mut cells, form);
        let mut cells = cells.into_iter();
        let replaced = |(character, alphabet): (char, Option<Alphabet>)| match alphabet {
            Some(alphabet) => cells.next().map_or(character, |cell| alphabet.at(cell.value)),
            None => character,
        };
        alphabets.into_iter().map(replaced).collect()
    }

    /// Version and variant stay.
    fn uuid(&self, text: &str) -> String {
        let upper = text.bytes().any(|byte| byte.is_ascii_uppercase());
        self.shaped(text, "uuid", |before, character| match before.len() {
            14 | 19 => Some(Alphabet::itself(character)),
            _ => Alphabet::hex(character, upper),
        })
    }

    /// Its domain ends in `.example`, which nobody can have (RFC 2606), so that nobody is ever written to.
    fn email(&self, text: &str) -> String {
        let shuffled = self.shaped(text, "email", |_, _| None);
        match shuffled.rsplit_once('.') {
            Some((name, _)) => format!("{name}.example"),
            None => shuffled,
        }
    }

    /// A day of the same decade that exists, in any month that has such a day.
    fn date(&self, date: Date) -> String {
        let Date { year, month, day } = date;
        if (month, day) == (2, 29) {
            // Leap years of the same century.
            let mut cells = [Symbol::new(year % 100 / 4, 25)];
            self.0.cells(&mut cells, "leap day");
            let moved = year - year % 100 + cells[0].value * 4;
            return format!("{:04}-02-29", if is_leap(moved) { moved } else { year });
        }
        let mut text = format!("{:03}", year / 10);
        let decade = text.clone();
        if day <= 28 {
            let mut cells = [Symbol::new(year % 10, 10), Symbol::new((month - 1) * 28 + day - 1, 336)];
            self.0.cells(&mut cells, &decade);
            let (month, day) = (cells[1].value / 28 + 1, cells[1].value % 28 + 1);
            // Writing to a String does not fail.
            let _ = write!(text, "{}-{month:02}-{day:02}", cells[0].value);
            return text;
        }
        let months: Vec<u16> = (1..=12).filter(|&month| month != 2 && days(year, month) >= day).collect();
        let place = months.iter().position(|&other| other == month).unwrap_or_default();
        let mut cells = [Symbol::new(year % 10, 10), Symbol::new(place as u16, months.len() as u16)];
        self.0.cells(&mut cells, &decade);
        let month = months.get(usize::from(cells[1].value)).copied().unwrap_or(month);
        let _ = write!(text, "{}-{month:02}-{day:02}", cells[0].value);
        text
    }

    /// The scheme stays, and the port; the host stays if it is the booking system's, else it ends in `.example`.
    fn uri(&self, scheme: &str, rest: &str, host: &str) -> String {
        if let Some(address) = rest.strip_prefix("//") {
            let end = address.find(['/', '?', '#']).unwrap_or(address.len());
            let (authority, path) = address.split_at(end);
            return format!("{scheme}//{}{}", self.authority(authority, host), self.escaped(path, authority));
        }
        if scheme.eq_ignore_ascii_case("mailto:") && is_email(rest) {
            return format!("{scheme}{}", self.email(rest));
        }
        if scheme.eq_ignore_ascii_case("data:")
            && let Some((media_type, data)) = rest.split_once(',')
        {
            return format!("{scheme}{media_type},{}", self.escaped(data, ""));
        }
        format!("{scheme}{}", self.escaped(rest, ""))
    }

    fn authority(&self, authority: &str, own: &str) -> String {
        let (host, port) = match authority.rfind(':') {
            Some(colon) if authority[colon + 1..].bytes().all(|byte| byte.is_ascii_digit()) => {
                authority.split_at(colon)
            }
            _ => (authority, ""),
        };
        if host.eq_ignore_ascii_case(own) || host.starts_with('[') {
            return authority.to_owned();
        }
        let shuffled = self.shaped(host, "host", |_, _| None);
        let is_name = |last: &str| last.bytes().all(|byte| byte.is_ascii_alphabetic());
        match shuffled.rsplit_once('.') {
            Some((name, last)) if is_name(last) => format!("{name}.example{port}"),
            _ => shuffled + port,
        }
    }

    /// Text with percent escapes, which stay escapes.
    fn escaped(&self, text: &str, form: &str) -> String {
        self.shaped(text, form, |before, character| {
            let behind = |back: usize| before.len() >= back && before.as_bytes()[before.len() - back] == b'%';
            (behind(1) || behind(2)).then(|| Alphabet::hex(character, character.is_ascii_uppercase())).flatten()
        })
    }

    /// Any text at all, JSON that is broken perhaps: what it can't be read as, it can't be read as afterwards either.
    /// Bytes that are no UTF-8 stay.
    pub(super) fn unread(&self, text: &[u8]) -> Vec<u8> {
        let mut clean = Vec::with_capacity(text.len());
        for chunk in text.utf8_chunks() {
            for piece in pieces(chunk.valid()) {
                clean.extend_from_slice(self.unread_piece(piece).as_bytes());
            }
            clean.extend_from_slice(chunk.invalid());
        }
        clean
    }

    /// Escapes of JSON strings stay escapes.
    fn unread_piece(&self, text: &str) -> String {
        self.shaped(text, "unread", |before, character| {
            let before = before.as_bytes();
            if before.ends_with(b"\\") {
                return Some(Alphabet::itself(character));
            }
            let begins = |back: usize| before.len() >= back && before[before.len() - back..].starts_with(b"\\u");
            (2..=5).any(begins).then(|| Alphabet::hex(character, character.is_ascii_uppercase())).flatten()
        })
    }
}

/// A long text in pieces of some 64 KiB, cut behind a blank or a comma if there is one, so that memory stays bounded.
fn pieces(mut text: &str) -> impl Iterator<Item = &str> {
    const SIZE: usize = 1 << 16;
    std::iter::from_fn(move || {
        if text.is_empty() {
            return None;
        }
        let end = text.ceil_char_boundary(SIZE.min(text.len()));
        let (piece, _) = text.split_at(end);
        let end = if end == text.len() { end } else { piece.rfind([' ', ',', '\n']).map_or(end, |at| at + 1) };
        let (piece, rest) = text.split_at(end);
        text = rest;
        Some(piece)
    })
}

/// A day that exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Date {
    year: u16,
    month: u16,
    day: u16,
}

impl Date {
    /// The date that a text is, or that it begins with before a time.
    fn of(text: &str) -> Option<Self> {
        let (date, rest) = (text.get(..10)?, text.get(10..)?);
        let bytes = date.as_bytes();
        if !(rest.is_empty() || rest.starts_with('T')) || bytes[4] != b'-' || bytes[7] != b'-' {
            return None;
        }
        let number = |range: std::ops::Range<usize>| {
            let digits = &date[range];
            digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse::<u16>().ok()).flatten()
        };
        let (year, month, day) = (number(0..4)?, number(5..7)?, number(8..10)?);
        let exists = (1..=12).contains(&month) && (1..=days(year, month)).contains(&day);
        exists.then_some(Self { year, month, day })
    }
}

fn is_leap(year: u16) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

fn days(year: u16, month: u16) -> u16 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Scheme with its colon, and what follows, of a text that is a URI.
fn scheme(text: &str) -> Option<(&str, &str)> {
    /// Schemes without an authority that are looked for.
    const OPAQUE: [&str; 5] = ["mailto:", "tel:", "urn:", "data:", "sms:"];
    let colon = text.find(':')?;
    let (scheme, rest) = text.split_at(colon + 1);
    let well_formed = scheme.len() > 1
        && scheme[..colon].bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'))
        && scheme.as_bytes()[0].is_ascii_alphabetic();
    let known = rest.starts_with("//") || OPAQUE.iter().any(|known| scheme.eq_ignore_ascii_case(known));
    (well_formed && known).then_some((scheme, rest))
}

/// True for `8-4-4-4-12` hexadecimal digits.
pub(super) fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

/// True for an address with one `@`, something before it, and a domain of at least two labels behind it.
pub(super) fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.split_once('@') else { return false };
    let in_local = |c: char| c.is_alphanumeric() || "!#$&'*+-/=?^_`{|}~.".contains(c);
    let in_domain = |c: char| c.is_alphanumeric() || c == '-';
    !local.is_empty()
        && local.chars().all(in_local)
        && domain.contains('.')
        && domain.split('.').all(|label| !label.is_empty() && label.chars().all(in_domain))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn pseudonyms() -> Pseudonyms {
        Pseudonyms::new(hmac::Key::new(hmac::HMAC_SHA256, b"a key"))
    }

    fn of(text: &str) -> String {
        pseudonyms().of(text, "booking.example")
    }

    #[test]
    fn forms_stay() {
        let email = of("robin.hale@post.example.com");
        assert!(is_email(&email) && email.ends_with(".example") && !email.contains("robin"), "{email}");
        let phone = of("+44 7700 900123");
        let shape = |text: &str| text.chars().map(|c| if c.is_ascii_digit() { '9' } else { c }).collect::<String>();
        assert_eq!(shape(&phone), "+99 9999 999999");
        let uuid = of("5b0b7f3e-6d1c-4f0a-9c52-7e1a4d90b6c3");
        assert!(
            is_uuid(&uuid) && &uuid[14..15] == "4" && &uuid[19..20] == "9" && !uuid.starts_with("5b0b7f3e"),
            "{uuid}"
        );
        for date in ["1990-02-14", "2004-02-29", "1985-12-31", "2001-04-30"] {
            assert!(Date::of(&of(date)).is_some(), "{date} → {}", of(date));
        }
        assert!(of("1990-02-14T10:00:00Z").ends_with("T10:00:00Z"));
        assert_eq!(Date::of(&of("1990-02-31")), None, "no date stays none");
        let url = of("https://robin.example.com:8080/a%20b?q=12#x");
        assert!(url.starts_with("https://") && url.contains(".example:8080/") && url.contains('%'), "{url}");
        assert!(of("https://booking.example/customers/1234").starts_with("https://booking.example/"));
        assert!(of("data:image/png;base64,iVBORw0KGgo=").starts_with("data:image/png;base64,"));
        for kept in ["", " ", "0", "--", "+", "\u{1f600}"] {
            assert_eq!(of(kept), kept);
        }
        for broken in ["robin.hale", "@", "a@b", "a b@c.example"] {
            assert!(!is_email(&of(broken)), "{broken}");
        }
    }

    #[test]
    fn case_and_punctuation_are_no_part_of_the_value() {
        assert_eq!(of("robin@post.example").to_uppercase(), of("ROBIN@POST.EXAMPLE").to_uppercase());
        assert_eq!(of(" Robin Hale"), format!(" {}", of("Robin Hale")));
        assert_eq!(of("Robin-Hale").replace('-', " "), of("Robin Hale"));
    }

    #[test]
    fn numbers_stay_numbers() {
        let numbers = pseudonyms();
        for (literal, same) in [("12", "12.0"), ("1.50", "1.5"), ("120", "1.2e2")] {
            let value = |literal: &str| crate::json::decimal(&numbers.number(literal)).unwrap();
            assert_eq!(value(literal), value(same), "{literal}");
        }
        for beyond in ["-1.5e300", "7E+99"] {
            let other = numbers.number(beyond);
            assert!(other != beyond && crate::json::decimal(&other).is_none(), "{other}");
        }
        assert_eq!(numbers.number("0"), "0");
        assert!(numbers.number("-345").starts_with('-'));
    }

    #[test]
    fn no_escape_becomes_another() {
        let text = r#"{"a": "x\qy \u00e9 \n Robin", "b": tru, "c": 01"#;
        let clean = String::from_utf8(pseudonyms().unread(text.as_bytes())).unwrap();
        assert!(clean.contains("\\q") && clean.contains("\\n") && clean.contains("\\u") && !clean.contains("Robin"));
        assert!(crate::json::Document::parse_str(&clean).is_err());
    }

    proptest! {
        #[test]
        fn shape_and_length_stay(text in ".{0,40}") {
            let clean = pseudonyms().of(&text, "");
            if !is_email(&text) && scheme(&text).is_none() {
                prop_assert_eq!(clean.len(), text.len());
                prop_assert_eq!(clean.chars().count(), text.chars().count());
            }
            prop_assert_eq!(clean.trim().is_empty(), text.trim().is_empty());
            prop_assert_eq!(is_email(&clean), is_email(&text));
        }

        #[test]
        fn different_ones_stay_different(a in "[a-c0-2 ]{1,4}", b in "[a-c0-2 ]{1,4}") {
            prop_assert_eq!(of(&a) == of(&b), a == b);
        }

        #[test]
        fn days_stay_days_and_different(a in 0_u32..40_000, b in 0_u32..40_000) {
            let day = |n: u32| jiff::civil::date(1900, 1, 1).saturating_add(jiff::Span::new().days(i64::from(n))).to_string();
            let (a, b) = (day(a), day(b));
            prop_assert!(Date::of(&of(&a)).is_some());
            prop_assert_eq!(of(&a) == of(&b), a == b);
        }
    }
}
