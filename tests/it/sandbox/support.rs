//! A broker with a clock of its own, and its messages.
//!
//! `Broker → Sandbox::answer → Seen`

use jiff::Timestamp;
use serde_json::{Value, json};
use umpire::exchange::Headers;
use umpire::sandbox::{IN_PROCESS_BASE_URI, Misbehaviour, Misbehaviours, Sandbox};

pub const ORIGIN: &str = "https://sandbox.example";
pub const BOOKING: &str = "application/vnd.openactive.booking+json; version=1";
pub const UUID: &str = "0d5a8a5c-4b2e-4d27-9a55-1f2f3a9b7c01";
pub const OTHER: &str = "0d5a8a5c-4b2e-4d27-9a55-1f2f3a9b7c02";

pub struct Broker {
    pub sandbox: Sandbox,
    pub now: Timestamp,
    pub authorization: Option<&'static str>,
}

pub struct Seen {
    pub status: u16,
    pub headers: Headers,
    pub text: String,
    pub body: Value,
}

impl Broker {
    pub fn new() -> Self {
        Self::with(&[])
    }

    pub fn with(misbehaviours: &[Misbehaviour]) -> Self {
        let misbehaviours: Misbehaviours = misbehaviours.iter().copied().collect();
        let sandbox = Sandbox::new(IN_PROCESS_BASE_URI, misbehaviours).expect("the base URI is fit");
        let now = "2026-03-02T09:30:00Z".parse().expect("a time");
        Self { sandbox, now, authorization: Some("Bearer a") }
    }

    pub fn send(&self, method: &str, target: &str, body: &[u8]) -> Seen {
        let headers: Headers = self.authorization.into_iter().map(|value| ("Authorization", value)).collect();
        let answer = self.sandbox.answer(method, target, &headers, body, self.now);
        let text = String::from_utf8(answer.body.to_vec()).expect("answers are UTF-8");
        let body = serde_json::from_str(&text).unwrap_or(Value::Null);
        Seen { status: answer.status, headers: answer.headers, text, body }
    }

    pub fn call(&self, method: &str, path: &str, body: &Value) -> Seen {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        self.send(method, &format!("/api/openbooking/{path}"), body.as_bytes())
    }

    pub fn c1(&self, body: &Value) -> Seen {
        self.call("PUT", &format!("order-quote-templates/{UUID}"), body)
    }

    pub fn c2(&self, body: &Value) -> Seen {
        self.call("PUT", &format!("order-quotes/{UUID}"), body)
    }

    pub fn b(&self, body: &Value) -> Seen {
        self.call("PUT", &format!("orders/{UUID}"), body)
    }

    pub fn patch(&self, body: &Value) -> Seen {
        self.call("PATCH", &format!("orders/{UUID}"), body)
    }
}

impl Seen {
    #[track_caller]
    pub fn is_error(&self, status: u16, kind: &str) {
        assert_eq!((self.status, self.body["@type"].as_str()), (status, Some(kind)), "{}", self.text);
        assert_eq!(self.body["statusCode"], status);
        assert_eq!(self.body["@context"], "https://openactive.io/");
        assert_eq!(self.headers.get("content-type"), Some(BOOKING));
        assert!(self.body["name"].is_string() && self.body["description"].is_string());
    }

    #[track_caller]
    pub fn has_item_errors(&self, root: &str, kinds: &[Option<&str>]) {
        assert_eq!((self.status, self.body["@type"].as_str()), (409, Some(root)), "{}", self.text);
        let items = self.body["orderedItem"].as_array().expect("items");
        let found: Vec<_> = items.iter().map(|item| item["error"][0]["@type"].as_str()).collect();
        assert_eq!(found, kinds);
    }

    #[track_caller]
    pub fn is(&self, status: u16) -> &Self {
        assert_eq!(self.status, status, "{}", self.text);
        self
    }
}

pub fn session(key: &str) -> String {
    format!("{ORIGIN}/id/scheduled-sessions/{key}")
}

pub fn offer(key: &str, tariff: &str) -> String {
    format!("{ORIGIN}/id/session-series/{key}#/offers/{tariff}")
}

pub fn request(kind: &str, items: &[(&str, &str)]) -> Value {
    let items: Vec<_> = items
        .iter()
        .zip(0..)
        .map(|((key, tariff), position)| {
            json!({ "@type": "OrderItem", "position": position, "orderedItem": session(key), "acceptedOffer": offer(key, tariff) })
        })
        .collect();
    json!({
        "@context": "https://openactive.io/",
        "@type": kind,
        "brokerRole": "https://openactive.io/AgentBroker",
        "broker": { "@type": "Organization", "name": "Test broker" },
        "customer": { "@type": "Person", "email": "c@mail.example" },
        "seller": format!("{ORIGIN}/id/sellers/1"),
        "orderedItem": items,
    })
}

pub const SWIM: (&str, &str) = ("open-swim", "adult");
pub const JUNIOR: (&str, &str) = ("open-swim", "junior");
pub const WALK: (&str, &str) = ("heron-walk", "free");
pub const YOGA: (&str, &str) = ("lantern-yoga", "standard");
pub const SPIN: (&str, &str) = ("lunch-spin", "standard");

pub fn quote() -> Value {
    request("OrderQuote", &[SWIM])
}

pub fn order(items: &[(&str, &str)], total: f64) -> Value {
    let mut order = request("Order", items);
    order["totalPaymentDue"] = json!({ "@type": "PriceSpecification", "price": total, "priceCurrency": "GBP" });
    if total > 0.0 {
        order["payment"] = json!({ "@type": "Payment", "identifier": "p1" });
    }
    order
}

pub fn without(mut body: Value, property: &str) -> Value {
    body.as_object_mut().expect("an object").shift_remove(property).expect("the property is there");
    body
}

pub fn with(mut body: Value, pointer: &str, value: Value) -> Value {
    let (parent, property) = pointer.rsplit_once('/').expect("a pointer");
    body.pointer_mut(parent).expect("the parent is there")[property] = value;
    body
}

pub fn cancellation(ids: &[&str]) -> Value {
    let items: Vec<_> = ids
        .iter()
        .map(|id| json!({ "@type": "OrderItem", "@id": id, "orderItemStatus": "https://openactive.io/CustomerCancelled" }))
        .collect();
    json!({ "@context": "https://openactive.io/", "@type": "Order", "orderedItem": items })
}

pub fn item_id(seen: &Seen, at: usize) -> &str {
    seen.body["orderedItem"][at]["@id"].as_str().expect("an item id")
}

/// All items of a feed, to its end, which must be its own next.
pub fn harvest(broker: &Broker, start: &str) -> (Vec<Value>, usize) {
    let (mut target, mut items, mut pages) = (start.to_owned(), Vec::new(), 0);
    loop {
        let seen = broker.send("GET", &target, b"");
        seen.is(200);
        let page = seen.body["items"].as_array().expect("items").clone();
        let next = seen.body["next"].as_str().expect("next").strip_prefix(ORIGIN).expect("absolute").to_owned();
        pages += 1;
        assert!(pages < 50, "the feed does not end");
        if page.is_empty() {
            assert_eq!(next, target);
            return (items, pages);
        }
        items.extend(page);
        target = next;
    }
}

pub fn assert_no_nothings(value: &Value) {
    match value {
        Value::Null => panic!("null"),
        Value::String(text) => assert!(!text.is_empty()),
        Value::Array(items) => {
            assert!(!items.is_empty());
            items.iter().for_each(assert_no_nothings);
        }
        Value::Object(properties) => properties.values().for_each(assert_no_nothings),
        _ => {}
    }
}
