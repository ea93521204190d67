//! Sizes, durations and times as people write them on a command line.
//!
//! `100MB → bytes` · `50% → share` · `1h30m → Duration` · `2026-11-24T07:00 → Timestamp`

use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;

/// Bytes: a number with `k`, `M`, `G` (thousands) or `Ki`, `Mi`, `Gi` (1024s), with or without a `B`.
pub(crate) fn size(text: &str) -> Result<u64, String> {
    let wrong = || format!("{text:?} is no size; write it like 100MB or 512KiB");
    let (number, unit) = parted(text).ok_or_else(wrong)?;
    let factor = match unit.trim_end_matches(['b', 'B']).to_ascii_lowercase().as_str() {
        "" => 1,
        "k" => 1_000,
        "ki" => 1 << 10,
        "m" => 1_000_000,
        "mi" => 1 << 20,
        "g" => 1_000_000_000,
        "gi" => 1 << 30,
        _ => return Err(wrong()),
    };
    number.checked_mul(factor).filter(|&size| size > 0).ok_or_else(wrong)
}

/// A duration: numbers with `d`, `h`, `m` or `s`, one behind the other.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("{text:?} is no duration; write it like 90s, 15m, 1h30m or 1d");
    let mut seconds = 0_u64;
    let mut rest = text.trim();
    while !rest.is_empty() {
        let (number, unit) = parted(rest).ok_or_else(wrong)?;
        let factor = match unit.chars().next() {
            Some('d') => 86_400,
            Some('h') => 3_600,
            Some('m') => 60,
            Some('s') => 1,
            _ => return Err(wrong()),
        };
        seconds = number.checked_mul(factor).and_then(|part| seconds.checked_add(part)).ok_or_else(wrong)?;
        rest = &unit[1..];
    }
    if seconds == 0 { Err(wrong()) } else { Ok(Duration::from_secs(seconds)) }
}

/// A share of a whole, from 0 to 1: `0.5` or `50%`.
pub(crate) fn share(text: &str) -> Result<f64, String> {
    let wrong =
        || format!("{text:?} is no share; give a number from 0 to 1, such as 0.5, or a percentage, such as 50%");
    let trimmed = text.trim();
    let (number, whole) = trimmed.strip_suffix('%').map_or((trimmed, 1.0), |number| (number.trim_end(), 100.0));
    // Of what Rust reads as a number, only digits and a point.
    let plain = !number.is_empty() && number.chars().all(|character| character.is_ascii_digit() || character == '.');
    let share = number.parse::<f64>().ok().filter(|_| plain).map(|number| number / whole);
    share.filter(|share| (0.0..=1.0).contains(share)).ok_or_else(wrong)
}

/// A share as people write it: `93%`, `0.4%`.
pub(crate) fn percent(share: f64) -> String {
    let tenths = (share * 1_000.0).round() / 10.0;
    format!("{tenths}%")
}

/// A number at the start, and what follows it.
fn parted(text: &str) -> Option<(u64, &str)> {
    let text = text.trim();
    let end = text.find(|character: char| !character.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    Some((number.parse().ok()?, unit.trim_start()))
}

/// A time in RFC 3339, or without an offset or a time of day, which is UTC then.
pub(crate) fn time(text: &str) -> Result<Timestamp, String> {
    let utc = |time: DateTime| TimeZone::UTC.to_timestamp(time);
    text.parse::<Timestamp>()
        .or_else(|_| text.parse::<DateTime>().and_then(utc))
        .or_else(|_| text.parse::<Date>().and_then(|date| utc(date.at(0, 0, 0, 0))))
        .map_err(|_| format!("{text:?} is no time; write it like 2026-11-24T07:00:00Z or 2026-11-24"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_write() {
        for (text, bytes) in
            [("7", 7), ("100MB", 100_000_000), ("1GiB", 1 << 30), ("64 k", 64_000), ("2kib", 2048), ("5b", 5)]
        {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        for (text, seconds) in [("90s", 90), ("1h", 3600), ("1h30m", 5400), ("1d 2h", 93_600)] {
            assert_eq!(duration(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for (text, instant) in [
            ("2026-11-24T07:00:00+01:00", "2026-11-24T06:00:00Z"),
            ("2026-11-24T07:00", "2026-11-24T07:00:00Z"),
            ("2026-11-24", "2026-11-24T00:00:00Z"),
        ] {
            assert_eq!(time(text), Ok(instant.parse().unwrap()), "{text}");
        }
    }

    #[test]
    fn what_they_do_not() {
        for text in ["", "MB", "0", "-1", "1TB", "1.5GB", "99999999999999999999"] {
            assert!(size(text).is_err(), "{text}");
        }
        for text in ["", "0s", "1", "h", "1w", "-1s", "99999999999999999999d"] {
            assert!(duration(text).is_err(), "{text}");
        }
        for text in ["", "yesterday", "07:00"] {
            assert!(time(text).is_err(), "{text}");
        }
    }

    #[test]
    fn shares() {
        for (text, wanted) in [("0.5", 0.5), ("50%", 0.5), (" 12.5 % ", 0.125), ("0", 0.0), ("1", 1.0), ("100%", 1.0)] {
            assert_eq!(share(text), Ok(wanted), "{text}");
        }
        for text in ["", "%", "1.5", "101%", "-0.1", "half", "inf", "nan", "1e-1", "0,5", "50%%"] {
            let error = share(text).unwrap_err();
            assert!(error.contains(&format!("{text:?}")) && error.contains("50%"), "{error}");
        }
        assert_eq!((percent(0.5).as_str(), percent(0.934).as_str(), percent(1.0).as_str()), ("50%", "93.4%", "100%"));
    }
}
