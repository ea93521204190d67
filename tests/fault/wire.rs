//! Faults on the wire: what a client sees of them, and what is recorded.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use umpire::exchange::{BodyEnd, FailureKind};
use umpire::finding::Side;

use crate::support::*;

/// What of an answer arrives, however it ends.
fn raw(broker: Broker, target: &str) -> Vec<u8> {
    let mut stream = TcpStream::connect(broker.address()).unwrap();
    write!(stream, "GET {target} HTTP/1.1\r\nHost: proxy\r\nAuthorization: Bearer a\r\n\r\n").unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let (mut all, mut part) = (Vec::new(), [0; 4096]);
    while let Ok(read) = stream.read(&mut part) {
        if read == 0 {
            break;
        }
        all.extend_from_slice(&part[..read]);
    }
    all
}

const FEED: &str = "/feeds/scheduled-sessions";

fn body(answer: &[u8]) -> &[u8] {
    let head = answer.windows(4).position(|window| window == b"\r\n\r\n").expect("a head");
    &answer[head + 4..]
}

#[tokio::test]
async fn a_cut_body_and_a_wrong_length_end_the_connection() {
    let judged = judged(&["opportunity-feed cut=100 times=1", "opportunity-feed wrong-length=7 times=1"], |broker| {
        let cut = raw(broker, FEED);
        assert_eq!(body(&cut).len(), 100);
        let short = raw(broker, FEED);
        let head = String::from_utf8_lossy(&short).to_ascii_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap().to_owned();
        assert_eq!(length.parse::<usize>().unwrap(), body(&short).len() + 7);
        let whole = broker.get(FEED).unwrap();
        assert_eq!(whole.text.len(), body(&short).len());
    })
    .await;
    let of = |at: usize| (&judged[at].exchange.response, &judged[at].exchange.failure);
    for at in [0, 1] {
        assert_eq!(of(at).1.as_ref().map(|failure| failure.kind), Some(FailureKind::Fault), "{at}");
        assert!(judged[at].exchange.is_faulted());
    }
    let cut = &of(0).0.as_ref().unwrap().body;
    assert_eq!((cut.bytes.len(), cut.end), (100, BodyEnd::Cancelled));
    assert!(judged[2].exchange.failure.is_none() && !judged[2].exchange.is_faulted());
    assert_eq!(findings(&judged, Side::BookingSystem), [""; 0]);
}

#[tokio::test]
async fn a_reset_connection_asks_nobody() {
    let judged = judged(&["B reset times=1"], |broker| {
        let id = uuid(1);
        assert_eq!((broker.c1(&id).unwrap().status, broker.c2(&id).unwrap().status), (200, 200));
        let error = broker.b(&id).expect_err("no answer");
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset, "{error}");
        wait(1.1);
        assert_eq!(broker.b(&id).unwrap().body["orderNumber"], "SBX-000001");
    })
    .await;
    assert_eq!(judged.len(), 4);
    let reset = &judged[2].exchange;
    assert!(reset.response.is_none() && reset.is_faulted());
    assert!(!reset.request.body.bytes.is_empty() && reset.request.body.end == BodyEnd::Complete);
    assert_eq!(findings(&judged, Side::BookingSystem), [""; 0]);
}

#[tokio::test]
async fn a_slow_body_comes_whole() {
    let judged = judged(&["C2 slow=4000"], |broker| {
        let start = Instant::now();
        let quoted = broker.c2(&uuid(1)).unwrap();
        assert_eq!(quoted.body["@type"], "OrderQuote");
        let least = Duration::from_millis(quoted.text.len() as u64 / 4).saturating_sub(Duration::from_millis(200));
        assert!(start.elapsed() >= least, "{:?} for {} bytes", start.elapsed(), quoted.text.len());
    })
    .await;
    assert!(judged[0].exchange.is_faulted() && judged[0].exchange.failure.is_none());
}

#[tokio::test]
async fn a_broker_that_does_not_wait_for_a_late_answer_is_not_the_booking_systems_affair() {
    let judged = judged(&["B delay=3s times=1"], |broker| {
        let id = uuid(1);
        assert_eq!((broker.c1(&id).unwrap().status, broker.c2(&id).unwrap().status), (200, 200));
        let mut stream = TcpStream::connect(broker.address()).unwrap();
        stream.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
        let target = format!("/api/openbooking/orders/{id}");
        broker.send_over(&mut stream, "PUT", &target, &order(7.5).to_string()).expect_err("it gives up");
        // Its connection ends with unread bytes under way, so that the proxy notices.
        socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap();
        drop(stream);
        wait(0.5);
        assert_eq!(broker.b(&id).unwrap().body["orderNumber"], "SBX-000001", "it was booked the first time");
    })
    .await;
    let late = judged.iter().find(|judged| judged.exchange.is_faulted()).expect("it is marked all the same");
    assert_eq!(late.exchange.failure.as_ref().map(|failure| failure.kind), Some(FailureKind::ClientGone));
    assert_eq!(findings(&judged, Side::BookingSystem), [""; 0]);
}
