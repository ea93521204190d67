//! Whatever goes wrong on purpose, the booking system is never blamed for it: every fault on a run with everything in it.
//!
//! `fault, share 50% → bookings, cancellations, feeds, by a broker that goes on whatever comes → no finding on the booking system`

use umpire::fault::NAMES;
use umpire::finding::Side;

use super::support::*;

/// A broker that takes what it is told, and goes on whatever comes.
fn everything(broker: Broker) {
    let orders = "/api/openbooking/orders-rpde".to_owned();
    let (mut sessions, mut own) = ("/feeds/scheduled-sessions".to_owned(), orders);
    let follow = |feed: &mut String| {
        let page = broker.get(feed).ok().filter(|page| page.status == 200);
        let next = page.as_ref().and_then(|page| page.body["next"].as_str()?.strip_prefix(ORIGIN).map(str::to_owned));
        *feed = next.unwrap_or_else(|| feed.clone());
    };
    drop(broker.get("/openactive"));
    for number in 1..=6 {
        follow(&mut sessions);
        let id = uuid(number);
        drop(broker.c1(&id));
        let quoted = broker.c2(&id).ok().filter(|quoted| quoted.status == 200);
        let total = quoted.and_then(|quoted| quoted.body["totalPaymentDue"]["price"].as_f64()).unwrap_or(7.5);
        let booked = broker.put("orders", &id, &order(total));
        if !booked.is_ok_and(|booked| booked.status == 201) {
            drop(broker.put("orders", &id, &order(total)));
        }
        drop(broker.get(&format!("/api/openbooking/orders/{id}")));
        follow(&mut own);
        if number % 2 == 0 {
            let target = format!("/api/openbooking/orders/{id}");
            drop(broker.send("PATCH", &target, &cancellation(&id).to_string()));
            drop(broker.send("PATCH", &target, &cancellation(&id).to_string()));
        }
        if number == 5 {
            drop(broker.send("DELETE", &format!("/api/openbooking/orders/{id}"), ""));
        }
        follow(&mut own);
    }
    for _ in 0..4 {
        follow(&mut sessions);
        follow(&mut own);
    }
}

#[tokio::test]
async fn no_fault_is_the_booking_systems() {
    let mut faults: Vec<String> = Vec::new();
    for name in NAMES {
        faults.extend(match name.word {
            "error" => {
                ["OpportunityIsFullError", "OrderCreationFailedError", "UnknownOrderError", "InternalLibraryError"]
                    .map(|error| format!("error={error} share=50%"))
                    .to_vec()
            }
            "status" => [404, 409, 500, 503].map(|status| format!("status={status} share=50%")).to_vec(),
            "delay" => vec!["delay=1ms share=50%".to_owned()],
            "slow" => vec!["slow=1000000 share=50%".to_owned()],
            // It needs TLS.
            "tls-failure" => vec![],
            "answer-lost" | "cut" | "wrong-length" | "price-changed" => {
                let stages = umpire::openbooking::Stage::ALL.map(umpire::openbooking::Stage::as_str).join(",");
                vec![format!("{} share=50%", name.word), format!("{stages} {} share=34%", name.word)]
            }
            word => vec![format!("{word} share=50%"), word.to_owned()],
        });
    }
    faults.push("share=1% reset".to_owned());
    let without = judged(&[], everything).await;
    assert_eq!(findings(&without, Side::BookingSystem), [""; 0], "without a fault");
    let mut made = 0;
    for fault in &faults {
        let run = Run::start(&[fault]).await;
        run.play(everything).await;
        made += run.faults.status()[0].made;
        let judged = run.end().await;
        assert!(judged.len() > 40, "{fault}: {}", judged.len());
        assert_eq!(findings(&judged, Side::BookingSystem), [""; 0], "{fault}");
    }
    assert!(made > 300, "only {made} faults were made");
}
