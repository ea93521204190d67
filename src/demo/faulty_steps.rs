//! The part of the script in which things go wrong.
//!
//! `the missing customer four ways → faults of the broker, refused → faults of the booking system, one by one`

use super::script::{BrokerRole, Mutation, ScriptCall, ScriptStep, act, tweaked};
use crate::sandbox::Misbehaviour as M;

const SWIM: (&str, &str) = ("Open Swim", "Adult");
const SWIM_JUNIOR: (&str, &str) = ("Open Swim", "Junior");
const WALK: (&str, &str) = ("Heron Meadow Health Walk", "Free place");
const SPIN: (&str, &str) = ("Lunchtime Spin", "Standard");
const BADMINTON: (&str, &str) = ("Club Badminton", "Guest");
const FULL: (&str, &str) = ("Trampoline Hour", "Standard");
const LATER: (&str, &str) = ("Pilates Day", "Standard");
const BOULDER: (&str, &str) = ("Boulder Basics", "Standard");
const YOGA: (&str, &str) = ("Lantern Yoga", "Standard");

const NO_CUSTOMER: &[Mutation] = &[Mutation::Without("customer")];
const NO_BROKER: &[Mutation] = &[Mutation::Without("broker")];

/// A step under AgentBroker with a swim in the basket.
const fn swim(
    name: &'static str,
    title: &'static str,
    misbehaviours: &'static [M],
    acts: &'static [super::ScriptedCall],
) -> ScriptStep {
    ScriptStep { name, title, misbehaviours, role: BrokerRole::Agent, basket: &[SWIM], acts }
}

/// The same under another role, with another basket.
const fn of(step: ScriptStep, role: BrokerRole, basket: &'static [(&'static str, &'static str)]) -> ScriptStep {
    ScriptStep { role, basket, ..step }
}

const C1: super::ScriptedCall = act(ScriptCall::C1, 200);
const C2: super::ScriptedCall = act(ScriptCall::C2, 200);
const B: super::ScriptedCall = act(ScriptCall::B, 201);

