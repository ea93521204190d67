//! One of a thing is said as one: no "1 exchanges", no "exchange(s)".

use std::fs;
use std::path::Path;

use regex::Regex;
use serde_json::Value;

use super::support::{FAULTY, file, status, stderr, stdout, umpire, umpire_in};

/// A recording of one exchange, the first of a booking.
fn one_exchange(folder: &Path) -> (String, String) {
    let mut har: Value = serde_json::from_slice(&fs::read(FAULTY).expect("the recording")).expect("JSON");
    let entries = har["log"]["entries"].as_array_mut().expect("entries");
    entries.retain(|entry| entry["request"]["url"].as_str().is_some_and(|url| url.contains("/order-quotes/")));
    entries.truncate(1);
    let url = entries[0]["request"]["url"].as_str().expect("a URL").to_owned();
    let uuid = url.rsplit('/').next().expect("a UUID").to_owned();
    (file(folder, "one.har", har.to_string()), uuid)
}

#[track_caller]
fn is_right(text: &str, of: &str) {
    let wrong = Regex::new(r"(?:^|[^0-9A-Za-z.,:×-])1 (?:(?:more|further|known|different) )?([a-z]+s)\b|\(s\)")
        .expect("an expression");
    // Verbs, and nouns of which one ends so.
    let right = ["is", "was", "has", "does", "this", "its", "as", "always", "needs"];
    for found in wrong.captures_iter(text) {
        let word = found.get(1).map_or("(s)", |word| word.as_str());
        assert!(right.contains(&word), "{of}: {:?}", text.lines().find(|line| line.contains(&found[0])));
    }
}

#[test]
fn one_is_said_as_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let (one, uuid) = one_exchange(folder.path());
    let at = |name: &str| folder.path().join(name).display().to_string();
    let rules = folder.path().join("rules/customer");
    fs::create_dir_all(&rules).expect("a folder");
    fs::copy("rules/customer/email-required.toml", rules.join("email-required.toml")).expect("a rule");
    let (db, known) = (at("one.db"), at("known.toml"));
    let cases: [&[&str]; 24] = [
        &["check", &one],
        &["check", &one, "--coverage"],
        &["check", &one, "--profile-rules"],
        &["check", &one, "--write-baseline", &known],
        &["check", &one, "--baseline", &known],
        &["check", &one, "--side", "broker"],
        &["view", &one, "--ui", "plain"],
        &["capture", "info", &one],
        &["capture", "verify", &one, "--save", &at("saved.har")],
        &["capture", "convert", &one, "-o", &db],
        &["capture", "export", &one, "-o", &at("exported.har")],
        &["capture", "merge", &one, &db, "-o", &at("merged.db")],
        &["capture", "split", &one, "--by-booking", "-o", &at("split.har")],
        &["capture", "prune", &one, "--keep", "--path", "order-quotes", "-o", &at("pruned.har")],
        &["capture", "prune", &one, "--drop", "--path", "order-quotes", "-o", &at("none.har")],
        &["capture", "redact", &one, "--dry-run"],
        &["capture", "redact", &one, "-o", &at("redacted.har")],
        &["capture", "index", &db],
        &["capture", "search", &db, "broker", "--limit", "1"],
        &["capture", "bundle", &one, "--booking", &uuid, "-o", &at("bundle.zip")],
        &["rules", "test", &at("rules")],
        &["rules", "list", "--rules", &at("rules")],
        &["ca", "show"],
        &["sandbox", "--misbehave", "list"],
    ];
    for arguments in cases {
        let output = umpire_in(Path::new("."), arguments);
        let what = format!("{arguments:?}");
        assert!(!stderr(&output).contains("panicked"), "{what}");
        is_right(&stdout(&output), &what);
        is_right(&stderr(&output), &what);
    }
    let info = umpire(&["capture", "verify", &one]);
    assert_eq!((status(&info), stdout(&info).contains("whole, 1 exchange\n")), (0, true), "{}", stdout(&info));
    let checked = stdout(&umpire(&["check", &one]));
    assert!(checked.contains("1 exchange, 1 booking"), "{checked}");
}

/// The test itself tells right from wrong.
#[test]
fn wrong_plurals_are_seen() {
    for wrong in ["1 exchanges in", "in 1 days", "after 1 seconds.", "2 file(s)", "and 1 more rules"] {
        let seen = std::panic::catch_unwind(|| is_right(wrong, "a text"));
        assert!(seen.is_err(), "{wrong}");
    }
    for right in ["1 exchange", "21 exchanges", "0.1 seconds", "1 is", "1 more rule"] {
        is_right(right, "a text");
    }
}
