//! The accept loop and its end.
//!
//! ```text
//! accept ─► one task per connection (permit, tracked)
//!    │ shutdown
//!    ▼
//! stop accepting ─► idle connections close, busy ones finish ─► grace over: cut ─► all tasks ended ─► Served
//! ```

use std::io;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument;

use super::downstream;
use super::limits::Limits;
use super::relay::Relay;
use super::sink::Sink;
use super::upstream::Upstream;

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
pub async fn serve(
    listener: TcpListener,
    upstream: Arc<dyn Upstream>,
    sink: Sink,
    limits: Limits,
    shutdown: CancellationToken,
) -> Served {
    let (grace, permits) = (limits.grace, Arc::new(Semaphore::new(limits.connections)));
    let (cut, tasks) = (CancellationToken::new(), TaskTracker::new());
    let relay = Arc::new(Relay::new(upstream, sink, limits, cut.clone()));
    let mut served = Served::default();
    loop {
        let accepted = tokio::select! {
            biased;
            () = shutdown.cancelled() => break,
            accepted = accept(&listener, &permits) => accepted,
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
        served.connections += 1;
        let id = served.connections;
        let connection = downstream::run(stream, Arc::clone(&relay), id, shutdown.clone());
        let cut = cut.clone();
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
        tasks.spawn(guarded.instrument(tracing::debug_span!("connection", id)));
    }
    drop(listener);
    tasks.close();
    if tokio::time::timeout(grace, tasks.wait()).await.is_err() {
        served.cut = tasks.len();
        cut.cancel();
        tasks.wait().await;
    }
    served
}

async fn accept(
    listener: &TcpListener,
    permits: &Arc<Semaphore>,
) -> io::Result<(TcpStream, tokio::sync::OwnedSemaphorePermit)> {
    let permit = Arc::clone(permits).acquire_owned().await.map_err(io::Error::other)?;
    let (stream, _) = listener.accept().await?;
    Ok((stream, permit))
}

/// True for an error of a connection that was gone before it was accepted.
fn concerns_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}
