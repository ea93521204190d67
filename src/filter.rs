//! The filter language: which exchanges, and which findings on them, somebody wants to see.
//!
//! `side:system sev:failure stage:B → Filter → does this exchange match, with which of its findings`
//!
//! The screen's `/` and every `--filter` speak it; docs/filter.md describes it.

mod complete;
mod condition;
mod number;
mod parse;

use std::fmt;
use std::str::FromStr;

pub use complete::{Completion, complete};
use condition::Condition;
use thiserror::Error;

use crate::finding::Finding;
use crate::judged::Judged;
use crate::search::TextQuery;

/// A parsed filter. The empty text is one that matches everything.
#[derive(Debug, Clone)]
pub struct Filter {
    source: String,
    root: Expression,
}

/// Conditions joined by `and`, `or` and `not`.
#[derive(Debug, Clone)]
enum Expression {
    All(Vec<Expression>),
    Any(Vec<Expression>),
    Not(Box<Expression>),
    Condition(Condition),
}

/// A text that is no filter.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("column {column}: {what}")]
pub struct FilterError {
    /// Where the text goes wrong, in characters from 1.
    pub column: usize,
    /// What is wrong there, and what could stand there.
    pub what: String,
}

/// What conditions are tested on: an exchange, and one of its findings or none.
#[derive(Clone, Copy)]
struct FilterSubject<'a> {
    judged: &'a Judged,
    marked: bool,
    finding: Option<&'a Finding>,
}

/// The keys: what may stand before the colon, when an exchange matches, and an example of a value.
pub fn keys() -> impl Iterator<Item = (&'static str, &'static str, &'static str)> {
    condition::KEYS.into_iter()
}

impl FromStr for Filter {
    type Err = FilterError;

    fn from_str(text: &str) -> Result<Self, FilterError> {
        Ok(Self { source: text.trim().to_owned(), root: parse::parse(text)? })
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.source)
    }
}

impl Filter {
    /// True if the filter has no condition, and so matches everything.
    pub fn is_empty(&self) -> bool {
        matches!(&self.root, Expression::All(all) if all.is_empty())
    }

    /// True if the exchange matches: with one of its findings at least, or as it is if it has none.
    pub fn matches(&self, judged: &Judged, marked: bool) -> bool {
        if !self.asks_findings() || judged.findings.is_empty() {
            return self.holds(FilterSubject { judged, marked, finding: None });
        }
        self.findings(judged, marked).next().is_some()
    }

    /// The findings of an exchange with which it matches.
    pub fn findings<'a>(&'a self, judged: &'a Judged, marked: bool) -> impl Iterator<Item = &'a Finding> {
        let holds = move |finding: &&Finding| self.holds(FilterSubject { judged, marked, finding: Some(finding) });
        judged.findings.iter().filter(holds)
    }

    /// True if the answer depends on what the rules say, so that the recording must be judged first.
    pub(crate) fn needs_verdicts(&self) -> bool {
        self.root.any(&Condition::needs_verdicts)
    }

    /// A text that every exchange that matches holds, if the filter asks for one: an index of the recording finds it faster
    /// than a look at every exchange.
    pub(crate) fn required_text(&self) -> Option<&TextQuery> {
        match &self.root {
            Expression::Condition(Condition::Text(query)) => Some(query),
            Expression::All(all) => all.iter().find_map(|part| match part {
                Expression::Condition(Condition::Text(query)) => Some(query),
                _ => None,
            }),
            _ => None,
        }
    }

    fn asks_findings(&self) -> bool {
        self.root.any(&Condition::asks_finding)
    }

    fn holds(&self, subject: FilterSubject<'_>) -> bool {
        self.root.holds(subject)
    }
}

impl Expression {
    fn holds(&self, subject: FilterSubject<'_>) -> bool {
        match self {
            Self::All(all) => all.iter().all(|part| part.holds(subject)),
            Self::Any(any) => any.iter().any(|part| part.holds(subject)),
            Self::Not(part) => !part.holds(subject),
            Self::Condition(condition) => condition.holds(subject),
        }
    }

