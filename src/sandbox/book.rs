//! What is booked and what is held: places, leases, Orders, and the order in which all of it changed.
//!
//! `quote → lease (some minutes) → BookedOrder → item cancelled → BookedOrder deleted (its UUID stays used)`
//!
//! Everything is kept per caller: two sets of credentials may use the same Order UUID and never meet.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::catalogue::{LISTINGS, Offering, Uris};
use super::problem::{self, Problem};
use super::request::{AskedItem, OrderRequest};
use super::{Misbehaviour, Misbehaviours};

/// How long a quote holds its places.
pub(super) const LEASE: SignedDuration = SignedDuration::from_mins(10);

/// Most leases at one time, expired ones not counted. Past it quotes are refused with
/// `TemporarilyUnableToProduceOrderQuoteError`.
pub(super) const MAX_LEASES: usize = 2_000;

/// Most Orders, deleted ones included. Past it bookings are refused with `TemporarilyUnableToCreateOrderError`.
pub(super) const MAX_ORDERS: usize = 10_000;

const WEEK: SignedDuration = SignedDuration::from_hours(7 * 24);

/// Caller (the value of Authorization) and Order UUID in lower case.
pub(super) type BookingKey = (String, String);

/// The state of the booking system.
pub(super) struct Book {
    /// One for each of [`LISTINGS`].
    pub(super) sessions: Vec<SessionState>,
    leases: BTreeMap<BookingKey, HeldPlaces>,
    bookings: BTreeMap<BookingKey, Booking>,
    /// Number of the latest change; both feeds count with it.
    changes: u64,
    /// Number of the latest Order.
    orders: u64,
}

/// The state of a listing's session.
pub(super) struct SessionState {
    pub(super) start: Timestamp,
    booked: u32,
    /// Number of its latest change.
    pub(super) modified: u64,
}

struct HeldPlaces {
    /// A listing for each place held.
    places: Vec<usize>,
    expires: Timestamp,
}

/// What an Order UUID stands for.
pub(super) enum Booking {
    Live(Box<BookedOrder>),
    /// Number of the deletion, if the Orders feed has ever shown the Order.
    Deleted(Option<u64>),
}

/// A booking that was made.
pub(super) struct BookedOrder {
    /// Body of the request that made it.
    pub(super) request: Value,
    /// The answer that it got.
    pub(super) answer: Value,
    pub(super) asked: OrderRequest,
    pub(super) lines: Vec<BookedLine>,
    pub(super) number: u64,
    /// Number of its latest change after it was made, if any.
    pub(super) modified: Option<u64>,
}

/// An item of an Order.
pub(super) struct BookedLine {
    pub(super) pair: Offering,
    /// Start of the session at the time of booking.
    pub(super) start: Timestamp,
    pub(super) position: i64,
    pub(super) attendee: Option<Value>,
    pub(super) cancelled: bool,
}

/// An item asked for, and what there is to say about it.
pub(super) struct OrderLine<'a> {
    pub(super) item: &'a AskedItem,
    /// The pair that it names, if it exists.
    pub(super) pair: Option<Offering>,
    pub(super) problem: Option<Problem>,
}

impl Book {
    /// The state at the start: sessions lie ahead of `now`, nothing is ordered.
    pub(super) fn open(now: Timestamp) -> Self {
        let today = now - SignedDuration::from_secs(now.as_second().rem_euclid(24 * 3600));
        let sessions = LISTINGS
            .iter()
            .zip(1..)
            .map(|(listing, modified)| SessionState {
                start: today + SignedDuration::from_mins(listing.days * 24 * 60 + listing.minute),
                booked: listing.sold,
                modified,
            })
            .collect();
        Self { sessions, leases: BTreeMap::new(), bookings: BTreeMap::new(), changes: LISTINGS.len() as u64, orders: 0 }
    }

    /// Moves sessions that have begun on to their next week, with as many places as in the first, and ends leases.
    pub(super) fn advance(&mut self, now: Timestamp) {
        self.leases.retain(|_, lease| lease.expires > now);
        for (session, listing) in self.sessions.iter_mut().zip(&LISTINGS) {
            if session.start > now {
                continue;
            }
            while session.start <= now {
                session.start += WEEK;
            }
            session.booked = listing.sold;
            self.changes += 1;
            session.modified = self.changes;
        }
    }

