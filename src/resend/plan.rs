//! What is to be sent, and what is left out, and why.
//!
//! `JudgedRecording, BookingSelection, Substitutes ─► ResendPlan { steps, left_out, missing }`

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::carried::each_leaf;
use super::carried::hyphenated;
use super::substitutes::{MissingValue, Substitutes};
use crate::diff::JudgedRecording;
use crate::exchange::secrets::{fingerprint_at, is_cookie_field, is_secret_field};
use crate::exchange::{BodyEnd, Exchange, decode};
use crate::filter::Filter;
use crate::json::{Document, Value};
use crate::judged::Judged;
use crate::openbooking::Stage;
use crate::redact::{PersonalFields, RedactError, RedactionLevel, Redactor};
use crate::shape::{Normalizer, RequestOutline, find_uuids};

/// Which bookings are sent again.
#[derive(Debug, Clone, Default)]
pub(crate) struct BookingSelection {
    /// Order UUIDs, or their beginnings. Empty: any.
    pub bookings: Vec<String>,
    /// Only what has a call of one of these stages, up to its last one. Empty: any.
    pub stages: Vec<Stage>,
    /// Only bookings with a finding of one of these rules. Empty: any.
    pub rules: Vec<String>,
    /// Only bookings with an exchange that matches.
    pub filter: Option<Filter>,
    /// At most so many bookings.
    pub most: Option<usize>,
}

impl BookingSelection {
    fn is_everything(&self) -> bool {
        self.bookings.is_empty() && self.stages.is_empty() && self.rules.is_empty() && self.filter.is_none()
    }
}

/// Why there is nothing to send.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PlanError {
    /// What is personal in the recording can't be found out.
    #[error(transparent)]
    Redact(#[from] RedactError),
    /// The selection fits nothing.
    #[error(
        "nothing in the recording fits --booking, --stage, --rule and --filter; `umpire capture info` lists its bookings"
    )]
    NothingChosen,
    /// All of it had to be left out.
    #[error("nothing can be sent: {0}")]
    AllLeftOut(String),
}

/// A request that is to be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ResendStep {
    /// Place of the recorded exchange.
    pub place: usize,
    /// The recorded UUID of the order that it is about.
    pub order: Option<u128>,
    /// Which caller sends it, from 1; 0 for a request without credentials.
    pub caller: u16,
}

/// Something that is not sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Omission {
    /// What it is: a booking or an exchange.
    pub what: String,
    /// Why.
    pub why: String,
}

/// What is to be sent, in recorded order.
#[derive(Debug, Clone)]
pub(crate) struct ResendPlan {
    /// The requests.
    pub steps: Vec<ResendStep>,
    /// How many bookings they make.
    pub bookings: usize,
    /// What is not sent, and why.
    pub left_out: Vec<Omission>,
    /// What was not given and has to be.
    pub missing: BTreeSet<MissingValue>,
    /// Pointers of personal values by place, of a recording without its personal data; an empty one where they can't be told.
    personal: HashMap<usize, Vec<String>>,
}

impl ResendPlan {
    /// Plans what is to be sent.
    pub(crate) fn new(
        recorded: &JudgedRecording,
        redaction: RedactionLevel,
        selection: &BookingSelection,
        given: &Substitutes,
    ) -> Result<Self, PlanError> {
        let steps = steps(recorded);
        let personal = personal_values(recorded, redaction)?;
        let mut plan =
            Self { steps: Vec::new(), bookings: 0, left_out: Vec::new(), missing: BTreeSet::new(), personal };
        let mut orders: Vec<u128> = Vec::new();
        let mut of_order: BTreeMap<u128, Vec<ResendStep>> = BTreeMap::new();
        for step in &steps {
            if let Some(order) = step.order {
                of_order.entry(order).or_insert_with(|| {
                    orders.push(order);
                    Vec::new()
                });
                of_order.entry(order).and_modify(|steps| steps.push(*step));
            }
        }
        let origin = recorded.origin().unwrap_or_default();
        let mut chosen: HashSet<u128> = HashSet::new();
        let mut fits = false;
        for order in orders {
            let Some(steps) = of_order.get(&order).and_then(|steps| selection.of_booking(recorded, order, steps))
            else {
                continue;
            };
            fits = true;
            let what = || format!("booking {}", hyphenated(order));
            if selection.most.is_some_and(|most| plan.bookings >= most) {
                let why = format!("there are more than {} bookings (--max-bookings)", plan.bookings);
                plan.left_out.push(Omission { what: what(), why });
                continue;
            }
            match plan.obstacle(recorded, origin, &steps, given) {
                Some(why) => plan.left_out.push(Omission { what: what(), why }),
                None => {
                    chosen.insert(order);
                    plan.bookings += 1;
                    plan.steps.extend(steps);
                }
            }
        }
        for step in steps.iter().filter(|step| step.order.is_none()) {
            let judged = &recorded.exchanges[step.place];
            let wanted = selection.is_everything()
                || selection.stages.contains(&judged.stage)
                || selection.stages.is_empty()
                    && selection.filter.as_ref().is_some_and(|filter| filter.matches(judged, false))
                || tells_of(judged, &chosen) && selection.stages.is_empty();
            if !wanted {
                continue;
            }
            fits = true;
            match plan.obstacle(recorded, origin, &[*step], given) {
                Some(why) => plan.left_out.push(Omission { what: format!("exchange {}", judged.number()), why }),
                None => plan.steps.push(*step),
            }
        }
        plan.steps.sort_by_key(|step| step.place);
        match (fits, plan.steps.is_empty()) {
            (false, _) => Err(PlanError::NothingChosen),
            (true, true) if plan.missing.is_empty() => {
                let why = plan.left_out.first().map_or_else(String::new, |left| format!("{}: {}", left.what, left.why));
                Err(PlanError::AllLeftOut(why))
            }
            _ => Ok(plan),
        }
    }

