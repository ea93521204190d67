//! Booking flows by Order UUID: their calls, what feeds tell of them, what they cost, and how they stand.
//!
//! `Judged ─► its booking ─► a step` · `page of the Orders feed ─► an item's booking ─► a feed step`

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use jiff::Timestamp;

use crate::exchange::{Body, BodyEnd, Headers, decode};
use crate::finding::{Finding, FindingTally, Severity, Side};
use crate::json::Document;
use crate::judged::Judged;
use crate::openbooking::{BookingFacts, Stage};

/// Most bookings that are kept. Past it the oldest are let go and counted.
const MAX_BOOKINGS: usize = 20_000;

/// Most steps of all bookings that are kept, 20 MiB or so. Past it the oldest bookings are let go and counted.
const MAX_ALL_STEPS: usize = 100_000;

/// Most steps of one booking that are kept. Past it further ones are counted only.
const MAX_STEPS: usize = 200;

/// Bodies longer than this are not compared, in bytes.
const MAX_BODY: usize = 1 << 20;

/// One call of a booking, or a page of a feed that tells of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::tui) struct BookingStep {
    /// 0-based index of the exchange.
    pub(in crate::tui) exchange: u64,
    pub(in crate::tui) stage: Stage,
    pub(in crate::tui) started: Timestamp,
    /// Status of the answer; `None` if none came.
    pub(in crate::tui) status: Option<u16>,
    /// Severity of the weightiest finding.
    pub(in crate::tui) worst: Option<Severity>,
    /// True if too little of it could be judged to call it good.
    pub(in crate::tui) unjudged: bool,
    /// What the answer says of the booking.
    pub(in crate::tui) facts: BookingFacts,
}

/// One booking flow.
#[derive(Debug, Clone)]
pub(in crate::tui) struct Booking {
    /// Order UUID in lower case.
    pub(in crate::tui) uuid: Arc<str>,
    pub(in crate::tui) steps: Vec<BookingStep>,
    /// Steps that were left out.
    pub(in crate::tui) more: u64,
    pub(in crate::tui) tally: FindingTally,
}

impl Booking {
    /// When its first exchange began.
    pub(in crate::tui) fn started(&self) -> Option<Timestamp> {
        self.steps.first().map(|step| step.started)
    }

    /// What it costs, as last told.
    pub(in crate::tui) fn total(&self) -> Option<&str> {
        self.steps.iter().rev().find_map(|step| step.facts.total.as_deref())
    }

    /// When its lease ends, as last told; `None` once it is booked or given up.
    pub(in crate::tui) fn lease(&self) -> Option<Timestamp> {
        let last = self.steps.iter().rev().find(|step| !is_feed(step.stage) && step.stage != Stage::OrderStatus)?;
        matches!(last.stage, Stage::C1 | Stage::C2 | Stage::P).then_some(last.facts.lease).flatten()
    }

    /// How it stands, in a word or two.
    pub(in crate::tui) fn state(&self) -> &'static str {
        let done = |step: &&BookingStep| step.status.is_some_and(|status| status < 300);
        let calls = || self.steps.iter().filter(|step| !is_feed(step.stage) && step.stage != Stage::OrderStatus);
        let Some(last) = calls().next_back() else { return "in feed" };
        let booked = calls().filter(done).any(|step| matches!(step.stage, Stage::B | Stage::BAfterP));
        match (last.stage, done(&last)) {
            (_, false) if last.status.is_none() && booked => "booked, no answer",
            (_, false) if last.status.is_none() => "no answer",
            (Stage::C1 | Stage::C2, true) => "quoted",
            (Stage::P | Stage::ProposalUpdate, true) => "proposed",
            (Stage::B | Stage::BAfterP, true) => "booked",
            (Stage::OrderCancel, true) => "cancelled",
            (Stage::OrderQuoteDelete, true) => "given up",
            (Stage::OrderDelete, true) => "deleted",
            (_, false) if booked => "booked, refused",
            (_, false) => "refused",
            _ => "other",
        }
    }

    /// True if an item of a feed tells of it.
    pub(in crate::tui) fn in_feed(&self) -> bool {
        self.steps.iter().any(|step| is_feed(step.stage))
    }

    /// Severity of the weightiest finding on what feeds tell of it.
    pub(in crate::tui) fn worst_in_feed(&self) -> Option<Severity> {
        self.steps.iter().filter(|step| is_feed(step.stage)).filter_map(|step| step.worst).max()
    }
}

/// True for the feeds that tell of bookings.
pub(in crate::tui) fn is_feed(stage: Stage) -> bool {
    matches!(stage, Stage::OrdersFeed | Stage::OrderProposalsFeed)
}

/// The bookings, in the order in which they were first seen. The place of one is how many come before it.
#[derive(Debug, Default)]
pub(in crate::tui) struct BookingIndex {
    all: VecDeque<Booking>,
    /// Numbers of the bookings, in the order in which they were first seen, by Order UUID.
    numbers: HashMap<Arc<str>, u64>,
    /// How many were let go: the number of the first that is kept.
    gone: u64,
    /// Steps of all bookings.
    steps: usize,
}

