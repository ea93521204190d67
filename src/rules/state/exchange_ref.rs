//! Names an exchange of the recording: which one a value was read from.

use super::maps::HashMap;
use crate::finding::EarlierExchange;
use crate::openbooking::{ParsedExchange, Stage};

/// An exchange by its index, with its stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ExchangeRef {
    /// 0-based index within the recording.
    pub index: u64,
    /// Stage of the exchange.
    pub stage: Stage,
}

/// Names by key, each with the exchange in which it was first seen.
pub(crate) type FirstSeenNames = HashMap<Box<str>, (Box<str>, ExchangeRef)>;

impl From<&ParsedExchange> for ExchangeRef {
    fn from(parsed: &ParsedExchange) -> Self {
        Self { index: parsed.index, stage: parsed.stage }
    }
}

impl From<ExchangeRef> for EarlierExchange {
    fn from(ExchangeRef { index, stage }: ExchangeRef) -> Self {
        Self { file: None, exchange: index, stage }
    }
}
