//! Which recorded exchange a booking is answered with.

use serde_json::{Value, json};

use super::support::{A, B, C, ORIGIN, Tape, X, Y, Z, order, quote};

#[tokio::test]
async fn two_bookings_interleaved() {
    let mut tape = Tape::new();
    for (uuid, item, name) in [(A, "swim", "Ann"), (B, "yoga", "Ben")] {
        tape.c1(uuid, item, &format!("quote of {item}"));
        tape.c2(uuid, item, name, item);
        tape.b(uuid, item, name, 201, &format!("order of {item}"));
    }
    let client = tape.play();
    assert_eq!(client.c1(X, "yoga").await.text(), "quote of yoga");
    assert_eq!(client.c1(Y, "swim").await.text(), "quote of swim");
    assert_eq!(client.c2(X, "yoga", "Xi").await.text(), "yoga Xi");
    assert_eq!(client.c2(Y, "swim", "Yu").await.text(), "swim Yu");
    let booked = client.b(Y, "swim", "Yu").await;
    assert_eq!((booked.status, booked.text()), (201, "order of swim"));
    assert_eq!(booked.body["@id"], format!("{ORIGIN}/api/orders/{Y}"));
    assert_eq!(client.b(X, "yoga", "Xi").await.text(), "order of yoga");
    assert_eq!(client.replay.tally(), (6, 0, 0));
}

#[tokio::test]
async fn the_same_basket_twice_and_again() {
    let mut tape = Tape::new();
    for (uuid, status, text) in [(A, 201, "booked"), (B, 409, "full")] {
        tape.c1(uuid, "swim", "quote");
        tape.b(uuid, "swim", "Ann", status, text);
    }
    let client = tape.play();
    for (uuid, status) in [(X, 201), (Y, 409), (Z, 201)] {
        client.c1(uuid, "swim").await;
        assert_eq!(client.b(uuid, "swim", "Di").await.status, status, "{uuid}");
    }
}

#[tokio::test]
async fn after_interleaved_bookings_the_recorded_order_holds_again() {
    let delete = |uuid: &str| format!("/api/orders/{uuid}");
    let mut tape = Tape::new();
    for (uuid, text) in [(A, "first"), (B, "second")] {
        tape.c1(uuid, "swim", text);
        tape.b(uuid, "swim", "Ann", 201, text);
    }
    tape.add("DELETE", &delete(B), &Value::Null, 204, &Value::Null);
    let client = tape.play();
    let number = |run: u8| format!("99999999-4b2e-4d27-9a55-1f2f3a9b7c{run:02}");
    // Two clients play the recording side by side: each of its bookings is made twice.
    for round in [0, 2] {
        for uuid in [number(round), number(round + 1)] {
            client.c1(&uuid, "swim").await;
        }
        for uuid in [number(round), number(round + 1)] {
            client.b(&uuid, "swim", "Xi").await;
        }
    }
    for uuid in [number(2), number(3)] {
        assert_eq!(client.get("DELETE", &delete(&uuid), &Value::Null).await.status, 204);
    }
    // One after the other, each call twice, and then again.
    for (run, text) in [(10, "first"), (11, "second"), (12, "first"), (13, "second")] {
        for _ in 0..2 {
            assert_eq!(client.c1(&number(run), "swim").await.text(), text, "{run}");
        }
        for _ in 0..2 {
            assert_eq!(client.b(&number(run), "swim", "Xi").await.text(), text, "{run}");
        }
    }
}

#[tokio::test]
async fn a_run_goes_over_to_a_sibling_where_its_next_step_is() {
    let mut tape = Tape::new();
    tape.c1(A, "swim", "quote");
    tape.c1(B, "swim", "quote");
    tape.c2(B, "swim", "Ben", "quote for");
    tape.b(B, "swim", "Ben", 201, "booked Ben");
    let client = tape.play();
    client.c1(X, "swim").await;
    assert_eq!(client.c2(X, "swim", "Xi").await.text(), "quote for Xi");
    let booked = client.b(X, "swim", "Xi").await;
    assert_eq!((booked.text(), booked.field("umpire-replay")), ("booked Xi", "exchange=4; bound"));
}

