//! Streaming stays streaming, and memory stays flat.
#![expect(clippy::disallowed_macros, reason = "what is printed is for whoever runs the test")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use umpire::exchange::BodyEnd;
use umpire::proxy::Limits;

use super::support::{OK, Proxy, Server, connected, forwarded, text};
use crate::own_process;

#[tokio::test]
async fn the_first_byte_arrives_before_the_last_has_left() {
    let (_server, mut proxy, mut broker, mut system) =
        forwarded("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 6\r\n\r\nabc").await;
    assert_eq!(system.exactly(3).await, b"abc", "the request's beginning arrives before its end was sent");
    broker.send("def").await;
    assert_eq!(system.exactly(3).await, b"def");
    system.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").await;
    broker.head().await;
    for piece in ["1\r\na\r\n", "2\r\nbc\r\n"] {
        system.send(piece).await;
        assert_eq!(broker.until(piece).await, piece);
        assert!(proxy.exchange_receiver.try_next().is_none(), "not recorded before its end");
    }
    system.send("0\r\n\r\n").await;
    broker.until("0\r\n\r\n").await;
    assert_eq!(&proxy.recorded().await.response.unwrap().body.bytes[..], b"abc");
}

#[tokio::test]
async fn an_answer_may_begin_while_the_request_goes_on() {
    let (_server, mut proxy, mut broker, mut system) =
        forwarded("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n").await;
    system.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").await;
    broker.head().await;
    for piece in ["1\r\na\r\n", "1\r\nb\r\n", "0\r\n\r\n"] {
        broker.send(piece).await;
        assert_eq!(system.until(piece).await, piece);
        system.send(piece).await;
        assert_eq!(broker.until(piece).await, piece);
    }
    let exchange = proxy.recorded().await;
    assert_eq!(&exchange.request.body.bytes[..], b"ab");
    assert_eq!((exchange.request.body.end, exchange.failure), (BodyEnd::Complete, None));
}

#[tokio::test]
async fn an_announced_body_is_sent_when_the_booking_system_allows_it() {
    let (server, mut proxy, mut broker) = connected().await;
    let head = "PUT / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n";
    broker.send(head).await;
    let mut system = server.accept().await;
    assert!(system.head().await.contains("\r\nExpect: 100-continue\r\n"));
    assert!(broker.is_silent().await, "nobody has allowed it yet");
    system.send("HTTP/1.1 100 Continue\r\n\r\n").await;
    assert_eq!(broker.head().await, "HTTP/1.1 100 Continue\r\n\r\n");
    broker.send("body").await;
    assert_eq!(system.exactly(4).await, b"body");
    system.send(OK).await;
    assert_eq!(broker.until("ok").await, OK);
    let exchange = proxy.recorded().await;
    assert_eq!((&exchange.request.body.bytes[..], exchange.response.unwrap().status), (&b"body"[..], 200));

    // A booking system that doesn't know the expectation gets the body after a moment.
    broker.send(head).await;
    let mut system = server.accept().await;
    system.head().await;
    assert_eq!(broker.head().await, "HTTP/1.1 100 Continue\r\n\r\n");
    broker.send("more").await;
    assert_eq!(system.exactly(4).await, b"more");
    system.send(OK).await;
    assert_eq!(broker.until("ok").await, OK);
    assert_eq!(proxy.recorded().await.failure, None);
}

#[tokio::test]
async fn an_announced_body_that_is_refused_is_never_sent() {
    let (_server, mut proxy, mut broker, mut system) =
        forwarded("PUT / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n").await;
    system.send("HTTP/1.1 401 No\r\nContent-Length: 2\r\n\r\nno").await;
    assert!(text(&broker.rest().await.0).starts_with("HTTP/1.1 401 No\r\nContent-Length: 2\r\n"));
    let exchange = proxy.recorded().await;
    assert_eq!((exchange.request.body.length, exchange.request.body.end), (0, BodyEnd::Cancelled));
    assert_eq!((exchange.response.unwrap().status, exchange.failure), (401, None));
}

