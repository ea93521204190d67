//! What is nearest to a request that fits nothing: named in a miss, and served where that is wanted.

use std::sync::Arc;

use jiff::Timestamp;

use super::{Player, ServedAnswer, written};
use crate::capture::CaptureError;
use crate::exchange::BodyEnd;
use crate::replay::index::EntryNumber;
use crate::replay::matching::NotFound;
use crate::replay::miss;
use crate::replay::state::{BookingRun, RunStep};
use crate::shape::{Bindings, LeafDifference, Normalizer, RequestOutline, bindings, differences};

impl Player {
    /// Serves an exchange that doesn't fit.
    pub(super) fn serve_nearest(
        &mut self,
        number: EntryNumber,
        asked: RequestOutline,
        now: Timestamp,
    ) -> Result<ServedAnswer, CaptureError> {
        self.state.requests += 1;
        self.state.moves += u64::from(!asked.is_safe());
        let entry = *self.index.entry(number);
        if let (Some(uuid), Some(booking)) = (asked.order, entry.booking)
            && !self.state.runs.contains_key(&uuid)
        {
            self.state.place(uuid, BookingRun::new(booking, written(&asked, uuid)));
        }
        let recorded = self.ready(number)?;
        let mut passing = Bindings::default();
        if let (Some(ours), Some(theirs)) = (&recorded.request, &asked.document) {
            passing.learn(bindings(ours.root(), theirs.root()), |_| true);
        }
        let runs = asked.order;
        let mut served = self.present(number, &recorded, runs, &passing, &asked.target, now)?;
        served.is_nearest = true;
        if let (Some(uuid), Some(shape)) = (runs, entry.shape) {
            let (operation, at) = (entry.operation, self.state.requests);
            let step = RunStep { operation, shape, document: asked.document.map(Arc::new), number, at };
            self.state.has_served(uuid, step, false);
        }
        self.counts.has_served(number, true);
        Ok(served)
    }

    /// The recorded exchange that has most in common with a request, and where it differs.
    pub(super) fn nearest(
        &mut self,
        asked: &RequestOutline,
        own: Option<&str>,
        why: &NotFound,
    ) -> Result<Option<(EntryNumber, Vec<LeafDifference>)>, CaptureError> {
        if let NotFound::NoAnswer(number) | NotFound::TooEarly(number) | NotFound::TooLate(number) = why {
            return Ok(self
                .rules
                .lenient
                .then(|| self.same_request(asked))
                .flatten()
                .or(Some(*number))
                .map(|n| (n, vec![])));
        }
        let Some(operation) = self.index.operation(&asked.operation.key) else { return Ok(None) };
        let all = self.index.of_operation(operation);
        let booking = asked.order.and_then(|uuid| self.state.runs.get(&uuid)).map(|run| run.booking);
        let mine =
            all.iter().copied().filter(|&number| booking.is_some() && self.index.entry(number).booking == booking);
        let mut numbers: Vec<EntryNumber> = mine.take(miss::COMPARED).collect();
        numbers.extend(all.iter().copied().take(miss::COMPARED));
        let mut best: Option<(EntryNumber, Vec<LeafDifference>)> = None;
        for number in numbers {
            let recorded = self.ready(number)?;
            let (Some(ours), Some(theirs)) = (&recorded.request, &asked.document) else {
                if recorded.request.is_none() && asked.document.is_none() {
                    best.get_or_insert((number, vec![]));
                }
                continue;
            };
            let of_index = |uuid: u128| self.index.booking_of(uuid).is_some();
            let of_client =
                |uuid: u128| Some(uuid) == asked.order || self.state.runs.contains_key(&uuid) || of_index(uuid);
            let recorded_side = Normalizer { is_order: &of_index, origin: None };
            let present_side = Normalizer { is_order: &of_client, origin: own.map(|own| (own, self.origin.as_str())) };
            let found = differences(ours.root(), theirs.root(), (recorded_side, present_side), miss::DIFFERENCES);
            if best.as_ref().is_none_or(|(_, least)| found.len() < least.len()) {
                best = Some((number, found));
            }
        }
        Ok(best)
    }

    /// An exchange that asks for the same, whatever has happened before it.
    pub(super) fn same_request(&self, asked: &RequestOutline) -> Option<EntryNumber> {
        let operation = self.index.operation(&asked.operation.key)?;
        let group = self.index.group(operation, asked.shape?)?;
        let booking = asked.order.and_then(|uuid| self.state.runs.get(&uuid)).map(|run| run.booking);
        let mut numbers = group.first.iter().chain(&group.later).copied();
        let all = || group.first.iter().chain(&group.later).copied();
        let answered = |number: &EntryNumber| self.index.entry(*number).has_answer;
        numbers
            .find(|number| booking.is_some() && self.index.entry(*number).booking == booking && answered(number))
            .or_else(|| all().find(answered))
    }

    pub(super) fn why_no_answer(&mut self, number: EntryNumber) -> Result<String, CaptureError> {
        let recorded = self.ready(number)?;
        let exchange = &recorded.exchange;
        Ok(match (&exchange.response, &exchange.failure) {
            (Some(response), _) => match response.body.end {
                BodyEnd::Truncated => {
                    format!(
                        "of its {} bytes the first {} were recorded",
                        response.body.length,
                        response.body.bytes.len()
                    )
                }
                BodyEnd::Cancelled => "it broke off when it was recorded".to_owned(),
                BodyEnd::NotRecorded => "its body was not recorded".to_owned(),
                BodyEnd::Complete => "it can't be read".to_owned(),
            },
            (None, Some(failure)) => format!("none came when it was recorded: {}", failure.kind.describe()),
            (None, None) => "it was not recorded".to_owned(),
        })
    }
}
