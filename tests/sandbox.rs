//! The embedded booking system from outside: bookings, every error, every misbehaviour, feeds, and one real socket.
//!
//! `Broker (a caller of Sandbox::answer with a clock of its own) → status and JSON → assertions`

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use umpire::exchange::Headers;
use umpire::sandbox::{IN_PROCESS_BASE_URI, Misbehaviour, Misbehaviours, Sandbox, serve};

const ORIGIN: &str = "https://sandbox.example";
const BOOKING: &str = "application/vnd.openactive.booking+json; version=1";
const UUID: &str = "0d5a8a5c-4b2e-4d27-9a55-1f2f3a9b7c01";
const OTHER: &str = "0d5a8a5c-4b2e-4d27-9a55-1f2f3a9b7c02";

struct Broker {
    sandbox: Sandbox,
    now: Timestamp,
    authorization: Option<&'static str>,
}

struct Seen {
    status: u16,
    headers: Headers,
    text: String,
    body: Value,
}

impl Broker {
    fn new() -> Self {
        Self::with(&[])
    }

    fn with(misbehaviours: &[Misbehaviour]) -> Self {
        let misbehaviours: Misbehaviours = misbehaviours.iter().copied().collect();
        let sandbox = Sandbox::new(IN_PROCESS_BASE_URI, misbehaviours).expect("the base URI is fit");
        let now = "2026-03-02T09:30:00Z".parse().expect("a time");
        Self { sandbox, now, authorization: Some("Bearer a") }
    }

    fn send(&self, method: &str, target: &str, body: &[u8]) -> Seen {
        let headers: Headers = self.authorization.into_iter().map(|value| ("Authorization", value)).collect();
        let answer = self.sandbox.answer(method, target, &headers, body, self.now);
        let text = String::from_utf8(answer.body.to_vec()).expect("answers are UTF-8");
        let body = serde_json::from_str(&text).unwrap_or(Value::Null);
        Seen { status: answer.status, headers: answer.headers, text, body }
    }

    fn call(&self, method: &str, path: &str, body: &Value) -> Seen {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        self.send(method, &format!("/api/openbooking/{path}"), body.as_bytes())
    }

    fn c1(&self, body: &Value) -> Seen {
        self.call("PUT", &format!("order-quote-templates/{UUID}"), body)
    }

    fn c2(&self, body: &Value) -> Seen {
        self.call("PUT", &format!("order-quotes/{UUID}"), body)
    }

    fn b(&self, body: &Value) -> Seen {
        self.call("PUT", &format!("orders/{UUID}"), body)
    }

    fn patch(&self, body: &Value) -> Seen {
        self.call("PATCH", &format!("orders/{UUID}"), body)
    }
}

impl Seen {
    #[track_caller]
    fn is_error(&self, status: u16, kind: &str) {
        assert_eq!((self.status, self.body["@type"].as_str()), (status, Some(kind)), "{}", self.text);
        assert_eq!(self.body["statusCode"], status);
        assert_eq!(self.body["@context"], "https://openactive.io/");
        assert_eq!(self.headers.get("content-type"), Some(BOOKING));
        assert!(self.body["name"].is_string() && self.body["description"].is_string());
    }

    #[track_caller]
    fn has_item_errors(&self, root: &str, kinds: &[Option<&str>]) {
        assert_eq!((self.status, self.body["@type"].as_str()), (409, Some(root)), "{}", self.text);
        let items = self.body["orderedItem"].as_array().expect("items");
        let found: Vec<_> = items.iter().map(|item| item["error"][0]["@type"].as_str()).collect();
        assert_eq!(found, kinds);
    }

    #[track_caller]
    fn is(&self, status: u16) -> &Self {
        assert_eq!(self.status, status, "{}", self.text);
        self
    }
}

fn session(key: &str) -> String {
    format!("{ORIGIN}/id/scheduled-sessions/{key}")
}

fn offer(key: &str, tariff: &str) -> String {
    format!("{ORIGIN}/id/session-series/{key}#/offers/{tariff}")
}

