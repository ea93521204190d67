//! Pairs the exchanges of two recordings that ask for the same.
//!
//! ```text
//! exchanges ─► by Order UUID ─► bookings ─► alike in all steps and statuses │ in all steps │ in the first step ─► aligned step by step
//!         └─► of no booking ─► by path ──────────────────────────────────────────────────────────────────────► aligned
//! ```

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher as _};

use super::JudgedRecording;
use crate::openbooking::{Endpoint, classify};
use crate::shape::{Normalizer, RequestOutline, Shape};

/// Most bookings that are looked at for the likest one.
const MOST_CANDIDATES: usize = 64;

/// Most pairs of steps that are weighed to align two sequences; longer ones are paired in order.
const MOST_CELLS: usize = 4_000_000;

/// An exchange of the first recording and its counterpart in the second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExchangePair {
    /// Place in the first recording, from 0.
    pub a: usize,
    /// Place in the second recording, from 0.
    pub b: usize,
    /// The pair of bookings that it belongs to, if it belongs to one.
    pub booking: Option<usize>,
}

/// Which exchanges of two recordings belong together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pairing {
    /// The pairs, in the order of the first recording.
    pub pairs: Vec<ExchangePair>,
    /// Exchanges that only the first recording has.
    pub only_a: Vec<usize>,
    /// Exchanges that only the second recording has.
    pub only_b: Vec<usize>,
}

/// What pairing needs to know of an exchange.
struct PairingEntry {
    /// Operation, without the path of the Base URI.
    operation: String,
    /// The same without the query, in which cursors are.
    path: String,
    order: Option<u128>,
    shape: Option<Shape>,
    status: u16,
}

impl PairingEntry {
    /// How well two exchanges fit each other; 0: not at all.
    fn likeness(&self, other: &Self) -> u32 {
        if self.path != other.path {
            return 0;
        }
        let same = [self.operation == other.operation, self.shape == other.shape, self.status == other.status];
        1 + same.into_iter().map(u32::from).sum::<u32>()
    }
}

/// Pairs the exchanges of two recordings.
pub fn pair(a: &JudgedRecording, b: &JudgedRecording) -> Pairing {
    let moved = b.origin().zip(a.origin());
    let (of_a, of_b) = (entries(a, None), entries(b, moved));
    let (bookings_a, bookings_b) = (bookings(&of_a), bookings(&of_b));
    let mut pairs = Vec::new();
    for (booking, (one, other)) in pair_bookings(&of_a, &bookings_a, &of_b, &bookings_b).into_iter().enumerate() {
        let steps = align(&of_a, &bookings_a[one], &of_b, &bookings_b[other]);
        pairs.extend(steps.into_iter().map(|(a, b)| ExchangePair { a, b, booking: Some(booking) }));
    }
    let (paths_a, mut paths_b) = (by_path(&of_a), by_path(&of_b));
    for (path, one) in paths_a {
        let other = paths_b.remove(path).unwrap_or_default();
        let steps = align(&of_a, &one, &of_b, &other);
        pairs.extend(steps.into_iter().map(|(a, b)| ExchangePair { a, b, booking: None }));
    }
    Pairing::of(pairs, of_a.len(), of_b.len())
}

impl Pairing {
    /// The pairing of these pairs; all other exchanges are those of one recording alone.
    pub fn of(mut pairs: Vec<ExchangePair>, of_a: usize, of_b: usize) -> Self {
        pairs.sort_by_key(|pair| pair.a);
        let (mut only_a, mut only_b) = (vec![true; of_a], vec![true; of_b]);
        for pair in &pairs {
            (only_a[pair.a], only_b[pair.b]) = (false, false);
        }
        let places = |only: Vec<bool>| (0..only.len()).filter(|&place| only[place]).collect();
        Self { pairs, only_a: places(only_a), only_b: places(only_b) }
    }
}

fn entries(recording: &JudgedRecording, origin: Option<(&str, &str)>) -> Vec<PairingEntry> {
    let mut orders = HashSet::new();
    let entry = |judged: &std::sync::Arc<crate::judged::Judged>| {
        let exchange = &judged.exchange;
        let asked =
            RequestOutline::read(&exchange.request, Normalizer { is_order: &|uuid| orders.contains(&uuid), origin });
        orders.extend(asked.order);
        let call = classify(&exchange.request.method, exchange.path(), None, false);
        let mut operation = asked.operation.key;
        if matches!(call.endpoint, Endpoint::Known(_)) && !call.base_path.is_empty() {
            operation = operation.replacen(call.base_path, "", 1);
        }
        let path = operation.split('?').next().unwrap_or_default().to_owned();
        let status = exchange.response.as_ref().map_or(0, |response| response.status);
        PairingEntry { operation, path, order: asked.order, shape: asked.shape, status }
    };
    recording.exchanges.iter().map(entry).collect()
}

