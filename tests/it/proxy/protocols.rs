//! What HTTP/1 has besides a request and its answer: interim answers, switched protocols, ranges, events.

use std::time::Duration;

use umpire::exchange::{BodyEnd, FailureKind};
use umpire::proxy::Limits;

use super::support::{OK, Peer, Proxy, Server, connected, forwarded, text};

const GET: &str = "GET /x HTTP/1.1\r\nHost: h\r\n\r\n";

const HANDSHAKE: &str = "GET /chat HTTP/1.1\r\nHost: h\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\
                         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";

const SWITCHED: &str = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                        Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

#[tokio::test]
async fn interim_answers_arrive_while_the_answer_is_waited_for() {
    let (_server, mut proxy, mut broker, mut system) = forwarded(GET).await;
    for interim in
        ["HTTP/1.1 103 Early Hints\r\nLink: </a.css>; REL=preload\r\n\r\n", "HTTP/1.1 102 Processing\r\n\r\n"]
    {
        system.send(interim).await;
        assert_eq!(broker.head().await, interim);
    }
    system.send(OK).await;
    assert_eq!(broker.until("ok").await, OK);
    let exchange = proxy.recorded().await;
    assert_eq!((exchange.response.unwrap().status, exchange.failure), (200, None));

    // HTTP/1.0 has none.
    let mut old = proxy.connect().await;
    old.send("GET /x HTTP/1.0\r\n\r\n").await;
    system.head().await;
    system.send(format!("HTTP/1.1 103 Early Hints\r\n\r\n{OK}")).await;
    assert!(text(&old.rest().await.0).starts_with("HTTP/1.1 200 OK\r\n"));
}

#[tokio::test]
async fn going_on_is_said_once_and_in_the_words_of_the_booking_system() {
    let (_server, _proxy, mut broker, mut system) =
        forwarded("PUT / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n").await;
    system.send("HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 100 Go On\r\nX: y\r\n\r\n").await;
    assert_eq!(broker.head().await, "HTTP/1.1 102 Processing\r\n\r\n");
    assert_eq!(broker.head().await, "HTTP/1.1 100 Go On\r\nX: y\r\n\r\n");
    assert!(broker.is_silent().await, "and not once more");
    broker.send("body").await;
    assert_eq!(system.exactly(4).await, b"body");
    system.send(OK).await;
    assert_eq!(broker.until("ok").await, OK);
}

async fn switched(proxy: &Proxy, server: &Server) -> (Peer, Peer) {
    let mut broker = proxy.connect().await;
    // What the client sends ahead of the answer belongs to the other protocol, whatever it looks like.
    broker.send(format!("{HANDSHAKE}{GET}")).await;
    let mut system = server.accept().await;
    let head = system.head().await;
    assert!(head.contains("\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"), "{head}");
    assert!(head.contains("\r\nSec-WebSocket-Version: 13\r\n"), "{head}");
    assert!(system.is_silent().await, "nothing of the other protocol passes before it was agreed on");
    system.send(format!("{SWITCHED}hello")).await;
    let answer = broker.head().await;
    assert!(answer.starts_with("HTTP/1.1 101 Switching Protocols\r\n"), "{answer}");
    assert!(
        answer.contains("\r\nUpgrade: websocket\r\n") && answer.contains("\r\nConnection: Upgrade\r\n"),
        "{answer}"
    );
    assert_eq!(broker.exactly(5).await, b"hello");
    assert_eq!(system.exactly(GET.len()).await, GET.as_bytes());
    (broker, system)
}

#[tokio::test]
async fn a_reset_behind_101_is_passed_on_as_one_and_the_record_says_whose_it_was() {
    let server = Server::start().await;
    let mut proxy = Proxy::to(&server).await;
    for (of_broker, kind) in [(true, FailureKind::ClientGone), (false, FailureKind::BrokenOff)] {
        let (broker, system) = switched(&proxy, &server).await;
        let (resetting, mut other) = if of_broker { (broker, system) } else { (system, broker) };
        resetting.stream.set_zero_linger().unwrap();
        drop(resetting);
        assert_eq!(other.rest().await, (Vec::new(), true), "of the broker: {of_broker}");
        assert_eq!(proxy.recorded().await.failure.unwrap().kind, kind);
    }
}

#[tokio::test]
async fn a_switched_connection_passes_both_ways_and_its_bytes_are_counted() {
    let server = Server::start().await;
    let mut proxy = Proxy::to(&server).await;
    let (mut broker, mut system) = switched(&proxy, &server).await;
    for _ in 0..3 {
        broker.send(b"\x81\x85\0\0\0\0HTTP/").await;
        assert_eq!(system.exactly(11).await, b"\x81\x85\0\0\0\0HTTP/");
        system.send(vec![b'x'; 100_000]).await;
        assert_eq!(broker.exactly(100_000).await, vec![b'x'; 100_000]);
    }
    assert!(proxy.exchange_receiver.try_next().is_none(), "it is an exchange when it has ended");
    // Each side ends on its own.
    tokio::io::AsyncWriteExt::shutdown(&mut broker.stream).await.unwrap();
    assert!(system.rest().await.0.is_empty());
    system.send("bye").await;
    assert_eq!(broker.exactly(3).await, b"bye");
    drop(system);
    assert!(broker.rest().await.0.is_empty());
    let exchange = proxy.recorded().await;
    let response = exchange.response.unwrap();
    assert_eq!((response.status, exchange.failure), (101, None));
    let passed = [&exchange.request.body, &response.body].map(|body| (body.bytes.len(), body.length, body.end));
    let (up, down) = (GET.len() as u64 + 33, 5 + 300_000 + 3);
    assert_eq!(passed, [(0, up, BodyEnd::Truncated), (0, down, BodyEnd::Truncated)]);
    assert_eq!(proxy.stop().await.cut, 0);
}

