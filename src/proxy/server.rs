//! The accept loops of all listeners, and graceful shutdown.
//!
//! ```text
//! accept ─► one task per connection (permit, tracked)
//!    │ shutdown
//!    ▼
//! stop accepting ─► idle connections close, busy ones finish ─► all tasks ended ─► ServerSummary
//!                      grace over, or told to end at once: cut ──┘
//! ```

pub mod descriptors;
pub mod limits;
pub mod listener;
pub mod tls;

use std::io;
use std::net::IpAddr;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::join_all;
use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument;

use crate::proxy::client::{self, ClientInfo, Route};
use crate::proxy::event::{EventHandler, ProxyEvent, handshake_trouble};
use crate::proxy::forward::{ClientAllowList, ForwardProxy};
use crate::proxy::io::Transport;
use crate::proxy::logged::LoggedError;
use crate::proxy::record::sink::ExchangeSender;
use crate::proxy::relay::{ProxyShared, Relay};
use crate::proxy::rewrite::Rewriter;
use crate::proxy::server::limits::Limits;
use crate::proxy::server::listener::{Listener, ListenerMode, refuse_handshake, tls_accept};
use crate::proxy::upstream::Upstream;
use crate::proxy::wire_fault::{HANDSHAKE_BROKEN_OFF, TlsFault};

/// What a proxy did until it was stopped.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ServerSummary {
    /// Connections of brokers.
    pub connections: u64,
    /// Connections that were still busy when the grace time was over, and were cut off.
    pub cut: usize,
}

/// How a proxy is told to stop.
#[derive(Debug, Clone, Default)]
pub struct Shutdown {
    /// Take no more connections and requests; let exchanges end.
    pub drain: CancellationToken,
    /// Don't wait for exchanges any longer: their grace time is over.
    pub force: CancellationToken,
}

impl From<CancellationToken> for Shutdown {
    fn from(drain: CancellationToken) -> Self {
        Self { drain, ..Self::default() }
    }
}

/// Serves until it is told to stop, then drains (see [`Limits::grace`]) and returns. When it returns, every exchange has
/// been handed to the sink and no task is left.
///
/// An error of the listener does not end it: where descriptors or memory lack, it waits a moment and goes on.
///
/// The futures of the connections are spawned: must be called within a tokio runtime.
pub async fn serve(
    listeners: Vec<Listener>,
    sink: ExchangeSender,
    limits: Limits,
    shutdown: impl Into<Shutdown>,
) -> ServerSummary {
    let Shutdown { drain, force: at_once } = shutdown.into();
    let grace = limits.grace;
    let (cut, tasks) = (CancellationToken::new(), TaskTracker::new());
    let common = Arc::new(ProxyShared::new(sink, limits, cut.clone()));
    let server = ProxyServer {
        permits: Arc::new(Semaphore::new(common.limits.connections)),
        connections: AtomicU64::new(0),
        tasks: tasks.clone(),
        cut: cut.clone(),
        shutdown: drain,
    };
    join_all(listeners.into_iter().map(|listener| server.accept_loop(listener, &common))).await;
    drop(common);
    let mut served = ServerSummary { connections: server.connections.into_inner(), cut: 0 };
    tasks.close();
    let drained = tokio::select! {
        biased;
        () = tasks.wait() => true,
        () = at_once.cancelled() => false,
        () = tokio::time::sleep(grace) => false,
    };
    if !drained {
        served.cut = tasks.len();
        cut.cancel();
        tasks.wait().await;
    }
    served
}

/// What all listeners share: limits, running tasks, shutdown.
struct ProxyServer {
    permits: Arc<Semaphore>,
    connections: AtomicU64,
    tasks: TaskTracker,
    cut: CancellationToken,
    shutdown: CancellationToken,
}

