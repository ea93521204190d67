//! Checkpoints on a thread of their own: what was committed moves from the write-ahead log into the file, with all the
//! waiting for the disk that this takes, while recording goes on.
//!
//! ```text
//! commit ─► a short log ───────────────────────────────────────────────► on
//!      └──► a long one ─► a pass is under way, or begins ──────────────► on
//!                    └──► and little is left ─► waited for, a moment ──► on: the log begins anew
//!                    └──► and it is longer than it may be ─► waited for ► on
//! ```
//!
//! A pass that fails, or panics, is tried again with the next commit; the first panic is reported by the owner of the writer.
//! Should the thread be gone, SQLite makes the checkpoints itself, in the thread that records.
//!
//! The log begins anew only when all of it has been moved and nothing was added meanwhile, hence the moment: while traffic
//! never pauses, passes that overtake each other would never come to its end.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::Connection;

use super::writer::{PAGE, connect};
use crate::panics::{self, Panicked};

/// Length of a log from which it is moved, in bytes: 16 MiB.
pub(super) const LONG: u64 = 16 << 20;

/// Lengths of a log, in bytes, that decide what is done.
#[derive(Debug, Clone, Copy)]
struct LogLengths {
    /// From here on it is moved.
    long: u64,
    /// So much may be left of it for its end to be waited for.
    little: u64,
    /// Past this every commit waits for the disk, and with it whoever records. It gets longer only while another program
    /// reads the capture in one long transaction.
    longest: u64,
}

/// Those of a recording: 16, 8 and 256 MiB.
const LENGTHS: LogLengths = LogLengths { long: LONG, little: 8 << 20, longest: 256 << 20 };

/// How long that is waited for, at most. What is answered meanwhile waits in memory, for less than the second that it may.
const TRUNCATE_WAIT: Duration = Duration::from_millis(200);

/// Bytes of a page in the log, with its header.
const FRAME: u64 = PAGE as u64 + 24;

/// Why there is no such thread, in words.
type ThreadError = Box<dyn std::error::Error + Send + Sync>;

/// The thread that moves a log, and what is known of it.
#[derive(Debug)]
pub(super) struct Checkpoints {
    log: PathBuf,
    lengths: LogLengths,
    shared: Arc<CheckpointShared>,
    /// There until it is joined.
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct CheckpointShared {
    state: Mutex<CheckpointState>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct CheckpointState {
    /// A pass is to be made, or under way.
    passing: bool,
    /// Bytes of the log that the last pass had moved.
    moved: u64,
    ended: bool,
    /// The thread has ended.
    gone: bool,
    /// A pass panicked, which was not reported yet; `true` if one was before.
    panicked: Option<Panicked>,
    reported: bool,
}

impl CheckpointShared {
    fn state(&self) -> MutexGuard<'_, CheckpointState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Until there is no pass under way, but no longer than `patience` if that is given.
    fn rested(&self, patience: Option<Duration>) {
        let state = self.state();
        let passing = |state: &mut CheckpointState| state.passing && !state.gone;
        match patience {
            Some(patience) => drop(self.changed.wait_timeout_while(state, patience, passing)),
            None => drop(self.changed.wait_while(state, passing)),
        }
    }
}

impl Checkpoints {
    /// Takes over the checkpoints of a capture, whose writer must make none of its own.
    pub(super) fn of(file: &Path) -> Result<Self, ThreadError> {
        Self::made_by(pass, file, LENGTHS)
    }

    fn made_by<P>(pass: P, file: &Path, lengths: LogLengths) -> Result<Self, ThreadError>
    where
        P: FnMut(&Connection) -> rusqlite::Result<u64> + Send + 'static,
    {
        let db = connect(file)?;
        let mut log = file.as_os_str().to_owned();
        log.push("-wal");
        let shared = Arc::<CheckpointShared>::default();
        let thread = std::thread::Builder::new().name("checkpoints".to_owned()).spawn({
            let shared = Arc::clone(&shared);
            let file = file.to_owned();
            move || run(&shared, &db, pass, &file)
        })?;
        Ok(Self { log: log.into(), lengths, shared, thread: Some(thread) })
    }

    /// What went wrong since the last call, in words, if that is worth a report: the first panic is.
    pub(super) fn take_trouble(&self) -> Option<String> {
        let mut state = self.shared.state();
        let panicked = state.panicked.take()?;
        let first = !std::mem::replace(&mut state.reported, true);
        first.then(|| {
            format!("Moving the recording's log into its file failed ({panicked}). It is tried again; nothing is lost.")
        })
    }

    /// True if there is nobody any more to make checkpoints.
    pub(super) fn are_gone(&self) -> bool {
        self.shared.state().gone
    }

    /// True if [`Self::committed`] is to be called after the commit that comes now: a log that is long is moved.
    pub(super) fn is_due(&self) -> bool {
        let mut state = self.shared.state();
        if state.passing || self.log_length() >= self.lengths.long {
            return true;
        }
        // It has begun anew.
        state.moved = 0;
        false
    }

    fn log_length(&self) -> u64 {
        fs::metadata(&self.log).map_or(0, |log| log.len())
    }

    /// To be called after a commit, outside of a transaction. Returns at once, but for the two cases above.
    pub(super) fn committed(&self) {
        let LogLengths { long, little, longest } = self.lengths;
        let length = self.log_length();
        let mut state = self.shared.state();
        if length < long {
            // It has begun anew.
            state.moved = 0;
            return;
        }
        let (under_way, left) = (state.passing, length.saturating_sub(state.moved));
        state.passing = true;
        drop(state);
        self.shared.changed.notify_all();
        if length >= longest {
            self.shared.rested(None);
        } else if left <= little && !under_way {
            self.shared.rested(Some(TRUNCATE_WAIT));
        }
    }
}

/// Waits for a pass that is under way.
impl Drop for Checkpoints {
    fn drop(&mut self) {
        self.shared.state().ended = true;
        self.shared.changed.notify_all();
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!(log = %self.log.display(), "checkpoints have ended badly; the capture opens all the same");
        }
    }
}

/// Tells that the thread has ended, however it does.
struct EndNotice<'s>(&'s CheckpointShared);

