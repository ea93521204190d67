//! Recordings, whole: what goes in comes out, no secret stays in, and no failure goes unsaid.
//!
//! `Exchange → capture or HAR → Exchange`, over arbitrary exchanges, planted secrets and broken files

#[path = "capture/arbitrary.rs"]
mod arbitrary;
#[path = "capture/foreign.rs"]
mod foreign;
#[path = "capture/output.rs"]
mod output;
#[path = "capture/secrets.rs"]
mod secrets;
#[path = "capture/store.rs"]
mod store;
#[path = "capture/tools.rs"]
mod tools;
#[path = "capture/versions.rs"]
mod versions;
