//! Connections that wait for the next request.
//!
//! `put ─► idle (the newest on top) ─► take, if it is still open`

use std::sync::{Mutex, PoisonError};
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use super::connect::Link;

/// Most idle connections; past it a connection that becomes idle is closed.
const MOST: usize = 128;

/// Longest time that a connection is kept idle. Older ones are closed when the pool is next used.
const IDLE: Duration = Duration::from_mins(1);

/// See the module.
#[derive(Default)]
pub struct Pool {
    idle: Mutex<Vec<(Instant, Link)>>,
}

impl Pool {
    /// Keeps a connection on which everything was written and read. One with unasked-for bytes is closed.
    pub fn put(&self, link: Link) {
        if !link.reader.buf.is_empty() {
            return;
        }
        let now = Instant::now();
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let expired = idle.partition_point(|(since, _)| now.duration_since(*since) > IDLE);
        idle.drain(..expired);
        if idle.len() < MOST {
            idle.push((now, link));
        }
    }

    /// The connection that was used last and is still open.
    pub fn take(&self) -> Option<Link> {
        loop {
            let (since, mut link) = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop()?;
            // An idle connection has nothing to say: what can be read is its end, or bytes that nobody asked for.
            let mut nobody = Context::from_waker(Waker::noop());
            if since.elapsed() <= IDLE && link.reader.poll_fill(&mut nobody).is_pending() {
                return Some(link);
            }
        }
    }
}
