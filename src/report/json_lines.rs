//! A run as JSON, one object per line (docs/events.md).
//!
//! `start → (exchange | recording | notice)* → summary`

use std::collections::BTreeMap;
use std::io::{self, Write};

use serde::Serialize;

use super::Summary;
use super::check_json::ReasonJson;
use super::coverage_json::CoverageJson;
use super::finding_json::FindingJson;
use crate::event::{Event, Forwarding, RecordingStatus, RunContext};
use crate::finding::{FindingTally, Severity, Side, causes};
use crate::judged::Judged;
use crate::text::Printer;

/// Version of the lines' format; it grows when a field changes its meaning or goes.
const FORMAT_VERSION: u32 = 1;

/// Writes one JSON object per line, flushed at once.
#[derive(Debug)]
pub struct JsonLines<W> {
    out: W,
    /// The capture that findings point into; follows the state of recording.
    file: Option<String>,
}

#[derive(Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
enum JsonLine<'e> {
    Start {
        format_version: u32,
        mode: &'static str,
        base_uri: Option<&'e str>,
        upstream: Option<&'e str>,
        capture: Option<&'e str>,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        also: Vec<AlsoLine<'e>>,
        #[serde(skip_serializing_if = "Option::is_none")]
        forward: Option<ForwardLine<'e>>,
        #[serde(skip_serializing_if = "<[String]>::is_empty")]
        warnings: &'e [String],
        #[serde(skip_serializing_if = "Option::is_none")]
        settings: Option<&'e str>,
    },
    Unread {
        authority: &'e str,
        count: u64,
    },
    Exchange(ExchangeLine<'e>),
    Recording {
        on: bool,
        file: Option<&'e str>,
        reason: Option<&'e str>,
        missed: u64,
    },
    Notice {
        message: &'e str,
    },
    Summary {
        exchanges: u64,
        failed_exchanges: u64,
        bookings: u64,
        failure: u64,
        warning: u64,
        notice: u64,
        suggestion: u64,
        sides: BTreeMap<&'static str, BTreeMap<&'static str, u64>>,
        rules: Vec<RuleCount<'e>>,
        passed: u64,
        not_judged: u64,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        reasons: Vec<ReasonJson<'e>>,
        #[serde(skip_serializing_if = "Option::is_none")]
        muted: Option<u64>,
        not_shown: u64,
        #[serde(skip_serializing_if = "Option::is_none")]
        missed: Option<u64>,
        #[serde(skip_serializing_if = "Option::is_none")]
        unread: Option<u64>,
        #[serde(skip_serializing_if = "Option::is_none")]
        coverage: Option<CoverageJson<'e>>,
    },
}

#[derive(Serialize)]
struct AlsoLine<'e> {
    base_uri: &'e str,
    upstream: &'e str,
}

#[derive(Serialize)]
struct ForwardLine<'e> {
    proxy: &'e str,
    hosts: &'e str,
    ca: &'e str,
}

#[derive(Serialize)]
struct ExchangeLine<'e> {
    index: u64,
    number: u64,
    started: String,
    duration_ms: f64,
    stage: &'static str,
    order_uuid: Option<&'e str>,
    method: &'e str,
    url: String,
    status: Option<u16>,
    failure: Option<FailureLine<'e>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    simulated: Option<SimulatedLine<'e>>,
    request_bytes: Option<u64>,
    response_bytes: Option<u64>,
    passed: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    muted: Option<u32>,
    not_judged: Vec<NotJudgedLine<'e>>,
    findings: Vec<FindingJson<'e>>,
}

#[derive(Serialize)]
struct FailureLine<'e> {
    kind: &'static str,
    detail: &'e str,
    answered: Option<u16>,
}

#[derive(Serialize)]
struct SimulatedLine<'e> {
    by: &'static str,
    detail: &'e str,
}

#[derive(Serialize)]
struct NotJudgedLine<'e> {
    rule: &'e str,
    because: &'e str,
}

#[derive(Serialize)]
struct RuleCount<'e> {
    rule: &'e str,
    findings: u64,
}

impl<W: Write> JsonLines<W> {
    /// Writes to `out`.
    pub fn new(out: W) -> Self {
        Self { out, file: None }
    }

    /// Gives the writer back.
    pub fn into_inner(self) -> W {
        self.out
    }

    /// The first line: what the broker needs to know, and where the recording goes.
    pub fn header(&mut self, context: &RunContext) -> io::Result<()> {
        self.file.clone_from(&context.capture);
        write_line(
            &mut self.out,
            &JsonLine::Start {
                format_version: FORMAT_VERSION,
                mode: context.mode.as_str(),
                base_uri: context.base_uri.as_deref(),
                upstream: context.upstream.as_deref(),
                capture: context.capture.as_deref(),
                also: context.also.iter().map(|(base_uri, upstream)| AlsoLine { base_uri, upstream }).collect(),
                forward: context.forward.as_ref().map(|Forwarding { proxy, hosts, ca }| ForwardLine {
                    proxy,
                    hosts,
                    ca,
                }),
                warnings: &context.warnings,
                settings: context.settings.as_deref(),
            },
        )
    }

