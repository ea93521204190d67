//! What the operator knows of the booking system.

/// What the operator knows of the booking system before the first exchange.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BookingSystemInfo {
    /// Base URI of the booking system, such as `https://booking.example.com/api/openbooking`.
    pub base_uri: Option<String>,
    /// Those of further booking systems in the same recording. Each exchange goes by the one that it came through.
    pub also_base_uris: Vec<String>,
    /// Another program recorded: exchanges that it left out can't be told from those that never were.
    pub foreign: bool,
    /// Paths (prefixes) of the booking system's extension endpoints.
    pub extensions: Vec<String>,
    /// Absolute URL of the Orders feed, where it is advertised apart from the Base URI.
    pub orders_feed: Option<String>,
    /// Nobody else books while the recording is made, so that capacity can be reckoned.
    pub isolated: bool,
    /// Prefixes of extension properties that the booking system supports, such as `acme`; `None` if nobody said.
    pub prefixes: Option<Vec<String>>,
    /// Payment details that were agreed for reconciliation; `None` if none were.
    pub payment: Option<PaymentDetails>,
    /// `@id`s of all Sellers of the booking system; empty if they aren't known.
    pub sellers: Vec<String>,
    /// `@id`s of the Sellers that the broker's credentials are good for; empty if they aren't known.
    pub token_sellers: Vec<String>,
}

/// Payment details for reconciliation, as agreed between broker and booking system. What is `None` was not agreed.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct PaymentDetails {
    /// `name` of the payment.
    pub name: Option<String>,
    /// `accountId` of the payment.
    pub account_id: Option<String>,
    /// `paymentProviderId` of the payment.
    pub payment_provider_id: Option<String>,
}
