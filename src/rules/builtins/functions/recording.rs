//! Functions of what was seen before: open data, other flows, quotes, feeds.

use super::{TEXTS, weight_of_first};
use crate::json::Value;
use crate::openbooking::ParsedExchange;
use crate::rules::builtins::nodes::{id, keys, object_member};
use crate::rules::lang::context::RuleContext;
use crate::rules::lang::function::{Function, FunctionCall, function};
use crate::rules::lang::types::{Element, Type};
use crate::rules::lang::value::{EvalError, Val};
use crate::rules::models::errors::ModelTables;
use crate::rules::models::json_ld::same_member;
use crate::rules::state::credentials;
use crate::rules::state::exchange_ref::ExchangeRef;
use crate::rules::state::flow::Flow;
use crate::rules::state::history::ModifiedValue;

/// Those of what was seen before.
pub(crate) static FUNCTIONS: &[Function] = &[
    function("open_data", [1, 1], Type::Node, "open_data(x)", "what the opportunity feed said of the item with this `@id` (x: reference or object); absent if it wasn't seen", |call| Ok(call.arena().node(call.id().and_then(|id| call.context.state.open_data.item(id))))).of_earlier().found_in(read_in_open_data),
    function("open_offer", [2, 2], Type::Node, "open_offer(opportunity, offer)", "the offer in open data, the opportunity's own or one from above", |call| {
            let ids = call.id().zip(id(call.arena(), call.second()).as_str());
            let offer = |(opportunity, offer)| call.context.state.open_data.offer(opportunity, offer);
            Ok(call.arena().node(ids.and_then(offer)))
        }).of_earlier().found_in(read_in_open_data),
    function("open_parent", [1, 1], Type::Node, "open_parent(node)", "the series, facility or event above a node of open data", |call| Ok(call.arena().node(call.first().as_json().and_then(|node| call.context.state.open_data.above(node))))).of_earlier(),
    function("inherited", [2, 2], Type::Node, r#"inherited(x, "key")"#, "a member of the opportunity x, or of what is above it, from the message itself or from open data", |call| {
            let key = call.second().as_str().unwrap_or_default();
            Ok(call.arena().node(call.context.state.open_data.inherited(call.id(), call.first().as_object(), key)))
        }).of_earlier().found_in(read_in_open_data),
    function("seconds_since_read", [1, 1], Type::Plain, "seconds_since_read(x)", "the age of what open data says of x, in seconds", |call| {
            let read = call.id().and_then(|id| call.context.state.open_data.read(id));
            let since = |read| call.arena().seconds_between(read, call.context.parsed.exchange.started);
            Ok(read.map_or(Val::Absent, since))
        }).of_earlier().found_in(read_in_open_data),
    function("booked_since_read", [1, 1], Type::Plain, "booked_since_read(x)", "places of the opportunity x booked less those cancelled since open data was last read of it; absent if that is unknown or doubtful (leases, proposals, deletions)", |call| {
            let booked = call.id().and_then(|id| call.context.state.capacity.booked_since_read(id));
            Ok(booked.map_or(Val::Absent, Val::Int))
        }).of_earlier().found_in(read_in_open_data),
    function("seller_of", [1, 1], Type::Plain, "seller_of(x)", "`@id` of the Seller of the opportunity x, from open data or from the call by which the test suite had it made", |call| Ok(call.arena().maybe(call.id().and_then(|id| call.context.state.seller_of(id))))).of_earlier().found_in(read_in_open_data),
    function("quoted", [1, 1], Type::Node, "quoted(item)", "what the last quote of this Order UUID said of an item with the same opportunity and offer; absent if there was none", |call| Ok(call.arena().node(quoted(call.first(), call.context)?))).of_earlier().costs(cost_of_quoted).found_in(|call| call.context.flow.and_then(Flow::last_quote).map(ExchangeRef::from)),
    function("flow_of", [1, 1], Type::Flow, "flow_of(id)", "the booking flow of the Order UUID that the id ends in", |call| {
            let uuid = call.text().and_then(|id| id.rsplit('/').next()).map(str::to_ascii_lowercase);
            Ok(Val::Flow(call.context.state.flow(uuid.as_deref())))
        }).of_earlier(),
    function("other_flows", [1, 1], Type::List(Element::Flow), "other_flows(x)", "the flows of other Order UUIDs with an item for the opportunity x", |call| {
            let own = call.context.parsed.order_uuid.as_deref();
            let flows = call.id().map(|id| call.context.state.other_flows(id, own)).unwrap_or_default();
            Ok(call.arena().list(flows.into_iter().map(|flow| Val::Flow(Some(flow)))))
        }).of_earlier(),
    function("earlier_modified", [1, 1], Type::Plain, "earlier_modified(item)", "of a feed item, the `modified` it had when it was last seen in this feed; absent if it wasn't", |call| {
            let RuleContext { parsed, state, .. } = *call.context;
            let earlier = call.first().as_json().and_then(|item| state.history.earlier_modified(parsed, item));
            if earlier.is_some() {
                credentials::known_reader(parsed)?;
            }
            Ok(match earlier {
                Some(ModifiedValue::Number(literal)) => call.arena().number(literal),
                Some(ModifiedValue::Text(text)) => call.arena().str(text),
                None => Val::Absent,
            })
        }).of_earlier().found_in(seen_in_feed),
    function("unchanged", [1, 1], Type::Bool, "unchanged(item)", "true if state and data of a feed item are what they were then", |call| {
            let RuleContext { parsed, state, .. } = *call.context;
            let unchanged = call.first().as_json().is_some_and(|item| state.history.unchanged(parsed, item));
            if unchanged {
                credentials::known_reader(parsed)?;
            }
            Ok(Val::bool(unchanged))
        }).of_earlier().found_in(seen_in_feed),
    function("reported", [1, 1], Type::Bool, "reported(x)", "true if an earlier exchange of the flow, from which x comes, had a finding of a warning or more on x or on something in it: what differs from it later follows from that", |call| {
            let reported = |(flow, value): (&Flow, _)| flow.was_reported(value);
            Ok(Val::bool(call.context.flow.zip(call.first().as_json()).is_some_and(reported)))
        }).of_earlier(),
    function("changed_keys", [2, 2], TEXTS, "changed_keys(sent, echoed)", "the keys that both have and whose values differ, URLs apart from a trailing slash. Not of values of the request that deviate from the models", |call| Ok(keys(call.arena(), call.first(), |key, sent| {
            object_member(call.second(), key).is_some_and(|echoed| !same_member(key, sent, echoed))
                && !is_spoilt(sent, call.context)
        }))).costs(weight_of_first),
    function("missing_keys", [2, 2], TEXTS, "missing_keys(sent, echoed)", "the keys of sent that echoed lacks, but for `@context` and for values of the request that deviate from the models", |call| Ok(keys(call.arena(), call.first(), |key, sent| {
            key != "@context" && object_member(call.second(), key).is_none() && !is_spoilt(sent, call.context)
        }))).costs(weight_of_first),
];

