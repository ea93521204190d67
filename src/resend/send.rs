//! Sends the steps of a plan, one after the other.
//!
//! ```text
//! step ─► request ─► answer ─┬─ 429, 503 with Retry-After ─► waited as told ─► the same again
//!                            ├─ a page of a feed that does not tell yet what the recorded one told ─► the next page
//!                            └─ learnt from ─► the next step
//! ```

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio_util::sync::CancellationToken;

use super::answer::{contents, document, recorded_answer, retry_after, unreachable_detail};
use super::booked::{BookedOrders, LeftBooking, taking_back};
use super::carried::{CarriedValues, hyphenated, path_of};
use super::feed::OrderStates;
use super::plan::{ResendPlan, ResendStep, body};
use super::request::{PreparedRequest, SentCredentials, prepare};
use super::substitutes::Substitutes;
use crate::diff::JudgedRecording;
use crate::exchange::Exchange;
use crate::http_client::{self, ClientResponse, HttpClientError};
use crate::json::{Document, Value};
use crate::judged::Judged;
use crate::openbooking::{Endpoint, Stage, classify, media_type};

/// How often a request is sent again that was answered with Retry-After.
const MOST_RETRIES: u32 = 5;

/// How long is waited at most because of one Retry-After.
const LONGEST_WAIT: Duration = Duration::from_mins(5);

/// How many requests in a row may fail to reach the booking system.
const MOST_UNREACHABLE: u32 = 3;

/// Most pages that are asked for in one step.
const MOST_PAGES: u32 = 200;

/// Where the requests go.
#[derive(Debug, Clone)]
pub(crate) struct ResendTarget {
    /// Host and port of the session's listener.
    pub listener: String,
    /// Origin of the booking system.
    pub origin: String,
    /// Path of its Base URI, without a slash at the end.
    pub base_path: String,
    /// Recorded origin and path of the Base URI.
    pub recorded: (String, String),
    /// Values of the recorded origin are left as they are.
    pub keep_origins: bool,
}

/// How fast requests are sent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SendPace {
    /// Least time between two requests.
    pub between: Duration,
    /// How long a feed is asked for what the recorded one told.
    pub feed_patience: Duration,
    /// Time between two requests for the last page of a feed.
    pub poll: Duration,
}

/// Why the run can't go on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ResendError {
    /// The listener of the session gives no answer.
    #[error(transparent)]
    Client(#[from] HttpClientError),
    /// It was told to end at once.
    #[error("ended before the request under way was answered; what that one did is not known")]
    Interrupted,
    /// The booking system can't be reached.
    #[error("the booking system can't be reached: {0}")]
    Unreachable(String),
}

/// How far it has come.
#[derive(Debug, Clone)]
pub(crate) struct ResendProgress {
    /// Number of the step, from 1.
    pub step: usize,
    /// Number of steps.
    pub of: usize,
    /// Number of the recorded exchange.
    pub exchange: u64,
    /// Stage.
    pub stage: Stage,
    /// Method and target of the request that was sent.
    pub request: String,
    /// Status of the answer.
    pub status: u16,
    /// Status of the recorded answer.
    pub recorded_status: Option<u16>,
}

/// What came of a run.
#[derive(Debug, Default)]
pub(crate) struct ResendOutcome {
    /// Places of recorded exchanges, and the number of the request that was sent for each, from 0.
    pub sent: Vec<(usize, usize)>,
    /// It was stopped before the end.
    pub stopped: bool,
    /// What the user should know.
    pub notes: Vec<String>,
}

/// Sends a recording again.
pub(crate) struct Resender<'r> {
    recorded: &'r JudgedRecording,
    given: &'r Substitutes,
    target: ResendTarget,
    pace: SendPace,
    stop: CancellationToken,
    carried: CarriedValues,
    booked: BookedOrders,
    /// Header fields of the last call about each order, by its present UUID.
    headers_of: HashMap<String, Vec<(String, Bytes)>>,
    /// What feeds have told of orders.
    told: OrderStates,
    /// Names of the header fields that some recorded request has.
    field_names: HashSet<String>,
    requests: usize,
    unreachable: u32,
    last: Option<Instant>,
}

