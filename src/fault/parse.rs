//! Reads faults as people write them: `B error=OpportunityIsFullError times=2`.
//!
//! `[STAGE,…] FAULT[=VALUE] [OPTION=VALUE]… ─► Fault, or which word is wrong and which there are`

use std::str::FromStr;
use std::time::Duration;

use rust_decimal::Decimal;

use super::Fault;
use super::kind::{ErrorAnswer, FaultKind, FaultName, NAMES, OPTIONS, ValueForm};
use crate::openbooking::{Stage, is_uuid};
use crate::rules::{SpecifiedError, specified_errors};

/// Longest delay.
const LONGEST: Duration = Duration::from_hours(1);

/// Why a text is no fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FaultError {
    /// There is nothing.
    #[error("a fault is empty; write one such as 'B error=OpportunityIsFullError', or see --fault list")]
    Empty,
    /// A word that means nothing.
    #[error(
        "{fault:?}: {word:?} is neither a stage, a fault nor an option; the faults are: {}; the stages: {}; the options: {}",
        names(),
        stages(),
        options()
    )]
    UnknownWord {
        /// The fault.
        fault: String,
        /// The word.
        word: String,
    },
    /// A stage that there isn't.
    #[error("{fault:?}: there is no stage {word:?}; the stages are: {}", stages())]
    UnknownStage {
        /// The fault.
        fault: String,
        /// The word.
        word: String,
    },
    /// An error that the specification doesn't have.
    #[error("{fault:?}: the specification has no error {word:?}; it has: {}", errors())]
    UnknownError {
        /// The fault.
        fault: String,
        /// The word.
        word: String,
    },
    /// Stages or options without a fault.
    #[error("{fault:?} does not say what goes wrong; add one of: {}", names())]
    NoFault {
        /// The fault.
        fault: String,
    },
    /// Two of what there can be one.
    #[error(
        "{fault:?}: {word:?} is one too many; give each fault and each option once, and further faults with --fault of their own"
    )]
    Twice {
        /// The fault.
        fault: String,
        /// The word.
        word: String,
    },
    /// A value that can't be.
    #[error("{fault:?}: {word:?} can't be; {advice}")]
    Value {
        /// The fault.
        fault: String,
        /// The word.
        word: String,
        /// What to write.
        advice: String,
    },
}

fn names() -> String {
    NAMES.iter().map(FaultName::usage).collect::<Vec<_>>().join(", ")
}

fn stages() -> String {
    Stage::ALL.map(Stage::as_str).join(", ")
}

fn options() -> String {
    OPTIONS.iter().map(|(word, form, _)| format!("{word}={form}")).collect::<Vec<_>>().join(", ")
}

fn errors() -> String {
    specified_errors().iter().map(|error| error.name.as_str()).collect::<Vec<_>>().join(", ")
}

