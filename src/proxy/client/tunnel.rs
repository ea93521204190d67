//! What passes after an answer with status 101, such as WebSocket: bytes, both ways, as they are.
//!
//! ```text
//! broker ⇄ booking system      both ways ended ─► the exchange is complete
//!                              an error, or silence for too long ─► it has broken off; a reset is passed on as one
//! ```
//!
//! Nothing of it is kept; how much passed is recorded as the length of the two bodies.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::io::AsyncRead;

use crate::exchange::FailureKind;
use crate::proxy::h1::MessageReader;
use crate::proxy::io::{PassedBytes, PrefixedIo, TunnelError, WriteSide, pass_both_ways};
use crate::proxy::record::exchange_builder::ExchangeBuilder;
use crate::proxy::upstream::UpgradedIo;

/// Counts what passes and reports it to the record, however it ends.
pub(crate) struct UpgradeRelay {
    exchange_builder: Option<Arc<ExchangeBuilder>>,
    passed: PassedBytes,
    orderly: bool,
}

impl UpgradeRelay {
    /// Nothing has passed yet.
    pub(super) fn of(exchange_builder: Option<Arc<ExchangeBuilder>>) -> Self {
        Self { exchange_builder, passed: PassedBytes::default(), orderly: false }
    }

    /// Lets bytes pass until both sides have ended theirs, or nothing has passed for as long as `patience`.
    pub(super) async fn pass<I: AsyncRead + Unpin, O: WriteSide>(
        mut self,
        broker: &mut MessageReader<I>,
        mut to_broker: O,
        UpgradedIo { read_ahead, stream }: UpgradedIo,
        patience: Duration,
    ) -> Result<(), TunnelError> {
        let from_broker = PrefixedIo { prefix: broker.buf.split(), io: broker.io() };
        let mut upstream = PrefixedIo { prefix: read_ahead, io: stream };
        let passed = pass_both_ways(from_broker, &mut to_broker, &mut upstream, &self.passed, patience).await;
        self.orderly = passed.is_ok();
        if let Err(error) = &passed {
            if error.is_reset() {
                // One of the two is gone already.
                upstream.io.reset_on_drop();
                to_broker.reset();
            }
            if let Some(exchange_builder) = &self.exchange_builder {
                let kind = match error {
                    TunnelError::Broker(_) => FailureKind::ClientGone,
                    TunnelError::Upstream(_) | TunnelError::Silent(_) => FailureKind::BrokenOff,
                };
                exchange_builder.failed(kind, format!("after the protocol was switched, {error}"), None);
            }
        }
        passed
    }
}

impl Drop for UpgradeRelay {
    fn drop(&mut self) {
        if let Some(exchange_builder) = self.exchange_builder.take() {
            let PassedBytes { up, down } = &self.passed;
            exchange_builder.switched(up.load(Ordering::Relaxed), down.load(Ordering::Relaxed), self.orderly);
        }
    }
}
