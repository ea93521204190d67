//! What the members give.

use jiff::Timestamp;

use crate::exchange::{Body, Headers, OmittedFields, decode};
use crate::finding::Side;
use crate::openbooking::{Endpoint, ParsedBody, ParsedExchange, Stage, media_type};
use crate::rules::lang::arena::Arena;
use crate::rules::lang::context::{FAULTED_BEFORE, RuleContext};
use crate::rules::lang::members::Member;
use crate::rules::lang::messages::{answered, body};
use crate::rules::lang::types::Type;
use crate::rules::lang::value::{EvalError, Val};
use crate::rules::models::urls::{normal_origin, normal_url};
use crate::rules::state::credentials as callers;
use crate::rules::state::exchange_ref::ExchangeRef;
use crate::rules::state::flow::{FeedItemKind, Flow};

/// A member of a value by a name that is worked out at run time, or of what has any members.
pub(crate) fn member<'a>(operand: Val<'a>, name: &str, context: &RuleContext<'a>) -> Result<Val<'a>, EvalError> {
    let arena = context.arena;
    let of = match operand {
        Val::Json(value) => return Ok(arena.node(value.get(name))),
        Val::RequestHeaders(parsed) => {
            return header(&parsed.exchange.request.headers, name, "request", arena);
        }
        Val::ResponseHeaders(parsed) => return header(&answered(parsed)?.headers, name, "response", arena),
        Val::Names(names) => return Ok(arena.maybe(names.get(name).map(|(text, _)| &**text))),
        Val::Request(_) => Type::Request,
        Val::Response(_) => Type::Response,
        Val::Call(_) => Type::Call,
        Val::Exchange(_) => Type::Exchange,
        Val::Flow(_) => Type::Flow,
        Val::Feed(_) => Type::Feed,
        Val::Recording => Type::Recording,
        _ => return Ok(Val::Absent),
    };
    match Member::find(of, name) {
        Some(member) => select(operand, member, context),
        None => Err(EvalError::failed(format!("{} has no member {name:?}", of.describe()))),
    }
}

/// A member that was resolved when the rule was loaded; absent where its operand is.
pub(crate) fn select<'a>(operand: Val<'a>, member: Member, context: &RuleContext<'a>) -> Result<Val<'a>, EvalError> {
    match operand {
        Val::Request(parsed) => of_request(parsed, member, context.arena),
        Val::Response(parsed) => of_response(parsed, member, context.arena),
        Val::Call(parsed) => of_call(parsed, member, context.arena),
        Val::Exchange(parsed) => of_exchange(parsed, member, context),
        Val::Flow(Some(flow)) => of_flow(flow, member, context),
        Val::Flow(None) => Ok(of_no_flow(member)),
        Val::Feed(parsed) => of_feed(parsed, member, context),
        Val::Recording => of_recording(member, context),
        _ => Ok(Val::Absent),
    }
}

fn of_request<'a>(parsed: &'a ParsedExchange, member: Member, arena: &'a Arena) -> Result<Val<'a>, EvalError> {
    let request = &parsed.exchange.request;
    Ok(match member {
        Member::RequestMethod => arena.str(&request.method),
        Member::RequestPath => arena.str(parsed.exchange.path()),
        Member::RequestQuery => arena.maybe(parsed.exchange.query()),
        Member::RequestUrl => arena.text(&parsed.exchange.url()),
        Member::RequestHeaders => Val::RequestHeaders(parsed),
        Member::RequestSize => size(&request.body, "request")?,
        Member::RequestByteOrderMark => Val::bool(begins_with_mark(&request.body, &request.headers)),
        Member::RequestContent => content(&parsed.request, true, arena)?,
        Member::RequestBody => arena.node(body(&parsed.request, true)?),
        _ => Val::Absent,
    })
}

