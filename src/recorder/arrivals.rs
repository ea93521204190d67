//! How long what is to be judged has waited.
//!
//! `arrived, arrived, finished → lag`: a mark for those that arrived within a short time of each other

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Time that one mark stands for.
const GRAIN: Duration = Duration::from_millis(100);

/// Most marks. Those that arrive past it count as having arrived with the last mark, so that the lag comes out too long.
const MOST: usize = 8_192;

/// Counts what arrives and what is finished, in the same order.
#[derive(Debug, Default)]
pub(super) struct Arrivals {
    arrived: u64,
    finished: u64,
    /// How many had arrived before, and when the next one did.
    marks: VecDeque<(u64, Instant)>,
}

impl Arrivals {
    /// Another one has arrived.
    pub(crate) fn arrive(&mut self, now: Instant) {
        let is_new = self.marks.back().is_none_or(|(_, at)| now.saturating_duration_since(*at) >= GRAIN);
        if is_new && self.marks.len() < MOST {
            self.marks.push_back((self.arrived, now));
        }
        self.arrived += 1;
    }

    /// The oldest of those that waited have been dealt with.
    pub(super) fn finish(&mut self, count: u64) {
        self.finished += count;
        while self.marks.get(1).is_some_and(|(before, _)| *before <= self.finished) {
            self.marks.pop_front();
        }
        if self.finished >= self.arrived {
            self.marks.clear();
        }
    }

    /// The newest of those that waited will never be dealt with.
    pub(crate) fn lose(&mut self, count: u64) {
        self.arrived = self.arrived.saturating_sub(count);
        while self.marks.back().is_some_and(|(before, _)| *before >= self.arrived) {
            self.marks.pop_back();
        }
        self.finish(0);
    }

    /// How many wait.
    pub(super) fn waiting(&self) -> u64 {
        self.arrived.saturating_sub(self.finished)
    }

    /// How long the oldest one has waited; zero where none waits.
    pub(super) fn lag(&self, now: Instant) -> Duration {
        self.marks.front().map_or(Duration::ZERO, |(_, at)| now.saturating_duration_since(*at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lag_is_that_of_the_oldest_that_waits() {
        let (start, second) = (Instant::now(), Duration::from_secs(1));
        let mut arrivals = Arrivals::default();
        assert_eq!(arrivals.lag(start), Duration::ZERO);
        for number in 0..10 {
            arrivals.arrive(start + number * second);
        }
        assert_eq!(arrivals.lag(start + 10 * second), 10 * second);
        arrivals.finish(4);
        assert_eq!(arrivals.lag(start + 10 * second), 6 * second);
        arrivals.lose(5);
        assert_eq!(arrivals.lag(start + 10 * second), 6 * second, "the fifth still waits");
        arrivals.finish(1);
        assert_eq!(arrivals.lag(start + 20 * second), Duration::ZERO);
        arrivals.arrive(start + 20 * second);
        assert_eq!(arrivals.lag(start + 21 * second), second);
    }

    #[test]
    fn marks_are_few() {
        let (start, mut arrivals) = (Instant::now(), Arrivals::default());
        for number in 0..100_000 {
            arrivals.arrive(start + number * GRAIN);
        }
        assert_eq!(arrivals.marks.len(), MOST);
        arrivals.finish(99_999);
        assert!(arrivals.lag(start + 100_000 * GRAIN) > Duration::ZERO, "one still waits");
    }
}