/// The places of the exchanges of each booking, in recorded order.
fn bookings(entries: &[PairingEntry]) -> Vec<Vec<usize>> {
    let (mut of_order, mut bookings) = (HashMap::new(), Vec::<Vec<usize>>::new());
    for (place, entry) in entries.iter().enumerate() {
        let Some(order) = entry.order else { continue };
        let booking = *of_order.entry(order).or_insert_with(|| {
            bookings.push(Vec::new());
            bookings.len() - 1
        });
        bookings[booking].push(place);
    }
    bookings
}

/// The places of the exchanges that belong to no booking, by path.
fn by_path(entries: &[PairingEntry]) -> BTreeMap<&str, Vec<usize>> {
    let mut paths: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (place, entry) in entries.iter().enumerate().filter(|(_, entry)| entry.order.is_none()) {
        paths.entry(&entry.path).or_default().push(place);
    }
    paths
}

/// A hash that is equal for bookings, lists of places of entries, that have something in common.
type Likeness = fn(&[PairingEntry], &[usize]) -> u64;

/// What bookings must have in common, the strictest first.
const LIKENESS: [Likeness; 4] = [
    |entries, steps| {
        hash_of(steps.iter().map(|&step| (&entries[step].operation, entries[step].shape, entries[step].status)))
    },
    |entries, steps| hash_of(steps.iter().map(|&step| (&entries[step].operation, entries[step].shape))),
    |entries, steps| hash_of(steps.first().map(|&step| (&entries[step].operation, entries[step].shape)).into_iter()),
    |entries, steps| hash_of(steps.first().map(|&step| &entries[step].operation).into_iter()),
];

fn hash_of(parts: impl Iterator<Item = impl Hash>) -> u64 {
    let mut hasher = DefaultHasher::new();
    parts.for_each(|part| part.hash(&mut hasher));
    hasher.finish()
}

/// Pairs bookings, the likest first; those that are alike in recorded order.
fn pair_bookings(
    of_a: &[PairingEntry],
    a: &[Vec<usize>],
    of_b: &[PairingEntry],
    b: &[Vec<usize>],
) -> Vec<(usize, usize)> {
    let (mut free_a, mut free_b) = (vec![true; a.len()], vec![true; b.len()]);
    let mut pairs = Vec::new();
    for signature in LIKENESS {
        let mut waiting: HashMap<u64, VecDeque<usize>> = HashMap::new();
        for (booking, steps) in b.iter().enumerate().filter(|(booking, _)| free_b[*booking]) {
            waiting.entry(signature(of_b, steps)).or_default().push_back(booking);
        }
        for (booking, steps) in a.iter().enumerate() {
            if !free_a[booking] {
                continue;
            }
            let Some(candidates) = waiting.get_mut(&signature(of_a, steps)) else { continue };
            let likest = (0..candidates.len().min(MOST_CANDIDATES))
                .max_by_key(|&at| (score(of_a, steps, of_b, &b[candidates[at]]), Reverse(at)));
            if let Some(partner) = likest.and_then(|at| candidates.remove(at)) {
                (free_a[booking], free_b[partner]) = (false, false);
                pairs.push((booking, partner));
            }
        }
    }
    pairs.sort_unstable();
    pairs
}

fn score(of_a: &[PairingEntry], a: &[usize], of_b: &[PairingEntry], b: &[usize]) -> u32 {
    align(of_a, a, of_b, b).into_iter().map(|(a, b)| of_a[a].likeness(&of_b[b])).sum()
}

/// Aligns two sequences of exchanges so that the sum of likenesses is greatest; neither order changes.
fn align(of_a: &[PairingEntry], a: &[usize], of_b: &[PairingEntry], b: &[usize]) -> Vec<(usize, usize)> {
    let likeness = |i: usize, j: usize| of_a[a[i]].likeness(&of_b[b[j]]);
    if a.len().saturating_mul(b.len()) > MOST_CELLS {
        let both = a.iter().zip(b).filter(|(a, b)| of_a[**a].likeness(&of_b[**b]) > 0);
        return both.map(|(&a, &b)| (a, b)).collect();
    }
    // best[i][j]: the greatest sum of the steps from i and from j on.
    let width = b.len() + 1;
    let mut best = vec![0_u32; (a.len() + 1) * width];
    for i in (0..a.len()).rev() {
        for j in (0..b.len()).rev() {
            let skipped = best[(i + 1) * width + j].max(best[i * width + j + 1]);
            let paired = match likeness(i, j) {
                0 => 0,
                likeness => likeness + best[(i + 1) * width + j + 1],
            };
            best[i * width + j] = skipped.max(paired);
        }
    }
    let (mut i, mut j, mut pairs) = (0, 0, Vec::new());
    while i < a.len() && j < b.len() {
        let likeness = likeness(i, j);
        if likeness > 0 && best[i * width + j] == likeness + best[(i + 1) * width + j + 1] {
            pairs.push((a[i], b[j]));
            (i, j) = (i + 1, j + 1);
        } else if best[(i + 1) * width + j] >= best[i * width + j + 1] {
            i += 1;
        } else {
            j += 1;
        }
    }
    pairs
}
