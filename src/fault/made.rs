//! Answers of Umpire's own: errors of the specification, on the order or on its items, and statuses.
//!
//! `fault, stage, request ─► status, fields, JSON`

use serde_json::{Map, Value, json};

use super::kind::{ErrorAnswer, FaultKind};
use crate::openbooking::Stage;

/// An answer that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MadeAnswer {
    /// Its status.
    pub status: u16,
    /// Seconds for Retry-After.
    pub retry_after: Option<u64>,
    /// Its JSON.
    pub body: String,
}

/// The answer that a fault gives in the booking system's place; `None` if it gives none.
pub(super) fn answer(kind: &FaultKind, stage: Stage, request: &[u8], text: &str) -> Option<MadeAnswer> {
    let (error_type, status, retry_after) = match kind {
        FaultKind::Error(error) => {
            let on_items = if error.on_items { with_item_errors(error, stage, request, text) } else { None };
            if let Some(body) = on_items {
                return Some(MadeAnswer { status: 409, retry_after: None, body });
            }
            (error.error_type.as_str(), error.status, None)
        }
        FaultKind::Status(status) => (error_of_status(*status, stage), *status, None),
        FaultKind::RateLimit(seconds) => ("TooManyRequestsError", 429, Some(*seconds)),
        _ => return None,
    };
    let mut body = error_object(error_type, status, text);
    body.insert("@context".to_owned(), "https://openactive.io/".into());
    Some(MadeAnswer { status, retry_after, body: Value::Object(body).to_string() })
}

fn error_object(error_type: &str, status: u16, text: &str) -> Map<String, Value> {
    let words = format!("Umpire made this answer in the booking system's place (--fault '{text}').");
    let members = [
        ("@type", json!(error_type)),
        ("statusCode", json!(status)),
        ("name", json!(format!("A fault that was asked for: {error_type}"))),
        ("description", json!(words)),
    ];
    members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// The error of the specification that belongs to a status.
fn error_of_status(status: u16, stage: Stage) -> &'static str {
    match (status, stage) {
        (429, _) => "TooManyRequestsError",
        (404, _) => "NotFoundError",
        (503, Stage::C1 | Stage::C2) => "TemporarilyUnableToProduceOrderQuoteError",
        (503, Stage::P | Stage::B | Stage::BAfterP) => "TemporarilyUnableToCreateOrderError",
        (503, Stage::OrderCancel | Stage::ProposalUpdate) => "TemporarilyUnableToUpdateOrderError",
        (503, Stage::OrderDelete | Stage::OrderQuoteDelete) => "TemporarilyUnableToDeleteOrderError",
        (500, _) => "InternalOpenBookingError",
        _ => "OpenBookingError",
    }
}

/// The order as it was sent, with the error on each of its items; `None` if no order was sent.
fn with_item_errors(error: &ErrorAnswer, stage: Stage, request: &[u8], text: &str) -> Option<String> {
    let root_type = match stage {
        Stage::C1 | Stage::C2 => "OrderQuote",
        Stage::P => "OrderProposal",
        Stage::B | Stage::BAfterP => "Order",
        _ => return None,
    };
    let mut order: Map<String, Value> = serde_json::from_slice(request).ok()?;
    order.insert("@type".to_owned(), root_type.into());
    let items = order.get_mut("orderedItem")?.as_array_mut().filter(|items| !items.is_empty())?;
    for item in items {
        let object = error_object(&error.error_type, error.status, text);
        item.as_object_mut()?.insert("error".to_owned(), json!([object]));
    }
    Some(Value::Object(order).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(fault: &str, stage: Stage, request: &str) -> (MadeAnswer, Value) {
        let fault: super::super::Fault = fault.parse().unwrap();
        let made = answer(&fault.kind, stage, request.as_bytes(), &fault.text).unwrap();
        let body = serde_json::from_str(&made.body).unwrap();
        (made, body)
    }

    #[test]
    fn errors_stand_where_the_specification_has_them() {
        let order =
            r#"{"@type":"Order","orderedItem":[{"position":0},{"position":1}],"customer":{"email":"a@b.example"}}"#;
        let (answer, body) = made("error=OpportunityIsFullError", Stage::B, order);
        assert_eq!((answer.status, &body["@type"]), (409, &json!("Order")));
        let errors: Vec<_> = (0..2).map(|item| &body["orderedItem"][item]["error"][0]["@type"]).collect();
        assert_eq!(errors, [&json!("OpportunityIsFullError"); 2]);
        let (answer, body) = made("error=OpportunityIsFullError", Stage::B, "not an order");
        assert_eq!((answer.status, &body["@type"]), (409, &json!("OpportunityIsFullError")));
        let (answer, body) = made("error=SellerNotFoundError", Stage::C1, order);
        assert_eq!((answer.status, &body["statusCode"]), (500, &json!(500)));
        assert!(body["description"].as_str().unwrap().contains("--fault 'error=SellerNotFoundError'"), "{body}");
    }

    #[test]
    fn statuses_have_the_error_that_belongs_to_them() {
        let (answer, body) = made("status=503", Stage::B, "");
        assert_eq!((answer.status, &body["@type"]), (503, &json!("TemporarilyUnableToCreateOrderError")));
        let (answer, body) = made("rate-limit=7", Stage::OrdersFeed, "");
        assert_eq!((answer.status, answer.retry_after, &body["@type"]), (429, Some(7), &json!("TooManyRequestsError")));
    }
}
