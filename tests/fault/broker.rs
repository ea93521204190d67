//! How a broker behaves after a fault is judged: who does it well is not called out, who does it badly is.

use crate::support::*;

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
        wait(1.2);
        assert_eq!(broker.c2(&id).unwrap().status, 200);
        assert_eq!(broker.b(&id).unwrap().status, 429);
        wait(1.2);
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
        wait(1.2);
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