impl ProxyServer {
    /// Lets connections in until the shutdown.
    async fn accept_loop(&self, listener: Listener, common: &Arc<ProxyShared>) {
        let Listener { listener, tls, own_ca, allowed_clients, mode, rewrite_links, tls_fault, on_event } = listener;
        let to = |upstream: Arc<dyn Upstream>| {
            let links = rewrite_links.then(|| Rewriter::new(upstream.origin(), tls.is_some())).flatten();
            Relay::new(upstream, Arc::clone(common)).rewriting(links)
        };
        let route = match mode {
            ListenerMode::Upstream(upstream) => Route::To(Arc::new(to(upstream))),
            ListenerMode::Unrecorded(upstream) => Route::To(Arc::new(to(upstream).unrecorded())),
            ListenerMode::Forward(forward) => {
                Route::Forward(Arc::new(ForwardProxy::new(forward, Arc::clone(common), Arc::clone(&on_event))))
            }
        };
        let inside =
            Arc::new(ListenerState { tls, own_ca, route, tls_fault, on_event, patience: common.limits.head_timeout });
        loop {
            let accepted = tokio::select! {
                biased;
                () = self.shutdown.cancelled() => break,
                accepted = self.accept(&listener, &common.evict_idle, &allowed_clients, &inside.on_event) => accepted,
            };
            let (stream, address, permit) = match accepted {
                Ok(accepted) => accepted,
                Err(error) if concerns_one_connection(&error) => continue,
                Err(error) => {
                    tracing::warn!(error = %LoggedError(&error), "cannot accept a connection; trying again in 100 ms");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                }
            };
            let id = self.connections.fetch_add(1, Ordering::Relaxed) + 1;
            let client_info = ClientInfo { connection: id, address };
            let connection = Arc::clone(&inside).connection(stream, client_info, self.shutdown.clone());
            let cut = self.cut.clone();
            let guarded = async move {
                let connection = AssertUnwindSafe(connection).catch_unwind();
                tokio::select! {
                    biased;
                    () = cut.cancelled() => tracing::debug!("cut off"),
                    ended = connection => if ended.is_err() {
                        tracing::error!("this connection's task panicked; the other connections are not affected");
                    },
                }
                drop(permit);
            };
            self.tasks.spawn(guarded.instrument(tracing::debug_span!("connection", id)));
        }
    }
}

impl ProxyServer {
    /// Accepts the next connection of an allowed client. If there is no room for it, the connection that has waited longest
    /// for a request is closed; a client that is not allowed takes no room.
    async fn accept(
        &self,
        listener: &TcpListener,
        evict_idle: &Notify,
        allowed_clients: &ClientAllowList,
        on_event: &EventHandler,
    ) -> io::Result<(TcpStream, IpAddr, tokio::sync::OwnedSemaphorePermit)> {
        let (stream, client) = loop {
            let (stream, client) = listener.accept().await?;
            let client = client.ip().to_canonical();
            if allowed_clients.admit(client) {
                break (stream, client);
            }
            on_event(ProxyEvent::TurnedAway { client });
        };
        let permits = || Arc::clone(&self.permits);
        if let Ok(permit) = permits().try_acquire_owned() {
            return Ok((stream, client, permit));
        }
        evict_idle.notify_one();
        let permit = permits().acquire_owned().await.map_err(io::Error::other)?;
        Ok((stream, client, permit))
    }
}

/// What the connections of one listener share.
struct ListenerState {
    tls: Option<Arc<ServerConfig>>,
    own_ca: bool,
    route: Route,
    tls_fault: Option<TlsFault>,
    on_event: EventHandler,
    patience: Duration,
}

impl ListenerState {
    async fn connection(self: Arc<Self>, stream: TcpStream, client_info: ClientInfo, shutdown: CancellationToken) {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(error = %LoggedError(&error), "no TCP_NODELAY");
        }
        let Some(tls) = &self.tls else { return self.serve_connection(stream, client_info, shutdown).await };
        if self.tls_fault.as_ref().is_some_and(|fault| fault()) {
            if let Err(error) = refuse_handshake(stream, self.patience).await {
                tracing::debug!(error = %LoggedError(&error), "the handshake to break off had gone");
            }
            let detail = HANDSHAKE_BROKEN_OFF.to_owned();
            return (self.on_event)(ProxyEvent::NoHandshake { client: client_info.address, detail });
        }
        match tls_accept(stream, Arc::clone(tls), self.patience).await {
            Ok(wire) => self.serve_connection(wire, client_info, shutdown).await,
            Err(error) => {
                let detail = handshake_trouble(&error, self.own_ca);
                (self.on_event)(ProxyEvent::NoHandshake { client: client_info.address, detail });
            }
        }
    }

    async fn serve_connection<W: Transport>(&self, wire: W, client_info: ClientInfo, shutdown: CancellationToken) {
        let connect_upgrade =
            client::run(wire, self.route.clone(), client_info, &self.on_event, shutdown.clone()).await;
        if let (Some((opened, tunnel)), Route::Forward(forward_proxy)) = (connect_upgrade, &self.route) {
            forward_proxy.serve(opened, tunnel, client_info, shutdown).await;
        }
    }
}

/// True for an error of a connection that was gone before it was accepted.
fn concerns_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}
