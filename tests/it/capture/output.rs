//! Recordings written whole or not at all, in every format.

use std::fs;
use std::path::Path;

use proptest::collection::vec;
use proptest::prelude::*;
use umpire::capture::{self, CaptureError, Meta, RecordingFormat, RecordingWriter};
use umpire::exchange::{Body, Exchange, OmittedFields};
use umpire::new_file::NewFileError;

use super::arbitrary::{cases, exchange, meta, ordinary};

fn names(folder: &Path) -> Vec<String> {
    let name = |entry: std::io::Result<fs::DirEntry>| entry.unwrap().file_name().into_string().unwrap();
    let mut names: Vec<String> = fs::read_dir(folder).unwrap().map(name).collect();
    names.sort();
    names
}

fn write(file: &Path, exchanges: &[Exchange]) -> u64 {
    let mut output = RecordingWriter::create(file, &meta(), false).unwrap();
    for exchange in exchanges {
        output.append(exchange).unwrap();
    }
    output.finish().unwrap()
}

fn read(file: &Path) -> (Meta, RecordingFormat, Vec<Exchange>) {
    let recording = capture::open(file).unwrap();
    (recording.meta, recording.format, recording.exchanges.map(Result::unwrap).collect())
}

proptest! {
    #![proptest_config(cases(16))]

    #[test]
    fn every_format_gives_back_what_it_was_given(exchanges in vec(exchange(), 1..6)) {
        let folder = tempfile::tempdir().unwrap();
        for (name, format) in [
            ("x.db", RecordingFormat::Capture),
            ("x.har", RecordingFormat::Har),
            ("x.har.gz", RecordingFormat::Har),
            ("x.ndjson", RecordingFormat::Ndjson),
            ("x.ndjson.gz", RecordingFormat::Ndjson),
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
        let mut output = RecordingWriter::create(&file, &meta(), false).unwrap();
        output.append(&ordinary()).unwrap();
        assert!(!file.exists() && !names(folder.path()).is_empty(), "{name}");
        drop(output);
        assert_eq!(names(folder.path()), [""; 0], "{name}: given up");
        write(&file, &[ordinary()]);
        assert_eq!(names(folder.path()), [name]);
        let error = RecordingWriter::create(&file, &meta(), false).err().unwrap();
        assert_eq!(error, CaptureError::Output(NewFileError::Exists { file: file.clone() }));
        let before = fs::read(&file).unwrap();
        let mut output = RecordingWriter::create(&file, &meta(), true).unwrap();
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
    let output = RecordingWriter::create(&file, &meta(), false).unwrap();
    fs::write(&file, "precious").unwrap();
    let error = output.finish().unwrap_err();
    assert_eq!(error, CaptureError::Output(NewFileError::Exists { file: file.clone() }));
    assert_eq!(fs::read(&file).unwrap(), b"precious");
    assert_eq!(names(folder.path()), ["x.har"]);
}

#[test]
fn names_without_a_known_ending_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let error = RecordingWriter::create(&folder.path().join("x.json"), &meta(), false).err().unwrap().to_string();
    assert!(error.contains("x.json") && error.contains(".har"), "{error}");
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

const LEAST: &str =
    r#"{"started":"2026-11-24T07:00:00Z","origin":"https://a.example","request":{"method":"GET","target":"/x"}}"#;

#[test]
fn the_least_line_that_is_enough() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("x.ndjson");
    fs::write(&file, format!("\u{feff}{LEAST}\n\n{LEAST}")).unwrap();
    let (meta, format, exchanges) = read(&file);
    assert_eq!((format, exchanges.len(), exchanges[0].request.target.as_str()), (RecordingFormat::Ndjson, 2, "/x"));
    assert_eq!(meta.created, exchanges[0].started);
    assert_eq!((exchanges[0].request.headers.1, &exchanges[0].request.body), (OmittedFields::Unlisted, &Body::empty()));
    assert_eq!((&exchanges[0].response, &exchanges[0].failure), (&None, &None));
}

/// The exchanges of three lines of which the second one is odd, and what is said of it.
fn with_odd(second: &str) -> (Vec<Exchange>, Vec<String>) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("x.ndjson");
    fs::write(&file, format!("{LEAST}\n{second}\n{LEAST}\n")).unwrap();
    let recording = capture::open(&file).unwrap();
    let exchanges: Vec<Exchange> = recording.exchanges.map(Result::unwrap).collect();
    (exchanges, recording.oddities.list().iter().map(ToString::to_string).collect())
}

