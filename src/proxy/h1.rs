//! HTTP/1.1 as it is on the wire (RFC 9112), without losing what `HeaderMap` can't hold.
//!
//! ```text
//! socket ─► MessageReader ─► head::parse_* ─► BodyDecoder ─► frames
//! frames ─► BodyEncoding ─► MessageWriter ─► socket
//! ```
//!
//! Strict where laxness would let two parties read different messages; what RFC 9112 lets a proxy mend is mended. What
//! becomes of which input is a table: `docs/wire.md`, and `tests/it/proxy/wire/` for every case.

mod decoder;
mod encode;
mod head;
mod outgoing;
mod reader;

pub use decoder::{BodyDecoder, ChunkError, Step};
pub use encode::{BodyEncoding, RequestShape, request_head};
pub(crate) use encode::{ResponseShape, interim_head, response_coding, response_head};
pub use head::{HeadWatch, parse_request, parse_response};
pub(crate) use outgoing::{FinalWriteObserver, H1SendError, MessageWriter};
pub(crate) use reader::MessageReader;

/// Name of HTTP/1.1 over TLS in ALPN.
pub const ALPN: &[u8] = b"http/1.1";
