//! The accept loop and its end.
//!
//! ```text
//! accept ─► one task per connection (permit, tracked)
//!    │ shutdown
//!    ▼
//! stop accepting ─► idle connections close, busy ones finish ─► all tasks ended ─► Served
//!                      grace over, or told to end at once: cut ──┘
//! ```

use std::io;
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

use super::door::{Door, secure};
use super::downstream;
use super::limits::Limits;
use super::relay::{Common, Relay};
use super::rewrite::Rewriter;
use super::sink::Sink;

/// What a proxy did until it was stopped.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Served {
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
    pub at_once: CancellationToken,
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
pub async fn serve(doors: Vec<Door>, sink: Sink, limits: Limits, shutdown: impl Into<Shutdown>) -> Served {
    let Shutdown { drain, at_once } = shutdown.into();
    let grace = limits.grace;
    let (cut, tasks) = (CancellationToken::new(), TaskTracker::new());
    let common = Arc::new(Common::new(sink, limits, cut.clone()));
    let hall = Hall {
        permits: Arc::new(Semaphore::new(common.limits.connections)),
        connections: AtomicU64::new(0),
        tasks: tasks.clone(),
        cut: cut.clone(),
        shutdown: drain,
    };
    join_all(doors.into_iter().map(|door| hall.keep(door, &common))).await;
    drop(common);
    let mut served = Served { connections: hall.connections.into_inner(), cut: 0 };
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

/// What all doors share.
struct Hall {
    permits: Arc<Semaphore>,
    connections: AtomicU64,
    tasks: TaskTracker,
    cut: CancellationToken,
    shutdown: CancellationToken,
}

impl Hall {
    /// Lets connections in until the shutdown.
    async fn keep(&self, door: Door, common: &Arc<Common>) {
        let Door { listener, tls, upstream, rewrite_links } = door;
        let links = rewrite_links.then(|| Rewriter::new(upstream.origin(), tls.is_some())).flatten();
        let relay = Arc::new(Relay::new(upstream, Arc::clone(common)).rewriting(links));
        loop {
            let accepted = tokio::select! {
                biased;
                () = self.shutdown.cancelled() => break,
                accepted = self.accept(&listener, &common.crowded) => accepted,
            };
            let (stream, permit) = match accepted {
                Ok(accepted) => accepted,
                Err(error) if concerns_one_connection(&error) => continue,
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection; trying again in 100 ms");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                }
            };
            let id = self.connections.fetch_add(1, Ordering::Relaxed) + 1;
            let connection = connection(stream, tls.clone(), Arc::clone(&relay), id, self.shutdown.clone());
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

impl Hall {
    /// The next connection. If there is no room for it, the one that has waited longest for a request makes room.
    async fn accept(
        &self,
        listener: &TcpListener,
        crowded: &Notify,
    ) -> io::Result<(TcpStream, tokio::sync::OwnedSemaphorePermit)> {
        let (stream, _) = listener.accept().await?;
        let permits = || Arc::clone(&self.permits);
        if let Ok(permit) = permits().try_acquire_owned() {
            return Ok((stream, permit));
        }
        crowded.notify_one();
        let permit = permits().acquire_owned().await.map_err(io::Error::other)?;
        Ok((stream, permit))
    }
}

async fn connection(
    stream: TcpStream,
    tls: Option<Arc<ServerConfig>>,
    relay: Arc<Relay>,
    id: u64,
    shutdown: CancellationToken,
) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "no TCP_NODELAY");
    }
    let Some(tls) = tls else { return downstream::run(stream, relay, id, shutdown).await };
    let patience = relay.common.limits.head_timeout;
    match secure(stream, tls, patience).await {
        Ok(wire) => downstream::run(wire, relay, id, shutdown).await,
        Err(error) => tracing::info!(%error, "no TLS handshake"),
    }
}

/// True for an error of a connection that was gone before it was accepted.
fn concerns_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}
