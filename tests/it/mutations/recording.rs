//! Recordings whose exchanges are changed: the project's own, or examples of rules in a row.

use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use umpire::capture;
use umpire::exchange::{Body, Exchange, Failure, FailureKind, Headers, Request, Response, Timing, Version};
use umpire::finding::Finding;
use umpire::openbooking::{BasePath, ParsedExchange, Stage};
use umpire::rules::{BookingSystemInfo, Judge, RuleBook};

/// An exchange in the form of the rules' examples, which is easy to change.
pub(crate) fn to_json(exchange: &Exchange) -> Value {
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

pub(crate) fn from_json(value: &Value, started: Timestamp, id: u64) -> Exchange {
    let fields = |message: &Value| -> Headers {
        let fields = message["headers"].as_object().into_iter().flatten();
        fields.map(|(name, value)| (name.clone(), value.as_str().expect("a header value").to_owned())).collect()
    };
    let body = |message: &Value| {
        let text = match (message.get("text").and_then(Value::as_str), message.get("body")) {
            (Some(text), _) => text.to_owned(),
            (None, Some(body)) => body.to_string(),
            (None, None) => return Body::empty(),
        };
        if message.get("gzip").is_some() { Body::complete(packed(&text)) } else { Body::complete(text) }
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
        simulated: None,
        timing: Timing::default(),
    }
}

fn packed(text: &str) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(text.as_bytes()).expect("memory takes it");
    encoder.finish().expect("memory takes it")
}

/// A recording with the stage of each exchange.
pub(crate) struct Recording {
    base_uri: Option<String>,
    pub(crate) exchanges: Vec<(Stage, Exchange)>,
}

impl Recording {
    /// `golden`, `faulty`, or names of examples in a row.
    pub(crate) fn open(name: &str) -> Self {
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
            let base = base_uri.as_deref().map(|_| BasePath { path: "/api/openbooking", is_of_origin: true });
            (ParsedExchange::new(0, Arc::new(exchange.clone()), base).stage, exchange)
        });
        Self { exchanges: exchanges.collect(), base_uri }
    }

    /// The exchange that a cell names: a stage, the error that was answered if there is to be one, and its number among
    /// those, from 0 (`B IncompleteCustomerDetailsError`, `orders-feed 1`).
    pub(crate) fn find(&self, cell: &str) -> Result<usize, String> {
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
    pub(crate) fn around(&self, place: usize) -> Vec<Exchange> {
        let uuid = |exchange: &Exchange| ParsedExchange::new(0, Arc::new(exchange.clone()), None).order_uuid;
        let own = uuid(&self.exchanges[place].1);
        let belongs =
            |exchange: &&Exchange| own.is_none() || uuid(exchange).is_none_or(|other| Some(&other) == own.as_ref());
        self.exchanges.iter().map(|(_, exchange)| exchange).filter(belongs).cloned().collect()
    }

    /// The answer of the first exchange at a stage that was answered 2xx.
    pub(crate) fn acceptance(&self, stage: Stage) -> Option<Value> {
        let accepted = self.exchanges.iter().find(|(other, exchange)| {
            *other == stage && exchange.response.as_ref().is_some_and(|response| (200..300).contains(&response.status))
        });
        to_json(&accepted?.1).get("response").cloned()
    }

    pub(crate) fn judge(&self, book: &Arc<RuleBook>, exchanges: &[Exchange]) -> Vec<(u64, Finding)> {
        let known = BookingSystemInfo { base_uri: self.base_uri.clone(), ..BookingSystemInfo::default() };
        let mut judge = Judge::new(Arc::clone(book), known);
        // Numbered anew: an exchange that a change took out never was.
        let numbered =
            exchanges.iter().zip(0..).map(|(exchange, id)| (exchange.id, Exchange { id, ..exchange.clone() }));
        let judged = numbered.map(|(id, exchange)| (id, judge.judge(Arc::new(exchange)).findings));
        judged.flat_map(|(id, findings)| findings.into_iter().map(move |finding| (id, finding))).collect()
    }
}
