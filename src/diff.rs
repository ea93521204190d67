//! Compares two recordings: the verdicts that changed, and the values that differ in answers to the same requests.
//!
//! ```text
//! JudgedRecording A ─┐                                    ┌─► verdicts that changed
//!                    ├─► pairing: bookings by shape ─► Pair ┼─► values of the answers that differ, by pointer, in classes
//! JudgedRecording B ─┘                                    └─► exchanges that only one of the two has
//! ```
//!
//! Pure. Two runs of the same bookings never have the same bytes: Order UUIDs, dates, leases, places left, order numbers and
//! positions in feeds differ. [`DifferenceClass`] tells these from what matters.

mod counterparts;
mod leaves;
mod pairing;
mod verdicts;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;

use crate::exchange::{BodyEnd, Headers, decode};
use crate::json::Document;
use crate::judged::Judged;
use crate::shape::{Normalizer, differences, looks_like_json, operation};
use counterparts::Counterparts;
pub use leaves::{DifferenceClass, ValueDifference};
pub use pairing::{ExchangePair, Pairing, pair};
pub use verdicts::{VerdictChange, VerdictChangeKind};

/// Version of the JSON form of [`RecordingDiff`]; it grows when a field changes its meaning or goes.
pub(crate) const FORMAT_VERSION: u32 = 1;

/// Most differences between two requests that are listed.
const MOST_REQUEST_DIFFERENCES: usize = 20;

/// A recording and the verdicts on it.
#[derive(Debug, Clone)]
pub struct JudgedRecording {
    /// The name of its file.
    pub name: String,
    /// The Base URIs of its booking system, as far as they are known; the first counts.
    pub base_uris: Vec<String>,
    /// Its exchanges in recorded order, from the first one on.
    pub exchanges: Vec<Arc<Judged>>,
}

impl JudgedRecording {
    /// Scheme and authority of its booking system.
    pub fn origin(&self) -> Option<&str> {
        let of_uri = |uri: &'_ String| {
            let authority = uri.find("://")? + 3;
            let end = uri[authority..].find('/').map_or(uri.len(), |slash| authority + slash);
            Some(end)
        };
        let said = self.base_uris.first();
        said.and_then(|uri| of_uri(uri).map(|end| &uri[..end]))
            .or_else(|| self.exchanges.first().map(|judged| judged.exchange.origin.as_str()))
    }
}

/// How two recordings differ.
#[derive(Debug, Clone, Serialize)]
pub struct RecordingDiff {
    /// `FORMAT_VERSION`.
    pub format_version: u32,
    /// The first recording.
    pub a: RecordingSummary,
    /// The second recording.
    pub b: RecordingSummary,
    /// Exchanges that both have.
    pub paired: u64,
    /// Of these, how many are the same: no verdict changed, and nothing differs but what differs in any two runs.
    pub same: u64,
    /// Findings that only one of the two has, in recorded order.
    pub verdicts: Vec<VerdictChange>,
    /// Rules that could judge an exchange in one of the two only. That depends on what else a recording holds.
    pub judged_otherwise: Vec<VerdictChange>,
    /// How many values differ, by class.
    pub classes: BTreeMap<DifferenceClass, u64>,
    /// Pairs of exchanges in which a value differs.
    pub exchanges: Vec<ExchangeDiff>,
    /// Exchanges that only the first recording has.
    pub only_a: Vec<UnpairedExchange>,
    /// Exchanges that only the second recording has.
    pub only_b: Vec<UnpairedExchange>,
}

/// What a recording holds.
#[derive(Debug, Clone, Serialize)]
pub struct RecordingSummary {
    /// The name of its file.
    pub recording: String,
    /// Number of exchanges.
    pub exchanges: u64,
    /// Number of bookings.
    pub bookings: u64,
}

/// A pair of exchanges, and where their answers differ.
#[derive(Debug, Clone, Serialize)]
pub struct ExchangeDiff {
    /// Number of the exchange in the first recording, from 1.
    pub a: u64,
    /// Number of the exchange in the second recording, from 1.
    pub b: u64,
    /// Stage.
    pub stage: &'static str,
    /// Method, path with `*` for the Order UUID, and query.
    pub operation: String,
    /// The values that differ.
    pub differences: Vec<ValueDifference>,
}

impl ExchangeDiff {
    /// The differences that two runs of the same bookings need not have.
    pub fn unexpected(&self) -> impl Iterator<Item = &ValueDifference> {
        self.differences.iter().filter(|difference| difference.class == DifferenceClass::Other)
    }
}

/// An exchange that only one of two recordings has.
#[derive(Debug, Clone, Serialize)]
pub struct UnpairedExchange {
    /// Its number, from 1.
    pub number: u64,
    /// Stage.
    pub stage: &'static str,
    /// Method, path with `*` for the Order UUID, and query.
    pub operation: String,
    /// It belongs to a booking.
    pub of_booking: bool,
}

