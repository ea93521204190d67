//! What the booking system has on offer.
//!
//! `LISTINGS (fixed) + Uris (where the system lives) → sellers, places, series, sessions and offers as JSON (catalogue/uris)`
//!
//! Nothing here changes while the system runs; places left and starting times are kept by the book.

mod uris;

use rust_decimal::Decimal;

pub(super) use uris::{Uris, instant};

use super::money;

/// What the seller asks the broker to collect beforehand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Prepayment {
    Required,
    Optional,
    /// Paid on arrival, or nothing to pay.
    Unavailable,
}

impl Prepayment {
    pub(super) fn iri(self) -> &'static str {
        match self {
            Self::Required => "https://openactive.io/Required",
            Self::Optional => "https://openactive.io/Optional",
            Self::Unavailable => "https://openactive.io/Unavailable",
        }
    }
}

/// A price at which a listing can be booked.
#[derive(Debug)]
pub(super) struct Tariff {
    pub(super) key: &'static str,
    name: &'static str,
    pence: i64,
    pub(super) prepayment: Prepayment,
    youngest: u32,
}

impl Tariff {
    /// Price including VAT.
    pub(super) fn price(&self) -> Decimal {
        Decimal::new(self.pence, 2)
    }
}

/// A weekly session.
#[derive(Debug)]
pub(super) struct Listing {
    pub(super) key: &'static str,
    name: &'static str,
    description: &'static str,
    activity: (&'static str, &'static str),
    pub(super) seller: usize,
    place: usize,
    /// Places in all, and how many of them are sold from the start.
    pub(super) capacity: u32,
    pub(super) sold: u32,
    /// Starting time: days from the day on which the system was started, and minutes after midnight, UTC.
    pub(super) days: i64,
    pub(super) minute: i64,
    minutes: i64,
    /// The customer can cancel until so many hours before the start; `None`: not at all.
    pub(super) cancel_hours: Option<i64>,
    /// Booking opens so many hours before the start; `None`: it is open.
    pub(super) opens_hours: Option<i64>,
    pub(super) tariffs: &'static [Tariff],
}

struct Seller {
    key: &'static str,
    name: &'static str,
    legal_name: &'static str,
    vat: &'static str,
    street: &'static str,
    town: &'static str,
    region: &'static str,
    postcode: &'static str,
    telephone: &'static str,
}

struct Venue {
    key: &'static str,
    name: &'static str,
    street: &'static str,
    town: &'static str,
    region: &'static str,
    postcode: &'static str,
    latitude: f64,
    longitude: f64,
}

static SELLERS: [Seller; 2] = [
    Seller {
        key: "1",
        name: "Brackenford Leisure",
        legal_name: "Brackenford Leisure Trust",
        vat: "GB999000111",
        street: "2 Mill Race",
        town: "Brackenford",
        region: "Wessex",
        postcode: "BR1 2MR",
        telephone: "01632 960101",
    },
    Seller {
        key: "2",
        name: "Overhang Climbing",
        legal_name: "Overhang Climbing Co-operative Ltd",
        vat: "GB999000222",
        street: "The Old Foundry",
        town: "Brackenford",
        region: "Wessex",
        postcode: "BR3 8OF",
        telephone: "01632 960202",
    },
];

static PLACES: [Venue; 3] = [
    Venue {
        key: "baths",
        name: "Brackenford Baths",
        street: "2 Mill Race",
        town: "Brackenford",
        region: "Wessex",
        postcode: "BR1 2MR",
        latitude: 51.2011,
        longitude: -1.4802,
    },
    Venue {
        key: "meadow",
        name: "Heron Meadow",
        street: "Towpath Lane",
        town: "Brackenford",
        region: "Wessex",
        postcode: "BR1 9TL",
        latitude: 51.2047,
        longitude: -1.4755,
    },
    Venue {
        key: "foundry",
        name: "The Old Foundry",
        street: "Casting Yard",
        town: "Brackenford",
        region: "Wessex",
        postcode: "BR3 8OF",
        latitude: 51.1968,
        longitude: -1.4911,
    },
];

const fn tariff(key: &'static str, name: &'static str, pence: i64, prepayment: Prepayment, youngest: u32) -> Tariff {
    Tariff { key, name, pence, prepayment, youngest }
}

