//! Functions of answers: success, errors, refusals.

use super::{NODES, TEXTS, weight_of_first};
use crate::openbooking::ParsedExchange;
use crate::rules::builtins::refusal;
use crate::rules::lang::function::{Function, FunctionCall, function};
use crate::rules::lang::messages::{answered, known_answer};
use crate::rules::lang::types::Type;
use crate::rules::lang::value::{EvalError, Val};
use crate::rules::models::errors::ErrorFacts;
use crate::rules::state::answers::{has_order_type, item_errors, may_hold_order, root_type};

/// Those of answers.
pub(crate) static FUNCTIONS: &[Function] = &[
    function("success", [0, 1], Type::Bool, "success(), success(exchange)", "true if the status is 2xx", |call| asked(call, success)),
    function("order_shaped", [0, 1], Type::Bool, "order_shaped(), order_shaped(exchange)", "true if the status is 409 and the body an OrderQuote, OrderProposal or Order", |call| asked(call, order_shaped)),
    function("order_answer", [0, 1], Type::Bool, "order_answer(), order_answer(exchange)", "`order_shaped()`, or a success whose body is not plainly something else: empty, an error, or an object with neither the type of an order nor items", |call| asked(call, order_answer)),
    function("error_type", [0, 1], Type::Plain, "error_type(), error_type(exchange)", "the `@type` of the response body if it is an error (a type of errors.toml, or a name that ends in `Error`); else absent", |call| {
            let error_type = answering(call)?.map(known_answer).transpose()?.and_then(root_type);
            Ok(call.arena().maybe(error_type.filter(|name| call.context.facts.is_error_type(name))))
        }),
    function("item_errors", [0, 1], NODES, "item_errors(), item_errors(exchange)", "all error objects in `orderedItem[].error` of the response", |call| {
            let parsed = answering(call)?.map(known_answer).transpose()?;
            Ok(call.arena().nodes(parsed.map(item_errors).unwrap_or_default()))
        }).costs(weight_of_first),
    function("known_error", [1, 1], Type::Bool, "known_error(t)", "true if `models/errors.toml` has the error type t", |call| Ok(Val::bool(error(call).is_some()))),
    function("error_status", [1, 1], Type::Plain, "error_status(t)", "the status that belongs to the error type; absent if it is unknown", |call| Ok(error(call).map_or(Val::Absent, |error| Val::Int(i64::from(error.status))))),
    function("error_levels", [1, 1], TEXTS, "error_levels(t)", "where it may stand: `order`, `order-item`, `patch`, `delete`, `feed`, `any`", |call| Ok(error(call).map_or(Val::Absent, |error| call.arena().texts(&error.levels)))),
    function("error_stages", [1, 1], TEXTS, "error_stages(t)", "the stages at which it makes sense, or `any`", |call| Ok(error(call).map_or(Val::Absent, |error| call.arena().texts(&error.stages)))),
    function("error_exclusive", [1, 1], Type::Bool, "error_exclusive(t)", "true if it is right at its stages only", |call| Ok(Val::bool(error(call).is_some_and(|error| error.exclusive)))),
    function("error_tolerated", [1, 1], TEXTS, "error_tolerated(t)", "other statuses that are met and tolerated", |call| {
            let statuses = |error: &ErrorFacts| {
                call.arena().list(error.tolerated.iter().map(|status| Val::Int(i64::from(*status))))
            };
            Ok(error(call).map_or(Val::Absent, statuses))
        }),
    function("any_error_status", [1, 1], Type::Bool, "any_error_status(t)", "true if any error status goes", |call| Ok(Val::bool(error(call).is_some_and(|error| error.any_status)))),
    function("error_says", [1, 1], Type::Plain, "error_says(t)", r#"what an error of type t says of the request, in words that follow "that""#, |call| Ok(call.arena().maybe(error(call).and_then(|error| error.says.as_deref())))),
    function("claim_holds", [1, 1], Type::Plain, "claim_holds(t)", "whether the refusal of this exchange with the error type t is true of its request, as `claim` in `models/errors.toml` has it; absent where the messages don't show it", |call| {
            let holds = call.text().map_or(Ok(None), |error_type| refusal::claim_holds(error_type, call.context))?;
            Ok(holds.map_or(Val::Absent, Val::bool))
        }).of_earlier(),
    function("refused", [1, 3], Type::Any, r#"refused(400, "XError"), refused(400, "XError", strict), refused([[404, "A"], [404, "B"]])"#, "the verdict on a request that ought to be refused: see the guide", |call| {
            let (right, strict) = refusal::answers(call.arguments, call.arena())?;
            Ok(Val::Refusal(call.context.refusals.keep(refusal::judge(&right, strict, call.context)?)))
        }).of_earlier(),
];

/// What the specification says of the error type that is the first argument.
fn error<'a>(call: &FunctionCall<'_, 'a>) -> Option<&'a ErrorFacts> {
    call.text().and_then(|name| call.context.facts.error(name))
}

/// Whether a test holds of the answer that a function looks at; false if there is no such exchange.
fn asked<'a>(
    call: &FunctionCall<'_, 'a>,
    test: fn(&ParsedExchange) -> Result<bool, EvalError>,
) -> Result<Val<'a>, EvalError> {
    answering(call)?.map_or(Ok(false), test).map(Val::bool)
}

/// The exchange whose answer a function looks at: its argument (one of the flow, `None` if it isn't there), or the
/// judged one if there is no argument.
fn answering<'a>(call: &FunctionCall<'_, 'a>) -> Result<Option<&'a ParsedExchange>, EvalError> {
    match call.arguments.first() {
        None => Ok(Some(call.context.parsed)),
        Some(Val::Exchange(parsed)) => call.context.check_answer(parsed).map(|()| Some(*parsed)),
        Some(Val::Response(parsed)) => Ok(Some(parsed)),
        Some(nothing) if nothing.is_nothing() => Ok(None),
        Some(other) => Err(EvalError::failed(format!("{} stands where an exchange is needed", other.name_of_kind()))),
    }
}

fn success(parsed: &ParsedExchange) -> Result<bool, EvalError> {
    Ok((200..300).contains(&answered(parsed)?.status))
}

/// True if the answer holds a quote, proposal or order: a success with anything else is a finding of its own, and what
/// that body lacks follows from it.
fn order_answer(parsed: &ParsedExchange) -> Result<bool, EvalError> {
    Ok(order_shaped(parsed)? || success(parsed)? && may_hold_order(parsed))
}

fn order_shaped(parsed: &ParsedExchange) -> Result<bool, EvalError> {
    if answered(parsed)?.status != 409 {
        return Ok(false);
    }
    Ok(has_order_type(known_answer(parsed)?))
}
