//! Rates, latencies, statuses and failures, counted.
//!
//! `Judged → buckets of time · latencies by stage · status classes · failures · the slowest`

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

use crate::event::Progress;
use crate::exchange::FailureKind;
use crate::judged::Judged;
use crate::openbooking::Stage;

/// Most buckets of time. Past it two become one, and each lasts twice as long.
const MAX_BUCKETS: usize = 240;

/// How many of the slowest exchanges are kept.
const SLOWEST: usize = 10;

/// Most values of the judge's lag that are kept, the newest of all.
const LAGS: usize = 240;

/// Steps of the latency histogram: each is a quarter of a doubling, from 100 µs to over an hour.
const STEPS: usize = 104;

/// What happened in one stretch of time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::tui) struct TrafficBucket {
    pub(in crate::tui) requests: u64,
    /// Answers of 500 and more, and requests without an answer.
    pub(in crate::tui) errors: u64,
    /// The longest exchange, in microseconds.
    pub(in crate::tui) slowest: u64,
}

/// Latencies, counted in steps that each are a fifth longer than the one before.
#[derive(Debug, Clone)]
pub(in crate::tui) struct Latencies {
    counts: [u64; STEPS],
    total: u64,
    longest: Duration,
}

impl Default for Latencies {
    fn default() -> Self {
        Self { counts: [0; STEPS], total: 0, longest: Duration::ZERO }
    }
}

impl Latencies {
    fn add(&mut self, latency: Duration) {
        self.counts[step_of(latency)] += 1;
        self.total += 1;
        self.longest = self.longest.max(latency);
    }

    pub(in crate::tui) fn count(&self) -> u64 {
        self.total
    }

    pub(in crate::tui) fn longest(&self) -> Duration {
        self.longest
    }

    /// The latency that so many of a hundred do not exceed, to within a fifth.
    pub(in crate::tui) fn percentile(&self, of_hundred: u64) -> Duration {
        let wanted = (self.total * of_hundred).div_ceil(100).max(1);
        let mut seen = 0;
        for (step, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= wanted {
                return end_of(step).min(self.longest);
            }
        }
        self.longest
    }

    /// Counts by doublings from 1 ms on: up to 1 ms, up to 2 ms, up to 4 ms, …
    pub(in crate::tui) fn doublings(&self) -> Vec<(Duration, u64)> {
        let mut all: Vec<(Duration, u64)> = Vec::new();
        for (step, &count) in self.counts.iter().enumerate().filter(|(_, count)| **count > 0) {
            let end = Duration::from_millis((end_of(step).as_micros() as u64).div_ceil(1_000).next_power_of_two());
            match all.last_mut() {
                Some((last, total)) if *last == end => *total += count,
                _ => all.push((end, count)),
            }
        }
        all
    }
}

fn step_of(latency: Duration) -> usize {
    let micros = latency.as_micros().max(1) as f64;
    ((micros / 100.0).log2() * 4.0).ceil().clamp(0.0, (STEPS - 1) as f64) as usize
}

fn end_of(step: usize) -> Duration {
    Duration::from_micros((100.0 * (step as f64 / 4.0).exp2()).round() as u64)
}

/// One of the slowest exchanges.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::tui) struct SlowExchange {
    pub(in crate::tui) exchange: u64,
    pub(in crate::tui) stage: Stage,
    pub(in crate::tui) took: Duration,
}

/// What is counted of the traffic.
#[derive(Debug, Default)]
pub(in crate::tui) struct TrafficIndex {
    start: Option<Timestamp>,
    /// Seconds of each bucket.
    width: u64,
    buckets: Vec<TrafficBucket>,
    by_stage: BTreeMap<Stage, Latencies>,
    all: Latencies,
    /// By the first digit of the status, 1 to 9; at 0 those without an answer.
    classes: [u64; 10],
    failures: Vec<(FailureKind, u64)>,
    slowest: Vec<SlowExchange>,
    /// The highest number of a connection.
    connections: u64,
    lags: Vec<Duration>,
}

