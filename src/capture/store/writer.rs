//! The one writer of a capture.
//!
//! `create → (append* → commit)* → finish`
//!
//! An exchange that was appended is on disk, safe from the death of this process, once `commit` has returned. A
//! power cut may cost the last commits, never the file (WAL, `synchronous = NORMAL`).

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, OpenFlags, params};

use super::checkpoint::{Checkpoints, LONG};
use super::damage::{LOG_KEY, LogState};
use super::file_identity::{FileIdentity, discard, identity};
use super::packed_body::{PackedBody, compressor};
use super::{APPLICATION_ID, COLUMNS, FORMAT, OMITTED, REWRITTEN, SCHEMA, SIMULATED, TRAILERS, headers};
use crate::capture::{CaptureError, DEFAULT_FOLDER, Meta, create_failed, end_name};
use crate::exchange::{Body, BodyEnd, Exchange, OmittedFields};
use crate::new_file::{Existing, NewFile, NewFileError, Readers};

/// zstd level of stored bodies: recording is on the hot path, and JSON shrinks well at any level.
const LEVEL: i32 = 1;

/// The same while the writer is pressed for time: bodies of JSON take up a third more, and a third of the time.
const FAST_LEVEL: i32 = -3;

/// Bytes per page. Rows of a few kilobytes share a page, so that a commit writes little more than they hold.
pub(super) const PAGE: i64 = 8192;

/// Pages in the write-ahead log before SQLite moves them into the file by itself: 16 MiB. A recording has a thread for that, and
/// needs it only where the thread has ended.
const CHECKPOINT: i64 = LONG as i64 / PAGE;

/// Writes a capture. There is one writer per capture, and any number of readers beside it.
pub struct CaptureWriter {
    db: Connection,
    file: PathBuf,
    identity: FileIdentity,
    insert: String,
    /// Of a recording.
    checkpoints: Option<Checkpoints>,
    /// What the recording says of its log; `None` if that is not known.
    log_state: Option<LogState>,
    zstd: zstd::bulk::Compressor<'static>,
    /// Bodies are compressed at [`FAST_LEVEL`].
    fast: bool,
    /// Exchanges on disk.
    committed: u64,
    /// Exchanges appended since then.
    pending: u64,
    /// Rows of an exchange are being inserted.
    inserting: bool,
}

impl CaptureWriter {
    /// Makes a new capture, readable by its owner only. A file that exists is never touched; the folder must exist,
    /// unless it is the default one.
    ///
    /// It is made under another name first: whatever happens, a file of that name is a capture.
    pub fn create(path: &Path, meta: &Meta) -> Result<Self, CaptureError> {
        let folder = path.parent().filter(|folder| ![Path::new(""), Path::new(DEFAULT_FOLDER)].contains(folder));
        if folder.is_some_and(|folder| !folder.is_dir()) {
            return Err(create_failed(path, &"its folder does not exist; make it first"));
        }
        let refused = |error: NewFileError| match error {
            NewFileError::Exists { file } => CaptureError::Exists { file },
            error => CaptureError::Output(error),
        };
        let new = NewFile::create(path, Existing::Keep, Readers::Owner).map_err(refused)?;
        // Of what is in the log this file knows nothing until there is a checkpoint.
        let made = Self::make(new.path(), meta, Some(LogState::Continues));
        made.map_err(|error| create_failed(path, &new.renamed_in(&error.to_string())))?;
        new.finish().map_err(refused)?;
        let recording = || {
            let mut writer = Self::open(path, "WAL")?;
            let failed = |error: rusqlite::Error| create_failed(path, &error);
            writer.db.pragma_update(None, "wal_autocheckpoint", 0).map_err(failed)?;
            // As long as what is in it: its length says how much there is to move.
            writer.db.pragma_update(None, "journal_size_limit", 0).map_err(failed)?;
            writer.checkpoints = Some(Checkpoints::of(path).map_err(|error| create_failed(path, &error))?);
            Ok(writer)
        };
        recording().inspect_err(|_| discard(path))
    }