impl BookingIndex {
    pub(super) fn add(&mut self, judged: &Judged) {
        let step = |facts, findings: &[&Finding]| BookingStep {
            exchange: judged.index,
            stage: judged.stage,
            started: judged.exchange.started,
            status: judged.exchange.response.as_ref().map(|response| response.status),
            worst: findings.iter().map(|finding| finding.severity).max(),
            unjudged: judged.passed == 0 || judged.is_mostly_unjudged(),
            facts,
        };
        match &judged.order_uuid {
            Some(uuid) if !is_feed(judged.stage) => {
                let facts = judged.booking_facts.first().cloned().unwrap_or_default();
                let findings: Vec<&Finding> = judged.findings.iter().collect();
                self.add_step(uuid, step(facts, &findings), &judged.tally());
            }
            // Of what was found on a page each booking has what is about its item.
            _ => judged.booking_facts.iter().for_each(|facts| {
                let item = format!("/response/body/items/{}", facts.item);
                let is_of_item = |finding: &&Finding| {
                    finding.pointer.strip_prefix(&item).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
                };
                let findings: Vec<&Finding> = judged.findings.iter().filter(is_of_item).collect();
                self.add_step(&facts.order_uuid, step(facts.clone(), &findings), &findings.iter().copied().collect());
            }),
        }
    }

    fn add_step(&mut self, uuid: &Arc<str>, step: BookingStep, tally: &FindingTally) {
        let number = self.numbers.get(uuid).copied().unwrap_or_else(|| {
            let number = self.gone + self.all.len() as u64;
            self.numbers.insert(Arc::clone(uuid), number);
            self.all.push_back(Booking {
                uuid: Arc::clone(uuid),
                steps: Vec::new(),
                more: 0,
                tally: FindingTally::default(),
            });
            number
        });
        let Some(booking) = self.all.get_mut((number - self.gone) as usize) else { return };
        booking.tally.add_all(tally);
        if booking.steps.len() < MAX_STEPS {
            booking.steps.push(step);
            self.steps += 1;
        } else {
            booking.more += 1;
        }
        while self.all.len() > MAX_BOOKINGS || self.steps > MAX_ALL_STEPS && self.all.len() > 1 {
            let Some(oldest) = self.all.pop_front() else { return };
            self.numbers.remove(&oldest.uuid);
            self.steps -= oldest.steps.len();
            self.gone += 1;
        }
    }

    pub(in crate::tui) fn len(&self) -> usize {
        self.all.len()
    }

    pub(in crate::tui) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// How many were let go.
    pub(in crate::tui) fn gone(&self) -> u64 {
        self.gone
    }

    pub(in crate::tui) fn get(&self, place: usize) -> Option<&Booking> {
        self.all.get(place)
    }

    pub(in crate::tui) fn all(&self) -> &VecDeque<Booking> {
        &self.all
    }

    /// The place of a booking.
    pub(in crate::tui) fn place_of(&self, uuid: &str) -> Option<usize> {
        self.numbers.get(uuid).map(|number| (number - self.gone) as usize)
    }

    /// The places of the bookings whose UUIDs begin so, at most two.
    pub(in crate::tui) fn with_prefix(&self, prefix: &str) -> Vec<usize> {
        let prefix = prefix.to_ascii_lowercase();
        let found = self.all.iter().enumerate().filter(|(_, booking)| booking.uuid.starts_with(&prefix));
        found.map(|(place, _)| place).take(2).collect()
    }

    /// True if a booking has findings.
    pub(in crate::tui) fn has_findings(&self, place: usize) -> bool {
        self.get(place).is_some_and(|booking| booking.tally.total() > 0)
    }
}

/// The severity that weighs most on a side of a booking, and how many findings there are.
pub(in crate::tui) fn worst_of(tally: &FindingTally, side: Side) -> Option<(Severity, u64)> {
    let worst = Severity::ALL.into_iter().find(|&severity| tally.get(side, severity) > 0)?;
    Some((worst, tally.of_side(side)))
}

/// The body as JSON, if it was kept whole, is short enough and is JSON.
pub(in crate::tui) fn document(body: &Body, headers: &Headers) -> Option<Document> {
    if body.end != BodyEnd::Complete || body.bytes.is_empty() || body.bytes.len() > MAX_BODY {
        return None;
    }
    Document::parse(&decode(&body.bytes, headers).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(exchange: u64) -> BookingStep {
        BookingStep {
            exchange,
            stage: Stage::C1,
            started: Timestamp::UNIX_EPOCH,
            status: Some(200),
            worst: None,
            unjudged: false,
            facts: BookingFacts::default(),
        }
    }

    #[test]
    fn the_oldest_bookings_are_let_go_and_places_follow() {
        let mut index = BookingIndex::default();
        for number in 0..MAX_BOOKINGS as u64 + 5 {
            index.add_step(&number.to_string().into(), step(number), &FindingTally::default());
        }
        assert_eq!((index.len(), index.gone()), (MAX_BOOKINGS, 5));
        assert_eq!((index.place_of("4"), index.place_of("5")), (None, Some(0)));
        // One that comes again begins anew.
        index.add_step(&"4".into(), step(99_999), &FindingTally::default());
        assert_eq!(index.place_of("4"), Some(MAX_BOOKINGS - 1));
    }

    #[test]
    fn steps_are_capped_for_one_and_for_all() {
        let mut index = BookingIndex::default();
        let of_each = MAX_STEPS as u64 + 1;
        for booking in 0..(MAX_ALL_STEPS / MAX_STEPS) as u64 + 3 {
            (0..of_each).for_each(|at| index.add_step(&booking.to_string().into(), step(at), &FindingTally::default()));
        }
        assert!(index.steps <= MAX_ALL_STEPS && index.gone() == 3, "{} {}", index.steps, index.gone());
        assert_eq!(index.get(0).map(|booking| (booking.steps.len(), booking.more)), Some((MAX_STEPS, 1)));
    }
}
