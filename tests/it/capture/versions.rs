//! Captures of every version of the format stay readable. The text of each version stands here as it was; never change one.

use std::path::{Path, PathBuf};

use umpire::capture::{self, CaptureError, CaptureReader, CaptureWriter};
use umpire::exchange::{Body, BodyEnd, FailureKind, OmittedFields, Simulated, Simulator, Version};
use umpire::redact::RedactionLevel;

use super::arbitrary::{meta, ordinary};

/// Version 1: what Umpire 0.1.0 writes.
const VERSION_1: &str = r"
PRAGMA application_id = 0x554D5052;
PRAGMA user_version = 1;
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
INSERT INTO meta VALUES ('created', '2026-11-24T07:00:00.5Z'), ('creator', 'umpire 0.1.0'), ('base_uri', 'https://a.example/api');
CREATE TABLE exchange (
  n INTEGER PRIMARY KEY, id INTEGER NOT NULL, connection INTEGER NOT NULL, started TEXT NOT NULL,
  sent_ns INTEGER, first_byte_ns INTEGER, total_ns INTEGER NOT NULL,
  origin TEXT NOT NULL, method TEXT NOT NULL, target TEXT NOT NULL, status INTEGER, reason TEXT,
  failure TEXT, failure_detail TEXT, failure_answered INTEGER,
  request_version TEXT NOT NULL, request_headers NOT NULL, request_length INTEGER NOT NULL, request_end TEXT NOT NULL,
  request_kept INTEGER NOT NULL, request_digest BLOB, request_packed INTEGER NOT NULL, request_body BLOB,
  response_version TEXT, response_headers, response_length INTEGER, response_end TEXT, response_kept INTEGER,
  response_digest BLOB, response_packed INTEGER, response_body BLOB
);
INSERT INTO exchange VALUES (0, 7, 2, '2026-11-24T07:00:01Z', 1000, 2000, 3000, 'https://a.example', 'PUT',
  '/api/orders/1', 200, 'OK', NULL, NULL, NULL,
  'HTTP/1.1', 'Accept: */*' || char(10), 2, 'complete',
  2, x'44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a', 0, '{}',
  'HTTP/2', 'X-Odd: a\n\\b' || char(10), 300, 'truncated', 2,
  x'44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a', 0, '{}');
