//! What is said of a request that the recording doesn't answer: the nearest exchange, and each place where it differs.

use super::index::{EntryNumber, ReplayIndex};
use super::matching::NotFound;
use crate::shape::{DifferenceKind, LeafDifference, RequestOutline};

/// Most exchanges that are compared with a request in order to find the nearest.
pub(crate) const COMPARED: usize = 200;

/// Most differences that are told.
pub(crate) const DIFFERENCES: usize = 20;

/// A request that the recording doesn't answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Miss {
    /// Method.
    pub method: String,
    /// Path and query.
    pub target: String,
    /// Why, and what to do, in words.
    pub detail: String,
    /// The nearest exchange.
    pub nearest: Option<EntryNumber>,
}

/// Names an exchange in words, such as `exchange 12`.
pub(crate) type NameExchange<'n> = &'n dyn Fn(EntryNumber) -> String;

/// Why a request is not answered, in words.
pub(crate) fn describe(
    index: &ReplayIndex,
    asked: &RequestOutline,
    why: &NotFound,
    nearest: Option<(EntryNumber, &[LeafDifference])>,
    answer: Option<&str>,
    name: NameExchange<'_>,
) -> String {
    let operation = |number: EntryNumber| index.operation_key(index.entry(number).operation).to_owned();
    match why {
        NotFound::Operation => match nearest_operation(index, &asked.operation.key) {
            Some(near) => format!("nothing like {} was recorded; the nearest is {near}", asked.operation.key),
            None => format!("nothing like {} was recorded", asked.operation.key),
        },
        NotFound::Request => match nearest {
            Some((number, [])) => format!(
                "{} is recorded only within other bookings; the nearest is {}",
                asked.operation.key,
                name(number)
            ),
            Some((number, differences)) => {
                let places: Vec<String> = differences.iter().map(in_words).collect();
                format!(
                    "no such request was recorded; the nearest is {}, which differs at {}",
                    name(number),
                    places.join("; ")
                )
            }
            None => format!("no request was recorded for {} that can be read", asked.operation.key),
        },
        NotFound::TooEarly(number) => format!(
            "the recorded answer is from after {} ({}), which has not been asked for yet",
            name(*number),
            operation(*number)
        ),
        NotFound::TooLate(number) => format!(
            "the recorded answers are from before {} ({}), which has been asked for: how it goes on was not recorded",
            name(*number),
            operation(*number)
        ),
        NotFound::NoAnswer(number) => {
            format!(
                "{} fits, but its answer can't be given: {}",
                name(*number),
                answer.unwrap_or("it was not recorded")
            )
        }
        NotFound::Caller => format!(
            "{} was recorded for other callers only: with credentials where this request has none, or without",
            asked.operation.key
        ),
    }
}

fn in_words(difference: &LeafDifference) -> String {
    let LeafDifference { pointer, recorded, present, kind } = difference;
    let place = if pointer.is_empty() { "the whole body" } else { pointer };
    match (kind, recorded, present) {
        (DifferenceKind::Other, Some(recorded), Some(present)) => {
            format!("{place} (recorded {recorded}, asked for {present})")
        }
        (DifferenceKind::Other, ..) => format!("{place} (of another kind)"),
        (DifferenceKind::Missing, ..) => format!("{place} (missing from the request)"),
        (DifferenceKind::Added, ..) => format!("{place} (not in the recorded request)"),
    }
}

/// The recorded operation that has most in common with this one.
fn nearest_operation<'i>(index: &'i ReplayIndex, key: &str) -> Option<&'i str> {
    let parts = |key: &str| key.split([' ', '/', '?', '&']).map(str::to_owned).collect::<Vec<_>>();
    let own = parts(key);
    let common = |other: &str| {
        let other = parts(other);
        let equal = own.iter().zip(&other).filter(|(a, b)| a == b).count();
        (equal, std::cmp::Reverse(own.len().abs_diff(other.len())))
    };
    index.operation_keys().map(|(other, _)| other).max_by_key(|other| (common(other), std::cmp::Reverse(*other)))
}