#[tokio::test]
async fn a_body_over_the_cap_passes_whole_and_is_kept_as_a_prefix() {
    const MIB: usize = 1024 * 1024;
    const LENGTH: usize = 40 * MIB;
    if own_process::passed("proxy::streaming::a_body_over_the_cap_passes_whole_and_is_kept_as_a_prefix") {
        return;
    }
    let server = Server::start().await;
    let limits = Limits { kept_body: MIB, ..Limits::default() };
    let mut proxy = Proxy::limited(&server, limits).await;
    let mut broker = proxy.connect().await;
    broker.send(format!("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: {LENGTH}\r\n\r\n")).await;
    let mut system = server.accept().await;
    system.head().await;
    let piece: Vec<u8> = (0..MIB).map(|n| (n % 251) as u8).collect();
    let before = resident();
    for _ in 0..LENGTH / MIB {
        let ((), got) = tokio::join!(broker.send(&piece), system.exactly(MIB));
        assert!(got == piece);
    }
    system.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {LENGTH}\r\n\r\n")).await;
    broker.head().await;
    for _ in 0..LENGTH / MIB {
        let ((), got) = tokio::join!(system.send(&piece), broker.exactly(MIB));
        assert!(got == piece);
    }
    let exchange = proxy.recorded().await;
    let response = exchange.response.unwrap();
    for body in [&exchange.request.body, &response.body] {
        assert_eq!((body.length, body.end), (LENGTH as u64, BodyEnd::Truncated));
        assert!(body.bytes == piece, "the prefix is kept");
    }
    assert_eq!(exchange.failure, None);
    if let (Some(before), Some(after)) = (before, resident()) {
        assert!(after.saturating_sub(before) < 30 * MIB, "80 MiB passed, and memory grew from {before} to {after}");
    }
}

/// Resident memory of this process in bytes, where the system tells.
fn resident() -> Option<usize> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    line.split_whitespace().nth(1)?.parse::<usize>().ok().map(|kib| kib * 1024)
}

#[tokio::test]
async fn a_slow_reader_is_waited_for() {
    let (_server, _proxy, mut broker, mut system) = forwarded("GET / HTTP/1.1\r\nHost: h\r\n\r\n").await;
    // More than all buffers on the way can take: sending can't end before the broker reads.
    let length = 64 * 1024 * 1024;
    system.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n")).await;
    broker.head().await;
    let sending = tokio::spawn(async move {
        system.send(vec![b'x'; length]).await;
    });
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(!sending.is_finished(), "nothing on the way takes 64 MiB");
    broker.exactly(length).await;
    sending.await.unwrap();
}

/// A gigabyte each way. `cargo test --release --test it gigabyte -- --nocapture` says how memory grew.
#[tokio::test(flavor = "multi_thread")]
async fn a_gigabyte_each_way_in_flat_memory() {
    const MIB: usize = 1024 * 1024;
    const LENGTH: usize = 1024 * MIB;
    if own_process::passed("proxy::streaming::a_gigabyte_each_way_in_flat_memory") {
        return;
    }
    let server = Server::start().await;
    let limits = Limits { kept_body: MIB, ..Limits::default() };
    let mut proxy = Proxy::limited(&server, limits).await;
    let mut broker = proxy.connect().await;
    broker.send("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n").await;
    let mut system = server.accept().await;
    system.head().await;
    system.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {LENGTH}\r\n\r\n")).await;
    broker.head().await;
    let before = resident().unwrap_or(0);
    let most = Arc::new(AtomicUsize::new(before));
    let (mut broker_reads, mut broker_writes) = broker.stream.into_split();
    let (mut system_reads, mut system_writes) = system.stream.into_split();
    let seen = Arc::clone(&most);
    let up = async move {
        let chunk = [format!("{MIB:X}\r\n").as_bytes(), &vec![b'u'; MIB], b"\r\n"].concat();
        for _ in 0..LENGTH / MIB {
            broker_writes.write_all(&chunk).await.unwrap();
            seen.fetch_max(resident().unwrap_or(0), Ordering::Relaxed);
        }
        broker_writes.write_all(b"0\r\n\r\n").await.unwrap();
        broker_writes
    };
    let down = async move {
        let piece = vec![b'd'; MIB];
        for _ in 0..LENGTH / MIB {
            system_writes.write_all(&piece).await.unwrap();
        }
        system_writes
    };
    let arrive_up = async move {
        let mut buf = vec![0; 64 * 1024];
        let mut tail = Vec::new();
        while !tail.ends_with(b"0\r\n\r\n") {
            let read = system_reads.read(&mut buf).await.unwrap();
            assert_ne!(read, 0);
            tail.extend_from_slice(&buf[..read]);
            tail.drain(..tail.len().saturating_sub(5));
        }
        system_reads
    };
    let arrive_down = async move {
        let mut buf = vec![0; 64 * 1024];
        let mut left = LENGTH;
        while left > 0 {
            let read = broker_reads.read(&mut buf).await.unwrap();
            assert_ne!(read, 0);
            left -= read;
        }
        broker_reads
    };
    let begun = Instant::now();
    let _open = tokio::join!(up, down, arrive_up, arrive_down);
    let exchange = proxy.recorded().await;
    assert_eq!(exchange.request.body.length, LENGTH as u64);
    assert_eq!(exchange.response.unwrap().body.length, LENGTH as u64);
    let grown = most.load(Ordering::Relaxed).saturating_sub(before);
    eprintln!("a gigabyte each way in {:?}; memory grew by {} KiB at most", begun.elapsed(), grown / 1024);
    assert!(grown < 64 * MIB, "memory grew by {grown}");
}
