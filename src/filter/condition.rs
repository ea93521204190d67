//! The conditions of a filter, one per key.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::FilterSubject;
use super::number::{self, Range};
use crate::finding::{Severity, Side};
use crate::openbooking::Stage;
use crate::search::{Pattern, SearchParts, TextQuery};
use crate::units;

/// One condition: `status:4xx`.
#[derive(Debug, Clone)]
pub(super) enum Condition {
    Side(Side),
    Severity(Range<Severity>),
    Rule(Pattern),
    Pointer(Pattern),
    Stage(Stage),
    /// The beginning of an Order UUID, in lower case.
    Order(String),
    Status(Range<u16>),
    NoAnswer,
    Method(String),
    Path(Pattern),
    Host(Pattern),
    Text(TextQuery),
    /// Of the whole exchange.
    Duration(Range<Duration>),
    /// Numbers as people count, from 1.
    Number(Range<u64>),
    Since(Timestamp),
    Until(Timestamp),
    Is(ExchangeState),
}

/// What an exchange is, for `is:`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ExchangeState {
    Marked,
    Faulty,
    Ok,
    Unjudged,
    Broken,
    Simulated,
}

impl ExchangeState {
    pub(super) const ALL: [(&str, Self); 6] = [
        ("marked", Self::Marked),
        ("faulty", Self::Faulty),
        ("ok", Self::Ok),
        ("unjudged", Self::Unjudged),
        ("broken", Self::Broken),
        ("simulated", Self::Simulated),
    ];
}

/// What may stand before the colon, when an exchange matches, and an example of what may stand behind it.
pub(super) const KEYS: [(&str, &str, &str); 18] = [
    ("side", "it has a finding on this side", "system"),
    ("sev", "it has a finding of this severity", "failure"),
    ("rule", "it has a finding of a rule whose id holds this; `*` stands for anything", "agent-broker/*"),
    ("pointer", "it has a finding whose pointer holds this", "/request/body"),
    ("stage", "it is of this stage; `B` includes `B-after-P`", "B"),
    ("order", "its Order UUID begins like this", "9f84"),
    ("status", "its status is this code or of this class; `none`: it has no answer", "4xx"),
    ("method", "its method is this", "PUT"),
    ("path", "its path and query hold this; `*` stands for anything", "orders-rpde"),
    ("host", "the booking system's origin holds this", "localhost:5001"),
    ("body", "a body holds this text", "\"Alex Smith\""),
    ("header", "a header field holds this text", "gzip"),
    ("text", "path, header fields or bodies hold this text, as with a word without a key", "\"No name\""),
    ("dur", "it took this long", ">500ms"),
    ("no", "its number is this", "10-20"),
    ("since", "it began at this time or later", "2026-11-24T07:00"),
    ("until", "it began before this time", "2026-11-25"),
    (
        "is",
        "it is `marked` (on the screen), `faulty` (with findings), `ok` (without), `unjudged` (in part), `broken` (without a whole answer) or `simulated`",
        "marked",
    ),
];

/// The values that a key takes, where they can be listed.
pub(super) fn values(key: &str) -> Vec<&'static str> {
    match key {
        "side" => vec!["broker", "system"],
        "sev" => Severity::ALL.into_iter().map(Severity::as_str).collect(),
        "stage" => Stage::ALL.into_iter().map(Stage::as_str).collect(),
        "status" => vec!["2xx", "3xx", "4xx", "5xx", "none"],
        "method" => vec!["GET", "PUT", "PATCH", "DELETE", "POST"],
        "is" => ExchangeState::ALL.into_iter().map(|(name, _)| name).collect(),
        _ => Vec::new(),
    }
}

