//! `umpire.toml`: where it is found, what it changes, and what is wrong with it.

use std::fs;

use super::support::{FAULTY, GOLDEN, file, findings, refused, report, status, stderr, stdout, umpire_in};

#[test]
fn settings_are_found_above_and_change_what_counts() {
    let folder = tempfile::tempdir().expect("a folder");
    let below = folder.path().join("a/b");
    fs::create_dir_all(&below).expect("folders");
    fs::copy(FAULTY, below.join("x.har")).expect("the faulty recording");
    let check = ["check", "x.har", "--format", "json"];
    let of = |report: &serde_json::Value, rule: &str| -> Vec<String> {
        let of_rule = findings(report).iter().filter(|finding| finding["rule"] == rule);
        of_rule.map(|finding| finding["severity"].as_str().expect("a severity").to_owned()).collect()
    };
    let plain = report(&umpire_in(&below, &check));
    let (required, refusal) = ("agent-broker/customer-required", "agent-broker/missing-customer-error");
    assert!(of(&plain, required).iter().all(|severity| severity == "failure") && !of(&plain, required).is_empty());
    assert!(!of(&plain, refusal).is_empty());

    file(
        folder.path(),
        "umpire.toml",
        format!("off = ['{refusal}']\n[severity]\nagent-broker = 'failure'\n'{required}' = 'notice'\n"),
    );
    let settled = report(&umpire_in(&below, &check));
    assert_eq!(of(&settled, required), vec!["notice"; of(&plain, required).len()]);
    assert_eq!(of(&settled, refusal), Vec::<String>::new());
    let asked = |report: &serde_json::Value| report["rules"].as_array().expect("rules").len();
    assert_eq!(asked(&settled) + 1, asked(&plain));
    let rest = |report: &serde_json::Value| {
        // The general rule about wrong errors speaks where the rule that is off does not.
        let aside = [required, refusal, "errors/true-of-the-request"];
        let rest = findings(report).iter().filter(|finding| aside.iter().all(|rule| finding["rule"] != *rule));
        let mut rest: Vec<serde_json::Value> = rest.cloned().collect();
        // An index, which shifts where findings are gone.
        for finding in &mut rest {
            finding.as_object_mut().expect("an object").remove("caused_by");
        }
        rest
    };
    assert_eq!(rest(&settled), rest(&plain), "nothing else has changed");
    let viewed = stdout(&umpire_in(&below, &["view", "x.har", "--ui", "plain"]));
    assert!(!viewed.contains(refusal) && viewed.contains(required), "check and view agree");

    assert!(stdout(&umpire_in(&below, &["rules", "list"])).contains(", 1 switched off"));
    assert!(stdout(&umpire_in(&below, &["rules", "explain", refusal])).contains("Switched off"));
    assert!(stdout(&umpire_in(&below, &["rules", "explain", required])).contains("notice"));

    let found = folder.path().join("umpire.toml").display().to_string();
    let checked = umpire_in(&below, &check);
    assert!(stderr(&checked).contains(&format!("settings of {found}")), "{}", stderr(&checked));
    report(&checked);
    assert!(viewed.lines().any(|line| line.starts_with("settings") && line.ends_with(&found)), "{viewed}");
    let viewed = stdout(&umpire_in(&below, &["view", "x.har", "--ui", "json"]));
    let start: serde_json::Value = serde_json::from_str(viewed.lines().next().expect("a line")).expect("JSON");
    assert_eq!(start["settings"], *found);

    let other = file(folder.path(), "other.toml", "");
    assert_eq!(report(&umpire_in(&below, &["check", "x.har", "--format", "json", "--config", &other])), plain);
}

#[test]
fn folders_of_rules_are_relative_to_the_settings() {
    let folder = tempfile::tempdir().expect("a folder");
    let mine = folder.path().join("site/mine");
    let made = umpire_in(folder.path(), &["rules", "new", "customer/telephone-given", "--dir", "site/mine"]);
    assert_eq!(status(&made), 0, "{}", stderr(&made));
    assert!(mine.join("customer/telephone-given.toml").is_file());
    file(&folder.path().join("site"), "umpire.toml", "rules = ['mine']");
    let listed = stdout(&umpire_in(&mine, &["rules", "list"]));
    assert!(listed.contains("customer/telephone-given"));
}

#[test]
fn a_wrong_setting_names_file_line_key_and_what_to_do() {
    let folder = tempfile::tempdir().expect("a folder");
    for (text, words) in [
        (
            "\noff = ['broker/reflekted']",
            vec!["bad.toml:2", "off", "broker/reflekted", "did you mean broker/reflected"],
        ),
        ("[severity]\nbrocker = 'notice'", vec!["bad.toml:2", "severity", "did you mean broker"]),
        ("[severity]\nbroker = 'bad'", vec!["bad.toml:2", "broker", "`notice`"]),
        ("colour = true", vec!["bad.toml:1", "colour", "booking-system"]),
        ("rules = ['nowhere']", vec!["nowhere"]),
    ] {
        let config = file(folder.path(), "bad.toml", text);
        refused(&["check", GOLDEN, "--config", &config], &words);
        refused(&["view", GOLDEN, "--ui", "plain", "--config", &config], &words);
        refused(&["rules", "list", "--config", &config], &words);
        refused(&["proxy", "--to", "http://127.0.0.1:9/api", "--config", &config], &words);
    }
    refused(&["check", GOLDEN, "--config", "no-such.toml"], &["no-such.toml"]);
}
