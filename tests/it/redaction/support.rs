//! What is planted, what is looked for, and where.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use umpire::capture::{self};
use umpire::exchange::{Body, Exchange, Headers, Request, Response, Timing, Version, decode};
use umpire::finding::Finding;
use umpire::rules::{BookingSystemInfo, Judge, RuleBook};

pub const UUID: &str = "5b0b7f3e-6d1c-4f0a-9c52-7e1a4d90b6c3";

pub const SECRET: &str = "s3cr3t/Zx81+Qq7=pLanted";

pub const JSON: &str = "application/vnd.openactive.booking+json; version=1";

pub fn book() -> Arc<RuleBook> {
    Arc::new(RuleBook::built_in().expect("the built-in rules load"))
}

pub fn percent(text: &str) -> String {
    text.replace('/', "%2F").replace('+', "%2B").replace('=', "%3D")
}

/// With small hexadecimal digits.
pub fn percent_small(text: &str) -> String {
    text.replace('/', "%2f").replace('+', "%2b").replace('=', "%3d")
}

pub fn exchange(
    second: i64,
    method: &str,
    target: String,
    request: Headers,
    body: Body,
    response: Response,
) -> Exchange {
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
        simulated: None,
        timing: Timing::default(),
    }
}

pub fn response(headers: &[(&str, String)], body: impl Into<bytes::Bytes>) -> Response {
    Response {
        status: 400,
        reason: "Bad Request".to_owned(),
        version: Version::Http11,
        headers: headers.iter().map(|(name, value)| (*name, value.clone())).collect(),
        body: Body::complete(body),
    }
}

/// The forms in which the secret must not be found.
pub fn needles() -> Vec<String> {
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

/// Everything of an exchange, with its bodies as they are and decoded.
pub fn everything(exchange: &Exchange) -> String {
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
pub fn holds_none(text: &str, needles: &[String], what: &str) {
    for needle in needles {
        let at = text.find(needle.as_str());
        let around =
            at.map(|at| text[text.floor_char_boundary(at.saturating_sub(80))..].chars().take(160).collect::<String>());
        assert_eq!(around, None, "{needle} in {what}");
    }
}

/// What tells findings apart.
pub fn said(findings: &[Finding]) -> Vec<String> {
    let said = findings.iter().map(|finding| {
        let Finding { rule, severity, stage, exchange, pointer, .. } = finding;
        format!("{exchange:?} {} {} {severity} {stage} {pointer}", rule.id, rule.side)
    });
    said.collect()
}

pub fn judge(file: &Path) -> Vec<Finding> {
    let recording = capture::open(file).expect("the recording opens");
    let mut judge =
        Judge::new(book(), BookingSystemInfo { base_uri: recording.meta.base_uri, ..BookingSystemInfo::default() });
    recording.exchanges.flat_map(|exchange| judge.judge(Arc::new(exchange.expect("an exchange"))).findings).collect()
}

pub fn all_of(file: &Path) -> String {
    let exchanges = capture::open(file).expect("the recording opens").exchanges;
    exchanges.map(|exchange| everything(&exchange.expect("an exchange"))).collect()
}

/// Of the scripted broker's customers.
pub const PERSONS: [&str; 5] = ["ida.marlowe", "Marlowe", "01632 960404", "01632+960404", "mail.example"];

pub fn nobody() -> Vec<String> {
    PERSONS.map(str::to_owned).to_vec()
}

pub fn umpire(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_umpire")).args(arguments).env_remove("RUST_LOG").output().expect("umpire runs")
}

#[track_caller]
pub fn done(arguments: &[&str]) -> String {
    let output = umpire(arguments);
    let message = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {message}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

pub fn named(folder: &tempfile::TempDir, name: &str) -> (PathBuf, String) {
    let path = folder.path().join(name);
    let name = path.display().to_string();
    (path, name)
}

pub const FAULTY: &str = "captures/faulty.har";
