//! Which requests meet a fault: the faults of a run, armed and disarmed while it runs, and how often each was made.
//!
//! `FaultCall (stage, booking) ─► armed · stage · booking · share · times ─► PickedFault ─► (taken back, if there was nothing to spoil)`

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Fault;
use super::kind::{FaultKind, FaultPoint};
use crate::openbooking::Stage;

/// Most Order UUIDs that are told apart. Past it new ones have no number, and count together for `per=booking`.
const MOST_BOOKINGS: usize = 100_000;

/// The faults of a run. Clones share them: one clone is given to each upstream, another to whoever switches them.
#[derive(Debug, Clone, Default)]
pub struct Faults(Arc<Mutex<FaultTable>>);

#[derive(Debug, Default)]
struct FaultTable {
    faults: Vec<ArmedFault>,
    /// The number of each booking, from 1.
    bookings: HashMap<String, u64>,
}

#[derive(Debug)]
struct ArmedFault {
    fault: Arc<Fault>,
    armed: bool,
    /// Requests that it could have met.
    seen: u64,
    made: u64,
    /// How often it was made, by booking.
    made_of: HashMap<String, u64>,
}

/// A request, as far as it matters to faults.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FaultCall<'c> {
    /// Its stage.
    pub stage: Stage,
    /// Its Order UUID, in lower case.
    pub uuid: Option<&'c str>,
}

/// A fault that is to be made now.
#[derive(Debug, Clone)]
pub(crate) struct PickedFault {
    /// The fault.
    pub fault: Arc<Fault>,
    at: usize,
    uuid: Option<String>,
}

/// What became of a fault so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FaultStatus {
    /// The fault as it was written.
    pub text: String,
    /// It is made where it applies.
    pub armed: bool,
    /// How often it was made.
    pub made: u64,
}

impl Faults {
    /// All of them armed.
    pub fn new(faults: impl IntoIterator<Item = Fault>) -> Self {
        let entry =
            |fault| ArmedFault { fault: Arc::new(fault), armed: true, seen: 0, made: 0, made_of: HashMap::new() };
        let table = FaultTable { faults: faults.into_iter().map(entry).collect(), bookings: HashMap::new() };
        Self(Arc::new(Mutex::new(table)))
    }

    /// True if there are none.
    pub fn is_empty(&self) -> bool {
        self.table().faults.is_empty()
    }

    /// Every fault, in order.
    pub fn status(&self) -> Vec<FaultStatus> {
        let status =
            |entry: &ArmedFault| FaultStatus { text: entry.fault.text.clone(), armed: entry.armed, made: entry.made };
        self.table().faults.iter().map(status).collect()
    }

    /// Arms or disarms the fault at a place of [`Self::status`], from the next request on; does nothing where there is none.
    pub fn arm(&self, at: usize, armed: bool) {
        if let Some(entry) = self.table().faults.get_mut(at) {
            entry.armed = armed;
        }
    }

    /// True if a fault breaks handshakes off.
    pub(crate) fn has_tls_failure(&self) -> bool {
        self.table().faults.iter().any(|entry| entry.fault.kind == FaultKind::TlsFailure)
    }

    /// True if the handshake that begins now is to be broken off.
    pub fn breaks_handshake(&self) -> bool {
        let mut table = self.table();
        table.faults.iter_mut().any(|entry| entry.fault.kind == FaultKind::TlsFailure && entry.is_due(None))
    }

    /// True if an armed fault meets requests at a stage: then they must be read whole.
    pub(crate) fn may_meet(&self, stage: Stage) -> bool {
        self.table().faults.iter().any(|entry| entry.armed && entry.fault.stages.contains(&stage))
    }

    /// The faults that a request meets: all that delay or slow its answer, and the first one that does something else. Each
    /// counts as made from now on.
    pub(crate) fn pick(&self, call: FaultCall<'_>) -> Vec<PickedFault> {
        let mut table = self.table();
        let booking = call.uuid.and_then(|uuid| table.number_of(uuid));
        let mut picks: Vec<PickedFault> = Vec::new();
        for (at, entry) in table.faults.iter_mut().enumerate() {
            let fault = &entry.fault;
            let is_met = fault.stages.contains(&call.stage)
                && fault.booking.is_none_or(|wanted| booking == Some(wanted))
                && fault.uuid.as_deref().is_none_or(|wanted| call.uuid == Some(wanted));
            let is_alone = |fault: &Fault| !matches!(fault.kind, FaultKind::Delay(_) | FaultKind::Slow(_));
            let is_taken = is_alone(fault) && picks.iter().any(|pick| is_alone(&pick.fault));
            if is_met && fault.kind.point() != FaultPoint::InHandshake && !is_taken && entry.is_due(call.uuid) {
                picks.push(PickedFault { fault: Arc::clone(&entry.fault), at, uuid: call.uuid.map(str::to_owned) });
            }
        }
        picks
    }

