//! The operations of the booking API, from a request that was routed here to the reply.
//!
//! `ApiCall → quote · book · cancel · delete · status · feeds → ApiReply`

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};

use super::answer::{Builder, Totals, item_id};
use super::book::{Book, BookedLine, BookedOrder, Booking, BookingKey, OrderLine, sold_by};
use super::catalogue::{Prepayment, Uris, instant};
use super::problem::{self, Problem};
use super::request::{self, OrderRequest};
use super::{Misbehaviour, Misbehaviours};
use crate::openbooking::Stage;

/// What an operation comes to, before it is put into bytes.
#[derive(Debug)]
pub(super) enum ApiReply {
    /// An OrderQuote or an Order.
    Order(u16, Value),
    /// Done, nothing to say.
    NoContent,
    /// A page of the Orders feed.
    OrdersPage(Value),
    /// A page of open data.
    OpenPage(Value),
    /// The dataset site.
    Html(String),
}

/// One call of the booking API.
pub(super) struct ApiCall<'c> {
    pub(super) stage: Stage,
    pub(super) key: BookingKey,
    pub(super) body: &'c [u8],
    pub(super) now: Timestamp,
    pub(super) uris: &'c Uris,
    pub(super) misbehaviours: Misbehaviours,
}

impl ApiCall<'_> {
    /// Carries the call out.
    pub(super) fn run(&self, book: &mut Book) -> Result<ApiReply, Problem> {
        match self.stage {
            Stage::C1 | Stage::C2 => self.quote(book),
            Stage::B => self.book(book),
            Stage::OrderQuoteDelete => {
                book.release(&self.key);
                Ok(ApiReply::NoContent)
            }
            Stage::OrderDelete => self.delete(book),
            Stage::OrderCancel => self.cancel(book),
            Stage::OrderStatus => {
                let order = self.live(book)?;
                Ok(ApiReply::Order(200, self.builder(book).status(order)))
            }
            _ => Err(Problem::new(&problem::UNKNOWN_ENDPOINT, "this system does not offer the operation")),
        }
    }

    fn builder<'b>(&'b self, book: &'b Book) -> Builder<'b> {
        Builder { book, uris: self.uris, key: &self.key, misbehaviours: self.misbehaviours }
    }

    fn json(&self) -> Result<Value, Problem> {
        let body: Value = serde_json::from_slice(self.body)
            .map_err(|error| Problem::new(&problem::MALFORMED, format!("the body is no JSON: {error}")))?;
        if body.is_object() { Ok(body) } else { Err(Problem::new(&problem::MALFORMED, "the body is no JSON object")) }
    }

    fn quote(&self, book: &mut Book) -> Result<ApiReply, Problem> {
        let body = self.json()?;
        request::check_type(&body, self.stage, self.misbehaviours)?;
        if book.booking(&self.key).is_some() {
            return Err(used(&self.key.1));
        }
        let asked = request::read(&body, self.stage, self.uris, self.misbehaviours)?;
        let lines = self.assess(book, &asked)?;
        if lines.iter().any(|line| line.problem.is_some()) {
            book.release(&self.key);
            return Ok(ApiReply::Order(409, self.builder(book).proposal(self.stage, &asked, &lines, None)));
        }
        let places = lines.iter().filter_map(|line| line.pair).map(|pair| pair.listing).collect();
        let expires = book.hold(&self.key, places, self.now)?;
        Ok(ApiReply::Order(200, self.builder(book).proposal(self.stage, &asked, &lines, Some(expires))))
    }

    fn book(&self, book: &mut Book) -> Result<ApiReply, Problem> {
        let body = self.json()?;
        request::check_type(&body, self.stage, self.misbehaviours)?;
        match book.booking(&self.key) {
            Some(Booking::Live(order)) if order.request == body => {
                return Ok(ApiReply::Order(201, order.answer.clone()));
            }
            Some(_) => return Err(used(&self.key.1)),
            None => {}
        }
        if body.get("orderProposalVersion").is_some() {
            return Err(Problem::new(&problem::UNKNOWN_ORDER, "this system makes no OrderProposals to complete"));
        }
        let asked = request::read(&body, self.stage, self.uris, self.misbehaviours)?;
        let lines = self.assess(book, &asked)?;
        if lines.iter().any(|line| line.problem.is_some()) {
            return Ok(ApiReply::Order(409, self.builder(book).proposal(self.stage, &asked, &lines, None)));
        }
        let lines: Vec<_> = lines.iter().filter_map(|line| booked(line, book)).collect();
        let totals = self.builder(book).totals(&lines);
        if !self.misbehaviours.has(Misbehaviour::AcceptsWrongTotal) {
            check_total(&asked, totals)?;
        }
        check_payment(&asked, totals)?;
        let number = book.sell(&self.key, &lines)?;
        let answer = self.builder(book).order(&asked, &lines, number);
        let order = BookedOrder { request: body, answer: answer.clone(), asked, lines, number, modified: None };
        book.keep(self.key.clone(), order);
        Ok(ApiReply::Order(201, answer))
    }

    fn assess<'a>(&self, book: &Book, asked: &'a OrderRequest) -> Result<Vec<OrderLine<'a>>, Problem> {
        let lines = book.assess(asked, &self.key, self.uris, self.now, self.misbehaviours);
        sold_by(&lines, asked.seller)?;
        Ok(lines)
    }

    /// Deletes an Order. Repeating it is no error.
    fn delete(&self, book: &mut Book) -> Result<ApiReply, Problem> {
        match book.booking(&self.key) {
            None => return Err(unknown(&self.key.1)),
            Some(Booking::Deleted(_)) => {}
            Some(Booking::Live(_)) => book.delete(&self.key),
        }
        Ok(ApiReply::NoContent)
    }

    fn live<'b>(&self, book: &'b Book) -> Result<&'b BookedOrder, Problem> {
        match book.booking(&self.key) {
            None => Err(unknown(&self.key.1)),
            Some(Booking::Deleted(_)) => {
                Err(Problem::new(&problem::GONE, format!("the Order {} was deleted", self.key.1)))
            }
            Some(Booking::Live(order)) => Ok(order),
        }
    }

    /// Cancels items on the customer's behalf: all that are named, or none.
    fn cancel(&self, book: &mut Book) -> Result<ApiReply, Problem> {
        let body = self.json()?;
        let order = self.live(book)?;
        request::check_type(&body, self.stage, self.misbehaviours)?;
        let items = patched_items(&body)?;
        let mut lines = Vec::with_capacity(items.len());
        for item in items {
            let at = self.find_item(item, order)?;
            check_cancellable(&order.lines[at], self.now)?;
            lines.push(at);
        }
        book.cancel(&self.key, &lines);
        Ok(ApiReply::NoContent)
    }

    fn find_item(&self, id: &str, order: &BookedOrder) -> Result<usize, Problem> {
        let uuid = &self.key.1;
        if let Some(at) = (0..order.lines.len()).find(|at| item_id(self.uris, uuid, *at) == id) {
            return Ok(at);
        }
        let of_an_order = id.starts_with(&self.uris.order("")) && id.contains("#/");
        let of_this_order = id.starts_with(&format!("{}#", self.uris.order(uuid)));
        Err(if of_an_order && !of_this_order {
            Problem::new(&problem::FOREIGN_ITEM, format!("{id} is not an item of {uuid}"))
        } else {
            Problem::new(&problem::INVALID_ITEM_ID, format!("{id:?} identifies no item"))
        })
    }
}

