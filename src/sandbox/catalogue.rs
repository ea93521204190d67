//! What the booking system has on offer, and how that looks in JSON.
//!
//! `LISTINGS (fixed) + Uris (where the system lives) → sellers, places, series, sessions and offers as JSON`
//!
//! Nothing here changes while the system runs; places left and starting times are kept by the book.

use jiff::{SignedDuration, Timestamp};
use rust_decimal::Decimal;
use serde_json::{Value, json};

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

/// The URIs of one instance of the system.
#[derive(Debug)]
pub(super) struct Uris {
    /// Scheme and authority.
    pub(super) origin: String,
    /// Path of the Base URI, without a trailing slash.
    pub(super) base_path: String,
}

impl Uris {
    pub(super) fn base(&self) -> String {
        format!("{}{}", self.origin, self.base_path)
    }

    pub(super) fn quote(&self, uuid: &str) -> String {
        format!("{}{}/order-quotes/{uuid}", self.origin, self.base_path)
    }

    pub(super) fn order(&self, uuid: &str) -> String {
        format!("{}{}/orders/{uuid}", self.origin, self.base_path)
    }

    /// What the identifiers of sellers, sessions and offers begin with.
    pub(super) fn ids(&self) -> String {
        format!("{}/id/", self.origin)
    }

    /// A reference that is no whole URL, as one of this system.
    pub(super) fn resolved(&self, reference: &str) -> String {
        format!("{}/{}", self.origin, reference.trim_start_matches('/'))
    }

    pub(super) fn seller(&self, seller: usize) -> String {
        format!("{}/id/sellers/{}", self.origin, SELLERS[seller].key)
    }

    /// The seller that has this identifier.
    pub(super) fn find_seller(&self, id: &str) -> Option<usize> {
        (0..SELLERS.len()).find(|seller| self.seller(*seller) == id)
    }

    fn series(&self, listing: &Listing) -> String {
        format!("{}/id/session-series/{}", self.origin, listing.key)
    }

    pub(super) fn session(&self, listing: &Listing) -> String {
        format!("{}/id/scheduled-sessions/{}", self.origin, listing.key)
    }

    /// The listing whose session has this identifier.
    pub(super) fn find_session(&self, id: &str) -> Option<usize> {
        LISTINGS.iter().position(|listing| self.session(listing) == id)
    }

    pub(super) fn offer(&self, listing: &Listing, tariff: &Tariff) -> String {
        format!("{}#/offers/{}", self.series(listing), tariff.key)
    }

    /// The pair whose offer has this identifier.
    pub(super) fn find_offer(&self, id: &str) -> Option<Offering> {
        LISTINGS.iter().enumerate().find_map(|(at, listing)| {
            let tariff = listing.tariffs.iter().position(|tariff| self.offer(listing, tariff) == id)?;
            Some(Offering { listing: at, tariff })
        })
    }

    pub(super) fn seller_json(&self, seller: usize) -> Value {
        let facts = &SELLERS[seller];
        json!({
            "@type": "Organization",
            "@id": self.seller(seller),
            "name": facts.name,
            "legalName": facts.legal_name,
            "url": format!("{}/about/{}", self.origin, facts.key),
            "email": format!("desk{}@brackenford.example", facts.key),
            "telephone": facts.telephone,
            "logo": { "@type": "ImageObject", "url": format!("{}/about/{}.png", self.origin, facts.key) },
            "sameAs": [format!("https://social.example/brackenford-{}", facts.key)],
            "vatID": facts.vat,
            "taxMode": "https://openactive.io/TaxGross",
            "isOpenBookingAllowed": true,
            "address": {
                "@type": "PostalAddress",
                "streetAddress": facts.street,
                "addressLocality": facts.town,
                "addressRegion": facts.region,
                "postalCode": facts.postcode,
                "addressCountry": "GB",
            },
            "termsOfService": [{
                "@type": "TermsOfUse",
                "name": "House rules",
                "url": format!("{}/about/{}/rules", self.origin, facts.key),
                "requiresExplicitConsent": false,
            }],
        })
    }

    pub(super) fn booking_service_json(&self) -> Value {
        json!({
            "@type": "BookingService",
            "name": "Umpire sandbox",
            "url": format!("{}/openactive", self.origin),
            "softwareVersion": env!("CARGO_PKG_VERSION"),
            "termsOfService": [{
                "@type": "PrivacyPolicy",
                "name": "Privacy policy of the sandbox",
                "url": format!("{}/about/privacy", self.origin),
                "requiresExplicitConsent": false,
            }],
        })
    }

    fn place_json(&self, place: &Venue) -> Value {
        json!({
            "@type": "Place",
            "@id": format!("{}/id/places/{}", self.origin, place.key),
            "name": place.name,
            "url": format!("{}/places/{}", self.origin, place.key),
            "address": {
                "@type": "PostalAddress",
                "streetAddress": place.street,
                "addressLocality": place.town,
                "addressRegion": place.region,
                "postalCode": place.postcode,
                "addressCountry": "GB",
            },
            "geo": { "@type": "GeoCoordinates", "latitude": place.latitude, "longitude": place.longitude },
        })
    }

