//! Which operation of the Open Booking API a request is ("Paths and verbs" of the specification).

use std::fmt;

/// The operations of the Open Booking API, and what else passes on the same origin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// PUT order-quote-templates: OrderQuote creation, checkpoint 1.
    C1,
    /// PUT order-quotes: OrderQuote creation, checkpoint 2.
    C2,
    /// PUT order-proposals: OrderProposal creation.
    P,
    /// PUT orders: Order creation.
    B,
    /// PUT orders with an orderProposalVersion: Order creation from an accepted proposal.
    BAfterP,
    /// DELETE order-quotes.
    OrderQuoteDelete,
    /// DELETE orders.
    OrderDelete,
    /// PATCH orders: cancellation by the customer.
    OrderCancel,
    /// PATCH order-proposals: update by the customer.
    ProposalUpdate,
    /// GET orders/{uuid}.
    OrderStatus,
    /// GET orders-rpde.
    OrdersFeed,
    /// GET order-proposals-rpde.
    OrderProposalsFeed,
    /// An RPDE page of open opportunity data.
    OpportunityFeed,
    /// The dataset site.
    DatasetSite,
    /// Anything else.
    Other,
}

impl Stage {
    /// Every stage, in the order of the booking flow.
    pub const ALL: [Self; 15] = [
        Self::C1,
        Self::C2,
        Self::P,
        Self::B,
        Self::BAfterP,
        Self::OrderQuoteDelete,
        Self::OrderDelete,
        Self::OrderCancel,
        Self::ProposalUpdate,
        Self::OrderStatus,
        Self::OrdersFeed,
        Self::OrderProposalsFeed,
        Self::OpportunityFeed,
        Self::DatasetSite,
        Self::Other,
    ];

    /// Stable name, as in rule files and reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::C1 => "C1",
            Self::C2 => "C2",
            Self::P => "P",
            Self::B => "B",
            Self::BAfterP => "B-after-P",
            Self::OrderQuoteDelete => "order-quote-delete",
            Self::OrderDelete => "order-delete",
            Self::OrderCancel => "order-cancel",
            Self::ProposalUpdate => "proposal-update",
            Self::OrderStatus => "order-status",
            Self::OrdersFeed => "orders-feed",
            Self::OrderProposalsFeed => "order-proposals-feed",
            Self::OpportunityFeed => "opportunity-feed",
            Self::DatasetSite => "dataset-site",
            Self::Other => "other",
        }
    }

    /// Reads the stable name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|stage| stage.as_str() == name)
    }

    /// True for the operations that the booking API itself defines; false for open data and anything else.
    pub(crate) fn is_booking(self) -> bool {
        !matches!(self, Self::OpportunityFeed | Self::DatasetSite | Self::Other)
    }

    /// The root type that a request body must have, where the stage takes one.
    pub(crate) fn request_type(self) -> Option<&'static str> {
        match self {
            Self::C1 | Self::C2 => Some("OrderQuote"),
            Self::P | Self::ProposalUpdate => Some("OrderProposal"),
            Self::B | Self::BAfterP | Self::OrderCancel => Some("Order"),
            _ => None,
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The paths that the specification defines under the Base URI.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ApiPath {
    /// `order-quote-templates/{uuid}`
    OrderQuoteTemplates,
    /// `order-quotes/{uuid}`
    OrderQuotes,
    /// `order-proposals/{uuid}`
    OrderProposals,
    /// `orders/{uuid}`
    Orders,
    /// `orders-rpde`
    OrdersFeed,
    /// `order-proposals-rpde`
    OrderProposalsFeed,
}

impl ApiPath {
    /// The segment that names the resource.
    pub fn segment(self) -> &'static str {
        match self {
            Self::OrderQuoteTemplates => "order-quote-templates",
            Self::OrderQuotes => "order-quotes",
            Self::OrderProposals => "order-proposals",
            Self::Orders => "orders",
            Self::OrdersFeed => "orders-rpde",
            Self::OrderProposalsFeed => "order-proposals-rpde",
        }
    }

    /// The verbs that the specification defines for it.
    pub fn verbs(self) -> &'static [&'static str] {
        match self {
            Self::OrderQuoteTemplates => &["PUT"],
            Self::OrderQuotes => &["PUT", "DELETE"],
            Self::OrderProposals => &["PUT", "PATCH"],
            Self::Orders => &["PUT", "PATCH", "DELETE", "GET"],
            Self::OrdersFeed | Self::OrderProposalsFeed => &["GET"],
        }
    }

    fn stage(self, method: &str) -> Option<Stage> {
        Some(match (self, method) {
            (Self::OrderQuoteTemplates, "PUT") => Stage::C1,
            (Self::OrderQuotes, "PUT") => Stage::C2,
            (Self::OrderQuotes, "DELETE") => Stage::OrderQuoteDelete,
            (Self::OrderProposals, "PUT") => Stage::P,
            (Self::OrderProposals, "PATCH") => Stage::ProposalUpdate,
            (Self::Orders, "PUT") => Stage::B,
            (Self::Orders, "PATCH") => Stage::OrderCancel,
            (Self::Orders, "DELETE") => Stage::OrderDelete,
            (Self::Orders, "GET") => Stage::OrderStatus,
            (Self::OrdersFeed, "GET") => Stage::OrdersFeed,
            (Self::OrderProposalsFeed, "GET") => Stage::OrderProposalsFeed,
            _ => return None,
        })
    }
}

