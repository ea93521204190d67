//! `refused(...)`: the verdict on a request that ought to be refused.
//!
//! The shared terms for expected-error rules: pass on the named error, "not judged" on the exemptions, a finding on
//! success, and a warning (or, where the rule is strict, a finding) on any other refusal.

use std::sync::Arc;

use crate::finding::Severity;
use crate::openbooking::{ParsedExchange, Stage};
use crate::rules::lang::arena::Arena;
use crate::rules::lang::context::RuleContext;
use crate::rules::lang::eval::evaluate;
use crate::rules::lang::messages::{answered, known_answer};
use crate::rules::lang::refusals::Refusal;
use crate::rules::lang::value::{EvalError, Val};
use crate::rules::models::errors::ModelTables;
use crate::rules::state::answers::{item_errors, root_type, type_of};
use crate::rules::state::flow::Flow;

/// One right answer: status and error type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RightAnswer {
    pub status: u16,
    pub error_type: String,
}

/// True for a refusal of P or B with errors that the last quote of its flow named, too: the broker went on all the same, and
/// was told so once more.
pub(crate) fn repeats_quote(parsed: &ParsedExchange, flow: Option<&Flow>) -> bool {
    let refused = |parsed: &ParsedExchange| parsed.status().is_some_and(|status| status >= 400);
    let errors = |parsed: &ParsedExchange| -> Vec<String> {
        let of_items = item_errors(parsed).into_iter().filter_map(type_of);
        let own = root_type(parsed).filter(|name| name.ends_with("Error"));
        own.into_iter().chain(of_items).map(str::to_owned).collect()
    };
    let books = matches!(parsed.stage, Stage::P | Stage::B);
    let Some(quote) = flow.filter(|_| books && refused(parsed)).and_then(Flow::last_quote_call) else { return false };
    let (named, now) = (errors(quote), errors(parsed));
    refused(quote) && !now.is_empty() && now.iter().all(|error| named.contains(error))
}

/// Types that say "no" for reasons which lie in the inventory and not in the request, so that nobody but the booking
/// system can tell whether they are true.
const UNSEEN_FAULTS: [&str; 12] = [
    "OpportunityHasInsufficientCapacityError",
    "OpportunityCapacityIsReservedByLeaseError",
    "OpportunityIsFullError",
    "OpportunityIsInConflictError",
    "OpportunityIntractableError",
    "OpportunityOfferPairNotBookableError",
    "InvalidOpportunityOrOfferIdError",
    "UnknownOpportunityError",
    "UnknownOfferError",
    "UnacceptableOfferError",
    "IncompleteAttendeeDetailsError",
    "IncompleteIntakeFormError",
];

/// Reads the arguments of `refused`: `(400, "Type")`, `(400, "Type", strict)` or `([[404, "A"], [404, "B"]])`.
pub(crate) fn answers<'a>(arguments: &[Val<'a>], arena: &'a Arena) -> Result<(Vec<RightAnswer>, bool), EvalError> {
    let strict = matches!(arguments.last(), Some(Val::Strict));
    let arguments = if strict { &arguments[..arguments.len() - 1] } else { arguments };
    let one = |status: &Val<'_>, error_type: &Val<'_>| {
        let status = status.show().parse().map_err(|_| EvalError::failed("refused takes a status"))?;
        let error_type =
            error_type.as_str().ok_or_else(|| EvalError::failed("refused takes the name of an error type"))?;
        Ok(RightAnswer { status, error_type: error_type.to_owned() })
    };
    match arguments {
        [status, error_type] => Ok((vec![one(status, error_type)?], strict)),
        [list] => {
            let pairs = list.elements(arena).ok_or_else(|| EvalError::failed("refused takes a list of answers"))?;
            let answers = pairs.iter().map(|pair| match pair.elements(arena) {
                Some([status, error_type]) => one(status, error_type),
                _ => Err(EvalError::failed("each answer of refused is a list of status and error type")),
            });
            Ok((answers.collect::<Result<_, _>>()?, strict))
        }
        _ => Err(EvalError::failed("refused takes a status and an error type, or a list of such pairs")),
    }
}

/// Judges the answer of `context` against the right ones.
pub(crate) fn judge(right: &[RightAnswer], strict: bool, context: &RuleContext<'_>) -> Result<Refusal, EvalError> {
    let parsed = context.parsed;
    let status = answered(parsed)?.status;
    let root_type = root_type(parsed);
    let expected =
        right.iter().map(|answer| format!("{} {}", answer.status, answer.error_type)).collect::<Vec<_>>().join(" or ");
    let seen = match root_type {
        Some(name) => format!("{status} {name}"),
        None => status.to_string(),
    };
    let right_type = right.iter().find(|answer| root_type == Some(answer.error_type.as_str()));
    let error_types = named_errors(parsed, context.facts);
    if (200..300).contains(&status) {
        // An error body under a success status is still an acceptance for whoever goes by the status.
        return Ok(Refusal::Failed {
            at_most: None,
            pointer: "/response/status",
            seen,
            expected,
            answered: error_types,
        });
    }
    known_answer(parsed)?;
    if right.iter().any(|answer| answer.status == status && root_type == Some(answer.error_type.as_str())) {
        return Ok(Refusal::Passed);
    }
    if let Some(reason) = exemption(status, root_type, context.facts) {
        return Ok(Refusal::NotJudged(reason));
    }
    if let Some(unseen) = error_types.iter().find(|name| UNSEEN_FAULTS.contains(&name.as_str())) {
        return Ok(Refusal::NotJudged(
            format!("the answer names {unseen}, which may be another fault of the same request").into(),
        ));
    }
    let pointer = if right_type.is_some() || !right.iter().any(|answer| answer.status == status) {
        "/response/status"
    } else {
        "/response/body/@type"
    };
    let at_most = (!strict).then_some(Severity::Warning);
    Ok(Refusal::Failed { at_most, pointer, seen, expected, answered: error_types })
}

/// What `errors.toml` says of a refusal with this error type, held against the request: true, false, or `None` where the
/// messages don't show it.
pub(crate) fn claim_holds(error_type: &str, context: &RuleContext<'_>) -> Result<Option<bool>, EvalError> {
    let Some(claim) = context.program.claim(error_type) else { return Ok(None) };
    evaluate(claim, &context.of_item(None, None)).map(|value| value.as_bool())
}

fn exemption(status: u16, root_type: Option<&str>, facts: &ModelTables) -> Option<Arc<str>> {
    let technical = status >= 500
        && match root_type {
            None => true,
            Some(name) => {
                let internal = |name: &str| name == "InternalOpenBookingError";
                let parent = facts.error(name).and_then(|facts| facts.parent.as_deref());
                !facts.is_error_type(name)
                    || internal(name)
                    || parent.is_some_and(internal)
                    || name.starts_with("TemporarilyUnable")
            }
        };
    let reason = match status {
        401 | 403 => "the caller was not let in, which is decided before the request is looked at",
        429 => "the caller was told to slow down, which is decided before the request is looked at",
        502..=504 => "the booking system was out of order",
        _ if technical => "the booking system had a technical fault",
        _ => return None,
    };
    Some(format!("answered with {status}: {reason}").into())
}

/// The error types that the answer names: of the whole order, or else on its items.
fn named_errors(parsed: &ParsedExchange, facts: &ModelTables) -> Vec<String> {
    if let Some(name) = root_type(parsed).filter(|name| facts.is_error_type(name)) {
        return vec![name.to_owned()];
    }
    item_errors(parsed).into_iter().filter_map(type_of).map(str::to_owned).collect()
}
