//! Reports each link that leads past the proxy, once.
//!
//! ```text
//! answer ─► links to the booking system's own address ─┬─ said before, or rewritten ─► nothing
//!           (in its fields; to a GET in its body too)   └─ else ─► notice, with the remedy
//! ```
//!
//! Here, behind the wire and beside the judge, because it may take its time here, and because it is no rule: nobody is
//! at fault, but what goes past the proxy is neither recorded nor judged.

use std::collections::HashSet;

use crate::exchange::{BodyEnd, Exchange, Response};
use crate::links::{self, FoundLink, LinkMedia, Origin};

/// Most links that are said; further ones are not.
const MOST: usize = 50;

/// Largest body, as it was recorded, that is looked at.
const LARGEST: usize = 16 * 1024 * 1024;

/// Finds links in responses that lead past the proxy, and reports each once.
#[derive(Debug)]
pub(crate) struct BypassLinkDetector {
    origins: Vec<Origin>,
    rewriting: bool,
    /// Path of the answer, and place within it.
    said: HashSet<(String, String)>,
}

impl BypassLinkDetector {
    /// Watches for links of booking systems to themselves; `rewriting` if the proxy rewrites what it can.
    pub(crate) fn new<'u>(upstreams: impl Iterator<Item = &'u str>, rewriting: bool) -> Self {
        let origins = upstreams.filter_map(Origin::of).map(|(origin, _)| origin).collect();
        Self { origins, rewriting, said: HashSet::new() }
    }

    /// What there is to say of an exchange.
    pub(crate) fn look_at(&mut self, exchange: &Exchange) -> Vec<String> {
        let Some(response) = &exchange.response else { return Vec::new() };
        let origin = Origin::of(&exchange.origin).map(|(origin, _)| origin);
        let Some(origin) = origin.filter(|origin| self.said.len() < MOST && self.origins.contains(origin)) else {
            return Vec::new();
        };
        let fields = links::find_in_fields(&response.headers, &origin).into_iter().flat_map(|found| found.links);
        let found: Vec<FoundLink> = fields.chain(in_body(exchange, response, &origin)).collect();
        let mut notices = Vec::new();
        for link in found {
            if exchange.rewritten.iter().any(|rewritten| rewritten.at == link.at) {
                continue;
            }
            let remedy = if !self.rewriting {
                "Start the proxy with --rewrite-links, or let the booking system advertise the proxy's address"
            } else if link.at.starts_with('/') || link.at.starts_with("script") {
                "It could not be rewritten: only whole bodies up to 8 MiB are, and none marked no-transform"
            } else {
                "It could not be rewritten: the request named no host by which the broker knows the proxy"
            };
            notices.extend(self.notice(exchange, &link.at, &link.url, remedy));
        }
        if let Some(url) = links::elsewhere(&response.headers, &origin).filter(|_| redirects(response.status)) {
            let remedy = "If that is the booking system, name that address with --to";
            notices.extend(self.notice(exchange, "field Location", url, remedy));
        }
        notices
    }

    /// What to say of a link, if it was not said before.
    fn notice(&mut self, exchange: &Exchange, at: &str, url: &str, remedy: &str) -> Option<String> {
        // Of many alike in one list one is enough.
        let place = at.split('/').filter(|step| step.parse::<u32>().is_err()).collect::<Vec<_>>().join("/");
        let path = exchange.path();
        if self.said.len() >= MOST || !self.said.insert((path.to_owned(), place)) {
            return None;
        }
        // The query may be long, and is of no interest here.
        let url = url.split('?').next().unwrap_or_default();
        let method = &exchange.request.method;
        Some(format!(
            "{method} {path}: {at} leads past the proxy, to {url}; who follows it is not seen any more. {remedy}"
        ))
    }
}

/// The links in a body that a client may follow from there.
fn in_body(exchange: &Exchange, response: &Response, origin: &Origin) -> Vec<FoundLink> {
    let body = &response.body;
    if exchange.request.method != "GET" || body.end != BodyEnd::Complete || body.bytes.len() > LARGEST {
        return Vec::new();
    }
    let Some(media) = LinkMedia::of(&response.headers) else { return Vec::new() };
    // What can't be decoded is the judge's affair.
    body.content(&response.headers).map_or_else(|_| Vec::new(), |content| links::find(&content, media, origin))
}