    /// A plan of these steps alone.
    pub(crate) fn of_steps(steps: Vec<ResendStep>) -> Self {
        let (left_out, missing, personal) = (Vec::new(), BTreeSet::new(), HashMap::new());
        Self { steps, bookings: 1, left_out, missing, personal }
    }

    /// Why these steps can't be sent. Notes what is missing.
    fn obstacle(
        &mut self,
        recorded: &JudgedRecording,
        origin: &str,
        steps: &[ResendStep],
        given: &Substitutes,
    ) -> Option<String> {
        let mut missing = BTreeSet::new();
        for step in steps {
            let judged = &recorded.exchanges[step.place];
            let (exchange, number) = (&judged.exchange, judged.number());
            if exchange.request.body.end != BodyEnd::Complete {
                return Some(format!("the body of request {number} was not recorded whole"));
            }
            if exchange.origin != origin {
                return Some(format!("request {number} goes to another host, {}", exchange.origin));
            }
            let personal = self.personal.get(&step.place).map_or(&[][..], Vec::as_slice);
            missing.extend(missing_of(exchange, step.caller, personal).into_iter().filter(|missing| match missing {
                MissingValue::Field { caller, name } => given.header(*caller, name).is_none(),
                MissingValue::Value { pointer } => given.value(pointer).is_none(),
                MissingValue::Target => true,
            }));
        }
        if missing.is_empty() {
            return None;
        }
        let words: Vec<String> = missing.iter().map(ToString::to_string).collect();
        self.missing.extend(missing);
        Some(format!("the recording doesn't hold {}", words.join(", ")))
    }
}

impl BookingSelection {
    /// The steps of a booking that are to be sent; `None` if it is not chosen.
    fn of_booking(&self, recorded: &JudgedRecording, order: u128, steps: &[ResendStep]) -> Option<Vec<ResendStep>> {
        let uuid = hyphenated(order);
        let named = |wanted: &String| uuid.starts_with(&wanted.to_ascii_lowercase());
        let found = |rule: &String| {
            let mut findings = steps.iter().flat_map(|step| &recorded.exchanges[step.place].findings);
            findings.any(|finding| finding.rule.id == *rule || finding.rule.aliases.contains(rule))
        };
        let matches = |filter: &Filter, step: &ResendStep| filter.matches(&recorded.exchanges[step.place], false);
        if !self.bookings.is_empty() && !self.bookings.iter().any(named)
            || !self.rules.is_empty() && !self.rules.iter().any(found)
            || !self.filter.as_ref().is_none_or(|filter| steps.iter().any(|step| matches(filter, step)))
        {
            return None;
        }
        let is_of_stage = |step: &ResendStep| {
            let stage = recorded.exchanges[step.place].stage;
            self.stages.contains(&stage) || stage == Stage::BAfterP && self.stages.contains(&Stage::B)
        };
        let end = if self.stages.is_empty() { steps.len() } else { steps.iter().rposition(is_of_stage)? + 1 };
        Some(steps[..end].to_vec())
    }
}

