//! What commands write: never over a file without `--force`, in folders that are made, and said in one line.

use std::fs;
use std::path::Path;

use super::support::{FAULTY, GOLDEN, file, refused, status, stderr, stdout, umpire};

const BOOKING: &str = "bac277d1-7e71-5357-94ab-0f0602d6b26b";

/// Every command that writes a file, with the name of the file; `{}` is a folder that isn't there yet.
const WRITING: &[(&[&str], &str)] = &[
    (&["capture", "export", GOLDEN, "-o", "{}/x.har"], "x.har"),
    (&["capture", "export", GOLDEN, "-o", "{}/x.db"], "x.db"),
    (&["capture", "export", GOLDEN, "-o", "{}/x.ndjson.gz"], "x.ndjson.gz"),
    (&["capture", "convert", GOLDEN, "-o", "{}/x.db"], "x.db"),
    (&["capture", "import", GOLDEN, "-o", "{}/x.har.gz"], "x.har.gz"),
    (&["capture", "merge", GOLDEN, FAULTY, "-o", "{}/x.ndjson"], "x.ndjson"),
    (&["capture", "split", GOLDEN, "--by-booking", "-o", "{}/x.har"], "x.other.har"),
    (&["capture", "split", GOLDEN, "--size", "10MB", "-o", "{}/x.db"], "x.0001.db"),
    (&["capture", "prune", GOLDEN, "--keep", "--path", "orders", "-o", "{}/x.har"], "x.har"),
    (&["capture", "redact", GOLDEN, "-o", "{}/x.har"], "x.har"),
    (&["capture", "verify", GOLDEN, "--save", "{}/x.har"], "x.har"),
    (&["capture", "bundle", FAULTY, "--booking", BOOKING, "-o", "{}/x.zip"], "x.zip"),
    (&["check", GOLDEN, "--write-baseline", "{}/x.toml"], "x.toml"),
    (&["rules", "new", "customer/own", "--dir", "{}"], "customer/own.toml"),
    (&["ca", "export", "-o", "{}/x.pem"], "x.pem"),
];

/// True for a name with this ending.
fn is(name: &str, ending: &str) -> bool {
    Path::new(name).extension().is_some_and(|found| found == ending)
}

/// The names in a folder and the folders in it.
fn names(folder: &Path) -> Vec<String> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.expect("a readable folder").path();
        names.push(path.file_name().expect("a name").to_string_lossy().into_owned());
        if path.is_dir() {
            names.extend(self::names(&path));
        }
    }
    names.sort();
    names
}

/// Runs a command with its files in this folder.
fn run(arguments: &[&str], folder: &Path, more: &[&str]) -> std::process::Output {
    let place = folder.display().to_string();
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_umpire"));
    command.args(arguments.iter().map(|argument| argument.replace("{}", &place))).args(more);
    command.env_remove("RUST_LOG").env("UMPIRE_HOME", folder.with_extension("home")).output().expect("umpire runs")
}

