//! Raw sockets and a proxy between them. Everything that waits gives up after [`PATIENCE`].

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use umpire::exchange::Exchange;
use umpire::proxy::record::sink::{self, ExchangeReceiver};
use umpire::proxy::upstream::Upstream;
use umpire::proxy::upstream::live::{Timeouts, UpstreamClient};
use umpire::proxy::{Limits, Listener, ServerSummary, serve};

/// Longest that a test waits for anything.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// Waits, but not for ever.
pub async fn soon<F: Future>(what: &str, future: F) -> F::Output {
    tokio::time::timeout(PATIENCE, future).await.unwrap_or_else(|_| panic!("waited in vain for {what}"))
}

/// One side of a connection, byte by byte.
pub struct Peer {
    pub stream: TcpStream,
    buf: Vec<u8>,
}

impl Peer {
    pub fn new(stream: TcpStream) -> Self {
        stream.set_nodelay(true).unwrap();
        Self { stream, buf: Vec::new() }
    }

    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        soon("sending", self.stream.write_all(bytes.as_ref())).await.unwrap();
    }

    /// Everything up to and with `mark`.
    pub async fn until(&mut self, mark: &str) -> String {
        loop {
            if let Some(at) = self.buf.windows(mark.len()).position(|window| window == mark.as_bytes()) {
                let taken: Vec<u8> = self.buf.drain(..at + mark.len()).collect();
                return text(&taken);
            }
            let so_far = text(&self.buf);
            let more = soon(&format!("{mark:?} after {so_far:?}"), self.stream.read_buf(&mut self.buf)).await;
            assert_ne!(more.unwrap_or(0), 0, "closed before {mark:?}; got {so_far:?}");
        }
    }

    /// Everything up to and with one of two marks.
    pub async fn either(&mut self, one: &str, other: &str) -> String {
        loop {
            let so_far = text(&self.buf);
            if let Some(mark) = [one, other].into_iter().find(|mark| so_far.contains(mark)) {
                return self.until(mark).await;
            }
            let more = soon(&format!("{one:?} or {other:?}"), self.stream.read_buf(&mut self.buf)).await;
            assert_ne!(more.unwrap_or(0), 0, "closed before {one:?}; got {so_far:?}");
        }
    }

    /// A head.
    pub async fn head(&mut self) -> String {
        self.until("\r\n\r\n").await
    }

    /// So many bytes.
    pub async fn exactly(&mut self, length: usize) -> Vec<u8> {
        while self.buf.len() < length {
            assert_ne!(soon("bytes", self.stream.read_buf(&mut self.buf)).await.unwrap(), 0, "closed too early");
        }
        self.buf.drain(..length).collect()
    }

    /// Everything up to the end of the connection, and whether that was a reset.
    pub async fn rest(&mut self) -> (Vec<u8>, bool) {
        let reset = soon("the end", self.stream.read_to_end(&mut self.buf)).await.is_err();
        (std::mem::take(&mut self.buf), reset)
    }

    /// True if nothing arrives for a moment.
    pub async fn is_silent(&mut self) -> bool {
        self.buf.is_empty()
            && tokio::time::timeout(Duration::from_millis(150), self.stream.read_buf(&mut self.buf)).await.is_err()
    }
}

/// Bytes as text, each byte one character, so that nothing is lost.
pub fn text(bytes: &[u8]) -> String {
    bytes.iter().copied().map(char::from).collect()
}

/// A booking system to be played by the test.
pub struct Server {
    listener: TcpListener,
    pub address: SocketAddr,
}

impl Server {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        Self { listener, address }
    }

    pub async fn accept(&self) -> Peer {
        Peer::new(soon("a connection from the proxy", self.listener.accept()).await.unwrap().0)
    }

    /// True if nobody connects for a moment.
    pub async fn is_silent(&self) -> bool {
        tokio::time::timeout(Duration::from_millis(150), self.listener.accept()).await.is_err()
    }
}

/// A proxy at work.
pub struct Proxy {
    pub address: SocketAddr,
    pub exchange_receiver: ExchangeReceiver,
    pub shutdown: CancellationToken,
    served: JoinHandle<ServerSummary>,
}

impl Proxy {
    /// In front of that server, with the usual limits.
    pub async fn to(server: &Server) -> Self {
        Self::limited(server, Limits::default()).await
    }

    /// In front of that server, with limits of one's own.
    pub async fn limited(server: &Server, limits: Limits) -> Self {
        Self::with(live(&format!("http://{}", server.address), Timeouts::default()), limits, 64).await
    }

    pub async fn with(upstream: Arc<dyn Upstream>, limits: Limits, capacity: usize) -> Self {
        Self::with_listener(Listener::new(TcpListener::bind("127.0.0.1:0").await.unwrap(), upstream), limits, capacity)
    }

    /// With a door of one's own.
    pub fn with_listener(listener: Listener, limits: Limits, capacity: usize) -> Self {
        let address = listener.listener.local_addr().unwrap();
        let (sink, exchange_receiver) = sink::channel(capacity);
        let shutdown = CancellationToken::new();
        let served = tokio::spawn(serve(vec![listener], sink, limits, shutdown.clone()));
        Self { address, exchange_receiver, shutdown, served }
    }

    /// A broker's connection.
    pub async fn connect(&self) -> Peer {
        Peer::new(soon("the proxy", TcpStream::connect(self.address)).await.unwrap())
    }

    /// The next exchange that was recorded.
    pub async fn recorded(&mut self) -> Exchange {
        soon("an exchange", self.exchange_receiver.next()).await.expect("an exchange")
    }

    /// Stops it; there must be nothing more to record.
    pub async fn stop(mut self) -> ServerSummary {
        self.shutdown.cancel();
        let served = soon("the proxy to end", &mut self.served).await.unwrap();
        assert_eq!(self.exchange_receiver.next().await, None, "an exchange that the test did not know of");
        served
    }

    /// Stops it and returns what was still recorded.
    pub async fn stop_with(mut self) -> (ServerSummary, Vec<Exchange>) {
        self.shutdown.cancel();
        let served = soon("the proxy to end", &mut self.served).await.unwrap();
        let mut rest = Vec::new();
        while let Some(exchange) = self.exchange_receiver.next().await {
            rest.push(exchange);
        }
        (served, rest)
    }
}

/// A booking system, a proxy in front of it, and a broker's connection to the proxy.
pub async fn connected() -> (Server, Proxy, Peer) {
    let server = Server::start().await;
    let proxy = Proxy::to(&server).await;
    let broker = proxy.connect().await;
    (server, proxy, broker)
}

/// As [`connected`], and the broker has sent a request whose head the booking system has read: its connection is the last.
pub async fn forwarded(request: impl AsRef<[u8]>) -> (Server, Proxy, Peer, Peer) {
    let (server, proxy, mut broker) = connected().await;
    broker.send(request).await;
    let mut system = server.accept().await;
    system.head().await;
    (server, proxy, broker, system)
}

pub fn live(base: &str, timeouts: Timeouts) -> Arc<dyn Upstream> {
    Arc::new(UpstreamClient::new::<&str>(&base.parse().unwrap(), &[], timeouts).unwrap())
}

/// The usual answer.
pub const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// One GET and its usual answer, on connections that are there already.
pub async fn round_trip(broker: &mut Peer, system: &mut Peer) {
    broker.send("GET /again HTTP/1.1\r\nHost: x\r\n\r\n").await;
    system.head().await;
    system.send(OK).await;
    assert!(broker.until("ok").await.starts_with("HTTP/1.1 200 OK\r\n"));
}
