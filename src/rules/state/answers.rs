//! What an answer is at first sight: a success, a quote or order, an error.

use crate::json::{Document, Value};
use crate::openbooking::{ParsedBody, ParsedExchange};

use crate::rules::models::json_ld::{self, main_type, plain_name};

/// True for a status of 2xx.
pub(crate) fn is_success(parsed: &ParsedExchange) -> bool {
    parsed.status().is_some_and(|status| (200..300).contains(&status))
}

/// True for a status of 409 whose body is a quote, proposal or order.
pub(crate) fn is_order_shaped(parsed: &ParsedExchange) -> bool {
    parsed.status() == Some(409) && has_order_type(parsed)
}

/// True if the `@type` of the body is that of a quote, proposal or order.
pub(crate) fn has_order_type(parsed: &ParsedExchange) -> bool {
    matches!(root_type(parsed), Some("OrderQuote" | "OrderProposal" | "Order"))
}

/// True unless the body is plainly no quote, proposal or order: empty, an error, or an object with neither the type of an
/// order nor items. What can't be read may be one.
pub(crate) fn may_hold_order(parsed: &ParsedExchange) -> bool {
    let Some(root) = parsed.response.json().map(Document::root) else {
        return !matches!(parsed.response, ParsedBody::Empty);
    };
    let is_error = || root_type(parsed).is_some_and(|name| name.ends_with("Error"));
    root.is_object() && (has_order_type(parsed) || root.get("orderedItem").is_some() && !is_error())
}

/// `@type` of the response body, as [`type_of`] has it.
pub(crate) fn root_type(parsed: &ParsedExchange) -> Option<&str> {
    type_of(parsed.response.json()?.root())
}

/// `@type` of an object, without a prefix of OpenActive's. Of several the one that [`main_type`] takes.
pub(crate) fn type_of(object: Value<'_>) -> Option<&str> {
    main_type(object)?.as_str().map(plain_name)
}

/// The error objects on the items of the response.
pub(crate) fn item_errors(parsed: &ParsedExchange) -> Vec<Value<'_>> {
    parsed.response.json().map(|document| json_ld::item_errors(document.root())).unwrap_or_default()
}
