//! The members of what an expression looks at: `request.method`, `call.host`, `flow.earlier` and their like.

use jiff::Timestamp;

use super::arena::Arena;
use super::callers;
use super::context::{Context, FAULTED_BEFORE};
use super::eval::{answered, body};
use super::memory::Flow;
use super::urls::{normal_origin, normal_url};
use super::value::{Stop, Val};
use crate::exchange::{Body, Headers, Omitted, decode};
use crate::finding::Side;
use crate::openbooking::{Content, Endpoint, Reading, media_type};

/// A member of a value.
pub fn member<'a>(operand: Val<'a>, name: &str, context: &Context<'a>) -> Result<Val<'a>, Stop> {
    let Context { reading: judged, arena, memory, .. } = *context;
    Ok(match operand {
        Val::Json(..) => arena.node(operand.as_json().and_then(|value| value.get(name))),
        Val::Request(reading) => request_member(reading, name, arena)?,
        Val::Response(reading) => response_member(reading, name, arena)?,
        Val::RequestHeaders(reading) => arena.maybe(field(&reading.exchange.request.headers, name, "request")?),
        Val::ResponseHeaders(reading) => arena.maybe(field(&answered(reading)?.headers, name, "response")?),
        Val::Call(reading) => call_member(reading, name, arena)?,
        Val::Exchange(reading) => match name {
            "request" => Val::Request(reading),
            "response" => {
                context.check_answer(reading)?;
                Val::Response(reading)
            }
            "call" => Val::Call(reading),
            "stage" => arena.str(reading.stage.as_str()),
            "started" => Val::Instant(&reading.exchange.started),
            "answered" | "wrongly_refused" | "seconds_since_answer" if context.check_answer(reading).is_err() => {
                return context.check_answer(reading).map(|()| Val::Absent);
            }
            "answered" => match (&reading.exchange.response, &reading.exchange.failure) {
                (None, None) => return Err(Stop::unseen("the answer to an earlier call was not recorded")),
                (response, _) => Val::bool(response.is_some()),
            },
            "wrongly_refused" => Val::bool(memory.was_wrongly_refused(reading)),
            // Since the answer was there, or since there was none to be waited for any longer.
            "seconds_since_answer" => arena.seconds_between(reading.exchange.ended(), judged.exchange.started),
            "seconds_ago" => arena.seconds_between(reading.exchange.started, judged.exchange.started),
            _ => return Err(unknown("an exchange", name)),
        },
        Val::Flow(flow) => match flow {
            Some(flow) if flow.is_unknown(name) => {
                return Err(Stop::unseen("the answer to an earlier call of this booking was not recorded"));
            }
            Some(flow) if context.side == Side::BookingSystem && flow.is_faulted(name) => {
                return Err(Stop::unseen(FAULTED_BEFORE));
            }
            Some(flow) => flow.member(name, arena).ok_or_else(|| unknown("flow", name))?,
            None => Flow::member_of_none(name).ok_or_else(|| unknown("flow", name))?,
        },
        Val::Feed(reading) => match name {
            "previous" => known_reader(memory.pages.previous(reading), reading)?,
            "known_address" => {
                let known = memory.history.knows(reading);
                if !known {
                    callers::known_reader(reading)?;
                }
                Val::bool(known)
            }
            "due" => memory.due.of(reading.stage, true, memory.history.knows(reading), arena),
            "perhaps_due" => memory.due.of(reading.stage, false, memory.history.knows(reading), arena),
            "last" => known_reader(memory.pages.last(reading), reading)?,
            _ => return Err(unknown("feed", name)),
        },
        Val::Recording if name == "base_uri" => {
            let advertised = memory.advertised(&judged.exchange);
            advertised.map_or(Val::Absent, |uri| arena.text(&normal_url(uri)))
        }
        Val::Recording if name == "pushed_back" => {
            let pushed_back = memory.retries.pushed_back(judged);
            if pushed_back.is_some() {
                callers::known_caller(judged)?;
            }
            pushed_back.map_or(Val::Absent, Val::Exchange)
        }
        Val::Recording if name == "failed_alike" => arena.list(memory.retries.failed_alike(judged).map(Val::Exchange)),
        Val::Recording if name == "unanswered_same_opportunity" => {
            arena.list(memory.retries.unanswered_alike(judged).map(Val::Exchange))
        }
        Val::Recording => memory.member(name, arena).ok_or_else(|| unknown("recording", name))?,
        Val::Names(names) => arena.maybe(names.get(name).map(|(text, _)| &**text)),
        _ => Val::Absent,
    })
}

fn unknown(what: &str, name: &str) -> Stop {
    Stop::fault(format!("{what} has no member {name:?}"))
}

fn request_member<'a>(reading: &'a Reading, name: &str, arena: &'a Arena) -> Result<Val<'a>, Stop> {
    let request = &reading.exchange.request;
    Ok(match name {
        "method" => arena.str(&request.method),
        "path" => arena.str(reading.exchange.path()),
        "query" => arena.maybe(reading.exchange.query()),
        "url" => arena.text(&reading.exchange.url()),
        "headers" => Val::RequestHeaders(reading),
        "size" => size(&request.body, "request")?,
        "byte_order_mark" => Val::bool(begins_with_mark(&request.body, &request.headers)),
        "content" => content(&reading.request, true, arena)?,
        "body" => arena.node(body(&reading.request, true)?),
        _ => return Err(unknown("request", name)),
    })
}

