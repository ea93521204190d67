//! Faults that a broker must survive, made on purpose: an `Upstream` that wraps another.
//!
//! ```text
//! "B error=OpportunityIsFullError times=2" ─► parse ─► Fault ─┐
//!                                                             ▼
//! request ─► stage, booking ─► Faults::pick ─┬─ none ─────────────────────────► upstream
//!                                            ├─ an answer of Umpire's own ────► (the upstream is not asked)
//!                                            ├─ a change of the answer ───────► upstream, then the change
//!                                            └─ a fault on the wire ──────────► upstream, then a WireFault for the proxy
//! ```
//!
//! Every answer that a fault has touched is marked ([`Simulator::Fault`](crate::exchange::Simulator::Fault)), so that nobody
//! takes it for the booking system's.

mod content;
mod kind;
mod made;
mod message;
mod parse;
mod selection;
mod upstream;

pub use kind::{FaultKind, FaultName, NAMES, OPTIONS};
pub use parse::FaultError;
pub use selection::{FaultStatus, Faults};
pub use upstream::FaultyUpstream;

use crate::openbooking::Stage;

/// A fault as it was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The text that it was read from, with one space between its words.
    pub text: String,
    /// What goes wrong.
    pub kind: FaultKind,
    /// The stages at which it does.
    pub stages: Vec<Stage>,
    /// In how many of a thousand requests that it could meet.
    pub permille: u64,
    /// How often; `None` for always.
    pub times: Option<u64>,
    /// `times` counts for each booking on its own.
    pub per_booking: bool,
    /// The booking that it meets, by the order in which Order UUIDs came first, from 1; `None` for all.
    pub booking: Option<u64>,
    /// The Order UUID that it meets, in lower case; `None` for all.
    pub uuid: Option<String>,
}
