//! Reads a C1, C2 or B request and checks what concerns the Order as a whole.
//!
//! `body → type → broker role → broker → customer → seller → items → OrderRequest`
//!
//! The first thing that is wrong ends the reading with a [`Problem`]; what is wrong with single items is found later.

use rust_decimal::Decimal;
use serde_json::{Map, Value};

use super::catalogue::Uris;
use super::problem::{self, Problem};
use super::{Misbehaviour, Misbehaviours, money};
use crate::openbooking::Stage;

/// Most items in one Order. A request with more is refused.
pub(super) const MAX_ITEMS: usize = 100;

/// Who sells to whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SellerRole {
    Agent,
    Reseller,
    Direct,
}

impl SellerRole {
    pub(super) fn iri(self) -> &'static str {
        match self {
            Self::Agent => "https://openactive.io/AgentBroker",
            Self::Reseller => "https://openactive.io/ResellerBroker",
            Self::Direct => "https://openactive.io/NoBroker",
        }
    }

    fn read(body: &Value) -> Result<Self, Problem> {
        let refuse = |what| Err(Problem::new(&problem::INCOMPLETE_BROKER, what));
        match body.get("brokerRole").and_then(Value::as_str) {
            None => refuse("brokerRole is missing".to_owned()),
            Some(term) => [Self::Agent, Self::Reseller, Self::Direct]
                .into_iter()
                .find(|role| is_term(term, role.iri()))
                .map_or_else(|| refuse(format!("brokerRole cannot be {term:?}")), Ok),
        }
    }
}

/// A request for a quote or a booking, in good order but for its items.
#[derive(Debug, Clone)]
pub(super) struct OrderRequest {
    pub(super) role: SellerRole,
    /// As it is reflected in answers.
    pub(super) broker: Option<Value>,
    /// As it is reflected in answers; never read at C1.
    pub(super) customer: Option<Value>,
    pub(super) seller: usize,
    pub(super) items: Vec<AskedItem>,
    /// As it is reflected in answers, with its identifier.
    pub(super) payment: Option<Value>,
    pub(super) total: Option<Decimal>,
}

/// One item asked for.
#[derive(Debug, Clone)]
pub(super) struct AskedItem {
    pub(super) position: i64,
    pub(super) opportunity: Option<String>,
    pub(super) offer: Option<String>,
    /// The broker sets a price of its own.
    pub(super) overrides_offer: bool,
    pub(super) attendee: Option<Value>,
}

/// Refuses a body whose `@type` is not the one that the stage takes.
pub(super) fn check_type(body: &Value, stage: Stage, misbehaviours: Misbehaviours) -> Result<(), Problem> {
    let expected = stage.request_type().unwrap_or_default();
    let found = body.get("@type").and_then(Value::as_str);
    if found == Some(expected) || misbehaviours.has(Misbehaviour::AcceptsWrongType) {
        return Ok(());
    }
    let found = found.unwrap_or("nothing");
    Err(Problem::new(&problem::UNEXPECTED_TYPE, format!("@type is {found}; this endpoint takes {expected}")))
}

/// Reads the body of a C1, C2 or B request.
pub(super) fn read(
    body: &Value,
    stage: Stage,
    uris: &Uris,
    misbehaviours: Misbehaviours,
) -> Result<OrderRequest, Problem> {
    check_type(body, stage, misbehaviours)?;
    let role = SellerRole::read(body)?;
    let broker = read_broker(body, role, misbehaviours)?;
    let customer = if stage == Stage::C1 { None } else { read_customer(body, role, misbehaviours)? };
    let seller = read_seller(body, uris)?;
    let items = read_items(body, stage)?;
    let payment = read_payment(body)?;
    let total = body.get("totalPaymentDue").and_then(|total| total.get("price")).and_then(money::read);
    Ok(OrderRequest { role, broker, customer, seller, items, payment, total })
}

