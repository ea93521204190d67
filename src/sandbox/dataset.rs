//! The dataset site: a page for people with the machine-readable description of the system inside.
//!
//! `GET /openactive → HTML { Dataset as JSON-LD: feeds, Base URI of the booking API }`

use serde_json::{Value, json};

use super::catalogue::Uris;
use super::feed::SESSIONS_PATH;
use super::misbehaviour::Misbehaviours;

/// Path of the dataset site.
pub(super) const PATH: &str = "/openactive";

fn dataset(uris: &Uris) -> Value {
    let site = format!("{}{PATH}", uris.origin);
    let specification = "https://openactive.io/open-booking-api/EditorsDraft/";
    json!({
        "@context": ["https://schema.org/", super::CONTEXT],
        "@type": "Dataset",
        "@id": site,
        "url": site,
        "name": "Sessions of the Umpire sandbox",
        "description": "Invented sessions of two invented sellers, bookable through the Open Booking API, held in memory.",
        "keywords": ["Sessions", "Open Booking API", "Sandbox"],
        "license": "https://creativecommons.org/licenses/by/4.0/",
        "discussionUrl": format!("{site}/discussion"),
        "documentation": specification,
        "inLanguage": ["en-GB"],
        "schemaVersion": "https://openactive.io/modelling-opportunity-data/2.0/",
        "publisher": {
            "@type": "Organization",
            "name": "Umpire sandbox",
            "legalName": "Umpire sandbox",
            "url": site,
            "logo": { "@type": "ImageObject", "url": format!("{}/about/logo.png", uris.origin) },
        },
        "bookingService": { "@type": "BookingService", "name": "Umpire sandbox", "url": site },
        "distribution": [{
            "@type": "DataDownload",
            "name": "ScheduledSession",
            "additionalType": "https://openactive.io/ScheduledSession",
            "encodingFormat": "application/vnd.openactive.rpde+json; version=1",
            "contentUrl": format!("{}{SESSIONS_PATH}", uris.origin),
        }],
        "accessService": {
            "@type": "WebAPI",
            "name": "Open Booking API",
            "description": "Any bearer token is taken; each one is a booking partner of its own.",
            "endpointUrl": uris.base(),
            "conformsTo": [specification],
            "endpointDescription": "https://www.openactive.io/open-booking-api/EditorsDraft/swagger.json",
            "documentation": specification,
            "landingPage": specification,
        },
    })
}

/// The page. Whatever misbehaves is named on it, so that nobody takes the system for a conforming one by mistake.
pub(super) fn page(uris: &Uris, misbehaviours: Misbehaviours) -> String {
    // Within a script element only "<" could end it early.
    let data = dataset(uris).to_string().replace('<', "\\u003c");
    let manner = if misbehaviours.is_empty() {
        "It conforms to the specification.".to_owned()
    } else {
        let faults: Vec<_> = misbehaviours
            .iter()
            .map(|fault| format!("<li><code>{}</code>: it {}</li>", fault.name(), fault.describe()))
            .collect();
        format!("It misbehaves on purpose:</p><ul>{}</ul><p>", faults.concat())
    };
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Umpire sandbox</title>\n\
         <script type=\"application/ld+json\">{data}</script>\n</head><body><h1>Umpire sandbox</h1>\n\
         <p>A small booking system in memory. {manner}</p>\n\
         <p>Base URI of the booking API: <code>{base}</code>. Feed: <a href=\"{feed}\"><code>{feed}</code></a>.</p>\n\
         </body></html>\n",
        base = uris.base(),
        feed = format_args!("{}{SESSIONS_PATH}", uris.origin),
    )
}
