//! What could stand where somebody is typing a filter.

use std::ops::Range;

use super::condition::{KEYS, values};

/// Most candidates that are offered.
const MAX_CANDIDATES: usize = 50;

/// Candidates for the word that ends where the cursor stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Completion {
    /// The bytes of the text that a candidate takes the place of.
    pub range: Range<usize>,
    /// The candidates, at most 50, and what each asks; that is empty for values.
    pub candidates: Vec<(String, &'static str)>,
}

/// Completes the word before `cursor`, a byte position: a key, or the value of one. `rules` are the ids of the rules.
pub fn complete(text: &str, cursor: usize, rules: &[&str]) -> Completion {
    let before = &text[..text.floor_char_boundary(cursor)];
    let begins = |character: char| character.is_whitespace() || matches!(character, '(' | ')' | '!');
    let start = before.rfind(begins).map_or(0, |at| at + before[at..].chars().next().map_or(0, char::len_utf8));
    let word = &before[start..];
    let start = start + (word.len() - word.trim_start_matches('-').len());
    let word = word.trim_start_matches('-');
    let (range, mut candidates) = match word.split_once(':') {
        None => {
            let matching =
                KEYS.iter().filter(|(key, ..)| !word.is_empty() && key.starts_with(&word.to_ascii_lowercase()));
            (start..before.len(), matching.map(|(key, asks, _)| (format!("{key}:"), *asks)).collect())
        }
        Some((key, value)) => {
            let low = value.to_ascii_lowercase();
            let begin = value.rfind(['>', '<', '=']).map_or(0, |at| at + 1);
            let known = values(key).into_iter().filter(|known| known.to_ascii_lowercase().starts_with(&low[begin..]));
            let mut candidates: Vec<(String, &str)> = known.map(|known| (known.to_owned(), "")).collect();
            if key == "rule" {
                let mut areas: Vec<String> =
                    rules.iter().filter_map(|id| id.split_once('/')).map(|(area, _)| format!("{area}/*")).collect();
                areas.dedup();
                let ids = rules.iter().map(|id| (*id).to_owned());
                candidates.extend(areas.into_iter().chain(ids).filter(|id| id.contains(&low)).map(|id| (id, "")));
            }
            (start + key.len() + 1 + begin..before.len(), candidates)
        }
    };
    candidates.truncate(MAX_CANDIDATES);
    Completion { range, candidates }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_values_are_completed() {
        let rules = ["agent-broker/customer-required", "broker/type"];
        for (text, range, candidates) in [
            ("si", 0..2, &["side:", "since:"][..]),
            ("side:system s", 12..13, &["side:", "sev:", "stage:", "status:", "since:"]),
            ("-is:m", 4..5, &["marked"]),
            ("(stage:b", 7..8, &["B", "B-after-P"]),
            ("sev:>=w", 6..7, &["warning"]),
            ("rule:type", 5..9, &["broker/type"]),
            ("rule:agent", 5..10, &["agent-broker/*", "agent-broker/customer-required"]),
            ("", 0..0, &[]),
            ("order:9", 6..7, &[]),
        ] {
            let found = complete(text, text.len(), &rules);
            let names: Vec<&str> = found.candidates.iter().map(|(name, _)| name.as_str()).collect();
            assert_eq!((found.range, &names[..]), (range, candidates), "{text}");
        }
        assert_eq!(complete("side:x stage:C", 4, &rules).range, 0..4, "the cursor may stand within the text");
        assert_eq!(complete("\u{e9}\u{e9}", 3, &rules).range, 0..2, "or within a character");
    }
}