fn read_broker(body: &Value, role: SellerRole, misbehaviours: Misbehaviours) -> Result<Option<Value>, Problem> {
    let refuse = |what| Err(Problem::new(&problem::INCOMPLETE_BROKER, what));
    let broker = body.get("broker");
    if role == SellerRole::Direct {
        return match broker {
            Some(_) if !misbehaviours.has(Misbehaviour::AcceptsBrokerUnderNoBroker) => {
                refuse("there can be no broker when brokerRole is NoBroker")
            }
            _ => Ok(None),
        };
    }
    let Some(broker) = broker else {
        return if misbehaviours.has(Misbehaviour::AcceptsMissingBroker) {
            Ok(None)
        } else {
            refuse("broker is missing")
        };
    };
    if !misbehaviours.has(Misbehaviour::AcceptsIncompleteBroker) {
        if broker.get("@type").and_then(Value::as_str) != Some("Organization") {
            return refuse("broker must be an Organization");
        }
        if text(broker, "name").is_none() {
            return refuse("broker has no name");
        }
    }
    Ok(reflect(broker))
}

fn read_customer(body: &Value, role: SellerRole, misbehaviours: Misbehaviours) -> Result<Option<Value>, Problem> {
    let refuse = |what| Err(Problem::new(&problem::INCOMPLETE_CUSTOMER, what));
    let Some(customer) = body.get("customer") else {
        if role == SellerRole::Reseller {
            return if misbehaviours.has(Misbehaviour::DemandsResellersCustomer) {
                refuse("customer is missing")
            } else {
                Ok(None)
            };
        }
        if misbehaviours.has(Misbehaviour::AcceptsMissingCustomer) {
            return Ok(None);
        }
        if misbehaviours.has(Misbehaviour::WrongError) {
            return Err(Problem::new(&problem::INCOMPLETE_BROKER, "something about the parties is missing"));
        }
        return refuse("customer is missing");
    };
    if role != SellerRole::Reseller && !misbehaviours.has(Misbehaviour::AcceptsIncompleteCustomer) {
        let kind = customer.get("@type").and_then(Value::as_str);
        if !matches!(kind, Some("Person" | "Organization")) {
            return refuse("customer must be a Person or an Organization");
        }
        if text(customer, "email").is_none() {
            return refuse("customer has no email");
        }
        if kind == Some("Organization") && text(customer, "name").is_none() {
            return refuse("customer is an Organization without a name");
        }
    }
    if misbehaviours.has(Misbehaviour::DemandsCustomerNames) && text(customer, "givenName").is_none() {
        return refuse("customer has no givenName");
    }
    Ok(reflect(customer))
}

fn read_seller(body: &Value, uris: &Uris) -> Result<usize, Problem> {
    let Some(seller) = body.get("seller").and_then(id) else {
        return Err(Problem::new(&problem::SELLER_MISMATCH, "seller is missing"));
    };
    uris.find_seller(seller)
        .ok_or_else(|| Problem::new(&problem::SELLER_NOT_FOUND, format!("no seller here is identified by {seller}")))
}

fn read_items(body: &Value, stage: Stage) -> Result<Vec<AskedItem>, Problem> {
    let refuse = |what: String| Err(Problem::new(&problem::MALFORMED, what));
    let items = body.get("orderedItem").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    if items.is_empty() {
        return refuse("orderedItem must be an array with at least one OrderItem".to_owned());
    }
    if items.len() > MAX_ITEMS {
        return refuse(format!("orderedItem holds {} items; no more than {MAX_ITEMS} are taken", items.len()));
    }
    let mut asked: Vec<AskedItem> = Vec::with_capacity(items.len());
    for (at, item) in items.iter().enumerate() {
        if item.get("@type").and_then(Value::as_str) != Some("OrderItem") {
            return refuse(format!("element {at} of orderedItem is no OrderItem"));
        }
        let Some(position) = item.get("position").and_then(Value::as_i64) else {
            return refuse(format!("element {at} of orderedItem has no whole number as its position"));
        };
        if asked.iter().any(|other| other.position == position) {
            return refuse(format!("two items have position {position}"));
        }
        asked.push(AskedItem {
            position,
            opportunity: item.get("orderedItem").and_then(id).map(str::to_owned),
            offer: item.get("acceptedOffer").and_then(id).map(str::to_owned),
            overrides_offer: item.get("acceptedOffer").is_some_and(|offer| offer["@type"] == "OfferOverride"),
            attendee: item.get("attendee").filter(|_| stage != Stage::C1).and_then(reflect),
        });
    }
    Ok(asked)
}

