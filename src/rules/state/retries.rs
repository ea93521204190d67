//! Calls that came to nothing, to be held against what the broker does next.
//!
//! `429 or 503 → pushed back, until the same call comes again` · `attempt to book that failed → until it succeeds or is given up` ·
//! `booking whose answer never came → until its Order UUID is answered for`

use std::collections::VecDeque;
use std::sync::Arc;

use super::maps::HashMap;
use crate::exchange::{BodyEnd, FailureKind, Response};
use crate::openbooking::{ParsedExchange, Stage};
use crate::rules::models::json_ld::id_of;
use crate::rules::state::credentials::credential;
use crate::rules::state::limits::MAX_KEPT_BYTES;

/// Most calls (by verb, path and credentials) that are known as pushed back. Past it no new ones are taken up.
/// Nor are those of more than 256 KiB.
const MAX_PUSHED_BACK: usize = 1_000;

/// Most failed attempts to book that are kept, and most whose answer never came. Past it the oldest is forgotten: what follows on it is not judged.
/// Calls of more than 256 KiB are not kept; what they are about is kept beside them, at most as much again.
const MAX_FAILED: usize = 200;

/// The calls so far that came to nothing.
#[derive(Debug, Default)]
pub(crate) struct Retries {
    rate_limited: HashMap<String, Arc<ParsedExchange>>,
    failed: VecDeque<FailedBooking>,
    unanswered: VecDeque<FailedBooking>,
}

/// An attempt to book that failed, or whose answer never came.
#[derive(Debug)]
struct FailedBooking {
    call: Arc<ParsedExchange>,
    opportunities: Box<[Box<str>]>,
}

/// What the items of a call's Order are about, by `@id`; an item without one, and an Order without items, are about the empty
/// text.
fn opportunities(parsed: &ParsedExchange) -> Vec<&str> {
    let items = parsed.request.json().and_then(|document| document.root().get("orderedItem"));
    let Some(items) = items.filter(|items| items.is_array()) else { return Vec::new() };
    let mut ids: Vec<&str> = items.items().map(|item| item.get("orderedItem").and_then(id_of).unwrap_or("")).collect();
    if ids.is_empty() {
        ids.push("");
    }
    ids
}

impl Retries {
    /// The last call with the verb, path and credentials of this one, if its answer was 429 or 503 and had come
    /// before this one was made.
    pub(crate) fn rate_limited(&self, parsed: &ParsedExchange) -> Option<&ParsedExchange> {
        let earlier = self.rate_limited.get(&key(parsed))?;
        (earlier.exchange.ended() <= parsed.exchange.started).then_some(earlier)
    }

    /// The last call of each attempt to book that failed and was not taken further, oldest first.
    pub(crate) fn failed(&self) -> impl Iterator<Item = &ParsedExchange> {
        self.failed.iter().map(|failed| &*failed.call)
    }

    /// The calls of P and B whose answer never came whole, with an item for an opportunity that an item of this call is for,
    /// too; oldest first. Those whose Order UUID was answered for since are none of them.
    pub(crate) fn unanswered_same_opportunity(&self, parsed: &ParsedExchange) -> impl Iterator<Item = &ParsedExchange> {
        alike(&self.unanswered, parsed)
    }

    /// Of [`Retries::failed`] those with an item for an opportunity that an item of this call is for, too.
    pub(crate) fn failed_same_opportunity(&self, parsed: &ParsedExchange) -> impl Iterator<Item = &ParsedExchange> {
        alike(&self.failed, parsed)
    }

    /// Takes a call up.
    pub(crate) fn remember(&mut self, parsed: &Arc<ParsedExchange>) {
        let key = key(parsed);
        match parsed.status() {
            Some(429 | 503) => {
                let room = self.rate_limited.len() < MAX_PUSHED_BACK || self.rate_limited.contains_key(&key);
                if room && parsed.memory() <= MAX_KEPT_BYTES {
                    self.rate_limited.insert(key, Arc::clone(parsed));
                }
            }
            _ => {
                self.rate_limited.remove(&key);
            }
        }
        let Some(uuid) = &parsed.order_uuid else { return };
        self.remember_unanswered(parsed, uuid);
        let answered = parsed.status().is_some();
        if answered && parsed.stage != Stage::OrderStatus {
            self.failed.retain(|earlier| earlier.call.order_uuid.as_ref() != Some(uuid));
        }
        let books = matches!(parsed.stage, Stage::C1 | Stage::C2 | Stage::P | Stage::B | Stage::BAfterP);
        let small = parsed.memory() <= MAX_KEPT_BYTES;
        if books && small && parsed.status().is_some_and(|status| status >= 400) {
            keep(&mut self.failed, parsed);
        }
    }

    fn remember_unanswered(&mut self, parsed: &Arc<ParsedExchange>, uuid: &str) {
        let books = matches!(parsed.stage, Stage::P | Stage::B | Stage::BAfterP);
        let answers_for_order =
            books || matches!(parsed.stage, Stage::OrderStatus | Stage::OrderCancel | Stage::OrderDelete);
        if books && never_answered(parsed) {
            if parsed.memory() <= MAX_KEPT_BYTES {
                keep(&mut self.unanswered, parsed);
            }
        } else if answers_for_order
            && parsed.status().is_some_and(|status| !matches!(status, 429 | 502..=504))
            && !never_answered(parsed)
        {
            self.unanswered.retain(|earlier| earlier.call.order_uuid.as_deref() != Some(uuid));
        }
    }
}

