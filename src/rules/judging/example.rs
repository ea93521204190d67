//! The examples of rule files: each rule's own tests.
//!
//! `base + patch + remove + set → Exchange(s) → the rule → its pointers, compared with finds`

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};

use crate::exchange::{
    Body, Exchange, Failure, FailureKind, Headers, OmittedFields, Request, Response, Simulated, Simulator, Timing,
    Version,
};
use crate::finding::Severity;
use crate::rules::book::definition::{Example, ExampleExchange};
use crate::rules::book::error::{FilePlace, LoadError};
use crate::rules::book::files::{built_in_bases, files_on_disk, read_text};
use crate::rules::book::rule_book::RuleBook;
use crate::rules::judging::judge::Judge;

/// An example that did not come out as its file says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExampleFailure {
    /// The rule's id.
    pub rule: String,
    /// The example's name.
    pub example: String,
    /// What differs, in lines for people.
    pub what: String,
}

/// The outcome of [`test_examples`].
#[derive(Debug, Default)]
pub struct ExampleReport {
    /// Examples that were run.
    pub examples: usize,
    /// Rules whose examples were run.
    pub rules: usize,
    /// What did not come out right.
    pub failures: Vec<ExampleFailure>,
}

/// Runs the examples of every rule of a book. `folder` may hold further bases in `examples/`. `recorded` gives the exchanges
/// of an example as a recording would hold them, so that rules are tried on what they will see.
pub fn test_examples(
    book: &Arc<RuleBook>,
    folder: Option<&Path>,
    recorded: impl Fn(Vec<Exchange>) -> Result<Vec<Exchange>, String>,
) -> Result<ExampleReport, LoadError> {
    let bases = bases(folder)?;
    let mut report = ExampleReport::default();
    for (place, rule) in book.rules().iter().enumerate() {
        report.rules += 1;
        let mut fail = |example: &str, what: String| {
            report.failures.push(ExampleFailure { rule: rule.info.id.clone(), example: example.to_owned(), what });
        };
        let (mut passes, mut finds) = (false, false);
        for example in &rule.examples {
            report.examples += 1;
            finds |= !example.finds.is_empty();
            match exchanges(example, &bases).and_then(&recorded).map(|exchanges| run(book, place, example, exchanges)) {
                Ok(outcome) => {
                    passes |= example.finds.is_empty() && outcome.passed > 0;
                    if let Some(what) = outcome.differs_from(example) {
                        fail(&example.name, what);
                    }
                }
                Err(what) => fail(&example.name, what),
            }
        }
        if !passes {
            fail("(all)", "no example in which the rule passes: add one with finds = []".to_owned());
        }
        if !finds {
            fail("(all)", "no example in which the rule finds something: add one with finds = [\"/…\"]".to_owned());
        }
    }
    Ok(report)
}

pub(in crate::rules) type BaseExchanges = BTreeMap<String, Value>;

pub(in crate::rules) fn bases(folder: Option<&Path>) -> Result<BaseExchanges, LoadError> {
    let mut bases = BaseExchanges::new();
    let mut add = |name: String, file: &str, text: &str| {
        let value = serde_json::from_str(text).map_err(|error| LoadError::Rule {
            file: file.to_owned(),
            place: FilePlace::line(error.line()),
            what: error.to_string(),
        })?;
        bases.insert(name, value);
        Ok::<(), LoadError>(())
    };
    for (name, text) in built_in_bases() {
        add(name.clone(), &format!("rules/examples/{name}.json"), text)?;
    }
    if let Some(examples) = folder.map(|folder| folder.join("examples")).filter(|examples| examples.is_dir()) {
        for (name, path) in files_on_disk(&examples, ".json")? {
            add(name, &path.display().to_string(), &read_text(&path)?)?;
        }
    }
    Ok(bases)
}

struct ExampleRun {
    /// Pointer, severity, and the index of the exchange that it rests on.
    found: Vec<(String, Severity, Option<u64>)>,
    passed: u32,
    not_judged: Vec<Arc<str>>,
    details: Vec<String>,
}

