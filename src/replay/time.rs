//! Time as a replay has it: everything as many seconds later as the replay is later than the recording.
//!
//! ```text
//! 2025-04-18T12:07:16+00:00 ─► the same later, in the same form        leaseExpires, Date: from now on
//! ```

use jiff::civil::{Date, DateTime};
use jiff::{SignedDuration, Span, Timestamp};

use crate::shape::is_date_time;

/// How time passes in a replay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeMode {
    /// Dates are as much later as the replay is later than the recording, to the second.
    Shift,
    /// Dates are those of the recording.
    Recorded,
}

/// A date and time, or a date, so many seconds later, in the form in which it was written; `None` for anything else.
pub(super) fn later(text: &str, seconds: i64) -> Option<String> {
    if !text.is_ascii() {
        return None;
    }
    if let (10, Ok(date)) = (text.len(), text.parse::<Date>()) {
        // Half a day is the least that makes it another day.
        let days = (seconds + 43_200).div_euclid(86_400);
        return Some(date.checked_add(Span::new().try_days(days).ok()?).ok()?.to_string());
    }
    if !is_date_time(text) {
        return None;
    }
    let (date, rest) = text.split_at(10);
    let (separator, rest) = rest.split_at(1);
    let end = rest.find(['Z', 'z', '+', '-', '.']).unwrap_or(rest.len());
    let (clock, rest) = rest.split_at(end);
    let with_seconds = if clock.len() == 5 { format!("{clock}:00") } else { clock.to_owned() };
    let then: DateTime = format!("{date}T{with_seconds}").parse().ok()?;
    let then = then.checked_add(SignedDuration::from_secs(seconds)).ok()?;
    let form = if clock.len() == 5 && then.second() == 0 { "%H:%M" } else { "%H:%M:%S" };
    Some(format!("{}{separator}{}{rest}", then.strftime("%Y-%m-%d"), then.strftime(form)))
}

/// A date as HTTP writes it (RFC 9110 section 5.6.7).
pub(crate) fn http_date(at: Timestamp) -> String {
    at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

/// The instant that such a date is.
pub(crate) fn from_http_date(text: &str) -> Option<Timestamp> {
    let text = text.trim().strip_suffix(" GMT")?;
    let then = DateTime::strptime("%a, %d %b %Y %H:%M:%S", text).ok()?;
    jiff::tz::Offset::UTC.to_timestamp(then).ok()
}

/// Whole seconds from one instant to another.
pub(crate) fn seconds_between(from: Timestamp, to: Timestamp) -> i64 {
    to.as_second() - from.as_second()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_keep_their_form() {
        for (text, seconds, expected) in [
            ("2025-04-18T12:07:16+00:00", 3_600, "2025-04-18T13:07:16+00:00"),
            ("2025-04-18T23:59:59.123Z", 1, "2025-04-19T00:00:00.123Z"),
            ("2025-04-18T12:07Z", 60, "2025-04-18T12:08Z"),
            ("2025-04-18T12:07Z", 61, "2025-04-18T12:08:01Z"),
            ("2025-04-18T12:07:16", -86_400, "2025-04-17T12:07:16"),
            ("2025-04-18 12:07:16-01:30", 0, "2025-04-18 12:07:16-01:30"),
            ("2024-02-28", 86_400, "2024-02-29"),
            ("2024-02-28", 40_000, "2024-02-28"),
        ] {
            assert_eq!(later(text, seconds).as_deref(), Some(expected), "{text}");
        }
        for text in ["17:30", "P1D", "2025-13-01", "2025-04-18T99:07:16Z", "20250418", "x"] {
            assert_eq!(later(text, 1), None, "{text}");
        }
    }

    #[test]
    fn dates_of_http_read_back() {
        let at: Timestamp = "2025-04-17T12:07:15Z".parse().unwrap();
        assert_eq!(http_date(at), "Thu, 17 Apr 2025 12:07:15 GMT");
        assert_eq!(from_http_date(&http_date(at)), Some(at));
        assert_eq!(from_http_date("yesterday"), None);
    }
}
