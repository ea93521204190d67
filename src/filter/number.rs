//! Numbers to compare with: `404`, `4xx`, `400-499`, `>=500`, `<2s`.

use std::ops::RangeInclusive;

/// A range of values, from what may stand before or within a value: `>`, `>=`, `<`, `<=`, `a-b`.
pub(super) fn range<T: Copy + PartialOrd>(
    text: &str,
    limits: RangeInclusive<T>,
    read: impl Fn(&str) -> Option<T>,
) -> Option<Range<T>> {
    let (least, most) = limits.into_inner();
    let bound = |text: &str, included: bool| read(text.trim()).map(|value| RangeBound { value, included });
    let (least, most) = (RangeBound { value: least, included: true }, RangeBound { value: most, included: true });
    if let Some(text) = text.strip_prefix(">=") {
        return Some(Range { from: bound(text, true)?, to: most });
    }
    if let Some(text) = text.strip_prefix("<=") {
        return Some(Range { from: least, to: bound(text, true)? });
    }
    if let Some(text) = text.strip_prefix('>') {
        return Some(Range { from: bound(text, false)?, to: most });
    }
    if let Some(text) = text.strip_prefix('<') {
        return Some(Range { from: least, to: bound(text, false)? });
    }
    if let Some((from, to)) = text.split_once('-') {
        return Some(Range { from: bound(from, true)?, to: bound(to, true)? });
    }
    Some(Range { from: bound(text, true)?, to: bound(text, true)? })
}

/// Values between two bounds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Range<T> {
    from: RangeBound<T>,
    to: RangeBound<T>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct RangeBound<T> {
    value: T,
    included: bool,
}

impl<T: Copy + PartialOrd> Range<T> {
    pub(super) fn contains(&self, value: T) -> bool {
        let Self { from, to } = self;
        (value > from.value || (from.included && value == from.value))
            && (value < to.value || (to.included && value == to.value))
    }
}

/// A range of status codes; `4xx` is one, too.
pub(super) fn status(text: &str) -> Option<Range<u16>> {
    if let Some(class) = text.strip_suffix("xx").or_else(|| text.strip_suffix("XX")) {
        let class: u16 = class.parse().ok().filter(|class| (1..=9).contains(class))?;
        return range(&format!("{}-{}", class * 100, class * 100 + 99), 0..=u16::MAX, |text| text.parse().ok());
    }
    range(text, 0..=u16::MAX, |text| text.parse().ok().filter(|status| (100..=999).contains(status)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_codes() {
        for (text, inside, outside) in [
            ("404", &[404][..], &[403, 405][..]),
            ("4xx", &[400, 404, 499], &[399, 500]),
            ("400-404", &[400, 404], &[399, 405]),
            (">=500", &[500, 999], &[499]),
            (">499", &[500], &[499]),
            ("<300", &[200, 299], &[300]),
            ("<= 300", &[300], &[301]),
        ] {
            let range = status(text).unwrap_or_else(|| panic!("{text}"));
            assert!(inside.iter().all(|&status| range.contains(status)), "{text}");
            assert!(!outside.iter().any(|&status| range.contains(status)), "{text}");
        }
        for text in ["", "x", "44", "4x", "0xx", "12xx", ">", "-", "400-", "1000"] {
            assert_eq!(status(text), None, "{text:?}");
        }
    }
}
