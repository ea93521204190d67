//! What makes a good request wrong: the changes that the failing examples of the broker's rules make to their bases.
//!
//! ```text
//! rule ─► failing example ─► base + patch, remove, set ─┬─ of the response: left out
//!                                                      └─ of the request ─► RequestChange ─► any good request, made wrong
//! ```

use std::sync::Arc;

use serde_json::{Map, Value, json};

use crate::exchange::{Body, Exchange};
use crate::finding::{RuleInfo, Side};
use crate::json::escape;
use crate::openbooking::{Stage, classify};
use crate::rules::book::definition::{Example, ExampleExchange};
use crate::rules::book::error::LoadError;
use crate::rules::book::rule::Rule;
use crate::rules::book::rule_book::RuleBook;
use crate::rules::judging::example::{BaseExchanges, bases, headers, merge, message_body, put, take};
use crate::rules::judging::judge::Judge;
use crate::rules::state::booking_system::BookingSystemInfo;

/// A change that makes a good request break a rule.
#[derive(Debug, Clone)]
pub(crate) struct RequestChange {
    /// The rule that the request breaks then.
    pub rule: Arc<RuleInfo>,
    /// The name of the example that it is taken from.
    pub example: String,
    /// Stages at which the rule is judged, the example's own first.
    pub stages: Vec<Stage>,
    place: usize,
    patch: Option<Value>,
    remove: Vec<String>,
    set: Map<String, Value>,
    /// The request of the base, whose names for things the change may use.
    base: Value,
    origin: String,
}

/// The changes of all broker rules of a book, in its order.
pub(crate) fn request_changes(book: &RuleBook) -> Result<Vec<RequestChange>, LoadError> {
    let bases = bases(None)?;
    let mut changes = Vec::new();
    for (place, rule) in book.rules().iter().enumerate().filter(|(_, rule)| rule.info.side == Side::Broker) {
        let failing = rule.examples.iter().filter(|example| !example.finds.is_empty());
        changes.extend(failing.filter_map(|example| RequestChange::of(rule, place, example, &bases)));
    }
    Ok(changes)
}

/// The exchange of an example that its first finding is on.
fn failing_exchange(example: &Example) -> Option<ExampleExchange> {
    if let Some(base) = &example.base {
        let (patch, remove, set) = (example.patch.clone(), example.remove.clone(), example.set.clone());
        return Some(ExampleExchange { base: base.clone(), patch, remove, set, after: None });
    }
    let (index, _) = example.finds.first()?.split_once(':')?;
    example.exchanges.get(index.parse::<usize>().ok()?).cloned()
}

impl RequestChange {
    fn of(rule: &Rule, place: usize, example: &Example, bases: &BaseExchanges) -> Option<Self> {
        let entry = failing_exchange(example)?;
        let base = bases.get(&entry.base)?;
        let patch = entry.patch.as_ref().and_then(|patch| patch.get("request")).cloned();
        let patch = patch.map(|request| json!({ "request": request }));
        let is_of_request = |pointer: &str| pointer.starts_with("/request/");
        let remove: Vec<String> = entry.remove.into_iter().filter(|pointer| is_of_request(pointer)).collect();
        let set: Map<String, Value> = entry.set.into_iter().filter(|(pointer, _)| is_of_request(pointer)).collect();
        if patch.is_none() && remove.is_empty() && set.is_empty() {
            return None;
        }
        let request = base.get("request")?;
        let text = |name: &str| request.get(name).and_then(Value::as_str).unwrap_or_default();
        let own = classify(text("method"), text("path").split('?').next().unwrap_or_default(), None, true).stage;
        let others =
            Stage::ALL.into_iter().filter(|stage| *stage != own && rule.applies_at(*stage, stage.is_booking()));
        Some(Self {
            rule: Arc::clone(&rule.info),
            example: example.name.clone(),
            stages: std::iter::once(own).chain(others).collect(),
            place,
            patch,
            remove,
            set,
            base: request.clone(),
            origin: base.get("origin").and_then(Value::as_str).unwrap_or("https://booking.example.com").to_owned(),
        })
    }

