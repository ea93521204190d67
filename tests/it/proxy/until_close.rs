//! Answers whose end is the end of the connection, and that Umpire itself gives up: an orderly end would say that they are whole.
//!
//! `booking system ─► proxy, whose patience is over or that is stopped ─► broker: a reset, over TLS too`

use std::future::Future;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use umpire::exchange::FailureKind;
use umpire::proxy::upstream::live::Timeouts;
use umpire::proxy::{Limits, Listener};

use super::h2_support::Certified;
use super::support::{Peer, Proxy, Server, live, soon};

/// A request, and what an answer to it begins with that says nothing to the client of where it ends.
const WITHOUT_END: [(&str, &str); 2] = [
    ("GET /x HTTP/1.1\r\nHost: h\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\nhalf"),
    ("GET /x HTTP/1.0\r\n\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffff\r\nhalf"),
];

async fn proxy(server: &Server, tls: Option<&Certified>, limits: Limits) -> Proxy {
    let listener = Listener::new(
        TcpListener::bind("127.0.0.1:0").await.unwrap(),
        live(&format!("http://{}", server.address), Timeouts::default()),
    );
    Proxy::with_listener(Listener { tls: tls.map(|tls| tls.server(&["http/1.1"])), ..listener }, limits, 64)
}

/// A broker that has sent a request, with TLS or without, and read "half" of the answer; its connection as TCP has it, and
/// the booking system's.
async fn asking(
    proxy: &Proxy,
    tls: Option<&Certified>,
    request: &str,
    answering: impl Future<Output = Peer>,
) -> (Peer, Peer) {
    let mut got = [0; 4096];
    match tls {
        None => {
            let mut broker = proxy.connect().await;
            broker.send(request).await;
            let system = answering.await;
            broker.until("half").await;
            (broker, system)
        }
        Some(certified) => {
            let mut broker = certified.connect(proxy.address, "http/1.1").await;
            broker.write_all(request.as_bytes()).await.unwrap();
            let system = answering.await;
            let mut seen = Vec::new();
            while !seen.ends_with(b"half") {
                let count = soon("half of the answer", broker.read(&mut got)).await.unwrap();
                seen.extend_from_slice(&got[..count]);
            }
            (Peer::new(broker.into_inner().0), system)
        }
    }
}

async fn answering(server: &Server, answer: &str) -> Peer {
    let mut system = server.accept().await;
    system.head().await;
    system.send(answer).await;
    system
}

#[tokio::test]
async fn it_is_reset_when_the_grace_time_is_over() {
    let certified = Certified::new();
    for tls in [None, Some(&certified)] {
        for (request, answer) in WITHOUT_END {
            let server = Server::start().await;
            let proxy = proxy(&server, tls, Limits { grace: Duration::from_millis(100), ..Limits::default() }).await;
            let (mut broker, _system) = asking(&proxy, tls, request, answering(&server, answer)).await;
            let (_, recorded) = proxy.stop_with().await;
            assert_eq!(recorded[0].failure.as_ref().unwrap().kind, FailureKind::Stopped);
            assert!(broker.rest().await.1, "an orderly end of {answer:?}; TLS: {}", tls.is_some());
        }
    }
}

#[tokio::test]
async fn it_is_reset_when_the_broker_takes_nothing_more() {
    let certified = Certified::new();
    for tls in [None, Some(&certified)] {
        for (request, answer) in WITHOUT_END {
            let server = Server::start().await;
            let limits = Limits { stall_timeout: Duration::from_millis(300), ..Limits::default() };
            let mut proxy = proxy(&server, tls, limits).await;
            let (mut broker, mut system) = asking(&proxy, tls, request, answering(&server, answer)).await;
            let sending = tokio::spawn(async move { system.stream.write_all(&vec![b'x'; 64 << 20]).await });
            assert_eq!(proxy.recorded().await.failure.unwrap().kind, FailureKind::ClientGone);
            assert!(broker.rest().await.1, "an orderly end of {answer:?}; TLS: {}", tls.is_some());
            assert!(soon("the booking system to be let go too", sending).await.unwrap().is_err());
        }
    }
}
