//! What a page of a feed tells of orders.
//!
//! `page ─► item ─► the order that it is about, and its status ─► as the recorded page had it?`

use std::collections::HashMap;

use crate::json::Value;
use crate::shape::find_uuids;

/// What feeds have told of orders, the latest of each.
#[derive(Debug, Default)]
pub(super) struct OrderStates(HashMap<u128, String>);

impl OrderStates {
    /// Takes up a page. An item tells of the orders whose UUIDs are in its `id` or in the `@id` of its data.
    pub(super) fn take(&mut self, page: Value<'_>) {
        for item in page.get("items").into_iter().flat_map(Value::items) {
            let names = [item.get("id"), item.get("data").and_then(|data| data.get("@id"))];
            let names = names.into_iter().flatten().filter_map(Value::as_str);
            for found in names.flat_map(find_uuids) {
                self.0.insert(found.uuid, state(item));
            }
        }
    }

    /// Those of other UUIDs, as far as `rename` knows them.
    pub(super) fn renamed(self, rename: impl Fn(u128) -> Option<u128>) -> Self {
        Self(self.0.into_iter().filter_map(|(order, state)| Some((rename(order)?, state))).collect())
    }

    /// How many orders are in another state in `other`, or not in it at all.
    pub(super) fn missing_in(&self, other: &Self) -> usize {
        self.0.iter().filter(|(order, state)| other.0.get(order) != Some(state)).count()
    }

    /// How many orders it tells of.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

/// The state of an item and the statuses of its order: what a broker waits for.
fn state(item: Value<'_>) -> String {
    let text = |value: Option<Value<'_>>| value.and_then(Value::as_str).unwrap_or_default().to_owned();
    let data = item.get("data");
    let mut state = text(item.get("state"));
    state.push_str(&text(data.and_then(|data| data.get("orderProposalStatus"))));
    for line in data.and_then(|data| data.get("orderedItem")).into_iter().flat_map(Value::items) {
        state.push(' ');
        state.push_str(&text(line.get("orderItemStatus")));
    }
    state
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::Document;

    const A: &str = "14a19ffd-7278-4296-9c71-96669e5c5b00";

    fn states(pages: &[&str]) -> OrderStates {
        let mut states = OrderStates::default();
        for page in pages {
            states.take(Document::parse(page.as_bytes()).unwrap().root());
        }
        states
    }

    #[test]
    fn an_order_is_told_of_once_its_statuses_are_those_that_are_waited_for() {
        let item = |status: &str| {
            format!(r#"{{"items":[{{"id":"{A}","state":"updated","data":{{"orderProposalStatus":"{status}"}}}}]}}"#)
        };
        let wanted = states(&[&item("SellerAccepted")]);
        assert_eq!(wanted.missing_in(&states(&[])), 1);
        assert_eq!(wanted.missing_in(&states(&[&item("AwaitingSellerConfirmation")])), 1);
        assert_eq!(wanted.missing_in(&states(&[&item("AwaitingSellerConfirmation"), &item("SellerAccepted")])), 0);
        assert_eq!(wanted.len(), 1);
    }
}
