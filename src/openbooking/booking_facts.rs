//! What an answer says of a booking: its price, its lease, its status.
//!
//! `Order, OrderQuote, OrderProposal, error → BookingFacts` · `page of an Orders feed → BookingFacts of each item's booking`

use std::sync::Arc;

use jiff::Timestamp;

use super::{Stage, is_uuid};
use crate::json::Value;

/// Most items of a page that are read. Those behind it are left out: a page of a feed holds 500 or so.
const MAX_ITEMS: usize = 1_000;

/// Most characters of a text.
const MAX_TEXT: usize = 60;

/// What an answer, or an item of a feed, says of a booking. Texts are cut after 60 characters.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BookingFacts {
    /// Order UUID in lower case.
    pub order_uuid: Arc<str>,
    /// 0-based index of the item of the page that says so; 0 where it is no page.
    pub item: u32,
    /// Amount and currency: `29.98 GBP`.
    pub total: Option<Box<str>>,
    /// When the lease ends.
    pub lease: Option<Timestamp>,
    /// Version of the proposal: the last segment of `orderProposalVersion`.
    pub proposal: Option<Box<str>>,
    /// Names of the items' statuses, or of the error.
    pub status: Option<Box<str>>,
}

impl BookingFacts {
    /// What an answer of this stage says, `root` being its content: of the booking of its path, or of those on a page of a
    /// feed of Orders. Nothing where there is neither.
    pub fn of_answer(stage: Stage, order_uuid: Option<&Arc<str>>, root: Value<'_>) -> Vec<Self> {
        match (stage, order_uuid) {
            (Stage::OrdersFeed | Stage::OrderProposalsFeed, _) => {
                let items = root.get("items").into_iter().flat_map(Value::items);
                let items = (0..).zip(items.take(MAX_ITEMS));
                items.filter_map(|(at, item)| Some(Self { item: at, ..Self::of_item(item)? })).collect()
            }
            (_, Some(order_uuid)) => vec![Self::of_booking(Arc::clone(order_uuid), root)],
            (_, None) => Vec::new(),
        }
    }

    /// What an item of a feed says.
    fn of_item(item: Value<'_>) -> Option<Self> {
        let uuid = item.get("id").or_else(|| item.find("/data/identifier")).and_then(Value::as_str);
        let uuid = uuid.filter(|uuid| is_uuid(uuid))?.to_ascii_lowercase();
        let facts = Self::of_booking(uuid.into(), item.get("data").unwrap_or(item));
        let is_deleted = item.get("state").and_then(Value::as_str) == Some("deleted");
        Some(if is_deleted { Self { status: Some("deleted".into()), ..facts } } else { facts })
    }

    /// What an Order, OrderQuote, OrderProposal or OpenBookingError says.
    fn of_booking(order_uuid: Arc<str>, root: Value<'_>) -> Self {
        let total = root.get("totalPaymentDue");
        let price = total.and_then(|total| total.get("price"));
        let amount = price.map(|price| price.as_str().map_or_else(|| price.to_json(), str::to_owned));
        let currency = total.and_then(|total| total.get("priceCurrency")).and_then(Value::as_str).unwrap_or_default();
        let lease = root.find("/lease/leaseExpires").and_then(Value::as_str);
        let text = |name| root.get(name).and_then(Value::as_str).map(last_segment);
        let kind = root.get("@type").and_then(Value::as_str).filter(|kind| kind.ends_with("Error"));
        let mut statuses: Vec<&str> = Vec::new();
        for item in root.get("orderedItem").into_iter().flat_map(Value::items) {
            let error = item.get("error").and_then(|errors| errors.at(0)).and_then(|error| error.get("@type"));
            let status = error.or_else(|| item.get("orderItemStatus")).and_then(Value::as_str).map(last_segment);
            statuses.extend(status.filter(|status| statuses.len() < 10 && !statuses.contains(status)));
        }
        let of_items = (!statuses.is_empty()).then(|| short(&statuses.join(", ")));
        Self {
            order_uuid,
            item: 0,
            total: amount.map(|amount| short(format!("{amount} {currency}").trim_end())),
            lease: lease.and_then(|lease| lease.parse().ok()),
            proposal: text("orderProposalVersion").map(short),
            status: kind.map(short).or(of_items).or_else(|| text("orderProposalStatus").map(short)),
        }
    }

