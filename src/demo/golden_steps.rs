//! The conforming part of the script.
//!
//! `open data → bookings in three roles → cancellation, Orders feed → deletions → a quote for a full session`

use super::script::{Call, Role, Step, act};

const SWIM: (&str, &str) = ("Open Swim", "Adult");
const SWIM_JUNIOR: (&str, &str) = ("Open Swim", "Junior");
const WALK: (&str, &str) = ("Heron Meadow Health Walk", "Free place");
const BADMINTON: (&str, &str) = ("Club Badminton", "Guest");
const TAI_CHI: (&str, &str) = ("Tai Chi in the Meadow", "Pay on arrival");
const FULL: (&str, &str) = ("Trampoline Hour", "Standard");
const BOULDER: (&str, &str) = ("Boulder Basics", "Standard");

pub(super) const STEPS: &[Step] = &[
    Step {
        name: "harvest",
        title: "The broker reads the dataset site and the feed of sessions, to its end",
        misbehaviours: &[],
        role: Role::Agent,
        basket: &[],
        acts: &[act(Call::Harvest, 200)],
    },
    Step {
        name: "agent-paid",
        title: "AgentBroker books a swim for an adult and a child: C1, C2, B",
        misbehaviours: &[],
        role: Role::Agent,
        basket: &[SWIM, SWIM_JUNIOR],
        acts: &[act(Call::C1, 200), act(Call::C2, 200), act(Call::B, 201)],
    },
    Step {
        name: "reseller",
        title: "ResellerBroker books for itself, without a customer",
        misbehaviours: &[],
        role: Role::Reseller,
        basket: &[BOULDER],
        acts: &[act(Call::C1, 200), act(Call::C2, 200), act(Call::B, 201)],
    },
    Step {
        name: "direct-free",
        title: "NoBroker: the seller's own shop books a free walk, without payment",
        misbehaviours: &[],
        role: Role::Direct,
        basket: &[WALK],
        acts: &[act(Call::C1, 200), act(Call::C2, 200), act(Call::B, 201)],
    },
    Step {
        name: "on-arrival",
        title: "A session that is paid for on arrival is booked without payment, then looked at",
        misbehaviours: &[],
        role: Role::Agent,
        basket: &[TAI_CHI],
        acts: &[act(Call::C1, 200), act(Call::C2, 200), act(Call::B, 201), act(Call::Status, 200)],
    },
    Step {
        name: "repeat",
        title: "The answer to a booking got lost: the broker sends the same B again, and gets the same Order",
        misbehaviours: &[],
        role: Role::Agent,
        basket: &[BADMINTON],
        acts: &[act(Call::C1, 200), act(Call::C2, 200), act(Call::B, 201), act(Call::B, 201)],
    },
    Step {
        name: "cancellation",
        title: "A customer cancels one of two places; the Orders feed follows",
        misbehaviours: &[],
        role: Role::Agent,
        basket: &[SWIM, SWIM_JUNIOR],
        acts: &[
            act(Call::C1, 200),
            act(Call::C2, 200),
            act(Call::B, 201),
            act(Call::Cancel, 204),
            act(Call::OrdersFeed, 200),
        ],
    },
    Step {
        name: "given-up",
        title: "A customer gives up after the quote: the broker deletes it, and the places are free again",
        misbehaviours: &[],
        role: Role::Agent,
        basket: &[SWIM],
        acts: &[act(Call::C1, 200), act(Call::C2, 200), act(Call::DeleteQuote, 204)],
    },
    Step {
        name: "taken-back",
        title: "The card was declined after all: the broker deletes the Order it has just made",
        misbehaviours: &[],
        role: Role::Agent,
        basket: &[BADMINTON],
        acts: &[act(Call::C1, 200), act(Call::C2, 200), act(Call::B, 201), act(Call::DeleteOrder, 204)],
    },
    Step {
        name: "full",
        title: "A session is full: C1 is answered 409, with the error on the item",
        misbehaviours: &[],
        role: Role::Agent,
        basket: &[FULL],
        acts: &[act(Call::C1, 409)],
    },
];
