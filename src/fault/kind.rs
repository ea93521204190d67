//! What can go wrong, by name.
//!
//! `FaultName (word, value, what it does) → --fault list, docs · word=value → FaultKind`

use std::time::Duration;

use rust_decimal::Decimal;

use crate::openbooking::Stage;

/// What goes wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FaultKind {
    /// Umpire answers with an error of the specification.
    Error(ErrorAnswer),
    /// Umpire answers with a status.
    Status(u16),
    /// Umpire answers 429, with so many seconds in Retry-After.
    RateLimit(u64),
    /// The answer comes later.
    Delay(Duration),
    /// The booking system does its work, and the connection is reset before its answer.
    AnswerLost,
    /// The connection is reset before the booking system is asked.
    Reset,
    /// The body is cut off after so many bytes; half of it, if none are given.
    Cut(Option<u64>),
    /// The body comes at so many bytes a second.
    Slow(u64),
    /// The body is so many bytes shorter than Content-Length says.
    WrongLength(u64),
    /// The TLS handshake of a connection is broken off.
    TlsFailure,
    /// The total of an answer, and the first price in it, is so much higher.
    PriceChanged(Decimal),
    /// The lease of a quote has expired already.
    LeaseExpired,
    /// No places are left, wherever an answer says how many there are.
    NoCapacity,
    /// A page of a feed is empty and leads to itself.
    FeedStalled,
    /// A page of a feed has each item twice.
    FeedDuplicated,
    /// A page of a feed has its items in the wrong order.
    FeedOutOfOrder,
}

/// An error of the specification, as an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErrorAnswer {
    /// Its type, such as `OpportunityIsFullError`.
    pub error_type: String,
    /// Its status.
    pub status: u16,
    /// It stands on the items of the order, not in its place.
    pub on_items: bool,
}

/// Where a fault comes in: whether the booking system is asked, and what becomes of its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FaultPoint {
    /// It isn't asked: the answer is Umpire's, or there is none.
    BeforeUpstream,
    /// Its answer is changed.
    InAnswer,
    /// Its answer suffers on the wire.
    OnWire,
    /// There is no request.
    InHandshake,
}

impl FaultKind {
    /// Where it comes in.
    pub(crate) fn point(&self) -> FaultPoint {
        match self {
            Self::Error(_) | Self::Status(_) | Self::RateLimit(_) | Self::Reset => FaultPoint::BeforeUpstream,
            Self::Delay(_) | Self::AnswerLost | Self::Cut(_) | Self::Slow(_) | Self::WrongLength(_) => {
                FaultPoint::OnWire
            }
            Self::TlsFailure => FaultPoint::InHandshake,
            Self::PriceChanged(_)
            | Self::LeaseExpired
            | Self::NoCapacity
            | Self::FeedStalled
            | Self::FeedDuplicated
            | Self::FeedOutOfOrder => FaultPoint::InAnswer,
        }
    }
}

/// What a fault takes behind its equals sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValueForm {
    /// Nothing.
    None,
    /// A value of this form must be there.
    Needed(&'static str),
    /// A value of this form may be there; what holds without it.
    Optional(&'static str, &'static str),
}

/// A fault by its word.
#[derive(Debug, Clone, Copy)]
pub struct FaultName {
    /// The word.
    pub word: &'static str,
    /// What may stand behind it.
    pub value: ValueForm,
    /// What it does, to follow on "with this fault".
    pub describe: &'static str,
    /// Where it does so, if no stage is named.
    pub stages: &'static [Stage],
}

const QUOTES: &[Stage] = &[Stage::C1, Stage::C2];
const PRICED: &[Stage] = &[Stage::C2];
const WITH_PLACES: &[Stage] = &[Stage::C1, Stage::C2, Stage::OpportunityFeed];
const FEEDS: &[Stage] = &[Stage::OpportunityFeed, Stage::OrdersFeed, Stage::OrderProposalsFeed];
const BOOKINGS: &[Stage] = &[Stage::P, Stage::B, Stage::BAfterP];

