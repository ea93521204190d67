//! How far the client has got: its bookings, each a run of a recorded one, and where it is in what belongs to none.
//!
//! ```text
//! present Order UUID ─► BookingRun { recorded booking, exchanges that were served, bindings, requests so far }
//! operation + shape without an Order UUID ─► Position { the exchange that was served last }
//! ```

use std::collections::HashMap;
use std::sync::Arc;

use super::index::{EntryNumber, ReplayIndex};
use super::request::Caller;
use crate::json::Document;
use crate::shape::{Bindings, Shape};

/// Most memory of what is known of runs, in bytes: 64 MiB. Past it the half that was quiet for longest is forgotten.
const MOST_RUNS: usize = 64 << 20;

/// Most runs of one recorded booking that a feed tells of.
const MOST_TOLD: usize = 16;

/// Most credentials that are told apart. Further ones count as the first.
const MOST_CALLERS: usize = 10_000;

/// A request of a run, and what was served.
#[derive(Debug, Clone)]
pub(crate) struct RunStep {
    /// Its operation.
    pub operation: u32,
    /// What it asked for.
    pub shape: Shape,
    /// Its body.
    pub document: Option<Arc<Document>>,
    /// The exchange that was served.
    pub number: EntryNumber,
    /// When it was served, counted in requests.
    pub at: u64,
}

/// A booking of the client, played after a recorded one.
#[derive(Debug)]
pub(crate) struct BookingRun {
    /// The recorded booking.
    pub booking: u32,
    /// The present Order UUID as the client writes it.
    pub uuid: String,
    /// What was served, in order; a request that came again counts once, where it came last.
    pub steps: Vec<RunStep>,
    /// What the client chose.
    pub bindings: Bindings,
    /// Pages that have told of it.
    pub told: Vec<EntryNumber>,
    /// When it was used last, counted in requests.
    used: u64,
}

impl BookingRun {
    /// A run of which nothing has been served.
    pub(super) fn new(booking: u32, uuid: String) -> Self {
        Self { booking, uuid, steps: Vec::new(), bindings: Bindings::default(), told: Vec::new(), used: 0 }
    }

    /// When an exchange was served, counted in requests.
    pub(crate) fn served_at(&self, number: EntryNumber) -> Option<u64> {
        self.steps.iter().rev().find(|step| step.number == number).map(|step| step.at)
    }

    fn memory(&self) -> usize {
        let documents: usize =
            self.steps.iter().map(|step| step.document.as_ref().map_or(64, |it| 64 + it.memory())).sum();
        512 + documents + self.bindings.memory()
    }
}

/// Where the client is in a list of exchanges that ask for the same.
#[derive(Debug, Clone, Copy)]
pub(super) struct Position {
    /// Index of the one that was served last.
    pub at: usize,
    /// Requests that may have changed something, up to then.
    pub moves: u64,
    /// How often the client had begun to read from an earlier place again.
    pub rewinds: u64,
}

/// How far the client has got.
#[derive(Debug, Default)]
pub(crate) struct ReplayState {
    /// The bookings of the client, by their present Order UUID.
    pub runs: HashMap<u128, BookingRun>,
    /// The last runs of each recorded booking, in the order in which they began.
    pub runs_of: HashMap<u32, Vec<u128>>,
    /// Of the exchanges that ask for the same the one that was served last, or a later one that was served before: new
    /// bookings begin with the next. Who plays a whole recording again and again gets its bookings in the same order each time.
    pub last_of_group: HashMap<(u32, Shape), EntryNumber>,
    /// What belongs to no booking.
    pub positions: HashMap<(u32, Shape), Position>,
    /// Items of feeds that the client has read past and was not told: by path, the page, the index of the item, and its booking.
    pub held: HashMap<String, Vec<(EntryNumber, usize, u32)>>,
    /// Requests so far.
    pub requests: u64,
    /// Requests so far that may have changed something.
    pub moves: u64,
    /// How often the client began to read from an earlier place again, and the place of the last time.
    pub rewinds: (u64, EntryNumber),
    /// Runs that were forgotten for lack of room.
    pub forgotten: u64,
    last_read: Option<EntryNumber>,
    callers: HashMap<Box<[u8]>, u16>,
    memory: usize,
}