    /// Makes a capture of a file that is there and empty, and that nobody reads before it is finished. There is no other file
    /// beside it at any time.
    pub(in crate::capture) fn fill(path: &Path, meta: &Meta) -> Result<Self, CaptureError> {
        Self::make(path, meta, None).map_err(|error| create_failed(path, &error))?;
        Self::open(path, "MEMORY")
    }

    /// The tables, without a log beside the file.
    fn make(path: &Path, meta: &Meta, log_state: Option<LogState>) -> rusqlite::Result<()> {
        let db = connect(path)?;
        db.pragma_update(None, "page_size", PAGE)?;
        // Nobody knows the file yet: a half one is thrown away, so nothing has to be waited for, nor kept beside it.
        db.pragma_update(None, "synchronous", "OFF")?;
        db.pragma_update(None, "journal_mode", "MEMORY")?;
        db.pragma_update(None, "application_id", APPLICATION_ID)?;
        db.pragma_update(None, "user_version", FORMAT)?;
        db.execute_batch("BEGIN IMMEDIATE")?;
        db.execute_batch(SCHEMA)?;
        let created = meta.created.to_string();
        let part = meta.part.as_ref().map(|part| part.number.to_string());
        let also = &meta.also_base_uris;
        let also = (!also.is_empty()).then(|| serde_json::json!(also).to_string());
        let redaction = meta.redaction.as_str().to_owned();
        let log_state = log_state.map(|state| state.as_str().to_owned());
        let values = [
            ("created", Some(&created)),
            ("creator", Some(&meta.creator)),
            ("base_uri", meta.base_uri.as_ref()),
            ("also_base_uris", also.as_ref()),
            ("redaction", Some(&redaction)),
            ("part_of", meta.part.as_ref().map(|part| &part.of)),
            ("part", part.as_ref()),
            (LOG_KEY, log_state.as_ref()),
        ];
        for (key, value) in values {
            if let Some(value) = value {
                db.execute("INSERT INTO meta VALUES (?1, ?2)", (key, value))?;
            }
        }
        db.execute_batch("COMMIT")
    }

    fn open(path: &Path, journal_mode: &str) -> Result<Self, CaptureError> {
        let failed = |error: rusqlite::Error| create_failed(path, &error);
        let db = connect(path).map_err(failed)?;
        // There is nothing to be lost yet, so the log is begun without waiting for the disk: whoever goes on in a new
        // file under load must not be held up by one that is busy.
        db.pragma_update(None, "synchronous", "OFF").map_err(failed)?;
        db.pragma_update(None, "journal_mode", journal_mode).map_err(failed)?;
        db.pragma_update(None, "user_version", FORMAT).map_err(failed)?;
        // Nothing where the file says nothing of a log.
        say_of_log(&db, LogState::Current).map_err(failed)?;
        db.pragma_update(None, "synchronous", "NORMAL").map_err(failed)?;
        let zstd = compressor(LEVEL).map_err(|error| create_failed(path, &error))?;
        let marks = vec!["?"; COLUMNS.split(',').count()].join(", ");
        let insert = format!("INSERT INTO exchange ({COLUMNS}) VALUES ({marks})");
        let identity = identity(path).ok_or_else(|| create_failed(path, &"it is gone already"))?;
        let file = path.to_owned();
        Ok(Self {
            db,
            file,
            identity,
            insert,
            checkpoints: None,
            log_state: Some(LogState::Current),
            zstd,
            fast: false,
            committed: 0,
            pending: 0,
            inserting: false,
        })
    }

    /// The file that is written.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// Exchanges that would be there if everything were committed now: the index of the next one.
    pub fn len(&self) -> u64 {
        self.committed + self.pending
    }

    /// Exchanges that were appended and are not on disk yet.
    pub(crate) fn uncommitted(&self) -> u64 {
        self.pending
    }

