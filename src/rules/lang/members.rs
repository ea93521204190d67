//! The table of members: of what, under which name, what they give and what they mean.

use crate::rules::lang::types::{Element, Type};

macro_rules! members {
    ($($of:ident { $($variant:ident $name:literal: $gives:expr, $meaning:literal;)* })*) => {
        /// A member of something that is no node of a message.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub(crate) enum Member { $($(#[doc = $meaning] $variant,)*)* }

        impl Member {
            /// All, in the order of the reference.
            pub(crate) const ALL: &'static [Self] = &[$($(Self::$variant,)*)*];

            /// What has the member.
            pub(crate) fn of(self) -> Type {
                match self { $($(Self::$variant => Type::$of,)*)* }
            }

            pub(crate) fn name(self) -> &'static str {
                match self { $($(Self::$variant => $name,)*)* }
            }

            /// What it gives, where it is there.
            pub(crate) fn gives(self) -> Type {
                match self { $($(Self::$variant => $gives,)*)* }
            }

            /// What it means, for the reference.
            pub(crate) fn meaning(self) -> &'static str {
                match self { $($(Self::$variant => $meaning,)*)* }
            }

            /// The member of a type under a name.
            pub(crate) fn find(of: Type, name: &str) -> Option<Self> {
                match (of, name) { $($((Type::$of, $name) => Some(Self::$variant),)*)* _ => None }
            }
        }
    };
}

/// A list of exchanges.
const EXCHANGES: Type = Type::List(Element::Exchange);

/// A list of texts.
const TEXTS: Type = Type::List(Element::Plain);

