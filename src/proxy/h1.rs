//! HTTP/1.1 as it is on the wire (RFC 9112), without losing what `HeaderMap` can't hold.
//!
//! ```text
//! socket ─► Reader ─► head::parse_* ─► Decoder ─► frames
//! frames ─► Coding ─► Outgoing ─► socket
//! ```
//!
//! Strict where laxness would let two parties read different messages: conflicting or doubled lengths, a length beside
//! a transfer coding in a request, folded fields and malformed chunks are refused.

mod decoder;
mod encode;
mod head;
mod outgoing;
mod reader;

pub use decoder::{Decoder, Step};
pub use encode::{Coding, ResponseShape, request_head, response_coding, response_head};
pub use head::{HeadError, Length, RequestHead, ResponseHead, bodiless, parse_request, parse_response};
pub use outgoing::{Outgoing, SendError};
pub use reader::Reader;

/// Most bytes of a head (start line and fields), and of a trailer section; more is refused.
pub const MAX_HEAD: usize = 64 * 1024;

/// Most fields of a head; more are refused.
pub const MAX_FIELDS: usize = 128;
