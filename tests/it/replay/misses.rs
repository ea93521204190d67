//! What is no answer, and what is said of it.

use serde_json::{Value, json};
use umpire::capture::har;
use umpire::exchange::{Body, BodyEnd, Failure, FailureKind};
use umpire::redact::Redactor;
use umpire::replay::{PlaybackOptions, TimeMode};

use super::support::{A, Client, ORIGIN, Tape, X, Y, open, order, quote};

fn tape() -> Tape {
    let mut tape = Tape::new();
    tape.c1(A, "swim", "quote");
    tape.c2(A, "swim", "Ann", "quote for");
    tape
}

#[tokio::test]
async fn another_item_offer_or_seller_is_a_miss_that_names_it() {
    let client = tape().play();
    let mut asked = quote("swim", None);
    for (pointer, value) in [
        ("/orderedItem/0/orderedItem", json!(format!("{ORIGIN}/items/yoga"))),
        ("/orderedItem/0/acceptedOffer", json!(format!("{ORIGIN}/offers/yoga"))),
        ("/seller", json!(format!("{ORIGIN}/sellers/2"))),
        ("/brokerRole", json!("https://openactive.io/NoBroker")),
        ("/orderedItem/0/position", json!(1)),
    ] {
        let before = std::mem::replace(asked.pointer_mut(pointer).unwrap(), value);
        let miss = client.ask("PUT", &format!("/api/order-quote-templates/{X}"), &asked).await.unwrap_err();
        assert!(miss.contains(&format!("the nearest is exchange 1, which differs at {pointer} (recorded ")), "{miss}");
        *asked.pointer_mut(pointer).unwrap() = before;
    }
    let mut more = quote("swim", None);
    let item = more["orderedItem"][0].clone();
    more["orderedItem"].as_array_mut().unwrap().push(item);
    let miss = client.ask("PUT", &format!("/api/order-quote-templates/{X}"), &more).await.unwrap_err();
    assert!(miss.contains("/orderedItem/1 (not in the recorded request)"), "{miss}");
    assert_eq!(client.replay.tally(), (0, 0, 6));
    let report = client.replay.report();
    assert_eq!((report.misses, report.never_asked, report.missed.len()), (6, 2, 6));
    assert_eq!(report.missed[0].nearest.as_ref().map(|nearest| nearest.exchange), Some(1));
}

#[tokio::test]
async fn nothing_personal_is_told() {
    let client = tape().play();
    let mut asked = quote("swim", Some("Ann"));
    asked["customer"] = json!({ "@type": "Organization", "name": "Hidden Ltd", "email": "hidden@mail.example" });
    let miss = client.ask("PUT", &format!("/api/order-quotes/{X}"), &asked).await.unwrap_err();
    assert!(miss.contains("/customer/@type") && miss.contains("/customer/name"), "{miss}");
    assert!(!miss.to_lowercase().contains("hidden") && !miss.contains("Ann"), "{miss}");
}

#[tokio::test]
async fn what_was_never_called_is_a_miss() {
    let mut tape = Tape::new();
    tape.c2(A, "swim", "Ann", "quote for");
    let client = tape.play();
    // Recorded without C1: who calls it gets a miss, who doesn't gets on.
    let miss = client.ask("PUT", &format!("/api/order-quote-templates/{X}"), &quote("swim", None)).await.unwrap_err();
    assert!(miss.contains("nothing like PUT /api/order-quote-templates/* was recorded"), "{miss}");
    assert!(miss.contains("the nearest is PUT /api/order-quotes/*"), "{miss}");
    assert_eq!(client.c2(X, "swim", "Xi").await.text(), "quote for Xi");
}

#[tokio::test]
async fn an_answer_that_is_not_whole_is_a_miss_that_says_why() {
    let mut tape = tape();
    let body = &mut tape.exchanges[1].response.as_mut().unwrap().body;
    *body = Body { length: 5_000, ..Body::ended("{\"text\":", BodyEnd::Truncated) };
    tape.add("PUT", &format!("/api/orders/{A}"), &quote("swim", Some("Ann")), 201, &Value::Null);
    let last = tape.exchanges.last_mut().unwrap();
    last.response = None;
    last.failure = Some(Failure { kind: FailureKind::TimedOut, detail: "slow".into(), answered: Some(504) });
    let client = tape.play();
    client.c1(X, "swim").await;
    let miss = client.ask("PUT", &format!("/api/order-quotes/{X}"), &quote("swim", Some("Xi"))).await.unwrap_err();
    assert!(miss.contains("exchange 2 fits") && miss.contains("of its 5000 bytes the first 8 were recorded"), "{miss}");
    let miss = client.ask("PUT", &format!("/api/orders/{X}"), &quote("swim", Some("Xi"))).await.unwrap_err();
    assert!(miss.contains("the booking system did not answer in time"), "{miss}");
}