#[tokio::test]
async fn a_switched_connection_that_breaks_off_says_so() {
    let server = Server::start().await;
    let mut proxy = Proxy::to(&server).await;
    let (mut broker, system) = switched(&proxy, &server).await;
    system.stream.set_zero_linger().unwrap();
    drop(system);
    broker.rest().await;
    let exchange = proxy.recorded().await;
    assert_eq!(exchange.failure.unwrap().kind, FailureKind::BrokenOff);
    assert_eq!(exchange.response.unwrap().body.length, 5);
}

#[tokio::test]
async fn a_switched_connection_is_cut_at_the_end_and_counted() {
    let server = Server::start().await;
    let limits = Limits { grace: Duration::from_millis(100), ..Limits::default() };
    let proxy = Proxy::limited(&server, limits).await;
    let (_broker, _system) = switched(&proxy, &server).await;
    let (served, rest) = proxy.stop_with().await;
    assert_eq!((served.cut, rest.len()), (1, 1));
    let failure = rest[0].failure.as_ref().unwrap();
    assert_eq!((failure.kind, rest[0].response.as_ref().unwrap().body.length), (FailureKind::Stopped, 5));
}

#[tokio::test]
async fn a_switched_connection_on_which_nothing_passes_is_given_up() {
    let server = Server::start().await;
    let limits = Limits { idle_timeout: Duration::from_millis(300), ..Limits::default() };
    let mut proxy = Proxy::limited(&server, limits).await;
    let (mut broker, _system) = switched(&proxy, &server).await;
    broker.rest().await;
    let failure = proxy.recorded().await.failure.unwrap();
    assert!(failure.detail.contains("nothing passed for 300ms"), "{}", failure.detail);
}

#[tokio::test]
async fn an_offer_that_is_not_taken_changes_nothing() {
    let (_server, mut proxy, mut broker, mut system) = forwarded(format!("{HANDSHAKE}{GET}")).await;
    system
        .send("HTTP/1.1 426 Upgrade Required\r\nUpgrade: x\r\nConnection: Upgrade\r\nContent-Length: 2\r\n\r\nno")
        .await;
    // A 426 has to say which protocol it requires (RFC 9110 section 15.5.22).
    let required = "HTTP/1.1 426 Upgrade Required\r\nContent-Length: 2\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\nno";
    assert_eq!(broker.until("no").await, required);
    assert!(system.head().await.starts_with("GET /x "), "the next request is a request");
    system.send(OK).await;
    assert_eq!(broker.until("ok").await, OK);
    assert_eq!(proxy.recorded().await.response.unwrap().status, 426);
}

#[tokio::test]
async fn ranges_pass_as_they_are() {
    let (server, mut proxy, mut broker) = connected().await;
    broker.send("GET /x HTTP/1.1\r\nHost: h\r\nRange: bytes=0-1,4-\r\nIf-Range: \"e\"\r\n\r\n").await;
    let mut system = server.accept().await;
    assert!(system.head().await.contains("\r\nRange: bytes=0-1,4-\r\nIf-Range: \"e\"\r\n"));
    let answer = "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-1/6\r\nContent-Length: 2\r\n\r\nab";
    system.send(answer).await;
    assert_eq!(broker.until("ab").await, answer);
    let response = proxy.recorded().await.response.unwrap();
    assert_eq!((response.status, response.headers.get("content-range")), (206, Some("bytes 0-1/6")));
}

#[tokio::test]
async fn events_arrive_one_by_one() {
    let server = Server::start().await;
    let mut proxy = Proxy::to(&server).await;
    for head in [
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n",
    ] {
        let mut broker = proxy.connect().await;
        broker.send("GET /events HTTP/1.1\r\nHost: h\r\nAccept: text/event-stream\r\n\r\n").await;
        let mut system = server.accept().await;
        system.head().await;
        system.send(head).await;
        broker.head().await;
        for number in 0..5 {
            let event = format!("data: {number}\n\n");
            let chunk = format!("{:X}\r\n{event}\r\n", event.len());
            let sent = if head.contains("chunked") { chunk } else { event };
            system.send(&sent).await;
            assert_eq!(broker.until(&sent).await, sent);
            assert!(proxy.exchange_receiver.try_next().is_none());
        }
        drop(system);
        broker.rest().await;
        let exchange = proxy.recorded().await;
        assert_eq!(exchange.response.unwrap().body.bytes.len(), 45);
        assert_eq!(exchange.failure.is_some(), head.contains("chunked"), "without chunks, closing is an end");
    }
}

#[tokio::test]
async fn what_is_pipelined_behind_a_refusal_or_a_close_is_never_answered() {
    let server = Server::start().await;
    let proxy = Proxy::to(&server).await;
    for first in ["GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", "GET / HTTP/1.0\r\n\r\n"] {
        let mut broker = proxy.connect().await;
        broker.send(format!("{first}{GET}{GET}")).await;
        let mut system = server.accept().await;
        system.head().await;
        system.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok").await;
        let answer = text(&broker.rest().await.0);
        assert_eq!(answer.matches("HTTP/1.1 200 ").count(), 1, "{answer}");
        assert!(server.is_silent().await);
    }
}