    /// True if nothing has been appended yet.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// True if the file still has its name: nobody has deleted it, or put another in its place.
    pub(crate) fn file_unchanged(&self) -> bool {
        identity(&self.file).is_some_and(|found| found == self.identity)
    }

    /// Makes the file anew after it was deleted, with what there is to say of the recording. Returns how many exchanges
    /// went with it. A file that was put in its place is never touched.
    pub(crate) fn recreate(&mut self, meta: &Meta) -> Result<u64, CaptureError> {
        if self.file.exists() {
            return Err(CaptureError::Exists { file: self.file.clone() });
        }
        // Each of its connections is closed before the next one is made: the last to go takes the log of that name along.
        self.checkpoints = None;
        let nothing = Connection::open_in_memory().map_err(|error| create_failed(&self.file, &error))?;
        drop(std::mem::replace(&mut self.db, nothing));
        discard(&self.file);
        let lost = self.len();
        *self = Self::create(&self.file.clone(), meta)?;
        Ok(lost)
    }

    /// Bytes that the file has once everything appended so far is in it.
    pub fn size(&self) -> u64 {
        let pages = self.db.pragma_query_value(None, "page_count", |row| row.get::<_, i64>(0));
        pages.map_or(0, |pages| (pages * PAGE) as u64)
    }

    /// From now on bodies are compressed in less time and to a larger size, or as usual.
    pub(crate) fn compress_fast(&mut self, fast: bool) {
        if fast != self.fast {
            let level = if fast { FAST_LEVEL } else { LEVEL };
            match self.zstd.set_compression_level(level) {
                Ok(()) => self.fast = fast,
                // It goes on at the level that it had.
                Err(error) => tracing::debug!(%error, "no other level of compression"),
            }
        }
    }

    /// Appends an exchange, secrets and all: redact it first. Returns its 0-based index.
    ///
    /// After an error the writer can be used on; see [`CaptureError::Write`] for what was lost. The indexes of lost
    /// exchanges are given again.
    pub fn append(&mut self, exchange: &Exchange) -> Result<u64, CaptureError> {
        let index = self.len();
        self.inserting = true;
        let inserted = self.insert(index, exchange);
        self.inserting = false;
        match inserted {
            Ok(()) => {
                self.pending += 1;
                Ok(index)
            }
            Err(cause) => Err(self.failed(&cause, 1)),
        }
    }

    /// Brings to disk what was appended since the last time. Cheap if nothing was.
    pub fn commit(&mut self) -> Result<(), CaptureError> {
        if self.db.is_autocommit() {
            return Ok(());
        }
        // What is moved into the file says there that more follows in the log: a copy that is made without the log is known by
        // it. Where that can't be written, the same is true of the commit.
        let is_due = self.checkpoints.as_ref().is_some_and(Checkpoints::is_due);
        let log_state = if is_due { LogState::Continues } else { LogState::Current };
        let is_new = self.checkpoints.is_some() && self.log_state != Some(log_state);
        let said = if is_new { say_of_log(&self.db, log_state) } else { Ok(()) };
        let done = said.and_then(|()| self.db.prepare_cached("COMMIT").and_then(|mut commit| commit.execute([])));
        if let Err(cause) = done {
            return Err(self.roll_back(&cause));
        }
        self.committed += self.pending;
        self.pending = 0;
        if let Some(checkpoints) = &self.checkpoints {
            self.log_state = Some(log_state);
            if is_due {
                checkpoints.committed();
            }
        }
        Ok(())
    }

