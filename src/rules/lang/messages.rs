//! What of a message can be looked at, or why it can't.

use crate::exchange::Response;
use crate::json::Value;
use crate::openbooking::{ParsedBody, ParsedExchange};
use crate::rules::lang::node::MessageSide;
use crate::rules::lang::value::EvalError;

/// The response, or why there is none.
pub(crate) fn answered(parsed: &ParsedExchange) -> Result<&Response, EvalError> {
    parsed.exchange.response.as_ref().ok_or_else(|| {
        let why = parsed.exchange.failure.as_ref().map_or("no answer was recorded", |failure| failure.kind.describe());
        EvalError::unseen(format!("there is no answer: {why}"))
    })
}

/// The exchange, if an answer to it came whose body can be read.
pub(crate) fn known_answer(parsed: &ParsedExchange) -> Result<&ParsedExchange, EvalError> {
    answered(parsed)?;
    match parsed.response {
        ParsedBody::Unreadable(_) => body(&parsed.response, false).map(|_| parsed),
        _ => Ok(parsed),
    }
}

/// The root of the body of a message; `None` for an empty one.
pub(crate) fn body_of(parsed: &ParsedExchange, message: MessageSide) -> Result<Option<Value<'_>>, EvalError> {
    match message {
        MessageSide::Request => body(&parsed.request, true),
        MessageSide::Response => answered(parsed).and_then(|_| body(&parsed.response, false)),
    }
}

/// The root of a body; `None` for an empty one.
pub(crate) fn body(content: &ParsedBody, of_request: bool) -> Result<Option<Value<'_>>, EvalError> {
    let whose = if of_request { "request" } else { "response" };
    match content {
        ParsedBody::Json(document) => Ok(Some(document.root())),
        ParsedBody::Empty => Ok(None),
        ParsedBody::NotJson(_) | ParsedBody::Opaque => Err(EvalError::unseen(format!("the {whose} body is not JSON"))),
        ParsedBody::Unreadable(why) => Err(EvalError::unseen(format!("the {whose} {why}"))),
    }
}
