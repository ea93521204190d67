//! Requests under way, on their way to the front end.
//!
//! `head of a request ─► stage, Order UUID (nothing of what it says else: it is not redacted yet) ─► Event::Request`

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::event::{Event, EventSender, RequestUnderWay};
use crate::openbooking::{classify, is_uuid};
use crate::proxy::record::exchange_builder::RequestMeta;
use crate::proxy::record::sink::Announcer;

/// Most requests that are announced in a row. A broker that is tried by hand never makes as many at once.
const BURST: u32 = 256;

/// Time after which one more may be announced: at most 200 in a second, since each wakes the front end.
const EVERY: Duration = Duration::from_millis(5);

/// Tells a front end of requests, as long as it keeps up and they are not too many.
pub(super) fn announcer(events: EventSender) -> Announcer {
    let budget = Mutex::new(Budget::new(Instant::now()));
    Announcer(Arc::new(move |opening| {
        if budget.lock().unwrap_or_else(PoisonError::into_inner).take(Instant::now()) {
            events.send_if_idle(|| Event::Request(request(opening)));
        }
    }))
}

/// How many requests may be announced: some at once, then one every few milliseconds.
#[derive(Debug)]
struct Budget {
    left: u32,
    /// Up to when what came back was added.
    counted: Instant,
}

impl Budget {
    fn new(now: Instant) -> Self {
        Self { left: BURST, counted: now }
    }

    /// Takes one, if there is one.
    fn take(&mut self, now: Instant) -> bool {
        let back = now.saturating_duration_since(self.counted).as_millis() / EVERY.as_millis();
        if back >= u128::from(BURST) {
            *self = Self::new(now);
        } else {
            self.left = (self.left + back as u32).min(BURST);
            self.counted += EVERY * back as u32;
        }
        let has_one = self.left > 0;
        self.left -= u32::from(has_one);
        has_one
    }
}

fn request(opening: &RequestMeta) -> RequestUnderWay {
    let path = opening.target.split('?').next().unwrap_or_default();
    let call = classify(&opening.method, path, None, false);
    let uuid = call.uuid_segment.filter(|segment| is_uuid(segment)).map(|uuid| uuid.to_ascii_lowercase().into());
    RequestUnderWay { id: opening.id, started: opening.started, stage: call.stage, order_uuid: uuid }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_as_hands_make_are_announced_and_of_a_flood_a_part() {
        let start = Instant::now();
        let mut budget = Budget::new(start);
        let taken = |budget: &mut Budget, millis: u64, tries: u32| {
            (0..tries).filter(|_| budget.take(start + Duration::from_millis(millis))).count()
        };
        assert_eq!(taken(&mut budget, 0, 1_000), BURST as usize);
        assert_eq!(taken(&mut budget, 4, 1_000), 0);
        assert_eq!(taken(&mut budget, 24, 1_000), 4);
        assert_eq!(taken(&mut budget, 25, 1_000), 1, "what was left of the time counts");
        // One every ten milliseconds for an hour: each is announced.
        assert!((0..360_000).all(|at| budget.take(start + Duration::from_millis(1_000 + 10 * at))));
        assert_eq!(taken(&mut budget, 10_000_000, 1_000), BURST as usize, "no more than at first");
    }
}
