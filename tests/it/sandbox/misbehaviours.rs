//! Each misbehaviour changes what it says and nothing else.
//!
//! `one call → conforming answer beside the misbehaving one`

use serde_json::{Value, json};
use umpire::sandbox::{IN_PROCESS_BASE_URI, Misbehaviour, Misbehaviours};

use super::support::*;

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
        (M::AddsCustomerData, with(proper.clone(), "/customer/description", json!("Comes on Tuesdays, pays late"))),
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
