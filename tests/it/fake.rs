//! Judged exchanges made up for tests of the screen and the reports.
//!
//! `Fake (builder) → Judged → Event`

pub mod schema;
pub mod screen;

use std::sync::Arc;
use std::time::Duration;

use umpire::coverage::{Coverage, RuleCoverage};
use umpire::event::{Event, RunContext, RunMode};
use umpire::exchange::{
    Body, Exchange, Failure, FailureKind, Headers, Request, Response, RewrittenLink, Simulated, Simulator, Timing,
    Version,
};
use umpire::finding::{Finding, RuleInfo, Scope, Severity, Side};
use umpire::json::Document;
use umpire::judged::{Judged, NotJudged};
use umpire::openbooking::media_type::BOOKING_V1;
use umpire::openbooking::{BookingFacts, Stage};

pub const UUID: &str = "14a19ffd-7278-4296-9c71-96669e5c5b00";
pub const BASE: &str = "http://127.0.0.1:8080/api/openbooking";

/// Builds one judged exchange: by default a C2 that was answered with 200 and has no finding.
pub struct Fake(Judged);

impl Fake {
    pub fn new(index: u64) -> Self {
        let headers: Headers =
            [("Content-Type", BOOKING_V1.to_owned()), ("X-OpenActive-Test-Client-Id", "42".to_owned())]
                .into_iter()
                .collect();
        let started = "2026-03-14T12:04:05.25Z".parse::<jiff::Timestamp>().unwrap();
        let exchange = Exchange {
            id: index + 1,
            connection: 1,
            started: started + jiff::SignedDuration::from_secs(index as i64),
            origin: "https://booking.example.com".into(),
            request: Request {
                method: "PUT".into(),
                target: format!("/api/openbooking/order-quotes/{UUID}"),
                version: Version::Http11,
                headers: headers.clone(),
                body: Body::complete(REQUEST),
            },
            response: Some(Response {
                status: 200,
                reason: "OK".into(),
                version: Version::Http11,
                headers,
                body: Body::complete(RESPONSE),
            }),
            failure: None,
            rewritten: Vec::new(),
            simulated: None,
            timing: Timing { total: Duration::from_millis(35), ..Timing::default() },
        };
        Self(Judged {
            index,
            exchange: Arc::new(exchange),
            stage: Stage::C2,
            order_uuid: Some(UUID.into()),
            booking_facts: Vec::new(),
            findings: Vec::new(),
            not_judged: Vec::new(),
            passed: 21,
            muted: 0,
        })
    }

    fn exchange(mut self, change: impl FnOnce(&mut Exchange)) -> Self {
        change(Arc::make_mut(&mut self.0.exchange));
        self
    }

    pub fn stage(mut self, stage: Stage) -> Self {
        self.0.stage = stage;
        self.exchange(|exchange| {
            let (method, path) = match stage {
                Stage::C1 => ("PUT", format!("/api/openbooking/order-quote-templates/{UUID}")),
                Stage::B => ("PUT", format!("/api/openbooking/orders/{UUID}")),
                Stage::OrdersFeed => ("GET", "/api/openbooking/orders-rpde?afterTimestamp=1".to_owned()),
                _ => ("PUT", format!("/api/openbooking/order-quotes/{UUID}")),
            };
            exchange.request.method = method.into();
            exchange.request.target = path;
        })
    }

    pub fn uuid(mut self, uuid: Option<&str>) -> Self {
        self.0.order_uuid = uuid.map(Into::into);
        self
    }

    pub fn status(self, status: u16) -> Self {
        self.exchange(|exchange| exchange.response.as_mut().unwrap().status = status)
    }

    pub fn request_body(self, body: impl Into<bytes::Bytes>) -> Self {
        self.exchange(|exchange| exchange.request.body = Body::complete(body))
    }

    pub fn response_body(self, body: impl Into<bytes::Bytes>) -> Self {
        self.exchange(|exchange| exchange.response.as_mut().unwrap().body = Body::complete(body))
    }

    pub fn response_header(self, name: &str, value: &str) -> Self {
        let (name, value) = (name.to_owned(), value.to_owned());
        self.exchange(|exchange| exchange.response.as_mut().unwrap().headers.push(name, value))
    }

    pub fn took(self, millis: u64) -> Self {
        self.exchange(|exchange| exchange.timing.total = Duration::from_millis(millis))
    }

    pub fn unreachable(self) -> Self {
        self.exchange(|exchange| {
            exchange.response = None;
            exchange.failure = Some(Failure {
                kind: FailureKind::Unreachable,
                detail: "booking.example.com:443: connection refused".into(),
                answered: Some(502),
            });
        })
    }

    pub fn no_handshake(self, detail: &str) -> Self {
        self.uuid(None).exchange(|exchange| {
            (exchange.request.method, exchange.request.target) = ("CONNECT".into(), "/".into());
            exchange.response = None;
            exchange.failure = Some(Failure { kind: FailureKind::NoHandshake, detail: detail.into(), answered: None });
        })
    }

    /// Umpire made a fault of it.
    pub fn faulted(self, fault: &str) -> Self {
        let simulated = Simulated { by: Simulator::Fault, detail: fault.to_owned() };
        self.exchange(|exchange| exchange.simulated = Some(simulated))
    }

    /// Links of the answer that were rewritten, each named by its place.
    pub fn rewritten(self, places: &[&str]) -> Self {
        self.exchange(|exchange| {
            let link = |at: &&str| RewrittenLink {
                at: (*at).to_owned(),
                sent: "https://booking.example.com/feeds/2".to_owned(),
                given: "http://127.0.0.1:8080/feeds/2".to_owned(),
            };
            exchange.rewritten = places.iter().map(link).collect();
        })
    }

