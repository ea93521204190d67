//! How a broker behaves after a fault is judged: who does it well is not called out, who does it badly is.

use super::support::*;

fn quoted(broker: Broker, id: &str) {
    assert_eq!((broker.c1(id).unwrap().status, broker.c2(id).unwrap().status), (200, 200));
}

#[tokio::test]
async fn who_waits_and_comes_again_under_the_same_uuid_is_not_called_out() {
    let faults = ["C2 status=503 times=1", "B rate-limit=1 times=1"];
    let judged = judged(&faults, |broker| {
        let id = uuid(1);
        assert_eq!(broker.c1(&id).unwrap().status, 200);
        assert_eq!(broker.c2(&id).unwrap().status, 503);
        wait(1.5);
        assert_eq!(broker.c2(&id).unwrap().status, 200);
        assert_eq!(broker.b(&id).unwrap().status, 429);
        wait(1.5);
        assert_eq!(broker.b(&id).unwrap().status, 201);
    })
    .await;
    assert_eq!(broken_by_broker(&judged), [""; 0]);
}

#[tokio::test]
async fn a_new_uuid_after_429_is_called_out() {
    let judged = judged(&["C2 rate-limit=1 times=1"], |broker| {
        assert_eq!(broker.c1(&uuid(1)).unwrap().status, 200);
        assert_eq!(broker.c2(&uuid(1)).unwrap().status, 429);
        wait(1.5);
        quoted(broker, &uuid(2));
    })
    .await;
    let broken = broken_by_broker(&judged);
    assert!(broken.iter().any(|id| id == "retry/same-uuid-after-rate-limit"), "{broken:?}");
}

#[tokio::test]
async fn who_does_not_wait_as_it_was_told_is_called_out() {
    let judged = judged(&["C2 rate-limit=30 times=1", "C1 status=503 times=1"], |broker| {
        let id = uuid(1);
        assert_eq!((broker.c1(&id).unwrap().status, broker.c1(&id).unwrap().status), (503, 200));
        assert_eq!((broker.c2(&id).unwrap().status, broker.c2(&id).unwrap().status), (429, 200));
    })
    .await;
    assert_eq!(broken_by_broker(&judged), ["retry/broker-backs-off-after-503", "rate-limit/broker-backs-off"]);
}

#[tokio::test]
async fn after_500_the_same_uuid_is_called_out_and_a_new_one_is_not() {
    let again = judged(&["C2 status=500 times=1"], |broker| {
        let id = uuid(1);
        assert_eq!((broker.c1(&id).unwrap().status, broker.c2(&id).unwrap().status), (200, 500));
        assert_eq!(broker.c2(&id).unwrap().status, 200);
    })
    .await;
    assert_eq!(broken_by_broker(&again), ["retry/new-uuid-after-500"]);
    let anew = judged(&["C2 status=500 times=1"], |broker| {
        assert_eq!((broker.c1(&uuid(1)).unwrap().status, broker.c2(&uuid(1)).unwrap().status), (200, 500));
        broker.book(&uuid(2));
    })
    .await;
    assert_eq!(broken_by_broker(&anew), [""; 0]);
}

#[tokio::test]
async fn who_books_again_under_another_uuid_after_a_lost_answer_is_called_out() {
    let judged = judged(&["B answer-lost times=1"], |broker| {
        quoted(broker, &uuid(1));
        broker.b(&uuid(1)).expect_err("the answer is lost");
        wait(1.5);
        broker.book(&uuid(2));
    })
    .await;
    assert_eq!(broken_by_broker(&judged), ["retry/same-uuid-after-no-response"]);
    assert_eq!(findings(&judged, umpire::finding::Side::BookingSystem), [""; 0]);
}

#[tokio::test]
async fn who_books_again_after_asking_for_the_order_is_not_called_out() {
    let judged = judged(&["B reset times=1"], |broker| {
        quoted(broker, &uuid(1));
        broker.b(&uuid(1)).expect_err("nothing came of it");
        let order = broker.get(&format!("/api/openbooking/orders/{}", uuid(1))).unwrap();
        assert_eq!(order.status, 404, "{}", order.text);
        broker.book(&uuid(2));
    })
    .await;
    assert_eq!(broken_by_broker(&judged), [""; 0]);
}

#[tokio::test]
async fn who_books_again_after_half_an_answer_is_called_out() {
    let judged = judged(&["B cut times=1"], |broker| {
        quoted(broker, &uuid(1));
        broker.b(&uuid(1)).expect_err("half of the answer");
        broker.book(&uuid(2));
    })
    .await;
    assert_eq!(broken_by_broker(&judged), ["retry/same-uuid-after-no-response"]);
}