/// The page of open data that the opportunity was read from.
fn read_in_open_data(call: &FunctionCall<'_, '_>) -> Option<ExchangeRef> {
    call.id().and_then(|id| call.context.state.open_data.seen_in(id))
}

/// The page on which a feed item was last seen.
fn seen_in_feed(call: &FunctionCall<'_, '_>) -> Option<ExchangeRef> {
    call.first().as_json().and_then(|item| call.context.state.history.seen_in(call.context.parsed, item))
}

/// Steps of a search through the items of the last quote.
fn cost_of_quoted(call: &FunctionCall<'_, '_>) -> u32 {
    let quote = call.context.flow.and_then(Flow::last_quote);
    let items = quote.and_then(|quote| quote.response.json()?.root().get("orderedItem"));
    items.map_or(0, |items| items.len() as u32 / 2)
}

/// What the last quote of this Order UUID (answered with a quote, errors on items or not) said of an item: of the same
/// offer and opportunity, at the same position if several have them.
fn quoted<'a>(item: &Val<'a>, context: &RuleContext<'a>) -> Result<Option<Value<'a>>, EvalError> {
    let Some(quote) = context.flow.and_then(Flow::last_quote) else { return Ok(None) };
    context.check_answer(quote)?;
    Ok(item.as_json().and_then(|item| quoted_in(quote, item)))
}

fn quoted_in<'a>(quote: &'a ParsedExchange, item: Value<'a>) -> Option<Value<'a>> {
    let reference = |item: Value<'a>, key: &str| {
        let node = item.get(key)?;
        node.as_str().or_else(|| node.get("@id")?.as_str())
    };
    let position = |item: Value<'a>| item.get("position").and_then(Value::as_number);
    let opportunity = reference(item, "orderedItem")?;
    let offer = reference(item, "acceptedOffer");
    let wanted = position(item);
    let mut alike = quote.response.json()?.root().get("orderedItem")?.items().filter(|other| {
        reference(*other, "orderedItem") == Some(opportunity) && reference(*other, "acceptedOffer") == offer
    });
    let first = alike.next()?;
    if position(first) == wanted {
        return Some(first);
    }
    alike.find(|other| position(*other) == wanted).or(Some(first))
}

/// True for a value of the judged request that deviates from the data models, itself or below. Nobody is held to repeat it.
fn is_spoilt(sent: Value<'_>, context: &RuleContext<'_>) -> bool {
    let Some(request) = context.parsed.request.json().filter(|request| sent.is_of(request)) else { return false };
    let ModelTables { models, wanted, .. } = context.facts;
    let deviations = context.walks.request(request.root(), context.parsed, models, wanted.0);
    let within = sent.place()..sent.place() + sent.weight();
    deviations.iter().any(|deviation| deviation.what.spoils_value() && within.contains(&deviation.node))
}
