//! Changes of recordings, each with the rule that must call it and on which side: `tests/mutations/changes.txt`.
//!
//! ```text
//! recording (or examples in a row) ─► the flow of one exchange ─► judge ─► findings before ┐
//!                                     └─► change one exchange ──► judge ─► findings after ─┴─► what is new
//! ```
//!
//! New must be: the rule of the row, on its side, with its severity. New must not be: a failure on the other side.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use umpire::capture::{self, Fields, Redactor};
use umpire::exchange::{Body, Exchange, Failure, FailureKind, Headers, Request, Response, Timing, Version};
use umpire::finding::{Finding, Severity, Side};
use umpire::openbooking::{Reading, Stage};
use umpire::rules::{Judge, Known, RuleBook};

/// One row of the table.
struct Row {
    line: usize,
    recording: String,
    exchange: String,
    changes: Vec<String>,
    side: String,
    severity: String,
    rule: String,
}

/// The rows of the table. A recording and an exchange that are left out are those of the row above.
fn rows() -> Vec<Row> {
    let table = std::fs::read_to_string("tests/mutations/changes.txt").expect("the table");
    let (mut recording, mut exchange) = (String::new(), String::new());
    let lines = table.lines().enumerate().filter(|(_, line)| !line.trim().is_empty() && !line.starts_with('#'));
    lines
        .map(|(number, text)| {
            let line = number + 1;
            let cells: Vec<&str> = text.split('|').map(str::trim).collect();
            let [first, second, changes, verdict, rule] = cells[..] else {
                panic!("line {line} has {} columns, not 5: {text}", cells.len());
            };
            if !first.is_empty() {
                first.clone_into(&mut recording);
            }
            if !second.is_empty() {
                second.clone_into(&mut exchange);
            }
            let (side, severity) = verdict.rsplit_once(' ').unwrap_or_else(|| panic!("line {line}: {verdict:?}"));
            Row {
                line,
                recording: recording.clone(),
                exchange: exchange.clone(),
                changes: changes.split(" ; ").map(|step| step.trim().to_owned()).collect(),
                side: side.to_owned(),
                severity: severity.to_owned(),
                rule: rule.to_owned(),
            }
        })
        .collect()
}

/// An exchange in the form of the rules' examples, which is easy to change.
fn to_json(exchange: &Exchange) -> Value {
    let fields = |headers: &Headers| -> Value {
        let fields = headers.0.iter().map(|field| {
            (field.name.to_ascii_lowercase(), Value::from(String::from_utf8_lossy(&field.value).into_owned()))
        });
        Value::Object(fields.collect())
    };
    let message = |value: &mut Value, body: &Body| {
        if let Ok(json) = serde_json::from_slice::<Value>(&body.bytes) {
            value["body"] = json;
        } else if !body.is_empty() {
            value["text"] = String::from_utf8_lossy(&body.bytes).into();
        }
    };
    let Request { method, target, headers, body, .. } = &exchange.request;
    let mut request = serde_json::json!({ "method": method, "path": target, "headers": fields(headers) });
    message(&mut request, body);
    let mut value = serde_json::json!({ "origin": exchange.origin, "request": request });
    if let Some(Response { status, headers, body, .. }) = &exchange.response {
        let mut response = serde_json::json!({ "status": status, "headers": fields(headers) });
        message(&mut response, body);
        value["response"] = response;
    }
    value
}

fn from_json(value: &Value, started: Timestamp, id: u64) -> Exchange {
    let fields = |message: &Value| -> Headers {
        let fields = message["headers"].as_object().into_iter().flatten();
        fields.map(|(name, value)| (name.clone(), value.as_str().expect("a header value").to_owned())).collect()
    };
    let body = |message: &Value| match (message.get("text").and_then(Value::as_str), message.get("body")) {
        (Some(text), _) => Body::complete(text.to_owned()),
        (None, Some(body)) => Body::complete(body.to_string()),
        (None, None) => Body::empty(),
    };
    let request = &value["request"];
    let response = value.get("response").filter(|response| response.is_object());
    Exchange {
        id,
        connection: 0,
        started,
        origin: value["origin"].as_str().expect("an origin").to_owned(),
        request: Request {
            method: request["method"].as_str().expect("a method").to_owned(),
            target: request["path"].as_str().expect("a path").to_owned(),
            version: Version::Http11,
            headers: fields(request),
            body: body(request),
        },
        response: response.map(|response| Response {
            status: response["status"].as_u64().expect("a status") as u16,
            reason: String::new(),
            version: Version::Http11,
            headers: fields(response),
            body: body(response),
        }),
        failure: response.is_none().then(|| Failure {
            kind: FailureKind::BrokenOff,
            detail: "connection reset".to_owned(),
            answered: Some(502),
        }),
        rewritten: Vec::new(),
        timing: Timing::default(),
    }
}

