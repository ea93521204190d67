//! Brokers that send whole requests and then close their sending side (RFC 9112 section 9.6): they get their answers.
//!
//! `requests, FIN ─► proxy ─► booking system ─► answers, and then the end`

use std::sync::Arc;
use std::time::Duration;

use rustls::ServerConfig;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::client::TlsStream;
use umpire::exchange::{BodyEnd, FailureKind};
use umpire::proxy::upstream::live::Timeouts;
use umpire::proxy::{Limits, Listener};

use super::forward::{NAME, Wishes, rig};
use super::h2_support::Certified;
use super::support::{OK, Peer, Proxy, Server, connected, live, soon, text};

const GET: &str = "GET /x HTTP/1.1\r\nHost: h\r\n\r\n";
const PUT: &str = "PUT /x HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello";
const CHUNKED: &str = "PUT /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";

/// How a broker closes its sending side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum RunSummary {
    /// Without TLS.
    Plain,
    /// TLS with `close_notify`, and below it TCP.
    Notified,
    /// TCP alone below TLS.
    Unnotified,
}

enum Broker {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>, RunSummary),
}

impl Broker {
    async fn connect(proxy: &Proxy, closing: RunSummary, certified: &Certified) -> Self {
        if closing == RunSummary::Plain {
            return Self::Plain(proxy.connect().await.stream);
        }
        Self::Tls(Box::new(certified.connect(proxy.address, "http/1.1").await), closing)
    }

    async fn send(&mut self, text: &str) {
        match self {
            Self::Plain(stream) => stream.write_all(text.as_bytes()).await.unwrap(),
            Self::Tls(stream, _) => {
                stream.write_all(text.as_bytes()).await.unwrap();
                stream.flush().await.unwrap();
            }
        }
    }

    async fn close(&mut self) {
        match self {
            Self::Plain(stream) => stream.shutdown().await.unwrap(),
            Self::Tls(stream, RunSummary::Unnotified) => stream.get_mut().0.shutdown().await.unwrap(),
            Self::Tls(stream, _) => stream.shutdown().await.unwrap(),
        }
    }

    /// Everything up to the end, which must be an orderly one.
    async fn rest(&mut self) -> String {
        let mut got = Vec::new();
        match self {
            Self::Plain(stream) => soon("the end", stream.read_to_end(&mut got)).await.unwrap(),
            Self::Tls(stream, _) => soon("the end", stream.read_to_end(&mut got)).await.unwrap(),
        };
        text(&got)
    }
}

fn proxy(server: &Server, listener: TcpListener, tls: Option<Arc<ServerConfig>>, limits: Limits) -> Proxy {
    let upstream = live(&format!("http://{}", server.address), Timeouts::default());
    Proxy::with_listener(Listener { tls, ..Listener::new(listener, upstream) }, limits, 64)
}

/// When the broker closes its sending side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum When {
    /// Together with its requests.
    AtOnce,
    /// When the booking system has the first of them.
    Asked,
    /// When the first answer has begun.
    Answering,
}

