//! Faults in content: marked, never blamed on the booking system, and nothing wrong learnt from them.

use serde_json::json;
use umpire::exchange::{FailureKind, Simulator};
use umpire::finding::Side;
use umpire::openbooking::Stage;

use super::support::*;

/// The faults that were recorded, in order, with the status of their exchange.
fn marks(judged: &[std::sync::Arc<umpire::judged::Judged>]) -> Vec<(String, Option<u16>)> {
    let faulted = judged.iter().map(|judged| &judged.exchange).filter(|exchange| exchange.is_faulted());
    faulted
        .map(|exchange| {
            let simulated = exchange.simulated.as_ref().unwrap();
            assert_eq!(simulated.by, Simulator::Fault);
            (simulated.detail.clone(), exchange.response.as_ref().map(|response| response.status))
        })
        .collect()
}

#[tokio::test]
async fn an_error_of_the_specification_is_marked_and_the_booking_system_is_not_asked() {
    let run = Run::start(&["B error=OpportunityIsFullError times=1 then=pass"]).await;
    run.play(|broker| {
        let id = uuid(1);
        assert_eq!((broker.c1(&id).unwrap().status, broker.c2(&id).unwrap().status), (200, 200));
        let refused = broker.b(&id).unwrap();
        assert_eq!((refused.status, &refused.body["@type"]), (409, &json!("Order")), "{}", refused.text);
        assert_eq!(refused.body["orderedItem"][0]["error"][0]["@type"], "OpportunityIsFullError");
        assert!(refused.head.contains("umpire-fault: b error=opportunityisfullerror"), "{}", refused.head);
        let booked = broker.b(&id).unwrap();
        assert_eq!((booked.status, &booked.body["orderNumber"]), (201, &json!("SBX-000001")), "{}", booked.text);
    })
    .await;
    let made = run.faults.status();
    let judged = run.end().await;
    assert_eq!((made.len(), made[0].made), (1, 1));
    let text = "B error=OpportunityIsFullError times=1 then=pass".to_owned();
    assert_eq!(marks(&judged), [(text, Some(409))]);
    assert_eq!(findings(&judged, Side::BookingSystem), [""; 0]);
    let faulted = judged.iter().find(|judged| judged.exchange.is_faulted()).unwrap();
    let because: Vec<&str> = faulted.not_judged.iter().map(|not| &*not.because).collect();
    assert!(because.contains(&"Umpire made this answer, as it was told to (--fault)"), "{because:?}");
}

/// Without the mark the same answers are the booking system's, and it is blamed for them: so the rules do look.
#[tokio::test]
async fn without_the_mark_the_booking_system_would_be_blamed() {
    let script = |broker: Broker| {
        let id = uuid(1);
        let quoted = (broker.c1(&id).unwrap(), broker.c2(&id).unwrap());
        assert_eq!((quoted.0.status, quoted.1.status), (200, 200));
    };
    let judged = judged(&["C2 price-changed=3.00"], script).await;
    assert_eq!(findings(&judged, Side::BookingSystem), [""; 0]);
    let book = std::sync::Arc::new(umpire::rules::RuleBook::built_in().unwrap());
    let mut judge = umpire::rules::Judge::new(book, umpire::rules::BookingSystemInfo::default());
    let mut blamed = 0;
    for judged in &judged {
        let mut exchange = (*judged.exchange).clone();
        exchange.simulated = None;
        let anew = judge.judge(std::sync::Arc::new(exchange));
        blamed += anew.findings.iter().filter(|finding| finding.rule.side == Side::BookingSystem).count();
    }
    assert!(blamed > 0);
}

#[tokio::test]
async fn a_changed_price_is_the_brokers_to_notice_and_nobodys_lie() {
    let judged = judged(&["C2 price-changed=3.00 times=1"], |broker| {
        let id = uuid(1);
        assert_eq!(broker.c1(&id).unwrap().body["totalPaymentDue"]["price"], 7.5);
        assert_eq!(broker.c2(&id).unwrap().body["totalPaymentDue"]["price"].to_string(), "10.5");
        // It books at the price that it was told. The booking system refuses, and is right: it never told that price.
        let refused = broker.put("orders", &id, &order(10.5)).unwrap();
        assert_eq!((refused.status, &refused.body["@type"]), (400, &json!("TotalPaymentDueMismatchError")));
        // It asks again, and books.
        assert_eq!(broker.c2(&id).unwrap().body["totalPaymentDue"]["price"], 7.5);
        assert_eq!(broker.b(&id).unwrap().status, 201);
    })
    .await;
    assert_eq!(marks(&judged), [("C2 price-changed=3.00 times=1".to_owned(), Some(200))]);
    assert_eq!(findings(&judged, Side::BookingSystem), [""; 0]);
    assert_eq!(broken_by_broker(&judged), [""; 0]);
}