/// Every request of a recording.
fn steps(recorded: &JudgedRecording) -> Vec<ResendStep> {
    let (mut orders, mut callers) = (HashSet::new(), Vec::<Vec<u8>>::new());
    let mut step = |(place, judged): (usize, &std::sync::Arc<Judged>)| {
        let request = &judged.exchange.request;
        let asked =
            RequestOutline::read(request, Normalizer { is_order: &|uuid| orders.contains(&uuid), origin: None });
        orders.extend(asked.order);
        let credentials = request.headers.0.iter().find(|field| field.name.eq_ignore_ascii_case("authorization"));
        let caller = match credentials {
            Some(field) => match callers.iter().position(|known| **known == *field.value) {
                Some(at) => at + 1,
                None => {
                    callers.push(field.value.to_vec());
                    callers.len()
                }
            },
            None if request.headers.is_recorded("authorization") => 0,
            // Nobody knows: the first one it is.
            None => 1,
        };
        ResendStep { place, order: asked.order, caller: u16::try_from(caller).unwrap_or(u16::MAX) }
    };
    recorded.exchanges.iter().enumerate().map(&mut step).collect()
}

/// True for the page of a feed that tells of one of these orders.
fn tells_of(judged: &Judged, orders: &HashSet<u128>) -> bool {
    let Some(response) = &judged.exchange.response else { return false };
    let is_feed = matches!(judged.stage, Stage::OrdersFeed | Stage::OrderProposalsFeed);
    let text = decode(&response.body.bytes, &response.headers);
    let text = text.as_deref().ok().and_then(|text| std::str::from_utf8(text).ok()).unwrap_or_default();
    is_feed && find_uuids(text).any(|found| orders.contains(&found.uuid))
}

/// What has to be given before a request can be sent.
fn missing_of(exchange: &Exchange, caller: u16, personal: &[String]) -> BTreeSet<MissingValue> {
    let request = &exchange.request;
    let has_fingerprint = |text: &[u8]| (0..text.len()).any(|at| fingerprint_at(&text[at..]).is_some());
    let mut missing = BTreeSet::new();
    if has_fingerprint(request.target.as_bytes()) {
        missing.insert(MissingValue::Target);
    }
    for field in &request.headers.0 {
        let name = field.name.to_ascii_lowercase();
        if !is_cookie_field(&name) && (is_secret_field(&name) || has_fingerprint(&field.value)) {
            missing.insert(MissingValue::Field { caller: caller.max(1), name });
        }
    }
    if let Some(document) = body(exchange) {
        each_leaf(&mut String::new(), document.root(), &mut |pointer, value| {
            if value.as_str().is_some_and(|text| has_fingerprint(text.as_bytes())) {
                missing.insert(MissingValue::Value { pointer: pointer.to_owned() });
            }
        });
    } else if has_fingerprint(&request.body.bytes) {
        missing.insert(MissingValue::Target);
    }
    missing.extend(personal.iter().map(|pointer| match pointer.as_str() {
        "" => MissingValue::Target,
        pointer => MissingValue::Value { pointer: pointer.to_owned() },
    }));
    missing
}

/// The JSON body of a request.
pub(super) fn body(exchange: &Exchange) -> Option<Document> {
    let content = decode(&exchange.request.body.bytes, &exchange.request.headers).ok()?;
    Document::parse(&content).ok()
}

/// Where personal values stand in the requests of a recording whose personal data were replaced: where they would be replaced
/// again.
fn personal_values(
    recorded: &JudgedRecording,
    redaction: RedactionLevel,
) -> Result<HashMap<usize, Vec<String>>, RedactError> {
    let mut personal = HashMap::new();
    if redaction != RedactionLevel::Personal {
        return Ok(personal);
    }
    let redactor = Redactor::of_persons(PersonalFields::default())?;
    for (place, judged) in recorded.exchanges.iter().enumerate() {
        let Some(before) = body(&judged.exchange) else {
            if !judged.exchange.request.body.is_empty() {
                // Nobody knows where in it.
                personal.insert(place, vec![String::new()]);
            }
            continue;
        };
        let Some(after) = body(&redactor.redact((*judged.exchange).clone())) else { continue };
        let mut pointers = Vec::new();
        each_leaf(&mut String::new(), before.root(), &mut |pointer, value| {
            if after.root().find(pointer).is_none_or(|twin| !Value::same(value, twin)) {
                pointers.push(pointer.to_owned());
            }
        });
        if !pointers.is_empty() {
            personal.insert(place, pointers);
        }
    }
    Ok(personal)
}
