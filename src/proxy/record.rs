//! Exchanges in the making: what passed is kept on the way, and handed over when both bodies have ended.
//!
//! `Tee (request, response) ─► ExchangeBuilder ─► ExchangeSender ─► recorder`

pub(crate) mod exchange_builder;
pub mod sink;
pub(crate) mod tee;
