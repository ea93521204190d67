//! How a recorded answer becomes a present one.

use std::io::Write as _;

use jiff::Timestamp;
use serde_json::{Value, json};
use umpire::exchange::Body;
use umpire::replay::PlaybackOptions;

use super::support::{A, ORIGIN, Tape, X, quote};

#[tokio::test]
async fn what_the_client_chose_comes_back_everywhere() {
    let mut tape = Tape::new();
    tape.c1(A, "swim", "quote");
    let mut asked = quote("swim", Some("Ann"));
    asked["customer"]["address"] = json!({ "addressCountry": "GB" });
    asked["orderedItem"][0]["attendee"] = json!({ "@type": "Person", "givenName": "Ann" });
    asked["payment"] = json!({ "@type": "Payment", "identifier": "PAY-1" });
    let answer = json!({
        "@id": format!("{ORIGIN}/api/orders/{A}"), "customer": asked["customer"],
        "orderedItem": [{ "@id": format!("{ORIGIN}/api/orders/{A}#/1"), "attendee": asked["orderedItem"][0]["attendee"],
            "orderedItem": { "location": { "addressCountry": "GB" } } }],
        "payment": asked["payment"], "receipt": format!("https://pay.example/PAY-1/{A}"), "note": "Hello, Ann! Annual pass",
        "escaped": "\u{e9}\n\"",
    });
    tape.exchanges[0].response.as_mut().unwrap().body = Body::complete(r#"{"location":{"addressCountry":"GB"}}"#);
    tape.add("PUT", &format!("/api/orders/{A}"), &asked, 201, &answer)
        .response
        .as_mut()
        .unwrap()
        .headers
        .push("Location", format!("{ORIGIN}/api/orders/{A}"));
    tape.add("GET", &format!("/api/orders/{A}"), &Value::Null, 200, &answer);
    let client = tape.play();
    client.c1(X, "swim").await;
    let mut mine = asked.clone();
    mine["customer"] = json!({ "givenName": "Xi \"x\"", "email": "xi@mail.example", "@type": "Person",
        "address": { "addressCountry": "FR" } });
    mine["orderedItem"][0]["attendee"]["givenName"] = json!("Yu");
    mine["payment"]["identifier"] = json!("Q7");
    let upper = X.to_uppercase();
    let seen = client.get("PUT", &format!("/api/orders/{X}"), &mine).await;
    let mut expected: Value = serde_json::from_str(&answer.to_string().replace(A, X)).unwrap();
    expected["customer"] = mine["customer"].clone();
    expected["orderedItem"][0]["attendee"] = mine["orderedItem"][0]["attendee"].clone();
    expected["payment"] = mine["payment"].clone();
    expected["receipt"] = json!(format!("https://pay.example/Q7/{X}"));
    expected["note"] = json!("Hello, Xi \"x\"! Annual pass");
    assert_eq!(seen.body, expected);
    assert_eq!(seen.field("location"), format!("{ORIGIN}/api/orders/{X}"));
    assert_eq!(seen.field("content-length"), seen.bytes.len().to_string());
    // The run knows it all when nothing is sent, whatever the case of the UUID.
    let again = client.get("GET", &format!("/api/orders/{upper}"), &Value::Null).await;
    assert_eq!(again.body, expected);
}

#[tokio::test]
async fn content_codings_are_made_anew() {
    for coding in ["gzip", "br"] {
        let mut tape = Tape::new();
        tape.c1(A, "swim", "quote");
        let response = tape.exchanges[0].response.as_mut().unwrap();
        let mut packed = Vec::new();
        match coding {
            "gzip" => {
                let mut gzip = flate2::write::GzEncoder::new(&mut packed, flate2::Compression::best());
                gzip.write_all(&response.body.bytes).unwrap();
                gzip.finish().unwrap();
            }
            _ => brotli::CompressorWriter::new(&mut packed, 4096, 5, 20).write_all(&response.body.bytes).unwrap(),
        }
        response.body = Body::complete(packed);
        response.headers.0.retain(|field| field.name != "Content-Length");
        response.headers.push("Content-Encoding", coding);
        response.headers.push("Transfer-Encoding", "chunked");
        let client = tape.play();
        let seen = client.c1(X, "swim").await;
        assert_eq!(seen.body["@id"], format!("{ORIGIN}/api/orders/{X}"), "{coding}");
        assert_eq!((seen.field("content-encoding"), seen.field("content-length")), (coding, ""));
        assert_eq!(seen.field("transfer-encoding"), "", "that is for the connection");
    }
}

#[tokio::test]
async fn time_shifts_as_a_whole_and_leases_count_from_now() {
    let mut tape = Tape::new();
    tape.c1(A, "swim", "quote");
    let answer = json!({
        "startDate": "2025-04-18T12:00:00+00:00", "lease": { "leaseExpires": "2025-04-17T12:05:00Z" },
        "customer": { "birthDate": "1990-01-01" }, "@id": "2025-04-18T12:00:00Z", "opens": "09:00",
    });
    let mut asked = quote("swim", Some("Ann"));
    asked["customer"]["birthDate"] = json!("1990-01-01");
    tape.add("PUT", &format!("/api/order-quotes/{A}"), &asked, 200, &answer);
    let client = tape.play_with(PlaybackOptions::default());
    let before = Timestamp::now();
    client.c1(X, "swim").await;
    let seen = client.get("PUT", &format!("/api/order-quotes/{X}"), &asked).await;
    let seconds = |value: &Value, than: &str| {
        let at: Timestamp = value.as_str().unwrap().parse().unwrap();
        let than: Timestamp = than.parse().unwrap();
        at.as_second() - than.as_second()
    };
    let shift = before.as_second() - "2025-04-17T12:00:00Z".parse::<Timestamp>().unwrap().as_second();
    let start = seconds(&seen.body["startDate"], "2025-04-18T12:00:00Z");
    assert!((shift..shift + 10).contains(&start), "{start} {shift}");
    assert!(seen.body["startDate"].as_str().unwrap().ends_with("+00:00"));
    // The recorded answer came a second after the first one, and was valid for 299 seconds more.
    let lease = seconds(&seen.body["lease"]["leaseExpires"], &before.to_string());
    assert!((298..=310).contains(&lease), "{lease}");
    assert_eq!(seen.body["customer"]["birthDate"], "1990-01-01", "the client's own date");
    assert_eq!((seen.body["@id"].as_str(), seen.body["opens"].as_str()), (Some("2025-04-18T12:00:00Z"), Some("09:00")));
    assert_ne!(seen.field("date"), "Thu, 17 Apr 2025 12:00:00 GMT");
    // As recorded, where that is asked for.
    let client = tape.play();
    client.c1(X, "swim").await;
    let seen = client.get("PUT", &format!("/api/order-quotes/{X}"), &asked).await;
    assert_eq!((&seen.body, seen.field("date")), (&answer, "Thu, 17 Apr 2025 12:00:00 GMT"));
}
