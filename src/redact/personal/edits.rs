//! What is to be replaced in a text, and the text after it.

use std::ops::Range;

/// A part of a text, and what takes its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PersonalEdit {
    pub(super) range: Range<usize>,
    pub(super) with: String,
}

/// The edits in the order of the text, of which none overlaps another. The one that begins first counts, and of several
/// that begin in one place the first of the list.
pub(super) fn merged(mut edits: Vec<PersonalEdit>) -> Vec<PersonalEdit> {
    edits.sort_by_key(|edit| edit.range.start);
    let mut end = 0;
    edits.retain(|edit| {
        let is_free = edit.range.start >= end && !edit.range.is_empty();
        if is_free {
            end = edit.range.end;
        }
        is_free
    });
    edits
}

/// The text after the edits, which don't overlap; `None` if they change nothing.
pub(super) fn apply(text: &str, edits: &[PersonalEdit]) -> Option<String> {
    let mut clean = String::with_capacity(text.len());
    let mut copied = 0;
    for PersonalEdit { range, with } in edits {
        clean.push_str(text.get(copied..range.start)?);
        clean.push_str(with);
        copied = range.end;
    }
    clean.push_str(text.get(copied..)?);
    (clean != text).then_some(clean)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_begins_first_counts() {
        let edit = |range: Range<usize>, with: &str| PersonalEdit { range, with: with.to_owned() };
        let edits = merged(vec![edit(4..6, "d"), edit(0..2, "a"), edit(0..3, "b"), edit(1..4, "c"), edit(3..3, "e")]);
        assert_eq!(edits, [edit(0..2, "a"), edit(4..6, "d")]);
        assert_eq!(apply("0123456", &edits).as_deref(), Some("a23d6"));
        assert_eq!(apply("01", &[]), None);
        assert_eq!(apply("01", &[edit(0..1, "0")]), None);
    }
}