fn booked(line: &OrderLine, book: &Book) -> Option<BookedLine> {
    let pair = line.pair?;
    Some(BookedLine {
        pair,
        start: book.sessions[pair.listing].start,
        position: line.item.position,
        attendee: line.item.attendee.clone(),
        cancelled: false,
    })
}

fn used(uuid: &str) -> Problem {
    Problem::new(&problem::ALREADY_EXISTS, format!("{uuid} stands for an Order, or did; take a new UUID"))
}

fn unknown(uuid: &str) -> Problem {
    Problem::new(&problem::UNKNOWN_ORDER, format!("no Order has been made under {uuid}"))
}

fn check_total(asked: &OrderRequest, totals: Totals) -> Result<(), Problem> {
    let due = totals.due.normalize();
    match asked.total {
        Some(total) if total == due => Ok(()),
        Some(total) => Err(Problem::new(
            &problem::TOTAL_MISMATCH,
            format!("totalPaymentDue is {}; due are {due}", total.normalize()),
        )),
        None => Err(Problem::new(&problem::TOTAL_MISMATCH, format!("totalPaymentDue has no price; due are {due}"))),
    }
}

fn check_payment(asked: &OrderRequest, totals: Totals) -> Result<(), Problem> {
    let payable = !totals.due.is_zero() && totals.prepayment != Prepayment::Unavailable;
    match &asked.payment {
        Some(_) if !payable => {
            Err(Problem::new(&problem::UNNECESSARY_PAYMENT, "nothing is to be paid beforehand, yet payment is there"))
        }
        Some(payment) if request::text(payment, "identifier").is_none() => {
            Err(Problem::new(&problem::INCOMPLETE_PAYMENT, "payment has no identifier"))
        }
        None if payable && totals.prepayment == Prepayment::Required => Err(Problem::new(
            &problem::MISSING_PAYMENT,
            format!("payment is missing; due are {}", totals.due.normalize()),
        )),
        _ => Ok(()),
    }
}

