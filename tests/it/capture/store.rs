//! Captures on disk: modes, readers beside the writer, killed writers, full disks, foreign files.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use umpire::capture::{self, CaptureError, CaptureReader, CaptureWriter};
use umpire::exchange::Exchange;

use super::arbitrary::{meta, ordinary};

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

#[test]
#[cfg(unix)]
fn only_the_owner_can_read_it() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    let mut writer = CaptureWriter::create(&path, &meta()).unwrap();
    writer.append(&ordinary()).unwrap();
    writer.commit().unwrap();
    for suffix in ["", "-wal", "-shm"] {
        let mode = fs::metadata(beside(&path, suffix)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{suffix}");
    }
}

#[test]
fn no_file_is_written_over() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    fs::write(&path, "precious").unwrap();
    let error = CaptureWriter::create(&path, &meta()).err().unwrap();
    assert_eq!(error, CaptureError::Exists { file: path.clone() });
    assert!(error.to_string().contains("a.db: exists already"), "{error}");
    assert_eq!(fs::read(&path).unwrap(), b"precious");
    let missing = folder.path().join("none/a.db");
    let error = CaptureWriter::create(&missing, &meta()).err().unwrap();
    assert!(matches!(error, CaptureError::Create { .. }) && error.to_string().contains("none/a.db"), "{error}");
}

#[test]
fn one_file_remains() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    let mut writer = CaptureWriter::create(&path, &meta()).unwrap();
    writer.append(&ordinary()).unwrap();
    assert_eq!(writer.finish().unwrap(), 1);
    let names: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["a.db"]);
}

#[test]
fn a_reader_sees_it_grow() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    let mut writer = CaptureWriter::create(&path, &meta()).unwrap();
    let reader = CaptureReader::open(&path).unwrap();
    assert_eq!((reader.len().unwrap(), reader.meta()), (0, &meta()));
    for expected in 1..=3 {
        writer.append(&ordinary()).unwrap();
        assert_eq!(reader.len().unwrap(), expected - 1, "before the commit");
        writer.commit().unwrap();
        assert_eq!(reader.len().unwrap(), expected);
        assert_eq!(reader.exchange(expected - 1).unwrap(), ordinary());
    }
    // Finishing does not wait for the reader, nor take anything away from it.
    assert_eq!(writer.finish().unwrap(), 3);
    assert_eq!(reader.into_exchanges(1).map(Result::unwrap).count(), 2);
}

#[test]
fn many_exchanges_are_read_in_a_row_with_and_without_response_bodies() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    let mut writer = CaptureWriter::create(&path, &meta()).unwrap();
    let exchanges: Vec<Exchange> = (0..200).map(|id| Exchange { id, ..ordinary() }).collect();
    for exchange in &exchanges {
        writer.append(exchange).unwrap();
    }
    writer.commit().unwrap();
    let read: Vec<Exchange> = CaptureReader::open(&path).unwrap().into_exchanges(0).map(Result::unwrap).collect();
    assert_eq!(read, exchanges);
    // The writer may go on while somebody is in the middle of reading.
    let mut half = CaptureReader::open(&path).unwrap().into_exchanges(0);
    half.next().unwrap().unwrap();
    writer.append(&ordinary()).unwrap();
    writer.commit().unwrap();
    assert_eq!(half.map(Result::unwrap).count(), 200);
    let without = CaptureReader::open(&path).unwrap().without_response_bodies().into_exchanges(0);
    for (read, mut written) in without.map(Result::unwrap).zip(exchanges) {
        let body = &mut written.response.as_mut().unwrap().body;
        assert!(!body.bytes.is_empty());
        body.bytes = Vec::new().into();
        assert_eq!(read, written);
    }
}

#[test]
fn an_exchange_that_is_not_there() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    let writer = CaptureWriter::create(&path, &meta()).unwrap();
    let reader = CaptureReader::open(&path).unwrap();
    let error = reader.exchange(4).unwrap_err();
    assert!(error.to_string().contains("a.db: exchange 5 can't be read"), "{error}");
    writer.finish().unwrap();
    assert_eq!(capture::open(&path).err(), Some(CaptureError::Empty { file: path }));
}

