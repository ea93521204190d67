//! The table of functions: name, arguments, what each gives, how it is called and what it means.

use crate::rules::lang::types::{Element, Type};
use crate::rules::lang::value::Val;

macro_rules! functions {
    ($($variant:ident $name:literal $least:literal..=$most:literal $gives:expr, $usage:literal, $meaning:literal;)*) => {
        /// A function.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Function { $(#[doc = $meaning] $variant,)* }

        impl Function {
            /// All, in the order of the reference.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// Their names.
            pub const NAMES: &'static [&'static str] = &[$($name),*];

            pub fn from_name(name: &str) -> Option<Self> {
                match name { $($name => Some(Self::$variant),)* _ => None }
            }

            /// Fewest and most arguments; the object of a method call is the first.
            pub fn arguments(self) -> (usize, usize) {
                match self { $(Self::$variant => ($least, $most),)* }
            }

            /// What it gives.
            pub fn gives(self) -> Type {
                match self { $(Self::$variant => $gives,)* }
            }

            /// How it is called, for the reference.
            pub fn usage(self) -> &'static str {
                match self { $(Self::$variant => $usage,)* }
            }

            /// What it means, for the reference.
            pub fn meaning(self) -> &'static str {
                match self { $(Self::$variant => $meaning,)* }
            }
        }
    };
}

const TEXTS: Type = Type::List(Element::Plain);

const NODES: Type = Type::List(Element::Any);