    /// One event.
    pub fn event(&mut self, event: &Event) -> io::Result<()> {
        let line = match event {
            Event::Exchange(judged) => JsonLine::Exchange(exchange_line(judged, self.file.as_deref())),
            Event::Recording(RecordingStatus::On { file, missed }) => {
                self.file = Some(file.clone());
                JsonLine::Recording { on: true, file: Some(file), reason: None, missed: *missed }
            }
            Event::Recording(RecordingStatus::Removed { .. }) => {
                self.file = None;
                JsonLine::Recording { on: false, file: None, reason: Some(RecordingStatus::REMOVED), missed: 0 }
            }
            Event::Recording(RecordingStatus::Off { reason, missed }) => {
                JsonLine::Recording { on: false, file: None, reason: Some(reason), missed: *missed }
            }
            Event::Unread { authority, count } => JsonLine::Unread { authority, count: *count },
            Event::Notice(message) => JsonLine::Notice { message },
            // Every rule, once a second: the last line says what it comes to.
            Event::Coverage(_) | Event::Progress(_) | Event::Request(_) | Event::Past(_) => return Ok(()),
        };
        write_line(&mut self.out, &line)
    }

    /// The last line.
    pub fn summary(&mut self, summary: &Summary) -> io::Result<()> {
        let tally = summary.tally();
        let rules = summary.rules().into_iter().map(|(rule, _, _, findings)| RuleCount { rule, findings }).collect();
        write_line(
            &mut self.out,
            &JsonLine::Summary {
                exchanges: summary.exchanges(),
                failed_exchanges: summary.failed_exchanges(),
                bookings: summary.bookings(),
                failure: tally.of_severity(Severity::Failure),
                warning: tally.of_severity(Severity::Warning),
                notice: tally.of_severity(Severity::Notice),
                suggestion: tally.of_severity(Severity::Suggestion),
                sides: sides(tally),
                rules,
                passed: summary.verdicts().passed,
                not_judged: summary.verdicts().not_judged,
                reasons: ReasonJson::all(summary.verdicts()),
                muted: (summary.muted() > 0).then_some(summary.muted()),
                not_shown: summary.not_shown,
                missed: (summary.missed() > 0).then_some(summary.missed()),
                unread: (summary.unread() > 0).then_some(summary.unread()),
                coverage: summary.coverage().map(CoverageJson::new),
            },
        )
    }
}

fn write_line(out: &mut dyn Write, line: &JsonLine<'_>) -> io::Result<()> {
    let mut out = Printer::new(out);
    out.json_line(line)?;
    out.flush()
}

fn sides(tally: &FindingTally) -> BTreeMap<&'static str, BTreeMap<&'static str, u64>> {
    let of_side = |side| Severity::ALL.into_iter().map(|level| (level.as_str(), tally.get(side, level))).collect();
    Side::ALL.into_iter().map(|side| (side.as_str(), of_side(side))).collect()
}

fn exchange_line<'e>(judged: &'e Judged, file: Option<&'e str>) -> ExchangeLine<'e> {
    let exchange = &*judged.exchange;
    ExchangeLine {
        index: judged.index,
        number: judged.number(),
        started: exchange.started.to_string(),
        duration_ms: (exchange.timing.total.as_secs_f64() * 1e6).round() / 1e3,
        stage: judged.stage.as_str(),
        order_uuid: judged.order_uuid.as_deref(),
        method: &exchange.request.method,
        url: exchange.url(),
        status: exchange.response.as_ref().map(|response| response.status),
        failure: exchange.failure.as_ref().map(|failure| FailureLine {
            kind: failure.kind.as_str(),
            detail: &failure.detail,
            answered: failure.answered,
        }),
        simulated: exchange
            .simulated
            .as_ref()
            .map(|simulated| SimulatedLine { by: simulated.by.as_str(), detail: &simulated.detail }),
        request_bytes: exchange.request.body.known_length(),
        response_bytes: exchange.response.as_ref().and_then(|response| response.body.known_length()),
        passed: judged.passed,
        muted: (judged.muted > 0).then_some(judged.muted),
        not_judged: judged
            .not_judged
            .iter()
            .map(|missing| NotJudgedLine { rule: &missing.rule, because: &missing.because })
            .collect(),
        findings: judged
            .findings
            .iter()
            .zip(causes(&judged.findings.iter().collect::<Vec<_>>()))
            .map(|(finding, caused_by)| FindingJson::new(finding, file, caused_by))
            .collect(),
    }
}
