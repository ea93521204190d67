//! What goes to others, and what a run keeps: no secret and, where so asked, nobody's data, on disk or on any screen.
//!
//! ```text
//! one secret in dozens of places ─► redacted ─► capture, HAR ─┐
//!                                          └─► judged ─► plain, JSON lines, the screen ─┴─► searched for its bytes
//! recording ─► capture redact | export | bundle ─► searched, judged again, compared
//! ```

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use crossterm::event::{Event as Input, KeyCode, KeyEvent, KeyModifiers};
use futures_util::{StreamExt, stream};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use umpire::capture::{self, Fields, Meta, Output as Target, Recording, Redactor, Writer};
use umpire::demo::{self, Ended};
use umpire::event::{Context, Event, Feed, Mode};
use umpire::exchange::{Body, Exchange, Failure, FailureKind, Headers, Request, Response, Timing, Version, decode};
use umpire::finding::Finding;
use umpire::proxy::upstream::Upstream;
use umpire::report::{JsonLines, Paint, Plain};
use umpire::rules::{Judge, Known, RuleBook};
use umpire::sandbox::{IN_PROCESS_BASE_URI, Misbehaviours, Sandbox};
use umpire::session::{Options, Session};
use umpire::tui;

const UUID: &str = "5b0b7f3e-6d1c-4f0a-9c52-7e1a4d90b6c3";
const SECRET: &str = "s3cr3t/Zx81+Qq7=pLanted";
const JSON: &str = "application/vnd.openactive.booking+json; version=1";

fn book() -> Arc<RuleBook> {
    Arc::new(RuleBook::built_in().expect("the built-in rules load"))
}

fn percent(text: &str) -> String {
    text.replace('/', "%2F").replace('+', "%2B").replace('=', "%3D")
}

/// With small hexadecimal digits.
fn percent_small(text: &str) -> String {
    text.replace('/', "%2f").replace('+', "%2b").replace('=', "%3d")
}

fn exchange(second: i64, method: &str, target: String, request: Headers, body: Body, response: Response) -> Exchange {
    let started: jiff::Timestamp = "2026-06-01T08:00:00Z".parse().expect("a time");
    Exchange {
        id: second as u64,
        connection: 1,
        started: started + jiff::SignedDuration::from_secs(second),
        origin: "https://booking.riverside.example".to_owned(),
        request: Request { method: method.to_owned(), target, version: Version::Http11, headers: request, body },
        response: Some(response),
        failure: None,
        rewritten: Vec::new(),
        timing: Timing::default(),
    }
}

fn response(headers: &[(&str, String)], body: impl Into<bytes::Bytes>) -> Response {
    Response {
        status: 400,
        reason: "Bad Request".to_owned(),
        version: Version::Http11,
        headers: headers.iter().map(|(name, value)| (*name, value.clone())).collect(),
        body: Body::complete(body),
    }
}

