//! The first bytes of a broker's connection tell which version of HTTP it speaks.
//!
//! ```text
//! Transport ─► first bytes ─┬─ the preface of HTTP/2 ─► DetectedProtocol { http2: true }
//!                           └─ anything else ─────────► DetectedProtocol { http2: false }      what was read is read again
//! ```
//!
//! That holds with and without TLS: a broker that chose HTTP/2 by ALPN begins with the preface too.

use std::future::Future;
use std::io;

use bytes::BytesMut;
use tokio::io::AsyncReadExt;
use tokio_util::sync::CancellationToken;

use crate::proxy::h2::PREFACE;
use crate::proxy::io::{PrefixedIo, Transport};
use crate::proxy::relay::ProxyShared;

/// Room for the first read: most requests of HTTP/1 are in it whole.
const FIRST: usize = 16 * 1024;

/// A connection whose first bytes were read.
pub(crate) struct DetectedProtocol<W> {
    /// It speaks HTTP/2.
    pub http2: bool,
    /// What was read.
    pub read: BytesMut,
    /// The rest.
    pub wire: W,
}

/// Waits for the first bytes; `None` if none came, or not in time, or the proxy is stopped or crowded.
pub(super) async fn open<W: Transport>(
    mut wire: W,
    common: &ProxyShared,
    shutdown: &CancellationToken,
) -> io::Result<Option<DetectedProtocol<W>>> {
    let limits = &common.limits;
    let mut evict_idle = std::pin::pin!(common.evict_idle.notified());
    let mut read = BytesMut::with_capacity(FIRST);
    let mut patience = limits.idle_timeout;
    loop {
        let count = tokio::select! {
            biased;
            count = within(patience, wire.read_buf(&mut read)) => count,
            () = &mut evict_idle, if read.is_empty() => return Ok(None),
            () = shutdown.cancelled(), if read.is_empty() => return Ok(None),
        };
        if count.transpose()?.unwrap_or(0) == 0 {
            // Of what is too little for HTTP/2 HTTP/1 knows what to say.
            return Ok((!read.is_empty()).then_some(DetectedProtocol { http2: false, read, wire }));
        }
        if read.starts_with(PREFACE) {
            return Ok(Some(DetectedProtocol { http2: true, read, wire }));
        }
        if !PREFACE.starts_with(&read) {
            return Ok(Some(DetectedProtocol { http2: false, read, wire }));
        }
        patience = limits.head_timeout;
    }
}

async fn within<F: Future>(patience: std::time::Duration, future: F) -> Option<F::Output> {
    tokio::time::timeout(patience, future).await.ok()
}

impl<W> DetectedProtocol<W> {
    /// The connection as it was.
    pub(crate) fn rejoin(self) -> PrefixedIo<W> {
        PrefixedIo { prefix: self.read, io: self.wire }
    }
}
