//! The functions that rules may call, beside CEL's operators and macros.

use std::borrow::Cow;

use jiff::Timestamp;

use crate::json::{Kind, Value};
use crate::openbooking::{Content, Reading, media_type};
use crate::rules::builtins::money;
use crate::rules::builtins::nodes::{
    are_strings, distinct, duplicate_indexes, find_all, id, is_type, keys, newer, object_member, prefixed, same_basket,
    same_elements, seconds, size, type_name,
};
use crate::rules::builtins::refusal;
use crate::rules::lang::context::Context;
use crate::rules::lang::messages::{answered, body};
use crate::rules::lang::value::{EvalError, Val};
use crate::rules::lang::vocabulary::Function;
use crate::rules::models::errors::Facts;
use crate::rules::models::json_ld::{is_integer, is_prefixed, same_member};
use crate::rules::models::urls;
use crate::rules::state::answers::{has_order_type, item_errors, may_hold_order, root_type};
use crate::rules::state::credentials as callers;
use crate::rules::state::history::Modified;

/// Steps that a function counts for, beside the one of every node: those that look at many values count more.
pub fn cost(function: Function, arguments: &[Val<'_>], context: &Context<'_>) -> u32 {
    let weight = |place: usize| arguments.get(place).map_or(0, Val::weight);
    match function {
        Function::Same => weight(0).min(weight(1)) / 4,
        Function::FindAll
        | Function::Prefixed
        | Function::Keys
        | Function::ExtraKeys
        | Function::ChangedKeys
        | Function::MissingKeys
        | Function::Sum
        | Function::ItemErrors
        | Function::SameElements
        | Function::Distinct => {
            let all = weight(0) / 4;
            let pairwise =
                matches!(function, Function::SameElements | Function::Distinct) && !are_strings(arguments.first());
            if pairwise { arguments.first().map_or(0, Val::len).saturating_mul(all) } else { all }
        }
        Function::Quoted => {
            let quote = context.flow.and_then(crate::rules::state::flow::Flow::last_quote);
            let items = quote.and_then(|quote| quote.response.json()?.root().get("orderedItem"));
            items.map_or(0, |items| items.len() as u32 / 2)
        }
        _ => 0,
    }
}

/// Applies a function. The number of arguments was checked when the rule was compiled.
pub fn call<'a>(function: Function, arguments: &[Val<'a>], context: &Context<'a>) -> Result<Val<'a>, EvalError> {
    let absent = Val::Absent;
    let (first, second) = (arguments.first().unwrap_or(&absent), arguments.get(1).unwrap_or(&absent));
    let text = first.as_str();
    let facts = || text.and_then(|name| context.facts.error(name));
    let arena = context.arena;
    let strings = |list: &'a [String]| arena.texts(list);
    let owned = |text: Option<String>| text.map_or(Val::Absent, |text| arena.text(&text));
    Ok(match function {
        Function::Oa => arena.text(&format!("https://openactive.io/{}", first.show())),
        Function::Is => Val::bool(text.is_some_and(|value| is_enumeration_value(value, second.as_str()))),
        Function::Id => id(arena, first),
        Function::IsType => Val::bool(is_type(first, second.as_str())),
        Function::TypeName => type_name(arena, first),
        Function::IsObject | Function::IsList | Function::IsString | Function::Blank => {
            Val::bool(function.quick(first).unwrap_or_default())
        }
        Function::IsNumber => Val::bool(first.as_json().is_some_and(|value| value.kind() == Kind::Number)),
        Function::IsInteger => Val::bool(first.as_json().and_then(Value::as_number).is_some_and(is_integer)),
        Function::IsBool => Val::bool(first.as_bool().is_some()),
        Function::Keys => keys(arena, first, |_, _| true),
        Function::ExtraKeys => {
            let allowed = second.elements(arena).unwrap_or_default();
            keys(arena, first, |key, _| {
                !key.contains(':') && !allowed.iter().any(|allowed| allowed.as_str() == Some(key))
            })
        }
        Function::ChangedKeys => keys(arena, first, |key, sent| {
            object_member(second, key).is_some_and(|echoed| !same_member(key, sent, echoed))
                && !is_spoilt(sent, context)
        }),
        Function::MissingKeys => {
            keys(arena, first, |key, sent| object_member(second, key).is_none() && !is_spoilt(sent, context))
        }
        Function::FindAll => find_all(arena, first, second.as_str().unwrap_or_default()),
        Function::Same => Val::bool(first.equals(second)),
        Function::SameUrl => Val::bool(both(text, second, |a, b| {
            a == b || urls::normal_url(a).trim_end_matches('/') == urls::normal_url(b).trim_end_matches('/')
        })),
        Function::NormalUrl => owned(text.map(|url| urls::normal_url(url).into_owned())),
        Function::SameId => {
            let (a, b) = (id(arena, first), id(arena, second));
            Val::bool(a.as_str().is_some() && a.as_str() == b.as_str())
        }
        Function::Distinct => Val::bool(distinct(first.elements(arena).unwrap_or_default())),
        Function::Success => Val::bool(answering(arguments, context)?.map_or(Ok(false), success)?),
        Function::OrderShaped => Val::bool(answering(arguments, context)?.map_or(Ok(false), order_shaped)?),
        Function::OrderAnswer => Val::bool(answering(arguments, context)?.map_or(Ok(false), order_answer)?),
        Function::ErrorType => arena.maybe(
            answering(arguments, context)?
                .map(known_answer)
                .transpose()?
                .and_then(root_type)
                .filter(|name| context.facts.is_error_type(name)),
        ),
        Function::ItemErrors => {
            let reading = answering(arguments, context)?.map(known_answer).transpose()?;
            let errors = reading.map(item_errors).unwrap_or_default();
            arena.nodes(errors)
        }
        Function::KnownError => Val::bool(facts().is_some()),
        Function::ErrorStatus => facts().map_or(Val::Absent, |facts| Val::Int(i64::from(facts.status))),
        Function::ErrorLevels => facts().map_or(Val::Absent, |facts| strings(&facts.levels)),
        Function::ErrorStages => facts().map_or(Val::Absent, |facts| strings(&facts.stages)),
        Function::ErrorExclusive => Val::bool(facts().is_some_and(|facts| facts.exclusive)),
        Function::ErrorTolerated => facts()
            .map_or(Val::Absent, |facts| arena.list(facts.tolerated.iter().map(|status| Val::Int(i64::from(*status))))),
        Function::AnyErrorStatus => Val::bool(facts().is_some_and(|facts| facts.any_status)),
        Function::ClaimHolds => text
            .map_or(Ok(None), |error_type| refusal::claim_holds(error_type, context))?
            .map_or(Val::Absent, Val::bool),
        Function::ErrorSays => arena.maybe(facts().and_then(|facts| facts.says.as_deref())),
        Function::BookingMediaType => Val::bool(text.is_some_and(media_type::is_booking)),
        Function::BookingMediaTypeV1 => Val::bool(text.is_some_and(media_type::is_booking_v1)),
        Function::AcceptsBookingV1 => Val::bool(text.is_some_and(media_type::accepts_booking_v1)),
        Function::MediaVersion => owned(text.and_then(|text| media_type::parse(text).version)),
        Function::IsUuid => Val::bool(text.is_some_and(crate::openbooking::is_uuid)),
        Function::OpenData => arena.node(id(arena, first).as_str().and_then(|id| context.state.open_data.item(id))),
        Function::OpenOffer => {
            let (opportunity, offer) = (id(arena, first), id(arena, second));
            let ids = opportunity.as_str().zip(offer.as_str());
            arena.node(ids.and_then(|(opportunity, offer)| context.state.open_data.offer(opportunity, offer)))
        }
        Function::OpenParent => arena.node(first.as_json().and_then(|node| context.state.open_data.above(node))),
        Function::Instant => {
            text.and_then(|text| text.parse::<Timestamp>().ok()).map_or(Val::Absent, |instant| arena.instant(instant))
        }
        Function::StartsWith => Val::bool(both(text, second, |text, part| text.starts_with(part))),
        Function::EndsWith => Val::bool(both(text, second, |text, part| text.ends_with(part))),
        Function::Contains => Val::bool(both(text, second, |text, part| text.contains(part))),
        Function::LowerAscii => owned(text.map(str::to_ascii_lowercase)),
        Function::Trim => arena.maybe(text.map(str::trim)),
        Function::Size => size(first)?,
        Function::Refused => {
            let (right, strict) = refusal::answers(arguments, arena)?;
            Val::Refusal(context.refusals.keep(refusal::judge(&right, strict, context)?))
        }
        Function::SameElements => Val::bool(match (first.elements(arena), second.elements(arena)) {
            (Some(a), Some(b)) => same_elements(a, b),
            _ => false,
        }),
        Function::SameBasket => Val::bool(same_basket(first, second)),
        Function::FlowOf => {
            let uuid = text.and_then(|id| id.rsplit('/').next()).map(str::to_ascii_lowercase);
            Val::Flow(context.state.flow(uuid.as_deref()))
        }
        Function::Credential => match message(first, context).map(callers::known_credential).transpose()?.flatten() {
            None => Val::Absent,
            Some(Cow::Borrowed(text)) => arena.str(text),
            Some(Cow::Owned(text)) => arena.text(&text),
        },
        Function::SameCaller => match (message(first, context), message(second, context)) {
            (Some(a), Some(b)) => Val::bool(callers::same_caller(a, b)?),
            _ => return Err(EvalError::fault("same_caller compares two exchanges or requests")),
        },
        Function::Parameter => owned(parameter(first, second.as_str().unwrap_or_default())),
        Function::SamePage => Val::bool(match (text, second.as_str()) {
            (Some(a), Some(b)) => urls::page(a) == urls::page(b),
            _ => false,
        }),
        Function::HostOf => owned(text.and_then(urls::host).map(str::to_ascii_lowercase)),
        Function::OriginOf => owned(text.and_then(urls::origin)),
        Function::PathOf => arena.maybe(text.map(urls::path)),
        Function::Pairs => {
            let elements = first.elements(arena).unwrap_or_default();
            arena.list(elements.windows(2).map(|pair| arena.slice(pair)))
        }
        Function::DuplicateIndexes => arena.list(duplicate_indexes(first.elements(arena).unwrap_or_default())),
        Function::Newer => Val::bool(newer(first, second)?),
        Function::EarlierModified => {
            let history = &context.state.history;
            let earlier = first.as_json().and_then(|item| history.earlier_modified(context.reading, item));
            if earlier.is_some() {
                callers::known_reader(context.reading)?;
            }
            match earlier {
                Some(Modified::Number(literal)) => arena.number(literal),
                Some(Modified::Text(text)) => arena.str(text),
                None => Val::Absent,
            }
        }
        Function::Unchanged => {
            let history = &context.state.history;
            let unchanged = first.as_json().is_some_and(|item| history.unchanged(context.reading, item));
            if unchanged {
                callers::known_reader(context.reading)?;
            }
            Val::bool(unchanged)
        }
        Function::BookedSinceRead => id(arena, first)
            .as_str()
            .and_then(|id| context.state.capacity.booked_since_read(id))
            .map_or(Val::Absent, Val::Int),
        Function::Seconds => text.and_then(seconds).map_or(Val::Absent, |number| arena.decimal(number)),
        Function::Prefixed => prefixed(arena, first),
        Function::PrefixedType => Val::bool(type_name(arena, first).as_str().is_some_and(is_prefixed)),
        Function::AbsoluteUri => Val::bool(text.is_some_and(urls::is_absolute_uri)),
        Function::Amount => money::amount(first).map_or(Val::Absent, |number| arena.decimal(number)),
        Function::Sum => first.elements(arena).and_then(money::sum).map_or(Val::Absent, |number| arena.decimal(number)),
        Function::ApproxEqual => {
            Val::bool(money::approx_equal(first, second, arguments.get(2).unwrap_or(&Val::Absent)))
        }
        Function::Decimals => money::decimals(first).map_or(Val::Absent, |count| Val::Int(i64::from(count))),
        Function::Last => match first.as_json() {
            Some(value) => arena.node(value.items().last()),
            None => first.elements(arena).and_then(|list| list.last().copied()).unwrap_or(Val::Absent),
        },
        Function::HttpDate => text
            .and_then(|text| jiff::fmt::rfc2822::parse(text).ok())
            .map_or(Val::Absent, |date| arena.instant(date.timestamp())),
        Function::Quoted => arena.node(quoted(first, context)?),
        Function::Inherited => {
            let id = id(arena, first);
            let key = second.as_str().unwrap_or_default();
            arena.node(context.state.open_data.inherited(id.as_str(), first.as_object(), key))
        }
        Function::SellerOf => {
            let id = id(arena, first);
            arena.maybe(id.as_str().and_then(|id| context.state.seller_of(id)))
        }
        Function::SecondsSinceRead => {
            let read = id(arena, first).as_str().and_then(|id| context.state.open_data.read(id));
            read.map_or(Val::Absent, |read| arena.seconds_between(read, context.reading.exchange.started))
        }
        Function::Reported => {
            let value = first.as_json();
            Val::bool(context.flow.zip(value).is_some_and(|(flow, value)| flow.was_reported(value)))
        }
        Function::SecretKind => arena.maybe(text.and_then(callers::secret_kind)),
        Function::TokenExpiry => {
            let expires = text.and_then(callers::secret_traits).and_then(|traits| traits.expires);
            expires.and_then(|seconds| Timestamp::from_second(seconds).ok()).map_or(Val::Absent, |at| arena.instant(at))
        }
        Function::TokenIssuer => owned(text.and_then(callers::secret_traits).and_then(|traits| traits.issuer)),
        Function::OtherFlows => {
            let own = context.reading.order_uuid.as_deref();
            let flows = id(arena, first).as_str().map(|id| context.state.other_flows(id, own)).unwrap_or_default();
            arena.list(flows.into_iter().map(|flow| Val::Flow(Some(flow))))
        }
    })
}

