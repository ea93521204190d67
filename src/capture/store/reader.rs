//! Readers of a capture, also of one that is being written or whose writer was killed.
//!
//! `open → (len | exchange)* → drop`, or `open → into_exchanges → next*`
//!
//! Every look-up, and every few exchanges in a row, are a read of their own, so that an idle reader never holds up the writer's
//! checkpoints.

use std::cell::{OnceCell, RefCell};
use std::collections::VecDeque;
use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension, Row};

use super::damage::{CaptureDamage, FileHead, LOG_KEY, LogState};
use super::packed_body::has_checksum;
use super::{APPLICATION_ID, COLUMNS, FORMAT, OLDEST, digest, headers};
use crate::capture::{CaptureError, Meta, PartNumber, end_from_name};
use crate::exchange::{
    Body, Exchange, Failure, FailureKind, Headers, MAX_DECODED, OmittedFields, Request, Response, RewrittenLink,
    Simulated, Simulator, Timing, Version,
};
use crate::redact::RedactionLevel;

/// Largest stored body that is read, in bytes; one that says to be larger is taken for damaged.
const MAX_KEPT: u64 = 4 * MAX_DECODED as u64;

/// What the request line of an exchange says, and when it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredCall {
    /// When the request's head had arrived.
    pub started: Timestamp,
    /// How long it took, all in all.
    pub total: Duration,
    /// Method.
    pub method: String,
    /// Path and query.
    pub target: String,
}

/// Most exchanges that are read in a row under one lock on the file.
const MOST_IN_A_ROW: usize = 64;

/// Bytes of bodies past which no further exchange is read under the same lock: 1 MiB.
const MOST_BYTES_IN_A_ROW: usize = 1 << 20;

/// Most errors of a database that are told one by one.
const MAX_INTEGRITY_ERRORS: i64 = 20;

/// Reads a capture.
pub struct CaptureReader {
    db: Connection,
    file: PathBuf,
    meta: Meta,
    select: String,
    format: i64,
    response_bodies: bool,
    unpacker: RefCell<zstd::bulk::Decompressor<'static>>,
    /// What is missing of it.
    damage: Option<CaptureDamage>,
    /// What may be missing of it, in words.
    warning: Option<String>,
    /// Exchanges of a file that is cut off, once they are counted.
    cut_len: OnceCell<u64>,
    /// Its recording has ended.
    finished: bool,
}

