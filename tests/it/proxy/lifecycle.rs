//! Start, load, back-pressure and end.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt, StreamBody};
use hyper::StatusCode;
use hyper::body::Frame;
use tokio::net::TcpStream;
use umpire::exchange::{BodyEnd, FailureKind};
use umpire::proxy::Limits;
use umpire::proxy::upstream::live::Timeouts;
use umpire::proxy::upstream::{BodyError, OutboundRequest, ResponseFuture, Upstream, UpstreamResponse, full_body};

use super::support::{OK, Proxy, Server, live, round_trip, soon, text};

const GET: &str = "GET /x HTTP/1.1\r\nHost: h\r\n\r\n";

#[tokio::test]
async fn shutdown_drains_what_is_in_flight() {
    let server = Server::start().await;
    let mut proxy = Proxy::to(&server).await;
    let mut idle = proxy.connect().await;
    let mut busy = proxy.connect().await;
    busy.send(GET).await;
    let mut system = server.accept().await;
    system.head().await;
    proxy.shutdown.cancel();
    assert_eq!(idle.rest().await, (Vec::new(), false), "an idle connection closes at once");
    soon("the listener to close", async {
        while TcpStream::connect(proxy.address).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    system.send(OK).await;
    assert_eq!(
        text(&busy.rest().await.0),
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok",
        "the answer comes, and then the connection closes"
    );
    assert_eq!(proxy.recorded().await.failure, None);
    assert_eq!(proxy.stop().await.cut, 0);
}

#[tokio::test]
async fn what_outlasts_the_grace_time_is_recorded_as_stopped() {
    let server = Server::start().await;
    let limits = Limits { grace: Duration::from_millis(100), ..Limits::default() };
    let proxy = Proxy::limited(&server, limits).await;
    let mut waiting = proxy.connect().await;
    waiting.send(GET).await;
    let mut never = server.accept().await;
    never.head().await;
    let mut parsed = proxy.connect().await;
    parsed.send(GET).await;
    let mut slow = server.accept().await;
    slow.head().await;
    slow.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf").await;
    parsed.until("half").await;
    let (end, mut rest) = proxy.stop_with().await;
    assert_eq!((end.connections, end.cut), (2, 2));
    rest.sort_by_key(|exchange| exchange.id);
    let kinds: Vec<_> = rest.iter().map(|exchange| exchange.failure.as_ref().unwrap().kind).collect();
    assert_eq!(kinds, [FailureKind::Stopped, FailureKind::Stopped]);
    assert_eq!(rest[0].response, None);
    let body = &rest[1].response.as_ref().unwrap().body;
    assert_eq!((&body.bytes[..], body.end), (&b"half"[..], BodyEnd::Cancelled));
}

#[tokio::test]
async fn a_full_sink_delays_nobody_for_long_and_is_counted() {
    let server = Server::start().await;
    let upstream = live(&format!("http://{}", server.address), Timeouts::default());
    let mut proxy = Proxy::with(upstream, Limits::default(), 2).await;
    let mut broker = proxy.connect().await;
    broker.send(GET).await;
    let mut system = server.accept().await;
    system.head().await;
    system.send(OK).await;
    broker.until("ok").await;
    let start = Instant::now();
    for _ in 0..20 {
        round_trip(&mut broker, &mut system).await;
    }
    assert!(start.elapsed() < Duration::from_secs(4), "{:?}", start.elapsed());
    assert_eq!(proxy.exchange_receiver.missed(), 19);
    assert_eq!([proxy.recorded().await.id, proxy.recorded().await.id], [1, 2]);
    round_trip(&mut broker, &mut system).await;
    assert_eq!(proxy.recorded().await.id, 22, "recording goes on when there is room");
    assert_eq!(proxy.exchange_receiver.missed(), 19);
}

#[tokio::test]
async fn long_exchanges_that_hold_every_place_hold_nobody_up() {
    let server = Server::start().await;
    let upstream = live(&format!("http://{}", server.address), Timeouts::default());
    let mut proxy = Proxy::with(upstream, Limits::default(), 1).await;
    let mut long = proxy.connect().await;
    long.send(GET).await;
    let mut stream = server.accept().await;
    stream.head().await;
    stream.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n").await;
    long.until("a\r\n").await;
    let mut broker = proxy.connect().await;
    broker.send(GET).await;
    let mut system = server.accept().await;
    system.head().await;
    system.send(OK).await;
    broker.until("ok").await;
    assert_eq!(proxy.exchange_receiver.missed(), 1);
    stream.send("0\r\n\r\n").await;
    long.until("0\r\n\r\n").await;
    assert_eq!(proxy.recorded().await.id, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn under_load_nothing_is_lost_or_mixed_up() {
    const BROKERS: usize = 16;
    const EACH: usize = 100;
    let server = Server::start().await;
    let upstream = live(&format!("http://{}", server.address), Timeouts::default());
    let mut proxy = Proxy::with(upstream, Limits::default(), 8).await;
    let serving = tokio::spawn(async move {
        loop {
            let mut system = server.accept().await;
            tokio::spawn(async move {
                // Ends when the proxy closes the connection, or with the test.
                loop {
                    let head = system.head().await;
                    let path = head.split(' ').nth(1).unwrap().to_owned();
                    let length = head.split("Content-Length: ").nth(1).unwrap().split("\r\n").next().unwrap();
                    let body = system.exactly(length.parse().unwrap()).await;
                    let answer = format!("{path}={}", text(&body));
                    system.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{answer}", answer.len())).await;
                }
            });
        }
    });
    let mut brokers = tokio::task::JoinSet::new();
    for broker in 0..BROKERS {
        let mut peer = proxy.connect().await;
        brokers.spawn(async move {
            for number in 0..EACH {
                let body = "x".repeat(number * 50);
                let path = format!("/{broker}/{number}");
                peer.send(format!("PUT {path} HTTP/1.1\r\nHost: h\r\nContent-Length: {}\r\n\r\n{body}", body.len()))
                    .await;
                peer.head().await;
                let answer = format!("{path}={body}");
                assert_eq!(text(&peer.exactly(answer.len()).await), answer);
            }
        });
    }
    let mut ids = Vec::new();
    for _ in 0..BROKERS * EACH {
        let exchange = proxy.recorded().await;
        let body = exchange.response.unwrap().body;
        let expected = format!("{}={}", exchange.request.target, text(&exchange.request.body.bytes));
        assert_eq!(text(&body.bytes), expected);
        ids.push(exchange.id);
    }
    ids.sort_unstable();
    assert_eq!(ids, (1..=(BROKERS * EACH) as u64).collect::<Vec<_>>());
    assert_eq!(proxy.exchange_receiver.missed(), 0);
    while let Some(broker) = brokers.join_next().await {
        broker.unwrap();
    }
    serving.abort();
    assert_eq!(proxy.stop().await.cut, 0);
}

/// An upstream without a wire.
struct Made;

impl Upstream for Made {
    fn origin(&self) -> &'static str {
        "http://made.example"
    }

    fn send(&self, request: OutboundRequest) -> ResponseFuture<'_> {
        Box::pin(async move {
            assert_ne!(request.path(), "/panic", "on purpose");
            let headers = request.end_to_end_headers(self.origin());
            assert_eq!(headers.get("host"), Some("made.example"));
            assert_eq!(headers.get("connection"), None);
            let length = request.path() == "/length";
            let body = request.body.collect().await.unwrap().to_bytes();
            let body = if length {
                full_body(body)
            } else {
                let frames = [Ok::<_, BodyError>(Frame::data(Bytes::from("made "))), Ok(Frame::data(body))];
                StreamBody::new(futures_util::stream::iter(frames)).boxed()
            };
            Ok(UpstreamResponse::new(StatusCode::CREATED, [("X-Made", "1")].into_iter().collect(), body))
        })
    }
}

#[tokio::test]
async fn whoever_stands_in_for_the_booking_system_goes_through_the_same_pipe() {
    let mut proxy = Proxy::with(Arc::new(Made), Limits::default(), 4).await;
    let mut broker = proxy.connect().await;
    let request =
        |path: &str| format!("PUT {path} HTTP/1.1\r\nHost: h\r\nConnection: x\r\nContent-Length: 2\r\n\r\nhi");
    broker.send(request("/length")).await;
    assert_eq!(broker.until("hi").await, "HTTP/1.1 201 Created\r\nX-Made: 1\r\nContent-Length: 2\r\n\r\nhi");
    broker.send(request("/")).await;
    let head = "HTTP/1.1 201 Created\r\nX-Made: 1\r\nTransfer-Encoding: chunked\r\n\r\n";
    assert_eq!(broker.until("0\r\n\r\n").await, format!("{head}5\r\nmade \r\n2\r\nhi\r\n0\r\n\r\n"));
    for content in ["hi", "made hi"] {
        let exchange = proxy.recorded().await;
        assert_eq!(exchange.origin, "http://made.example");
        let response = exchange.response.unwrap();
        assert_eq!((response.status, text(&response.body.bytes)), (201, content.to_owned()));
    }
}

#[tokio::test]
async fn a_panic_ends_one_connection_only() {
    let mut proxy = Proxy::with(Arc::new(Made), Limits::default(), 4).await;
    let mut broker = proxy.connect().await;
    broker.send("GET /panic HTTP/1.1\r\nHost: h\r\n\r\n").await;
    assert!(broker.rest().await.0.is_empty());
    let failure = proxy.recorded().await.failure.unwrap();
    assert_eq!(failure.kind, FailureKind::Stopped);
    assert!(failure.detail.contains("Umpire itself"));
    let mut broker = proxy.connect().await;
    broker.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n").await;
    broker.until("0\r\n\r\n").await;
    assert_eq!(proxy.recorded().await.failure, None);
    drop(broker);
    proxy.stop().await;
}

#[tokio::test]
async fn a_head_that_does_not_come_is_not_waited_for() {
    let limits = Limits {
        head_timeout: Duration::from_millis(100),
        idle_timeout: Duration::from_millis(300),
        ..Limits::default()
    };
    let proxy = Proxy::with(Arc::new(Made), limits, 4).await;
    let mut slow = proxy.connect().await;
    slow.send("GET / HT").await;
    let mut idle = proxy.connect().await;
    assert!(text(&slow.rest().await.0).starts_with("HTTP/1.1 408 Request Timeout\r\n"));
    assert_eq!(idle.rest().await, (Vec::new(), false));
    proxy.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_a_broker_does_one_after_the_other_is_recorded_in_that_order() {
    let server = Server::start().await;
    let upstream = live(&format!("http://{}", server.address), Timeouts::default());
    let mut proxy = Proxy::with(upstream, Limits::default(), 512).await;
    let mut first = proxy.connect().await;
    first.send(GET).await;
    let mut system = server.accept().await;
    system.head().await;
    system.send(OK).await;
    first.until("ok").await;
    let long = format!("HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n{}the end", "x".repeat(60_000 - 7));
    // A new connection each time, so that each exchange ends on whichever thread is free.
    for _ in 0..150 {
        let mut broker = proxy.connect().await;
        round_trip(&mut broker, &mut system).await;
        let mut broker = proxy.connect().await;
        broker.send(GET).await;
        system.head().await;
        system.send(&long).await;
        broker.until("the end").await;
    }
    let mut ids = Vec::new();
    for _ in 0..301 {
        ids.push(proxy.recorded().await.id);
    }
    assert!(ids.is_sorted(), "{ids:?}");
}
