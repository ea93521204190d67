//! `umpire ca`, as a user runs it.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

fn umpire(home: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_umpire")).args(arguments).env("UMPIRE_HOME", home).output().unwrap()
}

fn printed(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn refused(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(2), "{}", String::from_utf8_lossy(&output.stdout));
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn an_authority_is_made_shown_exported_and_removed() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("home");
    assert!(refused(&umpire(&home, &["ca", "show"])).contains("umpire ca init"));
    assert!(refused(&umpire(&home, &["ca", "trust"])).contains("umpire ca init"));
    assert!(refused(&umpire(&home, &["ca", "export"])).contains("umpire ca init"));
    let made = printed(&umpire(&home, &["ca", "init", "booking.example.com", "*.api.example.org"]));
    assert!(made.contains("api.example.org, booking.example.com"), "{made}");
    let again = printed(&umpire(&home, &["ca", "init", "x.api.example.org"]));
    assert!(again.contains("already"), "{again}");

    let shown: serde_json::Value =
        serde_json::from_str(&printed(&umpire(&home, &["ca", "show", "--format", "json"]))).unwrap();
    let authority = &shown["authorities"][0];
    assert_eq!(authority["hosts"], serde_json::json!(["api.example.org", "booking.example.com"]));
    let id = authority["id"].as_str().unwrap();
    let text = printed(&umpire(&home, &["ca", "show"]));
    assert!(text.contains(id) && text.contains(authority["fingerprint"].as_str().unwrap()), "{text}");

    let exported = printed(&umpire(&home, &["ca", "export"]));
    let file = folder.path().join("for-clients.pem");
    printed(&umpire(&home, &["ca", "export", "-o", file.to_str().unwrap()]));
    assert_eq!(exported, fs::read_to_string(file).unwrap());
    assert!(exported.starts_with("-----BEGIN CERTIFICATE-----") && !exported.contains("KEY"), "{exported}");

    printed(&umpire(&home, &["ca", "init", "other.example"]));
    assert!(refused(&umpire(&home, &["ca", "remove"])).contains("2 authorities"));
    assert!(refused(&umpire(&home, &["ca", "remove", "nonsuch"])).contains("nonsuch"));
    assert!(printed(&umpire(&home, &["ca", "remove", id])).contains(id));
    printed(&umpire(&home, &["ca", "remove"]));
    assert!(!home.join("ca.pem").exists() && fs::read_dir(home.join("authorities")).unwrap().next().is_none());
}

#[test]
fn every_kind_of_client_is_told_what_it_needs() {
    let home = tempfile::tempdir().unwrap();
    printed(&umpire(home.path(), &["ca", "init", "booking.example.com"]));
    let told = printed(&umpire(home.path(), &["ca", "trust"]));
    let bundle = home.path().join("ca.pem").display().to_string();
    for (client, needs) in [
        ("curl", "--cacert"),
        ("Node.js", "NODE_EXTRA_CA_CERTS="),
        ("Python", "REQUESTS_CA_BUNDLE="),
        (".NET", "SSL_CERT_FILE="),
        ("Java", "keytool -importcert"),
        ("Go", "SSL_CERT_FILE="),
        ("Ruby", "SSL_CERT_FILE="),
        ("PHP", "openssl.cafile="),
        ("Browsers", "Firefox"),
        ("The system's store", "update-ca-certificates"),
    ] {
        let paragraph = told.split("\n\n").find(|paragraph| paragraph.starts_with(&format!("{client}\n")));
        let paragraph = paragraph.unwrap_or_else(|| panic!("nothing for {client}: {told}"));
        assert!(paragraph.contains(needs), "{paragraph}");
        assert!(paragraph.contains(&bundle), "{paragraph}");
    }
}

#[test]
fn what_names_no_host_is_refused() {
    let home = tempfile::tempdir().unwrap();
    for (host, part) in [
        ("https://a.example", "is a URL"),
        ("*", "whole internet"),
        ("*.com", "top-level"),
        ("com", "has no dot"),
        ("co.uk", "public suffix"),
        ("*.github.io", "public suffix"),
    ] {
        for arguments in [["ca", "init", host], ["proxy", "--intercept", host], ["doctor", "--intercept", host]] {
            let error = refused(&umpire(home.path(), &arguments));
            assert!(error.contains(part), "{error}");
        }
    }
    assert!(!home.path().join("authorities").exists());
}
