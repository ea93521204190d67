//! What a finding says, and where it points.
//!
//! `rule, context, pointer, what was seen → its words filled in → Finding`

use std::sync::Arc;

use crate::finding::{EarlierExchange, Finding, NOTHING};
use crate::json::Value;
use crate::openbooking::ParsedExchange;
use crate::rules::book::rule::{Expectation, FindingLocation, Rule, RuleCheck};
use crate::rules::judging::evidence::{evidence, exchanges_of};
use crate::rules::lang::context::{Budget, RuleContext};
use crate::rules::lang::eval::{evaluate, holds};
use crate::rules::lang::messages::body;
use crate::rules::lang::node::NodeId;
use crate::rules::lang::value::EvalError;
use crate::rules::models::shown::{shorten, show};
use crate::rules::state::exchange_ref::ExchangeRef;

/// Longest pointer of a finding, in bytes; a longer one (of a name longer than any in the specification) is cut.
const MAX_POINTER: usize = 4_096;

/// A finding of a rule at a pointer into the exchange.
pub(in crate::rules) fn finding<'a>(
    rule: &'a Rule,
    check: &'a RuleCheck,
    context: &RuleContext<'a>,
    pointer: String,
    seen: String,
    expected: Option<String>,
) -> Result<Finding, EvalError> {
    let mut pointer = pointer;
    pointer.truncate(pointer.floor_char_boundary(MAX_POINTER));
    let mut severity = check.severity;
    for (when, downgrade) in &rule.downgrades {
        if holds(*when, context)? {
            severity = severity.min(*downgrade);
            break;
        }
    }
    let (expected, message) = words(check, context, &seen, expected);
    // The message has its own words for what is wrong with the things that are listed.
    let seen = match check.seen_as {
        Some(seen_as) => format!("{}: {seen}", seen_as.as_str()),
        None => seen,
    };
    let parsed = context.parsed;
    Ok(Finding {
        rule: Arc::clone(&rule.info),
        severity,
        stage: parsed.stage,
        exchange: Some(parsed.index),
        order_uuid: parsed.order_uuid.clone(),
        pointer,
        message: if message.is_empty() {
            format!("{}: {seen}", rule.info.title.trim_end_matches('.'))
        } else {
            message
        },
        seen,
        expected,
        because_of: because_of(rule, check, context).map(EarlierExchange::from),
    })
}

/// The exchange that a finding rests on beside the judged one: the latest of those that made the expectation false, or,
/// where that looks at the judged one alone, of those that made the conditions true.
fn because_of(rule: &Rule, check: &RuleCheck, context: &RuleContext<'_>) -> Option<ExchangeRef> {
    let budget = Budget::small();
    let context = &context.anew(&budget);
    let latest = |exchanges: Vec<ExchangeRef>| exchanges.into_iter().max_by_key(|exchange| exchange.index);
    if let Some(because) = check.because {
        return latest(exchanges_of(because, context));
    }
    let expect = match check.expect {
        Expectation::Expression(expect) => Some(expect),
        Expectation::InRust(_) | Expectation::Model(_) => None,
    };
    let conditions = [check.when, rule.when].map(|condition| (condition.map(NodeId::Bool), true));
    let decided = [(expect.map(NodeId::Value), false)].into_iter().chain(conditions);
    decided.into_iter().find_map(|(part, outcome)| latest(evidence(part?, outcome, context)))
}

fn words(check: &RuleCheck, context: &RuleContext<'_>, seen: &str, expected: Option<String>) -> (String, String) {
    let context = &context.with_words(seen, None);
    let expected = expected.unwrap_or_else(|| check.expected.fill(context));
    let message = check.message.fill(&context.with_words(seen, Some(&expected)));
    (expected, message)
}

/// Where a finding of a check points.
pub(in crate::rules) fn pointer<'a>(check: &'a RuleCheck, context: &RuleContext<'a>) -> Result<String, EvalError> {
    Ok(match &check.at {
        FindingLocation::Pointer(pointer) => pointer.clone(),
        FindingLocation::Item(rest) => {
            let item = context.item.map(|item| pointer_of(item, context.parsed)).unwrap_or_default();
            format!("{item}{rest}")
        }
        FindingLocation::Expression(node) => {
            let value = evaluate(*node, context)?;
            match (value.as_json(), value.as_str()) {
                (Some(node), _) => pointer_of(node, context.parsed),
                (None, Some(pointer)) => pointer.to_owned(),
                (None, None) => {
                    return Err(EvalError::failed(format!(
                        "at gives {}, not a node of the message",
                        value.name_of_kind()
                    )));
                }
            }
        }
    })
}

/// Pointer into the exchange of a node of one of its bodies.
fn pointer_of(value: Value<'_>, parsed: &ParsedExchange) -> String {
    let in_response = parsed.response.json().is_some_and(|document| value.is_of(document));
    format!("{}{}", if in_response { "/response/body" } else { "/request/body" }, value.pointer())
}

/// What a rule says it saw. `nothing` alone means that there is nothing at the pointer, so that what lies below it can be
/// put down to that; where the node is there, but not what the rule looked for, other words say so.
pub(in crate::rules) fn describe_seen(seen: String, pointer: &str, parsed: &ParsedExchange) -> String {
    let in_body = ["/request/body", "/response/body"].iter().any(|body| pointer.starts_with(body));
    if seen == NOTHING && in_body && seen_at(pointer, parsed) != NOTHING {
        return "nothing of the kind".to_owned();
    }
    seen
}

/// What stands at a pointer into the exchange, for people.
pub(in crate::rules) fn seen_at(pointer: &str, parsed: &ParsedExchange) -> String {
    let (request, rest) = match pointer.strip_prefix("/request/") {
        Some(rest) => (true, rest),
        None => (false, pointer.strip_prefix("/response/").unwrap_or(pointer)),
    };
    let (part, rest) = rest.split_once('/').map_or((rest, ""), |(part, rest)| (part, rest));
    let exchange = &parsed.exchange;
    let text = match (part, request) {
        ("body", _) => {
            let content = if request { &parsed.request } else { &parsed.response };
            let root = body(content, request).ok().flatten();
            let node = root.and_then(|root| if rest.is_empty() { Some(root) } else { root.find(&format!("/{rest}")) });
            return show(node);
        }
        ("method", true) => Some(exchange.request.method.clone()),
        ("path", true) => Some(exchange.path().to_owned()),
        ("url", true) => Some(exchange.url()),
        ("headers", true) => exchange.request.headers.get(rest).map(str::to_owned),
        ("headers", false) => {
            exchange.response.as_ref().and_then(|response| response.headers.get(rest)).map(str::to_owned)
        }
        ("status", false) => parsed.status().map(|status| status.to_string()),
        _ => None,
    };
    text.map_or_else(|| NOTHING.to_owned(), shorten)
}
