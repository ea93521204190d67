//! Brokers that are slow, silent or too many: they cost little, and stop nobody else.

use std::time::Duration;

use umpire::exchange::{BodyEnd, FailureKind};
use umpire::proxy::Limits;

use super::support::{Peer, Proxy, Server, soon, text};

const GET: &str = "GET /x HTTP/1.1\r\nHost: h\r\n\r\n";

fn stalls() -> Limits {
    Limits { stall_timeout: Duration::from_millis(300), ..Limits::default() }
}

async fn is_served(proxy: &Proxy, server: &Server) -> Peer {
    let mut broker = proxy.connect().await;
    broker.send(GET).await;
    let mut system = server.accept().await;
    system.head().await;
    system.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok").await;
    broker.until("ok").await;
    broker
}

#[tokio::test]
async fn when_all_connections_are_taken_the_longest_idle_one_makes_room() {
    let server = Server::start().await;
    let limits = Limits { connections: 2, ..Limits::default() };
    let proxy = Proxy::limited(&server, limits).await;
    let mut first = is_served(&proxy, &server).await;
    let mut second = proxy.connect().await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    let _third = is_served(&proxy, &server).await;
    assert_eq!(first.rest().await, (Vec::new(), false), "it had waited longest");
    assert!(second.is_silent().await, "and this one may stay");
    // A flood of connections that say nothing.
    let mut flood = Vec::new();
    for _ in 0..50 {
        flood.push(proxy.connect().await);
    }
    is_served(&proxy, &server).await;
}

#[tokio::test]
async fn heads_that_dribble_in_stop_nobody_else() {
    let server = Server::start().await;
    let limits = Limits { connections: 3, ..Limits::default() };
    let proxy = Proxy::limited(&server, limits).await;
    let mut slow = Vec::new();
    for _ in 0..3 {
        let mut broker = proxy.connect().await;
        broker.send("GET / HTTP/1.1\r\nHost: h\r\nX: ").await;
        slow.push(broker);
    }
    tokio::time::sleep(Duration::from_millis(50)).await;
    is_served(&proxy, &server).await;
    let answer = text(&slow[0].rest().await.0);
    assert!(answer.starts_with("HTTP/1.1 408 Request Timeout\r\n"), "{answer}");
}

#[tokio::test]
async fn a_body_that_stops_coming_is_not_waited_for() {
    let server = Server::start().await;
    let mut proxy = Proxy::limited(&server, stalls()).await;
    let mut broker = proxy.connect().await;
    broker.send("PUT /x HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nhalf").await;
    let mut system = server.accept().await;
    system.until("half").await;
    let answer = text(&broker.rest().await.0);
    assert!(answer.starts_with("HTTP/1.1 408 Request Timeout\r\n"), "{answer}");
    assert!(answer.contains("\r\nConnection: close\r\n"), "{answer}");
    assert!(system.rest().await.0.is_empty(), "the booking system sees it break off");
    let exchange = proxy.recorded().await;
    assert_eq!((&exchange.request.body.bytes[..], exchange.request.body.end), (&b"half"[..], BodyEnd::Cancelled));
    let failure = exchange.failure.unwrap();
    assert_eq!((failure.kind, failure.answered), (FailureKind::ClientGone, Some(408)));
    assert!(failure.detail.contains("nothing more"), "{}", failure.detail);
}

#[tokio::test]
async fn who_takes_nothing_of_the_answer_is_let_go() {
    let server = Server::start().await;
    let mut proxy = Proxy::limited(&server, stalls()).await;
    let mut broker = proxy.connect().await;
    broker.send(GET).await;
    let mut system = server.accept().await;
    system.head().await;
    let length = 64 * 1024 * 1024;
    let sending = tokio::spawn(async move {
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n");
        let piece = [head.into_bytes(), vec![b'x'; length]].concat();
        tokio::io::AsyncWriteExt::write_all(&mut system.stream, &piece).await
    });
    let exchange = proxy.recorded().await;
    assert_eq!(exchange.response.unwrap().body.end, BodyEnd::Cancelled);
    assert_eq!(exchange.failure.unwrap().kind, FailureKind::ClientGone);
    assert!(soon("the booking system to be let go too", sending).await.unwrap().is_err());
    drop(broker);
}

#[tokio::test]
async fn an_answer_that_pauses_is_no_slow_broker() {
    let server = Server::start().await;
    let mut proxy = Proxy::limited(&server, stalls()).await;
    let mut broker = proxy.connect().await;
    broker.send(GET).await;
    let mut system = server.accept().await;
    system.head().await;
    system.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n").await;
    broker.until("a\r\n").await;
    tokio::time::sleep(Duration::from_millis(900)).await;
    system.send("0\r\n\r\n").await;
    broker.until("0\r\n\r\n").await;
    assert_eq!(proxy.recorded().await.failure, None);
}

#[tokio::test]
async fn empty_lines_are_no_requests() {
    let server = Server::start().await;
    let limits = Limits { idle_timeout: Duration::from_millis(400), ..Limits::default() };
    let proxy = Proxy::limited(&server, limits).await;
    let mut broker = proxy.connect().await;
    let closed = soon("the end", async {
        loop {
            tokio::time::sleep(Duration::from_millis(20)).await;
            if tokio::io::AsyncWriteExt::write_all(&mut broker.stream, b"\r\n").await.is_err() {
                break;
            }
        }
    });
    closed.await;
}

/// What a broker does, and what a booking system does, in every combination: whatever the ending, it is one exchange.
#[tokio::test]
async fn whatever_the_ending_it_is_one_exchange() {
    let requests = [
        ("GET /x HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", ""),
        ("PUT /x HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: 6\r\n\r\n", "abcdef"),
        (
            "PUT /x HTTP/1.1\r\nHost: h\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n",
            "6\r\nabcdef\r\n0\r\n\r\n",
        ),
    ];
    let answers = [
        "",
        "HTTP/1.1 200 OK\r\nConte",
        "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab",
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\n\r\nab",
        "HTTP/1.1 204 No Content\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx",
    ];
    let server = Server::start().await;
    let mut proxy = Proxy::limited(&server, stalls()).await;
    let mut number = 0;
    for (head, body) in requests {
        for answer in answers {
            // How much of the request is sent; whether the broker waits; whether ends are resets.
            for (sent, waits, resets) in
                [(1, true, false), (1, true, true), (1, false, false), (2, true, false), (2, false, true)]
            {
                let mut broker = proxy.connect().await;
                broker.send(head).await;
                broker.send(&body[..body.len() / 3 * (sent + 1)]).await;
                let mut system = server.accept().await;
                system.head().await;
                if waits {
                    system.send(answer).await;
                }
                for peer in [&broker.stream, &system.stream].into_iter().filter(|_| resets) {
                    peer.set_zero_linger().unwrap();
                }
                if waits {
                    drop(system);
                    broker.rest().await;
                } else {
                    drop(broker);
                    // Behind a whole request the end of the broker's side alone is not the end.
                    if body.is_empty() && !resets {
                        system.send(answer).await;
                        drop(system);
                    } else {
                        system.rest().await;
                    }
                }
                number += 1;
                let exchange = proxy.recorded().await;
                let what = format!("{number}: {answer:?} {sent} {waits} {resets}: {:?}", exchange.failure);
                assert_eq!(exchange.id, number, "{what}");
                let whole = exchange.response.as_ref().is_some_and(|response| response.body.end == BodyEnd::Complete);
                assert!(whole || exchange.failure.is_some(), "{what}");
                assert!(proxy.exchange_receiver.try_next().is_none(), "{what}");
            }
        }
    }
    proxy.stop().await;
}