INSERT INTO exchange VALUES (1, 8, 0, '2026-11-24T07:00:02Z', NULL, NULL, 5, 'https://a.example', 'GET', '/x',
  NULL, NULL, 'unreachable', 'no route', 502,
  'HTTP/1.0', '', 0, 'complete', 0, NULL, 0, NULL,
  NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
";

/// What a capture of version 1 may have beside.
const BESIDE: &str = r"
INSERT INTO meta VALUES ('redaction', 'personal'), ('part_of', 'x-1'), ('part', '2');
CREATE TABLE rewritten (n INTEGER NOT NULL, at TEXT NOT NULL, sent TEXT NOT NULL, given TEXT NOT NULL);
INSERT INTO rewritten VALUES (0, '/next', 'https://a.example/2', 'http://localhost:8080/2');
CREATE TABLE trailers (n INTEGER NOT NULL, of TEXT NOT NULL, fields NOT NULL, PRIMARY KEY (n, of)) WITHOUT ROWID;
INSERT INTO trailers VALUES (0, 'request', 'X-Sum: 7' || char(10)), (0, 'response', x'582d543a20ff0a');
";

fn made(folder: &Path, sql: &str) -> PathBuf {
    let file = folder.join("old.db");
    rusqlite::Connection::open(&file).unwrap().execute_batch(sql).unwrap();
    file
}

#[test]
fn version_1() {
    let folder = tempfile::tempdir().unwrap();
    let file = made(folder.path(), VERSION_1);
    let recording = capture::open(&file).unwrap();
    assert_eq!(recording.meta.base_uri.as_deref(), Some("https://a.example/api"));
    assert_eq!((recording.meta.creator.as_str(), recording.meta.part), ("umpire 0.1.0", None));
    assert_eq!(recording.meta.redaction, RedactionLevel::Unknown, "it says nothing of it");
    let exchanges: Vec<_> = recording.exchanges.map(Result::unwrap).collect();
    let response = exchanges[0].response.as_ref().unwrap();
    assert_eq!(
        (exchanges[0].id, exchanges[0].connection, response.status, response.version),
        (7, 2, 200, Version::Http2)
    );
    assert_eq!(exchanges[0].request.body.bytes, "{}");
    assert_eq!((response.body.end, response.body.length), (BodyEnd::Truncated, 300));
    assert_eq!(response.headers.get("x-odd"), Some("a\n\\b"));
    let failure = exchanges[1].failure.as_ref().unwrap();
    assert_eq!((failure.kind, failure.answered), (FailureKind::Unreachable, Some(502)));
    assert_eq!(CaptureReader::open(&file).unwrap().integrity_errors().unwrap(), Vec::<String>::new());
}

#[test]
fn version_1_with_what_it_may_have_beside() {
    let folder = tempfile::tempdir().unwrap();
    let file = made(folder.path(), &format!("{VERSION_1}{BESIDE}"));
    let recording = capture::open(&file).unwrap();
    assert_eq!(recording.meta.redaction, RedactionLevel::Personal);
    assert_eq!(recording.meta.part.map(|part| (part.of, part.number)), Some(("x-1".to_owned(), 2)));
    let exchanges: Vec<_> = recording.exchanges.map(Result::unwrap).collect();
    assert_eq!(exchanges[0].rewritten[0].given, "http://localhost:8080/2");
    assert_eq!(exchanges[0].request.body.trailers.get("x-sum"), Some("7"));
    assert_eq!(exchanges[0].response.as_ref().unwrap().body.trailers.0[0].value, b"\xff"[..]);
    assert!(exchanges[1].rewritten.is_empty() && exchanges[1].request.body.trailers.0.is_empty());
    // Trailers of an answer that is not there are damage.
    let wrong = folder.path().join("wrong");
    std::fs::create_dir(&wrong).unwrap();
    let damage = "INSERT INTO trailers VALUES (1, 'response', 'X: y' || char(10));";
    let file = made(&wrong, &format!("{VERSION_1}{BESIDE}{damage}"));
    let error = capture::open(&file).unwrap().exchanges.last().unwrap().unwrap_err();
    assert!(error.to_string().contains("exchange 2 can't be read: it has trailers of \"response\""), "{error}");
}

/// What version 2 adds: bodies and header fields that a foreign recording doesn't hold.
const VERSION_2: &str = r"
PRAGMA user_version = 2;
UPDATE exchange SET request_length = 0, request_end = 'not-recorded', request_kept = 0, request_digest = NULL,
  request_body = NULL WHERE n = 0;
CREATE TABLE omitted (n INTEGER PRIMARY KEY, request TEXT NOT NULL, response TEXT NOT NULL);
INSERT INTO omitted VALUES (0, 'unlisted', 'credentials');
";

#[test]
fn version_2() {
    let folder = tempfile::tempdir().unwrap();
    let file = made(folder.path(), &format!("{VERSION_1}{VERSION_2}"));
    let exchanges: Vec<_> = capture::open(&file).unwrap().exchanges.map(Result::unwrap).collect();
    let response = exchanges[0].response.as_ref().unwrap();
    assert_eq!(exchanges[0].request.body, Body::not_recorded(0));
    assert_eq!(
        (exchanges[0].request.headers.1, response.headers.1),
        (OmittedFields::Unlisted, OmittedFields::Credentials)
    );
    assert_eq!(exchanges[1].request.headers.1, OmittedFields::Nothing);
    assert_eq!(CaptureReader::open(&file).unwrap().format(), 2);
}

/// What version 3 adds: answers that are none of a booking system.
const VERSION_3: &str = r"
PRAGMA user_version = 3;
CREATE TABLE simulated (n INTEGER PRIMARY KEY, by TEXT NOT NULL, detail TEXT NOT NULL);
INSERT INTO simulated VALUES (0, 'replay', 'golden.har, exchange 12');
UPDATE exchange SET failure = 'no-replay' WHERE n = 1;
";

#[test]
fn version_3() {
    let folder = tempfile::tempdir().unwrap();
    let file = made(folder.path(), &format!("{VERSION_1}{VERSION_3}"));
    let exchanges: Vec<_> = capture::open(&file).unwrap().exchanges.map(Result::unwrap).collect();
    let simulated = Simulated { by: Simulator::Replay, detail: "golden.har, exchange 12".to_owned() };
    assert_eq!((&exchanges[0].simulated, &exchanges[1].simulated), (&Some(simulated), &None));
    assert_eq!(exchanges[1].failure.as_ref().map(|failure| failure.kind), Some(FailureKind::NoReplay));
    let wrong = folder.path().join("wrong");
    std::fs::create_dir(&wrong).unwrap();
    let damage = "UPDATE simulated SET by = 'magic';";
    let file = made(&wrong, &format!("{VERSION_1}{VERSION_3}{damage}"));
    let error = capture::open(&file).unwrap().exchanges.next().unwrap().unwrap_err();
    assert!(error.to_string().contains("who made its answer is unknown: \"magic\""), "{error}");
}

/// What version 4 changes: a compressed body has a checksum in place of a digest.
#[test]
fn version_4() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("new.db");
    let mut exchange = ordinary();
    exchange.request.body = Body::complete(r#"{"name":"a body that is long enough to be compressed"}"#.repeat(10));
    let mut writer = CaptureWriter::create(&file, &meta()).unwrap();
    writer.append(&exchange).unwrap();
    writer.finish().unwrap();
    let read = || CaptureReader::open(&file).unwrap().exchange(0);
    assert_eq!((CaptureReader::open(&file).unwrap().format(), read().unwrap()), (4, exchange.clone()));

    let db = rusqlite::Connection::open(&file).unwrap();
    let frame = "SELECT request_body FROM exchange WHERE request_digest IS NULL AND request_packed = 1";
    let frame: Vec<u8> = db.query_row(frame, [], |row| row.get(0)).unwrap();
    for bit in 0..frame.len() * 8 {
        let mut wrong = frame.clone();
        wrong[bit / 8] ^= 1 << (bit % 8);
        db.execute("UPDATE exchange SET request_body = ?1", [&wrong]).unwrap();
        if let Ok(read) = read() {
            assert_eq!(read, exchange, "bit {bit} of {} bytes", frame.len());
        }
    }
    // One that was stored without a checksum is taken for nothing that is whole.
    let plain = zstd::bulk::compress(&exchange.request.body.bytes, 1).unwrap();
    db.execute("UPDATE exchange SET request_body = ?1", [&plain]).unwrap();
    assert!(read().unwrap_err().to_string().contains("a body has no digest"));
}

#[test]
fn newer_ones_are_refused_and_say_why() {
    let folder = tempfile::tempdir().unwrap();
    let file = made(folder.path(), &VERSION_1.replace("user_version = 1", "user_version = 5"));
    let error = capture::open(&file).err().unwrap();
    assert_eq!(error, CaptureError::Format { file: file.clone(), found: 5, known: 4 });
    let said = error.to_string();
    assert!(said.contains("old.db: has capture format 5, and this Umpire knows up to 4; use a newer one"), "{said}");
    let older = folder.path().join("none");
    std::fs::create_dir(&older).unwrap();
    let file = made(&older, &VERSION_1.replace("user_version = 1", "user_version = 0"));
    assert!(matches!(capture::open(&file).err(), Some(CaptureError::Format { found: 0, .. })));
}
