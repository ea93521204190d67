//! What of a message can be looked at, or why it can't.

use crate::exchange::Response;
use crate::json::Value;
use crate::openbooking::{Content, Reading};
use crate::rules::lang::node::Message;
use crate::rules::lang::value::EvalError;

/// The response, or why there is none.
pub fn answered(reading: &Reading) -> Result<&Response, EvalError> {
    reading.exchange.response.as_ref().ok_or_else(|| {
        let why = reading.exchange.failure.as_ref().map_or("no answer was recorded", |failure| failure.kind.describe());
        EvalError::unseen(format!("there is no answer: {why}"))
    })
}

/// The exchange, if an answer to it came whose body can be read.
pub fn known_answer(reading: &Reading) -> Result<&Reading, EvalError> {
    answered(reading)?;
    match reading.response {
        Content::Unreadable(_) => body(&reading.response, false).map(|_| reading),
        _ => Ok(reading),
    }
}

/// The root of the body of a message; `None` for an empty one.
pub fn body_of(reading: &Reading, message: Message) -> Result<Option<Value<'_>>, EvalError> {
    match message {
        Message::Request => body(&reading.request, true),
        Message::Response => answered(reading).and_then(|_| body(&reading.response, false)),
    }
}

/// The root of a body; `None` for an empty one.
pub fn body(content: &Content, of_request: bool) -> Result<Option<Value<'_>>, EvalError> {
    let whose = if of_request { "request" } else { "response" };
    match content {
        Content::Json(document) => Ok(Some(document.root())),
        Content::Empty => Ok(None),
        Content::NotJson(_) | Content::Opaque => Err(EvalError::unseen(format!("the {whose} body is not JSON"))),
        Content::Unreadable(why) => Err(EvalError::unseen(format!("the {whose} {why}"))),
    }
}