impl RecordingDiff {
    /// True if no verdict changed, nothing unexpected differs, and neither recording has a call of a booking that the other lacks.
    pub fn is_same(&self) -> bool {
        let calls = |unpaired: &[UnpairedExchange]| unpaired.iter().any(|exchange| exchange.of_booking);
        self.verdicts.is_empty() && self.unexpected() == 0 && !calls(&self.only_a) && !calls(&self.only_b)
    }

    /// How many values differ that need not.
    pub fn unexpected(&self) -> u64 {
        self.classes.get(&DifferenceClass::Other).copied().unwrap_or_default()
    }
}

/// Compares two recordings whose exchanges were paired.
pub fn compare(a: &JudgedRecording, b: &JudgedRecording, pairing: &Pairing) -> RecordingDiff {
    let mut counterparts = Counterparts::new(a.origin(), b.origin());
    let (verdicts, judged_otherwise) = verdicts::changes(a, b, pairing);
    let mut classes = BTreeMap::new();
    let (mut exchanges, mut same) = (Vec::new(), 0);
    for pair in &pairing.pairs {
        let (one, other) = (&a.exchanges[pair.a], &b.exchanges[pair.b]);
        let differences = pair_differences(one, other, *pair, &mut counterparts);
        for difference in &differences {
            *classes.entry(difference.class).or_default() += 1;
        }
        let is_of_pair = |change: &VerdictChange| change.a == Some(one.number()) || change.b == Some(other.number());
        let is_other = |difference: &ValueDifference| difference.class == DifferenceClass::Other;
        if !verdicts.iter().any(is_of_pair) && !differences.iter().any(is_other) {
            same += 1;
        }
        if !differences.is_empty() {
            exchanges.push(ExchangeDiff {
                a: one.number(),
                b: other.number(),
                stage: one.stage.as_str(),
                operation: operation_of(one),
                differences,
            });
        }
    }
    let unpaired = |recording: &JudgedRecording, places: &[usize]| {
        let of = |&place: &usize| {
            let judged = &recording.exchanges[place];
            UnpairedExchange {
                number: judged.number(),
                stage: judged.stage.as_str(),
                operation: operation_of(judged),
                of_booking: judged.order_uuid.is_some(),
            }
        };
        places.iter().map(of).collect()
    };
    RecordingDiff {
        format_version: FORMAT_VERSION,
        a: summary(a),
        b: summary(b),
        paired: pairing.pairs.len() as u64,
        same,
        verdicts,
        judged_otherwise,
        classes,
        exchanges,
        only_a: unpaired(a, &pairing.only_a),
        only_b: unpaired(b, &pairing.only_b),
    }
}

fn summary(recording: &JudgedRecording) -> RecordingSummary {
    let bookings: std::collections::BTreeSet<_> =
        recording.exchanges.iter().filter_map(|judged| judged.order_uuid.as_ref()).collect();
    RecordingSummary {
        recording: recording.name.clone(),
        exchanges: recording.exchanges.len() as u64,
        bookings: bookings.len() as u64,
    }
}

/// The operation of an exchange, for people.
pub(crate) fn operation_of(judged: &Judged) -> String {
    operation(&judged.exchange.request.method, &judged.exchange.request.target, &|_| false).key
}

/// Learns from the requests of a pair, then compares the answers.
fn pair_differences(
    one: &Judged,
    other: &Judged,
    pair: ExchangePair,
    counterparts: &mut Counterparts,
) -> Vec<ValueDifference> {
    let mut found = Vec::new();
    let (asked, asked_again) = (&one.exchange.request, &other.exchange.request);
    let documents = (
        document(&asked.body.bytes, asked.body.end, &asked.headers),
        document(&asked_again.body.bytes, asked_again.body.end, &asked_again.headers),
    );
    counterparts.learn_orders(one.order_uuid.as_deref(), other.order_uuid.as_deref());
    if let (Some(recorded), Some(present)) = (&documents.0, &documents.1) {
        counterparts.learn_request(pair.booking, recorded.root(), present.root());
        let (is_a, is_b) = (|uuid| counterparts.is_order_of_a(uuid), |uuid| counterparts.is_order_of_b(uuid));
        let normalizers = (
            Normalizer { is_order: &is_a, origin: None },
            Normalizer { is_order: &is_b, origin: counterparts.origins() },
        );
        let differing = differences(recorded.root(), present.root(), normalizers, MOST_REQUEST_DIFFERENCES);
        let unbound = differing.into_iter().filter(|difference| {
            let text = |side: &crate::json::Document| {
                side.root().find(&difference.pointer).and_then(crate::json::Value::as_str).map(str::to_owned)
            };
            match (text(recorded), text(present)) {
                (Some(a), Some(b)) => !counterparts.knows(pair.booking, &a, &b),
                _ => true,
            }
        });
        found.extend(unbound.map(ValueDifference::of_request));
    }
    leaves::answer_differences(one, other, pair.booking, counterparts, &mut found);
    found
}

/// A body that is JSON.
fn document(bytes: &[u8], end: BodyEnd, headers: &Headers) -> Option<Document> {
    if end != BodyEnd::Complete {
        return None;
    }
    let content = decode(bytes, headers).ok()?;
    looks_like_json(&content).then(|| Document::parse(&content).ok()).flatten()
}
