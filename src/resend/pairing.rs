//! Which present exchange belongs to which recorded one: the one that was sent for it.
//!
//! `Plan, ResendOutcome ─► Pairing`

use std::collections::{HashMap, HashSet};

use super::plan::ResendPlan;
use super::send::ResendOutcome;
use crate::diff::{ExchangePair, JudgedRecording, Pairing};

/// The pairing of a recording with what was recorded of its resend. What was left out counts for neither, nor do pages of
/// feeds that were asked for in between.
pub(crate) fn pairing(plan: &ResendPlan, outcome: &ResendOutcome, present: &JudgedRecording) -> Pairing {
    let mut bookings = HashMap::new();
    let sent: HashMap<usize, usize> = outcome.sent.iter().copied().collect();
    let mut pairs = Vec::new();
    for step in &plan.steps {
        let booking = step.order.map(|order| {
            let next = bookings.len();
            *bookings.entry(order).or_insert(next)
        });
        if let Some(&b) = sent.get(&step.place).filter(|&&b| b < present.exchanges.len()) {
            pairs.push(ExchangePair { a: step.place, b, booking });
        }
    }
    let paired: HashSet<usize> = pairs.iter().map(|pair| pair.a).collect();
    let only_a = plan.steps.iter().map(|step| step.place).filter(|place| !paired.contains(place)).collect();
    Pairing { pairs, only_a, only_b: Vec::new() }
}