/// All that can be booked. A listing is found by its place in this list.
pub(super) static LISTINGS: [Listing; 10] = [
    Listing {
        key: "open-swim",
        name: "Open Swim",
        description: "The whole pool, lifeguards on duty.",
        activity: ("swimming", "Swimming"),
        seller: 0,
        place: 0,
        capacity: 120,
        sold: 15,
        days: 3,
        minute: 390,
        minutes: 60,
        cancel_hours: Some(12),
        opens_hours: None,
        tariffs: &[
            tariff("adult", "Adult", 750, Prepayment::Required, 16),
            tariff("junior", "Junior", 420, Prepayment::Required, 8),
        ],
    },
    Listing {
        key: "lantern-yoga",
        name: "Lantern Yoga",
        description: "A slow evening class; mats are provided.",
        activity: ("yoga", "Yoga"),
        seller: 0,
        place: 0,
        capacity: 12,
        sold: 10,
        days: 4,
        minute: 1140,
        minutes: 75,
        cancel_hours: Some(24),
        opens_hours: None,
        tariffs: &[tariff("standard", "Standard", 1200, Prepayment::Required, 16)],
    },
    Listing {
        key: "heron-walk",
        name: "Heron Meadow Health Walk",
        description: "An hour along the river at an easy pace, led by volunteers.",
        activity: ("walking", "Walking"),
        seller: 0,
        place: 1,
        capacity: 30,
        sold: 4,
        days: 2,
        minute: 600,
        minutes: 60,
        cancel_hours: Some(1),
        opens_hours: None,
        tariffs: &[tariff("free", "Free place", 0, Prepayment::Unavailable, 0)],
    },
    Listing {
        key: "trampoline",
        name: "Trampoline Hour",
        description: "Coached beds for all levels.",
        activity: ("trampolining", "Trampolining"),
        seller: 0,
        place: 0,
        capacity: 8,
        sold: 8,
        days: 5,
        minute: 1020,
        minutes: 60,
        cancel_hours: Some(24),
        opens_hours: None,
        tariffs: &[tariff("standard", "Standard", 999, Prepayment::Required, 6)],
    },
    Listing {
        key: "lunch-spin",
        name: "Lunchtime Spin",
        description: "Forty minutes on the bike, showers after.",
        activity: ("indoor-cycling", "Indoor Cycling"),
        seller: 0,
        place: 0,
        capacity: 10,
        sold: 9,
        days: 3,
        minute: 745,
        minutes: 40,
        cancel_hours: Some(6),
        opens_hours: None,
        tariffs: &[tariff("standard", "Standard", 640, Prepayment::Required, 16)],
    },
    Listing {
        key: "meadow-tai-chi",
        name: "Tai Chi in the Meadow",
        description: "Outdoors in any weather; pay the teacher on arrival.",
        activity: ("tai-chi", "Tai Chi"),
        seller: 0,
        place: 1,
        capacity: 16,
        sold: 2,
        days: 6,
        minute: 480,
        minutes: 60,
        cancel_hours: Some(2),
        opens_hours: None,
        tariffs: &[tariff("on-arrival", "Pay on arrival", 500, Prepayment::Unavailable, 0)],
    },
    Listing {
        key: "club-badminton",
        name: "Club Badminton",
        description: "Rotating doubles; pay now or at the desk.",
        activity: ("badminton", "Badminton"),
        seller: 0,
        place: 0,
        capacity: 16,
        sold: 6,
        days: 7,
        minute: 1200,
        minutes: 120,
        cancel_hours: Some(24),
        opens_hours: None,
        tariffs: &[tariff("guest", "Guest", 825, Prepayment::Optional, 16)],
    },
    Listing {
        key: "pilates-day",
        name: "Pilates Day",
        description: "A whole day of reformer work. Booking opens one week before.",
        activity: ("pilates", "Pilates"),
        seller: 0,
        place: 0,
        capacity: 10,
        sold: 0,
        days: 28,
        minute: 600,
        minutes: 360,
        cancel_hours: Some(72),
        opens_hours: Some(168),
        tariffs: &[tariff("standard", "Standard", 4800, Prepayment::Required, 16)],
    },
    Listing {
        key: "aqua-fit",
        name: "Aqua Fit",
        description: "Exercise to music in the shallow pool. Places are not refunded in the last two days.",
        activity: ("aqua-fit", "Aqua Fit"),
        seller: 0,
        place: 0,
        capacity: 20,
        sold: 11,
        days: 1,
        minute: 660,
        minutes: 45,
        cancel_hours: Some(48),
        opens_hours: None,
        tariffs: &[tariff("standard", "Standard", 530, Prepayment::Required, 16)],
    },
    Listing {
        key: "boulder-basics",
        name: "Boulder Basics",
        description: "A first session on the low wall, shoes included.",
        activity: ("bouldering", "Bouldering"),
        seller: 1,
        place: 2,
        capacity: 10,
        sold: 1,
        days: 4,
        minute: 1080,
        minutes: 90,
        cancel_hours: Some(24),
        opens_hours: None,
        tariffs: &[tariff("standard", "Standard", 1450, Prepayment::Required, 10)],
    },
];

/// Where a listing and a tariff stand in [`LISTINGS`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Offering {
    pub(super) listing: usize,
    pub(super) tariff: usize,
}

impl Offering {
    pub(super) fn listing(self) -> &'static Listing {
        &LISTINGS[self.listing]
    }

    pub(super) fn tariff(self) -> &'static Tariff {
        &LISTINGS[self.listing].tariffs[self.tariff]
    }
}

impl Listing {
    fn youngest(&self) -> u32 {
        self.tariffs.iter().map(|tariff| tariff.youngest).min().unwrap_or_default()
    }
}
