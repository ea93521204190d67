//! Recordings, whole: what goes in comes out, no secret stays in, and no failure goes unsaid.
//!
//! `Exchange → capture or HAR → Exchange`, over arbitrary exchanges, planted secrets and broken files

mod arbitrary;
mod damage;
mod foreign;
mod output;
mod secrets;
mod store;
mod tools;
mod versions;