/// Every fault, in the order of the list.
pub const NAMES: &[FaultName] = &[
    FaultName {
        word: "error",
        value: ValueForm::Needed("TYPE"),
        describe: "Umpire answers with this error of the specification, and the booking system is not asked",
        stages: &[],
    },
    FaultName {
        word: "status",
        value: ValueForm::Needed("CODE"),
        describe: "Umpire answers with this status (400 to 599), and the booking system is not asked",
        stages: &Stage::ALL,
    },
    FaultName {
        word: "rate-limit",
        value: ValueForm::Optional("SECONDS", "2"),
        describe: "Umpire answers 429 with Retry-After, and the booking system is not asked",
        stages: &Stage::ALL,
    },
    FaultName {
        word: "answer-lost",
        value: ValueForm::None,
        describe: "the booking system does its work, and the connection is reset in place of its answer",
        stages: BOOKINGS,
    },
    FaultName {
        word: "reset",
        value: ValueForm::None,
        describe: "the connection is reset, and the booking system is not asked",
        stages: &Stage::ALL,
    },
    FaultName {
        word: "delay",
        value: ValueForm::Needed("TIME"),
        describe: "the answer comes so much later (500ms, 2s, 1m)",
        stages: &Stage::ALL,
    },
    FaultName {
        word: "slow",
        value: ValueForm::Optional("BYTES", "100"),
        describe: "the body comes at so many bytes a second",
        stages: &Stage::ALL,
    },
    FaultName {
        word: "cut",
        value: ValueForm::Optional("BYTES", "half of the body"),
        describe: "the connection ends after so many bytes of the body",
        stages: &Stage::ALL,
    },
    FaultName {
        word: "wrong-length",
        value: ValueForm::Optional("BYTES", "10"),
        describe: "the body is so many bytes shorter than Content-Length says",
        stages: &Stage::ALL,
    },
    FaultName {
        word: "tls-failure",
        value: ValueForm::None,
        describe: "the handshake of a connection is broken off (needs a listener with TLS; of options only share and times)",
        stages: &[],
    },
    FaultName {
        word: "price-changed",
        value: ValueForm::Optional("AMOUNT", "1.00"),
        describe: "the total and the first price of the answer are so much higher",
        stages: PRICED,
    },
    FaultName {
        word: "lease-expired",
        value: ValueForm::None,
        describe: "the lease of the quote has expired a minute ago",
        stages: QUOTES,
    },
    FaultName {
        word: "capacity-0",
        value: ValueForm::None,
        describe: "no places are left, wherever the answer says how many there are",
        stages: WITH_PLACES,
    },
    FaultName {
        word: "feed-stalled",
        value: ValueForm::None,
        describe: "the page is empty and leads to itself, as if nothing had happened since",
        stages: FEEDS,
    },
    FaultName {
        word: "feed-duplicated",
        value: ValueForm::None,
        describe: "the page has each of its items twice",
        stages: FEEDS,
    },
    FaultName {
        word: "feed-out-of-order",
        value: ValueForm::None,
        describe: "the page has its items in reverse order",
        stages: FEEDS,
    },
];

impl FaultName {
    /// The word with the form of its value, `rate-limit[=SECONDS]`.
    pub fn usage(&self) -> String {
        match self.value {
            ValueForm::None => self.word.to_owned(),
            ValueForm::Needed(form) => format!("{}={form}", self.word),
            ValueForm::Optional(form, _) => format!("{}[={form}]", self.word),
        }
    }

    /// What it does, with what holds where nothing else is said.
    pub fn explain(&self) -> String {
        let stages = match self.stages {
            [] => String::new(),
            stages if stages.len() == Stage::ALL.len() => String::new(),
            stages => format!("; at {}", stages.iter().map(|stage| stage.as_str()).collect::<Vec<_>>().join(", ")),
        };
        let value = match self.value {
            ValueForm::Optional(form, default) => format!("; {form}: {default}, if not given"),
            _ => String::new(),
        };
        format!("{}{value}{stages}", self.describe)
    }
}

/// The options of a fault: word, form of its value, what it means.
pub const OPTIONS: &[(&str, &str, &str)] = &[
    ("stage", "STAGE,…", "meets only these stages; the names may also stand first: 'C2,B status=503'"),
    ("share", "SHARE", "meets this part of the requests, evenly spread: 50% or 0.5"),
    ("times", "N", "is made so often in all; what comes then passes"),
    ("per", "booking", "times counts for each Order UUID on its own"),
    ("then", "pass", "says that what comes after times passes, as it does anyway"),
    ("booking", "N", "meets only the N-th booking, by the order in which Order UUIDs come first"),
    ("uuid", "UUID", "meets only this Order UUID"),
];
