//! Brokers that close their sending side behind whole requests over HTTP/2.
//!
//! `HEADERS … END_STREAM, FIN ─► proxy ─► booking system ─► answers, and then the end`

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use bytes::Bytes;
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio::net::TcpListener;
use tokio::sync::{Notify, mpsc};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use umpire::exchange::{BodyEnd, FailureKind};
use umpire::proxy::upstream::live::UpstreamHttp;
use umpire::proxy::{Limits, Listener};

use super::forward::{NAME, Wishes, rig};
use super::forward_http2::tunnel;
use super::h2_support::{Broker, Certified, Got, Stream, System, Wire, echo, live, request};
use super::support::{OK, Proxy, Server, soon, text};

/// A stream whose sending side is closed when `close` is cancelled: what is written from then on is thrown away.
struct HalfClosing {
    io: Box<dyn Wire>,
    close: Pin<Box<WaitForCancellationFutureOwned>>,
    state: State,
    /// TCP below TLS, if TLS is not to be told of its end.
    tcp: Option<socket2::Socket>,
}

#[derive(PartialEq)]
enum State {
    Open,
    RunSummary,
    Closed,
}

impl HalfClosing {
    fn new(io: Box<dyn Wire>, close: &CancellationToken) -> Self {
        Self { io, close: Box::pin(close.clone().cancelled_owned()), state: State::Open, tcp: None }
    }

    fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.state == State::Open && self.close.as_mut().poll(cx).is_ready() {
            self.state = State::RunSummary;
        }
        if self.state == State::RunSummary {
            match &self.tcp {
                Some(tcp) => tcp.shutdown(std::net::Shutdown::Write)?,
                None => ready!(Pin::new(&mut self.io).poll_shutdown(cx))?,
            }
            self.state = State::Closed;
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for HalfClosing {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_close(cx))?;
        Pin::new(&mut self.io).poll_read(cx, buf)
    }
}