impl ExampleRun {
    fn differs_from(&self, example: &Example) -> Option<String> {
        let same = self.found.len() == example.finds.len()
            && self.found.iter().zip(&example.finds).all(|(found, wanted)| is_wanted(found, wanted));
        let judged = example.not_judged != self.not_judged.is_empty() || !example.finds.is_empty();
        if same && judged {
            return None;
        }
        let list =
            |items: Vec<String>| if items.is_empty() { "nothing".to_owned() } else { items.join("\n             ") };
        let found = self.found.iter().map(|(pointer, severity, because_of)| {
            let because_of = because_of.map(|index| format!(" because {index}")).unwrap_or_default();
            format!("{pointer} {severity}{because_of}")
        });
        let found = found.collect();
        let mut text = format!("    expected {}\n    found    {}", list(example.finds.clone()), list(found));
        for detail in &self.details {
            text.push_str("\n             ");
            text.push_str(detail);
        }
        for reason in &self.not_judged {
            text.push_str("\n    not judged, because ");
            text.push_str(reason);
        }
        if example.not_judged && self.not_judged.is_empty() {
            text.push_str("\n    expected \"not judged\", but it was judged");
        }
        Some(text)
    }
}

/// True if a finding is the one that an entry of `finds` asks for: `POINTER [SEVERITY] [because INDEX]`.
fn is_wanted((pointer, severity, because_of): &(String, Severity, Option<u64>), wanted: &str) -> bool {
    let (wanted, because) = match wanted.split_once(" because ") {
        Some((wanted, index)) => (wanted, Some(index)),
        None => (wanted, None),
    };
    because.is_none_or(|index| because_of.is_some_and(|earlier| index == earlier.to_string()))
        && match wanted.split_once(' ') {
            Some((wanted, milder)) => wanted == pointer && milder == severity.as_str(),
            None => wanted == pointer,
        }
}

/// The exchanges of an example, in their order.
fn exchanges(example: &Example, bases: &BaseExchanges) -> Result<Vec<Exchange>, String> {
    let single = example.base.as_ref().map(|base| ExampleExchange {
        base: base.clone(),
        patch: example.patch.clone(),
        remove: example.remove.clone(),
        set: example.set.clone(),
        after: None,
    });
    let entries: Vec<&ExampleExchange> = single.iter().chain(&example.exchanges).collect();
    if entries.is_empty() {
        return Err("neither base nor exchanges".to_owned());
    }
    let mut now =
        Timestamp::UNIX_EPOCH.saturating_add(SignedDuration::from_hours(24 * 365 * 55)).unwrap_or(Timestamp::MAX);
    let entries = entries.into_iter().map(|entry| {
        let after = entry.after.unwrap_or(1.0).clamp(0.0, 1e9);
        now = now.saturating_add(Duration::from_secs_f64(after)).unwrap_or(now);
        exchange(entry, bases, now)
    });
    entries.collect()
}

fn run(book: &Arc<RuleBook>, place: usize, example: &Example, exchanges: Vec<Exchange>) -> ExampleRun {
    let many = !example.exchanges.is_empty();
    let mut judge = Judge::of_one_rule(Arc::clone(book), place, example.recording.clone());
    let mut ran = ExampleRun { found: Vec::new(), passed: 0, not_judged: Vec::new(), details: Vec::new() };
    for (index, exchange) in exchanges.into_iter().enumerate() {
        let judged = judge.judge(Arc::new(exchange));
        ran.passed += judged.passed;
        ran.not_judged.extend(judged.not_judged.into_iter().map(|not| not.because));
        for finding in judged.findings {
            let place = if many { format!("{index}:{}", finding.pointer) } else { finding.pointer.clone() };
            ran.details.push(format!("  {} (seen {}, expected {})", finding.message, finding.seen, finding.expected));
            let because_of = finding.because_of.map(|earlier| earlier.exchange);
            ran.found.push((place, finding.severity, because_of));
        }
    }
    ran
}

fn exchange(entry: &ExampleExchange, bases: &BaseExchanges, started: Timestamp) -> Result<Exchange, String> {
    let mut value =
        bases.get(&entry.base).cloned().ok_or_else(|| format!("there is no base examples/{}.json", entry.base))?;
    if let Some(patch) = &entry.patch {
        merge(&mut value, patch);
    }
    for pointer in &entry.remove {
        take(&mut value, pointer).ok_or_else(|| format!("remove: {pointer} isn't there"))?;
    }
    for (pointer, new) in &entry.set {
        put(&mut value, pointer, new.clone()).ok_or_else(|| format!("set: there is no place for {pointer}"))?;
    }
    let text = |value: &Value, key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
    let request = value.get("request").ok_or("the base has no request")?;
    let response = value.get("response").filter(|response| response.is_object());
    Ok(Exchange {
        id: 0,
        connection: 0,
        started,
        origin: text(&value, "origin").unwrap_or_else(|| "https://booking.example.com".to_owned()),
        request: Request {
            method: text(request, "method").ok_or("the request has no method")?,
            target: text(request, "path").ok_or("the request has no path")?,
            version: Version::Http11,
            headers: headers(request),
            body: message_body(request),
        },
        failure: (response.is_none() && value.get("answer_recorded") != Some(&Value::Bool(false))).then(|| Failure {
            kind: text(&value, "failure")
                .and_then(|kind| FailureKind::from_name(&kind))
                .unwrap_or(FailureKind::Unreachable),
            detail: "connection refused".to_owned(),
            answered: Some(502),
        }),
        response: response.map(|response| Response {
            status: response.get("status").and_then(Value::as_u64).unwrap_or(200) as u16,
            reason: String::new(),
            version: Version::Http11,
            headers: headers(response),
            body: message_body(response),
        }),
        rewritten: Vec::new(),
        simulated: text(&value, "simulated")
            .and_then(|by| Simulator::from_name(&by))
            .map(|by| Simulated { by, detail: String::new() }),
        timing: Timing::default(),
    })
}