/// A recording with the stage of each exchange.
struct Recording {
    base_uri: Option<String>,
    exchanges: Vec<(Stage, Exchange)>,
}

impl Recording {
    /// `golden`, `faulty`, or names of examples in a row.
    fn open(name: &str) -> Self {
        let (base_uri, exchanges) = if matches!(name, "golden" | "faulty") {
            let opened = capture::open(Path::new(&format!("captures/{name}.har"))).expect("the recording opens");
            (opened.meta.base_uri, opened.exchanges.map(|exchange| exchange.expect("an exchange")).collect())
        } else {
            let mut now: Timestamp = "2026-06-01T08:00:00Z".parse().expect("a time");
            let example = |name: &str| {
                now = now.saturating_add(SignedDuration::from_secs(2)).expect("a time");
                let file = format!("rules/examples/{name}.json");
                let text = std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{file}: {error}"));
                from_json(&serde_json::from_str(&text).expect("JSON"), now, 0)
            };
            (None, name.split(' ').map(example).collect::<Vec<_>>())
        };
        let exchanges = exchanges.into_iter().enumerate().map(|(index, exchange)| {
            let exchange = Exchange { id: index as u64, ..exchange };
            (
                Reading::new(0, Arc::new(exchange.clone()), base_uri.as_deref().and(Some("/api/openbooking"))).stage,
                exchange,
            )
        });
        Self { exchanges: exchanges.collect(), base_uri }
    }

    /// The exchange that a cell names: a stage, the error that was answered if there is to be one, and its number among
    /// those, from 0 (`B IncompleteCustomerDetailsError`, `orders-feed 1`).
    fn find(&self, cell: &str) -> Result<usize, String> {
        let mut words = cell.split(' ');
        let name = words.next().unwrap_or_default();
        let stage = Stage::from_name(name).ok_or_else(|| format!("no stage {name:?}"))?;
        let (mut error, mut number) = (None, 0);
        for word in words {
            match word.parse::<usize>() {
                Ok(found) => number = found,
                Err(_) => error = Some(format!("\"@type\":\"{word}\"")),
            }
        }
        let answers = |exchange: &Exchange, error: &str| {
            let body = exchange.response.as_ref().map(|response| response.body.bytes.clone()).unwrap_or_default();
            String::from_utf8_lossy(&body).contains(error)
        };
        let mut found = self.exchanges.iter().enumerate().filter(|(_, (other, exchange))| {
            *other == stage && error.as_ref().is_none_or(|error| answers(exchange, error))
        });
        let found = found.nth(number);
        found.map(|(place, _)| place).ok_or_else(|| format!("the recording has no {cell}"))
    }

    /// What an exchange is judged with: everything that is of no booking, and what is of the same booking (of every
    /// booking, if it is of none itself).
    fn around(&self, place: usize) -> Vec<Exchange> {
        let uuid = |exchange: &Exchange| Reading::new(0, Arc::new(exchange.clone()), None).order_uuid;
        let own = uuid(&self.exchanges[place].1);
        let belongs =
            |exchange: &&Exchange| own.is_none() || uuid(exchange).is_none_or(|other| Some(&other) == own.as_ref());
        self.exchanges.iter().map(|(_, exchange)| exchange).filter(belongs).cloned().collect()
    }

    /// The answer of the first exchange at a stage that was answered 2xx.
    fn acceptance(&self, stage: Stage) -> Option<Value> {
        let accepted = self.exchanges.iter().find(|(other, exchange)| {
            *other == stage && exchange.response.as_ref().is_some_and(|response| (200..300).contains(&response.status))
        });
        to_json(&accepted?.1).get("response").cloned()
    }

    fn judge(&self, book: &Arc<RuleBook>, exchanges: &[Exchange]) -> Vec<(u64, Finding)> {
        let known = Known { base_uri: self.base_uri.clone(), ..Known::default() };
        let mut judge = Judge::new(Arc::clone(book), known);
        let judged = exchanges.iter().map(|exchange| judge.judge(Arc::new(exchange.clone())));
        judged
            .flat_map(|judged| judged.findings.into_iter().map(move |finding| (judged.exchange.id, finding)))
            .collect()
    }
}

