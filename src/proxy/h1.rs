//! HTTP/1.1 as it is on the wire (RFC 9112), without losing what `HeaderMap` can't hold.
//!
//! ```text
//! socket ─► Reader ─► head::parse_* ─► Decoder ─► frames
//! frames ─► Coding ─► Outgoing ─► socket
//! ```
//!
//! Strict where laxness would let two parties read different messages; what RFC 9112 lets a proxy mend is mended. What
//! becomes of which input is a table: `docs/wire.md`, and `tests/it/proxy/wire/` for every case.

mod decoder;
mod encode;
mod head;
mod outgoing;
mod reader;

pub use decoder::{ChunkError, Decoder, Step};
pub use encode::{
    BodyEncoding, RequestShape, ResponseShape, interim_head, request_head, response_coding, response_head,
};
pub use head::{HeadWatch, parse_request, parse_response};
pub use outgoing::{FinalWriteObserver, Outgoing, SendError};
pub use reader::Reader;

/// Name of HTTP/1.1 over TLS in ALPN.
pub const ALPN: &[u8] = b"http/1.1";
