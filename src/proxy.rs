//! The wire: accepts the broker's connections and carries every byte to the booking system and back.
//!
//! The proxy knows no rules: it hands over an [`Exchange`](crate::exchange::Exchange) when both bodies have ended.

pub mod upstream;