impl CaptureReader {
    /// Opens a capture for reading only. It may be empty, it may be growing, and parts of it may be missing
    /// ([`Self::damage`]).
    pub fn open(path: &Path) -> Result<Self, CaptureError> {
        let open_failed = |cause: String| CaptureError::Open { file: path.to_owned(), cause };
        let head = FileHead::read(path).map_err(|error| open_failed(error.to_string()))?;
        let cut_off = head.cut_off();
        let failed = |cause: &dyn Display| match &cut_off {
            Some(cut_off) => CaptureError::Damaged {
                file: path.to_owned(),
                what: format!("{cut_off}. Nothing of it can be read ({cause})"),
            },
            None => open_failed(cause.to_string()),
        };
        let db = connect(path, cut_off.is_some()).map_err(|error| match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) if cut_off.is_none() => {
                failed(&format_args!("it is damaged ({error}); copy it again from where it was recorded"))
            }
            _ => failed(&error),
        })?;
        let pragma = |name| db.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
        if pragma("application_id").map_err(|error| failed(&error))? != APPLICATION_ID {
            return Err(CaptureError::NotACapture { file: path.to_owned() });
        }
        let found = pragma("user_version").map_err(|error| failed(&error))?;
        // Older ones are read as they are: newer ones only added to them.
        if !(OLDEST..=FORMAT).contains(&found) {
            return Err(CaptureError::Format { file: path.to_owned(), found, known: FORMAT });
        }
        let value = |key: &str| {
            db.query_row("SELECT value FROM meta WHERE key = ?1", [key], |row| row.get::<_, String>(0))
                .optional()
                .map_err(|error| failed(&error))
        };
        let created = value("created")?.unwrap_or_default();
        let created: Timestamp =
            created.parse().map_err(|_| failed(&format!("its time of creation is no time: {created:?}")))?;
        let number = value("part")?.and_then(|number| number.parse().ok());
        let part = value("part_of")?.zip(number).map(|(of, number)| PartNumber { of, number });
        let also = value("also_base_uris")?.map(|also| serde_json::from_str(&also)).transpose();
        let meta = Meta {
            base_uri: value("base_uri")?,
            also_base_uris: also.map_err(|error| failed(&error))?.unwrap_or_default(),
            created,
            creator: value("creator")?.unwrap_or_default(),
            redaction: RedactionLevel::from_name(&value("redaction")?.unwrap_or_default()),
            part,
        };
        let log_state = value(LOG_KEY)?.and_then(|state| LogState::from_name(&state));
        let (damage, warning) = match (cut_off.clone(), head.log_missing(log_state)) {
            (None, Ok(warning)) => (None, warning),
            (Some(damage), _) | (None, Err(damage)) => (Some(damage), None),
        };
        let unpacker = RefCell::new(zstd::bulk::Decompressor::new().map_err(|error| failed(&error))?);
        let select = format!("SELECT {COLUMNS} FROM exchange WHERE n = ?1");
        let (file, finished) = (path.to_owned(), log_state == Some(LogState::Finished));
        Ok(Self {
            db,
            file,
            meta,
            select,
            format: found,
            response_bodies: true,
            unpacker,
            damage,
            warning,
            cut_len: OnceCell::new(),
            finished,
        })
    }

    /// The same reader, which leaves the bytes of response bodies where they are: much faster. Their lengths and ends are read.
    pub fn without_response_bodies(self) -> Self {
        Self { response_bodies: false, ..self }
    }

    /// The file that is read.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// What is known of the recording as a whole.
    pub fn meta(&self) -> &Meta {
        &self.meta
    }

    /// What is missing of it as a whole; `None` if nothing is. All the rest can be read.
    pub fn damage(&self) -> Option<CaptureError> {
        let damage = self.damage.as_ref()?;
        Some(CaptureError::Damaged { file: self.file.clone(), what: damage.to_string() })
    }

    /// A warning that its last exchanges may be missing, if nobody can be sure.
    pub fn warning(&self) -> Option<String> {
        Some(format!("{}: {}", self.file.display(), self.warning.as_ref()?))
    }

    /// True if it says that its recording has ended.
    pub(super) fn is_finished(&self) -> bool {
        self.finished
    }

    /// Exchanges that are there now. Cheap: ask again to see whether it has grown.
    pub fn len(&self) -> Result<u64, CaptureError> {
        if matches!(self.damage, Some(CaptureDamage::CutOff { .. })) {
            return Ok(*self.cut_len.get_or_init(|| self.len_until_the_cut()));
        }
        self.db
            .prepare_cached("SELECT max(n) FROM exchange")
            .and_then(|mut last| last.query_row([], |row| row.get::<_, Option<i64>>(0)))
            .map(|last| last.map_or(0, |last| last as u64 + 1))
            .map_err(|error| CaptureError::Read { file: self.file.clone(), cause: error.to_string() })
    }

    /// Exchanges before the first that the file can't say anything of.
    fn len_until_the_cut(&self) -> u64 {
        let count = || -> rusqlite::Result<u64> {
            let mut select = self.db.prepare_cached("SELECT n FROM exchange ORDER BY n")?;
            let mut rows = select.query([])?;
            let mut count = 0;
            // A page that is there in part has numbers that are none.
            while let Ok(Some(row)) = rows.next()
                && row.get::<_, i64>(0) == Ok(count as i64)
            {
                count += 1;
            }
            Ok(count)
        };
        count().unwrap_or_default()
    }

    /// True if there is nothing in it yet.
    pub fn is_empty(&self) -> Result<bool, CaptureError> {
        Ok(self.len()? == 0)
    }

    /// Version of the format of the file.
    pub fn format(&self) -> i64 {
        self.format
    }

    /// The calls of all exchanges in recorded order, without the cost of their bodies, until `each` says to stop.
    pub fn calls(&self, mut each: impl FnMut(StoredCall) -> bool) -> Result<(), CaptureError> {
        let failed = |error: rusqlite::Error| CaptureError::Read { file: self.file.clone(), cause: error.to_string() };
        let sql = "SELECT n, started, total_ns, method, target FROM exchange ORDER BY n";
        let mut select = self.db.prepare(sql).map_err(failed)?;
        let mut rows = select.query([]).map_err(failed)?;
        while let Some(row) = rows.next().map_err(failed)? {
            let index = row.get::<_, i64>(0).map_err(failed)? as u64;
            let damaged = |error: rusqlite::Error| self.damaged(index, &error);
            let started: String = row.get(1).map_err(damaged)?;
            let call = StoredCall {
                started: started.parse().map_err(|_| self.damaged(index, &"its start is no time"))?,
                total: Duration::from_nanos(row.get::<_, i64>(2).map_err(damaged)? as u64),
                method: row.get(3).map_err(damaged)?,
                target: row.get(4).map_err(damaged)?,
            };
            if !each(call) {
                break;
            }
        }
        Ok(())
    }

    /// What is wrong with the database itself, in SQLite's words; nothing if it is sound. Reads all of it.
    pub fn integrity_errors(&self) -> Result<Vec<String>, CaptureError> {
        let failed = |error: rusqlite::Error| CaptureError::Read { file: self.file.clone(), cause: error.to_string() };
        let mut check = self.db.prepare(&format!("PRAGMA integrity_check({MAX_INTEGRITY_ERRORS})")).map_err(failed)?;
        let lines = check.query_map([], |row| row.get::<_, String>(0)).map_err(failed)?;
        let lines = lines.collect::<Result<Vec<_>, _>>().map_err(failed)?;
        Ok(lines.into_iter().filter(|line| line != "ok").collect())
    }

    /// The exchange at a 0-based index.
    pub fn exchange(&self, index: u64) -> Result<Exchange, CaptureError> {
        self.look_up(index)?.ok_or_else(|| self.damaged(index, &"there is none of that index"))
    }

    /// The exchanges from an index on, in recorded order, one at a time; ends with the last one that is there then.
    pub fn into_exchanges(self, from: u64) -> StoredExchanges {
        let damage = self.damage();
        StoredExchanges { reader: self, next: from, ready: VecDeque::new(), ended: false, damage }
    }

    fn look_up(&self, index: u64) -> Result<Option<Exchange>, CaptureError> {
        let beside = self.beside().map_err(|error| self.damaged(index, &error))?;
        self.look_up_with(index, &beside)
    }

    /// As [`Self::look_up`], where it is known which of the tables are there that hold more of some exchanges.
    fn look_up_with(&self, index: u64, beside: &[String]) -> Result<Option<Exchange>, CaptureError> {
        let row = |row: &Row<'_>| self.exchange_of(row).map_err(|what| self.damaged(index, &what));
        let found = self
            .db
            .prepare_cached(&self.select)
            .and_then(|mut select| select.query_row([index as i64], |found| Ok(row(found))).optional())
            .map_err(|error| self.damaged(index, &error))?;
        let Some(exchange) = found else { return Ok(None) };
        let mut exchange = exchange?;
        if beside.iter().any(|table| table == "rewritten") {
            exchange.rewritten = self.rewritten(index).map_err(|error| self.damaged(index, &error))?;
        }
        if beside.iter().any(|table| table == "trailers") {
            self.trailers(index, &mut exchange).map_err(|what| self.damaged(index, &what))?;
        }
        if beside.iter().any(|table| table == "omitted") {
            self.omitted(index, &mut exchange).map_err(|what| self.damaged(index, &what))?;
        }
        if beside.iter().any(|table| table == "simulated") {
            exchange.simulated = self.simulated(index).map_err(|what| self.damaged(index, &what))?;
        }
        Ok(Some(exchange))
    }

    /// The tables that are there only if there is something in them.
    fn beside(&self) -> rusqlite::Result<Vec<String>> {
        let sql = "SELECT name FROM sqlite_schema WHERE name IN ('rewritten', 'trailers', 'omitted', 'simulated')";
        self.db.prepare_cached(sql)?.query_map([], |row| row.get(0))?.collect()
    }

    fn trailers(&self, index: u64, exchange: &mut Exchange) -> Result<(), String> {
        let failed = |error: rusqlite::Error| error.to_string();
        let sql = "SELECT of, fields FROM trailers WHERE n = ?1";
        let mut select = self.db.prepare_cached(sql).map_err(failed)?;
        let mut rows = select.query([index as i64]).map_err(failed)?;
        while let Some(row) = rows.next().map_err(failed)? {
            let mut cells = RowCells { row, at: 0 };
            let body = match (cells.text()?, &mut exchange.response) {
                ("request", _) => &mut exchange.request.body,
                ("response", Some(response)) => &mut response.body,
                (other, _) => return Err(format!("it has trailers of {other:?}, which it has not")),
            };
            body.trailers = cells.headers()?;
        }
        Ok(())
    }

    /// Which header fields the recording leaves out.
    fn omitted(&self, index: u64, exchange: &mut Exchange) -> Result<(), String> {
        let failed = |error: rusqlite::Error| error.to_string();
        let sql = "SELECT request, response FROM omitted WHERE n = ?1";
        let mut select = self.db.prepare_cached(sql).map_err(failed)?;
        let mut rows = select.query([index as i64]).map_err(failed)?;
        let Some(row) = rows.next().map_err(failed)? else { return Ok(()) };
        let mut cells = RowCells { row, at: 0 };
        let mut next = || -> Result<OmittedFields, String> {
            let name = cells.text()?;
            OmittedFields::from_name(name)
                .ok_or_else(|| format!("what its header fields leave out is unknown: {name:?}"))
        };
        exchange.request.headers.1 = next()?;
        let of_response = next()?;
        if let Some(response) = &mut exchange.response {
            response.headers.1 = of_response;
        }
        Ok(())
    }

    /// Who made the answer in the booking system's place.
    fn simulated(&self, index: u64) -> Result<Option<Simulated>, String> {
        let failed = |error: rusqlite::Error| error.to_string();
        let sql = "SELECT by, detail FROM simulated WHERE n = ?1";
        let mut select = self.db.prepare_cached(sql).map_err(failed)?;
        let mut rows = select.query([index as i64]).map_err(failed)?;
        let Some(row) = rows.next().map_err(failed)? else { return Ok(None) };
        let mut cells = RowCells { row, at: 0 };
        let name = cells.text()?;
        let by = Simulator::from_name(name).ok_or_else(|| format!("who made its answer is unknown: {name:?}"))?;
        Ok(Some(Simulated { by, detail: cells.text()?.to_owned() }))
    }

    /// The links of an exchange that were rewritten.
    fn rewritten(&self, index: u64) -> rusqlite::Result<Vec<RewrittenLink>> {
        let mut select = self.db.prepare_cached("SELECT at, sent, given FROM rewritten WHERE n = ?1 ORDER BY rowid")?;
        let link = |row: &Row<'_>| Ok(RewrittenLink { at: row.get(0)?, sent: row.get(1)?, given: row.get(2)? });
        select.query_map([index as i64], link)?.collect()
    }

    fn damaged(&self, index: u64, what: &dyn Display) -> CaptureError {
        let what = match &self.damage {
            Some(cut_off @ CaptureDamage::CutOff { .. }) => format!("{what}; the file {cut_off}"),
            _ => what.to_string(),
        };
        CaptureError::Exchange { file: self.file.clone(), index, what }
    }

    fn exchange_of(&self, row: &Row<'_>) -> Result<Exchange, String> {
        let mut cells = RowCells { row, at: 1 };
        let (id, connection) = (cells.number()?, cells.number()?);
        let started = cells.text()?.parse().map_err(|_| "its start is no time")?;
        let timing = Timing {
            sent: cells.duration()?,
            first_byte: cells.duration()?,
            total: cells.duration()?.unwrap_or_default(),
        };
        let (origin, method, target) = (cells.text()?.to_owned(), cells.text()?.to_owned(), cells.text()?.to_owned());
        let (status, reason) = (cells.status()?, cells.text()?.to_owned());
        let (kind, detail, answered) = (cells.text()?, cells.text()?, cells.status()?);
        let failure = match kind {
            "" => None,
            kind => Some(Failure {
                kind: FailureKind::from_name(kind).ok_or("its kind of failure is unknown")?,
                detail: detail.to_owned(),
                answered,
            }),
        };
        let version = Version::from_name(cells.text()?);
        let request =
            Request { method, target, version, headers: cells.headers()?, body: self.body(&mut cells, true)? };
        let response = match status {
            None => None,
            Some(status) => {
                let version = Version::from_name(cells.text()?);
                let headers = cells.headers()?;
                Some(Response { status, reason, version, headers, body: self.body(&mut cells, self.response_bodies)? })
            }
        };
        let (id, connection) = (id.unwrap_or_default() as u64, connection.unwrap_or_default() as u64);
        let rewritten = Vec::new();
        let simulated = None;
        Ok(Exchange { id, connection, started, origin, request, response, failure, rewritten, simulated, timing })
    }

    fn body(&self, cells: &mut RowCells<'_>, with_bytes: bool) -> Result<Body, String> {
        let length = cells.number()?.unwrap_or_default() as u64;
        let end = end_from_name(cells.text()?).ok_or("the end of a body is unknown")?;
        if !with_bytes {
            return Ok(Body { length, ..Body::ended(Vec::new(), end) });
        }
        let kept = cells.number()?.unwrap_or_default() as u64;
        let expected = cells.bytes()?;
        let packed = cells.number()? == Some(1);
        let stored = cells.bytes()?;
        if kept > MAX_KEPT {
            return Err(format!("a body of {kept} bytes is larger than any that is kept"));
        }
        let bytes = if packed {
            let unpacked = self.unpacker.borrow_mut().decompress(stored, kept as usize);
            unpacked.map_err(|error| format!("a body can't be unpacked: {error}"))?
        } else {
            stored.to_vec()
        };
        if bytes.len() as u64 != kept {
            return Err(format!("a body has {} bytes and should have {kept}", bytes.len()));
        }
        // Where a frame has a checksum, it was looked at on unpacking.
        if expected.is_empty() {
            let needs_none = bytes.is_empty() || packed && has_checksum(stored);
            if !needs_none {
                return Err("a body has no digest".to_owned());
            }
        } else if digest(&bytes).as_ref() != expected {
            return Err("a body has another digest than it should".to_owned());
        }
        Ok(Body { length, ..Body::ended(bytes, end) })
    }
}