fn redirects(status: u16) -> bool {
    (300..400).contains(&status)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exchange::{Body, Headers, Response, RewrittenLink, Version};

    fn page(target: &str, next: &str) -> Exchange {
        let json: Headers = [("content-type", "application/json")].into_iter().collect();
        Exchange {
            response: Some(Response {
                status: 200,
                reason: String::new(),
                version: Version::Http11,
                headers: json,
                body: Body::complete(format!(r#"{{"items":[],"next":"{next}"}}"#)),
            }),
            ..Exchange::get("https://up.example", target)
        }
    }

    #[test]
    fn each_is_said_once() {
        let mut watch = BypassLinkDetector::new(["https://up.example"].into_iter(), false);
        let said = watch.look_at(&page("/feed", "https://up.example/feed?a=1"));
        assert_eq!(said.len(), 1);
        for part in ["GET /feed: /next leads past the proxy, to https://up.example/feed;", "--rewrite-links"] {
            assert!(said[0].contains(part), "{}", said[0]);
        }
        assert!(watch.look_at(&page("/feed?a=1", "https://up.example/feed?a=2")).is_empty(), "another page of it");
        assert_eq!(watch.look_at(&page("/other", "https://up.example:443/other?a=1")).len(), 1);
        assert!(watch.look_at(&page("/third", "http://127.0.0.1:8080/third")).is_empty());
        let mut put = page("/fourth", "https://up.example/fourth");
        put.request.method = "PUT".into();
        assert!(watch.look_at(&put).is_empty());
    }

    #[test]
    fn what_was_rewritten_is_not_said_and_what_could_not_be_is() {
        let mut watch = BypassLinkDetector::new(["https://up.example"].into_iter(), true);
        let mut rewritten = page("/feed", "https://up.example/feed?a=1");
        rewritten.rewritten.push(RewrittenLink { at: "/next".into(), sent: String::new(), given: String::new() });
        assert!(watch.look_at(&rewritten).is_empty());
        let said = watch.look_at(&page("/feed", "https://up.example/feed?a=1"));
        assert!(said[0].contains("could not be rewritten"), "{}", said[0]);
    }

    #[test]
    fn fields_of_any_answer_are_looked_at() {
        let mut watch = BypassLinkDetector::new(["https://up.example"].into_iter(), false);
        let mut put = page("/orders/1?x=1", "/");
        let located = |put: &mut Exchange, status, location: &'static str| {
            put.request.method = "PUT".into();
            let response = put.response.as_mut().unwrap();
            response.headers = [("Location", location)].into_iter().collect();
            response.status = status;
        };
        located(&mut put, 201, "https://up.example/orders/1?token=x");
        let said = watch.look_at(&put);
        let expected = "PUT /orders/1: field Location leads past the proxy, to https://up.example/orders/1; ";
        assert!(said.len() == 1 && said[0].starts_with(expected), "{said:?}");
        assert!(watch.look_at(&put).is_empty(), "it was said");
        put.request.target = "/orders/2".into();
        located(&mut put, 201, "https://up.example:8443/orders/2");
        assert!(watch.look_at(&put).is_empty(), "no redirect, and not the address of this booking system");
        located(&mut put, 308, "https://up.example:8443/orders/2");
        let said = watch.look_at(&put);
        assert!(said.len() == 1 && said[0].ends_with("name that address with --to"), "{said:?}");
    }

    #[test]
    fn each_booking_system_has_its_own() {
        let mut watch = BypassLinkDetector::new(["https://up.example", "http://other.example"].into_iter(), false);
        let mut other = page("/feed", "http://other.example/feed?a=1");
        assert!(watch.look_at(&other).is_empty(), "a link to somebody else");
        other.origin = "http://other.example".into();
        assert_eq!(watch.look_at(&other).len(), 1);
        other.origin = "http://third.example".into();
        other.request.target = "/third".into();
        assert!(watch.look_at(&other).is_empty(), "it was intercepted: its links lead through the proxy as they are");
    }

    #[test]
    fn no_more_than_so_many() {
        let mut watch = BypassLinkDetector::new(["https://up.example"].into_iter(), false);
        let pages = (0..2 * MOST).map(|number| page(&format!("/{number}"), "https://up.example/x"));
        assert_eq!(pages.map(|page| watch.look_at(&page).len()).sum::<usize>(), MOST);
    }
}
