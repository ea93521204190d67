//! Faults made on purpose: what the broker meets, what is recorded of it, and who is blamed.
//!
//! `scripted broker → proxy → FaultyUpstream → sandbox` · `recorder → rules → findings`

mod blame;
mod broker;
mod content;
mod good_broker;
mod memory;
mod program;
mod support;
mod wire;
