//! Umpire: a recording HTTP proxy that judges OpenActive Open Booking API traffic while it flows.
//!
//! Modules stand in layer order: each names only those above it (the table in ARCHITECTURE.md, which
//! `tests/architecture.rs` enforces, says exactly which).

pub mod panics;
pub mod new_file;
pub mod json;
pub mod exchange;
pub mod search;
pub mod units;
pub mod links;
pub mod openbooking;
pub mod shape;
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
pub mod verdicts;
pub mod proxy;
pub mod fault;
pub mod config;
pub mod doctor;
pub mod recorder;
pub mod http_client;
pub mod diff;
pub mod resend;
pub mod probe;
pub mod replay;
pub mod sandbox;
pub mod demo;
pub mod report;
pub mod check;
pub mod bundle;
pub mod tui;
pub mod view;
pub mod session;
pub mod cli;
