//! The booking system: can it be reached, who does it say it is, does it answer like one, and what time has it.
//!
//! `BaseUri ─► TCP (directly or through a proxy) ─► TLS, certificate ─► GET …/orders-rpde ─► status, body, Date`

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt, Limited};
use hyper::{Method, StatusCode};
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;
use rustls_pki_types::{CertificateDer, ServerName};
use tokio::time::Instant;
use tokio_rustls::TlsConnector;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::{CheckState, DoctorCheck};
use crate::exchange::Headers;
use crate::openbooking::media_type::BOOKING_V1;
use crate::proxy::BaseUri;
use crate::proxy::upstream::live::{
    Dialer, Peer, Timeouts, Trouble, UpstreamClient, UpstreamClientError, UpstreamConfig, no_connection, no_tls,
};
use crate::proxy::upstream::{OutboundRequest, Upstream, UpstreamResponse, empty_body};

/// Each step may take so long.
const PATIENCE: Duration = Duration::from_secs(10);

/// Most bytes of an answer that are looked at.
const MOST: usize = 256 * 1024;

/// A certificate that ends sooner is a warning.
const SOON: i64 = 14;

/// Clocks may differ by so much: the Date field has whole seconds.
const SKEW: i64 = 5;

/// All of it; ends with the first thing that keeps the rest from being looked at.
pub(crate) async fn examine(to: &BaseUri, reach: &UpstreamConfig) -> Vec<DoctorCheck> {
    let dialer = match Dialer::new(reach, PATIENCE) {
        Ok(dialer) => Arc::new(dialer),
        Err(error) => {
            return vec![DoctorCheck::new(
                "upstream",
                CheckState::Bad,
                error.to_string(),
                "correct the option that it names",
            )];
        }
    };
    let mut checks = vec![connection(to, &dialer).await];
    if checks[0].state == CheckState::Bad {
        return checks;
    }
    if to.is_tls() {
        let certificate = certificate(to, &dialer, reach).await;
        let usable = certificate.state != CheckState::Bad;
        checks.push(certificate);
        if !usable {
            return checks;
        }
    }
    checks.extend(answer(to, dialer).await);
    checks
}

async fn connection(to: &BaseUri, dialer: &Dialer) -> DoctorCheck {
    let scheme = if to.is_tls() { "https" } else { "http" };
    let deadline = Instant::now() + PATIENCE;
    let dialing = async {
        let proxy = |error: UpstreamClientError| Trouble { what: error.to_string(), remedy: "correct it".to_owned() };
        let via = dialer.via(scheme, to.host(), to.port()).map_err(proxy)?;
        let dialed = dialer.dial(to.host(), to.port(), via.as_ref(), to.is_tls(), deadline).await;
        dialed.map(|_| via.is_some()).map_err(|error| no_connection(&error, Peer::BookingSystem))
    };
    match tokio::time::timeout_at(deadline, dialing).await {
        Ok(Ok(false)) => DoctorCheck::good("upstream", format!("{} accepts connections", to.authority())),
        Ok(Ok(true)) => DoctorCheck::good("upstream", format!("{} is reached through a proxy", to.authority())),
        Ok(Err(Trouble { what, remedy })) => DoctorCheck::new(
            "upstream",
            CheckState::Bad,
            format!("{} can't be reached: {what}", to.authority()),
            remedy,
        ),
        Err(_) => DoctorCheck::new(
            "upstream",
            CheckState::Bad,
            format!("{} accepted no connection within {PATIENCE:?}", to.authority()),
            "check that it runs, and firewalls between; behind a company's proxy, name that with --upstream-proxy",
        ),
    }
}

/// How long a certificate still lasts, in words.
fn ends_in(days: i64) -> String {
    match days {
        ..0 => "it has ended".to_owned(),
        0 => "it ends today".to_owned(),
        1 => "it ends in 1 day".to_owned(),
        _ => format!("it ends in {days} days"),
    }
}

