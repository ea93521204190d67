//! Which recorded exchange answers a request.
//!
//! ```text
//! Order UUID ─┬─ known ─► its run ─► the exchange of its recorded booking whose turn it is
//!             │                └─ has none ─► a sibling with the same beginning, the run goes on there
//!             └─ new ───► the recorded booking that begins so, each in turn
//! none ───────► the next of those that ask for the same, once the client has done what lay between
//! ```
//!
//! Pure: it reads the index and the state, and says what it found. The caller notes what was served.

use std::cmp::Reverse;

use super::index::{EntryNumber, ReplayIndex};
use super::request::Caller;
use super::state::{BookingRun, ReplayState};
use crate::shape::{RequestOutline, Shape};

/// Most exchanges of a list that are looked at for one request.
const FEW: usize = 1_024;

/// Most exchanges between two that are looked at.
const BETWEEN: u32 = 10_000;

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ReplayMatch {
    /// An exchange that belongs to no booking; its index among those that ask for the same.
    Loose(EntryNumber, usize),
    /// An exchange of the booking of the run of this UUID.
    OfRun(EntryNumber),
    /// An exchange of a recorded booking for which a run is to begin, or to which the run is to go over.
    OfBooking(EntryNumber, u32),
}

/// Why nothing was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum NotFound {
    /// Nothing of that operation was recorded.
    Operation,
    /// Nothing asks for the same.
    Request,
    /// The recorded answer is from after this exchange, which the client has not asked for yet.
    TooEarly(EntryNumber),
    /// The recorded answers are from before this exchange, which the client has asked for.
    TooLate(EntryNumber),
    /// What asks for the same has no answer that can be given.
    NoAnswer(EntryNumber),
    /// Only callers with credentials were answered, or only those without.
    Caller,
}

/// A request and who makes it.
#[derive(Clone, Copy)]
pub(crate) struct MatchQuery<'q> {
    /// The request.
    pub asked: &'q RequestOutline,
    /// Number of its operation.
    pub operation: u32,
    /// What it asks for.
    pub shape: Shape,
    /// Who calls.
    pub caller: Caller,
}

/// How well a recorded caller stands for a present one; 0: not at all.
fn suits(recorded: Caller, present: Caller, status: u16, moves: bool) -> u8 {
    match (recorded, present) {
        (Caller::Unknown, _) | (Caller::Nobody, Caller::Nobody) => 2,
        (Caller::Known(a), Caller::Known(b)) if a == b => 2,
        (Caller::Known(_), Caller::Known(_)) => 1,
        // Open data is given to everybody.
        (Caller::Nobody, _) if !matches!(status, 401 | 403) => 1,
        (Caller::Known(_), Caller::Nobody) if !moves => 1,
        _ => 0,
    }
}

/// The exchanges among these that answer a caller best. All of them: that have an answer.
fn answerable(index: &ReplayIndex, numbers: &[EntryNumber], caller: Caller) -> Result<Vec<EntryNumber>, NotFound> {
    let level = |&number: &EntryNumber| {
        let entry = index.entry(number);
        if entry.has_answer { suits(entry.caller, caller, entry.status, entry.moves) } else { 0 }
    };
    match numbers.iter().map(level).max() {
        None => Err(NotFound::Request),
        Some(0) => Err(match numbers.iter().find(|&&number| !index.entry(number).has_answer) {
            Some(&number) => NotFound::NoAnswer(number),
            None => NotFound::Caller,
        }),
        Some(best) => Ok(numbers.iter().copied().filter(|number| level(number) == best).collect()),
    }
}

/// Finds the exchange that answers a request.
pub(super) fn find(
    index: &ReplayIndex,
    state: &ReplayState,
    question: MatchQuery<'_>,
) -> Result<ReplayMatch, NotFound> {
    let Some(uuid) = question.asked.order else { return loose(index, state, question) };
    let Some(run) = state.runs.get(&uuid) else {
        let booking = match index.booking_of(uuid).filter(|&booking| has(index, booking, question)) {
            Some(same) => same,
            None => begin(index, state, question)?,
        };
        let number = within(index, booking, None, question)?;
        return Ok(ReplayMatch::OfBooking(number, booking));
    };
    let own = within(index, run.booking, Some(run), question);
    match own {
        Ok(number) => Ok(ReplayMatch::OfRun(number)),
        Err(why @ (NotFound::Request | NotFound::TooEarly(_) | NotFound::NoAnswer(_))) => {
            let Some(booking) = sibling(index, run, question) else { return Err(why) };
            // What was served so far is served in the sibling as well.
            let moved = moved(index, run, booking);
            let number = within(index, booking, Some(&moved), question).map_err(|_| why)?;
            Ok(ReplayMatch::OfBooking(number, booking))
        }
        Err(why) => Err(why),
    }
}

