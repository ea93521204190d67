//! What is to be replaced in a text, and the text without it.

use std::ops::Range;

use super::super::Fingerprinter;

/// A part of a text that is to be replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SecretEdit {
    pub(super) range: Range<usize>,
    pub(super) with: Replacement,
}

/// What stands in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Replacement {
    /// The fingerprint of a secret.
    Fingerprint(Box<[u8]>),
    /// These bytes.
    Bytes(Vec<u8>),
}

/// The edits in the order of the text, of which none overlaps another: the larger one counts, and of two that overlap in
/// part one over both.
pub(super) fn merged(mut edits: Vec<SecretEdit>, text: &[u8]) -> Vec<SecretEdit> {
    if edits.len() < 2 {
        return edits;
    }
    let is_fingerprint = |edit: &SecretEdit| matches!(edit.with, Replacement::Fingerprint(_));
    edits.sort_by_key(|edit| (edit.range.start, std::cmp::Reverse(edit.range.end), !is_fingerprint(edit)));
    let mut merged: Vec<SecretEdit> = Vec::with_capacity(edits.len());
    for edit in edits {
        let Some(last) = merged.last_mut().filter(|last| edit.range.start < last.range.end) else {
            merged.push(edit);
            continue;
        };
        // What is within a replaced secret goes with it; a secret within bytes that are put in makes them one.
        let is_covered = edit.range.end <= last.range.end && (is_fingerprint(last) || !is_fingerprint(&edit));
        if !is_covered {
            last.range.end = last.range.end.max(edit.range.end);
            last.with = Replacement::Fingerprint(text[last.range.clone()].into());
        }
    }
    merged
}

/// The text after the edits; `None` if there are none.
pub(super) fn apply(text: &[u8], edits: Vec<SecretEdit>, fingerprinter: &Fingerprinter) -> Option<Vec<u8>> {
    if edits.is_empty() {
        return None;
    }
    let mut clean = Vec::with_capacity(text.len());
    let mut copied = 0;
    for SecretEdit { range, with } in edits {
        clean.extend_from_slice(&text[copied..range.start]);
        match with {
            Replacement::Fingerprint(secret) => match fingerprinter.fingerprint(&secret) {
                Some(fingerprint) => clean.extend_from_slice(fingerprint.as_bytes()),
                None => clean.extend_from_slice(&text[range.clone()]),
            },
            Replacement::Bytes(bytes) => clean.extend_from_slice(&bytes),
        }
        copied = range.end;
    }
    clean.extend_from_slice(&text[copied..]);
    Some(clean)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(range: Range<usize>) -> SecretEdit {
        SecretEdit { with: Replacement::Fingerprint([range.start as u8].into()), range }
    }

    fn bytes(range: Range<usize>) -> SecretEdit {
        SecretEdit { range, with: Replacement::Bytes(b"0".to_vec()) }
    }

    #[test]
    fn edits_do_not_overlap() {
        let text = b"0123456789";
        let ranges = |edits: Vec<SecretEdit>| -> Vec<(usize, usize, bool)> {
            let edits = merged(edits, text).into_iter();
            edits.map(|e| (e.range.start, e.range.end, matches!(e.with, Replacement::Fingerprint(_)))).collect()
        };
        assert_eq!(ranges(vec![secret(5..6), secret(1..3)]), [(1, 3, true), (5, 6, true)]);
        assert_eq!(ranges(vec![secret(1..9), secret(2..3), bytes(4..5)]), [(1, 9, true)]);
        assert_eq!(ranges(vec![secret(1..4), secret(3..6), secret(5..8)]), [(1, 8, true)]);
        assert_eq!(ranges(vec![bytes(1..9), secret(1..9)]), [(1, 9, true)]);
        assert_eq!(ranges(vec![bytes(1..9), bytes(1..9)]), [(1, 9, false)]);
        assert_eq!(ranges(vec![bytes(1..9), secret(2..3)]), [(1, 9, true)]);
        assert_eq!(ranges(vec![secret(1..3), secret(3..5)]), [(1, 3, true), (3, 5, true)]);
    }
}