async fn certificate(to: &BaseUri, dialer: &Dialer, reach: &UpstreamConfig) -> DoctorCheck {
    match handshake(to, dialer).await {
        Ok(certificate) if reach.insecure => DoctorCheck::new(
            "certificate",
            CheckState::Warning,
            format!("not checked, because of --insecure-upstream; {}", words(&certificate)),
            "give the file of its authority, or the certificate itself, with --upstream-ca instead",
        ),
        Ok(certificate) => match left(&certificate) {
            Some(days) if days < SOON => {
                let found = format!("{}; {}", ends_in(days), words(&certificate));
                DoctorCheck::new(
                    "certificate",
                    CheckState::Warning,
                    found,
                    "the booking system should have it renewed now",
                )
            }
            _ => DoctorCheck::good("certificate", format!("trusted; {}", words(&certificate))),
        },
        Err(Trouble { what, remedy }) => {
            // Once more without checking: what it says of itself tells what to do.
            let unchecked = Dialer::new(&UpstreamConfig { insecure: true, ..reach.clone() }, PATIENCE);
            let seen = match &unchecked {
                Ok(dialer) => handshake(to, dialer).await.ok().map(|certificate| words(&certificate)),
                Err(_) => None,
            };
            let found = match seen {
                Some(words) => format!("not trusted: {what}; it is {words}"),
                None => format!("no TLS: {what}"),
            };
            DoctorCheck::new("certificate", CheckState::Bad, found, remedy)
        }
    }
}

/// The certificate that the booking system shows.
async fn handshake(to: &BaseUri, dialer: &Dialer) -> Result<CertificateDer<'static>, Trouble> {
    let other = |what: String| Trouble { what, remedy: "check --to and the options that it names".to_owned() };
    let deadline = Instant::now() + PATIENCE;
    let shaking = async {
        let name = ServerName::try_from(to.host().to_owned()).map_err(|error| other(error.to_string()))?;
        let via = dialer.via("https", to.host(), to.port()).map_err(|error| other(error.to_string()))?;
        let stream = dialer.dial(to.host(), to.port(), via.as_ref(), true, deadline).await;
        let stream = stream.map_err(|error| no_connection(&error, Peer::BookingSystem))?;
        let connector = TlsConnector::from(dialer.tls().map_err(|error| other(error.to_string()))?);
        let stream = connector.connect(name, stream).await.map_err(|error| no_tls(&error, Peer::BookingSystem))?;
        let (_, session) = stream.get_ref();
        let first = session.peer_certificates().and_then(|chain| chain.first());
        first
            .map(|certificate| certificate.clone().into_owned())
            .ok_or_else(|| other("it showed no certificate".to_owned()))
    };
    let late = || Trouble {
        what: format!("no handshake within {PATIENCE:?}"),
        remedy: "check that the port speaks https, and look into the booking system's log".to_owned(),
    };
    tokio::time::timeout_at(deadline, shaking).await.unwrap_or_else(|_| Err(late()))
}

/// Days until a certificate ends.
fn left(certificate: &CertificateDer<'_>) -> Option<i64> {
    let (_, parsed) = X509Certificate::from_der(certificate).ok()?;
    Some((parsed.validity().not_after.timestamp() - Timestamp::now().as_second()) / 86_400)
}

fn words(certificate: &CertificateDer<'_>) -> String {
    let Ok((_, parsed)) = X509Certificate::from_der(certificate) else { return "it can't be read".to_owned() };
    let until = Timestamp::from_second(parsed.validity().not_after.timestamp())
        .map_or_else(|_| "?".to_owned(), |until| until.strftime("%Y-%m-%d").to_string());
    let mut names = Vec::new();
    if let Ok(Some(all)) = parsed.subject_alternative_name() {
        for name in &all.value.general_names {
            match name {
                GeneralName::DNSName(name) => names.push((*name).to_owned()),
                GeneralName::IPAddress(bytes) => names.extend(address(bytes)),
                _ => {}
            }
        }
    } else {
        let common = parsed.subject().iter_common_name().filter_map(|name| name.as_str().ok());
        names.extend(common.map(|name| format!("{name} (its common name)")));
    }
    let more = names.len().saturating_sub(4);
    names.truncate(4);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("for {}{more}, until {until}, by {}", names.join(", "), parsed.issuer())
}