/// The cells of a row from left to right, in the order of [`COLUMNS`].
struct RowCells<'r> {
    row: &'r Row<'r>,
    at: usize,
}

impl<'r> RowCells<'r> {
    fn next(&mut self) -> Result<ValueRef<'r>, String> {
        self.at += 1;
        self.row.get_ref(self.at - 1).map_err(|error| error.to_string())
    }

    fn unexpected(&self, found: ValueRef<'_>) -> String {
        let name = COLUMNS.split(", ").nth(self.at - 1).unwrap_or_default().trim();
        format!("{name} is of type {}", found.data_type())
    }

    fn number(&mut self) -> Result<Option<i64>, String> {
        match self.next()? {
            ValueRef::Null => Ok(None),
            ValueRef::Integer(number) => Ok(Some(number)),
            other => Err(self.unexpected(other)),
        }
    }

    fn duration(&mut self) -> Result<Option<Duration>, String> {
        Ok(self.number()?.map(|nanoseconds| Duration::from_nanos(nanoseconds as u64)))
    }

    fn status(&mut self) -> Result<Option<u16>, String> {
        let number = self.number()?;
        number.map(|number| u16::try_from(number).map_err(|_| format!("{number} is no status"))).transpose()
    }

    /// Empty where there is nothing.
    fn bytes(&mut self) -> Result<&'r [u8], String> {
        match self.next()? {
            ValueRef::Null => Ok(&[]),
            ValueRef::Text(bytes) | ValueRef::Blob(bytes) => Ok(bytes),
            other => Err(self.unexpected(other)),
        }
    }

    /// Empty where there is nothing.
    fn text(&mut self) -> Result<&'r str, String> {
        std::str::from_utf8(self.bytes()?).map_err(|error| format!("text is not UTF-8: {error}"))
    }

    fn headers(&mut self) -> Result<Headers, String> {
        headers::unpack(self.bytes()?).ok_or_else(|| "a column of header fields holds none".to_owned())
    }
}