/// How a request's path and verb relate to the paths that the specification defines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Endpoint {
    /// A defined path with a verb defined for it.
    Known(ApiPath),
    /// A defined path with another verb.
    WrongVerb(ApiPath),
    /// A call of the booking API at a path that it doesn't define.
    UnknownPath,
    /// Not a call of the booking API, as far as can be told.
    Outside,
}

/// What the request line says of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ClassifiedCall<'p> {
    /// Path and verb against the specification.
    pub endpoint: Endpoint,
    /// The stage; [`Stage::Other`] unless the endpoint is known. B-after-P reads as B here: only the body tells them apart.
    pub stage: Stage,
    /// The path before the resource's segment: the path of the Base URI, without a trailing slash.
    pub base_path: &'p str,
    /// The segment where the Order UUID stands, whatever it is.
    pub uuid_segment: Option<&'p str>,
}

/// The path of a known Base URI, without a trailing slash; and whether the exchange went to its origin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BasePath<'u> {
    /// Empty if the Base URI is an origin alone.
    pub path: &'u str,
    /// False for another host: a feed's, say, or the address at which a recording was made.
    pub is_of_origin: bool,
}

impl BasePath<'_> {
    /// True for a path at or below it. Of another origin it must say more than that it is a path.
    pub(crate) fn is_above(self, path: &str) -> bool {
        if self.path.is_empty() { self.is_of_origin } else { is_below(path, self.path) }
    }
}

/// Classifies a request by method and path (no query). `base_path` is the path of the Base URI, without a
/// trailing slash, where it is known; `says_booking` tells whether a media type says that it is a
/// call of the booking API.
///
/// An unlisted path counts as a mistaken call of the booking API if a media type says so, or if it
/// lies under a known Base URI with a path of its own and is no GET (open data and web pages may live there too).
/// The test interface of OpenActive's test suite is outside.
pub(crate) fn classify<'p>(
    method: &str,
    path: &'p str,
    base_path: Option<&str>,
    says_booking: bool,
) -> ClassifiedCall<'p> {
    let trimmed = path.strip_suffix('/').unwrap_or(path);
    if let Some(call) = known_path(method, trimmed) {
        return call;
    }
    let under_base = is_below(path, base_path.unwrap_or_default());
    let test_interface = is_test_interface(path);
    let infrastructure = matches!(method, "OPTIONS" | "HEAD" | "CONNECT" | "TRACE");
    let mistaken = !test_interface && !infrastructure && (says_booking || (under_base && method != "GET"));
    ClassifiedCall {
        endpoint: if mistaken { Endpoint::UnknownPath } else { Endpoint::Outside },
        stage: Stage::Other,
        base_path: "",
        uuid_segment: None,
    }
}

