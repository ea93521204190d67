//! What the scripted broker does: steps of named calls, as data.
//!
//! `Script → ScriptStep (title, misbehaviours, basket, role) → ScriptedCall (call, tweaks to its message, expected status)`
//!
//! Nothing is left to chance: Order UUIDs follow from the names of the steps, so every run sends the same messages
//! (but for the dates that come from the booking system).

use uuid::Uuid;

use super::golden_steps;
use crate::sandbox::Misbehaviour;

/// A run of the scripted broker.
#[derive(Debug, Clone, Copy)]
pub struct Script {
    /// Its steps in order.
    pub steps: &'static [&'static [ScriptStep]],
}

impl Script {
    /// The steps in order.
    pub fn iter(self) -> impl Iterator<Item = &'static ScriptStep> {
        self.steps.iter().flat_map(|part| part.iter())
    }
}

/// Conforming traffic by both sides.
pub fn golden() -> Script {
    Script { steps: &[golden_steps::STEPS] }
}

/// Everything: a clean booking, faults of the broker, of the booking system and of both, and the rest of the conforming
/// traffic. Whoever watches sees the first fault within seconds, and is left with one that is worth reading.
pub fn faulty() -> Script {
    /// The feed that the broker has to know, and one clean booking.
    const OPENING: (&[ScriptStep], &[ScriptStep]) = golden_steps::STEPS.split_at(2);
    Script { steps: &[OPENING.0, super::faulty_steps::STEPS, OPENING.1, super::faulty_steps::LAST] }
}

/// One step: a booking, or an attempt at one, under one Order UUID.
#[derive(Debug, Clone, Copy)]
pub struct ScriptStep {
    /// Short and unique; the Order UUID follows from it.
    pub name: &'static str,
    /// What happens, in one line for people.
    pub title: &'static str,
    /// How the booking system misbehaves meanwhile.
    pub misbehaviours: &'static [Misbehaviour],
    /// Who sells to whom.
    pub role: BrokerRole,
    /// Names of the series and offers in the basket, one for each item.
    pub basket: &'static [(&'static str, &'static str)],
    /// The calls in order.
    pub acts: &'static [ScriptedCall],
}

impl ScriptStep {
    /// The Order UUID of the step.
    pub fn uuid(&self) -> String {
        Uuid::new_v5(&Uuid::NAMESPACE_URL, format!("urn:umpire:demo:{}", self.name).as_bytes()).to_string()
    }
}

/// The broker's role, `brokerRole` on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BrokerRole {
    /// Arranges the sale between customer and seller.
    Agent,
    /// Buys for itself.
    Reseller,
    /// There is no broker: the seller's own shop.
    Direct,
}

/// One call, with the status that it should get.
#[derive(Debug, Clone, Copy)]
pub struct ScriptedCall {
    /// The call.
    pub call: ScriptCall,
    /// What its message does differently from a proper one.
    pub tweaks: &'static [Mutation],
    /// Status that the booking system should answer, misbehaving as the step says.
    pub status: u16,
}

/// A call of the booking system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScriptCall {
    /// The dataset site, then the opportunity feed to its end.
    Harvest,
    /// A quote without the customer.
    C1,
    /// A quote with the customer.
    C2,
    /// The booking.
    B,
    /// A cancellation of the first item that was booked.
    Cancel,
    /// The state of the Order.
    Status,
    /// The Orders feed to its end.
    OrdersFeed,
    /// Deletion of the quote.
    DeleteQuote,
    /// Deletion of the Order.
    DeleteOrder,
    /// A booking at a path that does not exist.
    UnknownPath,
    /// A booking by POST.
    Post,
}

impl ScriptCall {
    /// What it is called in messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Harvest => "the open data",
            Self::C1 => "C1",
            Self::C2 => "C2",
            Self::B => "B",
            Self::Cancel => "the cancellation",
            Self::Status => "the Order's status",
            Self::OrdersFeed => "the Orders feed",
            Self::DeleteQuote => "the deletion of the quote",
            Self::DeleteOrder => "the deletion of the Order",
            Self::UnknownPath => "the call at an unknown path",
            Self::Post => "the POST",
        }
    }
}

/// One change to a proper message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mutation {
    /// A property of the root is left out.
    Without(&'static str),
    /// The customer's e-mail address is left out.
    NoEmail,
    /// The customer gives an e-mail address and nothing else.
    OnlyEmail,
    /// The broker's name is left out.
    NoBrokerName,
    /// A broker is named, whatever the role.
    AddBroker,
    /// The customer is named, whatever the role and stage.
    AddCustomer,
    /// A payment is made, whatever is due.
    AddPayment,
    /// The payment's identifier is left out.
    NoPaymentIdentifier,
    /// The first item's offer is left out.
    NoOffer,
    /// The first item's opportunity is one that nobody knows.
    UnknownOpportunity,
    /// The total is so many pence, whatever was quoted.
    Total(i64),
    /// `@type` is another one.
    Type(&'static str),
    /// The patch holds a property that it may not hold.
    ExcessiveProperty,
    /// The patch asks for another status than cancelled.
    AnotherStatus,
    /// The body is cut in half.
    CutOff,
    /// No Authorization is sent.
    NoAuthorization,
    /// The body is called `application/json`.
    PlainJson,
}

/// A proper call.
pub(super) const fn act(call: ScriptCall, status: u16) -> ScriptedCall {
    ScriptedCall { call, tweaks: &[], status }
}

/// A call with a difference.
pub(super) const fn tweaked(call: ScriptCall, tweaks: &'static [Mutation], status: u16) -> ScriptedCall {
    ScriptedCall { call, tweaks, status }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::openbooking::is_uuid;

    #[test]
    fn names_are_unique_and_titles_short() {
        let mut names: Vec<_> = faulty().iter().map(|step| step.name).collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
        assert!(faulty().iter().all(|step| step.title.len() <= 110 && is_uuid(&step.uuid())));
    }

    #[test]
    fn the_golden_script_is_without_fault() {
        for step in golden().iter() {
            assert!(step.misbehaviours.is_empty(), "{}", step.name);
            assert!(step.acts.iter().all(|act| act.tweaks.is_empty()), "{}", step.name);
        }
    }

    #[test]
    fn every_misbehaviour_is_shown() {
        for misbehaviour in Misbehaviour::ALL {
            let shown = faulty().iter().any(|step| step.misbehaviours.contains(misbehaviour));
            assert!(shown, "no step shows {misbehaviour}");
        }
    }
}
