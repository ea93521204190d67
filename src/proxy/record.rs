//! Exchanges in the making: what passed is kept on the way, and handed over when both bodies have ended.
//!
//! `Tee (request, response) ─► ExchangeBuilder ─► ExchangeSender ─► recorder`

pub mod exchange_builder;
pub mod sink;
pub mod tee;
