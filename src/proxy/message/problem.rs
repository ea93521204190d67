//! Umpire's own answers: problem details (RFC 9457) that can't be mistaken for the booking system's.
//!
//! `UpstreamError → 502 or 504 (400 or 408 where the request failed), application/problem+json, "Umpire …"`

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue, PROXY_AUTHENTICATE};
use hyper::{Method, Response, StatusCode};
use serde_json::json;

use crate::exchange::FailureKind;
use crate::proxy::message::head::{FramingError, HeadError};
use crate::proxy::upstream::{UpstreamError, WireBody};

/// The answer to a request that got none from the booking system.
pub(crate) fn no_answer(error: &UpstreamError) -> Response<WireBody> {
    let (status, kind, title, advice) = match error.kind {
        FailureKind::Unreachable => (
            StatusCode::BAD_GATEWAY,
            "upstream-unreachable",
            "Umpire could not reach the booking system",
            // The cause says what to do: that depends on it, and on who named the host.
            "",
        ),
        FailureKind::TimedOut => (
            StatusCode::GATEWAY_TIMEOUT,
            "upstream-timed-out",
            "Umpire got no answer from the booking system in time",
            "Look into the booking system's log for this request; it may still be at work on it.",
        ),
        FailureKind::BadRequest => (
            StatusCode::BAD_REQUEST,
            "bad-request",
            "Umpire could not read the request",
            // The cause says what of it has gone to the booking system.
            "",
        ),
        FailureKind::ClientGone => {
            (StatusCode::REQUEST_TIMEOUT, "request-timed-out", "Umpire stopped waiting for the request", "")
        }
        FailureKind::NoReplay => (
            StatusCode::BAD_GATEWAY,
            "no-replay",
            "Umpire stands in for the booking system, and has no recorded answer to this request",
            "Record this request as well, or start umpire replay with --lenient to be given the nearest answer.",
        ),
        FailureKind::BrokenOff | FailureKind::Stopped | FailureKind::NoHandshake | FailureKind::Fault => (
            StatusCode::BAD_GATEWAY,
            "upstream-broken-off",
            "Umpire got no usable answer from the booking system",
            "Look into the booking system's log for this request; it may have been carried out.",
        ),
    };
    let detail = if advice.is_empty() { format!("{}.", error.detail) } else { format!("{}. {advice}", error.detail) };
    problem(status, kind, title, &detail)
}

/// The answer to a request that can't be read.
pub(crate) fn bad_request(error: &HeadError) -> Response<WireBody> {
    let status = match error {
        HeadError::TooLarge(_) => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
        HeadError::LineTooLong(_) => StatusCode::URI_TOO_LONG,
        HeadError::Version => StatusCode::HTTP_VERSION_NOT_SUPPORTED,
        HeadError::Framing(FramingError::UnknownCoding) => StatusCode::NOT_IMPLEMENTED,
        HeadError::Malformed(_) | HeadError::Target(_) | HeadError::Host(_) | HeadError::Framing(_) => {
            StatusCode::BAD_REQUEST
        }
    };
    problem(status, "bad-request", "Umpire could not read the request", &error.to_string())
}

/// The answer to a request that took too long to arrive.
pub(crate) fn slow_request() -> Response<WireBody> {
    let detail = "The request's head did not arrive in time.";
    problem(StatusCode::REQUEST_TIMEOUT, "request-timed-out", "Umpire stopped waiting for the request", detail)
}

/// The answer to TRACE or OPTIONS that were not to go past Umpire (RFC 9110 section 7.6.2).
pub(crate) fn last_hop(method: &Method) -> Response<WireBody> {
    if method == Method::OPTIONS {
        let mut response = Response::new(Full::new(Bytes::new()).map_err(|never| match never {}).boxed());
        *response.status_mut() = StatusCode::NO_CONTENT;
        return response;
    }
    // Sending a request back shows its secrets to whoever asked for it.
    let detail = "Max-Forwards is 0, so that it is for Umpire to answer, which does not send requests back.";
    problem(StatusCode::NOT_IMPLEMENTED, "no-trace", "Umpire does not answer TRACE", detail)
}

