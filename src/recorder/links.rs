//! Says once of each link that it leads past the proxy.
//!
//! ```text
//! answer to a GET ─► links to the booking system's own address ─┬─ said before, or rewritten ─► nothing
//!                                                               └─ else ─► notice, with the remedy
//! ```
//!
//! Here, behind the wire and beside the judge, because it may take its time here, and because it is no rule: nobody is
//! at fault, but what goes past the proxy is neither recorded nor judged.

use std::collections::HashSet;

use crate::exchange::{BodyEnd, Exchange, decode};
use crate::links::{self, Media, Origin};

/// Most links that are said; further ones are not.
const MOST: usize = 50;

/// Largest body, as it was recorded, that is looked at.
const LARGEST: usize = 16 * 1024 * 1024;

/// See the module.
#[derive(Debug)]
pub struct LinkWatch {
    origin: Origin,
    rewriting: bool,
    /// Path of the answer, and place within it.
    said: HashSet<(String, String)>,
}

impl LinkWatch {
    /// Watches for links to the booking system at `base_uri`; `rewriting` if the proxy rewrites what it can. `None` if
    /// that is no URL.
    pub fn new(base_uri: &str, rewriting: bool) -> Option<Self> {
        Some(Self { origin: Origin::of(base_uri)?.0, rewriting, said: HashSet::new() })
    }

    /// What there is to say of an exchange.
    pub fn look_at(&mut self, exchange: &Exchange) -> Vec<String> {
        let Some(response) = &exchange.response else { return Vec::new() };
        let body = &response.body;
        if exchange.request.method != "GET"
            || body.end != BodyEnd::Complete
            || body.bytes.len() > LARGEST
            || self.said.len() >= MOST
        {
            return Vec::new();
        }
        let Some(media) = Media::of(&response.headers) else { return Vec::new() };
        // What can't be decoded is the judge's affair.
        let Ok(content) = decode(&body.bytes, &response.headers) else { return Vec::new() };
        let mut notices = Vec::new();
        for link in links::find(&content, media, &self.origin) {
            if exchange.rewritten.iter().any(|rewritten| rewritten.at == link.at) || self.said.len() >= MOST {
                continue;
            }
            // Of many alike in one list one is enough.
            let place = link.at.split('/').filter(|step| step.parse::<u32>().is_err()).collect::<Vec<_>>().join("/");
            if self.said.insert((exchange.path().to_owned(), place)) {
                notices.push(self.words(exchange.path(), &link.at, &link.url));
            }
        }
        notices
    }

    fn words(&self, path: &str, at: &str, url: &str) -> String {
        // The query may be long, and is of no interest here.
        let url = url.split('?').next().unwrap_or_default();
        let remedy = if self.rewriting {
            "It could not be rewritten: only whole bodies up to 8 MiB are, and none marked no-transform"
        } else {
            "Start the proxy with --rewrite-links, or let the booking system advertise the proxy's address"
        };
        format!("GET {path}: {at} leads past the proxy, to {url}; who follows it is not seen any more. {remedy}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exchange::{Body, Headers, Request, Response, Rewritten, Timing, Version};

    fn page(target: &str, next: &str) -> Exchange {
        let json: Headers = [("content-type", "application/json")].into_iter().collect();
        Exchange {
            id: 1,
            connection: 1,
            started: jiff::Timestamp::UNIX_EPOCH,
            origin: "https://up.example".into(),
            request: Request {
                method: "GET".into(),
                target: target.into(),
                version: Version::Http11,
                headers: Headers::default(),
                body: Body::empty(),
            },
            response: Some(Response {
                status: 200,
                reason: String::new(),
                version: Version::Http11,
                headers: json,
                body: Body::complete(format!(r#"{{"items":[],"next":"{next}"}}"#)),
            }),
            failure: None,
            rewritten: Vec::new(),
            timing: Timing::default(),
        }
    }

    #[test]
    fn each_is_said_once() {
        let mut watch = LinkWatch::new("https://up.example/api", false).unwrap();
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
        let mut watch = LinkWatch::new("https://up.example/api", true).unwrap();
        let mut rewritten = page("/feed", "https://up.example/feed?a=1");
        rewritten.rewritten.push(Rewritten { at: "/next".into(), sent: String::new(), given: String::new() });
        assert!(watch.look_at(&rewritten).is_empty());
        let said = watch.look_at(&page("/feed", "https://up.example/feed?a=1"));
        assert!(said[0].contains("could not be rewritten"), "{}", said[0]);
    }

    #[test]
    fn no_more_than_so_many() {
        let mut watch = LinkWatch::new("https://up.example", false).unwrap();
        let pages = (0..2 * MOST).map(|number| page(&format!("/{number}"), "https://up.example/x"));
        assert_eq!(pages.map(|page| watch.look_at(&page).len()).sum::<usize>(), MOST);
    }
}
