//! A broker that takes every fault as it should is called out for none of them.
//!
//! `each fault at each stage, once → a booking that is carried through, or given up for a reason → no finding on either side`

use std::collections::BTreeSet;

use umpire::finding::Side;

use super::support::*;

/// How a call came out.
enum Outcome {
    Done(Answered),
    /// Begin anew with another Order UUID.
    Anew,
    /// The Customer can't be served: full, no longer for sale.
    GiveUp,
}

/// Makes a call until it is answered: the same call under the same Order UUID, with pauses.
fn persist(call: impl Fn() -> std::io::Result<Answered>) -> Outcome {
    for _ in 0..5 {
        let answered = match call() {
            Ok(answered) if !answered.body.is_null() => answered,
            // Lost, cut or garbled: the same once more.
            _ => {
                wait(1.5);
                continue;
            }
        };
        match answered.status {
            200 | 201 => return Outcome::Done(answered),
            429 | 503 => {
                let told =
                    answered.head.lines().find_map(|line| line.strip_prefix("retry-after: ")?.parse::<f64>().ok());
                wait(told.unwrap_or(1.0) + 0.5);
            }
            500 => return Outcome::Anew,
            _ => return Outcome::GiveUp,
        }
    }
    panic!("five tries came to nothing");
}

fn has_places(quote: &Answered) -> bool {
    quote.body["orderedItem"][0]["orderedItem"]["remainingAttendeeCapacity"] != 0
}

fn lease_holds(quote: &Answered) -> bool {
    let expires = quote.body["lease"]["leaseExpires"].as_str().and_then(|text| text.parse::<jiff::Timestamp>().ok());
    expires.is_none_or(|expires| expires > jiff::Timestamp::now())
}

/// Books, and says how often it began anew.
fn book(broker: Broker) -> Option<u32> {
    'attempts: for number in 1..=4 {
        let id = uuid(number);
        match persist(|| broker.c1(&id)) {
            Outcome::Done(quote) if has_places(&quote) => {}
            Outcome::Anew => continue,
            _ => return None,
        }
        for _ in 0..3 {
            let total = match persist(|| broker.c2(&id)) {
                Outcome::Done(quote) if !has_places(&quote) => return None,
                Outcome::Done(quote) if !lease_holds(&quote) => continue,
                Outcome::Done(quote) => quote.body["totalPaymentDue"]["price"].as_f64().expect("a price"),
                Outcome::Anew => continue 'attempts,
                Outcome::GiveUp => return None,
            };
            // The customer has agreed to that price.
            let refused = std::cell::Cell::new(false);
            let booked = persist(|| {
                let answered = broker.put("orders", &id, &order(total))?;
                refused.set(answered.body["@type"] == "TotalPaymentDueMismatchError");
                Ok(answered)
            });
            match booked {
                Outcome::Done(_) => return Some(number),
                Outcome::Anew => continue 'attempts,
                // The price has changed: the quote has to be made anew, and agreed to.
                Outcome::GiveUp if refused.get() => {}
                Outcome::GiveUp => return None,
            }
        }
        return None;
    }
    None
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn who_takes_faults_well_is_called_out_for_none() {
    let kinds = [
        "error=OpportunityIsFullError",
        "error=OrderCreationFailedError",
        "status=500",
        "status=503",
        "rate-limit=1",
        "answer-lost",
        "reset",
        "delay=200ms",
        "slow=20000",
        "cut",
        "cut=0",
        "wrong-length",
        "price-changed=2.50",
        "lease-expired",
        "capacity-0",
    ];
    let faults: Vec<String> =
        kinds.iter().flat_map(|kind| ["C1", "C2", "B"].map(|stage| format!("{stage} {kind} times=1"))).collect();
    let mut runs = tokio::task::JoinSet::new();
    for fault in faults {
        runs.spawn(async move {
            let run = Run::start(&[&fault]).await;
            let booked = run.play(book).await;
            let made = run.faults.status()[0].made;
            (fault, booked, made, run.end().await)
        });
    }
    let (mut booked_after, mut met) = (BTreeSet::new(), BTreeSet::new());
    while let Some(ended) = runs.join_next().await {
        let (fault, booked, made, judged) = ended.expect("the run ends well");
        assert_eq!(broken_by_broker(&judged), [""; 0], "{fault}");
        assert_eq!(findings(&judged, Side::BookingSystem), [""; 0], "{fault}");
        if made > 0 {
            met.insert(fault.clone());
        }
        booked_after.extend(booked.map(|_| fault));
    }
    for survived in ["B answer-lost times=1", "B cut times=1", "C2 price-changed=2.50 times=1", "C2 status=500 times=1"]
    {
        assert!(met.contains(survived) && booked_after.contains(survived), "{survived}: {booked_after:?}");
    }
    assert!(!booked_after.contains("B error=OpportunityIsFullError times=1"));
    assert!(met.len() > 35, "{met:?}");
}