fn of_response<'a>(parsed: &'a ParsedExchange, member: Member, arena: &'a Arena) -> Result<Val<'a>, EvalError> {
    let response = answered(parsed)?;
    Ok(match member {
        Member::ResponseStatus => Val::Int(i64::from(response.status)),
        Member::ResponseHeaders => Val::ResponseHeaders(parsed),
        Member::ResponseSize => size(&response.body, "response")?,
        Member::ResponseByteOrderMark => Val::bool(begins_with_mark(&response.body, &response.headers)),
        Member::ResponseContent => content(&parsed.response, false, arena)?,
        Member::ResponseBody => arena.node(body(&parsed.response, false)?),
        _ => Val::Absent,
    })
}

fn of_exchange<'a>(
    parsed: &'a ParsedExchange,
    member: Member,
    context: &RuleContext<'a>,
) -> Result<Val<'a>, EvalError> {
    let RuleContext { arena, state, parsed: judged, .. } = *context;
    Ok(match member {
        Member::ExchangeRequest => Val::Request(parsed),
        Member::ExchangeCall => Val::Call(parsed),
        Member::ExchangeStage => arena.str(parsed.stage.as_str()),
        Member::ExchangeStarted => Val::Instant(&parsed.exchange.started),
        Member::ExchangeSecondsAgo => arena.seconds_between(parsed.exchange.started, judged.exchange.started),
        Member::ExchangeResponse => {
            context.check_answer(parsed)?;
            Val::Response(parsed)
        }
        Member::ExchangeAnswered => {
            context.check_answer(parsed)?;
            match (&parsed.exchange.response, &parsed.exchange.failure) {
                (None, None) => return Err(EvalError::unseen("the answer to an earlier call was not recorded")),
                (response, _) => Val::bool(response.is_some()),
            }
        }
        Member::ExchangeWronglyRefused => {
            context.check_answer(parsed)?;
            Val::bool(state.was_wrongly_refused(parsed))
        }
        // Since the answer was there, or since there was none to be waited for any longer.
        Member::ExchangeSecondsSinceAnswer => {
            context.check_answer(parsed)?;
            arena.seconds_between(parsed.exchange.ended(), judged.exchange.started)
        }
        _ => Val::Absent,
    })
}

/// The stages whose last success a member of `flow` is.
fn stages(member: Member) -> Option<&'static [Stage]> {
    Some(match member {
        Member::FlowC1 => &[Stage::C1],
        Member::FlowC2 => &[Stage::C2],
        Member::FlowP => &[Stage::P],
        Member::FlowB => &[Stage::B, Stage::BAfterP],
        Member::FlowCancel => &[Stage::OrderCancel],
        Member::FlowDelete => &[Stage::OrderDelete],
        Member::FlowQuoteDelete => &[Stage::OrderQuoteDelete],
        Member::FlowUpdate => &[Stage::ProposalUpdate],
        _ => return None,
    })
}

/// The item of a feed that a member of `flow` is.
fn feed_item(member: Member) -> Option<FeedItemKind> {
    Some(match member {
        Member::FlowFeed => FeedItemKind::Order,
        Member::FlowFeedBefore => FeedItemKind::OrderBefore,
        Member::FlowProposalsFeed => FeedItemKind::Proposal,
        Member::FlowProposalsFeedBefore => FeedItemKind::ProposalBefore,
        _ => return None,
    })
}

fn of_flow<'a>(flow: &'a Flow, member: Member, context: &RuleContext<'a>) -> Result<Val<'a>, EvalError> {
    let arena = context.arena;
    let asked = if member == Member::FlowQuote { Some(&[Stage::C1, Stage::C2][..]) } else { stages(member) };
    if let Some(asked) = asked {
        if flow.is_unknown(asked) {
            return Err(EvalError::unseen("the answer to an earlier call of this booking was not recorded"));
        }
        if context.side == Side::BookingSystem && flow.is_faulted(asked) {
            return Err(EvalError::unseen(FAULTED_BEFORE));
        }
    }
    let exchange = |parsed: Option<&'a ParsedExchange>| parsed.map_or(Val::Absent, Val::Exchange);
    Ok(match member {
        Member::FlowEarlier => arena.list(flow.earlier().map(Val::Exchange)),
        Member::FlowActions => arena.list(flow.actions().map(Val::Exchange)),
        Member::FlowQuote => exchange(flow.standing_quote()),
        Member::FlowComplete => Val::bool(flow.is_complete()),
        _ => match (stages(member), feed_item(member)) {
            (Some(stages), _) => exchange(flow.last_success(stages)),
            (None, Some(kind)) => arena.node(flow.feed_item(kind)),
            (None, None) => Val::Absent,
        },
    })
}

