//! Checks in Rust, for what CEL says badly. A rule file refers to one by name: `native = "request-json"`.

use crate::exchange::Exchange;
use crate::json::JsonKind;
use crate::openbooking::{ParsedBody, ParsedExchange};

use crate::rules::lang::value::EvalError;

/// A check in Rust.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NamedCheck {
    /// The request's body is one JSON object in UTF-8 without duplicate keys.
    RequestJson,
    /// The response's body is one JSON object in UTF-8 without duplicate keys.
    ResponseJson,
}

/// Something a check in Rust found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CheckFailure {
    pub pointer: String,
    pub seen: String,
}

impl NamedCheck {
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        match name {
            "request-json" => Some(Self::RequestJson),
            "response-json" => Some(Self::ResponseJson),
            _ => None,
        }
    }

    /// Everything that is wrong, at most `most` of it; empty if nothing is. And how much more is wrong.
    pub(crate) fn run(self, parsed: &ParsedExchange, most: usize) -> Result<(Vec<CheckFailure>, u64), EvalError> {
        match self {
            Self::RequestJson => json_object(&parsed.request, "/request/body", true, &parsed.exchange, most),
            Self::ResponseJson => {
                crate::rules::lang::messages::answered(parsed)?;
                json_object(&parsed.response, "/response/body", false, &parsed.exchange, most)
            }
        }
    }
}

fn json_object(
    content: &ParsedBody,
    pointer: &str,
    must_be_there: bool,
    exchange: &Exchange,
    most: usize,
) -> Result<(Vec<CheckFailure>, u64), EvalError> {
    let one = |seen: String| Ok((vec![CheckFailure { pointer: pointer.to_owned(), seen }], 0));
    match content {
        ParsedBody::Unreadable(why) => {
            let whose = if must_be_there { "request" } else { "response" };
            Err(EvalError::unseen(format!("the {whose} {why}")))
        }
        ParsedBody::Empty if must_be_there && matches!(exchange.request.method.as_str(), "PUT" | "PATCH") => {
            one("no body".to_owned())
        }
        ParsedBody::Empty => Ok((Vec::new(), 0)),
        ParsedBody::Opaque => one("no JSON".to_owned()),
        ParsedBody::NotJson(error) => one(error.to_string()),
        ParsedBody::Json(document) if document.root().kind() != JsonKind::Object => {
            one(format!("{:?} at the root", document.root().kind()))
        }
        ParsedBody::Json(document) => {
            let found = |key| CheckFailure {
                pointer: format!("{pointer}{key}"),
                seen: "the key stands twice in its object".to_owned(),
            };
            let told: Vec<CheckFailure> = document.duplicate_keys().take(most).map(found).collect();
            let omitted = document.number_of_duplicate_keys() - told.len();
            Ok((told, omitted as u64))
        }
    }
}
