//! A finding as JSON: the same fields in every JSON output.
//!
//! `Finding → {"rule", "severity", "side", ..., "spec"}`

use serde::Serialize;

use crate::finding::{Finding, Severity, Side};

/// The fields of a finding, in their order.
#[derive(Serialize)]
pub(super) struct FindingJson<'f> {
    rule: &'f str,
    severity: Severity,
    side: Side,
    stage: &'static str,
    file: Option<&'f str>,
    exchange: Option<u64>,
    order_uuid: Option<&'f str>,
    pointer: &'f str,
    number: Option<u64>,
    message: &'f str,
    seen: &'f str,
    expected: &'f str,
    spec: &'f str,
    #[serde(skip_serializing_if = "Option::is_none")]
    caused_by: Option<usize>,
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
            order_uuid: finding.order_uuid.as_deref(),
            pointer: &finding.pointer,
            message: &finding.message,
            seen: &finding.seen,
            expected: &finding.expected,
            spec: &finding.rule.spec,
            caused_by,
        }
    }
}
            number: finding.number(),