fn address(bytes: &[u8]) -> Option<String> {
    let v4 = <[u8; 4]>::try_from(bytes).map(|bytes| IpAddr::from(bytes).to_string());
    v4.or_else(|_| <[u8; 16]>::try_from(bytes).map(|bytes| IpAddr::from(bytes).to_string())).ok()
}

/// Asks for the Orders feed, and looks at the answer and its clock.
async fn answer(to: &BaseUri, dialer: Arc<Dialer>) -> Vec<DoctorCheck> {
    let timeouts = Timeouts { connect: PATIENCE, head: PATIENCE };
    let target = format!("{}/orders-rpde", to.path());
    let asking = async {
        let live = UpstreamClient::dialing(to, dialer, timeouts).map_err(|error| error.to_string())?;
        let headers = [("Accept", BOOKING_V1)].into_iter().collect();
        let request = OutboundRequest::new(Method::GET, target.as_str(), headers, empty_body());
        let before = Timestamp::now();
        let response = live.send(request).await.map_err(|error| error.to_string())?;
        Ok::<_, String>((before, Timestamp::now(), read(response).await))
    };
    let (before, after, response) = match tokio::time::timeout(2 * PATIENCE, asking).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(error)) => {
            return vec![DoctorCheck::new("api", CheckState::Bad, error, "look into the booking system's log")];
        }
        Err(_) => {
            let found = format!("GET {target}: no answer within {:?}", 2 * PATIENCE);
            return vec![DoctorCheck::new("api", CheckState::Bad, found, "look into the booking system's log")];
        }
    };
    vec![api(&target, &response), clock(&response, before, after)]
}

/// A response whose body was read, up to [`MOST`] bytes of it.
struct CollectedResponse {
    status: StatusCode,
    headers: Arc<Headers>,
    body: Vec<u8>,
}

/// Reads the body of a response.
async fn read(response: UpstreamResponse) -> CollectedResponse {
    let body = Limited::new(response.body, MOST).collect().await.map(|body| body.to_bytes().to_vec());
    CollectedResponse { status: response.status, headers: response.headers, body: body.unwrap_or_default() }
}

fn api(target: &str, response: &CollectedResponse) -> DoctorCheck {
    let status = response.status;
    let json: Option<serde_json::Value> = serde_json::from_slice(&response.body).ok();
    let field = |name: &str| json.as_ref().and_then(|json| json.get(name));
    let kind = field("@type").or_else(|| field("type")).and_then(|kind| kind.as_str()).unwrap_or_default();
    let media = response.headers.get("content-type").unwrap_or("no content type");
    let found = format!("GET {target}: {status}, {media}");
    match status.as_u16() {
        200 if field("next").is_some() && field("items").is_some() => {
            DoctorCheck::good("api", format!("{found}: an Orders feed"))
        }
        401 | 403 if kind.ends_with("Error") => {
            DoctorCheck::good("api", format!("{found}: {kind}, as it should be without credentials"))
        }
        401 | 403 => DoctorCheck::new(
            "api",
            CheckState::Warning,
            format!("{found}: refused, but not with an OpenBookingError"),
            "it may be the API behind another guard; the specification wants an OpenBookingError in the body",
        ),
        404 if kind.ends_with("Error") => DoctorCheck::new(
            "api",
            CheckState::Warning,
            format!("{found}: {kind}"),
            "an Open Booking API without an Orders feed here: compare --to with endpointUrl of the dataset site",
        ),
        200..=299 => DoctorCheck::new(
            "api",
            CheckState::Warning,
            format!("{found}: not an Orders feed"),
            "compare --to with endpointUrl of the dataset site: it must be the Base URI, without a further path",
        ),
        300..=399 => DoctorCheck::new(
            "api",
            CheckState::Warning,
            format!("{found}: it sends elsewhere"),
            "name in --to where it sends to: brokers don't follow redirects of bookings",
        ),
        500..=599 => DoctorCheck::new("api", CheckState::Bad, found, "look into the booking system's log"),
        _ => DoctorCheck::new(
            "api",
            CheckState::Warning,
            format!("{found}: that is not how an Open Booking API answers"),
            "compare --to with endpointUrl of the dataset site: scheme, host and the whole path",
        ),
    }
}

