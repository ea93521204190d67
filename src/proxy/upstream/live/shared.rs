//! HTTP/2 connections to the booking system, each shared by many exchanges.
//!
//! ```text
//! find ─┬─ one has room ─────────────────────────────► H2Connection ─► H2StreamPermit (one exchange; dropped at its end)
//!       ├─ one is being made: all wait for that one ──► H2Connection, or its error for all
//!       └─ none ─► connect ─┬─ h2 ───────────────────► H2Connection
//!                           └─ http/1.1 ─────────────► PooledConnection::Http1; the connection goes to the other pool
//! GOAWAY, closed, silent ─► retired: no new exchange; it ends with its last one
//! ```

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::{self, BoxFuture};
use h2::client::SendRequest;
use tokio_util::task::AbortOnDropHandle;

use crate::exchange::FailureKind;
use crate::proxy::h2::{CONNECTION_WINDOW, RawHeads, SEND_BUFFER, STREAMS, WINDOW, packed_size};
use crate::proxy::logged::LoggedError;
use crate::proxy::upstream::UpstreamError;
use crate::proxy::upstream::live::connect::{Alpn, Connector, NegotiatedConnection};
use crate::proxy::upstream::live::pool::Pool;

/// Most connections; past it exchanges wait on the connection with the fewest until the booking system has room.
const MOST: usize = 16;

/// Longest time that a connection is kept without an exchange. Older ones are closed when the pool is next used.
const IDLE: Duration = Duration::from_mins(1);

/// How long it is believed of a booking system that it speaks HTTP/1.1 only.
const H1_ONLY_TTL: Duration = Duration::from_mins(10);

/// One connection.
pub(crate) struct H2Connection {
    sender: SendRequest<Bytes>,
    exchanges: AtomicUsize,
    retired: AtomicBool,
    used: Mutex<Instant>,
    /// Ends the connection with its last user.
    _driver: AbortOnDropHandle<()>,
}

/// What [`H2Pool::find`] found.
#[derive(Clone)]
pub(crate) enum PooledConnection {
    /// A connection that speaks HTTP/2.
    Http2(Arc<H2Connection>),
    /// The booking system speaks HTTP/1.1 only.
    Http1,
}

type Connecting = future::Shared<BoxFuture<'static, Result<PooledConnection, UpstreamError>>>;

/// The HTTP/2 connections to one upstream, shared by all requests to it.
pub(crate) struct H2Pool {
    connector: Arc<Connector>,
    others: Arc<Pool>,
    state: Mutex<SharedState>,
}

#[derive(Default)]
struct SharedState {
    open: Vec<Arc<H2Connection>>,
    connecting: Option<Connecting>,
    /// When the booking system last chose HTTP/1.1.
    chose_http1: Option<Instant>,
}

/// A place for one exchange on a connection.
pub(crate) struct H2StreamPermit(Arc<H2Connection>);

impl H2Pool {
    /// No connection yet. Those that turn out to speak HTTP/1.1 go to `others`.
    pub(super) fn new(connector: Arc<Connector>, others: Arc<Pool>) -> Self {
        Self { connector, others, state: Mutex::default() }
    }

    /// A connection with room. `alpn` says what else than HTTP/2 will do.
    pub(super) async fn find(&self, alpn: Alpn) -> Result<PooledConnection, UpstreamError> {
        let connecting = {
            let mut state = self.state();
            state.tidy();
            if let Some(shared) = state.with_room() {
                return Ok(PooledConnection::Http2(shared));
            }
            if alpn == Alpn::Either && state.chose_http1.is_some_and(|at| at.elapsed() < H1_ONLY_TTL) {
                return Ok(PooledConnection::Http1);
            }
            if let Some(connecting) = &state.connecting
                && connecting.peek().is_none()
            {
                connecting.clone()
            } else {
                let connecting = connect(Arc::clone(&self.connector), Arc::clone(&self.others), alpn).boxed().shared();
                state.connecting = Some(connecting.clone());
                connecting
            }
        };
        let found = connecting.clone().await;
        let mut state = self.state();
        // Whoever is first takes it up; the others find it there.
        if state.connecting.as_ref().is_some_and(|current| current.ptr_eq(&connecting)) {
            state.connecting = None;
            match &found {
                Ok(PooledConnection::Http2(shared)) => state.open.push(Arc::clone(shared)),
                Ok(PooledConnection::Http1) => state.chose_http1 = Some(Instant::now()),
                Err(_) => {}
            }
        }
        found
    }