fn parent<'v, 'p>(value: &'v mut Value, pointer: &'p str) -> Option<(&'v mut Value, &'p str)> {
    let (parent, key) = pointer.rsplit_once('/')?;
    Some((value.pointer_mut(parent)?, key))
}

fn put(value: &mut Value, pointer: &str, new: Value) -> Option<()> {
    match parent(value, pointer)? {
        (Value::Array(items), "-") => items.push(new),
        (Value::Array(items), index) => *items.get_mut(index.parse::<usize>().ok()?)? = new,
        (Value::Object(members), key) => drop(members.insert(key.to_owned(), new)),
        _ => return None,
    }
    Some(())
}

fn take(value: &mut Value, pointer: &str) -> Option<()> {
    match parent(value, pointer)? {
        (Value::Object(members), key) => members.shift_remove(key).map(drop),
        (Value::Array(items), index) => {
            let index = index.parse().ok().filter(|index| *index < items.len())?;
            items.remove(index);
            Some(())
        }
        _ => None,
    }
}

/// Makes one change. What the verbs mean is said at the head of the table.
fn change(value: &mut Value, step: &str, acceptance: impl Fn() -> Option<Value>) -> Option<()> {
    let (verb, rest) = step.split_once(' ').unwrap_or((step, ""));
    let (pointer, argument) = rest.split_once(' ').unwrap_or((rest, ""));
    match verb {
        "set" => put(value, pointer, serde_json::from_str(argument).ok()?),
        "remove" => take(value, pointer),
        "copy" => {
            let copied = value.pointer(pointer)?.clone();
            put(value, argument, copied)
        }
        "text" => {
            take(value, &format!("{pointer}/body"))?;
            put(value, &format!("{pointer}/text"), argument.into())
        }
        "status" => {
            let status: u16 = rest.parse().ok()?;
            if value.pointer("/response/body/statusCode").is_some() {
                put(value, "/response/body/statusCode", status.into())?;
            }
            put(value, "/response/status", status.into())
        }
        "type" => put(value, "/response/body/@type", rest.into()),
        "item-type" => {
            let items = value.pointer_mut("/response/body/orderedItem")?.as_array_mut()?;
            *items.iter_mut().find_map(|item| item.pointer_mut("/error/0/@type"))? = rest.into();
            Some(())
        }
        "refuse" => {
            let status: u16 = pointer.parse().ok()?;
            let answer = serde_json::json!({
                "status": status,
                "headers": { "content-type": "application/vnd.openactive.booking+json; version=1" },
                "body": {
                    "@context": "https://openactive.io/", "@type": argument, "statusCode": status,
                    "name": format!("A name of {argument}"), "description": "What went wrong, and what to do.",
                },
            });
            put(value, "/response", answer)
        }
        "accept" => put(value, "/response", acceptance()?),
        "no-content" => put(value, "/response", serde_json::json!({ "status": 204, "headers": {} })),
        _ => None,
    }
}

/// The exchanges around the one that a row is about, and the same with its changes made.
fn changed(recording: &Recording, row: &Row) -> Result<(Vec<Exchange>, Vec<Exchange>), String> {
    let place = recording.find(&row.exchange)?;
    let (stage, original) = &recording.exchanges[place];
    let before = recording.around(place);
    let mut after = before.clone();
    let mut at = before.iter().position(|exchange| exchange.id == original.id).ok_or("it is not among them")?;
    for step in &row.changes {
        match step.as_str() {
            "drop" => drop(after.remove(at)),
            "again" => {
                after.insert(at + 1, Exchange { id: 10_000, ..after[at].clone() });
                at += 1;
            }
            step if step.starts_with("later ") => {
                let seconds = step["later ".len()..].parse().map_err(|_| format!("{step:?} can't be done"))?;
                let later = after[at].started.saturating_add(SignedDuration::from_secs(seconds));
                after[at].started = later.map_err(|error| error.to_string())?;
            }
            step => {
                let mut value = to_json(&after[at]);
                change(&mut value, step, || recording.acceptance(*stage))
                    .ok_or_else(|| format!("{step:?} can't be done"))?;
                after[at] = from_json(&value, after[at].started, after[at].id);
            }
        }
    }
    Ok((before, after))
}

/// What tells findings apart: exchange, rule, pointer and severity.
type Key = (u64, String, String, Severity);

fn key((exchange, finding): &(u64, Finding)) -> Key {
    (*exchange, finding.rule.id.clone(), finding.pointer.clone(), finding.severity)
}

fn told((exchange, finding): &(u64, Finding)) -> String {
    let Finding { rule, severity, pointer, message, .. } = finding;
    format!("{} {severity} {} at {pointer} of {exchange}: {message}", rule.side, rule.id)
}

