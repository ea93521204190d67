//! The URIs of one instance of the booking system, and what it has on offer as JSON.
//!
//! `Uris, Listing, Tariff → @id ─► found again · sellers, places, series, sessions and offers as JSON`

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{LISTINGS, Listing, Offering, PLACES, SELLERS, Tariff, Venue, money};
use crate::sandbox::CONTEXT;

/// The URIs of one instance of the system.
#[derive(Debug)]
pub(in crate::sandbox) struct Uris {
    /// Scheme and authority.
    pub(in crate::sandbox) origin: String,
    /// Path of the Base URI, without a trailing slash.
    pub(in crate::sandbox) base_path: String,
}

impl Uris {
    pub(in crate::sandbox) fn base(&self) -> String {
        format!("{}{}", self.origin, self.base_path)
    }

    pub(in crate::sandbox) fn quote(&self, uuid: &str) -> String {
        format!("{}{}/order-quotes/{uuid}", self.origin, self.base_path)
    }

    pub(in crate::sandbox) fn order(&self, uuid: &str) -> String {
        format!("{}{}/orders/{uuid}", self.origin, self.base_path)
    }

    /// What the identifiers of sellers, sessions and offers begin with.
    pub(in crate::sandbox) fn ids(&self) -> String {
        format!("{}/id/", self.origin)
    }

    /// A reference that is no whole URL, as one of this system.
    pub(in crate::sandbox) fn resolved(&self, reference: &str) -> String {
        format!("{}/{}", self.origin, reference.trim_start_matches('/'))
    }

    pub(in crate::sandbox) fn seller(&self, seller: usize) -> String {
        format!("{}/id/sellers/{}", self.origin, SELLERS[seller].key)
    }

    /// The seller that has this identifier.
    pub(in crate::sandbox) fn find_seller(&self, id: &str) -> Option<usize> {
        (0..SELLERS.len()).find(|seller| self.seller(*seller) == id)
    }

    fn series(&self, listing: &Listing) -> String {
        format!("{}/id/session-series/{}", self.origin, listing.key)
    }

    pub(in crate::sandbox) fn session(&self, listing: &Listing) -> String {
        format!("{}/id/scheduled-sessions/{}", self.origin, listing.key)
    }

    /// The listing whose session has this identifier.
    pub(in crate::sandbox) fn find_session(&self, id: &str) -> Option<usize> {
        LISTINGS.iter().position(|listing| self.session(listing) == id)
    }

    pub(in crate::sandbox) fn offer(&self, listing: &Listing, tariff: &Tariff) -> String {
        format!("{}#/offers/{}", self.series(listing), tariff.key)
    }

    /// The pair whose offer has this identifier.
    pub(in crate::sandbox) fn find_offer(&self, id: &str) -> Option<Offering> {
        LISTINGS.iter().enumerate().find_map(|(at, listing)| {
            let tariff = listing.tariffs.iter().position(|tariff| self.offer(listing, tariff) == id)?;
            Some(Offering { listing: at, tariff })
        })
    }

    pub(in crate::sandbox) fn seller_json(&self, seller: usize) -> Value {
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

    pub(in crate::sandbox) fn booking_service_json(&self) -> Value {
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
    pub(in crate::sandbox) fn session_json(&self, listing: &Listing, start: Timestamp, remaining: u32) -> Value {
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
    pub(in crate::sandbox) fn open_data_json(&self, listing: &Listing, start: Timestamp, remaining: u32) -> Value {
        let mut session = self.session_json(listing, start, remaining);
        session["@context"] = json!(CONTEXT);
        session["superEvent"]["organizer"] = self.seller_json(listing.seller);
        session["superEvent"]["offers"] =
            listing.tariffs.iter().map(|tariff| self.offer_json(listing, tariff)).collect();
        session
    }

    pub(in crate::sandbox) fn offer_json(&self, listing: &Listing, tariff: &Tariff) -> Value {
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

/// An instant as it stands in JSON: whole seconds, UTC.
pub(in crate::sandbox) fn instant(at: Timestamp) -> String {
    Timestamp::from_second(at.as_second()).unwrap_or(at).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::catalogue::Prepayment;

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
