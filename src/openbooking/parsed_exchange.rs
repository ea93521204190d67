//! An exchange as the judge reads it: classified, both bodies decoded and parsed once, then only borrowed.

use std::sync::Arc;

use super::dataset_page::dataset;
use super::{
    BasePath, BookingFacts, ClassifiedCall, Endpoint, Stage, classify, is_below, is_test_interface, is_uuid, media_type,
};
use crate::exchange::{Body, BodyEnd, Exchange, Headers};
use crate::json::{Document, JsonError};

/// An exchange with everything that rules ask of it worked out once.
#[derive(Debug)]
pub struct ParsedExchange {
    /// 0-based index of the exchange within its recording.
    pub index: u64,
    /// The exchange itself.
    pub exchange: Arc<Exchange>,
    /// Stage.
    pub stage: Stage,
    /// Path and verb against the specification.
    pub endpoint: Endpoint,
    /// Path of the Base URI as this request shows it; empty for calls at unknown paths.
    pub base_path: String,
    /// The segment where the Order UUID stands, as it was written.
    pub uuid_segment: Option<String>,
    /// Order UUID in lower case; `None` if the segment is no UUID.
    pub order_uuid: Option<Arc<str>>,
    /// The request's content.
    pub request: ParsedBody,
    /// The response's content; [`ParsedBody::Empty`] where there was no response.
    pub response: ParsedBody,
}

/// The content of a message, as far as it can be read.
#[derive(Debug)]
pub enum ParsedBody {
    /// There is none. (Of one that broke off before anything of it passed, nobody knows: that is [`ParsedBody::Unreadable`].)
    Empty,
    /// JSON.
    Json(Document),
    /// Complete, but not JSON.
    NotJson(JsonError),
    /// Text or bytes that nobody expects to be JSON, and that were not parsed.
    Opaque,
    /// Can't be read, for this reason (truncated, broken off, undecodable, beyond the limits of `json`).
    Unreadable(String),
}

impl ParsedBody {
    /// The parsed document, if it is JSON.
    pub fn json(&self) -> Option<&Document> {
        match self {
            Self::Json(document) => Some(document),
            _ => None,
        }
    }

    fn read(body: &Body, headers: &Headers, always: bool) -> Self {
        match body.end {
            // Nothing passed, and it had ended.
            BodyEnd::Complete | BodyEnd::Truncated if body.is_empty() => return Self::Empty,
            BodyEnd::Truncated => {
                return Self::Unreadable("body was recorded only in part".to_owned());
            }
            BodyEnd::NotRecorded => return Self::Unreadable("body was not recorded".to_owned()),
            BodyEnd::Cancelled => return Self::Unreadable("body broke off before its end".to_owned()),
            BodyEnd::Complete => {}
        }
        // Whether it should be JSON can be told by what it is, where its header fields are not known.
        let says_json = headers.get("content-type").map_or(!headers.is_recorded("content-type"), media_type::is_json);
        let content = body.content(headers);
        let looks_like_json = || content.as_ref().is_ok_and(|content| content.trim_ascii_start().starts_with(b"{"));
        if !always && !says_json && !looks_like_json() {
            return Self::Opaque;
        }
        match content {
            Ok(bytes) => match Document::parse(&bytes) {
                Ok(document) => Self::Json(document),
                Err(error) if error.is_limit() => {
                    Self::Unreadable(format!("body is more than can be judged: {}", error.what))
                }
                Err(_) if !headers.is_recorded("content-encoding") && std::str::from_utf8(&bytes).is_err() => {
                    Self::Unreadable("body can't be read, as its content coding was not recorded".to_owned())
                }
                Err(_) if !always && headers.get("content-type").is_none_or(|kind| !media_type::is_json(kind)) => {
                    Self::Opaque
                }
                Err(error) => Self::NotJson(error),
            },
            Err(error) => Self::Unreadable(error.of_body().to_owned()),
        }
    }
}

impl ParsedExchange {
    /// What the answer says of its booking, or of those on its page of a feed.
    pub fn booking_facts(&self) -> Vec<BookingFacts> {
        let root = self.response.json().map(Document::root);
        root.map_or_else(Vec::new, |root| BookingFacts::of_answer(self.stage, self.order_uuid.as_ref(), root))
    }

