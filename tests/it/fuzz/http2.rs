//! Frames of HTTP/2, at a reverse and at a forward proxy, over real sockets.
//!
//! ```text
//! input ─► frames that are frames, whatever they say, or bytes as they are ─► a connection of its own ─► it ends
//!                       meanwhile, on other connections: requests are answered; no panic, memory bounded
//! ```

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt as _;
use jiff::Timestamp;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use umpire::ca::{Authority, HostPattern, Leaves};
use umpire::exchange::Headers;
use umpire::proxy::forward::ForwardConfig;
use umpire::proxy::record::sink;
use umpire::proxy::upstream::live::{Dialer, Timeouts, UpstreamConfig};
use umpire::proxy::upstream::{OutboundRequest, ResponseFuture, Upstream, UpstreamResponse, full_body};
use umpire::proxy::{Limits, Listener, ListenerMode, serve};

use super::engine::fuzz;
use crate::own_process;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Longest that anything may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// What resident memory may grow by, the other targets of this process included.
const MOST_MEMORY: u64 = 600 << 20;

/// Answers with what it was sent.
struct Echo;

impl Upstream for Echo {
    fn origin(&self) -> &'static str {
        "http://echo.example"
    }

    fn send(&self, request: OutboundRequest) -> ResponseFuture<'_> {
        Box::pin(async move {
            let body = request.body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
            Ok(UpstreamResponse::new(hyper::StatusCode::OK, Headers::default(), full_body(body)))
        })
    }
}

/// Types of frames (RFC 9113 section 6).
mod frame {
    pub(super) const DATA: u8 = 0;
    pub(super) const HEADERS: u8 = 1;
    pub(super) const PRIORITY: u8 = 2;
    pub(super) const RST_STREAM: u8 = 3;
    pub(super) const SETTINGS: u8 = 4;
    pub(super) const PUSH_PROMISE: u8 = 5;
    pub(super) const PING: u8 = 6;
    pub(super) const GOAWAY: u8 = 7;
    pub(super) const WINDOW_UPDATE: u8 = 8;
    pub(super) const CONTINUATION: u8 = 9;
}

/// `GET http://localhost/`, `POST http://localhost/`, and `CONNECT localhost:1`, compressed (RFC 7541).
const GET: &[u8] = b"\x82\x86\x84\x41\x09localhost";
const POST: &[u8] = b"\x83\x86\x84\x41\x09localhost";
const CONNECT: &[u8] = b"\x42\x07CONNECT\x41\x0blocalhost:1";

/// A frame as inputs have it: its length in one byte, so that changes leave frames behind them frames.
fn record(kind: u8, flags: u8, stream: u8, payload: &[u8]) -> Vec<u8> {
    [&[payload.len() as u8, kind, flags, stream][..], payload].concat()
}

/// The same on the wire; what is cut off is made shorter.
fn frames(mut records: &[u8]) -> Vec<u8> {
    let mut wire = PREFACE.to_vec();
    while let [length, kind, flags, stream, rest @ ..] = records {
        let (payload, next) = rest.split_at(rest.len().min(usize::from(*length)));
        wire.extend_from_slice(&(payload.len() as u32).to_be_bytes()[1..]);
        wire.extend_from_slice(&[*kind, *flags, 0, 0, 0, *stream]);
        wire.extend_from_slice(payload);
        records = next;
    }
    wire
}

/// The first byte says what the rest is: bytes as they are, or records.
const AS_IT_IS: u8 = 1;