#[test]
fn nothing_is_written_over_without_force_and_missing_folders_are_made() {
    for (arguments, name) in WRITING {
        let folder = tempfile::tempdir().expect("a folder");
        let place = folder.path().join("a/b");
        if arguments[0] == "ca" {
            fs::create_dir_all(place.parent().expect("a folder")).expect("made");
            assert_eq!(status(&run(&["ca", "init", "booking.example"], &place, &[])), 0);
        }
        let written = run(arguments, &place, &[]);
        assert_eq!(status(&written), 0, "{arguments:?}: {}", stderr(&written));
        assert!(place.join(name).is_file(), "{arguments:?}: {:?}", names(&place));
        let all = names(&place);
        assert!(!all.iter().any(|name| name.contains(".part")), "{arguments:?}: {all:?}");
        if arguments.contains(&"--write-baseline") {
            // One that can be read as a baseline, since its reasons are kept.
            let text = fs::read_to_string(place.join(name)).expect("the baseline");
            fs::write(place.join(name), format!("{text}# precious\n")).expect("written");
        } else {
            fs::write(place.join(name), "precious").expect("written");
        }
        let before = fs::read(place.join(name)).expect("the file");
        let again = run(arguments, &place, &[]);
        let said = stderr(&again);
        assert_eq!(status(&again), 2, "{arguments:?}");
        assert!(said.contains(name) && said.contains("--force") && said.lines().count() == 1, "{arguments:?}: {said}");
        assert_eq!(fs::read(place.join(name)).expect("the file"), before, "{arguments:?}");
        let forced = run(arguments, &place, &["--force"]);
        assert_eq!(status(&forced), 0, "{arguments:?}: {}", stderr(&forced));
        assert_ne!(fs::read(place.join(name)).expect("the file"), before, "{arguments:?}");
        assert_eq!(names(&place), all, "{arguments:?}");
    }
}

#[test]
fn no_message_names_a_temporary_file() {
    for (arguments, _) in WRITING {
        let folder = tempfile::tempdir().expect("a folder");
        if arguments[0] == "ca" {
            assert_eq!(status(&run(&["ca", "init", "booking.example"], &folder.path().join("b"), &[])), 0);
        }
        // A file where a folder would have to be.
        fs::write(folder.path().join("b"), "").expect("written");
        let output = run(arguments, &folder.path().join("b"), &[]);
        let said = stderr(&output);
        assert_eq!(status(&output), 2, "{arguments:?}");
        assert!(said.contains("can't be created") && said.lines().count() == 1, "{arguments:?}: {said}");
        assert!(said.contains("b is no folder") && !said.contains(".part"), "{arguments:?}: {said}");
    }
}

#[test]
fn a_capture_that_is_replaced_leaves_nothing_of_its_own_behind() {
    let folder = tempfile::tempdir().expect("a folder");
    let db = folder.path().join("x.db").display().to_string();
    assert_eq!(status(&umpire(&["capture", "convert", FAULTY, "-o", &db])), 0);
    // What a writer that was killed leaves.
    fs::write(folder.path().join("x.db-wal"), "the log of another one").expect("written");
    assert_eq!(status(&umpire(&["capture", "convert", GOLDEN, "-o", &db, "--force"])), 0);
    assert_eq!(names(folder.path()), ["x.db"]);
    assert_eq!(status(&umpire(&["check", &db])), 0);
}

#[test]
fn standard_output_is_an_output() {
    for (format, kind) in [(&[][..], "har"), (&["--as", "ndjson"], "ndjson")] {
        for command in [
            &["capture", "export", FAULTY][..],
            &["capture", "convert", FAULTY],
            &["capture", "merge", FAULTY, GOLDEN],
            &["capture", "prune", FAULTY, "--keep", "--path", "orders"],
        ] {
            let output = umpire(&[command, &["-o", "-"], format].concat());
            assert_eq!(status(&output), 0, "{}", stderr(&output));
            let said = stderr(&output);
            assert!(said.contains("standard output, personal data replaced by pseudonyms"), "{said}");
            let folder = tempfile::tempdir().expect("a folder");
            let written = file(folder.path(), &format!("x.{kind}"), &output.stdout);
            let verified = umpire(&["capture", "verify", &written]);
            assert!(stdout(&verified).contains(": whole, "), "{command:?}: {}", stdout(&verified));
            assert!(!stdout(&output).contains("ida.marlowe"), "{command:?}");
        }
    }
    refused(&["capture", "split", FAULTY, "--by-booking", "-o", "-"], &["standard output", "-o"]);
    refused(&["capture", "verify", FAULTY, "--save", "-"], &["--save"]);
    assert!(!Path::new("-").exists());
}

