//! The conforming part of the script.
//!
//! `open data → bookings in three roles → cancellation, Orders feed → deletions → a quote for a full session`

use super::script::{BrokerRole, ScriptCall, ScriptStep, act};

const SWIM: (&str, &str) = ("Open Swim", "Adult");
const SWIM_JUNIOR: (&str, &str) = ("Open Swim", "Junior");
const WALK: (&str, &str) = ("Heron Meadow Health Walk", "Free place");
const BADMINTON: (&str, &str) = ("Club Badminton", "Guest");
const TAI_CHI: (&str, &str) = ("Tai Chi in the Meadow", "Pay on arrival");
const FULL: (&str, &str) = ("Trampoline Hour", "Standard");
const BOULDER: (&str, &str) = ("Boulder Basics", "Standard");

pub(super) const STEPS: &[ScriptStep] = &[
    ScriptStep {
        name: "harvest",
        title: "The broker reads the dataset site and the feed of sessions, to its end",
        misbehaviours: &[],
        role: BrokerRole::Agent,
        basket: &[],
        acts: &[act(ScriptCall::Harvest, 200)],
    },
    ScriptStep {
        name: "agent-paid",
        title: "AgentBroker books a swim for an adult and a child: C1, C2, B",
        misbehaviours: &[],
        role: BrokerRole::Agent,
        basket: &[SWIM, SWIM_JUNIOR],
        acts: &[act(ScriptCall::C1, 200), act(ScriptCall::C2, 200), act(ScriptCall::B, 201)],
    },
    ScriptStep {
        name: "reseller",
        title: "ResellerBroker books for itself, without a customer",
        misbehaviours: &[],
        role: BrokerRole::Reseller,
        basket: &[BOULDER],
        acts: &[act(ScriptCall::C1, 200), act(ScriptCall::C2, 200), act(ScriptCall::B, 201)],
    },
    ScriptStep {
        name: "direct-free",
        title: "NoBroker: the seller's own shop books a free walk, without payment",
        misbehaviours: &[],
        role: BrokerRole::Direct,
        basket: &[WALK],
        acts: &[act(ScriptCall::C1, 200), act(ScriptCall::C2, 200), act(ScriptCall::B, 201)],
    },
    ScriptStep {
        name: "on-arrival",
        title: "A session that is paid for on arrival is booked without payment, then looked at",
        misbehaviours: &[],
        role: BrokerRole::Agent,
        basket: &[TAI_CHI],
        acts: &[
            act(ScriptCall::C1, 200),
            act(ScriptCall::C2, 200),
            act(ScriptCall::B, 201),
            act(ScriptCall::Status, 200),
        ],
    },
    ScriptStep {
        name: "repeat",
        title: "The answer to a booking got lost: the broker sends the same B again, and gets the same Order",
        misbehaviours: &[],
        role: BrokerRole::Agent,
        basket: &[BADMINTON],
        acts: &[act(ScriptCall::C1, 200), act(ScriptCall::C2, 200), act(ScriptCall::B, 201), act(ScriptCall::B, 201)],
    },
    ScriptStep {
        name: "cancellation",
        title: "A customer cancels one of two places; the Orders feed follows",
        misbehaviours: &[],
        role: BrokerRole::Agent,
        basket: &[SWIM, SWIM_JUNIOR],
        acts: &[
            act(ScriptCall::C1, 200),
            act(ScriptCall::C2, 200),
            act(ScriptCall::B, 201),
            act(ScriptCall::Cancel, 204),
            act(ScriptCall::OrdersFeed, 200),
        ],
    },
    ScriptStep {
        name: "given-up",
        title: "A customer gives up after the quote: the broker deletes it, and the places are free again",
        misbehaviours: &[],
        role: BrokerRole::Agent,
        basket: &[SWIM],
        acts: &[act(ScriptCall::C1, 200), act(ScriptCall::C2, 200), act(ScriptCall::DeleteQuote, 204)],
    },
    ScriptStep {
        name: "taken-back",
        title: "The card was declined after all: the broker deletes the Order it has just made",
        misbehaviours: &[],
        role: BrokerRole::Agent,
        basket: &[BADMINTON],
        acts: &[
            act(ScriptCall::C1, 200),
            act(ScriptCall::C2, 200),
            act(ScriptCall::B, 201),
            act(ScriptCall::DeleteOrder, 204),
        ],
    },
    ScriptStep {
        name: "full",
        title: "A session is full: C1 is answered 409, with the error on the item",
        misbehaviours: &[],
        role: BrokerRole::Agent,
        basket: &[FULL],
        acts: &[act(ScriptCall::C1, 409)],
    },
];
