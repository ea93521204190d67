//! `umpire capture …` through the binary: what is there, is it whole, and into another file of any format.
//!
//! `recording → umpire capture … → recording or words`

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use umpire::capture;
use umpire::exchange::FailureKind;

use crate::fake::schema;

const GOLDEN: &str = "captures/golden.har";
const FAULTY: &str = "captures/faulty.har";

fn umpire(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_umpire")).args(arguments).env_remove("RUST_LOG").output().expect("umpire runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Standard output of a run that ends with this status.
#[track_caller]
fn run(status: i32, arguments: &[&str]) -> String {
    let output = umpire(arguments);
    assert_eq!(output.status.code(), Some(status), "{arguments:?}: {}", text(&output.stderr));
    text(&output.stdout)
}

/// Standard error of a run that ends with status 2 and says all of `words`.
#[track_caller]
fn refused(arguments: &[&str], words: &[&str]) {
    let output = umpire(arguments);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{arguments:?}: {said}");
    for word in words {
        assert!(said.contains(word), "{arguments:?} should say {word:?}: {said}");
    }
    assert!(!said.contains("panicked"), "{said}");
}

fn names(folder: &Path) -> BTreeSet<String> {
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

fn count(file: &Path) -> usize {
    capture::open(file).unwrap().exchanges.map(Result::unwrap).count()
}

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn name(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }
}

#[test]
fn every_format_says_the_same_of_itself() {
    let folder = Folder::new();
    for name in ["x.db", "x.har.gz", "x.ndjson", "x.ndjson.gz"] {
        run(0, &["capture", "export", FAULTY, "--keep-personal-data", "-o", &folder.name(name)]);
    }
    let info = |file: &str| {
        let mut info: Value = serde_json::from_str(&run(0, &["capture", "info", file, "--format", "json"])).unwrap();
        let members = info[0].as_object_mut().unwrap();
        for name in ["file", "format", "version", "size"] {
            assert!(members.remove(name).is_some(), "{name}");
        }
        info
    };
    let original = info(FAULTY);
    let exchanges = count(Path::new(FAULTY));
    assert_eq!(original[0]["exchanges"], exchanges);
    assert_eq!(original[0]["redaction"], "secrets");
    assert!(
        original[0]["bookings"].as_u64().unwrap() > 10 && original[0]["first"].as_str() < original[0]["last"].as_str()
    );
    for name in ["x.db", "x.har.gz", "x.ndjson", "x.ndjson.gz"] {
        assert_eq!(info(&folder.name(name)), original, "{name}");
        assert!(run(0, &["capture", "verify", &folder.name(name)]).contains(&format!("whole, {exchanges} exchanges")));
    }
    let said = run(0, &["capture", "info", &folder.name("x.db"), GOLDEN]);
    assert!(said.contains("capture, version 4") && said.contains("secrets are replaced"), "{said}");
}

#[test]
fn what_was_replaced_is_said_and_goes_along() {
    let folder = Folder::new();
    let said = |file: &str| {
        let info: Value = serde_json::from_str(&run(0, &["capture", "info", file, "--format", "json"])).unwrap();
        info[0]["redaction"].as_str().unwrap().to_owned()
    };
    let foreign = folder.name("foreign.har");
    let entry = r#"{"startedDateTime": "2026-11-24T07:00:00Z", "request": {"method": "GET", "url": "https://a.example/x?token=planted",
        "headers": []}, "response": {"status": 200, "headers": [], "content": {"text": "{}"}}}"#;
    fs::write(&foreign, format!(r#"{{"log": {{"creator": {{"name": "mitmproxy"}}, "entries": [{entry}]}}}}"#)).unwrap();
    assert_eq!(said(&foreign), "nothing");
    for ending in ["db", "har", "ndjson.gz"] {
        let name = |name: &str| folder.name(&format!("{name}.{ending}"));
        // Secrets of a foreign file are always replaced on the way in.
        let keep = "--keep-personal-data";
        run(0, &["capture", "convert", &foreign, "-o", &name("imported"), keep]);
        assert_eq!(said(&name("imported")), "secrets", "{ending}");
        run(0, &["capture", "verify", &foreign, "--save", &name("saved"), keep]);
        assert_eq!(said(&name("saved")), "secrets", "{ending}");
        run(0, &["capture", "export", &name("imported"), "-o", &name("exported")]);
        run(0, &["capture", "redact", &name("imported"), "-o", &name("redacted")]);
        run(0, &["capture", "split", &name("redacted"), "--size", "1MB", "-o", &name("part")]);
        run(0, &["capture", "merge", &name("redacted"), &name("exported"), "-o", &name("strong")]);
        run(0, &["capture", "merge", &name("redacted"), &name("imported"), "-o", &name("weak"), keep]);
        for (file, expected) in [
            ("exported", "personal"),
            ("redacted", "personal"),
            ("part.0001", "personal"),
            ("strong", "personal"),
            ("weak", "secrets"),
        ] {
            assert_eq!(said(&name(file)), expected, "{file}.{ending}");
        }
    }
    // Of a file that is older than the mark nobody knows.
    let old = fs::read_to_string(GOLDEN).unwrap().replace(r#","redaction":"secrets""#, "");
    fs::write(folder.path("old.har"), old).unwrap();
    assert_eq!(said(&folder.name("old.har")), "unknown");
    let words = run(0, &["capture", "info", &foreign, &folder.name("old.har"), GOLDEN, &folder.name("exported.db")]);
    for line in
        ["nothing is replaced: ", "unknown: ", "secrets are replaced, personal", "secrets and personal data are"]
    {
        assert!(words.contains(&format!("redaction   {line}")), "{line}: {words}");
    }
}

#[test]
fn verdicts_do_not_depend_on_the_format() {
    let folder = Folder::new();
    let findings = |file: &str| {
        let report = run(0, &["check", file, "--format", "json", "--fail-on", "never"]);
        let report: Value = serde_json::from_str(&report).unwrap();
        report["findings"]
            .as_array()
            .unwrap()
            .iter()
            .map(|f| (f["exchange"].clone(), f["rule"].clone()))
            .collect::<Vec<_>>()
    };
    let original = findings(FAULTY);
    for name in ["x.umpire", "x.ndjson.gz"] {
        run(0, &["capture", "convert", FAULTY, "-o", &folder.name(name)]);
        assert_eq!(findings(&folder.name(name)), original, "{name}");
    }
}

#[test]
fn nothing_is_written_over_unless_that_is_asked_for() {
    let folder = Folder::new();
    fs::write(folder.path("x.har"), "precious").unwrap();
    let file = folder.name("x.har");
    for arguments in [
        vec!["capture", "export", GOLDEN, "-o", &file],
        vec!["capture", "merge", GOLDEN, GOLDEN, "-o", &file],
        vec!["capture", "prune", GOLDEN, "-o", &file, "--keep", "--stage", "C1"],
        vec!["capture", "verify", GOLDEN, "--save", &file],
    ] {
        refused(&arguments, &["x.har: exists already"]);
        assert_eq!(fs::read(folder.path("x.har")).unwrap(), b"precious");
    }
    refused(
        &["capture", "export", GOLDEN, "-o", &folder.name("x.json")],
        &["x.json: write to a file that ends in .db"],
    );
    refused(&["capture", "export", "none.har", "-o", &folder.name("y.har")], &["none.har: can't be opened"]);
    run(0, &["capture", "export", GOLDEN, "-o", &file, "--force"]);
    assert_eq!(names(folder.0.path()), ["x.har".to_owned()].into());
    assert!(count(&folder.path("x.har")) > 10);
}

#[test]
fn a_run_that_fails_leaves_nothing() {
    let folder = Folder::new();
    let mut lines = text(&{
        run(0, &["capture", "export", GOLDEN, "-o", &folder.name("x.ndjson")]);
        fs::read(folder.path("x.ndjson")).unwrap()
    });
    lines.push_str("{\"started\":");
    fs::write(folder.path("x.ndjson"), &lines).unwrap();
    fs::write(folder.path("there.har"), "precious").unwrap();
    for output in ["y.db", "y.har", "y.ndjson.gz", "there.har"] {
        let (input, output) = (folder.name("x.ndjson"), folder.name(output));
        refused(&["capture", "convert", &input, "-o", &output, "--force"], &["x.ndjson: line ", "cut off"]);
    }
    assert_eq!(names(folder.0.path()), ["there.har".to_owned(), "x.ndjson".to_owned()].into());
    assert_eq!(fs::read(folder.path("there.har")).unwrap(), b"precious");
}

#[test]
fn split_and_merged_again_it_is_the_same() {
    let folder = Folder::new();
    let whole: Vec<_> = capture::open(Path::new(FAULTY)).unwrap().exchanges.map(Result::unwrap).collect();
    for by in [&["--by-booking"][..], &["--size", "100k"]] {
        let parts = Folder::new();
        let (pattern, merged) = (parts.name("x.ndjson"), folder.name("merged.har"));
        let said = run(0, &[&["capture", "split", FAULTY, "--keep-personal-data", "-o", &pattern], by].concat());
        let files: Vec<String> = names(parts.0.path()).into_iter().map(|name| parts.name(&name)).collect();
        assert!(files.len() > 1 && said.lines().count() == files.len() + 1, "{by:?}: {said}");
        if by[0] == "--by-booking" {
            assert!(files.iter().any(|file| file.ends_with("x.other.ndjson")), "{files:?}");
        } else {
            assert!(files[0].ends_with("x.0001.ndjson"), "{files:?}");
        }
        let mut arguments = vec!["capture", "merge", "-o", &merged, "--force", "--keep-personal-data"];
        arguments.extend(files.iter().map(String::as_str));
        run(0, &arguments);
        let mut again: Vec<_> = capture::open(Path::new(&merged)).unwrap().exchanges.map(Result::unwrap).collect();
        assert_eq!(again.len(), whole.len());
        let mut whole = whole.clone();
        again.sort_by_key(|exchange| exchange.id);
        whole.sort_by_key(|exchange| exchange.id);
        assert!(again == whole, "{by:?}");
    }
}

#[test]
fn split_by_time() {
    let folder = Folder::new();
    run(0, &["capture", "export", FAULTY, "--keep-personal-data", "-o", &folder.name("x.ndjson")]);
    let lines = fs::read_to_string(folder.path("x.ndjson")).unwrap();
    let later = lines.lines().enumerate().map(|(at, line)| {
        let mut line: Value = serde_json::from_str(line).unwrap();
        line["started"] = format!("2026-11-24T{:02}:{:02}:{:02}Z", at / 360, at / 6 % 60, at % 6 * 10).into();
        format!("{line}\n")
    });
    fs::write(folder.path("x.ndjson"), later.collect::<String>()).unwrap();
    run(0, &["capture", "split", &folder.name("x.ndjson"), "--every", "2m", "-o", &folder.name("part.db")]);
    // Twelve in two minutes; the last part has the rest.
    let parts = |from: usize| folder.path(&format!("part.{from:04}.db"));
    let all = count(&folder.path("x.ndjson"));
    let expected: Vec<usize> = (0..all).step_by(12).map(|from| (all - from).min(12)).collect();
    let counts: Vec<usize> = (1..=expected.len()).map(|part| count(&parts(part))).collect();
    assert_eq!(counts, expected);
    assert!(!parts(expected.len() + 1).exists());
}

#[test]
fn recordings_of_two_booking_systems_are_not_merged() {
    let folder = Folder::new();
    let other = fs::read_to_string(GOLDEN).unwrap().replace("\"base_uri\":\"http", "\"base_uri\":\"https");
    fs::write(folder.path("other.har"), other).unwrap();
    let output = folder.name("x.har");
    refused(&["capture", "merge", GOLDEN, &folder.name("other.har"), "-o", &output], &["different booking systems"]);
    assert!(!folder.path("x.har").exists());
}

#[test]
fn pruned_by_booking_stage_path_and_time() {
    let folder = Folder::new();
    let all: Vec<_> = capture::open(Path::new(FAULTY)).unwrap().exchanges.map(Result::unwrap).collect();
    let booking = all.iter().find_map(|exchange| exchange.path().split_once("/order-quotes/")).unwrap().1.to_owned();
    let middle = all[all.len() / 2].started.to_string();
    let since = all.iter().filter(|exchange| exchange.started.to_string() >= middle).count();
    let of_booking = all.iter().filter(|exchange| exchange.path().ends_with(&booking)).count();
    let c2 = all.iter().filter(|e| e.request.method == "PUT" && e.path().contains("/order-quotes/")).count();
    let feeds = all.iter().filter(|exchange| exchange.request.target.contains("/feeds/")).count();
    let kept = |selection: &[&str], keep: &str| {
        let file = folder.path("x.har");
        run(
            0,
            &[&["capture", "prune", FAULTY, "--force", keep, "-o", &file.display().to_string()], selection].concat(),
        );
        count(&file)
    };
    for (selection, expected) in [
        (&["--booking", &booking.to_uppercase()][..], of_booking),
        (&["--stage", "c2"], c2),
        (&["--path", "/feeds/"], feeds),
        (
            &["--path", "/api*/order-quotes/", "--path", "/feeds/"],
            kept(&["--path", "/order-quotes/"], "--keep") + feeds,
        ),
        (&["--since", &middle], since),
        (&["--until", &middle], all.len() - since),
        (
            &["--stage", "C2", "--booking", &booking],
            kept(&["--path", &format!("order-quotes/{booking}"), "--stage", "c2"], "--keep"),
        ),
    ] {
        assert!(expected > 0, "{selection:?}");
        assert_eq!(kept(selection, "--keep"), expected, "{selection:?}");
        assert_eq!(kept(selection, "--drop"), all.len() - expected, "{selection:?}");
    }
    let output = folder.name("y.har");
    refused(&["capture", "prune", FAULTY, "--keep", "-o", &output], &["say which exchanges"]);
    refused(&["capture", "prune", FAULTY, "--stage", "C2", "-o", &output], &["--keep"]);
    refused(&["capture", "prune", FAULTY, "--keep", "--stage", "C9", "-o", &output], &["no stage", "orders-feed"]);
    refused(&["capture", "prune", FAULTY, "--keep", "--path", "/nowhere", "-o", &output], &["nothing would be left"]);
    assert!(!folder.path("y.har").exists());
}

#[test]
fn damage_is_told_and_the_rest_is_saved() {
    let folder = Folder::new();
    run(0, &["capture", "convert", GOLDEN, "-o", &folder.name("x.db")]);
    let all = count(&folder.path("x.db"));
    let db = rusqlite::Connection::open(folder.path("x.db")).unwrap();
    db.execute("UPDATE exchange SET response_digest = x'00' WHERE n = 3", []).unwrap();
    db.execute("DELETE FROM exchange WHERE n = 5", []).unwrap();
    drop(db);
    let saved = folder.name("saved.ndjson");
    let said = run(1, &["capture", "verify", &folder.name("x.db"), GOLDEN]);
    for words in
        ["x.db: damaged", "exchange 4 can't be read: a body has another digest", "exchange 6", "golden.har: whole"]
    {
        assert!(said.contains(words), "{said}");
    }
    run(1, &["capture", "verify", &folder.name("x.db"), "--save", &saved]);
    assert_eq!(count(Path::new(&saved)), all - 2);
    assert!(run(0, &["capture", "verify", &saved]).contains("whole"));

    // A HAR file that was cut off, with an entry in it that can't be used.
    let har = fs::read_to_string(GOLDEN).unwrap().replacen("\"method\":\"PUT\"", "\"method\":null", 1);
    fs::write(folder.path("cut.har"), &har[..har.len() / 2]).unwrap();
    let cut = folder.name("cut.har");
    let said: Value = serde_json::from_str(&run(1, &["capture", "verify", &cut, "--format", "json"])).unwrap();
    assert!(said[0]["faults"][0].as_str().unwrap().contains("is cut off in entry"), "{said}");
    let odd = &said[0]["odd"][0];
    assert_eq!((&odd["what"], &odd["outcome"]), (&"its request has no method".into(), &"left-out".into()), "{said}");
    let readable = said[0]["readable"].as_u64().unwrap();
    assert!(readable > 3 && said[0]["unreadable"] == 1, "{said}");
    let saved = folder.name("saved.har");
    run(1, &["capture", "verify", &cut, "--save", &saved]);
    assert_eq!(count(Path::new(&saved)) as u64, readable);

    // A database with a page overwritten.
    run(0, &["capture", "convert", FAULTY, "-o", &folder.name("page.db")]);
    let mut bytes = fs::read(folder.path("page.db")).unwrap();
    let middle = bytes.len() / 2 / 8192 * 8192;
    bytes[middle..middle + 8192].fill(0x5a);
    fs::write(folder.path("page.db"), bytes).unwrap();
    let said = run(1, &["capture", "verify", &folder.name("page.db")]);
    assert!(said.contains("page.db: damaged") && said.contains("exchanges can be read"), "{said}");
    fs::write(folder.path("none.har"), "{\"log\":{").unwrap();
    assert!(run(1, &["capture", "verify", &folder.name("none.har")]).contains("nothing can be saved"));
    refused(&["capture", "verify", "none.db"], &["none.db: can't be opened"]);
}

#[test]
fn lines_are_what_their_schema_says() {
    let folder = Folder::new();
    run(0, &["capture", "export", FAULTY, "--keep-personal-data", "-o", &folder.name("x.ndjson")]);
    let schema: Value = serde_json::from_str(include_str!("../../docs/exchange.schema.json")).unwrap();
    let kinds = FailureKind::ALL.map(|kind| Value::from(kind.as_str()));
    assert_eq!(schema["$defs"]["failure"]["properties"]["kind"]["enum"], Value::from(kinds.to_vec()));
    let lines = fs::read_to_string(folder.path("x.ndjson")).unwrap();
    for line in lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()) {
        assert_eq!(schema::faults(&schema, &schema, &line, ""), Vec::<String>::new());
        for member in schema["required"].as_array().unwrap() {
            let mut without = line.clone();
            without.as_object_mut().unwrap().remove(member.as_str().unwrap());
            assert!(!schema::faults(&schema, &schema, &without, "").is_empty(), "{member}");
        }
        let mut more = line.clone();
        more["request"]["more"] = Value::Null;
        assert!(!schema::faults(&schema, &schema, &more, "").is_empty());
    }
}

/// Lines of hits: number of the exchange and place.
fn hits(arguments: &[&str]) -> Vec<(u64, String)> {
    let said = run(0, &[&["capture", "search", "--format", "json", "--limit", "0"], arguments].concat());
    said.lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .map(|hit| (hit["exchange"].as_u64().unwrap(), hit["place"].as_str().unwrap().to_owned()))
        .collect()
}

#[test]
fn what_is_searched_is_found_with_and_without_an_index() {
    let folder = Folder::new();
    let db = folder.name("x.db");
    run(0, &["capture", "convert", FAULTY, "-o", &db]);
    let all: Vec<_> = capture::open(Path::new(FAULTY)).unwrap().exchanges.map(Result::unwrap).collect();
    let booking = all.iter().find_map(|exchange| exchange.path().split_once("/order-quotes/")).unwrap().1.to_owned();
    let upper = booking.to_uppercase();
    let with = |text: &str| {
        let text = text.to_lowercase();
        let holds = |bytes: &[u8]| String::from_utf8_lossy(bytes).to_lowercase().contains(&text);
        let of = |exchange: &umpire::exchange::Exchange| {
            exchange.request.target.to_lowercase().contains(&text)
                || holds(&exchange.request.body.bytes)
                || exchange.response.as_ref().is_some_and(|response| holds(&response.body.bytes))
        };
        (0..).zip(&all).filter(|(_, exchange)| of(exchange)).map(|(n, _)| n).collect::<Vec<u64>>()
    };
    for (arguments, expected) in [
        (vec!["--uuid", &upper], with(&booking)),
        (vec!["IncompleteCustomerDetailsError"], with("IncompleteCustomerDetailsError")),
        (vec!["incompletecustomer"], with("IncompleteCustomerDetailsError")),
        (vec!["lantern yoga"], with("lantern yoga")),
    ] {
        assert!(!expected.is_empty(), "{arguments:?}");
        let numbers = |file: &str| {
            hits(&[&[file], &arguments[..]].concat()).into_iter().map(|(number, _)| number).collect::<Vec<_>>()
        };
        assert_eq!(numbers(&db), expected, "{arguments:?}");
        assert_eq!(numbers(FAULTY), expected, "{arguments:?} without an index");
    }
    let places = |arguments: &[&str]| {
        hits(&[&[db.as_str()], arguments].concat()).into_iter().map(|(_, place)| place).collect::<BTreeSet<_>>()
    };
    assert_eq!(places(&["--path", &booking]), ["/request/path".to_owned()].into());
    let headers = places(&["--header", "content-type"]);
    assert!(headers.contains("/request/headers") && headers.contains("/response/headers"), "{headers:?}");
    assert!(places(&["--body", "orderedItem"]).iter().all(|place| place.ends_with("/body")));
    // Both words, though in different places.
    assert!(!hits(&[&db, &booking, "customer"]).is_empty());
    let nothing = umpire(&["capture", "search", &db, "no-such-word-anywhere"]);
    assert_eq!((nothing.status.code(), text(&nothing.stdout)), (Some(1), String::new()));
    assert!(text(&nothing.stderr).contains("nothing found in") && text(&nothing.stderr).contains("x.db"));
    run(1, &["capture", "search", &db, "ncompleteCustomer"]);
    refused(&["capture", "search", &db, "--uuid", "abc"], &["\"abc\" is no UUID"]);
    refused(&["capture", "search", &db, "--", "--"], &["no letter"]);
    refused(&["capture", "index", FAULTY], &["faulty.har: only captures"]);
    let limited = umpire(&["capture", "search", &db, "orders", "--limit", "2"]);
    assert_eq!(text(&limited.stdout).lines().count(), 4);
    assert!(text(&limited.stderr).contains("--limit"));
}

#[test]
fn an_index_is_continued_and_never_taken_for_anothers() {
    let folder = Folder::new();
    let db = folder.name("x.db");
    run(0, &["capture", "convert", FAULTY, "-o", &db]);
    assert_eq!(run(0, &["capture", "index", &db]), format!("128 exchanges in {db}.index\n"));
    let before = hits(&[&db, "orders"]);
    // Another capture under the same name: nothing of the old one may be found, or hidden.
    run(0, &["capture", "convert", GOLDEN, "-o", &db, "--force"]);
    assert_eq!(hits(&[&db, "orders"]), hits(&[GOLDEN, "orders"]));
    assert_ne!(hits(&[&db, "orders"]), before);
    // A damaged one is made anew.
    fs::write(folder.path("x.db.index"), "nonsense").unwrap();
    assert_eq!(hits(&[&db, "orders"]), hits(&[GOLDEN, "orders"]));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = fs::metadata(folder.path("x.db.index")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    // The capture grows: the index follows.
    let exchange = capture::open(Path::new(GOLDEN)).unwrap().exchanges.next().unwrap().unwrap();
    let file = folder.path("y.db");
    let meta = capture::Meta::new(None, exchange.started);
    let mut writer = capture::CaptureWriter::create(&file, &meta).unwrap();
    for round in 1..=4_u64 {
        for n in 0..50 {
            let mut exchange = exchange.clone();
            exchange.request.target = format!("/needle{round}x{n}");
            writer.append(&exchange).unwrap();
        }
        writer.commit().unwrap();
        let found = hits(&[&file.display().to_string(), &format!("needle{round}x7")]);
        assert_eq!(found, [((round - 1) * 50 + 7, "/request/path".to_owned())]);
        assert_eq!(hits(&[&file.display().to_string(), "needle1x49"]).len(), 1);
    }
    assert_eq!(run(0, &["capture", "index", &file.display().to_string()]).split(' ').next(), Some("192"));
}

#[test]
fn a_filter_says_what_is_searched_exported_and_dropped() {
    let folder = Folder::new();
    let db = folder.name("x.db");
    run(0, &["capture", "convert", FAULTY, "-o", &db]);
    let numbers = |file: &str, filter: &str| {
        let said = run(0, &["capture", "search", file, "--filter", filter, "--format", "json", "--limit", "0"]);
        let number = |line: &str| serde_json::from_str::<Value>(line).unwrap()["exchange"].as_u64().unwrap();
        said.lines().map(number).collect::<Vec<_>>()
    };
    let all = capture::open(Path::new(FAULTY)).unwrap().exchanges.count();
    let refused = numbers(FAULTY, "status:4xx");
    assert!(!refused.is_empty());
    for filter in ["status:4xx", "status:4xx IncompleteCustomer", "sev:failure", "stage:B not is:ok", "lantern"] {
        let found = numbers(FAULTY, filter);
        assert!(!found.is_empty() && found.len() < all, "{filter}: {found:?}");
        assert_eq!(numbers(&db, filter), found, "{filter} in a capture");
    }
    let exported = folder.name("exported.ndjson");
    run(0, &["capture", "export", &db, "--filter", "status:4xx", "-o", &exported]);
    assert_eq!(capture::open(Path::new(&exported)).unwrap().exchanges.count(), refused.len());
    let faulty = folder.name("faulty.ndjson");
    run(0, &["capture", "export", &db, "--filter", "sev:failure side:system", "-o", &faulty]);
    assert_eq!(
        capture::open(Path::new(&faulty)).unwrap().exchanges.count(),
        numbers(&db, "sev:failure side:system").len()
    );
    let rest = folder.name("rest.db");
    run(0, &["capture", "prune", &db, "--drop", "--filter", "status:4xx", "-o", &rest]);
    assert_eq!(capture::open(Path::new(&rest)).unwrap().exchanges.count(), all - refused.len());
    refused_filter(&["capture", "export", &db, "--filter", "stat:4xx", "-o", &folder.name("no.har")]);
    refused_filter(&["resend", &db, "--to", "http://127.0.0.1:1/api", "--filter", "sid:broker"]);
}

#[track_caller]
fn refused_filter(arguments: &[&str]) {
    refused(arguments, &["--filter", "column 1: there is no key", "did you mean"]);
}