#[tokio::test]
async fn retries_get_the_same_answer() {
    let mut tape = Tape::new();
    tape.c1(A, "swim", "first");
    tape.c2(A, "swim", "Ann", "quote");
    tape.c1(A, "swim", "second");
    tape.b(A, "swim", "Ann", 201, "booked");
    tape.add("DELETE", &format!("/api/orders/{A}"), &Value::Null, 204, &Value::Null);
    let client = tape.play();
    // C1 repeated: the other answer only once what lay between is done.
    for expected in ["first", "first"] {
        assert_eq!(client.c1(X, "swim").await.text(), expected);
    }
    client.c2(X, "swim", "Xi").await;
    for expected in ["second", "second"] {
        assert_eq!(client.c1(X, "swim").await.text(), expected);
    }
    for _ in 0..2 {
        assert_eq!(client.b(X, "swim", "Xi").await.status, 201);
    }
    for _ in 0..2 {
        assert_eq!(client.get("DELETE", &format!("/api/orders/{X}"), &Value::Null).await.status, 204);
    }
}

#[tokio::test]
async fn an_amended_basket() {
    let mut tape = Tape::new();
    for item in ["swim", "yoga"] {
        tape.c1(A, item, item);
        tape.c2(A, item, "Ann", item);
    }
    tape.b(A, "yoga", "Ann", 201, "yoga it is");
    let client = tape.play();
    client.c1(X, "swim").await;
    client.c2(X, "swim", "Xi").await;
    assert_eq!(client.c2(X, "yoga", "Xi").await.text(), "yoga Xi");
    assert_eq!(client.b(X, "yoga", "Xi").await.text(), "yoga it is");
    assert!(client.ask("PUT", &format!("/api/orders/{X}"), &quote("swim", Some("Xi"))).await.is_err());
}

#[tokio::test]
async fn b_after_a_refused_b() {
    let mut tape = Tape::new();
    tape.c1(A, "swim", "quote");
    tape.b(A, "swim", "Ann", 500, "try again");
    tape.b(A, "swim", "Ann", 201, "booked");
    let client = tape.play();
    client.c1(X, "swim").await;
    for status in [500, 201, 201] {
        assert_eq!(client.b(X, "swim", "Xi").await.status, status);
    }
}

#[tokio::test]
async fn approval_with_the_acceptance_in_between() {
    let mut tape = Tape::new();
    let accept =
        |uuid: &str| json!({ "@type": "AcceptAction", "object": { "@id": format!("{ORIGIN}/api/orders/{uuid}") } });
    let path = "/api/test-interface/actions";
    tape.add("PUT", &format!("/api/order-proposals/{A}"), &quote("swim", Some("Ann")), 201, &order(A, "proposed"));
    tape.b(A, "swim", "Ann", 409, "not accepted");
    tape.add("POST", path, &accept(A), 204, &Value::Null);
    tape.b(A, "swim", "Ann", 201, "booked");
    let client = tape.play();
    let propose = |uuid: &str| format!("/api/order-proposals/{uuid}");
    for uuid in [X, Y] {
        client.get("PUT", &propose(uuid), &quote("swim", Some("Xi"))).await;
        // The same again before the acceptance: the same refusal.
        assert_eq!(client.b(uuid, "swim", "Xi").await.status, 409);
        assert_eq!(client.b(uuid, "swim", "Xi").await.status, 409);
    }
    assert_eq!(client.get("POST", path, &accept(Y)).await.status, 204);
    assert_eq!(client.b(Y, "swim", "Xi").await.status, 201);
    assert_eq!(client.b(X, "swim", "Xi").await.status, 409);
    // As another address of the same order: that of this machine.
    let here = json!({ "@type": "AcceptAction", "object": { "@id": format!("http://127.0.0.1:8080/api/orders/{X}") } });
    assert_eq!(client.get("POST", path, &here).await.status, 204);
    assert_eq!(client.b(X, "swim", "Xi").await.status, 201);
}