impl ReplayState {
    /// Who calls, if these credentials have been used before.
    pub(super) fn caller(&self, credentials: Option<&[u8]>) -> Option<Caller> {
        match credentials {
            None => Some(Caller::Nobody),
            Some(credentials) => self.callers.get(credentials).map(|&class| Caller::Known(class)),
        }
    }

    /// Takes credentials that are used for the first time for those of the first recorded caller among `wanted` that nobody
    /// stands for yet.
    pub(crate) fn meet(
        &mut self,
        credentials: &[u8],
        wanted: impl Iterator<Item = u16>,
        index: &ReplayIndex,
    ) -> Caller {
        let taken = |class: &u16| self.callers.values().any(|other| other == class);
        let mut wanted: Vec<u16> = wanted.collect();
        wanted.sort_unstable();
        let free = wanted.iter().copied().find(|class| !taken(class));
        let class = free.or(wanted.first().copied()).or_else(|| (0..index.callers()).find(|class| !taken(class)));
        let class = class.unwrap_or_default();
        if self.callers.len() < MOST_CALLERS {
            self.callers.insert(credentials.into(), class);
        }
        Caller::Known(class)
    }

    /// The present Order UUID for a recorded one, if the client has such a booking.
    pub(super) fn present(&self, index: &ReplayIndex, recorded: u128) -> Option<String> {
        Some(self.latest(index.booking_of(recorded)?)?.uuid.clone())
    }

    /// The last run of a recorded booking.
    pub(crate) fn latest(&self, booking: u32) -> Option<&BookingRun> {
        self.runs.get(self.runs_of.get(&booking)?.last()?)
    }

    /// Begins a run, or has one go over to another booking.
    pub(super) fn place(&mut self, uuid: u128, run: BookingRun) {
        let booking = run.booking;
        if let Some(before) = self.runs.insert(uuid, run)
            && let Some(runs) = self.runs_of.get_mut(&before.booking)
        {
            runs.retain(|other| *other != uuid);
        }
        let runs = self.runs_of.entry(booking).or_default();
        runs.push(uuid);
        if runs.len() > MOST_TOLD {
            runs.remove(0);
        }
    }

    /// Notes that an exchange without a booking, which changed nothing, was served.
    pub(crate) fn has_read(&mut self, number: EntryNumber) {
        if self.last_read.is_some_and(|last| number < last) {
            self.rewinds = (self.rewinds.0 + 1, number);
        }
        self.last_read = Some(number);
    }

    /// Notes what was served to a run, which begins with it or not.
    pub(crate) fn has_served(&mut self, uuid: u128, step: RunStep, begins: bool) {
        let requests = self.requests;
        let last = self.last_of_group.entry((step.operation, step.shape)).or_insert(step.number);
        // A request that comes again moves nothing back.
        *last = if begins { step.number } else { step.number.max(*last) };
        if let Some(run) = self.runs.get_mut(&uuid) {
            let before = run.memory();
            run.used = requests;
            run.steps.retain(|other| other.number != step.number);
            run.steps.push(step);
            self.memory = (self.memory + run.memory()).saturating_sub(before);
        }
        if self.memory > MOST_RUNS {
            self.forget();
        }
    }

    /// Forgets the half of the runs that was quiet for longest.
    fn forget(&mut self) {
        let mut used: Vec<u64> = self.runs.values().map(|run| run.used).collect();
        used.sort_unstable();
        let bound = used.get(used.len() / 2).copied().unwrap_or_default();
        let before = self.runs.len();
        self.runs.retain(|_, run| run.used > bound);
        self.runs_of.retain(|_, uuids| {
            uuids.retain(|uuid| self.runs.contains_key(uuid));
            !uuids.is_empty()
        });
        self.forgotten += (before - self.runs.len()) as u64;
        self.memory = self.runs.values().map(BookingRun::memory).sum();
    }
}