    /// Makes the writer usable again after a panic in one of its methods. What was appended whole is committed; of an
    /// exchange that was half appended nothing stays, and what was not committed before it goes with it. Returns how many
    /// exchanges that were appended are lost.
    pub(crate) fn recover(&mut self) -> Result<u64, CaptureError> {
        let before = self.len();
        let failed = |file: &Path, cause: &dyn std::fmt::Display| CaptureError::Write {
            file: file.to_owned(),
            cause: cause.to_string(),
            lost: 0,
        };
        let half = std::mem::take(&mut self.inserting);
        self.log_state = None;
        if !self.db.is_autocommit() {
            let end = if half { "ROLLBACK" } else { "COMMIT" };
            self.db.execute_batch(end).map_err(|cause| failed(&self.file, &cause))?;
        }
        self.zstd = compressor(LEVEL).map_err(|cause| failed(&self.file, &cause))?;
        self.fast = false;
        // The panic may have come between a commit and its counting.
        let count = self.db.query_row("SELECT count(*) FROM exchange", [], |row| row.get::<_, i64>(0));
        self.committed = count.map_err(|cause| failed(&self.file, &cause))? as u64;
        self.pending = 0;
        Ok(before.saturating_sub(self.committed))
    }

    /// What went wrong beside the recording since the last call, in words. Nothing is lost by it.
    pub(crate) fn take_trouble(&mut self) -> Option<String> {
        let checkpoints = self.checkpoints.as_ref()?;
        if !checkpoints.are_gone() {
            return checkpoints.take_trouble();
        }
        self.checkpoints = None;
        let by_itself = self.db.pragma_update(None, "wal_autocheckpoint", CHECKPOINT);
        by_itself.inspect_err(|error| tracing::warn!(file = %self.file.display(), %error, "no checkpoints")).ok()?;
        Some(
            "The thread that moves the recording's log into its file has ended. Recording does it itself now."
                .to_owned(),
        )
    }