    pub fn response_trailer(self, name: &str, value: &str) -> Self {
        let (name, value) = (name.to_owned(), value.to_owned());
        self.exchange(|exchange| exchange.response.as_mut().unwrap().body.trailers.push(name, value))
    }

    pub fn muted(mut self, count: u32) -> Self {
        self.0.muted = count;
        self
    }

    pub fn finding(mut self, finding: Finding) -> Self {
        let (stage, order_uuid, exchange) = (self.0.stage, self.0.order_uuid.clone(), Some(self.0.index));
        self.0.findings.push(Finding { stage, order_uuid, exchange, ..finding });
        self
    }

    pub fn not_judged(mut self, rule: &str, because: &str) -> Self {
        self.0.not_judged.push(NotJudged { rule: rule.into(), because: because.into() });
        self
    }

    pub fn judged(mut self) -> Judged {
        let Judged { exchange, stage, order_uuid, .. } = &self.0;
        let answer = exchange.response.as_ref().and_then(|response| Document::parse(&response.body.bytes).ok());
        let facts = answer.map(|answer| BookingFacts::of_answer(*stage, order_uuid.as_ref(), answer.root()));
        self.0.booking_facts = facts.unwrap_or_default();
        self.0
    }

    pub fn event(self) -> Event {
        Event::Exchange(Arc::new(self.judged()))
    }
}

/// A finding whose exchange, stage and order [`Fake::finding`] fills in.
pub fn finding(side: Side, severity: Severity, rule: &str, pointer: &str) -> Finding {
    Finding {
        rule: Arc::new(RuleInfo {
            id: rule.into(),
            aliases: Vec::new(),
            severity,
            side,
            scope: Scope::Exchange,
            stages: vec!["C2".into()],
            title: format!("The title of {rule}"),
            spec: "https://openactive.io/open-booking-api/EditorsDraft/#order-creation".into(),
            feature: None,
            unusable_answer: false,
            superfluous: false,
            comparison: false,
            why: "The Seller can't reach a Customer that it was never told of.".into(),
            fix: "Send the customer with at least an email address.".into(),
        }),
        severity,
        stage: Stage::C2,
        exchange: None,
        order_uuid: None,
        pointer: pointer.into(),
        message: "The request has no customer, although the broker is an AgentBroker.".into(),
        seen: "nothing".into(),
        expected: "a Person or an Organization".into(),
        because_of: None,
    }
}

/// The founding case: the broker forgot the customer.
pub fn missing_customer() -> Finding {
    finding(Side::Broker, Severity::Failure, "agent-broker/customer-required", "/request/body/customer")
}

/// ... and the booking system did not mind.
pub fn accepted() -> Finding {
    Finding {
        message: "An order without a customer was accepted.".into(),
        seen: "200".into(),
        expected: "400 with IncompleteCustomerDetailsError".into(),
        ..finding(Side::BookingSystem, Severity::Failure, "agent-broker/customer-required-error", "/response/status")
    }
}

pub fn wrong_price() -> Finding {
    Finding {
        message: "The total is not the sum of its items.".into(),
        seen: "14.990".into(),
        expected: "29.98".into(),
        ..finding(Side::BookingSystem, Severity::Warning, "price/total", "/response/body/totalPaymentDue/price")
    }
}

/// What follows from a customer that is not there.
pub fn missing_email() -> Finding {
    finding(Side::Broker, Severity::Failure, "customer/email-required", "/request/body/customer/email")
}

/// Five rules of two features and an area: one failed, one passed, one not judged, two never reached.
pub fn coverage() -> Coverage {
    let rule = |id: &str, feature: Option<&str>, [passed, failed, not_judged]: [u64; 3]| {
        let rule = (*finding(Side::Broker, Severity::Failure, id, "").rule).clone();
        let rule = Arc::new(RuleInfo { feature: feature.map(str::to_owned), ..rule });
        RuleCoverage { rule, passed, failed, not_judged }
    };
    Coverage {
        rules: vec![
            rule("agent-broker/customer-required", Some("agent-broker"), [7, 1, 0]),
            rule("agent-broker/missing-customer-error", Some("agent-broker"), [1, 0, 2]),
            rule("headers/cache", None, [0, 0, 4]),
            rule("lease/extended", Some("anonymous-leasing"), [0, 0, 0]),
            rule("lease/released", Some("anonymous-leasing"), [0, 0, 0]),
        ],
    }
}

pub fn context() -> RunContext {
    RunContext {
        mode: RunMode::Live,
        base_uri: Some(BASE.into()),
        upstream: Some("https://booking.example.com".into()),
        capture: Some("captures/today.db".into()),
        also: vec![],
        forward: None,
        warnings: vec![],
        settings: None,
    }
}

const REQUEST: &str = r#"{"@context":"https://openactive.io/","@type":"OrderQuote","brokerRole":"https://openactive.io/AgentBroker","broker":{"@type":"Organization","name":"MyFitnessApp"},"orderedItem":[{"@type":"OrderItem","position":0,"orderedItem":"https://example.com/sessions/1","acceptedOffer":"https://example.com/sessions/1#/offers/0"}]}"#;

const RESPONSE: &str = r#"{"@context":"https://openactive.io/","@type":"OrderQuote","orderedItem":[{"@type":"OrderItem","position":0,"error":[]}],"totalPaymentDue":{"@type":"PriceSpecification","price":14.990,"priceCurrency":"GBP"}}"#;