fn request(kind: &str, items: &[(&str, &str)]) -> Value {
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

const SWIM: (&str, &str) = ("open-swim", "adult");
const JUNIOR: (&str, &str) = ("open-swim", "junior");
const WALK: (&str, &str) = ("heron-walk", "free");
const YOGA: (&str, &str) = ("lantern-yoga", "standard");
const SPIN: (&str, &str) = ("lunch-spin", "standard");

fn quote() -> Value {
    request("OrderQuote", &[SWIM])
}

fn order(items: &[(&str, &str)], total: f64) -> Value {
    let mut order = request("Order", items);
    order["totalPaymentDue"] = json!({ "@type": "PriceSpecification", "price": total, "priceCurrency": "GBP" });
    if total > 0.0 {
        order["payment"] = json!({ "@type": "Payment", "identifier": "p1" });
    }
    order
}

fn without(mut body: Value, property: &str) -> Value {
    body.as_object_mut().expect("an object").shift_remove(property).expect("the property is there");
    body
}

fn with(mut body: Value, pointer: &str, value: Value) -> Value {
    let (parent, property) = pointer.rsplit_once('/').expect("a pointer");
    body.pointer_mut(parent).expect("the parent is there")[property] = value;
    body
}

fn cancellation(ids: &[&str]) -> Value {
    let items: Vec<_> = ids
        .iter()
        .map(|id| json!({ "@type": "OrderItem", "@id": id, "orderItemStatus": "https://openactive.io/CustomerCancelled" }))
        .collect();
    json!({ "@context": "https://openactive.io/", "@type": "Order", "orderedItem": items })
}

fn item_id(seen: &Seen, at: usize) -> &str {
    seen.body["orderedItem"][at]["@id"].as_str().expect("an item id")
}

/// All items of a feed, to its end, which must be its own next.
fn harvest(broker: &Broker, start: &str) -> (Vec<Value>, usize) {
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

fn assert_no_nothings(value: &Value) {
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

#[test]
fn a_paid_booking_from_quote_to_order() {
    let broker = Broker::new();
    let quoted = request("OrderQuote", &[SWIM, JUNIOR]);
    let c1 = broker.c1(&without(quoted.clone(), "customer"));
    c1.is(200);
    assert_eq!(c1.headers.get("content-type"), Some(BOOKING));
    assert_eq!(c1.body["@id"], format!("{ORIGIN}/api/openbooking/order-quotes/{UUID}"));
    assert_eq!(c1.body["orderRequiresApproval"], false);
    assert_eq!(c1.body["lease"]["leaseExpires"], "2026-03-02T09:40:00Z");
    assert_eq!(c1.body["totalPaymentDue"]["price"].to_string(), "11.7");
    assert_eq!(c1.body["totalPaymentDue"]["openBookingPrepayment"], "https://openactive.io/Required");
    assert_eq!(c1.body["totalPaymentTax"][0]["price"].to_string(), "1.95");
    assert!(c1.body.get("customer").is_none());
    let c2 = broker.c2(&quoted);
    assert_eq!(c2.is(200).body["customer"], quoted["customer"]);
    let b = broker.b(&order(&[SWIM, JUNIOR], 11.7));
    b.is(201);
    assert_eq!(b.body["@id"], format!("{ORIGIN}/api/openbooking/orders/{UUID}"));
    assert_eq!((&b.body["identifier"], &b.body["orderNumber"]), (&json!(UUID), &json!("SBX-000001")));
    assert_eq!(b.body["payment"]["identifier"], "p1");
    assert!(b.body.get("lease").is_none());
    for (at, item) in b.body["orderedItem"].as_array().expect("items").iter().enumerate() {
        assert_eq!(item["@id"], format!("{ORIGIN}/api/openbooking/orders/{UUID}#/orderedItems/{}", at + 1));
        assert_eq!(item["orderItemStatus"], "https://openactive.io/OrderItemConfirmed");
        assert_eq!(item["position"], at);
        assert_eq!(item["orderedItem"]["remainingAttendeeCapacity"], 103);
        assert_eq!(item["orderedItem"]["superEvent"]["location"]["address"]["addressCountry"], "GB");
    }
    for seen in [&c1, &c2, &b] {
        assert_no_nothings(&seen.body);
    }
}

#[test]
fn three_roles() {
    let broker = Broker::new();
    let reseller = with(quote(), "/brokerRole", json!("https://openactive.io/ResellerBroker"));
    let seen = broker.c2(&without(reseller, "customer"));
    assert_eq!(seen.is(200).body["broker"]["name"], "Test broker");
    let direct = with(order(&[WALK], 0.0), "/brokerRole", json!("https://openactive.io/NoBroker"));
    let seen = broker.b(&without(direct, "broker"));
    seen.is(201);
    assert!(seen.body.get("broker").is_none() && seen.body.get("payment").is_none());
    assert_eq!(seen.body["totalPaymentDue"]["price"], 0);
    assert!(seen.body.get("totalPaymentTax").is_none());
}

#[test]
fn faults_of_the_order_as_a_whole() {
    let broker = Broker::new();
    let incomplete_customer = "IncompleteCustomerDetailsError";
    let incomplete_broker = "IncompleteBrokerDetailsError";
    type Act = fn(&Broker, &Value) -> Seen;
    for (act, proper) in [(Broker::c2 as Act, quote()), (Broker::b as Act, order(&[SWIM], 7.5))] {
        act(&broker, &without(proper.clone(), "customer")).is_error(400, incomplete_customer);
        act(&broker, &with(proper.clone(), "/customer", json!({ "@type": "Person" })))
            .is_error(400, incomplete_customer);
        act(&broker, &with(proper.clone(), "/customer/@type", json!("Robot"))).is_error(400, incomplete_customer);
        let business = json!({ "@type": "Organization", "email": "x@mail.example" });
        act(&broker, &with(proper.clone(), "/customer", business)).is_error(400, incomplete_customer);
        let direct = with(proper.clone(), "/brokerRole", json!("https://openactive.io/NoBroker"));
        act(&broker, &direct).is_error(400, incomplete_broker);
        act(&broker, &without(without(direct, "broker"), "customer")).is_error(400, incomplete_customer);
    }
    broker.c1(&without(quote(), "broker")).is_error(400, incomplete_broker);
    broker.c1(&with(quote(), "/broker", json!({ "@type": "Organization" }))).is_error(400, incomplete_broker);
    broker.c1(&with(quote(), "/broker/@type", json!("Person"))).is_error(400, incomplete_broker);
    broker.c1(&without(quote(), "brokerRole")).is_error(400, incomplete_broker);
    broker.c1(&with(quote(), "/brokerRole", json!("Agent"))).is_error(400, incomplete_broker);
    broker.c1(&request("Order", &[SWIM])).is_error(500, "UnexpectedOrderTypeError");
    broker.c1(&without(quote(), "@type")).is_error(500, "UnexpectedOrderTypeError");
    broker.c1(&without(quote(), "seller")).is_error(500, "SellerMismatchError");
    broker.c1(&with(quote(), "/seller", json!("https://a.example/9"))).is_error(500, "SellerNotFoundError");
    let foreign = request("OrderQuote", &[SWIM, ("boulder-basics", "standard")]);
    broker.c1(&foreign).is_error(500, "SellerMismatchError");
    broker.c1(&with(quote(), "/orderedItem", json!([]))).is_error(400, "OpenBookingError");
    broker.c1(&with(quote(), "/orderedItem/0/position", json!("1"))).is_error(400, "OpenBookingError");
    let twice = with(request("OrderQuote", &[SWIM, SWIM]), "/orderedItem/1/position", json!(0));
    broker.c1(&twice).is_error(400, "OpenBookingError");
    broker.c1(&request("OrderQuote", &[SWIM; 101])).is_error(400, "OpenBookingError");
    broker.c1(&with(quote(), "/payment", json!({ "@type": "Barter" }))).is_error(400, "InvalidPaymentDetailsError");
    // None of that held a place.
    assert_eq!(broker.c1(&quote()).body["orderedItem"][0]["orderedItem"]["remainingAttendeeCapacity"], 105);
}

#[test]
fn faults_of_items() {
    let broker = Broker::new();
    let bad = |property: &str, value: Value| with(quote(), &format!("/orderedItem/0/{property}"), value);
    let cases = [
        (bad("acceptedOffer", json!({})), "IncompleteOrderItemError"),
        (bad("orderedItem", json!({})), "IncompleteOrderItemError"),
        (bad("orderedItem", json!("https://elsewhere.example/1")), "InvalidOpportunityOrOfferIdError"),
        (bad("orderedItem", json!(session("none"))), "UnknownOpportunityError"),
        (bad("acceptedOffer", json!(offer("none", "adult"))), "UnknownOfferError"),
        (bad("acceptedOffer", json!(offer("heron-walk", "free"))), "UnacceptableOfferError"),
        (request("OrderQuote", &[("pilates-day", "standard")]), "OpportunityOfferPairNotBookableError"),
        (request("OrderQuote", &[("trampoline", "standard")]), "OpportunityIsFullError"),
    ];
    for (body, kind) in cases {
        for seen in [broker.c1(&body), broker.c2(&body)] {
            seen.has_item_errors("OrderQuote", &[Some(kind)]);
            assert_eq!(seen.body["totalPaymentDue"]["price"], 0);
            assert!(seen.body.get("lease").is_none());
            assert_no_nothings(&seen.body);
        }
        let seen = broker.b(&with(body, "/@type", json!("Order")));
        seen.has_item_errors("Order", &[Some(kind)]);
        assert!(seen.body["orderedItem"][0].get("orderItemStatus").is_none());
    }
    // Good items beside a bad one stay good and are counted.
    let mixed = with(request("OrderQuote", &[SWIM, JUNIOR]), "/orderedItem/1/orderedItem", json!(session("none")));
    let seen = broker.c1(&mixed);
    seen.has_item_errors("OrderQuote", &[None, Some("UnknownOpportunityError")]);
    assert_eq!(seen.body["totalPaymentDue"]["price"].to_string(), "7.5");
    assert_eq!(broker.call("GET", &format!("orders/{UUID}"), &Value::Null).status, 404);
}

#[test]
fn faults_of_total_and_payment() {
    let broker = Broker::new();
    broker.b(&order(&[SWIM], 7.0)).is_error(400, "TotalPaymentDueMismatchError");
    broker.b(&without(order(&[SWIM], 7.5), "totalPaymentDue")).is_error(400, "TotalPaymentDueMismatchError");
    broker.b(&without(order(&[SWIM], 7.5), "payment")).is_error(400, "MissingPaymentDetailsError");
    let anonymous = with(order(&[SWIM], 7.5), "/payment", json!({ "@type": "Payment" }));
    broker.b(&anonymous).is_error(400, "IncompletePaymentDetailsError");
    let payment = json!({ "@type": "Payment", "identifier": "p1" });
    broker.b(&with(order(&[WALK], 0.0), "/payment", payment)).is_error(400, "UnnecessaryPaymentDetailsError");
    // Paid on arrival: nothing beforehand.
    let tai_chi = order(&[("meadow-tai-chi", "on-arrival")], 5.0);
    broker.b(&tai_chi).is_error(400, "UnnecessaryPaymentDetailsError");
    broker.b(&without(tai_chi, "payment")).is(201);
    // Optional: with or without. A price as text is as good.
    let badminton = without(order(&[("club-badminton", "guest")], 8.25), "payment");
    let badminton = with(badminton, "/totalPaymentDue/price", json!("8.250"));
    broker.call("PUT", &format!("orders/{OTHER}"), &badminton).is(201);
}

#[test]
fn endpoints_methods_and_credentials() {
    let mut broker = Broker::new();
    let target = |path: &str| format!("/api/openbooking/{path}");
    for (method, path) in [
        ("PUT", format!("order-proposals/{UUID}")),
        ("PATCH", format!("order-proposals/{UUID}")),
        ("GET", "order-proposals-rpde".to_owned()),
        ("PUT", "ordres/x".to_owned()),
        ("PUT", "orders".to_owned()),
        ("PUT", "orders/not-a-uuid".to_owned()),
        ("DELETE", "order-quotes/1234".to_owned()),
        ("GET", String::new()),
    ] {
        broker.send(method, &target(&path), b"").is_error(404, "UnknownOrIncorrectEndpointError");
    }
    broker.send("PUT", &format!("/elsewhere/orders/{UUID}"), b"").is_error(404, "UnknownOrIncorrectEndpointError");
    for (method, path, allow) in [
        ("POST", format!("orders/{UUID}"), "PUT, PATCH, DELETE, GET"),
        ("GET", format!("order-quotes/{UUID}"), "PUT, DELETE"),
        ("PATCH", format!("order-quote-templates/{UUID}"), "PUT"),
        ("PUT", "orders-rpde".to_owned(), "GET"),
    ] {
        let seen = broker.send(method, &target(&path), b"");
        seen.is_error(405, "MethodNotAllowedError");
        assert_eq!(seen.headers.get("allow"), Some(allow));
    }
    broker.send("POST", "/feeds/scheduled-sessions", b"").is_error(405, "MethodNotAllowedError");
    broker.send("PUT", &target(&format!("orders/{UUID}")), b"{\"@type\":").is_error(400, "OpenBookingError");
    broker.send("PUT", &target(&format!("orders/{UUID}")), b"[]").is_error(400, "OpenBookingError");
    broker.send("PUT", &target(&format!("orders/{UUID}")), b"\xff").is_error(400, "OpenBookingError");
    broker.send("GET", &target("orders-rpde?afterChangeNumber=-1"), b"").is_error(400, "OpenBookingError");
    broker.authorization = None;
    broker.c1(&quote()).is_error(403, "UnauthenticatedError");
    broker.send("GET", &target("orders-rpde"), b"").is_error(403, "UnauthenticatedError");
    broker.authorization = Some("Basic xyz");
    broker.c1(&quote()).is_error(401, "InvalidAuthorizationDetailsError");
    broker.authorization = Some("Bearer  ");
    broker.c1(&quote()).is_error(401, "InvalidAuthorizationDetailsError");
}

#[test]
fn a_repeat_gives_the_same_order_and_anything_else_is_refused() {
    let broker = Broker::new();
    let body = order(&[SPIN], 6.4);
    let first = broker.b(&body);
    assert_eq!(first.is(201).text, broker.b(&body).is(201).text);
    let mut reordered = serde_json::Map::new();
    for (name, value) in body.as_object().expect("an object").iter().rev() {
        reordered.insert(name.clone(), value.clone());
    }
    assert_eq!(first.text, broker.b(&Value::Object(reordered)).text);
    broker.b(&with(body.clone(), "/customer/email", json!("d@mail.example"))).is_error(500, "OrderAlreadyExistsError");
    broker.c1(&quote()).is_error(500, "OrderAlreadyExistsError");
    broker.c2(&quote()).is_error(500, "OrderAlreadyExistsError");
    // The last place went once only; upper case is the same UUID.
    broker.call("PUT", &format!("orders/{}", UUID.to_uppercase()), &body).is(201);
    let again = broker.call("PUT", &format!("orders/{OTHER}"), &body);
    again.has_item_errors("Order", &[Some("OpportunityIsFullError")]);
    // Deleted, the UUID stays used, and the place is free.
    let path = format!("orders/{UUID}");
    broker.call("DELETE", &path, &Value::Null).is(204);
    broker.call("DELETE", &path, &Value::Null).is(204);
    broker.b(&body).is_error(500, "OrderAlreadyExistsError");
    broker.call("GET", &path, &Value::Null).is_error(410, "GoneError");
    broker.patch(&cancellation(&["x"])).is_error(410, "GoneError");
    broker.call("PUT", &format!("orders/{OTHER}"), &body).is(201);
}

#[test]
fn callers_do_not_meet() {
    let mut broker = Broker::new();
    let a = broker.b(&order(&[SWIM], 7.5));
    a.is(201);
    broker.authorization = Some("Bearer b");
    let path = format!("orders/{UUID}");
    broker.call("GET", &path, &Value::Null).is_error(404, "UnknownOrderError");
    broker.call("DELETE", &path, &Value::Null).is_error(404, "UnknownOrderError");
    broker.patch(&cancellation(&[item_id(&a, 0)])).is_error(404, "UnknownOrderError");
    broker.b(&order(&[SWIM], 7.5)).is(201);
    broker.patch(&cancellation(&[item_id(&a, 0)])).is(204);
    assert_eq!(harvest(&broker, "/api/openbooking/orders-rpde").0.len(), 1);
    broker.authorization = Some("Bearer a");
    assert!(harvest(&broker, "/api/openbooking/orders-rpde").0.is_empty());
}

#[test]
fn capacity_is_never_oversold() {
    let mut broker = Broker::new();
    // Two places are left: one too many.
    broker
        .c1(&request("OrderQuote", &[YOGA; 3]))
        .has_item_errors("OrderQuote", &[None, None, Some("OpportunityHasInsufficientCapacityError")]);
    // One is held by another quote.
    let one = request("OrderQuote", &[YOGA]);
    broker.call("PUT", &format!("order-quotes/{OTHER}"), &one).is(200);
    let seen = broker.c1(&request("OrderQuote", &[YOGA; 3]));
    let reserved = Some("OpportunityCapacityIsReservedByLeaseError");
    seen.has_item_errors("OrderQuote", &[None, reserved, Some("OpportunityHasInsufficientCapacityError")]);
    assert_eq!(seen.body["orderedItem"][0]["orderedItem"]["remainingAttendeeCapacity"], 1);
    broker.b(&order(&[YOGA; 2], 24.0)).has_item_errors("Order", &[None, reserved]);
    // A quote repeated holds no more than before, and deleting it lets go; so does time.
    broker.call("PUT", &format!("order-quotes/{OTHER}"), &one).is(200);
    broker.call("DELETE", &format!("order-quotes/{OTHER}"), &Value::Null).is(204);
    broker.call("DELETE", &format!("order-quotes/{OTHER}"), &Value::Null).is(204);
    broker.c1(&request("OrderQuote", &[YOGA; 2])).is(200);
    broker.call("PUT", &format!("orders/{OTHER}"), &order(&[YOGA], 12.0)).has_item_errors("Order", &[reserved]);
    broker.now += SignedDuration::from_mins(10);
    broker.call("PUT", &format!("orders/{OTHER}"), &order(&[YOGA], 12.0)).is(201);
    broker
        .b(&order(&[YOGA; 2], 24.0))
        .has_item_errors("Order", &[None, Some("OpportunityHasInsufficientCapacityError")]);
    broker.b(&order(&[YOGA], 12.0)).is(201);
    let sold_out = broker.call("PUT", &format!("order-quotes/{UUID}").replace("c01", "c03"), &one);
    sold_out.has_item_errors("OrderQuote", &[Some("OpportunityIsFullError")]);
}

#[test]
fn cancellation_and_the_orders_feed() {
    let broker = Broker::new();
    let feed = "/api/openbooking/orders-rpde";
    let booked = broker.b(&order(&[SWIM, JUNIOR], 11.7));
    booked.is(201);
    assert!(harvest(&broker, feed).0.is_empty(), "a booking alone is no news");
    let before = harvest(&broker, "/feeds/scheduled-sessions").0;
    let ids = [item_id(&booked, 0), item_id(&booked, 1)];

    // Refused, all of them, without effect.
    let proper = cancellation(&ids);
    broker.patch(&with(proper.clone(), "/@type", json!("OrderQuote"))).is_error(500, "UnexpectedOrderTypeError");
    let excessive = "PatchContainsExcessivePropertiesError";
    broker.patch(&with(proper.clone(), "/seller", json!("x"))).is_error(400, excessive);
    broker.patch(&with(proper.clone(), "/orderedItem/1/position", json!(1))).is_error(400, excessive);
    let status = with(proper.clone(), "/orderedItem/1/orderItemStatus", json!("https://openactive.io/SellerCancelled"));
    broker.patch(&status).is_error(400, "PatchNotAllowedOnPropertyError");
    broker.patch(&cancellation(&[])).is_error(400, "PatchNotAllowedOnPropertyError");
    broker.patch(&cancellation(&[ids[0], &ids[1].replace(UUID, OTHER)])).is_error(500, "OrderItemNotWithinOrderError");
    broker.patch(&cancellation(&[ids[0], &format!("{}9", ids[1])])).is_error(500, "OrderItemIdInvalidError");
    broker.patch(&cancellation(&[ids[0], "nonsense"])).is_error(500, "OrderItemIdInvalidError");
    let unknown = broker.call("PATCH", &format!("orders/{OTHER}"), &proper);
    unknown.is_error(404, "UnknownOrderError");
    assert!(harvest(&broker, feed).0.is_empty());

    // Done, and the feed says so once. Properties of extensions don't count.
    let patch = with(cancellation(&ids[..1]), "/acme:reason", json!("rain"));
    let seen = broker.patch(&patch);
    assert!(seen.is(204).text.is_empty());
    broker.patch(&patch).is(204);
    let (items, _) = harvest(&broker, feed);
    assert_eq!(items.len(), 1);
    let (item, data) = (&items[0], &items[0]["data"]);
    assert_eq!((&item["state"], &item["kind"], &item["id"]), (&json!("updated"), &json!("Order"), &json!(UUID)));
    assert_eq!(data["identifier"], UUID);
    assert_eq!(data["orderedItem"][0]["orderItemStatus"], "https://openactive.io/CustomerCancelled");
    assert_eq!(data["orderedItem"][1]["orderItemStatus"], "https://openactive.io/OrderItemConfirmed");
    assert_eq!(data["orderedItem"][1]["accessCode"], booked.body["orderedItem"][1]["accessCode"]);
    assert_eq!(data["orderedItem"][1]["acceptedOffer"], booked.body["orderedItem"][1]["acceptedOffer"]);
    assert_eq!(data["totalPaymentDue"]["price"].to_string(), "4.2");
    assert_eq!(data["totalPaymentTax"][0]["price"].to_string(), "0.7");
    for private in ["customer", "broker", "brokerRole", "seller", "bookingService", "orderNumber", "payment"] {
        assert!(data.get(private).is_none(), "{private}");
    }
    assert!(!data.to_string().contains("mail.example"));
    let status = broker.call("GET", &format!("orders/{UUID}"), &Value::Null);
    assert_eq!(status.is(200).body["totalPaymentDue"], data["totalPaymentDue"]);
    assert!(status.body["orderedItem"][0].get("position").is_none());

    // The place is free again, and the open feed has moved the session to its end.
    let after = harvest(&broker, "/feeds/scheduled-sessions").0;
    let left = |items: &[Value]| items.last().expect("items")["data"]["remainingAttendeeCapacity"].clone();
    assert_eq!((left(&before), left(&after)), (json!(103), json!(104)));

    // Deleted after it was in the feed: a tombstone with a higher change number.
    broker.call("DELETE", &format!("orders/{UUID}"), &Value::Null).is(204);
    let (items, _) = harvest(&broker, feed);
    assert_eq!((items.len(), &items[0]["state"]), (1, &json!("deleted")));
    assert!(items[0].get("data").is_none() && items[0]["modified"].as_u64() > item["modified"].as_u64());
}

#[test]
fn a_late_cancellation_is_refused_with_a_reason() {
    let broker = Broker::new();
    let booked = broker.b(&order(&[("aqua-fit", "standard")], 5.3));
    let seen = broker.patch(&cancellation(&[item_id(&booked, 0)]));
    seen.is_error(400, "CancellationNotPermittedError");
    assert_eq!(seen.body["description"], "it could be cancelled until 2026-03-01T11:00:00Z");
}

#[test]
fn the_open_feed_pages_to_its_end_and_sessions_stay_ahead() {
    let mut broker = Broker::new();
    let (items, pages) = harvest(&broker, "/feeds/scheduled-sessions");
    assert_eq!((items.len(), pages), (10, 4));
    let changes: Vec<_> = items.iter().map(|item| item["modified"].as_u64().expect("a number")).collect();
    assert!(changes.is_sorted_by(|a, b| a < b));
    let page = broker.send("GET", "/feeds/scheduled-sessions", b"");
    assert_eq!(page.headers.get("content-type"), Some("application/vnd.openactive.rpde+json; version=1"));
    assert!(page.body["license"].is_string());
    for item in &items {
        assert_no_nothings(item);
        assert_eq!(item["data"]["superEvent"]["organizer"]["taxMode"], "https://openactive.io/TaxGross");
    }
    // Three weeks on every session lies ahead still, and those that moved have changed.
    broker.now += SignedDuration::from_hours(24 * 21);
    let (items, _) = harvest(&broker, "/feeds/scheduled-sessions");
    assert_eq!(items.len(), 10);
    for item in &items {
        let start: Timestamp = item["data"]["startDate"].as_str().expect("a date").parse().expect("a time");
        assert!(start > broker.now, "{item}");
    }
    assert!(items.last().expect("items")["modified"].as_u64() > changes.last().copied());
}

#[test]
fn the_dataset_site_describes_the_system() {
    let seen = Broker::new().send("GET", "/openactive", b"");
    seen.is(200);
    assert_eq!(seen.headers.get("content-type"), Some("text/html; charset=utf-8"));
    let start = seen.text.find("<script type=\"application/ld+json\">").expect("a script") + 35;
    let end = seen.text[start..].find("</script>").expect("its end") + start;
    let dataset: Value = serde_json::from_str(&seen.text[start..end]).expect("JSON-LD");
    assert_eq!(dataset["accessService"]["endpointUrl"], IN_PROCESS_BASE_URI);
    assert_eq!(dataset["distribution"][0]["contentUrl"], format!("{ORIGIN}/feeds/scheduled-sessions"));
    assert_no_nothings(&dataset);
}

#[test]
fn extensions_and_empty_values_are_not_echoed() {
    let body = with(quote(), "/customer/acme:club", json!("gold"));
    let seen = Broker::new().c2(&with(body, "/customer/telephone", json!("")));
    assert_eq!(seen.is(200).body["customer"], json!({ "@type": "Person", "email": "c@mail.example" }));
}

/// Runs one misbehaviour beside the conforming system, on the same call, and returns both answers.
fn beside(misbehaviour: Misbehaviour, call: impl Fn(&Broker) -> Seen) -> (Seen, Seen) {
    (call(&Broker::new()), call(&Broker::with(&[misbehaviour])))
}

#[test]
fn acceptances_that_should_not_be() {
    use Misbehaviour as M;
    let direct = with(quote(), "/brokerRole", json!("https://openactive.io/NoBroker"));
    let cases = [
        (M::AcceptsMissingCustomer, without(quote(), "customer")),
        (M::AcceptsMissingBroker, without(quote(), "broker")),
        (
            M::AcceptsIncompleteBroker,
            with(quote(), "/broker", json!({ "@type": "Organization", "url": "https://a.example/" })),
        ),
        (M::AcceptsIncompleteCustomer, with(quote(), "/customer", json!({ "@type": "Person", "givenName": "C" }))),
        (M::AcceptsBrokerUnderNoBroker, direct),
        (M::AcceptsWrongType, request("Order", &[SWIM])),
        (M::Oversells, request("OrderQuote", &[("trampoline", "standard")])),
    ];
    for (misbehaviour, body) in cases {
        let (proper, wrong) = beside(misbehaviour, |broker| broker.c2(&body));
        assert!(proper.status >= 400 && wrong.status == 200, "{misbehaviour}: {} {}", proper.status, wrong.text);
        assert_eq!(wrong.body["@type"], "OrderQuote");
    }
    let (proper, wrong) = beside(M::AcceptsWrongTotal, |broker| broker.b(&order(&[SWIM], 1.0)));
    assert_eq!((proper.status, wrong.status), (400, 201));
    let (proper, wrong) = beside(M::AcceptsUnknownPath, |broker| broker.call("PUT", "ordres/1", &json!({})));
    assert_eq!((proper.status, wrong.status), (404, 204));
}

#[test]
fn refusals_that_should_not_be() {
    use Misbehaviour as M;
    let reseller = with(quote(), "/brokerRole", json!("https://openactive.io/ResellerBroker"));
    let reseller = without(reseller, "customer");
    for (misbehaviour, body) in [(M::DemandsResellersCustomer, reseller), (M::DemandsCustomerNames, quote())] {
        let (proper, wrong) = beside(misbehaviour, |broker| broker.c2(&body));
        proper.is(200);
        wrong.is_error(400, "IncompleteCustomerDetailsError");
    }
}

#[test]
fn answers_are_spoilt_in_one_place_only() {
    use Misbehaviour as M;
    let base = format!("{IN_PROCESS_BASE_URI}/");
    let relative = format!("order-quotes/{UUID}");
    let total = json!({
        "@type": "PriceSpecification",
        "price": 12.7,
        "priceCurrency": "GBP",
        "openBookingPrepayment": "https://openactive.io/Required",
    });
    let full = request("OrderQuote", &[SWIM, JUNIOR]);
    let proper = Broker::new().c2(&full).body;
    let first = proper["orderedItem"][0].clone();
    let cases = [
        (M::DropsBrokerRole, without(proper.clone(), "brokerRole")),
        (M::RenamesBroker, with(proper.clone(), "/broker/name", json!("Some Other Broker"))),
        (M::ChangesCustomer, with(proper.clone(), "/customer/email", json!("somebody.else@mail.example"))),
        (M::AddsCustomerData, with(proper.clone(), "/customer/telephone", json!("01632 960999"))),
        (M::RelativeIds, with(proper.clone(), "/@id", json!(relative))),
        (M::WrongTotal, with(proper.clone(), "/totalPaymentDue", total)),
        (M::DropsItem, with(proper.clone(), "/orderedItem", json!([first]))),
    ];
    assert_eq!(proper["@id"], format!("{base}{relative}"));
    for (misbehaviour, expected) in cases {
        let broker = Broker::with(&[misbehaviour]);
        assert_eq!(broker.c2(&full).body, expected, "{misbehaviour}");
        // Set right again, it conforms.
        broker.sandbox.set_misbehaviours(Misbehaviours::NONE);
        assert_eq!(broker.c2(&full).body, proper, "{misbehaviour}");
    }
    let (proper, wrong) = beside(M::CustomerInC1, |broker| broker.c1(&full));
    assert_eq!(without(wrong.body, "customer"), proper.body);
    let direct = without(with(quote(), "/brokerRole", json!("https://openactive.io/NoBroker")), "broker");
    let (proper, wrong) = beside(M::AddsBrokerUnderNoBroker, |broker| broker.c2(&direct));
    assert_eq!(without(wrong.body, "broker"), proper.body);
    let (proper, wrong) = beside(M::PlainJson, |broker| broker.c2(&full));
    assert_eq!(proper.text, wrong.text);
    assert_eq!(wrong.headers.get("content-type"), Some("application/json"));
    // A wrong total is wrong all along, so that the booking goes through.
    Broker::with(&[M::WrongTotal]).b(&order(&[SWIM], 8.5)).is(201);
    let (proper, wrong) = beside(M::LeaksCustomerInFeed, |broker| {
        let booked = broker.b(&order(&[SWIM], 7.5));
        broker.patch(&cancellation(&[item_id(&booked, 0)])).is(204);
        broker.call("GET", "orders-rpde", &Value::Null)
    });
    assert!(!proper.text.contains("customer") && wrong.text.contains("c@mail.example"));
}

#[test]
fn errors_are_spoilt_in_one_place_only() {
    use Misbehaviour as M;
    let bad = without(quote(), "customer");
    let proper = Broker::new().c2(&bad);
    proper.is_error(400, "IncompleteCustomerDetailsError");
    let wrong = |misbehaviour| Broker::with(&[misbehaviour]).c2(&bad);
    assert_eq!(wrong(M::WrongError).body["@type"], "IncompleteBrokerDetailsError");
    for (misbehaviour, status) in [(M::WrongErrorStatus, 500), (M::ErrorWith200, 200)] {
        let wrong = wrong(misbehaviour);
        assert_eq!((wrong.status, &wrong.body), (status, &proper.body));
    }
    assert_eq!(wrong(M::GenericErrors).body, with(proper.body.clone(), "/@type", json!("OpenBookingError")));
    assert_eq!(wrong(M::NoErrorContext).body, without(proper.body.clone(), "@context"));
    let html = wrong(M::HtmlErrors);
    assert!(html.status == 400 && html.text.starts_with("<!doctype html>") && html.body.is_null());
    // What is no error stays as it is.
    for misbehaviour in [M::WrongErrorStatus, M::ErrorWith200, M::GenericErrors, M::NoErrorContext, M::HtmlErrors] {
        let (proper, wrong) = beside(misbehaviour, |broker| broker.c2(&quote()));
        assert_eq!((proper.status, proper.text), (wrong.status, wrong.text));
    }
}

#[test]
fn a_base_uri_is_checked() {
    for bad in ["", "localhost:8080", "http://localhost", "ftp://a/b", "http://a/b?c", "http:///x", "http://a/<b>"] {
        assert!(Sandbox::new(bad, Misbehaviours::NONE).is_err(), "{bad}");
    }
    let sandbox = Sandbox::new("http://127.0.0.1:1/api/", Misbehaviours::NONE).expect("fit");
    assert_eq!((sandbox.origin(), sandbox.base_uri()), ("http://127.0.0.1:1", "http://127.0.0.1:1/api".to_owned()));
}

/// The scripted broker against the sandbox over real sockets, every status as the script says.
#[tokio::test]
async fn the_whole_demo_over_a_real_socket() {
    use std::time::Duration;
    use tokio_util::sync::CancellationToken;
    use umpire::demo;

    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let base_uri = format!("http://{}/api/openbooking", listener.local_addr().expect("its address"));
    let sandbox = Arc::new(Sandbox::new(&base_uri, Misbehaviours::NONE).expect("fit"));
    let shutdown = CancellationToken::new();
    let server = tokio::spawn(serve(listener, Arc::clone(&sandbox), shutdown.clone()));

    let mut told = Vec::new();
    let tell = |line: &str| told.push(line.to_owned());
    let ended = demo::run(demo::faulty(), &base_uri, &sandbox, Duration::ZERO, tell, &shutdown).await;
    assert_eq!(ended, Ok(demo::Ended::Finished));
    assert_eq!(told.len(), demo::faulty().iter().count());
    assert!(sandbox.misbehaviours().is_empty());

    // A failure names the step and the call: the same Order UUIDs are used up.
    let error = demo::run(demo::golden(), &base_uri, &sandbox, Duration::ZERO, |_| {}, &shutdown).await;
    let error = error.expect_err("the UUIDs are used").to_string();
    assert!(error.starts_with("the demo failed in the step \"agent-paid\", at C1: PUT /api/openbooking/order-quote-"));
    assert!(error.contains("was answered 500, not 200") && error.contains("OrderAlreadyExistsError"), "{error}");

    shutdown.cancel();
    let stopped = demo::run(demo::golden(), &base_uri, &sandbox, Duration::ZERO, |_| {}, &shutdown).await;
    assert_eq!(stopped, Ok(demo::Ended::Stopped));
    server.await.expect("no panic").expect("no failure");
    let error = demo::run(demo::golden(), &base_uri, &sandbox, Duration::ZERO, |_| {}, &CancellationToken::new()).await;
    let error = error.expect_err("nobody listens").to_string();
    assert!(error.contains("cannot connect to 127.0.0.1:"), "{error}");
}

#[tokio::test]
async fn the_sandbox_stands_in_for_an_upstream() {
    use http_body_util::{BodyExt, Full};
    use umpire::proxy::upstream::{Upstream, WireBody};

    let sandbox = Sandbox::new(IN_PROCESS_BASE_URI, Misbehaviours::NONE).expect("fit");
    let send = |body: Vec<u8>| {
        let body: WireBody = Full::from(body).map_err(|never| match never {}).boxed();
        let target = format!("/api/openbooking/order-quote-templates/{UUID}");
        let request = hyper::Request::put(target).header("authorization", "Bearer a").body(body).expect("a request");
        sandbox.send(request)
    };
    assert_eq!(Upstream::origin(&sandbox), ORIGIN);
    let response = send(quote().to_string().into_bytes()).await.expect("an answer");
    assert_eq!(
        (response.status().as_u16(), &response.headers()["content-type"]),
        (200, &BOOKING.parse().expect("fit"))
    );
    let body = response.into_body().collect().await.expect("a body").to_bytes();
    let body: Value = serde_json::from_slice(&body).expect("JSON");
    assert_eq!(body["@type"], "OrderQuote");
    let long = send(vec![b' '; umpire::sandbox::MAX_REQUEST + 1]).await.expect("an answer");
    assert_eq!(long.status().as_u16(), 413);
}
