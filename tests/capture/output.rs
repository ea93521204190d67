//! Recordings written whole or not at all, in every format.

use std::fs;
use std::path::Path;

use proptest::collection::vec;
use proptest::prelude::*;
use umpire::capture::{self, CaptureError, Format, Meta, Output};
use umpire::exchange::Exchange;

use crate::arbitrary::{cases, exchange, meta, ordinary};

fn names(folder: &Path) -> Vec<String> {
    let name = |entry: std::io::Result<fs::DirEntry>| entry.unwrap().file_name().into_string().unwrap();
    let mut names: Vec<String> = fs::read_dir(folder).unwrap().map(name).collect();
    names.sort();
    names
}

fn write(file: &Path, exchanges: &[Exchange]) -> u64 {
    let mut output = Output::create(file, &meta(), false).unwrap();
    for exchange in exchanges {
        output.append(exchange).unwrap();
    }
    output.finish().unwrap()
}

fn read(file: &Path) -> (Meta, Format, Vec<Exchange>) {
    let recording = capture::open(file).unwrap();
    (recording.meta, recording.format, recording.exchanges.map(Result::unwrap).collect())
}

proptest! {
    #![proptest_config(cases(16))]

    #[test]
    fn every_format_gives_back_what_it_was_given(exchanges in vec(exchange(), 1..6)) {
        let folder = tempfile::tempdir().unwrap();
        for (name, format) in [
            ("x.db", Format::Capture),
            ("x.har", Format::Har),
            ("x.har.gz", Format::Har),
            ("x.ndjson", Format::Ndjson),
            ("x.ndjson.gz", Format::Ndjson),
        ] {
            let file = folder.path().join(name);
            prop_assert_eq!(write(&file, &exchanges), exchanges.len() as u64);
            prop_assert_eq!(read(&file), (meta(), format, exchanges.clone()), "{}", name);
            fs::remove_file(&file).unwrap();
        }
    }
}

#[test]
fn until_it_is_whole_it_is_not_there() {
    for name in ["x.db", "x.har", "x.ndjson.gz"] {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(name);
        let mut output = Output::create(&file, &meta(), false).unwrap();
        output.append(&ordinary()).unwrap();
        assert!(!file.exists() && !names(folder.path()).is_empty(), "{name}");
        drop(output);
        assert_eq!(names(folder.path()), [""; 0], "{name}: given up");
        write(&file, &[ordinary()]);
        assert_eq!(names(folder.path()), [name]);
        let error = Output::create(&file, &meta(), false).err().unwrap();
        assert_eq!(error, CaptureError::Exists { file: file.clone() });
        let before = fs::read(&file).unwrap();
        let mut output = Output::create(&file, &meta(), true).unwrap();
        (0..3).for_each(|_| output.append(&ordinary()).unwrap());
        assert_eq!(fs::read(&file).unwrap(), before, "{name}: untouched until the end");
        assert_eq!(output.finish().unwrap(), 3);
        assert_eq!(read(&file).2.len(), 3);
        assert_eq!(names(folder.path()), [name]);
    }
}

#[test]
fn a_file_that_came_in_between_stays() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("x.har");
    let output = Output::create(&file, &meta(), false).unwrap();
    fs::write(&file, "precious").unwrap();
    assert_eq!(output.finish().unwrap_err(), CaptureError::Exists { file: file.clone() });
    assert_eq!(fs::read(&file).unwrap(), b"precious");
    assert_eq!(names(folder.path()), ["x.har"]);
}

#[test]
fn names_without_a_known_ending_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let error = Output::create(&folder.path().join("x.json"), &meta(), false).err().unwrap().to_string();
    assert!(error.contains("x.json") && error.contains(".har"), "{error}");
    let error = Output::create(&folder.path().join("none/x.har"), &meta(), false).err().unwrap().to_string();
    assert!(error.contains("none/x.har: can't be created"), "{error}");
}

#[test]
#[cfg(unix)]
fn only_the_owner_can_read_it() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    for name in ["x.db", "x.har", "x.ndjson"] {
        let file = folder.path().join(name);
        write(&file, &[ordinary()]);
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600, "{name}");
    }
}

#[test]
fn lines_that_are_none_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("x.ndjson");
    let least =
        r#"{"started":"2026-11-24T07:00:00Z","origin":"https://a.example","request":{"method":"GET","target":"/x"}}"#;
    fs::write(&file, format!("\u{feff}{least}\n\n{least}")).unwrap();
    let (meta, format, exchanges) = read(&file);
    assert_eq!((format, exchanges.len(), exchanges[0].request.target.as_str()), (Format::Ndjson, 2, "/x"));
    assert_eq!(meta.created, exchanges[0].started);
    for (second, words) in [
        ("{\"started\":", "line 2: is cut off"),
        ("{}", "line 2: can't be used"),
        (&least.replace("2026-11-24T", ""), "started is no time"),
        (&least.replace("\"GET\"", "7"), "line 2: can't be used"),
        (
            &least.replace("\"/x\"", "\"/x\",\"body\":\"{\",\"encoding\":\"base64\""),
            "its request: a body that should be base64",
        ),
        (&least.replace("\"/x\"", "\"/x\",\"body\":\"\",\"encoding\":\"latin1\""), "neither text nor base64"),
        (&least.replace("{\"started", "{\"total_ms\":-1,\"started"), "total_ms is no duration"),
    ] {
        fs::write(&file, format!("{least}\n{second}\n{least}\n")).unwrap();
        let mut exchanges = capture::open(&file).unwrap().exchanges;
        assert!(exchanges.next().is_some_and(|first| first.is_ok()));
        let error = exchanges.next().unwrap().unwrap_err().to_string();
        assert!(error.contains("x.ndjson: line 2: ") && error.contains(words), "{error}");
        assert!(exchanges.next().is_none(), "nothing follows");
    }
}
