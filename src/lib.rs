//! Umpire: a recording HTTP proxy that judges OpenActive Open Booking API traffic while it flows.
//!
//! Modules stand in layer order: each names only those above it (the table in ARCHITECTURE.md, which
//! `tests/architecture.rs` enforces, says exactly which).

mod panics;
pub mod new_file;
pub mod json;
pub mod exchange;
mod search;
mod units;
mod links;
pub mod openbooking;
mod shape;
pub mod finding;
pub mod coverage;
pub mod text;
pub mod judged;
pub mod baseline;
pub mod event;
pub mod filter;
pub mod rules;
pub mod ca;
pub mod redact;
pub mod capture;
mod verdicts;
pub mod proxy;
pub mod fault;
pub mod config;
pub mod doctor;
pub mod recorder;
mod http_client;
pub mod diff;
mod resend;
mod probe;
pub mod replay;
pub mod sandbox;
pub mod demo;
pub mod report;
mod check;
mod bundle;
pub mod tui;
mod view;
pub mod session;
pub mod cli;
