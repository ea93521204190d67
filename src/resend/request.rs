//! One request, made of the recorded one.
//!
//! `recorded request ─► present path and values, credentials of the user ─► PreparedRequest`

use bytes::Bytes;

use super::carried::{CarriedValues, RecordedOrder};
use super::plan::body;
use super::substitutes::Substitutes;
use crate::exchange::secrets::{is_cookie_field, is_secret_field};
use crate::exchange::{Exchange, encode};
use crate::http_client::ClientRequest;

/// Header fields that belong to a connection or a client, and are never those of the recording.
const OWN_FIELDS: [&str; 12] = [
    "host",
    "content-length",
    "connection",
    "keep-alive",
    "proxy-connection",
    "proxy-authorization",
    "transfer-encoding",
    "te",
    "trailer",
    "upgrade",
    "expect",
    "http2-settings",
];

/// A request as it is sent.
pub(crate) type PreparedRequest = ClientRequest;

/// Which credentials a request is sent with.
#[derive(Clone, Copy)]
pub(super) struct SentCredentials<'g> {
    pub given: &'g Substitutes,
    /// From 1; 0 for none.
    pub caller: u16,
    /// True for a field that some request of the recording has.
    pub is_recorded: &'g dyn Fn(&str) -> bool,
}

/// Makes the request of a recorded exchange.
pub(super) fn prepare(
    recorded: &Exchange,
    order: RecordedOrder,
    carried: &CarriedValues,
    credentials: SentCredentials<'_>,
) -> PreparedRequest {
    let request = &recorded.request;
    PreparedRequest {
        method: request.method.clone(),
        target: carried.target(&request.target),
        headers: headers(recorded, credentials),
        body: content(recorded, order, carried, credentials.given),
    }
}

fn headers(recorded: &Exchange, credentials: SentCredentials<'_>) -> Vec<(String, Bytes)> {
    let SentCredentials { given, caller, is_recorded } = credentials;
    let mut headers: Vec<(String, Bytes)> = Vec::new();
    for field in &recorded.request.headers.0 {
        let name = field.name.to_ascii_lowercase();
        let is_dropped = OWN_FIELDS.contains(&&*name) || name.starts_with(':') || is_cookie_field(&name);
        if is_dropped || headers.iter().any(|(known, _)| *known == name) && given.header(caller.max(1), &name).is_some()
        {
            continue;
        }
        match given.header(caller.max(1), &name) {
            Some(value) => headers.push((name, value.clone())),
            // What is missing was looked for when the plan was made.
            None if is_secret_field(&name) => {}
            None => headers.push((name, field.value.clone())),
        }
    }
    let is_there = |headers: &[(String, Bytes)], name: &str| headers.iter().any(|(known, _)| known == name);
    let may_lack = |name: &str| !recorded.request.headers.is_recorded(name) || !is_recorded(name);
    let more: Vec<_> = given
        .headers(caller.max(1))
        .filter(|(name, _)| !is_there(&headers, name) && may_lack(name))
        .map(|(name, value)| (name.to_owned(), value.clone()))
        .collect();
    headers.extend(more);
    headers
}

fn content(recorded: &Exchange, order: RecordedOrder, carried: &CarriedValues, given: &Substitutes) -> Bytes {
    let request = &recorded.request;
    let unchanged = || request.body.bytes.clone();
    let text = match body(recorded) {
        Some(document) => carried.body(order, document.root(), |pointer| given.value(pointer)),
        None => match std::str::from_utf8(&request.body.bytes) {
            Ok(text) => return Bytes::from(carried.text(order, text).into_owned()),
            Err(_) => return unchanged(),
        },
    };
    let is_coded = request.headers.get("content-encoding").is_some();
    match (is_coded, encode(text.as_bytes(), &request.headers)) {
        (false, _) => Bytes::from(text),
        (true, Some(coded)) => Bytes::from(coded),
        (true, None) => unchanged(),
    }
}
