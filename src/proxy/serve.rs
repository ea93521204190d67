//! The accept loop and its end.
//!
//! ```text
//! accept ─► one task per connection (permit, tracked)
//!    │ shutdown
//!    ▼
//! stop accepting ─► idle connections close, busy ones finish ─► grace over: cut ─► all tasks ended ─► Served
//! ```

use std::io;
use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::join_all;
use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument;

use super::door::{Behind, Door, secure};
use super::downstream::{self, Guest, Way};
use super::forward::Desk;
use super::incident::{Incident, Tell, handshake_trouble};
use super::limits::Limits;
use super::relay::{Common, Relay};
use super::sink::Sink;
use super::wire::Wire;

/// What a proxy did until it was stopped.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Served {
    /// Connections of brokers.
    pub connections: u64,
    /// Connections that were still busy when the grace time was over, and were cut off.
    pub cut: usize,
}

/// Serves until `shutdown` is cancelled, then drains (see [`Limits::grace`]) and returns. When it returns, every
/// exchange has been handed to the sink and no task is left.
///
/// An error of the listener does not end it: where descriptors or memory lack, it waits a moment and goes on.
///
/// The futures of the connections are spawned: must be called within a tokio runtime.
pub async fn serve(doors: Vec<Door>, sink: Sink, limits: Limits, shutdown: CancellationToken) -> Served {
    let grace = limits.grace;
    let (cut, tasks) = (CancellationToken::new(), TaskTracker::new());
    let common = Arc::new(Common::new(sink, limits, cut.clone()));
    let hall = Hall {
        permits: Arc::new(Semaphore::new(common.limits.connections)),
        connections: AtomicU64::new(0),
        tasks: tasks.clone(),
        cut: cut.clone(),
        shutdown,
    };
    join_all(doors.into_iter().map(|door| hall.keep(door, &common))).await;
    drop(common);
    let mut served = Served { connections: hall.connections.into_inner(), cut: 0 };
    tasks.close();
    if tokio::time::timeout(grace, tasks.wait()).await.is_err() {
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
        let Door { listener, tls, own_ca, guests, behind, tell } = door;
        let way = match behind {
            Behind::Upstream(upstream) => Way::To(Arc::new(Relay::new(upstream, Arc::clone(common)))),
            Behind::Forward(forward) => {
                Way::Forward(Arc::new(Desk::new(forward, Arc::clone(common), Arc::clone(&tell))))
            }
        };
        let inside = Arc::new(Inside { tls, own_ca, way, tell, patience: common.limits.head_timeout });
        loop {
            let accepted = tokio::select! {
                biased;
                () = self.shutdown.cancelled() => break,
                accepted = accept(&listener, &self.permits) => accepted,
            };
            let (stream, address, permit) = match accepted {
                Ok((_, client, _)) if !guests.admit(client.ip()) => {
                    (inside.tell)(Incident::TurnedAway { client: client.ip() });
                    continue;
                }
                Ok((stream, client, permit)) => (stream, client.ip().to_canonical(), permit),
                Err(error) if concerns_one_connection(&error) => continue,
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection; trying again in 100 ms");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                }
            };
            let id = self.connections.fetch_add(1, Ordering::Relaxed) + 1;
            let guest = Guest { connection: id, address };
            let connection = Arc::clone(&inside).connection(stream, guest, self.shutdown.clone());
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

/// What the connections of one door share.
struct Inside {
    tls: Option<Arc<ServerConfig>>,
    own_ca: bool,
    way: Way,
    tell: Tell,
    patience: Duration,
}

impl Inside {
    async fn connection(self: Arc<Self>, stream: TcpStream, guest: Guest, shutdown: CancellationToken) {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "no TCP_NODELAY");
        }
        let Some(tls) = &self.tls else { return self.attend(stream, guest, shutdown).await };
        match secure(stream, Arc::clone(tls), self.patience).await {
            Ok(wire) => self.attend(wire, guest, shutdown).await,
            Err(error) => {
                let detail = handshake_trouble(&error, self.own_ca);
                (self.tell)(Incident::NoHandshake { client: guest.address, detail });
            }
        }
    }

    async fn attend<W: Wire>(&self, wire: W, guest: Guest, shutdown: CancellationToken) {
        let parted = downstream::run(wire, self.way.clone(), guest, shutdown.clone()).await;
        if let (Some((opened, tunnel)), Way::Forward(desk)) = (parted, &self.way) {
            desk.serve(opened, tunnel, guest, shutdown).await;
        }
    }
}

async fn accept(
    listener: &TcpListener,
    permits: &Arc<Semaphore>,
) -> io::Result<(TcpStream, SocketAddr, tokio::sync::OwnedSemaphorePermit)> {
    let permit = Arc::clone(permits).acquire_owned().await.map_err(io::Error::other)?;
    let (stream, client) = listener.accept().await?;
    Ok((stream, client, permit))
}

/// True for an error of a connection that was gone before it was accepted.
fn concerns_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}
