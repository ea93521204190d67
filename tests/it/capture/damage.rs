//! Captures of which a part is missing: files that are cut off, and copies without their log.

use std::fs;
use std::path::Path;

use ::umpire::capture::{self, CaptureError, CaptureReader, CaptureWriter};
use ::umpire::exchange::{Body, Exchange};

use super::arbitrary::{meta, ordinary};
use crate::cli::support::{report, status, stderr, stdout, umpire};

/// An exchange with so many bytes that don't compress.
fn noise(bytes: usize) -> Exchange {
    let mut exchange = ordinary();
    let mut state = 1_u32;
    let noise = std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    });
    exchange.request.body = Body::complete(noise.take(bytes).collect::<Vec<u8>>());
    exchange
}

/// The exchanges that can be read, and what is said behind them.
fn read(path: &Path) -> (usize, Option<CaptureError>) {
    let mut exchanges = match capture::open(path) {
        Ok(recording) => recording.exchanges,
        Err(error) => return (0, Some(error)),
    };
    let mut count = 0;
    let end = loop {
        match exchanges.next() {
            Some(Ok(_)) => count += 1,
            Some(Err(error)) => break Some(error),
            None => break None,
        }
    };
    assert!(exchanges.next().is_none(), "nothing follows");
    (count, end)
}

#[track_caller]
fn assert_says_that_the_log_is_missing(error: Option<CaptureError>) {
    let error = error.expect("an error").to_string();
    for words in ["copy.db: was copied while", "copy.db-wal, which holds its last exchanges", "umpire capture convert"]
    {
        assert!(error.contains(words), "{error}");
    }
}

#[test]
fn a_copy_without_its_log_is_not_whole() {
    let folder = tempfile::tempdir().unwrap();
    let (live, copy) = (folder.path().join("live.db"), folder.path().join("copy.db"));
    let mut writer = CaptureWriter::create(&live, &meta()).unwrap();
    let mut append = |count: u64| -> u64 {
        for _ in 0..count {
            writer.append(&noise(600_000)).unwrap();
            writer.commit().unwrap();
        }
        writer.len()
    };
    append(2);
    fs::copy(&live, &copy).unwrap();
    let (count, error) = read(&copy);
    assert_eq!(count, 0, "all is in the log");
    assert_says_that_the_log_is_missing(error);
    // Once more: SQLite has made an empty log beside it.
    assert_says_that_the_log_is_missing(read(&copy).1);
    // Until a part of the log was moved into the file.
    let mut appended = 2;
    while fs::metadata(&live).unwrap().len() < 1 << 20 {
        appended = append(1);
        assert!(appended < 500, "no checkpoint");
    }
    // What is appended when nothing is left to be moved begins a new log.
    for _ in 0..2 {
        std::thread::sleep(std::time::Duration::from_millis(300));
        appended = append(2);
    }
    assert_eq!(read(&live), (appended as usize, None), "the recording itself is whole");
    let log = folder.path().join("live.db-wal");
    fs::copy(&live, &copy).unwrap();
    fs::remove_file(folder.path().join("copy.db-wal")).unwrap();
    fs::remove_file(folder.path().join("copy.db-shm")).unwrap();
    let (count, error) = read(&copy);
    assert!(count > 0 && (count as u64) < appended, "{count} of {appended}");
    assert_says_that_the_log_is_missing(error);
    assert!(CaptureReader::open(&copy).unwrap().damage().is_some());
    // With its log it is whole.
    let both = folder.path().join("both.db");
    fs::copy(&live, &both).unwrap();
    fs::copy(&log, folder.path().join("both.db-wal")).unwrap();
    assert_eq!(read(&both), (appended as usize, None));
    assert_eq!(writer.finish().unwrap(), appended);
    assert_eq!(read(&live), (appended as usize, None));
}

#[test]
fn a_finished_capture_is_whole_without_its_log() {
    let folder = tempfile::tempdir().unwrap();
    let (live, copy) = (folder.path().join("live.db"), folder.path().join("copy.db"));
    let mut writer = CaptureWriter::create(&live, &meta()).unwrap();
    writer.append(&ordinary()).unwrap();
    writer.commit().unwrap();
    let reader = CaptureReader::open(&live).unwrap();
    assert_eq!(reader.len().unwrap(), 1);
    writer.finish().unwrap();
    // The reader that is attached keeps the log.
    assert_eq!(fs::read(&live).unwrap()[18..20], [2, 2]);
    fs::copy(&live, &copy).unwrap();
    for path in [&live, &copy] {
        let reader = CaptureReader::open(path).unwrap();
        assert_eq!((reader.damage(), reader.warning()), (None, None));
        assert_eq!(read(path), (1, None));
    }
}