/// The answer to CONNECT.
pub(crate) fn no_tunnel() -> Response<WireBody> {
    let detail = "This is a reverse proxy: give the broker its address as the booking system's base URI instead of \
                  configuring it as an HTTP proxy, or start umpire with --intercept HOST.";
    problem(StatusCode::METHOD_NOT_ALLOWED, "no-tunnel", "Umpire does not tunnel", detail)
}

/// The answer of a forward proxy to a request that is meant for itself.
pub(crate) fn not_a_server() -> Response<WireBody> {
    let detail = "This is Umpire's forward proxy: there is nothing to fetch from it. Set it as HTTP_PROXY and HTTPS_PROXY \
                  of your client, and ask for the booking system's own URL.";
    problem(StatusCode::MISDIRECTED_REQUEST, "not-a-server", "Umpire is a proxy here, not a server", detail)
}

/// The answer of a forward proxy to a request without the right credentials.
pub(crate) fn credentials_wanted() -> Response<WireBody> {
    let detail =
        "Give the client the user name and password that Umpire was started with: http://USER:PASSWORD@HOST:PORT.";
    let mut response = problem(
        StatusCode::PROXY_AUTHENTICATION_REQUIRED,
        "credentials-wanted",
        "Umpire wants credentials for its forward proxy",
        detail,
    );
    let challenge = HeaderValue::from_static("Basic realm=\"Umpire\", charset=\"UTF-8\"");
    response.headers_mut().insert(PROXY_AUTHENTICATE, challenge);
    response
}

/// The answer of a forward proxy to a target that can't be one.
pub(crate) fn bad_target(why: &str) -> Response<WireBody> {
    problem(StatusCode::BAD_REQUEST, "bad-target", "Umpire can't tell where this request is to go", why)
}

/// The answer of a forward proxy where a host can't be reached.
pub(crate) fn host_unreachable(why: &str) -> Response<WireBody> {
    problem(StatusCode::BAD_GATEWAY, "upstream-unreachable", "Umpire could not reach the host", why)
}

/// The answer of a forward proxy to a client of another machine where a host can't be reached. It is the same whatever
/// the reason: else it would tell what listens on this machine, and which names it knows.
pub(crate) fn unreachable_without_reason(authority: &str) -> Response<WireBody> {
    host_unreachable(&format!(
        "No connection could be made to {authority}. Umpire's screen says why to whoever runs it: clients of \
         other machines are not told it, nor let through to the loopback and link-local addresses of Umpire's machine."
    ))
}

/// The answer to a request for a host that nobody stands in for, where no connection is made.
pub(crate) fn not_intercepted(authority: &str) -> Response<WireBody> {
    let detail = format!(
        "A recording stands in for the hosts that are intercepted, and no connection is made to any other. Name {authority} \
         with --intercept if the recording is to answer for it, or have the client not use this proxy for it (NO_PROXY)."
    );
    problem(StatusCode::BAD_GATEWAY, "not-intercepted", "Umpire connects to nothing", &detail)
}

fn problem(status: StatusCode, kind: &str, title: &str, detail: &str) -> Response<WireBody> {
    let content = json!({
        "type": format!("urn:umpire:{kind}"),
        "title": title,
        "status": status.as_u16(),
        "detail": detail,
    });
    let body = Full::new(Bytes::from(content.to_string())).map_err(|never| match never {}).boxed();
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_answer_of_umpire_says_so() {
        for (kind, status) in
            [(FailureKind::Unreachable, 502), (FailureKind::TimedOut, 504), (FailureKind::BrokenOff, 502)]
        {
            let error = UpstreamError { kind, detail: "cannot connect to example.com:1".into() };
            let response = no_answer(&error);
            assert_eq!(response.status(), status);
            assert_eq!(response.headers()["content-type"], "application/problem+json");
            let body = response.into_body().collect().await.unwrap().to_bytes();
            let problem: serde_json::Value = serde_json::from_slice(&body).unwrap();
            assert!(problem["title"].as_str().unwrap().starts_with("Umpire"));
            assert_eq!(problem["status"], status);
            let detail = problem["detail"].as_str().unwrap();
            assert!(detail.starts_with("cannot connect to example.com:1."), "{detail}");
            assert_eq!(
                detail.len() > 40,
                kind != FailureKind::Unreachable,
                "the cause itself says what to do: {detail}"
            );
        }
    }
}
