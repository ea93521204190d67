//! What matching needs to know of each recorded exchange, in a few bytes; bodies stay where they are.
//!
//! ```text
//! Exchange ─► Entry { operation, shape, booking, caller, what kind of answer } ─┬─► by operation and shape
//!                                                                              └─► by booking, in recorded order
//! ```
//!
//! It grows in recorded order while it is used already: about 60 bytes for each exchange and 150 for each booking.

use std::collections::HashMap;

use super::request::{Caller, credentials};
use crate::exchange::{BodyEnd, Exchange};
use crate::openbooking::{Stage, classify};
use crate::shape::{Normalizer, RequestOutline, Shape, is_safe};

/// Number of an entry: the position of its exchange in all recordings of the replay, from 0 on.
pub(crate) type EntryNumber = u32;

/// An exchange of a recording.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ReplayEntry {
    /// Which recording.
    pub file: u16,
    /// 0-based index within that recording.
    pub index: u32,
    /// Its operation.
    pub operation: u32,
    /// What it asks for; `None` where the request can't be read.
    pub shape: Option<Shape>,
    /// The booking that it belongs to.
    pub booking: Option<u32>,
    /// Who called.
    pub caller: Caller,
    /// Status of its answer; 0 where there is none.
    pub status: u16,
    /// The recording holds its answer to the last byte.
    pub has_answer: bool,
    /// It may have changed something.
    pub moves: bool,
    /// It is a C1, which leaves nothing behind but a lease.
    pub is_c1: bool,
}

impl ReplayEntry {
    /// True if it changed an order, for all that is known.
    pub(crate) fn changed_order(&self) -> bool {
        self.moves && (200..300).contains(&self.status) && !self.is_c1
    }
}

/// All exchanges of one Order UUID.
#[derive(Debug)]
pub(crate) struct RecordedBooking {
    /// Its UUID.
    pub uuid: u128,
    /// Its exchanges in recorded order.
    pub entries: Vec<EntryNumber>,
}

/// The exchanges that ask for the same.
#[derive(Debug, Default)]
pub(crate) struct OperationGroup {
    /// Those that begin a booking.
    pub first: Vec<EntryNumber>,
    /// The others.
    pub later: Vec<EntryNumber>,
}

/// The exchanges of all recordings.
#[derive(Debug, Default)]
pub(crate) struct ReplayIndex {
    /// In recorded order.
    pub entries: Vec<ReplayEntry>,
    /// Bookings in the order of their first exchanges.
    pub bookings: Vec<RecordedBooking>,
    /// All of the recordings have been read.
    pub complete: bool,
    operations: HashMap<Box<str>, u32>,
    of_operation: Vec<Vec<EntryNumber>>,
    groups: HashMap<(u32, Shape), OperationGroup>,
    by_uuid: HashMap<u128, u32>,
    callers: HashMap<Box<[u8]>, u16>,
}

impl ReplayIndex {
    /// Adds the next exchange.
    pub(super) fn add(&mut self, file: u16, index: u32, exchange: &Exchange) {
        let number = self.entries.len() as EntryNumber;
        let normalizer = Normalizer { is_order: &|uuid| self.by_uuid.contains_key(&uuid), origin: None };
        let asked = RequestOutline::read(&exchange.request, normalizer);
        let next = self.of_operation.len() as u32;
        let operation = *self.operations.entry(asked.operation.key.as_str().into()).or_insert(next);
        if operation == next {
            self.of_operation.push(Vec::new());
        }
        self.of_operation[operation as usize].push(number);
        let (booking, begins) = match asked.order {
            Some(uuid) => {
                let next = self.bookings.len() as u32;
                let booking = *self.by_uuid.entry(uuid).or_insert(next);
                if booking == next {
                    self.bookings.push(RecordedBooking { uuid, entries: Vec::new() });
                }
                self.bookings[booking as usize].entries.push(number);
                (Some(booking), booking == next)
            }
            None => (None, false),
        };
        if let Some(shape) = asked.shape {
            let group = self.groups.entry((operation, shape)).or_default();
            if begins { group.first.push(number) } else { group.later.push(number) }
        }
        let caller = self.caller(exchange);
        let answer = exchange.response.as_ref();
        let whole = |body: &crate::exchange::Body| body.end == BodyEnd::Complete;
        self.entries.push(ReplayEntry {
            file,
            index,
            operation,
            shape: asked.shape,
            booking,
            caller,
            status: answer.map_or(0, |answer| answer.status),
            has_answer: answer.is_some_and(|answer| whole(&answer.body)),
            moves: !is_safe(&exchange.request.method),
            is_c1: classify(&exchange.request.method, exchange.path(), None, false).stage == Stage::C1,
        });
    }

    fn caller(&mut self, exchange: &Exchange) -> Caller {
        let headers = &exchange.request.headers;
        let Some(credentials) = credentials(headers) else {
            return if headers.is_recorded("authorization") { Caller::Nobody } else { Caller::Unknown };
        };
        let next = u16::try_from(self.callers.len()).unwrap_or(u16::MAX);
        Caller::Known(*self.callers.entry(credentials.into()).or_insert(next))
    }

    /// The number of an operation.
    pub(super) fn operation(&self, key: &str) -> Option<u32> {
        self.operations.get(key).copied()
    }

    /// The name of an operation.
    pub(crate) fn operation_key(&self, operation: u32) -> &str {
        self.operations.iter().find(|(_, number)| **number == operation).map_or("", |(key, _)| key)
    }

    /// The names of all operations.
    pub(crate) fn operation_keys(&self) -> impl Iterator<Item = (&str, u32)> {
        self.operations.iter().map(|(key, &number)| (&**key, number))
    }

    /// The exchanges of an operation.
    pub(crate) fn of_operation(&self, operation: u32) -> &[EntryNumber] {
        self.of_operation.get(operation as usize).map_or(&[], Vec::as_slice)
    }

    /// The exchanges that ask for the same.
    pub(super) fn group(&self, operation: u32, shape: Shape) -> Option<&OperationGroup> {
        self.groups.get(&(operation, shape))
    }

    /// The booking of an Order UUID.
    pub(crate) fn booking_of(&self, uuid: u128) -> Option<u32> {
        self.by_uuid.get(&uuid).copied()
    }

    /// How many callers there are.
    pub(crate) fn callers(&self) -> u16 {
        self.callers.len() as u16
    }

    /// An entry.
    pub(super) fn entry(&self, number: EntryNumber) -> &ReplayEntry {
        &self.entries[number as usize]
    }

    /// The exchanges of a booking that ask for this, and whose answer is there, in recorded order.
    pub(super) fn within(&self, booking: u32, operation: u32, shape: Shape) -> Vec<EntryNumber> {
        let fits = |&number: &EntryNumber| {
            let entry = self.entry(number);
            entry.operation == operation && entry.shape == Some(shape)
        };
        self.bookings[booking as usize].entries.iter().copied().filter(fits).collect()
    }
}