#[tokio::test]
async fn lenient_takes_the_nearest_and_says_so() {
    let options = PlaybackOptions { lenient: true, time: TimeMode::Recorded, ..PlaybackOptions::default() };
    let client = tape().play_with(options);
    let seen = client.c1(X, "yoga").await;
    assert_eq!((seen.text(), seen.field("umpire-replay")), ("quote", "exchange=1; nearest"));
    assert_eq!(seen.body["@id"], format!("{ORIGIN}/api/orders/{X}"));
    assert_eq!(client.c2(X, "swim", "Xi").await.field("umpire-replay"), "exchange=2; bound");
    assert_eq!(client.replay.tally(), (1, 1, 0));
}

#[tokio::test]
async fn the_field_can_be_left_out() {
    let client = tape().play_with(PlaybackOptions { field: false, ..PlaybackOptions::default() });
    assert_eq!(client.c1(X, "swim").await.field("umpire-replay"), "");
}

#[tokio::test]
async fn a_redacted_recording_plays_like_any_other() {
    let mut tape = tape();
    tape.b(A, "swim", "Ann", 201, "booked Ann");
    let redactor = Redactor::of_persons(umpire::redact::PersonalFields::default()).unwrap();
    tape.exchanges = tape.exchanges.into_iter().map(|exchange| redactor.redact(exchange)).collect();
    let client = tape.play();
    client.c1(X, "swim").await;
    let seen = client.c2(X, "swim", "Xi").await;
    assert!(seen.status == 200 && !seen.text().contains("Ann"), "{seen:?}");
    assert_eq!(client.b(X, "swim", "Xi").await.status, 201);
}

#[tokio::test]
async fn the_base_uri_is_told_by_the_paths_or_by_the_user() {
    let (_folder, file) = tape().write();
    assert_eq!(open(std::slice::from_ref(&file), PlaybackOptions::default()).base_path(), Some("/api"));
    let base_uri = Some("https://other.example/v2".to_owned());
    let told = open(&[file], PlaybackOptions { base_uri, ..PlaybackOptions::default() });
    assert_eq!(
        (told.base_path(), told.recorded_base_uris()),
        (Some("/v2"), &["https://other.example/v2".to_owned()][..])
    );
    // What another program recorded says no Base URI either.
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("foreign.har");
    let har = json!({ "log": { "version": "1.2", "creator": { "name": "x", "version": "1" }, "entries": [{
        "startedDateTime": "2025-04-17T12:00:00Z", "time": 1,
        "request": { "method": "GET", "url": format!("{ORIGIN}/v3/orders/{A}"), "headers": [], "httpVersion": "HTTP/1.1" },
        "response": { "status": 200, "headers": [{ "name": "content-type", "value": "application/json" }],
            "content": { "text": order(A, "hello").to_string(), "mimeType": "application/json" } },
    }] } });
    std::fs::write(&file, har.to_string()).unwrap();
    let replay = open(&[file], PlaybackOptions::default());
    assert_eq!(replay.base_path(), Some("/v3"));
    let client = Client { replay, token: None, _folder: None };
    let seen = client.get("GET", &format!("/v3/orders/{Y}"), &Value::Null).await;
    assert_eq!((seen.text(), seen.body["@id"].as_str()), ("hello", Some(&*format!("{ORIGIN}/api/orders/{Y}"))));
}

#[tokio::test]
async fn har_of_the_same_plays_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tape.har");
    let mut text = Vec::new();
    let meta = umpire::capture::Meta::new(None, super::support::BEGAN.parse().unwrap());
    har::write(&file, &meta, tape().exchanges.into_iter().map(Ok), &mut text).unwrap();
    std::fs::write(&file, text).unwrap();
    let replay =
        open(&[file.clone(), file], PlaybackOptions { time: TimeMode::Recorded, ..PlaybackOptions::default() });
    let client = Client { replay, token: Some("Bearer x"), _folder: Some(folder) };
    for (uuid, field) in [(X, "exchange=1; recording=tape.har; bound"), (Y, "exchange=1; recording=tape.har; bound")] {
        assert_eq!(client.c1(uuid, "swim").await.field("umpire-replay"), field);
    }
}
