//! Plays recordings: a request in, the recorded answer out as the present client is to get it.
//!
//! ```text
//! request ─► RequestOutline ─► matching ─► exchange ─► what the client chose is learnt ─► answer with it in place, at its time
//!                                  └─ none ─► Miss: the nearest exchange, and where it differs
//! ```
//!
//! It reads no clock and opens nothing but its recordings. What is not indexed yet is waited for by the caller.

mod nearest;
mod present;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;

use super::index::{EntryNumber, ReplayIndex};
use super::library::ReplaySource;
use super::matching::{self, MatchQuery, NotFound, ReplayMatch};
use super::miss::{self, Miss};
use super::report::{Counts, MissReport, RecordedReport, ReplayReport};
use super::request::{Caller, credentials};
use super::state::{BookingRun, Position, ReplayState, RunStep};
use super::time::TimeMode;
use crate::capture::CaptureError;
use crate::exchange::{Exchange, Headers, Request, decode};
use crate::json::Document;
use crate::shape::{Bindings, Normalizer, RequestOutline, bindings, find_uuids, looks_like_json};

/// Most memory of recorded exchanges that are kept ready, in bytes: 64 MiB.
const MOST_READY: usize = 64 << 20;

/// Most recorded exchanges that are told of as never asked for.
const MOST_TOLD: usize = 1_000;

/// What came of a request.
#[derive(Debug)]
pub(crate) enum ReplayOutcome {
    /// An answer.
    Served(Box<ServedAnswer>),
    /// The recording has none.
    Miss(Miss),
    /// Nothing fits among what has been read of the recordings so far.
    NotYet,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct ServedAnswer {
    /// Name of the recording.
    pub recording: Arc<str>,
    /// Its number there, from 1 on.
    pub exchange: u64,
    /// Values of the client stand in it in place of recorded ones.
    pub is_bound: bool,
    /// It doesn't fit, but nothing is nearer.
    pub is_nearest: bool,
    /// Status.
    pub status: u16,
    /// Reason phrase.
    pub reason: String,
    /// Header fields.
    pub headers: Headers,
    /// Content, in its content coding.
    pub body: Bytes,
    /// Trailer fields.
    pub trailers: Headers,
    /// How long it took until its head came, and until it had ended, when it was recorded.
    pub took: (Duration, Duration),
}

/// How recordings are played.
#[derive(Debug, Clone)]
pub(crate) struct PlayerSettings {
    /// How time passes.
    pub time: TimeMode,
    /// The nearest exchange is served where none fits.
    pub lenient: bool,
}

/// A recorded exchange, read and parsed.
struct ParsedRecorded {
    exchange: Exchange,
    request: Option<Document>,
    answer: Option<Document>,
}

impl ParsedRecorded {
    fn memory(&self) -> usize {
        let document = |document: &Option<Document>| document.as_ref().map_or(0, Document::memory);
        let body = self.exchange.response.as_ref().map_or(0, |response| response.body.bytes.len());
        2_048 + self.exchange.request.body.bytes.len() + body + document(&self.request) + document(&self.answer)
    }
}

/// Answers requests from recordings, and keeps how far each booking has got.
pub(crate) struct Player {
    /// What is known of the recorded exchanges so far.
    pub index: ReplayIndex,
    sources: Arc<[ReplaySource]>,
    rules: PlayerSettings,
    /// Scheme and authority of the recorded booking system.
    origin: String,
    /// When the recording begins.
    began: Timestamp,
    /// When the client's first request came.
    epoch: Option<Timestamp>,
    state: ReplayState,
    counts: Counts,
    ready: HashMap<EntryNumber, Arc<ParsedRecorded>>,
    memory: usize,
}

impl Player {
    /// A player of recordings that have yet to be indexed. `began` is when their first exchange was.
    pub(super) fn new(sources: Arc<[ReplaySource]>, rules: PlayerSettings, origin: String, began: Timestamp) -> Self {
        Self {
            index: ReplayIndex::default(),
            sources,
            rules,
            origin,
            began,
            epoch: None,
            state: ReplayState::default(),
            counts: Counts::default(),
            ready: HashMap::new(),
            memory: 0,
        }
    }

