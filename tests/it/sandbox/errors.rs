//! Each thing that can be wrong with a request has its error and its status.
//!
//! `bad request → status, error type`

use serde_json::{Value, json};
use umpire::sandbox::{Misbehaviours, Sandbox};

use super::support::*;

type Act = fn(&Broker, &Value) -> Seen;

#[test]
fn faults_of_the_order_as_a_whole() {
    let broker = Broker::new();
    let incomplete_customer = "IncompleteCustomerDetailsError";
    let incomplete_broker = "IncompleteBrokerDetailsError";
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
        (
            bad("acceptedOffer", json!({ "@type": "OfferOverride", "price": 5, "priceCurrency": "GBP" })),
            "UnacceptableOfferError",
        ),
        (bad("orderedItem", json!("/id/scheduled-sessions/none")), "InvalidOpportunityOrOfferIdError"),
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
fn a_base_uri_is_checked() {
    for bad in ["", "localhost:8080", "http://localhost", "ftp://a/b", "http://a/b?c", "http:///x", "http://a/<b>"] {
        assert!(Sandbox::new(bad, Misbehaviours::NONE).is_err(), "{bad}");
    }
    let sandbox = Sandbox::new("http://127.0.0.1:1/api/", Misbehaviours::NONE).expect("fit");
    assert_eq!((sandbox.origin(), sandbox.base_uri()), ("http://127.0.0.1:1", "http://127.0.0.1:1/api".to_owned()));
}