/// True for a path at or below that of a Base URI; false if the Base URI has none.
pub(crate) fn is_below(path: &str, base_path: &str) -> bool {
    !base_path.is_empty() && path.strip_prefix(base_path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// True for a path of the test interface of OpenActive's test suite.
pub(crate) fn is_test_interface(path: &str) -> bool {
    path.contains("/test-interface/")
}

fn known_path<'p>(method: &str, path: &'p str) -> Option<ClassifiedCall<'p>> {
    let (rest, last) = path.rsplit_once('/')?;
    let feed = match last {
        "orders-rpde" => Some(ApiPath::OrdersFeed),
        "order-proposals-rpde" => Some(ApiPath::OrderProposalsFeed),
        _ => None,
    };
    if let Some(feed) = feed {
        return Some(call(method, feed, rest, None));
    }
    let (base, resource) = rest.rsplit_once('/')?;
    let path = match resource {
        "order-quote-templates" => ApiPath::OrderQuoteTemplates,
        "order-quotes" => ApiPath::OrderQuotes,
        "order-proposals" => ApiPath::OrderProposals,
        "orders" => ApiPath::Orders,
        _ => return None,
    };
    Some(call(method, path, base, Some(last)))
}

fn call<'p>(method: &str, path: ApiPath, base_path: &'p str, uuid_segment: Option<&'p str>) -> ClassifiedCall<'p> {
    let endpoint = if path.stage(method).is_some() {
        Endpoint::Known(path)
    } else if matches!(method, "OPTIONS" | "HEAD") {
        // Issued by infrastructure, not by the broker's booking code.
        Endpoint::Outside
    } else {
        Endpoint::WrongVerb(path)
    };
    ClassifiedCall { endpoint, stage: path.stage(method).unwrap_or(Stage::Other), base_path, uuid_segment }
}

/// True for the text form of a UUID (RFC 4122 section 3), in any case.
pub fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(index, byte)| match index {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    const UUID: &str = "14a19ffd-7278-4296-9c71-96669e5c5b00";

    fn stage_of(method: &str, path: &str) -> (Endpoint, Stage) {
        let call = classify(method, path, Some("/api"), false);
        (call.endpoint, call.stage)
    }

    #[test]
    fn paths_and_verbs() {
        for (method, path, stage) in [
            ("PUT", "order-quote-templates", Stage::C1),
            ("PUT", "order-quotes", Stage::C2),
            ("DELETE", "order-quotes", Stage::OrderQuoteDelete),
            ("PUT", "order-proposals", Stage::P),
            ("PATCH", "order-proposals", Stage::ProposalUpdate),
            ("PUT", "orders", Stage::B),
            ("PATCH", "orders", Stage::OrderCancel),
            ("DELETE", "orders", Stage::OrderDelete),
            ("GET", "orders", Stage::OrderStatus),
        ] {
            let path = format!("/api/{path}/{UUID}");
            let call = classify(method, &path, None, false);
            assert_eq!((call.stage, call.base_path, call.uuid_segment), (stage, "/api", Some(UUID)));
        }
        assert_eq!(stage_of("GET", "/api/orders-rpde").1, Stage::OrdersFeed);
        assert_eq!(stage_of("GET", "/orders-rpde/").1, Stage::OrdersFeed);
        assert_eq!(
            stage_of("POST", &format!("/api/orders/{UUID}")),
            (Endpoint::WrongVerb(ApiPath::Orders), Stage::Other)
        );
        assert_eq!(stage_of("PUT", "/api/orders/nonsense").1, Stage::B);
    }

    #[test]
    fn unknown_or_outside() {
        assert_eq!(stage_of("PUT", "/api/ordeeers/abc").0, Endpoint::UnknownPath);
        assert_eq!(stage_of("PUT", "/api/orders").0, Endpoint::UnknownPath);
        assert_eq!(stage_of("GET", "/api/feeds/sessions").0, Endpoint::Outside);
        assert_eq!(stage_of("POST", "/api/test-interface/actions").0, Endpoint::Outside);
        assert_eq!(stage_of("PUT", "/elsewhere").0, Endpoint::Outside);
        assert_eq!(classify("GET", "/api/ordeeers/abc", None, true).endpoint, Endpoint::UnknownPath);
    }

    #[test]
    fn names_read_back() {
        for stage in Stage::ALL {
            assert_eq!(Stage::from_name(stage.as_str()), Some(stage));
        }
    }
}