impl TrafficIndex {
    pub(super) fn add(&mut self, judged: &Judged) {
        let exchange = &judged.exchange;
        let took = exchange.timing.total;
        let status = exchange.response.as_ref().map(|response| response.status);
        self.classes[usize::from(status.unwrap_or(0) / 100).min(9)] += 1;
        self.by_stage.entry(judged.stage).or_default().add(took);
        self.all.add(took);
        self.connections = self.connections.max(exchange.connection);
        if let Some(failure) = &exchange.failure {
            match self.failures.iter_mut().find(|(kind, _)| *kind == failure.kind) {
                Some((_, count)) => *count += 1,
                None => self.failures.push((failure.kind, 1)),
            }
        }
        let place = self.slowest.partition_point(|slow| slow.took >= took);
        if place < SLOWEST {
            self.slowest.insert(place, SlowExchange { exchange: judged.index, stage: judged.stage, took });
            self.slowest.truncate(SLOWEST);
        }
        if let Some(bucket) = self.bucket(exchange.started) {
            bucket.requests += 1;
            bucket.errors += u64::from(status.is_none_or(|status| status >= 500));
            bucket.slowest = bucket.slowest.max(took.as_micros() as u64);
        }
    }

    /// The bucket of a time; what lies before the first exchange counts to the first bucket.
    fn bucket(&mut self, time: Timestamp) -> Option<&mut TrafficBucket> {
        let start = *self.start.get_or_insert(time);
        self.width = self.width.max(1);
        let seconds = u64::try_from(time.as_second().saturating_sub(start.as_second())).unwrap_or(0);
        while seconds / self.width >= MAX_BUCKETS as u64 {
            self.width = self.width.saturating_mul(2);
            self.buckets =
                self.buckets.chunks(2).map(|pair| pair.iter().copied().fold(TrafficBucket::default(), join)).collect();
        }
        let place = (seconds / self.width) as usize;
        if place >= self.buckets.len() {
            self.buckets.resize(place + 1, TrafficBucket::default());
        }
        self.buckets.get_mut(place)
    }

    /// Notes how far judging lags.
    pub(in crate::tui) fn note(&mut self, progress: Progress) {
        if self.lags.len() >= LAGS {
            self.lags.remove(0);
        }
        self.lags.push(progress.lag);
    }

    /// Seconds of each bucket.
    pub(in crate::tui) fn width(&self) -> u64 {
        self.width.max(1)
    }

    pub(in crate::tui) fn start(&self) -> Option<Timestamp> {
        self.start
    }

    pub(in crate::tui) fn buckets(&self) -> &[TrafficBucket] {
        &self.buckets
    }

    pub(in crate::tui) fn by_stage(&self) -> impl Iterator<Item = (Stage, &Latencies)> {
        self.by_stage.iter().map(|(stage, latencies)| (*stage, latencies))
    }

    pub(in crate::tui) fn all(&self) -> &Latencies {
        &self.all
    }

    pub(in crate::tui) fn classes(&self) -> &[u64; 10] {
        &self.classes
    }

    pub(in crate::tui) fn failures(&self) -> &[(FailureKind, u64)] {
        &self.failures
    }

    pub(in crate::tui) fn slowest(&self) -> &[SlowExchange] {
        &self.slowest
    }

    pub(in crate::tui) fn connections(&self) -> u64 {
        self.connections
    }

    pub(in crate::tui) fn lags(&self) -> &[Duration] {
        &self.lags
    }
}

fn join(one: TrafficBucket, other: TrafficBucket) -> TrafficBucket {
    TrafficBucket {
        requests: one.requests + other.requests,
        errors: one.errors + other.errors,
        slowest: one.slowest.max(other.slowest),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_within_a_fifth() {
        let mut latencies = Latencies::default();
        (1..=1_000).for_each(|millis| latencies.add(Duration::from_millis(millis)));
        for (of_hundred, exact) in [(50, 500.0), (95, 950.0), (99, 990.0)] {
            let found = latencies.percentile(of_hundred).as_secs_f64() * 1_000.0;
            assert!(found >= exact && found <= exact * 1.2, "p{of_hundred}: {found}");
        }
        assert_eq!(latencies.percentile(100), Duration::from_secs(1));
        assert_eq!(latencies.doublings().iter().map(|(_, count)| count).sum::<u64>(), 1_000);
    }

    #[test]
    fn buckets_grow_wider_and_lose_nothing() {
        let mut index = TrafficIndex::default();
        let start = Timestamp::UNIX_EPOCH;
        for second in 0..10_000 {
            let time = start.checked_add(Duration::from_secs(second)).unwrap();
            index.bucket(time).unwrap().requests += 1;
        }
        assert!(index.buckets().len() <= MAX_BUCKETS, "{}", index.buckets().len());
        assert_eq!(index.buckets().iter().map(|bucket| bucket.requests).sum::<u64>(), 10_000);
        assert_eq!(index.width(), 64);
        // A clock that was set back.
        index.bucket(Timestamp::MIN).unwrap().requests += 1;
        assert_eq!(index.buckets()[0].requests, 65);
        index.bucket(Timestamp::MAX).unwrap().requests += 1;
    }
}