/// A fault whose words are being read.
struct FaultParser {
    text: String,
    stages: Vec<Stage>,
    kind: Option<(FaultKind, &'static [Stage])>,
    options: Vec<(&'static str, String)>,
}

impl FromStr for Fault {
    type Err = FaultError;

    fn from_str(text: &str) -> Result<Self, FaultError> {
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        if text.is_empty() {
            return Err(FaultError::Empty);
        }
        let mut words = FaultParser { text: text.clone(), stages: Vec::new(), kind: None, options: Vec::new() };
        for word in text.split(' ') {
            words.take(word)?;
        }
        words.into_fault()
    }
}

impl FaultParser {
    fn take(&mut self, word: &str) -> Result<(), FaultError> {
        let (name, value) = word.split_once('=').map_or((word, None), |(name, value)| (name, Some(value)));
        if let Some(fault) = NAMES.iter().find(|fault| fault.word == name) {
            if self.kind.is_some() {
                return Err(self.twice(word));
            }
            self.kind = Some((self.kind_of(fault, word, value)?, fault.stages));
            return Ok(());
        }
        if let Some((option, _, _)) = OPTIONS.iter().find(|(option, _, _)| *option == name) {
            if self.options.iter().any(|(taken, _)| taken == option) {
                return Err(self.twice(word));
            }
            if *option == "stage" {
                self.take_stages(value.unwrap_or_default())?;
            }
            self.options.push((option, value.unwrap_or_default().to_owned()));
            return Ok(());
        }
        let is_first_stage = name.split(',').next().is_some_and(|first| Stage::from_name(first).is_some());
        if value.is_none() && is_first_stage {
            return self.take_stages(name);
        }
        Err(FaultError::UnknownWord { fault: self.text.clone(), word: word.to_owned() })
    }

    fn take_stages(&mut self, list: &str) -> Result<(), FaultError> {
        if !self.stages.is_empty() {
            return Err(self.twice(list));
        }
        for name in list.split(',') {
            let unknown = || FaultError::UnknownStage { fault: self.text.clone(), word: name.to_owned() };
            self.stages.push(Stage::from_name(name).ok_or_else(unknown)?);
        }
        Ok(())
    }

    fn kind_of(&self, fault: &FaultName, word: &str, value: Option<&str>) -> Result<FaultKind, FaultError> {
        let value = match (fault.value, value.filter(|value| !value.is_empty())) {
            (ValueForm::None, Some(_)) => return Err(self.wrong(word, &format!("{} takes no value", fault.word))),
            (ValueForm::Needed(_), None) => return Err(self.wrong(word, &format!("write {}", fault.usage()))),
            (_, value) => value,
        };
        let number = |least: u64, most: u64, otherwise: u64| match value {
            None => Ok(otherwise),
            Some(value) => value.parse().ok().filter(|number| (least..=most).contains(number)).ok_or_else(|| {
                self.wrong(word, &format!("write {} with a number from {least} to {most}", fault.usage()))
            }),
        };
        Ok(match fault.word {
            "error" => FaultKind::Error(self.error(value.unwrap_or_default())?),
            "status" => FaultKind::Status(number(400, 599, 500)? as u16),
            "rate-limit" => FaultKind::RateLimit(number(0, 3_600, 2)?),
            "answer-lost" => FaultKind::AnswerLost,
            "reset" => FaultKind::Reset,
            "delay" => {
                let wrong = || self.wrong(word, "write a time up to an hour, such as 500ms, 2s or 1m");
                FaultKind::Delay(duration(value.unwrap_or_default()).ok_or_else(wrong)?)
            }
            "slow" => FaultKind::Slow(number(1, 1 << 30, 100)?),
            "cut" => FaultKind::Cut(value.map(|_| number(0, 1 << 30, 0)).transpose()?),
            "wrong-length" => FaultKind::WrongLength(number(1, 1 << 30, 10)?),
            "tls-failure" => FaultKind::TlsFailure,
            "price-changed" => {
                let wrong =
                    || self.wrong(word, "write an amount other than 0, such as price-changed=1.50 or price-changed=-1");
                let amount = value.unwrap_or("1.00").trim_start_matches('+').parse::<Decimal>().ok();
                FaultKind::PriceChanged(amount.filter(|amount| !amount.is_zero()).ok_or_else(wrong)?)
            }
            "lease-expired" => FaultKind::LeaseExpired,
            "capacity-0" => FaultKind::NoCapacity,
            "feed-stalled" => FaultKind::FeedStalled,
            "feed-duplicated" => FaultKind::FeedDuplicated,
            "feed-out-of-order" => FaultKind::FeedOutOfOrder,
            _ => return Err(FaultError::UnknownWord { fault: self.text.clone(), word: word.to_owned() }),
        })
    }

    fn error(&self, name: &str) -> Result<ErrorAnswer, FaultError> {
        let known = specified_errors().iter().find(|error| error.name == name);
        let unknown = || FaultError::UnknownError { fault: self.text.clone(), word: name.to_owned() };
        let SpecifiedError { name, status, levels, .. } = known.ok_or_else(unknown)?;
        let on_items = levels.iter().any(|level| level == "order-item");
        Ok(ErrorAnswer { error_type: name.clone(), status: *status, on_items })
    }

    fn into_fault(self) -> Result<Fault, FaultError> {
        let Some((kind, usual)) = &self.kind else { return Err(FaultError::NoFault { fault: self.text }) };
        let stages = match kind {
            _ if !self.stages.is_empty() => self.stages.clone(),
            FaultKind::Error(error) => stages_of(error),
            _ => usual.to_vec(),
        };
        let of = |option: &str| self.options.iter().find(|(name, _)| *name == option).map(|(_, value)| value.as_str());
        let number = |option: &str| {
            let wrong = |value: &str| self.wrong(&format!("{option}={value}"), "write a number from 1");
            of(option).map(|value| value.parse().ok().filter(|n| *n > 0).ok_or_else(|| wrong(value))).transpose()
        };
        let only = |option: &str, word: &str| match of(option) {
            Some(value) if value != word => {
                Err(self.wrong(&format!("{option}={value}"), &format!("write {option}={word}")))
            }
            value => Ok(value.is_some()),
        };
        let (times, booking): (Option<u64>, Option<u64>) = (number("times")?, number("booking")?);
        let (per_booking, then) = (only("per", "booking")?, only("then", "pass")?);
        for (option, given) in [("per", per_booking), ("then", then)] {
            if given && times.is_none() {
                return Err(self.wrong(option, "it needs times=N"));
            }
        }
        let permille = match of("share") {
            None => 1_000,
            Some(value) => share(value).ok_or_else(|| {
                self.wrong(&format!("share={value}"), "write a part such as 50% or 0.5, from 0.1% to 100%")
            })?,
        };
        let uuid = match of("uuid") {
            Some(value) if !is_uuid(value) => {
                return Err(self.wrong(&format!("uuid={value}"), "write an Order UUID"));
            }
            value => value.map(str::to_ascii_lowercase),
        };
        if *kind == FaultKind::TlsFailure
            && (!self.stages.is_empty() || booking.is_some() || uuid.is_some() || per_booking)
        {
            return Err(
                self.wrong("tls-failure", "a handshake has neither stage nor booking: give only share and times")
            );
        }
        Ok(Fault { kind: kind.clone(), stages, permille, times, per_booking, booking, uuid, text: self.text })
    }

    fn wrong(&self, word: &str, advice: &str) -> FaultError {
        FaultError::Value { fault: self.text.clone(), word: word.to_owned(), advice: advice.to_owned() }
    }

    fn twice(&self, word: &str) -> FaultError {
        FaultError::Twice { fault: self.text.clone(), word: word.to_owned() }
    }
}

/// The stages at which the specification has an error.
fn stages_of(error: &ErrorAnswer) -> Vec<Stage> {
    let known = specified_errors().iter().find(|known| known.name == error.error_type);
    let named = known.map(|known| known.stages.iter().filter_map(|name| Stage::from_name(name)).collect());
    let stages: Vec<Stage> = named.unwrap_or_default();
    if stages.is_empty() { Stage::ALL.into_iter().filter(|stage| stage.is_booking()).collect() } else { stages }
}

/// A number and `ms`, `s` or `m`.
fn duration(text: &str) -> Option<Duration> {
    let digits = text.find(|character: char| !character.is_ascii_digit())?;
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().ok()?;
    let duration = match unit {
        "ms" => Duration::from_millis(number),
        "s" => Duration::from_secs(number),
        "m" => Duration::from_secs(number.checked_mul(60)?),
        _ => return None,
    };
    Some(duration).filter(|duration| !duration.is_zero() && *duration <= LONGEST)
}

/// A part in thousandths: `50%`, `0.5`.
fn share(text: &str) -> Option<u64> {
    let (number, whole) = text.strip_suffix('%').map_or((text, 1), |number| (number, 100));
    let part = number.parse::<Decimal>().ok()?.checked_mul(Decimal::from(1_000 / whole))?;
    u64::try_from(part).ok().filter(|permille| (1..=1_000).contains(permille))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(text: &str) -> Fault {
        text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn a_fault_says_what_where_and_how_often() {
        let full = fault("  B   error=OpportunityIsFullError times=2 then=pass ");
        assert_eq!(full.text, "B error=OpportunityIsFullError times=2 then=pass");
        let error = ErrorAnswer { error_type: "OpportunityIsFullError".to_owned(), status: 409, on_items: true };
        assert_eq!((full.kind, full.stages, full.times), (FaultKind::Error(error), vec![Stage::B], Some(2)));
        let unavailable = fault("status=503 stage=C2,B share=12.5% booking=3");
        assert_eq!(unavailable.stages, [Stage::C2, Stage::B]);
        assert_eq!((unavailable.permille, unavailable.booking, unavailable.times), (125, Some(3), None));
        assert_eq!(fault("rate-limit").kind, FaultKind::RateLimit(2));
        assert_eq!(fault("delay=1500ms").kind, FaultKind::Delay(Duration::from_millis(1500)));
        assert_eq!(fault("cut").kind, FaultKind::Cut(None));
        assert_eq!(fault("cut=0").kind, FaultKind::Cut(Some(0)));
        assert_eq!(fault("price-changed=+2.50").kind, FaultKind::PriceChanged(Decimal::new(250, 2)));
        assert_eq!(fault("answer-lost").stages, [Stage::P, Stage::B, Stage::BAfterP]);
        assert_eq!(fault("error=TooManyRequestsError").stages.len(), 12, "at every stage of the booking API");
        assert_eq!(fault("share=0.5 reset times=1 per=booking").permille, 500);
        let uuid = fault("B reset uuid=0D5A8A5C-4B2E-4D27-9A55-1F2F3A9B7C01").uuid;
        assert_eq!(uuid.as_deref(), Some("0d5a8a5c-4b2e-4d27-9a55-1f2f3a9b7c01"));
    }

    #[test]
    fn every_fault_of_the_list_can_be_written() {
        for name in NAMES {
            let value = match (name.word, name.value) {
                ("error", _) => "=UnknownOrderError",
                ("delay", _) => "=1s",
                (_, ValueForm::Needed(_)) => "=500",
                _ => "",
            };
            assert!(format!("{}{value}", name.word).parse::<Fault>().is_ok(), "{}", name.word);
        }
    }

    #[test]
    fn errors_name_the_word_and_what_there_is() {
        for (text, words) in [
            ("", &["--fault list"][..]),
            ("B", &["\"B\" does not say what goes wrong", "error=TYPE", "feed-stalled"]),
            ("B eror=X", &["\"eror=X\"", "error=TYPE", "order-cancel", "share=SHARE"]),
            ("B,D reset", &["no stage \"D\"", "C1", "opportunity-feed"]),
            ("stage=X reset", &["no stage \"X\""]),
            ("error=FullError", &["no error \"FullError\"", "OpportunityIsFullError"]),
            ("error", &["write error=TYPE"]),
            ("status=200", &["\"status=200\"", "400 to 599"]),
            ("reset=3", &["takes no value"]),
            ("reset cut", &["\"cut\" is one too many"]),
            ("reset times=2 times=3", &["\"times=3\" is one too many"]),
            ("C1 stage=C2 reset", &["one too many"]),
            ("reset times=0", &["\"times=0\"", "from 1"]),
            ("reset share=120%", &["share=120%", "50%"]),
            ("reset then=fail times=1", &["then=fail", "then=pass"]),
            ("reset then=pass", &["times=N"]),
            ("delay=2", &["delay=2", "500ms"]),
            ("delay=90m", &["up to an hour"]),
            ("price-changed=0", &["other than 0"]),
            ("reset uuid=x", &["uuid=x", "Order UUID"]),
            ("B tls-failure", &["neither stage nor booking"]),
        ] {
            let error = text.parse::<Fault>().expect_err(text).to_string();
            for word in words {
                assert!(error.contains(word), "{text}: {error} lacks {word}");
            }
        }
    }
}
