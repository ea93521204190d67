//! A finding as JSON: the same fields in every JSON output.
//!
//! `Finding → {"rule", "severity", "side", ..., "spec"}`

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::finding::{EarlierExchange, Finding, Severity, Side};

/// The fields of a finding, in their order.
#[derive(Serialize)]
pub(super) struct FindingJson<'f> {
    rule: &'f str,
    severity: Severity,
    side: Side,
    stage: &'static str,
    file: Option<&'f str>,
    exchange: Option<u64>,
    number: Option<u64>,
    order_uuid: Option<&'f str>,
    pointer: &'f str,
    message: &'f str,
    seen: &'f str,
    expected: &'f str,
    spec: &'f str,
    #[serde(skip_serializing_if = "Option::is_none")]
    because_of: Option<BecauseOf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    caused_by: Option<usize>,
}

/// The exchange that a finding rests on beside its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BecauseOf {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    file: Option<String>,
    exchange: u64,
    number: u64,
    stage: String,
}

impl fmt::Display for BecauseOf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "exchange {}, {}", self.number, self.stage)?;
        self.file.as_ref().map_or(Ok(()), |file| write!(f, ", of {file}"))
    }
}

impl BecauseOf {
    fn new(earlier: &EarlierExchange) -> Self {
        Self {
            file: earlier.file.as_deref().map(str::to_owned),
            exchange: earlier.exchange,
            number: earlier.number(),
            stage: earlier.stage.as_str().to_owned(),
        }
    }
}

impl<'f> FindingJson<'f> {
    /// `caused_by` is the index of its cause among the findings that it stands with.
    pub(super) fn new(finding: &'f Finding, file: Option<&'f str>, caused_by: Option<usize>) -> Self {
        Self {
            rule: &finding.rule.id,
            severity: finding.severity,
            side: finding.rule.side,
            stage: finding.stage.as_str(),
            file,
            exchange: finding.exchange,
            number: finding.number(),
            order_uuid: finding.order_uuid.as_deref(),
            pointer: &finding.pointer,
            message: &finding.message,
            seen: &finding.seen,
            expected: &finding.expected,
            spec: &finding.rule.spec,
            because_of: finding.because_of.as_ref().map(BecauseOf::new),
            caused_by,
        }
    }
}