fn response_member<'a>(reading: &'a Reading, name: &str, arena: &'a Arena) -> Result<Val<'a>, Stop> {
    let response = answered(reading)?;
    Ok(match name {
        "status" => Val::Int(i64::from(response.status)),
        "headers" => Val::ResponseHeaders(reading),
        "size" => size(&response.body, "response")?,
        "byte_order_mark" => Val::bool(begins_with_mark(&response.body, &response.headers)),
        "content" => content(&reading.response, false, arena)?,
        "body" => arena.node(body(&reading.response, false)?),
        _ => return Err(unknown("response", name)),
    })
}

/// A page that the reader of this one has seen, if it can be told who that is.
fn known_reader<'a>(page: Option<&'a Reading>, reading: &Reading) -> Result<Val<'a>, Stop> {
    let Some(page) = page else { return Ok(Val::Absent) };
    callers::known_reader(reading)?;
    Ok(Val::Exchange(page))
}

/// A header field; unseen if the recording may have left it out.
fn field<'h>(headers: &'h Headers, name: &str, whose: &str) -> Result<Option<&'h str>, Stop> {
    let found = headers.get(name);
    let in_part = || {
        // Browsers note the media type without its parameters where they don't note the field itself.
        let stripped = |value: &str| media_type::has_version(value) && !value.contains(';');
        name.eq_ignore_ascii_case("content-type") && headers.1 == Omitted::Unlisted && found.is_some_and(stripped)
    };
    if !headers.is_recorded(name) || in_part() {
        let what = if headers.1 == Omitted::Credentials { "credentials" } else { "header fields" };
        return Err(Stop::unseen(format!("the {what} of the {whose} were not recorded")));
    }
    Ok(found)
}

/// Bytes of a body on the wire.
fn size<'a>(body: &Body, whose: &str) -> Result<Val<'a>, Stop> {
    let length = body.known_length().ok_or_else(|| Stop::unseen(format!("the {whose} body was not recorded")))?;
    Ok(Val::Int(length as i64))
}

/// True if the body, decoded, begins with U+FEFF in UTF-8 (RFC 8259 section 8.1).
fn begins_with_mark(body: &Body, headers: &Headers) -> bool {
    decode(&body.bytes, headers).is_ok_and(|bytes| bytes.starts_with("\u{feff}".as_bytes()))
}

/// What kind of content a message has, where that can be told.
fn content<'a>(content: &Content, of_request: bool, arena: &'a Arena) -> Result<Val<'a>, Stop> {
    let kind = match content {
        Content::Empty => "empty",
        Content::Json(_) => "json",
        Content::NotJson(_) | Content::Opaque => "other",
        Content::Unreadable(_) => return body(content, of_request).map(|_| Val::Absent),
    };
    Ok(arena.str(kind))
}

fn call_member<'a>(reading: &'a Reading, name: &str, arena: &'a Arena) -> Result<Val<'a>, Stop> {
    Ok(match name {
        "stage" => arena.maybe(Some(reading.stage.as_str())),
        "uuid" => arena.maybe(reading.uuid_segment.as_deref()),
        "order_uuid" => arena.maybe(reading.order_uuid.as_deref()),
        "endpoint" => arena.maybe(Some(match reading.endpoint {
            Endpoint::Known(_) => "known",
            Endpoint::WrongVerb(_) => "wrong-verb",
            Endpoint::UnknownPath => "unknown-path",
            Endpoint::Outside => "outside",
        })),
        "verbs" => match reading.endpoint {
            Endpoint::Known(path) | Endpoint::WrongVerb(path) => arena.texts(path.verbs()),
            _ => Val::NO_LIST,
        },
        "origin" => arena.text(&normal_origin(&reading.exchange.origin)),
        "scheme" => arena.text(scheme_and_host(&normal_origin(&reading.exchange.origin)).0),
        "host" => arena.text(scheme_and_host(&normal_origin(&reading.exchange.origin)).1),
        // A doubled slash is the caller's; what the booking system builds of its Base URI has none.
        "base_path" => arena.text(&without_empty_segments(&reading.base_path)),
        "loopback" => Val::bool(is_loopback(scheme_and_host(&normal_origin(&reading.exchange.origin)).1)),
        "started" => arena.instant(booking_system_clock(reading)),
        "request_type" => arena.maybe(reading.stage.request_type()),
        "speaks_booking" => {
            let content_type = field(&reading.exchange.request.headers, "content-type", "request")?;
            Val::bool(content_type.is_some_and(media_type::is_booking))
        }
        _ => return Err(unknown("call", name)),
    })
}

/// When the request was made by the booking system's own clock: its Date header where that tells another time than ours
/// (a clock that is off, a recording that is played again), else ours, which is finer.
fn booking_system_clock(reading: &Reading) -> Timestamp {
    const APART_SECONDS: i64 = 120;
    let ours = reading.exchange.started;
    let date = reading.exchange.response.as_ref().and_then(|response| response.headers.get("date"));
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
