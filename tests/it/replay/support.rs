//! Recordings made by hand, and a client without a socket.

use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::BodyExt;
use jiff::Timestamp;
use serde_json::{Value, json};
use tempfile::TempDir;
use umpire::capture::{CaptureWriter, Meta};
use umpire::exchange::{Body, Exchange, FailureKind, Headers, Response, Timing, Version, decode};
use umpire::proxy::upstream::{OutboundRequest, Upstream, UpstreamResponse, full_body};
use umpire::replay::{PlaybackOptions, Replay, TimeMode};

pub const ORIGIN: &str = "https://booking.example";
pub const A: &str = "0d5a8a5c-4b2e-4d27-9a55-1f2f3a9b7c01";
pub const B: &str = "0d5a8a5c-4b2e-4d27-9a55-1f2f3a9b7c02";
pub const C: &str = "0d5a8a5c-4b2e-4d27-9a55-1f2f3a9b7c03";
pub const X: &str = "99999999-4b2e-4d27-9a55-1f2f3a9b7c91";
pub const Y: &str = "99999999-4b2e-4d27-9a55-1f2f3a9b7c92";
pub const Z: &str = "99999999-4b2e-4d27-9a55-1f2f3a9b7c93";

/// When recordings begin.
pub const BEGAN: &str = "2025-04-17T12:00:00Z";

/// A recording in the making.
pub struct Tape {
    pub exchanges: Vec<Exchange>,
    pub token: Option<&'static str>,
}

impl Tape {
    pub fn new() -> Self {
        Self { exchanges: Vec::new(), token: Some("Bearer recorded") }
    }

    /// One more exchange, a second after the one before.
    pub fn add(&mut self, method: &str, path: &str, asked: &Value, status: u16, answer: &Value) -> &mut Exchange {
        let started: Timestamp = BEGAN.parse().unwrap();
        let started = started + jiff::SignedDuration::from_secs(self.exchanges.len() as i64);
        let mut exchange = Exchange::get(ORIGIN, path);
        method.clone_into(&mut exchange.request.method);
        exchange.started = started;
        exchange.timing = Timing { total: std::time::Duration::from_millis(20), ..Timing::default() };
        let json = |value: &Value| if value.is_null() { String::new() } else { value.to_string() };
        if let Some(token) = self.token {
            exchange.request.headers.push("Authorization", token);
        }
        if !asked.is_null() {
            exchange.request.headers.push("Content-Type", "application/vnd.openactive.booking+json; version=1");
        }
        exchange.request.body = Body::complete(json(asked));
        let text = json(answer);
        let mut headers = Headers::default();
        headers.push("Date", "Thu, 17 Apr 2025 12:00:00 GMT");
        headers.push("Content-Type", "application/vnd.openactive.booking+json; version=1");
        headers.push("Content-Length", text.len().to_string());
        exchange.response = Some(Response {
            status,
            reason: String::new(),
            version: Version::Http11,
            headers,
            body: Body::complete(text),
        });
        self.exchanges.push(exchange);
        self.exchanges.last_mut().unwrap()
    }

    pub fn c1(&mut self, uuid: &str, item: &str, answer: &str) {
        self.add("PUT", &format!("/api/order-quote-templates/{uuid}"), &quote(item, None), 200, &order(uuid, answer));
    }

    pub fn c2(&mut self, uuid: &str, item: &str, name: &str, answer: &str) {
        let asked = quote(item, Some(name));
        self.add("PUT", &format!("/api/order-quotes/{uuid}"), &asked, 200, &order(uuid, &format!("{answer} {name}")));
    }

    pub fn b(&mut self, uuid: &str, item: &str, name: &str, status: u16, answer: &str) {
        let asked = quote(item, Some(name));
        self.add("PUT", &format!("/api/orders/{uuid}"), &asked, status, &order(uuid, answer));
    }

    /// The recording as a capture, and the folder that it is in.
    pub fn write(&self) -> (TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("tape.db");
        let meta = Meta::new(None, BEGAN.parse().unwrap());
        let mut writer = CaptureWriter::create(&file, &meta).unwrap();
        for exchange in &self.exchanges {
            writer.append(exchange).unwrap();
        }
        writer.finish().unwrap();
        (folder, file)
    }