fn read_payment(body: &Value) -> Result<Option<Value>, Problem> {
    let Some(payment) = body.get("payment") else { return Ok(None) };
    if payment.get("@type").and_then(Value::as_str) != Some("Payment") {
        return Err(Problem::new(&problem::INVALID_PAYMENT, "payment must be a Payment"));
    }
    let mut payment = reflect(payment);
    if let Some(payment) = payment.as_mut().and_then(Value::as_object_mut) {
        payment.shift_remove("paymentMethod");
    }
    Ok(payment)
}

/// The identifier of something given as a string or as an object.
fn id(reference: &Value) -> Option<&str> {
    reference.as_str().or_else(|| reference.get("@id").and_then(Value::as_str)).filter(|id| !id.is_empty())
}

/// True for a term of the OpenActive vocabulary in any of its forms: the whole IRI, with a prefix, or the name alone.
pub(super) fn is_term(text: &str, iri: &str) -> bool {
    let name = iri.rsplit('/').next().unwrap_or_default();
    text == iri || text == name || text.strip_prefix("oa:").is_some_and(|rest| rest == name)
}

/// A text property that says something.
pub(super) fn text<'v>(object: &'v Value, property: &str) -> Option<&'v str> {
    object.get(property).and_then(Value::as_str).filter(|text| !text.trim().is_empty())
}

/// A copy fit for an answer: properties of extensions that this system doesn't know, and empty values, are left out.
/// `None` if nothing remains. The depth is bounded by that of the parsed request.
fn reflect(value: &Value) -> Option<Value> {
    match value {
        Value::Null => None,
        Value::String(text) if text.is_empty() => None,
        Value::Array(items) => {
            let items: Vec<_> = items.iter().filter_map(reflect).collect();
            (!items.is_empty()).then_some(Value::Array(items))
        }
        Value::Object(properties) => {
            let properties: Map<_, _> = properties
                .iter()
                .filter(|(name, _)| !name.contains(':'))
                .filter_map(|(name, value)| Some((name.clone(), reflect(value)?)))
                .collect();
            (!properties.is_empty()).then_some(Value::Object(properties))
        }
        other => Some(other.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn reflection_leaves_out_extensions_and_nothings() {
        let sent = json!({ "name": "A", "acme:level": 3, "url": "", "logo": { "x:y": 1 }, "sameAs": [null], "n": 0 });
        assert_eq!(reflect(&sent), Some(json!({ "name": "A", "n": 0 })));
    }

    #[test]
    fn terms_come_in_three_forms() {
        let iri = "https://openactive.io/AgentBroker";
        for form in [iri, "AgentBroker", "oa:AgentBroker"] {
            assert!(is_term(form, iri), "{form}");
        }
        for other in ["", "agentbroker", "NoBroker", "https://elsewhere.example/AgentBroker", "schema:AgentBroker"] {
            assert!(!is_term(other, iri), "{other}");
        }
    }

    #[test]
    fn references_come_in_two_forms() {
        assert_eq!(id(&json!("https://a.example/1")), Some("https://a.example/1"));
        assert_eq!(id(&json!({ "@id": "https://a.example/1" })), Some("https://a.example/1"));
        assert_eq!(id(&json!({ "name": "x" })), None);
        assert_eq!(id(&json!("")), None);
    }
}