    /// Classifies and parses an exchange. `base` is the Base URI that it goes by, if known.
    pub fn new(index: u64, exchange: Arc<Exchange>, base: Option<BasePath<'_>>) -> Self {
        let booking = |headers: &Headers| headers.get("content-type").is_some_and(media_type::is_booking);
        let sends_booking = booking(&exchange.request.headers);
        let speaks_booking = sends_booking
            || exchange.request.headers.all("accept").any(|accept| accept.contains(media_type::BOOKING))
            || exchange.response.as_ref().is_some_and(|response| booking(&response.headers));
        let known_base = base.map(|base| base.path).unwrap_or_default();
        // Many clients accept the booking media type wherever they call, and many servers send it with every error.
        let is_outside = base.is_some_and(|base| !base.is_above(exchange.path()));
        let says_booking = if is_outside { sends_booking } else { speaks_booking };
        let ClassifiedCall { mut endpoint, mut stage, base_path, uuid_segment } =
            classify(&exchange.request.method, exchange.path(), base.map(|base| base.path), says_booking);
        let (mut base_path, mut uuid_segment) = (base_path.to_owned(), uuid_segment.map(str::to_owned));
        let mut order_uuid =
            uuid_segment.as_deref().filter(|segment| is_uuid(segment)).map(|uuid| uuid.to_ascii_lowercase().into());
        let is_call = endpoint != Endpoint::Outside;
        let request = ParsedBody::read(&exchange.request.body, &exchange.request.headers, is_call);
        let response = exchange
            .response
            .as_ref()
            .map_or(ParsedBody::Empty, |response| ParsedBody::read(&response.body, &response.headers, is_call));
        if stage == Stage::B && completes_proposal(&request) {
            stage = Stage::BAfterP;
        }
        let mut response = response;
        let is_foreign = uuid_segment.is_some()
            && !(speaks_booking || is_linked_data(&request) || is_linked_data(&response))
            && is_foreign_call(&exchange, stage, order_uuid.is_some(), &request, known_base);
        if is_foreign {
            (endpoint, stage, base_path, uuid_segment, order_uuid) =
                (Endpoint::Outside, Stage::Other, String::new(), None, None);
        }
        if matches!(endpoint, Endpoint::Outside | Endpoint::UnknownPath) && exchange.request.method == "GET" {
            if is_feed_page(&response) || says_feed_page(&exchange) {
                // Whatever was accepted, and whatever the page says that it is.
                (endpoint, stage) = (Endpoint::Outside, Stage::OpportunityFeed);
            } else if endpoint == Endpoint::UnknownPath {
                // A call of the booking API, as its media type says.
            } else if is_empty_success(&exchange, known_base) {
                endpoint = Endpoint::UnknownPath;
            } else if let Some(dataset) = dataset_of(&exchange) {
                stage = Stage::DatasetSite;
                response = dataset;
            }
        }
        // Nobody reads it again.
        exchange.request.body.release_content();
        exchange.response.iter().for_each(|response| response.body.release_content());
        Self { index, exchange, stage, endpoint, base_path, uuid_segment, order_uuid, request, response }
    }

    /// Bytes of memory that keeping it takes, roughly.
    pub fn memory(&self) -> usize {
        let headers =
            |headers: &Headers| headers.0.iter().map(|field| 64 + field.name.len() + field.value.len()).sum::<usize>();
        let json = |content: &ParsedBody| content.json().map_or(0, Document::memory);
        let request = &self.exchange.request;
        let response = self.exchange.response.as_ref();
        let kept: usize =
            request.target.len() + request.body.bytes.len() + headers(&request.headers) + json(&self.request);
        1_024
            + kept
            + response.map_or(0, |response| response.body.bytes.len() + headers(&response.headers))
            + json(&self.response)
    }

    /// True for a B whose body can't be read, so that only the calls before it tell whether it completes a proposal.
    pub(crate) fn may_complete_proposal(&self) -> bool {
        self.stage == Stage::B && matches!(self.request, ParsedBody::Unreadable(_))
    }

