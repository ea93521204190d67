//! Secrets planted in every place: none of them may be found on the disk.

use std::fs;
use std::io::Read;
use std::path::Path;

use umpire::capture::{self, CaptureWriter, RecordingWriter};
use umpire::exchange::{Body, BodyEnd, Exchange, Failure, FailureKind, Headers, decode};
use umpire::json::Document;
use umpire::redact::Redactor;

use super::arbitrary::{gzip, meta, ordinary};

const JWT: &str = "eyJhbGciOiJIUzI1NiJ9.eyJQTEFOVEVEIjoxfQ.UExBTlRFRF9zaWduYXR1cmU";

/// Exchanges full of secrets; each holds the word `PLANTED`, a JWT, or both.
fn leaky() -> Vec<Exchange> {
    let mut headers = ordinary();
    headers.request.target = format!("/a?access_token=PLANTED1&x=1&key=PLANTED2&j={JWT}");
    headers.origin = String::from("https://user:PLANTED3@booking.example.com");
    headers.request.headers = [
        ("Authorization", "Bearer PLANTED-own-credential/4"),
        ("Proxy-Authorization", "Basic PLANTED5"),
        ("Cookie", "session=PLANTED6; theme=PLANTED7"),
        ("X-Api-Key", "PLANTED8"),
        ("X-Auth-User", "PLANTED9"),
        ("X-CSRF-Token", "PLANTED10"),
        ("Referer", "https://a.example/?token=PLANTED11"),
        ("X-Note", JWT),
    ]
    .into_iter()
    .collect();
    headers.request.body = Body::complete("grant_type=password&password=PLANTED12&code=PLANTED13");
    let response = headers.response.as_mut().unwrap();
    response.headers = [
        ("Set-Cookie", "id=PLANTED14; Path=/; HttpOnly"),
        ("Location", "https://a.example/cb?code=PLANTED15&state=1#access_token=PLANTED16"),
        ("WWW-Authenticate", "Bearer realm=\"x\", error=\"PLANTED-own-credential/4\""),
    ]
    .into_iter()
    .collect();
    response.body = Body::complete(format!(
        r#"{{"access_token": "PLANTED17", "a": [{{"clientSecret": "PLANTED18"}}], "say": "PLANTED-own-credential\/4",
            "url": "https://me:PLANTED19@a.example/?api_key=PLANTED20", "id": "{JWT}", "kept": "yes"}}"#
    ));
    headers.failure = Some(Failure {
        kind: FailureKind::BrokenOff,
        detail: "https://a.example/?token=PLANTED21".to_owned(),
        answered: None,
    });

    let secret = br#"{"refresh_token": "PLANTED22", "kept": "yes"}"#;
    let coded = |bytes: Vec<u8>, coding: &str, end: BodyEnd| {
        let mut exchange = ordinary();
        let response = exchange.response.as_mut().unwrap();
        response.headers = [("Content-Encoding", coding.to_owned())].into_iter().collect();
        response.body = Body::ended(bytes, end);
        exchange
    };
    let long = [&secret[..], &vec![b' '; 100_000]].concat();
    let half = |mut bytes: Vec<u8>| {
        bytes.truncate(bytes.len() - 10);
        bytes
    };
    let mut cut = ordinary();
    cut.request.body = Body { length: 5000, ..Body::ended(r#"{"a": 1, "password": "PLANTED2"#, BodyEnd::Truncated) };
    vec![
        headers,
        coded(gzip(secret), "gzip", BodyEnd::Complete),
        coded(zstd::encode_all(&secret[..], 1).unwrap(), "zstd", BodyEnd::Complete),
        coded(half(gzip(&long)), "gzip", BodyEnd::Truncated),
        coded(half(zstd::encode_all(&long[..], 1).unwrap()), "zstd", BodyEnd::Cancelled),
        coded(half(gzip(&long)), "gzip", BodyEnd::Complete),
        coded(secret.to_vec(), "gzip", BodyEnd::Complete),
        coded([&secret[..], b"\xff"].concat(), "unheard-of", BodyEnd::Complete),
        cut,
    ]
}

/// What can be decoded before the first fault.
fn beginning(mut decoder: impl Read) -> String {
    let (mut content, mut byte) = (Vec::new(), [0]);
    while let Ok(1) = decoder.read(&mut byte) {
        content.push(byte[0]);
    }
    String::from_utf8_lossy(&content).into_owned()
}

/// Everything that was written, compressed parts decoded.
fn everything(exchange: &Exchange) -> String {
    let mut text = format!("{exchange:?}");
    let mut add = |body: &Body, headers: &Headers| {
        text += &String::from_utf8_lossy(&body.bytes);
        match headers.get("content-encoding") {
            Some("gzip") => text += &beginning(flate2::read::GzDecoder::new(&body.bytes[..])),
            Some("zstd") => text += &beginning(zstd::Decoder::new(&body.bytes[..]).unwrap()),
            _ => {}
        }
    };
    add(&exchange.request.body, &exchange.request.headers);
    if let Some(response) = &exchange.response {
        add(&response.body, &response.headers);
    }
    text
}

#[test]
fn no_secret_is_on_the_disk() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    let redactor = Redactor::new().unwrap();
    let mut writer = CaptureWriter::create(&path, &meta()).unwrap();
    for exchange in leaky() {
        assert!(everything(&exchange).contains("PLANTED"));
        let redacted = redactor.redact(exchange);
        let all = everything(&redacted);
        assert!(!all.contains("PLANTED") && !all.contains("eyJ"), "{all}");
        writer.append(&redacted).unwrap();
    }
    writer.commit().unwrap();
    let wal = folder.path().join("a.db-wal");
    assert!(fs::metadata(&wal).unwrap().len() > 0);
    no_secret_in(&path);
    no_secret_in(&wal);
    writer.finish().unwrap();
    no_secret_in(&path);

    for name in ["b.har", "b.ndjson", "b.db"] {
        let out = folder.path().join(name);
        let recording = capture::open(&path).unwrap();
        let mut output = RecordingWriter::create(&out, &recording.meta, false).unwrap();
        recording.exchanges.for_each(|exchange| output.append(&exchange.unwrap()).unwrap());
        assert_eq!(output.finish().unwrap(), 9);
        no_secret_in(&out);
        // What the store has packed is no hiding place either.
        for exchange in capture::open(&out).unwrap().exchanges {
            let all = everything(&exchange.unwrap());
            assert!(!all.contains("PLANTED") && !all.contains("eyJ"), "{all}");
        }
    }
}

