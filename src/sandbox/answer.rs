//! Builds OrderQuotes and Orders as the broker sees them.
//!
//! `OrderRequest + lines + totals → OrderQuote (C1, C2) · BookedOrder (B) · BookedOrder (status) · BookedOrder (Orders feed)`

use jiff::Timestamp;
use rust_decimal::Decimal;
use serde_json::{Map, Value, json};

use super::book::{Book, BookedLine, BookedOrder, BookingKey, OrderLine};
use super::catalogue::{Offering, Prepayment, Uris, instant};
use super::request::{AskedItem, OrderRequest};
use super::{CONTEXT, Misbehaviour, Misbehaviours, money};
use crate::openbooking::Stage;

/// What is due for a set of items.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Totals {
    pub(super) due: Decimal,
    tax: Decimal,
    pub(super) prepayment: Prepayment,
}

impl Totals {
    /// Sums up. Prepayment is required as soon as one priced item requires it, else optional if one leaves the choice.
    pub(super) fn of(pairs: impl Iterator<Item = Offering>, misbehaviours: Misbehaviours) -> Self {
        let mut totals = Self { due: Decimal::ZERO, tax: Decimal::ZERO, prepayment: Prepayment::Unavailable };
        for pair in pairs {
            let tariff = pair.tariff();
            totals.due += tariff.price();
            totals.tax += money::vat_within(tariff.price());
            totals.prepayment = match (totals.prepayment, tariff.prepayment) {
                (Prepayment::Required, _) | (_, Prepayment::Required) => Prepayment::Required,
                (Prepayment::Optional, _) | (_, Prepayment::Optional) => Prepayment::Optional,
                _ => Prepayment::Unavailable,
            };
        }
        if misbehaviours.has(Misbehaviour::WrongTotal) && !totals.due.is_zero() {
            totals.due += Decimal::ONE;
        }
        totals
    }

    fn put_into(self, answer: &mut Map<String, Value>) {
        answer.insert(
            "totalPaymentDue".to_owned(),
            json!({
                "@type": "PriceSpecification",
                "price": money::number(self.due),
                "priceCurrency": money::CURRENCY,
                "openBookingPrepayment": self.prepayment.iri(),
            }),
        );
        if !self.tax.is_zero() {
            answer.insert("totalPaymentTax".to_owned(), vat(self.tax));
        }
    }
}

fn vat(amount: Decimal) -> Value {
    json!([{
        "@type": "TaxChargeSpecification",
        "name": "VAT at 20%",
        "price": money::number(amount),
        "priceCurrency": money::CURRENCY,
        "rate": 0.2,
    }])
}

/// Where an answer is built: the system's state and whom it answers.
#[derive(Clone, Copy)]
pub(super) struct Builder<'b> {
    pub(super) book: &'b Book,
    pub(super) uris: &'b Uris,
    pub(super) key: &'b BookingKey,
    pub(super) misbehaviours: Misbehaviours,
}

