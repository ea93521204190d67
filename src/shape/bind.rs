//! Which present value stands for which recorded one, within one run of a booking.
//!
//! ```text
//! recorded request + present request ─► learn ─► Bindings ─► leaf of a recorded answer ─► the same with present values
//! ```

use std::collections::HashMap;

use super::Binding;

/// Least length of a value that is also replaced within longer texts, in bytes.
const LEAST_WORD: usize = 3;

/// What was learnt of one run.
#[derive(Debug, Default, Clone)]
pub(crate) struct Bindings {
    whole: HashMap<Box<str>, Vec<BoundValue>>,
    /// The values of the sender's own that changed, the longest first.
    words: Vec<(Box<str>, Box<str>)>,
    memory: usize,
}

#[derive(Debug, Clone)]
struct BoundValue {
    pointer: Box<str>,
    party: &'static str,
    present: Box<str>,
    /// It came up in a request before any answer had it.
    own: bool,
}

impl Bindings {
    /// Learns from a request. `is_own` tells whether a recorded value came up in a request before any answer had it.
    pub(crate) fn learn(&mut self, found: Vec<Binding>, mut is_own: impl FnMut(&str) -> bool) {
        for Binding { pointer, party, recorded, present } in found {
            let own = is_own(&recorded);
            if own && recorded != present && recorded.len() >= LEAST_WORD {
                self.words.retain(|(word, _)| **word != *recorded);
                let at = self.words.partition_point(|(word, _)| word.len() >= recorded.len());
                self.words.insert(at, (recorded.as_str().into(), present.as_str().into()));
            }
            self.memory += 2 * recorded.len() + present.len() + pointer.len() + 96;
            let bound = BoundValue { pointer: pointer.into(), party, present: present.into(), own };
            let all = self.whole.entry(recorded.into()).or_default();
            all.retain(|other| other.pointer != bound.pointer);
            all.push(bound);
        }
    }

    /// What stands for a string of an answer, at this pointer and within this party (`customer`, …): the present value of
    /// the same place if there is one, else of the same party, else the last one.
    pub(crate) fn leaf(&self, party: &str, pointer: &str, text: &str) -> Option<&str> {
        let all = self.whole.get(text)?;
        let of_party = || all.iter().rev().find(|bound| !party.is_empty() && bound.party == party);
        let by_place = all.iter().find(|bound| *bound.pointer == *pointer).or_else(of_party);
        by_place.or_else(|| all.iter().rev().find(|bound| bound.own)).map(|bound| &*bound.present)
    }

    /// A text with present values in place of the recorded ones that stand in it as whole words; `None` if there are none.
    pub(crate) fn within(&self, text: &str) -> Option<String> {
        let mut found = None;
        for (recorded, present) in &self.words {
            let now = found.as_deref().unwrap_or(text);
            if let Some(replaced) = replace_words(now, recorded, present) {
                found = Some(replaced);
            }
        }
        found
    }

    /// True if no value changed, so that there is nothing to replace within texts.
    pub(crate) fn changes_no_words(&self) -> bool {
        self.words.is_empty()
    }

    /// Bytes that it takes, roughly.
    pub(crate) fn memory(&self) -> usize {
        self.memory
    }
}

/// Replaces a word where it doesn't go on before or behind.
fn replace_words(text: &str, word: &str, by: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let goes_on = |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || !byte.is_ascii());
    let starts_word = word.as_bytes().first().is_some_and(u8::is_ascii_alphanumeric);
    let ends_word = word.as_bytes().last().is_some_and(u8::is_ascii_alphanumeric);
    let mut replaced: Option<String> = None;
    let mut done = 0;
    for (at, _) in text.match_indices(word) {
        let end = at + word.len();
        if starts_word && goes_on(at.checked_sub(1).and_then(|before| bytes.get(before)))
            || ends_word && goes_on(bytes.get(end))
        {
            continue;
        }
        let out = replaced.get_or_insert_with(String::new);
        out.push_str(&text[done..at]);
        out.push_str(by);
        done = end;
    }
    if let Some(out) = &mut replaced {
        out.push_str(&text[done..]);
    }
    replaced
}

#[cfg(test)]
mod tests {
    use super::*;

    fn binding(pointer: &str, party: &'static str, recorded: &str, present: &str) -> Binding {
        Binding { pointer: pointer.into(), party, recorded: recorded.into(), present: present.into() }
    }

    #[test]
    fn the_nearest_place_decides() {
        let mut bindings = Bindings::default();
        let found = vec![
            binding("/customer/givenName", "customer", "Ann", "Bo"),
            binding("/orderedItem/0/attendee/givenName", "attendee", "Ann", "Cy"),
            binding("/customer/address/addressCountry", "customer", "GB", "FR"),
        ];
        bindings.learn(found, |text| text != "GB");
        assert_eq!(bindings.leaf("customer", "/customer/givenName", "Ann"), Some("Bo"));
        assert_eq!(bindings.leaf("attendee", "/orderedItem/1/attendee/givenName", "Ann"), Some("Cy"));
        assert_eq!(bindings.leaf("", "/description", "Ann"), Some("Cy"));
        assert_eq!(bindings.leaf("customer", "/customer/x/addressCountry", "GB"), Some("FR"));
        assert_eq!(bindings.leaf("", "/orderedItem/0/location/address/addressCountry", "GB"), None);
    }

    #[test]
    fn whole_words_are_replaced_within_texts() {
        let mut bindings = Bindings::default();
        bindings.learn(vec![binding("/a", "", "Ann", "Bo"), binding("/b", "", "Ann Lee", "Cy Kim")], |_| true);
        for (text, expected) in [
            ("Ann Lee is Ann", Some("Cy Kim is Bo")),
            ("Anna and Hann", None),
            ("https://x/Ann/1", Some("https://x/Bo/1")),
            ("éAnn", None),
        ] {
            assert_eq!(bindings.within(text).as_deref(), expected, "{text}");
        }
    }
}
