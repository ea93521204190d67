//! Limits how often a value that changes all the time is reported.
//!
//! `changed, changed, … → is_due (at most once in a time) → told`

use std::time::{Duration, Instant};

/// Reports at most once per interval, and never drops the last change.
#[derive(Debug)]
pub(crate) struct Throttle {
    every: Duration,
    told: Option<Instant>,
    changed: bool,
}

impl Throttle {
    /// At most once in `every`; nothing has changed yet.
    pub(crate) fn new(every: Duration) -> Self {
        Self { every, told: None, changed: false }
    }

    /// There is something to tell.
    pub(crate) fn changed(&mut self) {
        self.changed = true;
    }

    /// How long until there is something to tell; `None` if nothing has changed.
    pub(crate) fn left(&self) -> Option<Duration> {
        self.changed.then(|| self.told.map_or(Duration::ZERO, |told| self.every.saturating_sub(told.elapsed())))
    }

    /// True if it is to be told now, which then counts as done.
    pub(crate) fn is_due(&mut self) -> bool {
        let due = self.left() == Some(Duration::ZERO);
        if due {
            (self.changed, self.told) = (false, Some(Instant::now()));
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_change_is_told_at_once_and_the_next_in_time() {
        let mut pace = Throttle::new(Duration::from_hours(1));
        assert_eq!((pace.left(), pace.is_due()), (None, false));
        pace.changed();
        assert!(pace.is_due() && !pace.is_due());
        pace.changed();
        assert!(!pace.is_due() && pace.left() > Some(Duration::from_secs(3_500)));
    }

    #[test]
    fn what_is_told_was_changed() {
        let mut pace = Throttle::new(Duration::ZERO);
        for _ in 0..3 {
            assert!(!pace.is_due());
            pace.changed();
            assert!(pace.is_due());
        }
    }
}
