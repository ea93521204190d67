//! What the resender reads of answers: their JSON, how long to wait, and whether the booking system gave them at all.
//!
//! `ClientResponse ─► JSON, Retry-After, Umpire's own problem`

use std::time::Duration;

use serde_json::Value as Json;

use super::request::PreparedRequest;
use crate::exchange::{Headers, decode};
use crate::http_client::ClientResponse;
use crate::json::Document;
use crate::judged::Judged;
use crate::shape::looks_like_json;

/// The bodies of a request and its answer, as far as they are JSON.
pub(super) fn contents(judged: &Judged, request: &PreparedRequest, answer: &ClientResponse) -> (Json, Json) {
    let json = |bytes: &[u8], headers: &Headers| -> Json {
        let content = decode(bytes, headers);
        content.ok().and_then(|content| serde_json::from_slice(&content).ok()).unwrap_or_default()
    };
    (json(&request.body, &judged.exchange.request.headers), json(&answer.body, &answer.headers))
}

/// The recorded answer, if it is JSON.
pub(super) fn recorded_answer(judged: &Judged) -> Option<Document> {
    let response = judged.exchange.response.as_ref()?;
    document(&response.body.bytes, &response.headers)
}

/// A body that is JSON.
pub(super) fn document(bytes: &[u8], headers: &Headers) -> Option<Document> {
    let content = decode(bytes, headers).ok()?;
    looks_like_json(&content).then(|| Document::parse(&content).ok()).flatten()
}

/// How long the booking system wants to be left alone.
pub(super) fn retry_after(headers: &Headers) -> Option<Duration> {
    let value = headers.get("retry-after")?.trim();
    if let Ok(seconds) = value.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let at = jiff::fmt::rfc2822::parse(value).ok()?.timestamp();
    Duration::try_from(at.duration_since(jiff::Timestamp::now())).ok()
}

/// What Umpire's own answer says, where the booking system gave none.
pub(super) fn unreachable_detail(answer: &ClientResponse) -> Option<String> {
    if !matches!(answer.status, 502 | 504) {
        return None;
    }
    let problem: Json = serde_json::from_slice(&answer.body).ok()?;
    let is_own = problem["type"].as_str()?.starts_with("urn:umpire:upstream");
    is_own.then(|| problem["detail"].as_str().unwrap_or("no answer").to_owned())
}