#[tokio::test]
async fn cancellation_by_id_and_by_position() {
    let by_id = |uuid: &str, number: u8| {
        let item = json!({ "@type": "OrderItem", "@id": format!("{ORIGIN}/api/orders/{uuid}#/items/{number}"),
            "orderItemStatus": "https://openactive.io/CustomerCancelled" });
        json!({ "@type": "Order", "orderedItem": [item] })
    };
    let by_position = json!({ "@type": "Order", "orderedItem": [{ "@type": "OrderItem", "position": 0,
        "orderItemStatus": "https://openactive.io/CustomerCancelled" }] });
    let mut tape = Tape::new();
    for (uuid, asked) in [(A, by_id(A, 1)), (B, by_position.clone())] {
        tape.b(uuid, "swim", "Ann", 201, "booked");
        tape.add("PATCH", &format!("/api/orders/{uuid}"), &asked, 204, &Value::Null);
        tape.add("GET", &format!("/api/orders/{uuid}"), &Value::Null, 200, &order(uuid, "cancelled"));
    }
    let client = tape.play();
    for (uuid, asked) in [(X, by_position.clone()), (Y, by_id(Y, 1)), (Z, by_id(Z, 1))] {
        client.b(uuid, "swim", "Xi").await;
        assert_eq!(client.get("PATCH", &format!("/api/orders/{uuid}"), &asked).await.status, 204);
        assert_eq!(client.get("GET", &format!("/api/orders/{uuid}"), &Value::Null).await.text(), "cancelled");
    }
    client.b(C, "swim", "Xi").await;
    assert!(client.ask("PATCH", &format!("/api/orders/{C}"), &by_id(C, 2)).await.is_err(), "another item");
}

#[tokio::test]
async fn the_state_of_an_order_is_that_of_what_was_done() {
    let get = |uuid: &str| format!("/api/orders/{uuid}");
    let mut tape = Tape::new();
    tape.b(A, "swim", "Ann", 201, "booked");
    tape.add("GET", &get(A), &Value::Null, 200, &order(A, "confirmed"));
    tape.add("DELETE", &get(A), &Value::Null, 204, &Value::Null);
    tape.add("GET", &get(A), &Value::Null, 404, &order(A, "gone"));
    let client = tape.play();
    let miss = client.ask("GET", &get(X), &Value::Null).await.unwrap_err();
    assert!(miss.contains("exchange 1 (PUT /api/orders/*), which has not been asked for"), "{miss}");
    client.b(X, "swim", "Xi").await;
    for _ in 0..2 {
        assert_eq!(client.get("GET", &get(X), &Value::Null).await.text(), "confirmed");
    }
    client.get("DELETE", &get(X), &Value::Null).await;
    for _ in 0..2 {
        assert_eq!(client.get("GET", &get(X), &Value::Null).await.status, 404);
    }
}

#[tokio::test]
async fn two_brokers_by_token() {
    let get = |uuid: &str| format!("/api/orders/{uuid}");
    let mut tape = Tape::new();
    tape.token = Some("Bearer one");
    tape.b(A, "swim", "Ann", 201, "booked");
    tape.token = Some("Bearer two");
    tape.add("GET", &get(A), &Value::Null, 404, &order(A, "not yours"));
    tape.token = None;
    tape.add("GET", &get(A), &Value::Null, 401, &order(A, "who are you"));
    tape.token = Some("Bearer one");
    tape.add("GET", &get(A), &Value::Null, 200, &order(A, "yours"));
    let mut client = tape.play();
    client.token = Some("Bearer mine");
    client.b(X, "swim", "Xi").await;
    client.token = Some("Bearer theirs");
    assert_eq!(client.get("GET", &get(X), &Value::Null).await.status, 404);
    client.token = Some("Bearer mine");
    assert_eq!(client.get("GET", &get(X), &Value::Null).await.status, 200);
    client.token = None;
    assert_eq!(client.get("GET", &get(X), &Value::Null).await.status, 401);
}

#[tokio::test]
async fn calls_of_the_test_interface_without_uuid() {
    let (path, asked) = ("/api/test-interface/opportunities", json!({ "@type": "Slot" }));
    let mut tape = Tape::new();
    for number in [1, 2] {
        tape.add("POST", path, &asked, 200, &order(A, &format!("slot {number}")));
        tape.c1(if number == 1 { A } else { B }, &format!("slot{number}"), "quote");
    }
    let client = tape.play();
    for _ in 0..2 {
        assert_eq!(client.get("POST", path, &asked).await.text(), "slot 1");
        client.c1(X, "slot1").await;
        assert_eq!(client.get("POST", path, &asked).await.text(), "slot 2");
        client.c1(Y, "slot2").await;
    }
    assert!(client.ask("POST", path, &json!({ "@type": "Event" })).await.is_err());
}
