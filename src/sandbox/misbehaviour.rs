//! The faults that the embedded booking system can be told to commit, one by one.
//!
//! `--misbehave NAME,… → Misbehaviours (a set) → asked while a request is checked, or applied to the finished answer`
//!
//! Without any, the booking system conforms. Each fault names the rule that must catch it.

use std::fmt;
use std::str::FromStr;

macro_rules! misbehaviours {
    ($($variant:ident = $name:literal, $describe:literal, $caught_by:literal;)*) => {
        /// One named fault of the booking system. The text of each is what `Misbehaviour::describe` says.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Misbehaviour {
            $(#[doc = concat!("The booking system ", $describe, ".")] $variant,)*
        }

        impl Misbehaviour {
            /// Every one, in the order of their listing.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// Stable name, as on the command line.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),* }
            }

            /// What the booking system does wrong, to follow on "the booking system ...".
            pub(crate) fn describe(self) -> &'static str {
                match self { $(Self::$variant => $describe),* }
            }

            /// Id of the rule that must catch it. Other rules may find something as well.
            pub fn caught_by(self) -> &'static str {
                match self { $(Self::$variant => $caught_by),* }
            }
        }
    };
}

misbehaviours! {
    AcceptsMissingCustomer =
        "accepts-missing-customer",
        "takes quotes and bookings without a customer where one is needed",
        "agent-broker/missing-customer-error";
    WrongError =
        "wrong-error",
        "refuses a missing customer with IncompleteBrokerDetailsError",
        "agent-broker/missing-customer-error";
    AcceptsMissingBroker =
        "accepts-missing-broker",
        "takes quotes and bookings without a broker where one is needed",
        "agent-broker/missing-broker-error";
    AcceptsIncompleteBroker =
        "accepts-incomplete-broker",
        "takes a broker that has no name or is no Organization",
        "broker/incomplete-details-error";
    AcceptsIncompleteCustomer =
        "accepts-incomplete-customer",
        "takes a customer without an e-mail address",
        "customer/incomplete-details-error";
    AcceptsBrokerUnderNoBroker =
        "accepts-broker-under-no-broker",
        "takes a direct sale (NoBroker) that names a broker all the same, and leaves that broker out of the answer",
        "no-broker/broker-included-refused";
    AddsBrokerUnderNoBroker =
        "adds-broker-under-no-broker",
        "puts a broker into its answers to a direct sale (NoBroker)",
        "no-broker/broker-absent-in-response";
    DemandsResellersCustomer =
        "demands-resellers-customer",
        "refuses a reseller's booking for want of a customer",
        "reseller-broker/customer-optional";
    DemandsCustomerNames =
        "demands-customer-names",
        "refuses a customer that gives an e-mail address but no names",
        "customer/only-email-demanded";
    DropsBrokerRole =
        "drops-broker-role",
        "answers without brokerRole",
        "broker/reflected";
    RenamesBroker =
        "renames-broker",
        "answers with another name for the broker",
        "broker/reflected";
    ChangesCustomer =
        "changes-customer",
        "answers with another e-mail address for the customer",
        "customer/reflected";
    AddsCustomerData =
        "adds-customer-data",
        "answers with a remark about the customer that the broker didn't send",
        "customer/no-added-data";
    CustomerInC1 =
        "customer-in-c1",
        "answers C1 with a customer",
        "customer/absent-in-c1-response";
    LeaksCustomerInFeed =
        "leaks-customer-in-feed",
        "shows the customer in the Orders feed",
        "customer/unknown-to-broker-feed";
    PlainJson =
        "plain-json",
        "labels its answers application/json instead of the booking media type",
        "headers/response-content-type";
    WrongErrorStatus =
        "wrong-error-status",
        "sends errors with another status: 500 for 400, else 400",
        "errors/status-code-matches-type";
    ErrorWith200 =
        "error-with-200",
        "sends errors with status 200",
        "errors/error-status-class";
    GenericErrors =
        "generic-errors",
        "calls every error OpenBookingError",
        "errors/type-not-generic";
    NoErrorContext =
        "no-error-context",
        "sends errors without @context",
        "errors/context";
    HtmlErrors =
        "html-errors",
        "sends a web page in place of an error object",
        "errors/open-booking-error-body";
    AcceptsUnknownPath =
        "accepts-unknown-path",
        "answers paths that the specification doesn't define with an empty success",
        "endpoint/unknown-path-error";
    AcceptsWrongType =
        "accepts-wrong-type",
        "takes a request whose @type is not the one of the endpoint",
        "errors/unexpected-order-type-error";
    AcceptsWrongTotal =
        "accepts-wrong-total",
        "books whatever total the broker names",
        "price/total-mismatch-error";
    WrongTotal =
        "wrong-total",
        "adds 1.00 to the total of whatever has a price",
        "price/total-sum-gross";
    RelativeIds =
        "relative-ids",
        "answers with @id values that are relative to the Base URI",
        "json-ld/response-ids-absolute";
    DropsItem =
        "drops-item",
        "leaves the last of several items out of its answers",
        "response/items-complete";
    Oversells =
        "oversells",
        "sells more places than there are",
        "item-errors/full";
}

