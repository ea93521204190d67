//! How many bookings there are.

use std::collections::BTreeSet;
use std::hash::{BuildHasher as _, RandomState};

/// Most Order UUIDs that are told apart. Past it the count stands still.
const MOST: usize = 2_000_000;

/// Counts distinct Order UUIDs: two million at most, in about 16 bytes each.
///
/// A hash of each is kept, not the UUID. A tree grows by small steps, where a table would be held twice whenever it doubles.
#[derive(Debug, Default)]
pub struct Bookings {
    seen: BTreeSet<u64>,
    hashes: RandomState,
}

impl Bookings {
    /// One more exchange about this Order UUID, in the form that a [`ParsedExchange`](super::ParsedExchange) gives it.
    pub fn add(&mut self, order_uuid: &str) {
        if self.seen.len() < MOST {
            self.seen.insert(self.hashes.hash_one(order_uuid));
        }
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        self.seen.len() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_counts_once_and_no_more_than_there_is_room_for() {
        let mut bookings = Bookings::default();
        for uuid in ["a", "b", "a"] {
            bookings.add(uuid);
        }
        assert_eq!(bookings.count(), 2);
        bookings.seen = (0..MOST as u64).collect();
        bookings.add("c");
        assert_eq!(bookings.count(), MOST as u64);
    }
}
