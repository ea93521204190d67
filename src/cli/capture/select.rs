//! Which exchanges a command is about: by time, path, booking, stage.
//!
//! `Exchange → all kinds of conditions hold, of each kind at least one → selected`

use std::sync::Arc;

use clap::Args;
use jiff::Timestamp;

use crate::cli::units;
use crate::exchange::Exchange;
use crate::openbooking::{Reading, Stage, classify, is_uuid};

/// Conditions on an exchange. Different options must all hold; of an option given several times, one value is enough.
#[derive(Debug, Default, Args)]
#[group(required = false)]
pub struct Selection {
    /// Exchanges that began at this time or later, such as 2026-11-24T07:00:00Z (without an offset: UTC)
    #[arg(long, value_name = "TIME", value_parser = units::time)]
    since: Option<Timestamp>,
    /// Exchanges that began before this time
    #[arg(long, value_name = "TIME", value_parser = units::time)]
    until: Option<Timestamp>,
    /// Exchanges whose path and query contain this text; * stands for anything (may be repeated)
    #[arg(long, value_name = "TEXT")]
    path: Vec<String>,
    /// Exchanges of this booking: its Order UUID (may be repeated)
    #[arg(long, value_name = "UUID", value_parser = uuid)]
    booking: Vec<Arc<str>>,
    /// Exchanges of this stage, such as C2 or orders-feed (may be repeated)
    #[arg(long, value_name = "STAGE", value_parser = stage)]
    stage: Vec<Stage>,
}

fn uuid(text: &str) -> Result<Arc<str>, String> {
    if is_uuid(text) { Ok(text.to_ascii_lowercase().into()) } else { Err(format!("{text:?} is no UUID")) }
}

fn stage(text: &str) -> Result<Stage, String> {
    Stage::ALL.into_iter().find(|stage| stage.as_str().eq_ignore_ascii_case(text)).ok_or_else(|| {
        let names: Vec<&str> = Stage::ALL.iter().map(|stage| stage.as_str()).collect();
        format!("there is no stage {text:?}; there are {}", names.join(", "))
    })
}

impl Selection {
    /// True if there is no condition: then everything is selected.
    pub fn is_everything(&self) -> bool {
        let Self { since, until, path, booking, stage } = self;
        since.is_none() && until.is_none() && path.is_empty() && booking.is_empty() && stage.is_empty()
    }

    /// True if all conditions hold.
    pub fn holds(&self, exchange: &Arc<Exchange>) -> bool {
        let of =
            |stage: Stage| self.stage.contains(&stage) || (stage == Stage::B && self.stage.contains(&Stage::BAfterP));
        self.since.is_none_or(|since| exchange.started >= since)
            && self.until.is_none_or(|until| exchange.started < until)
            && (self.path.is_empty() || self.path.iter().any(|pattern| matches(pattern, &exchange.request.target)))
            && (self.booking.is_empty() || booking(exchange).is_some_and(|uuid| self.booking.contains(&uuid)))
            && (self.stage.is_empty() || of(Reading::new(0, Arc::clone(exchange), None).stage))
    }
}

/// The Order UUID in the path of an exchange, in lower case.
pub fn booking(exchange: &Exchange) -> Option<Arc<str>> {
    booking_of(&exchange.request.method, exchange.path())
}

/// The Order UUID in a path, in lower case.
pub fn booking_of(method: &str, path: &str) -> Option<Arc<str>> {
    let segment = classify(method, path, None, false).uuid_segment?;
    is_uuid(segment).then(|| segment.to_ascii_lowercase().into())
}

/// True if the parts of the pattern between its stars stand in the text, in their order.
fn matches(pattern: &str, text: &str) -> bool {
    let mut rest = text;
    pattern.split('*').all(|part| match rest.find(part) {
        Some(at) => {
            rest = &rest[at + part.len()..];
            true
        }
        None => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        for (pattern, text, expected) in [
            ("orders", "/api/orders/1", true),
            ("/api/*/1", "/api/orders/1?x", true),
            ("1*orders", "/api/orders/1", false),
            ("", "/", true),
            ("quotes", "/api/orders/1", false),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} in {text}");
        }
    }
}