/// The identifiers of the items to cancel, from a patch that holds nothing else.
fn patched_items(body: &Value) -> Result<Vec<&str>, Problem> {
    const CANCELLED: &str = "https://openactive.io/CustomerCancelled";
    let empty = Map::new();
    only(body.as_object().unwrap_or(&empty), &["@context", "@type", "orderedItem"])?;
    let items = body.get("orderedItem").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    if items.is_empty() || items.len() > request::MAX_ITEMS {
        let what = format!("orderedItem must be an array of 1 to {} items", request::MAX_ITEMS);
        return Err(Problem::new(&problem::PATCH_VALUE, what));
    }
    let mut ids = Vec::with_capacity(items.len());
    for item in items {
        only(item.as_object().unwrap_or(&empty), &["@type", "@id", "orderItemStatus"])?;
        let status = item.get("orderItemStatus").and_then(Value::as_str).unwrap_or_default();
        if !request::is_term(status, CANCELLED) {
            return Err(Problem::new(&problem::PATCH_VALUE, format!("orderItemStatus can only become {CANCELLED}")));
        }
        ids.push(item.get("@id").and_then(Value::as_str).unwrap_or_default());
    }
    Ok(ids)
}

/// Refuses properties other than those allowed; those of extensions don't count.
fn only(object: &Map<String, Value>, allowed: &[&str]) -> Result<(), Problem> {
    match object.keys().find(|name| !allowed.contains(&name.as_str()) && !name.contains(':')) {
        None => Ok(()),
        Some(name) => Err(Problem::new(&problem::EXCESSIVE_PATCH, format!("{name} cannot be patched"))),
    }
}

fn check_cancellable(line: &BookedLine, now: Timestamp) -> Result<(), Problem> {
    if line.cancelled {
        return Ok(());
    }
    let refuse = |what| Err(Problem::new(&problem::NOT_CANCELLABLE, what));
    match line.pair.listing().cancel_hours {
        None => refuse("this booking is not refunded".to_owned()),
        Some(hours) => {
            let latest = line.start - SignedDuration::from_hours(hours);
            if now < latest { Ok(()) } else { refuse(format!("it could be cancelled until {}", instant(latest))) }
        }
    }
}
