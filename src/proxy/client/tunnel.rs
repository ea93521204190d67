//! What passes after an answer with status 101, such as WebSocket: bytes, both ways, as they are.
//!
//! ```text
//! broker ─► up ──► booking system      each way ends by itself; both ended ─► the exchange is complete
//! broker ◄─ down ◄ booking system      an error, or silence for too long ──► it has broken off
//! ```
//!
//! Nothing of it is kept; how much passed is recorded as the length of the two bodies.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::Instant;

use crate::exchange::FailureKind;
use crate::proxy::h1::MessageReader;
use crate::proxy::record::exchange_builder::ExchangeBuilder;
use crate::proxy::upstream::UpgradedIo;

/// Bytes that are under way at most, each way.
const ROOM: usize = 16 * 1024;

/// Counts what passes and reports it to the record, however it ends.
pub(crate) struct UpgradeRelay {
    exchange_builder: Option<Arc<ExchangeBuilder>>,
    up: AtomicU64,
    down: AtomicU64,
    orderly: bool,
}

impl UpgradeRelay {
    /// Nothing has passed yet.
    pub(super) fn of(exchange_builder: Option<Arc<ExchangeBuilder>>) -> Self {
        Self { exchange_builder, up: AtomicU64::new(0), down: AtomicU64::new(0), orderly: false }
    }

    /// Lets bytes pass until both sides have ended theirs, or nothing has passed for as long as `patience`.
    pub(super) async fn pass<I: AsyncRead + Unpin, O: AsyncWrite + Unpin>(
        mut self,
        broker: &mut MessageReader<I>,
        mut to_broker: O,
        UpgradedIo { read_ahead: ahead, stream: upstream }: UpgradedIo,
        patience: Duration,
    ) -> io::Result<()> {
        let (mut from_upstream, mut to_upstream) = tokio::io::split(upstream);
        let sent_ahead = broker.buf.split();
        let up = one_way(sent_ahead, broker.io(), &mut to_upstream, &self.up);
        let down = one_way(ahead, &mut from_upstream, &mut to_broker, &self.down);
        let passed = tokio::select! {
            passed = async { tokio::try_join!(up, down) } => passed.map(|_| ()),
            () = silence(&self.up, &self.down, patience) => {
                Err(io::Error::new(io::ErrorKind::TimedOut, format!("nothing passed for {patience:?}")))
            }
        };
        match &passed {
            Ok(()) => self.orderly = true,
            Err(error) => {
                if let Some(exchange_builder) = &self.exchange_builder {
                    let detail = format!("the connection broke off after the protocol was switched: {error}");
                    exchange_builder.failed(FailureKind::BrokenOff, detail, None);
                }
            }
        }
        passed
    }
}

impl Drop for UpgradeRelay {
    fn drop(&mut self) {
        if let Some(exchange_builder) = self.exchange_builder.take() {
            exchange_builder.switched(self.up.load(Ordering::Relaxed), self.down.load(Ordering::Relaxed), self.orderly);
        }
    }
}

async fn one_way<R: AsyncRead + Unpin, W: AsyncWrite + Unpin>(
    mut buf: BytesMut,
    from: &mut R,
    to: &mut W,
    passed: &AtomicU64,
) -> io::Result<()> {
    loop {
        if !buf.is_empty() {
            to.write_all(&buf).await?;
            to.flush().await?;
            passed.fetch_add(buf.len() as u64, Ordering::Relaxed);
            buf.clear();
        }
        buf.reserve(ROOM);
        if (&mut *from).take(ROOM as u64).read_buf(&mut buf).await? == 0 {
            return to.shutdown().await;
        }
    }
}

/// Ends when nothing has passed for a time.
async fn silence(up: &AtomicU64, down: &AtomicU64, patience: Duration) {
    let passed = || (up.load(Ordering::Relaxed), down.load(Ordering::Relaxed));
    let mut before = passed();
    loop {
        tokio::time::sleep_until(Instant::now() + patience).await;
        let now = passed();
        if now == before {
            return;
        }
        before = now;
    }
}
