//! Whether a value looks like a secret, for names that are ordinary words too.
//!
//! `Zq7c01ab… | 9f86d081884c7d65… | S3cret!pw → yes` · `Monday 10:00 | ScheduledSession | 4711 | a UUID | a URL → no`

/// Fewest bytes of a secret that is told by its look.
const SHORTEST: usize = 8;

/// From so many bytes on letters and digits alone tell a secret.
const LONG: usize = 16;

/// Longest value that is looked at.
const LONGEST: usize = 16 * 1024;

/// True for a value that is hardly a word, a name, a number, a date, a path, a URL or a UUID: one without blanks in which
/// letters and digits alternate, or letters large and small.
pub(crate) fn is_likely_secret(value: &[u8]) -> bool {
    let value = value.trim_ascii();
    let is_graphic = value.iter().all(u8::is_ascii_graphic);
    if !(SHORTEST..=LONGEST).contains(&value.len()) || !is_graphic || is_uuid(value) || is_address(value) {
        return false;
    }
    // Words of an identifier, of a path, of a date.
    value.split(|byte| b"-_./:,;|~".contains(byte)).any(is_likely_part)
}

fn is_likely_part(part: &[u8]) -> bool {
    if part.len() < SHORTEST || is_time(part) {
        return false;
    }
    let count = |test: fn(&u8) -> bool| part.iter().filter(|byte| test(byte)).count();
    let (lower, upper, digits) =
        (count(u8::is_ascii_lowercase), count(u8::is_ascii_uppercase), count(u8::is_ascii_digit));
    let signs = part.iter().filter(|byte| b"!#$%^&*?+=".contains(byte)).count();
    let alternates = |one: fn(&u8) -> bool, other: fn(&u8) -> bool| {
        part.windows(2).filter(|pair| one(&pair[0]) && other(&pair[1]) || other(&pair[0]) && one(&pair[1])).count()
    };
    let numbers = alternates(u8::is_ascii_alphabetic, u8::is_ascii_digit);
    let cases = alternates(u8::is_ascii_lowercase, u8::is_ascii_uppercase);
    if part.len() < LONG {
        return digits > 0 && lower + upper > 0 && (signs > 0 || (lower > 0 && upper > 0 && numbers >= 2));
    }
    if digits > 0 && digits < part.len() && part.iter().all(u8::is_ascii_hexdigit) {
        return true;
    }
    // In camel case one letter in four or so is the first of a word, with a change before it and one behind.
    (digits > 0 && numbers >= 3) || (lower > 0 && upper > 0 && cases * 5 >= part.len() * 2)
}

fn is_uuid(value: &[u8]) -> bool {
    let value = value.strip_prefix(b"urn:uuid:").unwrap_or(value);
    value.len() == 36
        && value.iter().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => *byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

/// A URL or an e-mail address.
fn is_address(value: &[u8]) -> bool {
    let holds = |part: &[u8]| value.windows(part.len()).any(|window| window == part);
    holds(b"://") || value.starts_with(b"/") || value.starts_with(b"urn:") || (holds(b"@") && holds(b"."))
}

/// As in `20241124T070000Z`.
fn is_time(part: &[u8]) -> bool {
    part.iter().all(|byte| byte.is_ascii_digit() || b"TZPHMSDWY+".contains(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looks() {
        for value in [
            "Zq7c4ca4238a0b923820dccKp9",
            "9f86d081884c7d659a2feaa0c55ad015",
            "S3cret!pw",
            "hT8kQ2zR",
            "sess_9f86d081884c7d65",
            "kJhGfdSAqWErTyUiOpLmNb",
            "0123456789abcdef0123",
        ] {
            assert!(is_likely_secret(value.as_bytes()), "{value}");
        }
        for value in [
            "",
            "4711",
            "327282",
            "1234567890123456",
            "Monday 10:00 to 12:00",
            "ScheduledSession",
            "OpenBookingApprovalFlowScheduledSession",
            "lantern-yoga-class-2024",
            "session-12345678",
            "Session12345678",
            "20241124T070000Z",
            "2024-11-24T07:00:00+01:00",
            "5b0b7f3e-6d1c-4f0a-9c52-7e1a4d90b6c3",
            "https://a.example/Zq7c4ca4238a0b923820dccKp9",
            "urn:acme:Zq7c4ca4238a0b923820dccKp9",
            "/api/sessions/Zq7c4ca4238a0b923820dccKp9",
            "robin7hale9@mail.example",
            "required",
            "INDOOR_COURT",
        ] {
            assert!(!is_likely_secret(value.as_bytes()), "{value}");
        }
    }
}
