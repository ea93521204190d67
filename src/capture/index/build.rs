//! The index itself: a database beside the capture that is continued, or made anew if it is of another capture.
//!
//! ```text
//! open ─► of this capture? ─► no: made anew
//!    └──► update ─► whole blocks that are new ─► FTS5 · search ─► candidates, then the rest that is not in a block yet
//! ```

use std::collections::HashSet;
use std::fmt::Display;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read as _};
use std::path::{Path, PathBuf};
use std::sync::mpsc::sync_channel;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, OptionalExtension};

use super::{BLOCK, Hit, path_of};
use crate::capture::store::MAGIC;
use crate::capture::{CaptureError, CaptureReader};
use crate::exchange::Exchange;
use crate::new_file::{Readers, create_new};
use crate::search::{TextQuery, content, fields, words};

/// Version of the index's own form; another one is made anew.
const FORM: i64 = 1;

/// SQLite's `application_id` of an index: `UmpX`. Indexes of earlier builds have none.
const APPLICATION_ID: i64 = 0x556d_7058;

/// Most different words of a block that are told apart. A block with more (bodies of noise) counts as holding any.
const MOST_WORDS: usize = 200_000;

/// Bytes of the head of a SQLite file.
const HEAD: usize = 100;

/// Blocks per transaction.
const BATCH: u64 = 64;

/// Blocks that wait to be written while the next ones are read.
const AHEAD: usize = 4;

/// The tokenizer takes whatever [`words`] makes for one word each.
const TABLES: &str = "
CREATE TABLE state (of TEXT NOT NULL, blocks INTEGER NOT NULL);
CREATE TABLE any (block INTEGER PRIMARY KEY);
CREATE VIRTUAL TABLE word USING fts5(words, content='', detail=none, columnsize=0, tokenize='ascii');
";

/// How far an update has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct IndexProgress {
    /// Exchanges that are in the index.
    pub done: u64,
    /// Exchanges that will be.
    pub of: u64,
}

/// The index of a capture, with the capture.
pub(crate) struct CaptureIndex {
    reader: CaptureReader,
    capture: PathBuf,
    db: Connection,
    file: PathBuf,
    /// Something else has the name.
    foreign: bool,
}

impl CaptureIndex {
    /// Opens the index of a capture, or makes an empty one. Where the folder can't be written to, or something else has the
    /// name, it is kept in memory, and gone afterwards.
    pub(crate) fn open(capture: &Path) -> Result<Self, CaptureError> {
        let reader = CaptureReader::open(capture)?;
        let file = path_of(capture);
        let of = identity(&reader)?;
        let failed = |cause: &dyn Display| CaptureError::Open { file: file.clone(), cause: cause.to_string() };
        let name_is_free = match found(&file, &of) {
            IndexFile::Current(db) => {
                return Ok(Self { reader, capture: capture.to_owned(), db, file, foreign: false });
            }
            IndexFile::Outdated => {
                remove(&file).map_err(|error| failed(&error))?;
                true
            }
            IndexFile::Nothing => true,
            IndexFile::Foreign => false,
        };
        let made = if name_is_free { create_new(&file, Readers::Owner).map(drop) } else { Ok(()) };
        let db = match made {
            Ok(()) if name_is_free => Connection::open(&file),
            Ok(()) => Connection::open_in_memory(),
            Err(error) => {
                tracing::warn!("the index is kept in memory: {error}");
                Connection::open_in_memory()
            }
        };
        let db = db.map_err(|error| failed(&error))?;
        let head = format!("PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {FORM}");
        let made = db
            .execute_batch(&format!("{head}; PRAGMA journal_mode = WAL; {TABLES}"))
            .and_then(|()| ready(&db))
            .and_then(|()| db.execute("INSERT INTO state VALUES (?1, 0)", [&of]));
        made.map_err(|error| failed(&error))?;
        Ok(Self { reader, capture: capture.to_owned(), db, file, foreign: !name_is_free })
    }

    /// The file that has the name of the index and is none, if there is one: it was left alone.
    pub(crate) fn foreign_file(&self) -> Option<&Path> {
        self.foreign.then_some(&*self.file)
    }

    /// Exchanges that are in the index.
    pub(crate) fn len(&self) -> Result<u64, CaptureError> {
        let blocks = self.db.query_row("SELECT blocks FROM state", [], |row| row.get::<_, i64>(0));
        blocks.map(|blocks| blocks as u64 * BLOCK).map_err(|error| self.unreadable(&error))
    }