fn seeds() -> Vec<Vec<u8>> {
    use frame::{
        CONTINUATION, DATA, GOAWAY, HEADERS, PING, PRIORITY, PUSH_PROMISE, RST_STREAM, SETTINGS, WINDOW_UPDATE,
    };
    const ACK: u8 = 1;
    const END_STREAM: u8 = 1;
    const END_HEADERS: u8 = 4;
    let settings = record(SETTINGS, 0, 0, &[]);
    let get = |stream| record(HEADERS, END_STREAM | END_HEADERS, stream, GET);
    let post = |stream| record(HEADERS, END_HEADERS, stream, POST);
    let open = |stream| record(HEADERS, END_HEADERS, stream, CONNECT);
    let of = |parts: &[Vec<u8>]| [&[0][..], &settings, &parts.concat()].concat();
    let repeated = |count: usize, part: Vec<u8>| of(&vec![part; count]);
    let mut seeds = vec![
        of(&[get(1), get(3), record(SETTINGS, ACK, 0, &[])]),
        of(&[post(1), record(DATA, 0, 1, b"hello"), record(DATA, END_STREAM, 1, b"")]),
        of(&[open(1), record(DATA, 0, 1, b"\x16\x03\x01"), record(DATA, END_STREAM, 1, b"x")]),
        of(&[post(1), record(DATA, 0, 1, &[0; 200]), record(HEADERS, END_STREAM | END_HEADERS, 1, b"\x00\x01a\x01b")]),
        // In pieces, padded, with priority, content-length 3 and less than that, two hosts, an unknown pseudo-field.
        of(&[record(HEADERS, END_STREAM, 1, &GET[..2]), record(CONTINUATION, END_HEADERS, 1, &GET[2..])]),
        of(&[record(HEADERS, END_STREAM | END_HEADERS | 0x28, 1, &[&[2, 0, 0, 0, 0, 9][..], GET, &[0, 0]].concat())]),
        of(&[record(HEADERS, END_HEADERS, 1, &[POST, b"\x0f\x0d\x013"].concat()), record(DATA, END_STREAM, 1, b"12")]),
        of(&[record(HEADERS, END_STREAM | END_HEADERS, 1, &[GET, b"\x00\x04host\x01i"].concat())]),
        of(&[record(HEADERS, END_STREAM | END_HEADERS, 1, &[GET, b"\x00\x02:x\x01y"].concat())]),
        of(&[record(PING, 0, 0, &[0; 8]), record(PRIORITY, 0, 1, &[0, 0, 0, 3, 9]), record(GOAWAY, 0, 0, &[0; 8])]),
        of(&[record(WINDOW_UPDATE, 0, 0, &[0x7f, 255, 255, 255]), get(1), record(RST_STREAM, 0, 1, &[0, 0, 0, 8])]),
        of(&[record(SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 0]), get(1), record(PUSH_PROMISE, END_HEADERS, 1, &[0, 0, 0, 2])]),
        // Floods.
        repeated(500, record(PING, 0, 0, &[0; 8])),
        repeated(500, settings.clone()),
        repeated(100, record(CONTINUATION, 0, 1, b"\x00\x01a\x01b")),
        [of(&[record(HEADERS, 0, 1, GET)]), vec![record(CONTINUATION, 0, 1, &[0x40; 250]); 400].concat()].concat(),
        of(&(0..120_u8).flat_map(|n| [get(2 * n + 1), record(RST_STREAM, 0, 2 * n + 1, &[0; 4])]).collect::<Vec<_>>()),
        of(&(0..120_u8).map(|n| post(2 * n + 1)).collect::<Vec<_>>()),
        // An entry of the table, referred to again and again: little that becomes much.
        of(&[record(
            HEADERS,
            END_STREAM | END_HEADERS,
            1,
            &[GET, b"\x40\x01a\x7f\x0a", &[b'v'; 137], &[0xbe; 90]].concat(),
        )]),
    ];
    let raw: Vec<_> = seeds.iter().map(|seed| [&[AS_IT_IS][..], &frames(&seed[1..])].concat()).collect();
    seeds.extend(raw);
    seeds
}

/// A reverse and a forward proxy, in a runtime of their own on the thread of the test.
struct Proxies {
    runtime: Runtime,
    reverse: std::net::SocketAddr,
    forward: std::net::SocketAddr,
}

