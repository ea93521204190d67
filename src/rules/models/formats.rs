//! Formats of scalar values: what the models call `DateTime`, `Duration`, `Currency` and so on.
//!
//! Nothing here allocates: each check looks once over the bytes.

/// A scalar that a property may take, as a bit of `Shape::scalars`.
pub(crate) type Scalars = u16;

pub(crate) const TEXT: Scalars = 1;
pub(crate) const INTEGER: Scalars = 1 << 1;
pub(crate) const NUMBER: Scalars = 1 << 2;
pub(crate) const BOOLEAN: Scalars = 1 << 3;
pub(crate) const URL: Scalars = 1 << 4;
pub(crate) const DATE: Scalars = 1 << 5;
pub(crate) const DATE_TIME: Scalars = 1 << 6;
pub(crate) const TIME: Scalars = 1 << 7;
pub(crate) const DURATION: Scalars = 1 << 8;
pub(crate) const CURRENCY: Scalars = 1 << 9;
pub(crate) const COUNTRY: Scalars = 1 << 10;

/// Names as in the files, and words for people.
pub(crate) const NAMES: [(&str, Scalars, &str); 12] = [
    ("Text", TEXT, "a text"),
    ("Integer", INTEGER, "a whole number"),
    ("Number", NUMBER, "a number"),
    ("Boolean", BOOLEAN, "true or false"),
    ("URL", URL, "an absolute URL"),
    ("URI", URL, "an absolute URI"),
    ("Date", DATE, "a date"),
    ("DateTime", DATE_TIME, "a date-time with offset"),
    ("Time", TIME, "a time of day"),
    ("Duration", DURATION, "an ISO 8601 duration"),
    ("Currency", CURRENCY, "a currency code of ISO 4217"),
    ("Country", COUNTRY, "a country code of ISO 3166-1 alpha-2"),
];

/// Formats that are texts.
pub(crate) const STRINGS: Scalars = TEXT | URL | DATE | DATE_TIME | TIME | DURATION | CURRENCY | COUNTRY;

/// A whole number, such as `7`, `7.0` or `7e0`.
pub(crate) fn is_integer(literal: &str) -> bool {
    !literal.contains(['.', 'e', 'E']) || crate::json::decimal(literal).is_some_and(|number| number.fract().is_zero())
}

/// A text that holds a number.
pub(crate) fn is_number(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit() || c == '-') && crate::json::decimal(text).is_some()
}

/// `2026-06-12`, of a day that exists.
pub(crate) fn is_date(text: &str) -> bool {
    take_date(text.as_bytes()).is_some_and(<[u8]>::is_empty)
}

/// `2026-06-12T18:30:00+01:00`; seconds and their fraction may be left out, the offset may not.
pub(crate) fn is_date_time(text: &str) -> bool {
    let behind_date = take_date(text.as_bytes());
    let behind_time = behind_date.and_then(|rest| rest.strip_prefix(b"T")).and_then(take_time);
    behind_time.is_some_and(is_offset)
}

/// `18:30`, `18:30:00`, each with an offset or without.
pub(crate) fn is_time(text: &str) -> bool {
    take_time(text.as_bytes()).is_some_and(|rest| rest.is_empty() || is_offset(rest))
}

fn is_offset(text: &[u8]) -> bool {
    match text {
        b"Z" => true,
        [b'+' | b'-', rest @ ..] => match take_number(rest, 2, 0, 23) {
            Some((_, rest)) => {
                rest.is_empty()
                    || take_number(rest.strip_prefix(b":").unwrap_or(rest), 2, 0, 59)
                        .is_some_and(|(_, rest)| rest.is_empty())
            }
            None => false,
        },
        _ => false,
    }
}

/// Reads exactly `digits` digits as a number within bounds; gives it and what follows.
fn take_number(text: &[u8], digits: usize, least: u32, most: u32) -> Option<(u32, &[u8])> {
    let (head, rest) = text.split_at_checked(digits)?;
    let mut number = 0;
    for byte in head {
        number = number * 10 + u32::from(byte.checked_sub(b'0').filter(|digit| *digit < 10)?);
    }
    (least..=most).contains(&number).then_some((number, rest))
}