    /// True if a condition in it is such a one.
    fn any(&self, is: &impl Fn(&Condition) -> bool) -> bool {
        match self {
            Self::All(parts) | Self::Any(parts) => parts.iter().any(|part| part.any(is)),
            Self::Not(part) => part.any(is),
            Self::Condition(condition) => is(condition),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::exchange::{Body, Exchange, Headers, Response, Version};
    use crate::finding::{Severity, Side};
    use crate::openbooking::Stage;

    fn finding(id: &str, side: Side, severity: Severity) -> Finding {
        Finding { pointer: "/request/body/customer".to_owned(), ..Finding::for_tests(id, side, severity) }
    }

    /// Number 7: a booking that took 600 ms, was refused, and has a failure of the broker and a warning of the booking system.
    fn booking() -> Judged {
        let mut exchange =
            Exchange::get("http://localhost:5001", "/api/orders/9f84aa00-0000-4000-8000-000000000001?x=1");
        exchange.request.method = "PUT".to_owned();
        exchange.request.body = Body::complete(r#"{"customer":{"email":"alex.smith@example.com"}}"#);
        exchange.started = "2026-11-24T07:00:00Z".parse().unwrap();
        exchange.timing.total = Duration::from_millis(600);
        exchange.response = Some(Response {
            status: 409,
            reason: String::new(),
            version: Version::Http11,
            headers: [("Content-Type", "application/json")].into_iter().collect::<Headers>(),
            body: Body::complete(r#"{"@type":"OpportunityIsFullError"}"#),
        });
        let uuid = Arc::from("9f84aa00-0000-4000-8000-000000000001");
        let mut judged = Judged::without_verdicts(6, Arc::new(exchange), Stage::BAfterP, Some(uuid));
        judged.findings = vec![
            finding("agent-broker/customer-required", Side::Broker, Severity::Failure),
            finding("order/type", Side::BookingSystem, Severity::Warning),
        ];
        judged
    }

    #[track_caller]
    fn matches(text: &str, judged: &Judged) -> bool {
        text.parse::<Filter>().unwrap_or_else(|error| panic!("{text}: {error}")).matches(judged, false)
    }

    #[test]
    fn each_key_asks_its_thing() {
        let judged = booking();
        for (yes, no) in [
            ("side:broker", "side:system rule:agent-broker"),
            ("side:booking-system", "side:system sev:failure"),
            ("sev:failure", "sev:notice"),
            ("sev:>=warning", "sev:>failure"),
            ("rule:agent-broker/*", "rule:*/agent"),
            ("pointer:/request", "pointer:/response"),
            ("stage:b", "stage:c1"),
            ("stage:B-after-P", "stage:orders-feed"),
            ("order:9F84", "order:f84"),
            ("status:4xx", "status:2xx"),
            ("status:409", "status:none"),
            ("method:put", "method:GET"),
            ("path:orders", "path:order-quotes"),
            ("path:/api/*x=1", "path:x=1*/api"),
            ("host:LOCALHOST", "host:example.com"),
            ("body:\"Alex.Smith@example\"", "body:json"),
            ("header:json", "header:alex"),
            ("text:json", "text:nobody"),
            ("alex", "lex"),
            ("\"OpportunityIsFullError\"", "\"status:409\""),
            ("dur:>500ms", "dur:<500ms"),
            ("dur:500ms", "dur:1s"),
            ("dur:500ms-1s", "dur:601ms-1s"),
            ("no:7", "no:8"),
            ("no:#5-10", "no:>7"),
            ("since:2026-11-24", "since:2026-11-24T07:00:01"),
            ("until:2026-11-25", "until:2026-11-24T07:00:00Z"),
            ("is:faulty", "is:ok"),
            ("not is:marked", "is:marked"),
            ("not is:broken", "is:broken"),
            ("-is:simulated", "is:simulated"),
            ("not is:unjudged", "is:unjudged"),
        ] {
            assert!(matches(yes, &judged), "{yes}");
            assert!(!matches(no, &judged), "{no}");
        }
        assert!("is:marked".parse::<Filter>().unwrap().matches(&judged, true));
    }

    #[test]
    fn conditions_are_joined() {
        let judged = booking();
        for (text, expected) in [
            ("", true),
            ("status:409 method:PUT", true),
            ("status:409 and method:GET", false),
            ("status:404 or method:PUT", true),
            ("status:404 or method:PUT no:8", false),
            ("(status:404 or method:PUT) no:7", true),
            ("not (status:404 or method:PUT)", false),
            ("NOT status:404 AND no:7", true),
            ("!status:404 -no:8", true),
            ("status:404 | method:PUT & no:7", true),
        ] {
            assert_eq!(matches(text, &judged), expected, "{text}");
        }
    }

    #[test]
    fn what_is_asked_of_findings_must_hold_of_one_of_them() {
        let judged = booking();
        assert!(!matches("side:system sev:failure", &judged), "one is the system's, another a failure");
        let filter: Filter = "not side:broker".parse().unwrap();
        let found: Vec<&str> = filter.findings(&judged, false).map(|finding| finding.rule.id.as_str()).collect();
        assert_eq!(found, ["order/type"]);
        let without = Judged { findings: Vec::new(), ..booking() };
        assert!(matches("not side:broker", &without) && matches("is:ok", &without));
        assert!(!matches("side:broker", &without));
    }

    #[test]
    fn what_is_wrong_is_said_with_its_place() {
        for (text, column, what) in [
            ("sid:broker", 1, "there is no key \"sid\"; did you mean side:?"),
            ("no:1 https://a.example", 6, "text with a colon goes in quotes"),
            ("side:both", 1, "side: takes broker, system"),
            ("stage:Z", 1, "stage: takes C1, C2"),
            ("side:", 1, "needs a value, such as side:system"),
            ("status:4x", 1, "write it like 404"),
            ("dur:soon", 1, "write it like >500ms"),
            ("no:0", 1, "write it like 12"),
            ("since:monday", 1, "write it like 2026"),
            ("order:xyz", 1, "is no beginning of a UUID"),
            ("sev:>bad", 1, "sev: takes failure"),
            ("is:good", 1, "is: takes marked"),
            ("body:\"", 6, "no closing quote"),
            ("body:\"--\"", 1, "no letter and no digit"),
            ("(no:1", 1, "is not closed"),
            ("no:1)", 5, "closes nothing"),
            ("no:1 or", 8, "a condition is missing"),
            ("or no:1", 1, "a condition is missing before this"),
            ("not", 4, "a condition is missing"),
        ] {
            let error = text.parse::<Filter>().unwrap_err();
            assert_eq!(error.column, column, "{text}: {error}");
            assert!(error.to_string().contains(what), "{text}: {error}");
        }
        let deep = format!("{}no:1{}", "(".repeat(1_000), ")".repeat(1_000));
        assert!(deep.parse::<Filter>().unwrap_err().what.contains("too many"));
        assert!("-".repeat(10_000).parse::<Filter>().is_err());
    }

    #[test]
    fn a_filter_says_what_it_needs() {
        for (text, verdicts, required) in [
            ("status:4xx", false, false),
            ("side:system", true, false),
            ("not is:ok", true, false),
            ("stage:B", false, false),
            ("stage:B-after-P", true, false),
            ("alex", false, true),
            ("status:4xx alex", false, true),
            ("status:4xx or alex", false, false),
            ("not alex", false, false),
        ] {
            let filter: Filter = text.parse().unwrap();
            assert_eq!((filter.needs_verdicts(), filter.required_text().is_some()), (verdicts, required), "{text}");
        }
        assert!("  ".parse::<Filter>().unwrap().is_empty());
        assert_eq!(" no:1 ".parse::<Filter>().unwrap().to_string(), "no:1");
    }
}
