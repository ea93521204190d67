//! What the proxy bounds, in one place.
//!
//! `cli → Limits → server → client, tee`

use std::time::Duration;

pub use crate::proxy::message::head::HeadLimits;

/// Bounds of one proxy. Those of the way upstream are [`crate::proxy::upstream::live::Timeouts`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Bytes kept of each body; 16 MiB. A longer body passes whole and is recorded as a prefix, marked truncated.
    pub kept_body: usize,
    /// Connections of brokers at one time; 4096. For a further one, the connection that has waited longest for a request
    /// is closed; if none waits, the new one waits in the listener's backlog.
    pub connections: usize,
    /// Size of a request's head; 64 KiB and 128 fields. A larger one is refused with 431, or 414.
    pub head: HeadLimits,
    /// Size of an answer's head; 64 KiB and 128 fields. A larger one is given up, and the broker gets 502. The proxy itself
    /// does not read it: whoever is upstream has to be told ([`crate::proxy::upstream::live::UpstreamConfig::answer_head`]).
    pub answer_head: HeadLimits,
    /// Time for a request's head to arrive once its first byte has; 60 s. Past it the connection is closed with 408.
    pub head_timeout: Duration,
    /// Time that a connection may stay open without a request; 300 s. Past it the connection is closed.
    pub idle_timeout: Duration,
    /// Time that a broker may neither send more of its request's body nor take more of its answer, where it is the broker
    /// that is waited for; 60 s. Past it the request is refused with 408, or the answer is cut off.
    pub stall_timeout: Duration,
    /// Time that the rest of a request is read for, and dropped, whose answer came before its end; 30 s. Closing the
    /// connection before it is read would reset it, and the answer could be lost. At shutdown nothing more is waited for.
    pub linger: Duration,
    /// Time without a byte of it past which it isn't waited for any longer; 5 s.
    pub linger_silence: Duration,
    /// Time that exchanges in flight are given at shutdown; 10 s. Past it they are cut off and recorded as stopped.
    pub grace: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            kept_body: 16 * 1024 * 1024,
            connections: 4096,
            head: HeadLimits::default(),
            answer_head: HeadLimits::default(),
            head_timeout: Duration::from_mins(1),
            idle_timeout: Duration::from_mins(5),
            stall_timeout: Duration::from_mins(1),
            linger: Duration::from_secs(30),
            linger_silence: Duration::from_secs(5),
            grace: Duration::from_secs(10),
        }
    }
}