/// True if the booking system may have done what it was asked for, and the broker has no whole answer.
fn never_answered(parsed: &ParsedExchange) -> bool {
    use FailureKind::{BrokenOff, ClientGone, Fault, Stopped, TimedOut};
    let failure = parsed.exchange.failure.as_ref();
    let is_cut = |response: &Response| response.body.end == BodyEnd::Cancelled;
    failure.is_some_and(|failure| matches!(failure.kind, BrokenOff | ClientGone | Fault | Stopped | TimedOut))
        && parsed.exchange.response.as_ref().is_none_or(is_cut)
}

/// Keeps a call; of more than there is room for the oldest goes.
fn keep(calls: &mut VecDeque<FailedBooking>, parsed: &Arc<ParsedExchange>) {
    if calls.len() == MAX_FAILED {
        calls.pop_front();
    }
    let opportunities = opportunities(parsed).into_iter().map(Box::from).collect();
    calls.push_back(FailedBooking { call: Arc::clone(parsed), opportunities });
}

/// Those with an item for an opportunity that an item of this call is for, too.
fn alike<'r>(
    calls: &'r VecDeque<FailedBooking>,
    parsed: &ParsedExchange,
) -> impl Iterator<Item = &'r ParsedExchange> + use<'r> {
    let wanted = if calls.is_empty() { Vec::new() } else { opportunities(parsed) };
    let mut wanted: Vec<Box<str>> = wanted.into_iter().map(Box::from).collect();
    wanted.sort_unstable();
    let is_alike =
        move |failed: &&FailedBooking| failed.opportunities.iter().any(|id| wanted.binary_search(id).is_ok());
    calls.iter().filter(is_alike).map(|failed| &*failed.call)
}

fn key(parsed: &ParsedExchange) -> String {
    let credential = credential(parsed).unwrap_or_default();
    format!("{} {}\n{credential}", parsed.exchange.request.method, parsed.exchange.path())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exchange::{Body, Exchange, Failure, Headers, Response, Version};

    fn quote(uuid: u32, items: &str, status: u16) -> Arc<ParsedExchange> {
        let target = format!("/api/order-quotes/5b0b7f3e-6d1c-4f0a-9c52-{uuid:012}");
        let mut exchange = Exchange::get("https://booking.example.com", target);
        exchange.request.method = "PUT".to_owned();
        exchange.request.body = Body::complete(format!(r#"{{"orderedItem": {items}}}"#));
        exchange.response = Some(Response {
            status,
            reason: String::new(),
            version: Version::Http11,
            headers: Headers::default(),
            body: Body::empty(),
        });
        Arc::new(ParsedExchange::new(0, Arc::new(exchange), None))
    }

    #[test]
    fn a_booking_is_unanswered_until_its_order_is_answered_for() {
        let call = |stage: Stage, status: Option<u16>, failure: Option<FailureKind>| {
            let mut exchange = (*quote(1, r#"[{"orderedItem": "a"}]"#, status.unwrap_or(200)).exchange).clone();
            exchange.response = exchange.response.filter(|_| status.is_some());
            exchange.failure = failure.map(|kind| Failure { kind, detail: String::new(), answered: None });
            let mut parsed = ParsedExchange::new(0, Arc::new(exchange), None);
            parsed.stage = stage;
            Arc::new(parsed)
        };
        let unanswered = |calls: &[Arc<ParsedExchange>]| {
            let mut retries = Retries::default();
            for call in calls {
                retries.remember(call);
            }
            retries.unanswered_same_opportunity(&quote(2, r#"[{"orderedItem": "a"}]"#, 200)).count()
        };
        let lost = || call(Stage::B, None, Some(FailureKind::Fault));
        assert_eq!(unanswered(&[lost()]), 1);
        assert_eq!(unanswered(&[call(Stage::C2, None, Some(FailureKind::TimedOut))]), 0, "a quote books nothing");
        assert_eq!(unanswered(&[call(Stage::B, None, Some(FailureKind::Unreachable))]), 0, "nobody was asked");
        assert_eq!(unanswered(&[call(Stage::B, None, None)]), 0, "the answer was not recorded");
        for (stage, status, left) in [
            (Stage::B, 201, 0),
            (Stage::B, 409, 0),
            (Stage::OrderStatus, 404, 0),
            (Stage::B, 503, 1),
            (Stage::C2, 200, 1),
        ] {
            assert_eq!(unanswered(&[lost(), call(stage, Some(status), None)]), left, "{stage} {status}");
        }
    }

    #[test]
    fn alike_are_those_that_ask_for_one_of_the_same_opportunities() {
        let mut retries = Retries::default();
        let baskets = [
            r#"[{"orderedItem": "a"}, {"orderedItem": {"@id": "b"}}]"#,
            r#"[{"orderedItem": "c"}]"#,
            r#"[{"position": 1}]"#,
            "[]",
        ];
        for (uuid, items) in (0..).zip(baskets) {
            retries.remember(&quote(uuid, items, 409));
        }
        let alike = |items: &str| {
            let call = quote(9, items, 200);
            let places = retries
                .failed_same_opportunity(&call)
                .map(|failed| retries.failed().position(|other| std::ptr::eq(failed, other)).unwrap_or(usize::MAX));
            places.collect::<Vec<_>>()
        };
        assert_eq!(alike(r#"[{"orderedItem": {"@id": "b"}}, {"orderedItem": "c"}]"#), [0, 1]);
        assert_eq!(alike(r#"[{"orderedItem": "d"}]"#), [0_usize; 0]);
        assert_eq!(alike(r#"[{"orderedItem": {}}]"#), [2, 3], "nothing is named, here and there");
        assert_eq!(alike("[]"), [2, 3]);
        assert_eq!(alike(r#""a""#), [0_usize; 0]);
    }
}
