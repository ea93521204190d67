//! HTTP messages without a connection: heads, fields, framing, and Umpire's own answers.

pub mod fields;
pub mod head;
pub mod problem;
