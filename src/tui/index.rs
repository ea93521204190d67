//! What the screens count and group, kept up exchange by exchange.
//!
//! `Judged → bookings by Order UUID · findings by cause, rule and place · rates and latencies by stage · a byte for each verdict`
//!
//! Nothing of an exchange is kept here but numbers and short texts, so that the index outlives what the list lets go.

pub(super) mod bookings;
pub(super) mod causes;
pub(super) mod traffic;
pub(super) mod verdicts;

use crate::judged::Judged;
use bookings::BookingIndex;
use causes::CauseIndex;
use traffic::TrafficIndex;
use verdicts::VerdictIndex;

/// Everything that is counted and grouped.
#[derive(Debug, Default)]
pub(super) struct Index {
    pub(super) bookings: BookingIndex,
    pub(super) causes: CauseIndex,
    pub(super) traffic: TrafficIndex,
    pub(super) verdicts: VerdictIndex,
}

impl Index {
    /// Takes one more exchange in.
    pub(super) fn add(&mut self, judged: &Judged) {
        self.bookings.add(judged);
        self.causes.add(judged);
        self.traffic.add(judged);
        self.verdicts.add(judged);
    }
}
