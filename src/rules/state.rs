//! What a recording has shown so far: plain data, which knows nothing of the language of rules.
//!
//! `exchange ─► RecordingState: flows, feeds, open data, what came to nothing ─► asked by functions and members`

pub mod answers;
pub mod base_uris;
pub mod booking_system;
pub mod capacity;
pub mod credentials;
pub mod exchange_ref;
pub mod feeds;
pub mod flow;
pub mod history;
pub mod limits;
pub mod maps;
pub mod numbering;
pub mod observed_facts;
pub mod pending_updates;
pub mod recording;
pub mod retries;
