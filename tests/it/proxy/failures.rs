//! Upstreams that are down, slow or break off; brokers that go away.

use std::time::Duration;

use serde_json::Value;
use tokio::io::AsyncWriteExt as _;
use umpire::exchange::{BodyEnd, FailureKind};
use umpire::proxy::Limits;
use umpire::proxy::upstream::live::Timeouts;

use super::support::{OK, Peer, Proxy, Server, connected, forwarded, live, round_trip, text};

const GET: &str = "GET /x HTTP/1.1\r\nHost: h\r\n\r\n";

/// Reads an answer of Umpire's own.
async fn problem(broker: &mut Peer) -> (String, Value) {
    let head = broker.head().await;
    assert!(head.contains("\r\ncontent-type: application/problem+json\r\n"), "{head}");
    let length = head.to_ascii_lowercase().split_once("content-length: ").unwrap().1.to_owned();
    let length = length.split_once("\r\n").unwrap().0.parse().unwrap();
    let problem: Value = serde_json::from_slice(&broker.exactly(length).await).unwrap();
    assert!(problem["title"].as_str().unwrap().starts_with("Umpire"), "{problem}");
    (head, problem)
}

#[tokio::test]
async fn an_upstream_that_is_down_is_502_from_umpire() {
    let server = Server::start().await;
    let address = server.address;
    drop(server);
    let mut proxy = Proxy::with(live(&format!("http://{address}"), Timeouts::default()), Limits::default(), 4).await;
    let mut broker = proxy.connect().await;
    for id in 1..=2 {
        broker.send("PUT /x HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nhi").await;
        let (head, problem) = problem(&mut broker).await;
        assert!(head.starts_with("HTTP/1.1 502 Bad Gateway\r\n"), "{head}");
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains(&address.to_string()) && detail.contains("refused"), "{detail}");
        let exchange = proxy.recorded().await;
        assert_eq!((exchange.id, exchange.response), (id, None));
        let failure = exchange.failure.unwrap();
        assert_eq!((failure.kind, failure.answered), (FailureKind::Unreachable, Some(502)));
        assert!(failure.detail.contains(&address.to_string()));
    }
    drop(broker);
    proxy.stop().await;
}

#[tokio::test]
async fn a_name_that_nobody_has_is_502() {
    let mut proxy = Proxy::with(live("http://nobody.invalid", Timeouts::default()), Limits::default(), 4).await;
    let mut broker = proxy.connect().await;
    broker.send(GET).await;
    let (_, problem) = problem(&mut broker).await;
    assert!(problem["detail"].as_str().unwrap().contains("nobody.invalid"), "{problem}");
    assert_eq!(proxy.recorded().await.failure.unwrap().kind, FailureKind::Unreachable);
}

#[tokio::test]
async fn breaking_off_before_the_head_is_502() {
    let (server, mut proxy, mut broker) = connected().await;
    for answer in [
        "",
        "HTTP/1.1 200 OK\r\nContent-",
        "hello, this is not HTTP\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
    ] {
        broker.send(GET).await;
        let mut system = server.accept().await;
        system.head().await;
        system.send(answer).await;
        drop(system);
        let (head, problem) = problem(&mut broker).await;
        assert!(head.starts_with("HTTP/1.1 502 "), "{head}");
        assert!(problem["detail"].as_str().unwrap().contains(&server.address.to_string()));
        let exchange = proxy.recorded().await;
        let failure = exchange.failure.unwrap();
        assert_eq!((failure.kind, failure.answered), (FailureKind::BrokenOff, Some(502)), "{answer}");
        assert_eq!(exchange.response, None);
    }
    assert!(server.is_silent().await, "each request was sent once");
}

