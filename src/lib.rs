//! Umpire: a recording HTTP proxy that judges OpenActive Open Booking API traffic while it flows.
//!
//! Modules stand in layer order: each names only those above it (the table in ARCHITECTURE.md, which
//! `tests/architecture.rs` enforces, says exactly which).

pub mod capture;
pub mod event;
pub mod exchange;
pub mod finding;
pub mod json;
pub mod openbooking;
pub mod proxy;