pub(in crate::rules) fn headers(message: &Value) -> Headers {
    let fields = message.get("headers").and_then(Value::as_object).into_iter().flatten();
    let fields = fields.filter_map(|(name, value)| Some((name.clone(), Bytes::from(value.as_str()?.to_owned()))));
    let mut headers: Headers = fields.collect();
    let omitted = message.get("omitted").and_then(Value::as_str).and_then(OmittedFields::from_name);
    headers.1 = omitted.unwrap_or_default();
    headers
}

pub(in crate::rules) fn message_body(message: &Value) -> Body {
    if message.get("body_recorded").and_then(Value::as_bool) == Some(false) {
        return Body::not_recorded(0);
    }
    match (message.get("text").and_then(Value::as_str), message.get("body")) {
        (Some(text), _) => Body::complete(text.to_owned()),
        (None, Some(body)) => Body::complete(body.to_string()),
        (None, None) => Body::empty(),
    }
}

/// JSON merge patch (RFC 7396).
pub(in crate::rules) fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    if let Value::Object(target) = target {
        for (key, value) in patch {
            if value.is_null() {
                target.shift_remove(key);
            } else {
                merge(target.entry(key.clone()).or_insert(Value::Null), value);
            }
        }
    }
}

fn parent<'v>(value: &'v mut Value, pointer: &str) -> Option<(&'v mut Value, String)> {
    let (parent, key) = pointer.rsplit_once('/')?;
    Some((value.pointer_mut(parent)?, crate::json::unescape(key).into_owned()))
}

pub(in crate::rules) fn take(value: &mut Value, pointer: &str) -> Option<Value> {
    let (parent, key) = parent(value, pointer)?;
    match parent {
        Value::Object(members) => members.shift_remove(&key),
        Value::Array(items) => {
            let index: usize = key.parse().ok()?;
            (index < items.len()).then(|| items.remove(index))
        }
        _ => None,
    }
}