#[tokio::test]
async fn no_answer_in_time_is_504() {
    let server = Server::start().await;
    let timeouts = Timeouts { head: Duration::from_millis(200), ..Timeouts::default() };
    let mut proxy = Proxy::with(live(&format!("http://{}", server.address), timeouts), Limits::default(), 4).await;
    let mut broker = proxy.connect().await;
    broker.send("POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n").await;
    let mut system = server.accept().await;
    system.head().await;
    // The broker's own slowness is not counted.
    tokio::time::sleep(Duration::from_millis(500)).await;
    broker.send("hi").await;
    assert_eq!(system.exactly(2).await, b"hi");
    let (head, _) = problem(&mut broker).await;
    assert!(head.starts_with("HTTP/1.1 504 Gateway Timeout\r\n"), "{head}");
    let failure = proxy.recorded().await.failure.unwrap();
    assert_eq!((failure.kind, failure.answered), (FailureKind::TimedOut, Some(504)));
}

#[tokio::test]
async fn breaking_off_in_mid_body_aborts_the_broker_too() {
    let server = Server::start().await;
    let mut proxy = Proxy::to(&server).await;
    for (head, part) in [("Content-Length: 100", "half of it"), ("Transfer-Encoding: chunked", "A\r\nhalf of it\r\n")] {
        let mut broker = proxy.connect().await;
        broker.send(GET).await;
        let mut system = server.accept().await;
        system.head().await;
        let sent = format!("HTTP/1.1 200 OK\r\n{head}\r\n\r\n{part}");
        system.send(&sent).await;
        drop(system);
        let (got, _) = broker.rest().await;
        assert_eq!(text(&got), sent, "what came passes, and no end is made up");
        let exchange = proxy.recorded().await;
        let body = exchange.response.unwrap().body;
        assert_eq!((&body.bytes[..], body.end), (&b"half of it"[..], BodyEnd::Cancelled));
        let failure = exchange.failure.unwrap();
        assert_eq!((failure.kind, failure.answered), (FailureKind::BrokenOff, None));
    }
}

#[tokio::test]
async fn a_reset_within_a_body_until_the_end_is_passed_on_as_one() {
    let (_server, mut proxy, mut broker, mut system) = forwarded(GET).await;
    system.send("HTTP/1.1 200 OK\r\n\r\nhalf").await;
    broker.until("half").await;
    system.stream.set_zero_linger().unwrap();
    drop(system);
    let (_, reset) = broker.rest().await;
    assert!(reset, "an orderly end would say that the body is whole");
    assert_eq!(proxy.recorded().await.failure.unwrap().kind, FailureKind::BrokenOff);
}

#[tokio::test]
async fn a_pooled_connection_that_was_closed_is_no_error() {
    let (server, mut proxy, mut broker) = connected().await;
    let mut request = GET;
    for _ in 0..3 {
        broker.send(request).await;
        let mut system = server.accept().await;
        system.head().await;
        system.send(OK).await;
        assert_eq!(broker.until("ok").await, OK);
        // Closed before the next request is sent, and without saying so.
        drop(system);
        assert_eq!(proxy.recorded().await.failure, None);
        request = "POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n";
    }
}

#[tokio::test]
async fn a_pooled_connection_that_closes_under_the_request_is_no_error() {
    let (server, mut proxy, mut broker) = connected().await;
    broker.send(GET).await;
    let mut first = server.accept().await;
    first.head().await;
    first.send(OK).await;
    broker.until("ok").await;
    // It takes the whole request and closes: an idempotent one is sent again.
    broker.send("PUT /x HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello").await;
    first.head().await;
    first.exactly(5).await;
    drop(first);
    let mut second = server.accept().await;
    assert!(second.head().await.starts_with("PUT /x "));
    assert_eq!(second.exactly(5).await, b"hello");
    second.send(OK).await;
    assert_eq!(broker.until("ok").await, OK);
    for _ in 0..2 {
        assert_eq!(proxy.recorded().await.failure, None);
    }
    // One that must not be sent twice goes out on a connection of its own.
    broker.send("POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello").await;
    let mut third = server.accept().await;
    third.head().await;
    assert_eq!(third.exactly(5).await, b"hello");
    drop(third);
    assert!(broker.head().await.starts_with("HTTP/1.1 502 "));
    assert!(server.is_silent().await, "sent once only");
    assert_eq!(second.rest().await, (Vec::new(), false), "the idle one made room for the new one");
}

