//! What answers have shown of the booking system across its bookings, as far as rules ask for it.
//!
//! `every exchange → tax mode of its Seller · whether prepayment is stated · which booking asked for which opportunity`

use std::sync::Arc;

use super::maps::HashMap;
use crate::json::Value;
use crate::openbooking::{ParsedExchange, Stage};
use crate::rules::models::json_ld::amount_of;
use crate::rules::state::answers::is_success;
use crate::rules::state::exchange_ref::{ExchangeRef, FirstSeenNames};
use crate::rules::state::limits::MAX_TEXT;

/// Most Sellers whose tax mode is remembered. Past it no new ones are taken up.
const MAX_SELLERS: usize = 10_000;

/// Most opportunities of which it is remembered who asked for them, and for whom they were made. Past it no new ones are
/// taken up.
const MAX_OPPORTUNITIES: usize = 20_000;

/// Most Order UUIDs remembered per opportunity. Past it the oldest is forgotten.
const MAX_UUIDS: usize = 50;

/// Facts that answers have shown of the booking system and its bookings.
#[derive(Debug, Default)]
pub(crate) struct ObservedFacts {
    tax_modes: FirstSeenNames,
    asked_for: HashMap<Box<str>, Vec<Arc<str>>>,
    made_for: HashMap<Box<str>, Box<str>>,
    /// The first 2xx answer that said whether prepayment is needed.
    pub prepayment_stated: Option<ExchangeRef>,
    /// The first 2xx answer with something to pay that did not say it.
    pub prepayment_omitted: Option<ExchangeRef>,
}

impl ObservedFacts {
    /// The first tax mode seen of each Seller, by its `@id`.
    pub(crate) fn tax_modes(&self) -> &FirstSeenNames {
        &self.tax_modes
    }

    /// The Order UUIDs under which an opportunity was asked for, the latest last.
    pub(crate) fn asked_for(&self, opportunity: &str) -> &[Arc<str>] {
        self.asked_for.get(opportunity).map_or(&[], Vec::as_slice)
    }

    /// The Seller for whom the test suite had an opportunity made.
    pub(crate) fn made_for(&self, opportunity: &str) -> Option<&str> {
        self.made_for.get(opportunity).map(AsRef::as_ref)
    }

    /// Takes an exchange up.
    pub(crate) fn remember(&mut self, parsed: &ParsedExchange) {
        if !parsed.exchange.is_faulted() {
            self.remember_tax_modes(parsed);
            self.remember_made(parsed);
            if parsed.is_booking_call() {
                self.remember_prepayment(parsed);
            }
        }
        if parsed.is_booking_call() {
            self.remember_asked_for(parsed);
        }
    }

    /// The test suite has opportunities made: its request says for which Seller, the answer says which opportunity it is.
    fn remember_made(&mut self, parsed: &ParsedExchange) {
        let path = parsed.exchange.path();
        let room = self.made_for.len() < MAX_OPPORTUNITIES;
        if !room || !path.contains("/test-interface/datasets/") || !is_success(parsed) {
            return;
        }
        let id = parsed.response.json().and_then(|answer| answer.root().get("@id")).and_then(Value::as_str);
        let seller = parsed.request.json().and_then(|request| {
            let places = ["/organizer/@id", "/provider/@id", "/superEvent/organizer/@id", "/facilityUse/provider/@id"];
            places.iter().find_map(|place| request.root().find(place)).and_then(Value::as_str)
        });
        if let Some((id, seller)) = id.zip(seller).filter(|(id, seller)| id.len().max(seller.len()) <= MAX_TEXT) {
            self.made_for.insert(id.into(), seller.into());
        }
    }

    fn remember_tax_modes(&mut self, parsed: &ParsedExchange) {
        let Some(answer) = parsed.response.json() else { return };
        match parsed.stage {
            Stage::Other | Stage::DatasetSite => {}
            Stage::OpportunityFeed => {
                answer.root().descend().for_each(|node| self.remember_tax_mode(node, parsed.into()));
            }
            _ => {
                if let Some(seller) = answer.root().get("seller") {
                    self.remember_tax_mode(seller, parsed.into());
                }
            }
        }
    }

    fn remember_tax_mode(&mut self, seller: Value<'_>, seen_in: ExchangeRef) {
        let Some(mode) = seller.get("taxMode").and_then(Value::as_str) else { return };
        let Some(id) = seller.get("@id").and_then(Value::as_str) else { return };
        let short = id.len().max(mode.len()) <= MAX_TEXT;
        if short && self.tax_modes.len() < MAX_SELLERS && !self.tax_modes.contains_key(id) {
            self.tax_modes.insert(id.into(), (mode.into(), seen_in));
        }
    }

    fn remember_prepayment(&mut self, parsed: &ParsedExchange) {
        if !is_success(parsed) {
            return;
        }
        let due = parsed.response.json().and_then(|response| response.root().get("totalPaymentDue"));
        let Some(due) = due.filter(|due| due.is_object()) else { return };
        if due.get("openBookingPrepayment").or_else(|| due.get("prepayment")).is_some() {
            self.prepayment_stated.get_or_insert(parsed.into());
        } else if due.get("price").and_then(amount_of).is_some_and(|price| !price.is_zero()) {
            self.prepayment_omitted.get_or_insert(parsed.into());
        }
    }

