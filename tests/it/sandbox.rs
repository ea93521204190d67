//! The embedded booking system from outside: bookings, every error, every misbehaviour, feeds, and real sockets.
//!
//! `request and time → Sandbox → status and JSON → assertions`

mod bookings;
mod errors;
mod misbehaviours;
mod support;
mod wire;