/// What is found in the unchanged exchanges around the one that a recording and a cell name.
type Unchanged = BTreeMap<(String, String), BTreeSet<Key>>;

/// What is wrong with a row, if anything is.
fn judge(book: &Arc<RuleBook>, recording: &Recording, row: &Row, unchanged: &mut Unchanged) -> Result<(), String> {
    let (before, after) = changed(recording, row)?;
    let known = unchanged.entry((row.recording.clone(), row.exchange.clone()));
    let known = known.or_insert_with(|| recording.judge(book, &before).iter().map(key).collect());
    let new: Vec<_> =
        recording.judge(book, &after).into_iter().filter(|finding| !known.contains(&key(finding))).collect();
    let (side, both) = row.side.strip_prefix("both: ").map_or((row.side.as_str(), false), |side| (side, true));
    let all = || new.iter().map(told).collect::<Vec<_>>().join("\n      ");
    let is_meant =
        |(_, finding): &&(u64, Finding)| finding.rule.id == row.rule && finding.severity.as_str() == row.severity;
    let Some((_, found)) = new.iter().find(is_meant) else {
        return Err(format!("{} {} is not new; new is\n      {}", row.severity, row.rule, all()));
    };
    if found.rule.side.as_str() != side {
        return Err(format!("{} is called on the {}, not on the {side}", row.rule, found.rule.side));
    }
    let wrong =
        |(_, finding): &&(u64, Finding)| finding.severity == Severity::Failure && finding.rule.side.as_str() != side;
    match (new.iter().find(wrong), both) {
        (Some(_), false) => Err(format!("the other side is called too:\n      {}", all())),
        (None, true) => Err("the other side is not called, though the row says both".to_owned()),
        _ => Ok(()),
    }
}

#[test]
fn every_change_is_called_by_its_rule_on_its_side() {
    let book = Arc::new(RuleBook::built_in().expect("the built-in rules load"));
    let mut recordings: BTreeMap<String, Recording> = BTreeMap::new();
    let mut unchanged = Unchanged::new();
    let wrong: Vec<String> = rows()
        .iter()
        .filter_map(|row| {
            let recording = recordings.entry(row.recording.clone()).or_insert_with_key(|name| Recording::open(name));
            let what = judge(&book, recording, row, &mut unchanged).err()?;
            let changes = row.changes.join(" ; ");
            Some(format!("line {}: {} · {} · {changes}\n    {what}", row.line, row.recording, row.exchange))
        })
        .collect();
    assert!(wrong.is_empty(), "{} rows:\n\n{}", wrong.len(), wrong.join("\n\n"));
}

/// Personal data and secrets taken out, each change is called exactly as before.
#[test]
fn what_is_called_is_called_of_redacted_exchanges_too() {
    let book = Arc::new(RuleBook::built_in().expect("the built-in rules load"));
    let mut recordings: BTreeMap<String, Recording> = BTreeMap::new();
    let mut differences = Vec::new();
    for row in rows() {
        let recording = recordings.entry(row.recording.clone()).or_insert_with_key(|name| Recording::open(name));
        let Ok((_, after)) = changed(recording, &row) else { continue };
        let redactor = Redactor::of_persons(Fields::default()).expect("a redactor");
        let redacted: Vec<Exchange> = after.iter().cloned().map(|exchange| redactor.redact(exchange)).collect();
        let of = |exchanges: &[Exchange]| recording.judge(&book, exchanges).iter().map(key).collect::<Vec<_>>();
        let (plain, clean) = (of(&after), of(&redacted));
        if plain != clean {
            let lost: Vec<&Key> = plain.iter().filter(|key| !clean.contains(key)).collect();
            let new: Vec<&Key> = clean.iter().filter(|key| !plain.contains(key)).collect();
            differences.push(format!("line {}: lost {lost:?}, new {new:?}", row.line));
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

#[test]
fn the_table_reaches_all_areas_and_both_sides() {
    let rows = rows();
    assert!(rows.len() >= 100, "{} rows", rows.len());
    let areas: BTreeSet<&str> = rows.iter().filter_map(|row| Some(row.rule.split_once('/')?.0)).collect();
    assert!(areas.len() >= 25, "{} areas: {areas:?}", areas.len());
    for side in [Side::Broker, Side::BookingSystem] {
        let count = rows.iter().filter(|row| row.side.ends_with(side.as_str())).count();
        assert!(count >= 25, "{count} rows on the {side}");
    }
}
