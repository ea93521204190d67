//! Answers that come before the end of their request, of which the broker goes on sending the rest.
//!
//! `request … ─► proxy ─► booking system ─► answer; the rest ─► read and dropped, as long as it comes ─► the connection goes on`

use std::sync::{Arc, Mutex};
use std::time::Duration;

use http_body_util::BodyExt as _;
use hyper::StatusCode;
use umpire::proxy::Limits;
use umpire::proxy::upstream::{OutboundRequest, ResponseFuture, Upstream, UpstreamResponse, full_body};

use super::support::{OK, Peer, Proxy, Server, round_trip, text};

/// More than the sockets between hold.
const LENGTH: usize = 24 << 20;

/// A broker that has sent the head and the first byte of a long request, and the head of the answer that it got.
async fn refused(proxy: &Proxy, server: &Server, fields: &str) -> (Peer, String) {
    let mut broker = proxy.connect().await;
    broker.send(format!("PUT /x HTTP/1.1\r\nHost: h\r\nContent-Length: {LENGTH}\r\n\r\nx")).await;
    let mut system = server.accept().await;
    system.until("x").await;
    system.send(format!("HTTP/1.1 413 Content Too Large\r\nContent-Length: 5\r\n{fields}\r\nlarge")).await;
    let answer = broker.until("large").await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    (broker, answer)
}

#[tokio::test]
async fn a_long_request_is_read_to_its_end_and_the_connection_goes_on() {
    let server = Server::start().await;
    let mut proxy = Proxy::to(&server).await;
    for fields in ["", "Connection: close\r\n"] {
        let (mut broker, answer) = refused(&proxy, &server, fields).await;
        // A broker that can't send all of it never reads the answer.
        broker.send(vec![b'x'; LENGTH - 1]).await;
        assert_eq!(proxy.recorded().await.response.unwrap().status, 413);
        if answer.contains("Connection: close") {
            assert_eq!(broker.rest().await, (Vec::new(), false));
            continue;
        }
        broker.send("GET /again HTTP/1.1\r\nHost: x\r\n\r\n").await;
        let mut system = server.accept().await;
        system.head().await;
        system.send(OK).await;
        broker.until("ok").await;
        round_trip(&mut broker, &mut system).await;
        for _ in 0..2 {
            assert_eq!(proxy.recorded().await.failure, None);
        }
    }
}

#[tokio::test]
async fn a_request_that_does_not_go_on_is_not_waited_for() {
    let server = Server::start().await;
    let limits = Limits { linger_silence: Duration::from_millis(50), ..Limits::default() };
    let mut proxy = Proxy::limited(&server, limits).await;
    let (mut broker, _) = refused(&proxy, &server, "").await;
    assert_eq!(broker.rest().await, (Vec::new(), false));
    proxy.recorded().await;
    // One that goes on for ever is no better.
    let limits = Limits { linger: Duration::from_millis(200), ..Limits::default() };
    let proxy = Proxy::limited(&server, limits).await;
    let (mut broker, _) = refused(&proxy, &server, "").await;
    let sending = async {
        while tokio::io::AsyncWriteExt::write_all(&mut broker.stream, b"x").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    super::support::soon("the end", sending).await;
}

#[tokio::test]
async fn nothing_is_waited_for_at_shutdown_nor_where_there_is_no_room() {
    let server = Server::start().await;
    let mut proxy = Proxy::limited(&server, Limits { connections: 1, ..Limits::default() }).await;
    let (mut broker, _) = refused(&proxy, &server, "").await;
    proxy.recorded().await;
    let (mut other, _) = refused(&proxy, &server, "").await;
    assert_eq!(broker.rest().await, (Vec::new(), false), "it made room");
    proxy.recorded().await;
    assert_eq!(proxy.stop().await.cut, 0, "it ended by itself");
    assert!(other.rest().await.0.is_empty());
}

/// Notes whether bodies come unasked, and asks for none but those.
struct Asking(Arc<Mutex<Vec<bool>>>);

impl Upstream for Asking {
    fn origin(&self) -> &'static str {
        "http://asking.example"
    }

    fn send(&self, request: OutboundRequest) -> ResponseFuture<'_> {
        Box::pin(async move {
            self.0.lock().unwrap().push(request.body_unasked);
            let status = if request.body_unasked { StatusCode::OK } else { StatusCode::EXPECTATION_FAILED };
            let body =
                if request.body_unasked { request.body.collect().await.unwrap().to_bytes() } else { "refused".into() };
            Ok(UpstreamResponse::new(status, [("X-Made", "1")].into_iter().collect(), full_body(body)))
        })
    }
}

#[tokio::test]
async fn a_body_that_comes_without_being_asked_for_is_not_asked_for() {
    let noted = Arc::<Mutex<Vec<bool>>>::default();
    let proxy = Proxy::with(Arc::new(Asking(Arc::clone(&noted))), Limits::default(), 8).await;
    let expecting = "PUT /x HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n";
    let mut broker = proxy.connect().await;
    broker.send(format!("{expecting}body")).await;
    let answer = broker.until("body").await;
    assert!(answer.starts_with("HTTP/1.1 200 ") && !answer.contains("Connection: close"), "{answer}");
    broker.send(expecting).await;
    let answer = text(&broker.rest().await.0);
    assert!(answer.starts_with("HTTP/1.1 417 ") && answer.ends_with("refused"), "{answer}");
    assert!(answer.contains("\r\nConnection: close\r\n"), "nobody knows whether the body follows: {answer}");
    assert_eq!(*noted.lock().unwrap(), [true, false]);
}