    fn series_json(&self, listing: &Listing) -> Value {
        let (activity, label) = listing.activity;
        let scheme = format!("{}/id/activities", self.origin);
        json!({
            "@type": "SessionSeries",
            "@id": self.series(listing),
            "name": listing.name,
            "description": listing.description,
            "url": format!("{}/sessions/{}", self.origin, listing.key),
            "activity": [{
                "@type": "Concept",
                "@id": format!("{scheme}#{activity}"),
                "prefLabel": label,
                "inScheme": scheme,
            }],
            "location": self.place_json(&PLACES[listing.place]),
            "ageRange": { "@type": "QuantitativeValue", "minValue": listing.youngest() },
            "genderRestriction": "https://openactive.io/NoRestriction",
            "eventStatus": "https://schema.org/EventScheduled",
        })
    }

    /// A session as it stands in answers: without offers, organizer and what else the broker has no use for.
    pub(super) fn session_json(&self, listing: &Listing, start: Timestamp, remaining: u32) -> Value {
        json!({
            "@type": "ScheduledSession",
            "@id": self.session(listing),
            "startDate": instant(start),
            "endDate": instant(start + SignedDuration::from_mins(listing.minutes)),
            "duration": format!("PT{}M", listing.minutes),
            "eventStatus": "https://schema.org/EventScheduled",
            "maximumAttendeeCapacity": listing.capacity,
            "remainingAttendeeCapacity": remaining,
            "superEvent": self.series_json(listing),
        })
    }

    /// A session as it stands in the open data.
    pub(super) fn open_data_json(&self, listing: &Listing, start: Timestamp, remaining: u32) -> Value {
        let mut session = self.session_json(listing, start, remaining);
        session["@context"] = json!(super::CONTEXT);
        session["superEvent"]["organizer"] = self.seller_json(listing.seller);
        session["superEvent"]["offers"] =
            listing.tariffs.iter().map(|tariff| self.offer_json(listing, tariff)).collect();
        session
    }

    pub(super) fn offer_json(&self, listing: &Listing, tariff: &Tariff) -> Value {
        let mut offer = json!({
            "@type": "Offer",
            "@id": self.offer(listing, tariff),
            "name": tariff.name,
            "price": money::number(tariff.price()),
            "priceCurrency": money::CURRENCY,
            "openBookingInAdvance": "https://openactive.io/Optional",
            "openBookingPrepayment": tariff.prepayment.iri(),
            "ageRestriction": { "@type": "QuantitativeValue", "minValue": tariff.youngest },
            "allowCustomerCancellationFullRefund": listing.cancel_hours.is_some(),
        });
        if let Some(hours) = listing.cancel_hours {
            offer["latestCancellationBeforeStartDate"] = json!(format!("PT{hours}H"));
        }
        if let Some(hours) = listing.opens_hours {
            offer["validFromBeforeStartDate"] = json!(format!("PT{hours}H"));
        }
        offer
    }
}

impl Listing {
    fn youngest(&self) -> u32 {
        self.tariffs.iter().map(|tariff| tariff.youngest).min().unwrap_or_default()
    }
}

/// An instant as it stands in JSON: whole seconds, UTC.
pub(super) fn instant(at: Timestamp) -> String {
    Timestamp::from_second(at.as_second()).unwrap_or(at).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uris() -> Uris {
        Uris { origin: "https://sandbox.example".to_owned(), base_path: "/api/openbooking".to_owned() }
    }

    #[test]
    fn every_identifier_is_found_again() {
        let uris = uris();
        for (at, listing) in LISTINGS.iter().enumerate() {
            assert_eq!(uris.find_session(&uris.session(listing)), Some(at));
            for (n, tariff) in listing.tariffs.iter().enumerate() {
                let pair = Offering { listing: at, tariff: n };
                assert_eq!(uris.find_offer(&uris.offer(listing, tariff)), Some(pair));
            }
        }
        assert_eq!(uris.find_session("https://sandbox.example/id/scheduled-sessions/none"), None);
        assert_eq!(uris.find_seller(&uris.seller(1)), Some(1));
    }

    #[test]
    fn there_is_something_of_each_kind() {
        let left = |listing: &Listing| listing.capacity - listing.sold;
        assert!(LISTINGS.iter().any(|listing| left(listing) == 0));
        assert!(LISTINGS.iter().any(|listing| left(listing) == 1));
        for prepayment in [Prepayment::Required, Prepayment::Optional, Prepayment::Unavailable] {
            assert!(LISTINGS.iter().any(|listing| listing.tariffs.iter().any(|t| t.prepayment == prepayment)));
        }
        // Nothing free asks for a payment.
        let free = LISTINGS.iter().flat_map(|listing| listing.tariffs).filter(|tariff| tariff.pence == 0);
        assert!(free.clone().count() > 0);
        assert!(free.clone().all(|tariff| tariff.prepayment == Prepayment::Unavailable));
    }

    #[test]
    fn answers_carry_no_offers_and_the_open_data_does() {
        let uris = uris();
        let start = Timestamp::UNIX_EPOCH;
        let session = uris.session_json(&LISTINGS[0], start, 3);
        assert!(session["superEvent"].get("offers").is_none() && session["superEvent"].get("organizer").is_none());
        let open = uris.open_data_json(&LISTINGS[0], start, 3);
        assert_eq!(open["superEvent"]["offers"].as_array().map(Vec::len), Some(2));
        assert_eq!(open["endDate"], "1970-01-01T01:00:00Z");
    }
}