/// What the last quote of this Order UUID (answered with a quote, errors on items or not) said of an item: of the same
/// offer and opportunity, at the same position if several have them.
fn quoted<'a>(item: &Val<'a>, context: &Context<'a>) -> Result<Option<Value<'a>>, EvalError> {
    let Some(quote) = context.flow.and_then(crate::rules::state::flow::Flow::last_quote) else { return Ok(None) };
    context.check_answer(quote)?;
    Ok(item.as_json().and_then(|item| quoted_in(quote, item)))
}

fn quoted_in<'a>(quote: &'a Reading, item: Value<'a>) -> Option<Value<'a>> {
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

fn both(text: Option<&str>, other: &Val<'_>, test: fn(&str, &str) -> bool) -> bool {
    text.zip(other.as_str()).is_some_and(|(text, other)| test(text, other))
}

fn is_enumeration_value(value: &str, name: Option<&str>) -> bool {
    let local = value.strip_prefix("https://openactive.io/").or_else(|| value.strip_prefix("oa:")).unwrap_or(value);
    Some(local) == name
}

/// The exchange that an exchange or request of an expression belongs to; the judged one for `call`.
fn message<'a>(value: &Val<'a>, context: &Context<'a>) -> Option<&'a Reading> {
    match value {
        Val::Exchange(reading) | Val::Request(reading) | Val::Response(reading) => Some(reading),
        Val::Call(_) => Some(context.reading),
        _ => None,
    }
}

/// A parameter of a URL, or of a request: of its query, or else of its form.
fn parameter(of: &Val<'_>, name: &str) -> Option<String> {
    match of {
        Val::Request(reading) => callers::request_parameter(reading, name),
        other => other.as_str().and_then(|url| urls::parameter(url, name)),
    }
}

/// The exchange whose answer a function looks at: its argument (one of the flow, `None` if it isn't there), or the
/// judged one if there is no argument.
fn answering<'a>(arguments: &[Val<'a>], context: &Context<'a>) -> Result<Option<&'a Reading>, EvalError> {
    match arguments.first() {
        None => Ok(Some(context.reading)),
        Some(Val::Exchange(reading)) => context.check_answer(reading).map(|()| Some(*reading)),
        Some(Val::Response(reading)) => Ok(Some(reading)),
        Some(nothing) if nothing.is_nothing() => Ok(None),
        Some(other) => Err(EvalError::fault(format!("{} stands where an exchange is needed", other.name_of_kind()))),
    }
}