    fn state(&self) -> MutexGuard<'_, SharedState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SharedState {
    /// Drops what can't be used any more, or wasn't for long.
    fn tidy(&mut self) {
        self.open.retain(|shared| shared.is_usable());
    }

    fn with_room(&self) -> Option<Arc<H2Connection>> {
        let least = self.open.iter().min_by_key(|shared| shared.exchanges.load(Ordering::Relaxed))?;
        (least.has_room() || self.open.len() >= MOST).then(|| Arc::clone(least))
    }
}

impl H2Connection {
    fn is_usable(&self) -> bool {
        let mut sender = self.sender.clone();
        let sound = !matches!(sender.poll_ready(&mut Context::from_waker(Waker::noop())), Poll::Ready(Err(_)));
        let used = *self.used.lock().unwrap_or_else(PoisonError::into_inner);
        let idle = self.exchanges.load(Ordering::Relaxed) == 0 && used.elapsed() > IDLE;
        sound && !idle && !self.retired.load(Ordering::Relaxed)
    }

    fn has_room(&self) -> bool {
        self.exchanges.load(Ordering::Relaxed) < self.sender.current_max_send_streams().min(STREAMS)
    }

    /// A place on it, and what opens a stream.
    pub(super) fn lease(self: Arc<Self>) -> (H2StreamPermit, SendRequest<Bytes>) {
        self.exchanges.fetch_add(1, Ordering::Relaxed);
        let sender = self.sender.clone();
        (H2StreamPermit(self), sender)
    }
}

impl H2StreamPermit {
    /// The connection is not to be used for further exchanges.
    pub(crate) fn retire(&self) {
        self.0.retired.store(true, Ordering::Relaxed);
    }
}

impl Drop for H2StreamPermit {
    fn drop(&mut self) {
        *self.0.used.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        self.0.exchanges.fetch_sub(1, Ordering::Relaxed);
    }
}

async fn connect(connector: Arc<Connector>, others: Arc<Pool>, alpn: Alpn) -> Result<PooledConnection, UpstreamError> {
    let stream = match connector.dial(alpn).await? {
        NegotiatedConnection::Http2(stream) => stream,
        NegotiatedConnection::Http1(link) => {
            others.put(link);
            return Ok(PooledConnection::Http1);
        }
    };
    let (sender, connection) = h2::client::Builder::new()
        .initial_window_size(WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_header_list_size(packed_size(connector.answer_head()))
        .max_send_buffer_size(SEND_BUFFER)
        .enable_push(false)
        .handshake::<_, Bytes>(RawHeads::client(stream, connector.answer_head()))
        .await
        .map_err(|error| UpstreamError {
            kind: FailureKind::BrokenOff,
            detail: format!("no HTTP/2 connection with {}: {error}", connector.name()),
        })?;
    let driver = tokio::spawn(async move {
        match connection.await {
            Ok(()) => tracing::debug!("an HTTP/2 connection to the booking system ended"),
            Err(error) => {
                tracing::debug!(error = %LoggedError(&error), "an HTTP/2 connection to the booking system broke off");
            }
        }
    });
    Ok(PooledConnection::Http2(Arc::new(H2Connection {
        sender,
        exchanges: AtomicUsize::new(0),
        retired: AtomicBool::new(false),
        used: Mutex::new(Instant::now()),
        _driver: AbortOnDropHandle::new(driver),
    })))
}
