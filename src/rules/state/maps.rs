//! Maps and sets whose hash is faster than the standard library's. Each process seeds it anew, so that nobody can choose keys
//! that collide.

use std::hash::{BuildHasher, Hash};
use std::sync::LazyLock;

use foldhash::quality::RandomState;

/// A hash map.
pub(crate) type HashMap<K, V> = std::collections::HashMap<K, V, RandomState>;

/// A hash set.
pub(crate) type HashSet<T> = std::collections::HashSet<T, RandomState>;

/// A digest of a value, the same throughout the process.
pub(crate) fn digest(value: &impl Hash) -> u64 {
    static STATE: LazyLock<RandomState> = LazyLock::new(RandomState::default);
    STATE.hash_one(value)
}
