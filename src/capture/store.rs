//! Captures in SQLite: the schema, and who writes and reads it.
//!
//! ```text
//! CaptureWriter::create ─► append … commit … append … commit ─► finish (one file remains)
//!                                     │ WAL ─► checkpoints   └─► killed (file, -wal and -shm remain, and open as they are)
//! CaptureReader::open ─► len, exchange(n), len, …            while it is being written, or afterwards
//! ```

mod checkpoint;
mod damage;
mod file_identity;
mod headers;
mod in_use;
mod packed_body;
mod reader;
mod writer;

pub(crate) use in_use::is_being_recorded;
pub use reader::{CaptureReader, StoredCall};
pub use writer::CaptureWriter;

/// First bytes of every SQLite file.
pub(super) const MAGIC: &[u8] = b"SQLite format 3\0";

/// `PRAGMA application_id` of a capture: `UMPR`.
const APPLICATION_ID: i64 = 0x554d_5052;

/// `PRAGMA user_version` of a capture. 2 brought gaps in exchanges, 3 simulated answers, 4 checksums within compressed bodies in
/// place of their digests.
const FORMAT: i64 = 4;

/// The oldest version of the schema that is still read. Versions are never given up without need.
const OLDEST: i64 = 1;

/// The schema, explained in `captures/README.md`. Change it only together with [`FORMAT`].
const SCHEMA: &str = "
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE exchange (
  n INTEGER PRIMARY KEY,
  id INTEGER NOT NULL,
  connection INTEGER NOT NULL,
  started TEXT NOT NULL,
  sent_ns INTEGER,
  first_byte_ns INTEGER,
  total_ns INTEGER NOT NULL,
  origin TEXT NOT NULL,
  method TEXT NOT NULL,
  target TEXT NOT NULL,
  status INTEGER,
  reason TEXT,
  failure TEXT,
  failure_detail TEXT,
  failure_answered INTEGER,
  request_version TEXT NOT NULL,
  request_headers NOT NULL,
  request_length INTEGER NOT NULL,
  request_end TEXT NOT NULL,
  request_kept INTEGER NOT NULL,
  request_digest BLOB,
  request_packed INTEGER NOT NULL,
  request_body BLOB,
  response_version TEXT,
  response_headers,
  response_length INTEGER,
  response_end TEXT,
  response_kept INTEGER,
  response_digest BLOB,
  response_packed INTEGER,
  response_body BLOB
);
";

/// Where links stand that the broker was given in another form than they were sent. Made when there is the first one, so
/// that most captures have no such table.
const REWRITTEN: &str = "
CREATE TABLE IF NOT EXISTS rewritten (
  n INTEGER NOT NULL,
  at TEXT NOT NULL,
  sent TEXT NOT NULL,
  given TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS rewritten_of ON rewritten (n);
";

/// Where trailer fields stand, of the exchanges that have any, as header fields do. Made when there is the first one.
const TRAILERS: &str = "
CREATE TABLE IF NOT EXISTS trailers (
  n INTEGER NOT NULL,
  of TEXT NOT NULL,
  fields NOT NULL,
  PRIMARY KEY (n, of)
) WITHOUT ROWID;
";

/// Where it stands which header fields a foreign recording left out (`credentials` or `unlisted`), of the exchanges of which it
/// left out any. Made when there is the first one.
const OMITTED: &str = "
CREATE TABLE IF NOT EXISTS omitted (
  n INTEGER PRIMARY KEY,
  request TEXT NOT NULL,
  response TEXT NOT NULL
);
";

/// Where it stands who made the answer in the booking system's place, of the exchanges of which somebody did. Made when there
/// is the first one.
const SIMULATED: &str = "
CREATE TABLE IF NOT EXISTS simulated (
  n INTEGER PRIMARY KEY,
  by TEXT NOT NULL,
  detail TEXT NOT NULL
);
";

/// The columns of `exchange` in the order in which they are bound and read.
const COLUMNS: &str = "n, id, connection, started, sent_ns, first_byte_ns, total_ns, origin, method, target, status, \
    reason, failure, failure_detail, failure_answered, request_version, request_headers, request_length, request_end, \
    request_kept, request_digest, request_packed, request_body, response_version, response_headers, response_length, \
    response_end, response_kept, response_digest, response_packed, response_body";

/// Digest of the bytes of a body that is stored as it is: SHA-256. A compressed one has a checksum of its own.
fn digest(bytes: &[u8]) -> ring::digest::Digest {
    ring::digest::digest(&ring::digest::SHA256, bytes)
}