    /// A good request made wrong; `None` if it lacks what is to be changed, or would stay as it is.
    pub(crate) fn apply(&self, good: &Exchange) -> Option<Exchange> {
        let request = request_value(good)?;
        let names = self.names(&request, good);
        let before = json!({ "request": request });
        let mut after = before.clone();
        if let Some(patch) = &self.patch {
            merge(&mut after, &renamed(patch, &names));
        }
        for pointer in &self.remove {
            take(&mut after, pointer)?;
        }
        for (pointer, new) in &self.set {
            put(&mut after, pointer, renamed(new, &names))?;
        }
        if after == before {
            return None;
        }
        let request = after.get("request")?;
        let mut wrong = good.clone();
        request.get("method")?.as_str()?.clone_into(&mut wrong.request.method);
        request.get("path")?.as_str()?.clone_into(&mut wrong.request.target);
        let fields = headers(request);
        let omitted = wrong.request.headers.1;
        wrong.request.headers = fields;
        wrong.request.headers.1 = omitted;
        if request.get("body") != before.pointer("/request/body") || request.get("text").is_some() {
            wrong.request.body = message_body(request);
        }
        Some(wrong)
    }

    /// What the base calls things, and what the good request calls them: the longest first.
    fn names(&self, request: &Value, good: &Exchange) -> Vec<(String, String)> {
        let mut names = Vec::new();
        let mut each = |pointer: &str, text: &str| {
            if let Some(own) = request.pointer(pointer).and_then(Value::as_str).filter(|_| text.contains("://")) {
                names.push((text.to_owned(), own.to_owned()));
            }
        };
        each_text(&mut String::new(), &self.base, &mut each);
        let uuid = |path: &str| {
            let call = classify("GET", path.split('?').next().unwrap_or_default(), None, true);
            (call.uuid_segment.unwrap_or_default().to_owned(), call.base_path.to_owned())
        };
        let path = self.base.get("path").and_then(Value::as_str).unwrap_or_default();
        let ((base_uuid, base_path), (own_uuid, own_path)) = (uuid(path), uuid(good.path()));
        names.push((format!("{}{base_path}", self.origin), format!("{}{own_path}", good.origin)));
        names.push((self.origin.clone(), good.origin.clone()));
        names.push((base_uuid, own_uuid));
        names.push((format!("{base_path}/order"), format!("{own_path}/order")));
        names.retain(|(base, own)| !base.is_empty() && !own.is_empty());
        names.sort_by_key(|(base, _)| std::cmp::Reverse(base.len()));
        names
    }

    /// True if the wrong request breaks the rule, where these exchanges of the same booking came before it.
    pub(crate) fn breaks(
        &self,
        book: &Arc<RuleBook>,
        known: BookingSystemInfo,
        before: &[Arc<Exchange>],
        wrong: Exchange,
    ) -> bool {
        let mut judge = Judge::of_one_rule(Arc::clone(book), self.place, known);
        for exchange in before {
            judge.judge(Arc::clone(exchange));
        }
        !judge.judge(Arc::new(wrong)).findings.is_empty()
    }
}

/// A request as bases have it.
fn request_value(exchange: &Exchange) -> Option<Value> {
    let request = &exchange.request;
    let mut value = Map::new();
    value.insert("method".to_owned(), request.method.clone().into());
    value.insert("path".to_owned(), request.target.clone().into());
    let mut fields = Map::new();
    for field in &request.headers.0 {
        fields.insert(field.name.to_ascii_lowercase(), String::from_utf8_lossy(&field.value).into_owned().into());
    }
    value.insert("headers".to_owned(), Value::Object(fields));
    if request.body != Body::empty() && !request.body.bytes.is_empty() {
        value.insert("body".to_owned(), serde_json::from_slice(&request.body.bytes).ok()?);
    }
    Some(Value::Object(value))
}

fn each_text(pointer: &mut String, value: &Value, each: &mut impl FnMut(&str, &str)) {
    let length = pointer.len();
    match value {
        Value::String(text) => each(pointer, text),
        Value::Object(members) => {
            for (name, member) in members {
                pointer.push('/');
                pointer.push_str(&escape(name));
                each_text(pointer, member, each);
                pointer.truncate(length);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                pointer.push('/');
                pointer.push_str(&index.to_string());
                each_text(pointer, item, each);
                pointer.truncate(length);
            }
        }
        _ => {}
    }
}

/// The value with the good request's names for things. The first name that fits a text counts.
fn renamed(value: &Value, names: &[(String, String)]) -> Value {
    match value {
        Value::String(text) => {
            let named = names.iter().find(|(base, _)| text.contains(base.as_str()));
            Value::String(named.map_or_else(|| text.clone(), |(base, own)| text.replace(base.as_str(), own)))
        }
        Value::Array(items) => Value::Array(items.iter().map(|item| renamed(item, names)).collect()),
        Value::Object(members) => {
            Value::Object(members.iter().map(|(name, member)| (name.clone(), renamed(member, names))).collect())
        }
        other => other.clone(),
    }
}