/// Runs in a process of its own, started and killed by the test below.
#[test]
#[ignore = "runs until it is killed"]
fn a_writer_that_never_ends() {
    let path = PathBuf::from(std::env::var_os("UMPIRE_TEST_CAPTURE").expect("started by the test below"));
    let mut writer = CaptureWriter::create(&path, &meta()).unwrap();
    loop {
        for _ in 0..7 {
            writer.append(&ordinary()).unwrap();
        }
        writer.commit().unwrap();
    }
}

#[test]
fn a_killed_writer_leaves_a_capture() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("killed.db");
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "capture::store::a_writer_that_never_ends"])
        .env("UMPIRE_TEST_CAPTURE", &path)
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let reader = loop {
        assert_eq!(child.try_wait().unwrap(), None, "the writer ended by itself");
        if let Ok(reader) = CaptureReader::open(&path) {
            break reader;
        }
        std::thread::yield_now();
    };
    while reader.len().unwrap() < 100 {
        std::thread::yield_now();
    }
    let before = reader.len().unwrap();
    drop(reader);
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(beside(&path, "-wal").exists(), "the kill came too late to show anything");
    let read: Vec<Exchange> = capture::open(&path).unwrap().exchanges.map(Result::unwrap).collect();
    assert!(read.len() as u64 >= before && read.len().is_multiple_of(7), "{} of at least {before}", read.len());
    assert!(read.iter().all(|exchange| *exchange == ordinary()));
}

#[test]
fn damage_is_said_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    let mut writer = CaptureWriter::create(&path, &meta()).unwrap();
    for _ in 0..3 {
        writer.append(&ordinary()).unwrap();
    }
    writer.finish().unwrap();
    let db = rusqlite::Connection::open(&path).unwrap();
    db.execute("UPDATE exchange SET request_body = '{\"@type\": \"OrderQuotX\"}' WHERE n = 1", []).unwrap();
    let mut read = capture::open(&path).unwrap().exchanges;
    assert!(read.next().unwrap().is_ok());
    let error = read.next().unwrap().unwrap_err();
    assert!(error.to_string().contains("a.db: exchange 2 can't be read: a body has another digest"), "{error}");
    assert!(read.next().is_none());
    db.execute("DELETE FROM exchange WHERE n = 1", []).unwrap();
    let error = capture::open(&path).unwrap().exchanges.nth(1).unwrap().unwrap_err();
    assert!(error.to_string().contains("exchange 2 can't be read: it is missing"), "{error}");
}

#[test]
fn other_databases_are_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("other.db");
    let db = rusqlite::Connection::open(&path).unwrap();
    db.execute_batch("CREATE TABLE t (x)").unwrap();
    assert_eq!(capture::open(&path).err(), Some(CaptureError::NotACapture { file: path.clone() }));
    let newer = folder.path().join("newer.db");
    CaptureWriter::create(&newer, &meta()).unwrap().finish().unwrap();
    rusqlite::Connection::open(&newer).unwrap().pragma_update(None, "user_version", 99).unwrap();
    assert_eq!(capture::open(&newer).err(), Some(CaptureError::Format { file: newer, found: 99, known: 4 }));
    let cut = folder.path().join("cut.db");
    fs::write(&cut, &fs::read(&path).unwrap()[..50]).unwrap();
    let error = capture::open(&cut).err().unwrap();
    assert!(error.to_string().contains("cut.db"), "{error}");
}

/// A file in WAL mode needs a folder that can be written to; bytes 18 and 19 of the SQLite header tell.
#[test]
fn a_finished_capture_needs_no_log() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    let mut writer = CaptureWriter::create(&path, &meta()).unwrap();
    writer.append(&ordinary()).unwrap();
    writer.commit().unwrap();
    assert_eq!(fs::read(&path).unwrap()[18..20], [2, 2]);
    writer.finish().unwrap();
    assert_eq!(fs::read(&path).unwrap()[18..20], [1, 1]);
}

#[test]
fn a_discarded_capture_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = CaptureWriter::create(&folder.path().join("a.db"), &meta()).unwrap();
    writer.append(&ordinary()).unwrap();
    writer.discard();
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}
