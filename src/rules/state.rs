//! What a recording has shown so far: plain data, which knows nothing of the language of rules.
//!
//! `exchange ─► RecordingState: flows, feeds, open data, what came to nothing ─► asked by functions and members`

pub(super) mod answers;
pub(super) mod base_uris;
pub(super) mod booking_system;
pub(super) mod capacity;
pub(super) mod credentials;
pub(crate) mod exchange_ref;
pub(super) mod feeds;
pub(super) mod flow;
pub(crate) mod history;
pub(super) mod limits;
pub(crate) mod maps;
pub(crate) mod numbering;
pub(crate) mod observed_facts;
pub(crate) mod pending_updates;
pub(super) mod recording;
pub(crate) mod retries;
