//! Times of HAR: instants in every form that programs write, and how long the phases took.
//!
//! `2026-11-24T07:00:00.5Z | 1795503600500 | Tue, 24 Nov 2026 07:00:00 GMT → Timestamp` · `send, wait, … → Timing`

use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::fmt::rfc2822;
use jiff::tz::TimeZone;
use serde::Deserialize;

use super::EntryExtra;
use super::lenient_value::LenientValue;
use crate::exchange::Timing;

/// RFC 3339, the same without an offset, which is taken for UTC, a date as in HTTP, or time since 1970 in seconds, milliseconds,
/// microseconds or nanoseconds, whichever gives a time of our days. A date alone is none.
pub(in crate::capture) fn instant(stated: &LenientValue) -> Option<Timestamp> {
    let text = match stated {
        LenientValue::Nothing => return None,
        LenientValue::Number(number) => return since_1970(*number),
        LenientValue::Text(text) => text.trim(),
    };
    if !text.contains(['T', 't', ' ']) && text.parse::<Date>().is_ok() {
        return None;
    }
    let zoneless = || text.parse::<DateTime>().ok().and_then(|time| TimeZone::UTC.to_timestamp(time).ok());
    let in_http = || rfc2822::DateTimeParser::new().parse_timestamp(text).ok();
    let number = || text.parse::<f64>().ok().and_then(since_1970);
    text.parse().ok().or_else(zoneless).or_else(in_http).or_else(number)
}

fn since_1970(number: f64) -> Option<Timestamp> {
    /// As a number of seconds it lies beyond the year 5000; as one of milliseconds it is the year 1973.
    const SECONDS_END: f64 = 1e11;
    let per_second = match number.abs() {
        size if size < SECONDS_END => 1.0,
        size if size < SECONDS_END * 1e3 => 1e3,
        size if size < SECONDS_END * 1e6 => 1e6,
        _ => 1e9,
    };
    let (seconds, rest) = ((number / per_second).trunc(), number % per_second);
    // To the microsecond: as nanoseconds a number is no finer than that.
    let microseconds = (rest * (1e6 / per_second)).round().clamp(-999_999.0, 999_999.0);
    (seconds.is_finite() && seconds.abs() < SECONDS_END)
        .then(|| Timestamp::new(seconds as i64, microseconds as i32 * 1_000).ok())
        .flatten()
}

/// Phases of an entry.
#[derive(Deserialize)]
pub(super) struct Timings {
    #[serde(default)]
    blocked: LenientValue,
    #[serde(default)]
    dns: LenientValue,
    #[serde(default)]
    connect: LenientValue,
    #[serde(default)]
    send: LenientValue,
    #[serde(default)]
    wait: LenientValue,
}

/// The timing that this program noted.
pub(super) fn exact(extra: &EntryExtra) -> Timing {
    Timing {
        sent: extra.sent_ns.map(Duration::from_nanos),
        first_byte: extra.first_byte_ns.map(Duration::from_nanos),
        total: Duration::from_nanos(extra.total_ns),
    }
}

/// HAR counts in milliseconds, each phase for itself; -1 means that a phase does not apply.
pub(super) fn timing(time: &LenientValue, timings: Option<&Timings>) -> Timing {
    let duration = |milliseconds: f64| Duration::try_from_secs_f64(milliseconds.max(0.0) / 1000.0).unwrap_or_default();
    let phase = |loose: &LenientValue| loose.number().filter(|&time| time >= 0.0);
    let sent = timings.and_then(|timings| {
        let before = [&timings.blocked, &timings.dns, &timings.connect].into_iter().filter_map(phase).sum::<f64>();
        phase(&timings.send).map(|send| before + send)
    });
    let first_byte = sent.zip(timings.and_then(|timings| phase(&timings.wait))).map(|(sent, wait)| sent + wait);
    Timing {
        sent: sent.map(duration),
        first_byte: first_byte.map(duration),
        total: duration(time.number().unwrap_or_default()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_in_every_form() {
        let expected: Timestamp = "2026-11-24T08:00:01.25Z".parse().unwrap();
        for text in [
            "2026-11-24T08:00:01.25Z",
            "2026-11-24T09:00:01.250+01:00",
            "2026-11-24T09:00:01.25+0100",
            "2026-11-24 08:00:01.25Z",
            "2026-11-24T08:00:01.25",
            " 2026-11-24 08:00:01.25 ",
            "1795507201250",
            "1795507201.25",
        ] {
            assert_eq!(instant(&LenientValue::Text(text.to_owned())), Some(expected), "{text}");
        }
        for number in [1_795_507_201.25, 1_795_507_201_250.0, 1_795_507_201_250_000.0, 1_795_507_201_250_000_000.0] {
            assert_eq!(instant(&LenientValue::Number(number)), Some(expected), "{number}");
        }
        let whole: Timestamp = "2026-11-24T08:00:01Z".parse().unwrap();
        for text in ["Tue, 24 Nov 2026 08:00:01 GMT", "Tue, 24 Nov 2026 09:00:01 +0100", "24 Nov 2026 08:00:01 GMT"] {
            assert_eq!(instant(&LenientValue::Text(text.to_owned())), Some(whole), "{text}");
        }
        for text in
            ["", "yesterday", "NaN", "inf", "-1e300", "2026-13-01T00:00:00Z", "2026-11-24", " 2026-11-24 ", "20261124"]
        {
            assert_eq!(instant(&LenientValue::Text(text.to_owned())), None, "{text}");
        }
        assert_eq!((instant(&LenientValue::Nothing), instant(&LenientValue::Number(f64::MAX))), (None, None));
    }

    #[test]
    fn durations_that_are_none() {
        for time in [
            LenientValue::Nothing,
            LenientValue::Number(-1.0),
            LenientValue::Number(f64::NAN),
            LenientValue::Text("NaN".to_owned()),
        ] {
            assert_eq!(timing(&time, None), Timing::default());
        }
        assert_eq!(timing(&LenientValue::Text("12.5".to_owned()), None).total, Duration::from_micros(12_500));
    }
}