    /// Answers a request that came at `now`. `own` is the origin by which the client knows this machine.
    pub(super) fn answer(
        &mut self,
        request: &Request,
        own: Option<&str>,
        now: Timestamp,
    ) -> Result<ReplayOutcome, CaptureError> {
        let is_order = |uuid: u128| self.state.runs.contains_key(&uuid) || self.index.booking_of(uuid).is_some();
        let origin = own.map(|own| (own, self.origin.as_str()));
        let asked = RequestOutline::read(request, Normalizer { is_order: &is_order, origin });
        let found = self.find(&asked, credentials(&request.headers));
        let why = match found {
            Ok(found) => {
                self.epoch.get_or_insert(now);
                return self.serve(found, asked, now).map(|served| ReplayOutcome::Served(Box::new(served)));
            }
            Err(why) => why,
        };
        if !self.index.complete {
            return Ok(ReplayOutcome::NotYet);
        }
        let nearest = self.nearest(&asked, own, &why)?;
        if let (true, Some((number, _))) = (self.rules.lenient, &nearest)
            && self.index.entry(*number).has_answer
        {
            self.epoch.get_or_insert(now);
            return self.serve_nearest(*number, asked, now).map(|served| ReplayOutcome::Served(Box::new(served)));
        }
        let answer = match why {
            NotFound::NoAnswer(number) => Some(self.why_no_answer(number)?),
            _ => None,
        };
        let name = |number| self.name(number);
        let told = nearest.as_ref().map(|(number, differences)| (*number, differences.as_slice()));
        let detail = miss::describe(&self.index, &asked, &why, told, answer.as_deref(), &name);
        let nearest = nearest.map(|(number, _)| number);
        let miss = Miss { method: asked.method, target: asked.target, detail, nearest };
        self.counts.has_missed(miss.clone());
        Ok(ReplayOutcome::Miss(miss))
    }

    fn find(&mut self, asked: &RequestOutline, credentials: Option<&[u8]>) -> Result<ReplayMatch, NotFound> {
        let operation = self.index.operation(&asked.operation.key).or_else(|| {
            let get = asked.operation.key.strip_prefix("HEAD ").map(|rest| format!("GET {rest}"));
            get.and_then(|key| self.index.operation(&key))
        });
        let operation = operation.ok_or(NotFound::Operation)?;
        let shape = asked.shape.ok_or(NotFound::Request)?;
        let caller = match (self.state.caller(credentials), credentials) {
            (Some(caller), _) => caller,
            (None, credentials) => {
                let group = self.index.group(operation, shape).ok_or(NotFound::Request)?;
                let numbers = group.first.iter().chain(&group.later).take(miss::COMPARED);
                let classes = numbers.filter_map(|&number| match self.index.entry(number).caller {
                    Caller::Known(class) => Some(class),
                    _ => None,
                });
                let classes: Vec<u16> = classes.collect();
                self.state.meet(credentials.unwrap_or_default(), classes.into_iter(), &self.index)
            }
        };
        let question = MatchQuery { asked, operation, shape, caller };
        matching::find(&self.index, &self.state, question)
    }

    fn serve(
        &mut self,
        found: ReplayMatch,
        asked: RequestOutline,
        now: Timestamp,
    ) -> Result<ServedAnswer, CaptureError> {
        self.state.requests += 1;
        if !asked.is_safe() {
            self.state.moves += 1;
        }
        let mut begins = false;
        let number = match found {
            ReplayMatch::Loose(number, at) => {
                let entry = *self.index.entry(number);
                if let Some(shape) = entry.shape {
                    let position = Position { at, moves: self.state.moves, rewinds: self.state.rewinds.0 };
                    self.state.positions.insert((entry.operation, shape), position);
                }
                if asked.is_safe() {
                    self.state.has_read(number);
                    if let Some(shape) = entry.shape
                        && let Some(position) = self.state.positions.get_mut(&(entry.operation, shape))
                    {
                        position.rewinds = self.state.rewinds.0;
                    }
                }
                number
            }
            ReplayMatch::OfRun(number) => number,
            ReplayMatch::OfBooking(number, booking) => {
                begins = asked.order.is_some_and(|uuid| !self.state.runs.contains_key(&uuid));
                self.place(&asked, booking)?;
                number
            }
        };
        let recorded = self.ready(number)?;
        let mut passing = Bindings::default();
        if let (Some(ours), Some(theirs)) = (&recorded.request, &asked.document) {
            let found = bindings(ours.root(), theirs.root());
            match asked.order.filter(|uuid| self.state.runs.contains_key(uuid)) {
                Some(uuid) => self.learn(uuid, number, found)?,
                None => passing.learn(found, |_| true),
            }
        }
        let entry = *self.index.entry(number);
        if let (Some(uuid), Some(shape)) = (asked.order, entry.shape) {
            let document = asked.document.map(Arc::new);
            let (operation, at) = (entry.operation, self.state.requests);
            self.state.has_served(uuid, RunStep { operation, shape, document, number, at }, begins);
        }
        let served = self.present(number, &recorded, asked.order, &passing, &asked.target, now)?;
        self.counts.has_served(number, false);
        Ok(served)
    }

    /// Begins a run of a booking, or has the one that there is go over to it, with all that was learnt.
    fn place(&mut self, asked: &RequestOutline, booking: u32) -> Result<(), CaptureError> {
        let Some(uuid) = asked.order else { return Ok(()) };
        let run = match self.state.runs.get(&uuid) {
            None => BookingRun::new(booking, written(asked, uuid)),
            Some(run) => matching::moved(&self.index, run, booking),
        };
        let steps = run.steps.clone();
        self.state.place(uuid, run);
        for step in steps {
            let recorded = self.ready(step.number)?;
            if let (Some(ours), Some(theirs)) = (&recorded.request, &step.document) {
                self.learn(uuid, step.number, bindings(ours.root(), theirs.root()))?;
            }
        }
        Ok(())
    }

