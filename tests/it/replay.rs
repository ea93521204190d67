//! Recordings played again: each hard case of matching, in recordings that are made here.
//!
//! `Tape (handmade exchanges, or the sandbox) → capture or HAR → Replay → Client`

mod answers;
mod bookings;
mod feeds;
mod misses;
mod program;
mod property;
mod support;