pub(super) const STEPS: &[ScriptStep] = &[
    // The missing customer.
    swim(
        "no-customer-refused",
        "AgentBroker forgets the customer at B, and is refused: the broker's fault alone",
        &[],
        &[C1, C2, tweaked(ScriptCall::B, NO_CUSTOMER, 400)],
    ),
    swim(
        "no-customer-accepted",
        "AgentBroker forgets the customer, and is taken all the same: both at fault",
        &[M::AcceptsMissingCustomer],
        &[C1, tweaked(ScriptCall::C2, NO_CUSTOMER, 200), tweaked(ScriptCall::B, NO_CUSTOMER, 201)],
    ),
    swim(
        "no-customer-wrong-error",
        "AgentBroker forgets the customer, and is refused for the wrong reason: both at fault",
        &[M::WrongError],
        &[C1, C2, tweaked(ScriptCall::B, NO_CUSTOMER, 400)],
    ),
    swim(
        "no-customer-wrong-status",
        "AgentBroker forgets the customer, and the right error comes with the wrong status",
        &[M::WrongErrorStatus],
        &[C1, C2, tweaked(ScriptCall::B, NO_CUSTOMER, 500)],
    ),
    // Faults of the broker, refused as they should be.
    of(
        swim(
            "direct-no-customer",
            "NoBroker without a customer is refused",
            &[],
            &[C1, tweaked(ScriptCall::C2, NO_CUSTOMER, 400)],
        ),
        BrokerRole::Direct,
        &[WALK],
    ),
    of(
        swim(
            "direct-with-broker",
            "NoBroker names a broker, and is refused",
            &[],
            &[tweaked(ScriptCall::C1, &[Mutation::AddBroker], 400)],
        ),
        BrokerRole::Direct,
        &[WALK],
    ),
    of(
        swim(
            "reseller-no-broker",
            "ResellerBroker without a broker is refused",
            &[],
            &[tweaked(ScriptCall::C1, NO_BROKER, 400)],
        ),
        BrokerRole::Reseller,
        &[BOULDER],
    ),
    swim(
        "no-email",
        "The customer has no e-mail address: C2 is refused",
        &[],
        &[C1, tweaked(ScriptCall::C2, &[Mutation::NoEmail], 400)],
    ),
    swim(
        "customer-at-c1",
        "The broker shows the customer too early, at C1; the booking system looks away",
        &[],
        &[tweaked(ScriptCall::C1, &[Mutation::AddCustomer], 200)],
    ),
    swim(
        "no-role",
        "brokerRole is missing: refused",
        &[],
        &[tweaked(ScriptCall::C1, &[Mutation::Without("brokerRole")], 400)],
    ),
    swim(
        "no-seller",
        "seller is missing: refused",
        &[],
        &[tweaked(ScriptCall::C1, &[Mutation::Without("seller")], 500)],
    ),
    of(
        swim("other-seller", "A basket with sessions of two sellers is refused", &[], &[act(ScriptCall::C1, 500)]),
        BrokerRole::Agent,
        &[SWIM, BOULDER],
    ),
    swim(
        "no-offer",
        "An item has no offer: 409, with the error on the item",
        &[],
        &[tweaked(ScriptCall::C1, &[Mutation::NoOffer], 409)],
    ),
    swim(
        "unknown-session",
        "An item names a session that nobody knows: 409, with the error on the item",
        &[],
        &[tweaked(ScriptCall::C1, &[Mutation::UnknownOpportunity], 409)],
    ),
    of(
        swim("not-yet", "Booking is not open yet: 409, with the error on the item", &[], &[act(ScriptCall::C1, 409)]),
        BrokerRole::Agent,
        &[LATER],
    ),
    of(
        swim("two-of-one", "Two places are asked for where one is left: 409", &[], &[act(ScriptCall::C1, 409)]),
        BrokerRole::Agent,
        &[SPIN, SPIN],
    ),
    swim(
        "wrong-total-sent",
        "The broker names another total than it was quoted: refused",
        &[],
        &[C1, C2, tweaked(ScriptCall::B, &[Mutation::Total(100)], 400)],
    ),
    swim(
        "no-payment",
        "Payment is due and missing: refused",
        &[],
        &[C1, C2, tweaked(ScriptCall::B, &[Mutation::Without("payment")], 400)],
    ),
    swim(
        "no-payment-id",
        "The payment has no identifier: refused",
        &[],
        &[C1, C2, tweaked(ScriptCall::B, &[Mutation::NoPaymentIdentifier], 400)],
    ),
    of(
        swim(
            "needless-payment",
            "A free walk is paid for: refused",
            &[],
            &[C1, C2, tweaked(ScriptCall::B, &[Mutation::AddPayment], 400)],
        ),
        BrokerRole::Agent,
        &[WALK],
    ),
    swim(
        "wrong-type",
        "A quote is sent to the endpoint for Orders: refused",
        &[],
        &[C1, C2, tweaked(ScriptCall::B, &[Mutation::Type("OrderQuote")], 500)],
    ),
    swim(
        "reused-uuid",
        "The UUID of an Order is used again, for another customer: refused",
        &[],
        &[C1, C2, B, tweaked(ScriptCall::B, &[Mutation::OnlyEmail], 500)],
    ),
    swim(
        "bad-patches",
        "Two cancellations that ask for more than they may: refused, and the Order stays as it is",
        &[],
        &[
            C1,
            C2,
            B,
            tweaked(ScriptCall::Cancel, &[Mutation::ExcessiveProperty], 400),
            tweaked(ScriptCall::Cancel, &[Mutation::AnotherStatus], 400),
        ],
    ),
    swim("unknown-order", "The broker deletes an Order that was never made", &[], &[act(ScriptCall::DeleteOrder, 404)]),
    swim(
        "lost",
        "The broker calls an endpoint that does not exist, then POSTs where PUT is due",
        &[],
        &[act(ScriptCall::UnknownPath, 404), act(ScriptCall::Post, 405)],
    ),
    swim(
        "unreadable",
        "The broker sends half a message, then one without credentials, then one labelled as plain JSON",
        &[],
        &[
            tweaked(ScriptCall::C1, &[Mutation::CutOff], 400),
            tweaked(ScriptCall::C1, &[Mutation::NoAuthorization], 403),
            tweaked(ScriptCall::C1, &[Mutation::PlainJson], 200),
        ],
    ),
    // Faults of the booking system.
    swim(
        "takes-no-broker",
        "The booking system takes a quote without a broker",
        &[M::AcceptsMissingBroker],
        &[tweaked(ScriptCall::C1, NO_BROKER, 200)],
    ),
    swim(
        "takes-nameless-broker",
        "The booking system takes a broker without a name",
        &[M::AcceptsIncompleteBroker],
        &[tweaked(ScriptCall::C1, &[Mutation::NoBrokerName], 200)],
    ),
    swim(
        "takes-no-email",
        "The booking system takes a customer without an e-mail address",
        &[M::AcceptsIncompleteCustomer],
        &[C1, tweaked(ScriptCall::C2, &[Mutation::NoEmail], 200)],
    ),
    of(
        swim(
            "takes-broker-under-no-broker",
            "The booking system takes a direct sale that names a broker",
            &[M::AcceptsBrokerUnderNoBroker],
            &[tweaked(ScriptCall::C1, &[Mutation::AddBroker], 200)],
        ),
        BrokerRole::Direct,
        &[WALK],
    ),
    of(
        swim(
            "invents-broker",
            "The booking system invents a broker in a direct sale",
            &[M::AddsBrokerUnderNoBroker],
            &[C1],
        ),
        BrokerRole::Direct,
        &[WALK],
    ),
    of(
        swim(
            "demands-customer",
            "The booking system demands a customer of a reseller",
            &[M::DemandsResellersCustomer],
            &[C1, act(ScriptCall::C2, 400)],
        ),
        BrokerRole::Reseller,
        &[BOULDER],
    ),
    swim(
        "demands-names",
        "The booking system demands the customer's name, though an e-mail address is enough",
        &[M::DemandsCustomerNames],
        &[C1, tweaked(ScriptCall::C2, &[Mutation::OnlyEmail], 400)],
    ),
    swim("drops-role", "The booking system drops brokerRole", &[M::DropsBrokerRole], &[C1, C2]),
    swim("renames-broker", "The booking system renames the broker", &[M::RenamesBroker], &[C1, C2]),
    swim("changes-customer", "The booking system changes the customer's address", &[M::ChangesCustomer], &[C1, C2]),
    swim("adds-data", "The booking system adds a remark of its own to the customer", &[M::AddsCustomerData], &[C1, C2]),
    swim("early-customer", "The booking system answers C1 with somebody's data", &[M::CustomerInC1], &[C1]),
    swim(
        "leaky-feed",
        "The booking system shows the customer in the Orders feed",
        &[M::LeaksCustomerInFeed],
        &[C1, C2, B, act(ScriptCall::Cancel, 204), act(ScriptCall::OrdersFeed, 200)],
    ),
    swim("plain-json", "The booking system labels its answers as plain JSON", &[M::PlainJson], &[C1, C2]),
    swim(
        "errors-200",
        "The booking system sends an error with status 200",
        &[M::ErrorWith200],
        &[tweaked(ScriptCall::C1, NO_BROKER, 200)],
    ),
    swim(
        "errors-generic",
        "The booking system has one name for all errors",
        &[M::GenericErrors],
        &[tweaked(ScriptCall::C1, NO_BROKER, 400)],
    ),
    swim(
        "errors-no-context",
        "The booking system sends an error without @context",
        &[M::NoErrorContext],
        &[tweaked(ScriptCall::C1, NO_BROKER, 400)],
    ),
    swim(
        "errors-html",
        "The booking system sends a web page for an error",
        &[M::HtmlErrors],
        &[tweaked(ScriptCall::C1, NO_BROKER, 400)],
    ),
    swim(
        "takes-unknown-path",
        "The booking system welcomes a call at a path that does not exist",
        &[M::AcceptsUnknownPath],
        &[act(ScriptCall::UnknownPath, 204)],
    ),
    swim(
        "takes-wrong-type",
        "The booking system takes an Order where a quote is due",
        &[M::AcceptsWrongType],
        &[tweaked(ScriptCall::C1, &[Mutation::Type("Order")], 200)],
    ),
    swim(
        "takes-wrong-total",
        "The booking system books for one pound what costs more",
        &[M::AcceptsWrongTotal],
        &[C1, C2, tweaked(ScriptCall::B, &[Mutation::Total(100)], 201)],
    ),
    of(
        swim("wrong-sum", "The booking system cannot add up", &[M::WrongTotal], &[C1, C2, B]),
        BrokerRole::Agent,
        &[BADMINTON],
    ),
    swim("relative-ids", "The booking system answers with relative identifiers", &[M::RelativeIds], &[C1, C2, B]),
    of(
        swim("drops-item", "The booking system loses an item", &[M::DropsItem], &[C1, C2]),
        BrokerRole::Agent,
        &[SWIM, SWIM_JUNIOR],
    ),
    of(
        swim("oversells", "The booking system quotes for a session that is full", &[M::Oversells], &[C1, C2]),
        BrokerRole::Agent,
        &[FULL],
    ),
];

/// What stays on the screen.
pub(super) const LAST: &[ScriptStep] = &[of(
    swim(
        "last",
        "Once more, to end with: the broker forgets the customer, and its order is taken all the same",
        &[M::AcceptsMissingCustomer],
        &[C1, C2, tweaked(ScriptCall::B, NO_CUSTOMER, 201)],
    ),
    BrokerRole::Agent,
    &[YOGA],
)];
