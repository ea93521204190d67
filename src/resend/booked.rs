//! What the present run has booked, and how it is taken back.
//!
//! `call, answer ─► BookedOrders ─► what is left ─► requests that cancel, reject or delete`

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::openbooking::Stage;

/// What is left of a booking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BookedKind {
    /// A quote, which may hold a lease.
    Quote,
    /// A proposal.
    Proposal,
    /// An order that was booked.
    Order,
}

impl BookedKind {
    /// The kind in words.
    pub(crate) fn in_words(self) -> &'static str {
        match self {
            Self::Quote => "quote",
            Self::Proposal => "proposal",
            Self::Order => "order",
        }
    }
}

/// A booking that was left at the booking system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LeftBooking {
    /// Its Order UUID.
    pub uuid: String,
    /// What is left.
    pub kind: BookedKind,
    /// The `@id`s of its items that are not cancelled.
    pub items: Vec<String>,
}

/// The bookings of a run, by Order UUID.
#[derive(Debug, Default)]
pub(super) struct BookedOrders(BTreeMap<String, LeftBooking>);

impl BookedOrders {
    /// Takes up a call that was answered with success.
    pub(super) fn note(&mut self, stage: Stage, uuid: &str, asked: &Value, answer: &Value) {
        let kind = match stage {
            Stage::C1 | Stage::C2 => BookedKind::Quote,
            Stage::P => BookedKind::Proposal,
            Stage::B | Stage::BAfterP => BookedKind::Order,
            Stage::OrderQuoteDelete => {
                if self.0.get(uuid).is_some_and(|left| left.kind == BookedKind::Quote) {
                    self.0.remove(uuid);
                }
                return;
            }
            Stage::OrderDelete => {
                self.0.remove(uuid);
                return;
            }
            Stage::OrderCancel => return self.note_cancelled(uuid, asked),
            Stage::ProposalUpdate => {
                let rejected = asked["orderProposalStatus"].as_str().is_some_and(|it| it.ends_with("Rejected"));
                if rejected && self.0.get(uuid).is_some_and(|left| left.kind == BookedKind::Proposal) {
                    self.0.remove(uuid);
                }
                return;
            }
            _ => return,
        };
        let ids = answer["orderedItem"].as_array().into_iter().flatten().filter_map(|item| item["@id"].as_str());
        let items = ids.map(str::to_owned).collect();
        let is_more = |known: &LeftBooking| kind as u8 >= known.kind as u8;
        if self.0.get(uuid).is_none_or(is_more) {
            self.0.insert(uuid.to_owned(), LeftBooking { uuid: uuid.to_owned(), kind, items });
        }
    }

    fn note_cancelled(&mut self, uuid: &str, asked: &Value) {
        let Some(left) = self.0.get_mut(uuid) else { return };
        let cancelled: Vec<&str> =
            asked["orderedItem"].as_array().into_iter().flatten().filter_map(|item| item["@id"].as_str()).collect();
        left.items.retain(|item| !cancelled.contains(&item.as_str()));
        if left.items.is_empty() {
            self.0.remove(uuid);
        }
    }

    /// It was taken back.
    pub(super) fn remove(&mut self, uuid: &str) {
        self.0.remove(uuid);
    }

    /// What is left, quotes too.
    pub(super) fn left(&self) -> Vec<LeftBooking> {
        self.0.values().cloned().collect()
    }
}

/// The requests that take a booking back, to be tried in this order: method, path below the Base URI, body.
pub(super) fn taking_back(left: &LeftBooking) -> Vec<(&'static str, String, Option<Value>)> {
    let uuid = &left.uuid;
    let delete = |what: &str| ("DELETE", format!("/{what}/{uuid}"), None);
    match left.kind {
        BookedKind::Quote => vec![delete("order-quotes")],
        BookedKind::Proposal => {
            let body = json!({
                "@context": "https://openactive.io/",
                "@type": "OrderProposal",
                "orderProposalStatus": "https://openactive.io/CustomerRejected",
            });
            vec![("PATCH", format!("/order-proposals/{uuid}"), Some(body))]
        }
        BookedKind::Order => {
            let item = |id: &String| json!({ "@type": "OrderItem", "@id": id, "orderItemStatus": "https://openactive.io/CustomerCancelled" });
            let items: Vec<Value> = left.items.iter().map(item).collect();
            let body = json!({ "@context": "https://openactive.io/", "@type": "Order", "orderedItem": items });
            let cancel = (!left.items.is_empty()).then(|| ("PATCH", format!("/orders/{uuid}"), Some(body)));
            cancel.into_iter().chain([delete("orders")]).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_booked_is_left_until_it_is_taken_back() {
        let (mut booked, none) = (BookedOrders::default(), Value::Null);
        let order = json!({ "orderedItem": [{ "@id": "1" }, { "@id": "2" }] });
        booked.note(Stage::C2, "a", &none, &order);
        booked.note(Stage::B, "a", &none, &order);
        booked.note(Stage::C1, "a", &none, &none);
        booked.note(Stage::C1, "b", &none, &none);
        booked.note(Stage::OrderQuoteDelete, "b", &none, &none);
        booked.note(Stage::OrderQuoteDelete, "a", &none, &none);
        let left = booked.left();
        assert_eq!((left.len(), left[0].kind, left[0].items.len()), (1, BookedKind::Order, 2));
        booked.note(Stage::OrderCancel, "a", &json!({ "orderedItem": [{ "@id": "1" }] }), &none);
        assert_eq!(booked.left()[0].items, ["2"]);
        let calls = taking_back(&booked.left()[0]);
        assert_eq!(calls.iter().map(|call| call.0).collect::<Vec<_>>(), ["PATCH", "DELETE"]);
        booked.note(Stage::OrderCancel, "a", &json!({ "orderedItem": [{ "@id": "2" }] }), &none);
        assert!(booked.left().is_empty());
    }
}