#[tokio::test]
async fn a_request_whose_body_comes_later_uses_the_pool_too() {
    let (server, mut proxy, mut broker) = connected().await;
    broker.send(GET).await;
    let mut first = server.accept().await;
    first.head().await;
    first.send(OK).await;
    broker.until("ok").await;
    broker.send("PUT /x HTTP/1.1\r\nHost: h\r\nContent-Length: 6\r\n\r\n").await;
    first.head().await;
    broker.send("abc").await;
    assert_eq!(first.exactly(3).await, b"abc");
    // It closes in the middle of the request: what it took is sent again, and then the rest.
    drop(first);
    let mut second = server.accept().await;
    second.head().await;
    assert_eq!(second.exactly(3).await, b"abc");
    broker.send("def").await;
    assert_eq!(second.exactly(3).await, b"def");
    second.send(OK).await;
    assert_eq!(broker.until("ok").await, OK);
    proxy.recorded().await;
    let exchange = proxy.recorded().await;
    assert_eq!((&exchange.request.body.bytes[..], exchange.failure), (&b"abcdef"[..], None));
}

#[tokio::test]
async fn a_broker_that_leaves_before_the_answer() {
    let (_server, mut proxy, broker, mut system) =
        forwarded("PUT /x HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nhi").await;
    broker.stream.set_zero_linger().unwrap();
    drop(broker);
    let exchange = proxy.recorded().await;
    assert_eq!(exchange.response, None);
    assert_eq!(exchange.request.body.end, BodyEnd::Complete);
    let failure = exchange.failure.unwrap();
    assert_eq!((failure.kind, failure.answered), (FailureKind::ClientGone, None));
    system.exactly(2).await;
    assert!(system.rest().await.0.is_empty(), "the booking system sees the connection end");
}

#[tokio::test]
async fn a_broker_that_leaves_within_its_request() {
    let (_server, mut proxy, broker, mut system) =
        forwarded("PUT /x HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nhalf").await;
    system.exactly(4).await;
    drop(broker);
    let exchange = proxy.recorded().await;
    assert_eq!((&exchange.request.body.bytes[..], exchange.request.body.end), (&b"half"[..], BodyEnd::Cancelled));
    assert_eq!(exchange.failure.unwrap().kind, FailureKind::ClientGone);
    assert!(system.rest().await.0.is_empty());
}

