//! Feeds: by their cursor, and of the bookings that the client has made.

use serde_json::{Value, json};

use super::support::{A, B, Client, ORIGIN, Seen, Tape, X, Y};

const FIRST: &str = "/api/orders-rpde";
const SECOND: &str = "/api/orders-rpde?afterChangeNumber=2";

fn page(uuids: &[&str], next: &str) -> Value {
    let item = |(number, uuid): (usize, &&str)| {
        let data = json!({ "@id": format!("{ORIGIN}/api/orders/{uuid}") });
        json!({ "id": uuid, "kind": "Order", "state": "updated", "modified": number + 1, "data": data })
    };
    json!({ "next": format!("{ORIGIN}{next}"), "items": uuids.iter().enumerate().map(item).collect::<Vec<_>>() })
}

fn tape() -> Tape {
    let mut tape = Tape::new();
    tape.add("GET", FIRST, &Value::Null, 200, &page(&[], FIRST));
    tape.b(A, "swim", "Ann", 201, "booked");
    tape.b(B, "yoga", "Ben", 201, "booked");
    tape.add("GET", FIRST, &Value::Null, 200, &page(&[A, B], SECOND));
    tape.add("GET", SECOND, &Value::Null, 200, &page(&[], SECOND));
    tape
}

async fn poll(client: &Client, path: &str) -> Seen {
    client.get("GET", path, &Value::Null).await
}

fn ids(seen: &Seen) -> Vec<&str> {
    seen.body["items"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_feed_tells_of_a_booking_when_the_client_has_got_that_far() {
    let client = tape().play();
    for _ in 0..3 {
        let seen = poll(&client, FIRST).await;
        assert_eq!((ids(&seen), seen.body["next"].as_str()), (vec![], Some(&*format!("{ORIGIN}{FIRST}"))));
    }
    client.b(X, "swim", "Xi").await;
    client.b(Y, "yoga", "Yu").await;
    let seen = poll(&client, FIRST).await;
    assert_eq!(ids(&seen), [X, Y]);
    assert_eq!(seen.body["items"][0]["data"]["@id"], format!("{ORIGIN}/api/orders/{X}"));
    assert_eq!(seen.body["items"][1]["modified"], 2);
    for _ in 0..3 {
        assert!(ids(&poll(&client, SECOND).await).is_empty(), "the last page for ever");
    }
}

#[tokio::test]
async fn from_the_start_again_it_is_read_as_before() {
    let mut tape = Tape::new();
    tape.add("GET", "/openactive", &Value::Null, 200, &json!({ "@type": "Dataset" }));
    tape.exchanges.extend(self::tape().exchanges);
    let client = tape.play();
    poll(&client, "/openactive").await;
    poll(&client, FIRST).await;
    client.b(X, "swim", "Xi").await;
    client.b(Y, "yoga", "Yu").await;
    assert_eq!(ids(&poll(&client, FIRST).await), [X, Y]);
    poll(&client, SECOND).await;
    assert_eq!(ids(&poll(&client, FIRST).await), [X, Y], "the same page again");
    poll(&client, "/openactive").await;
    assert!(ids(&poll(&client, FIRST).await).is_empty(), "from the very start");
    assert_eq!(ids(&poll(&client, FIRST).await), [X, Y]);
}

#[tokio::test]
async fn what_the_client_did_not_book_is_not_told_and_what_it_books_late_is_told_late() {
    let client = tape().play();
    poll(&client, FIRST).await;
    client.b(X, "yoga", "Xi").await;
    assert_eq!(ids(&poll(&client, FIRST).await), [X]);
    assert!(ids(&poll(&client, SECOND).await).is_empty());
    client.b(Y, "swim", "Yu").await;
    assert_eq!(ids(&poll(&client, SECOND).await), [Y]);
    assert!(ids(&poll(&client, SECOND).await).is_empty(), "once");
}

#[tokio::test]
async fn a_page_waits_for_its_booking() {
    let mut tape = Tape::new();
    tape.b(A, "swim", "Ann", 201, "booked");
    tape.add("GET", FIRST, &Value::Null, 200, &page(&[A], SECOND));
    let client = tape.play();
    for _ in 0..2 {
        let seen = poll(&client, FIRST).await;
        assert_eq!((ids(&seen), seen.body["next"].as_str()), (vec![], Some(&*format!("{ORIGIN}{FIRST}"))));
    }
    client.b(X, "swim", "Xi").await;
    assert_eq!(ids(&poll(&client, FIRST).await), [X]);
}

#[tokio::test]
async fn two_runs_of_one_booking_are_both_told() {
    let mut tape = Tape::new();
    tape.b(A, "swim", "Ann", 201, "booked");
    tape.add("GET", FIRST, &Value::Null, 200, &page(&[A], SECOND));
    let client = tape.play();
    client.b(X, "swim", "Xi").await;
    client.b(Y, "swim", "Yu").await;
    assert_eq!(ids(&poll(&client, FIRST).await), [X, Y]);
}