    /// Places left for the holder of `key`: neither sold nor held for anyone else.
    pub(super) fn left(&self, listing: usize, key: &BookingKey) -> u32 {
        self.unsold(listing).saturating_sub(self.held_for_others(listing, key))
    }

    /// Places that are not sold, held or not.
    pub(super) fn unsold(&self, listing: usize) -> u32 {
        LISTINGS[listing].capacity.saturating_sub(self.sessions[listing].booked)
    }

    fn held_for_others(&self, listing: usize, key: &BookingKey) -> u32 {
        let others = self.leases.iter().filter(|(holder, _)| *holder != key);
        others.flat_map(|(_, lease)| &lease.places).filter(|place| **place == listing).count() as u32
    }

    /// Looks each item up and says what is wrong with it, capacity last.
    pub(super) fn assess<'a>(
        &self,
        asked: &'a OrderRequest,
        key: &BookingKey,
        uris: &Uris,
        now: Timestamp,
        misbehaviours: Misbehaviours,
    ) -> Vec<OrderLine<'a>> {
        let mut taken: BTreeMap<usize, u32> = BTreeMap::new();
        let assess = |item: &'a AskedItem| {
            let pair = match find_pair(item, uris) {
                Ok(pair) => pair,
                Err(problem) => return OrderLine { item, pair: None, problem: Some(problem) },
            };
            let mut problem = self.check_window(pair, now).err();
            if problem.is_none() && !misbehaviours.has(Misbehaviour::Oversells) {
                let taken = taken.entry(pair.listing).or_default();
                problem = self.check_capacity(pair, *taken, key).err();
                *taken += 1;
            }
            OrderLine { item, pair: Some(pair), problem }
        };
        asked.items.iter().map(assess).collect()
    }

    fn check_window(&self, pair: Offering, now: Timestamp) -> Result<(), Problem> {
        let start = self.sessions[pair.listing].start;
        let opens = pair.listing().opens_hours.map(|hours| start - SignedDuration::from_hours(hours));
        match opens {
            Some(opens) if now < opens => Err(Problem::new(
                &problem::NOT_BOOKABLE,
                format!("booking opens at {}", super::catalogue::instant(opens)),
            )),
            _ if start <= now => Err(Problem::new(&problem::NOT_BOOKABLE, "the session has begun")),
            _ => Ok(()),
        }
    }

    fn check_capacity(&self, pair: Offering, taken: u32, key: &BookingKey) -> Result<(), Problem> {
        let left = self.left(pair.listing, key);
        let held = self.unsold(pair.listing) - left;
        let (kind, what) = match taken {
            taken if taken < left => return Ok(()),
            _ if left == 0 && held == 0 => (&problem::FULL, "no place is left".to_owned()),
            taken if taken < left + held => {
                let are = if held == 1 { "is" } else { "are" };
                (&problem::RESERVED, format!("{held} of the places {are} held for others"))
            }
            _ if left == 1 => (&problem::INSUFFICIENT_CAPACITY, "1 place is left".to_owned()),
            _ => (&problem::INSUFFICIENT_CAPACITY, format!("{left} places are left")),
        };
        Err(Problem::new(kind, what))
    }

    /// Holds places under `key` in place of those held under it before; answers until when.
    pub(super) fn hold(&mut self, key: &BookingKey, places: Vec<usize>, now: Timestamp) -> Result<Timestamp, Problem> {
        if self.leases.len() >= MAX_LEASES && !self.leases.contains_key(key) {
            return Err(Problem::new(&problem::QUOTE_UNAVAILABLE, "too many quotes are open"));
        }
        let expires = now + LEASE;
        self.leases.insert(key.clone(), HeldPlaces { places, expires });
        Ok(expires)
    }

    /// Lets go of the places held under `key`, if any.
    pub(super) fn release(&mut self, key: &BookingKey) {
        self.leases.remove(key);
    }

    /// What the UUID of `key` stands for.
    pub(super) fn booking(&self, key: &BookingKey) -> Option<&Booking> {
        self.bookings.get(key)
    }

    /// Sells the places of `lines`, ends the lease of `key` and answers the new Order's number.
    pub(super) fn sell(&mut self, key: &BookingKey, lines: &[BookedLine]) -> Result<u64, Problem> {
        if self.bookings.len() >= MAX_ORDERS {
            return Err(Problem::new(
                &problem::ORDER_UNAVAILABLE,
                "the sandbox has taken as many Orders as it can keep",
            ));
        }
        self.release(key);
        for line in lines {
            self.change_places(line.pair.listing, line.start, 1);
        }
        self.orders += 1;
        Ok(self.orders)
    }

    /// Keeps a new Order.
    pub(super) fn keep(&mut self, key: BookingKey, order: BookedOrder) {
        self.bookings.insert(key, Booking::Live(Box::new(order)));
    }

    /// Cancels the items at `lines` of a live Order; those that are cancelled already stay as they are.
    pub(super) fn cancel(&mut self, key: &BookingKey, lines: &[usize]) {
        let Some(Booking::Live(order)) = self.bookings.get_mut(key) else { return };
        let mut freed = Vec::new();
        for at in lines {
            if let Some(line) = order.lines.get_mut(*at).filter(|line| !line.cancelled) {
                line.cancelled = true;
                freed.push((line.pair.listing, line.start));
            }
        }
        if freed.is_empty() {
            return;
        }
        self.changes += 1;
        order.modified = Some(self.changes);
        for (listing, start) in freed {
            self.change_places(listing, start, -1);
        }
    }

    /// Deletes a live Order: its places are free again, its UUID stays used.
    pub(super) fn delete(&mut self, key: &BookingKey) {
        let Some(booking @ Booking::Live(_)) = self.bookings.get_mut(key) else { return };
        let Booking::Live(order) = std::mem::replace(booking, Booking::Deleted(None)) else { return };
        if order.modified.is_some() {
            self.changes += 1;
            *booking = Booking::Deleted(Some(self.changes));
        }
        for line in order.lines.iter().filter(|line| !line.cancelled) {
            self.change_places(line.pair.listing, line.start, -1);
        }
    }

    /// All that `caller` has ever booked, with the Order UUIDs.
    pub(super) fn bookings_of<'b>(&'b self, caller: &'b str) -> impl Iterator<Item = (&'b str, &'b Booking)> {
        let of_caller = self.bookings.iter().filter(move |((owner, _), _)| owner == caller);
        of_caller.map(|((_, uuid), booking)| (uuid.as_str(), booking))
    }

    /// Counts a place as sold (1) or free again (-1), unless the session has moved on to another week.
    fn change_places(&mut self, listing: usize, start: Timestamp, by: i32) {
        let session = &mut self.sessions[listing];
        if session.start == start {
            session.booked = session.booked.saturating_add_signed(by);
            self.changes += 1;
            session.modified = self.changes;
        }
    }
}

