//! When a connection to the booking system is used again, and when it is not.
//!
//! `answer ─► more than the answer? end of the request seen? said anything since? ─► used again, or closed`

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc;
use umpire::proxy::Limits;
use umpire::proxy::upstream::live::UpstreamHttp;

use super::h2_support::{Certified, Wire, accepting, live};
use super::support::{OK, Proxy, Server, connected, forwarded, soon, text};

const GET: &str = "GET /x HTTP/1.1\r\nHost: h\r\n\r\n";

/// It comes to the second connection when the first one has ended: as Python's `HTTPServer` does.
#[tokio::test]
async fn who_serves_one_connection_after_the_other_is_not_kept_waiting() {
    let (server, mut proxy, mut broker, mut first) = forwarded(GET).await;
    first.send(OK).await;
    broker.until("ok").await;
    proxy.recorded().await;
    broker.send("POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\nx").await;
    assert_eq!(first.rest().await, (Vec::new(), false), "no request goes out on it that must not be sent twice");
    drop(first);
    let mut second = server.accept().await;
    second.until("x").await;
    second.send(OK).await;
    broker.until("ok").await;
    assert_eq!(proxy.recorded().await.failure, None);
}

/// Right behind their answers three idle connections are not used again yet. A request that comes then may well have a new one,
/// but at the cost of none of them: under load each new connection would cost another one.
#[tokio::test]
async fn idle_connections_stay_for_requests_that_may_use_them() {
    let server = Server::start().await;
    let mut proxy = Proxy::to(&server).await;
    let (mut brokers, mut systems) = (Vec::new(), Vec::new());
    for _ in 0..4 {
        brokers.push(proxy.connect().await);
    }
    for broker in &mut brokers[..3] {
        broker.send(GET).await;
        let mut system = server.accept().await;
        system.head().await;
        systems.push(system);
    }
    for system in &mut systems {
        system.send(OK).await;
    }
    for broker in &mut brokers[..3] {
        broker.until("ok").await;
    }
    brokers[3].send(GET).await;
    let answer_on_new = async {
        let mut system = server.accept().await;
        system.head().await;
        system.send(OK).await;
        system
    };
    // The machine is slow, and they have rested.
    let answer_on_idle = async {
        loop {
            for system in &mut systems {
                if system.stream.try_read(&mut [0; 4096]).is_ok_and(|count| count > 0) {
                    return system.send(OK).await;
                }
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    let _open = tokio::select! {
        system = answer_on_new => Some(system),
        () = answer_on_idle => None,
    };
    brokers[3].until("ok").await;
    for _ in 0..4 {
        assert_eq!(proxy.recorded().await.failure, None);
    }
    for system in &mut systems {
        let ended = system.stream.try_read(&mut [0; 1]).is_ok_and(|count| count == 0);
        assert!(!ended, "an idle connection was closed");
    }
}

/// Answers before it has the request, then takes the rest of the request for another one.
#[tokio::test]
async fn who_answers_too_early_is_not_asked_again() {
    let server = Server::start().await;
    let mut proxy = Proxy::to(&server).await;
    for (length, rest) in [("Content-Length: 6", "abcdef"), ("Transfer-Encoding: chunked", "6\r\nabcdef\r\n0\r\n\r\n")]
    {
        let mut broker = proxy.connect().await;
        broker.send(format!("PUT /x HTTP/1.1\r\nHost: h\r\n{length}\r\n\r\n")).await;
        let mut system = server.accept().await;
        system.head().await;
        system.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n").await;
        broker.head().await;
        // The request comes to its end before the answer does.
        broker.send(rest).await;
        assert_eq!(text(&system.exactly(rest.len()).await), rest, "it is sent to its end all the same");
        system.send("done").await;
        broker.until("done").await;
        assert_eq!(proxy.recorded().await.failure, None);
        broker.send(GET).await;
        let mut other = soon("a connection of its own", server.accept()).await;
        other.head().await;
        other.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok").await;
        assert_eq!(broker.until("ok").await, OK);
        proxy.recorded().await;
        assert!(system.rest().await.0.is_empty(), "closed, and nothing more was asked of it");
    }
}

/// The answer was there before the rest of the request went out, although both are seen at the same moment.
#[tokio::test]
async fn an_early_answer_is_told_from_one_in_time() {
    let (server, mut proxy, mut broker) = connected().await;
    for _ in 0..20 {
        broker.send("PUT /x HTTP/1.1\r\nHost: h\r\nContent-Length: 6\r\n\r\nab").await;
        let mut system = server.accept().await;
        system.head().await;
        assert_eq!(text(&system.exactly(2).await), "ab");
        // In this test's one thread the proxy does not run between the two.
        assert_eq!(system.stream.try_write(OK.as_bytes()).unwrap(), OK.len());
        assert_eq!(broker.stream.try_write(b"cdef").unwrap(), 4);
        assert_eq!(broker.until("ok").await, OK);
        proxy.recorded().await;
        assert!(system.rest().await.0.len() <= 4, "nothing but the rest of the request");
    }
}

/// Whoever answers in time, and says no more than it was asked for, is asked again: over TLS too, where session tickets
/// come that are no answer.
#[tokio::test]
async fn who_behaves_is_asked_again() {
    let certified = Certified::new();
    for tls in [false, true] {
        let (told, mut connected) = mpsc::channel::<()>(64);
        let address = accepting(tls.then(|| certified.server(&["http/1.1"])), move |mut stream: Box<dyn Wire>| {
            let told = told.clone();
            async move {
                told.send(()).await.unwrap();
                let mut seen = Vec::new();
                while stream.read_buf(&mut seen).await.is_ok_and(|read| read > 0) {
                    if seen.ends_with(b"\r\n\r\n") || seen.ends_with(b"hello") {
                        seen.clear();
                        stream.write_all(OK.as_bytes()).await.unwrap();
                        stream.flush().await.unwrap();
                    }
                }
            }
        })
        .await;
        let scheme = if tls { "https" } else { "http" };
        let upstream = live(&format!("{scheme}://{address}"), Some(&certified), UpstreamHttp::Auto);
        let mut proxy = Proxy::with(upstream, Limits::default(), 64).await;
        let mut broker = proxy.connect().await;
        for request in [GET, "PUT /x HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello"].repeat(10) {
            broker.send(request).await;
            assert_eq!(broker.until("ok").await, OK);
            proxy.recorded().await;
        }
        connected.recv().await.unwrap();
        assert!(connected.try_recv().is_err(), "one connection is enough; TLS: {tls}");
    }
}

/// One that goes on answering while it reads, and closes at its end, gets all of the request.
#[tokio::test]
async fn an_answer_that_ends_its_connection_does_not_end_the_request() {
    let server = Server::start().await;
    let mut proxy = Proxy::to(&server).await;
    let mut broker = proxy.connect().await;
    broker.send("PUT /x HTTP/1.1\r\nHost: h\r\nContent-Length: 6\r\n\r\nabc").await;
    let mut system = server.accept().await;
    system.head().await;
    system.exactly(3).await;
    system.send("HTTP/1.1 200 OK\r\nContent-Length: 6\r\nConnection: close\r\n\r\nABC").await;
    broker.until("ABC").await;
    broker.send("def").await;
    assert_eq!(text(&system.exactly(3).await), "def");
    system.send("DEF").await;
    broker.until("DEF").await;
    let exchange = proxy.recorded().await;
    assert_eq!((&exchange.request.body.bytes[..], exchange.failure), (&b"abcdef"[..], None));
}