impl<'r> Resender<'r> {
    /// A resender to `target` that stops when `stop` is cancelled.
    pub(crate) fn new(
        recorded: &'r JudgedRecording,
        plan: &ResendPlan,
        given: &'r Substitutes,
        target: ResendTarget,
        pace: SendPace,
        stop: CancellationToken,
    ) -> Self {
        let moved = (!target.keep_origins).then(|| (target.recorded.0.clone(), target.origin.clone()));
        let mut carried = CarriedValues::new(moved, (target.recorded.1.clone(), target.base_path.clone()));
        for order in plan.steps.iter().filter_map(|step| step.order) {
            if carried.present_order(order).is_none() {
                carried.add_order(order, uuid::Uuid::new_v4().as_u128());
            }
        }
        let fields = recorded.exchanges.iter().flat_map(|judged| &judged.exchange.request.headers.0);
        Self {
            recorded,
            given,
            target,
            pace,
            stop,
            carried,
            booked: BookedOrders::default(),
            headers_of: HashMap::new(),
            told: OrderStates::default(),
            field_names: fields.map(|field| field.name.to_ascii_lowercase()).collect(),
            requests: 0,
            unreachable: 0,
            last: None,
        }
    }

    /// The request of a step, as it would be sent now.
    pub(crate) fn prepared(&self, step: &ResendStep) -> PreparedRequest {
        let is_recorded = |name: &str| self.field_names.contains(name);
        let credentials = SentCredentials { given: self.given, caller: step.caller, is_recorded: &is_recorded };
        prepare(&self.recorded.exchanges[step.place].exchange, step.order, &self.carried, credentials)
    }

    /// Requests that were sent so far.
    pub(crate) fn requests(&self) -> usize {
        self.requests
    }

    /// Sends a changed request in place of that of a step; `None` if it was stopped before. Credentials that were changed stay
    /// as they are.
    pub(crate) async fn send_changed(
        &mut self,
        step: &ResendStep,
        changed: &Exchange,
    ) -> Result<Option<ClientResponse>, ResendError> {
        let judged = std::sync::Arc::clone(&self.recorded.exchanges[step.place]);
        let request = self.changed(step, changed);
        let Some(answer) = self.call_patiently(&request, None).await? else { return Ok(None) };
        // It may be about another order than the good one, and for another caller: who made it takes it back.
        let path = request.target.split('?').next().unwrap_or_default();
        let call = classify(&request.method, path, None, true);
        let is_taken = (200..300).contains(&answer.status);
        if let Some(uuid) = call.uuid_segment.filter(|_| is_taken && matches!(call.endpoint, Endpoint::Known(_))) {
            let (asked, answered) = contents(&judged, &request, &answer);
            self.booked.note(call.stage, uuid, &asked, &answered);
            let headers = if asked.is_null() { self.prepared(step).headers } else { request.headers.clone() };
            self.headers_of.insert(uuid.to_owned(), headers);
        }
        Ok(Some(answer))
    }

    /// A changed request in place of that of a step, as it would be sent now.
    pub(crate) fn changed(&self, step: &ResendStep, changed: &Exchange) -> PreparedRequest {
        let judged = &self.recorded.exchanges[step.place];
        let field = |exchange: &Exchange| exchange.request.headers.get("authorization").map(str::to_owned);
        let keeps = field(changed) != field(&judged.exchange);
        let none = Substitutes::default();
        let is_recorded = |name: &str| self.field_names.contains(name);
        let given = if keeps { &none } else { self.given };
        let credentials = SentCredentials { given, caller: step.caller, is_recorded: &is_recorded };
        let mut request = prepare(changed, step.order, &self.carried, credentials);
        if let Some(value) = field(changed).filter(|_| keeps) {
            request.headers.push(("authorization".to_owned(), Bytes::from(value)));
        }
        request
    }