members! {
    Request {
        RequestMethod "method": Type::Plain, "the verb";
        RequestPath "path": Type::Plain, "the path, without the query";
        RequestQuery "query": Type::Plain, "the query; absent if there is none";
        RequestUrl "url": Type::Plain, "the whole address";
        RequestHeaders "headers": Type::Headers, "header fields: `request.headers[\"accept\"]`, a name in lower case, gives the first value; of `accept` and `cache-control`, which may be given in several lines, all of them";
        RequestBody "body": Type::Node, "the body, as JSON";
        RequestSize "size": Type::Plain, "bytes of the body on the wire";
        RequestByteOrderMark "byte_order_mark": Type::Plain, "true if the body begins with U+FEFF";
        RequestContent "content": Type::Plain, "`\"empty\"`, `\"json\"` or `\"other\"`";
    }
    Response {
        ResponseStatus "status": Type::Plain, "the status";
        ResponseHeaders "headers": Type::Headers, "header fields, as those of the request";
        ResponseBody "body": Type::Node, "the body, as JSON; of a dataset site the JSON-LD of its Dataset";
        ResponseSize "size": Type::Plain, "bytes of the body on the wire";
        ResponseByteOrderMark "byte_order_mark": Type::Plain, "true if the body begins with U+FEFF";
        ResponseContent "content": Type::Plain, "`\"empty\"`, `\"json\"` or `\"other\"`";
    }
    Call {
        CallStage "stage": Type::Plain, "the stage: `\"C1\"`, …";
        CallUuid "uuid": Type::Plain, "the segment of the path where the Order UUID stands, as it is written";
        CallOrderUuid "order_uuid": Type::Plain, "the Order UUID in lower case; absent if the segment is none";
        CallEndpoint "endpoint": Type::Plain, "`\"known\"`, `\"wrong-verb\"`, `\"unknown-path\"` or `\"outside\"`";
        CallVerbs "verbs": TEXTS, "the verbs that are defined for the path";
        CallOrigin "origin": Type::Plain, "scheme, host and port: `\"https://host:port\"`";
        CallScheme "scheme": Type::Plain, "the scheme";
        CallHost "host": Type::Plain, "the host";
        CallBasePath "base_path": Type::Plain, "the path before the endpoint's own";
        CallLoopback "loopback": Type::Plain, "true if the host is this machine";
        CallStarted "started": Type::Plain, "the instant of the request, by the booking system's Date header where that is more than two minutes away";
        CallRequestType "request_type": Type::Plain, "the root type that the stage takes";
        CallSpeaksBooking "speaks_booking": Type::Plain, "true if the request has the booking media type";
    }
    Exchange {
        ExchangeRequest "request": Type::Request, "its request";
        ExchangeResponse "response": Type::Response, "its response";
        ExchangeCall "call": Type::Call, "its call";
        ExchangeStage "stage": Type::Plain, "its stage";
        ExchangeStarted "started": Type::Plain, "the instant of its request";
        ExchangeAnswered "answered": Type::Plain, "true if an answer came";
        ExchangeWronglyRefused "wrongly_refused": Type::Plain, "true if a rule with `refutes_refusal` found so";
        ExchangeSecondsAgo "seconds_ago": Type::Plain, "seconds from its request to the request of the judged exchange";
        ExchangeSecondsSinceAnswer "seconds_since_answer": Type::Plain, "seconds from its answer, or the end of the wait for one";
    }
    Flow {
        FlowC1 "c1": Type::Exchange, "the last earlier C1 that was answered 2xx, or absent";
        FlowC2 "c2": Type::Exchange, "likewise for C2";
        FlowP "p": Type::Exchange, "likewise for P";
        FlowB "b": Type::Exchange, "likewise for B, and for B after P";
        FlowCancel "cancel": Type::Exchange, "likewise for a cancellation";
        FlowDelete "delete": Type::Exchange, "likewise for the deletion of the Order";
        FlowQuoteDelete "quote_delete": Type::Exchange, "likewise for the deletion of the quote";
        FlowUpdate "update": Type::Exchange, "likewise for an update of the proposal";
        FlowQuote "quote": Type::Exchange, "the last call of C1 or C2, if it was answered 2xx, else absent";
        FlowEarlier "earlier": EXCHANGES, "all earlier exchanges, oldest first";
        FlowActions "actions": EXCHANGES, "calls of the test suite's interface about this Order";
        FlowFeed "feed": Type::Node, "the newest item of the Orders feed with this Order UUID: `.state`, `.modified`, `.data` …";
        FlowFeedBefore "feed_before": Type::Node, "the item before it";
        FlowProposalsFeed "proposals_feed": Type::Node, "likewise for OrderProposals, whichever feed they came in";
        FlowProposalsFeedBefore "proposals_feed_before": Type::Node, "the item before it";
        FlowComplete "complete": Type::Plain, "true if the recording saw the flow from its first call, a C1";
    }
    Feed {
        FeedPrevious "previous": Type::Exchange, "the page whose `next` led to this one; absent if there was none";
        FeedLast "last": Type::Exchange, "the page of this feed seen before, whatever led here; absent if there was none. Pages are told apart by path and credentials";
        FeedKnownAddress "known_address": Type::Plain, "false if this reader asks for an address that no page of the feed named as `next` and that was not asked for before";
        FeedDue "due": EXCHANGES, "of a page of a broker's own feed, the calls whose effect it has yet to show: cancellations of items that were not cancelled before, deletions of listed Orders, rejections and completions of listed proposals; only if the feed was followed before the call";
        FeedPerhapsDue "perhaps_due": EXCHANGES, "those of which the recording may lack an earlier one to the same effect, or the page that showed it";
    }
    Recording {
        RecordingBaseUri "base_uri": Type::Plain, "the Base URI that a dataset site advertised; of several booking systems, that of the one judged; absent if none did";
        RecordingExtensions "extensions": TEXTS, "paths of the booking system's own endpoints, as configured";
        RecordingOrdersFeed "orders_feed": Type::Plain, "address of a separately advertised Orders feed, as configured";
        RecordingIsolated "isolated": Type::Plain, "true if nobody else books";
        RecordingForeign "foreign": Type::Plain, "true if another program recorded, so that exchanges which it left out can't be noticed";
        RecordingGaps "gaps": Type::Plain, "true if some of the exchanges that Umpire numbered are missing";
        RecordingSentEmails "sent_emails": TEXTS, "e-mail addresses that the broker sent";
        RecordingStarted "started": Type::Plain, "the instant of the first exchange; absent at that one";
        RecordingRecent "recent": EXCHANGES, "the last 200 calls of whatever Order UUID, oldest first";
        RecordingErrorNames "error_names": Type::Names, "error type → the first `name` seen";
        RecordingIssuer "issuer": Type::Plain, "the issuer of tokens, as the dataset site advertises it";
        RecordingAskedScope "asked_scope": Type::Plain, "the scopes of the last request for authorisation";
        RecordingTokenAsked "token_asked": Type::Plain, "true if a token was asked for";
        RecordingCredentialsSeen "credentials_seen": Type::Plain, "true if an earlier booking call had credentials";
        RecordingRateLimited "rate_limited": Type::Exchange, "the last call with this one's verb, path and credentials, if its answer was 429 or 503 and came before";
        RecordingFailed "failed": EXCHANGES, "the last call of each attempt to book, C1 to B, that was answered 4xx or 5xx and was neither taken further nor given up since; at most 200";
        RecordingFailedSameOpportunity "failed_same_opportunity": EXCHANGES, "those of `.failed` with an item for an opportunity that this call has an item for, too; items without `@id`, and Orders without items, are alike";
        RecordingUnansweredSameOpportunity "unanswered_same_opportunity": EXCHANGES, "calls of P and B with such an item whose answer never came whole, unless their Order UUID was answered for since; at most 200";
        RecordingFirstBooking "first_booking": Type::Exchange, "the first P or B that succeeded";
        RecordingLastHarvest "last_harvest": Type::Exchange, "the last page of open data";
        RecordingPrefixes "prefixes": TEXTS, "prefixes of the extension properties that the booking system supports, as configured; absent if nobody said";
        RecordingTaxModes "tax_modes": Type::Names, "`@id` of a Seller → the tax mode first seen";
        RecordingPrepaymentStated "prepayment_stated": Type::Plain, "true if an earlier answer with something to pay said whether to pay beforehand";
        RecordingPrepaymentOmitted "prepayment_omitted": Type::Plain, "true if one did not say";
        RecordingPaymentAgreed "payment_agreed": Type::Plain, "true if details for reconciliation are agreed, as configured";
        RecordingPaymentName "payment_name": Type::Plain, "the name agreed for reconciliation";
        RecordingPaymentAccount "payment_account": Type::Plain, "the account agreed for reconciliation";
        RecordingPaymentProvider "payment_provider": Type::Plain, "the payment provider agreed for reconciliation";
        RecordingSellers "sellers": TEXTS, "`@id`s of the Sellers, as configured; empty if unknown";
        RecordingTokenSellers "token_sellers": TEXTS, "`@id`s of the Sellers that the credentials are for, as configured; empty if unknown";
    }
}

/// Former names of functions and members, each with the one that took its place.
const FORMER: [(&str, &str); 7] = [
    ("anywhere", "find_all"),
    ("neighbours", "pairs"),
    ("repeated", "duplicate_indexes"),
    ("near", "approx_equal"),
    ("others", "other_flows"),
    ("pushed_back", "rate_limited"),
    ("failed_alike", "failed_same_opportunity"),
];

/// The name that took the place of a former one.
pub(crate) fn present_name(former: &str) -> Option<&'static str> {
    FORMER.iter().find(|(name, _)| *name == former).map(|(_, present)| *present)
}
