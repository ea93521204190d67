//! What a rule says of one thing it looked at.
//!
//! `a verdict: passed (counted) | failed → Finding | not judged, because ...`

mod cause;
mod tally;
mod unjudged;

use std::fmt;
use std::sync::Arc;

pub(crate) use cause::NOTHING;
pub use cause::{causes, folded, shape};
pub use tally::FindingTally;
pub use unjudged::{Gap, VerdictCounts};
pub(crate) use unjudged::{OTHER_REASONS, grouped};

use crate::openbooking::Stage;

/// How much a finding weighs, in the words of OpenActive's own validator. Ordered: a failure is the greatest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Could be better.
    Suggestion,
    /// Worth knowing (MAY).
    Notice,
    /// Departs from a SHOULD.
    Warning,
    /// Departs from a MUST.
    Failure,
}

impl Severity {
    /// All, the weightiest first.
    pub const ALL: [Self; 4] = [Self::Failure, Self::Warning, Self::Notice, Self::Suggestion];

    /// Stable name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Failure => "failure",
            Self::Warning => "warning",
            Self::Notice => "notice",
            Self::Suggestion => "suggestion",
        }
    }

    /// Reads the stable name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|severity| severity.as_str() == name)
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Who is at fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Side {
    /// The client.
    Broker,
    /// The server.
    BookingSystem,
}

impl Side {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Broker, Self::BookingSystem];

    /// Stable name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Broker => "broker",
            Self::BookingSystem => "booking-system",
        }
    }

    /// The name as it stands in a sentence.
    pub(crate) fn in_words(self) -> &'static str {
        match self {
            Self::Broker => "broker",
            Self::BookingSystem => "booking system",
        }
    }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// How much a rule needs to see.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scope {
    /// One request.
    Request,
    /// One response (the request's path and method serve as its context).
    Response,
    /// A request and its response.
    Exchange,
    /// The exchanges of one Order UUID, in order.
    Flow,
    /// One page or item of a feed.
    Feed,
    /// The whole recording.
    Capture,
}

impl Scope {
    /// All, from the narrowest to the widest.
    pub const ALL: [Self; 6] = [Self::Request, Self::Response, Self::Exchange, Self::Flow, Self::Feed, Self::Capture];

    /// Stable name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Response => "response",
            Self::Exchange => "exchange",
            Self::Flow => "flow",
            Self::Feed => "feed",
            Self::Capture => "capture",
        }
    }
}

/// What is said of a rule wherever it is shown.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct RuleInfo {
    /// `area/name`, the path of its file.
    pub id: String,
    /// Former ids: what was said of them holds for this rule.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub aliases: Vec<String>,
    /// Severity of a finding, unless the rule says that it is milder.
    pub severity: Severity,
    /// Who is at fault when it fails.
    pub side: Side,
    /// How much it needs to see.
    pub scope: Scope,
    /// Stages at which it applies, as in the specification; `any` for all.
    pub stages: Vec<String>,
    /// What ought to be, in one sentence.
    pub title: String,
    /// URL of the section of the specification, with fragment.
    pub spec: String,
    /// Feature of OpenActive's test suite that exercises it.
    pub feature: Option<String>,
    /// A finding says that the answer as a whole is no answer: what else is wrong with it follows from that.
    #[serde(skip)]
    pub unusable_answer: bool,
    /// A finding says that what it points to must not be there: what is wrong below follows from that.
    #[serde(skip)]
    pub superfluous: bool,
    /// A finding says that two messages differ: it follows from a finding on what is wrong with the value itself.
    #[serde(skip)]
    pub comparison: bool,
    /// Why the rule exists.
    #[serde(skip)]
    pub why: String,
    /// What the side at fault can do.
    #[serde(skip)]
    pub fix: String,
}

#[cfg(test)]
impl RuleInfo {
    /// A rule for tests: id, side and severity, and nothing else that matters.
    pub(crate) fn for_tests(id: &str, side: Side, severity: Severity) -> Self {
        Self {
            id: id.to_owned(),
            aliases: Vec::new(),
            severity,
            side,
            scope: Scope::Request,
            stages: vec!["C2".to_owned()],
            title: format!("The title of {id}."),
            spec: String::new(),
            feature: None,
            unusable_answer: false,
            superfluous: false,
            comparison: false,
            why: String::new(),
            fix: String::new(),
        }
    }
}

/// A failed verdict: one violation, with everything needed to settle who should do what.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// The rule, with title, side, why, fix and specification link.
    pub rule: Arc<RuleInfo>,
    /// Weight of this finding; never above the rule's own.
    pub severity: Severity,
    /// Stage of the exchange.
    pub stage: Stage,
    /// 0-based index of the exchange within its recording; `None` where it concerns no single exchange.
    pub exchange: Option<u64>,
    /// Order UUID in lower case, where there is one.
    pub order_uuid: Option<Arc<str>>,
    /// JSON pointer into the exchange: `/request/body/customer`, `/response/status`, `/request/headers/accept`.
    pub pointer: String,
    /// One sentence.
    pub message: String,
    /// What was there.
    pub seen: String,
    /// What should have been there.
    pub expected: String,
    /// The exchange that it rests on beside its own; `None` where its own is all there is to it.
    pub because_of: Option<EarlierExchange>,
}

impl Finding {
    /// Number of the exchange as people count, from 1.
    pub fn number(&self) -> Option<u64> {
        self.exchange.map(number)
    }
}

#[cfg(test)]
impl Finding {
    /// A finding for tests, at `/request/body` of the first exchange.
    pub(crate) fn for_tests(rule: &str, side: Side, severity: Severity) -> Self {
        Self {
            rule: Arc::new(RuleInfo::for_tests(rule, side, severity)),
            severity,
            stage: Stage::C2,
            exchange: Some(0),
            order_uuid: None,
            pointer: "/request/body".to_owned(),
            message: String::new(),
            seen: String::new(),
            expected: String::new(),
            because_of: None,
        }
    }
}

/// An exchange that a finding rests on beside its own: the quote that a booking is compared with, the cancellation that a
/// feed has yet to show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EarlierExchange {
    /// The file that holds it; `None` where it is the finding's own.
    pub file: Option<Arc<str>>,
    /// 0-based index within its recording.
    pub exchange: u64,
    /// Its stage.
    pub stage: Stage,
}

impl EarlierExchange {
    /// Its number as people count, from 1.
    pub fn number(&self) -> u64 {
        number(self.exchange)
    }
}

impl fmt::Display for EarlierExchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "exchange {}, {}", self.number(), self.stage)?;
        self.file.as_ref().map_or(Ok(()), |file| write!(f, ", of {file}"))
    }
}

/// The number of an exchange as people count, from 1, of its 0-based index.
pub fn number(index: u64) -> u64 {
    index.saturating_add(1)
}
