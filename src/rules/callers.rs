//! Who makes a call, as far as a recording shows it: secrets are fingerprints there, and equal ones mean equal secrets.
//!
//! `Authorization | API key → credential → the same caller, another one, or no telling`

use std::borrow::Cow;

use super::urls::parameter;
use super::value::Stop;
use crate::openbooking::Reading;

/// What other programs put in the place of every secret alike.
const PLACEHOLDER: &str = "REDACTED";

/// The credential of a request: `Authorization`, or else a header or parameter that is named like an API key.
pub fn credential(reading: &Reading) -> Option<Cow<'_, str>> {
    let request = &reading.exchange.request;
    if let Some(value) = request.headers.get("authorization").filter(|value| !value.trim().is_empty()) {
        return Some(Cow::Borrowed(value));
    }
    let header = request.headers.0.iter().find(|field| names_a_key(&field.name) && !field.value.is_empty());
    if let Some(field) = header {
        return Some(String::from_utf8_lossy(&field.value));
    }
    ["api_key", "apiKey", "apikey", "api-key", "access_token", "subscription-key"]
        .into_iter()
        .find_map(|name| parameter(&request.target, name))
        .map(Cow::Owned)
}

fn names_a_key(name: &str) -> bool {
    let name: String = name.chars().filter(char::is_ascii_alphabetic).collect::<String>().to_ascii_lowercase();
    ["apikey", "subscriptionkey", "authtoken", "accesstoken", "apitoken", "clientsecret"]
        .iter()
        .any(|key| name.contains(key))
}

/// True if two requests come from the same caller, false if not. A bearer token is renewed from time to time, and the
/// one for the feed is another than the one for bookings, so that different ones tell nothing.
pub fn same_caller(a: &Reading, b: &Reading) -> Result<bool, Stop> {
    let unseen = |why: &str| Err(Stop::Unseen(why.into()));
    match (credential(a), credential(b)) {
        (Some(a), Some(b)) if a == b => {
            if a.contains(PLACEHOLDER) {
                return unseen("the credentials were taken out of the recording");
            }
            Ok(true)
        }
        (Some(a), Some(b)) if is_bearer(&a) || is_bearer(&b) => {
            unseen("two different tokens may belong to the same booking partner")
        }
        (Some(_), Some(_)) => Ok(false),
        _ => unseen("a call without credentials has no caller"),
    }
}

fn is_bearer(credential: &str) -> bool {
    credential.get(..7).is_some_and(|scheme| scheme.eq_ignore_ascii_case("bearer "))
}
