//! `umpire rules`, and rules of one's own.

use std::fs;

use super::support::{GOLDEN, file, findings, refused, report, status, stderr, stdout, umpire, umpire_in};

#[test]
fn a_broken_rule_is_named_with_its_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let area = folder.path().join("mine");
    fs::create_dir(&area).expect("an area");
    let rule = |when: &str| {
        format!(
            "title = \"t\"\nseverity = \"failure\"\nside = \"broker\"\nscope = \"request\"\nstages = [\"B\"]\nspec = \"https://openactive.io/#x\"\nwhen = '{when}'\nexpect = 'true'\nat = \"/request/body\"\nwhy = \"w\"\nfix = \"f\"\n"
        )
    };
    let rules = folder.path().display().to_string();
    for (text, words) in [
        (rule("request.body.x =="), vec!["broken.toml:7", "when"]),
        (rule("unheard_of(1)"), vec!["broken.toml:7", "unheard_of"]),
        (rule("true").replace("stages", "stagess"), vec!["broken.toml:5", "stagess"]),
        (rule("true").replace("\"B\"", "\"B9\""), vec!["broken.toml:5", "B9"]),
        ("title = ".to_owned(), vec!["broken.toml:1"]),
    ] {
        file(&area, "broken.toml", text);
        refused(&["check", GOLDEN, "--rules", &rules], &words);
        refused(&["rules", "list", "--rules", &rules], &words);
    }
    refused(&["rules", "test", "no-such-folder"], &["no-such-folder"]);
}

#[test]
fn rules_can_be_added_and_overridden() {
    let folder = tempfile::tempdir().expect("a folder");
    let area = folder.path().join("agent-broker");
    fs::create_dir(&area).expect("an area");
    let mine = "title = \"Mine\"\nseverity = \"notice\"\nside = \"broker\"\nscope = \"request\"\nstages = [\"B\"]\nspec = \"https://openactive.io/#x\"\nexpect = 'false'\nat = \"/request/body\"\nmessage = \"mine\"\nwhy = \"w\"\nfix = \"f\"\n";
    file(&area, "customer-required.toml", mine);
    file(&area, "new-one.toml", mine);
    let rules = folder.path().display().to_string();
    let listed = stdout(&umpire(&["rules", "list", "--rules", &rules]));
    assert!(listed.contains("agent-broker/new-one"));
    let report: serde_json::Value =
        serde_json::from_slice(&umpire(&["check", GOLDEN, "--rules", &rules, "--format", "json"]).stdout)
            .expect("JSON");
    let of = |rule: &str| {
        let findings = report["findings"].as_array().expect("findings");
        findings.iter().filter(|finding| finding["rule"] == rule).count()
    };
    assert!(of("agent-broker/new-one") > 0);
    assert_eq!(of("agent-broker/new-one"), of("agent-broker/customer-required"));
}

#[test]
fn nothing_is_said_only_of_what_is_not_there() {
    let folder = tempfile::tempdir().expect("a folder");
    let area = folder.path().join("mine");
    fs::create_dir(&area).expect("an area");
    for (name, at) in [("there", "/request/body/broker"), ("absent", "/request/body/nickname")] {
        let rule = format!(
            "title = \"{name}\"\nseverity = \"notice\"\nside = \"broker\"\nscope = \"request\"\nstages = [\"B\"]\nspec = \"https://openactive.io/#x\"\nexpect = 'false'\nat = \"{at}\"\nseen = 'request.body.nickname'\nwhy = \"w\"\nfix = \"f\"\n"
        );
        file(&area, &format!("{name}.toml"), rule);
    }
    let rules = folder.path().display().to_string();
    let found = report(&umpire(&["check", GOLDEN, "--rules", &rules, "--format", "json"]));
    let seen = |rule: &str| {
        let finding = findings(&found).iter().find(|finding| finding["rule"] == rule).expect("a finding");
        finding["seen"].clone()
    };
    assert_eq!((seen("mine/there"), seen("mine/absent")), ("nothing of the kind".into(), "nothing".into()));
}

#[test]
fn the_list_of_rules_as_json() {
    let output = umpire(&["rules", "list", "--format", "json"]);
    let rules: Vec<serde_json::Value> = serde_json::from_slice(&output.stdout).expect("JSON");
    assert!(rules.len() > 100);
    for rule in &rules {
        for key in ["id", "severity", "side", "scope", "stages", "title", "spec", "feature"] {
            assert!(rule.get(key).is_some(), "{rule} lacks {key}");
        }
    }
    assert_eq!(status(&umpire(&["rules", "test"])), 0);
}

#[test]
fn a_new_rule_works_as_it_is_and_is_never_written_over() {
    let folder = tempfile::tempdir().expect("a folder");
    let new = |id: &str| umpire_in(folder.path(), &["rules", "new", id, "--dir", "my-rules"]);
    let made = new("mine/telephone-given");
    assert_eq!(status(&made), 0, "{}", stderr(&made));
    let tested = umpire_in(folder.path(), &["rules", "test", "my-rules"]);
    assert_eq!((status(&tested), stdout(&tested).trim()), (0, "2 examples of 1 rule, 0 not as expected"));

    let path = folder.path().join("my-rules/mine/telephone-given.toml");
    fs::write(&path, fs::read_to_string(&path).expect("the rule").replace("finds = []", "finds = [\"/request/body\"]"))
        .expect("a changed rule");
    let tested = umpire_in(folder.path(), &["rules", "test", "my-rules"]);
    assert_eq!(status(&tested), 1);
    let text = stdout(&tested);
    for words in ["mine/telephone-given: example \"given\"", "expected /request/body", "found    nothing"] {
        assert!(text.contains(words), "{words:?} in {text}");
    }

    let changed = fs::read(&path).expect("the rule");
    let again = new("mine/telephone-given");
    assert_eq!(status(&again), 2);
    assert!(stderr(&again).contains("telephone-given.toml: exists already"), "{}", stderr(&again));
    assert_eq!(fs::read(&path).expect("the rule"), changed);
    for id in ["telephone", "Mine/x", "mine/", "/x", "a/b/c", "models/x", "../x", "mine/x.toml"] {
        let output = new(id);
        assert_eq!(status(&output), 2, "{id}");
        assert!(stderr(&output).contains(id), "{id}: {}", stderr(&output));
    }
}

#[test]
fn an_author_needs_no_source_code() {
    let bases = stdout(&umpire(&["rules", "bases"]));
    assert!(bases.lines().any(|name| name == "c2-ok"), "{bases}");
    let base: serde_json::Value = serde_json::from_slice(&umpire(&["rules", "bases", "c2-ok"]).stdout).expect("JSON");
    assert_eq!(base["request"]["method"], "PUT");
    refused(&["rules", "bases", "c2-okay"], &["c2-okay", "umpire rules bases"]);
    let guide = stdout(&umpire(&["rules", "guide"]));
    assert!(guide.contains("[[not_judged]]") && guide.contains("`is(x, \"X\")`"));
}

#[test]
fn explain_says_where_the_test_suite_exercises_a_rule() {
    let page = stdout(&umpire(&["rules", "explain", "agent-broker/customer-required"]));
    for words in [
        "What the broker can do",
        "packages/openactive-integration-tests/test/features/core/agent-broker",
        "npm start -- --runInBand test/features/core/agent-broker/",
    ] {
        assert!(page.contains(words), "{words:?} in {page}");
    }
}