/// Another program may have moved the log of a writer that was killed into the file: nobody can tell.
#[test]
fn a_capture_that_was_not_finished_may_lack_something() {
    let folder = tempfile::tempdir().unwrap();
    let (live, copy) = (folder.path().join("live.db"), folder.path().join("copy.db"));
    let mut writer = CaptureWriter::create(&live, &meta()).unwrap();
    writer.append(&ordinary()).unwrap();
    writer.commit().unwrap();
    fs::copy(&live, &copy).unwrap();
    fs::copy(folder.path().join("live.db-wal"), folder.path().join("copy.db-wal")).unwrap();
    let db = rusqlite::Connection::open(&copy).unwrap();
    db.query_row("SELECT count(*) FROM exchange", [], |_| Ok(())).unwrap();
    db.close().unwrap();
    assert!(!folder.path().join("copy.db-wal").exists());
    let reader = CaptureReader::open(&copy).unwrap();
    assert_eq!(reader.damage(), None);
    let warning = reader.warning().unwrap();
    assert!(warning.contains("copy.db") && warning.contains("may be missing"), "{warning}");
    assert_eq!(read(&copy), (1, None));
    let copy = copy.display().to_string();
    for arguments in [&["check", &copy][..], &["capture", "verify", &copy], &["capture", "info", &copy]] {
        let output = umpire(arguments);
        assert!(status(&output) < 2 && stderr(&output).contains("may be missing"), "{}", stderr(&output));
    }
}

#[test]
fn a_capture_that_is_cut_off_is_read_as_far_as_it_goes() {
    let folder = tempfile::tempdir().unwrap();
    let (whole, cut) = (folder.path().join("whole.db"), folder.path().join("cut.db"));
    let mut writer = CaptureWriter::create(&whole, &meta()).unwrap();
    for _ in 0..60 {
        writer.append(&noise(20_000)).unwrap();
        writer.append(&ordinary()).unwrap();
    }
    writer.finish().unwrap();
    let bytes = fs::read(&whole).unwrap();
    let mut before = 120;
    for missing in [1, 4_096, 16_384, bytes.len() / 2] {
        fs::write(&cut, &bytes[..bytes.len() - missing]).unwrap();
        let (count, error) = read(&cut);
        let error = error.expect("an error").to_string();
        let words = format!("is cut off: {} of {} bytes", bytes.len() - missing, bytes.len());
        assert!(error.contains(&words), "{error}");
        assert!(count <= before && count > 30, "{count} where {missing} are missing");
        before = count;
        let name = cut.display().to_string();
        let checked = umpire(&["check", &name, "--format", "json", "--fail-on", "never"]);
        assert_eq!(status(&checked), 2, "{}", stderr(&checked));
        assert!(stderr(&checked).contains(&words), "{}", stderr(&checked));
        assert_eq!(report(&checked)["files"][0]["exchanges"], count);
        let viewed = umpire(&["view", &name, "--ui", "plain"]);
        assert!(status(&viewed) == 2 && stderr(&viewed).contains(&words), "{}", stderr(&viewed));
        let saved = folder.path().join("saved.db");
        let verified = umpire(&["capture", "verify", &name, "--save", &saved.display().to_string(), "--force"]);
        assert_eq!(status(&verified), 1, "{}", stderr(&verified));
        assert!(stdout(&verified).contains(&words), "{}", stdout(&verified));
        // What stands behind an exchange that is lost may be there, too.
        let (kept, error) = read(&saved);
        assert!(kept >= count && kept < 120 && error.is_none(), "{kept}, {error:?}");
    }
    for length in [16, 100, 5_000] {
        fs::write(&cut, &bytes[..length]).unwrap();
        let (count, error) = read(&cut);
        let error = error.expect("an error").to_string();
        assert!(count == 0 && error.contains("is cut off") && error.contains(&format!("{length} ")), "{error}");
        let name = cut.display().to_string();
        assert_eq!(status(&umpire(&["check", &name])), 2);
        let verified = umpire(&["capture", "verify", &name]);
        assert_eq!(status(&verified), 1, "{}", stderr(&verified));
        assert!(stdout(&verified).contains("is cut off"), "{}", stdout(&verified));
    }
}
