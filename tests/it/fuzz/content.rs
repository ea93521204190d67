//! Bodies and recordings.
//!
//! `bytes ─► JSON, HAR, content codings ─► written and read again: the same`

use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;

use umpire::capture::har;
use umpire::exchange::{Headers, decode};
use umpire::json::Document;
use umpire::redact::{PersonalFields, Redactor};
use umpire::rules::{BookingSystemInfo, Judge};

use super::engine::{bytes, fuzz};
use super::material::{BOOK, JSON, bodies, exchange};

#[test]
fn json() {
    fuzz("json", &bodies(), &JSON, |input| {
        let ours = Document::parse(input);
        let theirs = serde_json::from_slice::<serde_json::Value>(input);
        match &ours {
            Ok(document) => {
                let root = document.root();
                let again = Document::parse_str(&root.to_json()).expect("what was written reads back");
                assert!(again.root().same(root) || document.has_duplicate_keys());
                for (key, value) in root.entries() {
                    assert_eq!(root.find(&value.pointer()).is_some(), root.get(key).is_some());
                }
                assert!(root.to_json_up_to(100).len() < 1_000);
            }
            // Nothing is refused that others read.
            Err(error) => assert!(theirs.is_err() || error.is_limit(), "{error}"),
        }
    });
}

#[test]
fn har() {
    let mut seeds = bytes(vec![
        r#"{"log":{"version":"1.2","creator":{"name":"x","version":"1"},"entries":[{"startedDateTime":"2026-06-01T08:00:00Z","time":5,
        "request":{"method":"PUT","url":"https://a.example/api/orders/5b0b7f3e-6d1c-4f0a-9c52-7e1a4d90b6c3?x=1","httpVersion":"HTTP/1.1",
        "headers":[{"name":"Authorization","value":"Bearer abc"},{"name":"Content-Encoding","value":"gzip"}],"queryString":[],"cookies":[],
        "postData":{"mimeType":"application/json","text":"{\"@type\":\"Order\"}","params":[{"name":"a","value":"b"}]},"headersSize":-1,"bodySize":17},
        "response":{"status":200,"statusText":"OK","httpVersion":"h2","headers":[{"name":"Set-Cookie","value":"a=b\nc=d"}],"cookies":[],
        "content":{"size":8,"mimeType":"application/json","text":"eyJhIjoxfQ==","encoding":"base64"},"redirectURL":"","headersSize":-1,"bodySize":-1,
        "_error":"net::ERR"},"cache":{},"timings":{"send":1,"wait":2,"receive":3,"blocked":-1},"connection":"7","_umpire":{"id":3,"total_ns":5,
        "failure":{"kind":"broken-off","detail":"x","answered":502},"response_body":{"length":9,"end":"truncated","coded":true}}}]}}"#
            .to_owned(),
    ]);
    // A few entries of the project's own recording; the whole is too long for chance.
    let golden: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string("captures/golden.har").expect("a text")).expect("JSON");
    for entry in golden["log"]["entries"].as_array().expect("entries").iter().step_by(5) {
        let log =
            serde_json::json!({ "log": { "version": "1.2", "creator": golden["log"]["creator"], "entries": [entry] } });
        seeds.push(log.to_string().into_bytes());
    }
    let redactor = Redactor::of_persons(PersonalFields::default()).expect("a redactor");
    let words =
        [&JSON[..], &["\"encoding\":\"base64\"", "\"status\":0", "\"_umpire\":{", "\"params\":[", "gzip", "zstd"]]
            .concat();
    fuzz("har", &seeds, &words, |input| {
        let file = Path::new("fuzz.har");
        let Ok((meta, exchanges)) = har::read(file, input) else { return };
        let mut written = Vec::new();
        har::write(file, &meta, exchanges.iter().cloned().map(Ok), &mut written).expect("what was read can be written");
        let (_, again) = har::read(file, &written).expect("what was written can be read");
        assert_eq!(again, exchanges);
        let mut judge = Judge::new(
            Arc::clone(&BOOK),
            BookingSystemInfo { base_uri: meta.base_uri, ..BookingSystemInfo::default() },
        );
        for exchange in exchanges {
            judge.judge(Arc::new(redactor.redact(exchange)));
        }
    });
}

#[test]
fn content_codings() {
    let text = bodies().into_iter().next().expect("a body");
    let gzip = {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(&text).expect("it is written to memory");
        gzip.finish().expect("it is written to memory")
    };
    let zlib = {
        let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
        zlib.write_all(&text).expect("it is written to memory");
        zlib.finish().expect("it is written to memory")
    };
    let mut brotli = Vec::new();
    brotli::CompressorWriter::new(&mut brotli, 4096, 5, 20).write_all(&text).expect("it is written to memory");
    let zstd = zstd::encode_all(&text[..], 1).expect("it is written to memory");
    let redactor = Redactor::of_persons(PersonalFields::default()).expect("a redactor");
    fuzz("content_codings", &[text, gzip, zlib, brotli, zstd], &["\u{1f}\u{8b}"], |input| {
        for coding in ["gzip", "deflate", "br", "zstd", "gzip, zstd", "br, br", "identity", "x"] {
            let headers: Headers = [("content-encoding", coding)].into_iter().collect();
            let decoded = decode(input, &headers).map(|content| content.len());
            let mut exchange = exchange("PUT", "/", "application/json", input, input);
            exchange.request.headers.push("content-encoding", coding);
            let redacted = redactor.redact(exchange);
            let again = decode(&redacted.request.body.bytes, &redacted.request.headers);
            assert!(decoded.is_err() || again.is_ok(), "what could be read can be read after it was redacted");
        }
    });
}
