//! The errors that the booking system answers with ("Error model" of the specification).
//!
//! `Problem (kind, description) → error object, at the root of an answer or on an OrderItem`

use serde_json::{Value, json};

use super::CONTEXT;

/// A type of error: its name on the wire, its status and its title, which never changes for one type.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ProblemType {
    pub(super) name: &'static str,
    pub(super) status: u16,
    pub(super) title: &'static str,
}

macro_rules! kinds {
    ($($constant:ident = $name:literal, $status:literal, $title:literal;)*) => {
        $(pub(super) static $constant: ProblemType = ProblemType { name: $name, status: $status, title: $title };)*
    };
}

kinds! {
    MALFORMED = "OpenBookingError", 400, "The request cannot be read";
    TOO_LARGE = "OpenBookingError", 413, "The request is too large";
    INCOMPLETE_CUSTOMER = "IncompleteCustomerDetailsError", 400, "The customer is missing or incomplete";
    INCOMPLETE_BROKER = "IncompleteBrokerDetailsError", 400, "The broker is missing or incomplete";
    UNNECESSARY_PAYMENT = "UnnecessaryPaymentDetailsError", 400, "No payment is due, yet one was given";
    MISSING_PAYMENT = "MissingPaymentDetailsError", 400, "A payment is due and none was given";
    INCOMPLETE_PAYMENT = "IncompletePaymentDetailsError", 400, "The payment has no identifier";
    INVALID_PAYMENT = "InvalidPaymentDetailsError", 400, "The payment is of a kind that is not taken here";
    TOTAL_MISMATCH = "TotalPaymentDueMismatchError", 400, "The total is not the one that is due";
    UNEXPECTED_TYPE = "UnexpectedOrderTypeError", 500, "The request is of another type than the endpoint takes";
    SELLER_NOT_FOUND = "SellerNotFoundError", 500, "There is no such seller";
    SELLER_MISMATCH = "SellerMismatchError", 500, "Not everything ordered is sold by the seller named";
    ALREADY_EXISTS = "OrderAlreadyExistsError", 500, "The Order UUID has been used";
    UNAUTHENTICATED = "UnauthenticatedError", 403, "The request carries no authentication";
    INVALID_AUTHORIZATION = "InvalidAuthorizationDetailsError", 401, "The authentication cannot be read";
    QUOTE_UNAVAILABLE = "TemporarilyUnableToProduceOrderQuoteError", 503, "No quote can be given just now";
    ORDER_UNAVAILABLE = "TemporarilyUnableToCreateOrderError", 503, "No booking can be made just now";
    UNKNOWN_ENDPOINT = "UnknownOrIncorrectEndpointError", 404, "There is no such endpoint";
    UNKNOWN_ORDER = "UnknownOrderError", 404, "There is no such Order";
    WRONG_METHOD = "MethodNotAllowedError", 405, "The endpoint does not take this method";
    GONE = "GoneError", 410, "The Order has been deleted";
    EXCESSIVE_PATCH = "PatchContainsExcessivePropertiesError", 400, "The patch holds properties that it may not change";
    PATCH_VALUE = "PatchNotAllowedOnPropertyError", 400, "The patch sets a property to a value that it may not have";
    NOT_CANCELLABLE = "CancellationNotPermittedError", 400, "The booking can no longer be cancelled";
    FOREIGN_ITEM = "OrderItemNotWithinOrderError", 500, "An item belongs to another Order";
    INVALID_ITEM_ID = "OrderItemIdInvalidError", 500, "An item has an identifier that the Order does not know";
    INCOMPLETE_ITEM = "IncompleteOrderItemError", 409, "The item lacks its opportunity or its offer";
    INVALID_ID = "InvalidOpportunityOrOfferIdError", 409, "The identifier is not of a form used here";
    UNKNOWN_OPPORTUNITY = "UnknownOpportunityError", 409, "There is no such opportunity";
    UNKNOWN_OFFER = "UnknownOfferError", 409, "There is no such offer";
    UNACCEPTABLE_OFFER = "UnacceptableOfferError", 409, "The offer does not apply to the opportunity";
    NOT_BOOKABLE = "OpportunityOfferPairNotBookableError", 409, "The opportunity cannot be booked on this offer";
    FULL = "OpportunityIsFullError", 409, "The opportunity is full";
    INSUFFICIENT_CAPACITY = "OpportunityHasInsufficientCapacityError", 409, "There are not enough places left";
    RESERVED = "OpportunityCapacityIsReservedByLeaseError", 409, "The places left are held for others";
}

/// One thing that is wrong with a request.
#[derive(Debug, Clone)]
pub(super) struct Problem {
    pub(super) kind: &'static ProblemType,
    /// What exactly is wrong, for people.
    pub(super) description: String,
}

impl Problem {
    pub(super) fn new(kind: &'static ProblemType, description: impl Into<String>) -> Self {
        Self { kind, description: description.into() }
    }

    /// The error object at the root of an answer.
    pub(super) fn at_root(&self) -> Value {
        let mut error = json!({ "@context": CONTEXT });
        if let (Some(error), Value::Object(on_item)) = (error.as_object_mut(), self.on_item()) {
            error.extend(on_item);
        }
        error
    }

    /// The error object in the `error` array of an OrderItem.
    pub(super) fn on_item(&self) -> Value {
        json!({
            "@type": self.kind.name,
            "name": self.kind.title,
            "description": self.description,
            "statusCode": self.kind.status,
        })
    }
}