    fn remember_asked_for(&mut self, parsed: &ParsedExchange) {
        let Some(uuid) = &parsed.order_uuid else { return };
        let items = parsed.request.json().and_then(|request| request.root().get("orderedItem"));
        for opportunity in items.into_iter().flat_map(Value::items).filter_map(|item| item.get("orderedItem")) {
            let id = opportunity.as_str().or_else(|| opportunity.get("@id").and_then(Value::as_str));
            let room = self.asked_for.len() < MAX_OPPORTUNITIES;
            let Some(id) = id.filter(|id| room && id.len() <= MAX_TEXT || self.asked_for.contains_key(*id)) else {
                continue;
            };
            let uuids = self.asked_for.entry(id.into()).or_default();
            if uuids.last() != Some(uuid) {
                uuids.retain(|other| other != uuid);
                uuids.push(Arc::clone(uuid));
            }
            if uuids.len() > MAX_UUIDS {
                uuids.remove(0);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::exchange::{Body, Exchange, Headers, Request, Response, Simulated, Simulator, Timing, Version};

    const UUID: &str = "5b0b7f3e-6d1c-4f0a-9c52-7e1a4d90b6c3";

    fn parsed(method: &str, target: &str, request: &str, response: &str) -> ParsedExchange {
        let headers = || -> Headers {
            [("content-type".to_owned(), Bytes::from_static(b"application/json"))].into_iter().collect()
        };
        let exchange = Exchange {
            id: 0,
            connection: 0,
            started: jiff::Timestamp::UNIX_EPOCH,
            origin: "https://booking.example.com".to_owned(),
            request: Request {
                method: method.to_owned(),
                target: target.to_owned(),
                version: Version::Http11,
                headers: headers(),
                body: Body::complete(request.to_owned()),
            },
            response: Some(Response {
                status: 200,
                reason: String::new(),
                version: Version::Http11,
                headers: headers(),
                body: Body::complete(response.to_owned()),
            }),
            failure: None,
            rewritten: Vec::new(),
            simulated: None,
            timing: Timing::default(),
        };
        ParsedExchange::new(0, Arc::new(exchange), None)
    }

    fn quote(uuid: &str, opportunity: &str, response: &str) -> ParsedExchange {
        let request = format!(r#"{{"orderedItem": [{{"orderedItem": "{opportunity}"}}]}}"#);
        parsed("PUT", &format!("/api/order-quotes/{uuid}"), &request, response)
    }

    #[test]
    fn the_first_tax_mode_stays() {
        let mut observed = ObservedFacts::default();
        observed.remember(&quote(UUID, "o", r#"{"seller": {"@id": "s", "taxMode": "gross"}}"#));
        observed.remember(&quote(UUID, "o", r#"{"seller": {"@id": "s", "taxMode": "net"}}"#));
        assert_eq!(observed.tax_modes().get("s").map(|(mode, _)| &**mode), Some("gross"));
    }

    #[test]
    fn prepayment_is_missed_only_where_there_is_something_to_pay() {
        let mut observed = ObservedFacts::default();
        observed.remember(&quote(UUID, "o", r#"{"totalPaymentDue": {"price": 0}}"#));
        assert!(observed.prepayment_stated.is_none() && observed.prepayment_omitted.is_none());
        let mut raised = (*quote(UUID, "o", r#"{"totalPaymentDue": {"price": 1}}"#).exchange).clone();
        raised.simulated = Some(Simulated { by: Simulator::Fault, detail: "C2 price-changed".to_owned() });
        observed.remember(&ParsedExchange::new(0, Arc::new(raised), None));
        assert!(observed.prepayment_omitted.is_none(), "Umpire made that total");
        observed.remember(&quote(UUID, "o", r#"{"totalPaymentDue": {"price": 5}}"#));
        assert!(observed.prepayment_stated.is_none() && observed.prepayment_omitted.is_some());
        observed.remember(&quote(UUID, "o", r#"{"totalPaymentDue": {"price": 5, "prepayment": "Required"}}"#));
        assert!(observed.prepayment_stated.is_some());
    }

    #[test]
    fn the_last_to_ask_stands_last_and_the_oldest_is_forgotten() {
        let mut observed = ObservedFacts::default();
        let uuid = |number: usize| format!("5b0b7f3e-6d1c-4f0a-9c52-{number:012}");
        for number in (0..=MAX_UUIDS).chain([1]) {
            observed.remember(&quote(&uuid(number), "o", "{}"));
        }
        let asked = observed.asked_for("o");
        assert_eq!(asked.len(), MAX_UUIDS);
        assert_eq!(asked.last().map(AsRef::as_ref), Some(uuid(1).as_str()));
        assert!(!asked.iter().any(|other| other.as_ref() == uuid(0)));
        assert!(observed.asked_for("another").is_empty());
    }

    #[test]
    fn the_test_suite_says_whose_an_opportunity_is() {
        let mut observed = ObservedFacts::default();
        let request = r#"{"@type": "Slot", "facilityUse": {"provider": {"@id": "s/2"}}}"#;
        observed.remember(&parsed(
            "POST",
            "/api/test-interface/datasets/ci/opportunities",
            request,
            r#"{"@id": "slot/1"}"#,
        ));
        assert_eq!(observed.made_for("slot/1"), Some("s/2"));
        assert_eq!(observed.made_for("slot/2"), None);
    }
}