impl fmt::Display for Misbehaviour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A name that no misbehaviour has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no misbehaviour named {name:?}; the names are: {}", known())]
pub struct UnknownMisbehaviour {
    /// The name as it was given.
    pub name: String,
}

fn known() -> String {
    Misbehaviour::ALL.iter().map(|misbehaviour| misbehaviour.name()).collect::<Vec<_>>().join(", ")
}

impl FromStr for Misbehaviour {
    type Err = UnknownMisbehaviour;

    fn from_str(name: &str) -> Result<Self, UnknownMisbehaviour> {
        Self::ALL
            .iter()
            .copied()
            .find(|misbehaviour| misbehaviour.name() == name)
            .ok_or_else(|| UnknownMisbehaviour { name: name.to_owned() })
    }
}

/// A set of misbehaviours; the empty set is a conforming booking system.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Misbehaviours(u64);

impl Misbehaviours {
    /// The conforming booking system.
    pub const NONE: Self = Self(0);

    /// True if this one is in the set.
    pub fn has(self, misbehaviour: Misbehaviour) -> bool {
        self.0 & Self::bit(misbehaviour) != 0
    }

    /// The set with one more.
    pub fn with(self, misbehaviour: Misbehaviour) -> Self {
        Self(self.0 | Self::bit(misbehaviour))
    }

    /// Those in the set, in the order of their listing.
    pub fn iter(self) -> impl Iterator<Item = Misbehaviour> {
        Misbehaviour::ALL.iter().copied().filter(move |misbehaviour| self.has(*misbehaviour))
    }

    /// True for the conforming booking system.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    fn bit(misbehaviour: Misbehaviour) -> u64 {
        1 << misbehaviour as u32
    }
}

impl FromIterator<Misbehaviour> for Misbehaviours {
    fn from_iter<I: IntoIterator<Item = Misbehaviour>>(misbehaviours: I) -> Self {
        misbehaviours.into_iter().fold(Self::NONE, Self::with)
    }
}

/// Reads a list of names parted by commas; spaces and empty parts don't count.
impl FromStr for Misbehaviours {
    type Err = UnknownMisbehaviour;

    fn from_str(list: &str) -> Result<Self, UnknownMisbehaviour> {
        list.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::parse::<Misbehaviour>).collect()
    }
}

impl fmt::Display for Misbehaviours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.iter().map(Misbehaviour::name).collect();
        f.write_str(&names.join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_read_back() {
        let all: Misbehaviours = Misbehaviour::ALL.iter().copied().collect();
        assert_eq!(all.iter().count(), Misbehaviour::ALL.len());
        assert_eq!(all.to_string().parse(), Ok(all));
        assert_eq!(" wrong-total, ,plain-json ".parse::<Misbehaviours>().map(|set| set.iter().count()), Ok(2));
        assert_eq!("".parse(), Ok(Misbehaviours::NONE));
    }

    #[test]
    fn names_are_unique_and_plain() {
        let mut names: Vec<_> = Misbehaviour::ALL.iter().map(|misbehaviour| misbehaviour.name()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Misbehaviour::ALL.len());
        assert!(names.iter().all(|name| name.bytes().all(|b| b == b'-' || b.is_ascii_alphanumeric())));
    }

    #[test]
    fn an_unknown_name_is_named_with_those_that_exist() {
        let message = "plain-json,nonsense".parse::<Misbehaviours>().map_err(|error| error.to_string());
        let message = message.expect_err("nonsense is no misbehaviour");
        assert!(message.starts_with("there is no misbehaviour named \"nonsense\"; the names are: accepts-missing"));
        assert!(message.contains("oversells"));
    }
}