    /// Takes up what is new in the capture. Reading and writing go on side by side; `told` hears of the progress.
    pub(crate) fn update(&mut self, mut told: impl FnMut(IndexProgress)) -> Result<(), CaptureError> {
        let (begun, there) = (self.len()? / BLOCK, self.reader.len()? / BLOCK);
        if begun >= there {
            return Ok(());
        }
        let capture = self.capture.clone();
        let (sender, receiver) = sync_channel(AHEAD);
        let reading = std::thread::spawn(move || -> Result<(), CaptureError> {
            let reader = CaptureReader::open(&capture)?;
            for block in begun..there {
                // The writer has stopped: its error is the one that counts.
                if sender.send(words_of(&reader, block)?).is_err() {
                    break;
                }
            }
            Ok(())
        });
        let mut written = Ok(true);
        for (block, words) in (begun..there).zip(&receiver) {
            written = self.write(block, there, words.as_deref());
            if !matches!(written, Ok(true)) {
                break;
            }
            told(IndexProgress { done: (block + 1) * BLOCK, of: there * BLOCK });
        }
        drop(receiver);
        let read = reading.join();
        written.map_err(|error| self.unreadable(&error))?;
        read.unwrap_or_else(|_| Err(self.unreadable(&"reading the capture ended badly")))
    }

    /// A block, in a transaction with others. False if somebody else is at it: what they have done is not done again.
    fn write(&self, block: u64, end: u64, words: Option<&str>) -> rusqlite::Result<bool> {
        if self.db.is_autocommit() {
            self.db.execute_batch("BEGIN IMMEDIATE")?;
            let next = self.db.query_row("SELECT blocks FROM state", [], |row| row.get::<_, i64>(0))?;
            if next as u64 != block {
                self.db.execute_batch("ROLLBACK")?;
                return Ok(false);
            }
        }
        match words {
            Some(words) => {
                let mut insert = self.db.prepare_cached("INSERT INTO word (rowid, words) VALUES (?1, ?2)")?;
                insert.execute((block as i64, words))?;
            }
            None => drop(self.db.execute("INSERT INTO any VALUES (?1)", [block as i64])?),
        }
        if (block + 1).is_multiple_of(BATCH) || block + 1 == end {
            self.db.execute("UPDATE state SET blocks = ?1", [block as i64 + 1])?;
            self.db.execute_batch("COMMIT")?;
        }
        Ok(true)
    }

    /// Searches the capture, in its order. `each` is given what is found and says whether to go on.
    pub(crate) fn search(&self, query: &TextQuery, mut each: impl FnMut(Hit) -> bool) -> Result<(), CaptureError> {
        let indexed = self.len()?;
        let sql = "SELECT rowid FROM word WHERE word MATCH ?1 UNION SELECT block FROM any ORDER BY 1";
        let mut select = self.db.prepare(sql).map_err(|error| self.unreadable(&error))?;
        let mut rows = select.query([query.fts5_terms()]).map_err(|error| self.unreadable(&error))?;
        while let Some(row) = rows.next().map_err(|error| self.unreadable(&error))? {
            let block = row.get::<_, i64>(0).map_err(|error| self.unreadable(&error))? as u64;
            if !self.look(query, block * BLOCK..(block + 1) * BLOCK, &mut each)? {
                return Ok(());
            }
        }
        self.look(query, indexed..self.reader.len()?, &mut each)?;
        Ok(())
    }

