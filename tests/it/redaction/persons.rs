//! Personal data: gone from every place, and the form stays.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use umpire::capture::{Meta, RecordingWriter};
use umpire::demo::{self, DemoEnd};
use umpire::event::Event;
use umpire::exchange::{Body, Exchange, Headers};
use umpire::proxy::upstream::Upstream;
use umpire::redact::{PersonalFields, Redactor};
use umpire::report::JsonLines;
use umpire::sandbox::{IN_PROCESS_BASE_URI, Misbehaviours, Sandbox};
use umpire::session::{Session, SessionOptions};

use super::support::{
    FAULTY, JSON, UUID, all_of, book, done, everything, exchange, holds_none, judge, named, nobody, response, said,
    umpire,
};

/// An exchange that was refused with an error that repeats what was sent.
fn echo() -> Exchange {
    let order = r#"{"@context": "https://openactive.io/", "@type": "OrderQuote",
        "seller": "https://booking.riverside.example/id/sellers/3",
        "customer": {"@type": "Person", "email": "robin.hale@post.example.org", "telephone": "+44 7700 900123",
            "givenName": "Robin", "familyName": "Hale", "birthDate": "1990-02-14",
            "gender": "https://schema.org/Female", "address": {"@type": "PostalAddress", "streetAddress": "12 Hill Road",
            "addressCountry": "GB"}, "identifier": 470011, "description": null, "jobTitle": ""},
        "orderedItem": [{"@type": "OrderItem", "position": 0, "orderItemIntakeFormResponse": [
            {"@type": "PropertyValue", "propertyID": "https://x.example/size", "value": "M"},
            {"@type": "PropertyValue", "propertyID": "https://x.example/note", "value": "Nuts, and 2 knees"},
            {"@type": "PropertyValue", "propertyID": "https://x.example/yes", "value": true}]}]}"#;
    let refusal = r#"{"@context": "https://openactive.io/", "@type": "OpenBookingError", "statusCode": 400,
        "name": "Hale is no name", "description": "Robin Hale (ROBIN.HALE@post.example.org, +44 7700 900123): Robin is unknown",
        "orderedItem": [{"orderItemIntakeForm": [{"@id": "https://x.example/size", "valueOption": ["S", "M", "L"]}]}]}"#;
    let headers: Headers =
        [("Content-Type", JSON), ("X-User", "robin.hale@post.example.org"), ("X-Forwarded-For", "203.0.113.7")]
            .into_iter()
            .collect();
    let target = format!(
        "/api/openbooking/order-quotes/{UUID}?phone=%2B44+7700+900123&who=robin.hale%40post.example.org&at=12%20Hill%20Road"
    );
    let behind = [("X-User", "robin.hale@post.example.org"), ("X-Note", "Robin Hale was here")].into_iter().collect();
    let mut response = response(&[("Content-Type", JSON.to_owned())], refusal);
    response.body.trailers = [("X-Said", "+44 7700 900123")].into_iter().collect();
    exchange(1, "PUT", target, headers, Body { trailers: behind, ..Body::complete(order) }, response)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_proxy_that_redacts_personal_data_judges_the_same_and_keeps_nobodys() {
    let folder = tempfile::tempdir().expect("a folder");
    let sandbox = Arc::new(Sandbox::new(IN_PROCESS_BASE_URI, Misbehaviours::NONE).expect("a good base URI"));
    let upstream: Arc<dyn Upstream> = Arc::<Sandbox>::clone(&sandbox);
    let capture = folder.path().join("run.db");
    let redactor = Redactor::of_persons(PersonalFields::default()).expect("a redactor");
    let options = SessionOptions {
        capture: Some(capture.clone()),
        redactor: Some(redactor),
        ..SessionOptions::new(sandbox.base_uri(), book())
    };
    let (session, mut feed) = Session::start(options, upstream).await.expect("the session starts");
    let base_uri = format!("http://{}/api/openbooking", session.address);
    let gather = tokio::spawn(async move {
        let (mut findings, mut shown) = (Vec::new(), String::new());
        let mut lines = JsonLines::new(Vec::new());
        while let Some(event) = feed.events.recv().await {
            lines.event(&event).expect("written");
            if let Event::Exchange(judged) = &event {
                findings.extend(judged.findings.iter().cloned());
                shown += &everything(&judged.exchange);
            }
        }
        shown += &String::from_utf8_lossy(&lines.into_inner());
        (findings, shown)
    });
    let ended = demo::run(demo::golden(), &base_uri, &sandbox, Duration::ZERO, |_| {}, &CancellationToken::new()).await;
    assert_eq!(ended, Ok(DemoEnd::Finished));
    session.stop().await;
    let (findings, shown) = gather.await.expect("the events end");
    assert_eq!(said(&findings), Vec::<String>::new());
    holds_none(&shown, &nobody(), "what front ends see");
    holds_none(&all_of(&capture), &nobody(), "the capture");
    assert!(all_of(&capture).contains("bookings@weekend-finder.example"), "an organisation's address is nobody's");
}