impl Builder<'_> {
    /// The answer to C1 and C2, and, with problems on items, to B. `lease`: until when places are held.
    pub(super) fn proposal(
        &self,
        stage: Stage,
        asked: &OrderRequest,
        lines: &[OrderLine],
        lease: Option<Timestamp>,
    ) -> Value {
        let mut answer = if stage == Stage::B {
            self.head("Order", &self.uris.order(&self.key.1), asked)
        } else {
            let mut quote = self.head("OrderQuote", &self.uris.quote(&self.key.1), asked);
            quote.insert("orderRequiresApproval".to_owned(), json!(false));
            quote
        };
        if let Some(expires) = lease {
            answer.insert("lease".to_owned(), json!({ "@type": "Lease", "leaseExpires": instant(expires) }));
        }
        if stage != Stage::B
            && let Some(payment) = payment_without_identifier(asked)
        {
            answer.insert("payment".to_owned(), payment);
        }
        let items = lines.iter().map(|line| self.proposed_item(line)).collect();
        answer.insert("orderedItem".to_owned(), Value::Array(items));
        let good = lines.iter().filter(|line| line.problem.is_none()).filter_map(|line| line.pair);
        Totals::of(good, self.misbehaviours).put_into(&mut answer);
        Value::Object(answer)
    }

    /// The answer to B, for lines that have just been sold.
    pub(super) fn order(&self, asked: &OrderRequest, lines: &[BookedLine], number: u64) -> Value {
        self.whole_order(asked, lines, number, true)
    }

    /// The answer to a call for the Order's status.
    pub(super) fn status(&self, order: &BookedOrder) -> Value {
        self.whole_order(&order.asked, &order.lines, order.number, false)
    }

    fn whole_order(&self, asked: &OrderRequest, lines: &[BookedLine], number: u64, with_position: bool) -> Value {
        let mut answer = self.head("Order", &self.uris.order(&self.key.1), asked);
        answer.insert("identifier".to_owned(), json!(self.key.1));
        answer.insert("orderNumber".to_owned(), json!(format!("SBX-{number:06}")));
        if let Some(payment) = &asked.payment {
            answer.insert("payment".to_owned(), payment.clone());
        }
        let items = lines.iter().enumerate().map(|(at, line)| {
            let mut item = self.booked_item(line, at, number);
            let listing = line.pair.listing();
            let left = self.book.left(line.pair.listing, self.key);
            item.insert("orderedItem".to_owned(), self.uris.session_json(listing, line.start, left));
            if with_position {
                item.insert("position".to_owned(), json!(line.position));
            }
            if let Some(attendee) = &line.attendee {
                item.insert("attendee".to_owned(), attendee.clone());
            }
            Value::Object(item)
        });
        answer.insert("orderedItem".to_owned(), items.collect());
        self.totals(lines).put_into(&mut answer);
        Value::Object(answer)
    }

    /// The Order as it stands in the Orders feed: no parties, no payment, opportunities as references.
    pub(super) fn feed_item(&self, order: &BookedOrder) -> Value {
        let mut data = Map::new();
        data.insert("@context".to_owned(), json!(CONTEXT));
        data.insert("@type".to_owned(), json!("Order"));
        data.insert("@id".to_owned(), json!(self.uris.order(&self.key.1)));
        data.insert("identifier".to_owned(), json!(self.key.1));
        let items = order.lines.iter().enumerate().map(|(at, line)| {
            let mut item = self.booked_item(line, at, order.number);
            item.insert("orderedItem".to_owned(), json!(self.uris.session(line.pair.listing())));
            Value::Object(item)
        });
        data.insert("orderedItem".to_owned(), items.collect());
        self.totals(&order.lines).put_into(&mut data);
        if self.misbehaviours.has(Misbehaviour::LeaksCustomerInFeed)
            && let Some(customer) = &order.asked.customer
        {
            data.insert("customer".to_owned(), customer.clone());
        }
        Value::Object(data)
    }

    /// What is due for the lines that are not cancelled.
    pub(super) fn totals(&self, lines: &[BookedLine]) -> Totals {
        Totals::of(lines.iter().filter(|line| !line.cancelled).map(|line| line.pair), self.misbehaviours)
    }

    fn head(&self, kind: &str, id: &str, asked: &OrderRequest) -> Map<String, Value> {
        let mut head = Map::new();
        head.insert("@context".to_owned(), json!(CONTEXT));
        head.insert("@type".to_owned(), json!(kind));
        head.insert("@id".to_owned(), json!(id));
        head.insert("brokerRole".to_owned(), json!(asked.role.iri()));
        if let Some(broker) = &asked.broker {
            head.insert("broker".to_owned(), broker.clone());
        }
        if let Some(customer) = &asked.customer {
            head.insert("customer".to_owned(), customer.clone());
        }
        head.insert("seller".to_owned(), self.uris.seller_json(asked.seller));
        head.insert("bookingService".to_owned(), self.uris.booking_service_json());
        head
    }

    fn proposed_item(&self, line: &OrderLine) -> Value {
        let mut item = Map::new();
        item.insert("@type".to_owned(), json!("OrderItem"));
        item.insert("position".to_owned(), json!(line.item.position));
        match line.pair {
            Some(pair) => {
                let left = self.book.left(pair.listing, self.key);
                let start = self.book.sessions[pair.listing].start;
                item.insert("orderedItem".to_owned(), self.uris.session_json(pair.listing(), start, left));
                item.insert("acceptedOffer".to_owned(), self.uris.offer_json(pair.listing(), pair.tariff()));
            }
            None => insert_references(&mut item, line.item, self.uris),
        }
        if let Some(attendee) = &line.item.attendee {
            item.insert("attendee".to_owned(), attendee.clone());
        }
        match (&line.problem, line.pair) {
            (Some(problem), _) => {
                item.insert("error".to_owned(), json!([problem.on_item()]));
            }
            (None, Some(pair)) => insert_tax(&mut item, pair),
            (None, None) => {}
        }
        Value::Object(item)
    }

    /// What an item says of itself both after B and in the feed.
    fn booked_item(&self, line: &BookedLine, at: usize, number: u64) -> Map<String, Value> {
        let status = if line.cancelled { "CustomerCancelled" } else { "OrderItemConfirmed" };
        let mut item = Map::new();
        item.insert("@type".to_owned(), json!("OrderItem"));
        item.insert("@id".to_owned(), json!(item_id(self.uris, &self.key.1, at)));
        item.insert("orderItemStatus".to_owned(), json!(format!("https://openactive.io/{status}")));
        item.insert("acceptedOffer".to_owned(), self.uris.offer_json(line.pair.listing(), line.pair.tariff()));
        insert_tax(&mut item, line.pair);
        item.insert(
            "accessCode".to_owned(),
            json!([{
                "@type": "PropertyValue",
                "name": "Door code",
                "description": format!("{:06}", (number * 7_919 + at as u64 * 104_729) % 1_000_000),
            }]),
        );
        item
    }
}

/// Identifier of the item at a place of an Order's list of items.
pub(super) fn item_id(uris: &Uris, uuid: &str, at: usize) -> String {
    format!("{}#/orderedItems/{}", uris.order(uuid), at + 1)
}

/// What an item that is refused asked for. A reference that is no whole URL is resolved.
fn insert_references(item: &mut Map<String, Value>, asked: &AskedItem, uris: &Uris) {
    for (property, reference) in [("orderedItem", &asked.opportunity), ("acceptedOffer", &asked.offer)] {
        if let Some(reference) = reference {
            let whole = if reference.contains("://") { reference.clone() } else { uris.resolved(reference) };
            item.insert(property.to_owned(), json!(whole));
        }
    }
}

fn insert_tax(item: &mut Map<String, Value>, pair: Offering) {
    let tax = money::vat_within(pair.tariff().price());
    if !tax.is_zero() {
        item.insert("unitTaxSpecification".to_owned(), vat(tax));
    }
}

fn payment_without_identifier(asked: &OrderRequest) -> Option<Value> {
    let mut payment = asked.payment.clone()?;
    payment.as_object_mut()?.shift_remove("identifier");
    Some(payment)
}