pub(in crate::rules) fn put(value: &mut Value, pointer: &str, new: Value) -> Option<()> {
    let (parent, key) = parent(value, pointer)?;
    match parent {
        Value::Object(members) => {
            members.insert(key, new);
        }
        Value::Array(items) => {
            let index: usize = if key == "-" { items.len() } else { key.parse().ok()? };
            if index < items.len() { items[index] = new } else { items.push(new) }
        }
        _ => return None,
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What each example's findings rest on, a line each: rule, example, pointer, index.
    fn evidence() -> Vec<(String, String, String, Option<u64>)> {
        let book = Arc::new(RuleBook::built_in().unwrap());
        let bases = bases(None).unwrap();
        let mut all = Vec::new();
        for (place, rule) in book.rules().iter().enumerate() {
            for example in &rule.examples {
                let exchanges = exchanges(example, &bases).unwrap();
                for (pointer, _, because_of) in run(&book, place, example, exchanges).found {
                    all.push((rule.info.id.clone(), example.name.clone(), pointer, because_of));
                }
            }
        }
        all
    }

    /// Kinds of evidence: a rule, an example of it, and the exchange that its finding rests on.
    const KINDS: &[(&str, &str, u64)] = &[
        ("flow/booked-total-matches-c2", "dearer", 0),
        ("flow/c2-clean-before-booking", "errors on the items", 1),
        ("flow/quote-refreshed-on-change", "C1 anew only", 2),
        ("flow/approval-enforced", "booked", 0),
        ("flow/bookable-items-only", "cancelled", 0),
        ("flow/no-booking-after-rejection", "rejected by the Seller", 1),
        ("b-after-p/reflects-proposal", "another customer", 0),
        ("b-after-p/total-matches-proposal", "dearer than proposed", 0),
        ("b-after-p/total-matches-proposal", "the price of P, when the feed had an amended one", 1),
        ("b-after-p/version-latest", "the version of P, when the Seller has amended it", 1),
        ("cancellation/feed-update-follows", "the feed has come to its end without it", 2),
        ("cancellation/feed-update-follows", "one of two", 2),
        ("cancellation/items-of-this-order", "an item of another Order", 0),
        ("order-deletion/feed-tombstone", "the feed has come to its end without it", 2),
        ("proposal-update/feed-update-follows", "the feed goes on to show another status", 2),
        ("order-proposals-feed/rejected-if-unfulfillable", "nothing in the feed for two days", 2),
        ("idempotency/b-repeat-same-order", "booked again", 0),
        ("idempotency/b-after-p-repeat", "another total", 0),
        ("idempotency/cancel-repeat", "refused the second time", 0),
        ("endpoint/all-idempotent", "cancelled again and refused", 0),
        ("retry/same-uuid-after-4xx", "another UUID", 0),
        ("retry/new-uuid-after-persistent-503", "six times", 5),
        ("rate-limit/broker-backs-off", "too soon", 0),
        ("broker/role-constant-in-flow", "another Broker at B", 0),
        ("seller/same-in-flow", "another at B", 0),
        ("payment/reconciliation-details-at-quote", "not at C2, though it was agreed", 1),
        ("price/total-mismatch-error", "accepted all the same", 0),
        ("uuid/deleted-uuid-error", "booked anew", 1),
        ("uuid/constant-through-flow", "another UUID for B", 1),
        ("auth/uuid-namespace-per-credentials", "refused", 0),
        ("lease/released-on-deletion", "deleted, and still held", 1),
        ("order/all-or-nothing", "refused, and confirmed in the feed", 0),
        ("orders-feed/total-never-increases", "up since the last update", 1),
        ("orders-feed/deleted-only-after-deletion", "nobody deleted it", 0),
        ("opportunity/matches-feed", "half an hour later", 0),
        ("opportunity-feed/capacity-follows-bookings", "two less", 0),
        ("intake-form/required-fields-supplied", "one of two, at B", 1),
        ("rpde/ordering-across-pages", "further back", 0),
        ("rpde/change-raises-modified", "changed, not raised", 0),
        ("errors/name-stable", "the case in the name", 0),
        ("errors/true-of-the-request", "a payment that the quote asks for is called unnecessary", 0),
        ("tax/mode-constant-per-seller", "another at C2", 0),
        ("customer/unknown-to-broker-feed", "an address that the Broker sent", 0),
    ];

    #[test]
    fn findings_name_the_exchange_that_they_rest_on() {
        let all = evidence();
        for (rule, example, index) in KINDS {
            let of: Vec<_> = all.iter().filter(|found| found.0 == *rule && found.1 == *example).collect();
            assert!(!of.is_empty(), "there is no example {example:?} of {rule} that finds something");
            assert!(of.iter().any(|found| found.3 == Some(*index)), "{of:?}: expected {index}");
        }
    }

    /// What compares with an earlier exchange says with which: all examples of several exchanges but for those on what did
    /// not happen, or on one exchange alone.
    #[test]
    fn rules_on_flows_name_an_exchange() {
        let areas = ["b-after-p/", "idempotency/", "retry/", "orders-feed/", "order-proposals-feed/", "flow/"];
        let by_themselves = [
            "b-after-p/unknown-proposal-refused",
            "b-after-p/version-known",
            "flow/c1-before-c2",
            "flow/c2-before-booking",
            "flow/operations-after-completion",
            "idempotency/order-quote-delete-repeat",
            "orders-feed/known-to-broker",
        ];
        for (rule, example, pointer, because_of) in evidence() {
            let later = !pointer.starts_with("0:") && pointer.contains(":/");
            let compares = areas.iter().any(|area| rule.starts_with(area)) && !by_themselves.contains(&rule.as_str());
            assert!(!(compares && later) || because_of.is_some(), "{rule}, {example:?}: names no exchange");
        }
    }

    #[test]
    fn a_wanted_finding_may_say_what_it_rests_on() {
        let found = ("1:/response/status".to_owned(), Severity::Warning, Some(0));
        for wanted in [
            "1:/response/status",
            "1:/response/status warning",
            "1:/response/status because 0",
            "1:/response/status warning because 0",
        ] {
            assert!(is_wanted(&found, wanted), "{wanted}");
        }
        for other in ["1:/response/status because 1", "1:/response/status failure because 0", "/response/status"] {
            assert!(!is_wanted(&found, other), "{other}");
        }
        assert!(!is_wanted(&("/a".to_owned(), Severity::Failure, None), "/a because 0"));
    }
}