    /// False if `each` has had enough.
    fn look(
        &self,
        query: &TextQuery,
        range: std::ops::Range<u64>,
        each: &mut impl FnMut(Hit) -> bool,
    ) -> Result<bool, CaptureError> {
        for index in range {
            let exchange = self.reader.exchange(index)?;
            if let Some((place, around)) = query.find(&exchange)
                && !each(Hit { index, exchange, place, around })
            {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn unreadable(&self, cause: &dyn Display) -> CaptureError {
        CaptureError::Read { file: self.file.clone(), cause: cause.to_string() }
    }
}

/// What no other capture has: when it was made, and its first exchange.
fn identity(reader: &CaptureReader) -> Result<String, CaptureError> {
    let mut first = None;
    reader.calls(|call| {
        first = Some(call);
        false
    })?;
    let first = first.map(|call| format!("{} {} {} {:?}", call.method, call.target, call.started, call.total));
    Ok(format!("{} {}", reader.meta().created, first.unwrap_or_default()))
}

/// Settings of a connection: how long it waits for another one, and that a power cut may cost the last blocks, no more.
fn ready(db: &Connection) -> rusqlite::Result<()> {
    db.busy_timeout(Duration::from_secs(5))?;
    db.pragma_update(None, "synchronous", "NORMAL")
}

/// What has the name of an index.
enum IndexFile {
    /// The index of this capture, as this version writes it.
    Current(Connection),
    /// An index of Umpire's that is damaged, of an earlier form or of another capture.
    Outdated,
    /// Somebody's file.
    Foreign,
    /// No file, or an empty one.
    Nothing,
}

fn found(file: &Path, of: &str) -> IndexFile {
    let mut head = Vec::with_capacity(HEAD);
    match File::open(file).and_then(|file| file.take(HEAD as u64).read_to_end(&mut head)) {
        Err(error) if error.kind() == ErrorKind::NotFound => return IndexFile::Nothing,
        Err(_) => return IndexFile::Foreign,
        Ok(0) => return IndexFile::Outdated,
        Ok(_) => {}
    }
    if !head.starts_with(MAGIC) {
        return IndexFile::Foreign;
    }
    // Only read, so that nothing of somebody's file changes.
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let has_tables = |db: &Connection| {
        let tables = "SELECT count(*) FROM sqlite_master WHERE name IN ('state', 'any', 'word')";
        db.query_row(tables, [], |row| row.get::<_, i64>(0)).is_ok_and(|count| count == 3)
    };
    let is_own = head.get(68..72).is_some_and(|id| id == (APPLICATION_ID as u32).to_be_bytes())
        || Connection::open_with_flags(file, flags).is_ok_and(|db| has_tables(&db));
    if !is_own {
        return IndexFile::Foreign;
    }
    match Connection::open(file) {
        Ok(db) if ready(&db).and_then(|()| is_of(&db, of)).unwrap_or(false) => IndexFile::Current(db),
        _ => IndexFile::Outdated,
    }
}

/// Removes an index, with the log beside it, which would be taken for that of the next one.
fn remove(file: &Path) -> io::Result<()> {
    for suffix in ["", "-wal", "-shm"] {
        let mut name = file.as_os_str().to_owned();
        name.push(suffix);
        match fs::remove_file(&name) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

/// Removes the index of a capture, unless what has its name is somebody else's.
pub(in crate::capture) fn remove_of(capture: &Path) {
    let file = path_of(capture);
    let removed = match found(&file, "") {
        IndexFile::Nothing | IndexFile::Foreign => Ok(()),
        IndexFile::Current(db) => {
            drop(db);
            remove(&file)
        }
        IndexFile::Outdated => remove(&file),
    };
    if let Err(error) = removed {
        tracing::warn!(file = %file.display(), %error, "the index of a recording that is gone can't be removed");
    }
}

fn is_of(db: &Connection, of: &str) -> rusqlite::Result<bool> {
    let form = db.pragma_query_value(None, "user_version", |row| row.get::<_, i64>(0))?;
    let found = db.query_row("SELECT of FROM state", [], |row| row.get::<_, String>(0)).optional()?;
    Ok(form == FORM && found.as_deref() == Some(of))
}

/// The words of a block, each once; `None` if they are too many to be told apart.
fn words_of(reader: &CaptureReader, block: u64) -> Result<Option<String>, CaptureError> {
    let mut seen: HashSet<String> = HashSet::new();
    let mut all = String::new();
    for index in block * BLOCK..(block + 1) * BLOCK {
        let exchange: Exchange = reader.exchange(index)?;
        let mut add = |text: &str| {
            for word in words(text) {
                if seen.len() <= MOST_WORDS && !seen.contains(&*word) {
                    all += &word;
                    all.push(' ');
                    seen.insert(word.into_owned());
                }
            }
        };
        add(&exchange.request.target);
        add(&fields(&exchange.request.headers));
        add(&fields(&exchange.request.body.trailers));
        add(&content(&exchange.request.body, &exchange.request.headers));
        if let Some(response) = &exchange.response {
            add(&fields(&response.headers));
            add(&fields(&response.body.trailers));
            add(&content(&response.body, &response.headers));
        }
    }
    Ok((seen.len() <= MOST_WORDS).then_some(all))
}
