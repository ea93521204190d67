//! Recordings sent again: stands in for the broker.
//!
//! ```text
//! JudgedRecording ─► plan: which bookings, what is missing ─► Plan
//! step of the plan ─► request: fresh UUIDs, carried values, credentials ─► listener of a session ─► booking system
//!                          ▲                                                  │ answer
//!                          └───────────── carried: what answers issue ◄───────┘
//! what was sent ─► pairing with the recording ─► diff
//! ```
//!
//! The requests go through a session as a broker's would: what comes of them is recorded and judged like any other traffic.

mod answer;
mod booked;
mod carried;
mod feed;
mod pairing;
mod plan;
mod request;
mod send;
mod substitutes;

pub(crate) use booked::{BookedKind, LeftBooking};
pub(crate) use pairing::pairing;
pub(crate) use plan::{BookingSelection, Omission, ResendPlan, ResendStep};
pub(crate) use send::{ResendError, ResendOutcome, ResendProgress, ResendTarget, Resender, SendPace};
pub(crate) use substitutes::{MissingValue, Substitutes};