functions! {
    Oa "oa" 1..=1 Type::Plain, r#"oa("X")"#, r#"`"https://openactive.io/X"`"#;
    Is "is" 2..=2 Type::Plain, r#"is(x, "X")"#, "true if x is the enumeration value X: as full IRI, `oa:X` or `X`";
    Id "id" 1..=1 Type::Any, "id(x)", "x if it is a string, its `@id` if it is an object, else absent";
    IsType "is_type" 2..=2 Type::Plain, r#"is_type(x, "T")"#, "true if x is an object whose `@type` is T or a list that has T";
    TypeName "type_name" 1..=1 Type::Any, "type_name(x)", "the `@type` as a string, of several one without a prefix; or absent";
    IsObject "is_object" 1..=1 Type::Plain, "is_object(x)", "true if x is an object";
    IsList "is_list" 1..=1 Type::Plain, "is_list(x)", "true if x is a list";
    IsString "is_string" 1..=1 Type::Plain, "is_string(x)", "true if x is a string";
    IsNumber "is_number" 1..=1 Type::Plain, "is_number(x)", "true if x is a JSON number";
    IsInteger "is_integer" 1..=1 Type::Plain, "is_integer(x)", "true if x is a JSON number without fraction and exponent";
    IsBool "is_bool" 1..=1 Type::Plain, "is_bool(x)", "true if x is true or false";
    Blank "blank" 1..=1 Type::Plain, "blank(x)", "true if x is absent, null or a string of nothing but white space";
    Keys "keys" 1..=1 TEXTS, "keys(x)", "the keys of an object; empty for anything else";
    ExtraKeys "extra_keys" 2..=2 TEXTS, r#"extra_keys(x, ["@type", …])"#, "the keys of x that are not in the list. Keys with a prefix (`beta:…`) never count";
    ChangedKeys "changed_keys" 2..=2 TEXTS, "changed_keys(sent, echoed)", "the keys that both have and whose values differ, URLs apart from a trailing slash. Not of values of the request that deviate from the models";
    MissingKeys "missing_keys" 2..=2 TEXTS, "missing_keys(sent, echoed)", "the keys of sent that echoed lacks, but for values of the request that deviate from the models";
    FindAll "find_all" 2..=2 NODES, r#"find_all(x, "key")"#, "all values of members with that name, at any depth of x";
    Same "same" 2..=2 Type::Plain, "same(a, b)", "true if the JSON values are equal";
    SameUrl "same_url" 2..=2 Type::Plain, "same_url(a, b)", "true if the addresses are equal, apart from a trailing slash, the case of scheme and host and a default port";
    NormalUrl "normal_url" 1..=1 Type::Plain, "normal_url(x)", "the address, with scheme and host in lower case and without a default port";
    SameId "same_id" 2..=2 Type::Plain, "same_id(a, b)", "`id(a) == id(b)`, both there";
    Distinct "distinct" 1..=1 Type::Plain, "distinct(list)", "true if no two elements are equal";
    Success "success" 0..=1 Type::Plain, "success(), success(exchange)", "true if the status is 2xx";
    OrderShaped "order_shaped" 0..=1 Type::Plain, "order_shaped(), order_shaped(exchange)", "true if the status is 409 and the body an OrderQuote, OrderProposal or Order";
    OrderAnswer "order_answer" 0..=1 Type::Plain, "order_answer(), order_answer(exchange)", "`order_shaped()`, or a success whose body is not plainly something else: empty, an error, or an object with neither the type of an order nor items";
    ErrorType "error_type" 0..=1 Type::Plain, "error_type(), error_type(exchange)", "the `@type` of the response body if it is an error (a type of errors.toml, or a name that ends in `Error`); else absent";
    ItemErrors "item_errors" 0..=1 NODES, "item_errors(), item_errors(exchange)", "all error objects in `orderedItem[].error` of the response";
    KnownError "known_error" 1..=1 Type::Plain, "known_error(t)", "true if `models/errors.toml` has the error type t";
    ErrorStatus "error_status" 1..=1 Type::Plain, "error_status(t)", "the status that belongs to the error type; absent if it is unknown";
    ErrorLevels "error_levels" 1..=1 TEXTS, "error_levels(t)", "where it may stand: `order`, `order-item`, `patch`, `delete`, `feed`, `any`";
    ErrorStages "error_stages" 1..=1 TEXTS, "error_stages(t)", "the stages at which it makes sense, or `any`";
    ErrorExclusive "error_exclusive" 1..=1 Type::Plain, "error_exclusive(t)", "true if it is right at its stages only";
    ErrorTolerated "error_tolerated" 1..=1 NODES, "error_tolerated(t)", "other statuses that are met and tolerated";
    AnyErrorStatus "any_error_status" 1..=1 Type::Plain, "any_error_status(t)", "true if any error status goes";
    ClaimHolds "claim_holds" 1..=1 Type::Plain, "claim_holds(t)", "whether the refusal of this exchange with the error type t is true of its request, as `claim` in `models/errors.toml` has it; absent where the messages don't show it";
    ErrorSays "error_says" 1..=1 Type::Plain, "error_says(t)", r#"what an error of type t says of the request, in words that follow "that""#;
    BookingMediaType "booking_media_type" 1..=1 Type::Plain, "booking_media_type(s)", "true if s is the booking media type, any version";
    BookingMediaTypeV1 "booking_media_type_v1" 1..=1 Type::Plain, "booking_media_type_v1(s)", "true if s is the booking media type, version 1";
    AcceptsBookingV1 "accepts_booking_v1" 1..=1 Type::Plain, "accepts_booking_v1(s)", "true if an `Accept` field takes the booking media type, version 1";
    MediaVersion "media_version" 1..=1 Type::Plain, "media_version(s)", "the version of a media type";
    IsUuid "is_uuid" 1..=1 Type::Plain, "is_uuid(s)", "true if s is a UUID";
    OpenData "open_data" 1..=1 Type::Node, "open_data(x)", "what the opportunity feed said of the item with this `@id` (x: reference or object); absent if it wasn't seen";
    OpenOffer "open_offer" 2..=2 Type::Node, "open_offer(opportunity, offer)", "the offer in open data, the opportunity's own or one from above";
    OpenParent "open_parent" 1..=1 Type::Node, "open_parent(node)", "the series, facility or event above a node of open data";
    Instant "instant" 1..=1 Type::Plain, "instant(s)", "a date-time with offset as an instant: compare with `<`, subtract to seconds";
    StartsWith "startsWith" 2..=2 Type::Plain, "s.startsWith(part)", "true if the text begins with the part";
    EndsWith "endsWith" 2..=2 Type::Plain, "s.endsWith(part)", "true if the text ends with the part";
    Contains "contains" 2..=2 Type::Plain, "s.contains(part)", "true if the text has the part";
    LowerAscii "lowerAscii" 1..=1 Type::Plain, "s.lowerAscii()", "the text in lower case, ASCII letters only";
    Trim "trim" 1..=1 Type::Plain, "s.trim()", "the text without white space around it";
    Size "size" 1..=1 Type::Plain, "size(x)", "elements of a list, members of an object, characters of a text; 0 for absent";
    Refused "refused" 1..=3 Type::Any, r#"refused(400, "XError"), refused(400, "XError", strict), refused([[404, "A"], [404, "B"]])"#, "the verdict on a request that ought to be refused: see the guide";
    SameElements "same_elements" 2..=2 Type::Plain, "same_elements(a, b)", "true if two lists have the same elements, as often, in whatever order";
    FlowOf "flow_of" 1..=1 Type::Flow, "flow_of(id)", "the booking flow of the Order UUID that the id ends in";
    Seconds "seconds" 1..=1 Type::Plain, "seconds(s)", "seconds of an ISO 8601 duration (a day has 24 hours); absent for months and years";
    Credential "credential" 1..=1 Type::Plain, "credential(x)", "the credential of an exchange or request: `Authorization`, or else a header or parameter that is named like an API key; absent if there is none. In recordings it is a fingerprint";
    SameCaller "same_caller" 2..=2 Type::Plain, "same_caller(a, b)", "true if two exchanges or requests come from the same caller; not judged for two different bearer tokens, and for credentials that were taken out";
    Parameter "parameter" 2..=2 Type::Plain, r#"parameter(x, "name")"#, "a parameter, decoded: of a URL's query; of a `request`, its query or form";
    SamePage "same_page" 2..=2 Type::Plain, "same_page(a, b)", "true if two addresses have the same path and the same parameters, in whatever order";
    HostOf "host_of" 1..=1 Type::Plain, "host_of(url)", "the host, in lower case";
    OriginOf "origin_of" 1..=1 Type::Plain, "origin_of(url)", "scheme, host and port, in lower case, without a default port";
    PathOf "path_of" 1..=1 Type::Plain, "path_of(url)", "the path";
    Pairs "pairs" 1..=1 NODES, "pairs(list)", "each two elements that stand side by side, as lists of two";
    DuplicateIndexes "duplicate_indexes" 1..=1 TEXTS, "duplicate_indexes(list)", "the places (0, 1 …) of elements that equal an earlier one";
    Newer "newer" 2..=2 Type::Plain, "newer(a, b)", "true if a lies behind b as values of `modified`: integers and strings of digits by number, dates by instant, other strings by their text";
    SameBasket "same_basket" 2..=2 Type::Plain, "same_basket(a, b)", "true if `orderedItem` of two orders has the same pairs of opportunity and offer; false if one has no such list";
    EarlierModified "earlier_modified" 1..=1 Type::Plain, "earlier_modified(item)", "of a feed item, the `modified` it had when it was last seen in this feed; absent if it wasn't";
    Unchanged "unchanged" 1..=1 Type::Plain, "unchanged(item)", "true if state and data of a feed item are what they were then";
    BookedSinceRead "booked_since_read" 1..=1 Type::Plain, "booked_since_read(x)", "places of the opportunity x booked less those cancelled since open data was last read of it; absent if that is unknown or doubtful (leases, proposals, deletions)";
    Prefixed "prefixed" 1..=1 TEXTS, "prefixed(x)", "names with a prefix (`acme:thing`) of members at any depth, each once";
    PrefixedType "prefixed_type" 1..=1 Type::Plain, "prefixed_type(x)", "true if the `@type` has a prefix";
    AbsoluteUri "absolute_uri" 1..=1 Type::Plain, "absolute_uri(s)", "true if s is a URI with a scheme, and a host if it is http or https";
    Amount "amount" 1..=1 Type::Plain, "amount(x)", "x as a decimal: a number, or a string that holds one; absent for anything else";
    Sum "sum" 1..=1 Type::Plain, "sum(list)", "the exact sum of amounts; absent if one of them is none";
    ApproxEqual "approx_equal" 3..=3 Type::Plain, "approx_equal(a, b, tolerance)", "true if two amounts differ by no more than the tolerance; false if one is no amount";
    Decimals "decimals" 1..=1 Type::Plain, "decimals(x)", "decimals that an amount needs: 2 for 17.98, 1 for 17.90";
    Last "last" 1..=1 Type::Any, "last(list)", "the last element, or absent";
    HttpDate "http_date" 1..=1 Type::Plain, "http_date(s)", "a date as HTTP headers have it, as an instant";
    Quoted "quoted" 1..=1 Type::Node, "quoted(item)", "what the last quote of this Order UUID said of an item with the same opportunity and offer; absent if there was none";
    Inherited "inherited" 2..=2 Type::Node, r#"inherited(x, "key")"#, "a member of the opportunity x, or of what is above it, from the message itself or from open data";
    SecondsSinceRead "seconds_since_read" 1..=1 Type::Plain, "seconds_since_read(x)", "the age of what open data says of x, in seconds";
    SellerOf "seller_of" 1..=1 Type::Plain, "seller_of(x)", "`@id` of the Seller of the opportunity x, from open data or from the call by which the test suite had it made";
    OtherFlows "other_flows" 1..=1 Type::List(Element::Flow), "other_flows(x)", "the flows of other Order UUIDs with an item for the opportunity x";
    SecretKind "secret_kind" 1..=1 Type::Plain, "secret_kind(s)", r#"what kind of secret a text is: `"jwt"`, `"basic"`, `"private-key"`, or `"bearer"` for any other token behind that word; absent if it isn't known to be one. A secret and its fingerprint say the same"#;
    TokenExpiry "token_expiry" 1..=1 Type::Plain, "token_expiry(s)", "when a JSON Web Token expires, as an instant; absent if that isn't known. Also of the token behind `Bearer`, and of a fingerprint";
    TokenIssuer "token_issuer" 1..=1 Type::Plain, "token_issuer(s)", "the host that issued a JSON Web Token, likewise";
    Reported "reported" 1..=1 Type::Plain, "reported(x)", "true if an earlier exchange of the flow, from which x comes, had a finding of a warning or more on x or on something in it: what differs from it later follows from that";
}