#[test]
fn what_became_of_personal_data_is_said_each_time() {
    let person = "ida.marlowe";
    for (arguments, name) in WRITING.iter().filter(|(arguments, _)| arguments[0] == "capture") {
        // Each writes the recording that has somebody in it.
        let arguments: Vec<&str> = arguments.iter().map(|&word| if word == GOLDEN { FAULTY } else { word }).collect();
        for keep in [false, true] {
            if keep && arguments[1] == "redact" {
                continue;
            }
            let folder = tempfile::tempdir().expect("a folder");
            let options: &[&str] = if keep { &["--keep-personal-data"] } else { &[] };
            let output = run(&arguments, folder.path(), options);
            assert_eq!(status(&output), 0, "{arguments:?}: {}", stderr(&output));
            let said = stdout(&output) + &stderr(&output);
            let stays = keep || (is(name, "db") && arguments[1] != "export");
            let words = if stays { "personal data as they were" } else { "personal data replaced by pseudonyms" };
            assert!(arguments[1] == "redact" || said.matches(words).count() == 1, "{arguments:?}: {said}");
            let mut found = false;
            for entry in fs::read_dir(folder.path()).expect("a folder").map(|entry| entry.expect("a file").path()) {
                if entry.extension().is_some_and(|ending| ending != "zip") && entry.is_file() {
                    let exchanges = umpire::capture::open(&entry).expect("a recording").exchanges;
                    found |= exchanges.map(|exchange| format!("{exchange:?}")).any(|text| text.contains(person));
                }
            }
            assert!(found == stays || is(name, "zip"), "{arguments:?} {options:?}");
        }
    }
}

#[test]
fn what_was_once_called_import_still_works_and_is_not_shown() {
    let help = stdout(&umpire(&["capture", "--help"]));
    assert!(help.contains("convert ") && !help.contains("import"), "{help}");
    assert_eq!(status(&umpire(&["capture", "import", "--help"])), 0);
}

#[test]
fn a_file_that_has_the_name_of_an_index_stays() {
    let folder = tempfile::tempdir().expect("a folder");
    let db = folder.path().join("x.db").display().to_string();
    assert_eq!(status(&umpire(&["capture", "convert", FAULTY, "-o", &db])), 0);
    let other = folder.path().join("other.db").display().to_string();
    assert_eq!(status(&umpire(&["capture", "convert", GOLDEN, "-o", &other])), 0);
    let index = folder.path().join("x.db.index");
    for foreign in [b"precious".to_vec(), fs::read(&other).expect("a capture")] {
        fs::write(&index, &foreign).expect("written");
        let found = umpire(&["capture", "search", &db, "customer"]);
        assert_eq!(status(&found), 0, "{}", stderr(&found));
        assert!(stdout(&found).contains("customer") && stderr(&found).contains("x.db.index"), "{}", stderr(&found));
        refused(&["capture", "index", &db], &["x.db.index", "move it away"]);
        assert_eq!(fs::read(&index).expect("still there"), foreign);
        assert_eq!(names(folder.path()), ["other.db", "x.db", "x.db.index"]);
        fs::remove_file(&index).expect("removed");
    }
    // One of Umpire's own that is of another capture is made anew, and so is one that is damaged.
    assert_eq!(status(&umpire(&["capture", "index", &other])), 0);
    for damaged in [false, true] {
        let mut old = fs::read(folder.path().join("other.db.index")).expect("an index");
        if damaged {
            old.truncate(4096);
        }
        fs::write(&index, old).expect("written");
        let found = umpire(&["capture", "search", &db, "customer"]);
        assert_eq!((status(&found), stderr(&found).as_str()), (0, ""));
    }
}