    /// True if the recording doesn't hold what was answered: neither answer nor failure, or a success without its body.
    pub(crate) fn answer_is_unknown(&self) -> bool {
        match self.status() {
            None => self.exchange.failure.is_none(),
            Some(status) => (200..300).contains(&status) && matches!(self.response, ParsedBody::Unreadable(_)),
        }
    }

    /// True for a call of the booking API, mistaken calls included; false for open data and anything else.
    pub(crate) fn is_booking_call(&self) -> bool {
        self.endpoint != Endpoint::Outside
    }

    /// Status of the response, if there was one.
    pub fn status(&self) -> Option<u16> {
        self.exchange.response.as_ref().map(|response| response.status)
    }
}

/// B-after-P is told from B by the orderProposalVersion in its body.
fn completes_proposal(request: &ParsedBody) -> bool {
    request.json().is_some_and(|document| document.root().get("orderProposalVersion").is_some())
}

/// True for a call that another API of the same host has at such a path, or a page of the web. Nothing in it says that it is one
/// of the booking API.
fn is_foreign_call(
    exchange: &Exchange,
    stage: Stage,
    names_order: bool,
    request: &ParsedBody,
    known_base: &str,
) -> bool {
    let is_known = !known_base.is_empty();
    let may_be = match stage {
        Stage::OrderStatus => is_known || !names_order || is_html(exchange),
        // What has no content might be either.
        _ => is_known && request.json().is_some(),
    };
    may_be && !is_below(exchange.path(), known_base)
}

/// True for JSON that says of what type it is, as all messages of the booking API do.
fn is_linked_data(content: &ParsedBody) -> bool {
    content.json().is_some_and(|document| {
        let root = document.root();
        root.get("@type").is_some() || root.get("@context").is_some()
    })
}

/// True if the answer is a page of the web.
fn is_html(exchange: &Exchange) -> bool {
    let content_type = exchange.response.as_ref().and_then(|response| response.headers.get("content-type"));
    content_type.is_some_and(|value| value.starts_with("text/html"))
}

/// True for a GET below the Base URI that was answered as done and with nothing: neither open data nor a page of the web.
fn is_empty_success(exchange: &Exchange, base_path: &str) -> bool {
    let path = exchange.path();
    let is_empty = exchange.response.as_ref().is_some_and(|response| response.status == 204);
    is_empty && is_below(path, base_path) && !is_test_interface(path)
}

/// Open data is known by what it is, since its URLs are the publisher's own.
fn is_feed_page(content: &ParsedBody) -> bool {
    content.json().is_some_and(|document| {
        let page = document.root();
        page.get("items").is_some_and(crate::json::Value::is_array) && page.get("next").is_some()
    })
}

/// A page that is called one is one, even if it lacks what makes one.
fn says_feed_page(exchange: &Exchange) -> bool {
    let headers = exchange.response.as_ref().map(|response| &response.headers);
    headers.and_then(|headers| headers.get("content-type")).is_some_and(|kind| kind.contains("openactive.rpde+json"))
}

