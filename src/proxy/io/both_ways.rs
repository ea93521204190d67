//! Bytes both ways between a broker and a host, as they are: behind CONNECT, and behind 101.
//!
//! ```text
//! broker ─► up ──► upstream        each way ends by itself; both ended ─► Ok
//! broker ◄─ down ◄ upstream        an error ─► TunnelError says on whose side; silence for too long ─► TunnelError::Silent
//! ```

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::Instant;

/// Bytes that are under way at most, each way.
const ROOM: usize = 16 * 1024;

/// How many bytes have passed.
#[derive(Debug, Default)]
pub(crate) struct PassedBytes {
    /// From the broker.
    pub up: AtomicU64,
    /// To the broker.
    pub down: AtomicU64,
}

/// Why bytes no longer pass.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TunnelError {
    /// The broker's connection failed.
    #[error("the broker's connection broke off: {0}")]
    Broker(#[source] io::Error),
    /// The other one failed.
    #[error("the connection broke off: {0}")]
    Upstream(#[source] io::Error),
    /// Nothing passed for so long.
    #[error("nothing passed for {0:?}")]
    Silent(Duration),
}

impl TunnelError {
    /// True if the other side is to see a reset. TLS without a farewell, and HTTP/2 without the end of a stream, are no more
    /// than an end that is no orderly one.
    pub(crate) fn is_reset(&self) -> bool {
        match self {
            Self::Broker(error) | Self::Upstream(error) => error.kind() != io::ErrorKind::UnexpectedEof,
            Self::Silent(_) => false,
        }
    }
}

/// Lets bytes pass until both sides have ended theirs, or nothing has passed for as long as `patience`.
pub(crate) async fn pass_both_ways(
    mut from_broker: impl AsyncRead + Unpin,
    to_broker: &mut (impl AsyncWrite + Unpin),
    upstream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    passed: &PassedBytes,
    patience: Duration,
) -> Result<(), TunnelError> {
    let (mut from_upstream, mut to_upstream) = tokio::io::split(upstream);
    let up = async {
        one_way(&mut from_broker, &mut to_upstream, &passed.up).await.map_err(|error| match error {
            OneWayError::Read(error) => TunnelError::Broker(error),
            OneWayError::Write(error) => TunnelError::Upstream(error),
        })
    };
    let down = async {
        one_way(&mut from_upstream, to_broker, &passed.down).await.map_err(|error| match error {
            OneWayError::Read(error) => TunnelError::Upstream(error),
            OneWayError::Write(error) => TunnelError::Broker(error),
        })
    };
    tokio::select! {
        passed = async { tokio::try_join!(up, down) } => passed.map(|_| ()),
        () = silence(passed, patience) => Err(TunnelError::Silent(patience)),
    }
}

enum OneWayError {
    Read(io::Error),
    Write(io::Error),
}

async fn one_way<R: AsyncRead + Unpin, W: AsyncWrite + Unpin>(
    from: &mut R,
    to: &mut W,
    passed: &AtomicU64,
) -> Result<(), OneWayError> {
    let mut buf = BytesMut::new();
    loop {
        buf.reserve(ROOM);
        if (&mut *from).take(ROOM as u64).read_buf(&mut buf).await.map_err(OneWayError::Read)? == 0 {
            return to.shutdown().await.map_err(OneWayError::Write);
        }
        to.write_all(&buf).await.map_err(OneWayError::Write)?;
        to.flush().await.map_err(OneWayError::Write)?;
        passed.fetch_add(buf.len() as u64, Ordering::Relaxed);
        buf.clear();
    }
}

/// Ends when nothing has passed for a time.
async fn silence(passed: &PassedBytes, patience: Duration) {
    let sum = || (passed.up.load(Ordering::Relaxed), passed.down.load(Ordering::Relaxed));
    let mut before = sum();
    loop {
        tokio::time::sleep_until(Instant::now() + patience).await;
        let now = sum();
        if now == before {
            return;
        }
        before = now;
    }
}