fn has(index: &ReplayIndex, booking: u32, question: MatchQuery<'_>) -> bool {
    !index.within(booking, question.operation, question.shape).is_empty()
}

/// The recorded booking for a new Order UUID: one that begins so before others, and of those the next after the one that was
/// taken last, so that each is used as often as the others, the earliest first.
fn begin(index: &ReplayIndex, state: &ReplayState, question: MatchQuery<'_>) -> Result<u32, NotFound> {
    let group = index.group(question.operation, question.shape).ok_or(NotFound::Request)?;
    let last = state.last_of_group.get(&(question.operation, question.shape)).copied();
    let mut why = NotFound::Request;
    for list in [&group.first, &group.later] {
        let behind = last.map_or(0, |last| list.partition_point(|&number| number <= last));
        let in_turn: Vec<EntryNumber> = list[behind..].iter().chain(&list[..behind]).copied().take(FEW).collect();
        match answerable(index, &in_turn, question.caller) {
            Ok(numbers) => {
                if let Some(booking) = numbers.into_iter().find_map(|number| index.entry(number).booking) {
                    return Ok(booking);
                }
            }
            Err(NotFound::Request) => {}
            Err(reason) => why = reason,
        }
    }
    Err(why)
}

/// The booking that a run goes on in: one whose exchanges ask for all that was asked so far, and for this.
fn sibling(index: &ReplayIndex, run: &BookingRun, question: MatchQuery<'_>) -> Option<u32> {
    let group = index.group(question.operation, question.shape)?;
    let says_what = question.asked.document.is_some();
    let candidates = group.first.iter().take(FEW).chain(group.later.iter().take(FEW));
    let matching = |booking: u32| {
        run.steps.iter().filter(|step| !index.within(booking, step.operation, step.shape).is_empty()).count()
    };
    let mut best: Option<(usize, Reverse<EntryNumber>, u32)> = None;
    for &number in candidates {
        let entry = index.entry(number);
        let Some(booking) = entry.booking.filter(|&booking| booking != run.booking) else { continue };
        if !entry.has_answer || suits(entry.caller, question.caller, entry.status, entry.moves) == 0 {
            continue;
        }
        let common = matching(booking);
        // A request that says what it is about can stand without its beginning; any other can't.
        if common < run.steps.len() && !says_what {
            continue;
        }
        let rank = (common, Reverse(number), booking);
        if best.is_none_or(|best| rank > best) {
            best = Some(rank);
        }
    }
    best.map(|(.., booking)| booking)
}

/// A run as it would be in another booking: the same requests, with the exchanges that answer them there.
pub(super) fn moved(index: &ReplayIndex, run: &BookingRun, booking: u32) -> BookingRun {
    let mut moved = BookingRun::new(booking, run.uuid.clone());
    for step in &run.steps {
        let twins = index.within(booking, step.operation, step.shape);
        // Those that were asked for again have moved on.
        let next = twins.iter().find(|&&twin| moved.served_at(twin).is_none()).or(twins.last());
        if let Some(&number) = next {
            moved.steps.retain(|other| other.number != number);
            moved.steps.push(super::state::RunStep { number, ..step.clone() });
        }
    }
    moved
}

