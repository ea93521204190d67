//! Puts a reply into bytes, and spoils it on the way where a misbehaviour asks for that.
//!
//! `Result<ApiReply, Problem> → body, status, media type → misbehaviours → SandboxAnswer`

use bytes::Bytes;
use serde_json::{Value, json};

use super::api::ApiReply;
use super::catalogue::Uris;
use super::problem::Problem;
use super::{Misbehaviour, Misbehaviours, SandboxAnswer};
use crate::exchange::Headers;
use crate::openbooking::{Stage, media_type};

const RPDE_V1: &str = "application/vnd.openactive.rpde+json; version=1";
const HTML: &str = "text/html; charset=utf-8";

/// Makes the answer.
pub(super) fn finish(
    reply: Result<ApiReply, Problem>,
    stage: Stage,
    uris: &Uris,
    misbehaviours: Misbehaviours,
) -> SandboxAnswer {
    let booking = if misbehaviours.has(Misbehaviour::PlainJson) { "application/json" } else { media_type::BOOKING_V1 };
    match reply {
        Ok(ApiReply::NoContent) => SandboxAnswer { status: 204, headers: Headers::default(), body: Bytes::new() },
        Ok(ApiReply::Order(status, mut order)) => {
            apply_to_order(&mut order, stage, uris, misbehaviours);
            answer(status, booking, order.to_string())
        }
        Ok(ApiReply::OrdersPage(page)) => answer(200, booking, page.to_string()),
        Ok(ApiReply::OpenPage(page)) => answer(200, RPDE_V1, page.to_string()),
        Ok(ApiReply::Html(page)) => answer(200, HTML, page),
        Err(problem) => refuse(&problem, booking, misbehaviours),
    }
}

fn answer(status: u16, content_type: &str, body: String) -> SandboxAnswer {
    let headers = [("Content-Type", content_type.to_owned()), ("Content-Length", body.len().to_string())];
    SandboxAnswer { status, headers: headers.into_iter().collect(), body: Bytes::from(body) }
}

fn refuse(problem: &Problem, booking: &str, misbehaviours: Misbehaviours) -> SandboxAnswer {
    let status = if misbehaviours.has(Misbehaviour::ErrorWith200) {
        200
    } else if misbehaviours.has(Misbehaviour::WrongErrorStatus) {
        if problem.kind.status == 400 { 500 } else { 400 }
    } else {
        problem.kind.status
    };
    if misbehaviours.has(Misbehaviour::HtmlErrors) {
        let page = format!("<!doctype html><title>Error</title><h1>{status}</h1><p>Something went wrong.</p>\n");
        return answer(status, HTML, page);
    }
    let mut error = problem.at_root();
    if misbehaviours.has(Misbehaviour::GenericErrors) {
        error["@type"] = json!("OpenBookingError");
    }
    if misbehaviours.has(Misbehaviour::NoErrorContext)
        && let Some(error) = error.as_object_mut()
    {
        error.shift_remove("@context");
    }
    answer(status, booking, error.to_string())
}

fn apply_to_order(order: &mut Value, stage: Stage, uris: &Uris, misbehaviours: Misbehaviours) {
    let direct = order["brokerRole"] == "https://openactive.io/NoBroker";
    let Some(root) = order.as_object_mut() else { return };
    for misbehaviour in misbehaviours.iter() {
        match misbehaviour {
            Misbehaviour::DropsBrokerRole => {
                root.shift_remove("brokerRole");
            }
            Misbehaviour::RenamesBroker => {
                if let Some(broker) = root.get_mut("broker") {
                    broker["name"] = json!("Some Other Broker");
                }
            }
            Misbehaviour::AddsBrokerUnderNoBroker if direct => {
                root.insert("broker".to_owned(), json!({ "@type": "Organization", "name": "Some Other Broker" }));
            }
            Misbehaviour::ChangesCustomer => {
                if let Some(customer) = root.get_mut("customer") {
                    customer["email"] = json!("somebody.else@mail.example");
                }
            }
            Misbehaviour::AddsCustomerData => {
                if let Some(customer) = root.get_mut("customer").and_then(Value::as_object_mut) {
                    customer.insert("description".to_owned(), json!("Comes on Tuesdays, pays late"));
                }
            }
            Misbehaviour::CustomerInC1 if stage == Stage::C1 => {
                root.insert("customer".to_owned(), json!({ "@type": "Person", "email": "somebody@mail.example" }));
            }
            Misbehaviour::RelativeIds => {
                let base = format!("{}/", uris.base());
                relativise(root.get_mut("@id"), &base);
                for item in root.get_mut("orderedItem").and_then(Value::as_array_mut).into_iter().flatten() {
                    relativise(item.get_mut("@id"), &base);
                }
            }
            Misbehaviour::DropsItem => {
                if let Some(items) = root.get_mut("orderedItem").and_then(Value::as_array_mut)
                    && items.len() > 1
                {
                    items.pop();
                }
            }
            _ => {}
        }
    }
}

fn relativise(id: Option<&mut Value>, base: &str) {
    if let Some(id) = id
        && let Some(relative) = id.as_str().and_then(|id| id.strip_prefix(base))
    {
        *id = json!(relative);
    }
}