    /// Sends the steps of a plan. `outcome` has what was done so far also where it fails.
    pub(crate) async fn run(
        &mut self,
        plan: &ResendPlan,
        outcome: &mut ResendOutcome,
        mut progress: impl FnMut(ResendProgress),
    ) -> Result<(), ResendError> {
        for (index, step) in plan.steps.iter().enumerate() {
            if self.stop.is_cancelled() {
                outcome.stopped = true;
                break;
            }
            let Some((request, answer)) = self.step(step, &mut outcome.notes).await? else {
                outcome.stopped = true;
                break;
            };
            outcome.sent.push((step.place, self.requests - 1));
            let judged = &self.recorded.exchanges[step.place];
            progress(ResendProgress {
                step: index + 1,
                of: plan.steps.len(),
                exchange: judged.number(),
                stage: judged.stage,
                request,
                status: answer.status,
                recorded_status: judged.exchange.response.as_ref().map(|response| response.status),
            });
        }
        Ok(())
    }

    /// Sends one step; `None` if it was stopped before anything was sent.
    async fn step(
        &mut self,
        step: &ResendStep,
        notes: &mut Vec<String>,
    ) -> Result<Option<(String, ClientResponse)>, ResendError> {
        let judged = std::sync::Arc::clone(&self.recorded.exchanges[step.place]);
        let request = self.prepared(step);
        let shown = format!("{} {}", request.method, request.target);
        if let Some(present) = step.order.and_then(|order| self.carried.present_order(order)) {
            self.headers_of.insert(hyphenated(present), request.headers.clone());
        }
        if let Some(asked) = body(&judged.exchange) {
            self.carried.learn_request(asked.root());
        }
        let recorded_status = judged.exchange.response.as_ref().map(|response| response.status);
        let Some(mut answer) = self.call_patiently(&request, recorded_status).await? else { return Ok(None) };
        self.note_booked(step, &judged, &request, &answer);
        let Some(recorded) = recorded_answer(&judged) else { return Ok(Some((shown, answer))) };
        if recorded.root().get("next").is_some() && recorded.root().get("items").is_some() {
            answer = self.follow(&judged, recorded, request, answer, notes).await?;
        } else if let Some(present) = document(&answer.body, &answer.headers) {
            self.carried.learn_answer(step.order, recorded.root(), present.root());
        }
        Ok(Some((shown, answer)))
    }

    /// Follows a feed until it has told what the recorded page told, and learns where its pages lead.
    async fn follow(
        &mut self,
        judged: &Judged,
        recorded: Document,
        request: PreparedRequest,
        mut answer: ClientResponse,
        notes: &mut Vec<String>,
    ) -> Result<ClientResponse, ResendError> {
        let items = |document: &Document| document.root().get("items").map_or(0, Value::len);
        let mut wanted = OrderStates::default();
        wanted.take(recorded.root());
        let wanted = wanted.renamed(|order| self.carried.present_order(order));
        let ends = items(&recorded) == 0;
        let began = Instant::now();
        for page in 1..=MOST_PAGES {
            let Some(present) = document(&answer.body, &answer.headers) else { break };
            let next = present.root().get("next").and_then(Value::as_str);
            let (Some(next), 200) = (next, answer.status) else { break };
            if let Some(then) = recorded.root().get("next").and_then(Value::as_str) {
                self.carried.learn_link(then, next);
            }
            self.told.take(present.root());
            if wanted.missing_in(&self.told) == 0 && (!ends || items(&present) == 0) {
                break;
            }
            if began.elapsed() >= self.pace.feed_patience || page == MOST_PAGES {
                let (missing, seconds) = (wanted.missing_in(&self.told), began.elapsed().as_secs());
                let number = judged.number();
                notes.push(match missing {
                    0 => format!("the feed of exchange {number} has not come to its end within {seconds} s"),
                    _ => format!(
                        "the feed of exchange {number} has not told of {missing} of {} bookings within {seconds} s",
                        wanted.len()
                    ),
                });
                break;
            }
            if items(&present) == 0 && !self.wait(self.pace.poll).await {
                break;
            }
            let again = PreparedRequest { target: path_of(next).to_owned(), ..request.clone() };
            match self.call_patiently(&again, Some(200)).await? {
                Some(page) => answer = page,
                None => break,
            }
        }
        Ok(answer)
    }