impl Proxies {
    fn start() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let (reverse, forward) = runtime.block_on(async {
            let reverse = TcpListener::bind("127.0.0.1:0").await.expect("a port");
            let forward = TcpListener::bind("127.0.0.1:0").await.expect("a port");
            let addresses = (reverse.local_addr().expect("bound"), forward.local_addr().expect("bound"));
            let hosts: Vec<HostPattern> = vec!["localhost".parse().expect("a host")];
            let (authority, _) = Authority::make(&hosts, Timestamp::now()).expect("an authority");
            let leaves = Arc::new(Leaves::new(vec![authority]).expect("leaves"));
            // Nobody is there: no name is looked up, and every host is refused at once.
            let reach = UpstreamConfig { proxy: Some("http://127.0.0.1:1".into()), ..UpstreamConfig::default() };
            let dialer = Arc::new(Dialer::new(&reach, Duration::from_secs(1)).expect("a dialer"));
            let ways = (Arc::clone(&dialer), dialer);
            let forward_proxy =
                ForwardConfig::new(hosts.into(), leaves, ways, Timeouts::default(), None).expect("a forward proxy");
            let echo: Arc<dyn Upstream> = Arc::new(Echo);
            let doors = vec![
                Listener::new(reverse, Arc::clone(&echo)),
                Listener { mode: ListenerMode::Forward(Arc::new(forward_proxy)), ..Listener::new(forward, echo) },
            ];
            let (sink, mut exchange_receiver) = sink::channel(64);
            tokio::spawn(async move { while exchange_receiver.next().await.is_some() {} });
            // Who closes the sending side and leaves no room for an answer is waited for no longer than that.
            let short = Duration::from_millis(200);
            let limits = Limits { head_timeout: short, stall_timeout: short, ..Limits::default() };
            tokio::spawn(serve(doors, sink, limits, tokio_util::sync::CancellationToken::new()));
            addresses
        });
        Self { runtime, reverse, forward }
    }

    /// Sends it all, ends the sending side, and reads to the end, which must come.
    async fn feed(address: std::net::SocketAddr, wire: &[u8]) {
        let mut stream = TcpStream::connect(address).await.expect("it listens");
        let (mut reading, mut writing) = stream.split();
        let sending = async {
            // It may be closed before all of it is there.
            let _sent = writing.write_all(wire).await;
            let _ended = writing.shutdown().await;
        };
        let mut answer = Vec::new();
        let both = async { tokio::join!(sending, reading.read_to_end(&mut answer)) };
        assert!(tokio::time::timeout(PATIENCE, both).await.is_ok(), "the connection does not end");
    }
}

/// Kilobytes that this process has in memory; `None` where that can't be known.
fn resident() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// Counts the panics of this thread, those that the proxy catches too.
fn panics() -> Arc<AtomicU64> {
    let (count, here) = (Arc::new(AtomicU64::new(0)), std::thread::current().id());
    let (counter, before) = (Arc::clone(&count), std::panic::take_hook());
    std::panic::set_hook(Box::new(move |info| {
        if std::thread::current().id() == here {
            counter.fetch_add(1, Ordering::Relaxed);
        }
        before(info);
    }));
    count
}

#[test]
fn http2_frames() {
    if own_process::passed("fuzz::http2::http2_frames") {
        return;
    }
    let (panics, proxies, before) = (panics(), Proxies::start(), resident());
    let other = proxies.runtime.block_on(async {
        let stream = TcpStream::connect(proxies.reverse).await.expect("it listens");
        stream.set_nodelay(true).expect("a socket");
        let (sender, connection) = h2::client::handshake(stream).await.expect("HTTP/2");
        tokio::spawn(connection);
        sender
    });
    let mut number = 0_u64;
    fuzz("http2_frames", &seeds(), &["PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "\u{1}\u{5}\u{1}", "\0\0\0\0"], |input| {
        let wire = match input {
            [AS_IT_IS, wire @ ..] => wire.to_vec(),
            [_, records @ ..] => frames(records),
            [] => return,
        };
        number += 1;
        proxies.runtime.block_on(async {
            Proxies::feed(if number.is_multiple_of(2) { proxies.forward } else { proxies.reverse }, &wire).await;
            // The others live on.
            let asking = async {
                let mut sender = other.clone().ready().await.expect("the other connection is there");
                let request = hyper::Request::post("http://h/x").body(()).expect("a request");
                let (response, mut body) = sender.send_request(request, false).expect("it is sent");
                body.send_data(Bytes::from_static(b"hello"), true).expect("it is sent");
                let mut body = response.await.expect("an answer").into_body();
                let data = body.data().await.expect("a body").expect("a whole one");
                body.flow_control().release_capacity(data.len()).expect("it is there");
                data
            };
            let answer = tokio::time::timeout(PATIENCE, asking).await.expect("the others are answered");
            assert_eq!(answer, "hello");
        });
        assert_eq!(panics.load(Ordering::Relaxed), 0, "the proxy panicked");
        if let (Some(before), Some(now)) = (before, resident()) {
            assert!(now.saturating_sub(before) < MOST_MEMORY >> 10, "memory grew by {} KiB", now - before);
        }
    });
}