/// Compares clocks: the answer was made between `before` and `after`.
fn clock(response: &CollectedResponse, before: Timestamp, after: Timestamp) -> DoctorCheck {
    let date = response.headers.get("date");
    let Some(date) = date.and_then(|date| DateTimeParser::new().parse_timestamp(date).ok()) else {
        let advice = "times in its messages are judged by this machine's clock alone; a server should send Date";
        return DoctorCheck::new("clock", CheckState::Warning, "the answer has no usable Date", advice);
    };
    let off = if date < before {
        date.as_second() - before.as_second()
    } else if date > after {
        date.as_second() - after.as_second()
    } else {
        0
    };
    if off.abs() <= SKEW {
        return DoctorCheck::good("clock", "this machine and the booking system have the same time");
    }
    let side = if off > 0 { "ahead of" } else { "behind" };
    let found = format!("the booking system's clock is {} s {side} this machine's", off.abs());
    let advice = "set the wrong one by NTP: leases, start dates and certificates depend on it";
    DoctorCheck::new("clock", CheckState::Warning, found, advice)
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;

    fn response(status: u16, body: &str) -> CollectedResponse {
        let headers: Headers = [("Content-Type", "application/json")].into_iter().collect();
        CollectedResponse { status: StatusCode::from_u16(status).unwrap(), headers: headers.into(), body: body.into() }
    }

    #[test]
    fn days_are_counted_in_words() {
        let words = [-1, 0, 1, 2].map(ends_in);
        assert_eq!(words, ["it has ended", "it ends today", "it ends in 1 day", "it ends in 2 days"]);
    }

    #[test]
    fn what_answers_like_an_open_booking_api() {
        for (status, body, state) in [
            (200, r#"{"next":"x","items":[]}"#, CheckState::Good),
            (401, r#"{"@type":"UnauthenticatedError"}"#, CheckState::Good),
            (403, r#"{"@type":"UnauthorizedError"}"#, CheckState::Good),
            (401, "<html>", CheckState::Warning),
            (200, "<html>", CheckState::Warning),
            (404, r#"{"@type":"NotFoundError"}"#, CheckState::Warning),
            (404, "", CheckState::Warning),
            (302, "", CheckState::Warning),
            (500, "", CheckState::Bad),
        ] {
            let check = api("/orders-rpde", &response(status, body));
            assert_eq!(check.state, state, "{status} {body}: {check:?}");
        }
    }

    #[test]
    fn clocks_are_compared() {
        let now = Timestamp::now();
        let dated = |off: i64| {
            let mut response = response(200, "");
            let date = now + SignedDuration::from_secs(off);
            let date = date.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
            Arc::make_mut(&mut response.headers).push("Date", date);
            clock(&response, now, now)
        };
        assert_eq!(dated(0).state, CheckState::Good);
        assert_eq!(dated(-4).state, CheckState::Good);
        assert!(
            dated(-90).found.contains("90 s behind") && dated(-90).state == CheckState::Warning,
            "{:?}",
            dated(-90)
        );
        assert!(dated(300).found.contains("ahead of"), "{:?}", dated(300));
        assert_eq!(clock(&response(200, ""), now, now).state, CheckState::Warning);
    }
}