/// How many exchanges the recording has, in words.
fn exchanges() -> String {
    let count = umpire::capture::open(Path::new(FAULTY)).expect("the recording").exchanges.count();
    format!("{count} exchanges")
}

#[test]
fn a_recording_is_redacted_later_and_judged_the_same() {
    let folder = tempfile::tempdir().expect("a folder");
    let before = said(&judge(Path::new(FAULTY)));
    assert!(all_of(Path::new(FAULTY)).contains("ida.marlowe"));
    for name in ["a.db", "a.har"] {
        let (path, name) = named(&folder, name);
        let told = done(&["capture", "redact", FAULTY, "-o", &name]);
        assert!(told.contains("customer.email") && told.contains(&format!("{} in", exchanges())), "{told}");
        holds_none(&told, &nobody(), "the output");
        holds_none(&all_of(&path), &nobody(), &name);
        assert_eq!(said(&judge(&path)), before);
        let (again, again_name) = named(&folder, &format!("again-{}", path.file_name().unwrap().to_string_lossy()));
        done(&["capture", "redact", &name, "-o", &again_name]);
        assert_eq!(said(&judge(&again)), before, "redacted twice");
    }
    let (_, name) = named(&folder, "a.db");
    let message = String::from_utf8_lossy(&umpire(&["capture", "redact", FAULTY, "-o", &name]).stderr).into_owned();
    assert!(message.contains("exists already"), "{message}");
}

#[test]
fn a_dry_run_says_what_it_would_do_and_does_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let (path, name) = named(&folder, "a.db");
    let told = done(&["capture", "redact", FAULTY, "--dry-run", "-o", &name]);
    assert!(!path.exists());
    assert!(told.contains("customer.email ") && told.contains(" values in "), "{told}");
    assert!(told.ends_with(&format!("{} looked at, nothing written\n", exchanges())), "{told}");
    holds_none(&told, &nobody(), "the output");
    let further = done(&["capture", "redact", FAULTY, "--dry-run", "--redact-field", "orderNumber"]);
    assert!(further.contains("orderNumber") && !told.contains("orderNumber"), "{further}");
}

#[test]
fn what_is_exported_is_nobodys_unless_told_otherwise() {
    let folder = tempfile::tempdir().expect("a folder");
    let (path, name) = named(&folder, "a.har");
    assert!(done(&["capture", "export", FAULTY, "-o", &name]).contains("replaced by pseudonyms"));
    holds_none(&all_of(&path), &nobody(), "the export");
    let (path, name) = named(&folder, "b.har");
    assert!(done(&["capture", "export", FAULTY, "-o", &name, "--keep-personal-data"]).contains("as they were"));
    assert!(all_of(&path).contains("ida.marlowe"));
}

#[test]
fn who_somebody_is_may_come_to_light_later() {
    let folder = tempfile::tempdir().expect("a folder");
    let (recording, name) = named(&folder, "run.db");
    let early = r#"{"@type": "OpenBookingError", "description": "Kept for Robin Hale, robin.hale@post.example.org"}"#;
    let early = response(&[("Content-Type", JSON.to_owned())], early);
    let target = "/api/openbooking/orders/x?for=Robin%20Hale&or=Robin+Hale".to_owned();
    let early = exchange(0, "GET", target, Headers::default(), Body::empty(), early);
    let now = "2026-06-01T08:00:00Z".parse().expect("a time");
    let mut writer = RecordingWriter::create(&recording, &Meta::new(None, now), false).expect("a file");
    for exchange in [early, echo()] {
        writer.append(&exchange).expect("written");
    }
    writer.finish().expect("finished");
    let robin = ["Hale", "robin.hale"].map(str::to_owned);
    for command in ["export", "redact"] {
        let (path, output) = named(&folder, &format!("{command}.ndjson"));
        done(&["capture", command, &name, "-o", &output]);
        // The name of an error is a word of the specification.
        holds_none(&all_of(&path).replace("Hale is no name", ""), &robin, command);
    }
}

