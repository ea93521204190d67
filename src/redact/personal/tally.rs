//! What was replaced, counted by field.
//!
//! `label + pseudonym, exchange after exchange → customer.email: 12 values in 34 exchanges`

use std::collections::{BTreeMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};

/// Most fields that are counted one by one. What comes past it is counted as one more.
const MOST_FIELDS: usize = 500;

/// Most different values that are told apart of each field; past it their count stands still.
const MOST_VALUES: usize = 100_000;

/// Longest sample, in bytes. A longer pseudonym is none.
const LONGEST_SAMPLE: usize = 60;

/// How much was replaced of one field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldCount {
    /// The field, such as `customer.email`. In parentheses what is no field of the models.
    pub field: String,
    /// Different values.
    pub values: u64,
    /// Exchanges that it was replaced in.
    pub exchanges: u64,
    /// What one of the values became; empty if there is none to show.
    pub sample: String,
}

#[derive(Default)]
struct FieldValues {
    values: HashSet<u64>,
    exchanges: u64,
    last: u64,
    sample: String,
}

/// The counts of a recording.
#[derive(Default)]
pub(super) struct FieldTally {
    fields: BTreeMap<String, FieldValues>,
    exchange: u64,
}

impl FieldTally {
    /// What is added from here on belongs to another exchange.
    pub(super) fn next_exchange(&mut self) {
        self.exchange += 1;
    }

    /// A value of a field was replaced by this pseudonym.
    pub(super) fn add(&mut self, field: &str, pseudonym: &str) {
        let is_room = self.fields.len() < MOST_FIELDS || self.fields.contains_key(field);
        let field = if is_room { field } else { "(further fields)" };
        if !self.fields.contains_key(field) {
            self.fields.insert(field.to_owned(), FieldValues::default());
        }
        let Some(counted) = self.fields.get_mut(field) else { return };
        if counted.values.len() < MOST_VALUES {
            let mut hasher = DefaultHasher::new();
            pseudonym.hash(&mut hasher);
            counted.values.insert(hasher.finish());
        }
        if counted.last != self.exchange {
            counted.last = self.exchange;
            counted.exchanges += 1;
        }
        if counted.sample.is_empty() && pseudonym.len() <= LONGEST_SAMPLE && !field.starts_with('(') {
            pseudonym.clone_into(&mut counted.sample);
        }
    }

    pub(super) fn counts(&self) -> Vec<FieldCount> {
        let count = |(field, counted): (&String, &FieldValues)| FieldCount {
            field: field.clone(),
            values: counted.values.len() as u64,
            exchanges: counted.exchanges,
            sample: counted.sample.clone(),
        };
        self.fields.iter().map(count).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_and_exchanges_are_counted_once() {
        let mut tally = FieldTally::default();
        for values in [&["a", "b", "a"][..], &["a"], &[]] {
            tally.next_exchange();
            for value in values {
                tally.add("customer.email", value);
            }
        }
        let expected =
            FieldCount { field: "customer.email".to_owned(), values: 2, exchanges: 2, sample: "a".to_owned() };
        assert_eq!(tally.counts(), [expected]);
    }

    #[test]
    fn fields_without_end_are_counted_together() {
        let mut tally = FieldTally::default();
        (0..1_000).for_each(|number| tally.add(&number.to_string(), "x"));
        assert_eq!(tally.counts().len(), MOST_FIELDS + 1);
    }
}