    /// Bytes that it takes, about.
    pub fn weight(&self) -> usize {
        let texts = [&self.total, &self.proposal, &self.status];
        size_of::<Self>()
            + texts.into_iter().flatten().map(|text| text.len() + 16).sum::<usize>()
            + self.order_uuid.len()
    }
}

/// What stands behind the last `/`: `https://openactive.io/OrderItemConfirmed` is `OrderItemConfirmed`.
fn last_segment(text: &str) -> &str {
    text.rsplit('/').next().unwrap_or_default()
}

fn short(text: &str) -> Box<str> {
    text.chars().take(MAX_TEXT).collect::<String>().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::Document;

    const UUID: &str = "05b4474e-feb1-54ee-9688-8c5f9a2d19ef";

    fn facts(stage: Stage, uuid: Option<&str>, answer: &str) -> Vec<BookingFacts> {
        let document = Document::parse(answer.as_bytes()).unwrap();
        BookingFacts::of_answer(stage, uuid.map(Arc::from).as_ref(), document.root())
    }

    #[test]
    fn a_quote_says_its_price_lease_and_statuses() {
        let quote = r#"{"totalPaymentDue": {"price": 29.98, "priceCurrency": "GBP"},
            "lease": {"leaseExpires": "2026-11-29T18:21:00Z"}, "orderProposalVersion": "https://a.example/versions/7",
            "orderedItem": [{"orderItemStatus": "https://openactive.io/OrderItemConfirmed"},
                {"orderItemStatus": "https://openactive.io/OrderItemConfirmed"}, {"error": [{"@type": "OpportunityIsFullError"}]}]}"#;
        let said = facts(Stage::C2, Some(UUID), quote);
        let expected = BookingFacts {
            order_uuid: UUID.into(),
            item: 0,
            total: Some("29.98 GBP".into()),
            lease: Some("2026-11-29T18:21:00Z".parse().unwrap()),
            proposal: Some("7".into()),
            status: Some("OrderItemConfirmed, OpportunityIsFullError".into()),
        };
        assert_eq!(said, [expected]);
        let error = facts(Stage::B, Some(UUID), r#"{"@type": "IncompleteCustomerDetailsError"}"#);
        assert_eq!(error[0].status.as_deref(), Some("IncompleteCustomerDetailsError"));
        assert_eq!(facts(Stage::C2, None, quote), [], "no booking is known");
    }

    #[test]
    fn a_page_of_a_feed_says_how_each_of_its_bookings_stands() {
        let page = format!(
            r#"{{"items": [{{"id": "{UUID}", "state": "deleted"}}, {{"state": "updated"}}, {{"state": "updated",
                "data": {{"identifier": "{}", "orderProposalStatus": "https://openactive.io/SellerAccepted"}}}}]}}"#,
            UUID.to_ascii_uppercase()
        );
        let said = facts(Stage::OrdersFeed, None, &page);
        let statuses: Vec<_> = said.iter().map(|said| (&*said.order_uuid, said.item, said.status.as_deref())).collect();
        assert_eq!(statuses, [(UUID, 0, Some("deleted")), (UUID, 2, Some("SellerAccepted"))]);
    }

    #[test]
    fn long_texts_and_long_pages_are_cut() {
        let order = format!(r#"{{"@type": "{}Error", "orderedItem": 7}}"#, "ü".repeat(100));
        assert_eq!(
            facts(Stage::B, Some(UUID), &order)[0].status.as_ref().map(|text| text.chars().count()),
            Some(MAX_TEXT)
        );
        let items = vec![format!(r#"{{"id": "{UUID}"}}"#); MAX_ITEMS + 5].join(",");
        assert_eq!(facts(Stage::OrdersFeed, None, &format!(r#"{{"items": [{items}]}}"#)).len(), MAX_ITEMS);
    }
}