/// The forms in which the secret must not be found.
fn needles() -> Vec<String> {
    let basic = STANDARD.encode(format!("client:{SECRET}"));
    let mut needles = vec![
        SECRET.to_owned(),
        percent(SECRET),
        percent_small(SECRET),
        SECRET.replace('/', "\\/"),
        STANDARD.encode(SECRET),
        basic,
        URL_SAFE_NO_PAD.encode(format!(r#"{{"sub":"{SECRET}"}}"#)),
    ];
    for needle in &mut needles {
        needle.truncate(needle.trim_end_matches('=').len());
    }
    needles
}

/// Exchanges with one secret in dozens of places.
fn leaky() -> Vec<Exchange> {
    let code = percent(SECRET);
    let basic = STANDARD.encode(format!("client:{SECRET}"));
    let payload = URL_SAFE_NO_PAD.encode(format!(r#"{{"sub":"{SECRET}"}}"#));
    let jwt = format!("eyJhbGciOiJIUzI1NiJ9.{payload}.c2lnbmF0dXJl");
    let of =
        |fields: &[(&str, String)]| -> Headers { fields.iter().map(|(name, value)| (*name, value.clone())).collect() };
    let gzip = |text: &str| {
        let mut coder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        io::Write::write_all(&mut coder, text.as_bytes()).expect("gzip");
        coder.finish().expect("gzip")
    };
    let order = |name: &str| format!("/api/openbooking/{name}/{UUID}");
    let quote = format!(
        r#"{{"@context": "https://openactive.io/", "@type": "OrderQuote", "access_token": "{SECRET}",
            "acme:auth": {{"client_secret": "{SECRET}", "nested": {{"apiKey": ["{SECRET}"]}}}},
            "acme:text": "sent as Authorization: Bearer {SECRET}", "acme:jwt": "{jwt}",
            "acme:inner": "{{\"refresh_token\": \"{SECRET}\"}}", "acme:url": "https://u:{code}@x.example/?token={code}",
            "broker": {{"@type": "Organization", "name": "b", "url": "https://x.example/?api_key={code}"}}}}"#
    );
    let refusal = format!(
        r#"{{"@context": "https://openactive.io/", "@type": "OpenBookingError", "name": "no", "statusCode": 400,
            "description": "the token {SECRET} is not known; Bearer {SECRET} was sent", "instance": "/keys/{code}",
            "acme:escaped": "{}", "acme:base64": "{}"}}"#,
        SECRET.replace('/', "\\/"),
        STANDARD.encode(SECRET),
    );
    let json = |more: &[(&str, String)]| -> Headers {
        let fields = [("Content-Type", JSON.to_owned()), ("Accept", JSON.to_owned())];
        fields.iter().chain(more).map(|(name, value)| (*name, value.clone())).collect()
    };
    let mut leaky = vec![
        exchange(
            1,
            "POST",
            format!("/token?client_secret={code}"),
            of(&[
                ("Content-Type", "application/x-www-form-urlencoded".to_owned()),
                ("Authorization", format!("Basic {basic}")),
                ("Cookie", format!("session={SECRET}; other={code}")),
                ("X-Api-Key", SECRET.to_owned()),
                ("Proxy-Authorization", format!("Bearer {SECRET}")),
                ("Referer", format!("https://a.example/cb?code={code}#access_token={code}")),
            ]),
            Body::complete(format!(
                "grant_type=client_credentials&client_secret={code}&assertion={jwt}&password={code}"
            )),
            response(
                &[
                    ("Content-Type", "application/json".to_owned()),
                    ("Set-Cookie", format!("sid={SECRET}; Path=/; HttpOnly")),
                    (
                        "Location",
                        format!("https://a.example/cb?state=1&code={code}&u=https%3A%2F%2Fb%3Ftoken%3D{code}"),
                    ),
                    ("WWW-Authenticate", format!("Bearer error=\"{SECRET}\"")),
                ],
                format!(
                    r#"{{"access_token": "{SECRET}", "id_token": "{jwt}", "refresh_token": "{SECRET}", "token_type": "bearer"}}"#
                ),
            ),
        ),
        exchange(
            2,
            "PUT",
            order("order-quotes"),
            json(&[("Authorization", format!("Bearer {SECRET}")), ("X-Note", format!("retry with {SECRET}"))]),
            Body::complete(quote),
            response(&[("Content-Type", JSON.to_owned())], refusal.clone()),
        ),
        // Nothing of this exchange says that it is a secret: it was seen before.
        exchange(
            3,
            "PUT",
            format!("{}?q={code}&r={}", order(&format!("keys/{code}/orders")), percent_small(SECRET)),
            json(&[("Content-Encoding", "gzip".to_owned()), ("X-Echo", SECRET.to_owned())]),
            Body::complete(gzip(&format!(r#"{{"@type": "Order", "say": "{SECRET}", "list": ["{code}"]}}"#))),
            response(
                &[
                    ("Content-Type", JSON.to_owned()),
                    ("Content-Encoding", "gzip".to_owned()),
                    ("X-Echo", SECRET.to_owned()),
                ],
                gzip(&refusal),
            ),
        ),
    ];
    leaky[1].request.body.trailers =
        of(&[("X-Signature", SECRET.to_owned()), ("X-Sum", format!("of Bearer {SECRET}"))]);
    // A name that says nothing, in an answer: it was seen before.
    if let Some(response) = &mut leaky[2].response {
        response.body.trailers = of(&[("X-Sum", SECRET.to_owned()), ("X-Url", format!("https://x.example/?t={code}"))]);
    }
    leaky[0].origin = format!("https://user:{code}@booking.riverside.example");
    leaky[2].failure = Some(Failure {
        kind: FailureKind::BrokenOff,
        detail: format!("https://x.example/?token={code}"),
        answered: None,
    });
    leaky
}

/// Everything of an exchange, with its bodies as they are and decoded.
fn everything(exchange: &Exchange) -> String {
    let mut text = format!("{exchange:?}");
    let response = exchange.response.as_ref();
    let bodies = [Some((&exchange.request.body, &exchange.request.headers)), response.map(|r| (&r.body, &r.headers))];
    for (body, headers) in bodies.into_iter().flatten() {
        text += &String::from_utf8_lossy(&body.bytes);
        text += &String::from_utf8_lossy(&decode(&body.bytes, headers).unwrap_or_default());
    }
    text
}

#[track_caller]
fn holds_none(text: &str, needles: &[String], what: &str) {
    for needle in needles {
        let at = text.find(needle.as_str());
        let around =
            at.map(|at| text[text.floor_char_boundary(at.saturating_sub(80))..].chars().take(160).collect::<String>());
        assert_eq!(around, None, "{needle} in {what}");
    }
}

/// Writes a recording in the format of the file's name.
fn export(file: &Path, recording: Recording) {
    let mut target = Target::create(file, &recording.meta, false).expect("a file");
    for exchange in recording.exchanges {
        target.append(&exchange.expect("an exchange")).expect("written");
    }
    target.finish().expect("finished");
}

/// The screen after some keys, each view of it, as one text.
async fn screen(events: Vec<Event>) -> String {
    let mut screens = String::new();
    for script in ["", "1", "2", "3", "\t\t", "jj2", "jj3", "?"] {
        let mut terminal = Terminal::new(TestBackend::new(220, 120)).expect("a terminal");
        let (sender, receiver) = mpsc::channel(events.len().max(1));
        for event in &events {
            sender.try_send(event.clone()).expect("room");
        }
        let shutdown = CancellationToken::new();
        let stop = shutdown.clone();
        let keys: Vec<KeyCode> =
            script.chars().map(|key| if key == '\t' { KeyCode::Tab } else { KeyCode::Char(key) }).collect();
        let pressed = stream::iter(keys).then(|key| async move {
            tokio::time::sleep(Duration::from_millis(70)).await;
            Ok(Input::Key(KeyEvent::new(key, KeyModifiers::NONE)))
        });
        let end = async move {
            tokio::time::sleep(Duration::from_millis(150)).await;
            stop.cancel();
            std::future::pending().await
        };
        let feed = Feed { events: receiver, dropped: Arc::new(AtomicU64::new(0)) };
        let context = Context {
            mode: Mode::View,
            base_uri: None,
            upstream: None,
            capture: None,
            also: Vec::new(),
            forward: None,
            warnings: Vec::new(),
        };
        tui::run(&mut terminal, Box::pin(pressed.chain(stream::once(end))), feed, context, shutdown)
            .await
            .expect("it ends");
        screens += &terminal.backend().to_string();
    }
    assert!(screens.contains("order-quotes") && screens.contains("umpire:"), "the exchanges are on it:\n{screens}");
    screens
}

#[tokio::test]
async fn a_secret_reaches_neither_disk_nor_screen() {
    let needles = needles();
    let folder = tempfile::tempdir().expect("a folder");
    for persons in [false, true] {
        let redactor =
            if persons { Redactor::of_persons(Fields::default()) } else { Redactor::new() }.expect("a redactor");
        let path = folder.path().join(format!("{persons}.db"));
        let meta = Meta::new(Some("https://booking.riverside.example/api/openbooking"), jiff::Timestamp::UNIX_EPOCH);
        let mut writer = Writer::create(&path, &meta).expect("a capture");
        let mut judge = Judge::new(book(), Known::default());
        let (mut plain, mut lines) = (Plain::new(Vec::new(), Paint::PLAIN), JsonLines::new(Vec::new()));
        let mut events = Vec::new();
        for exchange in leaky() {
            assert!(needles.iter().any(|needle| everything(&exchange).contains(needle)));
            let redacted = redactor.redact(exchange);
            holds_none(&everything(&redacted), &needles, "the exchange");
            writer.append(&redacted).expect("written");
            let event = Event::Exchange(Arc::new(judge.judge(Arc::new(redacted))));
            plain.event(&event).expect("written");
            lines.event(&event).expect("written");
            events.push(event);
        }
        writer.commit().expect("committed");
        for name in [format!("{persons}.db"), format!("{persons}.db-wal")] {
            let bytes = fs::read(folder.path().join(&name)).expect("the file");
            holds_none(&String::from_utf8_lossy(&bytes), &needles, &name);
        }
        writer.finish().expect("finished");
        for exchange in capture::open(&path).expect("it opens").exchanges {
            holds_none(&everything(&exchange.expect("an exchange")), &needles, "the capture");
        }
        let out = folder.path().join(format!("{persons}.har"));
        let recording = capture::open(&path).expect("it opens");
        export(&out, recording);
        holds_none(&fs::read_to_string(&out).expect("text"), &needles, "the HAR file");
        holds_none(&String::from_utf8_lossy(&plain.into_inner()), &needles, "plain lines");
        holds_none(&String::from_utf8_lossy(&lines.into_inner()), &needles, "JSON lines");
        holds_none(&screen(events).await, &needles, "the screen");
    }
}

/// What tells findings apart.
fn said(findings: &[Finding]) -> Vec<String> {
    let said = findings.iter().map(|finding| {
        let Finding { rule, severity, stage, exchange, pointer, .. } = finding;
        format!("{exchange:?} {} {} {severity} {stage} {pointer}", rule.id, rule.side)
    });
    said.collect()
}

fn judge(file: &Path) -> Vec<Finding> {
    let recording = capture::open(file).expect("the recording opens");
    let mut judge = Judge::new(book(), Known { base_uri: recording.meta.base_uri, ..Known::default() });
    recording.exchanges.flat_map(|exchange| judge.judge(Arc::new(exchange.expect("an exchange"))).findings).collect()
}

fn all_of(file: &Path) -> String {
    let exchanges = capture::open(file).expect("the recording opens").exchanges;
    exchanges.map(|exchange| everything(&exchange.expect("an exchange"))).collect()
}

/// Of the scripted broker's customers.
const PERSONS: [&str; 5] = ["ida.marlowe", "Marlowe", "01632 960404", "01632+960404", "mail.example"];

fn nobody() -> Vec<String> {
    PERSONS.map(str::to_owned).to_vec()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_proxy_that_redacts_personal_data_judges_the_same_and_keeps_nobodys() {
    let folder = tempfile::tempdir().expect("a folder");
    let sandbox = Arc::new(Sandbox::new(IN_PROCESS_BASE_URI, Misbehaviours::NONE).expect("a good base URI"));
    let upstream: Arc<dyn Upstream> = Arc::<Sandbox>::clone(&sandbox);
    let capture = folder.path().join("run.db");
    let redactor = Redactor::of_persons(Fields::default()).expect("a redactor");
    let options = Options {
        capture: Some(capture.clone()),
        redactor: Some(redactor),
        ..Options::new(sandbox.base_uri(), book())
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
    assert_eq!(ended, Ok(Ended::Finished));
    session.stop().await;
    let (findings, shown) = gather.await.expect("the events end");
    assert_eq!(said(&findings), Vec::<String>::new());
    holds_none(&shown, &nobody(), "what front ends see");
    holds_none(&all_of(&capture), &nobody(), "the capture");
    assert!(all_of(&capture).contains("bookings@weekend-finder.example"), "an organisation's address is nobody's");
}

fn umpire(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_umpire")).args(arguments).env_remove("RUST_LOG").output().expect("umpire runs")
}

#[track_caller]
fn done(arguments: &[&str]) -> String {
    let output = umpire(arguments);
    let message = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {message}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn named(folder: &tempfile::TempDir, name: &str) -> (PathBuf, String) {
    let path = folder.path().join(name);
    let name = path.display().to_string();
    (path, name)
}

const FAULTY: &str = "captures/faulty.har";

#[test]
fn a_recording_is_redacted_later_and_judged_the_same() {
    let folder = tempfile::tempdir().expect("a folder");
    let before = said(&judge(Path::new(FAULTY)));
    assert!(all_of(Path::new(FAULTY)).contains("ida.marlowe"));
    for name in ["a.db", "a.har"] {
        let (path, name) = named(&folder, name);
        let told = done(&["capture", "redact", FAULTY, "-o", &name]);
        assert!(told.contains("customer.email") && told.contains("138 exchanges in"), "{told}");
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
    assert!(told.ends_with("138 exchanges looked at, nothing written\n"), "{told}");
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

/// The files of a ZIP.
fn unzipped(path: &Path) -> std::collections::BTreeMap<String, String> {
    let mut zip = zip::ZipArchive::new(fs::File::open(path).expect("the file")).expect("a ZIP");
    let read = |index| {
        let mut file = zip.by_index(index).expect("a file");
        let mut text = String::new();
        file.read_to_string(&mut text).expect("text");
        (file.name().expect("a name").into_owned(), text)
    };
    (0..4).map(read).collect()
}

/// A booking of the faulty recording with a failure on each side.
const FOUL: &str = "bac277d1";

fn foul() -> String {
    let findings = judge(Path::new(FAULTY));
    let mut uuids = findings.iter().filter_map(|finding| finding.order_uuid.as_deref());
    uuids.find(|uuid| uuid.starts_with(FOUL)).expect("the booking").to_owned()
}

#[test]
fn a_bundle_tells_one_booking_to_those_without_umpire() {
    let folder = tempfile::tempdir().expect("a folder");
    let (path, name) = named(&folder, "foul.zip");
    let uuid = foul();
    let told = done(&["capture", "bundle", FAULTY, "--booking", &uuid.to_uppercase(), "-o", &name]);
    assert!(told.contains("finding"), "{told}");
    let files = unzipped(&path);
    assert_eq!(files.keys().collect::<Vec<_>>(), ["README.md", "booking.har", "findings.md", "requests.sh"]);
    for (file, text) in &files {
        holds_none(text, &nobody(), file);
    }
    let page = &files["findings.md"];
    for words in [
        "agent-broker/customer-required",
        "the **broker** is at fault",
        "the **booking system** is at fault",
        "- Seen: ",
        "- Expected: ",
        "- Why it matters: ",
        "<https://openactive.io/open-booking-api/EditorsDraft/#",
    ] {
        assert!(page.contains(words), "{words} is missing:\n{page}");
    }
    let (har, har_name) = named(&folder, "booking.har");
    fs::write(&har, &files["booking.har"]).expect("written");
    let of_booking = |file: &Path| -> BTreeSet<String> {
        let findings = judge(file).into_iter().filter(|finding| finding.order_uuid.as_deref() == Some(&*uuid));
        findings.map(|finding| said(&[Finding { exchange: None, ..finding }]).concat()).collect()
    };
    assert!(!of_booking(&har).is_empty());
    assert_eq!(of_booking(&har), of_booking(Path::new(FAULTY)), "{har_name} is judged as the whole recording is");
    let script = &files["requests.sh"];
    assert_eq!(script.matches("\ncurl ").count(), 3, "{script}");
    assert!(script.contains(": \"${TOKEN:?}\"") && script.contains("\"${TOKEN}\""), "{script}");
}

#[test]
fn a_bundle_is_the_same_each_time_under_a_key() {
    let folder = tempfile::tempdir().expect("a folder");
    let (key, key_name) = named(&folder, "key");
    let uuid = foul();
    let bundle = |name: &str, more: &[&str]| {
        let (path, name) = named(&folder, name);
        let arguments = ["capture", "bundle", FAULTY, "--booking", &uuid, "-o", &name];
        done(&[&arguments, more].concat());
        fs::read(path).expect("the bundle")
    };
    fs::write(&key, "sixteen bytes and more").expect("written");
    let under_key = ["--pseudonym-key", key_name.as_str()];
    assert_eq!(bundle("a.zip", &under_key), bundle("b.zip", &under_key));
    assert_ne!(bundle("c.zip", &[]), bundle("d.zip", &[]), "keys of their own");
    fs::write(&key, "too short").expect("written");
    let output = umpire(&["capture", "redact", FAULTY, "--dry-run", "--pseudonym-key", &key_name]);
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn of_a_booking_that_is_not_there_those_that_are_are_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let (path, name) = named(&folder, "foul.zip");
    let output = umpire(&["capture", "bundle", FAULTY, "--booking", UUID, "-o", &name]);
    let message = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2));
    assert!(message.contains(UUID) && message.contains(" more") && message.matches('-').count() > 20, "{message}");
    assert!(!path.exists());
}

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

#[test]
fn a_person_is_gone_from_every_place_and_the_form_stays() {
    let redactor = Redactor::of_persons(Fields::default()).expect("a redactor");
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
    let redactor = Redactor::of_persons(Fields::default()).expect("a redactor");
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