#[tokio::test]
async fn leases_end_and_places_go_at_the_quote() {
    let judged = judged(
        &["C2 lease-expired booking=1", "capacity-0 booking=2", "capacity-0 opportunity-feed times=1"],
        |broker| {
            let quoted = broker.c2(&uuid(1)).unwrap();
            let expires: jiff::Timestamp = quoted.body["lease"]["leaseExpires"].as_str().unwrap().parse().unwrap();
            assert!(expires < jiff::Timestamp::now(), "{}", quoted.text);
            let quoted = broker.c2(&uuid(2)).unwrap();
            assert_eq!(quoted.body["orderedItem"][0]["orderedItem"]["remainingAttendeeCapacity"], 0, "{}", quoted.text);
            let page = broker.get("/feeds/scheduled-sessions").unwrap();
            assert!(page.text.contains(r#""remainingAttendeeCapacity":0"#), "{}", page.text);
            let again = broker.get("/feeds/scheduled-sessions").unwrap();
            assert_ne!(again.text, page.text, "once");
            broker.book(&uuid(3));
        },
    )
    .await;
    assert_eq!(marks(&judged).len(), 3);
    assert_eq!(findings(&judged, Side::BookingSystem), [""; 0]);
}

#[tokio::test]
async fn feeds_stall_and_repeat_themselves_and_go_on() {
    let faults = [
        "opportunity-feed feed-duplicated times=1",
        "opportunity-feed feed-out-of-order times=1",
        "opportunity-feed feed-stalled times=1",
        "orders-feed feed-stalled times=1",
    ];
    let judged = judged(&faults, |broker| {
        let items = |page: &Answered| page.body["items"].as_array().unwrap().len();
        let next = |page: &Answered| page.body["next"].as_str().unwrap().strip_prefix(ORIGIN).unwrap().to_owned();
        let first = "/feeds/scheduled-sessions";
        let twice = broker.get(first).unwrap();
        let backwards = broker.get(first).unwrap();
        let stalled = broker.get(first).unwrap();
        let page = broker.get(first).unwrap();
        assert_eq!((items(&twice), items(&stalled)), (2 * items(&page), 0));
        assert_eq!(backwards.body["items"][0], page.body["items"][items(&page) - 1]);
        assert_eq!((next(&stalled).as_str(), next(&twice)), (first, next(&page)));
        // What was booked and cancelled shows in the Orders feed once it goes on.
        let orders = broker.get("/api/openbooking/orders-rpde").unwrap();
        assert_eq!((orders.status, items(&orders)), (200, 0));
        broker.book(&uuid(1));
        let target = format!("/api/openbooking/orders/{}", uuid(1));
        assert_eq!(broker.send("PATCH", &target, &cancellation(&uuid(1)).to_string()).unwrap().status, 204);
        let orders = broker.get(&next(&orders)).unwrap();
        assert_eq!(items(&orders), 1, "{}", orders.text);
    })
    .await;
    assert_eq!(marks(&judged).len(), 4);
    assert_eq!(findings(&judged, Side::BookingSystem), [""; 0]);
}

#[tokio::test]
async fn statuses_and_delays_come_as_often_as_they_are_asked_for() {
    let faults = ["C2 status=503 times=2 per=booking", "B rate-limit=1 times=1", "C1 delay=300ms share=50%"];
    let judged = judged(&faults, |broker| {
        let start = std::time::Instant::now();
        assert_eq!(broker.c1(&uuid(1)).unwrap().status, 200);
        assert!(start.elapsed() >= std::time::Duration::from_millis(300));
        for id in [uuid(1), uuid(2)] {
            let statuses: Vec<u16> = (0..3).map(|_| broker.c2(&id).unwrap().status).collect();
            assert_eq!(statuses, [503, 503, 200], "{id}");
        }
        let limited = broker.b(&uuid(1)).unwrap();
        assert!(limited.status == 429 && limited.head.contains("retry-after: 1"), "{}", limited.head);
    })
    .await;
    assert_eq!(marks(&judged).len(), 6);
    assert_eq!(findings(&judged, Side::BookingSystem), [""; 0]);
    let delayed = &judged[0].exchange;
    assert!(delayed.is_faulted() && delayed.response.as_ref().unwrap().status == 200, "{delayed:?}");
    assert!(delayed.timing.first_byte.unwrap() >= std::time::Duration::from_millis(300));
}

#[tokio::test]
async fn a_lost_answer_is_no_answer_and_what_the_booking_system_did_is_unknown() {
    let judged = judged(&["B answer-lost times=1"], |broker| {
        let id = uuid(1);
        assert_eq!((broker.c1(&id).unwrap().status, broker.c2(&id).unwrap().status), (200, 200));
        broker.b(&id).expect_err("the answer is lost");
        // It was booked: the same again gives the same Order.
        wait(1.5);
        let again = broker.b(&id).unwrap();
        assert_eq!((again.status, &again.body["orderNumber"]), (201, &json!("SBX-000001")), "{}", again.text);
        let status = broker.get(&format!("/api/openbooking/orders/{id}")).unwrap();
        assert_eq!(status.status, 200);
    })
    .await;
    let lost = judged.iter().find(|judged| judged.stage == Stage::B).unwrap();
    assert_eq!(lost.exchange.failure.as_ref().map(|failure| failure.kind), Some(FailureKind::Fault));
    assert!(lost.exchange.response.is_none() && lost.exchange.is_faulted());
    assert_eq!(findings(&judged, Side::BookingSystem), [""; 0]);
    assert_eq!(broken_by_broker(&judged), [""; 0]);
}

#[tokio::test]
async fn what_is_disarmed_passes() {
    let run = Run::start(&["C2 status=503"]).await;
    run.play(|broker| assert_eq!(broker.c2(&uuid(1)).unwrap().status, 503)).await;
    run.faults.arm(0, false);
    run.play(|broker| assert_eq!(broker.c2(&uuid(1)).unwrap().status, 200)).await;
    run.faults.arm(0, true);
    run.play(|broker| assert_eq!(broker.c2(&uuid(1)).unwrap().status, 503)).await;
    assert_eq!(run.faults.status()[0].made, 2);
    assert_eq!(run.end().await.len(), 3);
}
