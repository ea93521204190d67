//! One secret in dozens of places: it reaches neither disk nor screen.

use std::fs;
use std::io;
use std::path::Path;
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
use umpire::capture::{self, CaptureWriter, Meta, Recording, RecordingWriter as Target};
use umpire::event::{Event, EventReceiver, RunContext, RunMode};
use umpire::exchange::{Body, Exchange, Failure, FailureKind, Headers};
use umpire::redact::{PersonalFields, Redactor};
use umpire::report::{JsonLines, Paint, PlainReport};
use umpire::rules::{BookingSystemInfo, Judge};
use umpire::tui;

use super::support::{
    JSON, SECRET, UUID, book, everything, exchange, holds_none, needles, percent, percent_small, response,
};

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
        let feed = EventReceiver { events: receiver, dropped: Arc::new(AtomicU64::new(0)) };
        let context = RunContext {
            mode: RunMode::View,
            base_uri: None,
            upstream: None,
            capture: None,
            also: Vec::new(),
            forward: None,
            warnings: Vec::new(),
            settings: None,
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
        let redactor = if persons { Redactor::of_persons(PersonalFields::default()) } else { Redactor::new() }
            .expect("a redactor");
        let path = folder.path().join(format!("{persons}.db"));
        let meta = Meta::new(Some("https://booking.riverside.example/api/openbooking"), jiff::Timestamp::UNIX_EPOCH);
        let mut writer = CaptureWriter::create(&path, &meta).expect("a capture");
        let mut judge = Judge::new(book(), BookingSystemInfo::default());
        let (mut plain, mut lines) = (PlainReport::new(Vec::new(), Paint::PLAIN), JsonLines::new(Vec::new()));
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