#[tokio::test]
async fn a_broker_that_leaves_within_the_answer() {
    let (_server, mut proxy, mut broker, mut system) = forwarded(GET).await;
    system.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf of it").await;
    broker.until("half of it").await;
    // Nobody can tell a closed connection from one that is closed on one side, until it is written to.
    drop(broker);
    assert!(proxy.exchange_receiver.try_next().is_none());
    while let Ok(()) = system.stream.write_all(b".").await {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let exchange = proxy.recorded().await;
    let body = exchange.response.unwrap().body;
    assert!(body.bytes.starts_with(b"half of it.") && body.end == BodyEnd::Cancelled, "{body:?}");
    assert_eq!(exchange.failure.unwrap().kind, FailureKind::ClientGone);
}

#[tokio::test]
async fn a_broker_that_is_reset_within_the_answer() {
    let (_server, mut proxy, mut broker, mut system) = forwarded(GET).await;
    system.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf of it").await;
    broker.until("half of it").await;
    broker.stream.set_zero_linger().unwrap();
    drop(broker);
    let exchange = proxy.recorded().await;
    let body = exchange.response.unwrap().body;
    assert_eq!((&body.bytes[..], body.end), (&b"half of it"[..], BodyEnd::Cancelled));
    assert_eq!(exchange.failure.unwrap().kind, FailureKind::ClientGone);
    assert!(system.rest().await.0.is_empty());
}

#[tokio::test]
async fn an_early_refusal_of_a_long_request_reaches_the_broker() {
    let (_server, mut proxy, mut broker, mut system) =
        forwarded("PUT /x HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\nbegin").await;
    system.send("HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno").await;
    assert!(broker.until("no").await.starts_with("HTTP/1.1 413 Too Large\r\n"));
    let exchange = proxy.recorded().await;
    assert_eq!(exchange.request.body.end, BodyEnd::Cancelled);
    assert_eq!((exchange.response.unwrap().status, exchange.failure), (413, None));
}

#[tokio::test]
async fn an_early_answer_does_not_cost_the_connection() {
    let (server, mut proxy, mut broker) = connected().await;
    for (length, rest) in [
        ("Transfer-Encoding: chunked", "3\r\nabc\r\n0\r\n\r\n"),
        ("Content-Length: 100000", &*"x".repeat(100_000)),
        ("Content-Length: 3000000", &*"x".repeat(3_000_000)),
    ] {
        broker.send(format!("PUT /x HTTP/1.1\r\nHost: h\r\n{length}\r\n\r\n")).await;
        let mut system = server.accept().await;
        system.head().await;
        system.send(OK).await;
        assert_eq!(broker.until("ok").await, OK);
        assert_eq!(proxy.recorded().await.request.body.end, BodyEnd::Cancelled);
        broker.send(rest).await;
    }
}

#[tokio::test]
async fn a_body_that_was_announced_and_not_asked_for_is_not_waited_for() {
    let (_server, mut proxy, mut broker, mut system) =
        forwarded("PUT /x HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n").await;
    system.send("HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno").await;
    assert!(broker.until("no").await.starts_with("HTTP/1.1 403 "));
    // Whatever comes now may be that body, or another request: nobody can tell.
    broker.send(GET).await;
    assert_eq!(broker.rest().await.0, b"");
    assert_eq!(proxy.recorded().await.response.unwrap().status, 403);
    proxy.stop().await;
}

#[tokio::test]
async fn a_short_body_right_behind_its_head_goes_out_with_it() {
    let (server, mut proxy, mut broker) = connected().await;
    let mut system: Option<Peer> = None;
    for _ in 0..20 {
        broker.send("PUT /x HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\n").await;
        broker.send("body").await;
        if system.is_none() {
            system = Some(server.accept().await);
        }
        // This one answers as soon as it has the head.
        let system = system.as_mut().unwrap();
        system.head().await;
        system.send(OK).await;
        assert_eq!(broker.until("ok").await, OK);
        assert_eq!(system.exactly(4).await, b"body");
        assert_eq!(proxy.recorded().await.request.body.end, BodyEnd::Complete);
    }
}

#[tokio::test]
async fn what_is_not_http_is_refused_and_harms_nobody_else() {
    let server = Server::start().await;
    let mut proxy = Proxy::to(&server).await;
    for (request, status) in [
        ("\x16\x03\x01\x02 hello\r\n\r\n".to_owned(), "400 "),
        ("GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n".to_owned(), "400 "),
        (format!("GET / HTTP/1.1\r\nX: {}\r\n\r\n", "x".repeat(70_000)), "431 "),
        ("CONNECT booking.example:443 HTTP/1.1\r\nHost: h\r\n\r\n".to_owned(), "405 "),
    ] {
        let mut broker = proxy.connect().await;
        broker.send(&request).await;
        let (head, _) = problem(&mut broker).await;
        assert!(head.starts_with(&format!("HTTP/1.1 {status}")), "{head}");
        broker.rest().await;
    }
    assert!(server.is_silent().await, "none of it went on");
    let mut broker = proxy.connect().await;
    broker.send(GET).await;
    let mut system = server.accept().await;
    system.head().await;
    system.send(OK).await;
    broker.until("ok").await;
    round_trip(&mut broker, &mut system).await;
    assert_eq!(proxy.recorded().await.id, 1, "what could not be read is no exchange");
}