impl Function {
    /// True if the value may come from another exchange than the judged one, whatever the arguments are.
    pub fn looks_at_earlier(self) -> bool {
        matches!(
            self,
            Self::OpenData
                | Self::OpenOffer
                | Self::OpenParent
                | Self::SecondsSinceRead
                | Self::BookedSinceRead
                | Self::SellerOf
                | Self::Inherited
                | Self::Quoted
                | Self::EarlierModified
                | Self::Unchanged
                | Self::ClaimHolds
                | Self::FlowOf
                | Self::OtherFlows
                | Self::Reported
                | Self::Refused
        )
    }

    /// True for the commonest tests of one value.
    pub fn is_quick(self) -> bool {
        self.quick(&Val::Absent).is_some()
    }

    /// What the commonest tests of one value say; `None` for every other function.
    pub fn quick(self, value: &Val<'_>) -> Option<bool> {
        Some(match self {
            Self::IsObject => value.as_object().is_some(),
            Self::IsList => value.as_array().is_some() || matches!(value, Val::List(_)),
            Self::IsString => value.as_str().is_some(),
            Self::Blank => value.is_nothing() || value.as_str().is_some_and(|text| text.trim().is_empty()),
            _ => return None,
        })
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
pub fn present_name(former: &str) -> Option<&'static str> {
    FORMER.iter().find(|(name, _)| *name == former).map(|(_, present)| *present)
}