    /// Learns what the client chose in a request.
    fn learn(
        &mut self,
        uuid: u128,
        number: EntryNumber,
        found: Vec<crate::shape::Binding>,
    ) -> Result<(), CaptureError> {
        let Some(booking) = self.index.entry(number).booking else { return Ok(()) };
        let entries = &self.index.bookings[booking as usize].entries;
        let until: Vec<EntryNumber> = entries.iter().copied().take_while(|&other| other <= number).collect();
        let mut messages = Vec::new();
        for other in until {
            messages.push(self.ready(other)?);
        }
        // In the order in which they were sent: the answer to the request itself comes after it.
        let is_own = |text: &str| {
            for message in &messages {
                if message.request.as_ref().is_some_and(|request| request.text().contains(text)) {
                    return true;
                }
                if message.answer.as_ref().is_some_and(|answer| answer.text().contains(text)) {
                    return false;
                }
            }
            true
        };
        if let Some(run) = self.state.runs.get_mut(&uuid) {
            run.bindings.learn(found, is_own);
        }
        Ok(())
    }

    /// A recorded exchange, read and parsed.
    fn ready(&mut self, number: EntryNumber) -> Result<Arc<ParsedRecorded>, CaptureError> {
        if let Some(ready) = self.ready.get(&number) {
            return Ok(Arc::clone(ready));
        }
        let exchange = self.source(number).exchange(self.index.entry(number).index)?;
        let parse = |bytes: &[u8], headers: &Headers| {
            let content = decode(bytes, headers).ok()?;
            looks_like_json(&content).then(|| Document::parse(&content).ok()).flatten()
        };
        let request = parse(&exchange.request.body.bytes, &exchange.request.headers);
        let answer = exchange.response.as_ref();
        let answer = answer.and_then(|response| parse(&response.body.bytes, &response.headers));
        let ready = Arc::new(ParsedRecorded { exchange, request, answer });
        self.memory += ready.memory();
        if self.memory > MOST_READY {
            self.ready.clear();
            self.memory = ready.memory();
        }
        self.ready.insert(number, Arc::clone(&ready));
        Ok(ready)
    }

    fn source(&self, number: EntryNumber) -> &ReplaySource {
        &self.sources[usize::from(self.index.entry(number).file)]
    }

    /// An exchange in words.
    fn name(&self, number: EntryNumber) -> String {
        let exchange = self.index.entry(number).index + 1;
        if self.sources.len() == 1 {
            format!("exchange {exchange}")
        } else {
            format!("exchange {exchange} of {}", self.source(number).name())
        }
    }

    fn recorded(&self, number: EntryNumber) -> RecordedReport {
        let entry = self.index.entry(number);
        RecordedReport {
            recording: self.source(number).name(),
            exchange: u64::from(entry.index) + 1,
            operation: self.index.operation_key(entry.operation).to_owned(),
        }
    }

    /// What it amounts to so far: served, nearest taken, misses.
    pub(super) fn tally(&self) -> (u64, u64, u64) {
        (self.counts.served, self.counts.nearest, self.counts.misses)
    }

    /// What it amounts to so far.
    pub(super) fn report(&self) -> ReplayReport {
        let numbers = 0..self.index.entries.len() as EntryNumber;
        let never = numbers.filter(|&number| !self.counts.was_asked(number));
        let never_asked = never.clone().count() as u64;
        let missed = self.counts.missed.iter().map(|miss| MissReport {
            method: miss.method.clone(),
            target: miss.target.clone(),
            detail: miss.detail.clone(),
            nearest: miss.nearest.map(|number| self.recorded(number)),
        });
        ReplayReport {
            format_version: 1,
            recordings: self.sources.iter().map(|source| source.file.display().to_string()).collect(),
            exchanges: self.index.entries.len() as u64,
            served: self.counts.served,
            nearest: self.counts.nearest,
            misses: self.counts.misses,
            missed: missed.collect(),
            never_asked,
            never_asked_for: never.take(MOST_TOLD).map(|number| self.recorded(number)).collect(),
            forgotten: self.state.forgotten,
        }
    }
}

/// An Order UUID as the client writes it.
fn written(asked: &RequestOutline, uuid: u128) -> String {
    let found = find_uuids(&asked.target).find(|found| found.uuid == uuid);
    found.map_or_else(|| hyphenated(uuid), |found| asked.target[found.at].to_owned())
}

/// The usual text of a UUID.
fn hyphenated(uuid: u128) -> String {
    let hex = format!("{uuid:032x}");
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}