    /// There was nothing to spoil: the fault was not made.
    pub(crate) fn take_back(&self, pick: &PickedFault) {
        if let Some(entry) = self.table().faults.get_mut(pick.at) {
            entry.seen = entry.seen.saturating_sub(1);
            entry.made = entry.made.saturating_sub(1);
            if let Some(made) = pick.uuid.as_deref().and_then(|uuid| entry.made_of.get_mut(uuid)) {
                *made = made.saturating_sub(1);
            }
        }
    }

    fn table(&self) -> MutexGuard<'_, FaultTable> {
        // Nothing can panic while the lock is held; if it did, the counts would still be whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl FaultTable {
    fn number_of(&mut self, uuid: &str) -> Option<u64> {
        let next = self.bookings.len() as u64 + 1;
        match self.bookings.get(uuid) {
            Some(number) => Some(*number),
            None if self.bookings.len() < MOST_BOOKINGS => Some(*self.bookings.entry(uuid.to_owned()).or_insert(next)),
            None => None,
        }
    }
}

impl ArmedFault {
    /// True if it is to be made for a request that it could meet. It counts as made then.
    fn is_due(&mut self, uuid: Option<&str>) -> bool {
        if !self.armed {
            return false;
        }
        let uuid = uuid.filter(|_| self.fault.per_booking).unwrap_or_default();
        let made = if self.fault.per_booking { self.made_of.get(uuid).copied().unwrap_or_default() } else { self.made };
        if self.fault.times.is_some_and(|times| made >= times) {
            return false;
        }
        // The first request, and from then on evenly: of a share of 25% the first, the fifth, …
        let due_after = |seen: u64| (seen * self.fault.permille).div_ceil(1_000);
        self.seen += 1;
        if due_after(self.seen) == due_after(self.seen - 1) {
            return false;
        }
        self.made += 1;
        if self.fault.per_booking && (self.made_of.len() < MOST_BOOKINGS || self.made_of.contains_key(uuid)) {
            *self.made_of.entry(uuid.to_owned()).or_default() += 1;
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(texts: &[&str]) -> Faults {
        Faults::new(texts.iter().map(|text| text.parse().unwrap()))
    }

    /// The texts of the faults that are met.
    fn met(faults: &Faults, stage: Stage, uuid: &str) -> Vec<String> {
        faults.pick(FaultCall { stage, uuid: Some(uuid) }).into_iter().map(|pick| pick.fault.text.clone()).collect()
    }

    #[test]
    fn stage_times_and_booking_choose() {
        let faults = faults(&["B reset times=2", "C2 status=503 booking=2", "C1 status=500 times=1 per=booking"]);
        assert!(met(&faults, Stage::C2, "a").is_empty(), "it is the first booking");
        assert_eq!(met(&faults, Stage::C2, "b"), ["C2 status=503 booking=2"]);
        assert_eq!(met(&faults, Stage::B, "a").len() + met(&faults, Stage::B, "b").len(), 2);
        assert!(met(&faults, Stage::B, "a").is_empty(), "twice in all");
        for uuid in ["a", "b"] {
            assert_eq!((met(&faults, Stage::C1, uuid).len(), met(&faults, Stage::C1, uuid).len()), (1, 0), "{uuid}");
        }
        assert_eq!(faults.status()[0], FaultStatus { text: "B reset times=2".to_owned(), armed: true, made: 2 });
    }

    #[test]
    fn a_share_is_spread_evenly() {
        let faults = faults(&["B reset share=25%"]);
        let made: Vec<bool> = (0..8).map(|_| !met(&faults, Stage::B, "a").is_empty()).collect();
        assert_eq!(made, [true, false, false, false, true, false, false, false]);
    }

    #[test]
    fn delays_come_on_top_and_of_the_others_the_first() {
        let faults = faults(&["delay=1s", "B reset", "B cut", "B slow=10"]);
        assert_eq!(met(&faults, Stage::B, "a"), ["delay=1s", "B reset", "B slow=10"]);
        assert_eq!(met(&faults, Stage::C1, "a"), ["delay=1s"]);
    }

    #[test]
    fn what_is_disarmed_or_taken_back_was_not_made() {
        let faults = faults(&["B reset times=1"]);
        let switch = faults.clone();
        switch.arm(0, false);
        assert!(met(&faults, Stage::B, "a").is_empty() && !faults.may_meet(Stage::B));
        switch.arm(0, true);
        let picks = faults.pick(FaultCall { stage: Stage::B, uuid: Some("a") });
        faults.take_back(&picks[0]);
        assert_eq!(faults.status()[0].made, 0);
        assert_eq!(met(&faults, Stage::B, "a").len(), 1);
    }

    #[test]
    fn handshakes_are_no_requests() {
        let faults = faults(&["tls-failure times=1"]);
        assert!(faults.has_tls_failure() && met(&faults, Stage::B, "a").is_empty());
        assert!(faults.breaks_handshake() && !faults.breaks_handshake());
    }
}