/// True for a value of the judged request that deviates from the data models, itself or below. Nobody is held to repeat it.
fn is_spoilt(sent: Value<'_>, context: &Context<'_>) -> bool {
    let Some(request) = context.reading.request.json().filter(|request| sent.is_of(request)) else { return false };
    let Facts { models, wanted, .. } = context.facts;
    let deviations = context.walks.request(request.root(), context.reading, models, wanted.0);
    let within = sent.place()..sent.place() + sent.weight();
    deviations.iter().any(|deviation| deviation.what.spoils_value() && within.contains(&deviation.node))
}

/// The exchange, if an answer to it came whose body can be read.
pub(in crate::rules) fn known_answer(reading: &Reading) -> Result<&Reading, EvalError> {
    answered(reading)?;
    match reading.response {
        Content::Unreadable(_) => body(&reading.response, false).map(|_| reading),
        _ => Ok(reading),
    }
}

fn success(reading: &Reading) -> Result<bool, EvalError> {
    Ok((200..300).contains(&answered(reading)?.status))
}

/// True if the answer holds a quote, proposal or order: a success with anything else is a finding of its own, and what
/// that body lacks follows from it.
fn order_answer(reading: &Reading) -> Result<bool, EvalError> {
    Ok(order_shaped(reading)? || success(reading)? && may_hold_order(reading))
}

fn order_shaped(reading: &Reading) -> Result<bool, EvalError> {
    if answered(reading)?.status != 409 {
        return Ok(false);
    }
    Ok(has_order_type(known_answer(reading)?))
}