/// A member of the flow of an Order UUID that was not seen before.
fn of_no_flow(member: Member) -> Val<'static> {
    match member {
        Member::FlowEarlier | Member::FlowActions => Val::NO_LIST,
        Member::FlowComplete => Val::False,
        _ => Val::Absent,
    }
}

fn of_feed<'a>(parsed: &'a ParsedExchange, member: Member, context: &RuleContext<'a>) -> Result<Val<'a>, EvalError> {
    let RuleContext { arena, state, .. } = *context;
    let due = |is_certain| {
        let follows = state.history.knows(parsed);
        arena.list(state.due.of(parsed.stage, is_certain, follows).map(Val::Exchange))
    };
    Ok(match member {
        Member::FeedPrevious => known_reader(state.pages.previous(parsed), parsed)?,
        Member::FeedLast => known_reader(state.pages.last(parsed), parsed)?,
        Member::FeedKnownAddress => {
            let known = state.history.knows(parsed);
            if !known {
                callers::known_reader(parsed)?;
            }
            Val::bool(known)
        }
        Member::FeedDue => due(true),
        Member::FeedPerhapsDue => due(false),
        _ => Val::Absent,
    })
}

fn of_recording<'a>(member: Member, context: &RuleContext<'a>) -> Result<Val<'a>, EvalError> {
    let RuleContext { arena, state, parsed: judged, .. } = *context;
    let known = state.known();
    let payment = known.payment.as_ref();
    let exchange = |parsed: Option<&'a ParsedExchange>| parsed.map_or(Val::Absent, Val::Exchange);
    Ok(match member {
        Member::RecordingBaseUri => {
            state.advertised(&judged.exchange).map_or(Val::Absent, |uri| arena.text(&normal_url(uri)))
        }
        Member::RecordingRateLimited => {
            let rate_limited = state.retries.rate_limited(judged);
            if rate_limited.is_some() {
                callers::known_caller(judged)?;
            }
            exchange(rate_limited)
        }
        Member::RecordingFailed => arena.list(state.retries.failed().map(Val::Exchange)),
        Member::RecordingFailedSameOpportunity => {
            arena.list(state.retries.failed_same_opportunity(judged).map(Val::Exchange))
        }
        Member::RecordingUnansweredSameOpportunity => {
            arena.list(state.retries.unanswered_same_opportunity(judged).map(Val::Exchange))
        }
        Member::RecordingSentEmails => arena.list(state.sent_emails().map(|email| arena.str(email))),
        Member::RecordingExtensions => arena.texts(&known.extensions),
        Member::RecordingOrdersFeed => arena.maybe(known.orders_feed.as_deref()),
        Member::RecordingIsolated => Val::bool(known.isolated),
        Member::RecordingForeign => Val::bool(known.foreign),
        Member::RecordingGaps => Val::bool(state.has_gaps()),
        Member::RecordingStarted => state.started().map_or(Val::Absent, Val::Instant),
        Member::RecordingRecent => arena.list(state.recent().map(Val::Exchange)),
        Member::RecordingErrorNames => Val::Names(state.error_names()),
        Member::RecordingTaxModes => Val::Names(state.observed().tax_modes()),
        Member::RecordingIssuer => arena.maybe(state.access().issuer.as_deref()),
        Member::RecordingAskedScope => arena.maybe(state.access().asked_scope.as_deref()),
        Member::RecordingTokenAsked => Val::bool(state.access().token_asked),
        Member::RecordingCredentialsSeen => Val::bool(state.access().credentials_seen),
        Member::RecordingFirstBooking => exchange(state.first_booking()),
        Member::RecordingLastHarvest => exchange(state.last_harvest()),
        Member::RecordingPrefixes => known.prefixes.as_ref().map_or(Val::Absent, |prefixes| arena.texts(prefixes)),
        Member::RecordingPrepaymentStated => Val::bool(state.observed().prepayment_stated.is_some()),
        Member::RecordingPrepaymentOmitted => Val::bool(state.observed().prepayment_omitted.is_some()),
        Member::RecordingPaymentAgreed => Val::bool(payment.is_some()),
        Member::RecordingPaymentName => arena.maybe(payment.and_then(|payment| payment.name.as_deref())),
        Member::RecordingPaymentAccount => arena.maybe(payment.and_then(|payment| payment.account_id.as_deref())),
        Member::RecordingPaymentProvider => {
            arena.maybe(payment.and_then(|payment| payment.payment_provider_id.as_deref()))
        }
        Member::RecordingSellers => arena.texts(&known.sellers),
        Member::RecordingTokenSellers => arena.texts(&known.token_sellers),
        _ => Val::Absent,
    })
}

