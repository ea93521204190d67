//! What was written is flushed, on every way: TLS takes bytes that the socket below it has no room for, and HTTP/2 frames
//! that nobody has sent yet. A runtime that interrupts a busy task (tokio's budget) looks like a socket without room.
//!
//! `brokers: HTTP/1.1 or 2, TLS or not ─► proxy ─► booking system: HTTP/1.1 or 2, TLS or not`

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use http_body_util::{BodyExt, Full};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::{Instant, Sleep, sleep};
use umpire::exchange::{BodyEnd, FailureKind};
use umpire::proxy::upstream::live::UpstreamHttp;
use umpire::proxy::{Limits, Listener};

use super::h2_support::{Broker, Certified, Got, Stream, System, Wire, accepting, live, request};
use super::support::{Proxy, soon};

/// Sends back what it gets, in whichever version it is spoken to.
async fn echo(stream: Box<dyn Wire>) {
    let service = service_fn(|request: Request<hyper::body::Incoming>| async {
        let body = request.into_body().collect().await?.to_bytes();
        Ok::<_, hyper::Error>(Response::new(Full::new(body)))
    });
    let builder = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
    let _ended = builder.serve_connection(TokioIo::new(stream), service).await;
}

/// A body of that length which is like no other.
fn body(number: usize, length: usize) -> Vec<u8> {
    (0..length).map(|at| ((at * 31 + number * 7) % 251) as u8).collect()
}

async fn proxy_to(address: SocketAddr, certified: &Certified, tls: bool, http: UpstreamHttp) -> Proxy {
    let scheme = if tls { "https" } else { "http" };
    Proxy::with(live(&format!("{scheme}://{address}"), Some(certified), http), Limits::default(), 512).await
}