    pub fn play(&self) -> Client {
        self.play_with(PlaybackOptions { time: TimeMode::Recorded, ..PlaybackOptions::default() })
    }

    pub fn play_with(&self, options: PlaybackOptions) -> Client {
        let (folder, file) = self.write();
        Client { replay: open(&[file], options), token: Some("Bearer present"), _folder: Some(folder) }
    }
}

pub fn open(files: &[PathBuf], options: PlaybackOptions) -> Arc<Replay> {
    let (replay, reading) = Replay::open(files, options).unwrap();
    replay.read(reading);
    replay
}

/// A request for an item, with a customer if there is one.
pub fn quote(item: &str, name: Option<&str>) -> Value {
    let mut quote = json!({
        "@type": "OrderQuote",
        "brokerRole": "https://openactive.io/AgentBroker",
        "seller": format!("{ORIGIN}/sellers/1"),
        "orderedItem": [{
            "@type": "OrderItem", "position": 0,
            "acceptedOffer": format!("{ORIGIN}/offers/{item}"),
            "orderedItem": format!("{ORIGIN}/items/{item}"),
        }],
    });
    if let Some(name) = name {
        quote["customer"] = json!({ "@type": "Person", "email": format!("{name}@mail.example"), "givenName": name });
    }
    quote
}

/// An answer that has the Order UUID in it.
pub fn order(uuid: &str, text: &str) -> Value {
    json!({ "@type": "Order", "@id": format!("{ORIGIN}/api/orders/{uuid}"), "text": text })
}

/// A client that knows no socket.
pub struct Client {
    pub replay: Arc<Replay>,
    pub token: Option<&'static str>,
    pub _folder: Option<TempDir>,
}

#[derive(Debug)]
pub struct Seen {
    pub status: u16,
    pub headers: Arc<Headers>,
    pub bytes: Bytes,
    pub body: Value,
}

impl Seen {
    /// `text` of the answer.
    pub fn text(&self) -> &str {
        self.body["text"].as_str().unwrap_or_default()
    }

    pub fn field(&self, name: &str) -> &str {
        self.headers.get(name).unwrap_or_default()
    }
}

impl Client {
    /// The answer, or what a miss says.
    pub async fn ask(&self, method: &str, path: &str, asked: &Value) -> Result<Seen, String> {
        let body = if asked.is_null() { String::new() } else { asked.to_string() };
        let mut headers: Headers = [("host", "127.0.0.1:8080")].into_iter().collect();
        if let Some(token) = self.token {
            headers.push("authorization", token);
        }
        let request = OutboundRequest::new(method.parse().unwrap(), path, headers, full_body(body));
        match self.replay.send(request).await {
            Ok(UpstreamResponse { status, headers, body, .. }) => {
                let bytes = body.collect().await.unwrap().to_bytes();
                let content = decode(&bytes, &headers).unwrap().into_owned();
                let body = serde_json::from_slice(&content).unwrap_or(Value::Null);
                Ok(Seen { status: status.as_u16(), headers, bytes, body })
            }
            Err(error) => {
                assert_eq!(error.kind, FailureKind::NoReplay, "{error}");
                Err(error.detail)
            }
        }
    }

    /// The answer that there has to be.
    #[track_caller]
    pub fn get(&self, method: &str, path: &str, asked: &Value) -> impl Future<Output = Seen> {
        let at = std::panic::Location::caller();
        async move { self.ask(method, path, asked).await.unwrap_or_else(|miss| panic!("{at}: {miss}")) }
    }

    pub async fn c1(&self, uuid: &str, item: &str) -> Seen {
        self.get("PUT", &format!("/api/order-quote-templates/{uuid}"), &quote(item, None)).await
    }

    pub async fn c2(&self, uuid: &str, item: &str, name: &str) -> Seen {
        self.get("PUT", &format!("/api/order-quotes/{uuid}"), &quote(item, Some(name))).await
    }

    pub async fn b(&self, uuid: &str, item: &str, name: &str) -> Seen {
        self.get("PUT", &format!("/api/orders/{uuid}"), &quote(item, Some(name))).await
    }
}