/// The earlier exchange in which a member of `flow` or `recording` was seen, if it is no exchange itself.
pub(crate) fn seen_in(operand: &Val<'_>, member: Member, context: &RuleContext<'_>) -> Option<ExchangeRef> {
    match (operand, member) {
        (Val::Flow(flow), _) => flow.as_ref()?.feed_item_seen_in(feed_item(member)?),
        (Val::Recording, Member::RecordingPrepaymentStated) => context.state.observed().prepayment_stated,
        (Val::Recording, Member::RecordingPrepaymentOmitted) => context.state.observed().prepayment_omitted,
        _ => None,
    }
}

fn of_call<'a>(parsed: &'a ParsedExchange, member: Member, arena: &'a Arena) -> Result<Val<'a>, EvalError> {
    let origin = || normal_origin(&parsed.exchange.origin);
    Ok(match member {
        Member::CallStage => arena.str(parsed.stage.as_str()),
        Member::CallUuid => arena.maybe(parsed.uuid_segment.as_deref()),
        Member::CallOrderUuid => arena.maybe(parsed.order_uuid.as_deref()),
        Member::CallEndpoint => arena.str(match parsed.endpoint {
            Endpoint::Known(_) => "known",
            Endpoint::WrongVerb(_) => "wrong-verb",
            Endpoint::UnknownPath => "unknown-path",
            Endpoint::Outside => "outside",
        }),
        Member::CallVerbs => match parsed.endpoint {
            Endpoint::Known(path) | Endpoint::WrongVerb(path) => arena.texts(path.verbs()),
            _ => Val::NO_LIST,
        },
        Member::CallOrigin => arena.text(&origin()),
        Member::CallScheme => arena.text(scheme_and_host(&origin()).0),
        Member::CallHost => arena.text(scheme_and_host(&origin()).1),
        // A doubled slash is the caller's; what the booking system builds of its Base URI has none.
        Member::CallBasePath => arena.text(&without_empty_segments(&parsed.base_path)),
        Member::CallLoopback => Val::bool(is_loopback(scheme_and_host(&origin()).1)),
        Member::CallStarted => arena.instant(booking_system_clock(parsed)),
        Member::CallRequestType => arena.maybe(parsed.stage.request_type()),
        Member::CallSpeaksBooking => {
            let content_type = field(&parsed.exchange.request.headers, "content-type", "request")?;
            Val::bool(content_type.is_some_and(media_type::is_booking))
        }
        _ => Val::Absent,
    })
}

/// A page that the reader of this one has seen, if it can be told who that is.
fn known_reader<'a>(page: Option<&'a ParsedExchange>, parsed: &ParsedExchange) -> Result<Val<'a>, EvalError> {
    let Some(page) = page else { return Ok(Val::Absent) };
    callers::known_reader(parsed)?;
    Ok(Val::Exchange(page))
}