#[test]
fn one_odd_line_never_refuses_the_rest() {
    for (second, words) in [
        ("{\"started\":", "it is cut off; left out"),
        ("null", "it is null; left out"),
        ("[]", "it is a list and no object; left out"),
        ("{}", "it has no request; left out"),
        ("{\"n\": 1 \"m\": 2}", "it is not JSON"),
        (&LEAST.replace("\"GET\"", "null"), "its request has no method; left out"),
        (&LEAST.replace("https://a.example", ""), "is not an absolute one; left out"),
    ] {
        let (exchanges, said) = with_odd(second);
        assert_eq!((exchanges.len(), said.len()), (2, 1), "{second}: {said:?}");
        assert!(said[0].starts_with("line 2: ") && said[0].contains(words), "{second}: {said:?}");
    }
}

#[test]
fn what_can_be_read_of_an_odd_line_is_read() {
    let least = with_odd(LEAST).0.remove(1);
    for second in [
        LEAST.replace("{\"started", "{\"total_ms\":-1,\"id\":null,\"connection\":\"\",\"started"),
        LEAST.replace("2026-11-24T07:00:00Z", "Tue, 24 Nov 2026 07:00:00 GMT"),
        LEAST.replace("\"GET\"", "\"get\""),
        LEAST.replace("\"/x\"", "\"/x\",\"headers\":{},\"size\":\"0\",\"version\":1"),
        LEAST.replace("\"/x\"", "\"https://a.example/x\""),
        LEAST.replace("}}", "},\"response\":null,\"recording\":[],\"failure\":\"\"}"),
    ] {
        assert_eq!(with_odd(&second), (vec![least.clone(); 3], vec![]), "{second}");
    }
    let with_body = |body: &str| with_odd(&LEAST.replace("\"/x\"", &format!("\"/x\",{body}")));
    for (body, expected, words) in [
        (r#""body":"{","encoding":"base64""#, Body::complete("{"), Some("read as text")),
        (r#""body":{"a":1}"#, Body::complete("{\"a\":1}"), Some("read as it stands")),
        (r#""body":"caf\u00e9","encoding":"latin1""#, Body::complete(&b"caf\xe9"[..]), None),
        (r#""body":"x","encoding":"base64""#, Body::not_recorded(0), Some("taken as not recorded")),
        (r#""size":7"#, Body::not_recorded(7), None),
    ] {
        let (exchanges, said) = with_body(body);
        assert_eq!(exchanges[1].request.body, expected, "{body}");
        let said: Vec<&str> = said.iter().map(String::as_str).collect();
        assert!(said.len() == usize::from(words.is_some()), "{body}: {said:?}");
        assert!(words.is_none_or(|words| said[0].ends_with(words)), "{body}: {said:?}");
    }
    let (exchanges, said) = with_odd(&LEAST.replace("2026-11-24T", ""));
    assert_eq!(
        (exchanges[1].started, said),
        (least.started, vec!["line 2: its started is no time; taken as not recorded".to_owned()])
    );
    for response in ["{\"status\":7}", "\"\"", "{}"] {
        let (exchanges, said) = with_odd(&LEAST.replace("}}", &format!("}},\"response\":{response}}}")));
        assert_eq!((&exchanges[1].response, said.len()), (&None, 1), "{response}: {said:?}");
    }
}

#[test]
fn a_file_whose_last_line_is_cut_off_is_read_as_far_as_it_goes() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("x.ndjson");
    fs::write(&file, format!("{LEAST}\n{}", &LEAST[..40])).unwrap();
    let read: Vec<_> = capture::open(&file).unwrap().exchanges.collect();
    let error = read[1].as_ref().unwrap_err().to_string();
    assert!(read.len() == 2 && read[0].is_ok() && error.contains("x.ndjson: line 2: is cut off"), "{error}");
    // A file that begins in the middle of a line, and one of which no line can be read.
    fs::write(&file, format!("{}\n{LEAST}\n", &LEAST[40..])).unwrap();
    let recording = capture::open(&file).unwrap();
    assert_eq!(
        (recording.format, recording.exchanges.count(), recording.oddities.left_out()),
        (RecordingFormat::Ndjson, 1, 1)
    );
    fs::write(&file, "{\"n\":1}\n{\"n\":2}\n").unwrap();
    let error = capture::open(&file).err().unwrap().to_string();
    let expected = "holds no exchange that can be read: 2 lines, the first is line 1: it has no request; left out";
    assert!(error.ends_with(expected), "{error}");
}