#[tokio::test]
async fn whole_requests_are_answered() {
    let certified = Certified::new();
    let server = Server::start().await;
    for closing in [RunSummary::Plain, RunSummary::Notified, RunSummary::Unnotified] {
        let tls = (closing != RunSummary::Plain).then(|| certified.server(&["http/1.1"]));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut proxy = proxy(&server, listener, tls, Limits::default());
        let mut system: Option<Peer> = None;
        for requests in [&[GET][..], &[PUT], &[CHUNKED], &[GET, GET], &[GET, PUT, CHUNKED, GET], &[CHUNKED, PUT]] {
            for when in [When::AtOnce, When::Asked, When::Answering] {
                let what = format!("{closing:?} {requests:?} {when:?}");
                let mut broker = Broker::connect(&proxy, closing, &certified).await;
                broker.send(&requests.concat()).await;
                if when == When::AtOnce {
                    broker.close().await;
                }
                for (number, request) in requests.iter().enumerate() {
                    let system = match &mut system {
                        Some(system) => system,
                        None => system.insert(server.accept().await),
                    };
                    assert!(system.head().await.starts_with(&request[..4]), "{what}");
                    match *request {
                        PUT => assert_eq!(text(&system.exactly(5).await), "hello", "{what}"),
                        CHUNKED => drop(system.until("0\r\n\r\n").await),
                        _ => {}
                    }
                    if when == When::Asked && number == 0 {
                        broker.close().await;
                        tokio::time::sleep(Duration::from_millis(20)).await;
                    }
                    system.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\no").await;
                    tokio::time::sleep(Duration::from_millis(5)).await;
                    if when == When::Answering && number == 0 {
                        broker.close().await;
                        tokio::time::sleep(Duration::from_millis(20)).await;
                    }
                    system.send("k").await;
                }
                assert_eq!(broker.rest().await, OK.repeat(requests.len()), "{what}");
                for request in requests {
                    let exchange = proxy.recorded().await;
                    let body = if *request == GET { "" } else { "hello" };
                    assert_eq!(
                        (text(&exchange.request.body.bytes), exchange.failure),
                        (body.to_owned(), None),
                        "{what}"
                    );
                    let response = exchange.response.unwrap();
                    assert_eq!((response.status, response.body.end), (200, BodyEnd::Complete), "{what}");
                }
            }
        }
        proxy.stop().await;
    }
}

/// What ends within a request is no request, whichever way it ends.
#[tokio::test]
async fn what_is_not_whole_is_no_request() {
    let certified = Certified::new();
    let server = Server::start().await;
    for closing in [RunSummary::Plain, RunSummary::Notified, RunSummary::Unnotified] {
        let tls = (closing != RunSummary::Plain).then(|| certified.server(&["http/1.1"]));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut proxy = proxy(&server, listener, tls, Limits::default());
        for request in ["GET /x HT", "PUT /x HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n"] {
            let mut broker = Broker::connect(&proxy, closing, &certified).await;
            broker.send(request).await;
            broker.close().await;
            assert_eq!(broker.rest().await, "", "{closing:?} {request}");
        }
        for (number, request) in [&PUT[..PUT.len() - 1], &CHUNKED[..CHUNKED.len() - 2], &CHUNKED[..CHUNKED.len() - 7]]
            .into_iter()
            .enumerate()
        {
            let mut broker = Broker::connect(&proxy, closing, &certified).await;
            broker.send(request).await;
            broker.close().await;
            assert!(!broker.rest().await.contains(" 200 "), "{closing:?} {request}");
            let exchange = proxy.recorded().await;
            let failure = exchange.failure.unwrap();
            assert_eq!(
                (exchange.id, failure.kind),
                (number as u64 + 1, FailureKind::ClientGone),
                "{closing:?} {request}"
            );
            assert_eq!(exchange.request.body.end, BodyEnd::Cancelled, "{closing:?} {request}");
            assert_eq!(exchange.response, None);
        }
        proxy.stop().await;
    }
}

/// What came before a request that is not whole is answered.
#[tokio::test]
async fn whole_requests_before_one_that_is_not_are_answered() {
    let (server, mut proxy, mut broker) = connected().await;
    broker.send(format!("{GET}{GET}{}", &PUT[..40])).await;
    broker.stream.shutdown().await.unwrap();
    let mut system = server.accept().await;
    for _ in 0..2 {
        system.head().await;
        system.send(OK).await;
    }
    assert_eq!(text(&broker.rest().await.0), OK.repeat(2));
    for _ in 0..2 {
        assert_eq!(proxy.recorded().await.failure, None);
    }
    proxy.stop().await;
}