fn take_date(text: &[u8]) -> Option<&[u8]> {
    let (year, rest) = take_number(text, 4, 0, 9999)?;
    let (month, rest) = take_number(rest.strip_prefix(b"-")?, 2, 1, 12)?;
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    take_number(rest.strip_prefix(b"-")?, 2, 1, days).map(|(_, rest)| rest)
}

fn take_time(text: &[u8]) -> Option<&[u8]> {
    let (_, rest) = take_number(text, 2, 0, 24)?;
    let (_, rest) = take_number(rest.strip_prefix(b":")?, 2, 0, 59)?;
    let Some(seconds) = rest.strip_prefix(b":") else { return Some(rest) };
    let (_, rest) = take_number(seconds, 2, 0, 60)?;
    let Some(fraction) = rest.strip_prefix(b".") else { return Some(rest) };
    let digits = fraction.iter().take_while(|byte| byte.is_ascii_digit()).count();
    (digits > 0).then(|| &fraction[digits..])
}

/// `P1D`, `PT1H30M`, `P2W`; a fraction only in the last place.
pub(crate) fn is_duration(text: &str) -> bool {
    let text = text.strip_prefix('-').unwrap_or(text);
    let Some(rest) = text.strip_prefix('P') else { return false };
    let (date, time) = match rest.split_once('T') {
        Some((date, time)) => (date, Some(time)),
        None => (rest, None),
    };
    let weeks = date.ends_with('W') && time.is_none() && take_parts(date, "W") == Some(1);
    let date = take_parts(date, "YMWD");
    let time = time.map(|time| take_parts(time, "HMS"));
    weeks
        || match (date, time) {
            (Some(count), None) | (Some(_), Some(Some(count))) => count > 0,
            _ => false,
        }
}

/// Number of `12X` parts whose letters come in the order of `units`; `None` if it is anything else.
fn take_parts(mut text: &str, mut units: &str) -> Option<u32> {
    let mut count = 0;
    while !text.is_empty() {
        let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.' && c != ',')?;
        let number = &text[..digits];
        let starts_and_ends = |c: char| c.is_ascii_digit();
        if !number.starts_with(starts_and_ends) || !number.ends_with(starts_and_ends) {
            return None;
        }
        let unit = text[digits..].chars().next()?;
        units = units.split_once(unit)?.1;
        text = &text[digits + unit.len_utf8()..];
        if number.contains(['.', ',']) && (!text.is_empty() || number.matches(['.', ',']).count() > 1) {
            return None;
        }
        count += 1;
    }
    Some(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn each(test: fn(&str) -> bool, right: &[&str], wrong: &[&str]) {
        for text in right {
            assert!(test(text), "{text:?} is right");
        }
        for text in wrong {
            assert!(!test(text), "{text:?} is wrong");
        }
    }

    #[test]
    fn dates_and_times() {
        each(
            is_date,
            &["2026-06-12", "2024-02-29"],
            &["2026-02-29", "2026-6-12", "12/06/2026", "2026-06-12T10:00Z", ""],
        );
        each(
            is_date_time,
            &[
                "2026-06-12T18:30:00+01:00",
                "2026-06-12T18:30Z",
                "2026-06-12T18:30:00.123456Z",
                "2026-06-12T18:30:00+0100",
            ],
            &[
                "2026-06-12T18:30:00",
                "2026-06-12 18:30:00Z",
                "2026-06-12",
                "2026-06-12T25:30:00Z",
                "2026-06-12T18:30:00 GMT",
                "é",
            ],
        );
        each(is_time, &["18:30", "06:30:00", "18:30Z"], &["6:30", "18.30", "18:30pm", "18:61"]);
    }

    #[test]
    fn durations() {
        each(
            is_duration,
            &["PT1H", "P1D", "PT1H30M", "P2W", "P1DT12H", "PT0.5S", "PT0S", "P1Y2M3D"],
            &["1H", "PT", "P", "P1DT", "PT1D", "PT30M1H", "PT1.5H30M", "60 minutes", "PT.5S", "P1DT1"],
        );
    }

    #[test]
    fn numbers() {
        each(is_number, &["12.50", "0", "-1"], &["12,50", "£12", "", "twelve", "+1"]);
        each(is_integer, &["7", "7.0", "-1"], &["7.5", "1e-1"]);
    }
}
