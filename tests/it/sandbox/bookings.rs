//! Bookings, capacity, idempotency, cancellation, deletion and the feeds.
//!
//! `quote → booking → changes → feeds`

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use umpire::sandbox::IN_PROCESS_BASE_URI;

use super::support::*;

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