#[test]
fn a_person_is_gone_from_every_place_and_the_form_stays() {
    let redactor = Redactor::of_persons(PersonalFields::default()).expect("a redactor");
    let redacted = redactor.redact(echo());
    let mut needles: Vec<String> =
        ["robin", "7700", "Hale", "1990-02-14", "12 Hill", "12%20Hill", "470011", "Nuts", "203.0"]
            .map(str::to_owned)
            .to_vec();
    holds_none(&everything(&redacted).replace("Hale is no name", ""), &needles, "the exchange");
    needles.clear();
    let json = |body: &Body| -> serde_json::Value { serde_json::from_slice(&body.bytes).expect("JSON") };
    let (before, after) = (json(&echo().request.body), json(&redacted.request.body));
    let (old, new) = (&before["customer"], &after["customer"]);
    for kept in ["@type", "gender", "description", "jobTitle"] {
        assert_eq!(new[kept], old[kept], "{kept}");
    }
    assert_eq!(new["address"]["addressCountry"], "GB");
    assert_eq!(after["seller"], before["seller"]);
    let email = new["email"].as_str().expect("an address");
    assert!(email.ends_with(".example") && email.matches('@').count() == 1, "{email}");
    assert!(new["birthDate"].as_str().expect("a date").parse::<jiff::civil::Date>().is_ok());
    assert!(new["identifier"].as_u64().is_some_and(|number| (100_000..1_000_000).contains(&number)));
    let answers = &after["orderedItem"][0]["orderItemIntakeFormResponse"];
    assert_eq!((&answers[0]["value"], &answers[2]["value"]), (&"M".into(), &true.into()), "choices stay");
    let answer = answers[1]["value"].as_str().expect("a text");
    assert_eq!(answer.split(' ').map(str::len).collect::<Vec<_>>(), [5, 3, 1, 5], "{answer}");
    // The same in every place, in the case and coding of each.
    let told = json(&redacted.response.as_ref().expect("an answer").body)["description"].to_string();
    let phone = new["telephone"].as_str().expect("a number");
    let name = format!("{} {}", new["givenName"].as_str().unwrap(), new["familyName"].as_str().unwrap());
    assert!(
        told.contains(phone) && told.contains(&name) && told.to_lowercase().contains(&email.to_lowercase()),
        "{told}"
    );
    assert_eq!(redacted.request.headers.get("x-user"), Some(email));
    let target = &redacted.request.target;
    assert!(target.contains(UUID) && target.contains(&email.replace('@', "%40")), "{target}");
    assert!(target.contains(&phone.replace('+', "%2B").replace(' ', "+")), "{target}");
    // And in every exchange.
    assert_eq!(json(&redactor.redact(echo()).request.body), after);
}

#[test]
fn what_can_t_be_read_is_never_written_as_it_was() {
    let redactor = Redactor::of_persons(PersonalFields::default()).expect("a redactor");
    let redact = |media_type: &str, coding: &str, body: &[u8]| {
        let fields = [("Content-Type", media_type), ("Content-Encoding", coding)];
        let headers: Headers = fields.into_iter().map(|(name, value)| (name, value.to_owned())).collect();
        let answer = response(&[("Content-Type", "text/plain".to_owned())], "");
        let sent = Body::complete(body.to_vec());
        redactor.redact(exchange(1, "PUT", format!("/orders/{UUID}"), headers, sent, answer)).request.body
    };
    let cut = br#"{"customer": {"givenName": "Robin", "familyName": "Ha"#;
    let html = b"<p>No Robin here</p>";
    for (media_type, coding, body) in [
        (JSON, "identity", &cut[..]),
        ("text/html", "identity", html),
        ("text/plain", "", b"Robin"),
        (JSON, "gzip", b"{\"customer\": \"Robin\"}"),
        ("text/plain", "", b"Robin \xff"),
        ("", "lzma", b"Robin"),
    ] {
        let clean = redact(media_type, coding, body);
        let text = String::from_utf8_lossy(&clean.bytes);
        assert!(!text.contains("Robin") && text.len() >= body.len(), "{text}");
        assert!(serde_json::from_str::<serde_json::Value>(&text).is_err() || coding == "gzip", "{text}");
    }
    let dropped = [
        ("image/png", "", &b"\x89PNG\xff Robin"[..]),
        ("application/pdf", "", b"Robin\xff"),
        (JSON, "lzma", b"Robin\xff"),
    ];
    for (media_type, coding, body) in dropped {
        let clean = redact(media_type, coding, body);
        assert!(clean.bytes.is_empty() && clean.length == body.len() as u64, "{media_type}");
        assert_eq!(clean.end, umpire::exchange::BodyEnd::Truncated, "{media_type} is marked");
    }
}