/// How often a hundred and two hundred streams are sent: `UMPIRE_FLUSH_RUNS=20` for more.
fn runs() -> usize {
    std::env::var("UMPIRE_FLUSH_RUNS").ok().and_then(|runs| runs.parse().ok()).unwrap_or(2)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hundreds_of_streams_onto_tls_that_speaks_http1() {
    let certified = Certified::new();
    let address = accepting(Some(certified.server(&["http/1.1"])), echo).await;
    for run in 0..runs() {
        for streams in [100, 200] {
            let mut proxy = proxy_to(address, &certified, true, UpstreamHttp::Auto).await;
            // A hundred at a time is what the proxy takes on one connection.
            let brokers = [Broker::connect(proxy.address).await, Broker::connect(proxy.address).await];
            let asked = (0..streams).map(|number| {
                let broker = brokers[number / 100].clone();
                async move {
                    let (method, body) = if number % 2 == 0 { ("GET", vec![]) } else { ("PUT", body(number, 300)) };
                    let got = broker.ask(request(method, &format!("/{number}"), &[]), &body).await.unwrap();
                    assert_eq!((got.status, got.body), (200, body), "stream {number} of {streams} in run {run}");
                }
            });
            join_all(asked).await;
            for _ in 0..streams {
                assert_eq!(proxy.recorded().await.failure, None);
            }
        }
    }
}

/// A proxy with TLS or without, and whoever speaks to it.
struct Route {
    broker_tls: bool,
    broker_http2: bool,
    system: (Option<Arc<ServerConfig>>, UpstreamHttp),
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_way_delivers_all_of_every_body() {
    const LENGTHS: [usize; 6] = [0, 1, 8 * 1024 - 1, 8 * 1024, 70_000, 300_000];
    let certified = Certified::new();
    for broker_tls in [false, true] {
        for broker_http2 in [false, true] {
            for (tls, http) in [
                (None, UpstreamHttp::Http1),
                (None, UpstreamHttp::Http2),
                (Some(&["http/1.1"][..]), UpstreamHttp::Http1),
                (Some(&["h2"][..]), UpstreamHttp::Http2),
            ] {
                let system = (tls.map(|alpn| certified.server(alpn)), http);
                let way = Route { broker_tls, broker_http2, system };
                delivers(&certified, way, &LENGTHS).await;
            }
        }
    }
}

async fn delivers(certified: &Certified, way: Route, lengths: &[usize]) {
    const EACH: usize = 8;
    let what = format!("{} {} {:?}", way.broker_tls, way.broker_http2, way.system.1);
    let (tls, http) = way.system;
    let scheme = if tls.is_some() { "https" } else { "http" };
    let address = accepting(tls, echo).await;
    let upstream = live(&format!("{scheme}://{address}"), Some(certified), http);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let tls = way.broker_tls.then(|| certified.server(&["h2", "http/1.1"]));
    let mut proxy = Proxy::with_listener(Listener { tls, ..Listener::new(listener, upstream) }, Limits::default(), 512);
    let alpn = if way.broker_http2 { "h2" } else { "http/1.1" };
    let connect = async || {
        let stream: Box<dyn Wire> = if way.broker_tls {
            Box::new(certified.connect(proxy.address, alpn).await)
        } else {
            Box::new(TcpStream::connect(proxy.address).await.unwrap())
        };
        stream
    };
    let bodies: Vec<_> =
        (0..EACH * lengths.len()).map(|number| body(number, lengths[number % lengths.len()])).collect();
    if way.broker_http2 {
        let broker = Broker::over(connect().await).await;
        let asked = bodies.iter().map(async |body| {
            let got = broker.ask(request("PUT", "/x", &[("content-length", &body.len().to_string())]), body).await;
            assert!(got.unwrap().body == *body, "{what}: {}", body.len());
        });
        join_all(asked).await;
    } else {
        let asked = bodies.chunks(EACH).map(async |bodies| {
            let mut stream = connect().await;
            for body in bodies {
                let head = format!("PUT /x HTTP/1.1\r\nHost: h\r\nContent-Length: {}\r\n\r\n", body.len());
                stream.write_all(&[head.as_bytes(), body].concat()).await.unwrap();
                stream.flush().await.unwrap();
                let mut got = Vec::new();
                let whole = async {
                    loop {
                        let at = got.windows(4).position(|window| window == b"\r\n\r\n");
                        if at.is_some_and(|at| got.len() >= at + 4 + body.len()) {
                            break;
                        }
                        assert_ne!(stream.read_buf(&mut got).await.unwrap(), 0, "{what}: {}", body.len());
                    }
                };
                soon("all of an answer", whole).await;
                assert!(got.ends_with(body), "{what}: {}", body.len());
            }
        });
        join_all(asked).await;
    }
    for _ in &bodies {
        let exchange = proxy.recorded().await;
        let answer = exchange.response.unwrap().body;
        assert_eq!((exchange.failure, answer.end), (None, BodyEnd::Complete), "{what}");
        assert!(answer.bytes == exchange.request.body.bytes, "{what}");
    }
}

/// A protocol that was switched to, over TLS on both sides: whatever is sent arrives, and so does the end.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_switched_connection_over_tls_delivers_all_of_it() {
    const LENGTH: usize = 3_000_000;
    let certified = Certified::new();
    let address = accepting(Some(certified.server(&["http/1.1"])), |mut stream: Box<dyn Wire>| async move {
        let mut seen = Vec::new();
        while !seen.ends_with(b"\r\n\r\n") {
            assert_ne!(stream.read_buf(&mut seen).await.unwrap(), 0);
        }
        let head = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n";
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.flush().await.unwrap();
        let (mut from, mut to) = tokio::io::split(stream);
        tokio::io::copy(&mut from, &mut to).await.unwrap();
        to.shutdown().await.unwrap();
    })
    .await;
    let upstream = live(&format!("https://{address}"), Some(&certified), UpstreamHttp::Auto);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let tls = Some(certified.server(&["http/1.1"]));
    let mut proxy = Proxy::with_listener(Listener { tls, ..Listener::new(listener, upstream) }, Limits::default(), 64);
    let asked = (0..10).map(|number| {
        let (certified, address) = (&certified, proxy.address);
        async move {
            let stream = certified.connect(address, "http/1.1").await;
            let (mut from, mut to) = tokio::io::split(stream);
            to.write_all(b"GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n").await.unwrap();
            to.flush().await.unwrap();
            let sent = body(number, LENGTH);
            let sending = async {
                to.write_all(&sent).await.unwrap();
                to.shutdown().await.unwrap();
            };
            let mut got = Vec::new();
            let parsed = from.read_to_end(&mut got);
            let ((), read) = soon("both ways to end", async { tokio::join!(sending, parsed) }).await;
            read.unwrap();
            assert!(got.ends_with(&sent), "{number}: {} bytes", got.len());
        }
    });
    join_all(asked).await;
    for _ in 0..10 {
        let exchange = proxy.recorded().await;
        let length = exchange.response.unwrap().body.length;
        assert_eq!((exchange.request.body.length, length, exchange.failure), (LENGTH as u64, LENGTH as u64, None));
    }
}

/// Reads nothing while it is shut.
struct Gated {
    stream: TcpStream,
    shut: Arc<AtomicBool>,
    look_again: Pin<Box<Sleep>>,
}

impl Gated {
    async fn connect(proxy: &Proxy) -> (Self, Arc<AtomicBool>) {
        let stream = TcpStream::connect(proxy.address).await.unwrap();
        stream.set_zero_linger().unwrap();
        let shut = Arc::new(AtomicBool::new(false));
        (Self { stream, shut: Arc::clone(&shut), look_again: Box::pin(sleep(Duration::ZERO)) }, shut)
    }

    /// Speaks HTTP/2, and has room for all that may come.
    async fn speak(self) -> (Broker, JoinHandle<()>) {
        let mut builder = h2::client::Builder::new();
        builder.initial_window_size(1 << 30).initial_connection_window_size(1 << 30);
        let (sender, connection) = soon("HTTP/2", builder.handshake::<_, Bytes>(self)).await.unwrap();
        let connection = tokio::spawn(async move {
            let _ended = connection.await;
        });
        (Broker { sender }, connection)
    }
}

impl AsyncRead for Gated {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<std::io::Result<()>> {
        while self.shut.load(Ordering::Relaxed) {
            ready!(self.look_again.as_mut().poll(cx));
            self.look_again.as_mut().reset(Instant::now() + Duration::from_millis(5));
        }
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Gated {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// An answer that the HTTP/2 connection has, and no socket, is not delivered: if the broker is lost, it never got it.
#[tokio::test]
async fn an_answer_that_was_not_flushed_is_not_delivered() {
    const LARGE: usize = 64 * 1024 * 1024;
    let passed = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&passed);
    let system = System::start(None, move |(request, mut respond): Stream| {
        let counter = Arc::clone(&counter);
        async move {
            let mut left = if request.uri().path() == "/large" { LARGE } else { 5 };
            let mut stream = respond.send_response(Response::new(()), false).unwrap();
            while left > 0 {
                stream.reserve_capacity(left.min(65_536));
                let Some(Ok(room)) = std::future::poll_fn(|cx| stream.poll_capacity(cx)).await else { return };
                let part = room.min(left);
                left -= part;
                if stream.send_data(Bytes::from(vec![b'x'; part]), left == 0).is_err() {
                    return;
                }
                counter.fetch_add(part, Ordering::Relaxed);
            }
        }
    })
    .await;
    let mut proxy = super::h2_support::before(&system).await;
    let (stream, shut) = Gated::connect(&proxy).await;
    let (broker, connection) = stream.speak().await;
    assert_eq!(broker.ask(request("GET", "/small", &[]), b"").await.unwrap().body, b"xxxxx");
    assert_eq!(proxy.recorded().await.failure, None, "what was flushed is delivered");
    // From here on it takes nothing.
    let (large, _) = broker.begin(request("GET", "/large", &[]), true).await;
    soon("the large answer to begin", async {
        while passed.load(Ordering::Relaxed) <= 5 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    })
    .await;
    shut.store(true, Ordering::Relaxed);
    let full = async {
        let mut before = 0;
        while before != passed.load(Ordering::Relaxed) {
            before = passed.load(Ordering::Relaxed);
            tokio::time::sleep(Duration::from_millis(400)).await;
        }
    };
    soon("the sockets to be full", full).await;
    assert!(passed.load(Ordering::Relaxed) < LARGE, "nothing on the way takes 64 MiB");
    let (small, _) = broker.begin(request("GET", "/small", &[]), true).await;
    let before = passed.load(Ordering::Relaxed);
    soon("the small answer to be given", async {
        while passed.load(Ordering::Relaxed) < before + 5 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    })
    .await;
    assert!(proxy.exchange_receiver.try_next().is_none(), "nobody has either answer");
    connection.abort();
    drop((large, small, broker));
    for _ in 0..2 {
        let exchange = proxy.recorded().await;
        assert_eq!(exchange.failure.unwrap().kind, FailureKind::ClientGone, "{}", exchange.request.target);
    }
}

/// The answers of a connection that ends with the proxy are flushed first, and as long as for any other is waited for it.
#[tokio::test]
async fn a_connection_that_is_to_end_flushes_its_answers() {
    // So much of a body the connection takes whatever the socket does; all of them are more than a socket takes.
    const LENGTH: usize = 120_000;
    const STREAMS: usize = 100;
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&asked);
    let system = System::start(None, move |(_, respond): Stream| {
        counter.fetch_add(1, Ordering::Relaxed);
        async move { super::h2_support::answer(respond, Response::new(()), &vec![b'x'; LENGTH], None) }
    })
    .await;
    let upstream = live(&format!("http://{}", system.address), None, UpstreamHttp::Http2);
    let limits = Limits { grace: Duration::from_secs(20), ..Limits::default() };
    let proxy = Proxy::with(upstream, limits, 256).await;
    let (stream, shut) = Gated::connect(&proxy).await;
    let (broker, _connection) = stream.speak().await;
    assert_eq!(broker.ask(request("GET", "/x", &[]), b"").await.unwrap().body.len(), LENGTH);
    shut.store(true, Ordering::Relaxed);
    let mut answers = Vec::new();
    for _ in 0..STREAMS {
        answers.push(broker.begin(request("GET", "/x", &[]), true).await.0);
    }
    soon("all requests to be there", async {
        while asked.load(Ordering::Relaxed) <= STREAMS {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        tokio::time::sleep(Duration::from_millis(300)).await;
    })
    .await;
    let stopping = tokio::spawn(proxy.stop_with());
    // Longer than the second that a connection with nothing to flush would have.
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    shut.store(false, Ordering::Relaxed);
    for response in answers {
        assert_eq!(Got::of(response).await.unwrap().body.len(), LENGTH);
    }
    let (served, exchanges) = soon("the end", stopping).await.unwrap();
    assert_eq!((served.cut, exchanges.len()), (0, STREAMS + 1));
    assert!(exchanges.iter().all(|exchange| exchange.failure.is_none()));
}

/// Answers that nobody takes don't stay for ever, even if the connection has them all.
#[tokio::test]
async fn a_connection_that_takes_nothing_is_given_up() {
    const LENGTH: usize = 120_000;
    const STREAMS: usize = 100;
    let system = System::start(None, |(_, respond): Stream| async move {
        super::h2_support::answer(respond, Response::new(()), &vec![b'x'; LENGTH], None);
    })
    .await;
    let upstream = live(&format!("http://{}", system.address), None, UpstreamHttp::Http2);
    let limits = Limits { stall_timeout: Duration::from_millis(700), ..Limits::default() };
    let mut proxy = Proxy::with(upstream, limits, 256).await;
    let (stream, shut) = Gated::connect(&proxy).await;
    let (broker, _connection) = stream.speak().await;
    assert_eq!(broker.ask(request("GET", "/x", &[]), b"").await.unwrap().body.len(), LENGTH);
    assert_eq!(proxy.recorded().await.failure, None);
    shut.store(true, Ordering::Relaxed);
    let mut asked = Vec::new();
    for _ in 0..STREAMS {
        asked.push(broker.begin(request("GET", "/x", &[]), true).await.0);
    }
    let mut given_up = 0;
    for _ in 0..STREAMS {
        // Some of them are in the sockets.
        let Some(failure) = proxy.recorded().await.failure else { continue };
        assert!(failure.detail.contains("took nothing more of its answer"), "{}", failure.detail);
        assert_eq!(failure.kind, FailureKind::ClientGone);
        given_up += 1;
    }
    assert!(given_up > STREAMS / 4, "{given_up}: no socket takes 12 MB");
}