/// The Dataset of the dataset site, or why it can't be read; `None` for any other page.
fn dataset_of(exchange: &Exchange) -> Option<ParsedBody> {
    let response = exchange.response.as_ref()?;
    if !is_html(exchange) || response.body.end != BodyEnd::Complete {
        return None;
    }
    let page = response.body.content(&response.headers).ok()?;
    dataset(std::str::from_utf8(&page).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exchange::{Response, Version};

    const UUID: &str = "5b0b7f3e-6d1c-4f0a-9c52-7e1a4d90b6c3";

    /// What is made of a call with this content in both messages.
    fn parsed(method: &str, path: &str, content_type: &str, content: &str, base: Option<&str>) -> (Endpoint, Stage) {
        let mut exchange = Exchange::get("https://a.example", path);
        exchange.request.method = method.to_owned();
        let (reason, version) = ("OK".to_owned(), Version::Http11);
        let mut response = Response { status: 200, reason, version, headers: Headers::default(), body: Body::empty() };
        for (headers, body) in
            [(&mut exchange.request.headers, &mut exchange.request.body), (&mut response.headers, &mut response.body)]
        {
            headers.push("Content-Type", content_type.to_owned());
            *body = Body::complete(content.to_owned());
        }
        exchange.response = Some(response);
        let base = base.map(|path| BasePath { path, is_of_origin: true });
        let parsed = ParsedExchange::new(0, Arc::new(exchange), base);
        (parsed.endpoint, parsed.stage)
    }

    #[test]
    fn media_types_outside_the_base_uri_are_no_sign_of_a_call() {
        let endpoint = |method: &str, path: &str, [sent, accepted, answered]: [bool; 3], base: Option<BasePath<'_>>| {
            let mut exchange = Exchange::get("https://a.example", path);
            exchange.request.method = method.to_owned();
            let headers = &mut exchange.request.headers;
            for (name, _) in [("Content-Type", sent), ("Accept", accepted)].into_iter().filter(|(_, given)| *given) {
                headers.push(name, media_type::BOOKING_V1.to_owned());
            }
            let mut headers = Headers::default();
            if answered {
                headers.push("Content-Type", media_type::BOOKING_V1.to_owned());
            }
            let (reason, version) = ("Not Found".to_owned(), Version::Http11);
            exchange.response = Some(Response { status: 404, reason, version, headers, body: Body::empty() });
            ParsedExchange::new(0, Arc::new(exchange), base).endpoint
        };
        let (sent, accepted, answered) = ([true, false, false], [false, true, false], [false, false, true]);
        let base = |path, is_of_origin| Some(BasePath { path, is_of_origin });
        for signs in [accepted, answered] {
            assert_eq!(endpoint("GET", "/feeds/sessions", signs, base("/api", true)), Endpoint::Outside);
            assert_eq!(endpoint("POST", "/connect/token", signs, base("/api", true)), Endpoint::Outside);
            assert_eq!(endpoint("GET", "/sessions", signs, base("", false)), Endpoint::Outside);
            assert_eq!(endpoint("GET", "/api/sessions", signs, base("/api", false)), Endpoint::UnknownPath);
            assert_eq!(endpoint("GET", "/sessions", signs, base("", true)), Endpoint::UnknownPath);
            assert_eq!(endpoint("GET", "/api/sessions", signs, None), Endpoint::UnknownPath);
        }
        assert_eq!(endpoint("PUT", "/apy/ordres/1", sent, base("/api", true)), Endpoint::UnknownPath);
    }

    #[test]
    fn another_api_of_the_host_has_such_paths_too() {
        const JSON: &str = "application/json";
        let outside = (Endpoint::Outside, Stage::Other);
        let shop = format!("/shop/orders/{UUID}");
        assert_eq!(parsed("GET", "/shop/v2/orders/12345", JSON, "{\"id\": 1}", None), outside);
        assert_eq!(parsed("GET", &shop, "text/html; charset=utf-8", "<p>", None), outside);
        assert_eq!(parsed("PUT", &shop, JSON, "{\"id\": 1}", Some("/api")), outside);
        // What says that it is booked through the API is judged wherever it stands.
        assert_eq!(parsed("PUT", &shop, JSON, "{\"@type\": \"Order\"}", Some("/api")).1, Stage::B);
        assert_eq!(parsed("PUT", &shop, media_type::BOOKING_V1, "{}", Some("/api")).1, Stage::B);
        assert_eq!(parsed("GET", &shop, JSON, "{\"id\": 1}", None).1, Stage::OrderStatus);
        assert_eq!(parsed("GET", "/api/orders/12345", JSON, "{\"id\": 1}", Some("/api")).1, Stage::OrderStatus);
        assert_eq!(
            parsed("GET", &format!("/api/orders/{UUID}"), "text/html", "<p>", Some("/api")).1,
            Stage::OrderStatus
        );
        assert_eq!(parsed("DELETE", &shop, "text/plain", "", Some("/api")).1, Stage::OrderDelete);
        assert_eq!(parsed("PUT", &format!("/api/orders/{UUID}"), JSON, "{}", Some("/api")).1, Stage::B);
    }
}
