//! What a fault says is not remembered as the booking system's, and what it hid is not held to have never been.
//!
//! Each test is a run in which a judge that took the fault for the booking system's would blame the booking system.

use serde_json::json;
use umpire::finding::Side;

use super::support::*;

async fn blames_nobody(faults: &[&str], script: impl FnOnce(Broker) + Send + 'static) {
    let run = Run::start(faults).await;
    run.play(script).await;
    let made: u64 = run.faults.status().iter().map(|fault| fault.made).sum();
    let judged = run.end().await;
    assert!(made > 0, "{faults:?} was never made");
    assert_eq!(findings(&judged, Side::BookingSystem), [""; 0], "{faults:?}");
}

#[tokio::test]
async fn a_cancellation_whose_answer_was_lost_may_show_in_the_feed() {
    blames_nobody(&["order-cancel answer-lost"], |broker| {
        let page = broker.get("/api/openbooking/orders-rpde").unwrap();
        broker.book(&uuid(1));
        let target = format!("/api/openbooking/orders/{}", uuid(1));
        broker.send("PATCH", &target, &cancellation(&uuid(1)).to_string()).expect_err("it is lost");
        let next = page.body["next"].as_str().unwrap().strip_prefix(ORIGIN).unwrap().to_owned();
        let page = broker.get(&next).unwrap();
        assert!(page.text.contains("CustomerCancelled"), "{}", page.text);
    })
    .await;
}

#[tokio::test]
async fn a_booking_whose_answer_was_lost_may_be_there() {
    blames_nobody(&["B answer-lost"], |broker| {
        let id = uuid(1);
        assert_eq!((broker.c1(&id).unwrap().status, broker.c2(&id).unwrap().status), (200, 200));
        broker.b(&id).expect_err("it is lost");
        let order = broker.get(&format!("/api/openbooking/orders/{id}")).unwrap();
        assert!(order.text.contains("OrderItemConfirmed"), "{}", order.text);
    })
    .await;
}

#[tokio::test]
async fn a_place_whose_booking_was_lost_or_refused_by_umpire_may_be_gone_or_not() {
    for fault in ["B answer-lost times=1", "B error=OpportunityIsFullError times=1", "B cut times=1"] {
        blames_nobody(&[fault], |broker| {
            let end = harvest(broker, "/feeds/scheduled-sessions");
            // Without a quote no lease makes the number doubtful.
            drop(broker.b(&uuid(1)));
            assert_eq!(broker.b(&uuid(2)).unwrap().status, 201);
            // What has changed comes at the end of the feed.
            assert_ne!(harvest(broker, &end), end);
        })
        .await;
    }
}

#[tokio::test]
async fn open_data_without_places_is_not_what_later_open_data_is_held_against() {
    let run = Run::start(&["opportunity-feed capacity-0"]).await;
    run.faults.arm(0, false);
    let end = run.play(|broker| harvest(broker, "/feeds/scheduled-sessions")).await;
    run.faults.arm(0, true);
    run.play(|broker| assert_eq!(broker.get("/feeds/scheduled-sessions").unwrap().status, 200)).await;
    run.faults.arm(0, false);
    run.play(move |broker| {
        assert_eq!(broker.b(&uuid(1)).unwrap().status, 201);
        harvest(broker, &end);
    })
    .await;
    assert_eq!(run.faults.status()[0].made, 1);
    let judged = run.end().await;
    assert_eq!(findings(&judged, Side::BookingSystem), [""; 0]);
}

#[tokio::test]
async fn the_name_of_an_error_is_not_the_one_that_umpire_gave_it() {
    blames_nobody(&["C1 error=SellerNotFoundError times=1"], |broker| {
        let mut quote = request("OrderQuote");
        quote["seller"] = json!("https://sandbox.example/id/sellers/99");
        for number in 1..=2 {
            let answered = broker.put("order-quote-templates", &uuid(number), &quote).unwrap();
            assert_eq!(answered.body["@type"], "SellerNotFoundError", "{}", answered.text);
        }
    })
    .await;
}

/// Reads a feed to its end; the address of the end.
fn harvest(broker: Broker, from: &str) -> String {
    let mut at = from.to_owned();
    loop {
        let page = broker.get(&at).unwrap();
        let next = page.body["next"].as_str().unwrap().strip_prefix(ORIGIN).unwrap().to_owned();
        if next == at {
            return at;
        }
        at = next;
    }
}