/// The exchanges of a capture in recorded order; see [`CaptureReader::into_exchanges`]. Ends behind an error, which is what is
/// missing of the capture as a whole, if something is.
pub struct StoredExchanges {
    reader: CaptureReader,
    /// Index of the first exchange that was not read.
    next: u64,
    /// Read and not taken.
    ready: VecDeque<Result<Exchange, CaptureError>>,
    ended: bool,
    /// What is missing of the capture as a whole, until that was given.
    damage: Option<CaptureError>,
}

impl Iterator for StoredExchanges {
    type Item = Result<Exchange, CaptureError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ready.is_empty() && !self.ended {
            let first = self.next;
            if let Err(error) = self.read_some() {
                self.ended = true;
                self.ready.push_back(Err(self.reader.damaged(first, &error)));
            }
        }
        match self.ready.pop_front() {
            Some(Ok(exchange)) => Some(Ok(exchange)),
            // It says more than what follows from it.
            end => self.damage.take().map(Err).or(end),
        }
    }
}

impl StoredExchanges {
    /// Reads a few exchanges under one lock.
    fn read_some(&mut self) -> rusqlite::Result<()> {
        let Self { reader, next, ready, ended, .. } = self;
        // Only read from. It ends here, whatever comes of it.
        let _lock = reader.db.unchecked_transaction()?;
        let beside = reader.beside()?;
        let mut bytes = 0;
        while !*ended && ready.len() < MOST_IN_A_ROW && bytes < MOST_BYTES_IN_A_ROW {
            let found = reader.look_up_with(*next, &beside).transpose();
            *next += 1;
            // A gap must not pass for the end.
            let found = found.or_else(|| match reader.len() {
                Ok(len) if len < *next => None,
                Ok(_) => Some(Err(reader.damaged(*next - 1, &"it is missing"))),
                Err(error) => Some(Err(error)),
            });
            *ended = !matches!(found, Some(Ok(_)));
            if let Some(Ok(exchange)) = &found {
                let response = exchange.response.as_ref().map_or(0, |response| response.body.bytes.len());
                bytes += exchange.request.body.bytes.len() + response;
            }
            ready.extend(found);
        }
        Ok(())
    }
}

/// A capture that its writer has finished needs no log; on read-only media SQLite must be told so.
fn connect(path: &Path, is_cut_off: bool) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let open = || {
        let db = Connection::open_with_flags(path, flags)?;
        db.busy_timeout(Duration::from_secs(5))?;
        if is_cut_off {
            // SQLite reads what there is of a file that is too short only if it may be repaired. It is not written to.
            db.pragma_update(None, "writable_schema", true)?;
        }
        db.pragma_query_value(None, "application_id", |row| row.get::<_, i64>(0))?;
        Ok(db)
    };
    // A writer that was killed while it closed the file left a change half made, which only a writer may undo.
    open().or_else(|error: rusqlite::Error| match error.sqlite_error_code() {
        Some(ErrorCode::ReadOnly) => {
            let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
            let db = Connection::open_with_flags(path, flags)?;
            db.pragma_query_value(None, "application_id", |row| row.get::<_, i64>(0))?;
            drop(db);
            open()
        }
        _ => Err(error),
    })
}
