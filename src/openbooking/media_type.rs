//! The booking media type (Open Booking API, section "Media types") and its look-alikes.

/// Type and subtype of the booking media type, without the version.
pub const BOOKING: &str = "application/vnd.openactive.booking+json";

/// The booking media type with its version, as it is sent.
pub const BOOKING_V1: &str = "application/vnd.openactive.booking+json; version=1";

/// Type and subtype of the RPDE media type used by open data feeds.
pub(crate) const RPDE: &str = "application/vnd.openactive.rpde+json";

/// A media type taken apart (RFC 9110 section 8.3.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediaType {
    /// `type/subtype`, in lower case.
    pub essence: String,
    /// Value of the `version` parameter, unquoted, if there is one.
    pub version: Option<String>,
}

/// Takes a media type or media range apart. Order of parameters, spaces, quotes and case don't matter.
pub fn parse(value: &str) -> MediaType {
    let mut parts = value.split(';').map(str::trim);
    let essence = parts.next().unwrap_or_default().to_ascii_lowercase();
    let version = parts.find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("version").then(|| value.trim().trim_matches('"').to_owned())
    });
    MediaType { essence, version }
}

/// True for the media types that have a version: those of OpenActive.
pub(crate) fn has_version(value: &str) -> bool {
    is_booking(value) || parse(value).essence == RPDE
}

/// True for the booking media type, whatever its version.
pub(crate) fn is_booking(value: &str) -> bool {
    value.get(..BOOKING.len()).is_some_and(|head| head.eq_ignore_ascii_case(BOOKING))
        && matches!(value.as_bytes().get(BOOKING.len()), None | Some(b';' | b' ' | b'\t'))
}

/// True for the booking media type with `version=1`.
pub(crate) fn is_booking_v1(value: &str) -> bool {
    // The common spelling first: this is asked for every message.
    value == BOOKING_V1 || (is_booking(value) && parse(value).version.as_deref() == Some("1"))
}

/// True if an Accept header admits the booking media type, version 1 (RFC 9110 section 12.5.1).
/// A range with `q=0` admits nothing.
pub(crate) fn accepts_booking_v1(accept: &str) -> bool {
    accept.split(',').any(|range| {
        let refused = range.split(';').skip(1).any(|parameter| {
            parameter.trim().strip_prefix("q=").is_some_and(|q| q.trim().parse::<f32>().is_ok_and(|q| q <= 0.0))
        });
        let range = parse(range);
        let covers = match range.essence.as_str() {
            "*/*" | "application/*" => true,
            BOOKING => range.version.as_deref().is_none_or(|version| version == "1"),
            _ => false,
        };
        covers && !refused
    })
}

/// True if a content type says that the body is JSON: `application/json` or any `+json`.
pub(crate) fn is_json(value: &str) -> bool {
    let essence = value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence == "application/json" || essence == "text/json" || essence.ends_with("+json")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spelling_does_not_matter() {
        for value in [
            BOOKING_V1,
            "Application/vnd.OpenActive.booking+json;version=\"1\"; charset=utf-8",
            "application/vnd.openactive.booking+json ;charset=utf-8 ; VERSION=1",
        ] {
            assert!(is_booking_v1(value), "{value}");
        }
        for value in [
            "application/json",
            BOOKING,
            "application/vnd.openactive.booking+json; version=1.0",
            "application/vnd.openactive.booking+jsonx; version=1",
            "",
        ] {
            assert!(!is_booking_v1(value), "{value}");
        }
    }

    #[test]
    fn accept_ranges() {
        for accept in ["*/*", "text/html, application/*;q=0.2", BOOKING_V1, BOOKING] {
            assert!(accepts_booking_v1(accept), "{accept}");
        }
        for accept in ["application/json", "application/vnd.openactive.booking+json; version=2", "*/*;q=0"] {
            assert!(!accepts_booking_v1(accept), "{accept}");
        }
    }
}