/// A capture that takes a while to be written again.
#[cfg(unix)]
fn large(path: &Path) {
    use umpire::capture::{CaptureWriter, Meta};
    use umpire::exchange::{Body, Exchange};

    let mut writer = CaptureWriter::create(path, &Meta::new(None, jiff::Timestamp::UNIX_EPOCH)).expect("a capture");
    let mut exchange = Exchange::get("https://a.example", "/api/orders");
    exchange.request.body = Body::complete(r#"{"customer": {"email": "alex@example.com"}}"#.repeat(200));
    for _ in 0..4_000 {
        writer.append(&exchange).expect("appended");
    }
    writer.finish().expect("a whole capture");
}

#[test]
#[cfg(unix)]
fn a_signal_leaves_nothing_half_written() {
    let folder = tempfile::tempdir().expect("a folder");
    let input = folder.path().join("large.db");
    large(&input);
    let input = input.display().to_string();
    for (signal, code) in [("INT", 130), ("TERM", 143), ("HUP", 129)] {
        for (command, option, name) in [
            ("convert", "-o", "x.db"),
            ("convert", "-o", "x.har"),
            ("verify", "--save", "x.db"),
            ("split", "-o", "x.db"),
        ] {
            let place = folder.path().join("out");
            let output = place.join(name).display().to_string();
            let size: &[&str] = if command == "split" { &["--size", "1GB"] } else { &[] };
            let mut running = std::process::Command::new(env!("CARGO_BIN_EXE_umpire"));
            running.args(["capture", command, &input, option, &output]).args(size).stderr(std::process::Stdio::null());
            let mut running = running.spawn().expect("umpire runs");
            while !names(&place).iter().any(|name| is(name, "part")) {
                assert_eq!(running.try_wait().expect("it runs"), None, "{command} ended too early");
                std::thread::yield_now();
            }
            let id = running.id().to_string();
            let killed = std::process::Command::new("kill").args([&format!("-{signal}"), &id]).status();
            assert!(killed.expect("kill").success());
            let ended = running.wait().expect("it ends").code();
            assert_eq!((ended, names(&place)), (Some(code), Vec::new()), "{command} {name}, {signal}");
        }
    }
}

#[test]
fn a_capture_that_is_being_recorded_is_not_replaced() {
    use umpire::capture::{CaptureReader, CaptureWriter, Meta};
    use umpire::exchange::Exchange;

    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("live.db");
    let mut writer = CaptureWriter::create(&path, &Meta::new(None, jiff::Timestamp::UNIX_EPOCH)).expect("a capture");
    let mut append = || {
        writer.append(&Exchange::get("https://a.example", "/api/orders")).expect("appended");
        writer.commit().expect("on disk");
    };
    append();
    let live = path.display().to_string();
    let commands = [
        &["capture", "convert", GOLDEN, "-o", &live][..],
        &["capture", "convert", &live, "-o", &live],
        &["capture", "redact", &live, "-o", &live],
        &["capture", "verify", GOLDEN, "--save", &live],
    ];
    for arguments in commands {
        refused(&[arguments, &["--force"]].concat(), &["live.db", "is in use", "choose another name"]);
    }
    append();
    // One whose writer was killed is replaced, though its log is beside it.
    let killed = folder.path().join("killed.db");
    for suffix in ["", "-wal"] {
        let [from, to] = [&path, &killed].map(|path| format!("{}{suffix}", path.display()));
        fs::copy(from, to).expect("a copy");
    }
    let killed = killed.display().to_string();
    let redacted = umpire(&["capture", "redact", &killed, "-o", &killed, "--force"]);
    assert_eq!(status(&redacted), 0, "{}", stderr(&redacted));
    assert_eq!(CaptureReader::open(Path::new(&killed)).and_then(|reader| reader.len()), Ok(2));
    // So is one that is finished, whoever reads it.
    let reader = CaptureReader::open(&path).expect("a reader");
    assert_eq!(reader.len(), Ok(2));
    assert_eq!(writer.finish(), Ok(2));
    let replaced = umpire(&["capture", "convert", GOLDEN, "-o", &live, "--force"]);
    assert_eq!(status(&replaced), 0, "{}", stderr(&replaced));
}