fn find_pair(item: &AskedItem, uris: &Uris) -> Result<Offering, Problem> {
    let incomplete = |what| Problem::new(&problem::INCOMPLETE_ITEM, what);
    let opportunity = item.opportunity.as_deref().ok_or_else(|| incomplete("orderedItem is missing"))?;
    if item.overrides_offer {
        return Err(Problem::new(&problem::UNACCEPTABLE_OFFER, "prices are not set by brokers here".to_owned()));
    }
    let offer = item.offer.as_deref().ok_or_else(|| incomplete("acceptedOffer is missing"))?;
    if let Some(foreign) = [opportunity, offer].into_iter().find(|id| !id.starts_with(&uris.ids())) {
        return Err(Problem::new(&problem::INVALID_ID, format!("{foreign} is no identifier of this system")));
    }
    let listing = uris
        .find_session(opportunity)
        .ok_or_else(|| Problem::new(&problem::UNKNOWN_OPPORTUNITY, format!("nothing is known of {opportunity}")))?;
    let pair = uris
        .find_offer(offer)
        .ok_or_else(|| Problem::new(&problem::UNKNOWN_OFFER, format!("nothing is known of {offer}")))?;
    if pair.listing != listing {
        return Err(Problem::new(&problem::UNACCEPTABLE_OFFER, format!("{offer} belongs to another opportunity")));
    }
    Ok(pair)
}

/// True if everything that was found belongs to one seller.
pub(super) fn sold_by(lines: &[OrderLine], seller: usize) -> Result<(), Problem> {
    match lines.iter().find(|line| line.pair.is_some_and(|pair| pair.listing().seller != seller)) {
        None => Ok(()),
        Some(line) => Err(Problem::new(
            &problem::SELLER_MISMATCH,
            format!("the item at position {} is sold by another seller", line.item.position),
        )),
    }
}