/// The exchange of a booking whose turn it is.
fn within(
    index: &ReplayIndex,
    booking: u32,
    run: Option<&BookingRun>,
    question: MatchQuery<'_>,
) -> Result<EntryNumber, NotFound> {
    let numbers = index.within(booking, question.operation, question.shape);
    let numbers = answerable(index, &numbers, question.caller)?;
    let entries = &index.bookings[booking as usize].entries;
    let served_at = |number: EntryNumber| run.and_then(|run| run.served_at(number));
    let last = numbers.iter().enumerate().filter_map(|(at, &number)| served_at(number).map(|when| (when, at))).max();
    let depends = question.asked.method != "PUT";
    if let Some((when, at)) = last {
        if let Some(&next) = numbers.get(at + 1) {
            let between = entries.iter().copied().filter(|&number| {
                numbers[at] < number && number < next && index.entry(number).moves && !numbers.contains(&number)
            });
            let between: Vec<EntryNumber> = between.collect();
            let last_of = |c1: bool| between.iter().rev().copied().find(|&number| index.entry(number).is_c1 == c1);
            let required = last_of(false).or_else(|| last_of(true));
            if required.is_none_or(|number| served_at(number).is_some_and(|then| then > when)) {
                return Ok(next);
            }
        }
        if question.asked.is_safe() {
            let since = run.into_iter().flat_map(|run| &run.steps);
            let mut since = since.filter(|step| step.at > when && step.number > numbers[at]);
            if let Some(step) = since.find(|step| index.entry(step.number).changed_order()) {
                return Err(NotFound::TooLate(step.number));
            }
        }
        return Ok(numbers[at]);
    }
    let moves = run.into_iter().flat_map(|run| &run.steps).map(|step| step.number);
    let position = moves.filter(|&number| index.entry(number).moves).max();
    let behind = |number: EntryNumber| position.is_none_or(|position| number > position);
    // What changed the order between where the client is and what it asks for.
    let undone = |to: EntryNumber| {
        let changed = entries.iter().copied().filter(|&number| behind(number) && number < to);
        changed.filter(|&number| index.entry(number).changed_order()).find(|&number| served_at(number).is_none())
    };
    let next = numbers.iter().copied().find(|&number| behind(number));
    let missing = next.and_then(|next| undone(next).filter(|_| depends));
    if let (Some(next), None) = (next, missing) {
        return Ok(next);
    }
    let Some(before) = numbers.iter().copied().rev().find(|&number| !behind(number)) else {
        return Err(missing.map_or(NotFound::Request, NotFound::TooEarly));
    };
    let mut since = run.into_iter().flat_map(|run| &run.steps).filter(|step| step.number > before);
    match since.find(|step| index.entry(step.number).changed_order()) {
        Some(step) if question.asked.is_safe() => {
            Err(missing.map_or(NotFound::TooLate(step.number), NotFound::TooEarly))
        }
        _ => Ok(before),
    }
}

/// An exchange that belongs to no booking.
fn loose(index: &ReplayIndex, state: &ReplayState, question: MatchQuery<'_>) -> Result<ReplayMatch, NotFound> {
    let group = index.group(question.operation, question.shape).ok_or(NotFound::Request)?;
    let numbers = answerable(index, &group.later, question.caller)?;
    let of_group = state.positions.get(&(question.operation, question.shape));
    let found = |at: usize| Ok(ReplayMatch::Loose(numbers[at], at));
    let Some(position) = of_group.filter(|position| position.at < numbers.len()) else { return found(0) };
    let (at, last) = (position.at, position.at + 1 == numbers.len());
    // A POST is never the same request again (RFC 9110 section 9.2.2).
    if question.asked.method == "POST" {
        return found(if last { 0 } else { at + 1 });
    }
    let moved = state.moves > position.moves;
    if last {
        let rewound = state.rewinds.0 > position.rewinds && state.rewinds.1 < numbers[0];
        let again = if question.asked.is_safe() { rewound } else { moved };
        return found(if again { 0 } else { at });
    }
    let next = numbers[at + 1];
    let between = (numbers[at] + 1..next).take(BETWEEN as usize);
    let nothing_between = !between.clone().any(|number| index.entry(number).moves);
    let all_done = || between.clone().all(|number| is_done(index, state, number));
    let goes_on = nothing_between || moved || question.asked.is_safe() && all_done();
    found(if goes_on { at + 1 } else { at })
}

/// True unless an exchange changed an order, and the last run of that booking has not got there.
fn is_done(index: &ReplayIndex, state: &ReplayState, number: EntryNumber) -> bool {
    let entry = index.entry(number);
    let Some(booking) = entry.booking.filter(|_| entry.changed_order()) else { return true };
    state.latest(booking).is_some_and(|run| run.served_at(number).is_some())
}