/// Fields that may be given in several lines, which are one list then (RFC 9110 section 5.3).
const LISTS: [&str; 2] = ["accept", "cache-control"];

/// The value of a header field; of a list that was given in several lines all of it.
fn header<'a>(headers: &'a Headers, name: &str, whose: &str, arena: &'a Arena) -> Result<Val<'a>, EvalError> {
    let first = field(headers, name, whose)?;
    if LISTS.contains(&name) && headers.all(name).nth(1).is_some() {
        return Ok(arena.text(&headers.all(name).collect::<Vec<_>>().join(", ")));
    }
    Ok(arena.maybe(first))
}

/// A header field; unseen if the recording may have left it out.
fn field<'h>(headers: &'h Headers, name: &str, whose: &str) -> Result<Option<&'h str>, EvalError> {
    let found = headers.get(name);
    let in_part = || {
        // Browsers note the media type without its parameters where they don't note the field itself.
        let stripped = |value: &str| media_type::has_version(value) && !value.contains(';');
        name.eq_ignore_ascii_case("content-type") && headers.1 == OmittedFields::Unlisted && found.is_some_and(stripped)
    };
    if !headers.is_recorded(name) || in_part() {
        let what = if headers.1 == OmittedFields::Credentials { "credentials" } else { "header fields" };
        return Err(EvalError::unseen(format!("the {what} of the {whose} were not recorded")));
    }
    Ok(found)
}

/// Bytes of a body on the wire.
fn size<'a>(body: &Body, whose: &str) -> Result<Val<'a>, EvalError> {
    let length = body.known_length().ok_or_else(|| EvalError::unseen(format!("the {whose} body was not recorded")))?;
    Ok(Val::Int(length as i64))
}

/// True if the body, decoded, begins with U+FEFF in UTF-8 (RFC 8259 section 8.1).
fn begins_with_mark(body: &Body, headers: &Headers) -> bool {
    decode(&body.bytes, headers).is_ok_and(|bytes| bytes.starts_with("\u{feff}".as_bytes()))
}

/// What kind of content a message has, where that can be told.
fn content<'a>(content: &ParsedBody, of_request: bool, arena: &'a Arena) -> Result<Val<'a>, EvalError> {
    let kind = match content {
        ParsedBody::Empty => "empty",
        ParsedBody::Json(_) => "json",
        ParsedBody::NotJson(_) | ParsedBody::Opaque => "other",
        ParsedBody::Unreadable(_) => return body(content, of_request).map(|_| Val::Absent),
    };
    Ok(arena.str(kind))
}

/// When the request was made by the booking system's own clock: its Date header where that tells another time than ours
/// (a clock that is off, a recording that is played again), else ours, which is finer.
fn booking_system_clock(parsed: &ParsedExchange) -> Timestamp {
    const APART_SECONDS: i64 = 120;
    let ours = parsed.exchange.started;
    let date = parsed.exchange.response.as_ref().and_then(|response| response.headers.get("date"));
    let theirs = date.and_then(|date| jiff::fmt::rfc2822::parse(date).ok()).map(|date| date.timestamp());
    theirs.filter(|theirs| (theirs.as_second() - ours.as_second()).abs() > APART_SECONDS).unwrap_or(ours)
}

fn without_empty_segments(path: &str) -> String {
    path.split('/').filter(|segment| !segment.is_empty()).fold(String::new(), |path, segment| path + "/" + segment)
}

/// Scheme and host of an origin whose case is normal: it makes no difference (RFC 3986 section 6.2.2.1).
fn scheme_and_host(origin: &str) -> (&str, &str) {
    let (scheme, authority) = origin.split_once("://").unwrap_or(("", origin));
    (scheme, host(authority))
}

fn host(authority: &str) -> &str {
    match authority.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or(rest),
        None => authority.split(':').next().unwrap_or(authority),
    }
}

fn is_loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost")
        || host.to_ascii_lowercase().ends_with(".localhost")
        || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}
