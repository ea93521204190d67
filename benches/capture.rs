//! What recording costs: per exchange with a request of about 1 KB and an answer of about 5 KB.
//!
//! `cargo bench --bench capture`

use std::hint::black_box;
use std::path::Path;
use std::time::Duration;

use divan::Bencher;
use divan::counter::ItemsCount;
use umpire::capture::{CaptureReader, CaptureWriter, Meta, har};
use umpire::exchange::{Body, Exchange, Headers, Request, Response, Timing, Version};
use umpire::redact::Redactor;

fn main() {
    divan::main();
}

/// Exchanges written between two commits, as under load.
const BATCH: usize = 100;

fn item(number: usize) -> String {
    format!(
        r#"{{"@type":"OrderItem","position":{number},"acceptedOffer":{{"@type":"Offer","@id":"https://booking.example.com/api/sessions/{id}#/offers/{number}","price":{price}.99,"priceCurrency":"GBP"}},"orderedItem":{{"@type":"ScheduledSession","@id":"https://booking.example.com/api/sessions/{id}","startDate":"2026-12-0{day}T1{day}:30:00+00:00","duration":"PT{id}M"}}}}"#,
        id = 1000 + number * 7919 % 9001,
        price = number * 13 % 50,
        day = number % 9 + 1,
    )
}

fn exchange(number: usize) -> Exchange {
    let body = |items: usize| {
        let items: Vec<String> = (number..number + items).map(item).collect();
        format!(
            r#"{{"@context":"https://openactive.io/","@type":"OrderQuote","brokerRole":"https://openactive.io/AgentBroker","orderedItem":[{}]}}"#,
            items.join(",")
        )
    };
    let headers: Headers = [
        ("Host", "booking.example.com"),
        ("Authorization", "Bearer REDACTED"),
        ("Content-Type", "application/vnd.openactive.booking+json; version=1"),
        ("Accept", "application/vnd.openactive.booking+json; version=1"),
        ("User-Agent", "broker/1.0"),
        ("Date", "Tue, 24 Nov 2026 07:00:00 GMT"),
        ("Connection", "keep-alive"),
    ]
    .into_iter()
    .collect();
    Exchange {
        id: number as u64,
        connection: 1,
        started: "2026-11-24T07:00:00.123456Z".parse().unwrap(),
        origin: "https://booking.example.com".to_owned(),
        request: Request {
            method: "PUT".to_owned(),
            target: format!("/api/order-quotes/4b6a1a2c-8f0e-4a3b-9d7e-{number:012x}"),
            version: Version::Http11,
            headers: headers.clone(),
            body: Body::complete(body(3)),
        },
        response: Some(Response {
            status: 200,
            reason: "OK".to_owned(),
            version: Version::Http11,
            headers,
            body: Body::complete(body(15)),
        }),
        failure: None,
        rewritten: Vec::new(),
        simulated: None,
        timing: Timing {
            sent: Some(Duration::from_micros(80)),
            first_byte: Some(Duration::from_millis(3)),
            total: Duration::from_millis(4),
        },
    }
}

fn meta() -> Meta {
    Meta::new(Some("https://booking.example.com/api"), "2026-11-24T07:00:00Z".parse().unwrap())
}

#[divan::bench]
fn append_and_commit(bencher: Bencher<'_, '_>) {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = CaptureWriter::create(&folder.path().join("bench.db"), &meta()).unwrap();
    let exchanges: Vec<Exchange> = (0..BATCH).map(exchange).collect();
    bencher.counter(ItemsCount::new(BATCH)).bench_local(|| {
        for exchange in &exchanges {
            writer.append(black_box(exchange)).unwrap();
        }
        writer.commit().unwrap();
    });
}

#[divan::bench]
fn redact(bencher: Bencher<'_, '_>) {
    let redactor = Redactor::new().unwrap();
    bencher.with_inputs(|| exchange(1)).bench_values(|exchange| redactor.redact(black_box(exchange)));
}

#[divan::bench]
fn redact_with_credentials(bencher: Bencher<'_, '_>) {
    let redactor = Redactor::new().unwrap();
    let mut secret = exchange(1);
    secret.request.headers.0[1].value = "Bearer 0123456789abcdef0123456789abcdef".into();
    bencher.with_inputs(|| secret.clone()).bench_values(|exchange| redactor.redact(black_box(exchange)));
}

#[divan::bench]
fn read_capture(bencher: Bencher<'_, '_>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bench.db");
    let mut writer = CaptureWriter::create(&path, &meta()).unwrap();
    for number in 0..BATCH {
        writer.append(&exchange(number)).unwrap();
    }
    writer.finish().unwrap();
    bencher
        .counter(ItemsCount::new(BATCH))
        .bench_local(|| CaptureReader::open(&path).unwrap().into_exchanges(0).map(Result::unwrap).count());
}

fn har_text() -> Vec<u8> {
    let mut text = Vec::new();
    har::write(Path::new("bench.har"), &meta(), (0..BATCH).map(|number| Ok(exchange(number))), &mut text).unwrap();
    text
}

#[divan::bench]
fn read_har(bencher: Bencher<'_, '_>) {
    let text = har_text();
    bencher
        .counter(ItemsCount::new(BATCH))
        .bench_local(|| har::read(Path::new("bench.har"), black_box(&text)).unwrap());
}

#[divan::bench]
fn write_har(bencher: Bencher<'_, '_>) {
    let exchanges: Vec<Exchange> = (0..BATCH).map(exchange).collect();
    bencher.counter(ItemsCount::new(BATCH)).bench_local(|| {
        let mut text = Vec::new();
        har::write(Path::new("bench.har"), &meta(), exchanges.iter().cloned().map(Ok), &mut text).unwrap();
        text
    });
}

/// What the bodies alone take to parse, to compare with.
#[divan::bench]
fn parse_bodies(bencher: Bencher<'_, '_>) {
    let exchanges: Vec<Exchange> = (0..BATCH).map(exchange).collect();
    bencher.counter(ItemsCount::new(BATCH)).bench_local(|| {
        for exchange in &exchanges {
            let request: serde_json::Value = serde_json::from_slice(&exchange.request.body.bytes).unwrap();
            let response = exchange.response.as_ref().map(|response| &response.body.bytes).unwrap();
            let response: serde_json::Value = serde_json::from_slice(response).unwrap();
            black_box((request, response));
        }
    });
}