/// Whoever closed its sending side and then resets the connection has gone: the next write says so.
#[tokio::test]
async fn who_goes_after_closing_is_noticed_by_a_failed_write() {
    let (server, mut proxy, mut broker) = connected().await;
    broker.send(PUT).await;
    broker.stream.shutdown().await.unwrap();
    let mut system = server.accept().await;
    system.head().await;
    system.exactly(5).await;
    drop(broker);
    system.send("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n").await;
    while let Ok(()) = system.stream.write_all(b".").await {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let exchange = proxy.recorded().await;
    assert_eq!(exchange.response.unwrap().body.end, BodyEnd::Cancelled);
    assert_eq!(exchange.failure.unwrap().kind, FailureKind::ClientGone);
    proxy.stop().await;
}

/// A body that was announced with `Expect` and never sent.
#[tokio::test]
async fn who_closes_instead_of_going_on_has_sent_no_whole_request() {
    let (server, mut proxy, mut broker) = connected().await;
    broker.send("PUT /x HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n").await;
    broker.stream.shutdown().await.unwrap();
    let mut system = server.accept().await;
    system.head().await;
    system.send("HTTP/1.1 100 Continue\r\n\r\n").await;
    broker.rest().await;
    let exchange = proxy.recorded().await;
    assert_eq!(exchange.failure.unwrap().kind, FailureKind::ClientGone);
    assert_eq!((exchange.request.body.length, exchange.request.body.end), (0, BodyEnd::Cancelled));
    // One that refuses the body answers all the same.
    let mut broker = proxy.connect().await;
    broker.send("PUT /x HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n").await;
    broker.stream.shutdown().await.unwrap();
    let mut system = server.accept().await;
    system.head().await;
    system.send("HTTP/1.1 401 No\r\nContent-Length: 2\r\n\r\nno").await;
    assert!(text(&broker.rest().await.0).starts_with("HTTP/1.1 401 No\r\n"));
    assert_eq!(proxy.recorded().await.response.unwrap().status, 401);
}

/// Within a tunnel of a forward proxy, and through one that is not read.
#[tokio::test]
async fn in_tunnels_too() {
    let (port, ca) = super::tls::serve_tls(&[NAME]).await;
    let server = Server::start().await;
    let reach =
        umpire::proxy::upstream::live::UpstreamConfig { ca_files: vec![ca.path().to_owned()], ..Default::default() };
    let ports = [port, server.address.port()];
    let mut rig = rig(&ports, Wishes { reach, ..Wishes::default() }).await;
    let mut client = rig.tunnel(NAME, port).await;
    client.write_all(GET.as_bytes()).await.unwrap();
    client.shutdown().await.unwrap();
    let mut got = Vec::new();
    soon("the end", client.read_to_end(&mut got)).await.unwrap();
    assert_eq!(text(&got), OK);
    let exchange = rig.proxy.recorded().await;
    assert_eq!((exchange.response.unwrap().status, exchange.failure), (200, None));
    // Bytes of a tunnel that is not read, each way with an end of its own.
    let mut client = rig.connect(&format!("other.example:{}", ports[1])).await;
    client.send("ping").await;
    client.stream.shutdown().await.unwrap();
    let mut system = server.accept().await;
    assert_eq!(text(&system.rest().await.0), "ping");
    system.send("pong").await;
    drop(system);
    assert_eq!(text(&client.rest().await.0), "pong");
}

/// What the answer says of the booking system is what the booking system saw.
#[tokio::test]
async fn a_request_that_ends_within_its_body_says_what_was_sent_on() {
    for request in [
        "PUT /x HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nabc",
        "PUT /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc",
        "PUT /x HTTP/1.1\r\nHost: h\r\nContent-Length: 100000\r\n\r\nabc",
    ] {
        let (server, proxy, mut broker) = connected().await;
        broker.send(request).await;
        broker.stream.shutdown().await.unwrap();
        let answer = text(&broker.rest().await.0);
        assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
        let nothing = answer.contains("nothing of the request was sent on");
        assert!(nothing || answer.contains("did not get all of the request"), "{answer}");
        assert_eq!(nothing, server.is_silent().await, "{request:?}: {answer}");
        proxy.stop_with().await;
    }
}
