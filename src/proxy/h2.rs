//! HTTP/2 as both sides of the proxy speak it (RFC 9113).
//!
//! ```text
//! frames ─► IncomingBody ─► WireBody ─► OutgoingBody ─► frames          headers ◄─ fields ─► HTTP/1's fields
//! RawHeads (around the socket) ─► packed fields ─► h2 ─► head ─► RequestHead, ResponseHead
//! ```
//!
//! The frames are those of the `h2` library, without hyper in between: a proxy that records has to see why a stream
//! was reset, to pass interim answers on, and to add no field of its own. Heads are packed on their way through the
//! library, which else would alter some, and end the connection for others.

mod duplex;
pub mod fields;
pub mod head;
pub mod hpack;
mod huffman;
mod incoming;
mod outgoing;
mod packed;
mod raw_heads;

pub(crate) use duplex::{DuplexReadHalf, DuplexWriteHalf};
pub(crate) use incoming::IncomingBody;
pub(crate) use outgoing::{H2SendError, LateReset, OutgoingBody};
pub(crate) use packed::pack_target;
pub(crate) use raw_heads::{RawHeads, packed_size};

/// What a client of HTTP/2 sends first (RFC 9113 section 3.4).
pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Name of HTTP/2 over TLS in ALPN.
pub const ALPN: &[u8] = b"h2";

/// Most exchanges at one time on one connection, either way. A broker is told so and has further ones refused; towards
/// the booking system further ones go out on another connection.
pub const STREAMS: usize = 100;

/// Most bytes of one body that are on their way without having been passed on; the sender waits past it.
pub const WINDOW: u32 = 256 * 1024;

/// The same of all bodies of one connection: so much that a body which nobody reads holds up no other one.
pub(crate) const CONNECTION_WINDOW: u32 = WINDOW * STREAMS as u32;

/// Most bytes of one body that wait to be written to a connection.
pub(crate) const SEND_BUFFER: usize = 128 * 1024;
