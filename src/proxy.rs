//! The wire: accepts the broker's connections and carries every byte to the booking system and back.
//!
//! ```text
//! door ─► Wire ─► downstream (one task per connection)    live (implements Upstream)
//!            read head ─► relay ──► Tee(request body) ──► write head and body
//!            write head ◄─ relay ◄── Tee(response body) ◄─ read head, stream body
//!                            │
//!                            └─ Draft ── both bodies ended ──► Sink ──► recorder
//! ```
//!
//! The proxy knows no rules: it hands over an [`Exchange`](crate::exchange::Exchange) when both bodies have ended.
//!
//! HTTP/1 is read and written by `h1`, not by hyper's connection types: a proxy that records must forward and keep
//! field names in their case and repeated fields in their place, and `HeaderMap` groups the fields of one name. What
//! the parts of the proxy say to each other stays `hyper::Request` and `hyper::Response` (the fields as they were on
//! the wire travel beside them, see [`fields::RawHeaders`]), so that HTTP/2 can join on either side.

mod base_uri;
pub mod descriptors;
mod listener;
mod downstream;
mod exchange_builder;
pub mod fields;
pub mod forward;
pub mod h1;
pub mod h2;
pub mod head;
pub mod event;
mod limits;
pub mod live;
mod logged;
mod problem;
mod relay;
mod rewrite;
mod serve;
pub mod sink;
mod tee;
pub mod tls;
pub mod upstream;
mod wire;
pub mod wire_fault;

pub use base_uri::{BaseUri, BaseUriError};
pub use limits::{HeadLimits, Limits};
pub use listener::{Behind, Listener};
pub use serve::{Served, Shutdown, serve};