impl Condition {
    /// The condition that a key and its value stand for. The error says what could stand there.
    pub(super) fn new(key: &str, value: &str) -> Result<Self, String> {
        let wrong = |what: &str| format!("{value:?} is no {what}");
        let text =
            |parts| TextQuery::new(&[value.to_owned()], parts).ok_or("there is no letter and no digit in the text");
        let only = SearchParts { path: false, headers: false, bodies: false };
        Ok(match key {
            "side" => Self::Side(match value.to_ascii_lowercase().as_str() {
                "broker" => Side::Broker,
                "system" | "booking-system" => Side::BookingSystem,
                _ => return Err(listed("side", value)),
            }),
            "sev" => {
                let limits = Severity::Suggestion..=Severity::Failure;
                let read = |text: &str| Severity::from_name(&text.to_ascii_lowercase());
                Self::Severity(number::range(value, limits, read).ok_or_else(|| listed("sev", value))?)
            }
            "rule" => Self::Rule(Pattern::new(value)),
            "pointer" => Self::Pointer(Pattern::new(value)),
            "stage" => {
                let named = |stage: &Stage| stage.as_str().eq_ignore_ascii_case(value);
                Self::Stage(Stage::ALL.into_iter().find(named).ok_or_else(|| listed("stage", value))?)
            }
            "order" => {
                let is_hex = |character: char| character.is_ascii_hexdigit() || character == '-';
                if !value.chars().all(is_hex) {
                    return Err(wrong("beginning of a UUID"));
                }
                Self::Order(value.to_ascii_lowercase())
            }
            "status" if value == "none" => Self::NoAnswer,
            "status" => Self::Status(
                number::status(value).ok_or_else(|| wrong("status; write it like 404, 4xx, 400-499, >=500 or none"))?,
            ),
            "method" => Self::Method(value.to_ascii_uppercase()),
            "path" => Self::Path(Pattern::new(value)),
            "host" => Self::Host(Pattern::new(value.to_ascii_lowercase())),
            "body" => Self::Text(text(SearchParts { bodies: true, ..only })?),
            "header" => Self::Text(text(SearchParts { headers: true, ..only })?),
            "text" => Self::Text(text(SearchParts::ALL)?),
            "dur" => Self::Duration(
                // Nobody means exactly so long.
                duration(value)
                    .and_then(|_| durations(&format!(">={value}")))
                    .or_else(|| durations(value))
                    .ok_or_else(|| wrong("duration; write it like >500ms, <2s or 1s-5s"))?,
            ),
            "no" => {
                let read = |text: &str| text.parse().ok().filter(|&number| number > 0);
                let wrong = || wrong("number of an exchange; write it like 12, 10-20 or >100");
                Self::Number(number::range(value.trim_start_matches('#'), 1..=u64::MAX, read).ok_or_else(wrong)?)
            }
            "since" => Self::Since(units::time(value)?),
            "until" => Self::Until(units::time(value)?),
            "is" => {
                let state = ExchangeState::ALL.into_iter().find(|(name, _)| name.eq_ignore_ascii_case(value));
                Self::Is(state.map(|(_, state)| state).ok_or_else(|| listed("is", value))?)
            }
            _ => return Err(format!("there is no key {key:?}")),
        })
    }

    /// True if the answer depends on what the rules say.
    pub(super) fn needs_verdicts(&self) -> bool {
        self.asks_finding()
            || matches!(
                self,
                Self::Is(ExchangeState::Ok | ExchangeState::Faulty | ExchangeState::Unjudged)
                    | Self::Stage(Stage::BAfterP)
            )
    }

    /// True if it is about one finding.
    pub(super) fn asks_finding(&self) -> bool {
        matches!(self, Self::Side(_) | Self::Severity(_) | Self::Rule(_) | Self::Pointer(_))
    }

    pub(super) fn holds(&self, subject: FilterSubject<'_>) -> bool {
        let FilterSubject { judged, marked, finding } = subject;
        let exchange = &*judged.exchange;
        match self {
            Self::Side(side) => finding.is_some_and(|finding| finding.rule.side == *side),
            Self::Severity(range) => finding.is_some_and(|finding| range.contains(finding.severity)),
            Self::Rule(pattern) => finding.is_some_and(|finding| pattern.is_in(&finding.rule.id)),
            Self::Pointer(pattern) => finding.is_some_and(|finding| pattern.is_in(&finding.pointer)),
            Self::Stage(Stage::B) => matches!(judged.stage, Stage::B | Stage::BAfterP),
            Self::Stage(stage) => judged.stage == *stage,
            Self::Order(beginning) => {
                judged.order_uuid.as_ref().is_some_and(|uuid| uuid.starts_with(beginning.as_str()))
            }
            Self::Status(range) => exchange.response.as_ref().is_some_and(|response| range.contains(response.status)),
            Self::NoAnswer => exchange.response.is_none(),
            Self::Method(method) => exchange.request.method.eq_ignore_ascii_case(method),
            Self::Path(pattern) => pattern.is_in(&exchange.request.target),
            Self::Host(pattern) => pattern.is_in(&exchange.origin.to_ascii_lowercase()),
            Self::Text(query) => query.find(exchange).is_some(),
            Self::Duration(range) => range.contains(exchange.timing.total),
            Self::Number(range) => range.contains(judged.number()),
            Self::Since(since) => exchange.started >= *since,
            Self::Until(until) => exchange.started < *until,
            Self::Is(state) => match state {
                ExchangeState::Marked => marked,
                ExchangeState::Faulty => !judged.findings.is_empty(),
                ExchangeState::Ok => judged.findings.is_empty() && !judged.is_mostly_unjudged(),
                ExchangeState::Unjudged => !judged.not_judged.is_empty(),
                ExchangeState::Broken => exchange.failure.is_some(),
                ExchangeState::Simulated => exchange.simulated.is_some(),
            },
        }
    }
}

fn durations(text: &str) -> Option<Range<Duration>> {
    number::range(text, Duration::ZERO..=Duration::MAX, duration)
}

fn duration(text: &str) -> Option<Duration> {
    text.parse::<SignedDuration>().ok()?.try_into().ok()
}

fn listed(key: &str, value: &str) -> String {
    format!("{value:?} is not known; {key}: takes {}", values(key).join(", "))
}
