//! The wire: accepts the broker's connections and carries every byte to the booking system and back.
//!
//! ```text
//! server ─► client (one task per connection)                    upstream::live (implements Upstream)
//!             read head ─► relay ──► Tee(request body) ──► write head and body
//!             write head ◄─ relay ◄── Tee(response body) ◄─ read head, stream body
//!                             │
//!                             └─ record ── both bodies ended ──► recorder
//! ```
//!
//! | room | what is in it |
//! |---|---|
//! | `server` | listeners, the accept loop, limits, TLS |
//! | `client` | the broker's connection: detection, HTTP/1, HTTP/2, tunnels |
//! | `forward` | the forward proxy: which way a request goes |
//! | `relay` | one request to its upstream and back |
//! | `upstream` | who answers; `upstream::live` dials, pools and calls the booking system |
//! | `record` | exchanges in the making, and their way to the recorder |
//! | `message` | heads, fields, framing, Umpire's own answers |
//! | `h1`, `h2` | the two wire formats |
//! | `io` | sockets, with and without TLS |
//!
//! The proxy knows no rules: it hands over an [`Exchange`](crate::exchange::Exchange) when both bodies have ended.
//!
//! HTTP/1 is read and written by `h1`, not by hyper's connection types: a proxy that records must forward and keep
//! field names in their case and repeated fields in their place, and `HeaderMap` groups the fields of one name.

mod base_uri;
mod client;
pub mod event;
pub mod forward;
pub mod h1;
pub mod h2;
mod io;
mod logged;
pub mod message;
pub mod record;
mod relay;
mod rewrite;
pub mod server;
pub mod upstream;
pub(crate) mod wire_fault;

pub use base_uri::{BaseUri, BaseUriError};
pub use server::limits::{HeadLimits, Limits};
pub use server::listener::{Listener, ListenerMode};
pub use server::{ServerSummary, Shutdown, serve};