    /// Commits, and folds the write-ahead log into the file, so that this one file is the whole capture (unless a
    /// reader is attached: then the last of them to leave does it). Returns the number of exchanges.
    pub fn finish(mut self) -> Result<u64, CaptureError> {
        self.commit()?;
        self.checkpoints = None;
        let failed =
            |cause: rusqlite::Error| CaptureError::Write { file: self.file.clone(), cause: cause.to_string(), lost: 0 };
        if let Err(error) = say_of_log(&self.db, LogState::Finished) {
            // A copy without its log will be taken for one that may lack something, which is true.
            tracing::debug!(file = %self.file.display(), %error, "the end of the recording is not noted");
        }
        self.db.busy_timeout(Duration::ZERO).map_err(failed)?;
        self.db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).map_err(failed)?;
        // Without the log a capture opens on read-only media too. An attached reader keeps the log: no harm.
        match self.db.pragma_update(None, "journal_mode", "DELETE") {
            Err(error) if error.sqlite_error_code() != Some(rusqlite::ErrorCode::DatabaseBusy) => {
                return Err(failed(error));
            }
            _ => {}
        }
        self.db.flush_prepared_statement_cache();
        let Self { db, file, committed, .. } = self;
        db.close().map_err(|(_, cause)| CaptureError::Write { file, cause: cause.to_string(), lost: 0 })?;
        Ok(committed)
    }

    /// As [`Self::finish`], but a capture that holds no exchange is removed, unless its name belongs to another file by now.
    /// Nobody misses it: it was made by this writer. Returns the number of exchanges.
    pub(crate) fn finish_or_remove(self) -> Result<u64, CaptureError> {
        let (file, made) = (self.file.clone(), self.identity);
        let count = self.finish()?;
        if count == 0 && identity(&file) == Some(made) {
            discard(&file);
        }
        Ok(count)
    }

    /// Gives the capture up and removes its files: for an import that failed half-way.
    pub fn discard(self) {
        let Self { db, file, .. } = self;
        drop(db);
        discard(&file);
    }

    fn insert(&mut self, index: u64, exchange: &Exchange) -> rusqlite::Result<()> {
        if self.db.is_autocommit() {
            self.db.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        }
        let Exchange { id, connection, started, origin, request, response, failure, rewritten, timing, .. } = exchange;
        let request_body = PackedBody::new(&request.body, &mut self.zstd)?;
        let response_body =
            response.as_ref().map(|response| PackedBody::new(&response.body, &mut self.zstd)).transpose()?;
        let request_headers = headers::pack(&request.headers);
        let response_headers = response.as_ref().map(|response| headers::pack(&response.headers));
        let response_body = response_body.as_ref();
        let nanoseconds = |duration: Duration| i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX);
        self.db.prepare_cached(&self.insert)?.execute(params![
            index as i64,
            *id as i64,
            *connection as i64,
            started.to_string(),
            timing.sent.map(nanoseconds),
            timing.first_byte.map(nanoseconds),
            nanoseconds(timing.total),
            origin,
            request.method,
            request.target,
            response.as_ref().map(|response| response.status),
            response.as_ref().map(|response| response.reason.as_str()),
            failure.as_ref().map(|failure| failure.kind.as_str()),
            failure.as_ref().map(|failure| failure.detail.as_str()),
            failure.as_ref().and_then(|failure| failure.answered),
            request.version.as_str(),
            text_or_blob(&request_headers),
            request.body.length as i64,
            end_name(request.body.end),
            request.body.bytes.len() as i64,
            request_body.digest(),
            request_body.is_packed(),
            request_body.bytes(),
            response.as_ref().map(|response| response.version.as_str()),
            response_headers.as_deref().map(text_or_blob),
            response.as_ref().map(|response| response.body.length as i64),
            response.as_ref().map(|response| end_name(response.body.end)),
            response.as_ref().map(|response| response.body.bytes.len() as i64),
            response_body.map(PackedBody::digest),
            response_body.map(PackedBody::is_packed),
            response_body.map(PackedBody::bytes),
        ])?;
        #[cfg(test)]
        crate::panics::inject("writer", &request.target);
        if !rewritten.is_empty() {
            self.db.execute_batch(REWRITTEN)?;
            let mut insert = self.db.prepare_cached("INSERT INTO rewritten VALUES (?1, ?2, ?3, ?4)")?;
            for link in rewritten {
                insert.execute(params![index as i64, link.at, link.sent, link.given])?;
            }
        }
        self.insert_gaps(index, exchange)?;
        self.insert_simulated(index, exchange)?;
        self.insert_trailers(index, "request", &request.body)?;
        response.as_ref().map_or(Ok(()), |response| self.insert_trailers(index, "response", &response.body))
    }

    /// What the recording that the exchange comes from doesn't hold.
    fn insert_gaps(&self, index: u64, exchange: &Exchange) -> rusqlite::Result<()> {
        let Exchange { request, response, .. } = exchange;
        let of_response = response.as_ref().map_or(OmittedFields::Nothing, |response| response.headers.1);
        let omitted = [request.headers.1, of_response];
        let bodies = [Some(&request.body), response.as_ref().map(|response| &response.body)];
        let whole = bodies.into_iter().flatten().all(|body| body.end != BodyEnd::NotRecorded);
        if whole && omitted == [OmittedFields::Nothing; 2] {
            return Ok(());
        }
        if omitted != [OmittedFields::Nothing; 2] {
            self.db.execute_batch(OMITTED)?;
            let mut insert = self.db.prepare_cached("INSERT INTO omitted VALUES (?1, ?2, ?3)")?;
            insert.execute(params![index as i64, omitted[0].as_str(), omitted[1].as_str()])?;
        }
        Ok(())
    }

    /// Who made the answer in the booking system's place.
    fn insert_simulated(&self, index: u64, exchange: &Exchange) -> rusqlite::Result<()> {
        let Some(simulated) = &exchange.simulated else { return Ok(()) };
        self.db.execute_batch(SIMULATED)?;
        let mut insert = self.db.prepare_cached("INSERT INTO simulated VALUES (?1, ?2, ?3)")?;
        insert.execute(params![index as i64, simulated.by.as_str(), simulated.detail]).map(drop)
    }

    fn insert_trailers(&self, index: u64, of: &str, body: &Body) -> rusqlite::Result<()> {
        if body.trailers.0.is_empty() {
            return Ok(());
        }
        self.db.execute_batch(TRAILERS)?;
        let fields = headers::pack(&body.trailers);
        let mut insert = self.db.prepare_cached("INSERT INTO trailers VALUES (?1, ?2, ?3)")?;
        insert.execute(params![index as i64, of, text_or_blob(&fields)]).map(drop)
    }

    /// SQLite may or may not have undone the whole transaction, depending on the error.
    fn failed(&mut self, cause: &rusqlite::Error, at_hand: u64) -> CaptureError {
        let undone = if self.db.is_autocommit() { std::mem::take(&mut self.pending) } else { 0 };
        CaptureError::Write { file: self.file.clone(), cause: cause.to_string(), lost: undone + at_hand }
    }

    fn roll_back(&mut self, cause: &rusqlite::Error) -> CaptureError {
        if !self.db.is_autocommit()
            && let Err(second) = self.db.execute_batch("ROLLBACK")
        {
            tracing::warn!(file = %self.file.display(), %second, "the failed transaction can't be rolled back");
        }
        self.failed(cause, 0)
    }
}