    /// Sends a request, and again where the booking system says so; `None` if it was stopped before.
    async fn call_patiently(
        &mut self,
        request: &PreparedRequest,
        recorded_status: Option<u16>,
    ) -> Result<Option<ClientResponse>, ResendError> {
        let mut retries = 0;
        loop {
            let since = self.last.map_or(self.pace.between, |last| last.elapsed());
            if !self.wait(self.pace.between.saturating_sub(since)).await {
                return Ok(None);
            }
            let answer = self.call(request).await?;
            let told = retry_after(&answer.headers).filter(|_| matches!(answer.status, 429 | 503));
            match told {
                Some(told) if recorded_status != Some(answer.status) && retries < MOST_RETRIES => {
                    retries += 1;
                    if !self.wait(told.min(LONGEST_WAIT)).await {
                        return Ok(Some(answer));
                    }
                }
                _ => return Ok(Some(answer)),
            }
        }
    }

    async fn call(&mut self, request: &PreparedRequest) -> Result<ClientResponse, ResendError> {
        self.last = Some(Instant::now());
        self.requests += 1;
        let answer = http_client::send(&self.target.listener, request.clone()).await?;
        match unreachable_detail(&answer) {
            Some(detail) => {
                self.unreachable += 1;
                if self.unreachable >= MOST_UNREACHABLE {
                    return Err(ResendError::Unreachable(detail));
                }
            }
            None => self.unreachable = 0,
        }
        Ok(answer)
    }

    /// Waits; false if it was stopped.
    async fn wait(&self, time: Duration) -> bool {
        tokio::select! {
            biased;
            () = self.stop.cancelled() => false,
            () = tokio::time::sleep(time) => true,
        }
    }

    fn note_booked(&mut self, step: &ResendStep, judged: &Judged, request: &PreparedRequest, answer: &ClientResponse) {
        let uuid = step.order.and_then(|order| self.carried.present_order(order));
        if let Some(uuid) = uuid.filter(|_| (200..300).contains(&answer.status)) {
            let (asked, answered) = contents(judged, request, answer);
            self.booked.note(judged.stage, &hyphenated(uuid), &asked, &answered);
        }
    }

    /// What is booked at the booking system, quotes too.
    pub(crate) fn left(&self) -> Vec<LeftBooking> {
        self.booked.left()
    }

    /// Cancels, rejects or deletes what is left. `stop` ends it.
    pub(crate) async fn tidy(&mut self, stop: CancellationToken) -> Result<(), ResendError> {
        self.stop = stop;
        for left in self.booked.left() {
            let own_headers = self.headers_of.get(&left.uuid).cloned().unwrap_or_default();
            for (method, path, body) in taking_back(&left) {
                let mut headers = own_headers.clone();
                headers.retain(|(name, _)| !matches!(name.as_str(), "content-type" | "content-encoding"));
                if body.is_some() {
                    headers.push(("content-type".to_owned(), Bytes::from_static(media_type::BOOKING_V1.as_bytes())));
                }
                let request = PreparedRequest {
                    method: method.to_owned(),
                    target: format!("{}{path}", self.target.base_path),
                    headers,
                    body: body.map(|body| Bytes::from(body.to_string())).unwrap_or_default(),
                };
                let Some(answer) = self.call_patiently(&request, None).await? else { return Ok(()) };
                if (200..300).contains(&answer.status) {
                    self.booked.remove(&left.uuid);
                    break;
                }
            }
        }
        Ok(())
    }
}
