//! Which Base URI an exchange goes by, where a recording has several booking systems in it.
//!
//! ```text
//! named beforehand, or advertised by dataset sites ─► BaseUriResolver ─► exchange ─► by its origin, then by its path
//! ```

use crate::exchange::Exchange;
use crate::openbooking::BasePath;

/// Most Base URIs that are learnt from dataset sites; further ones are not.
const MOST: usize = 64;

/// The Base URIs that are known, and which one an exchange goes by.
#[derive(Debug, Default)]
pub(crate) struct BaseUriResolver {
    known: Vec<KnownBaseUri>,
    /// They were named, not learnt.
    named: bool,
    advertised: Vec<AdvertisedUri>,
}

#[derive(Debug, PartialEq, Eq)]
struct KnownBaseUri {
    /// In lower case.
    origin: String,
    /// Without query and trailing slash.
    path: String,
}

#[derive(Debug)]
struct AdvertisedUri {
    /// Origin of the dataset site.
    site: String,
    uri: String,
    /// Origin of the URI.
    origin: String,
}

impl BaseUriResolver {
    /// Those that were named beforehand, the first one first.
    pub(crate) fn new<'u>(named: impl Iterator<Item = &'u str>) -> Self {
        let known: Vec<KnownBaseUri> = named.map(KnownBaseUri::of).collect();
        Self { named: !known.is_empty(), known, advertised: Vec::new() }
    }

    /// Path of the Base URI that an exchange goes by. If there is only one, all do: recordings may have been made at other
    /// addresses. `None` if none is known, or none of several that were named fits.
    pub(crate) fn path(&self, exchange: &Exchange) -> Option<BasePath<'_>> {
        let of_origin = || self.known.iter().filter(|base| base.origin.eq_ignore_ascii_case(&exchange.origin));
        let above = of_origin().filter(|base| base.is_above(exchange.path())).max_by_key(|base| base.path.len());
        let any = || self.known.first().filter(|_| self.known.len() == 1 || !self.named);
        above
            .or_else(|| of_origin().next())
            .or_else(any)
            .map(|base| BasePath { path: &base.path, is_of_origin: base.is_at(&exchange.origin) })
    }

    /// The Base URI that the dataset site of the exchange's booking system advertised; if there is only one booking
    /// system, whatever dataset site there was.
    pub(crate) fn advertised(&self, exchange: &Exchange) -> Option<&str> {
        let near = |one: &&AdvertisedUri| {
            [&one.site, &one.origin].into_iter().any(|origin| origin.eq_ignore_ascii_case(&exchange.origin))
        };
        let near = self.advertised.iter().rfind(near);
        let any = || self.advertised.last().filter(|_| self.known.len() <= 1);
        near.or_else(any).map(|one| one.uri.as_str())
    }

    /// A dataset site advertised a Base URI. Where none was named beforehand it becomes known by that.
    pub(crate) fn learn(&mut self, site: &Exchange, uri: &str) {
        let base = KnownBaseUri::of(uri);
        let origin = base.origin.clone();
        self.advertised.retain(|one| !(one.site.eq_ignore_ascii_case(&site.origin) && one.origin == origin));
        if self.advertised.len() >= MOST {
            return;
        }
        self.advertised.push(AdvertisedUri { site: site.origin.clone(), uri: uri.to_owned(), origin });
        if !self.named && !self.known.contains(&base) && self.known.len() < MOST {
            self.known.push(base);
        }
    }
}

impl KnownBaseUri {
    fn of(uri: &str) -> Self {
        let start = uri.find("://").map_or(0, |at| at + 3);
        let end = uri[start..].find('/').map_or(uri.len(), |slash| start + slash);
        let path = uri[end..].split(['?', '#']).next().unwrap_or_default().trim_end_matches('/');
        Self { origin: uri[..end].to_ascii_lowercase(), path: path.to_owned() }
    }

    /// True if that origin has the base's host and port, with TLS or without.
    fn is_at(&self, origin: &str) -> bool {
        let authority = |origin: &str| origin.split_once("://").map_or(origin, |(_, rest)| rest).to_ascii_lowercase();
        authority(&self.origin) == authority(origin)
    }

    /// True if that path is the base's own or below it.
    fn is_above(&self, path: &str) -> bool {
        path.strip_prefix(self.path.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exchange(origin: &str, target: &str) -> Exchange {
        Exchange::get(origin, target)
    }

    fn path<'b>(bases: &'b BaseUriResolver, exchange: &Exchange) -> Option<&'b str> {
        bases.path(exchange).map(|base| base.path)
    }

    #[test]
    fn one_holds_for_all() {
        let bases = BaseUriResolver::new(["https://a.example/api/"].into_iter());
        assert_eq!(path(&bases, &exchange("http://127.0.0.1:8080", "/x")), Some("/api"));
        assert_eq!(path(&BaseUriResolver::default(), &exchange("https://a.example", "/x")), None);
    }

    #[test]
    fn hosts_are_told_from_that_of_the_base_uri() {
        let bases = BaseUriResolver::new(["https://a.example/api"].into_iter());
        for (origin, wanted) in
            [("https://A.example", true), ("http://a.example", true), ("https://feeds.a.example", false)]
        {
            assert_eq!(bases.path(&exchange(origin, "/x")).map(|base| base.is_of_origin), Some(wanted), "{origin}");
        }
    }

    #[test]
    fn of_several_the_one_that_it_came_through() {
        let named =
            ["https://a.example/api", "https://A.example/api/two", "http://b.example:81", "https://c.example/c"];
        let bases = BaseUriResolver::new(named.into_iter());
        for (origin, target, expected) in [
            ("https://a.example", "/api/orders/1?x", Some("/api")),
            ("https://a.example", "/api/two/orders/1", Some("/api/two")),
            ("https://a.example", "/api/twofold", Some("/api")),
            ("https://a.example", "/feeds", Some("/api")),
            ("http://b.example:81", "/orders/1", Some("")),
            ("https://c.example", "/c", Some("/c")),
            ("https://d.example", "/c", None),
        ] {
            assert_eq!(path(&bases, &exchange(origin, target)), expected, "{origin}{target}");
        }
    }

    #[test]
    fn what_dataset_sites_advertise_holds_for_their_own() {
        let (a, b) = (exchange("https://a.example", "/openactive"), exchange("https://b.example", "/openactive"));
        let call = exchange("https://api.b.example", "/b/orders/1");
        let mut bases = BaseUriResolver::default();
        bases.learn(&a, "https://a.example/api");
        assert_eq!((path(&bases, &call), bases.advertised(&call)), (Some("/api"), Some("https://a.example/api")));
        bases.learn(&b, "https://api.b.example/b");
        assert_eq!((path(&bases, &call), bases.advertised(&call)), (Some("/b"), Some("https://api.b.example/b")));
        assert_eq!((path(&bases, &a), bases.advertised(&a)), (Some("/api"), Some("https://a.example/api")));
        let other = exchange("https://c.example", "/x");
        assert_eq!((path(&bases, &other), bases.advertised(&other)), (Some("/api"), None));
        // Where they were named, what is advertised changes nothing about that.
        let mut bases = BaseUriResolver::new(["https://a.example/one", "https://b.example/two"].into_iter());
        bases.learn(&a, "https://a.example/api");
        assert_eq!((path(&bases, &a), path(&bases, &b)), (Some("/one"), Some("/two")));
        assert_eq!((bases.advertised(&a), bases.advertised(&b)), (Some("https://a.example/api"), None));
    }
}