/// Says of a recording what its log holds; nothing of a capture that is written as a whole.
fn say_of_log(db: &Connection, state: LogState) -> rusqlite::Result<()> {
    let mut update = db.prepare_cached("UPDATE meta SET value = ?1 WHERE key = ?2")?;
    update.execute([state.as_str(), LOG_KEY]).map(drop)
}

pub(super) fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(path, flags)?;
    db.busy_timeout(Duration::from_secs(1))?;
    Ok(db)
}

/// Text where it is UTF-8, so that SQLite tools show it.
fn text_or_blob(bytes: &[u8]) -> ToSqlOutput<'_> {
    ToSqlOutput::Borrowed(match std::str::from_utf8(bytes) {
        Ok(_) => ValueRef::Text(bytes),
        Err(_) => ValueRef::Blob(bytes),
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use jiff::Timestamp;

    use super::*;
    use crate::capture;
    use crate::exchange::{Headers, Request, Timing, Version};

    fn exchange(bytes: usize) -> Exchange {
        // Noise, which does not compress.
        let mut state = 1_u32;
        let noise = std::iter::repeat_with(|| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        });
        Exchange {
            id: 1,
            connection: 1,
            started: Timestamp::UNIX_EPOCH,
            origin: "https://a.example".to_owned(),
            request: Request {
                method: "PUT".to_owned(),
                target: "/".to_owned(),
                version: Version::Http11,
                headers: Headers::default(),
                body: Body::complete(noise.take(bytes).collect::<Vec<u8>>()),
            },
            response: None,
            failure: None,
            rewritten: Vec::new(),
            simulated: None,
            timing: Timing::default(),
        }
    }

    /// A full disk, as SQLite sees it.
    fn limit(writer: &CaptureWriter, pages: i64) {
        writer.db.pragma_update(None, "max_page_count", pages).unwrap();
    }

    #[test]
    fn a_full_disk_is_said_and_can_be_got_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("full.db");
        let mut writer = CaptureWriter::create(&path, &Meta::new(None, Timestamp::UNIX_EPOCH)).unwrap();
        writer.append(&exchange(10)).unwrap();
        writer.commit().unwrap();
        limit(&writer, 12);
        let (mut appended, mut lost) = (1, 0);
        for _ in 0..10 {
            appended += 1;
            match writer.append(&exchange(20_000)) {
                Ok(index) => assert_eq!(index + lost, appended - 1),
                Err(CaptureError::Write { file, cause, lost: now }) => {
                    assert_eq!(file, path);
                    assert!(cause.contains("full"), "{cause}");
                    lost += now;
                }
                Err(other) => panic!("{other}"),
            }
        }
        assert!(lost > 5, "{lost}");
        assert_eq!(writer.len(), appended - lost);
        limit(&writer, 1 << 20);
        assert_eq!(writer.append(&exchange(20_000)).unwrap(), appended - lost);
        let kept = writer.finish().unwrap();
        assert_eq!(kept, appended - lost + 1);
        let read = capture::open(&path).unwrap().exchanges.map(Result::unwrap).count();
        assert_eq!(read as u64, kept);
    }

    #[test]
    fn after_a_panic_no_half_exchange_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        let mut writer = CaptureWriter::create(&path, &Meta::new(None, Timestamp::UNIX_EPOCH)).unwrap();
        writer.append(&exchange(10)).unwrap();
        writer.commit().unwrap();
        assert_eq!(writer.recover().unwrap(), 0, "there is nothing to do");
        writer.append(&exchange(10)).unwrap();
        let mut half = exchange(10);
        half.request.target = "/panic-in-writer".into();
        crate::panics::catch(|| writer.append(&half)).unwrap_err();
        assert_eq!((writer.recover().unwrap(), writer.len()), (1, 1), "the one before it goes with it");
        writer.append(&exchange(10)).unwrap();
        assert_eq!((writer.recover().unwrap(), writer.len()), (0, 2), "a whole one is kept");
        assert_eq!(writer.finish().unwrap(), 2);
        assert_eq!(capture::open(&path).unwrap().exchanges.map(Result::unwrap).count(), 2);
    }

    #[test]
    fn what_is_compressed_fast_reads_back_and_the_rest_is_as_small_as_ever() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        let mut writer = CaptureWriter::create(&path, &Meta::new(None, Timestamp::UNIX_EPOCH)).unwrap();
        let items: Vec<u32> = (0..2_000).map(|number| number * 7_919 % 9_001).collect();
        let text = serde_json::json!({ "price": items }).to_string();
        let mut exchange = exchange(0);
        exchange.request.body = Body::complete(text);
        for fast in [false, true, false] {
            writer.compress_fast(fast);
            writer.append(&exchange).unwrap();
        }
        writer.commit().unwrap();
        let size = |index: i64| {
            let sql = "SELECT length(request_body) FROM exchange WHERE n = ?1";
            writer.db.query_row(sql, [index], |row| row.get::<_, i64>(0)).unwrap()
        };
        let sizes = [size(0), size(1), size(2)];
        assert!(sizes[0] < sizes[1] && sizes[0] == sizes[2], "{sizes:?}");
        assert_eq!(writer.finish().unwrap(), 3);
        let bodies = capture::open(&path).unwrap().exchanges.map(|read| read.unwrap().request.body);
        assert!(bodies.into_iter().all(|body| body == exchange.request.body));
    }

    #[test]
    fn only_an_empty_capture_of_its_own_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        let make = || CaptureWriter::create(&path, &Meta::new(None, Timestamp::UNIX_EPOCH)).unwrap();
        assert_eq!(make().finish_or_remove().unwrap(), 0);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        let writer = make();
        fs::remove_file(&path).unwrap();
        fs::write(&path, "mine").unwrap();
        let _of_a_file_that_is_gone = writer.finish_or_remove();
        assert_eq!(fs::read_to_string(&path).unwrap(), "mine");
        fs::remove_file(&path).unwrap();
        let mut writer = make();
        writer.append(&exchange(10)).unwrap();
        assert_eq!(writer.finish_or_remove().unwrap(), 1);
        assert!(path.exists());
    }

    #[test]
    fn a_failed_commit_says_what_it_lost() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        let mut writer = CaptureWriter::create(&path, &Meta::new(None, Timestamp::UNIX_EPOCH)).unwrap();
        writer.append(&exchange(10)).unwrap();
        writer.append(&exchange(10)).unwrap();
        let cause = writer.db.execute("INSERT INTO none VALUES (1)", []).unwrap_err();
        let error = writer.roll_back(&cause);
        assert!(matches!(error, CaptureError::Write { lost: 2, .. }), "{error}");
        assert_eq!((writer.len(), writer.append(&exchange(10)).unwrap()), (0, 0));
        assert_eq!(writer.finish().unwrap(), 1);
    }
}