impl Drop for EndNotice<'_> {
    fn drop(&mut self) {
        self.0.state().gone = true;
        self.0.changed.notify_all();
    }
}

fn run(
    shared: &CheckpointShared,
    db: &Connection,
    mut pass: impl FnMut(&Connection) -> rusqlite::Result<u64>,
    file: &Path,
) {
    let _gone = EndNotice(shared);
    loop {
        let state = shared.state();
        let idle = |state: &mut CheckpointState| !state.passing && !state.ended;
        let state = shared.changed.wait_while(state, idle).unwrap_or_else(PoisonError::into_inner);
        if state.ended {
            return;
        }
        drop(state);
        // What can't be moved stays in the log, where it is just as safe; a disk without room is told of by the writer.
        let passed = panics::catch(|| pass(db));
        let mut state = shared.state();
        match passed {
            Ok(Ok(moved)) => state.moved = moved,
            Ok(Err(error)) => tracing::warn!(file = %file.display(), %error, "no checkpoint"),
            Err(panicked) => state.panicked = Some(panicked),
        }
        state.passing = false;
        shared.changed.notify_all();
    }
}

/// Moves what is in the log, without waiting for anybody. Returns how many bytes of it are in the file now.
fn pass(db: &Connection) -> rusqlite::Result<u64> {
    let frames: i64 = db.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |row| row.get(2))?;
    Ok(frames.max(0) as u64 * FRAME)
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::sync_channel;
    use std::time::Instant;

    use super::*;

    const SMALL: LogLengths = LogLengths { long: 200_000, little: 100_000, longest: 2_000_000 };

    /// A writer of 30 KB per commit, as a capture's is.
    fn writer(folder: &Path) -> (PathBuf, Connection) {
        let file = folder.join("a.db");
        fs::File::create(&file).unwrap();
        let db = connect(&file).unwrap();
        db.pragma_update(None, "page_size", PAGE).unwrap();
        db.pragma_update(None, "journal_mode", "WAL").unwrap();
        db.pragma_update(None, "synchronous", "NORMAL").unwrap();
        db.pragma_update(None, "wal_autocheckpoint", 0).unwrap();
        db.pragma_update(None, "journal_size_limit", 0).unwrap();
        db.execute_batch("CREATE TABLE t (x BLOB)").unwrap();
        (file, db)
    }

    fn append(db: &Connection, checkpoints: &Checkpoints) -> u64 {
        db.execute("INSERT INTO t VALUES (zeroblob(30000))", []).unwrap();
        checkpoints.committed();
        fs::metadata(&checkpoints.log).unwrap().len()
    }

    #[test]
    fn the_log_begins_anew_while_traffic_never_pauses() {
        let folder = tempfile::tempdir().unwrap();
        let (file, db) = writer(folder.path());
        let checkpoints = Checkpoints::made_by(pass, &file, SMALL).unwrap();
        let begun = Instant::now();
        let (mut last, mut anew) = (0, 0);
        while anew < 3 {
            let length = append(&db, &checkpoints);
            anew += u32::from(length < last);
            last = length;
            assert!(begun.elapsed() < Duration::from_mins(1), "the log never begins anew: {last} bytes");
        }
        drop(checkpoints);
        assert!(fs::metadata(&file).unwrap().len() > 3 * SMALL.long, "what was in it is in the file");
    }

    #[test]
    fn a_disk_that_hangs_holds_nobody_up_until_the_log_is_too_long() {
        let folder = tempfile::tempdir().unwrap();
        let (file, db) = writer(folder.path());
        let (begins, begun) = sync_channel(1_000);
        let (go, hung) = sync_channel::<()>(1_000);
        let hanging = move |db: &Connection| {
            begins.send(()).unwrap();
            // Until it is let go; then, and once nobody is there to do so, it moves what there is.
            let _let_go = hung.recv();
            pass(db)
        };
        let checkpoints = Checkpoints::made_by(hanging, &file, SMALL).unwrap();
        let (mut length, mut appended) = (0, 3);
        while length < SMALL.longest - 60_000 {
            length = append(&db, &checkpoints);
            appended += 1;
        }
        begun.recv().unwrap();
        assert!(begun.try_recv().is_err(), "one pass at a time, and it hangs");
        let too_long = std::thread::spawn(move || {
            let longest = (0..3).map(|_| append(&db, &checkpoints)).max();
            (db, longest)
        });
        std::thread::sleep(Duration::from_millis(100));
        assert!(!too_long.is_finished(), "this one waits for the disk");
        drop(go);
        let (db, longest) = too_long.join().unwrap();
        assert!(longest < Some(SMALL.longest + 200_000), "{longest:?}");
        let rows: i64 = db.query_row("SELECT count(*) FROM t", [], |row| row.get(0)).unwrap();
        assert_eq!(rows, appended, "nothing is lost");
    }

    #[test]
    fn a_pass_that_panics_is_reported_once_and_tried_again() {
        let folder = tempfile::tempdir().unwrap();
        let (file, db) = writer(folder.path());
        let mut passes = 0;
        let failing = move |db: &Connection| {
            passes += 1;
            assert!(passes > 2, "on purpose");
            pass(db)
        };
        let checkpoints = Checkpoints::made_by(failing, &file, SMALL).unwrap();
        let (mut last, mut reports) = (0, Vec::new());
        let begun = Instant::now();
        loop {
            let length = append(&db, &checkpoints);
            reports.extend(checkpoints.take_trouble());
            if length < last {
                break;
            }
            last = length;
            assert!(begun.elapsed() < Duration::from_mins(1), "the log never begins anew: {last} bytes");
        }
        assert!(reports.len() == 1 && reports[0].contains("panicked"), "{reports:?}");
        assert!(!checkpoints.are_gone());
    }

    #[test]
    fn a_thread_that_is_gone_is_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let (file, db) = writer(folder.path());
        let mut checkpoints = Checkpoints::made_by(pass, &file, SMALL).unwrap();
        checkpoints.shared.state().ended = true;
        checkpoints.shared.changed.notify_all();
        checkpoints.thread.take().unwrap().join().unwrap();
        assert!(checkpoints.are_gone());
        while append(&db, &checkpoints) < SMALL.longest {}
    }

    #[test]
    fn a_pass_that_fails_is_tried_again() {
        let folder = tempfile::tempdir().unwrap();
        let (file, db) = writer(folder.path());
        let mut failures = 0;
        let failing = move |db: &Connection| {
            failures += 1;
            if failures < 3 { Err(rusqlite::Error::InvalidQuery) } else { pass(db) }
        };
        let checkpoints = Checkpoints::made_by(failing, &file, SMALL).unwrap();
        let begun = Instant::now();
        let mut last = 0;
        loop {
            let length = append(&db, &checkpoints);
            if length < last {
                break;
            }
            last = length;
            assert!(begun.elapsed() < Duration::from_mins(1), "the log never begins anew: {last} bytes");
        }
    }
}