fn no_secret_in(path: &Path) {
    let bytes = fs::read(path).unwrap();
    for needle in [&b"PLANTED"[..], b"eyJhbGci", b"eyJQTEFO", b"UExBTlRFR"] {
        assert!(!bytes.windows(needle.len()).any(|window| window == needle), "{}", path.display());
    }
}

#[test]
fn what_is_no_secret_stays() {
    let redactor = Redactor::new().unwrap();
    let redacted: Vec<Exchange> = leaky().into_iter().map(|exchange| redactor.redact(exchange)).collect();
    let first = &redacted[0];
    let field = |name: &str| first.request.headers.get(name).unwrap().to_owned();
    assert!(field("authorization").starts_with("Bearer umpire:"));
    assert!(field("cookie").starts_with("session=umpire:") && field("cookie").contains("; theme=umpire:"));
    assert!(first.request.target.starts_with("/a?access_token=umpire:") && first.request.target.contains("&x=1&key="));
    let response = first.response.as_ref().unwrap();
    assert!(response.headers.get("set-cookie").unwrap().ends_with("; Path=/; HttpOnly"));
    assert!(response.headers.get("location").unwrap().contains("&state=1#access_token=umpire:"));
    let body = Document::parse(&response.body.bytes).unwrap();
    assert_eq!(body.root().get("kept").unwrap().as_str(), Some("yes"));
    // The same secret, the same fingerprint, wherever it was.
    let own = field("authorization").replace("Bearer ", "");
    assert_eq!(body.root().get("say").unwrap().as_str(), Some(own.as_str()));
    for exchange in &redacted[1..3] {
        let response = exchange.response.as_ref().unwrap();
        assert_eq!(response.body.end, BodyEnd::Complete);
        let content = decode(&response.body.bytes, &response.headers).unwrap();
        assert_eq!(Document::parse(&content).unwrap().root().get("kept").unwrap().as_str(), Some("yes"));
    }
    for exchange in &redacted[3..6] {
        let response = exchange.response.as_ref().unwrap();
        assert_ne!(response.body.end, BodyEnd::Complete, "what can't be decoded is not judged");
    }
    assert!(redacted[7].response.as_ref().unwrap().body.bytes.is_empty());
}

#[test]
fn an_exchange_without_secrets_is_left_alone() {
    let exchange = ordinary();
    let redacted = Redactor::new().unwrap().redact(exchange.clone());
    assert_eq!(redacted, exchange);
    let same = |a: &Body, b: &Body| a.bytes.as_ptr() == b.bytes.as_ptr();
    assert!(same(&redacted.request.body, &exchange.request.body), "the body was copied");
}