impl AsyncWrite for HalfClosing {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        if self.state == State::Open { Pin::new(&mut self.io).poll_write(cx, buf) } else { Poll::Ready(Ok(buf.len())) }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.state == State::Open { Pin::new(&mut self.io).poll_flush(cx) } else { Poll::Ready(Ok(())) }
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// A booking system that tells what it gets, and answers when it is let.
async fn waiting() -> (System, mpsc::Receiver<()>, Arc<Notify>) {
    let (told, seen) = mpsc::channel(16);
    let gate = Arc::new(Notify::new());
    let open = Arc::clone(&gate);
    let system = System::start(None, move |stream: Stream| {
        let (told, open) = (told.clone(), Arc::clone(&open));
        async move {
            told.send(()).await.unwrap();
            open.notified().await;
            echo(stream).await;
        }
    })
    .await;
    (system, seen, gate)
}

async fn proxy_to(system: &System, certified: Option<&Certified>) -> Proxy {
    let upstream = live(&format!("http://{}", system.address), None, UpstreamHttp::Http2);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let tls = certified.map(|certified| certified.server(&["h2"]));
    Proxy::with_listener(Listener { tls, ..Listener::new(listener, upstream) }, Limits::default(), 64)
}

async fn broker(proxy: &Proxy, certified: Option<&Certified>, notifies: bool, close: &CancellationToken) -> Broker {
    let io = match certified {
        None => HalfClosing::new(Box::new(proxy.connect().await.stream), close),
        Some(certified) => {
            let stream = certified.connect(proxy.address, "h2").await;
            let tcp = (!notifies).then(|| SockRef::from(stream.get_ref().0).try_clone().unwrap());
            HalfClosing { tcp, ..HalfClosing::new(Box::new(stream), close) }
        }
    };
    Broker::over(io).await
}

#[tokio::test]
async fn whole_requests_are_answered() {
    let certified = Certified::new();
    for (certified, notifies) in [(None, true), (Some(&certified), true), (Some(&certified), false)] {
        let (system, mut seen, gate) = waiting().await;
        let mut proxy = proxy_to(&system, certified).await;
        let close = CancellationToken::new();
        let broker = broker(&proxy, certified, notifies, &close).await;
        let mut asked = Vec::new();
        for number in 0..5 {
            let (response, mut sending) = broker.begin(request("PUT", &format!("/{number}"), &[]), false).await;
            sending.send_data(Bytes::from_static(b"hello"), true).unwrap();
            asked.push(response);
            soon("the request", seen.recv()).await.unwrap();
        }
        close.cancel();
        tokio::time::sleep(Duration::from_millis(100)).await;
        for _ in &asked {
            gate.notify_one();
        }
        for (number, response) in asked.into_iter().enumerate() {
            assert_eq!(Got::of(response).await.unwrap().text(), format!("PUT /{number} hello"));
        }
        for _ in 0..5 {
            let exchange = proxy.recorded().await;
            let response = exchange.response.unwrap();
            assert_eq!((response.status, response.body.end, exchange.failure), (200, BodyEnd::Complete, None));
        }
        let ended = async {
            while broker.sender.clone().ready().await.is_ok() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        soon("the connection to end", ended).await;
        proxy.stop().await;
    }
}

/// The end comes together with the requests, none of which has been looked at by then.
#[tokio::test]
async fn an_end_right_behind_the_requests_cuts_none_of_them_off() {
    let (system, mut seen, gate) = waiting().await;
    let mut proxy = proxy_to(&system, None).await;
    let close = CancellationToken::new();
    let broker = broker(&proxy, None, true, &close).await;
    let asked =
        [broker.begin(request("GET", "/a", &[]), true).await, broker.begin(request("GET", "/b", &[]), true).await];
    // The client's task has written them when it has run; the proxy's, in the same thread, need not have.
    tokio::task::yield_now().await;
    close.cancel();
    for _ in 0..2 {
        soon("the request", seen.recv()).await.unwrap();
        gate.notify_one();
    }
    for (response, _) in asked {
        assert_eq!(Got::of(response).await.unwrap().status, 200);
        assert_eq!(proxy.recorded().await.failure, None);
    }
}

/// What can't come any more is not waited for; what has come is answered.
#[tokio::test]
async fn a_request_that_is_not_whole_is_given_up_alone() {
    let (system, mut seen, gate) = waiting().await;
    let mut proxy = proxy_to(&system, None).await;
    let close = CancellationToken::new();
    let broker = broker(&proxy, None, true, &close).await;
    let (whole, _) = broker.begin(request("GET", "/whole", &[]), true).await;
    soon("the request", seen.recv()).await.unwrap();
    let (half, mut sending) = broker.begin(request("PUT", "/half", &[("content-length", "9")]), false).await;
    sending.send_data(Bytes::from_static(b"half"), false).unwrap();
    soon("the request", seen.recv()).await.unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    let start = Instant::now();
    close.cancel();
    let exchange = proxy.recorded().await;
    assert!(start.elapsed() < Duration::from_secs(5), "at once, and not when it has stalled for a minute");
    assert_eq!((&*exchange.request.target, exchange.failure.unwrap().kind), ("/half", FailureKind::ClientGone));
    assert_eq!((&exchange.request.body.bytes[..], exchange.request.body.end), (&b"half"[..], BodyEnd::Cancelled));
    gate.notify_waiters();
    assert_eq!(Got::of(whole).await.unwrap().text(), "GET /whole ");
    assert_eq!(proxy.recorded().await.failure, None);
    drop((half, sending));
}

/// A connection that is reset, or can't be written to, has lost its exchanges.
#[tokio::test]
async fn a_reset_is_noticed() {
    for closes in [false, true] {
        let (system, mut seen, gate) = waiting().await;
        let mut proxy = proxy_to(&system, None).await;
        let close = CancellationToken::new();
        let stream = proxy.connect().await.stream;
        stream.set_zero_linger().unwrap();
        let (sender, connection) = h2::client::handshake(HalfClosing::new(Box::new(stream), &close)).await.unwrap();
        let driver = tokio::spawn(async move {
            let _ended = connection.await;
        });
        let broker = Broker { sender };
        let (response, _) = broker.begin(request("GET", "/x", &[]), true).await;
        soon("the request", seen.recv()).await.unwrap();
        if closes {
            close.cancel();
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        driver.abort();
        drop(response);
        let _ended = driver.await;
        if closes {
            gate.notify_one();
        }
        assert_eq!(proxy.recorded().await.failure.unwrap().kind, FailureKind::ClientGone, "closed before: {closes}");
    }
}

/// Within a stream that became a tunnel, and through one that is not read, which ends with its connection.
#[tokio::test]
async fn in_tunnels_too() {
    let server = Server::start().await;
    let port = server.address.port();
    let mut rig = rig(&[port], Wishes::default()).await;
    for host in [NAME, "other.example"] {
        let close = CancellationToken::new();
        let broker = broker(&rig.proxy, None, true, &close).await;
        let mut stream = tunnel(&broker, &format!("{host}:{port}")).await;
        stream.write_all(b"GET /x HTTP/1.1\r\nHost: h\r\n\r\n").await.unwrap();
        let mut system = server.accept().await;
        system.head().await;
        close.cancel();
        let mut got = Vec::new();
        if host == NAME {
            tokio::time::sleep(Duration::from_millis(50)).await;
            system.send(OK).await;
            soon("the end", stream.read_to_end(&mut got)).await.unwrap();
            assert_eq!(text(&got), OK);
            assert_eq!(rig.proxy.recorded().await.failure, None);
        } else {
            system.rest().await;
        }
    }
}
