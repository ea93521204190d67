//! Whether a capture is being recorded, so that no command puts another file in its place.
//!
//! ```text
//! a log beside it ─► its recording is not finished ─► another program has it open ─► in use
//! ```

use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::CaptureReader;
use super::damage::FileHead;

/// True if another program records in this capture, or shows one whose recording was never finished. To be asked before this
/// process opens it. What can't be found out counts as no.
pub(crate) fn is_being_recorded(path: &Path) -> bool {
    let has_log = FileHead::read(path).is_ok_and(|head| head.is_recording());
    has_log
        && CaptureReader::open(path).is_ok_and(|reader| !reader.is_finished())
        && is_open_elsewhere(path).unwrap_or(false)
}

/// True if another connection has the database open. Its log stays as it is.
fn is_open_elsewhere(path: &Path) -> rusqlite::Result<bool> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(path, flags)?;
    db.busy_timeout(Duration::ZERO)?;
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    db.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
    match db.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get::<_, i64>(0)) {
        Ok(_) => Ok(false),
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) => Ok(true),
        Err(error) => Err(error),
    }
}
