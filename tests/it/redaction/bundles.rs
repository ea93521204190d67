//! Bundles: one booking for those who have no Umpire.

use std::collections::BTreeSet;
use std::fs;
use std::io::Read as _;
use std::path::Path;

use umpire::capture::{Meta, RecordingWriter};
use umpire::exchange::{Body, Headers};
use umpire::finding::Finding;

use super::support::{FAULTY, UUID, done, exchange, holds_none, judge, named, nobody, response, said, umpire};

/// The files of a ZIP.
fn unzipped(path: &Path) -> std::collections::BTreeMap<String, String> {
    let mut zip = zip::ZipArchive::new(fs::File::open(path).expect("the file")).expect("a ZIP");
    let read = |index| {
        let mut file = zip.by_index(index).expect("a file");
        let mut text = String::new();
        file.read_to_string(&mut text).expect("text");
        (file.name().expect("a name").into_owned(), text)
    };
    (0..4).map(read).collect()
}

/// A booking of the faulty recording with a failure on each side.
const FOUL: &str = "bac277d1";

fn foul() -> String {
    let findings = judge(Path::new(FAULTY));
    let mut uuids = findings.iter().filter_map(|finding| finding.order_uuid.as_deref());
    uuids.find(|uuid| uuid.starts_with(FOUL)).expect("the booking").to_owned()
}

#[test]
fn a_bundle_tells_one_booking_to_those_without_umpire() {
    let folder = tempfile::tempdir().expect("a folder");
    let (path, name) = named(&folder, "foul.zip");
    let uuid = foul();
    let told = done(&["capture", "bundle", FAULTY, "--booking", &uuid.to_uppercase(), "-o", &name]);
    assert!(told.contains("finding"), "{told}");
    let files = unzipped(&path);
    assert_eq!(files.keys().collect::<Vec<_>>(), ["README.md", "booking.har", "findings.md", "requests.sh"]);
    for (file, text) in &files {
        holds_none(text, &nobody(), file);
    }
    let page = &files["findings.md"];
    for words in [
        "agent-broker/customer-required",
        "the **broker** is at fault",
        "the **booking system** is at fault",
        "- Seen: ",
        "- Expected: ",
        "- Why it matters: ",
        "<https://openactive.io/open-booking-api/EditorsDraft/#",
    ] {
        assert!(page.contains(words), "{words} is missing:\n{page}");
    }
    let (har, har_name) = named(&folder, "booking.har");
    fs::write(&har, &files["booking.har"]).expect("written");
    let of_booking = |file: &Path| -> BTreeSet<String> {
        let findings = judge(file).into_iter().filter(|finding| finding.order_uuid.as_deref() == Some(&*uuid));
        findings.map(|finding| said(&[Finding { exchange: None, ..finding }]).concat()).collect()
    };
    assert!(!of_booking(&har).is_empty());
    assert_eq!(of_booking(&har), of_booking(Path::new(FAULTY)), "{har_name} is judged as the whole recording is");
    let script = &files["requests.sh"];
    assert_eq!(script.matches("\ncurl ").count(), 3, "{script}");
    assert!(script.contains(": \"${TOKEN:?}\"") && script.contains("\"${TOKEN}\""), "{script}");
}

#[test]
fn a_bundle_says_which_bodies_were_left_out() {
    let folder = tempfile::tempdir().expect("a folder");
    let (path, name) = named(&folder, "a.db");
    let mut output =
        RecordingWriter::create(&path, &Meta::new(None, jiff::Timestamp::UNIX_EPOCH), false).expect("a file");
    let image = "\u{89}PNG\r\n\u{1a}\n\0\0\0\rIHDR";
    // One of the booking, one of another one.
    for (second, uuid) in [(0, UUID), (1, "0f1f3a52-41f1-4b02-8a7d-6b0f8e0c2a11")] {
        let answer = response(&[("Content-Type", "image/png".to_owned())], image);
        let target = format!("/api/openbooking/order-quotes/{uuid}");
        let sent = Body::complete("{\"@type\": \"OrderQuote\"}");
        output.append(&exchange(second, "PUT", target, Headers::default(), sent, answer)).expect("written");
    }
    output.finish().expect("finished");
    let (zip, zip_name) = named(&folder, "a.zip");
    let told = done(&["capture", "bundle", &name, "--booking", UUID, "-o", &zip_name]);
    let words = "personal data replaced by pseudonyms, 1 body that can't be read left out";
    assert!(told.contains(words), "{told}");
    let files = unzipped(&zip);
    assert!(files["README.md"].contains(words) && files["findings.md"].contains(words), "{}", files["README.md"]);
}

#[test]
fn a_bundle_is_the_same_each_time_under_a_key() {
    let folder = tempfile::tempdir().expect("a folder");
    let (key, key_name) = named(&folder, "key");
    let uuid = foul();
    let bundle = |name: &str, more: &[&str]| {
        let (path, name) = named(&folder, name);
        let arguments = ["capture", "bundle", FAULTY, "--booking", &uuid, "-o", &name];
        done(&[&arguments, more].concat());
        fs::read(path).expect("the bundle")
    };
    fs::write(&key, "sixteen bytes and more").expect("written");
    let under_key = ["--pseudonym-key", key_name.as_str()];
    assert_eq!(bundle("a.zip", &under_key), bundle("b.zip", &under_key));
    assert_ne!(bundle("c.zip", &[]), bundle("d.zip", &[]), "keys of their own");
    fs::write(&key, "too short").expect("written");
    let output = umpire(&["capture", "redact", FAULTY, "--dry-run", "--pseudonym-key", &key_name]);
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn of_a_booking_that_is_not_there_those_that_are_are_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let (path, name) = named(&folder, "foul.zip");
    let output = umpire(&["capture", "bundle", FAULTY, "--booking", UUID, "-o", &name]);
    let message = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2));
    assert!(message.contains(UUID) && message.contains(" more") && message.matches('-').count() > 20, "{message}");
    assert!(!path.exists());
}
